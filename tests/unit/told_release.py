"""A release made by hand, of the published tables' own columns: one row of each sort that a reader may ask about."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from wholeruns import Watch

RELEASE = "20260701T000000Z-00000001"
AS_OF = date(2026, 6, 30)
STAY = "hmeimim-15501a-20260105"
WEAK = "hmeimim-15501b-20260310"
PRESS = "hmeimim-press-20260401"
GAP = "hmeimim-ru_mil-20260201"
PAUSE, FLIGHT = "story-hmeimim-1", "story-hmeimim-2"


def at(day: date, hour: int = 9) -> datetime:
    """A time of a day, UTC."""
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def stay(visit_id: str, first: date, **more: Any) -> dict[str, Any]:
    """A stay of a Russian transport at Hmeimim."""
    return {
        "visit_id": visit_id, "base_id": "hmeimim", "icao24": visit_id.split("-")[1], "callsign": "RFF7001",
        "registration": "RF-78658", "type_code": "IL76", "fleets": ["all", "ru_mil"],
        "first_evidence_at": at(first), "last_evidence_at": at(first, 14), "arrival_evidence": "reported",
        "departure_evidence": "none", "confidence": 3, "is_counted": True, "explained_by": [], "alternatives": [],
        "rule": "the record states a landing at OSLK", "sources": ["flight_files"], "evidence": [], "previous_ids": [],
    } | more  # fmt: skip


def rows() -> dict[str, list[dict[str, Any]]]:
    """The rows, by table."""
    pause = {
        "gap_id": GAP, "base_id": "hmeimim", "fleet_id": "ru_mil", "last_visit_on": date(2026, 1, 31),
        "first_sign_on": date(2026, 3, 10), "first_day": date(2026, 2, 1), "last_day": AS_OF, "gap_days": 150,
        "days_observed": 100, "days_unmeasured": 40, "days_blind": 6, "days_missing": 4, "prior_episodes": 40,
        "prior_exposure_days": 365.0, "prior_visits_per_month": 9.5, "p_quiet": 1e-6, "p_quiet_scan": 2e-4,
        "kind": "pause", "missed_visits_bound": 2.5, "is_ongoing": True, "resumption": "none", "holds_in": 0.75,
    }  # fmt: skip
    claim = {
        "claim_id": PAUSE, "mention_id": "story-hmeimim", "claim": "pause", "base_id": "hmeimim", "fleet_id": "ru_mil",
        "claimed_from": date(2026, 1, 1), "claimed_to": date(2026, 3, 31), "verdict": "contradicted",
        "visits_recorded": 1, "days_observable": 85, "visit_ids": [STAY],
        "explanation": "1 visit is recorded from 2026-01-01 to 2026-03-31.",
    }  # fmt: skip
    days = [AS_OF - timedelta(days=number) for number in range(181)]
    return {
        "bases": [
            {"base_id": "hmeimim", "name": "Hmeimim Air Base", "icao": "OSLK", "country": "SY", "kind": "air",
             "latitude": 35.4, "longitude": 35.9, "aliases": []}
        ],
        "fleets": [
            {"fleet_id": "all", "name": "All aircraft"}, {"fleet_id": "ru_mil", "name": "Russian military transport"},
            {"fleet_id": "unidentified", "name": "Unidentified aircraft"},
        ],
        "base_visits": [
            stay(STAY, date(2026, 1, 5), arrived_at=at(date(2026, 1, 5)), evidence=["record:in-1"]),
            stay(
                WEAK, date(2026, 3, 10), confidence=1, is_counted=False, probability=0.62, sources=["readsb_archive"],
                arrival_evidence="descent_loss", rule="lost descending, and its path ends at this field",
                explained_by=["lost 9 NM out on the runway's line", "two hours of silence"],
                alternatives=[{"explanation": "flew on", "probability": 0.3},
                              {"explanation": "landed at HLLB", "probability": 0.08}],
                evidence=["trace 15501b 2026-03-10 (adsblol)"],
            ),
            stay(
                PRESS, date(2026, 4, 1), icao24=None, confidence=1, is_counted=False, sources=["press_flights"],
                evidence=["https://news.example/a?b=1&c=<x>", "javascript:alert(1)"],
            ),
        ],
        "visit_terms": [
            {"visit_id": WEAK, "explanation": "landed here", "term": "distance_from_line", "value": 0.4, "points": 2.1},
            {"visit_id": WEAK, "explanation": "landed here", "term": "height", "value": 3000.0, "points": -0.4},
            {"visit_id": WEAK, "explanation": "flew on", "term": "silence", "value": 120.0, "points": -3.5},
        ],
        "base_gaps": [pause],
        "claim_checks": [
            claim,
            claim | {"claim_id": FLIGHT, "claim": "flight", "type_code": "A124", "claimed_from": date(2026, 2, 3),
                     "claimed_to": date(2026, 2, 3), "verdict": "not_observable", "visits_recorded": None,
                     "days_observable": 0, "visit_ids": [], "gap_id": GAP,
                     "explanation": "No visit is recorded on 2026-02-03, but only 0 of 1 days could be seen."},
        ],
        "news_mentions": [
            {"mention_id": "story-hmeimim", "base_id": "hmeimim", "published_at": at(date(2026, 4, 2)),
             "url": "https://news.example/hmeimim", "domain": "news.example", "title": "No flights <b>for months</b>",
             "story_id": "story", "sources": ["articles"]}
        ],
        "base_daily_activity": [
            {"base_id": "hmeimim", "fleet_id": fleet, "day": day, "arrivals": 0, "departures": 0,
             "visits": int(day == date(2026, 1, 5)) if day.day > 2 else None,
             "observability": "observed" if day.day > 2 else "missing"}
            for fleet in ("all", "ru_mil")
            for day in days
        ],
        "base_monthly_activity": [
            {"base_id": "hmeimim", "fleet_id": fleet, "month": date(2026, month, 1), "visits": visits,
             "arrivals": visits, "departures": 0, "days_in_month": 30, "days_observed": 28, "days_unmeasured": 0,
             "days_blind": 0, "days_missing": 2, "activity": "active" if visits else "quiet", "visits_expected": 1.4,
             "visits_expected_low": 1, "visits_expected_high": 3, "is_partial": False}
            for fleet in ("ru_mil", "all")
            for month, visits in ((1, 1), (2, 0), (3, 0))
        ],
        "source_days": [
            {"source": "flight_files", "scope": "global", "day": date(2026, 1, 5), "status": "ok", "records_kept": 1,
             "sha256": "a" * 64, "chosen_copy": "flights.csv", "ingested_at": at(AS_OF)},
            {"source": "readsb_archive", "scope": "global", "day": date(2026, 3, 10), "status": "ok",
             "records_kept": 9, "sha256": "b" * 64, "ingested_at": at(AS_OF)},
        ],
        "releases": [
            {"release_id": RELEASE, "published_at": at(AS_OF), "run_id": "run", "code_version": "0.1.0",
             "models_sha256": "m" * 64, "parameters_sha256": "p" * 64, "as_of": AS_OF}
        ],
    }  # fmt: skip


def publish(folder: Path, like: Watch, told: dict[str, list[dict[str, Any]]] | None = None) -> Watch:
    """A warehouse whose one release holds these rows (default: `rows`), in tables like those of another's release."""
    release = folder / "warehouse" / "releases" / RELEASE
    release.mkdir(parents=True)
    with duckdb.connect(str(release / "basewatch.duckdb")) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"ATTACH '{(like.root / 'basewatch.duckdb').resolve()}' AS shape (READ_ONLY)")
        tables = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = 'shape' AND schema_name = 'main'"
        ).fetchall()
        for (table,) in tables:
            connection.execute(f"CREATE TABLE {table} AS FROM shape.main.{table} LIMIT 0")
        connection.execute("DETACH shape")
        connection.begin()
        for table, of_table in (rows() if told is None else told).items():
            if of_table:
                names = list(dict.fromkeys(name for row in of_table for name in row))
                columns = {name: [row.get(name) for row in of_table] for name in names}
                connection.register("given", pa.Table.from_pydict(columns))
                connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM given")
        connection.commit()
    manifest = {
        "release_id": RELEASE, "files": {}, "fingerprint": "00000001", "as_of": str(AS_OF), "rows": {},
        "published_at": "2026-07-01T00:00:00+00:00", "run_id": "run", "code_version": "0.1.0",
    }  # fmt: skip
    (release / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (folder / "warehouse" / "current").symlink_to(release)
    (folder / "warehouse" / "basewatch.duckdb").symlink_to("current/basewatch.duckdb")
    watch = Watch(folder)
    watch.configure()
    return watch
