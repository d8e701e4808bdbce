"""Daily trace archives as readsb writes them: of adsb.lol, of ADS-B Exchange, of one's own receiver.

A day is one tar, packed or not, a tar in parts, or a folder. The same day may lie there in several copies: of the main
servers (`prod`), of their stand-ins (`staging`), of either while it was still being written (`tmp`), or with nothing
but multilateration (`mlatonly`). One copy is chosen, never two merged. Files are read where they are, but for a packed
tar, which is unpacked aside.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from statistics import median

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from basewatch.config import ReadsbArchive
from basewatch.errors import SourceError
from basewatch.lake.events import Day, Event, Reject, Rows
from basewatch.lake.files import COMPRESSION, COMPRESSION_LEVEL, ROW_GROUP, stamped
from basewatch.lake.ledger import LedgerRow
from basewatch.lake.schemas import TABLES
from basewatch.net.content import content_fault
from basewatch.readsb import workers
from basewatch.readsb.background import Limits, Tally, table
from basewatch.readsb.decoder import UNKNOWN_DAY, Job, Outcome, Shard
from basewatch.readsb.heatmap import HALVES, clock, half_hour
from basewatch.readsb.points import DAY, SECOND
from basewatch.readsb.search import expression
from basewatch.readsb.survey import Look, Seen
from basewatch.readsb.tar_index import BLOCK, Fault, Volume, walk
from basewatch.reference import watchlist
from basewatch.reference.thresholds import Thresholds
from basewatch.sources.contract import Context, Finding, Landed, LandedFile, Window, check_location
from basewatch.sources.readsb_archive import catalogue, unpack
from basewatch.sources.readsb_archive.catalogue import Catalogue, archive_name

CODE = "readsb_archive"
SHARDS = 32  # at most, of eight folders each: enough to keep many cores busy, few enough to be cheap
SHARD = 32 << 20  # bytes; smaller parts cost more to begin and to end than they gain
SMALL = 64 << 20  # bytes; a smaller archive is decoded before other processes have started
FOLDERS_SHOWN = 12  # by `doctor`; an archive by year and month has twelve a year
NAMES_SHOWN = 5
FAULTS_TOLD = 3  # unreadable heatmaps whose reason the ledger's row gives; the rejects give all
NAMED = 200  # rejects of one day that are named; the rest are counted
STALE_S = 2 * 86_400  # age at which the working folder of a run that died is removed
ALONE = "watched aircraft alone"  # how a landed folder says that it holds nobody else
WATCHED = "aircraft:watched"  # the ledger scope of such a folder: it covers no base

MEMBER = "traces/<last two digits>/trace_full_<address>.json"  # how readsb names a trace
HEATMAP = "heatmap/<half hour, 00 to 47>.bin.ttf"  # and a heatmap
LOOK = 6  # half hours that a process looks at in one go
AS_SET = "as set"  # the way in which a day was read was asked for, not chosen
DECODER = 2  # version of what decoding keeps
DEEPEST = 5  # folders below a day's folder in which traces are looked for

# In whatever case: copies made on other systems lose it. The bytes tell whether a member is gzip, so its name need not.
_TRACE = re.compile(
    rb"(?:\./)?(?:[^/]+/){0,6}?(?:([0-9a-f]{2})/)?trace_full_(~?[0-9a-f]{6})\.json(?:\.gz)?", re.IGNORECASE
)


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
        files = _listing(folder)
        size = sum(size for _, size in files)
        if any(_is_named(file.encode("utf-8", "surrogateescape")) for file, _ in files):
            copies_of_day.append(Copy(name, (folder,), size, "", False))
        else:
            why = "holds no traces and no heatmaps"
            why += f": {_strange([file for file, _ in files])}" if files else ""
            copies_of_day.append(Copy(name, (folder,), size, "", False, why, is_strange=bool(files)))
    return sorted(copies_of_day, key=lambda copy: copy.name)


def _is_named(name: bytes) -> bool:
    return _TRACE.fullmatch(name) is not None or half_hour(name) is not None


def _strange(names: Sequence[str]) -> str:
    return f"none of its {len(names)} files is named {MEMBER} or {HEATMAP}; there is {names[0][:100]!r}"


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


def judge_completeness(
    folders: int, size: int, trailing: Sequence[int], copy: str, params: Thresholds, *, own_receiver: bool = False
) -> str | None:
    """Why a day's copy is not the whole day; None where it is.

    folders: how many of the 256 hold a trace. size, trailing: bytes of this copy, and of the chosen copies of the days
    before. copy: its name. An archive of one's own receiver need not fill all folders.
    """
    reasons = []
    if "mlatonly" in copy:
        reasons.append("multilateration only")
    if folders < params.archive_min_folders and not own_receiver:
        reasons.append(f"traces in {folders} of 256 folders only")
    usual = median(trailing) if len(trailing) >= params.archive_trailing_min_days else None
    if usual is not None and size < params.archive_min_share_of_median * usual:
        reasons.append(f"{size / 1e6:,.1f} MB, where the days before have {usual / 1e6:,.1f} MB (median)")
    if re.search(r"\dtmp\b", copy) and usual is None:
        reasons.append("written while the day's files were still being made, and no days before to compare it with")
    return "; ".join(reasons) or None


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
        for name, size in _listing(path):
            digest.update(f"{name} {size}\n".encode("utf-8", "surrogateescape"))
            total += size
    else:
        state = path.stat()
        digest.update(f"{path.name} {state.st_size} {state.st_mtime_ns}".encode())
        total = state.st_size
    return digest.hexdigest(), total


def _listing(folder: Path) -> list[tuple[str, int]]:
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


# ---- decode


def decode(landed: Landed, context: Context[ReadsbArchive]) -> Iterator[Event]:
    """Positions near the watched bases, edges of track and background traffic of each landed day, and its ledger row.

    A landed day is one folder, one tar, or a tar's parts (sorted by name), each a LandedFile with that `day`; their
    `note` says which copy was chosen and why. Rows are filed under the archive's day, so that a better copy replaces
    them all; their `day` is what their own time says. Never raises for bad data; SourceError if a process dies.
    """
    by_day: dict[date, list[LandedFile]] = defaultdict(list)
    for file in landed.files:
        if file.day is not None and (file.path.is_dir() or archive_name(file.path.name)):
            by_day[file.day].append(file)
    context.landing.mkdir(parents=True, exist_ok=True)
    _remove_stale(context.landing)
    for day, files in sorted(by_day.items()):
        work = Path(tempfile.mkdtemp(prefix=".decoding-", dir=context.landing))
        try:
            events = _decode_day(day, sorted(files, key=lambda file: file.path.name.lower()), context, work)
            alone = files[0].note.startswith(ALONE)
            yield from _of_aircraft(events) if alone else events
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _of_aircraft(events: Iterable[Event]) -> Iterator[Event]:
    """The events of a folder with the traces of watched aircraft alone, under a scope that covers no base.

    What such a folder says of other traffic, nothing, is left out: it would look like deafness.
    """
    for event in events:
        if isinstance(event, Rows):
            if event.table != "base_background":
                yield replace(event, scope=WATCHED)
        elif isinstance(event, Day):
            yield replace(event, scope=WATCHED)
        else:
            yield event


def _remove_stale(landing: Path) -> None:
    for folder in landing.glob(".decoding-*"):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > STALE_S:
                shutil.rmtree(folder, ignore_errors=True)


@dataclass
class _Index:
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


def _index(paths: Sequence[Path], usual: str) -> _Index:
    """The traces in a day's folder, or in its tar. usual: what the names of traces in a folder begin with."""
    index = _Index({}, 0, [], 0, [])
    if len(paths) == 1 and paths[0].is_dir():
        entries: Iterable[tuple[bytes, int, int]] = (
            (name.encode("utf-8", "surrogateescape"), 0, size) for name, size in _listing(paths[0])
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


def _members(volume: Volume, index: _Index) -> Iterator[tuple[bytes, int, int]]:
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


def _add(index: _Index, entries: Iterable[tuple[bytes, int, int]], usual: str | None = None) -> None:
    """Take in members by name, offset and size. usual: as `_index` has it; None in a tar, where offsets tell all."""
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


def _decode_day(day: date, files: Sequence[LandedFile], context: Context[ReadsbArchive], work: Path) -> Iterator[Event]:
    settings = context.settings
    copy = files[0].note or ", ".join(file.path.name for file in files)
    name = files[0].path.name
    size = sum(file.size for file in files)
    paths, cut_short = unpack.plain([file.path for file in files], work, context.settings.disk_budget_gb)
    job = _job(day, paths, context, work)
    index = _index(paths, job.usual)
    index.cut_short = cut_short or index.cut_short
    parts = _Parts(work, day, context.now)
    outcomes, survey = _decoded(index, settings, context.params, job, size, parts)
    for lake_table, path in parts.close():
        yield Rows(lake_table, day, path)
    if settings.scan == "all":
        tally = Tally(len(job.places))
        for outcome in outcomes:
            if outcome.background is not None:
                tally.add(outcome.background.tally())
        rows = table(tally, job.places, settings.network)
        if rows.num_rows:
            yield Rows("base_background", day, rows)
    yield from _rejects(day, name, index, outcomes, parts, survey)
    yield _judge(day, files, index, outcomes, survey, size, copy, context)


@dataclass
class _Survey:
    """What the looks at a day's heatmaps gave, and how the day is read: `heatmap`, `both` or, after all, `traces`."""

    looks: list[Seen]
    way: str

    @property
    def faults(self) -> dict[int, str]:
        """Why half hours that have a file could not be read."""
        return dict(sorted(fault for look in self.looks for fault in look.faults.items()))

    @property
    def positions(self) -> dict[int, int]:
        """How many positions each half hour holds that could be read."""
        return dict(sorted(count for look in self.looks for count in look.positions.items()))

    def lacks(self, params: Thresholds, *, own_receiver: bool) -> list[str]:
        """What of the day its heatmaps do not show, in words: half hours without a file, unreadable or all but empty.

        A receiver of one's own may hear nobody for half an hour, all of a network's may not.
        """
        positions, faults = self.positions, self.faults
        absent = [half for half in range(HALVES) if half not in positions and half not in faults]
        usual = median(positions.values()) if positions else 0
        is_busy = usual >= params.heatmap_busy_positions and not own_receiver
        hushes = {half: hush for look in self.looks for half, hush in look.hush_s.items()}
        hushed = [half for half in positions if is_busy and hushes[half] > params.heatmap_hush_s]
        groups = (
            (absent, "no heatmap of"),
            (list(faults), "unreadable heatmaps of"),
            (hushed, f"nobody heard for over {params.heatmap_hush_s:g} s, of {usual:,.0f} positions usually, in"),
        )
        reasons = [f"{words} {_counted(halves)}: {_spans(halves)}" for halves, words in groups if halves]
        return [*reasons, *(f"{half:02d}.bin.ttf: {reason}" for half, reason in list(faults.items())[:FAULTS_TOLD])]


def _counted(halves: Sequence[int]) -> str:
    return f"{len(halves)} half hour{'s' if len(halves) > 1 else ''}"


def _spans(halves: Sequence[int]) -> str:
    """Half hours as spans of time, UTC: 00:00 to 01:30, 14:00 to 14:30."""
    starts = [half for half in halves if half - 1 not in halves]
    ends = [half + 1 for half in halves if half + 1 not in halves]
    return ", ".join(f"{clock(start)} to {clock(end)}" for start, end in zip(starts, ends, strict=True))


def _decoded(
    index: _Index, settings: ReadsbArchive, params: Thresholds, job: Job, size: int, parts: _Parts
) -> tuple[list[Outcome], _Survey | None]:
    """What came of each part of the day, read as the settings and what the archive holds ask for.

    Heatmaps tell what was heard of everybody, and traces more of an aircraft. Of a day whose heatmaps are not whole all
    traces are read; so are those of one's own receiver, which are few, and of which heatmaps cannot show whether they
    are whole: it may hear nobody for hours.
    """
    processes = settings.processes or len(os.sched_getaffinity(0))
    is_auto = settings.read == "auto" and settings.scan == "all" and bool(index.heatmaps)
    has_use = is_auto and (not index.members or (len(index.heatmaps) == HALVES and not settings.own_receiver))
    outcomes: list[Outcome] = []
    with workers.Workers(job, processes if size > SMALL else 1) as team:
        survey = None
        many = min(max(size // SHARD, 1), SHARDS)
        if settings.read == "heatmap" or has_use:
            is_both = settings.read == "auto" and bool(index.members)
            survey = _Survey(list(team.survey(_looks(index, many))), "both" if is_both else "heatmap")
            if is_both and survey.lacks(params, own_receiver=False):
                survey.way = "traces"
        if survey is not None and survey.way == "heatmap":
            index.members.clear()
        for outcome in team.decode(_shards(index, many, survey if survey and survey.way != "traces" else None)):
            parts.add(outcome)
            outcomes.append(outcome)
    return outcomes, survey


def _looks(index: _Index, many: int) -> list[Look]:
    files = [(half, *place) for half, place in sorted(index.heatmaps.items())]
    return [Look(number, files[first : first + LOOK], many) for number, first in enumerate(range(0, len(files), LOOK))]


def _job(day: date, paths: Sequence[Path], context: Context[ReadsbArchive], work: Path) -> Job:
    settings, params, reference = context.settings, context.params, context.reference
    fields = reference.rows.get("fields", [])
    is_folder = paths[0].is_dir()
    return Job(
        parts=[] if is_folder else [str(path) for path in paths],
        folder=str(paths[0]) if is_folder else None,
        usual="traces/" if (paths[0] / "traces").is_dir() else "",
        out=str(work),
        source=CODE,
        network=settings.network,
        scan=settings.scan,
        day_start=(day - date(1970, 1, 1)).days * DAY,
        latest=int((context.now + timedelta(days=1)).timestamp() * SECOND),
        pattern=expression(reference.places, params.rings),
        places=list(reference.places),
        rings=list(params.rings),
        watch=watchlist.build(reference),
        limits=Limits.of(params),
        field_latitudes=[field.latitude for field in fields],
        field_longitudes=[field.longitude for field in fields],
    )


def _shards(index: _Index, many: int, survey: _Survey | None) -> list[Shard]:
    """The day's aircraft in so many parts by the last two digits of the address, the traces of each by address."""
    parts: list[list[tuple[str, int, int]]] = [[] for _ in range(many)]
    for address, (offset, length) in index.members.items():
        parts[int(address[-2:], 16) * many // 256].append((address, offset, length))
    names = index.names
    pieces: list[list[tuple[str, int, int]]] = [[] for _ in range(many)]
    for look in survey.looks if survey else ():
        ends = list(accumulate(look.rows))
        for number, (count, end) in enumerate(zip(look.rows, ends, strict=True)):
            pieces[number].append((look.path, end - count, end))
    return [
        Shard(
            number,
            sorted(members),
            {address: names[address] for address, _, _ in members if address in names},
            pieces[number] if survey else None,
            max(look.spread_s for look in survey.looks) if survey and survey.looks else 0.0,
        )
        for number, members in enumerate(parts)
        if members or survey
    ]


class _Parts:
    """The rows of all parts of a day, put together into one Parquet file a table."""

    def __init__(self, work: Path, day: date, now: datetime) -> None:
        self.work = work
        self.writers: dict[str, pq.ParquetWriter] = {}
        self.waiting: dict[str, list[pa.Table]] = defaultdict(list)
        self.points = 0
        self.other_days: Counter[date] = Counter()
        self.day = day

    def add(self, outcome: Outcome) -> None:
        """Take in the rows that a part wrote aside."""
        for name, path in outcome.files:
            with pa.ipc.open_stream(path) as reader:
                for batch in reader:
                    rows = pa.Table.from_batches([batch])
                    if name == "track_points":
                        self._count(rows)
                    self.waiting[name].append(rows)
                    if sum(rows.num_rows for rows in self.waiting[name]) >= ROW_GROUP:
                        self._write(name)
            Path(path).unlink()

    def _count(self, rows: pa.Table) -> None:
        self.points += rows.num_rows
        for day_count in pc.value_counts(rows.column("day")).to_pylist():
            if day_count["values"] != self.day:
                self.other_days[day_count["values"]] += day_count["counts"]

    def _write(self, name: str) -> None:
        rows = pa.concat_tables(self.waiting.pop(name)).unify_dictionaries().combine_chunks()
        if name not in self.writers:
            # Texts and whole numbers repeat and go into dictionaries; measured fractions do not, and pack best byte by
            # byte: half the time and three quarters of the size of the defaults. Without Arrow's own schema the
            # dictionary columns are plain text to every reader.
            fractions = [field.name for field in rows.schema if pa.types.is_floating(field.type)]
            self.writers[name] = pq.ParquetWriter(
                self.work / f"{name}.parquet",
                stamped(rows.schema, TABLES[name].version),
                compression=COMPRESSION,
                compression_level=COMPRESSION_LEVEL,
                store_schema=False,
                use_dictionary=[field.name for field in rows.schema if field.name not in {*fractions, "seen_at"}],
                column_encoding={**dict.fromkeys(fractions, "BYTE_STREAM_SPLIT"), "seen_at": "DELTA_BINARY_PACKED"},
            )
        self.writers[name].write_table(rows, row_group_size=2 * ROW_GROUP)

    def close(self) -> list[tuple[str, Path]]:
        """Write what is left; the tables and their files."""
        for name in list(self.waiting):
            self._write(name)
        for writer in self.writers.values():
            writer.close()
        return [(name, self.work / f"{name}.parquet") for name in sorted(self.writers)]


def _rejects(
    day: date,
    name: str,
    index: _Index,
    outcomes: Sequence[Outcome],
    parts: _Parts,
    survey: _Survey | None,
) -> Iterator[Reject]:
    """What could not be used: the first of them by name, all of them by number."""
    named = [
        (f"{name}, {index.heatmaps[half][2]}", f"heatmap of {clock(half)}: {reason}")
        for half, reason in (survey.faults if survey else {}).items()
    ]
    named += [(f"{name}, {where}", reason) for where, reason in index.faults]
    named += [(f"{name}, trace {trace}", reason) for outcome in outcomes for trace, reason in outcome.rejects]
    yield from (Reject(day, where, reason) for where, reason in named[:NAMED])
    bad = len(survey.faults if survey else ()) + len(index.faults) + sum(outcome.bad for outcome in outcomes)
    counted = [
        (bad - min(len(named), NAMED), "more members that cannot be used"),
        (
            len(index.foreign),
            "traces of addresses that are not ICAO's own (~), which name no aircraft: " + ", ".join(index.foreign[:3]),
        ),
        (index.repeated, "traces that stand in the archive twice; the later one counts"),
        (sum(outcome.bad_points for outcome in outcomes), "points without a possible place or time"),
        (sum(outcome.duplicates for outcome in outcomes), "points that repeat another's time; the later one counts"),
        (parts.points and sum(parts.other_days.values()), f"points near a base that are of other days than {day}"),
    ]
    yield from (Reject(day, name, f"{count} {reason_text}") for count, reason_text in counted if count)


def _judge(
    day: date,
    files: Sequence[LandedFile],
    index: _Index,
    outcomes: Sequence[Outcome],
    survey: _Survey | None,
    size: int,
    copy: str,
    context: Context[ReadsbArchive],
) -> Day:
    """The day's ledger row."""
    settings, params = context.settings, context.params
    way = survey.way if survey else "traces"
    heard = survey if survey and way != "traces" else None
    failure = _failure_of_heatmaps(heard) if heard else _failure_of_traces(day, index, outcomes, settings)
    reasons = [failure] if failure else []
    if not failure:
        own_receiver = settings.own_receiver or copy.startswith(ALONE)
        incomplete = judge_completeness(
            index.folders,
            size,
            _trailing(files, day, context),
            copy.split(";")[0],
            params,
            own_receiver=own_receiver or way == "heatmap",
        )
        reasons += [incomplete] if incomplete else []
        reasons += [index.cut_short] if index.cut_short else []
        if heard:
            reasons += heard.lacks(params, own_receiver=own_receiver)
        else:
            reasons += _lacks_of_traces(day, index, outcomes, params)
    status = "failed" if failure else "partial" if reasons else "ok"
    digests = [look.digest for look in heard.looks] if heard else []
    digest = hashlib.sha256("".join([*digests, *(outcome.digest for outcome in outcomes)]).encode())
    scan = "" if settings.scan == "all" else f"; scanned: {settings.scan}"
    unread = sum(outcome.bad for outcome in outcomes) + len(index.faults) + len(survey.faults if survey else ())
    read = sum(outcome.heard if heard else outcome.read for outcome in outcomes)
    return Day(
        day,
        status,
        files=len(files),
        bytes=size,
        records_read=read + len(index.foreign),
        records_kept=sum(outcome.kept for outcome in outcomes),
        records_rejected=unread,
        sha256=digest.hexdigest(),
        chosen_copy=f"{copy}{scan}",
        error="; ".join(reasons) or None,
        source_detail=_detail(index, outcomes, survey, settings.read, params),
    )


def _detail(index: _Index, outcomes: Sequence[Outcome], survey: _Survey | None, read: str, params: Thresholds) -> str:
    """How the day was read: traces, heatmap or both; the decoder's version, and how near a base it looked."""
    way = survey.way if survey else "traces"
    traces = f"{sum(outcome.read for outcome in outcomes):,} traces"
    heatmaps = f"{len(survey.positions if survey else index.heatmaps)} heatmaps"
    what = {
        "traces": traces + (f", its {heatmaps} not used" if index.heatmaps else ""),
        "both": f"{heatmaps} and {traces}",
        "heatmap": f"{heatmaps} of {HALVES}",
    }[way]
    way += "" if read == "auto" else f" ({AS_SET})"
    return f"{way}: {what}; {_decoder(params)}"


def _decoder(params: Thresholds) -> str:
    """The version of what decoding keeps, and how near a base it looks."""
    rings = f"{params.archive_ring_outer_nm:g} NM below {params.archive_ring_outer_ft:,.0f} ft"
    return f"decoder {DECODER}; within {rings} or {params.archive_ring_inner_nm:g} NM"


def outdated(rows: Sequence[LedgerRow], context: Context[ReadsbArchive]) -> list[date]:
    """The days of these rows that were read by another decoder or ring, or in another way than `read` now says."""
    read, now = context.settings.read, _decoder(context.params)
    days = set()
    for row in rows:
        detail = row.source_detail or ""
        way = detail.split(":")[0]
        is_as_set = way == f"{read} ({AS_SET})" if read != "auto" else AS_SET not in way
        if row.status in ("ok", "partial") and not (detail.endswith(now) and is_as_set):
            days.add(row.day)
    return sorted(days)


def _failure_of_heatmaps(survey: _Survey) -> str | None:
    """Why nothing of a day can be used that was to be read from its heatmaps; None where something can."""
    if survey.faults and not survey.positions:
        half, reason = next(iter(survey.faults.items()))
        return f"none of its {len(survey.faults)} heatmaps can be used, that of {clock(half)} because {reason}"
    if not survey.positions:
        return f"it holds no heatmaps, which are named {HEATMAP}"
    return None if any(survey.positions.values()) else "none of its heatmaps holds a position"


def _days_of_traces(outcomes: Sequence[Outcome]) -> Counter[date | None]:
    """How many traces are of each day; None: of no day that can be read."""
    traces: Counter[date | None] = Counter()
    for outcome in outcomes:
        for number, count in outcome.days.items():
            traces[None if number == UNKNOWN_DAY else date(1970, 1, 1) + timedelta(days=number)] += count
    return traces


def _failure_of_traces(day: date, index: _Index, outcomes: Sequence[Outcome], settings: ReadsbArchive) -> str | None:
    """Why nothing of a day can be used that was to be read from its traces; None where something can."""
    read, unread = (sum(getattr(outcome, name) for outcome in outcomes) for name in ("read", "bad"))
    if not read:
        return "; ".join([index.without_traces, *([index.cut_short] if index.cut_short and not index.no_tar else [])])
    if unread == read:
        return "none of its traces can be used"
    if settings.scan == "all" and unread + sum(outcome.empty for outcome in outcomes) == read:
        return "none of its traces holds a point"
    traces = _days_of_traces(outcomes)
    timed = traces.total()
    if timed and traces[day] < timed / 2:
        other, count = max(traces.items(), key=lambda item: item[1])
        return f"not that day's data: {count} of {timed} traces are of {other or 'no day that can be read'}"
    return None


def _lacks_of_traces(day: date, index: _Index, outcomes: Sequence[Outcome], params: Thresholds) -> list[str]:
    """What of a day its traces do not show, in words."""
    read = sum(outcome.read for outcome in outcomes)
    bad = sum(outcome.bad for outcome in outcomes) + len(index.faults)
    traces = _days_of_traces(outcomes)
    timed, most = traces.total(), params.rejected_share_max
    reasons = []
    if bad > most * read:
        reasons.append(f"{bad} of {read} traces cannot be used")
    if timed - traces[day] > most * timed:
        reasons.append(f"{timed - traces[day]} of {timed} traces are of other days")
    return reasons


def _trailing(files: Sequence[LandedFile], day: date, context: Context[ReadsbArchive]) -> list[int]:
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
    unread = list(catalogue.unread(found))
    if unread:
        names = ", ".join(str(path.relative_to(root)) for path in unread[:NAMES_SHOWN])
        more = f", and {len(unread) - NAMES_SHOWN} more" if len(unread) > NAMES_SHOWN else ""
        findings.append(Finding(False, f"{CODE}: {root}: names that are not understood: {names}{more}", advice))
    return findings
