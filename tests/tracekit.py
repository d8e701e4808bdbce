"""Small trace archives made for tests: points to text in several grammars, texts to tars and folders, and a context."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from basewatch import config
from basewatch.lake.events import Day, Event, Reject, Rows
from basewatch.reference import load
from basewatch.reference.load import Reference
from basewatch.sources import contract
from basewatch.sources.contract import Context, Window
from basewatch.sources.readsb_archive import decoding, local

DAY = date(2025, 3, 14)
MIDNIGHT = datetime(2025, 3, 14, tzinfo=UTC).timestamp()
NOW = datetime(2025, 3, 20, tzinfo=UTC)
HMEIMIM = (35.4011, 35.9487)  # latitude and longitude of the shipped base, 157 ft

Point = list[Any]
DETAILS = {"type": "adsb_icao", "flight": "RFF7001 ", "alt_geom": 3000, "nav_modes": ["autopilot", "vnav"], "nic": 8}


def point(seconds: float, lat: float, lon: float, alt: Any = 3000, **more: Any) -> Point:
    """A point as readsb has it; more: gs, track, flags, rate, details, kind, geom."""
    return [
        seconds,
        lat,
        lon,
        alt,
        more.get("gs", 150.0),
        more.get("track", 170.0),
        more.get("flags", 0),
        more.get("rate", -700),
        more.get("details"),
        more.get("kind", "adsb_icao"),
        more.get("geom"),
        None,
        None,
        None,
    ]


def _number(value: Any, form: str) -> str:
    return form % value if isinstance(value, float) else json.dumps(value)


def line(values: Point) -> str:
    """A point in readsb's own form."""
    first = [_number(float(values[0]), "%.2f"), _number(float(values[1]), "%f"), _number(float(values[2]), "%f")]
    return f"[{','.join([*first, *(json.dumps(value, separators=(',', ':')) for value in values[3:])])}]"


def text(icao: str, points: Sequence[Point], form: str = "readsb", stamp: float = MIDNIGHT, **head: Any) -> bytes:
    """A trace as JSON. Forms: readsb (one point a line), minified, spaced, pretty, split (points broken over lines)."""
    fields = {"icao": icao, **head, "timestamp": stamp}
    if form == "readsb":
        start = ",\n".join(f'"{key}":{json.dumps(value)}' for key, value in fields.items())
        body = ",\n".join(line(values) for values in points)
        return f'{{{start},\n"trace":[ {chr(10) if points else ""}{body} ]\n }}\n'.encode()
    if form == "minified":
        return json.dumps({**fields, "trace": points}, separators=(",", ":")).encode()
    if form == "spaced":
        return json.dumps({**fields, "trace": points}).encode()
    if form == "pretty":
        return json.dumps({**fields, "trace": points}, indent=2).encode()
    body = ",\n".join(line(values).replace(",", ",\n", 2) for values in points)
    return f'{json.dumps(fields)[:-1]}, "trace":[\n{body}\n]}}'.encode()


def trace(icao: str, points: Sequence[Point], **more: Any) -> tuple[str, bytes]:
    """Name and gzip'd bytes of a member."""
    return f"./traces/{icao[-2:]}/trace_full_{icao}.json", gzip.compress(text(icao, points, **more), 6, mtime=0)


def tar(members: Iterable[tuple[str, bytes]], form: int = tarfile.GNU_FORMAT) -> bytes:
    """A tar of these members."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def write_tar(folder: Path, members: Iterable[tuple[str, bytes]], day: date = DAY, variant: str = "prod-0") -> Path:
    """A day's tar under the name that adsb.lol gives it."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"v{day:%Y.%m.%d}-planes-readsb-{variant}.tar"
    target.write_bytes(tar(members))
    return target


def context(folder: Path, base_rows: list[Any] | None = None, now: datetime = NOW, **settings: Any) -> Context[Any]:
    """A context with the shipped reference tables (or these bases) and an archive at `folder`/archive."""
    values = {"enabled": True, "location": str(folder / "archive"), "own_receiver": True, **settings}
    loaded = config.Settings(sources=config.Sources(readsb_archive=config.ReadsbArchive(**values)), folder=folder)
    tables = shipped()
    if base_rows is not None:
        tables = replace(tables, rows={**tables.rows, "bases": base_rows})
    return replace(
        contract.context("readsb_archive", loaded, tables, load.params(config.Settings()), now),
        landing=folder / "landing",
    )


_shipped: list[Reference] = []


def shipped() -> Reference:
    """The shipped reference tables, loaded once."""
    if not _shipped:
        _shipped.append(load.tables(config.Settings()))
    return _shipped[0]


class Result:
    """What decoding a day gave: rows by table, rejects, and the ledger note."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.filed: set[date] = set()
        self.rejects: list[Reject] = []
        self.days: list[Day] = []
        for event in events:
            if isinstance(event, Rows):
                data = pq.read_table(event.data) if isinstance(event.data, Path) else event.data
                self.rows.setdefault(event.table, []).extend(data.to_pylist())
                self.filed.add(event.day)
            elif isinstance(event, Reject):
                self.rejects.append(event)
            else:
                self.days.append(event)

    @property
    def day(self) -> Day:
        """The one ledger note."""
        assert len(self.days) == 1
        return self.days[0]

    @property
    def points(self) -> list[dict[str, Any]]:
        """Rows of track_points."""
        return self.rows.get("track_points", [])

    @property
    def reasons(self) -> str:
        """All reject reasons in one text."""
        return "\n".join(f"{reject.where}: {reject.reason}" for reject in self.rejects)


def decode(about: Context, day: date = DAY) -> Result:
    """Fetch and decode one day."""
    landed = local.fetch(Window("readsb_archive", day, day), about)
    assert landed.files, landed.absent
    return Result(decoding.decode(landed, about))


def run(folder: Path, *members: tuple[str, bytes], day: date = DAY, **settings: Any) -> Result:
    """Decode a day made of these members."""
    write_tar(folder / "archive", members, day)
    return decode(context(folder, **settings), day)
