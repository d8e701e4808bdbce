"""The first screen of a release: silences that go on come first, unknown is no zero, what is left out is named."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from basewatch.report.first_screen import CAVEAT, KINDS, FirstScreen, markdown, read
from unit import report_fixture

AS_OF = date(2026, 6, 30)
TABLES = ("bases", "fleets", "base_visits", "base_daily_activity", "base_monthly_activity", "base_gaps")


def months_back(count: int) -> list[date]:
    """The first days of the last `count` months, oldest first."""
    number = AS_OF.year * 12 + AS_OF.month - 1
    return [date(index // 12, index % 12 + 1, 1) for index in range(number - count + 1, number + 1)]


def month(base: str, first: date, visits: int | None, looked_at: int = 30, **more: Any) -> dict[str, Any]:
    """A month of a base; `visits` null: nobody looked."""
    looked_at = 0 if visits is None else looked_at
    return {
        "base_id": base, "fleet_id": "ru_mil", "month": first, "visits": visits,
        "activity": "unknown" if visits is None else "active" if visits else "quiet",
        "days_observed": looked_at, "days_unmeasured": 0, "days_blind": 0, "days_missing": 30 - looked_at,
    } | more  # fmt: skip


def gap(base: str, kind: str, days: int, missing: int = 0, until: date | None = None) -> dict[str, Any]:
    """A silence of so many days, up to `until`, else up to the last day of the release."""
    last = until or AS_OF
    return {
        "gap_id": f"{base}-{days}", "base_id": base, "fleet_id": "ru_mil", "kind": kind, "gap_days": days,
        "first_day": last - timedelta(days=days - 1), "last_day": last, "is_ongoing": until is None,
        "days_blind": 0, "days_missing": missing,
    }  # fmt: skip


class Published:
    """A release that holds what a test puts into it, written when it is read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: dict[str, list[dict[str, Any]]] = {table: [] for table in TABLES}
        self.rows["fleets"] = [{"fleet_id": "all"}, {"fleet_id": "ru_mil"}]

    def base(self, base: str, months: list[dict[str, Any]], *gaps: dict[str, Any]) -> None:
        """Add a base with its months and silences."""
        self.rows["bases"].append({"base_id": base})
        self.rows["base_monthly_activity"] += months
        self.rows["base_gaps"] += gaps
        self.rows["base_daily_activity"].append({"base_id": base, "fleet_id": "ru_mil", "day": AS_OF})

    def screen(self, *bases: str, fleet: str = "ru_mil") -> FirstScreen:
        """What is shown of it."""
        file = self.folder / f"{len(list(self.folder.iterdir()))}.duckdb"
        with duckdb.connect(str(file)) as connection:
            connection.begin()
            for table, rows in self.rows.items():
                connection.execute(f"CREATE TABLE {table} ({report_fixture.TABLES[table]})")
                if rows:
                    names = list(dict.fromkeys(name for row in rows for name in row))
                    connection.register("given", pa.Table.from_pydict({n: [row.get(n) for row in rows] for n in names}))
                    connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM given")
            connection.commit()
        return read(file, bases, fleet)


@pytest.fixture
def published(tmp_path: Path) -> Published:
    """An empty release."""
    return Published(tmp_path)


def rows(screen: FirstScreen, start: str) -> list[list[Any]]:
    """The rows of the table whose title starts so; none where it is not shown."""
    return [row for table in screen.tables if table.title.startswith(start) for row in table.rows]


def test_a_pause_that_goes_on_is_told_first_and_its_months_reach_the_last_day(published: Published) -> None:
    quiet = [month("hmeimim", first, 0, looked_at=28) for first in months_back(4)]
    busy = [month("hmeimim", first, 5) for first in months_back(6)[:2]]
    published.base("hmeimim", busy + quiet, gap("hmeimim", "pause", 120, missing=8))
    screen = published.screen()
    assert screen.tables[0].title.startswith("Spells with no visit (fleet ru_mil)")
    assert rows(screen, "Spells") == [["hmeimim", "pause", date(2026, 3, 3), "goes on", 120, 8]]
    assert rows(screen, "Visits") == [
        ["hmeimim", "2026-01", "active", 5, 30, 0, None],
        ["hmeimim", "2026-02", "active", 5, 30, 0, None],
        ["hmeimim", "2026-03–2026-06", "quiet", 0, 112, 8, None],
    ]
    assert f"pause: {KINDS['pause']}." in screen.notes


def test_a_spell_that_nobody_could_see_is_unknown_to_the_end_and_never_zero(published: Published) -> None:
    seen, *unseen = months_back(5)
    published.base(
        "hmeimim",
        [month("hmeimim", seen, 3), *(month("hmeimim", first, None) for first in unseen)],
        gap("hmeimim", "unobserved", 120, missing=120),
    )
    screen = published.screen()
    assert rows(screen, "Spells") == [["hmeimim", "unobserved", date(2026, 3, 3), "goes on", 120, 120]]
    assert rows(screen, "Visits")[-1] == ["hmeimim", "2026-03–2026-06", "unknown", None, 0, 120, None]
    assert "| hmeimim | 2026-03–2026-06 | unknown | – | 0 | 120 | – |" in markdown(screen)


def test_months_that_nobody_looked_at_and_months_without_a_visit_are_not_drawn_together(published: Published) -> None:
    first, second, third = months_back(3)
    published.base(
        "hmeimim", [month("hmeimim", first, None), month("hmeimim", second, 0), month("hmeimim", third, None)]
    )
    assert [row[1:4] for row in rows(published.screen("hmeimim"), "Visits")] == [
        ["2026-04", "unknown", None],
        ["2026-05", "quiet", 0],
        ["2026-06", "unknown", None],
    ]


def test_mentions_of_still_months_are_known_only_where_news_was_read_in_all_of_them(published: Published) -> None:
    read_months = [month("hmeimim", first, 0, mentions=0) for first in months_back(2)]
    published.base("hmeimim", read_months)
    assert rows(published.screen("hmeimim"), "Visits") == [["hmeimim", "2026-05–2026-06", "quiet", 0, 60, 0, 0]]
    half_read = [
        month("benina", first, 0, mentions=count) for first, count in zip(months_back(2), (0, None), strict=True)
    ]
    published.base("benina", half_read)
    assert rows(published.screen("benina"), "Visits") == [["benina", "2026-05–2026-06", "quiet", 0, 60, 0, None]]


def test_a_month_with_a_mention_or_an_aircraft_standing_there_is_a_row_of_its_own(published: Published) -> None:
    first, second, third = months_back(3)
    published.base(
        "hmeimim",
        [
            month("hmeimim", first, 0, mentions=2),
            month("hmeimim", second, 0, activity="active"),
            month("hmeimim", third, 0),
        ],
    )
    assert [row[1:4] for row in rows(published.screen(), "Visits")] == [
        ["2026-04", "quiet", 0],
        ["2026-05", "active", 0],
        ["2026-06", "quiet", 0],
    ]


def test_every_kind_of_silence_is_explained_and_the_most_newsworthy_comes_first(published: Published) -> None:
    for number, kind in enumerate(reversed(KINDS)):
        base = f"base_{number}"
        published.base(base, [month(base, AS_OF.replace(day=1), 1)], gap(base, kind, 40 + number))
    screen = published.screen()
    assert [row[1] for row in rows(screen, "Spells")] == ["pause", "lull", "not_judged", "ambiguous", "unobserved"]
    assert [f"{kind}: {meaning}." for kind, meaning in KINDS.items()] == screen.notes[: len(KINDS)]


def test_a_base_with_visits_of_late_stands_after_a_pause_and_before_other_silences(published: Published) -> None:
    (now,) = months_back(1)
    published.base("a_lull", [month("a_lull", now, 1)], gap("a_lull", "lull", 30))
    published.base("busy", [month("busy", now, 9)])
    published.base("calm", [month("calm", now, 2)])
    published.base("pause", [month("pause", now, 1)], gap("pause", "pause", 50))
    published.base("press", [month("press", now, None, mentions=4)])
    assert [row[0] for row in rows(published.screen(), "Visits")] == ["pause", "busy", "calm", "a_lull", "press"]


def test_a_pause_that_ended_is_told_for_a_year_and_other_ended_spells_are_not(published: Published) -> None:
    published.base(
        "hmeimim",
        [month("hmeimim", AS_OF.replace(day=1), 1)],
        gap("hmeimim", "pause", 60, until=AS_OF - timedelta(days=364)),
        gap("hmeimim", "pause", 61, until=AS_OF - timedelta(days=365)),
        gap("hmeimim", "lull", 20, until=AS_OF - timedelta(days=90)),
    )
    assert [(row[3], row[4]) for row in rows(published.screen(), "Spells")] == [(date(2025, 7, 1), 60)]


def test_bases_with_nothing_on_record_are_named_looked_at_apart_from_never_looked_at(published: Published) -> None:
    (now,) = months_back(1)
    published.base("busy", [month("busy", now, 9)])
    published.base("looked", [month("looked", now, 0)])
    published.base("never", [month("never", now, None)])
    published.base("no_months", [])
    screen = published.screen()
    assert {row[0] for row in rows(screen, "Visits")} == {"busy"}
    assert "Looked at, with no visit and no mention on record: looked." in screen.notes
    assert "Not looked at for one whole day, so nothing is known: never, no_months." in screen.notes
    assert screen.notes[-1] == CAVEAT
    named = published.screen("never")
    assert rows(named, "Visits") == [["never", "2026-06", "unknown", None, 0, 30, None]], "who asks for it is shown it"


def test_a_release_without_any_row_says_so_and_shows_no_empty_table(published: Published) -> None:
    assert published.screen() == FirstScreen([], [CAVEAT])


def test_many_bases_keep_to_one_screen_and_what_is_left_out_is_said(published: Published) -> None:
    for number in range(40):
        base = f"base_{number:02}"
        published.base(
            base, [month(base, first, 1 + number) for first in months_back(24)], gap(base, "lull", 30 + number)
        )
    screen = published.screen()
    assert len(rows(screen, "Spells")) == 10 and rows(screen, "Spells")[0][0] == "base_39", "the longest first"
    shown = rows(screen, "Visits")
    assert len(shown) == 30 and len({row[0] for row in shown}) == 6
    assert all(row[1] >= "2026-02" for row in shown), "each base shows its last months"
    assert "Left out: 30 more spells (30 lull); `basewatch gaps --fleet ru_mil` has them all." in screen.notes
    (left_out,) = [note for note in screen.notes if note.startswith("Left out: the months of")]
    assert "and 26 more; `basewatch months --fleet ru_mil`" in left_out


def test_another_fleet_shows_its_own_months_alone(published: Published) -> None:
    (now,) = months_back(1)
    published.base("hmeimim", [month("hmeimim", now, 4), month("hmeimim", now, 7, fleet_id="own")])
    assert "This release holds no fleet own." in published.screen(fleet="own").notes
    published.rows["fleets"].append({"fleet_id": "own"})
    screen = published.screen(fleet="own")
    assert rows(screen, "Visits") == [["hmeimim", "2026-06", "active", 7, 30, 0, None]]
    assert screen.notes == [CAVEAT]


def test_simulated_flights_are_said_to_be_that(published: Published) -> None:
    published.rows["base_visits"].append({"base_id": "field", "sources": ["simulated"]})
    assert "SIMULATED, not real: the flights at field." in published.screen().notes


def test_bases_are_called_by_the_first_of_their_names(published: Published) -> None:
    published.base("hmeimim", [month("hmeimim", AS_OF.replace(day=1), 3)], gap("hmeimim", "lull", 30))
    published.base("never", [])
    for base, name in zip(published.rows["bases"], ("Hmeimim Air Base / Latakia Airport", "Nowhere"), strict=True):
        base["name"] = name
    screen = published.screen()
    assert rows(screen, "Spells")[0][0] == rows(screen, "Visits")[0][0] == "Hmeimim Air Base"
    assert "Not looked at for one whole day, so nothing is known: Nowhere." in screen.notes


def test_markdown_keeps_outside_text_inside_its_cell(published: Published) -> None:
    base = "a|b<script>\nc"
    published.base(base, [month(base, AS_OF.replace(day=1), 1)])
    assert "| a\\|b&lt;script> c | 2026-06 | active | 1 | 30 | 0 | – |" in markdown(published.screen())
