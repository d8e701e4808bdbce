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
