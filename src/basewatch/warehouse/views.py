"""How the published tables are asked for: by base, fleet and time; the same at a terminal and in Python."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from basewatch.errors import ConfigError

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class View:
    """How one published table is shown: when a row begins and ends, and the columns of the short form.

    rows: what is selected from, by default the table. begins, ends: columns of days or times, None where a row has no
    time. base, fleet: the condition by which one of them is chosen, None where the rows have none.
    """

    table: str
    begins: str | None
    ends: str | None
    order: str
    shown: tuple[str, ...]
    base: str | None = "base_id = ?"
    fleet: str | None = "fleet_id = ?"
    rows: str | None = None
    days: str | None = None  # in a query of one's own: the column of days that it holds against the time asked for


VIEWS = {
    "months": View(
        "base_monthly_activity",
        "month",
        "month",
        "base_id, fleet_id, month",
        (
            *("base_id", "fleet_id", "month", "activity", "visits", "arrivals", "departures", "distinct_aircraft"),
            *("days_observed", "days_unmeasured", "days_blind", "days_missing", "mentions", "is_surge", "is_partial"),
        ),
    ),
    "gaps": View(
        "base_gaps",
        "first_day",
        "last_day",
        "base_id, fleet_id, first_day",
        (
            *("base_id", "fleet_id", "first_day", "last_day", "gap_days", "kind", "p_quiet_scan", "days_observed"),
            *(
                "days_unmeasured",
                "days_blind",
                "days_missing",
                "resumed_on",
                "resumption",
                "resumed_by_type",
                "is_ongoing",
            ),
        ),
    ),
    "visits": View(
        "base_visits",
        "first_evidence_at",
        "first_evidence_at",
        "base_id, first_evidence_at, visit_id",
        (
            *("visit_id", "icao24", "registration", "type_code", "callsign", "arrived_at", "departed_at"),
            *("confidence", "origin_icao", "destination_icao", "sources"),
        ),
        fleet="list_contains(fleets, ?)",
    ),
    "mentions": View(
        "news_mentions",
        "published_at",
        "published_at",
        "base_id, published_at, mention_id",
        (
            *("base_id", "published_at", "published_basis", "domain", "language", "title", "matched_alias", "origin"),
            *("reports_pause", "reports_resumption", "verb_strength", "url"),
        ),
        fleet=None,
    ),
    "claims": View(
        "claim_checks",
        "claimed_from",
        "claimed_to",
        "base_id, claimed_from, claim_id",
        (
            *("claim_id", "claim", "fleet_id", "claimed_from", "claimed_to", "verdict", "visits_recorded"),
            *("days_observable", "explanation"),
        ),
    ),
    "bases": View(
        "bases",
        None,
        None,
        "base_id",
        ("base_id", "name", "icao", "iata", "country", "kind", "latitude", "longitude", "elevation_ft"),
        fleet=None,
    ),
    "fleets": View("fleets", None, None, "fleet_id", ("fleet_id", "name", "definition"), base=None),
    "sources": View(
        "source_days",
        None,
        None,
        "source",
        (
            *("source", "scopes", "first_day", "last_day", "last_good_day", "days_good", "days_partial"),
            *("days_missing", "days_failed", "records_kept", "records_rejected"),
        ),
        base="list_contains(['global', 'base:' || ?], scope)",
        fleet=None,
        rows="""SELECT source, count(DISTINCT scope) AS scopes, min(day) AS first_day, max(day) AS last_day,
    max(day) FILTER (status IN ('ok', 'empty')) AS last_good_day,
    count(DISTINCT day) FILTER (status IN ('ok', 'empty')) AS days_good,
    count(DISTINCT day) FILTER (status IN ('partial', 'late')) AS days_partial,
    count(DISTINCT day) FILTER (status = 'missing') AS days_missing,
    count(DISTINCT day) FILTER (status = 'failed') AS days_failed,
    count(DISTINCT day) FILTER (status = 'expired') AS days_expired,
    coalesce(sum(records_kept) FILTER (counts), 0)::BIGINT AS records_kept,
    coalesce(sum(records_rejected) FILTER (counts), 0)::BIGINT AS records_rejected
FROM (
    -- a day's row of scope `global` sums up those of its other scopes, where there is one
    SELECT *, scope = 'global' OR NOT bool_or(scope = 'global') OVER (PARTITION BY source, day) AS counts
    FROM main.source_days WHERE {conditions}
)
GROUP BY source""",
        days="day",
    ),
}


@dataclass(frozen=True)
class Choice:
    """Which rows of a table are asked for. since, until: UTC days, both included. limit: at most so many rows."""

    base: str | None = None
    fleet: str | None = None
    since: date | None = None
    until: date | None = None
    limit: int | None = None


def query(name: str, choice: Choice) -> tuple[str, list[str]]:
    """The SQL of the chosen rows of a table, all columns, in the table's order; and the values that it binds."""
    view = VIEWS[name]
    conditions, values = _conditions(view, choice)
    wanted = " AND ".join(["TRUE", *conditions])
    of_table = "SELECT * FROM main." + view.table + " WHERE {conditions}"
    chosen = (view.rows or of_table).format(conditions=wanted)
    limit = "" if choice.limit is None else f" LIMIT {choice.limit:d}"
    return f"{chosen} ORDER BY {view.order}{limit}", values


def _conditions(view: View, choice: Choice) -> tuple[list[str], list[str]]:
    """Conditions in SQL and the values that they bind."""
    asked = [
        (view.base, choice.base),
        (view.fleet, choice.fleet),
        (f"{view.ends or view.days} >= ?::DATE" if view.ends or view.days else None, choice.since),
        (f"{view.begins or view.days} < ?::DATE + 1" if view.begins or view.days else None, choice.until),
    ]
    held = [(condition, str(value)) for condition, value in asked if condition and value]
    return [condition for condition, _ in held], [value for _, value in held]


def require_known(connection: duckdb.DuckDBPyConnection, choice: Choice) -> None:
    """Raise ConfigError with the nearest names where the release knows no such base or fleet."""
    for table, column, value in (("bases", "base_id", choice.base), ("fleets", "fleet_id", choice.fleet)):
        if value is None:
            continue
        known = [row[0] for row in connection.execute(f"SELECT {column} FROM main.{table} ORDER BY 1").fetchall()]
        if value not in known:
            close = difflib.get_close_matches(value, known, n=3)
            hint = f"did you mean {', '.join(close)}?" if close else f"known: {', '.join(known[:12])} …"
            raise ConfigError(f"no {column} {value!r} in this release; {hint}")
