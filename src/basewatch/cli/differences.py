"""What changed from one release to another, at a terminal."""

from __future__ import annotations

from pathlib import Path

from basewatch import config
from basewatch.cli import tables
from basewatch.reference import load
from basewatch.warehouse import comparing
from basewatch.warehouse.releases import Warehouse

SHOWN = ("table_name", "base_id", "fleet_id", "month", "change", "cause", "rows", "examples")


def show(config_file: Path | None, before: str, after: str | None, form: tables.Format, *, raw: bool) -> None:
    """Print the changes from one release to another (None: the current one). Raises ConfigError for one not kept."""
    settings = config.load(config_file)
    warehouse = Warehouse(settings.root)
    changes = comparing.between(warehouse, warehouse.release(before), warehouse.release(after), load.params(settings))
    rows = [tuple(row.values()) for row in changes.to_pylist()]
    tables.write("changes", changes.column_names, rows, form, SHOWN, raw=raw)
