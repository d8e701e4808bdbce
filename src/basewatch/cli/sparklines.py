"""Months as a line of small bars, one line a base and fleet: what a table of months looks like from afar."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

BARS = "▂▃▄▅▆▇█"
NONE, UNKNOWN = "▁", "░"
KEY = f"{UNKNOWN} not known, which is not zero; {NONE} none; █ the most"
LINES_MAX = 20
MONTHS_MAX = 60  # the latest


def line(counts: Sequence[int | None]) -> str:
    """Counts as bars, by the highest of them; what is not known has a sign of its own, and so has nought."""
    most = max((count for count in counts if count is not None), default=0)
    return "".join(
        UNKNOWN if count is None else NONE if count == 0 else BARS[-(-count * len(BARS) // most) - 1]
        for count in counts
    )


def of_months(rows: Iterable[tuple[str, str, date, int | None, str]]) -> list[str]:
    """A line for each base and fleet with a known month, of rows (base, fleet, month, visits, activity) in order."""
    by_pair: dict[tuple[str, str], list[tuple[date, int | None]]] = {}
    for base, fleet, month, visits, activity in rows:
        by_pair.setdefault((base, fleet), []).append((month, None if activity == "unknown" and not visits else visits))
    told = []
    for (base, fleet), months in by_pair.items():
        shown = months[-MONTHS_MAX:]
        counts = [visits for _, visits in shown]
        if len(shown) > 1 and any(count is not None for count in counts):
            most = max(count for count in counts if count is not None)
            told.append(f"{base} {fleet} {shown[0][0]:%Y-%m} {line(counts)} {shown[-1][0]:%Y-%m} (most {most})")
    hidden = len(told) - LINES_MAX
    return [*told[:LINES_MAX], *([f"and {hidden} more"] if hidden > 0 else []), *([KEY] if told else [])]
