"""Static SVG charts as text: pure functions of the rows, styled by the page's CSS, readable without colour.

Drawn by hand rather than by a charting library: the page's light, dark and print colours reach inline SVG through CSS,
unknown months need hatching and words, and one chart costs a millisecond. Lengths are CSS pixels at natural size.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from markupsafe import Markup

from basewatch.report.safe_text import escaped, probability, shown

Row = dict[str, Any]

LEFT, RIGHT = 34.0, 14.0
PANEL, GUTTER = 74.0, 48.0
CHARACTER = 6.2  # mean width of a character at the charts' 11 px, enough to keep labels apart
BAR_MAX = 84.0
RUNS_MAX = 400  # above this the observability strip shows shares of each month instead of single days
OBSERVABILITY = ("observed", "unmeasured", "blind", "missing")
COUNTS = ("visits", "arrivals", "departures")


@dataclass(frozen=True)
class Frame:
    """The days that a base's charts span, both included, and their width: one scale for all charts of a base."""

    first: date
    last: date

    @property
    def months(self) -> int:
        """Calendar months touched."""
        return (self.last.year - self.first.year) * 12 + self.last.month - self.first.month + 1

    @property
    def width(self) -> float:
        """Natural width: roomy for a short history, at least 7 px a month for a long one."""
        return max(560.0, min(1100.0, 100.0 + 85.0 * self.months), LEFT + RIGHT + 7.0 * self.months)

    def x(self, day: date) -> float:
        """Where a day begins, kept inside the plot."""
        days = (self.last - self.first).days + 1
        share = min(max((day - self.first).days / days, 0.0), 1.0)
        return LEFT + share * (self.width - LEFT - RIGHT)

    def holds(self, day: date | None) -> bool:
        """Whether the day lies in the frame."""
        return day is not None and self.first <= day <= self.last


def month_end(month: date) -> date:
    """The last day of the month that `month` lies in."""
    return (month.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _rect(x: float, y: float, width: float, height: float, kind: str, tip: str = "") -> str:
    inner = f"><title>{escaped(tip)}</title></rect>" if tip else "/>"
    return f'<rect class="{kind}" x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"{inner}'


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "") -> str:
    attributes = f' class="{kind}"' if kind else ""
    attributes += f' text-anchor="{anchor}"' if anchor else ""
    return f'<text x="{_n(x)}" y="{_n(y)}"{attributes}>{escaped(text)}</text>'


def _label(frame: Frame, y: float, text: str) -> str:
    """A track's name at its left end and, for small screens that open on the latest days, at its right end too."""
    return _text(LEFT, y, text, "panel") + _text(frame.width - RIGHT, y, text, "panel twin", "end")


def _svg(frame: Frame, height: float, chart_id: str, title: str, desc: str, parts: Iterable[str]) -> Markup:
    size = f'width="{_n(frame.width)}" height="{_n(height)}" viewBox="0 0 {_n(frame.width)} {_n(height)}"'
    return Markup(  # noqa: S704  every text in it went through escaped()
        f'<svg class="chart" role="img" aria-labelledby="{chart_id}-t {chart_id}-d" {size}>'
        f'<title id="{chart_id}-t">{escaped(title)}</title><desc id="{chart_id}-d">{escaped(desc)}</desc>'
        + "".join(parts)
        + "</svg>"
    )


def _month_starts(frame: Frame) -> list[date]:
    starts, month = [], frame.first.replace(day=1)
    while month <= frame.last:
        starts.append(month)
        month = month_end(month) + timedelta(days=1)
    return starts


def _axis(frame: Frame, top: float, bottom: float) -> list[str]:
    """Year lines through the plot, and month and year labels below it, as many as fit."""
    parts = []
    starts = _month_starts(frame)
    step = (frame.width - LEFT - RIGHT) / max(frame.months, 1)
    every = next((count for count in (1, 3, 6) if step * count >= 30), 12)
    year_every = next((count for count in (1, 2, 5) if step * 12 * count >= 34), 10)
    for index, month in enumerate(starts):
        x = frame.x(month)
        if month.month == 1:
            parts.append(f'<path class="grid" d="M{_n(x)} {_n(top)}V{_n(bottom)}"/>')
        if every < 12 and (month.month - 1) % every == 0 and x < frame.width - RIGHT - 18:
            parts.append(f'<path class="tick" d="M{_n(x)} {_n(bottom)}v4"/>')
            parts.append(_text(x + 2, bottom + 14, f"{month:%b}", "ax"))
        january = month.replace(year=month.year + 1, month=1)
        roomy = index == 0 and (january > frame.last or frame.x(january) - x > 36)
        if (month.month == 1 and month.year % year_every == 0) or roomy:
            parts.append(_text(x + 2, bottom + (27 if every < 12 else 14), f"{month.year}", "ax year"))
    return parts


def nice_top(value: float) -> int:
    """The least of 1, 2, 4, 5, 6, 8 or 10 times a power of ten that is not under `value`."""
    power = 1
    while True:
        for factor in (1, 2, 4, 5, 6, 8, 10):
            if factor * power >= value:
                return factor * power
        power *= 10


def is_unknown(month: Row, column: str) -> bool:
    """Whether a month's count may not be drawn: null, or a nought of a month that could not be seen."""
    return month[column] is None or (month[column] == 0 and month["activity"] == "unknown")


def is_lower_bound(month: Row, column: str) -> bool:
    """Whether a known count may be short of the truth: days of the month were missing or blind."""
    return not is_unknown(month, column) and bool((month["days_missing"] or 0) + (month["days_blind"] or 0))


def monthly_bars(frame: Frame, months: Sequence[Row], chart_id: str, title: str) -> Markup:
    """Three panels on one scale: visits, arrivals and departures a month; unknown months hatched, never nought."""
    months = [month for month in months if frame.holds(month["month"]) or frame.holds(month_end(month["month"]))]
    counts = [month[column] for month in months for column in COUNTS if not is_unknown(month, column)]
    top = nice_top(max([1, *counts]))
    parts: list[str] = []
    bottom = 0.0
    for row, column in enumerate(COUNTS):
        bottom = (row + 1) * (PANEL + GUTTER) - 4
        parts.append(_label(frame, bottom - PANEL - 22, column.capitalize()))
        for value in sorted({0, top // 2 if top % 2 == 0 else 0, top}):
            y = bottom - PANEL * value / top
            parts.append(f'<path class="grid" d="M{_n(LEFT)} {_n(y)}H{_n(frame.width - RIGHT)}"/>')
            parts.append(_text(LEFT - 5, y + 4, f"{value}", "ax", "end"))
        parts += _panel(frame, months, column, bottom, top)
    parts = _axis(frame, 30, bottom) + parts
    unknown = sum(is_unknown(month, "visits") for month in months)
    desc = (
        f"{len(months)} months from {frame.first:%Y-%m} to {frame.last:%Y-%m}, largest monthly count "
        f"{max(counts, default=0)}, visits unknown in {unknown} of them. The table below holds the same figures."
    )
    return _svg(frame, bottom + 34, chart_id, title, desc, parts)


def _panel(frame: Frame, months: Sequence[Row], column: str, bottom: float, top: int) -> list[str]:
    parts = []
    for unknown, group in groupby(months, key=lambda month: is_unknown(month, column)):
        if unknown:
            parts += _unknown_months(frame, list(group), column, bottom)
            continue
        for month in group:
            parts += _month_bar(frame, month, column, bottom, top)
    return parts


def _unknown_months(frame: Frame, run: list[Row], column: str, bottom: float) -> list[str]:
    """One hatched block for a run of unknown months, with the word in it."""
    x, end = frame.x(run[0]["month"]), frame.x(month_end(run[-1]["month"]) + timedelta(days=1))
    span = f"{run[0]['month']:%Y-%m}" + (f" to {run[-1]['month']:%Y-%m}" if len(run) > 1 else "")
    block = _rect(x + 0.5, bottom - PANEL, max(end - x - 1, 1), PANEL, "unknown", f"{span}: {column} unknown")
    middle = (x + end) / 2
    if end - x >= 64:
        plate = _rect(middle - 27, bottom - PANEL / 2 - 9, 54, 17, "plate")
        return [block, plate, _text(middle, bottom - PANEL / 2 + 4, "unknown", "word", "middle")]
    if end - x >= 11:
        turn = f'<g transform="translate({_n(middle)} {_n(bottom - PANEL / 2)}) rotate(-90)">'
        plate = _rect(-27, -7, 54, 14, "plate") if end - x >= 16 else ""
        return [block, turn, plate, _text(0, 4, "unknown", "word", "middle"), "</g>"]
    return [block]


def _month_bar(frame: Frame, month: Row, column: str, bottom: float, top: int) -> list[str]:
    value = month[column]
    x, end = frame.x(month["month"]), frame.x(month_end(month["month"]) + timedelta(days=1))
    pad = max(min(4.0, (end - x) * 0.14), (end - x - BAR_MAX) / 2)
    height = PANEL * value / top
    at_least = is_lower_bound(month, column)
    partial = bool(month["is_partial"])
    label = f"≥{value}" if at_least else f"{value}"
    tip = f"{month['month']:%Y-%m}: {label} {column}" + (", month not ended" if partial else "")
    kind = "bar partial" if partial else "bar"
    parts = [_rect(x + pad, bottom - max(height, 1.5), end - x - 2 * pad, max(height, 1.5), kind, tip)]
    middle = (x + end) / 2
    head = bottom - height - 2
    if at_least:
        parts.append(f'<path class="more" d="M{_n(middle - 3.5)} {_n(head)}h7l-3.5 -5z"/>')
        head -= 6
    if len(label) * CHARACTER <= end - x + 1:
        parts.append(_text(middle, head - 1, label, "value", "middle"))
    return parts


def timeline(
    frame: Frame,
    chart_id: str,
    title: str,
    *,
    gaps: Sequence[Row],
    stays: Sequence[tuple[date, date]],
    observability: Sequence[tuple[str, date, date]],
    months: Sequence[Row],
    stories: Sequence[Row],
    other_mentions: Sequence[date],
) -> Markup:
    """Four tracks on the bars' time scale: spells with no visit, days with a visit, observability, and mentions.

    gaps: rows of base_gaps with `number` (None where the table below leaves the row out). stays and observability:
    runs of days, ends included. stories: rows with `number`, `first_on`, `last_on`, `copies`, `origin`.
    """
    end = frame.width - RIGHT
    parts: list[str] = [_label(frame, 14, "Spells with no visit")]
    parts += _gap_track(frame, gaps, 34)
    parts += [_label(frame, 72, "Days with a visit"), _line(78, 92, end)]
    parts.append(_runs(frame, stays, 78, 14, "stay"))
    parts += [_label(frame, 112, "Could the field be seen?"), _line(118, 134, end)]
    parts += _observability_track(frame, observability, months, 118, 16)
    parts.append(_label(frame, 154, "In the press"))
    lanes, marks = _story_track(frame, stories, 172)
    bottom = 172 + 20 * lanes
    ticks = sorted({_n(frame.x(day)) for day in other_mentions if frame.holds(day)})
    if ticks:
        parts.append(f'<path class="mention-tick" d="{"".join(f"M{x} {_n(bottom)}v-7" for x in ticks)}"/>')
    parts.append(_line(bottom, bottom, end))
    parts = _axis(frame, 20, bottom) + parts + marks
    kinds = ", ".join(
        f"{sum(gap['kind'] == kind for gap in gaps)} {kind.replace('_', ' ')}"
        for kind in ("pause", "lull", "not_judged", "ambiguous", "unobserved")
    )
    desc = (
        f"{frame.first} to {frame.last}: {len(gaps)} spells with no visit ({kinds}), {len(stories)} stories marked. "
        "The tables below hold the same in words."
    )
    return _svg(frame, bottom + 34, chart_id, title, desc, parts)


def _line(top: float, bottom: float, end: float) -> str:
    path = f"M{_n(LEFT)} {_n(bottom)}H{_n(end)}"
    return f'<path class="grid" d="{path}"/>' if bottom >= top else ""


def _runs(frame: Frame, runs: Iterable[tuple[date, date]], y: float, height: float, kind: str) -> str:
    """All runs of days of one kind as a single path; no run is thinner than 0.8 px, and those that then touch merge."""
    spans: list[list[float]] = []
    for first, until in runs:
        if until < frame.first or first > frame.last:
            continue
        x = frame.x(first)
        end = max(frame.x(until + timedelta(days=1)), x + 0.8)
        if spans and x <= spans[-1][1] + 0.1:
            spans[-1][1] = max(end, spans[-1][1])
        else:
            spans.append([x, end])
    pieces = "".join(f"M{_n(x)} {_n(y)}h{_n(end - x)}v{_n(height)}H{_n(x)}z" for x, end in spans)
    return f'<path class="{kind}" d="{pieces}"/>' if pieces else ""


def _gap_track(frame: Frame, gaps: Sequence[Row], y: float) -> list[str]:
    """Each spell as a block by kind, open to the right while it lasts, labelled above as far as there is room."""
    shown_gaps = [
        gap
        for gap in sorted(gaps, key=lambda row: (row["first_day"], row["gap_id"]))
        if gap["first_day"] <= frame.last and (gap["last_day"] or frame.last) >= frame.first
    ]
    starts = [frame.x(gap["first_day"]) for gap in shown_gaps]
    right = frame.width - RIGHT
    parts, taken = [_line(y, y + 20, right)], 0.0
    for gap, x, following in zip(shown_gaps, starts, [*starts, math.inf][1:], strict=True):
        until = gap["last_day"] or frame.last
        end = frame.x(until + timedelta(days=1))
        kind = gap["kind"] or "unclassified"
        name = kind.replace("_", " ")
        going_on = ", still going on" if gap["is_ongoing"] else ""
        tip = f"{name}: {gap['first_day']} to {until}, {shown(gap['gap_days'])} days{going_on}"
        p = "" if gap["p_quiet_scan"] is None else f", p {probability(gap['p_quiet_scan'])}"
        parts.append(_rect(x, y, max(end - x, 1.5), 20, f"gap {escaped(kind)}", tip + p))
        if gap["is_ongoing"]:
            parts.append(f'<path class="more" d="M{_n(end)} {_n(y + 5)}v10l7 -5z"/>')
        label = _gap_label(gap["number"], name, p, end - x, following - x)
        wide = len(label) * CHARACTER
        start = min(x, right - wide)
        if label and start >= taken:
            parts.append(_text(start, y - 4, label, "value"))
            taken = start + wide + 4
    return parts


def _gap_label(number: int | None, kind: str, p: str, wide: float, room: float) -> str:
    """The fullest label that fits: a numbered spell's may run on up to the next, another's stays inside its width."""
    if number is None:
        return kind if len(kind) * CHARACTER <= wide else ""
    fits = min(room - 6, wide + 60)
    labels = (f"{number} {kind}{p}", f"{number} {kind}")
    return next((label for label in labels if len(label) * CHARACTER <= fits), f"{number}")


def _observability_track(
    frame: Frame, runs: Sequence[tuple[str, date, date]], months: Sequence[Row], y: float, height: float
) -> list[str]:
    """Single days while there are few changes, else each month's shares stacked, in the order of the legend."""
    if len(runs) <= RUNS_MAX:
        return [
            _runs(frame, [(first, last) for kind, first, last in runs if kind == state], y, height, f"obs {state}")
            for state in OBSERVABILITY
        ]
    pieces: dict[str, list[str]] = {state: [] for state in OBSERVABILITY}
    for month in months:
        days = [month[f"days_{state}"] or 0 for state in OBSERVABILITY]
        if not sum(days) or not frame.holds(month["month"]):
            continue
        x, end = frame.x(month["month"]), frame.x(month_end(month["month"]) + timedelta(days=1))
        foot = y + height
        for state, count in zip(OBSERVABILITY, days, strict=True):
            if count:
                tall = height * count / sum(days)
                pieces[state].append(f"M{_n(x)} {_n(foot - tall)}H{_n(end)}V{_n(foot)}H{_n(x)}z")
                foot -= tall
    return [f'<path class="obs {state}" d="{"".join(paths)}"/>' for state, paths in pieces.items() if paths]


def marker(kind: str, x: float, y: float) -> str:
    """A story's sign by what it reports: pause ▼, resumption ▲, both ◆, neither ●."""
    shapes = {
        "pause": f"M{_n(x - 5)} {_n(y - 4.5)}h10l-5 9z",
        "resumption": f"M{_n(x - 5)} {_n(y + 4.5)}h10l-5 -9z",
        "both": f"M{_n(x)} {_n(y - 6)}l6 6l-6 6l-6 -6z",
        "other": f"M{_n(x - 4)} {_n(y)}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",
    }
    return shapes[kind]


def _story_track(frame: Frame, stories: Sequence[Row], y: float) -> tuple[int, list[str]]:
    """Lanes used and marks: each story at its first report, a line to its last copy, number and origin beside it."""
    lanes: list[list[tuple[float, float]]] = [[]]
    parts = []
    for story in sorted(stories, key=lambda row: (row["first_on"] or date.max, row["number"])):
        if not frame.holds(story["first_on"]):
            continue
        x = frame.x(story["first_on"])
        reach = frame.x(min(story["last_on"] or story["first_on"], frame.last))
        origin = str(story["origin"] or "")
        origin = origin if len(origin) <= 24 else origin[:23] + "…"
        label = f"{story['number']} {origin}".strip() + (f" ×{story['copies']}" if story["copies"] > 1 else "")
        wide = len(label) * CHARACTER + 12
        right = reach + wide <= frame.width
        start, end = (x - 7, max(reach, x) + wide) if right else (x - wide, max(reach, x) + 7)
        lane = next((n for n, row in enumerate(lanes) if all(end < a or start > b for a, b in row)), len(lanes))
        if lane == len(lanes):
            lanes.append([])
        lanes[lane].append((start, end))
        middle = y + 20 * lane
        if reach > x + 5:
            parts.append(f'<path class="story-line" d="M{_n(x)} {_n(middle)}H{_n(reach)}"/>')
        tip = f"{story['first_on']}: {story['title'] or 'untitled'} ({story['copies']} mentions)"
        shape = marker(story["sign"], x, middle)
        parts.append(f'<path class="story {story["sign"]}" d="{shape}"><title>{escaped(tip)}</title></path>')
        parts.append(
            _text(max(reach, x) + 9, middle + 4, label, "value")
            if right
            else _text(x - 9, middle + 4, label, "value", "end")
        )
    return len(lanes), parts
