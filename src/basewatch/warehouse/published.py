"""What is published, as a reader finds it: the releases, the one that is current, and what the last run did.

It needs neither DuckDB nor Arrow, so that a command which only looks is quick.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from basewatch.errors import ADVICE, ConfigError, Damaged, StoreFault
from basewatch.lake import notes

DATABASE = "basewatch.duckdb"
SUMMARY = "summary.json"
MANIFEST = "manifest.json"
LATEST_RUN = "latest"  # in the folder of runs, holds the name of the last one
DOCUMENTS = "data_docs/index.html"  # the page to begin with, below what is kept of a run's quality


@dataclass(frozen=True)
class Release:
    """A published version."""

    folder: Path
    manifest: dict[str, Any]

    @property
    def release_id(self) -> str:
        """Its name, which sorts by time."""
        return self.folder.name

    @property
    def database(self) -> Path:
        """Its DuckDB file."""
        return self.folder / DATABASE

    def require_database(self) -> None:
        """Raise Damaged where its database is gone, or as large as it was not when it was published."""
        sizes = {entry["path"]: entry.get("bytes") for entry in self.manifest["files"]}
        if not self.database.exists():
            raise Damaged(self.database, "is missing")
        if self.database.stat().st_size != sizes.get(DATABASE, 0):
            raise Damaged(self.database, "is damaged: it is not as large as it was when it was published")

    @property
    def bytes(self) -> int:
        """How much room its files take up."""
        return sum(entry["bytes"] for entry in self.manifest["files"])

    @property
    def summary(self) -> dict[str, Any] | None:
        """What it says that the one before did not; None for a release of an earlier version."""
        file = self.folder / SUMMARY
        values: dict[str, Any] | None = json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
        return values


class Published:
    """The folders below one root (contract, section 4) that a reader looks into."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.releases_folder = root / "releases"
        self.current_link = root / "current"
        self.quarantine = root / "quarantine"
        self.quality = root / "quality"
        self.runs_folder = root / "runs"
        self.pending_file = root / ".publishing"

    def releases(self) -> list[Release]:
        """Published releases, oldest first. Raises StoreFault where the manifest of one is damaged."""
        if not self.releases_folder.exists():
            return []
        folders = sorted(self.releases_folder.glob("[!.]*"))
        return [Release(folder, read_manifest(folder)) for folder in folders if (folder / MANIFEST).exists()]

    def release(self, name: str | None) -> Release:
        """The release of this name, or the current one. Raises ConfigError where there is none."""
        releases = {entry.release_id: entry for entry in self.releases()}
        chosen = self.current() if name is None else releases.get(name)
        if chosen is None:
            raise ConfigError(f"no release {name or ''!r}; kept: {', '.join(releases) or 'none'}")
        return chosen

    def current(self) -> Release | None:
        """The release that `current` points to, None before the first.

        Raises StoreFault where the pointer is gone or leads elsewhere than to a whole release.
        """
        fault = self.pointer_fault()
        if fault:
            raise StoreFault(
                f"{self.current_link} {fault}; choose a release with `basewatch rollback RELEASE`. {ADVICE}"
            )
        if not self.current_link.is_symlink():
            return None
        folder = self.current_link.resolve()
        return Release(folder, read_manifest(folder))

    def pointer_fault(self) -> str | None:
        """What is wrong with the pointer `current`; None where nothing is, as before the first release."""
        if not self.current_link.is_symlink():
            if self.current_link.exists():
                return "is no link: something was put in its place"
            is_published = self.releases_folder.exists() and any(self.releases_folder.glob(f"[!.]*/{MANIFEST}"))
            return "is missing, and there are releases" if is_published and not self.pending_file.exists() else None
        folder = self.current_link.resolve()
        if folder.parent != self.releases_folder.resolve():
            return f"points to {folder}, which is no release"
        if not (folder / MANIFEST).exists():
            return f"points to {folder.name}, which is not a whole release"
        return None

    def documents(self, release: Release) -> Path | None:
        """The first page of a release's Data Docs, None where it has none."""
        page = self.quality / release.manifest.get("run_id", "") / DOCUMENTS
        return page if page.exists() else None

    def last_run(self) -> dict[str, Any] | None:
        """What the latest run did, None before the first."""
        files = list(self.runs_folder.glob("*.json")) if self.runs_folder.exists() else []
        if not files:
            return None
        # a run's name tells the second at which it began, but a clock may go back, and two may begin in one second
        named = self.runs_folder / LATEST_RUN
        noted = self.runs_folder / f"{named.read_text(encoding='utf-8')}.json" if named.exists() else None
        latest = (
            noted if noted in files else max(files, key=lambda file: (file.name.split("-")[0], file.stat().st_mtime_ns))
        )
        values: dict[str, Any] = json.loads(latest.read_text(encoding="utf-8"))
        return values


def read_manifest(folder: Path) -> dict[str, Any]:
    """A release's manifest. Raises StoreFault where it is damaged; one of before it had a hash is taken as it is."""
    file = folder / MANIFEST
    try:
        values: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        missing = {"release_id", "files", "fingerprint", "as_of", "rows"} - set(values)
    except (OSError, ValueError, TypeError) as error:
        raise Damaged(file, f"is damaged: it cannot be read ({error})") from None
    if missing:
        raise Damaged(file, f"is damaged: it lacks {', '.join(sorted(missing))}")
    if notes.is_broken(values):
        raise Damaged(file, "is damaged: it was edited")
    return values


def utc_now() -> datetime:
    """This moment."""
    return datetime.now(UTC)
