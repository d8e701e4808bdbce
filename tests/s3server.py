"""A server that speaks S3, for tests: moto's, in a process of its own, behind a gate that plays the network's tricks.

The gate lets one write of a key in at a time, as S3 does and moto does not promise, and notes every write. `play` asks
it for tricks: an answer of 409, 412 or 503 in place of the work, an answer that is lost after the work is done, a
connection cut before it, a delay, conditions that are not heeded.

`python tests/s3server.py` serves on a free port of this machine and prints it.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BUCKET = "watch"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": "not-a-real-secret"}
_SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=tester/20250101/us-east-1/s3/aws4_request, x=y"}
_ANSWERS = {
    "503": ("503 Service Unavailable", "SlowDown"),
    "409": ("409 Conflict", "ConditionalRequestConflict"),
    "412": ("412 Precondition Failed", "PreconditionFailed"),
}
_WRITES = ("PUT", "POST", "DELETE")


class Gate:
    """Stands before moto's application. A trick: {do, method, key, times, chance, seconds, of}."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self.application = application
        self.locks: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self.lock = threading.Lock()
        self.tricks: list[dict[str, Any]] = []
        self.written: list[str] = []
        self.chance = random.Random(7)

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        if path.startswith("/-/"):
            return self._told(path, environ, start)
        trick = self._trick(method, path)
        do = trick.get("do", "")
        if do == "delay":
            time.sleep(trick["seconds"])
        if do == "deaf":
            for name in ("HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH"):
                environ.pop(name, None)
        if do == "cut":
            return self._cut(environ)
        if do in _ANSWERS:
            status, code = _ANSWERS[do]
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            body = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
            start(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
            return [body]
        if method not in _WRITES:
            return self.application(environ, start)
        with self.lock:
            lock = self.locks[path]
        with lock:
            answer: list[Any] = []
            body = b"".join(self.application(environ, lambda *given: answer.append(given)))
            with self.lock:
                self.written.append(f"{method} {answer[0][0][:3]} {path}")
        if do == "lost":
            return self._cut(environ, is_read=True)
        start(*answer[0])
        return [body]

    def _trick(self, method: str, path: str) -> dict[str, Any]:
        with self.lock:
            for trick in self.tricks:
                fits = method in trick.get("method", "PUT") and re.search(trick.get("key", ""), path)
                if fits and trick.get("times", 1) > 0 and self.chance.random() < trick.get("chance", 1):
                    trick["times"] = trick.get("times", 1) - 1
                    return trick
        return {}

    def _cut(self, environ: dict[str, Any], *, is_read: bool = False) -> Iterable[bytes]:
        if not is_read:
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        with contextlib.suppress(OSError):
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        raise ConnectionError("cut")

    def _told(self, path: str, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if path == "/-/tricks":
            size = int(environ.get("CONTENT_LENGTH") or 0)
            with self.lock:
                self.tricks = json.loads(environ["wsgi.input"].read(size))
        body = json.dumps(self.written).encode()
        start("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]


def main() -> None:
    """Serve until stopped."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log(self, *_: Any) -> None:
            pass

    gate = Gate(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, gate, threaded=True, request_handler=Quiet)
    print(server.server_port, flush=True)
    server.serve_forever()


@dataclass(frozen=True)
class S3:
    """A server that is up."""

    url: str
    process: subprocess.Popen[str]

    def play(self, *tricks: dict[str, Any]) -> None:
        """Play these tricks from now on, and no others."""
        data = json.dumps(tricks).encode()
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/-/tricks", data, method="POST"), timeout=10).read()

    def written(self) -> list[str]:
        """Every write, in order: method, status, path."""
        with urllib.request.urlopen(f"{self.url}/-/written", timeout=10) as answer:
            found: list[str] = json.load(answer)
        return found

    def make_bucket(self, name: str = BUCKET) -> None:
        """Make a bucket."""
        request = urllib.request.Request(f"{self.url}/{name}", b"", _SIGNED, method="PUT")
        urllib.request.urlopen(request, timeout=60).read()

    def section(self, prefix: str, **more: float) -> str:
        """The table of a configuration that stores a warehouse below a prefix."""
        lines = [f'storage = "s3://{BUCKET}/{prefix}"', f'endpoint = "{self.url}"']
        return "\n".join(["[warehouse]", *lines, *(f"{name} = {value}" for name, value in more.items()), ""])


@contextlib.contextmanager
def serving() -> Iterator[S3]:
    """A server with an empty bucket."""
    process = subprocess.Popen([sys.executable, str(Path(__file__))], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True, env={**os.environ, **CREDENTIALS})  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, "the S3 server did not come up"
        server = S3(f"http://127.0.0.1:{int(line)}", process)
        server.make_bucket()
        yield server
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
