"""Landed files held against their manifests: what a provider sent is there, byte for byte, or was let go on purpose.

A window is landed in a folder of its own. Its manifest is written last and lists each file with its hash; it has a hash
over what it says itself. Until then a mark stands in the folder, so that a window which a killed run left half-landed
is told from one whose manifest was deleted. Files that a source's settings do not keep are noted in the manifest before
they are deleted.

Nothing that is published rests on landed files once the lake holds their rows. They are evidence, and what a replay
reads. So `basewatch verify` looks at them, and a run does not.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from basewatch.durable import make_folder, sha256, write_aside
from basewatch.errors import Damaged
from basewatch.lake import notes

MANIFEST = "manifest.json"
UNFINISHED = ".unfinished"
_WINDOW = re.compile(r"\d{4}-\d\d-\d\d(_\d{4}-\d\d-\d\d)?")  # how the folder of a window is called
_GROWS = re.compile(r"polls-.+\.jsonl\.gz")  # a watch adds to it; its manifest follows some minutes later
_EDITED = "is damaged: its bytes are not those that its manifest tells"


def begin(folder: Path) -> None:
    """Mark a window's folder as one that is being landed; from now on it has no manifest."""
    make_folder(folder)
    write_aside(folder / UNFINISHED, b"")
    (folder / MANIFEST).unlink(missing_ok=True)


def finish(folder: Path, values: dict[str, Any]) -> Path:
    """Write a landed window's manifest with a hash over what it says, and take the mark away; returns its path."""
    target = folder / MANIFEST
    write_aside(target, json.dumps(notes.sealed(values), indent=1).encode())
    (folder / UNFINISHED).unlink(missing_ok=True)
    return target


def let_go(manifest: Path, files: Iterable[Path]) -> None:
    """Note in a manifest that these of its files are about to be deleted, since the settings do not keep them."""
    gone = {os.path.relpath(file, manifest.parent) for file in files}
    values = _read(manifest)
    listed = [{**entry, "let_go": True} if entry["name"] in gone else entry for entry in values["files"]]
    finish(manifest.parent, {**values, "files": listed})


def strike(manifest: Path, gone: Iterable[Path], why: str) -> None:
    """Take files out of a manifest; the answers that they held are failed ones, for the reason given."""
    names = {os.path.relpath(file, manifest.parent) for file in gone}
    values = _read(manifest)
    answers = [
        {**answer, "status": "failed", "file": None, "error": why} if answer.get("file") in names else answer
        for answer in values.get("answers", [])
    ]
    listed = []
    for entry in values["files"]:
        if entry["name"] in names:
            continue
        within = entry.get("within")
        if within:
            kept = {name: digest for name, digest in within.items() if f"{entry['name']}/{name}" not in names}
            entry = {**entry, "within": kept}
        listed.append(entry)
    finish(manifest.parent, {**values, "files": listed, "answers": answers})


def _read(manifest: Path) -> dict[str, Any]:
    """What a manifest says. Raises Damaged."""
    try:
        values = json.loads(manifest.read_bytes())
        is_edited = notes.is_broken(values)
        names = [str(entry["name"]) for entry in values["files"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged(manifest, f"is damaged: it cannot be read ({error})") from None
    if is_edited:
        raise Damaged(manifest, "is damaged: it was edited")
    if len(set(names)) < len(names):
        raise Damaged(manifest, "is damaged: it lists a file twice")
    return dict(values)


def manifests(landing: Path) -> Iterator[Path]:
    """Every manifest below the landing, sorted."""
    yield from (file for file in sorted(landing.glob(f"*/**/{MANIFEST}")) if not _is_hidden(file, landing))


def _is_hidden(path: Path, landing: Path) -> bool:
    """Whether a path lies in what a run has aside: it is swept up by the next one, and nobody reads it."""
    return any(part.startswith(".") for part in path.relative_to(landing).parts)


def damages(landing: Path, looked_at: list[Path]) -> Iterator[tuple[Damaged, Path | None]]:
    """What is damaged below the landing, each with the manifest that lists it (None where none does).

    looked_at: gets every file that was read.
    """
    for manifest in manifests(landing):
        looked_at.append(manifest)
        try:
            values = _read(manifest)
        except Damaged as fault:
            yield fault, None
            continue
        source = landing / manifest.relative_to(landing).parts[0]
        has_hash = notes.HASH in values
        listed = {manifest}
        for entry in values["files"]:
            file = Path(os.path.normpath(manifest.parent / entry["name"]))
            listed.add(file)
            for place, what in _of_entry(file, entry, source, is_told=has_hash, looked_at=looked_at):
                yield Damaged(place, what), manifest
        for file in sorted(manifest.parent.iterdir()):
            is_ours = file in listed or file.name.startswith(".") or file.is_dir() or _GROWS.fullmatch(file.name)
            if not is_ours:
                yield Damaged(file, "is not in the manifest beside it"), None
    for folder in sorted(landing.glob("*/**/")):
        is_window = bool(_WINDOW.fullmatch(folder.name)) and not _is_hidden(folder, landing)
        if is_window and not (folder / MANIFEST).exists() and not _is_under_way(folder):
            yield Damaged(folder, f"has no {MANIFEST}: it was deleted, or an older basewatch was killed there"), None


def _is_under_way(folder: Path) -> bool:
    """Whether a window is being landed, or holds only what a source remembers of its fetching (in hidden files)."""
    names = [file.name for file in folder.iterdir()]
    return UNFINISHED in names or (bool(names) and all(name.startswith(".") for name in names))


def _of_entry(
    file: Path, entry: dict[str, Any], source: Path, *, is_told: bool, looked_at: list[Path]
) -> Iterator[tuple[Path, str]]:
    """What is wrong with a file, or with those of a folder, that a manifest lists.

    is_told: whether the manifest would tell that the file was let go; those of before had no hash, and did not.
    """
    if not file.is_relative_to(source):
        yield file, "is listed by a manifest of the landing, and lies outside it"
    elif not file.exists():
        if is_told and not entry.get("let_go"):
            yield file, "is missing"
    elif file.is_dir():
        within = entry.get("within") or {}
        for name, digest in sorted(within.items()):
            inner = file / name
            looked_at.append(inner)
            if not inner.exists():
                yield inner, "is missing"
            elif sha256(inner) != digest:
                yield inner, _EDITED
        if within:
            inside = {each for each in file.rglob("*") if each.is_file()}
            for inner in sorted(inside - {file / name for name in within}):
                yield inner, "is not in the manifest of its day"
    else:
        looked_at.append(file)
        is_whole = _begins_with(file, entry) if _GROWS.fullmatch(file.name) else sha256(file) == entry["sha256"]
        if not is_whole:
            yield file, _EDITED


def _begins_with(file: Path, entry: dict[str, Any]) -> bool:
    """Whether a file that grows begins with the bytes that its manifest tells."""
    digest, left = hashlib.sha256(), int(entry["size"])
    with file.open("rb") as handle:
        while left and (chunk := handle.read(min(left, 1 << 20))):
            digest.update(chunk)
            left -= len(chunk)
    return not left and digest.hexdigest() == entry["sha256"]
