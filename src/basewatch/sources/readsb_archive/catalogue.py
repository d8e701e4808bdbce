"""What a folder of archives holds, by names alone: which file or folder is of which day, and which names say nothing.

A day is one tar, packed or not, a tar in parts, or a folder. It lies in the archive's folder itself, or in its
`globe_history`, or below folders of its year and month. A look costs a listing of these folders, so it is kept until
one of them changes.
"""

from __future__ import annotations

import os
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from basewatch.errors import SourceError
from basewatch.readsb.day_names import days_in
from basewatch.sources.contract import leads_out

EXPECTED = (
    "a tar (.tar, .tar.gz, .tgz, .tar.xz, .tar.bz2, .tar.zst, each whole or in parts .aa, .ab, …) or a folder, "
    "no link that leads elsewhere,"
)
KEPT = 4  # catalogues held at a time
SETTLED_NS = 2_000_000_000  # a folder that changed so lately may change again within one tick of its clock

_ARCHIVE = re.compile(
    r"(?P<stem>.+?)(?P<kind>\.tar(?:\.(?:gz|xz|bz2|zst|zstd))?|\.tgz|\.txz|\.tbz2?|\.tzst)(?:\.(?P<part>[a-z]{2}))?",
    re.IGNORECASE,
)
_PACKED = re.compile(r"\.(tar|t[gx]z|tbz2?|tzst|zip|rar|7z|gz|xz|bz2|zst)\b", re.IGNORECASE)
_BESIDE = re.compile(r"\.(md5|sha\d+|md5sum|sha\d+sum|asc|sig|txt|json|torrent|log)$", re.IGNORECASE)


@dataclass(frozen=True)
class ArchiveName:
    """The parts of a tar's name: what comes before `.tar` (or `.tgz`, …), that ending, and the part (aa, ab, …)."""

    stem: str
    kind: str
    part: str | None


def archive_name(name: str) -> ArchiveName | None:
    """The parts of a tar's name, in whatever case it is written; None for any other name."""
    match = _ARCHIVE.fullmatch(name)
    if match is None:
        return None
    return ArchiveName(match["stem"], match["kind"].lower(), match["part"].lower() if match["part"] else None)


@dataclass
class Catalogue:
    """What an archive's folder holds by name. All paths are below it.

    tars, folders: of each day. odd: names that spell a day and are no archive. strange: names like those of archives
    that spell no day, or several. others: names that have nothing to do with archives.
    """

    tars: dict[date, list[Path]] = field(default_factory=lambda: defaultdict(list))
    folders: dict[date, list[Path]] = field(default_factory=lambda: defaultdict(list))
    odd: dict[date, list[Path]] = field(default_factory=lambda: defaultdict(list))
    strange: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    looked_into: dict[Path, int] = field(default_factory=dict)  # folders, and when they had changed (ns)

    def days(self) -> set[date]:
        """The days of which there is a tar or a folder."""
        return self.tars.keys() | self.folders.keys()

    def is_current(self) -> bool:
        """Whether no folder that was looked into has changed."""
        try:
            return all(folder.stat().st_mtime_ns == changed for folder, changed in self.looked_into.items())
        except OSError:
            return False


_kept: dict[Path, Catalogue] = {}


def look(location: Path) -> Catalogue:
    """The catalogue of an archive's folder, as it is now. Raises SourceError where it cannot be read."""
    known = _kept.get(location)
    if known is not None and known.is_current():
        return known
    began = time.time_ns()
    catalogue = Catalogue()
    try:
        _take_in(location, location, catalogue)
    except OSError as error:
        raise SourceError(f"readsb_archive: {error.filename or location} cannot be read: {error.strerror}") from None
    _kept.pop(location, None)
    if all(changed < began - SETTLED_NS for changed in catalogue.looked_into.values()):
        while len(_kept) >= KEPT:
            _kept.pop(next(iter(_kept)), None)
        _kept[location] = catalogue
    return catalogue


def _take_in(folder: Path, location: Path, catalogue: Catalogue) -> None:
    catalogue.looked_into[folder] = folder.stat().st_mtime_ns
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name.startswith("."):
            continue
        path, is_folder = folder / entry.name, entry.is_dir()
        days = _days(path, location)
        if entry.is_symlink() and leads_out(path, location):  # named as what is not understood, and not followed
            catalogue.strange.append(path)
            for day in days:
                catalogue.odd[day].append(path)
        elif is_folder and folder == location and entry.name.lower() == "globe_history":  # into which readsb writes
            _take_in(path, path, catalogue)
        elif not days and is_folder and _is_above_days(path, location):
            _take_in(path, location, catalogue)
        elif len(days) == 1:
            (day,) = days
            if is_folder:
                catalogue.folders[day].append(path)
            elif archive_name(entry.name):
                catalogue.tars[day].append(path)
            else:
                catalogue.odd[day].append(path)
        elif days or (not is_folder and _PACKED.search(entry.name)):
            catalogue.strange.append(path)
            for day in days:
                catalogue.odd[day].append(path)
        else:
            catalogue.others.append(path)


def _days(path: Path, location: Path) -> set[date]:
    """The days that a name spells, or else the path below the archive's folder: `2025/10/24`, `2025/10/24.tar`."""
    days = days_in(path.name)
    if days:
        return days
    parts = path.relative_to(location).parts
    if len(parts) == 3 and all(part.isascii() and part.isdigit() for part in parts):  # also without leading zeros
        year, month, day = parts
        return days_in(f"{year}/{month:0>2}/{day:0>2}")
    return days_in("/".join(parts))


def _is_above_days(path: Path, location: Path) -> bool:
    """Whether a folder is of a year, or of a month."""
    parts = path.relative_to(location).parts
    if len(parts) == 1:
        return bool(re.fullmatch(r"\d{4}([._-]\d\d)?", parts[0]))
    return len(parts) == 2 and bool(re.fullmatch(r"\d{1,2}|\d{4}[._-]\d\d", parts[1]))


def unread(catalogue: Catalogue) -> Iterator[Path]:
    """Names that may be of archives and are not understood; sums, signatures and lists beside archives are none."""
    paths = dict.fromkeys(path for group in (*catalogue.odd.values(), catalogue.strange) for path in group)
    yield from (path for path in paths if not _BESIDE.search(path.name))
