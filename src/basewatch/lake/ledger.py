"""The ledger: what was looked at, what came of it, and the data files; segments of rows, the latest of a key wins."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from filelock import FileLock

from basewatch import outside
from basewatch.durable import make_folder, put_in_place, sha256, write_aside
from basewatch.errors import Damaged
from basewatch.lake import chain, segments
from basewatch.lake.chain import BEGINNING, Link
from basewatch.lake.events import GLOBAL, Day
from basewatch.lake.files import encode_parquet, read_batches, stamped, write_batches
from basewatch.lake.schemas import LEDGER, LEDGER_VERSION
from basewatch.lake.segments import Segment, listed, living

LOOKS = 100  # tries of a reader before a segment that vanishes is an error: each failure takes a merge in between

Key = tuple[str, str, date]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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
    measures: str | None = None  # JSON: what the day held, to hold other days against

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
        self._links: dict[str, Link | None] = {}  # of segments that were read or written here, by name
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

    def length(self) -> int:
        """How many rows were ever committed, restated ones included."""
        with self._mutex, self._looking():
            return sum(pq.read_metadata(self.folder / one.name).num_rows for one in living(self._listed()))

    def earlier(self, length: int | None, at: datetime) -> list[LedgerRow]:
        """What it said earlier: the latest row of each key among the first `length` that were committed, sorted by key.

        at: where the length is not known, rows written up to this moment (UTC) count.
        """
        latest: dict[Key, LedgerRow] = {}
        seen = 0
        with self._mutex, self._looking():
            for segment in living(self._listed()):
                for batch in self._batches(segment):
                    early = batch.slice(0, max(0, length - seen)) if length is not None else _written_by(batch, at)
                    latest.update(_latest_rows(early, {}))
                    seen += batch.num_rows
        return [latest[key] for key in sorted(latest)]

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
                    parts += pc.list_flatten(rows.column("parts")).chunks
            # not as a chunked array: Arrow would import pandas for it
            return pc.unique(pa.concat_arrays(parts)) if parts else pa.array([], pa.string())

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

    @contextlib.contextmanager
    def still(self) -> Iterator[None]:
        """While it lasts, nobody commits and nothing is merged."""
        with self._mutex, self._looking():
            yield

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
                    head = chain.read_head(self.folder)  # before the list: a commit in between is ahead of it
                    self._take_in(living(self._listed()), head)
                    break
                except FileNotFoundError:  # merged away between list and read, which only a reader can meet
                    if not tries_left:
                        raise

    def _take_in(self, listing: list[Segment], head: Link | None) -> None:
        """Make what is held in memory say what these segments say; nothing is changed where one cannot be read.

        Raises StoreFault where one is damaged, or they do not hold together.
        """
        if listing == self._seen and (listing or head is None):
            return
        gone = [segment for segment in self._seen if segment not in set(listing)]
        unseen = [segment for segment in listing if segment not in set(self._seen)]
        last = max((segment.last for segment in self._seen), default=0)
        merged = [segment for segment in unseen if segment.last <= last]
        if all(any(one.covers(old) for one in unseen) for old in gone) and all(
            any(one.covers(old) for old in gone) for one in merged
        ):
            fresh = [segment for segment in unseen if segment.last > last]
            latest = self._read(fresh)
            for one in merged:
                self._links[one.name] = self._link_of_merged(one)
            self._require_chain(fresh, self._tail([one for one in listing if one not in set(fresh)]), listing, head)
            self._apply(latest)
        else:  # not what was seen before and something more: merged by version 0.1, or put there from a backup
            latest = self._read(listing)
            self._require_chain(listing, BEGINNING, listing, head)
            self._latest, self._ordered = {}, {}
            self._apply(latest)
        self._seen = listing

    def _require_chain(self, fresh: list[Segment], tail: Link, listing: list[Segment], head: Link | None) -> None:
        found = chain.faults([(segment, self._links[segment.name]) for segment in fresh], self.folder, tail)
        last = max((segment.last for segment in listing), default=0)
        found += chain.end_faults(head, self._tail(listing), last, self.folder)
        if found:
            raise found[0]

    def _tail(self, listing: list[Segment]) -> Link:
        """The link of the last of these segments; BEGINNING where it has none."""
        return (self._links.get(listing[-1].name) if listing else None) or BEGINNING

    def _link_of_merged(self, merged: Segment) -> Link | None:
        """The link of a segment that stands for some which have been read, so that its rows are known."""
        parts = [self._links.get(one.name) for one in self._seen if merged.covers(one)]
        links = [link for link in parts if link is not None]
        if links and len(links) == len(parts):
            return chain.joined(links)
        return chain.link_of(merged, self.folder, (self.folder / merged.name).read_bytes())

    def _read(self, to_read: Iterable[Segment]) -> dict[Key, LedgerRow]:
        """The latest row of each key in these segments, which are in the order of their commits."""
        shared_lists: dict[tuple[str, ...], tuple[str, ...]] = {}
        latest: dict[Key, LedgerRow] = {}
        for segment in to_read:
            for batch in self._batches(segment):
                latest.update(_latest_rows(batch, shared_lists))
        return latest

    def _batches(self, segment: Segment) -> Iterator[pa.Table]:
        """The rows of a segment. Raises StoreFault where it is not as its name and its link tell."""
        file = self.folder / segment.name
        data = file.read_bytes()
        link = chain.link_of(segment, self.folder, data)
        yield from _whole(file, data)
        self._links[segment.name] = link

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
        make_folder(self.folder)
        with self._mutex, self._lock:
            self._look()
            new = [row for row in rows if not self._is_recorded(row)]
            if new:
                self._begin()
                self._merge()
                self._add(new)
        return new

    def _begin(self) -> None:
        """Have the head where the chain ends, before anything is added: it is behind where a process died.

        On a lake without any, it says so, that a first commit without its head is no damage.
        """
        tail = self._tail(self._seen)
        is_before_the_chain = bool(self._seen) and tail == BEGINNING
        if not is_before_the_chain and chain.read_head(self.folder) != tail:
            chain.write_head(self.folder, tail)

    def _add(self, rows: list[LedgerRow]) -> None:
        """Write a segment of one commit, and then the head."""
        table = ledger_table(rows)
        number = max((segment.last for segment in self._seen), default=0) + 1
        link = chain.following(self._tail(self._seen), number, number, len(rows), (vars(row) for row in rows))
        sink = pa.BufferOutputStream()
        encode_parquet(_linked(table.cast(_STAMPED), link), sink)
        data = sink.getvalue().to_pybytes()
        segment = segments.named(number, number, hashlib.sha256(data).hexdigest())
        write_aside(self.folder / segment.name, data)
        self._links[segment.name] = link
        self._apply(_latest_rows(table, {}))
        self._seen.append(segment)
        chain.write_head(self.folder, link)

    def _is_recorded(self, row: LedgerRow) -> bool:
        current = self._latest.get(row.source, {}).get(row.key)
        return current is not None and row.says_the_same(current)

    def _merge(self) -> None:
        """Merge the segments that are due, every row kept. Who has seen them knows what the merged one says."""
        unlinked = [segment for segment in self._seen if self._links.get(segment.name) is None]
        mergeable = unlinked or segments.due(self._seen)  # those of before the chain become its first link
        if not mergeable:
            return
        aside = self.folder / f".merging.{uuid.uuid4().hex}"
        link = self._first_link(unlinked) if unlinked else chain.joined([self._known_link(one) for one in mergeable])
        batches = (batch for segment in mergeable for batch in self._batches(segment))
        schema = _STAMPED.with_metadata({**(_STAMPED.metadata or {}), **link.metadata})
        write_batches(batches, schema, aside)
        merged = segments.named(mergeable[0].first, mergeable[-1].last, sha256(aside))
        if unlinked:
            chain.write_head(self.folder, link)
        put_in_place(aside, self.folder / merged.name)
        self._links[merged.name] = link
        self._seen = [*self._seen[: -len(mergeable)], merged]
        self._remove_replaced()

    def _known_link(self, segment: Segment) -> Link:
        link = self._links[segment.name]
        assert link is not None, "a chain is unbroken from its first link on"
        return link

    def _first_link(self, unlinked: list[Segment]) -> Link:
        files = [self.folder / segment.name for segment in unlinked]
        rows = sum(pq.read_metadata(file).num_rows for file in files)
        return chain.following(BEGINNING, unlinked[0].first, unlinked[-1].last, rows, map(sha256, files))

    def _remove_replaced(self) -> None:
        """Remove segments that a merged one stands for: those just merged, and what a process that died left."""
        listing = listed(self.folder)
        for segment in set(listing) - set(living(listing)):
            (self.folder / segment.name).unlink()

    # ---- looking for damage, and mending it

    def damages(self) -> list[Damaged]:
        """All that is wrong with the segments, their chain and the head, each as the error that it is."""
        with self._mutex, self._looking():
            return self._inspected()[0]

    def readable(self) -> list[LedgerRow]:
        """The latest rows of the segments that are sound, sorted by their key."""
        with self._mutex, self._looking():
            latest = self._read(self._inspected()[1])
            return [latest[key] for key in sorted(latest)]

    def _inspected(self) -> tuple[list[Damaged], list[Segment], list[Path]]:
        """What is wrong; the sound segments in their order; the files that are damaged or of elsewhere."""
        found: list[Damaged] = []
        bad: list[Path] = []
        segments_, links = [], {}
        for file in sorted(self.folder.glob("[!.]*.parquet")):
            segment = segments.of_name(file.name)
            if segment is None:
                found.append(Damaged(file, "is no ledger segment by its name"))
                bad.append(file)
            else:
                segments_.append(segment)
        alive = living(segments_)
        for segment in alive:
            try:
                data = (self.folder / segment.name).read_bytes()
                links[segment] = chain.link_of(segment, self.folder, data)
                for _ in _whole(self.folder / segment.name, data):
                    pass
            except Damaged as fault:
                found.append(fault)
                bad.append(self.folder / segment.name)
                links[segment] = chain.BROKEN
        torn = chain.faults([(segment, links[segment]) for segment in alive], self.folder)
        found += torn
        bad += [fault.place for fault in torn if fault.place != self.folder]
        tail = (links[alive[-1]] if alive else None) or BEGINNING
        try:
            head = chain.read_head(self.folder)
            if tail != chain.BROKEN:
                last = alive[-1].last if alive else 0
                found += chain.end_faults(head, tail, last, self.folder) + chain.head_faults(head, last, self.folder)
        except Damaged as fault:
            found.append(fault)
        return found, [one for one in alive if self.folder / one.name not in bad], bad

    def rebuild(self, aside: Path) -> list[Path]:
        """Make one sound chain of the rows that can be read; returns where the damaged files were moved.

        A segment that was but renamed gets its name back. Every row of a sound segment is kept.
        """
        with self._mutex, self._lock:
            self._rename_back()
            _, sound, bad = self._inspected()
            moved = []
            for file in bad:
                aside.mkdir(parents=True, exist_ok=True)
                moved.append(file.replace(aside / file.name))
            batches = [batch for one in sound for batch in self._rows_of(one)]
            rows = pa.concat_tables(batches) if batches else LEDGER.empty_table()
            last = max([1, *(one.last for one in sound)])
            link = chain.following(BEGINNING, 1, last, rows.num_rows, [one.name for one in sound])
            sink = pa.BufferOutputStream()
            encode_parquet(_linked(rows.replace_schema_metadata(None).cast(_STAMPED), link), sink)
            data = sink.getvalue().to_pybytes()
            whole = segments.named(1, last, hashlib.sha256(data).hexdigest())
            write_aside(self.folder / whole.name, data)
            for one in segments.listed(self.folder):
                if one.name != whole.name:
                    (self.folder / one.name).unlink()
            chain.write_head(self.folder, link)
            self._seen, self._latest, self._ordered, self._links = [], {}, {}, {}
            return moved

    def _rows_of(self, segment: Segment) -> Iterator[pa.Table]:
        return read_batches(self.folder / segment.name, LEDGER, LEDGER_VERSION)

    def _rename_back(self) -> None:
        """Give a segment its name back where its bytes tell it, and nothing else has it."""
        for file in sorted(self.folder.glob("[!.]*.parquet")):
            link = chain.link_within(file)
            if link is not None:
                right = segments.named(link.first, link.last, sha256(file)).name
                if right != file.name and not (self.folder / right).exists() and chain.is_whole(file, link):
                    file.replace(self.folder / right)

    def sweep(self) -> None:
        """Remove what processes that died left: files half-written, segments already merged."""
        if not self.folder.exists():
            return
        with self._mutex, self._lock:
            self._remove_replaced()
            for file in self.folder.glob(".*"):
                file.unlink()


def _whole(file: Path, data: bytes) -> Iterator[pa.Table]:
    """The rows in a segment's bytes. Raises Damaged where they cannot be read to the end."""
    try:
        yield from read_batches(file, LEDGER, LEDGER_VERSION, data)
    except (pa.ArrowException, OSError) as error:
        raise Damaged(file, f"is damaged: it cannot be read ({str(error).splitlines()[0][:120]})") from None


def _written_by(batch: pa.Table, at: datetime) -> pa.Table:
    return batch.filter(pc.less_equal(batch.column("ingested_at"), pa.scalar(at, batch.column("ingested_at").type)))


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
    if pa.types.is_timestamp(column.type):  # Arrow would import pandas for them, which takes as long as all the rest
        values = [EPOCH + timedelta(microseconds=at) for at in encoded.dictionary.cast(pa.int64()).to_pylist()]
    else:
        values = encoded.dictionary.to_pylist()
    return [None if index is None else values[index] for index in encoded.indices.to_pylist()]


def _linked(table: pa.Table, link: Link) -> pa.Table:
    return table.replace_schema_metadata({**(table.schema.metadata or {}), **link.metadata})


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
