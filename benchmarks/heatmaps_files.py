"""A synthetic day as receivers' software writes it: heatmap files and gzip'd traces, and the tar that holds both.

Forms and rules are those of readsb (`globe_index.c`, `json_out.c`): one point a line, the details object in every
fourth point; in heatmaps the first point of each aircraft in each ten seconds, and callsign and squawk once a minute or
when they change. Everything is written column by column, no text is made point by point.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import deflate
import heatmaps_sky as sky
import numpy as np
import numpy.typing as npt

from basewatch.geo import Bools, Ints
from basewatch.readsb.tar_index import Member, Volume, walk

DAY = date(2025, 3, 14)
MIDNIGHT_S = int(datetime(2025, 3, 14, tzinfo=UTC).timestamp())
HALF_HOURS = 48
SLICE_CS, HALF_HOUR_CS = 1000, 180_000  # hundredths of a second
SLICES = HALF_HOUR_CS // SLICE_CS
INFO_CS = 6000  # between two records of callsign and squawk
INFO_BIT = 1 << 30
SLICE_MARK = 0x0E7F7C9D
LEVEL = 6  # libdeflate's; sizes and the time to inflate are those of zlib's level 9, at a sixth of the cost

RECORD = np.dtype([("hex", "<i4"), ("lat", "<i4"), ("lon", "<i4"), ("alt", "<i2"), ("gs", "<i2")])
FILED = np.dtype([*RECORD.descr, ("rank", "<u4"), ("slice", "u1")])


# ---- heatmaps


def positions_of(points: sky.Points) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int32]]:
    """Which points stand in a heatmap, and in which ten seconds of the day; the first of each aircraft in each.

    A slice's end belongs to it, unless the aircraft stands in it already: then the point opens the next.
    """
    chosen = np.flatnonzero(points.height != sky.NO_HEIGHT)
    at, aircraft = points.at[chosen], points.aircraft[chosen]
    slot: npt.NDArray[np.int32] = np.maximum(at - 1, 0) // SLICE_CS
    is_first = _changes(aircraft, slot)
    slot[~is_first & (at % SLICE_CS == 0)] += 1
    is_first = _changes(aircraft, slot)
    return chosen[is_first], slot[is_first]


def _changes(*columns: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    changed = np.ones(len(columns[0]), np.bool_)
    changed[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return changed


def heat_records(aircraft: sky.Aircraft, legs: sky.Legs, points: sky.Points) -> list[npt.NDArray[Any]]:
    """The records of a lot, one array for each half hour, ordered by aircraft and time."""
    address = aircraft.address.astype(np.int64)
    rank = (address * 2654435761 % 2**32).astype(np.uint32)  # readsb walks its aircraft in the order of a hash
    chosen, slot = positions_of(points)
    owner = points.aircraft[chosen]
    position = np.zeros(len(chosen), FILED)
    coded = (address[owner] | (points.source[chosen].astype(np.int64) << 27)).astype(np.uint32)
    position["hex"] = coded.view(np.int32)
    position["lat"], position["lon"] = points.latitude[chosen], points.longitude[chosen]
    position["alt"], position["gs"] = points.height[chosen], points.speed[chosen]
    position["rank"], position["slice"] = rank[owner], slot % SLICES
    info_points = _info_points(points)
    # readsb files them under the slice behind the aircraft's last position, however long ago that was
    half_hour = points.at[info_points] // HALF_HOUR_CS
    before = np.searchsorted(chosen, info_points) - 1
    last = np.maximum(before, 0)
    follows = (before >= 0) & (owner[last] == points.aircraft[info_points]) & (slot[last] // SLICES == half_hour)
    info_slice = np.where(follows, slot[last] % SLICES + 1, 0)
    fits = info_slice < SLICES
    info_points, half_hour, info_slice = info_points[fits], half_hour[fits], info_slice[fits]
    info = np.zeros(len(info_points), FILED)
    info_owner, leg = points.aircraft[info_points], points.leg[info_points]
    info["hex"] = address[info_owner]
    info["lat"] = INFO_BIT | legs.squawk[leg]
    callsigns = np.array(legs.callsign, "S8")[leg].view(np.uint8).reshape(-1, 8)
    info.view(np.uint8).reshape(len(info), -1)[:, 8:16] = callsigns
    info["rank"], info["slice"] = rank[info_owner], info_slice
    both = np.concatenate((info, position))
    of_half = np.concatenate((half_hour, slot // SLICES))
    place = np.concatenate((info_points * 2, chosen * 2 + 1))
    order = np.lexsort((place, of_half))
    ends = np.searchsorted(of_half[order], np.arange(HALF_HOURS + 1))
    return [both[order[ends[n] : ends[n + 1]]] for n in range(HALF_HOURS)]


def _info_points(points: sky.Points) -> npt.NDArray[np.intp]:
    """The points at which callsign and squawk are recorded: of every fourth, those a minute after the last, or new."""
    fourth = np.flatnonzero(points.number % 4 == 0)
    at = points.at[fourth].astype(np.int64)
    group = np.cumsum(_changes(points.aircraft[fourth], points.leg[fourth], points.at[fourth] // HALF_HOUR_CS)) - 1
    timeline = group * 10 * HALF_HOUR_CS * HALF_HOURS + at
    following = np.searchsorted(timeline, timeline + INFO_CS)
    following = np.where(np.append(group, -1)[following] == group, following, -1)
    chosen = np.zeros(len(fourth), np.bool_)
    now = np.flatnonzero(_changes(group))
    while len(now):
        chosen[now] = True
        now = following[now]
        now = now[now >= 0]
    return fourth[chosen]


def heatmap(half_hour: int, records: npt.NDArray[Any]) -> bytes:
    """A half hour's file before gzip: the index, then each slice's header and records."""
    order = np.lexsort((records["rank"], records["slice"]))
    counts = np.bincount(records["slice"], minlength=SLICES)
    begins = np.arange(SLICES) + np.cumsum(counts) - counts
    filed = np.zeros(2 * SLICES + len(records), RECORD)
    filed["hex"][:SLICES] = begins + SLICES
    is_header = np.zeros(SLICES + len(records), np.bool_)
    is_header[begins] = True
    body = filed[SLICES:]
    stamps = MIDNIGHT_S * 1000 + half_hour * HALF_HOUR_CS * 10 + np.arange(SLICES, dtype=np.int64) * SLICE_CS * 10
    headers = np.zeros(SLICES, RECORD)
    headers["hex"], headers["lat"] = SLICE_MARK, stamps >> 32
    headers["lon"] = (stamps & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
    headers["alt"] = SLICE_CS * 10
    body[is_header] = headers
    plain = records[order]
    for name in RECORD.names or ():
        body[name][~is_header] = plain[name]
    return filed.tobytes()


# ---- traces


def _texts(texts: Sequence[str], width: int) -> npt.NDArray[Any]:
    """Texts as items of a fixed width, filled up with zero bytes, which are taken out once a trace is put together."""
    return np.array([text.encode() for text in texts], f"S{width}").view(f"V{width}" if width > 8 else f"u{width}")


class _Tables:
    """The text of every value that a field can have, so that writing a column is one look-up."""

    def __init__(self) -> None:
        self.two = _texts([f"{n:02d}" for n in range(100)], 2)
        self.four = _texts([str(n) for n in range(10_000)] + [f"{n:04d}" for n in range(10_000)], 4)
        self.sign = _texts(["", "-"], 1)
        self.digit = _texts(["", *"123456789"], 1)
        self.whole = _texts([str(n) for n in range(10_000)] + ["null"], 4)
        heights = [str(n * 25) for n in range(-200, 2400)]
        self.height = _texts([*heights, '"ground"', "null"], 8)
        self.tenth = _texts([f"{n / 10:.1f}" for n in range(10_000)] + ["null"], 8)
        self.named_height = _texts([*(f',"alt_geom":{height}' for height in heights), ""], 20)
        self.named_speed = _texts([*(f',"ias":{knots}' for knots in range(500)), ""], 12)
        self.rate = _texts([str(n * 64) for n in range(-128, 128)], 8)
        self.roll = _texts([f"{n / 10:.1f}" for n in range(-300, 300)] + ["null"], 8)
        self.hundredth = _texts([f"{n / 10 + 0.03:.2f}" for n in range(3600)], 8)
        self.mach = _texts([f"0.{n:03d}" for n in range(1000)], 8)
        self.source = _texts(sky.SOURCES, 16)
        self.flags = _texts([str(n) for n in range(4)], 1)

    def heights(self, steps: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Heights in steps of 25 ft, or their absence."""
        index = np.clip(steps.astype(np.int32), -200, 2399) + 200
        index[steps == sky.GROUND] = 2600
        index[steps == sky.NO_HEIGHT] = 2601
        return np.asarray(self.height[index])


@lru_cache(maxsize=1)
def _tables() -> _Tables:
    return _Tables()


def _point_fields(number: int) -> list[tuple[str, str | bytes]]:
    """A point's fields in order: constant text, or a name and how its text is held."""
    n = str(number)
    return [
        ("", b",\n["), ("t1" + n, "u1"), ("t4" + n, "u4"), ("", b"."), ("t2" + n, "u2"),
        ("", b","), ("lat_sign" + n, "u1"), ("lat" + n, "u4"), ("", b"."), ("lat2" + n, "u2"), ("lat4" + n, "u4"),
        ("", b","), ("lon_sign" + n, "u1"), ("lon" + n, "u4"), ("", b"."), ("lon2" + n, "u2"), ("lon4" + n, "u4"),
        ("", b","), ("height" + n, "u8"), ("", b","), ("speed" + n, "u8"), ("", b","), ("track" + n, "u8"),
        ("", b","), ("flags" + n, "u1"), ("", b","), ("rate" + n, "u8"), ("", b","),
        *(_DETAILS if number == 0 else [("", b"null")]),
        ("later" + n, b',"'), ("source" + n, "V16"), ("", b'",'), ("geometric" + n, "u8"),
        ("", b","), ("geometric_rate" + n, "u8"), ("", b","), ("ias" + n, "u4"), ("", b","), ("roll" + n, "u8"),
        ("end" + n, b"]"),
    ]  # fmt: skip


_DETAILS: list[tuple[str, str | bytes]] = [
    ("", b'{"type":"'), ("d_source", "V16"), ("", b'"'), ("d_flight", "V20"),
    ("d_geometric", "V20"), ("d_ias", "V12"), ("", b',"tas":'), ("d_tas", "u4"), ("", b',"mach":'), ("d_mach", "u8"),
    ("", b',"wd":'), ("d_wind", "u4"), ("", b',"ws":'), ("d_wind_speed", "u4"), ("", b',"track":'), ("d_track", "u8"),
    ("", b',"mag_heading":'), ("d_heading", "u8"), ("", b',"baro_rate":'), ("d_rate", "u8"), ("", b',"squawk":"'),
    ("d_squawk", "u4"), ("", b'","emergency":"none","category":"A3","nav_qnh":1013.6,"nav_altitude_mcp":'),
    ("d_selected", "u8"), ("", b',"nic":8,"rc":186,"version":2,"nic_baro":1,"nac_p":10,"nac_v":2,"sil":3,'
     b'"sil_type":"perhour","gva":2,"sda":2,"alert":0,"spi":0}'),
]  # fmt: skip


class _Layout:
    """Four points of a trace as a row of bytes: where each field lies, and the row with its constant text alone."""

    def __init__(self) -> None:
        names, formats, offsets = [], [], []
        constant = bytearray()
        self.marks: dict[str, int] = {}
        for number in range(4):
            self.marks[f"begin{number}"] = len(constant)
            for name, content in _point_fields(number):
                if isinstance(content, bytes):
                    if name:
                        self.marks[name] = len(constant)
                    constant += content
                    continue
                align = min(int(content[1:]), 8) if content[0] == "u" else 1
                constant += bytes(-len(constant) % align)
                names.append(name)
                formats.append(content)
                offsets.append(len(constant))
                constant += bytes(int(content[1:]))
        self.marks["begin4"] = len(constant)
        constant += bytes(-len(constant) % 8)
        self.row = np.frombuffer(bytes(constant), np.uint8)
        self.dtype = np.dtype(
            {"names": names, "formats": formats, "offsets": offsets, "itemsize": len(constant)}  # type: ignore[arg-type]
        )


@lru_cache(maxsize=1)
def _layout() -> _Layout:
    return _Layout()


@dataclass(frozen=True)
class Trace:
    """One aircraft's trace: its address as readsb writes it, and its text."""

    icao: str
    text: bytes


GROUPS = 40_000  # rows of four points that are put together at a time: 45 MB


def traces(aircraft: sky.Aircraft, legs: sky.Legs, points: sky.Points, lot: int) -> Iterator[Trace]:
    """The traces of a lot's aircraft that were heard at all."""
    rng = np.random.default_rng([MIDNIGHT_S, lot])
    count = np.bincount(points.aircraft, minlength=len(aircraft.kind))
    first = np.cumsum(count) - count
    groups = -(-count // 4)
    form = rng.random(len(count))  # of the text: a few are of older or other software
    flights = _texts([f',"flight":"{name.decode()}"' if name else "" for name in legs.callsign], 20)
    start = 0
    while start < len(count):
        many = max(int(np.searchsorted(np.cumsum(groups[start:]), GROUPS, "right")), 1)
        chosen = np.arange(start, min(start + many, len(count)))
        rows = _rows(legs, points, flights, count[chosen], first[chosen], form[chosen] < 0.03, rng)
        ends = np.cumsum(groups[chosen])
        for n, end in zip(chosen, ends, strict=True):
            if count[n]:
                text = rows[end - groups[n] : end].tobytes().translate(None, b"\0")[1:]
                head = _head(aircraft, int(n))
                whole = b"%b%b ]\n }\n" % (head, text)
                icao = f"{'~' if aircraft.address[n] & sky.NON_ICAO else ''}{aircraft.address[n] & 0xFFFFFF:06x}"
                yield Trace(icao, whole.replace(b"\n", b"") if form[n] > 0.98 else whole)
        start += many


def _rows(
    legs: sky.Legs,
    points: sky.Points,
    flights: npt.NDArray[Any],
    count: Ints,
    first: Ints,
    is_old: Bools,
    rng: np.random.Generator,
) -> npt.NDArray[np.uint8]:
    """Rows of four points each of these aircraft, the fields filled in and all else zero."""
    tables, layout = _tables(), _layout()
    groups = -(-count // 4)
    owner = np.repeat(np.arange(len(count)), groups)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(groups) - groups, groups)
    rows = np.empty((len(owner), len(layout.row)), np.uint8)
    rows[:] = layout.row
    fields = rows.view(layout.dtype).ravel()
    for n in range(4):
        number = 4 * within + n
        is_there = number < count[owner]
        point = first[owner] + np.where(is_there, number, 0)
        at = points.at[point]
        seconds = at // 100
        high = seconds // 10_000
        fields[f"t1{n}"] = tables.digit[high]
        fields[f"t4{n}"] = tables.four[seconds % 10_000 + 10_000 * (high > 0)]
        fields[f"t2{n}"] = tables.two[at % 100]
        for name, values in (("lat", points.latitude), ("lon", points.longitude)):
            size = np.abs(values[point])
            fields[f"{name}_sign{n}"] = tables.sign[(values[point] < 0).astype(np.intp)]
            fields[f"{name}{n}"] = tables.whole[size // 1_000_000]
            fields[f"{name}2{n}"] = tables.two[size // 10_000 % 100]
            fields[f"{name}4{n}"] = tables.four[size % 10_000 + 10_000]
        leg, height, speed, rate = points.leg[point], points.height[point], points.speed[point], points.rate[point]
        is_flying = height > sky.GROUND
        knots = np.where(speed < 0, 0, speed // 10)
        geometric = np.where(is_flying, height + points.geometric[point], sky.NO_HEIGHT)
        before = np.maximum(point - 1, 0)
        is_stale = (number > 0) & (at - points.at[before] > 2000)
        is_leg = (number > 0) & (leg != points.leg[before])
        roll = np.clip(np.rint(rng.normal(0, 25, len(point))), -300, 299).astype(np.intp) + 300
        ias = np.where(is_flying, np.clip(knots - height // 12, 30, 480), 10_000)
        fields[f"height{n}"] = tables.heights(height)
        fields[f"speed{n}"] = tables.tenth[np.where(speed < 0, 10_000, speed)]
        fields[f"track{n}"] = tables.tenth[points.track[point]]
        fields[f"flags{n}"] = tables.flags[is_stale + 2 * is_leg]
        fields[f"rate{n}"] = tables.rate[rate + 128]
        fields[f"source{n}"] = tables.source[points.source[point]]
        fields[f"geometric{n}"] = tables.heights(geometric)
        fields[f"geometric_rate{n}"] = tables.rate[rate + 128]
        fields[f"ias{n}"] = tables.whole[ias]
        fields[f"roll{n}"] = tables.roll[np.where(is_flying, roll, 600)]
        if n == 0:
            wind = (leg * 37 % 360).astype(np.intp)
            fields["d_source"] = tables.source[points.source[point]]
            fields["d_flight"] = flights[leg]
            fields["d_geometric"] = tables.named_height[np.where(is_flying, np.clip(geometric, -200, 2399) + 200, 2600)]
            fields["d_ias"] = tables.named_speed[np.minimum(ias, 500)]
            fields["d_tas"] = tables.whole[knots]
            fields["d_mach"] = tables.mach[np.clip(knots * 1000 // 590, 0, 999)]
            fields["d_wind"], fields["d_wind_speed"] = tables.whole[wind], tables.whole[wind % 90]
            fields["d_track"] = tables.hundredth[points.track[point]]
            fields["d_heading"] = tables.hundredth[(points.track[point] + 41) % 3600]
            fields["d_rate"] = tables.rate[rate + 128]
            fields["d_squawk"] = tables.four[legs.squawk[leg] + 10_000]
            fields["d_selected"] = tables.heights(np.where(is_flying, (height // 40 + 1) * 40, 400))
        rows[~is_there, layout.marks[f"begin{n}"] : layout.marks[f"begin{n + 1}"]] = 0
        rows[is_old[owner], layout.marks[f"later{n}"] : layout.marks[f"end{n}"]] = 0  # before 2022 the details ended it
    return rows


def _head(aircraft: sky.Aircraft, number: int) -> bytes:
    address = int(aircraft.address[number])
    mark = "~" if address & sky.NON_ICAO else ""
    known = f',\n"r":{json.dumps(aircraft.registration[number])},\n"t":"{aircraft.type_code[number]}"'
    known += f',\n"dbFlags":{int(aircraft.is_military[number])},"desc":"A TYPE OF AIRCRAFT",\n"ownOp":"AN OWNER"'
    about = ',\n"noRegData":true' if mark or not aircraft.type_code[number] else known + ',\n"year":"2009"'
    return (f'{{"icao":"{mark}{address & 0xFFFFFF:06x}"{about},\n"timestamp": {MIDNIGHT_S}.000,\n"trace":[ ').encode()


# ---- a day's archive


@dataclass(frozen=True)
class Made:
    """What a day holds. bytes: of the archive; trace_bytes, heat_bytes: of the gzip'd members."""

    traces: int
    points: int
    positions: int
    infos: int
    bytes: int
    trace_bytes: int
    heat_bytes: int


@dataclass(frozen=True)
class _Lot:
    """A lot written aside: how many traces, points and positions, and how many heatmap records a half hour."""

    number: int
    traces: int
    points: int
    positions: int
    records: list[int]
    trace_bytes: int


_world: sky.World  # of this process and those forked from it


def write_day(
    folder: Path, positions: int, traces_wanted: int, seed: int, processes: int, report: Callable[[str], None]
) -> Made:
    """Write a day of about so many heatmap positions and traces as adsb.lol does: one tar, split if it is large."""
    global _world
    folder.mkdir(parents=True, exist_ok=True)
    _world = sky.World(seed)
    with ProcessPoolExecutor(processes, get_context("fork")) as pool:
        density, planned = _plan(pool, positions, traces_wanted)
        report(f"density: hours x {density.busy:.2f}, time between points x {density.pace:.2f}; {planned} aircraft")
        jobs = [(folder, lot, _count(planned, lot), density) for lot in range(sky.LOTS)]
        lots = list(pool.map(_write_lot, jobs))
        report(f"{sum(lot.points for lot in lots) / 1e6:.1f} M points in {sum(lot.traces for lot in lots)} traces")
        counts = [lot.records for lot in lots]
        sizes = list(pool.map(_write_heatmap, [(folder, half_hour, counts) for half_hour in range(HALF_HOURS)]))
    for lot in lots:
        _spill(folder, lot.number).unlink()
    size = _write_tar(folder, seed)
    placed = sum(lot.positions for lot in lots)
    records = sum(sum(many) for many in counts)
    return Made(
        sum(lot.traces for lot in lots),
        sum(lot.points for lot in lots),
        placed,
        records - placed,
        size,
        sum(lot.trace_bytes for lot in lots),
        sum(sizes),
    )


def _count(planned: int, lot: int) -> int:
    return planned // sky.LOTS + (lot < planned % sky.LOTS)


def _plan(pool: ProcessPoolExecutor, positions: int, traces_wanted: int) -> tuple[sky.Density, int]:
    """The density that gives so many positions, and how many aircraft give so many traces: some are never heard.

    Tried on lots of the very day; three in a hundred more are aimed at, so that the day does not fall short.
    """
    enough = min(max(sky.LOTS * 1500 // traces_wanted, 16), 64)  # lots of 1500 aircraft together, if there are so many
    some = range(0, sky.LOTS, sky.LOTS // enough)
    planned = traces_wanted
    low, high = 0.0, 1.0
    density = sky.Density.of(0.5)
    for _ in range(8):
        share = (low + high) / 2
        density = sky.Density.of(share)
        tried = list(pool.map(_try_lot, [(lot, _count(planned, lot), density) for lot in some]))
        heard, placed = (sum(column) for column in zip(*tried, strict=True))
        asked = sum(_count(planned, lot) for lot in some)
        planned = round(traces_wanted * asked / max(heard, 1))
        if placed / heard < 1.03 * positions / traces_wanted:
            low = share
        else:
            high = share
    return density, planned


def _try_lot(job: tuple[int, int, sky.Density]) -> tuple[int, int]:
    """How many aircraft of a lot are heard, and how many positions a heatmap has of them."""
    lot, count, density = job
    _, _, points = sky.lot(_world, lot, count, density)
    return len(np.unique(points.aircraft)), len(positions_of(points)[0])


def _spill(folder: Path, lot: int) -> Path:
    return folder / f"{lot:02x}.records"


def _part(folder: Path, lot: int) -> Path:
    return folder / f"{lot:02x}.part"


def _write_lot(job: tuple[Path, int, int, sky.Density]) -> _Lot:
    """Write a lot's traces as a stretch of tar and its heatmap records, both aside."""
    folder, number, count, density = job
    aircraft, legs, points = sky.lot(_world, number, count, density)
    records = heat_records(aircraft, legs, points)
    np.concatenate(records).tofile(_spill(folder, number))
    many = size = 0
    with _part(folder, number).open("wb") as part:
        part.write(_folder_header(f"./traces/{number:02x}/"))
        for trace in traces(aircraft, legs, points, number):
            data = bytes(deflate.gzip_compress(trace.text, LEVEL))
            part.write(_member(f"./traces/{number:02x}/trace_full_{trace.icao}.json", data))
            many += 1
            size += len(data)
    placed = sum(int((half["lat"] < INFO_BIT).sum()) for half in records)
    return _Lot(number, many, len(points), placed, [len(half) for half in records], size)


def _heat_file(folder: Path, half_hour: int) -> Path:
    return folder / f"{half_hour:02d}.bin.ttf"


def _write_heatmap(job: tuple[Path, int, list[list[int]]]) -> int:
    folder, half_hour, counts = job
    pieces = [
        np.fromfile(_spill(folder, lot), FILED, many[half_hour], offset=sum(many[:half_hour]) * FILED.itemsize)
        for lot, many in enumerate(counts)
    ]
    data = bytes(deflate.gzip_compress(heatmap(half_hour, np.concatenate(pieces)), LEVEL))
    _heat_file(folder, half_hour).write_bytes(data)
    return len(data)


# ---- tar


NAME = f"v{DAY:%Y.%m.%d}-planes-readsb-prod-0.tar"
SPLIT = 2_000_000_000  # bytes at which adsb.lol splits a day


def _member(name: str, data: bytes) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mtime = len(data), MIDNIGHT_S + sky.DAY_S
    return info.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % 512)


def _folder_header(name: str) -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.mtime = tarfile.DIRTYPE, 0o755, MIDNIGHT_S + sky.DAY_S
    return info.tobuf(tarfile.GNU_FORMAT)


class SplitWriter:
    """A file that goes on in a second and third (.aa, .ab, …) where it is larger than the provider's limit."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self.handle = path.open("wb")

    def write(self, data: bytes) -> None:
        """Write, and open the next part where this one is full."""
        while data:
            room = SPLIT - self.size % SPLIT
            self.handle.write(data[:room])
            self.size += len(data[:room])
            data = data[room:]
            if self.size % SPLIT == 0:
                self.handle.close()
                if self.size == SPLIT:
                    self.path.rename(self._named(0))
                self.handle = self._named(self.size // SPLIT).open("wb")

    def _named(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.a{'abcdefgh'[number]}")

    def close(self) -> None:
        """End it."""
        self.handle.close()


def _write_tar(folder: Path, seed: int) -> int:
    """Put traces and heatmaps together, folder by folder in no order, as `tar` finds them; the size."""
    rng = np.random.default_rng([seed, 5])
    out = SplitWriter(folder / NAME)
    out.write(_folder_header("./") + _member("./README.txt", b"A synthetic day.\n"))
    out.write(_folder_header("./acas/") + _member("./acas/acas.csv.gz", bytes(deflate.gzip_compress(b"", LEVEL))))
    places = ["heatmap", "traces"]
    for place in rng.permutation(places):
        out.write(_folder_header(f"./{place}/"))
        if place == "heatmap":
            for half_hour in rng.permutation(HALF_HOURS):
                path = _heat_file(folder, half_hour)
                out.write(_member(f"./heatmap/{path.name}", path.read_bytes()))
                path.unlink()
        else:
            for lot in rng.permutation(sky.LOTS):
                out.write(_part(folder, lot).read_bytes())
                _part(folder, lot).unlink()
    out.write(bytes(1024))
    out.close()
    return out.size


SHARES = 256


def write_share(parts: Sequence[Path], folder: Path, share: int) -> int:
    """Write so many 256ths of an archive's aircraft as an archive of their own; how many positions it holds.

    They are told by the middle digits of their addresses, so that every folder has its share.
    """
    folder.mkdir(parents=True, exist_ok=True)
    volume, out, positions = Volume(parts), SplitWriter(folder / NAME), 0
    for member in walk(volume):
        assert isinstance(member, Member), member
        data = volume.read(member.offset, member.size)
        name = member.name.decode()
        if name.startswith("./heatmap/"):
            filed = np.frombuffer(deflate.gzip_decompress(data), RECORD)[SLICES:]
            is_header = filed["hex"] == SLICE_MARK
            body = filed[is_header | (filed["hex"] >> 8 & 0xFF < share)]
            index = np.zeros(SLICES, RECORD)
            index["hex"] = np.flatnonzero(body["hex"] == SLICE_MARK) + SLICES
            positions += int((body["lat"] < INFO_BIT).sum()) - SLICES
            data = bytes(deflate.gzip_compress(index.tobytes() + body.tobytes(), LEVEL))
        elif name.startswith("./traces/") and int(name[-9:-7], 16) >= share:
            continue
        out.write(_member(name, data))
    out.write(bytes(1024))
    out.close()
    volume.close()
    return positions
