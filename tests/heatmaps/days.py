"""The heatmap files of a day as they lie in an archive: in a tar of any sort, or in a folder of any layout."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from pathlib import Path

import pyarrow as pa

from heatmaps.damage import scene
from heatmaps.files import HALVES, Form, begins, half_hour, name

Files = Mapping[str, bytes]  # by name below the day's folder
Layout = Callable[[Path, date, Files], object]


def day_over(place: tuple[float, float], day: date, form: Form | None = None) -> dict[str, bytes]:
    """The files of a day on which five aircraft circle around a place in each half hour."""
    return {
        name(half): half_hour(scene(begins(day, half), place), begins(day, half), form).data() for half in range(HALVES)
    }


def release(day: date) -> str:
    """How adsb.lol names a day's release."""
    return f"v{day:%Y.%m.%d}-planes-readsb-prod-0"


def tar_of(members: Iterable[tuple[str, bytes]], form: int = tarfile.GNU_FORMAT) -> bytes:
    """A tar of these members, and of the folders that they lie in, as `tar` writes them."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        seen: set[str] = set()
        for member, data in members:
            folder = member.rpartition("/")[0]
            if folder and folder not in seen:
                seen.add(folder)
                info = tarfile.TarInfo(f"{folder}/")
                info.type = tarfile.DIRTYPE
                archive.addfile(info)
            info = tarfile.TarInfo(member)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _tar(named: Callable[[str, date], str], form: int = tarfile.GNU_FORMAT) -> Layout:
    def write(archive: Path, day: date, files: Files) -> None:
        members = [(named(member, day), data) for member, data in files.items()]
        _put(archive / f"{release(day)}.tar", tar_of(members, form))

    return write


def _packed_tar(ending: str, pack: Callable[[bytes], bytes]) -> Layout:
    def write(archive: Path, day: date, files: Files) -> None:
        _put(archive / f"{release(day)}{ending}", pack(tar_of((f"./{member}", data) for member, data in files.items())))

    return write


def _in_parts(archive: Path, day: date, files: Files) -> None:
    """Cut as `split` cuts, in the middle of members."""
    data = tar_of((f"./{member}", data) for member, data in files.items())
    size = len(data) // 3 + 7
    for number, at in enumerate(range(0, len(data), size)):
        _put(archive / f"{release(day)}.tar.a{chr(ord('a') + number)}", data[at : at + size])


def _folder(folder_of: Callable[[date], str], named: Callable[[str], str] = lambda member: member) -> Layout:
    def write(archive: Path, day: date, files: Files) -> None:
        for member, data in files.items():
            _put(archive / folder_of(day) / named(member), data)

    return write


def _unpacked(archive: Path, day: date, files: Files) -> None:
    """Files that somebody unpacked, under the names that they had."""
    plain = {member: gzip.decompress(data) for member, data in files.items()}
    _folder(lambda day: f"{day:%Y/%m/%d}")(archive, day, plain)


def _zstd(data: bytes) -> bytes:
    return bytes(pa.Codec("zstd").compress(data, asbytes=True))


tar: Layout = _tar(lambda member, day: f"./{member}")
folder: Layout = _folder(lambda day: f"{day:%Y/%m/%d}")

LAYOUTS: dict[str, Layout] = {
    "a tar": tar,
    "a tar without dots": _tar(lambda member, day: member),
    "a tar of one folder": _tar(lambda member, day: f"{release(day)}/{member}"),
    "a tar of folders by day": _tar(lambda member, day: f"{day:%Y/%m/%d}/{member}"),
    "a tar of bare files": _tar(lambda member, day: member.rpartition("/")[2]),
    "a tar in upper case": _tar(lambda member, day: member.upper()),
    "a tar of long names": _tar(lambda member, day: f"{'x' * 120}/{member}"),
    "a tar as POSIX has it": _tar(lambda member, day: f"{'x' * 120}/{member}", tarfile.PAX_FORMAT),
    "a tar in parts": _in_parts,
    "a tar packed with gzip": _packed_tar(".tar.gz", lambda data: gzip.compress(data, 1)),
    "a tar packed with xz": _packed_tar(".tar.xz", lambda data: lzma.compress(data, preset=0)),
    "a tar packed with bzip2": _packed_tar(".tar.bz2", lambda data: bz2.compress(data, 1)),
    "a tar packed with zstd": _packed_tar(".tar.zst", _zstd),
    "folders by year": folder,
    "below globe_history": _folder(lambda day: f"globe_history/{day:%Y/%m/%d}"),
    "a release unpacked": _folder(release),
    "a release unpacked in a folder": _folder(lambda day: f"{release(day)}/{release(day)}"),
    "files in the day's folder": _folder(lambda day: f"{day:%Y-%m-%d}", lambda member: member.rpartition("/")[2]),
    "folders in upper case": _folder(lambda day: f"{day:%Y-%m-%d}", str.upper),
    "files of another ending": _folder(lambda day: f"{day:%Y%m%d}", lambda member: f"{member}.gz"),
    "files not packed": _unpacked,
}
