"""The warehouse held against its hashes, links and counts, at a terminal."""

from __future__ import annotations

import contextlib
from pathlib import Path

from basewatch import config, progress
from basewatch.remote import storage
from basewatch.warehouse import verify
from basewatch.warehouse.published import utc_now
from basewatch.warehouse.releases import Warehouse, new_run_id


def show(config_file: Path | None, *, repair: bool) -> bool:
    """Print every damage, after mending what can be mended where `repair` says so; whether all is sound in the end."""
    settings = config.load(config_file)
    warehouse = Warehouse(settings.root)
    with storage.held(settings) if repair else contextlib.nullcontext(), warehouse.lock(clear=False):
        found = verify.look(warehouse)
        for damage in found.damages:
            print(f"FAIL  {damage.words}")
        if repair and found.damages:
            now = utc_now()
            verify.repair(warehouse, found, new_run_id(now), now, lambda line: print(f"      {line}"))
            found = verify.look(warehouse)
            for damage in found.damages:
                print(f"FAIL  still: {damage.words}")
    if found.damages:
        progress.plain(f"basewatch: {len(found.damages)} damages; `basewatch verify --repair` mends what can be mended")
        return False
    print(f"ok    {found.files:,} files, {found.bytes / 1e6:,.1f} MB: all is as it was written")
    return True
