"""What a base's page shows, read from a release's database: plain rows, in a fixed order, cut to a length.

Every list says how many rows there are in all and which query gives them, so that nothing is left out in silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb

from basewatch.report.listing import Listing, Row, counted, rows
from basewatch.report.months_chart import is_unknown
from basewatch.report.safe_text import sql_literal
from basewatch.report.svg import Frame, month_end
from basewatch.report.timeline import OBSERVABILITY

GAPS_MAX = 40
STORIES_MAX = 20
CLAIMS_MAX = 30
EVIDENCE_MAX = 12
VISITS_MAX = 100
WEAK_MAX = 40
PLACES_MAX = 60
AGREEMENT_MAX = 24
CHART_MONTHS_MAX = 36  # of a history in which nothing at all is known, or that claims reach back beyond it
MADE_UP = ("simulated", "synthetic")  # what a source's name says of records that never happened

Days = list[tuple[date, date]]  # runs of days, both ends included
States = list[tuple[str, date, date]]


@dataclass(frozen=True)
class BaseView:
    """One watched base with everything its page shows.

    slug: the name of its file, without ending. kinds: counted visits by month and kind of evidence. places: where
    visits came from and left for, with how many. told_by: who recorded its stays, as evidence tells it. changes: rows
    of release_changes about it.
    """

    base_id: str
    slug: str
    about: Row
    frame: Frame | None
    months: list[Row]
    kinds: dict[date, dict[str, int]]
    observability: States
    stays: Days
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
    made_up_stories: int
    places: list[Row]
    told_by: list[Row]
    accuracy: list[Row]
    bands: list[Row]
    agreement: list[Row]
    leads: list[Row]

    @property
    def name(self) -> str:
        """How the base is called, in short: the first of its names."""
        return str(self.about["name"] or self.base_id).split(" / ")[0]

    @property
    def is_made_up(self) -> bool:
        """Whether anything on its page never happened."""
        return bool(self.made_up_visits or self.made_up_stories)

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
class History:
    """What the charts of one base and fleet are drawn from."""

    months: list[Row]
    gaps: list[Row]
    observability: States
    stays: Days
    mention_days: list[date]


def history(connection: duckdb.DuckDBPyConnection, base: str, fleet: str) -> History:
    """What the charts of one base and fleet are drawn from, whole, in order of time."""
    gaps = rows(connection, _GAPS, [base, fleet])
    observability = rows(connection, OBSERVABILITY_RUNS, [fleet, [base]])
    return History(
        rows(connection, _MONTHS, [base, fleet]),
        [gap | {"number": None} for gap in gaps],
        [(row["observability"], row["first_day"], row["last_day"]) for row in observability],
        [(row["first_day"], row["last_day"]) for row in rows(connection, STAY_RUNS, [fleet, [base]])],
        [row["day"] for row in rows(connection, _MENTION_DAYS, [base])],
    )


def read(
    connection: duckdb.DuckDBPyConnection, about: Row, slug: str, fleet: str, observability: States, stays: Days
) -> BaseView:
    """What the page of one base shows, for one fleet."""
    base = about["base_id"]
    literal, fleet_literal = sql_literal(base), sql_literal(fleet)
    fleet_clause = "" if fleet == "all" else f" AND list_contains(fleets, {fleet_literal})"
    months = rows(connection, _MONTHS, [base, fleet])
    all_gaps = rows(connection, _GAPS, [base, fleet])
    shown_gaps = _numbered(all_gaps)
    stories, story_count = counted(rows(connection, _STORIES, [base, STORIES_MAX]))
    stories.sort(key=lambda story: (story["first_on"] or date.max, story["story_id"]))
    for number, story in enumerate(stories, start=1):
        story["number"] = number
        story["sign"] = _sign(story)
    mention_days = [row["day"] for row in rows(connection, _MENTION_DAYS, [base])]
    claims, claim_count = counted(rows(connection, _CLAIMS, [base, fleet, CLAIMS_MAX]))
    _attach_evidence(connection, claims)
    visits, visit_count = counted(rows(connection, _VISITS, [base, fleet, fleet, VISITS_MAX]))
    weak, weak_count = counted(rows(connection, _WEAK, [base, WEAK_MAX]))
    last = rows(connection, _LAST_VISIT, [base, fleet, fleet])
    made_up = "|".join(MADE_UP)
    counts = rows(connection, _BASE_COUNTS, [base, fleet, fleet, made_up, base, base, made_up])[0]
    kinds: dict[date, dict[str, int]] = {}
    for row in rows(connection, _KINDS, [base, fleet, fleet]):
        kinds.setdefault(row["month"], {})[row["kind"]] = row["visits"]
    of_base = f"base_id = {literal}"
    return BaseView(
        base_id=base,
        slug=slug,
        about=about,
        frame=_frame(months, mention_days, stays, claims),
        months=months,
        kinds=kinds,
        observability=observability,
        stays=stays,
        gaps=Listing(
            shown_gaps,
            len(all_gaps),
            f"FROM base_gaps WHERE {of_base} AND fleet_id = {fleet_literal} ORDER BY first_day",
        ),
        all_gaps=all_gaps,
        stories=Listing(stories, story_count, f"FROM news_mentions WHERE {of_base} ORDER BY story_id, published_at"),
        mention_days=mention_days,
        mentions=counts["mentions"],
        claims=Listing(claims, claim_count, f"FROM claim_checks WHERE {of_base} ORDER BY claimed_from, claim_id"),
        visits=Listing(
            visits,
            visit_count,
            f"FROM base_visits WHERE {of_base} AND confidence >= 2{fleet_clause} ORDER BY first_evidence_at DESC",
        ),
        weak=Listing(
            weak,
            weak_count,
            f"FROM base_visits WHERE {of_base} AND confidence = 1 ORDER BY first_evidence_at DESC",
        ),
        last_visit=last[0] if last else None,
        made_up_visits=counts["made_up"],
        made_up_stories=counts["made_up_mentions"],
        places=rows(connection, _PLACES, [base, fleet, fleet]),
        told_by=rows(connection, f"{TOLD_BY} WHERE base_id = ? ORDER BY ALL", [base]),
        accuracy=rows(connection, _ACCURACY, [base]),
        bands=rows(connection, _BANDS, [base]),
        agreement=rows(connection, _AGREEMENT, [base, AGREEMENT_MAX]),
        leads=rows(connection, _LEADS, [base]),
    )


def _numbered(all_gaps: list[Row]) -> list[Row]:
    """The spells to list, numbered in order of time: what still goes on, then the longest, then the latest."""
    gaps = sorted(
        all_gaps,
        key=lambda gap: (
            not gap["is_ongoing"],
            -(gap["gap_days"] or 0),
            -gap["first_day"].toordinal(),
            gap["gap_id"],
        ),
    )
    shown = sorted(gaps[:GAPS_MAX], key=lambda gap: (gap["first_day"], gap["gap_id"]))
    for gap in all_gaps:
        gap["number"] = None
    for number, gap in enumerate(shown, start=1):
        gap["number"] = number
    return shown


def _sign(story: Row) -> str:
    if story["reports_pause"] and story["reports_resumption"]:
        return "both"
    if story["reports_pause"]:
        return "pause"
    return "resumption" if story["reports_resumption"] else "other"


def _attach_evidence(connection: duckdb.DuckDBPyConnection, claims: list[Row]) -> None:
    """Gives each claim the visits that it names, in time order; an id that the release lacks stays as an id."""
    visit_ids = sorted({visit for claim in claims for visit in claim["visit_ids"]})
    found = rows(connection, _EVIDENCE, [visit_ids]) if visit_ids else []
    visits = {row["visit_id"]: row for row in found}
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


def _frame(
    months: Sequence[Row], mention_days: Sequence[date], stays: Sequence[tuple[date, date]], claims: Sequence[Row]
) -> Frame | None:
    """The days that a base's charts span: its spine, less a first stretch of months of which nothing is known.

    Reports in the press can put the first day on record years before the first day that anyone could look; drawn to
    scale those years would squeeze what is known into a corner. A claimed pause is shown whole where it is recent.
    """
    if not months:
        days = sorted({*mention_days, *(day for stay in stays for day in stay)})
        return Frame(days[0].replace(day=1), month_end(days[-1])) if days else None
    known = [n for n, month in enumerate(months) if not is_unknown(month, "visits") or (month["arrivals"] or 0) > 0]
    start = max(known[0] - 2, 0) if known else max(len(months) - CHART_MONTHS_MAX, 0)
    earliest = max(start - CHART_MONTHS_MAX, 0)
    claimed = [row["claimed_from"] for row in claims if row["claim"] == "pause" and row["claimed_from"]]
    for n in range(earliest, start):
        if any(months[n]["month"] <= first <= month_end(months[n]["month"]) for first in claimed):
            start = n
            break
    return Frame(months[start]["month"], month_end(months[-1]["month"]))


def is_made_up(source: str) -> bool:
    """Whether a source's name says that its records never happened."""
    return any(word in source.lower() for word in MADE_UP)


def observability_rows(view: BaseView, limit: int = 60) -> Listing:
    """The runs of days by observability, latest first: the strip of the timeline as a table."""
    runs = [
        {"state": state, "first_day": first, "last_day": last, "days": (last - first) // timedelta(days=1) + 1}
        for state, first, last in reversed(view.observability)
    ]
    sql = f"SELECT DISTINCT day, observability FROM base_daily_activity WHERE base_id = {sql_literal(view.base_id)}"
    return Listing(runs[:limit], len(runs), f"{sql} ORDER BY day DESC")


# Observability is a fact about the base and the day; it is the same for every fleet.
OBSERVABILITY_RUNS = """
WITH days AS (
  SELECT base_id, day, observability,
    day - CAST(row_number() OVER (PARTITION BY base_id, observability ORDER BY day) AS INTEGER) AS run
  FROM base_daily_activity WHERE fleet_id = ? AND list_contains(?, base_id) AND observability IS NOT NULL
)
SELECT base_id, observability, CAST(min(day) AS DATE) AS first_day, CAST(max(day) AS DATE) AS last_day
FROM days GROUP BY base_id, observability, run ORDER BY base_id, first_day
"""

STAY_RUNS = """
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
  mention_origins, p_surge, is_surge, is_partial, visits_expected, visits_expected_low, visits_expected_high
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
    sources,
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
    list_sort(list_distinct(flatten(list(sources)))) AS sources,
    max(claimed_pause_days) AS claimed_pause_days, min(claimed_from) AS claimed_from, max(claimed_to) AS claimed_to
  FROM mentions GROUP BY story_id
)
SELECT story_id, copies, outlets, first_on, last_on, title, url, domain, is_undated, origins, languages, verbs, sources,
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
  n.title, n.url, n.domain, n.origin, n.published_at, n.verb_strength, n.sources, count(*) OVER () AS total
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
  (SELECT count(*) FROM news_mentions WHERE base_id = ?) AS mentions,
  (SELECT count(*) FROM news_mentions
    WHERE base_id = ? AND regexp_matches(array_to_string(sources, ' '), ?, 'i')) AS made_up_mentions
"""

# What a stay rests on: heard on the ground, stated by a list of flights, or inferred from a silence.
_KINDS = """
SELECT CAST(date_trunc('month', first_evidence_at) AS DATE) AS month,
  CASE
    WHEN 'touchdown' IN (arrival_evidence, departure_evidence) THEN 'heard'
    WHEN 'reported' IN (arrival_evidence, departure_evidence) THEN 'stated'
    ELSE 'inferred'
  END AS kind, count(*) AS visits
FROM base_visits
WHERE base_id = ? AND confidence >= 2 AND (? = 'all' OR list_contains(fleets, ?)) AND first_evidence_at IS NOT NULL
GROUP BY ALL ORDER BY month, kind
"""

_PLACES = f"""
WITH ends AS (
  SELECT unnest(['from', 'to']) AS way, unnest([origin_icao, destination_icao]) AS code
  FROM base_visits WHERE base_id = ? AND confidence >= 2 AND (? = 'all' OR list_contains(fleets, ?))
)
SELECT code, count(*) FILTER (way = 'from') AS came, count(*) FILTER (way = 'to') AS left_for
FROM ends GROUP BY code ORDER BY code IS NULL, count(*) DESC, code LIMIT {PLACES_MAX}
"""

# Records of one's own files say whose they are by their ids, tracks by the network that heard them.
TOLD_BY = r"""
SELECT DISTINCT unnest(sources) AS source,
  CASE WHEN len(sources) = 1 THEN regexp_extract(evidence[1], '^([a-z0-9]+):', 1) END AS prefix,
  CASE WHEN len(sources) = 1 THEN regexp_extract(evidence[1], '^trace \S+ \S+ \((.*)\)$', 1) END AS network
FROM base_visits
"""

_ACCURACY = """
SELECT evidence, height_band, hidden, found, wrong, missed, is_pooled FROM accuracy
WHERE base_id = ? AND subject = 'stay' AND hidden > 0 ORDER BY evidence, height_band
"""

_BANDS = """
SELECT band, round(100 * said)::INTEGER AS said, round(100 * "right")::INTEGER AS "right", cases FROM accuracy_bands
WHERE base_id = ? AND subject = 'stay' ORDER BY band
"""

_AGREEMENT = """
SELECT month, source_a, source_b, "both", only_a, only_b FROM provider_agreement
WHERE base_id = ? ORDER BY month DESC, source_a, source_b LIMIT ?
"""

_LEADS = """
SELECT story_id, first_visit_at, first_published_at, lead_days FROM coverage_lead
WHERE base_id = ? ORDER BY first_published_at NULLS LAST, story_id
"""
