"""What tests of whole runs share: a watch in a folder of its own, the command line as a user runs it, and a reader."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb

from basewatch import config, run
from basewatch.cli import app as cli
from basewatch.warehouse.build import note_candidate, read_candidate
from basewatch.warehouse.published import Release
from basewatch.warehouse.releases import write_manifest
from server.core import free_port

# what no two runs have in common: moments, runs and releases themselves
VOLATILE = {"source_days": ["ingested_at"], "quality_results": ["run_id", "checked_at"]}
COLUMNS = "record_id,icao24,registration,callsign,type_code,operator,origin,departed_at,destination,arrived_at,url"
SOURCES = config.Sources.model_fields.items()
OVER_HTTP = "|".join(code for code, field in SOURCES if isinstance(field.default, config.OverHttp))
COVERS = 'covers = [{base = "hmeimim", from = "2025-01-01", to = "2025-06-30"}]'
AIRCRAFT = (("15501a", "RF-78658", "IL76"), ("155b22", "RA-85563", "T154"), ("15501b", "RF-78659", "IL76"))


def stay(number: int, arrived: datetime, hours: int = 5) -> list[str]:
    """Two records in the plain form: a flight to Hmeimim and the one away from it."""
    icao24, mark, kind = AIRCRAFT[number % len(AIRCRAFT)]
    left = arrived + timedelta(hours=hours)

    def text(moment: datetime) -> str:
        return f"{moment:%Y-%m-%dT%H:%M:%SZ}"

    names = f"{icao24},{mark},RFF{7000 + number},{kind},Air Force"
    flown = timedelta(hours=4)
    return [
        f"in-{number},{names},URRP,{text(arrived - flown)},OSLK,{text(arrived)},",
        f"out-{number},{names},OSLK,{text(left)},URRP,{text(left + flown)},",
    ]


def stays(since: date, until: date, every: int = 3, first: int = 0) -> list[str]:
    """Records of a stay every few days from `since` to `until`."""
    begin = datetime(since.year, since.month, since.day, 6, tzinfo=UTC)
    days = range(0, (until - since).days + 1, every)
    return [line for number, day in enumerate(days, start=first) for line in stay(number, begin + timedelta(days=day))]


@dataclass
class Watch:
    """A watch of one's own: a configuration, records of flights, a warehouse."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        return self.folder / "basewatch.toml"

    @property
    def root(self) -> Path:
        return self.folder / "warehouse"

    def configure(
        self, sources: str = "", covers: str = COVERS, flights: bool = True, press: bool = False, more: str = ""
    ) -> None:
        """Write the configuration."""
        # the servers of the tests are on this machine
        sources = re.sub(rf"(\[sources\.({OVER_HTTP})\]\n)", r"\1allow_local = true\n", sources)
        text = f"{more}\n[sources.press_flights]\nenabled = {str(press).lower()}\n{sources}\n"
        if flights:
            text += f'[sources.flight_files]\nenabled = true\nlocation = "flights"\n{covers}\n'
        self.config.write_text(text, encoding="utf-8")

    def write_flights(self, lines: list[str], name: str = "flights.csv") -> None:
        """Write records into one of the files that the watch reads."""
        (self.folder / "flights").mkdir(exist_ok=True)
        (self.folder / "flights" / name).write_text("\n".join([COLUMNS, *lines]) + "\n", encoding="utf-8")

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """The command line as a process of its own."""
        return self.start_command([sys.executable, "-m", "basewatch.cli.app", *arguments], **options)

    def start_command(self, command: list[str], **options: Any) -> subprocess.Popen[str]:
        """Any command, in the watch's folder and environment."""
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        environment = {**self.environment, **options.pop("environment", {})}
        return subprocess.Popen(command, cwd=self.folder, env=environment, text=True, **options)

    def basewatch(self, *arguments: str, seconds: float = 240, **options: Any) -> subprocess.CompletedProcess[str]:
        """The command line, waited for."""
        process = self.start(*arguments, **options)
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"{arguments} took over {seconds} s; it said:\n{err}") from None
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def inside(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command line in this process, which has imported already what costs each new one seconds."""
        out, err, given, status = io.StringIO(), io.StringIO(), sys.argv, 0
        sys.argv = ["basewatch", *arguments]
        try:
            with contextlib.chdir(self.folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                cli.main()
        except SystemExit as left:
            status = int(left.code or 0)
        finally:
            sys.argv = given
        return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())

    def plain(self, until: str, since: str | None = None) -> Release | None:
        """A run as plain functions in this process: seconds where a process of its own costs ten."""
        work = run.start(
            config.load(self.config), date.fromisoformat(until), date.fromisoformat(since) if since else None
        )
        work.progress = lambda _: None
        with work.warehouse.lock():
            if run.has_work(work):
                return run.execute(work)
            run.note_idle(work)
        return None

    def ingest(self, until: str) -> None:
        """What a night brings into the lake, and nothing after it."""
        work = run.start(config.load(self.config), date.fromisoformat(until))
        work.progress = lambda _: None
        with work.warehouse.lock():
            for window in work.windows:
                run.ingest_window(work, window)
                run.obey_policy(work, window)

    def edit_candidate(self, *statements: str) -> None:
        """Change the candidate as a wrong model would have made it."""
        candidate = read_candidate(self.root / "candidate")
        with duckdb.connect(str(candidate.database)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            for statement in statements:
                connection.execute(statement)
        note_candidate(candidate)

    def current(self) -> str | None:
        """The name of the release that readers see."""
        link = self.root / "current"
        return link.resolve().name if link.is_symlink() else None

    def copy_release(self, name: str, **changed: Any) -> None:
        """One release more: the current one under another name, with other values in its manifest."""
        folder = self.root / "releases" / name
        shutil.copytree((self.root / "current").resolve(), folder, copy_function=os.link)
        manifest = json.loads((folder / "manifest.json").read_text()) | {"release_id": name} | changed
        (folder / "manifest.json").unlink()  # it is sealed, and the same file as the other's
        write_manifest(folder, manifest)

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of what is published, read as an analyst reads it."""
        return query(self.root / "basewatch.duckdb", sql, *values)

    def content(self) -> dict[str, list[str]]:
        """All that is published but for what no two runs have in common: rows as text, sorted, a table."""
        with duckdb.connect(str((self.root / "basewatch.duckdb").resolve()), read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            tables = [
                row[0]
                for row in connection.execute("SHOW TABLES").fetchall()
                if row[0] not in ("releases", "release_changes")
            ]
            found = {}
            for table in tables:
                out = ", ".join(VOLATILE.get(table, []))
                rows = connection.execute(f"SELECT * {f'EXCLUDE ({out})' if out else ''} FROM {table}").fetchall()
                found[table] = sorted(map(repr, rows))
            return found

    def last_run(self) -> dict[str, Any]:
        """What the last run noted of itself."""
        note: dict[str, Any] = json.loads(max((self.root / "runs").glob("*.json")).read_text())
        return note


def printed(watch: Watch, *arguments: str) -> str:
    """What a command that succeeds prints."""
    done = watch.inside(*arguments)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def listed(watch: Watch, *arguments: str) -> list[dict[str, Any]]:
    """The rows that a command gives as JSON."""
    rows: list[dict[str, Any]] = json.loads(printed(watch, *arguments, "--format", "json"))
    return rows


def query(database: Path, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Rows of a database, opened read-only."""
    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(sql, list(values)).fetchall()


def new_watch(folder: Path, environment: dict[str, str]) -> Watch:
    """A watch of Hmeimim, its records complete from January to June 2025."""
    made = Watch(folder, dict(environment))
    folder.mkdir(parents=True, exist_ok=True)
    made.configure()
    made.write_flights(stays(date(2025, 1, 3), date(2025, 6, 29)))
    return made


def null_island(watch: Watch) -> None:
    """Give the watch reference data that load and that a gate refuses: a base where zeros lie."""
    shipped = files("basewatch.sql.reference").joinpath("bases.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(shipped, newline="")))
    rows[-1]["latitude"] = rows[-1]["longitude"] = "0.001"
    with (watch.folder / "bases.csv").open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    watch.configure(more='[reference]\nbases = "bases.csv"\n')


@dataclass(frozen=True)
class Records:
    """What Prefect keeps of its runs, read from its database."""

    home: Path

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of Prefect's database."""
        connection = sqlite3.connect(f"file:{self.home / 'prefect.db'}?mode=ro", uri=True)
        with contextlib.closing(connection):
            return connection.execute(sql, values).fetchall()


@dataclass(frozen=True)
class Server:
    """A Prefect server that the user runs."""

    url: str
    environment: dict[str, str]

    def ask(self, path: str, **body: Any) -> Any:
        """The server's answer to a GET, or with a body to a POST."""
        request = urllib.request.Request(
            f"{self.url}{path}", json.dumps(body).encode() if body else None, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def runs(self, deployment: str, *states: str) -> list[dict[str, Any]]:
        """The runs of a deployment (`flow/name`) in one of these states."""
        name = deployment.split("/")[1]
        found: list[dict[str, Any]] = self.ask(
            "/flow_runs/filter",
            deployments={"name": {"any_": [name]}},
            flow_runs={"state": {"type": {"any_": list(states)}}},
        )
        return found


@contextlib.contextmanager
def serve_prefect(folder: Path, environment: dict[str, str]) -> Iterator[Server]:
    """A real Prefect server while it lasts, on a free loopback port, with its records in the folder."""
    port = free_port()
    environment = {
        **environment,
        "PREFECT_HOME": str(folder),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    log = (folder / "server.log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui"],
        env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        server = Server(environment["PREFECT_API_URL"], environment)

        def is_up() -> bool:
            assert process.poll() is None, (folder / "server.log").read_text()
            try:
                return bool(server.ask("/health"))
            except OSError:
                return False

        wait_for(is_up, 120, "the Prefect server")
        yield server
    finally:
        stop(process)
        log.close()


def wait_for(what: Callable[[], Any], seconds: float, name: str, step: float = 0.25) -> Any:
    """What `what` gives as soon as that is true. Fails where it never is within the time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = what()
        if found:
            return found
        time.sleep(step)
    raise AssertionError(f"{name}: nothing within {seconds} s")


def stop(process: subprocess.Popen[Any], seconds: float = 20) -> int:
    """End a process that a test started, politely first; its exit status."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return process.returncode


def children(pid: int) -> list[int]:
    """The processes below one, by their ids."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, ValueError):
            continue
        if parent == pid:
            found += [int(folder.name), *children(int(folder.name))]
    return found


def heed_ctrl_c() -> None:
    """What a shell starts in the background ignores Ctrl-C, and so would all that these tests start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
