"""The first look at a day, from its heatmap files: what may matter near a watched base, of everybody in the world.

A look is some of the 48 half hours. It keeps, of every aircraft that may be near a base in the half hour, its positions
there; within `far_km` of a base, every position of those on the watch list, and one in half a minute of everybody; of
all these one a minute elsewhere; and of every aircraft in the world the first and the last of its positions by the
minute. So what comes of a day does not depend on which process looked at which half hour.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from basewatch.geo import Bools, Ints, Place, Ring, disc_cells
from basewatch.readsb import heatmap
from basewatch.readsb.heatmap import (
    ADDRESS,
    FEET,
    HALF_HOUR,
    INFO,
    NOT_ICAO,
    RECORD,
    SPARE_BITS,
    BadHeatmap,
    Heatmap,
)
from basewatch.reference.watchlist import Watch

Whole = npt.NDArray[np.int32]
Addresses = npt.NDArray[np.uint32]

FAR_NM = 160.0  # within which aircraft of the watch list are followed, and others make the grid
PER_DEGREE = 10  # cells
ROWS, COLUMNS = 180 * PER_DEGREE, 360 * PER_DEGREE
EDGE = 1_000_000 // PER_DEGREE  # a cell, in the units of a heatmap's positions
ADDRESSES = 1 << 24
# Marks of an address: on the watch list, or put there by a callsign if it flies under one; and in this half hour near a
# base, under such a callsign, met already from its begin or from its end, or within reach of a base.
LISTED, BY_CALLSIGN, NEAR, CALLED, FIRST, LAST, AROUND = 1, 2, 4, 8, 16, 32, 64
MINUTE = 60.0
HEARD_S = 30.0  # between the positions that are kept of everybody within reach: at 450 kt half a cell

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
    """What came of a look. rows: by half hour and part of the day, how many of the kept positions in `path` are of it.

    positions: by half hour that could be read, how many positions it holds. faults: why the others could not be.
    hush_s: of each of these, the longest time without any. spread_s: the longest slice.
    """

    number: int
    path: str = ""
    rows: list[list[int]] = []
    positions: dict[int, int] = {}
    hush_s: dict[int, float] = {}
    faults: dict[int, str] = {}
    spread_s: float = 0.0
    digest: str = ""
    failure: str = ""


@dataclass(frozen=True)
class Cells:
    """The cells of a tenth of a degree near bases: which of them, and how near.

    number: of each cell of the world, row by row from the south-west, its number or -1. region: where in a heatmap is
    looked for them (heatmap.region). is_inner, is_outer: of each number, whether a position there may be within a ring
    of any height, or within one below a height.
    """

    number: Whole
    region: Bools
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
    rows, columns = np.divmod(inside, COLUMNS)
    region = heatmap.region(rows * EDGE - heatmap.POLE, columns * EDGE - heatmap.DATE_LINE, EDGE)
    return Cells(number, region, (marks[inside] & 2) > 0, (marks[inside] & 4) > 0, -(-below // FEET))


class Surveyor:
    """What all looks at a day share: the cells near the bases, who is on the watch list, room to work in."""

    def __init__(self, places: Sequence[Place], rings: Sequence[Ring], far_km: float, watch: Watch) -> None:
        self.cells = Cells.around(places, rings, far_km)
        self.marks = np.zeros(ADDRESSES, np.uint8)
        self.marks[[int(address, 16) for address in watch.addresses | watch.military]] = LISTED
        for low, high in watch.ranges:
            self.marks[low : high + 1] = LISTED
        prefixes = set()
        for rule in watch.rules:
            if rule.callsign_prefix and len(rule.callsign_prefix) == 3 and rule.blocks:
                prefixes.add(int.from_bytes(rule.callsign_prefix.encode(), "little"))
                for low, high in rule.blocks:
                    self.marks[low : high + 1] |= BY_CALLSIGN
        self.prefixes = np.array(sorted(prefixes), np.uint64)

    def are_listed(self, rows: npt.NDArray[np.void]) -> Bools:
        """Which kept positions are of an aircraft that address or callsign put on the watch list."""
        marks = self.marks.take(rows["hex"] & ADDRESS)
        are_listed = marks & LISTED != 0
        may_be = np.flatnonzero(marks & BY_CALLSIGN)
        are_listed[may_be] |= self._are_called(rows["name"][may_be])
        return np.asarray(are_listed)

    def _are_called(self, callsign: npt.NDArray[np.uint64]) -> Bools:
        """Which callsigns begin with the prefix of a watched fleet and a digit."""
        fourth = (callsign >> np.uint64(24)) & np.uint64(0xFF)
        return np.asarray(np.isin(callsign & np.uint64(0xFFFFFF), self.prefixes) & (fourth >= 48) & (fourth <= 57))

    def look(self, half: Heatmap, day_start_s: int) -> npt.NDArray[np.void]:
        """The positions of a half hour that are kept (KEPT), by part, aircraft and time."""
        within, address, is_near = self._within(half)
        near = address[is_near]
        self.marks[near] |= NEAR
        infos, called = self._infos(half)
        self.marks[address] |= AROUND
        is_due = half.slice_of(within) % max(int(HEARD_S // half.interval_s), 1) == 0
        within = within[is_near | is_due | self._are(address, LISTED | CALLED)]
        by_the_minute, met = self._by_the_minute(half)
        rows = self._rows(half, np.concatenate((within, by_the_minute)), infos, day_start_s)
        for addresses in (address, called, met):
            self.marks[addresses] &= LISTED | BY_CALLSIGN
        return rows

    def _are(self, address: Addresses, marks: int) -> Bools:
        """Which of the addresses bear any of these marks."""
        return np.asarray(self.marks.take(address) & np.uint8(marks) != 0)

    def _within(self, half: Heatmap) -> tuple[Ints, Addresses, Bools]:
        """The positions in cells within reach of a base, whose they are, and which of them are near one."""
        records = half.entries.take(half.chosen)
        cell = self.cells.of(records["lat"], records["lon"])
        within = np.flatnonzero((cell >= 0) & _are_of_aircraft(records))
        address = np.asarray(records["hex"][within] & ADDRESS, np.uint32)
        return half.chosen[within], address, self.cells.are_near(cell[within], records["alt"][within])

    def _infos(self, half: Heatmap) -> tuple[Ints, Addresses]:
        """The infos of aircraft near a base or on the watch list; whom a callsign puts there: a prefix and a digit."""
        infos, who = half.infos, half.named
        some = np.flatnonzero(self.marks.take(who & ADDRESS))
        some = some[who[some] & NOT_ICAO == 0]
        infos, who = infos[some], who[some] & ADDRESS
        may_be = self._are(who, BY_CALLSIGN)
        called = who[may_be][self._are_called(_callsigns(half.entries, infos[may_be]))]
        self.marks[called] |= CALLED
        return infos[self._are(who, LISTED | NEAR | CALLED)], called

    def _by_the_minute(self, half: Heatmap) -> tuple[Ints, Addresses]:
        """Of one slice a minute, the positions of aircraft near a base in the half hour, and the ends of all others.

        And who was met in these slices. A position may come twice.
        """
        step = max(int(MINUTE // half.interval_s), 1)
        bounds = np.append(half.first, len(half.entries))
        slices = []
        for first, end in zip(bounds[:-1:step] + 1, bounds[1::step], strict=True):
            records = half.entries[first:end]
            heard = np.flatnonzero(_are_of_aircraft(records) & (records["lat"] < INFO))
            slices.append((heard + first, records["hex"][heard] & ADDRESS))
        positions, met = [], []
        for mark, through in ((FIRST, slices), (LAST, slices[::-1])):
            for heard, address in through:
                marks = self.marks.take(address)
                is_new = marks & mark == 0
                # of those near a base all are kept, and once is enough
                positions.append(heard[is_new | (marks & (NEAR | AROUND) != 0) if mark == FIRST else is_new])
                met.append(address[is_new])
                self.marks[met[-1]] |= mark
        return np.concatenate(positions), np.concatenate(met)

    def _rows(self, half: Heatmap, kept: Ints, infos: Ints, day_start_s: int) -> npt.NDArray[np.void]:
        """The kept positions by part, aircraft and time, each with the callsign that was last told before it."""
        numbers = np.concatenate((kept, infos))
        numbers.sort()
        numbers = numbers[are_new(numbers)]
        records = half.entries.take(numbers)
        order = _order_by_part(records["hex"])
        records, slices = records.take(order), half.slice_of(numbers)[order]
        address = records["hex"] & ADDRESS
        is_info = records["lat"] >= INFO
        latest = np.maximum.accumulate(np.where(is_info, np.arange(len(records)), -1))
        chosen = np.flatnonzero(~is_info)
        told = np.maximum(latest[chosen], 0)
        has_name = (latest[chosen] >= 0) & (address[told] == address[chosen])
        rows = np.empty(len(chosen), KEPT)
        for name in ("hex", "lat", "lon", "alt", "gs"):
            rows[name] = records[name][chosen]
        middle = (slices[chosen] + 0.5) * half.interval_s + (half.start_s - day_start_s)
        rows["at_ms"] = np.rint(middle * 1000)
        rows["name"] = np.where(has_name, _callsigns(records, told), 0)
        return rows


def order_of(numbers: npt.NDArray[np.uint32] | Ints) -> Ints:
    """The order of numbers from 0 to 2**36 by size, equal ones as they stand.

    Each is sorted as one word with its place behind it: numpy sorts plain numbers twice as fast as places by a number.
    """
    bits = len(numbers).bit_length()
    words = numbers.astype(np.int64)
    words <<= bits
    words |= np.arange(len(words))
    words.sort()
    words &= (1 << bits) - 1
    return words


def _order_by_part(whose: npt.NDArray[np.uint32]) -> Ints:
    """The order of records by the last two digits of their address, of which parts are made, and then by the others."""
    return order_of((whose & np.uint32(0xFF)) << 16 | (whose & np.uint32(ADDRESS)) >> 8)


def are_new(values: npt.NDArray[Any]) -> Bools:
    """Which of some values differ from the one before; the first one does."""
    flags = np.ones(len(values), np.bool_)
    flags[1:] = values[1:] != values[:-1]
    return flags


def distinct(values: Ints) -> Ints:
    """The distinct ones of many integers in their order: several times as cheap as np.unique, which hashes them."""
    ordered = np.sort(values)
    return np.asarray(ordered[are_new(ordered)])


def _are_of_aircraft(records: npt.NDArray[np.void]) -> Bools:
    """Which of these records are of an ICAO address that an aircraft may have; headers are not."""
    return np.asarray((records["hex"] & (NOT_ICAO | SPARE_BITS | ADDRESS)) - np.uint32(1) < ADDRESS)


def _callsigns(entries: npt.NDArray[np.void], infos: Ints) -> npt.NDArray[np.uint64]:
    """The eight characters that these records hold in place of longitude, height and speed."""
    raw = entries[infos].view(np.uint8).reshape(-1, RECORD.itemsize)[:, 8:]
    return np.ascontiguousarray(raw).view(np.uint64).reshape(-1)


def survey(
    surveyor: Surveyor, look: Look, read: Callable[[int, int, str], bytes], day_start_s: int, folder: str
) -> Seen:
    """Look at some half hours and write what is kept into the folder, by half hour and part of the day.

    read: the bytes of a file by offset, size and name; raises BadHeatmap where they cannot be had.
    """
    seen = Seen(look.number, str(Path(folder) / f"survey-{look.number:02d}.kept"), [])
    digest = hashlib.sha256()

    def take(half: int, data: bytes) -> None:
        heard = heatmap.read(data, day_start_s + half * HALF_HOUR, surveyor.cells.region)
        digest.update(b"%d %d %b" % (half, len(data), data[-8:]))
        seen.spread_s = max(seen.spread_s, heard.interval_s)
        of_slices = heard.positions_by_slice()
        seen.positions[half] = int(of_slices.sum())
        seen.hush_s[half] = longest_run(of_slices == 0) * heard.interval_s
        rows = surveyor.look(heard, day_start_s)
        rows.tofile(kept)
        of_folders = np.bincount(rows["hex"].astype(np.uint8), minlength=256)
        part = np.arange(256) * look.parts // 256
        seen.rows.append(np.bincount(part, of_folders, look.parts).astype(np.int64).tolist())

    with Path(seen.path).open("wb") as kept:
        for half, offset, size, name in look.files:
            try:
                # in a function, so that a file is given back before the next is read
                take(half, read(offset, size, name))
            except BadHeatmap as error:
                seen.faults[half] = str(error)
    seen.digest = digest.hexdigest()
    return seen


def longest_run(flags: Bools) -> int:
    """The length of the longest stretch of true flags."""
    ends = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return int((ends[1::2] - ends[::2]).max(initial=0))
