"""Lake files as SQL: a table's declared columns, whichever schema versions the files are of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from basewatch.lake.files import refuse_newer, version_of
from basewatch.lake.schemas import LakeTable
from basewatch.warehouse.models import text_literal


def select(connection: duckdb.DuckDBPyConnection, table: LakeTable, files: Iterable[Path]) -> str:
    """A SELECT of the table's declared columns from these files, at least one; what an older file lacks is null.

    Files that lack the same columns are read together by name. (DuckDB's own union by name would leave out a column
    that all files lack.) The footers are read here, 0.2 ms each. Raises BasewatchError where a file is of a later
    version than this code knows.
    """
    types = dict(zip(table.schema.names, connection.from_arrow(table.schema.empty_table()).types, strict=True))
    groups: dict[frozenset[str], list[Path]] = defaultdict(list)
    for file in files:
        file_schema = pq.read_schema(file)
        refuse_newer(file, version_of(file_schema.metadata), table.version)
        groups[frozenset(table.schema.names) - frozenset(file_schema.names)].append(file)
    parts = []
    for lacking, alike in groups.items():
        columns = ", ".join(f"CAST(NULL AS {types[name]}) AS {name}" if name in lacking else name for name in types)
        file_list = ", ".join(text_literal(str(file)) for file in alike)
        parts.append(f"SELECT {columns} FROM read_parquet([{file_list}], hive_partitioning = false)")
    return " UNION ALL ".join(parts)
