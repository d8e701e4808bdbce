"""What is known of an aircraft and from whom.

Nothing here decides: registers, records and rules that disagree are all shown, each with who says it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from basewatch.config import Settings
from basewatch.database import connect
from basewatch.errors import ConfigError
from basewatch.reference import load
from basewatch.reference.registers import mark
from basewatch.reference.rows import AircraftRow, RegistrationRuleRow

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


def statements(settings: Settings, identity: str, database: Path | None = None) -> list[Statement]:
    """Everything known of an address (six hex digits) or a registration, hyphens and case aside.

    A registration brings every address that a register or record gives it, an address every registration. Six digits
    that could be either are looked up as both. `database` is that of the current release, None where nothing is
    published. Raises ConfigError where the text can be neither.
    """
    text = identity.strip()
    if not ASKED.fullmatch(text):
        raise ConfigError(f"{identity!r} is neither an address (six hex digits) nor a registration (RA-85563)")
    facts = load.tables(settings).rows
    address, name = text.lower(), mark(text.removeprefix("reg:")) or ""
    rows = _registered(facts["aircraft"], {address}, {name})
    on_record = _of_release(database, {address, *(row.icao24 for row in rows)}, {name, *_marks(rows)})
    # a registration that only records give the address leads to what registers say of it
    rows = _registered(facts["aircraft"], {address}, {name, *_marks(rows), *_marks(on_record)})
    stated = [*on_record, *(_of_register(row) for row in rows)]
    keys = {address, *(one.icao24 or "" for one in stated)}
    addresses = sorted(key for key in keys if ADDRESS.fullmatch(key))
    is_known = bool(stated)
    stated += _blocks(facts, addresses)
    stated += _hints(facts["registration_rules"], stated, {name, *_marks(stated)}, addresses)
    stated += _conflicts(stated)
    if not is_known:
        stated = [replace(one, note=f"nobody names it; {one.note}") if one.kind == "hint" else one for one in stated]
    return sorted(
        dict.fromkeys(stated), key=lambda one: (KINDS.index(one.kind), one.icao24 or "", one.valid_from or date.min)
    )


def _registered(rows: Iterable[AircraftRow], addresses: set[str], marks: set[str]) -> list[AircraftRow]:
    """Rows of these addresses and registrations, and of the registrations that the addresses have."""
    rows = list(rows)
    marks = (marks | _marks(row for row in rows if row.icao24 in addresses)) - {""}
    return [row for row in rows if row.icao24 in addresses or mark(row.registration) in marks]


def _marks(rows: Iterable[AircraftRow | Statement]) -> set[str]:
    return {mark(one.registration) or "" for one in rows} - {""}


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


def _of_release(database: Path | None, keys: set[str], marks: set[str]) -> list[Statement]:
    """What the current release holds of these addresses and registrations; nothing where nothing is published."""
    if database is None:
        return []
    arguments = [sorted(keys | {f"reg:{name}" for name in marks}), sorted(marks)]
    with connect(database, read_only=True) as connection:
        identities = connection.execute(
            "SELECT icao24, registration, type_code, operator, country, is_military, valid_from, valid_to, "
            "military_basis, fleets, conflicts, first_seen_at::DATE, last_seen_at::DATE FROM main.aircraft "
            "WHERE list_contains(?, icao24) OR list_contains(?, replace(upper(registration), '-', '')) "
            "ORDER BY icao24, valid_from",
            arguments,
        ).fetchall()
        on_record = sorted({row[0] for row in identities} | set(arguments[0]))
        visits = connection.execute(
            "SELECT icao24, registration, base_id, count(*) FILTER (WHERE confidence >= 2), "
            "count(*) FILTER (WHERE confidence < 2), min(first_evidence_at)::DATE, max(last_evidence_at)::DATE, "
            "list_sort(list_distinct(flatten(list(sources)))) FROM main.base_visits "
            "WHERE list_contains(?, icao24) OR list_contains(?, replace(upper(registration), '-', '')) "
            "GROUP BY ALL ORDER BY ALL",
            [on_record, arguments[1]],
        ).fetchall()
    stated = []
    for *identity, basis, fleets, conflicts, first, last in identities:
        icao24, registration = identity[:2]
        note = [f"on record {first} to {last}" if first and last else "", f"military by {basis}" if basis else ""]
        note.append(f"fleets {', '.join(fleets)}")
        stated.append(replace(Statement("record", RELEASE, *identity), note="; ".join(part for part in note if part)))
        stated += [Statement("conflict", RELEASE, icao24, registration, note=text) for text in conflicts or []]
    for icao24, registration, base, counted, weak, first, last, sources in visits:
        visits_note = f"{counted} at {base}" + (f", {weak} more on weak evidence" if weak else "")
        stated.append(
            Statement(
                "visits",
                ", ".join(sources or []),
                icao24,
                registration,
                valid_from=first,
                valid_to=last,
                note=visits_note,
            )
        )
    return stated


def _blocks(rows: Mapping[str, list[Any]], addresses: Iterable[str]) -> list[Statement]:
    stated = []
    for address in addresses:
        block = next((row for row in rows["icao_blocks"] if row.start_hex <= address <= row.end_hex), None)
        if block:
            note = f"{block.country_name}: {block.start_hex}-{block.end_hex}"
            stated.append(Statement("block", "ICAO address block", address, country=block.country, note=note))
        stated += [
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
    return stated


def _hints(
    rules: Iterable[RegistrationRuleRow], stated: Iterable[Statement], marks: Iterable[str], addresses: Iterable[str]
) -> list[Statement]:
    """What each country's rule would make of the registrations, and of addresses that nobody names."""
    addresses_of_mark: dict[str, set[str]] = {}
    for one in stated:
        if one.kind in ("record", "register") and one.icao24:
            addresses_of_mark.setdefault(mark(one.registration) or "", set()).add(one.icao24)
    named = set().union(*(registration for name, registration in addresses_of_mark.items() if name))
    hints: list[Statement] = []
    for rule in rules:
        aircraft = (rule.agrees or 0) + (rule.differs or 0)
        trust = f"a hint, no identity: {rule.agrees} of {aircraft} listed aircraft keep it"
        for name in sorted(marks):
            expected = addresses_by_rule(rule, name)
            agreeing = addresses_of_mark.get(name, set()) & set(expected) - {
                one.icao24 for one in hints if mark(one.registration) == name
            }
            verdict = "kept here; " if agreeing else ("broken here; " if addresses_of_mark.get(name) else "")
            # a rule of the lowest bits alone fits many addresses: it says something only of those that somebody gives
            shown = sorted(agreeing) or ([] if rule.low_bits else expected[:1])
            hints += [
                Statement("hint", f"rule {rule.prefix}", address, _spelled(rule, name), note=verdict + trust)
                for address in shown
            ]
        for address in addresses:
            registration = None if address in named else registration_by_rule(rule, address)
            if registration:
                hints.append(Statement("hint", f"rule {rule.prefix}", address, registration, note=trust))
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


def _conflicts(stated: Iterable[Statement]) -> list[Statement]:
    """Where the statements disagree: addresses of a registration, registrations of an address, types, military."""
    spoken = [one for one in stated if one.kind in ("record", "register")]
    conflicts = []
    for subject, column, word in COMPARED:
        groups: dict[str, dict[str, set[str]]] = {}
        spelled: dict[str, str] = {}
        for one in spoken:
            key, value = getattr(one, subject), getattr(one, column)
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
                values_text = "; ".join(f"{value} ({', '.join(sorted(by))})" for value, by in sorted(values.items()))
                address, registration = (spelled[same], None) if subject == "icao24" else (None, spelled[same])
                conflicts.append(
                    Statement("conflict", "comparison", address, registration, note=f"{word}: {values_text}")
                )
    return conflicts
