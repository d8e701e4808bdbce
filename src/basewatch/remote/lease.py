"""The lease: an object that says which run holds the storage, with an expiry by the store's own clock and a token.

It keeps two runs from doing the same work; it is not what keeps the pointer whole. A holder may be suspended, and wake
up when another one has taken over. The token tells them apart: it grows with each holder, the pointer carries the
latest, and who has an older one can no longer move the pointer (`pointer.py`).
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import timedelta

from basewatch.errors import StoreFault, WarehouseBusy
from basewatch.remote.bucket import Bucket, Object

KEY = "lease.json"
BEATS = 4  # renewals in the time for which a lease stands


@dataclass(frozen=True)
class Told:
    """What the object says. beat: grows with each renewal, so that no two writes are alike."""

    holder: str
    token: int
    seconds: float
    beat: int = 0
    is_released: bool = False

    @property
    def data(self) -> bytes:
        """As it is written."""
        return json.dumps(asdict(self), indent=1).encode()


class Lease:
    """A lease that is held: its token, and whether another run has taken it over, as far as is known."""

    def __init__(self, bucket: Bucket, told: Told, tag: str) -> None:
        self.is_lost = False
        self._bucket, self._told, self._tag = bucket, told, tag
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)

    @property
    def token(self) -> int:
        """Greater than that of every holder before."""
        return self._told.token

    @property
    def holder(self) -> str:
        """Machine, process and a name of its own."""
        return self._told.holder

    def require(self) -> None:
        """Raise WarehouseBusy where another run has taken it over."""
        if self.is_lost:
            raise WarehouseBusy(
                f"{self._bucket.address}: this run was away for longer than its lease stands, and another one took "
                "over; what it published stands, and nothing of this run was published there"
            )

    def _renew(self) -> None:
        while not self._over.wait(self._told.seconds / BEATS):
            with contextlib.suppress(StoreFault):  # the store may be back before the lease is over
                self._write(replace(self._told, beat=self._told.beat + 1))
            if self.is_lost:
                return

    def _write(self, told: Told) -> None:
        tag = self._bucket.replace(KEY, told.data, self._tag)
        if tag is None:
            self.is_lost = True
        else:
            self._told, self._tag = told, tag

    def begin(self) -> None:
        """Renew it from now on, in a thread."""
        self._thread.start()

    def end(self) -> None:
        """Stop renewing it and say that it is free."""
        self._over.set()
        self._thread.join()
        if not self.is_lost:
            self._write(replace(self._told, beat=self._told.beat + 1, is_released=True))


def take(bucket: Bucket, seconds: float, least_token: int) -> Lease:
    """Take the lease, also one whose holder has not renewed it in time. Raises WarehouseBusy where another run has it.

    least_token: the pointer's, below which no token may be.
    """
    found = bucket.read(KEY)
    before = _understood(found, bucket)
    if found and before and not before.is_released:
        left = found.modified + timedelta(seconds=before.seconds) - bucket.now()
        if left >= timedelta(0):
            raise WarehouseBusy(
                f"another run holds {bucket.address}: {before.holder}; wait for it, or, where it died, "
                f"{left.total_seconds() + 1:.0f} s"
            )
    holder = f"{socket.gethostname()}, process {os.getpid()}, {uuid.uuid4().hex[:12]}"
    told = Told(holder, max(before.token if before else 0, least_token) + 1, seconds)
    tag = bucket.replace(KEY, told.data, found.tag) if found else bucket.create(KEY, told.data)
    if tag is None:
        raise WarehouseBusy(f"another run took {bucket.address} a moment ago; wait for it")
    return Lease(bucket, told, tag)


@contextlib.contextmanager
def held(bucket: Bucket, seconds: float, least_token: int) -> Iterator[Lease]:
    """Hold the lease while it lasts."""
    lease = take(bucket, seconds, least_token)
    lease.begin()
    try:
        yield lease
    finally:
        with contextlib.suppress(StoreFault):  # then it runs out by itself
            lease.end()


def _understood(found: Object | None, bucket: Bucket) -> Told | None:
    if found is None:
        return None
    try:
        return Told(**json.loads(found.data))
    except (ValueError, TypeError):
        raise StoreFault(f"{bucket.address}/{KEY} is damaged; no run going on, delete it") from None
