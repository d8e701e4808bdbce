"""Published tables at a terminal: a query, then a table, CSV or JSON on stdout."""

from __future__ import annotations

import csv
import difflib
import json
import math
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal

from basewatch import outside
from basewatch.errors import ConfigError

if TYPE_CHECKING:
    import duckdb

    from basewatch.warehouse.published import Published

Format = Literal["table", "csv", "json"]
WIDE = 240  # columns of a table that goes into a file or a pipe


@dataclass(frozen=True)
class View:
    """How one published table is shown: when a row begins and ends, and the columns of the short form.

    rows: what is selected from, by default the table. begins, ends: columns of days or times, None where a row has no
    time. base, fleet: the condition by which one of them is chosen, None where the rows have none.
    """

    table: str
    begins: str | None
    ends: str | None
    order: str
    shown: tuple[str, ...]
    base: str | None = "base_id = ?"
    fleet: str | None = "fleet_id = ?"
    rows: str | None = None
    days: str | None = None  # in a query of one's own: the column of days that it holds against the time asked for


VIEWS = {
    "months": View(
        "base_monthly_activity",
        "month",
        "month",
        "base_id, fleet_id, month",
        (
            *("base_id", "fleet_id", "month", "activity", "visits", "arrivals", "departures", "distinct_aircraft"),
            *("days_observed", "days_unmeasured", "days_blind", "days_missing", "mentions", "is_surge", "is_partial"),
        ),
    ),
    "gaps": View(
        "base_gaps",
        "first_day",
        "last_day",
        "base_id, fleet_id, first_day",
        (
            *("base_id", "fleet_id", "first_day", "last_day", "gap_days", "kind", "p_quiet_scan", "days_observed"),
            *(
                "days_unmeasured",
                "days_blind",
                "days_missing",
                "resumed_on",
                "resumption",
                "resumed_by_type",
                "is_ongoing",
            ),
        ),
    ),
    "visits": View(
        "base_visits",
        "first_evidence_at",
        "first_evidence_at",
        "base_id, first_evidence_at, visit_id",
        (
            *("visit_id", "icao24", "registration", "type_code", "callsign", "arrived_at", "departed_at"),
            *("confidence", "origin_icao", "destination_icao", "sources"),
        ),
        fleet="list_contains(fleets, ?)",
    ),
    "mentions": View(
        "news_mentions",
        "published_at",
        "published_at",
        "base_id, published_at, mention_id",
        (
            *("base_id", "published_at", "published_basis", "domain", "language", "title", "matched_alias", "origin"),
            *("reports_pause", "reports_resumption", "verb_strength", "url"),
        ),
        fleet=None,
    ),
    "claims": View(
        "claim_checks",
        "claimed_from",
        "claimed_to",
        "base_id, claimed_from, claim_id",
        (
            *("claim_id", "claim", "fleet_id", "claimed_from", "claimed_to", "verdict", "visits_recorded"),
            *("days_observable", "explanation"),
        ),
    ),
    "bases": View(
        "bases",
        None,
        None,
        "base_id",
        ("base_id", "name", "icao", "iata", "country", "kind", "latitude", "longitude", "elevation_ft"),
        fleet=None,
    ),
    "fleets": View("fleets", None, None, "fleet_id", ("fleet_id", "name", "definition"), base=None),
    "sources": View(
        "source_days",
        None,
        None,
        "source",
        (
            *("source", "scopes", "first_day", "last_day", "last_good_day", "days_good", "days_partial"),
            *("days_missing", "days_failed", "records_kept", "records_rejected"),
        ),
        base="list_contains(['global', 'base:' || ?], scope)",
        fleet=None,
        rows="""SELECT source, count(DISTINCT scope) AS scopes, min(day) AS first_day, max(day) AS last_day,
    max(day) FILTER (status IN ('ok', 'empty')) AS last_good_day,
    count(DISTINCT day) FILTER (status IN ('ok', 'empty')) AS days_good,
    count(DISTINCT day) FILTER (status IN ('partial', 'late')) AS days_partial,
    count(DISTINCT day) FILTER (status = 'missing') AS days_missing,
    count(DISTINCT day) FILTER (status = 'failed') AS days_failed,
    count(DISTINCT day) FILTER (status = 'expired') AS days_expired,
    coalesce(sum(records_kept) FILTER (counts), 0)::BIGINT AS records_kept,
    coalesce(sum(records_rejected) FILTER (counts), 0)::BIGINT AS records_rejected
FROM (
    -- a day's row of scope `global` sums up those of its other scopes, where there is one
    SELECT *, scope = 'global' OR NOT bool_or(scope = 'global') OVER (PARTITION BY source, day) AS counts
    FROM main.source_days WHERE {conditions}
)
GROUP BY source""",
        days="day",
    ),
}


@dataclass(frozen=True)
class Choice:
    """Which rows of a table are asked for. since, until: UTC days, both included. limit: at most so many rows."""

    base: str | None = None
    fleet: str | None = None
    since: date | None = None
    until: date | None = None
    limit: int | None = None


@contextmanager
def opened(published: Published, release: str | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """The database of a release, by default the current one, read-only.

    Raises ConfigError where nothing is published yet, or there is no such release.
    """
    from basewatch.database import connect, without_pandas

    chosen = published.current() if release is None else published.release(release)
    if chosen is None:
        raise ConfigError(f"nothing is published in {published.root} yet; run `basewatch nightly` first")
    with without_pandas(), connect(chosen.database, read_only=True) as connection:
        yield connection


def rows(published: Published, name: str, choice: Choice) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Column names and rows of a published table, all columns, in the table's order.

    Raises ConfigError where nothing is published yet, or the release knows no such base or fleet.
    """
    view = VIEWS[name]
    with opened(published) as connection:
        _known(connection, "bases", "base_id", choice.base)
        _known(connection, "fleets", "fleet_id", choice.fleet)
        conditions, values = _conditions(view, choice)
        wanted = " AND ".join(["TRUE", *conditions])
        query = (
            f"SELECT * FROM main.{view.table} WHERE {wanted}"
            if view.rows is None
            else view.rows.format(conditions=wanted)
        )
        limit = "" if choice.limit is None else f" LIMIT {choice.limit:d}"
        result = connection.execute(f"{query} ORDER BY {view.order}{limit}", values)
        return [column[0] for column in result.description or []], result.fetchall()


def _conditions(view: View, choice: Choice) -> tuple[list[str], list[str]]:
    """Conditions in SQL and the values that they bind."""
    asked = [
        (view.base, choice.base),
        (view.fleet, choice.fleet),
        (f"{view.ends or view.days} >= ?::DATE" if view.ends or view.days else None, choice.since),
        (f"{view.begins or view.days} < ?::DATE + 1" if view.begins or view.days else None, choice.until),
    ]
    held = [(condition, str(value)) for condition, value in asked if condition and value]
    return [condition for condition, _ in held], [value for _, value in held]


def _known(connection: duckdb.DuckDBPyConnection, table: str, column: str, value: str | None) -> None:
    if value is None:
        return
    values = [row[0] for row in connection.execute(f"SELECT {column} FROM main.{table} ORDER BY 1").fetchall()]
    if value not in values:
        close = difflib.get_close_matches(value, values, n=3)
        hint = f"did you mean {', '.join(close)}?" if close else f"known: {', '.join(values[:12])} …"
        raise ConfigError(f"no {column} {value!r} in this release; {hint}")


def show(name: str, names: list[str], rows: list[tuple[Any, ...]], form: Format, *, raw: bool = False) -> None:
    """Print a published table's rows on stdout: a table of the chief columns, or all columns as CSV or JSON."""
    write(name, names, rows, form, VIEWS[name].shown, raw=raw)


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
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

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
