"""What a sky may be like. Every range is one from which a sky draws its own value, so that no two are alike.

Extremes are meant: a scenario says what is surely there, and leaves the rest to chance.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

Range = tuple[float, float]


@dataclass(frozen=True)
class Scenario:
    """Ranges (least, most) of a sky's draws. Counts are drawn as whole numbers, shares and rates evenly between.

    sided: how likely a base has receivers on one side alone. away: miles of receivers from the base. mask: degrees of
    hills around receivers. ridge: feet of hills around a base above it, and how likely there are any. off: outages of a
    receiver a month; out: of a whole region. missing: share of days absent from the archive. dark: share of crews that
    switch off now and then; often: how often these do. civil, over: flights a day and region. low_rivals: share of the
    fleets' trips near a base that go to a neighbour or a strip there.
    """

    bases: Range = (3, 5)
    neighbours: Range = (0, 4)
    strips: Range = (0, 2)
    far: Range = (5, 10)
    shared: Range = (0.0, 0.7)
    receivers: Range = (2, 8)
    sided: float = 0.3
    away: Range = (2.0, 110.0)
    mask: Range = (0.0, 2.0)
    ridged: float = 0.25
    ridge: Range = (300.0, 3_500.0)
    off: Range = (0.0, 2.0)
    out: Range = (0.0, 0.6)
    missing: Range = (0.0, 0.06)
    fleets: Range = (5, 9)
    fleet_size: Range = (3, 8)
    rest_days: Range = (1.5, 6.0)
    dark: Range = (0.0, 0.9)
    often: Range = (0.3, 1.0)
    low_rivals: Range = (0.05, 0.45)
    residents: Range = (0, 3)
    sorties: Range = (0.1, 0.5)
    training: Range = (0.2, 0.7)
    transits: Range = (0.05, 0.35)
    orbits: Range = (0, 3)
    civil: Range = (0.3, 3.5)
    over: Range = (0.3, 3.0)
    odd: Range = (0.2, 1.0)
    holes: Range = (0.03, 0.25)


_ORDINARY = Scenario()
SCENARIOS = {
    "coast": replace(_ORDINARY, sided=1.0, away=(8.0, 130.0), receivers=(2, 5), mask=(0.0, 0.6), ridged=0.0),
    "valley": replace(_ORDINARY, ridged=1.0, ridge=(700.0, 4_500.0), away=(15.0, 90.0), mask=(0.3, 2.5)),
    "desert": replace(_ORDINARY, dark=(0.85, 1.0), often=(0.8, 1.0), receivers=(2, 5), civil=(0.1, 1.5),
                      neighbours=(0, 2), over=(0.5, 4.0)),
    "crowded": replace(_ORDINARY, neighbours=(3, 7), strips=(1, 3), civil=(4.0, 10.0), over=(3.0, 8.0),
                       low_rivals=(0.3, 0.7), shared=(0.4, 0.9), receivers=(3, 9)),
    "thin": replace(_ORDINARY, fleets=(1, 3), fleet_size=(1, 3), rest_days=(6.0, 20.0), residents=(0, 1),
                    receivers=(1, 3), civil=(0.0, 0.4), over=(0.1, 1.0), orbits=(0, 1)),
    "outages": replace(_ORDINARY, off=(2.0, 8.0), out=(1.0, 5.0), missing=(0.05, 0.2), holes=(0.15, 0.5)),
    "training": replace(_ORDINARY, residents=(2, 5), sorties=(0.4, 0.9), training=(0.6, 0.95), odd=(0.5, 2.0)),
    "mixed": Scenario(
        bases=(3, 6), neighbours=(0, 7), strips=(0, 3), far=(3, 12), shared=(0.0, 1.0), receivers=(1, 9), sided=0.45,
        away=(1.0, 140.0), mask=(0.0, 3.0), ridged=0.4, ridge=(200.0, 5_000.0), off=(0.0, 6.0), out=(0.0, 3.0),
        missing=(0.0, 0.15), fleets=(2, 10), fleet_size=(1, 9), rest_days=(1.0, 12.0), dark=(0.0, 1.0),
        often=(0.2, 1.0), low_rivals=(0.0, 0.7), residents=(0, 4), sorties=(0.05, 0.8), training=(0.0, 0.95),
        transits=(0.0, 0.5), orbits=(0, 4), civil=(0.0, 6.0), over=(0.0, 5.0), odd=(0.0, 2.0), holes=(0.0, 0.4),
    ),
}  # fmt: skip
WHOLE = ("bases", "far", "fleets", "orbits")
