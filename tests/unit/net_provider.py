"""A provider over real HTTP, on a clock of its own, and a client of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from basewatch.net.client import Client
from basewatch.net.limits import Clock, Policy, State
from server.core import FakeClock, Host, Reply, Request, reply_json, serving

START = datetime(2026, 10, 1, 5, 15, tzinfo=UTC).timestamp()
BLOB = bytes(range(256)) * 4000


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(START)


@pytest.fixture
def state(clock: FakeClock) -> State:
    return State(clock=Clock(clock.time, clock.time, clock.sleep))


def handle(request: Request) -> Reply:
    if request.path == "/blob":
        return Reply(content_type="application/x-tar", file=BLOB)
    if request.path == "/cached":
        return Reply(200, b'{"fresh": true}', etag='"v1"')
    if request.path == "/none":
        return reply_json({"message": "nothing here"}, 404)
    return reply_json({"data": [1, 2], "asked": request.path})


@pytest.fixture
def host(clock: FakeClock) -> Iterator[Host]:
    found = Host("provider", handle, clock.time)
    with serving(found):
        yield found
    assert found.violations == []


def client(state: State, **more: object) -> Client:
    patience: dict[str, object] = {"read_seconds": 10.0, "connect_seconds": 10.0, "breaker_after": 99}
    policy = Policy(**{**patience, "allow_local": True, **more.pop("policy", {})})  # type: ignore[arg-type,dict-item]
    return Client("provider", policy=policy, state=state, **more)  # type: ignore[arg-type]
