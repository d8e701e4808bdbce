"""One heatmap file as readsb writes it: half an hour of the world, a position of every aircraft in every slice of it.

A file is an index and records of sixteen bytes: a header that begins each slice of ten seconds or more, the positions
heard in it (the first of each aircraft), and what an aircraft calls itself. Everything is read as arrays; a file of
which any part is not as it should be is refused whole, so that its half hour is missing and never quiet.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from basewatch.geo import Bools, Ints
from basewatch.readsb.gzipped import MAGIC, BadGzip, unpack

HALF_HOUR = 1800  # seconds
HALVES = 48  # of a day
LARGEST = 128 << 20  # bytes unpacked; a busy half hour of the world is 30 MB
LARGEST_FILE = LARGEST + (1 << 20)  # bytes packed, at worst no less than unpacked

RECORD = np.dtype([("hex", "<u4"), ("lat", "<i4"), ("lon", "<i4"), ("alt", "<i2"), ("gs", "<i2")])
HEADER = 0x0E7F7C9D  # in place of an address: the record begins a slice
ADDRESS = 0xFFFFFF
NOT_ICAO = 1 << 24  # bit of `hex`: an address that is not ICAO's own
KIND = 27  # first bit of the kind of address
INFO = 1 << 30  # latitudes from here on: the record holds callsign and squawk
SPARE_BITS = 0x06000000  # of `hex`: readsb leaves them unset but in HEADER
LARGEST_SQUAWK = 15 * 1111  # four digits, of which readsb takes any up to fifteen
POLE, DATE_LINE = 90_000_000, 180_000_000  # in DEGREES
GROUND, UNKNOWN = -123, -124  # in place of a height
FEET = 25  # a unit of height
DEGREES = 1e-6  # a unit of latitude and longitude
KNOTS = 0.1  # a unit of speed; negative where unknown
BLOCK = 32_768  # records looked at in one go
KINDS = (  # by number, as traces name them
    "adsb_icao", "adsb_icao_nt", "adsr_icao", "tisb_icao", "adsc", "mlat", "other", "mode_s", "adsb_other",
    "adsr_other", "tisb_trackfile", "tisb_other", "mode_ac", "unknown", "unknown", "unknown",
)  # fmt: skip

# A look takes the upper half of a latitude or longitude alone, and cells of half a degree by 2.1: such numbers are half
# as long, and so is all work on them. What lies too near a pole or the date line for that is told apart.
NORTH, EAST = POLE >> 16, DATE_LINE >> 16  # bounds in units of the upper half
ROW, COLUMN = 3, 5  # bits of the upper half that a cell leaves out
COLUMNS = (2 * EAST >> COLUMN) + 1  # cells of a row
INFO_NORTH = (INFO >> 16) + NORTH  # the upper half of every info's latitude, counted from the bound

# Below a day's folder, or in its tar: `heatmap/NN.bin.ttf`. The bytes tell whether it is packed.
NAME = re.compile(rb"(?:\./)?(?:(?:[^/]+/){0,6}heatmap/)?([0-4][0-9])\.bin(?:\.ttf)?(?:\.gz)?", re.IGNORECASE)


class BadHeatmap(Exception):
    """A file that cannot be used; the text says why."""


def region(south: Ints, west: Ints, edge: int) -> Bools:
    """The cells of a look that touch these squares, flat, true where one does.

    south, west: a square's least latitude and longitude, and edge: its length, as heatmaps write them.
    """
    cells = np.zeros(1 << 16, np.bool_)
    for row in _ends(south, edge, NORTH):
        for column in _ends(west, edge, EAST):
            cells[(row >> ROW) * COLUMNS + (column >> COLUMN)] = True
    return cells


def _ends(least: Ints, length: int, bound: int) -> tuple[Ints, Ints]:
    """The upper halves of both ends of stretches of latitude or longitude, counted from the bound."""
    low, high = (np.clip((end >> 16) + bound, 0, 2 * bound - 1) for end in (least, least + length))
    return low, high


NOWHERE = np.zeros(1 << 16, np.bool_)


@dataclass(frozen=True)
class Heatmap:
    """Half an hour of records. start_s: seconds since 1970, UTC.

    entries: RECORD, slice after slice; headers, positions and infos as they stand in the file, without its index.
    first: the number of each slice's header in `entries`. infos: those of the infos, in order. named: each info's field
    `hex`. chosen: the numbers of all positions in the region asked for, and of others by a pole or the date line, in
    order; a header may look like one.
    """

    start_s: int
    interval_s: float
    entries: npt.NDArray[np.void]
    first: Ints
    infos: Ints
    named: npt.NDArray[np.uint32]
    chosen: Ints

    @property
    def slices(self) -> int:
        """How many slices the half hour has."""
        return len(self.first)

    def positions_by_slice(self) -> Ints:
        """How many positions each slice holds."""
        bounds = np.append(self.first, len(self.entries))
        return np.asarray(np.diff(bounds) - 1 - np.diff(np.searchsorted(self.infos, bounds)))

    def slice_of(self, records: Ints) -> Ints:
        """The slice in which each of these records stands. They are in order, each by its number in `entries`."""
        begin = np.searchsorted(records, self.first)
        return np.repeat(np.arange(self.slices), np.diff(begin, append=len(records)))


def half_hour(name: bytes) -> int | None:
    """Which half hour of its day a file is of by its name, 0 to 47; None where it is no name of a heatmap."""
    match = NAME.fullmatch(name)
    number = int(match[1]) if match else HALVES
    return number if number < HALVES else None


def clock(half: int) -> str:
    """When a half hour begins, UTC."""
    return f"{half // 2:02d}:{half % 2 * 30:02d}"


def read(data: bytes, start_s: int, region: Bools = NOWHERE) -> Heatmap:
    """The records of a file that should be of the half hour that begins at `start_s` (seconds since 1970, UTC).

    Packed or not, in either byte order, with an index or without. region: where positions are asked for. Raises
    BadHeatmap.
    """
    if not data:
        raise BadHeatmap("it is empty")
    if data[:2] == MAGIC:
        try:
            data = unpack(data, LARGEST)
        except BadGzip as error:
            raise BadHeatmap(str(error)) from None
    if not data:
        raise BadHeatmap("it holds nothing")
    if len(data) % RECORD.itemsize:
        raise BadHeatmap(f"no heatmap, or cut short: {len(data)} bytes are no whole number of {RECORD.itemsize}")
    records = np.frombuffer(data, RECORD)
    entries, first = _indexed(records) or _slices(records)
    sifted = _sift(entries, region)
    if sifted.marked != len(first):
        _slices(records)  # which says so where it is the index that is wrong
        raise BadHeatmap(f"{sifted.marked - len(first)} of its records hold no possible address: damaged")
    _refuse_places(entries[sifted.odd])
    times = _times(entries, first)
    slices, interval = len(first), _interval(entries, first, times)
    if times[0] != start_s * 1000:
        raise BadHeatmap(f"it is of {_moment(times[0])}, not of {_moment(start_s * 1000)}")
    late = np.flatnonzero(times != times[0] + interval * np.arange(slices))
    if len(late):
        raise BadHeatmap(f"slice {late[0] + 1} of {slices} is of {_moment(times[late[0]])}, which is not its turn")
    return Heatmap(start_s, interval / 1000, entries, first, sifted.infos, sifted.named, sifted.chosen)


def _indexed(records: npt.NDArray[np.void]) -> tuple[npt.NDArray[np.void], Ints] | None:
    """What `_slices` gives, by the index alone; None where there is none, or it leads to anything but headers.

    There may be headers that the index does not name. `_sift` counts them.
    """
    stated = records["hex"]
    size = int(stated[0])
    if not 0 < size < len(records):
        return None
    at = stated[:size].astype(np.int64)
    is_sound = at[0] == size and at[-1] < len(records) and bool((at[1:] > at[:-1]).all())
    return (records[size:], at - size) if is_sound and bool((stated[at] == HEADER).all()) else None


def _slices(records: npt.NDArray[np.void]) -> tuple[npt.NDArray[np.void], Ints]:
    """The records behind the index, in this machine's byte order, and the numbers of the headers among them."""
    stated = records["hex"]
    at = np.flatnonzero(stated == HEADER)
    if not len(at):
        swapped = records.view(RECORD.newbyteorder())
        at = np.flatnonzero(swapped["hex"] == HEADER)
        if not len(at):
            reason = "it is all zeros" if not records.view(np.uint8).any() else "it holds no slice header"
            raise BadHeatmap(f"{reason}: no heatmap file")
        records = _in_our_order(swapped)
        stated = records["hex"]
    behind = int(at[0])
    if behind and behind != len(at):
        raise BadHeatmap(f"its index has {behind} entries, and {len(at)} slices follow: cut short or damaged")
    if behind and not np.array_equal(stated[:behind], at):
        wrong = int(np.flatnonzero(stated[:behind] != at)[0])
        raise BadHeatmap(f"entry {wrong + 1} of its index points to no slice header: damaged")
    return records[behind:], at - behind


@dataclass(frozen=True)
class _Sifted:
    """What stands in all of a file's records: a heatmap's `infos`, `named` and `chosen`, and what may be wrong.

    marked: how many records set one of the bits that headers alone may set. odd: the numbers of the records that are
    neither infos nor well inside the bounds of positions.
    """

    infos: Ints
    named: npt.NDArray[np.uint32]
    chosen: Ints
    marked: int
    odd: Ints


def _sift(entries: npt.NDArray[np.void], region: Bools) -> _Sifted:
    """Look at every record. Raises BadHeatmap where one is all zeros, which shows that bytes were lost.

    Nothing else is done to all of a day's seventy million records. So it is done block by block and always into the
    same arrays, which the processor keeps at hand.
    """
    whose, spare = np.empty((2, BLOCK), np.uint32)
    words = np.empty((2, BLOCK), np.int16)
    flags = np.empty((3, BLOCK), np.bool_)
    infos, named, chosen, other = [], [], [], []
    marked = 0
    halves = entries.view(np.int16).reshape(-1, RECORD.itemsize // 2)[:, 2:6]  # lower and upper, of both numbers
    for start in range(0, len(entries), BLOCK):
        block = entries[start : start + BLOCK]
        size = len(block)
        (north, east), (is_info, is_odd, is_chosen) = words[:, :size], flags[:, :size]
        np.copyto(whose[:size], block["hex"])
        if np.count_nonzero(whose[:size]) < size:
            _refuse_blanks(block)
        marked += int(np.count_nonzero(np.bitwise_and(whose[:size], SPARE_BITS, out=spare[:size])))
        # as unsigned numbers, what is out of bounds at either end is above the largest
        np.add(halves[start : start + size, 1], np.int16(NORTH), out=north)
        np.add(halves[start : start + size, 3], np.int16(EAST), out=east)
        info = np.flatnonzero(np.equal(north, INFO_NORTH, out=is_info))
        is_wrong = halves[start : start + size, 0].take(info).view(np.uint16) > LARGEST_SQUAWK
        if is_wrong.any():
            is_info[info[is_wrong]] = False
            info = info[~is_wrong]
        named.append(whose.take(info))
        infos.append(info + start)
        np.greater(north.view(np.uint16), 2 * NORTH - 1, out=is_odd)
        np.greater(east.view(np.uint16), 2 * EAST - 1, out=is_chosen)
        np.logical_or(is_odd, is_chosen, out=is_odd)
        other.append(np.flatnonzero(np.greater(is_odd, is_info, out=is_chosen)) + start)
        np.multiply(np.right_shift(north, ROW, out=north), np.int16(COLUMNS), out=north)  # odd ones may overflow
        np.add(np.right_shift(east, COLUMN, out=east), north, out=east)
        np.take(region, east.view(np.uint16), out=is_chosen, mode="clip")
        chosen.append(np.flatnonzero(np.greater(is_chosen, is_odd, out=is_chosen)) + start)
    others = np.concatenate(other)
    chosen.append(_at_the_edge(entries, others))
    all_chosen = np.concatenate(chosen)
    if len(chosen[-1]):
        all_chosen.sort()
    return _Sifted(np.concatenate(infos), np.concatenate(named), all_chosen, marked, others)


def _at_the_edge(entries: npt.NDArray[np.void], odd: Ints) -> Ints:
    """Those of the odd records that hold a possible position, by a pole or the date line."""
    latitude, longitude = entries["lat"][odd], entries["lon"][odd]
    is_possible = (latitude + np.int32(POLE)).view(np.uint32) <= 2 * POLE
    is_possible &= (longitude + np.int32(DATE_LINE)).view(np.uint32) <= 2 * DATE_LINE
    return odd[is_possible]


def _refuse_blanks(records: npt.NDArray[np.void]) -> None:
    """Raise BadHeatmap where a record is all zeros. Address and place are looked at: zeros behind them may be."""
    blank = np.count_nonzero((records["hex"] == 0) & (records["lat"] == 0) & (records["lon"] == 0))
    if blank:
        raise BadHeatmap(f"{blank} of its records are zeros: damaged")


def _refuse_places(odd: npt.NDArray[np.void]) -> None:
    """Raise BadHeatmap where one of these records, which are neither infos nor at a possible place, is no header."""
    odd = odd[odd["hex"] != HEADER]
    for name, most, what in (("lat", POLE, "latitude or squawk"), ("lon", DATE_LINE, "longitude")):
        count = np.count_nonzero((odd[name] < -most) | (odd[name] > most))
        if count:
            raise BadHeatmap(f"{count} of its records hold no possible {what}: damaged")


def _in_our_order(records: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    """Records of the other byte order in this machine's. The letters of a callsign have none and stay as they are."""
    ours = records.astype(RECORD)
    infos = np.flatnonzero(ours["lat"] >= INFO)
    size = RECORD.itemsize
    ours.view(np.uint8).reshape(-1, size)[infos, 8:] = records.view(np.uint8).reshape(-1, size)[infos, 8:]
    return ours


def _times(entries: npt.NDArray[np.void], first: Ints) -> Ints:
    """When each slice begins, milliseconds since 1970."""
    headers = entries[first]
    high, low = headers["lat"].astype(np.int64), headers["lon"].astype(np.int64) & 0xFFFFFFFF
    return np.asarray((high << 32) | low)


def _interval(entries: npt.NDArray[np.void], first: Ints, times: Ints) -> int:
    """Milliseconds from slice to slice. The header keeps sixteen bits of them, and the slices fill half an hour."""
    slices = len(first)
    stated = np.unique(entries["alt"][first].astype(np.uint16))
    interval = int(times[1]) - int(times[0]) if slices > 1 else HALF_HOUR * 1000
    if len(stated) > 1 or interval <= 0 or interval % 65536 != int(stated[0]):
        shown = " and ".join(f"{value} ms" for value in stated[:3])
        raise BadHeatmap(f"its slices state intervals of {shown}, and the first two lie {interval} ms apart")
    if slices != HALF_HOUR * 1000 // interval:
        due = HALF_HOUR * 1000 // interval
        raise BadHeatmap(f"it has {slices} slices of {interval / 1000:g} s where {due} make half an hour: cut short")
    return interval


def _moment(milliseconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(int(milliseconds) / 1000, UTC):%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return f"no possible time ({milliseconds} ms)"
