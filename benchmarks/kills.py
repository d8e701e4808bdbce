"""Runs killed (SIGKILL) inside every stage, and what is left: `benchmarks/kills.py [--kills 50] [--minutes 60]`.

A watch of flight files and a folder of archives gets something new each round, and its run is killed: inside ingest,
decoding, learning, the build, the gates, the report, the publish, at a seeded point of it or so many milliseconds
behind one. A reader opens the published database all the while, and must never see a release that is torn. In the end
one run goes through: its tables are those of a run that was never killed, nothing is left over, and
`basewatch verify` finds no damage; so nothing was mended by hand.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import tracekit
from e2e.test_crashes import END, leftovers, reading, without_history
from wholeruns import Watch, new_watch, stays

ASSASSIN = """
import os, re, signal, sys, threading

_event, _pattern, _left, _delay = os.environ["KILL_AT"].split("~")
_left = [int(_left)]

def _watch(event, arguments):
    if _left[0] and event == _event and re.search(_pattern, " ".join(map(str, arguments))):
        _left[0] -= 1
        if _left[0] == 0 and float(_delay):
            timer = threading.Timer(float(_delay), os.kill, (os.getpid(), signal.SIGKILL))
            timer.daemon = True
            timer.start()
        elif _left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(_watch)
"""
# stage: what the process is about to do there, how often at most, and how many seconds behind it at most
POINTS: dict[str, tuple[str, str, int, float]] = {
    "ingest: a file of the lake": ("os.rename", r"lake/\w+/source=\S+ ", 6, 0),
    "ingest: the ledger": ("os.rename", r"lake/(source_days|head|windows|files)", 8, 0),
    "ingest: flight files": ("open", r"flights/\d+\.csv", 3, 0.3),
    "decode": ("open", r"\.decoding-", 12, 0.1),
    "decode: into the lake": ("os.rename", r"\.decoding-", 3, 0),
    "learn": ("open", r"learnt/", 1, 0.3),
    "learn: into place": ("os.rename", r"/\.learnt\.\w+ |/learnt ", 2, 0),
    "build": ("os.mkdir", r"candidate", 1, 3),
    "build: whole": ("os.rename", r"candidate\.json", 1, 0),
    "gates": ("import", r"^great_expectations( |$)", 1, 4),
    "publish: files": ("shutil.copyfile", r"\.making-", 1, 0.5),
    "report": ("tempfile.mkdtemp", r"\.report-", 1, 0),
    "report: written": ("os.rename", r"/\.report-\S+/index\.html", 1, 0),
    "publish: manifest": ("os.rename", r"\.making-\S+/manifest\.json", 1, 0),
    "publish: pending": ("os.rename", r"\.publishing", 1, 0),
    "publish: its name": ("os.rename", r"\.making-\S+ \S+/releases/2", 1, 0),
    "publish: the pointer": ("os.rename", r"/\.current-\S+ \S+/current ", 1, 0),
    "publish: moved": ("os.remove", r"\.publishing", 1, 0),
    "publish: tidied": ("shutil.rmtree", r"candidate|making-gone", 1, 0.02),
}


def add_something(watch: Watch, number: int) -> None:
    """One more file of flights, and a day's archive."""
    watch.write_flights(stays(date(2025, 2, 1 + number % 20), date(2025, 6, 29), every=41, first=1000 + 20 * number),
                        f"{number}.csv")  # fmt: skip
    day = date(2025, 6, 30) - timedelta(days=number)  # a day that was read is not looked at again
    latitude, longitude = tracekit.HMEIMIM
    track = [tracekit.point(36_000 + 60 * n, latitude + (10 - n) / 60, longitude, 1000 * (10 - n)) for n in range(10)]
    start = tracekit.MIDNIGHT + 86_400 * (day - tracekit.DAY).days
    name = f"./traces/{number % 256:02x}/trace_full_1550{number % 256:02x}.json"
    body = tracekit.text(f"1550{number % 256:02x}", track, stamp=start, r="RF-78658", t="IL76")
    folder = watch.folder / "archive"
    folder.mkdir(exist_ok=True)
    (folder / f"v{day:%Y.%m.%d}-planes-readsb-prod-0.tar").write_bytes(tracekit.tar([(name, body)]))


def configured(folder: Path) -> Watch:
    """A watch of both."""
    watch = new_watch(folder, {**os.environ, "HOME": str(folder)})
    archive = '[sources.readsb_archive]\nenabled = true\nlocation = "archive"\nown_receiver = true\nprocesses = 1\n'
    watch.configure(archive, more="[warehouse]\nkeep_releases = 5\n[nightly]\nhorizon_days = 180\n")
    add_something(watch, 0)
    return watch


def killed(watch: Watch, stage: str, chance: random.Random) -> bool:
    """Whether a run was killed there; it may end before."""
    event, pattern, most, delay = POINTS[stage]
    point = f"{event}~{pattern}~{chance.randint(1, most)}~{chance.uniform(0.001, delay) if delay else 0}"
    done = watch.basewatch(
        "nightly", "--plain", "--day", END,
        environment={"PYTHONPATH": str(watch.folder / "assassin"), "KILL_AT": point}, seconds=600,
    )  # fmt: skip
    if done.returncode not in (0, -signal.SIGKILL):
        raise SystemExit(f"{stage}: exit {done.returncode}: {done.stderr}")
    return done.returncode != 0


def main() -> int:
    """Kill, and look; 1 where anything is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=60, help="no further kill after that")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    chance, count, begun = random.Random(asked.seed), Counter[str](), time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="kills-"))
    watch = configured(folder / "killed")
    (watch.folder / "assassin").mkdir()
    (watch.folder / "assassin" / "sitecustomize.py").write_text(ASSASSIN)
    watch.plain(END)
    stages, number = list(POINTS), 0
    with reading(watch) as reader:
        while count.total() < asked.kills and time.monotonic() < begun + 60 * asked.minutes:
            number += 1
            stage = stages[number % len(stages)]
            add_something(watch, number)
            if killed(watch, stage, chance):
                count[stage] += 1
                print(f"{time.monotonic() - begun:6.0f} s  kill {count.total()}: {stage}", flush=True)
            reader.wait(watch.current())
            if number > 4 * asked.kills:
                raise SystemExit(f"runs end before they are killed: {count}")
        watch.plain(END)
        reader.wait(watch.current())
        looks = len(reader.seen())
    verified = watch.inside("verify")
    left = leftovers(watch)
    untroubled = configured(folder / "untroubled")
    for source in ("flights", "archive"):
        for file in (watch.folder / source).iterdir():
            shutil.copy2(file, untroubled.folder / source / file.name)  # with its time, which tells versions apart
    untroubled.plain(END)
    after, expected = watch.content(), untroubled.content()
    differ = [name for name in expected if without_history(name, after[name]) != without_history(name, expected[name])]
    for stage in stages:
        print(f"{count[stage]:4} {stage}")
    print(
        f"{count.total()} kills in {number} runs and {time.monotonic() - begun:.0f} s; {looks} looks, none torn; "
        f"tables that differ: {differ or 'none'}; left over: {left or 'nothing'}; verify: {verified.returncode}"
    )
    for name in differ:
        here, there = (set(without_history(name, content[name])) for content in (after, expected))
        for whose, rows in (("killed", here - there), ("never killed", there - here)):
            print(f"  {name}: {len(rows)} rows of the one {whose} alone, as {sorted(rows)[:2]}")
    print(folder)
    return 1 if differ or left or verified.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
