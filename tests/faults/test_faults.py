"""A seeded part of the fault library: what harms is seen, and of harmless twins nothing is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from faults.fault import Family, enter, share
from faults.library import FAMILIES

SEED = 20_251_130
# seen by no check yet, or told and counted all the same: docs/trust.md says why
KNOWN_UNSEEN = (
    "clocks moved",
    "positions all at one place",
    "a member without a trace",
    "entities of entities",
    "of another aircraft (opensky",
    "swapped (the note of",
    "edited (what was learnt)",
)
DRAWN, OF_MANY = 0.04, 0.013  # shares; so small that all take under a minute


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_seeded_part_of_the_faults_is_seen(family: Family, tmp_path: Path) -> None:
    drawn = share(family.faults(), OF_MANY if family.name in ("flights", "candidates") else DRAWN, SEED)
    met = list(enter(family, drawn, tmp_path))
    assert met, "every family has a fault to enter"
    alarms = [one for one in met if one.is_false_alarm]
    assert not alarms, [(one.fault.name, one.answer) for one in alarms]
    harmful = [one for one in met if one.fault.is_harmful and not any(k in one.fault.name for k in KNOWN_UNSEEN)]
    unseen = [one for one in harmful if not one.is_seen]
    assert len(unseen) <= 0.05 * len(harmful), [(one.fault.name, one.answer) for one in unseen]


def test_the_library_is_as_large_as_it_is_meant_to_be() -> None:
    faults = [fault for family in FAMILIES for fault in family.faults()]
    assert sum(fault.is_harmful for fault in faults) >= 300
    assert sum(not fault.is_harmful for fault in faults) >= 60
    assert len({fault.name for fault in faults}) == len(faults), "each has a name of its own"
