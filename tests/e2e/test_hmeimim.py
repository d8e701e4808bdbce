"""The question the product answers, on the very records that the press cited, and on written ones that always run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

import devtools
import report_pages
from browser import CHROMIUM

pytestmark = pytest.mark.e2e

MONTHS = [f"2025-{month:02d}" for month in range(3, 11)]
ARRIVALS = [3, 5, 1, 3, 3, 2, 6, 7]
DEPARTURES = [4, 4, 6, 3, 1, 0, 5, 8]
COVERS = 'covers = [{base = "hmeimim", from = "2025-01-14", to = "2025-11-15"}]'


def configure(folder: Path, flights: Path | str, covers: str = COVERS, articles: Path | None = None) -> Path:
    """A basewatch.toml in the folder."""
    file = folder / "basewatch.toml"
    news = f'[sources.articles]\nenabled = true\nlocation = "{articles}"\n' if articles else ""
    file.write_text(
        f'[warehouse]\nroot = "warehouse"\n[sources.flight_files]\nenabled = true\n'
        f'location = "{flights}"\n{covers}\n{news}',
        encoding="utf-8",
    )
    return file


def basewatch(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The command line as a user runs it."""
    command = [sys.executable, "-m", "basewatch.cli.app", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def backfill(config: Path, since: str = "2025-01-14", until: str = "2025-11-15") -> None:
    """A backfill that must succeed."""
    done = basewatch("backfill", "--plain", "--from", since, "--to", until, "--config", config)
    assert done.returncode == 0, done.stderr


def query(config: Path, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Rows from the published database."""
    with duckdb.connect(str(config.parent / "warehouse" / "basewatch.duckdb"), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(sql, list(values)).fetchall()


def months(config: Path, column: str) -> list[int | None]:
    """One column of Hmeimim's months of 2025-03 to 2025-10 for the Russian military fleet."""
    rows = query(
        config,
        f"SELECT {column} FROM base_monthly_activity WHERE base_id = 'hmeimim' AND fleet_id = 'ru_mil' "
        "AND month BETWEEN '2025-03-01' AND '2025-10-01' ORDER BY month",
    )
    return [row[0] for row in rows]


@pytest.fixture(scope="module")
def real(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recorded flights with their covers, and the article, published."""
    folder = tmp_path_factory.mktemp("real")
    config = configure(folder, recorded / "flightradar24" / "*.csv", articles=recorded / "articles")
    backfill(config)
    return config


def test_monthly_counts(real: Path) -> None:
    assert months(real, "arrivals") == ARRIVALS
    assert months(real, "departures") == DEPARTURES


@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}: the report was not looked at")
def test_every_number_of_the_report_is_that_of_the_published_tables(real: Path, tmp_path: Path) -> None:
    warehouse = real.parent / "warehouse"
    folder = warehouse / "current" / "report"
    with devtools.browser(tmp_path / "profile") as browser:
        browser.look(1280, 900)
        assert report_pages.check_numbers(browser, folder, warehouse / "basewatch.duckdb", "ru_mil") > 500
        report_pages.check_phone(browser, folder)
        report_pages.check_nothing_is_asked(browser)
    page = (folder / "bases" / "hmeimim.html").read_text()
    assert "27 visits to Hmeimim Air Base are on record from" in page
    assert "Source: Flightradar24, " in page and "Recorded by" in page


def test_february_was_looked_at_and_quiet(real: Path) -> None:
    assert query(
        real,
        "SELECT activity, visits, days_unmeasured, days_missing FROM base_monthly_activity "
        "WHERE base_id = 'hmeimim' AND fleet_id = 'ru_mil' AND month = '2025-02-01'",
    ) == [("quiet", 0, 28, 0)]


def test_no_other_base_shows_a_zero(real: Path) -> None:
    for table in ("base_monthly_activity", "base_daily_activity"):
        assert query(
            real, f"SELECT * FROM {table} WHERE base_id <> 'hmeimim' AND (arrivals = 0 OR departures = 0 OR visits = 0)"
        ) == []  # fmt: skip


def test_landings_by_type(real: Path) -> None:
    sql = (
        "SELECT day(arrived_at) FROM base_visits WHERE base_id = 'hmeimim' AND type_code = ? AND confidence >= 2 "
        "AND list_contains(fleets, 'ru_mil') AND arrived_at >= '2025-10-17' AND arrived_at < '2025-11-01' ORDER BY 1"
    )
    assert [row[0] for row in query(real, sql, "A124")] == [17, 23, 24, 25, 29]
    assert [row[0] for row in query(real, sql, "IL62")] == [26]


def test_civil_and_foreign_aircraft_are_not_in_the_fleet(real: Path) -> None:
    rows = query(
        real,
        "SELECT registration, list_contains(fleets, 'ru_mil') FROM base_visits "
        "WHERE registration IN ('YK-AYB', 'OR-2028', 'QA63') ORDER BY registration",
    )
    assert rows == [("OR-2028", False), ("QA63", False), ("YK-AYB", False)]


def test_claims_of_the_article(real: Path) -> None:
    rows = query(
        real,
        "SELECT claim, type_code, claimed_count, claimed_from::VARCHAR, claimed_to::VARCHAR, fleet_id, verdict, "
        "visits_recorded FROM claim_checks ORDER BY claim, type_code",
    )
    assert rows == [
        ("flight", "A124", 3, "2025-10-24", "2025-10-29", "ru_mil", "corroborated", 3),
        # nothing on record says where it came from or went, so its route from Libya to the Moscow region stays open
        ("flight", "IL62", 1, "2025-10-26", "2025-10-26", "ru_mil", "partly", 1),
        ("pause", None, None, "2025-04-24", "2025-10-23", "ru_mil", "contradicted", 27),
        ("resumption", None, None, "2025-10-24", "2025-10-29", "ru_mil", "contradicted", 4),
    ]


def test_the_evidence_against_the_pause(real: Path) -> None:
    evidence = query(real, "SELECT claim, visit_ids FROM claim_checks WHERE claim <> 'flight' ORDER BY claim")
    assert evidence[0][1] == evidence[1][1]
    listed = query(
        real,
        "SELECT count(arrived_at) FILTER (WHERE arrived_at >= '2025-05-01'), "
        "count(departed_at) FILTER (WHERE departed_at >= '2025-05-01' AND departed_at < '2025-10-24') "
        "FROM base_visits WHERE list_contains(?::VARCHAR[], visit_id)",
        evidence[0][1],
    )
    assert listed == [(18, 19)]


def test_mention_of_the_article(real: Path) -> None:
    rows = query(
        real,
        "SELECT base_id, published_at::DATE::VARCHAR, origin, reports_pause, reports_resumption, verb_strength "
        "FROM news_mentions",
    )
    assert rows == [("hmeimim", "2025-10-30", "Bloomberg", True, True, "landed")]


def test_without_covers_the_counts_are_lower_bounds(recorded: Path, tmp_path: Path) -> None:
    config = configure(tmp_path, recorded / "flightradar24" / "*.csv", covers="")
    backfill(config)
    assert months(config, "arrivals") == ARRIVALS
    assert months(config, "departures") == [count or None for count in DEPARTURES]
    assert set(months(config, "days_unmeasured")) == {0}
    assert query(
        config,
        "SELECT activity, visits, arrivals, departures, days_missing FROM base_monthly_activity "
        "WHERE base_id = 'hmeimim' AND fleet_id = 'ru_mil' AND month = '2025-02-01'",
    ) == [("unknown", None, None, None, 28)]
    assert query(config, "SELECT DISTINCT observability FROM base_daily_activity") == [("missing",)]


# ---- written records, which always run

HEADING = "record_id,icao24,registration,callsign,type_code,operator,origin,departed_at,destination,arrived_at,url\n"


def written(folder: Path, *rows: str) -> Path:
    """A file of plain flight records."""
    file = folder / "flights.csv"
    file.write_text(HEADING + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return file


def article(folder: Path, dateline: str = "October 30, 2025") -> Path:
    """An article of our own with the claims of the story."""
    news = folder / "news"
    news.mkdir(exist_ok=True)
    (news / "resumption.txt").write_text(
        f"# Russia resumes military flights to Syria\n\n{dateline}\n\n"
        "Russia has restarted military flights to its Hmeimim air base in Syria after a six-month pause. "
        "An An-124 landed at Hmeimim three times between Friday and Wednesday.\n",
        encoding="utf-8",
    )
    return news


def weekly(first: str, last: str, aircraft: str = "15406e,RA-82030,RFF401,A124,RFF") -> list[str]:
    """A landing and a take-off every fourth day from first to last."""
    rows = duckdb.sql(
        f"SELECT strftime(d, '%Y-%m-%d') FROM generate_series(DATE '{first}', DATE '{last}', INTERVAL 4 DAY) AS t(d)"
    ).fetchall()
    found = []
    for (day,) in rows:
        found.append(f"in-{day},{aircraft},UUMU,{day}T04:00:00Z,OSLK,{day}T08:00:00Z,")
        found.append(f"out-{day},{aircraft},OSLK,{day}T12:00:00Z,UUMU,{day}T16:00:00Z,")
    return found


def verdicts(config: Path) -> dict[str, str]:
    """Verdict by claim."""
    return dict(query(config, "SELECT claim, verdict FROM claim_checks"))


COVERED = 'covers = [{base = "hmeimim", from = "2024-06-01", to = "2025-11-15"}]'


def test_records_that_do_fall_silent_bear_the_claims_out(tmp_path: Path) -> None:
    flights = written(tmp_path, *weekly("2024-06-02", "2025-04-20"), *weekly("2025-10-24", "2025-11-10"))
    config = configure(tmp_path, flights, COVERED, article(tmp_path))
    backfill(config, "2024-06-01")
    assert verdicts(config)["pause"] == "corroborated"
    assert verdicts(config)["resumption"] == "corroborated"
    gap = query(
        config,
        "SELECT kind, first_day::VARCHAR, resumption FROM base_gaps WHERE base_id = 'hmeimim' AND fleet_id = 'ru_mil'",
    )
    assert gap == [("pause", "2025-04-19", "resumed")]


def test_days_that_nobody_looked_at_prove_nothing(tmp_path: Path) -> None:
    flights = written(tmp_path, *weekly("2024-06-02", "2025-04-20"), *weekly("2025-10-24", "2025-11-10"))
    part = (
        'covers = [{base = "hmeimim", from = "2024-06-01", to = "2025-05-31"}, '
        '{base = "hmeimim", from = "2025-10-01", to = "2025-11-15"}]'
    )
    config = configure(tmp_path, flights, part, article(tmp_path))
    backfill(config, "2024-06-01")
    assert verdicts(config)["pause"] == "not_observable"
    assert query(config, "SELECT kind FROM base_gaps WHERE base_id = 'hmeimim' AND fleet_id = 'ru_mil'") == [
        ("unobserved",)
    ]
    config = configure(tmp_path, flights, "", article(tmp_path))
    backfill(config, "2024-06-01")
    assert verdicts(config)["pause"] == "no_data"


def test_a_dateline_of_another_year_matches_nothing(tmp_path: Path) -> None:
    flights = written(tmp_path, *weekly("2024-06-02", "2025-04-20"), *weekly("2025-10-24", "2025-11-10"))
    config = configure(tmp_path, flights, COVERED, article(tmp_path, "October 30, 2024"))
    backfill(config, "2024-06-01")
    assert verdicts(config)["pause"] == "contradicted"
    claimed = query(config, "SELECT claimed_from::VARCHAR FROM claim_checks WHERE claim = 'flight'")
    assert claimed[0][0].startswith("2024-10-2")


def test_two_ends_in_one_row_or_in_two_give_the_same_tables(tmp_path: Path) -> None:
    name = "15406e,RA-82030,RFF401,A124,RFF"
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    # one record that merges two legs: it landed at the base, then took off from it
    one = written(
        tmp_path / "one", f"r,{name},OSLK,2025-04-09T14:07:10Z,OSLK,2025-04-09T12:16:56Z,https://example.org/r"
    )
    two = written(
        tmp_path / "two",
        f"r1,{name},OSLK,2025-04-09T14:07:10Z,,,https://example.org/r",
        f"r2,{name},,,OSLK,2025-04-09T12:16:56Z,https://example.org/r",
    )
    tables = []
    for flights in (one, two):
        config = configure(flights.parent, flights, COVERED)
        backfill(config, "2025-04-01", "2025-04-30")
        tables.append(
            [
                query(config, f"SELECT * FROM {table} ORDER BY ALL")
                for table in ("base_visits", "base_daily_activity", "base_monthly_activity", "base_gaps", "flight_legs")
            ]
        )
    assert tables[0] == tables[1]
    assert len(tables[0][0]) == 1


def test_an_aircraft_with_two_addresses_in_the_registers_is_in_the_fleet(tmp_path: Path) -> None:
    flights = written(
        tmp_path,
        "a,1f3342,RF-78658,,IL76,,UUMU,2025-04-01T04:00:00Z,OSLK,2025-04-01T08:00:00Z,",
        "b,,RF-78658,,IL76,,OSLK,2025-04-01T12:00:00Z,UUMU,2025-04-01T16:00:00Z,",
        "c,153342,RF-78658,,IL76,,UUMU,2025-04-05T04:00:00Z,OSLK,2025-04-05T08:00:00Z,",
    )
    config = configure(tmp_path, flights, COVERED)
    backfill(config, "2025-04-01", "2025-04-30")
    visits = query(
        config,
        "SELECT icao24, list_contains(fleets, 'ru_mil'), ground_minutes FROM base_visits "
        "WHERE base_id = 'hmeimim' ORDER BY arrived_at",
    )
    assert [row[1:] for row in visits] == [(True, 240.0), (True, None)]
    assert len({row[0] for row in visits}) == 1
    conflicts = query(config, "SELECT conflicts FROM aircraft WHERE registration = 'RF-78658'")
    assert "153342" in json.dumps(conflicts)
    assert "1f3342" in json.dumps(conflicts)
