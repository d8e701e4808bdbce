"""What earlier releases said otherwise, and why they do no more: said wherever a figure changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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


NAMED_BY = {"month": ("base_id", "fleet_id", "month"), "gap": ("gap_id",), "claim": ("claim_id",)}

Names = Callable[[str], str]  # what people call a source


def of_base(summary: Mapping[str, Any] | None, base: str, fleet: str, name: Names = str) -> list[str]:
    """Sentences about figures of a base and fleet that an earlier release gave otherwise, the latest correction first.

    summary: the release's; its `corrected` says what.
    """
    corrected = [
        entry
        for entry in (summary or {}).get("corrected", [])
        if entry["base_id"] == base and (entry["sort"] == "claim" or entry["fleet_id"] == fleet)
    ]
    told = [_sentence(entry, name) for entry in corrected[:SHOWN]]
    more = len(corrected) - SHOWN
    return told + (
        [f"And {more} more figures were corrected: the release's summary.json lists them."] if more > 0 else []
    )


def of_finding(summary: Mapping[str, Any] | None, sort: str, row: Row, name: Names = str) -> list[str]:
    """As `of_base`, of one finding alone: a row of its table, of the sort month, gap or claim."""
    return [
        _sentence(entry, name)
        for entry in (summary or {}).get("corrected", [])
        if entry["sort"] == sort and all(entry[key] == str(row[key]) for key in NAMED_BY[sort])
    ]


def _sentence(entry: Row, name: Names) -> str:
    return f"Until release {entry['until']} this page said {_SAID[entry['sort']](entry)}, because {_why(entry, name)}."


def _month(entry: Row) -> str:
    month = date.fromisoformat(entry["month"])
    now = "it is not known now" if entry["now"] is None else f"it says {entry['now']} now"
    return f"{plural(entry['before'], 'visit')} in {month:%Y-%m}; {now}"


def _claim(entry: Row) -> str:
    days = f"{entry['claimed_from'] or '…'} to {entry['claimed_to'] or '…'}"
    before, now = ((entry[word] or "nothing").replace("_", " ") for word in ("before", "now"))
    return f"of the claimed {entry['claim']}, {days}: {before}; it says {now} now"


def _gap(entry: Row) -> str:
    now = f"it is {entry['now'].replace('_', ' ')} now" if entry["now"] else "there is no such silence now"
    return f"that flights paused from {entry['first_day']} to {entry['last_day']}; {now}"


_SAID: dict[str, Callable[[Row], str]] = {"month": _month, "claim": _claim, "gap": _gap}


def _why(entry: Row, name: Names) -> str:
    """The causes in words, with days of the sources that moved."""
    causes = [CAUSES.get(cause, str(cause)) for cause in entry["causes"]]
    days = [" ".join([name(source), *more]) for source, *more in (label.split(" ") for label in entry["source_days"])]
    named = f" ({', '.join(days[:DAYS_NAMED])}{' and others' if len(days) > DAYS_NAMED else ''})" if days else ""
    return (" and ".join(causes) or "of a cause that is not on record") + named
