"""Positions that a survey kept, as the frame of tracks that traces give: what heatmaps lack is worked out or unknown.

A heatmap says of a position its slice, not its time. So a point is put where in its slice its neighbours leave it, by
the way between them and the speeds that the aircraft states; two points may still lie a slice farther apart, or nearer,
than they say. Track and climb are worked out from the points before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np
import numpy.typing as npt

from basewatch.callsigns import callsign_of
from basewatch.geo import NM_KM, Bools, Floats, Ints, bearing_deg, chord_km, unit_vectors
from basewatch.readsb.heatmap import ADDRESS, DEGREES, FEET, GROUND, KIND, KINDS, KNOTS, UNKNOWN
from basewatch.readsb.points import DAY, SECOND, Frame, Names
from basewatch.readsb.survey import KEPT, are_new, order_of
from basewatch.readsb.traces import Head

MOVED_KM = 0.05  # a shorter step has no direction
STEP_S = 120.0  # a longer one says nothing of where the aircraft heads now
TURNS = 8  # rounds in which neighbours settle their times
SLOW_KT = 40.0  # below this a stated speed tells little of a way
LOW = 40  # in steps of FEET
CLIMB_S = 25.0  # over so long at the least a climb is worked out: heights come in steps of 25 ft
LOOKED_BACK = 6  # points, at most, for the height before


def load(pieces: Sequence[tuple[str, int, int]]) -> npt.NDArray[np.void]:
    """The positions in these stretches of files (KEPT), which follow each other in time, by aircraft and time."""
    rows = np.empty(sum(stop - start for _, start, stop in pieces), KEPT)
    room, end = memoryview(rows.view(np.uint8)), 0  # type: ignore[arg-type]
    for path, stretches in groupby(pieces, itemgetter(0)):
        with Path(path).open("rb") as file:
            for _, start, stop in stretches:
                file.seek(start * KEPT.itemsize)
                begin, end = end, end + (stop - start) * KEPT.itemsize
                file.readinto(room[begin:end])
    # and so by time, in which a survey writes each aircraft's
    return np.asarray(rows.take(order_of(np.asarray(rows["hex"] & ADDRESS, np.uint32))))


def of_wanted(
    rows: npt.NDArray[np.void], are_wanted: Bools, listed: npt.NDArray[np.uint32]
) -> tuple[npt.NDArray[np.void], npt.NDArray[np.uint32]]:
    """The rows of every aircraft that is listed or of which one row is wanted, and everybody's addresses by size.

    rows: as `load` gives them. listed: addresses.
    """
    if not len(rows):
        return rows, np.empty(0, np.uint32)
    address = np.asarray(rows["hex"] & ADDRESS, np.uint32)
    starts = np.flatnonzero(are_new(address))
    is_wanted = np.logical_or.reduceat(are_wanted, starts) | np.isin(address[starts], listed)
    of_aircraft = np.repeat(is_wanted, np.diff(np.append(starts, len(address))))
    return np.asarray(rows.take(np.flatnonzero(of_aircraft))), address[starts]


def frame(rows: npt.NDArray[np.void], day_start: int, spread_s: float) -> tuple[Frame, list[Head]]:
    """The frame of some rows (sorted as `load` gives them) and the head of each of its tracks, address alone.

    day_start: µs since 1970, UTC.
    """
    address = (rows["hex"] & ADDRESS).astype(np.int64)
    is_first = are_new(address)
    trace = np.cumsum(is_first) - 1
    heads = [Head(f"{number:06x}", 0.0) for number in address[is_first].tolist()]
    latitude, longitude = rows["lat"] * DEGREES, rows["lon"] * DEGREES
    vectors = unit_vectors(latitude, longitude)
    step_km = chord_km(vectors[:-1], vectors[1:])
    ground = rows["alt"] == GROUND
    is_unknown = (rows["alt"] == UNKNOWN) | _are_blank(trace, rows["at_ms"] / 1000, rows["alt"])
    altitude = np.where(ground | is_unknown, np.nan, rows["alt"] * float(FEET))
    speed = np.where(rows["gs"] < 0, np.nan, rows["gs"] * KNOTS)
    at = day_start + _times(trace, rows["at_ms"] / 1000, step_km, speed, spread_s)
    kinds, callsigns = Names(), Names()
    kind = kinds.all_of(KINDS)[np.minimum(rows["hex"] >> KIND, len(KINDS) - 1)]
    track = _tracks(trace, at, step_km, latitude, longitude)
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
    kept = np.flatnonzero(chosen[points.trace])
    number = np.cumsum(chosen) - 1
    columns = {
        one.name: getattr(points, one.name).take(kept)
        for one in fields(Frame)
        if isinstance(getattr(points, one.name), np.ndarray)
    }
    columns["trace"] = number[columns["trace"]]
    return replace(points, **columns), [head for head, keep in zip(heads, chosen, strict=True) if keep]


def callsigns(points: Frame, traces: int) -> list[set[str]]:
    """The callsigns under which each track flew."""
    flown: list[set[str]] = [set() for _ in range(traces)]
    told = points.trace * (len(points.callsigns.numbers) + 1) + points.callsign + 1
    named = np.unique(told[are_new(told)])  # few: a track keeps its name
    texts = {number: text for text, number in points.callsigns.numbers.items() if text is not None}
    for key in named.tolist():
        trace, number = divmod(key, len(points.callsigns.numbers) + 1)
        if number:
            flown[trace].add(texts[number - 1])
    return flown


def _names(codes: npt.NDArray[np.uint64], names: Names) -> Ints:
    """The number of the callsign that each code of eight characters spells, -1 where it names no flight."""
    changes = np.flatnonzero(are_new(codes))  # few: a track keeps its name
    distinct, where = np.unique(codes[changes], return_inverse=True)
    texts = [int(code).to_bytes(8, "little").decode("latin-1").rstrip("\0 ") for code in distinct.tolist()]
    numbers = np.array([names.of(callsign_of(text)) if text else -1 for text in texts], np.int64)
    return np.repeat(numbers[where], np.diff(np.append(changes, len(codes))))


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


def _times(trace: Ints, middle_s: Floats, step_km: Floats, speed_kt: Floats, slice_s: float) -> Ints:
    """When each point was, µs of the day: within its slice, as far from its neighbours as its speed takes it.

    step_km: the way from each point but the last to the next one.
    """
    pace = (speed_kt[:-1] + speed_kt[1:]) / 2
    is_told = (trace[1:] == trace[:-1]) & (np.diff(middle_s) <= STEP_S) & (pace >= SLOW_KT)  # nan is not
    step_s = np.where(is_told, step_km / (np.where(is_told, pace, 1.0) * NM_KM / 3600), 0.0)
    seconds = middle_s.copy()
    low, high = middle_s - slice_s / 2, middle_s + slice_s / 2 - 0.001
    weight = np.zeros(len(trace))
    weight[1:] += is_told
    weight[:-1] += is_told
    is_alone, weight = weight == 0, np.maximum(weight, 1)
    due, told = np.zeros(len(trace)), is_told.astype(np.float64)
    for _ in range(TURNS):  # always into the same arrays
        due[:1] = 0
        np.multiply(seconds[:-1] + step_s, told, out=due[1:])
        due[:-1] += (seconds[1:] - step_s) * told
        due /= weight
        np.copyto(due, middle_s, where=is_alone)
        due += seconds
        due /= 2
        np.clip(due, low, high, out=seconds)
    return np.asarray(np.rint(seconds * 1000).astype(np.int64) * 1000)


def _tracks(trace: Ints, at: Ints, step_km: Floats, latitude: Floats, longitude: Floats) -> Floats:
    """The direction of each point's step from the point before, else to the one behind; nan where it did not move.

    step_km: as `_times` has it.
    """
    track = np.full(len(trace), np.nan)
    has_moved = (trace[1:] == trace[:-1]) & (np.diff(at) <= STEP_S * SECOND) & (step_km >= MOVED_KM)
    here = np.flatnonzero(has_moved)
    there = here + 1
    course = bearing_deg(latitude[here], longitude[here], latitude[there], longitude[there])
    track[here] = course
    track[there] = course
    return track


def _rates(trace: Ints, at: Ints, altitude: Floats) -> Floats:
    """Climb or sink at each point, feet a minute, over the shortest time behind it that tells; nan where unknown."""
    rate = np.full(len(trace), np.nan)
    # one number says aircraft and time, so that one search finds each point's latest one that is old enough
    when = trace * (2 * DAY) + at
    later = np.arange(len(trace))
    earlier = np.searchsorted(when, when - int(CLIMB_S * SECOND), side="right") - 1
    while len(later):
        seconds = (at[later] - at[earlier]) / SECOND
        is_due = (trace[earlier] == trace[later]) & (earlier >= 0) & (later - earlier <= LOOKED_BACK)
        is_due &= (seconds >= CLIMB_S) & (seconds <= STEP_S)
        later, earlier, seconds = later[is_due], earlier[is_due], seconds[is_due]
        rate[later] = (altitude[later] - altitude[earlier]) / seconds * 60
        is_unknown = np.isnan(rate[later])
        later, earlier = later[is_unknown], earlier[is_unknown] - 1
    # where a stretch begins there is nothing behind: the climb ahead stands in
    number, none = np.arange(len(trace)), len(trace)
    leads_on = np.zeros(len(trace), np.bool_)
    leads_on[:-1] = (trace[1:] == trace[:-1]) & (np.diff(at) <= STEP_S * SECOND) & ~np.isnan(altitude[:-1])
    known = _next(np.where(np.isnan(rate), none, number))
    begins = np.flatnonzero(np.isnan(rate) & (known < none) & (_next(np.where(leads_on, none, number)) >= known))
    rate[begins] = rate[known[begins]]
    return rate


def _next(numbers: Ints) -> Ints:
    """The least of the numbers from each place on."""
    return np.minimum.accumulate(numbers[::-1])[::-1]
