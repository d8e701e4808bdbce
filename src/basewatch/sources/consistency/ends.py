"""Places and times of a flight's two ends that cannot both be: of one record, and of one aircraft in two."""

from __future__ import annotations

import re

import numpy as np

from basewatch.geo import NM_KM, Bools, Floats, Ints
from basewatch.reference.thresholds import Thresholds
from basewatch.sources.consistency.contradictions import LANDED_FIRST, NO_FIELD, OFF_CONTACT, TOO_FAST, TWO_PLACES
from basewatch.sources.consistency.frame import Frame
from basewatch.sources.places import Places

_FIELD_CODE = re.compile(r"[A-Z]{4}")
_SECONDS = 1 << 33  # more than any time has since 1970


def codes(frame: Frame, places: Places) -> None:
    """Codes of the form of a field's that no field has: the end has no place."""
    unknown = np.array(
        [
            bool(_FIELD_CODE.fullmatch(code)) and np.isnan(latitude)
            for code, latitude in zip(frame.codes, frame.latitude, strict=False)
        ],
        np.bool_,
    )
    if not unknown.any():
        return
    for end in ("departure", "arrival"):
        numbers = frame.origin if end == "departure" else frame.destination
        rows = np.flatnonzero((numbers >= 0) & unknown[numbers])
        shown = {int(row): frame.code(numbers[row]) for row in rows}
        frame.note(rows, NO_FIELD, lambda row, shown=shown: f"{shown[row]} is the code of no field that is known")
        frame.drop_end(rows, end)


def contacts(frame: Frame, params: Thresholds) -> None:
    """Take-off and landing far outside the contacts that the record states itself.

    Where the contact that would stand for a time is of the same day, the time alone is voided; else the end is.
    """
    backwards = np.flatnonzero(frame.first > frame.last)
    frame.note(backwards, OFF_CONTACT, lambda row: f"first contact {frame.at(frame.first[row])} is after the last one, "
               f"{frame.at(frame.last[row])}")  # fmt: skip
    for name in ("first", "last"):
        frame.void[name][backwards] = True
        getattr(frame, name)[backwards] = np.nan
    apart = params.contact_apart_min * 60
    for end, name, beside in (("departure", "departed", "first"), ("arrival", "arrived", "last")):
        times, contact = getattr(frame, name), getattr(frame, beside)
        rows = np.flatnonzero((times < frame.first - apart) | (times > frame.last + apart))
        if not len(rows):
            continue
        what = "take-off" if end == "departure" else "landing"
        words = {
            int(row): f"{what} {frame.at(times[row])} lies far outside its contacts, {frame.at(frame.first[row])} to "
            f"{frame.at(frame.last[row])}"
            for row in rows
        }
        frame.note(rows, OFF_CONTACT, lambda row, words=words: words[row])
        is_same_day = times[rows] // 86_400 == contact[rows] // 86_400
        frame.drop_time(rows[is_same_day], end)
        frame.drop_end(rows[~is_same_day], end)


def order(frame: Frame) -> None:
    """A landing elsewhere before its take-off. (At the same place, or of unknown place, it holds two flights' ends.)

    Where both are of one day the take-off stands: whichever time is wrong, that day is not. Else neither end does.
    """
    rows = np.flatnonzero(
        (frame.arrived < frame.departed) & (frame.origin >= 0) & (frame.destination >= 0)
        & (frame.origin != frame.destination)
    )  # fmt: skip
    if not len(rows):
        return
    words = {
        int(row): f"it landed at {frame.code(frame.destination[row])} {frame.at(frame.arrived[row])}, before its "
        f"take-off {frame.at(frame.departed[row])} at {frame.code(frame.origin[row])}"
        for row in rows
    }
    frame.note(rows, LANDED_FIRST, lambda row: words[row])
    is_same_day = frame.departed[rows] // 86_400 == frame.arrived[rows] // 86_400
    by_contacts = (
        (frame.departed[rows] // 86_400 == frame.first[rows] // 86_400)
        & (frame.arrived[rows] // 86_400 == frame.last[rows] // 86_400)
    )  # fmt: skip
    told = rows[by_contacts]
    frame.drop_time(told, "departure")
    frame.drop_time(told, "arrival")
    frame.drop_end(rows[~by_contacts], "arrival")
    frame.drop_end(rows[~by_contacts & ~is_same_day], "departure")


def _is_too_fast(km: Floats, seconds: Floats, params: Thresholds) -> Bools:
    """Whether so far in so short a time is faster than any aircraft; there is room for times that are not exact."""
    reach = params.speed_max_kt * NM_KM * np.maximum(seconds, 0) / 3600 + params.speed_slack_km
    return np.asarray(km > reach)


def speeds(frame: Frame, params: Thresholds) -> None:
    """Ends that lie too far apart for the time between them: a place or a time is wrong, and nobody can say which, so
    that both stay.

    Where the contacts leave time enough the times are wrong, and the contacts stand for them.
    """
    rows = np.flatnonzero((frame.origin >= 0) & (frame.destination >= 0) & (frame.arrived >= frame.departed))
    km = frame.km(frame.origin[rows], frame.destination[rows])
    is_fast = _is_too_fast(km, frame.arrived[rows] - frame.departed[rows], params)
    rows, km = rows[is_fast], km[is_fast]
    if not len(rows):
        return
    words = {
        int(row): f"{distance:,.0f} km from {frame.code(frame.origin[row])} to "
        f"{frame.code(frame.destination[row])} in {(frame.arrived[row] - frame.departed[row]) / 60:.0f} minutes"
        for row, distance in zip(rows, km, strict=True)
    }
    is_told = ~_is_too_fast(km, frame.last[rows] - frame.first[rows], params) & ~np.isnan(
        frame.last[rows] - frame.first[rows]
    )
    is_told &= frame.departed[rows] // 86_400 == frame.first[rows] // 86_400
    is_told &= frame.arrived[rows] // 86_400 == frame.last[rows] // 86_400
    frame.note(rows, TOO_FAST, lambda row: words[row])
    for end in ("departure", "arrival"):
        frame.drop_time(rows[is_told], end)


def two_places(frame: Frame, params: Thresholds) -> None:
    """Ends of one aircraft in two records that it cannot have had both.

    Where one of them contradicts what went before it and what came after, it is the wrong one; else either may be.
    """
    aircraft = frame.aircraft()
    ends = [(frame.origin, frame.departed), (frame.destination, frame.arrived)]
    stated = [np.flatnonzero((place >= 0) & ~np.isnan(at) & ~frame.rejected) for place, at in ends]
    row = np.concatenate(stated)
    if len(row) < 2:
        return
    place = np.concatenate([ends[end][0][stated[end]] for end in (0, 1)])
    at = np.concatenate([ends[end][1][stated[end]] for end in (0, 1)])
    order = np.argsort(aircraft[row] * _SECONDS + at.astype(np.int64), kind="stable")
    row, place, at = row[order], place[order], at[order]

    def cannot_be(one: Ints, other: Ints) -> Bools:
        is_one = (aircraft[row[one]] == aircraft[row[other]]) & (row[one] != row[other]) & (place[one] != place[other])
        result = np.zeros(len(one), np.bool_)
        asked = np.flatnonzero(is_one)
        km = frame.km(place[one[asked]], place[other[asked]])
        result[asked] = _is_too_fast(km, at[other[asked]] - at[one[asked]], params)
        return result

    here = np.arange(len(row) - 1)
    clashes = cannot_be(here, here + 1)
    if not clashes.any():
        return
    before = np.concatenate([[False], clashes])
    after = np.concatenate([clashes, [False]])
    is_culprit = before & after
    middle = np.flatnonzero(is_culprit)
    is_culprit[middle] = ~cannot_be(middle - 1, middle + 1)
    for first in np.flatnonzero(clashes):
        pair = (first, first + 1)
        guilty = [one for one in pair if is_culprit[one]] or list(pair)
        shown = " and ".join(f"{frame.code(place[one])} {frame.at(at[one])}" for one in pair)
        for one in guilty:
            frame.note([row[one]], TWO_PLACES, lambda _, shown=shown: f"its aircraft cannot have been in both: {shown}")


def without_end(frame: Frame) -> None:
    """Reject flagged records of which no end is left: place or day does not stand."""
    rows = np.array(sorted(row for row in frame.findings if not frame.rejected[row]), np.int64)
    if not len(rows):
        return
    has_time = np.any([is_stated & ~frame.void[name] for name, is_stated in frame.has_time.items()], axis=0)
    is_left = ((frame.origin[rows] >= 0) | (frame.destination[rows] >= 0)) & has_time[rows]
    had_end = np.zeros(len(rows), np.bool_)
    for place in ("origin", "destination"):
        had_end |= frame.void[place][rows]
    frame.rejected[rows[~is_left & (had_end | ~has_time[rows])]] = True
