"""The ledger: what was looked at, what came of it, and the data files; segments of rows, the latest of a key wins."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from filelock import FileLock

from basewatch import outside
from basewatch.lake import segments
from basewatch.lake.events import GLOBAL, Day
from basewatch.lake.files import read_batches, stamped, write_batches, write_parquet
from basewatch.lake.schemas import LEDGER, LEDGER_VERSION
from basewatch.lake.segments import Segment, listed, living

LOOKS = 100  # tries of a reader before a segment that vanishes is an error: each failure takes a merge in between

Key = tuple[str, str, date]
_STAMPED = stamped(LEDGER, LEDGER_VERSION)
_Latest = dict[str, dict[Key, "LedgerRow"]]  # by source


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
    source_detail: str | None = None  # how the day was read

    @property
    def key(self) -> Key:
        """Source, scope and day: what a later row replaces."""
        return self.source, self.scope, self.day

    def says_the_same(self, other: LedgerRow) -> bool:
        """Whether the two differ in nothing but when and by which run they were written."""
        return replace(self, ingested_at=other.ingested_at, run_id=other.run_id) == other


class Ledger:
    """The segments in a folder, the lock under which they are read and changed, and what they said when last looked at.

    Each look lists the folder and reads only what was not seen before, so that a commit costs the same however long
    the ledger is. Another process may commit and merge between two looks; threads may share one object.
    """

    def __init__(self, folder: Path, lock: Path) -> None:
        self.folder = folder
        self._lock = FileLock(lock)  # re-entrant
        self._mutex = threading.RLock()  # the lock on the file tells processes apart; a mere reader does not hold it
        self._seen: list[Segment] = []
        self._latest: _Latest = {}
        self._ordered: dict[str, list[LedgerRow]] = {}  # of the sources that have not changed since they were sorted
        self._changes = 0

    # ---- what it says

    def rows(self, source: str | None = None) -> list[LedgerRow]:
        """The latest row of each (source, scope, day), sorted by that key; of one source, or of all."""
        with self._mutex:
            self._look()
            sources = sorted(self._latest) if source is None else [source]
            return [row for name in sources for row in self._in_order(name)]

    def row(self, key: Key) -> LedgerRow | None:
        """The latest row of a source, scope and day."""
        with self._mutex:
            self._look()
            return self._latest.get(key[0], {}).get(key)

    def changes(self) -> int:
        """A number that grows whenever the ledger is seen to have changed: equal numbers, equal rows."""
        with self._mutex:
            self._look()
            return self._changes

    def parts_ever_named(self, source: str | None = None, before: datetime | None = None) -> pa.Array:
        """Every data file that any row ever named, restated days included, each once (strings).

        source, before: only by rows of this source, ingested before this moment (UTC).
        """
        with self._mutex, self._looking():
            parts = []
            for segment in living(self._listed()):
                for batch in self._batches(segment):
                    rows = batch if source is None else batch.filter(pc.equal(batch.column("source"), source))
                    rows = rows if before is None else rows.filter(pc.less(rows.column("ingested_at"), before))
                    parts.append(pc.list_flatten(rows.column("parts")))
            return pa.chunked_array(parts, pa.string()).unique()

    def _in_order(self, source: str) -> list[LedgerRow]:
        if source not in self._ordered:
            latest = self._latest.get(source, {})
            self._ordered[source] = [latest[key] for key in sorted(latest)]
        return self._ordered[source]

    # ---- looking

    def _looking(self) -> contextlib.AbstractContextManager[Any]:
        """Held for each look at the ledger and each change of it: a poller may write while a nightly run does."""
        if self._is_reader():
            return contextlib.nullcontext()
        return self._lock

    def _is_reader(self) -> bool:
        """Whether the folder is not there yet, or this process may not write: then it can hold nobody up."""
        return not os.access(self.folder, os.W_OK)

    def _listed(self) -> list[Segment]:
        """Every segment in the folder. A reader lists until two lists are equal.

        A list made while another process merges may lack both the merged segment and those it was made of.
        """
        listing = listed(self.folder)
        while self._is_reader() and set(again := listed(self.folder)) != set(listing):
            listing = again
        return listing

    def _look(self) -> None:
        """Take in what was committed since the last look."""
        with self._looking():
            tries_left = LOOKS
            while tries_left:
                tries_left -= 1
                try:
                    self._take_in(living(self._listed()))
                    break
                except FileNotFoundError:  # merged away between list and read, which only a reader can meet
                    if not tries_left:
                        raise

    def _take_in(self, listing: list[Segment]) -> None:
        """Make what is held in memory say what these segments say; nothing is changed where one cannot be read."""
        if listing == self._seen:
            return
        gone = [segment for segment in self._seen if segment not in set(listing)]
        unseen = [segment for segment in listing if segment not in set(self._seen)]
        last = max((segment.last for segment in self._seen), default=0)
        merged = [segment for segment in unseen if segment.last <= last]
        if all(any(one.covers(old) for one in unseen) for old in gone) and all(
            any(one.covers(old) for old in gone) for one in merged
        ):
            self._apply(self._read(segment for segment in unseen if segment.last > last))
        else:  # not what was seen before and something more: merged by version 0.1, or put there from a backup
            latest = self._read(listing)
            self._latest, self._ordered = {}, {}
            self._apply(latest)
        self._seen = listing

    def _read(self, to_read: Iterable[Segment]) -> dict[Key, LedgerRow]:
        """The latest row of each key in these segments, which are in the order of their commits."""
        shared_lists: dict[tuple[str, ...], tuple[str, ...]] = {}
        latest: dict[Key, LedgerRow] = {}
        for segment in to_read:
            for batch in self._batches(segment):
                latest.update(_latest_rows(batch, shared_lists))
        return latest

    def _batches(self, segment: Segment) -> Iterator[pa.Table]:
        return read_batches(self.folder / segment.name, LEDGER, LEDGER_VERSION)

    def _apply(self, latest: dict[Key, LedgerRow]) -> None:
        for key, row in latest.items():
            self._latest.setdefault(key[0], {})[key] = row
            self._ordered.pop(key[0], None)
        self._changes += 1

    # ---- changing

    def commit(self, rows: Iterable[LedgerRow]) -> list[LedgerRow]:
        """Add ledger rows in one step; rows that say what the ledger already says are left out. Returns those added.

        An exception means that none was added.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._mutex, self._lock:
            self._look()
            new = [row for row in rows if not self._is_recorded(row)]
            if new:
                self._merge()
                number = max((segment.last for segment in self._seen), default=0) + 1
                segment, table = segments.new(number, number), ledger_table(new)
                write_parquet(table.cast(_STAMPED), self.folder / segment.name)
                self._apply(_latest_rows(table, {}))
                self._seen.append(segment)
        return new

    def _is_recorded(self, row: LedgerRow) -> bool:
        current = self._latest.get(row.source, {}).get(row.key)
        return current is not None and row.says_the_same(current)

    def _merge(self) -> None:
        """Merge the segments that are due, every row kept. Who has seen them knows what the merged one says."""
        mergeable = segments.due(self._seen)
        if not mergeable:
            return
        merged = segments.new(mergeable[0].first, mergeable[-1].last)
        batches = (batch for segment in mergeable for batch in self._batches(segment))
        write_batches(batches, _STAMPED, self.folder / merged.name)
        self._seen = [*self._seen[: -len(mergeable)], merged]
        self._remove_replaced()

    def _remove_replaced(self) -> None:
        """Remove segments that a merged one stands for: those just merged, and what a process that died left."""
        listing = listed(self.folder)
        for segment in set(listing) - set(living(listing)):
            (self.folder / segment.name).unlink()

    def sweep(self) -> None:
        """Remove what processes that died left: files half-written, segments already merged."""
        if not self.folder.exists():
            return
        with self._mutex, self._lock:
            self._remove_replaced()
            for file in self.folder.glob(".*"):
                file.unlink()


def _latest_rows(batch: pa.Table, shared_lists: dict[tuple[str, ...], tuple[str, ...]]) -> dict[Key, LedgerRow]:
    """The latest row of each key in a batch of LEDGER rows.

    shared_lists: the lists of watched bases met so far, which thousands of rows share.
    """
    columns = {name: _values(batch.column(name)) for name in LEDGER.names}
    keys = zip(columns["source"], columns["scope"], columns["day"], strict=True)
    columns["parts"] = [tuple(parts or ()) for parts in columns["parts"]]
    shared = [None if watched is None else tuple(watched) for watched in columns["watched"]]
    columns["watched"] = [None if watched is None else shared_lists.setdefault(watched, watched) for watched in shared]
    place = {key: number for number, key in enumerate(keys)}
    rows = list(zip(*columns.values(), strict=True))
    return {key: LedgerRow(*rows[number]) for key, number in place.items()}


def _values(column: pa.ChunkedArray) -> list[Any]:
    """The column's values; equal texts, days and times are one object, since a ledger repeats them by the thousand."""
    if pa.types.is_list(column.type) or pa.types.is_integer(column.type):
        return list(column.to_pylist())
    encoded = column.combine_chunks().dictionary_encode()
    values = encoded.dictionary.to_pylist()
    return [None if index is None else values[index] for index in encoded.indices.to_pylist()]


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
    for name in ("error", "chosen_copy", "source_detail"):
        values[name] = None if values[name] is None else outside.message(values[name])
    return LedgerRow(
        source=source,
        run_id=run_id,
        ingested_at=at or datetime.now(UTC),
        parts=tuple(sorted(parts)),
        watched=None if watched is None or note.scope != GLOBAL else tuple(sorted(watched)),
        **values,
    )
