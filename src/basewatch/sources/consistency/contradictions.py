"""What is wrong with a record or a file: the sorts, one that was found, and what comes of a reading."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from basewatch.geo import Bools

NO_ADDRESS = "an address of zeros"
ONE_ADDRESS = "one address for several aircraft"
WRONG_ADDRESS = "address against registration"
NO_FIELD = "a code that is no field"
SAME_ID = "the same id with other contents"
OFF_CONTACT = "a time far from first and last contact"
LANDED_FIRST = "a landing before its take-off"
TOO_FAST = "a speed that no aircraft flies"
TWO_PLACES = "one aircraft in two places"
SAME_STAMPS = "time stamps of another file"
SHIFTED = "a file shifted by hours"
OFF_FIELD = "positions far from the fields that are named"
# Nobody can say which of its fields is wrong, and one end of it may well be right: such a record is told, and counts.
TOLD_ALONE = (TOO_FAST, TWO_PLACES, SAME_ID)


@dataclass(frozen=True)
class Contradiction:
    """What is wrong with one record, or (row None) with a file: what sort, in words, and what it may concern.

    row: the record's number in its table as it was given. days: those that it may be of. bases: the watched bases that
    it may concern, None for all.
    """

    name: str
    table: str
    row: int | None
    file: str
    reason: str
    is_reject: bool
    days: frozenset[date]
    bases: frozenset[str] | None


@dataclass(frozen=True)
class Judged:
    """The records by lake table, bad fields voided and bad records left out, and what was wrong; `kept`: by table,
    one a record given, whether it stays."""

    tables: dict[str, pa.Table]
    found: list[Contradiction]
    kept: dict[str, Bools]
