"""What a power cut may not undo: bytes are on the disk before the name that promises them, and so are names."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path


def fsync_file(file: Path) -> None:
    """Have a file's bytes on the disk."""
    with file.open("rb") as handle:
        os.fsync(handle.fileno())


def fsync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk: files renamed into it, folders made in it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, where they are absent, so that a power cut leaves them there."""
    if folder.is_dir():
        return
    missing = []
    above = folder
    while not above.exists():
        missing.append(above)
        above = above.parent
    folder.mkdir(parents=True, exist_ok=True)
    for made in missing:
        fsync_folder(made.parent)


def put_in_place(aside: Path, target: Path) -> None:
    """Give a file that was written aside its name, in a folder that is made where it is absent.

    Readers see the whole file or none, also after a power cut. The two may lie on different disks.
    """
    make_folder(target.parent)
    fsync_file(aside)
    try:
        aside.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        beside = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
        shutil.copyfile(aside, beside)
        fsync_file(beside)
        beside.replace(target)
        aside.unlink()
    fsync_folder(target.parent)


def boot_id() -> str | None:
    """What tells this run of the machine from others; None where the system does not tell.

    What a process wrote and did not sync outlives the process, but not the machine.
    """
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None


@contextlib.contextmanager
def aside_of(target: Path) -> Iterator[Path]:
    """A path beside a file to write it to; what stands there in the end gets the file's name, after an error nothing.

    Readers of the file see the whole of it or none.
    """
    make_folder(target.parent)
    aside = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        yield aside
        put_in_place(aside, target)
    except BaseException:  # on a full disk it would keep what room there is
        aside.unlink(missing_ok=True)
        raise


def write_aside(target: Path, data: bytes) -> None:
    """Write a file so that readers see all of it or none: aside, synced, renamed."""
    with aside_of(target) as aside:
        aside.write_bytes(data)


def sha256(file: Path) -> str:
    """The SHA-256 of a file's bytes, in hex."""
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
