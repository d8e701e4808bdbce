"""What decoding a source gives: rows for lake tables, rejects for quarantine, and a note a day for the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa

GLOBAL = "global"  # the scope of a day that was read for all bases at once


@dataclass(frozen=True)
class Rows:
    """Rows for one lake table, filed under one day; `data` is a table, or a Parquet file already written aside."""

    table: str
    day: date
    data: pa.Table | Path
    scope: str = GLOBAL

    @property
    def is_empty(self) -> bool:
        """Whether it carries no row."""
        return not isinstance(self.data, Path) and not self.data.num_rows


@dataclass(frozen=True)
class Reject:
    """A file or record that could not be used: kept in quarantine with its reason, counted, and passed over."""

    day: date | None
    where: str
    reason: str
    raw: str = ""
    contradiction: str = ""  # its sort, where it contradicts something


@dataclass(frozen=True)
class Day:
    """What came of looking at one day in one scope: a row of the ledger. Statuses are those of `source_days`."""

    day: date
    status: str
    scope: str = GLOBAL
    files: int = 0
    bytes: int = 0
    records_read: int = 0
    records_kept: int = 0
    records_rejected: int = 0
    sha256: str | None = None
    chosen_copy: str | None = None
    error: str | None = None
    source_detail: str | None = None
    measures: str | None = None  # JSON: what the day held, to hold other days against


@dataclass(frozen=True)
class FileReading:
    """What came of one of the user's own files: rows read = kept + rejected + duplicates.

    form: what it was taken for, empty where nothing could be read. records_unresolved: kept ones that name a place
    which is not known, or a base without the day; records_doubtful: those of them that may be a base declared complete
    (or, where none is, a watched one). records_flagged: kept and rejected ones that contradict themselves, one another,
    the fields' positions or a register; contradictions: how many of each sort, in words. fault: why it, or a part of
    it, could not be read. reason: the first of a contradiction, of a reject, or of what is unresolved. passed_over:
    what of it is no list of flights, and why. records_held, since, until: of its last good reading. is_short: it now
    holds far less than that, says otherwise or is gone, so that its last good reading stays. is_track: it holds
    positions.
    """

    file: str
    sha256: str | None = None
    form: str = ""
    records_read: int = 0
    records_kept: int = 0
    records_rejected: int = 0
    records_duplicate: int = 0
    records_unresolved: int = 0
    records_doubtful: int = 0
    records_flagged: int = 0
    contradictions: str | None = None
    fault: str | None = None
    reason: str | None = None
    passed_over: str | None = None
    records_held: int = 0
    since: date | None = None
    until: date | None = None
    is_short: bool = False
    is_track: bool = False
    withdrawn_because: str | None = None
    run_id: str | None = None

    @property
    def is_sound(self) -> bool:
        """Whether nothing is to be said of it."""
        return not (
            self.records_rejected or self.records_doubtful or self.records_flagged or self.fault or self.is_short
        )


@dataclass(frozen=True)
class Flag:
    """A kept record that contradicts something: what sort, where it stands, in words. Its bad field was voided."""

    contradiction: str
    where: str
    reason: str


Event = Rows | Reject | Day | FileReading | Flag
