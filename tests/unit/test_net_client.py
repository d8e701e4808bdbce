"""The HTTP layer against a real server: patience with passing faults, limits kept, bytes checked."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from basewatch.net.faults import HttpFault
from basewatch.net.limits import Limit, State
from server.core import FakeClock, Host, Reply, reply_json, serving
from unit.net_provider import START, client

pytest_plugins = ["unit.net_provider"]


def test_a_plain_answer_names_the_project_and_its_version(host: Host, state: State) -> None:
    assert client(state).json(f"{host.url}/x", {"a": "b c"}) == {"data": [1, 2], "asked": "/x"}
    (asked,) = host.asked()
    assert asked.headers["user-agent"].startswith("basewatch/0.")
    assert asked.query == {"a": ["b c"]}


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 520, 522])
def test_a_fault_that_can_pass_is_tried_again(host: Host, state: State, clock: FakeClock, status: int) -> None:
    host.broken(status, times=3)
    assert client(state).json(f"{host.url}/x")["data"] == [1, 2]
    assert host.statuses() == [status] * 3 + [200]
    assert len(clock.slept) == 3
    assert all(low <= slept <= high for slept, (low, high) in zip(clock.slept, [(0.5, 1), (1, 2), (2, 4)], strict=True))


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "denied"), (401, "unauthorised"), (402, "denied"), (403, "denied"), (404, "absent"), (410, "absent"),
     (422, "denied"), (451, "denied"), (501, "server")],
)  # fmt: skip
def test_a_fault_that_cannot_pass_is_asked_once(host: Host, state: State, status: int, kind: str) -> None:
    host.fault(lambda _, __: reply_json({"message": "Validation failed", "details": "no such field"}, status), times=9)
    with pytest.raises(HttpFault, match=r"answered .* the message 'no such field'") as caught:
        client(state).json(f"{host.url}/x")
    assert (caught.value.kind, caught.value.status, caught.value.retryable) == (kind, status, False)
    assert len(host.log) == 1


def test_no_data_by_status_is_none_and_not_a_fault(host: Host, state: State) -> None:
    assert client(state).json(f"{host.url}/none", absent=(404,)) is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ({"Retry-After": "30"}, 30),
        ({"X-Rate-Limit-Retry-After-Seconds": "45"}, 45),
        ({"Retry-After": "Thu, 01 Oct 2026 05:16:00 GMT"}, 60),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(START) + 50)}, 50),
    ],
)
def test_the_wait_that_the_provider_asks_for_is_kept(
    host: Host, state: State, clock: FakeClock, header: dict[str, str], seconds: float
) -> None:
    host.too_many(header)
    client(state).json(f"{host.url}/x")
    first, second = host.asked()
    assert seconds <= second.at - first.at <= seconds + 1


def test_a_403_with_an_exhausted_quota_is_a_limit_and_without_one_a_denial(host: Host, state: State) -> None:
    host.fault(lambda _, __: reply_json({"message": "rate"}, 403, **{"X-RateLimit-Remaining": "0"}))
    assert client(state).json(f"{host.url}/x")
    host.fault(lambda _, __: reply_json({"message": "blocked"}, 403))
    with pytest.raises(HttpFault) as caught:
        client(state).json(f"{host.url}/x")
    assert caught.value.kind == "denied"


def test_a_wait_longer_than_a_run_may_last_ends_at_once_and_says_how_long(
    host: Host, state: State, clock: FakeClock
) -> None:
    host.too_many({"X-Rate-Limit-Retry-After-Seconds": "40000"})
    with pytest.raises(HttpFault, match="limited for another 40,000 s, longer than the 120 s") as caught:
        client(state).json(f"{host.url}/x")
    assert (caught.value.kind, caught.value.wait, caught.value.retryable) == ("limited", 40000, True)
    assert (clock.slept, len(host.log)) == ([], 1)


def test_a_quota_that_is_used_up_is_not_tried_until_it_is_free_again(
    host: Host, state: State, clock: FakeClock
) -> None:
    host.too_many({"Retry-After": "4000"}, when=lambda request: request.path.startswith("/api/flights"))
    with pytest.raises(HttpFault):
        client(state, quota_depth=2).json(f"{host.url}/api/flights/a")
    with pytest.raises(HttpFault, match="not asked: the provider's limit is used up for another 4,000 s"):
        client(state, quota_depth=2).json(f"{host.url}/api/flights/b")
    assert client(state, quota_depth=2).json(f"{host.url}/api/states/all")
    clock.sleep(4001)
    assert client(state, quota_depth=2).json(f"{host.url}/api/flights/b")
    assert host.statuses() == [429, 200, 200]


def test_a_timeout_and_a_broken_connection_are_tried_again(host: Host, state: State) -> None:
    host.stalled(1.2)
    host.truncated()
    assert client(state, policy={"read_seconds": 0.5}).json(f"{host.url}/x")["data"] == [1, 2]
    assert len(host.log) >= 3


def test_a_host_that_is_not_there_is_a_network_fault(state: State) -> None:
    with pytest.raises(HttpFault, match="cannot be reached") as caught:
        client(state, policy={"attempts": 2}).json("http://127.0.0.1:9/x?token=hidden-in-query")
    assert (caught.value.kind, caught.value.retryable) == ("network", True)
    assert "hidden-in-query" not in str(caught.value)


def test_html_at_200_is_reported_as_what_it_is(host: Host, state: State) -> None:
    host.html(times=5)
    with pytest.raises(
        HttpFault, match=r"answered 200 with an HTML page titled 'Unicorn!.*where JSON is due"
    ) as caught:
        client(state).json(f"{host.url}/x")
    assert caught.value.kind == "content"
    assert len(host.log) == 5


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"Your query was too short", "the text 'Your query was too short' where JSON is due"),
        (b"", "an empty body where JSON is due"),
        (b'{"data": [1, 2', "JSON that cannot be read"),
        (b"\x00\x01\x02", "binary data where JSON is due"),
        (b"<?xml version='1.0'?><Error/>", "XML or markup where JSON is due"),
        (gzip.compress(b'{"a": 1}', mtime=0)[:-9], "answered gzip ends early"),
    ],
)
def test_what_is_not_json_is_reported_as_what_it_is(host: Host, state: State, body: bytes, said: str) -> None:
    host.fault(lambda _, __: Reply(200, body), times=5)
    with pytest.raises(HttpFault) as caught:
        client(state).json(f"{host.url}/x")
    assert said in str(caught.value)


@pytest.mark.parametrize("label", ["text/html", "application/octet-stream", None])
def test_the_content_type_is_not_believed(host: Host, state: State, label: str | None) -> None:
    host.mislabelled(label)
    assert client(state).json(f"{host.url}/x")["data"] == [1, 2]
    assert len(host.log) == 1


@pytest.mark.parametrize(("encoding", "content"), [(True, False), (False, True), (True, True)])
def test_gzip_is_found_by_its_bytes(host: Host, state: State, encoding: bool, content: bool) -> None:
    host.zipped(encoding=encoding, content=content)
    assert client(state).json(f"{host.url}/x")["data"] == [1, 2]


def test_a_body_beyond_its_bound_is_refused_also_when_it_is_small_on_the_wire(host: Host, state: State) -> None:
    host.fault(lambda _, __: Reply(200, b"[" + b"1," * 60000 + b"1]"))
    with pytest.raises(HttpFault, match="more than 100,000 bytes"):
        client(state).get(f"{host.url}/x", max_bytes=100_000)
    host.fault(lambda _, __: Reply(200, gzip.compress(b" " * 50_000_000)), times=9)
    with pytest.raises(HttpFault, match="inflates to more than 100,000 bytes"):
        client(state).get(f"{host.url}/x", max_bytes=100_000)


def test_a_conditional_request_gets_304_without_a_body(host: Host, state: State) -> None:
    first = client(state).get(f"{host.url}/cached")
    again = client(state).get(f"{host.url}/cached", etag=first.headers["ETag"])
    assert (first.status, first.json(), again.status, again.body) == (200, {"fresh": True}, 304, b"")


def test_no_limit_is_broken_whoever_asks(host: Host, state: State, clock: FakeClock) -> None:
    host.rates = [(1, 1.0), (10, 60.0)]
    for _ in range(13):  # a new client each time: the limit belongs to the host, not to the client
        client(state, limits=[Limit(1, 1.0), Limit(10, 60.0)]).json(f"{host.url}/x")
    assert host.violations == []
    assert 60 <= clock.time() - START < 75


def test_retries_count_against_the_limit(host: Host, state: State) -> None:
    host.rates = [(2, 60.0)]
    host.broken(500, times=3)
    client(state, limits=[Limit(2, 60.0)]).json(f"{host.url}/x")
    assert (host.violations, len(host.log)) == ([], 4)


def test_a_daily_limit_used_up_is_a_fault_and_not_a_sleep(host: Host, state: State, clock: FakeClock) -> None:
    asking = client(state, limits=[Limit(3, 86400.0)])
    for _ in range(3):
        asking.json(f"{host.url}/x")
    with pytest.raises(HttpFault, match="has had all the requests that its limit allows") as caught:
        asking.json(f"{host.url}/x")
    assert (caught.value.kind, clock.slept, len(host.log)) == ("limited", [], 3)


def test_the_circuit_opens_after_failures_in_a_row_and_closes_again(host: Host, state: State, clock: FakeClock) -> None:
    policy = {"attempts": 1, "breaker_after": 2, "breaker_seconds": 300.0}
    host.broken(503, times=2)
    for _ in range(2):
        with pytest.raises(HttpFault, match="answered 503"):
            client(state, policy=policy).json(f"{host.url}/x")
    with pytest.raises(HttpFault, match="not asked, after 2 failures in a row; asked again in 300 s") as caught:
        client(state, policy=policy).json(f"{host.url}/x")
    assert (caught.value.kind, len(host.log)) == ("circuit", 2)
    clock.sleep(301)
    assert client(state, policy=policy).json(f"{host.url}/x")
    assert state.breakers["provider"].failures == 0


def test_a_definite_no_does_not_open_the_circuit(host: Host, state: State) -> None:
    for _ in range(4):
        with pytest.raises(HttpFault, match="answered 404"):
            client(state, policy={"breaker_after": 2}).json(f"{host.url}/none")


def test_an_expired_token_is_renewed_once(host: Host, state: State) -> None:
    host.handle = lambda request: reply_json(
        {}, 200 if request.headers.get("authorization") == "Bearer second-token" else 401
    )
    renewals: list[bool] = []

    def authorise(renew: bool) -> dict[str, str]:
        renewals.append(renew)
        return {"Authorization": f"Bearer {'second' if renew else 'first'}-token"}

    assert client(state, authorise=authorise).json(f"{host.url}/x") == {}
    assert renewals == [False, True]
    host.handle = lambda _: reply_json({"error": "invalid"}, 401)
    with pytest.raises(HttpFault, match="the credentials are not accepted"):
        client(state, authorise=authorise).json(f"{host.url}/x")
    assert host.statuses() == [401, 200, 401, 401]


def test_private_headers_do_not_follow_a_redirect_to_another_host(host: Host, state: State, clock: FakeClock) -> None:
    other = Host("other", lambda _: reply_json({}), clock.time)
    with serving(other):
        host.fault(lambda _, __: Reply(302, b"", None, {"Location": f"{other.url}/y?sig=signed"}))
        asking = client(state, private_headers={"api-auth": "key-of-mine", "Authorization": "Bearer b"})
        assert asking.get(f"{host.url}/x").url == f"{other.url}/y?sig=***"
    assert host.asked()[0].headers["api-auth"] == "key-of-mine"
    assert not {"api-auth", "authorization"} & set(other.asked()[0].headers)


def test_netrc_is_not_consulted(host: Host, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("NETRC", str(netrc))
    client(state).json(f"{host.url}/x")
    assert "authorization" not in host.asked()[0].headers
