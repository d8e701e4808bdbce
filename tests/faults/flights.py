"""Faults of flight files: the records of a base over eight months, in the forms that users have, harmed one way each.

A fault is contained where every day whose ends at the base differ from the good world's does not count. What differs is
found by comparing rows, so that no fault needs to say itself which days it touches.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from basewatch import config, ingest, run
from basewatch.errors import SourceError, containment
from basewatch.lake.events import Day, FileReading, Reject, Rows
from basewatch.lake.readings import Readings
from basewatch.lake.store import Lake
from basewatch.reference import load
from basewatch.sources import contract
from basewatch.sources.contract import Window
from faults.fault import Answer, Family, Fault, Meet

FAMILY = "flights"
BASE, FIELD, HOME, AWAY = "hmeimim", "OSLK", "URRP", "UUEE"
SINCE, UNTIL = date(2025, 1, 1), date(2025, 8, 31)
NOW = datetime(2025, 9, 2, tzinfo=UTC)
AIRCRAFT = (("15501a", "RF-78658", "IL76"), ("155b22", "RA-85563", "T154"), ("15501b", "RF-78659", "IL76"))
COUNTED = ("ok", "empty")
TABLES = {  # of the lake: the columns of address, mark, and both ends
    "plain_flights": ("icao24", "registration", "origin", "departed_at", "destination", "arrived_at"),
    "flightradar24_flights": ("hex", "reg", "orig_icao", "datetime_takeoff", "dest_icao_actual", "datetime_landed"),
    "opensky_flights": (
        "icao24",
        None,
        "est_departure_airport",
        "first_seen",
        "est_arrival_airport",
        "last_seen",
    ),
}
Row = dict[str, Any]


@dataclass(frozen=True)
class Form:
    """A form of records: the columns that play each part, and what stands beside them."""

    name: str
    address: str
    mark: str | None
    origin: str
    off: str
    destination: str
    on: str
    more: Callable[[int, tuple[str, str, str], datetime, datetime], Row]
    identity: str | None = None  # the column of the record's own name
    is_epoch: bool = False

    def row(self, number: int, plane: tuple[str, str, str], ends: tuple[str, datetime, str, datetime]) -> Row:
        """A record of a flight."""
        origin, off, destination, on = ends
        row: Row = {self.address: plane[0]}
        if self.mark:
            row[self.mark] = plane[1]
        row |= {self.origin: origin, self.off: off, self.destination: destination, self.on: on}
        return row | self.more(number, plane, off, on)


PLAIN = Form(
    "plain",
    "icao24",
    "registration",
    "origin",
    "departed_at",
    "destination",
    "arrived_at",
    lambda number, plane, off, on: {
        "record_id": f"r-{number}",
        "callsign": f"RFF{7000 + number}",
        "type_code": plane[2],
    },
    "record_id",
)
FR24 = Form(
    "fr24",
    "hex",
    "reg",
    "orig_icao",
    "datetime_takeoff",
    "dest_icao_actual",
    "datetime_landed",
    lambda number, plane, off, on: {
        "fr24_id": f"3{number:07x}",
        "flight": None,
        "callsign": f"RFF{7000 + number}",
        "operating_as": "RFF",
        "painted_as": "RFF",
        "type": plane[2],
        "first_seen": off - timedelta(minutes=9),
        "last_seen": on + timedelta(minutes=4),
        "flight_ended": True,
    },
    "fr24_id",
)
OPENSKY = Form(
    "opensky",
    "icao24",
    None,
    "estDepartureAirport",
    "firstSeen",
    "estArrivalAirport",
    "lastSeen",
    lambda number, plane, off, on: {
        "callsign": f"RFF{7000 + number}",
        "estDepartureAirportHorizDistance": 700 + number,
        "estDepartureAirportVertDistance": 90,
        "estArrivalAirportHorizDistance": 900 + number,
        "estArrivalAirportVertDistance": 60,
        "departureAirportCandidatesCount": 1,
        "arrivalAirportCandidatesCount": 1,
    },
    is_epoch=True,
)
WRITTEN = {  # the forms of the worlds, each a file of one sort
    "plain csv": (PLAIN, "csv"),
    "plain jsonl": (PLAIN, "jsonl"),
    "plain parquet": (PLAIN, "parquet"),
    "fr24 csv": (FR24, "csv"),
    "opensky csv": (OPENSKY, "csv"),
    "opensky jsonl": (OPENSKY, "jsonl"),
}


def good(form: Form) -> list[Row]:
    """A stay at the base nearly every day: a record of the flight in, and one of the flight out."""
    rows, at = [], datetime(SINCE.year, SINCE.month, SINCE.day, 6, tzinfo=UTC) + timedelta(days=1)
    number = 0
    while at.date() < UNTIL:
        plane = AIRCRAFT[number % len(AIRCRAFT)]
        landed = at + timedelta(minutes=number * 37 % 300, seconds=number % 60)
        left = landed + timedelta(hours=5)
        rows.append(form.row(2 * number, plane, (HOME, landed - timedelta(hours=4), FIELD, landed)))
        rows.append(form.row(2 * number + 1, plane, (FIELD, left, HOME, left + timedelta(hours=4))))
        at += timedelta(days=1)
        number += 1
    return rows


# ---- writing


def _cell(value: Any, form: Form) -> Any:
    if isinstance(value, datetime):
        return int(value.timestamp()) if form.is_epoch else f"{value:%Y-%m-%dT%H:%M:%SZ}"
    return value


def written(rows: list[Row], form: Form, sort: str, delimiter: str = ",") -> bytes:
    """The rows as a file of this sort."""
    names = list(dict.fromkeys(name for row in rows for name in row)) or list(good(form)[0])
    cells = [{name: _cell(row.get(name), form) for name in names} for row in rows]
    if sort == "jsonl":
        return "".join(json.dumps(row) + "\n" for row in cells).encode()
    if sort == "parquet":
        buffer = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(cells), buffer)
        return buffer.getvalue()
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names, delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(cells)
    return text.getvalue().encode()


# ---- what is done to rows; `at` are numbers of records that are drawn anew for each fault

RowsHarm = Callable[[list[Row], Form, random.Random], list[Row]]


def every(change: Callable[[Row, Form], Row]) -> RowsHarm:
    """A change of every record."""
    return lambda rows, form, rng: [change(dict(row), form) for row in rows]


def one(change: Callable[[Row, Form], Row]) -> RowsHarm:
    """A change of one record."""

    def harm(rows: list[Row], form: Form, rng: random.Random) -> list[Row]:
        at = 2 * rng.randrange(5, len(rows) // 2 - 5)  # of a flight to the base
        return [change(dict(row), form) if number == at else row for number, row in enumerate(rows)]

    return harm


def _with(**parts: Any) -> Callable[[Row, Form], Row]:
    """Set the columns that play these parts; a value may be made of row and form."""

    def change(row: Row, form: Form) -> Row:
        for part, value in parts.items():
            name = getattr(form, part)
            if name:
                row[name] = value(row, form) if callable(value) else value
        return row

    return change


def _moved(**span: float) -> Callable[[Row, Form], Row]:
    """Move all times of a record."""
    return lambda row, form: {
        name: value + timedelta(**span) if isinstance(value, datetime) else value for name, value in row.items()
    }


def _swapped(left: str, right: str) -> Callable[[Row, Form], Row]:
    def change(row: Row, form: Form) -> Row:
        first, second = getattr(form, left), getattr(form, right)
        row[first], row[second] = row[second], row[first]
        return row

    return change


def _day_and_month(row: Row, form: Form) -> Row:
    """Days and months change places, where both can be meant."""
    return {
        name: value.replace(day=value.month, month=value.day)
        if isinstance(value, datetime) and value.day <= 8
        else value
        for name, value in row.items()
    }


def _soon_after(row: Row, form: Form) -> datetime:
    moment: datetime = row[form.off]
    return moment + timedelta(minutes=9)


def _long_before(row: Row, form: Form) -> datetime:
    moment: datetime = row[form.off]
    return moment - timedelta(hours=3)


def _without_months(first: int, last: int) -> RowsHarm:
    return lambda rows, form, rng: [row for row in rows if not first <= row[form.on].month <= last]


def _ids_reused(rows: list[Row], form: Form, rng: random.Random) -> list[Row]:
    """Later records under the names of earlier ones."""
    names = [row[form.identity] for row in rows] if form.identity else []
    return [{**row, form.identity: names[number % 100]} if form.identity else row for number, row in enumerate(rows)]


def _elsewhere_at_once(rows: list[Row], form: Form, rng: random.Random) -> list[Row]:
    """One more record: an aircraft takes off far away while another record has it at the base."""
    at = rng.randrange(5, len(rows) // 2 - 5) * 2
    row, landed = dict(rows[at]), rows[at][form.on]
    row |= {
        form.origin: "UHMA",
        form.off: landed + timedelta(minutes=30),
        form.destination: AWAY,
        form.on: landed + timedelta(hours=9),
    }
    row |= {name: value for name, value in (("first_seen", row[form.off]), ("last_seen", row[form.on])) if name in row}
    return [*rows, {**row, form.identity: "3fffffff"} if form.identity else row]


def _renamed(rows: list[Row], form: Form) -> list[Row]:
    """The same records under names of their own."""
    name = form.identity
    return [{**row, name: f"{row[name][:1]}f{row[name][2:]}"} for row in rows] if name else rows


def _shuffled(rows: list[Row], form: Form, rng: random.Random) -> list[Row]:
    return rng.sample(rows, len(rows))


def _grown(rows: list[Row], form: Form, rng: random.Random) -> list[Row]:
    """As many flights again, of another aircraft, in the last month."""
    more = [
        _moved(hours=1)(
            {
                **row,
                form.address: "15501c",
                **({form.mark: "RF-78660"} if form.mark else {}),
                **({form.identity: f"3a{number:06x}"} if form.identity else {}),
            },
            form,
        )
        for number, row in enumerate(rows)
        if row[form.on].month == 8
    ]
    return [*rows, *more]


def _half(rows: list[Row], form: Form, rng: random.Random) -> list[Row]:
    return [row for row in rows if rng.random() < 0.5]


def _twice(rows: list[Row], form: Form, rng: random.Random) -> list[Row]:
    return [each for row in rows for each in (row, row)]


ROWS: tuple[tuple[str, RowsHarm, str], ...] = (
    ("address of zeros in one", one(_with(address="000000")), "zeros|icao24 is missing"),
    ("address of zeros in all", every(_with(address="000000")), "zeros|icao24 is missing"),
    ("one address for all", every(_with(address="4b8001")), "address|aircraft"),
    ("address of another aircraft", one(_with(address="153402")), "address"),
    ("address that is none", one(_with(address="XYZ!12")), "address"),
    ("landing before take-off in one", one(_with(on=_long_before)), "before its take-off|contacts"),
    ("landing before take-off in all", every(_with(on=_long_before)), "before its take-off|contacts"),
    ("impossible speed in one", one(_with(on=_soon_after)), "speed|contacts"),
    ("impossible speed in all", every(_with(on=_soon_after)), "speed|contacts"),
    ("times swapped", every(_swapped("off", "on")), "before its take-off|contacts"),
    ("unknown destination in one", one(_with(destination="QXZW")), "no field|not known"),
    ("unknown origin in all", every(_with(origin="QXZW")), "no field|not known"),
    ("destination emptied in one", one(_with(destination=None)), "held .* before|place"),
    ("destination emptied in all", every(_with(destination=None)), "held .* before|place"),
    ("landing time emptied in all", every(_with(on=None)), "held .* before|day|time"),
    ("landing time unreadable", one(_with(on="soon")), "time|date|soon"),
    ("in two places at once", _elsewhere_at_once, "both"),
    ("ids of other records", _ids_reused, "id|record|name"),
    ("moved by 3 hours", every(_moved(hours=3)), "moved|differ|hours"),
    ("moved by 9 hours", every(_moved(hours=9)), "moved|differ|hours"),
    ("moved by 40 days", every(_moved(days=40)), "moved|differ|future|less|days"),
    ("years in the future", every(_moved(days=1461)), "future|not come|held .* before"),
    ("years in the past", every(_moved(days=-20088)), "past|long ago|held .* before|date"),
    ("days and months swapped", every(_day_and_month), "speed|before|contacts|both|less|differ"),
    ("places swapped", every(_swapped("origin", "destination")), "differ|both|contacts|place"),
    ("address and place swapped", every(_swapped("address", "origin")), "address|column|form"),
    ("a month missing", _without_months(7, 7), "less than its norm|held .* before"),
    ("five months missing", _without_months(1, 5), "held .* before"),
    ("half of the records", _half, "held .* before"),
    ("no record left", lambda rows, form, rng: [], "held .* before"),
)
HARMLESS_ROWS: tuple[tuple[str, RowsHarm], ...] = (
    ("unchanged", lambda rows, form, rng: list(rows)),
    ("other order", _shuffled),
    ("growth", _grown),
    ("every record twice", _twice),
    ("three minutes corrected", one(lambda row, form: {**row, form.on: row[form.on] + timedelta(minutes=3)})),
    ("a column more", every(lambda row, form: {**row, "remark": "seen"})),
)


# ---- what is done to a file as a whole

Harm = Callable[[bytes], bytes]


def _cut(share: float) -> Harm:
    return lambda data: data[: int(len(data) * share)]


def _overwritten(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes(400) + data[middle + 400 :]


def _noise(data: bytes) -> bytes:
    return random.Random(len(data)).randbytes(len(data))


LINE_FILES: tuple[tuple[str, Harm, str], ...] = (
    (
        "cut within a record",
        lambda data: data[: data.index(b"\n", len(data) // 2) - 30],
        "cut|short|cells|held .* before",
    ),
    ("cut between records", lambda data: data[: data.index(b"\n", len(data) // 2) + 1], "held .* before"),
    ("a record cut", lambda data: data.replace(data.splitlines()[90], data.splitlines()[90][:25]), "cells|record|JSON"),
    (
        "two records in one line",
        lambda data: data.replace(data.splitlines(keepends=True)[90], data.splitlines(keepends=True)[90].rstrip()),
        "cells|JSON|field",
    ),
    ("zeros in the middle", _overwritten, "zero|NUL|control|byte|binary|cells|JSON|char"),
)
ANY_FILE: tuple[tuple[str, Harm, str], ...] = (
    ("no bytes", lambda data: b"", "holds nothing"),
    ("a web page", lambda data: b"<!DOCTYPE html><html><body>Session expired</body></html>", "page|HTML|form|read"),
    ("noise", _noise, "read|form|text"),
    ("packed and cut", lambda data: gzip.compress(data)[:-700], "gzip|cut|packed|compress"),
    ("other program's error", lambda data: b'{"error": "quota exceeded"}\n', "form|column|record"),
)
CSV_FILE: tuple[tuple[str, Harm, str], ...] = (
    ("heading lost", lambda data: data.split(b"\n", 1)[1], "heading|column|form"),
    (
        "heading of another form",
        lambda data: b"a,b,c,d,e,f,g,h,i,j,k\n" + data.split(b"\n", 1)[1],
        "column|form|heading",
    ),
    ("a quote opened", lambda data: data.replace(b",OSLK", b',"OSLK', 1), "quote|cells|CSV|field"),
)
HARMLESS_CSV: tuple[tuple[str, Harm], ...] = (
    ("UTF-16", lambda data: data.decode().encode("utf-16")),
    ("with a byte order mark", lambda data: b"\xef\xbb\xbf" + data),
    ("lines of Windows", lambda data: data.replace(b"\n", b"\r\n")),
    ("semicolons", lambda data: data.replace(b",", b";")),
    ("tabs", lambda data: data.replace(b",", b"\t")),
    ("packed", gzip.compress),
    ("all twice, heading and all", lambda data: data + data),
)
SECOND: tuple[tuple[str, RowsHarm, str], ...] = (  # a second file beside the good one
    ("stamps of the other file", every(_with(address="153402", mark="RA-78850")), "stamps of another file"),
    ("the other file moved by 3 hours", every(_moved(hours=3)), "moved by"),
    ("the other file moved by minus 5 hours", every(_moved(hours=-5)), "moved by"),
)


@dataclass(frozen=True)
class Change:
    """What a fault does: to the rows, to the bytes, or by a second file."""

    written: str
    rows: RowsHarm | None = None
    data: Harm | None = None
    second: RowsHarm | None = None
    is_gone: bool = False


def faults() -> list[Fault]:
    """All faults of the family."""
    found: list[Fault] = []

    def add(kind: str, change: Change, reason: str = "", is_harmful: bool = True) -> None:
        found.append(Fault(FAMILY, kind, change.written, "window", change, reason, is_harmful))

    for name, (form, sort) in WRITTEN.items():
        for kind, rows, reason in ROWS:
            is_idle = ("ids" in kind and form is not FR24) or ("unreadable" in kind and sort == "parquet")
            is_idle |= "landing time emptied" in kind and form is FR24  # its last contact stands for it
            is_idle |= kind == "address that is none" and form.mark is not None  # the mark names the aircraft still
            if not is_idle and not (sort == "parquet" and "swapped" in kind and "address" in kind):
                add(kind, Change(name, rows=rows), reason)
        for kind, rows in HARMLESS_ROWS:
            add(kind, Change(name, rows=rows), is_harmful=False)
        for kind, data, reason in (*ANY_FILE, *(LINE_FILES if sort != "parquet" else ())):
            add(kind, Change(name, data=data), reason)
        for kind, second, reason in SECOND:
            if form.mark or "stamps" not in kind:
                add(kind, Change(name, second=second), reason)
        add("the file gone", Change(name, is_gone=True), "is gone")
    for name in ("plain csv", "fr24 csv", "opensky csv"):
        for kind, data, reason in CSV_FILE:
            add(kind, Change(name, data=data), reason)
        for kind, data in HARMLESS_CSV:
            add(kind, Change(name, data=data), is_harmful=False)
    for share in (0.3, 0.9):
        add(f"cut at {share:.0%}", Change("plain parquet", data=_cut(share)), "parquet|cut|read")
    add("zeros in the middle", Change("plain parquet", data=_overwritten), "parquet|read|page|compress")
    return found


# ---- the world


class World:
    """A lake that holds the good records of one form, and what a next reading of the folder gives."""

    def __init__(self, folder: Path, name: str) -> None:
        self.form, self.sort = WRITTEN[name]
        self.rows = good(self.form)
        self.folder, self.ending = folder, {"csv": "csv", "jsonl": "jsonl", "parquet": "parquet"}[self.sort]
        section = {
            "enabled": True,
            "location": str(folder / "flights"),
            "covers": [{"base": BASE, "from": str(SINCE), "to": str(UNTIL)}],
        }
        self.settings = config.Settings(sources={"flight_files": section}, folder=folder)  # type: ignore[arg-type]
        self.facts, self.params = load.tables(config.Settings()), load.params(config.Settings())
        self.about = contract.context("flight_files", self.settings, self.facts, self.params, NOW)
        self.window = Window("flight_files", SINCE, UNTIL)
        self.put(written(self.rows, self.form, self.sort))
        self.lake = Lake(folder / "warehouse")
        ingest.ingest(self.window, self.about, self.lake, "good")
        self.readings = Readings(self.lake, "flight_files")
        self.passed_over = ""
        self.good_ends, _, words = self.read()
        assert self.good_ends and not words, words

    def put(self, data: bytes | None, second: bytes | None = None) -> None:
        """The folder's files."""
        flights = self.folder / "flights"
        shutil.rmtree(flights, ignore_errors=True)
        flights.mkdir(parents=True)
        for name, content in (("records", data), ("records-more", second)):
            if content is not None:
                (flights / f"{name}.{self.ending}").write_bytes(content)

    def read(self) -> tuple[set[tuple[Any, ...]], dict[date, str], str]:
        """The ends at the base, the state of its days, and what is said of files, on a night after the good one."""
        about = replace(self.about, readings=self.readings)
        source = contract.module("flight_files")
        events = list(source.decode(source.fetch(self.window, about), about))
        days = {event.day: event.status for event in events if isinstance(event, Day) and event.scope == f"base:{BASE}"}
        ends: set[tuple[Any, ...]] = set()
        for event in events:
            if isinstance(event, Rows) and event.table in TABLES:
                data = pq.read_table(event.data) if isinstance(event.data, Path) else event.data
                address, mark, *stated = TABLES[event.table]
                for row in data.to_pylist():
                    who = row[address] or (mark and row[mark])
                    for side, (place, at) in enumerate((stated[:2], stated[2:])):
                        if row[place] == FIELD and row[at]:
                            ends.add((side, row[at], who))
        said = [
            run.FileToTell("flight_files", event, None).words
            for event in events
            if isinstance(event, FileReading) and not event.is_sound
        ]
        said += [event.reason for event in events if isinstance(event, Reject)]
        self.passed_over = "\n".join(
            event.passed_over for event in events if isinstance(event, FileReading) and event.passed_over
        )
        return ends, days, "\n".join(said)

    def meet(self, fault: Fault) -> Answer:
        """Harm the folder, read it, and compare."""
        change: Change = fault.harm
        rng = random.Random(fault.name)
        rows = change.rows(self.rows, self.form, rng) if change.rows else self.rows
        data = written(rows, self.form, self.sort)
        more = change.second(_renamed(self.rows, self.form), self.form, rng) if change.second else None
        second = written(more, self.form, self.sort) if more else None
        self.put(None if change.is_gone else change.data(data) if change.data else data, second)
        try:
            with containment.of_source("flight_files", "a night"):
                ends, days, words = self.read()
        except SourceError as error:
            return Answer("refused", str(error))
        touched = {at.date() for _, at, _ in ends ^ self.good_ends if SINCE <= at.date() <= UNTIL}
        if not fault.is_harmful:
            return Answer("warned" if words else "passed", words)
        if not words:
            return Answer("passed", f"{len(touched)} days differ, of which nothing is said")
        is_contained = all(days.get(day) not in COUNTED for day in touched)
        return Answer("contained" if is_contained else "warned", words)


@contextlib.contextmanager
def world(folder: Path) -> Iterator[Meet]:
    """The worlds of all forms, each made when its first fault comes."""
    worlds: dict[str, World] = {}

    def meet(fault: Fault) -> Answer:
        name = fault.harm.written
        if name not in worlds:
            worlds[name] = World(folder / name.replace(" ", "-"), name)
        return worlds[name].meet(fault)

    yield meet


FLIGHTS = Family(FAMILY, faults, world)
