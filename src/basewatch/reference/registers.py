"""Readers of aircraft registers: bytes in, rows of the reference table `aircraft` out, every bad row counted.

Each row names the register that says it; nothing here decides between two that disagree. What a register holds that
the watch must not repeat (private owners, towers) is told by the rows of sql/reference/register_rules.csv.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from basewatch.errors import ConfigError
from basewatch.net.content import describe, plain
from basewatch.reference.rows import RegisterRuleRow

PLANE_ALERT = "plane-alert-db"
TAR1090 = "tar1090-db"
OPENSKY = "opensky-metadata"
NAMES = (PLANE_ALERT, TAR1090, OPENSKY)  # in this order: what the first holds decides what is wanted of the others

PLANE_ALERT_COLUMNS = ("$ICAO", "$Registration", "$Operator", "$Type", "$ICAO Type", "#CMPG", "Category")
TAR1090_COLUMNS = ("hex", "registration", "icaotype", "flags", "typename", "year", "ownop")
TAR1090_FLAGS = ("military", "interesting", "pia", "ladd")  # one digit each, by position
SHARD_COLUMNS = ("registration", "icaotype", "flags", "typename")
OPENSKY_COLUMNS = ("icao24", "registration", "typecode")
FIELD_LIMIT = 16 << 20  # OpenSky's notes outgrow the 128 KiB that the csv module allows by default
MAX_BYTES = 1 << 30
MAX_BAD_SHARE = 0.05  # plane-alert-db has 2 bad rows in 17,198; more than this is not the file it should be
LONGEST_TEXT = 120
MARK = re.compile(r"[A-Z0-9][A-Z0-9+./ ()_-]{0,19}")
DESIGNATOR = re.compile(r"[A-Z][A-Z0-9]{1,3}")
NO_ADDRESSES = frozenset({"000000", "ffffff"})


@dataclass(frozen=True, slots=True)
class RegisterRow:
    """What one register says of one address: a row of the reference table `aircraft`, column by column."""

    icao24: str
    registration: str | None
    type_code: str | None
    type_name: str | None
    operator: str | None
    is_military: bool | None
    register: str
    valid_from: date | None
    valid_to: date | None
    source_url: str | None
    checked_on: date | None


@dataclass
class Reading:
    """What a register's file gave: rows in its order, how many it held, and why others are not among them."""

    register: str
    rows: list[RegisterRow] = field(default_factory=list)
    read: int = 0
    good: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)

    @property
    def summary(self) -> str:
        """Counts and reasons in one line."""
        parts = [f"{self.register}: {self.read:,} rows, {len(self.rows):,} kept"]
        for verdict, counts in (("bad", self.rejected), ("left out", self.dropped)):
            parts += [f"{count:,} {verdict}: {reason}" for reason, count in counts.most_common()]
        return "; ".join(parts)


class RegisterFault(ConfigError):
    """A file is not the register it should be; says what it is instead."""


Keep = Callable[[RegisterRow], bool]


def read(
    register: str,
    data: bytes | Path,
    rules: Iterable[RegisterRuleRow] = (),
    *,
    checked_on: date | None = None,
    keep: Keep | None = None,
) -> Reading:
    """The rows of a register's file that are good and wanted (`keep`), whatever its name and packing.

    data: the file's bytes, gzip'd or not; for tar1090-db also a folder of its .js shards. Raises RegisterFault where
    it is not that register: another header, HTML, damaged gzip, or more than one row in twenty bad.
    """
    reading = Reading(register)
    ruled = _Rules([rule for rule in rules if rule.register == register])
    seen: set[tuple[str, date | None]] = set()
    for raw in _raw_rows(register, data):
        reading.read += 1
        if isinstance(raw, str):
            reading.rejected[raw] += 1
            continue
        icao24 = raw[_ADDRESS[register]].strip().lower()
        fault = address_fault(icao24)
        if fault:
            reading.rejected[fault] += 1
            continue
        reason, changes = ruled.judge(raw)
        if reason:
            reading.dropped[reason] += 1
            continue
        row = replace(_ROWS[register](icao24, raw), checked_on=checked_on, **changes)
        if (row.icao24, row.valid_from) in seen:
            reading.rejected["the address stands twice"] += 1
            continue
        seen.add((row.icao24, row.valid_from))
        reading.good += 1
        if keep is None or keep(row):
            reading.rows.append(row)
    if not reading.good:
        raise RegisterFault(f"{register}: the file holds no aircraft")
    bad = sum(reading.rejected.values())
    if bad > reading.read * MAX_BAD_SHARE and bad > 2:
        raise RegisterFault(f"{register}: {bad:,} of {reading.read:,} rows are bad ({reading.summary}); file refused")
    return reading


def address_fault(icao24: str) -> str | None:
    """Why a text is no ICAO address; None when it is one. A digit that is missing cannot be guessed."""
    if icao24.startswith("~"):
        return "the address is not ICAO's own (~)"
    if not re.fullmatch(r"[0-9a-f]{6}", icao24):
        digits = len(icao24) if re.fullmatch(r"[0-9a-f]+", icao24) else None
        return f"the address has {digits} digits, not six" if digits else "the address is not hexadecimal"
    return "the address means none" if icao24 in NO_ADDRESSES else None


def mark(registration: str | None) -> str | None:
    """A registration as it is compared: upper case, without hyphens and spaces."""
    return re.sub(r"[\s-]+", "", registration).upper() or None if registration else None


# ---- the files


def _raw_rows(register: str, data: bytes | Path) -> Iterator[dict[str, str] | str]:
    """Each row as text by column name, or the reason why it cannot be read."""
    if isinstance(data, Path) and data.is_dir():
        if register != TAR1090:
            raise RegisterFault(f"{register}: {data} is a folder; name the file in it")
        return _shards({file.name: file.read_bytes() for file in sorted(data.glob("*.js"))})
    body = data.read_bytes() if isinstance(data, Path) else data
    try:
        body = plain(body, MAX_BYTES)
    except ValueError as error:
        raise RegisterFault(f"{register}: {error}") from None
    return {PLANE_ALERT: _plane_alert, TAR1090: _tar1090, OPENSKY: _opensky}[register](body)


def _plane_alert(body: bytes) -> Iterator[dict[str, str] | str]:
    return _headed(PLANE_ALERT, body, PLANE_ALERT_COLUMNS, '"', str)


def _opensky(body: bytes) -> Iterator[dict[str, str] | str]:
    """Older files quote with ", newer ones with '; the header tells, and its spelling of names differs too."""
    quote = "'" if body.lstrip(b"\xef\xbb\xbf\r\n ").startswith(b"'") else '"'
    return _headed(OPENSKY, body, OPENSKY_COLUMNS, quote, str.lower)


def _headed(
    register: str, body: bytes, needed: Iterable[str], quote: str, spelled: Callable[[str], str]
) -> Iterator[dict[str, str] | str]:
    with _long_fields():
        reader = csv.reader(io.StringIO(_text(body), newline=""), quotechar=quote)
        names = [spelled(name.strip()) for name in next(reader, [])]
        missing = [name for name in needed if name not in names]
        if missing:
            raise RegisterFault(
                f"{register}: the file has no column {', '.join(missing)}; it is {describe(body[:4096])}"
            )
        for cells in _cells(reader):
            if isinstance(cells, str):
                yield cells
            elif len(cells) != len(names):
                if any(cells):
                    yield "the row has not as many cells as the header has names"
            elif any(cells):
                yield _readable(dict(zip(names, cells, strict=True)))


def _tar1090(body: bytes) -> Iterator[dict[str, str] | str]:
    text = _text(body)
    head = [line.split(";") for line in text[:20000].splitlines()[:100]]
    if not head or sum(len(cells) >= 4 and address_fault(cells[0].lower()) is None for cells in head) * 2 < len(head):
        raise RegisterFault(f"{TAR1090}: the file does not begin with rows of address;registration;type;flags; it is "
                            f"{describe(body[:4096])}")  # fmt: skip
    with _long_fields():
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=";", quoting=csv.QUOTE_NONE, escapechar="\\")
        for cells in _cells(reader):
            if isinstance(cells, str):
                yield cells
            elif len(cells) < 4:
                yield "the row ends early"
            else:
                padded = [*cells[: len(TAR1090_COLUMNS)], *[""] * (len(TAR1090_COLUMNS) - len(cells))]
                yield _readable(_flagged(dict(zip(TAR1090_COLUMNS, padded, strict=True))))


def _shards(files: Mapping[str, bytes]) -> Iterator[dict[str, str] | str]:
    """tar1090's own database: gzip'd JSON, the file's name the first digits of the addresses, the keys the rest."""
    named = {re.fullmatch(r"([0-9A-F]{1,5})\.js", name): body for name, body in files.items()}
    shards = {match[1]: body for match, body in named.items() if match}
    if not shards:
        raise RegisterFault(f"{TAR1090}: the folder holds no shard such as 1.js")
    for prefix, body in shards.items():
        try:
            shard = msgspec.json.decode(plain(body, MAX_BYTES))
        except (ValueError, msgspec.DecodeError) as error:
            raise RegisterFault(f"{TAR1090}: {prefix}.js cannot be read: {error}") from None
        if not isinstance(shard, dict):
            raise RegisterFault(f"{TAR1090}: {prefix}.js is not a shard")
        for rest, values in shard.items():
            if rest == "children":  # names of the shards that continue this one
                continue
            if not isinstance(values, list) or len(values) < len(SHARD_COLUMNS):
                yield "the row ends early"
                continue
            texts = ["" if value is None else str(value) for value in values]
            yield _readable(_flagged({"hex": prefix + rest, **dict(zip(SHARD_COLUMNS, texts, strict=False))}))


def _flagged(raw: dict[str, str]) -> dict[str, str]:
    flags = raw["flags"].ljust(len(TAR1090_FLAGS), "0")
    return {**raw, **dict(zip(TAR1090_FLAGS, flags, strict=False))}


def _text(body: bytes) -> str:
    return body.decode("utf-8-sig", "replace")


def _readable(raw: dict[str, str]) -> dict[str, str] | str:
    return "the text is not UTF-8" if any("\ufffd" in value for value in raw.values()) else raw


def _cells(reader: Any) -> Iterator[list[str] | str]:
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield f"not readable as CSV ({error})"


class _long_fields:  # noqa: N801 (a context manager, used like a function)
    """The csv module's limit on a field is one for the whole process: raised while a register is read."""

    def __enter__(self) -> None:
        self.before = csv.field_size_limit(FIELD_LIMIT)

    def __exit__(self, *_: object) -> None:
        csv.field_size_limit(self.before)


# ---- the rules


class _Rules:
    """What to leave out and what to put right, found by the cell that a rule names."""

    def __init__(self, rules: list[RegisterRuleRow]) -> None:
        self.by_cell: dict[str, dict[str, list[RegisterRuleRow]]] = {}
        for rule in rules:
            self.by_cell.setdefault(rule.field, {}).setdefault(rule.equals, []).append(rule)

    def judge(self, raw: Mapping[str, str]) -> tuple[str | None, dict[str, Any]]:
        """The reason to leave a row out, or None and the columns to set."""
        changes: dict[str, Any] = {}
        for name, values in self.by_cell.items():
            for rule in values.get(raw.get(name, "").strip(), ()):
                if rule.and_field and raw.get(rule.and_field, "").strip() != rule.and_equals:
                    continue
                if rule.action == "drop":
                    return rule.reason, {}
                changes[str(rule.column)] = rule.value or None
        return None, changes


# ---- the rows


def _clean(text: str | None) -> str | None:
    """One line of printable text, or None."""
    words = "".join(letter if letter.isprintable() else " " for letter in text or "").split()
    return " ".join(words)[:LONGEST_TEXT].rstrip() or None


def _registration(text: str | None) -> str | None:
    registration = (_clean(text) or "").upper()
    return registration if MARK.fullmatch(registration) else None


def _designator(text: str | None) -> str | None:
    designator = (_clean(text) or "").upper()
    return designator if DESIGNATOR.fullmatch(designator) else None


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat((text or "").strip()[:10])
    except ValueError:
        return None


def _of_plane_alert(icao24: str, raw: Mapping[str, str]) -> RegisterRow:
    return RegisterRow(
        icao24,
        _registration(raw["$Registration"]),
        _designator(raw["$ICAO Type"]),
        _clean(raw["$Type"]),
        _clean(raw["$Operator"]),
        raw["#CMPG"].strip() == "Mil",
        PLANE_ALERT,
        None,
        None,
        None,
        None,
    )


def _of_tar1090(icao24: str, raw: Mapping[str, str]) -> RegisterRow:
    """The operator of military aircraft alone: of others the file names the owner, often a person."""
    is_military = raw["military"] == "1"
    return RegisterRow(
        icao24,
        _registration(raw["registration"]),
        _designator(raw["icaotype"]),
        _clean(raw["typename"]),
        _clean(raw.get("ownop")) if is_military else None,
        is_military,
        TAR1090,
        None,
        None,
        None,
        None,
    )


def _of_opensky(icao24: str, raw: Mapping[str, str]) -> RegisterRow:
    """OpenSky does not say who is military. `registered` begins a registration; `reguntil` is when its paper lapses,
    which ends nothing: renewed ones fly on. The owner, often a person, is not taken."""
    return RegisterRow(
        icao24,
        _registration(raw["registration"]),
        _designator(raw["typecode"]),
        _clean(raw.get("model")),
        _clean(raw.get("operator")),
        None,
        OPENSKY,
        _day(raw.get("registered")),
        None,
        None,
        None,
    )


_ADDRESS = {PLANE_ALERT: "$ICAO", TAR1090: "hex", OPENSKY: "icao24"}
_ROWS: dict[str, Callable[[str, Mapping[str, str]], RegisterRow]] = {
    PLANE_ALERT: _of_plane_alert,
    TAR1090: _of_tar1090,
    OPENSKY: _of_opensky,
}
