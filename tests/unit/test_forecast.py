"""How many nights the disk still holds, and what a night adds."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from basewatch.cli.forecast import MOST_NIGHTS, daily_bytes, fitting
from basewatch.lake.events import GLOBAL
from basewatch.lake.ledger import LedgerRow
from server import setup


@pytest.mark.parametrize(
    ("free", "a_day", "sizes", "keep", "keep_bytes", "nights"),
    [
        (100, 0, [10], 30, None, 10),  # until the releases fill it
        (100, 0, [10], 5, None, MOST_NIGHTS),  # the oldest makes room, so that it never fills
        (100, 5, [10] * 5, 5, None, 18),  # then days alone count, and a release needs its room before one goes
        (100, 0, [10, 10], 30, 40, MOST_NIGHTS),
        (9, 0, [10], 1, None, 0),  # a night needs room for its release beside the one that goes
    ],
)
def test_nights_are_counted_until_the_disk_is_full(
    free: float, a_day: float, sizes: list[int], keep: int, keep_bytes: int | None, nights: int
) -> None:
    assert fitting(free, a_day, 10, sizes, keep, keep_bytes) == nights


def row(source: str, day: date, size: int, *parts: str) -> LedgerRow:
    at = datetime(2026, 4, 1, tzinfo=UTC)
    return LedgerRow(source, GLOBAL, day, "ok", 1, size, 1, 1, 0, None, None, at, None, "run", parts, None)


def test_a_day_weighs_what_the_last_days_of_each_enabled_source_weigh(tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"x" * 100)
    (tmp_path / "large").write_bytes(b"x" * 9000)
    settings = setup.settings(tmp_path, opensky={"bases": ["hmeimim"]}, press_flights={})
    last = date(2026, 3, 31)
    days = [last - timedelta(days=number) for number in range(30)]
    ledger = [row("opensky", day, 50, "small") for day in days]
    ledger.append(row("opensky", last - timedelta(days=400), 50, "large"))  # long ago
    ledger.append(row("flightradar24", last, 50, "large"))  # not enabled
    ledger += [row("press_flights", day, 1, "small", "gone") for day in days[:1]]  # lands nothing
    assert daily_bytes(settings, tmp_path, ledger) == 100 + 50 + 100
