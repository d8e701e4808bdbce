"""The suites: every rule fires, and their own faults close the gate."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from basewatch.gates.check import count_violations
from basewatch.gates.results import explain, write_failing_rows
from basewatch.gates.suites import load_suites
from unit.gates_world import (
    AS_OF,
    HEADERS,
    PARAMS,
    SUITES,
    broken,
    checked,
    faults,
    rule,
    run_sql,
    suite_folder,
)

pytest_plugins = ["unit.gates_world"]


FAULTS: dict[str, str] = {
    "aircraft.lists_have_no_repeats": "UPDATE aircraft SET conflicts = ['wake', 'wake']",
    "aircraft.seen_from_and_to": "UPDATE aircraft SET last_seen_at = NULL",
    "flight_legs.lists_have_no_repeats": "UPDATE flight_legs SET sources = list_concat(sources, sources)",
    "news_mentions.lists_have_no_repeats": "UPDATE news_mentions SET sources = list_concat(sources, sources)",
    "base_visits.lists_have_no_repeats": "UPDATE base_visits SET evidence = list_concat(evidence, evidence)",
    "claim_checks.lists_have_no_repeats": "UPDATE claim_checks SET visit_ids = list_concat(visit_ids, visit_ids)",
    "bases.position_is_not_null_island": "UPDATE bases SET latitude = 0, longitude = 0",
    "bases.base_has_aliases": "UPDATE bases SET aliases = []",
    "fleets.promised_fleets_exist": "DELETE FROM fleets WHERE fleet_id = 'unidentified'",
    "aircraft.identities_do_not_overlap": (
        "INSERT INTO aircraft BY NAME SELECT * REPLACE (DATE '2025-02-01' AS valid_from) FROM aircraft LIMIT 1"
    ),
    "aircraft.military_has_a_basis": "UPDATE aircraft SET military_basis = ' '",
    "aircraft.fleets_hold_all": "UPDATE aircraft SET fleets = ['ru_mil']",
    "aircraft.fleets_exist": "UPDATE aircraft SET fleets = ['all', 'nobody']",
    "base_visits.base_id_exists": "UPDATE base_visits SET base_id = 'nowhere' WHERE confidence = 1",
    "base_visits.counted_visit_has_an_aircraft": "UPDATE base_visits SET icao24 = NULL",
    "base_visits.evidence_is_not_from_the_future": (
        "UPDATE base_visits SET last_evidence_at = TIMESTAMPTZ '2025-03-11 02:16:00+00'"
    ),
    "base_visits.arrival_time_has_evidence": "UPDATE base_visits SET arrival_evidence = 'none'",
    "base_visits.departure_time_has_evidence": "UPDATE base_visits SET departure_evidence = 'none'",
    "base_visits.inbound_only_is_weak": (
        "UPDATE base_visits SET arrival_evidence = 'inbound_only', departure_evidence = 'none', confidence = 2"
    ),
    "base_visits.press_alone_is_weak": "UPDATE base_visits SET confidence = 2 WHERE confidence = 1",
    "base_visits.seen_stays_have_no_probability": "UPDATE base_visits SET probability = 0.9 WHERE confidence = 3",
    "base_visits.confidence_within_the_probability": (
        "UPDATE base_visits SET confidence = 2, probability = 0.79 WHERE probability IS NOT NULL"
    ),
    "base_visits.counted_is_confidence_2_upwards": "UPDATE base_visits SET is_counted = TRUE",
    "base_visits.undecided_is_weak": (
        "UPDATE base_visits SET probability = 0.9, confidence = 2, undecided_id = 'a' WHERE probability IS NOT NULL"
    ),
    "base_visits.inferred_stays_are_explained": "UPDATE base_visits SET alternatives = []",
    "base_visits.ground_minutes_match_the_ends": "UPDATE base_visits SET ground_minutes = 28",
    "base_visits.visit_has_evidence": "UPDATE base_visits SET evidence = []",
    "base_visits.fleets_hold_all": "UPDATE base_visits SET fleets = NULL",
    "base_visits.fleets_exist": "UPDATE base_visits SET fleets = ['all', 'nobody']",
    "base_visits.origin_base_id_exists": "UPDATE base_visits SET origin_base_id = 'nowhere'",
    "base_visits.destination_base_id_exists": "UPDATE base_visits SET destination_base_id = 'nowhere'",
    "base_visits.aircraft_is_published": "DELETE FROM aircraft WHERE icao24 = '152d01'",
    "base_visits.stays_do_not_overlap": (
        "INSERT INTO base_visits BY NAME SELECT * REPLACE (visit_id || '-2' AS visit_id) FROM base_visits "
        "WHERE icao24 = '152d01'"
    ),
    "base_visits.aircraft_is_in_one_place": (
        "INSERT INTO base_visits BY NAME SELECT * REPLACE ('x' AS visit_id, 'tartus' AS base_id, "
        "first_evidence_at + INTERVAL 1 HOUR AS first_evidence_at) FROM base_visits WHERE icao24 = '152d01'"
    ),
    "base_visits.replaced_ids_are_gone": "UPDATE base_visits SET previous_ids = ['hmeimim-152d01-20250115']",
    "visit_terms.visit_id_is_inferred": "UPDATE base_visits SET probability = NULL",
    "visit_terms.inferred_visits_have_terms": "DELETE FROM visit_terms",
    "visit_terms.each_explanation_begins_alike": (
        "UPDATE visit_terms SET points = -4 WHERE term = 'constant' AND explanation LIKE '%OSAP%'"
    ),
    "accuracy.base_id_exists": "UPDATE accuracy SET base_id = 'nowhere' WHERE base_id = 'hmeimim'",
    "accuracy.found_and_missed_are_all": "UPDATE accuracy SET hidden = hidden + 1",
    "accuracy.what_is_not_listed_is_not_found": "UPDATE accuracy SET wrong = 1 WHERE evidence = 'none'",
    "accuracy.pooled_figures_are_those_of_all": "UPDATE accuracy SET found = found - 1 WHERE is_pooled",
    "accuracy.most_that_counts_is_right": "UPDATE accuracy SET wrong = 5 WHERE evidence = 'aligned_loss'",
    "accuracy_bands.base_id_exists": "UPDATE accuracy_bands SET base_id = 'nowhere' WHERE base_id = 'hmeimim'",
    "accuracy_bands.said_lies_in_its_band": "UPDATE accuracy_bands SET band = 0.8",
    "accuracy_bands.cases_are_as_many_as_were_listed": "UPDATE accuracy_bands SET cases = 89",
    "accuracy_bands.what_is_said_comes_true": 'UPDATE accuracy_bands SET "right" = 0.86',
    "base_daily_activity.base_id_exists": "DELETE FROM bases WHERE base_id = 'hmeimim'",
    "base_daily_activity.fleet_id_exists": "DELETE FROM fleets WHERE fleet_id = 'ru_mil'",
    "base_daily_activity.spine_has_no_holes": (
        "DELETE FROM base_daily_activity WHERE day = DATE '2025-02-10' AND fleet_id = 'all'"
    ),
    "base_daily_activity.spine_ends_on_the_last_day": "DELETE FROM base_daily_activity WHERE day = DATE '2025-03-10'",
    "base_daily_activity.spine_is_the_same_for_every_fleet": (
        "DELETE FROM base_daily_activity WHERE fleet_id = 'unidentified'"
    ),
    "base_daily_activity.spine_covers_every_visit": "DELETE FROM base_daily_activity WHERE day < DATE '2025-01-17'",
    "base_daily_activity.unknown_is_not_zero": (
        "UPDATE base_daily_activity SET visits = 0 WHERE observability = 'missing'"
    ),
    "base_daily_activity.seen_days_are_counted": (
        "UPDATE base_daily_activity SET visits = NULL WHERE day = DATE '2025-02-10'"
    ),
    "base_daily_activity.no_more_ends_than_stays": (
        "UPDATE base_daily_activity SET departures = 1 WHERE day = DATE '2025-02-10'"
    ),
    "base_daily_activity.detection_is_measured": "UPDATE base_daily_activity SET detection = 0.5",
    "base_daily_activity.fleets_agree_on_the_day": (
        "UPDATE base_daily_activity SET observability = 'blind' WHERE day = DATE '2025-03-10' AND fleet_id = 'all'"
    ),
    "base_daily_activity.no_fleet_exceeds_all": (
        "UPDATE base_daily_activity SET visits = 1 WHERE day = DATE '2025-02-10' AND fleet_id = 'ru_mil'"
    ),
    # the press visit, counted: the fault that would let a claim prove itself
    "base_daily_activity.days_match_the_visits": (
        "UPDATE base_daily_activity SET visits = 1 WHERE day = DATE '2025-02-05' AND fleet_id = 'all'"
    ),
    "base_daily_activity.seen_days_are_in_the_ledger": (
        "DELETE FROM source_days WHERE day = DATE '2025-02-10' AND source = 'flight_files'"
    ),
    "base_monthly_activity.base_id_exists": "UPDATE base_monthly_activity SET base_id = 'nowhere'",
    "base_monthly_activity.fleet_id_exists": "UPDATE base_monthly_activity SET fleet_id = 'nobody'",
    "base_monthly_activity.months_are_complete": (
        "DELETE FROM base_monthly_activity WHERE month = DATE '2025-02-01' AND fleet_id = 'ru_mil'"
    ),
    "base_monthly_activity.months_are_within_the_spine": (
        "INSERT INTO base_monthly_activity BY NAME SELECT * REPLACE (DATE '2024-12-01' AS month) "
        "FROM base_monthly_activity WHERE month = DATE '2025-01-01'"
    ),
    "base_monthly_activity.days_add_up": (
        "UPDATE base_monthly_activity SET days_missing = days_missing - 1 WHERE month = DATE '2025-03-01'"
    ),
    "base_monthly_activity.days_match_the_daily_table": (
        "UPDATE base_monthly_activity SET days_observed = days_unmeasured, days_unmeasured = days_observed"
    ),
    "base_monthly_activity.days_in_month_is_the_calendar": "UPDATE base_monthly_activity SET days_in_month = 30",
    "base_monthly_activity.visits_match_the_visits_table": (
        "UPDATE base_monthly_activity SET visits = 1 WHERE month = DATE '2025-02-01' AND fleet_id = 'all'"
    ),
    "base_monthly_activity.ends_match_the_daily_table": "UPDATE base_monthly_activity SET arrivals = 7",
    "base_monthly_activity.unknown_is_not_zero": (
        "UPDATE base_monthly_activity SET days_missing = days_unmeasured, days_unmeasured = 0 "
        "WHERE month = DATE '2025-02-01'"
    ),
    "base_monthly_activity.seen_months_are_counted": (
        "UPDATE base_monthly_activity SET departures = NULL WHERE month = DATE '2025-02-01'"
    ),
    "base_monthly_activity.no_more_than_the_visits": "UPDATE base_monthly_activity SET heavy_visits = 9",
    "base_monthly_activity.rate_is_by_observable_days": (
        "UPDATE base_monthly_activity SET visits_per_observable_day = 3"
    ),
    "base_monthly_activity.prior_month_is_the_month_before": "UPDATE base_monthly_activity SET visits_prior_month = 5",
    "base_monthly_activity.activity_follows_the_counts": (
        "UPDATE base_monthly_activity SET activity = 'unknown' WHERE month = DATE '2025-02-01'"
    ),
    "base_monthly_activity.mention_origins_within_mentions": "UPDATE base_monthly_activity SET mention_origins = 3",
    "base_monthly_activity.surge_has_odds": "UPDATE base_monthly_activity SET is_surge = TRUE",
    "base_monthly_activity.expected_lies_in_its_interval": "UPDATE base_monthly_activity SET visits_expected = 9.5",
    "base_monthly_activity.expected_months_were_seen": (
        "UPDATE base_monthly_activity SET days_missing = days_unmeasured, days_unmeasured = 0"
    ),
    "base_monthly_activity.partial_is_the_running_month": "UPDATE base_monthly_activity SET is_partial = FALSE",
    "base_monthly_activity.no_fleet_exceeds_all": (
        "UPDATE base_monthly_activity SET visits = 2 WHERE month = DATE '2025-02-01' AND fleet_id = 'ru_mil'"
    ),
    "base_gaps.base_id_exists": "UPDATE base_gaps SET base_id = 'nowhere'",
    "base_gaps.fleet_id_exists": "UPDATE base_gaps SET fleet_id = 'nobody'",
    "base_gaps.gap_days_is_the_length": "UPDATE base_gaps SET gap_days = 42",
    "base_gaps.days_add_up": "UPDATE base_gaps SET days_missing = 1",
    "base_gaps.no_visit_inside": "UPDATE base_daily_activity SET visits = 1 WHERE day = DATE '2025-02-10'",
    "base_gaps.last_visit_is_on_record": "UPDATE base_gaps SET last_visit_on = DATE '2025-01-14'",
    "base_gaps.gaps_do_not_overlap": (
        "INSERT INTO base_gaps BY NAME SELECT * REPLACE ('x' AS gap_id, DATE '2025-02-01' AS first_day) FROM base_gaps"
    ),
    "base_gaps.odds_need_a_baseline": "UPDATE base_gaps SET p_quiet = 0.001, p_quiet_scan = 0.001",
    "base_gaps.kind_follows_the_days_seen": "UPDATE base_gaps SET days_missing = 43, days_unmeasured = 0",
    "base_gaps.pause_is_long_and_unlikely": (
        "UPDATE base_gaps SET kind = 'pause', prior_episodes = 9, p_quiet_scan = 0.02"
    ),
    "base_gaps.ongoing_has_not_ended": "UPDATE base_gaps SET is_ongoing = TRUE",
    "base_gaps.ended_says_how": "UPDATE base_gaps SET resumption = 'none'",
    "flight_legs.leg_has_an_end": "UPDATE flight_legs SET departed_at = NULL, arrived_at = NULL",
    "flight_legs.leg_is_not_from_the_future": (
        "UPDATE flight_legs SET arrived_at = TIMESTAMPTZ '2026-01-01 00:00:00+00'"
    ),
    "flight_legs.origin_base_id_exists": "UPDATE flight_legs SET origin_base_id = 'nowhere'",
    "flight_legs.destination_base_id_exists": "UPDATE flight_legs SET destination_base_id = 'nowhere'",
    "flight_legs.field_is_named": "UPDATE flight_legs SET destination_state = 'field'",
    "flight_legs.leg_has_sources": "UPDATE flight_legs SET sources = NULL",
    "news_mentions.base_id_exists": "UPDATE news_mentions SET base_id = 'nowhere'",
    "news_mentions.dated_mention_is_not_from_the_future": (
        "UPDATE news_mentions SET published_at = TIMESTAMPTZ '2025-04-03 00:00:00+00'"
    ),
    "news_mentions.time_and_basis_agree": "UPDATE news_mentions SET published_basis = 'ambiguous'",
    "news_mentions.ambiguous_date_has_its_bounds": (
        "UPDATE news_mentions SET published_basis = 'ambiguous', published_at = NULL,"
        " published_from = TIMESTAMPTZ '2025-03-01 00:00:00+00'"
    ),
    "news_mentions.time_lies_in_its_bounds": (
        "UPDATE news_mentions SET published_from = TIMESTAMPTZ '2025-03-04 00:00:00+00'"
    ),
    "news_mentions.mention_has_sources": "UPDATE news_mentions SET sources = []",
    "claim_checks.mention_id_exists": "UPDATE claim_checks SET mention_id = 'm9'",
    "claim_checks.base_id_exists": "UPDATE claim_checks SET base_id = 'nowhere'",
    "claim_checks.fleet_id_exists": "UPDATE claim_checks SET fleet_id = 'nobody'",
    "claim_checks.gap_id_exists": "UPDATE claim_checks SET gap_id = 'hmeimim-ru_mil-20240101'",
    "claim_checks.observable_days_fit_the_window": "UPDATE claim_checks SET days_observable = 44",
    # a press visit of confidence 1 as evidence of a press claim
    "claim_checks.evidence_is_published_and_counted": (
        "UPDATE claim_checks SET visit_ids = ['hmeimim-press_1-20250205'] WHERE claim = 'flight'"
    ),
    "claim_checks.pause_refuted_by_visits": "UPDATE claim_checks SET verdict = 'contradicted'",
    "claim_checks.flight_confirmed_by_visits": "UPDATE claim_checks SET claimed_count = 3",
    "claim_checks.only_a_route_is_left_open": "UPDATE claim_checks SET verdict = 'partly'",
    "claim_checks.silence_is_a_listed_gap": "UPDATE claim_checks SET gap_id = NULL",
    "provider_agreement.base_id_exists": "UPDATE provider_agreement SET base_id = 'nowhere'",
    "provider_agreement.row_rests_on_a_visit": 'UPDATE provider_agreement SET "both" = 0, only_a = 0',
    "coverage_lead.base_id_exists": "UPDATE coverage_lead SET base_id = 'nowhere'",
    "coverage_lead.story_id_exists": "UPDATE coverage_lead SET story_id = 's9'",
    "coverage_lead.lead_is_the_distance": "UPDATE coverage_lead SET lead_days = -1.625",
    "source_days.scope_names_a_watched_base": "UPDATE source_days SET scope = 'base:nowhere'",
    "source_days.fault_is_explained": "UPDATE source_days SET error = NULL",
    "source_days.ingested_in_the_past": "UPDATE source_days SET ingested_at = TIMESTAMPTZ '2025-03-12 00:00:00+00'",
    "source_days.empty_means_nothing_kept": "UPDATE source_days SET records_kept = 1",
    "source_days.sources_are_fresh": "UPDATE source_days SET day = day - 15 WHERE source = 'feeds'",
    "releases.published_in_the_past": "UPDATE releases SET published_at = TIMESTAMPTZ '2025-03-12 00:00:00+00'",
}


def plain_fault(table: str, entry: dict[str, Any]) -> str:
    """A fault for a rule on one or two columns, made from the rule itself."""
    kwargs = entry["kwargs"]
    match entry["type"]:
        case "expect_column_values_to_not_be_null":
            return f'UPDATE {table} SET "{kwargs["column"]}" = NULL'
        case "expect_column_values_to_be_between":
            low, high = kwargs.get("min_value"), kwargs.get("max_value")
            if isinstance(bound := high if low is None else low, dict):
                bound = {**PARAMS, "as_of": AS_OF}[bound["$PARAMETER"]]
            value = f"DATE '{bound}'" if isinstance(bound, date) else bound
            return f'UPDATE {table} SET "{kwargs["column"]}" = {value} {"+" if low is None else "-"} 1'
        case "expect_column_values_to_match_regex":
            value = "DATE '2025-01-02'" if kwargs["column"] == "month" else "'javascript:alert(1)'"
            return f'UPDATE {table} SET "{kwargs["column"]}" = {value}'
        case "expect_column_values_to_be_unique":
            return f"UPDATE {table} SET \"{kwargs['column']}\" = 'OSLK'"
        case "expect_compound_columns_to_be_unique":
            key = HEADERS[table].key[0]
            assert key not in kwargs["column_list"], "the header has this rule"
            return f"INSERT INTO {table} BY NAME SELECT * REPLACE ('x' || {key} AS {key}) FROM {table}"
        case "expect_column_pair_values_a_to_be_greater_than_b":
            kind = {column.name: column.type for column in HEADERS[table].columns}[kwargs["column_A"]]
            low, high = {"DOUBLE": ("0.4", "0.5"), "VARCHAR": ("'a'", "'b'")}.get(
                kind, (f"CAST('2025-02-01' AS {kind})", f"CAST('2025-02-02' AS {kind})")
            )
            same = high if not kwargs.get("or_equal") else low
            return f'UPDATE {table} SET "{kwargs["column_A"]}" = {same}, "{kwargs["column_B"]}" = {high}'
        case "expect_table_row_count_to_be_between":
            return f"DELETE FROM {table}"
    raise AssertionError(f"{table}.{entry['meta']['name']} needs a fault of its own")


RULES = [(table, entry) for table in sorted(SUITES) for entry in SUITES[table]["expectations"]]


@pytest.mark.parametrize(("table", "entry"), RULES, ids=[f"{table}.{e['meta']['name']}" for table, e in RULES])
def test_every_rule_fires(tampered: duckdb.DuckDBPyConnection, table: str, entry: dict[str, Any]) -> None:
    rule = entry["meta"]["name"]
    tampered.execute(FAULTS.get(f"{table}.{rule}") or plain_fault(table, entry))
    outcome = broken(tampered, table, entry).get(rule)
    assert outcome is not None, "the fault went unseen"
    assert outcome.error is None
    assert outcome.violations and outcome.violations > 0


def test_faults_name_rules_that_exist() -> None:
    assert set(FAULTS) <= {f"{table}.{entry['meta']['name']}" for table, entry in RULES}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (rule("expect_column_values_to_not_be_null", column="ghost"), "ghost"),
        (rule("unexpected_rows_expectation", unexpected_rows_query="SELECT nonsense FROM {batch}"), "nonsense"),
        (rule("unexpected_rows_expectation", unexpected_rows_query="SELECT 1 FROM {batch} WHERE $ghost"), "$ghost"),
        (rule("unexpected_rows_expectation", unexpected_rows_query="FROM {batch} WHERE name::INT > 0"), "Conversion"),
        (rule("expect_column_values_to_be_between", column="latitude"), "min_value and max_value are both missing"),
        (rule("expect_column_values_to_be_between", min_value=1), "column"),
        (rule("expect_column_values_to_be_between", column="latitude", min_value=1, strict_min="no"), "cannot be 'no'"),
        (rule("expect_column_values_to_not_be_null", column="name", mostly=95), "mostly is a share, not 95"),
        (rule("expect_column_values_to_be_in_set", column="name", value_set="ok"), "value_set cannot be 'ok'"),
        (rule("expect_column_values_to_be_between", column="name", min_value=1), "Cannot compare"),
        (rule("expect_column_values_to_be_in_set", column="name", value_set=[]), "value_set is empty"),
        (rule("expect_column_mean_to_be_between", column="latitude", min_value=1), "not supported"),
        (
            rule("expect_column_values_to_be_between", column="latitude", min_value=1, row_condition="x"),
            "row_condition",
        ),
        (rule("expect_column_values_to_be_betwixt", column="latitude"), "betwixt"),
        ({**rule("expect_column_values_to_not_be_null", column="name"), "meta": {"name": "probe"}}, "meta.why"),
        ({**rule("expect_column_values_to_not_be_null", column="name"), "severity": "info"}, "severity"),
        ({**rule("expect_column_values_to_not_be_null", column="name"), "mostly": 0.5}, "mostly is nothing that an"),
        ({**rule("expect_column_values_to_not_be_null", column="name"), "meta": "probe"}, "meta.why"),
    ],
)
def test_rule_that_cannot_be_checked_is_critical(world: Path, tmp_path: Path, entry: dict[str, Any], said: str) -> None:
    sound = rule("expect_column_values_to_not_be_null", "critical", "sound", column="name")
    connection = duckdb.connect(str(world), read_only=True)
    suites = load_suites(suite_folder(tmp_path, sound, entry))
    outcomes = [o for o in count_violations(connection, {}, suites, {}) if o.check.rule != "sound"]
    connection.close()
    assert [said in str(outcome.error) for outcome in outcomes] == [True]
    assert outcomes[0].share < 0 and outcomes[0].violations is None


def test_broken_check_closes_the_gate_and_hides_no_other(candidate: Path, tmp_path: Path) -> None:
    run_sql(candidate, "UPDATE bases SET name = NULL WHERE base_id = 'tartus'")
    folder = suite_folder(
        tmp_path,
        rule("expect_column_values_to_not_be_null", name="broken", column="ghost"),
        rule("expect_column_values_to_not_be_null", name="named", column="name"),
        rule("expect_column_values_to_not_be_null", name="placed", column="country"),
    )
    result = checked(candidate, suites=folder, models=[])
    found = faults(result)
    assert not result.passed
    assert set(found) == {("bases", "broken"), ("bases", "named")}
    assert found["bases", "broken"].severity == "critical" and found["bases", "broken"].count is None
    assert found["bases", "named"].severity == "warning" and found["bases", "named"].count == 1
    assert "ghost" in explain(result)
    assert write_failing_rows(result, candidate, tmp_path / "rows") == [tmp_path / "rows" / "bases.named.parquet"]


def test_offending_rows_that_cannot_be_read_still_refuse(candidate: Path, tmp_path: Path) -> None:
    folder = suite_folder(
        tmp_path,
        rule("unexpected_rows_expectation", "critical", unexpected_rows_query="SELECT name::INT AS n FROM {batch}"),
    )
    result = checked(candidate, suites=folder, models=[])
    (failure,) = result.refusals
    assert (failure.count, failure.rows) == (2, []) and "could not be read: ConversionException" in failure.observed
    assert write_failing_rows(result, candidate, tmp_path / "rows") == []


@pytest.mark.parametrize("text", ["{", "[]", '{"name": "bases"}', '{"name": "fleets", "expectations": []}'])
def test_unreadable_suite_closes_the_gate(world: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "bases.json").write_text(text)
    connection = duckdb.connect(str(world), read_only=True)
    outcomes = count_violations(connection, {}, load_suites(tmp_path), {})
    connection.close()
    assert [(o.check.rule, o.check.severity, o.share) for o in outcomes] == [("suite_is_readable", "critical", -1.0)]


def test_two_rules_of_one_name_close_the_gate(world: Path, tmp_path: Path) -> None:
    twice = [rule("expect_column_values_to_not_be_null", column=column) for column in ("name", "country")]
    connection = duckdb.connect(str(world), read_only=True)
    outcomes = count_violations(connection, {}, load_suites(suite_folder(tmp_path, *twice)), {})
    connection.close()
    assert [outcome.error is None for outcome in outcomes] == [True, False]


def test_what_is_no_number_lies_in_no_range() -> None:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE t AS SELECT unnest([0.5, 'nan'::DOUBLE, 'inf'::DOUBLE, NULL]) AS x")
    entry = rule("expect_column_values_to_be_between", column="x", min_value=0, max_value=1)
    (found,) = count_violations(connection, {}, {"t": {"name": "t", "expectations": [entry], "meta": {}}}, {})
    assert (found.violations, found.judged) == (2, 3)
