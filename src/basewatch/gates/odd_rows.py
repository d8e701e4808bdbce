"""Rows that are set aside: single untrue rows of tables that nothing counts cost no night, and are not published.

A check of severity `set_aside` names the share of a table's rows that may go; more than that is critical. The rows are
kept beside the candidate until it is published, then in `quarantine/<run_id>/set_aside/<table>/<check>.parquet`.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from basewatch.database import connect
from basewatch.gates.results import RESULTS, Failure, GateResult, fetch
from basewatch.gates.suites import sql_name
from basewatch.lake.files import write_parquet
from basewatch.warehouse.models import Model

FOLDER = "set_aside"  # in a candidate's folder, and in a run's quarantine


def take_out(result: GateResult, database: Path, folder: Path, models: Mapping[str, Model]) -> GateResult:
    """Take the rows that break checks of severity `set_aside` out of a candidate, into Parquet files below `folder`.

    `database` is the candidate's DuckDB file; `models` are the marts by name, whose keys tell the rows. Returns the
    result with `rows_set_aside` filled; a row that breaks two checks counts with the first.
    """
    taken: dict[tuple[str, str], int] = {}
    failures = [failure for failure in result.failures if failure.severity == "set_aside"]
    if not failures:
        return result
    with connect(database) as connection:
        connection.begin()
        for failure in failures:
            taken[failure.table, failure.rule] = _take(connection, failure, models[failure.table].key, folder)
        connection.commit()
    names = zip(*(result.results.column(name).to_pylist() for name in ("table_name", "check_name")), strict=True)
    counts = pa.array([taken.get(name, 0) for name in names], pa.int64())
    place = RESULTS.get_field_index("rows_set_aside")
    return replace(result, results=result.results.set_column(place, RESULTS.field(place), counts))


def _take(connection: duckdb.DuckDBPyConnection, failure: Failure, key: tuple[str, ...], folder: Path) -> int:
    """Move the rows of one check into its file; how many they are."""
    table, columns = sql_name(failure.table), ", ".join(map(sql_name, key))
    of_rule, parameters = f"({failure.query})", failure.parameters
    if failure.kept is not None:  # the candidate alone cannot give them
        connection.register("found_rows", failure.kept)
        of_rule, parameters = "found_rows", {}
    rows = fetch(connection, f"SELECT * FROM {table} SEMI JOIN {of_rule} USING ({columns})", parameters)
    if rows.num_rows:
        file = folder / failure.table / f"{failure.rule}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        write_parquet(rows, file)
        connection.register("odd_rows", rows)
        matching = " AND ".join(f"{table}.{name} = o.{name}" for name in map(sql_name, key))
        connection.execute(f"DELETE FROM {table} USING odd_rows AS o WHERE {matching}")
        connection.unregister("odd_rows")
    return int(rows.num_rows)


def put_back(database: Path, folder: Path, models: Mapping[str, Model]) -> None:
    """Put the rows that an earlier look took out of a candidate into it again, so that the next look sees them."""
    if not folder.exists():
        return
    with connect(database) as connection:
        connection.begin()
        for file in sorted(folder.glob("*/*.parquet")):
            table, key = sql_name(file.parent.name), ", ".join(map(sql_name, models[file.parent.name].key))
            connection.register("odd_rows", pq.read_table(file))
            connection.execute(f"INSERT INTO {table} BY NAME FROM odd_rows ANTI JOIN {table} USING ({key})")
            connection.unregister("odd_rows")
        connection.commit()
    shutil.rmtree(folder)


def told(result: GateResult) -> list[str]:
    """A sentence for each check for which rows were set aside."""
    odd = result.results.filter(pc.greater(result.results.column("rows_set_aside"), 0))
    return [
        f"{row['table_name']}: {row['rows_set_aside']:,} rows were set aside and not published ({row['check_name']}): "
        f"{row['why']}"
        for row in odd.to_pylist()
    ]
