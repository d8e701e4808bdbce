"""What came of each of the user's own files when it was last read, and what the lake holds of it.

A file that held rows and is now gone, empty, shrunk or unreadable is more likely damaged than meant: its last good
reading stays until the user takes it back (`withdraw`). One JSON file a source, beside the ledger; it is written after
the ledger's rows, and a run that dies in between reads the files again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, fields, replace
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from basewatch.errors import ConfigError
from basewatch.lake import notes
from basewatch.lake.events import GLOBAL, FileReading
from basewatch.lake.files import read_batches
from basewatch.lake.schemas import TABLES
from basewatch.lake.store import Lake

_NAMES = {field.name for field in fields(FileReading)}


class Readings:
    """The readings of one source's files."""

    def __init__(self, lake: Lake, source: str) -> None:
        self._lake, self._source = lake, source
        self._file = lake.folder / "files" / f"{source}.json"

    def latest(self) -> dict[str, FileReading]:
        """The latest reading of each file, by its name."""
        values = notes.read(self._file)
        with notes.understood(self._file):
            return {name: _reading({"file": name, **value}) for name, value in values.items()}

    def held(self) -> dict[str, FileReading]:
        """As `latest`; for a lake that is older than these notes, made of the rows that it holds."""
        latest = self.latest()
        if latest or self._file.exists() or not self._lake.ledger(self._source):
            return latest
        found: dict[str, FileReading] = {}
        for table in _with_origin():
            for rows in self._batches(table, ["origin_file", "day"]):
                for name, days in _by_file(rows).items():
                    before = found.get(name, FileReading(name))
                    since = min(filter(None, (before.since, min(days))))
                    until = max(filter(None, (before.until, max(days))))
                    found[name] = replace(
                        before, records_held=before.records_held + len(days), since=since, until=until
                    )
        return found

    def rows(self, table: str, file: str) -> pa.Table:
        """The rows that the lake holds of a file."""
        return self.rows_with(table, "origin_file", [file])

    def rows_with(self, table: str, column: str, values: Iterable[str]) -> pa.Table:
        """The rows that the lake holds with one of these values in a column."""
        wanted = pa.array(list(values), pa.string())
        batches = [rows.filter(pc.is_in(rows.column(column), value_set=wanted)) for rows in self._batches(table, None)]
        schema = TABLES[table].schema
        return pa.concat_tables([batch.select(schema.names) for batch in batches]) if batches else schema.empty_table()

    def rows_of_day(self, table: str, day: date) -> pa.Table:
        """The rows that the lake holds of a day."""
        declared = TABLES[table]
        row = self._lake.ledger_row(self._source, GLOBAL, day)
        files = self._lake.sound(self._lake.files(table, [row] if row else []))
        batches = [batch for file in files for batch in read_batches(file, declared.schema, declared.version)]
        return pa.concat_tables(batches) if batches else declared.schema.empty_table()

    def _batches(self, table: str, names: list[str] | None) -> Iterable[pa.Table]:
        declared = TABLES[table]
        for file in self._lake.sound(self._lake.files(table, self._lake.ledger(self._source))):
            for batch in read_batches(file, declared.schema, declared.version):
                yield batch if names is None else batch.select(names)

    def remember(self, readings: Iterable[FileReading], run_id: str) -> None:
        """Note the latest reading of every file that there is, or of which something is kept; others go."""
        noted = {reading.file: replace(reading, run_id=run_id) for reading in readings}
        before = self.latest()
        for name, reading in noted.items():  # what says the same keeps the run in whose list its rejects stand
            if name in before and replace(before[name], run_id=run_id) == reading and before[name].run_id:
                noted[name] = before[name]
        if noted != before or not self._file.exists():
            self._write(noted)

    def withdraw(self, file: str, because: str) -> FileReading:
        """Note that what a file held is taken back. Raises ConfigError where it is not such a file."""
        latest = self.latest()
        reading = latest.get(file)
        if reading is None or not reading.is_short:
            raise ConfigError(f"{file} has not lost anything: there is nothing to withdraw")
        taken_back = replace(reading, withdrawn_because=because)
        self._write({**latest, file: taken_back})
        return taken_back

    def withdrawn(self) -> list[str]:
        """The files whose former rows are taken back, which decides what a reading gives."""
        return sorted(name for name, reading in self.latest().items() if reading.withdrawn_because)

    def _write(self, readings: dict[str, FileReading]) -> None:
        notes.write(self._file, {name: _values(reading) for name, reading in sorted(readings.items())})


def _values(reading: FileReading) -> dict[str, Any]:
    """A reading as JSON holds it."""
    values = asdict(reading)
    return {name: str(value) if isinstance(value, date) else value for name, value in values.items()}


def _reading(values: dict[str, Any]) -> FileReading:
    known = {name: value for name, value in values.items() if name in _NAMES}
    for name in ("since", "until"):
        if known.get(name):
            known[name] = date.fromisoformat(known[name])
    return FileReading(**known)


def _with_origin() -> list[str]:
    return [name for name, table in TABLES.items() if "origin_file" in table.schema.names]


def _by_file(rows: pa.Table) -> dict[str, list[date]]:
    by_file: dict[str, list[date]] = {}
    for name, day in zip(rows.column("origin_file").to_pylist(), rows.column("day").to_pylist(), strict=True):
        if name:
            by_file.setdefault(name, []).append(day)
    return by_file
