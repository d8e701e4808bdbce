"""Make a pack again and say what is wrong with it.

PYTHONPATH=tests python -m flight_lists FLAVOUR SEED FOLDER [NUMBERS]
FLAVOUR: whole, harmed or blind. NUMBERS: examples, as 3,17; all fifty where left out.
"""

from __future__ import annotations

import sys
from pathlib import Path

from flight_lists import packs


def main(flavour: str, seed: str, folder: str, numbers: str = "") -> None:
    """Write the pack into the folder, run it, print its faults."""
    pack = packs.make(int(seed), flavour, [int(one) for one in numbers.split(",")] if numbers else range(50))
    told = packs.attempt(pack, Path(folder))
    for one in pack.examples:
        if one.number in told:
            print(f"example {one.number}, {one.month:%Y-%m}:")
            for listing in one.listings:
                print(f"  {listing.path}: {listing.form.name}, {len(listing.rows)} rows, {listing.damages}")
                print(f"    {listing.styles}\n    {listing.shape}")
            print(*(f"  ! {fault}" for fault in told[one.number]), sep="\n")
    print(f"{len(told)} of {len(pack.examples)} examples failed; damages: {dict(pack.damages())}")


main(*sys.argv[1:])
