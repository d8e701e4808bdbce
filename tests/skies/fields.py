"""Airfields drawn at random: watched bases, listed neighbours and far fields, and strips that no list knows.

Distances are nautical miles, heights feet above the sea, angles degrees from true north.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

EARTH_NM = 6371.0 / 1.852
DEGREE_NM = EARTH_NM * math.pi / 180
LEAST_APART_NM = 4.5  # two fields nearer than this share their air, and truth would be a matter of taste
FAR_APART_NM = 25.0
FEET_A_NM = 6076.12


@dataclass(frozen=True)
class Runway:
    """A runway. east, north: its middle, from the field's reference point. listing: exact, designator or none."""

    heading: float
    length: float
    east: float
    north: float
    listing: str


@dataclass(frozen=True)
class Airfield:
    """A field. role: base, neighbour, far or strip. serves: military, civil or shared. region: the base it is near."""

    name: str
    latitude: float
    longitude: float
    elevation: float
    runways: tuple[Runway, ...]
    serves: str
    role: str
    region: int

    @property
    def is_watched(self) -> bool:
        """Whether it is one of the bases that are watched."""
        return self.role == "base"

    @property
    def is_listed(self) -> bool:
        """Whether a list of fields knows it."""
        return self.role != "strip"


def watched(name: str, latitude: float, longitude: float, elevation: float) -> Airfield:
    """A real field that is watched, without its runways."""
    return Airfield(name, latitude, longitude, elevation, (), "military", "base", 0)


class Plane:
    """The plane that touches the earth at a point, by distance and bearing from there: east and north in miles."""

    def __init__(self, latitude: float, longitude: float) -> None:
        self.latitude, self.longitude = latitude, longitude
        self._sin, self._cos = math.sin(math.radians(latitude)), math.cos(math.radians(latitude))

    def xy(self, latitude: float, longitude: float) -> tuple[float, float]:
        """East and north of a position in degrees."""
        phi, lam = math.radians(latitude), math.radians(longitude - self.longitude)
        east = math.cos(phi) * math.sin(lam)
        north = self._cos * math.sin(phi) - self._sin * math.cos(phi) * math.cos(lam)
        up = self._sin * math.sin(phi) + self._cos * math.cos(phi) * math.cos(lam)
        sine = math.hypot(east, north)
        if sine < 1e-12:
            return 0.0, 0.0
        distance = EARTH_NM * math.atan2(sine, up)
        return distance * east / sine, distance * north / sine

    def degrees(self, east: Floats, north: Floats) -> tuple[Floats, Floats]:
        """Latitudes and longitudes of points in the plane."""
        distance = np.hypot(east, north)
        angle = distance / EARTH_NM
        sine = np.sin(angle)
        share = np.where(distance > 1e-9, sine / np.maximum(distance, 1e-9), 1 / EARTH_NM)
        cosine = np.cos(angle)
        latitude = np.degrees(np.arcsin(np.clip(cosine * self._sin + north * share * self._cos, -1, 1)))
        turn = np.arctan2(east * share, cosine * self._cos - north * share * self._sin)
        return latitude, (self.longitude + np.degrees(turn) + 180) % 360 - 180


def unit(latitude: Any, longitude: Any) -> Floats:
    """Unit vectors (n, 3) of positions in degrees."""
    phi, lam = np.radians(np.atleast_1d(latitude)), np.radians(np.atleast_1d(longitude))
    return np.stack((np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)), axis=-1)


def apart(one: Floats, other: Floats) -> Floats:
    """Distances in miles between each of one (n, 3) and each of the other (m, 3) unit vectors: (n, m)."""
    chord = np.sqrt(np.maximum(2 - 2 * one @ other.T, 0))
    return np.asarray(2 * EARTH_NM * np.arcsin(np.minimum(chord / 2, 1)))


def distance(one: Airfield, other: Airfield) -> float:
    """Miles between two fields."""
    return math.hypot(*Plane(one.latitude, one.longitude).xy(other.latitude, other.longitude))


def bearing(one: Airfield, other: Airfield) -> float:
    """Degrees from one field to another."""
    return math.degrees(math.atan2(*Plane(one.latitude, one.longitude).xy(other.latitude, other.longitude))) % 360


def beside(latitude: float, longitude: float, course: float, miles: float) -> tuple[float, float]:
    """The position so many miles from another on a course."""
    angle = math.radians(course)
    at = Plane(latitude, longitude).degrees(np.array([miles * math.sin(angle)]), np.array([miles * math.cos(angle)]))
    return float(at[0][0]), float(at[1][0])


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A number between two positive ones, as likely in each of their powers."""
    return float(math.exp(rng.uniform(math.log(low), math.log(high))))


def runways(rng: np.random.Generator, role: str) -> tuple[Runway, ...]:
    """One to three runways, the first the one that is used most."""
    longest = rng.uniform(0.5, 1.1) if role == "strip" else rng.uniform(1.2, 2.1)
    heading = rng.uniform(0, 180)
    # a field's list gives all of its runways in one way
    listing = str(rng.choice(["exact", "designator", "none"], p=[0.6, 0.25, 0.15]))
    made = [Runway(heading, longest, 0.0, 0.0, listing)]
    for _ in range(int(rng.choice([0, 1, 2], p=[0.6, 0.3, 0.1])) if role != "strip" else 0):
        is_parallel = rng.random() < 0.5
        other = heading if is_parallel else (heading + rng.uniform(30, 150)) % 180
        across = rng.choice([-1, 1]) * rng.uniform(0.2, 0.9)
        angle = math.radians(heading + 90)
        made.append(
            Runway(other, longest * rng.uniform(0.6, 1.0), across * math.sin(angle), across * math.cos(angle), listing)
        )
    return tuple(made)


def draw(
    rng: np.random.Generator,
    *,
    bases: int,
    neighbours: tuple[int, int],
    strips: tuple[int, int],
    far: int,
    shared: float,
) -> list[Airfield]:
    """The fields of a sky: bases first, then neighbours, strips and far fields.

    neighbours, strips: least and most of them near each base. shared: how likely a base is shared with civil flights.
    """  # fmt: skip
    centre = float(rng.choice([rng.uniform(10, 38), rng.uniform(38, 62), rng.uniform(-38, -5)], p=[0.45, 0.4, 0.15]))
    start = centre, float(rng.uniform(-180, 180))
    made: list[Airfield] = []

    def add(
        name: str, near: tuple[float, float], low: float, high: float, role: str, region: int, least: float
    ) -> None:
        for _ in range(200):
            miles = log_uniform(rng, low, high)
            at = beside(*near, rng.uniform(0, 360), miles)
            spot = unit(*at)
            if abs(at[0]) < 66 and all(apart(spot, unit(one.latitude, one.longitude))[0, 0] > least for one in made):
                break
        else:
            return
        datum = next((one.elevation for one in made if one.region == region and one.role == "base"), None)
        if datum is None or role == "far":
            elevation = float(rng.choice([rng.uniform(0, 300), rng.uniform(300, 2_500), rng.uniform(2_500, 6_500)],
                                         p=[0.55, 0.35, 0.1]))  # fmt: skip
        else:
            elevation = max(datum + float(rng.normal(0, 120)), 0.0)
        if role == "base":
            serves = "shared" if rng.random() < shared else "military"
        elif role == "strip":
            serves = "civil" if rng.random() < 0.25 else "military"
        else:
            serves = str(rng.choice(["civil", "military", "shared"], p=[0.5, 0.3, 0.2]))
        made.append(Airfield(name, at[0], at[1], round(elevation), runways(rng, role), serves, role, region))

    for number in range(bases):
        near = start if not made else (made[-1].latitude, made[-1].longitude)
        add(f"base_{number + 1}", near, 90.0, 700.0, "base", number, 70.0)
    watched = [one for one in made if one.role == "base"]
    for one in watched:
        at = one.latitude, one.longitude
        for number in range(int(rng.integers(neighbours[0], neighbours[1] + 1))):
            # the nearest neighbours are the hardest rivals, so that they are drawn apart now and then
            high = 10.0 if number == 0 and rng.random() < 0.4 else 60.0
            add(f"near_{one.region + 1}{chr(97 + number)}", at, 5.0, high, "neighbour", one.region, LEAST_APART_NM)
        for number in range(int(rng.integers(strips[0], strips[1] + 1))):
            add(f"strip_{one.region + 1}{chr(97 + number)}", at, 5.0, 45.0, "strip", one.region, LEAST_APART_NM)
    middle = watched[len(watched) // 2]
    for number in range(far):
        add(f"far_{number + 1}", (middle.latitude, middle.longitude), 150.0, 1_500.0, "far", -1, FAR_APART_NM)
    return made


def near(fields: Sequence[Airfield], region: int, role: str) -> list[Airfield]:
    """The fields of a role near a base."""
    return [one for one in fields if one.region == region and one.role == role]
