"""The walk over a tar's headers: what it finds, and how it goes on behind faults."""

from __future__ import annotations

import io
import tarfile
from itertools import pairwise
from pathlib import Path

import pytest

from basewatch.readsb.tar_index import Fault, Member, Volume, walk
from tracekit import tar

MEMBERS = [(f"./traces/{n:02x}/trace_full_0000{n:02x}.json", bytes([n]) * (n * 37 % 2000)) for n in range(60)]


def found(tmp_path: Path, data: bytes, cuts: tuple[int, ...] = ()) -> tuple[list[tuple[str, bytes]], list[Fault]]:
    """Members with their bytes, and faults, of a tar written as one file or cut into parts."""
    bounds = [0, *cuts, len(data)]
    parts = []
    for number, (start, end) in enumerate(pairwise(bounds)):
        parts.append(tmp_path / f"x.tar.a{chr(97 + number)}")
        parts[-1].write_bytes(data[start:end])
    volume = Volume(parts)
    everything = list(walk(volume))
    members = [(m.name.decode(), volume.read(m.offset, m.size)) for m in everything if isinstance(m, Member)]
    volume.close()
    return members, [fault for fault in everything if isinstance(fault, Fault)]


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT])
def test_members_are_those_that_tarfile_finds(tmp_path: Path, form: int) -> None:
    long = [("very/" + "long/" * 25 + "name.json", b"x" * 700)] if form != tarfile.USTAR_FORMAT else []
    prefixed = [("d" * 60 + "/" + "e" * 80, b"y")]
    assert found(tmp_path, tar([*MEMBERS, *long, *prefixed], form)) == ([*MEMBERS, *long, *prefixed], [])


@pytest.mark.parametrize("cuts", [(1000,), (512, 513, 30_000), (5, 100, 20_480)])
def test_parts_are_read_as_one(tmp_path: Path, cuts: tuple[int, ...]) -> None:
    assert found(tmp_path, tar(MEMBERS), cuts) == (MEMBERS, [])


def test_a_tar_from_before_the_magic_is_read_by_its_checksum(tmp_path: Path) -> None:
    data = bytearray(tar(MEMBERS[:1]))
    data[257:512] = bytes(255)
    data[148:156] = b" " * 8
    data[148:156] = f"{sum(data[:512]):06o}\0 ".encode()
    assert found(tmp_path, bytes(data)) == (MEMBERS[:1], [])


@pytest.mark.parametrize("cut", [512 * 3 + 100, 40_000, -10_240 + 512])
def test_a_tar_cut_short_gives_what_it_has_and_says_so(tmp_path: Path, cut: int) -> None:
    members, faults = found(tmp_path, tar(MEMBERS)[:cut])
    assert 0 < len(members) <= len(MEMBERS)
    assert members == MEMBERS[: len(members)]
    assert (not faults) == (cut < 0)  # an end mark of one block is an end mark
    assert all(fault.ends and "cut short" in fault.reason for fault in faults)


def test_a_tar_without_end_mark_was_cut_short(tmp_path: Path) -> None:
    data = tar(MEMBERS).rstrip(b"\0")
    data += bytes(-len(data) % 512)
    members, faults = found(tmp_path, data)
    assert members == MEMBERS
    assert [fault.ends for fault in faults] == [True]


def test_a_damaged_header_loses_one_member(tmp_path: Path) -> None:
    data = bytearray(tar(MEMBERS))
    where = bytes(data).index(b"./traces/1e/")
    data[where : where + 512] = b"\xff" * 512
    members, faults = found(tmp_path, bytes(data))
    assert [name for name, _ in members] == [name for name, _ in MEMBERS if "/1e/" not in name]
    assert [fault.reason for fault in faults] == ["damaged header; resumed behind it"]


def test_names_that_lead_out_and_links_are_faults(tmp_path: Path) -> None:
    names = ["../../etc/passwd", "/etc/passwd", "a/../../b", "..", "fine/..name"]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
        link = tarfile.TarInfo("traces/aa/trace_full_0000aa.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        folder = tarfile.TarInfo("traces")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
    members, faults = found(tmp_path, buffer.getvalue())
    assert [name for name, _ in members] == ["fine/..name"]
    assert [fault.reason for fault in faults] == ["name leads out of the archive"] * 4 + [
        "not a regular file (type b'2')"
    ]


@pytest.mark.parametrize("size", [b"77777777777\0", b"\x80" + b"\xff" * 11, b"\x80" + b"\0" * 6 + b"\xff" * 5])
def test_a_size_beyond_the_end_is_a_cut_and_not_an_overflow(tmp_path: Path, size: bytes) -> None:
    for kind in b"0LxS":
        data = bytearray(tar(MEMBERS[:3]))
        data[124:136], data[156] = size, kind
        members, faults = found(tmp_path, bytes(data))
        assert members == []
        assert faults[-1].ends


def test_an_empty_file_is_a_cut_tar(tmp_path: Path) -> None:
    assert found(tmp_path, b"") == ([], [Fault(0, "the tar ends without its end mark: it was cut short", ends=True)])


def test_volume_reads_across_parts_and_past_the_end(tmp_path: Path) -> None:
    for name, data in (("a", b"abc"), ("b", b""), ("c", b"defg")):
        (tmp_path / name).write_bytes(data)
    volume = Volume([tmp_path / name for name in "abc"])
    assert volume.size == 7
    assert [volume.read(*where) for where in ((0, 7), (2, 2), (5, 9), (7, 1), (2**70, 5))] == [
        b"abcdefg",
        b"cd",
        b"fg",
        b"",
        b"",
    ]
    volume.close()
    volume.close()


def test_volume_gives_back_its_handles_where_a_part_is_gone(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    with pytest.raises(FileNotFoundError):
        Volume([tmp_path / "a", tmp_path / "gone"])
