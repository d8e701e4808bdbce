"""What the machine does to a run: the clock jumps, memory ends, the root is read-only, a database is cut."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from basewatch.warehouse import clock
from wholeruns import Watch, new_watch, stays

pytestmark = pytest.mark.e2e
END = "2025-06-30"


def faked(watch: Watch, moment: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line at another time (Debian's faketime). A clock that is faked makes no time-out end early."""
    if shutil.which("faketime") is None:
        pytest.skip("faketime is not installed (apt install faketime)")
    command = ["faketime", "-m", "-f", f"@{moment}", sys.executable, "-m", "basewatch.cli.app", *arguments]
    process = watch.start_command(command, environment={"FAKETIME_DONT_FAKE_MONOTONIC": "1", "TZ": "UTC"})
    out, err = process.communicate(timeout=240)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def releases(watch: Watch) -> list[str]:
    return sorted(folder.name for folder in (watch.root / "releases").iterdir())


def test_a_clock_that_goes_forward_and_back_loses_no_release_and_is_told(watch: Watch) -> None:
    watch.configure(more="[warehouse]\nkeep_releases = 4\n")
    made = []
    for number, moment in enumerate(("2025-07-01 05:00:00", "2027-07-01 05:00:00", "2025-06-29 05:00:00")):
        watch.write_flights(stays_of(number), f"{number}.csv")
        done = faked(watch, moment, "nightly", "--plain")
        assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
        assert ("the clock went" in done.stderr) == (number > 0)
        made.append(watch.current())
        assert releases(watch) == made, "none is lost, and the newest sorts last"
    doubt = clock.read(watch.root).doubt(datetime(2025, 6, 29, 6, tzinfo=UTC))
    assert doubt and "the clock went back by 732.0 days" in doubt
    assert str(watch.query("SELECT max(day) FROM base_daily_activity")[0][0]) == "2025-06-29", (
        "no day that has not come"
    )
    assert watch.inside("verify").returncode == 0
    assert watch.inside("rollback").returncode == 0 and watch.current() == made[1]


def stays_of(number: int) -> list[str]:
    return stays(date(2025, 3, 1 + number), date(2025, 6, 20), every=37, first=1000 + 20 * number)


# ---- one line with the way out


def in_a_line(done: subprocess.CompletedProcess[str], status: int, *words: str) -> None:
    told = [line for line in done.stderr.splitlines() if line.startswith("basewatch: ")]
    assert done.returncode == status and len(told) == 1 and "Traceback" not in done.stderr, done
    assert all(word in told[0] for word in words), told


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, bare_environment: dict[str, str]) -> Watch:
    """A watch that has published. Tests put back what they take away."""
    watch = new_watch(tmp_path_factory.mktemp("published"), dict(bare_environment))
    watch.plain(END)
    return watch


@pytest.mark.parametrize("harm", ["gone", "cut", "cut in the middle", "empty"])
def test_a_release_whose_database_is_gone_or_cut_is_told_in_a_line(published: Watch, harm: str, tmp_path: Path) -> None:
    database = (published.root / "current" / "basewatch.duckdb").resolve()
    whole = database.read_bytes()
    kept = tmp_path / "kept"
    shutil.copy2(database, kept)
    database.unlink()
    try:
        if harm != "gone":
            size = {"cut": 1000, "cut in the middle": len(whole) // 2, "empty": 0}[harm]
            database.write_bytes(whole[:size])
        for command in (("months",), ("status",), ("report", "--out", str(tmp_path / "out"))):
            done = published.inside(*command)
            if done.returncode or harm in ("gone", "cut"):
                in_a_line(done, 1, "basewatch verify")
        in_a_line(published.inside("nightly", "--plain", "--day", END), 1, "is damaged", "basewatch verify --repair")
    finally:
        database.unlink(missing_ok=True)
        shutil.copy2(kept, database)
    assert published.inside("months").returncode == 0


def test_a_limit_of_memory_is_told_in_a_line(published: Watch) -> None:
    before = published.current()
    published.write_flights(stays_of(5), "5.csv")
    code = (
        "import duckdb, sys; from basewatch.warehouse import build; from basewatch.cli import app; "
        "known = build.configure; "
        "build.configure = lambda connection, folder: (known(connection, folder), "
        "connection.execute(\"SET memory_limit = '6MB'\"), connection.execute(\"SET temp_directory = ''\")); "
        "sys.argv = ['basewatch', 'nightly', '--plain', '--day', '2025-06-30']; app.main()"
    )
    process = published.start_command([sys.executable, "-c", code])
    out, err = process.communicate(timeout=240)
    in_a_line(
        subprocess.CompletedProcess([], process.returncode, out, err), 1, "memory ran out", "the next run carries on"
    )
    assert published.current() == before and not (published.root / "candidate").exists()


@pytest.fixture
def read_only(published: Watch, tmp_path: Path) -> Iterator[Watch]:
    """The same on a disk that can only be read."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a disk")
    folder = tmp_path / "disk"
    shutil.copytree(published.folder, folder, symlinks=True)
    for options in (["--bind", str(folder)], ["-o", "remount,ro,bind"]):
        mounted = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True)
        if mounted.returncode:
            pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield Watch(folder, published.environment)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_root_that_cannot_be_written_is_told_in_a_line_and_can_be_read(read_only: Watch) -> None:
    in_a_line(read_only.inside("nightly", "--plain", "--day", END), 2, "warehouse.root", "cannot be written: Read-only")
    in_a_line(read_only.inside("build"), 2, "cannot be written")
    for command in (("months",), ("status",), ("visits",)):
        done = read_only.inside(*command)
        assert done.returncode == 0 and "Traceback" not in done.stderr, done
