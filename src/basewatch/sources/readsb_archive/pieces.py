"""A tar that lies on a server, read by HTTP ranges: what has come stays on the disk and is never asked for again.

Each stretch that was fetched is a file of its own, named by its place in the tar, in a folder that outlives a killed
process. Beside them stands which copy of the day they are of. The parts of a split tar are one stream.
"""

from __future__ import annotations

import json
import shutil
from bisect import bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from basewatch.durable import boot_id, make_folder, put_in_place, write_aside
from basewatch.net.client import Client
from basewatch.net.faults import HttpFault

ABOUT = "about.json"
COMING = ".coming"  # a stretch that is not on the disk yet, after its place
LEAST, MOST_AT_LEAST, LEASTS = 512, 16 << 10, 1 << 18  # bytes of the smallest request: this part of the tar


@dataclass(frozen=True)
class Asset:
    """A file of a release; size and digest are None where the list does not state them."""

    name: str
    url: str
    size: int | None = None
    sha256: str | None = None


class Spans:
    """Stretches of a stream, none of which overlaps another."""

    def __init__(self) -> None:
        self._spans: list[tuple[int, int]] = []

    def add(self, start: int, end: int) -> int:
        """Take in a stretch. Returns the bytes of it that were not in yet."""
        gaps = list(self.missing(start, end))
        for gap in gaps:
            insort(self._spans, gap)
        return sum(upto - at for at, upto in gaps)

    def missing(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """What of a stretch is not in, in order."""
        at = max(bisect_right(self._spans, (start, end)) - 1, 0)
        for here, upto in self._spans[at:]:
            if here >= end:
                break
            if here > start:
                yield start, here
            start = max(start, upto)
        if start < end:
            yield start, end


class Pieces:
    """The tar that some assets make, read from a server as far as the folder `home` does not hold it yet.

    `spent` counts the bytes that were wanted since this object was made, each once, whether they were fetched now or by
    an earlier run. All sizes must be known. Reading raises RangesRefused, FileChanged, HttpFault.
    """

    def __init__(self, home: Path, assets: tuple[Asset, ...], client: Client, validators: list[str]) -> None:
        self.home, self.assets, self.client = home, assets, client
        *self._starts, self.size = accumulate((asset.size or 0 for asset in assets), initial=0)
        self.spent = 0
        self._wanted = Spans()
        self._held = Spans()
        self._files: list[tuple[int, int]] = []  # place and length of each
        self._asked: set[int] = set()  # assets that were asked for since this object was made
        self._least = max(min(self.size // LEASTS, MOST_AT_LEAST), LEAST) // LEAST * LEAST
        self._open(validators)
        self._asked_before = len(self._files)

    @property
    def fetched(self) -> int:
        """Bytes fetched, also by earlier runs."""
        return sum(length for _, length in self._files)

    @property
    def requests(self) -> int:
        """Requests sent; of earlier runs those that brought something."""
        return self._asked_before + self.client.requests

    @property
    def validators(self) -> list[str]:
        """What tells each asset from another version of it, as far as it was asked for."""
        return list(self._validators)

    def expect(self, offset: int, length: int) -> None:
        """Fetch what of a stretch is not held."""
        end = min(offset + length, self.size)
        if offset >= end:
            return
        self.spent += self._wanted.add(offset, end)
        for start, upto in list(self._held.missing(offset, end)):
            at = start
            while at < upto:
                part = bisect_right(self._starts, at) - 1
                part_end = self._starts[part + 1] if part + 1 < len(self._starts) else self.size
                # What tells an asset from other versions of it comes with its first bytes, and is kept with these.
                most = upto if self._validators[part] or part in self._asked else at + self._least
                end_of_piece = min(upto, part_end, most)
                self._fetch(part, at, end_of_piece)
                at = end_of_piece

    def read(self, offset: int, length: int) -> bytes:
        """The bytes from an offset on; fewer than asked for where the tar ends before."""
        end = min(offset + length, self.size)
        if offset >= end:
            return b""
        if length < self._least and any(self._wanted.missing(offset, end)):
            self.expect(offset, self._least)
        self.expect(offset, length)
        data = bytearray()
        at = max(bisect_right(self._files, (offset, self.size)) - 1, 0)
        for place, size in self._files[at:]:
            if place >= end:
                break
            start = offset + len(data)
            if place <= start < place + size:
                with self._path(place).open("rb") as file:
                    file.seek(start - place)
                    data += file.read(min(end, place + size) - start)
        return bytes(data)

    def drop(self) -> None:
        """Delete what was fetched."""
        shutil.rmtree(self.home, ignore_errors=True)

    def _fetch(self, part: int, start: int, end: int) -> None:
        asset, first = self.assets[part], self._starts[part]
        assert asset.size is not None
        path, coming = self._path(start), self._path(start).with_suffix(COMING)
        had = self._validators[part]
        self._asked.add(part)
        try:
            try:
                with coming.open("wb") as file:

                    def take(chunk: bytes) -> None:
                        file.write(chunk)
                        file.flush()  # a process that is killed leaves what had come

                    validator = self.client.stretch(
                        asset.url, start - first, end - first, take, size=asset.size, validator=had
                    )
            finally:
                if coming.exists():
                    put_in_place(coming, path)
        except OSError as error:
            raise HttpFault(
                f"{self.client.source}: {asset.name} cannot be written: {error.strerror or error}; free some space on "
                f"the disk of {self.home.parent}, or name another folder",
                kind="disk",
            ) from None
        finally:
            self._take_in(path)
        if validator != had:
            self._validators[part] = validator
            self._write_about()

    def _take_in(self, path: Path) -> None:
        size = path.stat().st_size if path.exists() else 0
        if size:
            place = int(path.name)
            self._held.add(place, place + size)
            insort(self._files, (place, size))
        else:
            path.unlink(missing_ok=True)

    def _open(self, validators: list[str]) -> None:
        """Take over what an earlier run fetched of the same copy; begin anew where it was of another."""
        about = self._read_about()
        identity = identity_of(self.assets)
        if about and about.get("assets") == identity and all(isinstance(each, str) for each in about["validators"]):
            self._validators: list[str] = about["validators"]
            self._settle(about.get("boot"))
            for path in sorted(path for path in self.home.iterdir() if path.name.isdecimal()):
                part = bisect_right(self._starts, int(path.name)) - 1
                if self._validators[part]:
                    self._take_in(path)
                else:  # nothing would show that the file is another one by now
                    path.unlink()
            return
        self.drop()
        make_folder(self.home)
        self._validators = validators if len(validators) == len(self.assets) else [""] * len(self.assets)
        self._write_about()

    def _settle(self, boot: str | None) -> None:
        """What was on its way when a process was killed is as good as the rest, unless the machine died with it."""
        for coming in self.home.glob(f"*{COMING}"):
            if boot is not None and boot == boot_id():
                put_in_place(coming, coming.with_suffix(""))
            else:
                coming.unlink()
        if boot != boot_id():
            self._write_about()

    def _read_about(self) -> dict[str, Any] | None:
        try:
            about = json.loads((self.home / ABOUT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        is_sound = isinstance(about, dict) and isinstance(about.get("validators"), list)
        return about if is_sound and len(about["validators"]) == len(self.assets) else None

    def _write_about(self) -> None:
        values = {"assets": identity_of(self.assets), "validators": self._validators, "boot": boot_id()}
        write_aside(self.home / ABOUT, json.dumps(values).encode())

    def _path(self, place: int) -> Path:
        return self.home / f"{place:015d}"


def identity_of(assets: tuple[Asset, ...]) -> list[list[str | int | None]]:
    """What tells a copy of a day from others: names, sizes and digests of its files."""
    return [[asset.name, asset.size, asset.sha256] for asset in assets]
