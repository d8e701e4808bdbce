"""What a source's events leave in the lake: files of rows, rejects in quarantine, and the ledger rows that count."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa

from basewatch import outside
from basewatch.durable import make_folder
from basewatch.lake.events import Day, Event, FileReading, Flag, Reject, Rows
from basewatch.lake.ledger import LedgerRow, ledger_row
from basewatch.lake.readings import Readings
from basewatch.lake.store import Lake

SOUND = ("ok", "empty")
RAW_KEPT = 2000  # characters of a rejected record that are kept in quarantine


@dataclass(frozen=True)
class Recorded:
    """The ledger rows that were added (none for what the ledger said already), and how many records were rejected."""

    rows: list[LedgerRow]
    rejected: int
    files: dict[str, FileReading] = field(default_factory=dict)  # those with rejects, and all that the source tells of


def record(
    lake: Lake,
    source: str,
    events: Iterable[Event],
    run_id: str,
    *,
    watched: Iterable[str] | None = None,
    at: datetime | None = None,
    first_place_stays: bool = False,
) -> Recorded:
    """Write what the events carry, and commit their ledger rows in one step at the end.

    A day with rows that no Day speaks of counts as read (`ok`). Whatever the events' iterator raises is passed on, and
    leaves the ledger as it was.

    watched: the bases that were looked for, where the source reads for all bases at once. at: the time noted in the
    ledger, UTC, by default now. first_place_stays: the files are the user's own and may grow, so that rows already held
    keep the place where they were first read.
    """
    parts: dict[tuple[str, date], set[str]] = defaultdict(set)
    tables: dict[tuple[str, str, date], list[pa.Table]] = defaultdict(list)
    notes: list[Day] = []
    rejects: list[Reject] = []
    readings: list[FileReading] = []
    flags: list[Flag] = []
    for event in events:
        match event:
            case Day():
                notes.append(event)
            case Reject():
                rejects.append(event)
            case FileReading():
                readings.append(event)
            case Flag():
                flags.append(event)
            case Rows(data=Path() as file):
                parts[event.scope, event.day].add(lake.adopt(event.table, source, event.day, file))
            case Rows() if not event.is_empty:
                tables[event.table, event.scope, event.day].append(event.data)
    for (table, scope, day), pieces in tables.items():
        rows = pa.concat_tables(pieces, promote_options="default")
        earlier = lake.ledger_row(source, scope, day) if first_place_stays else None
        standing = earlier.parts if earlier else ()
        parts[scope, day].add(lake.write_rows(table, source, day, rows, standing=standing))
    _quarantine(rejects, source, lake, run_id)
    noted = {(note.scope, note.day) for note in notes}
    notes += [Day(day, "ok", scope) for scope, day in sorted(set(parts) - noted)]
    looked_for = None if watched is None else list(watched)
    added = lake.commit(
        ledger_row(source, note, run_id, parts.get((note.scope, note.day), ()), at, looked_for) for note in notes
    )
    if readings:
        Readings(lake, source).remember(readings, run_id)
    unsound = {note.day for note in notes if note.status not in SOUND}
    return Recorded(added, len(rejects), _of_files(readings, rejects, flags, unsound, run_id))


def _of_files(
    readings: list[FileReading], rejects: list[Reject], flags: list[Flag], unsound: set[date], run_id: str
) -> dict[str, FileReading]:
    """Readings by file; of a source that tells of none, made of the rejects of days that do not count for them, and
    of what contradicts itself."""
    files = {reading.file: replace(reading, run_id=run_id) for reading in readings}
    if files:
        return files
    sorts: dict[str, Counter[str]] = defaultdict(Counter)
    told = [one for one in rejects if one.day is None or one.day in unsound]
    at_odds: list[Reject | Flag] = [*told, *flags]
    for one in at_odds:
        name, _, place = one.where.partition(", ")
        first = FileReading(name, reason=f"{place}: {one.reason}" if place else one.reason, run_id=run_id)
        seen = files.get(name, first)
        files[name] = replace(seen, records_rejected=seen.records_rejected + isinstance(one, Reject))
        if one.contradiction:
            sorts[name][one.contradiction] += 1
    for name, counts in sorts.items():
        files[name] = replace(files[name], records_flagged=counts.total(), contradictions=in_words(counts))
    return files


def in_words(sorts: Counter[str]) -> str | None:
    """How many contradictions there are of each sort, the most first; None where there are none."""
    return ", ".join(f"{sort} ({count})" for sort, count in sorts.most_common()) or None


def expire(lake: Lake, source: str, before: datetime, why: str, run_id: str, at: datetime) -> list[LedgerRow]:
    """Delete a source's data files ingested before a moment (UTC); returns the ledger rows that say so (`expired`).

    Files that a restated day left behind go with them. The ledger row comes first, so that no reader meets a name
    without its file.
    """
    old = [row for row in lake.ledger(source) if row.parts and row.ingested_at < before]
    notes = [Day(row.day, "expired", row.scope, records_read=row.records_read, error=why) for row in old]
    expired = record(lake, source, notes, run_id, at=at).rows
    still_named = {part for row in lake.ledger() for part in row.parts}
    for part in set(lake.parts_ever_named(source, before).to_pylist()) - still_named:
        (lake.folder / part).unlink(missing_ok=True)
    return expired


def _quarantine(rejects: list[Reject], source: str, lake: Lake, run_id: str) -> None:
    if not rejects:
        return
    folder = lake.quarantine / run_id / "rejects"
    make_folder(folder)
    with (folder / f"{source}.jsonl").open("a", encoding="utf-8") as handle:
        for reject in rejects:
            values = {
                "day": str(reject.day),
                "where": outside.line(reject.where),
                "reason": outside.line(reject.reason),
            }
            raw = outside.without_secrets(reject.raw)[:RAW_KEPT]  # else as it came: this is where one looks at it
            handle.write(json.dumps({**values, "raw": raw}, ensure_ascii=True) + "\n")
