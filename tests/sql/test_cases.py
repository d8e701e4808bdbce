"""Every tests/sql/<model>/<case>/case.yml: given rows in, expected rows out, compared with EXCEPT ALL both ways.

`given` lists exactly the tables that the model reads (`$as_of` and thresholds under `params`; thresholds not listed keep
their shipped value). Columns left out are NULL, in what is given and in what is expected.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import yaml

from basewatch import models, reference
from basewatch.config import Settings
from basewatch.models import Model
from basewatch.schemas import LEDGER, TABLES
from basewatch.warehouse import HISTORY

CASES = sorted(Path(__file__).parent.glob("*/*/case.yml"))
PARAMS = reference.load_params(Settings()).values


def declared_columns(table: str) -> list[tuple[str, str]]:
    """Name and DuckDB type of each column of a table that models may read."""
    layer, name = table.split(".")
    if layer == "reference":
        return _arrow_columns(reference.schema(name))
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
    for row in rows or []:
        unknown = set(row) - set(names)
        assert not unknown, f"{table} has no column {sorted(unknown)}"
        marks = ", ".join(f"CAST(? AS {kind})" for _, kind in columns)
        connection.execute(f"INSERT INTO {table} VALUES ({marks})", [_value(row.get(name)) for name in names])


def _value(value: Any) -> Any:
    if isinstance(value, datetime.datetime) and value.tzinfo is None:
        return value.replace(tzinfo=datetime.UTC)
    if isinstance(value, str) or not isinstance(value, list):
        return value
    return [_value(item) for item in value]


def prepare(model: Model, case: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    """A database with the case's given tables."""
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("SET TimeZone = 'UTC'")
    assert set(case["given"]) == set(model.parents), (
        f"given must list exactly what {model.table} reads; differing: {set(case['given']) ^ set(model.parents)}"
    )
    for table, rows in case["given"].items():
        fill(connection, table, declared_columns(table), rows)
    return connection


@pytest.mark.parametrize("file", CASES, ids=lambda file: "/".join(file.parts[-3:-1]))
def test_case(file: Path) -> None:
    case = yaml.safe_load(file.read_text(encoding="utf-8"))
    name = file.parts[-3]
    model = next(model for model in models.load().values() if model.name == name)
    connection = prepare(model, case)
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {model.layer}")
    models.materialise(connection, model, {**PARAMS, "as_of": None, **case.get("params", {})})
    shown = case.get("columns") or [column.name for column in model.columns]
    fill(connection, "expected.rows", [(c.name, c.type) for c in model.columns if c.name in shown], case["expect"])
    columns = ", ".join(f'"{column.name}"' for column in model.columns if column.name in shown)
    difference = connection.execute(
        f"SELECT 'missing' AS fault, * FROM (SELECT {columns} FROM expected.rows EXCEPT ALL SELECT {columns} FROM {model.table}) "
        f"UNION ALL "
        f"SELECT 'unexpected', * FROM (SELECT {columns} FROM {model.table} EXCEPT ALL SELECT {columns} FROM expected.rows)"
    ).fetchall()
    assert not difference, f"{case['why']}\n" + "\n".join(map(str, difference))


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
