"""Commands about one finding: why the product says so, and everything needed to quote it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from basewatch.cli.loudness import App
from basewatch.cli.options import ConfigFile, Form, Release, form

app = App()

Name = Annotated[
    str,
    typer.Argument(
        metavar="VISIT/GAP/CLAIM/BASE:FLEET:MONTH",
        help="An id, or a base's month as hmeimim:all:2025-01.",
        show_default=False,
    ),
]


@app.command()
def explain(name: Name, release: Release = None, form_name: Form = "table", config_file: ConfigFile = None) -> None:
    """Why the product says so: in words, with terms, alternatives, days, rows and evidence that opens."""
    from basewatch import config
    from basewatch.cli import explanations
    from basewatch.warehouse.published import Published

    explanations.show(Published(config.load(config_file).root), name, release, form(form_name))


@app.command()
def cite(
    name: Name,
    out: Annotated[Path, typer.Option(help="Folder below which the citation gets a folder of its own.")] = Path(
        "quoted"
    ),
    own: Annotated[
        bool, typer.Option("--own", help="Give rows of your own flight files in full: only where you may pass them on.")
    ] = False,
    release: Release = None,
    config_file: ConfigFile = None,
) -> None:
    """Write a folder with everything needed to quote a finding: rows, evidence, licences, method, chart, a sentence."""
    from basewatch.cli import citing

    folder, sentence = citing.write(config_file, name, out, release, is_own_free=own)
    print(sentence)
    print(folder)
