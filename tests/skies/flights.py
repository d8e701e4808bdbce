"""How aircraft fly: ways of lines and bank-limited turns, levels that are climbed to and left, speeds, wind and height.

A flight is planned as a way over the ground, limits of height along it, and stretches on the ground. Climbs, descents
and speeds follow from the class of aircraft. Miles are nautical, heights feet above the sea, speeds knots, times
seconds, headings radians within this module and degrees in what is reported.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from skies.fields import Airfield, Bools, Floats, Plane, Runway

GRAVITY = 9.80665
KNOT = 1852 / 3600  # metres a second
HIGHEST = 60_000.0
LOWEST = -2_000.0


@dataclass(frozen=True)
class Kind:
    """A class of aircraft. Pairs are the least and the most of what a flight draws.

    climb, sink: feet a minute low down; thin: what is left of the climb at the ceiling. slow: speed up to which it
    accelerates below 10,000 ft. bank: degrees. steep: feet a mile of a tactical descent.
    """

    types: tuple[str, ...]
    cruise: tuple[float, float]
    level: tuple[float, float]
    climb: tuple[float, float]
    sink: tuple[float, float]
    approach: tuple[float, float]
    slow: float
    bank: tuple[float, float]
    thin: float = 0.35
    steep: tuple[float, float] = (600.0, 1_100.0)
    circuit_ft: tuple[float, float] = (1_000.0, 2_000.0)
    circuit_nm: tuple[float, float] = (1.6, 3.5)


KINDS = {
    "heavy": Kind(("IL76", "A124", "C17"), (400, 450), (24_000, 38_000), (1_300, 2_600), (1_100, 2_300), (128, 152),
                  255, (17, 27)),
    "turboprop": Kind(("C130", "A400", "AN26"), (255, 370), (15_000, 28_000), (1_000, 2_200), (900, 2_000), (112, 132),
                      210, (18, 30)),
    "airliner": Kind(("B738", "A320"), (425, 460), (29_000, 39_000), (1_800, 2_900), (1_300, 2_400), (130, 148),
                     250, (18, 25)),
    "jet": Kind(("GLF5", "C56X"), (400, 470), (35_000, 45_000), (2_200, 3_800), (1_400, 2_700), (112, 132),
                250, (18, 28), steep=(380.0, 650.0)),
    "fighter": Kind(("F16", "EUFI"), (380, 500), (14_000, 34_000), (4_000, 11_000), (2_000, 5_000), (140, 165),
                    320, (35, 55), steep=(800.0, 1_500.0), circuit_ft=(1_200, 2_000), circuit_nm=(1.4, 2.4)),
    "helicopter": Kind(("H60", "MI8"), (95, 145), (700, 4_500), (500, 1_100), (400, 900), (55, 75),
                       110, (12, 25), thin=0.8, circuit_ft=(500, 1_000), circuit_nm=(0.6, 1.2)),
    "light": Kind(("TEX2", "PC9"), (150, 240), (3_000, 14_000), (900, 2_200), (700, 1_700), (85, 105),
                  160, (18, 40), circuit_ft=(800, 1_200), circuit_nm=(0.8, 1.6)),
    "patrol": Kind(("K35R", "E3TF", "P8"), (360, 430), (20_000, 33_000), (1_300, 2_500), (1_100, 2_200), (128, 148),
                   250, (15, 25), steep=(360.0, 600.0)),
}  # fmt: skip


@dataclass(frozen=True)
class Weather:
    """A day's air in one region. wind: towards which it blows (east, north; knots) low down and at 40,000 ft.

    low_ft: by how much altimeters set to standard read too low; warm: share by which the air is deeper than standard.
    """

    wind_low: tuple[float, float]
    wind_high: tuple[float, float]
    low_ft: float
    warm: float

    def wind(self, height: Floats) -> tuple[Floats, Floats]:
        """The wind at heights, as it blows towards east and north."""
        share = np.clip(height / 40_000, 0, 1)
        return (
            self.wind_low[0] + share * (self.wind_high[0] - self.wind_low[0]),
            self.wind_low[1] + share * (self.wind_high[1] - self.wind_low[1]),
        )

    def baro(self, height: Floats) -> Floats:
        """Pressure heights."""
        return np.asarray((height - self.low_ft) / (1 + self.warm))


def weathers(rng: np.random.Generator, days: int) -> list[Weather]:
    """The weather of some days that follow each other: each much like the one before."""
    low, high, pressure, warm = rng.normal(0, 7, 2), rng.normal((20, 0), 28), rng.normal(0, 250), 0.0
    mean_warm = rng.normal(0, 0.025)
    made = []
    for _ in range(days):
        low = 0.7 * low + rng.normal(0, 5, 2)
        high = 0.8 * high + rng.normal((4, 0), 18)
        pressure = 0.75 * pressure + rng.normal(0, 160)
        warm = mean_warm + 0.7 * (warm - mean_warm) + rng.normal(0, 0.01)
        made.append(
            Weather(
                (float(low[0]), float(low[1])),
                (float(np.clip(high[0], -110, 110)), float(np.clip(high[1], -80, 80))),
                float(np.clip(pressure, -800, 800)),
                float(np.clip(warm, -0.07, 0.07)),
            )
        )
    return made


class Way:
    """A way over a plane, made of pieces of constant curvature; it grows at its end."""

    def __init__(self, x: float, y: float, heading: float) -> None:
        self.x, self.y, self.heading = x, y, heading
        self.length = 0.0
        self._pieces: list[tuple[float, float, float, float, float, float]] = []  # length before, x, y, heading, curve

    def _add(self, length: float, curve: float) -> None:
        if length <= 1e-9:
            return
        self._pieces.append((self.length, self.x, self.y, self.heading, curve, length))
        start, end = self.heading, self.heading + curve * length
        if curve == 0:
            self.x += length * math.sin(start)
            self.y += length * math.cos(start)
        else:
            self.x += (math.cos(start) - math.cos(end)) / curve
            self.y += (math.sin(end) - math.sin(start)) / curve
        self.heading = end
        self.length += length

    def line(self, miles: float) -> None:
        """Straight on."""
        self._add(miles, 0.0)

    def turn(self, degrees: float, radius: float) -> None:
        """To the right, or to the left with negative degrees."""
        self._add(math.radians(abs(degrees)) * radius, math.copysign(1 / radius, degrees))

    def pose(self, x: float, y: float, heading: float, radius: float, last: float | None = None) -> None:
        """To a point that is passed on a heading: a turn, a line, a turn (of radius `last`); the shortest such way."""
        end_radius = radius if last is None else last
        for _ in range(20):
            best = self._shortest(x, y, heading, radius, end_radius)
            if best is not None:
                first, straight, second, one, two = best
                self._add(first * radius, one / radius)
                self.line(straight)
                self._add(second * end_radius, two / end_radius)
                return
            self.line(2 * radius)
        raise AssertionError("no way to the point")

    def _shortest(
        self, x: float, y: float, heading: float, radius: float, last: float
    ) -> tuple[float, float, float, int, int] | None:
        best, least = None, math.inf
        for one in (1, -1):
            x1 = self.x + one * radius * math.cos(self.heading)
            y1 = self.y - one * radius * math.sin(self.heading)
            for two in (1, -1):
                dx = x + two * last * math.cos(heading) - x1
                dy = y - two * last * math.sin(heading) - y1
                shift = two * last - one * radius
                square = dx * dx + dy * dy - shift * shift
                if square < 0:
                    continue
                straight = math.sqrt(square)
                course = math.atan2(dx, dy) - math.atan2(shift, straight)
                first = (one * (course - self.heading)) % math.tau
                second = (two * (heading - course)) % math.tau
                # a turn of nothing may come out as a whole one
                first, second = (0.0 if turn > math.tau - 1e-7 else turn for turn in (first, second))
                total = first * radius + straight + second * last
                if total < least:
                    best, least = (first, straight, second, one, two), total
        return best

    def to(self, x: float, y: float, radius: float) -> None:
        """To a point: a turn towards it and a line; where it lies within the turn, straight on first."""
        for _ in range(20):
            dx, dy = x - self.x, y - self.y
            ahead = math.sin(math.atan2(dx, dy) - self.heading)
            side = 1 if ahead >= 0 else -1
            cx = self.x + side * radius * math.cos(self.heading)
            cy = self.y - side * radius * math.sin(self.heading)
            away = math.hypot(x - cx, y - cy)
            if away > radius * 1.001:
                straight = math.sqrt(away * away - radius * radius)
                course = math.atan2(x - cx, y - cy) + side * math.atan2(radius, straight)
                angle = (side * (course - self.heading)) % math.tau
                if angle > math.tau - 1e-7:
                    angle = 0.0
                self._add(angle * radius, side / radius)
                self.line(straight)
                return
            self.line(1.5 * radius)
        raise AssertionError("no way to the point")

    def arrays(self) -> Floats:
        """The pieces, one a row: way before it, x, y, heading, curvature, length."""
        return np.array(self._pieces)


def radius(speed: float, bank: float) -> float:
    """Miles of a turn at a speed over the ground with a bank in degrees."""
    return float((speed * KNOT) ** 2 / (GRAVITY * math.tan(math.radians(bank))) / 1852)


@dataclass
class Plan:
    """A flight before it is flown. Limits and stops are told by miles from the way's beginning.

    limits: from, to, highest height there. speeds: from, to, fastest speed. rolls: from, to, field: on the ground.
    stops: where it stands, and for how long. marks: what happens where, by name. sinking: from, to: once down there, it
    does not climb again. sinks_from: where the descent began that an approach will end.
    """

    kind: Kind
    plane: Plane
    way: Way
    origin: Airfield | None
    target: Airfield | None
    level: float
    cruise: float
    bank: float
    climb: float
    sink: float
    approach: float
    slope: float  # feet a mile of the last 3,000 ft
    uneven_up: Floats
    uneven_down: Floats
    wander: tuple[float, float, float]  # miles beside the way at most, miles of a swing, and where one begins
    steep: float | None = None  # feet a mile of a tactical descent
    limits: list[tuple[float, float, float]] = field(default_factory=list)
    speeds: list[tuple[float, float, float]] = field(default_factory=list)
    rolls: list[tuple[float, float, Airfield, str]] = field(default_factory=list)
    stops: list[tuple[float, float]] = field(default_factory=list)
    marks: list[tuple[str, float]] = field(default_factory=list)
    sinking: list[tuple[float, float]] = field(default_factory=list)
    sinks_from: float | None = None

    def wide(self) -> float:
        """The radius of a turn on the way."""
        return radius(self.cruise + 60, max(self.bank - 3, 12))

    def middle(self) -> float:
        """The radius of a turn before an approach or after take-off."""
        return radius(min(self.kind.slow, self.cruise) + 15, self.bank)

    def tight(self) -> float:
        """The radius of the last turn."""
        return radius(self.approach + 25, self.bank)


@dataclass
class Flown:
    """A flight that was flown: by miles of the way (a grid) its time, height and speed over the ground.

    lifts, lands: seconds and field of each take-off and landing; a touch-and-go counts for neither.
    """

    plane: Plane
    pieces: Floats
    s: Floats
    t: Floats
    height: Floats
    speed: Floats
    is_ground: Bools
    latitude: Floats
    longitude: Floats
    origin: Airfield | None
    target: Airfield | None
    lifted: float | None
    landed: float | None
    touches: list[tuple[float, float, Airfield]]
    marks: list[tuple[str, float]]
    wander: tuple[float, float, float]
    steady: Floats  # 0 on the ground, 1 far from it, on the grid: how much it wanders

    @property
    def seconds(self) -> float:
        """How long it takes from its first to its last movement."""
        return float(self.t[-1])

    def at(self, t: Floats) -> dict[str, Floats | Bools]:
        """Where it is at times (seconds from its beginning), and how it moves."""
        s = np.interp(t, self.t, self.s)
        x, y, heading = positions(self.pieces, s)
        # nobody flies along a line: a little to the left and right of it
        size, swing, phase = self.wander
        size = size * np.interp(s, self.s, self.steady)
        beside, slope = size * np.sin(s / swing * 6.28 + phase), size * 6.28 / swing * np.cos(s / swing * 6.28 + phase)
        x, y = x + beside * np.cos(heading), y - beside * np.sin(heading)
        heading = heading + np.arctan(slope)
        latitude, longitude = self.plane.degrees(x, y)
        # the plane's north is the earth's at its middle alone: the track is that between two near points
        step = 0.01
        x2, y2 = x + step * np.sin(heading), y + step * np.cos(heading)
        latitude2, longitude2 = self.plane.degrees(x2, y2)
        east = ((longitude2 - longitude + 180) % 360 - 180) * np.cos(np.radians(latitude))
        track = np.degrees(np.arctan2(east, latitude2 - latitude)) % 360
        ground = np.interp(s, self.s, self.is_ground.astype(float)) > 0.5
        around = [np.interp(t + shift, self.t, self.height) for shift in (-7.0, -3.5, 0.0, 3.5, 7.0)]
        height = np.where(ground, around[2], sum(around) / 5)
        rate = np.where(ground, 0.0, (around[4] - around[0]) / 14 * 60)
        return {
            "latitude": latitude, "longitude": longitude, "height": height, "rate": rate, "track": track,
            "speed": np.interp(t, self.t, self.speed), "ground": ground,
        }  # fmt: skip


def positions(pieces: Floats, s: Floats) -> tuple[Floats, Floats, Floats]:
    """East, north and heading at so many miles of a way."""
    number = np.clip(np.searchsorted(pieces[:, 0], s, side="right") - 1, 0, len(pieces) - 1)
    before, x, y, start, curve, _ = pieces[number].T
    along = s - before
    heading = start + curve * along
    is_turn = curve != 0
    safe = np.where(is_turn, curve, 1.0)
    x = x + np.where(is_turn, (np.cos(start) - np.cos(heading)) / safe, along * np.sin(start))
    y = y + np.where(is_turn, (np.sin(heading) - np.sin(start)) / safe, along * np.cos(start))
    return x, y, heading


_HEIGHTS = np.concatenate((np.arange(LOWEST, 20_000, 250.0), np.arange(20_000, HIGHEST + 1, 1_000.0)))


def _airspeed(plan: Plan, height: Floats) -> Floats:
    """True airspeed at heights when nothing else binds."""
    slow = min(plan.kind.slow, plan.cruise)
    above = np.clip((height - 9_000) / 15_000, 0, 1)
    return np.asarray((slow + (plan.cruise - slow) * above) * (1 + np.clip(height, 0, 9_000) * 6e-6))


def _climb_way(plan: Plan) -> Floats:
    """Miles that a climb from the lowest height to each of _HEIGHTS takes."""
    ceiling = max(plan.level, 5_000.0)
    rate = plan.climb * np.clip(1 - (1 - plan.kind.thin) * np.maximum(_HEIGHTS, 0) / ceiling, plan.kind.thin * 0.8, 1)
    floor = plan.origin.elevation if plan.origin else 0.0
    return _way_of(_airspeed(plan, _HEIGHTS) / 60 / rate * _uneven(plan.uneven_up, _HEIGHTS - floor))


def _sink_way(plan: Plan) -> Floats:
    """Miles that a descent from each of _HEIGHTS to the lowest takes."""
    floor = plan.target.elevation if plan.target else 0.0
    above = _HEIGHTS - floor
    flat = 1 / plan.slope
    if plan.steep is not None:
        per_foot = np.where(above < 800, flat, 1 / plan.steep)
        per_foot = np.where(above > 16_000, _airspeed(plan, _HEIGHTS) / 60 / plan.sink, per_foot)
    else:
        by_rate = _airspeed(plan, _HEIGHTS) / 60 / plan.sink
        share = np.clip((above - 2_000) / 2_000, 0, 1)
        per_foot = flat * (1 - share) + by_rate * share
    return _way_of(per_foot * _uneven(plan.uneven_down, above))


def _uneven(factors: Floats, above: Floats) -> Floats:
    """By how much longer the way of each foot is than a steady flight's; near the ground everybody flies steadily."""
    return np.asarray(1 + (factors - 1) * np.clip((above - 1_200) / 1_500, 0.1, 1))


def unevenness(rng: np.random.Generator, levels: int) -> Floats:
    """Factors by height of a climb or descent that is not steady: it wavers, and now and then is all but level."""
    bends = np.exp(rng.normal(0, 0.2, 24))
    factors = np.clip(np.interp(_HEIGHTS, np.linspace(LOWEST, 42_000, 24), bends), 0.72, 1.7)
    for _ in range(levels):
        first = int(rng.integers(np.searchsorted(_HEIGHTS, 2_500), np.searchsorted(_HEIGHTS, 16_000)))
        factors[first : first + 2] *= rng.uniform(3, 12)
    return np.asarray(factors)


def _way_of(per_foot: Floats) -> Floats:
    steps = (per_foot[1:] + per_foot[:-1]) / 2 * np.diff(_HEIGHTS)
    return np.concatenate(([0.0], np.cumsum(steps)))


def _grid(plan: Plan) -> Floats:
    """Miles of the way at which it is worked out: close together where it is near the ground or turns tightly."""
    total = plan.way.length
    pieces = plan.way.arrays()
    coarse = np.arange(0, total, 2.0)
    parts = [coarse, pieces[:, 0]]
    # every change of a limit and of a stretch on the ground is a point of its own
    for start, end, *_ in (*plan.limits, *plan.speeds, *plan.rolls, *plan.sinking):
        parts.append(np.array([start, start + 1e-4, end - 1e-4, end]))
    for start, end, *_ in plan.rolls:
        parts.append(np.arange(max(start - 30, 0), min(end + 30, total), 0.4))
        parts.append(np.arange(max(start - 1, 0), min(end + 1, total), 0.03))
    for start, _ in plan.stops:
        parts.append(np.array([start, start + 1e-4]))
    s = np.unique(np.clip(np.concatenate([*parts, [0.0, total]]), 0, total))
    return np.asarray(s[np.append(True, np.diff(s) > 5e-5)])


def _limit(s: Floats, stretches: Sequence[tuple[float, float, float]], default: float) -> Floats:
    """The least of the limits that hold at each place."""
    least = np.full(len(s), default)
    for start, end, limit in stretches:
        first, last = np.searchsorted(s, (start - 1e-9, end + 1e-9))
        np.minimum(least[first:last], limit, out=least[first:last])
    return least


def fly(plan: Plan, weather: Weather) -> Flown:
    """The flight of a plan in a day's air."""
    s = _grid(plan)
    pieces = plan.way.arrays()
    is_ground = np.zeros(len(s), np.bool_)
    highest = _limit(s, plan.limits, plan.level)
    for start, end, place, _ in plan.rolls:
        first, last = np.searchsorted(s, (start - 1e-9, end + 1e-9))
        is_ground[first:last] = True
        highest[first:last] = place.elevation
    for start, end in plan.sinking:
        first, last = np.searchsorted(s, (start - 1e-9, end + 1e-9))
        highest[first:last] = np.minimum.accumulate(highest[first:last])
    up, down = _climb_way(plan), _sink_way(plan)
    climbed = np.interp(highest, _HEIGHTS, up) - s
    reached = np.interp(np.minimum.accumulate(climbed) + s, up, _HEIGHTS)
    sunk = np.interp(highest, _HEIGHTS, down) + s
    due = np.interp(np.minimum.accumulate(sunk[::-1])[::-1] - s, down, _HEIGHTS)
    height = np.minimum(np.minimum(reached, due), highest)
    speed = _speed(plan, weather, s, pieces, height, is_ground)
    pace = np.maximum((speed[1:] + speed[:-1]) / 2, 2.0)
    t = np.concatenate(([0.0], np.cumsum(np.diff(s) / pace * 3600)))
    for where, seconds in plan.stops:
        t[s > where + 5e-5] += seconds
        speed[np.abs(s - where) < 1e-6] = 0.0
    x, y, _ = positions(pieces, s)
    latitude, longitude = plan.plane.degrees(x, y)
    lifted = landed = None
    touches = []
    for start, end, place, what in plan.rolls:
        begin, finish = (float(np.interp(place_s, s, t)) for place_s in (start, end))
        if what == "out":
            lifted = finish
        elif what == "in":
            landed = begin
        else:
            touches.append((begin, finish, place))
    marks = [(name, float(np.interp(where, s, t))) for name, where in plan.marks]
    steady = np.ones(len(s))
    for start, end, *_ in plan.rolls:
        np.minimum(steady, np.clip(np.maximum(start - s, s - end) / 5, 0, 1), out=steady)
    return Flown(plan.plane, pieces, s, t, height, speed, is_ground, latitude, longitude, plan.origin, plan.target,
                 lifted, landed, touches, marks, plan.wander, steady)  # fmt: skip


def _speed(plan: Plan, weather: Weather, s: Floats, pieces: Floats, height: Floats, is_ground: Bools) -> Floats:
    """Speed over the ground: what height, wind, turns and the stretches on the ground allow."""
    air = np.minimum(_airspeed(plan, height), _limit(s, plan.speeds, 1_000.0))
    number = np.clip(np.searchsorted(pieces[:, 0], s, side="right") - 1, 0, len(pieces) - 1)
    heading = pieces[number, 3] + pieces[number, 4] * (s - pieces[number, 0])
    east, north = weather.wind(height)
    along = east * np.sin(heading) + north * np.cos(heading)
    across = east * np.cos(heading) - north * np.sin(heading)
    # helicopters and light aircraft stay on the ground in a wind of half their speed
    ground = np.sqrt(np.maximum(air**2 - np.minimum(np.abs(across), 0.6 * air) ** 2, 1.0))
    ground += np.clip(along, -0.5 * air, 0.5 * air)
    curve = np.abs(pieces[number, 4])
    curve = np.maximum(curve, np.abs(pieces[np.maximum(number - 1, 0), 4]) * (s - pieces[number, 0] < 1e-6))
    with np.errstate(divide="ignore"):
        turning = np.sqrt(GRAVITY * math.tan(math.radians(plan.bank + 6)) * 1852 / np.maximum(curve, 1e-9)) / KNOT
    ground = np.minimum(ground, turning)
    pick = np.full(len(s), 0.45)  # metres a second each second, in the air
    drop = np.full(len(s), 0.55)
    for start, end, _, what in plan.rolls:
        first, last = np.searchsorted(s, (start - 1e-9, end + 1e-9))
        pick[first:last], drop[first:last] = (2.1, 1.8) if what in ("out", "in") else (0.6, 0.8)
        if what == "out":
            # it begins slowly; the end of the taxi is the beginning of the roll
            ground[first] = min(ground[first], 12.0)
        if what == "in":
            ground[last - 1] = min(ground[last - 1], 18.0)
    scale = 2 / KNOT**2 * 1852  # knots squared a mile, for each metre a second squared
    for a, order in ((pick, slice(None)), (drop, slice(None, None, -1))):
        step = np.diff(s)
        gained = np.concatenate(([0.0], np.cumsum((a[1:] + a[:-1]) / 2 * step))) * scale
        gained = gained if order == slice(None) else gained[-1] - gained
        square = (ground**2)[order] - gained[order]
        ground = np.sqrt(np.maximum((np.minimum.accumulate(square) + gained[order])[order], 4.0))
    return np.asarray(ground)


# What is flown, piece by piece. Each of these adds to a plan.


def begin(
    rng: np.random.Generator,
    kind: str,
    focus: Airfield,
    origin: Airfield | None,
    target: Airfield | None,
    at: tuple[float, float, float] | None = None,
) -> Plan:
    """A plan with the habits of one flight drawn, in the plane around `focus`.

    at: where it begins in the air (latitude, longitude, heading in degrees), if it has no origin.
    """  # fmt: skip
    what = KINDS[kind]
    plane = Plane(focus.latitude, focus.longitude)
    if at is not None:
        way = Way(*plane.xy(at[0], at[1]), math.radians(at[2]))
    else:
        assert origin is not None
        way = Way(*plane.xy(origin.latitude, origin.longitude), 0.0)
    floor = max((one.elevation for one in (origin, target, focus) if one), default=0.0)
    level = round(rng.uniform(*what.level) / 1_000) * 1_000.0
    if kind in ("helicopter", "light"):
        level += round(floor / 100) * 100
    return Plan(
        what, plane, way, origin, target,
        level=max(level, floor + 700), cruise=float(rng.uniform(*what.cruise)), bank=float(rng.uniform(*what.bank)),
        climb=float(rng.uniform(*what.climb)), sink=float(rng.uniform(*what.sink)),
        approach=float(rng.uniform(*what.approach)),
        slope=float(rng.uniform(290, 345)) if kind not in ("helicopter", "light") else float(rng.uniform(330, 600)),
        uneven_up=unevenness(rng, int(rng.choice([0, 1, 2], p=[0.75, 0.2, 0.05]))),
        uneven_down=unevenness(rng, int(rng.choice([0, 1, 2], p=[0.55, 0.3, 0.15]))),
        wander=(0.06 * float(rng.uniform(0, 1)) ** 2 + 0.004, float(rng.uniform(5, 12)), float(rng.uniform(0, 6))),
    )  # fmt: skip


def runway_ends(plan: Plan, place: Airfield, runway: Runway, is_reverse: bool) -> tuple[float, float, float, float]:
    """Where the landing or take-off begins (x, y), its heading in the plane, and the runway's length."""
    local = Plane(place.latitude, place.longitude)
    angle = math.radians(runway.heading + (180 if is_reverse else 0))
    half = runway.length / 2
    ends = []
    for side in (-1, 1):
        at = local.degrees(
            np.array([runway.east + side * half * math.sin(angle)]),
            np.array([runway.north + side * half * math.cos(angle)]),
        )
        ends.append(plan.plane.xy(float(at[0][0]), float(at[1][0])))
    (x1, y1), (x2, y2) = ends
    return x1, y1, math.atan2(x2 - x1, y2 - y1), math.hypot(x2 - x1, y2 - y1)


def choose_runway(rng: np.random.Generator, place: Airfield, weather: Weather) -> tuple[Runway, bool]:
    """The runway in use, mostly into the wind, and whether it is used from its other end."""
    runway = place.runways[0] if rng.random() < 0.75 else place.runways[int(rng.integers(len(place.runways)))]
    angle = math.radians(runway.heading)
    tail = weather.wind_low[0] * math.sin(angle) + weather.wind_low[1] * math.cos(angle)
    return runway, (tail > 0) != (rng.random() < (0.05 if abs(tail) > 8 else 0.35))


def take_off(rng: np.random.Generator, plan: Plan, place: Airfield, weather: Weather, style: str) -> None:
    """From the apron into the air. style: runway, direct, spiral or low."""
    runway, is_reverse = choose_runway(rng, place, weather)
    x, y, heading, length = runway_ends(plan, place, runway, is_reverse)
    way = plan.way
    if plan.kind is KINDS["helicopter"]:
        # it lifts off where it stands, and moves off as it likes
        heading = float(rng.uniform(0, math.tau))
        way.x, way.y, way.heading = x + 0.4 * math.sin(heading), y + 0.4 * math.cos(heading), heading
        way.line(0.06)
        plan.rolls.append((0.0, way.length, place, "out"))
        plan.speeds.append((0.0, way.length, 15.0))
    else:
        side = rng.choice([-1, 1])
        across, along = side * rng.uniform(0.15, 0.45), rng.uniform(0.0, 0.6) * length
        way.x = x + along * math.sin(heading) + across * math.cos(heading)
        way.y = y + along * math.cos(heading) - across * math.sin(heading)
        way.heading = heading + math.pi
        way.pose(x, y, heading, 0.03)
        plan.speeds.append((0.0, way.length, float(rng.uniform(12, 22))))
        plan.rolls.append((0.0, way.length, place, "taxi"))
        plan.stops.append((way.length, float(rng.uniform(5, 150))))
        start = way.length
        lift = plan.approach * rng.uniform(0.92, 1.05)
        run = min((lift * KNOT) ** 2 / (2 * 2.1) / 1852, length * 0.9)
        way.line(run)
        plan.rolls.append((start, way.length, place, "out"))
        plan.speeds.append((start, way.length, lift))
    lifted = way.length
    if style == "low":
        low = place.elevation + rng.uniform(1_000, 3_000)
        pace = min(plan.kind.slow, plan.cruise) / 60
        plan.limits.append((lifted, lifted + rng.uniform(5, 15) * pace, low))
    if style == "spiral":
        way.line(rng.uniform(0.6, 1.5))
        turn = radius(min(plan.kind.slow, plan.cruise) * 0.85 + 20, plan.bank)
        first = way.length
        way.turn(float(rng.choice([-1, 1])) * 360 * rng.uniform(1.2, 4.0), turn)
        plan.speeds.append((lifted, way.length, min(plan.kind.slow, plan.cruise) * 0.85))
        plan.marks.append(("spiral climb", first))
        return
    if plan.kind is KINDS["helicopter"]:
        way.line(rng.uniform(0.2, 0.8))
    else:
        way.line(rng.uniform(0.7, 1.6) if style == "direct" else rng.uniform(2.0, 8.0))


def route(rng: np.random.Generator, plan: Plan, x: float, y: float, spread: float = 0.05) -> None:
    """Towards a point, by some waypoints beside the straight line, ending short of it."""
    way = plan.way
    dx, dy = x - way.x, y - way.y
    far = math.hypot(dx, dy)
    if far < 30:
        return
    for share in sorted(rng.uniform(0.15, 0.8, int(rng.integers(1, 4)))):
        off = rng.normal(0, spread) * far * min(share, 1 - share) * 2
        px, py = way_point(x - dx, y - dy, dx, dy, far, float(share), float(off))
        ahead = (px - way.x) * dx + (py - way.y) * dy
        if ahead > 0 and math.hypot(px - way.x, py - way.y) > 3 * plan.wide():
            way.to(px, py, plan.middle() if way.length < 20 else plan.wide())


def way_point(x: float, y: float, dx: float, dy: float, far: float, share: float, off: float) -> tuple[float, float]:
    """A point at a share of the line from x, y by dx, dy, and so many miles beside it."""
    return x + share * dx + off * dy / far, y + share * dy - off * dx / far


def hold(rng: np.random.Generator, plan: Plan, rounds: int, height: float) -> None:
    """Some racetracks where the way has come to, at a height."""
    start = plan.way.length
    pace = min(plan.kind.slow, plan.cruise)
    turn, leg = radius(pace + 30, plan.bank), pace / 60 * rng.uniform(1.0, 1.6)
    side = float(rng.choice([-1, 1]))
    for _ in range(rounds):
        plan.way.turn(side * 180, turn)
        plan.way.line(leg)
        plan.way.turn(side * 180, turn)
        plan.way.line(leg)
    plan.limits.append((start, plan.way.length, height))
    plan.speeds.append((start, plan.way.length, pace))
    plan.marks.append(("hold", start))


def final(plan: Plan, x: float, y: float, heading: float, miles: float) -> tuple[float, float]:
    """The point on the extended runway so many miles before its beginning."""
    return x - miles * math.sin(heading), y - miles * math.cos(heading)


APPROACHES = ("straight", "downwind", "circling", "spiral", "procedure", "level")


def approach(
    rng: np.random.Generator, plan: Plan, place: Airfield, weather: Weather, style: str
) -> tuple[float, float, float, float]:
    """To the beginning of a runway, at its height; returns where that is, as `runway_ends` does."""
    way = plan.way
    runway, is_reverse = choose_runway(rng, place, weather)
    x, y, heading, length = runway_ends(plan, place, runway, is_reverse)
    floor = place.elevation
    if plan.kind is KINDS["helicopter"]:
        heading = math.atan2(x - way.x, y - way.y) + rng.uniform(-0.6, 0.6)
        spot = x + 0.4 * math.sin(heading), y + 0.4 * math.cos(heading)
        fix = final(plan, *spot, heading, rng.uniform(0.7, 2.0))
        way.pose(*fix, heading, plan.tight())
        way.line(math.hypot(spot[0] - fix[0], spot[1] - fix[1]))
        plan.sinks_from = None
        return *spot, heading, 0.05
    is_small = plan.kind in (KINDS["light"], KINDS["fighter"])
    short = rng.uniform(1.0, 2.2) if is_small else rng.uniform(2.5, 7.0)
    before = way.length
    wide = plan.middle() if math.hypot(x - way.x, y - way.y) < 60 else plan.wide()
    if style == "straight":
        miles = rng.uniform(5, 9) if is_small else rng.uniform(7, 24)
        way.pose(*final(plan, x, y, heading, miles), heading, wide, plan.middle())
    elif style == "level":
        miles = rng.uniform(6, 18)
        way.pose(*final(plan, x, y, heading, miles), heading, wide, plan.middle())
        plan.limits.append(
            (max(way.length - rng.uniform(10, 55), before), way.length, floor + rng.uniform(1_500, 3_000))
        )
    elif style == "procedure":
        way.to(x, y, wide)
        plan.limits.append((way.length - 1, way.length, floor + rng.uniform(2_500, 6_000)))
        away = heading + math.pi + rng.uniform(-0.35, 0.35)
        out = rng.uniform(7, 12)
        way.pose(x + out * math.sin(away), y + out * math.cos(away), away, plan.middle())
        way.pose(*final(plan, x, y, heading, rng.uniform(5, 8)), heading, plan.middle())
    elif style == "spiral":
        turn = radius(plan.approach * 1.5 + 20, plan.bank)
        way.to(x, y, wide)
        over = way.length
        above = rng.uniform(4_000, 16_000)
        plan.steep = float(rng.uniform(*plan.kind.steep))
        plan.limits.append((over - 0.5, over, floor + above))
        need = max(above - 1_200, 0) / plan.steep
        way.turn(float(rng.choice([-1, 1])) * math.degrees(need / turn), turn)
        plan.speeds.append((over, way.length, plan.approach * 1.5))
        way.pose(*final(plan, x, y, heading, short * 0.6), heading, turn, plan.tight())
    else:
        side = float(rng.choice([-1, 1]))
        off = rng.uniform(*plan.kind.circuit_nm) + 2 * plan.tight() * (0.0 if is_small else 0.4)
        back = heading + math.pi
        if style == "circling":
            # in by the other end, low, and round beside the runway
            far_x, far_y = x + length * math.sin(heading), y + length * math.cos(heading)
            fix = far_x + 2.5 * math.sin(heading), far_y + 2.5 * math.cos(heading)
            far_fix = fix[0] + rng.uniform(4, 12) * math.sin(heading), fix[1] + rng.uniform(4, 12) * math.cos(heading)
            way.pose(*far_fix, back, wide, plan.middle())
            way.pose(*fix, back, plan.middle(), plan.tight())
        low = floor + rng.uniform(*plan.kind.circuit_ft) * (0.8 if style == "circling" else 1.0)
        abeam = x + side * off * math.cos(heading), y - side * off * math.sin(heading)
        join = abeam[0] + 0.5 * length * math.sin(heading), abeam[1] + 0.5 * length * math.cos(heading)
        way.pose(*join, back, plan.tight() if style == "circling" else wide, plan.tight())
        level = way.length
        way.line(0.5 * length + short)
        way.pose(*final(plan, x, y, heading, short), heading, plan.tight())
        plan.limits.append((max(level - rng.uniform(0, 4), before), way.length, low))
        plan.speeds.append((max(level - 2, before), way.length, plan.approach + 35))
    rest = math.hypot(x - way.x, y - way.y)
    slow, slower = rng.uniform(5.5, 10), rng.uniform(3, 5)
    plan.speeds.append(
        (max(way.length + rest - slow - rng.uniform(4, 14), before), way.length + rest, plan.approach + 65)
    )
    plan.speeds.append((max(way.length + rest - slow, before), way.length + rest, plan.approach + 25))
    plan.speeds.append((way.length + max(rest - slower, 0.0), way.length + rest + 0.3, plan.approach))
    way.line(rest)
    plan.sinking.append((before if plan.sinks_from is None else plan.sinks_from, way.length))
    plan.sinks_from = None
    return x, y, heading, length


def land(rng: np.random.Generator, plan: Plan, place: Airfield, weather: Weather, style: str) -> None:
    """Down to the runway and off to the apron."""
    *_, length = approach(rng, plan, place, weather, style)
    way = plan.way
    if plan.kind is KINDS["helicopter"]:
        start = way.length
        way.line(length)
        plan.rolls.append((start, way.length, place, "in"))
        plan.speeds.append((start, way.length, 12.0))
        return
    way.line(min(0.22, 0.2 * length))
    start = way.length
    roll = min((plan.approach * KNOT) ** 2 / (2 * 1.5) / 1852, length * 0.85)
    way.line(roll)
    plan.rolls.append((start, way.length, place, "in"))
    taxi = way.length
    way.turn(float(rng.choice([-1, 1])) * 90, 0.03)
    way.line(rng.uniform(0.1, 0.5))
    way.turn(float(rng.choice([-1, 1])) * 90, 0.03)
    way.line(rng.uniform(0.05, 0.6))
    plan.rolls.append((taxi, way.length, place, "taxi"))
    plan.speeds.append((taxi, way.length, float(rng.uniform(12, 20))))


def touch(rng: np.random.Generator, plan: Plan, place: Airfield, length: float) -> None:
    """A touch-and-go from the runway's beginning: on the ground for some seconds, never slow, and off again."""
    way = plan.way
    way.line(min(0.2, 0.2 * length))
    start = way.length
    way.line(min(rng.uniform(0.3, 0.55), 0.6 * length))
    plan.rolls.append((start, way.length, place, "touch"))
    plan.speeds.append((start, way.length, plan.approach * rng.uniform(0.78, 0.97)))
    plan.marks.append(("touch-and-go", start))
    way.line(rng.uniform(0.8, 2.0))


def go_around(rng: np.random.Generator, plan: Plan, place: Airfield, length: float, lowest: float, mark: str) -> None:
    """From the runway's beginning over the runway at so many feet above it, and up again."""
    way = plan.way
    plan.limits.append((max(way.length - 0.1, 0), way.length + 0.6 * length, place.elevation + lowest))
    plan.marks.append((mark, way.length))
    way.line(length + rng.uniform(1.5, 4))


def circuit(
    rng: np.random.Generator, plan: Plan, place: Airfield, ends: tuple[float, float, float, float], side: float
) -> None:
    """From beyond a runway's end round to its beginning."""
    x, y, heading, length = ends
    way = plan.way
    off, short = rng.uniform(*plan.kind.circuit_nm), rng.uniform(0.8, 1.6) * plan.kind.circuit_nm[1]
    off = max(off, 2.05 * plan.tight())
    top = place.elevation + rng.uniform(*plan.kind.circuit_ft)
    start = way.length
    abeam = x + side * off * math.cos(heading), y - side * off * math.sin(heading)
    join = abeam[0] + 0.5 * length * math.sin(heading), abeam[1] + 0.5 * length * math.cos(heading)
    way.pose(*join, heading + math.pi, plan.tight())
    way.line(0.5 * length + short)
    way.pose(*final(plan, x, y, heading, short * 0.8), heading, plan.tight())
    rest = math.hypot(x - way.x, y - way.y)
    way.line(rest)
    plan.limits.append((start, way.length, top))
    plan.speeds.append((start, way.length, plan.approach + 25))
    plan.speeds.append((way.length - min(rest, 2.0), way.length + 0.2, plan.approach))


def ladder(rng: np.random.Generator, plan: Plan, rows: int, leg: float, gap: float, height: float) -> None:
    """A search pattern from where the way has come to: legs beside each other, at a height."""
    start = plan.way.length
    turn = max(gap / 2, radius(plan.cruise + 20, plan.bank))
    side = float(rng.choice([-1, 1]))
    for number in range(rows):
        plan.way.line(leg)
        plan.way.turn(side * (180 if number % 2 else -180), turn)
    plan.limits.append((start, plan.way.length, height))
    plan.marks.append(("search", start))


def orbit(rng: np.random.Generator, plan: Plan, hours: float, leg: float, height: float) -> None:
    """A racetrack with long legs, or circles if the legs are nothing, for some hours at a height."""
    start = plan.way.length
    turn = radius(plan.cruise + 70, max(plan.bank - 4, 10))
    side = float(rng.choice([-1, 1]))
    while plan.way.length - start < hours * plan.cruise:
        plan.way.turn(side * 180, turn)
        plan.way.line(leg)
    plan.limits.append((start, plan.way.length, height))
    plan.marks.append(("orbit", start))
