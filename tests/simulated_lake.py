"""A DuckDB database as the models expect it, filled from the simulator instead of from a lake."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import duckdb
import pyarrow as pa

from basewatch.config import Settings
from basewatch.lake.schemas import LEDGER, TABLES
from basewatch.reference import load
from basewatch.reference.rows import ROWS, arrow_schema
from basewatch.warehouse import models
from basewatch.warehouse.build import HISTORY
from simulator import rows, stories
from simulator.world import DAY, Airfield, Trace

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


def prepare(
    connection: duckdb.DuckDBPyConnection,
    regions: Sequence[stories.Region],
    cases: Iterable[stories.Case],
    *,
    first_day: int,
    days: int,
    absent: Iterable[int] = (),
    seed: int = 1,
) -> dict[str, Any]:
    """Fill `raw` and `reference` with a simulated lake; returns the thresholds with `as_of` set to the last day."""
    places = rows.watched(regions)
    points, edges = rows.tables((case.trace for case in cases), places)
    filled = {
        "track_points": points,
        "track_edges": edges,
        "base_background": rows.background(places, first_day, days, seed, absent),
    }
    last = date(1970, 1, 1) + timedelta(days=first_day + days - 1)
    return fill(connection, filled, rows.ledger(first_day, days, absent), rows.reference(regions), last)


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


def prepare_recorded(
    connection: duckdb.DuckDBPyConnection,
    traces: Sequence[Trace],
    places: Sequence[Airfield],
    runways: Iterable[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Fill `raw` and `reference` with recorded traces near these places, every day taken in whole."""
    found = [int(moment // DAY) for trace in traces for moment in (trace.t[:1].tolist() + trace.t[-1:].tolist())]
    nowhere = Airfield("nowhere", -80.0, 0.0, 0, 0)
    regions = [stories.Region(place, nowhere, is_neighbour_watched=False) for place in places]
    cases = [stories.Case("recorded", trace) for trace in traces]
    first, last = min(found) - 1, max(found) + 2
    params = prepare(connection, regions, cases, first_day=first, days=last - first + 1)
    connection.execute("DELETE FROM reference.fields")
    connection.execute("DELETE FROM reference.runways")
    put(connection, "reference.runways", arrow_schema("runways"), list(runways))
    return params
