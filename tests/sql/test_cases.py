"""Every tests/sql/<model>/<case>/case.yml: given rows in, expected rows out, compared with EXCEPT ALL both ways.

`given` lists exactly the tables that the model reads (`$as_of` and thresholds under `params`; thresholds not listed
keep their shipped value). Columns left out are NULL, in what is given and in what is expected. A given row whose `day`
is "2025-01-01..2025-01-31" stands for one such row a day. `round: 6` compares DOUBLE columns to so many decimals.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from basewatch import yaml_text
from basewatch.config import Settings
from basewatch.lake.schemas import LEDGER, TABLES
from basewatch.reference import load
from basewatch.reference.rows import arrow_schema
from basewatch.warehouse import models
from basewatch.warehouse.build import HISTORY
from basewatch.warehouse.models import Column, Model

CASES = sorted(Path(__file__).parent.glob("*/*/case.yml"))
PARAMS = load.params(Settings()).values


@cache
def declared_columns(table: str) -> list[tuple[str, str]]:
    """Name and DuckDB type of each column of a table that models may read."""
    layer, name = table.split(".")
    if layer == "reference":
        return _arrow_columns(arrow_schema(name))
    if layer == "raw":
        schemas = {"source_days": LEDGER, **HISTORY, **{key: value.schema for key, value in TABLES.items()}}
        return _arrow_columns(schemas[name])
    return [(column.name, column.type) for column in models.load()[table].columns]


def _arrow_columns(schema: pa.Schema) -> list[tuple[str, str]]:
    connection = duckdb.connect()
    connection.register("empty", schema.empty_table())
    return [(row[0], row[1]) for row in connection.execute("DESCRIBE empty").fetchall()]


def fill(connection: duckdb.DuckDBPyConnection, table: str, columns: list[tuple[str, str]], rows: list[Any]) -> None:
    """Create a table with these columns and put the rows in; a column that the table lacks is an error of the case."""
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {table.split('.')[0]}")
    declared = ", ".join(f'"{name}" {kind}' for name, kind in columns)
    connection.execute(f"CREATE TABLE {table} ({declared})")
    names = [name for name, _ in columns]
    rows = [single for row in rows or [] for single in _each_day(row)]
    unknown = {key for row in rows for key in row} - set(names)
    assert not unknown, f"{table} has no column {sorted(unknown)}"
    if rows:
        marks = ", ".join(f"CAST(? AS {kind})" for _, kind in columns)
        values = [_value(row.get(name)) for row in rows for name in names]
        connection.execute(f"INSERT INTO {table} VALUES {', '.join([f'({marks})'] * len(rows))}", values)


def _each_day(row: dict[str, Any]) -> list[dict[str, Any]]:
    """The row itself, or one row for each day of the range that its `day` states."""
    first, dots, last = str(row.get("day")).partition("..")
    if not dots:
        return [row]
    start, end = datetime.date.fromisoformat(first), datetime.date.fromisoformat(last)
    assert start <= end, f"{row['day']} is no range of days"
    return [{**row, "day": start + datetime.timedelta(days=ahead)} for ahead in range((end - start).days + 1)]


def _value(value: Any) -> Any:
    if isinstance(value, datetime.datetime) and value.tzinfo is None:
        return value.replace(tzinfo=datetime.UTC)
    if isinstance(value, str) or not isinstance(value, list):
        return value
    return [_value(item) for item in value]


@pytest.fixture(scope="module")
def opened() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("SET TimeZone = 'UTC'")
    models.define_macros(connection)
    yield connection
    connection.close()


@pytest.fixture
def connection(opened: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database; what is put in is taken back afterwards, which is quicker than opening another."""
    opened.execute("BEGIN")
    yield opened
    opened.execute("ROLLBACK")
    assert not opened.execute("SELECT table_name FROM information_schema.tables").fetchall()


def prepare(connection: duckdb.DuckDBPyConnection, model: Model, case: dict[str, Any]) -> None:
    """Create the case's given tables, and its expected rows as `expected.rows`."""
    assert set(case["given"]) == set(model.parents), (
        f"given must list exactly what {model.table} reads; differing: {set(case['given']) ^ set(model.parents)}"
    )
    for table, rows in case["given"].items():
        fill(connection, table, declared_columns(table), rows)
    compared = _compared_columns(model, case)
    fill(connection, "expected.rows", [(column.name, column.type) for column in compared], case["expect"])
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {model.layer}")


def _compared_columns(model: Model, case: dict[str, Any]) -> list[Column]:
    """The columns that the case compares: all, or those that it lists."""
    shown = case.get("columns") or [column.name for column in model.columns]
    assert set(shown) <= {column.name for column in model.columns}, f"no such column: {shown}"
    return [column for column in model.columns if column.name in shown]


def _compared(column: Column, decimals: int | None) -> str:
    """The column as it is compared: to so many decimals where it is a DOUBLE and the case states them."""
    rounded = column.type == "DOUBLE" and decimals is not None
    return f'round("{column.name}", {decimals}) AS "{column.name}"' if rounded else f'"{column.name}"'


def differing_rows(connection: duckdb.DuckDBPyConnection, model: Model, case: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Build the model on what `prepare` made; the rows that it lacks or has too much, none where the case holds."""
    models.materialise(connection, model, {**PARAMS, "as_of": None, **case.get("params", {})})
    columns = ", ".join(_compared(column, case.get("round")) for column in _compared_columns(model, case))
    expected, built = f"SELECT {columns} FROM expected.rows", f"SELECT {columns} FROM {model.table}"
    return connection.execute(
        f"SELECT 'missing' AS fault, * FROM ({expected} EXCEPT ALL {built}) "
        f"UNION ALL SELECT 'unexpected', * FROM ({built} EXCEPT ALL {expected})"
    ).fetchall()


@pytest.mark.parametrize("file", CASES, ids=lambda file: "/".join(file.parts[-3:-1]))
def test_case(connection: duckdb.DuckDBPyConnection, file: Path) -> None:
    case = yaml_text.parse(file.read_text(encoding="utf-8"))
    model = next(model for model in models.load().values() if model.name == file.parts[-3])
    prepare(connection, model, case)
    difference = differing_rows(connection, model, case)
    assert not difference, f"{case['why']}\n" + "\n".join(map(str, difference))


ORDINARY = [file for file in CASES if file.parts[-2].startswith("ordinary")]
SPARED = {model.name: model for model in models.load().values() if model.empty_without}


@pytest.mark.parametrize(
    "file", [file for file in ORDINARY if file.parts[-3] in SPARED], ids=lambda file: "/".join(file.parts[-3:-1])
)
def test_without_what_its_header_names_a_model_has_no_row(connection: duckdb.DuckDBPyConnection, file: Path) -> None:
    case = yaml_text.parse(file.read_text(encoding="utf-8"))
    model = SPARED[file.parts[-3]]
    assert model.empty_without <= model.parents
    without = {**case["given"], **{table: [] for table in model.empty_without}}
    prepare(connection, model, {**case, "given": without, "expect": []})
    assert not differing_rows(connection, model, {**case, "expect": []})


def test_every_judging_model_has_cases() -> None:
    """Intermediate models and marts each have an ordinary, an empty and a boundary case, and two that must not mix."""
    lacking = {}
    for model in models.load().values():
        if model.layer == "staging":
            continue
        found = {file.parts[-2].split("_")[0] for file in CASES if file.parts[-3] == model.name}
        missing = {"ordinary", "empty", "boundary", "apart"} - found
        if missing:
            lacking[model.table] = sorted(missing)
    assert not lacking, f"cases missing (a case's folder name starts with its sort): {lacking}"
