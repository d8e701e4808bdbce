"""The grid of what anybody was heard to do: cells, bands and slots, by hand and by the definition."""

from __future__ import annotations

from collections import defaultdict
from random import Random
from typing import Any

import numpy as np
import pytest

from basewatch.geo import Place, distance_km
from basewatch.readsb.heard import Heard
from basewatch.readsb.heatmap import GROUND, UNKNOWN
from basewatch.readsb.survey import KEPT, Cells

BASE = Place("hmeimim", 35.4, 35.95, 157.0)
FAR_KM = 160 * 1.852
CELLS = Cells.around([BASE], [], FAR_KM)
MINUTE = 60_000
DAY_START = 1_741_910_400 * 1_000_000  # 2025-03-14


def rows(*positions: tuple[int, float, float, float, int]) -> np.ndarray[Any, Any]:
    """Positions by aircraft and time: address, minute of the day, latitude, longitude, height in steps of 25 ft."""
    made = np.zeros(len(positions), KEPT)
    for number, (address, minute, latitude, longitude, height) in enumerate(positions):
        made[number] = (
            address, round(minute * MINUTE), round(latitude * 1e6), round(longitude * 1e6), height, 1000, 0,
        )  # fmt: skip
    return made


def grid(positions: np.ndarray[Any, Any]) -> Heard:
    """The grid of these positions."""
    return Heard.of(positions, CELLS.of(positions["lat"], positions["lon"]))


def told(heard: Heard) -> dict[tuple[str, float, float, bool, int], tuple[int, int, int, int]]:
    """The rows of the grid by slot, cell and band."""
    return {
        (
            f"{row['slot_at']:%H:%M}", round(row["south"], 1), round(row["west"], 1), row["is_ground"], row["band_ft"],
        ): (row["aircraft"], row["lowest_ft"], row["passes"], row["losses"])
        for row in heard.table(CELLS, DAY_START, "adsblol").to_pylist()
    }  # fmt: skip


def test_who_passes_who_comes_back_and_who_is_lost() -> None:
    heard = grid(
        rows(
            (1, 600, 35.41, 35.91, 40), (1, 601, 35.45, 35.91, 44), (1, 602, 35.51, 35.91, 48),
            (1, 603, 35.44, 35.9, 60), (2, 604, 35.45, 35.95, 4), (2, 605, 35.45, 35.95, GROUND),
        ),
    )  # fmt: skip
    assert told(heard) == {
        ("10:00", 35.4, 35.9, False, 0): (2, 100, 3, 1),  # the first entered twice; it is heard no more
        ("10:00", 35.5, 35.9, False, 0): (1, 1200, 1, 0),
        ("10:00", 35.4, 35.9, True, 0): (1, 0, 1, 1),
    }


@pytest.mark.parametrize(
    ("second", "losses"),
    [((1, 609, 35.45, 35.95, 40), 0), ((1, 611, 35.45, 35.95, 40), 1), ((1, 609, 10.0, 100.0, 40), 0)],
)
def test_a_loss_is_ten_minutes_of_silence_anywhere(second: tuple[int, float, float, float, int], losses: int) -> None:
    heard = told(grid(rows((1, 600, 35.45, 35.95, 400), second)))
    assert heard["10:00", 35.4, 35.9, False, 9000] == (1, 10_000, 1, losses)


def test_the_end_of_the_day_is_no_loss() -> None:
    assert told(grid(rows((1, 1435, 35.45, 35.95, 400))))["23:40", 35.4, 35.9, False, 9000][3] == 0


@pytest.mark.parametrize(("height", "band"), [(-10, -3000), (0, 0), (119, 0), (120, 3000), (20_000, 63_000)])
def test_heights_stand_in_bands_of_three_thousand_feet(height: int, band: int) -> None:
    assert [key[4] for key in told(grid(rows((1, 600, 35.45, 35.95, height))))] == [band]


def test_an_unknown_height_and_a_place_far_away_are_in_no_cell() -> None:
    assert told(grid(rows((1, 600, 35.45, 35.95, UNKNOWN), (2, 600, 10.0, 100.0, 40)))) == {}
    assert told(grid(rows())) == {}


@pytest.mark.parametrize("seed", range(5))
def test_parts_add_up_to_what_the_definition_says(seed: int) -> None:
    random = Random(seed)
    positions = sorted(
        (
            random.randrange(1, 9), random.randrange(1440), 35.4 + random.uniform(-3, 3), 35.9 + random.uniform(-3, 3),
            random.choice((GROUND, UNKNOWN, random.randrange(-40, 1600))),
        )
        for _ in range(400)
    )  # fmt: skip
    by_aircraft = [rows(*(one for one in positions if one[0] % 3 == part)) for part in range(3)]
    whole = told(Heard.joined([grid(part) for part in by_aircraft]))
    assert whole == told(grid(rows(*positions)))
    aircraft, lowest = defaultdict(set), {}
    for address, minute, latitude, longitude, height in positions:
        km = distance_km(*(np.array([value]) for value in (latitude, longitude, BASE.latitude, BASE.longitude)))[0]
        south, west = np.floor(round(latitude * 1e6) / 1e5) / 10, np.floor(round(longitude * 1e6) / 1e5) / 10
        if height == UNKNOWN or km > FAR_KM:
            continue
        is_ground = height == GROUND
        band = 0 if is_ground else height * 25 // 3000 * 3000
        key = (f"{minute // 60:02d}:{minute % 60 // 20 * 20:02d}", round(south, 1), round(west, 1), is_ground, band)
        aircraft[key].add(address)
        lowest[key] = min(lowest.get(key, 99_999), 0 if is_ground else height * 25)
    # a cell that reaches over the ring's edge may hold somebody beyond it
    assert aircraft.keys() <= whole.keys()
    assert {key: len(who) for key, who in aircraft.items()} == {key: whole[key][0] for key in aircraft}
    assert lowest == {key: whole[key][1] for key in lowest}
