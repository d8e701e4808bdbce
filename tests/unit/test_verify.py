"""Fifty damages done to a warehouse: each is named, none is built from, and what can be mended is mended."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from basewatch import run
from basewatch.config import load as settings_of
from basewatch.errors import StoreFault
from basewatch.lake import chain, notes, segments
from basewatch.lake.events import Day
from basewatch.lake.ledger import ledger_row
from basewatch.lake.store import Lake
from basewatch.warehouse import told_files, verify
from basewatch.warehouse.releases import Warehouse
from wholeruns import Watch

END = date(2025, 2, 28)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SHIPPED = Path(verify.__file__).parents[3] / "sql" / "reference" / "evidence_terms.csv"


@dataclass(frozen=True)
class Place:
    """A warehouse to be damaged, and where things are in it."""

    watch: Watch

    @property
    def root(self) -> Path:
        return self.watch.root

    @property
    def segments(self) -> list[Path]:
        """The ledger's segments, in the order of their commits."""
        folder = Lake(self.root).ledger_folder
        return [folder / one.name for one in segments.living(segments.listed(folder))]

    def data(self, table: str, number: int = 0) -> Path:
        """One of the files of a table of the lake."""
        return Lake(self.root).files(table)[number]

    @property
    def release(self) -> Path:
        return (self.root / "current").resolve()

    @property
    def head(self) -> Path:
        return self.root / "lake" / "head.json"

    @property
    def verified(self) -> Path:
        return self.root / "lake" / "verified.json"

    @property
    def history(self) -> Path:
        """The changes of a release, as they outlive it."""
        return next((self.root / "history" / "release_changes").glob("*.parquet"))


@pytest.fixture(scope="module")
def sound(small_watch: Watch, tmp_path_factory: pytest.TempPathFactory) -> Watch:
    """The small warehouse with a ledger of several segments, and with something learnt."""
    watch = Watch(tmp_path_factory.mktemp("sound") / "watch")
    shutil.copytree(small_watch.folder, watch.folder, symlinks=True)
    lake = Lake(watch.root)
    for day in range(1, 5):
        note = Day(date(2025, 2, day), "failed", error="not reached")
        lake.commit([ledger_row("opensky", note, "run", at=NOW)])
    learnt = watch.root / "learnt"
    note_of_learning = notes.read(learnt / "learnt.json")
    terms = learnt / "evidence_terms.csv"  # too little was heard to learn from: as a longer watch would have it
    shutil.copyfile(SHIPPED, terms)
    digest = hashlib.sha256(terms.read_bytes()).hexdigest()
    notes.write(learnt / "learnt.json", {**note_of_learning, "sha256": digest, "stays": 60})
    Warehouse(watch.root).note_run("20250301T000000Z-aaaaaa", {"until": "2025-02-28"})
    assert verify.look(Warehouse(watch.root)).damages == []
    return watch


@pytest.fixture
def place(sound: Watch, tmp_path: Path) -> Place:
    """A copy of it."""
    shutil.copytree(sound.folder, tmp_path / "watch", symlinks=True)
    return Place(Watch(tmp_path / "watch"))


# ---- damages: each does one and gives the file that is to be named


def writable(file: Path) -> Path:
    """Let a sealed file be written: who damages one is not asked."""
    file.chmod(0o644)
    return file


def edited(file: Path) -> Path:
    """One byte in the middle is another one."""
    data = bytearray(writable(file).read_bytes())
    data[len(data) // 2] ^= 0x40
    file.write_bytes(data)
    return file


def cut(file: Path) -> Path:
    """The second half is gone."""
    data = writable(file).read_bytes()
    file.write_bytes(data[: len(data) // 2])
    return file


def emptied(file: Path) -> Path:
    """Nothing is left in it."""
    writable(file).write_bytes(b"")
    return file


def deleted(file: Path) -> Path:
    """It is gone."""
    file.unlink()
    return file


def renamed(file: Path) -> Path:
    """It is called something else."""
    file.rename(file.with_name(f"x{file.name[1:]}"))
    return file


def duplicated(file: Path) -> Path:
    """It is there twice."""
    twin = file.with_name(f"{'0' * 20}.parquet")
    shutil.copyfile(file, twin)
    return twin


def swapped(file: Path, other: Path) -> Path:
    """Another file stands in its place, whole in itself."""
    shutil.copyfile(other, writable(file))
    return file


def rewritten(file: Path) -> Path:
    """The same columns with a row fewer: Parquet without a fault."""
    table = pq.ParquetFile(writable(file)).read()
    pq.write_table(table.slice(0, max(table.num_rows - 1, 0)), file)
    return file


def reordered(one: Path, other: Path) -> Path:
    """Two files change places."""
    aside = one.with_name("aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)
    return one


def numbered(file: Path, number: int) -> Path:
    """A segment under the number of another commit."""
    name = f"{number:010d}-{file.name.split('-')[-1]}"
    file.rename(file.with_name(name))
    return file.with_name(name)


def in_database(file: Path, sql: str) -> Path:
    """A change made through DuckDB itself."""
    with duckdb.connect(str(writable(file))) as connection:
        connection.execute(sql)
    return file


def set_in(file: Path, name: str, value: object) -> Path:
    """A JSON file with another value."""
    values = json.loads(writable(file).read_text())
    (values.get("content") or values)[name] = value
    file.write_text(json.dumps(values))
    return file


def unlinked(place: Place) -> Path:
    """A segment without a link behind the others, as an older basewatch would write it."""
    table = pq.ParquetFile(place.segments[-1]).read()
    last = int(place.segments[-1].name[:10])
    file = place.segments[-1].with_name(f"{last + 1:010d}-0a1b2c3d.parquet")
    pq.write_table(table.replace_schema_metadata(None), file)
    return file


def older_head(place: Place) -> Path:
    """The head as it was two commits ago."""
    link = chain.link_within(place.segments[-3])
    assert link is not None
    chain.write_head(place.root / "lake" / "source_days", link)
    return place.head


def pointing(place: Place, target: str) -> Path:
    """`current` leads elsewhere."""
    (place.root / "current").unlink()
    (place.root / "current").symlink_to(target)
    return place.root / "current"


def replaced(link: Path) -> Path:
    """A file stands where the link was."""
    target = link.resolve()
    link.unlink()
    if target.is_file():
        shutil.copyfile(target, link)
    else:
        link.write_text("releases")
    return link


VISITS, MONTHS = "base_visits/base_visits.parquet", "base_monthly_activity/base_monthly_activity.parquet"
DAMAGES: dict[str, Callable[[Place], Path]] = {
    # data files
    "flights edited": lambda p: edited(p.data("plain_flights")),
    "flights cut": lambda p: cut(p.data("plain_flights", 1)),
    "flights emptied": lambda p: emptied(p.data("plain_flights", 2)),
    "flights deleted": lambda p: deleted(p.data("plain_flights", 3)),
    "flights renamed": lambda p: renamed(p.data("plain_flights", 4)),
    "flights duplicated": lambda p: duplicated(p.data("plain_flights", 5)),
    "flights of another day": lambda p: swapped(p.data("plain_flights", 6), p.data("plain_flights", 7)),
    "flights rewritten": lambda p: rewritten(p.data("plain_flights", 8)),
    "two days change places": lambda p: reordered(p.data("plain_flights", 1), p.data("plain_flights", 2)),
    "article edited": lambda p: edited(p.data("news_articles")),
    "article cut": lambda p: cut(p.data("news_articles")),
    "mentions emptied": lambda p: emptied(p.data("news_mentions")),
    "mentions deleted": lambda p: deleted(p.data("news_mentions")),
    "mentions are articles": lambda p: swapped(p.data("news_mentions"), p.data("news_articles")),
    "mentions rewritten": lambda p: rewritten(p.data("news_mentions")),
    "article edited in place of a flight": lambda p: swapped(p.data("plain_flights"), p.data("news_mentions")),
    "a stray file": lambda p: duplicated(p.data("news_articles")),
    # the ledger
    "first segment deleted": lambda p: deleted(p.segments[0]).parent,
    "second segment deleted": lambda p: deleted(p.segments[1]).parent,
    "last segment deleted": lambda p: deleted(p.segments[-1]).parent,
    "first segment edited": lambda p: edited(p.segments[0]),
    "last segment edited": lambda p: edited(p.segments[-1]),
    "segment cut": lambda p: cut(p.segments[1]),
    "segment emptied": lambda p: emptied(p.segments[2]),
    "segment rewritten": lambda p: rewritten(p.segments[1]),
    "segments change places": lambda p: reordered(p.segments[0], p.segments[1]),
    "segment swapped": lambda p: swapped(p.segments[2], p.segments[0]),
    "segment of another commit": lambda p: numbered(p.segments[-1], 99),
    "segment twice": lambda p: Path(shutil.copy(p.segments[0], p.segments[0].with_name("copy.parquet"))),
    "segment without a link": unlinked,
    "head deleted": lambda p: deleted(p.head),
    "head edited": lambda p: Path(p.head.write_text(p.head.read_text().replace('"rows"', '"row"')) and p.head),
    "head cut": lambda p: cut(p.head),
    # notes
    "window edited": lambda p: set_in(p.root / "lake/windows/articles.json", "1900-01-01..2025-02-28", "0" * 64),
    "window cut": lambda p: cut(p.root / "lake/windows/flight_files.json"),
    "files edited": lambda p: set_in(p.root / "lake/files/flight_files.json", "flights.csv", {}),
    "files emptied": lambda p: emptied(p.root / "lake/files/articles.json"),
    # releases
    "database edited": lambda p: edited(p.release / "basewatch.duckdb"),
    "database cut": lambda p: cut(p.release / "basewatch.duckdb"),
    "a number changed": lambda p: in_database(
        p.release / "basewatch.duckdb", "UPDATE base_monthly_activity SET visits = visits + 1"
    ),
    "visits edited": lambda p: edited(p.release / VISITS),
    "visits rewritten": lambda p: rewritten(p.release / VISITS),
    "months deleted": lambda p: deleted(p.release / MONTHS),
    "months are visits": lambda p: swapped(p.release / MONTHS, p.release / VISITS),
    "report edited": lambda p: edited(p.release / "report" / "index.html"),
    "a file too many": lambda p: Path(shutil.copy(p.release / VISITS, p.release / "base_visits" / "more.parquet")),
    "manifest edited": lambda p: set_in(p.release / "manifest.json", "as_of", "2026-01-01"),
    "manifest emptied": lambda p: emptied(p.release / "manifest.json"),
    # the pointer
    "pointer deleted": lambda p: deleted(p.root / "current"),
    "pointer to nowhere": lambda p: pointing(p, "releases/gone"),
    "pointer out of the warehouse": lambda p: pointing(p, "/tmp"),
    "pointer is a file": lambda p: replaced(p.root / "current"),
    "database link is a copy": lambda p: replaced(p.root / "basewatch.duckdb"),
    # what was learnt
    "weights edited": lambda p: edited(p.root / "learnt" / "evidence_terms.csv"),
    "weights deleted": lambda p: deleted(p.root / "learnt" / "evidence_terms.csv"),
    "note of what was learnt cut": lambda p: cut(p.root / "learnt" / "learnt.json"),
    "note of what was learnt edited": lambda p: set_in(p.root / "learnt" / "learnt.json", "stays", 61),
    # what outlives releases, and what saves work
    "history edited": lambda p: edited(p.history),
    "history deleted": lambda p: deleted(p.history),
    "history renamed": lambda p: renamed(p.history),
    "note of history cut": lambda p: cut(p.root / "history" / "release_changes.json"),
    "note of history deleted": lambda p: deleted(p.root / "history" / "release_changes.json"),
    "record of a run edited": lambda p: set_in(next((p.root / "runs").glob("*.json")), "until", "2024-01-01"),
    "latest run gone": lambda p: deleted(max((p.root / "runs").glob("*.json"))).with_name("latest"),
    "verified files edited": lambda p: edited(p.root / "lake" / "verified.json"),
    "verified files without their hash": lambda p: Path(
        p.verified.write_text(p.verified.read_text().replace("sha256", "sha25")) and p.verified
    ),
    "an older head": lambda p: older_head(p),
    "head of a later version by its number alone": lambda p: set_in(p.head, "lake_version", 99),
}
HARMLESS = {  # they are named, and no number can come of them
    "flights duplicated", "a stray file", "database link is a copy", "window edited", "files edited",
    "history edited", "history deleted", "history renamed", "note of history deleted", "record of a run edited",
    "latest run gone", "verified files edited", "verified files without their hash", "an older head",
}  # fmt: skip


def test_there_are_fifty_and_more() -> None:
    assert len(DAMAGES) >= 50


@pytest.mark.parametrize("damage", DAMAGES)
def test_each_damage_is_named_nothing_is_built_from_it_and_it_is_mended(damage: str, place: Place) -> None:
    file = DAMAGES[damage](place)
    warehouse = Warehouse(place.root)
    found = verify.look(warehouse)
    assert [one for one in found.damages if one.place == file], [one.words for one in found.damages]
    if damage in HARMLESS:
        warehouse.require_sound()
    else:
        with pytest.raises(StoreFault, match="verify"):
            refused(place)
    verify.repair(warehouse, found, "20260101T000000Z-repair", NOW, lambda _: None)
    assert [one.words for one in verify.look(Warehouse(place.root)).damages] == []
    refused(place)
    kept = [entry for entry in (place.root / "quarantine").rglob("*") if entry.is_file()]
    assert kept or file.exists() or damage not in HARMLESS, "what was damaged is set aside, and not deleted"


def refused(place: Place) -> None:
    """What a night does before it reads anything."""
    work = run.start(settings_of(place.watch.config), END) if (place.root / "learnt").exists() else None
    (work.warehouse if work else Warehouse(place.root)).require_sound()
    lake = Lake(place.root)
    for code in ("flight_files", "articles"):
        lake.window_fingerprint(code, "any")
        told_files.files(Warehouse(place.root), Lake(place.root), [code])


def test_a_day_with_another_number_of_rows_than_were_kept_is_named(place: Place) -> None:
    lake = Lake(place.root)
    row = next(row for row in lake.ledger("flight_files") if row.parts and row.records_kept)
    lake.commit([replace(row, records_kept=row.records_kept + 3)])
    (damage,) = verify.look(Warehouse(place.root)).damages
    assert f"has {row.records_kept} rows where the ledger says {row.records_kept + 3}" in damage.what
    assert str(row.day) in damage.what


def test_the_days_of_what_was_lost_are_to_be_read_again_and_no_other(place: Place) -> None:
    lake = Lake(place.root)
    before = {row.key: row for row in lake.ledger()}
    lost = deleted(place.data("plain_flights", 3))
    day = date.fromisoformat(lost.parent.name.removeprefix("day="))
    warehouse, said = Warehouse(place.root), list[str]()
    verify.repair(warehouse, verify.look(warehouse), "repair", NOW, said.append)
    after = {row.key: row for row in Lake(place.root).ledger()}
    changed = {key for key in before if after[key] != before[key]}
    assert changed and {key[0] for key in changed} == {"flight_files"} and {key[2] for key in changed} == {day}
    assert {after[key].status for key in changed} == {"failed"} and set(after) == set(before)
    assert Lake(place.root).window_fingerprint("flight_files", "1900-01-01..2025-02-28") is None
    assert any(f"--from {day} --to {day}" in line for line in said)


def test_what_a_lost_segment_held_is_known_from_the_release(place: Place) -> None:
    before = {row.key: row for row in Lake(place.root).ledger()}
    first = pq.ParquetFile(place.segments[0]).read().to_pylist()
    deleted(place.segments[0])
    warehouse = Warehouse(place.root)
    verify.repair(warehouse, verify.look(warehouse), "repair", NOW, lambda _: None)
    after = {row.key: row for row in Lake(place.root).ledger()}
    assert set(after) == set(before), "no day is forgotten"
    lost = {(row["source"], row["scope"], row["day"]) for row in first}
    assert {key for key in after if after[key].status == "failed"} >= lost
    untouched = [key for key in before if key[0] not in {source for source, _, _ in lost}]
    assert untouched and all(after[key] == before[key] for key in untouched)


def test_a_lake_of_a_newer_release_is_refused_by_name(place: Place) -> None:
    set_in(place.head, "lake_version", 99)
    set_in(place.head, "written_by", "7.0.0")
    warehouse = Warehouse(place.root)
    for asked in (warehouse.require_sound, lambda: verify.look(warehouse), lambda: warehouse.lake.commit([])):
        with pytest.raises(StoreFault, match=r"is a lake of version 99, written by basewatch 7\.0\.0"):
            asked()


def test_a_lake_of_before_the_chain_is_read_and_upgraded_without_a_loss(tmp_path: Path) -> None:
    sample = Path(__file__).parents[1] / "samples" / "warehouse-0.1" / "lake"
    shutil.copytree(sample, tmp_path / "lake")
    lake = Lake(tmp_path)
    before = lake.ledger()
    assert len(before) == 9 and lake.ledger_damages() == []
    assert lake.sound(lake.current_files())
    added = lake.commit([replace(before[0], records_kept=before[0].records_kept + 1)])
    assert len(added) == 1
    after = Lake(tmp_path)
    assert {row.key: row for row in after.ledger()} == {row.key: row for row in before} | {added[0].key: added[0]}
    assert after.ledger_damages() == []
    assert {one.digest != "" for one in segments.listed(after.ledger_folder)} == {True}, "all have their hash now"
    for file in after.ledger_folder.glob("*.parquet"):
        edited(file)
        with pytest.raises(StoreFault, match="is damaged"):
            Lake(tmp_path).ledger()


def test_what_was_verified_is_not_read_again_until_it_changes(place: Place) -> None:
    lake = Lake(place.root)
    files = lake.current_files()
    assert lake.sound(files) == files
    file = files[0]
    stat = file.stat()
    data = bytearray(file.read_bytes())
    data[100] ^= 1
    file.write_bytes(data)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert lake.sound(files), "in place, with its size and time: only `verify` reads it anew"
    assert [one.place for one in verify.look(Warehouse(place.root)).damages] == [file]
    os.utime(file)
    with pytest.raises(StoreFault, match=str(file)):
        Lake(place.root).sound(files)
