"""Small JSON files beside the ledger, each with a hash over what it says: an edited one is known from a whole one."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from basewatch.durable import write_aside
from basewatch.errors import Damaged

HASH, CONTENT, SEALED = "sha256", "content", "is_sealed"


def write(file: Path, content: dict[str, Any]) -> None:
    """Write a note, aside and renamed."""
    values = {HASH: digest(content), CONTENT: content}
    write_aside(file, json.dumps(values, indent=1, default=str, ensure_ascii=False).encode())


def read(file: Path) -> dict[str, Any]:
    """What a note says, empty where there is none. Raises Damaged where it is damaged.

    One of before there were hashes holds its content alone.
    """
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise Damaged(file, f"is damaged: it cannot be read ({error})") from None
    if not isinstance(values, dict):
        raise Damaged(file, "is damaged: it holds another thing than it should")
    if len(values) == 2 and len({HASH, CONTENT} & set(values)) == 1:
        raise Damaged(file, "is damaged: the name of its hash or of its content was edited")
    if set(values) != {HASH, CONTENT}:
        return values
    if not isinstance(values[CONTENT], dict) or digest(values[CONTENT]) != values[HASH]:
        raise Damaged(file, "is damaged: it was edited")
    return dict(values[CONTENT])


def sealed(values: dict[str, Any]) -> dict[str, Any]:
    """Values with a hash over them among them, for a file whose values readers of it look up by name."""
    told = {**{name: value for name, value in values.items() if name != HASH}, SEALED: True}
    return {**told, HASH: digest(told)}


def is_broken(values: dict[str, Any]) -> bool:
    """Whether sealed values were edited; those of before there were hashes are taken as they are."""
    stated = values.get(HASH)
    if stated is None:
        return SEALED in values
    return bool(stated != digest({name: value for name, value in values.items() if name != HASH}))


@contextlib.contextmanager
def understood(file: Path) -> Iterator[None]:
    """What a note says is taken apart inside; one of another shape than it should have is raised as Damaged."""
    try:
        yield
    except (ValueError, TypeError, AttributeError):
        raise Damaged(file, "is damaged: it holds another thing than it should") from None


def digest(content: dict[str, Any]) -> str:
    """A hash over a note's content, whatever the order of its names."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
