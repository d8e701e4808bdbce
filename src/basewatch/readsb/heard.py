"""What anybody was heard to do near the watched bases: a grid of a tenth of a degree, 3,000 ft and twenty minutes.

It says where the receivers heard aircraft, how low, and where aircraft fell silent. Whether a landing could have been
heard, and whether a silence is one of the aircraft or of the receivers, is judged by it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from basewatch.geo import Ints
from basewatch.readsb.heatmap import ADDRESS, FEET, GROUND, UNKNOWN
from basewatch.readsb.survey import COLUMNS, PER_DEGREE, Cells

BAND_FT = 3000
BANDS = 24  # from the ground (0) and what lies below sea level (1) up to 66,000 ft
SLOT_MS = 20 * 60_000
SLOTS = 72  # of a day
SILENCE_MS = 10 * 60_000  # after so long without a position an aircraft was lost
DAY_MS = SLOTS * SLOT_MS
HIGHEST = np.iinfo(np.int32).max


@dataclass
class Heard:
    """A grid, one element a cell, band and slot in which anybody was heard, in order of `key`.

    aircraft: distinct ones. lowest_ft: by pressure, 0 on the ground. passes: how often one entered. losses: how many
    were last heard there, for ten minutes at the least.
    """

    key: Ints
    aircraft: Ints
    lowest_ft: Ints
    passes: Ints
    losses: Ints

    @classmethod
    def of(cls, rows: npt.NDArray[np.void], cells: Cells) -> Heard:
        """The grid of positions by aircraft and time (survey.KEPT). Those far from every base show where one went."""
        cell = cells.of(rows["lat"], rows["lon"])
        height = rows["alt"].astype(np.int64)
        band = np.where(height == GROUND, 0, np.clip(height * FEET // BAND_FT + 2, 1, BANDS - 1))
        slot = rows["at_ms"] // SLOT_MS
        key = np.where((cell >= 0) & (height != UNKNOWN), (cell * np.int64(BANDS) + band) * SLOTS + slot, -1)
        address = (rows["hex"] & ADDRESS).astype(np.int64)
        is_same = np.zeros(len(rows) + 1, np.bool_)  # of each row, whether the row before is of the same aircraft
        is_same[1:-1] = address[1:] == address[:-1]
        is_new = ~is_same[:-1]
        is_new[1:] |= key[1:] != key[:-1]
        pause = np.append(np.diff(rows["at_ms"].astype(np.int64)), 0)
        is_lost = np.where(is_same[1:], pause > SILENCE_MS, rows["at_ms"] < DAY_MS - SILENCE_MS)
        inside = np.flatnonzero(key >= 0)
        keys, number = np.unique(key[inside], return_inverse=True)
        count = len(keys)
        who = np.unique(number * np.int64(ADDRESS + 1) + address[inside]) // np.int64(ADDRESS + 1)
        lowest = np.full(count, HIGHEST, np.int64)
        np.minimum.at(lowest, number, np.where(band[inside] == 0, 0, height[inside] * FEET))
        return cls(
            keys,
            np.bincount(who, minlength=count),
            lowest,
            np.bincount(number[is_new[inside]], minlength=count),
            np.bincount(number[is_lost[inside]], minlength=count),
        )

    @classmethod
    def joined(cls, parts: list[Heard]) -> Heard:
        """The grid of all parts of a day; each aircraft is in one part only."""
        key, aircraft, lowest, passes, losses = (
            np.concatenate([np.empty(0, np.int64), *(getattr(part, one.name) for part in parts)]) for one in fields(cls)
        )
        keys, number = np.unique(key, return_inverse=True)
        least = np.full(len(keys), HIGHEST, np.int64)
        np.minimum.at(least, number, lowest)
        sums = [np.bincount(number, values, len(keys)).astype(np.int64) for values in (aircraft, passes, losses)]
        return cls(keys, sums[0], least, sums[1], sums[2])

    def saved(self, file: Path) -> str:
        """Write the grid aside; returns the path."""
        np.save(file, np.stack([getattr(self, one.name) for one in fields(self)]))
        return str(file)

    @classmethod
    def load(cls, file: str) -> Heard:
        """A grid that was written aside."""
        return cls(*np.load(file))

    def table(self, cells: Cells, day_start: int, network: str) -> pa.Table:
        """Rows of lake table heard_cells without source and day. day_start: µs since 1970, UTC."""
        cell, rest = np.divmod(self.key, BANDS * SLOTS)
        band, slot = np.divmod(rest, SLOTS)
        row, column = np.divmod(np.flatnonzero(cells.number >= 0)[cell], COLUMNS)
        is_ground = band == 0
        return pa.table(
            {
                "network": pa.array([network] * len(self.key), pa.string()),
                "slot_at": pa.array(day_start + slot * SLOT_MS * 1000, pa.timestamp("us", tz="UTC")),
                "south": pa.array(np.round(row / PER_DEGREE - 90, 1)),
                "west": pa.array(np.round(column / PER_DEGREE - 180, 1)),
                "is_ground": pa.array(is_ground),
                "band_ft": pa.array(np.where(is_ground, 0, (band - 2) * BAND_FT), pa.int32()),
                "aircraft": pa.array(self.aircraft, pa.int32()),
                "lowest_ft": pa.array(self.lowest_ft, pa.int32()),
                "passes": pa.array(self.passes, pa.int32()),
                "losses": pa.array(self.losses, pa.int32()),
            }
        )
