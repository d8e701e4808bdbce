"""Gates that derive again: what a candidate says is computed a second, simpler way from the lake that it is made of.

`expectations/derived` holds a suite a table, and views (`gates.<name>`) that several rules share. Such rules see what
no look at the candidate alone can: a callsign that no record states, a landing on record that is in no visit, a day
that nobody read and that is shown as seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import duckdb

from basewatch.gates.suites import Gate
from basewatch.lake.ledger import LedgerRow
from basewatch.lake.store import Lake
from basewatch.reference.load import Reference
from basewatch.warehouse.build import bind, open_work, quoted, remove_tree

GATE: Gate = "derived"
BEHIND = "memory"  # the database that holds the lake, the reference tables and the views


@dataclass(frozen=True)
class Behind:
    """What a candidate was built from.

    ledger: what the lake held then. published: the database of the release before, None before the first. folder:
    where the database spills; it is removed at the end.
    """

    lake: Lake
    reference: Reference
    ledger: Sequence[LedgerRow]
    published: Path | None
    folder: Path


def rules() -> Path:
    """The folder of the suites and the views."""
    return Path(str(files("basewatch.expectations.derived")))


@contextmanager
def opened(database: Path, behind: Behind) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection in which published tables go by their names, the lake by `raw`, and the views by `gates`.

    `database` is a candidate's or release's DuckDB file; it is only read.
    """
    try:
        with open_work(behind.folder) as connection:
            bind(connection, behind.lake, behind.reference, behind.published, ledger=behind.ledger)
            show(connection, database)
            yield connection
    finally:
        remove_tree(behind.folder)


def show(connection: duckdb.DuckDBPyConnection, database: Path) -> None:
    """Have the tables of a DuckDB file go by their names, and derive from them and the lake what several rules share.

    What was shown before on this connection, which holds the lake and the reference tables, gives way.
    """
    connection.execute(f"ATTACH OR REPLACE '{quoted(database)}' AS candidate (READ_ONLY)")
    for (table,) in connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = 'candidate' AND schema_name = 'main'"
    ).fetchall():
        connection.execute(f'CREATE OR REPLACE VIEW {BEHIND}.main."{table}" AS FROM candidate.main."{table}"')
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {BEHIND}.gates")
    connection.execute(f"SET search_path = '{BEHIND}.main,{BEHIND}.raw,{BEHIND}.reference,{BEHIND}.gates'")
    for file in sorted(rules().glob("*.sql")):  # tables: each is read by several rules, and costs a pass over the lake
        query = file.read_text(encoding="utf-8")
        connection.execute(f"CREATE OR REPLACE TABLE {BEHIND}.gates.{file.stem} AS {query}")
