"""The watched places on a grid of cells, so that a position meets only those that may be within reach of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from basewatch.geo import EARTH_KM, Floats, Ints, Place, disc_cells, unit_vectors
from basewatch.readsb.survey import distinct

GRID = 2  # cells a degree


class Bases:
    """The watched places as arrays, and which of them may be within reach of a position."""

    def __init__(self, places: Sequence[Place], reach_km: float) -> None:
        self.places = list(places)
        self.reach_km = reach_km
        latitude = np.array([place.latitude for place in places], np.float64)
        longitude = np.array([place.longitude for place in places], np.float64)
        self.axes = _axes(latitude, longitude)
        self.latitude, self.longitude = latitude, longitude
        self.elevation_ft = np.array([place.elevation_ft for place in places], np.float64)
        near = [
            (row * 360 * GRID + first, last + 1 - first, number)
            for number, place in enumerate(self.places)
            for row, first, last in disc_cells(place, reach_km, GRID)
        ]
        start, many, number = np.array(near, np.int64).reshape(-1, 3).T
        count = max(len(self.places), 1)
        keys = _counted(start, many) * count + np.repeat(number, many)
        cell, self._near = np.divmod(distinct(keys), count)
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
        place = self._near[_counted(first, many)]
        number = np.repeat(np.arange(len(some)), many)
        square = np.zeros(len(number))
        for of_positions, of_places in zip(_axes(latitude[some], longitude[some]), self.axes, strict=True):
            step = of_positions[number]
            step -= of_places[place]
            step *= step
            square += step
        close = np.flatnonzero(square <= (2 * np.sin(min(self.reach_km / EARTH_KM / 2, np.pi / 2))) ** 2)
        distance = 2 * EARTH_KM * np.arcsin(np.minimum(np.sqrt(square[close]) / 2, 1.0))
        return index[close], place[close], distance


def _counted(first: Ints, many: Ints) -> Ints:
    """So many numbers that follow each other from each of the first ones on."""
    return np.asarray(np.arange(many.sum()) + np.repeat(first - (np.cumsum(many) - many), many))


def _axes(latitude: Floats, longitude: Floats) -> tuple[Floats, Floats, Floats]:
    """The parts of unit vectors along each axis; far faster to gather from than vectors that lie one after another."""
    x, y, z = np.ascontiguousarray(unit_vectors(latitude, longitude).T)
    return x, y, z
