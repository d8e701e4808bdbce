"""What an archive's day holds, in a few numbers: other days are held against them (sources/volumes.py).

They cost what its kept rows and counts already show: nothing is read for them alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from basewatch.geo import Ints
from basewatch.readsb.heatmap import HALVES
from basewatch.readsb.survey import distinct
from basewatch.reference.load import Reference
from basewatch.reference.watchlist import Watch

SKETCH = 32  # smallest of the hashes of a day's kept ends: days that share many of them are one
CELLS = 10  # a degree: a cell of a field, with those beside it, is some ten kilometres round it
HALF_HOUR_MIN = 30


class Measures:
    """What a day's kept rows show as they go by."""

    def __init__(self, reference: Reference, watch: Watch) -> None:
        self._fields = _cells_of_fields(reference)
        self._watch = watch
        self._on_ground: dict[str, bool] = {}  # address: whether it was heard on the ground at a field
        self._addresses: set[str] = set()
        self._sketch = np.empty(0, np.uint64)

    def add(self, table: str, rows: pa.Table) -> None:
        """Take in a batch of rows for a lake table."""
        if table == "track_points":
            self._add_ground(rows)
        elif table == "track_edges" and rows.num_rows:
            self._addresses.update(pc.unique(rows.column("icao24")).to_pylist())
            self._sketch = np.unique(np.concatenate([self._sketch, _hashes(rows)]))[:SKETCH]

    def _add_ground(self, rows: pa.Table) -> None:
        on_ground = rows.filter(rows.column("is_ground"))
        if not on_ground.num_rows:
            return
        whose, addresses = _coded(on_ground)
        cells = _cells(*(on_ground.column(name).to_numpy() for name in ("latitude", "longitude")))
        # sought in what is sorted: numpy's own `isin` hashes all fields anew for each batch
        nearest = self._fields[np.minimum(np.searchsorted(self._fields, cells), len(self._fields) - 1)]
        for number in np.unique(whose * 2 + (nearest == cells)).tolist():
            address, is_there = addresses[number // 2], bool(number % 2)
            self._on_ground[address] = self._on_ground.get(address, False) or is_there

    def told(
        self, way: str, aircraft: int, traced: Iterable[str], minutes: tuple[int, int] | None, hours: Sequence[int]
    ) -> str:
        """All of it as JSON.

        way: in which the day was read; days read otherwise count otherwise. aircraft: heard anywhere. traced: their
        addresses, where they are known; else those of kept rows stand for them. minutes: of the day, of the first and
        the last position. hours: positions near bases in each hour.
        """
        addresses = set(traced) or self._addresses
        values: dict[str, Any] = {
            "way": way,
            "aircraft": aircraft,
            "military": sum(map(self._is_military, addresses)),
            "ground": len(self._on_ground),
            "at_field": sum(self._on_ground.values()),
            "hours": list(hours),
            "sketch": [f"{value:x}" for value in self._sketch.tolist()],
        }
        if minutes:
            values["first_min"], values["last_min"] = minutes
        return json.dumps(values, separators=(",", ":"))

    def _is_military(self, address: str) -> bool:
        watch = self._watch
        if address in watch.military or address in watch.addresses:
            return True
        number = _number(address)
        return any(low <= number <= high for low, high in watch.ranges)


def minutes_of_halves(positions: dict[int, int]) -> tuple[int, int] | None:
    """The first and the last minute of the half hours (0 to 47) that hold a position."""
    heard = [half for half, count in positions.items() if count]
    if not heard:
        return None
    return min(heard) * HALF_HOUR_MIN, min(max(heard) + 1, HALVES) * HALF_HOUR_MIN - 1


def _hashes(rows: pa.Table) -> Any:
    """A hash of each row's aircraft, time of day and place: the same on any day."""
    at = rows.column("seen_at").cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy()
    tenths = (at // 100_000) % 864_000
    places = [np.rint(rows.column(name).to_numpy() * 1e4).astype(np.int64) for name in ("latitude", "longitude")]
    whose, addresses = _coded(rows)
    numbers = np.array([_number(address) for address in addresses], np.int64)[whose]
    hashed = np.zeros(len(numbers), np.uint64)
    for column in (numbers, tenths, *places):
        hashed = (hashed ^ column.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        hashed ^= hashed >> np.uint64(29)
    return hashed


def _coded(rows: pa.Table) -> tuple[Ints, list[str]]:
    """The addresses of rows, and for each row the place of its own."""
    column = rows.column("icao24").combine_chunks()
    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    return coded.indices.to_numpy().astype(np.int64), coded.dictionary.to_pylist()


def _number(address: str) -> int:
    return int(address.removeprefix("~"), 16)


def _cells(latitude: Any, longitude: Any) -> Ints:
    rows, columns = (
        np.floor(np.asarray(value, np.float64) * CELLS).astype(np.int64) for value in (latitude, longitude)
    )
    return rows * 360 * CELLS + columns


def _cells_of_fields(reference: Reference) -> Ints:
    """The cells of every field and base that is known, and those beside them."""
    rows = [*reference.rows["fields"], *reference.bases.values()]
    latitude, longitude = (np.array([getattr(row, name) for row in rows]) for name in ("latitude", "longitude"))
    beside = [(north, east) for north in (-1, 0, 1) for east in (-2, -1, 0, 1, 2)]
    return distinct(
        np.concatenate([_cells(latitude + north / CELLS, longitude + east / CELLS) for north, east in beside])
    )
