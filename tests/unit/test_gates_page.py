"""The gate page: what it shows of a refusal and of a pass, and that nothing from outside acts there."""

from __future__ import annotations

import html.parser
import re
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from basewatch.gates.check import SHOWN_ROWS
from basewatch.gates.page import render, write_page
from basewatch.gates.results import GateResult, explain, write_failing_rows
from unit.gates_world import checked_alone, faults, run_sql

pytest_plugins = ["unit.gates_world"]


class Page(html.parser.HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m\u202egnp"


def test_page_of_a_refusal(candidate: Path, tmp_path: Path, suites: Path) -> None:
    connection = duckdb.connect(str(candidate))
    connection.execute("UPDATE base_visits SET rule = ?, arrival_evidence = ?, callsign = ?", [HOSTILE] * 3)
    connection.close()
    result = checked_alone(candidate, suites, "base_visits", "bases")
    write_page(result, tmp_path / "quality" / "gates.html")
    text = (tmp_path / "quality" / "gates.html").read_text(encoding="utf-8")
    page = Page(text)
    # self-contained: nothing is loaded, nothing runs, no link leaves the page
    assert page.all("script") == [] and page.all("img") == [] and page.all("link") == []
    assert all((a["href"] or "").startswith("#") for a in page.all("a"))
    assert "onerror" in page.words and "<script>alert(1)" in page.words
    assert any("default-src 'none'" in (m.get("content") or "") for m in page.all("meta"))
    # which rule, which rows, why it matters
    assert "base_visits: arrival_evidence_is_listed" in re.sub(r"\s+", " ", page.words)
    assert "hmeimim-152d01-20250115" in page.words
    assert "Readers branch on this closed list" in page.words
    assert "Refused" in page.words and "SELECT * FROM" in page.words
    # the same to a reader who sees no colours and to one who sees nothing
    assert page.all("html") == [{"lang": "en"}]
    assert all(th.get("scope") for th in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {(a["href"] or "")[1:] for a in page.all("a")} <= set(ids)
    assert {attributes["aria-labelledby"] for _, attributes in page.tags if "aria-labelledby" in attributes} <= set(ids)
    assert "\x1b" not in explain(result) and "\u202e" not in explain(result)


def test_page_of_a_pass(passing: GateResult, tmp_path: Path) -> None:
    result = passing
    write_page(result, tmp_path / "gates.html")
    page = Page((tmp_path / "gates.html").read_text(encoding="utf-8"))
    assert "Passed" in page.words and "What failed" not in page.words
    assert all(row["check_name"] in page.words for row in result.results.to_pylist())


def test_page_shows_the_first_rows_and_counts_all(candidate: Path, tmp_path: Path, suites: Path) -> None:
    run_sql(candidate, "UPDATE source_days SET files = -1")
    result = checked_alone(candidate, suites, "source_days")
    failure = faults(result)["source_days", "files_in_range"]
    assert (failure.count, len(failure.rows)) == (112, SHOWN_ROWS)
    assert render(result).count("<td>-1</td>") == SHOWN_ROWS
    (written,) = [path for path in write_failing_rows(result, candidate, tmp_path) if "files" in path.name]
    assert pq.read_table(written).num_rows == 112
