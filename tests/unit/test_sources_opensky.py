"""OpenSky over real HTTP: tokens, windows, credits, 404 as none, late days, and every fault as what it is."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from basewatch.errors import SourceError
from basewatch.sources import opensky
from basewatch.sources.contract import Context
from server import setup
from server.core import FakeClock, Reply, Request, reply_json, serving
from server.flights import Flight, OpenSky

NOW = datetime(2026, 10, 2, 5, 15, tzinfo=UTC)
SECRET = "kc-secret-8f3a1d"
T = setup.at

FLIGHTS = [
    Flight("1533f3", "RA-78835", "IL76", "RFF406", "UUMU", "OSLK", T("2026-10-01 12:00"), T("2026-10-01 17:25")),
    Flight("1533f3", "RA-78835", "IL76", "RFF407", "OSLK", None, T("2026-10-01 21:40"), T("2026-10-02 02:10")),
    Flight("154ca3", "RA-85155", "T154", None, None, "OSLK", T("2026-09-30 22:50"), T("2026-10-01 01:20")),
    Flight("06a1c0", None, "C17", "QAF250", "OTBH", "OSLK", T("2026-09-29 07:00"), T("2026-09-29 10:00")),
]


@dataclass
class World:
    """A provider, a clock, and a way to fetch."""

    provider: OpenSky
    clock: FakeClock
    folder: Path

    def context(self, now: datetime = NOW, **changes: Any) -> Context:
        values = {
            "location": f"{self.provider.api.url}/api",
            "token_url": f"{self.provider.auth.url}/auth/realms/opensky-network/protocol/openid-connect/token",
            "client_id": "watcher",
            "client_secret": SECRET,
            "bases": ["hmeimim"],
            **changes,
        }
        return setup.context(setup.settings(self.folder, opensky=values), now, "opensky")

    def decode(self, since: str, until: str | None = None, **changes: Any) -> setup.Decoded:
        about = self.context(**changes)
        return setup.Decoded(opensky.fetch(setup.window("opensky", since, until), about), about)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with setup.virtual_time(NOW) as clock:
        provider = OpenSky(clock.time, list(FLIGHTS), client=("watcher", SECRET))
        with serving(provider.api, provider.auth):
            yield World(provider, clock, tmp_path)
    assert provider.api.violations == []


def test_a_day_of_a_base_holds_its_arrivals_and_departures(world: World) -> None:
    got = world.decode("2026-10-01")
    assert [(row["record_id"], str(row["day"]), row["callsign"]) for row in got.table("opensky_flights")] == [
        ("1533f3-1790856000", "2026-10-01", "RFF406"),
        ("1533f3-1790890800", "2026-10-01", "RFF407"),
        ("154ca3-1790808600", "2026-10-01", None),
    ]
    first = got.table("opensky_flights")[0]
    assert first["est_arrival_airport_horiz_distance"] == 2100
    assert first["origin_file"] == "base-hmeimim-arrival-2026-10-01-2026-10-01.json"
    assert got.status() == {("base:hmeimim", "2026-10-01"): "ok", ("global", "2026-10-01"): "ok"}
    assert got.day("base:hmeimim", "2026-10-01").records_kept == 3
    paths = [request.path for request in world.provider.api.asked()]
    assert paths == ["/api/flights/arrival", "/api/flights/departure"]


def test_404_means_no_flights(world: World) -> None:
    got = world.decode("2026-09-30")
    assert world.provider.api.statuses() == [404, 404]
    assert got.status() == {("base:hmeimim", "2026-09-30"): "empty", ("global", "2026-09-30"): "empty"}
    assert got.rejects == []


def test_two_days_share_a_query_and_three_days_take_two(world: World) -> None:
    got = world.decode("2026-09-29", "2026-10-01")
    asked = [(r.path.rsplit("/", 1)[1], r.one("begin"), r.one("end")) for r in world.provider.api.asked()]
    assert asked == [
        ("arrival", "1790812800", "1790899199"),
        ("departure", "1790812800", "1790899199"),
        ("arrival", "1790640000", "1790812799"),
        ("departure", "1790640000", "1790812799"),
    ]
    assert world.provider.used == {20728: 120}
    assert got.status() == {
        ("base:hmeimim", "2026-09-29"): "ok",
        ("base:hmeimim", "2026-09-30"): "empty",
        ("base:hmeimim", "2026-10-01"): "ok",
        ("global", "2026-09-29"): "ok",
        ("global", "2026-09-30"): "empty",
        ("global", "2026-10-01"): "ok",
    }


def test_a_base_without_an_icao_code_is_asked_for_by_its_ident(world: World) -> None:
    tables = world.context().reference.bases
    ident = next(base for base in tables.values() if base.icao is None and base.ident)
    world.decode("2026-10-01", bases=[ident.base_id])
    assert {request.one("airport") for request in world.provider.api.asked()} == {ident.ident}


def test_an_aircraft_query_reaches_a_day_back_and_files_by_the_day_of_arrival(world: World) -> None:
    got = world.decode("2026-10-01", bases=[], aircraft=["154ca3", "1533F3"])
    rows = got.table("opensky_flights")
    assert [row["record_id"] for row in rows] == ["1533f3-1790856000", "154ca3-1790808600"]
    assert {str(row["day"]) for row in rows} == {"2026-10-01"}
    assert got.status()["aircraft:154ca3", "2026-10-01"] == "ok"
    assert [request.one("icao24") for request in world.provider.api.asked()] == ["154ca3", "1533f3"]


def test_nothing_named_is_an_error_that_says_what_to_name(world: World) -> None:
    with pytest.raises(SourceError, match=r"set sources\.opensky\.bases"):
        world.decode("2026-10-01", bases=[])
    with pytest.raises(SourceError, match=r"'nowhere' not in bases\.csv"):
        world.decode("2026-10-01", bases=["nowhere"])
    assert world.provider.api.log == []


def test_a_day_whose_batch_is_not_due_is_late_and_costs_nothing(world: World) -> None:
    got = world.decode("2026-10-01", now=datetime(2026, 10, 2, 1, 0, tzinfo=UTC))
    assert got.status() == {("base:hmeimim", "2026-10-01"): "late", ("global", "2026-10-01"): "late"}
    assert "not due yet" in (got.day("base:hmeimim", "2026-10-01").error or "")
    assert world.provider.api.log == []


def test_one_token_serves_a_run_and_is_renewed_before_it_expires(world: World) -> None:
    world.decode("2026-09-29")
    world.decode("2026-09-30")
    assert len(world.provider.auth.log) == 1
    world.clock.sleep(1780)  # within half a minute of the end
    world.decode("2026-10-01")
    assert (len(world.provider.auth.log), 401 in world.provider.api.statuses()) == (2, False)


def test_a_token_that_expires_in_between_is_renewed_and_the_call_repeated(world: World) -> None:
    clean = world.decode("2026-10-01").table("opensky_flights")
    world.provider.tokens.clear()
    assert world.decode("2026-10-01").table("opensky_flights") == clean
    assert world.provider.api.statuses() == [200, 200, 401, 200, 200]
    assert len(world.provider.auth.log) == 2


def test_wrong_credentials_say_which_variables_to_set(world: World) -> None:
    with pytest.raises(SourceError, match=r"Invalid client or Invalid client credentials.*CLIENT_ID") as caught:
        world.decode("2026-10-01", client_secret="wrong-secret-1")
    assert not caught.value.retryable
    assert (len(world.provider.auth.log), world.provider.api.log) == (1, [])


def test_an_anonymous_call_that_is_refused_says_how_to_log_in(world: World) -> None:
    with pytest.raises(SourceError, match="'You cannot access historical flights'; past flights need an account"):
        world.decode("2026-10-01", client_id=None, client_secret=None)
    assert len(world.provider.api.log) == 1


def test_credits_used_up_leave_the_rest_for_later_and_say_so(world: World) -> None:
    world.provider.credits = 75
    got = world.decode("2026-09-29", "2026-10-01")
    assert got.status() == {
        ("base:hmeimim", "2026-09-29"): "failed",
        ("base:hmeimim", "2026-09-30"): "failed",
        ("base:hmeimim", "2026-10-01"): "ok",
        ("global", "2026-09-29"): "failed",
        ("global", "2026-09-30"): "failed",
        ("global", "2026-10-01"): "ok",
    }
    assert world.provider.api.statuses() == [200, 200]  # the header said what was left
    assert "credits are used" in (got.day("global", "2026-09-29").error or "")


def test_a_refusal_for_credits_is_not_waited_for(world: World) -> None:
    world.provider.credits = 20
    with pytest.raises(
        SourceError, match="limited for another 67,501 s, longer than the 120 s that a run waits"
    ) as caught:
        world.decode("2026-10-01")
    assert caught.value.retryable
    assert world.provider.api.statuses() == [429]
    assert all(slept < 2 for slept in world.clock.slept)


def test_the_tier_s_credits_are_not_overdrawn(world: World) -> None:
    world.provider.credits = 400
    about = world.context(tier="anonymous", bases=["hmeimim"])
    for day in range(1, 10):
        since = date(2026, 9, day)
        try:
            opensky.fetch(opensky.Window("opensky", since, since), about)
        except SourceError as error:
            assert "of the day's 400 credits are used" in str(error)
    assert 429 not in world.provider.api.statuses()
    assert world.provider.used == {20728: 390}


def test_nothing_at_all_is_a_source_error_that_may_be_tried_again(world: World) -> None:
    world.provider.api.broken(503, times=99)
    with pytest.raises(SourceError, match="answered 503") as caught:
        world.decode("2026-10-01", attempts=2)
    assert caught.value.retryable


def test_one_failed_answer_makes_the_day_partial_and_keeps_the_other(world: World) -> None:
    world.provider.api.html(times=99, when=lambda request: request.path.endswith("departure"))
    got = world.decode("2026-10-01", attempts=2)
    assert got.status()["base:hmeimim", "2026-10-01"] == "partial"
    assert "an HTML page titled 'Unicorn!" in (got.day("base:hmeimim", "2026-10-01").error or "")
    assert len(got.table("opensky_flights")) == 2


@pytest.mark.parametrize(
    "spoil",
    [
        lambda host: host.too_many({"X-Rate-Limit-Retry-After-Seconds": "20"}),
        lambda host: host.too_many(),
        lambda host: host.broken(500, times=2),
        lambda host: host.truncated(),
        lambda host: host.html(),
        lambda host: host.text("upstream timed out"),
        lambda host: host.mislabelled("text/html", times=9),
        lambda host: host.zipped(encoding=True, content=True, times=9),
    ],
)
def test_passing_faults_leave_no_trace_in_the_rows(world: World, spoil: Any) -> None:
    clean = world.decode("2026-10-01")
    spoil(world.provider.api)
    again = world.decode("2026-10-01")
    assert (again.table("opensky_flights"), again.status()) == (clean.table("opensky_flights"), clean.status())


def test_a_body_that_is_no_list_of_flights_is_a_reject(world: World) -> None:
    about = world.context()
    landed = opensky.fetch(setup.window("opensky", "2026-10-01"), about)
    next(file for file in landed.files if "arrival" in file.path.name).path.write_text('{"error": "x"}')
    got = setup.Decoded(landed, about)
    assert [reject.reason for reject in got.rejects] == [
        "not readable as OpenSky flights: the message 'x' where a list of flights is due"
    ]
    assert got.status()["base:hmeimim", "2026-10-01"] == "partial"


def test_a_timeout_leaves_no_trace_in_the_rows(world: World) -> None:
    clean = world.decode("2026-10-01")
    world.provider.api.stalled(1.2)
    again = world.decode("2026-10-01", read_seconds=0.5)
    assert again.table("opensky_flights") == clean.table("opensky_flights")
    assert len(world.provider.api.log) >= 5


def test_the_landing_replays_to_the_same_rows(world: World) -> None:
    got = world.decode("2026-10-01")
    asked = len(world.provider.api.log)
    again = world.decode("2026-10-01", location=str(world.folder / "warehouse" / "landing" / "opensky"))
    assert (again.table("opensky_flights"), again.status()) == (got.table("opensky_flights"), got.status())
    assert len(world.provider.api.log) == asked
    with pytest.raises(SourceError, match="no landed window"):
        world.decode("2026-10-01", location=str(world.folder / "nowhere"))


def test_the_secret_and_the_token_stand_nowhere(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    world.provider.api.fault(
        lambda asked, _: Reply(400, f"you sent {asked.headers['authorization']}".encode(), "text/plain"), times=2
    )
    with pytest.raises(SourceError, match=r"you sent Bearer \*\*\*") as caught:
        world.decode("2026-10-01")
    world.decode("2026-10-01")
    (token,) = world.provider.tokens
    seen = caplog.text + "".join(body.decode("utf-8", "replace") for _, body in setup.files_below(world.folder))
    seen += f"{caught.value} {caught.value!r} {caught.value.__context__}"
    assert "flights" in seen
    assert SECRET not in seen
    assert token not in seen


def test_states_are_converted_from_metric_units(world: World) -> None:
    world.provider.states = [
        ["1533f3", "RFF406  ", "Russia", 1790917990, 1790918000, 35.95, 35.41, 1000.0, False, 100.0, 171.5, -5.0,
         None, 1050.0, "0001", False, 0],
        ["154ca3", None, "Russia", 1790917999, 1790918000, 35.949, 35.40, None, True, None, None, None,
         None, None, None, False, 2],
        ["155bf1", "NOPOS   ", "Russia", None, 1790918000, None, None, None, False, None, None, None,
         None, None, None, False, 0],
    ]  # fmt: skip
    answer = opensky.states(world.context(client_id=None, client_secret=None), "hmeimim")
    found = list(opensky.states_aircraft(answer.json()))
    assert [each["hex"] for each in found] == ["1533f3", "154ca3"]
    assert found[0]["alt_baro"] == pytest.approx(3280.84)
    assert found[0]["alt_geom"] == pytest.approx(3444.882)
    assert found[0]["gs"] == pytest.approx(194.3844)
    assert found[0]["baro_rate"] == pytest.approx(-984.252)
    assert (found[0]["track"], found[0]["seen_at"], found[0]["type"]) == (171.5, 1790917990, "adsb")
    assert (found[0]["lat"], found[0]["lon"]) == (35.41, 35.95)
    assert (found[1]["alt_baro"], found[1]["gs"], found[1]["alt_geom"], found[1]["type"]) == (
        "ground",
        None,
        None,
        "mlat",
    )
    assert list(opensky.states_aircraft({"time": 1, "states": None})) == []


def test_check_says_what_to_do(world: World) -> None:
    good = opensky.check(world.context())
    assert all(finding.ok for finding in good), good
    bare = opensky.check(world.context(client_id=None, client_secret=None, bases=[]))
    assert [finding.ok for finding in bare] == [False, False, True, True]
    assert "OPENSKY__CLIENT_ID" in bare[1].advice
    wrong = opensky.check(world.context(client_secret="wrong-secret-1"))
    assert not wrong[-1].ok
    assert "wrong-secret-1" not in str(wrong)


def test_each_row_says_in_which_record_of_which_file_it_stood(world: World) -> None:
    got = world.decode("2026-10-01")
    kept = {hashlib.sha256(file.read_bytes()).hexdigest(): file for file in world.folder.rglob("*.json")}
    rows = got.table("opensky_flights")
    assert len(rows) == 3
    for row in rows:
        file = kept[row["origin_sha256"]]
        assert file.name == row["origin_file"]
        record = json.loads(file.read_bytes())[int(row["origin_place"].removeprefix("record ")) - 1]
        assert f"{record['icao24']}-{record['firstSeen']}" == row["record_id"]


@pytest.mark.parametrize("body", [b"[]", b" []\n", b"\xef\xbb\xbf[ ]"])
def test_404_says_no_flights_with_an_empty_list_alone(world: World, body: bytes) -> None:
    world.provider.api.fault(lambda _, __: Reply(404, body, "text/plain"), times=9)
    assert world.decode("2026-10-01").status()["global", "2026-10-01"] == "empty"


@pytest.mark.parametrize("body", [b"", b"<html></html>", b'{"message": "no such route"}', b"{}", b"null", b"[1]", b"["])
def test_another_404_is_a_failure_that_says_what_to_look_at(world: World, body: bytes) -> None:
    world.provider.api.fault(lambda _, __: Reply(404, body), times=9)
    with pytest.raises(
        SourceError, match=r"answered 404 with .*: check the address \(sources.opensky.location\)"
    ) as told:
        world.decode("2026-10-01")
    assert not told.value.retryable


def test_a_404_of_one_question_leaves_the_other_and_makes_the_day_partial(world: World) -> None:
    world.provider.api.fault(lambda _, __: Reply(404, b"<html></html>"), times=9, when=lambda r: "departure" in r.path)
    got = world.decode("2026-10-01")
    assert got.status() == {("base:hmeimim", "2026-10-01"): "partial", ("global", "2026-10-01"): "partial"}
    assert "an HTML page" in str(got.day("base:hmeimim", "2026-10-01").error)


def test_a_record_without_a_day_spoils_each_day_that_was_asked_for(world: World) -> None:
    def spoilt(_: Request, right: Reply) -> Reply:
        return reply_json([*json.loads(right.body), {"icao24": "1533f3", "firstSeen": None}])

    world.provider.api.fault(spoilt, times=1, when=lambda r: "arrival" in r.path)
    got = world.decode("2026-09-30", "2026-10-01")
    assert {status for (_, _), status in got.status().items()} == {"partial"}
    assert len(got.table("opensky_flights")) == 3


def test_an_answer_of_other_days_alone_is_no_answer(world: World) -> None:
    old = [
        {"icao24": "1533f3", "firstSeen": 1600000000, "lastSeen": 1600003600, "estArrivalAirport": "OSLK",
         "estDepartureAirport": "OSLK"}
    ]  # fmt: skip
    world.provider.api.fault(lambda _, __: reply_json(old), times=9)
    got = world.decode("2026-10-01")
    assert got.status()["base:hmeimim", "2026-10-01"] == "partial"
    assert {reject.reason for reject in got.rejects} == {"none of its 1 flights is of the days that were asked for"}
    assert got.table("opensky_flights") == []


def test_doctor_tells_an_answer_that_is_none(world: World) -> None:
    world.provider.api.fault(lambda _, __: reply_json({"message": "moved"}), times=9)
    finding = opensky.check(world.context())[-1]
    assert not finding.ok
    assert "the message 'moved': it has no `states`" in finding.what


def test_a_flight_that_does_not_name_the_airport_asked_for_makes_the_day_partial(world: World) -> None:
    at = int(datetime(2026, 10, 1, 6, tzinfo=UTC).timestamp())
    odd = [{"icao24": "1533f3", "firstSeen": at, "lastSeen": at + 3600, "estArrivalAirport": None}]
    world.provider.api.fault(lambda _, __: reply_json(odd), times=9)
    got = world.decode("2026-10-01")
    assert got.status()["base:hmeimim", "2026-10-01"] == "partial"
    assert {reject.reason for reject in got.rejects} == {"1 of 1 flights do not name the airport that was asked for"}
