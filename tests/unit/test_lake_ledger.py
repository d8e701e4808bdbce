"""The ledger: its segments are merged in tiers, several processes write it, and it always says what was committed."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from basewatch.errors import BasewatchError, StoreFault
from basewatch.lake import segments
from basewatch.lake.chain import head_file
from basewatch.lake.events import Day
from basewatch.lake.files import VERSION_KEY, version_of, write_parquet
from basewatch.lake.ledger import Key, Ledger, LedgerRow, ledger_row, ledger_table
from basewatch.lake.schemas import LEDGER, LEDGER_VERSION
from basewatch.lake.segments import Segment, due, living
from basewatch.lake.store import Lake

DAY = date(2025, 10, 24)
AT = datetime(2025, 10, 25, tzinfo=UTC)


def row(number: int, *, key: int | None = None, run: str | None = None) -> LedgerRow:
    """The row of commit `number`; of a key of its own, or of `key`."""
    note = Day(DAY + timedelta(days=number if key is None else key), "ok", records_kept=number)
    return ledger_row("opensky", note, run or f"run-{number}", [f"opensky_flights/{number}.parquet"], AT)


def kept(lake: Lake) -> list[int]:
    return [row.records_kept for row in lake.ledger()]


def names(lake: Lake) -> list[str]:
    return sorted(file.name for file in lake.ledger_folder.glob("*.parquet"))


@pytest.fixture
def merging_by_threes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "FAN_OUT", 3)


# ---- against a model


class Model:
    """What the ledger is to say, kept in the plainest way, with the fingerprint as version 0.1 defined it."""

    def __init__(self) -> None:
        self.history: list[LedgerRow] = []

    def commit(self, rows: list[LedgerRow]) -> list[LedgerRow]:
        current = {row.key: row for row in self.history}
        new = [row for row in rows if row.key not in current or not row.says_the_same(current[row.key])]
        self.history += new
        return new

    def rows(self) -> list[LedgerRow]:
        return [row for _, row in sorted({row.key: row for row in self.history}.items())]

    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        for row in self.rows():
            values = {**vars(row), "ingested_at": None, "run_id": None, "day": str(row.day)}
            if row.status == "failed":
                values["error"] = None
            for name in ("source_detail", "measures"):
                if values[name] is None:
                    del values[name]
            digest.update(json.dumps(values, sort_keys=True).encode())
        return digest.hexdigest()

    def parts(self) -> set[str]:
        return {part for row in self.history for part in row.parts}


def some_rows(chance: random.Random, number: int) -> list[LedgerRow]:
    """A few rows of few keys, so that most of them replace others and some repeat them."""
    rows = []
    for _ in range(chance.randint(1, 5)):
        status = chance.choice(["ok", "ok", "failed", "partial"])
        note = Day(DAY + timedelta(days=chance.randrange(6)), status, chance.choice(["global", "base:a", "base:ü"]))
        note = replace(note, records_kept=chance.randrange(3), error=chance.choice([None, f"fault {number % 4}"]))
        source = chance.choice(["opensky", "readsb_live", "gdelt_files"])
        parts = [f"{source}/{chance.randrange(9)}" for _ in range(chance.randrange(3))]
        watched = chance.choice([None, [], ["tartus", "hmeimim"]])
        rows.append(ledger_row(source, note, f"run-{number}", parts, AT + timedelta(seconds=number), watched))
    return rows


def write_as_0_1(folder: Path, rows: Iterable[LedgerRow], number: int, *, watched: bool = True) -> Path:
    """A segment as version 0.1 wrote it: no schema version, in its first days no column `watched`."""
    table = ledger_table(rows)
    target = folder / f"{number:010d}-{random.Random(number).randrange(2**32):08x}.parquet"
    write_parquet(table if watched else table.drop_columns(["watched"]), target)
    return target


def compact_as_0_1(lake: Lake, model: Model) -> None:
    """All segments merged into one of the next number, the whole history in it."""
    old = list(lake.ledger_folder.glob("*.parquet"))
    if old:
        write_as_0_1(lake.ledger_folder, model.history, max(int(file.name[:10]) for file in old) + 1)
    for file in old:
        file.unlink()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.usefixtures("merging_by_threes")
def test_whatever_happens_the_ledger_says_what_was_committed(tmp_path: Path, seed: int) -> None:
    chance, model = random.Random(seed), Model()
    writers = [Lake(tmp_path), Lake(tmp_path)]  # two processes, as far as the ledger can tell
    removed: dict[Path, bytes] = {}
    for number in range(seed % 4):  # what a basewatch of before the chain left
        (tmp_path / "lake" / "source_days").mkdir(parents=True, exist_ok=True)
        write_as_0_1(writers[0].ledger_folder, model.commit(some_rows(chance, number)), 2 * number + 1)
        if chance.random() < 0.5:
            compact_as_0_1(writers[0], model)
    for number in range(10, 70):
        files = {file: file.read_bytes() for file in writers[0].ledger_folder.glob("*.parquet")}
        match chance.choice(["commit"] * 8 + ["die", "reopen", "sweep"]):
            case "commit":
                rows = some_rows(chance, number)
                assert chance.choice(writers).commit(rows) == model.commit(rows)
            case "die":  # after the merge and before the merged segments are removed, or in the midst of a file
                for file, data in removed.items():
                    file.write_bytes(data)
                (tmp_path / "lake" / "source_days").mkdir(parents=True, exist_ok=True)
                (tmp_path / "lake" / "source_days" / ".0000000009-00000000.parquet.ab").write_bytes(b"half")
            case "reopen":
                writers[0] = Lake(tmp_path)
            case "sweep":
                writers[1].sweep()
                assert list(writers[1].ledger_folder.glob(".*")) == []
        after = set(writers[0].ledger_folder.glob("*.parquet"))
        gone = {file: data for file, data in files.items() if file not in after}
        removed = gone or removed if files else {}
        for lake in (chance.choice(writers), Lake(tmp_path)):
            assert lake.ledger() == model.rows()
            assert lake.fingerprint() == model.fingerprint()
            assert set(lake.parts_ever_named().to_pylist()) == model.parts()
            for source in ("opensky", "nothing"):
                assert lake.ledger(source) == [row for row in model.rows() if row.source == source]
    assert {row.key: row for row in model.rows()} == {key: writers[0].ledger_row(*key) for key in keys(model)}
    assert writers[0].ledger_row("opensky", "global", date(1999, 1, 1)) is None


def keys(model: Model) -> list[Key]:
    return [row.key for row in model.rows()]


# ---- tiers


def named(first: int, last: int, digit: str = "a") -> Segment:
    """A segment of these commits, with bytes of a made-up hash."""
    return segments.named(first, last, digit * 64)


def test_segments_grow_with_the_logarithm_and_no_commit_is_written_anew_more_than_once_a_tier() -> None:
    alive: list[Segment] = []
    written: Counter[int] = Counter()
    for number in range(1, 5001):
        chosen = due(alive)
        if chosen:
            assert chosen == alive[-len(chosen) :]
            alive = [*alive[: -len(chosen)], named(chosen[0].first, chosen[-1].last)]
            written.update(range(chosen[0].first, chosen[-1].last + 1))
        alive.append(named(number, number))
        assert all(one.last + 1 == two.first and one.tier >= two.tier for one, two in pairwise(alive))
        tiers = 1 + max(segment.tier for segment in alive)
        assert len(alive) <= (segments.FAN_OUT - 1) * tiers + 1
    assert alive[0].first == 1
    assert alive[-1].last == 5000
    assert max(written.values()) == 4  # 8, 64, 512 and 4096 commits
    assert max(segment.tier for segment in alive) == 4


def test_a_segment_counts_where_no_wider_one_stands_for_it() -> None:
    one, two, three = (named(number, number) for number in (1, 2, 3))
    pair, all_three, other = named(1, 2), named(1, 3), named(1, 3, "b")
    four = named(4, 4)
    assert living([three, two, one]) == [one, two, three]
    assert living([three, pair, two, one]) == [pair, three]
    assert living([four, three, pair, all_three, two, one]) == [all_three, four]
    assert set(living([all_three, other])) == {all_three, other}, "neither is the wider one"
    assert living([]) == []
    assert due([]) == []


def test_names_sort_in_the_order_of_commits_and_give_their_range(tmp_path: Path) -> None:
    made = [named(1, 64), named(65, 72), named(73, 73), named(74, 74)]
    assert sorted(segment.name for segment in made) == [segment.name for segment in made]
    for segment in made:
        (tmp_path / segment.name).touch()
    assert set(segments.listed(tmp_path)) == set(made)
    (tmp_path / "copy of 0000000001-1a2b3c4d.parquet").touch()
    with pytest.raises(BasewatchError, match=r"copy of 0000000001-1a2b3c4d\.parquet is no ledger segment"):
        segments.listed(tmp_path)


def test_merging_keeps_restated_rows_and_says_the_same(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for number in range(1, 75):
        lake.commit([row(number, key=number % 5)])
    assert [name[:21] for name in names(lake)][:2] == ["0000000064-0000000001", "0000000072-0000000065"]
    assert kept(lake) == [70, 71, 72, 73, 74]
    assert lake.parts_ever_named().to_pylist() == [f"opensky_flights/{number}.parquet" for number in range(1, 75)]
    held = pq.ParquetFile(lake.ledger_folder / names(lake)[0])
    assert held.metadata.num_row_groups == 1
    assert version_of(held.schema_arrow.metadata) == LEDGER_VERSION


# ---- several processes


def test_each_process_sees_what_the_other_committed_without_reading_anything_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    batches = Ledger._batches
    monkeypatch.setattr(Ledger, "_batches", lambda self, segment: read.append(segment.name) or batches(self, segment))
    one, other = Lake(tmp_path), Lake(tmp_path)
    for number in range(1, 8):
        (one if number % 2 else other).commit([row(number)])
        assert kept(one) == kept(other) == list(range(1, number + 1))
    assert len(read) == len(set(read)) == 7, "each read what the other wrote, and not its own"
    read.clear()
    one.commit([row(8)])
    other.commit([row(9)])  # merges the first eight
    assert names(one)[0].startswith("0000000008-0000000001-")
    assert kept(one) == kept(other) == list(range(1, 10))
    merged = [name for name in read if "-0000000001-" in name]
    assert merged == [], "who has read all that was merged does not read it anew"


def test_a_merged_segment_is_read_by_who_had_not_seen_all_of_it(tmp_path: Path) -> None:
    one, other = Lake(tmp_path), Lake(tmp_path)
    for number in range(1, 5):
        one.commit([row(number, key=number % 2)])
    assert kept(other) == [4, 3]
    for number in range(5, 10):
        one.commit([row(number, key=number % 2)])
    assert len(names(one)) == 2
    assert kept(other) == [8, 9]


def test_another_ledger_in_its_place_is_read_anew(tmp_path: Path) -> None:
    lake, backup = Lake(tmp_path / "here"), Lake(tmp_path / "backup")
    lake.commit([row(1, key=0)])
    lake.commit([row(2, key=1)])
    backup.commit([row(3, key=2)])
    backup.commit([row(4, key=3)])
    assert kept(lake) == [1, 2]
    before = lake.fingerprint()
    for name in names(lake):
        (lake.ledger_folder / name).unlink()
    for name in names(backup):
        (lake.ledger_folder / name).write_bytes((backup.ledger_folder / name).read_bytes())
    with pytest.raises(StoreFault, match=r"ends in another commit 2 than head\.json tells"):
        lake.ledger()
    head_file(lake.ledger_folder).write_bytes(head_file(backup.ledger_folder).read_bytes())
    assert kept(lake) == [3, 4]
    assert lake.fingerprint() == backup.fingerprint() != before
    for name in names(lake):
        (lake.ledger_folder / name).unlink()
    with pytest.raises(StoreFault, match="lacks the last segment: commits 1 to 2"):
        lake.ledger()


WRITER = """
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from basewatch.lake import segments
from basewatch.lake.chain import head_file
from basewatch.lake.events import Day
from basewatch.lake.ledger import ledger_row
from basewatch.lake.store import Lake

segments.FAN_OUT = 2
lake = Lake(Path(sys.argv[1]))
for number in range(int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])):
    day = date(2025, 1, 1) + timedelta(days=number)
    note = Day(day, "ok", records_kept=number)
    lake.commit([ledger_row("opensky", note, "run", at=datetime(2025, 1, 1, tzinfo=UTC))])
"""


def write_in_another_process(root: Path, start: int, end: int, step: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WRITER, str(root), *map(str, (start, end, step))])


def test_a_reader_beside_a_merging_writer_always_sees_the_commits_up_to_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ledger, "_is_reader", lambda _: True)  # no permission to write, so no part in the lock
    (tmp_path / "lake" / "source_days").mkdir(parents=True)
    writer = write_in_another_process(tmp_path, 0, 150, 1)
    lasting, looks = Lake(tmp_path), 0
    try:
        while writer.poll() is None:
            for lake in (lasting, Lake(tmp_path)):
                seen = kept(lake)
                assert seen == list(range(len(seen)))
                looks += bool(seen)
    finally:
        writer.kill()
        writer.wait()
    assert writer.returncode == 0
    assert looks, "it was never there in time"
    assert kept(lasting) == kept(Lake(tmp_path)) == list(range(150))


def test_two_writers_lose_nothing_of_each_other(tmp_path: Path) -> None:
    writers = [write_in_another_process(tmp_path, start, 120, 2) for start in (0, 1)]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert kept(Lake(tmp_path)) == list(range(120))
    numbers = [segment.last - segment.first + 1 for segment in living(segments.listed(Lake(tmp_path).ledger_folder))]
    assert sum(numbers) == 120, "no number was given twice"


def test_a_list_that_misses_a_merge_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake(tmp_path)
    for number in range(1, 4):
        lake.commit([row(number)])
    real, lists = segments.listed, []

    def torn(folder: Path) -> list[Segment]:
        lists.append(real(folder))
        return lists[-1][:0] if len(lists) == 1 else lists[-1]  # neither the merged segment nor those merged

    monkeypatch.setattr("basewatch.lake.ledger.listed", torn)
    monkeypatch.setattr(Ledger, "_is_reader", lambda _: True)
    assert kept(Lake(tmp_path)) == [1, 2, 3]


def test_a_reader_looks_again_where_a_segment_vanished_and_gives_up_where_it_stays_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(tmp_path)
    for number in range(1, 9):
        lake.commit([row(number)])
    reader = Lake(tmp_path)
    batches, calls = Ledger._batches, []

    def late(self: Ledger, segment: Segment) -> Any:
        calls.append(segment.name)
        if len(calls) == 3:  # by now the first two were read, and another process merges all eight
            lake.commit([row(9)])
        return batches(self, segment)

    monkeypatch.setattr(reader._ledger, "_is_reader", lambda: True)
    monkeypatch.setattr(reader._ledger, "_batches", lambda segment: late(reader._ledger, segment))
    assert kept(reader) == list(range(1, 10))
    assert len(calls) == 5

    def never(_: Segment) -> Any:
        raise FileNotFoundError("gone")

    monkeypatch.setattr(reader._ledger, "_batches", never)
    lake.commit([row(10)])
    with pytest.raises(FileNotFoundError):
        reader.ledger()


# ---- processes that die


@pytest.mark.parametrize(
    "step", ["the merged segment is written", "it is named", "one is removed", "the new segment is named"]
)
def test_a_merge_that_dies_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    lake = Lake(tmp_path)
    for number in range(1, 9):
        lake.commit([row(number)])
    done = Counter[str]()
    replace_, unlink = Path.replace, Path.unlink

    def dying(name: str, after: int, work: Any) -> Any:
        def wrapped(self: Path, *arguments: Any, **options: Any) -> Any:
            done[name] += 1
            if done[name] > after:
                raise KeyboardInterrupt
            return work(self, *arguments, **options)

        return wrapped

    match step:
        case "the merged segment is written":
            monkeypatch.setattr(Path, "replace", dying("replace", 0, replace_))
        case "it is named":
            monkeypatch.setattr(Path, "replace", dying("replace", 1, replace_))
        case "one is removed":
            monkeypatch.setattr(Path, "unlink", dying("unlink", 1, unlink))
        case "the new segment is named":
            monkeypatch.setattr(Path, "replace", dying("replace", 2, replace_))
    with pytest.raises(KeyboardInterrupt):
        lake.commit([row(9)])
    monkeypatch.undo()
    assert kept(lake) == kept(Lake(tmp_path)) == list(range(1, 9)), "the commit that died was not made"
    for number in range(9, 30):
        lake.commit([row(number)])
    assert kept(lake) == kept(Lake(tmp_path)) == list(range(1, 30))
    Lake(tmp_path).sweep()
    assert list(lake.ledger_folder.glob(".*")) == []
    found = segments.listed(lake.ledger_folder)
    assert len(living(found)) == len(found), "nothing that was merged is left"


# ---- other versions


def test_segments_of_version_0_1_count_as_they_did(tmp_path: Path) -> None:
    folder = tmp_path / "lake" / "source_days"
    folder.mkdir(parents=True)
    for number in range(65, 70):  # what it had merged stands first
        write_as_0_1(folder, [row(number, key=number % 3)], number, watched=number > 66)
    lake = Lake(tmp_path)
    assert kept(lake) == [69, 67, 68]
    assert {row.watched for row in lake.ledger()} == {None}
    for number in range(70, 75):
        lake.commit([row(number, key=number % 3)])
    assert names(lake)[0].startswith("0000000072-0000000065-")
    assert kept(lake) == kept(Lake(tmp_path)) == [72, 73, 74]
    assert len(lake.parts_ever_named()) == 10


@pytest.mark.usefixtures("merging_by_threes")
def test_a_poller_of_before_the_chain_is_named_where_it_goes_on_beside(tmp_path: Path) -> None:
    """Its rows cannot be told from some that were put there, nor from what is left of a longer ledger."""
    lake, folder = Lake(tmp_path), tmp_path / "lake" / "source_days"
    for number in range(1, 6):
        lake.commit([row(number, key=number % 2)])
    rows = [values for name in names(lake) for values in pq.read_table(folder / name, schema=LEDGER).to_pylist()]
    assert [values["records_kept"] for values in rows] == [1, 2, 3, 4, 5]
    file = write_as_0_1(folder, [row(6, key=0)], int(names(lake)[-1].split("-")[0]) + 1)
    for asked in (lake.ledger, lambda: lake.commit([row(7, key=1)]), Lake(tmp_path).ledger):
        with pytest.raises(StoreFault, match=f"{file.name} was put into the ledger by an older basewatch"):
            asked()
    file.unlink()
    assert kept(lake) == kept(Lake(tmp_path)) == [4, 5]


def test_a_segment_of_a_later_version_is_refused_by_name(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.commit([row(1)])
    folder = lake.ledger_folder
    later_version = LEDGER_VERSION + 1
    later = ledger_table([row(2)]).append_column("new", pa.array(["x"]))
    write_parquet(later.replace_schema_metadata({VERSION_KEY: str(later_version)}), folder / ".later")
    name = segments.named(2, 2, hashlib.sha256((folder / ".later").read_bytes()).hexdigest()).name
    (folder / ".later").rename(folder / name)
    for asked in (lake.ledger, lake.fingerprint, lake.sweep, lambda: lake.commit([row(3)])):
        with pytest.raises(BasewatchError, match=rf"{name} is of schema version {later_version}.*upgrade"):
            asked()
    assert len(names(lake)) == 2
