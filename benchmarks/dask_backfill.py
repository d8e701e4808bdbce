"""A backfill of an archive on a Dask cluster, two workers against one: `benchmarks/dask_backfill.py [--days 6]`.

Each worker is a process of one thread on this machine. The days are made here, large enough for decoding to be what
takes time. Printed are the seconds in which all windows were fetched, decoded and committed, in turn with one worker
and with two; the ratio of their medians; and the same in one process without a cluster. With two cores that others use,
two workers cannot be twice as fast: the load is printed beside.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from clusters import cluster, write_days
from wholeruns import new_watch

FIRST = date(2025, 3, 1)
INGEST = """
import sys, time
from datetime import date
from pathlib import Path
from basewatch import config, run
file, since, until = Path(sys.argv[1]), date.fromisoformat(sys.argv[2]), date.fromisoformat(sys.argv[3])
work = run.start(config.load(file), until, since)
work.progress = lambda line: None
one = lambda window: run.ingest_window(work, window) and None
address = work.settings.backfill.dask
with work.warehouse.lock():
    if address:
        from basewatch.flows import cluster, server
        with server.api():
            cluster.ingest_all(work, address, lambda window: None)  # what is imported and started once
            begun = time.monotonic()
            cluster.ingest_all(work, address, one)
            seconds = time.monotonic() - begun
    else:
        begun = time.monotonic()
        run.ingest_all(work, one)
        seconds = time.monotonic() - begun
failed = [outcome.error for outcome in work.outcomes.values() if outcome.error]
assert not failed and len(work.outcomes) == len(work.windows), failed[:1]
print(seconds)
"""


def measured(folder: Path, archive: Path, until: date, environment: dict[str, str], address: str | None) -> float:
    """The seconds that the days take, into a new warehouse."""
    shutil.rmtree(folder, ignore_errors=True)
    watch = new_watch(folder, environment)
    section = f'[sources.readsb_archive]\nenabled = true\nlocation = "{archive}"\nown_receiver = true\nprocesses = 1\n'
    watch.configure(section, flights=False, more=f'[backfill]\ndask = "{address}"\n' if address else "")
    process = watch.start_command([sys.executable, "-c", INGEST, str(watch.config), str(FIRST), str(until)])
    out, err = process.communicate(timeout=600)
    if process.returncode:
        raise SystemExit(err)
    return float(out.split()[-1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=6)
    parser.add_argument("--traces", type=int, default=600)
    parser.add_argument("--points", type=int, default=2500)
    parser.add_argument("--times", type=int, default=5)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="dask-"))
    days = [FIRST + timedelta(days=number) for number in range(asked.days)]
    write_days(folder / "archive", days, asked.traces, asked.points, near=20)
    size = sum(file.stat().st_size for file in (folder / "archive").iterdir()) / 1e6
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "BASEWATCH_"))}
    environment = {**kept, "HOME": str(folder), "PREFECT_HOME": str(folder / "prefect")}
    print(f"{asked.days} days, {size:.0f} MB; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    seconds: dict[int, list[float]] = {0: [], 1: [], 2: []}
    clusters = {}
    for number in (1, 2):
        (folder / f"cluster-{number}").mkdir()
        clusters[number] = cluster(folder / f"cluster-{number}", [environment] * number)
    with clusters[1] as one, clusters[2] as two:
        for _ in range(asked.times):
            for number, address in ((0, None), (1, one.address), (2, two.address)):
                seconds[number].append(measured(folder / "watch", folder / "archive", days[-1], environment, address))
            print(*(f"{number}: {taken[-1]:.1f} s" for number, taken in seconds.items()), sep="; ", flush=True)
    middle = {number: median(taken) for number, taken in seconds.items()}
    print(
        f"medians of {asked.times}: here {middle[0]:.1f} s, one worker {middle[1]:.1f} s, two workers "
        f"{middle[2]:.1f} s; two are {middle[1] / middle[2]:.2f} times as fast as one; load {os.getloadavg()[0]:.1f}"
    )
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
