"""One module a provider. Each has the same three functions and no base class:

    GRAIN     "day" (one window a day), "whole" (everything in the window at once) or "live" (polled, never fetched);
              where that depends on the settings, a function `grain(settings)` says which
    fetch(window, context)  -> Landed            network or disk; retries, limits and credentials live here
    decode(landed, context) -> Iterator[Event]   pure: the landed bytes to Arrow rows, rejects and ledger days

`fetch` raises SourceError when the window could not be had at all; a day that the provider does not have is not an
error but a note in `Landed.absent`. `decode` never raises for a bad file or record: it yields a Reject and goes on.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from basewatch.config import Settings, Source
    from basewatch.lake.events import Event
    from basewatch.reference.load import Reference


@dataclass(frozen=True)
class Window:
    """A span of UTC days, both ends included, of one source."""

    source: str
    since: date
    until: date

    @property
    def name(self) -> str:
        """How the window is called in progress lines and task names."""
        span = f"{self.since}" if self.since == self.until else f"{self.since}..{self.until}"
        return f"{self.source} {span}"

    def days(self) -> Iterator[date]:
        """The days, first to last."""
        for offset in range((self.until - self.since).days + 1):
            yield self.since + timedelta(days=offset)

    def holds(self, day: date) -> bool:
        """Whether the day lies in the window."""
        return self.since <= day <= self.until


@dataclass(frozen=True)
class LandedFile:
    """One file as it came, untouched; `path` may lie in the user's own folder, then it is read and never changed."""

    path: Path
    url: str
    sha256: str
    size: int
    retrieved_at: datetime
    day: date | None = None
    note: str = ""


@dataclass(frozen=True)
class Landed:
    """What fetch brought for a window. `absent`: days the provider has nothing for, with ledger status and reason."""

    window: Window
    files: tuple[LandedFile, ...] = ()
    absent: dict[date, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Context:
    """What a source may know: its settings, the reference tables, the thresholds, and where landing files go."""

    settings: Settings
    reference: Reference
    params: dict[str, Any]
    landing: Path
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def source(self, code: str) -> Source:
        """The settings of one source."""
        return self.settings.source(code)


class SourceModule(Protocol):
    """The shape of a source module."""

    GRAIN: str

    def fetch(self, window: Window, context: Context) -> Landed:
        """Bring the window's files."""

    def decode(self, landed: Landed, context: Context) -> Iterator[Event]:
        """Turn them into rows."""


def module(code: str) -> SourceModule:
    """The module of the source with this code."""
    return cast(SourceModule, importlib.import_module(f"basewatch.sources.{code}"))


def grain(code: str, settings: Settings) -> str:
    """How a source is read under these settings: `day`, `whole` or `live`."""
    found = module(code)
    told: Callable[[Settings], str] | None = getattr(found, "grain", None)
    return told(settings) if told else found.GRAIN
