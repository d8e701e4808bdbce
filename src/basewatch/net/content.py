"""What a body holds: gzip layers taken off, a wrong body named by what it is."""

from __future__ import annotations

import re
import zlib

from basewatch.net.secrets import redact
from basewatch.outside import json_text

GZIP = b"\x1f\x8b"
ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # the second is of a zip without a member
NESTED_GZIP = 3  # a gzip file under Content-Encoding: gzip is two; more is an attack
LONGEST_QUOTE = 160


def plain(body: bytes, max_bytes: int = 1 << 30) -> bytes:
    """The bytes with every gzip layer taken off, found by the magic number and not by name or header.

    Raises ValueError for damaged gzip and for what would inflate beyond `max_bytes`.
    """
    for _ in range(NESTED_GZIP):
        if not body.startswith(GZIP):
            return body
        body = _inflate(body, max_bytes)
    if body.startswith(GZIP):
        raise ValueError(f"gzip inside gzip more than {NESTED_GZIP} times")
    return body


def _inflate(body: bytes, max_bytes: int) -> bytes:
    out = bytearray()
    while body:
        stream = zlib.decompressobj(31)
        try:
            out += stream.decompress(body, max(1, max_bytes - len(out) + 1))
        except zlib.error as error:
            raise ValueError(f"damaged gzip: {error}") from None
        if len(out) > max_bytes:
            raise ValueError(f"inflates to more than {max_bytes:,} bytes")
        if not stream.eof:
            raise ValueError("gzip ends early")
        body = stream.unused_data if stream.unused_data.startswith(GZIP) else b""
    return bytes(out)


def describe(body: bytes) -> str:
    """What a body is that should have been something else: an HTML page by its title, a JSON message, text, nothing."""
    head = body[:65536].decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if not head:
        return "an empty body"
    if head.startswith("<"):
        title = re.search(r"<title[^>]*>([^<]*)", head, re.IGNORECASE)
        named = f" titled {quoted(title[1])}" if title and title[1].strip() else ""
        if re.search(r"<(!doctype\s+)?html", head, re.IGNORECASE):
            return f"an HTML page{named}"
        message = re.search(r"<Message>([^<]+)", head)  # as S3 and its kin report errors
        return f"XML with the message {quoted(message[1])}" if message else "XML or markup"
    if head.startswith("{"):
        try:
            content = json_text.read(body)
        except ValueError:
            return f"broken JSON {quoted(head)}"
        for key in ("details", "error_description", "detail", "message", "error", "msg"):
            if isinstance(content, dict) and content.get(key):
                return f"the message {quoted(str(content[key]))}"
    if "\x00" in head or head.count("\ufffd") > 8:
        return "binary data"
    return f"the text {quoted(head)}"


def quoted(text: str) -> str:
    short = redact(" ".join(text.split()))
    return repr(short if len(short) <= LONGEST_QUOTE else f"{short[:LONGEST_QUOTE]}…")


def content_fault(body: bytes, expect: str) -> str | None:
    """Why the body is not what was asked for; None when it may be."""
    head = body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    if expect == "json":
        return None if head[:1] in (b"{", b"[") else f"{describe(body)} where JSON is due"
    if expect == "gzip":
        return None if body.startswith(GZIP) else f"{describe(body)} where gzip is due"
    if expect == "zip":
        return None if body.startswith(ZIP) else f"{describe(body)} where a zip is due"
    if expect == "trace":  # readsb's files are gzip under a .json name, unless a server has unpacked them
        return None if body.startswith(GZIP) or head[:1] == b"{" else f"{describe(body)} where a trace is due"
    if expect == "tar":
        return None if body[257:262] == b"ustar" or _is_old_tar(body) else f"{describe(body)} where a tar is due"
    if expect == "bytes" and re.match(rb"<(!doctype\s+)?html", head, re.IGNORECASE):
        return f"{describe(body)} where a file is due"
    return None


def _is_old_tar(body: bytes) -> bool:
    """A tar header without the ustar mark has a right checksum all the same."""
    if len(body) < 512:
        return False
    try:
        stated = int(body[148:156].split(b"\x00")[0].strip() or b"x", 8)
    except ValueError:
        return False
    return stated == sum(body[:148]) + 8 * 32 + sum(body[156:512])
