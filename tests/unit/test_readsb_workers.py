"""The decoding process: what starting one loads."""

from __future__ import annotations

import subprocess
import sys

HEAVY = {"pandas", "prefect", "great_expectations", "requests", "duckdb", "pydantic"}


def test_a_decoding_process_loads_nothing_that_is_slow_to_load() -> None:
    """Each process would pay for it anew; the command is the one by which `workers` starts them."""
    script = "import sys; from basewatch.readsb.workers import main; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "basewatch.readsb.decoder" in loaded
    assert not HEAVY & loaded
