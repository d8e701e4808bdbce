"""What breaks inside a source, a record or a step that a night can do without is the fault of that alone.

Exceptions are contained by where they come from, never by their type: nobody knows what a library raises on hostile
input. The one exception is the store: who cannot keep what was read must stop. Each contained exception leaves its own
traceback in the run's log.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from basewatch import outside
from basewatch.errors import BasewatchError, SourceError, StoreFault

MOST_TRACEBACKS = 200  # of one run: a fault in every record must not fill the disk
LONGEST_TRACEBACK = 20_000  # characters
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}  # nothing that follows could be kept either
_PLAIN = (BasewatchError, ValueError, OSError)  # how a bad record is told: its words say it all

Value = TypeVar("Value")
_log = logging.getLogger("basewatch.faults")
_log.propagate = False
_log.addHandler(logging.NullHandler())


def is_of_the_store(error: BaseException) -> bool:
    """Whether an exception says that the warehouse itself cannot be read or written."""
    return isinstance(error, StoreFault) or (isinstance(error, OSError) and error.errno in _NO_ROOM)


def words(error: BaseException) -> str:
    """What an exception says, on one line; with its type where its words were not made for people."""
    said = outside.line(error)
    if isinstance(error, _PLAIN) and said:
        return said
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def reason(error: Exception, where: str) -> str:
    """Why a record or a file cannot be used. An unexpected exception leaves its traceback in the run's log.

    Raises the exception itself where it is the store's.
    """
    if is_of_the_store(error):
        raise error
    if not isinstance(error, _PLAIN):
        note(error, where)
    return words(error)


# ---- the run's log


class _Limited(logging.FileHandler):
    """A log that begins with the first fault, and ends with the last of so many."""

    left = MOST_TRACEBACKS

    def emit(self, record: logging.LogRecord) -> None:
        if self.left <= 0:
            return
        self.left -= 1
        with contextlib.suppress(OSError):
            Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """A log that cannot be written stops nothing."""


def keep_log(file: Path) -> None:
    """Write the tracebacks of contained exceptions of this process into a file, which is made with the first."""
    for handler in list(_log.handlers):
        _log.removeHandler(handler)
        handler.close()
    handler = _Limited(file, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    _log.addHandler(handler)


def log_file() -> Path | None:
    """The run's log, where it has begun."""
    files = [Path(handler.baseFilename) for handler in _log.handlers if isinstance(handler, _Limited)]
    return next((file for file in files if file.exists()), None)


def note(error: BaseException, where: str) -> None:
    """Write an exception's traceback into the run's log, without secrets. Never raises."""
    with contextlib.suppress(Exception):
        trace = "".join(traceback.format_exception(error))
        _log.error("%s\n%s", outside.line(where), outside.message(trace, LONGEST_TRACEBACK))


# ---- what contains


@contextlib.contextmanager
def of_source(source: str, doing: str, passing: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Whatever breaks inside is raised as SourceError; the store's own faults are raised as they are.

    doing: for the log, what it was at. passing: what inside only the store raises.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, (SourceError, *passing)):
            raise
        raise _fault(error, source, doing) from error


def each(values: Callable[[], Iterable[Value]], source: str, doing: str) -> Iterator[Value]:
    """The values one by one; whatever breaks in making them is raised as SourceError, as by `of_source`."""
    with of_source(source, doing):
        iterator = iter(values())
    while True:
        with of_source(source, doing):
            try:
                value = next(iterator)
            except StopIteration:
                return
        yield value


def _fault(error: Exception, source: str, doing: str) -> SourceError:
    if is_of_the_store(error):
        raise error
    if isinstance(error, BasewatchError):
        return SourceError(str(error))
    note(error, doing)
    return SourceError(f"{source}: {words(error)}")


@contextlib.contextmanager
def optional(what: str, say: Callable[[str], None]) -> Iterator[None]:
    """A step without which the run goes on: what breaks inside is told and logged; the store's faults are raised."""
    try:
        yield
    except Exception as error:
        if is_of_the_store(error):
            raise
        note(error, what)
        say(f"{what}: failed, the run goes on: {words(error)}")
