"""The ledger's segment files: which commits one holds by its name, which of them count, and which are due to be merged.

Commits are numbered from 1. `0000000007-<hash>.parquet` holds commit 7. `0000000008-0000000001-<hash>.parquet` was
merged from commits 1 to 8 and stands for them. A segment within the range of a larger one does not count: a process may
die between writing the larger one and removing the smaller ones, and even then no row is read twice. The last commit
comes first in the name: sorted by name, segments are in the order of their commits. The hash is that of the file's
bytes, as in the names of data files; older segments have eight random digits in its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from basewatch.errors import StoreFault

FAN_OUT = 8  # segments of one size before they are merged into one of the next

DIGITS = 20  # of the hash of its bytes that end a name

_NAME = re.compile(rf"(\d{{10}})(?:-(\d{{10}}))?-(?:[0-9a-f]{{8}}|([0-9a-f]{{{DIGITS}}}))\.parquet")


@dataclass(frozen=True)
class Segment:
    """One segment file: its name and the numbers of the first and the last commit that it holds.

    digest: the beginning of its bytes' SHA-256, as its name tells; empty for one of before the chain.
    """

    name: str
    first: int
    last: int
    digest: str = ""

    @property
    def commits(self) -> int:
        """How many commits it stands for."""
        return self.last - self.first + 1

    @property
    def tier(self) -> int:
        """Its size class: 0 below FAN_OUT commits, 1 below FAN_OUT squared, and so on."""
        tier, least = 0, FAN_OUT
        while self.commits >= least:
            tier, least = tier + 1, least * FAN_OUT
        return tier

    def covers(self, other: Segment) -> bool:
        """Whether it stands for the other: a wider range that holds all of the other's, or the same with a hash."""
        is_more = self.commits > other.commits or bool(self.digest) > bool(other.digest)
        return self.first <= other.first and other.last <= self.last and is_more


def named(first: int, last: int, sha256: str) -> Segment:
    """The segment of these commits whose bytes have this hash (hex)."""
    numbers = f"{last:010d}" if first == last else f"{last:010d}-{first:010d}"
    return Segment(f"{numbers}-{sha256[:DIGITS]}.parquet", first, last, sha256[:DIGITS])


def of_name(name: str) -> Segment | None:
    """The segment that a file is by its name; None for one that cannot be any."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    last, first = int(match[1]), int(match[2] or match[1])
    return Segment(name, first, last, match[3] or "")


def listed(folder: Path) -> list[Segment]:
    """Every segment in the folder, in no order. Raises StoreFault for a file that cannot be one."""
    segments = []
    for file in folder.glob("[!.]*.parquet"):
        segment = of_name(file.name)
        if segment is None:
            raise StoreFault(f"{file} is no ledger segment by its name; `basewatch verify --repair` sets it aside")
        segments.append(segment)
    return segments


def living(segments: Iterable[Segment]) -> list[Segment]:
    """Those that no other one stands for, in the order of their commits."""
    uncovered: list[Segment] = []
    widest: Segment | None = None
    for segment in sorted(segments, key=lambda one: (one.first, -one.last, not one.digest, one.name)):
        if widest is not None and widest.covers(segment):
            continue
        uncovered.append(segment)
        if widest is None or segment.last > widest.last:
            widest = segment
    return uncovered


def due(segments: list[Segment]) -> list[Segment]:
    """Of living segments, in order, the newest ones that are to become one; empty where none are.

    The newest segments of some size or smaller are merged once they make up one of the next size. So fewer than
    FAN_OUT segments of each size stay, and a row is written anew once for each size, not at each commit.
    """
    mergeable: list[Segment] = []
    for tier in range(max((segment.tier for segment in segments), default=-1) + 1):
        start = len(segments)
        while start and segments[start - 1].tier <= tier:
            start -= 1
        tail = segments[start:]
        if sum(segment.commits for segment in tail) >= FAN_OUT ** (tier + 1) and len(tail) > 1:
            mergeable = tail
    return mergeable
