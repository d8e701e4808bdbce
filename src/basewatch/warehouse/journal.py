"""`runs.jsonl`: a line of JSON for each run, with what it took, for whoever draws graphs of it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from basewatch.durable import fsync_folder

FILE = "runs.jsonl"
EARLIER = "runs.1.jsonl"  # the lines before, once there were too many
MOST_BYTES = 2_000_000  # some thousand runs; both files together stay below twice that


def append(root: Path, values: Mapping[str, Any]) -> None:
    """Add a line, on the disk when this returns; a line that a dying run cut stays by itself. Raises OSError."""
    file = root / FILE
    if file.exists() and file.stat().st_size > MOST_BYTES:
        file.replace(root / EARLIER)
    is_new = not file.exists()
    line = json.dumps(values, default=str, ensure_ascii=False).encode() + b"\n"
    with file.open("ab+") as handle:
        if handle.tell() > 0:
            handle.seek(-1, os.SEEK_END)
            line = line if handle.read(1) == b"\n" else b"\n" + line
        handle.write(line)
        handle.flush()
        os.fsync(handle.fileno())
    if is_new:
        fsync_folder(root)
