"""Errors that a user can cause or meet, each with the exit status that the command line promises."""


class BasewatchError(Exception):
    """Says what was wrong, where, and what to do; shown to the user without a traceback."""

    exit_status = 1


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
