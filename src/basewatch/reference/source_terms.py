"""Under whose terms each source's data stand, and where its tracks can be looked at: the shipped table `sources`.

It is read as plain text, so that a command which only looks is quick; `reference/load.py` checks every row of it.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from urllib.parse import quote


@dataclass(frozen=True)
class Terms:
    """A source's licence.

    may_redistribute: whether its rows may be passed on. viewer: an address with {icao24} and {day}, or empty.
    provider: how people call it.
    """

    source: str
    title: str
    url: str
    licence: str
    licence_url: str
    attribution: str
    may_redistribute: bool
    viewer: str
    provider: str

    def track(self, icao24: str, day: str) -> str | None:
        """The address at which an aircraft's day can be looked at; None where nobody shows it."""
        return self.viewer.format(icao24=quote(icao24, safe="~"), day=day) if self.viewer else None


@cache
def terms() -> dict[str, Terms]:
    """The terms of every source, by its code."""
    text = files("basewatch.sql.reference").joinpath("sources.csv").read_text(encoding="utf-8")
    return {
        row["source"]: Terms(
            row["source"],
            row["title"],
            row["url"],
            row["licence"],
            row["licence_url"],
            row["attribution"],
            row["may_redistribute"] == "true",
            row["viewer"],
            row["provider"],
        )
        for row in csv.DictReader(io.StringIO(text))
    }
