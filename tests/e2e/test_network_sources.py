"""A week of nights over real HTTP, once in fair weather and once in foul: the lake is the same in the end.

Three providers of the fixture server, one clock that passes only when somebody sleeps, the plan and the ingest of a
real run. What went wrong, and when it was made good, stands in the ledger.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from basewatch import ingest
from basewatch.config import Settings
from basewatch.lake.ledger import LedgerRow
from basewatch.lake.store import Lake
from basewatch.sources import contract
from basewatch.sources.contract import Context, Window
from server import setup
from server.archives import GitHub, Release, day_tar, split_assets, trace
from server.core import FakeClock, Host, serving
from server.flights import Flight, Flightradar24, OpenSky

pytestmark = pytest.mark.e2e

FIRST = date(2026, 1, 12)
WEEK = [FIRST + timedelta(days=offset) for offset in range(7)]
PART = 32768
SECRETS = {"client_secret": "kc-very-secret-41", "fr24": "fr24-very-secret-42", "github": "ghp_very_secret_43"}
PROVIDERS = ("opensky", "flightradar24", "readsb_archive")


def flights() -> list[Flight]:
    """Two arrivals and a departure a day at the field, one arrival after midnight, one aircraft without a callsign."""
    found = []
    for number, day in enumerate(WEEK):
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        late = noon + timedelta(hours=11)
        found += [
            Flight("1533f3", "RA-78835", "IL76", f"RFF4{number}6", "UUMU", "OSLK", noon, noon + timedelta(hours=4)),
            Flight("154ca3", "RA-85155", "T154", None, None, "OSLK", late, late + timedelta(hours=2, minutes=20)),
            Flight("1533f3", "RA-78835", "IL76", "RFF500", "OSLK", None, noon + timedelta(hours=7), late),
        ]
    return found


def tar_of(day: date) -> bytes:
    """Traces that descend onto the field, and 40 kB of other members, so that the tar is split."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
    details = {"type": "adsb_icao", "flight": "RFF406  "}
    points = [
        [
            50_000.0 + n * 8,
            35.55 - n * 0.003,
            35.95,
            4000 - 70 * n,
            150.0,
            180.0,
            0,
            -700,
            details,
            "adsb_icao",
            None,
            -700,
        ]
        for n in range(45)
    ]
    bodies = {
        address: trace(address, start, points, r=mark)
        for address, mark in (("1533f3", "RA-78835"), ("4b8446", "TC-JRF"))
    }
    return day_tar(bodies, 40_000)


def released(day: date) -> Release:
    """The day's release, split in two."""
    tag = f"v{day:%Y.%m.%d}-planes-readsb-prod-0"
    return Release(tag, split_assets(tag, tar_of(day), PART))


@dataclass
class World:
    """The providers, a warehouse, and the nights."""

    folder: Path
    clock: FakeClock
    opensky: OpenSky
    fr24: Flightradar24
    github: GitHub
    history: list[tuple[date, LedgerRow]] = field(default_factory=list)

    @property
    def hosts(self) -> list[Host]:
        return [self.opensky.api, self.opensky.auth, self.fr24.api, *self.github.hosts]

    @property
    def lake(self) -> Lake:
        return Lake(self.folder / "warehouse")

    @property
    def settings(self) -> Settings:
        return setup.settings(
            self.folder,
            opensky={
                "location": f"{self.opensky.api.url}/api",
                "token_url": f"{self.opensky.auth.url}/auth/realms/opensky-network/protocol/openid-connect/token",
                "client_id": "watcher",
                "client_secret": SECRETS["client_secret"],
                "bases": ["hmeimim"],
                "read_seconds": 0.7,
                "attempts": 4,
                "breaker_after": 3,
            },
            flightradar24={
                "location": f"{self.fr24.api.url}/api",
                "token": SECRETS["fr24"],
                "bases": ["hmeimim"],
                "read_seconds": 0.7,
                "attempts": 4,
            },
            readsb_archive={
                "location": f"{self.github.api.url}/repos/adsblol/globe_history_{{year}}",
                "index_url": f"{self.github.raw.url}/adsblol/globe_history_{{year}}/main/PREFERRED_RELEASES.txt",
                "token": SECRETS["github"],
                "own_receiver": True,
                "processes": 1,
                "split_bytes": PART,
                "read_seconds": 0.7,
                "attempts": 4,
                "keep_landing": False,
            },
            press_flights={"enabled": False},
        )

    def context(self, source: str, now: datetime) -> Context[Any]:
        return setup.context(self.settings, now, source)

    def publish(self, day: date) -> Release:
        """The day's release appears."""
        release = released(day)
        self.github.repositories["globe_history_2026"].insert(0, release)
        return release

    def night(self, day: date) -> None:
        """Run once, in the morning after `day`, as a nightly run does."""
        now = datetime(day.year, day.month, day.day, 8, tzinfo=UTC) + timedelta(days=1)
        assert self.clock.time() <= now.timestamp(), "the night before took too long"
        self.clock.now = now.timestamp()
        for window in ingest.plan(self.settings, self.lake.ledger(), day, since=FIRST):
            outcome = ingest.ingest(window, self.context(window.source, now), self.lake, f"night-{day}")
            self.history += [(day, row) for row in outcome.rows]

    def story(self, source: str, day: date) -> list[str]:
        """What the ledger said of a source's day, night by night, each change once."""
        told = [row.status for _, row in self.history if (row.source, row.scope, row.day) == (source, "global", day)]
        return [status for number, status in enumerate(told) if number == 0 or told[number - 1] != status]

    def rows(self) -> dict[str, list[Any]]:
        """All rows of the lake, without the moment of their fetching."""
        found = {}
        for name in ("opensky_flights", "flightradar24_flights", "track_points", "track_edges", "base_background"):
            kept: list[Any] = []
            for path in self.lake.files(name):
                table = pq.read_table(path, partitioning=None)
                kept += [{k: v for k, v in row.items() if k != "fetched_at"} for row in table.to_pylist()]
            found[name] = sorted(kept, key=repr)
        return found

    def statuses(self) -> dict[tuple[str, str, date], tuple[str, int]]:
        """The ledger's last word."""
        return {row.key: (row.status, row.records_kept) for row in self.lake.ledger()}


@contextmanager
def world(folder: Path) -> Iterator[World]:
    folder.mkdir()
    with setup.virtual_time(datetime(2026, 1, 12, 12, tzinfo=UTC)) as clock:
        made = World(
            folder,
            clock,
            OpenSky(clock.time, flights(), client=("watcher", SECRETS["client_secret"])),
            Flightradar24(clock.time, flights(), token=SECRETS["fr24"]),
            GitHub(clock.time, token=SECRETS["github"]),
        )
        made.github.repositories["globe_history_2026"] = []
        with serving(*made.hosts):
            yield made
        for host in made.hosts:
            assert host.violations == [], host.name


def fair(made: World) -> None:
    """Seven nights."""
    for day in WEEK:
        made.publish(day)
        made.night(day)


def foul(made: World) -> None:
    """The same nights with everything that the providers' documents and other people's probes tell of."""
    api, fr24, github = made.opensky.api, made.fr24.api, made.github
    # Monday: limits with and without a header, servers down for a moment, a page in place of JSON
    api.too_many({"X-Rate-Limit-Retry-After-Seconds": "40"})
    fr24.too_many()
    fr24.html("Just a moment...")
    github.api.broken(500, times=2)
    github.assets.broken(503)
    made.publish(WEEK[0])
    made.night(WEEK[0])
    # Tuesday: the token dies between two calls, a download breaks off twice, labels are wrong
    api.fault(
        lambda _, right: [made.opensky.tokens.clear(), right][1], when=lambda asked: asked.path.endswith("arrival")
    )
    github.assets.truncated(0.4, times=2)
    fr24.mislabelled("text/html")
    fr24.zipped(encoding=True, content=True)
    made.publish(WEEK[1])
    made.night(WEEK[1])
    # Wednesday: OpenSky is down all night; a part of the split tar is missing
    api.broken(503, times=999)
    release = made.publish(WEEK[2])
    last = release.assets.pop()
    made.night(WEEK[2])
    api.faults.clear()
    release.assets.append(last)
    # Thursday: answers that come too late, half answers, text where JSON is due; Wednesday is made good
    api.stalled(1.5)
    fr24.stalled(1.5)
    fr24.truncated(0.5)
    api.text("upstream request timeout")
    github.api.html()
    made.publish(WEEK[3])
    made.night(WEEK[3])
    # Friday: the release is late; the subscription's credits have run out
    made.fr24.credits = made.fr24.spent
    made.night(WEEK[4])
    made.fr24.credits = 10**6
    # Saturday: Friday's release is there, Saturday's has a digest that does not fit
    made.publish(WEEK[4])
    release = made.publish(WEEK[5])
    right = list(release.assets)
    release.assets = [replace(asset, digest="sha256:" + "f" * 64) for asset in right]
    made.night(WEEK[5])
    # Sunday: the digest is put right; a day's credits are gone at the first call, so OpenSky waits for Monday
    release.assets = right
    made.opensky.credits = 0
    made.publish(WEEK[6])
    made.night(WEEK[6])
    made.opensky.credits = 4000


def test_a_foul_week_ends_with_the_lake_of_a_fair_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with world(tmp_path / "fair") as clean:
        fair(clean)
        expected, last_word = clean.rows(), clean.statuses()
        assert len(expected["opensky_flights"]) >= 19
        assert len(expected["flightradar24_flights"]) >= 20
        assert len(expected["track_points"]) == 7 * 2 * 45
        assert {status for status, _ in last_word.values()} == {"ok"}
        calls = sum(len(host.log) for host in clean.hosts)

    with world(tmp_path / "foul") as made:
        foul(made)
        # one more morning, after the last: what is still open is closed without anyone's help
        now = datetime(2026, 1, 20, 8, tzinfo=UTC)
        made.clock.now = now.timestamp()
        left = ingest.plan(made.settings, made.lake.ledger(), WEEK[6], since=FIRST)
        assert {(window.source, window.since) for window in left} == {("opensky", WEEK[6])}
        for window in left:
            outcome = ingest.ingest(window, made.context(window.source, now), made.lake, "after")
            made.history += [(WEEK[6], row) for row in outcome.rows]

        assert made.rows() == expected
        assert list((made.folder / "warehouse/landing").rglob("*.tar*")) == []  # keep_landing = false
        assert made.statuses() == last_word
        assert sum(len(host.log) for host in made.hosts) < 3 * calls

        told = {
            (source, day): made.story(source, day)
            for source in PROVIDERS
            for day in WEEK
            if made.story(source, day) != ["ok"]
        }
        assert told == {
            ("opensky", WEEK[2]): ["failed", "ok"],
            ("opensky", WEEK[6]): ["failed", "ok"],
            ("flightradar24", WEEK[4]): ["failed", "ok"],
            ("readsb_archive", WEEK[2]): ["late", "ok"],
            ("readsb_archive", WEEK[4]): ["late", "ok"],
            ("readsb_archive", WEEK[5]): ["failed", "ok"],
        }
        why = {(row.source, row.day): row.error or "" for _, row in made.history if row.status in ("failed", "late")}
        assert "answered 503" in why["opensky", WEEK[2]]
        assert "limited for another" in why["opensky", WEEK[6]]
        assert "Credit limit reached" in why["flightradar24", WEEK[4]]
        assert "part after .aa is missing" in why["readsb_archive", WEEK[2]]
        assert "no complete release" in why["readsb_archive", WEEK[4]]
        assert "does not match the published sha256" in why["readsb_archive", WEEK[5]]
        tokens = list(made.opensky.tokens)

    assert tokens
    seen = caplog.text + "".join(
        body.decode("utf-8", "replace") + str(path) for path, body in setup.files_below(tmp_path)
    )
    assert "urllib3" in seen
    for secret in (*SECRETS.values(), *tokens, "SIGNED-ADDRESS"):
        assert secret not in seen


def test_a_restated_day_is_seen_and_replaces_what_was_there(tmp_path: Path) -> None:
    with world(tmp_path / "restated") as made:
        small = released(FIRST)
        small.tag = small.tag.replace("prod", "staging")
        start = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC).timestamp()
        far = [[60.0 * n, -40.0, -120.0, 30000, 400.0, 90.0, 0, 0, None, "adsb_icao"] for n in range(9)]
        small.assets = split_assets(small.tag, day_tar({"4b8446": trace("4b8446", start, far)}, 100), PART)
        made.github.repositories["globe_history_2026"] = [small]
        made.night(FIRST)
        (before,) = [row for row in made.lake.ledger() if row.source == "readsb_archive"]
        made.publish(FIRST)
        made.clock.sleep(4000)
        about = made.context("readsb_archive", datetime.fromtimestamp(made.clock.time(), UTC))
        assert before.status == "ok"
        archive = contract.module("readsb_archive")

        def restated() -> list[date]:
            """What a nightly run would read again."""
            assert archive.restated is not None
            return archive.restated(ingest.done_lately("readsb_archive", made.lake.ledger(), FIRST, 14), about)

        assert restated() == [FIRST]
        window = Window("readsb_archive", FIRST, FIRST)
        outcome = ingest.ingest(window, about, made.lake, "again")
        assert [row.status for row in outcome.rows] == ["ok"]
        assert len(made.rows()["track_points"]) == 90
        assert restated() == []
