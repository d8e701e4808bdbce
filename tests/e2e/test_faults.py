"""What goes wrong from outside: sources that fail, go stale or come back, gates that refuse; and what stays right."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from basewatch import config, run
from basewatch.cli import status
from basewatch.errors import GateRefused, SourcesFailed
from basewatch.net.limits import STATE, State
from wholeruns import COVERS, Watch, new_watch, null_island, query, stays

pytestmark = pytest.mark.e2e

# port 9 of one's own machine: nobody listens there, and no network is needed to find that out
OPENSKY = """
[sources.opensky]
enabled = true
location = "http://127.0.0.1:9/api"
token_url = "http://127.0.0.1:9/token"
client_id = "watcher"
bases = ["hmeimim"]
attempts = 1
"""
SECRET = "kc-secret-8f3a1d"
END = "2025-06-30"


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """The secret that OpenSky asks for, and a process that has asked nothing yet."""
    monkeypatch.setenv("BASEWATCH_SOURCES__OPENSKY__CLIENT_SECRET", SECRET)
    for name, value in vars(State()).items():
        monkeypatch.setattr(STATE, name, value)


@dataclass(frozen=True)
class Offline:
    """A watch that ran once without a network, and what it said."""

    watch: Watch
    done: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory, bare_environment: dict[str, str]) -> Offline:
    """OpenSky out of reach, flight files at hand, and the user's own Prefect server out of reach too."""
    dead = {"PREFECT_API_URL": "http://127.0.0.1:9/api", "BASEWATCH_SOURCES__OPENSKY__CLIENT_SECRET": SECRET}
    watch = new_watch(tmp_path_factory.mktemp("offline"), {**bare_environment, **dead})
    watch.configure(OPENSKY)
    return Offline(watch, watch.basewatch("nightly", "--day", END))


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, with what is in it."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


# ---- sources that fail


def test_without_a_network_the_rest_is_published_and_the_fault_is_named(offline: Offline) -> None:
    watch, done = offline.watch, offline.done
    assert done.returncode == 0, done.stderr
    told = [line for line in done.stderr.splitlines() if line.startswith("opensky") and "failed" in line]
    assert len(told) == 14, done.stderr
    assert all("127.0.0.1" in line and "refused" in line.lower() for line in told)
    assert "Traceback" not in done.stderr and SECRET not in done.stderr + done.stdout
    assert watch.query("SELECT count(*) FROM base_visits WHERE confidence >= 2")[0][0] == 60
    ledger = watch.query("SELECT DISTINCT status, error FROM source_days WHERE source = 'opensky'")
    assert {row[0] for row in ledger} == {"failed"}
    assert all("127.0.0.1" in row[1] for row in ledger)
    # a day on which the network failed is not a day on which nothing flew
    zeros = watch.query("SELECT count(*) FROM base_daily_activity WHERE visits = 0 AND base_id <> 'hmeimim'")
    assert zeros == [(0,)]
    shown = watch.inside("status", "--json")
    (opensky,) = [entry for entry in json.loads(shown.stdout)["sources"] if entry["source"] == "opensky"]
    assert opensky["last_good_day"] is None and "refused" in opensky["last_fault"].lower()


def test_without_prefect_the_run_goes_on(offline: Offline) -> None:
    assert "Prefect cannot be had" in offline.done.stderr and "127.0.0.1:9" in offline.done.stderr
    assert offline.watch.current() is not None


def test_a_source_that_stays_down_neither_fails_the_next_run_nor_publishes_again(offline: Offline) -> None:
    before = offline.watch.current()
    # the flight files are unchanged by now, so nothing but the failing source is looked at
    assert offline.watch.plain(END) is None
    assert offline.watch.last_run()["exit_status"] == 0
    assert offline.watch.current() == before


def test_where_only_the_network_is_asked_nothing_succeeds(offline: Offline) -> None:
    watch = offline.watch
    before = tree((watch.root / "current").resolve())
    watch.configure(OPENSKY, flights=False)
    with pytest.raises(SourcesFailed, match=r"no enabled source succeeded: opensky: .*127\.0\.0\.1"):
        watch.plain("2025-07-02")
    assert tree((watch.root / "current").resolve()) == before
    assert watch.last_run()["exit_status"] == 4


def test_press_reports_are_no_success(watch: Watch) -> None:
    watch.configure(OPENSKY, flights=False, press=True)
    with pytest.raises(SourcesFailed, match="no enabled source succeeded"):
        watch.plain(END)


def test_press_reports_alone_are_a_watch(watch: Watch) -> None:
    watch.configure(flights=False, press=True)
    work = run.start(config.load(watch.config), date(2025, 12, 31))
    (window,) = work.windows
    assert run.ingest_window(work, window).rows
    run.judge_sources(work)


def test_a_source_whose_policy_is_stop_stops_the_run(watch: Watch) -> None:
    watch.configure(OPENSKY + 'on_failure = "stop"\n')
    with pytest.raises(SourcesFailed, match="opensky failed and its policy is stop"):
        watch.plain(END)
    assert watch.current() is None
    failed = [row for row in run.Warehouse(watch.root).lake.ledger() if row.source == "opensky"]
    assert len(failed) == 1, "no second day is tried"


def test_a_stale_source_fails_the_run_after_it_published(watch: Watch) -> None:
    watch.configure(covers=f"{COVERS}\nmax_stale_days = 7")
    with pytest.raises(SourcesFailed, match=r"flight_files: last good day 2025-06-30, more than 7 days"):
        watch.plain("2025-07-08")
    as_of = watch.query("SELECT max(day) FROM base_daily_activity")[0][0]
    assert as_of == date(2025, 7, 8), "stale data are still shown, with their age"
    assert run.stale_sources(run.start(config.load(watch.config), date(2025, 7, 7))) == []


def test_a_source_that_comes_back_leaves_no_trace_of_its_failure(watch: Watch, tmp_path: Path) -> None:
    (watch.folder / "flights").rename(watch.folder / "elsewhere")
    with pytest.raises(SourcesFailed, match="flights"):
        watch.plain(END)
    (watch.folder / "elsewhere").rename(watch.folder / "flights")
    assert watch.plain(END) is not None
    untroubled = new_watch(tmp_path / "untroubled", {})
    untroubled.plain(END)
    after, before = watch.content(), untroubled.content()
    assert after.keys() == before.keys()
    for table in after.keys() - {"source_days", "quality_results"}:
        assert after[table] == before[table], table
    # the ledger keeps the day's row: it may not claim that the day was looked at
    extra = set(after["source_days"]) - set(before["source_days"])
    assert not [row for row in extra if "'ok'" in row or "'empty'" in row], extra


# ---- the same lake, the same release


def test_twice_or_in_pieces_in_another_order_gives_the_same_tables(watch: Watch, tmp_path: Path) -> None:
    # stays that begin in one month and end in the next, and two files that hold one record each of the same stay
    watch.write_flights(stays(date(2025, 1, 31), date(2025, 6, 29), every=30, first=500), "late.csv")
    watch.plain(END, "2025-01-01")
    at_once = watch.content()
    assert len(at_once["base_visits"]) > 60
    assert watch.plain(END, "2025-01-01") is None
    assert watch.content() == at_once

    pieces = new_watch(tmp_path / "pieces", {})
    pieces.write_flights(stays(date(2025, 1, 31), date(2025, 6, 29), every=30, first=500), "late.csv")
    for since, until in (("04-01", "06-30"), ("01-01", "01-31"), ("02-01", "03-31")):
        pieces.plain(f"2025-{until}", f"2025-{since}")
    in_pieces = pieces.content()
    assert in_pieces.keys() == at_once.keys()
    for table in at_once:
        assert in_pieces[table] == at_once[table], table


def test_a_month_off_is_caught_up_in_one_night(watch: Watch) -> None:
    (watch.folder / "archive").mkdir()
    watch.configure('[sources.readsb_archive]\nenabled = true\nlocation = "archive"\n', flights=False)
    for night in (date(2025, 6, 1), date(2025, 7, 15)):
        work = run.start(config.load(watch.config), night)
        for window in work.windows:
            run.ingest_window(work, window)
    known = {row.day for row in run.Warehouse(watch.root).lake.ledger() if row.source == "readsb_archive"}
    assert {date(2025, 6, day) for day in range(2, 31)} | {date(2025, 7, day) for day in range(1, 16)} <= known


# ---- gates


def test_a_refused_candidate_lies_in_quarantine_and_the_release_stands(watch: Watch) -> None:
    first = watch.plain(END)
    assert first is not None
    before = tree(first.folder)
    null_island(watch)
    with pytest.raises(GateRefused, match=r"bases: ") as refused:
        watch.plain(END)
    assert "0.001" in str(refused.value), "the offending rows are named"
    assert watch.current() == first.release_id and tree(first.folder) == before
    (folder,) = (watch.root / "quarantine").iterdir()
    assert str(folder) in str(refused.value)
    assert "bases" in (folder / "gates.html").read_text()
    assert [file for file in (folder / "failing_rows").iterdir() if file.name.startswith("bases.")]
    assert query(folder / "candidate" / "basewatch.duckdb", "SELECT count(*) FROM base_visits")[0][0] == 60
    assert not (watch.root / "candidate").exists()
    assert watch.last_run()["exit_status"] == 3
    watch.configure()
    assert watch.plain(END) is None, "with the shipped bases, what is published is right again"


def test_stages_alone_and_a_candidate_that_was_tampered_with(watch: Watch) -> None:
    work = watch.inside("build")
    assert work.returncode == 2 and "nothing is ingested" in work.stderr
    watch.plain(END)
    first = watch.current()
    watch.write_flights(stays(date(2025, 1, 4), date(2025, 3, 29), every=9, first=200), "more.csv")
    settings = config.load(watch.config)
    ingested = run.start(settings, date.fromisoformat(END))
    run.ingest_window(ingested, ingested.windows[0])
    for command, needed in (("build", "candidate"), ("check", "all critical checks passed")):
        done = watch.inside(command)
        assert done.returncode == 0 and needed in done.stdout, done.stderr
    assert watch.current() == first
    watch.edit_candidate(
        "UPDATE base_visits SET base_id = 'nowhere' WHERE visit_id = (SELECT min(visit_id) FROM base_visits)"
    )
    checked = watch.inside("check")
    assert checked.returncode == 3 and "nowhere" in checked.stderr and "base_visits" in checked.stderr
    refused = watch.inside("publish")
    assert refused.returncode == 3 and "nothing was published" in refused.stderr
    assert watch.current() == first
    assert watch.inside("publish").returncode == 2, "the candidate is in quarantine now"
    assert watch.inside("build").returncode == 0
    published = watch.inside("publish")
    assert published.returncode == 0, published.stderr
    assert watch.current() != first and watch.current() in published.stdout


# ---- releases


def test_rollback_retention_and_what_a_night_does_after_a_rollback(watch: Watch) -> None:
    watch.configure(more="[warehouse]\nkeep_releases = 2\n")
    names = []
    for month, day in ((3, 31), (4, 30), (5, 31)):
        release = watch.plain(f"2025-{month:02}-{day}")
        assert release is not None
        names.append(release.release_id)
    assert sorted(folder.name for folder in (watch.root / "releases").iterdir()) == names[1:]
    database = watch.root / "basewatch.duckdb"
    back = watch.inside("rollback")
    assert back.returncode == 0 and names[1] in back.stdout
    assert query(database, "SELECT max(day) FROM base_daily_activity") == [(date(2025, 4, 30),)]
    assert watch.inside("rollback").returncode == 2, "there is none before it"
    assert watch.plain("2025-05-31") is None and watch.current() == names[1], "a rollback stands until something is new"
    again = watch.inside("rollback", names[2])
    assert again.returncode == 0 and watch.current() == names[2]
    unknown = watch.inside("rollback", names[0])
    assert unknown.returncode == 2 and names[1] in unknown.stderr, "the ones that are kept are listed"
    watch.plain("2025-06-30")
    assert query(database, "SELECT max(day) FROM base_daily_activity") == [(date(2025, 6, 30),)]
    kept = [names[2], watch.current()]
    assert status.read(config.load(watch.config))["releases_kept"] == kept
    # a pointer to nowhere is said and can be healed
    (watch.root / "current").unlink()
    (watch.root / "current").symlink_to("releases/gone")
    told = watch.inside("status")
    assert told.returncode == 1 and "rollback RELEASE" in told.stderr
    assert watch.inside("rollback", names[2]).returncode == 0 and watch.current() == names[2]
