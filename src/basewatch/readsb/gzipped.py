"""gzip'd bytes to bytes, fast where they are as usual, and whole where they are not."""

from __future__ import annotations

import zlib
from typing import cast

import deflate

MAGIC = b"\x1f\x8b"
PLAIN = MAGIC + b"\x08\0"  # packed by deflate; neither a name nor a comment follows
HEADER, TRAILER = 10, 8  # bytes of the first, and of the sum and the length at the end
PIECE = 16 << 20  # bytes unpacked at a time, so that a bomb takes up little more than is allowed


class BadGzip(Exception):
    """Packed bytes that cannot be unpacked; the text says why."""


def unpack(data: bytes, most: int) -> bytes:
    """The bytes that a gzip file holds, in one member or several, with or without zeros behind them.

    The fast decoder takes one member with a header that states nothing, as readsb writes it. Anything else, and bytes
    behind the data, show in that header, or as a length or a sum other than the ones that the last eight bytes state;
    then the standard library does the work. Raises BadGzip for damaged data, and for more than `most` bytes.
    """
    stated = int.from_bytes(data[-4:], "little")
    if data.startswith(PLAIN) and 0 < stated <= most:
        try:
            # a bytearray, which does all that is asked of it
            unpacked = cast(bytes, deflate.deflate_decompress(memoryview(data)[HEADER:-TRAILER], stated))
        except (deflate.DeflateError, ValueError, MemoryError):
            unpacked = b""
        if len(unpacked) == stated and deflate.crc32(unpacked) == int.from_bytes(data[-8:-4], "little"):
            return unpacked
    return _unpack_slowly(data, most)


def _unpack_slowly(data: bytes, most: int) -> bytes:
    pieces, room = [], most
    while data:
        decoder = zlib.decompressobj(wbits=31)
        while not decoder.eof:
            try:
                piece = decoder.decompress(data, min(PIECE, room + 1))
            except zlib.error as error:
                raise BadGzip(f"damaged gzip: {error}") from None
            if not piece and not decoder.eof:
                raise BadGzip("damaged gzip: it ends too soon")
            room -= len(piece)
            if room < 0:
                raise BadGzip(f"unpacks to more than {most >> 20} MiB")
            pieces.append(piece)
            data = decoder.unconsumed_tail
        data = decoder.unused_data.lstrip(b"\0")
    return b"".join(pieces)
