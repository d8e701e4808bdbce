"""The working copy: the warehouse's folder, brought up to what the storage holds, and what is new in it brought there.

Data files, segments and releases keep their paths and are never changed once they are there; small files that change
lie under their hashes. What the copy holds beyond the storage goes there with the next run, as long as nobody else has
moved the pointer meanwhile; else it is put aside and told.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any

from basewatch import progress
from basewatch.durable import make_folder, sha256
from basewatch.errors import BasewatchError, ConfigError, StoreFault, WarehouseBusy
from basewatch.lake import notes, segments
from basewatch.lake.store import Lake
from basewatch.remote import state as states
from basewatch.remote.bucket import Bucket, Listed
from basewatch.remote.pointer import Claimed, Pointer
from basewatch.remote.state import State, blob
from basewatch.warehouse.build import remove_tree
from basewatch.warehouse.published import DATABASE, MANIFEST, utc_now
from basewatch.warehouse.releases import Warehouse

NOTE = ".storage.json"  # what of the storage the copy was last brought up to
LEDGER = "lake/source_days"
HEAD = "lake/head.json"
CHANGING = (  # small files that change, and with which another machine goes on
    *(HEAD, "lake/windows/[!.]*.json", "lake/files/[!.]*.json", "history/[!.]*.json"),
    *("history/release_changes/[!.]*.parquet", "learnt/[!.]*.[cjp]*", "alerts/outbox.json"),
    *("runs/[!.]*.json", "runs/latest", "runs.jsonl", "runs.1.jsonl"),
)
AT_ONCE = 8  # objects on their way
KEPT = ("lake", "blobs", "states", "releases", "clock")  # what lies below the prefix beside the lease and the pointer


class Copy:
    """The warehouse's folder as a working copy of what the pointer names; the caller holds both locks."""

    def __init__(self, warehouse: Warehouse, claimed: Claimed, grace_hours: float) -> None:
        self.warehouse, self.claimed = warehouse, claimed
        self.grace = timedelta(hours=grace_hours)
        self.bucket: Bucket = claimed.bucket
        self._root = warehouse.root
        self._state = states.read(self.bucket, claimed.told.state)

    # ---- from the storage

    def pull(self) -> None:
        """Bring the folder up to the storage. Raises StoreFault where it cannot be, or is another one's copy."""
        told, note = self.claimed.told, notes.read(self._root / NOTE)
        if not note and self._is_used() and told.state is not None:
            raise ConfigError(
                f"{self._root} holds a warehouse of its own, and {self.bucket.address} holds another: set "
                "warehouse.root to an empty folder, or warehouse.storage to an empty prefix"
            )
        if note and note["address"] != self.bucket.address:
            if told.state is not None:
                raise ConfigError(
                    f"{self._root} is a working copy of {note['address']}: set warehouse.root to another folder"
                )
            note = {}  # an empty prefix gets a copy of its own
        known = [note.get("state"), note.get("moving")] if note else [None]
        if told.generation < note.get("generation", 0):
            raise StoreFault(
                f"{self.bucket.address} is older than this working copy has seen it (generation {told.generation} "
                f"after {note['generation']}): it was put there from a backup, or is another one. To go on from it, "
                f"set warehouse.root to an empty folder; to go on from here, set warehouse.storage to an empty prefix"
            )
        if told.state not in known:
            with self._no_poller():
                self._bring_up(note)
        self._note(told)

    def _is_used(self) -> bool:
        return (self._root / "lake").exists() or self.warehouse.releases_folder.exists()

    @contextlib.contextmanager
    def _no_poller(self) -> Iterator[None]:
        try:
            with self.warehouse.watching(0):
                yield
        except WarehouseBusy:
            raise WarehouseBusy(
                f"another machine has published to {self.bucket.address}, and `basewatch watch` polls into "
                f"{self._root}: stop it, so that the folder can be brought up to date; poll and run on one machine"
            ) from None

    def _bring_up(self, note: dict[str, Any]) -> None:
        if not note:  # so that a copy which is half brought up is not taken for a warehouse of its own
            make_folder(self._root)
            empty: dict[str, Any] = {"generation": 0, "state": None, "moving": None, "segments": [], "releases": []}
            notes.write(self._root / NOTE, {"address": self.bucket.address, **empty})
        progress.say(f"bringing {self._root} up to {self.bucket.address}, generation {self.claimed.told.generation}")
        state, root = self._state, self._root
        self._put_aside(note)
        for path in (HEAD, *state.files):  # without a head a copy that is half brought up is known as damaged
            if path == HEAD or not _is(root / path, state.files[path]):
                _require_within(path)
                (root / path).unlink(missing_ok=True)
        fetched = [(blob(digest), root / path, digest) for path, digest in state.files.items() if path != HEAD]
        fetched += [(f"{LEDGER}/{name}", root / LEDGER / name, _digest_of(name)) for name in state.segments]
        self._fetch(fetched)
        if HEAD in state.files:
            self._fetch([(blob(state.files[HEAD]), root / HEAD, state.files[HEAD])])
        self._fetch_data()
        for release_id, digest in state.releases.items():
            self._fetch_release(release_id, digest)
        self.warehouse = Warehouse(root)  # the one before may remember a ledger that was put aside
        self.warehouse.lake.sweep()
        if state.release:
            self.warehouse.switch(state.release)
        else:
            self.warehouse.current_link.unlink(missing_ok=True)

    def _fetch(self, wanted: Iterable[tuple[str, Path, str]]) -> None:
        missing = [(key, file, digest) for key, file, digest in wanted if not file.exists()]
        _all_of(lambda one: self.bucket.download(*one), missing)

    def _fetch_data(self) -> None:
        """The lake's data files: those that count must be there; of restated days those that are not yet expired."""
        lake = Lake(self._root)
        counted = {part for row in lake.ledger() for part in row.parts}
        missing = [part for part in lake.parts_ever_named().to_pylist() if not (lake.folder / part).exists()]
        there = self.bucket.listing("lake") if missing else {}
        wanted = [part for part in missing if f"lake/{part}" in there or part in counted]
        for part in wanted:
            _require_within(part)
        self._fetch((f"lake/{part}", self._root / "lake" / part, Path(part).stem) for part in wanted)

    def _fetch_release(self, release_id: str, digest: str) -> None:
        _require_within(release_id)
        folder = self.warehouse.releases_folder / release_id
        if _is(folder / MANIFEST, digest):
            return
        making = self.warehouse.releases_folder / f".making-{release_id}"
        for old in (making, folder):
            remove_tree(old)
        self._fetch([(f"releases/{release_id}/{MANIFEST}", making / MANIFEST, digest)])
        files = json.loads((making / MANIFEST).read_bytes())["files"]
        for entry in files:
            _require_within(entry["path"])
        self._fetch((f"releases/{release_id}/{e['path']}", making / e["path"], e["sha256"]) for e in files)
        making.rename(folder)

    def _put_aside(self, note: dict[str, Any]) -> None:
        """Put aside what this copy holds and the storage never did; what the storage let go of is removed."""
        state, root = self._state, self._root
        aside = self.warehouse.quarantine / f"{utc_now():%Y%m%dT%H%M%SZ}-never-stored"
        held = {*note.get("segments", []), *note.get("releases", []), *state.segments, *state.releases}
        moved = []
        ledger = [file for file in (root / LEDGER).glob("[!.]*.parquet") if file.name not in state.segments]
        for entry in [*ledger, *self.warehouse.releases_folder.glob("[!.]*")]:
            if entry.name in state.releases and _is(entry / MANIFEST, state.releases[entry.name]):
                continue
            if entry.name in held and entry.name not in state.releases:
                remove_tree(entry)
                continue
            target = aside / entry.relative_to(root)
            make_folder(target.parent)
            entry.rename(target)
            moved.append(entry.name)
        if moved:
            progress.say(
                f"put aside what was never stored, since another machine went on without it: {', '.join(moved)} "
                f"({aside}); days that it held are looked at again"
            )
        named = set(state.files)
        for pattern in CHANGING:
            for file in root.glob(pattern):
                if file.relative_to(root).as_posix() not in named and not pattern.startswith("runs"):
                    file.unlink()

    def _note(self, told: Pointer, moving: str | None = None) -> None:
        state = self._state
        values = {"address": self.bucket.address, "generation": told.generation, "state": told.state, "moving": moving}
        notes.write(self._root / NOTE, {**values, "segments": state.segments, "releases": list(state.releases)})

    # ---- to the storage

    def push(self) -> None:
        """Bring what is new there, and move the pointer to it as the last step.

        Raises WarehouseBusy where another run has taken the lease over, StoreFault where the folder is damaged or the
        storage cannot be written; then the pointer stands where it stood.
        """
        now = utc_now()
        state, bodies, parts, expired = self._present()
        if self._state.says_the_same(state):
            return
        self.claimed.lease.require()
        there = self.bucket.listing()
        self._upload(there, [(f"lake/{part}", self._root / "lake" / part, Path(part).stem) for part in parts])
        for key, data in bodies.items():
            if key not in there and self.bucket.create(key, data) is None:
                self._require_same(key, data)
        for release_id in state.releases:
            self._upload_release(there, release_id)
        gone, due = self._gone(there, self._wanted(state, bodies, parts), expired, now)
        state = replace(
            state,
            generation=self._state.generation + 1,
            holder=self.claimed.lease.holder,
            previous=self.claimed.told.state,
            gone=gone,
        )
        if self.bucket.create(state.key, state.data) is None:
            self._require_same(state.key, state.data)
        self._note(self.claimed.told, moving=state.key)
        database = f"releases/{state.release}/{DATABASE}" if state.release else None
        self.claimed.move(replace(self.claimed.told, generation=state.generation, state=state.key,
                                  release=state.release, database=database))  # fmt: skip
        self._state = state
        self._note(self.claimed.told)
        progress.say(
            f"stored in {self.bucket.address}: generation {state.generation}, release {state.release or 'none'}"
        )
        if due and not self.claimed.lease.is_lost:
            self._remove(due, there)

    def _present(self) -> tuple[State, dict[str, bytes], list[str], set[str]]:
        """What the folder holds: the state, the bytes of segments and small files by key, data files, expired ones."""
        lake, root = self.warehouse.lake, self._root
        with lake.still():
            faults = lake.ledger_damages()
            if faults:
                raise faults[0]
            listed = segments.living(segments.listed(lake.ledger_folder)) if lake.ledger_folder.exists() else []
            bodies = {f"{LEDGER}/{one.name}": (lake.ledger_folder / one.name).read_bytes() for one in listed}
            files = {}
            for pattern in CHANGING:
                for file in sorted(root.glob(pattern)):
                    data = file.read_bytes()
                    files[file.relative_to(root).as_posix()] = digest = hashlib.sha256(data).hexdigest()
                    bodies[blob(digest)] = data
            counted = {part for row in lake.ledger() for part in row.parts}
            ever = lake.parts_ever_named().to_pylist() if listed else []
        parts = [part for part in ever if (lake.folder / part).exists()]
        lacking = counted - set(parts)
        if lacking:
            raise StoreFault(f"{lake.folder / min(lacking)} is missing; nothing was stored")
        releases = self.warehouse.releases()
        current = self.warehouse.current()
        state = State(
            release=current.release_id if current else None,
            segments=[one.name for one in listed],
            files=files,
            releases={release.release_id: sha256(release.folder / MANIFEST) for release in releases},
        )
        return state, bodies, parts, {f"lake/{part}" for part in set(ever) - set(parts) - counted}

    def _upload(self, there: dict[str, Listed], files: Iterable[tuple[str, Path, str]]) -> None:
        """Upload files that are not there yet, each held against the hash (hex) that it should begin with."""

        def one(entry: tuple[str, Path, str]) -> None:
            key, file, digest = entry
            if not sha256(file).startswith(digest):
                raise StoreFault(f"{file} is damaged: its bytes are not those that its hash tells; nothing was stored")
            self.claimed.lease.require()
            self.bucket.upload(key, file)

        _all_of(one, [each for each in files if each[0] not in there or there[each[0]].size != each[1].stat().st_size])

    def _upload_release(self, there: dict[str, Listed], release_id: str) -> None:
        """Its manifest first, on the condition that no other run has used the name; then its files."""
        folder = self.warehouse.releases_folder / release_id
        key = f"releases/{release_id}/{MANIFEST}"
        manifest = (folder / MANIFEST).read_bytes()
        if self._state.releases.get(release_id) != hashlib.sha256(manifest).hexdigest():
            if self.bucket.create(key, manifest) is None:
                self._require_same(key, manifest)
        elif key not in there:
            self.bucket.create(key, manifest)
        entries = json.loads(manifest)["files"]
        self._upload(there, [(f"releases/{release_id}/{e['path']}", folder / e["path"], e["sha256"]) for e in entries])

    def _require_same(self, key: str, data: bytes) -> None:
        found = self.bucket.read(key)
        if found is None or found.data != data:
            raise StoreFault(f"{self.bucket.address}/{key} holds another thing than it should; nothing was stored")

    # ---- what nothing names any more

    def _wanted(self, state: State, bodies: Iterable[str], parts: Iterable[str]) -> set[str]:
        """What the state names: keys, and of releases their folders."""
        return {*bodies, *(f"lake/{part}" for part in parts), *(f"releases/{name}" for name in state.releases)}

    def _gone(
        self, there: Iterable[str], wanted: set[str], expired: set[str], now: datetime
    ) -> tuple[dict[str, str], set[str]]:
        """When each thing that nothing names was first seen to be so, and those that are to be deleted now.

        What a source's terms no longer allow to keep is deleted at once, all else after the time of grace.
        """
        units = {_unit(key) for key in there if _unit(key).partition("/")[0] in KEPT}
        seen = {unit: self._state.gone.get(unit, now.isoformat()) for unit in units - wanted}
        due = {
            unit for unit, at in seen.items() if unit in expired or now - datetime.fromisoformat(at) > self.grace
        }  # it was put down as gone in a state that was published, so that whoever came meanwhile knows of it
        due = {unit for unit in due if unit in expired or unit in self._state.gone}
        return {unit: at for unit, at in sorted(seen.items()) if unit not in due}, due

    def _remove(self, due: set[str], there: Iterable[str]) -> None:
        try:
            self.bucket.delete(key for key in there if _unit(key) in due)
        except BasewatchError as fault:  # the next run finds them again
            progress.say(f"what nothing names could not be deleted: {fault}")


def _unit(key: str) -> str:
    """What is kept or let go as one: a release's folder, or an object."""
    parts = PurePosixPath(key).parts
    return "/".join(parts[:2]) if parts[0] == "releases" else key


def _digest_of(name: str) -> str:
    segment = segments.of_name(name)
    if segment is None:
        raise StoreFault(f"{name!r} is no ledger segment by its name, and the storage's state names it")
    return segment.digest


def _require_within(path: str) -> None:
    """Raise StoreFault for a path that leads out of the warehouse: what a bucket says is text from outside."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or "\\" in path or ".." in parts:
        raise StoreFault(f"the storage names {path!r}, which leads out of the warehouse")


def _is(file: Path, digest: str) -> bool:
    return file.is_file() and sha256(file) == digest


def _all_of(work: Callable[[Any], None], things: Iterable[Any]) -> None:
    """Do the work for each, some at a time; the first fault is raised when those under way have ended."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done in [pool.submit(work, thing) for thing in things]:
            done.result()
