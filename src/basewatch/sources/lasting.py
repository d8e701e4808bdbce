"""What a file of the user's own once held and holds no more, or says otherwise: it stays until the user takes it back.

A file that is gone, empty, unreadable or far smaller than it was is more likely damaged than meant, and its silence
would become a zero. Who means it says so: `basewatch withdraw FILE --because TEXT`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import PurePath
from types import MappingProxyType
from typing import Any

from basewatch.lake.events import FileReading
from basewatch.sources.contract import Context


@dataclass(frozen=True)
class Shortfall:
    """A file that holds far less than when it was last read well: that reading, and what is to be said of it now."""

    before: FileReading
    note: FileReading
    reason: str


def is_ignored(name: str, patterns: Iterable[str]) -> bool:
    """Whether the setting `ignore` leaves a file out, by its name below the location or by its own."""
    return any(fnmatch(name, pattern) or fnmatch(PurePath(name).name, pattern) for pattern in patterns)


def shortfalls(
    notes: dict[str, FileReading],
    context: Context[Any],
    ignore: Iterable[str] = (),
    otherwise: Mapping[str, str] = MappingProxyType({}),
    *,
    same_bytes_are_no_loss: bool = False,
) -> list[Shortfall]:
    """The files that held far more before; in `notes`, by file, those are marked whose former rows are taken back.

    A file that is ignored from now on is meant to be left out. otherwise: in words, what files say otherwise than
    before, however much they hold. same_bytes_are_no_loss: where a file is what it was and
    another list (of names, of bases) made the difference.
    """
    if context.readings is None:
        return []
    found = []
    for name, before in context.readings.held().items():
        now, held = notes.get(name), before.records_held
        is_same = now is not None and now.sha256 == before.sha256
        is_less = held > 0 and (now.records_held if now else 0) < (1 - context.params.file_loss_share_max) * held
        is_short = is_less or name in otherwise
        if before.withdrawn_because and now and is_same and not is_short:  # as it was when that was said
            since, until = (before.since, before.until) if before.is_short else (None, None)
            notes[name] = replace(
                now,
                withdrawn_because=before.withdrawn_because,
                since=min(filter(None, (now.since, since)), default=None),
                until=max(filter(None, (now.until, until)), default=None),
            )
        if not is_short or is_ignored(name, ignore) or (same_bytes_are_no_loss and is_same):
            continue
        if before.withdrawn_because:
            gone = FileReading(name, form="taken back", records_held=held)
            taken_back = replace(now or gone, withdrawn_because=before.withdrawn_because)
            notes[name] = replace(taken_back, since=before.since, until=before.until)
            continue
        less = f"held {held} records before and now {f'holds {now.records_held}' if now else 'is gone'}"
        reason = (
            f"{otherwise.get(name, less)}; what it held "
            f'stays until it is taken back: basewatch withdraw "{name}" --because TEXT'
        )
        note = replace(
            now or FileReading(name),
            records_held=held,
            since=before.since,
            until=before.until,
            is_short=True,
            is_track=before.is_track,
            fault="; ".join(filter(None, (now.fault if now else None, reason))),
        )
        found.append(Shortfall(before, note, reason))
    return found
