"""Errors that a user can cause or meet, each with the exit status that the command line promises."""

from pathlib import Path

from basewatch import outside

INTERRUPTED = 130  # how a shell tells that a command was stopped by Ctrl-C
LONGEST = 20_000  # characters: a refusal names every failed check
ADVICE = "`basewatch verify` lists all that is damaged, `basewatch verify --repair` mends what can be mended"


class BasewatchError(Exception):
    """Says what was wrong, where, and what to do; shown to the user without a traceback.

    Its text passes through `outside`, so that no error shows a key or hides a character.
    """

    exit_status = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(outside.message(message, LONGEST))


class StoreFault(BasewatchError):
    """The warehouse itself is damaged, or cannot be read or written: the run stops, what is published stands."""


class Damaged(StoreFault):
    """A file or folder of the warehouse that is not as it was written: which, and what is the matter with it."""

    def __init__(self, place: Path, what: str) -> None:
        super().__init__(f"{place} {what}; nothing was built from it and what is published stands. {ADVICE}")
        self.place, self.what = place, what


class ConfigError(BasewatchError):
    """Bad configuration, bad usage or bad reference data."""

    exit_status = 2


class GateRefused(BasewatchError):
    """A critical check failed: nothing was published."""

    exit_status = 3


class SourcesFailed(BasewatchError):
    """A source failed whose policy is `stop`, or no enabled source succeeded, or one is too stale."""

    exit_status = 4


class WarehouseBusy(BasewatchError):
    """Another run holds the warehouse."""

    exit_status = 5


class SourceError(BasewatchError):
    """One source could not be fetched or decoded; `retryable` says whether trying again may help."""

    exit_status = 4

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable
