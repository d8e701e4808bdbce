"""Source-days held against their trailing norm: a day that holds far less than its four weeks lost data.

A fall is judged, never growth, and only where so much is usual that chance does not explain it: what is small is what
the watch is for. The norm is the low tenth of the days before, so that weekends and lulls are in it. Verdicts follow
from the ledger alone: days that are read in another order, or again, come to the same.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import cached_property
from statistics import median
from typing import Any

import numpy as np

from basewatch.lake.events import GLOBAL
from basewatch.lake.ledger import LedgerRow
from basewatch.reference.thresholds import Thresholds

LESS, OTHER = "less than its norm: ", "not that day's data: "
_JUDGED = ("ok", "empty")
_LOW = 0.1  # quantile of the norm that a day is held against
_MONTHS_MIN = 6
_SHARED_MIN = 8  # values of two sketches in common: two days share none
_ALIKE, _UNLIKE = 0.8, 0.5  # correlation of a day's hours with the norm's
_HOURS_MIN = 1000  # positions near bases, by which the hours of a day are told
_SPREADS = 2  # times the usual ends of days lie apart: a chance wait goes beyond once in thousands of days
_AT_FIELD_USUAL, _AT_FIELD_FEW = 0.8, 0.5  # share of aircraft on the ground that are at a field


def judge(rows: Iterable[LedgerRow], params: Thresholds) -> list[LedgerRow]:
    """The ledger rows whose verdict is another than they say, as they should be.

    rows: the latest of one or more sources that are read by day. A day that fell is `partial`; one that holds another
    day's data, or another place's, is `failed` and names no rows. A day is sound again where its norm is another one,
    by days that were read since.
    """
    series: dict[tuple[str, str], list[LedgerRow]] = defaultdict(list)
    for row in rows:
        if row.scope == GLOBAL or row.scope.startswith("base:"):
            series[row.source, row.scope].append(row)
    return [changed for of_scope in series.values() for changed in _judge_series(of_scope, params)]


def fallen_months(days: Mapping[date, int], since: date, until: date, params: Thresholds) -> dict[date, str]:
    """The months (first days) within these days, both included, with far fewer records than those before, and why.

    days: how many records each day has. A month without any is not judged: silence is what the watch is for.
    """
    months: Counter[date] = Counter()
    for day, count in days.items():
        months[day.replace(day=1)] += count
    norm: list[int] = []
    fallen = {}
    month = since.replace(day=1) if since.day == 1 else _next_month(since)
    while _next_month(month) <= until + timedelta(days=1):
        count = months[month]
        usual = float(np.quantile(norm[-12:], _LOW, method="lower")) if len(norm) >= _MONTHS_MIN else 0.0
        if count and _is_fall(count, usual, params.volume_share_min, params):
            norm_words = f"where nine in ten of the months before have {usual:,.0f} or more"
            fallen[month] = f"{LESS}{count:,} ends in {month:%B %Y}, {norm_words}"
        else:
            norm.append(count)
        month = _next_month(month)
    return fallen


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)


def _is_fall(value: float, usual: float, share: float, params: Thresholds) -> bool:
    """Whether a volume is far less than usual, and by more than chance."""
    is_deep = value < share * usual and value < usual - params.volume_sigmas * usual**0.5
    return is_deep and usual >= params.volume_fewest


def _judge_series(rows: list[LedgerRow], params: Thresholds) -> list[LedgerRow]:
    rows = sorted(rows, key=lambda row: row.day)
    if not any(row.measures for row in rows) and (
        rows[0].scope == GLOBAL or max(row.records_kept for row in rows) < params.volume_fewest
    ):
        return []  # a sum over scopes of their own is judged by them
    sound: list[_Held] = []
    fallen: list[_Held] = []
    seen: list[_Held] = []
    changed = []
    for row in rows:
        since = row.day - timedelta(days=params.volume_days)
        sound, fallen, seen = ([one for one in group if one.row.day >= since] for group in (sound, fallen, seen))
        held = _Held(_as_read(row))
        if held.row.status not in (*_JUDGED, "partial"):
            continue
        # a lesser volume that stays is the norm once too few days of before are left: a network may shrink
        verdict = _verdict(held, sound or fallen, seen, params)
        if verdict != row:
            changed.append(verdict)
        if verdict.status in _JUDGED:
            sound.append(held)
        elif held.row.status in _JUDGED and verdict.status == "partial":
            fallen.append(held)
        if verdict.status != "failed":
            seen.append(held)
    return changed


def _as_read(row: LedgerRow) -> LedgerRow:
    """The row as it was before it was held against a norm; one that failed for another day's data has no rows left."""
    if row.status == "partial" and (row.error or "").startswith(LESS):
        return replace(row, status="ok" if row.records_kept or row.measures else "empty", error=None)
    return row


class _Held:
    """What a day held."""

    def __init__(self, row: LedgerRow) -> None:
        self.row = row

    @cached_property
    def measures(self) -> dict[str, Any]:
        """The day's own measures; of a source without any, its records alone."""
        return json.loads(self.row.measures) if self.row.measures else {"records": self.row.records_kept}

    def __getitem__(self, name: str) -> Any:
        return self.measures.get(name)


def _verdict(held: _Held, norm: Sequence[_Held], seen: Sequence[_Held], params: Thresholds) -> LedgerRow:
    """The row as it should be. seen: the days before of which anything was kept."""
    row = held.row
    usual = [one for one in norm if one["way"] == held["way"]]
    is_told = len(usual) >= params.volume_min_days
    others = [_repeated(held, seen)]
    others += [_off_fields(held, usual), _shifted(held, usual)] if is_told else []
    if any(others):
        error = OTHER + "; ".join(filter(None, others))
        return replace(row, status="failed", error=error, parts=(), records_kept=0)
    reasons = _falls(held, usual, params) if is_told and row.status in _JUDGED else []
    return replace(row, status="partial", error=LESS + "; ".join(reasons)) if reasons else row


def _falls(held: _Held, norm: Sequence[_Held], params: Thresholds) -> list[str]:
    """What of the day is far less than usual, in words."""
    reasons = []
    share, gone = params.volume_share_min, params.volume_gone_share
    for name, least in (("records", share), ("aircraft", share), ("military", gone), ("ground", gone)):
        value, usual = held[name], _low(name, norm)
        if value is not None and usual is not None and _is_fall(value, usual, least, params):
            what = {"military": "military aircraft", "ground": "aircraft on the ground"}.get(name, name)
            reasons.append(f"{value:,} {what}, where nine in ten of the days before hold {usual:,.0f} or more")
    if (_low("aircraft", norm) or 0) >= params.volume_fewest:
        reasons += _edges(held, norm, params)
    return reasons


def _low(name: str, norm: Sequence[_Held]) -> float | None:
    values = [one[name] for one in norm if one[name] is not None]
    return float(np.quantile(values, _LOW, method="lower")) if values else None


def _edges(held: _Held, norm: Sequence[_Held], params: Thresholds) -> list[str]:
    """Whether the day ends, or begins, long before or after every day of its norm.

    Where few are heard, days end when the last of them lands: the more these ends differ, the farther off one must be.
    """
    firsts, lasts = ([one[name] for one in norm if one[name] is not None] for name in ("first_min", "last_min"))
    if held["last_min"] is None or not lasts:
        return []
    early = max(params.archive_edge_min, _SPREADS * (median(lasts) - min(lasts)))
    late = max(params.archive_edge_min, _SPREADS * (max(firsts) - median(firsts)))
    reasons = []
    if held["last_min"] < min(lasts) - early:
        reasons.append(f"nothing after {_clock(held['last_min'])}, where no day before ended by {_clock(min(lasts))}")
    if held["first_min"] > max(firsts) + late:
        reasons.append(f"nothing before {_clock(held['first_min'])}, where every day before began by "
                       f"{_clock(max(firsts))}")  # fmt: skip
    return reasons


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _repeated(held: _Held, before: Sequence[_Held]) -> str | None:
    """Which earlier day the day repeats: the same aircraft at the same places and times of day."""
    own = set(held["sketch"] or ())
    for one in before:
        other = set(one["sketch"] or ())
        if len(own & other) >= max(_SHARED_MIN, min(len(own), len(other)) / 4):
            return f"it is the day {one.row.day} under another date"
    return None


def _off_fields(held: _Held, norm: Sequence[_Held]) -> str | None:
    """Whether aircraft on the ground are nowhere near a field, as on a day whose positions are moved by degrees."""
    ground, usual = held["ground"] or 0, sum(one["ground"] or 0 for one in norm)
    if ground < _SHARED_MIN or usual < _SHARED_MIN:
        return None
    is_usual = sum(one["at_field"] for one in norm) >= _AT_FIELD_USUAL * usual
    if is_usual and held["at_field"] < _AT_FIELD_FEW * ground:
        return f"only {held['at_field']} of {ground} aircraft on the ground are at a field: its positions are moved"
    return None


def _shifted(held: _Held, norm: Sequence[_Held]) -> str | None:
    """Whether the day's hours are those of its norm moved round the clock."""
    own, others = _profile(held), [profile for one in norm if (profile := _profile(one)) is not None]
    if own is None or len(others) < len(norm):
        return None
    mean = np.mean(others, axis=0)
    if any(_alike(one, mean) < _ALIKE for one in others):
        return None  # its days are not like one another
    likeness = [_alike(np.roll(own, -hours), mean) for hours in range(24)]
    hours = int(np.argmax(likeness))
    if likeness[0] < _UNLIKE and likeness[hours] >= _ALIKE:
        return f"its hours are those of other days, moved by {hours if hours <= 12 else hours - 24:+d}"
    return None


def _profile(held: _Held) -> Any:
    hours = np.array(held["hours"] or (), np.float64)
    return hours / hours.sum() if len(hours) == 24 and hours.sum() >= _HOURS_MIN else None


def _alike(one: Any, other: Any) -> float:
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(np.nan_to_num(np.corrcoef(one, other)[0, 1], nan=1.0))
