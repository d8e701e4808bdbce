"""What a release says that the one before did not: one summary, which every screen, page and message only renders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

import duckdb

from basewatch.warehouse.changes import Changes

SHOWN = 200  # of anything that grows with the data


@dataclass(frozen=True)
class News:
    """What changed for a reader, against the release before; all empty with the first release.

    visits: by base and fleet, how many counted stays were added, removed and altered. pauses_called: those that were
    none before. pauses_ended: silences that went on and do no more. pauses_withdrawn: those that are none any more.
    ongoing: every silence that goes on. claims: every verdict, with the one before. names: how bases and fleets are
    called, by `bases` and `fleets` and their ids.
    """

    visits: list[dict[str, Any]] = field(default_factory=list)
    pauses_called: list[dict[str, Any]] = field(default_factory=list)
    pauses_ended: list[dict[str, Any]] = field(default_factory=list)
    pauses_withdrawn: list[dict[str, Any]] = field(default_factory=list)
    ongoing: list[dict[str, Any]] = field(default_factory=list)
    claims: list[dict[str, Any]] = field(default_factory=list)
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
        _rows(connection, _CLAIMS.format(before=_VERDICTS_BEFORE if has_before else _NO_VERDICTS)),
        names={
            f"{word}s": dict(
                connection.execute(
                    f"SELECT {word}_id, name FROM a.main.{word}s WHERE name IS NOT NULL ORDER BY 1"
                ).fetchall()
            )
            for word in ("base", "fleet")
        },
    )


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

_SILENCE = "g.gap_id, g.base_id, g.fleet_id, g.kind, g.first_day, g.last_day, g.gap_days, g.resumed_on, g.resumption"

_CALLED = f"""
SELECT {_SILENCE}, c.cause
FROM a.main.base_gaps AS g
INNER JOIN changed AS c ON c.table_name = 'base_gaps' AND c.key = g.gap_id
LEFT JOIN b.main.base_gaps AS o ON o.gap_id = g.gap_id
WHERE g.kind = 'pause' AND o.kind IS DISTINCT FROM 'pause' ORDER BY g.gap_id
"""

_ENDED = f"""
SELECT {_SILENCE}, c.cause
FROM a.main.base_gaps AS g
INNER JOIN changed AS c ON c.table_name = 'base_gaps' AND c.key = g.gap_id
INNER JOIN b.main.base_gaps AS o ON o.gap_id = g.gap_id
WHERE o.is_ongoing AND NOT g.is_ongoing ORDER BY g.gap_id
"""

_WITHDRAWN = """
SELECT o.gap_id, o.base_id, o.fleet_id, o.first_day, o.last_day, g.kind AS kind_now, c.cause
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
    n.fleet_id, n.type_code, n.claimed_count
FROM a.main.claim_checks AS n LEFT JOIN {before} AS o ON o.claim_id = n.claim_id
ORDER BY o.verdict IS NOT DISTINCT FROM n.verdict, n.claimed_to DESC, n.claim_id
"""
