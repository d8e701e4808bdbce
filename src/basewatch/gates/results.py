"""What the gates found: the verdict as rows and in words, each failed rule with the rows that break it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from basewatch.database import connect
from basewatch.gates.suites import Severity
from basewatch.lake.files import write_parquet
from basewatch.warehouse.build import HISTORY
from basewatch.warehouse.summary import News

CELL = 200  # characters of one value that are shown; the whole value stands in the quarantined rows
KEPT_ROWS = 100_000  # offending rows of one rule that go into quarantine; the count always says how many there were

RESULTS = HISTORY["quality_results"]


def as_text(value: Any) -> str:
    """A value as a reader sees it: times in ISO form with their zone, lists with commas, null as `null`."""
    if value is None:
        return "null"
    if isinstance(value, datetime):
        shown = (value.astimezone(UTC) if value.tzinfo else value).isoformat(sep=" ").replace("+00:00", "Z")
    elif isinstance(value, bool):
        shown = "true" if value else "false"
    elif isinstance(value, float):
        shown = f"{value:.6g}"
    elif isinstance(value, list | tuple):
        shown = f"[{', '.join(as_text(item) for item in value)}]"
    else:
        shown = str(value)
    return shown if len(shown) <= CELL else f"{shown[: CELL - 1]}…"


@dataclass(frozen=True)
class Failure:
    """A failed check: the rule, why it matters, how many rows break it, the first of them, and where they are.

    `count` is None and `error` set where the check itself broke. `query` gives all offending rows when it is run with
    `parameters` on the candidate; it is empty where the fault is not one of rows. `kept`: up to KEPT_ROWS of them,
    where the candidate alone cannot give them.
    """

    table: str
    rule: str
    severity: Severity
    why: str
    count: int | None
    rows: list[dict[str, Any]]
    query: str
    columns: tuple[str, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    observed: str = ""
    error: str | None = None
    where: str = ""
    kept: pa.Table | None = None


@dataclass(frozen=True)
class GateResult:
    """What the gates found: one results row a check (columns of `quality_results`), and the failures in full.

    changes: rows of `release_changes`. news: what of them a reader is told. accepted: why changes without a cause are
    meant, a sentence for each. judged: of each check, in the order of the results, how many rows it was about, where
    that can be said.
    """

    run_id: str
    as_of: date
    checked_at: datetime
    results: pa.Table
    failures: list[Failure]
    seconds: float
    changes: pa.Table = field(default_factory=HISTORY["release_changes"].empty_table)
    news: News = field(default_factory=News)
    accepted: list[str] = field(default_factory=list)
    judged: tuple[int | None, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the candidate may be published: no critical check failed, and there were checks at all."""
        return self.results.num_rows > 0 and not self.refusals

    @property
    def refusals(self) -> list[Failure]:
        """The failed critical checks."""
        return [failure for failure in self.failures if failure.severity == "critical"]


def explain(result: GateResult, rules: int = 10, examples: int = 3) -> str:
    """Why the publish was refused, for a terminal: table, rule, reason and first offending rows of each refusal.

    The first `rules` refusals with up to `examples` rows each; the gate page has all. Empty where nothing was refused.
    Control characters in outside text are left out.
    """
    lines = []
    for failure in result.refusals[:rules]:
        lines.append(f"{failure.table}: {failure.rule}: {failure.observed}. {failure.why}")
        for row in failure.rows[:examples]:
            shown = {name: row[name] for name in failure.columns if name in row} or row
            lines.append("    " + ", ".join(f"{name}={as_text(value)}" for name, value in shown.items()))
    if len(result.refusals) > rules:
        lines.append(f"and {len(result.refusals) - rules} more, on the gate page")
    return "\n".join("".join(letter for letter in line if letter.isprintable()) for line in lines)


def write_failing_rows(result: GateResult, database: Path, folder: Path) -> list[Path]:
    """Write the offending rows of every failed check as `<table>.<rule>.parquet`; returns the files written.

    Up to KEPT_ROWS rows a rule. Checks that could not be run, or whose fault is not one of rows, have no file, nor has
    a rule whose rows could not be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with connect(database, read_only=True) as connection:
        for failure in result.failures:
            if failure.error is not None or not failure.query:
                continue
            try:
                table = failure.kept
                if table is None:
                    table = fetch(connection, failure.query, failure.parameters, KEPT_ROWS)
            except duckdb.Error:
                continue  # the failure says so
            target = folder / f"{_slug(failure.table)}.{_slug(failure.rule)}.parquet"
            write_parquet(table, target)
            written.append(target)
    return written


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9_]+", "_", name.lower())


def fetch(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: Mapping[str, Any], limit: int | None = None
) -> pa.Table:
    """The first rows of a query, or all. By Arrow: fetching zoned timestamps as tuples needs a package of its own."""
    few = "" if limit is None else f" LIMIT {limit}"
    return connection.sql(f"SELECT * FROM ({query}){few}", params=dict(parameters)).to_arrow_table()
