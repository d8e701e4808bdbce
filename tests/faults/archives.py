"""Faults of readsb archives: half hours of a heatmap, and days of traces after twelve good ones."""

from __future__ import annotations

import contextlib
import gzip
import json
import random
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from basewatch import config
from basewatch.errors import SourceError, containment
from basewatch.lake.ledger import LedgerRow, ledger_row
from basewatch.readsb.heatmap import BadHeatmap, read
from basewatch.reference import load
from basewatch.sources import volumes
from faults.fault import Answer, Family, Fault, Meet
from heatmaps import damage
from heatmaps.files import HalfHour, half_hour
from tracekit import Point, context, decode, point, tar, trace

FAMILY = "archives"
FIRST, WHOLE = date(2025, 3, 1), 12
CIVIL, MILITARY = 90, 30
HALF_BEGINS = 1_741_946_400  # 2025-03-14 10:00 UTC

Track = tuple[str, list[Point]]
Member = tuple[str, bytes]


def aircraft() -> list[str]:
    """Addresses of a day: civil ones, and some that a register calls military."""
    military = sorted(row.icao24 for row in load.tables(config.Settings()).rows["aircraft"] if row.is_military)
    return [f"4b{number:04x}" for number in range(CIVIL)] + military[:: len(military) // MILITARY][:MILITARY]


def flown(day: date, seed: int | None = None) -> list[Track]:
    """A day's tracks into Hmeimim, every one landing; the last of them towards midnight."""
    chance = random.Random(day.toordinal() if seed is None else seed)
    tracks = []
    for number, address in enumerate(aircraft()):
        start = 85_000.0 if number == 0 else 200.0 if number == 1 else chance.triangular(300, 80_000, 30_000)
        points = [
            point(
                start + 30 * step,
                35.40 + 0.02 * (14 - step),
                35.95 + chance.uniform(0, 0.01),
                "ground" if step > 12 else 500 * (14 - step),
            )
            for step in range(16)
        ]
        tracks.append((address, points))
    return tracks


def packed(day: date, tracks: Iterable[Track]) -> list[Member]:
    """The members of a day's tar."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
    return [trace(address, points, stamp=midnight) for address, points in tracks]


@dataclass(frozen=True)
class Change:
    """What a fault does to the day: to its tracks, to its members, or to the tar."""

    tracks: Callable[[list[Track]], list[Track]] | None = None
    members: Callable[[list[Member]], list[Member]] | None = None
    data: Callable[[bytes], bytes] | None = None
    seed: int | None = None
    stamp_days: int = 0


def _points(change: Callable[[Point], Point | None]) -> Callable[[list[Track]], list[Track]]:
    def harm(tracks: list[Track]) -> list[Track]:
        changed = [(address, [new for old in points if (new := change(list(old)))]) for address, points in tracks]
        return [(address, points) for address, points in changed if points]

    return harm


def _set(**values: Any) -> Callable[[list[Track]], list[Track]]:
    """Places of a point (second, latitude, longitude, altitude) set, or moved by a function."""
    places = {"at": 0, "latitude": 1, "longitude": 2, "altitude": 3}

    def change(one: Point) -> Point:
        for name, value in values.items():
            one[places[name]] = value(one[places[name]]) if callable(value) else value
        return one

    return _points(change)


def _member(number: int, change: Callable[[bytes], bytes]) -> Callable[[list[Member]], list[Member]]:
    return lambda members: [
        (name, change(data)) if place == number else (name, data) for place, (name, data) in enumerate(members)
    ]


def _json(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    def harm(data: bytes) -> bytes:
        value = json.loads(gzip.decompress(data))
        change(value)
        return gzip.compress(json.dumps(value).encode(), mtime=0)

    return harm


def _unarmed(tracks: list[Track]) -> list[Track]:
    armed = set(aircraft()[CIVIL:])
    return [track for track in tracks if track[0] not in armed]


LOST = "less than its norm|MB, where|fewer"
PART = "read|cut|JSON|gzip|damaged|member|tar|nested|address|trace|bytes|time|position|point|MB, where"
DAYS: tuple[tuple[str, Change, str], ...] = (
    ("half of the aircraft gone", Change(tracks=lambda tracks: tracks[::2]), LOST),
    ("two in three aircraft gone", Change(tracks=lambda tracks: tracks[::3]), LOST),
    ("nine in ten aircraft gone", Change(tracks=lambda tracks: tracks[::10]), LOST),
    ("all military aircraft gone", Change(tracks=_unarmed), "military"),
    ("all civil aircraft gone", Change(tracks=lambda tracks: tracks[CIVIL:]), LOST),
    *(
        (
            f"nothing after {hour}:00",
            Change(tracks=_points(lambda one, hour=hour: one if one[0] < hour * 3600 else None)),
            "nothing after|" + LOST,
        )
        for hour in (4, 8, 12, 16, 20, 22)
    ),
    *(
        (
            f"nothing before {hour}:00",
            Change(tracks=_points(lambda one, hour=hour: one if one[0] > hour * 3600 else None)),
            "nothing before|" + LOST,
        )
        for hour in (3, 6, 12)
    ),
    ("yesterday's day under a new date", Change(seed=(FIRST + timedelta(days=WHOLE - 1)).toordinal()), "is the day"),
    ("a day of the week before under a new date", Change(seed=(FIRST + timedelta(days=4)).toordinal()), "is the day"),
    (
        "half of yesterday's day",
        Change(seed=(FIRST + timedelta(days=WHOLE - 1)).toordinal(), tracks=lambda tracks: tracks[::2]),
        "is the day|" + LOST,
    ),
    ("stamps of another day", Change(stamp_days=-7), "day|time|stamp|of 2025|trace"),
    ("stamps of another year", Change(stamp_days=-365), "day|time|stamp|of 2024|trace"),
    ("moved north by 0.6 degrees", Change(tracks=_set(latitude=lambda value: value + 0.6)), "at a field|field"),
    ("moved east by 2 degrees", Change(tracks=_set(longitude=lambda value: value + 2)), "field|" + LOST),
    (
        "latitude and longitude swapped",
        Change(tracks=_points(lambda one: [one[0], one[2], one[1], *one[3:]])),
        "field|" + LOST,
    ),
    ("positions all at one place", Change(tracks=_set(latitude=35.0, longitude=36.5)), "place|field|position"),
    ("positions all at zero", Change(tracks=_set(latitude=0.0, longitude=0.0)), "position|place|field|" + LOST),
    ("latitudes beyond the pole", Change(tracks=_set(latitude=135.4)), "latitude|position|place|" + LOST),
    ("no landing but heights of zero", Change(tracks=_set(altitude=0)), "height|altitude|ground|" + LOST),
    ("heights of all unknown", Change(tracks=_set(altitude=None)), "height|altitude|ground|" + LOST),
    (
        "clocks moved by 6 hours",
        Change(tracks=_set(at=lambda value: (value + 21_600) % 86_400)),
        "moved|time|order|hours",
    ),
    ("clocks a thousand times too fast", Change(tracks=_set(at=lambda value: value * 1000)), "time|" + LOST),
    ("clocks before midnight", Change(tracks=_set(at=lambda value: value - 86_400)), "traces are of"),
    ("no aircraft at all", Change(tracks=lambda tracks: []), PART + "|" + LOST + "|holds no|no trace"),
    ("tar of no bytes", Change(data=lambda data: b""), PART + "|empty|no "),
    ("tar of zeros", Change(data=lambda data: bytes(len(data))), PART + "|empty|no |" + LOST),
    ("tar cut at half", Change(data=lambda data: data[: len(data) // 2]), PART),
    ("tar cut within a header", Change(data=lambda data: data[: 512 * 40 + 100]), PART),
    ("a web page for a tar", Change(data=lambda data: b"<!DOCTYPE html>" * 800), PART),
    ("noise for a tar", Change(data=lambda data: random.Random(1).randbytes(len(data))), PART),
    (
        "noise in the tar",
        Change(data=lambda data: data[:20_000] + random.Random(2).randbytes(4000) + data[24_000:]),
        PART,
    ),
    ("members packed and cut", Change(members=_member(7, lambda data: data[: len(data) // 2])), PART),
    ("a member of no bytes", Change(members=_member(7, lambda data: b"")), PART),
    ("a member flipped", Change(members=_member(7, lambda data: data[:60] + b"\0\0\0\0" + data[64:])), PART),
    ("a member of HTML", Change(members=_member(7, lambda data: gzip.compress(b"<html>"))), PART),
    ("a member nested too deep", Change(members=_member(7, lambda data: gzip.compress(b"[" * 100_000))), PART),
    ("a member without a trace", Change(members=_member(7, _json(lambda one: one.pop("trace")))), PART),
    ("a member without a stamp", Change(members=_member(7, _json(lambda one: one.pop("timestamp")))), PART),
    ("a member of another address", Change(members=_member(7, _json(lambda one: one.update(icao="abcdef")))), PART),
    ("a member whose trace is a word", Change(members=_member(7, _json(lambda one: one.update(trace="soon")))), PART),
    (
        "a member with a stamp of a word",
        Change(members=_member(7, _json(lambda one: one.update(timestamp="now")))),
        PART,
    ),
)
HARMLESS_DAYS: tuple[tuple[str, Change], ...] = (
    ("unchanged", Change()),
    ("a quarter fewer aircraft", Change(tracks=lambda tracks: [one for n, one in enumerate(tracks) if n % 4 < 3])),
    ("other order of members", Change(members=lambda members: members[::-1])),
    ("a file beside the traces", Change(members=lambda members: [*members, ("./README", b"hello")])),
    ("zeros behind the tar", Change(data=lambda data: data + bytes(1 << 16))),
    (
        "twice as many points",
        Change(
            tracks=lambda tracks: [
                (address, [new for old in points for new in (old, [old[0] + 11, *old[1:]])])
                for address, points in tracks
            ]
        ),
    ),
    ("a few heights unknown", Change(tracks=_points(lambda one: one if one[0] % 7 else [*one[:3], None, *one[4:]]))),
)


def faults() -> list[Fault]:
    """All faults of the family."""
    found = [Fault(FAMILY, one.kind, "heatmap", "reader", one, one.reason) for one in damage.KINDS]
    found += [Fault(FAMILY, kind, "heatmap", "reader", make, "", False) for kind, make in damage.HARMLESS[1:]]
    found += [Fault(FAMILY, kind, "traces", "window", change, reason) for kind, change, reason in DAYS]
    found += [Fault(FAMILY, kind, "traces", "window", change, "", False) for kind, change in HARMLESS_DAYS]
    return found


class Days:
    """Twelve good days of an archive as the ledger knows them, and the one after."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.about = context(folder, now=datetime(2025, 3, 20, tzinfo=UTC), processes=1)
        self.good = [self.held(FIRST + timedelta(days=number), Change()) for number in range(WHOLE)]
        assert all(row.status == "ok" for row, _ in self.good), [row.error for row, _ in self.good]

    def held(self, day: date, change: Change) -> tuple[LedgerRow, str]:
        """The ledger's row of a day that is written and read, and what is said of its members."""
        shutil.rmtree(self.folder / "archive", ignore_errors=True)
        (self.folder / "archive").mkdir(parents=True)
        tracks = flown(day, change.seed)
        tracks = change.tracks(tracks) if change.tracks else tracks
        members = packed(day + timedelta(days=change.stamp_days), tracks)
        data = tar(change.members(members) if change.members else members)
        name = f"v{day:%Y.%m.%d}-planes-readsb-prod-0.tar"
        (self.folder / "archive" / name).write_bytes(change.data(data) if change.data else data)
        result = decode(self.about, day)
        row = ledger_row("readsb_archive", result.day, "run", ["lake/part.parquet"], datetime(2025, 4, 1, tzinfo=UTC))
        return row, result.reasons

    def meet(self, change: Change) -> Answer:
        """Hold the day against those before it."""
        try:
            with containment.of_source("readsb_archive", "a day"):
                row, said = self.held(FIRST + timedelta(days=WHOLE), change)
        except SourceError as error:
            return Answer("refused", str(error))
        rows = [*(row for row, _ in self.good), row]
        verdicts = {judged.day: judged for judged in volumes.judge(rows, load.params(config.Settings()).thresholds)}
        row = verdicts.get(row.day, row)
        if row.status == "failed":
            return Answer("refused", f"{row.error}\n{said}")
        if row.status in ("partial", "missing"):
            return Answer("contained", f"{row.error}\n{said}")
        return Answer("warned" if said else "passed", said)


def _heatmap(half: HalfHour, fault: Fault) -> Answer:
    data = fault.harm.file(half) if fault.is_harmful else fault.harm(half)
    try:
        read(data, HALF_BEGINS)
    except BadHeatmap as error:
        return Answer("refused", str(error))
    return Answer("passed")


@contextlib.contextmanager
def world(folder: Path) -> Iterator[Meet]:
    """A half hour of a heatmap, and the days of traces, made when the first fault of a day comes."""
    half = half_hour(damage.scene(HALF_BEGINS), HALF_BEGINS)
    days: list[Days] = []

    def meet(fault: Fault) -> Answer:
        if fault.stage == "reader":
            return _heatmap(half, fault)
        if not days:
            days.append(Days(folder))
        return days[0].meet(fault.harm)

    yield meet


ARCHIVES = Family(FAMILY, faults, world)
