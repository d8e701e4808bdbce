"""What a source is: a module of functions, no class. The runner knows this contract and names no source.

    grain(settings)         -> "day" (one window a day), "whole" (all at once) or "live" (polled, never fetched)
    fetch(window, context)  -> Landed            network or disk; retries, limits and credentials live here
    decode(landed, context) -> Iterator[Event]   pure: the landed bytes to Arrow rows, rejects and ledger days

A module may also offer

    check(context)          -> list[Finding]     for `basewatch doctor`, which else looks whether the location exists
    expire(context)         -> Expiry | None     what its terms no longer allow to keep
    restated(done, context) -> list[date]        of the days that are done, those to be read again
    outdated(rows, context) -> list[date]        of ledger rows, the days read otherwise than they would be now
    absent(days, context)   -> set[date]         of the days to be looked at, those that it does not have, told at once
    pace(context)           -> str               how often it polls (grain "live"); raises ConfigError, asks nothing
    watch(context, write, stop) -> int           polls until `stop` is set
    taken_for(file, context) -> Taken            what it would take a file for, for `basewatch try` and `doctor`

`fetch` raises SourceError when the window could not be had at all; a day that the provider does not have is not an
error but a note in `Landed.absent`. `decode` never raises for a bad file or record: it yields a Reject and goes on.
Whatever else a source raises fails its window alone (basewatch.errors.containment), with its traceback in the run's
log. So a loop over files or records catches Exception, and tells the reject with `containment.reason`.
The smallest example is press_flights.py.
"""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, cast

from basewatch.config import Source, Sources
from basewatch.errors import SourceError
from basewatch.lake.events import Event

if TYPE_CHECKING:
    from basewatch.config import Settings
    from basewatch.lake.ledger import LedgerRow
    from basewatch.lake.readings import Readings
    from basewatch.reference.load import Params, Reference
    from basewatch.reference.thresholds import Thresholds

Grain = Literal["day", "whole", "live"]
Section = TypeVar("Section", bound=Source)
Other = TypeVar("Other", bound=Source)


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
    """One file as it came, untouched; `path` may lie in the user's own folder, then it is read and never changed.

    within: of a folder, the SHA-256 (hex) of each file in it, by its path there.
    """

    path: Path
    url: str
    sha256: str
    size: int
    retrieved_at: datetime
    day: date | None = None
    note: str = ""
    within: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        """A name whose bytes are no UTF-8 is told with marks in their place: it is stored and shown as text."""
        if not self.url.isascii():
            object.__setattr__(self, "url", os.fsencode(self.url).decode("utf-8", "replace"))


@dataclass(frozen=True)
class Landed:
    """What fetch brought for a window. `absent`: days the provider has nothing for, with ledger status and reason."""

    window: Window
    files: tuple[LandedFile, ...] = ()
    absent: dict[date, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """What was looked at, whether it is as it should be, and what to do if it is not."""

    ok: bool
    what: str
    advice: str = ""


@dataclass(frozen=True)
class Expiry:
    """What a source's terms no longer allow to keep: all that was fetched before this moment (UTC), and why."""

    before: datetime
    why: str


@dataclass(frozen=True)
class Context(Generic[Section]):
    """What a source may know: its own settings, the reference tables, the thresholds, and where landing files go.

    source: its code. landing: its own folder there. folder: where relative paths of the settings start. readings: what
    the lake holds of the user's own files, None where nothing is to be written.
    """

    source: str
    settings: Section
    reference: Reference
    params: Thresholds
    landing: Path
    folder: Path
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    readings: Readings | None = None
    sources: Sources = field(default_factory=Sources, repr=False)

    def path(self, value: str) -> Path:
        """`value` as an absolute path; a relative one starts at the configuration file's folder."""
        return (self.folder / Path(value).expanduser()).resolve()

    def beside(self, code: str, section: type[Other]) -> Context[Other]:
        """The context of another source, for one that polls on its behalf. `section`: the type of its settings."""
        settings = getattr(self.sources, code)
        if not isinstance(settings, section):
            raise TypeError(f"sources.{code} is no {section.__name__}")
        return replace(cast("Context[Other]", self), source=code, settings=settings, landing=self.landing.parent / code)


def context(code: str, settings: Settings, reference: Reference, params: Params, now: datetime) -> Context[Source]:
    """What the source with this code may know. Raises ConfigError where the warehouse has no folder."""
    return Context(
        code,
        settings.source(code),
        reference,
        params.thresholds,
        settings.root / "landing" / code,
        settings.folder,
        now,
        sources=settings.sources,
    )


@dataclass(frozen=True)
class Taken:
    """What a file would be taken for. `form` is empty where it cannot be read; `sample`: some rows as understood."""

    form: str
    notes: list[str] = field(default_factory=list)
    sample: list[dict[str, Any]] = field(default_factory=list)
    rejects: list[str] = field(default_factory=list)
    records_read: int = 0
    records_kept: int = 0

    @property
    def is_sound(self) -> bool:
        """Whether it can be read, and wholly."""
        return bool(self.form) and not self.rejects


Writer = Callable[[list[Event]], None]  # takes the events of some polls, which are in the lake when it returns


@dataclass(frozen=True)
class SourceModule:
    """The functions that a source module offers; what it does not offer is None."""

    grain: Callable[[Any], Grain]
    fetch: Callable[[Window, Context[Any]], Landed]
    decode: Callable[[Landed, Context[Any]], Iterator[Event]]
    check: Callable[[Context[Any]], list[Finding]] | None = None
    expire: Callable[[Context[Any]], Expiry | None] | None = None
    restated: Callable[[Mapping[date, int], Context[Any]], list[date]] | None = None
    outdated: Callable[[Sequence[LedgerRow], Context[Any]], list[date]] | None = None
    absent: Callable[[Sequence[date], Context[Any]], set[date]] | None = None
    pace: Callable[[Context[Any]], str] | None = None
    watch: Callable[[Context[Any], Writer, threading.Event], int] | None = None
    taken_for: Callable[[Path, Context[Any]], Taken] | None = None
    days_are_apart: bool = False  # several of its days may be fetched and decoded at the same time


@cache
def module(code: str) -> SourceModule:
    """What the source with this code offers. Raises ImportError where one of its libraries is missing."""
    functions = vars(importlib.import_module(f"basewatch.sources.{code}"))
    return SourceModule(**{one.name: functions[one.name] for one in fields(SourceModule) if one.name in functions})


def grain(code: str, settings: Settings) -> Grain:
    """How the source with this code is read under these settings."""
    return module(code).grain(settings.source(code))


def days_are_apart(code: str) -> bool:
    """Whether several days of the source with this code may be looked at at the same time."""
    try:
        return module(code).days_are_apart
    except Exception:  # its window tells how it is broken
        return False


def leads_out(path: Path, folder: Path) -> bool:
    """Whether a path below a configured folder leads out of it by a symbolic link: whoever fills the folder, chose it.

    The folder itself may be a link: that one the user wrote down.
    """
    try:
        return not path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a link that leads to itself
        return True


LINK = "a link that leads out of the configured folder, which is not followed"


def refuse_links(paths: Iterable[Path], folder: Path, source: str) -> None:
    """Raise SourceError where one of these paths leads out of the configured folder."""
    for path in paths:
        if leads_out(path, folder):
            raise SourceError(f"{source}: {path} is {LINK}; put the file itself there")


def grain_if_any(code: str, settings: Settings) -> Grain | None:
    """As `grain`; None for a source that breaks even when it is asked for that. Its window tells how."""
    try:
        return grain(code, settings)
    except Exception:
        return None


def offer(code: str, name: str) -> Callable[..., Any] | None:
    """A function that a source may offer; None where it does not, or is broken (then its window tells how)."""
    try:
        found: Callable[..., Any] | None = getattr(module(code), name)
    except Exception:
        return None
    return found


def check_location(context: Context[Any]) -> Finding:
    """Whether the location of a source that reads local files exists."""
    location = context.settings.location
    if not location or "://" in location:
        return Finding(True, f"{context.source}: enabled")
    path = context.path(location)
    is_there = path.exists() or (path.parent.is_dir() and any(path.parent.glob(path.name)))
    advice = f"create it, or set sources.{context.source}.location to where the files are"
    return Finding(is_there, f"{context.source}: reads {path}", advice)
