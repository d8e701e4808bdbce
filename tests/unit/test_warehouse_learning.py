"""Weights of evidence: what fitting finds, that SQL sums it alike, and that a lake's cuts have true answers."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pytest

import skies.lake
from basewatch.config import Settings
from basewatch.lake import notes
from basewatch.lake.store import Lake
from basewatch.reference import load
from basewatch.reference.load import Params, Reference
from basewatch.warehouse import cuts, learning, learnt, models, weights
from skies import stories

ROWS = 4000


@pytest.fixture(scope="module")
def readings() -> dict[str, np.ndarray]:
    """Two terms that tell landings from the rest, one of them often unknown, and one that says nothing."""
    rng = np.random.default_rng(1)
    slack = rng.normal(0, 2, ROWS)
    line = np.where(rng.random(ROWS) < 0.3, np.nan, rng.normal(0, 1, ROWS))
    return {"slack": slack, "line1": line, "alive": rng.normal(0, 1, ROWS)}


@pytest.fixture(scope="module")
def landed(readings: dict[str, np.ndarray]) -> np.ndarray:
    """Where they did, with chance in it."""
    rng = np.random.default_rng(2)
    odds = 1.5 * readings["slack"] + 2 * np.nan_to_num(readings["line1"]) - 1
    return np.asarray(rng.random(ROWS) < 1 / (1 + np.exp(-odds)))


def test_steps_tell_landings_from_the_rest(readings: dict[str, np.ndarray], landed: np.ndarray) -> None:
    steps = weights.fit("whole", readings, landed, pairs=0)
    said = 1 / (1 + np.exp(-weights.score(steps.rows, readings)))
    assert said[landed].mean() > 0.6
    assert said[~landed].mean() < 0.25
    points = {name: [row[-1] for row in steps.rows if row[1] == name] for name in readings}
    assert max(points["slack"]) - min(points["slack"]) > 3
    assert max(points["alive"]) - min(points["alive"]) < 1
    assert all(len(values) <= weights.STEPS + 1 for values in points.values())  # one more for unknown


def test_the_same_rows_give_the_same_steps(readings: dict[str, np.ndarray], landed: np.ndarray) -> None:
    assert weights.fit("whole", readings, landed, pairs=1) == weights.fit("whole", readings, landed, pairs=1)


def test_calibration_makes_what_is_said_true(readings: dict[str, np.ndarray], landed: np.ndarray) -> None:
    steps = weights.fit("whole", readings, landed, pairs=0)
    timid = weights.Steps([(*row[:-1], row[-1] / 1.8 - (row[1] == "constant")) for row in steps.rows])
    scores = weights.score(timid.rows, readings)
    mended = weights.stretched(timid, *weights.line(scores, landed, np.arange(ROWS)))
    said = 1 / (1 + np.exp(-weights.score(mended.rows, readings)))
    sure = said > 0.8
    assert abs(said[sure].mean() - landed[sure].mean()) < 0.05
    raw = 1 / (1 + np.exp(-weights.score(timid.rows, readings)))
    assert abs(raw[sure].mean() - landed[sure].mean()) > 0.1
    some = np.arange(ROWS) % 2 == 0  # these alone count; the others say the contrary
    contrary = np.where(some, landed, ~landed)
    assert weights.line(scores, contrary, np.arange(ROWS), some.astype(float))[0] > 1.5
    assert (
        abs(weights.line(scores - 4, landed, np.arange(ROWS))[1] - weights.line(scores, landed, np.arange(ROWS))[1]) > 4
    )


def test_silences_without_an_end_expect_as_many_landings_as_they_are_told(readings: dict[str, np.ndarray]) -> None:
    length = np.where(np.arange(ROWS) % 3 == 0, np.nan, 3.0)
    steps = weights.Steps(
        [
            ("whole", "constant", None, None, None, None, None, -1.0),
            ("whole", "length", None, None, None, None, None, 2.0),
            ("whole", "length", -weights.BOUND, weights.BOUND, None, None, None, 0.5),
        ]
    )
    alone, silence = np.isnan(length), np.arange(ROWS)
    landings = 0.2 * alone.sum()
    mended = weights.expecting(steps, {"length": length}, silence, alone, landings)
    said = weights.probabilities(weights.score(mended.rows, {"length": length}), silence)
    assert said[alone].sum() == pytest.approx(landings, rel=0.01)
    assert np.allclose(said[~alone], 1 / (1 + np.exp(0.5)))  # others stay as they were
    assert weights.expecting(steps, {"length": length}, silence, np.zeros(ROWS, np.bool_), 5.0) is steps


def test_fields_of_a_silence_compete() -> None:
    said = weights.probabilities(np.array([800.0, 800.0, -800.0, 0.0]), np.array([1, 1, 2, 3]))
    assert np.allclose(said, [0.5, 0.5, 0.0, 0.5])
    assert not len(weights.probabilities(np.empty(0), np.empty(0, np.int64)))


def test_corrections_move_points_and_keep_the_steps(readings: dict[str, np.ndarray], landed: np.ndarray) -> None:
    steps = weights.fit("whole", readings, landed, pairs=0)
    other = ~landed
    mended = weights.corrected(steps, readings, other)
    assert [row[:-1] for row in mended.rows] == [row[:-1] for row in steps.rows]
    said = 1 / (1 + np.exp(-weights.score(mended.rows, readings)))
    assert said[other].mean() > said[~other].mean()
    assert weights.corrected(weights.Steps([]), readings, landed) == weights.Steps([])


@pytest.mark.parametrize("is_believed", [True, False])
def test_rows_correct_by_as_much_as_they_count(
    readings: dict[str, np.ndarray], landed: np.ndarray, is_believed: bool
) -> None:
    steps = weights.fit("whole", readings, landed, pairs=0)
    twice = {name: np.tile(values, 2) for name, values in readings.items()}
    answers = np.concatenate((landed, ~landed))
    heft = np.repeat([0.95, 0.05] if is_believed else [0.05, 0.95], ROWS)
    said = weights.score(weights.corrected(steps, twice, answers, heft).rows, readings)
    assert bool(said[landed].mean() > said[~landed].mean()) == is_believed


def shipped_steps() -> list[tuple[object, ...]]:
    """The shipped weights of both judges."""
    return learning.steps_of(load.tables(Settings()))


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """A small sky's database with the models up to the readings of silences."""
    file = tmp_path_factory.mktemp("learning") / "work.duckdb"
    with duckdb.connect(str(file)) as connection:
        params = skies.lake.fill(connection, stories.make("coast", 5, days=12))
        models.build(connection, params, models.ancestors(learnt.NEEDED))
    return file, params


def test_cuts_hide_what_they_say_and_know_where_it_was(work: tuple[Path, dict[str, object]]) -> None:
    file, params = work
    with duckdb.connect(str(file), read_only=True) as connection:
        made = cuts.make(connection)
        assert made == cuts.make(connection)
    stays = [cut for cut in made if cut.field_id is not None]
    assert stays and len(stays) < len(made)
    with duckdb.connect() as study:
        study.execute("SET TimeZone = 'UTC'")
        study.execute(f"ATTACH '{file}' AS work (READ_ONLY)")
        cuts.lake(study, "work", made, params)
        silences = study.execute(
            "SELECT s.icao24, s.lost_s, s.back_s FROM intermediate.int_silences AS s ORDER BY s.icao24"
        ).fetchall()
        by_name = {cut.name: cut for cut in made}
        assert len(silences) > len(made) / 3
        for name, lost, back in silences:
            cut = by_name[name]
            assert lost <= cut.hidden_from_s + 1
            assert back is None or back >= min(cut.hidden_to_s, cut.last_s) - 1
        fields = {row[0] for row in study.execute("SELECT field_id FROM intermediate.int_fields").fetchall()}
        assert {f"phantom:{cut.field_id}:0" for cut in stays} <= fields


def test_sql_sums_the_steps_as_fitting_does(work: tuple[Path, dict[str, object]], tmp_path: Path) -> None:
    file, params = work
    copy = tmp_path / "copy.duckdb"
    copy.write_bytes(file.read_bytes())
    shipped = shipped_steps()
    with duckdb.connect(str(copy)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        models.define_macros(connection)
        learning.put_steps(connection, shipped)
        learning.make(connection, learning.JUDGING, params)
        rows = learning.read(connection, "int_silence_terms", weights.WHOLE)
        scores = connection.execute(
            "SELECT score FROM intermediate.int_silence_odds ORDER BY icao24, stretch_no, field_id"
        ).fetchnumpy()["score"]
    assert len(scores) > 50
    ours = weights.score([row for row in shipped if row[0] == "whole"], rows.readings)
    assert np.allclose(scores, ours, atol=1e-3)


def test_hidden_stays_are_judged_by_weights_that_did_not_see_them(
    work: tuple[Path, dict[str, object]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, params = work
    with duckdb.connect(str(file), read_only=True) as connection:
        made = {cut.name: cut for cut in cuts.make(connection)}
        bases = {name for (name,) in connection.execute("SELECT base_id FROM reference.bases").fetchall()}
    stays = len({cut.group for cut in made.values() if cut.field_id is not None})
    copy = tmp_path / "copy.duckdb"
    copy.write_bytes(file.read_bytes())
    monkeypatch.setattr(learning, "FEWEST_STAYS", stays + 1)
    few = learning.learn(copy, shipped_steps(), params)
    assert few.steps is None and few.stays == stays
    rows = few.hidden.to_pylist()
    keys = [(row["case_id"], row["base_id"]) for row in rows]
    assert keys == sorted(set(keys)) and len(keys) > 20
    for row in rows:
        cut = made[row["case_id"]]
        assert row["base_id"] in bases
        assert cut.is_measured and cut.heft > 0, row
        assert row["is_true"] == (row["base_id"] == cut.field_id and not cut.is_struck), row
        assert (row["probability"] is None) == (row["evidence"] == "none"), row
        assert not row["is_counted"] or row["probability"] >= 0.8, row
    found = [row for row in rows if row["is_true"] and row["is_counted"]]
    assert len(found) > sum(row["is_true"] for row in rows) / 2

    fitted: list[set[str]] = []  # the cuts of each fit
    monkeypatch.setattr(learning, "FEWEST_STAYS", stays)
    fit = weights.corrected

    def seen(
        steps: weights.Steps, readings: dict[str, np.ndarray], landed: np.ndarray, share: np.ndarray
    ) -> weights.Steps:
        fitted.append(set(readings["d1"].tolist()))
        return fit(steps, readings, landed, share)

    monkeypatch.setattr(weights, "corrected", seen)
    learnt_now = learning.learn(copy, shipped_steps(), params)
    assert learnt_now.steps is not None and len(learnt_now.steps) == len(shipped_steps())
    again = learnt_now.hidden.to_pylist()
    assert {row["case_id"] for row in again if row["is_true"]} == {row["case_id"] for row in rows if row["is_true"]}
    *halves, whole = fitted[-learning.FOLDS - 1 :]  # of the last round
    assert all(half < whole for half in halves) and halves[0] | halves[1] == whole
    assert len(halves[0] - halves[1]) > 10 and len(halves[1] - halves[0]) > 10


def test_without_sure_stays_the_shipped_weights_serve(tmp_path: Path) -> None:
    reference, params = load.tables(Settings()), load.params(Settings())
    lake = Lake(tmp_path / "lake")
    said: list[str] = []
    note = learnt.learn(tmp_path, lake, reference, params, date(2025, 3, 14), said.append, again=True)
    assert (note.stays, note.sha256, note.until) == (0, "", date(2025, 2, 28))
    assert learnt.applied(reference, tmp_path) is reference
    assert "too few" in said[0]
    assert learnt.learn(tmp_path, lake, reference, params, date(2025, 3, 20), said.append) == note
    assert len(said) == 1  # the same months: nothing is done again


def test_what_was_learnt_is_refused_when_it_was_changed(tmp_path: Path) -> None:
    reference: Reference = load.tables(Settings())
    params: Params = load.params(Settings())
    folder = tmp_path / learnt.FOLDER
    learnt.learn(tmp_path, Lake(tmp_path / "lake"), reference, params, date(2025, 3, 14), lambda _: None)
    (folder / learnt.TERMS).write_text("judge,term_a\n", encoding="utf-8")
    notes.write(folder / learnt.NOTE, {**notes.read(folder / learnt.NOTE), "sha256": "ab"})
    with pytest.raises(load.ConfigError, match=r"evidence_terms.csv is not what was learnt; delete .*learnt"):
        learnt.applied(reference, tmp_path)
