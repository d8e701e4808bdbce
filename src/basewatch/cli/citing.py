"""A citation of a finding, from the command line."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from basewatch import config
from basewatch.cli import tables
from basewatch.findings import citation
from basewatch.lake.store import Lake
from basewatch.reference import load
from basewatch.warehouse.published import Published


def write(
    config_file: Path | None, name: str, out: Path, release: str | None, *, is_own_free: bool
) -> tuple[Path, str]:
    """Write the citation of a finding below `out`; its folder, and the sentence to quote. Raises ConfigError."""
    settings = config.load(config_file)
    published, params = Published(settings.root), load.params(settings)
    with tables.opened(published, release) as connection:
        manifest = published.release(release).manifest
        held = connection.execute("SELECT source, day FROM main.source_days WHERE status = 'expired'").fetchall()
        expired: set[tuple[str, date]] = {(source, day) for source, day in held}
        expired |= {(row.source, row.day) for row in Lake(settings.root).ledger() if row.status == "expired"}
        folder = citation.write(
            connection,
            published.root / "lake",
            name,
            out,
            manifest=manifest,
            expired=expired,
            thresholds=params.values if manifest.get("thresholds_sha256") == params.sha256 else None,
            is_own_free=is_own_free,
            summary=published.release(release).summary,
        )
    return folder, (folder / "citation.txt").read_text(encoding="utf-8").rstrip("\n")
