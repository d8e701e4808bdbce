"""The first screen's sentences at a terminal: what is new, silences that go on, verdicts, and what to type next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from basewatch.cli import tables
from basewatch.config import Settings
from basewatch.report import news


def say_what_matters(summary: Mapping[str, Any] | None, settings: Settings) -> None:
    """Print what is new, silences that go on, and verdicts; nothing of what there is none of."""
    for heading, sentences in news.what_matters(summary, settings.report.fleet, settings.report.bases).items():
        print(f"\n{heading}")
        for sentence in sentences:
            print(f"  {tables.as_text(sentence)}")


def say_what_next(summary: Mapping[str, Any] | None, settings: Settings) -> None:
    """Print the commands that lead on."""
    print("\nNext:")
    for command in news.next_commands(summary, settings.report.fleet, settings.report.bases):
        print(f"  {tables.as_text(command)}")
