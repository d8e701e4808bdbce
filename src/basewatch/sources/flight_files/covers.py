"""Which of the days that the user declares complete the files do not bear out, and why.

A declared cover holds only as far as the files were wholly read. What was lost may have been of the days that it names;
where it names none, of the days that its file reaches; and what lies in a file of which nothing can be read, or behind
the place where one is cut short, of every day on which no other file has a record.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath

from basewatch.config import Cover
from basewatch.sources.flight_files.opening import days_in
from basewatch.sources.flight_files.reading import Lost, Reading, span


@dataclass
class Doubt:
    """Why a covered day is not borne out: the first reason, how many there are, and how many of them are records.

    names_it: whether something lost is of that day, not only may be.
    """

    reason: str
    reasons: int = 0
    rejected: int = 0
    names_it: bool = False

    @property
    def words(self) -> str:
        """The first reason, and how many more there are."""
        return f"{self.reason}{f' (and {self.reasons - 1} more)' if self.reasons > 1 else ''}"


def doubts(
    base_id: str,
    cover: Iterable[date],
    readings: Mapping[str, Reading],
    days_at_base: Mapping[str, set[date]],
) -> dict[date, Doubt]:
    """The covered days of a base that the files do not bear out.

    readings: by file. days_at_base: by file, the days on which one of its records has an end at the base.
    """
    covered = set(cover)
    day_names = _day_names_hold(readings)
    found: dict[date, Doubt] = {}
    for file, reading in readings.items():
        alike: dict[tuple[object, ...], list[Lost]] = defaultdict(list)  # losses that concern the same days
        for loss in reading.losses:
            if loss.bases is None or base_id in loss.bases:
                alike[loss.days, loss.is_whole, loss.is_cut, loss.is_inside, _part(loss)].append(loss)
        for losses in alike.values():
            days = _days(losses[0], file, reading, covered, day_names, days_at_base)
            for day in days & covered:
                doubt = found.setdefault(day, Doubt(f"{losses[0].where}: {losses[0].reason}"[:400]))
                doubt.reasons += len(losses)
                doubt.rejected += sum(loss.is_reject for loss in losses)
                doubt.names_it |= day in losses[0].days
    return found


def _part(loss: Lost) -> str:
    """The table that a loss of a whole one is of: its name may tell its days."""
    return loss.where if loss.is_whole or loss.is_cut else ""


def _days(
    loss: Lost,
    file: str,
    reading: Reading,
    covered: set[date],
    day_names: bool | None,
    days_at_base: Mapping[str, set[date]],
) -> set[date]:
    """The days that something lost may be of."""
    days = set(loss.days)
    is_open = loss.is_cut or not days
    if not (loss.is_whole or is_open):
        return days
    if loss.is_inside:
        return span(reading.days)
    named = days_of_name(loss.where) or days_of_name(file)
    if len(named) == 1 and day_names is not True and (day_names is False or not named & covered):
        named = set()  # a day on which a file was made is not the day that it is of
    if loss.is_whole and (days or named):
        return days | named
    if named:
        return days | named | span(reading.days)
    # its day may lie beyond all that the file still shows
    return days | span(reading.days) | (covered - _of_others(file, days_at_base))


def _day_names_hold(readings: Mapping[str, Reading]) -> bool | None:
    """Whether the days in files' names are those of their records; None where no file with such a name has any."""
    agree = [
        all(abs((day - of_name).days) <= 1 for day in reading.days)
        for file, reading in readings.items()
        if reading.days and len(days_of_name(file)) == 1
        for of_name in days_of_name(file)
    ]
    return all(agree) if agree else None


def _of_others(file: str, days_at_base: Mapping[str, set[date]]) -> set[date]:
    return set().union(*(days for other, days in days_at_base.items() if other != file))


# ---- until when

_RANGE = re.compile(
    r"(?<!\d)((?:19|20)\d{2}[-_.]?[01]\d[-_.]?[0-3]\d)(?:[-_. ]*(?:to|until|till|bis|po|–|—|\.\.|_|-)[-_. ]*)"
    r"((?:19|20)\d{2}[-_.]?[01]\d[-_.]?[0-3]\d)(?!\d)",
    re.IGNORECASE,
)
_DAY = re.compile(r"(?<!\d)((?:19|20)\d{2})([-_.]?)([01]\d)\2([0-3]\d)(?!\d)")
_MONTH = re.compile(r"(?<!\d)((?:19|20)\d{2})[-_.]?([01]\d)(?![\d])")
_YEAR = re.compile(r"(?<!\d)((?:19|20)\d{2})(?!\d)")
_MADE = re.compile(r"export|generat|creat|download|snapshot|dump|as.?of|retriev|fetch|выгруз|erstellt", re.IGNORECASE)
_PERIOD = re.compile(r"period|range|from|interval|between|период|zeitraum", re.IGNORECASE)


def _day(written: str) -> date | None:
    digits = re.sub(r"\D", "", written)
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None


def days_of_name(name: str) -> set[date]:
    """The days that a file's name speaks of: a range, days, months or a year; none where it tells when it was made."""
    own = PurePosixPath(name).name
    match = _RANGE.search(own)
    if match:
        first, last = _day(match[1]), _day(match[2])
        if first and last and first <= last:
            return span({first, last})
    if _MADE.search(own):
        return set()
    days = {day for found in _DAY.finditer(own) if (day := _day(found.group()))}
    if days:
        return days
    months: set[date] = set()
    for found in _MONTH.finditer(own):
        year, month = int(found[1]), int(found[2])
        if 1 <= month <= 12:
            months |= span({date(year, month, 1), date(year, month, monthrange(year, month)[1])})
    if months:
        return months
    match = _YEAR.search(own)
    return span({date(int(match[1]), 1, 1), date(int(match[1]), 12, 31)}) if match else set()


@dataclass(frozen=True)
class End:
    """The last day that the data are of, whether that day is whole, and what says so."""

    day: date
    is_whole: bool
    basis: str


def end_of_data(readings: Mapping[str, Reading]) -> End | None:
    """Where the data of an open-ended cover end, None where there is neither a statement nor a record.

    A period that a file states, in its name or above its table, ends with its last day. Where a file states when it was
    made, its data end on that day, which had not ended then. Else they end on the day of the last record, of which
    nobody can say whether it was whole. A file's time of modification says nothing of its data.
    """
    ends = []
    for file, reading in readings.items():
        own = PurePosixPath(file).name
        for line in (own, *reading.above):
            period = _RANGE.search(line)
            last = _day(period[2]) if period else None
            if last is None and _PERIOD.search(line) and not _MADE.search(line):
                last = max(days_in(line), default=None) if len(days_in(line)) == 2 else None
            if last:
                ends.append(End(last, True, f"{own} states data up to {last}"))
            elif _MADE.search(line) and (days := days_in(line.replace("_", "-"))):
                ends.append(End(max(days), False, f"{own} states that it was made on {max(days)}"))
        if reading.days:
            last = max(reading.days)
            ends.append(End(last, False, f"the last record, in {own}, is of {last}"))
    return max(ends, key=lambda end: (end.day, end.is_whole), default=None)


def last_day(cover: Cover, end: End | None) -> date | None:
    """The last day of a cover; None for an open-ended one of which there are no data."""
    if cover.until is not None:
        return cover.until
    return end.day if end else None
