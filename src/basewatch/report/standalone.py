"""A chart as a file of its own: an SVG that needs no page around it, in light colours, and the same as PNG."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from basewatch.report.safe_text import escaped

MARGIN, LINE = 12, 16
LETTERS = 5.6  # mean width of one at the size of the source line
SCALE = 2.0  # pixels of the PNG for one of the SVG
FONTS = "DejaVu Sans, Liberation Sans, Arial, sans-serif"

# What is said below a chart that leaves its page: how to read months, how to read days, and that nothing is real.
BARS = "Hatched: not known, which is not zero. ≥: some days of the month could not be seen."
DAYS = (
    "Could the field be seen? Solid: other traffic proves it. Dotted: complete records, no other traffic to judge by. "
    "Crossed: nothing was heard. Hatched: not, or not wholly, looked at."
)
MADE_UP = "SIMULATED: made up, and no real flight."

_CHART = re.compile(r'<svg class="chart"[^>]* width="([\d.]+)" height="([\d.]+)"[^>]*>(.*)</svg>', re.DOTALL)
_VARIABLE = re.compile(r"--([a-z-]+):\s*([^;}]+)")


def svg(chart: str, title: str, lines: Sequence[str]) -> str:
    """A chart of the report as a whole SVG file, with a title above it and lines of source below."""
    found = _CHART.fullmatch(chart)
    if found is None:
        raise ValueError("no chart of the report")
    inner = float(found[1]), float(found[2])
    width = inner[0] + 2 * MARGIN
    told = [part for line in lines for part in _folded(line, int((width - 2 * MARGIN) / LETTERS))]
    height = inner[1] + 2 * MARGIN + 30 + LINE * (len(told) + 1)
    below = "".join(
        f'<text class="source" x="{MARGIN}" y="{inner[1] + 60 + LINE * number:.0f}">{escaped(line)}</text>'
        for number, line in enumerate(told)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img"><title>{escaped(title)}</title>'
        f"<style>{_style()}</style><defs>{_patterns()}</defs>"
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>'
        f'<text class="heading" x="{MARGIN}" y="24">{escaped(title)}</text>'
        f'<g class="chart" transform="translate({MARGIN} 36)">{found[3]}</g>{below}</svg>\n'
    )


def png(drawing: str) -> bytes:
    """An SVG of `svg` as PNG, at twice its size. Its letters are drawn in a font of this machine."""
    import resvg_py

    return bytes(resvg_py.svg_to_bytes(svg_string=drawing, zoom=SCALE, sans_serif_family="DejaVu Sans"))


def _folded(line: str, width: int) -> list[str]:
    """A line as several of at most so many letters, broken at blanks."""
    parts: list[str] = []
    for word in line.split():
        if parts and len(parts[-1]) + len(word) < width:
            parts[-1] += f" {word}"
        else:
            parts.append(word)
    return parts


@cache
def _style() -> str:
    """The rules of the page that charts are drawn by, with the colours of its light form in place of variables."""
    text = files("basewatch.report").joinpath("style.css").read_text(encoding="utf-8")
    colours = dict(_VARIABLE.findall(text.split("}", 1)[0]))
    first, last = text.index(".chart {"), text.index("@media (max-width")
    rules = re.sub(r"var\(--([a-z-]+)\)", lambda name: colours[name[1]].strip(), text[first:last])
    rules = re.sub(r"font: 11px [^;]+;", f"font: 11px {FONTS};", rules)
    own = f".heading {{ font: 600 15px {FONTS}; }} .source {{ font: 11px {FONTS}; fill: {colours['muted'].strip()}; }}"
    return " ".join(f"{rules} {own}".split())


@cache
def _patterns() -> str:
    """The hatchings of what is not known, which stand once in the page."""
    page = files("basewatch.report").joinpath("layout.html.j2").read_text(encoding="utf-8")
    return page[page.index("<defs>") + len("<defs>") : page.index("</defs>")]
