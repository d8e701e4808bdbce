"""Nights of news over real HTTP, once in fair weather and once in foul: the tables are the same in the end.

Archives that are not there, wrong checksums, HTML in place of data, a feed that dates an item anew, quarter-hours that
GDELT did not monitor. What went wrong, and when it was made good, stands in the ledger.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from basewatch import config, ingest
from basewatch.lake.ledger import LedgerRow
from basewatch.lake.schemas import TABLES
from basewatch.lake.store import Lake
from basewatch.net.limits import STATE
from basewatch.reference import load
from basewatch.sources import gdelt_doc
from basewatch.warehouse import models
from server import setup
from server.core import FakeClock, Request, serving
from server.news import Doc, Files, Item, Outlets, Story, file_name, gkg_row, mention_row, rfc822, rss, slots_of

pytestmark = pytest.mark.e2e

DAYS = [date(2026, 10, day) for day in (1, 2)]
NEWS = ("news_articles", "news_mentions", "news_claims", "news_totals")
MODELS = (
    "staging.stg_news__articles",
    "staging.stg_news__mentions",
    "staging.stg_news__totals",
    "intermediate.int_stories",
    "intermediate.int_mention_shares",
    "marts.news_mentions",
)
SLOTS = slots_of("20261001")
NOTHING = Story("https://x.example/n", "Budget passed", datetime(2026, 10, 1, 9, tzinfo=UTC), "A budget was passed.")
BODY = "An An-124 landed at the Hmeimim air base, Bloomberg reported."
LANDING = Item("An-124 lands at Hmeimim", "https://outlet.example/1", rfc822(datetime(2026, 10, 1, 12, tzinfo=UTC)),
               "https://outlet.example/1", None, BODY)  # fmt: skip
SECOND = Item("Engels-2 airbase attacked", "https://outlet.example/2", rfc822(datetime(2026, 10, 2, 9, tzinfo=UTC)),
              "https://outlet.example/2")  # fmt: skip


@dataclass
class World:
    """GDELT and an outlet, a warehouse, and the nights."""

    folder: Path
    clock: FakeClock
    doc: Doc
    files: Files
    outlets: Outlets
    history: list[tuple[date, LedgerRow]] = field(default_factory=list)

    @property
    def lake(self) -> Lake:
        return Lake(self.folder / "warehouse")

    @property
    def settings(self) -> config.Settings:
        configured = setup.settings(
            self.folder,
            gdelt_doc={
                "location": f"{self.doc.host.url}{Doc.PATH}",
                "bases": ["hmeimim"],
                "totals": ["english"],
                "attempts": 3,
            },
            gdelt_files={
                "location": f"{self.files.host.url}/gdeltv2",
                "streams": ["gkg", "mentions"],
                "translated": False,
                "attempts": 3,
            },
            feeds={"feeds": [{"name": "outlet", "url": f"{self.outlets.host.url}/rss"}], "attempts": 3},
        )
        return configured.model_copy(update={"nightly": config.Nightly(horizon_days=2)})

    def night(self, number: int) -> None:
        """The run in the morning after the numbered day: every window of the plan, each committed by itself."""
        until = DAYS[0] + timedelta(days=number)
        now = datetime(until.year, until.month, until.day, 5, 15, tzinfo=UTC) + timedelta(days=1)
        self.clock.now = max(self.clock.now, now.timestamp())
        STATE.breakers.clear()
        for window in ingest.plan(self.settings, self.lake.ledger(), until):
            outcome = ingest.ingest(
                window, setup.context(self.settings, now, window.source), self.lake, f"night{number}"
            )
            self.history += [(until, row) for row in outcome.rows]

    def ledger(self, source: str, scope: str = "global") -> list[tuple[str, str]]:
        """(day, status) as the ledger has them now."""
        return [(str(row.day), row.status) for row in self.lake.ledger() if (row.source, row.scope) == (source, scope)]

    def told(self, source: str, day: str) -> list[tuple[str, str]]:
        """(night, status) of all that the ledger ever said of a source's day."""
        return [
            (str(night), row.status)
            for night, row in self.history
            if row.source == source and str(row.day) == day and row.scope == "global"
        ]

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything that the lake holds of the news, row by row, and what the models make of it."""
        connection = duckdb.connect(config={"threads": 1})
        connection.execute("SET TimeZone = 'UTC'")
        for schema in ("raw", "staging", "intermediate", "marts"):
            connection.execute(f"CREATE SCHEMA {schema}")
        found: dict[str, list[tuple[Any, ...]]] = {}
        for name in NEWS:
            parts = [pq.read_table(file) for file in self.lake.files(name)] or [TABLES[name].schema.empty_table()]
            for number, part in enumerate(parts):
                connection.register(f"part{number}", part)
            union = " UNION ALL ".join(f"SELECT * FROM part{number}" for number in range(len(parts)))
            connection.execute(f"CREATE TABLE raw.{name} AS {union}")
            # which poll brought an article, and where it stood in it, is for each network's weather to say
            facts = f"SELECT * EXCLUDE (origin_sha256, origin_place) FROM raw.{name}"
            facts = facts if "origin_sha256" in TABLES[name].schema.names else f"FROM raw.{name}"
            found[name] = connection.execute(f"{facts} ORDER BY ALL").fetchall()
        params = {**load.params(config.Settings()).values, "as_of": DAYS[-1]}
        models.define_macros(connection)
        for name in MODELS:
            models.materialise(connection, models.load()[name], params)
            found[name] = connection.execute(f"SELECT * FROM {name} ORDER BY ALL").fetchall()
        return found


@contextmanager
def world(folder: Path) -> Iterator[World]:
    with setup.virtual_time(datetime(2026, 10, 2, 5, 15, tzinfo=UTC)) as clock:
        doc = Doc(clock.time, [
            NOTHING,
            Story("https://tass.com/1", "An-124 lands at Hmeimim", datetime(2026, 10, 1, 11, 30, tzinfo=UTC), BODY),
            Story("https://b.example/2", "Traffic resumes in Syria", datetime(2026, 10, 2, 8, 15, tzinfo=UTC), BODY),
        ])  # fmt: skip
        files, outlets = Files(clock.time), Outlets(clock.time)
        for day in ("20261001", "20261002"):
            files.fill(day, ("gkg", "mentions"), rows=1)
        files.add(SLOTS[47], "gkg", [gkg_row(f"{SLOTS[47]}-7", "https://tass.com/1", names="Hmeimim Air Base,9;",
                                             title="An-124 lands at Hmeimim", precise="20261001113000")])  # fmt: skip
        files.add(SLOTS[48], "mentions", [mention_row(5, SLOTS[48], "https://c.example/khmeimim-base-news")])
        files.add("20261002090000", "gkg", [gkg_row("20261002090000-7", "https://d.example/3", names="Engels-2,9;")])
        outlets.put("/rss", rss([LANDING]))
        with serving(doc.host, files.host, outlets.host):
            yield World(folder, clock, doc, files, outlets)
    assert (doc.host.violations, files.host.violations, outlets.host.violations) == ([], [], [])


@pytest.fixture(scope="module")
def fair(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[Any, ...]]]:
    """Two nights without a fault."""
    with world(tmp_path_factory.mktemp("fair")) as here:
        here.night(0)
        here.outlets.put("/rss", rss([SECOND, LANDING]))
        here.night(1)
        for source in ("gdelt_doc", "gdelt_files", "feeds"):
            assert [status for day, status in here.ledger(source) if day >= "2026-10-01"] == ["ok", "ok"]
        found = here.tables()
    addresses = {row[4] for row in found["marts.news_mentions"]}
    assert addresses == {
        "https://tass.com/1", "https://b.example/2", "https://c.example/khmeimim-base-news", "https://d.example/3",
        "https://outlet.example/1", "https://outlet.example/2",
    }  # fmt: skip
    return found


def test_foul_weather_ends_with_the_tables_of_fair_and_a_ledger_that_tells(
    fair: dict[str, list[tuple[Any, ...]]], tmp_path: Path
) -> None:
    with world(tmp_path) as here:
        missing = [file_name(SLOTS[47], "gkg"), file_name(SLOTS[3], "mentions")]
        here.files.hidden = set(missing)
        here.files.damaged = {file_name(SLOTS[48], "mentions"): 3, file_name(SLOTS[60], "gkg"): 1}
        here.files.host.html("Backend error", when=lambda request: "/20261001" in request.path)
        here.files.host.truncated(when=lambda request: "/20261001" in request.path)
        last = last_search(here)
        here.doc.host.html("Service Unavailable", times=1, when=is_of_first_day)
        here.doc.host.text("busy, come back", times=3, when=lambda r: is_of_first_day(r) and r.one("query") == last)
        here.doc.dead_steps = {"20261001T061500Z"}
        here.outlets.host.broken(502)
        here.night(0)

        (files,) = [row for row in here.lake.ledger() if row.key == ("gdelt_files", "global", DAYS[0])]
        assert (files.status, files.files) == ("partial", 189)
        assert files.error == (
            f"failed: 1 of 192 archives ({file_name(SLOTS[48], 'mentions')}); "
            f"late: 2 of 192 archives ({missing[1]}, {missing[0]})"
        )
        (doc,) = [row for row in here.lake.ledger() if row.key == ("gdelt_doc", "base:hmeimim", DAYS[0])]
        assert (doc.status, "the text 'busy, come back' where JSON is due" in (doc.error or "")) == ("partial", True)
        assert here.ledger("feeds")[-1] == ("2026-10-01", "ok")

        here.files.hidden.clear()
        here.doc.dead_steps.clear()
        dated_anew = replace(LANDING, published=rfc822(datetime(2026, 10, 2, 20, tzinfo=UTC)))
        here.outlets.put("/rss", rss([SECOND, dated_anew]))
        here.night(1)

        assert here.told("gdelt_files", "2026-10-01") == [("2026-10-01", "partial"), ("2026-10-02", "ok")]
        assert here.told("gdelt_doc", "2026-10-01") == [("2026-10-01", "partial"), ("2026-10-02", "ok")]
        assert here.told("feeds", "2026-10-01") == [("2026-10-01", "ok")]
        assert here.told("gdelt_files", "2026-10-02") == [("2026-10-02", "ok")]
        found = here.tables()
    assert found == fair


def is_of_first_day(request: Request) -> bool:
    """Whether a search is about the first day."""
    return (request.one("startdatetime") or "").startswith("20261001")


def last_search(here: World) -> str:
    """The last search of a day for the base."""
    about = setup.context(here.settings, datetime(2026, 10, 2, 5, 15, tzinfo=UTC), "gdelt_doc")
    return gdelt_doc.queries(gdelt_doc.names("hmeimim", about))[-1]


def test_a_night_that_was_not_run_costs_feeds_a_day_and_gdelt_none(
    fair: dict[str, list[tuple[Any, ...]]], tmp_path: Path
) -> None:
    with world(tmp_path) as here:
        here.outlets.put("/rss", rss([SECOND, LANDING]))
        here.night(1)
        assert here.ledger("gdelt_files") == [("2026-10-01", "ok"), ("2026-10-02", "ok")]
        assert here.ledger("gdelt_doc") == [("2026-10-01", "ok"), ("2026-10-02", "ok")]
        assert here.ledger("feeds") == [("2026-10-01", "expired"), ("2026-10-02", "ok")]
        assert len(here.outlets.host.log) == 1  # not a poll for each day missed
        found = here.tables()
    published = {(row[4], row[1], row[2]) for row in fair["marts.news_mentions"]}
    assert {(row[4], row[1], row[2]) for row in found["marts.news_mentions"]} == published


def test_a_later_night_changes_nothing(fair: dict[str, list[tuple[Any, ...]]], tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.night(0)
        here.outlets.put("/rss", rss([SECOND, LANDING]))
        here.night(1)
        before = here.lake.fingerprint()
        asked = len(here.files.host.log), len(here.doc.host.log), len(here.outlets.host.log)
        here.night(1)
        assert (len(here.files.host.log), len(here.doc.host.log), len(here.outlets.host.log)) == asked
        assert here.lake.fingerprint() == before
        assert here.tables() == fair
