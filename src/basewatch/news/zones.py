"""Names of time zones as texts write them, and how far each is from UTC: sql/reference/zone_names.csv."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from basewatch.news.text import key


@dataclass(frozen=True)
class ZoneName:
    """One meaning of a zone's name. `zone`: an IANA zone where the distance from UTC depends on the day."""

    name: str
    rank: int
    utc_offset: timedelta | None
    zone: str | None
    languages: frozenset[str]
    place: str

    def offset(self, local: datetime) -> timedelta:
        """How far local time is ahead of UTC. `local`: a time without a zone."""
        if self.utc_offset is not None:
            return self.utc_offset
        assert self.zone is not None
        return local.replace(tzinfo=ZoneInfo(self.zone)).utcoffset() or timedelta(0)


def meanings(name: str, tag: str | None) -> tuple[ZoneName, ...]:
    """What a zone's name can mean, the commonest first; none for a name that is not in the table.

    A name with several meanings has one where the document states a language or region (`tag`, such as `en-IN`) that
    the table gives to one of them alone.
    """
    rows = _table().get(key(name).strip(), ())
    if len(name.strip()) <= 2 and not name.strip().isupper():  # "et", "pt", "mt" are words
        rows = ()
    if len(rows) < 2 or not tag:
        return rows
    language, _, region = tag.replace("_", "-").partition("-")
    tags = (f"{language.lower()}-{region.upper()}", language.lower())
    for stated in tags:
        fitting = tuple(row for row in rows if stated in row.languages)
        if len(fitting) == 1:
            return fitting
    return rows


def longest_name() -> int:
    """Words in the longest name."""
    return max(len(name.split()) for name in _table())


@cache
def _table() -> dict[str, tuple[ZoneName, ...]]:
    text = files("basewatch.sql.reference").joinpath("zone_names.csv").read_text(encoding="utf-8")
    by_name: dict[str, list[ZoneName]] = defaultdict(list)
    for values in csv.DictReader(io.StringIO(text, newline="")):
        by_name[key(values["name"])].append(
            ZoneName(
                name=values["name"],
                rank=int(values["rank"]),
                utc_offset=offset(values["utc_offset"]) if values["utc_offset"] else None,
                zone=values["zone"] or None,
                languages=frozenset(values["languages"].split()),
                place=values["place"],
            )
        )
    return {name: tuple(sorted(rows, key=lambda row: row.rank)) for name, rows in by_name.items()}


def offset(written: str) -> timedelta:
    """`+03:00` as a length of time. Raises ValueError for what no zone has: beyond -12:00 or +14:00, odd minutes."""
    of_utc = datetime.strptime(written, "%z").utcoffset()
    if of_utc is None or not timedelta(hours=-12) <= of_utc <= timedelta(hours=14) or of_utc.seconds % 900:
        raise ValueError(f"{written} is no distance from UTC that a zone has")
    return of_utc
