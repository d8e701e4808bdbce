"""Source-days against their trailing norm: what fell, what is another day's, what is merely small or growing."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from basewatch import config
from basewatch.lake.events import Day
from basewatch.lake.ledger import LedgerRow, ledger_row
from basewatch.reference import load
from basewatch.sources import volumes

PARAMS = load.params(config.Settings()).thresholds
FIRST = date(2025, 6, 2)  # a Monday
LAST = 20  # number of the day that is judged
HOURS = [100 if hour < 6 else 900 for hour in range(24)]


def held(number: int, **changed: Any) -> LedgerRow:
    """An archive's day of 1,000 aircraft, with these measures in place of its own."""
    sketch = [f"{number * 1000 + value:x}" for value in range(32)]
    values = {"way": "traces", "aircraft": 1000 + number % 7, "military": 60, "ground": 50, "at_field": 48,
              "hours": HOURS, "sketch": sketch, "first_min": 0, "last_min": 1439, **changed}  # fmt: skip
    day = Day(FIRST + timedelta(days=number), "ok", records_kept=40, measures=json.dumps(values))
    return ledger_row("readsb_archive", day, "run", ["lake/part.parquet"], datetime(2025, 7, 1, tzinfo=UTC))


def answered(number: int, records: int, scope: str = "base:hmeimim") -> LedgerRow:
    """A day of an airport's flights."""
    day = Day(FIRST + timedelta(days=number), "ok" if records else "empty", scope, records_kept=records)
    return ledger_row("opensky", day, "run", at=datetime(2025, 7, 1, tzinfo=UTC))


def judged(**changed: Any) -> LedgerRow | None:
    """What becomes of the last of three weeks' days; None where nothing does."""
    found = volumes.judge([*map(held, range(LAST)), held(LAST, **changed)], PARAMS)
    assert all(row.day == FIRST + timedelta(days=LAST) for row in found)
    return found[0] if found else None


@pytest.mark.parametrize(
    ("changed", "status", "words"),
    [
        ({"aircraft": 501}, "partial", "501 aircraft, where nine in ten of the days before hold 1,000 or more"),
        ({"military": 0}, "partial", "0 military aircraft, where nine in ten of the days before hold 60 or more"),
        ({"ground": 0, "at_field": 0}, "partial", "0 aircraft on the ground, where nine in ten"),
        ({"last_min": 842}, "partial", "nothing after 14:02, where no day before ended by 23:59"),
        ({"first_min": 180}, "partial", "nothing before 03:00"),
        (
            {"sketch": [f"{19_000 + value:x}" for value in range(32)]},
            "failed",
            "it is the day 2025-06-21 under another",
        ),
        ({"sketch": [f"{19_000 + value:x}" for value in range(0, 64, 2)]}, "failed", "it is the day 2025-06-21"),
        ({"at_field": 2}, "failed", "only 2 of 50 aircraft on the ground are at a field"),
        ({"hours": HOURS[-6:] + HOURS[:-6]}, "failed", "its hours are those of other days, moved by +6"),
    ],
)
def test_a_day_that_cannot_be_whole_or_its_own_is_told(changed: dict[str, Any], status: str, words: str) -> None:
    found = judged(**changed)
    assert found is not None and found.status == status and words in (found.error or "")
    assert bool(found.parts) == (status == "partial"), "another day's rows are not read"


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"aircraft": 650, "military": 15},  # Christmas
        {"aircraft": 3000},  # growth
        {"last_min": 1400},
        {"hours": [value // 2 for value in HOURS]},
        {"ground": 6, "at_field": 0},  # too few to tell
        {"way": "heatmap", "aircraft": 100},  # read otherwise: counted otherwise
    ],
)
def test_a_quiet_day_is_whole(changed: dict[str, Any]) -> None:
    assert judged(**changed) is None


@pytest.mark.parametrize(("last_min", "is_whole"), [(1000, True), (999, False)])
def test_a_day_of_few_ends_when_the_last_of_them_lands(last_min: int, is_whole: bool) -> None:
    # the days before ended between 20:00 and 23:59, most after 21:40: a hundred minutes apart, and twice that is chance
    lasts = [1200, *([1300] * 10), *([1439] * 9)]
    days = [*(held(number, last_min=last) for number, last in enumerate(lasts)), held(LAST, last_min=last_min)]
    found = volumes.judge(days, PARAMS)
    assert [row.status for row in found] == ([] if is_whole else ["partial"])


def test_a_small_base_is_never_judged_and_weekends_are_the_norm_of_a_busy_one() -> None:
    assert volumes.judge([answered(day, int(day % 7 == 3)) for day in range(60)], PARAMS) == []
    assert volumes.judge([answered(day, 12 if day % 7 < 5 else 0) for day in range(60)], PARAMS) == []
    weekly = [answered(day, 80 if day % 7 < 5 else 25) for day in range(60)]
    assert volumes.judge(weekly, PARAMS) == []
    (fallen,) = volumes.judge([*weekly[:-1], answered(59, 3)], PARAMS)
    assert fallen.status == "partial" and "3 records, where nine in ten" in (fallen.error or "")
    (silent,) = volumes.judge([*weekly[:-1], answered(59, 0)], PARAMS)
    assert silent.status == "partial", "no answer of a busy field is no silence"


def test_the_first_week_judges_nothing() -> None:
    assert volumes.judge([*map(held, range(6)), held(6, aircraft=100)], PARAMS) == []


def test_the_order_of_reading_changes_nothing_and_a_verdict_is_taken_back() -> None:
    rows = [*map(held, range(LAST)), held(LAST, aircraft=501)]
    (fallen,) = volumes.judge(reversed(rows), PARAMS)
    again = [*rows[:-1], fallen]
    assert volumes.judge(again, PARAMS) == [], "it says so already"
    lesser = [*(held(day, aircraft=520) for day in range(LAST)), fallen]
    (sound,) = volumes.judge(lesser, PARAMS)
    assert (sound.status, sound.error) == ("ok", None)
    assert sound == replace(rows[-1])


def test_a_lesser_volume_that_stays_becomes_the_norm() -> None:
    rows = [*map(held, range(28)), *(held(day, aircraft=400) for day in range(28, 70))]
    fallen = {row.day for row in volumes.judge(rows, PARAMS)}
    assert fallen == {FIRST + timedelta(days=day) for day in range(28, 50)}, "a week of days of before tells no more"


def test_sums_over_scopes_and_folders_of_single_aircraft_are_not_judged() -> None:
    rows = [
        answered(day, 100 if day < 30 else 0, scope) for day in range(31) for scope in ("global", "aircraft:1533f8")
    ]
    assert volumes.judge(rows, PARAMS) == []


def ends(months: list[int]) -> dict[date, int]:
    """So many ends in each month of 2025, on its first days."""
    return {date(2025, month, day): 1 for month, count in enumerate(months, start=1) for day in range(1, count + 1)}


@pytest.mark.parametrize(
    ("months", "fallen"),
    [
        ([28] * 7 + [8, 28], [8]),
        ([28] * 7 + [0, 28], []),  # a silence is what the watch is for
        ([6, 8, 4, 9, 2, 7, 5, 1, 6], []),
        ([20, 21, 22, 24, 25, 26, 27, 28, 28], []),
        ([28, 28, 28, 8, 28], []),  # too few months to tell
    ],
)
def test_a_month_of_a_cover_is_held_against_those_before(months: list[int], fallen: list[int]) -> None:
    found = volumes.fallen_months(ends(months), date(2025, 1, 1), date(2025, 9, 30), PARAMS)
    assert [month.month for month in found] == fallen
