"""Try every reader with hostile bytes: `benchmarks/fuzz.py [--minutes 10] [--at-once 2] [WORD]`.

Runs the tests of tests/fuzz whose names hold WORD (all by default) for so many minutes of the processor each, in a
process of its own at low priority, and prints how many examples each stood. The logs of those that fell lie in the
folder that is named at the end.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYTEST = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider")
NICE = int(os.environ.get("FUZZ_NICE", "15"))


def targets(word: str) -> list[str]:
    """The tests, by their pytest names."""
    listed = subprocess.run(
        [*PYTEST, "tests/fuzz", "--collect-only"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [line for line in listed.stdout.splitlines() if "::" in line and word in line]


def tried(target: str, minutes: float, logs: Path) -> bool:
    """Try one reader and print a line about it; whether it stood."""
    name = re.sub(r"\W+", "-", target.rpartition("/")[2])
    environment = {**os.environ, "FUZZ_SECONDS": str(60 * minutes)}
    begun = time.monotonic()
    done = subprocess.run(
        [*PYTEST, target, "-s", f"--basetemp={logs / name}"],
        cwd=ROOT, env=environment, capture_output=True, text=True, preexec_fn=lambda: os.nice(NICE) and None,
    )  # fmt: skip
    (logs / f"{name}.log").write_text(done.stdout + done.stderr)
    count = re.search(r"^(\d+) examples", done.stdout, re.MULTILINE)
    shown = f"{int(count[1]):,} examples" if count else "FELL"
    print(f"{target:70} {shown:>20} {time.monotonic() - begun:8.0f} s", flush=True)
    return count is not None and done.returncode == 0


def main() -> int:
    """Try them; 1 where one fell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("word", nargs="?", default="")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--at-once", type=int, default=2)
    asked = parser.parse_args()
    logs = Path(tempfile.mkdtemp(prefix="fuzz-"))
    with ThreadPoolExecutor(asked.at_once) as pool:
        stood = list(pool.map(lambda target: tried(target, asked.minutes, logs), targets(asked.word)))
    print(f"{sum(stood)} of {len(stood)} stood; logs: {logs}")
    return 0 if all(stood) else 1


if __name__ == "__main__":
    sys.exit(main())
