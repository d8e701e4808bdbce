"""How right what is published is: on skies whose truth is known, on series of visits, and on recorded tracks.

    python benchmarks/accuracy.py                         # one sky of each scenario, single cases, series: some minutes
    python benchmarks/accuracy.py --seeds 11 12 13 --days 200 --each 200 --series 3000
    python benchmarks/accuracy.py --learnt                # and again with weights learnt on each sky's own lake
    python benchmarks/accuracy.py --skies coast cases --series 0
    python benchmarks/accuracy.py --skies --series 0 --recorded DATA    # recorded tracks alone

The shipped weights are fitted on the seeds 1 to 3 (benchmarks/fit_weights.py), so that skies of other seeds are judged.
A row of the table is a sky of tests/skies (`cases`: single cases of each kind of visit and trap; `series`: years of
visits at a steady rate, of which none pauses):

- visits: published stays that count; right: how many of them took place, at that base and by that aircraft
- F0.5: of `right` and of what was found among the stays that were heard at both ends
- ground, low, dark, one end: found of the true stays of watched aircraft by what was heard of them (skies/truth.py)
- months: of a fleet's months with visits, those whose number lies between the stays that were heard at both ends and
  these with the others
- inside, width: of a fleet's months with true visits, those whose number of all that came lies within the 90 % interval
  of visits_expected, and how wide that is
- pauses: false ones (a stay of the fleet that was heard lies within) of those called; of series: of so many series
- days: called right among missing days, days without any receiver, and days on which low flights could be heard

Recorded data that may not be redistributed are read from `--recorded`, else from the folder that RECORDED_DATA names.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import accuracy_gaps
import accuracy_skies
import accuracy_tracks
from accuracy_skies import CLASSES, Score, Share

from skies import cases
from skies.scenarios import SCENARIOS

FITTED = (1, 2, 3)  # seeds of the skies that the shipped weights are fitted on
HEADS = ("visits", "right", "F0.5", "ground", "low", "dark", "one end", "months", "inside", "width", "pauses", "days")


def one(name: str, seed: int, days: int, each: int, is_learnt: bool) -> tuple[Score, Score | None]:
    """How right a sky's tables are by the shipped weights and, if wanted, by those learnt on its own lake."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sky.duckdb"
        truth, params = accuracy_skies.make(file, name, seed, days, each)
        score = accuracy_skies.judged(file, params, truth, accuracy_skies.shipped())
        if not is_learnt:
            return score, None
        steps = accuracy_skies.learnt_steps(file, params)
        return score, accuracy_skies.judged(file, params, truth, steps)


def shown(share: Share) -> str:
    """A share to three places."""
    return "–" if math.isnan(share.value) else f"{share.value:.3f}"


def line(name: str, score: Score) -> str:
    """A row of the table."""
    cells = [
        f"{score.visits.of:.0f}" if score.visits.of else "–",
        shown(score.visits),
        "–" if math.isnan(score.f_half) else f"{score.f_half:.3f}",
        *(shown(score.found[heard]) for heard in CLASSES),
        shown(score.months),
        shown(score.inside),
        "–" if math.isnan(score.width.value) else f"{score.width.value:.1f}",
        f"{score.pauses.hits:.0f}/{score.pauses.of:.0f}",
        shown(score.days),
    ]
    return f"{name:20}" + "".join(f"{cell:>9}" for cell in cells)


def header(title: str) -> str:
    """The head of the table."""
    return f"{title:20}" + "".join(f"{head:>9}" for head in HEADS)


def together(scores: Sequence[Score]) -> Score:
    """All scores as one."""
    return sum(scores, Score())


def bands(score: Score) -> str:
    """The table of probabilities: what was said, and how often it was right."""
    rows = [f"{'probability':20}{'stays':>9}{'said':>9}{'right':>9}"]
    for number, (said, right) in enumerate(score.bands):
        name = f"{number / 10:.1f} to {(number + 1) / 10:.1f}"
        rows.append(f"{name:20}{said.of:>9.0f}{shown(said):>9}{shown(right):>9}")
    return "\n".join(rows)


def table(title: str, scores: dict[tuple[str, int], Score], series: dict[int, accuracy_gaps.Pauses]) -> None:
    """Print the rows of all skies and series, and the probabilities of all."""
    seeds = {seed for _, seed in scores}
    print(header(title))
    for (name, seed), score in scores.items():
        print(line(name if len(seeds) == 1 else f"{name} {seed}", score))
    of_skies = [score for (name, _), score in scores.items() if name != cases.NAME]
    if len(of_skies) > 1:
        print(line("all skies", together(of_skies)))
    for rate, found in series.items():
        false = Score(pauses=Share(found.steady + found.absent, 2 * found.series))
        print(line(f"series, {rate} a month", false))
    if scores:
        print(f"\n{bands(together(list(scores.values())))}")
    print(flush=True)


def traps(scores: dict[tuple[str, int], Score]) -> None:
    """Print which single cases had a false visit, and of what kind they are."""
    wrong = together([score for (name, _), score in scores.items() if name == cases.NAME]).traps
    text = ", ".join(f"{kind} {count}" for kind, count in wrong.most_common()) or "none"
    print(f"false visits among single cases, by kind: {text}\n")


def silences(series: dict[int, accuracy_gaps.Pauses]) -> None:
    """Print what became of true silences of six months, and of busy months."""
    for rate, found in series.items():
        if found.called is not None:
            print(f"series, {rate} a month, silent for six months: {found.called} of {found.series} are called a pause")
        if found.unseen:
            kinds = ", ".join(f"{kind} {count}" for kind, count in found.unseen.most_common())
            print(f"series, {rate} a month, silent while nobody looked: {kinds} of {found.series}")
        busy = ", ".join(f"at {times} times that {called}" for times, called in found.busy.items())
        print(f"series, {rate} a month: a surge is called in {found.surges} of {found.series} steady ones; {busy}")
    print()


def recorded(folder: Path | None, samples: Path | None) -> None:
    """Print the recorded tracks that are at hand, and say which are not."""
    if folder is None or not (folder / "readsb_traces").is_dir():
        print(
            "recorded traces: skipped, neither --recorded nor RECORDED_DATA names a folder that holds readsb_traces/\n"
        )
    else:
        accuracy_tracks.listed(folder)
    accuracy_tracks.polled()
    if samples is None:
        print("calibration flights: skipped, neither --samples nor TRAFFIC_SAMPLES names traffic/data/samples\n")
    else:
        accuracy_tracks.calibrations(samples)


def named(variable: str) -> Path | None:
    """The path that an environment variable gives."""
    return Path(os.environ[variable]) if os.environ.get(variable) else None


def arguments() -> argparse.Namespace:
    """What was asked for."""
    every = [*SCENARIOS, cases.NAME]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--skies", nargs="*", default=every, choices=every, metavar="SKY", help=", ".join(every))
    parser.add_argument("--seeds", nargs="+", type=int, default=[11])
    parser.add_argument("--days", type=int, default=100, help="of each sky")
    parser.add_argument("--each", type=int, default=60, help="single cases of each kind of visit and trap")
    parser.add_argument("--series", type=int, default=300, help="series of each rate and sort")
    parser.add_argument(
        "--learnt", action="store_true", help="a second table, by weights learnt on each sky's own lake"
    )
    parser.add_argument("--recorded", type=Path, default=named("RECORDED_DATA"), help="a folder of recorded data")
    parser.add_argument("--samples", type=Path, default=named("TRAFFIC_SAMPLES"),
                        help="the folder traffic/data/samples of an unpacked `traffic` wheel")  # fmt: skip
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    if overlap := sorted(set(given.seeds) & set(FITTED)):
        parser.error(f"the shipped weights are fitted on the seeds {overlap}: on them they look better than they are")
    return given


def main() -> None:
    """Judge everything that was asked for, and print it."""
    given = arguments()
    started = time.perf_counter()
    wanted = [(name, seed) for name in given.skies for seed in given.seeds]
    with ProcessPoolExecutor(given.processes) as pool:
        skies: dict[tuple[str, int], Future[tuple[Score, Score | None]]] = {
            what: pool.submit(one, *what, given.days, given.each, given.learnt) for what in wanted
        }
        gaps = {
            rate: pool.submit(accuracy_gaps.judged, rate, given.series, given.seeds[0])
            for rate in accuracy_gaps.RATES if given.series
        }  # fmt: skip
        series = {rate: future.result() for rate, future in gaps.items()}
        scores = {what: future.result() for what, future in skies.items()}
    size = f"{given.days} days a sky, {given.each} cases of each kind, {given.series} series of each rate and sort"
    print(f"seeds {', '.join(map(str, given.seeds))}; {size}; {time.perf_counter() - started:.0f} s\n")
    shipped = {what: score for what, (score, _) in scores.items()}
    if shipped or series:
        table("shipped weights", shipped, series)
    if given.learnt:
        table("learnt weights", {what: score for what, (_, score) in scores.items() if score is not None}, {})
    if cases.NAME in given.skies:
        traps(shipped)
    silences(series)
    recorded(given.recorded, given.samples)


if __name__ == "__main__":
    main()
