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


Event = Rows | Reject | Day
