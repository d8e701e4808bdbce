"""What a day costs that an archive's folder lacks: ten years of a folder that holds thirty days.

    python benchmarks/absent_days.py [--days 3650] [--present 30] [--apart 100]

Each way runs in a process of its own, first over the present days alone, then over all; the difference is divided by
the absent days. Ways: `plain` and `flow` are the ingest of a backfill without and with Prefect. `listing` is the
baseline: the folder listed once, one ledger row a day, one commit. With `--apart N` the same is measured over N absent
days with a window each, as a source costs that cannot say at once which days it lacks. Wall time stands beside the CPU
time.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path

LAST = date(2025, 12, 31)
WAYS = ("listing", "plain", "flow")
MOST_CPU_MS = 5.0


def write_archive(folder: Path, days: int, present: int) -> list[date]:
    """Tars of one trace each, spread evenly over the days up to LAST; returns their days."""
    folder.mkdir(parents=True)
    step = days // present
    with_archive = [LAST - timedelta(days=step * number + step // 2) for number in range(present)]
    for day in with_archive:
        stamp = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
        text = f'{{"icao":"14f10a","timestamp":{stamp},"trace":[[36000.0,35.4,35.9,3000,150.0,170.0,0,-700,null]]}}'
        with tarfile.open(folder / f"v{day:%Y.%m.%d}-planes-readsb-prod-0.tar", "w") as tar:
            member = tarfile.TarInfo("./traces/0a/trace_full_14f10a.json")
            member.size = len(text)
            tar.addfile(member, BytesIO(text.encode()))
    return sorted(with_archive)


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """CPU and wall seconds of a piece of work, all threads of this process included."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def list_once(root: Path, archive: Path, days: list[date]) -> None:
    """The baseline: which days are there by one listing, and a ledger row for each of the others, in one commit."""
    from basewatch.lake.events import Day
    from basewatch.lake.ledger import ledger_row
    from basewatch.lake.store import Lake

    there = {date(*map(int, path.name[1:11].split("."))) for path in archive.iterdir()}
    absent = [day for day in days if day not in there]
    notes = [Day(day, "missing", error=f"no archive of {day} in the folder") for day in absent]
    Lake(root).commit(ledger_row("readsb_archive", note, "run") for note in notes)


def child(way: str, folder: Path, days: list[date], *, apart: bool) -> tuple[float, float]:
    """CPU and wall seconds of one way over these days."""
    from basewatch import ingest, run
    from basewatch.config import Settings

    if way == "listing":
        list_once(folder / "warehouse", folder / "archive", days[:1])  # imports and first files
        return measured(lambda: list_once(folder / "warehouse", folder / "archive", days))
    archive = {"enabled": True, "location": str(folder / "archive"), "own_receiver": True, "processes": 1}
    settings = Settings(
        folder=folder,
        warehouse={"root": "warehouse"},  # type: ignore[arg-type]
        sources={"readsb_archive": archive, "press_flights": {"enabled": False}},  # type: ignore[arg-type]
    )
    work = run.start(settings, days[-1], days[0])
    work.progress = lambda _: None
    wanted = set(days)
    work.windows = [window for window in work.windows if window.since in wanted]
    if apart:
        ingest.together = lambda windows, _: list(windows)  # type: ignore[assignment]

    def plain() -> None:
        run.has_work(work)
        for window in work.windows:
            run.ingest_window(work, window)

    if way == "plain":
        with work.warehouse.lock():
            return measured(plain)
    from basewatch.flows import nightly, server
    from prefect import flow
    from prefect.utilities.annotations import quote

    @flow(name="absent days", persist_result=False)
    def in_hand() -> None:
        run.has_work(work)
        for window in work.windows:
            nightly.ingest(quote(work), window, return_state=True)  # type: ignore[arg-type]

    with work.warehouse.lock(), server.api():
        return measured(in_hand)


def spent(way: str, days: list[date], present: int, *, every: bool, apart: bool) -> tuple[float, float]:
    """As `child`, in a process of its own and a folder of its own; over the present days alone where not `every`."""
    with tempfile.TemporaryDirectory() as place:
        arguments = [way, place, str(len(days)), str(present), str(int(every)), str(int(apart))]
        done = subprocess.run(
            [sys.executable, __file__, "--child", *arguments], check=True, capture_output=True, text=True
        )
    cpu, wall = done.stdout.split()[-2:]
    return float(cpu), float(wall)


def main() -> int:
    """Run all ways; 1 where an absent day costs more than MOST_CPU_MS."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=3650)
    parser.add_argument("--present", type=int, default=30)
    parser.add_argument("--apart", type=int, default=0)
    parser.add_argument("--child", nargs=6, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        way, place, number, present, every, apart = options.child
        days = [LAST - timedelta(days=back) for back in range(int(number))][::-1]
        with_archive = write_archive(Path(place) / "archive", int(number), int(present))
        print(*child(way, Path(place), days if int(every) else with_archive, apart=bool(int(apart))))
        return 0
    costs = {}
    rounds = [(way, options.days, False) for way in WAYS]
    rounds += [(way, options.apart + 2, True) for way in WAYS[1:] if options.apart]
    for way, number, apart in rounds:
        days = [LAST] * number
        present = 2 if apart else options.present
        cpu, wall = spent(way, days, present, every=True, apart=apart)
        cpu_present, wall_present = spent(way, days, present, every=False, apart=apart)
        if way == "listing":  # it reads no archive
            cpu_present = wall_present = 0.0
        absent = number - present
        cost = 1000 * (cpu - cpu_present) / absent
        costs[way, apart] = cost
        ratio = cost / costs["listing", False]
        print(
            f"{way + (', a window a day' if apart else ''):<24}{absent:>6} absent days"
            f"{cost:9.3f} ms CPU a day{1000 * (wall - wall_present) / absent:9.3f} ms wall a day"
            f"{ratio:9.1f} × listing",
            flush=True,
        )
    return int(any(cost > MOST_CPU_MS for (_, apart), cost in costs.items() if not apart))


if __name__ == "__main__":
    sys.exit(main())
