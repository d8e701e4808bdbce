"""Rows of a table to lake rows column by column: each distinct cell is read once, by the functions that read one row.

Only rows of which nothing is to be told are made here: whole, of sound values, of places that are known, with both ends
as they should be. Any other row is left to `reading.py`, which reads it by itself and says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from basewatch.geo import Bools, Ints
from basewatch.lake.schemas import TABLES
from basewatch.sources.flight_files import forms
from basewatch.sources.flight_files.forms import LOG, Mapped
from basewatch.sources.flight_files.opening import Row
from basewatch.sources.flight_records import (
    ENDS,
    NOT_FLOWN,
    SHAPES,
    Converter,
    Origin,
    Reader,
    plain_name,
)
from basewatch.sources.places import Places
from basewatch.sources.values import EPOCH, icao24, in_zone, is_day_alone, is_lost, moment, text

NOT_BY_COLUMN = {"zone", "latitude1", "latitude2"}  # fields by which one cell is read otherwise than the next
# What nearly every file holds. Arrow reads it as `datetime.fromisoformat` does, and refuses what that refuses.
_EXACT_TIME = r"^(?:199[0-9]|20[0-9]{2})-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?Z?$"
_UTC_TIME = pa.timestamp("us", tz="UTC")
_MICROSECOND = timedelta(microseconds=1)
_LINES_AND_MARKS = "#-:=+"  # how comments, and lines drawn below a heading, begin


@dataclass(frozen=True)
class Made:
    """What was made of some rows: `is_plain`, one a row, says of which; `table` and `days` are of those, in order."""

    table: pa.Table
    is_plain: Bools
    days: list[date]


@dataclass(frozen=True)
class _Column:
    """The cells of a field: the distinct ones, and of each row the number of its own."""

    cells: list[str | None]
    numbers: Ints

    def per_row(self, of_cells: Sequence[bool]) -> Bools:
        """What holds for each distinct cell, by row."""
        return np.asarray(np.array(of_cells, np.bool_)[self.numbers])


class ByColumn:
    """Makes lake rows of rows of one table. `latest`: no flight ends later; `longest`: none lasts longer."""

    def __init__(
        self,
        mapped: Mapped,
        converter: Converter,
        places: Places,
        latest: datetime,
        longest: timedelta,
        own_names: set[str],
    ) -> None:
        self.mapped, self.converter, self.places, self.own_names = mapped, converter, places, own_names
        self.latest = (latest - EPOCH) // _MICROSECOND
        self.longest = longest // _MICROSECOND
        self.shape = SHAPES.get(mapped.form.table)
        self.is_apt = self.shape is not None and mapped.form.name != LOG and NOT_BY_COLUMN.isdisjoint(mapped.numbers)

    def made(self, rows: Sequence[Row], origin: Origin, place_of: Callable[[Row], str]) -> Made | None:
        """The lake rows of those that are plain; None where these rows must be read one by one."""
        if not self.is_apt:
            return None
        width = len(self.mapped.columns)
        is_whole = np.array([row.fault is None and len(row.cells) == width for row in rows], np.bool_)
        if any(self._may_be_heading(row.cells) for row, whole in zip(rows, is_whole, strict=True) if not whole):
            return None
        whole_rows = [row for row, whole in zip(rows, is_whole, strict=True) if whole]
        if not whole_rows:
            return None
        columns = list(zip(*(row.cells for row in whole_rows), strict=True))
        if any(not set(map(type, column)) <= {str, type(None)} for column in columns):
            return None
        is_odd = self._are_no_records(whole_rows, columns[0])
        if is_odd is None:
            return None
        try:
            values = _Values(self, columns, is_odd)
            table = values.table(origin, [place_of(row) for row in whole_rows])
        except (pa.ArrowException, OverflowError, TypeError, ValueError):
            return None  # read one by one, it is told which row it was
        is_plain = is_whole.copy()
        is_plain[is_whole] = ~values.is_odd
        table = table.filter(pa.array(~values.is_odd)) if values.is_odd.any() else table
        encoded = table.column("day").combine_chunks().dictionary_encode()
        distinct = encoded.dictionary.to_pylist()
        return Made(table, is_plain, [distinct[number] for number in encoded.indices.to_pylist()])

    def _are_no_records(self, rows: Sequence[Row], first: Sequence[str | None]) -> Bools | None:
        """Which rows may be comments, totals or blank; None where one may be a heading."""
        if any(cell is None or not cell.strip() for cell in first):
            first = [_first_filled(row.cells) for row in rows]
        odd: dict[str | None, bool] = {}
        for cell in dict.fromkeys(first):
            if cell is None:
                odd[cell] = True
                continue
            if self._names_a_column(cell):
                return None
            begins = cell.strip()
            words = begins.lower().rstrip(": 0123456789")
            odd[cell] = begins[0] in _LINES_AND_MARKS or words in forms.known()["totals"]
        return np.array([odd[cell] for cell in first], np.bool_)

    def _names_a_column(self, cell: str) -> bool:
        name = plain_name(cell.strip())
        return name in forms.every_name() or name in self.own_names

    def _may_be_heading(self, cells: Sequence[Any]) -> bool:
        first = _first_filled(cells)
        return first is not None and self._names_a_column(first)


def _first_filled(cells: Sequence[Any]) -> str | None:
    return next((str(cell) for cell in cells if cell is not None and str(cell).strip()), None)


class _Values:
    """The columns of some whole rows as they are read; `is_odd` grows by the rows of which something is to be told."""

    def __init__(self, maker: ByColumn, columns: Sequence[Sequence[str | None]], is_odd: Bools) -> None:
        assert maker.shape is not None
        self.maker, self.columns, self.is_odd = maker, columns, is_odd
        self.size = len(is_odd)
        self.table_name = maker.mapped.form.table
        self.schema = TABLES[self.table_name].schema
        self.values: dict[str, pa.Array] = {}
        self._encoded: dict[str, _Column | None] = {}

    def table(self, origin: Origin, places: list[str]) -> pa.Table:
        """All rows in the columns of the lake; what stands in odd ones means nothing."""
        shape = self.maker.shape
        assert shape is not None
        for column, (reader, *fields) in shape.readers.items():
            self.values[column] = self._read(column, reader, fields)
        for column, field in shape.times.items():
            self.values[column] = self._time(field)
        for column, (field, spare) in shape.places.items():
            self.values[column] = self._place(field, spare)
        self._weigh_status()
        self._weigh_ends()
        self._weigh_unread()
        when = pc.coalesce(*(self.values[name] for name in shape.when))
        self.is_odd |= _nulls(when)
        self.values["day"] = when.cast(pa.date32())
        self._name(when)
        self.values["origin_file"] = pa.repeat(pa.scalar(origin.file, pa.string()), self.size)
        self.values["origin_sha256"] = pa.repeat(pa.scalar(origin.sha256, pa.string()), self.size)
        self.values["origin_place"] = pa.array(places, pa.string())
        arrays = [
            self.values[field.name].cast(field.type) if field.name in self.values else pa.nulls(self.size, field.type)
            for field in self.schema
        ]
        return pa.Table.from_arrays(arrays, schema=self.schema)

    # ---- cells

    def _column(self, name: str) -> _Column | None:
        """The cells of a field, of several columns for it the first that is filled; None where it has none."""
        field = plain_name(name)
        if field not in self._encoded:
            numbers = self.maker.mapped.numbers.get(field)
            self._encoded[field] = _encoded(self._cells(numbers)) if numbers else None
        return self._encoded[field]

    def _cells(self, numbers: Sequence[int]) -> Sequence[str | None]:
        columns = [self.columns[number] for number in numbers]
        if len(columns) == 1:
            return columns[0]
        return [next(filter(None, cells), None) for cells in zip(*columns, strict=True)]

    def _read(self, column: str, reader: Reader, fields: Sequence[str]) -> pa.Array:
        """What a reader makes of the first of these fields that it makes something of."""
        kind = self.schema.field(column).type
        found = [self._each(encoded, reader, kind) for name in fields if (encoded := self._column(name))]
        if not found:
            return pa.nulls(self.size, kind)
        return pc.coalesce(*found) if len(found) > 1 else found[0]

    def _each(self, column: _Column, reader: Callable[[Any], Any], kind: pa.DataType) -> pa.Array:
        """What a reader makes of each distinct cell, by row; rows of which it makes nothing are odd."""
        values, bad = [], []
        for cell in column.cells:
            try:
                values.append(reader(cell) if cell else None)
                bad.append(False)
            except Exception:  # its row, read by itself, says what it is
                values.append(None)
                bad.append(True)
        if any(bad):
            self.is_odd |= column.per_row(bad)
        return pa.array(values, kind).take(pa.array(column.numbers))

    # ---- times and places

    def _time(self, name: str) -> pa.Array:
        converter, numbers = self.maker.converter, self.maker.mapped.numbers.get(plain_name(name))
        if not numbers:
            return pa.nulls(self.size, _UTC_TIME)
        cells = self._cells(numbers)
        if converter.zone is None:
            texts = pa.array([cell or None for cell in cells], pa.string())
            if pc.all(pc.match_substring_regex(texts, _EXACT_TIME), min_count=0).as_py():
                try:
                    return pc.utf8_rtrim(texts, "Z").cast(pa.timestamp("us")).cast(_UTC_TIME)
                except pa.ArrowInvalid:
                    pass  # the thirtieth of February: found below
        zone, order = converter.zone, converter.order
        column = self._column(name)
        assert column is not None
        if name == "arrived_at":  # a day alone may be before the take-off, and then is no time
            self.is_odd |= column.per_row([bool(cell) and is_day_alone(cell) for cell in column.cells])
        if zone is None:
            return self._each(column, lambda cell: moment(cell, order), _UTC_TIME)
        return self._each(column, lambda cell: in_zone(cell, zone, order), _UTC_TIME)

    def _place(self, name: str, spare: str | None) -> pa.Array:
        """The code of the place that a field names, else of the one that a spare field names."""
        column, other = self._column(name), self._column(spare) if spare else None
        if column is not None:
            self.is_odd |= column.per_row([is_lost(cell) for cell in column.cells])
        stated = [self._each(each, text, pa.string()) for each in (column, other) if each is not None]
        if not stated:
            return pa.nulls(self.size, pa.string())
        encoded = (pc.coalesce(*stated) if len(stated) > 1 else stated[0]).dictionary_encode()
        resolved = [self.maker.places.resolve(place) for place in encoded.dictionary.to_pylist()]
        numbers = encoded.indices.fill_null(len(resolved)).to_numpy(zero_copy_only=False)
        self.is_odd |= np.array([*(not place.is_resolved for place in resolved), False], np.bool_)[numbers]
        return pa.array([*(place.code for place in resolved), None], pa.string()).take(pa.array(numbers))

    # ---- what makes a row one of which something is to be told

    def _weigh_status(self) -> None:
        status = self._column("status") if self.table_name == "plain_flights" else None
        if status is not None:
            self._each(status, text, pa.string())
            self.is_odd |= status.per_row([_is_telling(cell) for cell in status.cells])

    def _weigh_ends(self) -> None:
        """A base without a time, a time without a place, a time to come, and ends too far apart."""
        seconds = []
        for place, at in ENDS[self.table_name]:
            places, times = self.values[place], self.values[at]
            has_place, has_time = ~_nulls(places), ~_nulls(times)
            at_base = pa.array(
                [code for code in pc.unique(places).to_pylist() if self.maker.places.base_of(code)], pa.string()
            )
            self.is_odd |= ~has_time & pc.is_in(places, value_set=at_base).to_numpy(zero_copy_only=False)
            if self.table_name != "opensky_flights":  # where an estimate is missing, the provider knows no airport
                self.is_odd |= has_time & ~has_place
            numbers = times.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
            self.is_odd |= has_time & (numbers > self.maker.latest)
            seconds.append((numbers, has_time))
        (began, has_began), (ended, has_ended) = seconds
        self.is_odd |= has_began & has_ended & (np.abs(ended - began) > self.maker.longest)

    def _weigh_unread(self) -> None:
        """A base in a column that is not read: a stop on the way, or where it was diverted to."""
        for number in self.maker.mapped.unread:
            column = _encoded(self.columns[number])
            base_of = self.maker.places.base_of
            named = [bool(cell) and base_of(str(cell).strip().upper()) is not None for cell in column.cells]
            self.is_odd |= column.per_row(named)

    # ---- which aircraft, and which record

    def _name(self, when: pa.Array) -> None:
        """Address and id. An address that is none is told, but where nothing at all is stated."""
        shape = self.maker.shape
        assert shape is not None
        column = self._column(shape.address)
        if column is None:
            address = pa.nulls(self.size, pa.string())
        else:
            address = self._each(column, icao24, pa.string())
            is_stated = column.per_row([bool(cell) for cell in column.cells])
            self.is_odd |= _nulls(address) & is_stated
        mark = self.values[shape.registration]
        self.is_odd |= _nulls(address) & _nulls(mark)
        self.values[shape.address] = address
        own = self._read("record_id", text, shape.record_id)
        if shape.is_named:
            seconds = pc.cast(pc.divide(when.cast(pa.int64()), 1_000_000), pa.string())
            own = pc.coalesce(own, pc.binary_join_element_wise(pc.coalesce(address, mark), seconds, "-"))
        self.is_odd |= _nulls(own)
        self.values["record_id"] = own


def _encoded(cells: Sequence[str | None]) -> _Column:
    numbers: dict[str | None, int] = {}
    of_rows = np.fromiter((numbers.setdefault(cell, len(numbers)) for cell in cells), np.int64, len(cells))
    return _Column(list(numbers), of_rows)


def _nulls(values: pa.Array) -> Bools:
    return np.asarray(values.is_null().to_numpy(zero_copy_only=False))


def _is_telling(status: str | None) -> bool:
    """Whether a status says that there was no such flight, or that it went elsewhere."""
    return (status or "").strip().lower().startswith((*NOT_FLOWN, "divert"))
