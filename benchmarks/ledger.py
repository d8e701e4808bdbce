"""What a commit costs as the ledger grows: ten years of days and scopes, with a poller that commits beside.

    python benchmarks/ledger.py [--commits 4000] [--baseline 150]

A backfill commits 40 new rows at a time; a second process restates rows of today meanwhile, as `basewatch watch` does.
Both merge segments as they become due. Printed are CPU and wall time per commit by tenth of the run, the share of the
last tenth in the first, the segments left, and what opening, sweeping and fingerprinting the ledger cost at the end.

The baseline reads every segment at each commit and sorts all rows. It runs over fewer commits, since it is quadratic.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from multiprocessing.synchronize import Event
from pathlib import Path

import pyarrow.parquet as pq

from basewatch.lake.events import Day
from basewatch.lake.files import write_parquet
from basewatch.lake.ledger import LedgerRow, ledger_row, ledger_table
from basewatch.lake.schemas import LEDGER
from basewatch.lake.store import Lake

SCOPES = 40
FIRST = date(2016, 1, 1)
BASES = [f"base-{number:02d}" for number in range(SCOPES - 1)]
POLL_SECONDS = 1.0


def day_of_rows(number: int) -> list[LedgerRow]:
    """The rows of one day: one a base, and the global one with three data files."""
    day = FIRST + timedelta(days=number)
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
    folder = f"source=readsb_archive/day={day}"
    parts = [f"{table}/{folder}/{number:020x}.parquet" for table in ("base_background", "track_edges", "track_points")]
    counts = {"records_read": 1000 + number, "records_kept": 10 + number % 7}
    note = Day(day, "ok", files=2, bytes=3_000_000_000 + number, sha256=f"{number:064x}", **counts)
    rows = [ledger_row("readsb_archive", note, f"run-{number // 30}", parts, at, BASES)]
    rows += [
        ledger_row("readsb_archive", Day(day, "ok", f"base:{base}", **counts), f"run-{number // 30}", at=at)
        for base in BASES
    ]
    return rows


def poll(root: Path, enough: Event) -> None:
    """Commit a row about today every POLL_SECONDS until it is enough."""
    lake, number = Lake(root), 0
    while not enough.wait(POLL_SECONDS):
        number += 1
        note = Day(date(2026, 1, 1), "partial", "aircraft:polled", records_kept=number)
        lake.commit([ledger_row("readsb_live", note, "poller", [f"track_points/{number:020x}.parquet"])])


def commit_reading_all(folder: Path, rows: list[LedgerRow]) -> None:
    """The baseline: every segment read, every row an object, all of them sorted, at each commit."""
    history = [
        LedgerRow(
            **{**values, "parts": tuple(values["parts"] or ()), "watched": tuple(values["watched"] or ()) or None}
        )
        for segment in sorted(folder.glob("*.parquet"))
        for values in pq.read_table(segment, schema=LEDGER).to_pylist()
    ]
    latest = {row.key: row for row in history}
    current = {key: latest[key] for key in sorted(latest)}
    new = [row for row in rows if row.key not in current or not row.says_the_same(current[row.key])]
    write_parquet(ledger_table(new), folder / f"{len(list(folder.glob('*.parquet'))) + 1:010d}-00000000.parquet")


def timed(commit: Callable[[list[LedgerRow]], object], commits: int) -> Iterator[tuple[float, float]]:
    """CPU and wall seconds of each commit."""
    for number in range(commits):
        rows = day_of_rows(number)
        cpu, wall = time.process_time(), time.perf_counter()
        commit(rows)
        yield time.process_time() - cpu, time.perf_counter() - wall


def show(name: str, spent: list[tuple[float, float]]) -> float:
    """Print CPU and wall milliseconds per commit by tenth; returns the last tenth's CPU as a share of the first's."""
    size = len(spent) // 10
    tenths = [spent[start : start + size] for start in range(0, size * 10, size)]
    means = [[1000 * sum(one[kind] for one in tenth) / size for tenth in tenths] for kind in (0, 1)]
    share = means[0][-1] / means[0][0]
    print(f"{name}, {len(spent)} commits of {SCOPES} rows, by tenth")
    for kind, values in zip(("CPU ms a commit ", "wall ms a commit"), means, strict=True):
        print(f"  {kind}  {'  '.join(f'{value:7.2f}' for value in values)}")
    print(f"  last tenth / first tenth  {share:.2f}")
    return share


def once(name: str, work: Callable[[], object]) -> None:
    """Print what one piece of work costs."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    print(f"  {name:<26}{time.process_time() - cpu:8.2f} s CPU{time.perf_counter() - wall:8.2f} s wall")


def main() -> int:
    """Run both; 1 where a commit at the end costs more than 1.2 times one at the beginning."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commits", type=int, default=4000)
    parser.add_argument("--baseline", type=int, default=150)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "baseline"
        folder.mkdir()
        show("baseline", list(timed(lambda rows: commit_reading_all(folder, rows), options.baseline)))

        root = Path(place) / "warehouse"
        lake = Lake(root)
        enough = multiprocessing.Event()
        poller = multiprocessing.Process(target=poll, args=(root, enough))
        poller.start()
        share = show("ledger", list(timed(lake.commit, options.commits)))
        enough.set()
        poller.join()
        files = list(lake.ledger_folder.glob("*.parquet"))
        print(f"  segments {len(files)}, {sum(file.stat().st_size for file in files):,} bytes")
        once("open and sort", lambda: print(f"  rows {len(Lake(root).ledger()):,}"))
        once("fingerprint", lake.fingerprint)
        once("sweep", lake.sweep)
        print(f"  peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")
    return int(share > 1.2)


if __name__ == "__main__":
    sys.exit(main())
