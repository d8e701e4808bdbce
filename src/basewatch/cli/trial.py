"""What a file would be taken for, at a terminal: form, columns, sample rows as understood, rejects with reasons."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from basewatch import config
from basewatch.cli import tables
from basewatch.config import Settings
from basewatch.errors import containment
from basewatch.reference import load
from basewatch.sources import contract
from basewatch.sources.contract import Taken

REJECTS_SHOWN = 20


def taken_for(path: Path, settings: Settings) -> tuple[str, Taken]:
    """The source that would read a file, and what it would take it for.

    Of the sources that read files of one's own, the one whose location the file lies below; else the first that finds
    records in it, enabled ones before the others.
    """
    tables_, params = load.tables(settings), load.params(settings)
    takers = [code for code in config.Sources.model_fields if contract.module(code).taken_for]
    enabled = set(settings.enabled_sources())
    takers.sort(key=lambda code: (not _lies_below(path, code, settings), code not in enabled))
    looked: list[tuple[str, Taken]] = []
    for code in takers:
        context = contract.context(code, settings, tables_, params, datetime.now(UTC))
        look = contract.module(code).taken_for
        assert look
        try:
            taken = look(path, replace(context, readings=None))
        except Exception as error:
            taken = Taken("", rejects=[f"{_shown(path)}: {containment.reason(error, _shown(path))}"], records_read=1)
        if (taken.form and taken.records_kept) or _lies_below(path, code, settings):
            return code, taken
        looked.append((code, taken))
    return max(looked, key=lambda one: (bool(one[1].form), one[1].records_read))  # of equals the first


def _lies_below(path: Path, code: str, settings: Settings) -> bool:
    location = settings.source(code).location
    if not location or "://" in location or code not in settings.enabled_sources():
        return False
    return path.resolve().is_relative_to((settings.folder / Path(location).expanduser()).resolve())


def _shown(path: Path) -> str:
    return tables.as_text(os.fsencode(path).decode("utf-8", "replace"))


def show(path: Path, settings: Settings) -> bool:
    """Print what a file would be taken for; whether it can be read wholly."""
    if path.is_dir():
        files = sorted(one for one in path.rglob("*") if one.is_file() and not one.name.startswith("."))
        sound = [show(one, settings) for one in files]
        return all(sound)
    if not path.is_file():
        print(f"{_shown(path)}: no such file")
        return False
    source, taken = taken_for(path, settings)
    print(f"{_shown(path)}: {taken.form or 'cannot be read'} ({source})")
    if taken.records_read:
        print(f"  {taken.records_kept:,} of {taken.records_read:,} records would be kept")
    for note in taken.notes:
        print(f"  {tables.as_text(note)}")
    for number, row in enumerate(taken.sample, start=1):
        print(
            f"  record as understood, {number}: "
            + ", ".join(f"{name} {tables.as_text(value)}" for name, value in row.items())
        )
    for reject in taken.rejects[:REJECTS_SHOWN]:
        print(f"  rejected: {tables.as_text(reject)}")
    if len(taken.rejects) > REJECTS_SHOWN:
        print(f"  … and {len(taken.rejects) - REJECTS_SHOWN} more rejects")
    return taken.is_sound
