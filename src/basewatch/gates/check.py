"""The gates: every table of a candidate is checked, and a failed critical check refuses the publish.

What a table must be comes from two places. The model's header gives columns, types, key and enumerations; the suite
expectations/<table>.json gives what the domain allows, each bound with a severity and a reason. Violations are counted
where the data is, in one DuckDB scan a table plus one query for each rule that looks across rows or tables, and a Great
Expectations suite judges the counts: at a million rows that costs seconds, where Great Expectations reading the rows
itself costs minutes.
"""

from __future__ import annotations

import json
import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal

import duckdb
import pyarrow as pa

from basewatch.config import Settings
from basewatch.gates import page as gatepage
from basewatch.lake.files import write_aside, write_parquet
from basewatch.reference import load as reference
from basewatch.warehouse.models import Model
from basewatch.warehouse.releases import HISTORY

Severity = Literal["critical", "warning"]

SHOWN_ROWS = 20  # offending rows that a Failure carries and the gate page shows
KEPT_ROWS = 100_000  # offending rows of one rule that go into quarantine; the count always says how many there were

RESULTS = HISTORY["quality_results"]


@dataclass(frozen=True)
class Check:
    """One rule about one table, as SQL.

    Either `bad` (a condition on single rows, counted with the others in one scan, out of the rows where `judged`
    holds), or `count` (a query giving violations, rows judged and what was observed in words, the last two may be
    null). `offences` is the query that gives the offending rows. `fault` says why the rule could not be read at all.
    """

    table: str
    gate: Literal["schema", "expectations"]
    rule: str
    severity: Severity
    why: str
    offences: str = ""
    columns: tuple[str, ...] = ()
    mostly: float = 1.0
    bad: str | None = None
    judged: str = "TRUE"
    count: str | None = None
    fault: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What a check counted: `violations` is None where it could not be run, and `error` says why."""

    check: Check
    violations: int | None
    judged: int | None = None
    observed: str | None = None
    error: str | None = None
    rows: tuple[dict[str, Any], ...] = ()

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


@dataclass(frozen=True)
class Failure:
    """A failed check: the rule, why it matters, how many rows break it and the first of them.

    `count` is None and `error` set where the check itself broke. `query` gives all offending rows when it is run with
    `parameters` on the candidate; it is empty where the fault is not one of rows.
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


@dataclass(frozen=True)
class GateResult:
    """What the gates found: one results row a check (columns of `quality_results`), and the failures in full."""

    run_id: str
    as_of: date
    checked_at: datetime
    results: pa.Table
    failures: list[Failure]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether the candidate may be published: no critical check failed, and there were checks at all."""
        return self.results.num_rows > 0 and not self.refusals

    @property
    def refusals(self) -> list[Failure]:
        """The failed critical checks."""
        return [failure for failure in self.failures if failure.severity == "critical"]


def check(
    database: Path,
    run_id: str,
    *,
    as_of: date,
    checked_at: datetime,
    models: Iterable[Model],
    params: Mapping[str, Any] | None = None,
    suites: Traversable | None = None,
) -> GateResult:
    """The verdict on a candidate: every header and suite checked against the tables in its schema `main`.

    `database` is a DuckDB file that no connection holds open for writing; it is opened read-only. `as_of` is the last
    UTC day of the spine, `checked_at` the time of checking with its zone. `models` are the marts. A table whose suite
    says `"optional": true` in its meta may be absent: the run writes it after the gates. `params` are the thresholds
    that suites name as `$name` (the shipped ones unless given), `suites` a folder in place of the shipped expectations.
    A check that cannot be run counts as a failed critical check. Days are UTC days.
    """
    started = time.perf_counter()
    headers = {model.name: model for model in models}
    thresholds = reference.load_params(Settings()).values if params is None else params
    values = {**thresholds, "as_of": as_of, "checked_at": checked_at.astimezone(UTC)}
    connection = _open(database)
    try:
        outcomes = count_violations(connection, headers, load_suites(suites or files("basewatch.expectations")), values)
        verdicts = judge(outcomes)
        failures = [
            _failure(connection, outcome, values)
            for outcome, success in zip(outcomes, verdicts, strict=True)
            if not success
        ]
    finally:
        connection.close()
    rows = [
        {
            "run_id": run_id,
            "gate": outcome.check.gate,
            "check_name": outcome.check.rule,
            "table_name": outcome.check.table,
            "success": success,
            "severity": _severity(outcome),
            "observed": outcome.seen,
            "unexpected_count": outcome.violations,
            "why": outcome.check.why,
            "checked_at": checked_at,
        }
        for outcome, success in zip(outcomes, verdicts, strict=True)
    ]
    results = pa.Table.from_pylist(rows, schema=RESULTS)
    return GateResult(run_id, as_of, checked_at, results, failures, time.perf_counter() - started)


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
            lines.append("    " + ", ".join(f"{name}={gatepage.text(value)}" for name, value in shown.items()))
    if len(result.refusals) > rules:
        lines.append(f"and {len(result.refusals) - rules} more, on the gate page")
    return "\n".join("".join(letter for letter in line if letter.isprintable()) for line in lines)


def write_page(result: GateResult, path: Path) -> None:
    """Write the gate page: one HTML file that needs nothing else, with each failed rule, its rows and its reason."""
    write_aside(path, gatepage.render(result).encode())


def write_failing_rows(result: GateResult, database: Path, folder: Path) -> list[Path]:
    """Write the offending rows of every failed check as `<table>.<rule>.parquet`; returns the files written.

    Up to KEPT_ROWS rows a rule. Checks that could not be run, or whose fault is not one of rows, have no file, nor has
    a rule whose rows could not be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    connection = _open(database)
    try:
        for failure in result.failures:
            if failure.error is not None or not failure.query:
                continue
            try:
                table = _fetch(connection, failure.query, failure.parameters, KEPT_ROWS)
            except duckdb.Error:
                continue  # the failure says so
            target = folder / f"{_slug(failure.table)}.{_slug(failure.rule)}.parquet"
            write_parquet(table, target)
            written.append(target)
    finally:
        connection.close()
    return written


def _open(database: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(database), read_only=True)
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = FALSE")  # it would write over the run's own progress lines
    return connection


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9_]+", "_", name.lower())


def _severity(outcome: Outcome) -> Severity:
    """A check that broke has shown nothing about the data, so it counts as critical whatever it was meant to be."""
    return "critical" if outcome.error is not None else outcome.check.severity


# ---- running


def count_violations(
    connection: duckdb.DuckDBPyConnection,
    headers: Mapping[str, Model],
    suites: Mapping[str, dict[str, Any]],
    values: Mapping[str, Any],
) -> list[Outcome]:
    """What every check of every table counts in the schema `main` of an open database, not yet judged.

    `headers` and `suites` are by table name; `values` are the parameters that suites may name.
    """
    found = {
        str(row[0])
        for row in connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'main'"
        ).fetchall()
    }
    outcomes: list[Outcome] = []
    for table in sorted({*headers, *suites}):
        suite = suites.get(table, {})
        if table not in found:
            if not (suite.get("meta") or {}).get("optional"):
                outcomes.append(_absent(table))
            continue
        checks: list[Check] = []
        if table in headers:
            outcomes.append(_columns_as_declared(connection, headers[table]))
            checks += header_checks(headers[table])
        if suite:
            checks += suite_checks(table, suite, headers[table].key if table in headers else ())
        outcomes += _count(connection, table, checks, values)
    return outcomes


def _absent(table: str) -> Outcome:
    why = "Users rely on every published table; one that is missing breaks whatever reads it."
    return Outcome(
        Check(table, "schema", "table_is_present", "critical", why), 1, 1, "the table is not in the candidate"
    )


def _columns_as_declared(connection: duckdb.DuckDBPyConnection, model: Model) -> Outcome:
    """Column names, order and types against the header, both as DuckDB itself spells them."""
    casts = ", ".join(f"CAST(NULL AS {column.type}) AS {_name(column.name)}" for column in model.columns)
    declared = _described(connection, f"SELECT {casts}")
    actual = _described(connection, f"SELECT * FROM {_name(model.name)}")
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
                done[place] = Outcome(rule, None, error=_said(error))
    for place, rule in enumerate(checks):
        if place in done:
            continue
        if rule.fault is not None or rule.count is None:
            done[place] = Outcome(rule, None, error=rule.fault or "the rule gives nothing to count")
            continue
        try:
            row = connection.execute(rule.count, _bound(rule.count, values)).fetchone()
            if row is None:
                raise ValueError("the counting query gave no row")
            judged = None if row[1] is None else int(row[1])
            done[place] = Outcome(rule, int(row[0]), judged, None if row[2] is None else str(row[2]))
        except Exception as error:
            done[place] = Outcome(rule, None, error=_said(error))
    return [done[place] for place in range(len(checks))]


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
    query = f"SELECT {counts} FROM {_name(table)}"
    row = connection.execute(query, _bound(query, values)).fetchone()
    if row is None:
        raise ValueError("the scan gave no row")
    return {
        place: Outcome(rule, int(row[2 * number]), int(row[2 * number + 1]))
        for number, (place, rule) in enumerate(checks.items())
    }


def _bound(query: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that a query names outside its literals. Raises KeyError for one that nothing gives."""
    bare = re.sub(r"'(?:[^']|'')*'", "''", query)
    wanted = set(re.findall(r"\$([a-z][a-z0-9_]*)", bare))
    missing = sorted(wanted - set(values))
    if missing:
        raise KeyError(f"no value is given for ${', $'.join(missing)}")
    return {name: values[name] for name in wanted}


def _said(error: Exception) -> str:
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return " ".join(f"{type(error).__name__}: {text}".split())[:500]


def _fetch(connection: duckdb.DuckDBPyConnection, query: str, parameters: Mapping[str, Any], limit: int) -> pa.Table:
    """The first rows of a query. By Arrow: fetching zoned timestamps as tuples needs a package of its own."""
    return connection.sql(f"SELECT * FROM ({query}) LIMIT {limit}", params=dict(parameters)).to_arrow_table()


def _failure(connection: duckdb.DuckDBPyConnection, outcome: Outcome, values: Mapping[str, Any]) -> Failure:
    rule = outcome.check
    rows, observed, parameters = list(outcome.rows), outcome.seen, dict[str, Any]()
    if outcome.error is None and rule.offences:
        parameters = _bound(rule.offences, values)
        try:
            rows = _fetch(connection, rule.offences, parameters, SHOWN_ROWS).to_pylist()
        except duckdb.Error as error:  # the rows are there, but a value that is only shown cannot be computed
            observed = f"{observed}, which could not be read: {_said(error)}"
    return Failure(
        rule.table,
        rule.rule,
        _severity(outcome),
        rule.why,
        outcome.violations,
        rows,
        rule.offences,
        rule.columns,
        parameters,
        observed,
        outcome.error,
    )


def judge(outcomes: list[Outcome]) -> list[bool]:
    """Great Expectations' verdict on each outcome: the share of rows that keep the rule is at least its `mostly`.

    The frame has one column a check, so that a check which is left out is an exception there and not silence. An
    exception is a failure.
    """
    if not outcomes:
        return []
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx  # five seconds: only when there is something to judge
    import pandas as pd
    from great_expectations.data_context.types.base import ProgressBarsConfig
    from great_expectations.expectations.core.expect_column_values_to_be_between import ExpectColumnValuesToBeBetween
    from great_expectations.expectations.metadata_types import FailureSeverity

    # it tells at INFO of a temporary folder, to whoever has configured logging
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    names = [f"check_{place}" for place in range(len(outcomes))]
    frame = pd.DataFrame([[outcome.share for outcome in outcomes]], columns=names, dtype="float64")
    suite = gx.ExpectationSuite(
        name="gates",
        expectations=[
            ExpectColumnValuesToBeBetween(
                column=name,
                min_value=outcome.check.mostly,
                severity=FailureSeverity(_severity(outcome)),
                meta={"table": outcome.check.table, "name": outcome.check.rule, "why": outcome.check.why},
            )
            for name, outcome in zip(names, outcomes, strict=True)
        ],
    )
    source = context.data_sources.add_pandas("counts")
    definition = source.add_dataframe_asset("violations").add_batch_definition_whole_dataframe("all")
    report = definition.get_batch({"dataframe": frame}).validate(suite, result_format="BOOLEAN_ONLY")
    verdicts = dict.fromkeys(names, False)
    for result in report.results:
        broke = bool((result.exception_info or {}).get("raised_exception", True))
        if result.expectation_config is not None:
            verdicts[result.expectation_config.kwargs["column"]] = bool(result.success) and not broke
    return [verdicts[name] for name in names]


# ---- what the header says


def header_checks(model: Model) -> list[Check]:
    """The checks that a model's header implies: key present, key unique, every enumeration closed.

    A list column's enumeration holds for its elements.
    """
    why = "The key is what users join and update by; a row without it, or two with the same, corrupts both."

    def rule(name: str, why: str) -> _Rule:
        return _Rule(model.name, "schema", name, "critical", why, model.key)

    checks = [
        _duplicates(rule("key_is_unique", why), model.key, "TRUE"),
        *(_single(rule(f"{name}_is_not_null", why), (name,), f"{_name(name)} IS NULL") for name in model.key),
    ]
    for declared in model.columns:
        if declared.values:
            column, listed = _name(declared.name), ", ".join(_literal(value) for value in declared.values)
            bad = f"{column} NOT IN ({listed})"
            if declared.type.endswith("[]"):
                bad = f"NOT list_has_all([{listed}], {column}) OR len({column}) > list_count({column})"
            closed = f"Readers branch on this closed list: {', '.join(declared.values)}."
            checks.append(
                _single(rule(f"{declared.name}_is_listed", closed), (declared.name,), bad, f"{column} IS NOT NULL")
            )
    return checks


# ---- what the suites say


def load_suites(folder: Traversable) -> dict[str, dict[str, Any]]:
    """Every suite as it stands in its file, by table; one that cannot be read carries the fault in place of rules."""
    suites: dict[str, dict[str, Any]] = {}
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".json"):
            table = file.name.removesuffix(".json")
            try:
                suites[table] = json.loads(file.read_text(encoding="utf-8"))
                if not isinstance(suites[table].get("expectations"), list):
                    raise ValueError("it has no list of expectations")
            except (OSError, ValueError, AttributeError) as error:
                suites[table] = {"fault": _said(error)}
    return suites


def suite_checks(table: str, suite: Mapping[str, Any], key: tuple[str, ...] = ()) -> list[Check]:
    """A suite's expectations as SQL checks, in their order.

    The suite is first read by Great Expectations, which knows each type's arguments; it is never written back. What
    cannot be read or translated becomes a check with a `fault`, which fails as critical.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    from great_expectations import ExpectationSuite

    why = "A suite that cannot be read guards nothing."
    try:
        if "fault" in suite:
            raise ValueError(str(suite["fault"]))
        ExpectationSuite(**json.loads(json.dumps(suite)))  # a copy: reading one adds ids to it
        if suite.get("name") != table:
            raise ValueError(f"the suite in {table}.json is named {suite.get('name')!r}")
    except Exception as error:
        return [Check(table, "expectations", "suite_is_readable", "critical", why, fault=_said(error))]
    checks: list[Check] = []
    for number, entry in enumerate(suite["expectations"], start=1):
        meta = entry.get("meta") or {}
        rule = str(meta.get("name") or f"expectation_{number}")
        try:
            if not meta.get("name") or not meta.get("why") or entry.get("severity") not in ("critical", "warning"):
                raise ValueError("an expectation needs a severity, meta.name and meta.why")
            if rule in {earlier.rule for earlier in checks}:
                rule = f"{rule}_{number}"
                raise ValueError(f"two expectations are named {meta['name']!r}")
            checks.append(translate(table, entry, key))
        except Exception as error:
            reason = str(meta.get("why") or why)
            checks.append(Check(table, "expectations", rule, "critical", reason, fault=_said(error)))
    return checks


def translate(table: str, entry: Mapping[str, Any], key: tuple[str, ...] = ()) -> Check:
    """One expectation as SQL that counts what Great Expectations would count on the same rows as a data frame.

    Two differences, both on the strict side: NaN is a value and lies in no range, and a regular expression is RE2's, in
    which `$` does not match before a line break at the end. Raises ValueError for a type or an argument that is not
    translated.
    """
    kind = str(entry["type"])
    if kind not in _TRANSLATORS:
        raise ValueError(f"{kind} is not supported; supported: {', '.join(sorted(_TRANSLATORS))}")
    translator, allowed = _TRANSLATORS[kind]
    kwargs = dict(entry.get("kwargs") or {})
    unknown = sorted(set(kwargs) - set(allowed))
    if unknown:
        raise ValueError(f"{kind}: {', '.join(unknown)} is not supported; supported: {', '.join(allowed)}")
    meta = entry["meta"]
    rule = _Rule(table, "expectations", str(meta["name"]), entry["severity"], str(meta["why"]), key)
    return translator(rule, kwargs)


@dataclass(frozen=True)
class _Rule:
    """What a check is about, before it is SQL; `key` is shown with every offending row."""

    table: str
    gate: Literal["schema", "expectations"]
    name: str
    severity: Severity
    why: str
    key: tuple[str, ...] = ()

    def check(self, offences: str = "", columns: tuple[str, ...] = (), **fields: Any) -> Check:
        # a query of the suite's own gives what it wants shown
        shown = (*self.key, *(name for name in columns if name not in self.key)) if columns else ()
        return Check(self.table, self.gate, self.name, self.severity, self.why, offences, shown, **fields)


def _single(rule: _Rule, columns: tuple[str, ...], bad: str, judged: str = "TRUE", mostly: float = 1.0) -> Check:
    """A condition on single rows, out of those that are judged."""
    order = f" ORDER BY {', '.join(_name(name) for name in rule.key)}" if rule.key else ""
    offences = f"SELECT * FROM {_name(rule.table)} WHERE ({judged}) AND ({bad}){order}"
    return rule.check(offences, columns, mostly=mostly, bad=bad, judged=judged)


def _duplicates(rule: _Rule, columns: tuple[str, ...], judged: str, mostly: float = 1.0) -> Check:
    """Every row of a group with the same values counts, as in Great Expectations; nulls are one value."""
    table, group = _name(rule.table), ", ".join(_name(name) for name in columns)
    offences = f"SELECT * FROM {table} WHERE {judged} QUALIFY count(*) OVER (PARTITION BY {group}) > 1 ORDER BY {group}"
    count = (
        "SELECT coalesce(sum(number) FILTER (number > 1), 0)::BIGINT, coalesce(sum(number), 0)::BIGINT, NULL "
        f"FROM (SELECT count(*) AS number FROM {table} WHERE {judged} GROUP BY {group})"
    )
    return rule.check(offences, columns, mostly=mostly, count=count)


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(value: Any) -> str:
    """A value of a suite as SQL. Suites ship with the code, so a literal is as safe as the query that holds it."""
    if isinstance(value, Mapping):
        named = str(value.get("$PARAMETER", ""))
        if set(value) != {"$PARAMETER"} or not re.fullmatch(r"[a-z][a-z0-9_]*", named):
            raise ValueError(f"{dict(value)} is not a parameter")
        return f"${named}"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    raise ValueError(f"{value!r} cannot stand in a suite")


def _range(value: str, kwargs: Mapping[str, Any]) -> str:
    """The condition under which a value lies outside min_value and max_value."""
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    outside = []
    if low is not None:
        outside.append(f"{value} {'<=' if kwargs.get('strict_min') else '<'} {_literal(low)}")
    if high is not None:
        outside.append(f"{value} {'>=' if kwargs.get('strict_max') else '>'} {_literal(high)}")
    if not outside:
        raise ValueError("min_value and max_value are both missing")
    return " OR ".join(outside)


def _mostly(kwargs: Mapping[str, Any]) -> float:
    return float(kwargs.get("mostly", 1.0))


def _not_null(rule: _Rule, kwargs: dict[str, Any]) -> Check:
    column = str(kwargs["column"])
    return _single(rule, (column,), f"{_name(column)} IS NULL", mostly=_mostly(kwargs))


def _null(rule: _Rule, kwargs: dict[str, Any]) -> Check:
    column = str(kwargs["column"])
    return _single(rule, (column,), f"{_name(column)} IS NOT NULL", mostly=_mostly(kwargs))


def _present(rule: _Rule, kwargs: dict[str, Any], bad: Callable[[str], str]) -> Check:
    """A condition on the values of one column that are not null."""
    column = str(kwargs["column"])
    return _single(rule, (column,), bad(_name(column)), f"{_name(column)} IS NOT NULL", _mostly(kwargs))


def _between(rule: _Rule, kwargs: dict[str, Any]) -> Check:
    return _present(rule, kwargs, lambda column: _range(column, kwargs))


def _lengths(rule: _Rule, kwargs: dict[str, Any]) -> Check:
    return _present(rule, kwargs, lambda column: _range(f"length({column})", kwargs))


def _listed(kwargs: Mapping[str, Any]) -> str:
    if not kwargs.get("value_set"):
        raise ValueError("value_set is empty")
    return ", ".join(_literal(value) for value in kwargs["value_set"])


def _in_set(rule: _Rule, kwargs: dict[str, Any]) -> Check:
    return _present(rule, kwargs, lambda column: f"{column} NOT IN ({_listed(kwargs)})")


def _not_in_set(rule: _Rule, kwargs: dict[str, Any]) -> Check:
    return _present(rule, kwargs, lambda column: f"{column} IN ({_listed(kwargs)})")


def _match(rule: _Rule, kwargs: dict[str, Any]) -> Check:
    regex = _literal(str(kwargs["regex"]))
    return _present(rule, kwargs, lambda column: f"NOT regexp_matches({column}::VARCHAR, {regex})")


def _not_match(rule: _Rule, kwargs: dict[str, Any]) -> Check:
    regex = _literal(str(kwargs["regex"]))
    return _present(rule, kwargs, lambda column: f"regexp_matches({column}::VARCHAR, {regex})")


def _unique(rule: _Rule, kwargs: dict[str, Any]) -> Check:
    column = str(kwargs["column"])
    return _duplicates(rule, (column,), f"{_name(column)} IS NOT NULL", _mostly(kwargs))


def _compound(rule: _Rule, kwargs: dict[str, Any]) -> Check:
    columns = tuple(str(column) for column in kwargs["column_list"])
    judged = {
        "all_values_are_missing": " OR ".join(f"{_name(column)} IS NOT NULL" for column in columns),
        "any_value_is_missing": " AND ".join(f"{_name(column)} IS NOT NULL" for column in columns),
        "never": "TRUE",
    }[kwargs.get("ignore_row_if", "all_values_are_missing")]
    return _duplicates(rule, columns, f"({judged})", _mostly(kwargs))


def _pair(rule: _Rule, kwargs: dict[str, Any], operator: str) -> Check:
    """A pair that cannot be compared because a side is null breaks the rule, unless `ignore_row_if` leaves it out."""
    names = str(kwargs["column_A"]), str(kwargs["column_B"])
    left, right = (_name(name) for name in names)
    judged = {
        "both_values_are_missing": f"{left} IS NOT NULL OR {right} IS NOT NULL",
        "either_value_is_missing": f"{left} IS NOT NULL AND {right} IS NOT NULL",
        "neither": "TRUE",
    }[kwargs.get("ignore_row_if", "both_values_are_missing")]
    return _single(rule, names, f"NOT coalesce({left} {operator} {right}, FALSE)", judged, _mostly(kwargs))


def _pair_greater(rule: _Rule, kwargs: dict[str, Any]) -> Check:
    return _pair(rule, kwargs, ">=" if kwargs.get("or_equal") else ">")


def _pair_equal(rule: _Rule, kwargs: dict[str, Any]) -> Check:
    return _pair(rule, kwargs, "=")


def _row_count(rule: _Rule, kwargs: dict[str, Any]) -> Check:
    return rule.check(
        count=f"SELECT count(*) FILTER ({_range('number', kwargs)}), 1, 'the table has ' || max(number) || ' rows' "
        f"FROM (SELECT count(*) AS number FROM {_name(rule.table)})"
    )


def _unexpected_rows(rule: _Rule, kwargs: dict[str, Any]) -> Check:
    """SQL of the suite's own; {batch} stands for the table, and every row that it gives is an offence."""
    query = str(kwargs["unexpected_rows_query"]).format(batch=_name(rule.table))
    return rule.check(f"SELECT * FROM ({query}) ORDER BY ALL", count=f"SELECT count(*), NULL, NULL FROM ({query})")


_RANGE = ("min_value", "max_value", "strict_min", "strict_max")
_TRANSLATORS: dict[str, tuple[Callable[[_Rule, dict[str, Any]], Check], tuple[str, ...]]] = {
    "expect_column_values_to_not_be_null": (_not_null, ("column", "mostly")),
    "expect_column_values_to_be_null": (_null, ("column", "mostly")),
    "expect_column_values_to_be_unique": (_unique, ("column", "mostly")),
    "expect_column_values_to_be_between": (_between, ("column", *_RANGE, "mostly")),
    "expect_column_value_lengths_to_be_between": (_lengths, ("column", *_RANGE, "mostly")),
    "expect_column_values_to_be_in_set": (_in_set, ("column", "value_set", "mostly")),
    "expect_column_values_to_not_be_in_set": (_not_in_set, ("column", "value_set", "mostly")),
    "expect_column_values_to_match_regex": (_match, ("column", "regex", "mostly")),
    "expect_column_values_to_not_match_regex": (_not_match, ("column", "regex", "mostly")),
    "expect_column_pair_values_a_to_be_greater_than_b": (
        _pair_greater,
        ("column_A", "column_B", "or_equal", "ignore_row_if", "mostly"),
    ),
    "expect_column_pair_values_to_be_equal": (_pair_equal, ("column_A", "column_B", "ignore_row_if", "mostly")),
    "expect_compound_columns_to_be_unique": (_compound, ("column_list", "ignore_row_if", "mostly")),
    "expect_table_row_count_to_be_between": (_row_count, ("min_value", "max_value", "strict_min", "strict_max")),
    "unexpected_rows_expectation": (_unexpected_rows, ("unexpected_rows_query",)),
}
SUPPORTED = frozenset(_TRANSLATORS)
