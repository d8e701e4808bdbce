"""A wheel holds all that a run needs, and runs the sample away from the tree it was built from."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import duckdb
import pytest

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


def test_an_installed_wheel_runs_the_sample(installed: Path, tmp_path: Path, bare_environment: dict[str, str]) -> None:
    environment = {name: value for name, value in bare_environment.items() if name != "PYTHONPATH"}
    where = subprocess.run(
        [installed / "python", "-c", "import basewatch.flows, basewatch.sql as sql; print(sql.__file__)"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert where.startswith(str(installed.parent)), "the wheel's own files are what is found"
    done = subprocess.run(
        [installed / "basewatch", "nightly", "--sample"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
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
