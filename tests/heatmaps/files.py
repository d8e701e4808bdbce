"""Heatmap files of some aircraft in every form that a reader meets: intervals, byte orders, packed and not."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

from heatmaps.sky import HALF_HOUR_MS, Track, written

RECORD = 16  # bytes
HEADER = 0x0E7F7C9D  # in place of an address
HALVES = 48
SPAN_S = HALF_HOUR_MS // 1000
LONGEST_STATED = 1 << 16  # ms: the header has sixteen bits for the interval, and drops what is above them


@dataclass(frozen=True)
class Form:
    """How a file is written. readsb's own: little-endian, an index before the records, one gzip member of level 9.

    level: of gzip; None: not packed. members: gzip members. zeros: zero bytes behind the packed data.
    unknown_altitude: what stands for it; None: such positions are left out. ground_ms: how long after its last known
    height an aircraft on the ground is written; None: always. Builds that leave out unknown heights do so after 35 s.
    """

    interval_ms: int = 10_000
    order: str = "<"
    has_index: bool = True
    level: int | None = 9
    members: int = 1
    zeros: int = 0
    unknown_altitude: int | None = None
    ground_ms: int | None = None

    @property
    def slices(self) -> int:
        """How many whole slices half an hour has."""
        return HALF_HOUR_MS // self.interval_ms


@dataclass
class HalfHour:
    """The parts of a file, as they can be put together or spoilt. slices: records of 16 bytes, a header first."""

    start_s: int
    form: Form
    slices: list[list[bytes]] = field(default_factory=list)

    def index(self) -> list[bytes]:
        """A record a slice: at which record of the file its header stands. Empty where the form has none."""
        if not self.form.has_index:
            return []
        entries, place = [], len(self.slices)
        for records in self.slices:
            entries.append(struct.pack(f"{self.form.order}I12x", place))
            place += len(records)
        return entries

    def records(self) -> list[bytes]:
        """Index, headers, positions and infos."""
        return [*self.index(), *(record for records in self.slices for record in records)]

    def plain(self) -> bytes:
        """The file before it is packed."""
        return b"".join(self.records())

    def data(self) -> bytes:
        """The file."""
        return packed(self.plain(), self.form)

    def copy(self, **changes: object) -> HalfHour:
        """The same half hour with other parts, and lists of its own."""
        made = replace(self, slices=[list(records) for records in self.slices])
        return replace(made, **changes)  # type: ignore[arg-type]


def header(at_ms: int, interval_ms: int, order: str = "<") -> bytes:
    """The record that begins a slice."""
    return struct.pack(f"{order}IiIHh", HEADER, at_ms >> 32, at_ms & 0xFFFFFFFF, interval_ms % LONGEST_STATED, 0)


def half_hour(tracks: Iterable[Track], start_s: int, form: Form | None = None) -> HalfHour:
    """The half hour from `start_s` (seconds since 1970, UTC) on, of these aircraft, in the order in which they come."""
    form = form or Form()
    start_ms = start_s * 1000
    slices = [
        [header(start_ms + number * form.interval_ms, form.interval_ms, form.order)] for number in range(form.slices)
    ]
    for track in tracks:
        records = written(track, start_ms, form.interval_ms, form.order, form.unknown_altitude, form.ground_ms)
        for number, record in records:
            if number < len(slices):
                slices[number].append(record)
    return HalfHour(start_s, form, slices)


def packed(plain: bytes, form: Form) -> bytes:
    """A file's bytes as they lie on the disk."""
    if form.level is None:
        return plain
    size = -(-len(plain) // form.members) or 1
    pieces = [plain[at : at + size] for at in range(0, len(plain), size)] or [b""]
    return b"".join(gzip.compress(piece, form.level, mtime=0) for piece in pieces) + bytes(form.zeros)


def midnight(day: date) -> int:
    """When a day begins, seconds since 1970, UTC."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def begins(day: date, half: int) -> int:
    """When a half hour of a day begins, seconds since 1970, UTC."""
    return midnight(day) + half * SPAN_S


def name(half: int) -> str:
    """How readsb names the file of a half hour, below the folder of its day."""
    return f"heatmap/{half:02d}.bin.ttf"
