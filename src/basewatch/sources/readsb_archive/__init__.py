"""Daily trace archives as readsb writes them: `local` reads them where they lie, `remote` fetches them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from basewatch.config import ReadsbArchive
from basewatch.sources.contract import Context, Finding, Grain, Landed, Window
from basewatch.sources.landing import is_url
from basewatch.sources.readsb_archive import local, remote
from basewatch.sources.readsb_archive.decoding import decode
from basewatch.sources.readsb_archive.judging import outdated
from basewatch.sources.readsb_archive.remote import restated

__all__ = ["absent", "check", "days_are_apart", "decode", "fetch", "grain", "outdated", "restated"]

days_are_apart = True


def grain(_: ReadsbArchive) -> Grain:
    """One window a day."""
    return "day"


def fetch(window: Window, context: Context[ReadsbArchive]) -> Landed:
    """The chosen copy of each day of the window; days without one in `absent`. Raises SourceError."""
    return remote.fetch(window, context) if is_url(context.settings.location) else local.fetch(window, context)


def absent(days: Sequence[date], context: Context[ReadsbArchive]) -> set[date]:
    """Those of the days that the archive does not have, as far as that can be told at once. Raises SourceError."""
    return remote.absent(days, context) if is_url(context.settings.location) else local.absent(days, context)


def check(context: Context[ReadsbArchive]) -> list[Finding]:
    """Reachability, disk budget and layout of a networked archive; the days and the odd names of a local one."""
    return remote.check(context) if is_url(context.settings.location) else local.check(context)
