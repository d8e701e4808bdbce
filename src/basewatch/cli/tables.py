"""Published tables at a terminal: a query, then a table, CSV or JSON on stdout."""

from __future__ import annotations

import csv
import json
import math
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal

from basewatch import outside
from basewatch.cli import sparklines
from basewatch.errors import ConfigError
from basewatch.warehouse import views
from basewatch.warehouse.views import VIEWS, Choice

if TYPE_CHECKING:
    import duckdb

    from basewatch.warehouse.published import Published

Format = Literal["table", "csv", "json"]
WIDE = 240  # columns of a table that goes into a file or a pipe


@contextmanager
def opened(published: Published, release: str | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """The database of a release, by default the current one, read-only.

    Raises ConfigError where nothing is published yet, or there is no such release.
    """
    from basewatch.database import connect

    chosen = published.current() if release is None else published.release(release)
    if chosen is None:
        raise ConfigError(f"nothing is published in {published.root} yet; run `basewatch nightly` first")
    with connect(chosen.database, read_only=True) as connection:
        yield connection


def rows(published: Published, name: str, choice: Choice) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Column names and rows of a published table, all columns, in the table's order.

    Raises ConfigError where nothing is published yet, or the release knows no such base or fleet.
    """
    with opened(published) as connection:
        views.require_known(connection, choice)
        result = connection.execute(*views.query(name, choice))
        return [column[0] for column in result.description or []], result.fetchall()


def show(name: str, names: list[str], rows: list[tuple[Any, ...]], form: Format, *, raw: bool = False) -> None:
    """Print a published table's rows on stdout: a table of the chief columns, or all columns as CSV or JSON."""
    write(name, names, rows, form, VIEWS[name].shown, raw=raw)
    if name == "months" and form == "table":
        places = [names.index(column) for column in ("base_id", "fleet_id", "month", "visits", "activity")]
        found: list[Any] = [tuple(row[place] for place in places) for row in rows]
        lines = sparklines.of_months(found)
        if lines:
            print("\n".join(["", *lines]))


def write(
    title: str,
    names: list[str],
    rows: Sequence[tuple[Any, ...]],
    form: Format,
    shown: tuple[str, ...] | None = None,
    *,
    raw: bool = False,
) -> None:
    """Print rows on stdout: as CSV, as JSON, or as a table of the columns that are shown (by default all).

    raw: texts in CSV stay as they are; else those that a spreadsheet would execute are made harmless.
    """
    if form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([[csv_value(value) if raw else harmless(value) for value in row] for row in rows])
    elif form == "json":
        objects = [{column: cleaned(plain(value)) for column, value in zip(names, row, strict=True)} for row in rows]
        sys.stdout.write(json.dumps(objects, indent=1, ensure_ascii=False) + "\n")
    else:
        columns = shown or tuple(names)
        print_table(title, columns, [[row[names.index(column)] for column in columns] for row in rows])


def print_table(title: str, columns: tuple[str, ...], rows: list[list[Any]]) -> None:
    """A table at the terminal's width, or wide where stdout is no terminal. Null is shown as a dash, never as zero."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDE
    cells = [["–" if value is None else as_text(value) for value in row] for row in rows]
    headings = [name.replace("\n", " ") for name in columns]
    widths = [max(map(_width, column)) for column in zip(headings, *cells, strict=True)]
    if sum(widths) + len(widths) - 1 <= width:
        rule = ["─" * size for size in widths]
        lines = [_line(headings, widths), "─".join(rule), *(_line(row, widths) for row in cells)]
        print("\n".join([title, *lines]))
    else:
        _print_folded(title, columns, cells, width)
    if not rows:
        print("no rows")


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return " ".join(cell + " " * (size - _width(cell)) for cell, size in zip(cells, widths, strict=True)).rstrip()


def _width(text: str) -> int:
    """Places that a text takes at a terminal."""
    if all(character < "\u0300" or character in "–…“”" for character in text):
        return len(text)
    from rich.cells import cell_len  # tenths of a second: only for writing that may be wide, or stand above another

    return cell_len(text)


def _print_folded(title: str, columns: tuple[str, ...], cells: list[list[str]], width: int) -> None:
    """A table that is wider than the screen: its longest cells take several lines."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=width)
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))
    console.print(Text(title))
    console.print(table)


FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what makes a spreadsheet take a text for a formula


def harmless(value: Any) -> str:
    """A value as a CSV cell that a spreadsheet shows and never executes: a text that begins so gets an apostrophe."""
    text = csv_value(value)
    if not isinstance(value, str | list | tuple | dict):
        return text
    is_formula = text.lstrip(" \n").startswith(FORMULA)
    return f"'{outside.cell(text)}" if is_formula else outside.cell(text)


def csv_value(value: Any) -> str:
    """A value as a CSV cell: empty for null, ISO times, true and false, lists as JSON."""
    if value is None:
        return ""
    as_json = plain(value)
    if isinstance(as_json, bool | list | dict):
        return json.dumps(as_json, ensure_ascii=False)
    return str(as_json)


def plain(value: Any) -> Any:
    """A value as JSON holds it."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None  # JSON has no word for what is no number
    return value if value is None or isinstance(value, str | int) else str(value)


def cleaned(value: Any) -> Any:
    """A value of `plain` with its texts as text from outside may be shown."""
    if isinstance(value, str):
        return outside.cell(value)
    if isinstance(value, dict):
        return {cleaned(name): cleaned(item) for name, item in value.items()}
    return [cleaned(item) for item in value] if isinstance(value, list) else value


def as_text(value: Any) -> str:
    """A value as a cell, as text from outside may be shown."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(as_text(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{as_text(name)} {as_text(item)}" for name, item in value.items())
    return outside.cell(str(value))
