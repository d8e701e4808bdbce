"""What is kept of a watched aircraft's track beyond the rings: enough to follow it, and all around its silences.

Where an aircraft falls silent, and where it is heard again, tells most of where it was meanwhile. So every position
near a silence is kept, and both of its ends, wherever the other one lies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from basewatch.geo import Bools, Ints
from basewatch.readsb.points import DAY, SECOND, Frame, latest_of_equal

if TYPE_CHECKING:
    from basewatch.reference.thresholds import Thresholds


class Keeping(msgspec.Struct, frozen=True):
    """Thresholds of what is kept, from params.yml (watched_<name>), as they go to other processes."""

    every_s: float
    silence_min: float
    around_min: float

    @classmethod
    def of(cls, thresholds: Thresholds) -> Keeping:
        """Those of the thresholds that are meant."""
        return cls(**{name: getattr(thresholds, f"watched_{name}") for name in cls.__struct_fields__})


def kept(points: Frame, is_around: Bools, is_inside: Bools, keeping: Keeping) -> Ints:
    """The points that are kept of these tracks, by track and time; of several at one time the one that came last.

    is_around, is_inside: one a point, whether it lies within reach of a base, and whether inside the rings, whose
    points are kept elsewhere. A silence is longer than `silence_min`; a track's begin and end are ends of one, too.

    Kept within reach are one point in every `every_s`, and all within `around_min` of a silence or of midnight (UTC).
    Of a silence of which one end alone lies within reach, the other end is kept, and around it one point in `every_s`.
    """
    order = latest_of_equal(points.trace, points.at, np.flatnonzero(points.valid))
    if not len(order):
        return order
    trace, at, is_within = points.trace[order], points.at[order], is_around[order]
    margin = round(keeping.around_min * 60 * SECOND)
    is_same = trace[1:] == trace[:-1]
    is_silence = is_same & (np.diff(at) > keeping.silence_min * 60 * SECOND)
    begin, end = _stretches(~is_same | is_silence)
    since, until, of_day = at - at[begin], at[end] - at, at % DAY
    is_beside = (since <= margin) | (until <= margin) | (of_day <= margin) | (of_day >= DAY - margin)
    # of a silence with one end out of reach: whether it lies before a stretch that begins out of reach, or behind one
    place = np.arange(len(order))
    is_left = np.append(is_silence & is_within[:-1] & ~is_within[1:], False)  # at the last point before the silence
    is_met = np.append(is_silence & ~is_within[:-1] & is_within[1:], False)
    is_after = (begin > 0) & is_left[begin - 1]
    is_before = is_met[end]
    is_answer = (is_after & (since <= margin)) | (is_before & (until <= margin))
    is_end = (is_after & (place == begin)) | (is_before & (place == end))
    candidates = np.flatnonzero((is_within | is_answer) & ~is_inside[order])
    slot = at[candidates] // round(keeping.every_s * SECOND)
    is_due = np.ones(len(candidates), np.bool_)
    is_due[1:] = (np.diff(slot) != 0) | (np.diff(trace[candidates]) != 0)
    is_due |= (is_within & is_beside)[candidates] | is_end[candidates]
    return np.asarray(order[candidates[is_due]])


def _stretches(breaks: Bools) -> tuple[Ints, Ints]:
    """The place of the first and of the last point of each point's stretch. breaks: one between each two points."""
    starts = np.flatnonzero(np.append(True, breaks))
    ends = np.append(starts[1:], len(breaks) + 1) - 1
    counts = ends - starts + 1
    return np.repeat(starts, counts), np.repeat(ends, counts)
