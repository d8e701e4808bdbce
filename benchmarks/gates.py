"""How long the gates take over a full candidate: `python benchmarks/gates.py [VISITS]` (default 1,000,000).

Builds a candidate of ten years and 50 bases from a lake of flight records (benchmarks/models.py makes it), then has all
checks of headers and suites, and those that derive it again from the lake, look at it in a process of its own. Prints
seconds, CPU seconds, the dearest rules and the peak of memory. The target is 30 s and 2 GiB at a million visits. What
the comparison with the release before costs is measured by benchmarks/release_gate.py.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from models import LAST, cpu, see_lake, write_lake

from basewatch.config import Settings
from basewatch.database import connect
from basewatch.gates import derived
from basewatch.gates.check import Outcome, count_derived, count_violations
from basewatch.gates.suites import load_suites
from basewatch.reference import load
from basewatch.warehouse import models
from basewatch.warehouse.build import AFTER_GATES, attach_new, open_work

SHOWN = 8  # of the dearest tables


def build(folder: Path, visits: int) -> None:
    """The lake, and the candidate from it: `candidate.duckdb`."""
    write_lake(folder, visits)
    with open_work(folder) as connection:
        see_lake(connection, folder)
        attach_new(connection, folder / "candidate.duckdb", "made")
        names = [name for name in models.load() if name not in AFTER_GATES]
        models.build(connection, {**load.params(Settings()).values, "as_of": LAST}, names, release="made")
        connection.execute("DETACH made")


@contextmanager
def told(what: str) -> Iterator[None]:
    """Print what the work inside costs."""
    started, busy = time.perf_counter(), cpu()
    yield
    print(f"  {what:24} {time.perf_counter() - started:6.1f} s {cpu() - busy:6.1f} CPU s", flush=True)


def check(folder: Path) -> None:
    """All gates over the candidate."""
    values = {**load.params(Settings()).values, "as_of": LAST, "checked_at": datetime.now(UTC)}
    headers = {model.name: model for model in models.marts()}
    database = folder / "candidate.duckdb"
    outcomes: list[Outcome] = []
    started, busy = time.perf_counter(), cpu()
    with told("headers and suites"), connect(database, read_only=True) as connection:
        outcomes += count_violations(connection, headers, load_suites(files("basewatch.expectations")), values)
    with open_work(folder / "checking") as connection:
        with told("what rules share"):
            see_lake(connection, folder)
            derived.show(connection, database)
        with told("derived again"):
            outcomes += count_derived(connection, values)
    wall, busy = time.perf_counter() - started, cpu() - busy
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    failed = [f"{one.check.table}.{one.check.rule}: {one.seen}" for one in outcomes if not one.holds]
    print(f"{len(outcomes)} checks in {wall:.1f} s, {busy:.1f} CPU s, peak memory {peak_mb:,} MB; {len(failed)} failed")
    for line in failed[:SHOWN]:
        print(f"  {line[:160]}")


def main() -> None:
    """Build, then check, each in a process of its own."""
    if len(sys.argv) > 2:
        part, folder = sys.argv[1], Path(sys.argv[2])
        build(folder, int(sys.argv[3])) if part == "build" else check(folder)
        return
    visits = sys.argv[1] if len(sys.argv) > 1 else "1000000"
    with tempfile.TemporaryDirectory() as folder:
        for part in ("build", "check"):
            subprocess.run([sys.executable, __file__, part, folder, visits], check=True)


if __name__ == "__main__":
    main()
