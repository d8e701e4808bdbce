"""Runs of a stored warehouse killed (SIGKILL) at random moments: `benchmarks/s3_kills.py [--kills 50] [--seed 1]`.

Two machines with working copies of one prefix take turns. Each run adds a record to the lake and a release, and lets an
old one go; it is killed after a random time, so anywhere from taking the lease to the deletion of what nothing names.
The server loses answers, and answers 409 and 503, now and then. A reader follows the pointer all the while, by DuckDB
and by Arrow, and must never find a release that is torn. In the end one run on each machine goes through: the states
that the pointer named must be in one line, everything that the last one names must be there, and both copies be sound.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from basewatch import config
from basewatch.errors import WarehouseBusy
from basewatch.remote import pointer, state, storage
from basewatch.warehouse.releases import Warehouse
from e2e.test_storage import HTTPFS, READER, machine
from s3server import CREDENTIALS, serving
from storing import add, held_by, release_again
from wholeruns import Watch

LEASE_S = 2.0
GRACE_HOURS = 0.02


def short_run(watch: Watch, number: int) -> None:
    """A record and a release more, stored."""
    settings = config.load(watch.config)
    with storage.held(settings) as store:
        add(watch.root, f"r{number}")
        release_again(watch.root, f"2099{number:04d}T000000Z-kill")
        Warehouse(watch.root).retain(3)
        store()


def patient_run(watch: Watch, number: int) -> None:
    """The same, as soon as a dead one's lease has run out."""
    while True:
        try:
            return short_run(watch, number)
        except WarehouseBusy:
            time.sleep(0.3)


def forked(watch: Watch, number: int) -> int:
    """A process that does a short run; its id."""
    child = os.fork()
    if not child:
        os.dup2(os.open(watch.folder / "runs.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
        status = 0
        try:
            patient_run(watch, number)
        except BaseException:
            traceback.print_exc()
            status = 1
        os._exit(status)
    return child


def waited(child: int) -> int:
    """The exit status of a process."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> int:
    """Kill, and look; 1 where anything is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    chance, begun, count = random.Random(asked.seed), time.monotonic(), Counter[str]()
    folder = Path(tempfile.mkdtemp(prefix="s3-kills-"))
    os.environ |= {**CREDENTIALS, "BASEWATCH_GATES__DATA_DOCS": "false"}
    with serving() as server:
        watches = [machine(folder / name, server, "kills", lease_seconds=LEASE_S, grace_hours=GRACE_HOURS)
                   for name in ("one", "two")]  # fmt: skip
        done = watches[0].basewatch("nightly", "--plain", "--day", "2025-06-30")
        if done.returncode:
            raise SystemExit(done.stderr)
        lengths = []
        for number in range(3):  # how long one takes that is let be
            at = time.monotonic()
            if waited(forked(watches[number % 2], number)):
                raise SystemExit("a run that nobody killed failed")
            lengths.append(time.monotonic() - at)
        server.play(*({"do": do, "key": "kills/", "times": 10_000, "chance": 0.01} for do in ("lost", "503")),
                    {"do": "409", "key": "kills/(current|lease)", "times": 10_000, "chance": 0.02})  # fmt: skip
        enough, seen = folder / "enough", folder / "seen.jsonl"
        command = [sys.executable, "-c", READER, server.url[7:], "watch/kills", str(HTTPFS), str(enough)]
        reader = subprocess.Popen(command, stdout=seen.open("w"))
        number = 10
        while count["killed"] < asked.kills:
            number += 1
            time.sleep(LEASE_S + 1.5)  # else it would be killed while it waits for the dead one's lease
            child = forked(watches[number % 2], number)
            time.sleep(chance.uniform(0, 1.7) * max(lengths))
            os.kill(child, signal.SIGKILL)
            count["killed" if waited(child) == -signal.SIGKILL else "had ended"] += 1
        server.play()
        faults: list[str] = []
        for watch in watches:
            number += 1
            if waited(forked(watch, number)):
                faults.append(f"the run at the end failed: {watch.folder / 'runs.log'}")
        enough.touch()
        reader.wait(60)
        looks = [json.loads(line) for line in seen.read_text().splitlines()]
        torn = [look for look in looks if not look.get("whole")]
        faults += judged(watches)
        written = Counter(line[:8] for line in server.written())
    print(
        f"{count['killed']} kills in {number - 10} runs ({count['had ended']} had ended) and "
        f"{time.monotonic() - begun:.0f} s; {len(looks)} looks at {len({look.get('release') for look in looks})} "
        f"releases, {len(torn)} torn; faults: {faults or 'none'}; writes by answer: {dict(written)}"
    )
    for look in torn[:3]:
        print(look)
    return 1 if torn or faults else 0


def judged(watches: list[Watch]) -> list[str]:
    """What is not as it should be in the end."""
    faults = []
    store = storage.bucket(config.load(watches[0].config))
    assert store
    found = pointer.read(store)
    assert found
    last = now = state.read(store, found[0].state)
    generations = [now.generation]
    while now.previous and store.read(now.previous):  # older ones are gone after the time of grace
        now = state.read(store, now.previous)
        generations.append(now.generation)
    if generations != list(range(last.generation, last.generation - len(generations), -1)):
        faults.append(f"the states are no line: {generations}")
    there = store.listing()
    named = [f"lake/source_days/{name}" for name in last.segments] + [state.blob(one) for one in last.files.values()]
    named += [f"releases/{name}/manifest.json" for name in last.releases]
    faults += [f"{key} is missing" for key in named if key not in there]
    with storage.held(config.load(watches[0].config)):
        pass
    if held_by(watches[0].root) - held_by(watches[1].root):
        faults.append("the copies hold different records")
    for watch in watches:
        verified = watch.basewatch("verify")
        if verified.returncode:
            faults.append(f"verify: {verified.stdout}")
    return faults


if __name__ == "__main__":
    sys.exit(main())
