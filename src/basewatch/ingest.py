"""From sources to the lake: which windows to look at, and one window at a time fetched, decoded and committed.

A window is committed by its ledger rows, which come last and together. Whatever goes wrong before leaves the lake as it
was; the failure itself becomes a ledger row, so that the next run knows what to look at again.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from basewatch import progress
from basewatch.config import SECRETS, Settings
from basewatch.errors import SourceError
from basewatch.errors.containment import each, of_source, optional
from basewatch.lake.events import GLOBAL, Day, Event, FileReading, Flag, Reject, Rows
from basewatch.lake.ledger import LedgerRow
from basewatch.lake.readings import Readings
from basewatch.lake.recording import record
from basewatch.lake.store import Lake
from basewatch.net.limits import STATE
from basewatch.reference.load import Reference
from basewatch.sources import contract, landing
from basewatch.sources.contract import Context, Landed, Window

DONE = {"ok", "empty", "expired"}  # nothing more is to be had for such a day
BEGINNING = date(1900, 1, 1)
OUT_OF_TIME = "it has had its time in this run (minutes_per_run); the next run goes on"
FILES_NAMED = 10
DECODER = 2  # of files that are read whole: raised where they would now be read otherwise, so that they are read again


@dataclass
class Outcome:
    """What came of one window."""

    window: Window
    rows: list[LedgerRow] = field(default_factory=list)
    rejected: int = 0
    error: str | None = None
    is_retryable: bool = False
    is_unchanged: bool = False
    files: dict[str, FileReading] = field(default_factory=dict)  # what came of each file, where that is to be told

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
        summed_up = {row.day for row in self.rows if row.scope == GLOBAL}
        records_kept = sum(row.records_kept for row in self.rows if row.scope == GLOBAL or row.day not in summed_up)
        rejected = f", {self.rejected} rejected" if self.rejected else ""
        return f"{len(self.rows)} new ledger rows, {records_kept} records kept{rejected}{self._forms}"

    @property
    def _forms(self) -> str:
        """What the files were taken for, and which were passed over."""
        forms = Counter(reading.form for reading in self.files.values() if reading.form and not reading.passed_over)
        passed_over = [reading.passed_over for reading in self.files.values() if reading.passed_over]
        taken = [f"{count} × {form}" for form, count in forms.most_common()]
        told = [f"passed over: {'; '.join(passed_over[:FILES_NAMED])}"] if passed_over else []
        if len(passed_over) > FILES_NAMED:
            told.append(f"and {len(passed_over) - FILES_NAMED} more")
        return "".join(f"; {words}" for words in [*taken, *told])


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
    bases_looked_for = set(bases) if since else set()
    for row in ledger:
        is_done = row.status in DONE and (row.watched is None or bases_looked_for.issubset(row.watched))
        state[row.source][row.day] = state[row.source].get(row.day, True) and is_done
    for code in settings.enabled_sources():
        grain = contract.grain_if_any(code, settings)
        if grain == "live":  # polled by `basewatch watch`, never fetched for a day gone by
            continue
        if grain is None:  # the source itself is broken: its one window fails, and says why
            windows.append(Window(code, until, until))
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
    is_done_by_day = {day: is_done for day, is_done in done.items() if day <= until}
    good = [day for day, is_done in is_done_by_day.items() if is_done]
    if good:
        return min(first, max(good) + timedelta(days=1))
    return min(first, max(is_done_by_day, default=first))  # nothing was ever good: from the last day looked at in vain


def together(windows: Iterable[Window], absent: Mapping[str, Collection[date]]) -> list[Window]:
    """The windows in their order, those of days without data that follow each other as one.

    absent: by source, the days that it is known not to have. A window is a task, a fetch and a commit, which ten years
    of a sparse archive should not cost day by day.
    """
    joined: list[Window] = []
    for window in windows:
        last = joined[-1] if joined else None
        if (
            last is not None
            and (last.source, last.until + timedelta(days=1)) == (window.source, window.since)
            and all(day in absent.get(window.source, ()) for day in (last.until, window.since, window.until))
        ):
            joined[-1] = Window(window.source, last.since, window.until)
        else:
            joined.append(window)
    return joined


def done_lately(source: str, ledger: Iterable[LedgerRow], until: date, horizon: int) -> dict[date, int]:
    """The last days up to `until`, as many as the horizon has, that are done as a whole, with the bytes then read."""
    first = until - timedelta(days=horizon - 1)
    return {
        row.day: row.bytes
        for row in ledger
        if (row.source, row.scope) == (source, GLOBAL) and row.status in DONE and first <= row.day <= until
    }


def ingest(
    window: Window,
    context: Context[Any],
    lake: Lake,
    run_id: str,
    turn: AbstractContextManager[None] | None = None,
    *,
    ahead: bool = False,
) -> Outcome:
    """Fetch, decode and commit one window; a source that fails in any way is an Outcome with its error.

    turn: held while a window is decoded and committed, not while it is fetched: windows of other sources may be fetched
    meanwhile, by other threads. ahead: what comes before a window's first event, which is decoding it, is done before
    the turn, since others do it (`readsb/workers.py`). Raises only what the store raises, StoreFault and OSError, and
    what `turn` does.
    """
    outcome = Outcome(window)
    is_whole, landed, unfetched = False, None, None
    try:
        with of_source(window.source, window.name):
            source = contract.module(window.source)
            is_whole = source.grain(context.settings) == "whole"
            if is_whole:
                context = replace(context, readings=Readings(lake, window.source))
            landed = source.fetch(window, context)
    except SourceError as error:
        unfetched = error
    turn = turn or nullcontext()
    events: Iterable[Event] | None = None
    if ahead and isinstance(landed, Landed) and not is_whole:
        events = _begun(contract.module(window.source).decode(landed, context))
    waits_from = STATE.clock.monotonic()
    with turn:
        if window.source in STATE.ends:  # to wait for others takes nothing of its own time
            STATE.ends[window.source] += STATE.clock.monotonic() - waits_from
        return _decoded(outcome, landed or unfetched, context, lake, run_id, turn, events, is_whole=is_whole)


def _begun(events: Iterator[Event]) -> Iterable[Event]:
    """The events, of which the first has been made; what was raised in its place is raised when it is asked for."""
    try:
        return chain([next(events)], events)
    except StopIteration:
        return ()
    except Exception as error:
        return _raising(error)


def _raising(error: Exception) -> Iterator[Event]:
    raise error
    yield  # so that it is raised when the first event is asked for


def _decoded(
    outcome: Outcome,
    landed: Landed | SourceError | None,
    context: Context[Any],
    lake: Lake,
    run_id: str,
    turn: AbstractContextManager[None],
    begun: Iterable[Event] | None,
    *,
    is_whole: bool,
) -> Outcome:
    """The outcome of a window that was fetched, or that could not be, for the reason given in its place."""
    window = outcome.window
    try:
        with of_source(window.source, window.name):
            if not isinstance(landed, Landed):
                raise landed or SourceError(f"{window.source}: nothing was fetched")
            source = contract.module(window.source)
            fingerprint = _fingerprint(landed, context) if is_whole else None
        if fingerprint and lake.window_fingerprint(window.source, _span(window)) == fingerprint:
            outcome.is_unchanged = True
            outcome.files = context.readings.latest() if context.readings else {}
            return outcome
        decoded = each(lambda: source.decode(landed, context) if begun is None else begun, window.source, window.name)
        events = _with_absent_days(_within_limits(decoded, context), landed)
        if is_whole:
            events = _with_withdrawn_days(events, window, lake)
        looked_for = watched(window.source, context.reference)
        with of_source(window.source, window.name, passing=(OSError,)):  # rows that no table takes are its fault, too
            recorded = record(lake, window.source, events, run_id, watched=looked_for, first_place_stays=is_whole)
    except SourceError as error:
        outcome.error, outcome.is_retryable = str(error), error.retryable
        with turn:  # a run that is over notes no failure: it may be what ended this
            failures = _failures(window, lake, str(error), is_whole=is_whole)
            outcome.rows = record(lake, window.source, failures, run_id).rows
        return outcome
    outcome.rows, outcome.rejected, outcome.files = recorded.rows, recorded.rejected, recorded.files
    with optional(f"{window.name}: letting go what was fetched", progress.say):
        landing.discard(landed, context)
    if fingerprint:
        lake.remember_window(window.source, _span(window), fingerprint)
    return outcome


def _within_limits(events: Iterable[Event], context: Context[Any]) -> Iterator[Event]:
    """The events, as long as the source keeps to its rows and its time. Raises SourceError where it does not."""
    rows, source = 0, context.source
    for event in events:
        rows += _size(event)
        if rows > context.settings.max_rows:
            raise SourceError(
                f"{source}: more than {context.settings.max_rows:,} rows and rejects in one window (sources.{source}."
                "max_rows); nothing of it is kept"
            )
        if STATE.clock.monotonic() > STATE.ends.get(source, math.inf):
            raise SourceError(f"{source}: {OUT_OF_TIME}")
        yield event


def _size(event: Event) -> int:
    if isinstance(event, Rows):
        return int(pq.read_metadata(event.data).num_rows if isinstance(event.data, Path) else event.data.num_rows)
    return int(isinstance(event, Reject))


def is_unchanged(window: Window, context: Context[Any], lake: Lake) -> bool:
    """Whether a window of local files would be read from the very files it was last ingested from."""
    context = replace(context, readings=Readings(lake, window.source))
    try:
        with of_source(window.source, window.name):
            fingerprint = _fingerprint(contract.module(window.source).fetch(window, context), context)
    except SourceError:
        return False  # the run says so, and the ledger keeps it
    return lake.window_fingerprint(window.source, _span(window)) == fingerprint


def watched(source: str, reference: Reference) -> list[str] | None:
    """The bases that a source read for all bases at once looks for; None for one that is asked base by base."""
    covers = {row.source: row.covers for row in reference.rows["sources"]}
    return list(reference.bases) if covers.get(source) == "all_bases" else None


def _with_absent_days(events: Iterable[Event], landed: Landed) -> Iterator[Event]:
    """The events, and after them the days that the provider had nothing for and of which no event speaks."""
    spoken_of = set()
    for event in events:
        spoken_of |= _keys(event)
        yield event
    days = {day for _, day in spoken_of}
    for day, (status, why) in sorted(landed.absent.items()):
        if day not in days:
            yield Day(day, status, error=why)


def _with_withdrawn_days(events: Iterable[Event], window: Window, lake: Lake) -> Iterator[Event]:
    """The events, and after them the days that an earlier reading had and this one has not: a file or cover is gone."""
    spoken_of = set()
    for event in events:
        spoken_of |= _keys(event)
        yield event
    for row in lake.ledger(window.source):
        if (row.scope, row.day) in spoken_of or not window.holds(row.day):
            continue
        if row.status == "failed":  # not `empty`: that would say that the day was looked at
            yield Day(row.day, "missing", row.scope, error="not in the source's files")
        elif row.status not in ("missing", "empty") or row.parts:
            yield Day(row.day, "missing", row.scope, error="no longer in the source's files")
        elif row.status == "empty" and row.scope != GLOBAL:
            yield Day(row.day, "missing", row.scope, error="no longer declared")


def _keys(event: Event) -> set[tuple[str, date]]:
    """The scope and day that this event makes a ledger row of; none for a reject, flag, file, empty table."""
    if isinstance(event, Reject | FileReading | Flag) or (isinstance(event, Rows) and event.is_empty):
        return set()
    return {(event.scope, event.day)}


def _failures(window: Window, lake: Lake, error: str, *, is_whole: bool) -> list[Day]:
    """The days of a window that could not be had; a day that was had before keeps what it has."""
    days = [window.until] if is_whole else list(window.days())
    row_of_day = {day: lake.ledger_row(window.source, GLOBAL, day) for day in days}
    return [
        Day(day, "failed", error=error)
        for day, row in row_of_day.items()
        if row is None or row.status not in DONE | {"partial"}
    ]


def _span(window: Window) -> str:
    return f"{window.since}..{window.until}"


def _fingerprint(landed: Landed, context: Context[Any]) -> str:
    """A hash over all that decides what a window gives: files, settings, reference, thresholds, withdrawals."""
    shown: dict[str, Any] = context.settings.model_dump(mode="json", exclude=SECRETS)
    values = [[file.url, file.sha256, file.note] for file in landed.files]
    withdrawn = context.readings.withdrawn() if context.readings else []
    versions = [DECODER, withdrawn, context.reference.sha256, context.params.model_dump_json()]
    text = json.dumps([values, shown, versions, _span(landed.window)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
