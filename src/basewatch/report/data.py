"""What the report shows, read from a release's database: plain rows, in a fixed order, cut to a length with its total.

Every list says how many rows there are in all and which query gives them, so that nothing is left out in silence.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb

from basewatch.database import connect
from basewatch.errors import BasewatchError, ConfigError
from basewatch.report.charts import OBSERVABILITY, Frame, Row, is_unknown, month_end
from basewatch.report.safe_text import sql_literal

BASES_MAX = 20
GAPS_MAX = 40
STORIES_MAX = 20
CLAIMS_MAX = 30
EVIDENCE_MAX = 12
VISITS_MAX = 25
WEAK_MAX = 15
CHECKS_MAX = 60
CHART_MONTHS_MAX = 36  # of a history in which nothing at all is known
MADE_UP = ("simulated", "synthetic")  # what a source's name says of records that never happened
SAMPLE = "sample"


@dataclass(frozen=True)
class Listing:
    """Rows to show, how many there are in all, and the query that gives every one."""

    rows: list[Row]
    total: int
    sql: str

    @property
    def left_out(self) -> int:
        """Rows that are not shown."""
        return self.total - len(self.rows)


@dataclass(frozen=True)
class BaseView:
    """One watched base with everything its section shows."""

    base_id: str
    anchor: str
    about: Row
    frame: Frame | None
    months: list[Row]
    observability: list[tuple[str, date, date]]
    stays: list[tuple[date, date]]
    gaps: Listing
    all_gaps: list[Row]
    stories: Listing
    mention_days: list[date]
    mentions: int
    claims: Listing
    visits: Listing
    weak: Listing
    last_visit: Row | None
    made_up_visits: int

    @property
    def days(self) -> dict[str, int]:
        """Days on record by observability; the months' own counts also hold days before the first on record."""
        counts = dict.fromkeys(OBSERVABILITY, 0)
        for state, first, last in self.observability:
            counts[state] = counts.get(state, 0) + (last - first).days + 1
        return counts

    @property
    def trimmed(self) -> int:
        """Months of the table that the charts leave out because nothing is known of them."""
        if self.frame is None:
            return 0
        return sum(month_end(month["month"]) < self.frame.first for month in self.months)


@dataclass(frozen=True)
class Page:
    """Everything on the page."""

    release: Row | None
    as_of: date | None
    fleet: Row
    bases: list[BaseView]
    bases_left_out: list[str]
    made_up: list[str]
    samples: list[str]
    freshness: list[Row]
    checks: Listing
    check_counts: Row
    sources: list[str] = field(default_factory=list)


class ReportError(BasewatchError):
    """The database is not a release: a table or column of the contract is missing."""


def read(database: Path, bases: Sequence[str], fleet: str, release_id: str | None = None) -> Page:
    """The page's rows from a published database, opened read-only.

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


def _rows(connection: duckdb.DuckDBPyConnection, query: str, values: Sequence[Any] = ()) -> list[Row]:
    """The rows of a query as dicts; lists are never None, so that a template can go through them."""
    table = connection.execute(query, list(values)).to_arrow_table()
    lists = [column.name for column in table.schema if str(column.type).startswith(("list", "large_list"))]
    rows: list[Row] = table.to_pylist()
    for row in rows:
        for name in lists:
            row[name] = [item for item in row[name] or [] if item is not None]
    return rows


def _read(connection: duckdb.DuckDBPyConnection, base_ids: list[str], fleet: str, release_id: str | None) -> Page:
    base_rows = {row["base_id"]: row for row in _rows(connection, _BASES)}
    fleets = {row["fleet_id"]: row for row in _rows(connection, "SELECT fleet_id, name, definition FROM fleets")}
    require_known(base_ids, fleet, base_rows, fleets or [fleet], "this release")
    releases = _rows(connection, _RELEASES, [release_id, release_id])
    active = [row["base_id"] for row in _rows(connection, _ACTIVE, [fleet, fleet])]
    shown = base_ids or active[:BASES_MAX]
    sources = [row["source"] for row in _rows(connection, _SOURCES)]
    as_of = _rows(connection, _AS_OF)[0]["as_of"]
    observability: dict[str, list[tuple[str, date, date]]] = {base: [] for base in shown}
    for row in _rows(connection, _OBSERVABILITY, [fleet, shown]):
        observability[row["base_id"]].append((row["observability"], row["first_day"], row["last_day"]))
    stays: dict[str, list[tuple[date, date]]] = {base: [] for base in shown}
    for row in _rows(connection, _STAYS, [fleet, shown]):
        stays[row["base_id"]].append((row["first_day"], row["last_day"]))
    anchors = _anchors(shown)
    runs = _rows(connection, _CHECKED_RUN, [releases[0]["run_id"] if releases else None])
    run = runs[0]["run_id"] if runs else None
    return Page(
        release=releases[0] if releases else None,
        as_of=as_of,
        fleet=fleets.get(fleet, {"fleet_id": fleet, "name": None, "definition": None}),
        bases=[
            _base(connection, base_rows[base], anchors[base], fleet, observability[base], stays[base]) for base in shown
        ],
        bases_left_out=[] if base_ids else active[BASES_MAX:],
        made_up=[source for source in sources if is_made_up(source)],
        samples=[source for source in sources if SAMPLE in source.lower() and not is_made_up(source)],
        freshness=_rows(connection, _FRESHNESS),
        checks=_checks(connection, run),
        check_counts=_rows(connection, _CHECK_COUNTS, [run])[0],
        sources=sources,
    )


@dataclass(frozen=True)
class History:
    """What the charts of one base and fleet are drawn from."""

    months: list[Row]
    gaps: list[Row]
    observability: list[tuple[str, date, date]]
    stays: list[tuple[date, date]]
    mention_days: list[date]


def history(connection: duckdb.DuckDBPyConnection, base: str, fleet: str) -> History:
    """What the charts of one base and fleet are drawn from, whole, in order of time."""
    gaps = _rows(connection, _GAPS, [base, fleet])
    observability = _rows(connection, _OBSERVABILITY, [fleet, [base]])
    return History(
        _rows(connection, _MONTHS, [base, fleet]),
        [gap | {"number": None} for gap in gaps],
        [(row["observability"], row["first_day"], row["last_day"]) for row in observability],
        [(row["first_day"], row["last_day"]) for row in _rows(connection, _STAYS, [fleet, [base]])],
        [row["day"] for row in _rows(connection, _MENTION_DAYS, [base])],
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


def is_made_up(source: str) -> bool:
    """Whether a source's name says that its records never happened."""
    return any(word in source.lower() for word in MADE_UP)


def _few(names: list[str]) -> str:
    return "known: " + ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def _anchors(bases: Sequence[str]) -> dict[str, str]:
    """A page anchor for each base, made of its id's plain characters; two that come out alike are numbered."""
    anchors: dict[str, str] = {}
    for number, base in enumerate(bases, start=1):
        plain = "".join(character if character.isascii() and character.isalnum() else "-" for character in base)
        anchors[base] = plain if plain not in anchors.values() else f"{plain}-{number}"
    return anchors


def _base(
    connection: duckdb.DuckDBPyConnection,
    base_row: Row,
    anchor: str,
    fleet: str,
    observability: list[tuple[str, date, date]],
    stays: list[tuple[date, date]],
) -> BaseView:
    base = base_row["base_id"]
    literal, fleet_literal = sql_literal(base), sql_literal(fleet)
    months = _rows(connection, _MONTHS, [base, fleet])
    all_gaps = _rows(connection, _GAPS, [base, fleet])
    gaps = sorted(  # what still goes on, then the longest, then the latest
        all_gaps,
        key=lambda gap: (
            not gap["is_ongoing"],
            -(gap["gap_days"] or 0),
            -gap["first_day"].toordinal(),
            gap["gap_id"],
        ),
    )
    shown_gaps = sorted(gaps[:GAPS_MAX], key=lambda gap: (gap["first_day"], gap["gap_id"]))
    for gap in all_gaps:
        gap["number"] = None
    for number, gap in enumerate(shown_gaps, start=1):
        gap["number"] = number
    stories, story_count = _counted(_rows(connection, _STORIES, [base, STORIES_MAX]))
    stories.sort(key=lambda story: (story["first_on"] or date.max, story["story_id"]))
    for number, story in enumerate(stories, start=1):
        story["number"] = number
        story["sign"] = _sign(story)
    mention_days = [row["day"] for row in _rows(connection, _MENTION_DAYS, [base])]
    claims, claim_count = _counted(_rows(connection, _CLAIMS, [base, fleet, CLAIMS_MAX]))
    _attach_evidence(connection, claims)
    visits, visit_count = _counted(_rows(connection, _VISITS, [base, fleet, fleet, VISITS_MAX]))
    weak, weak_count = _counted(_rows(connection, _WEAK, [base, WEAK_MAX]))
    last = _rows(connection, _LAST_VISIT, [base, fleet, fleet])
    counts = _rows(connection, _BASE_COUNTS, [base, fleet, fleet, "|".join(MADE_UP), base])[0]
    fleet_clause = "" if fleet == "all" else f" AND list_contains(fleets, {fleet_literal})"
    return BaseView(
        base_id=base,
        anchor=anchor,
        about=base_row,
        frame=_frame(months, mention_days, stays),
        months=months,
        observability=observability,
        stays=stays,
        gaps=Listing(
            shown_gaps,
            len(all_gaps),
            f"FROM base_gaps WHERE base_id = {literal} AND fleet_id = {fleet_literal} ORDER BY first_day",
        ),
        all_gaps=all_gaps,
        stories=Listing(
            stories, story_count, f"FROM news_mentions WHERE base_id = {literal} ORDER BY story_id, published_at"
        ),
        mention_days=mention_days,
        mentions=counts["mentions"],
        claims=Listing(
            claims, claim_count, f"FROM claim_checks WHERE base_id = {literal} ORDER BY claimed_from, claim_id"
        ),
        visits=Listing(
            visits,
            visit_count,
            f"FROM base_visits WHERE base_id = {literal} AND confidence >= 2{fleet_clause} "
            "ORDER BY first_evidence_at DESC",
        ),
        weak=Listing(
            weak,
            weak_count,
            f"FROM base_visits WHERE base_id = {literal} AND confidence = 1 ORDER BY first_evidence_at DESC",
        ),
        last_visit=last[0] if last else None,
        made_up_visits=counts["made_up"],
    )


def _counted(rows: list[Row]) -> tuple[list[Row], int]:
    """Rows of a limited query whose `total` column counts all of them."""
    return rows, rows[0]["total"] if rows else 0


def _sign(story: Row) -> str:
    if story["reports_pause"] and story["reports_resumption"]:
        return "both"
    if story["reports_pause"]:
        return "pause"
    return "resumption" if story["reports_resumption"] else "other"


def _attach_evidence(connection: duckdb.DuckDBPyConnection, claims: list[Row]) -> None:
    """Gives each claim the visits that it names, in time order; an id that the release lacks stays as an id."""
    visit_ids = sorted({visit for claim in claims for visit in claim["visit_ids"]})
    visits = {row["visit_id"]: row for row in _rows(connection, _EVIDENCE, [visit_ids])}
    for claim in claims:
        ids = list(dict.fromkeys(claim["visit_ids"]))
        evidence = [visits[visit] for visit in ids if visit in visits]
        evidence.sort(key=lambda visit: (str(visit["first_evidence_at"]), visit["visit_id"]))
        claim["evidence"] = Listing(
            evidence[:EVIDENCE_MAX],
            len(evidence),
            "FROM base_visits WHERE visit_id IN (SELECT unnest(visit_ids) FROM claim_checks "
            f"WHERE claim_id = {sql_literal(str(claim['claim_id']))})",
        )
        claim["lost_ids"] = [visit for visit in ids if visit not in visits]


def _frame(months: Sequence[Row], mention_days: Sequence[date], stays: Sequence[tuple[date, date]]) -> Frame | None:
    """The days that a base's charts span: its spine, less a first stretch of months of which nothing is known.

    Reports in the press can put the first day on record years before the first day that anyone could look; drawn to
    scale those years would squeeze what is known into a corner.
    """
    if not months:
        days = sorted({*mention_days, *(day for stay in stays for day in stay)})
        return Frame(days[0].replace(day=1), month_end(days[-1])) if days else None
    known = [n for n, month in enumerate(months) if not is_unknown(month, "visits") or (month["arrivals"] or 0) > 0]
    start = max(known[0] - 2, 0) if known else max(len(months) - CHART_MONTHS_MAX, 0)
    return Frame(months[start]["month"], month_end(months[-1]["month"]))


def _checks(connection: duckdb.DuckDBPyConnection, run: str | None) -> Listing:
    rows, total = _counted(_rows(connection, _CHECKS, [run, CHECKS_MAX]))
    sql = f"FROM quality_results WHERE run_id = {sql_literal(run or '')}"
    return Listing(rows, total, f"{sql} ORDER BY success, severity, table_name, check_name")


def observability_rows(view: BaseView, limit: int = 60) -> Listing:
    """The runs of days by observability, latest first: the strip of the timeline as a table."""
    runs = [
        {"state": state, "first_day": first, "last_day": last, "days": (last - first) // timedelta(days=1) + 1}
        for state, first, last in reversed(view.observability)
    ]
    sql = f"SELECT DISTINCT day, observability FROM base_daily_activity WHERE base_id = {sql_literal(view.base_id)}"
    return Listing(runs[:limit], len(runs), f"{sql} ORDER BY day DESC")


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
)
SELECT base_id
FROM bases LEFT JOIN visits USING (base_id) LEFT JOIN mentions USING (base_id)
WHERE visits.base_id IS NOT NULL OR mentions.base_id IS NOT NULL
ORDER BY coalesce(counted, 0) DESC, coalesce(mentions, 0) DESC, base_id
"""

_SOURCES = """
SELECT DISTINCT source FROM (
  SELECT source FROM source_days
  UNION ALL SELECT unnest(sources) FROM base_visits
  UNION ALL SELECT unnest(sources) FROM news_mentions
) WHERE source IS NOT NULL ORDER BY source
"""

# Observability is a fact about the base and the day; it is the same for every fleet.
_OBSERVABILITY = """
WITH days AS (
  SELECT base_id, day, observability,
    day - CAST(row_number() OVER (PARTITION BY base_id, observability ORDER BY day) AS INTEGER) AS run
  FROM base_daily_activity WHERE fleet_id = ? AND list_contains(?, base_id) AND observability IS NOT NULL
)
SELECT base_id, observability, CAST(min(day) AS DATE) AS first_day, CAST(max(day) AS DATE) AS last_day
FROM days GROUP BY base_id, observability, run ORDER BY base_id, first_day
"""

_STAYS = """
WITH days AS (
  SELECT base_id, day, day - CAST(row_number() OVER (PARTITION BY base_id ORDER BY day) AS INTEGER) AS run
  FROM base_daily_activity WHERE fleet_id = ? AND list_contains(?, base_id) AND visits > 0
)
SELECT base_id, CAST(min(day) AS DATE) AS first_day, CAST(max(day) AS DATE) AS last_day
FROM days GROUP BY base_id, run ORDER BY base_id, first_day
"""

_MONTHS = """
SELECT month, visits, arrivals, departures, distinct_aircraft, heavy_visits, ground_hours, days_in_month,
  days_observed, days_unmeasured, days_blind, days_missing, visits_per_observable_day, activity, mentions,
  mention_origins, p_surge, is_surge, is_partial
FROM base_monthly_activity WHERE base_id = ? AND fleet_id = ? ORDER BY month
"""

_GAPS = """
SELECT gap_id, last_visit_on, resumed_on, first_sign_on, first_day, last_day, gap_days, days_observed,
  days_unmeasured, days_blind, days_missing, prior_episodes, prior_exposure_days, prior_visits_per_month, p_quiet,
  p_quiet_scan, kind, missed_visits_bound, is_ongoing, resumption, resumed_by_icao24, resumed_by_type, holds_in
FROM base_gaps WHERE base_id = ? AND fleet_id = ? AND first_day IS NOT NULL ORDER BY first_day, gap_id
"""

_STORIES = """
WITH mentions AS (
  SELECT coalesce(story_id, mention_id) AS story_id, mention_id, title, url, domain, origin, language, published_at,
    coalesce(published_at, seen_at) AS told_at, reports_pause, reports_resumption, verb_strength, claimed_pause_days,
    claimed_from, claimed_to,
    row_number() OVER (
      PARTITION BY coalesce(story_id, mention_id) ORDER BY coalesce(published_at, seen_at) NULLS LAST, mention_id
    ) AS place
  FROM news_mentions WHERE base_id = ?
), stories AS (
  SELECT story_id, count(*) AS copies, count(DISTINCT domain) AS outlets,
    CAST(min(told_at) AS DATE) AS first_on, CAST(max(told_at) AS DATE) AS last_on,
    max(title) FILTER (place = 1) AS title, max(url) FILTER (place = 1) AS url,
    max(domain) FILTER (place = 1) AS domain, bool_or(place = 1 AND published_at IS NULL) AS is_undated,
    list_sort(list_distinct(list(origin) FILTER (origin IS NOT NULL))) AS origins,
    list_sort(list_distinct(list(language) FILTER (language IS NOT NULL))) AS languages,
    list_sort(list_distinct(list(verb_strength) FILTER (verb_strength IS NOT NULL))) AS verbs,
    coalesce(bool_or(reports_pause), false) AS reports_pause,
    coalesce(bool_or(reports_resumption), false) AS reports_resumption,
    max(claimed_pause_days) AS claimed_pause_days, min(claimed_from) AS claimed_from, max(claimed_to) AS claimed_to
  FROM mentions GROUP BY story_id
)
SELECT story_id, copies, outlets, first_on, last_on, title, url, domain, is_undated, origins, languages, verbs,
  reports_pause, reports_resumption, claimed_pause_days, claimed_from, claimed_to,
  array_to_string(origins, ', ') AS origin, count(*) OVER () AS total
FROM stories
ORDER BY reports_pause OR reports_resumption DESC, copies DESC, first_on DESC NULLS LAST, story_id LIMIT ?
"""

_MENTION_DAYS = """
SELECT DISTINCT CAST(published_at AS DATE) AS day FROM news_mentions
WHERE base_id = ? AND published_at IS NOT NULL ORDER BY day
"""

# The report's own fleet first, then the judged before the unjudged, pauses before single flights, the latest first.
_CLAIMS = """
SELECT c.claim_id, c.mention_id, c.claim, c.fleet_id, c.type_code, c.claimed_count, c.route, c.claimed_from,
  c.claimed_to, c.gap_id, c.verdict, c.visits_recorded, c.days_observable, c.visit_ids, c.explanation,
  n.title, n.url, n.domain, n.origin, n.published_at, n.verb_strength, count(*) OVER () AS total
FROM claim_checks AS c LEFT JOIN news_mentions AS n ON n.mention_id = c.mention_id AND n.base_id = c.base_id
WHERE c.base_id = ?
ORDER BY coalesce(c.fleet_id, '') IN ('', ?) DESC,
  coalesce(c.verdict, '') IN ('contradicted', 'corroborated', 'partly') DESC,
  list_position(['pause', 'resumption', 'flight'], c.claim) NULLS LAST, c.claimed_to DESC NULLS LAST, c.claim_id
LIMIT ?
"""

_VISIT_COLUMNS = """visit_id, icao24, callsign, registration, type_code, fleets, arrived_at, departed_at,
  first_evidence_at, last_evidence_at, ground_minutes, arrival_evidence, departure_evidence, confidence, rule,
  origin_icao, destination_icao, sources, evidence"""

_EVIDENCE = f"""
SELECT {_VISIT_COLUMNS} FROM base_visits WHERE list_contains(?, visit_id)
ORDER BY first_evidence_at NULLS LAST, visit_id
"""

_VISITS = f"""
SELECT {_VISIT_COLUMNS}, count(*) OVER () AS total FROM base_visits
WHERE base_id = ? AND confidence >= 2 AND (? = 'all' OR list_contains(fleets, ?))
ORDER BY first_evidence_at DESC NULLS LAST, visit_id LIMIT ?
"""

_WEAK = f"""
SELECT {_VISIT_COLUMNS}, count(*) OVER () AS total FROM base_visits
WHERE base_id = ? AND coalesce(confidence, 1) < 2
ORDER BY first_evidence_at DESC NULLS LAST, visit_id LIMIT ?
"""

_LAST_VISIT = f"""
SELECT {_VISIT_COLUMNS} FROM base_visits
WHERE base_id = ? AND confidence >= 2 AND (? = 'all' OR list_contains(fleets, ?)) AND last_evidence_at IS NOT NULL
ORDER BY last_evidence_at DESC, visit_id LIMIT 1
"""

_BASE_COUNTS = """
SELECT
  (SELECT count(*) FROM base_visits
    WHERE base_id = ? AND confidence >= 2 AND (? = 'all' OR list_contains(fleets, ?))
      AND regexp_matches(array_to_string(sources, ' '), ?, 'i')) AS made_up,
  (SELECT count(*) FROM news_mentions WHERE base_id = ?) AS mentions
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
