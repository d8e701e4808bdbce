"""Weights of evidence: how much each reading speaks for a landing during a silence, fitted on silences whose answer is known.

What is fitted is a sum of tables of steps, of one term and of two (an explainable boosting machine). The tables are data
(reference table evidence_terms), and judging is SQL: the library that fits is imported for fitting alone.
"""

from __future__ import annotations

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
FIRST = (
    "slack need length direct detour off1 off2 height_change height_most angle_sum angle_most way_sum d1 d2 be1 be2 "
    "glide1 glide2 aim1 aim2 closing opening is_ground_after kind"
).split()
WHOLE = [
    *FIRST,
    *"way_most h1 h2 line1 line2 deaf alive mismatch lead beaten_by nearer here elsewhere".split(),
]


@dataclass(frozen=True)
class Steps:
    """A fitted judge: rows of reference table evidence_terms (judge, term_a, from_a, to_a, term_b, from_b, to_b, points)."""

    rows: list[tuple[Any, ...]]


def fit(
    judge: str, readings: Mapping[str, Floats], landed: Bools, weights: Floats | None = None, pairs: int = PAIRS
) -> Steps:
    """The tables of steps that tell landings from the rest best.

    readings: of each term, one a silence and field, nan where unknown. landed: whether the aircraft landed there.
    The same rows in the same order give the same steps.
    """
    from interpret.glassbox import ExplainableBoostingClassifier  # noqa: PLC0415 - for fitting alone

    names = list(readings)
    matrix = np.column_stack([readings[name] for name in names])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        machine = ExplainableBoostingClassifier(
            feature_names=names,
            feature_types=["continuous"] * len(names),
            max_bins=STEPS,
            max_interaction_bins=PAIR_STEPS,
            interactions=pairs,
            outer_bags=8,
            inner_bags=0,
            min_samples_leaf=20,
            max_rounds=3000,
            random_state=20,
            n_jobs=1,
        )
        machine.fit(matrix, landed.astype(np.int64), sample_weight=weights)
    rows: list[tuple[Any, ...]] = [(judge, "constant", None, None, None, None, None, round(float(machine.intercept_[0]), 4))]
    for features, scores in zip(machine.term_features_, machine.term_scores_, strict=True):
        cuts = [
            machine.bins_[feature][min(len(features), len(machine.bins_[feature])) - 1] for feature in features
        ]
        bounds = [_bounds(cut) for cut in cuts]
        if len(features) == 1:
            for (low, high), points in zip(bounds[0], scores, strict=False):
                points = float(np.clip(points, *CAPS.get(names[features[0]], (-CAP, CAP))))
                rows.append((judge, names[features[0]], low, high, None, None, None, _rounded(points)))
        else:
            for (low, high), line in zip(bounds[0], scores, strict=False):
                for (from_b, to_b), points in zip(bounds[1], line, strict=False):
                    rows.append((judge, names[features[0]], low, high, names[features[1]], from_b, to_b, _rounded(points)))
    return Steps(rows)


def _bounds(cuts: Sequence[float]) -> list[tuple[float | None, float | None]]:
    """The steps between cuts, the first of which is for readings that are unknown."""
    edges = [-BOUND, *(float(cut) for cut in cuts), BOUND]
    return [(None, None), *zip(edges[:-1], edges[1:], strict=True)]


def _rounded(points: float) -> float:
    return round(float(np.clip(points, -CAP, CAP)), 4)


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


def calibrated(steps: Steps, scores: Floats, landed: Bools) -> Steps:
    """The same steps, stretched and moved so that on rows that were not fitted what is said comes true as often.

    scores: what the steps give to these rows. (Platt's scaling, which keeps a sum of steps a sum of steps.)
    """
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - for fitting alone

    if landed.all() or not landed.any():
        return steps
    line = LogisticRegression(C=1e6).fit(scores[:, None], landed)
    slope, move = float(line.coef_[0][0]), float(line.intercept_[0])
    if slope <= 0:
        return steps
    rows = []
    for row in steps.rows:
        is_constant = row[1] == "constant"
        rows.append((*row[:-1], round(row[-1] * slope + (move if is_constant else 0.0), 4)))
    return Steps(rows)
