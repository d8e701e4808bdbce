"""What an earlier release said otherwise, and why it does no more: said wherever a figure changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from basewatch.report.listing import Row

SHOWN = 6
DAYS_NAMED = 3
CAUSES = {
    "new_source_day": "days were read that nobody had read before",
    "late_source_day": "records came in late",
    "restated_source_day": "the provider stated its records anew",
    "withdrawn": "records were taken back",
    "reference": "facts about bases, aircraft or fleets were edited",
    "parameter": "a threshold was changed",
    "code": "the program judges otherwise than before",
    "learnt": "what the program learns from earlier months was learnt anew",
    "as_of": "time has passed",
    "unexplained": "of a cause that is not known",
}


def corrections(
    summary: Mapping[str, Any] | None,
    changes: Sequence[Row],
    base: str,
    fleet: str,
    since: date | None = None,
    until: date | None = None,
) -> list[str]:
    """Sentences about figures of a base and fleet that the release before gave otherwise, the latest month first.

    summary: the release's. changes: rows of release_changes about the base. since, until: of these months alone.
    """  # fmt: skip
    if not summary or not summary.get("compared_with"):
        return []
    told = [*_claims(summary, changes, base), *_pauses(summary, changes, base, fleet)]
    told += _months(summary, changes, base, fleet, since, until)
    more = len(told) - SHOWN
    return told[:SHOWN] + ([f"And {more} more figures changed: `basewatch diff` lists them."] if more > 0 else [])


def _until(summary: Mapping[str, Any]) -> str:
    return f"Until release {summary['compared_with']} this page said"


def _months(
    summary: Mapping[str, Any], changes: Sequence[Row], base: str, fleet: str, since: date | None, until: date | None
) -> Iterator[str]:
    for row in summary.get("corrections", []):
        month = date.fromisoformat(row["month"])
        if (row["base_id"], row["fleet_id"]) != (base, fleet):
            continue
        if (since and month < since.replace(day=1)) or (until and month > until):
            continue
        before = "that the visits were not known" if row["before"] is None else _visits(row["before"])
        now = "they are not known now" if row["now"] is None else f"it says {row['now']} now"
        why = because(changes, "base_monthly_activity", month, (fleet,))
        yield f"{_until(summary)} {before} in {month:%Y-%m}; {now}, because {why}."


def _visits(count: int) -> str:
    return f"{count} visit{'' if count == 1 else 's'}"


def _claims(summary: Mapping[str, Any], changes: Sequence[Row], base: str) -> Iterator[str]:
    for claim in summary.get("claims", []):
        before, now = claim["verdict_before"], claim["verdict"]
        if claim["base_id"] != base or before is None or before == now:
            continue
        first = date.fromisoformat(claim["claimed_from"]) if claim["claimed_from"] else None
        why = because(changes, "claim_checks", first, (claim["fleet_id"] or "all",))
        days = f"{claim['claimed_from'] or '…'} to {claim['claimed_to'] or '…'}"
        yield (
            f"{_until(summary)} of the claimed {claim['claim']}, {days}: {before.replace('_', ' ')}; it says "
            f"{now.replace('_', ' ')} now, because {why}."
        )


def _pauses(summary: Mapping[str, Any], changes: Sequence[Row], base: str, fleet: str) -> Iterator[str]:
    for gap in summary.get("pauses_withdrawn", []):
        if (gap["base_id"], gap["fleet_id"]) != (base, fleet):
            continue
        now = f"it is {gap['kind_now'].replace('_', ' ')} now" if gap["kind_now"] else "there is no such silence now"
        why = CAUSES.get(gap["cause"], str(gap["cause"]))
        days = f"{gap['first_day']} to {gap['last_day']}"
        yield f"{_until(summary)} that flights paused from {days}; {now}, because {why}."


def because(changes: Iterable[Row], table: str, day: date | None, fleets: Sequence[str]) -> str:
    """Why rows of a table changed, by release_changes: the causes in words, with days of the sources that moved."""
    month = day.replace(day=1) if day else None
    rows = [
        row
        for row in changes
        if row["table_name"] == table and row["fleet_id"] in fleets and (month is None or row["month"] == month)
    ]
    causes = list(dict.fromkeys(CAUSES.get(row["cause"], str(row["cause"])) for row in rows))
    days = list(dict.fromkeys(label for row in rows for label in row["source_days"] or []))
    named = f" ({', '.join(days[:DAYS_NAMED])}{' and others' if len(days) > DAYS_NAMED else ''})" if days else ""
    return (" and ".join(causes) or "of a cause that is not on record") + named
