"""What came of each of the user's own files, and the line that tells of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from basewatch.lake.events import FileReading
from basewatch.lake.readings import Readings
from basewatch.lake.store import Lake
from basewatch.warehouse.published import Published

AT_ODDS = "days that it throws into doubt do not count until it is put right, or `ignore` leaves it out (docs/trust.md)"


@dataclass(frozen=True)
class FileToTell:
    """What came of one of a source's files; `listed_in`: where its rejects stand, one JSON object a line."""

    source: str
    reading: FileReading
    listed_in: Path | None

    @property
    def values(self) -> dict[str, Any]:
        """The same as JSON holds it."""
        return {"source": self.source, **asdict(self.reading), "list": str(self.listed_in) if self.listed_in else None}

    @property
    def words(self) -> str:
        """One line on what is wrong with it."""
        one = self.reading
        counts = {"rejected": one.records_rejected, "with a place or a day that is not known": one.records_doubtful}
        told = [f"{count:,} of {one.records_read or count:,} records {what}" for what, count in counts.items() if count]
        told += [f"at odds with itself: {one.contradictions}"] if one.contradictions else []
        told += [one.fault] if one.fault else []
        told += [f"first: {one.reason}"] if one.reason and one.reason != one.fault else []
        told += [AT_ODDS] if one.contradictions else []
        return f"{self.source}: {one.file}: {'; '.join(told)}"


def files(published: Published, lake: Lake, sources: Iterable[str]) -> list[FileToTell]:
    """What came of the user's own files, of every source that reads such files whole."""
    return [
        FileToTell(code, reading, listed_in(published, code, reading))
        for code in sources
        for reading in Readings(lake, code).latest().values()
    ]


def listed_in(published: Published, code: str, reading: FileReading) -> Path | None:
    """The list of a file's rejects, None where it has none."""
    rejects = published.quarantine / (reading.run_id or "") / "rejects" / f"{code}.jsonl"
    return rejects if rejects.exists() else None
