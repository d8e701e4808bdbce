"""Flight records of Flightradar24, OpenSky and the plain form to lake rows: pure, used by APIs and files alike.

A record comes as fields by name; names count without case, blanks and underscores. What each field holds is said once,
in the tables below. Places are resolved to one code a field (`places.Places`), where the caller knows them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from basewatch.errors import containment
from basewatch.geo import M_FT, distance_km
from basewatch.lake.events import Reject
from basewatch.lake.files import from_records
from basewatch.lake.schemas import TABLES
from basewatch.sources.places import Place, Places
from basewatch.sources.values import (
    NO_ADDRESS,
    DateOrder,
    Malformed,
    callsign,
    flag,
    icao24,
    in_zone,
    is_day_alone,
    is_lost,
    moment,
    number,
    registration,
    text,
    upper,
    whole,
    zone,
)

LONGEST_RAW = 2000
NO_ADDRESSES = frozenset(NO_ADDRESS)
NOT_FLOWN = (
    "cancel",
    "schedul",
    "expected",
    "planned",
    "not operated",
    "отмен",
)  # how the status of such a flight begins

Fields = Mapping[str, object]  # value by field name, in lower case without blanks and underscores
Reader = Callable[[object], Any]


@dataclass(frozen=True)
class Origin:
    """The file that records stood in: its name and the SHA-256 of its bytes."""

    file: str
    sha256: str


@dataclass
class Record:
    """One record as a lake row, and what of it could not be used: places that are not resolved, an address dropped."""

    values: dict[str, Any]
    unresolved: list[Place] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)


class NotFlown(Malformed):
    """A record of a flight that did not take place, or not yet."""


@lru_cache(4096)
def plain_name(name: str) -> str:
    """A field's name without case, blanks, underscores and other marks."""
    return re.sub(r"[\W_]+", "", name).lower()


_FLIGHTRADAR24: dict[str, Reader] = {
    "flight": text,
    "callsign": callsign,
    "operating_as": upper,
    "painted_as": upper,
    "type": upper,
    "reg": registration,
    "orig_iata": upper,
    "runway_takeoff": text,
    "dest_iata": upper,
    "dest_iata_actual": upper,
    "runway_landed": text,
    "flight_time": number,
    "actual_distance": number,
    "circle_distance": number,
    "category": text,
    "flight_ended": flag,
}
_FLIGHTRADAR24_TIMES = ("datetime_takeoff", "datetime_landed", "first_seen", "last_seen")
_FLIGHTRADAR24_PLACES = {"orig_icao": "orig_iata", "dest_icao": "dest_iata", "dest_icao_actual": "dest_iata_actual"}

_OPENSKY: dict[str, tuple[str, Reader]] = {  # lake column: the provider's name without case and underscores
    "callsign": ("callsign", callsign),
    "registration": ("registration", registration),
    "type_code": ("typecode", upper),
    "operator": ("operator", text),
    "est_departure_airport_horiz_distance": ("estdepartureairporthorizdistance", whole),
    "est_departure_airport_vert_distance": ("estdepartureairportvertdistance", whole),
    "est_arrival_airport_horiz_distance": ("estarrivalairporthorizdistance", whole),
    "est_arrival_airport_vert_distance": ("estarrivalairportvertdistance", whole),
    "departure_airport_candidates_count": ("departureairportcandidatescount", whole),
    "arrival_airport_candidates_count": ("arrivalairportcandidatescount", whole),
}
_OPENSKY_PLACES = {"est_departure_airport": "estdepartureairport", "est_arrival_airport": "estarrivalairport"}
_OPENSKY_TIMES = {"first_seen": "firstseen", "last_seen": "lastseen"}

_PLAIN: dict[str, Reader] = {
    "registration": registration,
    "callsign": callsign,
    "type_code": upper,
    "operator": text,
    "url": text,
}
TIMES = {  # of each table: the fields that state when a flight began and when it ended
    "flightradar24_flights": ("datetimetakeoff", "datetimelanded"),
    "opensky_flights": ("firstseen", "lastseen"),
    "plain_flights": ("departedat", "arrivedat"),
}
PLACES = {  # of each table: the fields that name where it began and ended
    "flightradar24_flights": ("origicao", "desticaoactual"),
    "opensky_flights": ("estdepartureairport", "estarrivalairport"),
    "plain_flights": ("origin", "destination"),
}
ENDS = {  # of each table: the lake columns of place and time of both ends
    "flightradar24_flights": (("orig_icao", "datetime_takeoff"), ("dest_icao_actual", "datetime_landed")),
    "opensky_flights": (("est_departure_airport", "first_seen"), ("est_arrival_airport", "last_seen")),
    "plain_flights": (("origin", "departed_at"), ("destination", "arrived_at")),
}


@dataclass(frozen=True)
class Shape:
    """What the fields of a table's rows are read from, where that needs no more than the field itself.

    readers: of each lake column, its reader and the fields that may hold it, the best first. times: the field of each.
    places: the field of each and one that stands in for it. when: the times that tell the day, the best first.
    record_id: the fields that may state it. is_named: else it is made of aircraft and time.
    """

    readers: Mapping[str, tuple[Any, ...]]
    times: Mapping[str, str]
    places: Mapping[str, tuple[str, str | None]]
    when: tuple[str, ...]
    address: str
    registration: str
    record_id: tuple[str, ...]
    is_named: bool


SHAPES = {
    "flightradar24_flights": Shape(
        {name: (reader, name) for name, reader in _FLIGHTRADAR24.items()}
        | {"operating_as": (upper, "operating_as", "operated_as")},
        {name: name for name in _FLIGHTRADAR24_TIMES},
        {name: (name, spare) for name, spare in _FLIGHTRADAR24_PLACES.items()},
        ("first_seen", "datetime_takeoff", "datetime_landed", "last_seen"),
        "hex", "reg", ("fr24_id",), False,
    ),
    "opensky_flights": Shape(
        {column: (reader, name) for column, (name, reader) in _OPENSKY.items()},
        _OPENSKY_TIMES,
        {column: (name, None) for column, name in _OPENSKY_PLACES.items()},
        ("first_seen", "last_seen"),
        "icao24", "registration", (), True,
    ),
    "plain_flights": Shape(
        {name: (reader, name) for name, reader in _PLAIN.items()},
        {"departed_at": "departed_at", "arrived_at": "arrived_at"},
        {"origin": ("origin", None), "destination": ("destination", None)},
        ("departed_at", "arrived_at"),
        "icao24", "registration", ("record_id",), True,
    ),
}  # fmt: skip
MOST_KNOWN = 100_000  # texts whose meaning is remembered


def _made(name: str, reader: Reader, value: object) -> Any:
    """What a reader makes of a value. Raises Malformed naming the field."""
    try:
        return reader(value)
    except Malformed as fault:
        raise Malformed(f"{name} {fault}: {str(value)[:80]!r}") from None


class Converter:
    """Makes lake rows of records. `places` resolves places, None leaves them as stated; `order`: of dates in digits.

    of_zone: of times that state none, where a list says so; UTC else.
    """

    def __init__(
        self, places: Places | None = None, order: DateOrder | None = None, of_zone: tzinfo | None = None
    ) -> None:
        self._places, self.order, self.zone = places, order, of_zone
        self._all_bases = places.base_ids if places else frozenset()
        self._known: dict[tuple[Reader, str], Any] = {}  # what was made of a text

    def convert(self, table: str, fields: Fields) -> Record:
        """One record as a row of a lake table. Raises Malformed naming the field."""
        makers = {
            "flightradar24_flights": self._flightradar24,
            "opensky_flights": self._opensky,
            "plain_flights": self._plain,
        }
        return makers[table](fields)

    def _read(self, name: str, reader: Reader, fields: Fields) -> Any:
        """What a reader makes of a field, null where that is empty. A list says the same few things again and again."""
        value = fields.get(plain_name(name))
        if value is None or value == "":
            return None
        if type(value) is not str:
            return _made(name, reader, value)
        if len(self._known) > MOST_KNOWN:
            self._known.clear()
        if (reader, value) not in self._known:
            self._known[reader, value] = _made(name, reader, value)
        return self._known[reader, value]

    def _time(self, name: str, fields: Fields) -> datetime | None:
        own: tzinfo | None = self._read("zone", zone, fields) or self.zone
        value = fields.get(plain_name(name))
        if value is None or value == "":
            return None
        if own is None:
            when: datetime | None = _made(name, lambda written: moment(written, self.order), value)
        else:
            when = _made(name, lambda written: in_zone(written, own, self.order), value)
        return when

    def _place(self, name: str, fields: Fields, record: Record, spare: str | None = None) -> str | None:
        """The code of the place that a field names, else of the one that a spare field names."""
        stated = self._read(name, text, fields) or (self._read(spare, text, fields) if spare else None)
        if is_lost(fields.get(plain_name(name))):
            record.unresolved.append(Place(str(fields[plain_name(name)]).strip(), False, self._all_bases))
            return None
        if self._places is None:
            return stated.upper() if stated and self._read(name, text, fields) else None
        place = self._places.resolve(stated)
        if not place.is_resolved:
            record.unresolved.append(place)
        return place.code

    def _address(self, name: str, fields: Fields, record: Record, registration: str | None) -> str | None:
        """The address. One that cannot be read is dropped where a registration names the aircraft.

        One that means none is kept beside a registration: consistency/ counts and voids it.
        """
        try:
            address: str | None = self._read(name, icao24, fields)
        except Malformed as fault:
            if registration is None:
                raise
            record.dropped.append(str(fault))
            return None
        if address is None and registration is not None:
            stated = str(fields.get(plain_name(name)) or "").strip().lower()
            return stated if stated in NO_ADDRESSES else None
        return address

    def _flightradar24(self, fields: Fields) -> Record:
        values = {name: self._read(name, reader, fields) for name, reader in _FLIGHTRADAR24.items()}
        record = Record(values)
        values["operating_as"] = values["operating_as"] or self._read("operated_as", upper, fields)
        values["record_id"] = self._read("fr24_id", text, fields)
        if values["record_id"] is None:
            raise Malformed("fr24_id is missing")
        values.update({name: self._time(name, fields) for name in _FLIGHTRADAR24_TIMES})
        for name, spare in _FLIGHTRADAR24_PLACES.items():
            values[name] = self._place(name, fields, record, spare)
        values["hex"] = self._address("hex", fields, record, values["reg"])
        if values["hex"] is None and values["reg"] is None:
            raise Malformed("neither hex nor reg is given: nobody can say which aircraft it was")
        times = (values[name] for name in ("first_seen", "datetime_takeoff", "datetime_landed", "last_seen"))
        when: datetime | None = next((time for time in times if time), None)
        if when is None:
            raise Malformed("no time: first_seen, datetime_takeoff, datetime_landed and last_seen are all empty")
        values["day"] = when.date()
        return record

    def _opensky(self, fields: Fields) -> Record:
        values = {column: self._read(name, reader, fields) for column, (name, reader) in _OPENSKY.items()}
        record = Record(values)
        values.update({column: self._time(name, fields) for column, name in _OPENSKY_TIMES.items()})
        for column, name in _OPENSKY_PLACES.items():
            values[column] = self._place(name, fields, record)
        values["icao24"] = self._address("icao24", fields, record, values["registration"])
        if values["icao24"] is None and values["registration"] is None:
            raise Malformed("icao24 is missing")
        when: datetime | None = values["first_seen"] or values["last_seen"]
        if when is None:
            raise Malformed("firstSeen and lastSeen are both empty")
        self._distance(values, "est_departure_airport", fields, "1")
        self._distance(values, "est_arrival_airport", fields, "2")
        values["day"] = when.date()
        values["record_id"] = f"{_named(values)}-{int(when.timestamp())}"
        return record

    def _distance(self, values: dict[str, Any], airport: str, fields: Fields, end: str) -> None:
        """Fill in how far (m) the first or last position lay from the airport, where a list gives that position.

        The public monthly list gives positions (degrees, metres) in place of the API's distances.
        """
        latitude, longitude = (self._read(f"{name}_{end}", number, fields) for name in ("latitude", "longitude"))
        height = self._read(f"altitude_{end}", number, fields)
        if latitude is None or longitude is None or values[f"{airport}_horiz_distance"] is not None:
            return
        field_at = self._places.position(values[airport]) if self._places else None
        if field_at is None or not (abs(latitude) <= 90 and abs(longitude) <= 180):
            return
        where = [np.array([value]) for value in (latitude, longitude, field_at[0], field_at[1])]
        values[f"{airport}_horiz_distance"] = round(float(distance_km(*where)[0]) * 1000)
        if height is not None and field_at[2] is not None:
            values[f"{airport}_vert_distance"] = round(height - field_at[2] / M_FT)

    def _plain(self, fields: Fields) -> Record:
        values = {name: self._read(name, reader, fields) for name, reader in _PLAIN.items()}
        record = Record(values)
        status = (self._read("status", text, fields) or "").lower()
        if status.startswith(NOT_FLOWN):
            raise NotFlown(f"status says {status[:40]!r}: no flight")
        if status.startswith("divert"):
            raise Malformed("status says that it was diverted: where it landed is not certain")
        departed, arrived = self._time("departed_at", fields), self._time("arrived_at", fields)
        if departed and arrived and is_day_alone(fields.get("arrivedat")) and _is_same_day(departed, arrived):
            arrived = None  # its time of day is not known, and midnight would be before the take-off
        values["departed_at"], values["arrived_at"] = departed, arrived
        values["origin"] = self._place("origin", fields, record)
        values["destination"] = self._place("destination", fields, record)
        values["icao24"] = self._address("icao24", fields, record, values["registration"])
        if values["icao24"] is None and values["registration"] is None:
            raise Malformed("neither icao24 nor registration is given: nobody can say which aircraft it was")
        when = departed or arrived
        if when is None:
            raise Malformed("departed_at and arrived_at are both empty")
        values["day"] = when.date()
        # the same flight in two files is one record
        made = f"{_named(values)}-{int(when.timestamp())}"
        values["record_id"] = self._read("record_id", text, fields) or made
        return record


def _named(values: Mapping[str, Any]) -> str:
    """What names a record's aircraft: its address, else its registration."""
    is_address = values["icao24"] and values["icao24"] not in NO_ADDRESSES
    return str(values["icao24"] if is_address else values["registration"])


def _is_same_day(departed: datetime, arrived: datetime) -> bool:
    return arrived < departed < arrived + timedelta(days=1)


def rows(
    table: str,
    records: Iterable[object],
    constants: Mapping[str, Any],
    origin: Origin,
    places: Places | None = None,
) -> tuple[pa.Table, list[Reject]]:
    """Lake rows of records (JSON objects or CSV values by name), and the rejects; a bad record is rejected whole."""
    converter = Converter(places)
    kept: list[dict[str, Any]] = []
    rejects: list[Reject] = []
    for position, record in enumerate(records, start=1):
        try:
            if not isinstance(record, Mapping):
                raise Malformed(f"a {type(record).__name__} stands where a record is due")
            if None in record:  # how csv.DictReader hands over fields without a heading
                raise Malformed("more fields than the heading names")
            fields = {plain_name(str(name)): value for name, value in record.items()}
            kept.append({**converter.convert(table, fields).values, **constants, **stood(origin, f"record {position}")})
        except Exception as error:
            where = f"{origin.file}, record {position}"
            rejects.append(Reject(None, where, containment.reason(error, where), raw(record)))
    made, faults = from_records(kept, TABLES[table].schema)
    for at, fault in faults.items():
        where = f"{origin.file}, {kept[at]['origin_place']}"
        rejects.append(Reject(None, where, containment.reason(fault, where), raw(kept[at])))
    return made, rejects


def raw(record: object) -> str:
    """A record as text for those who look into quarantine."""
    try:
        return json.dumps(record, default=str, ensure_ascii=True)[:LONGEST_RAW]
    except (ValueError, TypeError, RecursionError):  # keys that are no text, and values within values without end
        return f"a {type(record).__name__} that cannot be written as JSON"


def stood(origin: Origin, place: str) -> dict[str, str]:
    """The columns that say where a record stood."""
    return {"origin_file": origin.file, "origin_sha256": origin.sha256, "origin_place": place}


def flightradar24_rows(
    records: Iterable[object],
    source: str,
    origin: Origin,
    fetched_at: datetime | None,
    places: Places | None = None,
) -> tuple[pa.Table, list[Reject]]:
    """Lake rows `flightradar24_flights` of flight-summary records (light or full, JSON or CSV values), and the rejects.

    Blanks are nulls, times UTC, distances km, flight_time seconds, `hex` lower case, `operated_as` read as
    `operating_as`; fields that light lacks are null. `day` is the UTC day of first_seen, else of take-off, landing or
    last_seen: the API selects by first_seen. A record without fr24_id or any time, or with a value that its field
    cannot hold, is rejected whole with the field named. Rules: the official SDK's models and the API documentation.
    """
    return rows("flightradar24_flights", records, {"source": source, "fetched_at": fetched_at}, origin, places)


def opensky_rows(
    records: Iterable[object],
    source: str,
    origin: Origin,
    fetched_at: datetime | None = None,
    places: Places | None = None,
) -> tuple[pa.Table, list[Reject]]:
    """Lake rows `opensky_flights` of OpenSky flight objects (JSON or CSV values), and the rejects.

    Times are epoch seconds or ISO text, UTC; distances metres; airports are OpenSky's estimates. The REST names and
    those of the historical database both fit. `day` is the UTC day of firstSeen, else of lastSeen; record_id is the
    address and that time. `fetched_at` is accepted for symmetry and not kept.
    """
    return rows("opensky_flights", records, {"source": source}, origin, places)


def plain_rows(
    records: Iterable[object],
    source: str,
    origin: Origin,
    fetched_at: datetime | None = None,
    places: Places | None = None,
) -> tuple[pa.Table, list[Reject]]:
    """Lake rows `plain_flights` of records in the project's own plain form (docs/flight-files.md), and the rejects.

    Times are ISO text or epoch seconds, UTC. A record needs an aircraft (icao24 or registration) and a time. `day` is
    the UTC day of departed_at, else of arrived_at; record_id is made of aircraft and time where none is given.
    """
    return rows("plain_flights", records, {"source": source}, origin, places)
