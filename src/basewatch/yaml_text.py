"""YAML by the C parser where there is one: ten times as quick, and as safe (plain values, never objects)."""

from __future__ import annotations

from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse(text: str) -> Any:
    """The document's value. Raises yaml.YAMLError where it is malformed."""
    try:
        return yaml.load(text, Loader=_LOADER)  # noqa: S506 - either loader is a safe one
    except (ValueError, RecursionError) as error:  # a date that is none (0000-00-00), lists a thousand deep
        raise yaml.YAMLError(str(error)) from None
