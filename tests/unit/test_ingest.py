"""Which days a run looks at: the horizon, what was missed, what is done, and bases that were added later."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from basewatch.config import Settings
from basewatch.ingest import BEGINNING, done_lately, plan, together
from basewatch.lake.events import GLOBAL
from basewatch.lake.ledger import LedgerRow
from basewatch.sources.contract import Window
from server import setup

UNTIL = date(2026, 3, 31)
HORIZON = 14


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """One source that is read by day."""
    return setup.settings(tmp_path, press_flights={"enabled": False}, opensky={"bases": ["hmeimim"]})


def row(
    day: date, status: str = "ok", scope: str = GLOBAL, source: str = "opensky", watched: tuple[str, ...] | None = None
) -> LedgerRow:
    """What the ledger keeps of a day."""
    at = datetime(2026, 4, 1, tzinfo=UTC)
    return LedgerRow(source, scope, day, status, 1, 100, 1, 1, 0, None, None, at, None, "run", (), watched)


def ago(days: int) -> date:
    """So many days before the last day asked for."""
    return UNTIL - timedelta(days=days)


def days(windows: list[Window]) -> list[date]:
    """The days of windows of one day each, in order."""
    assert all(window.since == window.until for window in windows)
    return [window.since for window in windows]


def span(first: date, last: date = UNTIL) -> list[date]:
    """Every day from the first to the last."""
    return list(Window("any", first, last).days())


def test_a_first_night_looks_at_the_horizon_and_its_last_day_is_the_one_asked_for(settings: Settings) -> None:
    assert days(plan(settings, [], UNTIL)) == span(ago(HORIZON - 1))
    assert len(plan(settings, [], UNTIL)) == settings.nightly.horizon_days == HORIZON


def test_a_bad_day_is_looked_at_again_while_it_is_within_the_horizon(settings: Settings) -> None:
    ledger = [row(day) for day in span(ago(30))]
    for back in (0, 1, HORIZON - 1):
        bad = [*ledger, row(ago(back), "failed")]
        assert days(plan(settings, bad, UNTIL)) == [ago(back)]
    assert plan(settings, [*ledger, row(ago(HORIZON), "failed")], UNTIL) == [], "a day older than that"


def test_where_nothing_was_ever_good_the_last_day_looked_at_in_vain_is_looked_at_again(settings: Settings) -> None:
    in_vain = [row(day, "failed") for day in span(ago(HORIZON + 20), ago(HORIZON + 10))]
    assert days(plan(settings, in_vain, UNTIL)) == span(ago(HORIZON + 10))


@pytest.mark.parametrize("status", ["ok", "empty", "expired"])
def test_a_day_of_which_no_more_is_to_be_had_is_done(settings: Settings, status: str) -> None:
    ledger = [row(day, status) for day in span(ago(HORIZON - 1))]
    assert plan(settings, ledger, UNTIL) == []
    assert plan(settings, ledger, UNTIL, since=ago(3)) == []


@pytest.mark.parametrize("status", ["missing", "partial", "failed", "late"])
def test_a_day_of_which_more_may_come_is_not_done(settings: Settings, status: str) -> None:
    ledger = [row(day, status if day == ago(2) else "ok") for day in span(ago(HORIZON - 1))]
    assert days(plan(settings, ledger, UNTIL)) == [ago(2)]


def test_a_day_is_done_when_it_is_done_in_every_scope(settings: Settings) -> None:
    ledger = [row(day) for day in span(ago(HORIZON - 1))]
    ledger += [row(ago(4), "failed", "base:hmeimim"), row(ago(3), "ok", "base:hmeimim")]
    assert days(plan(settings, ledger, UNTIL)) == [ago(4)]


def test_a_machine_that_was_off_for_a_month_catches_up_from_the_day_after_its_last_good_one(settings: Settings) -> None:
    ledger = [row(day) for day in span(ago(60), ago(31))]
    assert days(plan(settings, ledger, UNTIL)) == span(ago(30))


def test_nights_that_failed_since_do_not_hide_the_last_good_day(settings: Settings) -> None:
    ledger = [row(ago(31)), *(row(day, "failed") for day in span(ago(30), ago(1)))]
    assert days(plan(settings, ledger, UNTIL)) == span(ago(30))


def test_days_after_the_one_asked_for_change_nothing(settings: Settings) -> None:
    later = [row(UNTIL + timedelta(days=1)), row(UNTIL + timedelta(days=2), "failed")]
    assert days(plan(settings, later, UNTIL)) == span(ago(HORIZON - 1))


def test_a_backfill_looks_at_its_range_alone_and_skips_what_is_done(settings: Settings) -> None:
    ledger = [row(ago(99)), row(ago(98), "partial"), row(ago(97), "empty")]
    assert days(plan(settings, ledger, ago(96), since=ago(100))) == [ago(100), ago(98), ago(96)]
    assert days(plan(settings, [], UNTIL, since=UNTIL)) == [UNTIL], "both ends are included"


def test_days_read_before_a_base_was_added_are_read_again_by_a_backfill_and_not_by_a_night(settings: Settings) -> None:
    ledger = [row(day, watched=("benina", "hmeimim")) for day in span(ago(HORIZON - 1))]
    ledger[0] = row(ago(HORIZON - 1), watched=("hmeimim",))
    watched_now = ["hmeimim", "benina"]
    assert plan(settings, ledger, UNTIL, bases=watched_now) == []
    assert days(plan(settings, ledger, UNTIL, ago(HORIZON - 1), watched_now)) == [ago(HORIZON - 1)]
    assert plan(settings, ledger, UNTIL, ago(HORIZON - 1), ["hmeimim"]) == [], "a base fewer asks for nothing new"


def test_a_day_that_was_read_for_all_bases_is_done_for_one_added_later(settings: Settings) -> None:
    ledger = [row(day, watched=None) for day in span(ago(5))]
    assert plan(settings, ledger, UNTIL, ago(5), ["hmeimim", "added_later"]) == []


def test_files_are_one_window_and_what_is_polled_is_none(tmp_path: Path) -> None:
    settings = setup.settings(
        tmp_path, press_flights={"enabled": False}, flight_files={"location": "records"}, readsb_live={}
    )
    ledger = [row(UNTIL, source="flight_files")]
    assert plan(settings, ledger, UNTIL) == [Window("flight_files", BEGINNING, UNTIL)]
    assert plan(settings, ledger, UNTIL, since=ago(3)) == [Window("flight_files", ago(3), UNTIL)]


def test_one_source_says_nothing_of_another(tmp_path: Path) -> None:
    settings = setup.settings(
        tmp_path, press_flights={"enabled": False}, opensky={"bases": ["hmeimim"]}, gdelt_doc={"bases": ["hmeimim"]}
    )
    ledger = [row(day) for day in span(ago(HORIZON - 1))]
    assert {window.source for window in plan(settings, ledger, UNTIL)} == {"gdelt_doc"}


def test_a_disabled_source_is_not_planned(tmp_path: Path) -> None:
    assert plan(setup.settings(tmp_path, press_flights={"enabled": False}), [], UNTIL) == []


def test_days_done_lately_are_whole_days_of_the_horizon_with_their_size() -> None:
    ledger = [
        row(UNTIL),
        row(ago(1), "partial"),
        row(ago(2), "ok", "base:hmeimim"),
        row(ago(3), source="gdelt_files"),
        row(ago(HORIZON - 1), "empty"),
        row(ago(HORIZON)),
        row(UNTIL + timedelta(days=1)),
    ]
    assert done_lately("opensky", ledger, UNTIL, HORIZON) == {UNTIL: 100, ago(HORIZON - 1): 100}


# ---- days that a source does not have


def windows(source: str, *days: int) -> list[Window]:
    """A window a day, so many days before UNTIL."""
    return [Window(source, ago(day), ago(day)) for day in days]


def test_lacking_days_that_follow_each_other_are_one_window() -> None:
    planned = windows("opensky", 9, 8, 7, 6, 5, 4)
    joined = together(planned, {"opensky": {ago(9), ago(8), ago(7), ago(5), ago(4)}})
    assert joined == [
        Window("opensky", ago(9), ago(7)),
        Window("opensky", ago(6), ago(6)),
        Window("opensky", ago(5), ago(4)),
    ]


def test_days_that_are_done_are_not_taken_in_between() -> None:
    planned = windows("opensky", 9, 8, 6, 5)
    joined = together(planned, {"opensky": {ago(day) for day in range(10)}})
    assert joined == [Window("opensky", ago(9), ago(8)), Window("opensky", ago(6), ago(5))]


def test_windows_of_another_source_and_of_files_stay_as_they_are() -> None:
    planned = [*windows("opensky", 9, 8), *windows("gdelt_doc", 7, 6), Window("flight_files", BEGINNING, UNTIL)]
    assert together(planned, {"gdelt_doc": {ago(7)}, "opensky": set()}) == planned
    assert together(planned, {}) == planned
    assert together([], {"opensky": {ago(1)}}) == []
