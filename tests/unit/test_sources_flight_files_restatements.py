"""A file that says otherwise than before is held against it; corrections, growth and lists that move on are not."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from basewatch import config, ingest, run
from basewatch.lake.events import FileReading
from basewatch.lake.readings import Readings
from basewatch.lake.store import Lake
from basewatch.reference import load
from basewatch.sources import contract
from basewatch.sources.contract import Window

FACTS = load.tables(config.Settings())
PARAMS = load.params(config.Settings())
SINCE, UNTIL = date(2025, 3, 1), date(2025, 6, 30)
WINDOW = Window("flight_files", date(2025, 1, 1), date(2025, 8, 31))
TIME = "%Y-%m-%dT%H:%M:%SZ"
Row = dict[str, str]
Change = Callable[[list[Row]], list[Row]]


def flights(first: int = 0, last: int = 100) -> list[Row]:
    """A landing at the base, and a take-off from it, on each of these days since the first of March."""
    rows = []
    for number in range(first, last):
        at = datetime(2025, 3, 1, 6, tzinfo=UTC) + timedelta(
            days=number, minutes=number * 37 % 300, seconds=number % 60
        )
        named = {"registration": f"RF-7865{number % 3}", "type_code": "IL76"}
        landed, left = at + timedelta(hours=4), at + timedelta(hours=7)
        rows.append(
            {"record_id": f"in-{number}", **named, "origin": "URRP", "departed_at": f"{at:{TIME}}",
             "destination": "OSLK", "arrived_at": f"{landed:{TIME}}"}
        )  # fmt: skip
        rows.append(
            {"record_id": f"out-{number}", **named, "origin": "OSLK", "departed_at": f"{left:{TIME}}",
             "destination": "URRP", "arrived_at": f"{left + timedelta(hours=4):{TIME}}"}
        )  # fmt: skip
    return rows


def at(written: str) -> datetime:
    """A time of a row."""
    return datetime.strptime(written, TIME).replace(tzinfo=UTC)


def moved(row: Row, **span: float) -> Row:
    """The row with both times moved."""
    return row | {name: f"{at(row[name]) + timedelta(**span):{TIME}}" for name in ("departed_at", "arrived_at")}


def every(change: Callable[[Row], Row], months: tuple[int, ...] = (3, 4, 5, 6)) -> Change:
    """A change of every row of these months."""
    return lambda rows: [change(row) if int(row["departed_at"][5:7]) in months else row for row in rows]


def without(*months: int) -> Change:
    """The rows of other months."""
    return lambda rows: [row for row in rows if int(row["departed_at"][5:7]) not in months]


def swapped_places(row: Row) -> Row:
    """Origin and destination exchanged."""
    return row | {"origin": row["destination"], "destination": row["origin"]}


def swapped_dates(row: Row) -> Row:
    """Day and month exchanged, where both can be meant."""
    times = {name: at(row[name]) for name in ("departed_at", "arrived_at")}
    return row | {
        name: f"{when.replace(day=when.month, month=when.day):{TIME}}" for name, when in times.items() if when.day <= 8
    }


class Watch:
    """A folder with one list, and a lake that holds it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.lake, self.runs = folder, Lake(folder / "warehouse"), 0
        (folder / "files").mkdir()

    def night(self, rows: list[Row]) -> FileReading:
        """What is noted of the list after a night that reads these rows."""
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        (self.folder / "files" / "a.csv").write_text(text.getvalue(), encoding="utf-8")
        self.runs += 1
        outcome = ingest.ingest(WINDOW, self.context(), self.lake, f"run-{self.runs}")
        assert not outcome.is_failure, outcome.error
        return Readings(self.lake, "flight_files").latest()["a.csv"]

    def context(self) -> contract.Context[Any]:
        section = {
            "enabled": True, "location": "files",
            "covers": [{"base": "hmeimim", "from": str(SINCE), "to": str(UNTIL)}],
        }  # fmt: skip
        settings = config.Settings(sources={"flight_files": section}, folder=self.folder)  # type: ignore[arg-type]
        return contract.context("flight_files", settings, FACTS, PARAMS, datetime(2025, 9, 2, tzinfo=UTC))

    def uncounted(self) -> set[date]:
        """The days of the cover that do not count."""
        ledger = [row for row in self.lake.ledger("flight_files") if row.scope == "base:hmeimim"]
        return {row.day for row in ledger if row.status not in ("ok", "empty")}

    def landed(self) -> list[datetime]:
        """When somebody landed at the base, by the lake."""
        tables = [pq.read_table(file).to_pylist() for file in self.lake.files("plain_flights")]
        return sorted(row["arrived_at"] for table in tables for row in table if row["destination"] == "OSLK")

    def withdraw(self) -> None:
        """Say that what the list holds now is meant."""
        Readings(self.lake, "flight_files").withdraw("a.csv", "the provider restated it")


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    watch = Watch(tmp_path)
    assert watch.night(flights()).is_sound
    assert len(watch.landed()) == 100 and not watch.uncounted()
    return watch


MARCH_TO_JUNE = {SINCE + timedelta(days=step) for step in range(100)}
MAY = {day for day in MARCH_TO_JUNE if day.month == 5}
RESTATED = [
    pytest.param(every(lambda row: moved(row, hours=3)), r"times moved by \+3 hours", MARCH_TO_JUNE, id="hours"),
    pytest.param(every(lambda row: moved(row, hours=-9)), "times moved by -9 hours", MARCH_TO_JUNE, id="back"),
    pytest.param(every(lambda row: moved(row, days=10)), r"times moved by \+10 days", MARCH_TO_JUNE, id="days"),
    pytest.param(every(swapped_places), "origin and destination swapped places", MARCH_TO_JUNE, id="places"),
    pytest.param(every(swapped_dates), "day and month swapped", MARCH_TO_JUNE, id="dates"),
    pytest.param(every(lambda row: row | {"registration": "RF-1"}), "other aircraft", MARCH_TO_JUNE, id="aircraft"),
    pytest.param(every(lambda row: row | {"destination": ""}), "no destination is stated", MARCH_TO_JUNE, id="none"),
    pytest.param(every(lambda row: moved(row, hours=3), (5,)), r"of May 2025 .*moved by \+3 hours", MAY, id="a month"),
    pytest.param(without(5), "held 62 records of May 2025 before, and 62", MAY, id="a month missing"),
]


@pytest.mark.parametrize(("change", "words", "days"), RESTATED)
def test_a_restated_file_keeps_what_it_held_and_its_days_do_not_count(
    watch: Watch, change: Change, words: str, days: set[date]
) -> None:
    landed = watch.landed()
    for _ in range(2):
        reading = watch.night(change(flights()))
        assert reading.is_short and not reading.is_sound and reading.records_held == 200
        said = run.FileToTell("flight_files", reading, None).words
        assert re.search(words, said), said
        assert 'basewatch withdraw "a.csv" --because TEXT' in said
        assert watch.landed() == landed
        beside = {day + timedelta(days=step) for day in days for step in (-1, 0, 1)}
        assert days <= watch.uncounted() and (days != MAY or watch.uncounted() <= beside)
        # the same once more, now by a file of other bytes
        inner = change
        change = lambda rows, inner=inner: [row | {"type_code": "IL78"} for row in inner(rows)]  # noqa: E731
    assert watch.night(flights()).is_sound, "the file is put right"
    assert watch.landed() == landed and not watch.uncounted()


@pytest.mark.parametrize(("change", "words", "days"), RESTATED[:5] + RESTATED[7:])
def test_a_restatement_that_is_meant_is_let_in_and_stays(
    watch: Watch, change: Change, words: str, days: set[date]
) -> None:
    rows = change(flights())
    watch.night(rows)
    watch.withdraw()
    reading = watch.night(rows)
    meant = sorted(at(row["arrived_at"]) for row in rows if row["destination"] == "OSLK")
    assert watch.landed() == meant and reading.is_sound and reading.withdrawn_because
    assert not days & watch.uncounted()
    later = [*rows, *change(flights(100, 103))]
    assert watch.night(later).is_sound and len(watch.landed()) == len([r for r in later if r["destination"] == "OSLK"])


def test_a_record_that_named_the_base_and_names_nothing_now_leaves_its_day_open(watch: Watch) -> None:
    rows = flights()
    rows[40] = rows[40] | {"destination": ""}
    for _ in range(2):
        reading = watch.night(rows)
        assert "held 1 records before with a place where they name none now" in str(reading.fault)
        assert watch.uncounted() == {SINCE + timedelta(days=20)} and len(watch.landed()) == 100
        rows = [row | {"type_code": "IL78"} for row in rows]


HARMLESS: list[Any] = [
    pytest.param(lambda rows: [*rows, *flights(100, 121)], id="growth"),
    pytest.param(lambda rows: rows[::-1], id="another order"),
    pytest.param(lambda rows: [*rows, *rows], id="twice"),
    pytest.param(every(lambda row: moved(row, minutes=20)), id="minutes corrected"),
    pytest.param(every(lambda row: row | {"icao24": f"15501{row['registration'][-1]}"}, (3,)), id="an address added"),
    pytest.param(every(lambda row: row | {"record_id": f"x{row['record_id']}"}), id="other ids"),
    pytest.param(lambda rows: [row | {"arrived_at": ""} if n == 199 else row for n, row in enumerate(rows)], id="open"),
    pytest.param(lambda rows: [*rows[30:], *flights(100, 115)], id="a list that moves on"),
    pytest.param(lambda rows: [row for n, row in enumerate(rows) if n % 30], id="a few taken back"),
    pytest.param(lambda rows: [moved(row, hours=5) if n % 30 == 0 else row for n, row in enumerate(rows)], id="a few"),
]


@pytest.mark.parametrize("change", HARMLESS)
def test_corrections_growth_and_lists_that_move_on_are_not_told(watch: Watch, change: Change) -> None:
    rows = change(flights())
    reading = watch.night(rows)
    assert reading.is_sound, run.FileToTell("flight_files", reading, None).words
    assert not watch.uncounted()
    named = {row["arrived_at"] for row in rows if row["destination"] == "OSLK" and row["arrived_at"]}
    assert {f"{at:{TIME}}" for at in watch.landed()} == named


def test_what_a_run_told_may_be_put_right(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    too_fast = [row | {"arrived_at": row["departed_at"][:11] + f"{int(row['departed_at'][11:13]):02}:59:59Z"}
                for row in flights()]  # fmt: skip
    assert watch.night(too_fast).records_flagged > 150
    assert watch.night(flights()).is_sound
    assert len(watch.landed()) == 100


def test_rows_that_moved_to_another_file_are_not_lost(watch: Watch) -> None:
    (watch.folder / "files" / "b.csv").write_bytes((watch.folder / "files" / "a.csv").read_bytes())
    assert watch.night(without(5)(flights())).is_sound
    assert len(watch.landed()) == 100 and not watch.uncounted()
