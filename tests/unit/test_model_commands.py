"""`basewatch model` and the kept tables: what an analyst reads and pastes is what the build made."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pytest

from basewatch.lake.events import Day
from basewatch.lake.ledger import ledger_row
from basewatch.lake.store import Lake
from basewatch.warehouse import models, work
from basewatch.warehouse.build import AFTER_GATES
from wholeruns import Watch


@pytest.fixture(scope="module")
def kept_watch(small_watch: Watch, tmp_path_factory: pytest.TempPathFactory) -> Watch:
    """The small watch with all its inner tables kept. Not to be changed."""
    folder = tmp_path_factory.mktemp("kept") / "watch"
    shutil.copytree(small_watch.folder, folder, symlinks=True)
    watch = Watch(folder)
    done = watch.inside("build", "--keep")
    assert done.returncode == 0, done.stderr
    return watch


@pytest.fixture
def kept(kept_watch: Watch) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(kept_watch.root / work.WORK), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def test_pasted_sql_gives_the_rows_of_every_table(kept_watch: Watch, kept: duckdb.DuckDBPyConnection) -> None:
    filled = 0
    for model in models.load().values():
        if model.table in AFTER_GATES:  # filled when a release is made
            continue
        done = kept_watch.inside("model", "sql", model.name)
        assert done.returncode == 0 and "$" not in "\n".join(
            line.partition("--")[0] for line in done.stdout.splitlines()
        ), model.table
        pasted = done.stdout.strip().removesuffix(";")
        typed = ", ".join(f'"{column.name}"::{column.type} AS "{column.name}"' for column in model.columns)
        query = f"SELECT {typed} FROM ({pasted})"
        difference = kept.execute(
            f"(({query}) EXCEPT ALL FROM {model.table}) UNION ALL (FROM {model.table} EXCEPT ALL ({query}))"
        ).fetchall()
        assert difference == [], model.table
        filled += bool(kept.execute(f"FROM {model.table} LIMIT 1").fetchall())
    assert filled > 25


def test_a_table_is_shown_in_the_order_of_its_key_with_a_condition_and_a_limit(kept_watch: Watch) -> None:
    def rows(*arguments: str) -> list[dict[str, object]]:
        done = kept_watch.inside("model", "show", *arguments, "--format", "json")
        assert (done.returncode, done.stderr) == (0, ""), done
        found: list[dict[str, object]] = json.loads(done.stdout)
        return found

    stays = rows("int_stays")
    assert len(stays) > 3 and stays == rows("intermediate.int_stays")
    key = models.load()["intermediate.int_stays"].key
    assert stays == sorted(stays, key=lambda row: tuple(str(row[name]) for name in key))
    (one, *_) = stays
    assert rows("int_stays", "--limit", "2") == stays[:2]
    # a comment at the end of the condition takes nothing else with it
    matching = [row for row in stays if row["aircraft"] == one["aircraft"]]
    assert rows("int_stays", "--where", f"aircraft = '{one['aircraft']}' -- as an analyst writes") == matching
    assert rows("int_base_days", "--where", "FALSE") == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("model", "show", "int_stay"), "there is no table 'int_stay'; did you mean int_stays"),
        (("model", "show", "int_stays", "--where", "x = 1"), 'Referenced column "x" not found'),
        (("model", "show", "int_stays", "--where", "TRUE) ; DROP TABLE x; --"), "--where"),
        (("model", "show", "int_stays", "--limit", "0"), "limit"),
        (("model", "sql", "nothing_like_it"), "`basewatch model list` shows them all"),
        (("build", "--only", "int_stay"), "did you mean int_stays"),
    ],
)
def test_what_cannot_be_shown_is_said(kept_watch: Watch, arguments: tuple[str, ...], message: str) -> None:
    done = kept_watch.inside(*arguments)
    assert done.returncode == 2 and message in done.stderr, done


def test_the_list_names_every_table_and_its_rows(kept_watch: Watch, kept: duckdb.DuckDBPyConnection) -> None:
    done = kept_watch.inside("model", "list", "--format", "json")
    rows = {row["table"]: row for row in json.loads(done.stdout)}
    assert set(rows) == set(models.load())
    ((stays,),) = kept.execute("SELECT count(*) FROM intermediate.int_stays").fetchall()
    assert rows["intermediate.int_stays"]["rows_kept"] == stays > 0
    assert rows["staging.stg_plain__flights"]["kind"] == "view"


def test_one_table_is_kept_with_what_it_is_made_from_alone(own_watch: Watch) -> None:
    done = own_watch.inside("model", "show", "int_stays")
    assert done.returncode == 2 and "`basewatch build --keep` makes it" in done.stderr
    done = own_watch.inside("build", "--only", "int_flight_records")
    assert done.returncode == 0 and "work.duckdb" in done.stdout, done
    assert own_watch.inside("model", "show", "int_flight_records", "--limit", "1").returncode == 0
    done = own_watch.inside("model", "show", "int_stays")
    assert done.returncode == 2 and "intermediate.int_stays was not kept" in done.stderr
    assert sorted(path.name for path in own_watch.root.glob("*.duckdb")) == ["basewatch.duckdb", "work.duckdb"]
    assert list(own_watch.root.glob(".work*")) == []


def test_kept_tables_are_no_candidate(own_watch: Watch) -> None:
    before = own_watch.root.joinpath("current").readlink()
    shutil.rmtree(own_watch.root / "candidate", ignore_errors=True)
    assert own_watch.inside("build", "--keep").returncode == 0
    done = own_watch.inside("publish")
    assert done.returncode == 2 and "there is no candidate" in done.stderr
    assert own_watch.root.joinpath("current").readlink() == before


def test_tables_of_another_lake_are_said_to_be_old(own_watch: Watch) -> None:
    assert own_watch.inside("build", "--only", "int_flight_records").returncode == 0
    assert own_watch.inside("model", "show", "int_flight_records").stderr == ""
    note = Day(date(2025, 2, 1), "failed", error="not reached")
    Lake(own_watch.root).commit([ledger_row("opensky", note, "run")])
    done = own_watch.inside("model", "show", "int_flight_records")
    assert done.returncode == 0 and "the lake changed since then: `basewatch build --keep`" in done.stderr


def test_another_file_in_its_place_is_an_error_that_says_so(own_watch: Watch) -> None:
    file: Path = own_watch.root / work.WORK
    file.write_bytes(b"not a database" * 1000)
    done = own_watch.inside("model", "show", "int_stays")
    assert done.returncode == 2 and "`basewatch build --keep` makes it anew" in done.stderr, done


def test_parameters_are_bound_as_a_build_binds_them() -> None:
    query = "SELECT $a, '$a stays', $b::INTEGER, $c, $d, $e, $f -- $a stays\nFROM t"
    model = models.parse("marts", "m", f"/*\ngrain: g\nkey: [x]\ncolumns: {{x: {{type: T, doc: d}}}}\n*/\n{query}")
    values = {"a": 0.5, "b": 3, "c": [1, 2.5], "d": "it's", "e": date(2026, 1, 31), "f": True}
    assert work.bound_sql(model, values) == (
        "SELECT 0.5::DOUBLE, '$a stays', 3::INTEGER, [1, 2.5::DOUBLE], 'it''s', DATE '2026-01-31', TRUE -- $a stays\n"
        "FROM t"
    )
    literals = work.bound_sql(model, values).split("'$a")[0].removeprefix("SELECT ").rstrip(", ")
    bound = duckdb.execute("SELECT typeof($a)", {"a": values["a"]}).fetchone()
    assert duckdb.execute(f"SELECT typeof({literals})").fetchone() == bound
