"""Fit the shipped weights of evidence on skies with known truth, and say how right they are on skies left out.

    python benchmarks/fit_weights.py                     # every scenario, three seeds; prints, writes nothing
    python benchmarks/fit_weights.py --write             # and writes sql/reference/evidence_terms.csv
    python benchmarks/fit_weights.py --scenarios coast valley --seeds 1 2 --days 120

A judge of silences is fitted on the skies of all scenarios but one and scored on that one, for each in turn; then on
all.
The skies (tests/skies) take no number from the judge, and the judge none from them by hand.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from accuracy_skies import shipped

from basewatch.config import Settings
from basewatch.reference import load
from basewatch.warehouse import learning, learnt, models, weights
from basewatch.warehouse.learning import COLUMNS, Rows
from basewatch.warehouse.weights import FIRST, WHOLE, Bools
from skies import cases, lake, stories
from skies.scenarios import SCENARIOS

ROOT = Path(__file__).resolve().parents[1]
EARLY_S = 180.0  # a loss may lie so long after the touchdown that it precedes: the last report comes from the runway
FILE = ROOT / "sql" / "reference" / "evidence_terms.csv"
BANDS = 10
CASE_HEFT = 0.3  # of a row of single cases: traps are far more of them than of any sky
EACH = 100  # single cases of each kind
LOST_FOR_GOOD = 30  # of a hundred silences


@dataclass
class Sky:
    """A sky's database, and where its aircraft truly were."""

    scenario: str
    seed: int
    connection: duckdb.DuckDBPyConnection
    params: dict[str, Any]


def make(file: Path, scenario: str, seed: int, days: int) -> float:
    """A sky's lake and truth (main.stays) as a database; returns the CPU seconds that it took."""
    started = time.process_time()
    aside = file.with_suffix(".making")
    aside.unlink(missing_ok=True)
    connection = duckdb.connect(str(aside))
    connection.execute("SET threads = 1")
    if scenario == cases.NAME:
        params, stays = _cases(connection, seed)
    else:
        params, stays = _sky(connection, scenario, seed, days)
    connection.execute("CREATE TABLE main.as_of AS SELECT ?::DATE AS day", [params["as_of"]])
    connection.execute(
        "CREATE TABLE main.stays (icao24 VARCHAR, field_id VARCHAR, from_s DOUBLE, to_s DOUBLE, heard VARCHAR)"
    )
    connection.executemany(
        "INSERT INTO main.stays VALUES (?, ?, ?, ?, ?)",
        stays,
    )
    connection.close()
    aside.rename(file)
    return time.process_time() - started


def _sky(
    connection: duckdb.DuckDBPyConnection, scenario: str, seed: int, days: int
) -> tuple[dict[str, Any], list[Any]]:
    sky = stories.make(scenario, seed, days)
    stays = [
        (
            stay.icao24,
            stay.place.name,
            -np.inf if stay.arrived is None else stay.arrived,
            np.inf if stay.departed is None else stay.departed,
            stay.heard,
        )
        for stay in sky.stays
        if stay.is_listed
    ]
    return lake.fill(connection, sky), stays


def _cases(connection: duckdb.DuckDBPyConnection, seed: int) -> tuple[dict[str, Any], list[Any]]:
    """Single cases of every kind of visit and trap, traffic that passes low by among them."""
    regions, made = cases.make(seed, EACH)
    params = lake.fill_cases(connection, regions, made)
    stays = [
        (case.trace.hex, stay.place.name, stay.arrived, stay.departed, case.kind)
        for case in made
        for stay in case.stays
    ]
    return params, stays


def prepared(file: Path, scenario: str, seed: int) -> Sky:
    """A sky with its models built up to the readings of silences."""
    connection = duckdb.connect(str(file))
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET threads = 2")
    day = connection.execute("SELECT day FROM main.as_of").fetchall()[0][0]
    params = {**load.params(Settings()).values, "as_of": day}
    learning.put_steps(connection, [])
    wanted = models.ancestors(learnt.NEEDED)
    after = {"intermediate.int_silence_fields", "intermediate.int_sure_stays"}
    models.build(connection, params, wanted - after)
    _lose_for_good(connection)
    models.build(connection, params, wanted & after)
    return Sky(scenario, seed, connection, params)


def _lose_for_good(connection: duckdb.DuckDBPyConnection) -> None:
    """Let some aircraft never be heard again: in a sky few are seen once only, in the world most are."""
    back = [
        name
        for name, *_ in connection.execute("DESCRIBE intermediate.int_silences").fetchall()
        if name.startswith("back_") or name in ("gap_min", "stretch_after_no")
    ]
    nulls = ", ".join(f"{name} = NULL" for name in back)
    connection.execute(
        f"UPDATE intermediate.int_silences SET {nulls}, is_ground_after = FALSE "
        f"WHERE hash(icao24, stretch_no) % 100 < {LOST_FOR_GOOD}"
    )


def answers(sky: Sky, table: str) -> Bools:
    """Of each row of a model, in the order of its key, whether the aircraft was at the field during the silence."""
    found = sky.connection.execute(
        f"""
        SELECT EXISTS (
            SELECT 1 FROM main.stays AS y
            WHERE y.icao24 = t.icao24 AND y.field_id = t.field_id AND y.from_s >= s.lost_s - {EARLY_S}
                AND (y.to_s <= s.back_s + {EARLY_S} OR (s.is_ground_after AND y.from_s <= s.back_s + {EARLY_S})
                     OR (s.back_s IS NULL AND y.from_s <= s.lost_s + 4 * 3600))
        ) AS landed
        FROM intermediate.{table} AS t
        INNER JOIN intermediate.int_silences AS s ON t.icao24 = s.icao24 AND t.stretch_no = s.stretch_no
        ORDER BY t.icao24, t.stretch_no, t.field_id
        """
    ).fetchnumpy()
    return np.asarray(found["landed"], np.bool_)


def joined(parts: Sequence[Rows]) -> Rows:
    """The rows of several skies."""
    rows = parts[0]
    for other in parts[1:]:
        rows = rows.joined(other)
    return rows


def fit(judge: str, table: str, terms: Sequence[str], given: Sequence[Sky], pairs: int) -> weights.Steps:
    """A judge fitted on some skies."""
    parts = [learning.read(sky.connection, table, terms) for sky in given]
    rows = joined(parts)
    landed = np.concatenate([answers(sky, table) for sky in given])
    print(f"fitting {judge}: {len(landed)} rows, {int(landed.sum())} landings", flush=True)
    counts = [len(part.silence) for part in parts]
    heft = np.repeat([CASE_HEFT if sky.scenario == cases.NAME else 1.0 for sky in given], counts)
    steps = weights.fit(judge, rows.readings, landed, pairs, heft)
    if judge == "first":
        return steps
    # a boosted sum is too timid: what it says of the skies is stretched until it comes true as often
    of_skies = heft == 1.0
    scores, silences = weights.score(steps.rows, rows.readings), rows.silences()
    return weights.stretched(steps, *weights.line(scores[of_skies], landed[of_skies], silences[of_skies]))


def report(title: str, said: Any, landed: Bools, is_base: Bools) -> None:
    """How right the probabilities are: at the threshold that counts, and by bands."""
    print(f"{title}: {len(said)} rows, {int(landed.sum())} landings")
    for chosen, name in ((np.ones(len(said), np.bool_), "all fields"), (is_base, "watched bases")):
        yes = chosen & (said >= 0.8)
        hits = int((yes & landed).sum())
        print(
            f"  {name:<14} at 0.80: precision {hits / max(int(yes.sum()), 1):.4f}, "
            f"recall of silences {hits / max(int((chosen & landed).sum()), 1):.4f}"
        )
    bands = np.minimum((said * BANDS).astype(int), BANDS - 1)
    shown = [
        f"{said[bands == band].mean():.2f}:{landed[bands == band].mean():.2f} ({int((bands == band).sum())})"
        for band in range(BANDS)
        if (bands == band).any()
    ]
    print("  said:right (rows)", ", ".join(shown), flush=True)


def judged(sky: Sky, steps: Sequence[tuple[Any, ...]]) -> tuple[Any, Bools, Bools]:
    """What a judge says of a sky's silences, what is true, and which rows are of watched bases."""
    learning.put_steps(sky.connection, steps)
    learning.make(sky.connection, learning.JUDGING, sky.params)
    found = sky.connection.execute(
        "SELECT probability, base_id IS NOT NULL AS is_base FROM intermediate.int_silence_odds "
        "ORDER BY icao24, stretch_no, field_id"
    ).fetchnumpy()
    return np.asarray(found["probability"]), answers(sky, "int_silence_odds"), np.asarray(found["is_base"], np.bool_)


def fitted(given: Sequence[Sky], pairs: int) -> list[tuple[Any, ...]]:
    """Both judges fitted on some skies: the first, and with its scores the whole."""
    first = fit("first", "int_silence_fields", FIRST, given, 0)
    for sky in given:
        learning.put_steps(sky.connection, first.rows)
        learning.make(sky.connection, learning.JUDGING[:2], sky.params)
    whole = fit("whole", "int_silence_terms", WHOLE, given, pairs)
    return [*first.rows, *whole.rows]


def main() -> None:
    """Make the skies, fit, score, and write what was fitted on all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenarios", nargs="+", default=[*SCENARIOS, cases.NAME], choices=[*SCENARIOS, cases.NAME])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--days", type=int, default=200)
    parser.add_argument("--pairs", type=int, default=weights.PAIRS)
    parser.add_argument(
        "--keep", type=Path, default=Path(tempfile.gettempdir()) / "basewatch-skies", help="for the skies"
    )
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--judge-only", action="store_true", help="fit nothing, say how right the shipped weights are")
    parser.add_argument("--whole-only", action="store_true", help="leave no scenario out, fit on all at once")
    parser.add_argument("--write", action="store_true", help=f"write {FILE.relative_to(ROOT)}")
    options = parser.parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    wanted = {
        options.keep / f"{scenario}-{seed}-{options.days}.duckdb": (scenario, seed)
        for scenario in options.scenarios
        for seed in options.seeds
    }
    with ProcessPoolExecutor(options.processes) as pool:
        making = {
            pool.submit(make, file, *what, options.days): what for file, what in wanted.items() if not file.exists()
        }
        for future in as_completed(making):
            print(f"made {' '.join(map(str, making[future]))} in {future.result():.1f} CPU s", flush=True)
    made = [prepared(file, *what) for file, what in wanted.items()]
    if not options.whole_only:
        for scenario in options.scenarios:
            steps = fitted([sky for sky in made if sky.scenario != scenario], options.pairs)
            left = [judged(sky, steps) for sky in made if sky.scenario == scenario]
            report(f"{scenario}, left out", *(np.concatenate(values) for values in zip(*left, strict=True)))
    started = time.process_time()
    steps = shipped() if options.judge_only else fitted(made, options.pairs)
    print(f"fitted on all in {time.process_time() - started:.1f} CPU s: {len(steps)} steps")
    every = [judged(sky, steps) for sky in made]
    report("all, fitted on themselves", *(np.concatenate(values) for values in zip(*every, strict=True)))
    if options.write:
        with FILE.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            texts = [["" if value is None else str(value) for value in row] for row in steps]
            writer.writerows(sorted(texts, key=lambda row: (row[0], row[1], row[2], row[4], row[5])))
        print(f"wrote {FILE}")


if __name__ == "__main__":
    main()
