"""Progress on stderr: a live bar at a terminal, plain lines elsewhere (a log, a pipe, a scheduler's mail)."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from basewatch.errors import BasewatchError


def plain(line: str) -> None:
    """One line on stderr; control characters of outside text are left out."""
    sys.stderr.write("".join(letter for letter in line if letter.isprintable() or letter in "\n\t") + "\n")
    sys.stderr.flush()


_shown: Callable[[str], None] = plain


def say(line: str) -> None:
    """One line of progress, to the bar where one is up, else to stderr."""
    _shown(line)


@contextlib.contextmanager
def bar(steps: int) -> Iterator[None]:
    """While it lasts, progress moves a bar over `steps` lines, where stderr is a terminal."""
    global _shown
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as live:
        task = live.add_task("working", total=max(steps, 1))

        def show(line: str) -> None:
            live.update(task, advance=1, description=line[:60])
            live.console.print(line, markup=False, highlight=False)

        _shown = show
        try:
            yield
        finally:
            _shown = plain


def complain(error: BasewatchError) -> None:
    """Tell the user of an error."""
    plain(f"basewatch: {error}")
