"""No secret in an address that is shown, in a log or in an error."""

from __future__ import annotations

import logging

import pytest

from basewatch.net.faults import HttpFault
from basewatch.net.limits import State
from basewatch.net.secrets import clean_url
from server.core import Host, Reply, reply_json
from unit.net_provider import client

pytest_plugins = ["unit.net_provider"]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:pw@host/x", "https://host/x"),
        ("https://host/x?api_key=abc&q=a%20b", "https://host/x?api_key=***&q=a+b"),
        ("https://host/x?sig=abc&sv=1", "https://host/x?sig=***&sv=***"),
        ("https://host/x?airports=both:OSLK&limit=20", "https://host/x?airports=both:OSLK&limit=20"),
        ("https://host/x#token=abc", "https://host/x"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert clean_url(url) == shown


def test_secrets_stand_in_no_log_and_no_error(
    host: Host, state: State, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "s3cret/with+signs=="
    host.fault(lambda request, _: Reply(500, f"you sent {request.headers['authorization']}".encode()), times=3)
    host.fault(lambda request, _: reply_json({"message": f"bad {secret}"}, 400))
    asking = client(state, private_headers={"Authorization": f"Bearer {secret}"}, secrets=[secret])
    with pytest.raises(HttpFault) as caught:
        asking.json(f"{host.url}/x", {"note": secret})
    shown = f"{caught.value!r} {caught.value} {caplog.text} {caught.value.__cause__} {caught.value.__context__}"
    assert "answered 500" in caplog.text
    assert secret not in shown
    assert "s3cret%2Fwith" not in shown
