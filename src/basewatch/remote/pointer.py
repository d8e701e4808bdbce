"""The pointer `current.json`: which release is current, and the state of the lake. Moving it is the one commit.

It is moved by a write that names the version before (If-Match), and it carries the token of the lease of who wrote it
last. Whoever takes the lease writes its token into the pointer before anything else. From then on an earlier holder
names a version that is gone, however late its write arrives.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

from basewatch.errors import StoreFault, WarehouseBusy
from basewatch.remote.bucket import Bucket
from basewatch.remote.lease import Lease

KEY = "current.json"
FORMAT = 1


@dataclass(frozen=True)
class Pointer:
    """generation: grows with each state. state: the key of what is held in full. database: that of the release."""

    generation: int
    token: int
    holder: str
    state: str | None = None
    release: str | None = None
    database: str | None = None
    format: int = FORMAT

    @property
    def data(self) -> bytes:
        """As it is written."""
        return json.dumps(asdict(self), indent=1).encode()


def read(bucket: Bucket) -> tuple[Pointer, str] | None:
    """The pointer and its tag; None where nothing was ever stored. Raises StoreFault where it makes no sense."""
    found = bucket.read(KEY)
    if found is None:
        return None
    try:
        values = json.loads(found.data)
        if values["format"] > FORMAT:
            raise StoreFault(f"{bucket.address}/{KEY} was written by a newer basewatch; upgrade this one")
        return Pointer(**values), found.tag
    except (ValueError, TypeError, KeyError):
        raise StoreFault(f"{bucket.address}/{KEY} is damaged: it cannot be read") from None


class Claimed:
    """The pointer as the holder of the lease left it, which nobody else can have moved since."""

    def __init__(self, bucket: Bucket, lease: Lease) -> None:
        self.bucket, self.lease = bucket, lease
        while True:
            found = read(bucket)
            if found is None:
                bucket.require_conditions()
                mine = Pointer(0, lease.token, lease.holder)
                tag = bucket.create(KEY, mine.data)
            else:
                mine = replace(found[0], token=lease.token, holder=lease.holder)
                if found[0].token > lease.token:
                    raise self._overtaken(found[0])
                tag = bucket.replace(KEY, mine.data, found[1])
            if tag is not None:
                self.told, self.tag = mine, tag
                return

    def move(self, to: Pointer) -> None:
        """Write it anew, with this lease's token. Raises WarehouseBusy where the lease was taken over."""
        self.lease.require()
        mine = replace(to, token=self.lease.token, holder=self.lease.holder)
        tag = self.bucket.replace(KEY, mine.data, self.tag)
        if tag is not None:
            self.told, self.tag = mine, tag
            return
        found = read(self.bucket)
        if found is None or not self._is_behind(found[0], mine):
            raise self._overtaken(found[0] if found else None)
        self.lease.is_lost = True  # it was moved, and the answer was lost; another one goes on from there

    def _is_behind(self, pointer: Pointer, earlier: Pointer) -> bool:
        """Whether a pointer's state is that of an earlier one, or was made from it."""
        state, generation = pointer.state, pointer.generation
        while state is not None and generation >= earlier.generation:
            if state == earlier.state:
                return True
            found = self.bucket.read(state)
            values = json.loads(found.data) if found else {}
            state, generation = values.get("previous"), generation - 1
        return False

    def _overtaken(self, by: Pointer | None) -> WarehouseBusy:
        self.lease.is_lost = True
        who = f" by {by.holder}" if by else ""
        return WarehouseBusy(
            f"{self.bucket.address}: the lease of this run was taken over{who}; nothing of this run was published there"
        )
