"""What a release's report shows, read from its database: plain rows, in a fixed order, cut to a length with its total.

Every list says how many rows there are in all and which query gives them, so that nothing is left out in silence.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb

from basewatch.database import connect
from basewatch.errors import BasewatchError, ConfigError
from basewatch.report import base_data
from basewatch.report.base_data import BaseView, Days, States, is_made_up
from basewatch.report.listing import Listing, Row, counted, rows
from basewatch.report.safe_text import sql_literal

CHECKS_MAX = 60
SLUG_MAX = 80  # characters of a file's name
SAMPLE = "sample"


@dataclass(frozen=True)
class Report:
    """What all pages of a release share, and the bases that have a page of their own.

    still: the other bases, of which nothing is on record. told_by: providers that evidence names, by source.
    accuracy: over all bases, by what is measured, how often what was known and hidden was found.
    """

    release: Row | None
    as_of: date | None
    fleet: Row
    bases: list[BaseView]
    still: list[Row]
    made_up: list[str]
    samples: list[str]
    freshness: list[Row]
    checks: Listing
    check_counts: Row
    sources: list[str] = field(default_factory=list)
    told_by: list[Row] = field(default_factory=list)
    accuracy: list[Row] = field(default_factory=list)


class ReportError(BasewatchError):
    """The database is not a release: a table or column of the contract is missing."""


def read(database: Path, bases: Sequence[str], fleet: str, release_id: str | None = None) -> Report:
    """The report's rows from a published database, opened read-only.

    Raises ConfigError for a base or fleet that the release does not hold, ReportError where the file is no release.
    """
    try:
        with connect(database, read_only=True) as connection:
            return _read(connection, list(dict.fromkeys(bases)), fleet, release_id)
    except (duckdb.CatalogException, duckdb.BinderException, duckdb.IOException) as error:
        raise ReportError(
            f"{database} cannot be read as a release; `basewatch verify` lists what is damaged, "
            f"`basewatch verify --repair` goes back to the newest sound release ({error})"
        ) from None


def _read(connection: duckdb.DuckDBPyConnection, base_ids: list[str], fleet: str, release_id: str | None) -> Report:
    base_rows = {row["base_id"]: row for row in rows(connection, _BASES)}
    fleets = {row["fleet_id"]: row for row in rows(connection, "SELECT fleet_id, name, definition FROM fleets")}
    require_known(base_ids, fleet, base_rows, fleets or [fleet], "this release")
    releases = rows(connection, _RELEASES, [release_id, release_id])
    shown = base_ids or [row["base_id"] for row in rows(connection, _ACTIVE, [fleet, fleet])]
    sources = [row["source"] for row in rows(connection, _SOURCES)]
    observability: dict[str, States] = {base: [] for base in shown}
    for row in rows(connection, base_data.OBSERVABILITY_RUNS, [fleet, shown]):
        observability[row["base_id"]].append((row["observability"], row["first_day"], row["last_day"]))
    stays: dict[str, Days] = {base: [] for base in shown}
    for row in rows(connection, base_data.STAY_RUNS, [fleet, shown]):
        stays[row["base_id"]].append((row["first_day"], row["last_day"]))
    slugs = _slugs(shown)
    runs = rows(connection, _CHECKED_RUN, [releases[0]["run_id"] if releases else None])
    run = runs[0]["run_id"] if runs else None
    return Report(
        release=releases[0] if releases else None,
        as_of=rows(connection, _AS_OF)[0]["as_of"],
        fleet=fleets.get(fleet, {"fleet_id": fleet, "name": None, "definition": None}),
        bases=[
            base_data.read(connection, base_rows[base], slugs[base], fleet, observability[base], stays[base])
            for base in shown
        ],
        still=[] if base_ids else [row for base, row in base_rows.items() if base not in observability],
        made_up=[source for source in sources if is_made_up(source)],
        samples=[source for source in sources if SAMPLE in source.lower() and not is_made_up(source)],
        freshness=rows(connection, _FRESHNESS),
        checks=_checks(connection, run),
        check_counts=rows(connection, _CHECK_COUNTS, [run])[0],
        sources=sources,
        accuracy=rows(connection, _ACCURACY),
        told_by=rows(connection, f"{base_data.TOLD_BY} ORDER BY ALL"),
    )


def require_known(
    bases: Iterable[str], fleet: str, known_bases: Iterable[str], known_fleets: Iterable[str], where: str
) -> None:
    """Raise ConfigError where a base or the fleet of the [report] table is not among those known in `where`."""
    for key, word, configured, choices in (
        ("bases", "base", list(bases), sorted(known_bases)),
        ("fleet", "fleet", [fleet], sorted(known_fleets)),
    ):
        unknown = [name for name in configured if name not in choices]
        if unknown:
            close = {name for wrong in unknown for name in difflib.get_close_matches(wrong, choices, n=2)}
            hint = f"did you mean {' or '.join(sorted(close))}? " if close else ""
            raise ConfigError(f"report.{key}: {where} has no {word} {', '.join(unknown)}; {hint}{_few(choices)}")


def _few(names: list[str]) -> str:
    return "known: " + ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def _slugs(bases: Sequence[str]) -> dict[str, str]:
    """A file name for each base, made of its id's plain characters; two that come out alike are numbered."""
    slugs: dict[str, str] = {}
    taken: set[str] = set()  # some file systems do not tell upper case from lower
    for number, base in enumerate(bases, start=1):
        plain = "".join(one if one.isascii() and (one.isalnum() or one == "_") else "-" for one in base)[:SLUG_MAX]
        slug = plain if plain.lower() not in taken else f"{plain}-{number}"
        taken.add(slug.lower())
        slugs[base] = slug
    return slugs


def _checks(connection: duckdb.DuckDBPyConnection, run: str | None) -> Listing:
    found, total = counted(rows(connection, _CHECKS, [run, CHECKS_MAX]))
    sql = f"FROM quality_results WHERE run_id = {sql_literal(run or '')}"
    return Listing(found, total, f"{sql} ORDER BY success, severity, table_name, check_name")


_BASES = """
SELECT base_id, name, icao, iata, country, kind, latitude, longitude, is_shared_with_civil
FROM bases ORDER BY base_id
"""

_RELEASES = """
SELECT release_id, published_at, run_id, code_version, models_sha256, parameters_sha256
FROM releases WHERE ? IS NULL OR release_id = ?
ORDER BY published_at DESC NULLS LAST, release_id DESC LIMIT 1
"""

_AS_OF = """
SELECT coalesce((SELECT max(day) FROM base_daily_activity), (SELECT max(day) FROM source_days)) AS as_of
"""

_ACTIVE = """
WITH visits AS (
  SELECT base_id, count(*) FILTER (confidence >= 2 AND (? = 'all' OR list_contains(fleets, ?))) AS counted
  FROM base_visits GROUP BY base_id
), mentions AS (
  SELECT base_id, count(*) AS mentions FROM news_mentions GROUP BY base_id
), claims AS (
  SELECT base_id, count(*) AS claims FROM claim_checks GROUP BY base_id
)
SELECT base_id
FROM bases LEFT JOIN visits USING (base_id) LEFT JOIN mentions USING (base_id) LEFT JOIN claims USING (base_id)
WHERE visits.base_id IS NOT NULL OR mentions.base_id IS NOT NULL OR claims.base_id IS NOT NULL
ORDER BY coalesce(counted, 0) DESC, coalesce(mentions, 0) DESC, base_id
"""

_SOURCES = """
SELECT DISTINCT source FROM (
  SELECT source FROM source_days
  UNION ALL SELECT unnest(sources) FROM base_visits
  UNION ALL SELECT unnest(sources) FROM news_mentions
) WHERE source IS NOT NULL ORDER BY source
"""

_FRESHNESS = """
SELECT source, count(DISTINCT scope) AS scopes, min(day) AS first_day,
  max(day) FILTER (status IN ('ok', 'empty')) AS last_good,
  count(*) FILTER (status IN ('ok', 'empty')) AS good, count(*) FILTER (status = 'missing') AS missing,
  count(*) FILTER (status = 'failed') AS failed, count(*) FILTER (status = 'partial') AS partial,
  count(*) FILTER (status = 'late') AS late, count(*) FILTER (status = 'expired') AS expired,
  coalesce(sum(records_kept) FILTER (counts), 0)::BIGINT AS kept,
  coalesce(sum(records_rejected) FILTER (counts), 0)::BIGINT AS rejected,
  max(ingested_at) AS ingested_at,
  (SELECT error FROM source_days AS e WHERE e.source = d.source AND e.error IS NOT NULL
    ORDER BY e.day DESC NULLS LAST, e.ingested_at DESC NULLS LAST, e.scope, e.error LIMIT 1) AS error
FROM (
  -- a day's row of scope `global` sums up those of its other scopes, where there is one
  SELECT *, scope = 'global' OR NOT bool_or(scope = 'global') OVER (PARTITION BY source, day) AS counts FROM source_days
) AS d GROUP BY source ORDER BY source
"""

# The checks of the run that made this release; where it left none, those of the latest run that did.
_CHECKED_RUN = """
SELECT run_id FROM quality_results
ORDER BY run_id IS NOT DISTINCT FROM ? DESC, checked_at DESC NULLS LAST, run_id DESC LIMIT 1
"""

_CHECK_COUNTS = """
SELECT count(*) AS total, count(*) FILTER (success) AS passed,
  count(*) FILTER (NOT coalesce(success, false) AND severity = 'critical') AS critical,
  count(*) FILTER (NOT coalesce(success, false) AND severity IS DISTINCT FROM 'critical') AS warnings
FROM quality_results WHERE run_id IS NOT DISTINCT FROM ?
"""

_CHECKS = """
SELECT gate, check_name, table_name, success, severity, observed, unexpected_count, why, checked_at,
  count(*) OVER () AS total
FROM quality_results WHERE run_id IS NOT DISTINCT FROM ?
ORDER BY coalesce(success, false), severity, table_name, check_name, gate, run_id LIMIT ?
"""

_ACCURACY = """
SELECT subject, sum(hidden)::BIGINT AS hidden, sum(found)::BIGINT AS found, sum(wrong)::BIGINT AS wrong
FROM accuracy WHERE base_id = 'all' GROUP BY subject HAVING sum(hidden) > 0
ORDER BY list_position(['stay', 'news_base', 'claim'], subject) NULLS LAST, subject
"""
