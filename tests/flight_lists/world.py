"""Made-up bases and the flights of made-up aircraft, and what counting them must give."""

from __future__ import annotations

import calendar
import csv
import io
import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache

import airportsdata

FIRST_YEAR, FIRST_MONTH = 2020, 3
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Place:
    """A base or another field. `offset` is what its clocks are ahead of UTC, all year."""

    ident: str
    icao: str | None
    iata: str | None
    name: str
    city: str
    latitude: float
    longitude: float
    country: str
    offset: timedelta
    base_id: str | None = None

    @property
    def code(self) -> str:
        """The ICAO code, or the identifier of a field without one."""
        return self.icao or self.ident


@dataclass(frozen=True)
class Aircraft:
    """An aircraft. `identity`: by which of its names files know it, `address` (beside the mark) or `mark` alone."""

    icao24: str
    registration: str
    type_code: str
    operator: str
    identity: str


@dataclass(frozen=True)
class Leg:
    """One flight, both ends known; times are UTC."""

    number: int
    aircraft: Aircraft
    callsign: str
    origin: Place
    departed_at: datetime
    destination: Place
    arrived_at: datetime


@dataclass(frozen=True)
class Entry:
    """What one row of a file states of a leg: its take-off, its landing, or both."""

    leg: Leg
    has_departure: bool = True
    has_arrival: bool = True

    @property
    def days(self) -> list[date]:
        """UTC days of the stated ends."""
        return [
            *([self.leg.departed_at.date()] if self.has_departure else []),
            *([self.leg.arrived_at.date()] if self.has_arrival else []),
        ]

    @property
    def base_days(self) -> set[tuple[str, date]]:
        """Bases and UTC days of the stated ends at watched bases."""
        return {(base, at.date()) for base, _, _, at in self.ends}

    @property
    def ends(self) -> list[tuple[str, str, str, datetime]]:
        """Base, aircraft, direction and time of the stated ends at watched bases."""
        leg = self.leg
        sides = [
            (self.has_departure, leg.origin, "departure", leg.departed_at),
            (self.has_arrival, leg.destination, "arrival", leg.arrived_at),
        ]
        return [
            (place.base_id, leg.aircraft.registration, direction, at)
            for is_stated, place, direction, at in sides
            if is_stated and place.base_id
        ]


@dataclass(frozen=True)
class Count:
    """Arrivals, departures and stays of a base on a day, or in a month."""

    arrivals: int = 0
    departures: int = 0
    visits: int = 0


@dataclass(frozen=True)
class Truth:
    """What is to be counted: by base and day, and by base and month (its first day)."""

    days: dict[tuple[str, date], Count]
    months: dict[tuple[str, date], Count]
    first_evidence: dict[str, date]


def month_of_example(number: int) -> date:
    """Each example has a month of its own."""
    months = FIRST_YEAR * 12 + FIRST_MONTH - 1 + number
    return date(months // 12, months % 12 + 1, 1)


def last_of(month: date) -> date:
    """The last day of a month."""
    return month.replace(day=calendar.monthrange(month.year, month.month)[1])


def days_between(first: date, last: date) -> list[date]:
    """All days from `first` to `last`."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def truth(entries: Iterable[Entry]) -> Truth:
    """What the entries state, counted: a landing and the take-off that follows it are one stay."""
    ends = sorted({end for entry in entries for end in entry.ends}, key=lambda end: (end[1], end[3], end[2]))
    stays: list[tuple[str, datetime, datetime]] = []
    days: defaultdict[tuple[str, date], list[int]] = defaultdict(lambda: [0, 0, 0])
    months: defaultdict[tuple[str, date], list[int]] = defaultdict(lambda: [0, 0, 0])
    standing: dict[str, int] = {}  # an aircraft that is seen at another base has left the one before
    for base, aircraft, direction, at in ends:
        column = 0 if direction == "arrival" else 1
        days[base, at.date()][column] += 1
        months[base, at.date().replace(day=1)][column] += 1
        number = standing.pop(aircraft, None)
        if direction == "departure" and number is not None and stays[number][0] == base:
            stays[number] = (base, stays[number][1], at)
            continue
        stays.append((base, at, at))
        if direction == "arrival":
            standing[aircraft] = len(stays) - 1
    first: dict[str, date] = {}
    for base, since, until in stays:
        months[base, since.date().replace(day=1)][2] += 1
        first[base] = min(first.get(base, since.date()), since.date())
        for day in days_between(since.date(), until.date()):
            days[base, day][2] += 1
    return Truth(
        {key: Count(*value) for key, value in days.items()},
        {key: Count(*value) for key, value in months.items()},
        first,
    )


# ---- places

LIBYA, MOSCOW = timedelta(hours=2), timedelta(hours=3)


def fields() -> list[Place]:
    """Fields that nobody watches: where flights come from and go to."""
    names = ["Odintsovo", "Kamenka North", "Staraya Gorka", "Lesnoy", "Novy Most", "Zarechye"]
    return [
        Place(
            ident=f"RU-9{n:03}" if n == 5 else f"XF{LETTERS[n]}Q",
            icao=None if n == 5 else f"XF{LETTERS[n]}Q",
            iata=None,
            name=name,
            city="Moscow",
            latitude=55.0 + n / 5,
            longitude=37.0 + n / 5,
            country="RU",
            offset=MOSCOW,
        )
        for n, name in enumerate(names)
    ]


ZONES = {  # none of them has changed its clocks since 2015
    "Europe/Moscow": timedelta(hours=3),
    "Asia/Yekaterinburg": timedelta(hours=5),
    "Africa/Algiers": timedelta(hours=1),
    "Africa/Tripoli": timedelta(hours=2),
    "Africa/Nairobi": timedelta(hours=3),
    "Asia/Dubai": timedelta(hours=4),
}


@cache
def real_fields() -> list[Place]:
    """Airports whose clocks are known: lists in local time make sense of no others."""
    known = sorted(airportsdata.load("ICAO").items())
    return [
        Place(
            code, code, one["iata"], one["name"], one["city"], one["lat"], one["lon"], one["country"], ZONES[one["tz"]]
        )
        for code, one in known
        if one["tz"] in ZONES and one["iata"] and one["city"] and (one["name"] + one["city"]).isascii()
    ]


FAR = slice(0, 6)  # of the real fields those that nobody watches


def real_base(number: int, which: int) -> Place:
    """A watched base that is a real airport."""
    return replace(real_fields()[FAR.stop + 2 * number + which], base_id=f"b{number:02}" + "abc"[which])


def base(number: int, which: int, rng: random.Random) -> Place:
    """A watched base of an example; some have no ICAO code, some no IATA code, all have an identifier."""
    two = LETTERS[number // 26 + 5 * which] + LETTERS[number % 26]
    icao = f"XB{two}" if rng.random() < 0.85 else None
    iata = f"{two}X" if rng.random() < 0.8 else None
    return Place(
        ident=icao if icao and rng.random() < 0.5 else f"LY-{1000 * which + number + 1:04}",
        icao=icao,
        iata=iata,
        name=f"Wadi {two.title()} Air Base",
        city="Wadi",
        latitude=24.5 + (number % 10) * 0.5,
        longitude=14.0 + (number // 10) * 0.6 + which * 0.2,
        country="LY",
        offset=LIBYA,
        base_id=f"b{number:02}" + "abc"[which],
    )


def table(heading: str, rows: Iterable[dict[str, object]]) -> str:
    """A reference table as CSV; what a row does not give is empty."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, heading.split(","), restval="")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def reference(bases: Iterable[Place]) -> dict[str, str]:
    """The reference tables of this world, by name."""
    place = "latitude,longitude,elevation_ft"
    return {
        "bases": table(
            f"base_id,name,icao,iata,ident,country,kind,{place},is_shared_with_civil,operator,note,source_url,checked_on",
            [
                {
                    "base_id": one.base_id,
                    "name": one.name,
                    "icao": one.icao,
                    "iata": one.iata,
                    "ident": one.ident,
                    "country": one.country,
                    "kind": "air",
                    "latitude": one.latitude,
                    "longitude": one.longitude,
                    "elevation_ft": 300,
                    "is_shared_with_civil": "false",
                }
                for one in sorted(bases, key=lambda one: str(one.base_id))
            ],
        ),
        "fields": table(
            f"ident,icao,name,country,{place},serves,source_url,checked_on",
            [
                {
                    "ident": one.ident,
                    "icao": one.icao,
                    "name": one.name,
                    "country": one.country,
                    "latitude": one.latitude,
                    "longitude": one.longitude,
                    "elevation_ft": 500,
                    "serves": "unknown",
                }
                for one in sorted([*fields(), *real_fields()[FAR]], key=lambda one: one.ident)
            ],
        ),
        "fleets": table(
            "fleet_id,name,definition,icao24,registration,registration_prefix,callsign_prefix,operator,type_code,"
            "country,is_military,basis,source_url,checked_on",
            [
                {"fleet_id": "all", "name": "All", "definition": "Every aircraft.", "basis": "Built in."},
                {"fleet_id": "unidentified", "name": "None", "definition": "Unknown ones.", "basis": "Built in."},
            ],
        ),
        "aircraft": table(
            "icao24,registration,type_code,type_name,operator,is_military,register,valid_from,valid_to,source_url,"
            "checked_on",
            [],
        ),
        "keywords": table("base_id,alias,language,role,strength,example_hit,example_miss,source_url,checked_on", []),
        "runways": table(
            "base_id,le_ident,he_ident,heading_deg_true,heading_basis,length_ft,surface,le_latitude,le_longitude,"
            "he_latitude,he_longitude,is_closed,note,source_url,checked_on",
            [],
        ),
    }


# ---- flights

TYPES = ["IL76", "A124", "C30J", "T154", "AN26", "A400"]
OPERATORS = {
    "plain": ["Air Force", "Cargo, Ltd", 'The "Falcons"', "Sky; Sea and Land", "A|B Air"],
    "cyrillic": ["ВКС России", "Военно-воздушные силы", "Авиакомпания «Волга»".replace("«", '"').replace("»", '"')],
    "accents": ["Aérienne Française", "Líneas Aéreas, S.A.", "Größte Luft"],
}


def aircraft(number: int, which: int, identity: str, rng: random.Random) -> Aircraft:
    """An aircraft of an example; spreadsheets take some addresses for numbers (015…, 1e5…)."""
    serial = number * 40 + which
    head = rng.choice(["015", "153", "1e5", "e5f", "00a"])
    return Aircraft(
        icao24=f"{head}{serial:03x}",
        registration=f"ZX-{LETTERS[serial // 676 % 26]}{LETTERS[serial // 26 % 26]}{LETTERS[serial % 26]}",
        type_code=rng.choice(TYPES),
        operator=rng.choice(OPERATORS["plain"]),
        identity=identity,
    )


def flights(
    bases: list[Place], away: list[Place], fleet: list[Aircraft], month: date, rng: random.Random, is_slow: bool
) -> list[Leg]:
    """What the aircraft fly around a month: in from a field away, some hours on the ground, out again, days between.

    A stay lasts into the next day at most. is_slow: days lie between a take-off and the next landing, so that the order
    of flights is plain from their dates alone.
    """
    midnight = datetime(month.year, month.month, month.day, tzinfo=UTC)
    end = midnight + (last_of(month) - month + DAY)
    legs: list[Leg] = []
    for plane in fleet:
        pause = rng.choice([60, 150, 400])
        at = midnight - DAY + timedelta(minutes=rng.randrange(0, 60 * 24 * 9))
        if rng.random() < 0.2:  # takes off in the evening before the month begins, and lands in it
            at = midnight - timedelta(minutes=rng.randrange(5, 240))
        was_left_open = False
        while at < end:
            arrived = at + timedelta(minutes=rng.randrange(50, 400), seconds=rng.choice([0, 0, 7, 41]))
            here, left = rng.choice(bases), arrived + timedelta(minutes=rng.randrange(55, 60 * 20))
            gone = left + timedelta(minutes=rng.randrange(50, 400))
            inbound = (rng.choice(away), at, here, arrived)
            outbound = (here, left, rng.choice(away), gone)
            kept = rng.choices(["both", "inbound", "outbound"], [8, 1, 0 if was_left_open else 1])[0]
            was_left_open = kept == "inbound"
            for name, (origin, off, destination, on) in (("inbound", inbound), ("outbound", outbound)):
                if kept in ("both", name):
                    word = f"RFF{1000 + len(legs) % 9000}"
                    legs.append(Leg(len(legs), plane, word, origin, off, destination, on))
            at = gone + timedelta(hours=rng.randrange(72, 90 + pause) if is_slow else rng.randrange(8, pause))
    return legs
