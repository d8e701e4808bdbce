"""Live polling over real HTTP: every network's form, limits, outages, holes told, restarts, and recorded answers."""

from __future__ import annotations

import gzip
import json
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from basewatch.errors import ConfigError
from basewatch.lake import recording
from basewatch.lake.events import Day, Event, Reject, Rows
from basewatch.lake.store import Lake
from basewatch.net.limits import STATE, Clock
from basewatch.readsb import polled
from basewatch.sources import contract, readsb_live
from basewatch.sources.contract import Context
from server import setup
from server.core import FakeClock, Reply, serving
from server.flights import OpenSky
from server.live import Live

MIDNIGHT = datetime(2026, 10, 1, tzinfo=UTC)
KEY = "adsbx-key-77aa"
CRAFT: dict[str, Any] = {
    "hex": "1533f3", "type": "adsb_icao", "flight": "RFF406  ", "r": "RA-78835", "t": "IL76", "dbFlags": 1,
    "alt_baro": 2400, "alt_geom": 2550, "gs": 181.4, "track": 171.5, "baro_rate": -704, "squawk": "0001",
    "lat": 35.5, "lon": 35.94, "nic": 8, "rc": 186, "seen_pos": 2.5, "seen": 0.1, "messages": 12, "rssi": -20.1,
    "mlat": [], "tisb": [],
}  # fmt: skip
AIRLINER = {
    "hex": "4b8446",
    "type": "adsb_icao",
    "alt_baro": 9000,
    "gs": 260.0,
    "lat": 35.6,
    "lon": 36.0,
    "seen_pos": 1.0,
}


@dataclass
class World:
    """A network, a clock, and a watch that stops after a while."""

    live: Live
    clock: FakeClock
    folder: Path
    batches: list[list[Event]] = field(default_factory=list)

    def context(self, now: datetime | None = None, **changes: Any) -> Context:
        values = {"addresses": {"adsb.lol": self.live.host.url}, **changes}
        configured = setup.settings(self.folder, readsb_live=values)
        return setup.context(configured, now or datetime.fromtimestamp(self.clock.time(), UTC), "readsb_live")

    def watch(self, seconds: float, each: Callable[[float], None] = lambda now: None, **changes: Any) -> list[Event]:
        """Watch for so long; `each` is called whenever the poller rests. Returns the last batch written."""
        stop = threading.Event()
        end = self.clock.time() + seconds

        def wait(signal: threading.Event, pause: float) -> bool:
            each(self.clock.time())
            self.clock.sleep(pause)
            if self.clock.time() >= end:
                signal.set()
            return signal.is_set()

        STATE.clock = Clock(self.clock.time, self.clock.time, self.clock.sleep, wait)
        readsb_live.watch(self.context(**changes), self.batches.append, stop)
        return self.batches[-1]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with setup.virtual_time(MIDNIGHT) as clock:
        live = Live(clock.time)
        live.aircraft = [dict(CRAFT), dict(AIRLINER)]
        with serving(live.host):
            yield World(live, clock, tmp_path)
    assert live.host.violations == []


def rows(events: list[Event], name: str) -> list[dict[str, Any]]:
    return [
        row for event in events if isinstance(event, Rows) and event.table == name for row in event.data.to_pylist()
    ]  # type: ignore[union-attr]


def day(events: list[Event], scope: str) -> Day:
    (found,) = [event for event in events if isinstance(event, Day) and event.scope == scope]
    return found


def test_a_polled_position_keeps_every_field_with_its_unit(world: World) -> None:
    (row,) = rows(world.watch(30), "track_points")
    distance = row.pop("distance_km")
    assert distance == pytest.approx(11.03, abs=0.05)
    assert row.pop("ground_speed_kt") == pytest.approx(181.4)
    assert {key: value for key, value in row.items() if key != "operator"} == {
        "source": "readsb_live", "day": date(2026, 9, 30), "icao24": "1533f3",
        "seen_at": MIDNIGHT - timedelta(seconds=2.5), "network": "adsblol", "latitude": 35.5, "longitude": 35.94,
        "is_ground": False, "altitude_baro_ft": 2400, "altitude_geom_ft": 2550, "track_deg": 171.5,
        "vertical_rate_fpm": -704, "position_type": "adsb_icao", "callsign": "RFF406", "registration": "RA-78835",
        "type_code": "IL76", "db_flags": 1, "is_new_leg": False, "is_stale": False, "base_id": "hmeimim",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ({"flight": None}, "callsign", None),
        ({"flight": "        "}, "callsign", None),
        ({"r": None}, "registration", None),
        ({"t": None}, "type_code", None),
        ({"alt_baro": "ground"}, "is_ground", True),
        ({"alt_baro": "ground"}, "altitude_baro_ft", None),
        ({"alt_baro": None}, "altitude_baro_ft", None),
        ({"alt_geom": None}, "altitude_geom_ft", None),
        ({"gs": None}, "ground_speed_kt", None),
        ({"track": None}, "track_deg", None),
        ({"track": None, "true_heading": 90.0}, "track_deg", 90.0),
        ({"baro_rate": None}, "vertical_rate_fpm", None),
        ({"baro_rate": None, "geom_rate": 64}, "vertical_rate_fpm", 64),
        ({"type": None}, "position_type", None),
    ],
)
def test_a_missing_key_is_a_null(world: World, change: dict[str, Any], field: str, value: Any) -> None:
    world.live.aircraft = [{key: found for key, found in {**CRAFT, **change}.items() if found is not None}]
    (row,) = rows(world.watch(30), "track_points")
    assert row[field] == value


@pytest.mark.parametrize(
    "change",
    [
        {"lat": None, "lon": None, "seen_pos": None},
        {"lat": None, "lon": None, "seen_pos": None, "rr_lat": 35.4, "rr_lon": 35.9},
        {"lat": None, "lon": None, "seen_pos": None, "lastPosition": {"lat": 35.4, "lon": 35.9, "seen_pos": 300}},
        {"hex": "~2c00b2"},
        {"lat": 20.0},
    ],
)
def test_what_is_no_position_of_an_aircraft_near_a_base_is_left_out(world: World, change: dict[str, Any]) -> None:
    world.live.aircraft = [{key: found for key, found in {**CRAFT, **change}.items() if found is not None}]
    events = world.watch(30)
    assert rows(events, "track_points") == []
    assert [event for event in events if not isinstance(event, Rows | Day)] == []


def test_a_malformed_object_is_a_reject_and_the_others_stay(world: World) -> None:
    world.live.aircraft = [{**CRAFT, "gs": "fast"}, {**CRAFT, "hex": "154ca3"}, {"type": "x", "dbFlags": 1}]
    events = world.watch(30)
    assert [row["icao24"] for row in rows(events, "track_points")] == ["154ca3"]
    reasons = [event.reason for event in events if isinstance(event, Reject)]
    assert reasons == ["Expected `float | null`, got `str` - at `$.gs`", "Object missing required field `hex`"]
    assert day(events, "aircraft:polled").records_rejected == 2


def test_the_same_position_told_twice_is_one_row(world: World) -> None:
    first = world.clock.time()

    def age(now: float) -> None:
        world.live.aircraft = [{**CRAFT, "seen_pos": round(now + 20 - first + 2.504, 3)}]

    events = world.watch(70, age, every_seconds=20)
    assert len(world.live.host.log) >= 3
    assert len(rows(events, "track_points")) == 1


def test_areas_and_addresses_are_asked_for_and_no_limit_is_broken(world: World) -> None:
    events = world.watch(
        200, bases=["hmeimim", "chkalovsky"], aircraft=["1533F3", "154ca3"], every_seconds=5, flush_seconds=50
    )
    paths = [request.path for request in world.live.host.asked()]
    assert set(paths) == {
        "/v2/mil", "/v2/point/35.4011/35.9487/61", "/v2/point/55.8783/38.0617/61", "/v2/hex/1533f3,154ca3",
    }  # fmt: skip
    assert len(paths) >= 100
    assert {event.scope for event in events if isinstance(event, Day)} == {
        "aircraft:polled", "aircraft:military", "base:hmeimim", "base:chkalovsky", "aircraft:1533f3", "aircraft:154ca3",
    }  # fmt: skip
    background = rows(events, "base_background")
    assert [(row["base_id"], row["network"], row["aircraft_25nm"]) for row in background] == [("hmeimim", "adsblol", 1)]
    assert len(world.batches) == 4


def test_other_networks_answer_in_their_own_form(tmp_path: Path) -> None:
    with setup.virtual_time(MIDNIGHT) as clock:
        fi, exchange, local = (
            Live(clock.time, style="adsb.fi"),
            Live(clock.time, key=("api-auth", KEY)),
            Live(clock.time),
        )
        for each in (fi, exchange, local):
            each.aircraft = [dict(CRAFT)]
        with serving(fi.host, exchange.host, local.host):
            world = World(fi, clock, tmp_path)
            addresses = {
                "adsb.fi": fi.host.url,
                "adsbexchange": exchange.host.url,
                "local": f"{local.host.url}/data/aircraft.json",
            }
            events = world.watch(
                30, networks=["adsb.fi", "adsbexchange", "local"], addresses=addresses, api_key=KEY, bases=["hmeimim"]
            )
        assert {row["network"] for row in rows(events, "track_points")} == {"adsbfi", "adsbexchange", "local"}
        assert "/v2/lat/35.4011/lon/35.9487/dist/61" in [request.path for request in fi.host.asked()]
        assert "api-auth" not in fi.host.asked()[0].headers
        assert [*fi.host.violations, *exchange.host.violations, *local.host.violations] == []


def test_a_daily_limit_slows_the_polls_instead_of_ending_them(world: World) -> None:
    about = world.context(
        networks=["airplanes.live"], addresses={"airplanes.live": world.live.host.url}, bases=["hmeimim"]
    )
    assert readsb_live.intervals(about) == {"airplanes.live": pytest.approx(2 * 86400 / 500 * 1.02)}
    world.watch(
        86400, networks=["airplanes.live"], addresses={"airplanes.live": world.live.host.url}, bases=["hmeimim"],
        flush_seconds=86400,
    )  # fmt: skip
    assert 400 < len(world.live.host.log) <= 500


def test_a_full_day_without_holes_is_ok_and_one_still_running_is_not(world: World) -> None:
    events = world.watch(86400 + 30, bases=["hmeimim"], military=False, every_seconds=300, flush_seconds=90000)
    assert len(world.batches) == 2  # at midnight the day that ended, then the new one
    finished = world.batches[0]
    assert day(finished, "base:hmeimim") == Day(date(2026, 10, 1), "ok", "base:hmeimim")
    assert day(finished, "aircraft:polled").status == "ok"
    assert day(events, "base:hmeimim").day == date(2026, 10, 2)
    assert (day(events, "base:hmeimim").status, day(events, "base:hmeimim").error) == (
        "partial",
        "the day has not ended",
    )


def test_an_outage_is_survived_and_told_as_a_hole(world: World) -> None:
    begin = world.clock.time()
    right = world.live.host.handle

    def weather(now: float) -> None:
        outage = 6 * 3600 <= now - begin < 7.5 * 3600
        world.live.host.handle = (lambda _: Reply(502, b"bad gateway", "text/plain")) if outage else right

    world.watch(86400, weather, bases=["hmeimim"], military=False, every_seconds=120, flush_seconds=90000)
    found = day(world.batches[0], "base:hmeimim")
    assert found.status == "partial"
    assert (found.error or "").startswith("not polled 9")
    assert "06:00–07:" in (found.error or "")
    assert "answered 502" in (found.error or "") or "not asked, after" in (found.error or "")


def test_nothing_but_faults_is_a_failed_day(world: World) -> None:
    world.live.host.html("Just a moment...", status=403, times=10**6)
    found = day(world.watch(600), "aircraft:military")
    assert found.status == "failed"
    assert "answered 403 with an HTML page titled 'Just a moment...'" in (found.error or "")


def test_a_poller_that_was_killed_goes_on_with_what_it_had(world: World) -> None:
    world.watch(3000, bases=["hmeimim"], every_seconds=60)
    before = {row["seen_at"] for row in rows(world.batches[-1], "track_points")}
    (landed,) = (world.folder / "warehouse/landing/readsb_live/2026-10-01").glob("polls-*")
    landed.write_bytes(landed.read_bytes()[:-7])  # killed while it wrote
    world.clock.sleep(7200)
    events = world.watch(600, bases=["hmeimim"], every_seconds=60)
    after = {row["seen_at"] for row in rows(events, "track_points")}
    assert len(before - after) <= 1
    assert len(after) >= len(before) + 9
    assert any("the file ends within an answer" in event.reason for event in events if isinstance(event, Reject))
    assert "not polled 1" in (day(events, "base:hmeimim").error or "")


def test_the_day_on_which_a_poller_was_stopped_is_judged_again_by_the_next(world: World) -> None:
    changes = {"bases": ["hmeimim"], "military": False, "every_seconds": 600, "max_gap_minutes": 25}
    stopped = world.watch(86400 - 600, **changes)
    assert day(stopped, "base:hmeimim").error == "the day has not ended"
    world.clock.sleep(610)
    earlier = len(world.batches)
    world.watch(60, **changes)
    again = world.batches[earlier]
    assert day(again, "base:hmeimim") == Day(date(2026, 10, 1), "ok", "base:hmeimim")
    assert rows(again, "track_points") == rows(stopped, "track_points")
    assert day(world.batches[-1], "base:hmeimim").day == date(2026, 10, 2)


def test_the_lake_gets_a_day_as_a_whole_each_time(world: World) -> None:
    lake = Lake(world.folder / "warehouse")

    def write(events: list[Event]) -> None:
        recording.record(lake, "readsb_live", events, "watch")

    world.batches = type(
        "Sink", (list,), {"append": lambda self, events: (list.append(self, events), write(events))[0]}
    )()
    world.watch(1500, bases=["hmeimim"], flush_seconds=300)
    files = lake.files("track_points")
    assert len(world.batches) >= 5
    assert len(files) == 1
    assert pq.read_table(files[0]).num_rows == len(rows(world.batches[-1], "track_points"))


def test_states_of_opensky_are_polled_within_their_credits(tmp_path: Path) -> None:
    with setup.virtual_time(MIDNIGHT) as clock:
        provider = OpenSky(clock.time, [], client=("a", "b"), credits=400)
        provider.states = [
            ["1533f3", "RFF406  ", "Russia", 1790812798, 1790812799, 35.95, 35.45, 750.0, False, 90.0, 171.5, -4.0,
             None, 800.0, "0001", False, 0],
        ]  # fmt: skip
        live = Live(clock.time)
        with serving(provider.api, live.host):
            world = World(live, clock, tmp_path)
            configured = setup.settings(
                tmp_path,
                readsb_live={"addresses": {"adsb.lol": live.host.url}},
                opensky={"location": f"{provider.api.url}/api", "bases": ["hmeimim"], "poll_states": True},
            )
            about = setup.context(configured, MIDNIGHT, "readsb_live")
            assert readsb_live.intervals(about)["opensky"] == pytest.approx(86400 / 400 * 1.02)
            world.context = lambda *_, **__: about  # type: ignore[method-assign]
            events = world.watch(600)
        (row,) = [row for row in rows(events, "track_points") if row["network"] == "opensky"]
        assert (row["altitude_baro_ft"], row["altitude_geom_ft"], row["vertical_rate_fpm"]) == (2460, 2624, -787)
        assert row["ground_speed_kt"] == pytest.approx(174.946, abs=0.01)
        assert day(events, "base:hmeimim").status == "partial"
        assert provider.api.violations == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"networks": ["adsb.lo"]}, r"'adsb.lo' is not known; known: adsb.fi, adsb.lol, adsbexchange"),
        ({"networks": ["adsbexchange"], "addresses": {"adsbexchange": "http://x"}}, "READSB_LIVE__API_KEY"),
        ({"networks": ["local"]}, r"local has no usual address: set sources\.readsb_live\.addresses"),
        ({"bases": ["nowhere"]}, r"'nowhere' not in bases\.csv"),
        ({"aircraft": ["RA-78835"]}, "'RA-78835' is not a 24-bit address"),
        ({"military": False}, "has nothing to poll"),
    ],
)
def test_wrong_settings_are_told_before_the_first_poll(world: World, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        world.watch(60, **change)
    assert world.live.host.log == []


def test_the_key_stands_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with setup.virtual_time(MIDNIGHT) as clock:
        live = Live(clock.time, key=("api-auth", KEY))
        live.host.fault(
            lambda asked, _: Reply(500, f"you sent {asked.headers['api-auth']}".encode(), "text/plain"), times=3
        )
        with serving(live.host):
            world = World(live, clock, tmp_path)
            events = world.watch(300, networks=["adsbexchange"], addresses={"adsbexchange": live.host.url}, api_key=KEY)
        landed = b"".join(
            gzip.decompress(body) if path.suffix == ".gz" else body for path, body in setup.files_below(tmp_path)
        )
    seen = caplog.text + str(events) + landed.decode()
    assert "you sent ***" in seen
    assert KEY not in seen


# ---- recorded answers


def answers(folder: Path, name: str, text: str) -> tuple[contract.Landed, Context]:
    (folder / "answers").mkdir(exist_ok=True)
    (folder / "answers" / name).write_text(text)
    configured = setup.settings(folder, readsb_live={"location": "answers"})
    about = setup.context(configured, datetime(2026, 10, 5, tzinfo=UTC), "readsb_live")
    assert contract.grain("readsb_live", configured) == "whole"
    return readsb_live.fetch(setup.window("readsb_live", "1900-01-01", "2026-10-04"), about), about


def test_recorded_objects_are_read_by_their_own_time_and_are_a_lower_bound(tmp_path: Path) -> None:
    lines = [
        {"observed_at_utc": "2026-10-01T09:22:46.242312+00:00", **CRAFT},
        {"observed_at_utc": "2026-10-02T09:22:46+00:00", **CRAFT, "alt_baro": "ground", "lat": 35.4, "lon": 35.95},
        {"observed_at_utc": "2026-10-05T09:22:46+00:00", **CRAFT},
    ]
    got = setup.Decoded(*answers(tmp_path, "o.jsonl", "".join(json.dumps(line) + "\n" for line in lines) + "{\n"))
    points = got.table("track_points")
    assert [str(row["seen_at"])[:23] for row in points] == ["2026-10-01 09:22:43.742", "2026-10-02 09:22:43.500"]
    assert got.status() == {("aircraft:polled", "2026-10-01"): "partial", ("aircraft:polled", "2026-10-02"): "partial"}
    assert [reject.where for reject in got.rejects] == ["o.jsonl, answer 4"]


def test_a_whole_answer_in_a_file_is_read(tmp_path: Path) -> None:
    now = datetime(2026, 10, 1, 12, 0, tzinfo=UTC).timestamp()
    got = setup.Decoded(*answers(tmp_path, "aircraft.json", json.dumps({"now": now, "aircraft": [CRAFT]}, indent=1)))
    assert [row["icao24"] for row in got.table("track_points")] == ["1533f3"]
    milliseconds = json.dumps({"now": int(now * 1000), "ac": [CRAFT]})
    again = setup.Decoded(*answers(tmp_path, "aircraft.json", milliseconds))
    assert again.table("track_points") == got.table("track_points")


def test_the_shipped_observations_are_read(tmp_path: Path) -> None:
    from importlib.resources import files

    text = files("basewatch.sample").joinpath("adsblol/observations.jsonl").read_text()
    landed, about = answers(tmp_path, "observations.jsonl", text)
    got = setup.Decoded(landed, about)
    assert got.rejects == []
    assert sum(found.records_read for found in got.days) == 152


def test_real_receiver_files_are_read(recorded: Path) -> None:
    for path in sorted((recorded / "aircraft_json").glob("*.json")):
        heard = polled.heard(json.loads(path.read_text()), "local", None, 600.0)
        assert heard.faults == []
        assert len(heard.seen) > 50


def test_check_says_what_to_do(world: World) -> None:
    assert all(finding.ok for finding in readsb_live.check(world.context(bases=["hmeimim"])))
    world.live.host.broken(503, times=99)
    assert [finding.ok for finding in readsb_live.check(world.context())] == [True, False]
    assert not readsb_live.check(world.context(networks=["x"]))[0].ok
