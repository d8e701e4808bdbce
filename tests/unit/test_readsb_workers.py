"""The decoding process: what starting one loads."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

import tracekit
from basewatch.errors import SourceError
from basewatch.readsb import workers

HEAVY = {"pandas", "prefect", "great_expectations", "requests", "duckdb", "pydantic"}


def test_a_decoding_process_loads_nothing_that_is_slow_to_load() -> None:
    """Each process would pay for it anew; the command is the one by which `workers` starts them."""
    script = "import sys; from basewatch.readsb.workers import main; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "basewatch.readsb.decoder" in loaded
    assert not HEAVY & loaded


MEMBERS = [
    tracekit.trace(f"15501{one}", [tracekit.point(36_000 + 60 * n, 35.4, 35.9) for n in range(9)]) for one in "ab"
]


def test_a_team_elsewhere_gives_what_is_given_here_and_doing_a_part_twice_does_no_harm(tmp_path: Path) -> None:
    def team(job: bytes, parts: list[bytes]) -> Iterator[bytes]:
        for part in parts:
            workers.part(job, part)  # by one that was thought dead
            yield workers.part(job, part)

    here = tracekit.run(tmp_path / "here", *MEMBERS)
    with workers.elsewhere(team):
        there = tracekit.run(tmp_path / "there", *MEMBERS)
    assert there.points == here.points and len(there.points) == 18
    assert there.day == here.day


def test_a_worker_that_does_not_see_the_files_says_so(tmp_path: Path) -> None:
    def team(job: bytes, parts: list[bytes]) -> Iterator[bytes]:
        values = msgspec.msgpack.decode(job)
        yield from (workers.part(msgspec.msgpack.encode({**values, "out": "/nowhere/of/theirs"}), one) for one in parts)

    with (
        workers.elsewhere(team),
        pytest.raises(SourceError, match="does not see /nowhere/of/theirs: a Dask worker must"),
    ):
        tracekit.run(tmp_path, *MEMBERS)
