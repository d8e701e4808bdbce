"""What is known of an aircraft, at a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from basewatch import progress
from basewatch.cli import tables
from basewatch.cli.loudness import App
from basewatch.cli.options import ConfigFile, Form, form
from basewatch.errors import ConfigError
from basewatch.warehouse.published import Published

if TYPE_CHECKING:
    from basewatch.config import Settings
    from basewatch.reference.aircraft import Statement

app = App(help="What is known of an aircraft and from whom.", no_args_is_help=True)


def _current_database(settings: Settings) -> Path | None:
    """The current release's database; None where nothing is published."""
    release = Published(settings.root).current()
    return release.database if release else None


@app.command("show")
def show_aircraft(
    identity: Annotated[str, typer.Argument(metavar="HEX/REG", help="A 24-bit address, or a registration.")],
    form_name: Form = "table",
    config_file: ConfigFile = None,
) -> None:
    """Everything known of an address or a registration: registers, the current release, conflicts, hints."""
    from basewatch import config
    from basewatch.reference import aircraft

    checked = form(form_name)
    settings = config.load(config_file)
    statements = aircraft.statements(settings, identity, _current_database(settings))
    print_statements(identity, statements, checked)
    if not any(one.kind in ("record", "register", "visits") for one in statements):
        progress.plain(f"no register and no record knows {identity}")


@app.command("update")
def update_aircraft(
    out: Annotated[Path | None, typer.Option(help="File to refresh (default: reference.aircraft).")] = None,
    plane_alert_db: Annotated[str | None, typer.Option(help="URL or file of plane-alert-db.")] = None,
    tar1090_db: Annotated[str | None, typer.Option(help="URL, file, or folder of shards, of tar1090-db.")] = None,
    opensky_metadata: Annotated[str | None, typer.Option(help="URL or file of OpenSky's metadata.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="Refresh this register alone; may be repeated.")] = None,
    keep_all: Annotated[bool, typer.Option("--all", help="Keep aircraft that nobody here asks about, too.")] = False,
    config_file: ConfigFile = None,
) -> None:
    """Refresh a reference file of one's own from the aircraft registers; the shipped one is never touched."""
    from basewatch import config
    from basewatch.reference import refresh

    register_files = {"plane-alert-db": plane_alert_db, "tar1090-db": tar1090_db, "opensky-metadata": opensky_metadata}
    settings = config.load(config_file)
    database = _current_database(settings)
    done = refresh.update(
        settings, out, refresh.locations(register_files, only), database=database, keep_all=keep_all, say=progress.say
    )
    print(f"{done.file}: {done.rows} rows")
    if done.failures:
        raise ConfigError(f"{len(done.failures)} of the registers could not be refreshed; their rows stay as they were")


def print_statements(identity: str, statements: list[Statement], form: tables.Format) -> None:
    """Statements on stdout; a table leaves out the columns that are empty throughout."""
    from basewatch.reference.aircraft import COLUMNS

    rows = [tuple(getattr(statement, column) for column in COLUMNS) for statement in statements]
    filled = tuple(column for place, column in enumerate(COLUMNS) if any(row[place] is not None for row in rows))
    tables.write(f"what is known of {identity}", list(COLUMNS), rows, form, filled or COLUMNS)
