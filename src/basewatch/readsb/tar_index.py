"""Where the members of a tar lie: a walk over its headers alone, also over a tar in several parts.

The standard library's reader takes ten times as long a member and stops at the first fault; here a fault is a result
like any other and the walk goes on behind it. Nothing is unpacked, and a member's name is never used as a path.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

BLOCK = 512
LONGEST_NAME = 1 << 16  # bytes; GNU and pax keep long names in members of their own
MAGIC = slice(257, 262)
FILE = (b"0", b"\0", b"7")
NAME_RECORD = (b"L", b"K", b"x", b"g")


@dataclass(frozen=True)
class Member:
    """A regular file in the tar: its name as written there, where its bytes begin, and how many there are."""

    name: bytes
    offset: int
    size: int


@dataclass(frozen=True)
class Fault:
    """Something at an offset that is not as it should be; `ends` says whether the walk could not go on behind it."""

    offset: int
    reason: str
    name: bytes = b""
    ends: bool = False


@dataclass(frozen=True)
class Header:
    """What a header says: the name as written there, the bytes that follow, and their kind (tar's type flag)."""

    name: bytes
    size: int
    kind: bytes

    @property
    def is_file(self) -> bool:
        """Whether it is of a regular file."""
        return self.kind in FILE

    @property
    def is_of_name(self) -> bool:
        """Whether what follows is the long name, or are the attributes, of the member behind it."""
        return self.kind in NAME_RECORD


class Volume:
    """The bytes of one file or of several that follow each other, read by position."""

    def __init__(self, parts: Sequence[Path]) -> None:
        self._handles: list[int] = []
        try:
            for part in parts:
                self._handles.append(os.open(part, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0)))
        except OSError:
            self.close()
            raise
        self._starts = list(accumulate((os.fstat(handle).st_size for handle in self._handles), initial=0))
        self.size = self._starts.pop()

    def read(self, offset: int, length: int) -> bytes:
        """The bytes from an offset on; fewer than asked for where the volume ends before."""
        if offset >= self.size:
            return b""
        if len(self._handles) == 1:
            return os.pread(self._handles[0], length, offset)
        pieces, end = [], min(offset + length, self.size)
        while offset < end:
            part = bisect_right(self._starts, offset) - 1
            piece = os.pread(self._handles[part], end - offset, offset - self._starts[part])
            if not piece:
                break
            pieces.append(piece)
            offset += len(piece)
        return b"".join(pieces)  # which copies nothing where there is one

    def expect(self, offset: int, length: int) -> None:
        """Tell the system that a stretch will be read soon, so that a slow disk reads it in one go."""
        if len(self._handles) == 1 and hasattr(os, "posix_fadvise"):
            with suppress(OSError):
                os.posix_fadvise(self._handles[0], offset, length, os.POSIX_FADV_WILLNEED)

    def close(self) -> None:
        """Give the file handles back."""
        for handle in self._handles:
            os.close(handle)
        self._handles.clear()


def walk(volume: Volume) -> Iterator[Member | Fault]:
    """The regular members in order, and every fault met on the way.

    Raises nothing for a bad tar. After a damaged header the walk goes on at the next sound one. A tar that ends inside
    a member, or without its end mark, yields a Fault with `ends`.
    """
    offset, long_name, long_size = 0, None, None
    read, size = volume.read, volume.size
    while True:
        header = read(offset, BLOCK)
        if len(header) < BLOCK:
            yield Fault(offset, "the tar ends without its end mark: it was cut short", ends=True)
            return
        if not _sound(header):
            if not header.strip(b"\0"):
                return
            resumed = _next_header(volume, offset + BLOCK)
            yield Fault(offset, f"damaged header; {'resumed behind it' if resumed else 'nothing sound behind it'}")
            if resumed is None:
                yield Fault(offset, "the tar has no end mark: it was cut short or damaged", ends=True)
                return
            offset, long_name, long_size = resumed, None, None
            continue
        length = _number(header[124:136]) if long_size is None else long_size
        start, kind = offset + BLOCK, header[156:157]
        offset = start + (length + BLOCK - 1) // BLOCK * BLOCK
        if kind in NAME_RECORD:
            if length > LONGEST_NAME:
                yield Fault(start, f"name record of {length} bytes")
                continue
            if kind == b"L":
                long_name = read(start, length).rstrip(b"\0")
            elif kind == b"x":
                records = _pax(read(start, length))
                long_name = records.get(b"path", long_name)
                declared = records.get(b"size", b"")
                long_size = int(declared) if declared.isdigit() else None
            continue
        name = _name(header) if long_name is None else long_name
        long_name, long_size = None, None
        if b".." in name.split(b"/") or name.startswith(b"/"):
            yield Fault(start, "name leads out of the archive", name)
        elif kind not in FILE:
            if kind != b"5":
                yield Fault(start, f"not a regular file (type {kind!r})", name)
        elif start + length > size:
            yield Fault(start, "the tar ends inside this member: it was cut short", name, ends=True)
            return
        else:
            yield Member(name, start, length)


def header_of(block: bytes) -> Header | None:
    """The header that a block is; None for a block of anything else, by its magic and its checksum.

    Stricter than the walk, which comes from a member before: a block of data may bear the magic too.
    """
    if len(block) != BLOCK or block[MAGIC] != b"ustar" or not _has_right_sum(block):
        return None
    return Header(_name(block), _number(block[124:136]), block[156:157])


def name_given(record: Header, data: bytes) -> bytes | None:
    """The name that the data of a name record gives to the member behind it, where they give one."""
    if record.kind == b"L":
        return data.rstrip(b"\0")
    return _pax(data).get(b"path") if record.kind == b"x" else None


def _sound(header: bytes) -> bool:
    # Tars from before 1988 have no magic, only the checksum.
    return header[MAGIC] == b"ustar" or _has_right_sum(header)


def _has_right_sum(header: bytes) -> bool:
    """Whether a header states the sum of its bytes, with the sum's own field as blanks."""
    field = header[148:156].strip(b" \0")
    return bool(field) and field.isdigit() and _octal(field) == sum(header) - sum(header[148:156]) + 8 * 32


def _next_header(volume: Volume, offset: int) -> int | None:
    chunk = BLOCK * 2048
    while data := volume.read(offset, chunk):
        for start in range(0, len(data) - BLOCK + 1, BLOCK):
            if data[start + 257 : start + 262] == b"ustar":
                return offset + start
        offset += chunk
    return None


def _name(header: bytes) -> bytes:
    name = header[:100].split(b"\0", 1)[0]
    if header[345] and header[257:263] == b"ustar\0":
        return header[345:500].split(b"\0", 1)[0] + b"/" + name
    return name


def _octal(field: bytes) -> int:
    try:
        return int(field, 8)
    except ValueError:
        return -1


def _number(field: bytes) -> int:
    """A header number: octal text, or base 256 where the first bit is set (members of 8 GiB and more)."""
    if field[0] & 0x80:
        return int.from_bytes(field[1:], "big")
    return max(_octal(field.strip(b" \0") or b"0"), 0)


def _pax(data: bytes) -> dict[bytes, bytes]:
    records = {}
    while data:
        length, _, _ = data.partition(b" ")
        if not length.isdigit() or not 0 < int(length) <= len(data):
            break
        key, _, value = data[len(length) + 1 : int(length) - 1].partition(b"=")
        records[key] = value
        data = data[int(length) :]
    return records
