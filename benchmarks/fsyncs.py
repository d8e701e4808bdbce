"""Which files of a night would a power cut lose although the warehouse counts on them: `benchmarks/fsyncs.py`.

A nightly run over flight files, articles and an archive that is fetched by HTTP ranges, and a second one that publishes
again, run under strace (Debian: `apt install strace`). Below the warehouse, each rename is held against three rules:

- a file that is renamed into place was synced (fsync) after its last byte was written, and so was every file of a
  folder that is renamed;
- the folder in which the new name stands is synced afterwards;
- a new folder that holds such a name is itself in a folder that is synced afterwards.

Prints a line for each rename that keeps one of them not, and ends with 1 where there is one. What may be lost without
harm (`REMADE`) is left out: it is made anew where it is missing.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from heatmaps.days import day_over, tar_of
from server.archives import GitHub, Release, split_assets
from server.core import serving
from wholeruns import Watch, new_watch, stays

CALLS = (
    "write,pwrite64,writev,sendfile,copy_file_range,ftruncate,fsync,fdatasync,rename,renameat,renameat2,mkdir,mkdirat,"
    "unlink,unlinkat"
)
REMADE = r"/(verified\.json|\.watch\.lock|\.lock)$"
_OPEN = re.compile(r"^(\d+)\s+(\w+)\((.*)$")
_RESUMED = re.compile(r"^(\d+)\s+<\.\.\. (\w+) resumed>(.*)$")
_PATH = re.compile(r'"((?:[^"\\]|\\.)*)"')
_FD = re.compile(r"^(?:\d+|AT_FDCWD)<([^>]*)>")
LAST = date(2025, 6, 30)


def calls(trace: Path) -> Iterator[tuple[str, str]]:
    """The system calls that succeeded, in the order in which they ended: name and arguments with the result."""
    begun: dict[str, str] = {}
    for line in trace.read_text(errors="replace").splitlines():
        resumed = _RESUMED.match(line)
        if resumed:
            name, rest = resumed[2], begun.pop(resumed[1], "") + resumed[3]
        elif (started := _OPEN.match(line)) is None:
            continue
        elif line.endswith("<unfinished ...>"):
            begun[started[1]] = started[3].removesuffix("<unfinished ...>")
            continue
        else:
            name, rest = started[2], started[3]
        if not re.search(r"\) += -1 E", rest):
            yield name, rest


def absolute(rest: str) -> list[str]:
    """The paths that a call names, each below the folder that its descriptor stands for."""
    found = []
    place = ""
    for part in re.split(r', (?=(?:AT_FDCWD|\d+<|"))', rest):
        folder = _FD.match(part.strip())
        if folder and not part.strip().startswith('"'):
            place = folder[1]
        paths = _PATH.findall(part)
        found += [path if path.startswith("/") else os.path.normpath(f"{place}/{path}") for path in paths]
    return found


class Night:
    """What was written and synced below a root, call by call, and what is wrong with it."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.unsynced: set[str] = set()  # files with bytes that no fsync has seen
        self.waiting: dict[str, list[str]] = defaultdict(list)  # folders not synced since, and the names in them
        self.faults: list[str] = []
        self.renames = 0

    def take(self, name: str, rest: str) -> None:
        """Take in one call."""
        if name in ("write", "pwrite64", "writev", "ftruncate"):
            self._written(_FD.match(rest))
        elif name in ("sendfile", "copy_file_range"):
            target = re.search(
                r"\d+<([^>]*)>", rest if name == "sendfile" else rest.partition(", ")[2].partition(", ")[2]
            )
            self._written(target)
        elif name in ("fsync", "fdatasync"):
            target = _FD.match(rest)
            if target:
                self.unsynced.discard(target[1])
                self.waiting.pop(target[1], None)
        elif name in ("mkdir", "mkdirat"):
            for path in absolute(rest):
                if self._is_ours(path):
                    self.waiting[str(Path(path).parent)].append(path)
        elif name in ("unlink", "unlinkat"):
            self.unsynced.difference_update(absolute(rest)[:1])
        elif name in ("rename", "renameat", "renameat2"):
            before, after = absolute(rest)[:2]
            if self._is_ours(after):
                self._renamed(before, after)

    def _is_ours(self, path: str) -> bool:
        return path.startswith(self.root) and not re.search(REMADE, path)

    def _written(self, target: re.Match[str] | None) -> None:
        if target and target[1].startswith("/"):
            self.unsynced.add(target[1])

    def _renamed(self, before: str, after: str) -> None:
        self.renames += 1
        below = {path for path in self.unsynced if path == before or path.startswith(before + "/")}
        self.faults += [f"not synced before its rename: {self._short(path)} -> {self._short(after)}" for path in below]
        self.unsynced -= below
        for folder in [folder for folder in self.waiting if folder == before or folder.startswith(before + "/")]:
            names = self.waiting.pop(folder)
            self.faults += [f"a folder not synced before its rename: {self._short(folder)} ({self._short(names[0])})"]
        self.waiting[str(Path(after).parent)].append(after)

    def end(self) -> None:
        """The run has ended: what is unsynced now stays so."""
        for folder, names in self.waiting.items():
            kept = [path for path in names if self._is_ours(path) and os.path.lexists(path)]
            if kept:
                named = ", ".join(map(self._short, kept[:3]))
                self.faults.append(f"folder not synced after new names in it: {self._short(folder)}: {named}")
        self.waiting.clear()

    def _short(self, path: str) -> str:
        """A path without what differs from run to run."""
        return re.sub(r"[0-9a-f]{12,}", "…", path.removeprefix(self.root).lstrip("/") or ".")


def prepared(folder: Path, github: GitHub, read: str) -> Watch:
    """A watch of flight files, articles, and an archive on a server of this machine, read in this way."""
    watch = new_watch(folder, {**os.environ, "HOME": str(folder)})
    archive = f"""[sources.readsb_archive]
enabled = true
location = "{github.api.url}/repos/adsblol/globe_history_{{year}}"
index_url = "{github.raw.url}/adsblol/globe_history_{{year}}/main/PREFERRED_RELEASES.txt"
split_bytes = 400000
read = "{read}"
"""
    watch.configure(f'{archive}[sources.articles]\nenabled = true\nlocation = "articles"\n')
    (folder / "articles").mkdir(exist_ok=True)
    (folder / "articles" / "a.md").write_text("# Il-76\nDate: 2025-06-20\n\nAn Il-76 landed at Hmeimim air base.\n")
    return watch


def traced(watch: Watch, trace: Path, *arguments: str) -> None:
    """A command under strace. Raises where it fails."""
    command = ["strace", "-f", "-y", "-qq", "-s", "4096", "-e", f"trace={CALLS}", "-e", "signal=none", "-o", str(trace)]
    process = watch.start_command([*command, sys.executable, "-m", "basewatch.cli.app", *arguments])
    _, err = process.communicate(timeout=900)
    if process.returncode:
        raise SystemExit(err)


def main() -> int:
    """Trace two nights; 1 where something lacks its fsync."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", action="store_true", help="keep the folder with the traces")
    asked = parser.parse_args()
    if shutil.which("strace") is None:
        parser.error("strace is needed: apt install strace")
    folder = Path(tempfile.mkdtemp(prefix="fsyncs-"))
    github = GitHub(time.time)
    releases = []
    for number in range(2):
        day = LAST - timedelta(days=number)
        members = [(f"./{name}", data) for name, data in day_over((35.4, 35.95), day).items()]
        tag = f"v{day:%Y.%m.%d}-planes-readsb-prod-0"
        releases.append(
            Release(tag, split_assets(tag, tar_of([*members, ("./traces/1a/x.json", b"x" * 900_000)]), 400_000))
        )
    github.repositories = {"globe_history_2025": releases}
    night = Night(str(folder / "watch" / "warehouse"))
    with serving(*github.hosts):
        for number, read in enumerate(("auto", "heatmap")):  # whole tars, and heatmaps by ranges
            watch = prepared(folder / "watch", github, read)
            day = str(LAST - timedelta(days=1 - number))
            watch.write_flights(stays(LAST - timedelta(days=9), LAST, first=900 + 50 * number), f"{number}.csv")
            trace = folder / f"trace-{number}"
            traced(watch, trace, "backfill", "--plain", "--from", day, "--to", day)
            for call in calls(trace):
                night.take(*call)
            night.end()
    for fault in sorted(set(night.faults)):
        print(f"{night.faults.count(fault):4} x {fault}")
    print(f"{night.renames} renames, {len(set(night.faults))} kinds of fault")
    if asked.keep:
        print(folder)
    else:
        shutil.rmtree(folder)
    return 1 if night.faults else 0


if __name__ == "__main__":
    sys.exit(main())
