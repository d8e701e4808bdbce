"""How aircraft of single cases fly and are heard: paths of a few strokes in the plane around a field, and one horizon.

Unlike flights.py it knows no wind, bank or terrain: a case shows one thing, and hundreds of them are made in a second.
Glide paths, climbs, turns, taxiing, a horizon of receivers, switched-off transponders and moved positions are flown,
not judged. The plane is flat: north by the mile, east by the cosine of the field's latitude.

Distances are kilometres, heights feet above the sea unless a name says otherwise, speeds knots, times seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from skies.fields import Airfield, Bools, Floats
from skies.reception import astray
from skies.traces import ARRAYS, Trace

KM_PER_DEGREE = 111.195
NM_KM = 1.852
DAY = 86_400


@dataclass(frozen=True)
class InUse:
    """The runway that is used: its length, and how far to the right of the field's point it lies."""

    heading: float
    length: float
    across: float


def in_use(place: Airfield) -> InUse:
    """The first runway of a field."""
    runway = place.runways[0]
    angle = np.radians(runway.heading)
    across = runway.east * float(np.cos(angle)) - runway.north * float(np.sin(angle))
    return InUse(runway.heading, runway.length * NM_KM, across * NM_KM)


def beside(place: Airfield, east: float, north: float) -> tuple[float, float]:
    """Latitude and longitude so far to the east and north of a field, in the flat plane around it."""
    latitude = place.latitude + north / KM_PER_DEGREE
    return latitude, place.longitude + east / (KM_PER_DEGREE * float(np.cos(np.radians(place.latitude))))


@dataclass(frozen=True)
class Path:
    """A flight in the plane around an airfield: east and north in kilometres from its reference point."""

    t: Floats
    east: Floats
    north: Floats
    height: Floats  # above the field
    speed: Floats
    ground: Bools


def rotate(along: Floats, across: Floats, heading: float) -> tuple[Floats, Floats]:
    """East and north of points given along and to the right of a heading in degrees."""
    angle = np.radians(heading)
    return along * np.sin(angle) + across * np.cos(angle), along * np.cos(angle) - across * np.sin(angle)


def way(final: float, radius: float, turn: float, total: float) -> tuple[Floats, Floats, Floats]:
    """A way flown away from the origin: straight, one turn of `turn` degrees, straight; distance, along, across."""
    s = np.arange(0.0, total, 0.05)
    arc = radius * np.radians(abs(turn))
    along, across = s.copy(), np.zeros_like(s)
    turning = (s > final) & (s <= final + arc)
    phi = (s[turning] - final) / radius
    along[turning] = final + radius * np.sin(phi)
    across[turning] = radius * (1 - np.cos(phi))
    after = s > final + arc
    phi_end = np.radians(abs(turn))
    rest = s[after] - final - arc
    along[after] = final + radius * np.sin(phi_end) + rest * np.cos(phi_end)
    across[after] = radius * (1 - np.cos(phi_end)) + rest * np.sin(phi_end)
    return s, along, across * np.sign(turn if turn else 1.0)


def landing(rng: np.random.Generator, place: Airfield, *, reach: float = 160.0, slow: bool = False) -> Path:
    """An approach from `reach` kilometres out to a stop on the apron; time 0 is the touchdown."""
    used = in_use(place)
    approach_speed = rng.uniform(95, 120) if slow else rng.uniform(120, 155)
    cruise_speed = rng.uniform(180, 240) if slow else rng.uniform(260, 440)
    cruise_height = rng.uniform(6_000, 14_000) if slow else rng.uniform(16_000, 36_000)
    level_height = rng.uniform(1_800, 3_600)
    final = rng.uniform(9, 20)
    s, along, across = way(final, rng.uniform(3.0, 6.0), rng.uniform(-150, 150), reach)
    glide = np.tan(np.radians(rng.uniform(2.8, 3.3))) * 3280.84
    steep = rng.uniform(130, 190)
    level_to = level_height / glide + rng.uniform(1, 8)
    height = np.minimum(glide * s, level_height)
    height = np.where(s > level_to, level_height + steep * (s - level_to), height)
    height = np.minimum(height, cruise_height)
    speed = np.interp(
        height, [0, 1_500, 3_000, 10_000, 20_000], [approach_speed, approach_speed + 5, 190, 250, cruise_speed]
    )
    if slow:
        speed = np.minimum(speed, cruise_speed)
    t = -np.concatenate([[0.0], np.cumsum(np.diff(s) / (speed[:-1] * NM_KM / 3600))])
    wander = np.interp(s, [0, 3, 15, 60], [0, 0.015, 0.05, 0.4]) * np.sin(s / rng.uniform(5, 9) + rng.uniform(0, 6))
    east, north = rotate(-used.length / 2 - along, across + wander + used.across, used.heading)
    order = slice(None, None, -1)
    air = Path(t[order], east[order], north[order], height[order], speed[order], np.zeros(len(t), bool))
    return join(air, taxi(rng, place, approach_speed, start_km=-used.length / 2, arriving=True))


def takeoff(rng: np.random.Generator, place: Airfield, *, reach: float = 160.0, slow: bool = False) -> Path:
    """From taxiing out to `reach` kilometres away; time 0 is the lift-off."""
    used = in_use(place)
    rotate_speed = rng.uniform(100, 130) if slow else rng.uniform(125, 160)
    climb_rate = rng.uniform(900, 1_500) if slow else rng.uniform(1_300, 3_200)
    cruise_speed = rng.uniform(180, 240) if slow else rng.uniform(280, 440)
    cruise_height = rng.uniform(7_000, 14_000) if slow else rng.uniform(18_000, 36_000)
    s, along, across = way(rng.uniform(2.0, 9.0), rng.uniform(2.5, 6.0), rng.uniform(-150, 150), reach)
    pace = np.interp(
        np.arange(0, 40_001, 100), [0, 1_000, 3_000, 10_000, 20_000], [rotate_speed, 175, 220, 265, cruise_speed]
    ).tolist()
    heights, speeds, run = [0.0], [rotate_speed], [0.0]
    while run[-1] < reach:
        v = min(pace[int(heights[-1] / 100)], cruise_speed)
        rate = climb_rate * (1 - 0.5 * min(heights[-1] / 20_000, 1))
        heights.append(min(heights[-1] + rate / 60, cruise_height))
        speeds.append(v)
        run.append(run[-1] + v * NM_KM / 3600)
    t = np.arange(len(run), dtype=float)
    height, speed = np.array(heights), np.array(speeds)
    along, across = np.interp(run, s, along), np.interp(run, s, across)
    east, north = rotate(along, across + used.across, used.heading)
    air = Path(t, east, north, height, speed, np.zeros(len(t), bool))
    return join(taxi(rng, place, rotate_speed, start_km=0.0, arriving=False), air)


def taxi(rng: np.random.Generator, place: Airfield, fast: float, *, start_km: float, arriving: bool) -> Path:
    """Rolling out and taxiing to the apron (arriving), or the way back; the air side of it is at time 0."""
    used = in_use(place)
    roll, ride = rng.uniform(35, 55), rng.uniform(180, 480)
    parked = rng.uniform(0, 900)
    t = np.arange(1.0, roll + ride + parked, 1.0)
    speed = np.interp(t, [0, roll, roll + 1, roll + ride, roll + ride + 1], [fast, 25, 15, 12, 0])
    run = np.cumsum(speed) * NM_KM / 3600
    along = start_km + np.minimum(run, 1.4)
    across = used.across + np.clip(run - 1.4, 0, rng.uniform(0.3, 0.9)) * rng.choice([-1, 1])
    if not arriving:
        along = start_km - (along - start_km)
    east, north = rotate(along, across, used.heading)
    ground = np.ones(len(t), bool)
    if arriving:
        return Path(t, east, north, np.zeros(len(t)), speed, ground)
    order = slice(None, None, -1)
    return Path(-t[order], east[order], north[order], np.zeros(len(t)), speed[order], ground)


def join(*parts: Path) -> Path:
    """Several paths as one, in the order given."""
    return Path(*(np.concatenate([getattr(part, name) for part in parts]) for name in Path.__dataclass_fields__))


def shift(path: Path, seconds: float) -> Path:
    """The same path at another time."""
    return replace(path, t=path.t + seconds)


def straight(
    rng: np.random.Generator, height: float, speed: float, miss: float, heading: float, half_s: float = 1_500.0
) -> Path:
    """A level flight that passes `miss` kilometres beside the field's point; time 0 is the nearest moment."""
    t = np.arange(-half_s, half_s, 1.0)
    wave = 40 * np.sin(t / rng.uniform(30, 90))
    east, north = rotate(t * speed * NM_KM / 3600, np.full(len(t), miss), heading)
    return Path(t, east, north, height + wave, np.full(len(t), speed), np.zeros(len(t), bool))


def low_pass(rng: np.random.Generator, place: Airfield, *, lowest: float) -> Path:
    """Down the approach to `lowest` feet, along the runway, up and away."""
    down = landing(rng, place)
    down = cut(down, ~down.ground & (down.height > lowest))
    up = takeoff(rng, place)
    up = cut(up, ~up.ground & (up.height > lowest))
    gap_km = float(np.hypot(up.east[0] - down.east[-1], up.north[0] - down.north[-1]))
    seconds = max(int(gap_km / (140 * NM_KM / 3600)), 1)
    part = np.linspace(0, 1, seconds + 2)[1:-1]
    end = down.t[-1]
    level = Path(
        end + part * seconds,
        down.east[-1] + part * (up.east[0] - down.east[-1]),
        down.north[-1] + part * (up.north[0] - down.north[-1]),
        np.full(len(part), lowest),
        np.full(len(part), 140.0),
        np.zeros(len(part), bool),
    )
    return join(down, level, shift(up, end + seconds - up.t[0] + 1))


def circuits(rng: np.random.Generator, place: Airfield, rounds: int) -> Path:
    """An approach, `rounds` touch-and-goes around the field, and away."""
    used = in_use(place)
    first = landing(rng, place)
    parts = [cut(first, ~first.ground)]
    for _ in range(rounds):
        now = parts[-1].t[-1]
        t = np.arange(1.0, 28.0, 1.0)
        speed = np.interp(t, [1, 14, 27], [125, 95, 125])
        along = -used.length / 2 + np.cumsum(speed) * NM_KM / 3600
        east, north = rotate(along, np.full(len(t), used.across), used.heading)
        parts.append(Path(now + t, east, north, np.zeros(len(t)), speed, np.ones(len(t), bool)))
        if _ < rounds - 1:
            parts.append(shift(pattern(rng, place, float(along[-1])), now + 28))
    up = takeoff(rng, place)
    up = cut(up, ~up.ground)
    parts.append(shift(up, parts[-1].t[-1] + 1 - up.t[0]))
    return join(*parts)


def pattern(rng: np.random.Generator, place: Airfield, start_km: float) -> Path:
    """One left-hand round from the runway back to its threshold, at circuit height."""
    used = in_use(place)
    top, side, out = rng.uniform(900, 1_600), rng.uniform(2.5, 4.0), rng.uniform(3, 6)
    speed = rng.uniform(120, 150)
    corners = np.array([
        [start_km, 0], [start_km + out, 0], [start_km + out, side],
        [-used.length / 2 - out, side], [-used.length / 2 - out, 0], [-used.length / 2, 0],
    ])  # fmt: skip
    legs = np.hypot(*np.diff(corners, axis=0).T)
    distance = np.concatenate([[0], np.cumsum(legs)])
    s = np.arange(0.0, distance[-1], speed * NM_KM / 3600)
    along = np.interp(s, distance, corners[:, 0])
    across = -np.interp(s, distance, corners[:, 1]) + used.across
    height = np.minimum(np.minimum(s * 260, top), (distance[-1] - s) * 172)
    east, north = rotate(along, across, used.heading)
    return Path(np.arange(len(s), dtype=float), east, north, height, np.full(len(s), speed), np.zeros(len(s), bool))


def cut(path: Path, keep: Bools) -> Path:
    """The part of a path where `keep` holds."""
    return Path(*(getattr(path, name)[keep] for name in Path.__dataclass_fields__))


@dataclass(frozen=True)
class Horizon:
    """How a place is heard: nothing lower than `floor` feet above the field (farther out the horizon rises)."""

    floor: float
    interval: tuple[float, float] = (4.0, 11.0)
    loss: float = 0.08
    rise_per_km: float = 6.0

    def hears(self, path: Path) -> Bools:
        """Which positions are above the horizon."""
        distance = np.hypot(path.east, path.north)
        floor = self.floor + self.rise_per_km * np.maximum(distance - 25, 0) if self.floor > 0 else 0.0
        return np.asarray(path.height >= floor - 1)


def heard(
    rng: np.random.Generator,
    path: Path,
    place: Airfield,
    horizon: Horizon,
    *,
    at: float,
    identity: Trace,
    dark: Callable[[Path], Bools] | None = None,
    has_geom: bool = True,
) -> Trace:
    """The trace that receivers make of a path flown at epoch second `at`; `dark` says where the transponder is off."""
    pressure = weather(place, at)
    keep = horizon.hears(path)
    if dark is not None:
        keep &= ~dark(path)
    path = cut(path, keep)
    if len(path.t) == 0:
        return replace(identity, **{name: np.array([]) for name in ARRAYS}, ground=np.array([], bool))
    picked = []
    clock = -np.inf
    waits = rng.uniform(*horizon.interval, size=len(path.t))
    for i, moment in enumerate(path.t):
        if moment >= clock:
            picked.append(i)
            clock = moment + waits[i]
    index = np.array(picked)
    index = index[rng.random(len(index)) >= horizon.loss] if len(index) > 3 else index
    path = Path(*(getattr(path, name)[index] for name in Path.__dataclass_fields__))
    n = len(path.t)
    east = path.east + rng.normal(0, 0.008, n)
    north = path.north + rng.normal(0, 0.008, n)
    full_track = np.degrees(np.arctan2(np.gradient(east), np.gradient(north))) % 360 if n > 1 else np.zeros(n)
    rate = np.gradient(path.height, np.maximum.accumulate(path.t + np.arange(n) * 1e-6)) * 60 if n > 1 else np.zeros(n)
    altitude = path.height + place.elevation
    geom = np.round((altitude + rng.normal(0, 20, n)) / 25) * 25
    baro = np.round((altitude - pressure + rng.normal(0, 10, n)) / 25) * 25
    missing = np.full(n, np.nan)
    return replace(
        identity,
        t=np.round(at + path.t, 2),
        latitude=place.latitude + north / KM_PER_DEGREE,
        longitude=place.longitude + east / (KM_PER_DEGREE * np.cos(np.radians(place.latitude))),
        baro=np.where(path.ground, np.nan, baro),
        geom=geom if has_geom else missing,
        speed=np.maximum(np.round(path.speed + rng.normal(0, 1.5, n), 1), 0),
        track=np.round(full_track, 1),
        rate=np.where(path.ground, 0, np.round((rate + rng.normal(0, 60, n)) / 64) * 64),
        ground=path.ground,
    )


def weather(place: Airfield, at: float) -> float:
    """By how many feet altimeters read too low that day around a place (a neighbour has the same weather)."""
    return float(np.random.default_rng([int(place.longitude + 360), int(at // DAY)]).normal(0, 250))


def spoofed(rng: np.random.Generator, trace: Trace, place: Airfield, since: float, until: float, style: str) -> Trace:
    """The trace with positions between two epoch seconds moved onto an airfield, as GNSS spoofing does.

    `style`: `spot` holds one point, `circle` goes round it, `drift` creeps along; heights by pressure stay true,
    heights by satellite become those of the spot.
    """
    inside = (trace.t >= since) & (trace.t <= until)
    n = int(inside.sum())
    if n == 0:
        return trace
    clock = trace.t[inside] - since
    if style == "spot":
        east, north = rng.normal(0, 0.02, n), rng.normal(0, 0.02, n)
        speed = np.abs(rng.normal(0, 1, n))
    elif style == "circle":
        radius, pace = rng.uniform(0.4, 3.0), rng.uniform(60, 160)
        east, north = astray(style, clock, pace * NM_KM, radius, 0.0)
        speed = np.full(n, pace)
    else:
        pace, heading = rng.uniform(2, 30), rng.uniform(0, 360)
        east, north = astray(style, clock, pace * NM_KM, 0.0, float(np.radians(heading)))
        speed = np.full(n, pace)
    latitude, longitude = trace.latitude.copy(), trace.longitude.copy()
    geom, gs, track = trace.geom.copy(), trace.speed.copy(), trace.track.copy()
    latitude[inside] = place.latitude + north / KM_PER_DEGREE
    longitude[inside] = place.longitude + east / (KM_PER_DEGREE * np.cos(np.radians(place.latitude)))
    geom[inside] = np.where(np.isnan(geom[inside]), np.nan, place.elevation + rng.normal(0, 40, n).round())
    if rng.random() < 0.7:
        gs[inside] = speed
        track[inside] = np.degrees(np.arctan2(np.gradient(east), np.gradient(north))) % 360 if n > 1 else 0.0
    return replace(trace, latitude=latitude, longitude=longitude, geom=geom, speed=gs, track=track)
