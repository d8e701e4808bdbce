"""Downloads: whole or not at all, verbatim, gone on with where they broke off."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from basewatch.net.download import Transfer
from basewatch.net.faults import HttpFault
from basewatch.net.limits import State
from server.core import Host, Reply
from unit.net_provider import BLOB, client

pytest_plugins = ["unit.net_provider"]


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def test_a_download_arrives_whole_verbatim_and_hashed(host: Host, state: State, tmp_path: Path) -> None:
    got = client(state).download(f"{host.url}/blob", tmp_path / "a" / "blob", size=len(BLOB), sha256=digest(BLOB))
    assert got.path.read_bytes() == BLOB
    assert (got.size, got.sha256, got.resumed) == (len(BLOB), digest(BLOB), False)
    assert [file.name for file in got.path.parent.iterdir()] == ["blob"]


def test_a_download_goes_on_where_it_broke_off(host: Host, state: State, tmp_path: Path) -> None:
    host.truncated(0.3)
    host.truncated(0.5)
    got = client(state).download(f"{host.url}/blob", tmp_path / "blob", size=len(BLOB))
    assert (got.path.read_bytes() == BLOB, got.resumed) == (True, True)
    starts = [int(request.headers.get("range", "bytes=0-")[6:-1]) for request in host.asked()]
    assert starts == [0, int(len(BLOB) * 0.3), int(len(BLOB) * 0.3) + int(len(BLOB) * 0.7 * 0.5)]


def test_a_later_run_goes_on_from_the_part_file(host: Host, state: State, tmp_path: Path) -> None:
    host.truncated(0.4)
    host.broken(403)
    with pytest.raises(HttpFault, match="answered 403"):
        client(state).download(f"{host.url}/blob", tmp_path / "blob")
    assert not (tmp_path / "blob").exists()
    got = client(state).download(f"{host.url}/blob", tmp_path / "blob")
    assert (got.path.read_bytes() == BLOB, host.statuses()) == (True, [200, 403, 206])


def test_a_file_that_changed_meanwhile_is_begun_anew(host: Host, state: State, tmp_path: Path) -> None:
    host.truncated(0.4)
    host.broken(403)
    with pytest.raises(HttpFault, match="answered 403"):
        client(state).download(f"{host.url}/blob", tmp_path / "blob")
    host.handle = lambda _: Reply(file=BLOB[::-1])
    got = client(state).download(f"{host.url}/blob", tmp_path / "blob")
    assert (got.path.read_bytes() == BLOB[::-1], got.resumed) == (True, False)


def test_a_server_without_ranges_is_begun_anew_and_given_up_when_it_never_gets_further(
    host: Host, state: State, tmp_path: Path
) -> None:
    host.handle = lambda _: Reply(file=BLOB, ranges=False)
    host.truncated(0.5, times=2)
    assert client(state).download(f"{host.url}/blob", tmp_path / "blob").sha256 == digest(BLOB)
    assert host.statuses() == [200, 200, 200]
    host.truncated(0.5, times=99)
    with pytest.raises(HttpFault, match="cannot be reached or broke off"):
        client(state).download(f"{host.url}/blob", tmp_path / "other")
    assert len(host.log) == 3 + 6


def test_a_wrong_digest_is_fetched_again_and_then_refused(host: Host, state: State, tmp_path: Path) -> None:
    damaged = BLOB[:-1] + b"?"
    host.fault(lambda _, right: replace(right, file=None, body=damaged))
    got = client(state).download(f"{host.url}/blob", tmp_path / "blob", size=len(BLOB), sha256=digest(BLOB))
    assert got.path.read_bytes() == BLOB
    host.fault(lambda _, right: replace(right, file=None, body=damaged), times=9)
    with pytest.raises(HttpFault, match="does not match the published sha256"):
        client(state).download(f"{host.url}/blob", tmp_path / "next", size=len(BLOB), sha256=digest(BLOB))
    assert len(host.log) == 2 + 3
    assert sorted(file.name for file in tmp_path.iterdir()) == ["blob"]


def test_a_wrong_size_is_refused(host: Host, state: State, tmp_path: Path) -> None:
    with pytest.raises(HttpFault, match=r"gave 1,024,000 of 1,024,001 bytes"):
        client(state).download(f"{host.url}/blob", tmp_path / "blob", size=len(BLOB) + 1)
    with pytest.raises(HttpFault, match="larger than the 1,000 bytes due"):
        client(state).download(f"{host.url}/blob", tmp_path / "blob", size=1000)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("expect", "due"), [("tar", "a tar"), ("gzip", "gzip"), ("bytes", "a file")])
def test_a_page_in_place_of_a_file_is_reported(host: Host, state: State, tmp_path: Path, expect: str, due: str) -> None:
    host.html("Attention required", times=9)
    with pytest.raises(HttpFault, match=f"an HTML page titled 'Attention required' where {due} is due"):
        client(state).download(f"{host.url}/blob", tmp_path / "blob", expect=expect)
    assert len(host.log) == 3
    assert list(tmp_path.iterdir()) == []


def test_gzip_stays_gzip_on_disk(host: Host, state: State, tmp_path: Path) -> None:
    packed = gzip.compress(b'{"icao": "15c001"}', mtime=0)
    host.handle = lambda _: Reply(file=packed, headers={"Content-Encoding": "gzip"})
    got = client(state).download(f"{host.url}/t.json", tmp_path / "t.json", expect="gzip")
    assert got.path.read_bytes() == packed


def test_a_full_disk_says_where_and_what_to_do(
    host: Host, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Transfer, "_store", full)
    with pytest.raises(HttpFault, match="No space left on device; free some space on the disk of") as caught:
        client(state).download(f"{host.url}/blob", tmp_path / "blob")
    assert (caught.value.kind, caught.value.retryable, len(host.log)) == ("disk", False, 1)
