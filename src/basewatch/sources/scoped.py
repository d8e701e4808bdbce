"""What the sources that ask per base or aircraft share: scopes, and the ledger days that their answers come to."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pyarrow as pa

from basewatch.errors import SourceError, containment
from basewatch.lake.events import GLOBAL, Day, Event, Flag, Reject
from basewatch.reference.rows import BaseRow
from basewatch.sources import consistency
from basewatch.sources.contract import Context, Window
from basewatch.sources.landing import LandedAnswer, Manifest, midnight
from basewatch.sources.places import Places

_DONE = {"ok", "empty", "expired"}
_WORST_FIRST = ("failed", "late", "missing", "partial")


@dataclass
class Tally:
    """What one scope came to on one day."""

    read: int = 0
    kept: int = 0
    rejected: int = 0
    bytes: int = 0
    hashes: set[str] = field(default_factory=set)
    flagged: int = 0

    def count(self, other: Tally) -> None:
        """Add another tally to this one."""
        self.read += other.read
        self.kept += other.kept
        self.rejected += other.rejected
        self.bytes += other.bytes
        self.hashes |= other.hashes
        self.flagged += other.flagged


Tallies = defaultdict[tuple[str, date], Tally]


def tallies() -> Tallies:
    """An empty account."""
    return defaultdict(Tally)


def bases(source: str, names: Iterable[str], context: Context[Any]) -> list[BaseRow]:
    """The named bases. Raises SourceError for one that is not in bases.csv."""
    by_id = context.reference.bases
    unknown = [name for name in names if name not in by_id]
    if unknown:
        raise SourceError(f"sources.{source}.bases: {', '.join(map(repr, unknown))} not in bases.csv")
    return [by_id[name] for name in names]


def airport(source: str, base: BaseRow) -> str:
    """The code by which providers know the base. Raises SourceError for a base that has none."""
    code = base.icao or base.ident
    if not code:
        raise SourceError(
            f"sources.{source}.bases: {base.base_id} has neither an ICAO code nor an ident in bases.csv, so its "
            "flights cannot be asked for; take it out of the list"
        )
    return code


def spoil(tally_of: Tallies, scope: str, first: date, last: date) -> None:
    """Count a record that cannot be used on each day that it may have been of, both ends included."""
    for day in Window("", first, last).days():
        tally_of[scope, day].count(Tally(read=1, rejected=1))


def consistent(
    name: str,
    flights: pa.Table,
    answer: LandedAnswer,
    window: Window,
    tally_of: Tallies,
    places: Places,
    context: Context[Any],
) -> tuple[pa.Table, list[Event]]:
    """The flights of an answer that can be so, bad fields voided, and what is to be told of the others.

    name: of the lake table. The days of the window that a contradiction may be of are counted in the tallies.
    """
    judged = consistency.judge({name: flights}, places, context.reference, context.params)
    first, last = max(answer.since, window.since), min(answer.until, window.until)
    events: list[Event] = []
    for one in judged.found:
        days = [day for day in sorted(one.days) if first <= day <= last] or [first]
        place = f", {flights.column('origin_place')[one.row]}" if one.row is not None else ""
        where, reason = f"{answer.file}{place}", f"{one.name}: {one.reason}"
        for day in days:
            tally_of[answer.scope, day].count(Tally(rejected=1, read=1) if one.is_reject else Tally(flagged=1))
        events.append(
            Reject(days[0], where, reason, contradiction=one.name) if one.is_reject else Flag(one.name, where, reason)
        )
    return judged.tables[name], events


def contained(
    events: Iterable[Event], answer: LandedAnswer, window: Window, tally_of: Tallies, doing: str
) -> Iterator[Event]:
    """The events of one answer; where making them breaks, a reject in place of the rest, and its days are spoilt."""
    try:
        yield from events
    except Exception as error:
        first, last = max(answer.since, window.since), min(answer.until, window.until)
        spoil(tally_of, answer.scope, first, last)
        yield Reject(first, answer.file or doing, containment.reason(error, answer.file or doing))


def judge(
    window: Window,
    manifests: Iterable[Manifest],
    tally_of: Tallies,
    context: Context[Any],
    rejected_share_max: float | None = None,
) -> Iterator[Day]:
    """The ledger days of a window: one for each scope asked about, and one with scope `global` that sums them up.

    The sum is what catching up goes by: it is done only when every scope is. rejected_share_max: share of rejected
    records from which on a day is partial, by default that of the thresholds; 0 where a single one may be a visit.
    """
    most = context.params.rejected_share_max if rejected_share_max is None else rejected_share_max
    verdicts: dict[tuple[str, date], tuple[str, str | None]] = {}
    for manifest in manifests:
        for scope in manifest.scopes():
            for day in window.days():
                verdict = manifest.verdict(scope, day)
                if verdict is not None:
                    verdicts[scope, day] = verdict
    by_day: dict[date, list[Day]] = defaultdict(list)
    for (scope, day), (status, error) in sorted(verdicts.items()):
        tally = tally_of.get((scope, day), Tally())
        if status == "ok":
            status, error = _by_records(tally, most)
        noted = _day(day, status, scope, tally, error)
        by_day[day].append(noted)
        yield noted
    for day, noted_days in sorted(by_day.items()):
        total = Tally()
        for (_, on), tally in tally_of.items():
            if on == day:
                total.count(tally)
        errors = sorted({noted.error for noted in noted_days if noted.error})
        yield _day(day, _sum({noted.status for noted in noted_days}), GLOBAL, total, "; ".join(errors)[:2000] or None)


def _by_records(tally: Tally, rejected_share_max: float) -> tuple[str, str | None]:
    if tally.rejected and tally.rejected >= tally.read * rejected_share_max:
        return "partial", f"{tally.rejected} of {tally.read} records rejected"
    if tally.flagged:
        return "partial", f"{tally.flagged} records contradict themselves or others"
    return ("ok" if tally.kept else "empty"), None


def _sum(statuses: set[str]) -> str:
    if statuses <= _DONE:
        return next(status for status in ("ok", "empty", "expired") if status in statuses)
    if statuses & _DONE:
        return "partial"
    return next(status for status in _WORST_FIRST if status in statuses)


def _day(day: date, status: str, scope: str, tally: Tally, error: str | None) -> Day:
    digest = hashlib.sha256("\n".join(sorted(tally.hashes)).encode()).hexdigest() if tally.hashes else None
    return Day(
        day,
        status,
        scope,
        files=len(tally.hashes),
        bytes=tally.bytes,
        records_read=tally.read,
        records_kept=tally.kept,
        records_rejected=tally.rejected,
        sha256=digest,
        error=error,
    )


def touches(flights: pa.Table, since: date, until: date) -> bool:
    """Whether any of these flights was seen on these days, both ends included.

    An answer all of whose flights are of other days answers another question: a cache, a sandbox, a server that passes
    over the parameters. `flights` has the columns `first_seen` and `last_seen`, either of which may be null.
    """
    start, end = midnight(since), midnight(until) + timedelta(days=1)
    pairs = zip(flights.column("first_seen").to_pylist(), flights.column("last_seen").to_pylist(), strict=True)
    return any((first or last or start) < end and (last or first or start) >= start for first, last in pairs)


def filed_under(table: pa.Table, days: list[date]) -> pa.Table:
    """The table with its `day` column replaced."""
    index = table.column_names.index("day")
    return table.set_column(index, table.schema.field(index), pa.array(days, pa.date32()))
