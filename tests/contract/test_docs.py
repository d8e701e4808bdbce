"""What the guides tell people to type exists: commands with their options, make targets, configuration."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer

from basewatch.cli import app as cli
from basewatch.cli import documents
from basewatch.config import Settings
from basewatch.sources.flight_files.forms import forms

ROOT = Path(__file__).resolve().parents[2]
GUIDES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "DATA-LICENCES.md", "src/basewatch/sample/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
CODE = re.compile(r"```[a-z]*\n(.*?)```|`([^`\n]+)`", re.DOTALL)
TYPED = re.compile(r"(?:^|/bin/|or: |address: )basewatch ([a-z][^\n#]*)", re.MULTILINE)


def typed() -> list[Any]:
    """Every command line of the guides, with the guide."""
    found = {}
    for guide in GUIDES:
        for block, span in CODE.findall(guide.read_text(encoding="utf-8")):
            for line in TYPED.findall(block or span):
                found[f"{guide.name}: {line.strip(' )')}"] = line.strip(" )")
    return [pytest.param(line, id=name) for name, line in found.items()]


@pytest.mark.parametrize("line", typed())
def test_a_command_line_of_the_guides_parses(line: str) -> None:
    name, *arguments = shlex.split(line)
    command: Any = typer.main.get_command(cli.app)
    command = command.commands[name]
    if arguments and hasattr(command, "commands"):
        name, *arguments = arguments
        command = command.commands[name]
    if arguments:  # in running text a command may be named alone, without what it needs
        command.make_context(name, arguments)


def blocks(language: str) -> list[Any]:
    """Every block of that language in the guides."""
    return [
        pytest.param(block, id=f"{guide.name} {number}")
        for guide in GUIDES
        for number, block in enumerate(
            re.findall(rf"```{language}\n(.*?)```", guide.read_text(encoding="utf-8"), re.DOTALL)
        )
    ]


@pytest.mark.parametrize("block", blocks("toml"))
def test_a_block_of_configuration_is_accepted(block: str) -> None:
    Settings(**tomllib.loads(block))


def test_every_key_of_the_settings_says_what_it_means() -> None:
    rows = [line for line in documents.configuration().splitlines() if line.startswith("| `")]
    assert len(rows) > 100 and [row for row in rows if row.endswith("|  |")] == []


def test_every_command_stands_in_its_page() -> None:
    page = documents.command_line()
    commands: Any = typer.main.get_command(cli.app)
    assert [name for name in commands.commands if f"\n## `basewatch {name}`\n" not in page] == []


def test_the_make_targets_of_the_guides_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    told = {
        name
        for guide in GUIDES
        for name in re.findall(r"(?:^|`)make ([a-z]+)", guide.read_text(encoding="utf-8"), re.M)
    }
    assert told and told <= targets


def test_every_form_of_flight_list_is_described() -> None:
    text = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8").lower()
    for form in forms():
        name = re.split(r"[(,]", form.name, maxsplit=1)[0].strip().lower()
        assert f"| {name}" in text, form.name
