"""What of seeded faults is seen: `python benchmarks/faults.py [--family NAME] [--share 0.1] [--seed 1]`.

Enters the fault library (tests/faults) into a good world of each family, in one process, and prints what passed unseen
or was seen for another reason, harmless twins of which something was said, and a table by family.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from faults.fault import enter, share
from faults.library import FAMILIES, table

SHOWN = 160  # characters of what was said


def main() -> None:
    """Enter, and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--family", choices=[family.name for family in FAMILIES])
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    met, started = [], time.perf_counter()
    for family in FAMILIES:
        if given.family not in (None, family.name):
            continue
        with tempfile.TemporaryDirectory() as folder:
            for one in enter(family, share(family.faults(), given.share, given.seed), Path(folder)):
                met.append(one)
                if one.is_false_alarm or (one.fault.is_harmful and not one.is_stopped):
                    what = "false alarm" if one.is_false_alarm else one.answer.outcome
                    named = "" if one.is_named or one.is_false_alarm else ", for another reason"
                    said = " / ".join(one.answer.words.splitlines())[:SHOWN]
                    print(f"{what}{named}: {one.fault.name}: {said}", flush=True)
    print(table(met))
    print(f"{len(met)} faults in {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
