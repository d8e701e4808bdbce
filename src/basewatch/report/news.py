"""What is new in a release, in sentences, from its summary alone: the first screen, `status` and pages show them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

NAMED = 5  # of a kind, before the rest is counted


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
        yield f"New: a pause of {_of_whom(gap)} since {gap['first_day']}, {gap['gap_days']} days ({_why(gap)})."
    for gap in summary["pauses_ended"][:NAMED]:
        yield (
            f"Ended: the silence of {_of_whom(gap)} of {gap['first_day']} to {gap['last_day']}, "
            f"{gap['gap_days']} days: {gap['resumption'].replace('_', ' ')} ({_why(gap)})."
        )
    for gap in summary["pauses_withdrawn"][:NAMED]:
        now = f"is {gap['kind_now'].replace('_', ' ')} now" if gap["kind_now"] else "is none any more"
        yield f"Corrected: the pause of {_of_whom(gap)} since {gap['first_day']} {now} ({_why(gap)})."


def _claims(summary: Mapping[str, Any]) -> Iterator[str]:
    changed = [claim for claim in summary["claims"] if claim["verdict"] != claim["verdict_before"]]
    for claim in changed[:NAMED]:
        before = f", before {claim['verdict_before'].replace('_', ' ')}" if claim["verdict_before"] else ""
        yield f"Claim {claim['claim_id']}: {claim['verdict'].replace('_', ' ')}{before}: {claim['explanation']}"
    if changed[NAMED:]:
        yield f"And {len(changed) - NAMED} more verdicts: `basewatch diff` lists what changed."


def _visits(summary: Mapping[str, Any]) -> Iterator[str]:
    of_all = [row for row in summary["visits"] if row["fleet_id"] == "all"]
    for row in of_all[:NAMED]:
        counts = {"new": row["added"], "gone": row["removed"], "altered": row["altered"]}
        shown = ", ".join(f"{number} {what}" for what, number in counts.items() if number)
        yield f"Visits of {row['base_id']}: {shown} ({row['first_day']} to {row['last_day']})."
    if of_all[NAMED:]:
        yield f"And visits of {len(of_all) - NAMED} more bases."


def _doubts(summary: Mapping[str, Any]) -> Iterator[str]:
    for because in summary["accepted_because"]:
        yield f"Accepted without a cause: {because}."
    for failed in summary["gates"]["failed"][:NAMED]:
        yield f"Warning: {failed['table_name']}: {failed['check_name']}: {failed['observed']}."
    for sentence in summary["late_sources"]:
        yield f"Late: {sentence}."


def _of_whom(gap: Mapping[str, Any]) -> str:
    return gap["base_id"] if gap["fleet_id"] == "all" else f"{gap['base_id']} ({gap['fleet_id']})"


def _why(gap: Mapping[str, Any]) -> str:
    words = {"as_of": "time has passed", "unexplained": "without a cause"}
    return words.get(gap["cause"]) or str(gap["cause"]).replace("_", " ")
