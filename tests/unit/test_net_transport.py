"""An answer has an end as a whole, however slowly it comes; this machine's addresses are asked only where allowed."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from basewatch.net import transport
from basewatch.net.faults import HttpFault
from basewatch.net.limits import Clock, State
from server.core import FakeClock, Host, Reply
from unit.net_provider import client

pytest_plugins = ["unit.net_provider"]

STEP = 0.02  # seconds between two bytes; the server gives up by itself after BYTES of them
BYTES = 500
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
TO_THE_END = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
QUICK = {"answer_seconds": 0.3, "file_seconds": 0.3, "attempts": 2}


@contextlib.contextmanager
def dripping(at_once: bytes, piece: Callable[[int], bytes]) -> Iterator[str]:
    """A server that sends a beginning and then a piece at a time; a request is given up after BYTES pieces."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            with contextlib.suppress(OSError):
                taken, _ = listener.accept()
                with taken:
                    taken.recv(65536)
                    taken.sendall(at_once)
                    for number in range(BYTES):
                        if over.wait(STEP):
                            return
                        taken.sendall(piece(number))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/x"
    finally:
        over.set()
        with contextlib.suppress(OSError):
            socket.create_connection(listener.getsockname(), 1).close()
        listener.close()
        thread.join(10)


DRIPS: dict[str, tuple[bytes, Callable[[int], bytes]]] = {
    "a body of stated length": (HEAD, lambda _: b" "),
    "a body in chunks": (CHUNKED, lambda _: b"1\r\n \r\n"),
    "a body to the end": (TO_THE_END, lambda _: b" "),
    "headers": (b"HTTP/1.1 200 OK\r\n", lambda number: b"X: y\r\n" if number % 9 == 8 else b""),
    "the status line": (b"", lambda number: b"HTTP/1.1 200 OK"[number : number + 1] or b" "),
}


@pytest.mark.parametrize("what", DRIPS)
def test_an_answer_that_drips_ends_when_its_time_as_a_whole_is_over(what: str) -> None:
    with dripping(*DRIPS[what]) as url, pytest.raises(HttpFault, match="took longer than the 0 s allowed") as late:
        client(State(), policy={**QUICK, "read_seconds": 5.0}).get(url, expect="text")
    assert late.value.kind == "network" and not late.value.retryable, "it is not tried again: it would drip again"


def test_a_file_that_drips_ends_too_and_leaves_nothing_under_its_name(tmp_path: Path) -> None:
    with dripping(HEAD, lambda _: b"x") as url, pytest.raises(HttpFault, match="took longer than"):
        client(State(), policy=QUICK).download(url, tmp_path / "file")
    assert not (tmp_path / "file").exists()
    with dripping(HEAD.replace(b"200 OK", b"206 Partial Content"), lambda _: b"x") as url:
        taken: list[bytes] = []
        with pytest.raises(HttpFault):
            client(State(), policy=QUICK).stretch(url, 0, 500, taken.append, size=1000)


def test_an_answer_in_time_is_whole_and_its_connection_is_used_again(host: Host) -> None:
    asking = client(State())
    assert [asking.json(f"{host.url}/{number}")["asked"] for number in range(3)] == ["/0", "/1", "/2"]


def test_a_source_that_has_had_its_time_is_not_asked(host: Host, state: State, clock: FakeClock) -> None:
    asking = client(state)
    state.ends["provider"] = clock.time() + 10
    assert asking.json(f"{host.url}/x")
    clock.sleep(11)
    with pytest.raises(HttpFault, match=r"has had its time in this run \(minutes_per_run\)"):
        asking.json(f"{host.url}/x")
    assert len(host.log) == 1


def test_what_is_left_of_a_sources_time_ends_its_last_answer() -> None:
    now = [0.0]
    state = State(clock=Clock(monotonic=lambda: now[0]))
    state.ends["provider"] = 0.3
    with dripping(HEAD, lambda _: b" ") as url, pytest.raises(HttpFault, match="minutes_per_run"):
        client(state, policy={"answer_seconds": 60.0}).get(url, expect="text")


# ---- addresses


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"])
def test_an_address_of_this_machine_is_asked_only_where_that_is_allowed(name: str, host: Host, state: State) -> None:
    url = host.url.replace("127.0.0.1", name)
    with pytest.raises(HttpFault, match=r"is not asked: .* `allow_local = true`") as refused:
        client(state, policy={"allow_local": False}).get(f"{url}/x")
    assert refused.value.kind == "denied" and host.log == [], "nothing was sent"
    assert client(state).get(f"{host.url}/x").status == 200


def test_a_redirect_to_this_machine_is_refused_too(state: State) -> None:
    inner = socket.create_server(("127.0.0.1", 0))
    with contextlib.closing(inner), socket.create_connection(inner.getsockname()) as outward:
        with pytest.raises(transport.LocalAddress, match=r"metadata\.example is 127\.0\.0\.1"):
            transport.refuse_local(outward, "metadata.example")
        assert outward.fileno() == -1, "and the socket is closed"


def test_answers_are_bounded_in_bytes_as_before(host: Host, state: State) -> None:
    host.fault(lambda _, __: Reply(200, b'{"a": "' + b"x" * 5000 + b'"}'))
    with pytest.raises(HttpFault, match="more than 1,000 bytes"):
        client(state).get(f"{host.url}/x", max_bytes=1000)


def test_an_answer_that_is_closed_unread_leaves_no_deadline_behind(host: Host, state: State) -> None:
    before = threading.active_count()
    asking = client(state, policy={"answer_seconds": 60.0})
    for _ in range(5):
        with asking.open("GET", f"{host.url}/x", {200}):
            pass
    waiting = [one for one in threading.enumerate() if isinstance(one, threading.Timer) and not one.finished.is_set()]
    assert waiting == [] and threading.active_count() <= before + 6
