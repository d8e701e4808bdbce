"""What happens in a sky: who lives where, who flies when and where to, and who is heard of it.

Each aircraft lives through the sky's days: it rests at a place, flies, and rests at the next; so it is never in two
places. What it does there is drawn from its role and the sky's own shares (scenarios.py).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skies import fields as places
from skies import flights as fl
from skies import reception, truth
from skies.fields import Airfield, Bools, Floats, Ints
from skies.flights import Flown, Plan, Weather
from skies.reception import Ears, Habits
from skies.scenarios import SCENARIOS, WHOLE
from skies.truth import Airframe, Flight, Stay

DAY = 86_400.0
FIRST_DAY = 19_723  # 2024-01-01, in days since 1970
CREWS = ("never", "near", "height", "whole")
OUT_NM = 205.0  # how far out civil flights begin and end: beyond what anybody keeps
Heard = dict[str, Any]


@dataclass(frozen=True)
class Spoof:
    """A spell in which receivers of satellite fixes near a base were told that they are there."""

    base: int
    since: float
    until: float
    style: str


@dataclass
class Sky:
    """A sky and its truth. Times are seconds since 1970, UTC; days are counted from 1970.

    heard: arrays of equal length, one element a position, by address and time: reception.COLUMNS (of which `height` is
    true, and all else is what the aircraft said), `ground`, `receiver` (-1: moved there by spoofing), `airframe`,
    `flight` (-1: a vehicle). missing_days: those that the archive lacks. deaf: base and day on which no receiver of its
    region was up for a twentieth of the day.
    """

    scenario: str
    seed: int
    first_day: int
    days: int
    fields: list[Airfield]
    ears: Ears
    weather: list[list[Weather]]
    draws: dict[str, float]
    airframes: list[Airframe] = field(default_factory=list)
    flights: list[Flight] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)
    heard: dict[str, Floats | Bools | Ints] = field(default_factory=dict)
    missing_days: list[int] = field(default_factory=list)
    deaf: list[tuple[str, int]] = field(default_factory=list)
    spoofs: list[Spoof] = field(default_factory=list)
    traps: Counter[str] = field(default_factory=Counter)

    @property
    def bases(self) -> list[Airfield]:
        """The watched bases."""
        return [one for one in self.fields if one.is_watched]

    @property
    def begin(self) -> float:
        """When it begins."""
        return self.first_day * DAY

    @property
    def end(self) -> float:
        """When it ends."""
        return (self.first_day + self.days) * DAY

    def missing(self) -> list[tuple[float, float]]:
        """The spans of time that the archive lacks."""
        return [(day * DAY, (day + 1) * DAY) for day in self.missing_days]

    def hearing(self) -> dict[tuple[str, int], str]:
        """What could be heard near each base on each day: missing, deaf (`deaf` above) or low.

        low: for nine tenths of the day some receiver that was up could hear most of a ring of eight miles, 3,000 ft
        above the field. The days between are left out: there is no one right word for them.
        """
        states: dict[tuple[str, int], str] = {}
        steps = self.begin + np.arange(0.0, self.days * DAY, 600.0)
        courses = np.radians(np.arange(0, 360, 30.0))
        for base in self.bases:
            ring = reception.plane_of(base).degrees(8 * np.sin(courses), 8 * np.cos(courses))
            height = np.full(len(courses), base.elevation + 3_000.0)
            chances = self.ears.chances(*ring, height, np.arange(len(self.ears.receivers)))
            hears = np.zeros(len(steps), np.bool_)
            for number in np.flatnonzero((chances > 0).mean(axis=0) > 0.5):
                is_up = np.ones(len(steps), np.bool_)
                for since, until in self.ears.outages[number]:
                    is_up &= (steps < since) | (steps > until)
                hears |= is_up
            shares = hears.reshape(self.days, -1).mean(axis=1)
            states |= {(base.name, self.first_day + int(day)): "low" for day in np.flatnonzero(shares >= 0.9)}
        states |= dict.fromkeys(self.deaf, "deaf")
        return states | {(base.name, day): "missing" for base in self.bases for day in self.missing_days}


def make(scenario: str, seed: int, days: int = 200, first_day: int = FIRST_DAY) -> Sky:
    """A sky: the same for the same scenario, seed and days."""
    return _Maker(scenario, seed, days, first_day).run()


class _Maker:
    """The making of a sky as it goes along."""

    def __init__(self, scenario: str, seed: int, days: int, first_day: int) -> None:
        self.rng = rng = np.random.default_rng([seed, *scenario.encode()])
        self.ranges = SCENARIOS[scenario]
        self.draws = {
            name: float(rng.uniform(*value)) if name not in WHOLE else float(rng.integers(value[0], value[1] + 1))
            for name, value in vars(self.ranges).items()
            if isinstance(value, tuple)
        }
        made = places.draw(
            rng, bases=int(self.draws["bases"]), far=int(self.draws["far"]), shared=self.draws["shared"],
            neighbours=(int(self.ranges.neighbours[0]), int(self.ranges.neighbours[1])),
            strips=(int(self.ranges.strips[0]), int(self.ranges.strips[1])),
        )  # fmt: skip
        self.bases = [one for one in made if one.is_watched]
        self.far = [one for one in made if one.role == "far"]
        weather = [fl.weathers(rng, days + 2) for _ in self.bases]
        self.sky = Sky(scenario, seed, first_day, days, made, self._ears(made, first_day, days), weather, self.draws)
        self.sky.missing_days = sorted(
            first_day + int(day) for day in np.flatnonzero(rng.random(days) < self.draws["missing"])
        )
        self.missing = self.sky.missing()
        self.heard: list[Heard] = []
        self.taken: set[int] = set()
        self.last: dict[int, tuple[Any, ...]] = {}  # of each flight: what was heard last before it landed
        self.first: dict[int, tuple[Any, ...]] = {}
        # how this sky's crews like to arrive and leave
        self.arrivals = rng.dirichlet(np.array([2.5, 1.5, 0.5, 0.5, 0.4, 0.8]))
        self.departures = rng.dirichlet(np.array([2.5, 1.5, 0.4, 0.8]))

    # -- the stage

    def _ears(self, made: Sequence[Airfield], first_day: int, days: int) -> Ears:
        rng = self.rng
        receivers, ridges = [], []
        for base in self.bases:
            count = int(rng.integers(self.ranges.receivers[0], self.ranges.receivers[1] + 1))
            side = float(rng.uniform(0, 360)) if rng.random() < self.ranges.sided else None
            mask = float(rng.uniform(*self.ranges.mask))
            receivers += reception.place_receivers(rng, made, base.region, count, self.ranges.away, side, mask)
            if rng.random() < self.ranges.ridged:
                low, high = sorted(rng.uniform(*self.ranges.ridge, 2))
                ridges.append(reception.ridge(rng, base, float(low), float(high)))
        receivers += reception.scatter(rng, made, 4 * len(self.bases))
        outages: list[list[tuple[float, float]]] = [[] for _ in receivers]
        begin = first_day * DAY

        def spell() -> tuple[float, float]:
            since = begin + rng.uniform(0, days) * DAY
            hours = places.log_uniform(rng, 0.5, 20) if rng.random() < 0.7 else places.log_uniform(rng, 20, 400)
            return float(since), float(since + hours * 3600)

        for number in range(len(receivers)):
            outages[number] += [spell() for _ in range(rng.poisson(self.draws["off"] * days / 30))]
        for base in self.bases:
            for _ in range(rng.poisson(self.draws["out"] * days / 30)):
                span = spell()
                for number, one in enumerate(receivers):
                    if one.region == base.region:
                        outages[number].append(span)
        # scattered receivers near a base hear it too: in an outage of a region they are off as well
        for number, one in enumerate(receivers):
            if one.region < 0:
                nearest = min(self.bases, key=lambda base, at=one: math.hypot(  # type: ignore[misc]
                    *places.Plane(base.latitude, base.longitude).xy(at.latitude, at.longitude)))  # fmt: skip
                near = [k for k, other in enumerate(receivers) if other.region == nearest.region]
                outages[number] += [span for span in outages[near[0]] if all(span in outages[k] for k in near)]
        return Ears(receivers, ridges, outages, places.unit([b.latitude for b in self.bases],
                                                            [b.longitude for b in self.bases]))  # fmt: skip

    def _weather(self, region: int, t: float) -> Weather:
        days = self.sky.weather[max(region, 0)]
        return days[int(np.clip((t - self.sky.begin) // DAY, 0, len(days) - 1))]

    def _airframe(self, kind: str, role: str, fleet: str, home: Airfield, is_military: bool, dark: bool) -> Airframe:
        rng, number = self.rng, len(self.sky.airframes)
        address = int(rng.integers(0x100000, 0xE00000))
        while address in self.taken:
            address += 1
        self.taken.add(address)
        what = fl.KINDS[kind]
        crew = str(rng.choice(CREWS[1:], p=[0.65, 0.25, 0.1])) if dark else "never"
        flagged = is_military and rng.random() < 0.6
        one = Airframe(
            number, f"{address:06x}", f"{fleet.upper()}-{1000 + number}", str(rng.choice(what.types)), kind, what,
            role, fleet, f"{fleet.upper()[:3]}{rng.integers(10, 999)}", home, crew,
            float(rng.uniform(0.6, 1.0)) * self.draws["often"] if dark else 0.0,
            (places.log_uniform(rng, 8, 100), places.log_uniform(rng, 5, 160), float(rng.uniform(1_500, 22_000))),
            Habits(float(rng.uniform(4, 9)), bool(rng.random() < 0.85), bool(rng.random() < 0.88),
                   bool(rng.random() < 0.9), float(rng.normal(0, 25))),
            is_military, flagged, is_military and (not flagged or rng.random() < 0.5),
        )  # fmt: skip
        self.sky.airframes.append(one)
        return one

    # -- the play

    def run(self) -> Sky:
        """Everything that happens."""
        rng, sky = self.rng, self.sky
        self._spoofing()
        for number in range(int(self.draws["fleets"])):
            self._fleet(f"f{chr(97 + number)}{chr(97 + int(rng.integers(26)))}")
        for base in self.bases:
            for _ in range(int(rng.integers(self.ranges.residents[0], self.ranges.residents[1] + 1))):
                kind = str(rng.choice(["turboprop", "fighter", "helicopter", "light", "heavy"],
                                      p=[0.25, 0.2, 0.2, 0.25, 0.1]))  # fmt: skip
                dark = bool(rng.random() < self.draws["dark"] * 0.7)
                self._live(self._airframe(kind, "resident", f"r{chr(97 + base.region)}q", base, True, dark))
            self._neighbourhood(base)
            self._civil(base)
        for _ in range(int(self.draws["orbits"])):
            home = self._one(self.far if rng.random() < 0.7 else self.bases)
            self._live(self._airframe("patrol", "orbiter", "tkr", home, True, bool(rng.random() < 0.4)))
        self._odd()
        self._finish()
        return sky

    def _one(self, some: Sequence[Airfield], weights: Floats | None = None) -> Airfield:
        return some[int(self.rng.choice(len(some), p=weights))]

    def _fleet(self, name: str) -> None:
        rng = self.rng
        kind = str(rng.choice(["heavy", "turboprop", "patrol", "jet"], p=[0.45, 0.38, 0.07, 0.1]))
        size = int(rng.integers(self.ranges.fleet_size[0], self.ranges.fleet_size[1] + 1))
        home = self._one(self.far)
        is_dark = rng.random() < self.draws["dark"]
        self.favours = rng.dirichlet(np.full(len(self.bases), 0.7))
        self.strays = rng.uniform(*self.ranges.low_rivals)
        roams = rng.random() < 0.35
        for _ in range(size):
            dark = bool(rng.random() < (0.85 if is_dark else 0.15)) and self.draws["dark"] > 0.02
            lives_at = self._one(self.far) if roams else home
            one = self._airframe(kind, "roamer" if roams else "visitor", name, lives_at, True, dark)
            self._live(one)

    def _neighbourhood(self, base: Airfield) -> None:
        """Who flies from the fields and strips around a base: helicopters, light aircraft, the odd transport."""
        rng = self.rng
        around = places.near(self.sky.fields, base.region, "neighbour") + places.near(
            self.sky.fields, base.region, "strip"
        )
        for one in around:
            if rng.random() < 0.5:
                kind = str(rng.choice(["helicopter", "light", "turboprop"], p=[0.4, 0.35, 0.25]))
                is_military = bool(rng.random() < (0.8 if one.serves != "civil" else 0.25))
                dark = is_military and bool(rng.random() < self.draws["dark"] * 0.6)
                self._live(self._airframe(kind, "local", f"n{chr(97 + base.region)}w", one, is_military, dark))

    def _live(self, one: Airframe) -> None:
        """One aircraft's days, from its home on."""
        rng, sky = self.rng, self.sky
        t = sky.begin + rng.uniform(0, self.draws["rest_days"]) * DAY
        place = one.home
        while t < sky.end - 0.3 * DAY:
            if one.role == "resident":
                t, place = self._resident_day(one, place, t)
            elif one.role == "local":
                t, place = self._local_day(one, place, t)
            elif one.role == "orbiter":
                t, place = self._orbit(one, place, t)
            else:
                t, place = self._travel(one, place, t)

    def _rest(self, place: Airfield, one: Airframe) -> float:
        """Seconds that an aircraft stays at a place."""
        rng = self.rng
        if place is one.home:
            return self.draws["rest_days"] * DAY * places.log_uniform(rng, 0.1, 2.2)
        sort = rng.choice(5, p=[0.24, 0.32, 0.22, 0.14, 0.08])
        low, high = ((20, 60), (60, 300), (480, 1_000), (1_440, 7_200), (7_200, 57_600))[sort]
        return places.log_uniform(rng, low, high) * 60

    def _travel(self, one: Airframe, place: Airfield, t: float) -> tuple[float, Airfield]:
        """A visitor's next flight: to a base, a neighbour, a strip, past them, or home."""
        rng = self.rng
        base = self._one(self.bases, self.favours)
        if place is not one.home and rng.random() < (0.25 if one.role == "roamer" else 0.75):
            target, story = one.home, "trip"
        elif place.role == "far" and rng.random() < self.draws["transits"]:
            others = [other for other in self.far if other is not place and places.distance(other, place) > 150]
            if not others:
                return t + DAY, place
            target, story = self._one(others), "transit"
        elif rng.random() < self.strays:
            around = [
                other for other in self.sky.fields
                if other.region == base.region and other.role in ("neighbour", "strip") and other is not place
                and other.runways[0].length > 0.5
            ]  # fmt: skip
            target, story = (self._one(around), "rival") if around else (base, "trip")
        elif one.role == "roamer" and rng.random() < 0.3:
            target, story = self._one(self.far), "trip"
        else:
            target, story = base, "trip"
        if target is place:
            return t + rng.uniform(0.1, 0.5) * DAY, place
        landed, target = self._trip(one, place, target, t, story, past=base if story == "transit" else None)
        return landed + self._rest(target, one), target

    def _resident_day(self, one: Airframe, place: Airfield, t: float) -> tuple[float, Airfield]:
        rng = self.rng
        if place is not one.home:
            landed, place = self._trip(one, place, one.home, t, "trip")
            return landed + self._rest(place, one) * 0.4, place
        around = [
            other for other in self.sky.fields
            if other.region == place.region and other is not place and other.role in ("neighbour", "strip")
        ]  # fmt: skip
        wait = rng.exponential(1 / max(self.draws["sorties"], 0.02)) * DAY + 2_400
        draw = rng.random()
        if draw < self.draws["training"]:
            story = str(rng.choice(["circuits", "sortie", "elsewhere"], p=[0.4, 0.45, 0.15]))
            landed = self._local(one, place, t, story if around or story != "elsewhere" else "sortie", around)
            return landed + (rng.uniform(25, 90) * 60 if rng.random() < 0.3 else wait), place
        if draw < self.draws["training"] + 0.15 and one.kind_name in ("helicopter", "turboprop", "light"):
            return self._local(one, place, t, "search", around) + wait, place
        if around and rng.random() < 0.5:
            landed, place = self._trip(one, place, self._one(around), t, "rival")
            return landed + rng.uniform(0.4, 30) * 3600, place
        if one.kind_name in ("helicopter", "light"):
            return self._local(one, place, t, "sortie", around) + wait, place
        landed, place = self._trip(one, place, self._one([*self.far, *self.bases]), t, "trip")
        return landed + self._rest(place, one), place

    def _local_day(self, one: Airframe, place: Airfield, t: float) -> tuple[float, Airfield]:
        rng = self.rng
        wait = rng.exponential(5) * DAY + 3_600
        around = [other for other in self.sky.fields if other.region == place.region and other is not place]
        story = str(rng.choice(["circuits", "sortie", "search", "hop"], p=[0.2, 0.35, 0.15, 0.3]))
        if place is not one.home or (story == "hop" and around):
            target = one.home if place is not one.home else self._one(around)
            if target.is_watched and target.serves == "military" and not one.is_military:
                return t + DAY, place
            landed, place = self._trip(one, place, target, t, "rival" if not target.is_watched else "trip")
            return landed + places.log_uniform(rng, 0.4, 60) * 3600, place
        return self._local(one, place, t, story if story != "hop" else "sortie", around) + wait, place

    # -- flights

    def _style(self, one: Airframe, place: Airfield) -> str:
        if one.role == "civil":
            return str(self.rng.choice(["straight", "downwind", "level"], p=[0.65, 0.2, 0.15]))
        return str(self.rng.choice(fl.APPROACHES, p=self.arrivals))

    def _take_off(self, one: Airframe, plan: Plan, place: Airfield, weather: Weather) -> str:
        style = str(self.rng.choice(["runway", "direct", "spiral", "low"], p=self.departures))
        if one.role == "civil" or one.kind_name == "helicopter":
            style = "runway"
        fl.take_off(self.rng, plan, place, weather, style)
        return style

    def _trip(
        self, one: Airframe, origin: Airfield, target: Airfield, t: float, story: str, past: Airfield | None = None
    ) -> tuple[float, Airfield]:
        """A flight from one field to another; gives when and where it landed."""
        rng = self.rng
        if target is origin:
            return t + 3_600, origin
        focus = past or (target if target.region >= 0 else origin if origin.region >= 0 else self.bases[0])
        weather = self._weather(focus.region, t)
        plan = fl.begin(rng, one.kind_name, focus, origin, target)
        self._fit_level(plan, origin, target)
        departure = self._take_off(one, plan, origin, weather)
        if past is not None:
            # it passes a base, at any distance, on its way elsewhere
            off, course = places.log_uniform(rng, 0.5, 60), rng.uniform(0, math.tau)
            spot = off * math.sin(course), off * math.cos(course)
            fl.route(rng, plan, *spot, spread=0.03)
            plan.way.to(*spot, plan.wide())
            plan.marks.append(("past a base", plan.way.length))
            if rng.random() < 0.15:
                plan.limits.append(
                    (plan.way.length - 40, plan.way.length + 40, rng.uniform(4_000, 12_000) + past.elevation)
                )
        x, y = plan.plane.xy(target.latitude, target.longitude)
        fl.route(rng, plan, x, y, spread=0.09 if story == "transit" else 0.05)
        self._before_landing(plan, target, x, y)
        style = self._style(one, target)
        draw = rng.random()
        if draw < 0.035 and target.region >= 0:
            *_, length = fl.approach(rng, plan, target, weather, style)
            fl.go_around(rng, plan, target, length, rng.uniform(100, 700), "missed approach")
            plan.limits.append((plan.way.length, plan.way.length + 12, target.elevation + rng.uniform(2_000, 4_000)))
            others = [
                other for other in self.sky.fields
                if other is not target and other is not origin and other.runways[0].length > 0.8
                and places.distance(other, target) < 150
            ]  # fmt: skip
            if others and rng.random() < 0.5 and one.kind_name != "helicopter":
                plan.target = target = self._one(others)
                plan.marks.append(("diversion", plan.way.length))
                x, y = plan.plane.xy(target.latitude, target.longitude)
                plan.way.line(4)
                fl.route(rng, plan, x, y)
            style = "straight"
        fl.land(rng, plan, target, weather, style)
        _, landed = self._record(one, plan, story, t, weather, departure, style)
        return landed, target

    def _fit_level(self, plan: Plan, origin: Airfield, target: Airfield) -> None:
        """A short flight is flown lower."""
        miles = places.distance(origin, target)
        floor = max(origin.elevation, target.elevation)
        plan.level = max(min(plan.level, floor + 1_500 + miles * self.rng.uniform(60, 140)), floor + 700)

    def _before_landing(self, plan: Plan, target: Airfield, x: float, y: float) -> None:
        """Descents that begin early, level segments, holds."""
        rng, way = self.rng, plan.way
        dx, dy = x - way.x, y - way.y
        far = math.hypot(dx, dy)
        if far < 45 or plan.kind is fl.KINDS["helicopter"]:
            return
        plan.sinks_from = way.length
        draw = rng.random()
        if draw < 0.25:
            # down early, and long at a middle level
            miles = min(rng.uniform(25, 90), far - 15)
            way.to(x - dx / far * miles, y - dy / far * miles, plan.wide())
            plan.limits.append((way.length, way.length + miles * 0.7, target.elevation + rng.uniform(3_000, 12_000)))
            plan.marks.append(("early descent", way.length))
        elif draw < 0.37:
            miles = min(rng.uniform(12, 40), far - 15)
            way.to(x - dx / far * miles, y - dy / far * miles, plan.wide())
            fl.hold(rng, plan, int(rng.integers(1, 5)), target.elevation + rng.uniform(3_000, 14_000))
        elif draw < 0.45:
            plan.sink *= rng.uniform(1.2, 1.5)  # late, and then fast
            plan.marks.append(("late descent", way.length))

    def _local(self, one: Airframe, place: Airfield, t: float, story: str, around: Sequence[Airfield]) -> float:
        """A flight that ends where it began; gives when it landed."""
        rng = self.rng
        weather = self._weather(place.region, t)
        plan = fl.begin(rng, one.kind_name, place, place, place)
        small = one.kind_name in ("helicopter", "light", "fighter")
        plan.level = min(plan.level, place.elevation + rng.uniform(1_500, 9_000 if small else 18_000))
        departure = self._take_off(one, plan, place, weather)
        way = plan.way
        reach = {"helicopter": 25.0, "light": 35.0, "fighter": 70.0}.get(one.kind_name, 90.0)
        style = self._style(one, place)
        if story == "search":
            course, miles = rng.uniform(0, math.tau), rng.uniform(0.2, 1.0) * reach
            spot = miles * math.sin(course), miles * math.cos(course)
            way.to(*spot, plan.wide())
            height = place.elevation + rng.uniform(500, 2_500)
            fl.ladder(rng, plan, int(rng.integers(4, 12)), rng.uniform(4, 20), rng.uniform(0.8, 3.0), height)
        elif story in ("sortie", "elsewhere"):
            for _ in range(int(rng.integers(1, 5))):
                course, miles = rng.uniform(0, math.tau), reach * math.sqrt(rng.uniform(0.05, 1))
                begin = way.length
                way.to(miles * math.sin(course), miles * math.cos(course), plan.middle())
                if rng.random() < 0.5:
                    plan.limits.append((begin, way.length, place.elevation + rng.uniform(600, 6_000)))
                if rng.random() < 0.4:
                    way.turn(float(rng.choice([-1, 1])) * rng.uniform(180, 1_100), plan.middle())
            if story == "elsewhere":
                other = self._one(around)
                ends = fl.approach(rng, plan, other, weather, "straight")
                if one.kind_name == "helicopter" or rng.random() < 0.5:
                    fl.go_around(rng, plan, other, ends[3], rng.uniform(50, 600), "low approach elsewhere")
                else:
                    fl.touch(rng, plan, other, ends[3])
                plan.limits.append((way.length, way.length + 6, other.elevation + rng.uniform(1_000, 3_000)))
        rounds = int(rng.integers(2, 13)) if story == "circuits" else int(rng.choice([0, 1, 3], p=[0.6, 0.25, 0.15]))
        if rounds and one.kind_name != "helicopter":
            self._circuits(plan, place, weather, rounds)
            style = "downwind"
        if one.kind_name == "helicopter":
            way.line(2.0)
        fl.land(rng, plan, place, weather, style if story != "circuits" else "downwind")
        _, landed = self._record(one, plan, story, t, weather, departure, style)
        return landed

    def _circuits(self, plan: Plan, place: Airfield, weather: Weather, rounds: int) -> None:
        rng = self.rng
        ends = fl.approach(rng, plan, place, weather, "downwind")
        side = float(rng.choice([-1, 1]))
        for number in range(rounds):
            draw = rng.random()
            if draw < 0.75:
                fl.touch(rng, plan, place, ends[3])
            else:
                mark = "low approach" if draw < 0.93 else "missed approach"
                fl.go_around(rng, plan, place, ends[3], rng.uniform(30, 400), mark)
            if number < rounds - 1:
                fl.circuit(rng, plan, place, ends, side)
        start = plan.way.length
        plan.limits.append((start, start + 2, place.elevation + 1.2 * float(rng.uniform(*plan.kind.circuit_ft))))

    def _orbit(self, one: Airframe, place: Airfield, t: float) -> tuple[float, Airfield]:
        """A tanker's or a patrol's flight: to a track near a base, hours there, and home or to a base."""
        rng = self.rng
        base = self._one(self.bases)
        target = one.home if rng.random() < 0.85 else self._one(self.bases)
        weather = self._weather(base.region, t)
        plan = fl.begin(rng, one.kind_name, base, place, target)
        departure = self._take_off(one, plan, place, weather)
        course, miles = rng.uniform(0, math.tau), places.log_uniform(rng, 8, 120)
        spot = miles * math.sin(course), miles * math.cos(course)
        fl.route(rng, plan, *spot)
        plan.way.to(*spot, plan.wide())
        height = plan.level if rng.random() < 0.6 else rng.uniform(8_000, max(plan.level, 9_000))
        leg = 0.0 if rng.random() < 0.2 else rng.uniform(15, 55)
        fl.orbit(rng, plan, rng.uniform(1.0, 6.0), leg, height)
        x, y = plan.plane.xy(target.latitude, target.longitude)
        fl.route(rng, plan, x, y)
        style = self._style(one, target)
        fl.land(rng, plan, target, weather, style)
        _, landed = self._record(one, plan, "orbit", t, weather, departure, style)
        return landed + self._rest(target, one), target

    def _civil(self, base: Airfield) -> None:
        """Airliners and business jets that land near a base or fly over it."""
        rng, sky = self.rng, self.sky
        fields = [
            other for other in sky.fields
            if other.region == base.region and other.serves in ("civil", "shared")
        ]  # fmt: skip
        days = sky.days
        landings = rng.poisson(rng.uniform(*self.ranges.civil) * days) if fields else 0
        weights = rng.dirichlet(np.full(max(len(fields), 1), 0.8))
        free: dict[int, float] = {}  # when each aircraft is back where nobody hears it
        fleet = max(int(landings / days * 3), 2)
        crowd = [
            self._airframe(str(rng.choice(["airliner", "jet"], p=[0.85, 0.15])), "civil", f"c{chr(97 + base.region)}v",
                           self.far[0] if self.far else base, False, False)
            for _ in range(fleet)
        ]  # fmt: skip
        for number, t in enumerate(np.sort(rng.uniform(0, days - 0.4, landings)) * DAY + sky.begin):
            one = crowd[number % fleet]
            if t < free.get(one.number, 0.0):
                continue  # it is still on its flight before
            landed, place = self._civil_in(one, base, self._one(fields, weights), float(t))
            free[one.number] = self._civil_out(one, base, place, landed + rng.uniform(30, 75) * 60)
        overs = rng.poisson(rng.uniform(*self.ranges.over) * days)
        fleet = max(int(overs / days * 4), 2)
        crowd = [
            self._airframe(
                "airliner", "civil", f"o{chr(97 + base.region)}v", self.far[0] if self.far else base, False, False
            )
            for _ in range(fleet)
        ]
        for number, t in enumerate(np.sort(rng.uniform(0, days - 0.2, overs)) * DAY + sky.begin):
            one = crowd[number % fleet]
            if t >= free.get(one.number, 0.0):
                free[one.number] = self._over(one, base, float(t))

    def _edge(self, base: Airfield) -> tuple[float, float, float]:
        """A place far out, and the bearing on which it lies."""
        course = float(self.rng.uniform(0, 360))
        return *places.beside(base.latitude, base.longitude, course, OUT_NM), course

    def _civil_in(self, one: Airframe, base: Airfield, target: Airfield, t: float) -> tuple[float, Airfield]:
        rng, weather = self.rng, self._weather(base.region, t)
        latitude, longitude, course = self._edge(base)
        plan = fl.begin(rng, one.kind_name, base, None, target, (latitude, longitude, course + 180))
        x, y = plan.plane.xy(target.latitude, target.longitude)
        fl.route(rng, plan, x, y)
        self._before_landing(plan, target, x, y)
        style = self._style(one, target)
        fl.land(rng, plan, target, weather, style)
        _, landed = self._record(one, plan, "airliner", t, weather, "", style)
        return landed, target

    def _civil_out(self, one: Airframe, base: Airfield, origin: Airfield, t: float) -> float:
        rng, weather = self.rng, self._weather(base.region, t)
        plan = fl.begin(rng, one.kind_name, base, origin, None)
        departure = self._take_off(one, plan, origin, weather)
        latitude, longitude, _ = self._edge(base)
        x, y = plan.plane.xy(latitude, longitude)
        fl.route(rng, plan, x, y)
        plan.way.to(x, y, plan.wide())
        return self._record(one, plan, "airliner", t, weather, departure, "")[1]

    def _over(self, one: Airframe, base: Airfield, t: float) -> float:
        rng, weather = self.rng, self._weather(base.region, t)
        latitude, longitude, course = self._edge(base)
        plan = fl.begin(rng, one.kind_name, base, None, None, (latitude, longitude, course + 180))
        out = math.radians(course + 180 + rng.normal(0, 50))
        miles = rng.uniform(0, 120)
        plan.way.to(miles * math.sin(out + 1.5), miles * math.cos(out + 1.5), plan.wide())
        plan.way.to(OUT_NM * math.sin(out), OUT_NM * math.cos(out), plan.wide())
        return self._record(one, plan, "overflight", t, weather, "", "")[1]

    # -- oddities

    def _odd(self) -> None:
        """Calibration flights, vehicles, addresses that two aircraft use."""
        rng, sky = self.rng, self.sky
        for base in self.bases:
            # one in every sky at the least
            for _ in range(rng.poisson(self.draws["odd"] * 1.2 * sky.days / 200) + int(base is self.bases[0])):
                self._calibration(base, float(sky.begin + rng.uniform(1, max(sky.days - 2, 1.5)) * DAY))
            for _ in range(rng.poisson(self.draws["odd"] * 0.8)):
                self._vehicle(base)
        able = [one for one in sky.airframes if one.is_military and one.role in ("visitor", "roamer", "resident")]
        for _ in range(rng.poisson(self.draws["odd"])):
            if len(able) < 2:
                break
            first, second = rng.choice(len(able), 2, replace=False)
            if able[first].icao24 in (able[second].icao24,):
                continue
            able[second].icao24 = able[first].icao24
            sky.traps["re-used address"] += 1

    def _calibration(self, base: Airfield, t: float) -> None:
        rng = self.rng
        around = places.near(self.sky.fields, base.region, "neighbour")
        home = self._one([*around, *self.far[:2]]) if around or self.far else base
        kind = str(rng.choice(["jet", "turboprop"]))
        one = self._airframe(kind, "calibration", "cal", home, bool(rng.random() < 0.6), False)
        weather = self._weather(base.region, t)
        plan = fl.begin(rng, kind, base, home, home)
        self._fit_level(plan, home, base)
        departure = self._take_off(one, plan, home, weather)
        x, y = plan.plane.xy(base.latitude, base.longitude)
        fl.route(rng, plan, x, y)
        for _ in range(int(rng.integers(8, 15))):
            style = str(rng.choice(["straight", "downwind", "procedure"], p=[0.6, 0.25, 0.15]))
            begin = plan.way.length
            *_, length = fl.approach(rng, plan, base, weather, style)
            fl.go_around(rng, plan, base, length, rng.uniform(40, 300), "calibration pass")
            plan.limits.append((begin, plan.way.length, base.elevation + rng.uniform(1_500, 4_000)))
            plan.speeds.append((begin, plan.way.length, min(plan.kind.slow, 190)))
            plan.way.line(rng.uniform(1, 6))
        hx, hy = plan.plane.xy(home.latitude, home.longitude)
        fl.route(rng, plan, hx, hy)
        fl.land(rng, plan, home, weather, "straight")
        self._record(one, plan, "calibration", t, weather, departure, "straight")

    def _vehicle(self, base: Airfield) -> None:
        """A vehicle with a transponder, about the field for hours on some days, if anybody hears the ground there."""
        rng, sky = self.rng, self.sky
        one = self._airframe("light", "vehicle", "veh", base, True, False)
        chance = sky.ears.chances(
            np.array([base.latitude]), np.array([base.longitude]), np.array([base.elevation + 10.0]),
            np.arange(len(sky.ears.receivers)),
        )[0]  # fmt: skip
        if chance.max() <= 0:
            return
        receiver = int(chance.argmax())
        sky.traps["vehicle"] += 1
        for day in rng.choice(sky.days, min(int(rng.integers(2, 12)), sky.days), replace=False):
            t = sky.begin + day * DAY + rng.uniform(0.2, 0.7) * DAY + np.cumsum(rng.uniform(8, 40, 200))
            keep = np.ones(len(t), np.bool_)
            for since, until in (*self.missing, *sky.ears.outages[receiver]):
                keep &= (t < since) | (t > until)
            east, north = np.cumsum(rng.normal(0, 0.03, (2, len(t))), axis=1)
            east, north = np.clip(east, -0.8, 0.8), np.clip(north, -0.8, 0.8)
            latitude, longitude = reception.plane_of(base).degrees(east, north)
            n = int(keep.sum())
            self.heard.append({
                "t": np.round(t[keep], 2), "latitude": latitude[keep], "longitude": longitude[keep],
                "baro": np.full(n, np.nan), "geom": np.full(n, np.nan), "speed": np.round(rng.uniform(0, 25, n)),
                "track": np.round(rng.uniform(0, 360, n)), "rate": np.full(n, np.nan),
                "height": np.full(n, base.elevation + 10.0), "ground": np.ones(n, np.bool_),
                "receiver": np.full(n, receiver), "airframe": np.full(n, one.number), "flight": np.full(n, -1),
            })  # fmt: skip

    def _spoofing(self) -> None:
        rng, sky = self.rng, self.sky
        for base in self.bases:
            for _ in range(rng.poisson(self.draws["odd"] * 2 * sky.days / 200)):
                since = float(sky.begin + rng.uniform(0, sky.days) * DAY)
                style = str(rng.choice(["spot", "circle", "drift"]))
                sky.spoofs.append(Spoof(base.region, since, since + places.log_uniform(rng, 1, 40) * 3600, style))

    def _moved(self, heard: Heard, start: float, end: float) -> None:
        """Put the positions of a flight near a spoofer onto its base, if the aircraft believes it."""
        rng = self.rng
        for spoof in self.sky.spoofs:
            if spoof.since > end or spoof.until < start:
                continue
            base = self.bases[spoof.base]
            inside = (heard["t"] >= spoof.since) & (heard["t"] <= spoof.until) & ~heard["ground"]
            inside &= reception.nearest(base, heard["latitude"], heard["longitude"]) < 120
            if inside.sum() < 3 or rng.random() < 0.4:
                continue
            chosen = np.flatnonzero(inside)
            first = int(rng.integers(len(chosen) // 2 + 1))
            chosen = chosen[first : first + int(rng.integers(3, max(len(chosen), 4)))]
            n, clock = len(chosen), heard["t"][chosen] - heard["t"][chosen[0]]
            if spoof.style == "spot":
                east, north, pace = rng.normal(0, 0.01, n), rng.normal(0, 0.01, n), np.abs(rng.normal(0, 1, n))
            elif spoof.style == "circle":
                size, knots = rng.uniform(0.3, 2), rng.uniform(60, 160)
                east, north = reception.astray(spoof.style, clock, knots, size, 0.0)
                pace = np.full(n, knots)
            else:
                knots, course = rng.uniform(2, 30), rng.uniform(0, math.tau)
                east, north = reception.astray(spoof.style, clock, knots, 0.0, course)
                pace = np.full(n, knots)
            latitude, longitude = reception.plane_of(base).degrees(east, north)
            heard["latitude"][chosen], heard["longitude"][chosen] = np.round(latitude, 6), np.round(longitude, 6)
            has = ~np.isnan(heard["geom"][chosen])
            heard["geom"][chosen[has]] = np.round((base.elevation + rng.normal(0, 60, int(has.sum()))) / 25) * 25
            if rng.random() < 0.6:
                heard["speed"][chosen] = np.round(pace, 1)
            heard["receiver"][chosen] = -1
            self.sky.traps["spoofed flight"] += 1

    # -- what is heard

    def _record(
        self, one: Airframe, plan: Plan, story: str, t: float, weather: Weather, departure: str, arrival: str
    ) -> tuple[Flight, float]:
        """Fly a plan at a time, listen to it, and write down both; gives the flight and when it ended or landed."""
        rng, sky = self.rng, self.sky
        flown = fl.fly(plan, weather)
        flight = Flight(
            len(sky.flights), one.number, story, plan.origin, plan.target, t, t + flown.seconds,
            None if flown.lifted is None else t + flown.lifted, None if flown.landed is None else t + flown.landed,
            departure, arrival, touches=[(t + since, t + until, place) for since, until, place in flown.touches],
            marks=[(name, t + when) for name, when in flown.marks],
        )  # fmt: skip
        sky.flights.append(flight)
        linger = (
            float(rng.uniform(0, 400)) if plan.origin else 0.0,
            (float(rng.uniform(0, 600)) if rng.random() < 0.85 else float(rng.uniform(600, 5_400)))
            if plan.target
            else 0,
        )
        flight.silent = [(t + since, t + until) for since, until in self._silences(one, flown, flight, linger)]
        if rng.random() < self.draws["holes"]:
            since = t + rng.uniform(0, flown.seconds)
            flight.holes.append((since, since + places.log_uniform(rng, 6, 70) * 60))
        coarse = 1.0 if one.is_military else 2.2
        silent = [*flight.silent, *flight.holes]
        silent += [span for span in self.missing if span[0] < flight.end + linger[1] and span[1] > t - linger[0]]
        heard: Heard = dict(reception.listen(rng, sky.ears, flown, t, weather, one.habits, silent, linger, coarse))
        n = len(heard["t"])
        if n:
            heard["airframe"], heard["flight"] = np.full(n, one.number), np.full(n, flight.number)
            if sky.spoofs:
                self._moved(heard, t, flight.end)
            if rng.random() < 0.01 and n > 20:
                stray = rng.choice(n, int(rng.integers(1, 4)), replace=False)
                if not heard["ground"][stray].any():
                    heard["ground"][stray] = True
                    heard["baro"][stray] = heard["geom"][stray] = np.nan
                    sky.traps["stray ground bit"] += 1
            self._summarise(flight, heard)
            self.heard.append(heard)
        return flight, flight.end if flight.landed is None else flight.end + linger[1]

    def _summarise(self, flight: Flight, heard: Heard) -> None:
        """What is heard next to a flight's ends: miles from the field, feet above it, seconds, and whether on it."""
        true = heard["receiver"] >= 0
        t = heard["t"]
        for place, when, kept, is_arrival in (
            (flight.target, flight.landed, self.last, True), (flight.origin, flight.lifted, self.first, False),
        ):  # fmt: skip
            if place is None or when is None:
                continue
            beyond = true & ((t >= when) if is_arrival else (t <= when))
            is_ground = bool((beyond & heard["ground"]).any())
            before = np.flatnonzero(true & ((t < when) if is_arrival else (t > when)))
            if not is_ground and not len(before):
                continue
            number = before[-1 if is_arrival else 0] if len(before) else np.flatnonzero(beyond)[0]
            miles = float(reception.nearest(place, heard["latitude"][[number]], heard["longitude"][[number]])[0])
            kept[flight.number] = (
                miles,
                float(heard["height"][number] - place.elevation),
                abs(when - t[number]),
                is_ground,
            )

    def _silences(
        self, one: Airframe, flown: Flown, flight: Flight, linger: tuple[float, float]
    ) -> list[tuple[float, float]]:
        """When the transponder is off, in seconds from the flight's beginning: the crew's habit, and the mission's."""
        rng = self.rng
        begin, end = -linger[0] - 1, flown.seconds + linger[1] + 1
        spans: list[tuple[float, float]] = []
        if flight.story == "orbit" and rng.random() < 0.6:
            for _ in range(int(rng.integers(1, 5))):
                since = rng.uniform(0.1, 0.9) * flown.seconds
                spans.append((since, min(since + places.log_uniform(rng, 8, 90) * 60, flown.seconds * 0.95)))
        if rng.random() >= one.dark_chance:
            return spans
        if flight.story == "transit":
            base = min(
                self.bases, key=lambda place: float(reception.nearest(place, flown.latitude, flown.longitude).min())
            )
            miles = reception.nearest(base, flown.latitude, flown.longitude)
            closest = int(miles.argmin())
            before, after = places.log_uniform(rng, 10, 150), places.log_uniform(rng, 10, 160)
            inside_in = np.flatnonzero(miles[:closest] > before)
            inside_out = np.flatnonzero(miles[closest:] > after)
            since = flown.t[inside_in[-1]] if len(inside_in) else begin
            until = flown.t[closest + inside_out[0]] if len(inside_out) else end
            return [*spans, (float(since), float(until))]
        if one.crew == "whole" and rng.random() < 0.6:
            return [(begin, end)]
        both = rng.random()
        away = one.crew == "height"
        # a crew does nearly the same each time
        inward, outward, height = (most * float(rng.lognormal(0, 0.3)) for most in one.hides)
        inward, outward = float(np.clip(inward, 8, 100)), float(np.clip(outward, 5, 160))
        if flown.landed is not None and flight.target is not None and both < 0.93 and self._hides(flight.target):
            miles = reception.nearest(flight.target, flown.latitude, flown.longitude)
            far = miles > inward
            if away:
                far = (flown.height - flight.target.elevation > height) | (miles > 120)
            out = np.flatnonzero(far & (flown.t < flown.landed))
            spans.append((float(flown.t[out[-1]]) if len(out) else begin, end))
        if flown.lifted is not None and flight.origin is not None and both > 0.07 and self._hides(flight.origin):
            miles = reception.nearest(flight.origin, flown.latitude, flown.longitude)
            far = miles > outward
            if away:
                far = (flown.height - flight.origin.elevation > height) | (miles > 120)
            out = np.flatnonzero(far & (flown.t > flown.lifted))
            spans.append((begin, float(flown.t[out[0]]) if len(out) else end))
        return spans

    def _hides(self, place: Airfield) -> bool:
        """Whether a crew that hides at all does so at this place."""
        return bool(self.rng.random() < {"base": 1.0, "strip": 0.95, "neighbour": 0.75, "far": 0.3}[place.role])

    # -- the end

    def _finish(self) -> None:
        sky = self.sky
        by_airframe: dict[int, list[Flight]] = {}
        for flight in sky.flights:
            by_airframe.setdefault(flight.airframe, []).append(flight)
        for number, flights in by_airframe.items():
            flights.sort(key=lambda flight: flight.start)
            sky.stays += truth.stays_of(flights, sky.airframes[number], sky.begin)
        for stay in sky.stays:
            if stay.arrival in self.last:
                stay.arrival_heard = truth.end_heard(*self.last[stay.arrival], is_arrival=True)
            if stay.departure in self.first:
                stay.departure_heard = truth.end_heard(*self.first[stay.departure], is_arrival=False)
        sky.deaf = self._deaf()
        columns = (*reception.COLUMNS, "ground", "receiver", "airframe", "flight")
        if self.heard:
            joined = {name: np.concatenate([one[name] for one in self.heard]) for name in columns}
        else:
            joined = {name: np.empty(0) for name in columns}
        inside = (joined["t"] >= sky.begin) & (joined["t"] < sky.end)
        address = np.array([int(one.icao24, 16) for one in sky.airframes], np.int64)
        order = np.lexsort((joined["t"], address[joined["airframe"].astype(np.int64)]))
        order = order[inside[order]]
        sky.heard = {name: values[order] for name, values in joined.items()}
        for flight in sky.flights:
            sky.traps.update({name for name, _ in flight.marks})
            sky.traps[f"{flight.story} flight"] += 1
            sky.traps["midnight"] += int(flight.start // DAY != flight.end // DAY)

    def _deaf(self) -> list[tuple[str, int]]:
        """Bases and days on which none of the receivers that could hear them was up."""
        sky, found = self.sky, []
        for base in self.bases:
            able = np.flatnonzero(
                places.apart(places.unit(base.latitude, base.longitude), sky.ears.spots)[0]
                < [one.reach for one in sky.ears.receivers]
            )
            for day in range(sky.first_day, sky.first_day + sky.days):
                steps = day * DAY + np.arange(0, DAY, 600.0)
                up = np.zeros(len(steps), np.bool_)
                for number in able:
                    off = np.zeros(len(steps), np.bool_)
                    for since, until in sky.ears.outages[number]:
                        if since < steps[-1] and until > steps[0]:
                            off |= (steps >= since) & (steps <= until)
                    up |= ~off
                    if up.all():
                        break
                if up.mean() < 0.05:
                    found.append((base.name, day))
        return found
