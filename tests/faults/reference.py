"""Faults of reference tables and thresholds: a cell, a row or a file that cannot be meant, beside edits that can."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import yaml

from basewatch import config, run
from basewatch.errors import ConfigError
from basewatch.reference import load, rows
from faults.fault import Answer, Family, Fault, Meet

FAMILY = "reference"


@dataclass(frozen=True)
class Change:
    """The text of a table, or of the thresholds, in place of the shipped one."""

    table: str
    text: Callable[[str], str | bytes]


def _cells(change: Callable[[list[dict[str, str]]], object]) -> Callable[[str], str]:
    """A change of rows."""

    def harm(text: str) -> str:
        reader = csv.DictReader(io.StringIO(text, newline=""))
        found = list(reader)
        change(found)
        out = io.StringIO(newline="")
        writer = csv.DictWriter(out, list(reader.fieldnames or []), lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)
        return out.getvalue()

    return harm


def _set(column: str, value: str, where: Callable[[dict[str, str]], bool] = lambda row: True) -> Callable[[str], str]:
    """The column of the first such row set."""

    def change(found: list[dict[str, str]]) -> None:
        next(row for row in found if where(row))[column] = value

    return _cells(change)


def _has_code(row: dict[str, str]) -> bool:
    return bool(row.get("icao"))


def _rule(row: dict[str, str]) -> bool:
    return row["fleet_id"] not in rows.BUILT_IN_FLEETS


def _of(text: str, column: str, value: str) -> Callable[[dict[str, str]], bool]:
    return lambda row: row[column] == value


def _prepended(**cells: str) -> Callable[[str], str]:
    """A row like the last one, but for these cells."""
    return _cells(lambda found: found.append({**found[-1], **cells}))


def _threshold(name: str, value: object, **more: object) -> Callable[[str], str]:
    def text(shipped: str) -> str:
        entry = yaml.safe_load(shipped)[name]
        return yaml.safe_dump({name: {"value": value, "unit": entry["unit"], "why": "an experiment", **more}})

    return text


COLUMNS: dict[str, tuple[tuple[str, str, str], ...]] = {  # by table: column, a value that cannot be meant, reason
    "bases": (
        ("latitude", "95", "latitude"),
        ("latitude", "", "latitude"),
        ("longitude", "-200", "longitude"),
        ("longitude", "east", "longitude"),
        ("elevation_ft", "29000", "elevation_ft"),
        ("country", "Syria", "country"),
        ("kind", "space", "kind"),
        ("base_id", "Abu Duhur", "base_id"),
        ("base_id", "", "base_id"),
        ("icao", "OS7", "icao"),
        ("iata", "LTKX", "iata"),
        ("is_shared_with_civil", "perhaps", "is_shared"),
        ("checked_on", "31.12.2025", "checked_on"),
        ("latitude", "nan", "latitude"),
        ("longitude", "inf", "longitude"),
    ),
    "runways": (
        ("heading_deg_true", "400", "heading"),
        ("heading_deg_true", "-5", "heading"),
        ("heading_basis", "guess", "basis"),
        ("base_id", "nowhere", "nowhere"),
        ("length_ft", "long", "length"),
        ("is_closed", "maybe", "is_closed"),
    ),
    "fleets": (
        ("icao24", "12345", "icao24"),
        ("icao24", "GGGGGG", "icao24"),
        ("callsign_prefix", "RF", "callsign_prefix"),
        ("country", "RUS", "country"),
        ("is_military", "soldier", "is_military"),
        ("fleet_id", "Ru Mil", "fleet_id"),
    ),
    "aircraft": (
        ("icao24", "xyz", "icao24"),
        ("icao24", "", "icao24"),
        ("is_military", "2?", "is_military"),
        ("valid_from", "soon", "valid_from"),
        ("checked_on", "2025-13-01", "checked_on"),
    ),
    "aircraft_types": (("wake", "X", "wake"), ("is_helicopter", "often", "is_helicopter")),
    "icao_blocks": (
        ("position", "0", "position"),
        ("start_hex", "zzz", "start_hex"),
        ("end_hex", "000000", "ends at|before"),
        ("country", "ZWE", "country"),
    ),
    "keywords": (("role", "noun", "role"), ("strength", "very", "strength"), ("base_id", "nowhere", "nowhere")),
    "fields": (("latitude", "-91", "latitude"), ("serves", "aliens", "serves"), ("icao", "ABCDE", "icao")),
}


def _hundredth(text: str) -> str:
    lines = text.splitlines(keepends=True)
    return "".join(lines[: max(2, len(lines) // 100)])


def faults() -> list[Fault]:
    """All faults of the family."""
    found: list[Fault] = []

    def add(kind: str, table: str, text: Callable[[str], str | bytes], reason: str = "", harmful: bool = True) -> None:
        found.append(Fault(FAMILY, kind, table, "reader", Change(table, text), reason, harmful))

    for table, cells in COLUMNS.items():
        for column, value, reason in cells:
            is_rule = _rule if table == "fleets" else lambda row: True
            if table == "keywords":
                is_rule = lambda row: row["role"] == "name"  # noqa: E731
            add(f"{column} {value!r}", table, _set(column, value, is_rule), reason)
        add("a row twice", table, _cells(lambda found: found.append(dict(found[-1]))), "stands already|stand")
        add(
            "not UTF-8",
            table,
            lambda text: b"\xff\xfe" + text.encode()[:4000] + b"\xe9\xe8",
            "cannot be read|UTF-8|utf-8",
        )
        add("a column lost", table, _without_first_column, "missing|needs")
        add("a column that nobody knows", table, _with_column, "unknown")
        add("a row cut short", table, lambda text: text.rstrip("\n") + "\nx,y\n", "cells")
        add("empty", table, lambda text: "", "missing|columns")
        add("unchanged", table, lambda text: text, harmful=False)
        add("other order of rows", table, _cells(lambda found: found.reverse()), harmful=False)
        add("a byte order mark", table, lambda text: "\ufeff" + text, harmful=False)
    for column in ("latitude", "longitude"):
        add(f"a base moved by two degrees of {column}", "bases", _moved(column, 2.0), "far|lies|nm|code|field")
        add(f"a base moved by 0.005 degrees of {column}", "bases", _moved(column, 0.005), harmful=False)
    add("latitude and longitude swapped", "bases", _swapped, "far|lies|nm|code|field")
    add("the code of another field", "bases", _set("icao", "EGLL", _has_code), "far|lies|nm|code|field|EGLL")
    add(
        "a rule without a condition",
        "fleets",
        _prepended(fleet_id="mine", **dict.fromkeys(rows.FLEET_RULE, "")),
        "rule",
    )
    add("an operator that no register names", "fleets", _rule_of(operator="Nobody Airways"), "no register names")
    add("a type that is none", "fleets", _rule_of(type_code="ZZ99"), "no aircraft type")
    add("a prefix that nobody has", "fleets", _rule_of(registration_prefix="QQ-"), "no aircraft on any register")
    add("a country without a block", "fleets", _rule_of(country="QQ"), "no block")
    add("a prefix that many have", "fleets", _rule_of(registration_prefix="RA-"), harmful=False)
    add("cut short", "aircraft", _hundredth, "cut short")
    add("a name emptied", "keywords", _set("alias", "", lambda row: row["role"] == "name"), "alias|name|empty|text")
    shipped = load.params(config.Settings()).documentation
    for name, entry in list(shipped.items())[:: max(1, len(shipped) // 20)]:
        if isinstance(entry["value"], list):
            continue
        least, most = entry["range"]
        add(f"{name} above its range", "params", _threshold(name, most * 10 + 1), name)
        add(f"{name} below its range", "params", _threshold(name, least - abs(least) - 1), name)
        add(f"{name} at its bound", "params", _threshold(name, most), harmful=False)
    first = next(iter(shipped))
    add("a unit that is not its own", "params", _threshold(first, 5000, unit="ft"), "read in")
    add("a word for a number", "params", _threshold(first, "many"), "number")
    add("no number", "params", _threshold(first, float("nan")), "number")
    add("a name that nobody knows", "params", lambda text: "opensky_max: {value: 1, unit: m, why: x}\n", "no threshold")
    add("no YAML", "params", lambda text: "a: [1\nb: }", "YAML")
    add("nested without end", "params", lambda text: "[" * 20000, "YAML|nest|read|threshold")
    return found


def _without_first_column(text: str) -> str:
    read = list(csv.reader(io.StringIO(text, newline="")))
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(row[1:] for row in read)
    return out.getvalue()


def _with_column(text: str) -> str:
    first, rest = text.split("\n", 1)
    return f"{first},mood\n" + "".join(f"{line},good\n" for line in rest.splitlines())


def _moved(column: str, degrees: float) -> Callable[[str], str]:
    def change(found: list[dict[str, str]]) -> None:
        row = next(filter(_has_code, found))
        row[column] = str(float(row[column]) + degrees)

    return _cells(change)


def _swapped(text: str) -> str:
    def change(found: list[dict[str, str]]) -> None:
        row = next(filter(_has_code, found))
        row["latitude"], row["longitude"] = row["longitude"], row["latitude"]

    return _cells(change)(text)


def _rule_of(**cells: str) -> Callable[[str], str]:
    return _prepended(**{**dict.fromkeys(rows.FLEET_RULE, ""), "fleet_id": "mine", "name": "Mine", **cells})


@contextlib.contextmanager
def world(folder: Path) -> Iterator[Meet]:
    """The shipped tables; one of them is replaced, and read as a run reads it before anything else."""
    shipped = files("basewatch.sql")
    before = set(run.doubts_about(config.Settings(), load.tables(config.Settings()), load.params(config.Settings())))

    def meet(fault: Fault) -> Answer:
        change: Change = fault.harm
        is_table = change.table != "params"
        source = shipped.joinpath("reference", f"{change.table}.csv") if is_table else shipped.joinpath("params.yml")
        made = change.text(source.read_text(encoding="utf-8"))
        file = folder / ("own.csv" if is_table else "own.yml")
        file.write_bytes(made if isinstance(made, bytes) else made.encode())
        settings = config.Settings(folder=folder, reference={change.table: file.name})  # type: ignore[arg-type]
        try:
            doubts = run.doubts_about(settings, load.tables(settings), load.params(settings))
        except ConfigError as error:
            return Answer("refused", str(error))
        new = [words for words in doubts if words not in before]
        return Answer("warned" if new else "passed", "\n".join(new))

    yield meet


REFERENCE = Family(FAMILY, faults, world)
