"""Recorded flights, from positions to visits: what truly happened, and what the method makes of it.

The flights and what is known of them: tests/samples/flights.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import recorded_flights
from basewatch.lake.events import Reject, Rows
from basewatch.lake.schemas import TABLES
from basewatch.sources import readsb_live
from basewatch.sources.contract import Window
from recorded_flights import Sighting, Stay, Visit
from server import setup

STAYS = [stay for story in recorded_flights.stories() for stay in story.stays]
EVERYTHING: tuple[Sighting, ...] = tuple(
    each for polls in recorded_flights.POLLS for each in recorded_flights.sightings(polls)
)


@pytest.fixture(scope="module")
def visits(tmp_path_factory: pytest.TempPathFactory) -> list[Visit]:
    """What becomes of all recorded flights, weak visits included."""
    return recorded_flights.visits(tmp_path_factory.mktemp("as_recorded"), EVERYTHING)


def counted(found: Iterable[Visit]) -> list[Visit]:
    """Those that count as visits."""
    return [visit for visit in found if visit["confidence"] >= 2]


# ---- what truly happened


@pytest.mark.parametrize(
    "stay",
    [
        pytest.param(
            stay,
            id=stay.label,
            marks=[pytest.mark.xfail(strict=True, raises=AssertionError, reason=stay.missed)] if stay.missed else [],
        )
        for stay in STAYS
    ],
)
def test_a_stay_is_counted_once(visits: list[Visit], stay: Stay) -> None:
    assert len([visit for visit in counted(visits) if stay.is_told_by(visit)]) == 1


def test_nothing_but_stays_is_told_of_weak_or_counted(visits: list[Visit]) -> None:
    assert [visit for visit in visits if not any(stay.is_told_by(visit) for stay in STAYS)] == []


@pytest.mark.parametrize("stay", [pytest.param(stay, id=stay.label) for stay in STAYS])
def test_evidence_is_as_strong_as_what_was_heard(visits: list[Visit], stay: Stay) -> None:
    shown = [visit["confidence"] for visit in visits if stay.is_told_by(visit)]
    assert shown == {"counted": [2], "weak": [1], "no": []}[stay.found]
    assert (stay.missed is None) == (stay.found == "counted")


def test_a_landing_between_two_polls_has_its_time_and_its_names(visits: list[Visit]) -> None:
    (visit,) = (each for each in visits if each["icao24"] == "ae54cd")
    names = (visit["callsign"], visit["registration"], visit["type_code"])
    assert names == ("STALK88", "12-5760", "C30J")
    assert visit["arrival_evidence"] == "touchdown"
    assert f"{visit['arrived_at']:%Y-%m-%d %H:%M:%S}" == "2023-11-20 21:12:29"
    assert (visit["departed_at"], visit["departure_evidence"]) == (None, "none")


def test_a_callsign_of_fillers_is_no_callsign(visits: list[Visit]) -> None:
    (visit,) = (each for each in visits if each["icao24"] == "43c5e8")
    assert visit["callsign"] is None  # @ is the empty place of the six-bit alphabet of ADS-B


# ---- what must not matter


def told(found: Iterable[Visit], shift_s: int = 0) -> list[tuple[Any, ...]]:
    """Visits as they would be had every position been so many seconds earlier."""

    def moved(visit: Visit, name: str) -> Any:
        return visit[name] and visit[name] - timedelta(seconds=shift_s)

    times = ("first_evidence_at", "last_evidence_at", "arrived_at", "departed_at")
    same = ("icao24", "base_id", "arrival_evidence", "departure_evidence", "confidence", "rule", "callsign")
    return sorted(
        (
            tuple(visit[name] for name in same) + tuple(moved(visit, name) for name in times)
            for visit in found
        ),
        key=repr,
    )  # fmt: skip


def is_split(aircraft: str, shift_s: int) -> bool:
    """Whether midnight falls between two sightings of the aircraft that are on one day as recorded."""
    times = [each.at_s for each in EVERYTHING if each.aircraft["hex"] == aircraft]
    return any(
        a // 86_400 == b // 86_400 and (a + shift_s) // 86_400 != (b + shift_s) // 86_400 for a, b in pairwise(times)
    )


@pytest.mark.parametrize(
    ("shift_s", "split"),
    [
        pytest.param(41 * 86_400 + 3 * 3600, "ae54cd", id="another month, midnight before STALK88 lands"),
        pytest.param(5 * 3600, "43c5e8", id="midnight while ZM414 stands on the apron"),
    ],
)
def test_the_day_and_midnight_do_not_matter(visits: list[Visit], tmp_path: Path, shift_s: int, split: str) -> None:
    assert is_split(split, shift_s)
    assert told(recorded_flights.visits(tmp_path, EVERYTHING, shift_s), shift_s) == told(visits)


def test_neither_other_flights_nor_the_order_of_sightings_matter(visits: list[Visit], tmp_path: Path) -> None:
    alone = recorded_flights.sightings("kirtland")
    assert told(recorded_flights.visits(tmp_path, reversed(alone))) == [
        one for one in told(visits) if one[1] == "kirtland"
    ]


@pytest.mark.parametrize("polls", list(recorded_flights.POLLS))
def test_an_archive_of_the_answers_holds_what_the_answers_hold(tmp_path: Path, polls: str) -> None:
    days = recorded_flights.write_archive(tmp_path / "archive", recorded_flights.sightings(polls))
    archived, _ = recorded_flights.decoded(tmp_path, days)
    direct = polled(tmp_path, polls, days)
    assert positions(archived["track_points"]) == positions(direct)
    assert times(archived["track_points"]) == pytest.approx(times(direct), abs=0.01)  # archives tell hundredths


def polled(folder: Path, polls: str, days: list[date]) -> pa.Table:
    """The positions that the reader of live answers makes of the same files."""
    location = str(recorded_flights.POLLS[polls][0].parent)
    about = setup.context(
        setup.settings(folder, readsb_live={"location": location}), recorded_flights.LATER, readsb_live.CODE
    )
    about = recorded_flights.watching(about)
    window = Window(readsb_live.CODE, days[0], days[-1])
    parts = []
    for event in readsb_live.decode(readsb_live.fetch(window, about), about):
        assert not isinstance(event, Reject), event
        if isinstance(event, Rows) and event.table == "track_points":
            assert isinstance(event.data, pa.Table)
            parts.append(event.data.cast(TABLES["track_points"].schema))
    return pa.concat_tables(parts)


def positions(table: pa.Table) -> list[dict[str, Any]]:
    """Rows in order of aircraft and time, without what differs by the way they came: source, network, exact time."""
    rows = table.sort_by([("icao24", "ascending"), ("seen_at", "ascending")])
    return list(rows.drop_columns(["source", "network", "seen_at"]).to_pylist())


def times(table: pa.Table) -> list[float]:
    """When each of `positions` was seen, epoch seconds."""
    rows = table.sort_by([("icao24", "ascending"), ("seen_at", "ascending")])
    return [each.timestamp() for each in rows["seen_at"].to_pylist()]
