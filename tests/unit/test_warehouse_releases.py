"""Publish, rollback and retention: which release readers see, and which are kept."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from filelock import FileLock

from basewatch.config import Settings
from basewatch.errors import BasewatchError, ConfigError, StoreFault, WarehouseBusy
from basewatch.reference import load
from basewatch.warehouse.build import HISTORY
from basewatch.warehouse.models import ModelError
from basewatch.warehouse.published import Release
from basewatch.warehouse.releases import Judged, Warehouse
from wholeruns import Watch

NOTHING_JUDGED = Judged(HISTORY["quality_results"].empty_table(), HISTORY["release_changes"].empty_table())

OLDEST, MIDDLE, NEWEST = "20250101T000000Z-aaaaaaaa", "20250102T000000Z-bbbbbbbb", "29990101T000000Z-cccccccc"


@pytest.fixture
def watch(own_watch: Watch) -> Watch:
    """A warehouse with three releases beside the one that was published; readers see the newest."""
    for name in (OLDEST, MIDDLE, NEWEST):
        own_watch.copy_release(name)
    Warehouse(own_watch.root).switch(NEWEST)
    return own_watch


def kept(watch: Watch) -> list[str]:
    """The releases that there are, oldest first."""
    return [release.release_id for release in Warehouse(watch.root).releases()]


def visits(watch: Watch) -> int:
    """How many visits readers see: proof that the root's database can be opened."""
    ((count,),) = watch.query("SELECT count(*) FROM base_visits")
    return int(count)


# ---- publish

NEXT = datetime(2999, 1, 2, tzinfo=UTC)


def published(watch: Watch, keep: int = 9, error: OSError | None = None, at: datetime = NEXT) -> Release:
    """The candidate that the first release was made of, published once more; `error` is what the report meets."""
    warehouse = Warehouse(watch.root)
    shutil.copytree(watch.folder / "candidate", warehouse.candidate_folder, dirs_exist_ok=True)

    def report(folder: Path, release_id: str) -> None:
        if error is not None:
            raise error
        (folder / "report").mkdir()
        (folder / "report" / "index.html").write_text(release_id)

    return warehouse.publish(warehouse.candidate(), NOTHING_JUDGED, at, report, keep)


def test_a_publish_is_seen_at_once_and_the_oldest_releases_go(watch: Watch) -> None:
    release = published(watch, keep=2)
    assert watch.current() == release.release_id and visits(watch) > 0
    assert kept(watch) == [NEWEST, release.release_id]
    assert not Warehouse(watch.root).candidate_folder.exists()
    assert not Warehouse(watch.root).pending_file.exists()


def test_two_releases_of_one_second_and_one_input_have_names_of_their_own(watch: Watch) -> None:
    first, second, third = (published(watch).release_id for _ in range(3))
    assert (second, third) == (f"{first}-2", f"{first}-3")
    assert watch.current() == third and set(kept(watch)) >= {first, second, third}


def test_nobody_may_write_to_a_release(watch: Watch) -> None:
    folder = published(watch).folder
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert {"basewatch.duckdb", "manifest.json", "index.html"} <= {file.name for file in files}
    assert [file.name for file in files if file.stat().st_mode & 0o222] == []


def test_a_publish_that_fails_gives_its_room_back_and_leaves_all_as_it_was(watch: Watch) -> None:
    before = kept(watch)
    with pytest.raises(OSError, match="no room"):
        published(watch, error=OSError(errno.ENOSPC, "no room"))
    assert (kept(watch), watch.current()) == (before, NEWEST)
    assert list((watch.root / "releases").glob(".*")) == []
    assert Warehouse(watch.root).candidate().database.exists(), "it can be published once there is room"


def test_a_build_that_fails_gives_its_room_back(tmp_path: Path) -> None:
    warehouse, settings = Warehouse(tmp_path), Settings(folder=tmp_path)
    no_thresholds = replace(load.params(settings), values={})
    with pytest.raises(ModelError, match="does not give"):
        warehouse.build(load.tables(settings), no_thresholds, date(2025, 1, 1), "run-1")
    assert not warehouse.candidate_folder.exists()


@pytest.mark.parametrize(("name", "current"), [(MIDDLE, MIDDLE), ("20250103T000000Z-dddddddd", NEWEST)])
def test_a_run_that_died_before_the_switch_is_finished_where_its_release_is_whole(
    watch: Watch, name: str, current: str
) -> None:
    warehouse = Warehouse(watch.root)
    warehouse.pending_file.write_text(name)
    with warehouse.lock():
        assert watch.current() == current and visits(watch) > 0
    assert not warehouse.pending_file.exists()


def test_a_release_half_made_or_half_removed_is_none_and_the_next_run_clears_it_away(watch: Watch) -> None:
    half = ".making-20250103T000000Z-dddddddd"
    watch.copy_release(half)
    assert half not in kept(watch)
    with Warehouse(watch.root).lock():
        assert not (watch.root / "releases" / half).exists()


LEFT = (
    *("releases/.making-20250103T000000Z-dddddddd/basewatch.duckdb", "releases/.making-gone-20240103T000000Z-d/a"),
    *(".work.duckdb.aa", ".work.duckdb.spill/a", "candidate/basewatch.duckdb", "candidate/tmp/a", "learnt/work.duckdb"),
    *("learnt/work.duckdb.wal", "learnt/spill/a", "landing/readsb_archive/.decoding-a1/track_points.parquet"),
)
HALF_WRITTEN = (
    *(".publishing", ".README.md", "runs/20250103T000000Z-a.json", "learnt/learnt.json", "lake/windows/opensky.json"),
    *("lake/files/flight_files.json", "lake/source_days/0000000009-aa.parquet", "landing/opensky/2025-01-03/a.json"),
    "lake/plain_flights/source=flight_files/day=2025-01-03/aa.parquet",
)
OWN = (
    *(".notes", ".gitignore", "notes/.a.b", "landing/readsb_archive/.v2025.01.03.tar.part", "learnt/notes.txt"),
    *("landing/readsb_archive/.pieces-v2025.01.03/000000000000000", "runs/.mine", "quarantine/run-1/rejects/a.jsonl"),
    "releases/.mine/a",
)


def test_what_a_run_that_died_left_is_removed_and_told_in_a_line_and_nothing_else_is(
    watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    aside = [str(Path(name).with_name(f".{Path(name).name}.{uuid.uuid4().hex}")) for name in HALF_WRITTEN]
    for name in (*LEFT, *aside, *OWN):
        (watch.root / name).parent.mkdir(parents=True, exist_ok=True)
        (watch.root / name).write_text("left")
    before = kept(watch)
    with Warehouse(watch.root).lock():
        assert [name for name in (*LEFT, *aside) if (watch.root / name).exists()] == []
        assert [name for name in OWN if not (watch.root / name).exists()] == []
        assert (kept(watch), watch.current()) == (before, NEWEST)
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "a run that died" in line]
    assert "releases/.making-" in line and "more" in line and "of the lake" in line
    with Warehouse(watch.root).lock():
        assert "a run that died" not in capsys.readouterr().err


def test_what_a_poller_has_in_hand_is_left_to_it(watch: Watch) -> None:
    file = watch.root / "landing" / "readsb_live" / "2025-01-03" / f".polls.jsonl.gz.{uuid.uuid4().hex}"
    file.parent.mkdir(parents=True)
    file.write_text("on its way")
    polling = FileLock(watch.root / ".watch.lock")
    with polling, Warehouse(watch.root).lock():
        assert file.exists()
    with Warehouse(watch.root).lock():
        assert not file.exists()


def test_where_the_clock_went_back_a_release_still_sorts_behind_the_others(watch: Watch) -> None:
    warehouse = Warehouse(watch.root)
    first = published(watch, at=NEXT)
    back = published(watch, at=NEXT - timedelta(days=2))
    assert kept(watch)[-2:] == [first.release_id, back.release_id] and watch.current() == back.release_id
    assert back.release_id.startswith("29990102T000001Z-")
    assert back.manifest["published_at"] == (NEXT - timedelta(days=2)).isoformat(), "which is what the clock said"
    assert warehouse.rollback(None).release_id == first.release_id


@pytest.mark.parametrize("hold", [Warehouse.lock, lambda warehouse: warehouse.watching(0)], ids=["run", "poller"])
def test_only_one_at_a_time_holds_a_warehouse(
    tmp_path: Path, hold: Callable[[Warehouse], AbstractContextManager[None]]
) -> None:
    def take() -> str:
        with hold(Warehouse(tmp_path)):
            return "held"

    with ThreadPoolExecutor(1) as other:
        with hold(Warehouse(tmp_path)), pytest.raises(WarehouseBusy, match=str(tmp_path)):
            other.submit(take).result()
        assert other.submit(take).result() == "held", "it is free once the first has ended"


# ---- rollback and retention


def test_a_rollback_goes_to_the_release_before_and_another_one_further(watch: Watch) -> None:
    published = kept(watch)[2]
    warehouse = Warehouse(watch.root)
    assert [warehouse.rollback(None).release_id for _ in range(3)] == [published, MIDDLE, OLDEST]
    assert watch.current() == OLDEST and visits(watch) > 0
    with pytest.raises(ConfigError, match="no release before the current one"):
        warehouse.rollback(None)
    assert watch.current() == OLDEST, "a refusal changes nothing"


def test_a_rollback_to_a_name_may_go_forward_and_to_where_it_is(watch: Watch) -> None:
    warehouse = Warehouse(watch.root)
    for name in (OLDEST, NEWEST, NEWEST):
        assert warehouse.rollback(name).release_id == name
        assert watch.current() == name and visits(watch) > 0


def test_an_unknown_release_is_refused_and_the_known_ones_are_named(watch: Watch) -> None:
    with pytest.raises(ConfigError, match=f"no release 'nope'; kept: {OLDEST}, {MIDDLE}"):
        Warehouse(watch.root).rollback("nope")
    assert watch.current() == NEWEST


def test_before_the_first_release_there_is_nothing_to_go_back_to(watch: Watch) -> None:
    empty = Warehouse(watch.folder / "empty")
    assert empty.current() is None and empty.releases() == []
    with pytest.raises(ConfigError, match="no release before"):
        empty.rollback(None)
    with pytest.raises(ConfigError, match="kept: none"):
        empty.rollback(OLDEST)


def test_a_current_that_is_no_whole_release_is_told_with_the_way_out(watch: Watch) -> None:
    (watch.root / "releases" / NEWEST / "manifest.json").unlink()
    warehouse = Warehouse(watch.root)
    with pytest.raises(BasewatchError, match=f"{NEWEST}, which is not a whole release; .*rollback RELEASE"):
        warehouse.current()
    assert NEWEST not in kept(watch)
    assert warehouse.rollback(MIDDLE).release_id == MIDDLE and visits(watch) > 0


@pytest.mark.parametrize(("keep", "removed"), [(5, 0), (4, 0), (3, 1), (2, 2), (1, 3)])
def test_the_oldest_releases_go_and_as_many_stay_as_are_to_be_kept(watch: Watch, keep: int, removed: int) -> None:
    before = kept(watch)
    assert Warehouse(watch.root).retain(keep) == before[:removed]
    assert kept(watch) == before[removed:] and visits(watch) > 0
    assert list((watch.root / "releases").glob(".*")) == [], "nothing half removed is left"


@pytest.mark.parametrize(("room", "removed"), [(4.0, 0), (3.9, 1), (2.0, 2), (0.5, 3)])
def test_the_oldest_releases_go_until_the_others_fit_and_the_current_one_stays(
    watch: Watch, room: float, removed: int
) -> None:
    before = kept(watch)
    size = Warehouse(watch.root).release(NEWEST).bytes
    assert Warehouse(watch.root).retain(9, int(room * size)) == before[:removed]
    assert kept(watch) == before[removed:] and watch.current() == NEWEST


def test_what_is_kept_of_a_runs_quality_goes_with_its_release(own_watch: Watch) -> None:
    own_watch.copy_release(OLDEST, run_id="run-old")
    own_watch.copy_release(NEWEST, run_id="run-new")
    warehouse = Warehouse(own_watch.root)
    warehouse.switch(NEWEST)
    for name in ("run-old", "run-new", "of somebody's own"):
        (warehouse.quality / name / "data_docs").mkdir(parents=True)
    assert warehouse.retain(2) == [OLDEST]
    assert {entry.name for entry in warehouse.quality.iterdir()} == {"run-new", "of somebody's own"}


def test_the_release_that_readers_see_stays_even_where_it_is_the_oldest_and_one_is_kept(watch: Watch) -> None:
    published = kept(watch)[2]
    warehouse = Warehouse(watch.root)
    warehouse.rollback(OLDEST)
    assert warehouse.retain(1) == [MIDDLE, published]
    assert kept(watch) == [OLDEST, NEWEST] and watch.current() == OLDEST and visits(watch) > 0


def test_without_its_pointer_a_warehouse_of_releases_is_damaged_and_no_release_goes(watch: Watch) -> None:
    (watch.root / "current").unlink()
    before = kept(watch)
    with pytest.raises(StoreFault, match="current is missing, and there are releases"):
        Warehouse(watch.root).retain(1)
    assert kept(watch) == before
    Warehouse(watch.root).rollback(NEWEST)
    assert watch.current() == NEWEST


def test_of_two_runs_that_began_in_one_second_the_later_is_the_last(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    for place, name in enumerate(("20260101T000000Z-ffffff", "20260101T000000Z-000000")):
        warehouse.note_run(name, {"run_id": name})
        os.utime(warehouse.runs_folder / f"{name}.json", (place, place))
    assert (warehouse.last_run() or {})["run_id"] == "20260101T000000Z-000000"
    copied = warehouse.runs_folder / "20270101T000000Z-aaaaaa.json"
    copied.write_text('{"run_id": "a run of another warehouse, or of a clock that was wrong"}')
    assert (warehouse.last_run() or {})["run_id"] == "20260101T000000Z-000000"


@pytest.mark.parametrize(
    "folder",
    [
        "",
        "alerts",
        "history",
        "history/x",
        "lake",
        "lake/files",
        "lake/windows",
        "lake/source_days",
        "runs",
        "candidate",
        "landing/x",
        "landing/x/y",
    ],
)
def test_a_file_that_a_dying_run_was_writing_aside_is_removed(tmp_path: Path, folder: str) -> None:
    warehouse = Warehouse(tmp_path / "warehouse")
    place = warehouse.root / folder
    for made in (place, warehouse.root / "lake"):
        made.mkdir(parents=True, exist_ok=True)
    aside, whole = place / f".head.json.{32 * 'a'}", place / "head.txt"
    aside.write_bytes(b"half"), whole.write_bytes(b"whole")
    with warehouse.lock():
        assert not aside.exists()
        assert whole.exists() or folder == "candidate"  # which goes as a whole where it was not finished
