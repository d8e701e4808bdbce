"""Daily trace archives as readsb writes them: of adsb.lol, of ADS-B Exchange, of one's own receiver.

A day is one tar, packed or not, a tar in parts, or a folder. The same day may lie there in several copies: of the main
servers (`prod`), of their stand-ins (`staging`), of either while it was still being written (`tmp`), or with nothing
but multilateration (`mlatonly`). One copy is chosen, never two merged. Files are read where they are, but for a packed
tar, which is unpacked aside.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from basewatch.config import ReadsbArchive
from basewatch.errors import SourceError
from basewatch.sources.contract import Context, Finding, Landed, LandedFile, Window, check_location
from basewatch.sources.readsb_archive import catalogue
from basewatch.sources.readsb_archive.catalogue import Catalogue, archive_name
from basewatch.sources.readsb_archive.members import index_of, is_named, listing, strange
from basewatch.sources.readsb_archive.unpack import is_packed

CODE = "readsb_archive"
FOLDERS_SHOWN = 12  # by `doctor`; an archive by year and month has twelve a year
NAMES_SHOWN = 5
ALONE = "watched aircraft alone"  # how a landed folder says that it holds nobody else

# ---- which copy


@dataclass(frozen=True)
class Copy:
    """One copy of a day: its files in order (one folder, one tar, or a tar's parts). `fault`: why it cannot be used."""

    name: str
    paths: tuple[Path, ...]
    size: int
    variant: str  # prod, staging, mlatonly; empty where the name tells none
    is_tmp: bool
    fault: str | None = None
    is_strange: bool = False  # whether it holds files, none of which is named like a trace or a heatmap

    @property
    def label(self) -> str:
        """Name, number of parts and size."""
        parts = f" in {len(self.paths)} parts" if len(self.paths) > 1 else ""
        return f"{self.name}{parts} ({self.size / 1e6:,.1f} MB)"


def copies(location: Path, day: date) -> list[Copy]:
    """Every copy of a day in a folder, usable or not, by name. Raises SourceError if the folder cannot be read."""
    return _copies(catalogue.look(location), location, day)


def _copies(found: Catalogue, location: Path, day: date) -> list[Copy]:
    copies_of_day = _tars(found, location, day)
    for folder in found.folders.get(day, ()):
        name = f"{folder.relative_to(location).as_posix()}/"
        files = listing(folder)
        size = sum(size for _, size in files)
        if any(is_named(file.encode("utf-8", "surrogateescape")) for file, _ in files):
            copies_of_day.append(Copy(name, (folder,), size, "", False))
        else:
            why = "holds no traces and no heatmaps"
            why += f": {strange([file for file, _ in files])}" if files else ""
            copies_of_day.append(Copy(name, (folder,), size, "", False, why, is_strange=bool(files)))
    return sorted(copies_of_day, key=lambda copy: copy.name)


def _tars(found: Catalogue, location: Path, day: date) -> list[Copy]:
    whole: list[Copy] = []
    parts: dict[str, dict[str, Path]] = defaultdict(dict)
    stems: dict[str, str] = {}
    for path in found.tars.get(day, ()):
        named = archive_name(path.name)
        assert named is not None
        name = path.relative_to(location).as_posix()
        if named.part:
            name = name[: -len(named.part) - 1]
            parts[name][named.part], stems[name] = path, named.stem
        else:
            whole.append(_copy(name, named.stem, [path]))
    for name, path_of_ending in parts.items():
        ordered = [path for _, path in sorted(path_of_ending.items())]
        whole.append(_copy(name, stems[name], ordered, _missing_part(sorted(path_of_ending))))
    return whole


def _copy(name: str, stem: str, paths: list[Path], fault: str | None = None) -> Copy:
    variant = re.search(r"(prod|staging|mlatonly)-\d+(tmp)?", stem.lower())
    size = sum(path.stat().st_size for path in paths)
    return Copy(
        name,
        tuple(paths),
        size,
        variant[1] if variant else "",
        bool(variant and variant[2]),
        fault or (None if size else "is empty"),
    )


def _missing_part(endings: Sequence[str]) -> str | None:
    """What is wrong with a set of part endings: aa, ab, ac, … as `split` names them."""
    for number, part in enumerate(endings):
        expected = chr(ord("a") + number // 26) + chr(ord("a") + number % 26)
        if part != expected:
            return f"part .tar.{expected} is missing"
    return None


def choose(copies_of_day: Iterable[Copy], min_share: float) -> tuple[Copy | None, str]:
    """The copy to read and why it, with what speaks against the others; None where none can be used.

    The largest of the usable ones. A multilateration-only copy is taken where there is no other; one marked `tmp` only
    where it is so much larger that the others miss `min_share` of it.
    """
    usable = [copy for copy in copies_of_day if copy.fault is None]
    usable.sort(key=lambda copy: (copy.variant != "mlatonly", copy.size * (min_share if copy.is_tmp else 1)))
    chosen = usable.pop() if usable else None
    against = [f"{copy.label}: {copy.fault}" for copy in copies_of_day if copy.fault]
    for copy in reversed(usable):
        assert chosen is not None
        if copy.variant == "mlatonly" and chosen.variant != "mlatonly":
            against.append(f"{copy.label}: multilateration only")
        elif copy.is_tmp and not chosen.is_tmp:
            against.append(f"{copy.label}: written while the day's files were still being made")
        else:
            against.append(f"{copy.label}: not larger")
    rest = f"; not {', '.join(against)}" if against else ""
    return chosen, f"{chosen.label}{rest}" if chosen else "; ".join(against)


def trailing_sizes(files: Sequence[LandedFile], day: date, context: Context[ReadsbArchive]) -> list[int]:
    """Bytes of the tars chosen for the days before, where they lie beside this one; folders are too slow to measure."""
    if files[0].path.is_dir():
        return []
    share = context.params.archive_min_share_of_median
    beside = files[0].path.parent
    sizes = []
    for back in range(1, context.params.archive_trailing_days + 1):
        earlier = day - timedelta(days=back)
        with suppress(SourceError):
            chosen, _ = choose(_tars(catalogue.look(beside), beside, earlier), share)
            if chosen is not None and chosen.variant != "mlatonly":
                sizes.append(chosen.size)
    return sizes


# ---- fetch


def fetch(window: Window, context: Context[ReadsbArchive]) -> Landed:
    """The chosen copy of each day of the window, where it lies; days without one in `absent`.

    Its `sha256` is of names, sizes and times of change, since hashing gigabytes would cost as much as decoding them;
    the ledger gets a hash over the traces themselves from `decode`. Raises SourceError where the location cannot be
    read.
    """
    settings = context.settings
    if not settings.location:
        raise SourceError(f"{CODE} has no location: set sources.{CODE}.location to an address or a folder of archives")
    location = context.path(settings.location)
    files: list[LandedFile] = []
    absent: dict[date, tuple[str, str]] = {}
    found = catalogue.look(location)
    for day in window.days():
        copies_of_day = _copies(found, location, day)
        chosen, why = choose(copies_of_day, context.params.archive_min_share_of_median)
        if chosen is None:
            odd = [path.name for path in found.odd.get(day, ())]
            status, why = _absence(day, why, odd, context)
            is_strange = any(copy.is_strange for copy in copies_of_day)  # there is something, and nobody can read it
            absent[day] = ("failed" if is_strange else status), why
            continue
        for path in chosen.paths:
            sha256, size = _identity(path)
            files.append(LandedFile(path, path.name, sha256, size, context.now, day, why))
    return Landed(window, tuple(files), absent)


def absent(days: Sequence[date], context: Context[ReadsbArchive]) -> set[date]:
    """Those of the days of which the folder has nothing. Raises SourceError where it cannot be read."""
    location = context.settings.location
    return set(days) - catalogue.look(context.path(location)).days() if location else set()


def _absence(day: date, why: str, odd: Sequence[str], context: Context[ReadsbArchive]) -> tuple[str, str]:
    published = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(
        days=1, hours=context.params.archive_publish_hours
    )
    if why:
        return "missing", f"no copy of {day} can be used: {why}"
    if odd:
        return "missing", f"no archive of {day} by its name: {', '.join(odd[:3])}, where {catalogue.EXPECTED} is due"
    if context.now < published:
        return "late", f"no archive of {day} yet; they come out by {published:%H:%M} UTC of the next day"
    return "missing", f"no archive of {day} in the folder"


def _identity(path: Path) -> tuple[str, int]:
    digest, total = hashlib.sha256(), 0
    if path.is_dir():
        for name, size in listing(path):
            digest.update(f"{name} {size}\n".encode("utf-8", "surrogateescape"))
            total += size
    else:
        state = path.stat()
        digest.update(f"{path.name} {state.st_size} {state.st_mtime_ns}".encode())
        total = state.st_size
    return digest.hexdigest(), total


# ---- doctor


def check(context: Context[ReadsbArchive]) -> list[Finding]:
    """Which days the folder holds by the names in it, folder by folder, and which names say nothing."""
    findings = [check_location(context)]
    location = context.settings.location
    if not findings[0].ok or not location:
        return findings
    root = context.path(location)
    try:
        found = catalogue.look(root)
    except SourceError as error:
        return [Finding(False, str(error), f"set sources.{CODE}.location to the folder of the archives")]
    days_in_folder: dict[Path, set[date]] = defaultdict(set)
    for day, paths in (*found.tars.items(), *found.folders.items()):
        for path in paths:
            days_in_folder[path.parent].add(day)
    for folder, days in sorted(days_in_folder.items())[:FOLDERS_SHOWN]:
        findings.append(Finding(True, f"{CODE}: {folder} holds {len(days)} days, {min(days)} to {max(days)}"))
    if len(days_in_folder) > FOLDERS_SHOWN:
        held = found.days()
        more = (
            f"{len(days_in_folder) - FOLDERS_SHOWN} more folders; {len(held)} days in all, {min(held)} to {max(held)}"
        )
        findings.append(Finding(True, f"{CODE}: {more}"))
    advice = f"a day is {catalogue.EXPECTED} with the day in its name: 2025-10-24, 2025.10.24, 20251024, 2025/10/24"
    if not days_in_folder:
        there = ", ".join(str(path.relative_to(root)) for path in (*catalogue.unread(found), *found.others))
        findings.append(Finding(False, f"{CODE}: {root} holds no day; there is {there[:200] or 'nothing'}", advice))
    else:
        findings += _newest(found, root, context)
    unread = list(catalogue.unread(found))
    if unread:
        names = ", ".join(str(path.relative_to(root)) for path in unread[:NAMES_SHOWN])
        more = f", and {len(unread) - NAMES_SHOWN} more" if len(unread) > NAMES_SHOWN else ""
        findings.append(Finding(False, f"{CODE}: {root}: names that are not understood: {names}{more}", advice))
    return findings


def _newest(found: Catalogue, root: Path, context: Context[ReadsbArchive]) -> list[Finding]:
    """What the newest day holds, and how it would be read; nothing of a packed one, which is dear to look into."""
    day = max(found.days())
    copy, why = choose(_copies(found, root, day), context.params.archive_min_share_of_median)
    if copy is None:
        return [Finding(False, f"{CODE}: {day}: {why}", "look at the files of that day")]
    if not copy.paths[0].is_dir() and is_packed(copy.paths[0]):
        return []
    index = index_of(copy.paths, "")
    counted = f"{len(index.members):,} traces in {index.folders} folders and {len(index.heatmaps)} heatmaps"
    way = {"both": "heatmaps, and traces where they matter", "heatmap": "heatmaps alone", "traces": "traces alone"}
    read = way[index.way(context.settings)]
    if not index.members and not index.heatmaps:
        return [Finding(False, f"{CODE}: {day}, the newest: {index.without_traces}", "look at the files of that day")]
    return [Finding(True, f"{CODE}: {day}, the newest: {counted} in {copy.name}; read: {read}")]
