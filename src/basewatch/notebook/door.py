"""The published tables in Python: `basewatch.open("warehouse")`.

>>> import basewatch
>>> warehouse = basewatch.open("warehouse")
>>> warehouse.months(base="hmeimim", fleet="ru_mil").columns[:4]
['base_id', 'fleet_id', 'month', 'visits']
"""

from __future__ import annotations

import os
from calendar import monthrange
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import duckdb

from basewatch.database import set_up, without_pandas
from basewatch.errors import ConfigError
from basewatch.notebook.plots import Plots
from basewatch.warehouse import views
from basewatch.warehouse.published import Published
from basewatch.warehouse.published import Release as PublishedRelease
from basewatch.warehouse.views import Choice

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

Day = date | str | None  # a day, its text `YYYY-MM-DD`, or a month's `YYYY-MM`


@dataclass(frozen=True)
class Release:
    """Which release is read. as_of: the last day that it speaks of. published_at: in UTC. folder: where it lies."""

    release_id: str
    as_of: date
    published_at: datetime
    folder: Path


class Rows:
    """Rows of a release, not read before they are asked for, in whichever form.

    >>> rows = basewatch.open("warehouse").visits(base="hmeimim", until="2025-01-04")
    >>> rows
    <Rows: 1 row>
    >>> rows.arrow().num_rows, len(rows.pandas()), len(rows.polars()), rows.relation().shape[0]
    (1, 1, 1, 1)
    >>> [row["visit_id"] for row in rows]
    ['hmeimim-15501a-20250103']
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, query: str, values: Sequence[Any] | Mapping[str, Any]):
        self._connection, self._query, self._values = connection, query, values

    def relation(self) -> duckdb.DuckDBPyRelation:
        """As a relation of DuckDB, to filter, join and aggregate further. Raises ConfigError for SQL that fails."""
        values: Any = self._values
        try:
            with without_pandas():
                found = self._connection.sql(self._query, params=values)
        except duckdb.Error as error:
            raise ConfigError(f"this query does not work\n{error}") from None
        if found is None:
            raise ConfigError(f"this is no query that gives rows: {self._query}")
        return found

    def arrow(self) -> pa.Table:
        """As a table of Arrow: times in UTC, what is unknown null."""
        return self.relation().to_arrow_table()

    def pandas(self) -> pd.DataFrame:
        """As a frame of pandas; a whole number that is unknown makes its column one of floats with NaN, never 0."""
        return self.relation().df()

    def polars(self) -> pl.DataFrame:
        """As a frame of Polars. Raises ImportError where Polars is not installed."""
        return self.relation().pl()

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(self.relation().columns)

    def __len__(self) -> int:
        """How many rows there are."""
        return int(self.relation().shape[0])

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The rows as dicts, in order."""
        relation = self.relation()
        names = relation.columns
        while found := relation.fetchmany(1000):
            for row in found:
                yield dict(zip(names, row, strict=True))

    def __repr__(self) -> str:
        """How many rows there are."""
        count = len(self)
        return f"<Rows: {count} row{'' if count == 1 else 's'}>"


class Reader:
    """One release of a warehouse, opened read-only: nightly runs go on beside it, and it stays what it was.

    It may be used as a context manager, which closes it.

    >>> with basewatch.open("warehouse") as warehouse:
    ...     warehouse.release.as_of, [row["visits"] for row in warehouse.months("hmeimim", "ru_mil")]
    (datetime.date(2025, 2, 28), [10, 0])
    """

    def __init__(self, release: PublishedRelease) -> None:
        manifest = release.manifest
        self.release = Release(
            release.release_id,
            date.fromisoformat(manifest["as_of"]),
            datetime.fromisoformat(manifest["published_at"]),
            release.folder,
        )
        self._connection = duckdb.connect(str(release.database), read_only=True)
        set_up(self._connection)

    def months(self, base: str | None = None, fleet: str | None = None, since: Day = None, until: Day = None) -> Rows:
        """Monthly activity of each base and fleet; `visits` is null where nobody could have seen one.

        >>> [(str(row["month"]), row["visits"]) for row in warehouse.months("hmeimim", "ru_mil", until="2025-01")]
        [('2025-01-01', 10)]
        """
        return self._chosen("months", base, fleet, since, until)

    def visits(self, base: str | None = None, fleet: str | None = None, since: Day = None, until: Day = None) -> Rows:
        """Stays of one aircraft at one base, by their first evidence; only those with `is_counted` are counted.

        >>> len(warehouse.visits(base="hmeimim", since="2025-01-10", until="2025-01-20"))
        3
        """
        return self._chosen("visits", base, fleet, since, until)

    def gaps(self, base: str | None = None, fleet: str | None = None, since: Day = None, until: Day = None) -> Rows:
        """Spells with no visit of which any day lies in the time asked for.

        >>> [(row["gap_days"], row["is_ongoing"]) for row in warehouse.gaps("hmeimim", "ru_mil")]
        [(29, True)]
        """
        return self._chosen("gaps", base, fleet, since, until)

    def claims(self, base: str | None = None, fleet: str | None = None, since: Day = None, until: Day = None) -> Rows:
        """What the press said, held against what was recorded.

        >>> warehouse.claims().columns[:3]
        ['claim_id', 'mention_id', 'claim']
        """
        return self._chosen("claims", base, fleet, since, until)

    def mentions(self, base: str | None = None, since: Day = None, until: Day = None) -> Rows:
        """Articles that name a base, by when they were published.

        >>> [row["title"] for row in warehouse.mentions("hmeimim")]
        ['Fewer flights to Hmeimim']
        """
        return self._chosen("mentions", base, None, since, until)

    def bases(self) -> Rows:
        """The places that are watched.

        >>> next(row["name"] for row in warehouse.bases() if row["icao"] == "OSLK")
        'Hmeimim Air Base / Latakia International Airport'
        """
        return self._chosen("bases", None, None, None, None)

    def fleets(self) -> Rows:
        """The sets of aircraft that are counted.

        >>> [row["fleet_id"] for row in warehouse.fleets()]
        ['all', 'ru_mil', 'unidentified']
        """
        return self._chosen("fleets", None, None, None, None)

    def sources(self, base: str | None = None, since: Day = None, until: Day = None) -> Rows:
        """What each source brought into the release, by days.

        >>> [(row["source"], row["days_good"]) for row in warehouse.sources()]
        [('articles', 1), ('flight_files', 59)]
        """
        return self._chosen("sources", base, None, since, until)

    @property
    def plot(self) -> Plots:
        """Charts of the release; a notebook shows them.

        >>> warehouse.plot.months("hmeimim", "ru_mil").save("months.png").name
        'months.png'
        """
        credit = f"basewatch, release {self.release.release_id}, days up to {self.release.as_of}."
        return Plots(self._connection, credit)

    def sql(self, query: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> Rows:
        """The rows of a query of your own; `values` are bound to its `?` or `$name`.

        >>> list(warehouse.sql("SELECT count(*) AS stays FROM base_visits WHERE base_id = ?", ["hmeimim"]))
        [{'stays': 10}]
        """
        return Rows(self._connection, query, values)

    def close(self) -> None:
        """Let go of the database; rows that were not read yet can no longer be."""
        self._connection.close()

    def __enter__(self) -> Reader:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def __repr__(self) -> str:
        """Which release it reads."""
        return f"<basewatch release {self.release.release_id}, days up to {self.release.as_of}>"

    def _chosen(self, name: str, base: str | None, fleet: str | None, since: Day, until: Day) -> Rows:
        choice = Choice(base, fleet, _first_day(since), _last_day(until))
        with without_pandas():
            views.require_known(self._connection, choice)
        return Rows(self._connection, *views.query(name, choice))


def open(warehouse: str | os.PathLike[str] = "warehouse", release: str | None = None) -> Reader:
    """A release of the warehouse in a folder, by default the current one.

    Raises ConfigError where nothing is published there, or no release has this name.

    >>> basewatch.open("warehouse").release.as_of
    datetime.date(2025, 2, 28)
    """
    published = Published(Path(warehouse).expanduser().resolve())
    chosen = published.current() if release is None else published.release(release)
    if chosen is None:
        raise ConfigError(f"nothing is published in {published.root}; `basewatch nightly` publishes")
    return Reader(chosen)


def _first_day(day: Day) -> date | None:
    """A day; of a month its first."""
    if not isinstance(day, str):
        return day
    try:
        return date.fromisoformat(day if len(day) > 7 else f"{day}-01")
    except ValueError:
        raise ConfigError(f"{day!r} is not a day; write it as YYYY-MM-DD or YYYY-MM") from None


def _last_day(day: Day) -> date | None:
    """A day; of a month its last."""
    first = _first_day(day)
    if first is None or not isinstance(day, str) or len(day) > 7:
        return first
    return first.replace(day=monthrange(first.year, first.month)[1])
