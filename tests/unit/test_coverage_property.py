"""A day's state over years of simulated traffic: what may be called blind, and what may not."""

from __future__ import annotations

import numpy as np
import pytest

from day_states import states
from skies.listening import KINDS, Listening, draw

DAYS = 2 * 365


@pytest.mark.parametrize("kind", KINDS)
def test_days_on_which_receivers_were_up_are_seldom_blind(kind: str) -> None:
    rng = np.random.default_rng(7)
    bases = [draw(rng, kind, level, DAYS, outages=(1, 5, 30)) for level in (1, 3, 6, 20, 150)]
    up = [~base.is_down for base in bases]
    found = [state["is_blind"] & heard for state, heard in zip(states(bases), up, strict=True)]
    assert sum(days.sum() for days in found) <= 0.02 * sum(days.sum() for days in up)


@pytest.mark.parametrize("kind", KINDS)
def test_a_long_outage_is_blind_to_its_last_day_and_never_observed(kind: str) -> None:
    rng = np.random.default_rng(8)
    bases = [draw(rng, kind, level, DAYS, outages=(60,)) for level in (6, 20, 150)]
    for base, state in zip(bases, states(bases), strict=True):
        assert state["is_blind"][base.is_down].mean() == 1
        assert not state["has_background"][base.is_down].any()


def test_a_day_without_anybody_is_blind_where_six_are_usual() -> None:
    rng = np.random.default_rng(9)
    bases = [draw(rng, "steady", 7, DAYS, outages=(1,) * 8) for _ in range(5)]
    for base, state in zip(bases, states(bases), strict=True):
        assert state["is_blind"][base.is_down].all()


def test_where_one_is_usual_a_single_empty_day_proves_nothing_and_twenty_do() -> None:
    rng = np.random.default_rng(10)
    one = [draw(rng, "steady", 1, DAYS, outages=(1,) * 8) for _ in range(5)]
    many = [draw(rng, "steady", 1, DAYS, outages=(20,)) for _ in range(5)]
    assert not any(state["is_blind"][base.is_down].any() for base, state in zip(one, states(one), strict=True))
    assert all(state["is_blind"][base.is_down].all() for base, state in zip(many, states(many), strict=True))


def test_high_traffic_alone_observes_nothing() -> None:
    rng = np.random.default_rng(11)
    bases = [draw(rng, kind, 40, DAYS, high_only_days=60) for kind in KINDS]
    for base, state in zip(bases, states(bases), strict=True):
        assert base.far[base.is_high_only].sum() > 0
        assert not state["has_background"][base.is_high_only].any()


@pytest.mark.parametrize("change", [0.85, 1.15])
def test_reading_days_another_way_makes_none_blind(change: float) -> None:
    """Heatmaps hear somewhat more aircraft of the same sky than traces tell of; a change of `read` is no outage."""
    rng = np.random.default_rng(12)
    bases = []
    for level in (3, 10, 100):
        base = draw(rng, "steady", level, DAYS)
        other = draw(rng, "steady", level * change, DAYS)
        half = np.arange(DAYS) < DAYS // 2
        columns = [np.where(half, getattr(base, name), getattr(other, name)) for name in ("far", "near", "low")]
        bases.append(Listening("read", *columns, base.is_down, base.is_high_only))
    around = slice(DAYS // 2 - 60, DAYS // 2 + 60)
    assert sum(state["is_blind"][around].sum() for state in states(bases)) <= 0.02 * 3 * 120
