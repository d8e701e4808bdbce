"""Where visits came from and left for: a map around a base, and words for what no map can show.

The projection is azimuthal and equidistant, with the base in the middle: distances and directions from the base are
true, and each straight line from it is the shortest way. Outlines are Natural Earth's (`land.json`), bundled.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from markupsafe import Markup

from basewatch.report.listing import Row
from basewatch.report.svg import CHARACTER, num, text, whole

WIDTH, HEIGHT = 760.0, 460.0
EARTH_KM = 6371.0
LEAST_KM, MOST_KM = 900.0, 9000.0  # from the base to the nearer edge
Point = tuple[float, float]


@dataclass(frozen=True)
class Place:
    """A field of which the position is known: its name, and how many visits came from it and left for it."""

    code: str
    name: str
    position: Point
    came: int
    left_for: int

    @property
    def label(self) -> str:
        """Its name with how many, for the map."""
        return f"{self.name} ({self.came + self.left_for})"


@dataclass(frozen=True)
class Routes:
    """Other ends of visits: fields on a map, places that are named and on no map, and how many nobody knows."""

    places: list[Place]
    named: list[Row]
    unknown_from: int
    unknown_to: int


def routes(ends: Iterable[Row], fields: Mapping[str, Row], base: Row) -> Routes:
    """The other ends of visits (rows of code, came, left_for), with the positions of fields by their code."""
    places, named, unknown_from, unknown_to = [], [], 0, 0
    for row in ends:
        code = row["code"]
        field = fields.get(code) if code else None
        if code is None:
            unknown_from, unknown_to = row["came"], row["left_for"]
        elif field is not None and field["latitude"] is not None and field["longitude"] is not None:
            name = str(field["name"] or code).split(" / ")[0]
            position = (field["latitude"], field["longitude"])
            if code in (base["icao"], base["base_id"]):
                name = f"{name}, the base itself"
            places.append(Place(code, name, position, row["came"], row["left_for"]))
        else:
            named.append(row)
    return Routes(places, named, unknown_from, unknown_to)


def chart(position: Point, name: str, found: Routes, chart_id: str, title: str) -> Markup:
    """The map: the base in the middle, a line to each field, as broad as many visits."""
    projected = [(place, project(position, place.position)) for place in found.places]
    far = max((max(abs(x) * HEIGHT / WIDTH, abs(y)) for _, (x, y) in projected), default=0.0)
    reach = min(max(far * 1.18, LEAST_KM), MOST_KM)
    scale = HEIGHT / 2 / reach
    parts = [
        '<rect class="sea" width="760" height="460"/>',
        f'<path class="land" fill-rule="evenodd" d="{_land(position, scale)}"/>',
    ]
    most = max((place.came + place.left_for for place in found.places), default=1)
    dots, labels = [], []
    taken = [(WIDTH / 2 - 8, HEIGHT / 2 - 8, WIDTH / 2 + 8 + len(name) * CHARACTER, HEIGHT / 2 + 8)]
    for place, (east, north) in projected:
        x, y = WIDTH / 2 + east * scale, HEIGHT / 2 - north * scale
        broad = 1 + 4 * (place.came + place.left_for) / most
        parts.append(f'<path class="route" stroke-width="{num(broad)}" d="M380 230L{num(x)} {num(y)}"/>')
        dots.append(f'<circle class="field" cx="{num(x)}" cy="{num(y)}" r="4"/>')
        labels += _label(x, y, place.label, taken)
    parts += [*dots, *labels, '<path class="home" d="M380 222l8 8l-8 8l-8 -8z"/>', text(392, 234, name, "value halo")]
    desc = "; ".join(f"{one.name}: {one.came} came from it, {one.left_for} left for it" for one in found.places)
    ring = f"From the middle to the upper edge are {reach:.0f} km. "
    desc = f"{ring}{desc or 'No other end is known by its position'}."
    return whole(None, HEIGHT, chart_id, title, desc, parts, WIDTH)


def _label(x: float, y: float, words: str, taken: list[tuple[float, float, float, float]]) -> list[str]:
    """A field's name beside it, where it neither leaves the map nor covers another; the table has all of them."""
    wide = len(words) * CHARACTER
    for left, up in ((x + 7, y + 4), (x - 7 - wide, y + 4), (x - wide / 2, y - 9), (x - wide / 2, y + 17)):
        box = (left, up - 10, left + wide, up + 3)
        inside = box[0] >= 2 and box[2] <= WIDTH - 2 and box[1] >= 2 and box[3] <= HEIGHT - 2
        if inside and not any(box[0] < b[2] and b[0] < box[2] and box[1] < b[3] and b[1] < box[3] for b in taken):
            taken.append(box)
            return [text(left, up, words, "value halo")]
    return []


def project(centre: Point, place: Point) -> Point:
    """Kilometres east and north of the centre, along the shortest way."""
    (lat0, lon0), (lat, lon) = centre, place
    phi0, phi, difference = math.radians(lat0), math.radians(lat), math.radians(lon - lon0)
    cosine = math.sin(phi0) * math.sin(phi) + math.cos(phi0) * math.cos(phi) * math.cos(difference)
    angle = math.acos(min(1.0, max(-1.0, cosine)))
    if angle < 1e-9:
        return 0.0, 0.0
    factor = EARTH_KM * angle / math.sin(angle) if angle < math.pi - 1e-6 else EARTH_KM * math.pi
    east = math.cos(phi) * math.sin(difference)
    north = math.cos(phi0) * math.sin(phi) - math.sin(phi0) * math.cos(phi) * math.cos(difference)
    return factor * east, factor * north


@cache
def _rings() -> list[tuple[Point, float, list[Point]]]:
    """The outlines of countries: the middle of each, the greatest distance of its points from it, and its points."""
    content = json.loads(files("basewatch.report").joinpath("land.json").read_text(encoding="utf-8"))
    found = []
    for flat in content:
        x = y = 0
        points: list[Point] = []
        for n in range(0, len(flat), 2):
            x, y = (flat[0], flat[1]) if n == 0 else (x + flat[n], y + flat[n + 1])
            points.append((y / 100, x / 100))
        middle = (sum(lat for lat, _ in points) / len(points), sum(lon for _, lon in points) / len(points))
        found.append((middle, max(math.hypot(*project(middle, point)) for point in points), points))
    return found


def _land(centre: Point, scale: float) -> str:
    """The outlines that the map touches, cut at its edges, as one path."""
    corner = math.hypot(WIDTH, HEIGHT) / 2 / scale
    pieces = []
    for middle, wide, points in _rings():
        if math.hypot(*project(centre, middle)) - wide > corner:
            continue
        ring = [
            (WIDTH / 2 + east * scale, HEIGHT / 2 - north * scale)
            for east, north in (project(centre, point) for point in points)
        ]
        cut = _cut(ring)
        if len(cut) > 2:
            pieces.append("M" + "L".join(f"{x:.0f} {y:.0f}" for x, y in _sparse(cut)) + "z")
    return "".join(pieces)


def _sparse(points: Sequence[Point]) -> list[Point]:
    """The points that differ by more than a pixel."""
    kept = [points[0]]
    for x, y in points[1:]:
        if abs(x - kept[-1][0]) + abs(y - kept[-1][1]) >= 1.2:
            kept.append((x, y))
    return kept


def _cut(ring: list[Point]) -> list[Point]:
    """A ring cut at the map's four edges in turn (Sutherland and Hodgman's way)."""
    for axis, edge, is_lower in ((0, 0.0, True), (0, WIDTH, False), (1, 0.0, True), (1, HEIGHT, False)):
        if not ring:
            return []
        kept: list[Point] = []
        before = ring[-1]
        for point in ring:
            inside = point[axis] >= edge if is_lower else point[axis] <= edge
            was_inside = before[axis] >= edge if is_lower else before[axis] <= edge
            if inside != was_inside:
                share = (edge - before[axis]) / (point[axis] - before[axis])
                kept.append((before[0] + share * (point[0] - before[0]), before[1] + share * (point[1] - before[1])))
            if inside:
                kept.append(point)
            before = point
        ring = kept
    return ring
