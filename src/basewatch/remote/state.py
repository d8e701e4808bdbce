"""What the storage holds, as one object that is never changed: the ledger's segments, the small files, the releases.

It is written before the pointer that names it. What a reader of releases needs is in the pointer alone.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field

from basewatch.errors import StoreFault
from basewatch.remote.bucket import Bucket

FORMAT = 1


@dataclass(frozen=True)
class State:
    """previous: the key of the state before. holder: which run wrote it.

    segments: names of the ledger's. files: by path below the warehouse, the SHA-256 of each small file that changes.
    releases: by name, the SHA-256 of each one's manifest. gone: when each thing that nothing names was first seen so.
    """

    generation: int = 0
    holder: str = ""
    previous: str | None = None
    release: str | None = None
    segments: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    releases: dict[str, str] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)
    format: int = FORMAT

    def says_the_same(self, other: State) -> bool:
        """Whether both hold the same, whoever wrote them."""
        return (self.release, self.segments, self.files, self.releases) == (
            other.release,
            other.segments,
            other.files,
            other.releases,
        )

    @property
    def data(self) -> bytes:
        """As it is written."""
        return json.dumps(asdict(self), indent=1, sort_keys=True).encode()

    @property
    def key(self) -> str:
        """Where it is written: by generation and content."""
        return f"states/{self.generation:08d}-{hashlib.sha256(self.data).hexdigest()[:20]}.json"


def blob(digest: str) -> str:
    """The key of a small file with this SHA-256."""
    return f"blobs/{digest}"


def read(bucket: Bucket, key: str | None) -> State:
    """The state that a pointer names; an empty one where it names none. Raises StoreFault where it is damaged."""
    if key is None:
        return State()
    found = bucket.read(key)
    if found is None:
        raise StoreFault(f"{bucket.address}/{key} is missing, and the pointer names it")
    try:
        values = json.loads(found.data)
        state = State(**values)
    except (ValueError, TypeError):
        raise StoreFault(f"{bucket.address}/{key} is damaged: it cannot be read") from None
    if state.key != key:
        raise StoreFault(f"{bucket.address}/{key} is damaged: its bytes are not those that its name tells")
    return state
