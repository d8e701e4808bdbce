"""Years of visits to bases that keep one pace, or fall silent for a time: the truth that a verdict on gaps meets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skies.fields import Floats

DAYS = 4 * 365 + 1
MONTH = 365.25 / 12
DAY = 86_400


@dataclass(frozen=True)
class Series:
    """One base: when visits began and ended (seconds from the first day), and which days nobody looked at."""

    began: Floats
    ended: Floats
    absent: tuple[int, int] | None = None
    pause: tuple[int, int] | None = None
    busy: tuple[int, int] | None = None


def steady(
    rng: np.random.Generator,
    episodes_per_month: float,
    *,
    outage_days: int = 0,
    pause_days: int = 0,
    pause_unseen: bool = False,
    busy_times: int = 1,
) -> Series:
    """Episodes at a constant rate, each of one or more visits some hours apart.

    `outage_days` are days somewhere in which nothing was recorded; `pause_days` are days somewhere in the last two
    years on which truly nobody came (`pause_unseen`: and which nobody looked at either). Of `busy_times` as many
    episodes as usual there is a month somewhere in these years.
    """
    count = rng.poisson(episodes_per_month * DAYS / MONTH)
    starts = np.sort(rng.uniform(0, DAYS, count)) * DAY
    busy = None
    if busy_times > 1:
        first = int(rng.integers(DAYS // 2, DAYS - 60))
        busy = (first, first + int(MONTH))
        more = rng.uniform(*busy, rng.poisson(episodes_per_month * (busy_times - 1))) * DAY
        starts, count = np.sort(np.concatenate([starts, more])), count + len(more)
    visits = rng.geometric(0.5, count)
    offset = np.concatenate([np.cumsum(rng.exponential(18, n)) for n in visits]) * 3600 if count else np.array([])
    began = np.repeat(starts, visits) + offset
    ended = began + rng.uniform(1, 30, len(began)) * 3600
    keep = ended < DAYS * DAY
    pause = absent = None
    if pause_days:
        first = int(rng.integers(DAYS // 2, DAYS - pause_days - 60))
        pause = (first, first + pause_days)
        keep &= (ended < pause[0] * DAY) | (began >= pause[1] * DAY)
        absent = pause if pause_unseen else None
    if outage_days:
        first = int(rng.integers(30, DAYS - outage_days - 30))
        absent = (first, first + outage_days)
        keep &= (ended < absent[0] * DAY) | (began >= absent[1] * DAY)
    return Series(began[keep], ended[keep], absent, pause, busy)
