"""All families of faults, and what came of them as a table."""

from __future__ import annotations

from collections.abc import Iterable

from faults.archives import ARCHIVES
from faults.candidates import CANDIDATES
from faults.fault import Family, Met
from faults.flights import FLIGHTS
from faults.hostile import HOSTILE
from faults.news import NEWS
from faults.reference import REFERENCE
from faults.warehouse import WAREHOUSE

FAMILIES: tuple[Family, ...] = (FLIGHTS, ARCHIVES, NEWS, REFERENCE, WAREHOUSE, CANDIDATES, HOSTILE)
SEEN_MIN, STOPPED_MIN = 0.95, 0.80  # shares of the harmful faults of a family


def table(met: Iterable[Met]) -> str:
    """A line a family: how many faults, what share was seen and was stopped, false alarms, seconds."""
    names = ("harmful", "seen", "stopped", "twins", "refused falsely", "warned", "seconds")
    lines = [f"{'family':11}" + "".join(f"{name:>16}" for name in names)]
    by_family: dict[str, list[Met]] = {}
    for one in met:
        by_family.setdefault(one.fault.family, []).append(one)
    for name, of_family in by_family.items():
        harmful = [one for one in of_family if one.fault.is_harmful]
        alarms = [one.answer.outcome for one in of_family if one.is_false_alarm]
        stopped_falsely = len(alarms) - alarms.count("warned")
        seen, stopped = (sum(map(test, harmful)) / max(1, len(harmful)) for test in (_seen, _stopped))
        lines.append(
            f"{name:11}{len(harmful):16}{seen:16.1%}{stopped:16.1%}{len(of_family) - len(harmful):16}"
            f"{stopped_falsely:16}{alarms.count('warned'):16}{sum(one.seconds for one in of_family):16.0f}"
        )
    return "\n".join(lines)


def _seen(one: Met) -> bool:
    return one.is_seen


def _stopped(one: Met) -> bool:
    return one.is_stopped
