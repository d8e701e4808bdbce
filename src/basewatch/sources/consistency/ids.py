"""Records under one id that are not one flight."""

from __future__ import annotations

import re
from collections import defaultdict

import numpy as np
import pyarrow.compute as pc

from basewatch.geo import Ints
from basewatch.reference.thresholds import Thresholds
from basewatch.sources.consistency.contradictions import SAME_ID
from basewatch.sources.consistency.frame import END_NAMES, Frame

_OTHER_CONTENTS = re.compile(r"~[0-9a-f]{8}$")  # the mark that sameness.py gives a second record of an id


def shared(frame: Frame, params: Thresholds) -> None:
    """Records under one id that are not one flight: what they disagree in stands in none of them."""
    for table, rows in frame.given.items():
        ids = rows.column("record_id")
        are_second = pc.match_substring_regex(ids, _OTHER_CONTENTS.pattern)
        if not pc.any(are_second).as_py():
            continue
        start, by_id = frame.starts[table], defaultdict(list)
        plain = {_OTHER_CONTENTS.sub("", name) for name in ids.filter(are_second).to_pylist()}
        for number, name in enumerate(ids.to_pylist()):
            if (own := _OTHER_CONTENTS.sub("", name)) in plain:
                by_id[own].append(start + number)
        is_number = (
            table == "plain_flights"
        )  # a file that numbers its rows has no ids: another aircraft, another flight
        for name, group in by_id.items():
            if len(group) > 1:
                _one_id(frame, name, group, params, is_number=is_number)


def _one_id(frame: Frame, name: str, group: list[int], params: Thresholds, *, is_number: bool) -> None:
    """Note records of one id that disagree in an end, or are of two aircraft at one place and time.

    Records that share nothing but the id are flights of their own, whose id is damaged.
    """
    rows = np.array(group)
    stated = np.concatenate([at[rows] for at in (frame.departed, frame.arrived)])
    stated = stated[~np.isnan(stated)]
    spread = float(np.ptp(stated)) if len(stated) else 0.0
    if is_number and spread > 2 * 86_400:
        return  # the same number on another day is another flight
    aircraft = [[column[row].as_py() for row in group] for column in (frame.address, frame.registration)]
    addresses, marks = (set(values) - {None} for values in aircraft)
    slack = params.stay_merge_minutes * 60
    if len(addresses) > 1 or (not addresses and len(marks) > 1):
        if spread <= 86_400 and _is_one_end(frame, rows, slack):
            words = f"{len(group)} records of the id {name} are of other aircraft at one place and time"
            frame.note(group, SAME_ID, lambda _: words)
        elif not is_number:
            frame.note(group, SAME_ID, lambda _: f"{len(group)} flights of other aircraft have the id {name}")
        return
    for end, place, time in END_NAMES:
        places = {int(value) for value in getattr(frame, place)[rows] if value >= 0}
        times = getattr(frame, time)[rows]
        times = times[~np.isnan(times)]
        is_moved = len(times) > 1 and float(np.ptp(times)) > slack
        if len(places) > 1 or is_moved:
            shown = (
                sorted(map(frame.code, places)) if len(places) > 1 else [frame.at(times.min()), frame.at(times.max())]
            )
            words = f"{len(group)} records of the id {name} state another {end}: {' and '.join(shown)}"
            frame.note(group, SAME_ID, lambda _, words=words: words)


def _is_one_end(frame: Frame, rows: Ints, slack: float) -> bool:
    """Whether all of these records state one place at one time."""
    return any(
        len(set(getattr(frame, place)[rows].tolist())) == 1
        and getattr(frame, place)[rows[0]] >= 0
        and not np.isnan(getattr(frame, time)[rows]).any()
        and float(np.ptp(getattr(frame, time)[rows])) <= slack
        for _, place, time in END_NAMES
    )
