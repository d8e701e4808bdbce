"""What a day's other traffic near a base shows of the receivers: who was heard, how low, and how arrivals ended.

An arrival is a stretch of track that ends at the field, by ground reports there, or in silence while it sinks towards
it; of the two the second says how high the receivers lose aircraft. Aircraft of the watched fleets are left out, since
they may fall silent on purpose; the signs of GNSS interference count every aircraft.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow as pa

from basewatch.geo import (
    NM_KM,
    Bools,
    Floats,
    Ints,
    Place,
    angle_between_deg,
    bearing_deg,
    chord_km,
    distance_km,
    unit_vectors,
)
from basewatch.lake.schemas import TABLES
from basewatch.readsb.grid import Bases
from basewatch.readsb.points import DAY, SECOND, STALE, Frame, Near

if TYPE_CHECKING:  # a decoding process has no use for what checks them
    from basewatch.reference.thresholds import Thresholds

HOURS = 24
SPOT = 50  # cells a degree on which stacked aircraft are told: 2 km


class Limits(msgspec.Struct, frozen=True):
    """Thresholds of the background measures, from params.yml (background_<name>), as they go to other processes."""

    wide_nm: float
    ring_nm: float
    near_nm: float
    below_ft: float
    low_ft: float
    field_km: float
    silence_min: float
    loss_nm: float
    loss_sink_fpm: float
    loss_angle_deg: float
    loss_runner_up: float
    low_loss_km: float
    low_loss_ft: float
    jump_kt: float
    jump_km: float
    frozen_kt: float
    frozen_share: float
    frozen_ft: float

    @classmethod
    def of(cls, thresholds: Thresholds) -> Limits:
        """Those of the thresholds that are meant."""
        return cls(**{name: getattr(thresholds, f"background_{name}") for name in cls.__struct_fields__})


COUNTS = (
    "aircraft_50nm",
    "aircraft_25nm",
    "aircraft_low",
    "arrivals",
    "arrivals_touchdown",
    "arrivals_low",
    "departures",
    "departures_ground",
    "points",
    "jumps",
    "jumped_aircraft",
)


class Packed(msgspec.Struct):
    """A tally in plain values."""

    counts: dict[str, list[int]]
    hours: list[int]
    lowest_ft: list[float | None]
    last: list[tuple[int, int]]
    first: list[tuple[int, int]]
    spots: list[tuple[int, int, int, int, int]]
    around: list[int] | None = None

    def tally(self) -> Tally:
        """The tally again."""
        return Tally(
            len(self.lowest_ft),
            {name: np.array(values, np.int64) for name, values in self.counts.items()},
            np.array(self.hours, np.int64),
            np.array([np.inf if value is None else value for value in self.lowest_ft]),
            self.last,
            self.first,
            Counter({(base, row, column, hour): count for base, row, column, hour, count in self.spots}),
            None if self.around is None else np.array(self.around, np.int64),
        )


@dataclass
class Tally:
    """Counts by base that add up over the parts of a day, as long as an aircraft's trace is in one part.

    around: aircraft at any height in a wide ring; None where nobody looked.
    """

    bases: int
    counts: dict[str, Ints] = field(default_factory=dict)
    hours: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    lowest_ft: Floats = field(default_factory=lambda: np.empty(0))
    last_heights_ft: list[tuple[int, int]] = field(default_factory=list)  # base number, feet
    first_heights_ft: list[tuple[int, int]] = field(default_factory=list)
    spots: Counter[tuple[int, int, int, int]] = field(default_factory=Counter)  # base, cell, cell, hour: aircraft
    around: Ints | None = None

    def __post_init__(self) -> None:
        if not self.counts:
            self.counts = {name: np.zeros(self.bases, np.int64) for name in COUNTS}
            self.hours = np.zeros(self.bases * HOURS, np.int64)
            self.lowest_ft = np.full(self.bases, np.inf)

    def add(self, other: Tally) -> None:
        """Add another part's counts."""
        for name in COUNTS:
            self.counts[name] += other.counts[name]
        self.hours += other.hours
        self.lowest_ft = np.minimum(self.lowest_ft, other.lowest_ft)
        self.last_heights_ft += other.last_heights_ft
        self.first_heights_ft += other.first_heights_ft
        self.spots.update(other.spots)
        if other.around is not None:
            self.around = other.around if self.around is None else self.around + other.around

    def count_around(self, aircraft: Ints, latitude: Floats, longitude: Floats, bases: Bases) -> None:
        """Count a part's aircraft by some of their positions around each base, within the reach of `bases`.

        aircraft: a number of each position's aircraft.
        """
        index, base, _ = bases.pairs(latitude, longitude)
        pairs = np.unique(aircraft[index] * self.bases + base)
        self.around = np.bincount(pairs % self.bases, minlength=self.bases)

    def packed(self) -> Packed:
        """The tally in plain values, to send from one process to another."""
        return Packed(
            counts={name: values.tolist() for name, values in self.counts.items()},
            hours=self.hours.tolist(),
            lowest_ft=[None if np.isinf(value) else float(value) for value in self.lowest_ft],
            last=self.last_heights_ft,
            first=self.first_heights_ft,
            spots=[(*spot, count) for spot, count in self.spots.items()],
            around=None if self.around is None else self.around.tolist(),
        )


@dataclass
class Fields:
    """Other airfields near the bases, for which a sinking aircraft may be bound just as well."""

    latitude: Floats
    longitude: Floats

    @classmethod
    def around(cls, bases: Bases, latitude: Sequence[float], longitude: Sequence[float], same_km: float) -> Fields:
        """Those of the fields that lie within reach of a base; nearer than `same_km` a field is the base's own."""
        lat, lon = np.array(latitude, np.float64), np.array(longitude, np.float64)
        index, _, distance = bases.pairs(lat, lon)
        close = np.setdiff1d(index, index[distance < same_km])
        return cls(lat[close], lon[close])


def measure(
    tally: Tally,
    points: Frame,
    nearby: Near,
    watched: Bools,
    today: Bools,
    bases: Bases,
    fields: Fields,
    limits: Limits,
) -> None:
    """Add what these traces show of each base to the tally.

    watched: one a trace, true for aircraft of a watched fleet. today: one a point, true on the archive's day.
    """
    _interference(tally, points, nearby, today, bases, limits)
    height = points.height_ft[nearby.pair_point] - bases.elevation_ft[nearby.pair_base]
    low = ~(points.altitude_ft[nearby.pair_point] >= limits.below_ft)
    fresh = (points.flags[nearby.pair_point] & STALE) == 0
    ours = watched[points.trace[nearby.pair_point]]
    keep = np.flatnonzero(fresh & ~ours & low & (nearby.is_near & today)[nearby.pair_point])
    if not len(keep):
        return
    point, base, km, height = nearby.pair_point[keep], nearby.pair_base[keep], nearby.pair_km[keep], height[keep]
    order = np.lexsort((points.at[point], base, points.trace[point]))
    point, base, km, height = point[order], base[order], km[order], height[order]
    trace, at, ground = points.trace[point], points.at[point], points.ground[point]
    _presence(tally, trace, base, km, height, ground, at, limits)
    _ends(tally, points, _Pairs(point, trace, base, km, height, ground, at), bases, fields, limits)


def _distinct(tally: Tally, name: str, trace: Ints, base: Ints, chosen: Bools) -> None:
    keys = np.unique(trace[chosen] * tally.bases + base[chosen])
    tally.counts[name] += np.bincount(keys % tally.bases, minlength=tally.bases)


def _presence(
    tally: Tally, trace: Ints, base: Ints, km: Floats, height: Floats, ground: Bools, at: Ints, limits: Limits
) -> None:
    air = ~ground & (km <= limits.ring_nm * NM_KM)
    close = air & (km <= limits.near_nm * NM_KM)
    landed = ground & (km <= limits.field_km)
    _distinct(tally, "aircraft_50nm", trace, base, air)
    _distinct(tally, "aircraft_25nm", trace, base, close)
    _distinct(tally, "aircraft_low", trace, base, (close & (height <= limits.low_ft)) | landed)
    tally.counts["points"] += np.bincount(base[air], minlength=tally.bases)
    hour = at[air] // (3600 * SECOND) % HOURS
    tally.hours += np.bincount(base[air] * HOURS + hour, minlength=tally.bases * HOURS)
    seen = (close & ~np.isnan(height)) | landed
    np.minimum.at(tally.lowest_ft, base[seen], np.where(landed[seen], 0.0, height[seen]))


@dataclass
class _Pairs:
    """Points near bases, ordered by aircraft, base and time."""

    point: Ints
    trace: Ints
    base: Ints
    km: Floats
    height: Floats
    ground: Bools
    at: Ints


def _ends(tally: Tally, points: Frame, pairs: _Pairs, bases: Bases, fields: Fields, limits: Limits) -> None:
    """Count arrivals and departures: how each stretch of an aircraft near a base ended and began.

    A silence that the day's end cuts short, before or after, says nothing.
    """
    silence = int(limits.silence_min * 60 * SECOND)
    new = np.ones(len(pairs.at), np.bool_)
    new[1:] = (
        (pairs.trace[1:] != pairs.trace[:-1]) | (pairs.base[1:] != pairs.base[:-1]) | (np.diff(pairs.at) > silence)
    )
    start = np.flatnonzero(new)
    stop = np.append(start[1:], len(new)) - 1
    number = np.arange(len(new))
    far = len(new)
    at_field = pairs.ground & (pairs.km <= limits.field_km)
    first_air = np.minimum.reduceat(np.where(pairs.ground, far, number), start)
    last_air = np.maximum.reduceat(np.where(pairs.ground, -1, number), start)
    first_down = np.minimum.reduceat(np.where(at_field, number, far), start)
    last_down = np.maximum.reduceat(np.where(at_field, number, -1), start)
    flew = first_air < far
    arrived = flew & (last_down > first_air)
    left = flew & (first_down < last_air)
    base = pairs.base[start]
    before, after = _heard_around(points)
    for way, edge, there in ((1, stop, arrived), (-1, start, left)):
        gap = after[pairs.point[edge]] if way > 0 else before[pairs.point[edge]]
        beyond = DAY - pairs.at[edge] % DAY if way > 0 else pairs.at[edge] % DAY
        open_end = (gap > silence) & (beyond > silence) & flew & ~there & ~pairs.ground[edge]
        lost = np.flatnonzero(open_end & (pairs.km[edge] <= limits.loss_nm * NM_KM))
        lost = lost[_bound_for(pairs, points, edge[lost], start[lost], stop[lost], way, bases, fields, limits)]
        counted = np.flatnonzero(there)
        name, grounded = ("arrivals", "arrivals_touchdown") if way > 0 else ("departures", "departures_ground")
        tally.counts[name] += np.bincount(base[counted], minlength=tally.bases)
        tally.counts[name] += np.bincount(base[lost], minlength=tally.bases)
        tally.counts[grounded] += np.bincount(base[counted], minlength=tally.bases)
        height, km = pairs.height[edge[lost]], pairs.km[edge[lost]]
        heights = tally.last_heights_ft if way > 0 else tally.first_heights_ft
        heights += [(int(number), 0) for number in base[counted]]
        has_height = ~np.isnan(height)
        heights += [(int(n), round(h)) for n, h in zip(base[lost][has_height], height[has_height], strict=True)]
        if way > 0:
            close = (km <= limits.low_loss_km) & (height <= limits.low_loss_ft)
            tally.counts["arrivals_low"] += np.bincount(base[lost[close]], minlength=tally.bases)


def _heard_around(points: Frame) -> tuple[Ints, Ints]:
    """Time from each point's predecessor and to its successor in the trace, µs; endless where there is none."""
    endless = np.iinfo(np.int64).max
    before, after = np.full(len(points.at), endless), np.full(len(points.at), endless)
    same = np.flatnonzero(points.trace[1:] == points.trace[:-1])
    step = np.abs(points.at[same + 1] - points.at[same])
    before[same + 1], after[same] = step, step
    return before, after


def _bound_for(
    pairs: _Pairs,
    points: Frame,
    edge: Ints,
    start: Ints,
    stop: Ints,
    way: int,
    bases: Bases,
    fields: Fields,
    limits: Limits,
) -> Bools:
    """Which of the stretches, lost (way 1) or found (-1) in the air, sink towards or climb away from their base.

    The path is drawn on along the track; how far it misses a field is compared with how far it misses every other: an
    aircraft that may be bound for a neighbour as well counts for none.
    """
    if not len(edge):
        return np.zeros(0, np.bool_)
    base, height, km = pairs.base[edge], pairs.height[edge], pairs.km[edge]
    inner = np.clip(edge - way * 4, start, stop)
    minutes = np.abs(pairs.at[edge] - pairs.at[inner]) / (60 * SECOND)
    with np.errstate(all="ignore"):
        slope = (height - pairs.height[inner]) / minutes  # lower at the edge, whichever end it is
    reported_fpm = way * points.rate_fpm[pairs.point[edge]]
    sinks = np.where(np.isfinite(slope), slope, reported_fpm) < -limits.loss_sink_fpm
    at = pairs.point[edge]
    latitude, longitude = points.latitude[at], points.longitude[at]
    course = points.track_deg[at] + (0 if way > 0 else 180)

    def miss(lat: Floats, lon: Floats, far: Floats, rows: Ints) -> Floats:
        with np.errstate(invalid="ignore"):
            angle = angle_between_deg(course[rows], bearing_deg(latitude[rows], longitude[rows], lat, lon))
        ahead = np.where(np.isnan(angle) | (angle > 90), 90, angle)
        return np.asarray(np.hypot(far * np.sin(np.radians(ahead)), limits.field_km / 2))

    rows = np.arange(len(edge))
    own = miss(bases.latitude[base], bases.longitude[base], km, rows)
    with np.errstate(invalid="ignore"):
        angle = angle_between_deg(course, bearing_deg(latitude, longitude, bases.latitude[base], bases.longitude[base]))
    aimed = (angle <= limits.loss_angle_deg) | (km <= limits.low_loss_km)
    is_bound = sinks & aimed
    reach = limits.loss_nm * NM_KM
    other_lat = np.concatenate((bases.latitude, fields.latitude))
    other_lon = np.concatenate((bases.longitude, fields.longitude))
    vectors, here = unit_vectors(other_lat, other_lon), unit_vectors(latitude, longitude)
    for row in np.flatnonzero(is_bound):
        far = chord_km(np.broadcast_to(here[row], vectors.shape), vectors)
        close = np.flatnonzero((far <= reach) & (far > 0))
        close = close[close != base[row]]
        if len(close):
            others = miss(other_lat[close], other_lon[close], far[close], np.full(len(close), row))
            is_bound[row] = others.min() >= limits.loss_runner_up * own[row]
    return np.asarray(is_bound)


def _interference(tally: Tally, points: Frame, nearby: Near, today: Bools, bases: Bases, limits: Limits) -> None:
    """Count impossible jumps into, out of and near each base, and aircraft that stand still in the air on one spot."""
    trace, at, near = points.trace, points.at, nearby.is_near
    own = [number for kind, number in points.kinds.numbers.items() if _own_position(kind)]
    honest = points.valid & today & np.isin(points.kind, own)
    pair = np.flatnonzero((trace[1:] == trace[:-1]) & (near[1:] | near[:-1]) & honest[1:] & honest[:-1])
    pair = pair[(points.flags[pair + 1] & STALE) == 0]
    if not len(pair):
        return
    here, there = pair, pair + 1
    km = distance_km(points.latitude[here], points.longitude[here], points.latitude[there], points.longitude[there])
    seconds = np.maximum(np.abs(at[there] - at[here]) / SECOND + points.spread_s, 1.0)
    knots = km / NM_KM / seconds * 3600
    base = np.where(near[there], nearby.nearest[there], nearby.nearest[here])
    jumps = (knots > limits.jump_kt) & (km > limits.jump_km)
    tally.counts["jumps"] += np.bincount(base[jumps], minlength=tally.bases)
    _distinct(tally, "jumped_aircraft", trace[here], base, jumps)
    speed = np.minimum(points.speed_kt[here], points.speed_kt[there])
    height = np.minimum(points.height_ft[here], points.height_ft[there]) - bases.elevation_ft[base]
    with np.errstate(invalid="ignore"):
        frozen = (
            (speed >= limits.frozen_kt)
            & (knots < limits.frozen_share * speed)
            & (height >= limits.frozen_ft)
            & (seconds >= 20)
            & near[there]
            & ~points.ground[here]
            & ~points.ground[there]
        )
    spot = there[frozen]
    keys = {
        (int(t), int(b), int(row), int(column), int(hour))
        for t, b, row, column, hour in zip(
            trace[spot],
            base[frozen],
            np.floor(points.latitude[spot] * SPOT),
            np.floor(points.longitude[spot] * SPOT),
            at[spot] // (3600 * SECOND) % HOURS,
            strict=True,
        )
    }
    tally.spots.update((b, row, column, hour) for _, b, row, column, hour in keys)


def _own_position(kind: str | None) -> bool:
    """Whether a position of this type is the aircraft's own satellite fix; computed ones (MLAT, TIS-B) do jump."""
    return kind is None or kind.startswith(("adsb", "adsr"))


def table(tally: Tally, places: Sequence[Place], network: str) -> pa.Table:
    """Rows of lake table base_background without source and day: one for each base near which anything was heard."""
    rows = []
    hours = tally.hours.reshape(tally.bases, HOURS)
    last, first = _by_base(tally.last_heights_ft), _by_base(tally.first_heights_ft)
    stacked: Counter[int] = Counter()
    for (base, *_), count in tally.spots.items():
        stacked[base] = max(stacked[base], count)
    for number, place in enumerate(places):
        counts = {name: int(tally.counts[name][number]) for name in COUNTS}
        around = None if tally.around is None else int(tally.around[number])
        if not any(counts.values()) and not around:
            continue
        rows.append(
            counts
            | {
                "base_id": place.place_id,
                "network": network,
                "aircraft_100nm": around,
                "lowest_height_ft": None if np.isinf(tally.lowest_ft[number]) else round(tally.lowest_ft[number]),
                "median_last_height_ft": _median(last.get(number)),
                "median_first_height_ft": _median(first.get(number)),
                "last_heights_ft": last.get(number, []),
                "points_per_hour": hours[number].tolist(),
                "stacked_aircraft": stacked[number],
            }
        )
    declared = TABLES["base_background"].schema
    return pa.Table.from_pylist(rows, schema=pa.schema([f for f in declared if f.name not in ("source", "day")]))


def _by_base(heights: list[tuple[int, int]]) -> dict[int, list[int]]:
    heights_of_base: dict[int, list[int]] = {}
    for base, height in sorted(heights):
        heights_of_base.setdefault(base, []).append(height)
    return heights_of_base


def _median(heights: list[int] | None) -> int | None:
    return round(float(np.median(heights))) if heights else None
