"""The generator of skies: what it flies can be flown, what is heard can be heard, and its truth agrees with both."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from functools import cache
from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np
import pytest

import simulated_lake
from skies import cases, decoder, fields, flights, lake, stories, truth
from skies.reception import Ears, Receiver, Ridge
from skies.scenarios import SCENARIOS
from skies.stories import Sky
from skies.truth import Flight, Stay

DAYS = 10
SEED = 4
TURNS = {"helicopter": 9.0, "light": 11.0, "fighter": 13.0}  # degrees a second at most; transports turn slower
CLIMBS = {"fighter": 16_000.0}  # feet a minute at most


@cache
def sky(scenario: str, days: int = DAYS) -> Sky:
    return stories.make(scenario, SEED, days)


def miles(latitude: float, longitude: float, latitude2: float, longitude2: float) -> float:
    """Great-circle miles by the haversine formula, apart from how the generator works them out."""
    a, b = math.radians(latitude), math.radians(latitude2)
    half = (
        math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(math.radians(longitude2 - longitude) / 2) ** 2
    )
    return 2 * 3440.07 * math.asin(min(math.sqrt(half), 1))


def by_flight(one: Sky) -> dict[int, np.ndarray]:
    """The numbers of the heard positions of each flight, in order of time, without those that were moved."""
    order = np.lexsort((one.heard["t"], one.heard["flight"]))
    order = order[one.heard["receiver"][order] >= 0]
    number = one.heard["flight"][order]
    cuts = np.flatnonzero(np.diff(number)) + 1
    return {int(one.heard["flight"][part[0]]): part for part in np.split(order, cuts) if len(part)}


def test_the_skies_know_nothing_of_the_library() -> None:
    for file in Path(stories.__file__).parent.glob("*.py"):
        if file.name not in ("decoder.py", "lake.py"):
            assert not re.search("basewatch|simulated_lake|import (decoder|lake)", file.read_text("utf-8")), file.name


@pytest.mark.parametrize("kind", sorted(flights.KINDS))
@pytest.mark.parametrize("style", flights.APPROACHES)
def test_a_flight_banks_climbs_and_speeds_up_no_more_than_its_class_can(kind: str, style: str) -> None:
    for seed in range(6):
        rng = np.random.default_rng(seed)
        made = fields.draw(rng, bases=2, neighbours=(2, 2), strips=(0, 0), far=2, shared=0.0)
        base = made[0]
        small = kind in ("helicopter", "light")
        origin = fields.near(made, 0, "neighbour")[0] if small else next(one for one in made if one.role == "far")
        weather = flights.weathers(rng, 1)[0]
        plan = flights.begin(rng, kind, base, origin, base)
        flights.take_off(rng, plan, origin, weather, ("runway", "direct", "spiral", "low")[seed % 4])
        flights.route(rng, plan, 0.0, 0.0)
        flights.land(rng, plan, base, weather, style)
        flown = flights.fly(plan, weather)
        state = flown.at(np.arange(0, flown.seconds, 1.0))
        air = ~state["ground"][1:] & ~state["ground"][:-1]
        knots = np.maximum(state["speed"][1:], state["speed"][:-1])
        turn = np.abs(np.diff(np.unwrap(np.radians(state["track"]))))
        bank = np.degrees(np.arctan(turn * knots * 1852 / 3600 / 9.81))
        assert bank[air].max() < flights.KINDS[kind].bank[1] + 14
        assert np.degrees(turn[air]).max() < TURNS.get(kind, 5.5)
        assert np.abs(np.diff(state["speed"])[air]).max() < 8
        assert np.abs(np.diff(state["height"])[air]).max() * 60 < CLIMBS.get(kind, 8_000)
        assert knots[air].min() > 35 if kind != "helicopter" else knots[air].min() >= 1
        assert flown.lifted is not None and flown.landed is not None and 0 < flown.lifted < flown.landed
        down = flown.at(np.array([flown.landed + 1]))
        assert miles(float(down["latitude"][0]), float(down["longitude"][0]), base.latitude, base.longitude) < 2.5
        assert down["height"][0] == pytest.approx(base.elevation, abs=30)


def test_a_way_ends_where_it_was_led_and_never_turns_more_tightly() -> None:
    rng = np.random.default_rng(1)
    for _ in range(300):
        way = flights.Way(*rng.uniform(-5, 5, 2), rng.uniform(0, math.tau))
        x, y = rng.uniform(-5, 5, 2)
        heading, first, last = rng.uniform(0, math.tau), rng.uniform(0.2, 3), rng.uniform(0.2, 3)
        way.pose(x, y, heading, first, last)
        assert (way.x, way.y) == (pytest.approx(x, abs=1e-6), pytest.approx(y, abs=1e-6))
        assert math.cos(way.heading - heading) == pytest.approx(1)
        assert np.abs(way.arrays()[:, 4]).max() <= 1 / min(first, last) + 1e-9
        x, y = rng.uniform(-5, 5, 2)
        way.to(x, y, first)
        assert (way.x, way.y) == (pytest.approx(x, abs=1e-6), pytest.approx(y, abs=1e-6))


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
def test_what_is_heard_of_a_flight_is_a_track_that_can_be_flown(scenario: str) -> None:
    one = sky(scenario)
    heard = one.heard
    tried = 0
    for number, part in by_flight(one).items():
        if number < 0 or len(part) < 2:
            continue
        t = heard["t"][part]
        step = np.diff(t)
        east = np.radians(np.diff(heard["longitude"][part])) * np.cos(np.radians(heard["latitude"][part][1:]))
        knots = np.hypot(east, np.radians(np.diff(heard["latitude"][part]))) * 3440.07 / np.maximum(step, 1) * 3600
        kind = one.airframes[one.flights[number].airframe].kind_name
        near = (step >= 3) & (step < 300)
        tried += int(near.sum())
        assert knots[near].max(initial=0) < (210 if kind == "helicopter" else 700)
        assert (step >= 0).all()
    assert tried > 1_000


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
def test_nothing_is_heard_below_the_horizon_behind_hills_or_by_a_receiver_that_is_off(scenario: str) -> None:
    one = sky(scenario)
    heard = one.heard
    true = np.flatnonzero((heard["receiver"] >= 0) & (heard["flight"] >= 0))
    assert len(true) > 500
    for number in np.random.default_rng(0).choice(true, 1_500):
        receiver: Receiver = one.ears.receivers[int(heard["receiver"][number])]
        at = float(heard["latitude"][number]), float(heard["longitude"][number])
        far = miles(*at, receiver.latitude, receiver.longitude)
        above = max(float(heard["height"][number]) - receiver.datum, 0)
        assert far <= 1.23 * (math.sqrt(above) + math.sqrt(receiver.mast)) * 1.01 + 0.1
        assert far <= receiver.reach * 1.01
        for since, until in one.ears.outages[int(heard["receiver"][number])]:
            assert not since + 0.01 < heard["t"][number] < until - 0.01
        for ridge in one.ears.ridges:
            inside = miles(*at, ridge.latitude, ridge.longitude) < ridge.miles - 0.2
            outside = miles(receiver.latitude, receiver.longitude, ridge.latitude, ridge.longitude) > ridge.miles + 0.2
            if inside and outside and far > ridge.miles + 30:
                # far beyond the hills the line of sight starts all but level, so that it must begin above the lowest
                assert heard["height"][number] > min(ridge.heights) - 100


def test_hills_hide_what_flies_low_behind_them() -> None:
    flat = (0.0,) * 36
    here = Receiver(40.0, 20.0, 0.0, 50.0, 200.0, 1.0, flat, 0)
    hilly = Receiver(40.0, 20.0, 0.0, 50.0, 200.0, 1.0, (math.tan(math.radians(2)),) * 36, 0)
    # forty miles to the north a field lies in a ring of hills of 3,000 ft; a line over them to the field's middle rises
    ridge = Ridge(40.0 + 40 / 60, 20.0, 8.0, (3_000.0,) * 36)
    height = np.array([600.0, 2_000.0, 3_400.0, 9_000.0])
    at = np.full(4, ridge.latitude), np.full(4, ridge.longitude), height

    def heard(receiver: Receiver, ridges: list[Ridge]) -> list[bool]:
        ears = Ears([receiver], ridges, [[]], fields.unit(40.0, 20.0))
        return (ears.chances(*at, np.array([0]))[:, 0] > 0).tolist()

    assert heard(here, []) == [False, True, True, True]  # the horizon of 600 ft lies 39 miles off
    assert heard(here, [ridge]) == [False, False, False, True]
    assert heard(hilly, []) == [False, False, False, False]  # two degrees are 8,500 ft, and the earth's bulge 1,100
    assert heard(Receiver(ridge.latitude, 20.01, 0.0, 50.0, 200.0, 1.0, flat, 0), [ridge]) == [True] * 4


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
def test_no_aircraft_is_in_two_places(scenario: str) -> None:
    one = sky(scenario)
    flown: dict[int, list[Flight]] = defaultdict(list)
    stayed: dict[int, list[Stay]] = defaultdict(list)
    for flight in one.flights:
        flown[flight.airframe].append(flight)
    for stay in one.stays:
        stayed[stay.airframe].append(stay)
    for number, own in flown.items():
        own.sort(key=lambda flight: flight.start)
        for before, after in pairwise(own):
            assert before.end <= after.start
            # civil aircraft come from far off and go there, and nobody says where that is
            assert before.target is after.origin or one.airframes[number].role == "civil"
        for stay in stayed[number]:
            assert stay.arrived is None or stay.departed is None or stay.arrived < stay.departed
            inside = [
                flight for flight in own
                if flight.lifted is not None and flight.landed is not None
                and flight.lifted < (stay.departed or one.end) - 1 and flight.landed > (stay.arrived or one.begin) + 1
            ]  # fmt: skip
            assert not inside


@pytest.mark.parametrize("scenario", ["mixed", "desert", "outages"])
def test_nothing_is_heard_while_a_transponder_is_off_or_on_a_missing_day(scenario: str) -> None:
    one = sky(scenario)
    spans = 0
    for number, part in by_flight(one).items():
        t = one.heard["t"][part]
        assert not np.isin(t // 86_400, one.missing_days).any()
        if number < 0:
            continue
        for since, until in (*one.flights[number].silent, *one.flights[number].holes):
            spans += 1
            assert not ((t > since + 0.02) & (t < until - 0.02)).any()
    assert spans > 20


def test_what_was_heard_of_a_stay_is_what_its_positions_show() -> None:
    one = sky("mixed")
    heard, parts = one.heard, by_flight(one)
    stray = np.array([], np.int64)
    seen: set[str] = set()
    for stay in one.stays:
        if stay.arrival is None or stay.arrived is None:
            continue
        part = parts.get(stay.arrival, stray)
        before = part[heard["t"][part] < stay.arrived]
        after = part[(heard["t"][part] >= stay.arrived)]
        if stay.arrival_heard == "touchdown":
            assert heard["ground"][after].any()
        elif len(before):
            last = before[-1]
            far = miles(
                float(heard["latitude"][last]),
                float(heard["longitude"][last]),
                stay.place.latitude,
                stay.place.longitude,
            )
            low = heard["height"][last] - stay.place.elevation <= truth.LOW_FT
            assert (stay.arrival_heard == "low") == (far <= truth.LOW_NM and bool(low))
        elif not len(part):
            assert stay.arrival_heard == "none"
        seen.add(stay.heard)
    assert seen >= {"low", "dark", "one-sided", "never"}


def test_what_could_be_heard_of_a_day_is_one_thing() -> None:
    one = sky("outages")
    states = one.hearing()
    assert {key for key, state in states.items() if state == "missing"} == {
        (base.name, day) for base in one.bases for day in one.missing_days
    }
    present = {key for key in one.deaf if key[1] not in one.missing_days}
    assert {key for key, state in states.items() if state == "deaf"} == present
    assert "low" in states.values()


def test_a_day_on_which_a_low_flight_could_be_heard_has_a_receiver_that_sees_it() -> None:
    flat = (0.0,) * 36
    base = fields.watched("base", 40.0, 20.0, 500.0)
    near, far = (Receiver(40.1 + apart, 20.0, 0.0, 50.0, 200.0, 1.0, flat, 0) for apart in (0.0, 2.5))

    def state(receiver: Receiver, outages: list[tuple[float, float]]) -> dict[tuple[str, int], str]:
        ears = Ears([receiver], [], [outages], fields.unit(40.0, 20.0))
        return Sky("one", 1, 0, 2, [base], ears, [], {}).hearing()

    assert state(near, []) == {("base", 0): "low", ("base", 1): "low"}
    assert state(near, [(0.0, 40_000.0)]) == {("base", 1): "low"}
    assert state(far, []) == {}  # 150 miles off 3,500 ft are below the horizon


def test_what_was_heard_of_a_single_case_is_what_its_kind_says() -> None:
    regions = cases.regions(np.random.default_rng(3), 6)
    made = [case for case in cases.draw(3, regions, 8, stories.FIRST_DAY * stories.DAY, 50) if case.stays]
    heard = {kind: {stay.heard for case in made if case.kind == kind for stay in case.stays} for kind in
             ("touchdown", "parked", "aligned_loss", "dark_approach")}  # fmt: skip
    assert heard["touchdown"] == heard["parked"] == {"touchdown"}
    assert heard["aligned_loss"] == {"low"}
    assert heard["dark_approach"] <= {"touchdown", "dark", "one-sided"}
    assert all(
        stay.arrival_heard != "touchdown" for case in made if case.kind == "dark_approach" for stay in case.stays
    )


def test_every_silence_has_a_cause() -> None:
    one = sky("desert")
    causes: dict[str, int] = defaultdict(int)
    flown: dict[int, list[Flight]] = defaultdict(list)
    stayed: dict[int, list[Stay]] = defaultdict(list)
    for flight in one.flights:
        flown[flight.airframe].append(flight)
    for stay in one.stays:
        stayed[stay.airframe].append(stay)
    order = np.lexsort((one.heard["t"], one.heard["airframe"]))
    t, airframe = one.heard["t"][order], one.heard["airframe"][order].astype(int)
    for row in np.flatnonzero((airframe[1:] == airframe[:-1]) & (np.diff(t) > 300)):
        number = int(airframe[row])
        name, place = truth.cause(flown[number], stayed[number], one.missing(), t[row], t[row + 1])
        causes[name] += 1
        assert (place is not None) == (name == "landed")
    assert {"landed", "dark", "unheard"} <= set(causes)
    assert causes["landed"] > causes["dark"]


def test_the_same_seed_makes_the_same_sky_and_another_one_another() -> None:
    first, again, other = (stories.make("thin", seed, 6) for seed in (9, 9, 10))
    for name, values in first.heard.items():
        assert values.tobytes() == again.heard[name].tobytes()
    assert [vars(one) for one in first.stays] == [vars(one) for one in again.stays]
    assert len(first.heard["t"]) != len(other.heard["t"]) or not np.array_equal(first.heard["t"], other.heard["t"])


def test_on_a_coast_receivers_stand_on_one_side() -> None:
    one = sky("coast")
    for base in one.bases:
        own = [receiver for receiver in one.ears.receivers if receiver.region == base.region]
        courses = [math.atan2(*fields.Plane(base.latitude, base.longitude).xy(r.latitude, r.longitude)) for r in own]
        middle = math.atan2(sum(map(math.sin, courses)), sum(map(math.cos, courses)))
        assert max(abs((course - middle + math.pi) % math.tau - math.pi) for course in courses) < math.radians(111)


def test_in_a_valley_arrivals_are_lost_far_above_the_field() -> None:
    lost = {}
    for scenario in ("valley", "crowded"):
        one = sky(scenario)
        parts = by_flight(one)
        lost[scenario] = [
            float(one.heard["height"][parts[stay.arrival]].min()) - stay.place.elevation
            for stay in one.stays
            if stay.is_watched and stay.arrival in parts and one.flights[stay.arrival].target is stay.place
            and not one.flights[stay.arrival].silent
        ]  # fmt: skip
    assert np.median(lost["valley"]) > 800 > np.median(lost["crowded"])
    assert sum(1_000 < height < 4_500 for height in lost["valley"]) > len(lost["valley"]) / 4


def test_each_scenario_is_as_its_name_says() -> None:
    def dark(one: Sky) -> float:
        fleet = {frame.number for frame in one.airframes if decoder.is_of_fleet(frame)}
        own = [flight for flight in one.flights if flight.airframe in fleet]
        return sum(bool(flight.silent) for flight in own) / len(own)

    def roles(one: Sky, role: str) -> int:
        return sum(place.role == role for place in one.fields)

    assert dark(sky("desert")) > 0.5
    assert roles(sky("crowded"), "neighbour") >= 3 * len(sky("crowded").bases) - 1
    assert sky("crowded").traps["airliner flight"] > 3 * sky("thin").traps["airliner flight"]
    assert len(sky("thin").flights) < len(sky("crowded").flights) / 5
    outages = sky("outages")
    assert sum(map(len, outages.ears.outages)) > 2 * len(outages.ears.receivers) * DAYS / 30
    training = sky("training").traps
    assert training["touch-and-go"] > 5 and training["circuits flight"] > 5 and training["low approach"] > 5


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
def test_each_sky_holds_the_common_traps(scenario: str) -> None:
    assert {
        "rival flight", "transit flight", "past a base", "search flight", "calibration pass", "circuits flight",
        "touch-and-go", "low approach", "missed approach", "hold", "early descent", "late descent", "spiral climb",
        "airliner flight", "overflight flight", "midnight", "stray ground bit",
    } <= set(sky(scenario).traps)  # fmt: skip


def test_the_skies_hold_the_rare_traps_too() -> None:
    maker = stories._Maker("mixed", SEED, DAYS, stories.FIRST_DAY)
    maker.draws["odd"] = 30.0  # far odder than any sky
    odd = maker.run()
    assert {"vehicle", "re-used address", "spoofed flight"} <= set(odd.traps)
    moved = np.flatnonzero(odd.heard["receiver"] < 0)
    for number in moved[:: max(len(moved) // 50, 1)]:
        at = float(odd.heard["latitude"][number]), float(odd.heard["longitude"][number])
        assert min(miles(*at, base.latitude, base.longitude) for base in odd.bases) < 40
    assert {"orbit flight", "diversion", "low approach elsewhere"} <= set().union(
        *(sky(one).traps for one in SCENARIOS)
    )


def test_a_sky_becomes_a_lake_whose_sure_claims_are_true() -> None:
    one = sky("mixed", 20)
    with duckdb.connect() as connection:
        params = lake.fill(connection, one)
        counts = {
            name: connection.execute(f"SELECT count(*) FROM raw.{name}").fetchone()
            for name in ("track_points", "watched_points", "track_edges", "base_background", "heard_cells")
        }
        assert all(count and count[0] > 0 for count in counts.values()), counts
        strangers = {frame.icao24 for frame in one.airframes if not frame.is_military}
        followed = connection.execute("SELECT DISTINCT icao24 FROM raw.watched_points").fetchall()
        assert not strangers & {icao24 for (icao24,) in followed}
        both = connection.execute(
            "SELECT count(*) FROM raw.watched_points AS w INNER JOIN raw.track_points AS p USING (icao24, seen_at)"
        ).fetchone()
        assert both == (0,)
        days = connection.execute("SELECT count(DISTINCT day) FROM raw.track_points").fetchone()
        assert days is not None and days[0] <= 20 - len(one.missing_days)
        simulated_lake.build(connection, params)
        claims = connection.execute(
            "SELECT base_id, registration, direction, epoch(happened_at) FROM intermediate.int_trace_ends "
            "WHERE confidence >= 3 AND direction <> 'presence' AND registration IS NOT NULL"
        ).fetchall()
    marks = {frame.registration: frame.icao24 for frame in one.airframes}
    true: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for stay in one.stays:
        for direction, when in (("arrival", stay.arrived), ("departure", stay.departed)):
            if when is not None:
                true[stay.place.name, stay.icao24, direction].append(when)
    right = [
        any(abs(when - at) < 3_600 for when in true[base, marks[registration], direction])
        for base, registration, direction, at in claims
    ]
    assert len(right) > 20
    assert sum(right) > 0.97 * len(right)
