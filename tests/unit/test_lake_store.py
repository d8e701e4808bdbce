"""The lake: content names files, the ledger decides what counts, the latest row wins."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from basewatch.lake.events import Day
from basewatch.lake.files import unique
from basewatch.lake.ledger import ledger_row
from basewatch.lake.schemas import TABLES
from basewatch.lake.store import Lake

DAY = date(2025, 10, 24)


def flights(*ids: str, **values: Any) -> pa.Table:
    rows = [
        {"record_id": name, "origin": "OSLK", "departed_at": datetime(2025, 10, 24, tzinfo=UTC), **values}
        for name in ids
    ]
    schema = TABLES["plain_flights"].schema
    return pa.Table.from_pylist(
        [{field.name: row.get(field.name) for field in schema} for row in rows], schema
    ).drop_columns(["source", "day"])


def test_equal_content_is_one_file_whatever_its_order(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    one = lake.write_rows("plain_flights", "flight_files", DAY, flights("a", "b"))
    other = lake.write_rows("plain_flights", "flight_files", DAY, flights("b", "a", "a"))
    assert one == other
    assert one.startswith("plain_flights/source=flight_files/day=2025-10-24/")
    table = pq.read_table(lake.folder / one, partitioning=None)
    assert table.column("record_id").to_pylist() == ["a", "b"]
    assert table.schema.equals(TABLES["plain_flights"].schema)
    assert pq.ParquetFile(lake.folder / one).metadata.row_group(0).column(0).compression == "ZSTD"


def test_of_equal_keys_the_later_row_stays() -> None:
    table = pa.table({"k": ["x", "x", None, None, "y"], "n": [1, 2, 3, 4, 5]})
    assert unique(table, ["k"]).to_pylist() == [{"k": "x", "n": 2}, {"k": "y", "n": 5}, {"k": None, "n": 4}]
    assert unique(table.slice(0, 0), ["k"]).num_rows == 0


def test_only_files_that_the_ledger_names_count(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    part = lake.write_rows("plain_flights", "flight_files", DAY, flights("a"))
    assert lake.files("plain_flights") == []
    lake.commit([ledger_row("flight_files", Day(DAY, "partial"), "run-1", [part])])
    assert lake.files("plain_flights") == [lake.folder / part]


def test_the_ledger_keeps_which_bases_a_day_was_read_for(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    days = [ledger_row("gdelt_files", Day(DAY, "ok"), "run-1", watched=["tartus", "hmeimim"])]
    days.append(ledger_row("gdelt_files", Day(DAY, "ok", "base:tartus"), "run-1", watched=["tartus"]))
    days.append(ledger_row("opensky", Day(DAY, "ok"), "run-1"))
    lake.commit(days)
    assert lake.commit(days) == []
    before = lake.fingerprint()
    assert len(lake.commit([ledger_row("gdelt_files", Day(DAY, "ok"), "run-2", watched=["hmeimim"])])) == 1
    assert lake.fingerprint() != before
    kept = {(row.source, row.scope): row.watched for row in Lake(tmp_path).ledger()}
    assert kept == {
        ("gdelt_files", "global"): ("hmeimim",),
        ("gdelt_files", "base:tartus"): None,
        ("opensky", "global"): None,
    }


def test_a_restated_day_replaces_the_old_and_a_repeated_one_changes_nothing(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    old = lake.write_rows("plain_flights", "flight_files", DAY, flights("a"))
    new = lake.write_rows("plain_flights", "flight_files", DAY, flights("a", "b"))
    assert len(lake.commit([ledger_row("flight_files", Day(DAY, "ok"), "run-1", [old])])) == 1
    before = lake.fingerprint()
    assert lake.commit([ledger_row("flight_files", Day(DAY, "ok"), "run-2", [old])]) == []
    assert lake.fingerprint() == before
    lake.commit([ledger_row("flight_files", Day(DAY, "ok"), "run-3", [new])])
    assert lake.files("plain_flights") == [lake.folder / new]
    assert lake.fingerprint() != before
    assert (lake.folder / old).exists()  # append-only: what an earlier ledger row named stays


def test_sweep_takes_what_no_row_ever_named(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    kept = lake.write_rows("plain_flights", "flight_files", DAY, flights("a"))
    lost = lake.write_rows("plain_flights", "flight_files", DAY, flights("b"))
    (lake.folder / kept).with_name(".half.parquet.123").write_bytes(b"half")
    lake.commit([ledger_row("flight_files", Day(DAY, "ok"), "run-1", [kept])])
    assert lake.sweep() == 2
    assert (lake.folder / kept).exists()
    assert not (lake.folder / lost).exists()


def test_rows_of_another_shape_are_refused(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with pytest.raises(KeyError):
        lake.write_rows("plain_flights", "flight_files", DAY, pa.table({"nonsense": [1]}))
    stray = tmp_path / "stray.parquet"
    pq.write_table(pa.table({"nonsense": [1]}), stray)
    with pytest.raises(ValueError, match="schema of lake table plain_flights"):
        lake.adopt("plain_flights", "flight_files", DAY, stray)
