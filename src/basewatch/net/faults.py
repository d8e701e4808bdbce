"""What can go wrong with a request, and when the provider wants to be asked again."""

from __future__ import annotations

import email.utils
import re
from collections.abc import Mapping

from basewatch.errors import SourceError
from basewatch.net.secrets import redact


class HttpFault(SourceError):
    """A request that came to nothing. `kind`: absent (404, 410), denied (other 4xx), unauthorised, limited, server,
    network, content, circuit, disk. `wait`: seconds the provider asks for, where it does."""

    def __init__(
        self, message: str, *, kind: str, status: int | None = None, wait: float | None = None, retryable: bool = False
    ) -> None:
        super().__init__(redact(message), retryable=retryable)
        self.kind = kind
        self.status = status
        self.wait = wait


class Again(HttpFault):
    """A fault after which the same request may succeed."""


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds until the provider wants to be asked again; None where it does not say. `now` is epoch seconds.

    Read from Retry-After (seconds or a date), X-Rate-Limit-Retry-After-Seconds (OpenSky), and X-RateLimit-Reset with
    nothing remaining (GitHub).
    """
    for name in ("Retry-After", "X-Rate-Limit-Retry-After-Seconds"):
        value = (headers.get(name) or "").strip()
        if re.fullmatch(r"\d+(\.\d+)?", value):
            return float(value)
        if value:
            try:
                return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - now)
            except (ValueError, TypeError, OverflowError):
                continue
    reset = (headers.get("X-RateLimit-Reset") or "").strip()
    if headers.get("X-RateLimit-Remaining") == "0" and reset.isdigit():
        return max(0.0, float(reset) - now)
    return None
