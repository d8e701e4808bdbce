"""Flight records that the user already has: Flightradar24 flight summaries, OpenSky flight lists, or the plain form.

The form is recognised by its columns, the file format by its ending (CSV, JSON, JSON Lines, Parquet). Records prove
what they state and nothing else: only days that `covers` declares complete for a base count as looked at.
"""

from __future__ import annotations

import csv
import glob
import hashlib
import io
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from basewatch.config import FlightFiles
from basewatch.errors import SourceError
from basewatch.lake.events import GLOBAL, Day, Event, Reject, Rows
from basewatch.sources import flight_records
from basewatch.sources.contract import Context, Grain, Landed, LandedFile, Window

ENDINGS = (".csv", ".json", ".jsonl", ".ndjson", ".parquet")
UNDECLARED = "records without a declared cover: a lower bound, not a count"

Reader = Callable[
    [Iterable[Mapping[Any, object]], str, flight_records.Origin, datetime | None], tuple[pa.Table, list[Reject]]
]


@dataclass(frozen=True)
class Form:
    """A known form of flight record: the columns that give it away and the function that reads it."""

    name: str
    table: str
    columns: frozenset[str]
    read: Reader


FORMS = (
    Form(
        "Flightradar24 flight summary",
        "flightradar24_flights",
        frozenset({"fr24_id"}),
        flight_records.flightradar24_rows,
    ),
    Form(
        "OpenSky flights",
        "opensky_flights",
        frozenset({"icao24", "firstseen", "lastseen"}),
        flight_records.opensky_rows,
    ),
    Form("plain, arrivals", "plain_flights", frozenset({"destination", "arrived_at"}), flight_records.plain_rows),
    Form("plain, departures", "plain_flights", frozenset({"origin", "departed_at"}), flight_records.plain_rows),
)


def recognise(columns: Iterable[str]) -> Form | None:
    """The form that these columns give away, None if they are none that is known."""
    names = {str(column).strip().lower().replace("_", "") for column in columns}
    for form in FORMS:
        if {name.replace("_", "") for name in form.columns} <= names:
            return form
    return None


def files_at(location: Path) -> list[Path]:
    """Files of a known ending at a file, a folder (searched to the bottom) or a pattern, sorted by path."""
    if location.is_dir():
        paths: Iterable[Path] = location.rglob("*")
    elif location.exists():
        paths = [location]
    else:
        paths = (Path(name) for name in glob.glob(str(location), recursive=True))  # noqa: PTH207 - an absolute pattern
    return sorted(file for file in paths if file.is_file() and file.suffix.lower() in ENDINGS)


def grain(_: FlightFiles) -> Grain:
    """All files at once."""
    return "whole"


def fetch(window: Window, context: Context[FlightFiles]) -> Landed:
    """The files at the configured location, where they are. Raises SourceError where there are none."""
    settings = context.settings
    if not settings.location:
        raise SourceError(
            f"{window.source} has no location: set sources.{window.source}.location to a folder, file or pattern"
        )
    location = context.folder / Path(settings.location).expanduser()
    files = files_at(location)
    if not files:
        raise SourceError(f"{window.source}: no {', '.join(ENDINGS)} file at {settings.location}")
    landed = []
    for file in files:
        data = file.read_bytes()
        landed.append(LandedFile(file, file.name, hashlib.sha256(data).hexdigest(), len(data), context.now))
    return Landed(window, tuple(landed))


@dataclass
class _Tally:
    """What one day came to, over all files."""

    read: int = 0
    kept: int = 0
    files: dict[str, LandedFile] = field(default_factory=dict)


def decode(landed: Landed, context: Context[FlightFiles]) -> Iterator[Event]:
    """Rows of the records whose day lies in the window, rejects, and the days: declared covers, and days with records.

    A day's row with scope `global` says that there are records but not that they are all (`partial`); with scope
    `base:<id>` that the user declares them complete for that base (`ok`, or `empty` where no record touches it).
    """
    window = landed.window
    settings = context.settings
    tallies: dict[date, _Tally] = defaultdict(_Tally)
    at_base: dict[tuple[str, date], int] = defaultdict(int)
    codes = {
        code: base.base_id for base in context.reference.bases.values() for code in (base.icao, base.ident) if code
    }
    rejected: dict[date, int] = defaultdict(int)
    for file in landed.files:
        try:
            form, values = read(file.path)
        except ValueError as error:
            rejected[window.until] += 1
            yield Reject(window.until, file.url, str(error))
            continue
        # the fetch time of the user's own file is no fact about the flight, and would differ every night
        table, rejects = form.read(values, window.source, flight_records.Origin(file.url, file.sha256), None)
        days = sorted(set(table.column("day").to_pylist()))
        # a record that cannot be read has no day; it is counted on the last day of the file that holds it
        day_of_rejects = days[-1] if days else window.until
        if rejects and window.holds(day_of_rejects):
            rejected[day_of_rejects] += len(rejects)
            for reject in rejects:
                yield Reject(day_of_rejects, reject.where, reject.reason, reject.raw)
        for day in days:
            if not window.holds(day):
                continue
            rows = table.filter(pc.equal(table.column("day"), pa.scalar(day, pa.date32())))
            tally = tallies[day]
            tally.read += rows.num_rows
            tally.kept += rows.num_rows
            tally.files[file.sha256] = file
            for base_id, on in _touched(form.table, rows, codes):
                at_base[base_id, on] += 1
            yield Rows(form.table, day, rows)
    for day in sorted(set(tallies) | set(rejected)):
        yield _day(day, GLOBAL, "partial", tallies.get(day, _Tally()), rejected.get(day, 0), UNDECLARED)
    for cover in settings.covers:
        if cover.base not in context.reference.bases:
            raise SourceError(f"{window.source}.covers: base {cover.base!r} is not in bases.csv")
        for day in Window(window.source, max(cover.since, window.since), min(cover.until, window.until)).days():
            count = at_base.get((cover.base, day), 0)
            yield Day(
                day, "ok" if count else "empty", f"base:{cover.base}", len(landed.files) if count else 0,
                records_read=count, records_kept=count,
            )  # fmt: skip


def _day(day: date, scope: str, status: str, tally: _Tally, rejected: int, error: str | None) -> Day:
    digest = hashlib.sha256("\n".join(sorted(tally.files)).encode()).hexdigest() if tally.files else None
    size = sum(file.size for file in tally.files.values())
    read_all = tally.read + rejected
    return Day(day, status, scope, len(tally.files), size, read_all, tally.kept, rejected, digest, None, error)


_ENDS = {
    "flightradar24_flights": (("orig_icao", "datetime_takeoff"), ("dest_icao_actual", "datetime_landed")),
    "opensky_flights": (("est_departure_airport", "first_seen"), ("est_arrival_airport", "last_seen")),
    "plain_flights": (("origin", "departed_at"), ("destination", "arrived_at")),
}


def _touched(table: str, rows: pa.Table, codes: Mapping[str, str]) -> Iterator[tuple[str, date]]:
    """Base and day of every end of a record that lies at a watched base."""
    for place, time in _ENDS[table]:
        for code, at in zip(rows.column(place).to_pylist(), rows.column(time).to_pylist(), strict=True):
            if code in codes and at is not None:
                yield codes[code], at.astimezone(UTC).date()


def read(file: Path) -> tuple[Form, list[Any]]:
    """The form and the records of one file, values as written. Raises ValueError saying what is wrong with the file."""
    rows = _parquet(file) if file.suffix.lower() == ".parquet" else _text(file)
    if not rows:
        raise ValueError("no records in the file")
    columns = {str(column) for row in rows[:50] if isinstance(row, Mapping) for column in row if column is not None}
    form = recognise(columns)
    if form is None:
        shown = ", ".join(sorted(columns)[:12]) or "none"
        raise ValueError(
            f"columns not recognised ({shown}); known: Flightradar24 (fr24_id …), "
            "OpenSky (icao24, firstSeen, lastSeen …), "
            "plain (icao24 or registration, with origin and departed_at or destination and arrived_at)"
        )
    return form, rows


def _parquet(file: Path) -> list[Any]:
    try:
        rows: list[Any] = pq.read_table(file).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"not readable as Parquet: {error}") from None
    return [
        {name: value.isoformat() if isinstance(value, date) else value for name, value in row.items()} for row in rows
    ]


def _text(file: Path) -> list[Any]:
    data = file.read_bytes()
    try:
        content = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    if file.suffix.lower() == ".csv":
        return _csv(content)
    try:
        whole = json.loads(content)
    except json.JSONDecodeError as fault:
        return _lines(content, fault)
    if isinstance(whole, Mapping):
        whole = whole.get("data", whole.get("flights", [whole]))
    if not isinstance(whole, list):
        raise ValueError("JSON holds neither a list of records nor an object with `data`")
    return whole


def _lines(content: str, fault: json.JSONDecodeError) -> list[Any]:
    rows = []
    for number, line in enumerate(content.splitlines(), start=1):
        if line.strip():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                if number == 1:
                    raise ValueError(f"neither JSON nor JSON Lines: {fault}") from None
                rows.append(line)  # becomes a reject of its own; the other lines count
    return rows


def _csv(content: str) -> list[Any]:
    sample = content[:8192]
    delimiter = max(",;\t", key=lambda mark: sample.split("\n", 1)[0].count(mark))
    return list(csv.DictReader(io.StringIO(content, newline=""), delimiter=delimiter))
