"""`basewatch verify`: the whole warehouse held against the hashes, links and counts that it keeps of itself.

Nothing here trusts what an earlier look found: every file is read. What is mended is set aside first, and is never
deleted: the damaged files of one repair lie in `quarantine/<run_id>/damaged/`, under the paths that they had.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from basewatch.database import connect
from basewatch.durable import make_folder, sha256
from basewatch.errors import BasewatchError, ConfigError, Damaged, StoreFault
from basewatch.lake import landings, notes
from basewatch.lake.events import GLOBAL, Day
from basewatch.lake.ledger import LedgerRow, ledger_row
from basewatch.lake.readings import Readings
from basewatch.warehouse import learnt
from basewatch.warehouse.build import remove_tree
from basewatch.warehouse.published import DATABASE, LATEST_RUN, MANIFEST, Release, read_manifest
from basewatch.warehouse.releases import Warehouse

LANDING = "landing"
REGISTERS, LISTS = f"{LANDING}/registers/*.json", f"{LANDING}/*/lists/*.at"
CACHES = (
    "alerts/outbox.json",  # where it is set aside, alerts begin anew with a summary
    "clock.json",
    "verified.json",
    "lake/verified.json",
    f"{LANDING}/*/index.json",
    f"{LANDING}/*/index/*.json",
    REGISTERS,
)
COUNTED = {  # by source: the tables whose rows are its records, where each kept record is a row of one of them
    "flight_files": ("plain_flights", "opensky_flights", "flightradar24_flights"),
    "simulated": ("plain_flights", "opensky_flights", "flightradar24_flights"),
    "opensky": ("opensky_flights",),
    "press_flights": ("press_flights",),
    "articles": ("news_articles",),
    "simulated_articles": ("news_articles",),
}


@dataclass(frozen=True)
class Damage:
    """Something that is not as it was written: which file or thing, and what is the matter with it."""

    kind: str  # ledger, lake, note, landed, cache, release, candidate, pointer, history, learnt, run
    place: Path
    what: str

    @property
    def words(self) -> str:
        """One line."""
        return f"{self.kind}: {self.place} {self.what}"


@dataclass
class Found:
    """All damage, and how much was looked at."""

    damages: list[Damage] = field(default_factory=list)
    files: int = 0
    bytes: int = 0
    listed_by: dict[Path, Path] = field(default_factory=dict)  # of damaged landed files: the manifests that list them

    def add(self, kind: str, place: Path, what: str) -> None:
        """Note one more."""
        self.damages.append(Damage(kind, place, what))


def look(warehouse: Warehouse) -> Found:
    """Everything in the warehouse that is damaged. Raises StoreFault for a lake of a later version alone."""
    found = Found()
    _caches(warehouse, found)  # first: what was verified is noted in one of them
    _ledger(warehouse, found)
    _lake(warehouse, found)
    _notes(warehouse, found)
    _landed(warehouse, found)
    _releases(warehouse, found)
    _history(warehouse, found)
    _learnt(warehouse, found)
    return found


# ---- the lake


def _ledger(warehouse: Warehouse, found: Found) -> None:
    folder = warehouse.lake.ledger_folder
    if not folder.exists() and not (folder.parent / "head.json").exists():
        return
    for fault in warehouse.lake.ledger_damages():
        found.add("ledger", fault.place, fault.what)
    for file in folder.glob("*.parquet"):
        _count(found, file)


def _count(found: Found, file: Path) -> None:
    found.files += 1
    found.bytes += file.stat().st_size


def _rows(warehouse: Warehouse) -> list[LedgerRow]:
    """What the ledger says, as far as it can be read."""
    try:
        return warehouse.lake.ledger()
    except StoreFault:
        return warehouse.lake.readable_rows()


def _lake(warehouse: Warehouse, found: Found) -> None:
    lake = warehouse.lake
    rows = _rows(warehouse)
    current = {lake.folder / part for row in rows for part in row.parts}
    files = {file for file in lake.folder.glob("*/source=*/day=*/*") if not file.name.startswith(".")}
    for file in files:
        _count(found, file)
    damaged = lake.verified.damaged({file: file.stem for file in sorted(current | files)}, anew=True)
    is_ledger_sound = not any(damage.kind == "ledger" for damage in found.damages)
    for file, what in damaged.items():
        is_earlier = is_ledger_sound and file not in current
        found.add("lake", file, f"{what} (of an earlier reading of its day)" if is_earlier else what)
    if is_ledger_sound:  # else nobody can tell what it named
        named = {lake.folder / part for part in lake.parts_ever_named().to_pylist()}
        for file in sorted(files - named - set(damaged)):
            found.add("lake", file, "is named by no row of the ledger: a copy, or of a run that died")
    for row in rows:
        _counted(warehouse, row, damaged, found)


def _counted(warehouse: Warehouse, row: LedgerRow, damaged: Iterable[Path], found: Found) -> None:
    """Whether a day has as many rows as its ledger row says records were kept."""
    parts = [part for part in row.parts if part.split("/")[0] in COUNTED.get(row.source, ())]
    files = [warehouse.lake.folder / part for part in parts]
    if not files or set(files) & set(damaged):
        return
    count = sum(pq.read_metadata(file).num_rows for file in files)
    if count != row.records_kept:
        what = f"has {count} rows where the ledger says {row.records_kept}"
        found.add("lake", files[0].parent, f"{what} of {row.source}, {row.scope}, {row.day}")


def _notes(warehouse: Warehouse, found: Found) -> None:
    lake = warehouse.lake
    looks: list[tuple[Path, Callable[[str], object]]]
    looks = [(file, lake.window_ends) for file in lake.folder.glob("windows/[!.]*.json")]
    looks += [(file, lambda source: Readings(lake, source).latest()) for file in lake.folder.glob("files/[!.]*.json")]
    for file, look in looks:
        _count(found, file)
        try:
            look(file.stem)
        except Damaged as fault:
            found.add("note", fault.place, fault.what)
    for wrong in warehouse.run_faults():
        found.add("run", wrong.place, wrong.what)


def _landed(warehouse: Warehouse, found: Found) -> None:
    """What providers sent, against the manifests that were written as it came."""
    looked_at: list[Path] = []
    for fault, manifest in landings.damages(warehouse.root / LANDING, looked_at):
        found.add("landed", fault.place, fault.what)
        if manifest is not None:
            found.listed_by[fault.place] = manifest
    for file in looked_at:
        if file.exists():
            _count(found, file)


def _caches(warehouse: Warehouse, found: Found) -> None:
    """What saves work and can be made again: each has a hash over what it says, or beside it."""
    for file in (file for pattern in CACHES for file in sorted(warehouse.root.glob(pattern))):
        _count(found, file)
        try:
            notes.read(file)
        except Damaged as fault:
            found.add("cache", fault.place, fault.what)
    beside = [(file, file.with_suffix(".body"), _register_digest) for file in warehouse.root.glob(REGISTERS)]
    beside += [(file, file.with_suffix(""), _list_digest) for file in warehouse.root.glob(LISTS)]
    for note, file, digest_of in sorted(beside):
        digest = digest_of(note)
        if not file.exists():
            found.add("cache", file, "is missing")
        elif digest is not None and sha256(file) != digest:
            found.add("cache", file, "is damaged: its bytes are not those that came")


def _register_digest(note: Path) -> str | None:
    """The hash of a register as it came; None where its note is damaged, which is told by itself."""
    try:
        digest: str | None = notes.read(note).get("sha256")
    except Damaged:
        return None
    return digest


def _list_digest(note: Path) -> str | None:
    """The hash of a provider's list of files as it came; None in a note of before."""
    said = note.read_text(encoding="utf-8", errors="replace").split()
    return said[1] if len(said) > 1 else None


def _history(warehouse: Warehouse, found: Found) -> None:
    for fault in warehouse.history_faults():
        found.add("history", fault.place, fault.what)


# ---- what is published


def _releases(warehouse: Warehouse, found: Found) -> None:
    for folder in sorted(warehouse.releases_folder.glob("[!.]*")):
        if not (folder / MANIFEST).exists():
            found.add("release", folder, "has no manifest: it is not a whole release")
            continue
        try:
            release = Release(folder, read_manifest(folder))
        except Damaged as fault:
            found.add("release", fault.place, fault.what)
            continue
        if release.manifest["release_id"] != folder.name:
            found.add("release", folder, f"was renamed: it is {release.manifest['release_id']}")
        for file, what in warehouse.unsound(release, anew=True).items():
            found.add("release", file, what)
        for entry in release.manifest["files"]:
            found.files, found.bytes = found.files + 1, found.bytes + int(entry["bytes"])
    fault_of_candidate = warehouse.candidate_fault()
    if fault_of_candidate:
        found.add("candidate", fault_of_candidate.place, fault_of_candidate.what)
    fault_of_pointer = warehouse.pointer_fault()
    if fault_of_pointer:
        found.add("pointer", warehouse.current_link, fault_of_pointer)
    link = warehouse.root / DATABASE
    if warehouse.current_link.is_symlink() and not (
        link.is_symlink() and link.readlink() == Path("current") / DATABASE
    ):
        found.add("pointer", link, "is not the link to the current release's database")


def _learnt(warehouse: Warehouse, found: Found) -> None:
    folder = warehouse.root / learnt.FOLDER
    try:
        note = learnt.note(warehouse.root)
        hashes = {} if note is None else {learnt.TERMS: note.sha256, learnt.HIDDEN: note.hidden_sha256}
    except ConfigError:
        found.add("learnt", folder / learnt.NOTE, "is damaged: it cannot be read, or was edited")
        return
    if note is None and any(file.exists() for file in (folder / learnt.TERMS, folder / learnt.HIDDEN)):
        found.add("learnt", folder / learnt.NOTE, "is missing, and there is what was learnt")
    for name, digest in hashes.items():
        file = folder / name
        if digest and not file.exists():
            found.add("learnt", file, "is missing")
        elif digest and sha256(file) != digest:
            found.add("learnt", file, "is damaged: it is not what was learnt")


# ---- mending


def repair(warehouse: Warehouse, found: Found, run_id: str, at: datetime, say: Callable[[str], None]) -> None:
    """Mend what `look` found, as far as it can be, and say of each what was done.

    Damaged files are set aside. A source-day of which a file or the record was lost gets the status `failed`, so that
    it is `missing` in every number until it is read again. A release that is not as it was published is set aside, and
    `current` goes back to the newest sound one; the next run publishes anew from the lake.
    """
    aside = warehouse.quarantine / run_id / "damaged"
    by_kind: dict[str, list[Damage]] = defaultdict(list)
    for damage in found.damages:
        by_kind[damage.kind].append(damage)
    mend = _Mending(warehouse, aside, run_id, at, say)
    for damage in [*by_kind["note"], *by_kind["run"], *by_kind["cache"]]:
        mend.note(damage)
    mend.landed(by_kind["landed"], found.listed_by)
    if by_kind["candidate"]:
        mend.candidate()
    if by_kind["ledger"]:
        mend.ledger()
    if by_kind["lake"] or by_kind["ledger"]:
        mend.lake()
    if by_kind["learnt"]:
        mend.learnt()
    if by_kind["release"] or by_kind["pointer"]:
        mend.releases(by_kind["release"])
    if by_kind["history"]:
        warehouse.mend_history(mend.set_aside)


class _Mending:
    """One repair."""

    def __init__(
        self, warehouse: Warehouse, aside: Path, run_id: str, at: datetime, say: Callable[[str], None]
    ) -> None:
        self.warehouse, self.lake_, self.aside = warehouse, warehouse.lake, aside
        self.run_id, self.at, self.say = run_id, at, say

    def set_aside(self, path: Path) -> None:
        """Move a file or folder out of the way, to where a person can look at it."""
        target = self.aside / path.relative_to(self.warehouse.root)
        make_folder(target.parent)
        remove_tree(target)
        path.rename(target)
        self.say(f"set aside {path} as {target}")

    # ---- the lake

    def ledger(self) -> None:
        """One sound chain of the rows that can be read; days whose record was lost are to be read again."""
        published = self._published_days()
        moved = self.lake_.rebuild_ledger(self.aside / "lake" / "source_days")
        for file in moved:
            self.say(f"set aside ledger segment {file}")
        rows = self.lake_.ledger()
        self.say(f"the ledger is whole again, with {len(rows)} rows")
        known = {row.key: row for row in rows}
        lost = {
            key: why
            for key, ingested_at in published.items()
            if key not in known or known[key].ingested_at < ingested_at
            for why in ["its record in the ledger was lost"]
        }
        self._mark(lost | self._without_record({(source, day) for source, _, day in lost}))

    def _without_record(self, told: set[tuple[str, date]]) -> dict[tuple[str, str, date], str]:
        """Source-days of which there are rows that no record names, beside those of which that is told already."""
        named = set(self.lake_.parts_ever_named().to_pylist())
        found = {}
        for file in self.lake_.folder.glob("*/source=*/day=*/*.parquet"):
            source, on = file.parts[-3].removeprefix("source="), file.parts[-2].removeprefix("day=")
            day = date.fromisoformat(on)
            if str(file.relative_to(self.lake_.folder)) not in named and (source, day) not in told:
                found[source, GLOBAL, day] = "its record in the ledger was lost"
        return found

    def _published_days(self) -> dict[tuple[str, str, date], datetime]:
        """When each source-day was ingested that the current release rests on, where that release is sound."""
        try:
            now = self.warehouse.current()
            if now is None or self.warehouse.unsound(now):
                return {}
            with connect(now.database, read_only=True) as connection:
                rows = connection.execute("SELECT source, scope, day, ingested_at FROM source_days").fetchall()
        except (BasewatchError, duckdb.Error):
            return {}
        return {(source, scope, day): ingested_at for source, scope, day, ingested_at in rows}

    def lake(self) -> None:
        """Give renamed files their names back, set damaged ones aside, and have their days read again."""
        rows = self.lake_.ledger()
        current = {self.lake_.folder / part for row in rows for part in row.parts}
        files = [file for file in self.lake_.folder.glob("*/source=*/day=*/*") if not file.name.startswith(".")]
        damaged = self.lake_.verified.damaged({file: file.stem for file in {*current, *files}}, anew=True)
        missing = {file for file in damaged if not file.exists()}
        for file in files:
            if file in damaged or file not in current:
                self._take_out(file, missing, is_damaged=file in damaged)
        lost = {}
        for row in rows:
            for file in (self.lake_.folder / part for part in row.parts):
                if file in damaged and not file.exists():
                    lost[row.key] = f"its rows in {file.parts[-4]} were damaged"
            wrong = Found()
            _counted(self.warehouse, row, damaged, wrong)
            if wrong.damages:
                lost[row.key] = "it has other rows than were kept of it"
        self._mark(lost)

    def _take_out(self, file: Path, missing: set[Path], *, is_damaged: bool) -> None:
        """Set a file aside that is damaged or that nothing names; one that is missing elsewhere goes there."""
        part = str(file.relative_to(self.lake_.folder))
        if not is_damaged and part in set(self.lake_.parts_ever_named().to_pylist()):
            return  # of an earlier reading, and sound
        digest = sha256(file)
        for wanted in missing:
            if digest.startswith(wanted.stem) and not wanted.exists():
                make_folder(wanted.parent)
                file.rename(wanted)
                self.say(f"{file} was {wanted}, and is so again")
                return
        self.set_aside(file)

    def _mark(self, lost: dict[tuple[str, str, date], str]) -> None:
        """Have source-days read again: the ledger rows of all their scopes say that they failed."""
        if not lost:
            return
        keys = dict(lost)
        reasons = {(source, day): why for (source, _, day), why in lost.items()}
        for row in self.lake_.ledger():  # the rows of one scope may be what another says that it has seen
            why = reasons.get((row.source, row.day))
            if why:
                keys.setdefault(row.key, why)
        rows = []
        for (source, scope, day), why in sorted(keys.items()):
            note = Day(day, "failed", scope, error=f"{why} (found by `basewatch verify`); it is to be read again")
            rows.append(ledger_row(source, note, self.run_id, at=self.at))
        self.lake_.commit(rows)
        for source, count in sorted(Counter(source for source, _, _ in keys).items()):
            self.lake_.forget_windows(source)
            days = [day for of_source, _, day in keys if of_source == source]
            self.say(
                f"{source}: {count} records of days from {min(days)} to {max(days)} are to be read again: `basewatch "
                f"backfill --from {min(days)} --to {max(days)}`, or the next nightly run as far as its horizon reaches"
            )

    # ---- the rest

    def note(self, damage: Damage) -> None:
        """Set a damaged note aside; what it held is made anew from the lake, or by the next reading."""
        place = damage.place
        beside = place.with_suffix(".json") if place.suffix == ".body" else place.with_name(f"{place.name}.at")
        for file in (place, beside):  # without the note of when it came, a cache is fetched anew
            if file.exists():
                self.set_aside(file)
        latest = self.warehouse.runs_folder / LATEST_RUN
        if damage.kind == "run" and latest.exists() and latest.read_bytes() == place.stem.encode():
            self.set_aside(latest)  # it names the record that is gone
        if damage.place.parent.name == "files":
            self.lake_.forget_windows(damage.place.stem)

    def landed(self, damages: list[Damage], listed_by: Mapping[Path, Path]) -> None:
        """Set damaged landed files aside and strike them from their manifests; what was read from them stays.

        A folder whose manifest is damaged or gone goes as a whole: nobody can tell which of its files are as they came.
        """
        struck: dict[Path, list[Path]] = defaultdict(list)
        for damage in damages:
            place, manifest = damage.place, listed_by.get(damage.place)
            if manifest is None and place.name == landings.MANIFEST:
                place = place.parent
            if place.exists():
                self.set_aside(place)
            if manifest is not None:
                struck[manifest].append(damage.place)
        for manifest, files in struck.items():
            if manifest.exists():
                landings.strike(manifest, files, "the landed file was damaged (found by `basewatch verify`)")
                self.say(f"{manifest} lists {len(files)} files fewer; the lake keeps what was read from them")

    def candidate(self) -> None:
        """Set a damaged candidate aside: the next run builds one anew."""
        self.set_aside(self.warehouse.candidate_folder)

    def learnt(self) -> None:
        """Set aside what was learnt: the next run learns the same again."""
        self.set_aside(self.warehouse.root / learnt.FOLDER)

    def releases(self, damages: list[Damage]) -> None:
        """Set damaged releases aside and point `current` at the newest sound one."""
        folder = self.warehouse.releases_folder
        bad = {damage.place.relative_to(folder).parts[0] for damage in damages}
        for name in sorted(bad):
            self.set_aside(folder / name)
        link = self.warehouse.root / DATABASE
        for pointer in (self.warehouse.current_link, link):
            if pointer.exists() and not pointer.is_symlink():
                self.set_aside(pointer)
        sound = [release.release_id for release in self.warehouse.releases()]
        if self.warehouse.pointer_fault() or not sound:
            self.warehouse.current_link.unlink(missing_ok=True)
            if sound:
                self.warehouse.switch(sound[-1])
                self.say(f"current is {sound[-1]} now; the next run publishes anew what is new")
            else:
                link.unlink(missing_ok=True)
                self.say("no sound release is left; the next run publishes one from the lake")
        elif not link.is_symlink() or link.readlink() != Path("current") / DATABASE:
            link.unlink(missing_ok=True)
            now = self.warehouse.current()
            if now:
                self.warehouse.switch(now.release_id)
                self.say(f"{link} is the link to the current release's database again")


def as_json(found: Found) -> list[dict[str, Any]]:
    """The damages as JSON holds them."""
    return [{"kind": one.kind, "place": str(one.place), "what": one.what} for one in found.damages]
