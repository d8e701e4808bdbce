"""Weights of evidence: how much each reading speaks for a landing, fitted on silences whose answer is known.

What is fitted is a sum of tables of steps, of one term and of two (an explainable boosting machine). The tables are
data (reference table evidence_terms), and judging is SQL: the library that fits is imported for fitting alone.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

BOUND = 1e9  # no reading lies beyond
CAP = 4.0  # log-odds: no single term decides alone
CAPS = {"here": (-0.85, 1.5), "elsewhere": (-1.5, 0.85)}  # history is the strongest prior and the most dangerous one
STEPS, PAIR_STEPS, PAIRS = 12, 8, 15
LEAST = 1e-9
ENDLESS = ("length", None, None, None)  # term and readings of the step for an aircraft that was never heard again
STRETCH, MOVE = (0.5, 2.0), (-6.0, 6.0)  # by so much probabilities are made true; weights that need more are wrong
OTHERS = 4  # rows that are no landing, for each that is one, are enough to fit on
FIRST = [  # columns of int_silence_fields by which fields are compared
    "slack", "need", "length", "direct", "detour", "off1", "off2", "height_change", "height_most", "angle_sum",
    "angle_most", "way_sum", "d1", "d2", "be1", "be2", "glide1", "glide2", "aim1", "aim2", "closing", "opening",
    "is_ground_after", "kind",
]  # fmt: skip
# 1: more of it never speaks against a landing, -1: never for one. So no sky bends a term of which it holds few cases.
WAYS = {
    "slack": 1, "need": -1, "lead": 1, "beaten_by": -1, "nearer": 1, "here": 1, "elsewhere": -1, "mismatch": -1,
    "be1": -1, "be2": -1, "angle_sum": -1, "angle_most": -1, "line1": -1, "line2": -1, "closing": 1, "opening": 1,
    "detour": 1,
}  # fmt: skip
WHOLE = [  # columns of int_silence_terms by which each is judged
    *FIRST, "way_most", "h1", "h2", "line1", "line2", "deaf", "alive", "mismatch", "lead", "beaten_by", "nearer",
    "here", "elsewhere",
]  # fmt: skip


@dataclass(frozen=True)
class Steps:
    """A fitted judge: rows of reference table evidence_terms, in the order of its columns."""

    rows: list[tuple[Any, ...]]


def fit(
    judge: str,
    readings: Mapping[str, Floats],
    landed: Bools,
    pairs: int = PAIRS,
    heft: Floats | None = None,
) -> Steps:
    """The tables of steps that tell landings from the rest best.

    readings: of each term, one a silence and field, nan where unknown. landed: whether the aircraft landed there. heft:
    how much each row counts (default: all alike). The same rows in the same order give the same steps.
    """
    names = list(readings)
    ways = [WAYS.get(name, 0) for name in names] if judge == "whole" else None
    machine = _machine(readings, landed, None, ["continuous"] * len(names), pairs, ways, heft)
    rows: list[tuple[Any, ...]] = [_constant(judge, machine)]
    for features, scores in zip(machine.term_features_, machine.term_scores_, strict=True):
        cuts = [machine.bins_[feature][min(len(features), len(machine.bins_[feature])) - 1] for feature in features]
        bounds = [_bounds(cut) for cut in cuts]
        if len(features) == 1:
            for (low, high), points in zip(bounds[0], scores, strict=False):
                rows.append(
                    (judge, names[features[0]], low, high, None, None, None, _rounded(points, names[features[0]]))
                )
        else:
            for (low, high), line in zip(bounds[0], scores, strict=False):
                for (from_b, to_b), points in zip(bounds[1], line, strict=False):
                    rows.append(
                        (judge, names[features[0]], low, high, names[features[1]], from_b, to_b, _rounded(points))
                    )
    return Steps(rows)


def corrected(steps: Steps, readings: Mapping[str, Floats], landed: Bools, heft: Floats | None = None) -> Steps:
    """The steps with what these rows say against them added: the same tables, with other points.

    Where the rows say nothing of a step it stays as it is. heft: how much each row counts (default: all alike).
    """
    if not steps.rows:
        return steps
    judge = steps.rows[0][0]
    names = list(readings)
    cuts: dict[str, list[float]] = {name: [] for name in names}
    for _, term_a, from_a, _, term_b, *_ in steps.rows:
        if term_b is None and from_a is not None and from_a > -BOUND:
            cuts[term_a].append(from_a)
    types = [sorted(cuts[name]) for name in names]
    machine = _machine(readings, landed, score(steps.rows, readings), types, 0, heft=heft)
    added: dict[tuple[Any, ...], float] = {(judge, "constant", None): float(machine.intercept_[0])}
    for features, scores in zip(machine.term_features_, machine.term_scores_, strict=True):
        name = names[features[0]]
        for (low, _), points in zip(_bounds(sorted(cuts[name])), scores, strict=False):
            added[judge, name, low] = float(points)
    return Steps(
        [
            (*row[:-1], _rounded(row[-1] + added.get(row[:3], 0.0), row[1]) if row[4] is None else row[-1])
            for row in steps.rows
        ]
    )


def _machine(
    readings: Mapping[str, Floats],
    landed: Bools,
    prior: Floats | None,
    types: list[Any],
    pairs: int,
    ways: list[int] | None = None,
    heft: Floats | None = None,
) -> Any:
    from interpret.glassbox import ExplainableBoostingClassifier

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        machine = ExplainableBoostingClassifier(
            feature_names=list(readings),
            feature_types=types,
            max_bins=STEPS,
            max_interaction_bins=PAIR_STEPS,
            interactions=pairs,
            outer_bags=4,
            learning_rate=0.08,
            inner_bags=0,
            min_samples_leaf=20,
            max_rounds=1200,
            early_stopping_rounds=30,
            random_state=20,
            monotone_constraints=ways,
            n_jobs=1,
        )
        matrix, kept, share = np.column_stack(list(readings.values())), *_thinned(landed)
        machine.fit(
            matrix[kept],
            landed[kept].astype(np.int64),
            sample_weight=share if heft is None else share * heft[kept],
            init_score=None if prior is None else prior[kept],
        )
    return machine


def _thinned(landed: Bools) -> tuple[npt.NDArray[np.int64], Floats]:
    """The rows to fit on and how much each weighs: of many that are no landing some stand for all."""
    others = np.flatnonzero(~landed)
    share = min(1.0, OTHERS * max(int(landed.sum()), 1000) / max(len(others), 1))
    some = np.sort(np.random.default_rng(20).choice(others, int(len(others) * share), replace=False))
    kept = np.concatenate((np.flatnonzero(landed), some))
    return kept, np.where(landed[kept], 1.0, len(others) / max(len(some), 1))


def _constant(judge: str, machine: Any) -> tuple[Any, ...]:
    return (judge, "constant", None, None, None, None, None, round(float(machine.intercept_[0]), 4))


def _bounds(cuts: Sequence[float]) -> list[tuple[float | None, float | None]]:
    """The steps between cuts, the first of which is for readings that are unknown."""
    edges = [-BOUND, *(float(cut) for cut in cuts), BOUND]
    return [(None, None), *itertools.pairwise(edges)]


def _rounded(points: float, term: str = "") -> float:
    low, high = (-np.inf, np.inf) if term == "constant" else CAPS.get(term, (-CAP, CAP))
    return round(float(np.clip(points, low, high)), 4)


def score(rows: Sequence[tuple[Any, ...]], readings: Mapping[str, Floats]) -> Floats:
    """The log-odds that the steps of one judge give to each row of readings, as the models sum them."""
    count = len(next(iter(readings.values())))
    total = np.zeros(count)
    for _, term_a, from_a, to_a, term_b, from_b, to_b, points in rows:
        if term_a == "constant":
            total += points
            continue
        inside = _in_step(readings[term_a], from_a, to_a)
        if term_b is not None:
            inside &= _in_step(readings[term_b], from_b, to_b)
        total += np.where(inside, points, 0.0)
    return total


def _in_step(values: Floats, low: float | None, high: float | None) -> Bools:
    return np.isnan(values) if low is None or high is None else (values >= low) & (values < high)


def line(
    scores: Floats, landed: Bools, silence: npt.NDArray[np.int64], heft: Floats | None = None
) -> tuple[float, float]:
    """By how much scores are to be stretched, and then moved, so that what is said comes true as often.

    silence: a number that the fields of one silence share, in order; the odds of all compete with each other and with
    none, as the models have it. heft: how much each row counts (default: all alike). (Platt's scaling, which keeps a
    sum of steps a sum of steps.)
    """
    from scipy.optimize import minimize

    counts = np.ones(len(scores)) if heft is None else heft
    if landed[counts > 0].all() or not landed[counts > 0].any():
        return 1.0, 0.0

    def surprise(slope_and_move: Floats) -> float:
        slope, move = slope_and_move
        said = probabilities(slope * scores + move, silence)
        return float(-(np.log(np.clip(np.where(landed, said, 1 - said), LEAST, 1.0)) * counts).sum())

    slope, move = minimize(surprise, np.array([1.0, 0.0]), method="L-BFGS-B", bounds=(STRETCH, MOVE)).x
    return float(slope), float(move)


def probabilities(scores: Floats, silence: npt.NDArray[np.int64]) -> Floats:
    """The probability of a landing that each score gives, as the models have it: fields of a silence compete.

    scores: log-odds, one a silence and field. silence: a number that the fields of one silence share, in order.
    """
    is_first = np.diff(silence, prepend=silence[:1] - 1) != 0
    first, of_silence = np.flatnonzero(is_first), np.cumsum(is_first) - 1
    if not len(first):
        return np.empty(0)
    # against the best field, or no landing where that is likelier: no sum grows beyond bounds
    best = np.maximum(np.maximum.reduceat(scores, first), 0.0)
    odds = np.exp(scores - best[of_silence])
    return np.asarray(odds / (np.exp(-best) + np.add.reduceat(odds, first))[of_silence])


def stretched(steps: Steps, slope: float, move: float) -> Steps:
    """The same steps, all points stretched and the constant moved: a sum of steps stays a sum of steps."""
    return Steps(
        [(*row[:-1], round(row[-1] * slope + (move if row[1] == "constant" else 0.0), 4)) for row in steps.rows]
    )


def expecting(
    steps: Steps, readings: Mapping[str, Floats], silence: npt.NDArray[np.int64], alone: Bools, landings: float
) -> Steps:
    """The steps with the points of an unknown length moved until so many landings are expected in some rows.

    alone: those rows, of silences without an end, whose length is unknown. readings, silence: of all rows, as `line`
    has them.
    """
    from scipy.optimize import minimize_scalar

    if not alone.any():
        return steps
    scores = score(steps.rows, readings)

    def miss(move: float) -> float:
        said = probabilities(scores + np.where(alone, move, 0.0), silence)
        return float((said[alone].sum() - landings) ** 2)

    move = float(minimize_scalar(miss, bounds=MOVE, method="bounded").x)
    return Steps([(*row[:-1], round(row[-1] + move, 4)) if row[1:5] == ENDLESS else row for row in steps.rows])
