"""Bytes of unknown making to text: marks, declarations, UTF-8, and last what the letters look like."""

from __future__ import annotations

import codecs
import re
import unicodedata

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BINARY = (
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a zip file or an Office document"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"{\\rtf", "an RTF document"),
    (b"\x1f\x8b", "gzip data"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
)
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_LEADS = bytes(range(0xC0, 0x100))  # the first bytes of letters in UTF-8
_SAMPLE = 1 << 16  # bytes that tell an encoding


def decode(data: bytes, *declared: str | None) -> str:
    """The text of a file, in NFC with LF line ends.

    A byte order mark decides, else what is UTF-8 by its bytes, else the first of the declared encodings that fits, else
    the one that the letters speak for. Raises ValueError for binary data, and where no encoding fits.
    """
    for signature, what in _BINARY:
        if data.startswith(signature):
            raise ValueError(f"{what}, not a text: save it as text")
    return unicodedata.normalize("NFC", _decoded(data, declared).replace("\r\n", "\n").replace("\r", "\n"))


def _decoded(data: bytes, declared: tuple[str | None, ...]) -> str:
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return data.decode(codec, "replace")
    wide = wide_codec(data)
    if wide is not None:
        return data.decode(wide)
    if len(_CONTROL.findall(data[:_SAMPLE])) > len(data[:_SAMPLE]) / 100 or b"\x00" in data:
        raise ValueError("binary data, not a text")
    strict = _strict(data, "utf-8")
    # Text of another encoding is UTF-8 by chance in a letter or two, never in many.
    if strict is not None and (not any(declared) or len(data) - len(data.translate(None, _LEADS)) >= 4):
        return strict
    for name in filter(None, declared):
        fitting = _strict(data, name)
        if fitting is not None:
            return fitting
    if strict is not None:
        return strict
    mended = data.decode("utf-8", "replace")
    lost = mended.count("\ufffd")
    if sum(character > "\x7f" for character in mended) > 5 * lost:  # UTF-8 with a byte damaged, or cut in a letter
        return mended
    likely = likely_codec(data)
    text = _strict(data, likely) if likely else None
    if text is None:
        raise ValueError("its encoding cannot be told: save it as UTF-8")
    return text


def _strict(data: bytes, codec: str) -> str | None:
    """The text where every byte fits; GB 18030 holds all that is called GB 2312."""
    try:
        return data.decode("gb18030" if codec.lower() in ("gb2312", "gbk") else codec)
    except (UnicodeDecodeError, LookupError):
        return None


def wide_codec(data: bytes) -> str | None:
    """UTF-16 without a mark: it has blanks or line ends, and no control characters; None for anything else."""
    if len(data) % 2 or b"\x00" not in data[:_SAMPLE]:
        return None
    sample = data[: _SAMPLE & ~1]
    # The upper bytes of a text are often zero, the lower ones hardly ever.
    for codec in sorted(
        ("utf-16-le", "utf-16-be"), key=lambda name: sample[name == "utf-16-le" :: 2].count(0), reverse=True
    ):
        text = _strict(data, codec)
        if text is not None and re.search(r"[ \n]", text) and not any(map(_is_no_letter, text)):
            return codec
    return None


def _is_no_letter(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cn", "Co") and character not in "\t\n\r\f"


def likely_codec(data: bytes) -> str | None:
    """The encoding that the frequencies of its bytes speak for; None where nothing does."""
    import chardet  # its models take a moment to load, and most texts are UTF-8

    return chardet.detect(data[:_SAMPLE])["encoding"]
