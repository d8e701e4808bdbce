"""What a server sends that is no answer, to each source over real HTTP: no day of it is ever `ok` or `empty`."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from basewatch import ingest
from basewatch.lake.events import Event
from basewatch.lake.ledger import LedgerRow
from basewatch.lake.recording import record
from basewatch.lake.store import Lake
from basewatch.net.limits import STATE, Clock
from basewatch.sources import readsb_live
from server import setup
from server.archives import GitHub, Release, Traces, day_tar, split_assets, trace
from server.core import FakeClock, Host, Reply, Request, serving
from server.flights import Flight, Flightradar24, OpenSky
from server.live import Live
from server.news import Doc, Files, Story

NOW = datetime(2026, 10, 2, 12, 0, tzinfo=UTC)
DAY = "2026-10-01"
ON = date(2026, 10, 1)
MIDNIGHT = datetime(2026, 10, 1, tzinfo=UTC)
FLIGHT = Flight(
    "1533f3", "RA-78835", "IL76", "RFF406", "UUMU", "OSLK", setup.at(f"{DAY} 12:00"), setup.at(f"{DAY} 17:25")
)
PAGE = b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head><body><h1>nginx</h1></body></html>"
PORTAL = b"\n<HTML><HEAD><TITLE>Log in to the network</TITLE></HEAD><BODY>terms of use</BODY></HTML>"
S3 = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'
LIMIT = {"message": "API rate limit exceeded for 192.0.2.1.", "documentation_url": "https://docs.example"}

Make = Callable[[Request, Reply], Reply]


def sends(status: int, body: bytes, kind: str = "text/html", **headers: str) -> Make:
    """The same reply to every request."""
    return lambda _, __: Reply(status, body, kind, headers)


def says(value: Any, status: int = 200) -> Make:
    """A JSON value in place of the right reply."""
    return sends(status, json.dumps(value).encode(), "application/json")


def changed(change: Callable[[bytes], bytes], **headers: str) -> Make:
    """The right reply with another body, whole by its Content-Length."""

    def make(_: Request, right: Reply) -> Reply:
        body = change(right.file if right.file is not None else right.body)
        return Reply(right.status, body, right.content_type, headers)

    return make


def _portal(request: Request, _: Reply) -> Reply:
    """A redirect to a page to log in on, as a hotel's network gives."""
    if request.path == "/login":
        return Reply(200, PORTAL, "text/html")
    return Reply(302, b"", None, {"Location": "/login"})


NO_ANSWERS: dict[str, Make] = {
    "a web server's 404": sends(404, PAGE),
    "a 404 without a body": sends(404, b""),
    "a 404 with a JSON error": says({"message": "Not Found", "status": "404"}, 404),
    "a 404 with an empty object": says({}, 404),
    "a 404 with null": says(None, 404),
    "a 404 with a text": sends(404, b"[no such route]", "text/plain"),
    "an HTML page with 200": sends(200, PAGE),
    "an HTML page that calls itself JSON": sends(200, PAGE, "application/json"),
    "a captive portal": sends(200, PORTAL),
    "a redirect to a captive portal": _portal,
    "nothing with 200": sends(200, b"", "application/json"),
    "blanks with 200": sends(200, b" \n", "application/json"),
    "204": sends(204, b""),
    "a text with 200": sends(200, b"Service temporarily unavailable", "text/plain"),
    "null": says(None),
    "a number": says(0),
    "a JSON error with 200": says(LIMIT),
    "an error beside an empty list": says(
        {"data": [], "articles": None, "ac": [], "error": "no", "msg": "quota used up"}
    ),
    "an object whose list is null": says({"data": None, "articles": None, "ac": None, "states": 0, "traces": None}),
    "an object whose list is an object": says({"data": {}, "articles": {}, "ac": {}, "states": {}, "traces": {}}),
    "a list of numbers": says([1, 2]),
    "a list of lists": says([[], []]),
    "a list in an object of another API": says({"flights": [], "items": [], "result": "ok"}),
    "an XML error with 200": sends(200, S3, "application/xml"),
    "an XML error with 403": sends(403, S3, "application/xml"),
    "the right answer, cut short": changed(lambda body: body[: len(body) // 2]),
    "the right answer, less than its Content-Length": lambda _, right: replace(right, cut=0.5),
    "the right answer, its gzip cut short": changed(
        lambda body: gzip.compress(body)[: len(gzip.compress(body)) // 2], **{"Content-Encoding": "gzip"}
    ),
    "gzip by its header alone": changed(lambda body: b"\x1f\x8b" + body, **{"Content-Encoding": "gzip"}),
}


@dataclass
class Subject:
    """A source with its provider: the hosts to disturb, and how to bring one day of it into a lake."""

    hosts: list[Host]
    bring: Callable[[Lake], None]


@dataclass
class World:
    """A folder and a clock for one source."""

    folder: Path
    clock: FakeClock

    def ingest(self, code: str, day: str = DAY, **values: Any) -> Callable[[Lake], None]:
        """Bring a day in as a run does."""

        def bring(lake: Lake) -> None:
            configured = setup.settings(self.folder, **{code: {"attempts": 2, **values}})
            about = setup.context(configured, datetime.fromtimestamp(self.clock.time(), UTC), code)
            ingest.ingest(setup.window(code, day), about, lake, "run")

        return bring


Making = Callable[[World], Iterator[Subject]]


@contextmanager
def _opensky(world: World) -> Iterator[Subject]:
    flight = Flight(
        "1533f3", "RA-78835", "IL76", "RFF406", "UUMU", "OSLK", setup.at(f"{DAY} 12:00"), setup.at(f"{DAY} 17:25")
    )
    provider = OpenSky(
        world.clock.time, [flight, replace(flight, origin="OSLK", destination="UUMU")], client=("w", "s")
    )
    with serving(provider.api, provider.auth):
        token_url = f"{provider.auth.url}/auth/realms/opensky-network/protocol/openid-connect/token"
        about = {"token_url": token_url, "client_id": "w", "client_secret": "s", "bases": ["hmeimim"]}
        yield Subject([provider.api], world.ingest("opensky", location=f"{provider.api.url}/api", **about))


@contextmanager
def _flightradar24(world: World) -> Iterator[Subject]:
    flight = Flight(
        "1533f3", "RA-78835", "IL76", "RFF406", "UUMU", "OSLK", setup.at(f"{DAY} 12:00"), setup.at(f"{DAY} 17:25")
    )
    provider = Flightradar24(world.clock.time, [flight], token="t")
    with serving(provider.api):
        about = {"token": "t", "bases": ["hmeimim"], "location": f"{provider.api.url}/api"}
        yield Subject([provider.api], world.ingest("flightradar24", **about))


@contextmanager
def _gdelt_doc(world: World) -> Iterator[Subject]:
    story = Story("https://tass.com/1", "Il-76 lands at Hmeimim", setup.at(f"{DAY} 12:00"), "At the Khmeimim air base.")
    provider = Doc(world.clock.time, [story])
    with serving(provider.host):
        about = {"bases": ["hmeimim"], "totals": [], "location": f"{provider.host.url}{Doc.PATH}"}
        yield Subject([provider.host], world.ingest("gdelt_doc", **about))


@contextmanager
def _gdelt_files(world: World) -> Iterator[Subject]:
    provider = Files(world.clock.time)
    provider.fill(DAY.replace("-", ""), ("gkg",), rows=1)
    with serving(provider.host):
        about = {"streams": ["gkg"], "translated": False, "attempts": 1, "requests_per_second": 1000}
        yield Subject([provider.host], world.ingest("gdelt_files", location=f"{provider.host.url}/gdeltv2", **about))


def _trace(address: str) -> bytes:
    points = [[36_000.0 + n * 10, 35.5 - n / 100, 35.95, 4000 - 100 * n, 150.0, 180.0, 0, -700, None] for n in range(9)]
    return trace(address, MIDNIGHT.timestamp(), points)


@contextmanager
def _github(world: World, *, assets_alone: bool = False) -> Iterator[Subject]:
    github = GitHub(world.clock.time)
    tag = f"v{ON:%Y.%m.%d}-planes-readsb-prod-0"
    tar = day_tar({address: _trace(address) for address in ("1533f3", "154ca3")})
    github.repositories["globe_history_2026"] = [Release(tag, split_assets(tag, tar, 1 << 20, None))]
    with serving(*github.hosts):
        about = {
            "location": f"{github.api.url}/repos/adsblol/globe_history_{{year}}",
            "index_url": f"{github.raw.url}/adsblol/globe_history_{{year}}/main/PREFERRED_RELEASES.txt",
            "own_receiver": True,
            "processes": 1,
        }
        hosts = [github.assets] if assets_alone else [github.api, github.raw]
        yield Subject(hosts, world.ingest("readsb_archive", **about))


def _tar(world: World) -> Any:
    return _github(world, assets_alone=True)


@contextmanager
def _traces(world: World, *, samples: bool = False) -> Iterator[Subject]:
    provider = Traces(world.clock.time, samples=samples)
    provider.days[DAY] = {"1533f3": _trace("1533f3")}
    with serving(provider.host):
        about: dict[str, Any] = {"location": provider.host.url, "layout": "samples" if samples else "globe_history"}
        about |= {} if samples else {"aircraft": ["1533f3"]}
        bring = world.ingest("readsb_archive", own_receiver=True, processes=1, requests_per_second=1000, **about)
        yield Subject([provider.host], bring)


def _samples(world: World) -> Any:
    return _traces(world, samples=True)


@contextmanager
def _live(world: World, *, states: bool = False) -> Iterator[Subject]:
    world.clock.now = MIDNIGHT.timestamp()
    live, network = Live(world.clock.time), OpenSky(world.clock.time, [], client=("w", "s"))
    live.aircraft = [{"hex": "1533f3", "lat": 35.5, "lon": 35.94, "alt_baro": 2400, "seen_pos": 1.0, "seen": 0.1}]
    network.states = [["1533f3", "RFF1", "RU", int(MIDNIGHT.timestamp()), 0, 35.94, 35.5, 700.0, False, *[None] * 7, 0]]
    with serving(live.host, network.api):
        tables: dict[str, Any] = {
            "readsb_live": {
                "addresses": {"adsb.lol": live.host.url},
                "networks": [] if states else ["adsb.lol"],
                "military": False,
                "bases": [] if states else ["hmeimim"],
                "every_seconds": 3600,
                "max_gap_minutes": 90,
                "flush_seconds": 90_000,
                "attempts": 1,
            },
            "opensky": {
                "enabled": states,
                "poll_states": states,
                "bases": ["hmeimim"],
                "location": f"{network.api.url}/api",
                "tier": "feeder",
                "attempts": 1,
            },
        }

        def bring(lake: Lake) -> None:
            stop = threading.Event()

            def wait(signal: threading.Event, pause: float) -> bool:
                world.clock.sleep(pause)
                if world.clock.time() >= MIDNIGHT.timestamp() + 86_400:
                    signal.set()
                return signal.is_set()

            STATE.clock = Clock(world.clock.time, world.clock.time, world.clock.sleep, wait)
            about = setup.context(setup.settings(world.folder, **tables), MIDNIGHT, "readsb_live")

            def write(events: list[Event]) -> None:
                record(lake, "readsb_live", events, "run")

            readsb_live.watch(about, write, stop)

        yield Subject([network.api if states else live.host], bring)


def _states(world: World) -> Any:
    return _live(world, states=True)


SUBJECTS: dict[str, Callable[[World], Any]] = {
    "opensky": _opensky,
    "flightradar24": _flightradar24,
    "gdelt_doc": _gdelt_doc,
    "gdelt_files": _gdelt_files,
    "github's lists": _github,
    "github's tars": _tar,
    "samples": _samples,
    "globe_history": _traces,
    "live": _live,
    "states": _states,
}


def ledger_after(tmp_path: Path, name: str, make: Make | None) -> list[LedgerRow]:
    """The ledger of the source's day when its provider answers so."""
    with setup.virtual_time(NOW) as clock, SUBJECTS[name](World(tmp_path, clock)) as subject:
        for host in subject.hosts:
            if make is not None:
                host.fault(make, times=10**6)
        lake = Lake(tmp_path / "lake")
        subject.bring(lake)
        return [row for row in lake.ledger() if row.day == ON]


@pytest.mark.parametrize("name", SUBJECTS)
def test_the_right_answers_make_a_day(tmp_path: Path, name: str) -> None:
    statuses = {row.status for row in ledger_after(tmp_path, name, None)}
    assert statuses & {"ok", "empty"}


@pytest.mark.parametrize("kind", NO_ANSWERS)
@pytest.mark.parametrize("name", SUBJECTS)
def test_what_is_no_answer_makes_no_day(tmp_path: Path, name: str, kind: str) -> None:
    rows = ledger_after(tmp_path, name, NO_ANSWERS[kind])
    assert rows
    assert {row.status for row in rows} <= {"failed", "partial", "missing", "late"}
    assert all(row.error for row in rows)
