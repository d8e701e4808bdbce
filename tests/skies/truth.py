"""What truly happened in a sky: flights, stays, what was heard of each, and why an aircraft was silent.

Times are seconds since 1970, UTC; distances nautical miles; heights feet above the field.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from skies.fields import Airfield
from skies.flights import Kind
from skies.reception import Habits

LOW_NM, LOW_FT = 12.0, 3_500.0
DARK_IN_NM, DARK_IN_S = 110.0, 50 * 60.0
DARK_OUT_NM, DARK_OUT_S = 160.0, 60 * 60.0


@dataclass
class Airframe:
    """One aircraft. Two may share an address. crew: how its crews treat the transponder (stories.CREWS).

    hides: miles on the way in and on the way out, and feet above a field, within which its crews like to be off.
    is_flagged: an archive's own flag calls it military; is_registered: the register does.
    """

    number: int
    icao24: str
    registration: str
    type_code: str
    kind_name: str
    kind: Kind
    role: str
    fleet: str
    callsign: str
    home: Airfield
    crew: str
    dark_chance: float
    hides: tuple[float, float, float]
    habits: Habits
    is_military: bool
    is_flagged: bool
    is_registered: bool


@dataclass
class Flight:
    """One flight of one airframe. silent: when its transponder was off; holes: when nobody heard it for no reason."""

    number: int
    airframe: int
    story: str
    origin: Airfield | None
    target: Airfield | None
    start: float
    end: float
    lifted: float | None
    landed: float | None
    departure: str = ""
    arrival: str = ""
    silent: list[tuple[float, float]] = field(default_factory=list)
    holes: list[tuple[float, float]] = field(default_factory=list)
    touches: list[tuple[float, float, Airfield]] = field(default_factory=list)
    marks: list[tuple[str, float]] = field(default_factory=list)


@dataclass
class Stay:
    """An aircraft on the ground at a place. None for an arrival before the sky began, or a departure after its end.

    arrival_heard, departure_heard: touchdown, low, dark or none. heard: touchdown, low, dark, one-sided or never.
    """

    airframe: int
    icao24: str
    place: Airfield
    arrived: float | None
    departed: float | None
    arrival: int | None
    departure: int | None
    arrival_heard: str = "none"
    departure_heard: str = "none"

    @property
    def is_watched(self) -> bool:
        """Whether it was at a watched base."""
        return self.place.is_watched

    @property
    def is_listed(self) -> bool:
        """Whether it was at a field that a list knows."""
        return self.place.is_listed

    @property
    def heard(self) -> str:
        """What was heard of it."""
        both = self.arrival_heard, self.departure_heard
        if "touchdown" in both:
            return "touchdown"
        if both == ("none", "none"):
            return "never"
        if "none" in both:
            return "one-sided"
        return "low" if both == ("low", "low") else "dark"

    @property
    def seconds(self) -> float:
        """How long it lasted; endless where an end is not known."""
        return math.inf if self.arrived is None or self.departed is None else self.departed - self.arrived


def end_heard(miles: float, above: float, seconds: float, is_ground: bool, *, is_arrival: bool) -> str:
    """What is heard of an end of a stay, by the heard position that is nearest to it in time."""
    if is_ground:
        return "touchdown"
    if miles <= LOW_NM and above <= LOW_FT:
        return "low"
    reach, late = (DARK_IN_NM, DARK_IN_S) if is_arrival else (DARK_OUT_NM, DARK_OUT_S)
    return "dark" if miles <= reach and seconds <= late else "none"


def stays_of(flights: Sequence[Flight], airframe: Airframe, begin: float) -> list[Stay]:
    """The stays of one airframe, from its flights in order of time; it was at its first origin from the beginning."""
    made: list[Stay] = []
    place: Airfield | None = flights[0].origin if flights else None
    arrived, arrival = None, None
    for flight in flights:
        if flight.origin is not None and flight.lifted is not None and place is not None:
            assert flight.origin is place, "it takes off where it stands"
            made.append(Stay(airframe.number, airframe.icao24, place, arrived, flight.lifted, arrival, flight.number))
        place, arrived, arrival = flight.target, flight.landed, flight.number
    if place is not None and arrived is not None:
        made.append(Stay(airframe.number, airframe.icao24, place, arrived, None, arrival, None))
    return made


def cause(
    flights: Sequence[Flight], stays: Sequence[Stay], missing: Sequence[tuple[float, float]], since: float, until: float
) -> tuple[str, Airfield | None]:
    """Why one airframe was silent between two times: landed (and where last), missing, dark, hole or unheard."""
    landed = [
        one for one in stays
        if (one.arrived is None or one.arrived < until) and (one.departed is None or one.departed > since)
    ]  # fmt: skip
    if landed:
        return "landed", landed[-1].place

    def share(spans: Sequence[tuple[float, float]]) -> float:
        covered = sum(max(min(until, end) - max(since, start), 0) for start, end in spans)
        return covered / max(until - since, 1e-9)

    own = [one for one in flights if one.start < until and one.end > since]
    for name, spans in (
        ("missing", missing),
        ("dark", [span for one in own for span in one.silent]),
        ("hole", [span for one in own for span in one.holes]),
    ):
        if share(spans) >= 0.5:
            return name, None
    return "unheard", None
