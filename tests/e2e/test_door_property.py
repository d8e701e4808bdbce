"""Whatever a flight list looks like, its flights are counted rightly, or its days are not counted: lists at random.

Fifty examples share a warehouse, each with bases and a month of its own: a build costs seconds. BASEWATCH_EXAMPLES says
how many are tried (100). A failure names seed and examples; `flight_lists/__main__.py` makes them again.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from flight_lists import packs

pytestmark = pytest.mark.e2e

ASKED = int(os.environ.get("FLIGHT_LIST_EXAMPLES", "100"))
# of one seed: without damage, with damage that stays local, and ten of which one lost a file whose name says nothing
ROUND = {"whole": range(50), "harmed": range(40), "blind": range(10)}
A_ROUND = sum(map(len, ROUND.values()))
SHOWN = 12
TRIED_ALONE = 3


def test_what_is_counted_is_true(capsys: pytest.CaptureFixture[str]) -> None:
    tried: Counter[str] = Counter()
    damages: Counter[str] = Counter()

    # the seed has no smaller form: a failing pack is made smaller by running the examples that failed, each alone
    @settings(
        max_examples=max(1, ASKED // A_ROUND),
        deadline=None,
        derandomize=ASKED <= 2 * A_ROUND,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**31 - 1))
    def try_round(seed: int) -> None:
        for flavour, numbers in ROUND.items():
            pack = packs.make(seed, flavour, numbers)
            told = attempt(pack)
            tried[flavour] += len(numbers)
            damages.update(pack.damages())
            assert not told, told

    try:
        try_round()
    finally:
        with capsys.disabled():
            print(
                f"\n{tried.total()} examples: {dict(tried)}; {damages.total()} damages: {dict(damages.most_common())}"
            )
    assert tried.total() >= min(ASKED, A_ROUND) and len(damages) > 10


def attempt(pack: packs.Pack) -> str:
    """Run a pack; returns what is wrong with it, empty where nothing is. The inputs are kept where it failed."""
    folder = Path(tempfile.mkdtemp(prefix=f"flight-lists-{pack.flavour}-{pack.seed}-"))
    told = packs.attempt(pack, folder)
    if not told:
        shutil.rmtree(folder)
        return ""
    alone = [number for number in list(told)[:TRIED_ALONE] if packs.fails_alone(pack, number)]
    lines = [f"  {number}: {fault}" for number, found in told.items() for fault in found[:SHOWN]]
    return "\n".join(
        [
            f"{len(told)} of {len(pack.examples)} examples of seed {pack.seed}, {pack.flavour}: {sorted(told)}; "
            f"alone, of the first {TRIED_ALONE}: {alone}; their inputs: {folder}",
            *lines[: 5 * SHOWN],
        ]
    )
