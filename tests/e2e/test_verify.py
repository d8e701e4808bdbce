"""A damaged warehouse from the command line: a night refuses, a repair mends, the next night has the same numbers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from basewatch.lake.store import Lake
from wholeruns import Watch

pytestmark = pytest.mark.e2e

END = "2025-06-30"


def edit(file: Path) -> None:
    """Another byte in the middle, whoever may write the file."""
    file.chmod(0o644)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0x40
    file.write_bytes(data)


def test_a_night_refuses_what_is_damaged_and_goes_on_from_what_was_mended(watch: Watch) -> None:
    watch.ingest("2025-03-31")
    watch.plain(END)
    expected, release = watch.content(), watch.current()
    lake = Lake(watch.root)
    flights = lake.files("plain_flights")
    harm = {
        "flights": flights[0],
        "ledger": sorted(lake.ledger_folder.glob("*.parquet"))[0],
        "what is published": (watch.root / "current").resolve() / "basewatch.duckdb",
    }
    for what, file in harm.items():
        aside = watch.folder / "whole"
        shutil.copy2(file, aside)
        edit(file)
        night = watch.inside("nightly", "--plain", "--day", END)  # with nothing new: it tells all the same
        assert night.returncode == 1 and str(file) in night.stderr.replace("\n", ""), (what, night.stderr)
        assert "basewatch verify" in night.stderr and "Traceback" not in night.stderr
        assert watch.current() == release, what
        shutil.copy2(aside, file)
    assert watch.inside("verify").returncode == 0 and watch.plain(END) is None

    for file in harm.values():
        edit(file)
    flights[1].rename(flights[1].with_name(f"{'0' * 20}.parquet"))
    flights[2].write_bytes(flights[3].read_bytes())
    (watch.root / "lake" / "windows" / "flight_files.json").write_text("{")
    (watch.root / "learnt" / "learnt.json").write_text("")
    named = watch.inside("verify")
    assert named.returncode == 1
    for file in [*harm.values(), flights[2]]:  # the record of the one under another name is lost
        assert str(file) in named.stdout, named.stdout
    assert watch.inside("nightly", "--plain", "--day", END).returncode == 1
    mended = watch.inside("verify", "--repair")
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert watch.current() is None and not (watch.root / "basewatch.duckdb").exists(), "no number is shown"
    assert list((watch.root / "quarantine").rglob("basewatch.duckdb")), "and nothing was deleted"
    night = watch.inside("nightly", "--plain", "--day", END)
    assert night.returncode == 0, night.stderr
    after = watch.content()
    for table in set(expected) - {"quality_results"}:
        assert after[table] == expected[table], table


def test_a_day_that_was_lost_and_cannot_be_read_again_is_missing_and_never_zero(watch: Watch) -> None:
    watch.plain(END)
    file = Lake(watch.root).files("plain_flights")[3]
    day = file.parent.name.removeprefix("day=")
    file.unlink()
    assert watch.inside("verify", "--repair").returncode == 0
    for command in ("build", "publish"):
        done = watch.inside(command)
        assert done.returncode == 0, done.stderr
    rows = watch.query("SELECT DISTINCT status FROM source_days WHERE source = 'flight_files' AND day = ?", day)
    assert rows == [("failed",)]
    seen = watch.query(
        "SELECT observability, visits FROM base_daily_activity WHERE base_id = 'hmeimim' AND fleet_id = 'all' "
        "AND day = ?",
        day,
    )
    assert seen == [("missing", None)]
