"""What a file once held stays until it is taken back: gone, emptied, shrunk and unreadable files."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from basewatch import config, ingest, run
from basewatch.errors import ConfigError, SourceError
from basewatch.lake.events import FileReading
from basewatch.lake.readings import Readings
from basewatch.lake.store import Lake
from basewatch.reference import load
from basewatch.sources import contract
from basewatch.sources.contract import Context, Window
from basewatch.warehouse import told_files
from basewatch.warehouse.published import Published
from basewatch.warehouse.releases import Warehouse

FACTS = load.tables(config.Settings())
PARAMS = load.params(config.Settings())
WINDOW = Window("flight_files", date(2025, 6, 1), date(2025, 6, 10))
HEADING = "registration,origin,departed_at,destination,arrived_at\n"


def flights(*days: int) -> str:
    """A list with one landing on each of these days of June."""
    return HEADING + "".join(f"RF-1,UUMU,2025-06-{day:02}T01:00Z,OSLK,2025-06-{day:02}T05:00Z\n" for day in days)


class Watch:
    """A folder of files, and a lake."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.files = folder, folder / "files"
        self.files.mkdir()
        self.lake = Lake(folder / "warehouse")
        self.ignore: list[str] = []

    def write(self, name: str, text: str) -> None:
        (self.files / name).write_text(text, encoding="utf-8")

    def settings(self) -> config.Settings:
        section = {
            "enabled": True, "location": "files", "ignore": self.ignore,
            "covers": [{"base": "hmeimim", "from": "2025-06-01", "to": "2025-06-10"}],
        }  # fmt: skip
        return config.Settings(sources={"flight_files": section}, folder=self.folder)  # type: ignore[arg-type]

    def context(self) -> Context[Any]:
        return contract.context("flight_files", self.settings(), FACTS, PARAMS, datetime.now(UTC))

    def night(self, run_id: str = "run") -> ingest.Outcome:
        outcome = ingest.ingest(WINDOW, self.context(), self.lake, run_id)
        assert not outcome.is_failure, outcome.error
        return outcome

    def days(self) -> dict[int, str]:
        """Status of each covered day."""
        return {row.day.day: row.status for row in self.lake.ledger("flight_files") if row.scope == "base:hmeimim"}

    def landings(self) -> list[int]:
        rows = [pq.read_table(file) for file in self.lake.files("plain_flights")]
        return sorted(at.day for table in rows for at in table.column("arrived_at").to_pylist())

    def reading(self, name: str) -> FileReading:
        return Readings(self.lake, "flight_files").latest()[name]


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    watch = Watch(tmp_path)
    watch.write("a.csv", flights(2, 3, 4))
    watch.write("b.csv", flights(7, 8))
    watch.night("first")
    assert watch.landings() == [2, 3, 4, 7, 8]
    assert set(watch.days().values()) == {"ok", "empty"}
    return watch


def spoil(watch: Watch, how: str) -> None:
    file = watch.files / "a.csv"
    if how == "gone":
        file.unlink()
    else:
        texts = {
            "emptied": HEADING,
            "no bytes": "",
            "unreadable": "<html>",
            "shrunk": flights(2),
            "rejected": HEADING + "RF-1,,x,OSLK,y\n",
        }
        file.write_text(texts[how], encoding="utf-8")


@pytest.mark.parametrize("how", ["gone", "emptied", "no bytes", "unreadable", "shrunk", "rejected"])
def test_a_file_that_held_rows_keeps_them_and_its_days_no_longer_count(watch: Watch, how: str) -> None:
    spoil(watch, how)
    outcome = watch.night("second")
    assert watch.landings() == [2, 3, 4, 7, 8]
    days = watch.days()
    assert {days[day] for day in (2, 3, 4)} == {"partial"}
    assert days[7] == days[8] == "ok"
    reading = outcome.files["a.csv"]
    assert reading.is_short and not reading.is_sound and reading.records_held == 3
    assert 'basewatch withdraw "a.csv" --because TEXT' in str(reading.fault)
    watch.night("third")
    assert watch.landings() == [2, 3, 4, 7, 8], "and the night after"


@pytest.mark.parametrize("how", ["gone", "emptied", "shrunk"])
def test_what_is_withdrawn_is_left_out_and_its_days_count_again(watch: Watch, how: str) -> None:
    spoil(watch, how)
    watch.night("second")
    taken_back = Readings(watch.lake, "flight_files").withdraw("a.csv", "the list was made up")
    assert taken_back.withdrawn_because == "the list was made up"
    watch.night("third")
    assert watch.landings() == [*([2] if how == "shrunk" else []), 7, 8]
    assert watch.days()[3] == "empty"
    assert watch.night("fourth").is_unchanged
    watch.write("a.csv", flights(2, 3, 4))
    watch.night("fifth")
    assert watch.landings() == [2, 3, 4, 7, 8], "a file that comes back is read"
    assert watch.reading("a.csv").withdrawn_because is None


def test_rows_that_stand_in_another_file_are_not_lost(watch: Watch) -> None:
    (watch.files / "a.csv").rename(watch.files / "renamed.csv")
    watch.night("second")
    assert set(watch.days().values()) == {"ok", "empty"}
    assert all(reading.is_sound for reading in Readings(watch.lake, "flight_files").latest().values())


def test_a_row_that_is_corrected_is_no_loss(watch: Watch) -> None:
    watch.write("a.csv", flights(2, 3, 5))
    watch.night("second")
    assert watch.landings() == [2, 3, 5, 7, 8]
    assert set(watch.days().values()) == {"ok", "empty"}


def test_a_file_that_is_ignored_from_now_on_is_meant_so(watch: Watch) -> None:
    watch.ignore = ["a.csv"]
    watch.night("second")
    assert watch.landings() == [7, 8]
    assert set(watch.days().values()) == {"ok", "empty"}


def test_all_files_may_be_gone_but_a_folder_that_is_gone_is_a_failure(watch: Watch) -> None:
    for file in watch.files.iterdir():
        file.unlink()
    watch.night("second")
    assert watch.landings() == [2, 3, 4, 7, 8]
    watch.files.rmdir()
    outcome = ingest.ingest(WINDOW, watch.context(), watch.lake, "third")
    assert outcome.is_failure and watch.landings() == [2, 3, 4, 7, 8]
    with pytest.raises(SourceError, match="no file at"):
        contract.module("flight_files").fetch(WINDOW, replace(watch.context(), readings=None))


def test_a_lake_from_before_these_notes_knows_what_its_files_held(watch: Watch) -> None:
    (watch.lake.folder / "files" / "flight_files.json").unlink()
    (watch.files / "a.csv").unlink()
    watch.night("second")
    assert watch.landings() == [2, 3, 4, 7, 8]
    assert watch.days()[3] == "partial"


def test_only_what_has_lost_something_can_be_withdrawn(watch: Watch) -> None:
    warehouse = Warehouse(watch.folder / "warehouse")
    with pytest.raises(ConfigError, match="files that hold less than before, or otherwise: none"):
        run.withdraw(warehouse, watch.settings(), "a.csv", "why")
    spoil(watch, "gone")
    watch.night("second")
    with pytest.raises(
        ConfigError, match=r"called 'c\.csv'; files that hold less than before, or otherwise: a\.csv \(flight_files\)"
    ):
        run.withdraw(warehouse, watch.settings(), "c.csv", "why")
    with pytest.raises(ConfigError, match="--because is empty"):
        run.withdraw(warehouse, watch.settings(), "a.csv", " ")
    source, reading = run.withdraw(warehouse, watch.settings(), "a.csv", "why")
    assert (source, reading.records_held) == ("flight_files", 3)


def test_the_list_of_rejects_stays_that_of_the_run_that_wrote_it(watch: Watch) -> None:
    watch.write("c.csv", HEADING + "RF-1,UUMU,2025-06-09T01:00Z,OSLK,soon\n")
    watch.night("second")
    watch.night("third")
    assert watch.reading("c.csv").run_id == "second"
    (one,) = [
        file
        for file in told_files.files(
            Published(watch.folder / "warehouse"), Lake(watch.folder / "warehouse"), ["flight_files"]
        )
        if file.reading.file == "c.csv"
    ]
    assert one.listed_in and "soon" in one.listed_in.read_text(encoding="utf-8")
    assert one.words.startswith("flight_files: c.csv: 1 of 1 records rejected; first: arrived_at is not a time: 'soon'")


# ---- articles


ARTICLE = "Il-76 lands at Hmeimim\nDate: 2025-06-03\n\nA Russian Il-76 landed at Hmeimim air base on Tuesday.\n"


class Texts(Watch):
    """A folder of articles, and a lake."""

    def settings(self) -> config.Settings:
        section = {"enabled": True, "location": "files", "ignore": self.ignore}
        return config.Settings(sources={"articles": section}, folder=self.folder)  # type: ignore[arg-type]

    def context(self) -> Context[Any]:
        return contract.context("articles", self.settings(), FACTS, PARAMS, datetime.now(UTC))

    def night(self, run_id: str = "run") -> ingest.Outcome:
        outcome = ingest.ingest(replace(WINDOW, source="articles"), self.context(), self.lake, run_id)
        assert not outcome.is_failure, outcome.error
        return outcome

    def count(self, table: str) -> int:
        return sum(pq.read_table(file).num_rows for file in self.lake.files(table))


@pytest.mark.parametrize("how", ["gone", "emptied", "unreadable", "undated", "another"])
def test_an_article_that_was_read_stays_until_it_is_taken_back(tmp_path: Path, how: str) -> None:
    texts = Texts(tmp_path)
    texts.write("a.txt", ARTICLE)
    texts.write("b.txt", ARTICLE.replace("Il-76", "An-124").replace("06-03", "06-05"))
    texts.night("first")
    before = {name: texts.count(name) for name in ("news_articles", "news_mentions", "news_claims")}
    assert before["news_articles"] == 2 and before["news_claims"] > 0
    if how == "gone":
        (texts.files / "a.txt").unlink()
    else:
        spoilt = {"emptied": "", "unreadable": "\x00\x01" * 99, "undated": ARTICLE.replace("2025-06-03", "soon"),
                  "another": "Weather\nDate: 2025-06-03\n\nIt rained.\n"}  # fmt: skip
        texts.write("a.txt", spoilt[how])
    outcome = texts.night("second")
    assert {name: texts.count(name) for name in before} == before
    assert outcome.files["a.txt"].is_short
    (row,) = [row for row in texts.lake.ledger("articles") if row.day == date(2025, 6, 3)]
    assert row.status == "partial" and "basewatch withdraw" in str(row.error)
    Readings(texts.lake, "articles").withdraw("a.txt", "printed by mistake")
    texts.night("third")
    assert texts.count("news_articles") == 1


def test_an_article_under_another_name_is_not_lost(tmp_path: Path) -> None:
    texts = Texts(tmp_path)
    texts.write("a.txt", ARTICLE)
    texts.night("first")
    (texts.files / "a.txt").rename(texts.files / "b.txt")
    assert not any(reading.is_short for reading in texts.night("second").files.values())
    assert texts.count("news_articles") == 1


# ---- press reports


class Reports(Watch):
    """A press table of one's own, and a lake."""

    location: str | None = "files/reports.csv"

    def settings(self) -> config.Settings:
        section = {"enabled": True, "location": self.location}
        return config.Settings(sources={"press_flights": section}, folder=self.folder)  # type: ignore[arg-type]

    def context(self) -> Context[Any]:
        return contract.context("press_flights", self.settings(), FACTS, PARAMS, datetime.now(UTC))

    def night(self, run_id: str = "run") -> ingest.Outcome:
        window = Window("press_flights", date(2025, 1, 1), date(2025, 12, 31))
        outcome = ingest.ingest(window, self.context(), self.lake, run_id)
        assert not outcome.is_failure, outcome.error
        return outcome

    def reports(self) -> int:
        return sum(pq.read_table(file).num_rows for file in self.lake.files("press_flights"))


REPORTS = "record_id,event_date_from,base_id,direction,count,claim_kind,paraphrase,source_url\n" + "".join(
    f"{day},2025-06-0{day},hmeimim,arrival,1,flight,x,https://example.org\n" for day in (2, 3, 4)
)


def test_press_reports_stay_until_they_are_taken_back(tmp_path: Path) -> None:
    reports = Reports(tmp_path)
    reports.write("reports.csv", REPORTS)
    reports.night("first")
    reports.write("reports.csv", REPORTS.partition("\n")[0] + "\n")
    assert reports.night("second").files["reports.csv"].is_short
    assert reports.reports() == 3
    assert {row.status for row in reports.lake.ledger("press_flights") if row.parts} == {"partial"}
    Readings(reports.lake, "press_flights").withdraw("reports.csv", "made up")
    reports.night("third")
    assert reports.reports() == 0


def test_a_table_of_ones_own_takes_the_place_of_the_shipped_one(tmp_path: Path) -> None:
    reports = Reports(tmp_path)
    reports.location = None
    assert reports.night("first").files == {}, "its rows without a day are no fault of the user's"
    assert reports.reports() > 0
    reports.location = "files/reports.csv"
    reports.write("reports.csv", REPORTS)
    reports.night("second")
    assert reports.reports() == 3
