"""A base's last months in the height of a line: a bar a month, unknown ones hatched."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from markupsafe import Markup

from basewatch.report.listing import Row
from basewatch.report.months_chart import is_unknown
from basewatch.report.safe_text import escaped
from basewatch.report.svg import num, rect

MONTHS, STEP, HEIGHT = 24, 7.0, 26.0


def sparkline(months: Sequence[Row], name: str) -> Markup:
    """The last months as a small picture with the same in words."""
    last = list(months[-MONTHS:])
    counts = [month["visits"] for month in last if not is_unknown(month, "visits")]
    top = max([1, *counts])
    parts, at = [], 0
    for unknown, group in groupby(last, key=lambda month: is_unknown(month, "visits")):
        alike = list(group)
        if unknown:
            parts.append(rect(at * STEP, 4, len(alike) * STEP - 1, HEIGHT - 4, "unknown"))
        else:
            for number, month in enumerate(alike):
                tall = max((HEIGHT - 4) * month["visits"] / top, 1.0)
                parts.append(rect((at + number) * STEP, HEIGHT - tall, STEP - 1.5, tall, "bar"))
        at += len(alike)
    span = f"{last[0]['month']:%Y-%m} to {last[-1]['month']:%Y-%m}" if last else "no month on record"
    known = f"at most {max(counts)} visits a month" if counts else "nothing known"
    words = f"{name}, {span}: {known}, {len(last) - len(counts)} months unknown"
    wide = num(max(len(last), 1) * STEP)
    return Markup(  # noqa: S704  its words went through escaped()
        f'<svg class="chart spark" role="img" width="{wide}" height="{num(HEIGHT)}" viewBox="0 0 {wide} {num(HEIGHT)}">'
        f"<title>{escaped(words)}</title>{''.join(parts)}</svg>"
    )
