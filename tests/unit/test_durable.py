"""What a run names in the warehouse is on the disk before: the same rules as benchmarks/fsyncs.py, in each test run."""

from __future__ import annotations

import errno
import os
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

import tracekit
from basewatch import durable
from wholeruns import Watch, stays


class Disk:
    """Which files and folders of a tree were synced, which renamed, and what breaks the rules."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.synced: set[str] = set()
        self.waiting: dict[str, str] = {}  # folders to be synced, and the name that waits for it
        self.faults: list[str] = []
        self.renames = 0
        for name in ("rename", "replace", "mkdir"):
            patch.setattr(os, name, self._watched(getattr(os, name), name))
        patch.setattr(os, "fsync", self._fsync)

    def _fsync(self, descriptor: int) -> None:
        path = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        self.synced.add(path)
        self.waiting.pop(path, None)

    def _watched(self, call: Any, name: str) -> Any:
        def watched(first: Any, *rest: Any, **options: Any) -> None:
            call(first, *rest, **options)
            target = str(rest[0] if name != "mkdir" else first)
            if not target.startswith(str(self.root)):
                return
            self.waiting[str(Path(target).parent)] = target
            if name != "mkdir":
                self.renames += 1
                self._judge(str(first), target)

        return watched

    def _judge(self, before: str, after: str) -> None:
        if Path(after).is_symlink() or Path(after).name.startswith("."):  # a hidden name promises nothing
            return
        inside = [after, *map(str, Path(after).rglob("*"))] if Path(after).is_dir() else [after]
        earlier = {path: before + path.removeprefix(after) for path in inside if not Path(path).is_symlink()}
        self.faults += [f"{was} -> {path}" for path, was in earlier.items() if was not in self.synced]
        self.synced |= {path for path, was in earlier.items() if was in self.synced}


def test_a_night_syncs_what_it_names(own_watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    latitude, longitude = tracekit.HMEIMIM
    track = [tracekit.point(36_000 + 60 * n, latitude + (10 - n) / 60, longitude, 1000 * (10 - n)) for n in range(10)]
    day = date(2025, 2, 20)
    start = tracekit.MIDNIGHT + timedelta(days=(day - tracekit.DAY).days).total_seconds()
    body = tracekit.text("15501a", track, stamp=start, r="RF-78658", t="IL76")
    tracekit.write_tar(own_watch.folder / "archive", [("./traces/1a/trace_full_15501a.json", body)], day)
    own_watch.configure('[sources.readsb_archive]\nenabled = true\nlocation = "archive"\nprocesses = 1\n')
    own_watch.write_flights(stays(date(2025, 2, 3), date(2025, 2, 9), first=500), "more.csv")
    disk = Disk(own_watch.root, monkeypatch)
    assert own_watch.plain("2025-02-28") is not None
    assert disk.faults == [] and disk.renames > 20
    left = {folder: name for folder, name in disk.waiting.items() if Path(folder).exists() and os.path.lexists(name)}
    assert left == {}


def test_a_file_from_another_disk_is_copied_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    aside, target = tmp_path / "aside", tmp_path / "there" / "file"
    aside.write_bytes(b"rows")
    known = Path.replace

    def replace(self: Path, other: Path) -> Path:
        if self == aside:
            raise OSError(errno.EXDEV, "another disk")
        assert self.parent == target.parent and self.read_bytes() == b"rows"
        return known(self, other)

    monkeypatch.setattr(Path, "replace", replace)
    durable.put_in_place(aside, target)
    assert target.read_bytes() == b"rows" and not aside.exists()
    assert [file.name for file in target.parent.iterdir()] == ["file"]
