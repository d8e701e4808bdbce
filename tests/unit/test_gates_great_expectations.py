"""Great Expectations beside the gate: its verdicts and numbers are ours, and its Data Docs open from the disk.

The one module of the fast tests that imports it, which takes seconds.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
import shutil
import sqlite3
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import pytest

from basewatch.gates import data_docs, great_expectations
from basewatch.gates.check import count_violations
from basewatch.gates.results import GateResult
from basewatch.gates.suites import SUPPORTED
from basewatch.warehouse import models
from unit.gates_world import (
    AS_OF,
    CHECKED_AT,
    PARAMS,
    SUITES,
    checked,
    checked_alone,
    faults,
    rule,
    run_sql,
    suite_folder,
)
from wholeruns import Watch

pytest_plugins = ["unit.gates_world"]

VALUES = {"least": -2, "as_of": AS_OF, "checked_at": CHECKED_AT}
T = models.parse(
    "marts",
    "t",
    "/*\ngrain: g\nkey: [i]\ncolumns:\n"
    + "".join(
        f"  {name}: {{type: {kind}, doc: d}}\n"
        for name, kind in {
            **dict.fromkeys("ij", "INTEGER"),
            "x": "DOUBLE",
            **dict.fromkeys("sr", "VARCHAR"),
            **dict.fromkeys("ab", "TIMESTAMPTZ"),
            "d": "DATE",
            "n": "INTEGER",
        }.items()
    )
    + "*/\nSELECT 1 AS i",
)
QUERIES = [
    "SELECT * FROM {batch} WHERE i > j",
    "SELECT s, count(*) AS number FROM {batch} GROUP BY s HAVING count(*) > 5",
    "SELECT x.i FROM {batch} AS x INNER JOIN {batch} AS y ON x.i = y.j WHERE x.s = 'o''k'",
    "SELECT * FROM {batch} WHERE i > 99",
]


def random_frame(seed: int, path: Path) -> Path:
    """A database with a table t of columns with nulls, ties and edges."""
    dice = random.Random(seed)
    rows = dice.randrange(0, 3) if seed == 0 else dice.randrange(20, 60)

    def maybe(value: Any) -> Any:
        return None if dice.random() < 0.2 else value

    connection = duckdb.connect(str(path))
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"CREATE TABLE t ({T.ddl})")
    for _ in range(rows):
        connection.execute(
            "INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)",
            [
                maybe(dice.randrange(-3, 4)),
                maybe(dice.randrange(-3, 4)),
                maybe(dice.choice([0.0, 0.5, 1.0, -0.25, 1.0000001])),
                maybe(dice.choice(["ok", "late", "", "Ok", "o'k", "Хмеймим"])),
                maybe(dice.choice(["abc123", "ABC123", "abc12", "reg:RA-82039", "x abc123 y", "naïve"])),
                maybe(CHECKED_AT + timedelta(hours=dice.randrange(-2, 3))),
                maybe(CHECKED_AT + timedelta(hours=dice.randrange(-2, 3))),
                maybe(AS_OF + timedelta(days=dice.randrange(-2, 2))),
            ],
        )
    connection.close()
    return path


EQUIVALENCE = [
    *(rule("expect_column_values_to_not_be_null", column=column, mostly=m) for column in "isn" for m in (1, 0.8)),
    *(rule("expect_column_values_to_be_null", column=column, mostly=m) for column in "isn" for m in (1, 0.1)),
    *(rule("expect_column_values_to_be_unique", column=column) for column in "isxa"),
    *(
        rule("expect_column_values_to_be_between", column=column, **bounds)
        for column in ("i", "x", "n")
        for bounds in (
            {"min_value": 0},
            {"max_value": 1},
            {"min_value": 0, "max_value": 1},
            {"min_value": 0, "max_value": 1, "strict_min": True},
            {"min_value": 0, "max_value": 1, "strict_max": True},
            {"min_value": 0, "max_value": 1, "strict_min": True, "strict_max": True},
            {"min_value": 0, "mostly": 0.5},
            {"min_value": -99, "max_value": 99},
        )
    ),
    rule("expect_column_values_to_be_between", column="a", min_value="2025-03-11T02:15:00+00:00"),
    rule("expect_column_values_to_be_between", column="a", max_value="2025-03-11T02:15:00+00:00", strict_max=True),
    *(
        rule("expect_column_value_lengths_to_be_between", column="s", **bounds)
        for bounds in (
            {"min_value": 1},
            {"max_value": 3},
            {"min_value": 7, "max_value": 7},
            {"min_value": 2, "mostly": 0.7},
        )
    ),
    rule("expect_column_values_to_be_in_set", column="s", value_set=["ok", "late"]),
    rule("expect_column_values_to_be_in_set", column="s", value_set=["ok", "o'k", "Хмеймим"], mostly=0.4),
    rule("expect_column_values_to_be_in_set", column="i", value_set=[0, 1, 2]),
    rule("expect_column_values_to_not_be_in_set", column="s", value_set=["ok"]),
    rule("expect_column_values_to_not_be_in_set", column="i", value_set=[3, 4], mostly=0.9),
    *(
        rule(kind, column="r", regex=regex, mostly=m)
        for kind in ("expect_column_values_to_match_regex", "expect_column_values_to_not_match_regex")
        for regex in (r"^[0-9a-f]{6}$", r"[0-9]+", r"^(?:~?[0-9a-f]{6}|reg:[^\s]+)$", r"^na.ve$")
        for m in (1, 0.5)
    ),
    *(
        rule("expect_column_pair_values_a_to_be_greater_than_b", column_A=a, column_B=b, **options)
        for a, b in (("i", "j"), ("a", "b"), ("i", "n"))
        for options in (
            {},
            {"or_equal": True},
            {"ignore_row_if": "either_value_is_missing"},
            {"or_equal": True, "ignore_row_if": "either_value_is_missing", "mostly": 0.5},
            {"or_equal": True, "ignore_row_if": "neither"},
        )
    ),
    *(
        rule("expect_column_pair_values_to_be_equal", column_A="i", column_B="j", ignore_row_if=ignored, mostly=0.3)
        for ignored in ("both_values_are_missing", "either_value_is_missing", "neither")
    ),
    *(
        rule("expect_compound_columns_to_be_unique", column_list=columns, ignore_row_if=ignored)
        for columns in (["i", "j"], ["s", "i", "x"], ["i", "n"])
        for ignored in ("all_values_are_missing", "any_value_is_missing", "never")
    ),
    rule("expect_table_row_count_to_be_between", min_value=30),
    rule("expect_table_row_count_to_be_between", min_value=1, max_value=40, strict_max=True),
    rule("expect_column_values_to_be_between", column="i", min_value={"$PARAMETER": "least"}),
    rule("expect_column_values_to_be_between", column="d", max_value={"$PARAMETER": "as_of"}),
    *(rule("unexpected_rows_expectation", unexpected_rows_query=query) for query in QUERIES),
    rule("unexpected_rows_expectation", unexpected_rows_query="SELECT * FROM {batch} WHERE i < $least OR d > $as_of"),
]


def test_every_type_that_is_translated_is_compared() -> None:
    assert {entry["type"] for entry in EQUIVALENCE} == SUPPORTED


def numbered(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**entry, "meta": {**entry["meta"], "name": f"rule_{n}"}} for n, entry in enumerate(entries)]


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.e2e) for seed in (1, 2, 3))])
def test_verdicts_and_numbers_are_those_of_great_expectations_on_a_frame(seed: int, tmp_path: Path) -> None:
    database = random_frame(seed, tmp_path / "t.duckdb")
    suite = {"name": "t", "expectations": numbered(EQUIVALENCE), "meta": {}}
    folder = suite_folder(tmp_path, *suite["expectations"], table="t")
    ours, theirs = (
        checked(database, models=[T], suites=folder, params=VALUES, judge=judge)
        for judge in ("counts", "great_expectations")
    )
    assert theirs.results.to_pylist() == ours.results.to_pylist() and theirs.judged == ours.judged
    asked = [row for row in ours.results.to_pylist() if row["gate"] == "expectations"]
    assert len(asked) == len(EQUIVALENCE)
    assert not any("could not be checked" in row["observed"] for row in asked)
    assert len({row["success"] for row in asked}) == 2, "some hold and some do not"

    with duckdb.connect(str(database), read_only=True) as connection:
        made = great_expectations.validate(connection, "t", suite, VALUES, "SUMMARY")
    built = great_expectations.validation_result(ours, "t", suite, VALUES)
    assert built.success == made.success
    theirs_by_name = {one.expectation_config.meta["name"]: one for one in made.results}
    assert len(theirs_by_name) == len(built.results)
    for one in built.results:
        other = theirs_by_name[one.expectation_config.meta["name"]]
        about = f"{one.expectation_config.type} {one.expectation_config.kwargs}"
        assert one.success == other.success, about
        numbers = {name: value for name, value in other.result.items() if not name.startswith("partial_")}
        assert one.result == numbers, about  # the rest is values from the data, which stay out


@pytest.mark.parametrize("seed", range(2))
def test_sql_rules_are_judged_as_by_great_expectations_on_a_database_of_its_own(seed: int, tmp_path: Path) -> None:
    gx = great_expectations.library()
    with duckdb.connect(str(random_frame(seed, tmp_path / "t.duckdb"))) as connection:
        frame = connection.table("t").df()[["i", "j", "s", "x"]]
        suite = {"name": "t", "expectations": numbered([
            rule("unexpected_rows_expectation", unexpected_rows_query=query) for query in QUERIES
        ]), "meta": {}}  # fmt: skip
        counted = count_violations(connection, {}, {"t": suite}, {})
    with sqlite3.connect(tmp_path / "t.sqlite") as lite:
        frame.to_sql("t", lite, index=False)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_sqlite("l", connection_string=f"sqlite:///{tmp_path / 't.sqlite'}")
    batch = source.add_table_asset("t", table_name="t").add_batch_definition_whole_table("b").get_batch()
    report = batch.validate(great_expectations.suite_of(suite))
    theirs = {result.expectation_config.meta["name"]: result for result in report.results}
    for mine in counted:
        assert mine.holds == theirs[mine.check.rule].success
        assert mine.violations == int(theirs[mine.check.rule].result["observed_value"])


@pytest.mark.parametrize("table", sorted(SUITES))
def test_great_expectations_reads_every_suite(table: str) -> None:
    read = great_expectations.suite_of(SUITES[table])
    assert [entry.meta["name"] for entry in read.expectations] == [
        entry["meta"]["name"] for entry in SUITES[table]["expectations"]
    ]


def test_what_is_set_aside_is_a_warning_to_it() -> None:
    entry = rule("expect_column_values_to_not_be_null", severity="set_aside", column="name")
    (read,) = great_expectations.suite_of({"name": "t", "expectations": [entry]}).expectations
    assert read.severity.value == "warning" and entry["severity"] == "set_aside"


# ---- the judge


def test_a_fault_is_refused_by_the_other_judge_too(candidate: Path, tmp_path: Path, suites: Path) -> None:
    run_sql(
        candidate,
        "UPDATE base_gaps SET last_day = DATE '2030-01-01' WHERE fleet_id = 'ru_mil'",
        "UPDATE news_mentions SET base_id = 'nowhere' WHERE mention_id = 'm2'",
        "UPDATE bases SET aliases = []",
    )
    ours, theirs = (
        checked_alone(candidate, suites, "base_gaps", "bases", "news_mentions", judge=judge)
        for judge in ("counts", "great_expectations")
    )
    assert faults(theirs).keys() == faults(ours).keys() >= {
        ("base_gaps", "last_day_within_the_data"), ("news_mentions", "base_id_exists"), ("bases", "base_has_aliases")
    }  # fmt: skip
    assert theirs.results.equals(ours.results) and not theirs.passed


def test_an_expectation_of_which_it_says_nothing_has_failed(
    world: Path, suites: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    great_expectations.library()
    from great_expectations.datasource.fluent.interfaces import Batch

    validate, left_out = Batch.validate, list[str]()

    def but_the_second(*given: Any, **options: Any) -> Any:
        report = validate(*given, **options)
        left_out.append(report.results.pop(1).expectation_config.meta["name"])
        return report

    monkeypatch.setattr(Batch, "validate", but_the_second)
    (failure,) = checked_alone(world, suites, "bases", judge="great_expectations").failures
    assert [failure.rule] == left_out
    assert failure.severity == "critical" and "says nothing of it" in failure.observed


def test_where_it_breaks_every_check_of_the_table_has_failed(
    world: Path, suites: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("no room for a frame")

    monkeypatch.setattr(great_expectations, "_frame", broken)
    result = checked_alone(world, suites, "bases", judge="great_expectations")
    asked = [row for row in result.results.to_pylist() if row["gate"] == "expectations"]
    assert asked and all(not row["success"] and row["severity"] == "critical" for row in asked)
    assert all("RuntimeError: no room for a frame" in row["observed"] for row in asked)


def test_its_verdict_stands_where_the_counts_are_stricter(tmp_path: Path) -> None:
    database = tmp_path / "t.duckdb"
    run_sql(database, "CREATE TABLE t AS SELECT unnest([0.5, 'nan'::DOUBLE]) AS x")
    folder = suite_folder(tmp_path, rule("expect_column_values_to_be_between", column="x", max_value=1), table="t")
    assert [failure.rule for failure in checked(database, models=[], suites=folder).failures] == ["probe"]
    said = checked(database, models=[], suites=folder, judge="great_expectations")
    assert said.failures == []
    assert said.results["observed"].to_pylist() == ["1 of 2 rows fail; Great Expectations says otherwise"]


def test_the_setting_makes_it_the_judge(own_watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        great_expectations,
        "judge",
        lambda _, suites, values: asked.extend(suites) or {},  # silent on all
    )
    restore_candidate(own_watch)
    assert own_watch.inside("check").returncode == 0 and asked == []
    monkeypatch.setenv("BASEWATCH_GATES__JUDGE", "great_expectations")
    refused = own_watch.inside("check")
    assert refused.returncode == 3 and "Great Expectations says nothing of it" in refused.stderr
    assert "base_visits" in asked


def restore_candidate(watch: Watch) -> None:
    """Put back the candidate that the watch's release was made of."""
    shutil.copytree(watch.folder / "candidate", watch.root / "candidate", dirs_exist_ok=True)


# ---- Data Docs


@pytest.fixture(scope="module")
def documented(world: Path, passing: GateResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run's validation results and Data Docs."""
    folder = tmp_path_factory.mktemp("quality")
    assert data_docs.write(passing, PARAMS, folder) == folder / "data_docs" / "index.html"
    return folder


def test_data_docs_load_nothing_but_what_lies_beside_them(documented: Path) -> None:
    pages = list((documented / "data_docs").rglob("*.html"))
    assert len(pages) == 1 + 2 * len(SUITES)
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert text.count(data_docs.POLICY) == 1
        loaded = re.findall(r'<(?:script|link|img)\b[^>]*?\b(?:src|href)="([^"]*)"', text)
        assert len(loaded) > 10, "styles, scripts and a logo"
        for address in loaded:
            assert (page.parent / address).is_file(), f"{page.name}: {address}"
        led_to = re.findall(r'<a\b[^>]*\bhref="([^"#]+)"', text)
        for address in led_to:
            assert address.startswith("https://greatexpectations.io") or (page.parent / address).is_file(), address
    licences = (documented / "data_docs" / "static" / "LICENCES.txt").read_text(encoding="utf-8")
    shipped = {file.name for file in (documented / "data_docs" / "static").iterdir()} - {"LICENCES.txt"}
    assert shipped == {name for name in data_docs.ASSETS.values() if name} | set(data_docs.IMAGES)
    for name in shipped:
        assert name in licences or re.sub(r"-filter-control|-table", "", name) in licences, name


def test_data_docs_show_each_suite_and_its_results(documented: Path, passing: GateResult) -> None:
    for table, suite in SUITES.items():
        report = json.loads((documented / "validation_results" / f"{table}.json").read_text(encoding="utf-8"))
        assert report["success"] is True and report["suite_name"] == table
        assert report["statistics"]["evaluated_expectations"] == len(suite["expectations"])
        (page,) = (documented / "data_docs" / "validations" / table).rglob("*.html")
        text = page.read_text(encoding="utf-8")
        assert passing.run_id in text and text.count("fa-check-circle") > len(suite["expectations"])
        assert "fa-times" not in text
        for entry in suite["expectations"]:
            assert entry["type"] != great_expectations.SQL or f"{entry['meta']['name']}: " in text
    gaps = json.loads((documented / "validation_results" / "base_gaps.json").read_text(encoding="utf-8"))
    longer = {one["expectation_config"]["meta"]["name"]: one for one in gaps["results"]}["last_day_within_the_data"]
    assert longer["expectation_config"]["kwargs"]["max_value"] == str(AS_OF), "parameters have their values"
    assert longer["result"]["unexpected_count"] == 0 and longer["result"]["element_count"] == 2


def test_a_warning_is_shown_as_failed_and_no_text_of_the_data_is(candidate: Path, tmp_path: Path, suites: Path) -> None:
    hostile = "<script>alert(1)</script>"
    run_sql(candidate, f"UPDATE bases SET aliases = [], name = '{hostile}', country = '<b>'")
    result = checked_alone(candidate, suites, "bases")
    assert ("bases", "base_has_aliases") in faults(result)
    index = data_docs.write(result, PARAMS, tmp_path / "quality", suites)
    (page,) = (index.parent / "validations").rglob("*.html")
    text = page.read_text(encoding="utf-8")
    assert "fa-times" in text and "base_has_aliases: " in text
    for file in (tmp_path / "quality").rglob("*"):
        if file.suffix in (".html", ".json"):
            assert "alert(1)" not in file.read_text(encoding="utf-8"), file


def test_the_files_shipped_are_those_that_great_expectations_asks_for() -> None:
    templates = files("great_expectations") / "render/view/templates"
    text = "".join(file.read_text(encoding="utf-8") for file in templates.iterdir() if file.name.endswith(".j2"))
    asked = dict(re.findall(r'(?:src|href)="(https://[^"]+\.(?:js|css))"(?: integrity="sha384-([^"]+)")?', text))
    assert set(asked) <= set(data_docs.ASSETS)
    assert sum(bool(digest) for digest in asked.values()) == 2
    for address, digest in asked.items():
        name = data_docs.ASSETS[address]
        if digest and name:
            content = (files("basewatch.gates") / "assets" / name).read_bytes()
            assert base64.b64encode(hashlib.sha384(content).digest()).decode() == digest, name


def test_a_page_that_asks_for_something_else_is_not_written() -> None:
    with pytest.raises(ValueError, match=r"Data Docs load https://elsewhere\.example/x\.js, for which no file"):
        data_docs.offline('<head></head><script src="https://elsewhere.example/x.js"></script>', 1)


def test_a_published_run_has_its_data_docs_and_status_says_where(
    own_watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    restore_candidate(own_watch)
    assert own_watch.inside("publish").returncode == 0
    assert not (own_watch.root / "quality").exists(), "not asked for"
    restore_candidate(own_watch)
    monkeypatch.setenv("BASEWATCH_GATES__DATA_DOCS", "true")
    done = own_watch.inside("publish")
    assert done.returncode == 0, done.stderr
    ((run_id,),) = own_watch.query("SELECT run_id FROM releases ORDER BY release_id DESC LIMIT 1")
    index = own_watch.root / "quality" / run_id / "data_docs" / "index.html"
    assert index.is_file() and f"data docs {index}\n" in done.stdout
    assert f"data docs {index}\n" in own_watch.inside("status").stdout
