"""What outlives a client: when each host was last asked, which source is failing, what is spent, and by which clock."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Clock:
    """Where time comes from, so that tests need not wait. Seconds, `wall` since 1970; `wait` ends on a signal."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    wait: Callable[[threading.Event, float], bool] = threading.Event.wait


@dataclass(frozen=True)
class Limit:
    """At most `requests` in any `seconds`, per host."""

    requests: int
    seconds: float


class TooLong(Exception):
    """A limit allows no further request for so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"{seconds:,.0f} s")
        self.seconds = seconds


class Limiter:
    """A sliding window over the requests sent to one host; waits before the one that would break a limit."""

    def __init__(self) -> None:
        self._sent: deque[float] = deque()
        self._lock = threading.Lock()

    def wait(self, limits: Iterable[Limit], clock: Clock, longest: float) -> float:
        """Wait until one more request keeps every limit, and count it. Returns the seconds waited.

        Raises TooLong where that is more than `longest` seconds away (a daily limit used up).
        """
        limits = tuple(limits)
        waited = 0.0
        while True:
            with self._lock:
                now = clock.monotonic()
                horizon = max((limit.seconds for limit in limits), default=0.0)
                while self._sent and now - self._sent[0] > horizon:
                    self._sent.popleft()
                pause = max((self._pause(limit, now) for limit in limits), default=0.0)
                if pause <= 0:
                    self._sent.append(now)
                    return waited
                if pause > longest:
                    raise TooLong(pause)
            clock.sleep(pause)
            waited += pause

    def _pause(self, limit: Limit, now: float) -> float:
        if len(self._sent) < limit.requests:
            return 0.0
        oldest = self._sent[-limit.requests]
        # A hair more than the window: the provider's clock starts when the request arrives, ours when it leaves.
        return max(0.0, oldest + limit.seconds * 1.02 - now)

    def note(self, clock: Clock) -> None:
        """Count a request that is already sent: the later hops of a redirect."""
        with self._lock:
            self._sent.append(clock.monotonic())


@dataclass
class Breaker:
    """Consecutive failures of one source, what the last one said, and until when the source is left alone."""

    failures: int = 0
    open_until: float = 0.0
    reason: str = ""


@dataclass
class State:
    """What outlives a client: one limiter a host, one breaker a source, tokens with their expiry, credits spent."""

    limiters: dict[str, Limiter] = field(default_factory=dict)
    breakers: dict[str, Breaker] = field(default_factory=dict)
    tokens: dict[str, tuple[str, float]] = field(default_factory=dict)
    counters: dict[str, float] = field(default_factory=dict)
    ends: dict[str, float] = field(default_factory=dict)  # until when a source may ask in this run (monotonic)
    quotas: dict[str, float] = field(default_factory=dict)  # a quota that is used up, and until when (monotonic)
    clock: Clock = Clock()


STATE = State()


@dataclass(frozen=True)
class Policy:
    """How patient a client is. Seconds and bytes."""

    connect_seconds: float = 10.0
    read_seconds: float = 60.0
    attempts: int = 5
    first_wait_seconds: float = 1.0
    longest_wait_seconds: float = 120.0
    breaker_after: int = 3
    breaker_seconds: float = 300.0
    max_bytes: int = 64 << 20
    answer_seconds: float = 300.0  # for an answer as a whole, from the request to its last byte
    file_seconds: float = 6 * 3600.0  # for a file as a whole, over all attempts
    allow_local: bool = False  # whether this machine's own addresses may be asked
