"""A landed day to lake rows: its heatmaps surveyed, its traces decoded, in processes; and its row in the ledger."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from itertools import accumulate, chain
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from basewatch.config import ReadsbArchive
from basewatch.durable import make_folder
from basewatch.geo import NM_KM, Ring
from basewatch.lake.events import Day, Event, Reject, Rows
from basewatch.lake.files import COMPRESSION, COMPRESSION_LEVEL, ROW_GROUP, stamped
from basewatch.lake.schemas import TABLES
from basewatch.readsb import workers
from basewatch.readsb.background import HOURS, Limits, Tally, table
from basewatch.readsb.decoder import Job, Outcome, Shard
from basewatch.readsb.far_tracks import Keeping
from basewatch.readsb.heard import Heard
from basewatch.readsb.heatmap import clock
from basewatch.readsb.points import DAY, SECOND
from basewatch.readsb.search import expression
from basewatch.readsb.survey import FAR_NM, Cells, Look
from basewatch.reference import watchlist
from basewatch.reference.thresholds import Thresholds
from basewatch.sources.contract import Context, Landed, LandedFile
from basewatch.sources.readsb_archive import unpack
from basewatch.sources.readsb_archive.catalogue import archive_name
from basewatch.sources.readsb_archive.judging import Survey, judge
from basewatch.sources.readsb_archive.local import ALONE, CODE
from basewatch.sources.readsb_archive.measures import Measures, minutes_of_halves
from basewatch.sources.readsb_archive.members import Index, heatmaps_of, index_of

SHARDS = 32  # at most, of eight folders each: enough to keep many cores busy, few enough to be cheap
SHARD = 32 << 20  # bytes; smaller parts cost more to begin and to end than they gain
SMALL = 64 << 20  # bytes; a smaller archive is decoded before other processes have started
LOOK = 6  # half hours that a process looks at in one go
NAMED = 200  # rejects of one day that are named; the rest are counted
STALE_S = 2 * 86_400  # age at which the working folder of a run that died is removed
WATCHED = "aircraft:watched"  # the ledger scope of a folder of watched aircraft alone: it covers no base


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
    make_folder(context.landing)
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


def _decode_day(day: date, files: Sequence[LandedFile], context: Context[ReadsbArchive], work: Path) -> Iterator[Event]:
    settings = context.settings
    copy = files[0].note or ", ".join(file.path.name for file in files)
    name = files[0].path.name
    size = sum(file.size for file in files)
    paths, cut_short = unpack.plain([file.path for file in files], work, context.settings.disk_budget_gb)
    usual = "traces/" if (paths[0] / "traces").is_dir() else ""
    index = (heatmaps_of(paths) if settings.read == "heatmap" else None) or index_of(paths, usual)
    index.cut_short = cut_short or index.cut_short
    parts = _Parts(work, day, Measures(context.reference, watchlist.build(context.reference)))
    traced = set(index.members)
    way = index.way(settings)
    job = _job(day, paths, context, work, usual, way)
    outcomes, survey = _decoded(index, settings, context.params, job, way, size, parts)
    for lake_table, path in parts.close():
        yield Rows(lake_table, day, path)
    tally = Tally(len(job.places))
    if settings.scan == "all":
        for outcome in outcomes:
            if outcome.background is not None:
                tally.add(outcome.background.tally())
        rows = table(tally, job.places, settings.network)
        if rows.num_rows:
            yield Rows("base_background", day, rows)
        grid = Heard.joined([Heard.load(outcome.grid) for outcome in outcomes if outcome.grid])
        if len(grid.key):
            cells = Cells.around(job.places, job.rings, FAR_NM * NM_KM)
            yield Rows("heard_cells", day, grid.table(cells, job.day_start, settings.network))
    yield from _rejects(day, name, index, outcomes, parts, survey)
    judged = judge(day, files, index, outcomes, survey, size, copy, context)
    yield replace(judged, measures=_measured(parts.measures, traced, outcomes, survey, tally))


def _measured(
    measures: Measures, traced: set[str], outcomes: Sequence[Outcome], survey: Survey | None, tally: Tally
) -> str:
    """What the day held, as its ledger row keeps it."""
    hours = tally.hours.reshape(-1, HOURS).sum(axis=0).tolist()
    if survey and survey.way != "traces":
        heard, minutes = sum(outcome.heard for outcome in outcomes), minutes_of_halves(survey.positions)
        return measures.told(survey.way, heard, traced if survey.way == "both" else (), minutes, hours)
    edges = [(outcome.first_s, outcome.last_s) for outcome in outcomes if outcome.last_s >= 0]
    span = (min(first for first, _ in edges) // 60, max(last for _, last in edges) // 60) if edges else None
    return measures.told("traces", len(traced), traced, span, hours)


def _decoded(
    index: Index, settings: ReadsbArchive, params: Thresholds, job: Job, way: str, size: int, parts: _Parts
) -> tuple[list[Outcome], Survey | None]:
    """What came of each part of the day, and of the survey of its heatmaps where they are read.

    Where the survey shows that they are not whole after all, every trace is read.
    """
    processes = settings.processes or len(os.sched_getaffinity(0))
    many = min(max(size // SHARD, 1), SHARDS)
    outcomes: list[Outcome] = []
    with workers.Workers(job, processes if size > SMALL else 1) as team:
        survey = None if way == "traces" else Survey(list(team.survey(_looks(index, many))), way)
        if survey and way == "both" and survey.lacks(params, own_receiver=False):
            survey.way = "traces"
        if way == "heatmap":
            index.members.clear()
        for outcome in team.decode(_shards(index, many, survey if survey and survey.way != "traces" else None)):
            parts.add(outcome)
            outcomes.append(outcome)
    return outcomes, survey


def _looks(index: Index, many: int) -> list[Look]:
    files = [(half, *place) for half, place in sorted(index.heatmaps.items())]
    return [Look(number, files[first : first + LOOK], many) for number, first in enumerate(range(0, len(files), LOOK))]


def _job(day: date, paths: Sequence[Path], context: Context[ReadsbArchive], work: Path, usual: str, way: str) -> Job:
    settings, params, reference = context.settings, context.params, context.reference
    fields = reference.rows["fields"]
    is_folder = paths[0].is_dir()
    return Job(
        parts=[] if is_folder else [str(path) for path in paths],
        folder=str(paths[0]) if is_folder else None,
        usual=usual,
        out=str(work),
        source=CODE,
        network=settings.network,
        scan=settings.scan,
        day_start=(day - date(1970, 1, 1)).days * DAY,
        latest=int((context.now + timedelta(days=1)).timestamp() * SECOND),
        # half a second for 130 bases, and of use for traces alone
        pattern="" if way == "heatmap" else expression(reference.places, params.rings),
        far_pattern="" if way == "heatmap" else expression(reference.places, (Ring(FAR_NM * NM_KM),)),
        places=list(reference.places),
        rings=list(params.rings),
        watch=watchlist.build(reference),
        limits=Limits.of(params),
        keeping=Keeping.of(params),
        field_latitudes=[field.latitude for field in fields],
        field_longitudes=[field.longitude for field in fields],
    )


def _shards(index: Index, many: int, survey: Survey | None) -> list[Shard]:
    """The day's aircraft in so many parts by the last two digits of the address, the traces of each by address."""
    parts: list[list[tuple[str, int, int]]] = [[] for _ in range(many)]
    for address, (offset, length) in index.members.items():
        parts[int(address[-2:], 16) * many // 256].append((address, offset, length))
    names = index.names
    pieces: list[list[tuple[str, int, int]]] = [[] for _ in range(many)]
    for look in survey.looks if survey else ():
        ends = accumulate(chain.from_iterable(look.rows))
        for (number, count), end in zip(chain.from_iterable(map(enumerate, look.rows)), ends, strict=True):
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

    def __init__(self, work: Path, day: date, measures: Measures) -> None:
        self.work, self.measures = work, measures
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
                    self.measures.add(name, rows)
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
    index: Index,
    outcomes: Sequence[Outcome],
    parts: _Parts,
    survey: Survey | None,
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
