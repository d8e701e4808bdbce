"""The gates: every table of a candidate is checked, and a failed critical check refuses the publish.

DuckDB counts the violations where the data is: in one scan a table, plus one query for each rule that looks across rows
or tables. The share of rows that keep a rule must reach what its suite asks for. At a million rows that costs seconds,
where Great Expectations reading the rows itself costs minutes; it can be asked for all the same.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal

import duckdb
import pyarrow as pa

from basewatch.config import Settings
from basewatch.database import connect
from basewatch.gates import derived, great_expectations
from basewatch.gates.derived import Behind
from basewatch.gates.great_expectations import Verdict
from basewatch.gates.results import KEPT_ROWS, RESULTS, Failure, GateResult, fetch
from basewatch.gates.suites import (
    Check,
    Severity,
    bound,
    error_text,
    header_checks,
    load_suites,
    sql_name,
    suite_checks,
)
from basewatch.reference import load
from basewatch.warehouse.models import Model, take_more_memory

Judge = Literal["counts", "great_expectations"]
FEW_SHARE = 0.01  # of a table's rows: so many that are derived otherwise are told, and refuse nothing
SHOWN_ROWS = 20  # offending rows that a Failure carries and the gate page shows


@dataclass(frozen=True)
class Outcome:
    """What a check counted: `violations` is None where it could not be run, and `error` says why.

    `said` is the verdict of another judge, where one was asked. `table_rows`: all rows of the table, where it
    matters what share of them fails.
    """

    check: Check
    violations: int | None
    judged: int | None = None
    observed: str | None = None
    error: str | None = None
    rows: tuple[dict[str, Any], ...] = ()
    said: bool | None = None
    table_rows: int | None = None

    @property
    def holds(self) -> bool:
        """Whether the share of rows that keep the rule is at least what its suite asks for."""
        return self.share >= self.check.mostly if self.said is None else self.said

    @property
    def may_go(self) -> bool:
        """Whether the rows that fail are so few of the table's that they may be set aside."""
        failing, rows = self.violations or 0, self.table_rows or 0
        return failing < rows and failing <= max(1, int(self.check.at_most * rows))

    @property
    def severity(self) -> Severity:
        """What failing it means: a check that broke is critical, and so is one for which too many rows had to go.

        One that broke has shown nothing about the data, whatever it was meant to be. A single odd row may always go.
        """
        if self.error is not None or (self.check.severity == "set_aside" and not self.holds and not self.may_go):
            return "critical"
        if self.check.gate == derived.GATE and not self.holds and self.are_few:
            return "warning"
        return self.check.severity

    @property
    def are_few(self) -> bool:
        """Whether what is derived otherwise is told alone: a wrong model shows in many rows, an odd sky in few."""
        return self.check.severity == "critical" and (self.violations or 0) <= int(FEW_SHARE * (self.table_rows or 0))

    @property
    def share(self) -> float:
        """The share of judged rows that keep the rule; 1 where none was judged, -1 where the check broke."""
        if self.violations is None:
            return -1.0
        if self.judged is None:
            return 1.0 if self.violations == 0 else 0.0
        return (self.judged - self.violations) / self.judged if self.judged else 1.0

    @property
    def seen(self) -> str:
        """What was observed, in words."""
        if self.error is not None:
            return f"could not be checked: {self.error}"
        if self.observed is not None:
            return self.observed
        if self.judged is not None:
            return f"{self.violations:,} of {self.judged:,} rows fail"
        return "1 row fails" if self.violations == 1 else f"{self.violations:,} rows fail"


def check_candidate(
    database: Path,
    run_id: str,
    *,
    as_of: date,
    checked_at: datetime,
    models: Iterable[Model],
    params: Mapping[str, Any] | None = None,
    suites: Traversable | None = None,
    judge: Judge = "counts",
    behind: Behind | None = None,
) -> GateResult:
    """The verdict on a candidate: every header and suite checked against the tables in its schema `main`.

    `database` is a DuckDB file that no connection holds open for writing; it is opened read-only. `as_of` is the last
    UTC day of the spine, `checked_at` the time of checking with its zone. `models` are the marts. A table whose suite
    says `"optional": true` in its meta may be absent: the run writes it after the gates. `params` are the thresholds
    that suites name as `$name` (the shipped ones unless given), `suites` a folder in place of the shipped expectations.
    `judge`: who judges what the suites ask for; Great Expectations reads every row, and fails what it is silent about.
    `behind`: what the candidate was built from; where it is given, what is published is derived again from it, and
    DuckDB's counts alone judge that.
    A check that cannot be run counts as a failed critical check. Days are UTC days.
    """
    started = time.perf_counter()
    headers = {model.name: model for model in models}
    thresholds = load.params(Settings()).values if params is None else params
    values = {**thresholds, "as_of": as_of, "checked_at": checked_at.astimezone(UTC)}
    with connect(database, read_only=True, pandas=judge != "counts") as connection:
        read = load_suites(suites or files("basewatch.expectations"))
        outcomes = count_violations(connection, headers, read, values)
        if judge == "great_expectations":
            outcomes = _as_great_expectations_says(connection, outcomes, read, values)
        failures = [_failure(connection, outcome, values) for outcome in outcomes if not outcome.holds]
    if behind is not None:
        with derived.opened(database, behind) as connection:
            again = count_derived(connection, values)
            failures += [_failure(connection, outcome, values, KEPT_ROWS) for outcome in again if not outcome.holds]
        outcomes += again
    rows = [
        {
            "run_id": run_id,
            "gate": outcome.check.gate,
            "check_name": outcome.check.rule,
            "table_name": outcome.check.table,
            "success": outcome.holds,
            "severity": outcome.severity,
            "rows_set_aside": 0,
            "observed": outcome.seen,
            "unexpected_count": outcome.violations,
            "why": outcome.check.why,
            "checked_at": checked_at,
        }
        for outcome in outcomes
    ]
    results = pa.Table.from_pylist(rows, schema=RESULTS)
    judged = tuple(outcome.judged for outcome in outcomes)
    return GateResult(run_id, as_of, checked_at, results, failures, time.perf_counter() - started, judged=judged)


def _as_great_expectations_says(
    connection: duckdb.DuckDBPyConnection,
    outcomes: list[Outcome],
    suites: Mapping[str, dict[str, Any]],
    values: Mapping[str, Any],
) -> list[Outcome]:
    """The outcomes with its verdict on what suites ask for. Headers, and checks that broke, are as they were."""
    asked = {outcome.check.table for outcome in outcomes if outcome.check.gate == "expectations"}
    verdicts = great_expectations.judge(connection, {table: suites[table] for table in sorted(asked)}, values)
    return [
        _as_said(outcome, verdicts.get((outcome.check.table, outcome.check.rule), great_expectations.SILENCE))
        if outcome.check.gate == "expectations" and outcome.error is None
        else outcome
        for outcome in outcomes
    ]


def _as_said(outcome: Outcome, verdict: Verdict) -> Outcome:
    if verdict.error is not None:
        return replace(outcome, violations=None, error=verdict.error)
    if verdict.success == outcome.holds:
        return outcome
    return replace(outcome, said=verdict.success, observed=f"{outcome.seen}; Great Expectations says otherwise")


def count_violations(
    connection: duckdb.DuckDBPyConnection,
    headers: Mapping[str, Model],
    suites: Mapping[str, dict[str, Any]],
    values: Mapping[str, Any],
) -> list[Outcome]:
    """What every check of every table counts in the schema `main` of an open database, not yet judged.

    `headers` and `suites` are by table name; `values` are the parameters that suites may name.
    """
    tables = {
        str(row[0])
        for row in connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'main'"
        ).fetchall()
    }
    outcomes: list[Outcome] = []
    for table in sorted({*headers, *suites}):
        suite = suites.get(table, {})
        if table not in tables:
            if not (suite.get("meta") or {}).get("optional"):
                outcomes.append(_absent(table))
            continue
        checks: list[Check] = []
        if table in headers:
            outcomes.append(_columns_as_declared(connection, headers[table]))
            checks += header_checks(headers[table])
        if suite:
            checks += suite_checks(table, suite, headers[table].key if table in headers else ())
        outcomes += _with_rows(connection, table, _count(connection, table, checks, values))
    return outcomes


def _with_rows(connection: duckdb.DuckDBPyConnection, table: str, outcomes: list[Outcome]) -> list[Outcome]:
    """The outcomes; those for whose failing rows their share matters know how many rows the table has."""
    if all(one.holds or (one.check.severity != "set_aside" and one.check.gate != derived.GATE) for one in outcomes):
        return outcomes
    row = connection.execute(f"SELECT count(*) FROM {sql_name(table)}").fetchone()
    return [replace(one, table_rows=int(row[0]) if row else 0) for one in outcomes]


def count_derived(connection: duckdb.DuckDBPyConnection, values: Mapping[str, Any]) -> list[Outcome]:
    """What the rules that derive again count on a connection as `derived.opened` gives it.

    A table that is not there has been named by the other checks.
    """
    tables = {str(name) for (name,) in connection.execute("SELECT view_name FROM duckdb_views()").fetchall()}
    outcomes: list[Outcome] = []
    for table, suite in sorted(load_suites(derived.rules()).items()):
        if table in tables:
            checks = [replace(check, gate=derived.GATE) for check in suite_checks(table, suite)]
            outcomes += _with_rows(connection, table, _count(connection, table, checks, values))
    return outcomes


def _absent(table: str) -> Outcome:
    why = "Users rely on every published table; one that is missing breaks whatever reads it."
    return Outcome(
        Check(table, "schema", "table_is_present", "critical", why), 1, 1, "the table is not in the candidate"
    )


def _columns_as_declared(connection: duckdb.DuckDBPyConnection, model: Model) -> Outcome:
    """Column names, order and types against the header, both as DuckDB itself spells them."""
    casts = ", ".join(f"CAST(NULL AS {column.type}) AS {sql_name(column.name)}" for column in model.columns)
    declared = _described(connection, f"SELECT {casts}")
    actual = _described(connection, f"SELECT * FROM {sql_name(model.name)}")
    places = max(len(declared), len(actual))
    pairs = zip(
        declared + [("", "")] * (places - len(declared)), actual + [("", "")] * (places - len(actual)), strict=True
    )
    rows = tuple(
        {"position": position, "declared": " ".join(want), "found": " ".join(have)}
        for position, (want, have) in enumerate(pairs, start=1)
        if want != have
    )
    why = "Columns, their order and types are the public contract; a reader must not find others."
    rule = Check(model.name, "schema", "columns_as_declared", "critical", why)
    return Outcome(rule, len(rows), places, f"{len(rows)} of {places} columns differ", rows=rows)


def _described(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[str, str]]:
    return [(str(row[0]), str(row[1])) for row in connection.execute(f"DESCRIBE {query}").fetchall()]


def _count(
    connection: duckdb.DuckDBPyConnection, table: str, checks: list[Check], values: Mapping[str, Any]
) -> list[Outcome]:
    """The outcome of every check of one table, in their order."""
    done: dict[int, Outcome] = {}
    single = {place: rule for place, rule in enumerate(checks) if rule.bad is not None}
    try:
        done |= _scan(connection, table, single, values)
    except Exception:
        # One condition that cannot be run must not hide the verdict of the others, nor borrow theirs.
        for place, rule in single.items():
            try:
                done |= _scan(connection, table, {place: rule}, values)
            except Exception as error:
                done[place] = Outcome(rule, None, error=error_text(error))
    for place, rule in enumerate(checks):
        if place in done:
            continue
        if rule.fault is not None or rule.count is None:
            done[place] = Outcome(rule, None, error=rule.fault or "the rule gives nothing to count")
            continue
        try:
            row = _row(connection, rule.count, bound(rule.count, values))
            if row is None:
                raise ValueError("the counting query gave no row")
            judged = None if row[1] is None else int(row[1])
            done[place] = Outcome(rule, int(row[0]), judged, None if row[2] is None else str(row[2]))
        except Exception as error:
            done[place] = Outcome(rule, None, error=error_text(error))
    return [done[place] for place in range(len(checks))]


def _row(connection: duckdb.DuckDBPyConnection, query: str, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """The first row of a query, which takes more memory than the limit where it must."""
    try:
        return connection.execute(query, values).fetchone()
    except duckdb.OutOfMemoryException:
        take_more_memory(connection)
        return connection.execute(query, values).fetchone()


def _scan(
    connection: duckdb.DuckDBPyConnection, table: str, checks: Mapping[int, Check], values: Mapping[str, Any]
) -> dict[int, Outcome]:
    """All conditions on single rows of a table, counted in one pass."""
    if not checks:
        return {}
    counts = ", ".join(
        f"count(*) FILTER (({rule.judged}) AND ({rule.bad})), count(*) FILTER ({rule.judged})"
        for rule in checks.values()
    )
    query = f"SELECT {counts} FROM {sql_name(table)}"
    row = connection.execute(query, bound(query, values)).fetchone()
    if row is None:
        raise ValueError("the scan gave no row")
    return {
        place: Outcome(rule, int(row[2 * number]), int(row[2 * number + 1]))
        for number, (place, rule) in enumerate(checks.items())
    }


def _failure(
    connection: duckdb.DuckDBPyConnection, outcome: Outcome, values: Mapping[str, Any], keep: int = 0
) -> Failure:
    """A check that failed, with its first rows. keep: how many it carries along; else who wants them asks again."""
    rule = outcome.check
    rows, observed, parameters = list(outcome.rows), outcome.seen, dict[str, Any]()
    kept: pa.Table | None = None
    if outcome.error is None and rule.offences:
        parameters = bound(rule.offences, values)
        try:
            kept = fetch(connection, rule.offences, parameters, max(keep, SHOWN_ROWS))
            rows = kept.slice(0, SHOWN_ROWS).to_pylist()
        except duckdb.Error as error:  # the rows are there, but a value that is only shown cannot be computed
            observed = f"{observed}, which could not be read: {error_text(error)}"
    return Failure(
        rule.table,
        rule.rule,
        outcome.severity,
        rule.why,
        outcome.violations,
        rows,
        rule.offences,
        rule.columns,
        parameters,
        observed,
        outcome.error,
        kept=kept if keep else None,
    )
