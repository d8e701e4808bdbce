"""A month of heatmap files: whole days are counted, and a day of which one half hour is bad is never a published 0."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from heatmaps import damage, days
from heatmaps.files import HALVES, Form, begins, half_hour, midnight, name
from heatmaps.sky import Named, Point, Track
from tracekit import HMEIMIM
from wholeruns import Watch

pytestmark = pytest.mark.e2e

FIRST, LAST = date(2025, 6, 1), date(2025, 6, 30)
SOURCES = (
    '[sources.readsb_archive]\nenabled = true\nlocation = "archive"\nown_receiver = true\nread = "heatmap"\n'
    "processes = 1\n"
)
LAT, LON = HMEIMIM
FORM = Form(
    ground_ms=35_000
)  # as readsb writes: on the ground an aircraft soon has no height, and no place in the file
MORNING = 20  # the half hour from 10:00 on, in which the visitor lands


def overflight(address: str, start_s: int, north: float, altitude: float) -> Track:
    """An aircraft that passes from west to east within 25 minutes, so many degrees north of the base."""
    points = [
        Point((start_s + 15 * number) * 1000, LAT + north, LON - 0.9 + 0.018 * number, altitude, 216.0)
        for number in range(100)
    ]
    return Track(address, points, [Named(start_s * 1000, f"SWR{address[-3:]}", "1000")])


def visitor(day: date) -> Track:
    """A Russian transport that lands from the north at 10:12, and takes off to the north at 12:05."""
    start = midnight(day)

    def at(second: int, north: float, altitude: float | str, speed: float) -> Point:
        return Point((start + second) * 1000, LAT + north, LON, altitude, speed)

    points = [
        *(at(36_120 + 5 * n, 0.5 * (1 - n / 120), 150 + 9000 * (1 - n / 120), 180.0) for n in range(120)),
        *(at(36_720 + 5 * n, -0.0001 * n, "ground", 20.0) for n in range(30)),
        *(at(43_350 + 5 * n, 0.0, "ground", 15.0) for n in range(30)),
        *(at(43_500 + 5 * n, 0.005 * n, 250 + 75 * n, 190.0) for n in range(120)),
    ]
    return Track("14f10a", points, [Named(start * 1000, "RFF7001", "2000")])


def day_of(day: date, visited: bool = False) -> dict[str, bytes]:
    """The heatmaps of a day with an airliner and a light aircraft in each half hour, and perhaps the visitor."""
    files = {}
    for half in range(HALVES):
        start = begins(day, half)
        late = day.day * 7 + half % 5  # seconds: no day's traffic is another's
        tracks = [
            overflight(f"4b10{half:02d}", start + late, 0.2, 11_000),
            overflight(f"4b11{half:02d}", start + late, -0.3, 2_500),
        ]
        files[name(half)] = half_hour([*tracks, visitor(day)] if visited else tracks, start, FORM).data()
    return files


def spoilt(day: date, kind: str, visited: bool = False) -> dict[str, bytes]:
    """A day whose half hour from 10:00 on is damaged."""
    start = begins(day, MORNING)
    tracks = [visitor(day)] if visited else damage.scene(start, (LAT, LON + 20))
    return {**day_of(day, visited), name(MORNING): damage.damaged(half_hour(tracks, start), kind)}


def june(number: int) -> date:
    return date(2025, 6, number)


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory, bare_environment: dict[str, str]) -> Watch:
    """A watch of Hmeimim over a June of which ten days are not whole; all of it was read."""
    watch = Watch(tmp_path_factory.mktemp("month"), dict(bare_environment))
    watch.configure(SOURCES, flights=False)
    archive = watch.folder / "archive"
    layouts = [days.LAYOUTS[layout] for layout in ("a tar", "folders by year", "a release unpacked", "a tar in parts")]
    bad: dict[int, Any] = {
        5: spoilt(june(5), "cut in the gzip"),
        7: spoilt(june(7), "of the day before"),
        9: spoilt(june(9), "zeros"),
        11: spoilt(june(11), "a web page"),
        13: {member: data for member, data in day_of(june(13)).items() if member != name(MORNING)},
        15: spoilt(june(15), "no header", visited=True),  # the visitor landed in the lost half hour
        17: {**day_of(june(17), visited=True), name(40): b""},  # and in another than the lost one
        19: dict.fromkeys(day_of(june(19)), b""),
        21: day_of(june(20)),
    }
    for number in range((LAST - FIRST).days + 1):
        day = FIRST + timedelta(days=number)
        if day != june(23):
            files = bad.get(day.day) or day_of(day, visited=day.day in (3, 27))
            layouts[number % len(layouts)](archive, day, files)
    done = watch.inside("backfill", "--from", str(FIRST), "--to", str(LAST), "--plain", "--config", str(watch.config))
    assert done.returncode == 0, done.stderr
    return watch


NOT_WHOLE = {5, 7, 9, 11, 13, 15, 17, 19, 21, 23}


def test_a_day_with_a_bad_half_hour_is_missing_and_never_zero(month: Watch) -> None:
    rows = month.query(
        "SELECT day, observability, arrivals, departures, visits FROM base_daily_activity "
        "WHERE base_id = 'hmeimim' AND fleet_id = 'all' ORDER BY day"
    )
    assert [day for day, *_ in rows] == [june(number) for number in range(1, 31)]
    assert {day.day for day, observability, *_ in rows if observability == "missing"} == NOT_WHOLE
    assert all(0 not in counts for day, _, *counts in rows if day.day in NOT_WHOLE)


def test_whole_days_are_counted(month: Watch) -> None:
    rows = month.query(
        "SELECT day, observability, arrivals, visits FROM base_daily_activity "
        "WHERE base_id = 'hmeimim' AND fleet_id = 'all' AND observability <> 'missing'"
    )
    assert {observability for _, observability, _, _ in rows} == {"observed"}
    counts = {day.day: (arrivals, visits) for day, _, arrivals, visits in rows}
    assert counts == {number: (1, 1) if number in (3, 27) else (0, 0) for number in set(range(1, 31)) - NOT_WHOLE}


def test_the_month_says_how_much_of_it_was_read(month: Watch) -> None:
    ((missing, observed, activity, arrivals),) = month.query(
        "SELECT days_missing, days_observed, activity, arrivals FROM base_monthly_activity "
        "WHERE base_id = 'hmeimim' AND fleet_id = 'all' AND month = '2025-06-01'"
    )
    assert (missing, observed, activity) == (len(NOT_WHOLE), 30 - len(NOT_WHOLE), "active")
    assert arrivals >= 3  # of the third, the seventeenth and the twenty-seventh


def test_the_ledger_names_the_half_hours_that_are_missing(month: Watch) -> None:
    rows = month.query(
        "SELECT day, status, error FROM source_days WHERE source = 'readsb_archive' AND scope = 'global'"
    )
    days_of_ledger = {day.day: (status, error or "") for day, status, error in rows}
    partial = {number: error for number, (status, error) in days_of_ledger.items() if status == "partial"}
    assert partial.keys() == {5, 7, 9, 11, 13, 15, 17}
    assert all(("20:00" if number == 17 else "10:00") in error for number, error in partial.items())
    assert [days_of_ledger[number][0] for number in (19, 21)] == ["failed", "failed"]
    assert "2025-06-20" in days_of_ledger[21][1]
    assert days_of_ledger[23][0] == "missing"
    assert all(days_of_ledger[number] == ("ok", "") for number in set(range(1, 31)) - NOT_WHOLE)


def test_what_sound_half_hours_of_a_bad_day_show_is_kept(month: Watch) -> None:
    ((arrivals,),) = month.query(
        "SELECT arrivals FROM base_daily_activity WHERE base_id = 'hmeimim' AND fleet_id = 'all' AND day = ?", june(17)
    )
    assert arrivals == 1
