"""The records of a reading as arrays, and what was found of them: what the judges read, and where they write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from basewatch.geo import Bools, Floats, Ints, distance_km
from basewatch.sources.consistency.contradictions import NO_FIELD, TOLD_ALONE, TOO_FAST, Contradiction, Judged
from basewatch.sources.flight_records import ENDS
from basewatch.sources.places import Places

AIRCRAFT = {  # of each table: the lake columns of address, registration and type
    "flightradar24_flights": ("hex", "reg", "type"),
    "opensky_flights": ("icao24", "registration", "type_code"),
    "plain_flights": ("icao24", "registration", "type_code"),
}
CONTACTS = {"flightradar24_flights": ("first_seen", "last_seen")}  # beside the times of take-off and landing
_HOME_SHARE = 0.9  # of a file's records have an end at a base that the file is about
END_NAMES = (("departure", "origin", "departed"), ("arrival", "destination", "arrived"))
_ONE_DAY = timedelta(days=1)


class Frame:
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
            self._times(lambda table, end=end: CONTACTS.get(table, (None, None))[end]) for end in (0, 1)
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

    def km(self, one: Ints, other: Ints) -> Floats:
        """Kilometres between fields by the numbers of their codes; NaN where a position is not known."""
        return distance_km(self.latitude[one], self.longitude[one], self.latitude[other], self.longitude[other])

    # ---- what comes of it

    def judged(self, tables: Mapping[str, pa.Table]) -> Judged:
        """The tables without what cannot stand, and every contradiction with its days and bases."""
        homes, found, kept = self._homes(), [], {}
        kept_tables = dict(tables)
        for table, rows in self.given.items():
            start, end = self.starts[table], self.starts[table] + rows.num_rows
            found += self._contradictions(table, sorted(row for row in self.findings if start <= row < end), homes)
            kept[table] = ~self.rejected[start:end]
            voided = self._voided(table, rows, slice(start, end))
            kept_tables[table] = voided if kept[table].all() else voided.filter(pa.array(kept[table]))
        return Judged(kept_tables, [*found, *self.of_files], kept)

    def _voided(self, table: str, rows: pa.Table, part: slice) -> pa.Table:
        (origin, departed), (destination, arrived) = ENDS[table]
        address, registration, _ = AIRCRAFT[table]
        columns = {"origin": origin, "departed": departed, "destination": destination, "arrived": arrived,
                   "address": address, "registration": registration}  # fmt: skip
        columns |= dict(zip(("first", "last"), CONTACTS.get(table, ()), strict=False))
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
        columns = ["day", *dict.fromkeys(name for end in (*ENDS[table], CONTACTS.get(table, ())) for name in end)]
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
