"""Weights of evidence from a lake alone, without anybody's word on what happened: see cuts for where answers come from.

The weights that serve so far judge the lake's own silences. Those of which they are sure, and cuts, show what is to be
added to the points of each step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from basewatch.database import connect
from basewatch.reference.rows import arrow_schema
from basewatch.warehouse import cuts, models, weights
from basewatch.warehouse.weights import WHOLE, Bools, Floats, Steps

JUDGING = ("int_silence_first", "int_silence_terms", "int_silence_points", "int_silence_odds")
BIASED = ("here", "elsewhere", "deaf", "alive")  # what cutting distorts
SURE = 0.9
FEWEST_STAYS = 60  # with fewer sure stays heard to both sides nothing is learnt
COLUMNS = ("judge", "term_a", "from_a", "to_a", "term_b", "from_b", "to_b", "points")


@dataclass
class Learnt:
    """Steps, and what they were fitted on."""

    steps: list[tuple[Any, ...]]
    stays: int
    silences: int


def put_steps(connection: duckdb.DuckDBPyConnection, steps: Sequence[tuple[Any, ...]]) -> None:
    """Store steps as reference.evidence_terms."""
    schema = arrow_schema("evidence_terms")
    table = pa.Table.from_pylist([dict(zip(COLUMNS, row, strict=True)) for row in steps], schema=schema)
    connection.register("incoming", table)
    connection.execute("CREATE OR REPLACE TABLE reference.evidence_terms AS FROM incoming")
    connection.unregister("incoming")


@dataclass
class Rows:
    """Readings of silences and fields: address, field, and a column a term (nan where unknown)."""

    whose: npt.NDArray[Any]
    silence: npt.NDArray[np.int64]
    field: npt.NDArray[Any]
    readings: dict[str, Floats]

    def of(self, chosen: Bools) -> Rows:
        """Some of the rows."""
        return Rows(
            self.whose[chosen],
            self.silence[chosen],
            self.field[chosen],
            {name: values[chosen] for name, values in self.readings.items()},
        )

    def joined(self, other: Rows) -> Rows:
        """These rows and others behind them."""
        return Rows(
            np.concatenate((self.whose, other.whose)),
            np.concatenate((self.silence, other.silence)),
            np.concatenate((self.field, other.field)),
            {name: np.concatenate((values, other.readings[name])) for name, values in self.readings.items()},
        )

    def without(self, names: Sequence[str]) -> Rows:
        """The same with some terms unknown."""
        unknown = np.full(len(self.silence), np.nan)
        return replace(self, readings={n: unknown if n in names else v for n, v in self.readings.items()})


def read(connection: duckdb.DuckDBPyConnection, table: str, terms: Sequence[str]) -> Rows:
    """The readings in one of the models, in the order of their key."""
    listed = ", ".join(f"coalesce({name}::DOUBLE, 'nan') AS {name}" for name in terms)
    found = connection.execute(
        f"SELECT icao24, stretch_no, field_id, {listed} FROM intermediate.{table} ORDER BY icao24, stretch_no, field_id"
    ).fetchnumpy()
    return Rows(
        np.asarray(found["icao24"], dtype=object),
        np.asarray(found["stretch_no"], dtype=np.int64),
        np.asarray(found["field_id"], dtype=object),
        {name: np.asarray(found[name], dtype=np.float64) for name in terms},
    )


def make(connection: duckdb.DuckDBPyConnection, names: Sequence[str], params: Mapping[str, Any]) -> None:
    """Build some of the inner models."""
    for name in names:
        models.materialise(connection, models.load()[f"intermediate.{name}"], dict(params))


def learn(file: Path, steps: Sequence[tuple[Any, ...]], params: Mapping[str, Any]) -> Learnt | None:
    """The steps with what a lake teaches; None where it holds too few sure stays.

    file: a database with the models up to int_silence_fields and int_sure_stays; the judge's tables are made anew.
    steps: those that serve so far, both judges'.
    """
    with connect(file, read_only=True) as work:
        made = cuts.make(work)
    groups = {cut.group for cut in made if cut.field_id is not None}
    if len(groups) < FEWEST_STAYS:
        return None
    with connect() as study:
        study.execute(f"ATTACH '{file}' AS work (READ_ONLY)")
        cuts.lake(study, "work", made, dict(params))
        study.execute("DETACH work")
        put_steps(study, steps)
        make(study, ("int_silence_fields",), params)
        study.execute(
            "DELETE FROM intermediate.int_silence_fields AS f WHERE EXISTS (SELECT 1 FROM main.cuts AS c "
            "WHERE c.name = f.icao24 AND c.is_struck AND c.field_id = f.field_id)"
        )
        make(study, JUDGING[:2], params)
        rows = read(study, "int_silence_terms", WHOLE).without(BIASED)
    own, odds = _own(file, steps, params)
    is_sure = (odds > SURE) | (odds < 1 - SURE)
    by_name = {cut.name: cut for cut in made}
    landed = _landed(rows, by_name)
    together = rows.joined(own.of(is_sure))
    answers = np.concatenate((landed, odds[is_sure] > SURE))
    whole = weights.corrected(Steps([row for row in steps if row[0] == "whole"]), together.readings, answers)
    return Learnt([*(row for row in steps if row[0] == "first"), *whole.rows], len(groups), len(np.unique(rows.whose)))


def _own(file: Path, steps: Sequence[tuple[Any, ...]], params: Mapping[str, Any]) -> tuple[Rows, Floats]:
    """The readings of the lake's own silences, and the probabilities that the steps give them."""
    with connect(file) as work:
        models.define_macros(work)
        put_steps(work, steps)
        make(work, JUDGING, params)
        own = read(work, "int_silence_terms", WHOLE)
        found = work.execute(
            "SELECT probability FROM intermediate.int_silence_odds ORDER BY icao24, stretch_no, field_id"
        ).fetchnumpy()
        return own, np.asarray(found["probability"])


def _landed(rows: Rows, by_name: Mapping[str, cuts.Cut]) -> Bools:
    return np.array(
        [by_name[name].field_id == field for name, field in zip(rows.whose, rows.field, strict=True)], np.bool_
    )
