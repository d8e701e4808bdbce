"""Flightradar24 over real HTTP: plan limits, windows, halving, credits, expiry, retention, faults as what they are."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from basewatch.errors import SourceError
from basewatch.lake import recording
from basewatch.lake.events import Day
from basewatch.lake.ledger import LedgerRow, ledger_row
from basewatch.lake.store import Lake
from basewatch.sources import flightradar24
from basewatch.sources.contract import Context
from server import setup
from server.core import FakeClock, Reply, Request, reply_json, serving
from server.flights import Flight, Flightradar24

NOW = datetime(2026, 10, 2, 5, 15, tzinfo=UTC)
TOKEN = "fr24|token-5d2c|9"
T = setup.at

ARRIVAL = Flight("1533f3", "RA-78835", "IL76", "RFF406", "UUMU", "OSLK", T("2026-10-01 12:00"), T("2026-10-01 17:25"))
OVERNIGHT = Flight("154ca3", "RA-85155", "T154", None, None, "OSLK", T("2026-09-30 22:50"), T("2026-10-01 01:20"))
EARLIER = Flight("06a1c0", None, "C17", "QAF250", "OTBH", "OSLK", T("2026-09-30 14:00"), T("2026-09-30 17:00"))
ELSEWHERE = Flight("1533f3", "RA-78835", "IL76", "RFF99", "UUMU", "UMMS", T("2026-10-01 04:00"), T("2026-10-01 05:30"))


@dataclass
class World:
    """A provider, a clock, and a way to fetch."""

    provider: Flightradar24
    clock: FakeClock
    folder: Path

    def context(self, now: datetime = NOW, **changes: Any) -> Context:
        values = {"location": f"{self.provider.api.url}/api", "token": TOKEN, "bases": ["hmeimim"], **changes}
        return setup.context(setup.settings(self.folder, flightradar24=values), now, "flightradar24")

    def decode(self, since: str, until: str | None = None, **changes: Any) -> setup.Decoded:
        about = self.context(**changes)
        return setup.Decoded(flightradar24.fetch(setup.window("flightradar24", since, until), about), about)


def make(tmp_path: Path, **more: Any) -> Iterator[World]:
    with setup.virtual_time(NOW) as clock:
        provider = Flightradar24(clock.time, [ARRIVAL, OVERNIGHT, EARLIER, ELSEWHERE], token=TOKEN, **more)
        with serving(provider.api):
            yield World(provider, clock, tmp_path)
    assert provider.api.violations == []


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    yield from make(tmp_path)


@pytest.fixture
def essential(tmp_path: Path) -> Iterator[World]:
    yield from make(tmp_path, plan="essential")


def test_a_day_of_a_base_holds_its_flights_and_those_that_landed_after_midnight(world: World) -> None:
    got = world.decode("2026-10-01")
    rows = got.table("flightradar24_flights")
    assert {(row["callsign"], str(row["day"]), str(row["first_seen"])[:16]) for row in rows} == {
        ("RFF406", "2026-10-01", "2026-10-01 11:51"),
        (None, "2026-10-01", "2026-09-30 22:41"),
    }
    row = next(row for row in rows if row["callsign"])
    assert (row["hex"], row["actual_distance"], row["flight_time"], row["fetched_at"]) == (
        "1533f3",
        2431.5,
        19500.0,
        NOW,
    )
    assert got.status() == {("base:hmeimim", "2026-10-01"): "ok", ("global", "2026-10-01"): "ok"}
    (asked,) = world.provider.api.asked()
    assert (asked.path, asked.one("airports")) == ("/api/flight-summary/full", "both:OSLK")
    assert (asked.one("flight_datetime_from"), asked.one("flight_datetime_to")) == (
        "2026-09-30T12:00:00Z",
        "2026-10-01T23:59:59Z",
    )


def test_a_registration_is_asked_for_wherever_it_flies(world: World) -> None:
    got = world.decode("2026-10-01", bases=[], registrations=["RA-78835"])
    assert {row["callsign"] for row in got.table("flightradar24_flights")} == {"RFF406", "RFF99"}
    assert got.status()["aircraft:reg:RA-78835", "2026-10-01"] == "ok"


def test_light_and_times_without_a_zone_give_the_same_rows_with_nulls(world: World) -> None:
    full = world.decode("2026-10-01").table("flightradar24_flights")
    world.provider.naive_times = True
    light = world.decode("2026-10-01", detail="light").table("flightradar24_flights")
    lacking = ("flight_time", "actual_distance", "circle_distance", "category")
    other = {row.pop("origin_sha256") for row in full} ^ {row.pop("origin_sha256") for row in light}
    assert len(other) == 2, "one answer each, of other bytes"
    assert light == [{**row, **dict.fromkeys(lacking)} for row in full]


def test_no_flights_is_empty_and_not_missing(world: World) -> None:
    world.provider.flights = []
    assert set(world.decode("2026-10-01").status().values()) == {"empty"}


def test_a_full_answer_is_asked_again_in_halves(world: World) -> None:
    many = [
        Flight(f"15{n:04x}", f"RA-{n}", "IL76", f"RFF{n}", "UUMU", "OSLK", at, at + timedelta(hours=2))
        for n in range(70)
        for at in [T("2026-10-01 01:00") + timedelta(minutes=17 * n)]
    ]
    world.provider.flights = many
    got = world.decode("2026-10-01")
    assert len({row["record_id"] for row in got.table("flightradar24_flights")}) == 70
    assert got.status()["base:hmeimim", "2026-10-01"] == "ok"
    assert 7 <= len(world.provider.api.log) <= 15
    spans = [
        (request.one("flight_datetime_from"), request.one("flight_datetime_to"))
        for request in world.provider.api.asked()
    ]
    assert len(set(spans)) == len(spans)


def test_more_flights_than_can_be_shown_make_the_day_partial(world: World) -> None:
    at = T("2026-10-01 12:00")
    world.provider.flights = [
        Flight(f"15{n:04x}", f"RA-{n}", "IL76", None, None, "OSLK", at, at + timedelta(minutes=n)) for n in range(25)
    ]
    got = world.decode("2026-10-01", max_requests=100)
    assert got.status()["base:hmeimim", "2026-10-01"] == "partial"
    assert "the plan shows no more" in (got.day("base:hmeimim", "2026-10-01").error or "")
    assert len(got.table("flightradar24_flights")) == 20


def test_a_long_window_is_cut_into_what_the_api_allows(essential: World) -> None:
    essential.decode("2026-08-01", "2026-09-20", plan="essential")
    spans = [
        datetime.fromisoformat(r.one("flight_datetime_to") or "")
        - datetime.fromisoformat(r.one("flight_datetime_from") or "")
        for r in essential.provider.api.asked()
    ]
    assert len(spans) == 4
    assert max(spans) <= timedelta(days=14)


def test_the_plan_s_requests_a_minute_are_kept(world: World) -> None:
    for day in range(1, 29):
        world.decode(f"2026-09-{day:02d}")
    assert world.provider.api.statuses().count(429) == 0
    assert world.clock.time() - NOW.timestamp() >= 60


def test_days_before_the_plan_s_history_are_expired_and_not_asked_for(world: World) -> None:
    got = world.decode("2026-09-01", "2026-09-03")
    assert {day: status for (scope, day), status in got.status().items() if scope == "global"} == {
        "2026-09-01": "expired",
        "2026-09-02": "expired",
        "2026-09-03": "empty",
    }
    assert "reaches back" in (got.day("base:hmeimim", "2026-09-01").error or "")
    assert len(world.provider.api.log) == 1


def test_a_day_that_has_not_ended_is_late(world: World) -> None:
    got = world.decode("2026-10-02")
    assert set(got.status().values()) == {"late"}
    assert world.provider.api.log == []


def test_a_flight_still_in_the_air_leaves_the_day_open_but_not_for_ever(world: World) -> None:
    world.provider.api.fault(
        lambda _, right: Reply(200, right.body.replace(b'"flight_ended": true', b'"flight_ended": false'))
    )
    got = world.decode("2026-10-01")
    assert got.status() == {("base:hmeimim", "2026-10-01"): "partial", ("global", "2026-10-01"): "partial"}
    world.provider.api.fault(
        lambda _, right: Reply(200, right.body.replace(b'"flight_ended": true', b'"flight_ended": "false"'))
    )
    later = world.decode("2026-10-01", now=NOW + timedelta(days=2))
    assert set(later.status().values()) == {"ok"}


def test_nothing_named_and_no_token_say_what_to_set(world: World) -> None:
    with pytest.raises(SourceError, match=r"sources\.flightradar24\.bases"):
        world.decode("2026-10-01", bases=[])
    with pytest.raises(SourceError, match="BASEWATCH_SOURCES__FLIGHTRADAR24__TOKEN"):
        world.decode("2026-10-01", token=None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"token": "wrong"}, r"answered 401 with the message 'Unauthenticated.*FLIGHTRADAR24__TOKEN"),
        ({"credits": 0}, r"answered 402 with the message 'Credit limit reached.*credits are used up"),
    ],
)
def test_refusals_are_told_apart_and_asked_once(world: World, change: dict[str, Any], message: str) -> None:
    world.provider.credits = change.pop("credits", 10**6)
    with pytest.raises(SourceError, match=message):
        world.decode("2026-10-01", bases=["hmeimim", "chkalovsky"], **change)
    assert len(world.provider.api.log) == 1


def test_credits_that_end_half_way_leave_the_rest_failed(world: World) -> None:
    world.provider.credits = 4
    got = world.decode("2026-10-01", bases=["hmeimim", "chkalovsky"])
    assert got.status()["base:hmeimim", "2026-10-01"] == "ok"
    assert got.status()["base:chkalovsky", "2026-10-01"] == "failed"
    assert got.status()["global", "2026-10-01"] == "partial"


def test_more_requests_than_a_window_may_make_are_not_made(world: World) -> None:
    got = world.decode("2026-10-01", max_requests=1, bases=["hmeimim", "chkalovsky"])
    assert got.status()["global", "2026-10-01"] == "partial"
    assert "1 requests made in one window" in (got.day("base:chkalovsky", "2026-10-01").error or "")
    assert len(world.provider.api.log) == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda host: host.too_many(),
        lambda host: host.too_many({"Retry-After": "7"}),
        lambda host: host.broken(502, times=2),
        lambda host: host.truncated(),
        lambda host: host.html("Just a moment..."),
        lambda host: host.mislabelled(None, times=9),
        lambda host: host.zipped(encoding=True, content=False, times=9),
    ],
)
def test_passing_faults_leave_no_trace_in_the_rows(world: World, spoil: Any) -> None:
    clean = world.decode("2026-10-01")
    spoil(world.provider.api)
    again = world.decode("2026-10-01")
    assert (again.table("flightradar24_flights"), again.status()) == (
        clean.table("flightradar24_flights"),
        clean.status(),
    )


def test_null_fields_and_malformed_records_are_kept_apart(world: World) -> None:
    rows = (
        b'{"data": [{"fr24_id": "a1", "reg": "RF-1", "first_seen": "2026-10-01T10:00:00Z"}, {"fr24_id": null}, '
        b'{"fr24_id": "b2"}, 7]}'
    )
    world.provider.api.fault(lambda _, __: Reply(200, rows))
    got = world.decode("2026-10-01")
    (kept,) = got.table("flightradar24_flights")
    assert {name for name, value in kept.items() if value is not None} == {
        "source", "day", "record_id", "reg", "first_seen", "fetched_at", "origin_file", "origin_sha256", "origin_place",
    }  # fmt: skip
    assert len(got.rejects) == 3
    noted = got.day("base:hmeimim", "2026-10-01")
    assert (noted.status, noted.records_read, noted.records_kept, noted.records_rejected) == ("partial", 4, 1, 3)


def test_a_timeout_leaves_no_trace_in_the_rows(world: World) -> None:
    clean = world.decode("2026-10-01")
    world.provider.api.stalled(1.2)
    again = world.decode("2026-10-01", read_seconds=0.5)
    assert again.table("flightradar24_flights") == clean.table("flightradar24_flights")
    assert len(world.provider.api.log) >= 3


def test_the_landing_replays_to_the_same_rows(world: World) -> None:
    got = world.decode("2026-10-01")
    again = world.decode("2026-10-01", location=str(world.folder / "warehouse" / "landing"), token=None)
    assert (again.table("flightradar24_flights"), again.status()) == (got.table("flightradar24_flights"), got.status())
    assert len(world.provider.api.log) == 1


def test_what_is_older_than_the_terms_allow_is_deleted_with_a_tombstone(world: World) -> None:
    about = world.context()
    lake = Lake(world.folder / "warehouse")
    landed = flightradar24.fetch(setup.window("flightradar24", "2026-10-01"), about)
    got = setup.Decoded(landed, about)
    for event in got.rows:
        part = lake.write_rows(event.table, "flightradar24", event.day, event.data)
        lake.commit([ledger_row("flightradar24", got.day(event.scope, str(event.day)), "run-1", [part], at=NOW)])
    own = lake.write_rows(
        "flightradar24_flights", "flight_files", date(2026, 10, 1), got.rows[0].data.drop_columns("source")
    )
    lake.commit([ledger_row("flight_files", Day(date(2026, 10, 1), "ok"), "run-1", [own], at=NOW)])

    def expired(run_id: str, **changes: Any) -> list[LedgerRow]:
        """What a run on another day lets go."""
        then = world.context(**changes)
        expiry = flightradar24.expire(then)
        if expiry is None:
            return []
        return recording.expire(lake, "flightradar24", expiry.before, expiry.why, run_id, then.now)

    assert expired("run-2", now=NOW + timedelta(days=29)) == []
    assert len(lake.files("flightradar24_flights")) == 2
    restated = lake.write_rows("flightradar24_flights", "flightradar24", date(2026, 10, 1), got.rows[0].data.slice(1))
    day = got.day("base:hmeimim", "2026-10-01")
    lake.commit([ledger_row("flightradar24", day, "run-1b", [restated], at=NOW + timedelta(days=20))])
    assert expired("run-2b", now=NOW + timedelta(days=31)) == [], "the day that stands is not old enough"
    left = list((lake.folder / "flightradar24_flights" / "source=flightradar24").rglob("*.parquet"))
    assert [str(file.relative_to(lake.folder)) for file in left] == [restated], "what it replaced is"

    written = expired("run-3", now=NOW + timedelta(days=51))
    assert [(row.scope, row.status, row.parts) for row in written] == [("base:hmeimim", "expired", ())]
    assert "30 days after it was fetched" in (written[0].error or "")
    assert [file.parent.parent.name for file in lake.files("flightradar24_flights")] == ["source=flight_files"]
    assert list((lake.folder / "flightradar24_flights" / "source=flightradar24").rglob("*.parquet")) == []
    assert not landed.files[0].path.exists()
    assert expired("run-4", now=NOW + timedelta(days=51)) == []
    assert expired("run-5", now=NOW + timedelta(days=99), retention_days=None) == []


POSITION: dict[str, Any] = {
    "fr24_id": "3b2c1d0e", "hex": "1533F3", "callsign": "RFF406", "lat": 35.45, "lon": 35.95, "track": 171, "alt": 2400,
    "gspeed": 181, "vspeed": -704, "squawk": 1, "timestamp": "2026-10-01T17:00:00Z", "source": "ADSB", "flight": None,
    "type": "IL76", "reg": "RA-78835", "painted_as": None, "operating_as": "TTF", "orig_icao": "UUMU", "eta": None,
}  # fmt: skip


def test_historic_positions_become_track_points_where_the_plan_allows(world: World) -> None:
    on_ground = {**POSITION, "hex": "154ca3", "alt": 0, "track": 0, "gspeed": 5, "vspeed": 0, "lat": 35.4, "lon": 35.95}
    unwanted = [{**POSITION, "source": "ESTIMATED"}, {**POSITION, "hex": None}, {**POSITION, "hex": "x"}]
    world.provider.positions = [POSITION, on_ground, *unwanted]
    got = world.decode("2026-10-01", positions_every_minutes=60)
    air, ground = sorted(got.table("track_points"), key=lambda row: row["icao24"])
    assert (air["altitude_baro_ft"], air["ground_speed_kt"], air["vertical_rate_fpm"], air["track_deg"]) == (
        2400, 181.0, -704, 171.0,
    )  # fmt: skip
    assert (air["base_id"], air["network"], air["source"], air["position_type"]) == (
        "hmeimim", "flightradar24", "flightradar24", "adsb",
    )  # fmt: skip
    assert (air["callsign"], air["registration"], air["type_code"]) == ("RFF406", "RA-78835", "IL76")
    assert (ground["is_ground"], ground["altitude_baro_ft"], ground["track_deg"]) == (True, None, None)
    assert len(got.rejects) == 1
    asked = world.provider.api.asked("/api/historic")
    assert len(asked) == 24
    assert asked[0].one("bounds") == "35.651,35.151,35.642,36.255"
    assert got.day("base:hmeimim", "2026-10-01").error == "1 of 7 records rejected"


def test_a_plan_without_positions_leaves_the_flights_whole(world: World) -> None:
    world.provider.positions_allowed = False
    got = world.decode("2026-10-01", positions_every_minutes=60)
    assert got.status()["base:hmeimim", "2026-10-01"] == "ok"
    assert len(got.table("flightradar24_flights")) == 2
    assert len(world.provider.api.asked("/api/historic")) == 1


def test_the_token_stands_nowhere(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    world.provider.api.fault(lambda asked, _: Reply(500, f"trace: {asked.headers}".encode(), "text/plain"), times=2)
    world.decode("2026-10-01")
    world.provider.api.fault(lambda asked, _: Reply(400, f"you sent {asked.headers['authorization']}".encode(), None))
    with pytest.raises(SourceError) as caught:
        world.decode("2026-09-30")
    seen = caplog.text + "".join(body.decode("utf-8", "replace") for _, body in setup.files_below(world.folder))
    seen += f"{caught.value} {caught.value!r} {caught.value.__context__} {world.context()} {world.context().settings}"
    assert "flight-summary" in seen
    assert TOKEN not in seen
    assert "fr24%7Ctoken" not in seen


def test_check_says_what_to_do(world: World) -> None:
    good = flightradar24.check(world.context())
    assert all(finding.ok for finding in good), good
    assert [finding.ok for finding in flightradar24.check(world.context(token=None))] == [True, False]
    wrong = flightradar24.check(world.context(token="another-token", retention_days=None))
    assert [finding.ok for finding in wrong] == [True, False, False]
    assert "Unauthenticated" in wrong[-1].what


def test_each_row_says_in_which_record_of_which_file_it_stood(world: World) -> None:
    got = world.decode("2026-10-01")
    kept = {hashlib.sha256(file.read_bytes()).hexdigest(): file for file in world.folder.rglob("*.json")}
    rows = got.table("flightradar24_flights")
    assert rows
    for row in rows:
        file = kept[row["origin_sha256"]]
        assert file.name == row["origin_file"]
        record = json.loads(file.read_bytes())["data"][int(row["origin_place"].removeprefix("record ")) - 1]
        assert record["fr24_id"] == row["record_id"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({"message": "moved"}, "the message 'moved': it has no list `data`"),
        ({"data": None}, "it has no list `data`"),
        ({"data": {}}, "it has no list `data`"),
        ({"data": [], "errors": ["quota"]}, "it reports an error beside an empty list"),
        ({"data": ["a", 1]}, "its list holds other things than records"),
        ([], "it has no list `data`"),
    ],
)
def test_json_that_is_no_answer_fails_and_says_why(world: World, content: Any, why: str) -> None:
    world.provider.api.fault(lambda _, __: reply_json(content), times=99)
    with pytest.raises(SourceError, match=re.escape(why)):
        world.decode("2026-10-01")
    finding = flightradar24.check(world.context())[-1]
    assert (finding.ok, why in finding.what) == (False, True)


def test_an_answer_of_other_days_alone_is_no_answer(world: World) -> None:
    seen = {"first_seen": "2024-05-01T10:00:00Z", "last_seen": "2024-05-01T12:00:00Z"}
    static = {"fr24_id": "a1", "hex": "1533F3", **seen}
    world.provider.api.fault(lambda _, __: reply_json({"data": [static]}), times=99)
    got = world.decode("2026-10-01")
    assert got.status() == {("base:hmeimim", "2026-10-01"): "partial", ("global", "2026-10-01"): "partial"}
    assert [reject.reason for reject in got.rejects] == ["none of its 1 flights is of the days that were asked for"]
    assert got.rows == []


def test_a_malformed_record_spoils_each_day_that_was_asked_for(world: World) -> None:
    def spoilt(_: Request, right: Reply) -> Reply:
        return reply_json({"data": [*json.loads(right.body)["data"], {"fr24_id": None}]})

    world.provider.api.fault(spoilt, times=99)
    got = world.decode("2026-09-30", "2026-10-01")
    assert set(got.status().values()) == {"partial"}
    assert len(got.table("flightradar24_flights")) == 3
