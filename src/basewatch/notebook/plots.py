"""Charts of a release, as its report draws them: a notebook shows them, a script saves them.

>>> import basewatch
>>> basewatch.open("warehouse").plot.months("hmeimim", "ru_mil")
<Chart: Hmeimim Air Base / Latakia International Airport: visits, arrivals and departures by month>
"""

from __future__ import annotations

import os
from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from basewatch.database import without_pandas
from basewatch.errors import ConfigError
from basewatch.warehouse import views
from basewatch.warehouse.views import Choice

_SOURCES = "SELECT DISTINCT unnest(sources) FROM base_visits WHERE base_id = ?"


@dataclass(frozen=True)
class Chart:
    """A drawing. title: what it shows, in words. svg: the whole of it, a file of its own."""

    title: str
    svg: str

    def save(self, file: str | os.PathLike[str]) -> Path:
        """Write it as SVG or PNG, by the file's ending. Raises ConfigError for another ending.

        >>> warehouse.plot.months("hmeimim", "ru_mil").save("months.svg").name
        'months.svg'
        """
        target = Path(file)
        if target.suffix.lower() not in (".svg", ".png"):
            raise ConfigError(f"{target}: a chart is saved as .svg or .png")
        target.write_bytes(self.svg.encode() if target.suffix.lower() == ".svg" else self.png)
        return target

    @property
    def png(self) -> bytes:
        """The same as PNG, at twice its size."""
        from basewatch.report import standalone

        return standalone.png(self.svg)

    def _repr_svg_(self) -> str:
        """What a notebook shows."""
        return self.svg

    def __repr__(self) -> str:
        """What it shows."""
        return f"<Chart: {self.title}>"


class Plots:
    """The charts of one release.

    since, until: days whose months are shown, both included; by default all. Each raises ConfigError for a base or
    fleet that the release does not know, with the nearest names.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, credit: str) -> None:
        self._connection, self._credit = connection, credit

    def months(self, base: str, fleet: str = "all", since: date | None = None, until: date | None = None) -> Chart:
        """Visits, arrivals and departures by month; months that nobody can know of are hatched, and no zero.

        >>> "Hatched: not known" in warehouse.plot.months("hmeimim", "ru_mil").svg
        True
        """
        return self._chart(base, fleet, since, until, "visits, arrivals and departures by month")

    def timeline(self, base: str, fleet: str = "all", since: date | None = None, until: date | None = None) -> Chart:
        """Days with a visit, spells without one, and what could be seen on each day.

        >>> warehouse.plot.timeline("hmeimim", "ru_mil")
        <Chart: Hmeimim Air Base / Latakia International Airport: spells with no visit, and what could be seen>
        """
        return self._chart(base, fleet, since, until, "spells with no visit, and what could be seen", spells=True)

    def _chart(
        self,
        base: str,
        fleet: str,
        since: date | None,
        until: date | None,
        shows: str,
        spells: bool = False,
    ) -> Chart:
        from basewatch.findings import drawing
        from basewatch.report import base_data, standalone

        with without_pandas():
            views.require_known(self._connection, Choice(base, fleet, None, None))
            history = base_data.history(self._connection, base, fleet)
            [(name,)] = self._connection.execute("SELECT name FROM bases WHERE base_id = ?", [base]).fetchall()
            sources = self._connection.execute(_SOURCES, [base]).fetchall()
        title = f"{name or base}: {shows}"
        is_made_up = any(base_data.is_made_up(one) for (one,) in sources)
        made_up = [standalone.MADE_UP] if is_made_up else []
        months = [month["month"] for month in history.months]
        first = max(months[0], since.replace(day=1) if since else months[0]) if months else None
        last = min(months[-1], until.replace(day=1) if until else months[-1]) if months else None
        if first is None or last is None or first > last:
            raise ConfigError(f"the release has no month of {base} in the time asked for")
        draw, key = (drawing.spells, standalone.DAYS) if spells else (drawing.bars, standalone.BARS)
        drawn = draw(history, first, last.replace(day=monthrange(last.year, last.month)[1]), title)
        return Chart(title, standalone.svg(drawn, title, [*made_up, key, f"Fleet {fleet}. {self._credit}"]))
