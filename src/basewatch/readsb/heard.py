"""What anybody was heard to do near the watched bases: a grid of a tenth of a degree, 3,000 ft and twenty minutes.

It says where the receivers heard aircraft, how low, and where aircraft fell silent. Whether a landing could have been
heard, and whether a silence is one of the aircraft or of the receivers, is judged by it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from basewatch.geo import Bools, Ints
from basewatch.readsb.heatmap import ADDRESS, FEET, GROUND, UNKNOWN
from basewatch.readsb.survey import COLUMNS, PER_DEGREE, Cells, are_new, order_of

BAND_FT = 3000
BANDS = 24  # from the ground (0) and what lies below sea level (1) up to 66,000 ft
SLOT_MS = 20 * 60_000
SLOTS = 72  # of a day
SILENCE_MS = 10 * 60_000  # after so long without a position an aircraft was lost
DAY_MS = SLOTS * SLOT_MS


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
    def of(cls, rows: npt.NDArray[np.void], cell: npt.NDArray[np.int32]) -> Heard:
        """The grid of positions by aircraft and time (survey.KEPT) and the number of each one's cell (Cells.of).

        Those far from every base, in no cell, show where one went.
        """
        height, address = rows["alt"].astype(np.int32), rows["hex"] & np.uint32(ADDRESS)
        at_ms = np.ascontiguousarray(rows["at_ms"])
        band = np.where(height == GROUND, 0, np.clip(height * FEET // BAND_FT + 2, 1, BANDS - 1))
        slot = at_ms // SLOT_MS
        key = np.where((cell >= 0) & (height != UNKNOWN), (cell * np.int64(BANDS) + band) * SLOTS + slot, -1)
        is_other = are_new(address)
        pause = np.diff(at_ms, append=at_ms[-1:])
        is_lost = np.where(np.append(is_other[1:], True), at_ms < DAY_MS - SILENCE_MS, pause > SILENCE_MS)
        # passes first, of which each stands for several positions
        begin = np.flatnonzero(is_other | are_new(key))
        lowest = np.minimum.reduceat(np.where(band == 0, 0, height * FEET), begin) if len(rows) else height
        losses = np.diff(np.searchsorted(np.flatnonzero(is_lost), begin), append=np.count_nonzero(is_lost))
        key, address = key[begin], address[begin]
        inside = np.flatnonzero(key >= 0)
        # by key, and so by aircraft in each
        inside = inside[order_of(key[inside])]
        key = key[inside]
        is_first = are_new(key)
        is_other = is_first | are_new(address[inside])
        return cls._summed(key, is_first, [is_other, np.ones(len(key), np.bool_), losses[inside]], lowest[inside])

    @classmethod
    def joined(cls, parts: list[Heard]) -> Heard:
        """The grid of all parts of a day; each aircraft is in one part only."""
        key, aircraft, lowest, passes, losses = (
            np.concatenate([np.empty(0, np.int64), *(getattr(part, one.name) for part in parts)]) for one in fields(cls)
        )
        order = order_of(key)
        key = key[order]
        return cls._summed(key, are_new(key), [count[order] for count in (aircraft, passes, losses)], lowest[order])

    @classmethod
    def _summed(cls, key: Ints, is_first: Bools, counts: list[npt.NDArray[Any]], lowest: npt.NDArray[Any]) -> Heard:
        """The grid of what stands under each key, in order of the keys. counts: aircraft, passes and losses."""
        first = np.flatnonzero(is_first)
        if not len(first):
            return cls(*np.empty((5, 0), np.int64))
        aircraft, passes, losses = (np.add.reduceat(count, first, dtype=np.int64) for count in counts)
        least = np.minimum.reduceat(lowest, first).astype(np.int64)
        return cls(key[first], aircraft, least, passes, losses)

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
        row, column = np.divmod(np.flatnonzero(cells.number >= 0), COLUMNS)
        south, west = np.round(row / PER_DEGREE - 90, 1), np.round(column / PER_DEGREE - 180, 1)
        is_ground = band == 0
        return pa.table(
            {
                "network": pa.repeat(network, len(self.key)),
                "slot_at": pa.array(day_start + slot * SLOT_MS * 1000, pa.timestamp("us", tz="UTC")),
                "south": pa.array(south[cell]),
                "west": pa.array(west[cell]),
                "is_ground": pa.array(is_ground),
                "band_ft": pa.array(np.where(is_ground, 0, (band - 2) * BAND_FT), pa.int32()),
                "aircraft": pa.array(self.aircraft, pa.int32()),
                "lowest_ft": pa.array(self.lowest_ft, pa.int32()),
                "passes": pa.array(self.passes, pa.int32()),
                "losses": pa.array(self.losses, pa.int32()),
            }
        )
