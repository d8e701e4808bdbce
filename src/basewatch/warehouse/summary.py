"""What a release says that the one before did not: one summary, which every screen, page and message only renders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

import duckdb

from basewatch.warehouse.changes import Changes

SHOWN = 200  # of anything that grows with the data
STAYS = 5  # named as the evidence of one thing
MADE_UP = ("simulated", "synthetic")  # what a source's name says of records that never happened


@dataclass(frozen=True)
class News:
    """What changed for a reader, against the release before; all empty with the first release.

    visits: by base and fleet, how many counted stays were added, removed and altered. pauses_called: those that
    were none before. pauses_ended: silences that went on and do no more. pauses_withdrawn: those that are none any
    more. ongoing: every silence that goes on. claims: every verdict, with the one before. first_signs: silences
    that go on, with a first weak sign of their end that was not there before. surges: months that were none before.
    accuracy: by base (`all`: over all), of the stays that were heard and hidden again how many were found, now and
    before. corrections: months that had ended and have another count of visits than before. made_up: bases with
    flights that never happened. names: how bases and fleets are called, by `bases` and `fleets` and their ids.
    """

    visits: list[dict[str, Any]] = field(default_factory=list)
    pauses_called: list[dict[str, Any]] = field(default_factory=list)
    pauses_ended: list[dict[str, Any]] = field(default_factory=list)
    pauses_withdrawn: list[dict[str, Any]] = field(default_factory=list)
    ongoing: list[dict[str, Any]] = field(default_factory=list)
    claims: list[dict[str, Any]] = field(default_factory=list)
    first_signs: list[dict[str, Any]] = field(default_factory=list)
    surges: list[dict[str, Any]] = field(default_factory=list)
    accuracy: list[dict[str, Any]] = field(default_factory=list)
    corrections: list[dict[str, Any]] = field(default_factory=list)
    made_up: list[str] = field(default_factory=list)
    names: dict[str, dict[str, str]] = field(default_factory=dict)


def news(changes: Changes, *, has_before: bool) -> News:
    """What is new, from an open comparison."""
    connection = changes.connection
    return News(
        _rows(connection, _VISITS) if has_before else [],
        _rows(connection, _CALLED) if has_before else [],
        _rows(connection, _ENDED) if has_before else [],
        _rows(connection, _WITHDRAWN) if has_before else [],
        _rows(connection, _ONGOING),
        _rows(connection, _CLAIMS.format(before=_VERDICTS_BEFORE if has_before else _NO_VERDICTS, stays=STAYS)),
        _rows(connection, _FIRST_SIGNS) if _had(connection, "base_gaps", "first_sign_on") else [],
        _rows(connection, _SURGES) if _had(connection, "base_monthly_activity", "is_surge") else [],
        _rows(connection, _ACCURACY) if _had(connection, "accuracy", "is_pooled") else [],
        _rows(connection, _CORRECTIONS) if _had(connection, "base_monthly_activity", "is_partial") else [],
        [row["base_id"] for row in _rows(connection, _MADE_UP)],
        names={
            f"{word}s": dict(
                connection.execute(
                    f"SELECT {word}_id, name FROM a.main.{word}s WHERE name IS NOT NULL ORDER BY 1"
                ).fetchall()
            )
            for word in ("base", "fleet")
        },
    )


def _had(connection: duckdb.DuckDBPyConnection, table: str, column: str) -> bool:
    """Whether there is a release before, and it has a column, which one of an earlier version may lack."""
    found = connection.execute(
        "SELECT count(*) FROM duckdb_columns() "
        "WHERE database_name = 'b' AND table_name = $table AND column_name = $column",
        {"table": table, "column": column},
    ).fetchone()
    return bool(found and found[0])


def summarise(
    told: News,
    manifest: dict[str, Any],
    changes: Iterable[dict[str, Any]],
    checks: Sequence[dict[str, Any]],
    late: Sequence[str],
) -> dict[str, Any]:
    """The summary of a release, as JSON holds it.

    manifest: the release's. changes: rows of `release_changes`. checks: rows of `quality_results`. late: a sentence for
    each source that is behind.
    """
    totals: dict[tuple[str, str, str], int] = {}
    for row in changes:
        key = row["table_name"], row["change"], row["cause"]
        totals[key] = totals.get(key, 0) + row["rows"]
    failed = [
        {name: row[name] for name in ("table_name", "check_name", "severity", "observed", "why")}
        for row in checks
        if not row["success"]
    ]
    names = ("release_id", "compared_with", "published_at", "as_of", "code_version", "accepted_because")
    return {
        **{name: manifest[name] for name in names},
        **asdict(told),
        "changes": [
            {"table_name": table, "change": change, "cause": cause, "rows": number}
            for (table, change, cause), number in sorted(totals.items())
        ],
        "gates": {"checks": len(checks), "failed": failed[:SHOWN]},
        "late_sources": list(late),
    }


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    result = connection.execute(f"SELECT * FROM ({query}) LIMIT {SHOWN}")
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, map(_plain, row), strict=True)) for row in result.fetchall()]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


_VISITS = """
SELECT base_id, fleet_id,
    count(*) FILTER (change = 'added') AS added, count(*) FILTER (change = 'removed') AS removed,
    count(*) FILTER (change = 'altered') AS altered, min(first_day) AS first_day, max(last_day) AS last_day
FROM (SELECT *, unnest(fleets) AS fleet_id FROM changed WHERE table_name = 'base_visits' AND weighs)
GROUP BY base_id, fleet_id ORDER BY base_id, fleet_id
"""

_SILENCE = (
    "g.gap_id, g.base_id, g.fleet_id, g.kind, g.first_day, g.last_day, g.gap_days, g.resumed_on, g.resumption, "
    "g.last_visit_on, g.first_sign_on, g.p_quiet_scan, g.days_missing + g.days_blind AS days_unseen, "
    "g.days_unmeasured, g.is_ongoing"
)
_AT_BASE = "v.base_id = g.base_id AND list_contains(v.fleets, g.fleet_id)"


def _stays(where: str) -> str:
    """SQL for the identifiers of a few stays of a silence's base and fleet."""
    return (
        f"(SELECT list_sort(list(v.visit_id))[:{STAYS}] FROM a.main.base_visits AS v WHERE {_AT_BASE} AND {where}) "
        "AS visit_ids"
    )


_BEFORE = _stays("v.is_counted AND v.last_evidence_at::DATE = g.last_visit_on")
_AFTER = _stays("v.is_counted AND v.first_evidence_at::DATE = g.last_day + 1")
_SIGN = _stays("v.first_evidence_at::DATE = g.first_sign_on")

_CALLED = f"""
SELECT {_SILENCE}, c.cause, {_BEFORE}
FROM a.main.base_gaps AS g
INNER JOIN changed AS c ON c.table_name = 'base_gaps' AND c.key = g.gap_id
LEFT JOIN b.main.base_gaps AS o ON o.gap_id = g.gap_id
WHERE g.kind = 'pause' AND o.kind IS DISTINCT FROM 'pause' ORDER BY g.gap_id
"""

_ENDED = f"""
SELECT {_SILENCE}, c.cause, o.kind AS kind_before, {_AFTER}
FROM a.main.base_gaps AS g
INNER JOIN changed AS c ON c.table_name = 'base_gaps' AND c.key = g.gap_id
INNER JOIN b.main.base_gaps AS o ON o.gap_id = g.gap_id
WHERE o.is_ongoing AND NOT g.is_ongoing ORDER BY g.gap_id
"""

_WITHDRAWN = """
SELECT
    o.gap_id, o.base_id, o.fleet_id, o.first_day, o.last_day, g.kind AS kind_now, c.cause, g.p_quiet_scan, g.gap_days,
    g.days_missing + g.days_blind AS days_unseen, g.days_unmeasured
FROM b.main.base_gaps AS o
INNER JOIN changed AS c ON c.table_name = 'base_gaps' AND c.key = o.gap_id
LEFT JOIN a.main.base_gaps AS g ON o.gap_id = g.gap_id
WHERE o.kind = 'pause' AND g.kind IS DISTINCT FROM 'pause' ORDER BY o.gap_id
"""

_ONGOING = """
SELECT gap_id, base_id, fleet_id, kind, first_day, gap_days, p_quiet_scan, days_missing + days_blind AS days_unseen
FROM a.main.base_gaps WHERE is_ongoing
ORDER BY array_position(['pause', 'lull', 'not_judged', 'ambiguous', 'unobserved'], kind), gap_days DESC, gap_id
"""

_VERDICTS_BEFORE = "b.main.claim_checks"
_NO_VERDICTS = "(SELECT NULL::VARCHAR AS claim_id, NULL::VARCHAR AS verdict LIMIT 0)"

_CLAIMS = """
SELECT
    n.claim_id, n.base_id, n.claim, n.claimed_from, n.claimed_to, n.verdict, o.verdict AS verdict_before, n.explanation,
    n.fleet_id, n.type_code, n.claimed_count, n.gap_id, n.days_observable,
    n.claimed_to - n.claimed_from + 1 AS claimed_days,
    n.visit_ids[:{stays}] AS visit_ids, n.mention_id, m.title, m.url
FROM a.main.claim_checks AS n
LEFT JOIN a.main.news_mentions AS m ON n.mention_id = m.mention_id
LEFT JOIN {before} AS o ON o.claim_id = n.claim_id
ORDER BY o.verdict IS NOT DISTINCT FROM n.verdict, n.claimed_to DESC, n.claim_id
"""

_FIRST_SIGNS = f"""
SELECT {_SILENCE}, {_SIGN}
FROM a.main.base_gaps AS g LEFT JOIN b.main.base_gaps AS o ON o.gap_id = g.gap_id
WHERE g.is_ongoing AND g.first_sign_on IS NOT NULL AND o.first_sign_on IS DISTINCT FROM g.first_sign_on
ORDER BY g.kind <> 'pause', g.gap_id
"""

_SURGES = """
SELECT
    n.base_id, n.fleet_id, n.month, n.visits, n.visits_trailing_12m_mean, n.p_surge, n.is_partial,
    n.days_missing + n.days_blind AS days_unseen, n.days_unmeasured, n.days_in_month
FROM a.main.base_monthly_activity AS n
LEFT JOIN b.main.base_monthly_activity AS o
    ON o.base_id = n.base_id AND o.fleet_id = n.fleet_id AND o.month = n.month
WHERE n.is_surge AND o.is_surge IS DISTINCT FROM TRUE ORDER BY n.month DESC, n.base_id, n.fleet_id
"""

_ACCURACY = """
SELECT
    n.base_id, n.hidden, n.found, o.hidden AS hidden_before, o.found AS found_before
FROM (
    SELECT base_id, sum(hidden)::BIGINT AS hidden, sum(found)::BIGINT AS found FROM a.main.accuracy
    WHERE subject = 'stay' AND (NOT is_pooled OR base_id = 'all') GROUP BY base_id
) AS n
INNER JOIN (
    SELECT base_id, sum(hidden)::BIGINT AS hidden, sum(found)::BIGINT AS found FROM b.main.accuracy
    WHERE subject = 'stay' AND (NOT is_pooled OR base_id = 'all') GROUP BY base_id
) AS o ON o.base_id = n.base_id
WHERE n.hidden > 0 AND o.hidden > 0
ORDER BY n.found / n.hidden - o.found / o.hidden, n.base_id
"""

_CORRECTIONS = """
SELECT n.base_id, n.fleet_id, n.month, o.visits AS before, n.visits AS now
FROM a.main.base_monthly_activity AS n
INNER JOIN b.main.base_monthly_activity AS o
    ON o.base_id = n.base_id AND o.fleet_id = n.fleet_id AND o.month = n.month
WHERE NOT o.is_partial AND o.visits <> coalesce(n.visits, -1) ORDER BY n.month DESC, n.base_id, n.fleet_id
"""

_MADE_UP = f"""
SELECT base_id FROM a.main.base_visits
WHERE len(list_filter(sources, lambda s: {" OR ".join(f"contains(lower(s), '{word}')" for word in MADE_UP)})) > 0
GROUP BY base_id ORDER BY base_id
"""
