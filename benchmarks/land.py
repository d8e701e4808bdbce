"""Makes src/basewatch/report/land.json, the outlines of countries that the report's maps draw.

    npm pack world-atlas@2.0.2 && tar xzf world-atlas-2.0.2.tgz
    python benchmarks/land.py package/countries-50m.json

What comes out: a list of rings, each a flat list of longitudes and latitudes in hundredths of a degree, of which all
but the first pair are differences from the pair before. Points that lie within 0.08° of the line without them are left
out, and so are islands of less than a quarter of a degree.
"""

from __future__ import annotations

import json
import sys
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

OUT = Path(__file__).resolve().parents[1] / "src" / "basewatch" / "report" / "land.json"
WITHIN = 0.08  # degrees
SMALLEST = 0.25  # degrees, of a ring's longer side

Point = tuple[float, float]


def arcs(topology: dict[str, Any]) -> list[list[Point]]:
    """The arcs of a TopoJSON file in degrees, each without the points that a straight line does without."""
    (sx, sy), (tx, ty) = topology["transform"]["scale"], topology["transform"]["translate"]
    found = []
    for arc in topology["arcs"]:
        x = y = 0
        points = []
        for dx, dy in arc:
            x, y = x + dx, y + dy
            points.append((x * sx + tx, y * sy + ty))
        found.append(simplified(points))
    return found


def simplified(points: list[Point]) -> list[Point]:
    """Douglas and Peucker's way: the farthest point from the line stays if it is far, and so on on either side."""
    keep = {0, len(points) - 1}
    todo = [(0, len(points) - 1)]
    while todo:
        first, last = todo.pop()
        far, at = max(
            ((_distance(points[n], points[first], points[last]), n) for n in range(first + 1, last)), default=(0.0, 0)
        )
        if far > WITHIN:
            keep.add(at)
            todo += [(first, at), (at, last)]
    return [points[n] for n in sorted(keep)]


def _distance(point: Point, one: Point, other: Point) -> float:
    (x, y), (ax, ay), (bx, by) = point, one, other
    dx, dy = bx - ax, by - ay
    length = dx * dx + dy * dy
    share = 0.0 if not length else min(1.0, max(0.0, ((x - ax) * dx + (y - ay) * dy) / length))
    return float(((x - ax - share * dx) ** 2 + (y - ay - share * dy) ** 2) ** 0.5)


def rings(topology: dict[str, Any]) -> list[list[Point]]:
    """The outer and inner rings of every country."""
    drawn = arcs(topology)
    found = []
    for country in topology["objects"]["countries"]["geometries"]:
        polygons = country["arcs"] if country["type"] == "MultiPolygon" else [country["arcs"]]
        for ring in chain.from_iterable(polygons):
            points: list[Point] = []
            for number in ring:
                part = drawn[number] if number >= 0 else drawn[~number][::-1]
                points += part[1:] if points else part
            wide = max(x for x, _ in points) - min(x for x, _ in points)
            high = max(y for _, y in points) - min(y for _, y in points)
            if len(points) > 3 and max(wide, high) >= SMALLEST:
                found.append(points)
    return found


def main() -> None:
    """Write the file."""
    lines = []
    for ring in rings(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))):
        whole = [(round(x * 100), round(y * 100)) for x, y in ring]
        flat = [*whole[0]]
        for (ax, ay), (bx, by) in pairwise(whole):
            flat += [bx - ax, by - ay]
        lines.append(json.dumps(flat, separators=(",", ":")))
    OUT.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
    print(f"{OUT}: {len(lines)} rings, {OUT.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
