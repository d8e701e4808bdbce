"""The plain answer for one base, in sentences that say what was recorded and never more than that."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from basewatch.report.charts import Row
from basewatch.report.data import BaseView
from basewatch.report.safe_text import probability

CAVEAT = "Silence in the data is not silence on the ground."

KINDS = {
    "pause": "a pause: well observed, and longer than chance explains",
    "lull": "a lull: such a spell may be chance",
    "not_judged": "not judged: too few earlier visits to say what is usual here",
    "ambiguous": "ambiguous: only part of its days could be observed",
    "unobserved": "unobserved: most of its days could not be seen, so it says nothing about the ground",
}
VERDICTS = {
    "corroborated": "corroborated",
    "partly": "partly corroborated",
    "contradicted": "contradicted",
    "not_observable": "not observable",
    "no_data": "no data",
}
SIGNS = {"corroborated": "✓", "partly": "◐", "contradicted": "✕", "not_observable": "◌", "no_data": "–"}
EVIDENCE = {
    "touchdown": "touchdown",
    "aligned_loss": "lost low on the runway line",
    "descent_loss": "lost descending towards the field",
    "reappearance": "next heard climbing away",
    "inbound_only": "inbound, then lost",
    "reported": "reported by a source",
    "none": "none",
}
OBSERVABILITY = {
    "observed": "other traffic proves that the field could be seen",
    "unmeasured": "records are complete, but no other traffic to judge by",
    "blind": "what should have been heard near the base was not",
    "missing": "not, or not wholly, ingested",
}
CLAIMS_SAID = 3


def span(first: Any, last: Any) -> str:
    """Two dates as a range; a missing end is said to be open."""
    if first is None and last is None:
        return "no stated date"
    if first is None:
        return f"until {last}"
    if last is None:
        return f"from {first}"
    return f"on {first}" if first == last else f"{first} to {last}"


def plural(count: int | None, word: str) -> str:
    """`3 visits`, `1 visit`, `2 stories`; an unknown number is said to be one."""
    many = f"{word[:-1]}ies" if word.endswith("ry") else f"{word}s"
    return f"an unknown number of {many}" if count is None else f"{count} {word if count == 1 else many}"


def moment(at: datetime | None) -> str:
    """A time in UTC, to the minute; midnight sharp is a source that gave the day alone."""
    if at is None:
        return "undated"
    return f"{at:%Y-%m-%d}" if (at.hour, at.minute, at.second) == (0, 0, 0) else f"{at:%Y-%m-%d %H:%M} UTC"


def first_evidence(visit: Row) -> Any:
    """When a stay was first in evidence: to the minute, or the day alone where no end of it has a time."""
    moment = visit["first_evidence_at"]
    timed = visit["arrived_at"] is not None or visit["departed_at"] is not None
    return moment if timed or moment is None else moment.date()


def aircraft(visit: Row) -> str:
    """Type, registration and callsign, as far as known; else the address."""
    parts = [visit["type_code"], visit["registration"]]
    named = " ".join(part for part in parts if part)
    return named or visit["callsign"] or visit["icao24"] or "unidentified aircraft"


def claim(row: Row) -> str:
    """What a claim says, in one phrase."""
    when = span(row["claimed_from"], row["claimed_to"])
    if row["claim"] == "pause":
        return f"No flights, {when}"
    if row["claim"] == "resumption":
        return f"Flights resumed, {when}"
    count = f"{row['claimed_count']} × " if row["claimed_count"] else ""
    route = f", {row['route']}" if row["route"] else ""
    return f"{count}{row['type_code'] or 'flight'}{route}, {when}"


def answer(view: BaseView, fleet: str, as_of: date | None) -> list[str]:
    """Sentences for the head of the page: last visit, longest spell, the spell that lasts, claims, observability."""
    return [
        *_visits(view, fleet),
        *_spells(view, as_of),
        *_pause_claims(view, fleet),
        *_observed(view),
    ]


def _visits(view: BaseView, fleet: str) -> list[str]:
    last = view.last_visit
    if last is None:
        undated = f"{plural(view.visits.total, 'visit')} of {fleet} on record, without a date."
        sentences = [undated if view.visits.total else f"No visit of {fleet} is on record."]
        if view.weak.total:
            sentences.append(f"Press reports and weak signs, shown below and not counted: {view.weak.total}.")
        return sentences
    sentences = [
        f"Last recorded visit: {last['last_evidence_at']:%Y-%m-%d} ({aircraft(last)}, confidence "
        f"{last['confidence']} of 4); {plural(view.visits.total, 'visit')} on record in all."
    ]
    if view.made_up_visits:
        sentences.append(f"Simulated, so never happened: {view.made_up_visits} of these {view.visits.total}.")
    return sentences


def _spells(view: BaseView, as_of: date | None) -> list[str]:
    sentences = []
    gaps = [gap for gap in view.all_gaps if gap["gap_days"] is not None]
    longest = max(gaps, key=lambda gap: (gap["gap_days"], str(gap["first_day"])), default=None)
    if longest is not None:
        sentences.append(f"Longest spell with no visit: {_spell(longest)}.")
        seen = [gap for gap in gaps if gap["kind"] in ("pause", "lull")]
        best = max(seen, key=lambda gap: (gap["gap_days"], str(gap["first_day"])), default=None)
        if best is not None and best is not longest:
            sentences.append(f"Longest that was well enough observed to judge: {_spell(best)}.")
    elif view.last_visit is not None:
        sentences.append("No spell without a visit is long enough to be listed.")
    ongoing = next((gap for gap in gaps if gap["is_ongoing"]), None)
    if ongoing is not None and ongoing is not longest:
        until = f" up to {as_of}" if as_of else ""
        sentences.append(
            f"No visit since {ongoing['last_visit_on'] or ongoing['first_day']}{until}: {_spell(ongoing)}."
        )
    return sentences


def _spell(gap: Row) -> str:
    end = f"{gap['last_day']}, still going on" if gap["is_ongoing"] else f"{gap['last_day']}"
    p = "" if gap["p_quiet_scan"] is None else f" (p\u00a0{probability(gap['p_quiet_scan'])})"
    return f"{plural(gap['gap_days'], 'day')}, {gap['first_day']} to {end}; {KINDS.get(gap['kind'], gap['kind'])}{p}"


def _pause_claims(view: BaseView, fleet: str) -> list[str]:
    claims = [row for row in view.claims.rows if row["claim"] == "pause" and row["fleet_id"] in (None, fleet)]
    verdicts = [
        f"The claimed pause, {span(row['claimed_from'], row['claimed_to'])}, {_verdict(row)}." for row in claims
    ]
    distinct = list(dict.fromkeys(verdicts))
    more = len(distinct) - CLAIMS_SAID
    return distinct[:CLAIMS_SAID] + ([f"{plural(more, 'further claimed pause')} below."] if more > 0 else [])


def _verdict(row: Row) -> str:
    visits = row["visits_recorded"] if row["visits_recorded"] is not None else (len(row["visit_ids"]) or None)
    if row["verdict"] == "contradicted":
        return f"is contradicted by {plural(visits, 'visit')} on record"
    if row["verdict"] == "corroborated":
        return "is corroborated: a spell with no visit fills it"
    if row["verdict"] == "not_observable":
        return "cannot be judged: too few of its days could be observed"
    return "cannot be judged: there is no data for it"


def _observed(view: BaseView) -> list[str]:
    counts = view.days
    total = sum(counts.values())
    if not total:
        return ["No day of this base was looked at: its activity is unknown, not nil."]
    states = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    sentence = f"Of {plural(total, 'day')} on record: {states}."
    if counts["observed"] + counts["unmeasured"] == 0:
        beyond = "what else happened" if view.visits.total else "activity"
        sentence += f" No day could be seen in full: {beyond} is unknown, not nil."
    return [sentence]
