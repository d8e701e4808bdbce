"""A release describes itself: fields of Parquet with text and unit, and a Data Package that its standard accepts."""

from __future__ import annotations

import json

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest
from frictionless import Package

from basewatch.warehouse import models
from wholeruns import Watch


@pytest.mark.parametrize("model", models.marts(), ids=lambda model: model.name)
def test_every_field_of_parquet_says_what_it_holds_and_in_which_unit(small_watch: Watch, model: models.Model) -> None:
    file = small_watch.root / "current" / model.name / f"{model.name}.parquet"
    told = {field.name: field.metadata or {} for field in pq.read_schema(file)}
    assert {name: metadata[b"description"].decode() for name, metadata in told.items()} == {
        column.name: column.doc for column in model.columns
    }
    assert {name: metadata[b"unit"].decode() for name, metadata in told.items() if b"unit" in metadata} == {
        column.name: column.unit for column in model.columns if column.unit
    }


@pytest.mark.parametrize("model", models.marts(), ids=lambda model: model.name)
def test_what_describes_a_table_changes_no_row_of_it(small_watch: Watch, model: models.Model) -> None:
    file = small_watch.root / "current" / model.name / f"{model.name}.parquet"
    with duckdb.connect(str(small_watch.root / "basewatch.duckdb"), read_only=True) as release:
        release.execute("SET TimeZone = 'UTC'")
        published = release.sql(f"FROM {model.name}").fetchall()
        assert release.sql(f"FROM read_parquet('{file}')").fetchall() == published
        assert release.sql(f"DESCRIBE {model.name}").fetchall() == release.sql(f"DESCRIBE FROM '{file}'").fetchall()
    read = pq.read_table(file)
    assert [tuple(row.values()) for row in read.to_pylist(maps_as_pydicts="strict")] == published
    assert pl.read_parquet(file).height == len(published)


def test_a_reader_without_arrow_finds_the_columns_as_json(small_watch: Watch) -> None:
    file = small_watch.root / "current" / "base_gaps" / "base_gaps.parquet"
    found = duckdb.sql(f"SELECT decode(value) FROM parquet_kv_metadata('{file}') WHERE key = 'columns'").fetchall()
    assert json.loads(found[0][0])["gap_days"]["unit"] == "day"


def test_the_data_package_and_the_files_that_it_names_are_valid(small_watch: Watch) -> None:
    current = (small_watch.root / "current").resolve()
    package = Package(str(current / "datapackage.json"))
    report = package.validate()
    assert report.valid, report.flatten(["resourceName", "fieldName", "type", "message"])
    assert package.version == current.name
    assert [resource.name for resource in package.resources] == [model.name for model in models.marts()]
    assert {source["title"] for source in package.sources} >= {"Flight records supplied by the user."}
    listed = {entry["path"]: entry for entry in json.loads((current / "manifest.json").read_text())["files"]}
    assert "datapackage.json" in listed
    assert {str(resource.path) for resource in package.resources} <= set(listed)
