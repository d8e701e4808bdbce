"""Short runs of a warehouse in S3: one record each, stored. As a program, many of them that race, or one that waits."""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa

from basewatch import config
from basewatch.errors import BasewatchError
from basewatch.lake.ledger import LedgerRow
from basewatch.lake.schemas import TABLES
from basewatch.lake.store import Lake
from basewatch.remote import storage
from basewatch.warehouse.published import DATABASE, MANIFEST, utc_now
from basewatch.warehouse.releases import Warehouse, list_files, write_manifest

DAY = date(2025, 3, 14)


def add(root: Path, name: str) -> None:
    """Commit one record to the lake, as a source's day does."""
    lake, columns = Lake(root), TABLES["plain_flights"].schema
    rows = pa.table({field.name: pa.array([None], field.type) for field in columns}).drop_columns(["source", "day"])
    given = pa.array([name], columns.field("record_id").type)
    rows = rows.set_column(rows.schema.get_field_index("record_id"), "record_id", given)
    part = lake.write_rows("plain_flights", "simulated", DAY, rows)
    lake.commit([LedgerRow("simulated", f"base:{name}", DAY, "ok", 1, 1, 1, 1, 0, None, None, utc_now(), None, name,
                           (part,))])  # fmt: skip


def store(file: Path, name: str) -> None:
    """A run that adds one record."""
    settings = config.load(file)
    with storage.held(settings):
        add(settings.root, name)


def release_again(root: Path, name: str) -> None:
    """One release more, made as a publish makes it: what the current one holds, but for its name."""
    warehouse = Warehouse(root)
    making, folder = (warehouse.releases_folder / entry for entry in (f".making-{name}", name))
    shutil.copytree(warehouse.current_link.resolve(), making, copy_function=shutil.copyfile)
    with duckdb.connect(str(making / DATABASE)) as connection:
        connection.execute("UPDATE releases SET release_id = ?", [name])
    manifest = json.loads((making / MANIFEST).read_text())
    (making / MANIFEST).unlink()
    write_manifest(making, {**manifest, "release_id": name, "files": list_files(making)})
    making.rename(folder)
    warehouse.switch(name)


def held_by(root: Path) -> set[str]:
    """The names of the records that a lake holds, each of whose files must be there."""
    lake = Lake(root)
    lake.sound(lake.current_files())
    return {one.scope.removeprefix("base:") for one in lake.ledger()}


def race(many: int, names: str, folder: Path) -> int:
    """A process for each name stores so many records in the watch of that name in the folder; how many failed."""
    with tempfile.TemporaryDirectory() as warm:  # what is imported at first use is imported once
        add(Path(warm), "warm")
    children = []
    for name in names:
        child = os.fork()
        if not child:
            for number in range(many):
                while True:
                    try:
                        store(folder / name / "basewatch.toml", f"{name}{number}")
                        break
                    except BasewatchError:
                        time.sleep(random.uniform(0.5, 2))
            os._exit(0)
        children.append(child)
    return sum(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0 for child in children)


def hold(file: Path, name: str) -> int:
    """Add a record, say so, and end when a line comes; the exit status."""
    settings = config.load(file)
    try:
        with storage.held(settings):
            add(settings.root, name)
            print("holding", flush=True)
            sys.stdin.readline()
    except BasewatchError as error:
        print(error, flush=True)
        return error.exit_status
    return 0


if __name__ == "__main__":
    if sys.argv[1] == "race":
        sys.exit(race(int(sys.argv[2]), sys.argv[3], Path(sys.argv[4])))
    sys.exit(hold(Path(sys.argv[2]), sys.argv[3]))
