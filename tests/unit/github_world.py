"""GitHub's hosts with releases of daily archives, a clock of their own, and a way to fetch from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from basewatch.sources.contract import Context, Landed
from basewatch.sources.readsb_archive import remote
from server import setup
from server.archives import GitHub
from server.core import FakeClock, serving

NOW = datetime(2026, 1, 20, 8, 0, tzinfo=UTC)
PART = 32768  # a tar is a multiple of 10,240 bytes, so that no last part has this size by chance


@dataclass
class World:
    """GitHub, a clock, and a way to fetch."""

    github: GitHub
    clock: FakeClock
    folder: Path

    def context(self, now: datetime = NOW, **changes: Any) -> Context:
        values = {
            "location": f"{self.github.api.url}/repos/adsblol/globe_history_{{year}}",
            "index_url": f"{self.github.raw.url}/adsblol/globe_history_{{year}}/main/PREFERRED_RELEASES.txt",
            "split_bytes": PART,
            "processes": 1,
            **changes,
        }
        return setup.context(setup.settings(self.folder, readsb_archive=values), now, "readsb_archive")

    def fetch(self, since: str, until: str | None = None, **changes: Any) -> Landed:
        return remote.fetch(setup.window("readsb_archive", since, until), self.context(**changes))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with setup.virtual_time(NOW) as clock:
        github = GitHub(clock.time)
        with serving(*github.hosts):
            yield World(github, clock, tmp_path)
    assert [fault for host in github.hosts for fault in host.violations] == []
