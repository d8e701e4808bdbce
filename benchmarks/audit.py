"""What this project rests on, and whether any of it is known to be unsafe: `make audit`.

Lists every locked run-time package with its version, its licence and who asks for it; names licences that a user has to
look at. Then pip-audit, in an environment of its own, asks PyPI's advisory database about the lock. Where that cannot
be reached it says so: what was not checked is not safe for that. Ends with 1 where an advisory was found.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
PROJECT = "basewatch"
COPYLEFT = re.compile(r"\b(A?GPL|LGPL|MPL|EUPL|CDDL|GNU)\b", re.IGNORECASE)
LONGEST = 40


def normal(name: str) -> str:
    """A package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked() -> dict[str, str]:
    """The versions of the lock by name."""
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    return {normal(name): version for name, version in found}


def licence(package: Distribution) -> str:
    """The licence that a package states: its expression, else its classifiers, else the first line of its field."""
    values = package.metadata
    stated = values.get("License-Expression") or ", ".join(
        entry.rsplit(" :: ", 1)[1] for entry in values.get_all("Classifier") or [] if entry.startswith("License ::")
    )
    return (stated or (values.get("License") or "not stated").splitlines()[0])[:LONGEST]


def askers(names: list[str]) -> dict[str, list[str]]:
    """Who asks for each package, the project first."""
    found = defaultdict(list)
    for name in [PROJECT, *names]:
        try:
            requires = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        for line in requires:
            asked = re.match(r"[A-Za-z0-9._-]+", line)
            if asked and "extra ==" not in line:
                found[normal(asked[0])].append(name)
    return found


def advisories() -> tuple[int, int] | None:
    """How many packages were held against the advisories, and how many have one, which are printed.

    None where pip-audit could not be had. A package that the database does not know was not held against anything.
    """
    with tempfile.TemporaryDirectory(prefix="audit-") as folder:
        python = Path(folder) / "bin" / "python"
        steps = [
            [sys.executable, "-m", "venv", folder],
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "pip-audit"],
        ]
        if any(subprocess.run(step, capture_output=True).returncode for step in steps):
            return None
        command = [str(python), "-m", "pip_audit", "--disable-pip", "--require-hashes", "-f", "json", "-r", str(LOCK)]
        done = subprocess.run(command, capture_output=True, text=True)
    try:
        told = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return None
    checked = [entry for entry in told if "skip_reason" not in entry]
    unsafe = [entry for entry in checked if entry["vulns"]]
    for entry in unsafe:
        for fault in entry["vulns"]:
            print(f"UNSAFE {entry['name']} {entry['version']}: {fault['id']}, mended in {fault['fix_versions']}")
    return len(checked), len(unsafe)


def main() -> int:
    """List and ask."""
    versions = locked()
    wanted_by = askers(list(versions))
    for name, version in versions.items():
        try:
            stated = licence(distribution(name))
        except PackageNotFoundError:
            stated = "not for this system"
        mark = "!" if COPYLEFT.search(stated) else " "
        print(f"{mark} {name:32} {version:14} {stated:{LONGEST}} {', '.join(wanted_by.get(name, [])[:4])}")
    print(f"{len(versions)} packages; ! marks a licence with conditions on changes to that package")
    sys.stdout.flush()
    checked, unsafe = advisories() or (0, 0)
    if checked < len(versions):
        print(f"NOT CHECKED: {len(versions) - checked} of {len(versions)}: no advisory database knew of them")
    print(f"{checked} packages were held against advisories, {unsafe} have one")
    return 1 if unsafe else 0


if __name__ == "__main__":
    sys.exit(main())
