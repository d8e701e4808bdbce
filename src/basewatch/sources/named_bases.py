"""Bases that the settings of sources name: each must be one that is watched, and is told before anything is fetched."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator

from basewatch.config import Settings, Source
from basewatch.errors import ConfigError


def require_known(settings: Settings, known: Collection[str]) -> None:
    """Raise ConfigError where an enabled source is told of a base that is not watched."""
    for code in settings.enabled_sources():
        for key, base in _named(settings.source(code)):
            if base not in known:
                near = difflib.get_close_matches(base, sorted(known), n=3)
                hint = f"did you mean {' or '.join(near)}?" if near else "reference.bases says which are watched"
                raise ConfigError(f"sources.{code}.{key}: no base {base!r} is watched; {hint}")


def _named(section: Source) -> Iterator[tuple[str, str]]:
    """Every base that a source's settings name, with the key that names it."""
    for base in getattr(section, "bases", None) or []:
        yield "bases", base
    for cover in getattr(section, "covers", None) or []:
        yield "covers", cover.base
    for base in (getattr(section, "features", None) or {}).values():
        yield "features", base
