"""The SQL runner: headers, order, layers, and results that must be what the header says."""

from __future__ import annotations

import re
from datetime import date
from importlib.resources import files
from pathlib import Path

import duckdb
import pytest

from basewatch.config import Settings
from basewatch.database import connect
from basewatch.lake.schemas import LEDGER, TABLES
from basewatch.reference import load
from basewatch.reference.rows import ROWS, arrow_schema
from basewatch.warehouse import models
from basewatch.warehouse.build import AFTER_GATES, HISTORY, configure, open_work, store
from basewatch.warehouse.models import ModelError

HEADER = """/*
grain: one row per thing
key: [thing]
columns:
  thing: {type: VARCHAR, doc: "A thing", values: [a, b]}
  size_km: {type: DOUBLE, unit: km, doc: "How big"}
*/
"""


def test_a_header_is_read_whole() -> None:
    model = models.parse(
        "marts", "things", HEADER + "SELECT thing, size_km FROM intermediate.int_things WHERE x = $as_of -- $no"
    )
    assert model.table == "marts.things"
    assert model.key == ("thing",)
    assert model.parents == {"intermediate.int_things"}
    assert model.params == {"as_of"}
    assert model.columns[0].comment == "A thing One of: a, b."
    assert model.columns[1].comment == "How big [km]"


def test_parents_are_found_in_the_query_itself() -> None:
    query = """
        WITH a AS (SELECT * FROM raw.t) SELECT * FROM a
        ASOF JOIN reference.u ON a.x >= u.x WHERE EXISTS (SELECT 1 FROM staging.v) AND 'raw.not' <> ''
    """
    assert models.parents(query) == {"raw.t", "reference.u", "staging.v"}


@pytest.mark.parametrize(
    ("text", "said"),
    [("SELECT 1", "header comment"), (HEADER + "SELECT FROM WHERE", "cannot be parsed")],
)
def test_malformed_files_are_named(text: str, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        assert models.parse("marts", "things", text).parents


def built(query: str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA marts")
    models.materialise(connection, models.parse("marts", "things", HEADER + query), {"as_of": None})
    return connection


def test_types_are_those_of_the_header() -> None:
    connection = built("SELECT 'a' AS thing, 3 AS size_km")
    assert connection.execute("SELECT typeof(size_km), size_km FROM marts.things").fetchall() == [("DOUBLE", 3.0)]


def test_columns_must_be_those_of_the_header() -> None:
    with pytest.raises(ModelError, match="size_km"):
        built("SELECT 'a' AS thing, 3 AS size_nm")


def test_columns_can_be_those_of_another_model() -> None:
    header = "/*\ngrain: g\nkey: [visit_id]\nlike: intermediate.int_visits\ncolumns: [visit_id, ground_minutes]\n*/\n"
    model = models.parse("marts", "things", header + "SELECT 1 AS visit_id, 2 AS ground_minutes")
    declared = {column.name: column for column in models.load()["intermediate.int_visits"].columns}
    assert model.columns == (declared["visit_id"], declared["ground_minutes"])
    with pytest.raises(ModelError, match="none of which declares no_such"):
        models.parse("marts", "things", header.replace("ground_minutes", "no_such") + "SELECT 1")


def test_a_long_model_says_why_it_is_one_file() -> None:
    for layer in models.LAYERS:
        for file in files(f"basewatch.sql.{layer}").iterdir():
            text = file.read_text(encoding="utf-8") if file.name.endswith(".sql") else ""
            assert text.count("\n") <= 200 or "-- Kept in one file: " in text, file.name


def test_a_missing_threshold_is_named() -> None:
    with pytest.raises(ModelError, match=r"needs \$no_such_threshold"):
        built("SELECT 'a' AS thing, $no_such_threshold AS size_km")


def test_shipped_models_load_in_an_order_that_works() -> None:
    seen: set[str] = set()
    for name, model in models.load().items():
        assert {parent for parent in model.parents if parent.split(".")[0] in models.LAYERS} <= seen
        seen.add(name)
    assert "marts.base_gaps" in seen


def test_running_counts_take_time_by_their_rows_alone() -> None:
    """DuckDB counts `count(*) FILTER` over an order anew for each row, which is quadratic; `count_if` is not."""
    quadratic = re.compile(r"count\(\*\)\s+FILTER\s+(\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))\s+OVER")
    assert quadratic.search("(count(*) FILTER (WHERE coalesce(a > f(b), TRUE)) OVER flight)::INTEGER")
    assert [name for name, model in models.load().items() if quadratic.search(model.query)] == []


TRIED_IN_PAIRS = {
    "intermediate.int_covered_days",  # readings of a day with the bases they looked at: a list in a row
    "intermediate.int_fields",  # fields near a base, by distance
    "intermediate.int_hidden_stays",  # few rows, and bases that take those of all
}


def test_no_join_tries_every_pair_of_rows(tmp_path: Path) -> None:
    """DuckDB does where a left join's condition names one side alone (`a.x IS NULL AND a.y = b.y`)."""
    with open_work(tmp_path) as connection:
        connection.execute("CREATE SCHEMA raw; CREATE SCHEMA reference")
        shapes = {**{name: table.schema for name, table in TABLES.items()}, **HISTORY, "source_days": LEDGER}
        for name, schema in shapes.items():
            store(connection, f"raw.{name}", schema.empty_table())
        for name in ROWS:
            store(connection, f"reference.{name}", arrow_schema(name).empty_table())
        params = {**load.params(Settings()).values, "as_of": date(2025, 1, 1)}
        built = [name for name in models.load() if name not in AFTER_GATES]
        connection.execute("CREATE SCHEMA staging; CREATE SCHEMA intermediate; CREATE SCHEMA marts")
        models.define_macros(connection)
        for name in built:  # all of them, also those that need not be computed where the lake is empty
            models.materialise(connection, models.load()[name], params)
        in_pairs = set()
        for name in built:
            model = models.load()[name]
            if not model.is_view:
                used = {param: params[param] for param in model.params}
                plan = connection.execute(f"EXPLAIN {model.query}", used).fetchall()[-1][1]
                in_pairs |= {name} if "BLOCKWISE_NL_JOIN" in plan else set()
    assert in_pairs == TRIED_IN_PAIRS


def test_equal_columns_are_equal_everywhere() -> None:
    """The same name means the same type in every published table, except where the contract itself differs."""
    known: dict[str, tuple[str, str]] = {}
    for model in models.marts():
        for column in model.columns:
            if column.name in ("evidence", "rows"):
                continue  # links and record ids of a visit, and a sort of evidence; rows by table, and of a change
            kind = known.setdefault(column.name, (column.type, model.name))
            assert kind[0] == column.type, f"{column.name}: {kind[0]} in {kind[1]}, {column.type} in {model.name}"


def test_published_columns_and_keys_are_documented() -> None:
    for model in models.marts():
        assert set(model.key) <= {column.name for column in model.columns}
        for column in model.columns:
            assert len(column.doc) > 3, f"{model.name}.{column.name}"


def test_a_model_that_cannot_spill_is_built_with_more_memory() -> None:
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("CREATE SCHEMA marts; SET memory_limit = '40MB'")
    query = "SELECT 'a' AS thing, len(list(i::VARCHAR || 'text of some length')) AS size_km FROM range(2000000) AS r(i)"
    with pytest.raises(duckdb.OutOfMemoryException):
        connection.execute(query)
    assert models.materialise(connection, models.parse("marts", "things", HEADER + query), {"as_of": None}) == 1
    assert connection.execute("SELECT size_km FROM marts.things").fetchall() == [(2000000.0,)]


def test_what_does_not_fit_into_memory_is_spilt_wherever_the_folder_is_to_be(tmp_path: Path) -> None:
    folder = tmp_path / "learnt" / "spill"
    with connect() as connection:
        configure(connection, folder)
        connection.execute("SET threads = 1")
        connection.execute("SET memory_limit = '60MB'")
        connection.execute("CREATE TABLE texts AS SELECT md5(range::VARCHAR) AS text FROM range(2_000_000)")
        row = connection.execute(
            "SELECT count(*) FROM (SELECT text, row_number() OVER (ORDER BY text) FROM texts)"
        ).fetchone()
    assert row == (2_000_000,)
