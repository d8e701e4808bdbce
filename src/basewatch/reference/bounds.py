"""Whether thresholds can be meant: each in the unit and the range that params.yml states for it."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from typing import Any

from basewatch.errors import ConfigError

Entries = Mapping[str, Mapping[str, Any]]


def check(entries: Entries, shipped: Entries, where: str) -> None:
    """Raise ConfigError with every threshold that is unknown, in another unit, no number, or out of its range.

    entries: by name, with `value` and `unit`. shipped: the entries that the program knows, with `range` besides.
    """
    faults = [fault for name, entry in entries.items() if (fault := _fault(name, entry, shipped))]
    if faults:
        raise ConfigError(f"{where}: {'; '.join(faults)}")


def _fault(name: str, entry: Mapping[str, Any], shipped: Entries) -> str | None:
    known = shipped.get(name)
    if known is None:
        similar = difflib.get_close_matches(name, shipped, 1)
        return f"{name} is no threshold{f'; {similar[0]} is' if similar else ''}"
    if entry["unit"] != known["unit"]:
        return f"{name} is given in {entry['unit']}; it is read in {known['unit']}"
    values = entry["value"] if isinstance(known["value"], list) else [entry["value"]]
    if not isinstance(values, list) or not values or not all(map(_is_number, values)):
        return f"{name} needs {'a list of numbers' if isinstance(known['value'], list) else 'a number'}"
    least, most = known["range"]
    if all(least <= value <= most for value in values):
        return None
    return f"{name} is {entry['value']} {entry['unit']}; from {least} to {most} can be meant"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
