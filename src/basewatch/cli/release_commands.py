"""Commands about a release as a whole: its report, a query on it, another form of it, others beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from basewatch.cli.loudness import App
from basewatch.cli.options import ConfigFile, Form, Limit, Raw, Release, form

app = App()


@app.command("sql")
def query(
    text: Annotated[str, typer.Argument(metavar="QUERY", help="A query in DuckDB's SQL.", show_default=False)],
    limit: Limit = None,
    release: Release = None,
    form_name: Form = "table",
    raw: Raw = False,
    config_file: ConfigFile = None,
) -> None:
    """The rows of a query on a release, read-only; it sees the published tables and no file."""
    from basewatch import config
    from basewatch.cli import queries, tables
    from basewatch.warehouse.published import Published

    checked = form(form_name)
    names, rows = queries.rows(Published(config.load(config_file).root), text, release, limit)
    tables.write("query", names, rows, checked, raw=raw)


@app.command("open")
def open_report(release: Release = None, config_file: ConfigFile = None) -> None:
    """Open a release's report in the browser; its path is printed, also where there is no browser."""
    from basewatch import config
    from basewatch.cli import browsers
    from basewatch.warehouse.published import Published

    browsers.show(Published(config.load(config_file).root).release(release))


@app.command()
def export(
    sqlite: Annotated[Path, typer.Option(metavar="FILE", help="SQLite file to write.", show_default=False)],
    release: Release = None,
    config_file: ConfigFile = None,
) -> None:
    """Write a release as SQLite, for tools that read no DuckDB: lists as JSON, times as ISO text, unknown as null."""
    from basewatch import config, progress
    from basewatch.warehouse import sqlite_file
    from basewatch.warehouse.published import Published

    chosen = Published(config.load(config_file).root).release(release)
    rows = sqlite_file.write(chosen.database, sqlite, progress.say)
    print(f"{sqlite}: {rows} rows of release {chosen.release_id}")


@app.command()
def rollback(
    release: Annotated[str | None, typer.Argument(help="A release's name (default: the one before).")] = None,
    config_file: ConfigFile = None,
) -> None:
    """Point `current` at the release before, or at the one named."""
    from basewatch import config
    from basewatch.remote import storage
    from basewatch.warehouse.releases import Warehouse

    settings = config.load(config_file)
    warehouse = Warehouse(settings.root)
    with storage.held(settings), warehouse.lock():
        current = warehouse.rollback(release)
    print(f"current   {current.release_id} (days up to {current.manifest['as_of']})")


@app.command()
def diff(
    before: Annotated[str, typer.Argument(metavar="RELEASE", help="The earlier release.", show_default=False)],
    after: Annotated[
        str | None, typer.Argument(metavar="RELEASE", help="The later one (default: the current one).")
    ] = None,
    form_name: Form = "table",
    raw: Raw = False,
    config_file: ConfigFile = None,
) -> None:
    """What changed from one release to another, and the cause of each change."""
    from basewatch.cli import differences

    differences.show(config_file, before, after, form(form_name), raw=raw)


@app.command("report")
def write_report(
    release: Annotated[str | None, typer.Option(help="A release's name (default: the current one).")] = None,
    out: Annotated[Path, typer.Option(help="Folder to write into.")] = Path("report"),
    config_file: ConfigFile = None,
) -> None:
    """Write a release's HTML report elsewhere; the release itself never changes."""
    from basewatch import config, run
    from basewatch.reference import load
    from basewatch.warehouse.releases import Warehouse

    settings = config.load(config_file)
    warehouse = Warehouse(settings.root)
    chosen = warehouse.release(release)
    page = run.write_report(settings, load.tables(settings), chosen.folder, out, chosen.release_id, None)
    print(page)
