"""Counts of a sky, for reading: `python tests/skies/show.py SCENARIO SEED [DAYS]`."""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from skies import stories
from skies.scenarios import SCENARIOS


def show(scenario: str, seed: int, days: int) -> None:
    """Make a sky and print what is in it."""
    started = time.process_time()
    sky = stories.make(scenario, seed, days)
    spent = time.process_time() - started
    roles = Counter(one.role for one in sky.fields)
    print(f"{scenario} {seed}: {days} days, {spent:.1f} CPU s, fields {dict(roles)}")
    print(f"  {len(sky.airframes)} aircraft, {len(sky.flights):,} flights, {len(sky.heard['t']):,} positions")
    print(f"  {len(sky.missing_days)} days missing, {len(sky.deaf)} base-days deaf, {len(sky.spoofs)} spoofers")
    table: dict[str, Counter[str]] = {}
    for stay in sky.stays:
        one = sky.airframes[stay.airframe]
        who = "military" if one.is_military else "civil"
        table.setdefault(f"{stay.place.role} {who}", Counter())[stay.heard] += 1
    heads = ("touchdown", "low", "dark", "one-sided", "never")
    print(f"  {'stays at':22}" + "".join(f"{head:>11}" for head in heads))
    for name, counts in sorted(table.items()):
        print(f"  {name:22}" + "".join(f"{counts[head]:>11}" for head in heads))
    print("  traps: " + ", ".join(f"{name} {count}" for name, count in sorted(sky.traps.items())))


if __name__ == "__main__":
    given = sys.argv[1:]
    for name in SCENARIOS if not given else [given[0]]:
        show(name, int(given[1]) if len(given) > 1 else 1, int(given[2]) if len(given) > 2 else 200)
