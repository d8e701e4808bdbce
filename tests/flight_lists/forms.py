"""The forms in which providers and people write flight lists: columns, and what stands in them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone

from flight_lists.world import Aircraft, Entry, Place

Cell = str | int | float | bool | datetime | date | None
EPOCH_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def _moment(pattern: str) -> Callable[[datetime], str]:
    return lambda at: f"{at:{pattern}}"


def _slashes(pattern: str) -> Callable[[datetime], str]:
    """Days and months by slashes where one reading alone is possible: else the ISO date."""

    def written(at: datetime) -> str:
        return f"{at:{pattern if at.day > 12 or at.day == at.month else '%Y-%m-%d'} %H:%M}"

    return written


TEXT_TIMES: dict[str, Callable[[datetime], str]] = {
    "iso_z": _moment("%Y-%m-%dT%H:%M:%SZ"),
    "iso_millis": _moment("%Y-%m-%dT%H:%M:%S.000Z"),
    "iso_utc_offset": _moment("%Y-%m-%dT%H:%M:%S+00:00"),
    "iso_moscow": lambda at: f"{at.astimezone(timezone(timedelta(hours=3))):%Y-%m-%dT%H:%M:%S+03:00}",
    "pandas": _moment("%Y-%m-%d %H:%M:%S+00:00"),
    "bigquery": _moment("%Y-%m-%d %H:%M:%S UTC"),
    "naive": _moment("%Y-%m-%d %H:%M:%S"),
    "naive_t": _moment("%Y-%m-%dT%H:%M:%S"),
    "minutes": _moment("%Y-%m-%d %H:%M"),
    "dotted": _moment("%d.%m.%Y %H:%M"),
    "slashes_day_first": _slashes("%d/%m/%Y"),
    "slashes_month_first": _slashes("%m/%d/%Y"),
    **{
        f"epoch_{unit}": lambda at, per_second=per_second: str(int(at.timestamp()) * per_second)  # type: ignore[misc]
        for unit, per_second in EPOCH_UNITS.items()
    },
}


@dataclass(frozen=True)
class Styles:
    """How a file writes places and times. For times see TEXT_TIMES; `typed` leaves them to the file's own types."""

    times: str
    places: str
    has_marks: bool  # whether registrations stand beside addresses, where the form has both
    case: str  # of heading words


@dataclass(frozen=True)
class Form:
    """A form: who can be in it, how it is laid out, and how places are named in it.

    identities: of aircraft that it can name. places: styles that its readers may expect. times: text styles; None: any.
    kinds: sorts of file in which it comes.
    """

    name: str
    identities: tuple[str, ...]
    rows: Callable[[Entry, Styles, random.Random], list[dict[str, Cell]]]
    places: tuple[str, ...] = ("icao",)
    times: tuple[str, ...] | None = None
    kinds: tuple[str, ...] = ("csv", "json", "jsonl", "parquet", "xlsx")
    may_be_renamed: bool = True  # whether the case and order of its columns are free
    is_slow: bool = False  # whether its times are days alone
    is_local: bool = False  # whether its times are those of clocks on the spot
    is_split: bool = False  # whether a row states one end


def place(one: Place, style: str, rng: random.Random) -> str:
    """The place as a file names it; a style that the place has no code for falls back on the code that it has."""
    if style == "mixed":
        style = rng.choice(["icao", "iata", "ident", "named", "lower"])
    if style == "iata" and one.iata:
        return one.iata
    if style == "ident":
        return one.ident
    if style == "named":
        return f"{one.name} ({one.iata}/{one.code})" if one.iata else f"{one.name} ({one.code})"
    if style == "lower":
        return one.code.lower()
    return one.code


def _address(plane: Aircraft) -> str | None:
    return plane.icao24 if plane.identity == "address" else None


def _mark(plane: Aircraft, styles: Styles) -> str | None:
    return plane.registration if styles.has_marks or plane.identity == "mark" else None


def _midnight(at: datetime) -> datetime:
    return datetime(at.year, at.month, at.day, tzinfo=UTC)


def _opensky(entry: Entry, styles: Styles, rng: random.Random) -> list[dict[str, Cell]]:
    leg = entry.leg
    return [
        {
            "icao24": leg.aircraft.icao24,
            "firstSeen": leg.departed_at,
            "estDepartureAirport": place(leg.origin, styles.places, rng),
            "lastSeen": leg.arrived_at,
            "estArrivalAirport": place(leg.destination, styles.places, rng),
            "callsign": f"{leg.callsign:8}",
            "estDepartureAirportHorizDistance": rng.randrange(4000),
            "estDepartureAirportVertDistance": rng.randrange(300),
            "estArrivalAirportHorizDistance": rng.randrange(4000),
            "estArrivalAirportVertDistance": rng.randrange(300),
            "departureAirportCandidatesCount": rng.randrange(4),
            "arrivalAirportCandidatesCount": rng.randrange(4),
        }
    ]


def _trino(entry: Entry, styles: Styles, rng: random.Random) -> list[dict[str, Cell]]:
    (row,) = _opensky(entry, styles, rng)
    return [{name.lower(): value for name, value in row.items()} | {"day": _midnight(entry.leg.departed_at)}]


def _pyopensky(entry: Entry, styles: Styles, rng: random.Random) -> list[dict[str, Cell]]:
    leg = entry.leg
    return [
        {
            "icao24": leg.aircraft.icao24,
            "firstseen": leg.departed_at,
            "departure": place(leg.origin, styles.places, rng),
            "lastseen": leg.arrived_at,
            "arrival": place(leg.destination, styles.places, rng),
            "callsign": leg.callsign,
            "day": _midnight(leg.departed_at),
        }
    ]


def _monthly(entry: Entry, styles: Styles, rng: random.Random) -> list[dict[str, Cell]]:
    leg = entry.leg
    return [
        {
            "callsign": leg.callsign,
            "number": None,
            "icao24": leg.aircraft.icao24,
            "registration": _mark(leg.aircraft, styles),
            "typecode": leg.aircraft.type_code,
            "origin": place(leg.origin, styles.places, rng),
            "destination": place(leg.destination, styles.places, rng),
            "firstseen": leg.departed_at,
            "lastseen": leg.arrived_at,
            "day": _midnight(leg.departed_at),
            "latitude_1": leg.origin.latitude,
            "longitude_1": leg.origin.longitude,
            "altitude_1": 0.0,
            "latitude_2": leg.destination.latitude,
            "longitude_2": leg.destination.longitude,
            "altitude_2": 304.8,
        }
    ]


def _traffic(entry: Entry, styles: Styles, rng: random.Random) -> list[dict[str, Cell]]:
    leg = entry.leg
    return [
        {
            "callsign": leg.callsign,
            "icao24": leg.aircraft.icao24,
            "registration": _mark(leg.aircraft, styles),
            "typecode": leg.aircraft.type_code,
            "start": leg.departed_at,
            "stop": leg.arrived_at,
            "origin": place(leg.origin, styles.places, rng),
            "destination": place(leg.destination, styles.places, rng),
        }
    ]


def _opdi(entry: Entry, styles: Styles, rng: random.Random) -> list[dict[str, Cell]]:
    leg = entry.leg
    return [
        {
            "id": f"{leg.number * 7919 % 2**32:08x}{leg.aircraft.icao24}",
            "icao24": leg.aircraft.icao24,
            "flt_id": leg.callsign,
            "dof": _midnight(leg.departed_at),
            "adep": place(leg.origin, styles.places, rng),
            "ades": place(leg.destination, styles.places, rng),
            "adep_p": None,
            "ades_p": None,
            "registration": _mark(leg.aircraft, styles),
            "model": "made up",
            "typecode": leg.aircraft.type_code,
            "icao_aircraft_class": "L4J",
            "icao_operator": "RFF",
            "first_seen": leg.departed_at,
            "last_seen": leg.arrived_at,
            "version": "v0.0.2",
        }
    ]


def _fr24_light(entry: Entry, styles: Styles, rng: random.Random) -> list[dict[str, Cell]]:
    leg = entry.leg
    address = _address(leg.aircraft)
    return [
        {
            "fr24_id": f"3{int(leg.aircraft.icao24, 16):06x}{leg.number:04x}",
            "flight": None,
            "callsign": leg.callsign,
            "operating_as": "RFF",
            "painted_as": "RFF",
            "type": leg.aircraft.type_code,
            "reg": _mark(leg.aircraft, styles),
            "orig_icao": place(leg.origin, styles.places, rng),
            "datetime_takeoff": leg.departed_at,
            "dest_icao": place(leg.destination, styles.places, rng),
            "dest_icao_actual": place(leg.destination, styles.places, rng),
            "datetime_landed": leg.arrived_at,
            "hex": address.upper() if address else None,
            "first_seen": leg.departed_at - timedelta(minutes=9),
            "last_seen": leg.arrived_at + timedelta(minutes=4),
            "flight_ended": True,
        }
    ]


def _fr24_full(entry: Entry, styles: Styles, rng: random.Random) -> list[dict[str, Cell]]:
    (row,) = _fr24_light(entry, styles, rng)
    leg = entry.leg
    has_icao = rng.random() < 0.7 or not leg.destination.iata  # a field may be named by its IATA code alone
    row |= {
        "dest_icao": leg.destination.code if has_icao else None,
        "dest_icao_actual": leg.destination.code if has_icao else None,
        "orig_iata": leg.origin.iata,
        "dest_iata": leg.destination.iata,
        "dest_iata_actual": leg.destination.iata,
        "runway_takeoff": "09",
        "runway_landed": "27L",
        "flight_time": int((leg.arrived_at - leg.departed_at).total_seconds()),
        "actual_distance": 2412.7,
        "circle_distance": 2398,
        "category": "Military and government",
    }
    return [row]


def _clock(length: timedelta) -> str:
    seconds = int(length.total_seconds())
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _fr24_log(entry: Entry, styles: Styles, rng: random.Random) -> list[dict[str, Cell]]:
    """The flight log of my.flightradar24.com: the clocks of the two airports, the day that of the take-off."""
    leg = entry.leg
    local = leg.departed_at + leg.origin.offset
    landed = leg.arrived_at + leg.destination.offset
    sides = [
        f"{one.city} / {one.name} ({one.iata}/{one.code})" if one.iata else f"{one.city} / {one.name} ({one.code})"
        for one in (leg.origin, leg.destination)
    ]
    return [
        {
            "Date": f"{local:%Y-%m-%d}",
            "Flight number": leg.callsign,
            "From": sides[0],
            "To": sides[1],
            "Dep time": f"{local:%H:%M:%S}",
            "Arr time": f"{landed:%H:%M:%S}",
            "Duration": _clock(leg.arrived_at - leg.departed_at),
            "Airline": "Air Force (/RFF)",
            "Aircraft": f"Ilyushin Il-76 ({leg.aircraft.type_code})",
            "Registration": leg.aircraft.registration,
            "Seat number": None,
            "Seat type": "0",
            "Flight class": "0",
            "Flight reason": "0",
            "Note": None,
            "Dep_id": "1",
            "Arr_id": "2",
            "Airline_id": "3",
            "Aircraft_id": "4",
        }
    ]


def _plain(entry: Entry, styles: Styles, rng: random.Random) -> list[dict[str, Cell]]:
    leg, both = entry.leg, entry.has_departure and entry.has_arrival
    return [
        {
            "icao24": _address(leg.aircraft),
            "registration": _mark(leg.aircraft, styles),
            "callsign": leg.callsign,
            "type_code": leg.aircraft.type_code,
            "operator": leg.aircraft.operator,
            "origin": place(leg.origin, styles.places, rng) if both or entry.has_departure else None,
            "departed_at": leg.departed_at if entry.has_departure else None,
            "destination": place(leg.destination, styles.places, rng) if both or entry.has_arrival else None,
            "arrived_at": leg.arrived_at if entry.has_arrival else None,
        }
    ]


def _plain_days(entry: Entry, styles: Styles, rng: random.Random) -> list[dict[str, Cell]]:
    (row,) = _plain(entry, styles, rng)
    return [{name: value.date() if isinstance(value, datetime) else value for name, value in row.items()}]


MAPPED = {
    "icao24": "Mode S",
    "registration": "Tail",
    "callsign": "Call",
    "type_code": "Model",
    "operator": "Owner",
    "origin": "Left from",
    "departed_at": "Off",
    "destination": "Came to",
    "arrived_at": "On",
}


def _mapped(entry: Entry, styles: Styles, rng: random.Random) -> list[dict[str, Cell]]:
    (row,) = _plain(entry, styles, rng)
    return [{MAPPED[name]: value for name, value in row.items()}]


ANY_PLACE = ("icao", "iata", "ident", "named", "lower", "mixed")
BOTH = ("address", "mark")
LISTED = ("address",)  # forms that know no aircraft without its address
FORMS = {
    form.name: form
    for form in (
        Form("opensky_rest", LISTED, _opensky, ("icao", "ident"), ("epoch_s",)),
        Form("opensky_trino", LISTED, _trino, ("icao", "ident"), ("epoch_s", "pandas", "bigquery", "naive")),
        Form("pyopensky", LISTED, _pyopensky, ("icao", "ident"), ("pandas", "iso_utc_offset", "naive", "epoch_s")),
        Form("monthly", LISTED, _monthly, ("icao", "ident"), ("pandas", "iso_z", "naive", "bigquery")),
        Form("traffic", LISTED, _traffic, ("icao", "ident"), ("pandas", "iso_z", "naive", "iso_utc_offset")),
        Form("opdi", LISTED, _opdi, ("icao", "ident"), ("naive", "iso_z", "bigquery", "epoch_s")),
        Form("fr24_light", BOTH, _fr24_light, ("icao", "ident"), ("iso_z", "naive_t", "naive", "iso_utc_offset")),
        Form("fr24_full", BOTH, _fr24_full, ("icao", "ident"), ("iso_z", "naive_t", "naive", "iso_utc_offset")),
        Form("fr24_log", ("mark",), _fr24_log, ("named",), ("iso_z",), ("csv",), may_be_renamed=False, is_local=True),
        Form("plain", BOTH, _plain, ANY_PLACE),
        Form("plain_ends", BOTH, _plain, ANY_PLACE, is_split=True),
        Form("plain_days", BOTH, _plain_days, ANY_PLACE, ("naive", "dotted"), is_slow=True, is_split=True),
        Form("mapped", BOTH, _mapped, ANY_PLACE, may_be_renamed=False),
    )
}  # fmt: skip
