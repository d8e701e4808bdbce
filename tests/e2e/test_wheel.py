"""A wheel holds all that a run needs, and runs the sample away from the tree it was built from.

What it leaves is looked at as people do: Great Expectations judges it too, and its Data Docs open in a browser.
"""

from __future__ import annotations

import html
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path
from typing import Any

import duckdb
import pytest

import devtools
import report_pages
from basewatch.gates import data_docs
from browser import CHROMIUM, browse

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = {
    "src/basewatch": "basewatch",
    "flows": "basewatch/flows",
    "sql": "basewatch/sql",
    "expectations": "basewatch/expectations",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of what git tracks, so that nothing left in the tree slips in."""
    folder = tmp_path_factory.mktemp("wheel")
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: what belongs into the wheel cannot be told")
    tracked = (
        subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    )
    for name in filter(None, tracked):
        if (ROOT / name).is_file():
            (folder / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "tree" / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "-o", str(folder), str(folder / "tree")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_what_the_tree_holds(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    tree = wheel.parent / "tree"
    expected = {
        f"{packed}/{file.relative_to(tree / source)}"
        for source, packed in SHIPPED.items()
        for file in (tree / source).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert expected - held == set()
    assert not [name for name in held if name.startswith(("tests/", "warehouse/", "benchmarks/"))]


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an environment's programs: nothing in it but the wheel, installed as users install it.

    The dependencies are those of the environment that runs the tests, seen through a .pth file. That file names their
    folder and reads no .pth in it, so the editable install of the tree that may lie there is out of sight.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    paths = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    site = Path(subprocess.run([python, "-c", paths], capture_output=True, text=True, check=True).stdout.strip())
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    if importlib.util.find_spec("pip"):
        install = [str(python), "-m", "pip", "install"]
    elif shutil.which("uv"):
        install = ["uv", "pip", "install", "--python", str(python)]
    else:
        pytest.skip("neither pip nor uv is there to install the wheel with")
    done = subprocess.run(
        [*install, "--quiet", "--no-deps", "--no-index", str(wheel)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return python.parent


@pytest.fixture(scope="module")
def ran(
    installed: Path, bare_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A folder in which the installed program ran the sample: judged by Great Expectations, all else by default."""
    tmp_path = tmp_path_factory.mktemp("sample")
    unset = ("PYTHONPATH", "BASEWATCH_GATES__DATA_DOCS")
    environment = {name: value for name, value in bare_environment.items() if name not in unset}
    environment["BASEWATCH_GATES__JUDGE"] = "great_expectations"
    where = subprocess.run(
        [installed / "python", "-c", "import basewatch.flows, basewatch.sql as sql; print(sql.__file__)"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert where.startswith(str(installed.parent)), "the wheel's own files are what is found"
    done = subprocess.run(
        [installed / "basewatch", "nightly", "--sample"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    return tmp_path, done


def test_an_installed_wheel_runs_the_sample(ran: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    tmp_path, done = ran
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr and "Prefect" not in done.stderr, "as a flow, and silently so"
    assert "SIMULATED, not real" in done.stdout
    assert (tmp_path / "warehouse" / "current" / "report" / "index.html").stat().st_size > 10_000
    with duckdb.connect(str(tmp_path / "warehouse" / "basewatch.duckdb"), read_only=True) as connection:
        unknown = connection.execute(
            "SELECT count(*), count(visits) FROM base_monthly_activity "
            "WHERE base_id = 'hmeimim' AND activity = 'unknown'"
        ).fetchone()
        simulated = connection.execute(
            "SELECT count(*) FROM base_visits WHERE list_contains(sources, 'simulated')"
        ).fetchone()
    assert unknown is not None
    assert unknown[0] > 12
    assert unknown[1] == 0
    assert simulated is not None
    assert simulated[0] > 100


def test_an_installed_wheel_begins_a_watch_explains_and_is_read_in_python(
    installed: Path, ran: tuple[Path, subprocess.CompletedProcess[str]], bare_environment: dict[str, str]
) -> None:
    environment = {name: value for name, value in bare_environment.items() if name != "PYTHONPATH"}

    def call(*command: str) -> str:
        return subprocess.run(
            [installed / command[0], *command[1:]],
            cwd=ran[0],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    call("basewatch", "init", "mine", "--base", "EGVA", "--fleet", "type:A400,K35R")
    assert "FAIL" not in call("basewatch", "doctor", "--config", "mine/basewatch.toml")
    assert "SIMULATED" in call("basewatch", "cite", "simulated_field-all-20251210")
    assert (ran[0] / "quoted" / "simulated_field-all-20251210" / "chart.png").stat().st_size > 5_000
    read = "import basewatch; print(len(basewatch.open('warehouse').months('simulated_field', 'all')))"
    assert int(call("python", "-c", read)) > 12


@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}: the report was not looked at")
def test_the_report_of_the_sample_tells_the_published_numbers_and_is_open_to_everybody(
    ran: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    folder = ran[0] / "warehouse" / "current" / "report"
    with devtools.browser(tmp_path / "profile") as browser:
        browser.look(1280, 900)
        held = report_pages.check_numbers(browser, folder, ran[0] / "warehouse" / "basewatch.duckdb", "all")
        assert held > 5_000
        report_pages.check_phone(browser, folder)
        report_pages.check_keyboard(browser, folder / "bases" / "simulated_field.html")
        pages = [folder / "index.html", *(folder / "bases" / f"{base}.html" for base in ("simulated_field", "rzeszow"))]
        report_pages.check_access(browser, pages)
        report_pages.check_nothing_is_asked(browser)


def test_the_sample_answers_its_question_on_the_invented_field_and_invents_nothing_at_a_real_one(
    ran: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    told = (
        "SIMULATED: The press on Simulated Field (does not exist): no flights, 2025-06-03 to 2025-10-02: contradicted"
    )
    assert told in ran[1].stdout
    folder = ran[0] / "warehouse" / "current" / "report" / "bases"
    simulated, real = ((folder / f"{base}.html").read_text() for base in ("simulated_field", "hmeimim"))
    assert "<h1>SIMULATED: 39 visits to Simulated Field" in simulated
    assert "SIMULATED claim, " in simulated and 'class="hit"' in simulated
    assert 'class="bracket no_data"' in real and ">not looked at</text>" in real
    assert "SIMULATED" not in real and 'class="hit" d=' not in real.split("<figcaption>")[0]


def test_great_expectations_judges_the_sample_as_the_counts_do(
    ran: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    with duckdb.connect(str(ran[0] / "warehouse" / "basewatch.duckdb"), read_only=True) as connection:
        checks = connection.execute("SELECT success, observed FROM quality_results").fetchall()
    assert len(checks) > 300
    assert [told for _, told in checks if "Great Expectations" in told] == [], "where it differs or breaks it is said"


# Stands in a copy of the page for its policy: the page itself must ask nobody. One request shows that any is seen.
LOOK = """<script>
window.faults = []; new Image().src = 'https://control.example/asked';
addEventListener('error', event => window.faults.push(event.message || event.target.outerHTML), true);
addEventListener('load', () => setTimeout(() => {
  const told = {
    loaded: [...document.querySelectorAll('script[src],link[href],img[src]')].map(part => part.src || part.href),
    faults: window.faults,
    drawn: [...document.images].every(image => image.naturalWidth > 0),
    styled: getComputedStyle(document.querySelector('nav')).position,
    icon: getComputedStyle(document.querySelector('.fas')).maskImage.slice(0, 24),
    rows: document.querySelectorAll('table tbody tr').length,
    text: document.body.innerText,
  };
  document.body.replaceChildren(Object.assign(document.createElement('pre'), {
    id: 'told', textContent: JSON.stringify(told) }));
}, 500));
</script>"""


OF_THE_BROWSER = (".google.com", ".googleapis.com", ".gvt1.com")  # it asks for its own updates


def looked_at(page: Path, profile: Path) -> dict[str, Any]:
    """What a browser without any network sees of a page that lies on the disk."""
    text = page.read_text(encoding="utf-8")
    assert text.count(data_docs.POLICY) == 1
    copy = page.with_name(f"looked-at-{page.name}")
    copy.write_text(text.replace(data_docs.POLICY, LOOK), encoding="utf-8")
    log = profile.with_suffix(".json")
    dom = browse(profile, "--host-resolver-rules=MAP * ~NOTFOUND", f"--log-net-log={log}", "--dump-dom", copy.as_uri())
    found = re.search(r'<pre id="told">(.*?)</pre>', dom, re.DOTALL)
    assert found, "the page did not load"
    told: dict[str, Any] = json.loads(html.unescape(found[1]))
    asked = set(re.findall(r'"url":"(?:https?|wss?)://([^/"]*)', log.read_text(encoding="utf-8")))
    assert {host for host in asked if not host.endswith(OF_THE_BROWSER)} == {"control.example"}
    assert {address.split(":")[0] for address in told["loaded"]} == {"file"}, told
    assert len(told["loaded"]) > 10 and told["faults"] == [] and told["drawn"]
    assert told["styled"] == "sticky", "bootstrap was read"
    assert told["icon"].startswith('url("data:image/svg+xml'), "so were the icons"
    return told


@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}: the pages were not looked at")
def test_data_docs_of_a_run_open_from_the_disk_without_a_network(
    ran: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    ((run_id,),) = duckdb.connect(str(ran[0] / "warehouse" / "basewatch.duckdb"), read_only=True).execute(
        "SELECT run_id FROM releases"
    ).fetchall()  # fmt: skip
    site = ran[0] / "warehouse" / "quality" / run_id / "data_docs"
    first = looked_at(site / "index.html", tmp_path / "one")
    tables = sorted(file.stem for file in (site.parent / "validation_results").glob("*.json"))
    assert len(tables) >= 16
    assert first["rows"] >= 10 and run_id in first["text"]
    assert f"Showing 1 to 10 of {len(tables)} rows" in first["text"], "the list is drawn by scripts"
    (page,) = (site / "validations" / "base_gaps").rglob("*.html")
    second = looked_at(page, tmp_path / "two")
    assert "Succeeded" in second["text"] and "no_visit_inside: A counted visit inside" in second["text"]
