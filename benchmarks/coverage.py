"""How often a day's state is right, on years of simulated traffic near bases whose receivers fail (tests/skies).

    python benchmarks/coverage.py                    # 40 bases of each kind and level, four years each
    python benchmarks/coverage.py --bases 10 --seed 3
    python benchmarks/coverage.py --linear           # ten years of fifty bases against a tenth of that

Printed for each kind of traffic and level (aircraft a day within 50 NM): of the days on which the receivers were up,
the share called blind; of the days of outages, by their length, the share called blind; of the days on which low
flights alone were lost, and of all outages, the share called observed. `simple` is the baseline: a day is blind when it
has less than a tenth of the median of the 28 days before, and that is ten at least.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from day_states import states
from skies.listening import KINDS, Listening, draw

LEVELS = (1, 3, 6, 20, 150)
OUTAGES = (1, 1, 1, 3, 3, 7, 20, 60)
Bools = npt.NDArray[np.bool_]


def simple(base: Listening) -> Bools:
    """Which days the baseline calls blind."""
    usual = np.array([np.median(base.far[max(0, at - 28) : at]) if at else 0 for at in range(len(base.far))])
    return np.asarray((usual >= 10) & (base.far < 0.1 * usual))


def outage_lengths(base: Listening) -> npt.NDArray[np.int64]:
    """Length of the outage that each day is part of, 0 on other days."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], base.is_down.astype(int), [0]))))
    lengths = np.zeros(len(base.far), np.int64)
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        lengths[first:end] = end - first
    return lengths


def rates(bases: list[Listening], blind: list[Bools], observed: list[Bools] | None) -> dict[str, float]:
    """Shares of days: blind falsely, blind rightly by length of outage, observed on high traffic alone."""
    count: Counter[str] = Counter()
    for number, base in enumerate(bases):
        lengths = outage_lengths(base)
        up = ~base.is_down & ~base.is_high_only
        count["up"] += int(up.sum())
        count["up blind"] += int((up & blind[number]).sum())
        for length in sorted(set(OUTAGES)):
            count[f"down {length}"] += int((lengths == length).sum())
            count[f"down {length} blind"] += int(((lengths == length) & blind[number]).sum())
        count["high"] += int(base.is_high_only.sum())
        if observed is not None:
            count["high observed"] += int((base.is_high_only & observed[number]).sum())
            count["down observed"] += int((base.is_down & observed[number]).sum())
            count["down"] += int(base.is_down.sum())
    shares = {"false": count["up blind"] / max(1, count["up"])}
    shares |= {f"{n}": count[f"down {n} blind"] / max(1, count[f"down {n}"]) for n in sorted(set(OUTAGES))}
    shares["high"] = count["high observed"] / max(1, count["high"])
    shares["down observed"] = count["down observed"] / max(1, count["down"])
    return shares


def series(
    rng: np.random.Generator, kind: str, level: float, bases: int, days: int, left_over: float
) -> list[Listening]:
    """Bases of one kind and level with all outages and a loss of low reception."""
    return [draw(rng, kind, level, days, outages=OUTAGES, high_only_days=60, left_over=left_over) for _ in range(bases)]


def linear(seed: int) -> None:
    """CPU of the two models on ten years of fifty bases, and as a ratio to a tenth of them."""
    rng = np.random.default_rng(seed)
    spent = []
    for bases in (5, 50):
        many = [draw(rng, KINDS[n % len(KINDS)], LEVELS[n % len(LEVELS)], 3652, outages=OUTAGES) for n in range(bases)]
        began = time.process_time()
        states(many)
        spent.append(time.process_time() - began)
    ratio = spent[1] / spent[0]
    print(f"5 bases {spent[0]:.1f} s CPU, 50 bases {spent[1]:.1f} s: {ratio:.1f} times for ten times the days")


def main() -> int:
    """Print all rates; 1 where the models call more days blind falsely, or observe more outages, than they may."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bases", type=int, default=40)
    parser.add_argument("--days", type=int, default=1461)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--left-over", type=float, default=0.0, help="share of the traffic that is heard in an outage")
    parser.add_argument("--linear", action="store_true")
    options = parser.parse_args()
    if options.linear:
        linear(options.seed)
        return 0
    rng = np.random.default_rng(options.seed)
    lengths = sorted(set(OUTAGES))
    head = "".join(f"{f'{n} d':>7}" for n in lengths)
    print(f"{'':<15}{'false':>8}{head}{'high only':>11}{'down':>9}  |  simple{'false':>8}{head}")
    print(f"{'% of days':<15}{'blind':>8}{'':>{7 * len(lengths)}}{'observed':>11}{'observed':>9}")
    worst = 0.0
    for kind in KINDS:
        for level in LEVELS:
            bases = series(rng, kind, level, options.bases, options.days, options.left_over)
            said = states(bases)
            ours = rates(bases, [one["is_blind"] for one in said], [one["has_background"] for one in said])
            theirs = rates(bases, [simple(base) for base in bases], None)
            worst = max(worst, ours["false"], ours["down observed"])
            cells = "".join(f"{100 * ours[str(n)]:7.1f}" for n in lengths)
            baseline = "".join(f"{100 * theirs[str(n)]:7.1f}" for n in lengths)
            print(
                f"{kind:<9}{level:>4}  {100 * ours['false']:8.2f}{cells}{100 * ours['high']:11.1f}"
                f"{100 * ours['down observed']:9.1f}  |{100 * theirs['false']:16.2f}{baseline}",
                flush=True,
            )
    return int(worst > 0.02)


if __name__ == "__main__":
    sys.exit(main())
