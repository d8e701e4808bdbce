"""One readsb trace, from gzip'd bytes to the few points that matter, with no Python object for any other.

readsb writes one point a line and a day's trace holds a thousand of them, of which few are near a watched base. The
text is searched for those (search.py), and only the lines around them are parsed: back to the last callsign, since
it stands in every fourth point or so, and one line on either side. A text that is not of readsb's own form is parsed
whole. Both ways give the same rows; tests hold them against each other.
"""

from __future__ import annotations

import contextlib
import re
import zlib
from bisect import bisect_left, bisect_right
from typing import NamedTuple

import msgspec
import numpy as np

from basewatch.callsigns import callsign_of
from basewatch.readsb.gzipped import MAGIC, BadGzip, unpack
from basewatch.readsb.search import Search

LARGEST_MEMBER = 64 << 20  # bytes of gzip; a busy aircraft's day is 0.3 MB, one at two points a second 5 MB
LARGEST_TEXT = 128 << 20  # bytes of JSON; beyond it a member is taken for a bomb
BLOCK = 1024  # bytes parsed from a hit on before the next search: half a dozen points
LONGEST_BLOCK = 8192  # to which a block grows while the hits go on
LONGEST_HEAD = 8192  # bytes before the first point
PEEKED = 400  # bytes of text that hold the fields before the points
PEEKED_BYTES = 600  # bytes of gzip that hold as much

_FLIGHT = b'"flight":"'
_TRACE = b'"trace":['
_LINE = b"\n["
_NEWLINE = ord("\n")
_TAIL = re.compile(rb"\]\s*\}\s*\Z")


class BadTrace(Exception):
    """A member that cannot be used; the text says why."""


class Details(msgspec.Struct, gc=False):
    """What of a point's details object is used."""

    flight: str | None = None
    type: str | None = None


class Point(msgspec.Struct, array_like=True, gc=False):
    """A point as readsb writes it, up to the last field that is used; before 2022 the fields ended with `details`."""

    seconds: float
    latitude: float
    longitude: float
    altitude: float | str | None
    ground_speed: float | None = None
    track: float | None = None
    flags: int | None = None
    rate: float | None = None
    details: Details | None = None
    type: str | None = None
    altitude_geom: float | None = None


class Head(msgspec.Struct, gc=False):
    """The fields of a trace before its points."""

    icao: str
    timestamp: float
    r: str | None = None
    t: str | None = None
    ownOp: str | None = None  # noqa: N815 (the provider's spelling)
    dbFlags: int | None = None  # noqa: N815


class Whole(Head, gc=False):
    """A whole trace, its points not yet looked at."""

    trace: list[msgspec.Raw] = []


class Every(Head, gc=False):
    """A whole trace with all of its points."""

    trace: list[Point] = []


class Lines(NamedTuple):
    """Where the points lie in a text of readsb's form: the first line's newline, and the bracket that ends the list."""

    start: int
    end: int


class Parsed(NamedTuple):
    """A trace's head, those of its points that were parsed (in file order), and how many points were malformed."""

    head: Head
    points: list[Point]
    bad_points: int = 0


_heads = msgspec.json.Decoder(Head)
_points = msgspec.json.Decoder(list[Point])
_point = msgspec.json.Decoder(Point)
_wholes = msgspec.json.Decoder(Whole)
_everies = msgspec.json.Decoder(Every)


def gunzip(data: bytes) -> bytes:
    """The text of a member: gzip by its first bytes, never by its name; plain JSON as it is.

    Raises BadTrace for damaged or oversized data.
    """
    if data[:2] == MAGIC:
        try:
            return unpack(data, LARGEST_TEXT)
        except BadGzip as error:
            raise BadTrace(str(error)) from None
    if data[:1] in b" \t\r\n{" and len(data) <= LARGEST_TEXT:
        return data
    raise BadTrace("neither gzip nor JSON")


def peek(data: bytes) -> bytes:
    """The first PEEKED bytes of a member's text, without unpacking the rest; empty where that cannot be done."""
    if data[:2] != b"\x1f\x8b":
        return data[:PEEKED]
    try:
        return zlib.decompressobj(wbits=31).decompress(data[:PEEKED_BYTES], PEEKED)
    except zlib.error:
        return b""


def lines(text: bytes) -> Lines | None:
    """Where the points lie, if the text begins and ends as readsb's do. None: parse it whole."""
    head = text.find(_TRACE, 0, LONGEST_HEAD)
    tail = _TAIL.search(text, max(len(text) - 32, 0))
    if head < 0 or tail is None:
        return None
    head, end = head + len(_TRACE), tail.start()
    start = text.find(_LINE, head, end)
    if start < 0:
        start = end
    return Lines(start, end) if start <= end and not text[head:start].strip() else None


def parse_near(text: bytes, place: Lines, search: Search, since: int | None = None) -> Parsed | None:
    """The points of a trace that may be near a base, with what the module says around them, and the first and the last.

    since: where to begin to look, if it is known that none stands before. None where no point may be near. Raises
    BadTrace where head or points are not as they should be.
    """
    hit = search(text, place.start if since is None else since, place.end)
    return None if hit < 0 else parse_around(text, place, search, hit)


def parse_around(text: bytes, place: Lines, search: Search, hit: int, margin_s: float | None = None) -> Parsed:
    """As parse_near, from a first hit that is already known; -1 gives the first and the last point alone.

    margin_s: with the lines of so many seconds more before and behind, and one beyond. Whatever is asked of a hit about
    so much time around it, and of a silence that begins or ends there, is answered as by all of the trace.
    """
    try:
        # a hit that begins no line is refused there; whatever else shares a line with another point is parsed with it
        regions = _regions(text, place, search, hit)
        if margin_s is not None:
            regions = _widened(text, place, regions, margin_s)
        points: list[Point] = []
        for start, end in regions:
            points += _points.decode(b"[%b]" % text[start + 1 : end].rstrip(b", \r\n\t"))
        if margin_s is not None and not _are_in_order(points):  # what was left out was looked for by its time
            return parse_every(text)
        return Parsed(parse_head(text), points)
    except (msgspec.MsgspecError, UnicodeDecodeError, _NotALine):
        return parse_whole(text)


def sampled(text: bytes, place: Lines, search: Search, hit: int, every: int) -> list[Point]:
    """The point of a hit and of further ones, each at least so many bytes behind the one before; malformed ones not."""
    points = []
    while hit >= 0:
        newline = text.find(_LINE, hit, place.end)
        with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
            points.append(_point.decode(text[hit : newline if newline >= 0 else place.end].rstrip(b", \r\n\t")))
        newline = text.find(_LINE, hit + every, place.end)
        hit = search(text, newline, place.end) if newline >= 0 else -1
    return points


def every_so_many(text: bytes, place: Lines, many: int) -> list[Point]:
    """The first point of each so many lines; malformed ones not."""
    newlines = np.flatnonzero(np.frombuffer(text, np.uint8)[place.start : place.end] == _NEWLINE)
    points = []
    for newline in (newlines[::many] + place.start).tolist():
        end = text.find(_LINE, newline + 2, place.end)
        with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
            points.append(_point.decode(text[newline : end if end >= 0 else place.end].rstrip(b", \r\n\t")))
    return points


def parse_head(text: bytes) -> Head:
    """The fields before the points. Raises msgspec's errors."""
    return _heads.decode(text[: text.index(_TRACE)] + b'"trace":[]}')


def parse_every(text: bytes) -> Parsed:
    """As parse_whole, in half the time where no point is malformed."""
    try:
        every = _everies.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return parse_whole(text)
    return Parsed(every, every.trace)


def parse_whole(text: bytes) -> Parsed:
    """All points of a trace in any valid JSON; malformed points are left out and counted. Raises BadTrace."""
    try:
        whole = _wholes.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadTrace(f"not a readsb trace: {error}") from None
    points = []
    for raw in whole.trace:
        try:
            points.append(_point.decode(raw))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
    return Parsed(whole, points, len(whole.trace) - len(points))


class _NotALine(Exception):
    """A line that does not start a point."""


def _names_a_flight(text: bytes, start: int) -> bool:
    """Whether the callsign that begins at `start` names a flight."""
    return callsign_of(text[start : text.find(b'"', start)].decode("latin-1")) is not None


def _are_in_order(points: list[Point]) -> bool:
    times = [point.seconds for point in points]
    return times == sorted(times)


def _context(text: bytes, place: Lines, position: int, floor: int) -> int:
    """Where the line with the last callsign before that at `position` starts, or else the line before it."""
    callsign_at = text.rfind(_FLIGHT, floor, position)
    while callsign_at >= 0 and not _names_a_flight(text, callsign_at + len(_FLIGHT)):
        callsign_at = text.rfind(_FLIGHT, floor, callsign_at)
    if callsign_at >= 0:
        return text.rfind(_LINE, floor, callsign_at)
    if text.find(_FLIGHT, place.start, floor) >= 0:
        return floor  # a callsign from before may hold on, unless a new leg begins in between
    return text.rfind(_LINE, floor, position)


def _regions(text: bytes, place: Lines, search: Search, hit: int) -> list[tuple[int, int]]:
    """Stretches of whole lines, from newline to newline, that hold every hit and what belongs to it."""
    start, end = place
    if start == end:
        return []

    def line_after(position: int) -> int:
        newline = text.find(_LINE, position, end)
        return end if newline < 0 else newline

    regions = [(start, line_after(start + 2))]
    block = BLOCK
    while hit >= 0:
        hit -= 1  # the newline before the bracket
        if text[hit] != 10:
            raise _NotALine
        first, done = regions[-1]
        begin = _context(text, place, hit, done) if hit > done else done
        stop = line_after(max(hit + block, done))
        if begin > done:
            regions.append((begin, stop))
        else:
            regions[-1] = (first, stop)
        hit = search(text, stop, end) if stop < end else -1
        block = min(2 * block, LONGEST_BLOCK)
        if hit != stop + 1 and stop < end:
            regions[-1] = (regions[-1][0], line_after(stop + 2))
            block = BLOCK
    last = text.rfind(_LINE, start, end)
    first, done = regions[-1]
    if last >= done:
        regions.append((_context(text, place, last, done) if last > done else done, end))
    return regions


def _widened(text: bytes, place: Lines, regions: list[tuple[int, int]], margin_s: float) -> list[tuple[int, int]]:
    """The stretches with the lines of so many seconds more on either side, and one beyond with what belongs to it."""

    def seconds(position: int) -> float:
        """The time of the line in which this byte stands, its newline counted in."""
        line = text.rfind(_LINE, place.start, position + 2)
        try:
            return float(text[line + 2 : text.index(b",", line)])
        except ValueError:
            raise _NotALine from None

    wide = regions[:1]
    for start, end in regions[1:]:
        first, done = wide[-1]
        between = range(done, start)  # the lines that were left out
        behind = done + bisect_right(between, seconds(done - 1) + margin_s, key=seconds)
        beyond = text.find(_LINE, behind + 2, start) if behind < start else start
        before = done + bisect_left(between, seconds(start) - margin_s, key=seconds)
        if beyond < 0 or beyond >= before:
            wide[-1] = (first, end)
        else:
            wide[-1] = (first, beyond)
            begin = _context(text, place, before, beyond)
            if begin > beyond:
                wide.append((begin, end))
            else:
                wide[-1] = (first, end)
    return wide
