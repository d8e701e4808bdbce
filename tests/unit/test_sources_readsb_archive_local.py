"""Daily trace archives: which copy, what is kept of it, and what the ledger says when something is wrong with it."""

from __future__ import annotations

import gzip
import os
import shutil
import struct
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from basewatch.config import Settings
from basewatch.errors import SourceError
from basewatch.lake.events import Rows
from basewatch.lake.schemas import TABLES
from basewatch.lake.store import Lake
from basewatch.readsb import workers
from basewatch.readsb.decoder import Shard
from basewatch.reference import load
from basewatch.reference.rows import BaseRow
from basewatch.sources.contract import Window
from basewatch.sources.readsb_archive import decoding, local
from basewatch.sources.readsb_archive.judging import judge_completeness
from basewatch.sources.readsb_archive.local import Copy, choose, copies
from tracekit import (
    DAY,
    DETAILS,
    HMEIMIM,
    MIDNIGHT,
    Point,
    Result,
    context,
    decode,
    point,
    run,
    shipped,
    tar,
    text,
    trace,
    write_tar,
)

LAT, LON = HMEIMIM
NEAR = [point(36_000 + n * 10, round(LAT + 0.1 - n * 0.01, 6), LON, 4000 - n * 100) for n in range(8)]
FAR = [point(36_000 + n * 10, 10.0, 100.0, 33_000) for n in range(300)]
PARAMS = load.params(Settings()).thresholds.model_copy(
    update={"archive_min_folders": 250, "archive_min_share_of_median": 0.6, "archive_trailing_min_days": 5}
)


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(MIDNIGHT + seconds, UTC)


# ---- which copy


def touch(folder: Path, *names: str, size: int = 1000) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"x" * size)


def chosen(folder: Path) -> tuple[str | None, str]:
    copy, why = choose(copies(folder, DAY), 0.6)
    return copy.name if copy else None, why


def test_the_larger_of_two_copies_is_chosen_and_says_why(tmp_path: Path) -> None:
    touch(tmp_path, "v2025.03.14-planes-readsb-prod-0.tar", size=900)
    touch(
        tmp_path, "v2025.03.14-planes-readsb-staging-0.tar.aa", "v2025.03.14-planes-readsb-staging-0.tar.ab", size=600
    )
    touch(tmp_path, "v2025.03.15-planes-readsb-prod-0.tar", "v12025.03.14.tar", "v2025.03.141.tar", size=9000)
    name, why = chosen(tmp_path)
    assert name == "v2025.03.14-planes-readsb-staging-0.tar"
    assert "in 2 parts" in why
    assert "prod-0.tar (0.0 MB): not larger" in why


def test_split_and_unsplit_of_one_release_are_two_copies_and_never_joined(tmp_path: Path) -> None:
    stem = "v2025.03.14-planes-readsb-staging-0.tar"
    touch(tmp_path, f"{stem}.aa", f"{stem}.ab", size=500)
    touch(tmp_path, stem, size=1000)
    found = copies(tmp_path, DAY)
    assert sorted(len(copy.paths) for copy in found) == [1, 2]
    assert all(copy.size == 1000 for copy in found)


@pytest.mark.parametrize(("parts", "missing"), [("ab", "aa"), ("aa ac", "ab"), ("aa ab ad", "ac")])
def test_a_copy_with_a_missing_part_cannot_be_used(tmp_path: Path, parts: str, missing: str) -> None:
    touch(tmp_path, *(f"v2025.03.14-planes-readsb-prod-0.tar.{part}" for part in parts.split()), size=5000)
    assert chosen(tmp_path)[0] is None
    assert f"part .tar.{missing} is missing" in chosen(tmp_path)[1]
    touch(tmp_path, "v2025.03.14-planes-readsb-staging-0.tar", size=10)
    name, why = chosen(tmp_path)
    assert name == "v2025.03.14-planes-readsb-staging-0.tar"
    assert f"part .tar.{missing} is missing" in why


def test_multilateration_alone_and_copies_in_the_making_come_last(tmp_path: Path) -> None:
    touch(tmp_path, "v2025.03.14-planes-readsb-mlatonly-0.tar", size=9000)
    assert chosen(tmp_path)[0] == "v2025.03.14-planes-readsb-mlatonly-0.tar"
    touch(tmp_path, "v2025.03.14-planes-readsb-prod-0.tar", size=800)
    touch(tmp_path, "v2025.03.14-planes-readsb-prod-0tmp.tar", size=1000)
    name, why = chosen(tmp_path)
    assert name == "v2025.03.14-planes-readsb-prod-0.tar"
    assert "multilateration only" in why
    assert "still being made" in why
    touch(tmp_path, "v2025.03.14-planes-readsb-prod-0tmp.tar", size=5000)
    assert chosen(tmp_path)[0] == "v2025.03.14-planes-readsb-prod-0tmp.tar"


def test_an_empty_release_is_none(tmp_path: Path) -> None:
    touch(tmp_path, "v2025.03.14-planes-readsb-staging-0.tar", size=0)
    assert chosen(tmp_path) == (None, "v2025.03.14-planes-readsb-staging-0.tar (0.0 MB): is empty")


@pytest.mark.parametrize("form", ["%Y/%m/%d", "%Y.%m.%d", "%Y-%m-%d"])
@pytest.mark.parametrize("inner", ["traces", "."])
def test_unpacked_folders_in_each_spelling(tmp_path: Path, form: str, inner: str) -> None:
    folder = tmp_path / "archive" / DAY.strftime(form) / inner / "01"
    folder.mkdir(parents=True)
    (folder / "trace_full_4b1a01.json").write_bytes(trace("4b1a01", NEAR)[1])
    (folder / "trace_recent_4b1a01.json").write_bytes(b"not read")
    result = decode(context(tmp_path))
    assert len(result.points) == len(NEAR)
    assert (result.day.status, result.day.records_read, result.day.bytes) == (
        "ok",
        1,
        len(trace("4b1a01", NEAR)[1]) + 8,
    )


def test_days_without_an_archive_are_missing_or_not_yet_there(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    window = Window("readsb_archive", DAY, DAY + timedelta(days=1))
    now = datetime(2025, 3, 15, 23, tzinfo=UTC)
    absent = local.fetch(window, context(tmp_path, now=now)).absent
    assert absent[DAY] == ("missing", "no archive of 2025-03-14 in the folder")
    assert absent[DAY + timedelta(days=1)][0] == "late"
    now = datetime(2025, 3, 16, 7, tzinfo=UTC)
    assert local.fetch(window, context(tmp_path, now=now)).absent[window.until][0] == "missing"
    touch(tmp_path / "archive", "v2025.03.14-planes-readsb-prod-0.tar.ab")
    status, why = local.fetch(window, context(tmp_path)).absent[DAY]
    assert status == "missing"
    assert "part .tar.aa is missing" in why


def test_a_location_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"archive cannot be read: No such file"):
        local.fetch(Window("readsb_archive", DAY, DAY), context(tmp_path))
    with pytest.raises(SourceError, match="has no location"):
        local.fetch(Window("readsb_archive", DAY, DAY), context(tmp_path, location=None))


def test_a_changed_file_has_another_identity(tmp_path: Path) -> None:
    target = write_tar(tmp_path / "archive", [trace("4b1a01", NEAR)])
    window = Window("readsb_archive", DAY, DAY)
    first = local.fetch(window, context(tmp_path)).files[0].sha256
    assert local.fetch(window, context(tmp_path)).files[0].sha256 == first
    target.write_bytes(target.read_bytes() + bytes(512))
    assert local.fetch(window, context(tmp_path)).files[0].sha256 != first


# ---- completeness


@pytest.mark.parametrize(
    ("folders", "size", "trailing", "copy", "own", "says"),
    [
        (256, 1000, [1000] * 28, "v-prod-0.tar", False, None),
        (250, 600, [1000] * 28, "v-prod-0.tar", False, None),
        (249, 1000, [1000] * 28, "v-prod-0.tar", False, "249 of 256 folders"),
        (249, 1000, [1000] * 28, "v-prod-0.tar", True, None),
        (256, 599, [1000] * 28, "v-prod-0.tar", False, "the days before"),
        (256, 599, [1000] * 28, "v-prod-0.tar", True, "the days before"),
        (256, 599, [1000] * 4, "v-prod-0.tar", False, None),
        (256, 599, [], "v-prod-0.tar", False, None),
        (256, 600, [10, 1000, 1000, 1000, 1000, 9000], "v-prod-0.tar", False, None),
        (256, 1000, [1000] * 28, "v-mlatonly-0.tar", False, "multilateration only"),
        (256, 1000, [], "v-prod-0tmp.tar", False, "still being made"),
        (256, 1000, [1000] * 28, "v-prod-0tmp.tar", False, None),
    ],
)
def test_completeness(folders: int, size: int, trailing: list[int], copy: str, own: bool, says: str | None) -> None:
    reason = judge_completeness(folders, size, trailing, copy, PARAMS, own_receiver=own)
    assert (reason is None) == (says is None)
    assert says is None or says in str(reason)


def everywhere(folders: int, points: list[Point] = NEAR) -> list[tuple[str, bytes]]:
    return [trace(f"4b1a{n:02x}", points) for n in range(folders)]


def test_a_day_is_judged_by_its_folders_and_by_the_days_before(tmp_path: Path) -> None:
    members = everywhere(256, FAR[:3])
    days_before = [DAY - timedelta(days=back) for back in range(1, 8)]
    for day in [*days_before, DAY]:
        write_tar(tmp_path / "archive", members, day)
    assert decode(context(tmp_path, own_receiver=False)).day.status == "ok"
    write_tar(tmp_path / "archive", members[:200])
    found = decode(context(tmp_path, own_receiver=False)).day
    assert (found.status, found.error) == ("partial", "traces in 200 of 256 folders only")
    for day in days_before:
        write_tar(tmp_path / "archive", [*members, ("big", bytes(900_000))], day)
    write_tar(tmp_path / "archive", members)
    found = decode(context(tmp_path, own_receiver=False)).day
    assert found.status == "partial"
    assert "0.3 MB, where the days before have 1.2 MB (median)" in str(found.error)


def test_a_day_of_multilateration_alone_is_partial(tmp_path: Path) -> None:
    write_tar(tmp_path / "archive", everywhere(256), variant="mlatonly-0")
    day = decode(context(tmp_path, own_receiver=False)).day
    assert (day.status, day.error) == ("partial", "multilateration only")


# ---- what is kept


def test_points_near_a_base_with_all_that_is_told_of_them(tmp_path: Path) -> None:
    track = [
        *FAR[:40],
        point(40_000.5, LAT + 0.05, LON, 2500, gs=160.4, track=181.2, rate=-640, details=DETAILS, geom=2775),
        point(40_010, LAT + 0.04, LON, 2300, flags=8, rate=None, kind="mlat"),
        point(40_020, LAT + 0.01, LON, "ground", gs=60.0, track=175.0, flags=1),
        point(40_030, LAT, LON, None, gs=None, track=None, flags=2),
    ]
    result = run(tmp_path, trace("14f10a", track, r="RF-82041", t="A124", dbFlags=1, ownOp="Russian Air Force"))
    first, second, third, fourth = result.points
    assert first == {
        "source": "readsb_archive",
        "day": DAY,
        "icao24": "14f10a",
        "seen_at": at(40_000.5),
        "network": "adsblol",
        "latitude": round(LAT + 0.05, 6),
        "longitude": LON,
        "is_ground": False,
        "altitude_baro_ft": 2500,
        "altitude_geom_ft": 2775,
        "ground_speed_kt": pytest.approx(160.4),
        "track_deg": pytest.approx(181.2),
        "vertical_rate_fpm": -640,
        "position_type": "adsb_icao",
        "callsign": "RFF7001",
        "registration": "RF-82041",
        "type_code": "A124",
        "db_flags": 1,
        "is_new_leg": False,
        "is_stale": False,
        "base_id": "hmeimim",
        "distance_km": pytest.approx(0.05 * 111.195, rel=1e-3),
    }
    assert (second["altitude_baro_ft"], second["altitude_geom_ft"], second["position_type"]) == (None, 2300, "mlat")
    assert (third["is_ground"], third["altitude_baro_ft"], third["is_stale"]) == (True, None, True)
    assert (fourth["is_new_leg"], fourth["callsign"], fourth["ground_speed_kt"]) == (True, None, None)
    assert result.day.records_kept == 1


def test_rings_keep_low_points_farther_out(tmp_path: Path) -> None:
    def kept(north_nm: float, altitude: Any) -> int:
        return len(run(tmp_path, trace("14f10a", [point(1, LAT + north_nm / 60.04, LON, altitude)])).points)

    assert kept(14.9, 40_000) == 1
    assert kept(15.2, 40_000) == 0
    assert kept(59.5, 14_999) == 1
    assert kept(59.5, 15_000) == 0
    assert kept(59.5, "ground") == 1
    assert kept(59.5, None) == 1
    assert kept(60.5, 3000) == 0


def test_edges_are_the_ends_of_the_day_and_of_each_stretch_near_a_base(tmp_path: Path) -> None:
    track = [
        *(point(n, 30.0, 35.9, 30_000) for n in range(30)),
        *(point(100 + n, LAT, LON, 3000) for n in range(5)),
        *(point(200 + n, 30.0, 35.9, 31_000, geom=31_500) for n in range(30)),
        *(point(300 + n, LAT, LON, 3000) for n in range(5)),
        *(point(400 + n, 30.0, 35.9, None, geom=32_000) for n in range(30)),
    ]
    edges = run(tmp_path, trace("14f10a", track, r="RF-1", ownOp="Someone")).rows["track_edges"]
    assert [(edge["edge"], (edge["seen_at"] - at(0)).seconds) for edge in edges] == [
        ("first", 0),
        ("before", 29),
        ("after", 200),
        ("before", 229),
        ("after", 400),
        ("last", 429),
    ]
    assert [edge["altitude_ft"] for edge in edges] == [30_000, 30_000, 31_000, 31_000, 32_000, 32_000]
    assert {edge["operator"] for edge in edges} == {"Someone"}


def test_watched_aircraft_leave_edges_wherever_they_fly_and_others_none(tmp_path: Path) -> None:
    listed = next(row.icao24 for row in shipped().rows["aircraft"] if row.operator == "Russian Air Force")
    result = run(
        tmp_path,
        trace(listed, FAR),
        trace("14f199", FAR, r="RF-12345"),
        trace("4b1a01", FAR, r="HB-ABC"),
        trace("4b1a02", []),
    )
    assert result.points == []
    found = sorted((edge["icao24"], edge["edge"]) for edge in result.rows["track_edges"])
    assert found == sorted((icao, edge) for icao in (listed, "14f199") for edge in ("first", "last"))
    assert (result.day.records_read, result.day.records_kept) == (4, 0)


def test_the_nearest_of_two_bases_has_the_point(tmp_path: Path) -> None:
    rows = [
        BaseRow.model_validate(shipped().bases["hmeimim"].model_dump() | {"base_id": "north", "latitude": LAT + 0.2})
    ]
    rows.append(BaseRow.model_validate(shipped().bases["hmeimim"].model_dump()))
    write_tar(tmp_path / "archive", [trace("14f10a", [point(n, LAT + n * 0.04, LON) for n in range(6)])])
    result = decode(context(tmp_path, rows))
    assert [row["base_id"] for row in result.points] == ["hmeimim"] * 3 + ["north"] * 3


def test_files_have_the_declared_schema_and_are_adopted_by_the_lake(tmp_path: Path) -> None:
    write_tar(tmp_path / "archive", [trace("14f10a", [*NEAR, *FAR])])
    about = context(tmp_path)
    landed = local.fetch(Window("readsb_archive", DAY, DAY), about)
    store = Lake(tmp_path / "warehouse")
    tables = set()
    for event in decoding.decode(landed, about):
        if isinstance(event, Rows) and isinstance(event.data, Path):
            name = store.adopt(event.table, "readsb_archive", event.day, event.data)
            assert pq.read_schema(store.folder / name).remove_metadata().equals(TABLES[event.table].schema)
            tables.add(event.table)
    assert tables == {"track_points", "track_edges"}
    assert list((tmp_path / "landing").iterdir()) == []


def test_the_same_archive_gives_the_same_bytes_whoever_decodes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = [trace(f"4b{n:04x}", [*FAR[: n % 50], *NEAR], r=f"R{n % 7}", details=n) for n in range(300)]
    write_tar(tmp_path / "archive", members)
    monkeypatch.setattr(decoding, "SHARD", 1000)

    def files(processes: int) -> dict[str, bytes]:
        about = context(tmp_path, processes=processes)
        landed = local.fetch(Window("readsb_archive", DAY, DAY), about)
        events = decoding.decode(landed, about)
        return {
            event.table: event.data.read_bytes()
            if isinstance(event.data, Path)
            else str(event.data.to_pylist()).encode()
            for event in events
            if isinstance(event, Rows)
        }

    alone = files(1)
    monkeypatch.setattr(decoding, "SMALL", 0)
    assert files(3) == alone
    assert alone.keys() == {"track_points", "track_edges", "base_background"}


def test_a_decoding_process_that_dies_is_an_error_and_not_a_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tar(tmp_path / "archive", [trace("14f10a", NEAR)])
    monkeypatch.setattr(decoding, "SMALL", 0)
    about = context(tmp_path, processes=2)
    landed = local.fetch(Window("readsb_archive", DAY, DAY), about)
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(SourceError, match="ended with status 1"):
        list(decoding.decode(landed, about))
    assert list((tmp_path / "landing").iterdir()) == []


def test_a_fault_in_a_decoding_process_is_told(tmp_path: Path) -> None:
    job = decoding._job(DAY, [tmp_path / "x.tar"], context(tmp_path), tmp_path, "", "traces")
    (tmp_path / "x.tar").write_bytes(tar([trace("14f10a", NEAR)]))
    job.out = str(tmp_path / "gone")
    with pytest.raises(SourceError, match="decoding failed"), workers.Workers(job, 2) as team:
        list(team.decode([Shard(0, [("14f10a", 512, 300)]), Shard(1, [("14f10a", 512, 300)])]))


# ---- what can be wrong


def sound(result: Result, traces: int = 1) -> None:
    """The good trace came through beside the bad one."""
    assert {row["icao24"] for row in result.points} == {"14f10a"}
    assert len(result.points) == len(NEAR)
    assert result.day.records_kept == traces


GOOD = trace("14f10a", NEAR)


def test_corrupt_gzip(tmp_path: Path) -> None:
    name, data = trace("14f10b", NEAR)
    result = run(
        tmp_path, GOOD, (name, data[: len(data) // 2]), ("./traces/0c/trace_full_14f10c.json", b"\x1f\x8bjunk")
    )
    sound(result)
    assert (result.day.status, result.day.records_read, result.day.records_rejected) == ("partial", 3, 2)
    assert "trace 14f10b: damaged gzip" in result.reasons
    assert result.day.error == "2 of 3 traces cannot be used"


def test_a_few_bad_traces_leave_the_day_whole(tmp_path: Path) -> None:
    bad = ("./traces/0b/trace_full_14f10b.json", b"\x1f\x8bjunk")
    result = run(tmp_path, GOOD, bad, *(trace(f"4b1a{n:02x}", FAR[:3]) for n in range(30)))
    sound(result)
    assert (result.day.status, result.day.error, result.day.records_rejected) == ("ok", None, 1)


def test_truncated_tar(tmp_path: Path) -> None:
    data = tar([GOOD, trace("14f10b", FAR * 9)])
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "v2025.03.14.tar").write_bytes(data[:4000])
    result = decode(context(tmp_path))
    sound(result)
    assert result.day.status == "partial"
    assert "cut short" in str(result.day.error)


def test_invalid_json(tmp_path: Path) -> None:
    broken = text("14f10b", NEAR).replace(b"]", b"", 3)
    name = "./traces/0b/trace_full_14f10b.json"
    sound(run(tmp_path, GOOD, (name, gzip.compress(broken))))
    result = run(tmp_path, GOOD, (name, gzip.compress(text("14f10b", NEAR)[:-40])))
    sound(result)
    assert "not a readsb trace" in result.reasons
    assert result.day.records_rejected == 1


def test_names_that_lead_out_of_the_archive(tmp_path: Path) -> None:
    bad = [f"../../traces/{n:02x}/trace_full_0000{n:02x}.json" for n in range(2)]
    odd = [
        "traces/0a/trace_full_14f10b.json",
        "traces/zz/trace_full_0000zz.json",
        "traces/0b/trace_full_14f10b.json.exe",
    ]
    data = trace("14f10b", NEAR)[1]
    result = run(tmp_path, GOOD, *((name, data) for name in [*bad, *odd]))
    sound(result)
    assert result.day.records_rejected == 5
    assert result.reasons.count("name leads out of the archive") == 2
    assert result.reasons.count("belongs into another folder") == 1
    assert result.reasons.count("not a name that readsb gives") == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive", "landing"]


def test_a_trace_of_another_aircraft_than_its_name_says(tmp_path: Path) -> None:
    result = run(tmp_path, GOOD, ("./traces/0b/trace_full_14f10b.json", gzip.compress(text("abcdef", NEAR))))
    sound(result)
    assert "the file is named 14f10b, the trace is of 'abcdef'" in result.reasons


def test_huge_members_are_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("basewatch.readsb.traces.LARGEST_TEXT", 1 << 20)
    monkeypatch.setattr("basewatch.readsb.decoder.LARGEST_MEMBER", 1 << 16)
    bomb = gzip.compress(b" " * (40 << 20))
    honest, lying = (bomb, bomb[:-4] + struct.pack("<I", 100))
    large = os.urandom(1 << 17)
    members = [(f"./traces/{n:02x}/trace_full_0000{n:02x}.json", data) for n, data in enumerate((honest, lying, large))]
    result = run(tmp_path, GOOD, *members)
    sound(result)
    assert result.reasons.count("unpacks to more than 1 MiB") == 2
    assert result.reasons.count("too many for one trace") == 1


def test_data_of_another_day_are_filed_by_their_own_time_and_the_ledger_says_so(tmp_path: Path) -> None:
    other = MIDNIGHT + 10 * 86_400
    now = datetime(2025, 4, 1, tzinfo=UTC)
    write_tar(tmp_path / "archive", [trace("14f10a", NEAR, stamp=other), trace("4b1a01", FAR, stamp=other)])
    result = decode(context(tmp_path, now=now))
    assert {row["day"] for row in result.points} == {DAY + timedelta(days=10)}
    assert result.filed == {DAY}  # a better copy of the archive's day replaces them
    assert result.day.status == "failed"
    assert result.day.error == "not that day's data: 2 of 2 traces are of 2025-03-24"
    assert "8 points near a base that are of other days than 2025-03-14" in result.reasons
    assert "base_background" not in result.rows


def test_some_traces_of_other_days_make_the_day_partial_and_few_do_not(tmp_path: Path) -> None:
    stray = trace("14f10b", FAR, stamp=MIDNIGHT - 86_400)
    result = run(tmp_path, GOOD, stray, trace("4b1a01", FAR))
    assert (result.day.status, result.day.error) == ("partial", "1 of 3 traces are of other days")
    result = run(tmp_path, GOOD, stray, *(trace(f"4b1a{n:02x}", FAR[:3]) for n in range(30)))
    assert result.day.status == "ok"


def test_a_trace_that_begins_the_evening_before_is_of_both_days(tmp_path: Path) -> None:
    track = [point(n * 600, LAT, LON, 3000) for n in range(24)]
    result = run(tmp_path, trace("14f10a", track, stamp=MIDNIGHT - 7200))
    assert {row["day"] for row in result.points} == {DAY - timedelta(days=1), DAY}
    assert result.day.status == "ok"
    assert result.rows["base_background"][0]["points"] == 12  # those of the day itself


@pytest.mark.parametrize("stamp", [0.0, 4e12, -5.0])
def test_times_that_cannot_be_are_no_points(tmp_path: Path, stamp: float) -> None:
    result = run(tmp_path, GOOD, trace("14f10b", NEAR, stamp=stamp), trace("4b1a01", FAR))
    sound(result)
    assert "8 points without a possible place or time" in result.reasons


def test_addresses_that_are_not_icao_s_own_are_counted_and_left_out(tmp_path: Path) -> None:
    result = run(tmp_path, GOOD, trace("~14f10b", NEAR))
    sound(result)
    assert (result.day.records_read, result.day.records_rejected, result.day.status) == (2, 0, "ok")
    assert "1 traces of addresses that are not ICAO's own (~)" in result.reasons


def test_empty_traces(tmp_path: Path) -> None:
    result = run(tmp_path, GOOD, trace("14f10b", []), trace("14f10c", [], form="minified"))
    sound(result)
    assert (result.day.status, result.day.records_read, result.day.records_rejected) == ("ok", 3, 0)


def test_points_out_of_order_are_put_in_order_and_repeated_times_count_once(tmp_path: Path) -> None:
    shuffled = [NEAR[3], NEAR[0], NEAR[1], NEAR[0], NEAR[2], [*NEAR[1][:3], 9999, *NEAR[1][4:]], *NEAR[4:]]
    result = run(tmp_path, trace("14f10a", shuffled))
    assert [row["seen_at"] for row in result.points] == [at(values[0]) for values in NEAR]
    assert result.points[1]["altitude_baro_ft"] == 9999  # of two at one time the later in the file
    assert "2 points that repeat another's time" in result.reasons


def test_stale_points_are_kept_and_marked_and_prove_nothing(tmp_path: Path) -> None:
    result = run(tmp_path, trace("4b1a01", [point(n * 10, LAT, LON, flags=1) for n in range(5)]))
    assert [row["is_stale"] for row in result.points] == [True] * 5
    assert "base_background" not in result.rows


@pytest.mark.parametrize("form", ["pretty", "minified", "spaced", "split"])
def test_other_layouts_of_the_text(tmp_path: Path, form: str) -> None:
    result = run(tmp_path, trace("14f10a", [*FAR, *NEAR, *FAR], form=form, r="RF-1"))
    plain = run(tmp_path, trace("14f10a", [*FAR, *NEAR, *FAR], r="RF-1"))
    sound(result)
    assert (result.points, result.rows["track_edges"]) == (plain.points, plain.rows["track_edges"])


@pytest.mark.parametrize("length", [9, 13, 14, 15])
def test_points_with_fewer_or_more_fields(tmp_path: Path, length: int) -> None:
    track = [[*values, "00000000-aaaa"][:length] for values in (point(n, LAT, LON, details=DETAILS) for n in range(5))]
    result = run(tmp_path, trace("14f10a", track))
    assert len(result.points) == 5
    assert {row["position_type"] for row in result.points} == {"adsb_icao"}  # before 2022: from the details


def test_several_gzip_members_and_trailing_zeros(tmp_path: Path) -> None:
    body = text("14f10a", NEAR)
    name = GOOD[0]
    for data in (gzip.compress(body[:300]) + gzip.compress(body[300:]), gzip.compress(body) + bytes(700), body):
        sound(run(tmp_path, (name, data)))


def test_the_same_address_twice_counts_once(tmp_path: Path) -> None:
    result = run(tmp_path, trace("14f10a", FAR), GOOD)
    sound(result)
    assert result.day.records_read == 1
    assert "1 traces that stand in the archive twice" in result.reasons


def test_an_archive_without_traces_failed(tmp_path: Path) -> None:
    result = run(tmp_path, ("./README.txt", b"hello"))
    assert result.day.status == "failed"
    assert "none of its 1 files is named traces/<last two digits>/trace_full_<address>.json" in str(result.day.error)
    assert "README.txt" in str(result.day.error)


def test_an_archive_of_nothing_usable_failed(tmp_path: Path) -> None:
    result = run(tmp_path, ("./traces/0b/trace_full_14f10b.json", b"<html>"))
    assert (result.day.status, result.day.error) == ("failed", "none of its traces can be used")


def test_many_rejects_are_counted_and_not_all_named(tmp_path: Path) -> None:
    bad = [(f"./traces/0b/trace_full_{n:04x}0b.json", b"<html>") for n in range(100)]
    result = run(tmp_path, GOOD, *bad)
    assert result.day.records_rejected == 100
    assert len(result.rejects) == 21
    assert "80 more members that cannot be used" in result.reasons


# ---- scans for backfills


def test_scans_of_the_military_flag_and_of_the_watch_list(tmp_path: Path) -> None:
    listed = next(row.icao24 for row in shipped().rows["aircraft"] if row.operator == "Russian Air Force")
    members = [
        trace(listed, NEAR),
        trace("14f199", NEAR, r="RF-12345", dbFlags=0),
        trace("ae1234", NEAR, r="05-4141", dbFlags=1),
        trace("ae1235", NEAR, r="05-4142", dbFlags=11),
        trace("4b1a01", NEAR, r="HB-ABC", dbFlags=10),
        trace("4b1a02", NEAR),
    ]
    seen = {}
    for scan in ("all", "military", "watch_list"):
        result = run(tmp_path, *members, scan=scan)
        seen[scan] = {row["icao24"] for row in result.points}
        assert ("base_background" in result.rows) == (scan == "all")
        assert result.day.status == "ok"
        assert (scan in str(result.day.chosen_copy)) == (scan != "all")
    assert seen["all"] == {listed, "14f199", "ae1234", "ae1235", "4b1a01", "4b1a02"}
    assert seen["military"] == {listed, "14f199", "ae1234", "ae1235"}
    assert seen["watch_list"] == {listed}


def test_the_content_hash_follows_the_traces_and_not_the_tar(tmp_path: Path) -> None:
    members = [trace(f"4b1a{n:02x}", FAR[:5]) for n in range(5)]
    first = run(tmp_path, *members).day.sha256
    assert run(tmp_path, *members[::-1], ("./README.txt", b"x")).day.sha256 == first
    assert run(tmp_path, *members[:4], trace("4b1a04", FAR[:6])).day.sha256 != first


def test_copy_label_names_parts_and_size() -> None:
    copy = Copy("a.tar", (Path("a.tar.aa"), Path("a.tar.ab")), 3_978_338_304, "prod", is_tmp=False)
    assert copy.label == "a.tar in 2 parts (3,978.3 MB)"


# ---- real traces


@pytest.fixture
def playa(tmp_path: Path, recorded: Path) -> Path:
    """Real traces of 2023-08-30 that lie in a folder of 2023-08-20, and an airstrip among them watched as a base."""
    (tmp_path / "archive").symlink_to(recorded / "readsb_traces")
    return tmp_path


PLAYA = BaseRow.model_validate(
    dict.fromkeys(BaseRow.model_fields)
    | {"base_id": "playa", "name": "Black Rock City", "country": "US", "kind": "air", "latitude": 40.7636}
    | {"longitude": -119.2119, "elevation_ft": 3912, "is_shared_with_civil": False}
)


def test_real_traces_in_the_wrong_day_s_folder(playa: Path) -> None:
    now = datetime(2023, 9, 10, tzinfo=UTC)
    result = decode(context(playa, [PLAYA], now=now), date(2023, 8, 20))
    assert result.day.status == "failed"
    assert result.day.error == "not that day's data: 22 of 22 traces are of 2023-08-30"
    assert {row["day"] for row in result.points} == {date(2023, 8, 30)}
    assert len(result.points) == 1648
    assert {row["icao24"] for row in result.points} == {"a3c78c", "aa178d", "a4068e"}


def test_real_circuits_are_arrivals_that_were_followed_to_the_ground(tmp_path: Path, recorded: Path) -> None:
    shutil.copytree(recorded / "readsb_traces" / "2023/08/20", tmp_path / "archive" / "2023-08-30")
    result = decode(context(tmp_path, [PLAYA], now=datetime(2023, 9, 10, tzinfo=UTC)), date(2023, 8, 30))
    assert result.day.status == "ok"
    (heard,) = result.rows["base_background"]
    assert (heard["aircraft_25nm"], heard["aircraft_low"], heard["jumps"]) == (3, 3, 0)
    assert heard["arrivals"] == heard["arrivals_touchdown"] == 4
    assert heard["last_heights_ft"] == [0, 0, 0, 0]


def test_real_overflights_of_travis_are_not_near_it(playa: Path) -> None:
    travis = PLAYA.model_copy(update={"base_id": "travis", "latitude": 38.262699, "longitude": -121.927002})
    result = decode(context(playa, [travis], now=datetime(2023, 9, 10, tzinfo=UTC)), date(2023, 8, 20))
    assert result.points == []


def test_a_day_that_is_a_link_out_of_the_archive_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "archive" / "2025-10-24").symlink_to(tmp_path / "elsewhere")
    about = context(tmp_path)
    landed = local.fetch(Window("readsb_archive", date(2025, 10, 24), date(2025, 10, 24)), about)
    status, why = landed.absent[date(2025, 10, 24)]
    assert not landed.files and status == "missing"
    assert "2025-10-24, where" in why and "no link that leads elsewhere, is due" in why
