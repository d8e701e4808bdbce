"""The first look at a day, from its heatmap files: what may matter near a watched base, of everybody in the world.

A look is some of the 48 half hours. It keeps, of every aircraft that may be near a base in the half hour, its positions
there and one a minute elsewhere; of aircraft on the watch list every position within `far_km` of a base; and of every
aircraft in the world the first and the last position of the half hour. So what comes of a day does not depend on which
process looked at which half hour.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from basewatch.geo import Bools, Ints, Place, Ring, disc_cells
from basewatch.readsb import heatmap
from basewatch.readsb.heatmap import ADDRESS, FEET, HALF_HOUR, INFO, NOT_ICAO, RECORD, BadHeatmap, Heatmap
from basewatch.reference.watchlist import Watch

Whole = npt.NDArray[np.int32]

FAR_NM = 160.0  # within which aircraft of the watch list are followed, and others make the grid
PER_DEGREE = 10  # cells
ROWS, COLUMNS = 180 * PER_DEGREE, 360 * PER_DEGREE
EDGE = 1_000_000 // PER_DEGREE  # a cell, in the units of a heatmap's positions
ADDRESSES = 1 << 24
MINUTE = 60.0

# A position that was kept. hex: address, and kind of position in the top bits. at_ms: of the day, the middle of its
# slice. lat, lon, alt, gs: as heatmaps write them. name: the callsign's eight characters; zeros where none is known.
KEPT = np.dtype(
    [("hex", "<u4"), ("at_ms", "<i4"), ("lat", "<i4"), ("lon", "<i4"), ("alt", "<i2"), ("gs", "<i2"), ("name", "<u8")]
)


class Look(msgspec.Struct, tag=True):
    """Some half hours of a day to look at: half hour, and offset and size in a tar or the path below a day's folder."""

    number: int
    files: list[tuple[int, int, int, str]]
    parts: int


class Seen(msgspec.Struct):
    """What came of a look. rows: by part of the day, how many of the kept positions in `path` are its own, in order.

    positions: by half hour that could be read, how many positions it holds. faults: why the others could not be.
    spread_s: the longest slice.
    """

    number: int
    path: str = ""
    rows: list[int] = []
    positions: dict[int, int] = {}
    faults: dict[int, str] = {}
    spread_s: float = 0.0
    digest: str = ""
    failure: str = ""


@dataclass(frozen=True)
class Cells:
    """The cells of a tenth of a degree near bases: which of them, and how near.

    number: of each cell of the world, row by row from the south-west, its number or -1. is_inner, is_outer: of each
    number, whether a position there may be within a ring of any height, or within one below a height.
    """

    number: Whole
    is_inner: Bools
    is_outer: Bools
    below: int  # units of a heatmap's heights

    @classmethod
    def around(cls, places: Sequence[Place], rings: Sequence[Ring], far_km: float) -> Cells:
        """The cells within `far_km` of a base, and those of the rings."""
        return _cells(tuple(places), tuple(rings), far_km)

    def of(self, latitude: Whole, longitude: Whole) -> Whole:
        """The number of each position's cell, -1 where none is near. Positions as heatmaps write them."""
        row = np.minimum((latitude + np.int32(90_000_000)) // np.int32(EDGE), np.int32(ROWS - 1))
        column = np.minimum((longitude + np.int32(180_000_000)) // np.int32(EDGE), np.int32(COLUMNS - 1))
        return np.asarray(self.number[row * np.int32(COLUMNS) + column])

    def are_near(self, cell: Whole, height: npt.NDArray[np.int16]) -> Bools:
        """Which positions may be near by the rings. Ground and unknown heights are negative, and so low."""
        return np.asarray(self.is_inner[cell] | (self.is_outer[cell] & (height < self.below)))


@lru_cache(maxsize=2)
def _cells(places: tuple[Place, ...], rings: tuple[Ring, ...], far_km: float) -> Cells:
    marks = np.zeros(ROWS * COLUMNS, np.uint8)
    below = max((ring.below_ft for ring in rings if ring.below_ft is not None), default=0)
    for place in places:
        for radius_km, bit in ((far_km, 1), *((ring.radius_km, 4 if ring.below_ft else 2) for ring in rings)):
            for row, first, last in disc_cells(place, radius_km, PER_DEGREE) if radius_km else ():
                marks[row * COLUMNS + first : row * COLUMNS + last + 1] |= bit
    inside = np.flatnonzero(marks)
    number = np.full(ROWS * COLUMNS, -1, np.int32)
    number[inside] = np.arange(len(inside), dtype=np.int32)
    return Cells(number, (marks[inside] & 2) > 0, (marks[inside] & 4) > 0, -(-below // FEET))


class Surveyor:
    """What all looks at a day share: the cells near the bases, who is on the watch list, room to work in."""

    def __init__(self, places: Sequence[Place], rings: Sequence[Ring], far_km: float, watch: Watch) -> None:
        self.cells = Cells.around(places, rings, far_km)
        self.listed = np.zeros(ADDRESSES, np.bool_)
        self.listed[[int(address, 16) for address in watch.addresses]] = True
        self.listed[[int(address, 16) for address in watch.military]] = True
        for low, high in watch.ranges:
            self.listed[low : high + 1] = True
        self.by_callsign = np.zeros(ADDRESSES, np.bool_)  # whom a callsign puts on the watch list
        prefixes = set()
        for rule in watch.rules:
            if rule.callsign_prefix and len(rule.callsign_prefix) == 3 and rule.blocks:
                prefixes.add(int.from_bytes(rule.callsign_prefix.encode(), "little"))
                for low, high in rule.blocks:
                    self.by_callsign[low : high + 1] = True
        self.prefixes = np.array(sorted(prefixes), np.uint64)
        self.near = np.zeros(ADDRESSES, np.bool_)  # emptied after each half hour
        self.place = np.empty(ADDRESSES, np.int32)  # where an address was last met; read only where just written

    def look(self, half: Heatmap, day_start_s: int) -> npt.NDArray[np.void]:
        """The positions of a half hour that are kept (KEPT), by aircraft and time."""
        entries = half.entries
        hexes, latitude, longitude = (np.ascontiguousarray(entries[name]) for name in ("hex", "lat", "lon"))
        address = (hexes & ADDRESS).view(np.int32)
        is_position = (latitude + np.int32(90_000_000)).view(np.uint32) <= 180_000_000
        is_position &= (longitude + np.int32(180_000_000)).view(np.uint32) <= 360_000_000
        is_position[half.first] = False
        is_position &= (hexes & NOT_ICAO) == 0
        is_position &= address != 0
        heard = np.flatnonzero(is_position)
        who = address[heard]
        cell = self.cells.of(latitude[heard], longitude[heard])
        within = np.flatnonzero(cell >= 0)
        infos = np.flatnonzero(latitude >= INFO)
        infos = infos[(hexes[infos] & NOT_ICAO) == 0]
        named = self._named(entries, infos, address)
        near = within[self.cells.are_near(cell[within], entries["alt"][heard[within]])]
        self.near[who[near]] = True
        far = within[self.listed[who[within]] | np.isin(who[within], named)]
        chosen = [heard[near], heard[far], self._by_the_minute(half, heard, address), self._ends(heard, who)]
        is_kept = np.zeros(len(entries), np.bool_)
        for group in chosen:
            is_kept[group] = True
        self.near[who[near]] = False
        kept = np.flatnonzero(is_kept)
        return self._rows(half, kept, infos, day_start_s)

    def _named(self, entries: npt.NDArray[np.void], infos: Ints, address: Whole) -> Ints:
        """The addresses that a callsign of the half hour puts on the watch list: a prefix and a digit."""
        infos = infos[self.by_callsign[address[infos]]]
        callsign = _callsigns(entries, infos)
        fourth = (callsign >> np.uint64(24)) & np.uint64(0xFF)
        is_called = np.isin(callsign & np.uint64(0xFFFFFF), self.prefixes) & (fourth >= 48) & (fourth <= 57)
        return np.unique(address[infos[is_called]])

    def _by_the_minute(self, half: Heatmap, heard: Ints, address: Whole) -> Ints:
        """One position a minute, anywhere, of the aircraft that are near a base in the half hour."""
        step = max(int(MINUTE // half.interval_s), 1)
        bounds = np.append(half.first, len(half.entries))
        starts = np.searchsorted(heard, bounds[:-1:step])
        stops = np.searchsorted(heard, bounds[1::step][: len(starts)])
        of_slices = [heard[start:stop] for start, stop in zip(starts, stops, strict=True)]
        some = np.concatenate(of_slices)
        return np.asarray(some[self.near[address[some]]])

    def _ends(self, heard: Ints, who: Whole) -> Ints:
        """The first and the last position of each aircraft."""
        number = np.arange(len(who), dtype=np.int32)
        self.place[who] = number
        last = heard[self.place[who] == number]
        self.place[who[::-1]] = number[::-1]
        first = heard[self.place[who] == number]
        return np.concatenate((first, last))

    def _rows(self, half: Heatmap, kept: Ints, infos: Ints, day_start_s: int) -> npt.NDArray[np.void]:
        """The kept positions by aircraft and time, each with the callsign that was last told before it."""
        entries = half.entries
        address = entries["hex"] & np.uint32(ADDRESS)
        key = np.concatenate(
            [(address[group].astype(np.uint64) << np.uint64(32)) | group.astype(np.uint64) for group in (kept, infos)]
        )
        key.sort()
        order = (key & np.uint64(0xFFFFFFFF)).astype(np.int64)
        is_info = entries["lat"][order] >= INFO
        latest = np.maximum.accumulate(np.where(is_info, np.arange(len(order)), -1))
        position = np.flatnonzero(~is_info)
        told = latest[position]
        order_of_told = order[np.maximum(told, 0)]
        has_name = (told >= 0) & (address[order_of_told] == address[order[position]])
        chosen = order[position]
        rows = np.empty(len(chosen), KEPT)
        records = entries[chosen]
        for name in ("hex", "lat", "lon", "alt", "gs"):
            rows[name] = records[name]
        middle = (half.slice_of(chosen) + 0.5) * half.interval_s + (half.start_s - day_start_s)
        rows["at_ms"] = np.rint(middle * 1000)
        rows["name"] = np.where(has_name, _callsigns(entries, order_of_told), 0)
        return rows


def _callsigns(entries: npt.NDArray[np.void], infos: Ints) -> npt.NDArray[np.uint64]:
    """The eight characters that these records hold in place of longitude, height and speed."""
    raw = entries[infos].view(np.uint8).reshape(-1, RECORD.itemsize)[:, 8:]
    return np.ascontiguousarray(raw).view(np.uint64).reshape(-1)


def survey(
    surveyor: Surveyor, look: Look, read: Callable[[int, int, str], bytes], day_start_s: int, folder: str
) -> Seen:
    """Look at some half hours and write what is kept into the folder, sorted by part of the day.

    read: the bytes of a file by offset, size and name; raises BadHeatmap where they cannot be had.
    """
    seen = Seen(look.number, str(Path(folder) / f"survey-{look.number:02d}.npy"), [0] * look.parts)
    kept, digest = [], hashlib.sha256()
    for half, offset, size, name in look.files:
        try:
            data = read(offset, size, name)
            heard = heatmap.read(data, day_start_s + half * HALF_HOUR)
        except BadHeatmap as error:
            seen.faults[half] = str(error)
            continue
        digest.update(b"%d %d %b" % (half, len(data), data[-8:]))
        seen.spread_s = max(seen.spread_s, heard.interval_s)
        seen.positions[half] = heard.positions
        kept.append(surveyor.look(heard, day_start_s))
    rows = np.concatenate(kept) if kept else np.empty(0, KEPT)
    part = ((rows["hex"] & 0xFF) * look.parts // 256).astype(np.int64)
    np.save(seen.path, rows[np.argsort(part, kind="stable")])
    seen.rows = np.bincount(part, minlength=look.parts).tolist()
    seen.digest = digest.hexdigest()
    return seen
