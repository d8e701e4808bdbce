"""The SQL runner: reads each model's header, orders the files by what they read, and builds the tables.

A model is one file under sql/<layer>/ with a YAML comment (grain, key, columns) and one query. The header feeds the
column types, the comments, the test fixtures, the data dictionary and the Parquet metadata; parents are read from the
query itself. A header may say `kind: view`: such a model is read by one other, and is no table of its own;
`empty_without`: tables without any of whose rows the model has none, which then need not be computed; or
`like: LAYER.MODEL` (or a list of them), and list the names alone of columns that the others declare. What several
models compute alike stands as scalar macros in sql/macros.sql.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from graphlib import CycleError, TopologicalSorter
from importlib.resources import files
from typing import Any

import duckdb

from basewatch import yaml_text
from basewatch.database import stop_if_asked

LAYERS = ("staging", "intermediate", "marts")
READS = {  # which layers a layer may read
    "staging": {"raw"},
    "intermediate": {"staging", "intermediate", "reference", "raw"},
    "marts": {"intermediate", "marts", "reference", "raw"},  # raw: the ledger alone
}


@dataclass(frozen=True)
class Column:
    """A column as the header declares it."""

    name: str
    type: str
    unit: str | None
    doc: str
    values: tuple[str, ...] = ()

    @property
    def comment(self) -> str:
        """Text and unit in one line, as shown to a reader of the database."""
        value_list = f" One of: {', '.join(self.values)}." if self.values else ""
        return f"{self.doc}{f' [{self.unit}]' if self.unit else ''}{value_list}"


@dataclass(frozen=True)
class Model:
    """One SQL file: one table."""

    layer: str
    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    query: str
    params: frozenset[str]
    is_view: bool = False
    empty_without: frozenset[str] = frozenset()  # where none of these has a row, the model has none

    @cached_property
    def parents(self) -> frozenset[str]:
        """The tables that it reads. Raises ModelError where the query cannot be parsed."""
        return parents(self.query, f"sql/{self.layer}/{self.name}.sql")

    @property
    def table(self) -> str:
        """Layer and name, as other models read it."""
        return f"{self.layer}.{self.name}"

    @property
    def ddl(self) -> str:
        """The column list of a CREATE TABLE with the declared types."""
        return ", ".join(f'"{column.name}" {column.type}' for column in self.columns)


class ModelError(Exception):
    """A model's file, header or result is not what its header says: a fault of the project, not of the data."""


_HEADER = re.compile(r"\A\s*/\*(?P<header>.*?)\*/(?P<query>.*)\Z", re.DOTALL)
_PARAM = re.compile(r"\$([a-z][a-z0-9_]*)")
_CONNECTION = duckdb.connect(":memory:", config={"threads": 1})


def parse(layer: str, name: str, text: str) -> Model:
    """The model in one SQL file. Raises ModelError where header or query are malformed."""
    match = _HEADER.match(text)
    if match is None:
        raise ModelError(f"sql/{layer}/{name}.sql does not start with a header comment")
    header = yaml_text.parse(match["header"])
    query = match["query"].strip().rstrip(";")
    where = f"sql/{layer}/{name}.sql"
    columns = tuple(
        Column(column, spec["type"], spec.get("unit"), spec["doc"], tuple(spec.get("values", ())))
        for column, spec in _specs(header, where).items()
    )
    bare = re.sub(r"--[^\n]*", "", query)
    return Model(
        layer,
        name,
        header["grain"],
        tuple(header["key"]),
        columns,
        query,
        frozenset(_PARAM.findall(bare)),
        header.get("kind", "table") == "view",
        frozenset(header.get("empty_without", ())),
    )


def _specs(header: dict[str, Any], where: str) -> dict[str, Any]:
    """Type, unit and words of each column, its own or those of the model that `like` names."""
    if "like" not in header:
        return dict(header["columns"])
    sources = [header["like"]] if isinstance(header["like"], str) else header["like"]
    declared: dict[str, Any] = {}
    for source in sources:
        layer, name = source.split(".")
        match = _HEADER.match(files(f"basewatch.sql.{layer}").joinpath(f"{name}.sql").read_text(encoding="utf-8"))
        declared = {**(yaml_text.parse(match["header"])["columns"] if match else {}), **declared}
    unknown = [column for column in header["columns"] if column not in declared]
    if unknown:
        raise ModelError(
            f"{where} takes columns from {' and '.join(sources)}, none of which declares {', '.join(unknown)}"
        )
    return {column: declared[column] for column in header["columns"]}


def parents(query: str, where: str = "query") -> frozenset[str]:
    """The schema-qualified tables that a query reads, found in DuckDB's own parse of it."""
    short = "skip_null := true, skip_empty := true, skip_default := true"
    # as a literal: at the first value that is bound, DuckDB would import pandas
    row = _CONNECTION.execute(f"SELECT json_serialize_sql({text_literal(query)}, {short})").fetchone()
    tree = json.loads(row[0]) if row else {"error": True}
    if tree["error"]:
        raise ModelError(f"{where} cannot be parsed: {tree.get('error_message')}")
    tables: set[str] = set()
    stack: list[Any] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            if node.get("type") == "BASE_TABLE" and node.get("schema_name"):
                tables.add(f"{node['schema_name']}.{node['table_name']}")
            stack += node.values()
        elif isinstance(node, list):
            stack += node
    return frozenset(tables)


@cache
def declared() -> dict[str, Model]:
    """All models by table name, as their headers tell of them: quicker than `load`, which parses the queries too."""
    models = (parse(layer, name, text) for layer, name, text in _texts())
    return {model.table: model for model in models}


@cache
def _texts() -> tuple[tuple[str, str, str], ...]:
    """Layer, name and text of every model's file, by layer and name."""
    return tuple(
        (layer, file.name.removesuffix(".sql"), file.read_text(encoding="utf-8"))
        for layer in LAYERS
        for file in sorted(files(f"basewatch.sql.{layer}").iterdir(), key=lambda entry: entry.name)
        if file.name.endswith(".sql")
    )


@cache
def load() -> dict[str, Model]:
    """All models by table name, in the order in which they must be built."""
    models = declared()
    for model in models.values():
        for parent in model.parents:
            if parent.split(".")[0] not in READS[model.layer]:
                raise ModelError(f"{model.table} reads {parent}: {model.layer} may not read that layer")
            if parent.split(".")[0] in LAYERS and parent not in models:
                raise ModelError(f"{model.table} reads {parent}, which no file defines")
    graph = {name: {parent for parent in model.parents if parent in models} for name, model in models.items()}
    try:
        return {name: models[name] for name in TopologicalSorter(graph).static_order()}
    except CycleError as error:
        raise ModelError(f"models read each other in a circle: {' → '.join(error.args[1])}") from None


@cache
def macros() -> tuple[str, ...]:
    """The statements of sql/macros.sql, in the order in which they stand: a macro uses those above it."""
    return tuple(statement.query for statement in duckdb.extract_statements(macros_text()))


@cache
def macros_text() -> str:
    """What stands in sql/macros.sql."""
    return files("basewatch.sql").joinpath("macros.sql").read_text(encoding="utf-8")


def define_macros(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the macros that models use, in the connection's own database: a file that is kept holds them too."""
    for statement in macros():
        connection.execute(statement)


def marts() -> list[Model]:
    """The published models."""
    return [model for model in load().values() if model.layer == "marts"]


def sha256() -> str:
    """A hash over every model's text, and over the macros that they use: of the files as they are, unparsed."""
    digest = hashlib.sha256(macros_text().encode())
    for layer, name, text in _texts():
        digest.update(f"{layer}.{name}\n{text}".encode())
    return digest.hexdigest()


def build(
    connection: duckdb.DuckDBPyConnection,
    params: dict[str, Any],
    only: Iterable[str] | None = None,
    progress: Callable[[str, float, int], None] | None = None,
    release: str | None = None,
) -> dict[str, int]:
    """Build all models (or those named) in order; returns rows a table.

    The connection must hold the schemas `raw` and `reference` with the tables that the models read. `params` gives a
    value for every $name in the queries. `release`: an attached database that the marts are written to, in its schema
    main and with their comments; a table of the other layers is then dropped after the last model that reads it, so
    that no more is in memory at a time than is needed. Raises ModelError where a result does not match its header.
    """
    for layer in LAYERS:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {layer}")
    define_macros(connection)
    names = None if only is None else set(only)
    selected = [model for model in load().values() if names is None or model.table in names]
    empty = _empty(connection, selected)
    if release is not None:
        selected = _asked_for(selected, empty)
    counts: dict[str, int] = {}
    last_read = {table: model.table for model in selected for table in (model.table, *_tables(model))}
    for model in selected:
        stop_if_asked()
        started = time.perf_counter()
        is_published = release is not None and model.layer == "marts"
        target = f"{release}.main.{model.name}" if is_published else model.table
        if model.table in empty and not model.is_view:
            connection.execute(f"CREATE OR REPLACE TABLE {target} ({model.ddl})")
            counts[model.table] = 0
        else:
            counts[model.table] = materialise(connection, model, params, target)
        if is_published:
            comment(connection, model, f"{release}.main.{model.name}")
            connection.execute(f"CREATE OR REPLACE VIEW {model.table} AS FROM {release}.main.{model.name}")
        for spent in [table for table, reader in last_read.items() if reader == model.table and release is not None]:
            if spent.split(".")[0] in ("staging", "intermediate") and not load()[spent].is_view:
                connection.execute(f"DROP TABLE IF EXISTS {spent}")
        if progress and not model.is_view:
            progress(model.table, time.perf_counter() - started, counts[model.table])
    return counts


def _empty(connection: duckdb.DuckDBPyConnection, selected: Iterable[Model]) -> set[str]:
    """The tables of the lake that hold nothing, and of these models those that then have no row, by their headers."""
    held = connection.execute(
        "SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE schema_name = 'raw' AND estimated_size = 0"
    )
    empty = {str(name) for (name,) in held.fetchall()}
    for model in selected:
        if model.empty_without and model.empty_without <= empty:
            empty.add(model.table)
    return empty


def _asked_for(selected: list[Model], empty: set[str]) -> list[Model]:
    """Of models in the order in which they are built, those that are published, and what those with rows read."""
    needed: set[str] = set()
    for model in reversed(selected):
        if model.layer == "marts" or model.table in needed:
            needed.add(model.table)
            if model.table not in empty:
                needed |= model.parents
    return [model for model in selected if model.table in needed]


def ancestors(names: Iterable[str], available: Iterable[str] = ()) -> set[str]:
    """The models that these are made from, themselves included.

    available: models that are made already; they and what only they need are left out.
    """
    all_models, needed, stack = load(), set[str](), list(names)
    stop = set(available)
    while stack:
        name = stack.pop()
        if name in all_models and name not in needed and name not in stop:
            needed.add(name)
            stack += all_models[name].parents
    return needed


def _tables(model: Model) -> set[str]:
    """The tables that a model reads, also those behind the views that it reads."""
    tables = set(model.parents)
    for parent in model.parents:
        if parent in load() and load()[parent].is_view:
            tables |= _tables(load()[parent])
    return tables


def materialise(
    connection: duckdb.DuckDBPyConnection, model: Model, params: dict[str, Any], target: str | None = None
) -> int:
    """Build one table from its query, with the declared types; returns its row count (0 for a view).

    The connection must hold the macros (define_macros). `target`: where to build it, if not under its own name.
    """
    target = target or model.table
    missing = model.params - set(params)
    if missing:
        raise ModelError(f"{model.table} needs ${', $'.join(sorted(missing))}, which params.yml does not give")
    bound = {name: params[name] for name in model.params}
    if model.is_view and bound:
        raise ModelError(f"{model.table} is a view, which takes no thresholds; it names ${', $'.join(sorted(bound))}")
    typed = ", ".join(f'"{column.name}"::{column.type} AS "{column.name}"' for column in model.columns)
    try:
        if model.is_view:
            connection.execute(f"CREATE OR REPLACE VIEW {target} AS SELECT {typed} FROM ({model.query})")
            return 0
        statement = f"CREATE OR REPLACE TABLE {target} AS SELECT {typed} FROM ({model.query})"
        try:
            row = connection.execute(statement, bound).fetchone()
        except duckdb.OutOfMemoryException:
            take_more_memory(connection)
            row = connection.execute(statement, bound).fetchone()
    except duckdb.Error as error:
        raise ModelError(f"{model.table}: {error}") from error
    return int(row[0]) if row else 0


def take_more_memory(connection: duckdb.DuckDBPyConnection) -> None:
    """Let a connection take what the machine has: not all that DuckDB holds can be spilled, and it must go on."""
    connection.execute("RESET memory_limit")  # names the machine's own limit again, but does not apply it
    own = connection.execute("SELECT current_setting('memory_limit')").fetchone()
    connection.execute(f"SET memory_limit = '{own[0] if own else '4GB'}'")


def comment(connection: duckdb.DuckDBPyConnection, model: Model, table: str) -> None:
    """Put the header's words on a table and its columns, where an analyst's tools show them."""
    statements = [f"COMMENT ON TABLE {table} IS {text_literal(model.grain)}"]
    statements += [
        f'COMMENT ON COLUMN {table}."{column.name}" IS {text_literal(column.comment)}' for column in model.columns
    ]
    connection.execute("; ".join(["BEGIN", *statements, "COMMIT"]))  # else each is synced to the disk for itself


def text_literal(text: str) -> str:
    """A SQL string literal, for the statements that take no parameters."""
    return "'" + text.replace("'", "''") + "'"
