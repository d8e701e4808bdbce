"""How much a command says: `-q` and `-v`, before the name of a command or behind it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from basewatch import progress

HELP = {"help_option_names": ["-h", "--help"]}
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing of progress.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Say also how long each step took.")]


def heed(quiet: bool, verbose: bool) -> None:
    """Say as much of progress as is asked for; with neither, as much as before."""
    if quiet:
        progress.be_quiet()
    if verbose:
        progress.be_verbose()


class App(typer.Typer):
    """Commands of which each takes -h, -q and -v."""

    def __init__(self, **options: Any) -> None:
        super().__init__(context_settings=HELP, **options)

    def command(self, name: str | None = None, **options: Any) -> Callable[[Any], Any]:
        """As typer's own, for a command that takes -q and -v besides its own options."""
        register = super().command(name, context_settings=HELP, **options)

        def add(function: Callable[..., None]) -> Callable[..., None]:
            register(_with_loudness(function))
            return function

        return add


def _with_loudness(function: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(function)
    def command(*arguments: Any, quiet: bool, verbose: bool, **options: Any) -> None:
        heed(quiet, verbose)
        function(*arguments, **options)

    signature = inspect.signature(function, eval_str=True)
    parameters = [
        *signature.parameters.values(),
        inspect.Parameter("quiet", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Quiet),
        inspect.Parameter("verbose", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Verbose),
    ]
    command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command
