"""Rows of a query, and lists of them that are cut to a length and say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

Row = dict[str, Any]


@dataclass(frozen=True)
class Listing:
    """Rows to show, how many there are in all, and the query that gives every one."""

    rows: list[Row]
    total: int
    sql: str

    @property
    def left_out(self) -> int:
        """Rows that are not shown."""
        return self.total - len(self.rows)


def rows(connection: duckdb.DuckDBPyConnection, query: str, values: Sequence[Any] = ()) -> list[Row]:
    """The rows of a query as dicts; lists are never None, so that a template can go through them."""
    result = connection.execute(query, list(values))
    described = result.description or []
    names = [column[0] for column in described]
    lists = [name for name, kind, *_ in described if str(kind).endswith("[]") or str(kind).upper() == "LIST"]
    found: list[Row] = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    for row in found:
        for name in lists:
            row[name] = [item for item in row[name] or [] if item is not None]
    return found


def counted(found: list[Row]) -> tuple[list[Row], int]:
    """Rows of a limited query whose `total` column counts all of them."""
    return found, found[0]["total"] if found else 0
