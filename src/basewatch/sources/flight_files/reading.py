"""One file to lake rows: the records of its tables, what of them was rejected and why, and what could not be read.

Nothing here decides what a loss means for a day; it says which days and bases a loss may concern (covers.py decides).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta, tzinfo
from itertools import chain, islice, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from basewatch.errors import containment
from basewatch.lake.files import from_records
from basewatch.lake.schemas import TABLES
from basewatch.readsb.polled import Sighting
from basewatch.sources.flight_files import forms, opening, tracks
from basewatch.sources.flight_files.by_column import ByColumn
from basewatch.sources.flight_files.forms import LOG, TRACKS, Mapped
from basewatch.sources.flight_files.opening import Fault, NoData, Row, Table, days_in
from basewatch.sources.flight_records import (
    ENDS,
    LONGEST_RAW,
    PLACES,
    TIMES,
    Converter,
    NotFlown,
    Origin,
    plain_name,
    stood,
)
from basewatch.sources.places import Place, Places
from basewatch.sources.values import Ambiguous, DateOrder, Malformed, date_order, moment, text, zone
from basewatch.sources.values import number as as_number

CHUNK = 20_000  # records put into one Arrow table at a time
FEWEST_BY_COLUMN = 500  # rows; fewer cost less one by one
SAMPLE = 200  # rows looked at to tell places from times
ONE_DAY = timedelta(days=1)
LOW_FT = 5000.0  # pressure altitude; an approach is below it within ten kilometres of all but the highest fields
FEWEST_IN_ORDER = 12  # records; fewer are in order of days by chance too often
BLANK = "a time without a place"


@dataclass(frozen=True)
class Lost:
    """Something of a file that could not be used, and what it may concern.

    days: those that it names, empty where it names none. bases: the watched bases that it may concern, None for all.
    is_cut: what follows it is lost too. Where nothing of a file could be read, `is_whole`.
    """

    where: str
    reason: str
    raw: str = ""
    days: frozenset[date] = frozenset()
    bases: frozenset[str] | None = None
    is_reject: bool = True
    is_cut: bool = False
    is_whole: bool = False
    is_inside: bool = False  # between two records of a file in order of days: its day lies among the file's
    contradiction: str = ""  # its sort, where a record contradicts something (consistency/)

    @property
    def is_doubt(self) -> bool:
        """Whether it is a kept record of which something is not known."""
        return not (self.is_reject or self.is_cut or self.is_whole)


@dataclass
class Reading:
    """What came of one file. forms: form and kind of each table that was read."""

    forms: list[str] = field(default_factory=list)
    mapped: list[Mapped] = field(default_factory=list)
    rows: dict[str, list[pa.Table]] = field(default_factory=dict)
    sightings: list[Sighting] = field(default_factory=list)
    losses: list[Lost] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)
    unresolved: Counter[str] = field(default_factory=Counter)
    unresolved_at: str = ""
    dropped: int = 0  # addresses that could not be read, of records that have a registration
    records_read: int = 0
    records_kept: int = 0
    days: set[date] = field(default_factory=set)  # of any end of any record
    above: list[str] = field(default_factory=list)  # what stands above the tables

    @property
    def rejects(self) -> list[Lost]:
        """The losses that are records."""
        return [loss for loss in self.losses if loss.is_reject]

    @property
    def form(self) -> str:
        """What the file was taken for, in words; empty where nothing of it could be read."""
        return "; ".join(dict.fromkeys(self.forms)) or ("no flight records" if self.passed_over else "")

    @property
    def fault(self) -> str | None:
        """Why the file, or a part of it, could not be read."""
        reasons = [loss.reason for loss in self.losses if not loss.is_reject and (loss.is_whole or loss.is_cut)]
        return "; ".join(dict.fromkeys(reasons)) or None


def read(
    data: bytes,
    origin: Origin,
    places: Places,
    stated: Mapping[str, str],
    longest_days: float,
    now: datetime,
    advance: Callable[[float], None] = lambda _: None,
) -> Reading:
    """Read one file. `stated`: the setting `columns`. `longest_days`: ends farther apart are of no one flight.

    now: no flight ends later (UTC).
    advance: told now and then what share of the file is done. Never raises for what the file holds.
    """
    reading = Reading()
    for part in _parts(data, origin.file, stated):
        match part:
            case NoData():
                reading.passed_over.append(f"{part.name}: {part.reason}")
            case Fault():
                reading.losses.append(_unread(part.name, part.reason, part.text.split("\n")))
            case Table():
                table = _Tabled(part, origin, places, stated, timedelta(days=longest_days), now, reading, advance)
                try:
                    table.read()
                except Exception as error:
                    table.give_up(f"cannot be read: {containment.reason(error, part.name)}")
    return reading


def _parts(data: bytes, name: str, stated: Mapping[str, str]) -> Iterator[opening.Part]:
    """The parts of a file; a fault in place of those that cannot be told apart."""
    try:
        yield from opening.parts(data, name, stated)
    except Exception as error:
        yield Fault(name, f"cannot be read: {containment.reason(error, name)}")


def _unread(where: str, reason: str, lines: Sequence[str]) -> Lost:
    """The loss of a whole table. Its days are known where each of its rows, as far as they can be seen, names one."""
    rows = [line for line in lines if line.strip()]
    days = [days_in(line) for line in rows]
    dated = [number for number, of_line in enumerate(days) if of_line]
    # above them stand a heading and a title, below them a total; one row without a day may be of any
    is_all = bool(dated) and dated[0] > 0 and len(dated) == dated[-1] - dated[0] + 1
    is_all = is_all and all(_is_total(line) for line in rows[dated[-1] + 1 :])
    whole = frozenset(day for of_line in days for day in _around(of_line)) if is_all else frozenset()
    return Lost(where, reason, "\n".join(rows[:5])[:LONGEST_RAW], whole, is_reject=False, is_whole=True)


def _is_total(line: str) -> bool:
    return re.split(r"[\W\d]", line.strip().lower(), maxsplit=1)[0] in forms.known()["totals"]


def span(days: set[date]) -> set[date]:
    """Every day from the first to the last."""
    if not days:
        return set()
    first = min(days)
    return {first + ONE_DAY * step for step in range((max(days) - first).days + 1)}


def _around(days: set[date], latest: int = 1) -> set[date]:
    """The days that a flight may be of which names these, where either of its ends may be lost."""
    return {day + ONE_DAY * step for day in days for step in range(-1, latest + 1)}


class _Tabled:
    """One table being read."""

    def __init__(
        self,
        table: Table,
        origin: Origin,
        places: Places,
        stated: Mapping[str, str],
        longest: timedelta,
        now: datetime,
        reading: Reading,
        advance: Callable[[float], None],
    ) -> None:
        self.table, self.origin, self.places, self.stated = table, origin, places, stated
        self.longest, self.latest = longest, now + ONE_DAY
        self.reading, self.advance = reading, advance
        self.prefix = table.name.removeprefix(origin.file).lstrip(", ")
        self.order_of_days: list[date | None] = []  # the day of each record in its place, None for a reject
        self.converter = Converter(places)
        self.pending = 0  # records that are kept and not yet in the reading
        self.waiting: list[dict[str, Any]] = []  # those that were read one by one
        self.places_waiting: list[int] = []  # and their places among all that are pending
        self.made: list[tuple[pa.Table, list[int]]] = []  # those that were made by column, with their places
        self.low: dict[tuple[str, str, date], bool] = {}  # by address, base and day, whether it was on the ground
        self.last: Sequence[Any] = ()  # cells of the last row
        self.lengths: set[int] = set()  # characters in the last cell of the other full rows

    def read(self) -> None:
        """Read the rows into the reading."""
        rows = self._rows()
        first = list(islice(rows, SAMPLE))
        mapped, first = self._mapped(first)
        if mapped is None:
            self._not_mapped(first, rows)
            return
        self._take(mapped)
        self.reading.above += self.table.above.split("\n")
        self.zone = _zone_above(self.table.above)
        self.converter = Converter(self.places, None, self.zone)
        times = {number for name in self.times for number in mapped.numbers.get(name, ())}
        if any(_has_slashes(row, times) for row in first):
            first = [*first, *rows]
            rows = iter(())
            self.converter = Converter(self.places, _order(first, times), self.zone)
        before = len(self.reading.losses)
        number, rest = 0, chain(first, rows)
        while block := list(islice(rest, CHUNK - self.pending)):
            self._block(block)
            if self.pending >= CHUNK:
                self._flush()
            number += len(block)
            self.advance(min(number / max(self.table.length, number), 1.0))
        self._flush()
        self._place_rejects(before)
        self._weigh_last_line()
        self._weigh_low()
        self._weigh_zone(before)
        self.reading.losses += [Lost(self.table.name, loss, is_reject=False, is_cut=True) for loss in self.table.losses]

    def give_up(self, why: str) -> None:
        """Count as lost what was not yet put into rows, and the table as a whole as not read."""
        self.reading.records_kept -= self.pending
        self.reading.records_read -= self.pending
        self.reading.losses.append(Lost(self.table.name, why, is_reject=False, is_whole=True))

    def _rows(self) -> Iterator[Row]:
        """The rows, as far as they can be told apart: where that breaks, what follows is lost."""
        given = 0
        try:
            for row in self.table.rows:
                given += 1
                yield row
        except Exception as error:
            why = containment.reason(error, self.table.name)
            self.table.losses.append(f"not readable after row {given}: {why}")

    # ---- the file's end, and its zone

    def _note_last(self, cells: Sequence[Any]) -> None:
        if self.last and len(self.last) >= len(self.mapped.columns):
            self.lengths.add(len(str(self.last[-1]).strip()))
        self.last = cells

    def _weigh_last_line(self) -> None:
        """A last line without an end that is shorter than the others was cut, and what followed it is lost.

        A last cell that is shorter than all others says so where it is a time or a place, and those are of one length.
        """
        if not self.table.is_open or not self.last:
            return
        is_short = len(self.last) < len(self.mapped.columns)
        last = len(self.mapped.columns) - 1
        is_telling = any(last in self.mapped.numbers.get(name, ()) for name in (*self.times, *self.places_of))
        is_even = is_telling and len(self.lengths) == 1
        is_clipped = is_even and len(str(self.last[-1]).strip()) < min(self.lengths)
        if is_short or is_clipped:
            reason = "cut short: its last line ends within a record"
            self.reading.losses.append(Lost(self.table.name, reason, is_reject=False, is_cut=True))

    def _weigh_zone(self, before: int) -> None:
        """Times that a line above the heading calls local, without saying how far from UTC, may be of the next day."""
        line = next((line for line in self.table.above.split("\n") if _LOCAL.search(line)), None)
        if line is None or self.zone is not None or not self.reading.days:
            return
        days = {day + ONE_DAY * step for day in self.reading.days for step in (-1, 0, 1)}
        reason = f"says that its times are local, and not how far from UTC: {line.strip()[:80]!r}"
        self.reading.losses.append(Lost(self.table.name, reason, days=frozenset(days), is_reject=False))

    # ---- the heading

    def _take(self, mapped: Mapped) -> None:
        """Read the rows that follow under this heading."""
        self.mapped = mapped
        self.own = {plain_name(str(column)) for column in mapped.columns}
        self.reading.mapped.append(mapped)
        self.reading.forms.append(f"{mapped.form.name} ({self.table.kind})")
        self.times = ("at",) if mapped.form.table == TRACKS else TIMES[mapped.form.table]
        self.places_of = ("latitude", "longitude") if mapped.form.table == TRACKS else PLACES[mapped.form.table]

    def _is_heading(self, cells: Sequence[Any], first: str) -> bool:
        """Whether a row is a heading, where two lists were joined; another than before counts from there on."""
        if plain_name(first) not in forms.every_name() and plain_name(first) not in self.own:
            return False
        columns = [str(cell).strip() if cell is not None else "" for cell in cells]
        if list(map(plain_name, columns)) == [plain_name(str(column)) for column in self.mapped.columns]:
            return True
        mapped = forms.mapped(columns, [], self.places, self.stated)
        if mapped is None:
            return False
        self._flush()
        self._take(mapped)
        return True

    def _mapped(self, first: list[Row]) -> tuple[Mapped | None, list[Row]]:
        """The form by the columns, or by the first row that is the heading of one; and the rows below."""
        if self.table.columns is not None:
            return forms.mapped(self.table.columns, [row.cells for row in first], self.places, self.stated), first
        for number, row in enumerate(first[: opening.HEADING_WITHIN]):
            columns = [str(cell).strip() if cell is not None else "" for cell in row.cells]
            below = first[number + 1 :]
            mapped = forms.mapped(columns, [one.cells for one in below], self.places, self.stated)
            if mapped:
                self.reading.above += [" ".join(map(_shown, one.cells)) for one in first[:number]]
                return mapped, below
        return None, first

    def _not_mapped(self, first: list[Row], rest: Iterator[Row]) -> None:
        """A table of no known form: no data where it is empty or, in a workbook, a sheet that names no day."""
        columns = self.table.columns
        rows = [*first, *rest]
        if columns is None:
            widest = max((len(row.cells) for row in first), default=0)
            heading = next((row for row in first if len(row.cells) == widest), None)
            columns = [str(cell) for cell in heading.cells] if heading else []
        lines = [row.raw or " ".join(map(_shown, row.cells)) for row in rows]
        is_sheet = self.table.kind == "spreadsheet"
        if self.table.columns is not None and not rows and not columns and not self.table.losses:
            self.reading.forms.append(f"no records ({self.table.kind})")
        elif is_sheet and not any(days_in(line) for line in lines):
            self.reading.passed_over.append(f"{self.table.name}: a sheet without a table of flights")
        else:
            with_heading = ["", *lines] if self.table.columns is not None else lines
            lost = _unread(self.table.name, forms.not_recognised(columns), with_heading)
            self.reading.losses.append(lost)
            self.reading.losses += [
                Lost(self.table.name, loss, is_reject=False, is_cut=True) for loss in self.table.losses
            ]

    # ---- rows

    def _block(self, rows: list[Row]) -> None:
        """Read some rows: by column those of which there is nothing to tell, the others one by one, in their order."""
        made = None
        if len(rows) >= FEWEST_BY_COLUMN:
            columns = ByColumn(self.mapped, self.converter, self.places, self.latest, self.longest, self.own)
            made = columns.made(rows, self.origin, self._place)
        if made is None:
            for row in rows:
                self._row(row)
            return
        odd = [number for number, is_plain in enumerate(made.is_plain.tolist()) if not is_plain]
        places: list[int] = []
        start = 0
        for at in [*odd, len(rows)]:
            self._note_plain(rows[start:at], made.days[len(places) : len(places) + at - start])
            places += range(self.pending, self.pending + at - start)
            self.pending += at - start
            if at < len(rows):
                self._row(rows[at])
            start = at + 1
        if places:
            self.made.append((made.table, places))

    def _note_plain(self, rows: Sequence[Row], days: Sequence[date]) -> None:
        """Count rows that follow each other and were made by column."""
        if not rows:
            return
        self.reading.records_read += len(rows)
        self.reading.records_kept += len(rows)
        self.order_of_days += days
        if self.table.is_open:
            self._note_last(rows[0].cells)
            self.lengths |= {len(str(row.cells[-1]).strip()) for row in rows[:-1]}
            self.last = rows[-1].cells

    def _row(self, row: Row) -> None:
        cells = row.cells
        if row.fault is None and self._is_no_record(cells):
            return
        self.reading.records_read += 1
        if self.table.is_open:
            self._note_last(cells)
        where = f"{self.origin.file}, {self._place(row)}"
        try:
            if row.fault is not None:
                raise _Split(row.fault)
            cells = self._as_wide(cells)
            fields = self._fields(cells)
            if self.mapped.form.table == TRACKS:
                self._sight(fields)
                self.reading.records_kept += 1
                return
            record = self._convert(fields)
        except _Split as fault:
            raw = row.raw or _raw(cells)
            named = _around(days_in(raw), 2 if self.is_local else 1)
            self._reject(Lost(where, str(fault), raw[:LONGEST_RAW], frozenset(named)))
            return
        except NotFlown as fault:
            nothing: frozenset[str] = frozenset()
            self._reject(Lost(where, str(fault), _raw(cells)[:LONGEST_RAW], frozenset(), nothing))
            return
        except Malformed as fault:
            days, bases = self._concerns(fields, cells)
            if len(row.cells) != len(self.mapped.columns):  # its cells may stand under other columns than theirs
                days, bases = days | _around(days_in(_raw(cells)), 2 if self.is_local else 1), None
            self._reject(Lost(where, str(fault), _raw(cells)[:LONGEST_RAW], days, bases))
            return
        except Exception as error:
            written = row.raw or _raw(cells)
            why = containment.reason(error, where)
            self._reject(Lost(where, why, written[:LONGEST_RAW], frozenset(_around(days_in(written)))))
            return
        self.reading.records_kept += 1
        self.reading.dropped += bool(record.dropped)
        self.order_of_days.append(record.values["day"])
        self._note_untimed(record.values, where)
        self._note_unresolved(record.values, [*record.unresolved, *self._near(record.values, fields)], cells, where)
        self.waiting.append({**record.values, **stood(self.origin, self._place(row))})
        self.places_waiting.append(self.pending)
        self.pending += 1

    def _place(self, row: Row) -> str:
        return f"{self.prefix}, {row.place}" if self.prefix else row.place

    def _is_no_record(self, cells: Sequence[Any]) -> bool:
        """Whether a row is blank, a comment, a total, or the heading once more: none of them is a record."""
        filled = [cell for cell in cells if cell is not None and str(cell).strip()]
        if not filled:
            return True
        first = str(filled[0]).strip()
        if first.startswith("#") and len(filled) < 3:
            return True
        if len(filled) == 1 and _ROW_COUNT.fullmatch(first):
            return True
        if first[:1] in "-:=+" and all(set(str(cell).strip()) <= set("-:=+| ") for cell in filled):
            return True  # the line below a heading, as Markdown and terminals draw it
        words = first.lower().rstrip(": 0123456789") if first[:1].isalpha() else ""
        if words in forms.known()["totals"] and not any(days_in(str(cell)) for cell in filled):
            return True
        return len(filled) > 1 and self._is_heading(cells, first)

    def _as_wide(self, cells: Sequence[Any]) -> Sequence[Any]:
        """The cells, as many as columns. Raises _Split where cells that matter are missing, or others too many."""
        width = len(self.mapped.columns)
        if len(cells) > width:
            if any(cell is not None and str(cell).strip() for cell in cells[width:]):
                raise _Split(f"{len(cells)} cells under {width} columns")
            return cells[:width]
        if len(cells) < width:
            needed = [
                self.mapped.numbers[name] for name in (*self.times, *self.places_of) if name in self.mapped.numbers
            ]
            if any(len(cells) <= min(numbers) for numbers in needed):
                raise _Split(f"ends after {len(cells)} of {width} cells")
            return [*cells, *[None] * (width - len(cells))]
        return cells

    def _fields(self, cells: Sequence[Any]) -> dict[str, Any]:
        """Cells by field; of several columns for one field the first that is filled."""
        fields = {}
        for name, numbers in self.mapped.numbers.items():
            value = cells[numbers[0]]
            if len(numbers) > 1:
                value = next((cells[number] for number in numbers if cells[number] not in (None, "")), None)
            fields[name] = value
        return fields

    def _sight(self, fields: dict[str, Any]) -> None:
        seen = tracks.sighting(self.mapped.form.name, fields)
        if seen is not None:
            self.reading.sightings.append(seen)
            self.reading.days.add(tracks.day_of(seen))
            self._note_low(seen)

    def _note_low(self, seen: Sighting) -> None:
        """Note who came low to a base, and who was heard on the ground there."""
        craft = seen.craft
        height = craft.alt_baro if isinstance(craft.alt_baro, int | float) else craft.alt_geom
        if craft.lat is None or craft.lon is None or (height is not None and height > LOW_FT):
            return
        for base in self.places.near(craft.lat, craft.lon):
            on_ground = craft.alt_baro == "ground"
            key = (craft.hex, base, tracks.day_of(seen))
            self.low[key] = self.low.get(key, False) or on_ground

    def _weigh_low(self) -> None:
        """Who came low to a base and was not heard on the ground there may have landed: its day is doubtful."""
        for (address, base, day), on_ground in self.low.items():
            if not on_ground:
                reason = f"{address} came low to the base, and was not heard on the ground there"
                lost = Lost(self.table.name, reason, days=frozenset({day}), bases=frozenset({base}), is_reject=False)
                self.reading.losses.append(lost)

    def _convert(self, fields: dict[str, Any]) -> Any:
        if self.mapped.form.name == LOG:
            fields = _in_utc(fields, self.places)
        record = self.converter.convert(self.mapped.form.table, fields)
        (_, began_at), (_, ended_at) = ENDS[self.mapped.form.table]
        began, ended = record.values[began_at], record.values[ended_at]
        late = next((at for at in (began, ended) if at and at > self.latest), None)
        if late:
            raise Malformed(f"lies in the future: {late:%Y-%m-%d %H:%M}")
        if began and ended and abs(ended - began) > self.longest:
            raise Malformed(
                f"take-off and landing lie {abs(ended - began).days} days apart, which is no one flight: "
                f"{began:%Y-%m-%d %H:%M} and {ended:%Y-%m-%d %H:%M}"
            )
        return record

    # ---- what a fault may concern

    def _reject(self, lost: Lost) -> None:
        self.reading.losses.append(lost)
        self.order_of_days.append(None)

    def _place_rejects(self, before: int) -> None:
        """Mark the rejects that lie between records of a table in order of days: their day lies among the table's."""
        days = [day for day in self.order_of_days if day is not None]
        is_in_order = len(days) >= FEWEST_IN_ORDER and (
            all(one <= other for one, other in pairwise(days)) or all(one >= other for one, other in pairwise(days))
        )
        if not is_in_order:
            return
        kept = [position for position, day in enumerate(self.order_of_days) if day is not None]
        losses = enumerate(self.reading.losses[before:], start=before)
        rejected = iter([number for number, loss in losses if loss.is_reject])
        for position, day in enumerate(self.order_of_days):
            if day is not None:
                continue
            at = next(rejected, None)
            if at is not None and kept[0] < position < kept[-1]:
                self.reading.losses[at] = replace(self.reading.losses[at], is_inside=True)

    def _concerns(
        self, fields: Mapping[str, Any], cells: Sequence[Any]
    ) -> tuple[frozenset[date], frozenset[str] | None]:
        """The days that a rejected record may be of, and the watched bases (None: any)."""
        table = self.mapped.form.table
        if table == TRACKS:
            return frozenset(self._days_of(fields.get("at"))), None
        began, ended = (self._days_of(fields.get(name)) for name in TIMES[table])
        if began and ended:
            is_flight = timedelta() <= max(ended) - min(began) < timedelta(days=4)
            days = began | ended | (span({min(began), max(ended)}) if is_flight else set())
        elif began:
            days = began | {day + ONE_DAY for day in began}
        elif ended:
            days = ended | {day - ONE_DAY for day in ended}
        else:
            days = _around({day for value in cells for day in days_in(_shown(value))})
        if self.is_local:
            days = _around(days)
        days = {day for day in days if day <= self.latest.date()}
        bases: set[str] = set()
        for name in PLACES[table]:
            try:
                stated = text(fields.get(name))
            except Malformed:
                return frozenset(days), None
            place = self.places.resolve(stated)
            if place.code is None:
                return frozenset(days), None
            base = self.places.base_of(place.code)
            bases |= place.may_be | ({base} if base else set())
        return frozenset(days), frozenset(bases)

    @property
    def is_local(self) -> bool:
        """Whether the times are by clocks that may show another day than UTC."""
        return self.zone is not None or self.mapped.form.name == LOG

    def _days_of(self, value: Any) -> set[date]:
        try:
            at = moment(value, self.converter.order)
        except Ambiguous as twice:
            return set(twice.readings)
        except Malformed:
            return days_in(_shown(value))
        return {at.date()} if at else set()

    def _note_untimed(self, values: Mapping[str, Any], where: str) -> None:
        """A record that names a base as an end without a time, of which nothing else tells the day either."""
        for (place, at), seen, step in zip(
            ENDS[self.mapped.form.table], ("first_seen", "last_seen"), (-ONE_DAY, ONE_DAY), strict=True
        ):
            base = self.places.base_of(values[place])
            if base and values[at] is None and values.get(seen) is None:
                others = {values[other].date() for _, other in ENDS[self.mapped.form.table] if values[other]}
                day = min(others, default=values["day"])
                reason = (
                    f"names {values[place]} without a time: it may be of the day of the other end, or the next to it"
                )
                days = frozenset({day, day + step})
                self.reading.losses.append(Lost(where, reason, "", days, frozenset({base}), is_reject=False))
                self.reading.unresolved[f"{values[place]} without a time"] += 1
                self.reading.unresolved_at = self.reading.unresolved_at or where

    def _near(self, values: Mapping[str, Any], fields: Mapping[str, Any]) -> list[Place]:
        """The bases at which an end without an airport lies, by the position of its first or last contact."""
        places = []
        for (place, _), end in zip(ENDS[self.mapped.form.table], "12", strict=True):
            if values[place] is not None or f"latitude{end}" not in self.mapped.numbers:
                continue
            try:
                latitude, longitude = (as_number(fields.get(f"{name}{end}")) for name in ("latitude", "longitude"))
            except Malformed:
                continue
            if latitude is not None and longitude is not None:
                bases = self.places.near(latitude, longitude)
                places += [Place(f"{latitude:g}, {longitude:g}", False, bases)] if bases else []
        return places

    def _note_unresolved(
        self, values: Mapping[str, Any], unresolved: Sequence[Any], cells: Sequence[Any], where: str
    ) -> None:
        """Count a record that names a place which is not known, or no place for an end that it gives a time of."""
        table = self.mapped.form.table
        days = {at.date() for _, time_of in ENDS[table] if (at := values[time_of])} or {values["day"]}
        days |= self._span_of(values)
        names = [str(place.code) for place in unresolved]
        bases = {base for place in unresolved for base in place.may_be}
        ends = [(values[place], values[at]) for place, at in ENDS[table]]
        is_blank = any(place is None and at is not None for place, at in ends)
        if is_blank and table != "opensky_flights":  # where an estimate is missing, the provider knows of no airport
            names.append(BLANK)
            bases |= self.places.base_ids - {self.places.base_of(place) for place, _ in ends}
        at_either = {self.places.base_of(place) for place, _ in ends}
        for number in self.mapped.unread:  # a stop on the way, or where it was diverted to
            base = self.places.base_of(str(cells[number]).strip().upper()) if cells[number] else None
            if base and base not in at_either:
                names.append(f"{cells[number]} in column {self.mapped.columns[number]}")
                bases.add(base)
        if not names:
            return
        self.reading.unresolved.update(name[:60] for name in names)
        self.reading.unresolved_at = self.reading.unresolved_at or where
        if bases:
            reason = f"may be of the base: {', '.join(names)[:120]}"
            self.reading.losses.append(Lost(where, reason, "", frozenset(days), frozenset(bases), is_reject=False))

    def _span_of(self, values: Mapping[str, Any]) -> set[date]:
        (_, began_at), (_, ended_at) = ENDS[self.mapped.form.table]
        began, ended = values[began_at], values[ended_at]
        if began and not ended:
            return {began.date(), began.date() + ONE_DAY}
        if ended and not began:
            return {ended.date() - ONE_DAY, ended.date()}
        return set()

    def _flush(self) -> None:
        """Put the pending records into the reading, in the order in which they stood."""
        if not self.pending:
            return
        table = self.mapped.form.table
        rows, faults = from_records(self.waiting, TABLES[table].schema)
        for number, error in faults.items():
            record = self.waiting[number]
            where = f"{self.origin.file}, {record['origin_place']}"
            self._reject(Lost(where, containment.reason(error, where), _raw(list(record.values()))[:LONGEST_RAW]))
            self.reading.records_kept -= 1
        if self.made:
            places = [place for number, place in enumerate(self.places_waiting) if number not in faults]
            places += chain.from_iterable(of_made for _, of_made in self.made)
            rows = pa.concat_tables([rows, *(made for made, _ in self.made)])
            rows = rows.take(pa.array(np.argsort(places))).combine_chunks()
        self.pending, self.waiting, self.places_waiting, self.made = 0, [], [], []
        for _, at in ENDS[table]:
            days = pc.unique(rows.column(at).cast(pa.date32())).to_pylist()
            self.reading.days |= {day for day in days if day is not None}
        self.reading.rows.setdefault(table, []).append(rows)


class _Split(ValueError):
    """A row whose cells do not stand under their columns: which of them is what cannot be said."""


_ROW_COUNT = re.compile(r"\(?\d+ (?:rows?|records?|flights?)\)?", re.IGNORECASE)  # as database shells print it
# A line above a heading that says which zone its times are of.
_OF_UTC = re.compile(r"(?:UTC|GMT)\s*([+-]\s*\d{1,2}(?::?\d{2})?)", re.IGNORECASE)
_LOCAL = re.compile(r"\blocal\b|\btime ?zone\b|\bMSK\b|moscow time|местн|московск|ortszeit|heure locale", re.IGNORECASE)


def _zone_above(above: str) -> tzinfo | None:
    found = {match[1].replace(" ", "") for match in _OF_UTC.finditer(above)}
    return zone(found.pop()) if len(found) == 1 else None


def _shown(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return "" if value is None else str(value)


def _raw(cells: Sequence[Any]) -> str:
    try:
        return json.dumps(list(cells), default=str, ensure_ascii=False)
    except (ValueError, TypeError, RecursionError):  # values within values without end
        return f"{len(cells)} cells that cannot be written as JSON"


def _has_slashes(row: Row, times: set[int]) -> bool:
    return any(
        number < len(row.cells) and isinstance(row.cells[number], str) and _is_slashed(row.cells[number])
        for number in times
    )


def _is_slashed(value: str) -> bool:
    return value.count("/") == 2 or (value.count("-") == 2 and not value[:4].isdigit())


def _order(rows: Sequence[Row], times: set[int]) -> DateOrder | None:
    """The order of dates in digits that a table proves: some have a day above twelve, and all agree."""
    orders = {
        order
        for row in rows
        for number in times
        if number < len(row.cells) and isinstance(row.cells[number], str) and (order := date_order(row.cells[number]))
    }
    return orders.pop() if len(orders) == 1 else None


def _in_utc(fields: Mapping[str, Any], places: Places) -> dict[str, Any]:
    """A flight log's record with its local times in UTC. Raises Malformed where a time or its zone is not known."""
    values = dict(fields)
    day = moment(fields.get("date"))
    if day is None:
        raise Malformed("date is missing")
    zones = {}
    for name in ("origin", "destination"):
        code = places.resolve(text(fields.get(name))).code
        zone = places.zone(code)
        if zone is None:
            raise Malformed(
                f"{name} {fields.get(name)!r} is no airport whose time zone is known, and its times are local"
            )
        zones[name] = ZoneInfo(zone)
    clock = {name: _clock(name, fields.get(name)) for name in ("departedat", "arrivedat", "duration")}
    departed = clock["departedat"]
    if departed is None:
        raise Malformed("dep time is missing")
    begun = datetime.combine(day.date(), time(), zones["origin"]) + departed
    values["departedat"] = begun
    arrived, duration = clock["arrivedat"], clock["duration"]
    if arrived is not None:
        ended = datetime.combine(day.date(), time(), zones["destination"]) + arrived
        while ended < begun:
            ended += ONE_DAY
        values["arrivedat"] = ended
    else:
        values["arrivedat"] = begun + duration if duration else None
    kind = _in_brackets(str(fields.get("typecode") or ""))
    values["typecode"] = kind
    return values


def _in_brackets(written: str) -> str | None:
    inside = written.rpartition("(")[2].rstrip(") ") if "(" in written else written
    return inside.strip() or None


def _clock(name: str, value: Any) -> timedelta | None:
    """A time of day or a length as hours, minutes and seconds. Raises Malformed."""
    if isinstance(value, time):
        return timedelta(hours=value.hour, minutes=value.minute, seconds=value.second)
    written = text(value)
    if written is None:
        return None
    pieces = written.split(":")
    if not 2 <= len(pieces) <= 3 or not all(piece.strip().isdigit() for piece in pieces):
        raise Malformed(f"{name} is no time of day: {written[:40]!r}")
    hours, minutes, seconds = (*map(int, pieces), 0)[:3]
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)
