"""Tars for tests of the search in them: kept in memory or made as they are read, with a count of what was read."""

from __future__ import annotations

import random
import tarfile
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import accumulate

BLOCK = 512


class Counted:
    """A tar of which the bytes that were wanted are counted, each once, and the stretches in which they were."""

    def __init__(self, size: int) -> None:
        self.size, self.spent, self.stretches = size, 0, 0
        self._near: list[tuple[int, int]] = []

    def expect(self, offset: int, length: int) -> None:
        """Count what of a stretch was not wanted before."""
        start, end = offset, min(offset + length, self.size)
        kept = [span for span in self._near if span[1] < start or span[0] > end]
        touched = [span for span in self._near if span[1] >= start and span[0] <= end]
        overlap = sum(max(min(upto, end) - max(at, start), 0) for at, upto in touched)
        if end - start > overlap:
            self.spent += end - start - overlap
            self.stretches += 1
            whole = min([start, *(at for at, _ in touched)]), max([end, *(upto for _, upto in touched)])
            self._near = sorted([*kept, whole])

    def read(self, offset: int, length: int) -> bytes:
        """The bytes from an offset on."""
        length = max(min(length, self.size - offset), 0)
        if length:
            self.expect(offset, length)
        return self.bytes_of(offset, length)

    def bytes_of(self, offset: int, length: int) -> bytes:
        """The bytes themselves."""
        raise NotImplementedError


class InMemory(Counted):
    """A tar given as bytes."""

    def __init__(self, data: bytes) -> None:
        super().__init__(len(data))
        self.data = data

    def bytes_of(self, offset: int, length: int) -> bytes:
        """The bytes themselves."""
        return self.data[offset : offset + length]


@cache
def _noise() -> bytes:
    return random.Random(7).randbytes(1 << 16)


class Made(Counted):
    """A tar of members of these names and sizes.

    bodies: the bytes of some of them, by name; those of the others are noise, made when it is read.
    """

    def __init__(self, members: Sequence[tuple[str, int]], bodies: Mapping[str, bytes] | None = None) -> None:
        self.members, self.bodies = members, bodies or {}
        lengths = (BLOCK + (size + BLOCK - 1) // BLOCK * BLOCK for _, size in members)
        self.offsets = list(accumulate(lengths, initial=0))  # with the end of the last one
        self.end = self.offsets[-1]
        super().__init__((self.end + 2 * BLOCK + 10_239) // 10_240 * 10_240)

    def bytes_of(self, offset: int, length: int) -> bytes:
        """The bytes themselves."""
        out = bytearray()
        while len(out) < length:
            at = offset + len(out)
            if at >= self.end:
                out += bytes(length - len(out))
                break
            number = bisect_right(self.offsets, at) - 1
            name, size = self.members[number]
            within = at - self.offsets[number]
            if within < BLOCK:
                info = tarfile.TarInfo(name)
                info.size = size
                out += info.tobuf(tarfile.GNU_FORMAT)[within:]
            elif within < BLOCK + size and name in self.bodies:
                out += self.bodies[name][within - BLOCK :]
            elif within < BLOCK + size:
                start = within * 31 % (1 << 15)
                out += _noise()[start : start + BLOCK + size - within]
            else:
                out += bytes(self.offsets[number + 1] - at)
        return bytes(out[:length])


def traces(number: int, total: int, rng: random.Random) -> list[list[tuple[str, int]]]:
    """Names and sizes of traces, folder by folder as a tar of readsb's has them: many small ones, some large."""
    weights = [rng.lognormvariate(0, 1) for _ in range(number)]
    each = total / sum(weights)
    folders: dict[int, list[tuple[str, int]]] = {}
    for weight in weights:
        address = rng.randrange(1 << 24)
        name = f"./traces/{address % 256:02x}/trace_full_{address:06x}.json"
        folders.setdefault(address % 256, []).append((name, int(weight * each)))
    ordered = list(folders.values())
    rng.shuffle(ordered)
    return ordered


def heatmaps(total: int, rng: random.Random, halves: Iterable[int] = range(48)) -> list[tuple[str, int]]:
    """Names and sizes of heatmaps, in no order."""
    weights = {half: rng.uniform(0.5, 1.5) for half in halves}
    each = total / sum(weights.values())
    sized = [(f"./heatmap/{half:02d}.bin.ttf", int(weight * each)) for half, weight in weights.items()]
    rng.shuffle(sized)
    return sized


def filled(members: Iterable[tuple[str, int]], rng: random.Random) -> list[tuple[str, bytes]]:
    """The members with bytes of their own."""
    return [(name, rng.randbytes(size)) for name, size in members]
