"""The lake: typed Parquet under `lake/<table>/source=…/day=…/`, and the ledger that says which of it counts.

A ledger row (source, scope, day) names the data files that hold what came of that day. Data files are written first,
each under a name made from its content; the ledger segment comes last and by one rename. So a run that dies leaves
files that nothing names, and they are swept up later; a restated day is a newer ledger row, and the latest row wins.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from basewatch.durable import put_in_place, sha256, write_aside
from basewatch.errors import ADVICE, Damaged, StoreFault
from basewatch.lake import notes
from basewatch.lake.files import encode_parquet, stamped, unique, version_of
from basewatch.lake.ledger import Ledger, LedgerRow
from basewatch.lake.schemas import TABLES, LakeTable
from basewatch.lake.segments import DIGITS
from basewatch.lake.verified import Verified

FILES_NAMED = 5  # of damaged ones in an error
MOVES = ("origin_sha256", "origin_place")  # change for every record of a file when one is added to it


class Lake:
    """The lake below a warehouse root."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "lake"
        self.ledger_folder = self.folder / "source_days"
        self.quarantine = root / "quarantine"
        self._ledger = Ledger(self.ledger_folder, self.folder / ".ledger.lock")
        self.verified = Verified(self.folder)
        self._fingerprint: tuple[int, str] | None = None  # and the state of the ledger that it is of

    # ---- ledger

    def ledger_length(self) -> int:
        """How many rows the ledger ever had, restated ones included."""
        return self._ledger.length()

    def earlier_ledger(self, length: int | None, at: datetime) -> list[LedgerRow]:
        """The ledger as it was when it had this many rows; where that is not known, as it was at a moment (UTC).

        A row whose files are gone since (a source's terms ended) gives way to the current one.
        """
        now = {row.key: row for row in self.ledger()}
        return [
            row if all((self.folder / part).exists() for part in row.parts) else now[row.key]
            for row in self._ledger.earlier(length, at)
        ]

    def ledger(self, source: str | None = None) -> list[LedgerRow]:
        """The current ledger, of one source or of all: the latest row of each (source, scope, day), sorted by that."""
        return self._ledger.rows(source)

    def ledger_row(self, source: str, scope: str, day: date) -> LedgerRow | None:
        """The current row of one source, scope and day."""
        return self._ledger.row((source, scope, day))

    def commit(self, rows: Iterable[LedgerRow]) -> list[LedgerRow]:
        """Add ledger rows in one step; rows that say what the ledger already says are left out. Returns those added."""
        return self._ledger.commit(rows)

    def parts_ever_named(self, source: str | None = None, before: datetime | None = None) -> pa.Array:
        """Every data file that any ledger row ever named, restated days included, each once (strings).

        source, before: only by rows of this source, ingested before this moment (UTC).
        """
        return self._ledger.parts_ever_named(source, before)

    def still(self) -> AbstractContextManager[None]:
        """While it lasts, the ledger stays as it is, whoever polls meanwhile."""
        return self._ledger.still()

    # ---- data

    def write_rows(self, table: str, source: str, day: date, rows: pa.Table, *, standing: Iterable[str] = ()) -> str:
        """Write the rows of one table, source and day; returns the file's path relative to the lake.

        standing: files in the lake, relative to it. One of them stays in use where it holds the same rows and only the
        origin's hash, or the place in it, has changed. Otherwise a user's file that grows by a line a day would have
        all its days written anew each night, and kept.

        The rows are cast to the declared schema, made unique by the table's key and sorted by it, so that the same
        content always gives the same file under the same name.
        """
        declared = TABLES[table]
        full = rows
        if "source" not in full.column_names:
            full = full.append_column("source", pa.array([source] * full.num_rows, pa.string()))
        if "day" not in full.column_names:
            full = full.append_column("day", pa.array([day] * full.num_rows, pa.date32()))
        full = unique(_with_web_links(full.select(declared.schema.names).cast(declared.schema)), declared.key)
        folder = self._partition(table, source, day)
        for part in standing:
            if (self.folder / part).parent == folder and _is_same_but_moved(self.folder / part, full, declared):
                return part
        return self._store(full.cast(stamped(declared.schema, declared.version)), folder)

    def adopt(self, table: str, source: str, day: date, file: Path) -> str:
        """Take over a Parquet file of the declared schema that a worker wrote aside; returns its path in the lake."""
        file_schema, declared = pq.read_schema(file), TABLES[table]
        if not file_schema.equals(declared.schema) or version_of(file_schema.metadata) != declared.version:
            raise ValueError(f"{file} does not have the schema of lake table {table}, version {declared.version}")
        target = self._partition(table, source, day) / f"{sha256(file)[:DIGITS]}.parquet"
        put_in_place(file, target)
        return str(target.relative_to(self.folder))

    def _partition(self, table: str, source: str, day: date) -> Path:
        return self.folder / table / f"source={source}" / f"day={day.isoformat()}"

    def _store(self, table: pa.Table, folder: Path) -> str:
        sink = pa.BufferOutputStream()
        encode_parquet(table, sink)
        data = sink.getvalue().to_pybytes()
        target = folder / f"{hashlib.sha256(data).hexdigest()[:DIGITS]}.parquet"
        if not _holds(target, data):  # a file of that name that was damaged is written anew
            write_aside(target, data)
        return str(target.relative_to(self.folder))

    def files(self, table: str, ledger: Iterable[LedgerRow] | None = None) -> list[Path]:
        """The data files of a table that the current ledger names."""
        rows = self.ledger() if ledger is None else ledger
        prefix = f"{table}/"
        return sorted({self.folder / part for row in rows for part in row.parts if part.startswith(prefix)})

    def sound(self, files: Sequence[Path]) -> Sequence[Path]:
        """The same files, each known to be what its name says; read only where that is not known yet.

        Raises StoreFault naming those that are damaged or missing.
        """
        found = self.verified.damaged({file: file.stem for file in files})
        if found:
            raise damaged_files(found)
        return files

    def fingerprint(self) -> str:
        """A hash of what the lake holds: equal lakes, however they came about, give equal fingerprints.

        In what words a failure was told (how often tried, how long to wait) is no part of what is held.
        """
        changes = self._ledger.changes()
        if self._fingerprint is None or self._fingerprint[0] != changes:
            self._fingerprint = changes, _fingerprint(self.ledger())
        return self._fingerprint[1]

    def sweep(self) -> int:
        """Remove data files that no ledger row ever named (left by a run that died). Returns how many.

        Files of a restated day stay: a reader may still hold an older view, and what was published must stay open to
        question. Nothing is removed where the ledger is damaged (StoreFault) or a file that it names is missing.
        """
        files = [str(file.relative_to(self.folder)) for file in self.folder.glob("*/source=*/day=*/*")]
        unnamed: list[str] = []
        if all(file.exists() for file in self.current_files()):  # else one may be there under another name
            named = set(self.parts_ever_named().to_pylist())
            unnamed = [file for file in files if file not in named]
        for part in unnamed:
            (self.folder / part).unlink()
        self._ledger.sweep()
        self.verified.forget_but(set(files) - set(unnamed))
        for file in (self.folder / "windows").glob(".*"):
            file.unlink()
        return len(unnamed)

    def last_day(self, leave_out: Callable[[LedgerRow], bool] = lambda _: False, until: date = date.max) -> date | None:
        """The latest UTC day up to `until` up to which anything was looked at, None on an empty lake.

        A source that is read whole leaves no row for a last day without records, so the ends of its windows count too.
        """
        days = [row.day for row in self.ledger() if not leave_out(row)]
        for file in (self.folder / "windows").glob("[!.]*.json"):
            days += self.window_ends(file.stem)
        return max((day for day in days if day <= until), default=None)

    # ---- windows already done, for sources that are read whole

    def _window_file(self, source: str) -> Path:
        return self.folder / "windows" / f"{source}.json"

    def window_ends(self, source: str) -> list[date]:
        """The last day of each window of this source that was ingested whole."""
        file = self._window_file(source)
        content = notes.read(file)
        with notes.understood(file):
            return [date.fromisoformat(name.partition("..")[2]) for name in content]

    def window_fingerprint(self, source: str, name: str) -> str | None:
        """The fingerprint of the inputs from which this window was last ingested, None if it never was."""
        fingerprint: str | None = notes.read(self._window_file(source)).get(name)
        return fingerprint

    def remember_window(self, source: str, name: str, fingerprint: str) -> None:
        """Note that a window was ingested whole from inputs with this fingerprint."""
        file = self._window_file(source)
        notes.write(file, {**notes.read(file), name: fingerprint})

    def forget_windows(self, source: str) -> None:
        """Have all windows of a source ingested anew, whatever their inputs."""
        self._window_file(source).unlink(missing_ok=True)

    # ---- damage

    def current_files(self) -> list[Path]:
        """The data files of every table that the current ledger names."""
        return sorted({self.folder / part for row in self.ledger() for part in row.parts})

    def readable_rows(self) -> list[LedgerRow]:
        """The latest rows of the segments that are sound, whatever is wrong with others."""
        return self._ledger.readable()

    def ledger_damages(self) -> list[Damaged]:
        """All that is wrong with the ledger's segments, their chain and the head."""
        return self._ledger.damages()

    def rebuild_ledger(self, aside: Path) -> list[Path]:
        """Make one sound chain of the ledger's rows that can be read; returns where damaged segments were moved."""
        moved = self._ledger.rebuild(aside)
        self._fingerprint = None
        return moved


def damaged_files(found: Mapping[Path, str]) -> StoreFault:
    """The error that damaged files are, the first of them named."""
    named = "; ".join(f"{file} {what}" for file, what in list(found.items())[:FILES_NAMED])
    more = f"; and {len(found) - FILES_NAMED} more" if len(found) > FILES_NAMED else ""
    return StoreFault(
        f"the lake is damaged: {named}{more}; nothing was built from it and what is published stands. {ADVICE}"
    )


def _with_web_links(rows: pa.Table) -> pa.Table:
    """The rows without links that are no web addresses: whoever reads a published one may click on it."""
    if "url" not in rows.column_names or rows.column("url").null_count == rows.num_rows:
        return rows
    urls, place = rows.column("url"), rows.schema.get_field_index("url")
    is_web = pc.match_substring_regex(urls, r"^(?i:https?)://[^\s]+$")
    kept = pc.if_else(is_web, urls, pa.scalar(None, pa.string()))
    return rows.set_column(place, rows.schema.field(place), kept)


def _holds(file: Path, data: bytes) -> bool:
    try:
        return file.stat().st_size == len(data) and file.read_bytes() == data
    except OSError:
        return False


def _fingerprint(rows: Iterable[LedgerRow]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        values = {**vars(row), "ingested_at": None, "run_id": None, "day": str(row.day)}
        if row.status == "failed":
            values["error"] = None
        for name in ("source_detail", "measures"):
            if values[name] is None:  # rows of before it was kept say what they said
                del values[name]
        digest.update(json.dumps(values, sort_keys=True).encode())
    return digest.hexdigest()


def _is_same_but_moved(file: Path, rows: pa.Table, declared: LakeTable) -> bool:
    """Whether a file of the current version holds these rows, apart from their origin's hash and the place in it."""
    if not file.exists() or not sha256(file).startswith(file.stem):
        return False  # it is damaged, and the rows are written anew
    with pq.ParquetFile(file) as opened:
        if version_of(opened.schema_arrow.metadata) != declared.version or opened.metadata.num_rows != rows.num_rows:
            return False
        stored = opened.read().cast(declared.schema)
    names = [name for name in declared.schema.names if name not in MOVES]
    return bool(stored.select(names).equals(rows.select(names)))
