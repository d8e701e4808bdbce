"""The watched places on a grid of cells, so that a position meets only those that may be within reach of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from basewatch.geo import EARTH_KM, Floats, Ints, Place, half_width_deg, spans, unit_vectors

GRID = 2  # cells a degree


class Bases:
    """The watched places as arrays, and which of them may be within reach of a position."""

    def __init__(self, places: Sequence[Place], reach_km: float) -> None:
        self.places = list(places)
        self.reach_km = reach_km
        latitude = np.array([place.latitude for place in places], np.float64)
        longitude = np.array([place.longitude for place in places], np.float64)
        self.vectors = unit_vectors(latitude, longitude)
        self.latitude, self.longitude = latitude, longitude
        self.elevation_ft = np.array([place.elevation_ft for place in places], np.float64)
        near = [(cell, number) for number, place in enumerate(self.places) for cell in _cells(place, reach_km)]
        cell, number = np.array(sorted(near), np.int64).reshape(-1, 2).T
        self._near = number
        self._first = np.concatenate(([0], np.cumsum(np.bincount(cell, minlength=180 * GRID * 360 * GRID))))

    def pairs(self, latitude: Floats, longitude: Floats) -> tuple[Ints, Ints, Floats]:
        """Every position with every place within reach: position's index, place's number, distance in kilometres.

        Ordered by position. Distances are great-circle, positions in degrees.
        """
        row = np.minimum((latitude + 90) * GRID, 180 * GRID - 1).astype(np.int64)
        cell = row * 360 * GRID + np.minimum((longitude + 180) * GRID, 360 * GRID - 1).astype(np.int64)
        first = self._first[cell]
        many = self._first[cell + 1] - first
        some = np.flatnonzero(many)
        many, first = many[some], first[some]
        index = np.repeat(some, many)
        offset = np.arange(len(index)) - np.repeat(np.cumsum(many) - many, many)
        place = self._near[np.repeat(first, many) + offset]
        vectors = unit_vectors(latitude[some], longitude[some])
        difference = np.repeat(vectors, many, axis=0) - self.vectors[place]
        chord = np.sqrt(np.einsum("ij,ij->i", difference, difference))
        close = chord <= 2 * np.sin(min(self.reach_km / EARTH_KM / 2, np.pi / 2))
        distance = 2 * EARTH_KM * np.arcsin(np.minimum(chord[close] / 2, 1.0))
        return index[close], place[close], distance


def _cells(place: Place, reach_km: float) -> set[int]:
    cells = set()
    margin = 1e-6
    reach = reach_km / EARTH_KM * 180 / np.pi + margin
    low, high = max(place.latitude - reach, -90.0), min(place.latitude + reach, 90.0)
    for row in range(int((low + 90) * GRID), min(int((high + 90) * GRID), 180 * GRID - 1) + 1):
        south = row / GRID - 90
        width = half_width_deg(place.latitude, reach_km + 1e-3, south - margin, south + 1 / GRID + margin)
        if width is None:
            continue
        for west, east in spans(place.longitude, width + margin):
            last = min(int((east + 180) * GRID), 360 * GRID - 1)
            cells |= {row * 360 * GRID + column for column in range(int((west + 180) * GRID), last + 1)}
    return cells
