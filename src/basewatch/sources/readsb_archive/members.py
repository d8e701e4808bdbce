"""The traces and heatmaps in a day's folder or tar, by name: where each lies, and which names are wrong."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from basewatch.config import ReadsbArchive
from basewatch.net.content import content_fault
from basewatch.readsb.heatmap import HALVES, clock, half_hour
from basewatch.readsb.tar_index import BLOCK, Fault, Volume, walk
from basewatch.readsb.tar_search import NoTar, TooDear, search

MEMBER = "traces/<last two digits>/trace_full_<address>.json"  # how readsb names a trace
HEATMAP = "heatmap/<half hour, 00 to 47>.bin.ttf"  # and a heatmap
DEEPEST = 5  # folders below a day's folder in which files are looked for

# In whatever case: copies made on other systems lose it. The bytes tell whether a member is gzip, so its name need not.
_TRACE = re.compile(
    rb"(?:\./)?(?:[^/]+/){0,6}?(?:([0-9a-f]{2})/)?trace_full_(~?[0-9a-f]{6})\.json(?:\.gz)?", re.IGNORECASE
)


def is_named(name: bytes) -> bool:
    """Whether a file is named like a trace or a heatmap."""
    return _TRACE.fullmatch(name) is not None or half_hour(name) is not None


def strange(names: Sequence[str]) -> str:
    """That none of some files is named so, in words."""
    return f"none of its {len(names)} files is named {MEMBER} or {HEATMAP}; there is {names[0][:100]!r}"


def listing(folder: Path) -> list[tuple[str, int]]:
    """Path below an unpacked day's folder and size of every file that may be a trace or a heatmap, sorted."""
    files: list[tuple[str, int]] = []

    def take_in(path: str, below: str, deep: int) -> None:
        with suppress(OSError):
            for entry in os.scandir(path):
                with suppress(OSError):  # a link that leads to itself; the entries behind it count all the same
                    if entry.is_file():
                        files.append((below + entry.name, entry.stat().st_size))
                    elif deep < DEEPEST and entry.is_dir() and entry.name.lower() != "acas":
                        take_in(entry.path, f"{below}{entry.name}/", deep + 1)

    take_in(str(folder), "", 0)
    return sorted(files)


@dataclass
class Index:
    """A day's traces by address, and what was found wrong on the way."""

    members: dict[str, tuple[int, int]]
    folders: int
    foreign: list[str]  # traces of addresses that are not ICAO's own
    repeated: int
    faults: list[tuple[str, str]]
    cut_short: str | None = None
    names: dict[str, str] = field(default_factory=dict)  # by address, where a file in a folder is not named as usual
    others: int = 0  # files that are no traces by their names
    example: str = ""  # the name of one of them
    no_tar: str | None = None  # what the file holds that should be a tar
    heatmaps: dict[int, tuple[int, int, str]] = field(default_factory=dict)  # by half hour: offset, size, name

    def way(self, settings: ReadsbArchive) -> str:
        """How the day is to be read under these settings, as far as names tell: `traces`, `heatmap` or `both`.

        Heatmaps tell what was heard of everybody, and traces more of an aircraft. Of a day whose heatmaps are not whole
        all traces are read; so are those of one's own receiver, which are few, and of which heatmaps cannot show
        whether they are whole: it may hear nobody for hours.
        """
        if settings.read != "auto":
            return settings.read
        if settings.scan != "all" or not self.heatmaps:
            return "traces"
        if not self.members:
            return "heatmap"
        return "traces" if settings.own_receiver or len(self.heatmaps) < HALVES else "both"

    @property
    def without_traces(self) -> str:
        """Why there is no trace to read, in words."""
        if self.foreign:
            return (
                f"its {len(self.foreign)} traces are all of addresses that are not ICAO's own, such as "
                f"{self.foreign[0]}, which name no aircraft"
            )
        if self.no_tar:
            return self.no_tar
        if self.others:
            named = f"none of its {self.others} files is named {MEMBER} or {HEATMAP}"
            return f"it holds no traces: {named}; there is {self.example!r}"
        return "it holds no traces"


def index_of(paths: Sequence[Path], usual: str) -> Index:
    """The traces in a day's folder, or in its tar. usual: what the names of traces in a folder begin with."""
    index = Index({}, 0, [], 0, [])
    if len(paths) == 1 and paths[0].is_dir():
        entries: Iterable[tuple[bytes, int, int]] = (
            (name.encode("utf-8", "surrogateescape"), 0, size) for name, size in listing(paths[0])
        )
        _add(index, entries, usual)
        return index
    volume = Volume(paths)
    try:
        head = volume.read(0, BLOCK)
        if head.strip(b"\0"):
            index.no_tar = content_fault(head, "tar")
        _add(index, _members(volume, index))
    finally:
        volume.close()
    return index


class _Near:
    """A tar at hand, for a search that counts what bytes cost: here none do."""

    spent = 0

    def __init__(self, volume: Volume) -> None:
        self.size, self.read = volume.size, volume.read

    def expect(self, offset: int, length: int) -> None:
        """Nothing needs to be brought near."""


def heatmaps_of(paths: Sequence[Path]) -> Index | None:
    """The heatmaps of a day in its tar, found without a look at every trace.

    None where not all are found so, one bears a name that leads elsewhere, or the day is no tar: then all members
    tell (`index_of`).
    """
    if paths[0].is_dir():
        return None
    volume = Volume(paths)
    try:
        members = search(_Near(volume), b"heatmap", half_hour, HALVES).members
    except (NoTar, TooDear):
        return None
    finally:
        volume.close()
    leads_out = any(b".." in one.name.split(b"/") or one.name.startswith(b"/") for one in members.values())
    if len(members) < HALVES or leads_out:
        return None
    places = {
        half: (member.offset, member.size, member.name.decode("utf-8", "surrogateescape"))
        for half, member in members.items()
    }
    return Index({}, 0, [], 0, [], heatmaps=places)


def _members(volume: Volume, index: Index) -> Iterator[tuple[bytes, int, int]]:
    for entry in walk(volume):
        if isinstance(entry, Fault):
            index.faults.append((f"{entry.name.decode('utf-8', 'replace')} at byte {entry.offset}", entry.reason))
            if entry.ends:
                index.cut_short = entry.reason
        else:
            yield entry.name, entry.offset, entry.size


def _is_like_a_trace(name: bytes) -> bool:
    """Whether a member that is not named as readsb names traces may be one all the same."""
    *folders, base = name.lower().split(b"/")
    if base.startswith(b"trace_recent_"):  # the last points of a trace, which its own file holds too
        return False
    is_among_traces = b"traces" in folders or bool(folders and re.fullmatch(rb"[0-9a-f]{2}", folders[-1]))
    return base.startswith(b"trace_") or (is_among_traces and base.removesuffix(b".gz").endswith(b".json"))


def _add(index: Index, entries: Iterable[tuple[bytes, int, int]], usual: str | None = None) -> None:
    """Take in members by name, offset and size. usual: as `index_of` has it; None in a tar, where offsets tell all."""
    folders = set()
    for name, offset, size in entries:
        match = _TRACE.fullmatch(name)
        half = half_hour(name) if match is None else None
        if half is not None:
            if half in index.heatmaps:
                index.faults.append((name.decode("utf-8", "replace"), f"a second file of {clock(half)}; it counts"))
            index.heatmaps[half] = offset, size, name.decode("utf-8", "surrogateescape")
            continue
        if match is None:
            index.others += 1
            index.example = index.example or name[:100].decode("utf-8", "replace")
            if _is_like_a_trace(name):
                index.faults.append((name.decode("utf-8", "replace"), "not a name that readsb gives a trace"))
            continue
        address = match[2].decode().lower()
        folder = match[1].decode().lower() if match[1] else address[-2:]
        if address[-2:] != folder:
            index.faults.append((name.decode(), "the trace of this address belongs into another folder"))
            continue
        folders.add(folder)
        if address.startswith("~"):
            index.foreign.append(address)
            continue
        index.repeated += address in index.members
        index.members[address] = offset, size
        index.names.pop(address, None)
        if usual is not None and name != f"{usual}{folder}/trace_full_{address}.json".encode():
            index.names[address] = name.decode("utf-8", "surrogateescape")
    index.folders = len(folders)
