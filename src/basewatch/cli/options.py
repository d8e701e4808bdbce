"""Options that several commands take, and what is made of their texts."""

from __future__ import annotations

from calendar import monthrange
from datetime import date
from pathlib import Path
from typing import Annotated, get_args

import typer

from basewatch.cli import tables
from basewatch.errors import ConfigError

ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="Configuration file (default: BASEWATCH_CONFIG, else ./basewatch.toml).")
]
Base = Annotated[str | None, typer.Option(help="Only this base.")]
Fleet = Annotated[str | None, typer.Option(help="Only this fleet.")]
Since = Annotated[str | None, typer.Option(help="Only from this day on (YYYY-MM-DD, or YYYY-MM).")]
Until = Annotated[str | None, typer.Option(help="Only up to this day, it included (YYYY-MM-DD, or YYYY-MM).")]
Limit = Annotated[int | None, typer.Option(min=1, help="At most so many rows.")]
Release = Annotated[str | None, typer.Option(help="A release's name (default: the current one).")]
Form = Annotated[str, typer.Option("--format", help="table, csv or json.")]
Raw = Annotated[bool, typer.Option("--raw", help="CSV with texts as they are, also those a spreadsheet would execute.")]
Plain = Annotated[bool, typer.Option("--plain", help="Run the steps as plain functions, without Prefect.")]
Sample = Annotated[bool, typer.Option("--sample", help="Run on the bundled sample.")]


def day(text: str | None, option: str) -> date | None:
    """A day from `YYYY-MM-DD` or `YYYY-MM` (its first). Raises ConfigError."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text if len(text) > 7 else f"{text}-01")
    except ValueError:
        raise ConfigError(f"{option} {text!r} is not a day; write it as YYYY-MM-DD") from None


def last_day(text: str | None, option: str) -> date | None:
    """A day from `YYYY-MM-DD` or `YYYY-MM` (its last). Raises ConfigError."""
    first = day(text, option)
    if first is None or text is None or len(text) > 7:
        return first
    return first.replace(day=monthrange(first.year, first.month)[1])


def form(text: str) -> tables.Format:
    """The form asked for by `--format`. Raises ConfigError."""
    for name in get_args(tables.Format):
        if text == name:
            checked: tables.Format = name
            return checked
    raise ConfigError(f"--format {text!r} is none of table, csv, json")
