"""Text from outside, made safe to keep and to show, in one place: keys masked, control characters seen, length cut.

Whatever a provider, a file, a library or the system says passes through here on its way into a log, the ledger, an
error, a table or a page. Nothing else masks keys or cleans text.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any
from urllib.parse import quote

HIDDEN = "***"
LONGEST = 2000  # characters of a message that are kept
SECRET_WORDS = re.compile(
    r"(key|token|secret|passw|auth|signature|credential|client_id|session|^sig$|^se$|^sp$|^sv$|^jwt$)", re.IGNORECASE
)
_SHORTEST_SECRET = 4  # characters: what is shorter would be masked in the midst of ordinary words
_SECRETS: set[str] = set()

_PARAMETER = re.compile(r"(?P<start>[?&;])(?P<name>[^=&?#\s'\"<>]{1,80})=(?P<value>[^&#\s'\"<>)]+)")
_HEADER = re.compile(r"(?i)(?P<start>\bauthorization[\"']?\s*[:=]\s*[\"']?)(?:(?:bearer|basic|token)\s+)?[^\s\"',;]+")
_BEARER = re.compile(r"(?i)(?P<start>\bbearer\s+)[A-Za-z0-9._~+/-]{16,}=*")
_USER = re.compile(r"(?P<start>://)[^/\s@'\"<>]+:[^/\s@'\"<>]*@")

# Joiners and Arabic number marks are ordinary spelling in Persian, Arabic and Syriac titles; the rest of the invisible
# characters (direction overrides, zero-width marks, tags) can make a text read as something that it is not.
_SPELLING = {"\u200c", "\u200d", *map(chr, range(0x0600, 0x0606)), "\u06dd", "\u070f", "\u08e2"}
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
_BLANKS = "\t\r\n\f\v"


def hide(*secrets: str | None) -> None:
    """Have these values replaced by *** wherever text passes through here, for as long as the process lives."""
    for secret in secrets:
        if secret and len(secret) >= _SHORTEST_SECRET:
            _SECRETS.update({secret, quote(secret, safe=""), quote(secret)})


def without_secrets(text: str) -> str:
    """The text without any secret that was named to `hide`."""
    for secret in sorted(_SECRETS, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def masked(text: str) -> str:
    """The text without secrets: those named to `hide`, and what stands where one usually does.

    That is the value of a parameter of an address whose name smells of a key, a header of authorisation, and user and
    password before a host.
    """
    text = without_secrets(text)
    text = _PARAMETER.sub(_parameter, text)
    text = _HEADER.sub(rf"\g<start>{HIDDEN}", text)
    text = _BEARER.sub(rf"\g<start>{HIDDEN}", text)
    return _USER.sub(rf"\g<start>{HIDDEN}@", text)


def _parameter(match: re.Match[str]) -> str:
    is_secret = SECRET_WORDS.search(match["name"]) is not None
    return f"{match['start']}{match['name']}={HIDDEN if is_secret else match['value']}"


def visible(text: str, *, keeping: str = "") -> str:
    """The text with every invisible or direction-changing character written out, such as ⟨U+202E⟩; blanks become one.

    keeping: characters that stay, such as the ends of lines.
    """
    if text.isprintable():
        return text
    return "".join(_seen(character, keeping) for character in text)


def _seen(character: str, keeping: str) -> str:
    if character in keeping or character in _SPELLING:
        return character
    if character in _BLANKS:
        return " "
    return f"⟨U+{ord(character):04X}⟩" if unicodedata.category(character) in _INVISIBLE else character


def shortened(text: str, longest: int) -> str:
    """The text, cut after `longest` characters with an ellipsis."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def message(text: object, longest: int = LONGEST) -> str:
    """What somebody else says, for a log, the ledger or an error: keys masked, cleaned, cut; its lines stay lines."""
    return shortened(visible(masked(_text(text)), keeping="\n"), longest)


def line(text: object, longest: int = LONGEST) -> str:
    """As `message`, on one line."""
    return shortened(visible(masked(" ".join(_text(text).split()))), longest)


def cell(text: str) -> str:
    """A text of data for a table, CSV, JSON or a page: cleaned and without our own secrets, whole and otherwise as is.

    An address in it may have any parameter: it is somebody's article, and not a request of ours.
    """
    return visible(without_secrets(text))


def _text(value: Any) -> str:
    try:
        return str(value)
    except Exception:  # whoever made the object decides what its `str` does
        return f"a {type(value).__name__}"
