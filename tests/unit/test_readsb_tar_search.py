"""The search for heatmaps in a tar that is dear to read: found wherever they lie, for little more than their bytes."""

from __future__ import annotations

import io
import random
import tarfile
from collections.abc import Callable, Iterable

import pytest

from basewatch.readsb.heatmap import half_hour
from basewatch.readsb.tar_search import NoTar, Searched, TooDear, search
from dear_tar import InMemory, Made, filled, heatmaps, traces
from heatmaps.days import tar_of

Sized = list[tuple[str, int]]
Order = Callable[[Sized, list[Sized], random.Random], Sized]
BESIDE = [("./README.txt", 700), ("./acas/acas.csv.gz", 9_000), ("./acas/acas.json.gz", 20_000)]


def joined(folders: Iterable[Sized]) -> Sized:
    return [member for folder in folders for member in folder]


def between(heat: Sized, folders: list[Sized], rng: random.Random) -> Sized:
    at = rng.randrange(1, len(folders))
    return [*BESIDE, *joined(folders[:at]), *heat, *joined(folders[at:])]


ORDERS: dict[str, Order] = {
    "first": lambda heat, folders, _: [*heat, *joined(folders), *BESIDE],
    "after the texts": lambda heat, folders, _: [*BESIDE, *heat, *joined(folders)],
    "last": lambda heat, folders, _: [*BESIDE, *joined(folders), *heat],
    "last but one folder": lambda heat, folders, _: [*joined(folders), *heat, *BESIDE],
    "between the traces": between,
}


def look(tar: InMemory | Made) -> Searched:
    return search(tar, b"heatmap", half_hour, 48)


def contents(tar: InMemory, searched: Searched) -> dict[int, bytes]:
    return {half: tar.data[member.offset : member.offset + member.size] for half, member in searched.members.items()}


def truth(members: Iterable[tuple[str, bytes]]) -> dict[int, bytes]:
    return {half: data for name, data in members if (half := half_hour(name.encode())) is not None}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("share", [0.03, 0.14])
@pytest.mark.parametrize("seed", range(3))
def test_heatmaps_are_found_wherever_they_lie(order: str, share: float, seed: int) -> None:
    rng = random.Random(f"{order} {share} {seed}")
    sized = ORDERS[order](heatmaps(int(4e6 * share), rng), traces(900, int(4e6 * (1 - share)), rng), rng)
    members = filled(sized, rng)
    tar = InMemory(tar_of(members))
    searched = look(tar)
    assert contents(tar, searched) == truth(members)
    assert (searched.runs, searched.is_thorough) == (1, True)
    assert tar.spent <= 0.25 * tar.size


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("share", [0.02, 0.15, 0.24])
def test_a_day_of_real_size_costs_little_more_than_its_heatmaps(order: str, share: float) -> None:
    rng = random.Random(f"{order} {share}")
    total = 3_500_000_000
    tar = Made(ORDERS[order](heatmaps(int(total * share), rng), traces(70_000, int(total * (1 - share)), rng), rng))
    searched = look(tar)
    assert sorted(searched.members) == list(range(48))
    assert tar.spent <= (share + 0.02) * tar.size
    assert tar.stretches <= 200


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
@pytest.mark.parametrize("before", ["./", "", "2026/01/19/", "./" + "a-long-name/" * 6, "./X/Heatmap/../"])
def test_names_of_every_form_are_found(form: int, before: str) -> None:
    rng = random.Random(before)
    sized = between(heatmaps(400_000, rng), traces(400, 3_600_000, rng), rng)
    long = "a-name-that-fills-up-its-header-" * 4 if form != tarfile.USTAR_FORMAT else "x"
    sized = [(name.replace("./heatmap/", f"{before}heatmap/").replace("./acas", f"./{long}"), n) for name, n in sized]
    members = filled(sized, rng)
    tar = InMemory(tar_of(members, form))
    assert contents(tar, look(tar)) == truth(members)
    assert len(truth(members)) == 48


def test_of_heatmaps_in_two_places_all_are_found() -> None:
    rng = random.Random(2)
    heat, folders = heatmaps(500_000_000, rng), traces(70_000, 3_000_000_000, rng)
    tar = Made([*joined(folders[:60]), *heat[:17], *joined(folders[60:200]), *heat[17:], *joined(folders[200:])])
    searched = look(tar)
    assert (sorted(searched.members), searched.runs) == (list(range(48)), 2)
    assert tar.spent <= 0.20 * tar.size


def test_large_members_that_lie_alone_are_met_and_the_search_ends_in_time() -> None:
    rng = random.Random(3)
    sized = [*heatmaps(450_000_000, rng), *joined(traces(70_000, 3_050_000_000, rng))]
    rng.shuffle(sized)
    tar = Made(sized)
    searched = look(tar)
    assert searched.runs == len(searched.members) > 5
    assert tar.spent <= 0.27 * tar.size


@pytest.mark.parametrize("total", [600_000, 3_500_000_000])
def test_a_tar_without_heatmaps_gives_none_and_says_whether_all_was_looked_at(total: int) -> None:
    rng = random.Random(total)
    tar = Made([*BESIDE, *joined(traces(70_000 if total > 1e9 else 200, total, rng))])
    searched = look(tar)
    assert (searched.members, searched.runs) == ({}, 0)
    assert searched.is_thorough == (total > 1e9)
    assert tar.spent <= (0.05 if searched.is_thorough else 0.30) * tar.size


def test_half_hours_that_are_not_there_are_looked_for_and_not_made_up() -> None:
    rng = random.Random(5)
    halves = [half for half in range(48) if half not in (0, 13, 14, 47)]
    members = filled(between(heatmaps(500_000, rng, halves), traces(900, 3_500_000, rng), rng), rng)
    tar = InMemory(tar_of(members))
    searched = look(tar)
    assert contents(tar, searched) == truth(members)
    assert (sorted(searched.members), searched.runs) == (halves, 1)
    assert tar.spent <= 0.27 * tar.size


def test_other_files_and_numbers_in_the_folder_are_no_heatmaps() -> None:
    rng = random.Random(6)
    heat = heatmaps(500_000, rng)
    odd = [("./heatmap/48.bin.ttf", 9000), ("./heatmap/readme", 300), ("./heatmap/07.bin.ttf.tmp", 800)]
    members = filled(between([*odd[:1], *heat, *odd[1:]], traces(900, 3_500_000, rng), rng), rng)
    tar = InMemory(tar_of(members))
    assert contents(tar, look(tar)) == truth(members)


def test_a_link_is_no_heatmap() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        link = tarfile.TarInfo("./heatmap/03.bin.ttf")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        info = tarfile.TarInfo("./heatmap/04.bin.ttf")
        info.size = 100
        archive.addfile(info, io.BytesIO(bytes(100)))
    assert list(look(InMemory(buffer.getvalue() + bytes(1 << 14))).members) == [4]


def test_of_two_of_one_half_hour_the_later_counts() -> None:
    rng = random.Random(8)
    heat = [*heatmaps(300_000, rng), ("./heatmap/07.bin.ttf", 5000)]
    members = filled(between(heat, traces(900, 3_500_000, rng), rng), rng)
    tar = InMemory(tar_of(members))
    assert contents(tar, look(tar))[7] == truth(members)[7]
    assert len(truth(members)[7]) == 5000


# ---- bytes that look like headers


def header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


def bare_magic(_: random.Random) -> bytes:
    return (bytes(257) + b"ustar\0" + b"00" + bytes(247)) * 6


def false_header(rng: random.Random) -> bytes:
    return header(f"./heatmap/{rng.randrange(48):02d}.bin.ttf", 512 * rng.randrange(12)) + rng.randbytes(4096)


def false_trace(rng: random.Random) -> bytes:
    return header("./traces/0a/trace_full_14f10a.json", 512 * rng.randrange(12)) + rng.randbytes(4096)


def tar_inside(rng: random.Random) -> bytes:
    return tar_of([(f"./heatmap/{half:02d}.bin.ttf", rng.randbytes(900)) for half in rng.sample(range(48), 5)])


@pytest.mark.parametrize("inside", [bare_magic, false_header, false_trace, tar_inside])
@pytest.mark.parametrize("with_heatmaps", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_traces_that_hold_what_looks_like_headers_mislead_nobody(
    inside: Callable[[random.Random], bytes], with_heatmaps: bool, seed: int
) -> None:
    rng = random.Random(seed)
    heat = heatmaps(400_000, rng) if with_heatmaps else []
    members = filled(between(heat, traces(500, 3_600_000, rng), rng), rng)
    members = [
        (name, data[: len(data) // 1024 * 512] + inside(rng) + data if "traces" in name else data)
        for name, data in members
    ]
    tar = InMemory(tar_of(members))
    found = contents(tar, look(tar))
    assert {half: data for half, data in found.items() if data != truth(members).get(half)} == {}
    assert len(found) == (48 if with_heatmaps else 0)


# ---- damage


def test_a_damaged_header_among_heatmaps_loses_one() -> None:
    rng = random.Random(9)
    members = filled(between(heatmaps(400_000, rng), traces(900, 3_600_000, rng), rng), rng)
    data = bytearray(tar_of(members))
    at = bytes(data).index(named(21))
    data[at : at + 512] = b"\xff" * 512
    tar = InMemory(bytes(data))
    expected = {half: body for half, body in truth(members).items() if half != 21}
    assert contents(tar, look(tar)) == expected


@pytest.mark.parametrize("seed", range(4))
def test_damage_all_over_the_tar_is_passed_by(seed: int) -> None:
    rng = random.Random(seed)
    members = filled(between(heatmaps(400_000, rng), traces(900, 3_600_000, rng), rng), rng)
    data = bytearray(tar_of(members))
    for _ in range(40):
        at = rng.randrange(len(data) // 512) * 512
        data[at : at + 512] = rng.randbytes(512)
    tar = InMemory(bytes(data))
    found = contents(tar, look(tar))
    whole = {half: body for half, body in truth(members).items() if body in tar.data and named(half) in tar.data}
    assert {half: found.get(half) for half in whole} == whole
    assert len(whole) > 35


def named(half: int) -> bytes:
    return f"./heatmap/{half:02d}.bin.ttf".encode()


def test_a_heatmap_that_is_cut_short_is_not_taken() -> None:
    rng = random.Random(11)
    heat = heatmaps(500_000, rng)
    members = filled([*joined(traces(900, 3_500_000, rng)), *heat], rng)
    whole = tar_of(members)
    cut = whole.index(heat[-1][0].encode()) + 512 + 700
    tar = InMemory(whole[:cut])
    last = half_hour(heat[-1][0].encode())
    assert contents(tar, look(tar)) == {half: body for half, body in truth(members).items() if half != last}


@pytest.mark.parametrize("data", [b"", b"<!DOCTYPE html><html>" * 200, bytes(20_480), b"\x1f\x8b" + bytes(5000)])
def test_what_is_no_tar_is_told(data: bytes) -> None:
    with pytest.raises(NoTar):
        look(InMemory(data))


def test_heatmaps_that_are_most_of_the_tar_are_too_dear() -> None:
    rng = random.Random(12)
    tar = Made(between(heatmaps(2_400_000_000, rng), traces(70_000, 1_100_000_000, rng), rng))
    with pytest.raises(TooDear):
        look(tar)
    assert tar.spent <= 0.25 * tar.size


def test_a_name_record_without_end_is_no_header() -> None:
    info = tarfile.TarInfo("./LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1 << 20
    with pytest.raises(NoTar):
        look(InMemory(info.tobuf(tarfile.GNU_FORMAT) + bytes(2 << 20)))
