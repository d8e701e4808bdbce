"""A base that is added to the watch later: the days read before say nothing of it, until they are read again."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import pytest

from basewatch.lake.store import Lake
from tracekit import point, trace, write_tar
from wholeruns import Watch

pytestmark = pytest.mark.e2e

FIRST = date(2025, 3, 14)
SOURCES = '[sources.readsb_archive]\nenabled = true\nlocation = "archive"\nown_receiver = true\n'


def write_day(watch: Watch, day: date) -> None:
    """An archive of a day on which nobody flew near the base that is added."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
    points = [point(36_000 + number * 10, 10.0, 100.0, 33_000) for number in range(30)]
    write_tar(watch.folder / "archive", [trace("4b1a00", points, stamp=midnight)], day)


def add_base(watch: Watch) -> None:
    """The shipped bases and one more, far from any traffic."""
    shipped = files("basewatch.sql.reference").joinpath("bases.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(shipped, newline="")))
    added = {**rows[0], "base_id": "added_later", "name": "Added later", "latitude": "20.5", "longitude": "60.5"}
    added |= {key: "" for key in ("icao", "iata", "ident") if key in added}
    with (watch.folder / "bases.csv").open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows([*rows, added])
    watch.configure(SOURCES, flights=False, more='[reference]\nbases = "bases.csv"\n')


def seen(watch: Watch, base: str) -> set[date]:
    """The days of the base that are not missing; on a missing one every count is null."""
    rows = watch.query("SELECT day, observability, visits FROM base_daily_activity WHERE base_id = ?", base)
    assert all(visits is None for _, observability, visits in rows if observability == "missing")
    return {day for day, observability, _ in rows if observability != "missing"}


def test_days_read_before_a_base_was_watched_are_no_silence_there(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    watch.configure(SOURCES, flights=False)
    days = [FIRST + timedelta(days=number) for number in range(3)]
    for day in days[:2]:
        write_day(watch, day)
    assert watch.plain(str(days[1]), since=str(days[0])) is not None
    assert seen(watch, "hmeimim") == set(days[:2])
    assert watch.plain(str(days[1]), since=str(days[0])) is None, "nothing is left to read"

    add_base(watch)
    write_day(watch, days[2])
    before = {row.day: row.ingested_at for row in Lake(watch.root).ledger()}
    assert watch.plain(str(days[2])) is not None
    assert seen(watch, "hmeimim") == set(days) and seen(watch, "added_later") == {days[2]}
    after = {row.day: row.ingested_at for row in Lake(watch.root).ledger()}
    assert all(after[day] == before[day] for day in days[:2]), "a night does not fetch weeks anew"

    assert watch.plain(str(days[2]), since=str(days[0])) is not None
    assert seen(watch, "added_later") == set(days)
    assert watch.plain(str(days[2]), since=str(days[0])) is None
