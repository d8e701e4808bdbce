"""Flight records of Flightradar24 and OpenSky, as JSON or CSV values, to lake rows: pure, used by APIs and files."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from basewatch.callsigns import callsign_of
from basewatch.lake.events import Reject
from basewatch.lake.schemas import TABLES

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECONDS_ABOVE = 1e11  # as seconds this is the year 5138: a larger number counts milliseconds
FIRST_YEAR, LAST_YEAR = 1990, 2100  # ADS-B is younger; anything outside is a broken clock, not a flight
LONGEST_TEXT = 300
LONGEST_RAW = 2000
SAFE_INT = 2**53

_HEX = re.compile(r"~?[0-9a-f]{6}")
_EPOCH_TEXT = re.compile(r"-?\d{9,}(\.\d*)?")  # fewer digits may be an ISO date without hyphens


@dataclass(frozen=True)
class Origin:
    """The file that records stood in: its name and the SHA-256 of its bytes."""

    file: str
    sha256: str


class Malformed(ValueError):
    """A value is present but is not what its field should hold."""


def text(value: object) -> str | None:
    """The value as stripped text; None for null and blank. Numbers become their digits (callsigns can be digits)."""
    if value is None:
        return None
    if isinstance(value, bool | list | dict | tuple):
        raise Malformed("is not text")
    stripped = str(value).strip()
    if len(stripped) > LONGEST_TEXT:
        raise Malformed(f"is longer than {LONGEST_TEXT} characters")
    try:
        stripped.encode("utf-8")
    except UnicodeEncodeError:
        raise Malformed("is not valid Unicode") from None
    return stripped or None


def number(value: object) -> float | None:
    """The value as a float; None for null, blank and NaN."""
    if isinstance(value, bool):
        raise Malformed("is a boolean, not a number")
    if isinstance(value, int | float):
        parsed = float(value)
    else:
        written = text(value)
        if written is None:
            return None
        try:
            parsed = float(written)
        except ValueError:
            raise Malformed("is not a number") from None
    if math.isnan(parsed):
        return None
    if math.isinf(parsed):
        raise Malformed("is infinite")
    return parsed


def whole(value: object) -> int | None:
    """The value as an int; `"12.0"` counts as 12, as spreadsheets write it."""
    parsed = number(value)
    if parsed is None:
        return None
    if parsed != int(parsed) or abs(parsed) > SAFE_INT:
        raise Malformed("is not a whole number")
    return int(parsed)


def flag(value: object) -> bool | None:
    """The value as a boolean; the words true and false count in any case."""
    if value is None or isinstance(value, bool):
        return value
    written = (text(value) or "").lower()
    if not written:
        return None
    if written in ("true", "1", "1.0", "t", "yes"):
        return True
    if written in ("false", "0", "0.0", "f", "no"):
        return False
    raise Malformed("is neither true nor false")


def moment(value: object) -> datetime | None:
    """The value as a UTC time: epoch seconds or milliseconds, or ISO text with `T` or a space, with or without a zone.

    Text without a zone is UTC: both providers say so of all their times.
    """
    if isinstance(value, bool):
        raise Malformed("is a boolean, not a time")
    written = text(value)
    if written is None:
        return None
    try:
        if isinstance(value, int | float) or _EPOCH_TEXT.fullmatch(written):
            seconds = float(written)
            time = EPOCH + timedelta(seconds=seconds / 1000 if abs(seconds) > MILLISECONDS_ABOVE else seconds)
        else:
            time = datetime.fromisoformat(written)
            time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Malformed("is not a time") from None
    if not FIRST_YEAR <= time.year <= LAST_YEAR:
        raise Malformed(f"is a time outside {FIRST_YEAR}–{LAST_YEAR}")
    return time


def icao24(value: object) -> str | None:
    """The address as six lower-case hex digits, `~` kept in front of one that ICAO did not issue."""
    address = text(value)
    if address is None:
        return None
    lowered = address.lower()
    if not _HEX.fullmatch(lowered):
        raise Malformed("is not a 24-bit address in six hex digits")
    return lowered


def upper(value: object) -> str | None:
    """Stripped text in upper case: airport codes, registrations and type designators."""
    stripped = text(value)
    return stripped.upper() if stripped else None


def callsign(value: object) -> str | None:
    """A callsign in upper case; None where it names no flight."""
    return callsign_of(upper(value))


Reader = Callable[[object], Any]

_FLIGHTRADAR24: dict[str, Reader] = {
    "flight": text,
    "callsign": callsign,
    "operating_as": upper,
    "painted_as": upper,
    "type": upper,
    "reg": upper,
    "hex": icao24,
    "orig_icao": upper,
    "orig_iata": upper,
    "datetime_takeoff": moment,
    "runway_takeoff": text,
    "dest_icao": upper,
    "dest_iata": upper,
    "dest_icao_actual": upper,
    "dest_iata_actual": upper,
    "datetime_landed": moment,
    "runway_landed": text,
    "flight_time": number,
    "actual_distance": number,
    "circle_distance": number,
    "category": text,
    "first_seen": moment,
    "last_seen": moment,
    "flight_ended": flag,
}

_OPENSKY: dict[str, tuple[str, Reader]] = {  # lake column: the provider's key without case and underscores
    "icao24": ("icao24", icao24),
    "callsign": ("callsign", callsign),
    "first_seen": ("firstseen", moment),
    "last_seen": ("lastseen", moment),
    "est_departure_airport": ("estdepartureairport", upper),
    "est_arrival_airport": ("estarrivalairport", upper),
    "est_departure_airport_horiz_distance": ("estdepartureairporthorizdistance", whole),
    "est_departure_airport_vert_distance": ("estdepartureairportvertdistance", whole),
    "est_arrival_airport_horiz_distance": ("estarrivalairporthorizdistance", whole),
    "est_arrival_airport_vert_distance": ("estarrivalairportvertdistance", whole),
    "departure_airport_candidates_count": ("departureairportcandidatescount", whole),
    "arrival_airport_candidates_count": ("arrivalairportcandidatescount", whole),
}


def _read(name: str, reader: Reader, value: object) -> Any:
    try:
        return reader(value)
    except Malformed as fault:
        raise Malformed(f"{name} {fault}: {str(value)[:80]!r}") from None


def _flightradar24(row: Mapping[Any, object]) -> dict[str, Any]:
    fields = {str(key).strip().lower(): value for key, value in row.items()}
    if fields.get("operating_as") in (None, ""):
        fields["operating_as"] = fields.get("operated_as")
    record = {name: _read(name, reader, fields.get(name)) for name, reader in _FLIGHTRADAR24.items()}
    record["record_id"] = _read("fr24_id", text, fields.get("fr24_id"))
    if record["record_id"] is None:
        raise Malformed("fr24_id is missing")
    times = (record[name] for name in ("first_seen", "datetime_takeoff", "datetime_landed", "last_seen"))
    when: datetime | None = next((time for time in times if time), None)
    if when is None:
        raise Malformed("no time: first_seen, datetime_takeoff, datetime_landed and last_seen are all empty")
    record["day"] = when.date()
    return record


def _opensky(row: Mapping[Any, object]) -> dict[str, Any]:
    fields = {str(key).strip().lower().replace("_", ""): value for key, value in row.items()}
    record = {name: _read(key, reader, fields.get(key)) for name, (key, reader) in _OPENSKY.items()}
    if record["icao24"] is None:
        raise Malformed("icao24 is missing")
    when: datetime | None = record["first_seen"] or record["last_seen"]
    if when is None:
        raise Malformed("firstSeen and lastSeen are both empty")
    record["day"] = when.date()
    record["record_id"] = f"{record['icao24']}-{int(when.timestamp())}"
    return record


def _table(
    name: str,
    rows: Iterable[Mapping[Any, object]],
    convert: Callable[[Mapping[Any, object]], dict[str, Any]],
    origin: Origin,
    constants: dict[str, Any],
) -> tuple[pa.Table, list[Reject]]:
    schema = TABLES[name].schema
    records: list[dict[str, Any]] = []
    rejects: list[Reject] = []
    for position, row in enumerate(rows, start=1):
        try:
            if not isinstance(row, Mapping):
                raise Malformed(f"a {type(row).__name__} stands where a record is due")
            if None in row:  # how csv.DictReader hands over fields without a heading
                raise Malformed("more fields than the heading names")
            stood = {"origin_file": origin.file, "origin_sha256": origin.sha256, "origin_place": f"record {position}"}
            records.append({**convert(row), **constants, **stood})
        except Malformed as fault:
            raw = json.dumps(row, default=str, ensure_ascii=True)[:LONGEST_RAW]
            rejects.append(Reject(None, f"{origin.file}, record {position}", str(fault), raw))
    return pa.Table.from_pylist(records, schema=schema), rejects


def flightradar24_rows(
    rows: Iterable[Mapping[Any, object]], source: str, origin: Origin, fetched_at: datetime | None
) -> tuple[pa.Table, list[Reject]]:
    """Lake rows `flightradar24_flights` of flight-summary records (light or full, JSON or CSV values), and the rejects.

    Blanks are nulls, times UTC, distances km, flight_time seconds, `hex` lower case, `operated_as` read as
    `operating_as`; fields that light lacks are null. `day` is the UTC day of first_seen, else of take-off, landing or
    last_seen: the API selects by first_seen. A record without fr24_id or any time, or with a value that its field
    cannot hold, is rejected whole with the field named. Rules: the official SDK's models and the API documentation.
    """
    constants = {"source": source, "fetched_at": fetched_at}
    return _table("flightradar24_flights", rows, _flightradar24, origin, constants)


def opensky_rows(
    rows: Iterable[Mapping[Any, object]], source: str, origin: Origin, fetched_at: datetime | None = None
) -> tuple[pa.Table, list[Reject]]:
    """Lake rows `opensky_flights` of OpenSky flight objects (JSON or CSV values), and the rejects.

    Times are epoch seconds or ISO text, UTC; distances metres; airports are OpenSky's estimates. Keys count without
    case and underscores, so the REST names and those of the historical database both fit. `day` is the UTC day of
    firstSeen, else of lastSeen; record_id is the address and that time. `fetched_at` is accepted for symmetry and not
    kept.
    """
    return _table("opensky_flights", rows, _opensky, origin, {"source": source})


_PLAIN: dict[str, Reader] = {
    "icao24": icao24,
    "registration": upper,
    "callsign": callsign,
    "type_code": upper,
    "operator": text,
    "origin": upper,
    "departed_at": moment,
    "destination": upper,
    "arrived_at": moment,
    "url": text,
}


def _plain(row: Mapping[Any, object]) -> dict[str, Any]:
    fields = {str(key).strip().lower(): value for key, value in row.items()}
    record = {name: _read(name, reader, fields.get(name)) for name, reader in _PLAIN.items()}
    if record["icao24"] is None and record["registration"] is None:
        raise Malformed("neither icao24 nor registration is given: nobody can say which aircraft it was")
    when: datetime | None = record["departed_at"] or record["arrived_at"]
    if when is None:
        raise Malformed("departed_at and arrived_at are both empty")
    record["day"] = when.date()
    named = _read("record_id", text, fields.get("record_id"))
    if named is None:  # the same flight in two files is one record
        named = f"{record['icao24'] or record['registration']}-{int(when.timestamp())}"
    record["record_id"] = named
    return record


def plain_rows(
    rows: Iterable[Mapping[Any, object]], source: str, origin: Origin, fetched_at: datetime | None = None
) -> tuple[pa.Table, list[Reject]]:
    """Lake rows `plain_flights` of records in the project's own plain form (docs/flight-files.md), and the rejects.

    Times are ISO text or epoch seconds, UTC. A record needs an aircraft (icao24 or registration) and a time. `day` is
    the UTC day of departed_at, else of arrived_at; record_id is made of aircraft and time where none is given.
    """
    return _table("plain_flights", rows, _plain, origin, {"source": source})
