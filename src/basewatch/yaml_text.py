"""YAML by the C parser where there is one: ten times as quick, and as safe (plain values, never objects)."""

from __future__ import annotations

from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse(text: str) -> Any:
    """The document's value. Raises yaml.YAMLError where it is malformed."""
    return yaml.load(text, Loader=_LOADER)  # noqa: S506 - either loader is a safe one
