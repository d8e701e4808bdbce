"""Single cases with known truth: one aircraft each, which truly visits a field or only looks as if it did.

Where a sky holds what months bring, these hold as many of each kind as are asked for. Weights of evidence are fitted on
them too, so that a case of a seed stays what it is: a change to the order of draws changes every one after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from skies.fields import Airfield, Bools, Ints, Runway
from skies.profiles import (
    DAY,
    NM_KM,
    Horizon,
    Path,
    beside,
    circuits,
    heard,
    landing,
    low_pass,
    rotate,
    spoofed,
    straight,
    takeoff,
)
from skies.reception import nearest
from skies.traces import ARRAYS, Trace, together
from skies.truth import Stay, end_heard

NAME = "cases"  # where they stand in place of a scenario
REGIONS, FIRST_DAY, DAYS = 40, 19_500, 200  # of those; the first day is counted from 1970
NEIGHBOUR_KM = 22.0
TYPES = (("A400", False), ("C130", False), ("IL76", False), ("A124", False), ("AN26", True))
AIRLINER = ("B738", False)


@dataclass(frozen=True)
class Case:
    """One aircraft: what kind of story, what was heard, and where it truly was on the ground."""

    kind: str
    trace: Trace
    stays: tuple[Stay, ...] = ()


@dataclass(frozen=True)
class Region:
    """A watched airfield and its neighbour 22 km away, heard by the same horizon."""

    base: Airfield
    neighbour: Airfield

    @property
    def watched(self) -> list[Airfield]:
        """Those of the two that are watched."""
        return [one for one in (self.base, self.neighbour) if one.is_watched]


def regions(rng: np.random.Generator, count: int) -> list[Region]:
    """Airfields far from each other; their runways are listed exactly, by designator, or beside the real one."""
    found = []
    for number in range(count):
        latitude = float(rng.uniform(8, 64)) * (1 if rng.random() < 0.8 else -1)
        longitude = -175.0 + 350.0 * number / count
        heading = float(rng.integers(1, 19)) * 10.0
        elevation = float(rng.uniform(0, 3_000))
        heading += float(rng.uniform(-6, 6))
        length = float(rng.uniform(2.2, 3.6))
        ways = _runways(
            heading, length, "designator" if number % 4 == 2 else "exact",
            float(rng.uniform(0.3, 1.1)) if number % 4 == 1 else 0.0,
        )  # fmt: skip
        serves = "shared" if number % 5 == 3 else "military"
        base = Airfield(f"base_{number:02d}", latitude, longitude, elevation, ways, serves, "base", number)
        bearing = np.radians(rng.uniform(0, 360))
        at = beside(base, NEIGHBOUR_KM * float(np.sin(bearing)), NEIGHBOUR_KM * float(np.cos(bearing)))
        elevation += float(rng.uniform(-150, 150))
        heading = float(rng.integers(1, 19)) * 10.0 + float(rng.uniform(-6, 6))
        ways = _runways(heading, float(rng.uniform(2.0, 3.0)), "exact" if number % 3 else "designator", 0.0)
        is_watched = number % 2 == 0
        serves = "military" if number % 2 == 0 else "civil"
        role = "base" if is_watched else "neighbour"
        found.append(Region(base, Airfield(f"near_{number:02d}", *at, elevation, ways, serves, role, number)))
    return found


def _runways(heading: float, length: float, listing: str, parallel: float) -> tuple[Runway, ...]:
    """The runway in use and, if it lies so many kilometres to the right of the listed one, that one behind it."""
    listed = Runway(heading, length / NM_KM, 0.0, 0.0, listing)
    if not parallel:
        return (listed,)
    east, north = rotate(np.array([0.0]), np.array([parallel / NM_KM]), heading)
    return Runway(heading, length / NM_KM, float(east[0]), float(north[0]), "none"), listed


def identity(rng: np.random.Generator, number: int, *, may_be_civil: bool = True) -> tuple[Trace, bool]:
    """A nameless aircraft with its own address, and whether it is slow."""
    is_civil = may_be_civil and rng.random() < 0.25
    code, slow = AIRLINER if is_civil else TYPES[int(rng.integers(len(TYPES)))]
    empty = {name: np.array([]) for name in ARRAYS}
    return (
        Trace(
            f"{0x500000 + number:06x}",
            **empty,
            ground=np.array([], bool),
            callsign=f"SIM{number % 9000:04d}",
            registration=f"S-{number:05d}",
            type_code=code,
            is_military=not is_civil,
        ),
        slow,
    )


def _visit(
    rng: np.random.Generator,
    region: Region,
    number: int,
    at: float,
    horizon: Horizon,
    *,
    kind: str,
    stay_s: float | None = None,
    dark_in: Callable[[Path], Bools] | None = None,
    dark_out: Callable[[Path], Bools] | None = None,
    place: Airfield | None = None,
) -> Case:
    field = place or region.base
    who, slow = identity(rng, number, may_be_civil=field.serves != "military")
    ground_s = stay_s if stay_s is not None else float(rng.uniform(3 * 3600, 20 * 3600))
    geom = rng.random() < 0.8
    inbound = heard(
        rng, landing(rng, field, slow=slow), field, horizon, at=at, identity=who, dark=dark_in, has_geom=geom
    )
    outbound = heard(
        rng,
        takeoff(rng, field, slow=slow),
        field,
        horizon,
        at=at + ground_s,
        identity=who,
        dark=dark_out,
        has_geom=geom,
    )
    trace = together(inbound, outbound)
    return Case(kind, trace, (_noted(Stay(number, who.hex, field, at, at + ground_s, None, None), trace),))


def _noted(stay: Stay, trace: Trace) -> Stay:
    """The stay with what was heard of its two ends, by the heights that the aircraft said."""
    assert stay.arrived is not None and stay.departed is not None
    height = np.where(np.isnan(trace.geom), trace.baro, trace.geom)
    before, after = np.flatnonzero(trace.t < stay.arrived), np.flatnonzero(trace.t > stay.departed)
    middle = stay.arrived + (stay.departed - stay.arrived) / 2
    ground_in = bool((trace.ground & (trace.t >= stay.arrived) & (trace.t <= middle)).any())
    ground_out = bool((trace.ground & (trace.t <= stay.departed) & (trace.t > middle)).any())

    def heard_of(rows: Ints, moment: float, is_ground: bool, *, is_arrival: bool) -> str:
        if not len(rows):
            return "touchdown" if is_ground else "none"
        row = rows[[-1 if is_arrival else 0]]
        miles = float(nearest(stay.place, trace.latitude[row], trace.longitude[row])[0])
        above = float(height[row[0]]) - stay.place.elevation
        return end_heard(miles, above, abs(float(trace.t[row[0]]) - moment), is_ground, is_arrival=is_arrival)

    stay.arrival_heard = heard_of(before, stay.arrived, ground_in, is_arrival=True)
    stay.departure_heard = heard_of(after, stay.departed, ground_out, is_arrival=False)
    return stay


def touchdown(rng: np.random.Generator, region: Region, number: int, at: float) -> Case:
    """Heard down to the apron and up from it."""
    return _visit(rng, region, number, at, Horizon(0), kind="touchdown")


def parked(rng: np.random.Generator, region: Region, number: int, at: float) -> Case:
    """The same, with days on the apron between."""
    return _visit(rng, region, number, at, Horizon(0), kind="parked", stay_s=float(rng.uniform(2 * DAY, 25 * DAY)))


def aligned_loss(rng: np.random.Generator, region: Region, number: int, at: float) -> Case:
    """Heard down to the horizon on the final approach, and from it on the way out."""
    return _visit(rng, region, number, at, Horizon(float(rng.uniform(150, 1_000))), kind="aligned_loss")


def high_horizon(rng: np.random.Generator, region: Region, number: int, at: float) -> Case:
    """Heard no lower than the horizon of far horizon."""
    return _visit(rng, region, number, at, Horizon(float(rng.uniform(1_200, 3_500))), kind="high_horizon")


def dark_approach(rng: np.random.Generator, region: Region, number: int, at: float) -> Case:
    """Transponder off for the last 20 minutes; on again for the take-off, or (one in twelve) ten minutes after it."""
    minutes = float(rng.uniform(20, 35))
    late = 600.0 if rng.random() < 1 / 12 else -np.inf
    return _visit(
        rng,
        region,
        number,
        at,
        Horizon(float(rng.choice([0.0, 300.0, 800.0, 1_500.0]))),
        kind="dark_approach",
        dark_in=lambda path: path.t > -minutes * 60,
        dark_out=lambda path: path.t < late,
    )


def overflight(rng: np.random.Generator, region: Region, number: int, at: float) -> Case:
    """Level past the field, high or low, now and then right along its runway; some climb or sink on the way."""
    who, _ = identity(rng, number)
    heading = region.base.runways[0].heading if rng.random() < 0.4 else float(rng.uniform(0, 360))
    miss = float(rng.normal(0, 0.05)) if rng.random() < 0.3 else float(rng.uniform(-8, 8))
    height = float(rng.choice([rng.uniform(1_200, 6_000), rng.uniform(6_000, 38_000)]))
    path = straight(rng, height, float(rng.uniform(180, 460)), miss, heading)
    if rng.random() < 0.4:
        slope = float(rng.uniform(-900, 900)) / 60
        path = replace(path, height=np.maximum(path.height + slope * path.t, 900.0))
    horizon = Horizon(float(rng.choice([0.0, 500.0, 1_500.0, 3_000.0])))
    return Case("overflight", heard(rng, path, region.base, horizon, at=at, identity=who, has_geom=rng.random() < 0.8))


def hole(rng: np.random.Generator, region: Region, number: int, at: float) -> Case:
    """A low, level flight past the field that is not heard for 16 to 40 minutes of its way."""
    who, _ = identity(rng, number)
    path = straight(rng, float(rng.uniform(1_500, 5_000)), float(rng.uniform(110, 180)), float(rng.uniform(-15, 15)),
                    float(rng.uniform(0, 360)))  # fmt: skip
    since = float(rng.uniform(-900, 0))
    until = since + float(rng.uniform(960, 1_400))
    return Case(
        "hole",
        heard(rng, path, region.base, Horizon(0), at=at, identity=who, dark=lambda p: (p.t > since) & (p.t < until)),
    )


def low_approach(rng: np.random.Generator, region: Region, number: int, at: float) -> Case:
    """A low pass along the runway."""
    who, _ = identity(rng, number)
    path = low_pass(rng, region.base, lowest=float(rng.uniform(120, 500)))
    horizon = Horizon(float(rng.choice([0.0, 300.0, 800.0, 1_500.0, 2_500.0])))
    return Case("low_pass", heard(rng, path, region.base, horizon, at=at, identity=who))


def go_around(rng: np.random.Generator, region: Region, number: int, at: float) -> Case:
    """An approach broken off, and away to somewhere else."""
    who, _ = identity(rng, number)
    path = low_pass(rng, region.base, lowest=float(rng.uniform(200, 1_200)))
    horizon = Horizon(float(rng.choice([0.0, 300.0, 800.0, 1_500.0, 2_500.0])))
    return Case("go_around", heard(rng, path, region.base, horizon, at=at, identity=who))


def touch_and_go(rng: np.random.Generator, region: Region, number: int, at: float) -> Case:
    """Rounds at the field without a stop."""
    who, _ = identity(rng, number)
    path = circuits(rng, region.base, int(rng.integers(1, 6)))
    horizon = Horizon(float(rng.choice([0.0, 0.0, 300.0, 700.0])))
    return Case("touch_and_go", heard(rng, path, region.base, horizon, at=at, identity=who))


def neighbour(rng: np.random.Generator, region: Region, number: int, at: float) -> Case:
    """A visit to the airfield 22 km away."""
    horizon = Horizon(float(rng.choice([0.0, 200.0, 600.0, 1_200.0, 2_500.0])))
    case = _visit(rng, region, number, at, horizon, kind="neighbour", place=region.neighbour)
    return case if region.neighbour.is_watched else replace(case, stays=())


def helicopter(rng: np.random.Generator, region: Region, number: int, at: float) -> Case:
    """A helicopter that lands in a meadow a few kilometres from the field, and leaves again."""
    who, _ = identity(rng, number)
    who = replace(who, type_code="H60")
    away, bearing = float(rng.uniform(4.0, 9.0)), np.radians(rng.uniform(0, 360))
    t = np.arange(-1_200.0, 0.0, 1.0)
    speed = np.interp(t, [-1_200, -120, 0], [rng.uniform(90, 130), 90, 5])
    run = np.cumsum(speed[::-1])[::-1] * 1.852 / 3600
    heading = float(rng.uniform(0, 360))
    east = away * np.sin(bearing) - run * np.sin(np.radians(heading))
    north = away * np.cos(bearing) - run * np.cos(np.radians(heading))
    height = np.interp(t, [-1_200, -240, 0], [rng.uniform(700, 2_500), rng.uniform(600, 900), 0])
    down = Path(t, east, north, height, speed, np.zeros(len(t), bool))
    stay_s = float(rng.uniform(900, 3 * 3600))
    order = slice(None, None, -1)
    up = Path(-t[order] + stay_s, east[order], north[order], height[order], speed[order], np.zeros(len(t), bool))
    horizon = Horizon(float(rng.choice([0.0, 200.0, 500.0])))
    trace = together(*(heard(rng, part, region.base, horizon, at=at, identity=who) for part in (down, up)))
    return Case("helicopter", trace)


def spoofing(rng: np.random.Generator, region: Region, number: int, at: float) -> Case:
    """An aircraft cruising or landing far away whose positions are moved onto the field for minutes."""
    who, slow = identity(rng, number)
    bearing, away = np.radians(rng.uniform(0, 360)), float(rng.uniform(90, 260))
    latitude, longitude = beside(region.base, away * float(np.sin(bearing)), away * float(np.cos(bearing)))
    elsewhere = replace(region.base, name="elsewhere", latitude=latitude, longitude=longitude)
    if rng.random() < 0.5:
        path = straight(rng, float(rng.uniform(8_000, 38_000)), float(rng.uniform(220, 450)), 0.0,
                        float(rng.uniform(0, 360)))  # fmt: skip
    else:
        path = landing(rng, elsewhere, slow=slow)
    trace = heard(rng, path, elsewhere, Horizon(0), at=at, identity=who, has_geom=rng.random() < 0.7)
    since = at + float(rng.uniform(path.t[0], path.t[-1] - 300))
    until = since + float(rng.uniform(120, 2_400))
    style = str(rng.choice(["spot", "circle", "drift"]))
    trace = spoofed(rng, trace, region.base, since, until, style)
    if rng.random() < 0.3:  # the signal is lost while it is spoofed
        trace = trace.of(trace.t <= until - 20)
    return Case("spoofing", trace)


def passers_by(rng: np.random.Generator, region: Region, number: int, at: float) -> list[Case]:
    """Four aircraft low over the region on one day: the traffic from which air pressure can be read."""
    found = []
    for index in range(4):
        who, _ = identity(np.random.default_rng(number + index), number + index)
        height, miss, heading = rng.uniform(3_500, 5_500), rng.uniform(-12, 12), rng.uniform(0, 360)
        path = straight(rng, float(height), 230.0, float(miss), float(heading), half_s=240.0)
        moment = (at // DAY) * DAY + float(rng.uniform(0.1, 0.9)) * DAY
        found.append(Case("passer_by", heard(rng, path, region.base, Horizon(0), at=moment, identity=who)))
    return found


VISITS = (touchdown, parked, aligned_loss, high_horizon, dark_approach)
TRAPS = (overflight, low_approach, go_around, neighbour, spoofing, touch_and_go, helicopter, hole)


KINDS: dict[Callable[..., object], str] = {
    **{story: story.__name__ for story in (*VISITS, *TRAPS)},
    low_approach: "low_pass",
    passers_by: "passer_by",
}


def make(seed: int, each: int) -> tuple[list[Region], list[Case]]:
    """The regions of a seed and `each` cases of every kind in them, within DAYS of FIRST_DAY."""
    places = regions(np.random.default_rng(seed), REGIONS)
    return places, list(draw(seed, places, each, float(FIRST_DAY * DAY), DAYS))


def draw(
    seed: int, places: list[Region], each: int, first_day: float, days: int, kinds: tuple[str, ...] | None = None
) -> Iterator[Case]:
    """`each` cases of every kind, spread over the places and over `days` days from an epoch second."""
    served: set[tuple[int, int]] = set()
    for order, story in enumerate((*VISITS, *TRAPS)):
        if kinds is not None and story.__name__ not in kinds:
            continue
        for number in range(each):
            rng = np.random.default_rng([seed, order, number])
            where = int(rng.integers(len(places)))
            region = places[where]
            at = first_day + DAY + float(rng.uniform(0, (days - 40) * DAY))
            case = story(rng, region, order * 100_000 + number, at)
            yield case
            for moment in (at, *(stay.departed for stay in case.stays)):
                if (where, int(moment // DAY)) not in served:
                    served.add((where, int(moment // DAY)))
                    day = int((moment - first_day) // DAY)
                    yield from passers_by(rng, region, 5_000_000 + (where * 1000 + day) * 4, moment)
