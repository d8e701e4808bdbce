"""Whether the fast tests notice faults put into gates, releases and claims by hand: mutation_python.yml lists them.

    python benchmarks/mutation_python.py                       # all
    python benchmarks/mutation_python.py --file news/claims.py # those of files whose path ends so

Each fault is put into a copy of the tree, one at a time, and the tests that its entry names are run there: a test that
fails kills it. Before, each set of tests must pass on the copy unchanged. Exit status 1 where a fault survives, 2 where
the original text of an entry does not stand in its file exactly once.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from basewatch import yaml_text

ROOT = Path(__file__).resolve().parents[1]
LIST = Path(__file__).with_name("mutation_python.yml")
COPIED = ("src", "sql", "flows", "expectations", "tests")
MAPPED = ("sql", "flows", "expectations")  # sub-packages of basewatch that stand beside src (pyproject.toml)


def copy_tree(folder: Path) -> None:
    """The tree as Python imports it from `folder`/src, ahead of what is installed."""
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for name in MAPPED:
        (folder / "src" / "basewatch" / name).symlink_to(folder / name, target_is_directory=True)


def passes(folder: Path, tests: list[str]) -> bool:
    """Whether the tests pass in the copy. Raises RuntimeError where they cannot be run at all."""
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1, 2):  # passed, failed, a module that cannot be imported
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
    return done.returncode == 0


def judge(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries whose fault no test notices."""
    survivors = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_tree(folder)
        for tests in {tuple(entry["tests"]) for entry in entries}:
            if not passes(folder, list(tests)):
                raise SystemExit(f"{', '.join(tests)} fail on the tree as it is")
        for entry in entries:
            file = folder / entry["file"]
            text = file.read_text(encoding="utf-8")
            file.write_text(text.replace(entry["original"], entry["mutated"]), encoding="utf-8")
            survived = passes(folder, entry["tests"])
            file.write_text(text, encoding="utf-8")
            print(f"{'SURVIVED' if survived else 'killed  '} {entry['file']}: {entry['why']}", flush=True)
            if survived:
                survivors.append(entry)
    return survivors


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", default="", help="only faults in files whose path ends so")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    listed = yaml_text.parse(LIST.read_text(encoding="utf-8"))
    entries = [entry for entry in listed if entry["file"].endswith(given.file)]
    for entry in entries:
        times = (ROOT / entry["file"]).read_text(encoding="utf-8").count(entry["original"])
        if times != 1:
            print(f"{entry['file']} holds this {times} times, not once: {entry['original']!r}", file=sys.stderr)
            return 2
    with ThreadPoolExecutor(given.jobs) as pool:
        parts = [entries[number :: given.jobs] for number in range(given.jobs)]
        survivors = [entry for part in pool.map(judge, filter(None, parts)) for entry in part]
    print(f"{len(entries)} faults, {len(survivors)} not noticed")
    return int(bool(survivors))


if __name__ == "__main__":
    sys.exit(main())
