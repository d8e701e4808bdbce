"""Rollback and retention: which release readers see, and which are kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from basewatch.errors import BasewatchError, ConfigError
from basewatch.warehouse.releases import Warehouse
from wholeruns import Watch

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


def test_the_release_that_readers_see_stays_even_where_it_is_the_oldest_and_one_is_kept(watch: Watch) -> None:
    published = kept(watch)[2]
    warehouse = Warehouse(watch.root)
    warehouse.rollback(OLDEST)
    assert warehouse.retain(1) == [MIDDLE, published]
    assert kept(watch) == [OLDEST, NEWEST] and watch.current() == OLDEST and visits(watch) > 0


def test_in_a_warehouse_without_a_current_release_retention_goes_by_age_alone(watch: Watch) -> None:
    (watch.root / "current").unlink()
    published = kept(watch)[2]
    assert Warehouse(watch.root).retain(1) == [OLDEST, MIDDLE, published]


def test_of_two_runs_that_began_in_one_second_the_later_is_the_last(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    for place, name in enumerate(("20260101T000000Z-ffffff", "20260101T000000Z-000000")):
        warehouse.note_run(name, {"run_id": name})
        os.utime(warehouse.runs_folder / f"{name}.json", (place, place))
    assert (warehouse.last_run() or {})["run_id"] == "20260101T000000Z-000000"
    warehouse.note_run("20251231T235959Z-aaaaaa", {"run_id": "an earlier run, copied back later"})
    assert (warehouse.last_run() or {})["run_id"] == "20260101T000000Z-000000"
