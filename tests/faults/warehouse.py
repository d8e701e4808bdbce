"""Faults of the lake, the ledger and what is published: a file cut, emptied, edited, deleted, renamed or swapped."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from basewatch import config, run
from basewatch.errors import BasewatchError
from basewatch.lake.store import Lake
from basewatch.warehouse import verify
from faults.fault import Answer, Family, Fault, Meet
from wholeruns import Watch, new_watch

FAMILY = "warehouse"
END = date(2025, 6, 30)
REASON = "damage|missing|cannot|not |is no "


def _first(pattern: str, at: int = 0) -> Callable[[Watch], Path]:
    return lambda watch: sorted(watch.root.glob(pattern))[at]


FILES: dict[str, Callable[[Watch], Path]] = {
    "a day of flights": lambda watch: Lake(watch.root).files("plain_flights")[0],
    "a later day of flights": lambda watch: Lake(watch.root).files("plain_flights")[-1],
    "the first segment": lambda watch: sorted(Lake(watch.root).ledger_folder.glob("*.parquet"))[0],
    "the last segment": lambda watch: sorted(Lake(watch.root).ledger_folder.glob("*.parquet"))[-1],
    "the head of the ledger": _first("lake/head.json"),
    "the note of files": _first("lake/files/*.json"),
    "the note of windows": _first("lake/windows/*.json"),
    "what was learnt": _first("learnt/learnt.json"),
    "the manifest": _first("releases/*/manifest.json"),
    "the published database": _first("releases/*/basewatch.duckdb"),
    **{
        f"{table} as Parquet": _first(f"releases/*/{table}/*.parquet")
        for table in ("base_visits", "base_daily_activity", "base_monthly_activity", "base_gaps", "source_days")
    },
}


def _edited(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0x40
    file.write_bytes(data)


def _swapped(file: Path) -> None:
    """The bytes of a sibling, or of another file of the warehouse where it has none."""
    others = [other for other in sorted(file.parents[1].rglob(f"*{file.suffix}")) if other != file and other.is_file()]
    other = next((one for one in others if one.read_bytes() != file.read_bytes()), None)
    file.write_bytes(other.read_bytes() if other else b"other")


ACTIONS: dict[str, Callable[[Path], object]] = {
    "cut": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "emptied": lambda file: file.write_bytes(b""),
    "edited": _edited,
    "deleted": lambda file: file.unlink(),
    "renamed": lambda file: file.rename(file.with_name(f"x{file.name}")),
    "swapped": _swapped,
}
# without them a night learns the same again, or reads everything again
SPARED = {
    ("what was learnt", "deleted"),
    ("what was learnt", "renamed"),
    ("the note of files", "deleted"),
    ("the note of files", "renamed"),
    ("the note of windows", "deleted"),
    ("the note of windows", "renamed"),
}


@dataclass(frozen=True)
class Change:
    """A file, and what is done to it."""

    file: str
    action: str


def faults() -> list[Fault]:
    """All faults of the family."""
    found = []
    for file in FILES:
        found += [
            Fault(FAMILY, action, file, "warehouse", Change(file, action), REASON)
            for action in ACTIONS
            if (file, action) not in SPARED
        ]
        found.append(Fault(FAMILY, "touched", file, "warehouse", Change(file, "touched"), "", False))
        found.append(Fault(FAMILY, "copied over itself", file, "warehouse", Change(file, "copied"), "", False))
    return found


def _harm(file: Path, action: str) -> None:
    if action == "touched":
        os.utime(file)
    elif action == "copied":
        copy = file.with_name(f"{file.name}.copy")
        shutil.copyfile(file, copy)
        copy.replace(file)
    else:
        ACTIONS[action](file)


@contextlib.contextmanager
def world(folder: Path) -> Iterator[Meet]:
    """A watch of half a year that ran once; each fault befalls one file, which is put back afterwards."""
    watch = new_watch(folder / "watch", {})
    watch.plain(str(END))
    for path in watch.root.rglob("*"):  # a release is sealed: what harms it had the right to
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)

    def meet(fault: Fault) -> Answer:
        change: Change = fault.harm
        file = FILES[change.file](watch)
        aside = folder / "whole"
        shutil.copy2(file, aside)
        try:
            _harm(file, change.action)
            return _night(watch, file)
        finally:
            file.with_name(f"x{file.name}").unlink(missing_ok=True)
            file.unlink(missing_ok=True)
            shutil.copy2(aside, file)

    yield meet


def _night(watch: Watch, file: Path) -> Answer:
    """What a night says before it reads anything; where it says nothing, what `verify` says."""
    try:
        work = run.start(config.load(watch.config), END)
        work.progress = lambda _: None
        run.has_work(work)
    except BasewatchError as error:
        return Answer("refused", str(error))
    damages = verify.look(work.warehouse).damages
    return Answer("warned" if damages else "passed", "\n".join(damage.words for damage in damages))


WAREHOUSE = Family(FAMILY, faults, world)
