"""Positions that a survey kept, as the frame of tracks that traces give: what heatmaps lack is worked out or unknown.

A heatmap says of a position its slice, not its time. So a point is put where in its slice its neighbours leave it, by
the way between them and the speeds that the aircraft states; two points may still lie a slice farther apart, or nearer,
than they say. Track and climb are worked out from the points before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
import numpy.typing as npt

from basewatch.callsigns import callsign_of
from basewatch.geo import NM_KM, Bools, Floats, Ints, bearing_deg, distance_km
from basewatch.readsb.heatmap import ADDRESS, DEGREES, FEET, GROUND, KIND, KINDS, KNOTS, UNKNOWN
from basewatch.readsb.points import SECOND, Frame, Names
from basewatch.readsb.survey import KEPT
from basewatch.readsb.traces import Head

MOVED_KM = 0.05  # a shorter step has no direction
STEP_S = 120.0  # a longer one says nothing of where the aircraft heads now
TURNS = 8  # rounds in which neighbours settle their times
SLOW_KT = 40.0  # below this a stated speed tells little of a way
LOW = 40  # in steps of FEET
CLIMB_S = 25.0  # over so long at the least a climb is worked out: heights come in steps of 25 ft


def load(pieces: Sequence[tuple[str, int, int]]) -> npt.NDArray[np.void]:
    """The kept positions in these stretches of files (KEPT), by aircraft and time."""
    rows = [np.load(path, mmap_mode="r")[start:stop] for path, start, stop in pieces if stop > start]
    if not rows:
        return np.empty(0, KEPT)
    joined = np.concatenate(rows)
    return np.asarray(joined[np.lexsort((joined["at_ms"], joined["hex"] & ADDRESS))])


def frame(rows: npt.NDArray[np.void], day_start: int, spread_s: float) -> tuple[Frame, list[Head]]:
    """The frame of some rows (sorted as `load` gives them) and the head of each of its tracks, address alone.

    day_start: µs since 1970, UTC.
    """
    address = (rows["hex"] & ADDRESS).astype(np.int64)
    is_first = np.ones(len(rows), np.bool_)
    is_first[1:] = address[1:] != address[:-1]
    trace = np.cumsum(is_first) - 1
    heads = [Head(f"{number:06x}", 0.0) for number in address[is_first].tolist()]
    latitude, longitude = rows["lat"] * DEGREES, rows["lon"] * DEGREES
    ground = rows["alt"] == GROUND
    is_unknown = (rows["alt"] == UNKNOWN) | _are_blank(trace, rows["at_ms"] / 1000, rows["alt"])
    altitude = np.where(ground | is_unknown, np.nan, rows["alt"] * float(FEET))
    speed = np.where(rows["gs"] < 0, np.nan, rows["gs"] * KNOTS)
    at = day_start + _times(trace, rows["at_ms"] / 1000, latitude, longitude, speed, spread_s)
    kinds, callsigns = Names(), Names()
    kind = kinds.all_of(KINDS)[np.minimum(rows["hex"] >> KIND, len(KINDS) - 1)]
    track = _tracks(trace, at, latitude, longitude)
    return (
        Frame(
            trace=trace,
            at=at,
            latitude=latitude,
            longitude=longitude,
            altitude_ft=altitude,
            geometric_ft=np.full(len(rows), np.nan),
            speed_kt=speed,
            track_deg=track,
            rate_fpm=_rates(trace, at, altitude),
            flags=np.zeros(len(rows), np.int64),
            ground=ground,
            valid=np.ones(len(rows), np.bool_),
            kind=kind,
            callsign=_names(rows["name"], callsigns),
            kinds=kinds,
            callsigns=callsigns,
            spread_s=spread_s,
        ),
        heads,
    )


def of_traces(points: Frame, heads: Sequence[Head], chosen: Bools) -> tuple[Frame, list[Head]]:
    """The frame with the chosen of its tracks alone, numbered anew, and their heads."""
    is_kept = chosen[points.trace]
    number = np.cumsum(chosen) - 1
    columns = {
        one.name: getattr(points, one.name)[is_kept]
        for one in fields(Frame)
        if isinstance(getattr(points, one.name), np.ndarray)
    }
    columns["trace"] = number[columns["trace"]]
    return replace(points, **columns), [head for head, keep in zip(heads, chosen, strict=True) if keep]


def callsigns(points: Frame, traces: int) -> list[set[str]]:
    """The callsigns under which each track flew."""
    flown: list[set[str]] = [set() for _ in range(traces)]
    named = np.unique(points.trace * (len(points.callsigns.numbers) + 1) + points.callsign + 1)
    texts = {number: text for text, number in points.callsigns.numbers.items() if text is not None}
    for key in named.tolist():
        trace, number = divmod(key, len(points.callsigns.numbers) + 1)
        if number:
            flown[trace].add(texts[number - 1])
    return flown


def _names(codes: npt.NDArray[np.uint64], names: Names) -> Ints:
    """The number of the callsign that each code of eight characters spells, -1 where it names no flight."""
    distinct, where = np.unique(codes, return_inverse=True)
    texts = [int(code).to_bytes(8, "little").decode("latin-1").rstrip("\0 ") for code in distinct.tolist()]
    numbers = np.array([names.of(callsign_of(text)) if text else -1 for text in texts], np.int64)
    return numbers[where] if len(texts) else np.empty(0, np.int64)


def _are_blank(trace: Ints, seconds: Floats, height: npt.NDArray[np.int16]) -> Bools:
    """Which heights of nothing are unknown, as older builds write them: who flies at sea level was low just before."""
    zero = np.flatnonzero(height == 0)
    is_blank = np.zeros(len(height), np.bool_)
    if not len(zero):
        return is_blank
    told = np.flatnonzero(height != 0)
    is_blank[zero] = True
    behind = np.searchsorted(told, zero)
    for beside in (behind - 1, behind):
        is_there = (beside >= 0) & (beside < len(told))
        other = told[np.clip(beside, 0, max(len(told) - 1, 0))] if len(told) else zero
        is_low = (height[other] == GROUND) | (np.abs(height[other].astype(np.int64)) <= LOW)
        is_near = (trace[other] == trace[zero]) & (np.abs(seconds[other] - seconds[zero]) <= STEP_S)
        is_blank[zero[is_there & is_low & is_near]] = False
    return is_blank


def _times(
    trace: Ints, middle_s: Floats, latitude: Floats, longitude: Floats, speed_kt: Floats, slice_s: float
) -> Ints:
    """When each point was, µs of the day: within its slice, as far from its neighbours as its speed takes it."""
    here = np.flatnonzero((trace[1:] == trace[:-1]) & (np.diff(middle_s) <= STEP_S))
    there = here + 1
    pace = (speed_kt[here] + speed_kt[there]) / 2
    km = distance_km(latitude[here], longitude[here], latitude[there], longitude[there])
    told = pace >= SLOW_KT  # nan is not
    here, there, step_s = here[told], there[told], km[told] / (pace[told] * NM_KM / 3600)
    seconds = middle_s.copy()
    low, high = middle_s - slice_s / 2, middle_s + slice_s / 2 - 0.001
    weight = np.bincount(np.concatenate((here, there)), minlength=len(trace))
    for _ in range(TURNS):
        due = np.bincount(there, seconds[here] + step_s, len(trace)) + np.bincount(
            here, seconds[there] - step_s, len(trace)
        )
        settled = np.where(weight > 0, due / np.maximum(weight, 1), middle_s)
        seconds = np.clip((settled + seconds) / 2, low, high)
    return np.asarray(np.rint(seconds * 1000).astype(np.int64) * 1000)


def _tracks(trace: Ints, at: Ints, latitude: Floats, longitude: Floats) -> Floats:
    """The direction of each point's step from the point before, else to the one behind; nan where it did not move."""
    track = np.full(len(trace), np.nan)
    if len(trace) < 2:
        return track
    here = np.flatnonzero((trace[1:] == trace[:-1]) & (np.diff(at) <= STEP_S * SECOND))
    there = here + 1
    places = latitude[here], longitude[here], latitude[there], longitude[there]
    has_moved = distance_km(*places) >= MOVED_KM
    here, there = here[has_moved], there[has_moved]
    course = bearing_deg(latitude[here], longitude[here], latitude[there], longitude[there])
    track[here] = course
    track[there] = course
    return track


def _rates(trace: Ints, at: Ints, altitude: Floats) -> Floats:
    """Climb or sink at each point, feet a minute, over the shortest time behind it that tells; nan where unknown."""
    rate = np.full(len(trace), np.nan)
    for back in (1, 2, 3, 4, 5, 6):
        later, earlier = np.arange(back, len(trace)), np.arange(len(trace) - back)
        seconds = (at[later] - at[earlier]) / SECOND
        is_due = np.isnan(rate[later]) & (trace[later] == trace[earlier]) & (seconds >= CLIMB_S) & (seconds <= STEP_S)
        later, earlier, seconds = later[is_due], earlier[is_due], seconds[is_due]
        rate[later] = (altitude[later] - altitude[earlier]) / seconds * 60
    # where a stretch begins there is nothing behind: the climb ahead stands in
    begins = np.flatnonzero(np.isnan(rate[:-1]) & (trace[1:] == trace[:-1]))[::-1]
    for point in begins.tolist():
        if at[point + 1] - at[point] <= STEP_S * SECOND and not np.isnan(altitude[point]):
            rate[point] = rate[point + 1]
    return rate
