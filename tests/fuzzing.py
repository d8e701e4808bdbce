"""Any bytes for any reader: sound examples and how they are damaged, and what no reader may do with them.

A reader gives rows, rejects or its own named error. It raises nothing else, leaves no traceback in a run's log, ends
within seconds, and asks for no more memory than its limits allow. FUZZ_SECONDS says how many seconds of the processor
each reader is tried for (default: FEW examples each, the same every time).
"""

from __future__ import annotations

import contextlib
import faulthandler
import gzip
import itertools
import os
import random
import re
import resource
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from basewatch.errors import containment

SECONDS = float(os.environ.get("FUZZ_SECONDS", "0"))
FEW, MANY = 60, 400
CPU_SECONDS = 20.0  # of the processor, whatever else runs on the machine
STUCK_SECONDS = 300.0  # inside a library that answers no signal
MOST_MEMORY = 800 << 20  # bytes more than at the first example

ODD = [
    *(b"", b"\0", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"\r\n", b"\n\n", b"\t", b" ", b"\\", b"'", b'"', b'""', b"`"),
    *(b"null", b"true", b"NaN", b"Infinity", b"-Infinity", b"-0", b"0", b"-1", b"1", b"1e999", b"1e-999", b"2e308"),
    *(b"9223372036854775808", b"-9223372036854775809", b"99999999999999999999999999", b"0.1", b"1_000", b"0x1f"),
    *(b"[]", b"{}", b"[[", b"}}", b'""', b'{"a":{}}', b"[null]", b'"\\ud800"', b"\xed\xa0\x80", b"\xf0\x9f\x9b\xa9"),
    *(b"0000-00-00", b"0001-01-01", b"9999-12-31T23:59:59+23:59", b"1900-01-01", b"2025-02-30", b"24:00", b"12:60"),
    *(b"0001-01-01T00:00:00+14:00", b"2025-03-14T10:00:00Z", b"31/12/9999", b"Feb 29, 2023", b"1969-12-31 23:59:59"),
    *(
        b"<",
        b">",
        b"&",
        b"&#0;",
        b"&#xD800;",
        b"&amp;",
        b"<![CDATA[",
        b"]]>",
        b"<!DOCTYPE",
        b"<!--",
        b"%",
        b"%s",
        b"=?",
    ),
    *("\u202e\u0000\u2028".encode(), "é".encode("latin-1"), "ё".encode("cp1251"), "١٢".encode(), "²".encode(), b"=1+1"),
]
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[-+\w.:]+|[^\s\w]')


class Stuck(BaseException):
    """A reader that does not end; no Exception, or the reader's own containment would swallow it."""


class Unexpected(BaseException):
    """An exception that a reader did not expect, met on its way into the run's log."""


def damaged(good: bytes, number: int, hurts: int, others: Sequence[bytes] = ()) -> bytes:
    """A sound example, hurt so many times in a way that the number decides."""
    chance = random.Random(number)
    data = good
    for _ in range(hurts):
        data = chance.choice(_HURTS)(data, chance, others or (good,))
    return data


def _place(data: bytes, chance: random.Random) -> tuple[int, int]:
    first = chance.randrange(len(data) + 1)
    return first, min(len(data), first + chance.choice((1, 1, 2, 4, 16, 64, 512, 4096)))


def _flip(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    if not data:
        return data
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


def _cut(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    first, last = _place(data, chance)
    return data[:first] + data[last:]


def _end(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _again(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    first, last = _place(data, chance)
    return data[:last] + data[first:last] * chance.choice((1, 1, 1, 3, 200)) + data[last:]


def _moved(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    first, last = _place(data, chance)
    rest = data[:first] + data[last:]
    at = chance.randrange(len(rest) + 1)
    return rest[:at] + data[first:last] + rest[at:]


def _noise(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    first, last = _place(data, chance)
    return data[:first] + chance.randbytes(last - first) + data[last:]


def _odd(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.choice(ODD) + data[at:]


def _token(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    """A word, number or quoted text replaced by something odd; a text stays one half of the time."""
    found = list(itertools.islice(_TOKEN.finditer(data), 4000))
    if not found:
        return data
    token, odd = chance.choice(found), chance.choice(ODD)
    if token[0].startswith(b'"') and chance.random() < 0.5:
        odd = b'"' + odd.replace(b'"', b"") + b'"'
    return data[: token.start()] + odd + data[token.end() :]


def _swapped(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    """One token in the place of another."""
    found = list(itertools.islice(_TOKEN.finditer(data), 4000))
    if len(found) < 2:
        return data
    one, other = chance.choice(found), chance.choice(found)
    return data[: one.start()] + other[0] + data[one.end() :]


def _spliced(data: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    other = chance.choice(others)
    return data[: chance.randrange(len(data) + 1)] + other[chance.randrange(len(other) + 1) :]


_HURTS = (_flip, _cut, _end, _again, _moved, _noise, _odd, _token, _token, _token, _swapped, _spliced)


@dataclass(frozen=True)
class Recipe:
    """How an example is made of a sound one; small to show, and to make smaller. packed: 1 as gzip, 2 as hurt gzip."""

    which: int
    number: int
    hurts: int
    packed: int = 0

    def made(self, good: Sequence[bytes]) -> bytes:
        """The bytes."""
        data = damaged(good[self.which], self.number, self.hurts, good)
        if not self.packed:
            return data
        return damaged(gzip.compress(data, 1, mtime=0), self.number, 2 * (self.packed - 1), good)


def fuzz(
    good: Sequence[bytes],
    attempt: Callable[..., object],
    *others: st.SearchStrategy[Any],
    packed: bool = False,
) -> None:
    """Give a reader examples like these sound ones, a few or for FUZZ_SECONDS, and now and then any bytes at all.

    others: what else the reader is given. packed: whether as gzip, too. Fails with the smallest example found that the
    reader does not stand.
    """
    recipes = st.builds(
        Recipe, st.integers(0, len(good) - 1), st.integers(0, 2**32), st.integers(0, 6), st.integers(0, 2 * packed)
    )
    drawn = st.tuples(st.one_of(recipes, recipes, recipes, recipes, st.binary(max_size=400)), *others)
    until, before, tried = time.process_time() + SECONDS, _memory(), 0

    def bounded(example: tuple[Any, ...]) -> None:
        nonlocal tried
        tried += 1
        recipe, *rest = example
        data = recipe.made(good) if isinstance(recipe, Recipe) else recipe
        try:
            with _limits(), _nothing_unexpected():
                attempt(data, *rest)
            assert _memory() - before < MOST_MEMORY, "the reader took too much memory"
        except Exception as error:
            error.add_note(f"{len(data)} bytes: {data[:3000]!r}")
            raise

    for number in itertools.count():
        wrapped = settings(
            max_examples=MANY if SECONDS else FEW,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        )(given(drawn)(bounded))
        seed(time.time_ns() if SECONDS else number)(wrapped)()
        if time.process_time() >= until:
            break
    if SECONDS:
        print(f"\n{tried} examples")


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


@contextlib.contextmanager
def _limits() -> Iterator[None]:
    def ring(*_: object) -> None:
        raise Stuck

    before = signal.signal(signal.SIGPROF, ring)
    faulthandler.dump_traceback_later(STUCK_SECONDS, exit=True)
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    try:
        yield
    except Stuck as stuck:
        raise AssertionError(f"the reader did not end within {CPU_SECONDS} s") from stuck
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGPROF, before)


@contextlib.contextmanager
def _nothing_unexpected() -> Iterator[None]:
    """An exception that would leave a traceback in the run's log fails the example: the reader did not expect it."""

    def note(error: BaseException, where: str) -> None:
        raise Unexpected(f"{where}: {type(error).__name__}: {error}") from error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(containment, "note", note)
        try:
            yield
        except Unexpected as met:
            raise AssertionError(str(met)) from met.__cause__
