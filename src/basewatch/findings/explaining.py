"""Why a release says so: a finding in sentences and tables, with what it rests on."""

from __future__ import annotations

import csv
import io
from calendar import monthrange
from collections.abc import Callable, Iterable
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb

from basewatch.findings import origins
from basewatch.findings.finding import Explanation, Finding, Row, find, rows
from basewatch.report import sentences
from basewatch.report.base_data import MADE_UP
from basewatch.report.first_screen import Table
from basewatch.report.safe_text import percent, probability
from basewatch.report.sentences import plural

SHOWN = 40  # rows of a table before the rest is counted
OBSERVABLE = ("observed", "unmeasured")
VISIT = ("visit_id", "first_evidence_at", "aircraft", "arrival", "departure", "confidence", "probability", "sources")


def explain(connection: duckdb.DuckDBPyConnection, lake: Path, name: str) -> Explanation:
    """What a finding of a release says and rests on; `name` is an id, or BASE:FLEET:YYYY-MM.

    connection: to the release's database. lake: the lake's folder, in which evidence is looked up. Raises ConfigError
    with the nearest names where there is no such finding.
    """
    finding = find(connection, name)
    say: dict[str, Callable[[duckdb.DuckDBPyConnection, Path, Finding], Explanation]] = {
        "visit": _visit,
        "gap": _gap,
        "claim": _claim,
        "month": _month,
    }
    told = say[finding.sort](connection, lake, finding)
    if rows(connection, _MADE_UP, finding.row["base_id"], "|".join(MADE_UP)):
        told.sentences.insert(0, "SIMULATED: visits of this base are made up, and never took place.")
    if finding.finding_id != name and finding.sort != "month":
        told.sentences.insert(0, f"{name} is {finding.finding_id} in this release.")
    return told


# ---- a visit


def _visit(connection: duckdb.DuckDBPyConnection, lake: Path, finding: Finding) -> Explanation:
    visit = finding.row
    terms = rows(connection, _TERMS, finding.finding_id)
    first, last = visit["first_evidence_at"], visit["last_evidence_at"]
    days = rows(connection, _DAYS, visit["base_id"], "all", first.date(), (last or first).date()) if first else []
    siblings = rows(connection, _SIBLINGS, visit["undecided_id"], finding.finding_id) if visit["undecided_id"] else []
    told = Explanation(finding, [*_of_visit(visit, _base(finding)), *_undecided(siblings)])
    told.tables = _filled(
        Table(
            "What was weighed, in log-odds: for the explanation, or negative against it; strongest first",
            ("explanation", "term", "value", "points"),
            [[row["explanation"], _words(row["term"]), row["value"], row["points"]] for row in terms],
        ),
        Table(
            "What else it may have been",
            ("explanation", "probability"),
            [[other["explanation"], other["probability"]] for other in visit["alternatives"] or []],
        ),
        Table("Where else it may have been instead; one of them took place", VISIT, _visit_rows(siblings)),
        Table("Its days at the base", _DAY, [[row[name] for name in _DAY] for row in days]),
    )
    told.evidence = origins.of_visits(connection, lake, [visit])
    told.rows = {"base_visits": [visit], "visit_terms": terms, "base_daily_activity": days}
    month = f"{first:%Y-%m}" if first else None
    told.commands = [
        *([f"basewatch explain {visit['base_id']}:all:{month}"] if month else []),
        *_about_aircraft(visit),
        f"basewatch cite {finding.finding_id} --out quoted",
    ]
    return told


def _of_visit(visit: Row, base: str) -> Iterable[str]:
    yield f"A stay of {_aircraft(visit)} at {base}, first in evidence {sentences.moment(visit['first_evidence_at'])}."
    yield f"Arrival: {_end(visit['arrived_at'], visit['arrival_evidence'])}. " + (
        f"Departure: {_end(visit['departed_at'], visit['departure_evidence'])}."
    )
    if visit["rule"]:
        yield f"Why: {visit['rule']}."
    counted = "it counts as a visit" if visit["is_counted"] else "it is shown, and counted nowhere"
    yield f"Confidence {visit['confidence']} of 4: {counted}."
    if visit["probability"] is not None:
        yield f"Nobody saw it on the ground. That it took place has the probability {percent(visit['probability'])}."
        if visit["explained_by"]:
            yield f"What weighs most: {'; '.join(visit['explained_by'])}."
    if visit["origin_icao"] or visit["destination_icao"]:
        origin, destination = (visit[name] or "an unknown field" for name in ("origin_icao", "destination_icao"))
        yield f"It came from {origin}, and left for {destination}."


def _undecided(siblings: list[Row]) -> Iterable[str]:
    if siblings:
        others = plural(len(siblings), "other place")
        yield f"It is undecided between this base and {others}: one of these stays took place."


def _end(at: Any, evidence: str) -> str:
    if evidence == "none" and at is None:
        return "not on record"
    when = f"{sentences.moment(at)}, " if at else "at an unknown time, "
    return when + sentences.EVIDENCE.get(evidence, evidence)


def _about_aircraft(visit: Row) -> list[str]:
    icao24 = visit["icao24"]
    known = icao24.removeprefix("reg:") if icao24 else visit["registration"]
    return [f"basewatch aircraft show {known}"] if known and known.replace("-", "").isalnum() else []


# ---- a gap


def _gap(connection: duckdb.DuckDBPyConnection, lake: Path, finding: Finding) -> Explanation:
    gap = finding.row
    key = gap["base_id"], gap["fleet_id"], gap["first_day"], gap["last_day"]
    unseen = rows(connection, _UNSEEN, *key)
    base, fleet, first, last = key
    around = rows(connection, _AROUND, base, fleet, fleet, gap["last_visit_on"], gap["resumed_on"])
    weak = rows(connection, _STAYS, False, base, fleet, fleet, first, last)
    claims = rows(connection, _CLAIMS, *key)
    told = Explanation(finding, list(_of_gap(gap, _base(finding), _fleet(connection, gap["fleet_id"]), weak)))
    told.tables = _filled(
        _seen_days(gap),
        Table(
            "Stretches of days that could not be seen",
            ("first_day", "last_day", "days", "observability"),
            [list(row.values()) for row in unseen],
        ),
        Table("The visits on either side of it", VISIT, _visit_rows(around)),
        Table("Weak signs in it, which count nowhere", VISIT, _visit_rows(weak)),
        Table("Claims about this time", _CLAIM, [[row[name] for name in _CLAIM] for row in claims]),
    )
    told.evidence = origins.of_visits(connection, lake, [*around, *weak])
    told.rows = {"base_gaps": [gap], "base_visits": [*around, *weak], "claim_checks": claims}
    told.rows["base_daily_activity"] = rows(connection, _DAYS, *key)
    told.commands = [
        *(f"basewatch explain {row['claim_id']}" for row in claims[:1]),
        f"basewatch visits --base {gap['base_id']} --fleet {gap['fleet_id']} --until {gap['last_visit_on']}",
        f"basewatch cite {finding.finding_id} --out quoted",
    ]
    return told


def _of_gap(gap: Row, base: str, fleet: str, weak: list[Row]) -> Iterable[str]:
    until = f"{gap['last_day']}, and it goes on" if gap["is_ongoing"] else str(gap["last_day"])
    yield f"No visit of {fleet} at {base} for {plural(gap['gap_days'], 'day')}, from {gap['first_day']} to {until}."
    yield f"It is {sentences.KINDS.get(gap['kind'], gap['kind'])}."
    seen = (gap["days_observed"] or 0) + (gap["days_unmeasured"] or 0)
    yield f"On {seen} of its days a visit could have been on record; on {gap['gap_days'] - seen} it could not."
    if gap["p_quiet"] is None:
        yield "Nothing is said of chance: there were fewer than 4 episodes of visits before it."
    else:
        yield (
            f"Before it there were {plural(gap['prior_episodes'], 'episode')} of visits in "
            f"{gap['prior_exposure_days']:.0f} observable days. At that rate the probability of so long a silence is "
            f"{probability(gap['p_quiet'])}; corrected for how many spells were looked at, "
            f"{probability(gap['p_quiet_scan'])}."
        )
    if gap["missed_visits_bound"] is not None:
        yield f"With 95 % confidence at most {gap['missed_visits_bound']:.1f} visits were missed in it."
    else:
        yield "How many visits may have been missed in it is not measured."
    if gap["holds_in"] is not None:
        yield f"The judgement stays the same under {percent(gap['holds_in'])} of the other settings that were tried."
    yield _ending(gap)
    if weak:
        yield f"In it there are weak signs of {plural(len(weak), 'stay')}, too weak to count."


def _ending(gap: Row) -> str:
    if gap["is_ongoing"]:
        sign = f"; the first weak sign of a visit is of {gap['first_sign_on']}" if gap["first_sign_on"] else ""
        return f"Nothing has ended it yet{sign}."
    how = {
        "resumed": "visits went on from then",
        "isolated_visit": "it was one visit alone",
        "coverage_changed": "what could be seen changed at that time, so the end may be one of the records alone",
    }
    by = " ".join(word for word in (gap["resumed_by_type"], gap["resumed_by_icao24"]) if word)
    named = f" by {by}" if by else ""
    return f"A visit ended it on {gap['resumed_on']}{named}: {how.get(gap['resumption'], gap['resumption'])}."


# ---- a claim


def _claim(connection: duckdb.DuckDBPyConnection, lake: Path, finding: Finding) -> Explanation:
    claim = finding.row
    mentions = rows(connection, "SELECT * FROM main.news_mentions WHERE mention_id = ? AND base_id = ?",
                    claim["mention_id"], claim["base_id"])  # fmt: skip
    visits = rows(connection, _NAMED, claim["visit_ids"] or [])
    gaps = rows(connection, "SELECT * FROM main.base_gaps WHERE gap_id = ?", claim["gap_id"])
    first, last, fleet = claim["claimed_from"], claim["claimed_to"], claim["fleet_id"] or "all"
    days = rows(connection, _DAYS, claim["base_id"], fleet, first, last) if first and last else []
    told = Explanation(finding, list(_of_claim(claim, _base(finding), mentions)))
    told.tables = _filled(
        Table("Visits that it was held against", VISIT, _visit_rows(visits)),
        _counted_days(days),
        Table("The spell with no visit that it was held against", _GAP, [[row[name] for name in _GAP] for row in gaps]),
    )
    told.evidence = [
        *(origins.of_article(connection, lake, mention) for mention in mentions),
        *origins.of_visits(connection, lake, visits),
    ]
    told.rows = {
        "claim_checks": [claim], "news_mentions": mentions, "base_visits": visits, "base_gaps": gaps,
        "base_daily_activity": days,
    }  # fmt: skip
    asked = f"--since {first} --until {last}" if first and last else ""
    told.commands = [
        *([f"basewatch explain {claim['gap_id']}"] if claim["gap_id"] else []),
        f"basewatch visits --base {claim['base_id']} --fleet {fleet} {asked}".rstrip(),
        f"basewatch cite {finding.finding_id} --out quoted",
    ]
    return told


def _of_claim(claim: Row, base: str, mentions: list[Row]) -> Iterable[str]:
    yield f"Claimed of {base}: {sentences.claim(claim)}."
    for mention in mentions:
        named = f"“{mention['title']}”, {mention['domain']}" if mention["title"] else f"{mention['domain']}"
        credit = f", crediting {mention['origin']}" if mention["origin"] else ""
        yield f"It stands in {named}, {sentences.moment(mention['published_at'])}{credit}."
    yield f"Verdict: {sentences.VERDICTS.get(claim['verdict'], claim['verdict'])}. {claim['explanation']}"
    first, last = claim["claimed_from"], claim["claimed_to"]
    if first and last:
        seen = "an unknown number" if claim["days_observable"] is None else str(claim["days_observable"])
        yield f"Of the {plural((last - first).days + 1, 'day')} that it speaks of, {seen} could be seen."


# ---- a month


def _month(connection: duckdb.DuckDBPyConnection, lake: Path, finding: Finding) -> Explanation:
    month = finding.row
    first = month["month"]
    last = _last_of(first)
    base, fleet = month["base_id"], month["fleet_id"]
    visits = rows(connection, _STAYS, True, base, fleet, fleet, first, last)
    weak = rows(connection, _STAYS, False, base, fleet, fleet, first, last)
    days = rows(connection, _DAYS, base, fleet, first, last)
    gaps = rows(connection, _GAPS, base, fleet, first, last)
    claims = rows(connection, _CLAIMS, base, fleet, first, last)
    told = Explanation(finding, list(_of_month(month, _base(finding), _fleet(connection, fleet), weak)))
    told.tables = _filled(
        Table("Visits that count", VISIT, _visit_rows(visits)),
        Table("Weak signs and press reports, which count nowhere", VISIT, _visit_rows(weak)),
        _counted_days(days),
        Table("Spells with no visit that reach into it", _GAP, [[row[name] for name in _GAP] for row in gaps]),
        Table("Claims about this time", _CLAIM, [[row[name] for name in _CLAIM] for row in claims]),
    )
    told.evidence = origins.of_visits(connection, lake, [*visits, *weak])
    told.rows = {
        "base_monthly_activity": [month], "base_visits": [*visits, *weak], "base_daily_activity": days,
        "base_gaps": gaps, "claim_checks": claims,
    }  # fmt: skip
    told.commands = [
        *(f"basewatch explain {row['gap_id']}" for row in gaps[:1]),
        *(f"basewatch explain {row['visit_id']}" for row in visits[:1]),
        f"basewatch cite {finding.finding_id} --out quoted",
    ]
    return told


def _of_month(month: Row, base: str, fleet: str, weak: list[Row]) -> Iterable[str]:
    named, visits = f"{month['month']:%Y-%m}", month["visits"]
    unseen = (month["days_blind"] or 0) + (month["days_missing"] or 0)
    seen = (month["days_observed"] or 0) + (month["days_unmeasured"] or 0)
    if visits is None:
        yield f"How many visits of {fleet} there were at {base} in {named} is not known. That is not zero."
    else:
        yield f"{plural(visits, 'visit').capitalize()} of {fleet} at {base} in {named}."
    if month["is_partial"]:
        yield "The month has not ended in this release."
    yield f"On {plural(seen, 'day')} a visit could have been on record, on {plural(unseen, 'day')} it could not."
    if month["activity"] == "unknown":
        yield "Too few days could be seen: the month says nothing of what happened on the ground."
    elif month["activity"] == "quiet":
        yield "Most days could be seen, and no visit is on record. Who broadcasts nothing leaves no record."
    elif unseen:
        yield "The count is a lower bound: days that could not be seen may have had visits."
    if month["visits_expected"] is not None:
        low, high = month["visits_expected_low"], month["visits_expected_high"]
        yield (
            f"With what was too weak to list, or could not be heard, {month['visits_expected']:.1f} visits are "
            f"expected (90 % interval {low} to {high})."
        )
    if month["is_surge"]:
        yield f"So many visits at the earlier rate have the probability {probability(month['p_surge'])}: it is a surge."
    if weak:
        yield f"There are weak signs or press reports of {plural(len(weak), 'stay')}; none counts."


# ---- what several share


def _last_of(first: date) -> date:
    return first.replace(day=monthrange(first.year, first.month)[1])


def _base(finding: Finding) -> str:
    base = finding.base
    return f"{base['name']} ({base['base_id']})" if base["name"] else str(base["base_id"])


def _fleet(connection: duckdb.DuckDBPyConnection, fleet: str) -> str:
    if fleet == "all":
        return "any aircraft"
    found = rows(connection, "SELECT name FROM main.fleets WHERE fleet_id = ?", fleet)
    name = found[0]["name"] if found else None
    return f"{name} ({fleet})" if name else fleet


def _aircraft(visit: Row) -> str:
    named = sentences.aircraft(visit)
    address = visit["icao24"]
    return named if not address or address == named or address.startswith("reg:") else f"{named} (address {address})"


def _filled(*tables: Table) -> list[Table]:
    """Tables that have rows, each cut to a length that is told."""
    return [
        table if len(table.rows) <= SHOWN else Table(
            f"{table.title} (the first {SHOWN} of {len(table.rows)})", table.columns, table.rows[:SHOWN]
        )
        for table in tables
        if table.rows
    ]  # fmt: skip


def _visit_rows(visits: list[Row]) -> list[list[Any]]:
    return [
        [
            row["visit_id"], sentences.first_evidence(row), sentences.aircraft(row), row["arrival_evidence"],
            row["departure_evidence"], row["confidence"], row["probability"], row["sources"],
        ]
        for row in visits
    ]  # fmt: skip


def _seen_days(row: Row) -> Table:
    counts = [(state, row[f"days_{state}"], meaning) for state, meaning in sentences.OBSERVABILITY.items()]
    return Table("Its days", ("observability", "days", "meaning"), [list(count) for count in counts if count[1]])


def _counted_days(days: list[Row]) -> Table:
    counts = {state: sum(day["observability"] == state for day in days) for state in sentences.OBSERVABILITY}
    return Table(
        "Its days",
        ("observability", "days", "meaning"),
        [[state, counts[state], sentences.OBSERVABILITY[state]] for state in counts if counts[state]],
    )


def _words(term: str) -> str:
    """What a term of the inference is, in words; of a pair joined by ` x `, both."""
    return ", together with ".join(_evidence_words().get(part, part) for part in term.split(" x "))


@cache
def _evidence_words() -> dict[str, str]:
    text = files("basewatch.sql.reference").joinpath("evidence_words.csv").read_text(encoding="utf-8")
    return {row["term"]: row["words"] for row in csv.DictReader(io.StringIO(text))}


_DAY = ("day", "visits", "observability", "detection", "background_aircraft", "interference")
_CLAIM = ("claim_id", "claim", "claimed_from", "claimed_to", "verdict", "explanation")
_GAP = ("gap_id", "kind", "first_day", "last_day", "gap_days", "p_quiet_scan", "is_ongoing")

_TERMS = """
SELECT t.* FROM main.visit_terms AS t INNER JOIN main.base_visits AS v ON t.visit_id = v.visit_id
WHERE t.visit_id = ?
ORDER BY contains(t.explanation, '(' || v.base_id || ')') DESC, t.explanation, abs(t.points) DESC, t.term
"""

_MADE_UP = """
SELECT 1 FROM main.base_visits WHERE base_id = ? AND regexp_matches(array_to_string(sources, ' '), ?, 'i') LIMIT 1
"""

_SIBLINGS = "SELECT * FROM main.base_visits WHERE undecided_id = ? AND visit_id <> ? ORDER BY visit_id"

_DAYS = """
SELECT * FROM main.base_daily_activity WHERE base_id = ? AND fleet_id = ? AND day BETWEEN ? AND ? ORDER BY day
"""

_UNSEEN = """
WITH days AS (
    SELECT day, observability, day - CAST(row_number() OVER (PARTITION BY observability ORDER BY day) AS INTEGER) AS run
    FROM main.base_daily_activity
    WHERE base_id = ? AND fleet_id = ? AND day BETWEEN ? AND ? AND observability IN ('blind', 'missing')
)
SELECT min(day)::DATE AS first_day, max(day)::DATE AS last_day, count(*) AS days, observability
FROM days GROUP BY observability, run ORDER BY first_day
"""

_AROUND = """
SELECT * FROM main.base_visits
WHERE base_id = ? AND is_counted AND (? = 'all' OR list_contains(fleets, ?))
    AND (last_evidence_at::DATE = ? OR first_evidence_at::DATE = ?)
ORDER BY first_evidence_at, visit_id
"""

_STAYS = """
SELECT * FROM main.base_visits
WHERE is_counted = ? AND base_id = ? AND (? = 'all' OR list_contains(fleets, ?))
    AND first_evidence_at::DATE BETWEEN ? AND ?
ORDER BY first_evidence_at, visit_id
"""

_NAMED = "SELECT * FROM main.base_visits WHERE list_contains(?, visit_id) ORDER BY first_evidence_at, visit_id"

_GAPS = """
SELECT * FROM main.base_gaps WHERE base_id = ? AND fleet_id = ? AND last_day >= ? AND first_day <= ? ORDER BY first_day
"""

_CLAIMS = """
SELECT * FROM main.claim_checks
WHERE base_id = ? AND coalesce(fleet_id, 'all') IN ('all', ?) AND claimed_to >= ? AND claimed_from <= ?
ORDER BY list_position(['pause', 'resumption', 'flight'], claim), claimed_from, claim_id
"""
