"""What a file of one name says otherwise than it did before: nobody restates a fifth of the past by chance.

An end of a flight (aircraft, place, time) that a file stated, and that no file states now, is lost. Where so many are
lost, from days that the file still holds, the file is damaged rather than corrected: what it held stays, and what
stands in its place is set aside, until the user takes the former statement back (`basewatch withdraw`). Days on either
side of all that a file now holds are not judged here: a list of the last thirty days moves on (lasting.py judges how
much a file holds).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from basewatch.geo import Bools, Floats, Ints
from basewatch.lake.events import FileReading
from basewatch.reference.thresholds import Thresholds
from basewatch.sources.consistency import AIRCRAFT, CONTACTS
from basewatch.sources.flight_files.reading import span
from basewatch.sources.flight_records import ENDS
from basewatch.sources.places import Places

OTHERWISE = "another statement than before"

_SECONDS = 1 << 33  # more than any time has since 1970
_DAY_S = 86_400
_CONFINED = 0.9  # of what is lost lies in months that fell: the others are as they were
_MOST_COMPARED = 400  # ends of one aircraft at one place whose distances in time are looked at
_MOST_TRANSLATED = 20_000  # ends whose day and month are exchanged to see whether they fit


@dataclass(frozen=True)
class Restated:
    """A file that says otherwise what it said before.

    words: how many records, and in what they differ. days: those of which nobody can say what is right. bases: those
    that it concerns, None for all. lost: by lake table, the rows that it stated before and that stay. set_aside: by
    lake table, which of the rows given now stand in their place, one value a row.
    """

    file: str
    words: str
    days: frozenset[date]
    bases: frozenset[str] | None
    lost: dict[str, pa.Table]
    set_aside: dict[str, Bools]


def found(
    tables: Mapping[str, pa.Table],
    before: Mapping[str, pa.Table],
    shas: Mapping[str, str | None],
    held: Mapping[str, FileReading],
    places: Places,
    params: Thresholds,
) -> dict[str, Restated]:
    """By file, those that say otherwise what they said before.

    tables: the records of all files now (lake tables). before: the rows that the lake holds of the files in `shas`,
    which gives the SHA-256 of what each holds now. held: what was noted of them before.
    """
    told = {}
    everywhere = _Ends(tables)
    was = _Ends(before)
    stays = _is_among(was, everywhere, params.stay_merge_minutes * 60)
    was_stated = _is_among(everywhere, was, params.stay_merge_minutes * 60)
    for name, sha256 in shas.items():
        one = _Compared(name, sha256, was, everywhere, stays, was_stated, held[name])
        restated = one.judged(places, params) if one.is_comparable else None
        if restated:
            told[name] = restated
    return told


class _Ends:
    """The ends of records of all tables: one value an end, both ends of a record at its number and `size` later.

    keys: what names aircraft, place and side, by address and by mark; null where one of them is not stated.
    at: seconds since 1970, NaN where not stated.
    """

    def __init__(self, tables: Mapping[str, pa.Table]) -> None:
        self.given = {table: rows for table, rows in tables.items() if table in ENDS and rows.num_rows}
        self.sizes = {table: rows.num_rows for table, rows in self.given.items()}
        self.size = sum(self.sizes.values())
        self.file = self._column("origin_file")
        self.sha256 = self._column("origin_sha256")
        self.record_id = self._column("record_id")
        self.who = [
            self._by_table({table: AIRCRAFT[table][number] for table in self.given}, pa.string()) for number in (0, 1)
        ]
        self.place: list[pa.Array] = []
        times = []
        for side in (0, 1):
            self.place.append(self._by_table({table: ENDS[table][side][0] for table in self.given}, pa.string()))
            times.append(self._times(side))
        self.at = np.concatenate(times) if self.size else np.zeros(0)
        self.keys = [_joined(self.place, who) for who in self.who]
        day = self._by_table(dict.fromkeys(self.given, "day"), pa.date32())
        self.day = day.cast(pa.int32()).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)

    def _column(self, name: str) -> pa.Array:
        return self._by_table(dict.fromkeys(self.given, name), pa.string())

    def _by_table(self, names: Mapping[str, str], kind: pa.DataType) -> pa.Array:
        pieces = [_one(self.given[table].column(name)).cast(kind) for table, name in names.items()]
        return pa.concat_arrays(pieces) if pieces else pa.array([], kind)

    def _times(self, side: int) -> Floats:
        pieces = []
        for table, rows in self.given.items():
            column = rows.column(ENDS[table][side][1])
            if table in CONTACTS:  # they stand for times that are not stated
                column = pc.coalesce(column, rows.column(CONTACTS[table][side]))
            micros = _one(column).cast(pa.int64())
            seconds = micros.fill_null(0).to_numpy(zero_copy_only=False) / 1e6
            seconds[micros.is_null().to_numpy(zero_copy_only=False)] = np.nan
            pieces.append(seconds)
        return np.concatenate(pieces) if pieces else np.zeros(0)

    @property
    def are_stated(self) -> Bools:
        """Which ends have aircraft, place and time."""
        has_key = pc.or_(self.keys[0].is_valid(), self.keys[1].is_valid()).to_numpy(zero_copy_only=False)
        return np.asarray(has_key & ~np.isnan(self.at))

    def rows(self, at: Bools) -> dict[str, pa.Table]:
        """The records of which this holds (one value a record), by lake table; tables without any are left out."""
        return {table: self.given[table].filter(pa.array(part)) for table, part in self.parts(at).items() if part.any()}

    def parts(self, at: Bools) -> dict[str, Bools]:
        """The same, one value a row of each table."""
        parts, start = {}, 0
        for table, size in self.sizes.items():
            parts[table] = at[start : start + size]
            start += size
        return parts


def _one(column: Any) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _joined(place: list[pa.Array], who: pa.Array | None) -> pa.Array:
    """What names an end: side, place, and (where it is given) aircraft; null where one of them is not stated."""
    sides = []
    for side, of_side in enumerate(place):
        parts = [pa.scalar(str(side)), of_side, *([who] if who is not None else [])]
        sides.append(_one(pc.binary_join_element_wise(*parts, "|")))
    return pa.concat_arrays(sides)


def _is_among(asked: _Ends, among: _Ends, slack_s: float) -> Bools:
    """Which of the ends stand among others: same aircraft, side and place, and nearly the same time."""
    hits = np.zeros(2 * asked.size, np.bool_)
    for one, other in zip(asked.keys, among.keys, strict=True):
        hits |= _near(one, asked.at, other, among.at, slack_s)
    return hits


def _near(asked: pa.Array, asked_at: Floats, among: pa.Array, among_at: Floats, slack_s: float) -> Bools:
    """Which of the keys stand among others within so many seconds."""
    if not len(asked) or not len(among):
        return np.zeros(len(asked), np.bool_)
    codes = pa.concat_arrays([asked, among]).dictionary_encode().indices
    numbers = codes.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    own, others = numbers[: len(asked)], numbers[len(asked) :]
    is_one, is_other = (own >= 0) & ~np.isnan(asked_at), (others >= 0) & ~np.isnan(among_at)
    line = np.sort(others[is_other] * _SECONDS + among_at[is_other].astype(np.int64))
    from_ = own[is_one] * _SECONDS + asked_at[is_one].astype(np.int64) - int(slack_s)
    place = np.searchsorted(line, from_)
    is_there = place < len(line)
    is_there[is_there] = line[place[is_there]] <= from_[is_there] + 2 * int(slack_s)
    hits = np.zeros(len(asked), np.bool_)
    hits[is_one] = is_there
    return hits


def _are_those(asked: _Ends, among: _Ends, which: Bools) -> Bools:
    """Which records are one of those others, by their id or by one end to the second."""
    same_id = pc.is_in(asked.record_id, value_set=among.record_id.filter(pa.array(which)))
    ends = np.concatenate([which, which])
    hits = np.zeros(2 * asked.size, np.bool_)
    for own, other in zip(asked.keys, among.keys, strict=True):
        hits |= _near(own, asked.at, other.filter(pa.array(ends)), among.at[ends], 0)
    return np.asarray(same_id.to_numpy(zero_copy_only=False) | hits.reshape(2, -1).any(axis=0))


class _Compared:
    """One file: what it said before and is lost, and what it says now and did not say before.

    Arrays of `was` and `now` have a value a record. stays, was_stated: of each end, whether it is stated now, and was.
    """

    def __init__(
        self,
        name: str,
        sha256: str | None,
        was: _Ends,
        now: _Ends,
        stays: Bools,
        was_stated: Bools,
        held: FileReading,
    ) -> None:
        self.name, self.was, self.now, self.held = name, was, now, held
        of_file = _equal(was.file, name)
        self.rows_before = int(of_file.sum())
        self.of_before = of_file & ~_equal(was.sha256, sha256 or "")
        self.of_now = _equal(now.file, name)
        self.ends_lost = (was.are_stated & ~stays).reshape(2, -1) & self.of_before
        self.ends_new = (now.are_stated & ~was_stated).reshape(2, -1) & self.of_now
        self.lost: Bools = np.asarray(self.ends_lost.any(axis=0))
        # whoever is told of bad records may put them right
        self.corrected = 0 if held.is_short else held.records_flagged

    @property
    def is_comparable(self) -> bool:
        """Whether something is lost, and the file holds records still."""
        return bool(self.lost.any() and self.of_now.any())

    def judged(self, places: Places, params: Thresholds) -> Restated | None:
        """What the file says otherwise, None where it is no more than corrections."""
        first, last = self.now.day[self.of_now].min(), self.now.day[self.of_now].max()
        is_inside = (self.was.day >= first) & (self.was.day <= last)
        of_all = min(self.rows_before, self.held.records_held or self.rows_before)
        inside: Bools = self.lost & is_inside
        is_much, is_less = (self._is_much(int(rows.sum()), of_all, params) for rows in (inside, self.lost & ~inside))
        months = self._fallen_months(inside, params)
        is_confined = (inside & np.isin(_months(self.was.day), months)).sum() >= _CONFINED * inside.sum()
        held_months = np.unique(_months(self.was.day[_equal(self.was.file, self.name)]))
        is_confined &= 2 * len(months) <= len(held_months)
        if (is_much and not is_confined) or (months and is_less):
            return self._as_a_whole(of_all)
        if months:
            return self._by_month(inside, months, (int(first), int(last)))
        return None if is_less else self._emptied(inside, places)

    def _is_much(self, lost: int, of_all: int, params: Thresholds) -> bool:
        """Whether more records are lost than anybody corrects."""
        return lost - self.corrected >= max(params.file_alike_min, params.file_loss_share_max * of_all)

    def _as_a_whole(self, of_all: int) -> Restated:
        """The file, none of whose records can be believed against what it held."""
        is_silent = self.of_before & ~self.was.are_stated.reshape(2, -1).any(axis=0)
        known = pc.is_in(self.was.record_id, value_set=self.now.record_id)
        kept = self.lost | (is_silent & ~known.to_numpy(zero_copy_only=False))
        new = self._in_place_of(self.lost) | self.ends_new.any(axis=0)
        days = span(_days(self.was, self.of_before) | _days(self.now, self.of_now))
        words = self._words(self.lost, new, of_all, "")
        return Restated(self.name, words, frozenset(days), None, self.was.rows(kept), self.now.parts(new))

    def _fallen_months(self, inside: Bools, params: Thresholds) -> list[int]:
        """The months within what the file holds still, of which it held far more than it states now."""
        months = _months(self.was.day)
        held = Counter(months[_equal(self.was.file, self.name)].tolist())
        lost = Counter(months[inside].tolist())
        return [month for month, count in sorted(lost.items()) if self._is_much(count, held[month], params)]

    def _by_month(self, inside: Bools, fallen: list[int], edges: tuple[int, int]) -> Restated:
        """These months, of which what the file held is believed; what it says of others stands."""
        months = _months(self.was.day)
        of_all = int((np.isin(months, fallen) & _equal(self.was.file, self.name)).sum())
        lost: Bools = inside & np.isin(months, fallen)
        new: Bools = self._in_place_of(lost) | (self.ends_new.any(axis=0) & np.isin(_months(self.now.day), fallen))
        first, last = (_date(edge) for edge in edges)
        days = {day for month in fallen for day in _days_of_month(month) if first <= day <= last}
        days |= _days(self.was, lost) | _days(self.now, new)
        named = ", ".join(f"{min(_days_of_month(month)):%B %Y}" for month in fallen)
        words = self._words(lost, new, of_all, f" of {named}")
        return Restated(self.name, words, frozenset(days), None, self.was.rows(lost), self.now.parts(new))

    def _emptied(self, inside: Bools, places: Places) -> Restated | None:
        """Records that named a watched base before, and name no place there now."""
        lost, new = np.zeros(self.was.size, np.bool_), np.zeros(self.now.size, np.bool_)
        bases: set[str] = set()
        days: set[date] = set()
        for side in (0, 1):
            is_base = [places.base_of(code) is not None for code in self.was.place[side].to_pylist()]
            asked = self.ends_lost[side] & inside & np.array(is_base, np.bool_)
            if not asked.any():
                continue
            is_empty = self.now.place[side].is_null().to_numpy(zero_copy_only=False)
            new |= self._in_place_of(asked) & is_empty
            emptied = asked & _are_those(self.was, self.now, self.of_now & is_empty)
            for row in np.flatnonzero(emptied).tolist():
                bases.add(str(places.base_of(self.was.place[side][row].as_py())))
                days.add(_moment(self.was.at[side * self.was.size + row]).date())
            lost |= emptied
        if not lost.any():
            return None
        words = f"held {int(lost.sum())} records before with a place where they name none now"
        return Restated(self.name, words, frozenset(days), frozenset(bases), self.was.rows(lost), self.now.parts(new))

    def _in_place_of(self, lost: Bools) -> Bools:
        """The records of the file now that are those."""
        return self.of_now & _are_those(self.now, self.was, lost)

    # ---- in what they differ

    def _words(self, lost: Bools, new: Bools, of_all: int, where: str) -> str:
        count = int(lost.sum())
        words = f"held {of_all} records{where} before, and {count} of what they say is not in it now"
        differences = self._differences(lost, new)
        return f"{words}: {'; '.join(differences)}" if differences else words

    def _differences(self, lost: Bools, new: Bools) -> list[str]:
        """What half of the lost ends have in common, in words."""
        ends = (self.ends_lost & lost).reshape(-1)
        told = [self._moved(ends, new), self._swapped(ends), self._by_day_and_month(ends), self._of_others(ends)]
        told += [self._without(lost, new)]
        return [words for words in told if words]

    def _moved(self, ends: Bools, new: Bools) -> str | None:
        others = np.concatenate([new, new]) & self.now.are_stated
        for own, now in zip(self.was.keys, self.now.keys, strict=True):
            by_key: dict[str, tuple[list[float], list[float]]] = {}
            for number, (keys, which, at) in enumerate(((own, ends, self.was.at), (now, others, self.now.at))):
                for key, seconds in zip(keys.filter(pa.array(which)).to_pylist(), at[which].tolist(), strict=True):
                    if key is not None:
                        by_key.setdefault(key, ([], []))[number].append(seconds)
            steps: Counter[int] = Counter()
            compared = 0
            for before, after in by_key.values():
                if before and after:
                    taken = np.array(before[:_MOST_COMPARED])
                    apart = np.array(after[:_MOST_COMPARED])[None, :] - taken[:, None]
                    minutes = np.rint(apart / 60).astype(np.int64)
                    steps.update(np.concatenate([np.unique(row) for row in minutes]).tolist())
                compared += len(before[:_MOST_COMPARED])
            ((step, count),) = steps.most_common(1) or [(0, 0)]
            if step and count * 2 >= compared:
                days, hours = step / 1440, step / 60
                shown = (
                    f"{days:+g} days"
                    if step % 1440 == 0
                    else f"{hours:+g} hours"
                    if step % 30 == 0
                    else f"{step:+} min"
                )
                return f"times moved by {shown}"
        return None

    def _share(self, keys: Iterable[pa.Array], at: Floats, ends: Bools, slack_s: float) -> float:
        """The share of the lost ends that the file states now under these keys and times."""
        hits = np.zeros(int(ends.sum()), np.bool_)
        others = np.concatenate([self.of_now, self.of_now])
        now_keys = [*self.now.keys] if len(list(keys := list(keys))) > 1 else [_joined(self.now.place, None)]
        for own, now in zip(keys, now_keys, strict=True):
            hits |= _near(
                own.filter(pa.array(ends)), at[ends], now.filter(pa.array(others)), self.now.at[others], slack_s
            )
        return float(hits.mean()) if len(hits) else 0.0

    def _swapped(self, ends: Bools) -> str | None:
        keys = [_joined(self.was.place[::-1], who) for who in self.was.who]
        return "origin and destination swapped places" if self._share(keys, self.was.at, ends, 60) >= 0.5 else None

    def _by_day_and_month(self, ends: Bools) -> str | None:
        at = self.was.at.copy()
        for row in np.flatnonzero(ends)[:_MOST_TRANSLATED].tolist():
            moment = _moment(at[row])
            at[row] = moment.replace(day=moment.month, month=moment.day).timestamp() if moment.day <= 12 else np.nan
        return "day and month swapped" if self._share(self.was.keys, at, ends, 60) >= 0.5 else None

    def _of_others(self, ends: Bools) -> str | None:
        share = self._share([_joined(self.was.place, None)], self.was.at, ends, 60)
        return "other aircraft at the same places and times" if share >= 0.5 else None

    def _without(self, lost: Bools, new: Bools) -> str | None:
        """What most of the new records do not state, and the lost ones did."""
        columns = {
            "address": (self.was.who[0], self.now.who[0]),
            "origin": (self.was.place[0], self.now.place[0]),
            "destination": (self.was.place[1], self.now.place[1]),
        }
        gone = []
        for name, (before, now) in columns.items():
            empty, was_empty = (
                float(column.is_null().to_numpy(zero_copy_only=False)[which].mean()) if which.any() else 0.0
                for column, which in ((now, new), (before, lost))
            )
            if empty >= 0.5 > was_empty:
                gone.append(name)
        return f"no {' and no '.join(gone)} is stated any more" if gone else None


def _equal(column: pa.Array, value: str) -> Bools:
    return np.asarray(pc.fill_null(pc.equal(column, value), False).to_numpy(zero_copy_only=False))


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _date(number: int) -> date:
    return date(1970, 1, 1) + timedelta(days=number)


def _months(days: Ints) -> Ints:
    """The number of each day's month since 1970."""
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def _days_of_month(month: int) -> set[date]:
    first = date(1970 + month // 12, month % 12 + 1, 1)
    return span({first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)})


def _days(ends: _Ends, rows: Bools) -> set[date]:
    """The days of these records and of their ends."""
    times = ends.at[np.concatenate([rows, rows])] // _DAY_S
    numbers = np.concatenate([ends.day[rows], times[~np.isnan(times)].astype(np.int64)])
    return {_date(number) for number in np.unique(numbers).tolist()}
