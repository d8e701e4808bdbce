"""What is known of an aircraft and from whom, and the refresh of the register rows that identity rests on.

Nothing here decides: registers, records and rules that disagree are all shown, each with who says it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import duckdb

from basewatch.cli import tables
from basewatch.config import Settings
from basewatch.errors import BasewatchError, ConfigError
from basewatch.lake.store import write_aside
from basewatch.net.client import Client
from basewatch.net.limits import Limit, Policy
from basewatch.reference import load as reference
from basewatch.reference import registers
from basewatch.reference.load import AircraftRow, RegistrationRuleRow
from basewatch.reference.registers import NAMES, PLANE_ALERT, Reading, RegisterFault, RegisterRow, mark
from basewatch.warehouse.releases import Warehouse, utc_now

ASKED = re.compile(r"(?:reg:)?~?[A-Za-z0-9][A-Za-z0-9+./ _-]{0,19}")
ADDRESS = re.compile(r"[0-9a-f]{6}")
RELEASE = "current release"
KINDS = ("record", "register", "flag", "visits", "block", "range", "hint", "conflict")


@dataclass(frozen=True)
class Statement:
    """One thing that somebody says of an aircraft.

    `kind`: `record` (an identity in the current release), `register`, `visits` (stays at one base, counted ones),
    `block` (the country's addresses), `range` (military addresses), `hint` (a country's rule from registration to
    address: never an identity), `conflict`. Days are UTC.
    """

    kind: str
    said_by: str
    icao24: str | None = None
    registration: str | None = None
    type_code: str | None = None
    operator: str | None = None
    country: str | None = None
    is_military: bool | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    note: str | None = None


COLUMNS = tuple(column.name for column in fields(Statement))


def show(settings: Settings, asked: str) -> list[Statement]:
    """Everything known of an address (six hex digits) or a registration, hyphens and case aside.

    A registration brings every address that a register or record gives it, an address every registration. Six digits
    that could be either are looked up as both. Raises ConfigError where the text can be neither.
    """
    text = asked.strip()
    if not ASKED.fullmatch(text):
        raise ConfigError(f"{asked!r} is neither an address (six hex digits) nor a registration (RA-85563)")
    facts = reference.load(settings).rows
    address, name = text.lower(), mark(text.removeprefix("reg:")) or ""
    rows = _registered(facts["aircraft"], {address}, {name})
    found = _of_release(settings, {address, *(row.icao24 for row in rows)}, {name, *_marks(rows)})
    # a registration that only records give the address leads to what registers say of it
    rows = _registered(facts["aircraft"], {address}, {name, *_marks(rows), *_marks(found)})
    said = [*found, *(_of_register(row) for row in rows)]
    keys = {address, *(one.icao24 or "" for one in said)}
    addresses = sorted(key for key in keys if ADDRESS.fullmatch(key))
    is_known = bool(said)
    said += _blocks(facts, addresses)
    said += _hints(facts["registration_rules"], said, {name, *_marks(said)}, addresses)
    said += _conflicts(said)
    if not is_known:
        said = [replace(one, note=f"nobody names it; {one.note}") if one.kind == "hint" else one for one in said]
    return sorted(
        dict.fromkeys(said), key=lambda one: (KINDS.index(one.kind), one.icao24 or "", one.valid_from or date.min)
    )


def _registered(rows: Iterable[AircraftRow], addresses: set[str], marks: set[str]) -> list[AircraftRow]:
    """Rows of these addresses and registrations, and of the registrations that the addresses have."""
    rows = list(rows)
    marks = (marks | _marks(row for row in rows if row.icao24 in addresses)) - {""}
    return [row for row in rows if row.icao24 in addresses or mark(row.registration) in marks]


def _marks(said: Iterable[AircraftRow | Statement]) -> set[str]:
    return {mark(one.registration) or "" for one in said} - {""}


def _of_register(row: AircraftRow) -> Statement:
    return Statement(
        "register",
        row.register,
        row.icao24,
        row.registration,
        row.type_code,
        row.operator,
        None,
        row.is_military,
        row.valid_from,
        row.valid_to,
        f"as of {row.checked_on}" if row.checked_on else None,
    )


def _of_release(settings: Settings, keys: set[str], marks: set[str]) -> list[Statement]:
    """What the current release holds of these addresses and registrations; nothing where nothing is published."""
    release = Warehouse(settings.root).current()
    if release is None:
        return []
    wanted = [sorted(keys | {f"reg:{name}" for name in marks}), sorted(marks)]
    with duckdb.connect(str(release.database), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        identities = connection.execute(
            "SELECT icao24, registration, type_code, operator, country, is_military, valid_from, valid_to, "
            "military_basis, fleets, conflicts, first_seen_at::DATE, last_seen_at::DATE FROM main.aircraft "
            "WHERE list_contains(?, icao24) OR list_contains(?, replace(upper(registration), '-', '')) "
            "ORDER BY icao24, valid_from",
            wanted,
        ).fetchall()
        on_record = sorted({row[0] for row in identities} | set(wanted[0]))
        visits = connection.execute(
            "SELECT icao24, registration, base_id, count(*) FILTER (WHERE confidence >= 2), "
            "count(*) FILTER (WHERE confidence < 2), min(first_evidence_at)::DATE, max(last_evidence_at)::DATE, "
            "list_sort(list_distinct(flatten(list(sources)))) FROM main.base_visits "
            "WHERE list_contains(?, icao24) OR list_contains(?, replace(upper(registration), '-', '')) "
            "GROUP BY ALL ORDER BY ALL",
            [on_record, wanted[1]],
        ).fetchall()
    said = []
    for *identity, basis, fleets, conflicts, first, last in identities:
        icao24, registration = identity[:2]
        note = [f"on record {first} to {last}" if first and last else "", f"military by {basis}" if basis else ""]
        note.append(f"fleets {', '.join(fleets)}")
        said.append(replace(Statement("record", RELEASE, *identity), note="; ".join(part for part in note if part)))
        said += [Statement("conflict", RELEASE, icao24, registration, note=text) for text in conflicts or []]
    for icao24, registration, base, counted, weak, first, last, sources in visits:
        told = f"{counted} at {base}" + (f", {weak} more on weak evidence" if weak else "")
        said.append(
            Statement(
                "visits", ", ".join(sources or []), icao24, registration, valid_from=first, valid_to=last, note=told
            )
        )
    return said


def _blocks(rows: Mapping[str, list[Any]], addresses: Iterable[str]) -> list[Statement]:
    said = []
    for address in addresses:
        block = next((row for row in rows["icao_blocks"] if row.start_hex <= address <= row.end_hex), None)
        if block:
            note = f"{block.country_name}: {block.start_hex}-{block.end_hex}"
            said.append(Statement("block", "ICAO address block", address, country=block.country, note=note))
        said += [
            Statement(
                "range",
                "address range",
                address,
                is_military=True,
                note=f"{row.start_hex}-{row.end_hex}; counts only where no register and no trace says",
            )
            for row in rows["military_ranges"]
            if row.start_hex <= address <= row.end_hex
        ]
    return said


def _hints(
    rules: Iterable[RegistrationRuleRow], said: Iterable[Statement], marks: Iterable[str], addresses: Iterable[str]
) -> list[Statement]:
    """What each country's rule would make of the registrations, and of addresses that nobody names."""
    given: dict[str, set[str]] = {}
    for one in said:
        if one.kind in ("record", "register") and one.icao24:
            given.setdefault(mark(one.registration) or "", set()).add(one.icao24)
    named = set().union(*(found for name, found in given.items() if name))
    hints: list[Statement] = []
    for rule in rules:
        listed = (rule.agrees or 0) + (rule.differs or 0)
        trust = f"a hint, no identity: {rule.agrees} of {listed} listed aircraft keep it"
        for name in sorted(marks):
            expected = addresses_by_rule(rule, name)
            kept = given.get(name, set()) & set(expected) - {
                one.icao24 for one in hints if mark(one.registration) == name
            }
            verdict = "kept here; " if kept else ("broken here; " if given.get(name) else "")
            # a rule of the lowest bits alone fits many addresses: it says something only of those that somebody gives
            shown = sorted(kept) or ([] if rule.low_bits else expected[:1])
            hints += [
                Statement("hint", f"rule {rule.prefix}", address, _spelled(rule, name), note=verdict + trust)
                for address in shown
            ]
        for address in addresses:
            found = None if address in named else registration_by_rule(rule, address)
            if found:
                hints.append(Statement("hint", f"rule {rule.prefix}", address, found, note=trust))
    return hints


def _spelled(rule: RegistrationRuleRow, name: str) -> str:
    return rule.prefix + name[len(rule.prefix.replace("-", "")) :]


def addresses_by_rule(rule: RegistrationRuleRow, registration: str) -> list[str]:
    """The addresses that a country's rule gives a registration, the plainest first; none where its form is another."""
    name, prefix = mark(registration) or "", rule.prefix.replace("-", "")
    rest = name.removeprefix(prefix)
    if not name.startswith(prefix) or len(rest) != rule.width:
        return []
    if rule.form == "digits":
        if not (rest.isascii() and rest.isdigit()):
            return []
        number = int(rest)
    elif all(letter in ascii_uppercase for letter in rest):
        strides = [int(stride) for stride in (rule.strides or "").split()]
        number = sum(stride * ascii_uppercase.index(letter) for stride, letter in zip(strides, rest, strict=True))
    else:
        return []
    start, end = int(rule.start_hex, 16), int(rule.end_hex, 16)
    first = start + number
    step = 1 << rule.low_bits if rule.low_bits else end + 1
    return [f"{address:06x}" for address in range(first, end + 1, step)]


def registration_by_rule(rule: RegistrationRuleRow, address: str) -> str | None:
    """The registration that a country's rule gives an address; None outside it. Rules of low bits name none."""
    number = int(address, 16) - int(rule.start_hex, 16)
    if rule.low_bits or number < 0 or int(address, 16) > int(rule.end_hex, 16):
        return None
    if rule.form == "digits":
        return f"{rule.prefix}{number:0{rule.width}d}" if number < 10**rule.width else None
    strides = [int(stride) for stride in (rule.strides or "").split()]
    letters = []
    for stride in strides:
        index, number = divmod(number, stride)
        if index >= len(ascii_uppercase):
            return None
        letters.append(ascii_uppercase[index])
    return rule.prefix + "".join(letters) if number == 0 else None


COMPARED = (  # of what, in which column, and what to call it
    ("registration", "icao24", "address"),
    ("icao24", "registration", "registration"),
    ("icao24", "type_code", "type"),
    ("icao24", "is_military", "military"),
)


def _conflicts(said: Iterable[Statement]) -> list[Statement]:
    """Where the statements disagree: addresses of a registration, registrations of an address, types, military."""
    spoken = [one for one in said if one.kind in ("record", "register")]
    told = []
    for about, column, word in COMPARED:
        groups: dict[str, dict[str, set[str]]] = {}
        spelled: dict[str, str] = {}
        for one in spoken:
            key, value = getattr(one, about), getattr(one, column)
            if key is None or value is None:
                continue
            same = mark(key) or ""
            spelled.setdefault(same, key)
            shown = {True: "yes", False: "no"}.get(value, value)
            folded = mark(shown) or "" if column == "registration" else shown
            groups.setdefault(same, {}).setdefault(folded, set()).add(one.said_by)
        for same, values in groups.items():
            # identities of the release alone are told apart by their days
            if len(values) > 1 and set().union(*values.values()) != {RELEASE}:
                listed = "; ".join(f"{value} ({', '.join(sorted(by))})" for value, by in sorted(values.items()))
                address, registration = (spelled[same], None) if about == "icao24" else (None, spelled[same])
                told.append(Statement("conflict", "comparison", address, registration, note=f"{word}: {listed}"))
    return told


def print_statements(asked: str, said: list[Statement], form: tables.Format) -> None:
    """Statements on stdout: a table without the columns that are empty throughout, or all columns as CSV or JSON."""
    if form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([[tables.csv_value(getattr(one, column)) for column in COLUMNS] for one in said])
    elif form == "json":
        listed = [{column: tables.plain(getattr(one, column)) for column in COLUMNS} for one in said]
        sys.stdout.write(json.dumps(listed, indent=1, ensure_ascii=False) + "\n")
    else:
        shown = tuple(column for column in COLUMNS if any(getattr(one, column) is not None for one in said))
        tables.print_table(
            f"what is known of {asked}",
            shown or COLUMNS,
            [[getattr(one, column) for column in shown] for one in said],
        )


# ---- refresh


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
    keep_all: bool = False,
    say: Callable[[str], None] = lambda line: None,
    now: datetime | None = None,
) -> Refresh:
    """Refresh a reference file of aircraft from the registers, and write it whole or not at all.

    out: the file; by default the one that `reference.aircraft` names. locations: where each register is found (URL or
    path), in place of the settings'; empty leaves it out. Rows of other registers in the file stay. A register that
    cannot be had, or is not what it should be, keeps the rows that the file has of it, and is named in `failures`.
    Raises ConfigError where no file is named, or it is the shipped one, or no register could be read.
    """
    target = _target(settings, out)
    today = (now or utc_now()).astimezone(UTC).date()
    shipped = settings.model_copy(update={"reference": settings.reference.model_copy(update={"aircraft": None})})
    facts = reference.load(shipped).rows
    before = [_as_row(row) for row in _rows_before(target, facts["aircraft"])]
    chosen = {name: _location(settings, name) for name in NAMES} | dict(locations or {})
    result = Refresh(target, 0)
    wanted = _Wanted(settings, keep_all or settings.registers.keep == "all")
    fresh: dict[str, list[RegisterRow]] = {}
    for name in (name for name in NAMES if chosen.get(name)):
        try:
            data = _fetch(settings, name, chosen[name])
            keep = None if name == PLANE_ALERT else wanted
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
        wanted.add(fresh[name])
    if not result.readings:
        told = "; ".join(result.failures.values()) or "every register is left out"
        raise ConfigError(f"no register could be read, {target} stays as it was: {told}")
    rows = [row for row in before if row.register not in fresh] + [row for some in fresh.values() for row in some]
    _write(target, rows)
    result.rows = len(rows)
    return result


def locations(given: Mapping[str, str | None], only: Iterable[str] | None = None) -> dict[str, str]:
    """Locations as a user types them: paths from where the user stands; registers outside `only` left out.

    Raises ConfigError for the name of a register that is none.
    """
    chosen = set(only or NAMES)
    unknown = sorted(chosen - set(NAMES))
    if unknown:
        raise ConfigError(f"no register {', '.join(unknown)}; known: {', '.join(NAMES)}")
    found = {
        name: location if "://" in location else str(Path(location).expanduser().resolve())
        for name, location in given.items()
        if location
    }
    return found | {name: "" for name in NAMES if name not in chosen}


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
        found: list[AircraftRow] = reference.parse("aircraft", target.read_text(encoding="utf-8-sig"), str(target))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{target} cannot be read: {error}") from None
    return found


def _as_row(row: AircraftRow) -> RegisterRow:
    return RegisterRow(**{column.name: getattr(row, column.name) for column in fields(RegisterRow)})


def _location(settings: Settings, name: str) -> str:
    found: str = getattr(settings.registers, name.replace("-", "_"))
    return found


class _Wanted:
    """Which rows of a large register are worth keeping: military ones, and those of aircraft that matter already."""

    def __init__(self, settings: Settings, everything: bool) -> None:
        self.everything = everything
        self.addresses: set[str] = set()
        self.marks: set[str] = set()
        release = Warehouse(settings.root).current()
        if release is not None and not everything:
            with duckdb.connect(str(release.database), read_only=True) as connection:
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
        write_aside(self.note.with_suffix(".body"), self.body)
        write_aside(self.note, json.dumps({**self.this, "rows": good}, indent=1).encode())


def _fetch(settings: Settings, name: str, location: str) -> _Fetched:
    """The register from a path as it stands, from a URL by a conditional request. Raises HttpFault, ConfigError."""
    if "://" not in location:
        path = settings.path(location)
        if not path.exists():
            raise RegisterFault(f"{name}: {path} does not exist")
        return _Fetched(path)
    note = settings.root / "landing" / "registers" / f"{name}.json"
    last = _note(note, location)
    about = settings.registers
    client = Client(
        f"register {name}",
        limits=(Limit(1, 1.0),),
        policy=Policy(about.connect_seconds, about.read_seconds, about.attempts, max_bytes=about.max_body_mb << 20),
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
        "fetched_at": utc_now().isoformat(),
    }
    return _Fetched(answer.body, note, last, this)


def _note(note: Path, location: str) -> dict[str, Any]:
    """What was fetched last from this address; nothing where its body is gone or damaged, so that it is asked anew."""
    try:
        found: dict[str, Any] = json.loads(note.read_text(encoding="utf-8"))
        body = note.with_suffix(".body").read_bytes()
    except (OSError, ValueError):
        return {}
    same = found.get("location") == hashlib.sha256(location.encode()).hexdigest()
    return found if same and found.get("sha256") == hashlib.sha256(body).hexdigest() else {}


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
    reference.parse("aircraft", text.getvalue(), str(target))
    try:
        write_aside(target, text.getvalue().encode())
    except OSError as error:
        raise ConfigError(f"{target} cannot be written: {error.strerror or error}") from None


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
