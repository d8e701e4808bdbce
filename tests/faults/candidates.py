"""Faults of a candidate: what a wrong model could have made of a sound lake, column by column and row by row.

The edits follow from the headers of the published tables: nobody picks what the gates already see.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path

import duckdb

from basewatch import config, run
from basewatch.gates import check, derived
from basewatch.gates.check import count_derived, count_violations
from basewatch.gates.suites import load_suites
from basewatch.warehouse import models
from basewatch.warehouse.build import AFTER_GATES, bind, open_work
from basewatch.warehouse.models import Column, Model
from faults.fault import Answer, Family, Fault, Meet, Outcome

FAMILY = "candidates"
SAMPLE, ENDS = files("basewatch.sample"), date(2026, 7, 24)
EDITED = [model for model in models.marts() if model.table not in AFTER_GATES]
OUTCOMES: dict[str, Outcome] = {"critical": "refused", "set_aside": "contained", "warning": "warned"}
FEW = "hash(rowid) % 5 = 0"
# words for people, which no count depends on and which nothing else says
WORDS = {("fleets", "definition"), ("base_visits", "rule")}


@dataclass(frozen=True)
class Edit:
    """Statements on the candidate's tables. table, column: what they change; no column where rows are."""

    table: str
    column: str | None
    statements: tuple[str, ...]


def _other(model: Model, column: Column) -> list[tuple[str, str]]:
    """Kinds of edits of a column, each with an expression for another value of the same type."""
    name, kind = f'"{column.name}"', column.type.upper()
    if kind.endswith("[]"):
        return [("emptied", f"[]::{column.type}"), ("doubled", f"list_concat({name}, {name})")]
    if column.values:
        listed = [str(value) for value in column.values]
        following = " ".join(
            f"WHEN {_quoted(one)} THEN {_quoted(listed[(place + 1) % len(listed)])}" for place, one in enumerate(listed)
        )
        return [("another of its list", f"CASE {name}::VARCHAR {following} END::{column.type}")]
    if kind in ("DOUBLE", "FLOAT"):
        return [("half as much again", f"1.5 * {name} + 1"), ("negative", f"-{name} - 1")]
    if kind in ("INTEGER", "BIGINT", "SMALLINT", "TINYINT", "UBIGINT"):
        return [("one more", f"{name} + 1"), ("one less", f"{name} - 1")]
    if kind.startswith("TIMESTAMP"):
        return [("a day later", f"{name} + INTERVAL 1 DAY"), ("an hour earlier", f"{name} - INTERVAL 1 HOUR")]
    if kind == "DATE":
        return [("a day later", f"({name} + 1)::DATE"), ("a month earlier", f"({name} - INTERVAL 1 MONTH)::DATE")]
    if kind == "BOOLEAN":
        return [("the opposite", f"NOT {name}")]
    if kind == "VARCHAR":
        return [("another row's", f"(SELECT max({name}) FROM {model.name} AS o WHERE o.{name} <> {model.name}.{name})")]
    return []


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _of_column(model: Model, column: Column) -> Iterator[tuple[str, Edit]]:
    name = f'"{column.name}"'
    edits = [("nulled", "NULL"), *_other(model, column)]
    for kind, value in edits:
        where = f"{name} IS NOT NULL AND {FEW}" if kind != "nulled" else f"{name} IS NOT NULL"
        changed = f"UPDATE {model.name} SET {name} = {value} WHERE {where}"
        yield kind, Edit(model.name, column.name, (changed,))


def _of_rows(model: Model) -> Iterator[tuple[str, Edit]]:
    table = model.name
    yield "all rows lost", Edit(table, None, (f"DELETE FROM {table}",))
    yield "a fifth of the rows lost", Edit(table, None, (f"DELETE FROM {table} WHERE {FEW}",))
    yield "a fifth of the rows doubled", Edit(table, None, (f"INSERT INTO {table} SELECT * FROM {table} WHERE {FEW}",))
    key = [column for column in model.columns if column.name in model.key and column.type.upper() == "VARCHAR"]
    if key:
        name = key[-1].name
        doubled = f"INSERT INTO {table} SELECT * REPLACE ({name} || '-2' AS {name}) FROM {table} WHERE {FEW}"
        yield "a fifth of the rows again under another key", Edit(table, None, (doubled,))


def faults() -> list[Fault]:
    """All faults of the family."""
    found = []
    for model in EDITED:
        found += [Fault(FAMILY, kind, model.name, "candidate", edit, model.name) for kind, edit in _of_rows(model)]
        for column in model.columns:
            if (model.name, column.name) in WORDS:
                continue
            found += [
                Fault(FAMILY, kind, f"{model.name}.{column.name}", "candidate", edit, model.name)
                for kind, edit in _of_column(model, column)
            ]
        again = Edit(
            model.name,
            None,
            (f"CREATE TABLE aside AS FROM {model.name} ORDER BY hash(rowid)", f"DELETE FROM {model.name}",
             f"INSERT INTO {model.name} FROM aside", "DROP TABLE aside"),
        )  # fmt: skip
        found.append(Fault(FAMILY, "rows in another order", model.name, "candidate", again, "", False))
    return found


def _edited(database: Path, edit: Edit) -> bool:
    """Whether the edit changed the tables of a candidate."""
    with duckdb.connect(str(database)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        before = _content(connection, edit.table)
        for statement in edit.statements:
            try:
                connection.execute(statement)
            except duckdb.ConstraintException:
                return False  # the database itself does not let it happen
        return len(edit.statements) > 1 or _content(connection, edit.table) != before


def _content(connection: duckdb.DuckDBPyConnection, table: str) -> tuple[int, int]:
    row = connection.execute(f"SELECT count(*), sum(hash(t)::HUGEINT) FROM {table} AS t").fetchone()
    assert row is not None
    return int(row[0]), int(row[1] or 0)


@contextlib.contextmanager
def world(folder: Path) -> Iterator[Meet]:
    """A candidate of the bundled sample; each fault befalls a copy of it, and all gates look at that."""
    folder.mkdir(parents=True, exist_ok=True)
    text = SAMPLE.joinpath("basewatch.toml").read_text(encoding="utf-8")
    text = text.replace('root = "warehouse"', f'root = "{folder / "warehouse"}"')
    for name in ("articles", "adsblol", "flights", "simulated_articles"):
        text = text.replace(f'"{name}"', f'"{SAMPLE.joinpath(name)}"')
    for table in ("bases", "keywords"):
        text = text.replace(f'{table} = "{table}.csv"', f'{table} = "{SAMPLE.joinpath(f"{table}.csv")}"')
    (folder / "basewatch.toml").write_text(text, encoding="utf-8")
    work = run.start(config.load(folder / "basewatch.toml"), ENDS)
    work.progress = lambda _: None
    with work.warehouse.lock():
        run.has_work(work)
        for window in work.windows:
            run.ingest_window(work, window)
        candidate = run.build(work)
    headers = {model.name: model for model in models.marts()}
    suites = load_suites(files("basewatch.expectations"))
    values = {**work.params.values, "as_of": candidate.inputs.as_of, "checked_at": datetime.now(UTC)}
    copy = folder / "edited.duckdb"
    with open_work(folder / "checking") as connection:
        bind(connection, work.warehouse.lake, work.reference, None)

        def look() -> list[check.Outcome]:
            derived.show(connection, copy)
            outcomes = count_violations(connection, headers, suites, values) + count_derived(connection, values)
            connection.execute("DETACH candidate")
            return [one for one in outcomes if not one.holds]

        shutil.copyfile(candidate.database, copy)
        sound = {(one.check.gate, one.check.table, one.check.rule) for one in look()}

        def meet(fault: Fault) -> Answer | None:
            shutil.copyfile(candidate.database, copy)
            if not _edited(copy, fault.harm):
                return None
            found = [one for one in look() if (one.check.gate, one.check.table, one.check.rule) not in sound]
            words = "\n".join(f"{one.check.table}: {one.check.rule}: {one.seen}" for one in found)
            severities = {one.severity for one in found}
            for severity, outcome in OUTCOMES.items():
                if severity in severities:
                    return Answer(outcome, words)
            return Answer("passed", words)

        yield meet


CANDIDATES = Family(FAMILY, faults, world)
