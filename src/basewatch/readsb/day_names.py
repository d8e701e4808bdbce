"""The UTC day that a file or folder is of by its name, in the spellings that people and programs give days."""

from __future__ import annotations

import re
from datetime import date

# Year, month and day with one separator or none; a time of four or six digits may follow where there is none.
_DAY = re.compile(r"(?<!\d)(\d{4})([./_-]?)(\d\d)\2(\d\d)(?=\D|$|(?<=\d{8})\d{4}(?:\d\d)?(?!\d))")
_EARLIEST = date(1990, 1, 1)  # a number that spells an earlier day is something else


def days_in(name: str) -> set[date]:
    """The days that a name or a path with `/` spells: none, one, or several where it cannot be of one day.

    `2025-10-24`, `2025.10.24`, `2025/10/24`, `20251024` and `20251024T120000Z` are all of 24 October 2025.
    """
    days = set()
    for year, _, month, day in _DAY.findall(name):
        try:
            days.add(date(int(year), int(month), int(day)))
        except ValueError:
            continue
    return {day for day in days if day >= _EARLIEST}


def day_in(name: str) -> date | None:
    """The one day that a name spells; None where it spells none or several."""
    days = days_in(name)
    return days.pop() if len(days) == 1 else None
