"""What a release's summary says is new: signs, surges and accuracy, held against the release before."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from basewatch.warehouse.changes import Changes
from basewatch.warehouse.summary import News, news

TABLES = """
CREATE TABLE {db}.base_gaps (
    gap_id VARCHAR, base_id VARCHAR, fleet_id VARCHAR, kind VARCHAR, first_day DATE, last_day DATE, gap_days INTEGER,
    resumed_on DATE, resumption VARCHAR, last_visit_on DATE, first_sign_on DATE, p_quiet_scan DOUBLE,
    days_missing INTEGER, days_blind INTEGER, days_unmeasured INTEGER, is_ongoing BOOLEAN
);
CREATE TABLE {db}.base_visits (
    visit_id VARCHAR, base_id VARCHAR, fleets VARCHAR[], is_counted BOOLEAN, sources VARCHAR[],
    first_evidence_at TIMESTAMPTZ, last_evidence_at TIMESTAMPTZ
);
CREATE TABLE {db}.claim_checks (
    claim_id VARCHAR, base_id VARCHAR, fleet_id VARCHAR, claim VARCHAR, claimed_from DATE, claimed_to DATE,
    type_code VARCHAR, claimed_count INTEGER,
    verdict VARCHAR, explanation VARCHAR, gap_id VARCHAR, days_observable INTEGER, visit_ids VARCHAR[],
    mention_id VARCHAR
);
CREATE TABLE {db}.bases (base_id VARCHAR, name VARCHAR);
CREATE TABLE {db}.fleets (fleet_id VARCHAR, name VARCHAR);
CREATE TABLE {db}.news_mentions (mention_id VARCHAR, title VARCHAR, url VARCHAR);
CREATE TABLE {db}.base_monthly_activity (
    base_id VARCHAR, fleet_id VARCHAR, month DATE, visits INTEGER, visits_trailing_12m_mean DOUBLE, p_surge DOUBLE,
    is_surge BOOLEAN, is_partial BOOLEAN, days_missing INTEGER, days_blind INTEGER, days_unmeasured INTEGER,
    days_in_month INTEGER
);
CREATE TABLE {db}.accuracy (subject VARCHAR, base_id VARCHAR, hidden INTEGER, found INTEGER, is_pooled BOOLEAN);
"""
GAP = """
INSERT INTO {db}.base_gaps VALUES (
    '{gap}', 'hmeimim', 'ru_mil', '{kind}', '2026-01-01', '{last}', 40, NULL, 'none', '2025-12-31', {sign}, 0.01,
    3, 1, 5, {ongoing}
);
"""


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute("SET TimeZone = 'UTC'")
        opened.execute("CREATE TABLE changed (table_name VARCHAR, key VARCHAR, change VARCHAR, base_id VARCHAR, "
                       "fleets VARCHAR[], first_day DATE, last_day DATE, weighs BOOLEAN, cause VARCHAR)")  # fmt: skip
        for name in ("a", "b"):
            opened.execute(f"ATTACH ':memory:' AS {name}")
            opened.execute(TABLES.format(db=f"{name}.main"))
        yield opened


def told(connection: duckdb.DuckDBPyConnection) -> News:
    return news(Changes(connection, ()), has_before=True)


def gap(
    connection: duckdb.DuckDBPyConnection,
    db: str,
    name: str,
    *,
    kind: str = "pause",
    sign: str | None = None,
    ongoing: bool = True,
    last: str = "2026-02-10",
) -> None:
    day = f"DATE '{sign}'" if sign else "NULL"
    connection.execute(GAP.format(db=f"{db}.main", gap=name, kind=kind, sign=day, ongoing=ongoing, last=last))


def test_a_first_sign_is_news_where_the_release_before_had_none_with_the_visits_that_are_it(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    for name, before, now in (("new", None, "2026-02-05"), ("old", "2026-02-05", "2026-02-05"), ("none", None, None)):
        gap(connection, "b", name, sign=before)
        gap(connection, "a", name, sign=now)
    gap(connection, "a", "over", sign="2026-02-05", ongoing=False)
    gap(connection, "a", "begun", sign="2026-02-05")
    connection.execute(
        "INSERT INTO a.main.base_visits VALUES "
        "('sign', 'hmeimim', ['all', 'ru_mil'], FALSE, ['x'], '2026-02-05 09:00:00+00', '2026-02-05 10:00:00+00'), "
        "('later', 'hmeimim', ['all', 'ru_mil'], FALSE, ['x'], '2026-02-06 09:00:00+00', '2026-02-06 10:00:00+00')"
    )
    found = {row["gap_id"]: row for row in told(connection).first_signs}
    assert set(found) == {"new", "begun"}
    assert (found["new"]["visit_ids"], found["new"]["days_unseen"], found["new"]["days_unmeasured"]) == (["sign"], 4, 5)


def test_a_pause_names_the_visits_before_it_and_those_that_ended_it(connection: duckdb.DuckDBPyConnection) -> None:
    gap(connection, "b", "ended")
    gap(connection, "a", "ended", ongoing=False)
    gap(connection, "b", "called", kind="lull")
    gap(connection, "a", "called")
    connection.execute("INSERT INTO changed (table_name, key, cause) VALUES ('base_gaps', 'ended', 'new_source_day'), "
                       "('base_gaps', 'called', 'as_of')")  # fmt: skip
    connection.execute(
        "INSERT INTO a.main.base_visits VALUES "
        "('before', 'hmeimim', ['all', 'ru_mil'], TRUE, ['x'], '2025-12-30 09:00:00+00', '2025-12-31 10:00:00+00'), "
        "('after', 'hmeimim', ['all', 'ru_mil'], TRUE, ['x'], '2026-02-11 09:00:00+00', '2026-02-12 10:00:00+00'), "
        "('others', 'hmeimim', ['all'], TRUE, ['simulated'], '2026-02-11 09:00:00+00', '2025-12-31 10:00:00+00')"
    )
    summary = told(connection)
    assert [(row["gap_id"], row["visit_ids"]) for row in summary.pauses_called] == [("called", ["before"])]
    assert [(row["gap_id"], row["visit_ids"]) for row in summary.pauses_ended] == [("ended", ["after"])]
    assert summary.pauses_ended[0]["kind_before"] == "pause" and summary.made_up == ["hmeimim"]


def test_a_surge_is_news_where_the_month_was_none(connection: duckdb.DuckDBPyConnection) -> None:
    row = "INSERT INTO {db}.main.base_monthly_activity VALUES ('hmeimim', 'all', '{month}', 9, 1, 0.001, {is_surge}, "
    row += "FALSE, 0, 2, 0, 28)"
    for month, before, now in (
        ("2026-01-01", "TRUE", "TRUE"),
        ("2026-02-01", "NULL", "TRUE"),
        ("2025-12-01", "FALSE", "FALSE"),
    ):
        connection.execute(row.format(db="b", month=month, is_surge=before))
        connection.execute(row.format(db="a", month=month, is_surge=now))
    connection.execute(row.format(db="a", month="2026-03-01", is_surge="TRUE"))
    assert [(row["month"], row["days_unseen"]) for row in told(connection).surges] == [
        ("2026-03-01", 2),
        ("2026-02-01", 2),
    ]


def test_accuracy_is_summed_by_base_and_what_is_pooled_counts_for_all_alone(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    for name, found in (("b", 40), ("a", 20)):
        connection.execute(
            f"INSERT INTO {name}.main.accuracy VALUES ('stay', 'hmeimim', 30, {found - 10}, FALSE), "
            f"('stay', 'hmeimim', 30, 10, FALSE), ('stay', 'shayrat', 60, {found}, TRUE), "
            f"('stay', 'all', 60, {found}, FALSE), ('news_base', 'hmeimim', 900, 900, FALSE)"
        )
    rows = {row["base_id"]: (row["found"], row["hidden"], row["found_before"]) for row in told(connection).accuracy}
    assert rows == {"hmeimim": (20, 60, 40), "all": (20, 60, 40)}


def test_a_release_of_an_earlier_version_tells_no_signs_surges_or_accuracy(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    connection.execute("DROP TABLE b.main.accuracy")
    connection.execute("ALTER TABLE b.main.base_gaps DROP first_sign_on")
    connection.execute("ALTER TABLE b.main.base_monthly_activity DROP is_surge")
    gap(connection, "a", "new", sign="2026-02-05")
    summary = told(connection)
    assert (summary.first_signs, summary.surges, summary.accuracy) == ([], [], [])


def test_a_month_that_had_ended_and_has_another_count_is_a_correction(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    row = "INSERT INTO {db}.main.base_monthly_activity BY NAME SELECT 'hmeimim' AS base_id, 'all' AS fleet_id, "
    for db, month, visits, partial in (
        ("b", "2026-01-01", "5", "FALSE"), ("a", "2026-01-01", "6", "FALSE"),  # corrected
        ("b", "2026-02-01", "5", "FALSE"), ("a", "2026-02-01", "NULL", "FALSE"),  # taken back
        ("b", "2026-03-01", "NULL", "FALSE"), ("a", "2026-03-01", "2", "FALSE"),  # nothing had been said
        ("b", "2026-04-01", "1", "TRUE"), ("a", "2026-04-01", "3", "FALSE"),  # it went on
        ("b", "2026-05-01", "4", "FALSE"), ("a", "2026-05-01", "4", "FALSE"),
    ):  # fmt: skip
        connection.execute(
            row.format(db=db) + f"DATE '{month}' AS month, {visits}::INTEGER AS visits, {partial} AS is_partial"
        )
    assert told(connection).corrections == [
        {"base_id": "hmeimim", "fleet_id": "all", "month": "2026-02-01", "before": 5, "now": None},
        {"base_id": "hmeimim", "fleet_id": "all", "month": "2026-01-01", "before": 5, "now": 6},
    ]
