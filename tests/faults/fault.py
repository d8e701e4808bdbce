"""What a fault is, and what came of it."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Outcome = Literal["refused", "contained", "warned", "passed"]


@dataclass(frozen=True)
class Answer:
    """What the product did, and all that it said on the run's last lines.

    refused: nothing is published, or the source failed. contained: what the fault touches is not counted. warned: it is
    counted and told. passed: nothing is told; a ledger line alone is no more than that.
    """

    outcome: Outcome
    words: str = ""


@dataclass(frozen=True)
class Fault:
    """One fault: how to make it from a family's good world, where it is entered, and the reason that must be named.

    stage: `reader` (one reader alone), `window` (one window decoded), `candidate` (an edit, checked) or
    `warehouse` (its files, looked at). harm: what the family's world does to itself. reason: a pattern, looked for
    without regard to case. A harmless one is a twin of harmful ones: nothing may be refused for it, nor said of it.
    """

    family: str
    kind: str
    variant: str
    stage: str
    harm: Any
    reason: str = ""
    is_harmful: bool = True

    @property
    def name(self) -> str:
        """How it is called."""
        return f"{self.family}: {self.kind} ({self.variant})" if self.variant else f"{self.family}: {self.kind}"


Meet = Callable[[Fault], Answer | None]  # None: the good world has nothing that the fault could befall


@dataclass(frozen=True)
class Family:
    """Faults that share a good world. world: builds it in a folder, once, and gives what enters a fault into it."""

    name: str
    faults: Callable[[], Sequence[Fault]]
    world: Callable[[Path], AbstractContextManager[Meet]]


@dataclass(frozen=True)
class Met:
    """A fault, the answer, and the seconds that it took."""

    fault: Fault
    answer: Answer
    seconds: float

    @property
    def is_named(self) -> bool:
        """Whether the right reason was told."""
        return bool(re.search(self.fault.reason, self.answer.words, re.IGNORECASE | re.DOTALL))

    @property
    def is_seen(self) -> bool:
        """Whether a harmful fault was seen with the right reason."""
        return self.answer.outcome != "passed" and self.is_named

    @property
    def is_stopped(self) -> bool:
        """Whether a harmful fault was refused or contained, with the right reason."""
        return self.answer.outcome in ("refused", "contained") and self.is_named

    @property
    def is_false_alarm(self) -> bool:
        """Whether something was said of what harms nothing."""
        return not self.fault.is_harmful and self.answer.outcome != "passed"


def enter(family: Family, faults: Sequence[Fault], folder: Path) -> Iterator[Met]:
    """Enter these faults into the family's world, made in `folder`."""
    if not faults:
        return
    with family.world(folder) as meet:
        for fault in faults:
            started = time.perf_counter()
            answer = meet(fault)
            if answer is not None:
                yield Met(fault, answer, time.perf_counter() - started)


def share(faults: Sequence[Fault], part: float, seed: int) -> list[Fault]:
    """So large a part of the faults, at least one where there is one, drawn by the seed and in their order."""
    if part >= 1:
        return list(faults)
    drawn = random.Random(seed).sample(range(len(faults)), max(1, round(part * len(faults)))) if faults else []
    return [faults[number] for number in sorted(drawn)]
