"""No secret is shown: not in a message, not in an address that is stored, not in a log line."""

from __future__ import annotations

import logging
import re
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from basewatch.outside import HIDDEN, SECRET_WORDS, hide
from basewatch.outside import masked as redact

__all__ = ["clean_url", "hide", "redact", "without_query"]


def clean_url(url: str) -> str:
    """The address as it may be shown and stored: no user, no password, no value of a parameter that smells of one."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    query = parts.query
    if query:
        pairs = parse_qsl(query, keep_blank_values=True)
        if any(SECRET_WORDS.search(key) for key, _ in pairs):
            query = urlencode([(key, HIDDEN if SECRET_WORDS.search(key) else value) for key, value in pairs], safe="*")
    return redact(urlunsplit((parts.scheme, host, parts.path, query, "")))


class _Shown(logging.Filter):
    """Keeps secrets out of the library's own debug lines, which name every address with its query."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_shown(value) for value in record.args)
        return True


def _shown(value: object) -> object:
    if not isinstance(value, str):
        return value
    return clean_url(value) if "?" in value else redact(value)


for _name in ("urllib3.connectionpool", "urllib3.util.retry"):
    logging.getLogger(_name).addFilter(_Shown())


def without_query(text: str) -> str:
    """An error text with the queries of addresses in it removed: signed addresses carry their key there."""
    return re.sub(r"\?[^\s'\")]*", "", text)
