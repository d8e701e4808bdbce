"""What is right and what is not with this installation: one finding a check, each fault with what to do about it."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from basewatch.errors import BasewatchError

if TYPE_CHECKING:
    from basewatch.config import Settings
    from basewatch.sources.contract import Context

LEAST_FREE_GB = 5.0  # a nightly run's working space beside what sources land


@dataclass(frozen=True)
class Finding:
    """What was looked at, whether it is as it should be, and what to do if it is not."""

    ok: bool
    what: str
    advice: str = ""


def run(settings: Settings, *, network: bool = True) -> list[Finding]:
    """All findings: interpreter, warehouse, disk, reference tables, and each enabled source's own checks.

    A check that breaks is a finding, never an exception. `network=False` leaves the sources' own checks out.
    """
    findings = [_interpreter(), *_warehouse(settings)]
    context, about = _context(settings)
    findings += about
    enabled = settings.enabled_sources()
    if not enabled:
        findings.append(Finding(False, "no source is enabled", "enable one: [sources.<name>] enabled = true"))
    if context is not None and network:
        for code in enabled:
            findings += source(code, context)
    return findings


def source(code: str, context: Context) -> list[Finding]:
    """The findings of one source's own `check`; a source without one is reported as configured."""
    from basewatch.sources import contract as sources

    try:
        module = sources.module(code)
    except ImportError as error:
        return [Finding(False, f"{code}: cannot be loaded ({error})", "install basewatch again with all dependencies")]
    location = context.source(code).location or ""
    if code == "readsb_archive" and "://" in location:
        from basewatch.sources.readsb_archive import remote as readsb_releases

        check: Callable[[Context], list[Finding]] | None = readsb_releases.check
    else:
        check = getattr(module, "check", None)
    if check is None:
        return [_local(code, context)]
    try:
        found = check(replace(context, landing=context.landing / code))
    except BasewatchError as error:
        return [Finding(False, f"{code}: {error}", "see the message")]
    except Exception as error:
        return [Finding(False, f"{code}: the check itself failed ({type(error).__name__})", "report this as a bug")]
    return found


def _local(code: str, context: Context) -> Finding:
    location = context.source(code).location
    if not location or "://" in location:
        return Finding(True, f"{code}: enabled")
    path = context.settings.path(location)
    there = path.exists() or (path.parent.is_dir() and any(path.parent.glob(path.name)))
    return Finding(there, f"{code}: reads {path}", f"create it, or set sources.{code}.location to where the files are")


def _interpreter() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding(sys.version_info >= (3, 11), f"Python {version}", "use Python 3.11 or newer")


def _warehouse(settings: Settings) -> list[Finding]:
    try:
        root = settings.root
    except BasewatchError as error:
        return [Finding(False, str(error), "set warehouse.root to a folder")]
    nearest = root
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    writable = _writable(nearest)
    state = ("writable" if writable else "not writable") + ("" if root.exists() else " (not there yet)")
    findings = [
        Finding(
            writable,
            f"warehouse {root}: {state}",
            f"give this user write access to {nearest}, or set warehouse.root",
        )
    ]
    if writable and os.name == "posix":
        linkable = _linkable(nearest)
        findings.append(
            Finding(
                linkable,
                f"warehouse {root}: symbolic links {'work' if linkable else 'do not work'}",
                "use a file system with symbolic links: the switch of `current` is one",
            )
        )
    free = shutil.disk_usage(nearest).free / 1e9
    return [
        *findings,
        Finding(
            free >= LEAST_FREE_GB,
            f"disk of {nearest}: {free:,.1f} GB free",
            f"free space until {LEAST_FREE_GB:.0f} GB are left, or move the warehouse",
        ),
    ]


def _writable(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _linkable(folder: Path) -> bool:
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".doctor-") as inside:
            link = Path(inside) / "link"
            link.symlink_to("target")
            return link.is_symlink()
    except OSError:
        return False


def _context(settings: Settings) -> tuple[Context | None, list[Finding]]:
    from basewatch.reference import load
    from basewatch.sources.contract import Context

    try:
        tables = load.tables(settings)
        params = load.params(settings)
    except BasewatchError as error:
        return None, [Finding(False, f"reference tables: {error}", "correct the file that the message names")]
    try:
        landing = settings.root / "landing"
    except BasewatchError:
        return None, []
    context = Context(settings, tables, params.values, landing, datetime.now(UTC))
    return context, [Finding(True, f"reference tables: {len(tables.bases)} bases")]
