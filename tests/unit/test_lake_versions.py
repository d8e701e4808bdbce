"""Schema versions of lake files: older are read, newer refused, and a lake of version 0.1 says what it said."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from basewatch.errors import BasewatchError
from basewatch.lake.events import Day
from basewatch.lake.files import VERSION_KEY, stamped, version_of
from basewatch.lake.ledger import ledger_row
from basewatch.lake.schemas import TABLES
from basewatch.lake.store import Lake
from basewatch.warehouse.lake_sql import select

SAMPLE = Path(__file__).parents[1] / "samples" / "warehouse-0.1"
FINGERPRINT = "17a6331ada5acd0e349c6ef81baeb40563f2469fd927f3f9fa77f756798f12bf"  # as version 0.1 published it
PLAIN = TABLES["plain_flights"]
DAY = date(2025, 3, 14)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    shutil.copytree(SAMPLE / "lake", tmp_path / "lake")
    return Lake(tmp_path)


def rows(*ids: str) -> pa.Table:
    values = [{"record_id": name, "icao24": "15501a", "origin_sha256": "0a"} for name in ids]
    return pa.Table.from_pylist(values, schema=PLAIN.schema).drop_columns(["source", "day"])


def read(table: str, files: list[Path]) -> pa.Table:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(select(connection, TABLES[table], files)).to_arrow_table()


def test_a_lake_of_version_0_1_says_what_it_said(lake: Lake) -> None:
    assert lake.fingerprint() == FINGERPRINT
    assert len(lake.ledger()) == 9
    for name, table in TABLES.items():
        files = lake.files(name)
        if files:
            found = read(name, files)
            assert found.num_rows == sum(pq.read_metadata(file).num_rows for file in files)
            assert found.column_names == table.schema.names
            assert found.schema.field("day").type == pa.date32()
    assert read("plain_flights", lake.files("plain_flights")).column("origin_sha256").null_count == 3
    assert lake.commit(lake.ledger()) == []
    assert lake.sweep() == 0, "every file of it is named"
    assert lake.fingerprint() == FINGERPRINT


def test_new_files_stand_beside_old_ones(lake: Lake) -> None:
    old = lake.files("plain_flights")
    part = lake.write_rows("plain_flights", "flight_files", date(2025, 3, 17), rows("new"))
    lake.commit([ledger_row("flight_files", Day(date(2025, 3, 17), "partial"), "run", [part])])
    assert len(lake.files("plain_flights")) == len(old) + 1
    found = read("plain_flights", lake.files("plain_flights")).to_pylist()
    assert {row["record_id"]: row["origin_sha256"] for row in found} == {
        "in-1": None, "out-1": None, "in-2": None, "new": "0a",
    }  # fmt: skip
    assert {row["origin_file"] for row in found} == {"flights.csv", None}
    assert lake.fingerprint() != FINGERPRINT


def test_files_carry_their_version_and_equal_rows_are_equal_files(lake: Lake) -> None:
    one = lake.write_rows("plain_flights", "flight_files", DAY, rows("a", "b"))
    assert one == lake.write_rows("plain_flights", "flight_files", DAY, rows("b", "a"))
    assert version_of(pq.read_schema(lake.folder / one).metadata) == PLAIN.version == 2
    (points,) = lake.files("track_points")
    again = pq.read_table(points, partitioning=None).drop_columns(["source", "day"])
    part = lake.write_rows("track_points", "readsb_archive", DAY, again)
    assert pq.read_schema(lake.folder / part).metadata is None, "the first version of a table carries none"


def test_a_file_of_a_later_version_is_refused_by_name(lake: Lake) -> None:
    file = lake.files("plain_flights")[0]
    later = pq.read_table(file, partitioning=None).append_column("altogether_new", pa.array([1] * 2))
    pq.write_table(later.cast(stamped(later.schema, 3)), file)
    with pytest.raises(BasewatchError, match=rf"{file} is of schema version 3, .* up to 2: .* upgrade basewatch"):
        read("plain_flights", lake.files("plain_flights"))


@pytest.mark.parametrize(("version", "is_taken"), [(None, False), ("1", False), ("2", True), ("3", False)])
def test_only_the_current_version_is_adopted(lake: Lake, tmp_path: Path, version: str | None, is_taken: bool) -> None:
    file = tmp_path / "worker.parquet"
    pq.write_table(
        PLAIN.schema.empty_table().replace_schema_metadata({VERSION_KEY: version} if version else None), file
    )
    if is_taken:
        assert (lake.folder / lake.adopt("plain_flights", "flight_files", DAY, file)).exists()
    else:
        with pytest.raises(ValueError, match="schema of lake table plain_flights, version 2"):
            lake.adopt("plain_flights", "flight_files", DAY, file)


def test_what_all_files_lack_is_null_in_its_own_type(tmp_path: Path) -> None:
    for name, table in TABLES.items():
        lacking = [column for column in table.schema.names if column not in ("source", "day")]
        file = tmp_path / f"{name}.parquet"
        pq.write_table(table.schema.empty_table().drop_columns(lacking), file)
        assert read(name, [file]).schema.types == read(name, [whole(table.schema, tmp_path)]).schema.types


def whole(schema: pa.Schema, folder: Path) -> Path:
    pq.write_table(schema.empty_table(), folder / "whole.parquet")
    return folder / "whole.parquet"
