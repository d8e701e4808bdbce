"""A new watch, from the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from basewatch import progress
from basewatch.starting import files, fleet_rules, places


def begin(folder: Path, codes: Sequence[str], rules: Sequence[str]) -> None:
    """Write a watch into a folder, and say what is in it and what to do next. Raises ConfigError."""
    found = places.distinct(map(places.look_up, codes))
    fleets = list({row.model_dump_json(): row for rule in rules for row in fleet_rules.rows(rule)}.values())
    written = files.write(folder, found, fleets)
    for place in found:
        base = place.base
        runways = f"{len(place.runways)} runways" if place.runways else "no runway is known here"
        print(f"base      {base.base_id}: {base.name}, {base.latitude}, {base.longitude}, {runways}")
        if place.languages == ["en"]:
            progress.plain(
                f"the news can find {base.base_id} by its English names alone; add rows to {folder / 'keywords.csv'}"
            )
    for fleet in dict.fromkeys(row.fleet_id for row in fleets):
        print(f"fleet     {fleet}: {sum(row.fleet_id == fleet for row in fleets)} rules")
    for operator in fleet_rules.unmet(fleets):
        progress.plain(f"no register shipped here names the operator {operator!r}: its rule may be met by nobody")
    for file in written:
        print(f"written   {file}")
    print(f"\nNext: put flight lists into {folder / 'records'} and enable them in {folder / files.CONFIG};")
    print(f"articles go into {folder / 'articles'}. Then")
    print(f"  cd {folder}\n  basewatch doctor\n  basewatch nightly")
