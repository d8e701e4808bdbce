"""Archive folders under other names than readsb's own are read, or named; days that they lack are taken together."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from basewatch import run
from basewatch.lake.store import Lake
from basewatch.readsb.day_names import day_in, days_in
from basewatch.sources import readsb_archive
from basewatch.sources.contract import Window
from basewatch.sources.readsb_archive import catalogue, decoding, local, unpack
from server import setup
from tracekit import DAY, HMEIMIM, Result, context, decode, point, tar, text, trace

LAT, LON = HMEIMIM
NEAR = [point(36_000 + n * 10, round(LAT + 0.1 - n * 0.01, 6), LON, 4000 - n * 100) for n in range(8)]
GOOD = trace("14f10a", NEAR)
PACKED = GOOD[1]
PLAIN = text("14f10a", NEAR)


def absent(folder: Path, day: date = DAY, **settings: Any) -> tuple[str, str]:
    """What the ledger says of a day that is not read."""
    landed = local.fetch(Window("readsb_archive", day, day), context(folder, **settings))
    assert landed.files == ()
    return landed.absent[day]


def is_read(result: Result) -> None:
    """The good trace came through, and nothing is wrong with the day."""
    assert len(result.points) == len(NEAR)
    assert (result.day.status, result.day.error, result.day.records_rejected) == ("ok", None, 0)


# ---- how days are spelled


@pytest.mark.parametrize(
    "name",
    [
        "2025-03-14",
        "2025.03.14",
        "2025_03_14",
        "20250314",
        "2025/03/14",
        "v2025.03.14-planes-readsb-prod-0.tar",
        "globe-20250314T000000Z.json",
        "20250314000000.tar",
    ],
)
def test_a_name_spells_its_day(name: str) -> None:
    assert day_in(name) == DAY


@pytest.mark.parametrize(
    "name", ["2025", "2025-03", "1741910400.json", "1741910400000", "v12025.03.14", "2025.03.141", "2025-13-14"]
)
def test_other_numbers_spell_no_day(name: str) -> None:
    assert days_in(name) == set()


def test_a_name_of_two_days_is_of_neither() -> None:
    assert day_in("2025-03-14_2025-03-15.tar") is None
    assert len(days_in("2025-03-14_2025-03-15.tar")) == 2


# ---- folders


@pytest.mark.parametrize(
    "day",
    [
        "2025-03-14",
        "2025.03.14",
        "20250314",
        "2025/03/14",
        "2025/3/14",
        "2025/2025-03-14",
        "2025-03/2025-03-14",
        "globe_history/2025/03/14",
        "v2025.03.14-planes-readsb-prod-0",
    ],
)
@pytest.mark.parametrize(
    "member",
    [
        "traces/0a/trace_full_14f10a.json",
        "0a/trace_full_14f10a.json",
        "traces/0a/trace_full_14f10a.json.gz",
        "traces/0A/trace_full_14F10A.json",
        "TRACES/0A/TRACE_FULL_14F10A.JSON.GZ",
        "globe_history/traces/0a/trace_full_14f10a.json",
        "v2025.03.14-planes-readsb-prod-0/traces/0a/trace_full_14f10a.json",
        "traces/trace_full_14f10a.json",
    ],
)
def test_an_unpacked_day_is_read_under_other_names(tmp_path: Path, day: str, member: str) -> None:
    path = tmp_path / "archive" / day / member
    path.parent.mkdir(parents=True)
    path.write_bytes(PACKED)
    is_read(decode(context(tmp_path)))


@pytest.mark.parametrize("content", [PACKED, PLAIN])
@pytest.mark.parametrize("ending", [".json", ".json.gz"])
def test_a_trace_is_gzip_by_its_bytes_and_not_by_its_name(tmp_path: Path, ending: str, content: bytes) -> None:
    path = tmp_path / "archive" / "2025-03-14" / "traces" / "0a" / f"trace_full_14f10a{ending}"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    is_read(decode(context(tmp_path)))
    (tmp_path / "tars" / "archive").mkdir(parents=True)
    data = tar([(f"./traces/0a/trace_full_14f10a{ending}", content)])
    (tmp_path / "tars" / "archive" / "2025-03-14.tar").write_bytes(data)
    is_read(decode(context(tmp_path / "tars")))


def test_the_same_trace_under_two_names_counts_once(tmp_path: Path) -> None:
    for member in ("traces/0a/trace_full_14f10a.json", "traces/0A/trace_full_14F10A.json.gz"):
        path = tmp_path / "archive" / "2025-03-14" / member
        path.parent.mkdir(parents=True)
        path.write_bytes(PACKED)
    result = decode(context(tmp_path))
    assert (len(result.points), result.day.records_read) == (len(NEAR), 1)
    assert "1 traces that stand in the archive twice" in result.reasons


@pytest.mark.parametrize("processes", [1, 2])
def test_traces_under_other_names_reach_every_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    monkeypatch.setattr(decoding, "SMALL", 0)
    monkeypatch.setattr(decoding, "SHARD", 1)
    for number in range(6):
        name, data = trace(f"14f1{number * 40:02x}", NEAR)
        path = tmp_path / "archive" / "2025-03-14" / f"{name.upper()}.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    result = decode(context(tmp_path, processes=processes))
    assert (result.day.records_read, result.day.records_kept, len(result.points)) == (6, 6, 6 * len(NEAR))


# ---- tars


def _zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as packed:
        packed.write(data)
    return bytes(sink.getvalue())


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    ".tar": lambda data: data,
    ".TAR": lambda data: data,
    ".tar.gz": gzip.compress,
    ".tgz": gzip.compress,
    ".tar.xz": lzma.compress,
    ".txz": lzma.compress,
    ".tar.bz2": bz2.compress,
    ".tar.zst": _zstd,
    ".TAR.GZ": gzip.compress,
}


def put(folder: Path, name: str, data: bytes) -> Path:
    """A file of an archive's folder."""
    path = folder / "archive" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("ending", PACKINGS)
@pytest.mark.parametrize(
    "stem", ["v2025.03.14-planes-readsb-prod-0", "2025-03-14", "20250314", "2025/03/14", "2025/x-20250314"]
)
def test_a_packed_day_is_read(tmp_path: Path, stem: str, ending: str) -> None:
    put(tmp_path, f"{stem}{ending}", PACKINGS[ending](tar([GOOD])))
    result = decode(context(tmp_path))
    is_read(result)
    assert f"{stem}{ending}" in str(result.day.chosen_copy)
    assert [path.name for path in (tmp_path / "landing").iterdir()] == []


@pytest.mark.parametrize("ending", [".tar", ".tar.gz"])
def test_the_parts_of_a_day_are_one_tar(tmp_path: Path, ending: str) -> None:
    data = PACKINGS[ending](tar([GOOD, trace("4b1a01", NEAR)]))
    half = len(data) // 2
    put(tmp_path, f"2025-03-14{ending}.aa", data[:half])
    put(tmp_path, f"2025-03-14{ending}.AB", data[half:])
    assert decode(context(tmp_path)).day.records_read == 2
    put(tmp_path, f"2025-03-14{ending}.ad", b"x")
    assert "part .tar.ac is missing" in absent(tmp_path)[1]


def test_what_packs_a_day_is_told_by_its_bytes(tmp_path: Path) -> None:
    put(tmp_path, "2025-03-14.tar", lzma.compress(tar([GOOD])))
    is_read(decode(context(tmp_path)))
    put(tmp_path / "2", "2025-03-14.tar.gz", tar([GOOD]))
    is_read(decode(context(tmp_path / "2")))


@pytest.mark.parametrize("ending", [".tar.gz", ".tar.xz", ".tar.bz2", ".tar.zst"])
def test_a_packed_day_cut_short_gives_what_comes_before(tmp_path: Path, ending: str) -> None:
    noise = os.urandom(3_000_000)  # cannot be packed, so that the cut falls far behind the first trace
    data = PACKINGS[ending](tar([GOOD, ("./README.txt", noise)]))
    put(tmp_path, f"2025-03-14{ending}", data[: len(data) - 200_000])
    result = decode(context(tmp_path))
    assert result.day.status == "partial"
    assert "cut short" in str(result.day.error)
    put(tmp_path / "2", f"2025-03-14{ending}", data[:20])
    result = decode(context(tmp_path / "2"))
    assert (result.day.status, result.points) == ("failed", [])
    assert "damaged or cut short" in str(result.day.error)


def test_a_day_that_unpacks_to_more_than_the_budget_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "2025-03-14.tar.gz", gzip.compress(bytes(5_000_000)))
    about = context(tmp_path, disk_budget_gb=0.001)
    landed = local.fetch(Window("readsb_archive", DAY, DAY), about)
    with pytest.raises(local.SourceError, match=r"unpacks to more than 0\.00 GB.*disk_budget_gb"):
        list(decoding.decode(landed, about))
    assert list((tmp_path / "landing").iterdir()) == []


def test_a_folder_needs_no_unpacking(tmp_path: Path) -> None:
    assert unpack.plain([tmp_path], tmp_path, 1.0) == ([tmp_path], None)


# ---- what is not understood


@pytest.mark.parametrize(
    ("members", "example"),
    [
        (["README.txt"], "README.txt"),
        (["traces/0a/14f10a.json"], "traces/0a/14f10a.json"),
        (["acas/acas.csv.gz"], "acas/acas.csv.gz"),
        (["traces/0a/trace_recent_14f10a.json"], "trace_recent_14f10a.json"),
        (["traces/0a/trace_full_14f10a.json.xz"], "trace_full_14f10a.json.xz"),
        (["traces/0a/trace_full_14f10.json"], "trace_full_14f10.json"),
    ],
)
def test_a_day_of_no_names_of_traces_fails_with_an_example(tmp_path: Path, members: list[str], example: str) -> None:
    put(tmp_path / "tar", "2025-03-14.tar", tar([(name, PACKED) for name in sorted(members)]))
    result = decode(context(tmp_path / "tar"))
    assert result.day.status == "failed"
    assert example in str(result.day.error)
    assert "traces/<last two digits>/trace_full_<address>.json" in str(result.day.error)
    files = [*members, *(["notes.txt"] if "acas" in example else [])]  # in a folder that one is not even listed
    for name in files:
        put(tmp_path / "folder", f"2025-03-14/{name}", PACKED)
    status, why = absent(tmp_path / "folder")
    assert status == "failed"
    assert ("notes.txt" if "acas" in example else example) in why
    assert "traces/<last two digits>/trace_full_<address>.json" in why


def test_traces_of_foreign_addresses_alone_fail_the_day_and_are_named(tmp_path: Path) -> None:
    put(tmp_path, "2025-03-14.tar", tar([trace("~2c00b2", NEAR), trace("~2C00B3", NEAR)]))
    result = decode(context(tmp_path))
    assert result.day.status == "failed"
    assert "2 traces are all of addresses that are not ICAO's own, such as ~2c00b2" in str(result.day.error)
    assert "(~), which name no aircraft: ~2c00b2, ~2c00b3" in result.reasons


def test_a_day_of_many_names_that_are_not_understood_is_partial(tmp_path: Path) -> None:
    put(
        tmp_path,
        "2025-03-14.tar",
        tar([GOOD, ("traces/0b/14f10b.json", PACKED), ("traces/0c/trace_14f10c.json", PACKED)]),
    )
    result = decode(context(tmp_path))
    assert (result.day.status, result.day.records_rejected, len(result.points)) == ("partial", 2, len(NEAR))


def test_other_json_of_a_day_is_no_trace(tmp_path: Path) -> None:
    put(tmp_path, "2025-03-14.tar", tar([GOOD, ("acas/acas.json.gz", b"x"), ("receiver.json", b"{}")]))
    is_read(decode(context(tmp_path)))


def test_a_day_of_empty_traces_alone_failed(tmp_path: Path) -> None:
    put(tmp_path, "2025-03-14.tar", tar([trace("14f10a", []), trace("14f10b", [])]))
    result = decode(context(tmp_path))
    assert (result.day.status, result.day.error) == ("failed", "none of its traces holds a point")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"<!DOCTYPE html><html><head><title>Unicorn!</title></head></html>", "an HTML page titled 'Unicorn!'"),
        (b'{"message": "API rate limit exceeded"}', "the message 'API rate limit exceeded'"),
        (
            b"<?xml version='1.0'?><Error><Message>Denied</Message></Error>",
            "XML with the message 'Denied'",
        ),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "the text 'version https://git-lfs"),
    ],
)
def test_what_is_no_tar_is_named_by_what_it_is(tmp_path: Path, content: bytes, why: str) -> None:
    put(tmp_path, "2025-03-14.tar", content)
    result = decode(context(tmp_path))
    assert result.day.status == "failed"
    assert why in str(result.day.error)
    assert "where a tar is due" in str(result.day.error)


@pytest.mark.parametrize(
    "name", ["2025-03-14.zip", "v2025.03.14-prod-0.tar.7z", "traces_20250314", "2025-03-14_2025-03-15.tar"]
)
def test_a_name_that_is_no_archive_is_told_in_the_ledger_and_by_doctor(tmp_path: Path, name: str) -> None:
    put(tmp_path, name, b"PK\x03\x04")
    status, why = absent(tmp_path)
    assert status == "missing"
    assert why.startswith(f"no archive of 2025-03-14 by its name: {name}, where a tar (.tar, .tar.gz,")
    faults = [finding for finding in readsb_archive.check(context(tmp_path)) if not finding.ok]
    assert any(f"names that are not understood: {name}" in finding.what for finding in faults)
    assert all("2025-10-24, 2025.10.24, 20251024, 2025/10/24" in finding.advice for finding in faults)


def test_sums_and_lists_beside_an_archive_are_nobody_s_fault(tmp_path: Path) -> None:
    put(tmp_path, "2025-03-14.tar", tar([GOOD]))
    for name in ("2025-03-14.tar.sha256", "2025-03-14.txt", "README.md", "ALL_RELEASES.txt"):
        put(tmp_path, name, b"x")
    result = decode(context(tmp_path))
    is_read(result)
    assert "sha256" not in str(result.day.chosen_copy)
    assert all(finding.ok for finding in readsb_archive.check(context(tmp_path)))


def test_doctor_says_folder_by_folder_which_days_there_are(tmp_path: Path) -> None:
    put(tmp_path, "2025-03-14.tar", b"not read")
    put(tmp_path, "2025-03-16.tar.gz", b"not read")
    put(tmp_path, "2024/02/28/traces/0a/trace_full_14f10a.json", b"not read")
    put(tmp_path, "2024/02/29.tgz", b"not read")
    root = tmp_path / "archive"
    assert [finding.what for finding in readsb_archive.check(context(tmp_path))][:3] == [
        f"readsb_archive: reads {root}",
        f"readsb_archive: {root} holds 2 days, 2025-03-14 to 2025-03-16",
        f"readsb_archive: {root / '2024' / '02'} holds 2 days, 2024-02-28 to 2024-02-29",
    ]


def test_doctor_tells_a_folder_that_holds_no_day(tmp_path: Path) -> None:
    put(tmp_path, "traces/0a/trace_full_14f10a.json", PACKED)
    (fault,) = [finding for finding in readsb_archive.check(context(tmp_path)) if not finding.ok]
    assert fault.what.endswith("holds no day; there is traces")


def test_doctor_shows_a_year_of_folders_and_sums_up_the_rest(tmp_path: Path) -> None:
    for month in range(36):
        put(tmp_path, f"{2023 + month // 12}/{month % 12 + 1:02d}/01.tar", b"x")
    findings = [finding.what for finding in readsb_archive.check(context(tmp_path))]
    assert len(findings) == 15
    assert findings[-2] == "readsb_archive: 24 more folders; 36 days in all, 2023-01-01 to 2025-12-01"


# ---- the catalogue, and days that a folder lacks


def test_a_folder_is_listed_anew_when_it_has_changed(tmp_path: Path) -> None:
    put(tmp_path, "2025/03/14.tar", b"x")
    root = tmp_path / "archive"
    long_ago = time.time() - 3600
    for folder in (root, root / "2025", root / "2025" / "03"):
        os.utime(folder, (long_ago, long_ago))
    first = catalogue.look(root)
    assert catalogue.look(root) is first
    put(tmp_path, "2025/03/15.tar", b"x")
    assert catalogue.look(root).days() == {DAY, DAY + timedelta(days=1)}
    (root / "2025" / "03" / "14.tar").unlink()
    assert catalogue.look(root).days() == {DAY + timedelta(days=1)}


def test_a_folder_that_has_just_changed_is_not_trusted_to_stay(tmp_path: Path) -> None:
    put(tmp_path, "2025-03-14.tar", b"x")
    first = catalogue.look(tmp_path / "archive")
    assert catalogue.look(tmp_path / "archive") is not first


def ledger(folder: Path, since: date, until: date, *, joined: bool) -> list[tuple[Any, ...]]:
    """The ledger after a backfill of these days over the folder's archive, without when and by which run."""
    archive = {"location": str(folder / "archive"), "own_receiver": True, "processes": 1}
    configured = setup.settings(folder / str(joined), readsb_archive=archive, press_flights={"enabled": False})
    work = run.start(configured, until, since)
    work.progress = lambda _: None
    windows = list(work.windows)
    run.has_work(work)
    assert (len(work.windows) < len(windows)) == joined or not joined
    for window in work.windows if joined else windows:
        run.ingest_window(work, window)
    rows = Lake(folder / str(joined) / "warehouse").ledger()
    return [tuple({**vars(row), "ingested_at": None, "run_id": None}.values()) for row in rows]


def test_days_that_a_folder_lacks_are_one_window_and_the_same_rows(tmp_path: Path) -> None:
    put(tmp_path, "2025-03-14.tar", tar([GOOD]))
    put(tmp_path, "2025-03-20.zip", b"x")
    put(tmp_path, "2025-03-25/notes.txt", b"x")
    since, until = date(2025, 3, 1), date(2025, 3, 31)
    rows = ledger(tmp_path, since, until, joined=True)
    assert rows == ledger(tmp_path, since, until, joined=False)
    statuses = {row[2]: row[3] for row in rows}
    assert len(statuses) == 31
    assert [str(day) for day, status in statuses.items() if status != "missing"] == ["2025-03-14", "2025-03-25"]


def test_a_run_over_a_sparse_folder_has_a_window_a_silence(tmp_path: Path) -> None:
    put(tmp_path, "2025-03-14.tar", tar([GOOD]))
    put(tmp_path, "2025-03-15.tar", tar([GOOD]))
    archive = {"location": str(tmp_path / "archive"), "own_receiver": True, "processes": 1}
    configured = setup.settings(tmp_path, readsb_archive=archive, press_flights={"enabled": False})
    work = run.start(configured, date(2025, 12, 31), date(2016, 1, 1))
    work.progress = lambda _: None
    run.has_work(work)
    assert [window.name for window in work.windows] == [
        "readsb_archive 2016-01-01..2025-03-13",
        "readsb_archive 2025-03-14",
        "readsb_archive 2025-03-15",
        "readsb_archive 2025-03-16..2025-12-31",
    ]
    run.ingest_window(work, work.windows[0])
    again = run.start(configured, date(2025, 3, 13), date(2016, 1, 1))
    assert len(again.windows) == (date(2025, 3, 14) - date(2016, 1, 1)).days, "missing days are looked at again"
    put(tmp_path, "2020-02-02.tar", tar([GOOD]))
    run.has_work(again)
    assert [window.name for window in again.windows] == [
        "readsb_archive 2016-01-01..2020-02-01",
        "readsb_archive 2020-02-02",
        "readsb_archive 2020-02-03..2025-03-13",
    ]


def test_a_folder_that_is_gone_fails_each_of_its_days(tmp_path: Path) -> None:
    archive = {"location": str(tmp_path / "archive"), "own_receiver": True}
    configured = setup.settings(tmp_path, readsb_archive=archive, press_flights={"enabled": False})
    work = run.start(configured, date(2025, 3, 3), date(2025, 3, 1))
    work.progress = lambda _: None
    run.has_work(work)
    assert len(work.windows) == 3
    assert [run.ingest_window(work, window).rows[0].status for window in work.windows] == ["failed"] * 3
