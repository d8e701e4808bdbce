"""Databases for the report's tests, with the published tables and rows that a page can stumble over."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

TABLES: dict[str, str] = {
    "bases": """base_id VARCHAR, name VARCHAR, icao VARCHAR, iata VARCHAR, country VARCHAR, kind VARCHAR,
        latitude DOUBLE, longitude DOUBLE, elevation_ft DOUBLE, is_shared_with_civil BOOLEAN, aliases VARCHAR[]""",
    "fleets": "fleet_id VARCHAR, name VARCHAR, definition VARCHAR",
    "base_visits": """visit_id VARCHAR, base_id VARCHAR, icao24 VARCHAR, callsign VARCHAR, registration VARCHAR,
        type_code VARCHAR, fleets VARCHAR[], arrived_at TIMESTAMPTZ, departed_at TIMESTAMPTZ,
        first_evidence_at TIMESTAMPTZ, last_evidence_at TIMESTAMPTZ, ground_minutes DOUBLE, arrival_evidence VARCHAR,
        departure_evidence VARCHAR, confidence INTEGER, rule VARCHAR, origin_icao VARCHAR, destination_icao VARCHAR,
        origin_base_id VARCHAR, destination_base_id VARCHAR, sources VARCHAR[], evidence VARCHAR[],
        previous_ids VARCHAR[]""",
    "base_daily_activity": """base_id VARCHAR, fleet_id VARCHAR, day DATE, arrivals INTEGER, departures INTEGER,
        visits INTEGER, observability VARCHAR, detection DOUBLE, background_aircraft INTEGER, interference VARCHAR""",
    "base_monthly_activity": """base_id VARCHAR, fleet_id VARCHAR, month DATE, visits INTEGER, arrivals INTEGER,
        departures INTEGER, distinct_aircraft INTEGER, heavy_visits INTEGER, ground_hours DOUBLE,
        days_in_month INTEGER, days_observed INTEGER, days_unmeasured INTEGER, days_blind INTEGER,
        days_missing INTEGER, visits_per_observable_day DOUBLE, visits_prior_month INTEGER,
        visits_trailing_12m_mean DOUBLE, activity VARCHAR, mentions INTEGER, mention_origins INTEGER, p_surge DOUBLE,
        is_surge BOOLEAN, is_partial BOOLEAN, visits_expected DOUBLE, visits_expected_low INTEGER,
        visits_expected_high INTEGER""",
    "base_gaps": """gap_id VARCHAR, base_id VARCHAR, fleet_id VARCHAR, last_visit_on DATE, resumed_on DATE,
        first_sign_on DATE, first_day DATE, last_day DATE, gap_days INTEGER, days_observed INTEGER,
        days_unmeasured INTEGER, days_blind INTEGER, days_missing INTEGER, prior_episodes INTEGER,
        prior_exposure_days DOUBLE, prior_visits_per_month DOUBLE, p_quiet DOUBLE, p_quiet_scan DOUBLE, kind VARCHAR,
        missed_visits_bound DOUBLE, is_ongoing BOOLEAN, resumption VARCHAR, resumed_by_icao24 VARCHAR,
        resumed_by_type VARCHAR, holds_in DOUBLE""",
    "news_mentions": """mention_id VARCHAR, base_id VARCHAR, published_at TIMESTAMPTZ, seen_at TIMESTAMPTZ, url VARCHAR,
        domain VARCHAR, language VARCHAR, title VARCHAR, matched_alias VARCHAR, alias_strength VARCHAR,
        story_id VARCHAR, origin VARCHAR, reports_pause BOOLEAN, reports_resumption BOOLEAN, verb_strength VARCHAR,
        claimed_pause_days INTEGER, claimed_types VARCHAR[], claimed_from DATE, claimed_to DATE, sources VARCHAR[]""",
    "claim_checks": """claim_id VARCHAR, mention_id VARCHAR, claim VARCHAR, base_id VARCHAR, fleet_id VARCHAR,
        type_code VARCHAR, claimed_count INTEGER, route VARCHAR, claimed_from DATE, claimed_to DATE, gap_id VARCHAR,
        verdict VARCHAR, visits_recorded INTEGER, days_observable INTEGER, visit_ids VARCHAR[], explanation VARCHAR""",
    "accuracy": """subject VARCHAR, base_id VARCHAR, evidence VARCHAR, height_band VARCHAR, hidden INTEGER,
        found INTEGER, wrong INTEGER, missed INTEGER, is_pooled BOOLEAN""",
    "accuracy_bands": """subject VARCHAR, base_id VARCHAR, band DOUBLE, said DOUBLE, "right" DOUBLE, cases INTEGER,
        is_pooled BOOLEAN""",
    "provider_agreement": """base_id VARCHAR, month DATE, source_a VARCHAR, source_b VARCHAR, "both" INTEGER,
        only_a INTEGER, only_b INTEGER""",
    "coverage_lead": """base_id VARCHAR, story_id VARCHAR, first_visit_at TIMESTAMPTZ, first_published_at TIMESTAMPTZ,
        lead_days DOUBLE""",
    "release_changes": """table_name VARCHAR, base_id VARCHAR, fleet_id VARCHAR, month DATE, change VARCHAR,
        cause VARCHAR, rows BIGINT, source_days VARCHAR[], examples VARCHAR[], accepted_because VARCHAR""",
    "source_days": """source VARCHAR, scope VARCHAR, day DATE, status VARCHAR, files INTEGER, bytes BIGINT,
        records_read BIGINT, records_kept BIGINT, records_rejected BIGINT, sha256 VARCHAR, chosen_copy VARCHAR,
        ingested_at TIMESTAMPTZ, error VARCHAR""",
    "quality_results": """run_id VARCHAR, gate VARCHAR, check_name VARCHAR, table_name VARCHAR, success BOOLEAN,
        severity VARCHAR, observed VARCHAR, unexpected_count BIGINT, why VARCHAR, checked_at TIMESTAMPTZ""",
    "releases": """release_id VARCHAR, published_at TIMESTAMPTZ, run_id VARCHAR, rows MAP(VARCHAR, BIGINT),
        code_version VARCHAR, models_sha256 VARCHAR, parameters_sha256 VARCHAR""",
}

RLO = "\u202e"
SCRIPT = "<script>alert(1)</script>"
AS_OF = date(2025, 11, 15)


def create(path: Path, ddl: dict[str, str] | None = None) -> Path:
    """A database with every table that the report reads, all of them empty; `ddl` replaces column lists."""
    with duckdb.connect(str(path)) as connection:
        connection.begin()
        for table, columns in (TABLES | (ddl or {})).items():
            connection.execute(f'CREATE TABLE "{table}" ({columns})')
        connection.commit()
    return path


def insert(path: Path, table: str, rows: list[dict[str, Any]]) -> None:
    """Adds rows; columns that a row leaves out are null."""
    with duckdb.connect(str(path)) as connection:
        connection.begin()
        for row in rows:
            names = ", ".join(f'"{name}"' for name in row)
            marks = ", ".join("?" for _ in row)
            connection.execute(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', list(row.values()))
        connection.commit()


def at(day: date, hour: int = 9, minute: int = 0) -> datetime:
    """A time on a day, UTC."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


def visit(number: int, day: date, base: str = "hmeimim", **more: Any) -> dict[str, Any]:
    """A stay of a day by a Russian military transport, as a flight record would give it."""
    row: dict[str, Any] = {
        "visit_id": f"{base}-v{number:03}",
        "base_id": base,
        "icao24": f"15{number:04x}",
        "callsign": f"RFF{number:04}",
        "registration": f"RA-{82000 + number}",
        "type_code": "A124" if number % 3 == 0 else "IL76",
        "fleets": ["all", "ru_mil"],
        "arrived_at": at(day, 9, number % 60),
        "departed_at": at(day, 17, number % 60),
        "first_evidence_at": at(day, 9, number % 60),
        "last_evidence_at": at(day, 17, number % 60),
        "ground_minutes": 480.0,
        "arrival_evidence": "reported",
        "departure_evidence": "reported",
        "confidence": 3,
        "rule": "the record states the airport and the landing time",
        "origin_icao": "UUMU",
        "destination_icao": None,
        "sources": ["flight_files"],
        "evidence": [f"flight_files:row-{number}"],
    }
    return row | more


def month_rows(
    base: str, fleet: str, first: date, days: dict[date, tuple[str, int | None]], arrivals: dict[date, int]
) -> list[dict[str, Any]]:
    """Monthly rows that agree with daily ones. days: observability and arrivals by day."""
    rows = []
    month = first.replace(day=1)
    while month <= AS_OF:
        following = (month + timedelta(days=32)).replace(day=1)
        states = [days[day][0] for day in days if month <= day < following]
        length = (following - month).days
        seen = sum(state in ("observed", "unmeasured") for state in states)
        count = sum(n for day, n in arrivals.items() if month <= day < following)
        known = count > 0 or seen > 0
        rows.append(
            {
                "base_id": base,
                "fleet_id": fleet,
                "month": month,
                "visits": count if known else None,
                "arrivals": count if known else None,
                "departures": max(count - 1, 0) if known else None,
                "distinct_aircraft": count if known else None,
                "heavy_visits": count if known else None,
                "ground_hours": count * 8.0 if count else None,
                "days_in_month": length,
                "days_observed": states.count("observed"),
                "days_unmeasured": states.count("unmeasured"),
                "days_blind": states.count("blind"),
                "days_missing": length - seen - states.count("blind")
                if following <= AS_OF
                else states.count("missing"),
                "activity": "active" if count else "quiet" if seen * 2 >= length else "unknown",
                "mentions": 0,
                "mention_origins": 0,
                "p_surge": None,
                "is_surge": False,
                "is_partial": following > AS_OF,
            }
        )
        month = following
    return rows


def full(path: Path) -> Path:
    """One base with everything, one of the press alone, one never seen; hostile text in every free column."""
    create(path)
    evil = f"{SCRIPT}\"'&{RLO}evil"
    insert(
        path,
        "bases",
        [
            {
                "base_id": "hmeimim",
                "name": "Hmeimim Air Base",
                "icao": "OSLK",
                "iata": "LTK",
                "country": "SY",
                "kind": "air",
                "latitude": 35.4,
                "longitude": 35.95,
                "is_shared_with_civil": True,
                "aliases": ["Khmeimim"],
            },
            {"base_id": "tartus", "name": "Tartus", "country": "SY", "kind": "naval", "is_shared_with_civil": False},
            {"base_id": "o'brien", "name": f"Evil {evil}", "kind": "air"},
            {"base_id": "idle", "name": "Idle", "icao": "XXXX"},
        ],
    )
    insert(
        path,
        "fleets",
        [
            {"fleet_id": "all", "name": "Every aircraft"},
            {"fleet_id": "ru_mil", "name": "Russian military and state transport"},
        ],
    )
    first = date(2024, 9, 1)
    missing_months = {date(2024, 9, 1), date(2024, 10, 1), date(2025, 5, 1)}
    arrivals = {
        date(2024, 11, 20): 1,
        date(2024, 12, 4): 2,
        date(2025, 1, 16): 2,
        date(2025, 3, 3): 1,
        date(2025, 3, 17): 2,
        date(2025, 4, 9): 5,
        date(2025, 5, 20): 1,
        date(2025, 6, 11): 3,
        date(2025, 7, 2): 3,
        date(2025, 8, 1): 2,
        date(2025, 9, 9): 6,
        date(2025, 10, 17): 1,
        date(2025, 10, 24): 6,
        date(2025, 11, 4): 2,
    }
    days: dict[date, tuple[str, int | None]] = {}
    day = first
    while day <= AS_OF:
        month = day.replace(day=1)
        state = "observed" if day.year == 2025 and day.month >= 6 else "unmeasured"
        if month in missing_months:
            state = "missing"
        elif day.month == 8 and 10 <= day.day <= 18:
            state = "blind"
        days[day] = (state, arrivals.get(day, None if state in ("missing", "blind") else 0))
        day += timedelta(days=1)
    insert(
        path,
        "base_daily_activity",
        [
            {
                "base_id": "hmeimim",
                "fleet_id": "ru_mil",
                "day": day,
                "arrivals": count,
                "departures": count,
                "visits": count,
                "observability": state,
            }
            for day, (state, count) in days.items()
        ],
    )
    insert(path, "base_monthly_activity", month_rows("hmeimim", "ru_mil", first, days, arrivals))
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "UPDATE base_monthly_activity SET mentions = 5, mention_origins = 1 WHERE month = '2025-10-01'"
        )
    visits, number = [], 0
    for day, count in arrivals.items():
        for _ in range(count):
            number += 1
            visits.append(visit(number, day))
    visits[3] |= {"sources": ["simulated_archive"], "callsign": evil, "registration": evil, "type_code": None}
    visits[-1] |= {
        "evidence": [
            "https://example.org/flight?id=1&x=<y>",
            "https://example.org/flight/2",
            "javascript:alert(1)",
            f"../../{evil}.csv",
            "ftp://example.org/x",
            "data:text/html,<b>",
            "https://user@example.org/",
        ],
        "departed_at": None,
        "departure_evidence": "none",
        "rule": evil,
        "confidence": 4,
    }
    insert(path, "base_visits", visits)
    insert(
        path,
        "base_visits",
        [
            visit(
                900,
                date(2025, 9, 1),
                confidence=1,
                icao24=None,
                callsign=None,
                registration=None,
                type_code="A124",
                arrived_at=None,
                departed_at=None,
                fleets=["all"],
                rule="a report in the press names the day and the type",
                sources=["press_flights"],
                evidence=["https://news.example/an-124-lands"],
            ),
            visit(901, date(2025, 2, 1), base="o'brien", confidence=1, sources=["press_flights"], evidence=[evil]),
            visit(902, date(2025, 10, 2), fleets=["all"], registration="YK-AYB", type_code="A320"),
        ],
    )
    insert(
        path,
        "base_gaps",
        [
            {
                "gap_id": "hmeimim-ru_mil-2025-01-17",
                "base_id": "hmeimim",
                "fleet_id": "ru_mil",
                "last_visit_on": date(2025, 1, 16),
                "resumed_on": date(2025, 3, 3),
                "first_sign_on": date(2025, 2, 20),
                "first_day": date(2025, 1, 17),
                "last_day": date(2025, 3, 2),
                "gap_days": 45,
                "days_observed": 0,
                "days_unmeasured": 45,
                "days_blind": 0,
                "days_missing": 0,
                "prior_episodes": 6,
                "p_quiet": 0.0004,
                "p_quiet_scan": 0.0031,
                "kind": "pause",
                "is_ongoing": False,
                "resumption": "resumed",
                "resumed_by_type": "IL76",
                "holds_in": 0.83,
            },
            {
                "gap_id": "hmeimim-ru_mil-2025-04-10",
                "base_id": "hmeimim",
                "fleet_id": "ru_mil",
                "last_visit_on": date(2025, 4, 9),
                "resumed_on": None,
                "first_sign_on": date(2025, 5, 20),
                "first_day": date(2025, 4, 10),
                "last_day": date(2025, 5, 19),
                "gap_days": 40,
                "days_observed": 0,
                "days_unmeasured": 21,
                "days_blind": 0,
                "days_missing": 19,
                "prior_episodes": 7,
                "p_quiet": 0.2,
                "p_quiet_scan": 0.7,
                "kind": "ambiguous",
                "is_ongoing": False,
                "resumption": "isolated_visit",
                "holds_in": 1.0,
            },
            {
                "gap_id": "hmeimim-ru_mil-2025-08-02",
                "base_id": "hmeimim",
                "fleet_id": "ru_mil",
                "last_visit_on": date(2025, 8, 1),
                "first_day": date(2025, 8, 2),
                "last_day": date(2025, 9, 8),
                "gap_days": 38,
                "days_observed": 29,
                "days_unmeasured": 0,
                "days_blind": 9,
                "days_missing": 0,
                "p_quiet_scan": 0.41,
                "kind": "lull",
                "missed_visits_bound": 3.3,
                "is_ongoing": False,
                "resumption": "resumed",
            },
            {
                "gap_id": "hmeimim-ru_mil-2025-11-05",
                "base_id": "hmeimim",
                "fleet_id": "ru_mil",
                "last_visit_on": date(2025, 11, 4),
                "first_day": date(2025, 11, 5),
                "last_day": AS_OF,
                "gap_days": 11,
                "days_observed": 11,
                "kind": "not_judged",
                "is_ongoing": True,
                "resumption": "none",
            },
        ],
    )
    copies = [
        {
            "mention_id": f"m{number}",
            "base_id": "hmeimim",
            "published_at": at(date(2025, 10, 30) + timedelta(days=number // 2), 10),
            "seen_at": at(date(2025, 11, 1)),
            "url": f"https://outlet{number}.example/story",
            "domain": f"outlet{number}.example",
            "language": "en",
            "title": "Russian cargo jets return to Syria after six months",
            "story_id": "s1",
            "origin": "Bloomberg",
            "reports_pause": True,
            "reports_resumption": True,
            "verb_strength": "landed",
            "claimed_pause_days": 180,
            "claimed_from": date(2025, 10, 24),
            "claimed_to": date(2025, 10, 29),
            "sources": ["articles"],
        }
        for number in range(5)
    ]
    insert(path, "news_mentions", copies)
    insert(
        path,
        "news_mentions",
        [
            {
                "mention_id": "evil",
                "base_id": "hmeimim",
                "seen_at": at(date(2025, 6, 3)),
                "url": "javascript:alert(document.domain)",
                "domain": evil,
                "title": f"</title></svg>{evil} قاعدة حميميم",
                "origin": evil,
                "reports_pause": True,
                "sources": ["articles"],
            },
            {
                "mention_id": "early",
                "base_id": "hmeimim",
                "published_at": at(date(2015, 9, 8)),
                "url": "https://old.example/1",
                "title": "An old report",
                "story_id": "old",
            },
            {
                "mention_id": "late",
                "base_id": "hmeimim",
                "published_at": at(date(2025, 11, 12)),
                "url": "https://daily.example/resume",
                "domain": "daily.example",
                "title": "Flights to the base go on",
                "story_id": "s9",
                "origin": "TASS",
                "reports_resumption": True,
                "verb_strength": "claimed",
            },
            {"mention_id": "bare", "base_id": "tartus"},
        ],
    )
    insert(
        path,
        "claim_checks",
        [
            {
                "claim_id": "c-pause",
                "mention_id": "m0",
                "claim": "pause",
                "base_id": "hmeimim",
                "fleet_id": "ru_mil",
                "claimed_from": date(2025, 4, 27),
                "claimed_to": date(2025, 10, 23),
                "verdict": "contradicted",
                "visits_recorded": 16,
                "days_observable": 140,
                "visit_ids": [f"hmeimim-v{number:03}" for number in range(14, 30)] + ["gone"],
                "explanation": f"16 visits of confidence 2 or more lie in the claimed pause {evil}.",
            },
            {
                "claim_id": "c-flight",
                "mention_id": "m0",
                "claim": "flight",
                "base_id": "hmeimim",
                "fleet_id": "ru_mil",
                "type_code": "A124",
                "claimed_count": 3,
                "route": "Russia – Hmeimim",
                "claimed_from": date(2025, 10, 24),
                "claimed_to": date(2025, 10, 29),
                "verdict": "corroborated",
                "visits_recorded": 6,
                "days_observable": 6,
                "visit_ids": ["hmeimim-v030", "hmeimim-v031"],
                "explanation": "6 visits of an A124 lie in the claimed days; 3 were claimed.",
            },
            {
                "claim_id": "c-blind",
                "mention_id": "nowhere",
                "claim": "pause",
                "base_id": "hmeimim",
                "claimed_from": date(2024, 9, 1),
                "claimed_to": date(2024, 10, 31),
                "verdict": "not_observable",
                "visits_recorded": None,
                "days_observable": 0,
                "visit_ids": [],
                "explanation": "None of its 61 days could be observed.",
            },
            {"claim_id": "c-null", "base_id": "hmeimim", "claim": "resumption", "verdict": "no_data"},
        ],
    )
    ledger = []
    for offset in range(20):
        day = AS_OF - timedelta(days=offset)
        ledger.append(
            {
                "source": "flight_files",
                "scope": "base:hmeimim",
                "day": day,
                "status": "ok" if offset > 2 else "failed",
                "records_kept": 3,
                "ingested_at": at(AS_OF, 12),
                "error": f"timed out reading {evil}" if offset == 0 else None,
            }
        )
        ledger.append({"source": "simulated_archive", "scope": "global", "day": day, "status": "missing"})
    insert(path, "source_days", ledger)
    insert(
        path,
        "quality_results",
        [
            {
                "run_id": "run-1",
                "gate": "schema",
                "check_name": f"key {evil}",
                "table_name": "base_visits",
                "success": False,
                "severity": "warning",
                "observed": "2 rows",
                "unexpected_count": 2,
                "why": evil,
                "checked_at": at(AS_OF),
            },
            {
                "run_id": "run-1",
                "gate": "values",
                "check_name": "visits are not negative",
                "table_name": "base_daily_activity",
                "success": True,
                "severity": "critical",
                "unexpected_count": 0,
                "why": "A count below zero is no count.",
                "checked_at": at(AS_OF),
            },
            {"run_id": "run-0", "check_name": "of an earlier run", "success": False, "severity": "critical"},
        ],
    )
    insert(
        path,
        "releases",
        [
            {
                "release_id": "2025-11-16T051500Z",
                "published_at": at(date(2025, 11, 16), 5, 15),
                "run_id": "run-1",
                "code_version": "0.1.0",
                "models_sha256": "a" * 64,
                "parameters_sha256": "b" * 64,
            },
            {"release_id": "2025-11-15T051500Z", "published_at": at(AS_OF, 5, 15), "run_id": "run-0"},
        ],
    )
    return path


def nulls(path: Path) -> Path:
    """A row in every table with nothing in it but what ties it to a base."""
    create(path)
    insert(path, "bases", [{"base_id": "b"}])
    insert(path, "fleets", [{"fleet_id": "f"}])
    insert(path, "base_visits", [{"visit_id": "v", "base_id": "b", "confidence": 2, "fleets": ["f"]}])
    insert(path, "base_visits", [{"visit_id": "w", "base_id": "b"}])
    insert(path, "base_daily_activity", [{"base_id": "b", "fleet_id": "f", "day": AS_OF}])
    insert(path, "base_monthly_activity", [{"base_id": "b", "fleet_id": "f", "month": AS_OF.replace(day=1)}])
    insert(path, "base_gaps", [{"gap_id": "g", "base_id": "b", "fleet_id": "f", "first_day": date(2025, 11, 2)}])
    insert(path, "base_gaps", [{"gap_id": "h", "base_id": "b", "fleet_id": "f"}])
    insert(path, "news_mentions", [{"mention_id": "m", "base_id": "b"}])
    insert(path, "claim_checks", [{"claim_id": "c", "base_id": "b"}])
    insert(path, "source_days", [{"source": "s"}])
    insert(path, "quality_results", [{"run_id": None}])
    insert(path, "releases", [{"release_id": "r"}])
    return path


def large(path: Path, bases: int = 50, years: int = 10) -> Path:
    """Many bases over many years, with days that change state often: what the page must cut and still draw."""
    create(path)
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            "INSERT INTO bases (base_id, name, kind) SELECT printf('b%03d', i), 'Base ' || i, 'air' FROM range(?) t(i)",
            [bases],
        )
        connection.execute("INSERT INTO fleets VALUES ('ru_mil', 'Russian military', '')")
        connection.execute(
            """CREATE TEMP TABLE d AS
            SELECT base_id, CAST(g AS DATE) AS day, hash(base_id, g) % 10 AS h
            FROM bases, generate_series(DATE '2025-11-15' - ? * 365, DATE '2025-11-15', INTERVAL 1 DAY) t(g)""",
            [years],
        )
        connection.execute(
            """INSERT INTO base_daily_activity (base_id, fleet_id, day, visits, arrivals, departures, observability)
            SELECT base_id, 'ru_mil', day, if(h < 3, 1, 0), if(h < 3, 1, 0), 0,
              ['observed', 'unmeasured', 'blind', 'missing'][CAST(1 + hash(day, base_id, 1) % 4 AS BIGINT)] FROM d"""
        )
        connection.execute(
            """INSERT INTO base_monthly_activity (base_id, fleet_id, month, visits, arrivals, departures, days_observed,
              days_unmeasured, days_blind, days_missing, days_in_month, activity, is_partial, mentions)
            SELECT base_id, 'ru_mil', date_trunc('month', day), sum(visits), sum(arrivals), 0,
              count(*) FILTER (observability = 'observed'), count(*) FILTER (observability = 'unmeasured'),
              count(*) FILTER (observability = 'blind'), count(*) FILTER (observability = 'missing'), count(*),
              'active', false, 3
            FROM base_daily_activity GROUP BY ALL"""
        )
        connection.execute(
            """INSERT INTO base_visits (visit_id, base_id, icao24, registration, type_code, fleets, first_evidence_at,
              last_evidence_at, confidence, sources, evidence)
            SELECT base_id || day, base_id, '15abcd', 'RA-1', 'IL76', ['ru_mil'], day, day, 3, ['flight_files'],
              ['https://example.org/' || day] FROM d WHERE h < 3"""
        )
        connection.execute(
            """INSERT INTO base_gaps (gap_id, base_id, fleet_id, first_day, last_day, gap_days, kind, is_ongoing)
            SELECT base_id || day, base_id, 'ru_mil', day, day + 15, 16, 'lull', false
            FROM d WHERE day_of_month(day) = 1""".replace("day_of_month", "dayofmonth")
        )
        connection.execute(
            """INSERT INTO news_mentions (mention_id, base_id, published_at, url, domain, title, story_id, origin,
              reports_pause)
            SELECT base_id || day || 'm', base_id, day, 'https://example.org/a', 'example.org', 'A plain title',
              base_id || date_trunc('week', day), 'Agency', h = 1 FROM d WHERE h < 2"""
        )
    return path
