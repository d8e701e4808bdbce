"""What was read in articles, as the events that a source's `decode` yields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from itertools import groupby

from basewatch.news.reader import Reading, news_tables
from basewatch.sources.contract import Rows


def news_events(readings: Iterable[Reading], source: str, scope: str) -> Iterator[Rows]:
    """Rows of the lake's news tables for articles that name a watched base, one event a table and day."""
    named = [reading for reading in readings if reading.mentions and reading.day is not None]
    for day, group in groupby(sorted(named, key=_filed), key=_filed):
        for name, data in news_tables(list(group), source).items():
            if data.num_rows:
                yield Rows(name, day, data, scope)


def _filed(reading: Reading) -> date:
    if reading.day is None:
        raise ValueError("an article without a day cannot be filed")
    return reading.day
