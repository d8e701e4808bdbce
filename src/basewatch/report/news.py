"""What a release says, in sentences, from its summary alone: the first screen, `status` and pages show them.

What is new comes first, then silences that go on, then what became of the press's claims, and last what to type next.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from basewatch.report.safe_text import probability

NAMED = 5  # of a kind, before the rest is counted
KINDS = {  # of a silence that goes on, in a few words
    "pause": "a pause: longer than chance explains",
    "lull": "a lull: it may be chance",
    "not_judged": "not judged: too few earlier visits",
    "ambiguous": "ambiguous: only part of its days could be seen",
    "unobserved": "unobserved: most of its days could not be seen",
}
JUDGED = ("contradicted", "corroborated", "partly")  # verdicts that say something


def what_matters(summary: Mapping[str, Any] | None, fleet: str, bases: Collection[str] = ()) -> dict[str, list[str]]:
    """What is new, silences that go on, and verdicts, in this order, by heading; nothing of what there is none of."""
    before = summary["compared_with"] if summary else None
    told = {
        f"New since release {before}": sentences(summary),
        "Silences that go on": ongoing(summary, fleet, bases),
        "What the press claimed": verdicts(summary, bases),
    }
    return {heading: said for heading, said in told.items() if said}


def sentences(summary: Mapping[str, Any] | None) -> list[str]:
    """What changed since the release before, the most newsworthy first; empty where there was none.

    summary: None for a release of an earlier version.
    """
    if summary is None or not summary["compared_with"]:
        return []
    told = [*_pauses(summary), *_claims(summary), *_visits(summary), *_doubts(summary)]
    return told or [f"Nothing that counts has changed since release {summary['compared_with']}."]


def _pauses(summary: Mapping[str, Any]) -> Iterator[str]:
    for gap in summary["pauses_called"][:NAMED]:
        since = f"{gap['first_day']}, {gap['gap_days']} days"
        yield f"New: a pause of {_of_whom(gap, summary)} since {since} ({_why(gap)})."
    for gap in summary["pauses_ended"][:NAMED]:
        yield (
            f"Ended: the silence of {_of_whom(gap, summary)} of {gap['first_day']} to {gap['last_day']}, "
            f"{gap['gap_days']} days: {gap['resumption'].replace('_', ' ')} ({_why(gap)})."
        )
    for gap in summary["pauses_withdrawn"][:NAMED]:
        now = f"is {gap['kind_now'].replace('_', ' ')} now" if gap["kind_now"] else "is none any more"
        yield f"Corrected: the pause of {_of_whom(gap, summary)} since {gap['first_day']} {now} ({_why(gap)})."


def _claims(summary: Mapping[str, Any]) -> Iterator[str]:
    changed = [claim for claim in summary["claims"] if claim["verdict"] != claim["verdict_before"]]
    for claim in changed[:NAMED]:
        before = f", before {_words(claim['verdict_before'])}" if claim["verdict_before"] else ""
        yield f"Now {_words(claim['verdict'])}{before}: {_claimed(claim, summary)}. {claim['explanation']}"
    if changed[NAMED:]:
        yield f"And {len(changed) - NAMED} more verdicts: `basewatch diff` lists what changed."


def _visits(summary: Mapping[str, Any]) -> Iterator[str]:
    of_all = [row for row in summary["visits"] if row["fleet_id"] == "all"]
    for row in of_all[:NAMED]:
        counts = {"new": row["added"], "gone": row["removed"], "altered": row["altered"]}
        shown = ", ".join(f"{number} {what}" for what, number in counts.items() if number)
        yield f"Visits of {base_name(row['base_id'], summary)}: {shown} ({row['first_day']} to {row['last_day']})."
    if of_all[NAMED:]:
        yield f"And visits of {len(of_all) - NAMED} more bases."


def _doubts(summary: Mapping[str, Any]) -> Iterator[str]:
    for because in summary["accepted_because"]:
        yield f"Accepted without a cause: {because}."
    for failed in summary["gates"]["failed"][:NAMED]:
        yield f"Warning: {failed['table_name']}: {failed['check_name']}: {failed['observed']}."
    for sentence in summary["late_sources"]:
        yield f"Late: {sentence}."


def ongoing(summary: Mapping[str, Any] | None, fleet: str, bases: Collection[str] = ()) -> list[str]:
    """Silences that go on, the most newsworthy first: how long, how probable by chance, and what could not be seen.

    fleet: whose. bases: of these alone; of all where none is named.
    """
    gaps = _chosen(summary, "ongoing", fleet, bases)
    told = [_silence(gap, summary or {}) for gap in gaps[:NAMED]]
    more = len(gaps) - NAMED
    return [*told, *([f"And {more} more silences that go on: `basewatch gaps --fleet {fleet}`."] if more > 0 else [])]


def _silence(gap: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    chance = gap["p_quiet_scan"]
    odds = "" if chance is None else f"; probability by chance {probability(chance)}"
    unseen = gap["days_unseen"]
    seen = "all of its days could be seen" if not unseen else f"{unseen} of its days could not be seen"
    return f"{_mark(gap, summary)}{_since(gap, summary)}: {KINDS.get(gap['kind'], gap['kind'])}{odds}; {seen}."


def verdicts(summary: Mapping[str, Any] | None, bases: Collection[str] = ()) -> list[str]:
    """What became of the press's claims, those that could be judged first; each statement is said once."""
    claims = _claims_in_order(summary, bases)
    told = list(dict.fromkeys(_verdict(claim, summary or {}) for claim in claims))
    more = len(told) - NAMED
    return [*told[:NAMED], *([f"And {more} more claims: `basewatch claims`."] if more > 0 else [])]


def _claims_in_order(summary: Mapping[str, Any] | None, bases: Collection[str]) -> list[Mapping[str, Any]]:
    claims = [claim for claim in (summary or {}).get("claims", []) if not bases or claim["base_id"] in bases]
    sorts = ("pause", "resumption", "flight")
    return sorted(claims, key=lambda claim: (claim["verdict"] not in JUDGED, sorts.index(claim["claim"])))


def _verdict(claim: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    return f"{_mark(claim, summary)}{_claimed(claim, summary)}: {_words(claim['verdict'])}. {claim['explanation']}"


def _claimed(claim: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    """What the press said, in one phrase."""
    first, last = claim["claimed_from"], claim["claimed_to"]
    when = f"on {first}" if first and first == last else f"{first or '…'} to {last or '…'}"
    count, sort = claim.get("claimed_count"), claim.get("type_code")
    flights = "a flight" if count in (None, 1) else f"{count} flights"
    flown = f"{count} × {sort}" if count and sort else sort or flights
    what = {"pause": "no flights", "resumption": "flights again"}.get(claim["claim"], flown)
    return f"The press on {base_name(claim['base_id'], summary)}: {what}, {when}"


def headline(summary: Mapping[str, Any], fleet: str, base: str) -> str | None:
    """The finding about a base that matters most: a pause that goes on, a claim's verdict, another silence.

    Silences that could not be seen are no title.

    None where there is none of them.
    """
    gaps = _chosen(summary, "ongoing", fleet, [base])
    judged = [claim for claim in _claims_in_order(summary, [base]) if claim["verdict"] in JUDGED]
    if gaps and gaps[0]["kind"] == "pause":
        return f"{_mark(gaps[0], summary)}{_since(gaps[0], summary)}"
    if judged:
        return _finding(judged[0], summary)
    seen = [gap for gap in gaps if gap["kind"] in ("lull", "not_judged")]
    return f"{_mark(seen[0], summary)}{_since(seen[0], summary)}" if seen else None


def _since(gap: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    return (
        f"No visit of {fleet_name(gap['fleet_id'], summary)} at {base_name(gap['base_id'], summary)} since "
        f"{gap['first_day']}, {gap['gap_days']} days"
    )


def _finding(claim: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    """What became of a judged claim, as a title."""
    base, mark = base_name(claim["base_id"], summary), _mark(claim, summary)
    first, last = claim["claimed_from"], claim["claimed_to"]
    visits = claim.get("visits_recorded")
    if claim["claim"] == "pause" and claim["verdict"] == "contradicted" and visits is not None:
        counted = f"{visits} visit to {base} is" if visits == 1 else f"{visits} visits to {base} are"
        return f"{mark}{counted} on record from {first or '…'} to {last or '…'}, when the press had no flights"
    if claim["claim"] == "pause" and claim["verdict"] == "corroborated":
        return f"{mark}No visit to {base} from {first or '…'} to {last or '…'}: the record bears out the press"
    return f"{mark}{_claimed(claim, summary)}: {_words(claim['verdict'])}"


def next_commands(summary: Mapping[str, Any] | None, fleet: str, bases: Collection[str] = ()) -> list[str]:
    """Three commands that lead on: why the first silence or verdict is said, the months of that base, the report."""
    named = [
        *((gap["gap_id"], gap["base_id"]) for gap in _chosen(summary, "ongoing", fleet, bases)),
        *((claim["claim_id"], claim["base_id"]) for claim in _claims_in_order(summary, bases)),
    ]
    months = f"basewatch months --fleet {fleet}"
    if not named:
        return ["basewatch sources", months, "basewatch open"]
    finding, base = named[0]
    return [f"basewatch explain {finding}", f"{months} --base {base}", "basewatch open"]


def _chosen(summary: Mapping[str, Any] | None, key: str, fleet: str, bases: Collection[str]) -> list[Mapping[str, Any]]:
    rows = (summary or {}).get(key, [])
    return [row for row in rows if row["fleet_id"] == fleet and (not bases or row["base_id"] in bases)]


def base_name(base: str, summary: Mapping[str, Any]) -> str:
    """How a base is called, in short: the first of its names."""
    return str(summary.get("names", {}).get("bases", {}).get(base) or base).split(" / ")[0]


def fleet_name(fleet: str, summary: Mapping[str, Any]) -> str:
    """How a fleet is called."""
    name = summary.get("names", {}).get("fleets", {}).get(fleet)
    return "any aircraft" if fleet == "all" else str(name or fleet)


def _mark(row: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    return "SIMULATED: " if row["base_id"] in summary.get("made_up", []) else ""


def _words(verdict: str) -> str:
    return verdict.replace("_", " ")


def _of_whom(gap: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    base = base_name(gap["base_id"], summary)
    return base if gap["fleet_id"] == "all" else f"{base} ({fleet_name(gap['fleet_id'], summary)})"


def _why(gap: Mapping[str, Any]) -> str:
    words = {"as_of": "time has passed", "unexplained": "without a cause"}
    return words.get(gap["cause"]) or str(gap["cause"]).replace("_", " ")
