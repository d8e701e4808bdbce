"""Objects below a prefix of an S3-compatible store: read, written on a condition, listed, deleted.

Nothing that the store answers to a write is believed but success. After anything else (a refusal, a 503, an answer that
never came) the object is read back: it may be ours all the same. So what is written on a condition must differ from all
that was ever written there.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from basewatch import outside
from basewatch.durable import aside_of, sha256
from basewatch.errors import BasewatchError, ConfigError, StoreFault

if TYPE_CHECKING:
    from obstore.store import S3Store

TRIES = 4  # of a write on a condition that neither took effect nor was forestalled
RETRIES = 5  # of one request, by the client itself
ANSWER_SECONDS = 60  # allowed for one request
LARGE = 16 << 20  # bytes: a larger file goes up in parts of half the size
INSTALL = "pip install 'basewatch[s3]'"

Given = TypeVar("Given")


@dataclass(frozen=True)
class Object:
    """What was read: the bytes, the tag that a condition names, and when it was written by the store's clock (UTC)."""

    data: bytes
    tag: str
    modified: datetime


@dataclass(frozen=True)
class Listed:
    """An object as a list shows it: its size in bytes, and when it was written by the store's clock (UTC)."""

    size: int
    modified: datetime


class Bucket:
    """The objects below `s3://bucket/prefix`; their keys are relative to it. Credentials come from the environment."""

    def __init__(self, address: str, endpoint: str | None, region: str) -> None:
        self.address = address.rstrip("/")
        self._store = _opened(self.address, endpoint, region)

    def read(self, key: str) -> Object | None:
        """An object, None where there is none."""
        import obstore

        def get() -> Object | None:
            try:
                found = obstore.get(self._store, key)
            except FileNotFoundError as error:
                if "NoSuchBucket" in str(error):
                    raise ConfigError(
                        f"{self.address}: there is no such bucket; make it, or correct the name"
                    ) from None
                return None
            return Object(bytes(found.bytes()), str(found.meta["e_tag"]), found.meta["last_modified"])

        return self._asked(f"reading {key}", get)

    def create(self, key: str, data: bytes) -> str | None:
        """Write an object where there is none; its tag, None where another one is there."""
        return self._write(key, data, None)

    def replace(self, key: str, data: bytes, tag: str) -> str | None:
        """Write an object in place of the one with this tag; its new tag, None where another one is there by now."""
        return self._write(key, data, tag)

    def _write(self, key: str, data: bytes, tag: str | None) -> str | None:
        import obstore

        fault: Exception | None = None
        for _ in range(TRIES):
            try:
                mode: Any = "create" if tag is None else {"e_tag": tag}
                return str(obstore.put(self._store, key, data, mode=mode, use_multipart=False)["e_tag"])
            except Exception as error:
                fault = error
            found = self.read(key)
            if found is not None and found.data == data:
                return found.tag  # it was written, and the answer was lost
            if (found.tag if found else None) != tag:
                return None
        assert fault is not None
        raise self._error(f"writing {key}", fault)

    def upload(self, key: str, file: Path) -> None:
        """Write a file under a key that stands for its content, so that to write it twice does no harm."""
        import obstore

        parts: dict[str, Any] = {"use_multipart": file.stat().st_size > LARGE, "chunk_size": LARGE // 2}
        self._asked(f"writing {key}", lambda: obstore.put(self._store, key, file, **parts))

    def download(self, key: str, file: Path, digest: str) -> None:
        """Write an object to a file, whole or not at all. Raises StoreFault where its SHA-256 begins otherwise."""
        import obstore

        def get() -> None:
            with aside_of(file) as aside:
                with aside.open("wb") as out:
                    for piece in obstore.get(self._store, key):
                        out.write(piece)
                if not sha256(aside).startswith(digest):
                    raise StoreFault(f"{self.address}/{key} is damaged: its bytes are not those that its hash tells")

        try:
            self._asked(f"reading {key}", get)
        except FileNotFoundError:
            raise StoreFault(f"{self.address}/{key} is missing, and the pointer's state names it") from None

    def listing(self, prefix: str = "") -> dict[str, Listed]:
        """Every object below a prefix."""
        import obstore

        def listed() -> dict[str, Listed]:
            return {
                str(entry["path"]): Listed(entry["size"], entry["last_modified"])
                for page in obstore.list(self._store, prefix or None)
                for entry in page
            }

        return self._asked(f"listing {prefix or 'all'}", listed)

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; those that are gone already are no fault."""
        import obstore

        for key in keys:
            try:
                self._asked(f"deleting {key}", lambda key=key: obstore.delete(self._store, key))  # type: ignore[misc]
            except FileNotFoundError:
                continue

    def now(self) -> datetime:
        """This moment by the store's own clock, to the second: what was written when is told by no other (UTC)."""
        key = f"clock/{uuid.uuid4().hex}"
        self.create(key, key.encode())
        found = self.read(key)
        self.delete([key])
        if found is None:
            raise StoreFault(f"{self.address}: {key} was written and cannot be read")
        return found.modified

    def require_conditions(self) -> None:
        """Raise ConfigError where the store does not heed conditions: then nothing would keep two writers apart."""
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        key = f"clock/{uuid.uuid4().hex}"
        tag = self.create(key, b"first")
        heeds = tag is not None
        modes: list[Any] = ["create", {"e_tag": '"00000000000000000000000000000000"'}]
        for mode in modes:
            with contextlib.suppress(PreconditionError, AlreadyExistsError):
                obstore.put(self._store, key, b"second", mode=mode, use_multipart=False)
                heeds = False
        self.delete([key])
        if not heeds:
            raise ConfigError(
                f"{self.address}: this storage does not heed the conditions If-None-Match and If-Match, without which "
                "two runs could overwrite each other; use one that does (S3 itself, MinIO, Ceph, R2 and others do)"
            )

    def _asked(self, what: str, ask: Callable[[], Given]) -> Given:
        try:
            return ask()
        except (BasewatchError, FileNotFoundError):
            raise
        except Exception as error:
            raise self._error(what, error) from None

    def _error(self, what: str, error: Exception) -> BasewatchError:
        from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

        said = outside.line(str(error).splitlines()[0] if str(error) else type(error).__name__, 300)
        if isinstance(error, PermissionDeniedError | UnauthenticatedError):
            return ConfigError(
                f"{self.address}: {what} is not allowed ({said}); set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in "
                "the environment to a user who may read, write, list and delete there"
            )
        return StoreFault(
            f"{self.address}: {what} failed ({said}); what is published stands, and the next run carries on"
        )


@cache  # a client reads the system's certificates
def _opened(address: str, endpoint: str | None, region: str) -> S3Store:
    try:
        from obstore.store import S3Store
    except ImportError:
        raise ConfigError(f"warehouse.storage needs the package obstore: {INSTALL}") from None
    parts = urlsplit(address)
    seconds = timedelta(seconds=ANSWER_SECONDS)
    options: dict[str, Any] = {
        "region": region,
        "client_options": {"timeout": seconds, "connect_timeout": timedelta(seconds=10)},
        "retry_config": {"max_retries": RETRIES, "retry_timeout": 2 * seconds},
    }
    if endpoint:
        options["endpoint"] = endpoint
        options["client_options"]["allow_http"] = endpoint.startswith("http://")
    return S3Store(parts.netloc, prefix=parts.path.strip("/") or None, **options)
