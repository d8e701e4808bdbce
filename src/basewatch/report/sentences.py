"""The plain answer for one base, in sentences that say what was recorded and never more than that."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from basewatch.report import brackets
from basewatch.report.base_data import BaseView
from basewatch.report.listing import Row
from basewatch.report.safe_text import probability

CAVEAT = "Silence in the data is not silence on the ground."

KINDS = {
    "pause": "a pause: well observed, and longer than chance explains",
    "lull": "a lull: such a spell may be chance",
    "not_judged": "not judged: too few earlier visits to say what is usual here",
    "ambiguous": "ambiguous: only part of its days could be observed",
    "unobserved": "unobserved: most of its days could not be seen, so it says nothing about the ground",
}
VERDICTS = brackets.VERDICTS
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
COVERAGE = {  # of so many days, in words that need no key
    "observed": "On {days} other traffic proves that the field could be seen.",
    "unmeasured": "On {days} the lists of flights are complete, but no other traffic was heard that would prove that "
    "the field could be seen.",
    "blind": "On {days} receivers heard nothing of what they should have heard near the base: a visit would be missed.",
    "missing": "On {days} nobody looked, or not at the whole day.",
}


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


def answer(view: BaseView, fleet_name: str, as_of: date | None) -> list[str]:
    """Sentences for the head of the page: last visit, longest spell, the spell that lasts, observability."""
    return [
        *_visits(view, fleet_name),
        *_spells(view, as_of),
        *coverage(view),
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


def is_about(row: Row, fleet: str) -> bool:
    """Whether a claim is about a fleet's flights, or about flights of which those are a part."""
    return fleet == "all" or row["fleet_id"] in (None, "all", fleet)


def coverage(view: BaseView) -> list[str]:
    """How well the base could be seen, in sentences."""
    counts = view.days
    total = sum(counts.values())
    if not total:
        return ["No day of this base was looked at: its activity is unknown, not nil."]
    told = [
        COVERAGE[state].format(days=plural(count, "day") if count < total else f"all {plural(total, 'day')} on record")
        for state, count in counts.items()
        if count
    ]
    if len(told) > 1:
        told.insert(0, f"{plural(total, 'day')} are on record.")
    if counts["observed"] + counts["unmeasured"] == 0:
        beyond = "what else happened" if view.visits.total else "activity"
        told.append(f"No day could be seen in full: {beyond} is unknown, not nil.")
    return told


def accuracy(view: BaseView) -> list[str]:
    """How often a visit that was hidden was found again, in a sentence; where nothing was measured, that."""
    hidden = sum(row["hidden"] or 0 for row in view.accuracy)
    if not hidden:
        return ["How often an inferred visit of this base is right was not measured: nothing was heard that could be "
                "hidden and judged anew."]  # fmt: skip
    found, wrong = (sum(row[name] or 0 for row in view.accuracy) for name in ("found", "wrong"))
    whose = (
        " Too few were hidden at this base, so that these are the figures of all bases." * view.accuracy[0]["is_pooled"]
    )
    return [
        f"Of {plural(hidden, 'stay')} that were heard and then hidden, {found} were found again; "
        f"{plural(wrong, 'silence')} would have counted as a visit and were none.{whose}"
    ]


ACCURACY = {  # over all bases, by what is measured
    "stay": "Of {hidden} stays that were heard and then hidden, {found} were found again; {wrong} silences would have "
    "counted as a visit and were none.",
    "news_base": "Of {hidden} names of bases in labelled texts, {found} were read as they are labelled; {wrong} were "
    "read where no base is meant.",
    "claim": "Of {hidden} claims in labelled texts, {found} were read as they are labelled; {wrong} were read that "
    "nobody makes.",
}


def accuracy_over_all(measured: list[Row]) -> list[str]:
    """How often what is inferred and read is right, over all bases, in sentences."""
    return [ACCURACY[row["subject"]].format(**row) for row in measured if row["subject"] in ACCURACY]


def lead(row: Row, stories: list[Row]) -> str:
    """How long before a story a visit was on record, or after it."""
    story = next((one for one in stories if one["story_id"] == row["story_id"]), None)
    named = f"“{story['title']}”" if story and story["title"] else "a story"
    days = row["lead_days"]
    when = "before" if days >= 0 else "after"
    return f"The first visit that {named} speaks of was on record {abs(days):.1f} days {when} it appeared."


def silence(gap: Row) -> str:
    """A spell with no visit in plain words: when, how well it was seen, whether chance explains it, what ended it."""
    seen = (gap["days_observed"] or 0) + (gap["days_unmeasured"] or 0)
    unseen = (gap["days_blind"] or 0) + (gap["days_missing"] or 0)
    when = f"From {gap['first_day']} to {gap['last_day']}, {plural(gap['gap_days'], 'day')}, no visit is on record."
    if not unseen:
        looked = "A visit could have been on record on each of them."
    elif not seen:
        looked = "On none of them could one have been on record: this says nothing of the ground."
    else:
        looked = f"On {plural(unseen, 'day')} of them one could not have been."
    chance = gap["p_quiet_scan"]
    odds = "" if chance is None else f" So long a silence by chance has the probability {probability(chance)}."
    kind = {
        "pause": "It is a pause.",
        "lull": "It is a lull: it may be chance.",
        "not_judged": "Too few visits came before it to judge it.",
        "ambiguous": "It was seen in part, so it is not judged.",
        "unobserved": "It was hardly seen, so it is not judged.",
    }.get(gap["kind"] or "", "")
    return " ".join(part for part in (when, looked + odds, kind, _ended(gap)) if part)


def _ended(gap: Row) -> str:
    if gap["is_ongoing"]:
        return "It still goes on."
    if gap["resumed_on"] is None:
        return ""
    by = f" by {gap['resumed_by_type']}" if gap["resumed_by_type"] else ""
    how = {
        "resumed": "visits went on from then",
        "isolated_visit": "it was one visit alone",
        "coverage_changed": "what could be seen changed at that time as well",
    }.get(gap["resumption"] or "")
    return f"A visit{by} ended it on {gap['resumed_on']}{': ' + how if how else ''}."
