"""False alarms of a year without a fault: `python benchmarks/clean_year.py [STEP]` (default: a night in 21).

Runs a watch over 2025 night by night, with steps between the nights, on flight records and a small archive, while
happens what happens in a healthy year: late records, holidays, growth, a base added, a fleet edited, an
archive's day restated, an upgrade. Prints what each night refused and warned. The target: no refusal, and at most five
warnings that the night before did not have.
"""

from __future__ import annotations

import csv
import io
import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from basewatch import config, run
from basewatch.errors import BasewatchError
from basewatch.warehouse import build
from faults.archives import flown, packed
from tracekit import tar
from wholeruns import Watch, stays

FIRST, LAST = date(2025, 1, 3), date(2025, 12, 30)
COVERS = 'covers = [{base = "hmeimim", from = "2025-01-01"}]'
ARCHIVE = '[sources.readsb_archive]\nenabled = true\nlocation = "archive"\nown_receiver = true\nprocesses = 1\n'
OWN = '[reference]\nbases = "bases.csv"\nfleets = "fleets.csv"\n[report]\nfleet = "all"\n'
HOLIDAYS = (date(2025, 5, 1), date(2025, 5, 9))  # no flight within these days


def flights(until: date, *, late: bool) -> list[str]:
    """The records known on a day: every third day a stay, from July on every second. late: three days lack."""
    since = until - timedelta(days=3) if late else until
    lines = stays(FIRST, min(since, date(2025, 6, 30)))
    if since >= date(2025, 7, 1):
        lines += stays(date(2025, 7, 1), since, every=2, first=500)
    return [line for line in lines if not HOLIDAYS[0] <= date.fromisoformat(line.split(",")[9][:10]) <= HOLIDAYS[1]]


def write_day(watch: Watch, day: date, *, fewer: bool = False) -> None:
    """A day of the archive; fewer: by one aircraft in nine, as at Christmas."""
    tracks = [track for number, track in enumerate(flown(day)) if not (fewer and number % 9 == 0)]
    target = watch.folder / "archive" / f"v{day:%Y.%m.%d}-planes-readsb-prod-0.tar"
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(tar(packed(day, tracks)))


def bases(count: int) -> str:
    """The first of the shipped bases, Hmeimim among them."""
    text = files("basewatch.sql.reference").joinpath("bases.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    rows = [row for row in rows if row["base_id"] != "hmeimim"][:count] + [r for r in rows if r["base_id"] == "hmeimim"]
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def fleets(rules: str) -> str:
    """A fleet of one's own."""
    return f"fleet_id,name,definition,registration_prefix\nmine,Mine,Some aircraft.,{rules}\n"


def events(watch: Watch) -> dict[int, tuple[str, Callable[[], object]]]:
    """What happens before which night."""
    return {
        5: ("a base added", lambda: (watch.folder / "bases.csv").write_text(bases(7))),
        7: ("a fleet edited", lambda: (watch.folder / "fleets.csv").write_text(fleets("RF-"))),
        9: ("an archive's day restated", lambda: write_day(watch, LAST - timedelta(days=2), fewer=True)),
        11: ("an upgrade", lambda: setattr(build.Inputs, "code_version", "0.1.1")),
        13: ("Christmas", lambda: write_day(watch, LAST - timedelta(days=1), fewer=True)),
    }


def night(watch: Watch, day: date) -> tuple[str, set[str]]:
    """How a night ended, and what it warned of."""
    work = run.start(config.load(watch.config), day)
    work.progress = lambda _: None
    failures: list[str] = []

    def steps() -> None:
        for window in work.windows:
            run.ingest_window(work, window)
            run.obey_policy(work, window)
        run.judge_sources(work)
        candidate = run.build(work)
        result = run.check(work, candidate)
        failures.extend(f"{one.table}.{one.rule}" for one in result.failures)
        run.require_passed(work, candidate, result)
        run.publish(work, candidate, result)

    with work.warehouse.lock():
        try:
            steps()
        except BasewatchError as error:
            return f"refused: {str(error)[:300]}", set(failures)
    failures += [f"{one.source}: {one.words}" for one in run.unsound_files(work)]
    return "published", set(failures)


def main() -> None:
    """Run the year."""
    step = int(sys.argv[1]) if len(sys.argv) > 1 else 21
    os.environ.pop("BASEWATCH_CONFIG", None)
    started, refusals, warned = time.perf_counter(), 0, set[str]()
    with tempfile.TemporaryDirectory() as temporary:
        watch = Watch(Path(temporary))
        (watch.folder / "bases.csv").write_text(bases(6))
        (watch.folder / "fleets.csv").write_text(fleets("RA-"))
        watch.configure(
            ARCHIVE,
            covers=COVERS,
            more='[reference]\nbases = "bases.csv"\nfleets = "fleets.csv"\n[report]\nfleet = "all"\n',
        )
        for back in range(9, 0, -1):
            write_day(watch, FIRST + timedelta(days=14 - back))
        happenings = events(watch)
        for number, offset in enumerate(range(14, (LAST - FIRST).days + 1, step)):
            day = FIRST + timedelta(days=offset)
            watch.write_flights(flights(day, late=number % 2 == 0))
            write_day(watch, day)
            words, happen = happenings.get(number, ("", lambda: None))
            happen()
            began = time.perf_counter()
            ended, said = night(watch, day)
            new = said - warned
            warned |= said
            refusals += ended != "published"
            print(f"{day} {words:26} {ended} {time.perf_counter() - began:5.1f} s {sorted(new) or ''}", flush=True)
    print(f"{refusals} refusals and {len(warned)} warnings in {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
