"""`nightly` and `backfill` through Prefect: one process, no telemetry, names, retries, an artifact, exit statuses."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from server.core import Host, Reply, Request, serving
from server.flights import Flight, OpenSky
from wholeruns import Records, Watch, children, heed_ctrl_c, new_watch, null_island, stop, wait_for

pytestmark = pytest.mark.e2e

END = "2025-06-30"
SECRET = "kc-secret-8f3a1d"
LISTENER = '''
"""Write down every address that this process, or one of its children, connects to or asks a name server about."""
import os, sys

def _note(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        place = arguments[1] if event in ("socket.connect", "socket.sendto") else arguments[0]
        host = place[0] if isinstance(place, tuple) else place
        if host is not None:
            handle = os.open(os.environ["NOTES"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.write(handle, f"{event} {host!s}\\n".encode())
            os.close(handle)

sys.addaudithook(_note)
'''


def listened(folder: Path, environment: dict[str, str]) -> dict[str, str]:
    """The environment with an ear on every connection, which writes to `notes` in the folder."""
    ear = folder / "ear"
    ear.mkdir()
    (ear / "sitecustomize.py").write_text(LISTENER)
    path = os.pathsep.join(filter(None, [str(ear), environment.get("PYTHONPATH")]))
    return {**environment, "PYTHONPATH": path, "NOTES": str(folder / "notes")}


class Flown:
    """One backfill as a Prefect flow, and all that was said and written."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.monotonic()
        self.done = watch.basewatch("backfill", "--from", "2025-01-01", "--to", END)
        self.seconds = time.monotonic() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.fixture(scope="module")
def flown(tmp_path_factory: pytest.TempPathFactory, bare_environment: dict[str, str]) -> Flown:
    """A backfill of half a year through Prefect."""
    folder = tmp_path_factory.mktemp("flown")
    return Flown(new_watch(folder, listened(folder, bare_environment)))


@pytest.fixture(scope="module")
def opensky() -> Iterator[OpenSky]:
    """OpenSky on this machine, with one flight to Hmeimim."""
    at = datetime(2025, 6, 29, 12, tzinfo=UTC)
    flight = Flight("1533f3", "RA-78835", "IL76", "RFF406", "UUMU", "OSLK", at, at.replace(hour=16))
    provider = OpenSky(time.time, [flight], client=("watcher", SECRET))
    with serving(provider.api, provider.auth):
        yield provider


def ask_opensky(provider: OpenSky, more: str = "") -> str:
    """The section of a configuration that asks it, once a request."""
    return f"""
[nightly]
horizon_days = 3
[sources.opensky]
enabled = true
location = "{provider.api.url}/api"
token_url = "{provider.auth.url}/auth/realms/opensky-network/protocol/openid-connect/token"
client_id = "watcher"
bases = ["hmeimim"]
attempts = 1
{more}
"""


def test_a_backfill_publishes_and_says_so(flown: Flown) -> None:
    assert flown.done.returncode == 0, flown.done.stderr
    name = flown.watch.current()
    assert f"published {name}" in flown.done.stderr
    assert f"release   {name} (days up to {END})" in flown.done.stdout
    assert "Hmeimim Air Base" in flown.done.stdout
    assert flown.watch.last_run()["exit_status"] == 0


def test_stderr_holds_progress_and_nothing_of_prefect(flown: Flown) -> None:
    for word in ("Traceback", "CancelledError", "prefect", "Prefect", "INFO", "WARNING", "127.0.0.1", "uvicorn"):
        assert word not in flown.done.stderr + flown.done.stdout, word
    known = ("flight_files ", "built marts.", "built intermediate.", "gates: ", "published ")
    assert [line for line in flown.done.stderr.splitlines() if not line.startswith(known)] == []


def test_runs_and_tasks_have_readable_names_and_true_states(flown: Flown, records: Records) -> None:
    ((run_id, parameters, state),) = records.rows(
        "SELECT id, parameters, state_type FROM flow_run WHERE name = ?", f"backfill 2025-01-01 to {END}"
    )
    assert state == "COMPLETED"
    assert json.loads(parameters) == {"since": "2025-01-01", "until": END, "config_file": None}
    tasks = records.rows("SELECT name, state_type, run_count FROM task_run WHERE flow_run_id = ?", run_id)
    names = {name for name, *_ in tasks}
    assert names == {f"flight_files 2025-01-01 to {END}", "build", "check", "publish", "show the result"}
    assert {row[1:] for row in tasks} == {("COMPLETED", 1)}


def test_the_artifact_is_the_first_answer(flown: Flown, records: Records) -> None:
    ((table, description),) = records.rows(
        "SELECT a.data, a.description FROM artifact AS a JOIN flow_run AS r ON a.flow_run_id = r.id "
        "WHERE a.key = 'monthly-activity' AND r.name = ?",
        f"backfill 2025-01-01 to {END}",
    )
    assert str(flown.watch.current()) in description
    lines = json.loads(table).splitlines()
    head = next(n for n, line in enumerate(lines) if line.startswith("| base | month | activity |"))
    assert lines[head + 1].startswith("| --- |")
    march = [[cell.strip() for cell in line.split("|")] for line in lines if "2025-03" in line]
    assert [(row[1], row[3]) for row in march] == [("Hmeimim Air Base", "active")]


def test_what_is_new_and_silences_that_go_on_are_artifacts_too(flown: Flown, records: Records) -> None:
    tables = dict(
        records.rows(
            "SELECT a.key, a.data FROM artifact AS a JOIN flow_run AS r ON a.flow_run_id = r.id "
            "WHERE a.key IN ('release-summary', 'gaps') AND r.name = ?",
            f"backfill 2025-01-01 to {END}",
        )
    )
    assert json.loads(json.loads(tables["release-summary"])) == [{"new": "the first release"}]
    ongoing = flown.watch.query("SELECT gap_id FROM base_gaps WHERE is_ongoing ORDER BY gap_id")
    assert sorted(gap["gap_id"] for gap in json.loads(json.loads(tables["gaps"]))) == [row[0] for row in ongoing]


def test_the_gates_leave_a_table_those_that_failed_first(flown: Flown, records: Records) -> None:
    ((rows, description),) = records.rows(
        "SELECT a.data, a.description FROM artifact AS a JOIN flow_run AS r ON a.flow_run_id = r.id "
        "WHERE a.key = 'gate-results' AND r.name = ?",
        f"backfill 2025-01-01 to {END}",
    )
    checks = json.loads(json.loads(rows))  # Prefect keeps a table as JSON in JSON
    ((count, failed),) = flown.watch.query("SELECT count(*), count(*) FILTER (NOT success) FROM quality_results")
    assert description.startswith(f"{count} checks, {failed} failed, 0 refused")
    assert len(checks) == min(count, 100)
    assert list(checks[0]) == ["check", "table", "severity", "success", "observed", "unexpected", "why"]
    assert [check["success"] for check in checks] == [False] * failed + [True] * (len(checks) - failed)


def test_nobody_outside_this_machine_is_told_or_asked(flown: Flown) -> None:
    notes = (flown.watch.folder / "notes").read_text().splitlines()
    assert "socket.connect 127.0.0.1" in notes, "the ear hears the connections there are"
    outside = {line for line in notes if line.split(" ", 1)[1] not in ("127.0.0.1", "::1", "localhost", "0.0.0.0")}
    assert {line for line in outside if not line.split(" ", 1)[1].startswith("/")} == set()


def test_a_cold_run_of_a_small_job_keeps_well_under_a_minute(flown: Flown) -> None:
    assert flown.cpu < 45, f"{flown.cpu:.0f} s of processor, {flown.seconds:.0f} s by the clock"


def test_plain_functions_publish_the_same_tables(flown: Flown, tmp_path: Path) -> None:
    plain = new_watch(tmp_path, {})
    plain.plain(END, "2025-01-01")
    as_flow, as_functions = flown.watch.content(), plain.content()
    assert as_flow.keys() == as_functions.keys()
    for table in as_flow:
        assert as_flow[table] == as_functions[table], table


def test_a_night_with_nothing_new_takes_seconds_and_no_prefect(flown: Flown) -> None:
    told = ["backfill", "--from", "2025-01-01", "--to", END]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    released = flown.watch.current()
    process = flown.watch.start_command([sys.executable, "-X", "importtime", "-m", "basewatch.cli.app", *told])
    out, err = process.communicate(timeout=60)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert process.returncode == 0 and "nothing new to publish" in err
    assert str(released) in out and flown.watch.current() == released
    imported = {line.rsplit("|", 1)[1].strip() for line in err.splitlines() if line.startswith("import time:")}
    assert "basewatch.run" in imported, "the list is one of imports"
    assert not {name for name in imported if name.split(".")[0] in ("prefect", "uvicorn", "great_expectations")}
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 8


def test_a_fetch_fault_is_tried_once_more_and_a_source_that_is_down_is_not_tried_for_every_day(
    watch: Watch, opensky: OpenSky, records: Records, prefect_home: Path
) -> None:
    watch.environment["BASEWATCH_SOURCES__OPENSKY__CLIENT_SECRET"] = SECRET
    watch.configure(ask_opensky(opensky))
    (watch.folder / "flights" / "broken.csv").write_text("a,b\n1,2\n")  # a bad file is no reason to read it twice
    down_from = datetime(2025, 6, 28, tzinfo=UTC).timestamp()

    def asks_late(request: Request) -> bool:
        return float(request.one("end") or 0) > down_from + 7200

    opensky.api.broken(503, times=2, when=lambda request: not asks_late(request))  # one for each direction
    opensky.api.broken(503, times=1000, when=asks_late)
    done = watch.basewatch("nightly", "--day", "2025-06-29")
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    rows = records.rows(
        "SELECT t.name, t.state_type, t.run_count FROM task_run AS t JOIN flow_run AS r ON t.flow_run_id = r.id "
        "WHERE r.name = 'nightly up to 2025-06-29' AND r.state_type = 'COMPLETED' AND t.name LIKE '% to %'"
    )
    assert set(rows) == {
        ("opensky 2025-06-27 to 2025-06-27", "COMPLETED", 2),
        ("opensky 2025-06-28 to 2025-06-28", "FAILED", 2),
        ("opensky 2025-06-29 to 2025-06-29", "FAILED", 1),
        ("flight_files 1900-01-01 to 2025-06-29", "COMPLETED", 1),
    }
    days = watch.query("SELECT day, status FROM source_days WHERE source = 'opensky' AND scope = 'global' ORDER BY day")
    assert [(str(day), status) for day, status in days] == [
        ("2025-06-27", "empty"), ("2025-06-28", "failed"), ("2025-06-29", "failed")
    ]  # fmt: skip
    assert "503" in done.stderr, "what went wrong is told"
    for place in (prefect_home, watch.root):
        for file in place.rglob("*"):
            assert not file.is_file() or SECRET.encode() not in file.read_bytes(), f"the secret lies in {file}"


# ---- exit statuses


def test_two_watches_at_the_same_time_one_of_them_refused(
    tmp_path: Path, bare_environment: dict[str, str], records: Records
) -> None:
    good, refused = (new_watch(tmp_path / name, bare_environment) for name in ("good", "refused"))
    null_island(refused)
    hook = Host("hook", lambda _: Reply(200, b"{}"), time.time)
    with serving(hook):
        target = {"BASEWATCH_ALERTS__TARGETS": f"json://{hook.url[7:]}/{SECRET}"}
        started = [one.start("nightly", "--day", END, environment=target) for one in (good, refused)]
        said = [process.communicate(timeout=400)[1] for process in started]
    assert [process.returncode for process in started] == [0, 3], said
    for err in said:
        assert "Traceback" not in err and "Prefect" not in err and "locked" not in err, err
    assert good.current() is not None and refused.current() is None
    assert "nothing was published" in said[1] and "bases: " in said[1]
    (folder,) = (refused.root / "quarantine").iterdir()
    assert (folder / "gates.html").exists() and (folder / "candidate" / "basewatch.duckdb").exists()
    states = records.rows(
        "SELECT t.name, t.state_type FROM task_run AS t JOIN flow_run AS r ON t.flow_run_id = r.id "
        "WHERE r.name = ? AND r.state_type = 'FAILED' AND t.name NOT LIKE '% to %'",
        f"nightly up to {END}",
    )
    assert dict(states) == {"build": "COMPLETED", "check": "FAILED"}, "nothing after the gate was begun"
    tables = records.rows(
        "SELECT a.data FROM artifact AS a JOIN flow_run AS r ON a.flow_run_id = r.id "
        "WHERE a.key = 'gate-results' AND r.name = ? AND r.state_type = 'FAILED'",
        f"nightly up to {END}",
    )
    ((rows,),) = tables
    first, *_ = json.loads(json.loads(rows))
    assert (first["table"], first["success"], first["severity"]) == ("bases", False, "critical")
    told = sorted(json.loads(request.body)["title"].split(":")[1].strip() for request in hook.asked())
    assert told == ["gate refused the publish", "what stands"] and SECRET not in "".join(said)
    events = records.rows("SELECT event, payload FROM events WHERE event LIKE 'basewatch.alert.%' ORDER BY event")
    assert [name.rpartition(".")[2] for name, _ in events] == ["gate_refused", "summary"], "they are Prefect's too"
    assert SECRET not in repr(events) and "bases: " in json.loads(events[0][1])["evidence"][1]


def test_a_policy_of_stop_exits_4_through_prefect(watch: Watch, records: Records) -> None:
    (watch.folder / "flights" / "flights.csv").unlink()
    watch.configure(covers='on_failure = "stop"')
    done = watch.basewatch("nightly", "--day", "2025-06-25")
    assert done.returncode == 4, done.stderr
    assert "flight_files failed and its policy is stop: flight_files: no " in done.stderr
    assert "Traceback" not in done.stderr and watch.current() is None
    ((state,),) = records.rows("SELECT state_type FROM flow_run WHERE name = 'nightly up to 2025-06-25'")
    assert state == "FAILED"
    ((count,),) = records.rows(
        "SELECT t.run_count FROM task_run AS t JOIN flow_run AS r ON t.flow_run_id = r.id "
        "WHERE r.name = 'nightly up to 2025-06-25' AND t.name LIKE 'flight_files %'"
    )
    assert count == 1, "a missing file does not come by waiting"


def test_prefect_keeps_no_pickle_of_a_run_and_no_process_is_left(flown: Flown, prefect_home: Path) -> None:
    kept = {file.name.split("-")[0] for file in prefect_home.rglob("*") if file.is_file()}
    assert kept == {"memo_store.toml", "prefect.db"}
    assert [pid for pid in children(os.getpid()) if b"prefect" in Path(f"/proc/{pid}/cmdline").read_bytes()] == []


def test_bad_usage_exits_2_with_a_line_that_says_what_to_do(watch: Watch) -> None:
    for arguments, told in (
        (["nightly", "--day", "2999-01-01"], "has not come yet"),
        (["nightly", "--day", "yesterday"], "write it as YYYY-MM-DD"),
        (["backfill", "--from", "2025-02-01", "--to", "2025-01-01"], "is after"),
        (["nightly", "--config", "nowhere.toml"], "does not exist"),
        (["nightly", "--sample", "--config", "basewatch.toml"], "exclude each other"),
        (["nightly", "--nonsense"], "No such option"),
        (["schedule", "--cron", "at night"], "15 5 * * *"),
        (["schedule", "--cron", "* * * * * *"], "15 5 * * *"),
    ):
        done = watch.inside(*arguments)
        assert done.returncode == 2 and told in done.stderr, (arguments, done)
    watch.configure(flights=False)
    nothing = watch.inside("nightly")
    assert nothing.returncode == 2 and "no source is enabled" in nothing.stderr
    watch.configure(sources="[sources.flightfiles]\nenabled = true\n")
    unknown = watch.inside("nightly")
    assert unknown.returncode == 2 and "did you mean flight_files?" in unknown.stderr
    assert not watch.root.exists(), "none of this touched anything"


def test_a_second_run_exits_5_at_once_and_ctrl_c_leaves_the_first_without_noise_or_harm(watch: Watch) -> None:
    watch.plain("2025-05-31")
    before = watch.current()
    first = watch.start("nightly", "--day", END, start_new_session=True, preexec_fn=heed_ctrl_c)
    try:
        wait_for(lambda: _is_held(watch.root / ".lock"), 60, "the first run's lock", step=0.02)
        second = watch.basewatch("nightly", "--day", END, seconds=60)
        assert first.poll() is None, "the first was still at it"
        wait_for((watch.root / "candidate").exists, 120, "the first run's build", step=0.02)
        first.send_signal(signal.SIGINT)
        _, err = first.communicate(timeout=60)
    finally:
        stop(first)
    assert second.returncode == 5, second.stderr
    assert "another run holds the warehouse" in second.stderr and "Traceback" not in second.stderr
    assert first.returncode == 130, err
    assert "stopped; nothing published is damaged" in err and "Traceback" not in err, err
    candidate = watch.root / "candidate"  # the signal may have come when it was built, and was being checked
    assert watch.current() == before and candidate.exists() == (candidate / "candidate.json").exists()
    assert watch.query("SELECT max(day) FROM base_daily_activity") == [(date(2025, 5, 31),)]


def _is_held(lock: Path) -> bool:
    if not lock.exists():
        return False
    with lock.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
