"""Outside text made safe to show: control characters visible, links limited to the web, numbers in one form.

Everything that reaches the page passes through `shown` (templates, by Jinja's `finalize`) or `escaped` (charts).
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

from markupsafe import Markup, escape

from basewatch import outside

_COMMAND = re.compile(r"`(basewatch [a-z][\w :-]*)`")
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")


def visible(text: str) -> str:
    """`text` as it may stand in a page: our own secrets masked, invisible characters written out, blanks as one."""
    return outside.cell(text)


def shortened(text: Any, length: int = 160) -> str:
    """`text`, cut after `length` characters with an ellipsis."""
    value = "" if text is None else str(text)
    return value if len(value) <= length else value[: length - 1].rstrip() + "…"


def shown(value: Any) -> Any:
    """What a template prints for a value: ISO dates, times to the minute, nothing as a dash, text made visible."""
    if isinstance(value, str):
        return value if isinstance(value, Markup) else visible(value)
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    if isinstance(value, list | tuple):
        return ", ".join(str(shown(item)) for item in value) if value else "–"
    return value


def escaped(value: Any) -> str:
    """`shown`, escaped for HTML and SVG, text and attribute values alike."""
    return str(escape(shown(value)))


def dated(value: Any) -> Markup:
    """Running text, escaped, in which a date is not broken over two lines, and a command of ours looks like one."""
    text = _DATE.sub(r'<span class="d">\g<0></span>', escaped(value))
    return Markup(_COMMAND.sub(r"<code>\1</code>", text))  # noqa: S704  escaped before


def probability(value: float | None) -> str:
    """A probability to two significant digits; none at all as a dash."""
    if value is None:
        return "–"
    return "< 0.0001" if value < 0.0001 else f"{value:.2g}"


def percent(value: float | None) -> str:
    """A share (0–1) in whole per cent."""
    return "–" if value is None else f"{value * 100:.0f} %"


def web_address(value: Any) -> str | None:
    """`value` where it is a plain http or https address, else None: scripts, files and odd characters are no links."""
    if not isinstance(value, str) or visible(value) != value or any(mark in value for mark in " \"'<>\\`"):
        return None
    try:
        parts = urlsplit(value)
    except ValueError:
        return None
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        return None
    return value


def link(address: Any, label: Any = None, length: int = 120) -> Markup:
    """A link to a web address, else its text in code style; the label defaults to the address itself."""
    target = web_address(address)
    named = label not in (None, "")
    wording = visible(shortened(label if named else address, length))
    if target is not None:
        return Markup('<a href="{}" rel="noopener noreferrer"><bdi>{}</bdi></a>').format(target, wording)
    if named:
        return Markup("<bdi>{}</bdi>").format(wording)
    return Markup("<code>{}</code>").format(wording) if wording else Markup("–")


def sql_literal(value: str) -> str:
    """`value` as a SQL string literal, for the queries that the page offers to its reader."""
    return "'" + value.replace("'", "''") + "'"
