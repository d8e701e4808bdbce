"""A synthetic global day of air traffic, seeded: who flies where, and which of their points receivers write down.

Routes are great circles between real airfields, drawn by the traffic of their countries and by distance. Aircraft
climb, cruise, descend and taxi; local flights circle around their field. Receivers stand at airfields and hear as far
as the horizon lets them, so that oceans and deserts have gaps. Weights of countries, hubs and kinds of aircraft are
rough figures of our own: they give a day its shape, and nothing is measured with them.

A day is made in 256 lots, one for each folder of an archive (the last two digits of the address). Each lot depends on
the seed and its number alone, so lots can be made in any order and by any number of processes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from basewatch import config
from basewatch.geo import EARTH_KM, NM_KM, Bools, Floats, Ints, unit_vectors
from basewatch.reference import load, watchlist

LOTS = 256
DAY_S = 86_400
GROUND, NO_HEIGHT = -123, -32_000  # heights in steps of 25 ft: on the ground, as heatmaps write it; unknown
NO_SPEED = -1
NON_ICAO = 1 << 24  # readsb's mark of an address that is not ICAO's own
KT_KM_S = NM_KM / 3600
CELLS = 10  # a degree, of the map of what receivers hear
DEAF = 32_000  # no height is heard
ROUTE_FIELDS = 1600  # the busiest airfields, between which routes are flown
ELSEWHERE = (0xA00000, 0xADFFFF)  # a large block, for addresses that do not fit into their country's

# How readsb numbers where a position is from.
SOURCES = (
    "adsb_icao", "adsb_icao_nt", "adsr_icao", "tisb_icao", "adsc", "mlat", "other", "mode_s", "adsb_other",
    "adsr_other", "tisb_trackfile", "tisb_other",
)  # fmt: skip
ADSB, NON_TRANSPONDER, ADSR, TISB, ADSC, MLAT = range(6)
ADSB_OTHER, TISB_TRACKFILE, TISB_OTHER = 8, 10, 11

# Share of the world's flights in hundredths of a per cent, and of airfields with a receiver in per cent.
COUNTRIES = {
    "US": (2400, 80), "CN": (1100, 12), "GB": (400, 95), "DE": (350, 95), "ES": (350, 80), "FR": (300, 85),
    "IT": (250, 80), "TR": (250, 40), "JP": (380, 80), "IN": (400, 25), "BR": (280, 40), "CA": (320, 50),
    "AU": (280, 45), "ID": (220, 15), "MX": (200, 30), "RU": (180, 12), "KR": (180, 80), "TH": (160, 50),
    "AE": (160, 60), "SA": (160, 20), "VN": (130, 25), "MY": (130, 50), "PH": (110, 25), "CO": (110, 30),
    "NL": (120, 99), "NO": (110, 80), "SE": (80, 80), "PL": (80, 90), "GR": (100, 70), "PT": (90, 80),
    "CH": (90, 95), "AT": (70, 95), "BE": (70, 99), "DK": (70, 95), "FI": (60, 80), "IE": (70, 90), "TW": (90, 80),
    "HK": (90, 90), "SG": (100, 90), "NZ": (80, 60), "ZA": (70, 40), "AR": (70, 35), "CL": (60, 40), "PE": (50, 25),
    "EG": (60, 15), "IR": (50, 6), "QA": (70, 60), "KW": (25, 50), "IL": (50, 80), "MA": (40, 30), "PK": (40, 12),
    "KZ": (35, 10), "RO": (45, 80), "CZ": (40, 95), "HU": (35, 90), "BG": (30, 80), "RS": (25, 80), "CY": (25, 90),
    "NG": (30, 10), "KE": (25, 20), "ET": (30, 8), "DZ": (30, 10), "GE": (12, 40), "AM": (10, 40), "UZ": (20, 8),
    "BY": (8, 30), "MD": (5, 60), "VE": (8, 8), "LY": (4, 6), "SY": (2, 8), "SD": (2, 4), "ML": (2, 4), "NE": (1, 4),
    "BF": (1, 6), "CF": (1, 4), "TD": (1, 4), "TG": (3, 15), "GN": (2, 10), "GQ": (1, 4), "TJ": (4, 10), "KG": (6, 15),
    "UA": (0, 20), "CU": (8, 10), "TN": (15, 30), "IQ": (20, 20), "LB": (8, 60), "JO": (10, 60),
}  # fmt: skip
OTHER_COUNTRY = (4, 15)

# Millions of passengers a year, about.
HUBS = {
    "KATL": 105, "OMDB": 87, "KDFW": 82, "EGLL": 79, "RJTT": 79, "KDEN": 78, "LTFM": 76, "KORD": 74, "VIDP": 72,
    "ZSPD": 70, "KLAX": 75, "ZGGG": 65, "RKSI": 60, "LFPG": 67, "WSSS": 60, "ZBAA": 60, "VTBS": 55, "KJFK": 62,
    "EHAM": 62, "LEMD": 60, "EDDF": 59, "KCLT": 53, "KLAS": 58, "KMCO": 57, "KMIA": 52, "KPHX": 48, "KSEA": 50,
    "KEWR": 49, "KSFO": 50, "LEBL": 50, "WIII": 50, "VABB": 52, "LTBA": 5, "LTFJ": 38, "LTAI": 35, "CYYZ": 45,
    "EGKK": 41, "LIRF": 41, "EDDM": 37, "MMMX": 48, "SBGR": 41, "YSSY": 39, "OTHH": 46, "OEJN": 42, "OERK": 32,
    "VHHH": 40, "RCTP": 42, "WMKK": 47, "RPLL": 45, "VVTS": 40, "RJAA": 33, "RJBB": 25, "ZUUU": 44, "ZGSZ": 52,
    "ZPPP": 42, "ZLXY": 41, "ZSHC": 41, "ZSSS": 42, "UUEE": 37, "UUWW": 14, "UUDD": 20, "ULLI": 20, "URSS": 13,
    "LOWW": 30, "LSZH": 29, "EKCH": 27, "ENGM": 25, "ESSA": 21, "EFHK": 15, "EIDW": 32, "EBBR": 22, "LPPT": 33,
    "LGAV": 28, "EPWA": 18, "LKPR": 14, "LHBP": 15, "LROP": 15, "EGCC": 28, "EGSS": 28, "LFPO": 33, "LIMC": 26,
    "LEPA": 31, "HECA": 26, "FAOR": 18, "HAAB": 12, "DNMM": 6, "OIII": 9, "OIIE": 8, "UBBB": 6, "UGTB": 4,
    "UDYZ": 5, "LLBG": 21, "OJAI": 9, "OLBA": 6, "OSDI": 1, "OSLK": 0.2, "SVMI": 5, "UMMS": 4, "USSS": 6, "URMM": 4,
}  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """A kind of aircraft. Lengths in NM, heights in ft, speeds in kt, times in s; pairs are the least and the most.

    share: of a day's aircraft. window_h: how long it is about. reach: of its flights, from field to field; of a local
    one, how far it goes. fields: where it flies (route, any, military, watched). turn: between flights.
    """

    name: str
    share: float
    window_h: float
    way: str  # route, local or ground
    fields: str
    reach: tuple[float, float]
    height: tuple[float, float]
    speed: tuple[float, float]
    climb_fpm: float
    turn: tuple[float, float]
    taxi: tuple[float, float]
    types: tuple[str, ...]
    is_military: bool = False


KINDS = (
    Kind("long haul", 0.11, 19, "route", "route", (1800, 8000), (31_000, 41_000), (470, 505), 1800, (5000, 15_000),
         (500, 1200), ("B77W", "A333", "B789", "A359", "B763")),
    Kind("medium haul", 0.38, 15, "route", "route", (180, 1900), (30_000, 39_000), (420, 465), 2000, (1500, 4500),
         (300, 1000), ("A320", "B738", "A321", "A20N", "B38M", "E190")),
    Kind("regional", 0.09, 12, "route", "route", (60, 500), (18_000, 27_000), (260, 340), 1400, (1200, 3600),
         (200, 600), ("AT76", "DH8D", "E75L", "CRJ9")),
    Kind("business", 0.09, 8, "route", "any", (100, 2500), (35_000, 45_000), (400, 470), 2600, (2400, 11_000),
         (150, 500), ("C56X", "GLF5", "CL35", "E55P")),
    Kind("light", 0.10, 4, "route", "any", (10, 200), (2000, 9500), (95, 160), 600, (1200, 6000),
         (100, 400), ("C172", "P28A", "SR22", "BE36", "DA40")),
    Kind("circuit", 0.035, 3, "local", "any", (2, 25), (1500, 5500), (80, 130), 600, (900, 3600),
         (100, 400), ("C152", "DA20", "C172")),
    Kind("helicopter", 0.04, 5, "local", "any", (3, 50), (700, 3500), (80, 140), 800, (900, 7000),
         (20, 90), ("EC35", "H145", "R44", "B407")),
    Kind("glider", 0.02, 6, "local", "any", (5, 70), (3000, 9000), (40, 75), 400, (3000, 9000),
         (20, 60), ("GLID", "AS29", "DISC")),
    Kind("ground vehicle", 0.03, 14, "ground", "route", (1, 2), (0, 0), (4, 25), 1, (600, 6000),
         (3000, 20_000), ("",)),
    Kind("transport", 0.012, 14, "route", "military", (120, 3500), (21_000, 37_000), (290, 450), 1500, (3000, 11_000),
         (400, 1200), ("C130", "A400", "C17", "IL76", "A124"), True),
    Kind("trainer or tanker", 0.018, 9, "local", "military", (15, 110), (7000, 28_000), (190, 400), 2500,
         (2500, 9000), (200, 900), ("TEX2", "PC21", "K35R", "HAWK", "R135"), True),
    Kind("watched", 0.005, 16, "route", "watched", (80, 2500), (22_000, 36_000), (360, 440), 1600, (3000, 15_000),
         (400, 1200), ("IL76", "A124", "T154", "IL62"), True),
    Kind("stray", 0.05, 12, "route", "route", (180, 1900), (30_000, 39_000), (420, 465), 2000, (1500, 4500),
         (300, 1000), ("A320", "B738")),
    Kind("not ICAO", 0.03, 2, "local", "any", (2, 40), (1200, 6500), (80, 160), 600, (900, 3600), (1, 2), ("",)),
)  # fmt: skip
NUMBER = {kind.name: number for number, kind in enumerate(KINDS)}
MOST_LEGS = 24  # a day, of one aircraft
STEPS_S = np.array([8.0, 7.0, 17.0, 6.0, 8.0])  # between points: taxi out, climb, cruise, descent, taxi in


@dataclass(frozen=True)
class Density:
    """How busy a day is. busy: factor of the hours that aircraft are about. pace: factor of the time between points."""

    busy: float
    pace: float

    @classmethod
    def of(cls, share: float) -> Density:
        """Of a share between 0, the thinnest day, and 1, the densest."""
        return cls(0.35 + 1.45 * share, 1.5 - share)


@dataclass
class Aircraft:
    """The aircraft of a lot: one element each. address: with readsb's mark of those that are not ICAO's own."""

    kind: Ints
    address: Ints
    registration: list[str]
    type_code: list[str]
    is_military: Bools
    source: Ints  # of its positions, as readsb numbers them
    home: Ints  # field
    step: Floats  # factor of the time between its points
    heard_from: Floats  # s since midnight
    heard_to: Floats


@dataclass
class Legs:
    """Flights (and drives) of a lot's aircraft, ordered by aircraft and time: one element each.

    starts, seconds: of the five parts of a flight (taxi out, climb, cruise, descent, taxi in), (n, 5); starts are in s
    since midnight. reach_km: of a local flight, how far it goes from its field. off_km: how far a route strays from the
    great circle.
    """

    aircraft: Ints
    origin: Ints
    destination: Ints
    starts: Floats
    seconds: Floats
    km: Floats
    height_ft: Floats
    speed_km_s: Floats
    reach_km: Floats
    off_km: Floats
    course: Floats
    pressure_ft: Floats  # pressure height less true height
    callsign: list[bytes]
    squawk: Ints


@dataclass
class Points:
    """What was written down, ordered by aircraft and time: one element a point.

    at: hundredths of a second since midnight. latitude, longitude: millionths of a degree. height: steps of 25 ft of
    pressure height, GROUND or NO_HEIGHT. speed: tenths of a knot or NO_SPEED. track: tenths of a degree. rate: steps of
    64 ft a minute. number: in the aircraft's trace.
    """

    aircraft: npt.NDArray[np.int32]
    leg: npt.NDArray[np.int32]
    number: npt.NDArray[np.int32]
    at: npt.NDArray[np.int32]
    latitude: npt.NDArray[np.int32]
    longitude: npt.NDArray[np.int32]
    height: npt.NDArray[np.int16]
    speed: npt.NDArray[np.int16]
    track: npt.NDArray[np.int16]
    rate: npt.NDArray[np.int16]
    source: npt.NDArray[np.uint8]
    geometric: npt.NDArray[np.int16]  # geometric less pressure height, steps of 25 ft

    def __len__(self) -> int:
        return len(self.at)


class World:
    """Airfields, routes and receivers: what all lots of a day share. Fields are told by their number."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([seed, 1])
        self.seed = seed
        tables = load.tables(config.Settings())
        bases = tables.rows["bases"]
        places = _places(tables)
        self.latitude, self.longitude, self.elevation_ft = (np.array([p[n] for p in places], float) for n in range(3))
        self.country = [place[3] or "" for place in places]
        self.vectors = unit_vectors(self.latitude, self.longitude)
        serves = np.array([place[5] for place in places])
        share = np.array([COUNTRIES.get(country, OTHER_COUNTRY)[0] for country in self.country], np.float64)
        size = _sizes(places, rng)
        weight = share * size / self._sums(size)
        self.route_fields = np.sort(np.argsort(weight)[-ROUTE_FIELDS:])
        self.route_weight = weight[self.route_fields]
        anywhere = share * np.isin(serves, ("civil", "shared", "unknown"))
        self.any_weight = anywhere / self._sums(np.ones(len(places)))
        self.military_fields = np.flatnonzero(np.isin(serves, ("military", "shared")))
        self.military_weight = share[self.military_fields] + 20
        self.watched_fields = self._near([(base.latitude, base.longitude) for base in bases])
        percent = [COUNTRIES.get(country, OTHER_COUNTRY)[1] for country in self.country]
        has_receiver = rng.random(len(places)) * 100 < percent
        has_receiver[self.watched_fields[::3]] = True  # a third of the watched bases is heard to the ground
        self.floor = self._floor(np.flatnonzero(has_receiver), rng)
        self.tables = {(kind.fields, kind.reach): self._routes(kind) for kind in KINDS if kind.way == "route"}
        self.blocks = _blocks(tables)
        self.ranges = [(int(row.start_hex, 16), int(row.end_hex, 16)) for row in tables.rows["military_ranges"]]
        listed = watchlist.build(tables).addresses
        aircraft = tables.rows["aircraft"]
        self.listed = _by_lot([row for row in aircraft if row.icao24 in listed])
        self.military = _by_lot([row for row in aircraft if row.is_military and row.icao24 not in listed])

    def _sums(self, values: Floats) -> Floats:
        """Of each field, the sum of the values of its country's fields."""
        _, country = np.unique(np.array(self.country), return_inverse=True)
        return np.asarray(np.maximum(np.bincount(country, values), 1e-9)[country])

    def _near(self, bases: list[tuple[float, float]]) -> Ints:
        """The field nearest to each base."""
        wanted = unit_vectors(*(np.array(column, float) for column in zip(*bases, strict=True)))
        return np.asarray(np.argmax(wanted @ self.vectors.T, axis=1))

    def _floor(self, receivers: Ints, rng: np.random.Generator) -> npt.NDArray[np.int16]:
        """The least height that is heard in each cell of the earth, in steps of 25 ft; -999 where the ground is heard.

        The radio horizon of a height of h ft lies 1.23 √h NM away, of a mast somewhat further.
        """
        floor = np.full((180 * CELLS, 360 * CELLS), float(DEAF), np.float32)
        quality = rng.uniform(0.6, 1.1, len(receivers))
        for number, field in enumerate(receivers):
            lat, lon, most = self.latitude[field], self.longitude[field], 230 * quality[number]
            south, north = max(lat - most / 60, -89.9), min(lat + most / 60, 89.9)
            rows = np.arange(int((south + 90) * CELLS), int((north + 90) * CELLS))
            width = min(most / 60 / max(np.cos(np.radians(abs(lat) + most / 60)), 0.2), 179)
            columns = np.arange(int((lon - width + 180) * CELLS), int((lon + width + 180) * CELLS))
            north_nm = ((rows + 0.5) / CELLS - 90 - lat) * 60
            east_nm = ((columns + 0.5) / CELLS - 180 - lon) * 60
            scale = np.cos(np.radians((rows + 0.5) / CELLS - 90))
            nm = np.hypot(north_nm[:, None], east_nm[None, :] * scale[:, None])
            lowest = (np.maximum(nm - 18, 0) / 1.23 / quality[number]) ** 2 / 25 + self.elevation_ft[field] / 25
            lowest = np.where(nm < 7, -999, np.where(nm > most, DEAF, lowest))
            index = np.ix_(rows, columns % (360 * CELLS))
            floor[index] = np.minimum(floor[index], lowest)
        return floor.astype(np.int16)

    def _routes(self, kind: Kind) -> tuple[Ints, npt.NDArray[np.float64]]:
        """Fields of a kind, and of each the summed odds of its destinations, as one ascending row after another."""
        fields, weight = {
            "route": (self.route_fields, self.route_weight),
            "any": (self.route_fields, np.sqrt(self.route_weight)),
            "military": (self.military_fields, self.military_weight),
            "watched": (self.watched_fields, np.ones(len(self.watched_fields))),
        }[kind.fields]
        cosine = np.clip(self.vectors[fields] @ self.vectors[fields].T, -1, 1)
        nm = np.arccos(cosine) * EARTH_KM / NM_KM
        low, high = kind.reach
        odds = weight[None, :] * np.exp(-nm / (0.5 * high)) * ((nm >= low) & (nm <= high))
        nothing = odds.sum(1) == 0
        odds[nothing] = ((nm > 1) / np.maximum(nm, 1) ** 2)[nothing]
        summed = np.cumsum(odds, axis=1)
        return fields, (summed / summed[:, -1:] + np.arange(len(fields))[:, None]).ravel()

    def destinations(self, kind: Kind, origin: Ints, rng: np.random.Generator) -> Ints:
        """A destination for each origin."""
        fields, summed = self.tables[kind.fields, kind.reach]
        row = np.searchsorted(fields, origin) if kind.fields != "watched" else self._watched_row(fields, origin)
        row = np.minimum(row, len(fields) - 1)
        drawn = np.searchsorted(summed, row + rng.random(len(row)) * 0.999999)
        return np.asarray(fields[np.minimum(drawn - row * len(fields), len(fields) - 1)])

    def _watched_row(self, fields: Ints, origin: Ints) -> Ints:
        order = np.argsort(fields, kind="stable")
        return np.asarray(order[np.minimum(np.searchsorted(fields[order], origin), len(fields) - 1)])

    def homes(self, kind: Kind, count: int, rng: np.random.Generator) -> Ints:
        """A field to start from for so many aircraft of a kind."""
        if kind.fields == "watched":
            return np.asarray(rng.choice(self.watched_fields, count))
        if kind.fields == "military":
            return np.asarray(rng.choice(self.military_fields, count, p=_odds(self.military_weight)))
        if kind.fields == "any" and kind.way == "local":
            return np.asarray(rng.choice(len(self.latitude), count, p=_odds(self.any_weight)))
        weight = np.sqrt(self.route_weight) if kind.fields == "any" else self.route_weight
        return np.asarray(rng.choice(self.route_fields, count, p=_odds(weight)))


def _places(tables: load.Reference) -> list[tuple[float, float, float, str | None, str, str]]:
    """The airfields, and the bases that are none: latitude, longitude, elevation in ft, country, ICAO code, use."""
    fields = tables.rows["fields"]
    places = [(f.latitude, f.longitude, f.elevation_ft or 0.0, f.country, f.icao or "", f.serves) for f in fields]
    known = {field.ident for field in fields}
    bases = [base for base in tables.rows["bases"] if base.ident not in known]
    return places + [
        (b.latitude, b.longitude, b.elevation_ft or 0.0, b.country, b.icao or "", "watched") for b in bases
    ]


def _sizes(places: list[tuple[float, float, float, str | None, str, str]], rng: np.random.Generator) -> Floats:
    """How much each field has of its country's flights: hubs as they are, a few of the others large by chance."""
    is_civil = np.isin([place[5] for place in places], ("civil", "shared"))
    size = np.where(is_civil, rng.pareto(1.1, len(places)) + 0.05, 0.0)
    size = np.minimum(np.where([place[4] != "" for place in places], size, 0.0), 8)
    for number, place in enumerate(places):
        size[number] = HUBS.get(place[4], size[number])
    return np.asarray(size)


def _blocks(tables: load.Reference) -> dict[str, list[tuple[int, int]]]:
    """The larger blocks of addresses of each country."""
    blocks: dict[str, list[tuple[int, int]]] = {}
    for row in sorted(tables.rows["icao_blocks"], key=lambda row: row.position):
        low, high = int(row.start_hex, 16), int(row.end_hex, 16)
        if row.country and high - low >= 1023:
            blocks.setdefault(row.country, []).append((low, high))
    return blocks


def _by_lot(rows: list[Any]) -> list[dict[int, Any]]:
    """Rows of the register by address, for each lot."""
    of_lots: list[dict[int, Any]] = [{} for _ in range(LOTS)]
    for row in rows:
        address = int(row.icao24, 16)
        of_lots[address % LOTS][address] = row
    return of_lots


def _odds(weight: Floats) -> Floats:
    return np.asarray(weight / weight.sum())


# ---- one lot of a day


def aircraft_of(world: World, lot: int, count: int) -> Aircraft:
    """So many aircraft whose addresses end with the lot's number."""
    rng = np.random.default_rng([world.seed, 2, lot])
    shares = np.array([kind.share for kind in KINDS])
    kind = rng.choice(len(KINDS), count, p=_odds(shares))
    home = np.zeros(count, np.int64)
    for number in np.unique(kind):
        home[kind == number] = world.homes(KINDS[number], int((kind == number).sum()), rng)
    address, registration, type_code = _identities(world, lot, kind, home, rng)
    is_other = kind == NUMBER["not ICAO"]
    address[is_other] |= NON_ICAO
    source = np.where(rng.random(count) < 0.05, MLAT, ADSB)
    source[rng.random(count) < 0.01] = ADSR
    source[rng.random(count) < 0.01] = TISB
    source[kind == NUMBER["ground vehicle"]] = NON_TRANSPONDER
    source[is_other] = rng.choice([ADSB_OTHER, TISB_OTHER, TISB_TRACKFILE], int(is_other.sum()), p=[0.5, 0.4, 0.1])
    heard_from = np.zeros(count)
    heard_to = np.full(count, float(DAY_S))
    is_stray = kind == NUMBER["stray"]
    heard_from[is_stray] = rng.uniform(3000, 80_000, is_stray.sum())
    heard_to[is_stray] = heard_from[is_stray] + rng.uniform(30, 4500, is_stray.sum())
    return Aircraft(
        kind,
        address,
        registration,
        type_code,
        np.array([KINDS[k].is_military for k in kind]),
        source,
        home,
        rng.uniform(0.75, 1.3, count),
        heard_from,
        heard_to,
    )


def _identities(
    world: World, lot: int, kind: Ints, home: Ints, rng: np.random.Generator
) -> tuple[Ints, list[str], list[str]]:
    """Addresses, registrations and types: of military aircraft most are in the register, the others are made up."""
    count = len(kind)
    address = np.zeros(count, np.int64)
    taken: set[int] = set()
    registration, type_code = [""] * count, [""] * count
    for n in range(count):
        row = None
        own = KINDS[kind[n]]
        known = world.listed[lot] if own.name == "watched" else world.military[lot]
        if own.is_military and known and (own.name == "watched" or rng.random() < 0.6):
            address[n] = rng.choice(np.array(list(known)))
            row = known[int(address[n])]
        if row is None or int(address[n]) in taken:
            row = None
            low, high = _block(world, own, world.country[home[n]], rng)
            while address[n] == 0 or int(address[n]) in taken:
                address[n] = (int(rng.integers(low, high + 1)) & ~0xFF) | lot
                low, high = (low, high) if rng.random() < 0.9 else ELSEWHERE
        taken.add(int(address[n]))
        type_code[n] = (row.type_code if row else None) or own.types[int(rng.integers(len(own.types)))]
        registration[n] = (row.registration if row else None) or f"X{int(address[n]):06X}"
    return address, registration, type_code


def _block(world: World, kind: Kind, country: str, rng: np.random.Generator) -> tuple[int, int]:
    if kind.is_military and world.ranges and rng.random() < 0.8:
        wide = [span for span in world.ranges if span[1] - span[0] >= 0xFF] or world.ranges
        return wide[int(rng.integers(len(wide)))]
    blocks = world.blocks.get(country) or world.blocks["US"]
    return blocks[int(rng.integers(len(blocks)))]


def legs_of(world: World, lot: int, aircraft: Aircraft, density: Density) -> Legs:
    """The flights of a lot's aircraft, from shortly before the day to its end."""
    rng = np.random.default_rng([world.seed, 3, lot])
    count = len(aircraft.kind)

    def of_kind(name: str, column: int | None = None) -> Floats:
        values = [getattr(kind, name) for kind in KINDS]
        return np.array([v if column is None else v[column] for v in values], float)[aircraft.kind]

    way = np.array([kind.way for kind in KINDS])[aircraft.kind]
    window = np.minimum(of_kind("window_h") * density.busy * rng.lognormal(0, 0.35, count), 26) * 3600
    window[aircraft.kind == NUMBER["stray"]] = 26 * 3600
    begin = rng.uniform(-5400, np.maximum(DAY_S - window, 600))
    here, free, number = aircraft.home.copy(), begin.copy(), np.arange(count)
    rounds: list[dict[str, Any]] = []
    for _ in range(MOST_LEGS):
        number = number[(free[number] < np.minimum(begin[number] + window[number], DAY_S))]
        if not len(number):
            break
        many = len(number)

        def between(name: str, chosen: Ints = number, size: int = many) -> Floats:
            return np.asarray(rng.uniform(of_kind(name, 0)[chosen], of_kind(name, 1)[chosen]))

        origin, destination = here[number], here[number].copy()
        kinds = aircraft.kind[number]
        for k in np.unique(kinds):
            if KINDS[k].way == "route":
                destination[kinds == k] = world.destinations(KINDS[k], origin[kinds == k], rng)
        cosine = np.einsum("ij,ij->i", world.vectors[origin], world.vectors[destination])
        km = np.arccos(np.clip(cosine, -1, 1)) * EARTH_KM
        km[way[number] != "route"] = 0
        speed, taxi, height = between("speed") * KT_KM_S, between("taxi"), between("height")
        highest = np.maximum(world.elevation_ft[origin], world.elevation_ft[destination])
        height = np.maximum(np.round(height / 500) * 500, highest + 800)
        climb = (height - world.elevation_ft[origin]) / of_kind("climb_fpm")[number] * 60
        descent = (height - world.elevation_ft[destination]) / np.minimum(of_kind("climb_fpm")[number], 1700) * 60
        low_speed = np.minimum(140 * KT_KM_S, speed)
        ends_km = (low_speed + speed) / 2 * (climb + descent)
        fits = np.where(km > 0, np.minimum(0.9 * km / ends_km, 1), 1)
        height = world.elevation_ft[origin] + (height - world.elevation_ft[origin]) * fits
        climb, descent = climb * fits, descent * fits
        cruise = np.where(km > 0, (km - ends_km * fits) / speed, rng.uniform(0.15, 0.6, many) * window[number])
        seconds = np.stack((taxi, climb, cruise, descent, taxi * rng.uniform(0.5, 1, many)), axis=1)
        seconds[way[number] == "ground", 1:] = 0
        starts = free[number][:, None] + np.cumsum(seconds, axis=1) - seconds
        rounds.append(
            {
                "aircraft": number,
                "origin": origin,
                "destination": destination,
                "starts": starts,
                "seconds": seconds,
                "km": km,
                "height_ft": height,
                "speed_km_s": speed,
                "reach_km": between("reach") * NM_KM,
                "off_km": np.minimum(km * 0.02, 40) * rng.normal(0, 1, many),
                "course": rng.uniform(0, 2 * np.pi, many),
                "pressure_ft": rng.normal(0, 250, many),
            }
        )
        here[number] = destination
        free[number] = starts[:, -1] + seconds[:, -1] + between("turn") / density.busy
    columns = {name: np.concatenate([made[name] for made in rounds]) for name in rounds[0]}
    order = np.lexsort((columns["starts"][:, 0], columns["aircraft"]))
    many = len(order)
    letters = np.array([f"{a}{b}{c}" for a in "ABDEKQSU" for b in "AELRT" for c in "AFHLWXZ"])
    flights = zip(rng.choice(letters, many), rng.integers(1, 9999, many), rng.random(many), strict=True)
    callsign = [b"" if odd < 0.04 else f"{line}{flight}".ljust(8).encode() for line, flight, odd in flights]
    squawk = rng.integers(0, 8, (many, 4)) @ np.array([1000, 100, 10, 1])
    return Legs(**{name: values[order] for name, values in columns.items()}, callsign=callsign, squawk=squawk)


def points_of(world: World, lot: int, aircraft: Aircraft, legs: Legs, density: Density) -> Points:
    """The points of a lot's flights that receivers wrote down on the day."""
    rng = np.random.default_rng([world.seed, 4, lot])
    step = np.clip(STEPS_S * density.pace * aircraft.step[legs.aircraft][:, None], 4, 30)
    many = np.floor(legs.seconds / step).astype(np.int64)
    part = np.repeat(np.arange(many.size), many.ravel())
    within = np.arange(len(part)) - np.repeat(np.cumsum(many.ravel()) - many.ravel(), many.ravel())
    elapsed = (within + 0.15 + 0.7 * rng.random(len(part))) * step.ravel()[part]
    at = legs.starts.ravel()[part] + elapsed
    owner = legs.aircraft[part // 5]
    gap_from = legs.starts[:, 0] + rng.random(len(legs.aircraft)) * legs.seconds.sum(1)
    gap_to = gap_from + np.where(rng.random(len(gap_from)) < 0.25, rng.exponential(420, len(gap_from)), 0)
    leg = part // 5
    keep = (at >= 0) & (at < DAY_S - 0.01) & ((at < gap_from[leg]) | (at > gap_to[leg]))
    keep &= (at >= aircraft.heard_from[owner]) & (at <= aircraft.heard_to[owner])
    part, leg, at, elapsed = part[keep], leg[keep], at[keep], elapsed[keep]
    phase = part % 5
    latitude, longitude, height = _positions(world, legs, leg, phase, elapsed, rng)
    pressure = height + legs.pressure_ft[leg]
    on_ground = (phase == 0) | (phase == 4)
    owner = legs.aircraft[leg]
    source = aircraft.source[owner].astype(np.uint8)
    row = np.minimum((latitude + 90) * CELLS, 180 * CELLS - 1).astype(np.int32)
    column = np.minimum((longitude + 180) * CELLS, 360 * CELLS - 1).astype(np.int32)
    floor = world.floor[row, column]
    heard = np.where(on_ground, floor == -999, pressure / 25 > floor)
    heard &= ~(on_ground & (aircraft.kind[owner] == NUMBER["not ICAO"]))
    # over the oceans the long-haul aircraft report by satellite, once in a quarter of an hour
    quarter = (at // 840).astype(np.int32)
    first = np.ones(len(at), np.bool_)
    first[1:] = (quarter[1:] != quarter[:-1]) | (leg[1:] != leg[:-1])
    by_satellite = ~heard & first & (aircraft.kind[owner] == NUMBER["long haul"]) & (phase == 2)
    source[by_satellite] = ADSC
    track = _tracks(latitude, longitude, leg)
    speed = _speeds(legs, leg, phase, elapsed) / KT_KM_S + rng.normal(0, 1.2, len(at))
    rate = np.zeros(len(at))
    rate[1:] = np.diff(height) / np.maximum(np.diff(at), 1) * 60
    rate[1:][leg[1:] != leg[:-1]] = 0
    drawn = rng.random(len(at))
    number = np.rint(pressure / 25).astype(np.int16)
    number[on_ground] = GROUND
    number[(drawn < 0.002) & ~on_ground] = NO_HEIGHT
    tenths = np.rint(np.clip(speed, 0, 900) * 10).astype(np.int16)
    tenths[drawn > 0.996] = NO_SPEED
    hundredths = np.floor(at * 100).astype(np.int32)
    hundredths += hundredths % 180_000 == 0  # a point on a half hour's stroke would stand in two heatmaps
    keep = heard | by_satellite
    keep[1:] &= (hundredths[1:] > hundredths[:-1]) | (owner[1:] != owner[:-1])
    kept = owner[keep].astype(np.int32)
    first_of = np.searchsorted(kept, np.arange(len(aircraft.kind)))
    geometric = rng.integers(-24, 32, len(legs.aircraft)).astype(np.int16)
    return Points(
        kept,
        leg[keep].astype(np.int32),
        (np.arange(len(kept)) - first_of[kept]).astype(np.int32),
        hundredths[keep],
        np.rint(latitude[keep] * 1e6).astype(np.int32),
        np.rint(longitude[keep] * 1e6).astype(np.int32),
        number[keep],
        tenths[keep],
        np.rint(track[keep] * 10).astype(np.int16) % 3600,
        np.rint(np.clip(rate[keep], -6000, 6000) / 64).astype(np.int16),
        source[keep],
        geometric[leg[keep]] + (number[keep] // 40).astype(np.int16),
    )


def _flown(legs: Legs, leg: Ints, phase: Ints, elapsed: Floats) -> Floats:
    """Kilometres flown since take-off: speeding up in the climb, slowing down in the descent."""
    speed = legs.speed_km_s[leg]
    low = np.minimum(140 * KT_KM_S, speed)
    climb, cruise, descent = (legs.seconds[leg, n] for n in (1, 2, 3))
    climbed = (low + speed) / 2 * climb
    with np.errstate(invalid="ignore", divide="ignore"):
        up = low * elapsed + (speed - low) * elapsed**2 / (2 * climb)
        down = climbed + speed * cruise + speed * elapsed - (speed - low) * elapsed**2 / (2 * descent)
    return np.select((phase == 1, phase == 2, phase == 3, phase == 4), (up, climbed + speed * elapsed, down, np.inf), 0)


def _speeds(legs: Legs, leg: Ints, phase: Ints, elapsed: Floats) -> Floats:
    """Kilometres a second over the ground."""
    speed = legs.speed_km_s[leg]
    low = np.minimum(140 * KT_KM_S, speed)
    with np.errstate(invalid="ignore", divide="ignore"):
        up = low + (speed - low) * elapsed / legs.seconds[leg, 1]
        down = speed - (speed - low) * elapsed / legs.seconds[leg, 3]
    return np.select((phase == 1, phase == 2, phase == 3), (up, speed, down), 12 * KT_KM_S)


def _positions(
    world: World, legs: Legs, leg: Ints, phase: Ints, elapsed: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """Latitude and longitude in degrees, and true height in ft."""
    km = legs.km[leg]
    flown = _flown(legs, leg, phase, elapsed)
    share = np.where(km > 0, np.minimum(flown, km) / np.maximum(km, 1e-6), 0)
    angle = (legs.km / EARTH_KM)[leg]
    sine = np.maximum(np.sin(angle), 1e-12)
    before = np.where(km > 0, np.sin((1 - share) * angle) / sine, 1)
    after = np.where(km > 0, np.sin(share * angle) / sine, 0)
    start, end = world.vectors[legs.origin], world.vectors[legs.destination]
    x, y, z = (before * start[leg, n] + after * end[leg, n] for n in range(3))
    latitude = np.degrees(np.arcsin(np.clip(z, -1, 1)))
    longitude = np.degrees(np.arctan2(y, x))
    course = legs.course[leg]
    air_seconds = legs.seconds[:, 1:4].sum(1)
    airborne = np.select(
        (phase == 1, phase == 2, phase == 3),
        (elapsed, legs.seconds[leg, 1] + elapsed, (legs.seconds[:, 1] + legs.seconds[:, 2])[leg] + elapsed),
        0,
    )
    through = airborne / np.maximum(air_seconds[leg], 1)
    # a local flight winds around its field, out to its reach and back; a route strays to one side
    turns = course + airborne * (legs.speed_km_s / np.maximum(legs.reach_km * 0.6, 0.5))[leg]
    is_local = km == 0
    swing = np.sin(np.pi * through)
    reach = np.where(is_local, legs.reach_km[leg], 0) * swing
    east, north = reach * np.sin(turns), reach * np.cos(turns)
    stray = legs.off_km[leg] * swing * np.sin(3 * np.pi * through)
    east += stray * np.cos(course)
    north += stray * np.sin(course)
    # taxiing winds over two kilometres of apron and runway
    on_ground = (phase == 0) | (phase == 4)
    taxi = elapsed * 0.006
    east += np.where(on_ground, np.sin(taxi / 1.3 + course) * 1.1, 0)
    north += np.where(on_ground, np.sin(taxi / 1.7) * 0.9, 0)
    latitude = latitude + north / 111.2 + rng.normal(0, 2e-5, len(leg))
    longitude = longitude + east / 111.2 / np.maximum(np.cos(np.radians(latitude)), 0.05)
    longitude += rng.normal(0, 2e-5, len(leg))
    longitude = (longitude + 180) % 360 - 180
    origin_ft, destination_ft = world.elevation_ft[legs.origin][leg], world.elevation_ft[legs.destination][leg]
    top = legs.height_ft[leg]
    with np.errstate(invalid="ignore", divide="ignore"):
        risen = 1 - (1 - np.clip(elapsed / legs.seconds[leg, 1], 0, 1)) ** 1.5
        sunk = np.clip(elapsed / legs.seconds[leg, 3], 0, 1)
    height = np.select(
        (phase == 1, phase == 2, phase == 3, phase == 4),
        (origin_ft + (top - origin_ft) * risen, top, top + (destination_ft - top) * sunk, destination_ft),
        origin_ft,
    )
    return np.clip(latitude, -89.9, 89.9), longitude, height


def _tracks(latitude: Floats, longitude: Floats, leg: Ints) -> Floats:
    """The course over the ground from point to point, degrees."""
    if len(leg) < 2:
        return np.zeros(len(leg))
    north = np.diff(latitude)
    east = ((np.diff(longitude) + 180) % 360 - 180) * np.cos(np.radians(latitude[1:]))
    track = np.empty(len(leg))
    track[1:] = np.degrees(np.arctan2(east, north)) % 360
    track[0] = track[1]
    begins = np.flatnonzero(leg[1:] != leg[:-1]) + 1
    track[begins] = track[np.minimum(begins + 1, len(leg) - 1)]
    return track


def lot(world: World, number: int, count: int, density: Density) -> tuple[Aircraft, Legs, Points]:
    """One of the day's lots, with so many aircraft."""
    aircraft = aircraft_of(world, number, count)
    legs = legs_of(world, number, aircraft, density)
    return aircraft, legs, points_of(world, number, aircraft, legs, density)
