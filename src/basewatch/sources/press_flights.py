"""Flights that the press reported: a cited page a row, shown as confidence 1 and never counted.

The shipped table (sql/reference/press_flights.csv) is the default; `location` names another of the same columns.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

import pyarrow as pa

from basewatch.config import PressFlights
from basewatch.errors import SourceError, containment
from basewatch.lake.events import Day, Event, FileReading, Reject, Rows
from basewatch.lake.schemas import TABLES
from basewatch.sources import lasting
from basewatch.sources.contract import Context, Grain, Landed, LandedFile, Window

CODE = "press_flights"
SHIPPED = "press_flights.csv"
DIRECTIONS = {"arrival", "departure", "visit", "unknown"}
COLUMNS = pa.schema([column for column in TABLES["press_flights"].schema if column.name not in ("source", "day")])
KINDS = {"flight", "pause", "resumption", "monthly_count"}


def grain(_: PressFlights) -> Grain:
    """All files at once."""
    return "whole"


def fetch(window: Window, context: Context[PressFlights]) -> Landed:
    """The press table, where it is. Raises SourceError where the named file does not exist."""
    location = context.settings.location
    if location:
        path = context.path(location)
        if not path.is_file():
            raise SourceError(f"press_flights: {location} is no file; unset the location to use the shipped table")
    else:
        path = Path(str(files("basewatch.sql.reference").joinpath(SHIPPED)))
    data = path.read_bytes()
    return Landed(window, (LandedFile(path, path.name, hashlib.sha256(data).hexdigest(), len(data), context.now),))


def decode(landed: Landed, context: Context[PressFlights]) -> Iterator[Event]:
    """Rows of the reports in the window, filed under the first day of the event (else of publication), and the days."""
    by_day: dict[date, list[dict[str, Any]]] = defaultdict(list)
    faults: list[tuple[str, str, str]] = []
    for file in landed.files:
        for number, values in enumerate(_records(file.path), start=1):
            where = f"{file.url}, record {number}"
            try:
                if isinstance(values, Exception):
                    raise values
                row = {**_row(values, number), **_stood(file, number)}
            except Exception as error:
                faults.append((where, containment.reason(error, where), str(values)))
                continue
            if row["base_id"] is None or row["base_id"] in context.reference.bases:  # others are not watched here
                by_day[row["filed_on"]].append(row)
    lost = _lasting(landed, by_day, faults, context)
    yield from lost.notes.values()
    # a row that cannot be used has no day; it is counted on the last day of the table, whatever the window
    last = max(by_day, default=landed.window.until)
    total = sum(len(rows) for rows in by_day.values()) + len(faults)
    is_partial = len(faults) > context.params.reject_partial_share * total
    if landed.window.holds(last):
        yield from (Reject(last, *fault) for fault in faults)
    digest, size = (landed.files[0].sha256, landed.files[0].size) if landed.files else (None, 0)
    for day in sorted({*by_day, *lost.rows, last}):
        if not landed.window.holds(day):
            continue
        rows = [*by_day.get(day, []), *lost.rows.get(day, [])]
        bad = len(faults) if day == last else 0
        fault = f"{bad} rows could not be used; they lie in the run's quarantine" if bad else None
        if rows:
            yield Rows("press_flights", day, pa.Table.from_pylist(rows, COLUMNS))
        yield Day(
            day,
            "partial" if (bad and is_partial) or day in lost.rows else "ok",
            files=1,
            bytes=size,
            records_read=len(rows) + bad,
            records_kept=len(rows),
            records_rejected=bad,
            sha256=digest,
            error=lost.reason if day in lost.rows else fault,
        )


@dataclass(frozen=True)
class _Lasting:
    """What the table held before and holds no more, by day, and what is to be said of it."""

    notes: dict[str, FileReading]
    rows: dict[date, list[dict[str, Any]]]
    reason: str | None = None


def _lasting(
    landed: Landed,
    by_day: Mapping[date, list[dict[str, Any]]],
    faults: list[tuple[str, str, str]],
    context: Context[PressFlights],
) -> _Lasting:
    rows: dict[date, list[dict[str, Any]]] = defaultdict(list)
    if context.settings.location is None:  # the shipped table is no file of the user's that could be damaged
        return _Lasting({}, rows)
    kept = [row for of_day in by_day.values() for row in of_day]
    notes = {
        file.url: FileReading(
            file.url, file.sha256, "press reports", len(kept) + len(faults), len(kept), len(faults),
            reason=faults[0][1] if faults else None, records_held=len(kept),
            since=min(by_day, default=None), until=max(by_day, default=None),
        )
        for file in landed.files
    }  # fmt: skip
    reason = None
    ids = {row["record_id"] for row in kept}
    for short in lasting.shortfalls(notes, context, [] if SHIPPED in notes else [SHIPPED]):
        assert context.readings
        for row in context.readings.rows("press_flights", short.before.file).to_pylist():
            if row["record_id"] not in ids:
                rows[row["day"]].append(row)
        if rows:
            notes[short.before.file], reason = short.note, short.reason
    return _Lasting(notes, rows, reason)


def _records(file: Path) -> Iterator[Mapping[str, str] | Exception]:
    """The records of a table; in place of one that cannot be split into cells the exception that says why."""
    reader = csv.DictReader(io.StringIO(file.read_text(encoding="utf-8-sig", errors="replace"), newline=""))
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield ValueError(f"cannot be split into cells: {error}")


def _stood(file: LandedFile, number: int) -> dict[str, str]:
    return {"origin_file": file.url, "origin_sha256": file.sha256, "origin_place": f"record {number}"}


def _row(values: Mapping[str, str], number: int) -> dict[str, Any]:
    """One report with typed values. Raises ValueError naming the column."""
    cells = {name: (value or "").strip() or None for name, value in values.items() if name}

    def day(name: str) -> date | None:
        try:
            return date.fromisoformat(cells[name]) if cells.get(name) else None  # type: ignore[arg-type]
        except ValueError:
            raise ValueError(f"{name}: {cells[name]!r} is not a date") from None

    row: dict[str, Any] = {
        "record_id": cells.get("record_id") or cells.get("row") or str(number),
        "event_group": cells.get("event_group"),
        "event_date_from": day("event_date_from"),
        "event_date_to": day("event_date_to"),
        "base_id": cells.get("base_id"),
        "direction": cells.get("direction"),
        "aircraft_type": cells.get("aircraft_type"),
        "registration_or_hex": cells.get("registration_or_hex"),
        "operator": cells.get("operator"),
        "count": None,
        "route_from": cells.get("route_from"),
        "route_to": cells.get("route_to"),
        "claim_kind": cells.get("claim_kind"),
        "paraphrase": cells.get("paraphrase"),
        "publisher": cells.get("publisher") or cells.get("source_publisher"),
        "published_on": day("published_on") or day("source_published_on"),
        "url": cells.get("url") or cells.get("source_url"),
        "date_basis": cells.get("date_basis"),
        "evidence": cells.get("evidence"),
        "note": cells.get("note"),
    }
    if cells.get("count"):
        if not re.fullmatch(r"[0-9]{1,9}", str(cells["count"])):
            raise ValueError(f"count: {cells['count']!r} is not a number")
        row["count"] = int(str(cells["count"]))
    if row["direction"] not in DIRECTIONS:
        raise ValueError(f"direction: {row['direction']!r} is none of {', '.join(sorted(DIRECTIONS))}")
    if row["claim_kind"] not in KINDS:
        raise ValueError(f"claim_kind: {row['claim_kind']!r} is none of {', '.join(sorted(KINDS))}")
    if row["url"] is not None and not re.match(r"https?://\S+$", row["url"], re.IGNORECASE):
        raise ValueError(f"url: {row['url'][:80]!r} is no web address")
    if row["url"] is None:
        raise ValueError("url is empty: a report without a citation is not shown")
    if row["event_group"] is None:
        row["event_group"] = f"row-{row['record_id']}"
    row["filed_on"] = row["event_date_from"] or row["published_on"]
    if row["filed_on"] is None:
        raise ValueError("no day: the page gives neither the date of the event nor its own")
    first, last = row["event_date_from"], row["event_date_to"]
    if first and last and last < first:
        raise ValueError(f"event_date_to {last} is before event_date_from {first}")
    return row
