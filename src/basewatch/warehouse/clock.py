"""Whether the machine's clock can be believed: held against the moments at which earlier runs began.

A clock that went back may not lead to names of releases out of order, and one that went forward may not delete
anything: what a source's terms no longer allow to keep waits until the clock has stood for some days.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from basewatch.errors import Damaged
from basewatch.lake import notes

FILE = "clock.json"
BACK = timedelta(hours=1)  # less is the clock being set right
FORWARD = timedelta(days=30)  # a machine that was off for longer is not told from a clock that is wrong
SETTLES = timedelta(days=7)


@dataclass(frozen=True)
class Clock:
    """What is known of the clock. last: when the latest run began by it. moved_at: when it was last seen to have moved
    (by the clock of then), and from which moment; UTC, all None before the first run."""

    last: datetime | None = None
    moved_at: datetime | None = None
    moved_from: datetime | None = None

    def seen(self, now: datetime) -> Clock:
        """What is known once a run has begun at this moment."""
        if self.last is not None and not -BACK <= now - self.last <= FORWARD:
            return Clock(now, now, self.last)
        return Clock(now, self.moved_at, self.moved_from)

    def doubt(self, now: datetime) -> str | None:
        """A sentence on a clock that moved lately, None for one that can be believed."""
        known = self.seen(now)
        if known.moved_at is None or known.moved_from is None or now - known.moved_at > SETTLES:
            return None
        by = known.moved_at - known.moved_from
        days = abs(by) / timedelta(days=1)
        how = f"went {'back' if by < timedelta(0) else 'forward'} by {days:,.1f} days"
        return f"the clock {how}, from {known.moved_from:%Y-%m-%d %H:%M} to {known.moved_at:%Y-%m-%d %H:%M} UTC"


def read(root: Path) -> Clock:
    """What the warehouse knows of the clock. Where its note is damaged, the clock counts as one that has just moved."""
    file = root / FILE
    try:
        content = notes.read(file)
        with notes.understood(file):
            return Clock(**{name: value and datetime.fromisoformat(value) for name, value in content.items()})
    except Damaged:
        return Clock(last=datetime(1970, 1, 1, tzinfo=UTC))


def note(root: Path, now: datetime) -> Clock:
    """Note that a run begins at this moment."""
    known = read(root).seen(now)
    notes.write(root / FILE, {name: value and value.isoformat() for name, value in vars(known).items()})
    return known
