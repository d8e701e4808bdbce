"""What of the lake moved since an earlier state of the ledger: each source-day with the cause of its move."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from basewatch.lake.ledger import LedgerRow
from basewatch.lake.readings import Readings
from basewatch.lake.store import Lake

NOT_HAD = ("missing", "late", "failed")

MoveCause = Literal[
    "new_source_day", "late_source_day", "restated_source_day", "withdrawn", "reference", "parameter", "code"
]
MEANT = ("withdrawn", "reference", "parameter", "code")


@dataclass(frozen=True)
class Move:
    """A source-day that is not what it was; `before` is None where nobody had looked."""

    cause: MoveCause
    before: LedgerRow | None
    now: LedgerRow

    @property
    def label(self) -> str:
        """Source, day and, where it is not all of the world, scope: how people are told of it."""
        scope = "" if self.now.scope == "global" else f" {self.now.scope}"
        return f"{self.now.source} {self.now.day}{scope}"

    @property
    def lost(self) -> int:
        """How many records it holds less than before; negative where more."""
        return (self.before.records_kept if self.before else 0) - self.now.records_kept

    @property
    def is_read_otherwise(self) -> bool:
        """Whether it was read in another way, or other bases were looked for: then other records are meant."""
        before = self.before
        return before is not None and (before.source_detail, before.watched) != (
            self.now.source_detail,
            self.now.watched,
        )


def moves(
    lake: Lake,
    before: Sequence[LedgerRow],
    now: Sequence[LedgerRow],
    as_of: date,
    *,
    is_other_code: bool,
    edited: Collection[str] = (),
) -> list[Move]:
    """The source-days that moved from what the ledger said before to what it says now, sorted by source, scope and day.

    as_of: the last UTC day that was asked for then. is_other_code: whether the code changed since: what it reads
    otherwise from the same bytes is its doing. edited: the sources whose settings changed since.
    """
    had = {row.key: row for row in before}
    withdrawn = {source: _withdrawn(lake, source) for source in {row.source for row in now}}
    found = []
    for row in now:
        earlier = had.get(row.key)
        if earlier is None or not _is_same(earlier, row):
            cause = _cause(earlier, row, as_of, withdrawn[row.source], is_other_code=is_other_code)
            is_edit = row.source in edited and cause == "restated_source_day"
            found.append(Move("parameter" if is_edit else cause, earlier, row))
    return found


def _is_same(before: LedgerRow, now: LedgerRow) -> bool:
    return all(getattr(before, name) == getattr(now, name) for name in ("status", "parts", "sha256", "watched"))


def _withdrawn(lake: Lake, source: str) -> list[tuple[date, date]]:
    """The days of files that their owner took back."""
    readings = Readings(lake, source).latest().values()
    return [(one.since, one.until) for one in readings if one.withdrawn_because and one.since and one.until]


def _cause(
    before: LedgerRow | None,
    now: LedgerRow,
    as_of: date,
    withdrawn: Iterable[tuple[date, date]],
    *,
    is_other_code: bool,
) -> MoveCause:
    if now.status == "expired" or any(since <= now.day <= until for since, until in withdrawn):
        return "withdrawn"
    if before is None or before.status in NOT_HAD:
        return "new_source_day" if now.day > as_of else "late_source_day"
    if before.watched != now.watched and now.sha256 == before.sha256:
        return "reference"  # other bases were looked for
    if is_other_code and now.sha256 is not None and now.sha256 == before.sha256:
        return "code"
    return "restated_source_day"
