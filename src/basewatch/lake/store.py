"""The lake: typed Parquet under `lake/<table>/source=…/day=…/`, and the ledger that says which of it counts.

A ledger row (source, scope, day) names the data files that hold what came of that day. Data files are written first,
each under a name made from its content; the ledger segment comes last and by one rename. So a run that dies leaves
files that nothing names, and they are swept up later; a restated day is a newer ledger row, and the latest row wins.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from filelock import FileLock

from basewatch.lake.schemas import LEDGER, TABLES
from basewatch.sources.contract import GLOBAL, Day

COMPRESSION = "zstd"
COMPRESSION_LEVEL = 3
ROW_GROUP = 122_880  # one DuckDB row group
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


def fsync_folder(folder: Path) -> None:
    """Make renames inside the folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_aside(target: Path, data: bytes) -> None:
    """Write a file so that readers see all of it or none: aside, synced, renamed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    with aside.open("wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    aside.replace(target)
    fsync_folder(target.parent)


def _write(table: pa.Table, sink: Any) -> None:
    pq.write_table(table, sink, compression=COMPRESSION, compression_level=COMPRESSION_LEVEL, row_group_size=ROW_GROUP)


def write_parquet(table: pa.Table, target: Path) -> None:
    """Write a table as zstd Parquet, aside and renamed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    _write(table, aside)
    with aside.open("rb") as handle:
        os.fsync(handle.fileno())
    aside.replace(target)
    fsync_folder(target.parent)


def unique(table: pa.Table, key: Iterable[str]) -> pa.Table:
    """The table sorted by its key, one row a key; of equal keys the one that came last stays."""
    names = list(key)
    numbered = table.append_column("_order", pa.array(range(table.num_rows), pa.int64()))
    ordered = numbered.sort_by([(name, "ascending") for name in [*names, "_order"]])
    if ordered.num_rows < 2:
        return ordered.drop_columns(["_order"])
    keys = ordered.select(names).combine_chunks()
    here, after = keys.slice(0, keys.num_rows - 1), keys.slice(1)
    same = None
    for name in names:
        left, right = here.column(name), after.column(name)
        equal = pc.fill_null(pc.equal(left, right), False)
        both_null = pc.and_(left.is_null(), right.is_null())
        column = pc.or_(equal, both_null)
        same = column if same is None else pc.and_(same, column)
    keep = pa.chunked_array([*pc.invert(same).chunks, pa.array([True])])
    return ordered.filter(keep).drop_columns(["_order"])


class Lake:
    """The lake below a warehouse root."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "lake"
        self.ledger_folder = self.folder / "source_days"
        self.quarantine = root / "quarantine"
        self._lock = FileLock(self.folder / ".ledger.lock")  # re-entrant

    # ---- ledger

    def ledger(self) -> list[LedgerRow]:
        """The current ledger: the latest row of each (source, scope, day), sorted by that key."""
        latest: dict[tuple[str, str, date], LedgerRow] = {}
        for row in self._ledger_history():
            latest[row.key] = row
        return [latest[key] for key in sorted(latest)]

    def _ledger_history(self) -> list[LedgerRow]:
        with self._ledger_lock():
            known: dict[tuple[str, ...], tuple[str, ...]] = {}  # thousands of rows share a few lists of bases
            history = []
            for segment in self._segments():
                for values in pq.read_table(segment, schema=LEDGER).to_pylist():
                    watched = None if values["watched"] is None else tuple(values["watched"])
                    shared = None if watched is None else known.setdefault(watched, watched)
                    history.append(LedgerRow(**{**values, "parts": tuple(values["parts"] or ()), "watched": shared}))
            return history

    def _ledger_lock(self) -> contextlib.AbstractContextManager[Any]:
        """Held for each look at the ledger and each change of it: a poller may write while a nightly run does."""
        if not os.access(self.ledger_folder, os.W_OK):  # not there yet; or a reader's, who can hold nobody up
            return contextlib.nullcontext()
        return self._lock

    def _segments(self) -> list[Path]:
        return sorted(self.ledger_folder.glob("*.parquet"))

    def commit(self, rows: Iterable[LedgerRow]) -> list[LedgerRow]:
        """Add ledger rows in one step; rows that say what the ledger already says are left out. Returns those added."""
        self.ledger_folder.mkdir(parents=True, exist_ok=True)
        with self._lock:
            current = {row.key: row for row in self.ledger()}
            new = [row for row in rows if row.key not in current or not row.says_the_same(current[row.key])]
            if new:
                self._write_segment(new)
        return new

    def _write_segment(self, rows: list[LedgerRow], name: str | None = None) -> Path:
        number = int(self._segments()[-1].name.split("-")[0]) + 1 if self._segments() else 1
        target = self.ledger_folder / (name or f"{number:010d}-{uuid.uuid4().hex[:8]}.parquet")
        write_parquet(ledger_table(rows), target)
        return target

    def compact(self) -> None:
        """Merge many ledger segments into one; readers see the old ones or the new one, which say the same."""
        if len(self._segments()) <= COMPACT_ABOVE:
            return
        with self._lock:
            segments = self._segments()
            self._write_segment(self._ledger_history())
            for segment in segments:
                segment.unlink()

    # ---- data

    def write_rows(self, table: str, source: str, day: date, rows: pa.Table) -> str:
        """Write the rows of one table, source and day; returns the file's path relative to the lake.

        The rows are cast to the declared schema, made unique by the table's key and sorted by it, so that the same
        content always gives the same file under the same name.
        """
        declared = TABLES[table]
        full = rows
        if "source" not in full.column_names:
            full = full.append_column("source", pa.array([source] * full.num_rows, pa.string()))
        if "day" not in full.column_names:
            full = full.append_column("day", pa.array([day] * full.num_rows, pa.date32()))
        full = unique(full.select(declared.schema.names).cast(declared.schema), declared.key)
        return self._store(full, self._partition(table, source, day))

    def adopt(self, table: str, source: str, day: date, file: Path) -> str:
        """Take over a Parquet file of the declared schema that a worker wrote aside; returns its path in the lake."""
        found = pq.read_schema(file)
        if not found.remove_metadata().equals(TABLES[table].schema):
            raise ValueError(f"{file} does not have the schema of lake table {table}")
        target = self._partition(table, source, day) / f"{_sha256(file)[:20]}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(file, target)
        fsync_folder(target.parent)
        return str(target.relative_to(self.folder))

    def _partition(self, table: str, source: str, day: date) -> Path:
        return self.folder / table / f"source={source}" / f"day={day.isoformat()}"

    def _store(self, table: pa.Table, folder: Path) -> str:
        sink = pa.BufferOutputStream()
        _write(table, sink)
        data = sink.getvalue().to_pybytes()
        target = folder / f"{hashlib.sha256(data).hexdigest()[:20]}.parquet"
        if not target.exists():
            write_aside(target, data)
        return str(target.relative_to(self.folder))

    def files(self, table: str, ledger: Iterable[LedgerRow] | None = None) -> list[Path]:
        """The data files of a table that the current ledger names."""
        rows = self.ledger() if ledger is None else ledger
        prefix = f"{table}/"
        return sorted({self.folder / part for row in rows for part in row.parts if part.startswith(prefix)})

    def fingerprint(self, ledger: Iterable[LedgerRow] | None = None) -> str:
        """A hash of what the lake holds: equal lakes, however they came about, give equal fingerprints.

        In what words a failure was told (how often tried, how long to wait) is no part of what is held.
        """
        rows = self.ledger() if ledger is None else ledger
        digest = hashlib.sha256()
        for row in rows:
            values = {**vars(row), "ingested_at": None, "run_id": None, "day": str(row.day)}
            if row.status == "failed":
                values["error"] = None
            digest.update(json.dumps(values, sort_keys=True).encode())
        return digest.hexdigest()

    def sweep(self) -> int:
        """Remove data files that no ledger row ever named (left by a run that died). Returns how many."""
        named = {part for row in self._ledger_history() for part in row.parts}
        removed = 0
        for file in self.folder.glob("*/source=*/day=*/*"):
            if str(file.relative_to(self.folder)) not in named:
                file.unlink()
                removed += 1
        for file in [*self.ledger_folder.glob(".*"), *(self.folder / "windows").glob(".*")]:
            file.unlink()
        return removed

    def last_day(self, leave_out: Callable[[LedgerRow], bool] = lambda _: False) -> date | None:
        """The latest UTC day up to which anything was looked at, None on an empty lake.

        A source that is read whole leaves no row for a last day without records, so the ends of its windows count too.
        """
        days = [row.day for row in self.ledger() if not leave_out(row)]
        for file in (self.folder / "windows").glob("[!.]*.json"):
            days += [date.fromisoformat(name.split("..")[1]) for name in json.loads(file.read_text())]
        return max(days, default=None)

    # ---- windows already done, for sources that are read whole

    def _window_file(self, source: str) -> Path:
        return self.folder / "windows" / f"{source}.json"

    def window_fingerprint(self, source: str, name: str) -> str | None:
        """The fingerprint of the inputs from which this window was last ingested, None if it never was."""
        file = self._window_file(source)
        found: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
        return found.get(name)

    def remember_window(self, source: str, name: str, fingerprint: str) -> None:
        """Note that a window was ingested whole from inputs with this fingerprint."""
        file = self._window_file(source)
        found: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
        write_aside(file, json.dumps({**found, name: fingerprint}, indent=1, sort_keys=True).encode())


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


def _sha256(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
