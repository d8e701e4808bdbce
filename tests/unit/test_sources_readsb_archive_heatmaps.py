"""Days of heatmap files: wherever they lie, what is read is the same; what is damaged is missing, and never quiet."""

from __future__ import annotations

import os
import re
import struct
import tarfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from basewatch.lake.events import Day
from basewatch.lake.ledger import ledger_row
from basewatch.sources import readsb_archive
from basewatch.sources.contract import Window
from basewatch.sources.readsb_archive import decoding, judging, local
from heatmaps import damage, days
from heatmaps.damage import scene
from heatmaps.files import HALVES, SPAN_S, Form, HalfHour, begins, half_hour, name
from heatmaps.sky import GROUND, KINDS, Named, Point, Track, circuit, heard
from tracekit import DAY, HMEIMIM, MIDNIGHT, Result, context, decode, point, trace

NEAR = "14f10a"  # circles around the base in every half hour
BAD = 20  # the half hour from 10:00 on
WINDOW = Window("readsb_archive", DAY, DAY)


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """The heatmaps of a day that is as it should be, a slice a minute."""
    return days.day_over(HMEIMIM, DAY, Form(60_000))


def read(folder: Path, **settings: Any) -> Result:
    """What comes of the day in the archive at `folder`/archive."""
    return decode(context(folder, read="heatmap", **settings))


def heard_in(result: Result) -> set[int]:
    """The half hours in which an aircraft near the base was heard."""
    return {int((row["seen_at"].timestamp() - MIDNIGHT) // SPAN_S) for row in result.points if row["icao24"] == NEAR}


def named_in(error: str | None) -> set[int]:
    """The half hours in the spans of time that an error names: 10:00 to 10:30."""
    spans = re.findall(r"(\d\d):([03])0 to (\d\d):([03])0", error or "")
    bounds = [[2 * int(hour) + int(tens) // 3 for hour, tens in (span[:2], span[2:])] for span in spans]
    return {half for first, end in bounds for half in range(first, end)}


def lacks_only(result: Result, *halves: int) -> None:
    """The day is not whole, everybody learns why, and the rows of its other half hours are kept."""
    assert result.day.status == "partial"
    assert named_in(result.day.error) == set(halves), result.day.error
    assert heard_in(result) == set(range(HALVES)) - set(halves)
    assert {row["day"] for row in result.points} == {DAY}


def names_the_bad(result: Result, *halves: int) -> None:
    for half in halves:
        member = name(half).rpartition("/")[2]
        assert any(member in reject.where.lower() for reject in result.rejects), result.reasons


# ---- where they lie


@pytest.fixture(scope="module")
def rows(files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """All that is kept of a day that lies there as readsb leaves it."""
    folder = tmp_path_factory.mktemp("whole")
    days.folder(folder / "archive", DAY, files)
    return read(folder).rows


@pytest.mark.parametrize("layout", days.LAYOUTS)
def test_a_day_is_read_alike_wherever_it_lies(
    tmp_path: Path, files: dict[str, bytes], rows: dict[str, list[dict[str, Any]]], layout: str
) -> None:
    days.LAYOUTS[layout](tmp_path / "archive", DAY, files)
    result = read(tmp_path)
    assert (result.day.status, result.day.error, result.rejects) == ("ok", None, [])
    assert heard_in(result) == set(range(HALVES))
    assert result.rows == rows
    assert list((tmp_path / "landing").iterdir()) == []


def test_the_order_of_members_does_not_matter(
    tmp_path: Path, files: dict[str, bytes], rows: dict[str, list[dict[str, Any]]]
) -> None:
    days.tar(tmp_path / "archive", DAY, dict(reversed(files.items())))
    assert read(tmp_path).rows == rows


@pytest.mark.parametrize(
    "form", [Form(), Form(30_000), Form(120_000), Form(order=">"), Form(has_index=False), Form(level=1)]
)
def test_other_forms_of_files_are_whole_days_too(tmp_path: Path, form: Form) -> None:
    days.folder(tmp_path / "archive", DAY, days.day_over(HMEIMIM, DAY, form))
    result = read(tmp_path)
    assert (result.day.status, result.day.error, result.rejects) == ("ok", None, [])
    assert heard_in(result) == set(range(HALVES))
    assert {row["callsign"] for row in result.points if row["icao24"] == NEAR} == {"RFF7001"}


# ---- what is damaged


@pytest.mark.parametrize("layout", ["a tar", "folders by year"])
@pytest.mark.parametrize("kind", ["empty", "cut in the gzip", "zeros", "of the day before", "no header", "a web page"])
def test_a_bad_file_among_48_leaves_its_half_hour_missing(
    tmp_path: Path, files: dict[str, bytes], layout: str, kind: str
) -> None:
    start = begins(DAY, BAD)
    bad = damage.damaged(half_hour(scene(start, HMEIMIM), start), kind)
    days.LAYOUTS[layout](tmp_path / "archive", DAY, {**files, name(BAD): bad})
    result = read(tmp_path)
    lacks_only(result, BAD)
    names_the_bad(result, BAD)
    assert "20.bin.ttf" in str(result.day.error)
    assert result.day.records_rejected == 1


@pytest.mark.parametrize("part", range(4))
def test_every_sort_of_damage_is_named_and_costs_its_own_half_hour_alone(
    tmp_path: Path, files: dict[str, bytes], part: int
) -> None:
    """A quarter of the sorts of damage in one day, each in a half hour between two that are sound."""
    kinds = damage.KINDS[part::4]
    bad = {}
    for half, kind in zip(range(0, HALVES, 2), kinds, strict=False):
        start = begins(DAY, half)
        bad[half] = kind.file(half_hour(scene(start, HMEIMIM), start))
    assert len(bad) == min(len(kinds), HALVES // 2)
    days.tar(tmp_path / "archive", DAY, {**files, **{name(half): data for half, data in bad.items()}})
    result = read(tmp_path)
    lacks_only(result, *bad)
    names_the_bad(result, *bad)
    assert result.day.records_rejected == len(bad)


def test_every_sort_of_damage_has_its_turn() -> None:
    assert all(len(damage.KINDS[part::4]) <= HALVES // 2 for part in range(4))
    assert len({kind.kind for kind in damage.KINDS}) == len(damage.KINDS)


@pytest.mark.parametrize("layout", ["a tar", "folders by year", "files in the day's folder"])
@pytest.mark.parametrize("gone", [(0,), (47,), (20, 21, 33), tuple(range(1, 48))])
def test_a_half_hour_without_a_file_is_missing(
    tmp_path: Path, files: dict[str, bytes], layout: str, gone: tuple[int, ...]
) -> None:
    days.LAYOUTS[layout](
        tmp_path / "archive", DAY, {member: data for member, data in files.items() if int(member[-10:-8]) not in gone}
    )
    result = read(tmp_path)
    lacks_only(result, *gone)


def test_a_day_of_nothing_but_bad_files_failed(tmp_path: Path, files: dict[str, bytes]) -> None:
    days.tar(tmp_path / "archive", DAY, {member: bytes(64) for member in files})
    result = read(tmp_path)
    assert result.day.status == "failed"
    assert "zeros" in str(result.day.error) or "zeros" in result.reasons
    assert result.points == []


def test_the_files_of_another_day_are_not_this_day(tmp_path: Path) -> None:
    days.tar(tmp_path / "archive", DAY, days.day_over(HMEIMIM, DAY - timedelta(days=1)))
    result = read(tmp_path)
    assert result.day.status == "failed"
    assert "2025-03-13" in f"{result.day.error}\n{result.reasons}"
    assert result.points == []


def test_one_half_hour_under_two_names_is_read_once(tmp_path: Path, files: dict[str, bytes]) -> None:
    days.tar(tmp_path / "archive", DAY, {**files, name(BAD): files[name(BAD - 1)]})
    result = read(tmp_path)
    lacks_only(result, BAD)
    names_the_bad(result, BAD)


def test_a_name_that_stands_twice_counts_once(
    tmp_path: Path, files: dict[str, bytes], rows: dict[str, list[dict[str, Any]]]
) -> None:
    members = [(f"./{member}", data) for member, data in files.items()]
    (tmp_path / "archive").mkdir()
    target = tmp_path / "archive" / f"{days.release(DAY)}.tar"
    target.write_bytes(days.tar_of([*members, *members[:3]]))
    result = read(tmp_path)
    assert result.rows == rows
    assert result.day.status == "ok"


def test_of_a_sound_and_a_bad_file_of_one_name_the_half_hour_is_doubtful_or_sound(
    tmp_path: Path, files: dict[str, bytes]
) -> None:
    members = [(f"./{member}", data) for member, data in files.items()]
    (tmp_path / "archive").mkdir()
    for twice in ([(f"./{name(BAD)}", b""), *members], [*members, (f"./{name(BAD)}", b"")]):
        (tmp_path / "archive" / f"{days.release(DAY)}.tar").write_bytes(days.tar_of(twice))
        result = read(tmp_path)
        if result.day.status == "ok":
            assert heard_in(result) == set(range(HALVES))
        else:
            lacks_only(result, BAD)


def test_two_files_of_one_half_hour_in_a_folder_count_once(tmp_path: Path, files: dict[str, bytes]) -> None:
    days.folder(tmp_path / "archive", DAY, files)
    plain = read(tmp_path)
    days.folder(tmp_path / "archive", DAY, {f"{name(BAD)}.gz": files[name(BAD)], "20.bin.ttf": files[name(BAD)]})
    assert read(tmp_path).rows == plain.rows


# ---- what lies in a file's place


def _folder(path: Path) -> None:
    path.mkdir()


def _dangling(path: Path) -> None:
    path.symlink_to("gone")


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _pipe(path: Path) -> None:
    os.mkfifo(path)  # whoever opens it to read waits for ever


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")  # it has no end


def _forbidden(path: Path) -> None:
    path.write_bytes(b"x")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("whoever runs the tests may read everything")


@pytest.mark.parametrize("place", [_folder, _dangling, _loop, _pipe, _device, _forbidden])
def test_what_is_no_file_is_a_missing_half_hour(
    tmp_path: Path, files: dict[str, bytes], place: Callable[[Path], None]
) -> None:
    days.folder(tmp_path / "archive", DAY, files)
    path = tmp_path / "archive" / f"{DAY:%Y/%m/%d}" / name(BAD)
    path.unlink()
    place(path)
    lacks_only(read(tmp_path), BAD)


@pytest.mark.parametrize("kind", [tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_what_is_no_file_in_a_tar_is_a_missing_half_hour(tmp_path: Path, files: dict[str, bytes], kind: bytes) -> None:
    target = tmp_path / "archive" / f"{days.release(DAY)}.tar"
    target.parent.mkdir()
    days.tar(target.parent, DAY, {member: data for member, data in files.items() if member != name(BAD)})
    with tarfile.open(target, "a") as archive:
        info = tarfile.TarInfo(f"./{name(BAD)}")
        info.type, info.linkname = kind, f"./{name(BAD - 1)}"
        archive.addfile(info)
    lacks_only(read(tmp_path), BAD)


def test_a_tar_that_is_cut_short_lacks_what_comes_behind(tmp_path: Path, files: dict[str, bytes]) -> None:
    days.tar(tmp_path / "archive", DAY, files)
    target = tmp_path / "archive" / f"{days.release(DAY)}.tar"
    data = target.read_bytes()
    target.write_bytes(data[: data.index(f"./{name(30)}".encode()) + 700])
    result = read(tmp_path)
    lacks_only(result, *range(30, HALVES))
    assert "cut short" in str(result.day.error)


def test_a_damaged_header_in_a_tar_costs_its_member(tmp_path: Path, files: dict[str, bytes]) -> None:
    days.tar(tmp_path / "archive", DAY, files)
    target = tmp_path / "archive" / f"{days.release(DAY)}.tar"
    data = bytearray(target.read_bytes())
    at = data.index(f"./{name(BAD)}".encode())
    data[at : at + 512] = b"\xaa" * 512
    target.write_bytes(data)
    lacks_only(read(tmp_path), BAD)


def test_the_traces_beside_heatmaps_are_not_looked_at(
    tmp_path: Path, files: dict[str, bytes], rows: dict[str, list[dict[str, Any]]]
) -> None:
    traces = [(f"./traces/{number % 256:02x}/trace_full_{number:06x}.json", bytes(9_000)) for number in range(600)]
    data = bytearray(days.tar_of([*traces, *((f"./{member}", data) for member, data in files.items())]))
    at = data.index(f"./traces/{300 % 256:02x}/trace_full_{300:06x}.json".encode())
    data[at : at + 512] = b"\xaa" * 512  # a walk from member to member would stop here, and say so
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / f"{days.release(DAY)}.tar").write_bytes(data)
    result = read(tmp_path)
    assert (result.day.status, result.day.error, result.rejects) == ("ok", None, [])
    assert result.rows == rows


def test_names_that_lead_out_of_the_archive_are_not_read(tmp_path: Path, files: dict[str, bytes]) -> None:
    members = [(f"../../{member}" if member == name(BAD) else f"./{member}", data) for member, data in files.items()]
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / f"{days.release(DAY)}.tar").write_bytes(days.tar_of(members))
    lacks_only(read(tmp_path), BAD)


# ---- other files beside them


def test_other_files_beside_heatmaps_are_none(
    tmp_path: Path, files: dict[str, bytes], rows: dict[str, list[dict[str, Any]]]
) -> None:
    others = {
        "heatmap/20.bin.ttf.readsb_tmp": b"half written",
        "heatmap/48.bin.ttf": b"of no half hour",
        "heatmap/.20.bin.ttf": b"litter",
        "heatmap/Thumbs.db": b"litter",
        "heatmap/index.html": damage.PAGE,
        "acas/acas.csv.gz": b"",
        "README.txt": b"",
        "LICENSE-ODbL.txt": b"",
    }
    for layout in ("a tar", "folders by year"):
        days.LAYOUTS[layout](tmp_path / layout / "archive", DAY, {**files, **others})
        result = read(tmp_path / layout)
        assert result.rows == rows
        assert result.day.status == "ok"


def test_a_day_without_heatmaps_is_not_read_and_not_quiet(tmp_path: Path) -> None:
    days.tar(tmp_path / "archive", DAY, {"README.txt": b"", "acas/acas.csv.gz": b""})
    about = context(tmp_path, read="heatmap")
    landed = local.fetch(WINDOW, about)
    status = Result(decoding.decode(landed, about)).day.status if landed.files else landed.absent[DAY][0]
    assert status in ("failed", "missing")


# ---- files that are sound, and show less than happened


def busy(start_s: int, aircraft: int = 400) -> HalfHour:
    """Half an hour of a network that hears 12,000 positions in it, none of them near a base."""
    made = half_hour([], start_s, Form(60_000))
    for records in made.slices:
        records += [struct.pack("<Iiihh", 0x400000 + n, -50_000_000 + 1000 * n, 0, 1200, 4500) for n in range(aircraft)]
    return made


def test_a_half_hour_in_which_a_busy_network_heard_nobody_is_missing(tmp_path: Path) -> None:
    files = {name(half): busy(begins(DAY, half)).data() for half in range(HALVES)}
    files[name(BAD)] = half_hour([], begins(DAY, BAD)).data()
    days.tar(tmp_path / "archive", DAY, files)
    result = read(tmp_path, own_receiver=False)
    assert result.day.status == "partial"
    assert named_in(result.day.error) == {BAD}


@pytest.mark.parametrize("lost", [range(20), range(25, 30), range(10, 15)])
def test_minutes_in_which_a_busy_network_heard_nobody_make_the_day_partial(tmp_path: Path, lost: range) -> None:
    """readsb writes the whole half hour, also where it was started in the middle of it."""
    files = {name(half): busy(begins(DAY, half)).data() for half in range(HALVES)}
    made = busy(begins(DAY, BAD))
    for minute in lost:
        del made.slices[minute][1:]
    days.tar(tmp_path / "archive", DAY, {**files, name(BAD): made.data()})
    result = read(tmp_path, own_receiver=False)
    assert result.day.status == "partial"
    assert "10:" in str(result.day.error)


def test_half_hours_without_aircraft_are_no_fault_of_a_lone_receiver(tmp_path: Path, files: dict[str, bytes]) -> None:
    nobody = half_hour([], begins(DAY, BAD), Form(60_000)).data()
    days.tar(tmp_path / "archive", DAY, {**files, name(BAD): nobody})
    result = read(tmp_path)
    assert (result.day.status, heard_in(result)) == ("ok", set(range(HALVES)) - {BAD})


def around(result: Result) -> int:
    """The aircraft that were heard in the wide ring."""
    return next(row["aircraft_100nm"] for row in result.rows["base_background"] if row["base_id"] == "hmeimim")


def test_the_wide_ring_counts_other_aircraft_at_any_height(tmp_path: Path, files: dict[str, bytes]) -> None:
    """Three as usual, and three more: 95 NM off, 105 NM off, and 95 NM off but watched."""
    north = {"4b1a55": 95, "4b1a56": 105, "14f10b": 95}
    start = begins(DAY, BAD)
    tracks = [
        circuit(one, start, (HMEIMIM[0] + nm * 1.852 / 111.195, HMEIMIM[1]), altitude=39_000)
        for one, nm in north.items()
    ]
    days.tar(tmp_path / "usual" / "archive", DAY, files)
    usual = around(read(tmp_path / "usual"))
    half = half_hour([*scene(start, HMEIMIM), *tracks], start, Form(60_000))
    days.tar(tmp_path / "more" / "archive", DAY, {**files, name(BAD): half.data()})
    assert (usual, around(read(tmp_path / "more"))) == (3, 4)
    more = {**files, name(BAD): half.data()}
    assert around(both(tmp_path / "both", more, trace("14f10c", LANDING), own_receiver=False)) == 4


# ---- traces beside them


LAT, LON = HMEIMIM
LANDING = [point(36_720 + n * 10, round(LAT + 0.1 - n * 0.01, 6), LON, 4000 - n * 400) for n in range(8)]


def both(folder: Path, files: dict[str, bytes], *traces: tuple[str, bytes], own_receiver: bool) -> Result:
    """What comes of a day that has heatmaps and traces, read as the product is shipped."""
    members = {**files, **{member.removeprefix("./"): data for member, data in traces}}
    days.tar(folder / "archive", DAY, members)
    return decode(context(folder, own_receiver=own_receiver))


@pytest.mark.parametrize("kind", ["empty", "zeros", "of the day before", "no header"])
def test_a_bad_heatmap_beside_traces_is_named_and_costs_nothing(
    tmp_path: Path, files: dict[str, bytes], kind: str
) -> None:
    start = begins(DAY, BAD)
    bad = damage.damaged(half_hour(scene(start, HMEIMIM), start), kind)
    result = both(tmp_path, {**files, name(BAD): bad}, trace("14f10b", LANDING), own_receiver=False)
    assert len([row for row in result.points if row["icao24"] == "14f10b"]) == len(LANDING)
    names_the_bad(result, BAD)
    assert str(result.day.source_detail).startswith("traces: 1 traces")


@pytest.mark.parametrize("shown", [(), ("14f10c",)])
def test_what_a_trace_shows_and_no_heatmap_is_not_lost(
    tmp_path: Path, files: dict[str, bytes], shown: tuple[str, ...]
) -> None:
    """A receiver was started again at 10:20: what it heard before stands in the trace alone."""
    half = half_hour([circuit(one, begins(DAY, 30), (10.0, 100.0)) for one in shown], begins(DAY, 30), Form(60_000))
    result = both(tmp_path, {**files, name(30): half.data()}, trace("14f10c", LANDING), own_receiver=True)
    assert len([row for row in result.points if row["icao24"] == "14f10c"]) == len(LANDING)


def test_an_aircraft_without_a_place_in_any_heatmap_is_read_by_its_trace(
    tmp_path: Path, files: dict[str, bytes]
) -> None:
    """It gave no height, so that readsb left it out."""
    unknown = [[*values[:3], None, *values[4:]] for values in LANDING]
    result = both(tmp_path, files, trace("14f10c", unknown), own_receiver=False)
    assert len([row for row in result.points if row["icao24"] == "14f10c"]) == len(LANDING)


def test_both_ways_show_the_same_landing_and_say_how_they_were_read(tmp_path: Path, files: dict[str, bytes]) -> None:
    """A day read by its traces, by its heatmaps and by both: the same aircraft, and of both the trace's own points."""
    start = begins(DAY, BAD)
    track = circuit("14f10b", start, HMEIMIM)
    lands = trace(
        "14f10b", [point(p.at_ms / 1000 - MIDNIGHT, p.latitude, p.longitude, p.altitude) for p in track.points]
    )
    half = half_hour([*scene(start, HMEIMIM), track], start)
    members = {**files, name(BAD): half.data(), lands[0].removeprefix("./"): lands[1]}
    days.tar(tmp_path / "archive", DAY, members)
    results = {way: decode(context(tmp_path, read=way, own_receiver=False)) for way in ("traces", "heatmap", "auto")}
    of_aircraft = {
        way: [row["seen_at"] for row in result.points if row["icao24"] == "14f10b"] for way, result in results.items()
    }
    assert of_aircraft["auto"] == of_aircraft["traces"]
    assert 0 < len(of_aircraft["heatmap"]) <= len(of_aircraft["traces"])
    details = {way: str(result.day.source_detail).split(";")[0] for way, result in results.items()}
    assert details == {
        "traces": "traces (as set): 1 traces, its 48 heatmaps not used",
        "heatmap": "heatmap (as set): 48 heatmaps of 48",
        "auto": "both: 48 heatmaps and 1 traces",
    }


@pytest.mark.parametrize(
    ("detail", "read", "is_outdated"),
    [
        (None, "auto", True),  # an older decoder kept no detail
        ("both: 48 heatmaps and 9 traces; {now}", "auto", False),
        ("traces: 9 traces; {now}", "auto", False),
        ("both: 48 heatmaps and 9 traces; decoder 1; {rings}", "auto", True),
        ("both: 48 heatmaps and 9 traces; {now} or 20 NM", "auto", True),
        ("heatmap (as set): 48 heatmaps of 48; {now}", "auto", True),
        ("heatmap (as set): 48 heatmaps of 48; {now}", "heatmap", False),
        ("heatmap: 48 heatmaps of 48; {now}", "heatmap", True),
        ("heatmap (as set): 48 heatmaps of 48; {now}", "traces", True),
    ],
)
def test_a_day_is_outdated_that_would_be_read_otherwise_now(
    tmp_path: Path, detail: str | None, read: str, is_outdated: bool
) -> None:
    about = context(tmp_path, read=read)
    rings = "within 60 NM below 15,000 ft or 15 NM"
    told = detail and detail.format(now=f"decoder {judging.DECODER}; {rings}", rings=rings)
    rows = [ledger_row("readsb_archive", Day(DAY, status, source_detail=told), "run") for status in ("ok", "missing")]
    assert judging.outdated(rows[:1], about) == ([DAY] if is_outdated else [])
    assert judging.outdated(rows[1:], about) == []


def test_doctor_says_what_the_newest_day_holds_and_how_it_would_be_read(
    tmp_path: Path, files: dict[str, bytes]
) -> None:
    lands = trace("14f10b", LANDING)
    days.tar(tmp_path / "archive", DAY, {**files, lands[0].removeprefix("./"): lands[1]})
    for settings, read_as in (({}, "heatmaps, and traces where they matter"), ({"read": "heatmap"}, "heatmaps alone")):
        newest = readsb_archive.check(context(tmp_path, own_receiver=False, **settings))[-1]
        assert newest.ok
        assert f"{DAY}, the newest: 1 traces in 1 folders and 48 heatmaps" in newest.what
        assert newest.what.endswith(f"read: {read_as}")


# ---- every position, and nothing else


def wanderer(random: Random, address: str, middle: tuple[float, float]) -> Track:
    """An aircraft that is heard now and then between 9:50 and 11:40, within 10 NM of a place, at any height."""
    points, at_ms = [], 1000 * begins(DAY, BAD) - 600_000
    while at_ms < 1000 * begins(DAY, BAD + 3) + 600_000:
        at_ms += random.choice((400, 4_000, 10_000, 10_001, 31_000, 240_000, random.randrange(2_400_000)))
        north, east = random.uniform(-0.1, 0.1), random.uniform(-0.1, 0.1)
        altitude = random.choice(("ground", None, random.uniform(-900, 44_000)))
        speed = random.choice((None, random.uniform(0, 600)))
        points.append(Point(at_ms, middle[0] + north, middle[1] + east, altitude, speed))
    names = [Named(point.at_ms, random.choice(("", "RFF7001", "SWR12"))) for point in random.sample(points, 3)]
    names.sort(key=lambda named: named.since_ms)
    return Track(address, points, names, random.choice(list(KINDS)), random.randint(1, 4))


@pytest.mark.parametrize("seed", range(12))
def test_every_position_near_a_base_is_kept_and_nothing_else(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    form = Form(
        random.choice((10_000, 30_000, 60_000, 120_000, 7_000)),
        order=random.choice("<>"),
        unknown_altitude=random.choice((None, -124)),
        ground_ms=random.choice((None, 35_000)),
    )
    near = [wanderer(random, address, HMEIMIM) for address in ("14f10a", "4b1a01", "ffffff", "~14f10b")]
    tracks = [*near, wanderer(random, "4b1a02", (10.0, 100.0))]
    days.folder(
        tmp_path / "archive",
        DAY,
        {name(half): half_hour(tracks, begins(DAY, half), form).data() for half in range(HALVES)},
    )
    result = read(tmp_path)
    assert (result.day.status, result.day.error) == ("ok", None)
    rows = {}
    for row in result.points:
        ms = 1000 * (row["seen_at"].timestamp() - begins(DAY, 0))
        rows.setdefault(row["icao24"], []).append((ms, row))
    positions = {}
    for half in range(HALVES):
        start_ms = 1000 * begins(DAY, half)
        for one in heard(tracks, start_ms, form.interval_ms, form.unknown_altitude, form.ground_ms):
            first_ms = 1000 * SPAN_S * half + one.slice * form.interval_ms
            positions.setdefault(f"{one.number:06x}", []).append((first_ms, one))
    assert rows.keys() == {"14f10a", "4b1a01", "ffffff"}
    for icao24, of_aircraft in rows.items():
        assert len(of_aircraft) == len(positions[icao24])
        for (ms, row), (first_ms, one) in zip(
            sorted(of_aircraft, key=lambda pair: pair[0]), positions[icao24], strict=True
        ):
            assert first_ms <= round(ms) <= first_ms + form.interval_ms
            assert (round(row["latitude"] * 1e6), round(row["longitude"] * 1e6)) == (one.latitude, one.longitude)
            assert row["is_ground"] == (one.altitude == GROUND)
            is_known = one.altitude not in (GROUND, -124)
            assert row["altitude_baro_ft"] == (one.altitude * 25 if is_known else None) or one.altitude == 0
            assert row["ground_speed_kt"] == (None if one.speed < 0 else pytest.approx(one.speed / 10))
            assert KINDS[row["position_type"]] == one.kind
            assert one.callsign is None or row["callsign"] == (one.callsign or None)


# ---- farther off


def overhead(address: str, north: float, altitude: float, flight: str = "") -> Track:
    """An aircraft that flies east for 25 minutes, so many degrees north of the base; a position in ten seconds."""
    start = begins(DAY, BAD)
    points = [
        Point(1000 * (start + 10 * n + 1), LAT + north, LON - 0.8 + 0.0125 * n, altitude, 450.0) for n in range(150)
    ]
    return Track(address, points, [Named(1000 * start, flight)] if flight else [])


def far_day(folder: Path, *tracks: Track, **settings: Any) -> Result:
    start = begins(DAY, BAD)
    others = {name(half): half_hour([], begins(DAY, half)).data() for half in range(HALVES) if half != BAD}
    days.tar(folder / "archive", DAY, {**others, name(BAD): half_hour(tracks, start).data()})
    return read(folder, **settings)


def test_who_is_watched_is_followed_far_and_high(tmp_path: Path) -> None:
    """By the callsign of a watched fleet, and by the addresses of armed forces; an airliner is not."""
    result = far_day(
        tmp_path,
        overhead("150b0a", 1.5, 34_000, "RFF7001"),  # 90 NM north
        overhead("150b0b", 1.5, 34_000, "AFL101"),
        overhead("33ff01", 2.0, 34_000),  # of the Italian air force, 120 NM north
        overhead("33ff02", -75.0, 34_000),  # over the southern ocean
    )
    followed = result.rows["watched_points"]
    assert {row["icao24"] for row in followed} == {"150b0a", "33ff01"}
    assert all(row["base_id"] and 15 * 1.852 < row["distance_km"] < 160 * 1.852 for row in followed)
    # all of the ten minutes at both ends, and of the five in between every other one
    assert len([row for row in followed if row["icao24"] == "150b0a"]) == 121 + 20
    assert result.points == []


def test_traces_and_heatmaps_follow_the_same_aircraft_and_a_trace_stands_for_its_own(tmp_path: Path) -> None:
    """Armed forces are followed by either; that of a watched fleet has its trace read beside heatmaps, too."""
    start = begins(DAY, BAD)
    flights = {"150b0a": "RFF7001", "150b0b": "AFL101", "33ff01": "IAM1", "4b1a01": "SWR12"}
    sky = [overhead(address, 1.5, 34_000, flight) for address, flight in flights.items()]
    lines = {
        track.address: [
            point(
                p.at_ms / 1000 - MIDNIGHT, p.latitude, p.longitude, 34_000, details={"flight": flights[track.address]}
            )
            for p in track.points
        ]
        for track in sky
    }
    members = {name(half): half_hour([], begins(DAY, half)).data() for half in range(HALVES) if half != BAD}
    members[name(BAD)] = half_hour(sky, start).data()
    members |= {
        member.removeprefix("./"): data for member, data in (trace(one, of_one) for one, of_one in lines.items())
    }
    days.tar(tmp_path / "archive", DAY, members)
    rows = {
        way: decode(context(tmp_path, read=way, own_receiver=False)).rows["watched_points"]
        for way in ("traces", "heatmap", "auto")
    }
    assert {row["icao24"] for row in rows["traces"]} == {"150b0a", "33ff01"}
    assert {row["icao24"] for row in rows["heatmap"]} == {"150b0a", "33ff01"}

    def of(way: str, icao24: str) -> list[dict[str, Any]]:
        return sorted((row for row in rows[way] if row["icao24"] == icao24), key=lambda row: row["seen_at"])

    assert of("auto", "150b0a") == of("traces", "150b0a") != of("heatmap", "150b0a")
    assert of("auto", "33ff01") == of("heatmap", "33ff01")
    assert abs(len(of("auto", "33ff01")) - len(of("traces", "33ff01"))) <= 1


def test_heatmaps_show_the_far_end_of_a_silence_to_a_minute(tmp_path: Path) -> None:
    start = 1000 * begins(DAY, BAD)
    near = [Point(start + 10_000 * n + 1, LAT + 1.5, LON, 34_000, 450.0) for n in range(30)]
    far = [Point(start + 10_000 * n + 1, 10.0, 100.0, 34_000, 450.0) for n in range(120, 150)]
    result = far_day(tmp_path, Track("33ff01", [*near, *far]), Track("33ff02", far))
    beyond = [row for row in result.rows["watched_points"] if row["base_id"] is None]
    assert {row["icao24"] for row in beyond} == {"33ff01"}
    assert {(row["latitude"], row["distance_km"]) for row in beyond} == {(10.0, None)}
    ends = (min(row["seen_at"] for row in beyond), max(row["seen_at"] for row in result.rows["watched_points"]))
    assert [60 * round((end.timestamp() - begins(DAY, BAD)) / 60) for end in ends] == [1200, 1440]


def test_what_lies_in_the_rings_is_no_far_point(tmp_path: Path) -> None:
    result = far_day(tmp_path, overhead("33ff01", 0.1, 9_000))
    inside = {(row["latitude"], row["longitude"]) for row in result.points}
    assert inside and not {(r["latitude"], r["longitude"]) for r in result.rows.get("watched_points", [])} & inside


def test_everybody_within_reach_makes_the_grid(tmp_path: Path) -> None:
    result = far_day(tmp_path, overhead("4b1a01", 1.5, 34_000), overhead("4b1a02", 1.52, 34_500))
    cells = result.rows["heard_cells"]
    assert {row["band_ft"] for row in cells} == {33_000} and not any(row["is_ground"] for row in cells)
    assert {round(row["south"], 1) for row in cells} == {36.9}
    assert {f"{row['slot_at']:%H:%M}" for row in cells} == {"10:00", "10:20"}
    assert max(row["aircraft"] for row in cells) == 2
    assert sum(row["losses"] for row in cells) == 2
    assert {row["lowest_ft"] for row in cells} == {34_000}
    assert (
        far_day(tmp_path / "scan", overhead("4b1a01", 1.5, 34_000), scan="watch_list").rows.get("heard_cells") is None
    )
