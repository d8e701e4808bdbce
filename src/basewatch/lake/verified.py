"""Which files were found to be what their hash says: each is read once, and again when size, time or inode changed."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from basewatch.durable import sha256
from basewatch.errors import Damaged
from basewatch.lake import notes


class Verified:
    """What is known of the files below a folder, kept in one file there. It may be deleted at any time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "verified.json"
        self._known: dict[str, list[int]] | None = None

    def damaged(self, files: Mapping[Path, str], *, anew: bool = False) -> dict[Path, str]:
        """Of files with the hash (hex) that each should begin with, those that are not so, and what is the matter.

        anew: all are read, whatever is known of them.
        """
        known = self._read()
        found, changed = {}, False
        for file, digest in files.items():
            name = str(file.relative_to(self._folder))
            try:
                state = _state(file)
                if known.get(name) == state and not anew:
                    continue
                if sha256(file).startswith(digest):
                    changed = changed or known.get(name) != state
                    known[name] = state
                    continue
                found[file] = "is damaged: its bytes are not those that its hash tells"
            except FileNotFoundError:
                found[file] = "is missing"
            except OSError as error:
                found[file] = f"cannot be read: {error.strerror}"
            changed = known.pop(name, None) is not None or changed
        if changed:
            with contextlib.suppress(OSError):  # who may only read finds out each time
                notes.write(self._file, known)
        return found

    def _read(self) -> dict[str, list[int]]:
        if self._known is None:
            try:
                values = notes.read(self._file)
                self._known = {str(name): [int(part) for part in state] for name, state in values.items()}
            except (Damaged, ValueError, TypeError):
                self._known = {}  # then every file is read, which is right however this came about
        return self._known

    def forget_but(self, names: set[str]) -> None:
        """Drop what is known of files that are gone; `names` are relative to the folder."""
        known = self._read()
        kept = {name: state for name, state in known.items() if name in names}
        if len(kept) < len(known):
            self._known = kept
            with contextlib.suppress(OSError):
                notes.write(self._file, kept)


def _state(file: Path) -> list[int]:
    """What changes when a file is written anew or another is put in its place: size, time in ns, inode."""
    found = file.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ino]
