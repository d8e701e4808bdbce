"""The refresh of the register rows that identity rests on: fetched, read, checked, written whole or not at all."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from basewatch.config import Settings
from basewatch.database import connect
from basewatch.durable import write_aside
from basewatch.errors import BasewatchError, ConfigError, Damaged
from basewatch.lake import notes
from basewatch.net.client import Client
from basewatch.net.limits import Limit, Policy
from basewatch.reference import load, registers
from basewatch.reference.registers import NAMES, PLANE_ALERT, Reading, RegisterFault, RegisterRow, mark
from basewatch.reference.rows import AircraftRow


@dataclass
class Refresh:
    """What a refresh did: the file, its rows, a line on each register, and what failed."""

    file: Path
    rows: int
    readings: dict[str, Reading] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


def update(
    settings: Settings,
    out: Path | None = None,
    locations: Mapping[str, str] | None = None,
    *,
    database: Path | None = None,
    keep_all: bool = False,
    say: Callable[[str], None] = lambda line: None,
    now: datetime | None = None,
) -> Refresh:
    """Refresh a reference file of aircraft from the registers, and write it whole or not at all.

    out: the file; by default the one that `reference.aircraft` names. locations: where each register is found (URL or
    path), in place of the settings'; empty leaves it out. database: the current release's, of whose aircraft every
    register is asked; None where nothing is published. Rows of other registers in the file stay. A register that cannot
    be had, or is not what it should be, keeps the rows that the file has of it, and is named in `failures`.
    Raises ConfigError where no file is named, or it is the shipped one, or no register could be read.
    """
    target = _target(settings, out)
    today = (now or datetime.now(UTC)).astimezone(UTC).date()
    shipped = settings.model_copy(update={"reference": settings.reference.model_copy(update={"aircraft": None})})
    facts = load.tables(shipped).rows
    before = [_as_row(row) for row in _rows_before(target, facts["aircraft"])]
    location_of = {name: _location(settings, name) for name in NAMES} | dict(locations or {})
    result = Refresh(target, 0)
    wanted_aircraft = _Wanted(database, keep_all or settings.registers.keep == "all")
    fresh: dict[str, list[RegisterRow]] = {}
    for name in (name for name in NAMES if location_of.get(name)):
        try:
            data = _fetch(settings, name, location_of[name])
            keep = None if name == PLANE_ALERT else wanted_aircraft
            reading = registers.read(name, data.body, facts["register_rules"], checked_on=today, keep=keep)
            _not_shrunk(settings, name, reading, data)
        except BasewatchError as error:
            result.failures[name] = str(error)
            say(f"{error}; its rows stay as they were")
            fresh[name] = [row for row in before if row.register == name]
            result.kept[name] = len(fresh[name])
        else:
            data.remember(reading.good)
            result.readings[name] = reading
            say(reading.summary)
            fresh[name] = reading.rows
        wanted_aircraft.add(fresh[name])
    if not result.readings:
        reasons = "; ".join(result.failures.values()) or "every register is left out"
        raise ConfigError(f"no register could be read, {target} stays as it was: {reasons}")
    rows = [row for row in before if row.register not in fresh] + [row for some in fresh.values() for row in some]
    _write(target, rows)
    result.rows = len(rows)
    return result


def locations(typed: Mapping[str, str | None], only: Iterable[str] | None = None) -> dict[str, str]:
    """Locations as a user types them: paths from where the user stands; registers outside `only` left out.

    Raises ConfigError for the name of a register that is none.
    """
    names = set(only or NAMES)
    unknown = sorted(names - set(NAMES))
    if unknown:
        raise ConfigError(f"no register {', '.join(unknown)}; known: {', '.join(NAMES)}")
    resolved = {
        name: location if "://" in location else str(Path(location).expanduser().resolve())
        for name, location in typed.items()
        if location
    }
    return resolved | {name: "" for name in NAMES if name not in names}


def _target(settings: Settings, out: Path | None) -> Path:
    named = settings.reference.aircraft
    if out is None and named is None:
        raise ConfigError(
            "no file to refresh: set reference.aircraft in the configuration to a file of your own, or give --out FILE"
        )
    target = out.expanduser().resolve() if out else settings.path(str(named))
    shipped = Path(str(files("basewatch.sql.reference").joinpath("aircraft.csv"))).resolve()
    if target == shipped or target.parent == shipped.parent:
        raise ConfigError(f"{target} is the table that is shipped with basewatch; name a file of your own")
    if target.is_dir():
        raise ConfigError(f"{target} is a folder; name the file to write")
    return target


def _rows_before(target: Path, shipped: list[AircraftRow]) -> list[AircraftRow]:
    """The rows of the file as it stands; of a new file those that are shipped."""
    if not target.exists():
        return shipped
    try:
        rows: list[AircraftRow] = load.parse("aircraft", target.read_text(encoding="utf-8-sig"), str(target))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{target} cannot be read: {error}") from None
    return rows


def _as_row(row: AircraftRow) -> RegisterRow:
    return RegisterRow(**{column.name: getattr(row, column.name) for column in fields(RegisterRow)})


def _location(settings: Settings, name: str) -> str:
    location: str = getattr(settings.registers, name.replace("-", "_"))
    return location


class _Wanted:
    """Which rows of a large register are worth keeping: military ones, and those of aircraft that matter already."""

    def __init__(self, database: Path | None, everything: bool) -> None:
        self.everything = everything
        self.addresses: set[str] = set()
        self.marks: set[str] = set()
        if database is not None and not everything:
            with connect(database, read_only=True) as connection:
                on_record = connection.execute(
                    "SELECT icao24, registration FROM main.aircraft "
                    "UNION SELECT icao24, registration FROM main.base_visits"
                ).fetchall()
            self.addresses |= {icao24 for icao24, _ in on_record if icao24}
            self.marks |= {mark(registration) or "" for _, registration in on_record} - {""}

    def add(self, rows: Iterable[RegisterRow]) -> None:
        """What one register holds, the next is asked about."""
        for row in rows:
            self.addresses.add(row.icao24)
            if row.registration:
                self.marks.add(mark(row.registration) or "")

    def __call__(self, row: RegisterRow) -> bool:
        return bool(
            self.everything
            or row.is_military
            or row.icao24 in self.addresses
            or (row.registration and mark(row.registration) in self.marks)
        )


@dataclass
class _Fetched:
    """A register's bytes, or the path to them, and the note on what was fetched last."""

    body: bytes | Path
    note: Path | None = None
    last: dict[str, Any] = field(default_factory=dict)
    this: dict[str, Any] = field(default_factory=dict)

    def remember(self, good: int) -> None:
        """Keep body and validators for the next conditional request."""
        if self.note is None or not isinstance(self.body, bytes):
            return
        self.note.unlink(missing_ok=True)  # a run that dies here leaves a body without a note, which is fetched anew
        write_aside(self.note.with_suffix(".body"), self.body)
        notes.write(self.note, {**self.this, "rows": good})


def _fetch(settings: Settings, name: str, location: str) -> _Fetched:
    """The register from a path as it stands, from a URL by a conditional request. Raises HttpFault, ConfigError."""
    if "://" not in location:
        path = settings.path(location)
        if not path.exists():
            raise RegisterFault(f"{name}: {path} does not exist")
        return _Fetched(path)
    note = settings.root / "landing" / "registers" / f"{name}.json"
    last = _note(note, location)
    limits = settings.registers
    client = Client(
        f"register {name}",
        limits=(Limit(1, 1.0),),
        policy=Policy(
            limits.connect_seconds,
            limits.read_seconds,
            limits.attempts,
            max_bytes=limits.max_body_mb << 20,
            answer_seconds=limits.file_seconds,
            file_seconds=limits.file_seconds,
            allow_local=limits.allow_local,
        ),
    )
    answer = client.get(location, expect="bytes", etag=last.get("etag"), modified=last.get("modified"))
    if answer.status == 304:
        return _Fetched(note.with_suffix(".body").read_bytes(), note, last, last)
    headers = {key.lower(): value for key, value in answer.headers.items()}
    this = {
        "url": answer.url,
        "location": hashlib.sha256(location.encode()).hexdigest(),
        "etag": headers.get("etag"),
        "modified": headers.get("last-modified"),
        "sha256": hashlib.sha256(answer.body).hexdigest(),
        "bytes": len(answer.body),
        "fetched_at": datetime.now(UTC).isoformat(),
    }
    return _Fetched(answer.body, note, last, this)


def _note(note: Path, location: str) -> dict[str, Any]:
    """What was fetched last from this address; nothing where its body is gone or damaged, so that it is asked anew."""
    try:
        last = notes.read(note)
        body = note.with_suffix(".body").read_bytes()
    except (OSError, Damaged):
        return {}
    same = last.get("location") == hashlib.sha256(location.encode()).hexdigest()
    return last if same and last.get("sha256") == hashlib.sha256(body).hexdigest() else {}


def _not_shrunk(settings: Settings, name: str, reading: Reading, data: _Fetched) -> None:
    before = int(data.last.get("rows") or 0)
    least = settings.registers.min_share_of_last
    if reading.good < before * least:
        raise RegisterFault(
            f"{name}: {reading.good:,} good rows where the last file had {before:,}; refused as cut short "
            f"(registers.min_share_of_last = {least}; set it to 0 to take it all the same)"
        )


def _write(target: Path, rows: Iterable[RegisterRow]) -> None:
    """Write the file in the form of the reference table, checked as it will be read, aside and renamed."""
    columns = [column.name for column in fields(RegisterRow)]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    ordered = sorted(rows, key=lambda row: (row.icao24, row.register, row.valid_from or date.min))
    writer.writerows([[_cell(getattr(row, column)) for column in columns] for row in ordered])
    load.parse("aircraft", text.getvalue(), str(target))
    try:
        write_aside(target, text.getvalue().encode())
    except OSError as error:
        raise ConfigError(f"{target} cannot be written: {error.strerror or error}") from None


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
