r"""One expression that tells, without reading a number, whether a trace's text may hold a point near a base.

readsb writes one point a line, `[seconds,latitude,longitude,altitude,…`. The discs around the bases are covered with
cells of a tenth of a degree, which in decimal text are prefixes: latitude 35.4 to 35.5 is every text `35.4…`. A cell
may lie in the outer ring alone, then only low heights count there. The expression looks at every opening bracket. It
matches where a point begins that may be near, and where something begins that it cannot judge. So it may match in
vain, but it passes over nothing that is near, however the text is laid out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import groupby

import numpy as np
import re2

from basewatch.geo import EARTH_KM, Place, Ring, half_width_deg, spans

MARGIN_DEG = 1e-6  # one unit of the last decimal that readsb writes
CELLS = 10  # a degree: one decimal digit
DFA_BYTES = 64 << 20  # RE2 builds its automaton as it meets text, and starts it anew beyond this

Search = Callable[[bytes, int, int], int]


def _prefixes(low: float, high: float) -> set[str]:
    """The cells, as decimal text, that an interval of degrees touches; zero stands in two, 0.0 and -0.0."""
    prefixes = set()
    for sign, start, end in (("", max(low, 0.0), high), ("-", max(-high, 0.0), -low)):
        if end >= 0:
            cells = range(int(start * CELLS), int(end * CELLS) + 1)
            prefixes |= {f"{sign}{cell // CELLS}.{cell % CELLS}" for cell in cells}
    return prefixes


def _disc(place: Place, radius_km: float) -> dict[str, set[str]]:
    """Cells that cover a disc: latitude prefix to longitude prefixes."""
    reach = radius_km / EARTH_KM * 180 / np.pi + MARGIN_DEG
    rows: dict[str, set[str]] = {}
    for row in _prefixes(max(place.latitude - reach, -90.0), min(place.latitude + reach, 90.0)):
        near, far = abs(float(row)), abs(float(row)) + 1 / CELLS
        south, north = (-far, -near) if row.startswith("-") else (near, far)
        width = half_width_deg(place.latitude, radius_km + 1e-3, south - MARGIN_DEG, north + MARGIN_DEG)
        if width is not None:
            rows[row] = set().union(*(_prefixes(*span) for span in spans(place.longitude, width + MARGIN_DEG)))
    return rows


def _any_of(prefixes: Iterable[str]) -> str:
    """An expression for a set of one-decimal prefixes, the digits of one degree in one class."""
    pairs = sorted(tuple(prefix.split(".")) for prefix in prefixes)
    parts = []
    for degree, group in groupby(pairs, key=lambda pair: pair[0]):
        digits = "".join(digit for _, digit in group)
        parts.append(rf"{degree}\.{digits if len(digits) == 1 else f'[{digits}]'}")
    return f"(?:{'|'.join(parts)})"


def _below(limit: int) -> str:
    """An expression for the start of a height field unless it is a whole number at or above the limit."""
    text = str(limit)
    less = [rf"\d{{1,{len(text) - 1}}}"] if len(text) > 1 else []
    for place, digit in enumerate(text):
        if digit != "0":
            less.append(text[:place] + f"[0-{int(digit) - 1}]" + rf"\d{{{len(text) - place - 1}}}")
    return rf"(?:[^\d]|(?:{'|'.join(less)})[^\d]|\d+[^\d,\]])"


@lru_cache(maxsize=4)
def expression(places: tuple[Place, ...], rings: tuple[Ring, ...]) -> str:
    """The expression (RE2 syntax, bytes as Latin-1) for points near any of the places by any of the rings."""
    limits = {ring.below_ft for ring in rings if ring.below_ft is not None}
    if len(limits) > 1:
        raise ValueError("rings may share one height limit only")
    any_height: dict[str, set[str]] = defaultdict(set)
    low_only: dict[str, set[str]] = defaultdict(set)
    for place in places:
        for ring in rings:
            for row, cells in _disc(place, ring.radius_km).items():
                (any_height if ring.below_ft is None else low_only)[row] |= cells
    alike: dict[tuple[frozenset[str], frozenset[str]], set[str]] = defaultdict(set)
    for row in any_height.keys() | low_only.keys():
        always = any_height[row]
        alike[frozenset(always), frozenset(low_only[row] - always)].add(row)
    low = _below(next(iter(limits))) if limits else ""
    odd = r"(?:[^\d-]|-[^\d]|-?\d+[^\d.]|-?\d+\.[^\d]|-?\d+\.\d+[^\d,])"  # whatever does not start `number,`
    rows = []
    for (at_all, lows), latitudes in sorted(alike.items(), key=lambda item: sorted(item[1])):
        ends = [odd, _any_of(at_all)] if at_all else [odd]
        ends += [rf"{_any_of(lows)}\d*,{low}"] if lows else []
        rows.append(rf"{_any_of(latitudes)}\d*,(?:{'|'.join(ends)})")
    # a bracket before a quotation mark, a brace, a bracket or a word opens something else: a list in a point's details
    return rf"\[(?:[ \t\r\n]|[\d-][\d.-]*(?:[^\d.,-]|,(?:{'|'.join([*rows, odd])})))"


def compile_search(pattern: str) -> Search:
    """A function (text, start, end) -> position of the bracket that opens the first point that may be near, or -1."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = DFA_BYTES
    options.log_errors = False
    options.never_capture = True
    # The wrapper's `search` builds an iterator and a match object a call; blocks are searched a million times a day.
    match = re2.compile(pattern.encode("latin-1"), options)._regexp.Match
    anywhere = re2._Anchor.UNANCHORED

    def search(text: bytes, start: int, end: int) -> int:
        position: int = match(anywhere, text, start, end)[0][0]
        return position

    return search
