"""Flight records that contradict themselves, each other, the fields' own positions or the registers.

All records of a reading are judged at once, by column. What is wrong with a record costs no more than it must: where
aircraft, place and day stand without the bad field, the field is voided and the record stays (a voided end counts
nowhere); else the record is rejected. Which of two values is the bad one is decided by a third that agrees with one of
them, and never by taste: where none does, neither stands.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from basewatch.geo import NM_KM, Bools, Floats, Ints, distance_km
from basewatch.reference.load import Reference
from basewatch.reference.registers import mark
from basewatch.reference.rows import AircraftRow
from basewatch.reference.thresholds import Thresholds
from basewatch.sources.flight_records import ENDS, NO_ADDRESSES
from basewatch.sources.places import Places

NO_ADDRESS = "an address of zeros"
ONE_ADDRESS = "one address for several aircraft"
WRONG_ADDRESS = "address against registration"
NO_FIELD = "a code that is no field"
SAME_ID = "the same id with other contents"
OFF_CONTACT = "a time far from first and last contact"
LANDED_FIRST = "a landing before its take-off"
TOO_FAST = "a speed that no aircraft flies"
TWO_PLACES = "one aircraft in two places"
SAME_STAMPS = "time stamps of another file"
SHIFTED = "a file shifted by hours"
OFF_FIELD = "positions far from the fields that are named"
# Nobody can say which of its fields is wrong, and one end of it may well be right: such a record is told, and counts.
TOLD_ALONE = (TOO_FAST, TWO_PLACES, SAME_ID)

AIRCRAFT = {  # of each table: the lake columns of address, registration and type
    "flightradar24_flights": ("hex", "reg", "type"),
    "opensky_flights": ("icao24", "registration", "type_code"),
    "plain_flights": ("icao24", "registration", "type_code"),
}
_CONTACTS = {"flightradar24_flights": ("first_seen", "last_seen")}  # beside the times of take-off and landing
_DISTANCES = {  # metres from the first and last position to the field that is named
    "opensky_flights": ("est_departure_airport_horiz_distance", "est_arrival_airport_horiz_distance")
}
_HOME_SHARE = 0.9  # of a file's records have an end at a base that the file is about
_FIELD_CODE = re.compile(r"[A-Z]{4}")
_OTHER_CONTENTS = re.compile(r"~[0-9a-f]{8}$")  # the mark that sameness.py gives a second record of an id
_ENDS = (("departure", "origin", "departed"), ("arrival", "destination", "arrived"))
_ONE_DAY = timedelta(days=1)
_HALF_HOUR_S = 1800.0
_SECONDS = 1 << 33  # more than any time has since 1970
_LARGEST_GROUP = 50  # records of all times equal; more are of a clock that stood still
_MOST_HALF_HOURS = 28  # zones lie up to fourteen hours from UTC


@dataclass(frozen=True)
class Contradiction:
    """What is wrong with one record, or (row None) with a file: what sort, in words, and what it may concern.

    row: the record's number in its table as it was given. days: those that it may be of. bases: the watched bases that
    it may concern, None for all.
    """

    name: str
    table: str
    row: int | None
    file: str
    reason: str
    is_reject: bool
    days: frozenset[date]
    bases: frozenset[str] | None


@dataclass(frozen=True)
class Judged:
    """The records by lake table, bad fields voided and bad records left out, and what was wrong; `kept`: by table,
    one a record given, whether it stays."""

    tables: dict[str, pa.Table]
    found: list[Contradiction]
    kept: dict[str, Bools]


def judge(
    tables: Mapping[str, pa.Table],
    places: Places,
    reference: Reference,
    params: Thresholds,
    older: Collection[str] = (),
    *,
    is_made_up: bool = False,
) -> Judged:
    """Judge flight records (lake tables by name, as decoded). older: files that were read before, and are believed.

    is_made_up: the records are simulated, and name fields that do not exist.

    A record has at most one contradiction to its name: the first that costs it something it cannot do without, else
    the first. Times are UTC.
    """
    given = {table: rows for table, rows in tables.items() if table in ENDS and rows.num_rows}
    if not given:
        return Judged(dict(tables), [], {})
    frame = _Frame(given, places)
    _addresses(frame, reference, params)
    if not is_made_up:
        _codes(frame, places)
    _ids(frame, params)
    _repeated_stamps(frame, params, older)
    _shifted(frame, params, older)
    _contacts(frame, params)
    _order(frame)
    _speeds(frame, params)
    _two_places(frame, params)
    _off_field(frame, params)
    _without_end(frame)
    return frame.judged(tables)


class _Frame:
    """The records of all tables as arrays, one value a record, and what was found of them.

    origin, destination: number of a code, -1 where none is stated. Times are seconds since 1970, NaN where not stated;
    first, last: contacts that are stated beside them. base: one a code, the number of the watched base there, or -1.
    """

    def __init__(self, tables: Mapping[str, pa.Table], places: Places) -> None:
        self.given = dict(tables)
        self.sizes = [rows.num_rows for rows in tables.values()]
        self.starts = dict(zip(tables, np.cumsum([0, *self.sizes[:-1]]).tolist(), strict=True))
        self.size = sum(self.sizes)
        ends = [self._both(lambda table, end=end: ENDS[table][end][0]) for end in (0, 1)]
        encoded = pa.concat_arrays(ends).dictionary_encode()
        numbers = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        self.origin, self.destination = numbers[: self.size].copy(), numbers[self.size :].copy()
        self.codes: list[str] = encoded.dictionary.to_pylist()
        self._numbers = {code: number for number, code in enumerate(self.codes)}
        positions = [places.position(code) for code in self.codes]
        self.latitude = np.array([at[0] if at else np.nan for at in positions] or [np.nan])
        self.longitude = np.array([at[1] if at else np.nan for at in positions] or [np.nan])
        self.bases = sorted(places.base_ids)
        number_of = {base: number for number, base in enumerate(self.bases)}
        self.base = np.array([number_of.get(places.base_of(code) or "", -1) for code in self.codes] or [-1])
        self.departed, self.arrived = (self._times(lambda table, end=end: ENDS[table][end][1]) for end in (0, 1))
        self.first, self.last = (
            self._times(lambda table, end=end: _CONTACTS.get(table, (None, None))[end]) for end in (0, 1)
        )
        self.has_time = {name: ~np.isnan(getattr(self, name)) for name in ("departed", "arrived", "first", "last")}
        for at in (self.departed, self.arrived):  # a list of days alone writes midnight: no time to judge by
            at[at % 86_400 == 0] = np.nan
        files = self._both(lambda _: "origin_file").fill_null("").dictionary_encode()
        self.file = files.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        self.files: list[str] = files.dictionary.to_pylist()
        self.address, self.registration, self.type_code = (
            self._both(lambda table, number=number: AIRCRAFT[table][number]) for number in range(3)
        )
        self.void: dict[str, Bools] = {
            name: np.zeros(self.size, np.bool_)
            for name in ("address", "registration", "origin", "departed", "destination", "arrived", "first", "last")
        }
        self.rejected = np.zeros(self.size, np.bool_)
        self.findings: dict[int, tuple[str, str]] = {}
        self.of_files: list[Contradiction] = []

    # ---- reading columns

    def _both(self, column: Any) -> pa.Array:
        pieces = [rows.column(column(table)).combine_chunks() for table, rows in self.given.items()]
        return pa.concat_arrays([_whole(piece) for piece in pieces])

    def _times(self, column: Any) -> Floats:
        pieces = []
        for table, rows in self.given.items():
            name = column(table)
            if name is None:
                pieces.append(np.full(rows.num_rows, np.nan))
                continue
            values = _whole(rows.column(name).combine_chunks()).cast(pa.int64())
            seconds = values.fill_null(0).to_numpy(zero_copy_only=False) / 1e6
            seconds[values.is_null().to_numpy(zero_copy_only=False)] = np.nan
            pieces.append(seconds)
        return np.concatenate(pieces)

    def distances(self, tables: Mapping[str, tuple[str, str]]) -> list[Floats]:
        """Metres to the fields that are named, of the tables that state them; NaN elsewhere."""
        both = []
        for end in (0, 1):
            pieces = []
            for table, rows in self.given.items():
                if table not in tables:
                    pieces.append(np.full(rows.num_rows, np.nan))
                    continue
                values = _whole(rows.column(tables[table][end]).combine_chunks()).cast(pa.float64())
                pieces.append(values.fill_null(np.nan).to_numpy(zero_copy_only=False))
            both.append(np.concatenate(pieces))
        return both

    # ---- noting what is wrong

    def note(self, rows: Iterable[int], name: str, reason: Any, *, reject: bool = False) -> None:
        """Note a contradiction of these records; `reason`: the words for a record. A reject goes before a flag."""
        for row in rows:
            row = int(row)
            if row not in self.findings or (reject and not self.rejected[row]):
                self.findings[row] = (name, reason(row))
            self.rejected[row] |= reject

    def at(self, seconds: Any) -> str:
        """A time in words."""
        return f"{datetime.fromtimestamp(float(seconds), UTC):%Y-%m-%d %H:%M}"

    def code(self, number: Any) -> str:
        """A code as it is shown."""
        return self.codes[number] if number >= 0 else "nowhere"

    def drop_end(self, rows: Any, end: str) -> None:
        """Void place and time of an end, which then counts nowhere."""
        place, time = ("origin", "departed") if end == "departure" else ("destination", "arrived")
        self.void[place][rows] = True
        self.void[time][rows] = True
        getattr(self, place)[rows] = -1
        getattr(self, time)[rows] = np.nan

    def drop_time(self, rows: Any, end: str) -> None:
        """Void the time of an end; a contact stands for it."""
        time = "departed" if end == "departure" else "arrived"
        self.void[time][rows] = True
        getattr(self, time)[rows] = np.nan

    def aircraft(self) -> Ints:
        """A number of each record's aircraft: of its address, else of its registration."""
        address = pc.if_else(pa.array(self.void["address"]), None, self.address)
        named = pc.coalesce(address, pc.binary_join_element_wise("reg:", self.registration, ""), pa.scalar(""))
        return named.dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)  # type: ignore[no-any-return]

    # ---- what comes of it

    def judged(self, tables: Mapping[str, pa.Table]) -> Judged:
        """The tables without what cannot stand, and every contradiction with its days and bases."""
        homes, found, kept = self._homes(), [], {}
        kept_tables = dict(tables)
        for table, rows in self.given.items():
            start, end = self.starts[table], self.starts[table] + rows.num_rows
            found += self._contradictions(table, sorted(row for row in self.findings if start <= row < end), homes)
            kept[table] = ~self.rejected[start:end]
            kept_tables[table] = self._voided(table, rows, slice(start, end)).filter(pa.array(kept[table]))
        return Judged(kept_tables, [*found, *self.of_files], kept)

    def _voided(self, table: str, rows: pa.Table, part: slice) -> pa.Table:
        (origin, departed), (destination, arrived) = ENDS[table]
        address, registration, _ = AIRCRAFT[table]
        columns = {"origin": origin, "departed": departed, "destination": destination, "arrived": arrived,
                   "address": address, "registration": registration}  # fmt: skip
        columns |= dict(zip(("first", "last"), _CONTACTS.get(table, ()), strict=False))
        for name, column in columns.items():
            are_void = self.void[name][part]
            if are_void.any():
                index = rows.schema.get_field_index(column)
                values = pc.if_else(
                    pa.array(are_void), pa.scalar(None, rows.schema.field(index).type), rows.column(index)
                )
                rows = rows.set_column(index, rows.schema.field(index), values)
        return rows

    def _contradictions(self, table: str, at: list[int], homes: Mapping[int, set[str]]) -> list[Contradiction]:
        """What was found of these records of a table, with the days and bases that it may concern."""
        start = self.starts[table]
        columns = ["day", *dict.fromkeys(name for end in (*ENDS[table], _CONTACTS.get(table, ())) for name in end)]
        rows = self.given[table].select(columns).take(pa.array([row - start for row in at], pa.int64())).to_pylist()
        found = []
        for row, values in zip(at, rows, strict=True):
            name, reason = self.findings[row]
            stated = {value.date() for value in values.values() if isinstance(value, datetime)} or {values["day"]}
            # what is wrong may be a day: a clock that passed midnight, a date that was not moved on
            days = frozenset(day + _ONE_DAY * step for day in stated for step in (-1, 0, 1))
            named = {base for column, _ in ENDS[table] if (base := self._base_of(values[column]))}
            home = homes.get(int(self.file[row]), set())
            bases = named | home if name == TOO_FAST or not named else named
            bases = home - named if name == NO_FIELD else bases  # the other end is what it says
            bases = set() if name in TOLD_ALONE else bases
            found.append(
                Contradiction(name, table, row - start, self.files[self.file[row]], reason, bool(self.rejected[row]),
                              days, frozenset(bases))
            )  # fmt: skip
        return found

    def _base_of(self, code: str | None) -> str | None:
        number = self.base[self._numbers[code]] if code else -1
        return self.bases[number] if number >= 0 else None

    def _homes(self) -> dict[int, set[str]]:
        """By file, the bases that nearly all of its records have an end at."""
        homes: dict[int, set[str]] = {}
        if not self.findings:
            return homes
        held = np.bincount(self.file, minlength=len(self.files))
        touched = [np.where(of >= 0, self.base[of], -1) for of in self._stated()]
        for number, base in enumerate(self.bases):
            is_there = (touched[0] == number) | (touched[1] == number)
            if is_there.any():
                counts = np.bincount(self.file[is_there], minlength=len(self.files))
                for file in np.flatnonzero(counts >= _HOME_SHARE * held):
                    homes.setdefault(int(file), set()).add(base)
        return homes

    def _stated(self) -> list[Ints]:
        """The codes of both ends as they were given, before anything was voided."""
        both = []
        for end in (0, 1):
            encoded = pc.index_in(
                self._both(lambda table, end=end: ENDS[table][end][0]), value_set=pa.array(self.codes, pa.string())
            )
            both.append(encoded.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64))
        return both


def _whole(column: Any) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


# ---- aircraft


def _addresses(frame: _Frame, reference: Reference, params: Thresholds) -> None:
    """Addresses that mean none, that stand for several aircraft, or that are another registration's."""
    pairs = pa.table({"address": frame.address, "mark": frame.registration, "type": frame.type_code})
    grouped = pairs.append_column("row", pa.array(np.arange(frame.size))).group_by(["address", "mark", "type"])
    rows = [row for row in grouped.aggregate([("row", "count")]).to_pylist() if row["address"]]
    bad: dict[tuple[str, str | None, str | None], tuple[str, str, bool, str]] = {}
    marks: dict[str, set[str]] = defaultdict(set)
    types: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        marks[row["address"]].add(_airframe(row["mark"]) if row["mark"] else "")
        types[row["address"]].add(row["type"] or "")
    registers = _Registers(reference, rows)
    for row in rows:
        address, stated, kind = key = (row["address"], row["mark"], row["type"])
        named, of_types = marks[address] - {""}, types[address] - {""}
        if address in NO_ADDRESSES:
            bad[key] = (NO_ADDRESS, f"the address {address} means none", stated is None, "address")
        elif len(named) >= params.address_aircraft_max or (not named and len(of_types) >= params.address_aircraft_max):
            many = named or of_types
            words = f"the address {address} stands for {len(many)} aircraft: {', '.join(sorted(many)[:3])}"
            bad[key] = (ONE_ADDRESS, words, stated is None, "address")
        elif stated and (wrong := registers.against(address, stated, kind)):
            words, field_name = wrong
            bad[key] = (WRONG_ADDRESS, words, not field_name, field_name)
    if not bad:
        return
    asked = pc.is_in(frame.address, value_set=pa.array({address for address, _, _ in bad}, pa.string()))
    for row in np.flatnonzero(asked.to_numpy(zero_copy_only=False)).tolist():
        key = tuple(column[row].as_py() for column in (frame.address, frame.registration, frame.type_code))
        if key not in bad:
            continue
        name, words, is_reject, field_name = bad[key]
        frame.note([row], name, lambda _, words=words: words, reject=is_reject)
        if field_name:
            frame.void[field_name][row] = True


def _airframe(registration: str) -> str:
    """A mark as airframes are told apart: state and civil marks of one number are one aircraft (RA-78835, RF-78835)."""
    plain = mark(registration) or ""
    digits = re.sub(r"\D", "", plain)
    return digits if len(digits) >= 5 else plain


class _Registers:
    """What the registers say of the addresses and marks of a reading."""

    def __init__(self, reference: Reference, rows: Iterable[Mapping[str, Any]]) -> None:
        stated = {row["address"] for row in rows}
        marks = {_airframe(row["mark"]) for row in rows if row["mark"]}
        self.of_address: dict[str, list[AircraftRow]] = defaultdict(list)
        self.of_mark: dict[str, list[AircraftRow]] = defaultdict(list)
        for row in reference.rows["aircraft"]:
            name = _airframe(row.registration) if row.registration else ""
            if row.icao24 in stated:
                self.of_address[row.icao24].append(row)
            if name in marks:
                self.of_mark[name].append(row)
        self.blocks = [
            (int(row.start_hex, 16), int(row.end_hex, 16), row.country)
            for row in sorted(reference.rows["icao_blocks"], key=lambda row: row.position)
        ]
        self.countries = {row.prefix: self._country(row.start_hex) for row in reference.rows["registration_rules"]}

    def against(self, address: str, stated: str, kind: str | None) -> tuple[str, str] | None:
        """Why an address and a registration are not of one aircraft, and which of them is voided (empty: neither
        stands); None where nothing speaks against it.

        A register must know both, and as others' (a mark may have a second address, an address a new mark); or the
        address is of another country than the mark.
        """
        owners = {row.registration for row in self.of_address[address] if row.registration}
        others = {row.icao24 for row in self.of_mark[_airframe(stated)]}
        is_crossed = (
            bool(owners) and bool(others) and address not in others
            and _airframe(stated) not in {_airframe(owner) for owner in owners}
        )  # fmt: skip
        home, lies_in = self._of_prefix(stated), self._country(address)
        is_abroad = home is not None and lies_in is not None and lies_in != home
        if address in others or not (is_crossed or is_abroad):
            return None
        words = f"the address {address} is not that of {stated}"
        if is_crossed:
            words += f": registers give it to {', '.join(sorted(owners)[:2])}"
            words += f", and {stated} has {', '.join(sorted(others)[:2])}"
        else:
            words += f": it lies in the block of {lies_in}, and such marks are of {home}"
        fits_mark = bool(others) and (
            kind is None or kind in {row.type_code for row in self.of_mark[_airframe(stated)]}
        )
        fits_address = bool(owners) and (kind is None or kind in {row.type_code for row in self.of_address[address]})
        if fits_mark and not fits_address:
            return words, "address"
        if fits_address and not fits_mark:
            return words, "registration"
        return words, ""

    def _of_prefix(self, stated: str) -> str | None:
        return next((country for prefix, country in self.countries.items() if stated.startswith(prefix)), None)

    def _country(self, address: str) -> str | None:
        if address.startswith("~"):
            return None
        number = int(address, 16)
        return next((country for low, high, country in self.blocks if low <= number <= high), None)


def _fits(kind: str | None, rows: Iterable[AircraftRow]) -> bool:
    """Whether a register has the aircraft, and of the stated type."""
    types = [row.type_code for row in rows]
    return bool(types) and (kind is None or kind in types)


# ---- places and ids


def _codes(frame: _Frame, places: Places) -> None:
    """Codes of the form of a field's that no field has: the end has no place."""
    unknown = np.array(
        [
            bool(_FIELD_CODE.fullmatch(code)) and np.isnan(latitude)
            for code, latitude in zip(frame.codes, frame.latitude, strict=False)
        ],
        np.bool_,
    )
    if not unknown.any():
        return
    for end in ("departure", "arrival"):
        numbers = frame.origin if end == "departure" else frame.destination
        rows = np.flatnonzero((numbers >= 0) & unknown[numbers])
        shown = {int(row): frame.code(numbers[row]) for row in rows}
        frame.note(rows, NO_FIELD, lambda row, shown=shown: f"{shown[row]} is the code of no field that is known")
        frame.drop_end(rows, end)


def _ids(frame: _Frame, params: Thresholds) -> None:
    """Records under one id that are not one flight: what they disagree in stands in none of them."""
    for table, rows in frame.given.items():
        ids = rows.column("record_id")
        are_second = pc.match_substring_regex(ids, _OTHER_CONTENTS.pattern)
        if not pc.any(are_second).as_py():
            continue
        start, by_id = frame.starts[table], defaultdict(list)
        plain = {_OTHER_CONTENTS.sub("", name) for name in ids.filter(are_second).to_pylist()}
        for number, name in enumerate(ids.to_pylist()):
            if (own := _OTHER_CONTENTS.sub("", name)) in plain:
                by_id[own].append(start + number)
        is_number = (
            table == "plain_flights"
        )  # a file that numbers its rows has no ids: another aircraft, another flight
        for name, group in by_id.items():
            if len(group) > 1:
                _one_id(frame, name, group, params, is_number=is_number)


def _one_id(frame: _Frame, name: str, group: list[int], params: Thresholds, *, is_number: bool) -> None:
    """Note records of one id that disagree in an end, or are of two aircraft at one place and time.

    Records that share nothing but the id are flights of their own, whose id is damaged.
    """
    rows = np.array(group)
    stated = np.concatenate([at[rows] for at in (frame.departed, frame.arrived)])
    stated = stated[~np.isnan(stated)]
    spread = float(np.ptp(stated)) if len(stated) else 0.0
    if is_number and spread > 2 * 86_400:
        return  # the same number on another day is another flight
    aircraft = [[column[row].as_py() for row in group] for column in (frame.address, frame.registration)]
    addresses, marks = (set(values) - {None} for values in aircraft)
    slack = params.stay_merge_minutes * 60
    if len(addresses) > 1 or (not addresses and len(marks) > 1):
        if spread <= 86_400 and _is_one_end(frame, rows, slack):
            words = f"{len(group)} records of the id {name} are of other aircraft at one place and time"
            frame.note(group, SAME_ID, lambda _: words)
        elif not is_number:
            frame.note(group, SAME_ID, lambda _: f"{len(group)} flights of other aircraft have the id {name}")
        return
    for end, place, time in _ENDS:
        places = {int(value) for value in getattr(frame, place)[rows] if value >= 0}
        times = getattr(frame, time)[rows]
        times = times[~np.isnan(times)]
        is_moved = len(times) > 1 and float(np.ptp(times)) > slack
        if len(places) > 1 or is_moved:
            shown = (
                sorted(map(frame.code, places)) if len(places) > 1 else [frame.at(times.min()), frame.at(times.max())]
            )
            words = f"{len(group)} records of the id {name} state another {end}: {' and '.join(shown)}"
            frame.note(group, SAME_ID, lambda _, words=words: words)


def _is_one_end(frame: _Frame, rows: Ints, slack: float) -> bool:
    """Whether all of these records state one place at one time."""
    return any(
        len(set(getattr(frame, place)[rows].tolist())) == 1
        and getattr(frame, place)[rows[0]] >= 0
        and not np.isnan(getattr(frame, time)[rows]).any()
        and float(np.ptp(getattr(frame, time)[rows])) <= slack
        for _, place, time in _ENDS
    )


# ---- times


def _contacts(frame: _Frame, params: Thresholds) -> None:
    """Take-off and landing far outside the contacts that the record states itself.

    Where the contact that would stand for a time is of the same day, the time alone is voided; else the end is.
    """
    backwards = np.flatnonzero(frame.first > frame.last)
    frame.note(backwards, OFF_CONTACT, lambda row: f"first contact {frame.at(frame.first[row])} is after the last one, "
               f"{frame.at(frame.last[row])}")  # fmt: skip
    for name in ("first", "last"):
        frame.void[name][backwards] = True
        getattr(frame, name)[backwards] = np.nan
    apart = params.contact_apart_min * 60
    for end, name, beside in (("departure", "departed", "first"), ("arrival", "arrived", "last")):
        times, contact = getattr(frame, name), getattr(frame, beside)
        rows = np.flatnonzero((times < frame.first - apart) | (times > frame.last + apart))
        if not len(rows):
            continue
        what = "take-off" if end == "departure" else "landing"
        words = {
            int(row): f"{what} {frame.at(times[row])} lies far outside its contacts, {frame.at(frame.first[row])} to "
            f"{frame.at(frame.last[row])}"
            for row in rows
        }
        frame.note(rows, OFF_CONTACT, lambda row, words=words: words[row])
        is_same_day = times[rows] // 86_400 == contact[rows] // 86_400
        frame.drop_time(rows[is_same_day], end)
        frame.drop_end(rows[~is_same_day], end)


def _order(frame: _Frame) -> None:
    """A landing elsewhere before its take-off. (At the same place, or of unknown place, it holds two flights' ends.)

    Where both are of one day the take-off stands: whichever time is wrong, that day is not. Else neither end does.
    """
    rows = np.flatnonzero(
        (frame.arrived < frame.departed) & (frame.origin >= 0) & (frame.destination >= 0)
        & (frame.origin != frame.destination)
    )  # fmt: skip
    if not len(rows):
        return
    words = {
        int(row): f"it landed at {frame.code(frame.destination[row])} {frame.at(frame.arrived[row])}, before its "
        f"take-off {frame.at(frame.departed[row])} at {frame.code(frame.origin[row])}"
        for row in rows
    }
    frame.note(rows, LANDED_FIRST, lambda row: words[row])
    is_same_day = frame.departed[rows] // 86_400 == frame.arrived[rows] // 86_400
    by_contacts = (
        (frame.departed[rows] // 86_400 == frame.first[rows] // 86_400)
        & (frame.arrived[rows] // 86_400 == frame.last[rows] // 86_400)
    )  # fmt: skip
    told = rows[by_contacts]
    frame.drop_time(told, "departure")
    frame.drop_time(told, "arrival")
    frame.drop_end(rows[~by_contacts], "arrival")
    frame.drop_end(rows[~by_contacts & ~is_same_day], "departure")


def _km(frame: _Frame, one: Ints, other: Ints) -> Floats:
    """Kilometres between fields by the numbers of their codes; NaN where a position is not known."""
    return distance_km(frame.latitude[one], frame.longitude[one], frame.latitude[other], frame.longitude[other])


def _is_too_fast(km: Floats, seconds: Floats, params: Thresholds) -> Bools:
    """Whether so far in so short a time is faster than any aircraft; there is room for times that are not exact."""
    reach = params.speed_max_kt * NM_KM * np.maximum(seconds, 0) / 3600 + params.speed_slack_km
    return np.asarray(km > reach)


def _speeds(frame: _Frame, params: Thresholds) -> None:
    """Ends that lie too far apart for the time between them: a place or a time is wrong, and nobody can say which, so
    that both stay.

    Where the contacts leave time enough the times are wrong, and the contacts stand for them.
    """
    rows = np.flatnonzero((frame.origin >= 0) & (frame.destination >= 0) & (frame.arrived >= frame.departed))
    km = _km(frame, frame.origin[rows], frame.destination[rows])
    is_fast = _is_too_fast(km, frame.arrived[rows] - frame.departed[rows], params)
    rows, km = rows[is_fast], km[is_fast]
    if not len(rows):
        return
    words = {
        int(row): f"{distance:,.0f} km from {frame.code(frame.origin[row])} to "
        f"{frame.code(frame.destination[row])} in {(frame.arrived[row] - frame.departed[row]) / 60:.0f} minutes"
        for row, distance in zip(rows, km, strict=True)
    }
    is_told = ~_is_too_fast(km, frame.last[rows] - frame.first[rows], params) & ~np.isnan(
        frame.last[rows] - frame.first[rows]
    )
    is_told &= frame.departed[rows] // 86_400 == frame.first[rows] // 86_400
    is_told &= frame.arrived[rows] // 86_400 == frame.last[rows] // 86_400
    frame.note(rows, TOO_FAST, lambda row: words[row])
    for end in ("departure", "arrival"):
        frame.drop_time(rows[is_told], end)


def _two_places(frame: _Frame, params: Thresholds) -> None:
    """Ends of one aircraft in two records that it cannot have had both.

    Where one of them contradicts what went before it and what came after, it is the wrong one; else either may be.
    """
    aircraft = frame.aircraft()
    ends = [(frame.origin, frame.departed), (frame.destination, frame.arrived)]
    stated = [np.flatnonzero((place >= 0) & ~np.isnan(at) & ~frame.rejected) for place, at in ends]
    row = np.concatenate(stated)
    if len(row) < 2:
        return
    place = np.concatenate([ends[end][0][stated[end]] for end in (0, 1)])
    at = np.concatenate([ends[end][1][stated[end]] for end in (0, 1)])
    order = np.argsort(aircraft[row] * _SECONDS + at.astype(np.int64), kind="stable")
    row, place, at = row[order], place[order], at[order]

    def cannot_be(one: Ints, other: Ints) -> Bools:
        is_one = (aircraft[row[one]] == aircraft[row[other]]) & (row[one] != row[other]) & (place[one] != place[other])
        result = np.zeros(len(one), np.bool_)
        asked = np.flatnonzero(is_one)
        km = _km(frame, place[one[asked]], place[other[asked]])
        result[asked] = _is_too_fast(km, at[other[asked]] - at[one[asked]], params)
        return result

    here = np.arange(len(row) - 1)
    clashes = cannot_be(here, here + 1)
    if not clashes.any():
        return
    before = np.concatenate([[False], clashes])
    after = np.concatenate([clashes, [False]])
    is_culprit = before & after
    middle = np.flatnonzero(is_culprit)
    is_culprit[middle] = ~cannot_be(middle - 1, middle + 1)
    for first in np.flatnonzero(clashes):
        pair = (first, first + 1)
        guilty = [one for one in pair if is_culprit[one]] or list(pair)
        shown = " and ".join(f"{frame.code(place[one])} {frame.at(at[one])}" for one in pair)
        for one in guilty:
            frame.note([row[one]], TWO_PLACES, lambda _, shown=shown: f"its aircraft cannot have been in both: {shown}")


def _without_end(frame: _Frame) -> None:
    """Reject flagged records of which no end is left: place or day does not stand."""
    rows = np.array(sorted(row for row in frame.findings if not frame.rejected[row]), np.int64)
    if not len(rows):
        return
    has_time = np.any([is_stated & ~frame.void[name] for name, is_stated in frame.has_time.items()], axis=0)
    is_left = ((frame.origin[rows] >= 0) | (frame.destination[rows] >= 0)) & has_time[rows]
    had_end = np.zeros(len(rows), np.bool_)
    for place in ("origin", "destination"):
        had_end |= frame.void[place][rows]
    frame.rejected[rows[~is_left & (had_end | ~has_time[rows])]] = True


# ---- files


def is_copy(contradictions: str | None) -> bool:
    """Whether a file was found to repeat another one, by what is kept of its reading: it is then never the older."""
    return any(name in (contradictions or "") for name in (SAME_STAMPS, SHIFTED))


def _repeated_stamps(frame: _Frame, params: Thresholds, older: Collection[str]) -> None:
    """Files most of whose exact records have, to the second, the times of another file's records of other aircraft."""
    if len(frame.files) < 2:
        return
    times = np.stack([frame.departed, frame.arrived, frame.first, frame.last], axis=1)
    is_exact = (np.nan_to_num(times) % 60 != 0).any(axis=1)  # whole minutes are alike by chance
    rows = np.flatnonzero(is_exact & ((~np.isnan(times)).sum(axis=1) >= 2))
    if len(rows) < 2 * params.file_alike_min:
        return
    others = _Others(frame)
    met: dict[tuple[int, int], set[int]] = defaultdict(set)  # by younger and older file: rows of the younger
    for members in _of_equal_times(times[rows], rows, frame.file):
        for one in members:
            for other in members:
                files = int(frame.file[one]), int(frame.file[other])
                if _is_older(frame, *files[::-1], older) and others.differ(int(one), int(other)):
                    met[files].add(int(one))
    comparable = Counter(frame.file[rows].tolist())
    for (file, other), repeated in met.items():
        if len(repeated) >= max(params.file_alike_min, comparable[file] / 2):
            words = f"its times are those of another aircraft in {frame.files[other]}"
            frame.note(sorted(repeated), SAME_STAMPS, lambda _, words=words: words, reject=True)
            _doubt_file(frame, file, SAME_STAMPS, f"{len(repeated)} of its {comparable[file]} records have, to the "
                        f"second, the times of other aircraft in {frame.files[other]}")  # fmt: skip


def _of_equal_times(times: Floats, rows: Ints, file: Ints) -> Iterable[Ints]:
    """The records of all times equal that lie in more than one file; very large groups say nothing."""
    seconds = np.nan_to_num(times, nan=-1.0).astype(np.int64).astype(np.uint64)
    keys = np.zeros(len(rows), np.uint64)
    for column in seconds.T:  # a hash, so that one number is sorted in place of four
        keys = (keys ^ column) * np.uint64(0x9E3779B97F4A7C15)
        keys ^= keys >> np.uint64(29)
    order = np.argsort(keys, kind="stable")
    is_first = np.concatenate([[True], np.diff(keys[order]) != 0])
    starts = np.flatnonzero(is_first)
    sizes = np.diff(np.append(starts, len(order)))
    for start, size in zip(starts[sizes > 1], sizes[sizes > 1], strict=True):
        members = rows[order[start : start + size]]
        if size <= _LARGEST_GROUP and len(set(file[members].tolist())) > 1:
            yield members


class _Others:
    """Tells whether two records are of different aircraft, where one may state the address and one the mark alone."""

    def __init__(self, frame: _Frame) -> None:
        self._address, self._mark = frame.address, frame.registration

    def differ(self, one: int, other: int) -> bool:
        """Whether they state an address or a mark both, and neither is the same."""
        stated = [(column[one].as_py(), column[other].as_py()) for column in (self._address, self._mark)]
        both = [pair for pair in stated if pair[0] and pair[1]]
        return bool(both) and all(left != right for left, right in both)


def _is_older(frame: _Frame, one: int, other: int, older: Collection[str]) -> bool:
    """Whether the first of two files is believed against the second: it was read before, else its name comes first."""
    if one == other:
        return False
    names = frame.files[one], frame.files[other]
    known = names[0] in older, names[1] in older
    return known[0] if known[0] != known[1] else names[0] < names[1]


def _shifted(frame: _Frame, params: Thresholds, older: Collection[str]) -> None:
    """Files whose records are those of another file, moved by one and the same number of half hours."""
    if len(frame.files) < 2:
        return
    aircraft = frame.aircraft()
    offsets: dict[tuple[int, int], Counter[int]] = defaultdict(Counter)
    matched: dict[tuple[int, int, int], set[int]] = defaultdict(set)
    comparable: dict[tuple[int, int], set[int]] = defaultdict(set)
    for place, at in ((frame.origin, frame.departed), (frame.destination, frame.arrived)):
        rows = np.flatnonzero((place >= 0) & ~np.isnan(at))
        group = (aircraft[rows] * len(frame.codes) + place[rows]) % (1 << 30)  # who shares it is told apart below
        order = rows[np.argsort(group * _SECONDS + at[rows].astype(np.int64), kind="stable")]
        for step in (1, 2, 3):
            one, other = order[:-step], order[step:]
            apart = at[other] - at[one]
            near = np.flatnonzero(
                (aircraft[one] == aircraft[other]) & (place[one] == place[other])
                & (frame.file[one] != frame.file[other]) & (apart <= _MOST_HALF_HOURS * _HALF_HOUR_S + 60)
            )  # fmt: skip
            halves = np.rint(apart[near] / _HALF_HOUR_S).astype(np.int64)
            is_exact = np.abs(apart[near] - halves * _HALF_HOUR_S) <= 60
            for position, half, exact in zip(near, halves.tolist(), is_exact, strict=True):
                before, after = int(one[position]), int(other[position])
                is_after_older = _is_older(frame, int(frame.file[after]), int(frame.file[before]), older)
                young, old = (before, after) if is_after_older else (after, before)
                files = int(frame.file[young]), int(frame.file[old])
                comparable[files].add(young)
                moved_by = -half if is_after_older else half
                if exact:
                    offsets[files][moved_by] += 1
                    matched[(*files, moved_by)].add(young)
    for (file, elder), counts in offsets.items():
        half, _ = max(counts.items(), key=lambda item: item[1])
        moved = matched[file, elder, half]
        if half and len(moved) >= max(params.file_alike_min, len(comparable[file, elder]) / 2):
            hours = f"{half / 2:+g} hours"
            words = f"it is a record of {frame.files[elder]} moved by {hours}"
            frame.note(sorted(moved), SHIFTED, lambda _, words=words: words, reject=True)
            told = f"{len(moved)} of its records are those of {frame.files[elder]}, moved by {hours}"
            _doubt_file(frame, file, SHIFTED, told)


def _off_field(frame: _Frame, params: Thresholds) -> None:
    """Files most of whose first and last positions lie far from the fields that they name: moved by degrees."""
    distances = frame.distances(_DISTANCES)
    told = [~np.isnan(metres) for metres in distances]
    far = [metres > params.position_apart_km * 1000 for metres in distances]
    size = len(frame.files)
    counts = sum((np.bincount(frame.file[is_told], minlength=size) for is_told in told), np.zeros(size, np.int64))
    off = sum((np.bincount(frame.file[is_far], minlength=size) for is_far in far), np.zeros(size, np.int64))
    for file in np.flatnonzero((off >= params.file_alike_min) & (off * 2 >= counts)):
        words = f"{off[file]} of its {counts[file]} first and last positions lie over {params.position_apart_km:g} km "
        words += "from the fields that it names"
        _doubt_file(frame, int(file), OFF_FIELD, words)
        for end, is_far in zip(("departure", "arrival"), far, strict=True):
            rows = np.flatnonzero(is_far & (frame.file == file))
            frame.note(rows, OFF_FIELD, lambda _: "a first or last position lies far from the field that is named")
            frame.drop_end(rows, end)


def _doubt_file(frame: _Frame, file: int, name: str, reason: str) -> None:
    """Doubt every day from a file's first record to its last."""
    of_file = frame.file == file
    times = np.concatenate([at[of_file] for at in (frame.departed, frame.arrived, frame.first, frame.last)])
    times = times[~np.isnan(times)]
    days: set[date] = set()
    if len(times):
        first, last = (datetime.fromtimestamp(float(edge), UTC).date() for edge in (times.min(), times.max()))
        days = {first + _ONE_DAY * step for step in range((last - first).days + 1)}
    frame.of_files.append(Contradiction(name, "", None, frame.files[file], reason, False, frozenset(days), None))
