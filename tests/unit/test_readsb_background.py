"""What other traffic near a base shows of the receivers, told from tracks whose story is known."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from basewatch.reference import watchlist
from tracekit import HMEIMIM, Point, context, decode, point, run, shipped, trace, write_tar

LAT, LON = HMEIMIM
FIELD_FT = 157
NOON = 43_200.0


def approach(
    to_km: float, start: float = NOON, offset_km: float = 0.0, sink: int = 1200, step: int = 10
) -> list[Point]:
    """A descent from 90 km south, straight in on 000 at 150 kt or so, until lost so many km before the field."""
    track = []
    km, seconds = 90.0, start
    while km >= to_km:
        height = FIELD_FT + km * sink / 4.63  # ft: at 150 kt a nautical mile takes 24 s
        where = (LAT - km / 111.195, LON + offset_km / 90.6)
        track.append(point(seconds, *where, round(height), track=0.0, rate=-sink, gs=150.0))
        km -= step * 150 * 1.852 / 3600
        seconds += step
    return track


def ground(start: float, count: int = 6) -> list[Point]:
    return [point(start + n * 10, LAT, LON, "ground", gs=30.0, track=0.0, rate=None) for n in range(count)]


def climb(start: float, from_km: float = 0.0) -> list[Point]:
    """The approach flown backwards: away to the south, climbing."""
    arrival = approach(from_km)
    return [[start + n * 10, *values[1:5], 180.0, 0, 1200, *values[8:]] for n, values in enumerate(reversed(arrival))]


def heard(tmp_path: Path, *tracks: list[Point], base: str = "hmeimim", **head: Any) -> dict[str, Any]:
    """The background row of a base for civil aircraft with these tracks; empty if there is none."""
    members = [trace(f"4b1a{n:02x}", track, **({"r": f"HB-{n}"} | head)) for n, track in enumerate(tracks)]
    rows = run(tmp_path, *members).rows.get("base_background", [])
    return next((row for row in rows if row["base_id"] == base), {})


def test_an_arrival_followed_to_the_ground(tmp_path: Path) -> None:
    track = approach(0.5)
    row = heard(tmp_path, [*track, *ground(track[-1][0] + 10)])
    assert (row["arrivals"], row["arrivals_touchdown"], row["arrivals_low"]) == (1, 1, 0)
    assert (row["departures"], row["departures_ground"]) == (0, 0)
    assert (row["lowest_height_ft"], row["median_last_height_ft"], row["last_heights_ft"]) == (0, 0, [0])
    assert (row["aircraft_50nm"], row["aircraft_25nm"], row["aircraft_low"]) == (1, 1, 1)
    assert row["points"] == sum(1 for values in track if values[3] < 15_000) == sum(row["points_per_hour"])
    assert row["points_per_hour"][12] == row["points"]


@pytest.mark.parametrize(("to_km", "low"), [(5.0, 1), (20.0, 0), (55.0, 0)])
def test_an_arrival_that_was_lost(tmp_path: Path, to_km: float, low: int) -> None:
    row = heard(tmp_path, approach(to_km))
    assert (row["arrivals"], row["arrivals_touchdown"], row["arrivals_low"]) == (1, 0, low)
    assert row["last_heights_ft"] == [pytest.approx(to_km * 1200 / 4.63, abs=250)]
    assert row["median_last_height_ft"] == row["last_heights_ft"][0]
    assert row["aircraft_low"] == (1 if to_km < 19 else 0)


@pytest.mark.parametrize(
    ("why", "track"),
    [
        ("level flight past the field", [point(v[0], v[1], v[2], 9000, track=0.0, rate=0) for v in approach(20.0)]),
        ("a path that misses the field", approach(25.0, offset_km=30.0)),
        ("lost too far out", approach(80.0)),
        ("heard again soon after", [*approach(20.0), point(NOON + 2700, 30.0, 30.0, 30_000)]),
        ("the day ends before the silence is long", approach(20.0, start=86_400 - 1200)),
        ("watched for a gap shorter than a silence", [*approach(40.0), *approach(40.0, start=NOON + 1500)][:-1]),
    ],
)
def test_what_is_no_arrival(tmp_path: Path, why: str, track: list[Point]) -> None:
    row = heard(tmp_path, track)
    expected = 1 if why.startswith("watched") else 0  # the two pieces are one stretch, which ends once
    assert row.get("arrivals", 0) == expected, why


def test_an_arrival_that_may_be_bound_for_a_neighbour_counts_for_none(tmp_path: Path) -> None:
    """The path of the lost aircraft runs over another watched base as closely as over this one."""
    rows = list(shipped().rows["bases"])
    north = shipped().bases["hmeimim"].model_copy(update={"base_id": "behind", "latitude": LAT + 0.15})
    write_tar(tmp_path / "archive", [trace("4b1a01", approach(20.0))])
    background = decode(context(tmp_path, [*rows, north])).rows["base_background"]
    assert {row["base_id"]: row["arrivals"] for row in background if row["arrivals"]} == {}
    assert next(row for row in background if row["base_id"] == "behind")["aircraft_25nm"] == 1


def test_departures_from_the_ground_and_first_heard_in_the_air(tmp_path: Path) -> None:
    row = heard(tmp_path, [*ground(NOON), *climb(NOON + 60)], climb(NOON, from_km=15.0))
    assert (row["departures"], row["departures_ground"]) == (2, 1)
    assert (row["arrivals"], row["arrivals_touchdown"]) == (0, 0)
    assert row["median_first_height_ft"] == pytest.approx(15.0 * 1200 / 4.63 / 2, abs=150)


def test_a_turnaround_is_an_arrival_and_a_departure(tmp_path: Path) -> None:
    track = approach(0.5)
    landed = track[-1][0] + 10
    row = heard(tmp_path, [*track, *ground(landed), *ground(landed + 7200), *climb(landed + 7260)])
    assert (row["arrivals"], row["arrivals_touchdown"], row["departures"], row["departures_ground"]) == (1, 1, 1, 1)
    assert row["aircraft_50nm"] == 1


def test_vehicles_on_the_field_are_no_arrivals(tmp_path: Path) -> None:
    row = heard(tmp_path, ground(NOON, 50))
    assert (row["aircraft_low"], row["arrivals"], row["departures"], row["aircraft_50nm"]) == (1, 0, 0, 0)


def seen_wide(row: dict[str, Any]) -> bool:
    """Whether nothing but the wide ring shows anybody: one aircraft."""
    rest = {name: value for name, value in row.items() if name not in ("aircraft_100nm", "points_per_hour")}
    return row["aircraft_100nm"] == 1 and not any(value for value in rest.values() if isinstance(value, int))


def test_cruising_traffic_proves_no_more_than_that_receivers_were_up(tmp_path: Path) -> None:
    assert seen_wide(heard(tmp_path, [point(NOON + n * 10, LAT + 0.1, LON - 0.2 + n / 100, 35_000) for n in range(40)]))


@pytest.mark.parametrize(
    ("north_nm", "changes", "counted"),
    [
        (99, {}, 1),
        (101, {}, None),  # nobody was heard: no row
        (99, {"r": "RF-82041"}, None),  # watched aircraft may fall silent on purpose
        (99, {"flags": 1}, None),
        (99, {"seconds": 86_400.0 + 60}, None),
        (99, {"seconds": -3_600.0}, None),
    ],
    ids=["within", "beyond", "watched", "stale", "the day after", "the day before"],
)
def test_the_wide_ring_counts_other_aircraft_at_any_height(
    tmp_path: Path, north_nm: float, changes: dict[str, Any], counted: int | None
) -> None:
    start = changes.pop("seconds", NOON)
    head = {name: changes.pop(name) for name in ("r",) if name in changes}
    track = [point(start + n, LAT + north_nm * 1.852 / 111.195, LON, 41_000, **changes) for n in range(3)]
    assert heard(tmp_path, track, **head).get("aircraft_100nm") == counted


def test_the_wide_ring_is_told_from_any_layout_and_counts_an_aircraft_once(tmp_path: Path) -> None:
    track = [
        point(NOON + n * 4, LAT + 0.5, LON + n / 2000, 39_000) for n in range(2_000)
    ]  # far longer than a sample's step
    assert heard(tmp_path / "a", track, track)["aircraft_100nm"] == 2
    squeezed = trace("4b1a77", track, r="HB-1")
    text = json.dumps(json.loads(gzip.decompress(squeezed[1]))).encode()  # all points on one line
    rows = run(tmp_path / "b", (squeezed[0], gzip.compress(text))).rows["base_background"]
    assert next(row["aircraft_100nm"] for row in rows if row["base_id"] == "hmeimim") == 1


@pytest.mark.parametrize(
    "head", [{"r": "RF-82041"}, {"r": "RA-82013", "flight": "RFF7001 "}, {"r": "HB-ABC", "flight": "RFF7001 "}]
)
def test_watched_aircraft_are_no_background(tmp_path: Path, head: dict[str, str]) -> None:
    track = approach(5.0)
    track[0][8] = {"flight": head.get("flight", "ABC1234 ")}
    row = heard(tmp_path, track, r=head["r"])
    assert row.get("aircraft_50nm", 0) == (1 if head["r"] == "HB-ABC" else 0)


def test_jumps_count_for_every_aircraft_but_not_for_computed_positions(tmp_path: Path) -> None:
    def spoofed(kind: str) -> list[Point]:
        track = []
        for n in range(20):
            away = n % 2 == 1  # every other position 300 km off
            track.append(point(NOON + n * 10, LAT - 0.2 - 2.7 * away, LON, 30_000, kind=kind, gs=420.0))
        return track

    row = heard(tmp_path, spoofed("adsb_icao"), r="RF-1")
    assert (row["jumps"], row["jumped_aircraft"], row["aircraft_50nm"]) == (19, 1, 0)
    assert seen_wide(heard(tmp_path, spoofed("mlat")))


def test_aircraft_frozen_on_one_spot_are_stacked(tmp_path: Path) -> None:
    """Spoofed receivers show cruising aircraft standing still over an airport; a helicopter reports no such speed."""
    frozen = [[point(NOON + n * 60, LAT + 0.01, LON, 34_000 + a * 1000, gs=440.0) for n in range(8)] for a in range(5)]
    hover = [point(NOON + n * 60, LAT + 0.01, LON, 3000, gs=5.0) for n in range(8)]
    passing = [point(NOON + n * 60, LAT - 0.2 + n * 0.1, LON, 34_000, gs=380.0) for n in range(8)]
    row = heard(tmp_path, *frozen, hover, passing)
    assert (row["stacked_aircraft"], row["jumps"]) == (5, 0)
    assert heard(tmp_path, hover, passing)["stacked_aircraft"] == 0


def test_watch_knows_fleets_by_register_mark_and_callsign() -> None:
    fleets = watchlist.build(shipped())
    listed = next(row for row in shipped().rows["aircraft"] if row.operator == "Russian Air Force")
    russian = "14f1ab"
    assert watchlist.is_listed(fleets, listed.icao24, "")
    assert watchlist.is_listed(fleets, "000001", str(listed.registration))
    assert watchlist.is_listed(fleets, "000001", "RF-00001")
    assert not watchlist.is_listed(fleets, "4b1a01", "HB-ABC")
    assert not watchlist.is_listed(fleets, "4b1a01", "")
    assert watchlist.is_watched(fleets, russian, "RA-00001", "IL76", False, {"RFF7001"})
    assert watchlist.is_watched(fleets, russian, "", "IL76", False, {"AFL1", "TTF123"})
    assert not watchlist.is_watched(fleets, russian, "RA-00001", "IL76", False, {"RFFABC", "AFL22", ""})
    assert not watchlist.is_watched(fleets, "4b1a01", "HB-ABC", "IL76", True, {"RFF7001"})
    assert watchlist.build(shipped()) is fleets
