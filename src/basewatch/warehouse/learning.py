"""Weights of evidence from a lake alone, without anybody's word on what happened: see cuts for where answers come from.

The weights that serve so far judge the lake's own silences. Those of which they are sure, and cuts, show what is to be
added to the points of each step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from basewatch.database import connect
from basewatch.reference.load import Reference
from basewatch.reference.rows import arrow_schema
from basewatch.warehouse import cuts, models, weights
from basewatch.warehouse.build import HISTORY
from basewatch.warehouse.weights import WHOLE, Bools, Floats, Steps

JUDGING = ("int_silence_first", "int_silence_terms", "int_silence_points", "int_silence_odds")
BIASED = ("here", "elsewhere", "deaf", "alive")  # what cutting distorts
SURE = 0.9
ROUNDS = 2  # what the lake's own silences are taken for is judged anew by what was learnt from them
FOLDS = 2  # hidden stays are judged by weights that the others taught
FEWEST_STAYS = 60  # with fewer sure stays heard to both sides nothing is learnt
COLUMNS = ("judge", "term_a", "from_a", "to_a", "term_b", "from_b", "to_b", "points")


@dataclass
class Learnt:
    """Steps (None: too few stays to learn), how many stays were heard, and rows of raw.hidden_stays."""

    steps: list[tuple[Any, ...]] | None
    stays: int
    hidden: pa.Table


def nothing() -> Learnt:
    """What a lake without a stay that was heard to the ground teaches."""
    return Learnt(None, 0, HISTORY["hidden_stays"].empty_table())


def steps_of(reference: Reference) -> list[tuple[Any, ...]]:
    """The steps of both judges in the reference tables, in the order of COLUMNS."""
    return [tuple(getattr(row, name) for name in COLUMNS) for row in reference.rows["evidence_terms"]]


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

    def silences(self) -> npt.NDArray[np.int64]:
        """A number for each row's silence; rows are in the order of their key."""
        is_new = np.ones(len(self.silence), np.bool_)
        is_new[1:] = (self.silence[1:] != self.silence[:-1]) | (self.whose[1:] != self.whose[:-1])
        return np.cumsum(is_new)

    def joined(self, other: Rows) -> Rows:
        """These rows and others behind them."""
        return Rows(
            np.concatenate((self.whose, other.whose)),
            np.concatenate((self.silence, other.silence)),
            np.concatenate((self.field, other.field)),
            {name: np.concatenate((values, other.readings[name])) for name, values in self.readings.items()},
        )


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


def learn(file: Path, steps: Sequence[tuple[Any, ...]], params: Mapping[str, Any]) -> Learnt:
    """The steps with what a lake teaches, and how right such steps are about stays that they were not fitted on.

    file: a database with the models up to int_silence_fields and int_sure_stays; the judge's tables are made anew.
    steps: those that serve so far, both judges'. They are what is measured where too few stays were heard to learn.
    """
    with connect(file, read_only=True) as work:
        made = cuts.make(work)
    stays = len({cut.group for cut in made if cut.field_id is not None})
    if not stays:
        return nothing()
    with connect(pandas=True) as study:  # the library that fits takes frames
        _prepare(study, file, made, steps, params)
        if stays < FEWEST_STAYS:
            return Learnt(None, stays, _hidden(study, steps, made, params, fold=None))
        lesson = _Lesson.of(study, made, *_own(file, steps, params))
        first, whole = ([row for row in steps if row[0] == judge] for judge in ("first", "whole"))
        for _ in range(ROUNDS):
            taught, by_others = lesson.taught(whole)
        hidden = [_hidden(study, [*first, *one.rows], made, params, fold) for fold, one in enumerate(by_others)]
        return Learnt([*first, *taught.rows], stays, pa.concat_tables(hidden))


@dataclass
class _Lesson:
    """The readings of cuts, whose answers are known, and of the lake's own silences, whose answers are believed.

    fold: that a cut is left out with. share: by how much a row counts for the points. heft: by how much it counts where
    it matters how often a thing happens; rows of fields that are not watched do not. odds: probabilities of the own
    silences, by the steps of the round before. alone: own rows of watched bases, of aircraft never heard again;
    landings: how many the first steps expect there.
    """

    rows: Rows
    landed: Bools
    fold: npt.NDArray[np.int64]
    share: Floats
    heft: Floats
    own: Rows
    odds: Floats
    alone: Bools
    landings: float

    @classmethod
    def of(cls, study: duckdb.DuckDBPyConnection, made: Sequence[cuts.Cut], own: Rows, odds: Floats) -> _Lesson:
        """The lesson in the database of the cuts."""
        rows = read(study, "int_silence_terms", WHOLE)
        by_name = {cut.name: cut for cut in made}
        whose = [by_name[name] for name in rows.whose]
        bases = [name for (name,) in study.execute("SELECT base_id FROM reference.bases").fetchall()]
        alone = np.isnan(own.readings["length"]) & np.isin(own.field, bases)
        return cls(
            rows,
            np.array([cut.field_id == field for cut, field in zip(whose, rows.field, strict=True)], np.bool_),
            np.array([cut.group % FOLDS for cut in whose], np.int64),
            np.array([max(cut.heft, cuts.STRUCK_SHARE) for cut in whose], np.float64),
            np.array([cut.heft for cut in whose], np.float64) * np.isin(rows.field, bases),
            own,
            odds,
            alone,
            float(odds[alone].sum()),
        )

    def taught(self, whole: Sequence[tuple[Any, ...]]) -> tuple[Steps, list[Steps]]:
        """The steps that all cuts correct, and those that each fold's others do; the own silences are judged anew."""
        every = np.ones(len(self.landed), np.bool_)
        folds = [self.fold == fold for fold in range(FOLDS)]
        by_others = [self._corrected(whole, ~of_fold) for of_fold in folds]
        scores = np.zeros(len(self.landed))
        for of_fold, one in zip(folds, by_others, strict=True):
            scores[of_fold] = weights.score(one.rows, self.rows.of(of_fold).readings)
        steps = self._made_true(self._corrected(whole, every), scores, every)
        left_out = [self._made_true(one, scores, ~of_fold) for of_fold, one in zip(folds, by_others, strict=True)]
        self.odds = weights.probabilities(weights.score(steps.rows, self.own.readings), self.own.silences())
        return steps, left_out

    def _corrected(self, whole: Sequence[tuple[Any, ...]], chosen: Bools) -> Steps:
        is_sure = (self.odds > SURE) | (self.odds < 1 - SURE)
        together = self.rows.of(chosen).joined(self.own.of(is_sure))
        answers = np.concatenate((self.landed[chosen], self.odds[is_sure] > SURE))
        share = np.concatenate((self.share[chosen], np.ones(int(is_sure.sum()))))
        return weights.corrected(Steps(list(whole)), together.readings, answers, share)

    def _made_true(self, steps: Steps, scores: Floats, chosen: Bools) -> Steps:
        """With the probabilities of watched bases as the chosen cuts have it, by weights that saw others.

        The cuts tell nothing of how many that are never heard again have landed: as many as before.
        """
        stretch = weights.line(scores[chosen], self.landed[chosen], self.rows.of(chosen).silences(), self.heft[chosen])
        mended = weights.stretched(steps, *stretch)
        return weights.expecting(mended, self.own.readings, self.own.silences(), self.alone, self.landings)


def _prepare(
    study: duckdb.DuckDBPyConnection,
    file: Path,
    made: Sequence[cuts.Cut],
    steps: Sequence[tuple[Any, ...]],
    params: Mapping[str, Any],
) -> None:
    """Build the readings of the cuts in `study`, without the terms that cutting distorts, and keep a copy aside."""
    study.execute(f"ATTACH '{file}' AS work (READ_ONLY)")
    cuts.lake(study, "work", list(made), dict(params))
    study.execute("DETACH work")
    put_steps(study, steps)
    make(study, ("int_silence_fields",), params)
    study.execute(
        "DELETE FROM intermediate.int_silence_fields AS f WHERE EXISTS (SELECT 1 FROM main.cuts AS c "
        "WHERE c.name = f.icao24 AND c.is_struck AND c.field_id = f.field_id)"
    )
    make(study, JUDGING[:2], params)
    study.execute(f"UPDATE intermediate.int_silence_terms SET {', '.join(f'{name} = NULL' for name in BIASED)}")
    study.execute("CREATE TABLE main.terms AS FROM intermediate.int_silence_terms")


def _hidden(
    study: duckdb.DuckDBPyConnection,
    steps: Sequence[tuple[Any, ...]],
    made: Sequence[cuts.Cut],
    params: Mapping[str, Any],
    fold: int | None,
) -> pa.Table:
    """What the steps make of a fold's cuts that are measured (None: of all): rows of raw.hidden_stays."""
    names = [cut.name for cut in made if cut.is_measured and (fold is None or cut.group % FOLDS == fold)]
    put_steps(study, steps)
    study.execute("CREATE OR REPLACE TABLE intermediate.int_silence_terms AS FROM main.terms LIMIT 0")
    study.execute(
        "INSERT INTO intermediate.int_silence_terms SELECT * FROM main.terms WHERE list_contains(?, icao24)", [names]
    )
    make(study, (*JUDGING[2:], "int_silence_ends"), params)
    return cuts.judged(study)


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
