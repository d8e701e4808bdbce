"""One process's work on a day's archive: a part's aircraft read, judged near or far, and written aside as rows.

A part (shard) is the aircraft of some of the 256 folders. So an aircraft is in one part only. What a part gives does
not depend on which process decoded it, or when. A part has traces, or what a survey of the day's heatmaps kept of its
aircraft, or both: then a trace is read only of an aircraft that came low near a base, fell silent near one or is on the
watch list, and the survey's positions stand for everybody else. Of aircraft that are followed, the track far from the
bases is kept, too: a trace's where one was read, else the survey's.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from basewatch.geo import NM_KM, Bools, Floats, Ints, Place, Ring
from basewatch.readsb import coarse
from basewatch.readsb.background import Fields, Limits, Packed, Tally, measure
from basewatch.readsb.far_tracks import Keeping, kept
from basewatch.readsb.grid import Bases
from basewatch.readsb.heard import Heard
from basewatch.readsb.heatmap import ADDRESS, DEGREES, LARGEST_FILE, BadHeatmap
from basewatch.readsb.points import (
    DAY,
    SECOND,
    STALE,
    Columns,
    Frame,
    Near,
    Registry,
    edge_points,
    edge_rows,
    frame,
    latest_of_equal,
    near,
    point_rows,
)
from basewatch.readsb.search import Search, compile_search
from basewatch.readsb.survey import FAR_NM, Look, Seen, Surveyor, are_new, survey
from basewatch.readsb.tar_index import Volume
from basewatch.readsb.traces import (
    LARGEST_MEMBER,
    PEEKED,
    PEEKED_BYTES,
    BadTrace,
    Head,
    Lines,
    Parsed,
    Point,
    every_so_many,
    gunzip,
    lines,
    parse_around,
    parse_every,
    parse_near,
    peek,
    sampled,
)
from basewatch.readsb.watched import Followed, are_listed, are_watched, is_military, is_watched, mark
from basewatch.reference.watchlist import Watch, is_listed

FLUSH_POINTS = 20_000  # points held as columns of single traces before they are put together
SHOWN = 20  # rejects of one part that are named; the rest are counted
UNKNOWN_DAY = -1
SAMPLED_BYTES = 8192  # of a trace's text, and SAMPLED_POINTS of it: some ten minutes of a flight
SAMPLED_POINTS, SAMPLED_MS = 100, 600_000
SILENCE_S = 300.0  # a pause in a survey's positions that a trace may explain
_STAMP = re.compile(rb'"timestamp": *([0-9.]+)')


class Job(msgspec.Struct):
    """What all parts of a day's decoding share. Times are µs since 1970, UTC.

    pattern, far_pattern: expressions of points that may be in the rings, and of those that may be within reach at all.
    parts: the files of a tar. folder: that of an unpacked day instead; the names of its traces begin with `usual`.
    """

    parts: list[str]
    folder: str | None
    out: str
    source: str
    network: str
    scan: str
    day_start: int
    latest: int
    pattern: str
    far_pattern: str
    places: list[Place]
    rings: list[Ring]
    watch: Watch
    limits: Limits
    keeping: Keeping
    field_latitudes: list[float]
    field_longitudes: list[float]
    usual: str = ""


class Shard(msgspec.Struct, tag=True):
    """A part: address and, in a tar, offset and size of each of its traces, by address.

    names: the paths below an unpacked day's folder of traces that are not named as usual. surveyed: the stretches of
    files that hold what a survey kept of its aircraft, None where there was none. spread_s: the length of its slices.
    """

    number: int
    members: list[tuple[str, int, int]]
    names: dict[str, str] = {}
    surveyed: list[tuple[str, int, int]] | None = None
    spread_s: float = 0.0


class Outcome(msgspec.Struct):
    """What came of a part. Counts are of traces but for bad_points, duplicates and heard.

    files: lake table and file of rows (Arrow stream). days: traces by the day (since 1970) that their points are of.
    heard: aircraft that a survey heard anywhere. first_s, last_s: seconds of the archive's day of the first and last
    position of any trace, -1 where none is of it. grid: the file of what anybody was heard to do near the bases.
    """

    number: int
    files: list[tuple[str, str]] = []
    read: int = 0
    kept: int = 0
    bad: int = 0
    bad_points: int = 0
    duplicates: int = 0
    empty: int = 0
    heard: int = 0
    grid: str = ""
    days: dict[int, int] = {}
    first_s: int = -1
    last_s: int = -1
    digest: str = ""
    rejects: list[tuple[str, str]] = []
    background: Packed | None = None
    failure: str = ""


class Decoder:
    """A job made ready: the expression compiled, the bases as arrays, the files open."""

    def __init__(self, job: Job) -> None:
        self.job = job
        reach = max(ring.radius_km for ring in job.rings)
        self.search = compile_search(job.pattern)
        self.bases = Bases(job.places, reach)
        self.fields = Fields.around(self.bases, job.field_latitudes, job.field_longitudes, job.limits.field_km)
        self.volume = Volume([Path(part) for part in job.parts]) if job.parts else None

    @cached_property
    def far_search(self) -> Search:
        """A search for points that may be within reach of a base at all."""
        return compile_search(self.job.far_pattern)

    @cached_property
    def followed(self) -> Followed:
        """Whose whole track is kept."""
        return Followed(self.job.watch)

    @cached_property
    def surveyor(self) -> Surveyor:
        """What all looks at the day's heatmaps share."""
        return Surveyor(self.job.places, self.job.rings, FAR_NM * NM_KM, self.job.watch)

    @cached_property
    def listed(self) -> npt.NDArray[np.uint32]:
        """The addresses on the watch list."""
        return np.array([int(one, 16) for one in self.job.watch.addresses], np.uint32)

    @cached_property
    def surroundings(self) -> Bases:
        """The bases with a far wider reach, for aircraft on the watch list."""
        return Bases(self.job.places, FAR_NM * NM_KM)

    @cached_property
    def wide_ring(self) -> Bases:
        """The bases with the reach within which anybody at any height shows that receivers were up."""
        return Bases(self.job.places, self.job.limits.wide_nm * NM_KM)

    def far_rows(self, points: Frame, heads: Sequence[Head], are_chosen: Bools, is_inside: Bools) -> pa.Table:
        """Rows of watched_points of the chosen tracks: what is kept of them within reach of a base, beyond the rings.

        are_chosen: one a track. is_inside: one a point of any of them, whether it lies inside the rings.
        """
        job, bases = self.job, self.surroundings
        is_inside = is_inside[are_chosen[points.trace]]
        points, heads = coarse.of_traces(points, heads, are_chosen)
        around = near(points, bases, [Ring(FAR_NM * NM_KM)])
        chosen = kept(points, around.is_near, is_inside, job.keeping)
        return point_rows(points, around, chosen, bases, Registry(heads), job.source, job.network, "watched_points")

    def survey(self, look: Look) -> Seen:
        """Look at some of the day's half hours: what is kept of them written aside, by part."""
        return survey(self.surveyor, look, self._heatmap, self.job.day_start // SECOND, self.job.out)

    def _heatmap(self, offset: int, size: int, name: str) -> bytes:
        if size > LARGEST_FILE:
            raise BadHeatmap(f"{size} bytes are too many for half an hour")
        try:
            return self._bytes(offset, size, name, LARGEST_FILE)
        except BadTrace as error:
            raise BadHeatmap(str(error)) from None

    def close(self) -> None:
        """Give the files back."""
        if self.volume:
            self.volume.close()

    def decode(self, shard: Shard) -> Outcome:
        """Decode one part: its rows written aside, its counts returned."""
        return _Part(self, shard).run()

    def read(self, icao24: str, offset: int, size: int, name: str | None, most: int = LARGEST_MEMBER) -> bytes:
        """A trace's bytes, or the first so many of them. Raises BadTrace where they cannot be had."""
        usual = f"{self.job.usual}{icao24[-2:]}/trace_full_{icao24}.json"
        return self._bytes(offset, size, name or usual, most)

    def _bytes(self, offset: int, size: int, name: str, most: int = LARGEST_MEMBER) -> bytes:
        length = min(size, most)
        if self.volume is not None:
            data = self.volume.read(offset, length)
        else:
            # the name was taken from a listing of the folder, so that the path stays inside
            try:
                with Path(self.job.folder or "", name).open("rb") as handle:
                    data = handle.read(length)
            except OSError as error:
                raise BadTrace(f"cannot be read: {error.strerror}") from None
        if len(data) < length:
            raise BadTrace(f"cut short: {len(data)} of {size} bytes")
        return data


class _Part:
    """The decoding of one part as it goes along."""

    def __init__(self, decoder: Decoder, shard: Shard) -> None:
        self.decoder, self.job, self.shard = decoder, decoder.job, shard
        self.outcome = Outcome(shard.number, files=[], days={}, rejects=[])
        self.tally = Tally(len(self.job.places))
        self.pending: list[tuple[Head, Columns]] = []
        self.points = 0
        self.writers: dict[str, pa.RecordBatchStreamWriter] = {}
        self.days: Counter[int] = Counter()
        self.digest = hashlib.sha256()
        self.traced: set[str] = set()  # addresses of which a trace gave points
        self.whole: set[str] = set()  # those of them whose whole track is kept
        self.listed: set[str] = set()  # addresses whose whole track a survey asks for
        # places of others, number of a trace, latitude and longitude; a survey knows more of them
        self.is_sampled = self.job.scan == "all" and shard.surveyed is None
        self.sampled: list[tuple[int, float, float]] = []

    def run(self) -> Outcome:
        """Decode every trace of the part, or those that a survey of the day asks for."""
        out = self.outcome
        survey = None if self.shard.surveyed is None else _Surveyed(self.decoder, self.shard)
        if survey is None:
            self._announce()
        else:
            self.listed = survey.listed
        for icao24, offset, size in self.shard.members:
            if survey is None or icao24 in survey.asked:
                self._read(icao24, offset, size)
        self._flush()
        if survey is not None:
            out.heard = survey.heard
            self._write("watched_points", survey.far_rows(self.traced))
            if survey.grid is not None:
                out.grid = survey.grid.saved(Path(self.job.out) / f"heard-{self.shard.number:03d}.npy")
            self._emit(*survey.without(self.traced))
        for writer in self.writers.values():
            writer.close()
        out.digest = self.digest.hexdigest()
        out.days = dict(self.days)
        if self.job.scan == "all":
            if survey is None:
                number, latitude, longitude = np.array(self.sampled, np.float64).reshape(-1, 3).T
                self.tally.count_around(number.astype(np.int64), latitude, longitude, self.decoder.wide_ring)
            else:
                self.tally.count_around(*survey.around, self.decoder.wide_ring)
            out.background = self.tally.packed()
        return out

    def _read(self, icao24: str, offset: int, size: int) -> None:
        out = self.outcome
        out.read += 1
        try:
            if not self._is_chosen(icao24, offset, size):
                return
            if size > LARGEST_MEMBER:
                raise BadTrace(f"{size} bytes are too many for one trace")
            data = self.decoder.read(icao24, offset, size, self.shard.names.get(icao24))
            # address, length and gzip trailer (CRC-32 and length of the text) stand for a trace's content
            self.digest.update(b"%b %d %b" % (icao24.encode(), len(data), data[-8:]))
            self._take(icao24, gunzip(data))
        except BadTrace as error:
            out.bad += 1
            if len(out.rejects) < SHOWN:
                out.rejects.append((icao24, str(error)))
        if self.points >= FLUSH_POINTS:
            self._flush()

    def _announce(self) -> None:
        if self.decoder.volume is not None and self.job.scan == "all" and self.shard.members:
            first = min(offset for _, offset, _ in self.shard.members)
            last = max(offset + size for _, offset, size in self.shard.members)
            self.decoder.volume.expect(first, last - first)

    def _is_chosen(self, icao24: str, offset: int, size: int) -> bool:
        """Whether the scan is after this trace, told with as little reading as it takes."""
        if self.job.scan == "all" or icao24 in self.job.watch.addresses:
            return True
        if self.job.scan == "watch_list":
            return False
        head = peek(self.decoder.read(icao24, offset, size, self.shard.names.get(icao24), PEEKED_BYTES))
        return is_military(head) or is_listed(self.job.watch, icao24, mark(head))

    def _take(self, icao24: str, text: bytes) -> None:
        """Keep what of a trace may matter until there is enough for the arrays."""
        place = lines(text)
        far = -1 if place is None else self.decoder.far_search(text, place.start, place.end)
        is_whole = place is None or (far >= 0 and self._may_be_followed(icao24, text, place))
        if place is None or is_whole:
            parsed = parse_every(text) if place is None else self._followed(text, place, far)
            ends = [parsed.head.timestamp + parsed.points[end].seconds for end in (0, -1) if parsed.points]
        elif place.start == place.end:
            ends = []
        else:
            stamp = _stamp(text, place)
            ends = _ends(text, place, stamp)
            partial = None
            if far >= 0:  # whatever may be near is within reach, too
                if self.is_sampled:
                    self._sample(stamp, sampled(text, place, self.decoder.far_search, far, SAMPLED_BYTES))
                partial = parse_near(text, place, self.decoder.search, far)
            if partial is None and is_listed(self.job.watch, icao24, mark(text[:PEEKED])):
                partial = parse_around(text, place, self.decoder.search, -1)
            if partial is None:
                self._note_day(ends)
                return
            parsed = partial
        if not ends:
            self.outcome.empty += 1
            return
        self._note_day(ends)
        if parsed.head.icao.lower() != icao24:
            raise BadTrace(f"the file is named {icao24}, the trace is of {parsed.head.icao[:12]!r}")
        self.outcome.bad_points += parsed.bad_points
        columns = Columns.of(parsed.points)
        self.pending.append((parsed.head, columns))
        self.traced.add(icao24)
        if is_whole and (icao24 in self.listed or self.decoder.followed.is_one(parsed.head, columns.callsigns)):
            self.whole.add(icao24)
        if self.is_sampled and is_whole and not is_watched(self.job.watch, parsed.head, columns.callsigns):
            points = parsed.points[::SAMPLED_POINTS] if place is None else every_so_many(text, place, SAMPLED_POINTS)
            self._sample(parsed.head.timestamp, points)
        self.points += len(parsed.points)

    def _may_be_followed(self, icao24: str, text: bytes, place: Lines) -> bool:
        return icao24 in self.listed or self.decoder.followed.may_be(icao24, text, place)

    def _followed(self, text: bytes, place: Lines, far: int) -> Parsed:
        """What may be kept of a track that is followed: what lies within reach, and what of the rest decides on it.

        Where a callsign may make it one of a watched fleet, all of it.
        """
        if self.decoder.followed.has_callsign(text, place):
            return parse_every(text)
        return parse_around(text, place, self.decoder.far_search, far, self.job.keeping.around_min * 60)

    def _sample(self, stamp: float, points: Sequence[Point]) -> None:
        """Note some places of another aircraft on the archive's day, by which it is counted around each base."""
        since = self.job.day_start // SECOND - stamp
        self.sampled += [
            (self.outcome.read, point.latitude, point.longitude)
            for point in points
            if abs(point.latitude) <= 90 and abs(point.longitude) <= 180
            if since <= point.seconds < since + 86_400 and not (point.flags or 0) & STALE
        ]

    def _note_day(self, ends: list[float]) -> None:
        """Count a trace under the archive's day if any of it lies there, else under the day of its first point."""
        start = self.job.day_start // SECOND
        if max(ends) >= start and min(ends) < start + 86_400:
            self.days[start // 86_400] += 1
            self._note_edges(max(int(min(ends)) - start, 0), min(int(max(ends)) - start, 86_399))
        elif all(0 <= end < 1e11 for end in ends):
            self.days[int(ends[0] // 86_400)] += 1
        else:
            self.days[UNKNOWN_DAY] += 1

    def _note_edges(self, first_s: int, last_s: int) -> None:
        out = self.outcome
        out.first_s = first_s if out.first_s < 0 else min(out.first_s, first_s)
        out.last_s = max(out.last_s, last_s)

    def _flush(self) -> None:
        if not self.points:
            return
        heads, traces = [head for head, _ in self.pending], [columns for _, columns in self.pending]
        self.pending, self.points = [], 0
        points = frame(traces, [head.timestamp for head in heads], self.job.latest)
        nearby = near(points, self.decoder.bases, self.job.rings)
        self._emit(points, nearby, heads, are_watched(self.job.watch, heads, [columns.callsigns for columns in traces]))

    def _emit(self, points: Frame, nearby: Near, heads: Sequence[Head], watched: Bools) -> None:
        """Write the rows of some tracks, and add to the tally what they show of the bases.

        watched: one a head, true for aircraft of a watched fleet.
        """
        if not heads:
            return
        job = self.job
        registry = Registry(heads)
        is_near = np.bincount(points.trace[nearby.is_near], minlength=len(heads)) > 0
        chosen = latest_of_equal(points.trace, points.at, np.flatnonzero(nearby.is_near))
        self.outcome.bad_points += int((~points.valid).sum())
        self.outcome.kept += int(is_near.sum())
        self.outcome.duplicates += int(nearby.is_near.sum()) - len(chosen)
        rows = point_rows(points, nearby, chosen, self.decoder.bases, registry, job.source, job.network)
        self._write("track_points", rows)
        is_whole = np.array([head.icao.lower() in self.whole for head in heads], np.bool_)
        if is_whole.any():
            self._write("watched_points", self.decoder.far_rows(points, heads, is_whole, nearby.is_near))
        self._write("track_edges", self._edges(points, nearby, is_near | are_listed(job.watch, heads), registry))
        if job.scan == "all" and is_near.any():
            today = (points.at >= job.day_start) & (points.at < job.day_start + DAY)
            measure(self.tally, points, nearby, watched, today, self.decoder.bases, self.decoder.fields, job.limits)

    def _edges(self, points: Frame, nearby: Near, traces: Bools, registry: Registry) -> pa.Table:
        chosen, edge = edge_points(points, nearby, traces)
        order = np.lexsort((edge, points.at[chosen], points.trace[chosen]))
        job = self.job
        return edge_rows(points, chosen[order], edge[order], registry, job.source, job.network)

    def _write(self, table: str, rows: pa.Table) -> None:
        if not rows.num_rows:
            return
        if table not in self.writers:
            path = str(Path(self.job.out) / f"{table}-{self.shard.number:03d}.arrow")
            self.writers[table] = pa.ipc.new_stream(path, rows.schema)
            self.outcome.files.append((table, path))
        self.writers[table].write_table(rows)


class _Surveyed:
    """What a survey kept of a part's aircraft, and of whom it asks for the trace.

    asked: addresses of those that came low near a base or touched the ground there, whose track broke off or began near
    one, or who are on the watch list; and of those that have a trace, and no position in the survey: heatmaps leave out
    who gives no height. heard: aircraft heard anywhere. listed: addresses of those that are followed far off.
    """

    def __init__(self, decoder: Decoder, shard: Shard) -> None:
        self.job, self.decoder = decoder.job, decoder
        cells = decoder.surveyor.cells
        rows = coarse.load(shard.surveyed or ())
        cell = cells.of(rows["lat"], rows["lon"])
        self.grid = Heard.of(rows, cell) if self.job.scan == "all" else None
        around = np.flatnonzero(cell >= 0)
        are_wanted = np.zeros(len(rows), np.bool_)
        are_wanted[around] = decoder.surveyor.are_listed(rows)[around]
        are_wanted[around] |= cells.are_near(cell[around], rows["alt"][around])
        everybody = rows
        rows, heard = coarse.of_wanted(rows, are_wanted, decoder.listed)
        self.heard = len(heard)
        self.points, self.heads = coarse.frame(rows, self.job.day_start, shard.spread_s)
        self.nearby = near(self.points, decoder.bases, self.job.rings)
        is_listed = np.zeros(len(self.heads), np.bool_)
        is_listed[self.points.trace[decoder.surveyor.are_listed(rows)]] = True
        self.listed = {head.icao for head, is_one in zip(self.heads, is_listed, strict=True) if is_one}
        self.watched = are_watched(self.job.watch, self.heads, coarse.callsigns(self.points, len(self.heads)))
        self.around = self._others(everybody, cell)
        self.asked: set[str] = set()
        if shard.members:
            traced = np.array([int(icao24, 16) for icao24, _, _ in shard.members], np.int64)
            self.asked = self._asked(decoder) | {f"{one:06x}" for one in np.setdiff1d(traced, heard).tolist()}

    def _others(self, rows: npt.NDArray[np.void], cell: npt.NDArray[np.int32]) -> tuple[Ints, Floats, Floats]:
        """Address and place of aircraft of no watched fleet, each once in ten minutes."""
        inside = np.flatnonzero(cell >= 0)
        address = (rows["hex"][inside] & ADDRESS).astype(np.int64)
        is_due = are_new(address * (DAY // SECOND) + rows["at_ms"][inside] // SAMPLED_MS)
        watched = [int(head.icao, 16) for head, is_one in zip(self.heads, self.watched, strict=True) if is_one]
        chosen, address = inside[is_due], address[is_due]
        is_other = ~np.isin(address, watched)
        chosen, address = chosen[is_other], address[is_other]
        return address, rows["lat"][chosen] * DEGREES, rows["lon"][chosen] * DEGREES

    def far_rows(self, traced: set[str]) -> pa.Table:
        """Rows of watched_points of the aircraft that are followed, but for those whose trace stands for them."""
        followed = self.listed - traced
        chosen = np.array([head.icao in followed for head in self.heads], np.bool_)
        return self.decoder.far_rows(self.points, self.heads, chosen, self.nearby.is_near)

    def without(self, addresses: set[str]) -> tuple[Frame, Near, list[Head], Bools]:
        """The tracks of all others, what of them is near, their heads, and which of these are of a watched fleet.

        With a scan of listed aircraft, of watched fleets alone.
        """
        chosen = np.array([head.icao not in addresses for head in self.heads], np.bool_)
        if self.job.scan != "all":
            chosen &= self.watched
        if chosen.all():
            return self.points, self.nearby, self.heads, self.watched
        points, heads = coarse.of_traces(self.points, self.heads, chosen)
        return points, self.nearby.of_points(chosen[self.points.trace]), heads, self.watched[chosen]

    def _asked(self, decoder: Decoder) -> set[str]:
        points, limits, bases, nearby = self.points, self.job.limits, decoder.bases, self.nearby
        is_asked = self.watched.copy()
        pair = np.flatnonzero(nearby.is_near[nearby.pair_point])
        point, base = nearby.pair_point[pair], nearby.pair_base[pair]
        with np.errstate(invalid="ignore"):
            is_low = ~(points.height_ft[point] - bases.elevation_ft[base] > limits.low_ft)
        is_low &= nearby.pair_km[pair] <= limits.near_nm * NM_KM
        is_asked[points.trace[point[is_low]]] = True
        silence = int(SILENCE_S * SECOND)
        is_broken = np.ones(len(points.at) + 1, np.bool_)
        is_broken[1:-1] = (points.trace[1:] != points.trace[:-1]) | (np.diff(points.at) > silence)
        is_asked[points.trace[nearby.is_near & (is_broken[1:] | is_broken[:-1])]] = True
        return {head.icao for head, is_one in zip(self.heads, is_asked, strict=True) if is_one}


def _stamp(text: bytes, place: Lines) -> float:
    """The time from which a trace counts its seconds, since 1970, read without a parse; nan where unreadable."""
    stamp = _STAMP.search(text, 0, place.start)
    try:
        return float(stamp.group(1)) if stamp else math.nan
    except ValueError:
        return math.nan


def _ends(text: bytes, place: Lines, stamp: float) -> list[float]:
    """Times of a trace's first and last point, seconds since 1970, read without a parse; nan where unreadable.

    stamp: the time from which the trace counts its seconds.
    """
    last = text.rfind(b"\n[", place.start, place.end)
    try:
        return [stamp + float(text[line + 2 : text.index(b",", line)]) for line in (place.start, last)]
    except ValueError:
        return [math.nan, math.nan]
