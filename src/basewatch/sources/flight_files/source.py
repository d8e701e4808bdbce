"""The source itself: the user's files where they lie, their records as rows, and the days that they bear out."""

from __future__ import annotations

import difflib
import glob
import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from basewatch import progress
from basewatch.config import Cover, FlightFiles
from basewatch.durable import sha256
from basewatch.errors import SourceError, containment
from basewatch.lake.events import GLOBAL, Day, Event, FileReading, Reject, Rows
from basewatch.lake.recording import in_words
from basewatch.readsb.polled import Sighting
from basewatch.reference.thresholds import Thresholds
from basewatch.sources import consistency, lasting, volumes
from basewatch.sources.contract import LINK, Context, Finding, Grain, Landed, LandedFile, Taken, Window, leads_out
from basewatch.sources.flight_files import covers, restatements, sameness, tracks
from basewatch.sources.flight_files.covers import End
from basewatch.sources.flight_files.reading import Lost, Reading, read, span
from basewatch.sources.flight_files.restatements import Restated
from basewatch.sources.flight_records import ENDS, Origin, raw
from basewatch.sources.places import Places

UNDECLARED = "records without a declared cover: a lower bound, not a count"
NOT_OPENED = "cannot be opened: "
SHOWN = 3  # rows of a file on trial


def grain(_: FlightFiles) -> Grain:
    """All files at once."""
    return "whole"


# ---- which files


@dataclass(frozen=True)
class Place:
    """A file at the location, and why it could not be looked at, where it could not."""

    path: Path
    name: str
    fault: str | None = None


def files_at(location: Path, ignore: Iterable[str] = ()) -> list[Place]:
    """The files at a file, a folder (searched to the bottom) or a pattern, sorted by name; hidden ones left out.

    A folder that may not be listed, and a link that leads nowhere, are told as faults: they may hold records.
    """
    ignored = tuple(ignore)
    found: list[Place] = []
    if location.is_dir():

        def refused(error: OSError) -> None:
            folder = Path(error.filename or location)
            found.append(Place(folder, _name(folder, location), f"{NOT_OPENED}{error.strerror}"))

        for folder, _, names in os.walk(location, onerror=refused, followlinks=True):
            found += [_place(Path(folder) / name, location) for name in names]
    elif location.exists():
        found = [Place(location, location.name)]
    else:
        paths = [Path(name) for name in glob.glob(str(location), recursive=True)]  # noqa: PTH207 - an absolute pattern
        top = _fixed_part(location)
        found = [_place(path, top) for path in paths if not path.is_dir()]
    return sorted(
        (one for one in found if not _is_hidden(one.name) and not lasting.is_ignored(one.name, ignored)),
        key=lambda one: one.name,
    )


def _fixed_part(pattern: Path) -> Path:
    """The folder of a pattern above its first wildcard: names are told from there."""
    return next(folder for folder in pattern.parents if not glob.has_magic(str(folder)))


def _name(path: Path, top: Path) -> str:
    relative = os.fsencode(path.relative_to(top)) if path != top else b"."
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in relative.decode("utf-8", "replace"))


def _place(path: Path, top: Path) -> Place:
    fault = None
    if path.is_symlink() and not path.exists():
        fault = f"{NOT_OPENED}a link that leads nowhere"
    elif leads_out(path, top):
        fault = f"{NOT_OPENED}{LINK}"
    return Place(path, _name(path, top), fault)


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "~$")) and part != "." for part in Path(name).parts)


def fetch(window: Window, context: Context[FlightFiles]) -> Landed:
    """The files at the configured location, where they are.

    Raises SourceError where there are none and never were, and where the folder itself is gone: a disk that is not
    mounted says nothing of its files.
    """
    settings = context.settings
    if not settings.location:
        raise SourceError(
            f"{window.source} has no location: set sources.{window.source}.location to a folder, file or pattern"
        )
    location = context.folder / Path(settings.location).expanduser()
    places = files_at(location, settings.ignore)
    is_gone = not location.is_dir() and not (location.suffix and location.parent.is_dir())
    if not places and (is_gone or not (context.readings and context.readings.held())):
        raise SourceError(f"{window.source}: no file at {settings.location}")
    return Landed(window, tuple(_landed(place, context) for place in places))


def _landed(place: Place, context: Context[FlightFiles]) -> LandedFile:
    fault = place.fault
    if fault is None:
        try:
            return LandedFile(place.path, place.name, sha256(place.path), place.path.stat().st_size, context.now)
        except OSError as error:
            fault = f"{NOT_OPENED}{error.strerror or error}"
    return LandedFile(place.path, place.name, "", 0, context.now, note=fault)


# ---- what is in them


@dataclass
class _Tally:
    """What one day came to, over all files."""

    read: int = 0
    kept: int = 0
    files: dict[str, LandedFile] = field(default_factory=dict)


@dataclass
class _Files:
    """All files of a reading: what came of each, their records, each once, and what they say otherwise than before."""

    readings: dict[str, Reading]
    tables: dict[str, pa.Table]
    duplicates: Counter[str]
    notes: dict[str, FileReading]
    otherwise: dict[str, Restated]


def decode(landed: Landed, context: Context[FlightFiles]) -> Iterator[Event]:
    """Rows of the records that touch the window, rejects, the files, and the days: those covered, those with records.

    A day's row with scope `global` says that there are records but not that they are all (`partial`); with scope
    `base:<id>` that the user declares them complete for that base: `ok`, `empty` where no record touches it, `partial`
    or `missing` where the files do not bear it out.
    """
    window = landed.window
    settings = context.settings
    places = Places(context.reference)
    for cover in settings.covers:
        base = context.reference.bases.get(cover.base)
        if base is None:
            raise SourceError(f"{window.source}.covers: base {cover.base!r} is not in bases.csv")
        if not (base.icao or base.ident):
            raise SourceError(
                f"{window.source}.covers: {cover.base} has neither an ICAO code nor an ident in bases.csv, so that no "
                "record can name it"
            )
    files = _read_all(landed, context, places)
    if not any(reading.forms or reading.losses for reading in files.readings.values()):
        raise SourceError(
            f"{window.source}: none of the {len(landed.files)} files at {settings.location} is a list of flights"
        )
    by_file = {base: _days_at(files.tables, places, base) for base in {cover.base for cover in settings.covers}}
    end = covers.end_of_data(files.readings)
    _note_fallen(files, settings.covers, by_file, end, window, context.params)
    yield from files.notes.values()
    yield from _records(landed, files, context)
    for cover in settings.covers:
        yield from _covered(cover, window, files, by_file[cover.base], end, context.params)


def _read_all(landed: Landed, context: Context[FlightFiles], places: Places) -> _Files:
    """Every file read, each record once, and the last good reading of files that now hold far less."""
    readings: dict[str, Reading] = {}
    size = sum(file.size for file in landed.files)
    with progress.load(landed.window.source, size) as advance:
        for file in landed.files:
            readings[file.url] = _read(file, context, places, advance)
    pieces: dict[str, list[pa.Table]] = defaultdict(list)
    for reading in readings.values():
        for table, of_file in reading.rows.items():
            pieces[table] += of_file
        reading.rows = {}  # they live on in the tables of all files
    tables: dict[str, pa.Table] = {}
    duplicates: Counter[str] = Counter()
    for table in sorted(pieces):
        rows = _with_source(pa.concat_tables(pieces.pop(table)), context.source)
        tables[table], dropped = sameness.without_duplicates(table, rows)
        duplicates += dropped
    tables = _consistent(tables, readings, places, context)
    shas = {file.url: file.sha256 or None for file in landed.files}
    tables, otherwise = _without_restated(tables, readings, shas, places, context)
    files = _Files(readings, tables, duplicates, {}, otherwise)
    declared = {cover.base for cover in context.settings.covers} or set(context.reference.bases)
    for name, reading in readings.items():
        files.notes[name] = _note(name, shas[name], reading, duplicates[name], declared)
    _keep_lasting(files, context)
    _doubt_days_alone(files, places)
    return files


def _consistent(
    tables: Mapping[str, pa.Table], readings: Mapping[str, Reading], places: Places, context: Context[FlightFiles]
) -> dict[str, pa.Table]:
    """The records that can be so, bad fields voided; what is wrong goes to the losses of its file."""
    held = context.readings.latest() if context.readings else {}
    believed = {name for name, before in held.items() if not consistency.is_copy(before.contradictions)}
    is_made_up = context.source == "simulated"
    judged = consistency.judge(tables, places, context.reference, context.params, believed, is_made_up=is_made_up)
    for one in judged.found:
        reading = readings[one.file]
        if one.row is None:
            where, reason, written = one.file, one.reason, ""
        else:
            where = f"{one.file}, {tables[one.table].column('origin_place')[one.row]}"
            reason = f"{one.name}: {one.reason}"
            written = raw(tables[one.table].slice(one.row, 1).to_pylist()[0]) if one.is_reject else ""
            reading.records_kept -= one.is_reject
        reading.losses.append(Lost(where, reason, written, one.days, one.bases, one.is_reject, contradiction=one.name))
    return judged.tables


def _without_restated(
    tables: Mapping[str, pa.Table],
    readings: Mapping[str, Reading],
    shas: Mapping[str, str | None],
    places: Places,
    context: Context[FlightFiles],
) -> tuple[dict[str, pa.Table], dict[str, Restated]]:
    """The records without those that stand in place of what their file said before, and by file what it says otherwise.

    What is set aside goes to the losses of its file. What its owner said is meant is not looked at again.
    """
    if context.readings is None:
        return dict(tables), {}
    held = context.readings.held()
    changed = {}
    for name, digest in shas.items():
        before = held.get(name)
        is_same = before is not None and before.sha256 == digest
        is_meant = before and before.withdrawn_because and (is_same or before.is_short)
        if before and not is_meant and (before.is_short or not is_same):
            changed[name] = digest
    if not changed:
        return dict(tables), {}
    before_rows = {table: context.readings.rows_with(table, "origin_file", shas) for table in ENDS}
    otherwise = restatements.found(tables, before_rows, changed, held, places, context.params)
    kept = {table: np.ones(rows.num_rows, np.bool_) for table, rows in tables.items()}
    for name, one in otherwise.items():
        for table, are_aside in one.set_aside.items():
            kept[table] &= ~are_aside
            for row in tables[table].filter(pa.array(are_aside)).to_pylist():
                times = {row[at].astimezone(UTC).date() for _, at in ENDS[table] if row[at]} or {row["day"]}
                where = f"{name}, {row['origin_place']}"
                reason = f"{restatements.OTHERWISE}: the file {one.words}"
                readings[name].losses.append(
                    Lost(where, reason, raw(row), frozenset(times), one.bases, contradiction=restatements.OTHERWISE)
                )
                readings[name].records_kept -= 1
    return {table: rows.filter(pa.array(kept[table])) for table, rows in tables.items()}, otherwise


def _with_source(rows: pa.Table, source: str) -> pa.Table:
    index = rows.schema.get_field_index("source")
    return rows.set_column(index, rows.schema.field(index), pa.array([source] * rows.num_rows, pa.string()))


def _read(file: LandedFile, context: Context[FlightFiles], places: Places, advance: progress.Advance) -> Reading:
    """One file read; what cannot be opened is a loss of the whole."""
    done = 0

    def told(share: float) -> None:
        nonlocal done
        now = int(share * file.size)
        advance(now - done, file.url)
        done = now

    reading = Reading()
    if file.note.startswith(NOT_OPENED):
        reading.losses.append(Lost(file.url, file.note, is_reject=False, is_whole=True))
        return reading
    try:
        data = file.path.read_bytes()
    except OSError as error:
        reading.losses.append(Lost(file.url, f"{NOT_OPENED}{error.strerror or error}", is_reject=False, is_whole=True))
        return reading
    origin = Origin(file.url, file.sha256)
    stated = {column: name for name, column in context.settings.columns.items()}
    try:
        reading = read(data, origin, places, stated, context.params.record_longest_days, context.now, told)
    except Exception as error:  # `read` tells what it meets; what it does not is the file's fault all the same
        why = f"cannot be read: {containment.reason(error, file.url)}"
        reading = Reading(losses=[Lost(file.url, why, is_reject=False, is_whole=True)])
    told(1.0)
    return reading


def _note(name: str, sha256: str | None, reading: Reading, duplicates: int, declared: set[str]) -> FileReading:
    at_odds = [loss for loss in reading.losses if loss.contradiction]
    sorts = Counter(loss.contradiction for loss in at_odds)
    reasons: list[str | None] = [*(f"{loss.where.removeprefix(f'{name}, ')}: {loss.reason}" for loss in at_odds)]
    reasons += [*(loss.reason for loss in reading.rejects), reading.fault]
    if reading.unresolved:
        reasons.append(
            f"a place or its day is not known: {', '.join(list(reading.unresolved)[:3])} ({reading.unresolved_at})"
        )
    return FileReading(
        file=name,
        sha256=sha256,
        form=reading.form,
        records_read=reading.records_read,
        records_kept=reading.records_kept - duplicates,
        records_rejected=len(reading.rejects),
        records_duplicate=duplicates,
        records_unresolved=reading.unresolved.total(),
        records_doubtful=sum(
            loss.is_doubt and not loss.contradiction and not declared.isdisjoint(loss.bases or declared)
            for loss in reading.losses
        ),
        records_flagged=len(at_odds),
        contradictions=in_words(sorts),
        fault=reading.fault,
        reason=next(filter(None, reasons), None),
        passed_over="; ".join(reading.passed_over) or None,
        is_track=bool(reading.sightings),
        records_held=reading.records_kept,
        since=min(reading.days, default=None),
        until=max(reading.days, default=None),
    )


def _keep_lasting(files: _Files, context: Context[FlightFiles]) -> None:
    """Of files that held far more, or other records, when they were last read well: keep that, and doubt its days."""
    words = {name: one.words for name, one in files.otherwise.items()}
    for short in lasting.shortfalls(files.notes, context, context.settings.ignore, words):
        name, before = short.before.file, short.before
        otherwise = files.otherwise.get(name)
        lost = otherwise.lost if otherwise else _lost_rows(name, files, context)
        if not lost and not before.is_track:
            continue  # it stands in other files
        for table, rows in lost.items():
            held_now = files.tables.get(table, rows.schema.empty_table())
            files.tables[table] = pa.concat_tables([held_now, rows.select(held_now.column_names)])
        reach = frozenset(span({day for day in (before.since, before.until) if day}))
        days, bases = (otherwise.days, otherwise.bases) if otherwise else (reach, None)
        reading = files.readings.setdefault(name, Reading())
        reading.losses.append(Lost(name, short.reason, days=days, bases=bases, is_reject=False))
        files.notes[name] = short.note


def _doubt_days_alone(files: _Files, places: Places) -> None:
    """Doubt the days on which an aircraft lands or takes off at a base more than once, and only the days are stated.

    They all stand at midnight, so that nobody can say which of them are one, nor in what order they were. A landing and
    a take-off are told apart, but for a hop between two watched bases.
    """
    rows = files.tables.get("plain_flights")
    if rows is None:
        return
    ends: dict[tuple[str, str, date], list[dict[str, Any]]] = defaultdict(list)
    for (place, at), (other, _) in zip(ENDS["plain_flights"], reversed(ENDS["plain_flights"]), strict=True):
        codes = pa.array(
            [code for code in rows.column(place).unique().to_pylist() if places.base_of(code)], pa.string()
        )
        is_midnight = pc.equal(rows.column(at), pc.floor_temporal(rows.column(at), unit="day"))
        at_base = rows.filter(pc.fill_null(pc.and_(is_midnight, pc.is_in(rows.column(place), value_set=codes)), False))
        for row in at_base.select(
            [place, at, other, "icao24", "registration", "origin_file", "origin_place"]
        ).to_pylist():
            aircraft = row["icao24"] or row["registration"]
            is_hop = places.base_of(row[other]) is not None
            ends[str(places.base_of(row[place])), aircraft, row[at].date()].append({**row, "end": at, "is_hop": is_hop})
    for (base, aircraft, day), stated in ends.items():
        is_told_apart = len({row["end"] for row in stated}) == len(stated) and not any(row["is_hop"] for row in stated)
        if len(stated) < 2 or is_told_apart:
            continue
        name, where = stated[0]["origin_file"], f"{stated[0]['origin_file']}, {stated[0]['origin_place']}"
        reason = f"{aircraft} has {len(stated)} ends there on {day}, of which the times of day are not stated"
        lost = Lost(where, reason, days=frozenset({day}), bases=frozenset({base}), is_reject=False)
        files.readings.setdefault(name, Reading()).losses.append(lost)
        note = files.notes[name]
        files.notes[name] = replace(note, records_doubtful=note.records_doubtful + 1, reason=note.reason or reason)


def _lost_rows(name: str, files: _Files, context: Context[FlightFiles]) -> dict[str, pa.Table]:
    """The rows that the lake holds of a file and that stand in no file now."""
    assert context.readings
    lost = {}
    for table in ENDS:
        rows = context.readings.rows(table, name)
        now = files.tables.get(table)
        if now is not None and rows.num_rows:
            rows = rows.filter(
                pc.invert(pc.is_in(rows.column("record_id"), value_set=now.column("record_id").combine_chunks()))
            )
        if rows.num_rows:
            lost[table] = rows
    return lost


# ---- rows and days


def _records(landed: Landed, files: _Files, context: Context[FlightFiles]) -> Iterator[Event]:
    """Rows by day, rejects, and for each day with either the ledger's row of scope `global`."""
    window = landed.window
    by_name = {file.url: file for file in landed.files}
    tallies: dict[date, _Tally] = defaultdict(_Tally)
    for table, rows in files.tables.items():
        for day, of_day in _by_filing_day(table, rows, window):
            tally = tallies[day]
            tally.read += of_day.num_rows
            tally.kept += of_day.num_rows
            for name in of_day.column("origin_file").unique().to_pylist():
                if name in by_name:
                    tally.files[by_name[name].sha256] = by_name[name]
            yield Rows(table, day, of_day)
    for day, table, of_day in _tracks(files, context):
        if window.holds(day):
            tally = tallies[day]
            tally.read += of_day.num_rows
            tally.kept += of_day.num_rows
            yield Rows(table, day, of_day)
    rejected: dict[date, int] = defaultdict(int)
    for reading in files.readings.values():
        for loss in reading.losses:
            if loss.is_doubt:
                continue
            day = _day_of(loss, reading, window)
            rejected[day] += 1
            yield Reject(day, loss.where, loss.reason, loss.raw)
    for day in sorted({*tallies, *rejected}):
        yield _day(day, GLOBAL, "partial", tallies.get(day, _Tally()), rejected.get(day, 0), UNDECLARED)


def _tracks(files: _Files, context: Context[FlightFiles]) -> Iterator[tuple[date, str, pa.Table]]:
    """The positions of all files by day and lake table, with what the lake held of days of which a file lost some."""
    seen = [each for reading in files.readings.values() for each in reading.sightings]
    lasting = {
        day
        for note in files.notes.values()
        if note.is_short and note.is_track
        for day in span({day for day in (note.since, note.until) if day})
    }
    yield from tracks.rows(seen, context)
    if context.readings:
        for table in ("track_points", "track_edges"):
            for day in sorted(lasting):
                rows = context.readings.rows_of_day(table, day)
                if rows.num_rows:
                    yield day, table, rows


def _by_filing_day(table: str, rows: pa.Table, window: Window) -> Iterator[tuple[date, pa.Table]]:
    """The rows of each day that has one with an end in the window or lies in it itself, days in their order.

    A take-off on the evening before the window lies under the day before; its landing is in the window.
    """
    day = rows.column("day")
    first, last = (pa.scalar(edge, pa.date32()) for edge in (window.since, window.until))
    touches = pc.and_(pc.greater_equal(day, first), pc.less_equal(day, last))
    for _, at in ENDS[table]:
        on = rows.column(at).cast(pa.date32())
        touches = pc.or_(touches, pc.fill_null(pc.and_(pc.greater_equal(on, first), pc.less_equal(on, last)), False))
    wanted = set(pc.unique(day.filter(touches)).to_pylist())
    numbers = day.cast(pa.int32()).to_numpy()
    order = np.argsort(numbers, kind="stable")  # of one day in the order in which they stood
    days, starts, sizes = np.unique(numbers[order], return_index=True, return_counts=True)
    ordered = rows.take(order)  # once: a filter a day costs the square, and leaves the memory in shreds
    for number, start, size in zip(days.tolist(), starts.tolist(), sizes.tolist(), strict=True):
        on_day = date(1970, 1, 1) + timedelta(days=number)
        if on_day in wanted:
            yield on_day, ordered.slice(start, size)


def _day_of(loss: Lost, reading: Reading, window: Window) -> date:
    """The day on which a loss is counted: one that it names, else the file's last, else the window's last."""
    for days in (loss.days, reading.days):
        inside = [day for day in days if window.holds(day)]
        if inside:
            return min(inside) if days is loss.days else max(inside)
    return window.until


def _day(day: date, scope: str, status: str, tally: _Tally, rejected: int, error: str | None) -> Day:
    digest = hashlib.sha256("\n".join(sorted(tally.files)).encode()).hexdigest() if tally.files else None
    size = sum(file.size for file in tally.files.values())
    read_all = tally.read + rejected
    return Day(day, status, scope, len(tally.files), size, read_all, tally.kept, rejected, digest, None, error)


def _days_at(tables: Mapping[str, pa.Table], places: Places, base: str) -> dict[str, Counter[date]]:
    """By file, how many ends of its records lie at a base on each day."""
    by_file: dict[str, Counter[date]] = defaultdict(Counter)
    for table, rows in tables.items():
        for place, at in ENDS[table]:
            codes = [code for code in rows.column(place).unique().to_pylist() if places.base_of(code) == base]
            ends = rows.filter(pc.is_in(rows.column(place), value_set=pa.array(codes, pa.string())))
            other = next(column for _, column in ENDS[table] if column != at)
            times = pc.coalesce(ends.column(at), ends.column(other))
            for name, time_of in zip(ends.column("origin_file").to_pylist(), times.to_pylist(), strict=True):
                if time_of is not None:
                    by_file[name][time_of.astimezone(UTC).date()] += 1
    return by_file


def _fallen(
    cover: Cover, by_file: Mapping[str, Counter[date]], end: End | None, window: Window, params: Thresholds
) -> dict[date, str]:
    """The months of a cover with far fewer ends at the base than those before, and why."""
    last = covers.last_day(cover, end)
    counts = sum(by_file.values(), Counter[date]())
    return volumes.fallen_months(counts, cover.since, min(last, window.until), params) if last else {}


def _note_fallen(
    files: _Files,
    declared: Iterable[Cover],
    by_file: Mapping[str, Mapping[str, Counter[date]]],
    end: End | None,
    window: Window,
    params: Thresholds,
) -> None:
    """Tell the files that hold records of a month that fell."""
    for cover in declared:
        for month, reason in _fallen(cover, by_file[cover.base], end, window, params).items():
            for name, days in by_file[cover.base].items():
                if any(day.replace(day=1) == month for day in days) and name in files.notes:
                    note = files.notes[name]
                    words = f"{cover.base}: {reason}"
                    files.notes[name] = replace(note, fault="; ".join(filter(None, (note.fault, words))))


def _covered(
    cover: Cover,
    window: Window,
    files: _Files,
    by_file: Mapping[str, Counter[date]],
    end: End | None,
    params: Thresholds,
) -> Iterator[Day]:
    """The ledger's rows of a declared cover."""
    last = covers.last_day(cover, end)
    until = min(cover.until or window.until, window.until)
    whole = Window(window.source, cover.since, max(cover.since, min(last, window.until))) if last else None
    doubts = covers.doubts(
        cover.base, whole.days() if whole else (), files.readings, {name: set(days) for name, days in by_file.items()}
    )
    counts: Counter[date] = Counter()
    for days in by_file.values():
        counts += days
    fallen = _fallen(cover, by_file, end, window, params)
    for day in Window(window.source, max(cover.since, window.since), until).days():
        count = counts[day]
        doubt = doubts.get(day)
        if last is None or day > last:
            basis = end.basis if end else "no record and no statement of when the data end"
            status, error = ("partial" if count else "missing"), f"after the end of the data: {basis}"
        elif doubt:
            status, error = ("partial" if count or doubt.names_it else "missing"), doubt.words
        elif day.replace(day=1) in fallen:
            status, error = ("partial" if count else "missing"), fallen[day.replace(day=1)]
        elif cover.until is None and end and day == end.day and not end.is_whole:
            status, error = "partial", f"the data may end within this day: {end.basis}"
        else:
            status, error = ("ok" if count else "empty"), None
        yield Day(
            day,
            status,
            f"base:{cover.base}",
            sum(day in days for days in by_file.values()),
            records_read=count + (doubt.rejected if doubt else 0),
            records_kept=count,
            records_rejected=doubt.rejected if doubt else 0,
            error=error,
        )


# ---- before it is read


def taken_for(file: Path, context: Context[FlightFiles]) -> Taken:
    """What a file would be taken for, its columns, some rows as understood, and the rejects."""
    return _taken(file, context, Places(context.reference))


def _taken(file: Path, context: Context[FlightFiles], places: Places) -> Taken:
    try:
        data = file.read_bytes()
    except OSError as error:
        return Taken("", [f"{NOT_OPENED}{error.strerror or error}"])
    stated = {column: name for name, column in context.settings.columns.items()}
    origin = Origin(_name(file, file.parent), hashlib.sha256(data).hexdigest())
    reading = read(data, origin, places, stated, context.params.record_longest_days, context.now)
    notes = []
    for mapped in reading.mapped:
        notes.append(f"columns read: {mapped.shown}")
        if mapped.unread:
            notes.append(f"columns not read: {', '.join(mapped.columns[number] for number in mapped.unread)}")
        if mapped.form.says:
            notes.append(mapped.form.says)
    notes += [f"passed over: {note}" for note in reading.passed_over]
    if reading.dropped:
        notes.append(f"{reading.dropped} records kept by their registration alone: their address cannot be read")
    if reading.unresolved:
        shown = ", ".join(f"{name} ({count})" for name, count in reading.unresolved.most_common(10))
        notes.append(f"a place or its day is not known, with how many records: {shown}")
    duplicates = 0
    sample: list[dict[str, Any]] = []
    for table, pieces in reading.rows.items():
        rows, dropped = sameness.without_duplicates(table, pa.concat_tables(pieces))
        duplicates += dropped.total()
        left_out = ("origin_sha256", "source")
        sample += [
            {name: value for name, value in row.items() if value is not None and name not in left_out}
            for row in rows.slice(0, SHOWN).to_pylist()
        ]
    if duplicates:
        notes.append(f"{duplicates} records stand more than once")
    if reading.sightings and not sample:
        sample = [_shown(each) for each in reading.sightings[:SHOWN]]
    rejects = [f"{loss.where}: {loss.reason}" for loss in reading.losses if not loss.is_doubt]
    return Taken(reading.form, notes, sample[:SHOWN], rejects, reading.records_read, reading.records_kept - duplicates)


def _shown(seen: Sighting) -> dict[str, Any]:
    one, at = seen.craft, datetime.fromtimestamp(seen.at, UTC)
    where = {"latitude": one.lat, "longitude": one.lon, "height_ft": one.alt_baro, "speed_kt": one.gs}
    return {"icao24": one.hex, "callsign": one.flight, "at": at, **where}


def check(context: Context[FlightFiles]) -> list[Finding]:
    """What each file at the location would be taken for."""
    location = context.settings.location
    if not location:
        return [Finding(False, f"{context.source}: no location", f"set sources.{context.source}.location")]
    path = context.folder / Path(location).expanduser()
    places = files_at(path, context.settings.ignore)
    if not places:
        advice = f"put files there, or set sources.{context.source}.location to where they are"
        return [Finding(False, f"{context.source}: no file at {path}", advice)]
    findings = [Finding(True, f"{context.source}: reads {path}")]
    known_places = Places(context.reference)  # the world's fields take a moment to load
    for cover in context.settings.covers:
        if cover.base not in context.reference.bases:
            near = difflib.get_close_matches(cover.base, context.reference.bases, 1)
            advice = f"name one of bases.csv{f', such as {near[0]}' if near else ''}"
            findings.append(
                Finding(False, f"{context.source}: covers: base {cover.base!r} is not in bases.csv", advice)
            )
    for place in places:
        taken = Taken("", [place.fault]) if place.fault else _taken(place.path, context, known_places)
        what = f"{context.source}: {place.name}: {taken.form or 'cannot be read'}"
        if taken.records_read:
            what += f", {taken.records_kept} of {taken.records_read} records kept"
        fault = next(iter([*taken.rejects, *([] if taken.form else taken.notes)]), None)
        advice = f"{fault}; basewatch try {place.path}" if fault else ""
        findings.append(Finding(taken.is_sound, what, advice))
    return findings
