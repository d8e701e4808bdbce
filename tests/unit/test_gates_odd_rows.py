"""Single untrue rows of tables that nothing counts: taken out, kept, told, and put back before another look."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from basewatch.gates import odd_rows
from basewatch.gates.results import GateResult
from unit.gates_world import HEADERS, checked, faults, run_sql
from wholeruns import Watch, query, stays

pytest_plugins = ["unit.gates_world"]

LEGS = (
    "INSERT INTO flight_legs BY NAME SELECT f.* REPLACE ('leg-' || r.n AS leg_id) "
    "FROM flight_legs AS f CROSS JOIN range({}) AS r(n)"
)
BACKWARDS = "UPDATE flight_legs SET arrived_at = departed_at - INTERVAL 1 HOUR WHERE leg_id IN ({})"
RULE = ("flight_legs", "arrived_after_departed")


@pytest.fixture
def database(world: Path, tmp_path: Path) -> Path:
    """A valid candidate with several hundred legs that have both ends."""
    made = Path(shutil.copy(world, tmp_path / "candidate.duckdb"))
    keep = "DELETE FROM flight_legs WHERE departed_at IS NULL OR arrived_at IS NULL"
    run_sql(made, keep, LEGS.format(300))
    return made


def legs(database: Path) -> list[str]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return [row[0] for row in connection.execute("SELECT leg_id FROM flight_legs ORDER BY leg_id").fetchall()]


def row_of(result: GateResult) -> dict[str, object]:
    (row,) = [one for one in result.results.to_pylist() if (one["table_name"], one["check_name"]) == RULE]
    return dict(row)


def test_a_few_odd_rows_are_taken_out_kept_and_told(database: Path, tmp_path: Path) -> None:
    before = legs(database)
    run_sql(database, BACKWARDS.format("'leg-7', 'leg-11'"))
    result = checked(database)
    assert result.passed and faults(result)[RULE].severity == "set_aside"
    result = odd_rows.take_out(result, database, tmp_path / "aside", HEADERS)
    assert legs(database) == [leg for leg in before if leg not in ("leg-7", "leg-11")]
    assert row_of(result)["rows_set_aside"] == 2 and row_of(result)["unexpected_count"] == 2
    kept = pq.read_table(tmp_path / "aside" / "flight_legs" / "arrived_after_departed.parquet")
    assert sorted(kept.column("leg_id").to_pylist()) == ["leg-11", "leg-7"]
    (sentence,) = odd_rows.told(result)
    assert sentence.startswith("flight_legs: 2 rows were set aside and not published (arrived_after_departed)")
    assert checked(database).passed and RULE not in faults(checked(database))


def test_another_look_sees_the_same_rows(database: Path, tmp_path: Path) -> None:
    run_sql(database, BACKWARDS.format("'leg-7'"))
    before = legs(database)
    odd_rows.take_out(checked(database), database, tmp_path / "aside", HEADERS)
    odd_rows.put_back(database, tmp_path / "aside", HEADERS)
    assert legs(database) == before and not (tmp_path / "aside").exists()
    again = odd_rows.take_out(checked(database), database, tmp_path / "aside", HEADERS)
    assert row_of(again)["rows_set_aside"] == 1


def test_rows_that_a_kill_left_in_the_table_are_not_doubled(database: Path, tmp_path: Path) -> None:
    """The files stand before the rows are gone."""
    run_sql(database, BACKWARDS.format("'leg-7'"))
    whole = database.read_bytes()
    odd_rows.take_out(checked(database), database, tmp_path / "aside", HEADERS)
    database.write_bytes(whole)
    before = legs(database)
    odd_rows.put_back(database, tmp_path / "aside", HEADERS)
    assert legs(database) == before


def test_more_than_the_share_is_critical(database: Path) -> None:
    many = ", ".join(f"'leg-{number}'" for number in range(12))
    run_sql(database, BACKWARDS.format(many))
    result = checked(database)
    assert not result.passed and faults(result)[RULE].severity == "critical"
    assert row_of(result)["severity"] == "critical"


def test_one_odd_row_of_a_small_table_may_go_but_never_the_last(database: Path) -> None:
    run_sql(database, "DELETE FROM flight_legs WHERE leg_id NOT IN ('leg-1', 'leg-2')", BACKWARDS.format("'leg-1'"))
    assert checked(database).passed
    run_sql(database, "DELETE FROM flight_legs WHERE leg_id = 'leg-2'")
    assert not checked(database).passed


def test_a_row_that_breaks_two_checks_counts_once(database: Path, tmp_path: Path) -> None:
    run_sql(database, BACKWARDS.format("'leg-7'"), "UPDATE flight_legs SET sources = [] WHERE leg_id = 'leg-7'")
    result = odd_rows.take_out(checked(database), database, tmp_path / "aside", HEADERS)
    assert sum(row["rows_set_aside"] for row in result.results.to_pylist()) == 1
    assert len(list((tmp_path / "aside").rglob("*.parquet"))) == 1


def test_nothing_is_touched_where_no_row_is_odd(database: Path, tmp_path: Path) -> None:
    before = database.read_bytes()
    odd_rows.take_out(checked(database), database, tmp_path / "aside", HEADERS)
    odd_rows.put_back(database, tmp_path / "aside", HEADERS)
    assert database.read_bytes() == before and not (tmp_path / "aside").exists()


def test_the_rest_is_published(own_watch: Watch) -> None:
    """Through the commands: looked at twice, published without the odd row, which is kept and told."""
    own_watch.write_flights(stays(date(2025, 1, 3), date(2025, 2, 20)))
    own_watch.ingest("2025-02-28")
    assert own_watch.inside("build").returncode == 0
    candidate = own_watch.root / "candidate" / "basewatch.duckdb"
    (before,) = query(candidate, "SELECT count(*) FROM flight_legs")[0]
    own_watch.edit_candidate(
        "UPDATE flight_legs SET arrived_at = departed_at - INTERVAL 1 MINUTE "
        "WHERE leg_id = (SELECT min(leg_id) FROM flight_legs WHERE arrived_at IS NOT NULL)",
    )
    assert own_watch.inside("check").returncode == 0
    done = own_watch.inside("publish")
    assert done.returncode == 0, done.stderr
    assert "flight_legs: 1 rows were set aside and not published (arrived_after_departed)" in done.stderr
    assert own_watch.query("SELECT count(*) FROM flight_legs") == [(before - 1,)]
    ((run_id, gone),) = own_watch.query("SELECT run_id, rows_set_aside FROM quality_results WHERE rows_set_aside > 0")
    kept = own_watch.root / "quarantine" / run_id / "set_aside" / "flight_legs" / "arrived_after_departed.parquet"
    assert gone == 1 == pq.read_table(kept).num_rows
    manifest = json.loads((own_watch.root / "current" / "manifest.json").read_text())
    assert manifest["rows"]["flight_legs"] == before - 1
    assert own_watch.inside("verify").returncode == 0
