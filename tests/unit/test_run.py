"""What a run decides: what it refuses before it begins, when its sources fail it, whether there is news to publish."""

from __future__ import annotations

import errno
import shutil
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from basewatch import config, run
from basewatch.config import Settings
from basewatch.errors import ConfigError, SourcesFailed
from basewatch.gates import data_docs
from basewatch.ingest import Outcome
from basewatch.lake.events import GLOBAL
from basewatch.lake.ledger import LedgerRow
from basewatch.run import Run
from basewatch.sources.contract import Window
from basewatch.warehouse import learnt, models
from server import setup
from server.core import serving
from server.flights import OpenSky
from wholeruns import Watch

UNTIL = date(2026, 3, 31)
END = date(2025, 2, 28)  # of the small watch
FLEETS = "fleet_id,name,definition,type_code\nours,Ours,What we fly,C30J\n"


def planned(settings: Settings, until: date = UNTIL) -> Run:
    """A run that says nothing."""
    work = run.start(settings, until)
    work.progress = lambda _: None
    return work


def row(source: str, day: date, status: str = "ok", scope: str = GLOBAL) -> LedgerRow:
    """What the ledger keeps of a day."""
    at = datetime(2026, 4, 1, tzinfo=UTC)
    return LedgerRow(source, scope, day, status, 1, 1, 1, 1, 0, None, None, at, None, "run", (), None)


# ---- what is refused before it begins


@pytest.mark.parametrize(
    ("report", "told"),
    [
        ({"fleet": "ru_mill"}, r"report\.fleet: the reference data has no fleet ru_mill; did you mean ru_mil\?"),
        ({"fleet": ""}, r"report\.fleet: the reference data has no fleet ; known: all, "),
        (
            {"bases": ["hmeimim", "hmeimin"]},
            r"report\.bases: the reference data has no base hmeimin; did you .*hmeimim",
        ),
        ({"bases": ["zz9", "qq8"]}, r"report\.bases: the reference data has no base zz9, qq8; known: "),
    ],
)
def test_a_report_of_what_is_not_there_is_refused(tmp_path: Path, report: dict[str, Any], told: str) -> None:
    settings = Settings(folder=tmp_path, report=report)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=told):
        run.start(settings, UNTIL)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fleet", ["all", "unidentified", "ours"])
def test_the_built_in_fleets_are_there_beside_ones_own(tmp_path: Path, fleet: str) -> None:
    (tmp_path / "fleets.csv").write_text(FLEETS)
    reference = {"fleets": "fleets.csv"}
    run.start(Settings(folder=tmp_path, reference=reference, report={"fleet": fleet}), UNTIL)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"no fleet ru_mil; known: all, ours, unidentified"):
        run.start(Settings(folder=tmp_path, reference=reference), UNTIL)  # type: ignore[arg-type]


def test_no_source_is_asked_where_the_report_is_not_to_be_had(tmp_path: Path) -> None:
    provider = OpenSky(time.time, [], client=("watcher", "secret"))
    with serving(provider.api, provider.auth):
        watch = Watch(tmp_path)
        watch.configure(
            f'[report]\nfleet = "ru_mill"\n[sources.opensky]\nenabled = true\nlocation = "{provider.api.url}/api"\n'
            f'token_url = "{provider.auth.url}/token"\nbases = ["hmeimim"]\n',
            flights=False,
        )
        done = watch.inside("nightly", "--plain", "--day", "2026-03-31")
    assert done.returncode == 2 and "did you mean ru_mil?" in done.stderr
    assert provider.api.log == [] and provider.auth.log == []
    assert not watch.root.exists()


def test_days_that_have_not_come_and_ranges_that_run_backwards_are_refused(tmp_path: Path) -> None:
    settings = Settings(folder=tmp_path)
    today = datetime.now(UTC).date()
    with pytest.raises(ConfigError, match="has not come yet"):
        run.start(settings, today + timedelta(days=2))
    with pytest.raises(ConfigError, match="is after --to"):
        run.start(settings, UNTIL, UNTIL + timedelta(days=1))
    assert run.start(settings, UNTIL, UNTIL).until == UNTIL
    with pytest.raises(ConfigError, match="no source is enabled"):
        run.start(setup.settings(tmp_path, press_flights={"enabled": False}), UNTIL)


# ---- sources that fail


def ended(work: Run, *outcomes: tuple[str, str | None]) -> Run:
    """The run after these sources came to this: an error, or none."""
    for number, (source, error) in enumerate(outcomes):
        window = Window(source, UNTIL - timedelta(days=number), UNTIL)
        work.outcomes[window.name] = Outcome(window, error=error)
    return work


@pytest.fixture
def two_sources(tmp_path: Path) -> Run:
    """A run over two sources of records, and no press."""
    return planned(
        setup.settings(
            tmp_path, press_flights={"enabled": False}, opensky={"bases": ["hmeimim"]}, flight_files={"location": "."}
        )
    )


def test_a_run_of_which_every_source_failed_fails_and_says_why(two_sources: Run) -> None:
    work = ended(two_sources, ("opensky", "503"), ("flight_files", "no such folder"))
    with pytest.raises(SourcesFailed, match="no enabled source succeeded: flight_files: no such folder; opensky: 503"):
        run.judge_sources(work)


def test_one_source_that_succeeded_is_enough(two_sources: Run) -> None:
    run.judge_sources(ended(two_sources, ("opensky", "503"), ("flight_files", None)))


def test_one_good_day_of_a_source_that_failed_later_is_enough(two_sources: Run) -> None:
    work = ended(two_sources, ("opensky", None), ("opensky", "503"), ("flight_files", "no such folder"))
    run.judge_sources(work)


def test_a_source_with_nothing_left_to_look_at_succeeded_earlier(two_sources: Run) -> None:
    run.judge_sources(ended(two_sources, ("opensky", "503")))
    run.judge_sources(two_sources)


def test_the_press_does_not_stand_in_for_records(tmp_path: Path) -> None:
    settings = setup.settings(tmp_path, press_flights={}, opensky={"bases": ["hmeimim"]})
    with pytest.raises(SourcesFailed):
        run.judge_sources(ended(planned(settings), ("opensky", "503"), ("press_flights", None)))


def test_a_source_that_is_polled_has_no_part_in_it(tmp_path: Path) -> None:
    settings = setup.settings(
        tmp_path, press_flights={"enabled": False}, opensky={"bases": ["hmeimim"]}, readsb_live={"bases": ["hmeimim"]}
    )
    with pytest.raises(SourcesFailed):
        run.judge_sources(ended(planned(settings), ("opensky", "503")))


@pytest.mark.parametrize(
    ("policy", "error", "stops"), [("stop", "503", True), ("stop", None, False), ("continue", "503", False)]
)
def test_a_policy_of_stop_ends_the_run_at_its_first_failure(
    tmp_path: Path, policy: str, error: str | None, stops: bool
) -> None:
    work = planned(setup.settings(tmp_path, opensky={"bases": ["hmeimim"], "on_failure": policy}))
    ended(work, ("opensky", error))
    window = Window("opensky", UNTIL, UNTIL)
    if stops:
        with pytest.raises(SourcesFailed, match="opensky failed and its policy is stop: 503"):
            run.obey_policy(work, window)
    else:
        run.obey_policy(work, window)


# ---- sources that are stale


def stale(folder: Path, limit: int | None, *rows: LedgerRow) -> list[str]:
    """What is said of a source with this limit, and the ledger holding these rows."""
    section = {"bases": ["hmeimim"]} if limit is None else {"bases": ["hmeimim"], "max_stale_days": limit}
    work = planned(setup.settings(folder, opensky=section))
    work.warehouse.lake.commit(rows)
    return run.stale_sources(work)


def test_a_source_is_stale_one_day_after_its_limit_and_not_on_the_day(tmp_path: Path) -> None:
    good = row("opensky", UNTIL - timedelta(days=3))
    assert stale(tmp_path, 3, good) == []
    assert stale(tmp_path, 2, good) == ["opensky: last good day 2026-03-28, more than 2 days before 2026-03-31"]
    assert stale(tmp_path, None, good) == [], "without a limit nothing is stale"


def test_a_limit_of_no_days_asks_for_the_last_day_itself(tmp_path: Path) -> None:
    assert stale(tmp_path / "behind", 0, row("opensky", UNTIL - timedelta(days=1))) != []
    assert stale(tmp_path / "there", 0, row("opensky", UNTIL)) == []


def test_a_source_that_never_had_a_good_day_is_stale(tmp_path: Path) -> None:
    assert stale(tmp_path, 9000, row("opensky", UNTIL, "failed"), row("opensky", UNTIL, "missing", "base:hmeimim")) == [
        "opensky: last good day never, more than 9000 days before 2026-03-31"
    ]


@pytest.mark.parametrize(("status", "counts"), [("ok", 1), ("empty", 1), ("partial", 1), ("late", 0), ("expired", 0)])
def test_a_partial_day_is_a_sign_of_life_and_a_late_one_is_not(tmp_path: Path, status: str, counts: int) -> None:
    assert len(stale(tmp_path, 1, row("opensky", UNTIL, status))) == 1 - counts
    assert len(stale(tmp_path, 1, row("flight_files", UNTIL), row("opensky", UNTIL, status))) == 1 - counts


# ---- whether there is anything to publish


def of(watch: Watch, until: date = END) -> Run:
    """A run of the watch."""
    return planned(config.load(watch.config), until)


def test_what_is_published_already_is_not_new(small_watch: Watch) -> None:
    assert not run.is_new(of(small_watch))
    assert not run.is_new(of(small_watch, END - timedelta(days=20))), "the spine never gets shorter"


def test_a_day_more_other_records_or_other_facts_are_new(own_watch: Watch) -> None:
    assert run.is_new(of(own_watch, END + timedelta(days=1)))
    (own_watch.folder / "fleets.csv").write_text(FLEETS)
    text = own_watch.config.read_text()
    own_watch.config.write_text(f'[report]\nfleet = "ours"\n[reference]\nfleets = "fleets.csv"\n{text}')
    assert run.is_new(of(own_watch))
    own_watch.config.write_text(text)
    assert not run.is_new(of(own_watch))
    of(own_watch).warehouse.lake.commit([row("flight_files", END, "partial", "base:hmeimim")])
    assert run.is_new(of(own_watch))


def test_before_the_first_release_all_is_new(tmp_path: Path) -> None:
    assert run.is_new(planned(Settings(folder=tmp_path)))


def test_after_a_rollback_what_was_taken_back_is_not_published_again_and_what_is_newer_is(own_watch: Watch) -> None:
    own_watch.copy_release("20250101T000000Z-aaaaaaaa", fingerprint="of another lake")
    work = of(own_watch)
    assert work.warehouse.rollback(None).release_id == "20250101T000000Z-aaaaaaaa"
    assert not run.is_new(of(own_watch))
    work.warehouse.lake.commit([row("flight_files", END, "partial", "base:hmeimim")])
    assert run.is_new(of(own_watch))


def test_what_stands_after_a_rollback_is_not_published_again_either(own_watch: Watch) -> None:
    own_watch.copy_release("29990101T000000Z-cccccccc", fingerprint="of another lake")
    assert not run.is_new(of(own_watch))


def test_a_fault_in_learning_costs_no_night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise models.ModelError("intermediate.int_track_points: the disk is gone")

    monkeypatch.setattr(learnt, "made_from", fails)
    work = planned(Settings(folder=tmp_path), END)
    said: list[str] = []
    work.progress = said.append
    assert run.build(work).rows["base_visits"] == 0
    assert [line for line in said if "the disk is gone" in line and "serves on" in line]


# ---- Data Docs


@pytest.mark.parametrize(
    "fault", [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("GX broke"), MemoryError(), SystemExit(3)]
)
def test_data_docs_that_break_are_told_and_harm_nothing(
    own_watch: Watch, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    def breaking(_: Any, __: Any, folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "half").write_text("a page")
        raise fault

    monkeypatch.setenv("BASEWATCH_GATES__DATA_DOCS", "true")
    monkeypatch.setattr(data_docs, "write", breaking)
    shutil.copytree(own_watch.folder / "candidate", own_watch.root / "candidate")
    before = own_watch.current()
    done = own_watch.inside("publish")
    assert done.returncode == 0 and own_watch.current() != before
    assert "Great Expectations' Data Docs: failed, the run goes on: " in done.stderr
    assert list((own_watch.root / "quality").iterdir()) == [], "half a site is none"


def test_without_the_setting_nothing_is_documented(own_watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_docs, "write", lambda *_: pytest.fail("it is off"))
    shutil.copytree(own_watch.folder / "candidate", own_watch.root / "candidate")
    assert own_watch.inside("publish").returncode == 0
    assert not (own_watch.root / "quality").exists()
