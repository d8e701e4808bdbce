"""The gates: a valid candidate passes, and every seeded fault is refused by name."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from basewatch.gates.check import Outcome, count_violations
from basewatch.gates.results import RESULTS, GateResult, explain, write_failing_rows
from basewatch.gates.suites import Check
from basewatch.warehouse import models
from unit.gates_world import (
    CHECKED_AT,
    HEADERS,
    MARTS,
    broken,
    checked,
    checked_alone,
    faults,
    run_sql,
)

pytest_plugins = ["unit.gates_world"]


def test_valid_candidate_passes(passing: GateResult) -> None:
    result = passing
    assert [f"{failure.table}.{failure.rule}: {failure.observed}" for failure in result.failures] == []
    assert result.passed
    assert set(result.results["table_name"].to_pylist()) == {model.name for model in MARTS}
    assert result.results.schema.equals(RESULTS)
    assert set(result.results["run_id"].to_pylist()) == {"run-1"}
    assert set(result.results["checked_at"].to_pylist()) == {CHECKED_AT}
    assert explain(result) == ""


def test_results_have_the_contract_columns() -> None:
    declared = {model.name: model for model in MARTS}["quality_results"]
    assert [column.name for column in declared.columns] == RESULTS.names


def test_result_key_is_unique(passing: GateResult) -> None:
    rows = passing.results.select(["run_id", "gate", "check_name", "table_name"]).to_pylist()
    assert len({tuple(row.values()) for row in rows}) == len(rows)


@pytest.mark.parametrize("table", sorted(HEADERS))
def test_null_key_is_refused(tampered: duckdb.DuckDBPyConnection, table: str) -> None:
    rows = len(tampered.execute(f"SELECT 1 FROM {table}").fetchall())
    for column in HEADERS[table].key:
        tampered.execute(f'UPDATE {table} SET "{column}" = NULL')
        outcome = broken(tampered, table)[f"{column}_is_not_null"]
        assert outcome.check.severity == "critical"
        assert outcome.violations == rows > 0


@pytest.mark.parametrize("table", sorted(HEADERS))
def test_duplicate_key_is_refused(tampered: duckdb.DuckDBPyConnection, table: str) -> None:
    tampered.execute(f"INSERT INTO {table} SELECT * FROM {table} LIMIT 1")
    outcome = broken(tampered, table)["key_is_unique"]
    assert (outcome.violations, outcome.check.severity) == (2, "critical")


ENUMERATIONS = sorted((model.name, column.name) for model in MARTS for column in model.columns if column.values)


@pytest.mark.parametrize(("table", "column"), ENUMERATIONS)
def test_bad_enumeration_is_refused(tampered: duckdb.DuckDBPyConnection, table: str, column: str) -> None:
    tampered.execute(f"UPDATE {table} SET \"{column}\" = 'bogus'")
    outcome = broken(tampered, table)[f"{column}_is_listed"]
    assert outcome.check.severity == "critical" and "bogus" not in outcome.check.why


def test_enumerations_cover_the_contract() -> None:
    assert {table for table, _ in ENUMERATIONS} >= {
        "bases",
        "aircraft",
        "base_visits",
        "base_daily_activity",
        "base_monthly_activity",
        "base_gaps",
        "flight_legs",
        "news_mentions",
        "claim_checks",
        "source_days",
        "quality_results",
    }


@pytest.mark.parametrize("table", sorted(HEADERS))
def test_other_columns_are_refused(tampered: duckdb.DuckDBPyConnection, table: str) -> None:
    last = HEADERS[table].columns[-1].name
    tampered.execute(f'ALTER TABLE {table} RENAME COLUMN "{last}" TO surprise')
    outcome = broken(tampered, table)["columns_as_declared"]
    assert outcome.violations == 1 and outcome.rows[0]["declared"].startswith(last)


def test_other_type_is_refused(tampered: duckdb.DuckDBPyConnection) -> None:
    tampered.execute("ALTER TABLE base_gaps ALTER COLUMN gap_days TYPE VARCHAR")
    assert broken(tampered, "base_gaps")["columns_as_declared"].rows[0]["found"] == "gap_days VARCHAR"


@pytest.mark.parametrize("change", ["ADD COLUMN surprise INTEGER", "DROP COLUMN aliases"])
def test_a_column_too_many_or_too_few_is_refused(tampered: duckdb.DuckDBPyConnection, change: str) -> None:
    tampered.execute(f"ALTER TABLE bases {change}")
    outcome = broken(tampered, "bases")["columns_as_declared"]
    declared = len(HEADERS["bases"].columns)
    assert outcome.check.severity == "critical"
    assert [row["position"] for row in outcome.rows] == [declared + change.startswith("ADD")]


@pytest.mark.parametrize("table", sorted(set(HEADERS) - {"quality_results", "release_changes", "releases"}))
def test_missing_table_is_refused(tampered: duckdb.DuckDBPyConnection, table: str) -> None:
    tampered.execute(f"DROP TABLE {table}")
    assert broken(tampered, table)["table_is_present"].check.severity == "critical"


def test_tables_that_the_run_writes_later_may_be_absent(tampered: duckdb.DuckDBPyConnection) -> None:
    tampered.execute("DROP TABLE releases")
    assert broken(tampered, "releases") == {}


def test_enumerated_list_column_is_judged_by_element() -> None:
    model = models.parse(
        "marts",
        "t",
        "/*\ngrain: g\nkey: [k]\ncolumns:\n  k: {type: INTEGER, doc: k}\n"
        '  states: {type: "VARCHAR[]", values: [a, b], doc: s}\n*/\nSELECT 1 AS k, NULL AS states',
    )
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE t ({model.ddl})")
    connection.execute("INSERT INTO t VALUES (1, ['a', 'b']), (2, ['a', 'x']), (3, NULL), (4, []), (5, ['a', NULL])")
    found = {o.check.rule: o for o in count_violations(connection, {"t": model}, {}, {})}
    assert (found["states_is_listed"].violations, found["states_is_listed"].judged) == (2, 4)


def test_seeded_faults_refuse_the_publish_by_name(candidate: Path, tmp_path: Path, suites: Path) -> None:
    run_sql(
        candidate,
        "UPDATE base_gaps SET gap_id = NULL WHERE fleet_id = 'ru_mil'",
        "INSERT INTO aircraft SELECT * FROM aircraft WHERE icao24 = '152d01'",
        "UPDATE claim_checks SET verdict = 'maybe' WHERE claim = 'pause'",
        "UPDATE base_visits SET departed_at = TIMESTAMPTZ '2025-01-15 05:00:00+00' WHERE icao24 = '152d01'",
        "UPDATE news_mentions SET base_id = 'nowhere' WHERE mention_id = 'm2'",
        "DELETE FROM base_monthly_activity WHERE month = DATE '2025-02-01' AND fleet_id = 'ru_mil'",
    )
    tables = "aircraft", "base_gaps", "base_monthly_activity", "base_visits", "claim_checks", "news_mentions"
    result = checked_alone(candidate, suites, *tables)
    found = faults(result)
    assert not result.passed
    assert found["base_gaps", "gap_id_is_not_null"].rows[0]["fleet_id"] == "ru_mil"
    assert [row["icao24"] for row in found["aircraft", "key_is_unique"].rows] == ["152d01", "152d01"]
    assert found["claim_checks", "verdict_is_listed"].rows[0]["claim_id"] == "m1-2"
    late = found["base_visits", "departed_after_arrived"]
    assert (late.count, late.severity, late.rows[0]["visit_id"]) == (1, "critical", "hmeimim-152d01-20250115")
    assert found["news_mentions", "base_id_exists"].rows == [{"mention_id": "m2", "base_id": "nowhere"}]
    assert found["base_monthly_activity", "months_are_complete"].rows == [
        {"base_id": "hmeimim", "fleet_id": "ru_mil", "missing_month": date(2025, 2, 1)}
    ]
    recorded = {(row["table_name"], row["check_name"]): row for row in result.results.to_pylist()}
    assert {key for key, row in recorded.items() if not row["success"]} == set(found)
    assert recorded["base_visits", "departed_after_arrived"]["unexpected_count"] == 1
    assert recorded["base_visits", "departed_after_arrived"]["observed"] == "1 of 1 rows fail"

    said = explain(result)
    assert "base_visits: departed_after_arrived: 1 of 1 rows fail. A stay that ends before it begins" in said
    assert "visit_id=hmeimim-152d01-20250115" in said and "departed_at=2025-01-15 05:00:00Z" in said
    assert "base_monthly_activity: months_are_complete" in said and "missing_month=2025-02-01" in said
    assert len(result.refusals) > 2 and f"and {len(result.refusals) - 2} more" in explain(result, rules=2)

    written = write_failing_rows(result, candidate, tmp_path / "rows")
    assert {path.name for path in written} == {f"{table}.{rule}.parquet" for table, rule in found}
    kept = pq.read_table(tmp_path / "rows" / "base_visits.departed_after_arrived.parquet")
    assert kept["visit_id"].to_pylist() == ["hmeimim-152d01-20250115"]


def test_warning_alone_does_not_refuse(candidate: Path, suites: Path) -> None:
    run_sql(candidate, "UPDATE bases SET aliases = [] WHERE base_id = 'tartus'")
    result = checked_alone(candidate, suites, "bases")
    assert result.passed and explain(result) == ""
    assert faults(result)["bases", "base_has_aliases"].severity == "warning"


def test_an_empty_candidate_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.duckdb"
    duckdb.connect(str(path)).close()
    result = checked(path)
    assert not result.passed
    assert {failure.table for failure in result.refusals} == set(HEADERS) - {
        "quality_results",
        "release_changes",
        "releases",
    }


def test_gates_that_checked_nothing_refuse(candidate: Path, suites: Path) -> None:
    result = checked(candidate, models=[], suites=suites)
    assert (result.results.num_rows, result.failures) == (0, [])
    assert not result.passed


def test_days_are_utc_whatever_the_machine_says(candidate: Path, suites: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # 01:00 in Tokyo is the day before in UTC; read in the wrong zone the stay would last into another day
    run_sql(
        candidate,
        "UPDATE base_visits SET departed_at = TIMESTAMPTZ '2025-03-01 16:00:00+00', "
        "last_evidence_at = TIMESTAMPTZ '2025-03-01 16:00:00+00' WHERE visit_id LIKE '%20250301'",
    )
    connect = duckdb.connect

    def in_tokyo(*given: Any, **options: Any) -> duckdb.DuckDBPyConnection:
        connection = connect(*given, **options)
        connection.execute("SET TimeZone = 'Asia/Tokyo'")  # as if the machine's; TZ is read once a process
        return connection

    monkeypatch.setattr(duckdb, "connect", in_tokyo)
    assert checked_alone(candidate, suites, "base_visits", "base_daily_activity", "base_monthly_activity").passed


def outcome(
    violations: int | None, judged: int | None = None, mostly: float = 1.0, error: str | None = None
) -> Outcome:
    return Outcome(Check("t", "schema", "r", "critical", "w", mostly=mostly), violations, judged, error=error)


def test_the_verdict_fails_closed() -> None:
    cases = [
        (outcome(0, 10), True),
        (outcome(1, 10**9), False),
        (outcome(0, 0), True),
        (outcome(0), True),
        (outcome(1), False),
        (outcome(None, error="broke"), False),
        (outcome(5, 100, mostly=0.95), True),
        (outcome(6, 100, mostly=0.95), False),
        (outcome(None, mostly=0.0, error="broke"), False),
    ]
    assert [case.holds for case, _ in cases] == [verdict for _, verdict in cases]


GATE = """
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from basewatch.gates import check
from basewatch.warehouse import models
result = check.check_candidate(Path(sys.argv[1]), "run", as_of=date(2025, 3, 10),
    checked_at=datetime(2025, 3, 11, 2, 15, tzinfo=UTC), models=models.marts())
assert result.passed
print("great_expectations" in sys.modules)
"""


def test_the_gate_decides_without_great_expectations(world: Path) -> None:
    done = subprocess.run([sys.executable, "-c", GATE, str(world)], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n", "its import alone costs more than all checks"
