"""A clock that moves: it is told, and while it is doubtful nothing is deleted because of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from basewatch import run
from basewatch.lake.events import Day
from basewatch.lake.ledger import ledger_row
from basewatch.lake.store import Lake
from basewatch.warehouse import clock
from server import setup

NOW = datetime(2026, 10, 2, 5, tzinfo=UTC)
DAY = timedelta(days=1)


def doubts(tmp_path: Path, *moments: datetime) -> list[str | None]:
    """What is said of the clock in runs that begin at these moments."""
    said = []
    for at in moments:
        said.append(clock.read(tmp_path).doubt(at))
        clock.note(tmp_path, at)
    return said


def test_nights_and_a_month_off_are_no_doubt(tmp_path: Path) -> None:
    assert doubts(tmp_path, NOW, NOW + DAY, NOW + DAY - timedelta(minutes=5), NOW + 30 * DAY) == [None] * 4


def test_a_clock_that_goes_back_is_told_for_a_week_of_its_own(tmp_path: Path) -> None:
    back = NOW - 2 * DAY
    first, *said, last = doubts(tmp_path, NOW, back, back + DAY, back + 7 * DAY, back + 8 * DAY)
    assert first is None and last is None
    assert said == ["the clock went back by 2.0 days, from 2026-10-02 05:00 to 2026-09-30 05:00 UTC"] * 3


def test_a_clock_that_jumps_and_comes_back_is_told_twice(tmp_path: Path) -> None:
    _, forward, back = doubts(tmp_path, NOW, NOW + 730 * DAY, NOW + DAY)
    assert forward and "forward by 730.0 days" in forward
    assert back and "back by 729.0 days" in back


@pytest.mark.parametrize(
    "content", ["", "[]", '{"last": 3}', '{"other": "2026-10-02T05:00:00+00:00"}', '{"last": "x"}']
)
def test_a_damaged_note_is_a_doubt_and_is_mended_by_the_next_run(tmp_path: Path, content: str) -> None:
    (tmp_path / clock.FILE).write_text(content)
    first, second, last = doubts(tmp_path, NOW, NOW + DAY, NOW + 9 * DAY)
    assert first and second and last is None


def test_under_a_clock_in_2099_nothing_expires_and_as_of_comes_back_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"enabled": True, "token": "t", "bases": ["hmeimim"], "location": "http://127.0.0.1:9"}
    settings = setup.settings(tmp_path, flightradar24=values, press_flights={"enabled": False})
    lake = Lake(settings.root)
    part = "flightradar24_flights/source=flightradar24/day=2026-10-01/aa.parquet"
    (lake.folder / part).parent.mkdir(parents=True)
    (lake.folder / part).write_text("rows")
    lake.commit([ledger_row("flightradar24", Day(date(2026, 10, 1), "ok", "base:hmeimim"), "run", [part], NOW)])
    told: list[str] = []

    def night(now: datetime) -> run.Run:
        monkeypatch.setattr(run, "utc_now", lambda: now)
        work = run.start(settings, None)
        work.progress = told.append
        run.settle(work)
        return work

    night(NOW)
    wrong = night(datetime(2099, 1, 1, 5, tzinfo=UTC))
    assert (lake.folder / part).exists() and [row.status for row in lake.ledger()] == ["ok"]
    assert any("forward by" in line for line in told)
    assert any("nothing is deleted under its terms until the clock has stood for 7 days" in line for line in told)
    lake.commit([ledger_row("flightradar24", Day(wrong.until, "failed"), "run", [], wrong.started_at)])
    assert night(NOW + DAY).as_of == date(2026, 10, 2), "days that have not come were looked at, and do not count"
    assert (lake.folder / part).exists()
    for number in range(2, 40, 6):
        night(NOW + number * DAY)
    assert not (lake.folder / part).exists(), "on a clock that stands the terms are kept"
