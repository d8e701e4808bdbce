"""Windows of several providers at the same time: who waits for whom, in which order, and how all of it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from basewatch import outside, run
from basewatch.errors import SourcesFailed
from basewatch.sources import beside
from basewatch.sources.beside import Halted, Turns
from basewatch.sources.contract import Window
from server import setup
from server.core import Reply, serving
from server.flights import Flight, Flightradar24, OpenSky

DAYS = [date(2026, 3, number) for number in (1, 2, 3)]
REMOTE = {"opensky", "feeds"}
PATIENCE = 20.0  # seconds after which a test that waits for two at once fails


@pytest.fixture(autouse=True)
def _no_secret_stays() -> Iterator[None]:
    """Keys of the providers here would else be masked in what later tests look for."""
    yield
    outside._SECRETS.clear()


def windows(*sources: str) -> list[Window]:
    return [Window(source, day, day) for source in sources for day in DAYS]


def test_sources_on_the_network_are_looked_at_at_the_same_time_and_each_in_its_order() -> None:
    together = threading.Barrier(3)
    seen: list[Window] = []

    def one(window: Window) -> None:
        if window.since == DAYS[0]:
            together.wait(PATIENCE)  # passes only where all three are here at once
        seen.append(window)

    beside.look(windows("opensky", "articles", "feeds"), REMOTE, Turns(), one)
    for source in ("opensky", "articles", "feeds"):
        assert [window.since for window in seen if window.source == source] == DAYS


def test_one_source_on_the_network_is_looked_at_in_order_with_the_others() -> None:
    seen: list[Window] = []
    threads = set()

    def one(window: Window) -> None:
        seen.append(window)
        threads.add(threading.get_ident())

    planned = windows("opensky", "articles")
    beside.look(planned, REMOTE, Turns(), one)
    assert seen == planned and threads == {threading.get_ident()}


def test_what_one_raises_ends_the_others_and_nothing_of_them_is_committed() -> None:
    turns, committed = Turns(), []
    fails, is_over = threading.Event(), threading.Event()

    def one(window: Window) -> None:
        if window.source == "feeds":
            fails.wait(PATIENCE)
            raise SourcesFailed("feeds failed and its policy is stop")
        fails.set()
        is_over.wait(PATIENCE)
        with turns:
            committed.append(window)

    halt = turns.halt

    class Telling(Turns):
        def halt(self) -> None:
            turns.is_halted = True
            is_over.set()
            halt()

    with pytest.raises(SourcesFailed):
        beside.look(windows("opensky", "feeds"), REMOTE, Telling(), one)
    assert committed == []


def test_a_turn_is_held_by_one_thread_at_a_time_and_by_none_after_the_end() -> None:
    turns, inside = Turns(), []

    def work(number: int) -> None:
        with turns, turns:
            inside.append(number)
            time.sleep(0.01)
            assert inside[-1] == number
            inside.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert inside[::2] == inside[1::2] and len(inside) == 16
    turns.halt()
    with pytest.raises(Halted), turns:
        raise AssertionError("a turn after the end")


# ---- real sources


def waiting(handle: Callable[[Any], Reply], barrier: threading.Barrier) -> Callable[[Any], Reply]:
    """The same answers, the first not before the other host is asked too."""
    waited: list[bool] = []

    def answer(request: Any) -> Reply:
        if not waited:
            waited.append(True)
            barrier.wait(PATIENCE)
        return handle(request)

    return answer


def test_two_providers_are_asked_at_the_same_time_and_both_are_in_the_ledger(tmp_path: Path) -> None:
    day = datetime.now(UTC).date() - timedelta(days=2)
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    flight = Flight("1533f3", "RA-78835", "IL76", "RFF406", "UUMU", "OSLK", noon, noon.replace(hour=16))
    one, other = (
        OpenSky(time.time, [flight], client=("watcher", "s3cret")),
        Flightradar24(time.time, [flight], token="t0ken"),
    )
    barrier = threading.Barrier(2)
    for provider in (one, other):
        provider.api.handle = waiting(provider.api.handle, barrier)
    with serving(one.api, one.auth, other.api):
        realm = "auth/realms/opensky-network/protocol/openid-connect/token"
        settings = setup.settings(
            tmp_path,
            press_flights={"enabled": False},
            opensky={
                **{"bases": ["hmeimim"], "location": f"{one.api.url}/api", "token_url": f"{one.auth.url}/{realm}"},
                **{"client_id": "watcher", "client_secret": "s3cret"},
            },
            flightradar24={"bases": ["hmeimim"], "location": f"{other.api.url}/api", "token": "t0ken"},
        )
        work = run.start(settings, day, day)
        work.progress = lambda _: None
        assert [window.source for window in work.windows] == ["opensky", "flightradar24"]
        run.ingest_all(work, lambda window: run.ingest_window(work, window))
    assert not barrier.broken and [done.error for done in work.outcomes.values()] == [None, None]
    kept = {row.source for row in work.warehouse.lake.ledger() if row.records_kept}
    assert kept == {"opensky", "flightradar24"}


def test_days_that_are_apart_are_looked_at_in_lanes_each_once() -> None:
    planned = windows("readsb_archive") * 2
    together, done = threading.Barrier(3, timeout=10), list[Window]()

    def one(window: Window) -> None:
        together.wait()  # passes only where three are under way
        done.append(window)

    beside.look(planned, set(), Turns(), one, {"readsb_archive": 3})
    assert len(done) == len(planned) == 6
