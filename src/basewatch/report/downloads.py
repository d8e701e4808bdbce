"""What a page hands out of itself: a chart as an SVG file, its figures as CSV, as addresses that hold the file."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence

from markupsafe import Markup

from basewatch.report import standalone
from basewatch.report.forms import as_csv
from basewatch.report.listing import Row


def svg(chart: str, title: str, lines: Sequence[str]) -> Markup:
    """A chart of the page as a whole SVG file."""
    return _held("image/svg+xml", standalone.svg(chart, title, lines))


def csv(rows: Iterable[Row], columns: Sequence[str] | None = None) -> Markup:
    """Rows as CSV, of these columns alone where any are named."""
    held = [row if columns is None else {name: row.get(name) for name in columns} for row in rows]
    return _held("text/csv;charset=utf-8", as_csv(held))


def _held(kind: str, content: str) -> Markup:
    return Markup(f"data:{kind};base64,{base64.b64encode(content.encode()).decode()}")  # noqa: S704  letters and digits
