"""How every DuckDB file is opened: its times in UTC, and Ctrl-C stops a query as it stops anything else."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

import duckdb

_signals: list[int] = []  # Ctrl-C since a block of `connect` began


@contextlib.contextmanager
def connect(
    file: Path | None = None, *, read_only: bool = False, pandas: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to a file (None: to a database in memory), closed at the end; its session's times are in UTC.

    pandas: whether something in the block may import it. Raises KeyboardInterrupt where Ctrl-C came during the block,
    at the latest at its end.
    """
    with (
        _heeding_ctrl_c(),
        contextlib.nullcontext() if pandas else without_pandas(),
        duckdb.connect(":memory:" if file is None else str(file), read_only=read_only) as connection,
    ):
        set_up(connection)
        yield connection


def set_up(connection: duckdb.DuckDBPyConnection) -> None:
    """Have a session's times in UTC, and no bar of DuckDB's own, which would write over a run's progress lines."""
    connection.execute("SET TimeZone = 'UTC'")
    with contextlib.suppress(duckdb.InvalidInputException):  # in a notebook without ipywidgets there is none to hide
        connection.execute("SET enable_progress_bar = false")


@contextlib.contextmanager
def without_pandas() -> Iterator[None]:
    """While it lasts DuckDB and Arrow take pandas to be absent, where nobody has imported it yet.

    DuckDB imports it as soon as a value is bound, Arrow at the first list that it is given. That takes longer than a
    look at a table. Arrow asks once: what is answered here holds as long as the process does, but for `to_pandas`.
    """
    hiding = _Hiding()
    if "pandas" not in sys.modules:
        sys.meta_path.insert(0, hiding)
    try:
        yield
    finally:
        if hiding in sys.meta_path:
            sys.meta_path.remove(hiding)


class _Hiding(MetaPathFinder):
    """Says that there is no pandas."""

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("pandas is not needed here", name=name)


def stop_if_asked() -> None:
    """Raise KeyboardInterrupt where Ctrl-C was pressed and a query took no notice: to be called between long ones."""
    if _signals:
        raise KeyboardInterrupt


@contextlib.contextmanager
def _heeding_ctrl_c() -> Iterator[None]:
    """Note every Ctrl-C: DuckDB drops the exception as a query begins, and raises others in its place as one runs."""
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield  # somebody else answers the signal: a block around this one, or the program
        return
    signal.signal(signal.SIGINT, _note)
    try:
        yield
    except Exception:
        stop_if_asked()
        raise
    else:
        stop_if_asked()
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _signals.clear()


def _note(number: int, frame: Any) -> None:
    _signals.append(number)
    signal.default_int_handler(number, frame)
