"""A day's tar that is packed, unpacked aside: traces are read by their place in a tar, which packing hides.

What packs it is told by its first bytes, since copies are renamed and servers unpack on the way. A file that is cut
short gives what comes before the cut.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa

from basewatch.errors import SourceError

ROOM_BYTES = 1_000_000_000  # left free on the disk
CHUNK = 1 << 20
UNPACKED_CHUNK = 1 << 16  # what is lost before a cut: a read that meets it gives nothing


def _zstd(packed: IO[bytes]) -> IO[bytes]:
    return cast("IO[bytes]", pa.CompressedInputStream(pa.PythonFile(packed, mode="r"), "zstd"))


_OPENERS: tuple[tuple[bytes, Callable[[Any], Any]], ...] = (
    (b"\x1f\x8b", lambda packed: gzip.GzipFile(fileobj=packed)),
    (b"\xfd7zXZ\x00", lzma.LZMAFile),
    (b"BZh", bz2.BZ2File),
    (b"\x28\xb5\x2f\xfd", _zstd),
)


class _Joined(io.RawIOBase):
    """The bytes of several files, one after the other."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.left = list(paths)
        self.handle: IO[bytes] | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while self.handle is not None or self.left:
            if self.handle is None:
                self.handle = self.left.pop(0).open("rb")
            data = self.handle.read(len(buffer))
            if data:
                buffer[: len(data)] = data
                return len(data)
            self.handle.close()
            self.handle = None
        return 0

    def close(self) -> None:
        if self.handle is not None:
            self.handle.close()
        super().close()


def is_packed(path: Path) -> bool:
    """Whether a file's first bytes say that it is packed."""
    with path.open("rb") as handle:
        head = handle.read(6)
    return any(head.startswith(magic) for magic, _ in _OPENERS)


def plain(paths: Sequence[Path], work: Path, budget_gb: float) -> tuple[list[Path], str | None]:
    """The paths of a plain tar, its parts or a folder, and why it is not whole, where packing tells.

    A packed one is unpacked into the folder `work`, to no more than the budget. Raises SourceError where the disk has
    no room for it.
    """
    if paths[0].is_dir():
        return list(paths), None
    with paths[0].open("rb") as handle:
        head = handle.read(6)
    opener = next((opener for magic, opener in _OPENERS if head.startswith(magic)), None)
    if opener is None:
        return list(paths), None
    target = work / "day.tar"
    most = min(int(budget_gb * 1e9), max(shutil.disk_usage(work).free - ROOM_BYTES, 0))
    written = 0
    with target.open("wb") as out, io.BufferedReader(_Joined(paths), CHUNK) as packed:
        try:
            for chunk in _unpacked(opener, packed):
                written += len(chunk)
                if written > most:
                    raise SourceError(
                        f"readsb_archive: {paths[0].name} unpacks to more than {most / 1e9:,.2f} GB, which is what "
                        "sources.readsb_archive.disk_budget_gb and the free space on the warehouse's disk allow"
                    )
                out.write(chunk)
        except _Damaged as damaged:
            return [target], f"it is damaged or cut short after {written:,} unpacked bytes: {damaged}"
    return [target], None


class _Damaged(Exception):
    """The packed bytes end too soon, or are not what packing gives."""


def _unpacked(opener: Callable[[Any], Any], packed: IO[bytes]) -> Iterator[bytes]:
    try:
        with opener(packed) as stream:
            while chunk := stream.read(UNPACKED_CHUNK):
                yield chunk
    except (EOFError, zlib.error, lzma.LZMAError, pa.ArrowException, ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # the disk's fault, and not that of the bytes
            raise
        raise _Damaged(str(error)) from None
