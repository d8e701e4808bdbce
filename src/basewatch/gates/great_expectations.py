"""Great Expectations beside the gate: the judge for whoever prefers it, and its validation results for people.

The gate reads the suites by itself. Great Expectations takes three seconds to import, so it is imported here and in
`data_docs` alone, inside functions.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib.util import find_spec
from typing import Any

import duckdb

from basewatch.gates.results import GateResult
from basewatch.gates.suites import bound, error_text, sql_name

SQL = "unexpected_rows_expectation"


@dataclass(frozen=True)
class Verdict:
    """What Great Expectations says of one expectation; `error`: why it could not be checked."""

    success: bool
    error: str | None = None


SILENCE = Verdict(False, "Great Expectations says nothing of it")


def is_installed() -> bool:
    """Whether Great Expectations is there; it is not imported for the answer."""
    return find_spec("great_expectations") is not None


def library() -> Any:
    """Great Expectations, imported, with nothing to say about itself."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx

    for name in ("great_expectations", "great_expectations.data_context.types.base"):
        logging.getLogger(name).setLevel(logging.WARNING)  # the latter tells of a temporary folder at INFO
    return gx


def suite_of(suite: Mapping[str, Any]) -> Any:
    """A suite as Great Expectations reads it. Raises what it raises on one that it does not understand.

    It knows no severity between warning and critical: what is set aside refuses nothing, and is a warning to it.
    """
    copy = json.loads(json.dumps(suite))  # reading one adds ids to it
    for entry in copy["expectations"]:
        if entry.get("severity") == "set_aside":
            entry["severity"] = "warning"
    return library().ExpectationSuite(**copy)


# ---- the judge


def judge(
    connection: duckdb.DuckDBPyConnection, suites: Mapping[str, dict[str, Any]], values: Mapping[str, Any]
) -> dict[tuple[str, str], Verdict]:
    """Its own verdict on each expectation of each suite, by table and name, on the tables as data frames.

    `suites` are by table; `values` are the parameters that they may name. DuckDB runs a suite's own SQL, which may look
    at other tables. An expectation of which it says nothing is not among the verdicts.
    """
    verdicts: dict[tuple[str, str], Verdict] = {}
    for table, suite in suites.items():
        try:
            verdicts |= {(table, name): verdict for name, verdict in _judged(connection, table, suite, values).items()}
        except Exception as error:
            about = [entry.get("meta") for entry in suite.get("expectations", [])]
            names = [str(meta.get("name")) for meta in about if isinstance(meta, dict)]
            verdicts |= {(table, name): Verdict(False, error_text(error)) for name in names}
    return verdicts


def _judged(
    connection: duckdb.DuckDBPyConnection, table: str, suite: Mapping[str, Any], values: Mapping[str, Any]
) -> dict[str, Verdict]:
    report = validate(connection, table, suite, values, "BOOLEAN_ONLY")
    verdicts = {}
    for result in report.results:
        broke = (result.exception_info or {}).get("raised_exception", True)
        error = f"Great Expectations: {_exception(result.exception_info)}" if broke else None
        verdicts[str(result.expectation_config.meta["name"])] = Verdict(bool(result.success) and not broke, error)
    return verdicts


def _exception(info: Mapping[str, Any] | None) -> str:
    """What an exception said that it caught: it stands at the top, or below the metric that could not be had."""
    told = [info or {}, *(value for value in (info or {}).values() if isinstance(value, Mapping))]
    return " ".join(str(next((one["exception_message"] for one in told if one.get("exception_message")), "?")).split())


def validate(
    connection: duckdb.DuckDBPyConnection, table: str, suite: Mapping[str, Any], values: Mapping[str, Any], form: str
) -> Any:
    """Its validation result of a whole table by its suite. `form`: how much it tells, its `result_format`."""
    gx = library()
    from great_expectations.data_context.types.base import ProgressBarsConfig

    _teach_queries()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("candidate").add_dataframe_asset(table)
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": _frame(connection, table, suite)})

    def count(query: str) -> int:
        query = f"SELECT count(*) FROM ({query.format(batch=sql_name(table))})"
        row = connection.execute(query, bound(query, values)).fetchone()
        assert row is not None, "a count is a row"
        return int(row[0])

    asked = _count.set(count)
    try:
        return batch.validate(suite_of(suite), result_format=form, expectation_parameters=_as_in_a_frame(values))
    finally:
        _count.reset(asked)


def _as_in_a_frame(values: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as they compare with a frame's columns, where a day is its midnight."""
    return {
        name: datetime(value.year, value.month, value.day)  # noqa: DTZ001 - days have no zone in a frame either
        if isinstance(value, date) and not isinstance(value, datetime)
        else value
        for name, value in values.items()
    }


def _frame(connection: duckdb.DuckDBPyConnection, table: str, suite: Mapping[str, Any]) -> Any:
    """The columns of a table that its suite names, as a data frame. It finds out for itself which are not there.

    Numbers with nulls are floats with NaN: comparing pandas' own nullable numbers gives nulls, at which it breaks.
    """
    from pandas.api.types import is_extension_array_dtype, is_numeric_dtype

    named: set[str] = set()
    for entry in suite["expectations"]:
        kwargs = entry.get("kwargs") or {}
        named |= {kwargs[name] for name in ("column", "column_A", "column_B") if name in kwargs}
        named |= set(kwargs.get("column_list", []))
    present = [str(row[0]) for row in connection.execute(f"DESCRIBE {sql_name(table)}").fetchall()]
    columns = [name for name in present if name in named] or present[:1]
    frame = connection.sql(f"SELECT {', '.join(map(sql_name, columns))} FROM {sql_name(table)}").df()
    nullable = [
        name for name, kind in frame.dtypes.items() if is_extension_array_dtype(kind) and is_numeric_dtype(kind)
    ]
    return frame.astype(dict.fromkeys(nullable, "float64"))


_count: ContextVar[Callable[[str], int]] = ContextVar("_count")  # how many rows a suite's own query gives


@cache
def _teach_queries() -> None:
    """Have it run a suite's own SQL where the rest of a suite is judged on a frame; else it would need a database.

    Its registry takes providers of a metric for an engine that has none.
    """
    from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
    from great_expectations.expectations.metrics.metric_provider import MetricProvider, metric_value
    from great_expectations.expectations.metrics.query_metric_provider import QueryMetricProvider

    class Rows(MetricProvider):
        metric_name = "unexpected_rows_query.table"
        domain_keys = QueryMetricProvider.domain_keys
        value_keys = ("unexpected_rows_query",)

        @metric_value(engine=PandasExecutionEngine)
        def _pandas(cls, **_: Any) -> list[Any]:  # noqa: N805 - it is made a class method by the decorator
            return []  # the gate fetches offending rows by itself

    class RowCount(MetricProvider):
        metric_name = "unexpected_rows_query.row_count"
        domain_keys = QueryMetricProvider.domain_keys
        value_keys = ("unexpected_rows_query",)

        @metric_value(engine=PandasExecutionEngine)
        def _pandas(cls, *, metric_value_kwargs: dict[str, Any], **_: Any) -> int:  # noqa: N805
            return _count.get()(str(metric_value_kwargs["unexpected_rows_query"]))


# ---- validation results made of the gates' counts


def validation_result(result: GateResult, table: str, suite: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    """The validation result that it would have come to on a table, made of what the gates counted there.

    Numbers are those of its own form SUMMARY; values from the data are not among them. Checks of the header are no part
    of a suite, and so not of this.
    """
    gx = library()
    from great_expectations.core.expectation_validation_result import (
        ExpectationSuiteValidationResult,
        ExpectationValidationResult,
    )
    from great_expectations.core.run_identifier import RunIdentifier

    found = {
        (row["gate"], row["check_name"]): (row, judged)
        for row, judged in zip(result.results.to_pylist(), result.judged, strict=True)
        if row["table_name"] == table
    }
    rows = found["schema", "key_is_unique"][1]
    assert rows is not None, "a key is judged on every row of its table"
    results = []
    for expectation in suite_of({**suite, "expectations": readable(suite, values)}).expectations:
        config = expectation.configuration
        check, judged = found["expectations", config.meta["name"]]
        results.append(
            ExpectationValidationResult(
                success=check["success"],
                expectation_config=config,
                result=_numbers(config.type, check["unexpected_count"], judged, rows),
            )
        )
    kept = sum(bool(one.success) for one in results)
    return ExpectationSuiteValidationResult(
        success=kept == len(results),
        results=results,
        suite_name=table,
        statistics={
            "evaluated_expectations": len(results),
            "successful_expectations": kept,
            "unsuccessful_expectations": len(results) - kept,
            "success_percent": 100 * kept / len(results) if results else None,
        },
        meta={
            "great_expectations_version": gx.__version__,
            "run_id": RunIdentifier(run_name=result.run_id, run_time=result.checked_at),
            "batch_spec": {"data_asset_name": table},
        },
    )


def _numbers(kind: str, unexpected: int | None, judged: int | None, rows: int) -> dict[str, Any]:
    """What it tells of an expectation of this type in its form SUMMARY, less the values themselves."""
    if kind == "expect_table_row_count_to_be_between":
        return {"observed_value": rows}
    if kind == SQL or unexpected is None or judged is None:
        return {"observed_value": unexpected}
    share = _percent(unexpected, judged)
    numbers: dict[str, Any] = {"element_count": rows, "unexpected_count": unexpected, "unexpected_percent": share}
    if kind.endswith("_null"):  # about what is missing, so it counts none as left out
        return numbers
    return {
        **numbers,
        "missing_count": rows - judged,
        "missing_percent": _percent(rows - judged, rows),
        "unexpected_percent_total": _percent(unexpected, rows),
        "unexpected_percent_nonmissing": share,
    }


def _percent(part: int, whole: int) -> float | None:
    return part / whole * 100 if whole else None


def readable(suite: Mapping[str, Any], values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A suite's expectations for people: with the values of parameters, and why each is asked for."""
    entries = []
    for entry in suite["expectations"]:
        kwargs = {name: _value(value, values) for name, value in entry["kwargs"].items()}
        told = f"{entry['meta']['name']}: {entry['meta']['why']}"
        if entry["type"] == SQL:
            described = {"description": told, "notes": f"```\n{kwargs['unexpected_rows_query']}\n```"}
        else:
            described = {"notes": told}
        entries.append({**entry, **described, "kwargs": kwargs})
    return entries


def _value(value: Any, values: Mapping[str, Any]) -> Any:
    given = values[value["$PARAMETER"]] if isinstance(value, Mapping) else value
    return given if isinstance(given, int | float | str | list) else str(given)
