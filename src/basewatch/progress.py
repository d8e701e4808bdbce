"""Progress on stderr: a live bar at a terminal, plain lines elsewhere (a log, a pipe, a scheduler's mail)."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from basewatch import outside
from basewatch.errors import BasewatchError

if TYPE_CHECKING:  # rich is imported where a bar may be shown: a command that shows none is quick
    from rich.console import Console
    from rich.progress import Progress

LONGEST = 20_000  # characters of one line: a refusal names every failed check


def plain(line: str) -> None:
    """One line on stderr, as text from outside may be shown."""
    sys.stderr.write(outside.message(line, LONGEST) + "\n")
    sys.stderr.flush()


_shown: Callable[[str], None] = plain
_live: Progress | None = None  # the bar that is up
_is_quiet = False
_is_verbose = False
_said_at = 0.0  # when the last line of progress was said


def be_usual() -> None:
    """Say progress as ever."""
    global _is_quiet, _is_verbose, _said_at
    _is_quiet, _is_verbose, _said_at = False, False, time.monotonic()


def be_quiet() -> None:
    """Say nothing of progress from now on; errors and results are told as ever."""
    global _is_quiet
    _is_quiet = True


def be_verbose() -> None:
    """Say with each line of progress how long it is since the one before."""
    global _is_verbose, _said_at
    _is_verbose, _said_at = True, time.monotonic()


def say(line: str) -> None:
    """One line of progress, to the bar where one is up, else to stderr."""
    global _said_at
    if _is_quiet:
        return
    now = time.monotonic()
    taken, _said_at = now - _said_at, now
    _shown(f"{line} (+{taken:.1f} s)" if _is_verbose else line)


@contextlib.contextmanager
def _up(console: Console) -> Iterator[Progress]:
    """The bars of a terminal: those that are up, else new ones for as long as it lasts."""
    global _live
    if _live is not None:
        yield _live
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=console, transient=True) as live:
        _live = live
        try:
            yield live
        finally:
            _live = None


@contextlib.contextmanager
def bar(steps: int) -> Iterator[None]:
    """While it lasts, progress moves a bar over `steps` lines, where stderr is a terminal."""
    global _shown
    from rich.console import Console

    console = Console(stderr=True)
    if _is_quiet or not console.is_terminal:
        yield
        return
    with _up(console) as live:
        task = live.add_task("working", total=max(steps, 1))

        def show(line: str) -> None:
            shown = outside.message(line, LONGEST)
            live.update(task, advance=1, description=shown[:60])
            live.console.print(shown, markup=False, highlight=False)

        _shown = show
        try:
            yield
        finally:
            _shown = plain


LONG_SECONDS = 5.0  # elsewhere than at a terminal, a load that lasts longer says how far it is
Advance = Callable[[int, str], None]  # so many bytes more are read, of this file


@contextlib.contextmanager
def load(what: str, size: int) -> Iterator[Advance]:
    """While it lasts, a bar over the bytes of files that are read, where stderr is a terminal; else a line at times."""
    from rich.console import Console

    done, told_at = 0, time.monotonic()
    console = Console(stderr=True)
    with _up(console) if console.is_terminal and not _is_quiet else contextlib.nullcontext() as live:
        task = live.add_task(what, total=100) if live else None

        def advance(more: int, name: str) -> None:
            nonlocal done, told_at
            done += more
            share = min(done / size, 1.0) if size else 1.0
            if live is not None and task is not None:
                live.update(task, completed=int(100 * share), description=f"{what}: {outside.line(name)[-40:]}")
            elif time.monotonic() - told_at >= LONG_SECONDS:
                told_at = time.monotonic()
                say(f"{what}: {share:.0%} of {size / 1e6:,.1f} MB read, at {name}")

        try:
            yield advance
        finally:
            if live is not None and task is not None:
                live.remove_task(task)


def complain(error: BasewatchError) -> None:
    """Tell the user of an error."""
    plain(f"basewatch: {error}")
