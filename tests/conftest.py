"""What all tests share: recorded data where it is at hand, and an environment without the tester's own settings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Recorded flights and articles that may be used but not redistributed: tests that need them skip where they are absent.
BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"
if BESIDE.is_dir():
    os.environ.setdefault("RECORDED_DATA", str(BESIDE))

pytest.register_assert_rewrite(
    "unit.gates_world", "unit.github_world", "unit.net_provider"
)  # they hold fixtures that assert

# The tester's own settings go. One of them says how many random flight lists are tried: it stays, under another name.
if "BASEWATCH_EXAMPLES" in os.environ:
    os.environ["FLIGHT_LIST_EXAMPLES"] = os.environ["BASEWATCH_EXAMPLES"]
for _name in [name for name in os.environ if name.upper().startswith("BASEWATCH_")]:
    del os.environ[_name]
# Great Expectations takes three seconds a process: tests that are about its Data Docs ask for them.
os.environ["BASEWATCH_GATES__DATA_DOCS"] = "false"


@pytest.fixture(scope="session")
def recorded() -> Path:
    """The folder of recorded data; the test is skipped where there is none."""
    folder = os.environ.get("RECORDED_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("no recorded data: RECORDED_DATA names no folder")
    return Path(folder)
