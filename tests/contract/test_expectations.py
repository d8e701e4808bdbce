"""The suites against the models: what they name exists, what is published is guarded, and every bound says why."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from importlib.resources import files

import duckdb
import pytest

from basewatch.config import Settings
from basewatch.gates import derived
from basewatch.gates.check import count_violations
from basewatch.gates.suites import bound, header_checks, load_suites, suite_checks
from basewatch.reference import load
from basewatch.warehouse import models

SUITES = load_suites(files("basewatch.expectations"))
HEADERS = {model.name: model for model in models.marts()}
AS_OF, CHECKED_AT = date(2025, 3, 10), datetime(2025, 3, 11, tzinfo=UTC)
RULES = [(table, entry) for table in sorted(SUITES) for entry in SUITES[table]["expectations"]]
DERIVED = load_suites(derived.rules())
DERIVED_RULES = [(table, entry) for table in sorted(DERIVED) for entry in DERIVED[table]["expectations"]]
UNCOUNTED = {"flight_legs", "claim_checks", "coverage_lead"}  # no published number counts their rows
CONTRACT = {
    "bases",
    "fleets",
    "aircraft",
    "base_visits",
    "visit_terms",
    "accuracy",
    "accuracy_bands",
    "base_daily_activity",
    "base_monthly_activity",
    "base_gaps",
    "flight_legs",
    "news_mentions",
    "claim_checks",
    "provider_agreement",
    "coverage_lead",
    "source_days",
    "quality_results",
    "releases",
    "release_changes",
}


def test_every_published_table_has_a_suite_and_every_suite_a_table() -> None:
    assert set(SUITES) == set(HEADERS) == CONTRACT


def test_suites_are_files_as_a_reviewer_would_write_them() -> None:
    for table, suite in SUITES.items():
        text = files("basewatch.expectations").joinpath(f"{table}.json").read_text(encoding="utf-8")
        assert text == json.dumps(suite, indent=2, ensure_ascii=False) + "\n", table
        assert suite["name"] == table and suite["expectations"], table


@pytest.mark.parametrize("table", sorted(SUITES))
def test_all_of_a_suite_is_translated(table: str) -> None:
    checks = suite_checks(table, SUITES[table], HEADERS[table].key)
    assert [check.fault for check in checks if check.fault] == []
    assert len(checks) == len(SUITES[table]["expectations"])


def test_rules_name_columns_that_exist() -> None:
    for table, entry in RULES:
        kwargs = entry["kwargs"]
        named = [kwargs[name] for name in ("column", "column_A", "column_B") if name in kwargs]
        columns = {column.name for column in HEADERS[table].columns}
        assert {*named, *kwargs.get("column_list", [])} <= columns, f"{table}.{entry['meta']['name']}"


@pytest.fixture(scope="module")
def empty() -> Iterator[duckdb.DuckDBPyConnection]:
    """Every published table as its header declares it, without rows."""
    connection = duckdb.connect()
    for name, model in HEADERS.items():
        connection.execute(f"CREATE TABLE {name} ({model.ddl})")
    yield connection
    connection.close()


@pytest.mark.parametrize("table", sorted(SUITES))
def test_rules_bind_to_the_declared_tables(empty: duckdb.DuckDBPyConnection, table: str) -> None:
    """Columns and types of every table that a rule reads, this one's and others'."""
    values = {**load.params(Settings()).values, "as_of": AS_OF, "checked_at": CHECKED_AT}
    found = count_violations(empty, {table: HEADERS[table]}, {table: SUITES[table]}, values)
    assert [(outcome.check.rule, outcome.error) for outcome in found if outcome.error] == []
    broken = {outcome.check.rule for outcome in found if outcome.violations}
    assert broken <= {"has_bases", "promised_fleets_exist"}, "an empty table is a fault to these two alone"


def test_rules_say_why_and_how_grave() -> None:
    for table, entry in [*RULES, *DERIVED_RULES]:
        about = f"{table}.{entry['meta'].get('name')}"
        assert entry["severity"] in {"critical", "set_aside", "warning"}, about
        assert re.fullmatch(r"[a-z][a-z0-9_]*", entry["meta"]["name"]), about
        assert re.fullmatch(r"\S.{10,}\.", entry["meta"]["why"]), about


def test_rows_are_set_aside_in_tables_that_nothing_counts_and_by_their_key(empty: duckdb.DuckDBPyConnection) -> None:
    values = {**load.params(Settings()).values, "as_of": AS_OF, "checked_at": CHECKED_AT}
    odd = [(table, entry["meta"]["name"]) for table, entry in RULES if entry["severity"] == "set_aside"]
    assert {table for table, _ in odd} == UNCOUNTED
    for table, name in odd:
        (rule,) = [one for one in suite_checks(table, SUITES[table], HEADERS[table].key) if one.rule == name]
        shown = empty.sql(rule.offences, params=bound(rule.offences, values)).columns
        assert set(HEADERS[table].key) <= set(shown), f"{table}.{name} does not tell which rows"
    assert {table for table, entry in DERIVED_RULES if entry["severity"] == "set_aside"} <= UNCOUNTED


def test_rules_that_derive_again_are_suites_too() -> None:
    """Each is of a published table, under a name that no other rule of its table has."""
    assert set(DERIVED) <= set(HEADERS)
    for table, suite in DERIVED.items():
        text = (derived.rules() / f"{table}.json").read_text(encoding="utf-8")
        assert text == json.dumps(suite, indent=2, ensure_ascii=False) + "\n", table
        names = [entry["meta"]["name"] for entry in [*suite["expectations"], *SUITES[table]["expectations"]]]
        assert len(set(names)) == len(names), table
        assert all(check.fault is None for check in suite_checks(table, suite)), table


def test_rules_do_not_repeat_the_header() -> None:
    """Keys and enumerations stand in the header alone, so that they cannot come to differ."""
    for table, entry in RULES:
        model, kwargs = HEADERS[table], entry["kwargs"]
        about = f"{table}.{entry['meta']['name']}"
        match entry["type"]:
            case "expect_column_values_to_not_be_null":
                assert kwargs["column"] not in model.key, about
            case "expect_column_values_to_be_in_set":
                assert kwargs["column"] not in {column.name for column in model.columns if column.values}, about
            case "expect_compound_columns_to_be_unique":
                assert set(kwargs["column_list"]) != set(model.key), about


def test_rule_names_are_unique_in_a_table() -> None:
    for table, suite in SUITES.items():
        names = [entry["meta"]["name"] for entry in suite["expectations"]]
        names += [check.rule for check in header_checks(HEADERS[table])]
        assert len(names) == len(set(names)), table


def test_thresholds_come_from_params() -> None:
    """A threshold that the models read must not stand in a suite a second time."""
    named = set(re.findall(r"\$([a-z][a-z0-9_]*)", json.dumps(SUITES))) - {"as_of", "checked_at"}
    assert named == {
        "gap_alpha",
        "gap_min_episodes",
        "gap_observable_share",
        "gap_pause_days",
        "gap_unobserved_share",
        "probability_band_2",
        "probability_band_3",
        "probability_band_4",
    }
    assert {*named, "min_gap_days"} <= set(load.params(Settings()).values)
