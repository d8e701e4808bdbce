"""Countries by name: the list of codes that the time zone database carries (public domain)."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

OWN = {"XX": "Nowhere: simulated", "SY": "Syria"}  # XX belongs to no country


@cache
def _names() -> dict[str, str]:
    text = files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text(encoding="utf-8")
    lines = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    return {code: name for code, name, *_ in lines} | OWN


def country(code: str | None) -> str:
    """The name of a country by its ISO 3166-1 code; the code itself where nobody knows it."""
    return "No country stated" if not code else _names().get(code, code)
