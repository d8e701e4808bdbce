"""A base's months as bars: visits by what they rest on, with what is expected, then arrivals and departures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby

from markupsafe import Markup

from basewatch.report import brackets
from basewatch.report.brackets import Claimed
from basewatch.report.listing import Row
from basewatch.report.svg import CHARACTER, LEFT, RIGHT, Frame, axis, month_end, num, rect, text, track_name, whole

PANEL, GUTTER = 74.0, 48.0
TALL = 116.0  # the panel of visits
BAR_MAX = 84.0
COUNTS = ("visits", "arrivals", "departures")
KINDS = {  # what visits rest on, the surest first
    "heard": "heard on the ground",
    "stated": "stated by a flight list",
    "inferred": "inferred",
}

Kinds = Mapping[date, Mapping[str, int]]


def nice_top(value: float) -> int:
    """The least of 1, 2, 4, 5, 6, 8, 10 or 12 times a power of ten that is not under `value`."""
    power = 1
    while True:
        for factor in (1, 2, 4, 5, 6, 8, 10, 12):
            if factor * power >= value:
                return factor * power
        power *= 10


def is_unknown(month: Row, column: str) -> bool:
    """Whether a month's count may not be drawn: null, or a nought of a month that could not be seen."""
    return month[column] is None or (month[column] == 0 and month["activity"] == "unknown")


def is_lower_bound(month: Row, column: str) -> bool:
    """Whether a known count may be short of the truth: days of the month were missing or blind."""
    return not is_unknown(month, column) and bool((month["days_missing"] or 0) + (month["days_blind"] or 0))


def monthly_bars(
    frame: Frame,
    months: Sequence[Row],
    chart_id: str,
    title: str,
    kinds: Kinds | None = None,
    claims: Sequence[Claimed] = (),
    stays: Sequence[tuple[date, date]] = (),
) -> Markup:
    """Three panels: visits, arrivals and departures a month; unknown months hatched, never nought.

    kinds: how many of each month's visits rest on what. claims, stays: drawn as brackets over the visits.
    """
    months = [month for month in months if frame.holds(month["month"]) or frame.holds(month_end(month["month"]))]
    shown = brackets.inside(frame, claims)
    above = brackets.height(shown)
    counts = [month[column] for month in months for column in COUNTS if not is_unknown(month, column)]
    top = nice_top(max([1, *counts, *(_high(month) for month in months)]))
    parts: list[str] = []
    bottom = above + 26.0 + TALL + 8
    first = bottom
    for column in COUNTS:
        tall = TALL if column == "visits" else PANEL
        if column != "visits":
            bottom += PANEL + GUTTER
        parts.append(track_name(frame, bottom - tall - 22, column.capitalize()))
        for value in sorted({0, top // 2 if top % 2 == 0 else 0, top}):
            y = bottom - tall * value / top
            parts.append(f'<path class="grid" d="M{num(LEFT)} {num(y)}H{num(frame.width - RIGHT)}"/>')
            parts.append(text(LEFT - 5, y + 4, f"{value}", "ax", "end"))
        parts += _panel(frame, months, column, bottom, tall, top, kinds or {})
    parts = [
        *axis(frame, above + 30, bottom),
        *parts,
        *brackets.draw(frame, shown, stays, 4, first),
    ]
    unknown = sum(is_unknown(month, "visits") for month in months)
    desc = (
        f"{len(months)} months from {frame.first:%Y-%m} to {frame.last:%Y-%m}, largest monthly count "
        f"{max(counts, default=0)}, visits unknown in {unknown} of them. "
        + " ".join(f"{one.words}." for one in shown)
        + " The table below holds the same figures."
    )
    return whole(frame, bottom + 34, chart_id, title, desc, parts)


def _high(month: Row) -> int:
    """The upper end of what is expected of a month whose count is known."""
    return 0 if is_unknown(month, "visits") else month.get("visits_expected_high") or 0


def _panel(
    frame: Frame, months: Sequence[Row], column: str, bottom: float, tall: float, top: int, kinds: Kinds
) -> list[str]:
    parts = []
    for unknown, group in groupby(months, key=lambda month: is_unknown(month, column)):
        if unknown:
            for _, alike in groupby(group, key=is_unseen):
                parts += _unknown_months(frame, list(alike), column, bottom, tall)
            continue
        for month in group:
            of_month = kinds.get(month["month"], {}) if column == "visits" else {}
            parts += _month_bar(frame, month, column, bottom, tall, top, of_month)
    return parts


def is_unseen(month: Row) -> bool:
    """Whether nobody looked on any day of a month."""
    looked_at = (month["days_observed"], month["days_unmeasured"], month["days_blind"])
    return bool(month["days_missing"]) and not any(looked_at)


def _unknown_months(frame: Frame, run: list[Row], column: str, bottom: float, tall: float) -> list[str]:
    """One hatched block for a run of unknown months, with the word in it."""
    x, end = frame.x(run[0]["month"]), frame.x(month_end(run[-1]["month"]) + timedelta(days=1))
    span = f"{run[0]['month']:%Y-%m}" + (f" to {run[-1]['month']:%Y-%m}" if len(run) > 1 else "")
    why = "not looked at" if is_unseen(run[0]) else "unknown"
    block = rect(x + 0.5, bottom - tall, max(end - x - 1, 1), tall, "unknown", f"{span}: {column} {why}")
    middle, centre, wide = (x + end) / 2, bottom - tall / 2, len(why) * CHARACTER + 10
    if end - x >= wide + 10:
        plate = rect(middle - wide / 2, centre - 9, wide, 17, "plate")
        return [block, plate, text(middle, centre + 4, why, "word", "middle")]
    if end - x >= 11 and tall >= wide:
        turn = f'<g transform="translate({num(middle)} {num(centre)}) rotate(-90)">'
        plate = rect(-wide / 2, -7, wide, 14, "plate") if end - x >= 16 else ""
        return [block, turn, plate, text(0, 4, why, "word", "middle"), "</g>"]
    return [block]


def _month_bar(
    frame: Frame, month: Row, column: str, bottom: float, tall: float, top: int, kinds: Mapping[str, int]
) -> list[str]:
    value = month[column]
    x, end = frame.x(month["month"]), frame.x(month_end(month["month"]) + timedelta(days=1))
    pad = max(min(4.0, (end - x) * 0.14), (end - x - BAR_MAX) / 2)
    height = tall * value / top
    at_least = is_lower_bound(month, column)
    partial = bool(month["is_partial"])
    label = f"≥{value}" if at_least else f"{value}"
    tip = f"{month['month']:%Y-%m}: {label} {column}" + (", month not ended" if partial else "")
    stacked = sum(kinds.values()) == value > 0 and not partial
    if stacked:
        tip += " (" + ", ".join(f"{kinds[kind]} {word}" for kind, word in KINDS.items() if kinds.get(kind)) + ")"
    parts = []
    if stacked:
        foot = bottom
        for kind in (kind for kind in KINDS if kinds.get(kind)):
            part = tall * kinds[kind] / top
            parts.append(rect(x + pad, foot - part, end - x - 2 * pad, max(part, 1.5), f"bar {kind}", tip))
            foot -= part
    else:
        kind = "bar partial" if partial else "bar"
        parts.append(rect(x + pad, bottom - max(height, 1.5), end - x - 2 * pad, max(height, 1.5), kind, tip))
    middle = (x + end) / 2
    head = bottom - height - 2
    if column == "visits" and _high(month):
        low, high = month["visits_expected_low"] or 0, _high(month)
        upper, lower = bottom - tall * high / top, bottom - tall * low / top
        words = f"{month['month']:%Y-%m}: {low} to {high} visits expected"
        cap = min(4.0, (end - x) / 4)
        parts.append(
            f'<path class="interval" d="M{num(middle - cap)} {num(upper)}h{num(2 * cap)}M{num(middle)} {num(upper)}'
            f'V{num(lower)}M{num(middle - cap)} {num(lower)}h{num(2 * cap)}"><title>{words}</title></path>'
        )
        head = min(head, upper - 2)
    if at_least:
        parts.append(f'<path class="more" d="M{num(middle - 3.5)} {num(head)}h7l-3.5 -5z"/>')
        head -= 6
    if len(label) * CHARACTER <= end - x + 1:
        parts.append(text(middle, head - 1, label, "value", "middle"))
    return parts
