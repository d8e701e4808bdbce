"""A DuckDB database as the models expect it, filled with given rows instead of from a lake."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa

from basewatch.config import Settings
from basewatch.lake.schemas import LEDGER, TABLES
from basewatch.reference import load
from basewatch.reference.rows import ROWS, arrow_schema
from basewatch.warehouse import models
from basewatch.warehouse.build import HISTORY

SHIPPED = ("sources", "aircraft_types", "icao_blocks", "fleets", "evidence_terms", "evidence_words")
TRACK_MODELS = ("intermediate.int_trace_ends", "intermediate.int_trace_legs")  # these and all that they are made from


def put(connection: duckdb.DuckDBPyConnection, table: str, schema: pa.Schema, given: Any = None) -> None:
    """Create `table` with the schema's columns and insert what is given (a table, or rows as mappings)."""
    connection.register("shape", schema.empty_table())
    connection.execute(f"CREATE OR REPLACE TABLE {table} AS SELECT * FROM shape")
    connection.unregister("shape")
    if not given:
        return
    data = given if isinstance(given, pa.Table) else pa.Table.from_pylist(given)
    data = data.select([name for name in data.column_names if name in schema.names])
    connection.register("given", data)
    connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM given")
    connection.unregister("given")


def fill(
    connection: duckdb.DuckDBPyConnection,
    lake: Mapping[str, Any],
    ledger: Any,
    reference: Mapping[str, Any],
    as_of: date,
) -> dict[str, Any]:
    """Fill `raw` and `reference`, each table with its rows or none; returns the thresholds with `as_of` set.

    Reference tables that hold general facts are the shipped ones.
    """
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("CREATE SCHEMA IF NOT EXISTS raw")
    connection.execute("CREATE SCHEMA IF NOT EXISTS reference")
    for name, table in TABLES.items():
        put(connection, f"raw.{name}", table.schema, lake.get(name))
    for name, schema in HISTORY.items():
        put(connection, f"raw.{name}", schema)
    put(connection, "raw.source_days", LEDGER, ledger)
    facts = load.tables(Settings())
    for name in ROWS:
        put(
            connection,
            f"reference.{name}",
            arrow_schema(name),
            facts.table(name) if name in SHIPPED else reference.get(name),
        )
    return {**load.params(Settings()).values, "as_of": as_of}


def build(connection: duckdb.DuckDBPyConnection, params: dict[str, Any]) -> None:
    """Build the models from positions to the ends of stays."""
    models.build(connection, params, models.ancestors(TRACK_MODELS))
