"""The warehouse on disk: candidate, gates, immutable releases, one atomic pointer, rollback and retention.

A candidate is built beside the releases. When the gates pass, one rename makes it a release folder, and another
switches `current` to it. That switch is the only commit. So a reader holds one whole release or another, and a run that
dies anywhere leaves the published one as it was.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import BaseFileLock, FileLock, Timeout

from basewatch import progress
from basewatch.database import connect
from basewatch.durable import fsync_file, fsync_folder, make_folder, sha256, write_aside
from basewatch.errors import ADVICE, ConfigError, Damaged, StoreFault, WarehouseBusy
from basewatch.lake import notes
from basewatch.lake.files import encode_parquet
from basewatch.lake.store import Lake
from basewatch.lake.verified import Verified
from basewatch.reference.load import Params, Reference
from basewatch.warehouse import learnt, models
from basewatch.warehouse.build import (
    AFTER_GATES,
    HISTORY,
    Candidate,
    Inputs,
    build_candidate,
    gather_inputs,
    open_work,
    quoted,
    read_candidate,
    remove_tree,
    removed_on_failure,
    store,
)
from basewatch.warehouse.corrected import corrected
from basewatch.warehouse.described import parquet_metadata
from basewatch.warehouse.published import DATABASE, LATEST_RUN, MANIFEST, SUMMARY, Published, Release, read_manifest
from basewatch.warehouse.summary import News, summarise
from basewatch.warehouse.work import WORK

SWEEP_SECONDS = 3.0  # looking through a lake of years takes a second or two
FAULTS_NAMED = 5  # of damaged files in an error
CHANGES = "release_changes"  # the published table, and where its rows outlive their release


ASIDE = "." + "*." + 32 * "[0-9a-f]"  # how `durable.py` calls what is not yet whole
LEFTOVERS = (
    *("releases/.making-*", f".{WORK}.*", ".current-*", "candidate/tmp"),
    *(f"{folder}{ASIDE}" for folder in ("", "runs/", "alerts/", "candidate/", "history/", "history/*/")),
    *(f"{learnt.FOLDER}/{name}" for name in (ASIDE, learnt.WORK, f"{learnt.WORK}.*", "spill")),
)
LEFTOVERS_OF_SOURCES = (
    *(f"lake/{ASIDE}", f"lake/files/{ASIDE}", f"lake/windows/{ASIDE}", f"lake/source_days/{ASIDE}"),
    *("landing/*/.decoding-*", f"landing/*/{ASIDE}", f"landing/*/*/{ASIDE}"),
)


@dataclass(frozen=True)
class Judged:
    """What the gates say of a candidate: rows of `quality_results` and of `release_changes`.

    accepted: why changes without a cause are meant, a sentence for each. late: a sentence for each source that is
    behind. settings: by source, a hash of what is set for it.
    """

    quality: pa.Table
    changes: pa.Table
    news: News = field(default_factory=News)
    accepted: Sequence[str] = ()
    late: Sequence[str] = ()
    settings: Mapping[str, str] = field(default_factory=dict)


class Warehouse(Published):
    """All folders below one root (contract, section 4): what is published, and all that leads to it."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.lake = Lake(root)
        self.verified = Verified(root)
        self.candidate_folder = root / "candidate"
        self.history_folder = root / "history"
        self.history_note = self.history_folder / f"{CHANGES}.json"

    @contextlib.contextmanager
    def lock(self, *, clear: bool = True) -> Iterator[None]:
        """Hold the warehouse for one run; a second run is told at once (WarehouseBusy). Freed when the process dies.

        The thread that holds it may take it again: what a run does inside holds on to the same lock. clear: whether
        what a run that died left is cleared away first.
        """
        lock = FileLock(self._made() / ".lock", is_singleton=True)
        self._acquire(lock, f"another run holds the warehouse at {self.root}; wait for it or look at its log")
        try:
            if lock.lock_counter == 1 and clear:
                self._clear_leftovers()
            yield
        finally:
            lock.release()

    @contextlib.contextmanager
    def watching(self, patience: float = SWEEP_SECONDS) -> Iterator[None]:
        """Hold the right to poll into the lake, beside nightly runs; a second poller is told so (WarehouseBusy).

        `patience`: seconds to wait for it, since a nightly run holds it too while it sweeps the lake.
        """
        lock = FileLock(self._made() / ".watch.lock")
        self._acquire(lock, f"another `basewatch watch` polls into {self.root}; one is enough", patience)
        try:
            yield
        finally:
            lock.release()

    def _made(self) -> Path:
        try:
            make_folder(self.root)
        except OSError as error:
            raise ConfigError(f"warehouse.root {self.root} cannot be made: {error.strerror}") from None
        return self.root

    def _acquire(self, lock: BaseFileLock, refusal: str, patience: float = 0) -> None:
        try:
            lock.acquire(timeout=patience)
        except Timeout:
            raise WarehouseBusy(refusal) from None
        except OSError as error:
            raise ConfigError(f"warehouse.root {self.root} cannot be written: {error.strerror}") from None

    def _clear_leftovers(self) -> None:
        """What a run that died left half-made: never referred to, so nothing is lost; and what it left half-done.

        Each kind is a name that basewatch alone gives, in a folder of its own.
        """
        found = [entry for pattern in LEFTOVERS for entry in self.root.glob(pattern)]
        if self.candidate_folder.exists() and not (self.candidate_folder / "candidate.json").exists():
            found.append(self.candidate_folder)
        swept = 0
        if self.lake.folder.exists():
            # a poller names its files when it flushes; of a damaged lake nobody can tell what is left over
            with contextlib.suppress(WarehouseBusy, StoreFault), self.watching(0):
                found += [entry for pattern in LEFTOVERS_OF_SOURCES for entry in self.root.glob(pattern)]
                swept = self.lake.sweep()
        for entry in found:
            remove_tree(entry)
        if found or swept:
            named = [str(entry.relative_to(self.root)) for entry in found[:FAULTS_NAMED]]
            named += [f"{len(found) - FAULTS_NAMED} more"] if len(found) > FAULTS_NAMED else []
            named += [f"{swept} files of the lake that nothing names"] if swept else []
            progress.say(f"removed what a run that died had left: {', '.join(named)}")
        self._finish_publish()

    def _finish_publish(self) -> None:
        """A release that was whole and past its gates when the run died, but not yet switched to, is switched to."""
        if not self.pending_file.exists():
            return
        name = self.pending_file.read_text(encoding="utf-8")
        if name in {release.release_id for release in self.releases()}:
            self.switch(name)
            remove_tree(self.candidate_folder)
            self._keep_history()
        self.pending_file.unlink()

    # ---- whether all is as it was written

    def unsound(self, release: Release, *, anew: bool = False) -> dict[Path, str]:
        """The files of a release that are not as its manifest lists them, and what is the matter with each.

        anew: every file is read, also those that are known to be sound.
        """
        listed = {release.folder / entry["path"]: entry["sha256"] for entry in release.manifest["files"]}
        found = self.verified.damaged(listed, anew=anew)
        others = {file for file in release.folder.rglob("*") if not file.is_dir() or file.is_symlink()}
        for file in others - set(listed) - {release.folder / MANIFEST}:
            found[file] = "is not in the release's manifest"
        return found

    def require_sound(self) -> None:
        """Raise StoreFault where the current release, the ledger, a file that it names or the history is damaged.

        Costs a look at each file's size, time and inode; a file is read where these are not known.
        """
        now = self.current()
        if now is not None:
            found = self.unsound(now)
            if found:
                named = "; ".join(f"{file} {what}" for file, what in list(found.items())[:FAULTS_NAMED])
                raise StoreFault(f"the current release {now.release_id} is damaged: {named}. {ADVICE}")
            self.verified.forget_but({str(file.relative_to(self.root)) for file in now.folder.rglob("*")})
        self.lake.sound(self.lake.current_files())
        notes.read(self.history_note)  # before anything is published, and not after it

    def switch(self, release_id: str) -> None:
        """Point `current` at a release by one rename, and see that the root's database link stands."""
        link = self.root / DATABASE
        if not link.is_symlink():  # before the first switch, so that no crash can leave a release without it
            self._point(link, Path("current") / DATABASE)
        self._point(self.current_link, Path("releases") / release_id)

    def _point(self, link: Path, target: Path) -> None:
        aside = self.root / f".current-{uuid.uuid4().hex}"
        aside.symlink_to(target)
        aside.replace(link)
        fsync_folder(self.root)

    def rollback(self, release_id: str | None) -> Release:
        """Point `current` at the release before it, or at the one named. Raises ConfigError where there is none."""
        releases = {release.release_id: release for release in self.releases()}
        if release_id is None:
            now = self.current()
            earlier = [name for name in releases if now is not None and name < now.release_id]
            if not earlier:
                raise ConfigError("there is no release before the current one")
            release_id = earlier[-1]
        if release_id not in releases:
            raise ConfigError(f"no release {release_id!r}; kept: {', '.join(releases) or 'none'}")
        self.switch(release_id)
        return releases[release_id]

    def retain(self, keep: int, keep_bytes: int | None = None) -> list[str]:
        """Remove the oldest releases beyond `keep`, or with which all take up more than `keep_bytes`.

        What is kept of their quality goes with them. Never the current one. Returns the names removed.
        """
        now = self.current()
        releases = self.releases()
        runs = {release.release_id: release.manifest.get("run_id") for release in releases}
        names = list(runs)
        sizes = {release.release_id: release.bytes for release in releases}
        surplus, left = [], sum(sizes.values())
        for place, name in enumerate(names):
            is_beyond = place < len(names) - keep or (keep_bytes is not None and left > keep_bytes)
            if is_beyond and (now is None or name != now.release_id):
                surplus.append(name)
                left -= sizes[name]
        for name in surplus:
            run_id = runs[name]
            if run_id:
                remove_tree(self.quality / run_id)
            aside = self.releases_folder / f".making-gone-{name}"
            (self.releases_folder / name).rename(aside)
            remove_tree(aside)
        return surplus

    # ---- build

    def inputs(self, reference: Reference, params: Params, as_of: date) -> Inputs:
        """What a build now would be made from."""
        return gather_inputs(self.lake, reference, params, as_of)

    def build(
        self,
        reference: Reference,
        params: Params,
        as_of: date,
        run_id: str,
        progress: Callable[[str, float, int], None] | None = None,
    ) -> Candidate:
        """Build every model from the lake into a fresh candidate; the one before it is thrown away.

        Raises StoreFault where what it would be built from is damaged.
        """
        self.require_sound()
        now = self.current()
        published = now.database if now else None
        hidden = learnt.hidden_stays(self.root)
        return build_candidate(
            self.candidate_folder, self.lake, published, reference, params, as_of, run_id, hidden, progress
        )

    def has_candidate(self) -> bool:
        """Whether a build left a candidate."""
        return (self.candidate_folder / "candidate.json").exists()

    def candidate(self) -> Candidate:
        """The candidate that `build` left. Raises ConfigError where there is none, StoreFault where it is damaged."""
        fault = self.candidate_fault()
        if fault:
            raise fault
        return read_candidate(self.candidate_folder)

    def candidate_fault(self) -> Damaged | None:
        """What is wrong with a candidate that waits to be published; None where nothing is, or none waits."""
        if not self.has_candidate():
            return None
        try:
            digest = notes.read(self.candidate_folder / "candidate.json").get(DATABASE)
        except Damaged as fault:
            return fault
        database = self.candidate_folder / DATABASE
        if not database.exists():
            return Damaged(database, "is missing")
        if digest is not None and sha256(database) != digest:  # one of an earlier version tells none
            return Damaged(database, "is damaged: its bytes are not those that were built")
        return None

    # ---- publish

    def publish(
        self,
        candidate: Candidate,
        judged: Judged,
        now: datetime,
        extras: Callable[[Path, str], None],
        keep: int,
        keep_bytes: int | None = None,
    ) -> Release:
        """Make the candidate the current release.

        extras: writes the report and the gate page into the
        release's folder (given with the release's id) before it is sealed. Readers see the old release until the one
        rename of `current`.
        """
        release_id = self._release_id(candidate, now)
        making = self.releases_folder / f".making-{release_id}"
        remove_tree(making)
        make_folder(making)
        with removed_on_failure(making):
            note = self._make(making, release_id, candidate, judged, now, extras)
        folder = self.releases_folder / release_id
        write_aside(self.pending_file, release_id.encode())
        making.rename(folder)
        fsync_folder(self.releases_folder)
        self.switch(release_id)
        self.pending_file.unlink()
        remove_tree(self.candidate_folder)
        self._keep_history()
        self.retain(keep, keep_bytes)
        return Release(folder, note)

    def _make(
        self,
        making: Path,
        release_id: str,
        candidate: Candidate,
        judged: Judged,
        now: datetime,
        extras: Callable[[Path, str], None],
    ) -> dict[str, Any]:
        """Fill and seal the folder of a release; returns its manifest."""
        shutil.copyfile(candidate.database, making / DATABASE)
        rows = dict(candidate.rows)
        rows["quality_results"] = judged.quality.num_rows
        rows["release_changes"] = judged.changes.num_rows
        rows["releases"] = len(self.releases()) + 1
        before = self.current()
        note: dict[str, Any] = {
            "release_id": release_id,
            "published_at": now.isoformat(),
            "run_id": candidate.run_id,
            "as_of": str(candidate.inputs.as_of),
            "code_version": candidate.inputs.code_version,
            "models_sha256": candidate.inputs.models,
            "parameters_sha256": candidate.inputs.parameters,
            "thresholds_sha256": candidate.inputs.thresholds,
            "reference_sha256": candidate.inputs.reference,
            "learnt_sha256": candidate.inputs.learnt,
            "ledger_rows": candidate.inputs.ledger_rows,
            "compared_with": before.release_id if before else None,
            "history_is_hashed": True,
            "accepted_because": list(judged.accepted),
            "settings_sha256": dict(judged.settings),
            "lake_sha256": candidate.inputs.lake,
            "fingerprint": candidate.inputs.fingerprint,
            "rows": rows,
        }
        self._add_run_tables(making, judged, note)
        changes = judged.changes.to_pylist()
        told = summarise(judged.news, note, changes, judged.quality.to_pylist(), judged.late)
        told["corrected"] = corrected(judged.news, before, changes, making / DATABASE)
        write_aside(making / SUMMARY, json.dumps(told, indent=1, default=str, ensure_ascii=False).encode())
        export_parquet(making)
        extras(making, release_id)
        note["files"] = list_files(making)
        write_manifest(making, note)
        seal(making)
        return note

    def _release_id(self, candidate: Candidate, now: datetime) -> str:
        """A name that sorts behind all others: where the clock went back, a second after the newest."""
        taken = {release.release_id for release in self.releases()}
        newest = max((_named_at(name) or now for name in taken), default=now)
        at = newest + timedelta(seconds=1) if newest > now else now
        stem = f"{at:%Y%m%dT%H%M%SZ}-{candidate.inputs.fingerprint[:8]}"
        number = 2
        name = stem
        while name in taken:
            name, number = f"{stem}-{number}", number + 1
        return name

    def _add_run_tables(self, making: Path, judged: Judged, note: dict[str, Any]) -> None:
        history = [release.manifest for release in self.releases()] + [note]
        rows = [
            {
                "release_id": entry["release_id"],
                "published_at": datetime.fromisoformat(entry["published_at"]),
                "run_id": entry["run_id"],
                "rows": list(entry["rows"].items()),
                "code_version": entry["code_version"],
                "models_sha256": entry["models_sha256"],
                "parameters_sha256": entry["parameters_sha256"],
                "learnt_sha256": entry.get("learnt_sha256"),
                "as_of": date.fromisoformat(entry["as_of"]),
                "accepted_because": "; ".join(entry.get("accepted_because", [])) or None,
            }
            for entry in history
        ]
        with open_work(making) as connection:
            connection.execute("CREATE SCHEMA raw")
            store(connection, "raw.quality_results", judged.quality.cast(HISTORY["quality_results"]))
            store(connection, "raw.release_changes", judged.changes)
            store(connection, "raw.releases", pa.Table.from_pylist(rows, schema=HISTORY["releases"]))
            connection.execute(f"ATTACH '{quoted(making / DATABASE)}' AS made")
            models.build(connection, {}, AFTER_GATES, release="made")
            connection.execute("DETACH made")

    def _keep_history(self) -> None:
        """See that what changed with each release stands outside the releases too, where it outlives them.

        A note beside the folder holds the hash of each file; those of an earlier version get theirs here.
        """
        folder, hashes = self.history_folder / CHANGES, notes.read(self.history_note)
        known = {
            **{file.name: sha256(file) for file in folder.glob("[!.]*.parquet") if file.name not in hashes},
            **hashes,
        }
        for release in self.releases():
            file = folder / f"{release.release_id}.parquet"
            published = release.folder / CHANGES / f"{CHANGES}.parquet"
            if file.exists() or not published.exists():  # a release of an earlier version has none
                continue
            rows, note = pq.read_table(published), release.manifest
            told = {
                "release_id": pa.repeat(note["release_id"], rows.num_rows),
                "compared_with": pa.array([note["compared_with"]] * rows.num_rows, pa.string()),
                "published_at": pa.repeat(datetime.fromisoformat(note["published_at"]), rows.num_rows),
            }
            for place, (name, column) in enumerate(told.items()):
                rows = rows.add_column(place, name, column)
            sink = pa.BufferOutputStream()
            encode_parquet(rows, sink)
            write_aside(file, sink.getvalue().to_pybytes())
            known[file.name] = sha256(file)
        if known != hashes:
            notes.write(self.history_note, known)

    def history_faults(self) -> Iterator[Damaged]:
        """What is wrong with what is kept of the changes of releases, also of those that are gone."""
        folder = self.history_folder / CHANGES
        try:
            hashes = notes.read(self.history_note)
        except Damaged as fault:
            yield fault
            return
        files = {file.name for file in folder.glob("*") if not file.name.startswith(".")}
        if files and not self.history_note.exists():
            if any(release.manifest.get("history_is_hashed") for release in self._readable_releases()):
                yield Damaged(self.history_note, "is missing, and there are changes of releases")
            return
        for name in sorted(files | set(hashes)):
            if name not in files:
                yield Damaged(folder / name, "is missing")
            elif name not in hashes:
                yield Damaged(folder / name, "is not in the note of the changes of releases")
            elif sha256(folder / name) != hashes[name]:
                yield Damaged(folder / name, "is damaged: its bytes are not those that were written")

    def mend_history(self, set_aside: Callable[[Path], None]) -> None:
        """Set aside what is damaged of the changes of releases, and write anew what kept releases tell."""
        folder = self.history_folder / CHANGES
        for fault in list(self.history_faults()):
            if fault.place.exists():
                set_aside(fault.place)
        hashes = {file.name: sha256(file) for file in folder.glob("[!.]*.parquet")}
        notes.write(self.history_note, hashes)
        self._keep_history()

    def _readable_releases(self) -> Iterator[Release]:
        """The releases whose manifests are sound."""
        for folder in sorted(self.releases_folder.glob("[!.]*")):
            with contextlib.suppress(Damaged):
                yield Release(folder, read_manifest(folder))

    def refuse(self, candidate: Candidate) -> Path:
        """Move a candidate that a gate refused into quarantine; returns its folder there."""
        folder = self.quarantine / candidate.run_id / "candidate"
        make_folder(folder.parent)
        remove_tree(folder)
        candidate.folder.rename(folder)
        fsync_folder(folder.parent)
        return folder

    # ---- runs

    def note_run(self, run_id: str, values: dict[str, Any]) -> None:
        """Keep what a run did, for `basewatch status`."""
        text = json.dumps(notes.sealed(values), indent=1, default=str)
        write_aside(self.runs_folder / f"{run_id}.json", text.encode())
        write_aside(self.runs_folder / LATEST_RUN, run_id.encode())

    def run_faults(self) -> Iterator[Damaged]:
        """What is wrong with the records of runs; those of an earlier version have no hash, and need only be read."""
        files = sorted(self.runs_folder.glob("[!.]*.json"))
        for file in files:
            try:
                values = json.loads(file.read_bytes())
                is_edited = notes.is_broken(values)
            except (OSError, ValueError, AttributeError) as error:
                yield Damaged(file, f"is damaged: it cannot be read ({error})")
                continue
            if is_edited:
                yield Damaged(file, "is damaged: it was edited")
        latest = self.runs_folder / LATEST_RUN
        name = latest.read_bytes().decode("utf-8", "replace") if latest.exists() else None
        if name is not None and self.runs_folder / f"{name}.json" not in files:
            yield Damaged(latest, "names a run that has no record")


def _named_at(release_id: str) -> datetime | None:
    """The second in a release's name, UTC."""
    try:
        return datetime.strptime(release_id.partition("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def write_manifest(folder: Path, note: dict[str, Any]) -> None:
    """Write a release's manifest, with a hash over what it says."""
    write_aside(folder / MANIFEST, json.dumps(notes.sealed(note), indent=1).encode())


def new_run_id(now: datetime) -> str:
    """A name for a run that sorts by time."""
    return f"{now:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}"


def export_parquet(folder: Path) -> None:
    """Write each published table of the folder's database as `<table>/<table>.parquet`, with what its fields say."""
    with connect(folder / DATABASE, read_only=True) as connection:
        for model in models.marts():
            (folder / model.name).mkdir()
            file = folder / model.name / f"{model.name}.parquet"
            described = ", ".join(f"'{name}': '{quoted(value)}'" for name, value in parquet_metadata(model).items())
            connection.execute(
                f"COPY main.{model.name} TO '{quoted(file)}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 3, "
                f"ROW_GROUP_SIZE 122880, KV_METADATA {{{described}}})"
            )


def list_files(folder: Path) -> list[dict[str, Any]]:
    """Every file below a release's folder with size and hash: the list for readers of Parquet, and what to verify."""
    files = []
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            with file.open("rb") as handle:
                digest = hashlib.file_digest(handle, "sha256").hexdigest()
            files.append({"path": str(file.relative_to(folder)), "bytes": file.stat().st_size, "sha256": digest})
    return files


def seal(folder: Path) -> None:
    """Sync a release to disk and take the right to write from its files."""
    for file in folder.rglob("*"):
        if file.is_file():
            fsync_file(file)
            file.chmod(0o444)
    for entry in [*folder.rglob("*"), folder]:
        if entry.is_dir():
            fsync_folder(entry)
