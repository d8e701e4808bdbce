"""A stretch of a file by HTTP range, over as many attempts as it takes, as long as bytes keep coming."""

from __future__ import annotations

import re
from collections.abc import Callable

import requests
import tenacity

from basewatch.net.download import Transport, ends_at, seconds_left, validator_of
from basewatch.net.faults import Again, HttpFault
from basewatch.net.secrets import clean_url


class RangesRefused(HttpFault):
    """The server gives the file whole or not at all, or gives other bytes than were asked for."""


class FileChanged(HttpFault):
    """The file is another one than when its first range was fetched."""


class RangeTransfer:
    """The bytes from `start` up to `end` of a file of `size` bytes, handed to `take` as they come.

    What was taken is not asked for again. `validator` is that of the file's earlier ranges (ETag, else Last-Modified),
    empty for the first one; afterwards it is the file's. RFC 9110, sections 13.1.5 and 14.
    """

    def __init__(
        self,
        client: Transport,
        url: str,
        start: int,
        end: int,
        size: int,
        validator: str,
        take: Callable[[bytes], None],
    ) -> None:
        self.client, self.url, self.end, self.size, self.take = client, url, end, size, take
        self.validator = validator
        self.at = start
        self.ends_at = ends_at(client)
        self.fruitless = 0  # attempts since a byte came
        self.faults = 0  # times that something else came than the range
        self.tries = 0

    def stop(self, state: tenacity.RetryCallState) -> bool:
        """Whether to give up: the allowed number of attempts brought nothing, or three brought something else."""
        most = self.client.policy.attempts
        return self.fruitless >= most or self.faults >= min(3, most) or self.tries >= 50 * most

    def attempt(self) -> str:
        """One request, from where the last one ended. Returns the file's validator."""
        self.tries += 1
        self.fruitless += 1
        headers = {"Range": f"bytes={self.at}-{self.end - 1}", "Accept-Encoding": "identity"}
        if self.validator:
            headers["If-Range"] = self.validator
        seconds = seconds_left(self.client, self.url, self.ends_at)
        with self.client.open("GET", self.url, {200, 206, 416}, headers=headers, seconds=seconds) as response:
            self._check(response)
            self._take_in(response)
        return self.validator

    def _check(self, response: requests.Response) -> None:
        theirs = validator_of(response)
        if self.validator and theirs and theirs != self.validator:
            raise FileChanged(self._complaint("is another file than before"), kind="content", retryable=True)
        if response.status_code == 416:
            raise RangesRefused(self._complaint("answered that it has no such bytes (416)"), kind="content")
        if response.status_code == 200 and response.headers.get("Content-Length") == str(self.size):
            raise RangesRefused(self._complaint("answered a range with the whole file (200)"), kind="content")
        if response.status_code == 200:  # mostly a page that says that something is amiss
            self.faults += 1
            raise WrongRange(self._complaint("answered a range with another thing (200)"))
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise RangesRefused(self._complaint("answered a range of other bytes, packed on the way"), kind="content")
        stated = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("Content-Range", "").strip())
        if stated and stated[3] not in ("*", str(self.size)):
            raise RangesRefused(
                self._complaint(f"is of {int(stated[3]):,} bytes where {self.size:,} are due"), kind="content"
            )
        if not stated or int(stated[1]) != self.at or not self.at <= int(stated[2]) < self.end:
            self.faults += 1
            other = response.headers.get("Content-Range", "none is stated")
            raise WrongRange(self._complaint(f"answered another range than asked ({other[:80]})"))
        self.validator = self.validator or theirs

    def _take_in(self, response: requests.Response) -> None:
        for chunk in self.client.chunks(response):
            if self.at + len(chunk) > self.end:
                raise RangesRefused(self._complaint("answered more bytes than asked"), kind="content")
            self.take(chunk)
            self.at += len(chunk)
            self.fruitless = 0
        if self.at < self.end:
            raise Again(
                self._complaint(f"broke off {self.end - self.at:,} bytes before the range ends"),
                kind="network",
                retryable=True,
            )

    def _complaint(self, what: str) -> str:
        return f"{self.client.source}: {clean_url(self.url)} {what}"


class WrongRange(RangesRefused, Again):
    """A wrong range, which may come right when it is asked for again."""

    def __init__(self, message: str) -> None:
        super().__init__(message, kind="content", retryable=True)
