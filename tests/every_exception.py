"""One of every kind of exception that this process knows, to be thrown where it hurts."""

from __future__ import annotations

import builtins
from collections.abc import Iterator

from basewatch.errors.containment import is_of_the_store

WORDS = "thrown by the test"


def kinds(root: type[Exception] = Exception) -> set[type[Exception]]:
    """An exception class and all below it: Python's own, and those of every library that is loaded."""
    return {root}.union(*(kinds(below) for below in root.__subclasses__()))


def each(*, built_in_alone: bool = False) -> Iterator[Exception]:
    """One of each kind that can be made at all; those that are the store's to raise are left out."""
    own = {value for value in vars(builtins).values() if isinstance(value, type)}
    for kind in sorted(kinds(), key=lambda one: f"{one.__module__}.{one.__qualname__}"):
        if built_in_alone and kind not in own:
            continue
        made = _made(kind)
        if made is not None and not is_of_the_store(made):
            yield made


def _made(kind: type[Exception]) -> Exception | None:
    special = {
        UnicodeDecodeError: ("utf-8", b"\xff", 0, 1, WORDS),
        UnicodeEncodeError: ("utf-8", "\udcff", 0, 1, WORDS),
        UnicodeTranslateError: ("\udcff", 0, 1, WORDS),
        ExceptionGroup: (WORDS, [ValueError(WORDS)]),
    }
    for arguments in (special.get(kind, (WORDS,)), ()):
        try:
            return kind(*arguments)
        except Exception:  # one that takes other arguments, or is not made by hand
            continue
    return None
