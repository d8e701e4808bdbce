"""From sources to the lake: which windows to look at, and one window at a time fetched, decoded and committed.

A window is committed by its ledger rows, which come last and together. Whatever goes wrong before leaves the lake as it
was; the failure itself becomes a ledger row, so that the next run knows what to look at again.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from basewatch.config import SECRETS, Settings
from basewatch.errors import SourceError
from basewatch.lake.events import GLOBAL, Day, Event, Reject, Rows
from basewatch.lake.ledger import LedgerRow, ledger_row
from basewatch.lake.store import Lake
from basewatch.sources import contract as sources
from basewatch.sources import landing
from basewatch.sources.contract import Context, Landed, Window
from basewatch.sources.readsb_archive import remote as readsb_releases

DONE = {"ok", "empty", "expired"}  # nothing more is to be had for such a day
BEGINNING = date(1900, 1, 1)
RAW_KEPT = 2000  # characters of a rejected record that are kept in quarantine


@dataclass
class Outcome:
    """What came of one window."""

    window: Window
    rows: list[LedgerRow] = field(default_factory=list)
    rejected: int = 0
    error: str | None = None
    is_retryable: bool = False
    is_unchanged: bool = False

    @property
    def is_failure(self) -> bool:
        """Whether the source could not be read at all."""
        return self.error is not None

    @property
    def summary(self) -> str:
        """One line for the progress report."""
        if self.error:
            return f"failed: {self.error}"
        if self.is_unchanged:
            return "unchanged"
        kept = sum(row.records_kept for row in self.rows)
        rejected = f", {self.rejected} rejected" if self.rejected else ""
        return f"{len(self.rows)} new ledger rows, {kept} records kept{rejected}"


def plan(
    settings: Settings,
    ledger: Iterable[LedgerRow],
    until: date,
    since: date | None = None,
    bases: Iterable[str] = (),
) -> list[Window]:
    """The windows to look at, in order, so that every enabled source is known up to and including `until`.

    Sources read whole (files in a folder) are one window. Sources read by day: each day from `since` that is not done;
    without `since`, each day of the nightly horizon, and further back to the last day done, so that a machine that was
    off for a month catches up. With `since`, a day on which one of the `bases` was not looked for, as it was added to
    the watch later, is not done either: who asks for days wants all of them; a night does not fetch weeks anew.
    """
    windows = []
    state: dict[str, dict[date, bool]] = defaultdict(dict)
    wanted = set(bases) if since else set()
    for row in ledger:
        is_done = row.status in DONE and (row.watched is None or wanted.issubset(row.watched))
        state[row.source][row.day] = state[row.source].get(row.day, True) and is_done
    for code in settings.enabled_sources():
        grain = sources.grain(code, settings)
        if grain == "live":  # polled by `basewatch watch`, never fetched for a day gone by
            continue
        if grain == "whole":
            windows.append(Window(code, since or BEGINNING, until))
            continue
        done = state[code]
        first = since or _catch_up_from(done, until, settings.nightly.horizon_days)
        windows += [Window(code, day, day) for day in Window(code, first, until).days() if not done.get(day, False)]
    return windows


def _catch_up_from(done: dict[date, bool], until: date, horizon: int) -> date:
    first = until - timedelta(days=horizon - 1)
    known = {day: is_done for day, is_done in done.items() if day <= until}
    good = [day for day, is_done in known.items() if is_done]
    last = max(good or known, default=None)  # nothing was ever good: from the last day that was looked at in vain
    return first if last is None else min(first, last + timedelta(days=1))


def restated(context: Context, ledger: Iterable[LedgerRow], until: date) -> list[Window]:
    """Days of the nightly horizon that are done and of which a networked archive has a larger copy by now.

    Asks the provider's list of releases, which costs no quota where it has not changed; a list that cannot be had says
    nothing.
    """
    code = readsb_releases.CODE
    if code not in context.settings.enabled_sources() or not landing.is_url(context.source(code).location):
        return []
    first = until - timedelta(days=context.settings.nightly.horizon_days - 1)
    done = {
        row.day: row.bytes
        for row in ledger
        if (row.source, row.scope) == (code, GLOBAL) and row.status in DONE and first <= row.day <= until
    }
    return [Window(code, day, day) for day in readsb_releases.restated(done, context)]


def ingest(window: Window, context: Context, lake: Lake, run_id: str) -> Outcome:
    """Fetch, decode and commit one window; a source that fails is an Outcome with its error, never an exception."""
    outcome = Outcome(window)
    module = sources.module(window.source)
    is_whole = sources.grain(window.source, context.settings) == "whole"
    try:
        landed = module.fetch(window, context)
        fingerprint = _fingerprint(landed, context) if is_whole else None
        if fingerprint and lake.window_fingerprint(window.source, _span(window)) == fingerprint:
            outcome.is_unchanged = True
            return outcome
        rows = _decode(module, landed, context, lake, run_id, outcome)
    except SourceError as error:
        outcome.error, outcome.is_retryable = str(error), error.retryable
        outcome.rows = lake.commit(_failures(window, lake, run_id, str(error), is_whole=is_whole))
        return outcome
    if is_whole:
        rows += _withdrawn(window, lake, run_id, {row.key for row in rows})
    outcome.rows = lake.commit(rows)
    landing.discard(landed, context)
    if fingerprint:
        lake.remember_window(window.source, _span(window), fingerprint)
    return outcome


def is_unchanged(window: Window, context: Context, lake: Lake) -> bool:
    """Whether a window of local files would be read from the very files it was last ingested from."""
    try:
        landed = sources.module(window.source).fetch(window, context)
    except SourceError:
        return False  # the run says so, and the ledger keeps it
    return lake.window_fingerprint(window.source, _span(window)) == _fingerprint(landed, context)


def write_events(
    events: Iterable[Event],
    source: str,
    lake: Lake,
    run_id: str,
    outcome: Outcome,
    watched: list[str] | None = None,
) -> list[LedgerRow]:
    """Write the rows that the events carry; returns the ledger rows that would make them count, not yet committed.

    `watched`: the bases that were looked for.
    """
    parts: dict[tuple[str, date], set[str]] = defaultdict(set)
    tables: dict[tuple[str, str, date], list[pa.Table]] = defaultdict(list)
    notes: list[Day] = []
    rejects: list[Reject] = []
    for event in events:
        if isinstance(event, Day):
            notes.append(event)
        elif isinstance(event, Reject):
            rejects.append(event)
        elif isinstance(event, Rows):
            if isinstance(event.data, Path):
                parts[event.scope, event.day].add(lake.adopt(event.table, source, event.day, event.data))
            elif event.data.num_rows:
                tables[event.table, event.scope, event.day].append(event.data)
    for (table, scope, day), found in tables.items():
        rows = pa.concat_tables(found, promote_options="default")
        parts[scope, day].add(lake.write_rows(table, source, day, rows))
    outcome.rejected += len(rejects)
    _quarantine(rejects, source, lake, run_id)
    noted = {(note.scope, note.day) for note in notes}
    for scope, day in sorted(set(parts) - noted):
        notes.append(Day(day, "ok", scope))  # rows whose day the source did not judge: they count as read
    return [ledger_row(source, note, run_id, parts.get((note.scope, note.day), ()), watched=watched) for note in notes]


def watched(source: str, context: Context) -> list[str] | None:
    """The bases that a source read for all bases at once looks for; None for one that is asked base by base."""
    covers = {row.source: row.covers for row in context.reference.rows["sources"]}
    return list(context.reference.bases) if covers.get(source) == "all_bases" else None


def _decode(
    module: sources.SourceModule, landed: Landed, context: Context, lake: Lake, run_id: str, outcome: Outcome
) -> list[LedgerRow]:
    events = module.decode(landed, context)
    rows = write_events(events, landed.window.source, lake, run_id, outcome, watched(landed.window.source, context))
    judged = {row.day for row in rows}
    for day, (status, why) in sorted(landed.absent.items()):
        if day not in judged:
            rows.append(ledger_row(landed.window.source, Day(day, status, error=why), run_id))
    return rows


def _failures(window: Window, lake: Lake, run_id: str, error: str, *, is_whole: bool) -> list[LedgerRow]:
    """Ledger rows for a window that could not be had; a day that was had before keeps what it has."""
    days = [window.until] if is_whole else list(window.days())
    known = {day: lake.ledger_row(window.source, GLOBAL, day) for day in days}
    return [
        ledger_row(window.source, Day(day, "failed", error=error), run_id)
        for day, row in known.items()
        if row is None or row.status not in DONE | {"partial"}
    ]


def _withdrawn(window: Window, lake: Lake, run_id: str, kept: set[tuple[str, str, date]]) -> list[LedgerRow]:
    """Rows for days that an earlier reading of the files had and this one has not: a file or a cover was taken away."""
    gone = []
    for row in lake.ledger(window.source):
        if row.key in kept or not window.holds(row.day):
            continue
        if row.status == "failed":  # not `empty`: that would say that the day was looked at
            note = Day(row.day, "missing", row.scope, error="not in the source's files")
            gone.append(ledger_row(row.source, note, run_id))
        elif row.status not in ("missing", "empty") or row.parts:
            note = Day(row.day, "missing", row.scope, error="no longer in the source's files")
            gone.append(ledger_row(row.source, note, run_id))
        elif row.status == "empty" and row.scope != GLOBAL:
            note = Day(row.day, "missing", row.scope, error="no longer declared")
            gone.append(ledger_row(row.source, note, run_id))
    return gone


def _quarantine(rejects: list[Reject], source: str, lake: Lake, run_id: str) -> None:
    if not rejects:
        return
    folder = lake.quarantine / run_id / "rejects"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{source}.jsonl").open("a", encoding="utf-8") as handle:
        for reject in rejects:
            values = {"day": str(reject.day), "where": reject.where, "reason": reject.reason}
            handle.write(json.dumps({**values, "raw": reject.raw[:RAW_KEPT]}, ensure_ascii=True) + "\n")


def _span(window: Window) -> str:
    return f"{window.since}..{window.until}"


def _fingerprint(landed: Landed, context: Context) -> str:
    """A hash over all that decides what decoding a window gives: the files, the source's settings, the reference."""
    shown: dict[str, Any] = context.source(landed.window.source).model_dump(mode="json", exclude=SECRETS)
    values = [[file.url, file.sha256] for file in landed.files]
    text = json.dumps([values, shown, context.reference.sha256, _span(landed.window)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
