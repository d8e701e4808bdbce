"""A release as one SQLite file, for tools that read no DuckDB.

SQLite knows numbers and texts alone: a truth is 0 or 1, a day or a time ISO text (times in UTC, with a Z), a list JSON.
What is null stays null. The table `column_notes` says what each column held before, and what it means.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

from basewatch.database import connect, stop_if_asked
from basewatch.durable import aside_of
from basewatch.errors import ConfigError

APPLICATION_ID = 0x62777463  # in the file's header: what tells an export from any other file
MAGIC = b"SQLite format 3\x00"
BATCH = 10_000  # rows at a time
NUMBERS = {"BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT"}

_COLUMNS = """
SELECT table_name, column_name, data_type, comment FROM duckdb_columns()
WHERE database_name = current_database() AND schema_name = 'main' AND NOT internal ORDER BY table_name, column_index
"""


def write(database: Path, file: Path, say: Callable[[str], None]) -> int:
    """Write a release's database as SQLite; how many rows. Readers of the file see the whole of it or none.

    say: is told of each table. Raises ConfigError where another file than such an export stands there.
    """
    _require_own(file)
    with (
        connect(database, read_only=True) as release,
        aside_of(file) as aside,
        contextlib.closing(sqlite3.connect(aside, isolation_level=None)) as made,
    ):
        made.execute("PRAGMA journal_mode = OFF")  # it is written aside: nobody reads it before it is whole
        made.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        made.execute("BEGIN")
        written = _fill(release, made, say)
        made.execute("COMMIT")
    return written


def _require_own(file: Path) -> None:
    if file.is_dir():
        raise ConfigError(f"--sqlite {file} is a folder; name a file")
    if not file.exists() and not file.is_symlink():
        return
    head = b""
    if file.is_file():
        with file.open("rb") as handle:
            head = handle.read(72)
    if not (head.startswith(MAGIC) and head[68:72] == APPLICATION_ID.to_bytes(4, "big")):
        raise ConfigError(f"--sqlite {file} is there already and no export of basewatch; name another file")


def _fill(release: duckdb.DuckDBPyConnection, made: sqlite3.Connection, say: Callable[[str], None]) -> int:
    columns = release.execute(_COLUMNS).fetchall()
    written = 0
    for table in dict.fromkeys(row[0] for row in columns):
        of_table = [(name, kind) for owner, name, kind, _ in columns if owner == table]
        declared = ", ".join(f"{_quoted(name)} {_affinity(kind)}" for name, kind in of_table)
        made.execute(f"CREATE TABLE {_quoted(table)} ({declared})")
        rows = _copy(release, made, table, len(of_table))
        written += rows
        say(f"{table}: {rows} rows")
    made.execute("CREATE TABLE column_notes (table_name TEXT, column_name TEXT, duckdb_type TEXT, note TEXT)")
    made.executemany("INSERT INTO column_notes VALUES (?, ?, ?, ?)", columns)
    return written


def _copy(release: duckdb.DuckDBPyConnection, made: sqlite3.Connection, table: str, width: int) -> int:
    marks = ", ".join("?" * width)
    result = release.execute(f"SELECT * FROM main.{_quoted(table)}")
    rows = 0
    while batch := result.fetchmany(BATCH):
        made.executemany(f"INSERT INTO {_quoted(table)} VALUES ({marks})", [tuple(map(_value, row)) for row in batch])
        rows += len(batch)
        stop_if_asked()
    return rows


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _affinity(kind: str) -> str:
    if kind in NUMBERS:
        return "INTEGER"
    return "REAL" if kind in ("DOUBLE", "FLOAT") else "TEXT"


def _value(value: Any) -> Any:
    """A value as SQLite keeps it."""
    if value is None or isinstance(value, str | float):
        return value
    if isinstance(value, bool | int):
        return int(value)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(_as_json(value), ensure_ascii=False)


def _as_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _as_json(item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_as_json(item) for item in value]
    return value if isinstance(value, str | int | float) or value is None else str(value)
