"""`basewatch watch` as a user runs it: a network that goes down for a while, a landing, signals, and a night beside."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from basewatch import config, run
from basewatch.lake.ledger import LedgerRow
from basewatch.lake.store import Lake
from basewatch.warehouse.releases import Warehouse
from server.core import Reply, Request, serving
from server.live import Live
from wholeruns import Server, Watch, stop, wait_for

pytestmark = pytest.mark.e2e

RUNWAY = (35.4139, 35.9475)  # the end of 17 at Hmeimim
TOUCHDOWN = 7  # minutes after the first request
OUTAGE = (3, 4, 5)  # minutes at which the network is down


class Network:
    """A network that is asked once a minute of its own: each request is the next, so that a landing takes seconds.

    An Il-76 comes in from the north, is down at TOUCHDOWN, rolls out and parks; an airliner passes overhead.
    """

    def __init__(self) -> None:
        self.minutes = -1
        self.began = time.time() - 3600
        self.live = Live(self.time, per_second=None)
        self._serve, self.live.host.handle = self.live.host.handle, self.serve

    def time(self) -> float:
        """Its clock, epoch seconds."""
        return self.began + 60 * self.minutes

    def serve(self, request: Request) -> Reply:
        """The answer of the next minute."""
        self.minutes += 1
        self.live.aircraft = [self.il76(TOUCHDOWN - self.minutes), self.airliner()]
        if self.minutes in OUTAGE:
            return Reply(502, b"bad gateway", "text/plain")
        return self._serve(request)

    def il76(self, left: int) -> dict[str, Any]:
        """The aircraft so many minutes before it touches down, at 150 kt and 600 ft a minute."""
        known = {"hex": "1533f3", "type": "adsb_icao", "flight": "RFF406  ", "r": "RA-78835", "t": "IL76", "dbFlags": 1}
        if left > 0:
            place = {"lat": RUNWAY[0] + left * 2.5 / 60, "lon": RUNWAY[1], "alt_baro": 200 + 600 * left, "gs": 150.0}
        else:
            place = {"lat": RUNWAY[0] - 0.012, "lon": RUNWAY[1], "alt_baro": "ground", "gs": 12.0 if left == 0 else 0.0}
        return {**known, **place, "track": 176.5, "baro_rate": -600 if left > 0 else 0, "seen_pos": 0.5}

    def airliner(self) -> dict[str, Any]:
        """Other traffic, at the same place every minute: enough to be heard."""
        return {
            "hex": "4b8446", "type": "adsb_icao", "alt_baro": 9000, "gs": 260.0, "lat": 35.6, "lon": 36.0, "seen_pos": 1
        }  # fmt: skip

    def after(self, minutes: int, process: subprocess.Popen[str]) -> None:
        """Wait until it has answered that many requests."""

        def has_come() -> bool:
            assert process.poll() is None, process.communicate()
            return self.minutes >= minutes

        wait_for(has_come, 60, f"minute {minutes}", step=0.05)


@pytest.fixture
def network() -> Iterator[Network]:
    """The network, up. Not in the last minutes of a UTC day: a poll counts on the day on which it was made."""
    left = 86400 - time.time() % 86400
    if left < 150:
        time.sleep(left + 1)
    made = Network()
    with serving(made.live.host):
        yield made
    assert made.live.host.violations == []


def poll(watch: Watch, network: Network, more: str = "") -> None:
    """Write the configuration of a watch that polls it as often as adsb.lol allows."""
    watch.configure(
        flights=False,
        sources=f"""
[sources.readsb_live]
enabled = true
bases = ["hmeimim"]
military = false
every_seconds = 1
flush_seconds = 2
max_gap_minutes = 0.08
max_clock_difference_minutes = 70
attempts = 1
breaker_seconds = 4
{more}
[sources.readsb_live.addresses]
"adsb.lol" = "{network.live.host.url}"
""",
    )


def today() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d}"


def ledger(watch: Watch) -> dict[str, LedgerRow]:
    """What the ledger says of today, by scope."""
    return {row.scope: row for row in Lake(watch.root).ledger() if f"{row.day}" == today()}


def points(watch: Watch) -> set[datetime]:
    """The times of the positions of the Il-76 in the lake."""
    files = Lake(watch.root).files("track_points")
    rows = [row for file in files for row in pq.read_table(file, partitioning=None).to_pylist()]
    return {row["seen_at"] for row in rows if row["icao24"] == "1533f3"}


def ended(process: subprocess.Popen[str], number: signal.Signals) -> list[str]:
    """End the poller by a signal; its lines on stderr. It must leave in good order and say nothing on stdout."""
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, ""), err
    assert "Traceback" not in err
    return err.splitlines()


def test_a_landing_polled_around_an_outage_is_published_by_a_night_beside_the_poller(
    watch: Watch, network: Network
) -> None:
    poll(watch, network)
    process = watch.start("watch")
    try:
        network.after(TOUCHDOWN + 2, process)
        landed = network.began + 60 * (TOUCHDOWN + 1)
        wait_for(lambda: max(point.timestamp() for point in points(watch)) >= landed, 30, "the landing in the lake")

        second = watch.basewatch("watch", seconds=60)
        assert second.returncode == 5
        assert "another `basewatch watch` polls into" in second.stderr and "Traceback" not in second.stderr

        yesterday = datetime.now(UTC).date() - timedelta(days=1)
        assert run.start(config.load(watch.config), None).as_of == yesterday, "the poller is ahead of the nights"
        before = network.minutes
        night = watch.basewatch("nightly", "--plain", "--day", today())
        assert night.returncode == 0, night.stderr
        assert process.poll() is None and network.minutes > before + 2, "neither waits for the other"
        said = ended(process, signal.SIGINT)
    finally:
        stop(process)

    assert said[0] == "readsb_live: polling adsb.lol every 1 s; Ctrl-C stops it"
    assert said[-1].startswith("stopped after ") and said[-1].endswith(" answers; what came is in the lake")
    faults = [line for line in said if "answered 502" in line]
    assert len(faults) == len(OUTAGE), "each fault once, and none again while the network is left alone"
    assert any(line.startswith("readsb_live: flushed, ") for line in said)
    assert len(said) == len(faults) + 2 + sum(line.startswith("readsb_live: flushed, ") for line in said)

    # not polled is not quiet: the hours before the first poll and the outage stand in the ledger, published as well
    for scope in ("base:hmeimim", "aircraft:polled"):
        ((status, error),) = watch.query(
            "SELECT status, error FROM source_days WHERE source = 'readsb_live' AND scope = ? AND day = ?::DATE",
            scope, today(),
        )  # fmt: skip
        holes = error.split(" min: ")[1].split(" UTC; ")[0].split(", ")
        assert status == "partial" and error.startswith("not polled ") and "answered 502" in error
        assert holes[0].startswith("00:00–") and len(holes) >= 2, error
    assert ledger(watch).keys() == {"base:hmeimim", "aircraft:polled"}
    assert ledger(watch)["aircraft:polled"].records_kept >= 2 * TOUCHDOWN

    ((arrived_at, evidence, departure, confidence, callsign),) = watch.query(
        "SELECT arrived_at, arrival_evidence, departure_evidence, confidence, callsign FROM base_visits "
        "WHERE base_id = 'hmeimim' AND list_contains(fleets, 'ru_mil')"
    )
    assert (evidence, departure, confidence, callsign) == ("touchdown", "none", 3, "RFF406")
    assert abs(arrived_at.timestamp() - (network.began + 60 * TOUCHDOWN)) <= 60
    days = "SELECT visits, arrivals, observability FROM base_daily_activity WHERE base_id = 'hmeimim' AND fleet_id = ?"
    assert watch.query(days, "ru_mil") == [(1, 1, "missing")], "a lower bound: the day was not watched whole"
    assert watch.query(days, "unidentified") == [(None, None, "missing")]


def test_sigterm_flushes_what_came_the_next_poller_goes_on_and_a_second_sigterm_waits_for_nothing(
    watch: Watch, network: Network
) -> None:
    poll(watch, network)
    process = watch.start("watch", environment={"BASEWATCH_SOURCES__READSB_LIVE__FLUSH_SECONDS": "3600"})
    try:
        network.after(1, process)
        assert not Lake(watch.root).folder.exists()
        said = ended(process, signal.SIGTERM)
    finally:
        stop(process)
    first = points(watch)
    assert len(first) >= 2 and sum("flushed" in line for line in said) == 1

    process = watch.start("watch")
    try:
        wait_for(lambda: first < points(watch), 60, "more positions, and none lost")
        network.live.host.stalled(15)
        asked = len(network.live.host.log)
        wait_for(lambda: len(network.live.host.log) > asked, 20, "an answer that does not come", step=0.05)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert process.poll() is None, "the first waits for it"
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == -signal.SIGTERM
    finally:
        stop(process)
    with Warehouse(watch.root).watching(0):
        assert first < points(watch), "the dead poller holds nothing, and what it flushed stays"


def test_the_flow_polls_until_it_is_cancelled(tmp_path: Path, prefect_server: Server, network: Network) -> None:
    watch = Watch(tmp_path, prefect_server.environment)
    poll(watch, network)
    script = "from basewatch.flows.watch import watch; print(watch('basewatch.toml'))"
    process = watch.start_command([sys.executable, "-c", script])
    try:
        network.after(2, process)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    finally:
        stop(process)
    assert process.returncode == 0 and int(out) >= 3, err
    assert len(points(watch)) >= 2
    (found,) = prefect_server.ask("/flow_runs/filter", flows={"name": {"any_": ["watch"]}})
    assert found["state_type"] == "COMPLETED"


def test_what_cannot_be_polled_is_said_before_the_first_poll(watch: Watch, network: Network) -> None:
    for more, told in (
        ('networks = ["adsb.lo"]', "'adsb.lo' is not known"),
        ('location = "recorded"', "names recorded answers, which `basewatch nightly` reads"),
    ):
        poll(watch, network, more)
        done = watch.inside("watch")
        assert done.returncode == 2 and told in done.stderr and "Traceback" not in done.stderr, done
    watch.configure()
    done = watch.inside("watch")
    assert done.returncode == 2 and "set `enabled = true` in [sources.readsb_live]" in done.stderr
    assert network.minutes == -1 and not watch.root.exists()
