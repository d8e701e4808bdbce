"""Commands that look at a release: its tables, a query, its report, its form as SQLite; and how much they say."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import sys
from contextlib import closing
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import typer

from basewatch.cli import app as cli
from basewatch.warehouse import sqlite_file
from wholeruns import Watch, listed, printed

TABLES = {"claims": "claim_checks", "bases": "bases", "fleets": "fleets"}


def refusal(watch: Watch, *arguments: str) -> str:
    """What a command that is refused says."""
    done = watch.inside(*arguments)
    assert (done.returncode, done.stdout) == (2, "") and "Traceback" not in done.stderr, done
    return done.stderr


# ---- tables


@pytest.mark.parametrize("command", TABLES)
def test_a_table_is_given_whole(told_watch: Watch, command: str) -> None:
    columns = [name for name, *_ in told_watch.query(f"DESCRIBE {TABLES[command]}")]
    ((count,),) = told_watch.query(f"SELECT count(*) FROM {TABLES[command]}")
    header, *rows = csv.reader(io.StringIO(printed(told_watch, command, "--format", "csv")))
    as_json = listed(told_watch, command)
    assert header == columns and len(rows) == len(as_json) == count > 0
    assert all(list(row) == columns for row in as_json)
    assert printed(told_watch, command).startswith(f"{command}\n")


def test_claims_are_chosen_by_the_time_that_they_speak_of(told_watch: Watch) -> None:
    pause, flight = listed(told_watch, "claims", "--base", "hmeimim", "--fleet", "ru_mil")
    assert listed(told_watch, "claims", "--since", "2026-03-31", "--until", "2026-01-01") == [pause]
    assert listed(told_watch, "claims", "--since", "2026-02", "--until", "2026-02") == [pause, flight]
    assert listed(told_watch, "claims", "--since", "2026-04") == []
    assert listed(told_watch, "claims", "--until", "2025-12") == []


def test_sources_sum_up_the_ledger_of_the_release(small_watch: Watch) -> None:
    rows = {row["source"]: row for row in listed(small_watch, "sources")}
    assert list(rows) == ["articles", "flight_files"]
    ((kept,),) = small_watch.query(
        "SELECT sum(records_kept) FROM source_days WHERE source = 'flight_files' AND scope = 'global'"
    )
    records = rows["flight_files"]
    assert records["records_kept"] == kept > 0, "the rows of declared covers count the same records once more"
    assert (records["first_day"], records["last_good_day"], records["days_good"]) == ("2025-01-01", "2025-02-28", 59)
    (january,) = listed(small_watch, "sources", "--until", "2025-01", "--base", "hmeimim")
    assert (january["last_day"], january["days_good"]) == ("2025-01-31", 31)
    assert [row["source"] for row in listed(small_watch, "sources", "--base", "benina", "--since", "2025-02-10")] == [
        "articles"
    ], "what looked everywhere looked there too"


@pytest.mark.parametrize(
    ("until", "count"), [("2025-01", 10), ("2025-01-30", 10), ("2025-01-29", 9), ("2025-01-03", 1), ("2024-12", 0)]
)
def test_until_is_a_day_or_a_month_and_holds_its_last_day(small_watch: Watch, until: str, count: int) -> None:
    assert len(listed(small_watch, "visits", "--until", until)) == count


def test_a_gap_that_begins_within_the_time_asked_for_is_shown(small_watch: Watch) -> None:
    assert listed(small_watch, "gaps", "--until", "2025-01-31") != []
    assert listed(small_watch, "gaps", "--until", "2025-01-30") == []


def test_a_limit_gives_the_first_rows(small_watch: Watch) -> None:
    assert listed(small_watch, "visits", "--limit", "3") == listed(small_watch, "visits")[:3]
    assert "Invalid value for '--limit'" in refusal(small_watch, "visits", "--limit", "0")


def test_status_takes_the_one_option_of_form(small_watch: Watch) -> None:
    assert printed(small_watch, "status", "--format", "json") == printed(small_watch, "status", "--json")
    assert "status has no CSV" in refusal(small_watch, "status", "--format", "csv")


# ---- queries


def test_a_query_sees_the_published_tables(small_watch: Watch) -> None:
    query = "SELECT fleet_id, sum(visits) AS visits FROM base_monthly_activity GROUP BY 1 ORDER BY 1"
    assert listed(small_watch, "sql", query)[0] == {"fleet_id": "all", "visits": 10}
    assert printed(small_watch, "sql", query, "--format", "csv", "--limit", "1") == "fleet_id,visits\nall,10\n"
    odd = "SELECT {'a': [DATE '2025-01-01'], 'b': 'nan'::DOUBLE} AS s, INTERVAL 1 DAY AS i, '=1' AS f"
    assert listed(small_watch, "sql", odd) == [
        {"s": {"a": ["2025-01-01"], "b": None}, "i": "1 day, 0:00:00", "f": "=1"}
    ]
    assert "'=1" in printed(small_watch, "sql", odd, "--format", "csv")


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("SELEC 1", "this query does not work"),
        ("FROM base_visit", "Did you mean"),
        ("FROM base_visit", "`SHOW TABLES` lists the tables"),
        ("SELECT 1 / 'x'::INTEGER", "Could not convert string"),
        ("DELETE FROM base_visits", "a release never changes"),
        ("DROP TABLE bases", "a release never changes"),
        ("FROM read_text('{file}')", "sees the published tables and no file"),
        ("FROM '{file}'", "sees the published tables and no file"),
        ("COPY bases TO '{file}'", "sees the published tables and no file"),
        ("ATTACH '{file}' AS other", "sees the published tables and no file"),
        ("EXPORT DATABASE '{file}'", "sees the published tables and no file"),
        ("INSTALL httpfs", "sees the published tables and no file"),
        ("SET enable_external_access = true", "changes no setting"),
        ("RESET lock_configuration", "changes no setting"),
        ("SELECT 1; COPY bases TO '{file}'", "sees the published tables and no file"),
    ],
)
def test_a_query_changes_nothing_and_sees_no_file(small_watch: Watch, tmp_path: Path, query: str, told: str) -> None:
    file = tmp_path / "own.csv"
    file.write_text("secret\n")
    said = refusal(small_watch, "sql", query.format(file=file))
    assert told in said and "secret\n" not in said
    assert [entry.name for entry in tmp_path.iterdir()] == ["own.csv"] and file.read_text() == "secret\n"


def test_a_query_may_ask_an_older_release(own_watch: Watch) -> None:
    older = "20250101T000000Z-aaaaaaaa"
    own_watch.copy_release(older)
    assert listed(own_watch, "sql", "SELECT count(*) AS bases FROM bases", "--release", older)
    assert "no release 'nope'" in refusal(own_watch, "sql", "SELECT 1", "--release", "nope")


# ---- the report


def test_the_report_opens_in_the_browser_and_its_path_is_printed(small_watch: Watch, tmp_path: Path) -> None:
    told = tmp_path / "told"
    browser = tmp_path / "browser"
    browser.write_text(f'#!{sys.executable}\nimport sys; open({str(told)!r}, "w").write(sys.argv[1])\n')
    browser.chmod(0o755)
    page = (small_watch.root / "current").resolve() / "report" / "index.html"
    done = small_watch.basewatch("open", environment={"BROWSER": f"{browser} %s"})
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{page}\n", "")
    assert told.read_text() == page.as_uri()


# ---- SQLite


@pytest.fixture(scope="module")
def exported(small_watch: Watch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small release as SQLite."""
    file = tmp_path_factory.mktemp("sqlite") / "release.sqlite"
    assert printed(small_watch, "export", "--sqlite", str(file), "-q").startswith(f"{file}: ")
    return file


def of_sqlite(file: Path, query: str) -> list[tuple[Any, ...]]:
    """Rows of a SQLite file."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()


def as_sqlite(value: Any) -> Any:
    """A value of DuckDB as the file promises it."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return int(value) if isinstance(value, bool) else value


def test_sqlite_holds_every_row_and_unknown_is_null(small_watch: Watch, exported: Path) -> None:
    tables = [name for (name,) in small_watch.query("SELECT table_name FROM duckdb_tables()")]
    assert {name for (name,) in of_sqlite(exported, "SELECT name FROM sqlite_master")} == {*tables, "column_notes"}
    for table in tables:
        expected = sorted(repr(tuple(map(as_sqlite, row))) for row in small_watch.query(f"FROM {table}"))
        assert sorted(map(repr, of_sqlite(exported, f"SELECT * FROM {table}"))) == expected, table
    assert (
        of_sqlite(exported, "SELECT count(*) FROM base_monthly_activity WHERE visits IS NULL")[0][0]
        == (small_watch.query("SELECT count(*) FROM base_monthly_activity WHERE visits IS NULL")[0][0])
    )
    notes = of_sqlite(exported, "SELECT duckdb_type, note FROM column_notes WHERE column_name = 'arrived_at'")
    assert notes and notes[0][0] == "TIMESTAMP WITH TIME ZONE" and notes[0][1]


def test_an_export_replaces_its_own_kind_alone(small_watch: Watch, tmp_path: Path) -> None:
    file, other = tmp_path / "release.sqlite", tmp_path / "other.sqlite"
    printed(small_watch, "export", "--sqlite", str(file), "-q")
    first = file.read_bytes()
    printed(small_watch, "export", "--sqlite", str(file), "-q")
    assert file.read_bytes() == first, "the same release gives the same file"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE diary (day)")
    for taken in (other, small_watch.config, tmp_path):
        before = taken.read_bytes() if taken.is_file() else None
        assert f"--sqlite {taken} is" in refusal(small_watch, "export", "--sqlite", str(taken))
        assert (taken.read_bytes() if taken.is_file() else None) == before
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["other.sqlite", "release.sqlite"]


def test_an_export_that_breaks_leaves_the_file_as_it_was(small_watch: Watch, exported: Path) -> None:
    before = exported.read_bytes()

    def stop(_line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sqlite_file.write(small_watch.root / "basewatch.duckdb", exported, stop)
    assert exported.read_bytes() == before and [entry.name for entry in exported.parent.iterdir()] == [exported.name]


# ---- how much is said


def test_quiet_says_no_progress_and_verbose_how_long_each_step_took(small_watch: Watch, tmp_path: Path) -> None:
    command = ("export", "--sqlite", str(tmp_path / "release.sqlite"))
    usual = small_watch.inside(*command).stderr
    assert "base_visits: 10 rows\n" in usual
    for loud in ((*command, "-v"), ("-v", *command)):
        assert "base_visits: 10 rows (+0." in small_watch.inside(*loud).stderr
    for quiet in ((*command, "--quiet"), ("-q", *command)):
        assert small_watch.inside(*quiet).stderr == ""
    assert small_watch.inside(*command).stderr == usual, "the next run in this process is as loud as ever"


def test_every_command_takes_help_in_short_and_both_options_of_loudness(small_watch: Watch) -> None:
    commands: Any = typer.main.get_command(cli.app)
    names: list[tuple[str, ...]] = []
    for name, command in commands.commands.items():
        below = getattr(command, "commands", None)
        names += [(name, inner) for inner in below] if below else [(name,)]
    assert len(names) > 25
    for name in names:
        told = printed(small_watch, *name, "-h")
        assert "-q, --quiet" in told and "-v, --verbose" in told and "-h, --help" in told, name
