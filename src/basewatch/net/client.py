"""One polite way to speak HTTP, for every source: limits, retries, bounded bodies, checked content, no secret shown.

A `Client` belongs to one source. Two things must outlive it: when each host was last asked, and which source fails.
They are kept for the whole process in `limits.STATE`, so that a new client does not forget a provider's limit.
"""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
import tenacity
import urllib3

import basewatch
from basewatch.durable import make_folder
from basewatch.net.content import content_fault, describe, plain, quoted
from basewatch.net.download import Download, Transfer
from basewatch.net.faults import Again, HttpFault, retry_after
from basewatch.net.limits import STATE, Breaker, Limit, Limiter, Policy, State, TooLong
from basewatch.net.ranges import RangeTransfer
from basewatch.net.secrets import clean_url, hide, redact, without_query
from basewatch.net.transport import Adapter, Deadline, LocalAddress, heeding
from basewatch.outside import json_text

log = logging.getLogger("basewatch.net.client")

USER_AGENT = f"basewatch/{basewatch.__version__} (python-requests/{requests.__version__})"
CHUNK = 1 << 18
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})  # 520–524: a proxy lost its origin
Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class Answer:
    """A response: status, address without secrets, headers, and the body with every gzip layer taken off."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json_text.read(self.body)


class _Session(requests.Session):
    """A session that takes nothing from ~/.netrc and hands no private header to another host."""

    def __init__(self) -> None:
        super().__init__()
        self.private: set[str] = {"Authorization"}
        self.max_redirects = 5

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        old, new = response.request.url, prepared_request.url
        if old is None or new is None or _other_place(old, new):
            for name in self.private:
                prepared_request.headers.pop(name, None)


def _other_place(old: str, new: str) -> bool:
    """Whether a redirect leads where credentials must not follow: another host or port, or away from https."""
    here, there = urlsplit(old), urlsplit(new)
    return (
        here.hostname != there.hostname or here.port != there.port or (here.scheme, there.scheme) == ("https", "http")
    )


def _as_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Given as `auth`, keeps requests from looking the host up in ~/.netrc."""
    return request


def _end_with(response: requests.Response, deadline: Deadline) -> None:
    """Let a deadline go with the answer that it ends: closing the one, read or not, stops the other."""
    close = response.close

    def closing() -> None:
        deadline.stop()
        close()

    response.close = closing  # type: ignore[method-assign]
    response.deadline = deadline  # type: ignore[attr-defined]


def _cause(error: BaseException, kind: type[OSError]) -> OSError | None:
    """The exception of this kind that lies beneath another, however it was wrapped."""
    seen: list[object] = [error]
    while seen:
        one = seen.pop()
        if isinstance(one, kind):
            return one
        if isinstance(one, BaseException):
            seen += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]
    return None


class Client:
    """HTTP for one source. Every request waits for its host's limits; only faults that can pass are tried again.

    `limits` hold for every host unless `host_limits` names it. A provider that asks to be left alone for longer than a
    run waits is left alone until then; `quota_depth` is how many segments of a path tell its quotas apart.
    apart: what fails by itself: a source that asks many hosts has a client for each, and leaves only the failing alone.
    `authorise(renew)` returns the headers that carry the credentials; it is called with True once on a 401.
    """

    def __init__(
        self,
        source: str,
        *,
        limits: Iterable[Limit] = (),
        host_limits: Mapping[str, Iterable[Limit]] | None = None,
        headers: Mapping[str, str] | None = None,
        private_headers: Mapping[str, str] | None = None,
        authorise: Callable[[bool], Mapping[str, str]] | None = None,
        secrets: Iterable[str | None] = (),
        policy: Policy | None = None,
        state: State | None = None,
        quota_depth: int = 0,
        apart: str = "",
    ) -> None:
        self.source = source
        self._fails_as = f"{source} {apart}".strip()
        self._quota_depth = quota_depth
        self.policy = policy or Policy()
        self.state = state or STATE
        self.requests = 0
        self._limits = tuple(limits)
        self._host_limits = {host: tuple(some) for host, some in (host_limits or {}).items()}
        self._authorise = authorise
        self._session = _Session()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, Adapter(allow_local=self.policy.allow_local))
        self._session.auth = _as_is
        self._session.headers.update({"User-Agent": USER_AGENT, "Accept-Encoding": "gzip", **(headers or {})})
        self._session.headers.update(private_headers or {})
        self._session.private.update(private_headers or {})
        hide(*secrets, *(private_headers or {}).values())

    # ---- what sources call

    def get(
        self,
        url: str,
        params: Mapping[str, Any] | None = None,
        *,
        expect: str = "json",
        headers: Mapping[str, str] | None = None,
        ok: Iterable[int] = (200,),
        max_bytes: int | None = None,
        etag: str | None = None,
        modified: str | None = None,
    ) -> Answer:
        """The answer to a GET whose status is in `ok` (304 too, where `etag` or `modified` make it conditional).

        `expect` is json, gzip, zip, trace, tar, text or bytes and is checked on the bytes of a 200, whatever the
        headers say; what another accepted status means is the caller's to judge. Raises HttpFault once retries are
        used up or cannot help.
        """
        conditional = {"If-None-Match": etag, "If-Modified-Since": modified}
        sent = {**(headers or {}), **{name: value for name, value in conditional.items() if value}}
        accepted = {*ok, 304} if etag or modified else set(ok)
        return self._retrying(
            lambda: self._answer("GET", url, accepted, expect, max_bytes, params=params, headers=sent)
        )

    def post(self, url: str, data: Mapping[str, str], *, expect: str = "json") -> Answer:
        """The answer to a form POST; no credentials of `authorise` are added: this is how they are obtained."""
        return self._retrying(lambda: self._answer("POST", url, {200}, expect, None, data=data))

    def json(
        self, url: str, params: Mapping[str, Any] | None = None, *, absent: Iterable[int] = (), **more: Any
    ) -> Any:
        """The JSON of a GET; None where the provider says "no data" by one of the statuses in `absent`."""
        none_on = set(absent)
        answer = self.get(url, params, ok={200, *none_on}, **more)
        return None if answer.status in none_on else answer.json()

    def download(
        self,
        url: str,
        target: Path,
        *,
        size: int | None = None,
        sha256: str | None = None,
        expect: str = "bytes",
        headers: Mapping[str, str] | None = None,
        max_bytes: int | None = None,
    ) -> Download:
        """Stream a file to `target`, verbatim, going on where an earlier try or run stopped (Range, If-Range).

        The file appears under its name only when complete and of the given size and sha256; until then it is
        `.<name>.part`. Attempts count only while no byte comes. Raises HttpFault.
        """
        make_folder(target.parent)
        task = Transfer(self, url, target, size, sha256, expect, dict(headers or {}), max_bytes)
        return self._retrying(task.attempt, stop=task.stop)

    def stretch(
        self, url: str, start: int, end: int, take: Callable[[bytes], None], *, size: int, validator: str = ""
    ) -> str:
        """Hand the bytes from `start` up to `end` of a file of `size` bytes to `take`, verbatim, as they come.

        A range that breaks off goes on where it ended: attempts count only while no byte comes. `validator` is what an
        earlier range of the file returned. Returns the file's validator (ETag, else Last-Modified, else empty). Raises
        RangesRefused where the server does not serve ranges of such a file, FileChanged where the file is another one
        than before, HttpFault as a download does.
        """
        task = RangeTransfer(self, url, start, end, size, validator, take)
        return self._retrying(task.attempt, stop=task.stop)

    # ---- one attempt

    def _answer(
        self, method: str, url: str, accepted: set[int], expect: str, max_bytes: int | None, **send: Any
    ) -> Answer:
        with self.open(method, url, accepted, **send) as response:
            shown = clean_url(response.url or url)
            body = self._read(response, max_bytes or self.policy.max_bytes)
            try:
                body = plain(body, max_bytes or self.policy.max_bytes)
            except ValueError as error:
                raise Again(f"{self.source}: {shown} answered {error}", kind="content", retryable=True) from None
            fault = content_fault(body, expect) if response.status_code == 200 else None
            if fault is None and expect == "json" and response.status_code == 200:
                try:
                    json_text.read(body)
                except ValueError as error:
                    fault = f"JSON that cannot be read ({error})"
            if fault:
                raise Again(f"{self.source}: {shown} answered 200 with {fault}", kind="content", retryable=True)
            return Answer(response.status_code, shown, dict(response.headers), body)

    def open(self, method: str, url: str, accepted: set[int], **send: Any) -> requests.Response:
        """An open response with an accepted status; anything else is raised as the fault that it is."""
        headers = dict(send.pop("headers", None) or {})
        renewed = False
        while True:
            auth = dict(self._authorise(renewed)) if self._authorise and method == "GET" else {}
            hide(*(value.removeprefix("Bearer ") for value in auth.values()))
            response = self._send(method, url, headers={**headers, **auth}, **send)
            if response.status_code == 401 and self._authorise and not renewed and 401 not in accepted:
                response.close()
                renewed = True
                continue
            break
        if response.status_code in accepted:
            return response
        with response:
            raise self._fault(response, url)

    def _send(self, method: str, url: str, **send: Any) -> requests.Response:
        host = urlsplit(url).netloc.rpartition("@")[2]
        left = self.state.quotas.get(self._quota(url), 0.0) - self.state.clock.monotonic()
        if left > 0:
            raise HttpFault(
                f"{self.source}: {clean_url(url)} not asked: the provider's limit is used up for another {left:,.0f} s",
                kind="limited",
                wait=left,
                retryable=True,
            )
        deadline = self._deadline(url, send.pop("seconds", None))
        try:
            self._wait(host)
            self.requests += 1
            with heeding(deadline):
                response = self._session.request(
                    method, url, stream=True, timeout=(self.policy.connect_seconds, self.policy.read_seconds), **send
                )
        except BaseException as error:
            deadline.stop()
            raise self._unsent(url, error, deadline) from None
        _end_with(response, deadline)
        for hop in response.history[1:]:
            self._limiter(urlsplit(hop.url).netloc).note(self.state.clock)
        if response.history:
            self._limiter(urlsplit(response.url).netloc).note(self.state.clock)
        return response

    def _deadline(self, url: str, seconds: float | None) -> Deadline:
        """When the answer must be whole. Raises HttpFault where the source has no time left in this run."""
        allowed = self.policy.answer_seconds if seconds is None else seconds
        left = self.state.ends.get(self.source.split(" ")[0], math.inf) - self.state.clock.monotonic()
        if left <= 0:
            raise HttpFault(
                f"{self.source}: {clean_url(url)} not asked: the source has had its time in this run "
                "(minutes_per_run); the next run goes on",
                kind="limited",
            )
        what = f"took longer than the {allowed:,.0f} s allowed for an answer as a whole"
        if left < allowed:
            what = "was not whole when the source had had its time in this run (minutes_per_run)"
        return Deadline(min(allowed, left), what)

    def _unsent(self, url: str, error: BaseException, deadline: Deadline) -> BaseException:
        """What a request that brought no answer is to be called."""
        shown = clean_url(url)
        local = _cause(error, LocalAddress)
        if local is not None:
            return HttpFault(f"{self.source}: {shown} is not asked: {local}", kind="denied")
        if deadline.is_over:
            return self._late(url, deadline)
        if isinstance(error, requests.ConnectionError | requests.Timeout | urllib3.exceptions.HTTPError):
            return self._network(url, error)
        if isinstance(error, requests.TooManyRedirects):
            return HttpFault(f"{self.source}: {shown} redirects in circles", kind="denied")
        if isinstance(
            error, requests.RequestException | ValueError
        ):  # an address that is none, a header with a newline
            return HttpFault(f"{self.source}: {shown} cannot be asked: {redact(str(error))}", kind="denied")
        return error

    def _late(self, url: str, deadline: Deadline) -> HttpFault:
        return HttpFault(f"{self.source}: {clean_url(url)} {deadline.what}", kind="network")

    def _read(self, response: requests.Response, max_bytes: int) -> bytes:
        body = bytearray()
        for chunk in self.chunks(response):
            body += chunk
            if len(body) > max_bytes:
                raise HttpFault(
                    f"{self.source}: {clean_url(response.url)} answered more than {max_bytes:,} bytes", kind="content"
                )
        return bytes(body)

    def chunks(self, response: requests.Response) -> Iterable[bytes]:
        """The body as it comes over the wire, undecoded. Raises HttpFault where it breaks off, or takes too long."""
        deadline: Deadline = response.deadline  # type: ignore[attr-defined]
        try:
            for chunk in response.raw.stream(CHUNK, decode_content=False):
                if deadline.is_over:
                    break
                yield chunk
        except (urllib3.exceptions.HTTPError, requests.RequestException, OSError) as error:
            if not deadline.is_over:
                raise self._network(response.url, error) from None
        finally:
            deadline.stop()
        if deadline.is_over:
            raise self._late(response.url, deadline)

    def _network(self, url: str, error: Exception) -> Again:
        reason: BaseException = error
        while isinstance(reason, Exception) and reason.args and isinstance(reason.args[0], Exception):
            reason = reason.args[0]
        inner = getattr(reason, "reason", None)
        cause = inner if isinstance(inner, Exception) else reason
        return Again(
            f"{self.source}: {clean_url(url)} cannot be reached or broke off ({type(cause).__name__}: "
            f"{quoted(without_query(str(cause)))})",
            kind="network",
            retryable=True,
        )

    def _fault(self, response: requests.Response, url: str) -> HttpFault:
        status = response.status_code
        try:
            body = plain(self._read(response, 1 << 20), 1 << 20)
        except (HttpFault, ValueError):
            body = b""
        description = describe(body)
        start = f"{self.source}: {clean_url(url)} answered {status}"
        wait = retry_after(response.headers, self.state.clock.wall())
        exhausted = response.headers.get("X-RateLimit-Remaining") == "0"
        if status in AGAIN or (status == 403 and (wait is not None or exhausted)):
            kind = "limited" if status in (429, 403) else "server"
            if wait is not None and wait > self.policy.longest_wait_seconds:
                self.state.quotas[self._quota(url)] = self.state.clock.monotonic() + wait
                return HttpFault(
                    f"{start}: limited for another {wait:,.0f} s, longer than the "
                    f"{self.policy.longest_wait_seconds:,.0f} s that a run waits; {description}",
                    kind=kind,
                    status=status,
                    wait=wait,
                    retryable=True,
                )
            return Again(f"{start} with {description}", kind=kind, status=status, wait=wait, retryable=True)
        if status == 401:
            return HttpFault(
                f"{start} with {description}: the credentials are not accepted", kind="unauthorised", status=401
            )
        if status in (404, 410):
            return HttpFault(f"{start} with {description}", kind="absent", status=status)
        return HttpFault(f"{start} with {description}", kind="server" if status >= 500 else "denied", status=status)

    # ---- patience

    def _quota(self, url: str) -> str:
        parts = urlsplit(url)
        return "/".join([parts.netloc.rpartition("@")[2], *parts.path.strip("/").split("/")[: self._quota_depth]])

    def _limiter(self, host: str) -> Limiter:
        return self.state.limiters.setdefault(host, Limiter())

    def _wait(self, host: str) -> None:
        limits = self._host_limits.get(host, self._limits)
        try:
            waited = self._limiter(host).wait(limits, self.state.clock, max(self.policy.longest_wait_seconds, 61.0))
        except TooLong as long:
            raise HttpFault(
                f"{self.source}: {host} has had all the requests that its limit allows; free again in {long}",
                kind="limited",
                wait=long.seconds,
                retryable=True,
            ) from None
        if waited > 5:
            log.info("%s: waited %.0f s for the limit of %s", self.source, waited, host)

    def _retrying(
        self, attempt: Callable[[], Outcome], stop: Callable[[tenacity.RetryCallState], bool] | None = None
    ) -> Outcome:
        breaker = self.state.breakers.setdefault(self._fails_as, Breaker())
        now = self.state.clock.monotonic()
        if now < breaker.open_until:
            raise HttpFault(
                f"{self.source}: not asked, after {breaker.failures} failures in a row; asked again in "
                f"{breaker.open_until - now:,.0f} s; the last: {breaker.reason}",
                kind="circuit",
                retryable=True,
            )
        retrying = tenacity.Retrying(
            stop=stop or tenacity.stop_after_attempt(self.policy.attempts),
            wait=self._pause,
            sleep=self.state.clock.sleep,
            retry=tenacity.retry_if_exception_type(Again),
            before_sleep=self._say,
            reraise=True,
        )
        try:
            result = retrying(attempt)
        except HttpFault as fault:
            if fault.retryable:
                breaker.failures += 1
                breaker.reason = str(fault).removeprefix(f"{self.source}: ")
                if breaker.failures >= self.policy.breaker_after:
                    breaker.open_until = self.state.clock.monotonic() + self.policy.breaker_seconds
            else:
                breaker.failures = 0
            raise
        breaker.failures, breaker.open_until = 0, 0.0
        return result

    def _pause(self, state: tenacity.RetryCallState) -> float:
        """The wait the provider asks for; else a doubling one. Jitter is added, never taken off what was asked."""
        fault = state.outcome.exception() if state.outcome else None
        asked_seconds = fault.wait if isinstance(fault, HttpFault) else None
        if asked_seconds is not None:
            return asked_seconds + random.uniform(0.05, 0.5)  # noqa: S311 (spreading load, not guarding anything)
        doubled: float = self.policy.first_wait_seconds * 2 ** min(state.attempt_number - 1, 16)
        return min(doubled, self.policy.longest_wait_seconds) * random.uniform(0.5, 1.0)  # noqa: S311

    def _say(self, state: tenacity.RetryCallState) -> None:
        fault = state.outcome.exception() if state.outcome else None
        pause = state.next_action.sleep if state.next_action else 0.0
        log.warning("%s; try %d follows in %.1f s", redact(str(fault)), state.attempt_number + 1, pause)
