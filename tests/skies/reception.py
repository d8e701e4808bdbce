"""Who hears a flight: receivers with a horizon, terrain, reach and days off; and what an aircraft says of itself.

A position is heard only if some receiver that is up sees it. Hills stand around a receiver (a mask by bearing) and
around a field in a valley (a ridge by bearing). Miles are nautical, heights feet above the sea.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from skies.fields import FEET_A_NM, Airfield, Bools, Floats, Ints, Plane, apart, beside, log_uniform, unit
from skies.flights import Flown, Weather

BULGE = 0.6613  # feet that the earth drops below the level in a mile, squared, for radio waves (4/3 of its radius)
BEARINGS = 36
WATCHED_NM = 165.0  # within which of a base flights are followed closely
COLUMNS = ("t", "latitude", "longitude", "baro", "geom", "speed", "track", "rate", "height")


@dataclass(frozen=True)
class Receiver:
    """A receiver. datum: the ground below it; mast: its height above that. mask: rise of the terrain by bearing."""

    latitude: float
    longitude: float
    datum: float
    mast: float
    reach: float
    chance: float
    mask: tuple[float, ...]
    region: int


@dataclass(frozen=True)
class Ridge:
    """Hills all around a field, at a distance. heights: above the sea, by bearing from the field."""

    latitude: float
    longitude: float
    miles: float
    heights: tuple[float, ...]


@dataclass
class Ears:
    """All receivers of a sky. outages: of each, the times (seconds since 1970) from and to which it is off."""

    receivers: list[Receiver]
    ridges: list[Ridge]
    outages: list[list[tuple[float, float]]]
    bases: Floats
    spots: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.spots = unit([one.latitude for one in self.receivers], [one.longitude for one in self.receivers])

    def chances(self, latitude: Floats, longitude: Floats, height: Floats, chosen: Ints) -> Floats:
        """How likely each of the chosen receivers hears each position, if it is up: (positions, receivers)."""
        here = unit(latitude, longitude)
        miles = apart(here, self.spots[chosen])
        some = [self.receivers[number] for number in chosen]
        datum = np.array([one.datum for one in some])
        mast = np.array([one.mast for one in some])
        reach = np.array([one.reach for one in some])
        above = np.maximum(height[:, None] - datum, 0)
        horizon = (np.sqrt(above) + np.sqrt(mast)) / np.sqrt(BULGE)
        seen = (miles <= horizon) & (miles <= reach)
        if not seen.any():
            return np.zeros(seen.shape)
        masks = np.array([one.mask for one in some])
        if masks.any():
            number = _bearing(
                np.array([one.latitude for one in some])[None, :], np.array([one.longitude for one in some])[None, :],
                latitude[:, None], longitude[:, None],
            )  # fmt: skip
            rise = (height[:, None] - datum - mast - BULGE * miles**2) / np.maximum(miles * FEET_A_NM, 1)
            seen &= rise >= masks[np.arange(len(some))[None, :], number]
        for ridge in self.ridges:
            seen &= self._over(ridge, latitude, longitude, height, here, miles, some)
        fade = np.clip((1.02 - miles / reach) / 0.3, 0.08, 1.0)
        return np.asarray(np.where(seen, np.array([one.chance for one in some]) * fade, 0.0))

    def _over(
        self, ridge: Ridge, latitude: Floats, longitude: Floats, height: Floats, here: Floats, miles: Floats,
        some: Sequence[Receiver],
    ) -> Bools:  # fmt: skip
        """Whether the line between aircraft inside a ring of hills and a receiver outside passes over them."""
        middle = unit(ridge.latitude, ridge.longitude)
        inside = apart(here, middle)[:, 0] < ridge.miles
        clear = np.ones(miles.shape, np.bool_)
        if not inside.any():
            return clear
        spots = unit([one.latitude for one in some], [one.longitude for one in some])
        outside = apart(spots, middle)[:, 0] >= ridge.miles
        towards = _bearing(
            np.full(len(some), ridge.latitude), np.full(len(some), ridge.longitude),
            np.array([one.latitude for one in some]), np.array([one.longitude for one in some]),
        )  # fmt: skip
        top = np.array(ridge.heights)[towards]
        mast = np.array([one.datum + one.mast for one in some])
        way = np.minimum(ridge.miles, miles)
        share = way / np.maximum(miles, 1e-6)
        passing = height[:, None] + (mast - height[:, None]) * share - BULGE * way * (miles - way)
        clear[inside[:, None] & outside[None, :] & (passing < top)] = False
        return clear


def _bearing(latitude: Floats, longitude: Floats, latitude2: Floats, longitude2: Floats) -> Ints:
    """The number of the bearing from one position to another."""
    east = ((longitude2 - longitude + 180) % 360 - 180) * np.cos(np.radians((latitude + latitude2) / 2))
    degrees = np.degrees(np.arctan2(east, latitude2 - latitude)) % 360
    return np.asarray((degrees / (360 / BEARINGS)).astype(np.int64) % BEARINGS)


def _hills(rng: np.random.Generator, low: float, high: float) -> tuple[float, ...]:
    """A rolling line of terrain around a point, between two values."""
    turn = np.arange(BEARINGS) / BEARINGS * 2 * np.pi
    wave = sum(rng.uniform(0.2, 1) / order * np.sin(order * turn + rng.uniform(0, 7)) for order in range(1, 7))
    wave = np.asarray(wave)
    share = (wave - wave.min()) / max(float(np.ptp(wave)), 1e-9)
    return tuple((low + share * (high - low)).tolist())


def place_receivers(
    rng: np.random.Generator, fields: Sequence[Airfield], region: int, count: int, away: tuple[float, float],
    side: float | None, mask_deg: float,
) -> list[Receiver]:  # fmt: skip
    """Receivers around a base. away: least and most miles from it. side: the bearing on which alone there are any."""
    base = fields[region]
    datum = min(one.elevation for one in fields if one.region == region)
    made = []
    for _ in range(count):
        course = rng.uniform(0, 360) if side is None else side + rng.uniform(-55, 55)
        at = beside(base.latitude, base.longitude, float(course), log_uniform(rng, *away))
        mask = np.tan(np.radians(_hills(rng, 0.0, mask_deg))) if mask_deg > 0 else np.zeros(BEARINGS)
        made.append(
            Receiver(at[0], at[1], datum, float(rng.uniform(15, 120)), float(rng.uniform(90, 240)),
                     float(rng.uniform(0.55, 0.97)), tuple(mask.tolist()), region)
        )  # fmt: skip
    return made


def scatter(rng: np.random.Generator, fields: Sequence[Airfield], count: int) -> list[Receiver]:
    """Receivers anywhere between the fields, so that flights are heard far from the bases too."""
    made = []
    for _ in range(count):
        one = fields[int(rng.integers(len(fields)))]
        at = beside(one.latitude, one.longitude, float(rng.uniform(0, 360)), log_uniform(rng, 60, 500))
        made.append(
            Receiver(at[0], at[1], 0.0, float(rng.uniform(20, 150)), float(rng.uniform(130, 240)),
                     float(rng.uniform(0.6, 0.95)), (0.0,) * BEARINGS, -1)
        )  # fmt: skip
    return made


def ridge(rng: np.random.Generator, base: Airfield, low: float, high: float) -> Ridge:
    """Hills around a base, so many feet above it."""
    heights = tuple(base.elevation + one for one in _hills(rng, low, high))
    return Ridge(base.latitude, base.longitude, float(rng.uniform(4, 14)), heights)


@dataclass(frozen=True)
class Habits:
    """What one aircraft's transponder says. interval: seconds between positions that an archive keeps."""

    interval: float
    has_geom: bool
    has_rate: bool
    has_ground_bit: bool
    geom_bias: float


def listen(
    rng: np.random.Generator, ears: Ears, flown: Flown, start: float, weather: Weather, habits: Habits,
    silent: Sequence[tuple[float, float]], linger: tuple[float, float] = (0.0, 0.0), coarse: float = 1.0,
) -> dict[str, Floats | Bools | Ints]:  # fmt: skip
    """What is heard of a flight that begins at `start`; times are seconds since 1970.

    silent: times within which nothing is sent, or nobody listens. linger: seconds on the ground with the transponder on
    before and after it. coarse: by how much longer the intervals are for aircraft that nobody watches.

    Gives COLUMNS, `ground`, and `receiver`: the number of one that heard it.
    """
    t = _times(rng, ears, flown, habits.interval, linger, coarse)
    moment = start + t
    keep = np.ones(len(t), np.bool_)
    for since, until in silent:
        keep &= (moment < since) | (moment > until)
    t, moment = t[keep], moment[keep]
    near = np.array([], np.int64)
    if len(t):
        rough = unit(flown.latitude[::12], flown.longitude[::12])
        reach = np.array([one.reach for one in ears.receivers])
        near = np.flatnonzero(apart(ears.spots, rough).min(axis=1) < reach + 15)
    if not len(near):
        return {name: np.empty(0) for name in COLUMNS} | {"ground": np.empty(0, np.bool_),
                                                          "receiver": np.empty(0, np.int64)}  # fmt: skip
    state = flown.at(np.clip(t, 0, flown.seconds))
    chance = ears.chances(state["latitude"], state["longitude"], state["height"], near)
    for column, number in enumerate(near):
        for since, until in ears.outages[number]:
            if since < moment[-1] and until > moment[0]:
                chance[(moment >= since) & (moment <= until), column] = 0.0
    # at the edge of hearing an aircraft comes and goes for minutes
    best = chance.max(axis=1)
    phase = rng.uniform(0, 600)
    flutter = (np.floor((moment + phase) / rng.uniform(90, 420)).astype(np.int64) * 7919) % 5 < 2
    missed = np.prod(1 - chance, axis=1)
    missed = np.where((best < 0.45) & flutter, 1 - (1 - missed) * 0.1, missed)
    heard = (rng.random(len(t)) > missed) & (best > 0)
    chosen = {name: values[heard] for name, values in state.items()}
    return _said(rng, chosen, moment[heard], flown, t[heard], weather, habits) | {
        "receiver": near[chance[heard].argmax(axis=1)] if heard.any() else np.empty(0, np.int64)
    }


def _times(
    rng: np.random.Generator, ears: Ears, flown: Flown, interval: float, linger: tuple[float, float], coarse: float
) -> Floats:
    """When it says something that is kept: more often where it turns, climbs or is near a base."""
    step = np.diff(flown.t)
    here = unit(flown.latitude, flown.longitude)
    miles = apart(here, ears.bases).min(axis=1)[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        is_level = np.abs(np.diff(flown.height)) / np.maximum(step, 1e-9) < 2
    gap = interval * np.where(is_level, 1.8, 1.0)
    gap = np.where(flown.is_ground[:-1] & (step > 20), 30.0, gap)
    gap = gap * np.where(miles < 62, np.sqrt(coarse), np.where(miles < WATCHED_NM, coarse, 1.0))
    gap = np.where(miles < WATCHED_NM, gap, np.maximum(gap, 45.0 * coarse))
    due = np.concatenate(([0.0], np.cumsum(step / gap)))
    marks = np.cumsum(rng.uniform(0.45, 1.55, int(due[-1] * 1.2) + 20))
    marks = marks[marks < due[-1]]
    t = np.interp(marks, due, flown.t)
    before, after = linger
    parts = [t]
    if before > 0:
        parts.insert(0, np.arange(-before, 0, 25.0))
    if after > 0:
        parts.append(flown.seconds + np.arange(3.0, after, 25.0))
    return np.concatenate(parts)


def _said(
    rng: np.random.Generator, state: dict[str, Floats | Bools], moment: Floats, flown: Flown, t: Floats,
    weather: Weather, habits: Habits,
) -> dict[str, Floats | Bools | Ints]:  # fmt: skip
    """What the aircraft says, as a decoder writes it down: rounded, noisy, and with holes of its own."""
    n = len(moment)
    height, ground = np.asarray(state["height"]), np.asarray(state["ground"], np.bool_)
    latitude, longitude = np.asarray(state["latitude"]), np.asarray(state["longitude"])
    off = rng.normal(0, 0.005, (2, n)) / 60
    parked = (t < 0) | (t > flown.seconds)
    speed = np.where(parked, 0.0, np.asarray(state["speed"]))
    track = np.radians(np.asarray(state["track"]))
    # velocities come as whole knots to the east and to the north
    east = np.round(speed * np.sin(track) + rng.normal(0, 0.4, n))
    north = np.round(speed * np.cos(track) + rng.normal(0, 0.4, n))
    air_speed, air_track = np.round(np.hypot(east, north), 1), np.round(np.degrees(np.arctan2(east, north)) % 360, 1)
    ground_speed = np.round(speed * 2) / 2
    ground_track = np.round(np.degrees(track) % 360 / 2.8125) * 2.8125 % 360
    is_said = ground & habits.has_ground_bit
    rate = np.round((np.asarray(state["rate"]) + rng.normal(0, 45, n)) / 64) * 64
    rate = np.where(is_said | (not habits.has_rate), np.nan, rate)
    baro = np.round((weather.baro(height) + rng.normal(0, 8, n)) / 25) * 25
    geom = np.round((height + habits.geom_bias + rng.normal(0, 15, n)) / 25) * 25
    return {
        "t": np.round(moment, 2),
        "latitude": np.round(latitude + off[0], 6),
        "longitude": np.round(longitude + off[1] / np.cos(np.radians(latitude)), 6),
        "baro": np.where(is_said, np.nan, baro),
        "geom": np.where(is_said | (not habits.has_geom), np.nan, geom),
        "speed": np.where(is_said, ground_speed, air_speed),
        "track": np.where(is_said, ground_track, air_track),
        "rate": rate,
        "height": height,
        "ground": is_said,
    }


def nearest(one: Airfield, latitude: Floats, longitude: Floats) -> Floats:
    """Miles from a field to positions."""
    return np.asarray(apart(unit(latitude, longitude), unit(one.latitude, one.longitude))[:, 0])


def plane_of(one: Airfield) -> Plane:
    """The plane around a field."""
    return Plane(one.latitude, one.longitude)


def astray(style: str, clock: Floats, pace: float, size: float, course: float) -> tuple[Floats, Floats]:
    """East and north of a point at which satellite fixes are told to be, by seconds since they were first told so.

    style: `circle` goes round at a size, `drift` creeps along a course (radians). pace: an hour's way. Units are those
    of pace and size.
    """
    if style == "circle":
        phase = clock * pace / 3600 / size
        return size * np.cos(phase), size * np.sin(phase)
    return clock * pace / 3600 * math.sin(course), clock * pace / 3600 * math.cos(course)
