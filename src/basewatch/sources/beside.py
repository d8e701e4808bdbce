"""Windows of several sources at the same time: each waits for a provider of its own, so a night lasts as long as the
slowest source and not as all together.

Only fetching goes on beside each other. Decoding and committing is done by one thread at a time, which holds the turn:
what is told there of a day, and in which order, depends on no other source. Limits of requests are of each host, and
shared by all threads (`net/limits.py`).
"""

from __future__ import annotations

import contextvars
import math
import threading
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence

from basewatch.net.limits import STATE
from basewatch.sources.contract import Window

STOP_SECONDS = 5.0  # that threads are waited for when all is over


class Halted(BaseException):
    """The run is over: what was under way is not committed. No fault of a source, so that nothing contains it."""


class Turns:
    """Who may decode and commit: `with turns:`, one thread at a time, and nobody once the run is halted."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.is_halted = False

    def __enter__(self) -> None:
        """Take the turn, or take it once more. Raises Halted where the run is over."""
        self._lock.acquire()
        if self.is_halted:
            self._lock.release()
            raise Halted

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def halt(self) -> None:
        """Let nobody take a turn any more; who has one is waited for, for a while."""
        self.is_halted = True
        if self._lock.acquire(timeout=STOP_SECONDS):
            self._lock.release()


def look(
    windows: Sequence[Window],
    remote: Collection[str],
    turns: Turns,
    one: Callable[[Window], None],
    lanes: Mapping[str, int] | None = None,
) -> None:
    """Have `one` look at each window: in order, but where several sources are `remote`, these beside each other.

    The others are looked at by the calling thread meanwhile. What any of them raises ends all, and is raised. lanes: by
    source, how many of its windows are looked at at the same time, where that is more than one.
    """
    groups: dict[str, deque[Window]] = {}
    lanes = lanes or {}
    for window in windows:
        is_apart = window.source in remote or window.source in lanes
        groups.setdefault(window.source if is_apart else "", deque()).append(window)
    here = groups.pop("", deque())
    if len(groups) < 2 and not lanes:
        for window in windows:
            one(window)
        return
    raised: list[BaseException] = []

    def follow(own: deque[Window]) -> None:
        try:
            while own and not (raised or turns.is_halted):
                try:
                    window = own.popleft()
                except IndexError:  # another lane took the last one
                    return
                one(window)
        except Halted:
            return
        except BaseException as error:
            raised.append(error)

    threads = [
        threading.Thread(target=contextvars.copy_context().run, args=(follow, own), name=source, daemon=True)
        for source, own in groups.items()
        for _ in range(lanes.get(source, 1))
    ]
    try:
        for thread in threads:
            thread.start()
        follow(here)
        for thread in threads:
            while thread.is_alive() and not raised:
                thread.join(0.2)  # so that Ctrl-C is heard
    except BaseException as error:
        raised.insert(0, error)
    if raised:
        _end(threads, groups, turns)
        raise raised[0]


def _end(threads: Sequence[threading.Thread], sources: Collection[str], turns: Turns) -> None:
    """Nothing more is committed; requests under way come to their end, and threads that do not are left behind."""
    for source in sources:
        STATE.ends[source] = -math.inf
    turns.halt()
    for thread in threads:
        thread.join(STOP_SECONDS)
