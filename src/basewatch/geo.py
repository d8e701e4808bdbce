"""Great-circle geometry on a sphere: distances as chords between unit vectors, bearings, and the discs around bases.

A sphere of the mean radius is within 0.6 % of the ellipsoid, far inside every threshold that uses these distances.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

EARTH_KM = 6371.0088  # mean radius, IUGG
NM_KM = 1.852  # by definition
M_FT = 3.28084  # a metre in feet
MS_KT = 1.943844  # a metre a second in knots
MS_FPM = 196.8504  # a metre a second in feet a minute

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Place:
    """A watched place: degrees, and the field's elevation in feet."""

    place_id: str
    latitude: float
    longitude: float
    elevation_ft: float


@dataclass(frozen=True)
class Ring:
    """A distance from a base within which points count, and below which height (None: any)."""

    radius_km: float
    below_ft: int | None = None


def unit_vectors(latitude: Floats, longitude: Floats) -> Floats:
    """Unit vectors (n, 3) of positions in degrees; in memory axis by axis, which is far faster to make and to use."""
    phi, lam = np.radians(latitude), np.radians(longitude)
    cos_phi = np.cos(phi)
    return np.stack((cos_phi * np.cos(lam), cos_phi * np.sin(lam), np.sin(phi))).T


def chord_km(a: Floats, b: Floats) -> Floats:
    """Great-circle distance in kilometres between unit vectors (n, 3), row by row; exact for near points too."""
    difference = a - b
    chord = np.sqrt(np.einsum("ij,ij->i", difference, difference))
    return np.asarray(2 * EARTH_KM * np.arcsin(np.minimum(chord / 2, 1.0)))


def distance_km(latitude: Floats, longitude: Floats, latitude_2: Floats, longitude_2: Floats) -> Floats:
    """Great-circle distance in kilometres between positions in degrees, row by row."""
    return chord_km(unit_vectors(latitude, longitude), unit_vectors(latitude_2, longitude_2))


def bearing_deg(latitude: Floats, longitude: Floats, latitude_2: Floats, longitude_2: Floats) -> Floats:
    """Initial true bearing from the first position to the second, degrees, 0 to 360."""
    phi, phi_2 = np.radians(latitude), np.radians(latitude_2)
    delta = np.radians(longitude_2 - longitude)
    east = np.sin(delta) * np.cos(phi_2)
    north = np.cos(phi) * np.sin(phi_2) - np.sin(phi) * np.cos(phi_2) * np.cos(delta)
    return np.asarray(np.degrees(np.arctan2(east, north)) % 360)


def angle_between_deg(a: Floats, b: Floats) -> Floats:
    """The smaller angle between two bearings, degrees, 0 to 180."""
    return np.asarray(np.abs((a - b + 180) % 360 - 180))


def half_width_deg(latitude: float, radius_km: float, south: float, north: float) -> float | None:
    """Widest longitude offset of a disc's points between two parallels, degrees; None where it has none there.

    The disc lies around `latitude`. 180 means every longitude (the disc holds a pole, or reaches around it).
    From the spherical law of cosines: the offset at parallel φ is widest at sin φ = sin φ₀ / cos r.
    """
    angle = radius_km / EARTH_KM
    phi_0 = math.radians(latitude)
    low, high = max(math.radians(south), phi_0 - angle), min(math.radians(north), phi_0 + angle)
    if low > high:
        return None
    if phi_0 + angle >= math.pi / 2 or phi_0 - angle <= -math.pi / 2:
        return 180.0
    widest = math.asin(math.sin(phi_0) / math.cos(angle))
    phi = min(max(widest, low), high)
    cosine = (math.cos(angle) - math.sin(phi_0) * math.sin(phi)) / (math.cos(phi_0) * math.cos(phi))
    return math.degrees(math.acos(min(max(cosine, -1.0), 1.0)))


def spans(longitude: float, half_width: float) -> Iterator[tuple[float, float]]:
    """The span around a longitude as one or two intervals within -180 to 180, cut at the antimeridian."""
    if half_width >= 180:
        yield -180.0, 180.0
        return
    west, east = longitude - half_width, longitude + half_width
    yield max(west, -180.0), min(east, 180.0)
    if west < -180:
        yield west + 360, 180.0
    if east > 180:
        yield -180.0, east - 360


def disc_cells(place: Place, radius_km: float, per_degree: int) -> Iterator[tuple[int, int, int]]:
    """The cells that a disc may touch: row from the south pole, first and last column from the antimeridian.

    per_degree: cells a degree, both ways. A hair more than the disc, so that rounding loses nothing.
    """
    margin = 1e-6
    reach = radius_km / EARTH_KM * 180 / math.pi + margin
    low, high = max(place.latitude - reach, -90.0), min(place.latitude + reach, 90.0)
    for row in range(int((low + 90) * per_degree), min(int((high + 90) * per_degree), 180 * per_degree - 1) + 1):
        south = row / per_degree - 90
        width = half_width_deg(place.latitude, radius_km + 1e-3, south - margin, south + 1 / per_degree + margin)
        if width is None:
            continue
        for west, east in spans(place.longitude, width + margin):
            last = min(int((east + 180) * per_degree), 360 * per_degree - 1)
            yield row, int((west + 180) * per_degree), last
