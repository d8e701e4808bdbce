"""The recorded flights of tests/samples/flights: read, written as readsb archives, and taken through to base_visits."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

import simulated_lake
import tracekit
from basewatch.lake.events import Day, Rows
from basewatch.lake.schemas import TABLES
from basewatch.reference.rows import BaseRow
from basewatch.sources.contract import Context, Window
from basewatch.sources.readsb_archive import decoding, local
from basewatch.warehouse import models

FOLDER = Path(__file__).resolve().parent / "samples" / "flights"
BUNDLED = Path(__file__).resolve().parents[1] / "src" / "basewatch" / "sample"
POLLS = {  # files of recorded answers
    "kirtland": sorted((FOLDER / "kirtland").glob("aircraft_*.json")),
    "poland": [BUNDLED / "adsblol" / "observations.jsonl"],
}
LATER = datetime(2027, 6, 1, tzinfo=UTC)  # when the archives are read: after every day of theirs, shifted ones too
SOURCE = "readsb_archive"
GEOMETRIC_RATE = 4  # readsb's flag of a vertical rate that is not by pressure
DAY_S = 86_400
Aircraft = Mapping[str, Any]
Visit = Mapping[str, Any]
Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Sighting:
    """One aircraft object and the time of its position (epoch seconds)."""

    at_s: float
    aircraft: Aircraft


@dataclass(frozen=True)
class Stay:
    """A true stay: the spans in which the aircraft came and left, UTC; None where the recording does not hold it.

    found: counted, weak or no, as the method has it today. missed: why it is not counted; None where it is.
    """

    story: str
    aircraft: str
    base_id: str
    arrived: Span | None
    departed: Span | None
    found: str
    missed: str | None

    @property
    def label(self) -> str:
        """A name for test reports."""
        when = self.arrived or self.departed
        return "-".join([self.story, self.aircraft, self.base_id, *([f"{when[0]:%d}"] if when else [])])

    def is_told_by(self, visit: Visit) -> bool:
        """Whether a row of base_visits tells of this stay, and of no moment outside it."""
        return (
            (visit["icao24"], visit["base_id"]) == (self.aircraft, self.base_id)
            and (self.arrived is None or visit["first_evidence_at"] >= self.arrived[0])
            and (self.departed is None or visit["last_evidence_at"] <= self.departed[1])
            and _is_within(visit["arrived_at"], self.arrived)
            and _is_within(visit["departed_at"], self.departed)
        )


def _is_within(moment: datetime | None, span: Span | None) -> bool:
    return moment is None or (span is not None and span[0] <= moment <= span[1])


@dataclass(frozen=True)
class Story:
    """What some aircraft truly did, by the recording that shows it."""

    name: str
    polls: str
    aircraft: tuple[str, ...]
    stays: tuple[Stay, ...]


@cache
def stories() -> tuple[Story, ...]:
    """All of stories.yml."""
    told = yaml.safe_load((FOLDER / "stories.yml").read_text(encoding="utf-8"))
    return tuple(
        Story(name, one["polls"], tuple(one["aircraft"]), tuple(_stay(name, given) for given in one["stays"]))
        for name, one in told.items()
    )


def _stay(story: str, given: Mapping[str, Any]) -> Stay:
    return Stay(
        story=story,
        aircraft=given["aircraft"],
        base_id=given["base"],
        arrived=_span(given["arrived"]),
        departed=_span(given["departed"]),
        found=given["found"],
        missed=given.get("missed"),
    )


def _span(given: Sequence[str] | None) -> Span | None:
    if given is None:
        return None
    since, until = (datetime.strptime(each, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC) for each in given)
    return since, until


@cache
def bases() -> tuple[BaseRow, ...]:
    """The fields that the stories are about."""
    with (FOLDER / "bases.csv").open(encoding="utf-8") as own:
        listed = list(csv.DictReader(own))
    with (BUNDLED / "bases.csv").open(encoding="utf-8") as bundled:
        listed += [row for row in csv.DictReader(bundled) if row["base_id"] in ("radom", "rzeszow")]
    return tuple(BaseRow.model_validate(row) for row in listed)


@cache
def sightings(polls: str) -> tuple[Sighting, ...]:
    """Every aircraft object with a position, in order of time."""
    seen = []
    for file in POLLS[polls]:
        text = file.read_text(encoding="utf-8")
        if file.suffix == ".json":
            answer = json.loads(text)
            seen += [(float(answer["now"]), one) for one in answer["aircraft"]]
        else:
            objects = [json.loads(line) for line in text.splitlines()]
            seen += [(datetime.fromisoformat(one["observed_at_utc"]).timestamp(), one) for one in objects]
    placed = [Sighting(now - one["seen_pos"], one) for now, one in seen if one.get("lat") is not None]
    return tuple(sorted(placed, key=lambda each: each.at_s))


def write_archive(folder: Path, seen: Iterable[Sighting], shift_s: int = 0) -> list[date]:
    """Write a tar of traces a UTC day, with every position so many seconds later; returns the days in order."""
    by_day: dict[int, dict[str, list[Sighting]]] = defaultdict(lambda: defaultdict(list))
    for each in seen:
        moved = Sighting(each.at_s + shift_s, each.aircraft)
        by_day[int(moved.at_s // DAY_S)][each.aircraft["hex"]].append(moved)
    days = []
    for number, flights in sorted(by_day.items()):
        day = date(1970, 1, 1) + timedelta(days=number)
        members = [_trace(address, flown, number * DAY_S) for address, flown in sorted(flights.items())]
        tracekit.write_tar(folder, members, day)
        days.append(day)
    return days


def _trace(address: str, seen: Sequence[Sighting], midnight: int) -> tuple[str, bytes]:
    last = seen[-1].aircraft
    head = {name: last[name] for name in ("r", "t", "ownOp", "dbFlags") if name in last}
    return tracekit.trace(address, [_point(each, midnight) for each in seen], stamp=float(midnight), **head)


def _point(each: Sighting, midnight: int) -> tracekit.Point:
    one = each.aircraft
    is_geometric = one.get("baro_rate") is None and one.get("geom_rate") is not None
    return tracekit.point(
        each.at_s - midnight,
        one["lat"],
        one["lon"],
        one.get("alt_baro"),
        gs=one.get("gs"),
        track=one.get("track", one.get("true_heading")),
        flags=GEOMETRIC_RATE if is_geometric else 0,
        rate=one["geom_rate"] if is_geometric else one.get("baro_rate"),
        details={name: one[name] for name in ("type", "flight") if name in one},
        kind=one.get("type"),
        geom=one.get("alt_geom"),
    )


def watching(about: Context[Any]) -> Context[Any]:
    """The context with these fields in place of the shipped bases."""
    reference = replace(about.reference, rows={**about.reference.rows, "bases": list(bases())})
    return replace(about, reference=reference)


def decoded(folder: Path, days: Sequence[date]) -> tuple[dict[str, pa.Table], pa.Table]:
    """What the archive reader makes of the days in `folder`/archive: rows by lake table, and rows of the ledger."""
    about = tracekit.context(folder, list(bases()), now=LATER, network="recorded")
    parts: dict[str, list[pa.Table]] = defaultdict(list)
    notes: list[dict[str, Any]] = []
    for day in days:
        for event in decoding.decode(local.fetch(Window(SOURCE, day, day), about), about):
            if isinstance(event, Rows):
                # a file of rows is gone once the next event is asked for
                data = pq.read_table(event.data) if isinstance(event.data, Path) else event.data
                parts[event.table].append(_filed(data, event.day).cast(TABLES[event.table].schema))
            elif isinstance(event, Day):
                notes.append({**asdict(event), "source": SOURCE})
            else:
                raise AssertionError(event.reason)
    return {name: pa.concat_tables(tables) for name, tables in parts.items()}, pa.Table.from_pylist(notes)


def _filed(data: pa.Table, day: date) -> pa.Table:
    """Rows with the source and day under which the lake files them, where they do not carry them themselves."""
    if "source" in data.column_names:
        return data
    own = {"source": pa.array([SOURCE] * len(data)), "day": pa.array([day] * len(data))}
    return pa.table({**own, **{name: data[name] for name in data.column_names}})


def visits(folder: Path, seen: Iterable[Sighting], shift_s: int = 0) -> list[Visit]:
    """Rows of base_visits that an archive of these sightings leads to, weak ones included.

    `shift_s` moves every position later by so many seconds.
    """
    days = write_archive(folder / "archive", seen, shift_s)
    lake, ledger = decoded(folder, days)
    with duckdb.connect() as connection:
        params = simulated_lake.fill(
            connection,
            lake,
            ledger,
            {"bases": [row.model_dump() for row in bases()]},
            days[-1] + timedelta(days=1),
        )
        models.build(connection, params, models.ancestors(("marts.base_visits",)))
        found: list[Visit] = connection.execute("SELECT * FROM marts.base_visits").to_arrow_table().to_pylist()
        return found
