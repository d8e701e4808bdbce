"""The ledger: what was looked at, what came of it, and the data files; segments of rows, the latest of a key wins."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock

from basewatch.lake.events import GLOBAL, Day
from basewatch.lake.files import write_parquet
from basewatch.lake.schemas import LEDGER

COMPACT_ABOVE = 64  # ledger segments before they are merged into one


@dataclass(frozen=True)
class LedgerRow:
    """One row of the ledger: what was looked at, what came of it, and the data files (relative to the lake)."""

    source: str
    scope: str
    day: date
    status: str
    files: int
    bytes: int
    records_read: int
    records_kept: int
    records_rejected: int
    sha256: str | None
    chosen_copy: str | None
    ingested_at: datetime
    error: str | None
    run_id: str
    parts: tuple[str, ...] = ()
    watched: tuple[str, ...] | None = None  # of scope `global`: the bases looked for; None: all that there are

    @property
    def key(self) -> tuple[str, str, date]:
        """Source, scope and day: what a later row replaces."""
        return self.source, self.scope, self.day

    def says_the_same(self, other: LedgerRow) -> bool:
        """Whether the two differ in nothing but when and by which run they were written."""
        return replace(self, ingested_at=other.ingested_at, run_id=other.run_id) == other


class Ledger:
    """The segments in a folder, and the lock under which they are read and changed."""

    def __init__(self, folder: Path, lock: Path) -> None:
        self.folder = folder
        self._lock = FileLock(lock)  # re-entrant

    def rows(self) -> list[LedgerRow]:
        """The current ledger: the latest row of each (source, scope, day), sorted by that key."""
        latest: dict[tuple[str, str, date], LedgerRow] = {}
        for row in self.history():
            latest[row.key] = row
        return [latest[key] for key in sorted(latest)]

    def history(self) -> list[LedgerRow]:
        """Every row that was ever committed, in that order."""
        with self._looking():
            known: dict[tuple[str, ...], tuple[str, ...]] = {}  # thousands of rows share a few lists of bases
            history = []
            for segment in self._segments():
                for values in pq.read_table(segment, schema=LEDGER).to_pylist():
                    watched = None if values["watched"] is None else tuple(values["watched"])
                    shared = None if watched is None else known.setdefault(watched, watched)
                    history.append(LedgerRow(**{**values, "parts": tuple(values["parts"] or ()), "watched": shared}))
            return history

    def _looking(self) -> contextlib.AbstractContextManager[Any]:
        """Held for each look at the ledger and each change of it: a poller may write while a nightly run does."""
        if not os.access(self.folder, os.W_OK):  # not there yet; or a reader's, who can hold nobody up
            return contextlib.nullcontext()
        return self._lock

    def _segments(self) -> list[Path]:
        return sorted(self.folder.glob("*.parquet"))

    def commit(self, rows: Iterable[LedgerRow]) -> list[LedgerRow]:
        """Add ledger rows in one step; rows that say what the ledger already says are left out. Returns those added."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._lock:
            current = {row.key: row for row in self.rows()}
            new = [row for row in rows if row.key not in current or not row.says_the_same(current[row.key])]
            if new:
                self._write_segment(new)
        return new

    def _write_segment(self, rows: list[LedgerRow], name: str | None = None) -> Path:
        number = int(self._segments()[-1].name.split("-")[0]) + 1 if self._segments() else 1
        target = self.folder / (name or f"{number:010d}-{uuid.uuid4().hex[:8]}.parquet")
        write_parquet(ledger_table(rows), target)
        return target

    def compact(self) -> None:
        """Merge many ledger segments into one; readers see the old ones or the new one, which say the same."""
        if len(self._segments()) <= COMPACT_ABOVE:
            return
        with self._lock:
            segments = self._segments()
            self._write_segment(self.history())
            for segment in segments:
                segment.unlink()


def ledger_table(rows: Iterable[LedgerRow]) -> pa.Table:
    """The rows in the columns of LEDGER."""
    return pa.Table.from_pylist([vars(row) for row in rows], schema=LEDGER)


def ledger_row(
    source: str,
    note: Day,
    run_id: str,
    parts: Iterable[str] = (),
    at: datetime | None = None,
    watched: Iterable[str] | None = None,
) -> LedgerRow:
    """The ledger row that a source's note about one day becomes; `watched`: the bases that were looked for."""
    values: dict[str, Any] = {**vars(note)}
    return LedgerRow(
        source=source,
        run_id=run_id,
        ingested_at=at or datetime.now(UTC),
        parts=tuple(sorted(parts)),
        watched=None if watched is None or note.scope != GLOBAL else tuple(sorted(watched)),
        **values,
    )
