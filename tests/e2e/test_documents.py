"""What the guides show works: every query, the notebook, the site; on the bundled sample, as a reader has it."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import nbformat
import pytest
from frictionless import Package
from nbclient import NotebookClient

from basewatch.warehouse.published import Published
from documents import answered
from wholeruns import Watch

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = re.compile(
    r"<(?:script|img|iframe|source)[^>]*\ssrc=\"(?:https?:)?//|<link[^>]*rel=\"(?!canonical)[^\"]*\"[^>]*href=\"(?:https?:)?//"
)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Watch:
    """A folder in which the sample was run."""
    watch = Watch(tmp_path_factory.mktemp("documents"))
    with pytest.MonkeyPatch.context() as patch:  # the command leaves the root in the environment
        patch.setenv("BASEWATCH_WAREHOUSE__ROOT", str(watch.root))
        done = watch.inside("nightly", "--sample", "--plain")
    assert done.returncode == 0, done.stderr
    return watch


def test_the_cookbook_s_answers_are_what_its_queries_give(sample: Watch) -> None:
    text = (ROOT / "docs" / "cookbook.md").read_text(encoding="utf-8")
    assert len(re.findall(r"^### \d+\. ", text, re.MULTILINE)) == 20
    assert answered(text, Published(sample.root)) == text, "write them anew: tests/documents.py"


def blocks() -> list[object]:
    """Every query of the other guides."""
    elsewhere = ("cookbook.md", "storage.md")  # held with their answers; in a bucket (test_storage.py)
    pages = [file for file in sorted((ROOT / "docs").glob("*.md")) if file.name not in elsewhere]
    guides = [ROOT / "README.md", *pages]
    return [
        pytest.param(statement, id=f"{guide.name} {number}")
        for guide in guides
        for number, block in enumerate(re.findall(r"```sql\n(.*?)```", guide.read_text(encoding="utf-8"), re.DOTALL))
        for statement in block.split(";")
        if re.sub(r"--[^\n]*", "", statement).strip() and not re.search(r"…|<\w+>", statement)  # the reader's own
    ]


@pytest.mark.parametrize("query", blocks())
def test_a_query_of_a_guide_works_on_the_sample(sample: Watch, query: str) -> None:
    """As a reader types it into DuckDB in the folder of the watch."""
    with contextlib.chdir(sample.folder), duckdb.connect("warehouse/basewatch.duckdb", read_only=True) as connection:
        assert connection.sql(query).columns


def test_the_notebook_runs(sample: Watch) -> None:
    notebook = nbformat.read(ROOT / "docs" / "notebook.ipynb", as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells), "it is kept without outputs"
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(sample.folder)}}).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert sum("image/svg+xml" in output.get("data", {}) for output in shown) == 2
    assert not [output for output in shown if output["output_type"] == "error"]


def test_the_sample_s_data_package_is_valid(sample: Watch) -> None:
    report = Package(str((sample.root / "current").resolve() / "datapackage.json")).validate(limit_rows=200)
    assert report.valid, report.flatten(["resourceName", "fieldName", "type", "message"])


def test_the_site_is_built_with_every_link_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    pages = sorted((tmp_path / "site").glob("**/*.html"))
    assert len(pages) >= len(list((ROOT / "docs").glob("*.md")))
    assert {page.name: found for page in pages if (found := OUTSIDE.findall(page.read_text(encoding="utf-8")))} == {}
