"""Fixtures of whole runs: an environment of one's own, a watch, Prefect's records, and a real Prefect server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from wholeruns import Records, Server, Watch, new_watch, serve_prefect


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
    with serve_prefect(tmp_path_factory.mktemp("server"), bare_environment) as server:
        yield server
