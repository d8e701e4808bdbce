"""Fixtures of whole runs: an environment of one's own, a watch, Prefect's records, and a real Prefect server."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from wholeruns import Records, Server, Watch, new_watch, stop, wait_for


@pytest.fixture(scope="session")
def prefect_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for Prefect's records of the whole session: making one costs ten seconds."""
    return tmp_path_factory.mktemp("prefect")


@pytest.fixture(scope="session")
def bare_environment(prefect_home: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables of a user who has set none for basewatch or Prefect, and has a home of his own."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(("BASEWATCH_", "PREFECT_")) and name not in ("DO_NOT_TRACK", "CI")
    }
    kept["BASEWATCH_GATES__DATA_DOCS"] = "false"  # seconds a run: tests that are about them ask for them
    return {**kept, "HOME": str(tmp_path_factory.mktemp("home")), "PREFECT_HOME": str(prefect_home)}


@pytest.fixture
def watch(tmp_path: Path, bare_environment: dict[str, str]) -> Watch:
    """A watch of Hmeimim over half a year, not yet run."""
    return new_watch(tmp_path, bare_environment)


@pytest.fixture(scope="session")
def records(prefect_home: Path) -> Records:
    """Prefect's records of the runs under test."""
    return Records(prefect_home)


@pytest.fixture(scope="session")
def prefect_server(bare_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One real Prefect server for the session, on a free loopback port."""
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **bare_environment,
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
