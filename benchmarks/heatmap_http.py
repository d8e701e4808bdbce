"""What a year of heatmaps costs over HTTP ranges, and what a run that is killed loses.

    python benchmarks/heatmap_http.py [--days 365] [--kills 5] [--whole 20] [--backfill | --true-size]

A server on this machine has a release a day, of 3 to 6 MB: 300 to 2,000 traces, and 48 heatmaps that are 10 to 15 % of
the bytes, in any order of folders, some days in two parts. The product fetches them with `read = "heatmap"` in a
process of its own, which is killed (SIGKILL) in the middle of answers and begun again. Bytes, requests and CPU seconds
a day stand beside those of days that are fetched whole in the same run; what a process costs that fetches nothing is
taken off both. The requests of a day are nearly the same whatever its size, and most of the CPU is theirs: small days
show it at its worst. `--true-size` has days of 3 to 4 GB and 70,000 traces: `--true-size --days 3 --whole 1`.

Each byte that was sent twice is counted. What a kill may lose is what was on its way; the days that had landed before
may not be asked for again. With `--backfill` the days are smaller, their heatmaps show five aircraft, and the process
is `basewatch backfill`, which reads, judges and publishes them too; its CPU is of all that.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from basewatch.sources.readsb_archive import remote
from dear_tar import Made, heatmaps, traces
from heatmaps.days import day_over
from server import setup
from server.archives import Asset, GitHub, Release
from server.core import Reply, Request, serving

LAST = date(2025, 12, 26)
SIZES = {"small": (3_000_000, 6_000_000), "true": (3_000_000_000, 4_000_000_000)}  # bytes of a day
TRACES = {"small": (300, 2_000), "true": (60_000, 75_000)}
PARTS = {"small": 4_000_000, "real": 4_000_000, "true": 2_000_000_000}  # at which a day's tar is split
MOST_SHARE = 0.25
PLACE = (35.4, 35.95)
ORDERS = ("first", "last", "last but one folder", "between the traces")


@lru_cache(maxsize=4)
def day_tar(day: date, kind: str) -> Made:
    """A day's tar, small or of true size; "real": its heatmaps can be read, for which it is the smaller."""
    rng = random.Random(f"{day}")
    share = rng.uniform(0.10, 0.15)
    bodies: dict[str, bytes] = {}
    if kind == "real":
        bodies = {f"./{name}": data for name, data in day_over(PLACE, day).items()}
        heat = [(name, len(data)) for name, data in bodies.items()]
        total, number = int(sum(size for _, size in heat) / share), 400
    else:
        total, number = rng.randrange(*SIZES[kind]), rng.randrange(*TRACES[kind])
        heat = heatmaps(int(total * share), rng)
    folders = traces(number, int(total * (1 - share)), rng)
    order = rng.choice(ORDERS)
    at = {"first": 0, "between the traces": rng.randrange(1, len(folders))}.get(order, len(folders))
    texts = [("./README.txt", 700), ("./acas/acas.csv.gz", 4_000), ("./acas/acas.json.gz", 9_000)]
    before, behind = ([member for folder in part for member in folder] for part in (folders[:at], folders[at:]))
    last = texts if order == "last but one folder" else []
    return Made([*(texts if not last else []), *before, *heat, *behind, *last], bodies)


@dataclass(frozen=True)
class Part:
    """Some bytes of a day's tar, made when they are read."""

    day: date
    kind: str
    start: int
    size: int

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, wanted: slice) -> bytes:
        start, end, _ = wanted.indices(self.size)
        return day_tar(self.day, self.kind).bytes_of(self.start + start, end - start)


class Provider:
    """A server with a release a day, and the record of what it sent."""

    def __init__(self, days: list[date], kind: str) -> None:
        self.github = GitHub(time.time)
        self.kind, self.size = kind, 0
        repository = []
        for day in reversed(days):
            tag = f"v{day:%Y.%m.%d}-planes-readsb-prod-0"
            size = day_tar(day, kind).size
            self.size += size
            starts = range(0, size, PARTS[kind])
            named = [tag + ".tar" if len(starts) == 1 else f"{tag}.tar.a{chr(97 + n)}" for n in range(len(starts))]
            parts = [Part(day, kind, start, min(PARTS[kind], size - start)) for start in starts]
            assets = [Asset(name, part, digest=None) for name, part in zip(named, parts, strict=True)]  # type: ignore[arg-type]
            repository.append(Release(tag, assets))
        self.github.repositories = {f"globe_history_{day.year}": repository for day in days}
        self._serve = self.github.assets.handle
        self.github.assets.handle = self._answer

    def _answer(self, request: Request) -> Reply:
        right = self._serve(request)
        if right.file is not None and "range" not in request.headers:
            right = replace(right, file=right.file[:])
        return replace(right, etag=f'"{request.path}"')  # a digest for each range would cost more than the product does

    @property
    def sent(self) -> int:
        """Bytes of files sent."""
        return sum(entry.sent for entry in self.github.assets.log)

    def doubled(self) -> int:
        """Bytes that were sent, and had been sent before."""
        spans = defaultdict(list)
        for entry in self.github.assets.log:
            start = int((re.match(r"bytes=(\d+)", entry.request.headers.get("range", "")) or [0, 0])[1])
            spans[entry.request.path].append((start, start + entry.sent))
        twice = 0
        for each in spans.values():
            reached = 0
            for start, end in sorted(each):
                twice += max(min(reached, end) - start, 0)
                reached = max(reached, end)
        return twice

    def days_asked(self, since: int) -> set[str]:
        """The days of which something was asked for since an entry of the log."""
        log = self.github.assets.log[since:]
        return {match[0] for entry in log if (match := re.search(r"\d{4}\.\d\d\.\d\d", entry.request.path))}


@dataclass
class Cost:
    """What processes used: CPU seconds, bytes and requests."""

    cpu: float = 0.0
    sent: int = 0
    requests: int = 0


def child(given: dict[str, Any]) -> None:
    """Fetch days one after the other, as a run does."""
    configured = setup.settings(Path(given["folder"]), readsb_archive=given["values"])
    about = setup.context(configured, datetime.fromisoformat(given["now"]), "readsb_archive")
    for day in given["days"]:
        landed = remote.fetch(setup.window("readsb_archive", day), about)
        if not landed.files or landed.absent:
            raise SystemExit(f"{day} did not land: {landed.absent}")


def command(folder: Path, provider: Provider, days: list[date], read: str, is_backfill: bool) -> list[str]:
    """The process that brings these days below a folder."""
    values = {
        "location": f"{provider.github.api.url}/repos/adsblol/globe_history_{{year}}",
        "index_url": "",
        "split_bytes": PARTS[provider.kind],
        "read": read,
        "disk_budget_gb": 100,
        "read_seconds": 120,  # days of true size are made before they are sent
        "allow_local": True,
    }
    if not is_backfill:
        now = datetime(LAST.year, LAST.month, LAST.day, tzinfo=UTC) + timedelta(days=9)
        given = {"folder": str(folder), "values": values, "days": [str(day) for day in days], "now": now.isoformat()}
        return [sys.executable, __file__, "--child", json.dumps(given)]
    file = folder / "basewatch.toml"
    section = {**values, "enabled": True, "own_receiver": True, "keep_landing": False}
    lines = [f"{name} = {json.dumps(value)}" for name, value in section.items()]
    # own_receiver: five aircraft a day are too few for any other archive.
    file.write_text("\n".join(['[warehouse]\nroot = "warehouse"', "[sources.readsb_archive]", *lines]) + "\n")
    basewatch = str(Path(sys.executable).parent / "basewatch")
    return [basewatch, "backfill", "--from", str(days[0]), "--to", str(days[-1]), "--config", str(file), "--plain"]


@contextmanager
def killing(provider: Provider, process: subprocess.Popen[bytes], after: int | None) -> Iterator[None]:
    """Kill the process in the middle of the answer to its request number `after`."""
    if after is None:
        yield
        return
    reached = len(provider.github.assets.log) + after

    def half(_: Request, right: Reply) -> Reply:
        threading.Timer(0.05, lambda: process.send_signal(signal.SIGKILL)).start()
        return replace(right, cut=0.5, stall=0.0)

    provider.github.assets.fault(half, when=lambda _: len(provider.github.assets.log) >= reached)
    yield


def run(provider: Provider, arguments: list[str], kill_after: int | None) -> tuple[Cost, int]:
    """One process to its end, by itself or by SIGKILL. Returns what it used, and its status."""
    before, asked = provider.sent, len(provider.github.assets.log)
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
    with killing(provider, process, kill_after):
        _, status, usage = os.wait4(process.pid, 0)
    provider.github.assets.faults.clear()
    process.returncode = os.waitstatus_to_exitcode(status)
    cost = Cost(usage.ru_utime + usage.ru_stime, provider.sent - before, len(provider.github.assets.log) - asked)
    return cost, process.returncode


def main() -> int:
    """Run all; 1 where more bytes came than MOST_SHARE of the archive, or a day came twice."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--whole", type=int, default=20, help="days that are fetched whole, for comparison")
    parser.add_argument("--backfill", action="store_true")
    parser.add_argument("--true-size", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(json.loads(options.child))
        return 0
    days = [LAST - timedelta(days=back) for back in range(options.days)][::-1]
    provider = Provider(days, "real" if options.backfill else "true" if options.true_size else "small")
    with tempfile.TemporaryDirectory() as place, serving(*provider.github.hosts):
        some = days[: options.whole]
        idle, status = run(provider, command(Path(place, "idle"), provider, [], "traces", False), None)
        whole, whole_status = run(provider, command(Path(place, "whole"), provider, some, "traces", False), None)
        if status or whole_status:
            return status or whole_status
        whole.cpu -= idle.cpu
        provider.github.assets.log.clear()
        folder = Path(place, "heatmaps")
        folder.mkdir()
        return measure(provider, command(folder, provider, days, "heatmap", options.backfill), options, whole, idle)


def measure(provider: Provider, arguments: list[str], options: argparse.Namespace, whole: Cost, idle: Cost) -> int:
    """Fetch all days with some kills between, and say what it cost."""
    rng = random.Random(options.kills)
    log = provider.github.assets.log
    total = Cost()
    seen_before: set[str] = set()
    days_twice, in_progress = set(), set()
    doubled = 0
    for number in range(options.kills + 1):
        since = len(log)
        # A day is some forty requests, so that each run gets on by its share of the days.
        usual = 40 * options.days // (options.kills + 1)
        after = rng.randrange(usual // 2, usual) if number < options.kills else None
        cost, status = run(provider, arguments, after)
        total = Cost(total.cpu + cost.cpu - idle.cpu, total.sent + cost.sent, total.requests + cost.requests)
        asked = provider.days_asked(since)
        days_twice |= (asked & seen_before) - in_progress
        seen_before |= asked
        last = re.search(r"\d{4}\.\d\d\.\d\d", log[-1].request.path)
        in_progress = {last[0]} if last else set()
        now_doubled = provider.doubled()
        print(
            f"run {number + 1}: {'killed' if status == -signal.SIGKILL else f'ended with {status}'} after "
            f"{cost.requests:,} requests; {len(asked):,} days asked for; {now_doubled - doubled:,} bytes came twice",
            flush=True,
        )
        doubled = now_doubled
        if number < options.kills and status != -signal.SIGKILL:
            print("it ended before it could be killed")
            return 1
    violations = [fault for host in provider.github.hosts for fault in host.violations]
    share = total.sent / provider.size
    print(f"{options.days:,} days of {provider.size / 1e6:,.0f} MB: {total.sent / 1e6:,.1f} MB fetched, {share:.1%}")
    print(f"{total.requests / options.days:.1f} requests and {total.cpu / options.days:.3f} CPU s a day")
    if options.whole:
        per_whole = Cost(whole.cpu / options.whole, whole.sent // options.whole, whole.requests // options.whole)
        print(
            f"whole: {per_whole.requests} requests, {per_whole.sent / 1e6:,.1f} MB and {per_whole.cpu:.3f} CPU s a day"
        )
        print(f"to days fetched whole: {total.sent / options.days / per_whole.sent:.2f} × the bytes", end="")
        print("" if options.backfill else f", {total.cpu / options.days / per_whole.cpu:.2f} × the CPU")
    print(f"{options.kills} kills: {len(days_twice)} days that had landed were asked for again; ", end="")
    print(f"{doubled:,} bytes came twice ({doubled / total.sent:.4%})")
    for fault in violations:
        print(f"breach of a provider's rule: {fault}")
    return int(status != 0 or share > MOST_SHARE or bool(days_twice) or bool(violations))


if __name__ == "__main__":
    sys.exit(main())
