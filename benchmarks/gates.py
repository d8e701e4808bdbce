"""How long the gates take over a full candidate: `python benchmarks/gates.py [VISITS]` (default 1,000,000).

Builds a valid candidate of ten years, 50 bases and three fleets with that many visits and two legs a visit in a
temporary folder, checks it in a process of its own, and prints seconds, CPU seconds and peak memory. The target is 30 s
at a million visits. What Great Expectations costs beside it is measured by benchmarks/data_docs.py.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from basewatch.warehouse import models
from basewatch.warehouse.build import AFTER_GATES

AS_OF = date(2025, 12, 31)
SINCE = date(2016, 1, 1)
BASES, AIRCRAFT = 50, 2000

# Each aircraft visits one base after another, a day at a time, so that no stays overlap.
STATEMENTS = """
INSERT INTO bases BY NAME
SELECT 'base_' || n AS base_id, 'Base ' || n AS name, 'SY' AS country, 'air' AS kind, 10 + n / 2 AS latitude,
    30 + n / 2 AS longitude, FALSE AS is_shared_with_civil, ['Base ' || n] AS aliases FROM range($bases) AS r (n);
INSERT INTO fleets SELECT * FROM (VALUES ('all', 'All', 'Every aircraft.'), ('ru_mil', 'Military', 'Some.'),
    ('unidentified', 'Unidentified', 'None known.'));
INSERT INTO aircraft BY NAME
SELECT printf('%06x', 1000000 + n) AS icao24, $since AS valid_from, 'RA-' || n AS registration, 'IL76' AS type_code,
    'H' AS wake, TRUE AS is_military, 'register' AS military_basis, ['all', 'ru_mil'] AS fleets
FROM range($aircraft) AS r (n);
INSERT INTO base_visits BY NAME
SELECT 'v' || n AS visit_id, 'base_' || hash(n) % $bases AS base_id, printf('%06x', 1000000 + n % $aircraft) AS icao24,
    'IL76' AS type_code, CASE WHEN n % 3 = 0 THEN ['all', 'ru_mil'] ELSE ['all'] END AS fleets,
    landed AS arrived_at, landed + INTERVAL 20 HOUR AS departed_at, landed AS first_evidence_at,
    landed + INTERVAL 20 HOUR AS last_evidence_at, 1200 AS ground_minutes, 'touchdown' AS arrival_evidence,
    'touchdown' AS departure_evidence, 4 AS confidence, TRUE AS is_counted, 'seen on the ground' AS rule,
    ['readsb_archive'] AS sources, ['trace ' || n] AS evidence, [] AS previous_ids
FROM (
    SELECT n, $since::TIMESTAMPTZ
        + to_minutes((n // $aircraft) * (3640::BIGINT * 1440 * $aircraft // $visits) + n % 1440) AS landed
    FROM range($visits) AS r (n)
);
INSERT INTO flight_legs BY NAME
SELECT visit_id || CASE WHEN side = 0 THEN '-in' ELSE '-out' END AS leg_id, icao24,
    CASE WHEN side = 0 THEN arrived_at - INTERVAL 2 HOUR ELSE departed_at END AS departed_at,
    CASE WHEN side = 0 THEN arrived_at END AS arrived_at,
    CASE WHEN side = 1 THEN base_id END AS origin_base_id, CASE WHEN side = 0 THEN base_id END AS destination_base_id,
    CASE WHEN side = 1 THEN 'field' ELSE 'undetermined' END AS origin_state,
    CASE WHEN side = 0 THEN 'field' ELSE 'undetermined' END AS destination_state, sources, 4 AS confidence
FROM base_visits CROSS JOIN range(2) AS r (side);
INSERT INTO source_days BY NAME
SELECT 'readsb_archive' AS source, scope, day::DATE AS day, 'ok' AS status, 1 AS files, 1 AS bytes,
    1 AS records_read, 1 AS records_kept, 0 AS records_rejected, $since::TIMESTAMPTZ AS ingested_at
FROM generate_series($since::TIMESTAMP, $as_of::TIMESTAMP, INTERVAL 1 DAY) AS s (day)
CROSS JOIN (SELECT 'global' AS scope UNION ALL SELECT 'base:' || base_id FROM bases);
INSERT INTO base_daily_activity BY NAME
WITH days AS (
    SELECT base_id, fleet_id, day, count(*) FILTER (side = 0) AS arrivals, count(*) FILTER (side = 1) AS departures,
        count(DISTINCT visit_id) AS visits
    FROM (
        SELECT visit_id, base_id, unnest(fleets) AS fleet_id, side,
            CASE WHEN side = 0 THEN arrived_at ELSE departed_at END::DATE AS day
        FROM base_visits CROSS JOIN range(2) AS r (side)
    ) GROUP BY ALL
)
SELECT b.base_id, f.fleet_id, s.day::DATE AS day, coalesce(arrivals, 0) AS arrivals,
    coalesce(departures, 0) AS departures, coalesce(visits, 0) AS visits, 'observed' AS observability,
    0.9 AS detection, 40 AS background_aircraft, 'none' AS interference
FROM bases AS b CROSS JOIN fleets AS f
CROSS JOIN generate_series($since::TIMESTAMP, $as_of::TIMESTAMP, INTERVAL 1 DAY) AS s (day)
LEFT JOIN days AS d ON b.base_id = d.base_id AND f.fleet_id = d.fleet_id AND s.day::DATE = d.day;
INSERT INTO base_monthly_activity BY NAME
SELECT d.*, coalesce(v.visits, 0) AS visits, lag(coalesce(v.visits, 0)) OVER by_month AS visits_prior_month,
    coalesce(v.visits, 0) / d.days_in_month AS visits_per_observable_day,
    CASE WHEN v.visits > 0 OR arrivals > 0 OR departures > 0 THEN 'active' ELSE 'quiet' END AS activity,
    FALSE AS is_partial
FROM (
    SELECT base_id, fleet_id, date_trunc('month', day)::DATE AS month, sum(arrivals) AS arrivals,
        sum(departures) AS departures, count(*) AS days_in_month, count(*) AS days_observed, 0 AS days_unmeasured,
        0 AS days_blind, 0 AS days_missing
    FROM base_daily_activity GROUP BY ALL
) AS d
LEFT JOIN (
    SELECT base_id, fleet_id, date_trunc('month', first_evidence_at)::DATE AS month, count(*) AS visits
    FROM (SELECT base_id, unnest(fleets) AS fleet_id, first_evidence_at FROM base_visits) GROUP BY ALL
) AS v ON d.base_id = v.base_id AND d.fleet_id = v.fleet_id AND d.month = v.month
WINDOW by_month AS (PARTITION BY d.base_id, d.fleet_id ORDER BY d.month);
INSERT INTO news_mentions BY NAME
SELECT 'm' || n AS mention_id, 'base_' || n % $bases AS base_id, $since::TIMESTAMPTZ AS published_at,
    'feed' AS published_basis,
    'https://example.org/' || n AS url, 'en' AS language, 'Base' AS matched_alias, 'strong' AS alias_strength,
    's' || n // 10 AS story_id, FALSE AS reports_pause, FALSE AS reports_resumption, ['feeds'] AS sources
FROM range(200000) AS r (n);
"""

CHECK = """
import json, resource, sys, time
from datetime import UTC, date, datetime
from pathlib import Path
from basewatch.gates.check import check_candidate
from basewatch.gates.results import explain
from basewatch.warehouse.models import marts
result = check_candidate(Path(sys.argv[1]), "benchmark", as_of=date.fromisoformat(sys.argv[2]),
    checked_at=datetime(2026, 1, 1, tzinfo=UTC), models=marts())
print(json.dumps({"checks": result.results.num_rows, "passed": result.passed, "seconds": round(result.seconds, 1),
    "cpu_seconds": round(time.process_time(), 1),
    "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, "refused": explain(result)[:2000]}))
"""


def build(path: Path, visits: int) -> None:
    """Write a valid candidate with this many visits."""
    values = {"bases": BASES, "aircraft": AIRCRAFT, "visits": visits, "since": SINCE, "as_of": AS_OF}
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = FALSE")
        for model in models.marts():
            if model.table not in AFTER_GATES:
                connection.execute(f"CREATE TABLE {model.name} ({model.ddl})")
        for statement in STATEMENTS.split(";\n"):
            used = {name: value for name, value in values.items() if f"${name}" in statement}
            if statement.strip():
                connection.execute(statement, used)


def main() -> None:
    """Build, check, print."""
    visits = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "candidate.duckdb"
        started = time.perf_counter()
        build(path, visits)
        print(
            f"built {visits:,} visits in {time.perf_counter() - started:.1f} s at {datetime.now(UTC):%Y-%m-%d %H:%M}Z"
        )
        done = subprocess.run(
            [sys.executable, "-c", CHECK, str(path), str(AS_OF)], capture_output=True, text=True, check=True
        )
        found = json.loads(done.stdout.splitlines()[-1])
        print(found.pop("refused") or "passed", file=sys.stderr)
        print(json.dumps({"visits": visits, **found}))


if __name__ == "__main__":
    main()
