"""One polite way to speak HTTP, for every source: limits, retries, bounded bodies, checked content, no secret shown.

A `Client` belongs to one source. What must outlive it (when each host was last asked, which source is failing) is kept
for the whole process in `STATE`, so that a new client does not forget a provider's limit.
"""

from __future__ import annotations

import email.utils
import hashlib
import json
import logging
import random
import re
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import msgspec
import requests
import tenacity
import urllib3

import basewatch
from basewatch.errors import SourceError

log = logging.getLogger("basewatch.net.client")

USER_AGENT = f"basewatch/{basewatch.__version__} (python-requests/{requests.__version__})"
CHUNK = 1 << 18
GZIP = b"\x1f\x8b"
NESTED_GZIP = 3  # a gzip file under Content-Encoding: gzip is two; more is an attack
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})  # 520–524: a proxy lost its origin
LONGEST_QUOTE = 160
SECRET_WORDS = re.compile(
    r"(key|token|secret|passw|auth|signature|credential|client_id|session|^sig$|^se$|^sp$|^sv$|^jwt$)", re.IGNORECASE
)
HIDDEN = "***"

Outcome = TypeVar("Outcome")


# ---- time, limits and the circuit breaker


@dataclass(frozen=True)
class Clock:
    """Where time comes from, so that tests need not wait. Seconds, `wall` since 1970; `wait` ends on a signal."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    wait: Callable[[threading.Event, float], bool] = threading.Event.wait


@dataclass(frozen=True)
class Limit:
    """At most `requests` in any `seconds`, per host."""

    requests: int
    seconds: float


class TooLong(Exception):
    """A limit allows no further request for so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"{seconds:,.0f} s")
        self.seconds = seconds


class Limiter:
    """A sliding window over the requests sent to one host; waits before the one that would break a limit."""

    def __init__(self) -> None:
        self._sent: deque[float] = deque()
        self._lock = threading.Lock()

    def wait(self, limits: Iterable[Limit], clock: Clock, longest: float) -> float:
        """Wait until one more request keeps every limit, and count it. Returns the seconds waited.

        Raises TooLong where that is more than `longest` seconds away (a daily limit used up).
        """
        limits = tuple(limits)
        waited = 0.0
        while True:
            with self._lock:
                now = clock.monotonic()
                horizon = max((limit.seconds for limit in limits), default=0.0)
                while self._sent and now - self._sent[0] > horizon:
                    self._sent.popleft()
                pause = max((self._pause(limit, now) for limit in limits), default=0.0)
                if pause <= 0:
                    self._sent.append(now)
                    return waited
                if pause > longest:
                    raise TooLong(pause)
            clock.sleep(pause)
            waited += pause

    def _pause(self, limit: Limit, now: float) -> float:
        if len(self._sent) < limit.requests:
            return 0.0
        oldest = self._sent[-limit.requests]
        # A hair more than the window: the provider's clock starts when the request arrives, ours when it leaves.
        return max(0.0, oldest + limit.seconds * 1.02 - now)

    def note(self, clock: Clock) -> None:
        """Count a request that is already sent: the later hops of a redirect."""
        with self._lock:
            self._sent.append(clock.monotonic())


@dataclass
class Breaker:
    """Consecutive failures of one source, what the last one said, and until when the source is left alone."""

    failures: int = 0
    open_until: float = 0.0
    reason: str = ""


@dataclass
class State:
    """What outlives a client: one limiter a host, one breaker a source, tokens with their expiry, credits spent."""

    limiters: dict[str, Limiter] = field(default_factory=dict)
    breakers: dict[str, Breaker] = field(default_factory=dict)
    tokens: dict[str, tuple[str, float]] = field(default_factory=dict)
    counters: dict[str, float] = field(default_factory=dict)
    quotas: dict[str, float] = field(default_factory=dict)  # a quota that is used up, and until when (monotonic)
    clock: Clock = Clock()


STATE = State()


@dataclass(frozen=True)
class Policy:
    """How patient a client is. Seconds and bytes."""

    connect_seconds: float = 10.0
    read_seconds: float = 60.0
    attempts: int = 5
    first_wait_seconds: float = 1.0
    longest_wait_seconds: float = 120.0
    breaker_after: int = 3
    breaker_seconds: float = 300.0
    max_bytes: int = 64 << 20


# ---- faults


class HttpFault(SourceError):
    """A request that came to nothing. `kind`: absent (404, 410), denied (other 4xx), unauthorised, limited, server,
    network, content, circuit, disk. `wait`: seconds the provider asks for, where it does."""

    def __init__(
        self, message: str, *, kind: str, status: int | None = None, wait: float | None = None, retryable: bool = False
    ) -> None:
        super().__init__(redact(message), retryable=retryable)
        self.kind = kind
        self.status = status
        self.wait = wait


class _Again(HttpFault):
    """A fault after which the same request may succeed."""


# ---- secrets


_SECRETS: set[str] = set()


def hide(*secrets: str | None) -> None:
    """Have these values replaced by *** in every message of this module from now on."""
    for secret in secrets:
        if secret and len(secret) > 3:
            _SECRETS.update({secret, quote(secret, safe=""), quote(secret)})


def redact(text: str) -> str:
    """The text without any secret that was named to `hide`."""
    for secret in sorted(_SECRETS, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def clean_url(url: str) -> str:
    """The address as it may be shown and stored: no user, no password, no value of a parameter that smells of one."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    query = parts.query
    if query:
        pairs = parse_qsl(query, keep_blank_values=True)
        if any(SECRET_WORDS.search(key) for key, _ in pairs):
            query = urlencode([(key, HIDDEN if SECRET_WORDS.search(key) else value) for key, value in pairs], safe="*")
    return redact(urlunsplit((parts.scheme, host, parts.path, query, "")))


class _Shown(logging.Filter):
    """Keeps secrets out of the library's own debug lines, which name every address with its query."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_shown(value) for value in record.args)
        return True


def _shown(value: object) -> object:
    if not isinstance(value, str):
        return value
    return clean_url(value) if "?" in value else redact(value)


for _name in ("urllib3.connectionpool", "urllib3.util.retry"):
    logging.getLogger(_name).addFilter(_Shown())


# ---- content


def plain(body: bytes, max_bytes: int = 1 << 30) -> bytes:
    """The bytes with every gzip layer taken off, found by the magic number and not by name or header.

    Raises ValueError for damaged gzip and for what would inflate beyond `max_bytes`.
    """
    for _ in range(NESTED_GZIP):
        if not body.startswith(GZIP):
            return body
        body = _inflate(body, max_bytes)
    if body.startswith(GZIP):
        raise ValueError(f"gzip inside gzip more than {NESTED_GZIP} times")
    return body


def _inflate(body: bytes, max_bytes: int) -> bytes:
    out = bytearray()
    while body:
        stream = zlib.decompressobj(31)
        try:
            out += stream.decompress(body, max(1, max_bytes - len(out) + 1))
        except zlib.error as error:
            raise ValueError(f"damaged gzip: {error}") from None
        if len(out) > max_bytes:
            raise ValueError(f"inflates to more than {max_bytes:,} bytes")
        if not stream.eof:
            raise ValueError("gzip ends early")
        body = stream.unused_data if stream.unused_data.startswith(GZIP) else b""
    return bytes(out)


def describe(body: bytes) -> str:
    """What a body is that should have been something else: an HTML page by its title, a JSON message, text, nothing."""
    head = body[:65536].decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if not head:
        return "an empty body"
    if head.startswith("<"):
        title = re.search(r"<title[^>]*>([^<]*)", head, re.IGNORECASE)
        named = f" titled {_quoted(title[1])}" if title and title[1].strip() else ""
        return f"an HTML page{named}" if re.search(r"<(!doctype\s+)?html", head, re.IGNORECASE) else "XML or markup"
    if head.startswith("{"):
        try:
            said = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return f"broken JSON {_quoted(head)}"
        for key in ("details", "error_description", "detail", "message", "error", "msg"):
            if isinstance(said, dict) and said.get(key):
                return f"the message {_quoted(str(said[key]))}"
    if "\x00" in head or head.count("\ufffd") > 8:
        return "binary data"
    return f"the text {_quoted(head)}"


def _quoted(text: str) -> str:
    short = redact(" ".join(text.split()))
    return repr(short if len(short) <= LONGEST_QUOTE else f"{short[:LONGEST_QUOTE]}…")


def _content_fault(body: bytes, expect: str) -> str | None:
    """Why the body is not what was asked for; None when it may be."""
    head = body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    if expect == "json":
        return None if head[:1] in (b"{", b"[") else f"{describe(body)} where JSON is due"
    if expect == "gzip":
        return None if body.startswith(GZIP) else f"{describe(body)} where gzip is due"
    if expect == "trace":  # readsb's files are gzip under a .json name, unless a server has unpacked them
        return None if body.startswith(GZIP) or head[:1] == b"{" else f"{describe(body)} where a trace is due"
    if expect == "tar":
        return None if body[257:262] == b"ustar" or _is_old_tar(body) else f"{describe(body)} where a tar is due"
    if expect == "bytes" and re.match(rb"<(!doctype\s+)?html", head, re.IGNORECASE):
        return f"{describe(body)} where a file is due"
    return None


def _is_old_tar(body: bytes) -> bool:
    """A tar header without the ustar mark has a right checksum all the same."""
    if len(body) < 512:
        return False
    try:
        stated = int(body[148:156].split(b"\x00")[0].strip() or b"x", 8)
    except ValueError:
        return False
    return stated == sum(body[:148]) + 8 * 32 + sum(body[156:512])


# ---- answers


@dataclass(frozen=True)
class Answer:
    """A response: status, address without secrets, headers, and the body with every gzip layer taken off."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return msgspec.json.decode(self.body.removeprefix(b"\xef\xbb\xbf"))


@dataclass(frozen=True)
class Download:
    """A file that arrived whole and was verified. `validator` is its ETag, else its Last-Modified, else empty."""

    path: Path
    url: str
    size: int
    sha256: str
    resumed: bool
    validator: str = ""


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


class Client:
    """HTTP for one source. Every request waits for its host's limits; only faults that can pass are tried again.

    `limits` hold for every host unless `host_limits` names it. A provider that asks to be left alone for longer than a
    run waits is left alone until then; `quota_depth` is how many segments of a path tell its quotas apart.
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
    ) -> None:
        self.source = source
        self._quota_depth = quota_depth
        self.policy = policy or Policy()
        self.state = state or STATE
        self.requests = 0
        self._limits = tuple(limits)
        self._host_limits = {host: tuple(some) for host, some in (host_limits or {}).items()}
        self._authorise = authorise
        self._session = _Session()
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

        `expect` is json, gzip, text or bytes and is checked on the bytes of a 200, whatever the headers say. Raises
        HttpFault once retries are used up or cannot help.
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
        target.parent.mkdir(parents=True, exist_ok=True)
        task = _Download(self, url, target, size, sha256, expect, dict(headers or {}), max_bytes)
        return self._retrying(task.attempt, stop=task.stop)

    # ---- one attempt

    def _answer(
        self, method: str, url: str, accepted: set[int], expect: str, max_bytes: int | None, **send: Any
    ) -> Answer:
        with self._open(method, url, accepted, **send) as response:
            shown = clean_url(response.url or url)
            body = self._read(response, max_bytes or self.policy.max_bytes)
            try:
                body = plain(body, max_bytes or self.policy.max_bytes)
            except ValueError as error:
                raise _Again(f"{self.source}: {shown} answered {error}", kind="content", retryable=True) from None
            fault = _content_fault(body, expect) if response.status_code == 200 else None
            if fault is None and expect == "json" and response.status_code == 200:
                try:
                    msgspec.json.decode(body.removeprefix(b"\xef\xbb\xbf"))
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    fault = f"JSON that cannot be read ({error})"
            if fault:
                raise _Again(f"{self.source}: {shown} answered 200 with {fault}", kind="content", retryable=True)
            return Answer(response.status_code, shown, dict(response.headers), body)

    def _open(self, method: str, url: str, accepted: set[int], **send: Any) -> requests.Response:
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
        self._wait(host)
        self.requests += 1
        try:
            response = self._session.request(
                method, url, stream=True, timeout=(self.policy.connect_seconds, self.policy.read_seconds), **send
            )
        except (requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError) as error:
            raise self._network(url, error) from None
        except requests.TooManyRedirects:
            raise HttpFault(f"{self.source}: {clean_url(url)} redirects in circles", kind="denied") from None
        except (requests.RequestException, ValueError) as error:  # an address that is none, a header with a newline
            raise HttpFault(
                f"{self.source}: {clean_url(url)} cannot be asked: {redact(str(error))}", kind="denied"
            ) from None
        for hop in response.history[1:]:
            self._limiter(urlsplit(hop.url).netloc).note(self.state.clock)
        if response.history:
            self._limiter(urlsplit(response.url).netloc).note(self.state.clock)
        return response

    def _read(self, response: requests.Response, max_bytes: int) -> bytes:
        body = bytearray()
        for chunk in self._chunks(response):
            body += chunk
            if len(body) > max_bytes:
                raise HttpFault(
                    f"{self.source}: {clean_url(response.url)} answered more than {max_bytes:,} bytes", kind="content"
                )
        return bytes(body)

    def _chunks(self, response: requests.Response) -> Iterable[bytes]:
        try:
            yield from response.raw.stream(CHUNK, decode_content=False)
        except (urllib3.exceptions.HTTPError, requests.RequestException, OSError) as error:
            raise self._network(response.url, error) from None

    def _network(self, url: str, error: Exception) -> _Again:
        reason: BaseException = error
        while isinstance(reason, Exception) and reason.args and isinstance(reason.args[0], Exception):
            reason = reason.args[0]
        inner = getattr(reason, "reason", None)
        what = inner if isinstance(inner, Exception) else reason
        return _Again(
            f"{self.source}: {clean_url(url)} cannot be reached or broke off ({type(what).__name__}: "
            f"{_quoted(_without_query(str(what)))})",
            kind="network",
            retryable=True,
        )

    def _fault(self, response: requests.Response, url: str) -> HttpFault:
        status = response.status_code
        try:
            body = plain(self._read(response, 1 << 20), 1 << 20)
        except (HttpFault, ValueError):
            body = b""
        said = describe(body)
        start = f"{self.source}: {clean_url(url)} answered {status}"
        wait = retry_after(response.headers, self.state.clock.wall())
        exhausted = response.headers.get("X-RateLimit-Remaining") == "0"
        if status in AGAIN or (status == 403 and (wait is not None or exhausted)):
            kind = "limited" if status in (429, 403) else "server"
            if wait is not None and wait > self.policy.longest_wait_seconds:
                self.state.quotas[self._quota(url)] = self.state.clock.monotonic() + wait
                return HttpFault(
                    f"{start}: limited for another {wait:,.0f} s, longer than the "
                    f"{self.policy.longest_wait_seconds:,.0f} s that a run waits; {said}",
                    kind=kind,
                    status=status,
                    wait=wait,
                    retryable=True,
                )
            return _Again(f"{start} with {said}", kind=kind, status=status, wait=wait, retryable=True)
        if status == 401:
            return HttpFault(f"{start} with {said}: the credentials are not accepted", kind="unauthorised", status=401)
        if status in (404, 410):
            return HttpFault(f"{start} with {said}", kind="absent", status=status)
        return HttpFault(f"{start} with {said}", kind="server" if status >= 500 else "denied", status=status)

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
        breaker = self.state.breakers.setdefault(self.source, Breaker())
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
            retry=tenacity.retry_if_exception_type(_Again),
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
        asked = fault.wait if isinstance(fault, HttpFault) else None
        if asked is not None:
            return asked + random.uniform(0.05, 0.5)  # noqa: S311 (spreading load, not guarding anything)
        doubled: float = self.policy.first_wait_seconds * 2 ** min(state.attempt_number - 1, 16)
        return min(doubled, self.policy.longest_wait_seconds) * random.uniform(0.5, 1.0)  # noqa: S311

    def _say(self, state: tenacity.RetryCallState) -> None:
        fault = state.outcome.exception() if state.outcome else None
        pause = state.next_action.sleep if state.next_action else 0.0
        log.warning("%s; try %d follows in %.1f s", redact(str(fault)), state.attempt_number + 1, pause)


class _Download:
    """A download over as many attempts as it takes, as long as bytes keep coming."""

    def __init__(
        self,
        client: Client,
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
        asked = {**self.headers, "Accept-Encoding": "identity"}
        if have:
            asked["Range"] = f"bytes={have}-"
            if self._validator():
                asked["If-Range"] = self._validator()
        with self.client._open("GET", self.url, {200, 206, 416}, headers=asked) as response:
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
            for chunk in self.client._chunks(response):
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
            fault = _content_fault(head, self.expect) if start == 0 else None
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
            found = hashlib.file_digest(handle, "sha256").hexdigest()
        if self.sha256 is not None and found != self.sha256.lower():
            self._drop()
            self.faults += 1
            raise self._again("does not match the published sha256; starting over")
        validator = self._validator()
        self.part.replace(self.target)
        self.note.unlink(missing_ok=True)
        return Download(self.target, clean_url(self.url), have, found, self.resumed, validator)

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
            kept = json.loads(self.note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return ""
        return str(kept.get("validator", "")) if kept.get("url") == clean_url(self.url) else ""

    def _keep_validator(self, response: requests.Response) -> None:
        etag = response.headers.get("ETag", "")
        validator = etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified", "")
        self.note.write_text(json.dumps({"url": clean_url(self.url), "validator": validator}), encoding="utf-8")

    def _continues(self, response: requests.Response, have: int) -> bool:
        stated = re.match(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if not stated or int(stated[1]) != have:
            return False
        return self.size is None or stated[2] in ("*", str(self.size))

    def _drop(self) -> None:
        self.part.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def _again(self, what: str) -> _Again:
        return _Again(f"{self.client.source}: {clean_url(self.url)} {what}", kind="content", retryable=True)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds until the provider wants to be asked again; None where it does not say. `now` is epoch seconds.

    Read from Retry-After (seconds or a date), X-Rate-Limit-Retry-After-Seconds (OpenSky), and X-RateLimit-Reset with
    nothing remaining (GitHub).
    """
    for name in ("Retry-After", "X-Rate-Limit-Retry-After-Seconds"):
        value = (headers.get(name) or "").strip()
        if re.fullmatch(r"\d+(\.\d+)?", value):
            return float(value)
        if value:
            try:
                return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - now)
            except (ValueError, TypeError, OverflowError):
                continue
    reset = (headers.get("X-RateLimit-Reset") or "").strip()
    if headers.get("X-RateLimit-Remaining") == "0" and reset.isdigit():
        return max(0.0, float(reset) - now)
    return None


def _without_query(text: str) -> str:
    """An error text with the queries of addresses in it removed: signed addresses carry their key there."""
    return re.sub(r"\?[^\s'\")]*", "", text)
