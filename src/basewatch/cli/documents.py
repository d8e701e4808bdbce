"""The pages of the guide that say what the code says: every command with its options, and every key of the settings.

`python -m basewatch.cli.documents docs` writes `cli.md` and `configuration.md` into a folder; with `--check` it says
whether they are right.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import typer
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from typer.cli import get_docs_for_click

from basewatch.cli import app
from basewatch.config import OverHttp, Settings, Source
from basewatch.durable import write_aside

KINDS = {str: "text", int: "whole number", float: "number", bool: "true or false", SecretStr: "secret"}
BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
HEADING = "| key | what it holds | default | what it means |\n| --- | --- | --- | --- |"
INTRODUCTION = """# Configuration

Every key of `basewatch.toml`, with its default. Relative paths start at the file's folder. A key that is not here is an
error, with the nearest name.

Each key can be set in the environment, which wins over the file: `BASEWATCH_` and the names of tables and key with two
underscores between them, as in `BASEWATCH_NIGHTLY__CRON`. **Secrets belong there alone.**
"""


def command_line() -> str:
    """Every command, its arguments and options, as Markdown."""
    command = typer.main.get_command(app.app)
    context: Any = command.make_context("basewatch", [], resilient_parsing=True)
    return get_docs_for_click(obj=command, ctx=context, name="basewatch", title="The command line").rstrip() + "\n"


def configuration() -> str:
    """Every table and key of the settings, as Markdown."""
    parts = [INTRODUCTION]
    for name, field in Settings.model_fields.items():
        if not field.exclude:
            parts.extend(_tables(name, field.annotation))
    return "\n".join(parts)


def _tables(name: str, section: Any) -> Iterator[str]:
    """The table of a section and of those below it."""
    below = [(key, field) for key, field in section.model_fields.items() if _section(field.annotation) is not None]
    keys = [(key, field) for key, field in section.model_fields.items() if key not in dict(below)]
    about = inspect.cleandoc(section.__doc__ or "")
    shared = _shared(section)
    rows = [_row(key, field) for key, field in keys if key not in shared]
    if keys:
        yield f"## `[{name}]`\n\n{about}\n"
        if rows:
            yield "\n".join([HEADING, *rows, ""])
        if shared:
            network = " that reaches the network" if issubclass(section, OverHttp) else ""
            yield f"And the keys of [every source](#sources){network}.\n"
    if name == "sources":
        yield from _every_source()
    for key, field in below:
        inner = _section(field.annotation)
        is_list = get_origin(field.annotation) is list
        yield from _tables(f"[{name}.{key}]" if is_list else f"{name}.{key}", inner)


def _every_source() -> Iterator[str]:
    """What all sources have in common, and those that reach the network besides."""
    yield "## Sources\n\nThe table of every source has these keys:\n"
    yield "\n".join([HEADING, *(_row(key, field) for key, field in Source.model_fields.items()), ""])
    yield "Of a source that reaches the network it has these besides:\n"
    own = {key: field for key, field in OverHttp.model_fields.items() if key not in _shared(OverHttp)}
    yield "\n".join([HEADING, *(_row(key, field) for key, field in own.items()), ""])


def _shared(section: type[BaseModel]) -> set[str]:
    """Keys of a source that mean what they mean for every one, with the same default."""
    parents = [parent for parent in (Source, OverHttp) if issubclass(section, parent) and section is not parent]
    known = {key: field for parent in parents for key, field in parent.model_fields.items()}
    return {
        key
        for key, field in section.model_fields.items()
        if key in known and (field.default, field.description) == (known[key].default, known[key].description)
    }


def _row(key: str, field: FieldInfo) -> str:
    bounds = [f"{BOUNDS[word]} {value}" for limit in field.metadata for word, value in _limits(limit)]
    kind = ", ".join([_kind(field.annotation), *bounds])
    told = (field.description or "").replace("|", "\\|")
    return f"| `{field.alias or key}` | {kind} | {_default(field)} | {told} |"


def _limits(limit: Any) -> Iterator[tuple[str, Any]]:
    for word in BOUNDS:
        value = getattr(limit, word, None)
        if value is not None:
            yield word, f"{value:,}" if isinstance(value, int) else value


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ([], {}, ""):
        return "–"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _kind(annotation: Any) -> str:
    """What a key holds, in words."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if annotation in KINDS:
        return KINDS[annotation]
    if origin is Literal:
        return " or ".join(f"`{str(value).lower() if isinstance(value, bool) else value}`" for value in inner)
    if origin is list:
        return "list of tables" if _section(inner[0]) else f"list: {_kind(inner[0])}"
    if origin is dict:
        return "table of names and " + ("secrets" if inner[1] is SecretStr else "texts")
    kinds = [kind for kind in inner if kind is not type(None)]
    if origin is Union or (inner and type(None) in inner):
        return " or ".join(_kind(kind) for kind in kinds)
    return str(getattr(annotation, "__name__", annotation))


def _section(annotation: Any) -> type[BaseModel] | None:
    """The section that a key holds, or each of its list does."""
    held = get_args(annotation)[0] if get_origin(annotation) is list else annotation
    return held if isinstance(held, type) and issubclass(held, BaseModel) else None


def main(arguments: list[str]) -> int:
    """Write the pages into a folder, or with `--check` say which of them is not what the code says (1)."""
    folder = Path(arguments[-1])
    wrong = []
    for name, text in (("cli.md", command_line()), ("configuration.md", configuration())):
        file = folder / name
        if file.exists() and file.read_text(encoding="utf-8") == text:
            continue
        if "--check" in arguments:
            wrong.append(f"{file} is not what the code says; write it with `make docs`")
        else:
            write_aside(file, text.encode())
    if wrong:
        print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
