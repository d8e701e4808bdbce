"""A run that is killed, at chosen moments and at random ones, or that finds the disk full: readers never notice."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from basewatch.errors import BasewatchError
from basewatch.warehouse.releases import Warehouse
from wholeruns import Watch, new_watch, stays, stop, wait_for

pytestmark = pytest.mark.e2e

END = "2025-06-30"

# Python tells a hook of every rename, import and removal just before it happens: there the process is killed for good.
ASSASSIN = """
import os, re, signal, sys

_event, _pattern, _left = os.environ["KILL_BEFORE"].split("|")
_left = [int(_left)]

def _watch(event, arguments):
    if event == _event and re.search(_pattern, " ".join(map(str, arguments))):
        _left[0] -= 1
        if _left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(_watch)
"""

# Opens the published database over and over and says for each opening which release it was and whether it was whole.
READER = """
import json, pathlib, sys, time
import duckdb

root = pathlib.Path(sys.argv[1])
while not (root.parent / "enough").exists():
    seen = {"at": time.time()}
    try:
        with duckdb.connect(str(root / "basewatch.duckdb"), read_only=True) as connection:
            seen["release"], promised = connection.execute(
                "SELECT release_id, map_entries(rows) FROM releases ORDER BY release_id DESC LIMIT 1").fetchone()
            counted = {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                       for (table,) in connection.execute("SHOW TABLES").fetchall()}
            last = connection.execute("SELECT max(day) FROM base_daily_activity").fetchone()[0]
        promised = {entry["key"]: entry["value"] for entry in promised}
        seen["whole"] = promised == counted and str(last) == "2025-06-30"
    except Exception as error:
        seen["error"] = f"{type(error).__name__}: {error}"
    print(json.dumps(seen), flush=True)
    time.sleep(0.15)
"""

# when to kill: what the process is about to do then, and whether readers see the new release by then
MOMENTS: dict[str, tuple[str, bool]] = {
    "the second data file is about to be named": (r"os.rename|lake/plain_flights/\S+\.parquet |2", False),
    "the ledger is about to name the day's files": (r"os.rename|/source_days/\d+\S*\.parquet |1", False),
    "the ledger is written, the window not yet noted": (r"os.rename|windows/flight_files\.json |1", False),
    "the candidate is built but not yet whole": (r"os.rename|candidate/candidate\.json |1", False),
    "the gates are about to judge": (r"open|/expectations/bases\.json |1", False),
    "the release is about to get its manifest": (r"os.rename|\.making-\S+/manifest\.json |1", False),
    "the pointer is about to move": (r"os.rename|/\.current-\S+ \S+/current |1", False),
    "the pointer has moved": (r"os.remove|\.publishing|1", True),
    "Data Docs are about to be written": (r"import|^great_expectations |1", True),
}
THROUGH_PREFECT = "the pointer is about to move"


class Reader:
    """A reader in a process of its own, and what it saw."""

    def __init__(self, watch: Watch) -> None:
        self.file = watch.folder / "seen.jsonl"
        self.enough = watch.folder / "enough"
        self.errors = watch.folder / "reader.err"
        self.process = subprocess.Popen(
            [sys.executable, "-c", READER, str(watch.root)],
            stdout=self.file.open("w"), stderr=self.errors.open("w"),
        )  # fmt: skip

    def seen(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.file.read_text().splitlines() if line.endswith("}")]

    def wait(self, release: str | None) -> None:
        """Wait until an opening that began after now has been seen, and check that it found this release."""
        now = time.time()
        last = wait_for(lambda: [one for one in self.seen() if one["at"] > now], 60, "a reader", step=0.02)[-1]
        assert last.get("release") == release and last["whole"], last


@contextmanager
def reading(watch: Watch) -> Iterator[Reader]:
    """A reader that opens the database all the while; in the end everything that it saw must have been whole."""
    reader = Reader(watch)
    try:
        yield reader
        reader.enough.touch()
        assert reader.process.wait(30) == 0, reader.errors.read_text()
    finally:
        stop(reader.process)
    torn = [one for one in reader.seen() if not one.get("whole")]
    assert torn == [], torn[:3]


def killed_before(watch: Watch, moment: str, *arguments: str) -> None:
    """A run that is killed just before it does that."""
    folder = watch.folder / "assassin"
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(ASSASSIN)
    path = os.pathsep.join(filter(None, [str(folder), watch.environment.get("PYTHONPATH")]))
    done = watch.basewatch(
        "nightly",
        "--day",
        END,
        *arguments,
        environment={"PYTHONPATH": path, "KILL_BEFORE": MOMENTS[moment][0], "BASEWATCH_GATES__DATA_DOCS": "true"},
    )
    assert done.returncode == -signal.SIGKILL, f"{moment}: {done.stderr}"


def add_flights(watch: Watch, number: int) -> None:
    """One more file of records, so that there is something new."""
    lines = stays(date(2025, 2, 1 + number), date(2025, 6, 29), every=41, first=1000 + 20 * number)
    watch.write_flights(lines, f"{number}.csv")


AT = (  # benchmarks/kills.py kills at all of them, and more often
    "the ledger is about to name the day's files",
    "the pointer is about to move",
    "the pointer has moved",
)
CHOSEN = {moment: MOMENTS[moment] for moment in AT}


def leftovers(watch: Watch) -> list[str]:
    """Everything below the warehouse that a finished run would not have left."""
    lake = Warehouse(watch.root).lake
    data = lake.folder.glob("*/source=*/day=*/*")
    named = set(lake.parts_ever_named().to_pylist())  # restated days keep their versions
    found = [str(file) for file in data if str(file.relative_to(lake.folder)) not in named]
    locks = {".lock", ".watch.lock", ".ledger.lock"}
    found += [str(file) for file in watch.root.rglob(".*") if file.name not in locks]
    found += [str(file) for file in (watch.root / "candidate", watch.root / "quarantine") if file.exists()]
    return found


def test_a_run_killed_at_any_chosen_moment_leaves_the_release_whole_and_the_next_finishes(
    watch: Watch, tmp_path: Path
) -> None:
    watch.plain(END)
    with reading(watch) as reader:
        for number, (moment, (_, has_moved)) in enumerate(CHOSEN.items()):
            before = watch.current()
            known = {release.release_id for release in Warehouse(watch.root).releases()}
            add_flights(watch, number)
            killed_before(watch, moment, *([] if moment == THROUGH_PREFECT else ["--plain"]))
            assert (watch.current() != before) == has_moved, moment
            reader.wait(watch.current())
            made = {release.release_id for release in Warehouse(watch.root).releases()} - known
            if made and not has_moved:  # it passed its gates and has its name: the next run begins by switching to it
                with Warehouse(watch.root).lock():
                    assert {watch.current()} == made, moment
                reader.wait(watch.current())
                assert watch.plain(END) is None, "and nothing is left to be done"
        with_random_kills(watch, len(CHOSEN))
        watch.plain(END)
        assert watch.plain(END) is None
        reader.wait(watch.current())
    assert leftovers(watch) == []
    untroubled = new_watch(tmp_path / "untroubled", {})
    for file in (watch.folder / "flights").iterdir():
        (untroubled.folder / "flights" / file.name).write_bytes(file.read_bytes())
    untroubled.plain(END)
    after, expected = watch.content(), untroubled.content()
    assert after.keys() == expected.keys()
    for table in expected:
        assert without_history(table, after[table]) == without_history(table, expected[table]), table


def without_history(table: str, rows: list[str]) -> list[str]:
    """Visits also tell under which ids they were published before, which is no fault of theirs."""
    return rows if table != "base_visits" else [row.rsplit(", [", 1)[0] for row in rows]


def with_random_kills(watch: Watch, number: int, rounds: int = 1) -> None:
    """Runs that are killed after a random time."""
    chance = random.Random(20251024)
    for round_ in range(rounds):
        add_flights(watch, number + round_)
        process = watch.start("nightly", "--day", END, "--plain")
        try:
            process.communicate(timeout=chance.uniform(1, 10))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def test_a_run_killed_while_it_builds_its_first_release_leaves_nothing_that_a_reader_could_open(watch: Watch) -> None:
    process = watch.start("nightly", "--day", END, "--plain")
    wait_for((watch.root / "candidate" / "basewatch.duckdb").exists, 60, "the build", step=0.01)
    process.kill()
    process.communicate()
    assert watch.current() is None and not (watch.root / "basewatch.duckdb").exists()
    told = watch.inside("months")
    assert told.returncode == 2 and "Traceback" not in told.stderr, told
    assert watch.plain(END) is not None
    assert leftovers(watch) == []


# ---- a full disk


def without_room(size: int) -> Callable[[], None]:
    """Let no file of a process grow beyond `size` bytes."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_no_room_while_publishing_is_said_and_leaves_the_release_and_no_rubbish(watch: Watch) -> None:
    watch.plain(END)
    before = watch.current()
    add_flights(watch, 1)
    ingested_only(watch)
    candidate = watch.root / "candidate" / "basewatch.duckdb"
    done = watch.basewatch("publish", preexec_fn=without_room(candidate.stat().st_size // 2))
    assert done.returncode == 1, done.stderr
    assert "a file would grow larger than the system allows" in done.stderr and "Traceback" not in done.stderr
    assert "what was published before stands" in done.stderr
    assert watch.current() == before
    assert [folder.name for folder in (watch.root / "releases").iterdir()] == [before]
    assert candidate.exists(), "it can be published once there is room"
    assert watch.inside("publish").returncode == 0 and watch.current() != before


def ingested_only(watch: Watch) -> None:
    """Ingest what is new and build the candidate, no more."""
    killed_before(watch, "the gates are about to judge", "--plain")
    assert watch.inside("build").returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_said_and_leaves_the_release_whole(small_disk: Path) -> None:
    watch = new_watch(small_disk / "watch", {})
    watch.plain(END)
    before = watch.current()
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    filler = small_disk / "filler"
    for room in (200_000, 1_500_000):  # full while reading in, and while building
        filler.write_bytes(b"x" * (free - room))
        add_flights(watch, room // 1_000_000)
        with pytest.raises(BasewatchError, match="the disk is full"):
            watch.plain(END)
        assert watch.current() == before
        assert watch.query("SELECT max(day) FROM base_daily_activity") == [(date(2025, 6, 30),)]
        used = free - os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize - filler.stat().st_size
        assert used < 500_000, "the unfinished candidate gave its room back"
        filler.unlink()
    assert watch.plain(END) is not None
    assert leftovers(watch) == []
