"""A base's timeline: spells with no visit, days with one, what could be seen, and the press, on one scale of days."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, timedelta

from markupsafe import Markup

from basewatch.report import brackets
from basewatch.report.brackets import Claimed
from basewatch.report.listing import Row
from basewatch.report.safe_text import escaped, probability, shown
from basewatch.report.svg import (
    CHARACTER,
    RIGHT,
    Frame,
    axis,
    month_end,
    num,
    rect,
    rule,
    runs_path,
    text,
    track_name,
    whole,
)

RUNS_MAX = 400  # above this the observability strip shows shares of each month instead of single days
OBSERVABILITY = ("observed", "unmeasured", "blind", "missing")


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
    claims: Sequence[Claimed] = (),
) -> Markup:
    """Four tracks on the bars' time scale: spells with no visit, days with a visit, observability, and mentions.

    gaps: rows of base_gaps with `number` (None where the table below leaves the row out). stays and observability:
    runs of days, ends included. stories: rows with `number`, `first_on`, `last_on`, `copies`, `origin`. claims: drawn
    as brackets above the tracks.
    """
    end = frame.width - RIGHT
    claimed = brackets.inside(frame, claims)
    top = brackets.height(claimed)
    parts: list[str] = [track_name(frame, top + 14, "Spells with no visit")]
    parts += _gap_track(frame, gaps, top + 34)
    parts += [track_name(frame, top + 72, "Days with a visit"), rule(top + 78, top + 92, end)]
    parts.append(runs_path(frame, stays, top + 78, 14, "stay"))
    parts += [track_name(frame, top + 112, "Could the field be seen?"), rule(top + 118, top + 134, end)]
    parts += _observability_track(frame, observability, months, top + 118, 16)
    parts.append(track_name(frame, top + 154, "In the press"))
    lanes, marks = _story_track(frame, stories, top + 172)
    bottom = top + 172 + 20 * lanes
    ticks = sorted({num(frame.x(day)) for day in other_mentions if frame.holds(day)})
    if ticks:
        parts.append(f'<path class="mention-tick" d="{"".join(f"M{x} {num(bottom)}v-7" for x in ticks)}"/>')
    parts.append(rule(bottom, bottom, end))
    parts = axis(frame, top + 20, bottom) + brackets.draw(frame, claimed, stays, 4, top + 134) + parts + marks
    kinds = ", ".join(
        f"{sum(gap['kind'] == kind for gap in gaps)} {kind.replace('_', ' ')}"
        for kind in ("pause", "lull", "not_judged", "ambiguous", "unobserved")
    )
    desc = (
        f"{frame.first} to {frame.last}: {len(gaps)} spells with no visit ({kinds}), {len(stories)} stories marked. "
        + " ".join(f"{one.words}." for one in claimed)
        + " The tables below hold the same in words."
    )
    return whole(frame, bottom + 34, chart_id, title, desc, parts)


def _gap_track(frame: Frame, gaps: Sequence[Row], y: float) -> list[str]:
    """Each spell as a block by kind, open to the right while it lasts, labelled above as far as there is room."""
    shown_gaps = [
        gap
        for gap in sorted(gaps, key=lambda row: (row["first_day"], row["gap_id"]))
        if gap["first_day"] <= frame.last and (gap["last_day"] or frame.last) >= frame.first
    ]
    starts = [frame.x(gap["first_day"]) for gap in shown_gaps]
    right = frame.width - RIGHT
    parts, taken = [rule(y, y + 20, right)], 0.0
    for gap, x, following in zip(shown_gaps, starts, [*starts, math.inf][1:], strict=True):
        until = gap["last_day"] or frame.last
        end = frame.x(until + timedelta(days=1))
        kind = gap["kind"] or "unclassified"
        name = kind.replace("_", " ")
        going_on = ", still going on" if gap["is_ongoing"] else ""
        tip = f"{name}: {gap['first_day']} to {until}, {shown(gap['gap_days'])} days{going_on}"
        p = "" if gap["p_quiet_scan"] is None else f", p {probability(gap['p_quiet_scan'])}"
        parts.append(rect(x, y, max(end - x, 1.5), 20, f"gap {escaped(kind)}", tip + p))
        if gap["is_ongoing"]:
            parts.append(f'<path class="more" d="M{num(end)} {num(y + 5)}v10l7 -5z"/>')
        label = _gap_label(gap["number"], name, p, end - x, following - x)
        wide = len(label) * CHARACTER
        start = min(x, right - wide)
        if label and start >= taken:
            parts.append(text(start, y - 4, label, "value"))
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
    frame: Frame, states: Sequence[tuple[str, date, date]], months: Sequence[Row], y: float, height: float
) -> list[str]:
    """Single days while there are few changes, else each month's shares stacked, in the order of the legend."""
    if len(states) <= RUNS_MAX:
        return [
            runs_path(
                frame, [(first, last) for kind, first, last in states if kind == state], y, height, f"obs {state}"
            )
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
                pieces[state].append(f"M{num(x)} {num(foot - tall)}H{num(end)}V{num(foot)}H{num(x)}z")
                foot -= tall
    return [f'<path class="obs {state}" d="{"".join(paths)}"/>' for state, paths in pieces.items() if paths]


def marker(kind: str, x: float, y: float) -> str:
    """A story's sign by what it reports: pause ▼, resumption ▲, both ◆, neither ●."""
    shapes = {
        "pause": f"M{num(x - 5)} {num(y - 4.5)}h10l-5 9z",
        "resumption": f"M{num(x - 5)} {num(y + 4.5)}h10l-5 -9z",
        "both": f"M{num(x)} {num(y - 6)}l6 6l-6 6l-6 -6z",
        "other": f"M{num(x - 4)} {num(y)}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",
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
            parts.append(f'<path class="story-line" d="M{num(x)} {num(middle)}H{num(reach)}"/>')
        tip = f"{story['first_on']}: {story['title'] or 'untitled'} ({story['copies']} mentions)"
        shape = marker(story["sign"], x, middle)
        parts.append(f'<path class="story {story["sign"]}" d="{shape}"><title>{escaped(tip)}</title></path>')
        parts.append(
            text(max(reach, x) + 9, middle + 4, label, "value")
            if right
            else text(x - 9, middle + 4, label, "value", "end")
        )
    return len(lanes), parts
