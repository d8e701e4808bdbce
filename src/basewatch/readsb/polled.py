"""Aircraft objects of the live kind (/v2 JSON, aircraft.json, state vectors) to lake rows, by way of traces.

The sightings of a day are put together into one trace an aircraft, as readsb writes them; from there on they take the
same way as archives do, and the same judgement: rings around bases, edges, background traffic.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from basewatch.geo import Place, Ring
from basewatch.lake.schemas import TABLES
from basewatch.readsb.background import Fields, Limits, Tally, measure, table
from basewatch.readsb.grid import Bases
from basewatch.readsb.points import (
    DAY,
    SECOND,
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
from basewatch.readsb.traces import Details, Head, Parsed, Point
from basewatch.readsb.watched import are_listed, is_watched
from basewatch.reference import watchlist

if TYPE_CHECKING:
    from basewatch.reference.load import Reference
    from basewatch.reference.thresholds import Thresholds

MILLISECONDS_ABOVE = 1e11  # `now` is seconds in aircraft.json, milliseconds in /v2
SAME_WITHIN_S = 1.5  # a position told again by the next answer; its time is given with rounding
EARLIEST = datetime(2010, 1, 1, tzinfo=UTC).timestamp()  # no program wrote answers of this kind before
LATEST = datetime(2100, 1, 1, tzinfo=UTC).timestamp()  # beyond it a number is no date; the caller knows what is due
NO_ERROR = {"", "no error", "no errors", "ok", "success"}  # what `msg` holds where all is well, in lower case
GEOMETRIC_RATE = 4  # readsb's flag of a vertical rate that is not by pressure


class Craft(msgspec.Struct):
    """What of an aircraft object is used. Feet, knots, feet a minute, degrees, seconds."""

    hex: str
    flight: str | None = None
    r: str | None = None
    t: str | None = None
    ownOp: str | None = None  # noqa: N815 (the provider's spelling)
    dbFlags: int | None = None  # noqa: N815
    type: str | None = None
    alt_baro: float | str | None = None
    alt_geom: float | None = None
    gs: float | None = None
    track: float | None = None
    true_heading: float | None = None
    baro_rate: float | None = None
    geom_rate: float | None = None
    lat: float | None = None
    lon: float | None = None
    seen_pos: float | None = None


@dataclass(frozen=True)
class Sighting:
    """An aircraft at a place: by which network, when (epoch seconds), and the object itself."""

    network: str
    at: float
    craft: Craft


@dataclass(frozen=True)
class Heard:
    """What one answer says.

    at: its time, epoch seconds. seen: the aircraft with a position. faults: what was wrong with other objects.
    objects: how many there were in all. doubt: why the answer does not say all that was in the air; None where it may.
    """

    at: float
    seen: list[Sighting]
    faults: list[str]
    objects: int
    doubt: str | None = None


class _Answer(msgspec.Struct):
    """An answer all of whose aircraft are well formed: the ordinary case, read without a Python dictionary."""

    ac: list[Craft] | None = None
    aircraft: list[Craft] | None = None
    now: float | None = None
    msg: str | None = None
    total: int | None = None
    resultCount: int | None = None  # noqa: N815 (the provider's spelling)


_answers = msgspec.json.Decoder(_Answer)


def craft(values: Any) -> Craft:
    """An aircraft object, checked. Raises ValueError saying which field is not what it should be."""
    try:
        return _checked(msgspec.convert(values, Craft, strict=True))
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None


def _checked(aircraft: Craft) -> Craft:
    if isinstance(aircraft.alt_baro, str) and aircraft.alt_baro != "ground":
        raise ValueError(f"alt_baro is neither a number nor `ground`: {aircraft.alt_baro[:20]!r}")
    return aircraft


def read(text: str, network: str, polled_at: float, apart_s: float) -> Heard:
    """As `heard`, from an answer's text. Raises ValueError, also where the text is no JSON."""
    if not text.strip():
        raise ValueError("the answer is empty")
    try:
        answer = _answers.decode(text)
        aircraft = answer.ac if answer.ac is not None else answer.aircraft
        if aircraft is not None:
            at = time_of(answer.now, polled_at, apart_s)
            stated = answer.total if answer.total is not None else answer.resultCount
            doubt = _doubt(answer.msg, stated, len(aircraft))
            return Heard(at, _placed(map(_checked, aircraft), at, network), [], len(aircraft), doubt)
    except (msgspec.DecodeError, ValueError):  # one malformed object: go through them one by one
        pass
    try:
        values = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"not readable as JSON: {error}") from None
    return heard(values, network, polled_at, apart_s)


def heard(answer: Any, network: str, polled_at: float | None, apart_s: float) -> Heard:
    """What one answer says, by its `ac` or `aircraft`; an empty list says that nothing was heard.

    `now` is seconds or milliseconds, by its size; without it the time of the poll counts. The time of a position is
    `now` less its age. Very rough positions (`rr_lat`) and those older than a minute (`lastPosition`) are no positions.

    polled_at: when the answer came (epoch seconds), None where nobody knows. apart_s: how far its `now` may lie from
    that. Raises ValueError where the answer holds no list of aircraft, or no time, or one that cannot be.
    """
    values = answer if isinstance(answer, Mapping) else {}
    msg = values.get("msg")
    objects = values["ac"] if values.get("ac") is not None else values.get("aircraft")
    if not isinstance(objects, list):
        told = f"; it reports {str(msg)[:200]!r}" if msg else ""
        raise ValueError(f"neither `ac` nor `aircraft` holds a list{told}")
    at = time_of(values.get("now"), polled_at, apart_s)
    aircraft, faults = [], []
    for each in objects:
        try:
            aircraft.append(craft(each))
        except ValueError as error:
            faults.append(str(error))
    stated = values.get("total", values.get("resultCount"))
    return Heard(at, _placed(aircraft, at, network), faults, len(objects), _doubt(msg, stated, len(objects)))


def _doubt(msg: object, stated: object, objects: int) -> str | None:
    """Why an answer with a list may not be whole: it reports an error, or states more aircraft than it holds."""
    if msg is not None and str(msg).strip(" .!").lower() not in NO_ERROR:
        return f"it reports {str(msg)[:200]!r}"
    if isinstance(stated, int) and stated > objects:
        return f"it holds {objects} of the {stated} aircraft that it states"
    return None


def time_of(stated_now: object, polled_at: float | None, apart_s: float) -> float:
    """An answer's time, epoch seconds. Raises ValueError for one that cannot be, and where there is none.

    An answer whose time is far from the poll was kept by somebody in between, or its clock is wrong: it says nothing of
    the time at which it came.
    """
    if stated_now is None:
        if polled_at is None:
            raise ValueError("no time `now`")
        return polled_at
    if isinstance(stated_now, bool) or not isinstance(stated_now, int | float):
        raise ValueError(f"its time `now` is no number: {str(stated_now)[:40]!r}")
    now = stated_now / 1000 if stated_now > MILLISECONDS_ABOVE else float(stated_now)
    if polled_at is not None and not abs(now - polled_at) <= apart_s:
        raise ValueError(f"its time `now` ({stated_now}) is more than {apart_s / 60:,.0f} min from when it came")
    if not EARLIEST <= now < LATEST:
        raise ValueError(f"its time `now` ({stated_now}) is no time at which it can have been written")
    return now


def _placed(aircraft: Iterable[Craft], now: float, network: str) -> list[Sighting]:
    return [
        Sighting(network, now - each.seen_pos, each)
        for each in aircraft
        if each.lat is not None and each.lon is not None and each.seen_pos is not None
    ]


@dataclass(frozen=True)
class Surroundings:
    """What sightings are judged by: the reference tables, the thresholds by name, and the moment of judging (UTC)."""

    reference: Reference
    params: Thresholds
    now: datetime


@dataclass
class _Flown:
    """What is kept of one aircraft: the sightings so far, the last one in hand, and whether it was near a base."""

    kept: list[Sighting]
    last: Sighting | None = None
    was_near: bool = False


class Collector:
    """A day's sightings, of which only those are kept that can matter, however many there are.

    Kept are those within the outer ring of a base, the one before and the one after each such stretch, and the first
    and the last of each aircraft. Feed it in order of time.
    """

    def __init__(self, reference: Reference, params: Thresholds) -> None:
        self._bases, _ = _bases(reference, params)
        self._flown: dict[tuple[str, str], _Flown] = {}

    def add(self, seen: Sequence[Sighting]) -> None:
        """Take in the sightings of one answer."""
        latitude = np.array([each.craft.lat for each in seen], np.float64)
        longitude = np.array([each.craft.lon for each in seen], np.float64)
        possible = np.flatnonzero((np.abs(latitude) <= 90) & (np.abs(longitude) <= 180))
        index, _, _ = self._bases.pairs(latitude[possible], longitude[possible])
        near_by = set(possible[index].tolist())
        for position, each in enumerate(seen):
            is_near = position in near_by
            flown = self._flown.setdefault((each.network, each.craft.hex), _Flown([]))
            if is_near and flown.last is not None and not flown.was_near:
                flown.kept.append(flown.last)
            if is_near or flown.was_near or flown.last is None:
                flown.kept.append(each)
            flown.last, flown.was_near = each, is_near

    def sightings(self) -> list[Sighting]:
        """All that was kept, each once."""
        seen: list[Sighting] = []
        for flown in self._flown.values():
            of_aircraft = flown.kept
            if flown.last is not None and of_aircraft[-1] is not flown.last:
                of_aircraft = [*of_aircraft, flown.last]
            seen += [
                each for number, each in enumerate(of_aircraft) if number == 0 or each is not of_aircraft[number - 1]
            ]
        return seen


def traces(seen: Iterable[Sighting]) -> list[Parsed]:
    """One trace an aircraft, its points in order of time; addresses that are not ICAO's own name no aircraft."""
    by_address: dict[str, list[Sighting]] = defaultdict(list)
    for each in seen:
        address = each.craft.hex.strip().lower()
        if len(address) == 6 and not address.startswith("~"):
            by_address[address].append(each)
    return [_trace(address, of_aircraft) for address, of_aircraft in sorted(by_address.items())]


def _trace(address: str, seen: list[Sighting]) -> Parsed:
    head = Head(address, 0.0)
    points: list[Point] = []
    for each in sorted(seen, key=lambda each: each.at):
        one = each.craft
        head.r, head.t, head.ownOp = one.r or head.r, one.t or head.t, one.ownOp or head.ownOp
        head.dbFlags = one.dbFlags if one.dbFlags is not None else head.dbFlags
        last = points[-1] if points else None
        if last and (last.latitude, last.longitude) == (one.lat, one.lon) and each.at - last.seconds < SAME_WITHIN_S:
            continue
        points.append(_point(each))
    return Parsed(head, points)


def _point(each: Sighting) -> Point:
    one = each.craft
    assert one.lat is not None and one.lon is not None
    rate, flags = one.baro_rate, 0
    if rate is None and one.geom_rate is not None:
        rate, flags = one.geom_rate, GEOMETRIC_RATE
    return Point(
        seconds=each.at,
        latitude=one.lat,
        longitude=one.lon,
        altitude=one.alt_baro,
        ground_speed=one.gs,
        track=one.track if one.track is not None else one.true_heading,
        flags=flags,
        rate=rate,
        details=Details(flight=one.flight, type=one.type),
        type=one.type,
        altitude_geom=one.alt_geom,
    )


# ---- rows


def rows(
    seen: Iterable[Sighting], day: date, source: str, surroundings: Surroundings, heard_around: Collection[str] = ()
) -> Iterator[tuple[str, pa.Table]]:
    """Lake table and rows of a day's sightings: positions near bases, edges, and background traffic.

    Background is told for the bases in `heard_around` alone: those around which all traffic was asked for.
    """
    by_network: dict[str, list[Sighting]] = defaultdict(list)
    for each in seen:
        by_network[each.network].append(each)
    for network, of_network in sorted(by_network.items()):
        parsed = traces(of_network)
        if parsed:
            yield from _rows(parsed, day, source, network, surroundings, heard_around)


def points(seen: Iterable[Sighting], day: date, source: str, surroundings: Surroundings) -> pa.Table:
    """The positions near bases alone, as rows of track_points."""
    tables = [table for name, table in rows(seen, day, source, surroundings) if name == "track_points"]
    return pa.concat_tables(tables) if tables else TABLES["track_points"].schema.empty_table()


def _rows(
    parsed: Sequence[Parsed],
    day: date,
    source: str,
    network: str,
    surroundings: Surroundings,
    heard_around: Collection[str],
) -> Iterator[tuple[str, pa.Table]]:
    latest = int((surroundings.now + timedelta(days=1)).timestamp() * SECOND)
    bases, rings = _bases(surroundings.reference, surroundings.params)
    columns = [Columns.of(one.points) for one in parsed]
    lines = frame(columns, [one.head.timestamp for one in parsed], latest)
    nearby = near(lines, bases, rings)
    heads = [one.head for one in parsed]
    registry = Registry(heads)
    chosen = latest_of_equal(lines.trace, lines.at, np.flatnonzero(nearby.is_near))
    if len(chosen):
        yield (
            "track_points",
            _plain("track_points", point_rows(lines, nearby, chosen, bases, registry, source, network)),
        )
    watched = watchlist.build(surroundings.reference)
    is_near = np.bincount(lines.trace[nearby.is_near], minlength=len(parsed)) > 0
    chosen, edge = edge_points(lines, nearby, is_near | are_listed(watched, heads))
    edges = edge_rows(lines, chosen, edge, registry, source, network)
    if edges.num_rows:
        yield "track_edges", _plain("track_edges", edges)
    if heard_around:
        background = _background(parsed, columns, lines, nearby, bases, watched, day, network, surroundings)
        rows_around = background.filter(pc.is_in(background.column("base_id"), pa.array(sorted(heard_around))))
        if rows_around.num_rows:
            yield "base_background", rows_around


def _background(
    parsed: Sequence[Parsed],
    columns: Sequence[Columns],
    lines: Frame,
    nearby: Near,
    bases: Bases,
    watched: watchlist.Watch,
    day: date,
    network: str,
    surroundings: Surroundings,
) -> pa.Table:
    limits = Limits.of(surroundings.params)
    field_rows = surroundings.reference.rows["fields"]
    fields = Fields.around(
        bases, [field.latitude for field in field_rows], [field.longitude for field in field_rows], limits.field_km
    )
    ours = np.array(
        [is_watched(watched, one.head, points.callsigns) for one, points in zip(parsed, columns, strict=True)]
    )
    start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * SECOND
    tally = Tally(len(bases.places))
    measure(tally, lines, nearby, ours, (lines.at >= start) & (lines.at < start + DAY), bases, fields, limits)
    return table(tally, bases.places, network)


def _plain(name: str, rows_of_table: pa.Table) -> pa.Table:
    return rows_of_table.cast(TABLES[name].schema)


def _bases(reference: Reference, params: Thresholds) -> tuple[Bases, tuple[Ring, ...]]:
    return _grid(reference.places, max(ring.radius_km for ring in params.rings)), params.rings


@lru_cache(maxsize=4)
def _grid(places: tuple[Place, ...], reach_km: float) -> Bases:
    return Bases(places, reach_km)
