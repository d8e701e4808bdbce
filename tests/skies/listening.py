"""Years of other traffic near bases whose receivers fail for a time: the truth that a day's state meets.

Traffic and failures are drawn apart. Traffic is thin or dense, bursty, seasonal, weekly, growing or collapsing.
Receivers fail for a day or for months, wholly, but for a few aircraft at the edge, or for low flights alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

KINDS = ("steady", "bursty", "weather", "weekly", "seasonal", "growing", "stepped")
LOW_SHARE = 0.35  # of the aircraft within 50 NM, those that come low near the field
NEAR_SHARE = 0.6


@dataclass(frozen=True)
class Listening:
    """One base: aircraft heard a day within 50 NM, within 25 NM and low, and on which days the receivers failed.

    All arrays have one element a day. is_down: the receivers failed. is_high_only: low flights could not be heard.
    """

    kind: str
    far: Ints
    near: Ints
    low: Ints
    is_down: npt.NDArray[np.bool_]
    is_high_only: npt.NDArray[np.bool_]


def expected(rng: np.random.Generator, kind: str, a_day: float, days: int) -> Floats:
    """Aircraft expected on each day, of a kind of traffic whose mean over the years is near `a_day`."""
    day = np.arange(days)
    mean = np.full(days, a_day)
    if kind == "weekly":  # nothing at all at weekends
        mean = np.where(day % 7 >= 5, 0, a_day * 7 / 5)
    elif kind == "seasonal":  # twenty times as much in summer as in winter
        mean = a_day * np.exp(1.5 * np.sin(2 * np.pi * (day + rng.uniform(0, 365)) / 365)) / 1.6
    elif kind == "growing":
        mean = a_day * np.exp(np.linspace(-1.2, 1.2, days)) / 1.25
    elif kind == "stepped":  # a receiver is added, an airline leaves
        steps = np.sort(rng.integers(0, days, 4))
        mean = a_day * rng.choice([0.3, 0.6, 1.0, 2.0, 3.0], 5)[np.searchsorted(steps, day, side="right")]
    elif kind == "weather":  # busy and idle spells of days that hang together
        level = np.zeros(days)
        for number in range(1, days):
            level[number] = 0.8 * level[number - 1] + rng.normal(0, 0.3)
        mean = a_day * np.exp(level - level.var() / 2)
    return mean


def draw(
    rng: np.random.Generator,
    kind: str,
    a_day: float,
    days: int,
    *,
    outages: tuple[int, ...] = (),
    high_only_days: int = 0,
    left_over: float = 0.0,
) -> Listening:
    """A base with outages of these lengths (days) and one loss of low reception; `left_over`: share heard in an outage.

    Outages lie apart from each other and from the loss, anywhere in the time, also at its ends.
    """
    mean = expected(rng, kind, a_day, days)
    if kind == "bursty":
        mean = mean * rng.gamma(3, 1 / 3, days)
    is_down, is_high_only = np.zeros(days, np.bool_), np.zeros(days, np.bool_)
    for length, fails in [*((one, is_down) for one in outages), (high_only_days, is_high_only)]:
        for _ in range(100):
            first = int(rng.integers(0, days - length + 1))
            around = slice(max(0, first - 10), first + length + 10)
            if not (is_down[around].any() or is_high_only[around].any()):
                fails[first : first + length] = True
                break
    flew = rng.poisson(mean)
    flew_near = rng.binomial(flew, NEAR_SHARE)
    flew_low = rng.binomial(flew_near, LOW_SHARE / NEAR_SHARE)
    far = np.where(is_down, rng.binomial(flew, left_over), flew)
    near = np.where(is_down, 0, np.where(is_high_only, flew_near - flew_low, flew_near))
    low = np.where(is_down | is_high_only, 0, flew_low)
    return Listening(kind, far, near, low, is_down, is_high_only)
