"""`work.duckdb`: every inner table of a build, kept for an analyst to read, and each model's SQL ready to paste there.

It lies in the warehouse's root beside the releases, and is never published: a publish ships a candidate, which is built
apart from it. The lake's tables in it (schema raw) are views over the lake's files; all others are tables.
"""

from __future__ import annotations

import contextlib
import difflib
import re
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

from basewatch.database import connect
from basewatch.errors import ConfigError
from basewatch.lake.store import Lake
from basewatch.reference.load import Params, Reference
from basewatch.warehouse import learnt, models
from basewatch.warehouse.build import AFTER_GATES, Inputs, bind, configure, gather_inputs, remove_tree
from basewatch.warehouse.models import Model

WORK = "work.duckdb"
# a comment, a text in quotes, or a parameter: of these, only the last is replaced
_TOKEN = re.compile(r"--[^\n]*|'(?:[^']|'')*'|\$(?P<name>[a-z][a-z0-9_]*)")


@dataclass(frozen=True)
class Work:
    """An opened `work.duckdb`: the inputs that it was built from, and when (UTC)."""

    connection: duckdb.DuckDBPyConnection
    inputs: Inputs
    built_at: datetime


def find(name: str) -> Model:
    """The model of this name, with or without its layer. Raises ConfigError naming the nearest ones."""
    all_models = models.load()
    for model in all_models.values():
        if name in (model.name, model.table):
            return model
    close = difflib.get_close_matches(name.rpartition(".")[2], [model.name for model in all_models.values()], n=3)
    hint = f"did you mean {', '.join(close)}?" if close else "`basewatch model list` shows them all"
    raise ConfigError(f"there is no table {name!r}; {hint}")


def keep(
    root: Path,
    lake: Lake,
    published: Path | None,
    reference: Reference,
    params: Params,
    as_of: date,
    built_at: datetime,
    only: str | None = None,
    progress: Callable[[str, float, int], None] | None = None,
) -> Path:
    """Build every model, or the one named and what it needs, into `work.duckdb`; returns the file.

    An older one is replaced as a whole when the new one is done. Raises ConfigError for a name that no model has.
    """
    tables = set(models.load()) if only is None else models.ancestors([find(only).table])
    inputs = gather_inputs(lake, reference, params, as_of)
    aside = root / f".{WORK}.{uuid.uuid4().hex}"
    spill = root / f".{WORK}.spill"
    try:
        with connect(aside) as connection:
            configure(connection, spill)
            bind(connection, lake, reference, published, learnt.hidden_stays(root))
            models.build(connection, {**params.values, "as_of": as_of}, tables - set(AFTER_GATES), progress)
            connection.execute(
                "CREATE TABLE main.built_from AS SELECT $as_of::DATE AS as_of, $lake AS lake, $models AS models, "
                "$thresholds AS thresholds, $reference AS reference, $learnt AS learnt, $ledger_rows AS ledger_rows, "
                "$code_version AS code_version, $built_at::TIMESTAMPTZ AS built_at",
                {**vars(inputs), "built_at": built_at},
            )
        aside.replace(root / WORK)
    finally:
        aside.unlink(missing_ok=True)
        aside.with_name(f"{aside.name}.wal").unlink(missing_ok=True)
        remove_tree(spill)
    return root / WORK


@contextlib.contextmanager
def opened(root: Path) -> Iterator[Work]:
    """The kept tables, read-only. Raises ConfigError where there are none, or a file that is something else."""
    file = root / WORK
    if not file.exists():
        raise ConfigError(f"there is no {file} yet; `basewatch build --keep` makes it (--only NAME: for one table)")
    try:
        with connect(file, read_only=True) as connection:
            *inputs, built_at = connection.execute(
                "SELECT as_of, lake, models, thresholds, reference, learnt, ledger_rows, code_version, built_at "
                "FROM main.built_from"
            ).fetchall()[0]
            yield Work(connection, Inputs(*inputs), built_at)
    except (duckdb.IOException, duckdb.CatalogException, duckdb.BinderException) as error:
        raise ConfigError(f"{file} cannot be read: {error}; `basewatch build --keep` makes it anew") from None


def kept_rows(work: Work) -> dict[str, int]:
    """How many rows each kept table has, by layer and name; views have none of their own."""
    tables = work.connection.execute(
        "SELECT schema_name || '.' || table_name, estimated_size FROM duckdb_tables() WHERE schema_name <> 'main'"
    )
    return dict(tables.fetchall())


def read(
    work: Work, model: Model, where: str | None = None, limit: int | None = None
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Column names and rows of a kept table, in the order of its key.

    where: a condition in SQL, as written by the user. Raises ConfigError where the table was not kept, or the condition
    is none.
    """
    order = ", ".join(f'"{name}"' for name in model.key)
    condition = f"WHERE ({where}\n) " if where else ""  # on a line of its own: the condition may end in a comment
    query = f"SELECT * FROM {model.table} {condition}ORDER BY {order}"
    try:
        result = work.connection.execute(query if limit is None else f"{query} LIMIT {limit}")
        return [name for name, *_ in result.description or []], result.fetchall()
    except duckdb.CatalogException:
        if model.table not in {*kept_rows(work), *_kept_views(work)}:
            raise ConfigError(
                f"{model.table} was not kept; `basewatch build --keep` keeps all tables, "
                f"`basewatch build --only {model.name}` this one"
            ) from None
        raise
    except duckdb.Error as error:
        raise ConfigError(f"--where {where!r}: {error}") from None


def _kept_views(work: Work) -> Iterable[str]:
    views = work.connection.execute("SELECT schema_name || '.' || view_name FROM duckdb_views() WHERE NOT internal")
    return [name for (name,) in views.fetchall()]


def bound_sql(model: Model, params: dict[str, Any]) -> str:
    """The model's query with every $parameter as a literal of the type that a build binds, ready to paste.

    params: a value for each, `as_of` among them. Comments and quoted texts stay as they are.
    """

    def literal(match: re.Match[str]) -> str:
        return match[0] if match["name"] is None else _literal(params[match["name"]])

    return _TOKEN.sub(literal, model.query)


def _literal(value: Any) -> str:
    match value:
        case bool():
            return str(value).upper()
        case float():
            return f"{value!r}::DOUBLE"  # a bare 0.8 would be a DECIMAL, and divide differently
        case date():
            return f"DATE '{value}'"
        case list():
            return f"[{', '.join(map(_literal, value))}]"
        case str():
            return models.text_literal(value)
        case _:
            return str(value)
