"""What Great Expectations costs beside the gates: `python benchmarks/data_docs.py`.

Builds the sample's candidate in a temporary folder, and measures in processes of their own: the gates by the counts,
the gates with Great Expectations as their judge, and Data Docs after the former. Data Docs should take no more than
8 CPU seconds, the import of Great Expectations among them.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from importlib.resources import files
from pathlib import Path

from basewatch import config, run

SAMPLE = Path(str(files("basewatch.sample").joinpath("basewatch.toml")))


def cpu() -> float:
    """CPU seconds that this process has taken."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measure(what: str) -> None:
    """Check the candidate in this process, or make its Data Docs, and print what that took."""
    work = run.start(config.load(SAMPLE), None)
    with work.warehouse.lock():
        started, began = time.perf_counter(), cpu()
        result = run.check(work, work.warehouse.candidate())
        if what == "data_docs":
            started, began = time.perf_counter(), cpu()
            run.document(work, result)
    found = {
        "what": what,
        "checks": result.results.num_rows,
        "passed": result.passed,
        "seconds": round(time.perf_counter() - started, 1),
        "cpu_seconds": round(cpu() - began, 1),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    if what == "data_docs":
        written = [file for file in work.warehouse.quality.rglob("*") if file.is_file()]
        found |= {"files": len(written), "kib": sum(file.stat().st_size for file in written) // 1024}
    print(json.dumps(found))


def main() -> None:
    """Build, measure, print."""
    if len(sys.argv) > 1:
        measure(sys.argv[1])
        return
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "BASEWATCH_WAREHOUSE__ROOT": folder, "BASEWATCH_GATES__DATA_DOCS": "false"}
        for command in ("nightly --sample --plain", "build --sample"):
            subprocess.run(
                [sys.executable, "-m", "basewatch.cli.app", *command.split()],
                env=environment, check=True, capture_output=True,
            )  # fmt: skip
        for what, settings in {
            "counts": {},
            "great_expectations": {"BASEWATCH_GATES__JUDGE": "great_expectations"},
            "data_docs": {"BASEWATCH_GATES__DATA_DOCS": "true"},
        }.items():
            subprocess.run([sys.executable, __file__, what], env=environment | settings, check=True)


if __name__ == "__main__":
    main()
