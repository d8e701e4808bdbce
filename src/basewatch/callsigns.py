"""Callsigns: what an aircraft sends as its name, and what it sends where nobody set one."""

from __future__ import annotations

FILLERS = "@ "  # the six-bit alphabet of ADS-B has `@` for an empty place, and a blank to fill up to eight


def callsign_of(text: str | None) -> str | None:
    """The callsign without the fillers at its ends; None where it names no flight.

    A name has a letter or a digit other than zero: an unset transponder sends fillers, or zeros alone.
    """
    if text is None:
        return None
    bare = text.strip().strip(FILLERS)
    return bare if any(letter.isalnum() and letter != "0" for letter in bare) else None
