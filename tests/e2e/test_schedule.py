"""The schedule: `basewatch schedule` with a server of its own and with the user's, and prefect.yaml with a worker."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from wholeruns import Records, Server, Watch, children, new_watch, stays, stop, wait_for

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
EVERY_MINUTE = ("schedule", "--cron", "* * * * *", "--config", "basewatch.toml")  # a relative name, as users give it
ACTIVE = ("PENDING", "RUNNING")


class Scheduled:
    """A watch whose schedule is up, and what that says."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.said = watch.folder / "said.txt"
        self.process = self.start()

    def start(self) -> subprocess.Popen[str]:
        """Bring it up (again)."""
        with self.said.open("a") as said:
            return self.watch.start(*EVERY_MINUTE, stdout=said, stderr=said, start_new_session=True)


@pytest.fixture(scope="module")
def on_its_own(
    tmp_path_factory: pytest.TempPathFactory, bare_environment: dict[str, str], prefect_home: Path
) -> Iterator[Scheduled]:
    """A schedule that nobody started a server for."""
    made = Scheduled(new_watch(tmp_path_factory.mktemp("own"), bare_environment))
    yield made
    stop(made.process)


@pytest.fixture(scope="module")
def on_a_server(
    tmp_path_factory: pytest.TempPathFactory, prefect_server: Server, on_its_own: Scheduled
) -> Iterator[Scheduled]:
    """A schedule on the user's server, kept at the same time as the other."""
    made = Scheduled(new_watch(tmp_path_factory.mktemp("served"), prefect_server.environment))
    yield made
    stop(made.process)


def deployments(server: Server) -> list[dict[str, Any]]:
    """The watches that are deployed on a server."""
    found: list[dict[str, Any]] = server.ask("/deployments/filter", deployments={"name": {"like_": "watch-"}})
    return found


def test_a_deployment_yields_scheduled_runs_and_one_fires_and_publishes(
    on_a_server: Scheduled, prefect_server: Server
) -> None:
    (deployment,) = wait_for(lambda: deployments(prefect_server), 90, "the deployment")
    assert deployment["parameters"] == {"config_file": str(on_a_server.watch.config)}, "a path that any folder can use"
    (schedule,) = deployment["schedules"]
    assert (schedule["active"], schedule["schedule"]["cron"], schedule["schedule"]["timezone"]) == (
        True, "* * * * *", "UTC"
    )  # fmt: skip
    assert deployment["global_concurrency_limit"]["limit"] == 1
    assert deployment["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
    name = f"nightly/{deployment['name']}"
    assert wait_for(lambda: prefect_server.runs(name, "SCHEDULED"), 60, "a scheduled run")
    wait_for(on_a_server.watch.current, 180, "a publish")
    (done, *_) = wait_for(lambda: prefect_server.runs(name, "COMPLETED"), 30, "a completed run")
    assert done["name"].startswith("nightly up to 20") and done["auto_scheduled"]

    def lines() -> list[str]:
        kept = prefect_server.ask("/logs/filter", logs={"flow_run_id": {"any_": [done["id"]]}}, limit=200)
        return [line["message"] for line in kept if line["message"].startswith("published ")]

    assert wait_for(lines, 30, "the run's lines on the server, where the user looks")


def test_a_schedule_of_its_own_publishes_too_and_says_what_it_does(on_its_own: Scheduled) -> None:
    wait_for(on_its_own.watch.current, 180, "a publish")
    said = on_its_own.said.read_text()
    assert "`nightly` runs on '* * * * *', in UTC" in said
    wait_for(lambda: f"published {on_its_own.watch.current()}" in on_its_own.said.read_text(), 30, "the last line")
    assert "Traceback" not in said and "Error" not in said


@pytest.fixture(scope="module")
def killed(on_its_own: Scheduled, records: Records) -> Iterator[Future[None]]:
    """The schedule killed in the middle of a run, and started again: that takes minutes, so it is done aside."""
    with ThreadPoolExecutor(1) as aside:
        yield aside.submit(kill_in_the_middle, on_its_own, records)


def kill_in_the_middle(schedule: Scheduled, records: Records) -> None:
    """Kill all of it while it builds, as a machine does that goes down, bring it up, and wait for what it missed."""
    watch = schedule.watch
    wait_for(watch.current, 180, "a first publish")
    before = watch.current()
    watch.write_flights(stays(date(2025, 2, 2), date(2025, 6, 29), every=40, first=900), "more.csv")
    wait_for((watch.root / "candidate").exists, 100, "a run under way", step=0.02)
    below = children(schedule.process.pid)
    schedule.process.kill()
    for pid in below:
        _kill(pid)
    schedule.process.wait()
    assert below and watch.current() == before
    assert records.rows(f"SELECT id FROM flow_run WHERE state_type IN {ACTIVE}") != [], "the records say it still runs"
    schedule.process = schedule.start()
    wait_for(lambda: watch.current() != before, 180, "a publish by the schedule that was started again")


def _kill(pid: int) -> None:
    try:
        os.kill(pid, 9)
    except ProcessLookupError:
        return


@pytest.mark.usefixtures("killed")
def test_a_server_that_stops_the_schedule_and_starts_it_again_keeps_it_active(
    on_a_server: Scheduled, prefect_server: Server
) -> None:
    wait_for(on_a_server.watch.current, 180, "a publish")
    assert stop(on_a_server.process, 40) == 0
    on_a_server.process = on_a_server.start()
    lines = on_a_server.said.read_text().count("`nightly` runs on")
    wait_for(lambda: on_a_server.said.read_text().count("`nightly` runs on") >= max(lines, 2), 90, "its second start")
    wait_for(lambda: deployments(prefect_server)[0]["schedules"][0]["active"], 60, "an active schedule")
    assert len(deployments(prefect_server)) == 1
    assert stop(on_a_server.process, 40) == 0


@pytest.mark.usefixtures("killed")
def test_prefect_yaml_deploys_and_a_worker_runs_it_without_overlap(
    watch: Watch, prefect_server: Server, tmp_path: Path
) -> None:
    deployed = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    assert {entry["name"] for entry in deployed} == {"nightly", "backfill"}
    environment = {**prefect_server.environment, "BASEWATCH_CONFIG": str(watch.config)}

    def prefect(*arguments: str, seconds: float = 120) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "prefect", "--no-prompt", *arguments],
            cwd=ROOT, env=environment, capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    written = (ROOT / "prefect.yaml").read_bytes()
    prefect("work-pool", "create", "basewatch", "--type", "process")
    prefect("deploy", "--all")
    assert (ROOT / "prefect.yaml").read_bytes() == written
    assert wait_for(lambda: prefect_server.runs("nightly/nightly", "SCHEDULED"), 60, "a scheduled run")
    deployment = prefect_server.ask("/deployments/name/nightly/nightly")
    ids = [
        prefect_server.ask(
            f"/deployments/{deployment['id']}/create_flow_run", state={"type": "SCHEDULED"}, name=f"by-hand-{number}"
        )["id"]
        for number in range(2)
    ]
    worker = subprocess.Popen(
        [sys.executable, "-m", "prefect", "worker", "start", "--pool", "basewatch", "--run-once"],
        cwd=tmp_path, env=prefect_server.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        out, _ = worker.communicate(timeout=180)
    finally:
        stop(worker)
    states = sorted(prefect_server.ask(f"/flow_runs/{run_id}")["state_type"] for run_id in ids)
    assert states == ["CANCELLED", "COMPLETED"], out
    assert watch.current() is not None
    assert str(watch.current()) in out


def test_a_schedule_that_is_killed_in_the_middle_of_a_run_starts_again_and_drops_no_night(
    killed: Future[None], on_its_own: Scheduled, records: Records
) -> None:
    killed.result()
    wait_for(lambda: records.rows("SELECT id FROM flow_run WHERE state_type = 'CRASHED'"), 30, "the dead run's state")
    assert stop(on_its_own.process, 40) == 0, "SIGTERM is a clean end"
    said = on_its_own.said.read_text()
    assert "Traceback" not in said and "never awaited" not in said, said
    assert records.rows("SELECT count(*) FROM concurrency_limit_v2 WHERE active_slots > 0") == [(0,)]
