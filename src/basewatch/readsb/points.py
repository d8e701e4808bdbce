"""Parsed traces to rows: exact distances, the positions near a base, and those at the edges of each stretch.

Works on whole traces, some ten thousand points at a time, as arrays. Built without pyarrow's conversion of Python
objects, which would import pandas into every decoding process.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from basewatch.callsigns import callsign_of
from basewatch.geo import Bools, Floats, Ints, Ring
from basewatch.lake.schemas import TABLES
from basewatch.readsb.grid import Bases
from basewatch.readsb.traces import Head, Point

SECOND = 1_000_000  # microseconds
DAY = 86_400 * SECOND
EARLIEST = 946_684_800 * SECOND  # 2000-01-01: nothing of this kind was recorded before
EDGES = ("first", "last", "before", "after")  # of a trace, and of a stretch near a base
STALE, NEW_LEG, RATE_IS_GEOMETRIC, ALTITUDE_IS_GEOMETRIC = 1, 2, 4, 8  # readsb's flags of a point


class Names:
    """Texts of one column as numbers, in the order in which they were met; None is -1."""

    def __init__(self) -> None:
        self.numbers: dict[str | None, int] = {None: -1}

    def of(self, text: str | None) -> int:
        """The number of a text."""
        return self.numbers.setdefault(text, len(self.numbers) - 1)

    def all_of(self, texts: Iterable[str | None]) -> Ints:
        """The numbers of many texts."""
        many = list(texts)
        for text in set(many):
            self.of(text)
        numbers = self.numbers
        return np.array([numbers[text] for text in many], np.int64)

    def column(self, numbers: Ints) -> pa.Array:
        """A dictionary column of the texts with these numbers."""
        texts = [text.encode() for text in self.numbers if text is not None]
        ends = np.cumsum([0, *map(len, texts)], dtype=np.int32)
        values = pa.Array.from_buffers(
            pa.string(), len(texts), [None, pa.py_buffer(ends), pa.py_buffer(b"".join(texts))]
        )
        return pa.DictionaryArray.from_arrays(column(numbers, pa.int32(), numbers >= 0), values)


def column(values: npt.NDArray[Any], kind: pa.DataType, valid: Bools | None = None) -> pa.Array:
    """An Arrow column of a fixed-width type; where `valid` is false, null."""
    if pa.types.is_boolean(kind):
        data = np.packbits(values, bitorder="little")
    else:
        width = f"{'f' if pa.types.is_floating(kind) else 'i'}{kind.bit_width // 8}"
        with np.errstate(invalid="ignore"):
            data = np.ascontiguousarray(values).astype(width)
    mask = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.Array.from_buffers(kind, len(values), [mask, pa.py_buffer(data)])


@dataclass
class Frame:
    """The points of many traces as arrays: one element a point, traces one after another in file order."""

    trace: Ints
    at: Ints  # microseconds since 1970, UTC
    latitude: Floats
    longitude: Floats
    altitude_ft: Floats  # as given; nan where unknown or on the ground
    geometric_ft: Floats
    speed_kt: Floats
    track_deg: Floats
    rate_fpm: Floats
    flags: Ints
    ground: Bools
    valid: Bools
    kind: Ints
    callsign: Ints
    kinds: Names
    callsigns: Names
    spread_s: float = 0.0  # by how much two points may lie farther apart in time than they say

    @property
    def baro_ft(self) -> Floats:
        """Pressure altitude, feet; nan where the altitude given is a geometric one."""
        return np.where(self.flags & ALTITUDE_IS_GEOMETRIC, np.nan, self.altitude_ft)

    @property
    def geom_ft(self) -> Floats:
        """Geometric altitude, feet."""
        stands_in = (self.flags & ALTITUDE_IS_GEOMETRIC).astype(bool) & np.isnan(self.geometric_ft)
        return np.where(stands_in, self.altitude_ft, self.geometric_ft)

    @property
    def height_ft(self) -> Floats:
        """Geometric altitude where known, else pressure altitude; nan on the ground."""
        geom = self.geom_ft
        return np.where(np.isnan(geom), self.altitude_ft, geom)


class Columns(NamedTuple):
    """One trace's points as arrays, in file order. Numbers are nan where a point gives none.

    altitude_ft: infinite on the ground. kind: its place in `kinds`, -1 where unknown. named_at: the points that tell a
    flight, and `flights` as they spell it.
    """

    seconds: Floats
    latitude: Floats
    longitude: Floats
    altitude_ft: Floats
    geometric_ft: Floats
    speed_kt: Floats
    track_deg: Floats
    rate_fpm: Floats
    flags: Ints
    kind: Ints
    kinds: list[str]
    named_at: Ints
    flights: list[str]

    @classmethod
    def of(cls, points: Sequence[Point]) -> Columns:
        """The columns of these points. It takes half the time while the processor still has them at hand."""
        # a word in place of the altitude: `ground`, or one that nobody knows
        heights = [
            (np.inf if point.altitude == "ground" else np.nan) if isinstance(point.altitude, str) else point.altitude
            for point in points
        ]
        kind = [point.type for point in points]
        told = [(place, point.details) for place, point in enumerate(points) if point.details is not None]
        if None in kind:  # before 2022 the type stood in the details alone
            for place, details in told:
                kind[place] = kind[place] or details.type
        flights = [(place, details.flight) for place, details in told if details.flight]
        kinds = Names()
        return cls(
            seconds=np.array([point.seconds for point in points], np.float64),
            latitude=np.array([point.latitude for point in points], np.float64),
            longitude=np.array([point.longitude for point in points], np.float64),
            altitude_ft=np.array(heights, np.float64),
            geometric_ft=np.array([point.altitude_geom for point in points], np.float64),
            speed_kt=np.array([point.ground_speed for point in points], np.float64),
            track_deg=np.array([point.track for point in points], np.float64),
            rate_fpm=np.array([point.rate for point in points], np.float64),
            flags=np.nan_to_num(np.array([point.flags for point in points], np.float64)).astype(np.int64),
            kind=kinds.all_of(kind),
            kinds=[name for name in kinds.numbers if name is not None],
            named_at=np.array([place for place, _ in flights], np.int64),
            flights=[flight for _, flight in flights],
        )

    @property
    def callsigns(self) -> set[str]:
        """The callsigns under which it flew."""
        return {name for name in map(callsign_of, set(self.flights)) if name}


def frame(traces: Sequence[Columns], stamps: Sequence[float], latest: int) -> Frame:
    """The points of some traces as arrays. Points with no possible place or time (after `latest`, µs) are not valid.

    stamps: of each trace the time from which it counts its seconds, since 1970.
    """

    def joined(name: str) -> npt.NDArray[Any]:
        return np.concatenate([np.empty(0), *(getattr(one, name) for one in traces)])

    counts = np.array([len(one.seconds) for one in traces], np.int64)
    trace = np.repeat(np.arange(len(traces)), counts)
    stamp = np.repeat(np.array(stamps, np.float64), counts)
    with np.errstate(all="ignore"):
        seconds = stamp + joined("seconds")
        possible = (seconds * SECOND >= EARLIEST) & (seconds * SECOND <= latest)
        # readsb gives the base to a millisecond and the offset to ten; float64 holds that exactly until 2255
        at = np.rint(np.where(possible, seconds, 0) * 1000).astype(np.int64) * 1000
    latitude, longitude, altitude = joined("latitude"), joined("longitude"), joined("altitude_ft")
    ground = np.isinf(altitude)
    altitude[ground] = np.nan
    flags = joined("flags").astype(np.int64)
    kinds, callsigns = Names(), Names()
    # a place of -1, no kind, is the last one
    kind = [np.array([*map(kinds.of, one.kinds), -1], np.int64)[one.kind] for one in traces]
    return Frame(
        trace=trace,
        at=at,
        latitude=latitude,
        longitude=longitude,
        altitude_ft=altitude,
        geometric_ft=joined("geometric_ft"),
        speed_kt=joined("speed_kt"),
        track_deg=joined("track_deg"),
        rate_fpm=joined("rate_fpm"),
        flags=flags,
        ground=ground,
        valid=possible & (np.abs(latitude) <= 90) & (np.abs(longitude) <= 180),
        kind=np.concatenate([np.empty(0, np.int64), *kind]),
        callsign=_carry(traces, np.cumsum(counts) - counts, trace, flags, callsigns),
        kinds=kinds,
        callsigns=callsigns,
    )


def _carry(traces: Sequence[Columns], first: Ints, trace: Ints, flags: Ints, callsigns: Names) -> Ints:
    """The callsign of each point: the last one in the same leg that names a flight, -1 before the first.

    first: of each trace its first point.
    """
    flights = [flight for one in traces for flight in one.flights]
    numbers = {flight: callsigns.of(callsign_of(flight)) for flight in set(flights)}
    named_at = [one.named_at + start for one, start in zip(traces, first, strict=True)]
    where = np.concatenate([np.empty(0, np.int64), *named_at])
    name = np.array([numbers[flight] for flight in flights], np.int64)
    index = np.arange(len(trace))
    start = (flags & NEW_LEG).astype(bool)
    if len(start):
        start[0] = True
        start[1:] |= trace[1:] != trace[:-1]
    leg = np.maximum.accumulate(np.where(start, index, 0)) if len(start) else index
    last, code = np.full(len(trace), -1), np.full(len(trace), -1)
    is_name = name >= 0  # the rest name no flight
    last[where[is_name]], code[where[is_name]] = where[is_name], name[is_name]
    last = np.maximum.accumulate(last)
    return np.where(last >= leg, code[last], -1)


@dataclass
class Near:
    """What of a frame is near a base. Indices are into the frame."""

    nearest: Ints  # number of the nearest base, -1 where none is within reach
    distance_km: Floats
    is_near: Bools
    pair_point: Ints
    pair_base: Ints
    pair_km: Floats

    def of_points(self, is_kept: Bools) -> Near:
        """What of the frame with the kept points alone is near a base."""
        number = np.cumsum(is_kept) - 1
        pairs = is_kept[self.pair_point]
        return Near(
            self.nearest[is_kept],
            self.distance_km[is_kept],
            self.is_near[is_kept],
            number[self.pair_point[pairs]],
            self.pair_base[pairs],
            self.pair_km[pairs],
        )


def near(points: Frame, bases: Bases, rings: Sequence[Ring]) -> Near:
    """Which points are near a base by any of the rings, and every pair of a valid point and a base within reach."""
    inside = np.flatnonzero(points.valid)
    index, base, distance = bases.pairs(points.latitude[inside], points.longitude[inside])
    index = inside[index]
    count = len(points.trace)
    nearest, closest = np.full(count, -1), np.full(count, np.inf)
    if len(index):
        first = np.flatnonzero(np.concatenate(([True], index[1:] != index[:-1])))
        least = np.minimum.reduceat(distance, first)
        closest[index[first]] = least
        at_least = distance == np.repeat(least, np.diff(np.append(first, len(index))))
        nearest[index[at_least][::-1]] = base[at_least][::-1]
    is_near = np.zeros(count, np.bool_)
    for ring in rings:
        low = True if ring.below_ft is None else ~(points.altitude_ft >= ring.below_ft)
        is_near |= (closest <= ring.radius_km) & low
    return Near(nearest, closest, is_near, index, base, distance)


def neighbours(points: Frame, nearby: Near) -> tuple[Ints, Ints]:
    """The points right before a stretch near a base, and those right after one, in file order."""
    inside, same = nearby.is_near, points.trace[1:] == points.trace[:-1]
    outside = ~inside & points.valid
    before = np.flatnonzero(outside[:-1] & inside[1:] & same)
    after = np.flatnonzero(inside[:-1] & outside[1:] & same) + 1
    return before, after


def edge_points(points: Frame, nearby: Near, traces: Bools) -> tuple[Ints, Ints]:
    """The valid points at an edge, and the place of each one's edge in EDGES; edge by edge.

    traces: one a trace, true for those whose edges are kept.
    """
    starts = np.flatnonzero(np.append(True, points.trace[1:] != points.trace[:-1]))
    ends = np.append(starts[1:], len(points.trace)) - 1
    groups = [
        latest_of_equal(points.trace, points.at, group[points.valid[group] & traces[points.trace[group]]])
        for group in (starts, ends, *neighbours(points, nearby))
    ]
    edge = np.repeat(np.arange(len(EDGES)), [len(group) for group in groups])
    return np.concatenate(groups), edge


def latest_of_equal(trace: Ints, at: Ints, chosen: Ints) -> Ints:
    """The chosen points by trace and time; of several at one time the one that came last."""
    order = chosen[np.lexsort((chosen, at[chosen], trace[chosen]))]
    if len(order) < 2:
        return order
    same = (trace[order][1:] == trace[order][:-1]) & (at[order][1:] == at[order][:-1])
    return np.asarray(order[np.append(~same, True)])


class Registry:
    """Head fields of some traces, as dictionary columns by trace."""

    def __init__(self, heads: Sequence[Head]) -> None:
        self.flags = np.array([head.dbFlags or 0 for head in heads], np.int64)
        self._columns: dict[str, tuple[Names, Ints]] = {}
        for name, field in (("icao24", "icao"), ("registration", "r"), ("type_code", "t"), ("operator", "ownOp")):
            names = Names()
            codes = [names.of((getattr(head, field) or "").strip() or None) for head in heads]
            self._columns[name] = names, np.array(codes, np.int64)

    def column(self, name: str, trace: Ints) -> pa.Array:
        """The field of each of these traces."""
        names, codes = self._columns[name]
        return names.column(codes[trace])


def _constant(text: str, count: int) -> pa.Array:
    names = Names()
    return names.column(np.full(count, names.of(text)))


def _shared(points: Frame, chosen: Ints, registry: Registry, source: str, network: str) -> dict[str, pa.Array]:
    trace, count = points.trace[chosen], len(chosen)
    speed, track, rate = points.speed_kt[chosen], points.track_deg[chosen], points.rate_fpm[chosen]
    return {
        "source": _constant(source, count),
        "day": column(points.at[chosen] // DAY, pa.date32()),
        "icao24": registry.column("icao24", trace),
        "seen_at": column(points.at[chosen], pa.timestamp("us", tz="UTC")),
        "network": _constant(network, count),
        "latitude": column(points.latitude[chosen], pa.float64()),
        "longitude": column(points.longitude[chosen], pa.float64()),
        "is_ground": column(points.ground[chosen], pa.bool_()),
        "ground_speed_kt": column(speed, pa.float32(), ~np.isnan(speed)),
        "track_deg": column(track, pa.float32(), ~np.isnan(track)),
        "vertical_rate_fpm": _whole(rate),
        "callsign": points.callsigns.column(points.callsign[chosen]),
        "registration": registry.column("registration", trace),
        "type_code": registry.column("type_code", trace),
        "operator": registry.column("operator", trace),
        "db_flags": column(registry.flags[trace], pa.int32()),
    }


def _whole(values: Floats) -> pa.Array:
    valid = np.abs(values) < 2**31
    return column(np.where(valid, values, 0), pa.int32(), valid)


def _table(name: str, columns: dict[str, pa.Array]) -> pa.Table:
    names = TABLES[name].schema.names
    return pa.Table.from_arrays([columns[column] for column in names], names=names)


def point_rows(
    points: Frame,
    nearby: Near,
    chosen: Ints,
    bases: Bases,
    registry: Registry,
    source: str,
    network: str,
    table: str = "track_points",
) -> pa.Table:
    """Rows of lake table track_points (or one of the same columns) for the chosen points; texts as dictionaries."""
    flags = points.flags[chosen]
    names = Names()
    for place in bases.places:
        names.of(place.place_id)
    return _table(
        table,
        _shared(points, chosen, registry, source, network)
        | {
            "altitude_baro_ft": _whole(points.baro_ft[chosen]),
            "altitude_geom_ft": _whole(points.geom_ft[chosen]),
            "position_type": points.kinds.column(points.kind[chosen]),
            "is_new_leg": column((flags & NEW_LEG).astype(bool), pa.bool_()),
            "is_stale": column((flags & STALE).astype(bool), pa.bool_()),
            "base_id": names.column(nearby.nearest[chosen]),
            "distance_km": column(nearby.distance_km[chosen], pa.float32(), nearby.nearest[chosen] >= 0),
        },
    )


def edge_rows(points: Frame, chosen: Ints, edge: Ints, registry: Registry, source: str, network: str) -> pa.Table:
    """Rows of lake table track_edges for the chosen points. edge: the place of each one's edge in EDGES."""
    names = Names()
    for name in EDGES:
        names.of(name)
    baro, geom = points.baro_ft[chosen], points.geom_ft[chosen]
    return _table(
        "track_edges",
        _shared(points, chosen, registry, source, network)
        | {"edge": names.column(edge), "altitude_ft": _whole(np.where(np.isnan(baro), geom, baro))},
    )
