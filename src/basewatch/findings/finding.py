"""What a reader may ask about: one visit, one gap, one claim, or a base's month; and the shape of the answer."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import duckdb

from basewatch.errors import ConfigError
from basewatch.report.first_screen import Table

Row = dict[str, Any]
MONTH = re.compile(r"([^:]+):([^:]+):(\d{4})-(\d{2})(?:-\d{2})?")
SORTS = {  # of findings with an id: their table, and its key
    "visit": ("base_visits", "visit_id"),
    "gap": ("base_gaps", "gap_id"),
    "claim": ("claim_checks", "claim_id"),
}
NEAREST = 5


@dataclass(frozen=True)
class Evidence:
    """Something that a reader can open or look up.

    quoted: as the release names it. source: who brought it. file, place, sha256: the user's or the archive's file that
    it came from, the place in it, and the file's hash. url: a page, or an aircraft's track of a day in a public viewer.
    note: why it cannot be opened, or what is to be known of it.
    """

    quoted: str
    source: str | None = None
    file: str | None = None
    place: str | None = None
    sha256: str | None = None
    url: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class Finding:
    """One row of a release. month: of a base and fleet, where the row is a month."""

    sort: str
    finding_id: str
    row: Row
    base: Row


@dataclass
class Explanation:
    """Why a release says so: sentences, tables, evidence, and the commands that lead on.

    rows: the published rows that it rests on, by table.
    """

    finding: Finding
    sentences: list[str]
    tables: list[Table] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    rows: dict[str, list[Row]] = field(default_factory=dict)


def rows(connection: duckdb.DuckDBPyConnection, query: str, *values: Any) -> list[Row]:
    """The rows of a query as dicts."""
    result = connection.execute(query, list(values))
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def find(connection: duckdb.DuckDBPyConnection, name: str) -> Finding:
    """The row that a name means: an id, one that the row had before, or BASE:FLEET:MONTH.

    Raises ConfigError with the nearest names where there is none.
    """
    month = MONTH.fullmatch(name)
    if month:
        return _month(connection, month[1], month[2], int(month[3]), int(month[4]))
    for sort, (table, key) in SORTS.items():
        earlier = " OR list_contains(previous_ids, $2)" if sort == "visit" else " OR $2 IS NULL"
        query = f"SELECT * FROM main.{table} WHERE {key} = $1{earlier} ORDER BY {key} = $1 DESC, {key} LIMIT 1"
        found = rows(connection, query, name, name)
        if found:
            return Finding(sort, str(found[0][key]), found[0], _base(connection, found[0]["base_id"]))
    raise ConfigError(f"{name!r} is no visit, gap or claim of this release; {_nearest(connection, name)}")


def _base(connection: duckdb.DuckDBPyConnection, base: str) -> Row:
    found = rows(connection, "SELECT * FROM main.bases WHERE base_id = ?", base)
    return found[0] if found else {"base_id": base, "name": None}


def _month(connection: duckdb.DuckDBPyConnection, base: str, fleet: str, year: int, number: int) -> Finding:
    name = f"{base}:{fleet}:{year:04d}-{number:02d}"
    try:
        month = date(year, number, 1)
    except ValueError:
        raise ConfigError(f"{name}: there is no such month; write it as YYYY-MM") from None
    of_key = "SELECT * FROM main.base_monthly_activity WHERE base_id = ? AND fleet_id = ? AND month = ?"
    found = rows(connection, of_key, base, fleet, month)
    if found:
        return Finding("month", name, found[0], _base(connection, base))
    for word, column, value in (("base", "base_id", base), ("fleet", "fleet_id", fleet)):
        known = [row[column] for row in rows(connection, f"SELECT {column} FROM main.{word}s ORDER BY 1")]
        if value not in known:
            close = difflib.get_close_matches(value, known, n=3) or known[:NEAREST]
            raise ConfigError(f"{name}: this release has no {word} {value!r}; near it: {', '.join(close)}")
    (span,) = rows(connection, _SPAN, base, fleet)
    if span["first"] is None:
        raise ConfigError(f"{name}: this release has no month of that base and fleet")
    first, last = f"{span['first']:%Y-%m}", f"{span['last']:%Y-%m}"
    raise ConfigError(f"{name}: the months of that base and fleet run from {first} to {last}")


_SPAN = """
SELECT min(month) AS first, max(month) AS last FROM main.base_monthly_activity WHERE base_id = ? AND fleet_id = ?
"""


def _nearest(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    of_all = " UNION ALL ".join(f"SELECT {key} AS name FROM main.{table}" for table, key in SORTS.values())
    nearest = f"SELECT name FROM ({of_all}) ORDER BY jaro_winkler_similarity(name, ?) DESC, name LIMIT {NEAREST}"
    found = rows(connection, nearest, name)
    near = ", ".join(row["name"] for row in found)
    return f"{f'near it: {near}; ' if near else ''}a month is written BASE:FLEET:YYYY-MM"
