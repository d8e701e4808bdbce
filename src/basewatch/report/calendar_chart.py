"""A base's days as a calendar: a square a day, weeks as columns, years as rows of them, the latest year first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from markupsafe import Markup

from basewatch.report.svg import num, text, whole

CELL, STEP = 10.0, 11.0
ASIDE, ABOVE = 44.0, 16.0  # for the year and the names of weekdays, and for those of months
YEARS_MAX = 3
STATES = {  # what a square says; the first that holds
    "visit": "a visit on record",
    "observed": "none on record, and the field could be seen",
    "unmeasured": "none on record: the list is complete, no other traffic to judge by",
    "blind": "nothing could be heard",
    "missing": "not, or not wholly, looked at",
}


def days(
    observability: Iterable[tuple[str, date, date]], stays: Iterable[tuple[date, date]], until: date
) -> dict[date, str]:
    """Each day's state, of the last years that a calendar shows; a day with a visit is one, whatever could be seen."""
    since = date(until.year - YEARS_MAX + 1, 1, 1)
    found: dict[date, str] = {}
    for state, first, last in [*observability, *(("visit", *run) for run in stays)]:
        begin = max(first, since)
        for number in range((min(last, until) - begin).days + 1):
            found[begin + timedelta(days=number)] = state
    return found


def calendar(states: dict[date, str], chart_id: str, title: str) -> Markup:
    """The chart; years without a day are left out."""
    years = sorted({day.year for day in states}, reverse=True)
    height = STEP * 7 + ABOVE + 10
    parts: list[str] = []
    for row, year in enumerate(years):
        parts += _year(year, {day: state for day, state in states.items() if day.year == year}, row * height)
    width = ASIDE + 54 * STEP
    counts = {state: sum(one == state for one in states.values()) for state in STATES}
    desc = "; ".join(f"{count} days: {STATES[state]}" for state, count in counts.items() if count)
    return whole(None, height * len(years), chart_id, title, f"{desc}.", parts, width)


def _year(year: int, states: dict[date, str], top: float) -> list[str]:
    first = date(year, 1, 1)
    parts = [text(0, top + ABOVE + STEP * 4, f"{year}", "ax year")]
    parts += [text(ASIDE - 5, top + ABOVE + STEP * row + 9, name, "ax", "end")
              for row, name in ((0, "M"), (2, "W"), (4, "F"), (6, "S"))]  # fmt: skip
    for month in range(1, 13):
        x, _ = _place(date(year, month, 1), first)
        parts.append(text(x, top + ABOVE - 5, f"{date(year, month, 1):%b}", "ax"))
    for state in STATES:
        alike = [day for day, held in states.items() if held == state]
        if alike:
            parts.append(f'<path class="day {state}" d="{_squares(alike, first, top)}"/>')
    return parts


def _place(day: date, first: date) -> tuple[float, float]:
    """Left and upper edge of a day's square in its year."""
    column = ((day - first).days + first.weekday()) // 7
    return ASIDE + column * STEP, day.weekday() * STEP


def _squares(alike: Sequence[date], first: date, top: float) -> str:
    places = (_place(day, first) for day in sorted(alike))
    return "".join(f"M{num(x)} {num(top + ABOVE + y)}h{num(CELL)}v{num(CELL)}h-{num(CELL)}z" for x, y in places)
