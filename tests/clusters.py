"""A Dask cluster on this machine for tests: a scheduler and workers, each a process of its own, over loopback."""

from __future__ import annotations

import contextlib
import gzip
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import tracekit
from wholeruns import stop, wait_for


@dataclass(frozen=True)
class Cluster:
    """A scheduler's address, and its workers."""

    address: str
    workers: list[subprocess.Popen[bytes]]


@contextlib.contextmanager
def cluster(folder: Path, environments: Sequence[Mapping[str, str]]) -> Iterator[Cluster]:
    """A scheduler and a worker of one thread for each environment; a worker that dies is not started again."""
    file, dask = folder / "scheduler.json", str(Path(sys.executable).parent / "dask")
    log = (folder / "cluster.log").open("w")
    common = ["--scheduler-file", str(file), "--no-dashboard"]
    started = [subprocess.Popen([dask, "scheduler", "--host", "127.0.0.1", "--port", "0", *common],
                                env=dict(environments[0]), stdout=log, stderr=log)]  # fmt: skip
    try:
        for number, environment in enumerate(environments):
            own = ["--nthreads", "1", "--no-nanny", "--local-directory", str(folder / f"worker-{number}")]
            started.append(
                subprocess.Popen([dask, "worker", *common, *own], env=dict(environment), stdout=log, stderr=log)
            )
        wait_for(file.exists, 60, "the scheduler")
        text = folder / "cluster.log"
        wait_for(lambda: text.read_text().count("Registered to") >= len(environments), 60, "the workers")
        yield Cluster(json.loads(file.read_text())["address"], started[1:])
    finally:
        for process in started[::-1]:
            stop(process)
        log.close()


def write_days(folder: Path, days: Sequence[date], traces: int, points: int = 10, near: int | None = None) -> None:
    """An archive of these days: flights down to Hmeimim at other times each day, so that none repeats another.

    near: so many of them; the others fly the same far away.
    """
    latitude, longitude = tracekit.HMEIMIM
    for number, day in enumerate(days):
        start = tracekit.MIDNIGHT + timedelta(days=(day - tracekit.DAY).days).total_seconds()
        members = []
        for one in range(traces):
            address = f"15{(one * 37 + number * 5) % 65_536:04x}"
            if near is None or one <= near:  # the text of a long track takes a while to make
                south = latitude + number / 1e4 - (0 if near is None or one < near else 15)
                begin, left = 3_600 + 40 * (one * 7 + number * 13) % 60_000, [1 - at / points for at in range(points)]
                track = [
                    tracekit.point(begin + 600 * (1 - far), south + far / 6, longitude, round(1e4 * far))
                    for far in left
                ]
                text, made_for = tracekit.text(address, track, stamp=start, r="RF-78658", t="IL76"), address
            body = text.replace(made_for.encode(), address.encode(), 1)
            members.append((f"./traces/{address[-2:]}/trace_full_{address}.json", gzip.compress(body, 1, mtime=0)))
        tracekit.write_tar(folder, members, day)
