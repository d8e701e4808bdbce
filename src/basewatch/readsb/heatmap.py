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
KINDS = (  # by number, as traces name them
    "adsb_icao", "adsb_icao_nt", "adsr_icao", "tisb_icao", "adsc", "mlat", "other", "mode_s", "adsb_other",
    "adsr_other", "tisb_trackfile", "tisb_other", "mode_ac", "unknown", "unknown", "unknown",
)  # fmt: skip

# Below a day's folder, or in its tar: `heatmap/NN.bin.ttf`. The bytes tell whether it is packed.
NAME = re.compile(rb"(?:\./)?(?:(?:[^/]+/){0,6}heatmap/)?([0-4][0-9])\.bin(?:\.ttf)?(?:\.gz)?", re.IGNORECASE)


class BadHeatmap(Exception):
    """A file that cannot be used; the text says why."""


@dataclass(frozen=True)
class Heatmap:
    """Half an hour of records. start_s: seconds since 1970, UTC. first: number of each slice's header in `entries`.

    entries: RECORD, slice after slice; headers, positions and infos as they stand in the file, without its index.
    """

    start_s: int
    interval_s: float
    entries: npt.NDArray[np.void]
    first: npt.NDArray[np.int64]

    @property
    def slices(self) -> int:
        """How many slices the half hour has."""
        return len(self.first)

    def positions_by_slice(self) -> npt.NDArray[np.int64]:
        """How many positions each slice holds."""
        infos = np.bincount(self.slice_of(np.flatnonzero(self.entries["lat"] >= INFO)), minlength=self.slices)
        return np.asarray(np.diff(np.append(self.first, len(self.entries))) - 1 - infos)

    def slice_of(self, records: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The slice in which each of these records stands, by its number in `entries`."""
        return np.searchsorted(self.first, records, side="right") - 1


def half_hour(name: bytes) -> int | None:
    """Which half hour of its day a file is of by its name, 0 to 47; None where it is no name of a heatmap."""
    match = NAME.fullmatch(name)
    number = int(match[1]) if match else HALVES
    return number if number < HALVES else None


def clock(half: int) -> str:
    """When a half hour begins, UTC."""
    return f"{half // 2:02d}:{half % 2 * 30:02d}"


def read(data: bytes, start_s: int) -> Heatmap:
    """The records of a file that should be of the half hour that begins at `start_s` (seconds since 1970, UTC).

    Packed or not, in either byte order, with an index or without. Raises BadHeatmap.
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
    entries, first = _slices(records)
    times = _times(entries, first)
    slices, interval = len(first), _interval(entries, first, times)
    if times[0] != start_s * 1000:
        raise BadHeatmap(f"it is of {_moment(times[0])}, not of {_moment(start_s * 1000)}")
    late = np.flatnonzero(times != times[0] + interval * np.arange(slices))
    if len(late):
        raise BadHeatmap(f"slice {late[0] + 1} of {slices} is of {_moment(times[late[0]])}, which is not its turn")
    return Heatmap(start_s, interval / 1000, entries, first)


def _slices(records: npt.NDArray[np.void]) -> tuple[npt.NDArray[np.void], npt.NDArray[np.int64]]:
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
    blank = np.flatnonzero(stated[behind:] == 0) + behind
    blank = blank[(records["lat"][blank] == 0) & (records["lon"][blank] == 0)]
    if len(blank):
        raise BadHeatmap(f"{len(blank)} of its records are zeros: damaged")
    entries, first = records[behind:], at - behind
    _check_values(entries, first)
    return entries, first


def _check_values(entries: npt.NDArray[np.void], first: npt.NDArray[np.int64]) -> None:
    """Raise BadHeatmap where a record holds what readsb never writes. One such record shows that bytes were lost.

    Two comparisons of unsigned numbers find what is out of bounds at either end; few records are looked at twice.
    """
    addresses, latitudes, longitudes = entries["hex"], entries["lat"], entries["lon"]
    odd = np.flatnonzero(addresses & SPARE_BITS)
    if len(odd) != len(first):
        raise BadHeatmap(f"{len(odd) - len(first)} of its records hold no possible address: damaged")
    odd = np.flatnonzero(latitudes.view(np.uint32) + np.uint32(POLE) > 2 * POLE)
    odd = odd[((latitudes[odd] < INFO) | (latitudes[odd] > INFO + LARGEST_SQUAWK)) & (addresses[odd] != HEADER)]
    if len(odd):
        raise BadHeatmap(f"{len(odd)} of its records hold no possible latitude or squawk: damaged")
    odd = np.flatnonzero(longitudes.view(np.uint32) + np.uint32(DATE_LINE) > 2 * DATE_LINE)
    odd = odd[(latitudes[odd] < INFO) & (addresses[odd] != HEADER)]
    if len(odd):
        raise BadHeatmap(f"{len(odd)} of its records hold no possible longitude: damaged")


def _in_our_order(records: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    """Records of the other byte order in this machine's. The letters of a callsign have none and stay as they are."""
    ours = records.astype(RECORD)
    infos = np.flatnonzero(ours["lat"] >= INFO)
    size = RECORD.itemsize
    ours.view(np.uint8).reshape(-1, size)[infos, 8:] = records.view(np.uint8).reshape(-1, size)[infos, 8:]
    return ours


def _times(entries: npt.NDArray[np.void], first: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """When each slice begins, milliseconds since 1970."""
    headers = entries[first]
    high, low = headers["lat"].astype(np.int64), headers["lon"].astype(np.int64) & 0xFFFFFFFF
    return np.asarray((high << 32) | low)


def _interval(entries: npt.NDArray[np.void], first: npt.NDArray[np.int64], times: npt.NDArray[np.int64]) -> int:
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
