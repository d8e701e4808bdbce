"""What providers allow, as the shipped table sql/reference/provider_limits.csv states it."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from basewatch.net.limits import Limit, Policy

if TYPE_CHECKING:
    from basewatch.config import OverHttp

_SPANS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0}


@cache
def _table() -> dict[tuple[str, str, str], float]:
    text = files("basewatch.sql.reference").joinpath("provider_limits.csv").read_text(encoding="utf-8")
    return {
        (row["provider"], row["plan"], row["what"]): float(row["value"]) for row in csv.DictReader(text.splitlines())
    }


def stated(provider: str, what: str, plan: str = "any") -> float | None:
    """The stated limit, of the plan or of any plan, in the unit that the table gives; None where none is stated."""
    table = _table()
    return table.get((provider, plan, what), table.get((provider, "any", what)))


def due(provider: str, what: str, plan: str = "any") -> float:
    """As `stated`, for a limit that the table must have. Raises KeyError."""
    limit = stated(provider, what, plan)
    if limit is None:
        raise KeyError(f"provider_limits.csv has no {what} for {provider}, plan {plan}")
    return limit


def rates(provider: str, plan: str = "any") -> tuple[Limit, ...]:
    """The provider's limits on requests per second, minute, hour and day, as far as they are stated."""
    limits = []
    for name, seconds in _SPANS.items():
        number = stated(provider, f"requests_per_{name}", plan)
        if number is not None:
            limits.append(Limit(int(number), seconds))
    return tuple(limits)


def policy(settings: OverHttp) -> Policy:
    """How patient the source's client is, by its settings."""
    return Policy(
        connect_seconds=settings.connect_seconds,
        read_seconds=settings.read_seconds,
        attempts=settings.attempts,
        longest_wait_seconds=settings.longest_wait_seconds,
        breaker_after=settings.breaker_after,
        breaker_seconds=settings.breaker_seconds,
        max_bytes=settings.max_body_mb << 20,
        answer_seconds=settings.answer_seconds,
        file_seconds=settings.file_seconds,
        allow_local=settings.allow_local,
    )
