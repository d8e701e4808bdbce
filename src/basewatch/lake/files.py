"""Tables as the lake's Parquet: written whole or not at all, each file with the version of its schema."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from basewatch.durable import aside_of
from basewatch.errors import StoreFault

VERSION_KEY = "basewatch.schema_version"
COMPRESSION = "zstd"
COMPRESSION_LEVEL = 3
ROW_GROUP = 122_880  # one DuckDB row group


def encode_parquet(table: pa.Table, sink: Any) -> None:
    """Write a table as the lake's Parquet, to a path or a stream."""
    pq.write_table(table, sink, compression=COMPRESSION, compression_level=COMPRESSION_LEVEL, row_group_size=ROW_GROUP)


def from_records(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> tuple[pa.Table, dict[int, Exception]]:
    """Rows as a table; those with a value that its column cannot hold are left out, and told by their number from 0."""
    try:
        return pa.Table.from_pylist(rows, schema=schema), {}
    except Exception:  # one of them is at fault: only now does each cost a table of its own
        faults = {number: fault for number, row in enumerate(rows) if (fault := _fault(row, schema))}
        good = [row for number, row in enumerate(rows) if number not in faults]
        return pa.Table.from_pylist(good, schema=schema), faults


def _fault(row: Mapping[str, Any], schema: pa.Schema) -> Exception | None:
    try:
        pa.Table.from_pylist([row], schema=schema)
    except Exception as error:
        return error
    return None


def write_parquet(table: pa.Table, target: Path) -> None:
    """Write a table as zstd Parquet, aside and renamed."""
    with aside_of(target) as aside:
        encode_parquet(table, aside)


def write_batches(batches: Iterable[pa.Table], schema: pa.Schema, target: Path) -> None:
    """Write many small tables of one schema as one Parquet file of full row groups, aside and renamed."""
    with (
        aside_of(target) as aside,
        pq.ParquetWriter(aside, schema, compression=COMPRESSION, compression_level=COMPRESSION_LEVEL) as writer,
    ):
        waiting: list[pa.Table] = []
        for batch in batches:
            waiting.append(batch.replace_schema_metadata(schema.metadata))
            if sum(table.num_rows for table in waiting) >= ROW_GROUP:
                writer.write_table(pa.concat_tables(waiting).combine_chunks())
                waiting = []
        if waiting:
            writer.write_table(pa.concat_tables(waiting).combine_chunks())


def stamped(schema: pa.Schema, version: int) -> pa.Schema:
    """The schema with its version as Parquet metadata; version 1 goes without, so that equal rows are equal files.

    Files of basewatch 0.1 are of version 1 and carry none.
    """
    return schema.remove_metadata() if version == 1 else schema.with_metadata({VERSION_KEY: str(version)})


def version_of(metadata: Mapping[bytes, bytes] | None) -> int:
    """The schema version that a file's metadata gives; 1 where it gives none."""
    return int((metadata or {}).get(VERSION_KEY.encode(), b"1"))


def refuse_newer(file: Path, version: int, supported: int) -> None:
    """Raise StoreFault where a file's schema is of a later version than this code knows."""
    if version > supported:
        raise StoreFault(
            f"{file} is of schema version {version}, and this basewatch knows versions up to {supported}: it was "
            "written by a newer basewatch; upgrade basewatch to read this warehouse"
        )


def read_batches(file: Path, schema: pa.Schema, version: int, data: bytes | None = None) -> Iterator[pa.Table]:
    """The rows of a Parquet file in a declared schema; columns that an older file lacks are null.

    data: its bytes, where they have been read already. Raises StoreFault where its schema is of a later version.
    """
    with pq.ParquetFile(file if data is None else pa.BufferReader(data)) as opened:
        file_schema = opened.schema_arrow
        refuse_newer(file, version_of(file_schema.metadata), version)
        for batch in opened.iter_batches():
            table = pa.Table.from_batches([batch])
            for field in schema:
                if field.name not in file_schema.names:
                    table = table.append_column(field, pa.nulls(table.num_rows, field.type))
            yield table.select(schema.names).cast(schema)


def unique(table: pa.Table, key: Iterable[str]) -> pa.Table:
    """The table sorted by its key, one row a key; of equal keys the one that came last stays."""
    names = list(key)
    numbered = table.append_column("_order", pa.array(range(table.num_rows), pa.int64()))
    ordered = numbered.sort_by([(name, "ascending") for name in [*names, "_order"]])
    if ordered.num_rows < 2:
        return ordered.drop_columns(["_order"])
    keys = ordered.select(names).combine_chunks()
    here, after = keys.slice(0, keys.num_rows - 1), keys.slice(1)
    same = None
    for name in names:
        left, right = here.column(name), after.column(name)
        equal = pc.fill_null(pc.equal(left, right), False)
        both_null = pc.and_(left.is_null(), right.is_null())
        column = pc.or_(equal, both_null)
        same = column if same is None else pc.and_(same, column)
    keep = pa.chunked_array([*pc.invert(same).chunks, pa.array([True])])
    return ordered.filter(keep).drop_columns(["_order"])
