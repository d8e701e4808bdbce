"""Hosts, requests, replies, faults on demand, and the record of who asked what and when."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


def free_port() -> int:
    """A loopback port at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class FakeClock:
    """Time that only passes when somebody sleeps. Starts at `now`, epoch seconds."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def time(self) -> float:
        """The time, epoch seconds."""
        with self._lock:
            return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        assert seconds >= 0, "a negative sleep"
        with self._lock:
            self.slept.append(seconds)
            self.now += seconds

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Let time pass, and say whether a signal came."""
        self.sleep(seconds)
        return stop.is_set()


@dataclass(frozen=True)
class Request:
    """What a client asked. Header names are lower case."""

    at: float
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    def one(self, name: str) -> str | None:
        """The single value of a query parameter."""
        values = self.query.get(name)
        return values[0] if values else None


@dataclass(frozen=True)
class Reply:
    """What a host answers. `file` is served with Range and ETag; `cut` closes the connection
    after that share of the body."""

    status: int = 200
    body: bytes = b""
    content_type: str | None = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    file: bytes | None = None
    etag: str | None = None
    cut: float | None = None
    stall: float = 0.0
    ranges: bool = True


@dataclass
class Entry:
    """One line of a host's log; `sent`: bytes of the body that went out."""

    request: Request
    status: int
    sent: int


@dataclass
class Fault:
    """A reply given in place of the right one, `times` times, to requests that `when` accepts."""

    make: Callable[[Request, Reply], Reply]
    when: Callable[[Request], bool]
    times: int


def reply_json(value: Any, status: int = 200, **headers: str) -> Reply:
    """A JSON reply."""
    return Reply(status, json.dumps(value).encode(), headers=headers)


class Host:
    """One provider's host: a handler, its log, its faults, and the breaches of its rules."""

    def __init__(self, name: str, handle: Callable[[Request], Reply], clock: Callable[[], float]) -> None:
        self.name = name
        self.handle = handle
        self.clock = clock
        self.log: list[Entry] = []
        self.faults: list[Fault] = []
        self.violations: list[str] = []
        self.rates: list[tuple[int, float]] = []  # at most n requests in any span of seconds
        self.lock = threading.RLock()
        self.url = ""

    # ---- faults of the kind that every client meets

    def fault(
        self,
        make: Callable[[Request, Reply], Reply],
        times: int = 1,
        when: Callable[[Request], bool] = lambda request: True,
    ) -> None:
        """Answer the next `times` fitting requests otherwise."""
        self.faults.append(Fault(make, when, times))

    def too_many(self, header: dict[str, str] | None = None, **more: Any) -> None:
        """429, with a retry header or without."""
        self.fault(lambda _, __: Reply(429, b"slow down", "text/plain", header or {}), **more)

    def broken(self, status: int = 500, **more: Any) -> None:
        """A server error with plain text."""
        self.fault(lambda _, __: Reply(status, b"upstream connect error", "text/plain"), **more)

    def html(self, title: str = "Unicorn! &middot; GitHub", status: int = 200, **more: Any) -> None:
        """An HTML page, at 200 unless told otherwise, labelled as JSON."""
        page = f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body>x</body></html>".encode()
        self.fault(lambda _, __: Reply(status, page, "application/json"), **more)

    def text(self, said: str, status: int = 200, **more: Any) -> None:
        """Plain text where JSON is due."""
        self.fault(lambda _, __: Reply(status, said.encode(), "text/html"), **more)

    def truncated(self, share: float = 0.5, **more: Any) -> None:
        """The right reply, its connection closed early."""

        self.fault(lambda _, right: replace(right, cut=share), **more)

    def stalled(self, seconds: float, **more: Any) -> None:
        """The right reply, too late."""
        self.fault(lambda _, right: replace(right, stall=seconds), **more)

    def mislabelled(self, content_type: str | None, **more: Any) -> None:
        """The right bytes under a wrong Content-Type, or none."""
        self.fault(lambda _, right: replace(right, content_type=content_type), **more)

    def zipped(self, *, encoding: bool, content: bool, **more: Any) -> None:
        """gzip by Content-Encoding, by content, or by both (twice)."""

        def pack(_: Request, right: Reply) -> Reply:
            body = right.body
            body = gzip.compress(body) if content else body
            body = gzip.compress(body) if encoding else body
            headers = {**right.headers, **({"Content-Encoding": "gzip"} if encoding else {})}
            return replace(right, body=body, headers=headers)

        self.fault(pack, **more)

    # ---- serving

    def answer(self, request: Request) -> Reply:
        """The reply to one request: a fault whose turn it is, else the provider's own."""
        with self.lock:
            self._check_rate(request)
            right = self.handle(request)
            for fault in self.faults:
                if fault.times > 0 and fault.when(request):
                    fault.times -= 1
                    right = fault.make(request, right)
                    break
            right = _ranged(request, right)
            sent = len(right.body) if right.cut is None else int(len(right.body) * right.cut)
            self.log.append(Entry(request, right.status, sent))
            return right

    def _check_rate(self, request: Request) -> None:
        if not request.headers.get("user-agent", "").startswith("basewatch/"):
            self.violations.append(f"{request.path}: User-Agent {request.headers.get('user-agent')!r}")
        for number, seconds in self.rates:
            recent = [entry for entry in self.log if request.at - entry.request.at < seconds]
            if len(recent) >= number:
                self.violations.append(f"{self.name}: more than {number} requests in {seconds} s, at {request.path}")

    def asked(self, prefix: str = "") -> list[Request]:
        """The requests so far whose path starts so."""
        return [entry.request for entry in self.log if entry.request.path.startswith(prefix)]

    def statuses(self) -> list[int]:
        """The statuses answered so far."""
        return [entry.status for entry in self.log]


def _ranged(request: Request, right: Reply) -> Reply:
    """Range, If-Range and If-None-Match over a `file` reply."""
    if right.etag and request.headers.get("if-none-match") == right.etag:
        return Reply(304, b"", None, {"ETag": right.etag})
    if right.file is None or right.status != 200:
        if right.etag:
            return replace(right, headers={**right.headers, "ETag": right.etag})
        return right
    etag = right.etag or f'"{hashlib.md5(right.file).hexdigest()}"'
    headers = {"ETag": etag, **right.headers}
    if right.ranges:
        headers["Accept-Ranges"] = "bytes"
    wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
    fresh = request.headers.get("if-range") in (None, etag)
    if not wanted or not fresh or not right.ranges:
        return replace(right, body=right.file, headers=headers)
    start, total = int(wanted[1]), len(right.file)
    if start >= total:
        return Reply(416, b"", None, {"Content-Range": f"bytes */{total}"})
    end = min(int(wanted[2]) if wanted[2] else total - 1, total - 1)
    headers["Content-Range"] = f"bytes {start}-{end}/{total}"
    return replace(right, status=206, body=right.file[start : end + 1], headers=headers)


def _handler(host: Host) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = "nginx"
        disable_nagle_algorithm = True  # headers and body are two writes; without this each answer costs 40 ms

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            request = Request(
                host.clock(),
                self.command,
                parts.path,
                parse_qs(parts.query, keep_blank_values=True),
                {name.lower(): value for name, value in self.headers.items()},
                self.rfile.read(length),
            )
            reply = host.answer(request)
            if reply.stall:
                time.sleep(reply.stall)
            try:
                self.send_response(reply.status)
                if reply.content_type:
                    self.send_header("Content-Type", reply.content_type)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                if reply.status != 304:
                    self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                if self.command != "HEAD" and reply.status != 304:
                    self.wfile.write(
                        reply.body if reply.cut is None else reply.body[: int(len(reply.body) * reply.cut)]
                    )
                if reply.cut is not None:
                    self.wfile.flush()
                    self.close_connection = True
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        do_GET = do_POST = do_HEAD = _serve  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Keep the test output clean."""

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that hangs up early is part of the play."""


@contextmanager
def serving(*hosts: Host) -> Iterator[None]:
    """Serve the hosts, each on a port of its own; `host.url` is its address."""
    servers = []
    try:
        for host in hosts:
            server = _Server(("127.0.0.1", 0), _handler(host))
            host.url = f"http://127.0.0.1:{server.server_address[1]}"
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
            servers.append(server)
        yield
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
