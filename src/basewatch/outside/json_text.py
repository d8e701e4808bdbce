"""JSON from outside: one reader, whose only way to fail is a ValueError with words."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

MOST_NESTED = 100  # lists and objects within each other, unless the settings say otherwise

_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_OTHER_BYTES = bytes(byte for byte in range(256) if byte not in b"[]{}")
_most_nested = MOST_NESTED


def limit(most_nested: int) -> None:
    """Set for this process how deep JSON may be nested (limits.nesting)."""
    global _most_nested
    _most_nested = most_nested


def check_nesting(data: bytes) -> None:
    """Raise ValueError where JSON is nested deeper than it may be.

    Brackets are taken away in pairs, one level at a time. Those within texts are told apart only where they matter,
    since that costs more than reading the whole.
    """
    if not _deeper(data):
        return
    deeper = _deeper(_TEXT.sub(b"", data))
    if b"[]" in deeper or b"{}" in deeper:  # others do not pair, and are for the reader to complain of
        raise ValueError(f"JSON that is nested more than {_most_nested} deep: {len(deeper):,} brackets lie deeper")


def _deeper(data: bytes) -> bytes:
    """The brackets that are left when all levels that may be are taken away."""
    brackets = data.translate(None, _OTHER_BYTES)
    for _ in range(_most_nested):
        if not brackets:
            break
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    return brackets


def read(data: bytes | str) -> Any:
    """The value of a JSON text (UTF-8, with or without a mark). Raises ValueError for whatever is wrong with it."""
    octets = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    octets = octets.removeprefix(b"\xef\xbb\xbf")
    check_nesting(octets)
    try:
        return msgspec.json.decode(octets)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None
    except RecursionError:
        raise ValueError("JSON that is nested too deep to be read") from None


def read_loosely(text: str, *, strict: bool = False) -> Any:
    """As `read`, by Python's own reader: it takes NaN, and control characters in texts where not `strict`.

    Raises json.JSONDecodeError, which says where, and ValueError.
    """
    check_nesting(text.encode("utf-8", "surrogatepass"))
    try:
        return json.loads(text, strict=strict)
    except RecursionError:
        raise ValueError("JSON that is nested too deep to be read") from None
