"""The first look at a day, from its heatmap files: what may matter near a watched base, of everybody in the world.

A look is some of the 48 half hours. It keeps, of every aircraft that may be near a base in the half hour, its positions
there and one a minute elsewhere; of aircraft on the watch list every position within `far_km` of a base; and of every
aircraft in the world the first and the last of its positions by the minute. So what comes of a day does not depend on
which process looked at which half hour.
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
from basewatch.readsb.heatmap import ADDRESS, FEET, HALF_HOUR, INFO, NOT_ICAO, RECORD, SPARE_BITS, BadHeatmap, Heatmap
from basewatch.reference.watchlist import Watch

Whole = npt.NDArray[np.int32]

FAR_NM = 160.0  # within which aircraft of the watch list are followed, and others make the grid
PER_DEGREE = 10  # cells
ROWS, COLUMNS = 180 * PER_DEGREE, 360 * PER_DEGREE
EDGE = 1_000_000 // PER_DEGREE  # a cell, in the units of a heatmap's positions
SHIFT = 18  # of a position, to its coarse cell: of a quarter of a degree
COARSE_ROWS, COARSE_COLUMNS = (180_000_000 >> SHIFT) + 2, (360_000_000 >> SHIFT) + 1
BLOCK = 65_536  # records looked at in one go
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
    hush_s: of each of these, the longest time without any. spread_s: the longest slice.
    """

    number: int
    path: str = ""
    rows: list[int] = []
    positions: dict[int, int] = {}
    hush_s: dict[int, float] = {}
    faults: dict[int, str] = {}
    spread_s: float = 0.0
    digest: str = ""
    failure: str = ""


@dataclass(frozen=True)
class Cells:
    """The cells of a tenth of a degree near bases: which of them, and how near.

    number: of each cell of the world, row by row from the south-west, its number or -1. is_coarse: of each larger cell,
    whether it touches one of them; the last one, in which whatever is no position ends, does not. is_inner, is_outer:
    of each number, whether a position there may be within a ring of any height, or within one below a height.
    """

    number: Whole
    is_coarse: Bools
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
    is_coarse = np.zeros(COARSE_ROWS * COARSE_COLUMNS, np.bool_)
    rows, columns = np.divmod(inside, COLUMNS)
    for south in (rows * EDGE >> SHIFT, ((rows + 1) * EDGE) >> SHIFT):
        for west in (columns * EDGE >> SHIFT, ((columns + 1) * EDGE) >> SHIFT):
            is_coarse[south * COARSE_COLUMNS + west] = True
    is_coarse[-1] = False
    return Cells(number, is_coarse, (marks[inside] & 2) > 0, (marks[inside] & 4) > 0, -(-below // FEET))


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
        self.room = np.empty(BLOCK, np.int32), np.empty(BLOCK, np.int32), np.empty(BLOCK, np.bool_)
        self.place = np.empty(ADDRESSES, np.int32)  # where an address was last met; read only where just written

    def look(self, half: Heatmap, day_start_s: int) -> npt.NDArray[np.void]:
        """The positions of a half hour that are kept (KEPT), by aircraft and time."""
        entries = half.entries
        within, cell = self._within(half)
        address = entries["hex"][within] & ADDRESS
        infos = np.flatnonzero(entries["lat"] >= INFO)
        who = entries["hex"][infos]
        infos, who = infos[(who & NOT_ICAO) == 0], who[(who & NOT_ICAO) == 0] & ADDRESS
        named = self._named(entries, infos, who)
        is_near = self.cells.are_near(cell, entries["alt"][within])
        near = np.unique(address[is_near])
        self.near[near] = True
        is_far = self.listed[address] | np.isin(address, named)
        kept = np.unique(np.concatenate((within[is_near | is_far], self._by_the_minute(half))))
        is_told = self.near[who] | self.listed[who] | np.isin(who, named)
        rows = self._rows(half, kept, infos[is_told], day_start_s)
        self.near[near] = False
        return rows

    def _within(self, half: Heatmap) -> tuple[Ints, Whole]:
        """The positions in cells near a base, and their cells. Block by block, so that the work stays in the cache."""
        entries, chosen = half.entries, []
        for start in range(0, len(entries), BLOCK):
            block = entries[start : start + BLOCK]
            row, column, is_within = (room[: len(block)] for room in self.room)
            np.right_shift(np.add(block["lat"], 90_000_000, out=row), SHIFT, out=row)
            np.right_shift(np.add(block["lon"], 180_000_000, out=column), SHIFT, out=column)
            np.add(np.multiply(row, COARSE_COLUMNS, out=row), column, out=row)
            np.take(self.cells.is_coarse, row, out=is_within, mode="clip")
            chosen.append(np.flatnonzero(is_within) + start)
        within = np.concatenate(chosen)
        within = within[_are_positions(half, within)]
        cell = self.cells.of(entries["lat"][within], entries["lon"][within])
        return within[cell >= 0], cell[cell >= 0]

    def _named(self, entries: npt.NDArray[np.void], infos: Ints, who: npt.NDArray[np.uint32]) -> Ints:
        """The addresses that a callsign of the half hour puts on the watch list: a prefix and a digit."""
        may_be = self.by_callsign[who]
        callsign = _callsigns(entries, infos[may_be])
        fourth = (callsign >> np.uint64(24)) & np.uint64(0xFF)
        is_called = np.isin(callsign & np.uint64(0xFFFFFF), self.prefixes) & (fourth >= 48) & (fourth <= 57)
        return np.unique(who[may_be][is_called])

    def _by_the_minute(self, half: Heatmap) -> Ints:
        """Of one slice a minute, the positions of aircraft near a base in the half hour, and the ends of all others."""
        step = max(int(MINUTE // half.interval_s), 1)
        bounds = np.append(half.first, len(half.entries))
        slices = range(0, half.slices, step)
        some = np.concatenate([np.arange(bounds[number] + 1, bounds[number + 1]) for number in slices])
        some = some[_are_positions(half, some)]
        who = half.entries["hex"][some] & ADDRESS
        number = np.arange(len(who), dtype=np.int32)
        self.place[who] = number
        is_last = self.place[who] == number
        self.place[who[::-1]] = number[::-1]
        is_first = self.place[who] == number
        return np.asarray(some[self.near[who] | is_first | is_last])

    def _rows(self, half: Heatmap, kept: Ints, infos: Ints, day_start_s: int) -> npt.NDArray[np.void]:
        """The kept positions by aircraft and time, each with the callsign that was last told before it."""
        entries = half.entries
        address = (entries["hex"][np.concatenate((kept, infos))] & ADDRESS).astype(np.uint64)
        key = (address << np.uint64(32)) | np.concatenate((kept, infos)).astype(np.uint64)
        key.sort()
        order = (key & np.uint64(0xFFFFFFFF)).astype(np.int64)
        address = key >> np.uint64(32)
        is_info = entries["lat"][order] >= INFO
        latest = np.maximum.accumulate(np.where(is_info, np.arange(len(order)), -1))
        position = np.flatnonzero(~is_info)
        told = np.maximum(latest[position], 0)
        has_name = (latest[position] >= 0) & (address[told] == address[position])
        chosen = order[position]
        rows = np.empty(len(chosen), KEPT)
        records = entries[chosen]
        for name in ("hex", "lat", "lon", "alt", "gs"):
            rows[name] = records[name]
        middle = (half.slice_of(chosen) + 0.5) * half.interval_s + (half.start_s - day_start_s)
        rows["at_ms"] = np.rint(middle * 1000)
        rows["name"] = np.where(has_name, _callsigns(entries, order[told]), 0)
        return rows


def _are_positions(half: Heatmap, records: Ints) -> Bools:
    """Which of some records are positions of an aircraft with an ICAO address."""
    found = half.entries[records]
    is_position = (found["hex"] & (NOT_ICAO | SPARE_BITS)) == 0
    is_position &= (found["hex"] & ADDRESS) != 0
    return np.asarray(is_position & (found["lat"] < INFO))


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
        of_slices = heard.positions_by_slice()
        seen.positions[half] = int(of_slices.sum())
        seen.hush_s[half] = longest_run(of_slices == 0) * heard.interval_s
        kept.append(surveyor.look(heard, day_start_s))
    rows = np.concatenate(kept) if kept else np.empty(0, KEPT)
    part = ((rows["hex"] & 0xFF) * look.parts // 256).astype(np.int64)
    np.save(seen.path, rows[np.argsort(part, kind="stable")])
    seen.rows = np.bincount(part, minlength=look.parts).tolist()
    seen.digest = digest.hexdigest()
    return seen


def longest_run(flags: Bools) -> int:
    """The length of the longest stretch of true flags."""
    ends = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return int((ends[1::2] - ends[::2]).max(initial=0))
