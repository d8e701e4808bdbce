"""A wheel holds all that a run needs, and runs the sample away from the tree it was built from."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
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


def test_an_installed_wheel_runs_the_sample(wheel: Path, tmp_path: Path) -> None:
    """Installed where the tree is not on the path; the dependencies are those of this environment."""
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    dependencies = sysconfig.get_paths()["purelib"]
    program = (
        "import sys; sys.path[:0] = [sys.argv.pop(1), sys.argv.pop(1)]; import basewatch, basewatch.cli; "
        "print(basewatch.__file__, file=sys.stderr); basewatch.cli.main()"
    )
    # -S leaves site-packages' .pth files unread: the editable install of the tree must not be what is found
    command = [sys.executable, "-S", "-c", program, str(site), dependencies, "nightly", "--sample", "--plain"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BASEWATCH_")}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert str(site / "basewatch" / "__init__.py") in done.stderr
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
