"""Daily trace archives as readsb writes them: of adsb.lol, of ADS-B Exchange, of one's own receiver.

A day is one tar, a tar in parts, or a folder. The same day may lie there in several copies: of the main servers
(`prod`), of their stand-ins (`staging`), of either while it was still being written (`tmp`), or with nothing but
multilateration (`mlatonly`). One copy is chosen, never two merged. Files are read where they are.
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
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from basewatch.config import ReadsbArchive
from basewatch.errors import SourceError
from basewatch.lake.events import Day, Event, Reject, Rows
from basewatch.lake.files import COMPRESSION, COMPRESSION_LEVEL, ROW_GROUP, stamped
from basewatch.lake.schemas import TABLES
from basewatch.readsb import workers
from basewatch.readsb.background import Limits, Tally, table
from basewatch.readsb.decoder import UNKNOWN_DAY, Job, Outcome, Shard
from basewatch.readsb.points import DAY, SECOND
from basewatch.readsb.search import expression
from basewatch.readsb.tar_index import Fault, Volume, walk
from basewatch.reference import watchlist
from basewatch.reference.thresholds import Thresholds
from basewatch.sources.contract import Context, Landed, LandedFile, Window

CODE = "readsb_archive"
SHARDS = 32  # at most, of eight folders each: enough to keep many cores busy, few enough to be cheap
SHARD = 32 << 20  # bytes; smaller parts cost more to begin and to end than they gain
SMALL = 64 << 20  # bytes; a smaller archive is decoded before other processes have started
NAMED = 200  # rejects of one day that are named; the rest are counted
STALE_S = 2 * 86_400  # age at which the working folder of a run that died is removed
ALONE = "watched aircraft alone"  # how a landed folder says that it holds nobody else
WATCHED = "aircraft:watched"  # the ledger scope of such a folder: it covers no base

_TAR = re.compile(r"(?P<stem>.+)\.tar(?:\.(?P<part>[a-z]{2}))?")
_TRACE = re.compile(rb"(?:\./)?(?:[^/]+/){0,6}?(?:traces/)?([0-9a-f]{2})/trace_full_(~?[0-9a-f]{6})\.json")


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

    @property
    def label(self) -> str:
        """Name, number of parts and size."""
        parts = f" in {len(self.paths)} parts" if len(self.paths) > 1 else ""
        return f"{self.name}{parts} ({self.size / 1e6:,.1f} MB)"


def copies(location: Path, day: date) -> list[Copy]:
    """Every copy of a day in a folder, usable or not, by name. Raises SourceError if the folder cannot be read."""
    copies_of_day = _tars(location, day)
    for form in ("%Y/%m/%d", "%Y.%m.%d", "%Y-%m-%d"):
        folder = location / day.strftime(form)
        if folder.is_dir():
            size = sum(size for _, _, size in _listing(folder))
            copies_of_day.append(
                Copy(f"{day.strftime(form)}/", (folder,), size, "", False, None if size else "holds no traces")
            )
    return sorted(copies_of_day, key=lambda copy: copy.name)


def _tars(location: Path, day: date) -> list[Copy]:
    stamp = re.compile(rf"(?<!\d){day:%Y\.%m\.%d}(?!\d)")
    whole: list[Copy] = []
    parts: dict[str, dict[str, Path]] = defaultdict(dict)
    try:
        names = [entry.name for entry in os.scandir(location) if stamp.search(entry.name) and entry.is_file()]
    except OSError as error:
        raise SourceError(f"{CODE}: {location} cannot be read: {error.strerror}") from None
    for name in sorted(names):
        match = _TAR.fullmatch(name)
        if match and match["part"]:
            parts[match["stem"]][match["part"]] = location / name
        elif match:
            whole.append(_copy(name, match["stem"], [location / name]))
    for stem, path_of_ending in parts.items():
        ordered = [path for _, path in sorted(path_of_ending.items())]
        whole.append(_copy(f"{stem}.tar", stem, ordered, _missing_part(sorted(path_of_ending))))
    return whole


def _copy(name: str, stem: str, paths: list[Path], fault: str | None = None) -> Copy:
    variant = re.search(r"(prod|staging|mlatonly)-\d+(tmp)?", stem)
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
    for day in window.days():
        chosen, why = choose(copies(location, day), context.params.archive_min_share_of_median)
        if chosen is None:
            absent[day] = _absence(day, why, context)
            continue
        for path in chosen.paths:
            sha256, size = _identity(path)
            files.append(LandedFile(path, path.name, sha256, size, context.now, day, why))
    return Landed(window, tuple(files), absent)


def _absence(day: date, why: str, context: Context[ReadsbArchive]) -> tuple[str, str]:
    published = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(
        days=1, hours=context.params.archive_publish_hours
    )
    if why:
        return "missing", f"no copy of {day} can be used: {why}"
    if context.now < published:
        return "late", f"no archive of {day} yet; they come out by {published:%H:%M} UTC of the next day"
    return "missing", f"no archive of {day} in the folder"


def _identity(path: Path) -> tuple[str, int]:
    digest, total = hashlib.sha256(), 0
    if path.is_dir():
        for folder, name, size in _listing(path):
            digest.update(f"{folder}/{name} {size}\n".encode())
            total += size
    else:
        state = path.stat()
        digest.update(f"{path.name} {state.st_size} {state.st_mtime_ns}".encode())
        total = state.st_size
    return digest.hexdigest(), total


def _listing(folder: Path) -> list[tuple[str, str, int]]:
    """Sub-folder, name and size of every file in an unpacked day's trace folders, sorted."""
    files = []
    inner = folder / "traces"
    with suppress(OSError):
        for entry in os.scandir(inner if inner.is_dir() else folder):
            if entry.is_dir() and re.fullmatch("[0-9a-f]{2}", entry.name):
                files += [
                    (entry.name, file.name, file.stat().st_size) for file in os.scandir(entry.path) if file.is_file()
                ]
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
        if file.day is not None and (file.path.is_dir() or _TAR.fullmatch(file.path.name)):
            by_day[file.day].append(file)
    context.landing.mkdir(parents=True, exist_ok=True)
    _remove_stale(context.landing)
    for day, files in sorted(by_day.items()):
        work = Path(tempfile.mkdtemp(prefix=".decoding-", dir=context.landing))
        try:
            events = _decode_day(day, sorted(files, key=lambda file: file.path.name), context, work)
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


def _index(files: Sequence[LandedFile]) -> _Index:
    index = _Index({}, 0, [], 0, [])
    if len(files) == 1 and files[0].path.is_dir():
        entries: Iterable[tuple[bytes, int, int]] = (
            (f"traces/{folder}/{name}".encode(), 0, size) for folder, name, size in _listing(files[0].path)
        )
        _add(index, entries)
        return index
    volume = Volume([file.path for file in files])
    try:
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


def _add(index: _Index, entries: Iterable[tuple[bytes, int, int]]) -> None:
    folders = set()
    for name, offset, size in entries:
        match = _TRACE.fullmatch(name)
        if match is None:
            if b"trace_full_" in name:
                index.faults.append((name.decode("utf-8", "replace"), "not a name that readsb gives a trace"))
            continue
        folder, address = match[1].decode(), match[2].decode()
        if address[-2:] != folder:
            index.faults.append((name.decode(), "the trace of this address belongs into another folder"))
            continue
        folders.add(folder)
        if address.startswith("~"):
            index.foreign.append(address)
            continue
        index.repeated += address in index.members
        index.members[address] = offset, size
    index.folders = len(folders)


def _decode_day(day: date, files: Sequence[LandedFile], context: Context[ReadsbArchive], work: Path) -> Iterator[Event]:
    settings = context.settings
    copy = files[0].note or ", ".join(file.path.name for file in files)
    name = files[0].path.name
    size = sum(file.size for file in files)
    index = _index(files)
    job = _job(day, files, context, work)
    parts = _Parts(work, day, context.now)
    processes = settings.processes or len(os.sched_getaffinity(0))
    outcomes = []
    for outcome in workers.run(job, _shards(index, size), processes if size > SMALL else 1):
        parts.add(outcome)
        outcomes.append(outcome)
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
    rejects = list(_rejects(day, name, index, outcomes, parts))
    yield from rejects
    yield _judge(day, files, index, outcomes, size, copy, context)


def _job(day: date, files: Sequence[LandedFile], context: Context[ReadsbArchive], work: Path) -> Job:
    settings, params, reference = context.settings, context.params, context.reference
    fields = reference.rows.get("fields", [])
    is_folder = files[0].path.is_dir()
    inner = files[0].path / "traces"
    return Job(
        parts=[] if is_folder else [str(file.path) for file in files],
        folder=str(inner if inner.is_dir() else files[0].path) if is_folder else None,
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


def _shards(index: _Index, size: int) -> list[Shard]:
    """The day's traces in parts by the last two digits of the address, each sorted by address."""
    many = min(max(size // SHARD, 1), SHARDS)
    parts: list[list[tuple[str, int, int]]] = [[] for _ in range(many)]
    for address, (offset, length) in index.members.items():
        parts[int(address[-2:], 16) * many // 256].append((address, offset, length))
    return [Shard(number, sorted(members)) for number, members in enumerate(parts) if members]


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


def _rejects(day: date, name: str, index: _Index, outcomes: Sequence[Outcome], parts: _Parts) -> Iterator[Reject]:
    """What could not be used: the first of them by name, all of them by number."""
    named = [(f"{name}: {where}", reason) for where, reason in index.faults]
    named += [(f"{name}: trace {trace}", reason) for outcome in outcomes for trace, reason in outcome.rejects]
    yield from (Reject(day, where, reason) for where, reason in named[:NAMED])
    bad = len(index.faults) + sum(outcome.bad for outcome in outcomes)
    counted = [
        (bad - min(len(named), NAMED), "more members that cannot be used"),
        (len(index.foreign), "traces of addresses that are not ICAO's own (~), which name no aircraft"),
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
    size: int,
    copy: str,
    context: Context[ReadsbArchive],
) -> Day:
    """The day's ledger row."""
    settings, params = context.settings, context.params
    read = sum(outcome.read for outcome in outcomes)
    unread = sum(outcome.bad for outcome in outcomes)
    bad = unread + len(index.faults)
    traces: Counter[date | None] = Counter()
    for outcome in outcomes:
        for number, count in outcome.days.items():
            traces[None if number == UNKNOWN_DAY else date(1970, 1, 1) + timedelta(days=number)] += count
    timed = sum(traces.values())
    reasons = []
    status = "ok"
    if not read:
        status, reasons = "failed", ["it holds no traces"]
    elif unread == read:
        status, reasons = "failed", ["none of its traces can be used"]
    elif timed and traces[day] < timed / 2:
        other, count = max(traces.items(), key=lambda item: item[1])
        status = "failed"
        reasons.append(f"not that day's data: {count} of {timed} traces are of {other or 'no day that can be read'}")
    else:
        incomplete = judge_completeness(
            index.folders,
            size,
            _trailing(files, day, context),
            copy.split(";")[0],
            params,
            own_receiver=settings.own_receiver or copy.startswith(ALONE),
        )
        most = params.rejected_share_max
        if incomplete:
            reasons.append(incomplete)
        if index.cut_short:
            reasons.append(index.cut_short)
        if bad > most * read:
            reasons.append(f"{bad} of {read} traces cannot be used")
        if timed - traces[day] > most * timed:
            reasons.append(f"{timed - traces[day]} of {timed} traces are of other days")
        status = "partial" if reasons else "ok"
    digest = hashlib.sha256("".join(outcome.digest for outcome in outcomes).encode())
    scan = "" if settings.scan == "all" else f"; scanned: {settings.scan}"
    return Day(
        day,
        status,
        files=len(files),
        bytes=size,
        records_read=read + len(index.foreign),
        records_kept=sum(outcome.kept for outcome in outcomes),
        records_rejected=bad,
        sha256=digest.hexdigest(),
        chosen_copy=f"{copy}{scan}",
        error="; ".join(reasons) or None,
    )


def _trailing(files: Sequence[LandedFile], day: date, context: Context[ReadsbArchive]) -> list[int]:
    """Bytes of the tars chosen for the days before, where they lie beside this one; folders are too slow to measure."""
    if files[0].path.is_dir():
        return []
    share = context.params.archive_min_share_of_median
    sizes = []
    for back in range(1, context.params.archive_trailing_days + 1):
        earlier = day - timedelta(days=back)
        with suppress(SourceError):
            chosen, _ = choose(_tars(files[0].path.parent, earlier), share)
            if chosen is not None and chosen.variant != "mlatonly":
                sizes.append(chosen.size)
    return sizes
