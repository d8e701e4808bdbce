"""A file on its way to disk, over as many attempts as it takes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import requests
import tenacity

from basewatch.durable import put_in_place
from basewatch.net.content import content_fault
from basewatch.net.faults import Again, HttpFault
from basewatch.net.limits import Policy, State
from basewatch.net.secrets import clean_url


class Transport(Protocol):
    """What a download needs of the client that asks for it: whose it is, its patience, and one request at a time."""

    source: str
    policy: Policy
    state: State

    def open(self, method: str, url: str, accepted: set[int], **send: Any) -> requests.Response:
        """An open response whose status is in `accepted`. Raises HttpFault."""

    def chunks(self, response: requests.Response) -> Iterable[bytes]:
        """The body as it comes over the wire. Raises HttpFault where it breaks off."""


@dataclass(frozen=True)
class Download:
    """A file that arrived whole and was verified. `validator` is its ETag, else its Last-Modified, else empty."""

    path: Path
    url: str
    size: int
    sha256: str
    resumed: bool
    validator: str = ""


def validator_of(response: requests.Response) -> str:
    """What tells this version of the file from others: its ETag, else its Last-Modified, else nothing."""
    etag: str = response.headers.get("ETag", "")
    modified: str = response.headers.get("Last-Modified", "")
    return etag if etag and not etag.startswith("W/") else modified


def ends_at(client: Transport) -> float:
    """When a file that is begun now must be whole, on the client's clock."""
    return client.state.clock.monotonic() + client.policy.file_seconds


def seconds_left(client: Transport, url: str, ends: float) -> float:
    """The time left for a file as a whole. Raises HttpFault where there is none."""
    left = ends - client.state.clock.monotonic()
    if left <= 0:
        raise HttpFault(
            f"{client.source}: {clean_url(url)} took longer than the {client.policy.file_seconds:,.0f} s allowed for a "
            "file as a whole (file_seconds)",
            kind="network",
        )
    return left


class Transfer:
    """A download over as many attempts as it takes, as long as bytes keep coming."""

    def __init__(
        self,
        client: Transport,
        url: str,
        target: Path,
        size: int | None,
        sha256: str | None,
        expect: str,
        headers: dict[str, str],
        max_bytes: int | None,
    ) -> None:
        self.client, self.url, self.target = client, url, target
        self.size, self.sha256, self.expect, self.headers = size, sha256, expect, headers
        self.max_bytes = max_bytes or size or client.policy.max_bytes
        self.part = target.with_name(f".{target.name}.part")
        self.note = target.with_name(f".{target.name}.part.json")
        self.ends_at = ends_at(client)
        self.fruitless = 0  # attempts since the file last grew beyond what it had been before
        self.faults = 0  # times that what came was not the file
        self.tries = 0
        self.furthest = 0
        self.resumed = False

    def stop(self, state: tenacity.RetryCallState) -> bool:
        """Whether to give up: the allowed number of attempts brought nothing new, or three brought something else."""
        most = self.client.policy.attempts
        return self.fruitless >= most or self.faults >= min(3, most) or self.tries >= 50 * most

    def attempt(self) -> Download:
        """One request, from where the part file ends."""
        self.tries += 1
        self.fruitless += 1
        have = self._have()
        if self.size is not None and have == self.size:
            return self._finish()
        request_headers = {**self.headers, "Accept-Encoding": "identity"}
        if have:
            request_headers["Range"] = f"bytes={have}-"
            if self._validator():
                request_headers["If-Range"] = self._validator()
        seconds = seconds_left(self.client, self.url, self.ends_at)
        with self.client.open("GET", self.url, {200, 206, 416}, headers=request_headers, seconds=seconds) as response:
            if response.status_code == 416:
                self._drop()
                raise self._again("has no bytes where the file so far ends; starting over")
            start = have if response.status_code == 206 else 0
            if response.status_code == 206 and not self._continues(response, have):
                self._drop()
                raise self._again(f"answered another range ({response.headers.get('Content-Range')}) than asked")
            self.resumed = self.resumed or start > 0
            if start == 0:
                self._keep_validator(response)
            try:
                self._store(response, start)
            except OSError as error:
                raise HttpFault(
                    f"{self.client.source}: {self.target.name} cannot be written: {error.strerror or error}; free some "
                    f"space on the disk of {self.target.parent}, or name another folder",
                    kind="disk",
                ) from None
        return self._finish()

    def _store(self, response: requests.Response, start: int) -> None:
        stated = response.headers.get("Content-Length", "")
        total = start + int(stated) if stated.isdigit() else None
        with self.part.open("r+b" if start else "wb") as handle:
            handle.seek(start)
            written = start
            head = b""
            for chunk in self.client.chunks(response):
                if written < 512 and start == 0 and len(head) < 512:
                    head += chunk
                handle.write(chunk)
                written += len(chunk)
                if written > self.furthest:
                    self.furthest, self.fruitless = written, 0
                if written > self.max_bytes:
                    handle.close()
                    self._drop()
                    raise HttpFault(
                        f"{self.client.source}: {clean_url(self.url)} is larger than the {self.max_bytes:,} bytes due",
                        kind="content",
                    )
            fault = content_fault(head, self.expect) if start == 0 else None
            if fault and (self.size is None or written != self.size or self.expect != "bytes"):
                handle.close()
                self._drop()
                self.faults += 1
                raise self._again(f"answered {fault}")
        if total is not None and written < total:
            raise self._again(f"broke off after {written:,} of {total:,} bytes")

    def _finish(self) -> Download:
        have = self.part.stat().st_size  # whole now: only going on later needs a validator
        if self.size is not None and have != self.size:
            self.faults += 1
            self._drop()
            raise self._again(f"gave {have:,} of {self.size:,} bytes")
        with self.part.open("rb") as handle:
            sha256 = hashlib.file_digest(handle, "sha256").hexdigest()
        if self.sha256 is not None and sha256 != self.sha256.lower():
            self._drop()
            self.faults += 1
            raise self._again("does not match the published sha256; starting over")
        validator = self._validator()
        put_in_place(self.part, self.target)
        self.note.unlink(missing_ok=True)
        return Download(self.target, clean_url(self.url), have, sha256, self.resumed, validator)

    def _have(self) -> int:
        """Bytes of the part file that may be built on: none without a validator to prove they are of this file."""
        if not self.part.exists():
            return 0
        if not self._validator() and self.sha256 is None:
            self._drop()
            return 0
        return self.part.stat().st_size

    def _validator(self) -> str:
        try:
            note = json.loads(self.note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return ""
        return str(note.get("validator", "")) if note.get("url") == clean_url(self.url) else ""

    def _keep_validator(self, response: requests.Response) -> None:
        note = {"url": clean_url(self.url), "validator": validator_of(response)}
        self.note.write_text(json.dumps(note), encoding="utf-8")

    def _continues(self, response: requests.Response, have: int) -> bool:
        stated = re.match(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if not stated or int(stated[1]) != have:
            return False
        return self.size is None or stated[2] in ("*", str(self.size))

    def _drop(self) -> None:
        self.part.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def _again(self, complaint: str) -> Again:
        return Again(f"{self.client.source}: {clean_url(self.url)} {complaint}", kind="content", retryable=True)
