"""What a file would be taken for, at a terminal: form, columns, sample rows as understood, rejects with reasons."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from basewatch import config
from basewatch.cli import tables
from basewatch.config import Settings
from basewatch.reference import load
from basewatch.sources import contract
from basewatch.sources.contract import Taken

REJECTS_SHOWN = 20


def taken_for(path: Path, settings: Settings) -> tuple[str, Taken]:
    """The source that would read a file, and what it would take it for.

    Of the sources that read files of one's own, the one whose location the file lies below; else the first that knows
    the file, enabled ones before the others.
    """
    tables_, params = load.tables(settings), load.params(settings)
    takers = [code for code in config.Sources.model_fields if contract.module(code).taken_for]
    enabled = set(settings.enabled_sources())
    takers.sort(key=lambda code: (not _lies_below(path, code, settings), code not in enabled))
    first: tuple[str, Taken] | None = None
    for code in takers:
        context = contract.context(code, settings, tables_, params, datetime.now(UTC))
        look = contract.module(code).taken_for
        assert look
        taken = look(path, replace(context, readings=None))
        if taken.form or _lies_below(path, code, settings):
            return code, taken
        first = first or (code, taken)
    assert first, "some source reads files"
    return first


def _lies_below(path: Path, code: str, settings: Settings) -> bool:
    location = settings.source(code).location
    if not location or "://" in location or code not in settings.enabled_sources():
        return False
    return path.resolve().is_relative_to((settings.folder / Path(location).expanduser()).resolve())


def show(path: Path, settings: Settings) -> bool:
    """Print what a file would be taken for; whether it can be read wholly."""
    if not path.is_file():
        print(f"{path}: no such file")
        return False
    source, taken = taken_for(path, settings)
    print(f"{path}: {taken.form or 'cannot be read'} ({source})")
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
