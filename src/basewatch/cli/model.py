"""`basewatch model`: the inner tables of a build, for who wants to see how a result came about."""

from __future__ import annotations

from typing import Annotated

import typer

from basewatch.cli.loudness import App
from basewatch.cli.options import ConfigFile, Form, Raw, form

app = App(help="The inner tables of a build: their rows, and their SQL ready to paste.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="TABLE", help="A table's name, with or without its layer.")]


@app.command("list")
def list_models(form_name: Form = "table", config_file: ConfigFile = None) -> None:
    """All tables in the order in which they are built, with what a row is, and how many rows are kept."""
    from basewatch.cli import model_tables

    model_tables.show_all(config_file, form(form_name))


@app.command("show")
def show_model(
    name: Name,
    where: Annotated[str | None, typer.Option(help="A condition in SQL: \"base_id = 'hmeimim'\".")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many rows.")] = None,
    form_name: Form = "table",
    raw: Raw = False,
    config_file: ConfigFile = None,
) -> None:
    """The rows of a table as `basewatch build --keep` left it, in the order of its key."""
    from basewatch.cli import model_tables

    model_tables.show_rows(config_file, name, where, limit, form(form_name), raw=raw)


@app.command("sql")
def show_sql(name: Name, config_file: ConfigFile = None) -> None:
    """A table's SQL with every parameter bound: it gives the table's rows when pasted into DuckDB on work.duckdb."""
    from basewatch.cli import model_tables

    model_tables.show_sql(config_file, name)
