"""What all charts are drawn with: a scale of days, and shapes and words as SVG text in which nothing can act.

Lengths are CSS pixels at natural size. Colours are classes of the page's style, for light, dark and print.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

from markupsafe import Markup

from basewatch.report.safe_text import escaped

LEFT, RIGHT = 34.0, 14.0
CHARACTER = 6.2  # mean width of a character at the charts' 11 px, enough to keep labels apart


@dataclass(frozen=True)
class Frame:
    """The days that a base's charts span, both included, and their width: one scale for all charts of a base."""

    first: date
    last: date

    @cached_property
    def months(self) -> int:
        """Calendar months touched."""
        return (self.last.year - self.first.year) * 12 + self.last.month - self.first.month + 1

    @cached_property
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


def num(value: float) -> str:
    """A length, to a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")


def rect(x: float, y: float, width: float, height: float, kind: str, tip: str = "") -> str:
    """A rectangle; `tip` is its title, which a pointer shows."""
    inner = f"><title>{escaped(tip)}</title></rect>" if tip else "/>"
    return f'<rect class="{kind}" x="{num(x)}" y="{num(y)}" width="{num(width)}" height="{num(height)}"{inner}'


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "") -> str:
    """Words at a place."""
    attributes = f' class="{kind}"' if kind else ""
    attributes += f' text-anchor="{anchor}"' if anchor else ""
    return f'<text x="{num(x)}" y="{num(y)}"{attributes}>{escaped(words)}</text>'


def track_name(frame: Frame, y: float, words: str) -> str:
    """A track's name at its left end and, for small screens that open on the latest days, at its right end too."""
    return text(LEFT, y, words, "panel") + text(frame.width - RIGHT, y, words, "panel twin", "end")


def whole(
    frame: Frame | None,
    height: float,
    chart_id: str,
    title: str,
    desc: str,
    parts: Iterable[str],
    width: float | None = None,
) -> Markup:
    """A chart with its name and description, as wide as its frame, or as `width`."""
    wide = width if width is not None else frame.width if frame else 0.0
    size = f'width="{num(wide)}" height="{num(height)}" viewBox="0 0 {num(wide)} {num(height)}"'
    return Markup(  # noqa: S704  every text in it went through escaped()
        f'<svg class="chart" role="img" aria-labelledby="{chart_id}-t {chart_id}-d" {size}>'
        f'<title id="{chart_id}-t">{escaped(title)}</title><desc id="{chart_id}-d">{escaped(desc)}</desc>'
        + "".join(parts)
        + "</svg>"
    )


def month_starts(frame: Frame) -> list[date]:
    """The first day of each month touched."""
    starts, month = [], frame.first.replace(day=1)
    while month <= frame.last:
        starts.append(month)
        month = month_end(month) + timedelta(days=1)
    return starts


def axis(frame: Frame, top: float, bottom: float) -> list[str]:
    """Year lines through the plot, and month and year labels below it, as many as fit."""
    parts = []
    starts = month_starts(frame)
    step = (frame.width - LEFT - RIGHT) / max(frame.months, 1)
    every = next((count for count in (1, 3, 6) if step * count >= 30), 12)
    year_every = next((count for count in (1, 2, 5) if step * 12 * count >= 34), 10)
    for index, month in enumerate(starts):
        x = frame.x(month)
        if month.month == 1:
            parts.append(f'<path class="grid" d="M{num(x)} {num(top)}V{num(bottom)}"/>')
        if every < 12 and (month.month - 1) % every == 0 and x < frame.width - RIGHT - 18:
            parts.append(f'<path class="tick" d="M{num(x)} {num(bottom)}v4"/>')
            parts.append(text(x + 2, bottom + 14, f"{month:%b}", "ax"))
        january = month.replace(year=month.year + 1, month=1)
        roomy = index == 0 and (january > frame.last or frame.x(january) - x > 36)
        if (month.month == 1 and month.year % year_every == 0) or roomy:
            parts.append(text(x + 2, bottom + (27 if every < 12 else 14), f"{month.year}", "ax year"))
    return parts


def rule(top: float, bottom: float, end: float) -> str:
    """The ground line of a track."""
    path = f"M{num(LEFT)} {num(bottom)}H{num(end)}"
    return f'<path class="grid" d="{path}"/>' if bottom >= top else ""


def runs_path(frame: Frame, spans_of_days: Iterable[tuple[date, date]], y: float, height: float, kind: str) -> str:
    """All runs of days of one kind as a single path; no run is thinner than 0.8 px, and those that then touch merge."""
    spans: list[list[float]] = []
    for first, until in spans_of_days:
        if until < frame.first or first > frame.last:
            continue
        x = frame.x(first)
        end = max(frame.x(until + timedelta(days=1)), x + 0.8)
        if spans and x <= spans[-1][1] + 0.1:
            spans[-1][1] = max(end, spans[-1][1])
        else:
            spans.append([x, end])
    pieces = "".join(f"M{num(x)} {num(y)}h{num(end - x)}v{num(height)}H{num(x)}z" for x, end in spans)
    return f'<path class="{kind}" d="{pieces}"/>' if pieces else ""
