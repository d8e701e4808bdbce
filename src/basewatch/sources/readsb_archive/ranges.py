"""The heatmaps of a day's release alone, fetched by HTTP ranges: a sixth of the bytes of its tar.

They land as a folder of the local layout, `<landing>/YYYY/MM/DD/heatmap/NN.bin.ttf`, which appears when all of them are
there. Beside the day's manifest stands which member of which copy each of them is. So what has landed is not fetched
again, and members of two copies of a day never lie together. A half hour that was not met is not there, which is not a
quiet one: the note names it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from basewatch.durable import fsync_folder, make_folder, sha256, write_aside
from basewatch.errors import SourceError
from basewatch.net.client import Client
from basewatch.net.faults import HttpFault
from basewatch.net.ranges import FileChanged, RangesRefused
from basewatch.readsb.heatmap import HALVES, clock, half_hour
from basewatch.readsb.tar_search import MOST_SHARE, NoTar, TooDear, search
from basewatch.sources.landing import slug
from basewatch.sources.readsb_archive.pieces import Asset, Pieces, identity_of

HEATMAPS = "heatmaps alone"  # how a landed folder says that it holds no traces
RECORD = ".heatmaps.json"
PIECES = ".pieces-"
USUAL_SHARE = (
    0.25  # of the bytes of a tar: what its heatmaps take up at most while they are fetched and when they landed
)
VERSIONS = 2  # of a file that changes while it is fetched; then somebody is still writing it
CHUNK = 1 << 20


class WholePartsNeeded(Exception):
    """The heatmaps cannot be had alone, for the reason that the message gives."""


class NoHeatmaps(Exception):
    """No heatmap was met in the copy, as the message says."""


@dataclass(frozen=True)
class Piece:
    """A heatmap in the day's tar: where its bytes begin, how many there are, and their SHA-256."""

    offset: int
    size: int
    sha256: str


@dataclass(frozen=True)
class LandedHeatmaps:
    """The heatmaps of a day that have landed, by half hour, and what they cost.

    copy_size, fetched: bytes, of the whole copy and over the network. requests: those sent for these.
    """

    root: Path
    heatmaps: dict[int, Piece]
    copy_size: int
    fetched: int
    requests: int

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(heatmap.size for heatmap in self.heatmaps.values())

    @property
    def sha256(self) -> str:
        """A digest over names, sizes and digests."""
        lines = [f"{_name(number)} {each.size} {each.sha256}" for number, each in sorted(self.heatmaps.items())]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    @property
    def within(self) -> tuple[tuple[str, str], ...]:
        """The digest of each, by its path in the day's folder."""
        return tuple((_name(number), each.sha256) for number, each in sorted(self.heatmaps.items()))

    @property
    def note(self) -> str:
        """What there is of the day, what is lacking, and what it cost, in words."""
        lacking = [number for number in range(HALVES) if number not in self.heatmaps]
        without = f", not met {', '.join(map(clock, lacking))}" if lacking else ""
        return (
            f"{HEATMAPS}: {len(self.heatmaps)} of {HALVES} half hours{without}; by ranges: {self.fetched:,} bytes "
            f"({self.fetched / self.copy_size:.1%} of it) in {self.requests} requests"
        )


def fetch(
    assets: tuple[Asset, ...], day: date, landing: Path, client: Client, check_room: Callable[[int, set[Path]], None]
) -> LandedHeatmaps:
    """The heatmaps of the copy of a day that these files make, in the landing.

    check_room: called with the bytes that will be needed and the places that belong to this day; it raises SourceError
    where there is no room. Raises WholePartsNeeded where the server or the tar does not allow it, NoHeatmaps where it
    holds none as far as was looked, HttpFault.
    """
    unstated = [asset.name for asset in assets if not asset.size]
    if unstated:
        raise WholePartsNeeded(f"no list states the size of {unstated[0]}")
    place = _Place(landing, day, assets)
    landed = place.landed()
    if landed is not None:
        return landed
    if "without" in place.record:
        raise NoHeatmaps(str(place.record["without"]))
    size = sum(asset.size or 0 for asset in assets)
    check_room(int(USUAL_SHARE * size), place.folders)
    for _ in range(VERSIONS):
        try:
            return _bring(place, client, check_room)
        except FileChanged as fault:
            change = fault
            place.drop()
        except HttpFault as fault:
            is_of_ranges = isinstance(fault, RangesRefused) or (
                fault.kind in ("denied", "server") and not fault.retryable
            )
            if not is_of_ranges:
                raise
            raise WholePartsNeeded(str(fault).removeprefix(f"{client.source}: ")) from None
    raise change


def copy_size(landing: Path, day: date, size: int) -> int:
    """The size of the copy from which `size` bytes of heatmaps of a day were taken; `size` itself where none were."""
    record = _read(_record(landing, day)) or {}
    heatmaps = _heatmaps(record)
    is_of_these = bool(heatmaps) and sum(heatmap.size for heatmap in heatmaps.values()) == size
    return int(record.get("copy_size", size)) if is_of_these else size


def remove(landing: Path, day: date) -> None:
    """Delete what landed of a day's heatmaps, and what was fetched for it."""
    remove_pieces(landing, day)
    if _record(landing, day).exists():
        shutil.rmtree(root_of(landing, day), ignore_errors=True)
        _record(landing, day).unlink()


def remove_pieces(landing: Path, day: date) -> None:
    """Delete what was fetched for a day's heatmaps, of any copy, and did not land."""
    for folder in landing.glob(f"{PIECES}*{day:%Y.%m.%d}*"):
        shutil.rmtree(folder, ignore_errors=True)


def root_of(landing: Path, day: date) -> Path:
    """The folder of a day in the local layout."""
    return landing / f"{day:%Y}" / f"{day:%m}" / f"{day:%d}"


def _record(landing: Path, day: date) -> Path:
    return landing / "manifests" / f"{day}" / RECORD


def _name(number: int) -> str:
    return f"heatmap/{number:02d}.bin.ttf"


def _read(path: Path) -> dict[str, Any] | None:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def _heatmaps(record: dict[str, Any]) -> dict[int, Piece]:
    try:
        return {int(number): Piece(**values) for number, values in record["heatmaps"].items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}


class _Place:
    """Where a day's heatmaps of one copy land."""

    def __init__(self, landing: Path, day: date, assets: tuple[Asset, ...]) -> None:
        self.assets = assets
        self.root = root_of(landing, day)
        self.aside = self.root.with_name(f".{self.root.name}.aside")
        self.pieces = landing / f"{PIECES}{slug(assets[0].name)}"
        self.record_file = _record(landing, day)
        record = _read(self.record_file)
        self.record = record if record and record.get("assets") == identity_of(assets) else {}
        self.heatmaps = _heatmaps(self.record)

    @property
    def folders(self) -> set[Path]:
        """Where files of this day and copy lie."""
        return {self.root, self.aside, self.pieces}

    def landed(self) -> LandedHeatmaps | None:
        """What has landed of this copy; None where something of it is not there whole."""
        if not self.heatmaps or len(self.whole()) < len(self.heatmaps):
            return None
        size = sum(asset.size or 0 for asset in self.assets)
        fetched, requests = self.cost
        return LandedHeatmaps(self.root, self.heatmaps, size, fetched, requests)

    @property
    def cost(self) -> tuple[int, int]:
        """Bytes fetched and requests sent for what has landed."""
        return int(self.record.get("fetched", 0)), int(self.record.get("requests", 0))

    def whole(self) -> dict[int, Path]:
        """The files of heatmaps of this copy that are there whole."""
        files = {number: self.root / _name(number) for number in self.heatmaps}
        return {number: file for number, file in files.items() if _is(file, self.heatmaps[number])}

    def write(self, record: dict[str, Any]) -> None:
        """Keep what is known of this copy."""
        write_aside(self.record_file, json.dumps({"assets": identity_of(self.assets), **record}, indent=1).encode())

    def drop(self) -> None:
        """Forget what was fetched: it is of another version of the files."""
        shutil.rmtree(self.pieces, ignore_errors=True)
        self.record_file.unlink(missing_ok=True)
        self.record, self.heatmaps = {}, {}


def _is(file: Path, heatmap: Piece) -> bool:
    with suppress(OSError):
        return file.stat().st_size == heatmap.size and sha256(file) == heatmap.sha256
    return False


def _bring(place: _Place, client: Client, check_room: Callable[[int, set[Path]], None]) -> LandedHeatmaps:
    """Fetch what has not landed, and put all of it in place at once."""
    pieces = Pieces(place.pieces, place.assets, client, place.record.get("validators", []))
    whole = place.whole()
    earlier = place.cost if whole else (0, 0)
    if place.heatmaps:
        members = {number: (heatmap.offset, heatmap.size) for number, heatmap in place.heatmaps.items()}
        for number in sorted(members.keys() - whole.keys()):
            pieces.expect(*members[number])
    else:
        members = _members(pieces)
    if not members:
        why = f"no heatmap was met in {pieces.spent:,} bytes from all over it"
        place.write({"without": why})
        pieces.drop()
        raise NoHeatmaps(why)
    fetched, requests = pieces.fetched + earlier[0], pieces.requests + earlier[1]
    needed = pieces.fetched + sum(size for _, size in members.values())
    if needed > USUAL_SHARE * pieces.size:
        check_room(needed, place.folders)
    heatmaps = {}
    try:
        shutil.rmtree(place.aside, ignore_errors=True)
        make_folder(place.aside / "heatmap")
        for number, (offset, size) in sorted(members.items()):
            chunks = _file_chunks(whole[number]) if number in whole else _piece_chunks(pieces, offset, size)
            heatmaps[number] = Piece(offset, size, _write(place.aside / _name(number), chunks))
        fsync_folder(place.aside / "heatmap")
        landed = LandedHeatmaps(place.root, heatmaps, pieces.size, fetched, requests)
        _put_in_place(place, landed, pieces.validators)
    except OSError as error:
        raise SourceError(
            f"{client.source}: heatmaps cannot be written: {error.strerror or error}; free some space on the disk of "
            f"{place.root}"
        ) from None
    pieces.drop()
    return landed


def _members(pieces: Pieces) -> dict[int, tuple[int, int]]:
    """Place and size of each heatmap of the tar, which have been fetched then."""
    try:
        searched = search(pieces, b"heatmap", half_hour, HALVES)
    except NoTar:
        raise WholePartsNeeded("it does not begin as a tar does") from None
    except TooDear:
        raise WholePartsNeeded(f"its heatmaps take up over {MOST_SHARE:.0%} of it") from None
    number = len(searched.members)
    if number < HALVES and searched.runs > 1:  # where some lie apart, more may
        raise WholePartsNeeded(f"they do not lie together: {number} of {HALVES} in {searched.runs} places of it")
    if not number and not searched.is_thorough:
        raise WholePartsNeeded(f"none was met in {pieces.spent:,} bytes from all over it, and more may not be spent")
    return {number: (member.offset, member.size) for number, member in searched.members.items()}


def _put_in_place(place: _Place, landed: LandedHeatmaps, validators: list[str]) -> None:
    """The record first: a process that dies before the folder is there finds the pieces, and by it their places."""
    heatmaps = {f"{number:02d}": asdict(heatmap) for number, heatmap in landed.heatmaps.items()}
    cost = {"fetched": landed.fetched, "requests": landed.requests}
    place.write({"copy_size": landed.copy_size, "validators": validators, **cost, "heatmaps": heatmaps})
    shutil.rmtree(place.root, ignore_errors=True)
    place.aside.rename(place.root)
    fsync_folder(place.root.parent)


def _write(file: Path, chunks: Iterable[bytes]) -> str:
    """Write a file through to the disk. Returns the SHA-256 of its bytes."""
    digest = hashlib.sha256()
    with file.open("wb") as handle:
        for chunk in chunks:
            handle.write(chunk)
            digest.update(chunk)
        handle.flush()
        os.fsync(handle.fileno())
    return digest.hexdigest()


def _piece_chunks(pieces: Pieces, offset: int, size: int) -> Iterator[bytes]:
    for start in range(offset, offset + size, CHUNK):
        yield pieces.read(start, min(CHUNK, offset + size - start))


def _file_chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as handle:
        while chunk := handle.read(CHUNK):
            yield chunk
