"""How long visits, months and gaps take from ten million positions near bases, and how much memory.

    python benchmarks/visits.py                     # 2.5 and 10 million: the second should take four times the first
    python benchmarks/visits.py --points 1000000

Positions are simulated once (landings, losses, overflights, spoofing; tests/skies) and multiplied under other
addresses. Each size is built in a process of its own, on two threads, from Parquet files as the lake holds them, so
that the peak of memory is that of the build.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import simulated_lake
from basewatch.config import Settings
from basewatch.lake.schemas import LEDGER, TABLES
from basewatch.reference import load
from basewatch.reference.rows import ROWS, arrow_schema
from basewatch.warehouse import models
from basewatch.warehouse.build import HISTORY, attach_new, open_work
from skies import cases, lake

FIRST, DAYS, REGIONS = lake.day_number(2023, 1, 1), 700, 40


def make(folder: Path, points: int) -> None:
    """Write the lake tables as Parquet files, the positions multiplied until there are enough."""
    regions = cases.regions(np.random.default_rng(7), REGIONS)
    with duckdb.connect() as connection:
        made_cases = cases.draw(1, regions, 60, FIRST * 86_400.0, DAYS)
        lake.fill_cases(connection, regions, made_cases, first_day=FIRST, days=DAYS)
        made = connection.execute("SELECT count(*) FROM raw.track_points").fetchone()
        times = -(-points // (made[0] if made else 1))
        for table in ("track_points", "track_edges"):
            same = [name for name in TABLES[table].schema.names if name not in ("icao24", "registration")]
            connection.execute(
                f"COPY (SELECT format('{{:06x}}', ('0x' || icao24)::INTEGER + 65536 * copy) AS icao24, "
                f"registration || '-' || copy AS registration, {', '.join(same)} "
                f"FROM raw.{table} CROSS JOIN range({times}) AS r(copy) ORDER BY day, icao24, seen_at LIMIT {points}) "
                f"TO '{folder / table}.parquet' (COMPRESSION zstd)"
            )
        for table in ("base_background", "source_days"):
            connection.execute(f"COPY raw.{table} TO '{folder / table}.parquet'")
        for table in ("bases", "runways", "fields"):
            connection.execute(f"COPY reference.{table} TO '{folder / table}.parquet'")


def peak_mb() -> int:
    """The most memory that this process has held; ru_maxrss would count the parent's, from before the start."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def measure(folder: Path, memory: str | None, last: str) -> None:
    """Build the models once; prints seconds a model, their sum, CPU seconds and the peak of memory."""
    with open_work(folder) as connection:
        attach_new(connection, folder / "release.duckdb", "made")
        connection.execute("SET threads = 2")
        if memory:
            connection.execute(f"SET memory_limit = '{memory}'")
        connection.execute("CREATE SCHEMA raw; CREATE SCHEMA reference")
        shapes = {**{name: table.schema for name, table in TABLES.items()}, **HISTORY, "source_days": LEDGER}
        for name, schema in shapes.items():
            file = folder / f"{name}.parquet"
            if file.exists():
                listed = ", ".join(f'"{column}"' for column in schema.names)
                connection.execute(f"CREATE VIEW raw.{name} AS SELECT {listed} FROM read_parquet('{file}')")
            else:
                simulated_lake.put(connection, f"raw.{name}", schema)
        facts = load.tables(Settings())
        for name in ROWS:
            file = folder / f"{name}.parquet"
            if file.exists():
                connection.execute(f"CREATE TABLE reference.{name} AS FROM read_parquet('{file}')")
            else:
                simulated_lake.put(connection, f"reference.{name}", arrow_schema(name), facts.table(name))
        params = {**load.params(Settings()).values, "as_of": last}
        before = resource.getrusage(resource.RUSAGE_SELF)
        started = time.perf_counter()
        models.build(
            connection,
            params,
            progress=lambda name, s, n: print(f"  {name:45} {s:7.2f} s {n:>12,} rows") if s >= 0.2 else None,
            release="made",
        )
        wall = time.perf_counter() - started
        after = resource.getrusage(resource.RUSAGE_SELF)
        counts = connection.execute(
            "SELECT (SELECT count(*) FROM raw.track_points), (SELECT count(*) FROM marts.base_visits), "
            "(SELECT count(*) FROM marts.base_gaps)"
        ).fetchone()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    points, visits, gaps = counts or (0, 0, 0)
    print(
        f"{points:,} positions: {visits:,} visits, {gaps:,} spells; {wall:.1f} s wall, {cpu:.1f} s CPU "
        f"({cpu / points * 1e6:.1f} us a position), peak memory {peak_mb():,} MB",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, nargs="*", default=[2_500_000, 10_000_000])
    parser.add_argument("--memory", help="DuckDB's memory_limit, e.g. 3GB; what a nightly run has otherwise")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    last = str(np.datetime64("1970-01-01") + FIRST + DAYS - 1)
    if given.child:
        measure(given.child, given.memory, last)
        return
    for points in given.points:
        with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
            make(Path(folder), points)
            command = [sys.executable, __file__, "--child", folder]
            subprocess.run(command + (["--memory", given.memory] if given.memory else []), check=True)


if __name__ == "__main__":
    main()
