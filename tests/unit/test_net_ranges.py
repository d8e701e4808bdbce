"""Stretches of files by HTTP range: the bytes asked for and no others, gone on with where they broke off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from basewatch.net.faults import HttpFault
from basewatch.net.limits import State
from basewatch.net.ranges import FileChanged, RangesRefused
from server.core import FakeClock, Host, Reply, Request
from unit.net_provider import BLOB, client

pytest_plugins = ["unit.net_provider"]

START, END = 1000, 700_000


def stretch(host: Host, state: State, start: int = START, end: int = END, **more: Any) -> tuple[bytes, str]:
    """The bytes that came, and the file's validator."""
    came = bytearray()
    values = {"size": len(BLOB), **more}
    validator = client(state, policy={"attempts": 3}).stretch(f"{host.url}/blob", start, end, came.extend, **values)
    return bytes(came), validator


def headers_of(host: Host, name: str) -> list[str | None]:
    return [request.headers.get(name) for request in host.asked()]


def other_headers(change: Callable[[Reply], dict[str, str]], status: int = 206) -> Callable[[Request, Reply], Reply]:
    """A reply of the right bytes under other headers."""

    def make(_: Request, right: Reply) -> Reply:
        assert right.file is not None
        reply = replace(right, status=status, file=None, body=right.file[START:END])
        return replace(reply, headers={"ETag": '"e"', **change(reply)})

    return make


def test_a_stretch_is_what_was_asked_for(host: Host, state: State) -> None:
    came, validator = stretch(host, state)
    assert came == BLOB[START:END]
    assert stretch(host, state, 0, 1, validator=validator) == (BLOB[:1], validator)
    assert stretch(host, state, len(BLOB) - 5, len(BLOB)) == (BLOB[-5:], validator)
    assert headers_of(host, "range") == ["bytes=1000-699999", "bytes=0-0", f"bytes={len(BLOB) - 5}-{len(BLOB) - 1}"]
    assert headers_of(host, "if-range") == [None, validator, None]
    assert headers_of(host, "accept-encoding") == ["identity"] * 3


def test_a_stretch_goes_on_where_it_broke_off(host: Host, state: State) -> None:
    host.truncated(0.3)
    host.broken(503)
    host.truncated(0.5)
    came, validator = stretch(host, state)
    assert came == BLOB[START:END]
    first = START + int((END - START) * 0.3)
    second = first + int((END - first) * 0.5)
    assert headers_of(host, "range") == [f"bytes={start}-{END - 1}" for start in (START, first, first, second)]
    assert headers_of(host, "if-range") == [None, validator, validator, validator]


def test_attempts_count_only_while_no_byte_comes(host: Host, state: State) -> None:
    host.truncated(0.5, times=12)
    assert stretch(host, state)[0] == BLOB[START:END]
    host.truncated(0.0, times=99)
    with pytest.raises(HttpFault, match="cannot be reached or broke off") as caught:
        stretch(host, state)
    assert not isinstance(caught.value, RangesRefused)
    assert len(host.log) == 13 + 3


def test_a_body_that_ends_early_without_a_word_is_gone_on_with(host: Host, state: State) -> None:
    def short(_: Request, right: Reply) -> Reply:
        assert right.file is not None
        stated = {"Content-Range": f"bytes {START}-{END - 1}/{len(BLOB)}"}
        return replace(right, status=206, file=None, body=right.file[START : START + 300], headers=stated)

    host.fault(short)
    assert stretch(host, state)[0] == BLOB[START:END]
    assert headers_of(host, "range") == [f"bytes={START}-{END - 1}", f"bytes={START + 300}-{END - 1}"]


def test_the_wait_that_the_provider_asks_for_is_kept(host: Host, state: State, clock: FakeClock) -> None:
    host.too_many({"Retry-After": "30"})
    assert stretch(host, state)[0] == BLOB[START:END]
    first, second = host.asked()
    assert 30 <= second.at - first.at <= 31


def test_a_server_that_sends_less_than_asked_is_asked_for_the_rest(host: Host, state: State) -> None:
    def fewer(_: Request, right: Reply) -> Reply:
        assert right.file is not None
        stated = {"Content-Range": f"bytes {START}-{START + 499}/{len(BLOB)}"}
        return replace(right, status=206, file=None, body=right.file[START : START + 500], headers=stated)

    host.fault(fewer)
    assert stretch(host, state)[0] == BLOB[START:END]


@pytest.mark.parametrize("total", ["*", str(len(BLOB))])
def test_the_whole_length_may_be_left_open(host: Host, state: State, total: str) -> None:
    host.fault(other_headers(lambda _: {"Content-Range": f"bytes {START}-{END - 1}/{total}"}))
    assert stretch(host, state)[0] == BLOB[START:END]
    assert len(host.log) == 1


@pytest.mark.parametrize(
    ("make", "why", "requests"),
    [
        (lambda _, right: replace(right, ranges=False), "the whole file", 1),
        (lambda _, __: Reply(416, b"", None, {"Content-Range": "bytes */5"}), "no such bytes", 1),
        (
            other_headers(lambda _: {"Content-Range": f"bytes {START}-{END - 1}/{len(BLOB) + 1}"}),
            "is of 1,024,001 bytes where 1,024,000 are due",
            1,
        ),
        (
            other_headers(
                lambda _: {"Content-Range": f"bytes {START}-{END - 1}/{len(BLOB)}", "Content-Encoding": "gzip"}
            ),
            "packed on the way",
            1,
        ),
        (other_headers(lambda _: {"Content-Range": f"bytes 0-{END}/{len(BLOB)}"}), "another range than asked", 3),
        (
            other_headers(lambda _: {"Content-Range": f"bytes {START}-{END}/{len(BLOB)}"}),
            "another range than asked",
            3,
        ),
        (other_headers(lambda _: {}), "none is stated", 3),
        (other_headers(lambda _: {"Content-Range": "bytes=nonsense"}), "bytes=nonsense", 3),
    ],
)
def test_a_server_that_does_not_serve_ranges_is_told(
    host: Host, state: State, make: Any, why: str, requests: int
) -> None:
    host.fault(make, times=9)
    with pytest.raises(RangesRefused, match=why):
        stretch(host, state)
    assert len(host.log) == requests


def test_a_page_in_place_of_a_range_may_pass(host: Host, state: State) -> None:
    host.html(times=2)
    assert stretch(host, state)[0] == BLOB[START:END]
    host.html(times=9)
    with pytest.raises(RangesRefused, match="another thing"):
        stretch(host, state)
    assert len(host.log) == 3 + 3


def test_a_wrong_range_may_come_right(host: Host, state: State) -> None:
    host.fault(other_headers(lambda _: {"Content-Range": f"bytes 0-5/{len(BLOB)}"}))
    assert stretch(host, state)[0] == BLOB[START:END]


def test_more_bytes_than_asked_are_no_answer(host: Host, state: State) -> None:
    def more(_: Request, right: Reply) -> Reply:
        assert right.file is not None
        stated = {"Content-Range": f"bytes {START}-{END - 1}/{len(BLOB)}"}
        return replace(right, status=206, file=None, body=right.file[START : END + 10], headers=stated)

    host.fault(more)
    with pytest.raises(RangesRefused, match="more bytes than asked"):
        stretch(host, state)
    assert len(host.log) == 1


def test_a_file_that_changed_is_told_by_its_etag(host: Host, state: State) -> None:
    _, validator = stretch(host, state)
    host.handle = lambda _: Reply(file=BLOB[::-1])
    with pytest.raises(FileChanged, match="is another file than before"):
        stretch(host, state, validator=validator)
    assert len(host.log) == 2


def test_a_file_that_changes_while_a_stretch_is_fetched_is_told(host: Host, state: State) -> None:
    host.truncated(0.5)
    host.fault(lambda _, right: replace(right, file=BLOB[::-1]))
    with pytest.raises(FileChanged):
        stretch(host, state)


def test_a_file_that_changed_is_told_by_its_date_where_it_has_no_strong_etag(host: Host, state: State) -> None:
    headers = {"ETag": 'W/"weak"', "Last-Modified": "Tue, 20 Jan 2026 03:25:00 GMT"}
    host.handle = lambda _: Reply(file=BLOB, headers=headers)
    _, validator = stretch(host, state)
    assert validator == headers["Last-Modified"]
    headers["Last-Modified"] = "Tue, 20 Jan 2026 04:00:00 GMT"
    with pytest.raises(FileChanged):
        stretch(host, state, validator=validator)


@pytest.mark.parametrize(("status", "kind"), [(403, "denied"), (404, "absent"), (501, "server")])
def test_a_refusal_is_told_by_its_kind(host: Host, state: State, status: int, kind: str) -> None:
    host.broken(status)
    with pytest.raises(HttpFault) as caught:
        stretch(host, state)
    assert (caught.value.kind, caught.value.retryable, len(host.log)) == (kind, False, 1)
