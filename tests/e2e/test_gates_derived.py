"""Rules that derive again: each is broken by an edit of a candidate of the bundled sample, and holds without it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from basewatch.gates import derived
from basewatch.gates.suites import load_suites
from faults.candidates import FAMILY, Edit, world
from faults.fault import Fault, Meet

pytestmark = pytest.mark.e2e

SIM = "(SELECT min(visit_id) FROM base_visits WHERE sources = ['simulated'])"
EDITS: dict[str, str] = {
    "aircraft.aircraft_is_on_record": "UPDATE aircraft SET registration = 'RA-99999'",
    "aircraft.wake_is_that_of_the_type": "UPDATE aircraft SET wake = 'J' WHERE type_code = 'A400'",
    "aircraft.country_is_that_of_the_address": "UPDATE aircraft SET country = 'XX' WHERE icao24 = '14f126'",
    "aircraft.seen_when_it_visited": "UPDATE aircraft SET first_seen_at = last_seen_at",
    "aircraft.registers_call_it_military": "UPDATE aircraft SET is_military = FALSE",
    "aircraft.who_is_on_record_is_listed": "DELETE FROM aircraft WHERE icao24 = '14f126'",
    "aircraft.valid_from_its_first_sight_on": "UPDATE aircraft SET valid_from = valid_from + 1",
    "aircraft.visits_have_an_identity": "UPDATE aircraft SET registration = NULL",
    "base_daily_activity.each_day_matches_its_visits": (
        "UPDATE base_daily_activity SET visits = visits + 1 WHERE visits = 1 AND day = (SELECT min(day) FROM "
        "base_daily_activity WHERE visits = 1)"
    ),
    "base_daily_activity.missing_days_are_those_not_read": (
        "UPDATE base_daily_activity SET observability = 'missing' WHERE base_id = 'simulated_field'"
    ),
    "base_daily_activity.background_is_what_was_heard": "UPDATE base_daily_activity SET background_aircraft = 7",
    "base_daily_activity.own_visits_prove_the_day": (
        f"UPDATE base_visits SET arrival_evidence = 'touchdown' WHERE visit_id = {SIM};"
        "UPDATE base_daily_activity SET observability = 'blind'"
    ),
    "base_gaps.silences_of_the_days_are_gaps": "DELETE FROM base_gaps",
    "base_gaps.gap_follows_its_days": "UPDATE base_gaps SET days_unmeasured = days_unmeasured + 1",
    "base_gaps.baseline_is_of_the_visits": "UPDATE base_gaps SET prior_episodes = 0",
    "base_gaps.gap_ends_by_its_visit": "UPDATE base_gaps SET resumed_by_icao24 = 'abcdef'",
    "base_gaps.scan_is_no_less_than_the_looks_ask": "UPDATE base_gaps SET p_quiet = .5, p_quiet_scan = .1",
    "base_monthly_activity.details_match_the_visits": (
        "UPDATE base_monthly_activity SET ground_hours = ground_hours + 1"
    ),
    "base_monthly_activity.trailing_mean_is_of_the_months_before": (
        "UPDATE base_monthly_activity SET visits_trailing_12m_mean = visits_trailing_12m_mean + 1"
    ),
    "base_monthly_activity.mentions_match_the_mentions": "UPDATE base_monthly_activity SET mentions = mentions + 1",
    "base_monthly_activity.shares_have_totals": "UPDATE base_monthly_activity SET mentions_per_million = 5",
    "base_monthly_activity.odds_are_given_where_they_can_be": "UPDATE base_monthly_activity SET p_surge = NULL",
    "base_visits.visit_is_as_stated": f"UPDATE base_visits SET callsign = 'RFF1' WHERE visit_id = {SIM}",
    "base_visits.press_visit_is_as_reported": (
        "UPDATE base_visits SET first_evidence_at = first_evidence_at + INTERVAL 1 DAY "
        "WHERE sources = ['press_flights']"
    ),
    "base_visits.places_and_their_codes_agree": "UPDATE base_visits SET origin_icao = 'OSLK', origin_base_id = NULL",
    "base_visits.inferred_visit_is_weighed": (
        f"INSERT INTO visit_terms BY NAME SELECT {SIM} AS visit_id, 'a landing at X (simulated_field)' AS explanation, "
        "'constant' AS term, 4 AS points; "
        "UPDATE base_visits SET probability = .5, alternatives = list_transform([1], lambda x: "
        f"NULL::STRUCT(explanation VARCHAR, probability DOUBLE)) WHERE visit_id = {SIM}; "
        "UPDATE base_visits SET alternatives = [{'explanation': 'no landing', 'probability': .5}] "
        f"WHERE visit_id = {SIM}"
    ),
    "base_visits.replaced_ids_were_published": "UPDATE base_visits SET previous_ids = ['hmeimim-a-20240101']",
    "base_visits.every_arrival_on_record_is_a_visit": f"DELETE FROM base_visits WHERE visit_id = {SIM}",
    "base_visits.visit_id_tells_base_aircraft_and_day": "UPDATE base_visits SET visit_id = 'x' || visit_id",
    "base_visits.fleets_are_those_of_the_aircraft": "UPDATE base_visits SET fleets = ['all', 'us_mil']",
    "base_visits.stay_stands_once": (
        "INSERT INTO base_visits BY NAME SELECT * REPLACE (visit_id || '-2' AS visit_id) FROM base_visits"
    ),
    "base_visits.every_press_flight_is_shown": "DELETE FROM base_visits WHERE sources = ['press_flights']",
    "bases.base_is_as_in_the_reference": "UPDATE bases SET latitude = latitude + .01",
    "bases.aliases_are_the_keywords": "UPDATE bases SET aliases = list_append(aliases, 'elsewhere')",
    "claim_checks.claims_are_those_that_were_read": "DELETE FROM claim_checks",
    "claim_checks.claims_are_held_against_the_visits": "UPDATE claim_checks SET days_observable = 3",
    "coverage_lead.stories_that_speak_of_flights_are_listed": "DELETE FROM coverage_lead",
    "fleets.fleet_is_as_in_the_reference": "UPDATE fleets SET definition = 'others'",
    "flight_legs.leg_is_of_a_known_aircraft": "UPDATE flight_legs SET icao24 = 'abcdef'",
    "flight_legs.reported_visits_have_their_legs": "DELETE FROM flight_legs",
    "flight_legs.places_and_their_codes_agree": "UPDATE flight_legs SET origin_icao = 'OSLK'",
    "flight_legs.leg_id_tells_aircraft_and_time": "UPDATE flight_legs SET leg_id = 'x' || leg_id",
    "flight_legs.callsign_is_stated": "UPDATE flight_legs SET callsign = NULL",
    "flight_legs.leg_stands_once": (
        "INSERT INTO flight_legs BY NAME SELECT * REPLACE (leg_id || '-2' AS leg_id) FROM flight_legs"
    ),
    "flight_legs.legs_are_as_many_as_the_records_ask": "DELETE FROM flight_legs",
    "flight_legs.ends_are_stated": "UPDATE flight_legs SET arrived_at = arrived_at + INTERVAL 61 SECOND",
    "flight_legs.stated_ends_are_kept": "UPDATE flight_legs SET arrived_at = NULL",
    "news_mentions.mentions_are_those_that_were_read": "DELETE FROM news_mentions",
    "news_mentions.mention_says_what_was_read": "UPDATE news_mentions SET title = 'Quiet at Hmeimim'",
    "news_mentions.stories_are_counted": "UPDATE news_mentions SET story_articles = story_articles + 1",
    "provider_agreement.agreement_is_of_the_visits": (
        "INSERT INTO provider_agreement BY NAME SELECT 'hmeimim' AS base_id, DATE '2025-01-01' AS month, "
        "'opensky' AS source_a, 'simulated' AS source_b, 3 AS \"both\", 0 AS only_a, 0 AS only_b"
    ),
    "source_days.ledger_is_the_lakes": "DELETE FROM source_days WHERE day = (SELECT min(day) FROM source_days)",
}


@pytest.fixture(scope="module")
def meet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Meet]:
    """A candidate of the sample, to which a fault is done."""
    with world(tmp_path_factory.mktemp("candidate")) as made:
        yield made


def test_every_rule_has_an_edit_that_breaks_it() -> None:
    suites = load_suites(derived.rules())
    rules = {f"{table}.{one['meta']['name']}" for table, suite in suites.items() for one in suite["expectations"]}
    assert set(EDITS) == rules


@pytest.mark.parametrize("rule", sorted(EDITS))
def test_a_rule_fires_on_its_edit(meet: Meet, rule: str) -> None:
    table, name = rule.split(".")
    answer = meet(Fault(FAMILY, "edited", rule, "candidate", Edit(table, None, (EDITS[rule], "SELECT 1"))))
    assert answer is not None, "the edit changed nothing"
    found = [line for line in answer.words.splitlines() if line.startswith(f"{table}: {name}: ")]
    assert found and "could not be checked" not in found[0], answer.words


@pytest.mark.parametrize(
    ("share", "outcome"), [("visit_id = " + SIM, "warned"), ("sources = ['simulated']", "refused")]
)
def test_few_rows_are_told_and_many_refuse(meet: Meet, share: str, outcome: str) -> None:
    """One of 224 stays may be an odd one; all of them are a wrong model."""
    harm = Edit("base_visits", None, (f"UPDATE base_visits SET callsign = 'RFF1' WHERE {share}", "SELECT 1"))
    answer = meet(Fault(FAMILY, "edited", share, "candidate", harm))
    assert answer is not None and answer.outcome == outcome, answer
    assert "base_visits: visit_is_as_stated" in answer.words


def test_nothing_fires_without_an_edit(tmp_path: Path) -> None:
    with world(tmp_path / "world") as meet:
        answer = meet(Fault(FAMILY, "none", "", "candidate", Edit("bases", None, ("SELECT 1", "SELECT 1"))))
    assert answer is not None and answer.outcome == "passed", answer.words
