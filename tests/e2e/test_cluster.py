"""A backfill on a Dask cluster: what it leaves in the lake is what one process leaves, whatever dies meanwhile."""

from __future__ import annotations

import signal
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from basewatch import config, run
from basewatch.lake.ledger import LedgerRow
from basewatch.lake.store import Lake
from clusters import cluster, write_days
from e2e.test_crashes import ASSASSIN
from wholeruns import Watch, new_watch

pytestmark = pytest.mark.e2e

FIRST = date(2025, 3, 1)
DAYS = [FIRST + timedelta(days=number) for number in range(30)]
LAST = DAYS[-1]


def archive_watch(folder: Path, environment: dict[str, str], archive: Path, more: str = "") -> Watch:
    """A watch that reads this archive alone."""
    made = new_watch(folder, environment)
    section = f'[sources.readsb_archive]\nenabled = true\nlocation = "{archive}"\nown_receiver = true\nprocesses = 1\n'
    made.configure(section, flights=False, more=more)
    return made


def ledger(watch: Watch) -> list[LedgerRow]:
    """What the lake says, but for when and by which run; the names of its files stand for their bytes."""
    lake = Lake(watch.root)
    lake.sound(lake.current_files())
    return [replace(row, run_id="", ingested_at=datetime(2025, 1, 1, tzinfo=UTC)) for row in lake.ledger()]


def test_two_workers_leave_what_one_process_leaves_also_when_one_is_killed(
    tmp_path: Path, bare_environment: dict[str, str]
) -> None:
    archive = tmp_path / "archive"
    write_days(archive, DAYS, traces=6)
    alone = archive_watch(tmp_path / "alone", bare_environment, archive)
    work = run.start(config.load(alone.config), LAST, FIRST)
    work.progress = lambda _: None
    with work.warehouse.lock():
        for window in work.windows:
            run.ingest_window(work, window)
        run.judge_volumes(work)
    (tmp_path / "sitecustomize.py").write_text(ASSASSIN)
    doomed = {**bare_environment, "PYTHONPATH": str(tmp_path), "KILL_BEFORE": "os.mkdir|/part-|5"}
    with cluster(tmp_path, [bare_environment, doomed]) as found:
        spread = archive_watch(
            tmp_path / "spread", bare_environment, archive, f'[backfill]\ndask = "{found.address}"\n'
        )
        done = spread.basewatch("backfill", "--from", str(FIRST), "--to", str(LAST))
        assert done.returncode == 0, done.stderr
        assert found.workers[1].wait(10) == -signal.SIGKILL, "it died in the midst of its fifth part"
        assert found.workers[0].poll() is None
    rows = ledger(spread)
    assert {row.day for row in rows} == set(DAYS) and all(row.records_kept for row in rows)
    assert rows == ledger(alone)
    assert not list(spread.root.glob("landing/*/.decoding-*"))
    refused = spread.inside("backfill", "--plain", "--from", str(FIRST), "--to", str(LAST))
    assert refused.returncode == 2 and "leave out --plain" in refused.stderr
