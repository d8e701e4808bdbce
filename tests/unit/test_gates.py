"""The gates: counts equal Great Expectations' own, valid tables pass, and every seeded fault is refused by name."""

from __future__ import annotations

import html.parser
import json
import random
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from basewatch.config import Settings
from basewatch.gates.check import SHOWN_ROWS, Outcome, check_candidate, count_violations, judge
from basewatch.gates.page import render, write_page
from basewatch.gates.results import RESULTS, Failure, GateResult, explain, write_failing_rows
from basewatch.gates.suites import SUPPORTED, Check, load_suites
from basewatch.reference import load
from basewatch.warehouse import models

AS_OF = date(2025, 3, 10)
CHECKED_AT = datetime(2025, 3, 11, 2, 15, tzinfo=UTC)
MARTS = models.marts()
PARAMS = load.params(Settings()).values


# ---- a small world that keeps every rule


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


HASH = "ab" * 32
ROWS: dict[str, list[dict[str, Any]]] = {
    "bases": [
        {
            "base_id": "hmeimim",
            "name": "Hmeimim Air Base",
            "icao": "OSLK",
            "iata": "LTK",
            "country": "SY",
            "kind": "air",
            "latitude": 35.401,
            "longitude": 35.949,
            "elevation_ft": 157.0,
            "is_shared_with_civil": True,
            "aliases": ["Hmeimim", "Хмеймим"],
        },
        {
            "base_id": "tartus",
            "name": "Tartus Naval Base",
            "country": "SY",
            "kind": "naval",
            "latitude": 34.915,
            "longitude": 35.874,
            "is_shared_with_civil": False,
            "aliases": ["Tartus"],
        },
    ],
    "fleets": [
        {"fleet_id": "all", "name": "All", "definition": "Every aircraft."},
        {"fleet_id": "ru_mil", "name": "Russian military", "definition": "Russian military and state transport."},
        {"fleet_id": "unidentified", "name": "Unidentified", "definition": "Nothing known but the address."},
    ],
    "aircraft": [
        {
            "icao24": icao24,
            "valid_from": date(2025, 1, 15),
            "registration": registration,
            "type_code": type_code,
            "wake": "H",
            "country": "RU",
            "is_military": True,
            "military_basis": "register",
            "fleets": ["all", "ru_mil"],
            "first_seen_at": at("2025-01-15T06:00:00"),
            "last_seen_at": at("2025-03-01T09:00:00"),
        }
        for icao24, registration, type_code in [("152d01", "RA-82039", "A124"), ("reg:RF-78658", "RF-78658", "IL76")]
    ],
    "base_visits": [
        {
            "visit_id": "hmeimim-152d01-20250115",
            "base_id": "hmeimim",
            "icao24": "152d01",
            "type_code": "A124",
            "fleets": ["all", "ru_mil"],
            "arrived_at": at("2025-01-15T06:00:00"),
            "departed_at": at("2025-01-16T10:00:00"),
            "first_evidence_at": at("2025-01-15T06:00:00"),
            "last_evidence_at": at("2025-01-16T10:00:00"),
            "ground_minutes": 1680.0,
            "arrival_evidence": "reported",
            "departure_evidence": "reported",
            "confidence": 3,
            "rule": "stated landing; stated take-off",
            "sources": ["flight_files"],
            "evidence": ["flight_files:1"],
            "previous_ids": [],
        },
        {
            "visit_id": "hmeimim-reg_rf_78658-20250301",
            "base_id": "hmeimim",
            "icao24": "reg:RF-78658",
            "type_code": "IL76",
            "fleets": ["all", "ru_mil"],
            "departed_at": at("2025-03-01T09:00:00"),
            "first_evidence_at": at("2025-03-01T09:00:00"),
            "last_evidence_at": at("2025-03-01T09:00:00"),
            "arrival_evidence": "none",
            "departure_evidence": "reported",
            "confidence": 3,
            "rule": "stated take-off",
            "sources": ["flight_files", "opensky"],
            "evidence": ["flight_files:2"],
            "previous_ids": [],
        },
        {
            "visit_id": "hmeimim-press_1-20250205",
            "base_id": "hmeimim",
            "fleets": ["all"],
            "first_evidence_at": at("2025-02-05T00:00:00"),
            "last_evidence_at": at("2025-02-05T00:00:00"),
            "arrival_evidence": "reported",
            "departure_evidence": "none",
            "confidence": 1,
            "rule": "reported by the press",
            "sources": ["press_flights"],
            "evidence": ["https://example.org/a"],
            "previous_ids": [],
        },
    ],
    "base_gaps": [
        {
            "gap_id": f"hmeimim-{fleet}-20250117",
            "base_id": "hmeimim",
            "fleet_id": fleet,
            "last_visit_on": date(2025, 1, 16),
            "resumed_on": date(2025, 3, 1),
            "first_sign_on": date(2025, 3, 1),
            "first_day": date(2025, 1, 17),
            "last_day": date(2025, 2, 28),
            "gap_days": 43,
            "days_observed": 0,
            "days_unmeasured": 43,
            "days_blind": 0,
            "days_missing": 0,
            "prior_episodes": 1,
            "prior_exposure_days": 2.0,
            "prior_visits_per_month": 15.2,
            "kind": "not_judged",
            "is_ongoing": False,
            "resumption": "isolated_visit",
            "resumed_by_icao24": "reg:RF-78658",
            "resumed_by_type": "IL76",
            "holds_in": 1.0,
        }
        for fleet in ("all", "ru_mil")
    ],
    "flight_legs": [
        {
            "leg_id": "152d01-20250115T020000",
            "icao24": "152d01",
            "departed_at": at("2025-01-15T02:00:00"),
            "arrived_at": at("2025-01-15T06:00:00"),
            "origin_icao": "UUMU",
            "destination_icao": "OSLK",
            "destination_base_id": "hmeimim",
            "origin_state": "field",
            "destination_state": "field",
            "sources": ["flight_files"],
            "confidence": 3,
        },
        {
            "leg_id": "152d01-20250116T100000",
            "icao24": "152d01",
            "departed_at": at("2025-01-16T10:00:00"),
            "origin_icao": "OSLK",
            "origin_base_id": "hmeimim",
            "origin_state": "field",
            "destination_state": "undetermined",
            "sources": ["flight_files"],
            "confidence": 3,
        },
    ],
    "news_mentions": [
        {
            "mention_id": f"m{number}",
            "base_id": "hmeimim",
            "published_at": at("2025-03-03T00:00:00"),
            "seen_at": at("2025-03-04T05:00:00"),
            "url": f"https://example.org/{number}",
            "domain": "example.org",
            "language": "en",
            "title": "Flights return",
            "matched_alias": "Hmeimim",
            "alias_strength": "strong",
            "story_id": "s1",
            "reports_pause": True,
            "reports_resumption": True,
            "verb_strength": "landed",
            "claimed_pause_days": 43,
            "claimed_types": ["IL76"],
            "claimed_from": date(2025, 3, 1),
            "claimed_to": date(2025, 3, 1),
            "sources": ["articles", "feeds"],
        }
        for number in (1, 2)
    ],
    "claim_checks": [
        {
            "claim_id": "m1-1",
            "mention_id": "m1",
            "claim": "flight",
            "base_id": "hmeimim",
            "fleet_id": "ru_mil",
            "type_code": "IL76",
            "claimed_count": 1,
            "claimed_from": date(2025, 3, 1),
            "claimed_to": date(2025, 3, 1),
            "verdict": "corroborated",
            "visits_recorded": 1,
            "days_observable": 1,
            "visit_ids": ["hmeimim-reg_rf_78658-20250301"],
            "explanation": "1 visit is recorded, where 1 is claimed.",
        },
        {
            "claim_id": "m1-2",
            "mention_id": "m1",
            "claim": "pause",
            "base_id": "hmeimim",
            "fleet_id": "ru_mil",
            "claimed_from": date(2025, 1, 17),
            "claimed_to": date(2025, 2, 28),
            "gap_id": "hmeimim-ru_mil-20250117",
            "verdict": "corroborated",
            "visits_recorded": 0,
            "days_observable": 43,
            "visit_ids": [],
            "explanation": "No visit is recorded.",
        },
    ],
    "provider_agreement": [
        {
            "base_id": "hmeimim",
            "month": date(2025, month, 1),
            "source_a": "flight_files",
            "source_b": "opensky",
            "both": both,
            "only_a": 1 - both,
            "only_b": 0,
        }
        for month, both in ((1, 0), (3, 1))
    ],
    "coverage_lead": [
        {
            "base_id": "hmeimim",
            "story_id": "s1",
            "first_visit_at": at("2025-03-01T09:00:00"),
            "first_published_at": at("2025-03-03T00:00:00"),
            "lead_days": 1.625,
        }
    ],
    # complete records to 5 March, then nobody looked; the news were read on every day, which proves nothing of flights
    "source_days": [
        {
            "source": "flight_files",
            "scope": "base:hmeimim",
            "day": date(2025, 1, 15) + timedelta(days=number),
            "status": "ok",
            "files": 1,
            "bytes": 100,
            "records_read": 2,
            "records_kept": 2,
            "records_rejected": 0,
            "sha256": HASH,
            "ingested_at": at("2025-03-11T01:00:00"),
        }
        for number in range(50)
    ]
    + [
        {
            "source": "articles",
            "scope": "global",
            "day": AS_OF - timedelta(days=number),
            "status": status,
            "records_kept": 0,
            "ingested_at": at("2025-03-11T01:00:00"),
            "error": error,
        }
        for number, status, error in ((0, "failed", "folder missing"), (1, "empty", None))
    ]
    + [
        {
            "source": "feeds",
            "scope": "global",
            "day": AS_OF - timedelta(days=number),
            "status": "ok",
            "files": 1,
            "records_kept": 1,
            "ingested_at": at("2025-03-11T01:00:00"),
        }
        for number in range(60)
    ],
    "quality_results": [
        {
            "run_id": "r0",
            "gate": "schema",
            "check_name": "key_is_unique",
            "table_name": "bases",
            "success": True,
            "severity": "critical",
            "observed": "0 of 2 rows",
            "unexpected_count": 0,
            "why": "because",
            "checked_at": at("2025-03-10T02:00:00"),
        }
    ],
    "releases": [
        {
            "release_id": "20250310",
            "published_at": at("2025-03-10T02:00:00"),
            "run_id": "r0",
            "code_version": "0.1.0",
            "models_sha256": HASH,
            "parameters_sha256": HASH,
        }
    ],
}

# the spines follow from the visits and the ledger above, as the contract words it
DAILY = """
INSERT INTO base_daily_activity BY NAME
SELECT 'hmeimim' AS base_id, fleet_id, day::DATE AS day,
    CASE WHEN day > DATE '2025-03-05' THEN nullif(arrivals, 0) ELSE arrivals END AS arrivals,
    CASE WHEN day > DATE '2025-03-05' THEN nullif(departures, 0) ELSE departures END AS departures,
    CASE WHEN day > DATE '2025-03-05' THEN nullif(visits, 0) ELSE visits END AS visits,
    CASE WHEN day > DATE '2025-03-05' THEN 'missing' ELSE 'unmeasured' END AS observability, 'none' AS interference
FROM (
    SELECT fleet_id, day, count(*) FILTER (arrived_at::DATE = day) AS arrivals,
        count(*) FILTER (departed_at::DATE = day) AS departures, count(visit_id) AS visits
    FROM fleets CROSS JOIN generate_series(TIMESTAMP '2025-01-15', TIMESTAMP '2025-03-10', INTERVAL 1 DAY) AS s (day)
    LEFT JOIN base_visits AS v ON list_contains(v.fleets, fleet_id) AND confidence >= 2
        AND day::DATE BETWEEN first_evidence_at::DATE AND last_evidence_at::DATE
    GROUP BY ALL
)
"""
MONTHLY = """
INSERT INTO base_monthly_activity BY NAME
SELECT base_id, fleet_id, month, visits, arrivals, departures, visits AS distinct_aircraft, 0 AS heavy_visits,
    date_part('day', last_day(month)) AS days_in_month, 0 AS days_observed, unmeasured AS days_unmeasured,
    0 AS days_blind, least(last_day(month), DATE '2025-03-10') - month + 1 - unmeasured AS days_missing,
    visits / unmeasured AS visits_per_observable_day, lag(visits) OVER by_month AS visits_prior_month,
    CASE WHEN visits > 0 THEN 'active' ELSE 'quiet' END AS activity, 0 AS mentions, 0 AS mention_origins,
    month = DATE '2025-03-01' AS is_partial
FROM (
    SELECT d.base_id, d.fleet_id, date_trunc('month', day)::DATE AS month, coalesce(sum(arrivals), 0) AS arrivals,
        coalesce(sum(departures), 0) AS departures, count(*) FILTER (observability = 'unmeasured') AS unmeasured,
        (SELECT count(*) FROM base_visits WHERE list_contains(fleets, d.fleet_id) AND confidence >= 2
            AND date_trunc('month', first_evidence_at) = date_trunc('month', d.day)) AS visits
    FROM base_daily_activity AS d GROUP BY ALL
)
WINDOW by_month AS (PARTITION BY base_id, fleet_id ORDER BY month)
"""


def build_world(path: Path) -> None:
    connection = duckdb.connect(str(path))
    connection.execute("SET TimeZone = 'UTC'")
    connection.begin()
    for model in MARTS:
        connection.execute(f"CREATE TABLE {model.name} ({model.ddl})")
        for row in ROWS.get(model.name, []):
            names = ", ".join(f'"{name}"' for name in row)
            marks = ", ".join("?" for _ in row)
            connection.execute(f"INSERT INTO {model.name} ({names}) VALUES ({marks})", list(row.values()))
    connection.execute(DAILY)
    connection.execute(MONTHLY)
    connection.commit()
    connection.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gates") / "world.duckdb"
    build_world(path)
    return path


@pytest.fixture
def candidate(world: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(world, tmp_path / "candidate.duckdb"))


@pytest.fixture
def suites(tmp_path: Path) -> Path:
    """An empty folder for suites."""
    folder = tmp_path / "suites"
    folder.mkdir()
    return folder


def run_sql(database: Path, *statements: str) -> None:
    connection = duckdb.connect(str(database))
    connection.execute("SET TimeZone = 'UTC'")
    for statement in statements:
        connection.execute(statement)
    connection.close()


def checked(database: Path, **options: Any) -> GateResult:
    options = {"as_of": AS_OF, "checked_at": CHECKED_AT, "models": MARTS, "params": PARAMS, **options}
    return check_candidate(database, "run-1", **options)


@pytest.fixture(scope="module")
def opened(world: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(shutil.copy(world, world.with_name("tampered.duckdb")))
    connection.execute("SET TimeZone = 'UTC'")
    yield connection
    connection.close()


@pytest.fixture
def tampered(opened: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """The valid world, open, for faults to be put into; they are taken back afterwards."""
    opened.execute("BEGIN")
    yield opened
    opened.execute("ROLLBACK")


SUITES = load_suites(files("basewatch.expectations"))
HEADERS = {model.name: model for model in MARTS}


def checked_alone(database: Path, folder: Path, *tables: str) -> GateResult:
    """The verdict on these tables by their own headers and suites: a whole candidate takes seconds to judge."""
    for table in tables:
        (folder / f"{table}.json").write_text(json.dumps(SUITES[table]), encoding="utf-8")
    return checked(database, models=[HEADERS[table] for table in tables], suites=folder)


def broken(connection: duckdb.DuckDBPyConnection, table: str, *entries: dict[str, Any]) -> dict[str, Outcome]:
    """The outcomes of a table's header, and of these rules of its suite, that do not keep their rule; by rule."""
    values = {**PARAMS, "as_of": AS_OF, "checked_at": CHECKED_AT}
    found = count_violations(
        connection, {table: HEADERS[table]}, {table: {**SUITES[table], "expectations": entries}}, values
    )
    return {outcome.check.rule: outcome for outcome in found if outcome.share < outcome.check.mostly}


# ---- a valid candidate passes


@pytest.fixture(scope="module")
def passing(world: Path) -> GateResult:
    """The verdict on the valid world; the suites' files are as they were before."""
    folder = Path(str(files("basewatch.expectations")))
    before = {path: path.read_bytes() for path in folder.glob("*.json")}
    result = checked(world)
    assert {path: path.read_bytes() for path in folder.glob("*.json")} == before
    return result


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


# ---- every fault in the header's terms, in every published table


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


@pytest.mark.parametrize("table", sorted(set(HEADERS) - {"quality_results", "releases"}))
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


# ---- one fault for every rule of every suite

FAULTS: dict[str, str] = {
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


# ---- the verdict: refused by name, with rows and reason


def faults(result: GateResult) -> dict[tuple[str, str], Failure]:
    return {(failure.table, failure.rule): failure for failure in result.failures}


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
    assert {failure.table for failure in result.refusals} == set(HEADERS) - {"quality_results", "releases"}


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


# ---- the suites' own faults close the gate


def suite_folder(tmp_path: Path, *entries: dict[str, Any], table: str = "bases") -> Path:
    folder = tmp_path / "suites"
    folder.mkdir()
    text = json.dumps({"name": table, "expectations": list(entries), "meta": {}})
    (folder / f"{table}.json").write_text(text)
    return folder


def rule(kind: str, severity: str = "warning", name: str = "probe", **kwargs: Any) -> dict[str, Any]:
    return {"type": kind, "kwargs": kwargs, "severity": severity, "meta": {"name": name, "why": "because"}}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (rule("expect_column_values_to_not_be_null", column="ghost"), "ghost"),
        (rule("unexpected_rows_expectation", unexpected_rows_query="SELECT nonsense FROM {batch}"), "nonsense"),
        (rule("unexpected_rows_expectation", unexpected_rows_query="SELECT 1 FROM {batch} WHERE $ghost"), "$ghost"),
        (rule("unexpected_rows_expectation", unexpected_rows_query="FROM {batch} WHERE name::INT > 0"), "Conversion"),
        (rule("expect_column_values_to_be_between", column="latitude"), "ExpectColumnValuesToBeBetween"),
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


# ---- Great Expectations judges what is counted


def outcome(
    violations: int | None, judged: int | None = None, mostly: float = 1.0, error: str | None = None
) -> Outcome:
    return Outcome(Check("t", "schema", "r", "critical", "w", mostly=mostly), violations, judged, error=error)


def test_judge_fails_closed() -> None:
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
    assert judge([case for case, _ in cases]) == [verdict for _, verdict in cases]
    assert judge([]) == []


def random_frame(seed: int) -> duckdb.DuckDBPyConnection:
    """A table t of columns with nulls, ties and edges."""
    dice = random.Random(seed)
    rows = dice.randrange(0, 3) if seed == 0 else dice.randrange(20, 60)

    def maybe(value: Any) -> Any:
        return None if dice.random() < 0.2 else value

    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(
        "CREATE TABLE t (i INTEGER, j INTEGER, x DOUBLE, s VARCHAR, r VARCHAR, a TIMESTAMPTZ, b TIMESTAMPTZ, n INTEGER)"
    )
    for _ in range(rows):
        connection.execute(
            "INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
            [
                maybe(dice.randrange(-3, 4)),
                maybe(dice.randrange(-3, 4)),
                maybe(dice.choice([0.0, 0.5, 1.0, -0.25, 1.0000001])),
                maybe(dice.choice(["ok", "late", "", "Ok", "o'k", "Хмеймим"])),
                maybe(dice.choice(["abc123", "ABC123", "abc12", "reg:RA-82039", "x abc123 y", "naïve"])),
                maybe(CHECKED_AT + timedelta(hours=dice.randrange(-2, 3))),
                maybe(CHECKED_AT + timedelta(hours=dice.randrange(-2, 3))),
            ],
        )
    return connection


EQUIVALENCE = [
    *(rule("expect_column_values_to_not_be_null", column=column, mostly=m) for column in "isn" for m in (1, 0.8)),
    *(rule("expect_column_values_to_be_null", column=column, mostly=m) for column in "isn" for m in (1, 0.1)),
    *(rule("expect_column_values_to_be_unique", column=column) for column in "isxa"),
    *(
        rule("expect_column_values_to_be_between", column=column, **bounds)
        for column in ("i", "x", "n")
        for bounds in (
            {"min_value": 0},
            {"max_value": 1},
            {"min_value": 0, "max_value": 1},
            {"min_value": 0, "max_value": 1, "strict_min": True},
            {"min_value": 0, "max_value": 1, "strict_max": True},
            {"min_value": 0, "max_value": 1, "strict_min": True, "strict_max": True},
            {"min_value": 0, "mostly": 0.5},
            {"min_value": -99, "max_value": 99},
        )
    ),
    rule("expect_column_values_to_be_between", column="a", min_value="2025-03-11T02:15:00+00:00"),
    rule("expect_column_values_to_be_between", column="a", max_value="2025-03-11T02:15:00+00:00", strict_max=True),
    *(
        rule("expect_column_value_lengths_to_be_between", column="s", **bounds)
        for bounds in (
            {"min_value": 1},
            {"max_value": 3},
            {"min_value": 7, "max_value": 7},
            {"min_value": 2, "mostly": 0.7},
        )
    ),
    rule("expect_column_values_to_be_in_set", column="s", value_set=["ok", "late"]),
    rule("expect_column_values_to_be_in_set", column="s", value_set=["ok", "o'k", "Хмеймим"], mostly=0.4),
    rule("expect_column_values_to_be_in_set", column="i", value_set=[0, 1, 2]),
    rule("expect_column_values_to_not_be_in_set", column="s", value_set=["ok"]),
    rule("expect_column_values_to_not_be_in_set", column="i", value_set=[3, 4], mostly=0.9),
    *(
        rule(kind, column="r", regex=regex, mostly=m)
        for kind in ("expect_column_values_to_match_regex", "expect_column_values_to_not_match_regex")
        for regex in (r"^[0-9a-f]{6}$", r"[0-9]+", r"^(?:~?[0-9a-f]{6}|reg:[^\s]+)$", r"^na.ve$")
        for m in (1, 0.5)
    ),
    *(
        rule("expect_column_pair_values_a_to_be_greater_than_b", column_A=a, column_B=b, **options)
        for a, b in (("i", "j"), ("a", "b"), ("i", "n"))
        for options in (
            {},
            {"or_equal": True},
            {"ignore_row_if": "either_value_is_missing"},
            {"or_equal": True, "ignore_row_if": "either_value_is_missing", "mostly": 0.5},
            {"or_equal": True, "ignore_row_if": "neither"},
        )
    ),
    *(
        rule("expect_column_pair_values_to_be_equal", column_A="i", column_B="j", ignore_row_if=ignored, mostly=0.3)
        for ignored in ("both_values_are_missing", "either_value_is_missing", "neither")
    ),
    *(
        rule("expect_compound_columns_to_be_unique", column_list=columns, ignore_row_if=ignored)
        for columns in (["i", "j"], ["s", "i", "x"], ["i", "n"])
        for ignored in ("all_values_are_missing", "any_value_is_missing", "never")
    ),
    rule("expect_table_row_count_to_be_between", min_value=30),
    rule("expect_table_row_count_to_be_between", min_value=1, max_value=40, strict_max=True),
]


def test_equivalence_covers_every_type_but_sql() -> None:
    assert {entry["type"] for entry in EQUIVALENCE} == SUPPORTED - {"unexpected_rows_expectation"}


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.e2e) for seed in (1, 2))])
def test_counts_and_verdicts_equal_great_expectations_on_a_frame(seed: int) -> None:
    import great_expectations as gx

    connection = random_frame(seed)
    entries = [{**entry, "meta": {**entry["meta"], "name": f"rule_{n}"}} for n, entry in enumerate(EQUIVALENCE)]
    suite = {"name": "t", "expectations": entries, "meta": {}}
    counted = count_violations(connection, {}, {"t": suite}, {})
    assert [outcome.error for outcome in counted] == [None] * len(entries)

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    frame = context.data_sources.add_pandas("p").add_dataframe_asset("a").add_batch_definition_whole_dataframe("b")
    report = frame.get_batch({"dataframe": connection.table("t").df()}).validate(
        gx.ExpectationSuite(**json.loads(json.dumps(suite))), result_format="SUMMARY"
    )
    theirs = {result.expectation_config.meta["name"]: result for result in report.results}
    for mine, success in zip(counted, judge(counted), strict=True):
        result = theirs[mine.check.rule]
        about = f"{result.expectation_config.type} {result.expectation_config.kwargs}"
        assert not result.exception_info.get("raised_exception"), about
        assert success == result.success, about
        if "unexpected_count" in result.result:
            assert mine.violations == result.result["unexpected_count"], about


@pytest.mark.parametrize("seed", range(2))
def test_sql_rules_equal_great_expectations_on_a_database(seed: int, tmp_path: Path) -> None:
    import sqlite3

    import great_expectations as gx

    frame = random_frame(seed).table("t").df()[["i", "j", "s"]]
    with sqlite3.connect(tmp_path / "t.sqlite") as lite:
        frame.to_sql("t", lite, index=False)
    entries = [
        rule("unexpected_rows_expectation", name=f"rule_{n}", unexpected_rows_query=query)
        for n, query in enumerate(
            [
                "SELECT * FROM {batch} WHERE i > j",
                "SELECT s, count(*) AS number FROM {batch} GROUP BY s HAVING count(*) > 5",
                "SELECT x.i FROM {batch} AS x INNER JOIN {batch} AS y ON x.i = y.j WHERE x.s = 'o''k'",
                "SELECT * FROM {batch} WHERE i > 99",
            ]
        )
    ]
    suite = {"name": "t", "expectations": entries, "meta": {}}
    connection = duckdb.connect()
    connection.execute("CREATE TABLE t (i INTEGER, j INTEGER, s VARCHAR)")
    connection.execute("INSERT INTO t SELECT * FROM frame")
    counted = count_violations(connection, {}, {"t": suite}, {})

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_sqlite("l", connection_string=f"sqlite:///{tmp_path / 't.sqlite'}")
    batch = source.add_table_asset("t", table_name="t").add_batch_definition_whole_table("b").get_batch()
    report = batch.validate(gx.ExpectationSuite(**json.loads(json.dumps(suite))))
    theirs = {result.expectation_config.meta["name"]: result for result in report.results}
    for mine, success in zip(counted, judge(counted), strict=True):
        assert success == theirs[mine.check.rule].success
        assert mine.violations == int(theirs[mine.check.rule].result["observed_value"])


def test_what_is_no_number_lies_in_no_range() -> None:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE t AS SELECT unnest([0.5, 'nan'::DOUBLE, 'inf'::DOUBLE, NULL]) AS x")
    entry = rule("expect_column_values_to_be_between", column="x", min_value=0, max_value=1)
    (found,) = count_violations(connection, {}, {"t": {"name": "t", "expectations": [entry], "meta": {}}}, {})
    assert (found.violations, found.judged) == (2, 3)


# ---- the page


class Page(html.parser.HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m\u202egnp"


def test_page_of_a_refusal(candidate: Path, tmp_path: Path, suites: Path) -> None:
    connection = duckdb.connect(str(candidate))
    connection.execute("UPDATE base_visits SET rule = ?, arrival_evidence = ?, callsign = ?", [HOSTILE] * 3)
    connection.close()
    result = checked_alone(candidate, suites, "base_visits", "bases")
    write_page(result, tmp_path / "quality" / "gates.html")
    text = (tmp_path / "quality" / "gates.html").read_text(encoding="utf-8")
    page = Page(text)
    # self-contained: nothing is loaded, nothing runs, no link leaves the page
    assert page.all("script") == [] and page.all("img") == [] and page.all("link") == []
    assert all((a["href"] or "").startswith("#") for a in page.all("a"))
    assert "onerror" in page.words and "<script>alert(1)" in page.words
    assert any("default-src 'none'" in (m.get("content") or "") for m in page.all("meta"))
    # which rule, which rows, why it matters
    assert "base_visits: arrival_evidence_is_listed" in re.sub(r"\s+", " ", page.words)
    assert "hmeimim-152d01-20250115" in page.words
    assert "Readers branch on this closed list" in page.words
    assert "Refused" in page.words and "SELECT * FROM" in page.words
    # the same to a reader who sees no colours and to one who sees nothing
    assert page.all("html") == [{"lang": "en"}]
    assert all(th.get("scope") for th in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {(a["href"] or "")[1:] for a in page.all("a")} <= set(ids)
    assert {attributes["aria-labelledby"] for _, attributes in page.tags if "aria-labelledby" in attributes} <= set(ids)
    assert "\x1b" not in explain(result) and "\u202e" not in explain(result)


def test_page_of_a_pass(passing: GateResult, tmp_path: Path) -> None:
    result = passing
    write_page(result, tmp_path / "gates.html")
    page = Page((tmp_path / "gates.html").read_text(encoding="utf-8"))
    assert "Passed" in page.words and "What failed" not in page.words
    assert all(row["check_name"] in page.words for row in result.results.to_pylist())


def test_page_shows_the_first_rows_and_counts_all(candidate: Path, tmp_path: Path, suites: Path) -> None:
    run_sql(candidate, "UPDATE source_days SET files = -1")
    result = checked_alone(candidate, suites, "source_days")
    failure = faults(result)["source_days", "files_in_range"]
    assert (failure.count, len(failure.rows)) == (112, SHOWN_ROWS)
    assert render(result).count("<td>-1</td>") == SHOWN_ROWS
    (written,) = [path for path in write_failing_rows(result, candidate, tmp_path) if "files" in path.name]
    assert pq.read_table(written).num_rows == 112
