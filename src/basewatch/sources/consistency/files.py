"""Files that repeat another one, that are another one moved by hours, or whose positions are moved."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, timedelta

import numpy as np

from basewatch.geo import Floats, Ints
from basewatch.reference.thresholds import Thresholds
from basewatch.sources.consistency.contradictions import OFF_FIELD, SAME_STAMPS, SHIFTED, Contradiction
from basewatch.sources.consistency.frame import Frame

_DISTANCES = {  # metres from the first and last position to the field that is named
    "opensky_flights": ("est_departure_airport_horiz_distance", "est_arrival_airport_horiz_distance")
}
_ONE_DAY = timedelta(days=1)
_HALF_HOUR_S = 1800.0
_SECONDS = 1 << 33  # more than any time has since 1970
_LARGEST_GROUP = 50  # records of all times equal; more are of a clock that stood still
_MOST_HALF_HOURS = 28  # zones lie up to fourteen hours from UTC


def is_copy(contradictions: str | None) -> bool:
    """Whether a file was found to repeat another one, by what is kept of its reading: it is then never the older."""
    return any(name in (contradictions or "") for name in (SAME_STAMPS, SHIFTED))


def repeated_stamps(frame: Frame, params: Thresholds, older: Collection[str]) -> None:
    """Files most of whose exact records have, to the second, the times of another file's records of other aircraft."""
    if len(frame.files) < 2:
        return
    times = np.stack([frame.departed, frame.arrived, frame.first, frame.last], axis=1)
    is_exact = (np.nan_to_num(times) % 60 != 0).any(axis=1)  # whole minutes are alike by chance
    rows = np.flatnonzero(is_exact & ((~np.isnan(times)).sum(axis=1) >= 2))
    if len(rows) < 2 * params.file_alike_min:
        return
    others = _Others(frame)
    met: dict[tuple[int, int], set[int]] = defaultdict(set)  # by younger and older file: rows of the younger
    for members in _of_equal_times(times[rows], rows, frame.file):
        for one in members:
            for other in members:
                files = int(frame.file[one]), int(frame.file[other])
                if _is_older(frame, *files[::-1], older) and others.differ(int(one), int(other)):
                    met[files].add(int(one))
    comparable = Counter(frame.file[rows].tolist())
    for (file, other), repeated in met.items():
        if len(repeated) >= max(params.file_alike_min, comparable[file] / 2):
            words = f"its times are those of another aircraft in {frame.files[other]}"
            frame.note(sorted(repeated), SAME_STAMPS, lambda _, words=words: words, reject=True)
            _doubt_file(frame, file, SAME_STAMPS, f"{len(repeated)} of its {comparable[file]} records have, to the "
                        f"second, the times of other aircraft in {frame.files[other]}")  # fmt: skip


def _of_equal_times(times: Floats, rows: Ints, file: Ints) -> Iterable[Ints]:
    """The records of all times equal that lie in more than one file; very large groups say nothing."""
    seconds = np.nan_to_num(times, nan=-1.0).astype(np.int64).astype(np.uint64)
    keys = np.zeros(len(rows), np.uint64)
    for column in seconds.T:  # a hash, so that one number is sorted in place of four
        keys = (keys ^ column) * np.uint64(0x9E3779B97F4A7C15)
        keys ^= keys >> np.uint64(29)
    order = np.argsort(keys, kind="stable")
    is_first = np.concatenate([[True], np.diff(keys[order]) != 0])
    starts = np.flatnonzero(is_first)
    sizes = np.diff(np.append(starts, len(order)))
    for start, size in zip(starts[sizes > 1], sizes[sizes > 1], strict=True):
        members = rows[order[start : start + size]]
        if size <= _LARGEST_GROUP and len(set(file[members].tolist())) > 1:
            yield members


class _Others:
    """Tells whether two records are of different aircraft, where one may state the address and one the mark alone."""

    def __init__(self, frame: Frame) -> None:
        self._address, self._mark = frame.address, frame.registration

    def differ(self, one: int, other: int) -> bool:
        """Whether they state an address or a mark both, and neither is the same."""
        stated = [(column[one].as_py(), column[other].as_py()) for column in (self._address, self._mark)]
        both = [pair for pair in stated if pair[0] and pair[1]]
        return bool(both) and all(left != right for left, right in both)


def _is_older(frame: Frame, one: int, other: int, older: Collection[str]) -> bool:
    """Whether the first of two files is believed against the second: it was read before, else its name comes first."""
    if one == other:
        return False
    names = frame.files[one], frame.files[other]
    known = names[0] in older, names[1] in older
    return known[0] if known[0] != known[1] else names[0] < names[1]


def shifted(frame: Frame, params: Thresholds, older: Collection[str]) -> None:
    """Files whose records are those of another file, moved by one and the same number of half hours."""
    if len(frame.files) < 2:
        return
    aircraft = frame.aircraft()
    offsets: dict[tuple[int, int], Counter[int]] = defaultdict(Counter)
    matched: dict[tuple[int, int, int], set[int]] = defaultdict(set)
    comparable: dict[tuple[int, int], set[int]] = defaultdict(set)
    for place, at in ((frame.origin, frame.departed), (frame.destination, frame.arrived)):
        rows = np.flatnonzero((place >= 0) & ~np.isnan(at))
        group = (aircraft[rows] * len(frame.codes) + place[rows]) % (1 << 30)  # who shares it is told apart below
        order = rows[np.argsort(group * _SECONDS + at[rows].astype(np.int64), kind="stable")]
        for step in (1, 2, 3):
            one, other = order[:-step], order[step:]
            apart = at[other] - at[one]
            near = np.flatnonzero(
                (aircraft[one] == aircraft[other]) & (place[one] == place[other])
                & (frame.file[one] != frame.file[other]) & (apart <= _MOST_HALF_HOURS * _HALF_HOUR_S + 60)
            )  # fmt: skip
            halves = np.rint(apart[near] / _HALF_HOUR_S).astype(np.int64)
            is_exact = np.abs(apart[near] - halves * _HALF_HOUR_S) <= 60
            for position, half, exact in zip(near, halves.tolist(), is_exact, strict=True):
                before, after = int(one[position]), int(other[position])
                is_after_older = _is_older(frame, int(frame.file[after]), int(frame.file[before]), older)
                young, old = (before, after) if is_after_older else (after, before)
                files = int(frame.file[young]), int(frame.file[old])
                comparable[files].add(young)
                moved_by = -half if is_after_older else half
                if exact:
                    offsets[files][moved_by] += 1
                    matched[(*files, moved_by)].add(young)
    for (file, elder), counts in offsets.items():
        half, _ = max(counts.items(), key=lambda item: item[1])
        moved = matched[file, elder, half]
        if half and len(moved) >= max(params.file_alike_min, len(comparable[file, elder]) / 2):
            hours = f"{half / 2:+g} hours"
            words = f"it is a record of {frame.files[elder]} moved by {hours}"
            frame.note(sorted(moved), SHIFTED, lambda _, words=words: words, reject=True)
            told = f"{len(moved)} of its records are those of {frame.files[elder]}, moved by {hours}"
            _doubt_file(frame, file, SHIFTED, told)


def off_field(frame: Frame, params: Thresholds) -> None:
    """Files most of whose first and last positions lie far from the fields that they name: moved by degrees."""
    distances = frame.distances(_DISTANCES)
    told = [~np.isnan(metres) for metres in distances]
    far = [metres > params.position_apart_km * 1000 for metres in distances]
    size = len(frame.files)
    counts = sum((np.bincount(frame.file[is_told], minlength=size) for is_told in told), np.zeros(size, np.int64))
    off = sum((np.bincount(frame.file[is_far], minlength=size) for is_far in far), np.zeros(size, np.int64))
    for file in np.flatnonzero((off >= params.file_alike_min) & (off * 2 >= counts)):
        words = f"{off[file]} of its {counts[file]} first and last positions lie over {params.position_apart_km:g} km "
        words += "from the fields that it names"
        _doubt_file(frame, int(file), OFF_FIELD, words)
        for end, is_far in zip(("departure", "arrival"), far, strict=True):
            rows = np.flatnonzero(is_far & (frame.file == file))
            frame.note(rows, OFF_FIELD, lambda _: "a first or last position lies far from the field that is named")
            frame.drop_end(rows, end)


def _doubt_file(frame: Frame, file: int, name: str, reason: str) -> None:
    """Doubt every day from a file's first record to its last."""
    of_file = frame.file == file
    times = np.concatenate([at[of_file] for at in (frame.departed, frame.arrived, frame.first, frame.last)])
    times = times[~np.isnan(times)]
    days: set[date] = set()
    if len(times):
        first, last = (datetime.fromtimestamp(float(edge), UTC).date() for edge in (times.min(), times.max()))
        days = {first + _ONE_DAY * step for step in range((last - first).days + 1)}
    frame.of_files.append(Contradiction(name, "", None, frame.files[file], reason, False, frozenset(days), None))
