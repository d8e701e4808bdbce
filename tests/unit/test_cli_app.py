"""The command line in this process: what it parses, what it prints in which form, and the exit status it ends with."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
import yaml

from basewatch import __version__
from basewatch.cli import tables
from basewatch.durable import sha256
from basewatch.lake import notes
from basewatch.warehouse.releases import Warehouse
from wholeruns import Watch, listed, new_watch, printed

TABLES = {
    "months": "base_monthly_activity",
    "gaps": "base_gaps",
    "visits": "base_visits",
    "mentions": "news_mentions",
}


# ---- published tables


@pytest.mark.parametrize("command", TABLES)
def test_csv_and_json_have_every_column_and_every_row_in_the_same_order(small_watch: Watch, command: str) -> None:
    columns = [name for name, *_ in small_watch.query(f"DESCRIBE {TABLES[command]}")]
    ((count,),) = small_watch.query(f"SELECT count(*) FROM {TABLES[command]}")
    header, *rows = csv.reader(io.StringIO(printed(small_watch, command, "--format", "csv")))
    as_json = listed(small_watch, command)
    assert header == columns and len(rows) == len(as_json) == count > 0
    assert all(list(row) == columns for row in as_json)
    for cells, row in zip(rows, as_json, strict=True):
        assert [cell == "" for cell in cells] == [value in (None, "") for value in row.values()], (
            "null is an empty cell"
        )


@pytest.mark.parametrize("command", TABLES)
def test_a_table_shows_its_chief_columns_and_null_as_a_dash(small_watch: Watch, command: str) -> None:
    title, heads, _, *lines = printed(small_watch, command).splitlines()
    assert title == command
    assert tuple(heads.split()) == tables.VIEWS[command].shown
    assert len(lines) >= len(listed(small_watch, command))
    shown = [[row[name] for name in tables.VIEWS[command].shown] for row in listed(small_watch, command)]
    assert ("–" in "".join(lines)) == any(value is None for row in shown for value in row)


def test_forms_of_values(small_watch: Watch) -> None:
    (row, *_) = listed(small_watch, "visits")
    assert row["arrived_at"] == "2025-01-03T06:00:00+00:00" and row["sources"] == ["flight_files"]
    (cells, *_) = csv.DictReader(io.StringIO(printed(small_watch, "visits", "--format", "csv")))
    assert cells["arrived_at"] == row["arrived_at"] and cells["sources"] == '["flight_files"]'
    (gap, *_) = listed(small_watch, "gaps", "--fleet", "ru_mil")
    assert (gap["first_day"], gap["is_ongoing"], gap["resumed_on"]) == ("2025-01-31", True, None)
    (cells, *_) = csv.DictReader(io.StringIO(printed(small_watch, "gaps", "--fleet", "ru_mil", "--format", "csv")))
    assert (cells["first_day"], cells["is_ongoing"], cells["resumed_on"]) == ("2025-01-31", "true", "")


def test_values_as_text() -> None:
    moment = datetime(2025, 1, 3, 6, tzinfo=UTC)
    assert [tables.as_text(value) for value in (True, False, 0, moment, date(2025, 1, 3), 0.123456, ["a", "b"])] == [
        "yes", "no", "0", "2025-01-03 06:00:00Z", "2025-01-03", "0.1235", "a, b"
    ]  # fmt: skip
    assert tables.as_text("a\x1b[31m\nb") == "a⟨U+001B⟩[31m b", "outside text cannot steer a terminal"
    assert [tables.csv_value(value) for value in (None, True, [], ["ü", None], 0, "")] == [
        "", "true", "[]", '["ü", null]', "0", ""
    ]  # fmt: skip
    assert tables.plain([Path("a"), moment, None, 1]) == ["a", "2025-01-03T06:00:00+00:00", None, 1]


def test_bases_and_fleets_choose_rows(small_watch: Watch) -> None:
    for fleet in ("all", "ru_mil"):
        rows = listed(small_watch, "months", "--fleet", fleet, "--base", "hmeimim")
        assert [(row["fleet_id"], row["month"], row["visits"]) for row in rows] == [
            (fleet, "2025-01-01", 10), (fleet, "2025-02-01", 0)
        ]  # fmt: skip
    assert listed(small_watch, "months", "--base", "benina") == []
    assert printed(small_watch, "months", "--base", "benina").endswith("no rows\n")
    assert printed(small_watch, "months", "--base", "benina", "--format", "csv").count("\n") == 1
    assert len(listed(small_watch, "visits", "--fleet", "ru_mil")) == 10
    assert listed(small_watch, "visits", "--fleet", "unidentified") == []
    mentions = listed(small_watch, "mentions")
    assert listed(small_watch, "mentions", "--fleet", "unidentified") == mentions, "the press names no fleet"


@pytest.mark.parametrize(
    ("since", "count"),
    [("2025-01", 10), ("2025-01-01", 10), ("2025-01-03", 10), ("2025-01-04", 9), ("2025-01-30", 1), ("2025-02", 0)],
)
def test_since_is_a_day_or_a_month_and_holds_its_first_day(small_watch: Watch, since: str, count: int) -> None:
    assert len(listed(small_watch, "visits", "--since", since)) == count


def test_a_gap_that_reaches_into_the_time_asked_for_is_shown(small_watch: Watch) -> None:
    assert listed(small_watch, "gaps", "--since", "2025-02-28") != []
    assert listed(small_watch, "gaps", "--since", "2025-03-01") == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["months", "--since", "2025"], "--since '2025' is not a day; write it as YYYY-MM-DD"),
        (["months", "--since", "2025-13"], "is not a day"),
        (["months", "--since", "2025-02-30"], "is not a day"),
        (["months", "--since", "yesterday"], "is not a day"),
        (["visits", "--base", "hmeimin"], "no base_id 'hmeimin' in this release; did you mean hmeimim"),
        (["gaps", "--fleet", "zzz"], "no fleet_id 'zzz' in this release; known: all, ru_mil, unidentified"),
        (["gaps", "--format", "xml"], "--format 'xml' is none of table, csv, json"),
        (["gaps", "--nonsense"], "No such option"),
        (["nonsense"], "No such command"),
        (["rollback", "nope"], "no release 'nope'; kept: 20"),
        (["rollback"], "no release before the current one"),
        (["report", "--release", "nope"], "no release 'nope'; kept: 20"),
        (["backfill", "--from", "2025-02-01", "--to", "2025-01-01"], "is after"),
        (["backfill", "--from", "2025-02-01"], "Missing option"),
        (["nightly", "--day", "2999-01-01"], "has not come yet"),
        (["nightly", "--sample", "--config", "basewatch.toml"], "exclude each other"),
        (["publish"], "there is no candidate; `basewatch build` makes one"),
        (["check"], "there is no candidate"),
        (["months", "--config", "nowhere.toml"], "nowhere.toml does not exist"),
    ],
)
def test_wrong_usage_exits_2_with_what_to_do(small_watch: Watch, arguments: list[str], told: str) -> None:
    done = small_watch.inside(*arguments)
    assert (done.returncode, done.stdout) == (2, "") and told in done.stderr, done
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[warehouse\n", "is not valid TOML"),
        ("[warehouse]\nroots = 'x'\n", "unknown key warehouse.roots; did you mean root?"),
        ("[sources.opensky]\nclient_secret = 'x'\n", "set BASEWATCH_SOURCES__OPENSKY__CLIENT_SECRET"),
        ("[warehouse]\nroot = 's3://bucket/x'\n", "name a folder here, and the bucket in warehouse.storage"),
        ("[nightly]\nhorizon_days = 0\n", "nightly.horizon_days: "),
        ("[reference]\nbases = 'none.csv'\n", "reference.bases: none.csv cannot be read"),
        ("[report]\nfleet = 'ru_mill'\n", "report.fleet: the reference data has no fleet ru_mill"),
        ("[sources.press_flights]\nenabled = false\n", "no source is enabled"),
    ],
)
def test_a_wrong_configuration_exits_2_before_anything_is_done(tmp_path: Path, text: str, told: str) -> None:
    watch = Watch(tmp_path)
    watch.config.write_text(text)
    done = watch.inside("nightly", "--plain", "--day", "2025-02-28")
    assert done.returncode == 2 and told in done.stderr, done
    assert [file.name for file in tmp_path.iterdir()] == ["basewatch.toml"]


def test_a_mistyped_variable_exits_2(small_watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASEWATCH_WAREHAUS__ROOT", "x")
    done = small_watch.inside("months")
    assert (
        done.returncode == 2 and "BASEWATCH_WAREHAUS__ROOT means nothing here; did you mean WAREHOUSE?" in done.stderr
    )


def test_the_configuration_is_found_by_option_by_variable_and_in_the_folder(
    small_watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, elsewhere = printed(small_watch, "status", "--json"), Watch(tmp_path)
    assert printed(elsewhere, "status", "--json", "--config", str(small_watch.config)) == here
    monkeypatch.setenv("BASEWATCH_CONFIG", str(small_watch.config))
    assert printed(elsewhere, "status", "--json") == here


def test_version_and_help(small_watch: Watch) -> None:
    assert printed(small_watch, "--version") == f"basewatch {__version__}\n"
    for name in ("nightly", "backfill", "rollback", "status", *TABLES):
        assert name in printed(small_watch, "--help") and "Usage:" in printed(small_watch, name, "--help")


def test_the_schedule_prints_what_a_server_with_a_worker_deploys(tmp_path: Path) -> None:
    told = yaml.safe_load(printed(Watch(tmp_path), "schedule", "--print-prefect-yaml"))
    assert {entry["entrypoint"] for entry in told["deployments"]} == {
        "basewatch.flows.nightly.nightly", "basewatch.flows.backfill.backfill"
    }  # fmt: skip


# ---- before the first release


def test_before_the_first_release_tables_say_what_to_run_and_status_says_that_there_is_none(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    watch.configure()
    for arguments in ([*TABLES], ["report"]):
        done = watch.inside(*arguments[:1])
        assert done.returncode == 2 and ("run `basewatch nightly` first" in done.stderr or "kept: none" in done.stderr)
    done = watch.inside("build")
    assert done.returncode == 2 and "nothing is ingested" in done.stderr
    assert printed(watch, "status").startswith(f"release   none in {watch.root} yet\n")
    state = json.loads(printed(watch, "status", "--json"))
    assert (state["release"], state["last_run"], state["gates"], state["releases_kept"]) == (None, None, None, [])
    assert [(source["source"], source["last_good_day"], source["days_good"]) for source in state["sources"]] == [
        ("flight_files", None, 0)
    ]


# ---- status


def test_status_tells_the_release_the_sources_the_silence_and_the_gates(small_watch: Watch) -> None:
    state = json.loads(printed(small_watch, "status", "--json"))
    assert state["warehouse"] == str(small_watch.root)
    assert state["release"]["release_id"] == small_watch.current() and state["release"]["as_of"] == "2025-02-28"
    assert state["releases_kept"] == [small_watch.current()]
    sources = {source["source"]: source for source in state["sources"]}
    assert list(sources) == ["articles", "flight_files"]
    records = sources["flight_files"]
    assert (records["last_good_day"], records["days_good"], records["records_rejected"]) == ("2025-02-28", 59, 0)
    assert records["is_enabled"]
    whole = "source = 'flight_files' AND scope = 'global'"
    ((kept,),) = small_watch.query(f"SELECT sum(records_kept) FROM source_days WHERE {whole}")
    assert records["records_kept"] == kept > 0, "the rows of declared covers count the same records once more"
    assert {(gap["fleet_id"], gap["first_day"], gap["gap_days"]) for gap in state["open_gaps"]} == {
        ("all", "2025-01-31", 29), ("ru_mil", "2025-01-31", 29)
    }  # fmt: skip
    assert state["gates"]["checks"] == len(small_watch.query("FROM quality_results"))
    shown = printed(small_watch, "status")
    assert shown.startswith(f"release   {small_watch.current()}, days up to 2025-02-28, 1 kept\n")
    assert "hmeimim-ru_mil-20250131" in shown and f"gates     {state['gates']['checks']} checks" in shown


def test_status_tells_the_last_fault_of_a_source_and_how_a_run_ended(own_watch: Watch) -> None:
    (own_watch.folder / "flights").rename(own_watch.folder / "unmounted")
    own_watch.configure(covers='on_failure = "stop"')
    done = own_watch.inside("nightly", "--plain", "--day", "2025-03-01")
    assert done.returncode == 4 and "flight_files failed and its policy is stop" in done.stderr, done
    state = json.loads(printed(own_watch, "status", "--json"))
    assert state["last_run"]["exit_status"] == 4 and "policy is stop" in state["last_run"]["error"]
    sources = {source["source"]: source for source in state["sources"]}
    assert sources["flight_files"]["last_fault"].startswith("2025-03-01 failed: flight_files: no ")
    assert not sources["articles"]["is_enabled"], "it is shown for what it left in the ledger"
    shown = printed(own_watch, "status")
    assert (
        "exit 4, " in shown
        and "s: flight_files failed and" in shown
        and "failed flight_files 1900-01-01..2025-03-01" in shown
    )


@pytest.mark.parametrize(("hours", "status"), [("2000000", 0), ("1", 1)])
def test_status_check_exits_1_where_the_release_is_older(own_watch: Watch, hours: str, status: int) -> None:
    at = datetime.now(UTC) - timedelta(hours=1.5)
    own_watch.copy_release("29990101T000000Z-aaaaaaaa", published_at=at.isoformat())
    Warehouse(own_watch.root).switch("29990101T000000Z-aaaaaaaa")
    done = own_watch.inside("status", "--check", hours)
    assert done.returncode == status, done
    assert ("29990101T000000Z-aaaaaaaa is 1.5 hours old, more than 1" in done.stderr) == bool(status)


def test_status_check_exits_1_where_there_is_no_release_or_none_that_can_be_read(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    watch.configure()
    none = watch.inside("status", "--check", "24")
    assert none.returncode == 1 and "there is no release" in none.stderr
    (watch.root / "current").mkdir(parents=True)
    (watch.root / "current" / "manifest.json").write_text("{")
    broken = watch.inside("status", "--check", "24")
    assert broken.returncode == 1 and "cannot be read" in broken.stderr


# ---- runs


def test_a_night_with_nothing_new_exits_0_and_shows_the_first_screen(own_watch: Watch) -> None:
    before = own_watch.current()
    done = own_watch.inside("nightly", "--plain", "--day", "2025-02-28")
    assert done.returncode == 0 and "nothing new to publish" in done.stderr, done
    lines = done.stdout.splitlines()
    assert lines[0] == f"release   {before} (days up to 2025-02-28)"
    assert lines[1] == f"database  {own_watch.root / 'basewatch.duckdb'}"
    (spell,) = [line.split() for line in lines if "goes on" in line]
    assert spell[:3] == ["Hmeimim", "Air", "Base"] and spell[4:] == ["2025-01-31", "goes", "on", "29", "0"]
    months = [line.split() for line in lines if line.startswith("Hmeimim Air Base 2025")]
    assert months == [
        ["Hmeimim", "Air", "Base", "2025-01", "active", "10", "31", "0", "–"],
        ["Hmeimim", "Air", "Base", "2025-02", "quiet", "0", "28", "0", "1"],
    ]
    ongoing = lines.index("Silences that go on") + 1
    assert lines[ongoing].startswith(
        "  No visit of Russian military and state transport at Hmeimim Air Base since 2025-01-31, 29 days: "
    )
    assert lines[-4:] == [
        "Next:",
        "  basewatch explain hmeimim-ru_mil-20250131",
        "  basewatch months --fleet ru_mil --base hmeimim",
        "  basewatch open",
    ]
    assert own_watch.inside("status").stdout.splitlines()[-4:] == lines[-4:]
    assert own_watch.current() == before and own_watch.last_run()["exit_status"] == 0
    (line,) = (own_watch.root / "runs.jsonl").read_text().splitlines()
    assert json.loads(line)["run_id"] == own_watch.last_run()["run_id"] and set(json.loads(line)["seconds"]) == {"plan"}
    assert "most of it: plan " in printed(own_watch, "status")


@pytest.mark.parametrize(("limit", "status"), [(18, 0), (17, 4)])
def test_a_stale_source_exits_4_even_where_nothing_is_new(own_watch: Watch, limit: int, status: int) -> None:
    section = f'location = "articles"\nmax_stale_days = {limit}'  # the one article is of eighteen days before
    own_watch.config.write_text(own_watch.config.read_text().replace('location = "articles"', section))
    done = own_watch.inside("nightly", "--plain", "--day", "2025-02-28")
    assert done.returncode == status == own_watch.last_run()["exit_status"], done
    assert ("articles: last good day 2025-02-10, more than 17 days before 2025-02-28" in done.stderr) == bool(status)


def test_a_candidate_that_the_gates_refuse_exits_3_and_what_is_published_stands(own_watch: Watch) -> None:
    before = own_watch.current()
    candidate = own_watch.root / "candidate"
    shutil.copytree(own_watch.folder / "candidate", candidate)
    with duckdb.connect(str(candidate / "basewatch.duckdb")) as connection:
        connection.execute("UPDATE bases SET latitude = 0.001, longitude = 0.001 WHERE base_id = 'hmeimim'")
    changed = own_watch.inside("publish")
    assert changed.returncode == 1 and "not those that were built" in changed.stderr, "nobody changes what was built"
    note = candidate / "candidate.json"
    notes.write(note, {**notes.read(note), "basewatch.duckdb": sha256(candidate / "basewatch.duckdb")})
    refused = own_watch.inside("publish")
    assert refused.returncode == 3 and "nothing was published" in refused.stderr, refused
    assert own_watch.current() == before and not (own_watch.root / "candidate").exists()
    (folder,) = (own_watch.root / "quarantine").iterdir()
    assert {entry.name for entry in folder.iterdir()} == {"candidate", "failing_rows", "gates.html"}


@pytest.mark.parametrize("arguments", [["nightly", "--plain"], ["build"], ["check"], ["publish"], ["rollback"]])
def test_what_changes_a_warehouse_that_another_run_holds_exits_5(own_watch: Watch, arguments: list[str]) -> None:
    with (own_watch.root / ".lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        done = own_watch.inside(*arguments)
        assert done.returncode == 5 and "another run holds the warehouse" in done.stderr, done
        assert printed(own_watch, "months") != "", "readers are not held up"


def test_a_rollback_says_where_it_went(own_watch: Watch) -> None:
    own_watch.copy_release("20250101T000000Z-aaaaaaaa")
    assert printed(own_watch, "rollback") == "current   20250101T000000Z-aaaaaaaa (days up to 2025-02-28)\n"
    assert own_watch.current() == "20250101T000000Z-aaaaaaaa"
    (newest,) = [name.release_id for name in Warehouse(own_watch.root).releases()][1:]
    assert printed(own_watch, "rollback", newest).startswith(f"current   {newest} ")


def test_a_report_is_written_where_it_is_asked_for_even_of_a_release_that_holds_other_fleets(own_watch: Watch) -> None:
    out = own_watch.folder / "out"
    assert printed(own_watch, "report", "--out", str(out)) == f"{out / 'index.html'}\n"
    assert "hmeimim" in (out / "index.html").read_text()
    (own_watch.folder / "fleets.csv").write_text("fleet_id,name,definition,type_code\nours,Ours,What we fly,C30J\n")
    text = own_watch.config.read_text()
    own_watch.config.write_text(f'[reference]\nfleets = "fleets.csv"\n{text}')
    assert printed(own_watch, "report", "--out", str(out)) != "", "the release holds ru_mil, the reference data do not"
    own_watch.config.write_text(f'[report]\nfleet = "ours"\n{text}')
    done = own_watch.inside("report", "--out", str(out))
    assert done.returncode == 2 and "report.fleet: this release has no fleet ours" in done.stderr


def test_a_watch_of_nothing_exits_2(tmp_path: Path) -> None:
    done = new_watch(tmp_path, {}).inside("watch")
    assert done.returncode == 2 and "nothing to poll" in done.stderr
