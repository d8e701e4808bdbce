"""Does `basewatch verify` name every damage? `benchmarks/verify.py [--seed 1] [--without-runs] [WORD]`.

Makes a warehouse of the shipped sample, with two releases, landed windows, caches, something learnt and a waiting
candidate. Each damage is done to a copy of it: a file of the lake, a segment of the ledger, a release, a landed file, a
note. Its file and its byte are drawn by the seed. Then `verify` looks, and must name the file; `--repair` mends, and
`verify` must find nothing any more; a run follows, whose tables must be those of a warehouse that nobody damaged. WORD:
only damages whose names hold it. Whole warehouses are looked at between the damages: nothing may be said of them.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from basewatch import config, run
from basewatch.config import ReadsbLive
from basewatch.lake import notes, segments
from basewatch.lake.store import Lake
from basewatch.sources import contract
from basewatch.sources.contract import LandedFile, Window
from basewatch.sources.landing import Landing, midnight
from basewatch.warehouse import verify
from basewatch.warehouse.releases import CHANGES, Warehouse
from e2e.test_crashes import without_history
from unit.test_verify import deleted, emptied, renamed, writable
from wholeruns import Watch

EARLIER, LAST = date(2026, 7, 20), date(2026, 7, 24)
WHOLE_EVERY = 10  # damages between two looks at a warehouse that nobody damaged
LANDED_DAYS = (date(2026, 7, 22), date(2026, 7, 23))
SHIPPED_WEIGHTS = "evidence_terms.csv"


@dataclass(frozen=True)
class Place:
    """A copy of the warehouse, what draws from it, and what it was like before its last run."""

    watch: Watch
    earlier: Path
    chance: random.Random

    @property
    def root(self) -> Path:
        return self.watch.root

    @property
    def release(self) -> Path:
        return (self.root / "current").resolve()

    @property
    def segments(self) -> list[Path]:
        folder = Lake(self.root).ledger_folder
        return [folder / one.name for one in segments.living(segments.listed(folder))]

    def one(self, pattern: str) -> Path:
        """One of the files that match below the root."""
        return self.chance.choice(sorted(file for file in self.root.glob(pattern) if file.is_file()))

    def lake_file(self) -> Path:
        """One of the data files that the ledger names."""
        return self.chance.choice(Lake(self.root).current_files())

    def table(self) -> Path:
        """One of the published tables as Parquet."""
        return self.chance.choice(sorted(self.release.glob("*/*.parquet")))

    def landed(self) -> Path:
        """One of the files that a manifest lists beside it."""
        return self.one("landing/opensky/*/[a-z]*-*.json")


Damage = Callable[[Place], Path]


def flipped(file: Path, chance: random.Random) -> Path:
    """One bit of one byte is another one."""
    data = bytearray(writable(file).read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(7)
    file.write_bytes(data)
    return file


def cut(file: Path, chance: random.Random) -> Path:
    """What lies behind some byte is gone."""
    data = writable(file).read_bytes()
    file.write_bytes(data[: chance.randrange(1, len(data))])
    return file


def replaced(file: Path, other: Path) -> Path:
    """The bytes of another file stand in its place, whole in themselves."""
    data = other.read_bytes()
    assert data != file.read_bytes(), (file, other)
    writable(file).write_bytes(data)
    return file


def by_a_sibling(place: Place, file: Path) -> Path:
    """The bytes of another file of its kind stand in its place."""
    data = file.read_bytes()
    beside = file.parents[2].glob(f"*/*/*{file.suffix}")  # of the same table, or of the same source
    others = sorted(other for other in beside if other.name != "manifest.json" and other.read_bytes() != data)
    return replaced(file, place.chance.choice(others))


def earlier(place: Place, file: Path) -> Path:
    """What stood there before the last run."""
    return replaced(file, place.earlier / file.relative_to(place.root))


def of_release_before(place: Place, name: str) -> Path:
    """A file of the current release as the release before has it."""
    before = sorted((place.root / "releases").glob("[!.]*"))[0]
    return replaced(place.release / name, before / name)


def changed_places(one: Path, other: Path) -> Path:
    """Two files have each other's names."""
    aside = one.with_name("aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)
    return one


def appended_twice(place: Place) -> Path:
    """The last segment stands once more, under the number of the next commit."""
    last = place.segments[-1]
    twin = last.with_name(f"{int(last.name[:10]) + 1:010d}-{last.name.split('-')[-1]}")
    shutil.copyfile(last, twin)
    return twin


def pointing(place: Place, target: str) -> Path:
    """`current` leads elsewhere."""
    link = place.root / "current"
    link.unlink()
    link.symlink_to(target)
    return link


def a_file_in_place_of(link: Path) -> Path:
    """A file stands where a link was."""
    link.unlink()
    link.write_text("releases")
    return link


def edited(file: Path, old: str, new: str) -> Path:
    """A text in it is another one."""
    text = writable(file).read_text(encoding="utf-8")
    assert old in text, (file, old)
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    return file


def copied(file: Path, name: str) -> Path:
    """It is there once more under another name."""
    return Path(shutil.copy(file, file.with_name(name)))


DATABASE, SEGMENTS = "basewatch.duckdb", "lake/source_days"
MANIFEST = "landing/opensky/*/manifest.json"
HEATMAPS = "landing/readsb_archive/2026/*/*/heatmap/*"
DAMAGES: dict[str, Damage] = {
    "lake: a file cut": lambda p: cut(p.lake_file(), p.chance),
    "lake: a bit flipped": lambda p: flipped(p.lake_file(), p.chance),
    "lake: a file emptied": lambda p: emptied(p.lake_file()),
    "lake: a file in place of another": lambda p: by_a_sibling(p, p.lake_file()),
    "lake: two files change places": lambda p: changed_places(*p.chance.sample(Lake(p.root).current_files(), 2)),
    "lake: a file deleted": lambda p: deleted(p.lake_file()),
    "lake: an older one of the same name": lambda p: by_a_sibling(p, p.one("lake/press_flights/*/*/*.parquet")),
    "lake: a file renamed": lambda p: renamed(p.lake_file()),
    "lake: a file twice": lambda p: copied(p.lake_file(), f"{'0' * 20}.parquet"),
    "ledger: a segment cut": lambda p: cut(p.chance.choice(p.segments), p.chance),
    "ledger: a bit flipped": lambda p: flipped(p.chance.choice(p.segments), p.chance),
    "ledger: a segment emptied": lambda p: emptied(p.chance.choice(p.segments)),
    "ledger: the first segment deleted": lambda p: deleted(p.segments[0]).parent,
    "ledger: the last segment deleted": lambda p: deleted(p.segments[-1]).parent,
    "ledger: two segments change places": lambda p: changed_places(p.segments[0], p.segments[-1]),
    "ledger: a segment in place of another": lambda p: replaced(p.segments[-1], p.segments[0]),
    "ledger: one appended twice": appended_twice,
    "ledger: a segment renamed": lambda p: (file := p.segments[-1]) and renamed(file).with_name(f"x{file.name[1:]}"),
    "ledger: the head flipped": lambda p: flipped(p.root / "lake/head.json", p.chance),
    "ledger: the head cut": lambda p: cut(p.root / "lake/head.json", p.chance),
    "ledger: the head deleted": lambda p: deleted(p.root / "lake/head.json"),
    "ledger: an older head": lambda p: earlier(p, p.root / "lake/head.json"),
    "note: of windows, flipped": lambda p: flipped(p.one("lake/windows/*.json"), p.chance),
    "note: of windows, cut": lambda p: cut(p.one("lake/windows/*.json"), p.chance),
    "note: of files, flipped": lambda p: flipped(p.one("lake/files/*.json"), p.chance),
    "note: of files, emptied": lambda p: emptied(p.one("lake/files/*.json")),
    "release: database flipped": lambda p: flipped(p.release / DATABASE, p.chance),
    "release: database cut": lambda p: cut(p.release / DATABASE, p.chance),
    "release: database deleted": lambda p: deleted(p.release / DATABASE),
    "release: an older database": lambda p: of_release_before(p, DATABASE),
    "release: a table flipped": lambda p: flipped(p.table(), p.chance),
    "release: a table deleted": lambda p: deleted(p.table()),
    "release: an older table": lambda p: of_release_before(p, "source_days/source_days.parquet"),
    "release: report flipped": lambda p: flipped(p.release / "report/index.html", p.chance),
    "release: a file too many": lambda p: copied(p.table(), "more.parquet"),
    "release: manifest flipped": lambda p: flipped(p.release / "manifest.json", p.chance),
    "release: manifest edited": lambda p: edited(p.release / "manifest.json", f"{LAST}", "2026-07-25"),
    "release: an older manifest": lambda p: of_release_before(p, "manifest.json").parent,
    "release: manifest deleted": lambda p: deleted(p.release / "manifest.json").parent,
    "pointer: deleted": lambda p: deleted(p.root / "current"),
    "pointer: to nowhere": lambda p: pointing(p, "releases/gone"),
    "pointer: out of the warehouse": lambda p: pointing(p, "/tmp"),
    "pointer: a file in its place": lambda p: a_file_in_place_of(p.root / "current"),
    "pointer: of the database, a file": lambda p: a_file_in_place_of(p.root / DATABASE),
    "landed: a bit flipped": lambda p: flipped(p.landed(), p.chance),
    "landed: a file cut": lambda p: cut(p.landed(), p.chance),
    "landed: a file emptied": lambda p: emptied(p.landed()),
    "landed: a file deleted": lambda p: deleted(p.landed()),
    "landed: a file renamed": lambda p: renamed(p.landed()),
    "landed: an older one of the same name": lambda p: by_a_sibling(p, p.landed()),
    "landed: a file too many": lambda p: copied(p.landed(), "more.json"),
    "landed: manifest flipped": lambda p: flipped(p.one(MANIFEST), p.chance),
    "landed: manifest edited": lambda p: edited(p.one(MANIFEST), '"ok"', '"failed"'),
    "landed: manifest deleted": lambda p: deleted(p.one(MANIFEST)).parent,
    "landed: a heatmap flipped": lambda p: flipped(p.one(HEATMAPS), p.chance),
    "landed: a heatmap deleted": lambda p: deleted(p.one(HEATMAPS)),
    "landed: polls cut": lambda p: cut(p.one("landing/readsb_live/*/polls-*"), p.chance),
    "history: flipped": lambda p: flipped(p.one(f"history/{CHANGES}/*"), p.chance),
    "history: deleted": lambda p: deleted(p.one(f"history/{CHANGES}/*")),
    "history: renamed": lambda p: renamed(p.one(f"history/{CHANGES}/*")),
    "history: its note flipped": lambda p: flipped(p.root / f"history/{CHANGES}.json", p.chance),
    "history: its note deleted": lambda p: deleted(p.root / f"history/{CHANGES}.json"),
    "learnt: weights flipped": lambda p: flipped(p.root / "learnt" / SHIPPED_WEIGHTS, p.chance),
    "learnt: weights deleted": lambda p: deleted(p.root / "learnt" / SHIPPED_WEIGHTS),
    "learnt: note edited": lambda p: edited(p.root / "learnt/learnt.json", '"stays": 60', '"stays": 61'),
    "learnt: note deleted": lambda p: deleted(p.root / "learnt/learnt.json"),
    "cache: verified files of the lake": lambda p: flipped(p.root / "lake/verified.json", p.chance),
    "cache: verified files of releases": lambda p: flipped(p.root / "verified.json", p.chance),
    "cache: index of feeds": lambda p: flipped(p.root / "landing/feeds/index.json", p.chance),
    "cache: a register": lambda p: flipped(p.one("landing/registers/*.body"), p.chance),
    "cache: a register's note": lambda p: flipped(p.one("landing/registers/*.json"), p.chance),
    "cache: a provider's list": lambda p: cut(p.one("landing/gdelt_files/lists/*.txt"), p.chance),
    "cache: the outbox of alerts": lambda p: flipped(p.root / "alerts/outbox.json", p.chance),
    "cache: the clock's note": lambda p: flipped(p.root / "clock.json", p.chance),
    "candidate: database flipped": lambda p: flipped(p.root / "candidate" / DATABASE, p.chance),
    "candidate: database deleted": lambda p: deleted(p.root / "candidate" / DATABASE),
    "candidate: note flipped": lambda p: flipped(p.root / "candidate/candidate.json", p.chance),
    "run: a record flipped": lambda p: flipped(p.one("runs/*.json"), p.chance),
    "run: the latest record deleted": lambda p: (
        deleted(max((p.root / "runs").glob("*.json"))),
        p.root / "runs/latest",
    )[1],
}


# ---- the warehouse


def land(watch: Watch) -> None:
    """Windows as sources land them: answers of an API, a day of heatmaps, polls; and what saves sources work."""
    work = run.start(config.load(watch.config), LAST)
    about = contract.context("opensky", work.settings, work.reference, work.params, datetime(2026, 7, 25, tzinfo=UTC))
    for day in LANDED_DAYS:
        landing = Landing(about, Window("opensky", day, day))
        for number, kind in itertools.product(range(3), ("arrival", "departure")):
            body = json.dumps([{"icao24": f"15501{number}", "lastSeen": int(midnight(day).timestamp())}]).encode() * 9
            name = f"{kind}-{number}.json"
            landing.put(name, body, "https://opensky-network.org/api", f"base:{number}", day, day, kind)
        landing.note("base:3", day, day, "arrival", "failed", "the provider did not answer")
        landing.finish()
        land_heatmaps(watch, work, day)
        land_polls(watch, work, day)
    notes.write(
        watch.root / "landing/feeds/index.json", {"reading": 1, "polls": ["20260723T051500Z/tass"], "known": {}}
    )
    body, register = b"icao24,registration\n15501a,RF-78658\n", watch.root / "landing/registers/mictronics.json"
    notes.write(register, {"url": "https://example.org/aircraft.csv", "sha256": hashlib.sha256(body).hexdigest()})
    register.with_suffix(".body").write_bytes(body)
    listed = watch.root / "landing/gdelt_files/lists/masterfilelist.txt"
    listed.parent.mkdir(parents=True)
    listed.write_text("150383 297a16b493de7cf6ca809a7cc31d0b93 http://data.gdeltproject.org/a.export.CSV.zip\n" * 40)
    digest = hashlib.sha256(listed.read_bytes()).hexdigest()
    listed.with_name(f"{listed.name}.at").write_text(f"1784851200.0 {digest}\n")


def land_heatmaps(watch: Watch, work: run.Run, day: date) -> None:
    """A day's folder of the local layout, with its manifest elsewhere."""
    settings, now = work.settings, datetime(2026, 7, 25, tzinfo=UTC)
    about = contract.context("readsb_archive", settings, work.reference, work.params, now)
    folder = about.landing / f"{day:%Y}" / f"{day:%m}" / f"{day:%d}"
    (folder / "heatmap").mkdir(parents=True)
    within = []
    for number in range(4):
        data = random.Random(f"{day}{number}").randbytes(2000)
        (folder / "heatmap" / f"{number:02d}.bin.ttf").write_bytes(data)
        within.append((f"heatmap/{number:02d}.bin.ttf", hashlib.sha256(data).hexdigest()))
    landing = Landing(about, Window("readsb_archive", day, day), "manifests")
    digest = hashlib.sha256(repr(within).encode()).hexdigest()
    landing.keep(LandedFile(folder, "https://example.org", digest, 8000, now, day, "heatmaps", tuple(within)))
    landing.finish()


def land_polls(watch: Watch, work: run.Run, day: date) -> None:
    """Polls of a watch that has added some since it last wrote the day's manifest."""
    now = datetime(2026, 7, 25, tzinfo=UTC)
    about = contract.context("readsb_live", work.settings, work.reference, work.params, now)
    assert isinstance(about.settings, ReadsbLive)
    landing = Landing(about, Window("readsb_live", day, day))
    polls = landing.path / f"polls-{day:%Y%m%d}T000000-7.jsonl.gz"
    data = random.Random(f"{day}").randbytes(3000)
    polls.write_bytes(data)
    landing.keep(LandedFile(polls, polls.name, hashlib.sha256(data).hexdigest(), len(data), now, day))
    landing.finish()
    with polls.open("ab") as handle:
        handle.write(b"of after the manifest" if day == LANDED_DAYS[-1] else b"")


def sample(folder: Path) -> tuple[Watch, Path]:
    """A warehouse of the shipped sample as two runs left it; and its root as it was before the second one."""
    watch = Watch(folder / "watch")
    shutil.copytree(str(files("basewatch.sample").joinpath("")), watch.folder)
    text = watch.config.read_text(encoding="utf-8")
    watch.config.write_text(
        text.replace("[sources.press_flights]", "[gates]\ndata_docs = false\n\n[sources.press_flights]")
    )
    aside = folder / "article"
    article = sorted(file for file in (watch.folder / "articles").rglob("*") if file.is_file())[0]
    article.rename(aside)
    watch.plain(f"{EARLIER}")
    before = folder / "earlier"
    shutil.copytree(watch.root, before, symlinks=True)
    aside.rename(article)
    watch.plain(f"{LAST}")
    learnt = watch.root / "learnt"
    terms = files("basewatch.sql.reference").joinpath(SHIPPED_WEIGHTS).read_bytes()
    (learnt / SHIPPED_WEIGHTS).write_bytes(terms)  # too little was heard to learn from: as a longer watch would have it
    digest = hashlib.sha256(terms).hexdigest()
    notes.write(learnt / "learnt.json", {**notes.read(learnt / "learnt.json"), "sha256": digest, "stays": 60})
    land(watch)
    work = run.start(config.load(watch.config), LAST)
    work.progress = lambda _: None
    with work.warehouse.lock():
        run.build(work)
    return watch, before


# ---- one damage


def is_named(found: verify.Found, file: Path) -> bool:
    """Whether a damage was named by the path of the file."""
    return any(one.place == file for one in found.damages)


def restored(whole: Path, watch: Watch) -> None:
    """The watch as it was."""
    shutil.rmtree(watch.root)
    shutil.copytree(whole, watch.root, symlinks=True)


def tables(watch: Watch) -> dict[str, list[str]]:
    """What is published, as far as it should not depend on how often something was read."""
    return {name: without_history(name, rows) for name, rows in watch.content().items() if name != "quality_results"}


def mended(watch: Watch) -> list[str]:
    """What `verify` still finds after a repair."""
    warehouse = Warehouse(watch.root)
    now = datetime.now(UTC)
    with warehouse.lock(clear=False):
        verify.repair(warehouse, verify.look(warehouse), f"{now:%Y%m%dT%H%M%SZ}-repair", now, lambda _: None)
    return [one.words for one in verify.look(Warehouse(watch.root)).damages]


def main() -> int:
    """Do every damage; 1 where one was not named or not mended, or something was said of a whole warehouse."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("word", nargs="?", default="")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--without-runs", action="store_true", help="no run after each repair, which takes seconds")
    asked = parser.parse_args()
    os.environ.pop("BASEWATCH_CONFIG", None)
    begun, bad = time.monotonic(), list[str]()
    with tempfile.TemporaryDirectory(prefix="verify-") as temporary:
        folder = Path(temporary)
        watch, before = sample(folder)
        whole = folder / "whole"
        shutil.copytree(watch.root, whole, symlinks=True)
        expected = None if asked.without_runs else after_a_run(watch)
        wholes = [said_of_whole(whole, watch)]
        names = [name for name in DAMAGES if asked.word in name]
        for number, name in enumerate(names):
            restored(whole, watch)
            place = Place(watch, before, random.Random(f"{asked.seed} {name}"))
            file = DAMAGES[name](place)
            found = verify.look(Warehouse(watch.root))
            named = is_named(found, file)
            left = mended(watch)
            differ = unlike(watch, expected) if expected is not None and not left else []
            fine = named and not left and not differ
            bad += [] if fine else [name]
            shown = "named" if named else f"NOT NAMED: {file} {[one.words for one in found.damages]}"
            print(f"{name:42} {shown}; mended: {left or 'clean'}; tables that differ: {differ or 'none'}", flush=True)
            if number % WHOLE_EVERY == 0:
                wholes.append(said_of_whole(whole, watch))
    said = [line for lines in wholes for line in lines]
    print(
        f"{len(names) - len(bad)} of {len(names)} damages named and mended; {len(wholes)} looks at whole warehouses, "
        f"{len(said)} things said of them {said or ''}; {time.monotonic() - begun:.0f} s; not so: {bad or 'none'}"
    )
    return 1 if bad or said else 0


def said_of_whole(whole: Path, watch: Watch) -> list[str]:
    """What `verify` says of the warehouse that nobody damaged."""
    restored(whole, watch)
    return [one.words for one in verify.look(Warehouse(watch.root)).damages]


def after_a_run(watch: Watch) -> dict[str, list[str]]:
    """The tables after one more run."""
    watch.plain(f"{LAST}")
    return tables(watch)


def unlike(watch: Watch, expected: dict[str, list[str]]) -> list[str]:
    """The tables that one more run does not publish as it would have without the damage."""
    try:
        after = after_a_run(watch)
    except Exception as error:
        return [f"{type(error).__name__}: {str(error)[:200]}"]
    return sorted(name for name in expected.keys() | after.keys() if expected.get(name) != after.get(name))


if __name__ == "__main__":
    sys.exit(main())
