"""The landing: what a source fetched, verbatim, with a manifest that says where each file is from and what was asked.

A landed window is a folder. Its manifest is written last, so a folder without one was never finished
(`lake/landings.py` tells that from one whose manifest is gone, and looks whether all is as it came). The manifest holds
addresses without secrets, hashes, sizes, times and licences. For each question asked of the provider it holds the
scope, the days and what came of it: an empty answer and a failed request both leave no file, and must be told apart
later.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import basewatch
from basewatch.durable import write_aside
from basewatch.errors import SourceError
from basewatch.lake import landings
from basewatch.lake.landings import MANIFEST
from basewatch.net.secrets import clean_url, redact
from basewatch.sources.contract import Context, Landed, LandedFile, Window, leads_out

_RANK = ("failed", "partial", "late", "missing", "expired", "ok")  # of several answers on a day the worst one counts


@dataclass(frozen=True)
class LandedAnswer:
    """What came of one question: `status` is a ledger status, `file` the landed body (none where there was no data)."""

    scope: str
    since: date
    until: date
    kind: str
    status: str
    file: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class Manifest:
    """A manifest as read back."""

    source: str
    since: date
    until: date
    answers: tuple[LandedAnswer, ...]
    files: dict[str, dict[str, Any]] = field(default_factory=dict)

    def fetched_at(self, name: str) -> datetime:
        """When a landed file was retrieved, UTC."""
        return datetime.fromisoformat(self.files[name]["retrieved_at"])

    def scopes(self) -> list[str]:
        """Every scope that was asked about, sorted."""
        return sorted({answer.scope for answer in self.answers})

    def verdict(self, scope: str, day: date) -> tuple[str, str | None] | None:
        """The worst status over the answers about a scope and day, and the reasons; None where nothing was asked.

        One failed answer beside good ones makes the day partial, since what came is true but not all.
        """
        answers = [answer for answer in self.answers if answer.scope == scope and answer.since <= day <= answer.until]
        if not answers:
            return None
        statuses = {answer.status for answer in answers}
        worst = next(status for status in _RANK if status in statuses)
        if worst == "failed" and "ok" in statuses:
            worst = "partial"
        reasons = sorted({answer.error for answer in answers if answer.error})
        return worst, "; ".join(reasons) or None


def slug(text: str) -> str:
    """A file name made of the text's letters and digits: no text from outside is ever a path."""
    return re.sub(r"[^A-Za-z0-9.-]+", "-", text).strip("-.")[:80] or "x"


class Landing:
    """A window being landed."""

    def __init__(self, context: Context[Any], window: Window, below: str = "") -> None:
        self.context, self.window = context, window
        name = f"{window.since}" if window.since == window.until else f"{window.since}_{window.until}"
        self.path = context.landing / below / name
        landings.begin(self.path)
        self.answers: list[LandedAnswer] = []
        self._files: list[LandedFile] = []

    def put(self, name: str, body: bytes, url: str, scope: str, since: date, until: date, kind: str) -> None:
        """Keep an answer's body under a name of our own making."""
        target = self.path / slug(name)
        write_aside(target, body)
        self._files.append(
            LandedFile(target, clean_url(url), hashlib.sha256(body).hexdigest(), len(body), _now(self.context), since)
        )
        self.answers.append(LandedAnswer(scope, since, until, kind, "ok", target.name))

    def note(self, scope: str, since: date, until: date, kind: str, status: str, error: str | None = None) -> None:
        """Keep what came of a question that left no body; status `ok` says that there is no data."""
        self.answers.append(LandedAnswer(scope, since, until, kind, status, None, redact(error) if error else None))

    def keep(self, file: LandedFile) -> None:
        """Add a file that is already in place (a download)."""
        self._files.append(file)

    def finish(self, absent: dict[date, tuple[str, str]] | None = None) -> Landed:
        """Write the manifest and hand over the window; files of an earlier landing of the same window go."""
        names = {file.path.name for file in self._files} | {MANIFEST}
        for file in self.path.iterdir():
            if file.is_file() and file.name not in names and not file.name.startswith("."):
                file.unlink()
        licence = next(
            (row for row in self.context.reference.rows["sources"] if row.source == self.window.source), None
        )
        values = {
            "source": self.window.source,
            "since": self.window.since,
            "until": self.window.until,
            "written_by": f"basewatch {basewatch.__version__}",
            "licence": licence.licence if licence else None,
            "licence_url": licence.licence_url if licence else None,
            "attribution": licence.attribution if licence else None,
            "files": [
                {
                    "name": os.path.relpath(file.path, self.path),
                    "url": file.url,
                    "sha256": file.sha256,
                    "size": file.size,
                    "retrieved_at": file.retrieved_at,
                    "day": file.day,
                    "note": file.note,
                    **({"within": dict(file.within)} if file.within else {}),
                }
                for file in self._files
            ],
            "answers": [asdict(answer) for answer in self.answers],
            "absent": {str(day): list(why) for day, why in sorted((absent or {}).items())},
        }
        target = landings.finish(self.path, json.loads(redact(json.dumps(values, default=str))))
        return Landed(self.window, (*self._files, _manifest_file(target)), absent or {})


def _now(context: Context[Any]) -> datetime:
    return context.now.astimezone(UTC)


def _manifest_file(target: Path) -> LandedFile:
    body = target.read_bytes()
    return LandedFile(
        target, MANIFEST, hashlib.sha256(body).hexdigest(), len(body), datetime.fromtimestamp(0, UTC), note="manifest"
    )


def read_manifest(path: Path) -> Manifest:
    """A manifest as written by `Landing.finish`. Raises SourceError where it cannot be read."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        answers = tuple(
            LandedAnswer(**{**answer, "since": _date(answer["since"]), "until": _date(answer["until"])})
            for answer in values["answers"]
        )
        files = {str(file["name"]): file for file in values["files"]}
        return Manifest(values["source"], _date(values["since"]), _date(values["until"]), answers, files)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SourceError(f"landing manifest {path} cannot be read: {error}") from None


def _date(text: str) -> date:
    return date.fromisoformat(text)


def manifests(landed: Landed) -> Iterator[tuple[Path, Manifest]]:
    """The manifests among a window's files, each with its folder."""
    for file in landed.files:
        if file.note == "manifest":
            yield file.path.parent, read_manifest(file.path)


def replay(location: Path, window: Window) -> Landed:
    """What an earlier run landed below a folder, for the days of a window: the same bytes decode to the same rows.

    Raises SourceError where the folder holds no manifest of this source.
    """
    files: list[LandedFile] = []
    any_manifest = False
    for path in sorted(location.rglob(MANIFEST)):
        manifest = read_manifest(path)
        if manifest.source != window.source:
            continue
        any_manifest = True
        if manifest.until < window.since or manifest.since > window.until:
            continue
        for name, values in manifest.files.items():
            target = path.parent / name
            if leads_out(target, path.parent):
                raise SourceError(f"landing manifest {path} names a file outside its folder")
            retrieved = datetime.fromisoformat(values["retrieved_at"])
            files.append(LandedFile(target, values["url"], values["sha256"], values["size"], retrieved))
        files.append(_manifest_file(path))
    if not any_manifest:
        raise SourceError(
            f"{window.source}: no landed window ({MANIFEST}) of this source below {location}; name a folder that a run "
            "landed, or the provider's address"
        )
    return Landed(window, tuple(files))


def is_url(location: str | None) -> bool:
    """Whether a location is an address rather than a local path."""
    return location is not None and "://" in location


def chunks(days: Iterable[date], most: int) -> Iterator[tuple[date, date]]:
    """Runs of consecutive days, none longer than `most`, as first and last day."""
    first: date | None = None
    last: date | None = None
    for day in sorted(days):
        if first is not None and last is not None and (day - last).days == 1 and (day - first).days < most:
            last = day
            continue
        if first is not None and last is not None:
            yield first, last
        first = last = day
    if first is not None and last is not None:
        yield first, last


def midnight(day: date) -> datetime:
    """The start of a UTC day."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def hours_since(day: date, now: datetime) -> float:
    """Hours since a UTC day ended; negative while it lasts."""
    return (now - midnight(day) - timedelta(days=1)).total_seconds() / 3600


def discard(landed: Landed, context: Context[Any]) -> int:
    """Delete a decoded window's landed files where the source's settings say that they are not kept. Returns bytes.

    Files outside the landing (a user's own) are never touched.
    """
    if getattr(context.settings, "keep_landing", True):
        return 0
    root = context.landing.resolve()
    files = [file for file in landed.files if file.note != "manifest" and file.path.exists()]
    files = [file for file in files if file.path.resolve().is_relative_to(root)]
    for manifest in {manifest for file in files for manifest in [_manifest_of(file, context)] if manifest.exists()}:
        landings.let_go(manifest, [file.path for file in files])
    freed = 0
    for file in files:
        if file.path.exists():
            if file.path.is_dir():
                freed += sum(each.stat().st_size for each in file.path.rglob("*") if each.is_file())
                shutil.rmtree(file.path)
            else:
                freed += file.path.stat().st_size
                file.path.unlink()
    return freed


def _manifest_of(file: LandedFile, context: Context[Any]) -> Path:
    """The manifest that lists a landed file: beside it, or of its day where the files of all days lie together."""
    beside = file.path.parent / MANIFEST
    return beside if beside.exists() else context.landing / "manifests" / f"{file.day}" / MANIFEST


def remove_expired(context: Context[Any], days: int) -> list[Path]:
    """Delete the source's landed windows that were retrieved more than `days` days ago. Returns the folders removed."""
    removed = []
    for path in sorted(context.landing.glob(f"*/{MANIFEST}")):
        times = [datetime.fromisoformat(file["retrieved_at"]) for file in read_manifest(path).files.values()]
        if times and context.now - min(times) > timedelta(days=days):
            aside = path.parent.with_name(f".{path.parent.name}.{uuid.uuid4().hex}")  # a run that is killed here
            path.parent.rename(aside)  # leaves nothing that looks landed, and the next one sweeps it
            shutil.rmtree(aside)
            removed.append(path.parent)
    return removed
