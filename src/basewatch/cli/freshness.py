"""`basewatch status --check`: how old the current release is, from its manifest alone, for monitors that ask often."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from basewatch.errors import BasewatchError


def fault(root: Path, hours: float) -> str | None:
    """What is wrong with the age of the current release of the warehouse at `root`; None where it is fresh enough.

    hours: how old it may be. A moment of publication that lies ahead counts as now: the clock moved.
    """
    manifest = root / "current" / "manifest.json"
    try:
        values = json.loads(manifest.read_text(encoding="utf-8"))
        published = datetime.fromisoformat(values["published_at"])
        name = str(values["release_id"])
    except FileNotFoundError:
        return f"there is no release in {root}"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"the current release cannot be read ({type(error).__name__}); `basewatch verify` says more"
    age = (datetime.now(UTC) - published).total_seconds() / 3600
    if age > hours:
        return f"release {name} is {age:,.1f} hours old, more than {hours:g}"
    return None


def require(root: Path, hours: float) -> None:
    """Raise BasewatchError (exit 1) where the current release is older than so many hours, or there is none."""
    wrong = fault(root, hours)
    if wrong:
        raise BasewatchError(wrong)
    print(f"ok    the current release is no older than {hours:g} hours")
