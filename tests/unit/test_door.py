"""The published tables in Python: the documented examples run, and rows are those of the release in every form."""

from __future__ import annotations

import doctest
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

import basewatch
from basewatch.errors import ConfigError
from basewatch.notebook import door, plots
from wholeruns import Watch

ROOT = Path(__file__).resolve().parents[2]


def failures(test: doctest.DocTest) -> str:
    """What an example gives that is not what stands there; empty where all is as it stands."""
    said: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS).run(test, out=said.append)
    return "".join(said)


def documented() -> list[doctest.DocTest]:
    """Every example of the module, and those of the guide as one."""
    guide = (ROOT / "docs" / "python.md").read_text(encoding="utf-8").replace("```\n", "\n")
    page = doctest.DocTestParser().get_doctest(guide, {"basewatch": basewatch}, "python.md", "python.md", 0)
    modules = [*doctest.DocTestFinder().find(door, "door"), *doctest.DocTestFinder().find(plots, "plots")]
    found = [test for test in modules if test.examples]
    return [*found, page]


@pytest.mark.parametrize("test", documented(), ids=lambda test: test.name)
def test_a_documented_example_gives_what_stands_there(
    small_watch: Watch, monkeypatch: pytest.MonkeyPatch, test: doctest.DocTest
) -> None:
    monkeypatch.chdir(small_watch.folder)
    test.globs |= {"basewatch": basewatch}
    if test.name != "python.md":
        test.globs["warehouse"] = basewatch.open("warehouse")
    assert test.examples and failures(test) == ""


def test_every_form_holds_the_same_rows_and_unknown_is_no_zero(told_watch: Watch) -> None:
    with basewatch.open(told_watch.root) as warehouse:
        rows = warehouse.claims(base="hmeimim")
        dicts = list(rows)
        assert [row["visits_recorded"] for row in dicts] == [1, None]
        assert rows.arrow().to_pylist() == dicts
        assert rows.polars().to_dicts() == dicts
        frame = rows.pandas()
        assert list(frame.columns) == rows.columns and [*map(pd.isna, frame["visits_recorded"])] == [False, True]
        assert rows.relation().filter("verdict = 'contradicted'").fetchall() == [tuple(dicts[0].values())]
        (first, *_) = warehouse.visits()
        assert first["first_evidence_at"] == datetime(2026, 1, 5, 9, tzinfo=UTC)


def test_days_are_texts_or_dates_and_a_month_is_whole(small_watch: Watch) -> None:
    warehouse = basewatch.open(small_watch.root)
    assert len(warehouse.visits(since="2025-01", until="2025-01")) == 10
    assert len(warehouse.visits(since=date(2025, 1, 4), until=date(2025, 1, 6))) == 1
    with pytest.raises(ConfigError, match="'January' is not a day"):
        warehouse.visits(since="January")


def test_what_is_not_there_is_told_with_the_nearest(small_watch: Watch, tmp_path: Path) -> None:
    warehouse = basewatch.open(small_watch.root)
    with pytest.raises(ConfigError, match="no base_id 'hmeimin' in this release; did you mean hmeimim"):
        warehouse.months(base="hmeimin")
    with pytest.raises(ConfigError, match="no release 'nope'; kept: 20"):
        basewatch.open(small_watch.root, release="nope")
    with pytest.raises(ConfigError, match="nothing is published in"):
        basewatch.open(tmp_path)
    with pytest.raises(ConfigError, match="Did you mean"):
        list(warehouse.sql("FROM base_visit"))
    with pytest.raises(ConfigError, match="read-only"):
        list(warehouse.sql("DELETE FROM bases"))


def test_a_reader_stays_with_its_release_while_another_is_published(own_watch: Watch) -> None:
    warehouse = basewatch.open(own_watch.root)
    before = warehouse.release.release_id
    own_watch.copy_release("20240101T000000Z-aaaaaaaa")
    own_watch.inside("rollback")
    assert own_watch.current() != before
    assert warehouse.release.release_id == before and warehouse.sql("SELECT 1 AS one").columns == ["one"]
    assert basewatch.open(own_watch.root).release.release_id == "20240101T000000Z-aaaaaaaa"


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, basewatch; print(sorted({'duckdb', 'pandas', 'pyarrow', 'pydantic'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = basewatch.nothing
