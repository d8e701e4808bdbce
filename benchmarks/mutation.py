"""How many small changes of the SQL models pass the SQL cases: a mutation test.

    python benchmarks/mutation.py                       # 300 mutants, drawn by --seed
    python benchmarks/mutation.py --sample 0            # all
    python benchmarks/mutation.py --model int_stays     # all of one model (may be repeated)
    python benchmarks/mutation.py --fail-above 0.05     # exit 1 where a larger share survives

mutation_operators.py makes the mutants. Each is built on the given tables of every case of its model
(tests/sql/<model>/*/case.yml) and compared as tests/sql/test_cases.py compares, until a case fails: that case kills it.

- Only the model's own cases are run. A case of a reader gives the mutated model's rows instead of building them, views
  included, so no other case can see the change.
- A mutant that DuckDB refuses to bind is invalid, and left out of the share. One that fails on a case's rows, or takes
  longer than TIME_LIMIT_S on one, is killed.
- mutation_equivalent.yml lists mutants that can change no row, each with its argument; they are left out of the share.
  An entry that matches no mutant, or one that a case kills, is an error (exit 2).
- Models without cases are not reached; LATER names models that are left out until they are built anew (--all-models).
"""

from __future__ import annotations

import argparse
import dataclasses
import multiprocessing
import random
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "sql"))

import test_cases
from mutation_operators import Mutant, MutatedQuery, step_of

from basewatch import yaml_text
from basewatch.warehouse import models
from basewatch.warehouse.models import Model, ModelError

EQUIVALENT = Path(__file__).with_name("mutation_equivalent.yml")
LATER = frozenset({"int_track_air_ends"})
SAMPLE, TIME_LIMIT_S, CHUNK = 300, 20.0, 25
# a case's date or its thresholds stand in place of the shipped ones, and are moved by the same steps
STEPS = {
    name: step_of(str(value))
    for name, value in test_cases.PARAMS.items()
    if isinstance(value, (int, float)) and not isinstance(value, bool)
} | {"as_of": "1"}
NOT_BOUND = (duckdb.BinderException, duckdb.ParserException, duckdb.CatalogException, duckdb.NotImplementedException)


class Invalid(Exception):
    """DuckDB refuses the mutant whatever the rows are."""


class Cases:
    """A model's cases, each in an in-memory database of its own with its tables filled once."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._connection = duckdb.connect(config={"threads": 1})
        self._connection.execute("SET TimeZone = 'UTC'")
        self._cases: list[tuple[str, str, dict[str, Any]]] = []
        for number, file in enumerate(case_files(model.name)):
            case = yaml_text.parse(file.read_text(encoding="utf-8"))
            database = f"case_{number}"
            self._connection.execute(f"ATTACH ':memory:' AS {database}; USE {database}")
            models.define_macros(self._connection)
            test_cases.prepare(self._connection, model, case)
            self._cases.append((file.parts[-2], database, case))

    def close(self) -> None:
        self._connection.close()

    def killer(self, query: str) -> str | None:
        """The name of the first case that fails with this query in the model's place; raises Invalid."""
        changed = dataclasses.replace(self.model, query=query)
        for position, (name, database, case) in enumerate(self._cases):
            self._connection.execute(f"USE {database}")
            if self._fails(changed, case):
                self._cases.insert(0, self._cases.pop(position))  # what killed one often kills the next
                return name
        return None

    def _fails(self, model: Model, case: dict[str, Any]) -> bool:
        clock = threading.Timer(TIME_LIMIT_S, self._connection.interrupt)
        clock.start()
        try:
            return bool(test_cases.differing_rows(self._connection, model, case))
        except NOT_BOUND as error:
            raise Invalid(str(error)) from error
        except ModelError as error:
            if error.__cause__ is None or isinstance(error.__cause__, NOT_BOUND):
                raise Invalid(str(error)) from error
            return True
        except duckdb.Error:
            return True
        finally:
            clock.cancel()


def case_files(name: str) -> list[Path]:
    """The case files of a model."""
    return [file for file in test_cases.CASES if file.parts[-3] == name]


@cache
def mutated(name: str) -> MutatedQuery:
    """The query of a model and its mutants."""
    model = next(model for model in models.load().values() if model.name == name)
    text = files(f"basewatch.sql.{model.layer}").joinpath(f"{name}.sql").read_text(encoding="utf-8")
    return MutatedQuery(name, model.query, text.count("\n", 0, text.index(model.query)) + 1, STEPS)


_open: list[Cases] = []  # the cases of the model that this process is at


def judge(mutants: list[Mutant]) -> list[str | None]:
    """For each of some mutants of one model the case that kills it, `invalid`, or None where it survives."""
    name = mutants[0].model
    if not _open or _open[0].model.name != name:
        while _open:
            _open.pop().close()
        _open.append(Cases(next(model for model in models.load().values() if model.name == name)))
        failed = _open[0].killer(mutated(name).unchanged())
        if failed:
            raise SystemExit(f"{name}: the query fails its case {failed} unchanged, as sqlglot writes it")
    outcomes: list[str | None] = []
    for mutant in mutants:
        try:
            outcomes.append(_open[0].killer(mutated(name).text(mutant)))
        except Invalid:
            outcomes.append("invalid")
    return outcomes


def chunks(mutants: Iterable[Mutant]) -> Iterator[list[Mutant]]:
    """The mutants in lists of one model each, short enough that processes share the work."""
    by_model: dict[str, list[Mutant]] = defaultdict(list)
    for mutant in mutants:
        by_model[mutant.model].append(mutant)
    for of_model in by_model.values():
        yield from (of_model[start : start + CHUNK] for start in range(0, len(of_model), CHUNK))


def equivalents(mutants: list[Mutant], names: set[str]) -> dict[Mutant, str]:
    """The mutants that the file of equivalent ones names, with their arguments. Exits where an entry names none."""
    by_key = {mutant.key: mutant for mutant in mutants}
    argued, unmatched = {}, []
    for entry in yaml_text.parse(EQUIVALENT.read_text(encoding="utf-8")) or []:
        key = (entry["model"], entry["operator"], entry["original"], entry["mutated"], entry.get("occurrence", 1))
        if entry["model"] not in names:
            continue
        if key in by_key:
            argued[by_key[key]] = entry["why"]
        else:
            unmatched.append(key)
    if unmatched:
        print(f"{EQUIVALENT.name} lists what is no mutant:", *unmatched, sep="\n  ", file=sys.stderr)
        raise SystemExit(2)
    return argued


def table(title: str, outcomes: dict[Mutant, str | None], argued: dict[Mutant, str], part: str) -> None:
    """Print how many mutants of each operator or model were made, killed and so on."""
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    for mutant, outcome in outcomes.items():
        for name in (getattr(mutant, part), "all"):
            rows[name]["mutants"] += 1
            rows[name][sort_of(mutant, outcome, argued)] += 1
    print(f"\n{title:24}  mutants   killed survived equivalent invalid   share that survives")
    for name in sorted(rows, key=lambda name: (name == "all", -rows[name]["survived"], name)):
        row = rows[name]
        judged = row["killed"] + row["survived"]
        share = f"{row['survived'] / judged:.1%}" if judged else "–"
        print(
            f"{name:24} {row['mutants']:8} {row['killed']:8} {row['survived']:8} {row['equivalent']:10} "
            f"{row['invalid']:7}   {share}"
        )


def sort_of(mutant: Mutant, outcome: str | None, argued: dict[Mutant, str]) -> str:
    """What a mutant is counted as."""
    if outcome == "invalid":
        return "invalid"
    if outcome is not None:
        return "killed"
    return "equivalent" if mutant in argued else "survived"


def run(mutants: list[Mutant], jobs: int) -> dict[Mutant, str | None]:
    """What becomes of each mutant."""
    pieces = sorted(chunks(mutants), key=lambda piece: piece[0].model)
    if jobs == 1:
        return {mutant: outcome for piece in pieces for mutant, outcome in zip(piece, judge(piece), strict=True)}
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        judged = pool.map(judge, pieces)
        return {
            mutant: outcome
            for piece, outcomes in zip(pieces, judged, strict=True)
            for mutant, outcome in zip(piece, outcomes, strict=True)
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, help=f"how many mutants to draw; 0: all (default: {SAMPLE})")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", action="append", help="all mutants of this model (draws only with --sample)")
    parser.add_argument("--all-models", action="store_true", help=f"also {', '.join(sorted(LATER))}")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--fail-above", type=float, help="exit 1 where a larger share survives")
    given = parser.parse_args()

    with_cases = {model.name for model in models.load().values() if case_files(model.name)}
    wanted = set(given.model or with_cases - (set() if given.all_models else LATER))
    if wanted - with_cases:
        parser.error(f"no cases for {', '.join(sorted(wanted - with_cases))}")
    started = time.perf_counter()
    mutants = [mutant for name in sorted(wanted) for mutant in mutated(name).mutants]
    argued = equivalents(mutants, wanted)
    size = (0 if given.model else SAMPLE) if given.sample is None else given.sample
    chosen = random.Random(given.seed).sample(mutants, size) if 0 < size < len(mutants) else mutants
    outcomes = run(chosen, given.jobs)

    drawn = f", {len(chosen):,} of them drawn with seed {given.seed}" if len(chosen) < len(mutants) else ""
    print(f"{len(mutants):,} mutants of {len(wanted)} models{drawn}; {time.perf_counter() - started:.0f} s")
    if not given.all_models and not given.model:
        print(f"left out until built anew (--all-models): {', '.join(sorted(LATER))}")
    print(f"without cases, so not reached: {', '.join(sorted({m.name for m in models.load().values()} - with_cases))}")
    table("by operator", outcomes, argued, "operator")
    table("by model", outcomes, argued, "model")
    survivors = [mutant for mutant, outcome in outcomes.items() if sort_of(mutant, outcome, argued) == "survived"]
    print(f"\n{len(survivors)} survivors")
    for mutant in survivors:
        number = f" (no. {mutant.occurrence})" if mutant.occurrence > 1 else ""
        print(f"{mutant.model}:{mutant.line} {mutant.operator}{number}\n    {mutant.original}\n  → {mutant.mutated}")
    refuted = [mutant for mutant in argued if outcomes.get(mutant) not in (None, "invalid")]
    if refuted:
        print(f"{EQUIVALENT.name} calls equivalent what a case kills:", *refuted, sep="\n  ", file=sys.stderr)
        return 2
    judged = sum(sort_of(mutant, outcome, argued) in ("killed", "survived") for mutant, outcome in outcomes.items())
    share = len(survivors) / judged if judged else 0.0
    print(f"\n{share:.1%} of {judged} survive")
    return int(given.fail_above is not None and share > given.fail_above)


if __name__ == "__main__":
    sys.exit(main())
