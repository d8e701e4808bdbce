"""A release that describes itself: fields of Parquet with text and unit, and a Data Package over its tables.

`datapackage.json` follows the Data Package standard (https://specs.frictionlessdata.io/tabular-data-package/): one
resource a table with its Parquet file, its fields, what they mean, their units and the values that they may hold.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from basewatch.database import connect
from basewatch.durable import write_aside
from basewatch.reference.rows import SourceRow
from basewatch.warehouse import models
from basewatch.warehouse.models import Column, Model
from basewatch.warehouse.published import DATABASE

DATA_PACKAGE = "datapackage.json"
ARROW = {  # types of published columns as DuckDB writes them into Parquet
    "BOOLEAN": pa.bool_(),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "VARCHAR": pa.string(),
    "DATE": pa.date32(),
    "TIMESTAMPTZ": pa.timestamp("us", tz="UTC"),
    "VARCHAR[]": pa.list_(pa.field("element", pa.string())),
    "DATE[]": pa.list_(pa.field("element", pa.date32())),
    "STRUCT(explanation VARCHAR, probability DOUBLE)[]": pa.list_(
        pa.field("element", pa.struct([("explanation", pa.string()), ("probability", pa.float64())]))
    ),
    "MAP(VARCHAR, BIGINT)": pa.map_(pa.string(), pa.int64()),
}
# Of lists each reader of Parquet gives a form of its own. A count may be unknown, and readers by way of pandas give
# such a column as decimals: its own type stands beside, in `duckdb_type`.
FRICTIONLESS = {
    "BOOLEAN": "boolean",
    "INTEGER": "number",
    "BIGINT": "number",
    "DOUBLE": "number",
    "VARCHAR": "string",
    "DATE": "date",
    "TIMESTAMPTZ": "datetime",
}


def schema(model: Model) -> pa.Schema:
    """The table as Arrow; each field's metadata holds `description`, and `unit` where it has one."""
    return pa.schema([pa.field(column.name, ARROW[column.type], metadata=_of(column)) for column in model.columns])


def parquet_metadata(model: Model) -> dict[str, str]:
    """Key-value metadata of a table's Parquet file.

    `description`, `key`, and `columns` (JSON by column) are for readers of any kind; `ARROW:schema` is where those that
    rest on Arrow (pyarrow, polars, R's arrow) look for metadata of fields.
    """
    columns = {column.name: _of(column) for column in model.columns}
    return {
        "grain": model.grain,
        "key": ",".join(model.key),
        "columns": json.dumps(columns, ensure_ascii=False),
        "ARROW:schema": base64.b64encode(schema(model).serialize()).decode(),
    }


def write_data_package(folder: Path, release_id: str, sources: Iterable[SourceRow]) -> None:
    """Write the descriptor of the release whose database and Parquet lie in `folder`.

    sources: the reference table `sources`; named are those on which the release rests.
    """
    with connect(folder / DATABASE, read_only=True) as connection:
        found = connection.execute("SELECT published_at FROM releases WHERE release_id = ?", [release_id]).fetchall()
        used = {source for (source,) in connection.execute("SELECT DISTINCT source FROM source_days").fetchall()}
    [(published_at,)] = found
    made = _data_package(release_id, published_at.isoformat(), [row for row in sources if row.source in used])
    write_aside(folder / DATA_PACKAGE, json.dumps(made, indent=1, ensure_ascii=False).encode())


def _data_package(release_id: str, created: str, sources: Sequence[SourceRow]) -> dict[str, Any]:
    return {
        "profile": "tabular-data-package",
        "name": "basewatch",
        "title": "basewatch: movements at watched air bases",
        "description": (
            "Visits, gaps, months and press claims of watched air bases, and how far each could have been seen. "
            "A count that is null is unknown: it is never nought."
        ),
        "version": release_id,
        "created": created,
        "keywords": ["ads-b", "aviation", "air base"],
        "licenses": [
            {"name": _name(row.licence), "title": f"{row.title}: {row.licence}"}
            | ({"path": row.licence_url} if row.licence_url else {})
            for row in sources
        ],
        "sources": [
            {"title": row.attribution or row.title} | ({"path": row.url} if row.url else {}) for row in sources
        ],
        "resources": [_resource(model) for model in models.marts()],
    }


def _resource(model: Model) -> dict[str, Any]:
    """A table as a resource. Sizes and hashes stand in `manifest.json`: validators measure them of texts alone."""
    return {
        "profile": "tabular-data-resource",
        "name": model.name,
        "title": model.name.replace("_", " "),
        "description": f"{model.grain[0].upper()}{model.grain[1:]}.",
        "path": f"{model.name}/{model.name}.parquet",
        "format": "parquet",
        "mediatype": "application/vnd.apache.parquet",
        "schema": {
            "fields": [_field(column, column.name in model.key) for column in model.columns],
            "primaryKey": list(model.key),
        },
    }


def _field(column: Column, is_key: bool) -> dict[str, Any]:
    constraints: dict[str, Any] = {"enum": list(column.values)} if column.values else {}
    if is_key:
        constraints["required"] = True
    return {
        "name": column.name,
        "type": FRICTIONLESS.get(column.type, "any"),
        "duckdb_type": column.type,
        "description": column.doc,
        **({"unit": column.unit} if column.unit else {}),
        **({"constraints": constraints} if constraints else {}),
    }


def _of(column: Column) -> dict[str, str]:
    """What a column says, for a field's metadata."""
    told = {"description": column.doc}
    if column.unit:
        told["unit"] = column.unit
    if column.values:
        told["values"] = ", ".join(column.values)
    return told


def _name(licence: str) -> str:
    """A licence as the standard names one: its SPDX identifier where it begins so, else `other`."""
    first = licence.split(" ")[0].rstrip(":;,")
    return first if first in ("Apache-2.0", "ODbL-1.0") else "other"
