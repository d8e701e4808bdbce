"""How many nights the disk still holds: from the sizes of the last releases, and from what a day adds to the lake."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from basewatch.config import OverHttp, Settings
from basewatch.lake.ledger import LedgerRow
from basewatch.warehouse.releases import Warehouse

LAST_DAYS = 30  # of a source, that say what a day of it weighs
LAST_RELEASES = 3
MOST_NIGHTS = 3650


@dataclass(frozen=True)
class Forecast:
    """Nights that fit, at most MOST_NIGHTS, and the bytes that a night adds for good and for a release."""

    nights: int
    a_day: float
    a_release: float


def forecast(settings: Settings, warehouse: Warehouse, free: float) -> Forecast | None:
    """What fits into `free` bytes, None where nothing is published yet. Raises StoreFault where the lake is damaged."""
    sizes = [release.bytes for release in warehouse.releases()]
    if not sizes:
        return None
    a_day = daily_bytes(settings, warehouse.lake.folder, warehouse.lake.ledger())
    last = sizes[-LAST_RELEASES:]
    a_release = sum(last) / len(last)
    kept = settings.warehouse
    nights = fitting(free, a_day, a_release, sizes, kept.keep_releases, kept.keep_bytes)
    return Forecast(nights, a_day, a_release)


def fitting(
    free: float, a_day: float, a_release: float, sizes: Sequence[int], keep: int, keep_bytes: int | None
) -> int:
    """How many nights fit into `free` bytes: each adds a day and a release, for which the oldest may go.

    sizes: of the releases kept, oldest first. A night needs room for its release before the oldest goes.
    """
    kept, nights = list(map(float, sizes)), 0
    while nights < MOST_NIGHTS:
        free -= a_day + a_release
        if free < 0:
            return nights
        kept.append(a_release)
        while len(kept) > 1 and (len(kept) > keep or (keep_bytes is not None and sum(kept) > keep_bytes)):
            free += kept.pop(0)
        nights += 1
    return nights


def daily_bytes(settings: Settings, lake: Path, ledger: Iterable[LedgerRow]) -> float:
    """What a day adds to the lake and, where they are kept, to the landed files: the mean of each source's last days.

    Days are those of the data, so that a backfill of years in one night counts as years.
    """
    lake_bytes: dict[str, dict[object, float]] = defaultdict(lambda: defaultdict(float))
    landed: dict[str, dict[object, float]] = defaultdict(lambda: defaultdict(float))
    enabled = set(settings.enabled_sources())
    for row in sorted(ledger, key=lambda row: row.day, reverse=True):
        if row.source not in enabled or (
            len(lake_bytes[row.source]) >= LAST_DAYS and row.day not in lake_bytes[row.source]
        ):
            continue
        files = [lake / part for part in row.parts]
        lake_bytes[row.source][row.day] += sum(file.stat().st_size for file in files if file.exists())
        landed[row.source][row.day] += row.bytes
    total = 0.0
    for source, days in lake_bytes.items():
        total += sum(days.values()) / max(len(days), 1)
        section = settings.source(source)
        if isinstance(section, OverHttp) and section.keep_landing and "://" in (section.location or "://"):
            total += sum(landed[source].values()) / max(len(landed[source]), 1)
    return total
