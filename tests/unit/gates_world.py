"""A small candidate that keeps every rule of every gate, and what tests need to break it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import pytest

from basewatch.config import Settings
from basewatch.gates.check import Outcome, check_candidate, count_violations
from basewatch.gates.results import Failure, GateResult
from basewatch.gates.suites import load_suites
from basewatch.reference import load
from basewatch.warehouse import models

AS_OF = date(2025, 3, 10)
CHECKED_AT = datetime(2025, 3, 11, 2, 15, tzinfo=UTC)
MARTS = models.marts()
PARAMS = load.params(Settings()).values


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
            "is_counted": True,
            "explained_by": [],
            "alternatives": [],
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
            "is_counted": True,
            "explained_by": [],
            "alternatives": [],
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
            "is_counted": False,
            "explained_by": [],
            "alternatives": [],
            "rule": "reported by the press",
            "sources": ["press_flights"],
            "evidence": ["https://example.org/a"],
            "previous_ids": [],
        },
        {
            "visit_id": "hmeimim-152d01-20250220",
            "base_id": "hmeimim",
            "icao24": "152d01",
            "type_code": "A124",
            "fleets": ["all", "ru_mil"],
            "first_evidence_at": at("2025-02-20T06:00:00"),
            "last_evidence_at": at("2025-02-20T06:00:00"),
            "arrival_evidence": "descent_loss",
            "departure_evidence": "none",
            "confidence": 1,
            "probability": 0.5,
            "is_counted": False,
            "explained_by": ["time left after flying there and back (+3.0)"],
            "alternatives": [{"explanation": "no landing at a listed field", "probability": 0.5}],
            "rule": "lost 10.0 nm out",
            "sources": ["readsb_archive"],
            "evidence": ["readsb_archive:1"],
            "previous_ids": [],
        },
    ],
    "visit_terms": [
        {
            "visit_id": "hmeimim-152d01-20250220",
            "explanation": explanation,
            "term": term,
            "value": value,
            "points": points,
        }
        for explanation in ("a landing at Hmeimim Air Base (hmeimim)", "a landing at Aleppo (OSAP)")
        for term, value, points in (("constant", None, -3.0), ("slack", 4.1, 3.0))
    ],
    # of the stays that were hidden most were found; the base had too few of its own
    "accuracy": [
        {
            "subject": "stay",
            "base_id": base_id,
            "evidence": evidence,
            "height_band": "under_1000_ft",
            "hidden": hidden,
            "found": found,
            "wrong": 0,
            "missed": hidden - found,
            "is_pooled": base_id != "all",
        }
        for base_id in ("all", "hmeimim")
        for evidence, hidden, found in (("aligned_loss", 90, 88), ("none", 2, 0))
    ]
    # what is read in texts has no bands
    + [
        {
            "subject": "news_base",
            "base_id": base_id,
            "evidence": "text",
            "height_band": "none",
            "hidden": 127,
            "found": 126,
            "wrong": 0,
            "missed": 1,
            "is_pooled": False,
        }
        for base_id in ("all", "hmeimim")
    ],
    "accuracy_bands": [
        {
            "subject": "stay",
            "base_id": base_id,
            "band": 0.9,
            "said": 0.97,
            "right": 0.98,
            "cases": 90,
            "is_pooled": base_id != "all",
        }
        for base_id in ("all", "hmeimim")
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
            "published_basis": "feed",
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
            "learnt_sha256": "",
            "as_of": AS_OF,
            "accepted_because": None,
        }
    ],
    "release_changes": [
        {
            "table_name": "base_visits",
            "base_id": "hmeimim",
            "fleet_id": "all",
            "month": date(2025, 2, 1),
            "change": "added",
            "cause": "new_source_day",
            "rows": 2,
            "source_days": ["readsb_archive 2025-02-01"],
            "examples": ["v1", "v2"],
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
    visits / unmeasured AS visits_per_observable_day,
    visits AS visits_expected, visits AS visits_expected_low, visits + 1 AS visits_expected_high,
    lag(visits) OVER by_month AS visits_prior_month,
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


def checked_alone(database: Path, folder: Path, *tables: str, **options: Any) -> GateResult:
    """The verdict on these tables by their own headers and suites: a whole candidate takes seconds to judge."""
    for table in tables:
        (folder / f"{table}.json").write_text(json.dumps(SUITES[table]), encoding="utf-8")
    return checked(database, models=[HEADERS[table] for table in tables], suites=folder, **options)


def broken(connection: duckdb.DuckDBPyConnection, table: str, *entries: dict[str, Any]) -> dict[str, Outcome]:
    """The outcomes of a table's header, and of these rules of its suite, that do not keep their rule; by rule."""
    values = {**PARAMS, "as_of": AS_OF, "checked_at": CHECKED_AT}
    found = count_violations(
        connection, {table: HEADERS[table]}, {table: {**SUITES[table], "expectations": entries}}, values
    )
    return {outcome.check.rule: outcome for outcome in found if outcome.share < outcome.check.mostly}


@pytest.fixture(scope="module")
def passing(world: Path) -> GateResult:
    """The verdict on the valid world; the suites' files are as they were before."""
    folder = Path(str(files("basewatch.expectations")))
    before = {path: path.read_bytes() for path in folder.glob("*.json")}
    result = checked(world)
    assert {path: path.read_bytes() for path in folder.glob("*.json")} == before
    return result


def faults(result: GateResult) -> dict[tuple[str, str], Failure]:
    return {(failure.table, failure.rule): failure for failure in result.failures}


def suite_folder(tmp_path: Path, *entries: dict[str, Any], table: str = "bases") -> Path:
    folder = tmp_path / "suites"
    folder.mkdir()
    text = json.dumps({"name": table, "expectations": list(entries), "meta": {}})
    (folder / f"{table}.json").write_text(text)
    return folder


def rule(kind: str, severity: str = "warning", name: str = "probe", **kwargs: Any) -> dict[str, Any]:
    return {"type": kind, "kwargs": kwargs, "severity": severity, "meta": {"name": name, "why": "because"}}
