"""Files that are there whole or not at all (written aside, synced, renamed), and tables as the lake's Parquet."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

COMPRESSION = "zstd"
COMPRESSION_LEVEL = 3
ROW_GROUP = 122_880  # one DuckDB row group


def fsync_folder(folder: Path) -> None:
    """Make renames inside the folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_aside(target: Path, data: bytes) -> None:
    """Write a file so that readers see all of it or none: aside, synced, renamed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    with aside.open("wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    aside.replace(target)
    fsync_folder(target.parent)


def encode_parquet(table: pa.Table, sink: Any) -> None:
    """Write a table as the lake's Parquet, to a path or a stream."""
    pq.write_table(table, sink, compression=COMPRESSION, compression_level=COMPRESSION_LEVEL, row_group_size=ROW_GROUP)


def write_parquet(table: pa.Table, target: Path) -> None:
    """Write a table as zstd Parquet, aside and renamed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    encode_parquet(table, aside)
    with aside.open("rb") as handle:
        os.fsync(handle.fileno())
    aside.replace(target)
    fsync_folder(target.parent)


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


def sha256(file: Path) -> str:
    """The SHA-256 of a file's bytes, in hex."""
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
