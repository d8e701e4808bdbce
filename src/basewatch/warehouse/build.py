"""A candidate: every model built from the lake, the reference tables and the release before, into one database."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from basewatch import __version__
from basewatch.database import connect
from basewatch.durable import make_folder, sha256
from basewatch.errors import ConfigError
from basewatch.lake import notes
from basewatch.lake.ledger import LedgerRow, ledger_table
from basewatch.lake.schemas import AT, TABLES, TEXTS
from basewatch.lake.store import Lake
from basewatch.reference.load import Params, Reference
from basewatch.reference.rows import ROWS
from basewatch.warehouse import lake_sql, models
from basewatch.warehouse.published import DATABASE

AFTER_GATES = (
    "marts.quality_results",
    "marts.release_changes",
    "marts.releases",
)  # what the run says of itself, filled when it publishes
FEW_RECORDS = 20_000  # queries of so few are planned for longer than they run: a second thread costs more than it gives
HISTORY: dict[str, pa.Schema] = {  # of earlier releases, of the run itself and of what was learnt, in schema raw
    "published_visits": pa.schema(
        [
            ("visit_id", pa.string()),
            ("base_id", pa.string()),
            ("icao24", pa.string()),
            ("first_evidence_at", AT),
            ("last_evidence_at", AT),
            ("previous_ids", TEXTS),
        ]
    ),
    "hidden_stays": pa.schema(
        [
            ("case_id", pa.string()),
            ("base_id", pa.string()),
            ("is_true", pa.bool_()),
            ("evidence", pa.string()),
            ("height_band", pa.string()),
            ("probability", pa.float64()),
            ("is_counted", pa.bool_()),
        ]
    ),
    "quality_results": pa.schema(
        [
            ("run_id", pa.string()),
            ("gate", pa.string()),
            ("check_name", pa.string()),
            ("table_name", pa.string()),
            ("success", pa.bool_()),
            ("severity", pa.string()),
            ("rows_set_aside", pa.int64()),
            ("observed", pa.string()),
            ("unexpected_count", pa.int64()),
            ("why", pa.string()),
            ("checked_at", AT),
        ]
    ),
    "releases": pa.schema(
        [
            ("release_id", pa.string()),
            ("published_at", AT),
            ("run_id", pa.string()),
            ("rows", pa.map_(pa.string(), pa.int64())),
            ("code_version", pa.string()),
            ("models_sha256", pa.string()),
            ("parameters_sha256", pa.string()),
            ("learnt_sha256", pa.string()),
            ("as_of", pa.date32()),
            ("accepted_because", pa.string()),
        ]
    ),
    "release_changes": pa.schema(
        [
            ("table_name", pa.string()),
            ("base_id", pa.string()),
            ("fleet_id", pa.string()),
            ("month", pa.date32()),
            ("change", pa.string()),
            ("cause", pa.string()),
            ("rows", pa.int64()),
            ("source_days", TEXTS),
            ("examples", TEXTS),
            ("accepted_because", pa.string()),
        ]
    ),
}


@dataclass(frozen=True)
class Inputs:
    """All that decides what a build gives: equal inputs, equal tables."""

    as_of: date
    lake: str
    models: str
    thresholds: str
    reference: str
    learnt: str
    ledger_rows: int  # rows of the ledger so far: what the lake held then can be told from the first so many
    code_version: str = __version__

    @property
    def parameters(self) -> str:
        """One hash over thresholds, reference tables and what was learnt."""
        return hashlib.sha256(f"{self.thresholds}{self.reference}{self.learnt}".encode()).hexdigest()

    @property
    def fingerprint(self) -> str:
        """One hash over them."""
        text = json.dumps([str(self.as_of), self.lake, self.models, self.parameters, self.code_version])
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Candidate:
    """A built but unpublished set of tables."""

    folder: Path
    run_id: str
    inputs: Inputs
    rows: dict[str, int]

    @property
    def database(self) -> Path:
        """Its DuckDB file: marts in schema main."""
        return self.folder / DATABASE


def gather_inputs(lake: Lake, reference: Reference, params: Params, as_of: date) -> Inputs:
    """What a build now would be made from."""
    return Inputs(
        as_of,
        lake.fingerprint(),
        models.sha256(),
        params.sha256,
        reference.sha256,
        reference.learnt_sha256,
        lake.ledger_length(),
    )


def build_candidate(
    folder: Path,
    lake: Lake,
    published: Path | None,
    reference: Reference,
    params: Params,
    as_of: date,
    run_id: str,
    hidden: pa.Table | None = None,
    progress: Callable[[str, float, int], None] | None = None,
    ledger: Sequence[LedgerRow] | None = None,
) -> Candidate:
    """Build every model from the lake into `folder`; what stood there before is thrown away.

    published: the current release's database, None before the first. as_of: the last UTC day of the spine. hidden:
    stays that were hidden to measure the judge. progress: is told of every model its name, seconds and rows. ledger:
    what the lake is taken to hold, where that is not what it holds now.
    """
    remove_tree(folder)
    make_folder(folder)
    with removed_on_failure(folder):
        inputs, held = gather_inputs(lake, reference, params, as_of), lake.ledger()
        while lake.ledger_length() != inputs.ledger_rows:  # a poller flushed in between: what is noted is what is read
            inputs, held = gather_inputs(lake, reference, params, as_of), lake.ledger()
        with open_work(folder) as connection:
            bind(connection, lake, reference, published, hidden, ledger=held if ledger is None else ledger)
            names = [name for name in models.load() if name not in AFTER_GATES]
            attach_new(connection, folder / DATABASE, "made")
            built = models.build(connection, {**params.values, "as_of": as_of}, names, progress, "made")
            connection.execute("DETACH made")
        rows = {name.removeprefix("marts."): count for name, count in built.items() if name.startswith("marts.")}
        candidate = Candidate(folder, run_id, inputs, rows)
        note_candidate(candidate)
        return candidate


def note_candidate(candidate: Candidate) -> None:
    """Keep what a candidate is, and the hash of its database; whoever changes that one notes it anew."""
    note = {
        **vars(candidate.inputs),
        "as_of": str(candidate.inputs.as_of),
        "run_id": candidate.run_id,
        "rows": candidate.rows,
        DATABASE: sha256(candidate.database),
    }
    notes.write(candidate.folder / "candidate.json", note)


def read_candidate(folder: Path) -> Candidate:
    """The candidate that a build left in `folder`. Raises ConfigError where there is none, Damaged where it is."""
    note = folder / "candidate.json"
    if not note.exists():
        raise ConfigError("there is no candidate; `basewatch build` makes one")
    values: dict[str, Any] = notes.read(note)
    told: dict[str, Any] = {name: values.get(name) for name in Inputs.__dataclass_fields__}
    if None in told.values():
        raise ConfigError("the candidate is of an earlier version; `basewatch build` makes it anew")
    inputs = Inputs(**{**told, "as_of": date.fromisoformat(values["as_of"])})
    return Candidate(folder, values["run_id"], inputs, values["rows"])


def bind(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    reference: Reference,
    published: Path | None,
    hidden: pa.Table | None = None,
    until: date | None = None,
    ledger: Sequence[LedgerRow] | None = None,
) -> None:
    """The schemas that models read: the lake as views over the files that the ledger names, and the reference.

    hidden: rows of raw.hidden_stays. until: the last day of the lake that is looked at (default: all). ledger: what the
    lake is taken to hold (default: what it holds).
    """
    connection.execute("CREATE SCHEMA raw")
    connection.execute("CREATE SCHEMA reference")
    rows = lake.ledger() if ledger is None else ledger
    ledger = [row for row in rows if until is None or row.day <= until]
    if sum(row.records_kept for row in ledger) < FEW_RECORDS:
        connection.execute("SET threads = 1")
    for name, table in TABLES.items():
        files = lake.sound(lake.files(name, ledger))
        if files:
            connection.execute(f"CREATE VIEW raw.{name} AS {lake_sql.select(connection, table, files)}")
        else:
            store(connection, f"raw.{name}", table.schema.empty_table())
    store(connection, "raw.source_days", ledger_table(ledger))
    for name in ROWS:
        store(connection, f"reference.{name}", reference.table(name))
    store(connection, "raw.hidden_stays", HISTORY["hidden_stays"].empty_table() if hidden is None else hidden)
    _bind_history(connection, published)


def _bind_history(connection: duckdb.DuckDBPyConnection, published: Path | None) -> None:
    columns = ", ".join(HISTORY["published_visits"].names)
    if published is None:
        store(connection, "raw.published_visits", HISTORY["published_visits"].empty_table())
    else:
        connection.execute(f"ATTACH '{quoted(published)}' AS published (READ_ONLY)")
        connection.execute(
            f"CREATE TABLE raw.published_visits AS SELECT {columns} "
            "FROM published.main.base_visits WHERE icao24 IS NOT NULL"
        )
        connection.execute("DETACH published")


@contextlib.contextmanager
def removed_on_failure(folder: Path) -> Iterator[None]:
    """A folder that could not be finished gives its room back at once: a full disk is a usual reason."""
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


@contextlib.contextmanager
def open_work(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory to build in, which spills below `folder` and leaves nothing there.

    What is thrown away is not worth compressing, as a database file would.
    """
    with connect() as connection:
        configure(connection, folder)
        yield connection
    remove_tree(folder / "tmp")


def attach_new(connection: duckdb.DuckDBPyConnection, file: Path, name: str) -> None:
    """Attach a new database, in the storage version that every reader of the last years knows."""
    connection.execute(f"ATTACH '{quoted(file)}' AS {name} (STORAGE_VERSION 'v1.0.0')")


def configure(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """At most 1.5 GB of memory, spill below the folder, which is made where it is absent, no extension downloads."""
    folder.mkdir(parents=True, exist_ok=True)  # DuckDB makes the last folder of a path alone, and only when it spills
    connection.execute("SET memory_limit = '1500MB'")  # benchmarks/models.py: enough for five million visits
    connection.execute(f"SET temp_directory = '{quoted(folder / 'tmp')}'")
    connection.execute("SET autoinstall_known_extensions = false")


def store(connection: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    """Create a table from Arrow rows."""
    connection.register("incoming", rows)
    connection.execute(f"CREATE OR REPLACE TABLE {table} AS SELECT * FROM incoming")
    connection.unregister("incoming")


def remove_tree(folder: Path) -> None:
    """Remove a folder and all in it, if it is there."""
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)


def quoted(text: object) -> str:
    """Text for use between single quotes in a SQL statement that takes no parameters."""
    return str(text).replace("'", "''")
