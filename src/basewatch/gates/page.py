"""The gate page: one HTML file that says which rule a candidate broke, in which rows, and why that matters."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from basewatch import outside
from basewatch.durable import write_aside
from basewatch.gates.results import GateResult, as_text


def write_page(result: GateResult, path: Path) -> None:
    """Write the gate page: one HTML file that needs nothing else, with each failed rule, its rows and its reason."""
    write_aside(path, render(result).encode())


def render(result: GateResult) -> str:
    """The page as HTML. Every outside value is escaped; it loads nothing, runs nothing and works without colour."""
    checks = sorted(
        result.results.to_pylist(),
        key=lambda row: (row["table_name"], row["success"], row["gate"] != "schema", row["check_name"]),
    )
    failures = sorted(
        result.failures, key=lambda failure: (failure.severity != "critical", failure.table, failure.rule)
    )
    shown = [
        {
            "number": number,
            "failure": failure,
            "columns": _columns(failure.columns, failure.rows),
            "parameters": {name: as_text(value) for name, value in sorted(failure.parameters.items())},
        }
        for number, failure in enumerate(failures, start=1)
    ]
    tables = sorted({row["table_name"] for row in checks})
    return _template().render(
        result=result,
        failures=shown,
        tables=[(table, [row for row in checks if row["table_name"] == table]) for table in tables],
        critical=len(result.refusals),
        warnings=len(result.failures) - len(result.refusals),
        total=len(checks),
    )


def _columns(telling: Iterable[str], rows: list[dict[str, Any]]) -> list[str]:
    """The columns to show: the key and those the rule names, or all where neither is in the rows."""
    present = list(rows[0]) if rows else []
    return [name for name in telling if name in present] or present


def _shown(value: Any) -> Any:
    """A value as text from outside may stand in a page."""
    return outside.cell(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _template() -> jinja2.Template:
    """The page's template: it escapes everything and fails on a name that does not exist."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: files("basewatch.gates").joinpath(name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = as_text
    return environment.get_template("page.html.j2")
