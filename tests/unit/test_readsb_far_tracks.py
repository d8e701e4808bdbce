"""Aircraft that are followed far from the bases: who they are, and what of their tracks is kept."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from basewatch.geo import NM_KM
from basewatch.readsb import decoder
from basewatch.readsb.points import frame
from tracekit import DAY, DETAILS, HMEIMIM, MIDNIGHT, Result, point, run, trace

LAT, LON = HMEIMIM
REACH = (LAT + 1.5, LON)  # 90 NM north of the base: within reach, beyond the rings
RING = (LAT + 0.1, LON)  # six: within the rings at any height
FAR = (10.0, 100.0)
EVERY, SILENCE, AROUND = 15, 300, 600  # seconds
ITALIAN, CIVIL = "33ff01", "4b1a01"  # an air force's block of addresses; nobody's


def straight(start: float, seconds: float, step: float, place: tuple[float, float] = REACH, **more: Any) -> list[Any]:
    """Points at one place, so many seconds apart."""
    return [point(start + n * step, *place, 34_000, **more) for n in range(round(seconds / step) + 1)]


def far_off(result: Result, icao24: str = ITALIAN) -> list[float]:
    """The times of an aircraft's rows in watched_points, seconds of the day."""
    return [
        round(row["seen_at"].timestamp() - MIDNIGHT, 2)
        for row in result.rows.get("watched_points", [])
        if row["icao24"] == icao24
    ]


# ---- who is followed


@pytest.mark.parametrize(
    ("icao24", "flight", "head"),
    [
        (ITALIAN, None, {}),  # by the address alone, of the block of an air force
        (CIVIL, None, {"dbFlags": 1}),
        (CIVIL, None, {"dbFlags": 11}),
        (CIVIL, None, {"r": "RF-78650"}),
        ("150b0a", "RFF7001 ", {}),
        (CIVIL, "RFF7001 ", {"r": "RA-78650"}),
        ("1533f3", None, {}),  # a register names the air force as its operator
    ],
)
@pytest.mark.parametrize("form", ["readsb", "spaced"])
def test_who_is_on_the_watch_list_is_followed(
    tmp_path: Path, icao24: str, flight: str | None, head: dict[str, Any], form: str
) -> None:
    points = straight(36_000, 900, 15)
    points[40][8] = DETAILS | {"flight": flight} if flight else None
    result = run(tmp_path, trace(icao24, points, form=form, **head))
    assert len(far_off(result, icao24)) == 61
    assert all(row["base_id"] and row["distance_km"] < 160 * NM_KM for row in result.rows["watched_points"])
    assert result.points == []


@pytest.mark.parametrize(
    ("icao24", "flight", "head"),
    [
        (CIVIL, None, {}),
        (CIVIL, "RFF7001 ", {}),  # such a callsign counts with an address of its country alone
        (CIVIL, None, {"dbFlags": 10, "r": "HB-JCA", "t": "BCS3"}),
        ("150b0a", "AFL101  ", {}),
        ("150b0a", "RFFABC  ", {}),
        ("150b0a", None, {"r": "RA-78650"}),
    ],
)
def test_who_is_not_on_it_is_not(tmp_path: Path, icao24: str, flight: str | None, head: dict[str, Any]) -> None:
    points = straight(36_000, 900, 15)
    points[40][8] = DETAILS | {"flight": flight} if flight else None
    result = run(tmp_path, trace(icao24, points, **head), trace(ITALIAN, points))
    assert {row["icao24"] for row in result.rows["watched_points"]} == {ITALIAN}


def test_a_track_that_never_comes_within_reach_leaves_no_position(tmp_path: Path) -> None:
    result = run(tmp_path, trace(ITALIAN, straight(36_000, 900, 15, FAR)))
    assert "watched_points" not in result.rows
    assert result.day.status in ("ok", "partial")


# ---- what of a track is kept


def test_both_ends_of_a_silence_are_kept_wherever_the_other_one_lies(tmp_path: Path) -> None:
    """It is lost over the base's surroundings, and heard again over the ocean; then the same the other way round."""
    out = [*straight(36_000, 2_000, 5), *straight(40_000, 2_000, 5, FAR), *straight(44_000, 2_000, 5)]
    result = run(tmp_path, trace(ITALIAN, out))
    times = far_off(result)
    answer = [time for time in times if 40_000 <= time <= 42_000]
    assert answer[0] == 40_000 and answer[-1] == 42_000
    assert not [time for time in answer if 40_600 < time < 41_400], "ten minutes at each end"
    assert len(answer) == 2 * 40 + 2, "thinned, but for the ends themselves"
    beyond = [row for row in result.rows["watched_points"] if row["latitude"] == FAR[0]]
    assert len(beyond) == len(answer)
    assert {(row["base_id"], row["distance_km"]) for row in beyond} == {(None, None)}
    for end in (38_000, 44_000):
        assert {end + n * 5 for n in range(-120 if end == 38_000 else 0, 1 if end == 38_000 else 121)} <= set(times)


def test_five_minutes_are_no_silence_and_a_little_more_is_one(tmp_path: Path) -> None:
    def answers(gap: float) -> int:
        points = [*straight(36_000, 600, 5), *straight(36_600 + gap, 600, 5, FAR)]
        rows = run(tmp_path / str(gap), trace(ITALIAN, points)).rows["watched_points"]
        return sum(row["base_id"] is None for row in rows)

    assert answers(SILENCE) == 0
    assert answers(SILENCE + 0.01) > 0


def test_a_far_silence_that_no_end_of_lies_within_reach_is_nobodys(tmp_path: Path) -> None:
    points = [*straight(36_000, 60, 5, FAR), *straight(37_000, 600, 5, FAR), *straight(37_605, 600, 5)]
    result = run(tmp_path, trace(ITALIAN, points))
    assert min(far_off(result)) == 37_605


def test_around_midnight_every_position_is_kept(tmp_path: Path) -> None:
    """Also of a trace that goes on behind it, whose own end is no reason to."""
    result = run(tmp_path, trace(ITALIAN, straight(80_000, 9_000, 4)))
    times = far_off(result)
    assert [time for time in times if 85_800 <= time <= 87_000] == [85_800 + 4 * n for n in range(301)]
    before = [time for time in times if 81_000 < time < 85_000]
    assert max(b - a for a, b in pairwise(before)) < 2 * EVERY
    assert len(before) < 4_000 / EVERY + 2
    assert {row["day"].day for row in result.rows["watched_points"]} == {14, 15}
    assert result.filed == {DAY}


def test_what_lies_inside_the_rings_stands_in_track_points_alone(tmp_path: Path) -> None:
    points = [*straight(36_000, 300, 5), *straight(36_305, 300, 5, RING), *straight(36_610, 300, 5)]
    result = run(tmp_path, trace(ITALIAN, points))
    inside = {row["seen_at"].timestamp() - MIDNIGHT for row in result.points}
    assert inside == {36_305 + 5 * n for n in range(61)}
    assert sorted({*far_off(result), *inside}) == [values[0] for values in points]
    assert not {*far_off(result)} & inside


def test_a_point_that_cannot_be_is_passed_over(tmp_path: Path) -> None:
    points = straight(36_000, 900, 15)
    points[20][1] = 91.0
    points[30][2] = -181.0
    assert len(far_off(run(tmp_path, trace(ITALIAN, points)))) == 59


@dataclass
class Flown:
    """An aircraft's day at random: its points, the place of each, and whether it is followed."""

    icao24: str
    head: dict[str, Any]
    is_followed: bool
    times: list[float]
    places: list[tuple[float, float]]

    def member(self) -> tuple[str, bytes]:
        """Its trace."""
        pairs = zip(self.times, self.places, strict=True)
        return trace(self.icao24, [point(time, *place, 34_000) for time, place in pairs], **self.head)


def flown(random: Random, icao24: str, is_followed: bool, **head: Any) -> Flown:
    """An aircraft that is now here, now there, and silent in between; its times differ by five seconds or much more."""
    times, places = [float(random.choice((0, 30_000, 84_000)))], [random.choice((REACH, RING, FAR))]
    for _ in range(random.randrange(40, 400)):
        step = random.choice((3.0, 4.5, 7.0, 15.0, 16.0, 40.0, 3.0, 4.5, 7.0))
        times.append(times[-1] + (random.choice((300.0, 300.5, 2_000.0)) if random.random() < 0.02 else step))
        places.append(random.choice((REACH, RING, FAR)) if random.random() < 0.03 else places[-1])
    return Flown(icao24, head, is_followed, times, places)


def stretches(one: Flown) -> list[list[int]]:
    """The points between silences, by their numbers."""
    breaks = [0]
    for before, after in pairwise(one.times):
        breaks.append(breaks[-1] + (after - before > SILENCE))
    return [[n for n, _ in group] for _, group in groupby(enumerate(breaks), key=lambda pair: pair[1])]


def wandering(random: Random, icao24: str) -> tuple[str, bytes]:
    """A trace of an aircraft that is far off for hours, with silences, names and new legs wherever they come."""
    points: list[Any] = []
    time, names = random.uniform(0, 20_000), [f"IAM{n}    " for n in range(3)]
    flight = random.choice([*names, None])
    while time < 90_000 and len(points) < 1_500:
        place = random.choice((FAR, FAR, FAR, FAR, REACH, REACH, RING))
        step, end = random.choice((5.0, 20.0, 60.0)), time + random.choice((60, 700, 5_000))
        while time < end:
            time = round(time + step * random.uniform(0.5, 1), 2)
            flags = 2 if random.random() < 0.003 else 0
            flight = random.choice([*names, None]) if random.random() < 0.01 else flight
            details = None if len(points) % 4 or flight is None else DETAILS | {"flight": flight}
            points.append(point(time, *place, 34_000, details=details, flags=flags))
        time += random.choice((0, 0, 0, 299, 301, 1_000, 9_000))
    if random.random() < 0.1:  # a point that came late
        points.insert(len(points) // 2, points[len(points) // 3])
    return trace(icao24, points)


@pytest.mark.parametrize("seed", range(30))
def test_of_a_track_that_is_followed_no_more_is_parsed_than_it_takes(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = Random(seed)
    sky = [wandering(random, f"33ff{n:02x}") for n in range(6)]
    counted = Counter[str]()

    def counting(*arguments: Any) -> Any:
        points = frame(*arguments)
        counted[way] += len(points.at)
        return points

    monkeypatch.setattr(decoder, "frame", counting)
    way = "some"
    some = run(tmp_path / way, *sky)
    way = "all"
    monkeypatch.setattr(decoder, "parse_around", lambda text, *_: decoder.parse_every(text))
    everything = run(tmp_path / way, *sky)
    assert some.rows == everything.rows
    assert some.rows["watched_points"]
    assert counted["some"] < counted["all"]


@pytest.mark.parametrize("seed", range(24))
def test_what_must_be_kept_is_kept_once_and_nothing_else(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    sky = [
        flown(random, ITALIAN, True),
        flown(random, "33ff02", True),
        flown(random, "a00001", True, dbFlags=1),
        flown(random, CIVIL, False, dbFlags=2),
        flown(random, "a00002", False, r="N1"),
    ]
    result = run(tmp_path, *(one.member() for one in sky))
    rows = result.rows.get("watched_points", [])
    both = Counter((row["icao24"], row["seen_at"]) for row in [*rows, *result.points])
    assert set(both.values()) <= {1}
    assert {row["icao24"] for row in rows} <= {one.icao24 for one in sky if one.is_followed}
    for one in sky:
        kept = set(far_off(result, one.icao24))
        if not one.is_followed:
            continue
        whole, ends, thinned = set(), set(), set()
        parts = stretches(one)
        for number, part in enumerate(parts):
            first, last = one.times[part[0]], one.times[part[-1]]
            before = parts[number - 1][-1] if number else None
            after = parts[number + 1][0] if number + 1 < len(parts) else None
            answers_before = before is not None and one.places[before] != FAR and one.places[part[0]] == FAR
            answers_after = after is not None and one.places[after] != FAR and one.places[part[-1]] == FAR
            ends |= {first} if answers_before else set()
            ends |= {last} if answers_after else set()
            for n in part:
                time, place = one.times[n], one.places[n]
                is_beside = time - first <= AROUND or last - time <= AROUND
                is_beside |= min(time % 86_400, 86_400 - time % 86_400) <= AROUND
                if place == REACH:
                    (whole if is_beside else thinned).add(time)
                elif place == FAR and (
                    (answers_before and time - first <= AROUND) or (answers_after and last - time <= AROUND)
                ):
                    thinned.add(time)
        thinned -= ends
        assert whole | ends <= kept <= whole | ends | thinned
        assert {time // EVERY for time in thinned} <= {time // EVERY for time in kept}
        rest = Counter(time // EVERY for time in kept - whole - ends)
        assert all(count == 1 for count in rest.values())
