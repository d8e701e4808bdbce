"""What an earlier release said otherwise, and why it does no more: said wherever a figure changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from basewatch.report.listing import Row
from basewatch.report.sentences import plural

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


Names = Callable[[str], str]  # what people call a source


def of_base(
    summary: Mapping[str, Any] | None, changes: Sequence[Row], base: str, fleet: str, name: Names = str
) -> list[str]:
    """Sentences about figures of a base and fleet that the release before gave otherwise, the latest month first.

    summary: the release's. changes: rows of release_changes about the base.
    """
    if not summary or not summary.get("compared_with"):
        return []
    claims = [claim for claim in summary.get("claims", []) if claim["base_id"] == base]
    told = [
        *_claims(summary, claims, changes, name),
        *_pauses(summary, _own(summary, "pauses_withdrawn", base, fleet)),
        *_months(summary, _own(summary, "corrections", base, fleet), changes, name),
    ]
    more = len(told) - SHOWN
    return told[:SHOWN] + ([f"And {more} more figures changed: `basewatch diff` lists them."] if more > 0 else [])


def of_finding(
    summary: Mapping[str, Any] | None, changes: Sequence[Row], sort: str, row: Row, name: Names = str
) -> list[str]:
    """As `of_base`, of one finding alone: a row of its table, of the sort month, gap or claim."""
    if not summary or not summary.get("compared_with"):
        return []
    if sort == "claim":
        claims = [claim for claim in summary.get("claims", []) if claim["claim_id"] == row["claim_id"]]
        return list(_claims(summary, claims, changes, name))
    if sort == "gap":
        gaps = _own(summary, "pauses_withdrawn", row["base_id"], row["fleet_id"])
        return list(_pauses(summary, [gap for gap in gaps if gap["gap_id"] == row["gap_id"]]))
    if sort == "month":
        months = _own(summary, "corrections", row["base_id"], row["fleet_id"])
        return list(_months(summary, [one for one in months if one["month"] == str(row["month"])], changes, name))
    return []


def _own(summary: Mapping[str, Any], key: str, base: str, fleet: str) -> list[Row]:
    return [row for row in summary.get(key, []) if (row["base_id"], row["fleet_id"]) == (base, fleet)]


def _until(summary: Mapping[str, Any]) -> str:
    return f"Until release {summary['compared_with']} this page said"


def _months(summary: Mapping[str, Any], months: Iterable[Row], changes: Sequence[Row], name: Names) -> Iterator[str]:
    for row in months:
        month = date.fromisoformat(row["month"])
        now = "it is not known now" if row["now"] is None else f"it says {row['now']} now"
        why = because(changes, "base_monthly_activity", month, (row["fleet_id"],), name)
        yield f"{_until(summary)} {plural(row['before'], 'visit')} in {month:%Y-%m}; {now}, because {why}."


def _claims(summary: Mapping[str, Any], claims: Iterable[Row], changes: Sequence[Row], name: Names) -> Iterator[str]:
    for claim in claims:
        before, now = claim["verdict_before"], claim["verdict"]
        if before is None or before == now:
            continue
        first = date.fromisoformat(claim["claimed_from"]) if claim["claimed_from"] else None
        why = because(changes, "claim_checks", first, (claim["fleet_id"] or "all",), name)
        days = f"{claim['claimed_from'] or '…'} to {claim['claimed_to'] or '…'}"
        yield (
            f"{_until(summary)} of the claimed {claim['claim']}, {days}: {before.replace('_', ' ')}; it says "
            f"{now.replace('_', ' ')} now, because {why}."
        )


def _pauses(summary: Mapping[str, Any], gaps: Iterable[Row]) -> Iterator[str]:
    for gap in gaps:
        now = f"it is {gap['kind_now'].replace('_', ' ')} now" if gap["kind_now"] else "there is no such silence now"
        why = CAUSES.get(gap["cause"], str(gap["cause"]))
        days = f"{gap['first_day']} to {gap['last_day']}"
        yield f"{_until(summary)} that flights paused from {days}; {now}, because {why}."


def because(changes: Iterable[Row], table: str, day: date | None, fleets: Sequence[str], name: Names) -> str:
    """Why rows of a table changed, by release_changes: the causes in words, with days of the sources that moved."""
    month = day.replace(day=1) if day else None
    rows = [
        row
        for row in changes
        if row["table_name"] == table and row["fleet_id"] in fleets and (month is None or row["month"] == month)
    ]
    causes = list(dict.fromkeys(CAUSES.get(row["cause"], str(row["cause"])) for row in rows))
    moved = dict.fromkeys(label for row in rows for label in row["source_days"] or [])
    days = [" ".join([name(source), *more]) for source, *more in (label.split(" ") for label in moved)]
    named = f" ({', '.join(days[:DAYS_NAMED])}{' and others' if len(days) > DAYS_NAMED else ''})" if days else ""
    return (" and ".join(causes) or "of a cause that is not on record") + named
