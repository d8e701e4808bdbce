"""A run, step by step, as plain functions: plan, ingest, build, check, publish. Flows only wrap these.

The order is the promise: sources are judged before anything is built, gates before anything is published, and the one
switch of `current` comes last. What only a night with news needs is imported where it is used.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from basewatch import ingest, progress
from basewatch.alerts import delivery, rules
from basewatch.alerts.events import Alert, End, Late
from basewatch.config import OverHttp, Settings, Source, Sources
from basewatch.durable import make_folder
from basewatch.errors import (
    INTERRUPTED,
    BasewatchError,
    ConfigError,
    GateRefused,
    SourceError,
    SourcesFailed,
    StoreFault,
    containment,
)
from basewatch.ingest import Outcome
from basewatch.lake import recording
from basewatch.lake.events import GLOBAL, Event, FileReading
from basewatch.lake.readings import Readings
from basewatch.net.limits import STATE
from basewatch.outside import json_text
from basewatch.reference import doubts, load
from basewatch.reference.load import Params, Reference
from basewatch.report.data import require_known
from basewatch.sources import beside, contract, named_bases, volumes
from basewatch.sources.contract import Context, Window
from basewatch.warehouse import clock, journal, learnt, models, told_files
from basewatch.warehouse.build import Candidate, note_candidate, remove_tree, removed_on_failure
from basewatch.warehouse.clock import SETTLES
from basewatch.warehouse.published import Release, utc_now
from basewatch.warehouse.releases import Judged, Warehouse, new_run_id
from basewatch.warehouse.told_files import FileToTell

if TYPE_CHECKING:
    from basewatch.gates.derived import Behind
    from basewatch.gates.results import GateResult

Progress = Callable[[str], None]
FAULTS_TOLD = 3
NO_PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>basewatch</title><p>This page could not be made. The '
    "tables of the release are whole. <code>basewatch status</code> says what broke; <code>basewatch report</code> "
    "makes the report anew.</p></html>\n"
)
VOLUME = "the day is looked at again for as long as the horizon reaches; docs/trust.md says what a norm is"
STEPS_TOLD = 60  # of a run, with their seconds
FILES_TOLD = 20  # a run's last lines are read by people


def _nothing() -> None:
    """Nothing is to be done."""


@dataclass
class Run:
    """One run: what it was told, what it will look at, and what came of it."""

    settings: Settings
    warehouse: Warehouse
    unlearnt: Reference  # the reference tables as they are in the files
    reference: Reference  # the same with what the warehouse has learnt
    params: Params
    run_id: str
    started_at: datetime
    until: date
    windows: list[Window] = field(default_factory=list)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    is_nightly: bool = True
    begun: set[str] = field(default_factory=set)  # sources whose time in this run has begun
    fallen: list[FileToTell] = field(default_factory=list)  # days that hold less than their norm, or another day's data
    faults: list[str] = field(default_factory=list)  # what broke, and the run went on without
    seconds: dict[str, float] = field(default_factory=dict)  # by step, in the order in which they began
    refused: list[str] = field(default_factory=list)  # critical checks that the candidate did not pass
    progress: Progress = progress.say
    emit: Callable[[Alert], None] | None = None  # is given each new alert besides
    store: Callable[[], None] = _nothing  # has the warehouse as it is kept elsewhere too
    turns: beside.Turns = field(default_factory=beside.Turns)
    days_at_once: int = 1  # of a source whose days are apart, where others decode them

    @contextlib.contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Note how long a step takes, whatever comes of it; of one that is done again, all its times together."""
        began = time.monotonic()
        self.seconds.setdefault(step, 0.0)
        try:
            yield
        finally:
            self.seconds[step] += time.monotonic() - began

    def optional(self, what: str) -> AbstractContextManager[None]:
        """A step without which the run goes on; what breaks inside is told, and noted in the run's record."""
        return containment.optional(what, self._tell_fault)

    def _tell_fault(self, words: str) -> None:
        self.faults.append(words)
        self.progress(words)

    def context(self, source: str) -> Context[Source]:
        """What a source may know."""
        return contract.context(source, self.settings, self.reference, self.params, self.started_at)

    @property
    def as_of(self) -> date:
        """The last day of the spine: the latest that this run or any before it was asked for."""
        return max(self.until, _last_day(self) or self.until)


def yesterday(now: datetime) -> date:
    """The last UTC day that has ended."""
    return now.date() - timedelta(days=1)


def start(settings: Settings, until: date | None, since: date | None = None, *, redecode: bool = False) -> Run:
    """A run over every enabled source up to `until` (default: yesterday); with `since`, over a range of days.

    redecode: days of the range are read again that were read in another way than they would be now. Reads and checks
    settings, reference tables, thresholds and the ledger; touches nothing. Raises ConfigError.
    """
    now = utc_now()
    until = until or yesterday(now)
    if until > now.date():
        raise ConfigError(f"day {until} has not come yet (UTC today is {now.date()})")
    if since is not None and since > until:
        raise ConfigError(f"--from {since} is after --to {until}")
    warehouse = Warehouse(settings.root)
    unlearnt = load.tables(settings)
    run = Run(
        settings,
        warehouse,
        unlearnt,
        _with_learnt(unlearnt, warehouse.root),
        load.params(settings),
        new_run_id(now),
        now,
        until,
        is_nightly=since is None,
    )
    json_text.limit(settings.limits.nesting)
    STATE.ends.clear()  # of an earlier run in this process
    containment.keep_log(warehouse.runs_folder / f"{run.run_id}.log")
    if not settings.enabled_sources():
        raise ConfigError("no source is enabled; set `enabled = true` in one of the [sources.…] tables")
    fleets = {row.fleet_id for row in run.reference.rows["fleets"]}
    shown = settings.report
    require_known(shown.bases, shown.fleet, run.reference.bases, fleets, "the reference data")
    rules.require_known(settings.alerts, run.reference.bases, {"all", "unidentified", *fleets})
    named_bases.require_known(settings, run.reference.bases)
    run.windows = ingest.plan(settings, warehouse.lake.ledger(), until, since, run.reference.bases)
    if redecode and since is not None:
        run.windows = _with_outdated(run, since, until)
    return run


def _with_learnt(tables: Reference, root: Path) -> Reference:
    """The reference tables with what was learnt. Raises StoreFault where that is damaged."""
    try:
        return learnt.applied(tables, root)
    except ConfigError as error:
        raise StoreFault(f"{error}; or `basewatch verify --repair`") from None


def _with_outdated(run: Run, since: date, until: date) -> list[Window]:
    """The run's windows, and those of days of the range that are done and outdated, in order of source and day."""
    windows = list(run.windows)
    for code in run.settings.enabled_sources():
        outdated = contract.offer(code, "outdated")
        if outdated:
            rows = [row for row in run.warehouse.lake.ledger(code) if since <= row.day <= until]
            with run.optional(f"{code}: which days to read again"):
                again = [Window(code, day, day) for day in outdated(rows, run.context(code))]
                windows += [window for window in again if window not in windows]
    order = {code: number for number, code in enumerate(run.settings.enabled_sources())}
    return sorted(windows, key=lambda window: (order[window.source], window.since))


def settle(run: Run) -> None:
    """Before the first window: let go what a source's terms no longer allow to keep, plan restated days, and take
    together days that a source does not have.

    The former two change nothing, and cost at most one conditional request, where there is nothing to be done. What in
    the reference tables can hardly be meant is said.
    """
    for sentence in doubts_about(run.settings, run.reference, run.params):
        run.progress(f"doubtful: {sentence}")
    doubt = _doubt_of_the_clock(run)
    lake = run.warehouse.lake
    for code in run.settings.enabled_sources():
        expire, restated = contract.offer(code, "expire"), contract.offer(code, "restated")
        expiry = None
        if expire and doubt:  # a wrong clock must delete nothing
            run.progress(
                f"{code}: nothing is deleted under its terms until the clock has stood for {SETTLES.days} days"
            )
            expire = None
        with run.optional(f"{code}: what its terms no longer allow to keep"):
            expiry = expire(run.context(code)) if expire else None
        if expiry:
            expired = recording.expire(lake, code, expiry.before, expiry.why, run.run_id, run.started_at)
            if expired:
                run.progress(f"{code}: {len(expired)} days expired under its terms")
        if restated and run.is_nightly:
            done = ingest.done_lately(code, lake.ledger(code), run.until, run.settings.nightly.horizon_days)
            with run.optional(f"{code}: which days were stated anew"):
                again = [Window(code, day, day) for day in restated(done, run.context(code))]
                run.windows += [window for window in again if window not in run.windows]
    run.windows = ingest.together(run.windows, {code: _absent(run, code) for code in run.settings.enabled_sources()})


def _doubt_of_the_clock(run: Run) -> str | None:
    """Note when the run began; a sentence where the clock moved lately, which is said."""
    doubt = clock.read(run.warehouse.root).doubt(run.started_at)
    clock.note(run.warehouse.root, run.started_at)
    if doubt:
        run.progress(f"doubtful: {doubt}")
    return doubt


def doubts_about(settings: Settings, reference: Reference, params: Params) -> list[str]:
    """A sentence for all in the reference tables that reads well and can hardly be meant."""
    sentences = doubts.of(reference)
    if settings.reference.keywords:  # the shipped ones are held against their examples when they change
        from basewatch.news import matching

        cue_words, pair_words = params.thresholds.news_cue_words, params.thresholds.news_pair_words
        rows = reference.rows["keywords"]
        matcher = matching.Matcher(rows, cue_words=cue_words, pair_words=pair_words)
        for row in matching.never_found(rows, matcher):
            shown = f"its example {row.example_hit!r}" if row.example_hit else "the name itself"
            sentences.append(f"keywords: {row.alias!r} of {row.base_id} is found in no text, not even in {shown}")
    return sentences


def _absent(run: Run, code: str) -> set[date]:
    """Of the days that are planned one by one, those that the source does not have, where it can tell at once."""
    absent = contract.offer(code, "absent")
    days = [window.since for window in run.windows if window.source == code and window.since == window.until]
    found: set[date] = set()
    if absent is not None and len(days) >= 2:
        with contextlib.suppress(SourceError), containment.of_source(code, f"{code}: which days it does not have"):
            found = set(absent(days, run.context(code)))  # where it breaks, the fetch of each day says so
    return found


def watch(settings: Settings, stop: threading.Event) -> int:
    """Poll the live sources into the lake until `stop` is set; returns how many answers came.

    Runs beside nightly runs, which build from what has been flushed. Raises ConfigError where polling is not enabled
    or not set up rightly, WarehouseBusy where another poller is up.
    """
    live = [code for code in settings.enabled_sources() if contract.grain(code, settings) == "live"]
    if len(live) != 1:
        able = " or ".join(f"[sources.{code}]" for code in Sources.model_fields if contract.module(code).watch)
        raise ConfigError(
            f"{'one source can be polled at a time, not ' + ', '.join(live) if live else 'nothing to poll'}: set "
            f"`enabled = true` in {able}, and no `location` that names recorded answers, which "
            "`basewatch nightly` reads"
        )
    warehouse = Warehouse(settings.root)
    now = utc_now()
    params = load.params(settings)
    facts = load.tables(settings)
    run = Run(settings, warehouse, facts, facts, params, new_run_id(now), now, now.date())
    (code,) = live
    source = contract.module(code)
    assert source.watch and source.pace, f"{code} is live, so it can be polled"
    pace = source.pace(run.context(code))  # wrong settings are told before anything is made or asked
    looked_for = ingest.watched(code, run.reference)

    def write(events: list[Event]) -> None:
        rows = recording.record(warehouse.lake, code, events, run.run_id, watched=looked_for).rows
        run.progress(f"{code}: flushed, {sum(row.records_kept for row in rows)} positions kept")

    with warehouse.watching():
        run.progress(f"{code}: polling {pace}; Ctrl-C stops it")
        return source.watch(run.context(code), write, stop)


def ingest_window(run: Run, window: Window) -> Outcome:
    """Ingest one window and remember what came of it. A source that has had its time is not asked any more."""
    if _has_time(run, window.source):
        with run.timed(f"ingest {window.name}"):
            outcome = ingest.ingest(
                window,
                run.context(window.source),
                run.warehouse.lake,
                run.run_id,
                run.turns,
                ahead=run.days_at_once > 1,
            )
    else:
        outcome = Outcome(window, error=f"{window.source}: not looked at: {ingest.OUT_OF_TIME}")
    others = [done for name, done in list(run.outcomes.items()) if name != window.name]
    if outcome.is_retryable and any(done.is_failure and done.window.source == window.source for done in others):
        outcome.is_retryable = False  # the source is down, not this one request: trying every day again helps nobody
    run.outcomes[window.name] = outcome
    run.progress(f"{window.name}: {outcome.summary}")
    return outcome


def _has_time(run: Run, source: str) -> bool:
    """Whether a source has time left in this run; its time begins with its first window."""
    if source not in run.begun:
        run.begun.add(source)
        STATE.ends[source] = STATE.clock.monotonic() + 60 * run.settings.source(source).minutes_per_run
    return STATE.clock.monotonic() <= STATE.ends[source]


def ingest_all(run: Run, one: Callable[[Window], None]) -> None:
    """Have `one` look at every window. Those of sources on the network are looked at beside each other, a thread a
    source, where there are several; each source's own in their order.

    What is raised ends them all, and is raised again: no window that was still under way is committed then.
    """
    remote = {code for code in run.settings.enabled_sources() if _is_remote(run.settings.source(code))}
    sources = run.settings.enabled_sources() if run.days_at_once > 1 else []
    lanes = {code: run.days_at_once for code in sources if contract.days_are_apart(code)}
    beside.look(run.windows, remote, run.turns, one, lanes)


def _is_remote(section: Source) -> bool:
    return isinstance(section, OverHttp) and (section.location is None or "://" in section.location)


def obey_policy(run: Run, window: Window) -> None:
    """Raise SourcesFailed where the window failed and its source's policy is to stop the run."""
    outcome = run.outcomes[window.name]
    if outcome.is_failure and run.settings.source(window.source).on_failure == "stop":
        raise SourcesFailed(f"{window.source} failed and its policy is stop: {outcome.error}")


def judge_volumes(run: Run) -> None:
    """Hold the days of sources that are read by day against their trailing norm, and note in the ledger what fell."""
    kinds = {row.source: row.kind for row in run.reference.rows["sources"]}
    for code in run.settings.enabled_sources():
        if kinds.get(code) != "flight" or contract.grain_if_any(code, run.settings) != "day":
            continue
        lake = run.warehouse.lake
        read = {row.key for done in run.outcomes.values() if done.window.source == code for row in done.rows}
        changed = {row.key for row in lake.commit(volumes.judge(lake.ledger(code), run.params.thresholds))}
        for row in (lake.ledger_row(*key) for key in sorted(changed | read)):
            if row and row.status in ("partial", "failed") and (row.measures or row.key in changed):
                day = f"{row.day}" if row.scope == GLOBAL else f"{row.day} of {row.scope}"
                told = FileReading(day, fault=f"{row.status}: {row.error}; {VOLUME}", run_id=run.run_id)
                run.fallen.append(FileToTell(code, told, None))


def judge_sources(run: Run) -> None:
    """Raise SourcesFailed where sources failed and no enabled source succeeded. Days are held against their norm first.

    A source with nothing left to look at succeeded earlier. Press reports are no record, so they do not count here.
    """
    judge_volumes(run)
    kinds = {row.source: row.kind for row in run.reference.rows["sources"]}
    failed = {done.window.source for done in run.outcomes.values() if done.is_failure}
    good = {done.window.source for done in run.outcomes.values() if not done.is_failure}
    settled = set(run.settings.enabled_sources()) - failed - good - _live_sources(run)
    if failed and not any(kinds.get(code) != "press" for code in good | settled):
        faults = sorted({f"{o.window.source}: {o.error}" for o in run.outcomes.values() if o.is_failure})
        more = f"; and {len(faults) - FAULTS_TOLD} more" if len(faults) > FAULTS_TOLD else ""
        raise SourcesFailed(f"no enabled source succeeded: {'; '.join(faults[:FAULTS_TOLD])}{more}")


def _live_sources(run: Run) -> set[str]:
    """Sources that `basewatch watch` polls: a nightly run has no part in them."""
    return {code for code in run.settings.enabled_sources() if contract.grain_if_any(code, run.settings) == "live"}


def stale_sources(run: Run) -> list[str]:
    """A sentence for each enabled source whose last good day is older than its `max_stale_days`."""
    return [late.sentence for late in late_sources(run)]


def late_sources(run: Run) -> list[Late]:
    """Each enabled source whose last good day is older than its `max_stale_days`."""
    ledger = run.warehouse.lake.ledger()
    found = []
    for code in run.settings.enabled_sources():
        limit = run.settings.source(code).max_stale_days
        if limit is None:
            continue
        good = [row.day for row in ledger if row.source == code and row.status in ("ok", "empty", "partial")]
        if not good or (run.until - max(good)).days > limit:
            last = f"{max(good)}" if good else "never"
            sentence = f"{code}: last good day {last}, more than {limit} days before {run.until}"
            found.append(Late(code, last, sentence))
    return found


def is_new(run: Run) -> bool:
    """Whether a build now would differ from what is published (or was, before a rollback)."""
    inputs = run.warehouse.inputs(run.reference, run.params, run.as_of)
    now = run.warehouse.current()
    if now is None:
        return True
    latest = run.warehouse.releases()[-1]
    return inputs.fingerprint not in (now.manifest["fingerprint"], latest.manifest["fingerprint"])


def learn(run: Run, *, again: bool = False) -> learnt.Note:
    """Learn from the closed months, where these changed (`again`: in any case); the run goes on with it."""
    found = learnt.learn(
        run.warehouse.root, run.warehouse.lake, run.unlearnt, run.params, run.as_of, run.progress, again=again
    )
    run.reference = _with_learnt(run.unlearnt, run.warehouse.root)
    return found


def build(run: Run) -> Candidate:
    """Build the candidate from the lake, by what the closed months teach.

    Where learning fails the night goes on by what was learnt before, or by the shipped weights.
    """
    with run.timed("learn"), run.optional("learn, in whose place what served before serves on"):
        learn(run)
    with run.timed("build"):
        return run.warehouse.build(run.reference, run.params, run.as_of, run.run_id, _table_progress(run.progress))


def keep(run: Run, only: str | None = None) -> Path:
    """Build all inner tables, or one and what it needs, into the warehouse's `work.duckdb`; returns the file."""
    from basewatch.warehouse import work

    warehouse, now = run.warehouse, run.warehouse.current()
    published = now.database if now else None
    progress = _table_progress(run.progress)
    return work.keep(
        warehouse.root, warehouse.lake, published, run.reference, run.params, run.as_of, utc_now(), only, progress
    )


def _table_progress(say: Progress) -> Callable[[str, float, int], None]:
    def show(table: str, seconds: float, rows: int) -> None:
        if table.startswith("marts.") or seconds > 1:
            say(f"built {table}: {rows:,} rows in {seconds:.1f} s")

    return show


def check(run: Run, candidate: Candidate, accepted: Mapping[str, str] | None = None) -> GateResult:
    """Judge the candidate, by itself and against the current release.

    accepted: by check of the release gate, why what it finds is meant. Raises ConfigError where one finds nothing.
    """
    with run.timed("check"):
        return _check(run, candidate, accepted or {})


def _check(run: Run, candidate: Candidate, accepted: Mapping[str, str]) -> GateResult:
    from basewatch.gates import odd_rows
    from basewatch.gates.check import check_candidate
    from basewatch.gates.release import with_release
    from basewatch.warehouse.comparing import against_current

    headers = {model.name: model for model in models.marts()}
    aside = candidate.folder / odd_rows.FOLDER
    if aside.exists():
        odd_rows.put_back(candidate.database, aside, headers)
        note_candidate(candidate)
    result = check_candidate(
        candidate.database,
        candidate.run_id,
        as_of=candidate.inputs.as_of,
        checked_at=utc_now(),
        models=headers.values(),
        params=run.params.values,
        judge=run.settings.gates.judge,
        behind=_behind(run, candidate) if run.settings.gates.derive_again else None,
    )
    if result.passed:
        result = odd_rows.take_out(result, candidate.database, aside, headers)
    if aside.exists():
        note_candidate(candidate)
    settings = run.settings.fingerprints()
    with against_current(run.warehouse, candidate, run.reference, run.params, settings, run.progress) as comparison:
        result = with_release(result, comparison, accepted)
    warned = len(result.failures) - len(result.refusals)
    run.progress(f"gates: {result.results.num_rows} checks, {len(result.refusals)} refused, {warned} warned")
    return result


def _behind(run: Run, candidate: Candidate) -> Behind:
    """What a candidate was built from. Raises ConfigError where its tables of reference are others by now."""
    if (candidate.inputs.reference, candidate.inputs.learnt) != (run.reference.sha256, run.reference.learnt_sha256):
        raise ConfigError("the reference tables are not those of the candidate; `basewatch build` makes it anew")
    from basewatch.gates.derived import Behind

    now, lake = run.warehouse.current(), run.warehouse.lake
    length = candidate.inputs.ledger_rows
    ledger = lake.ledger()
    if lake.ledger_length() != length:  # asked afterwards: a poller may flush at any time
        ledger = lake.earlier_ledger(length, utc_now())
    return Behind(lake, run.reference, ledger, now.database if now else None, candidate.folder / "checking")


def refuse(run: Run, candidate: Candidate, result: GateResult) -> GateRefused:
    """Put a refused candidate with its failing rows and gate page into quarantine; returns the error to raise."""
    from basewatch.gates.page import write_page
    from basewatch.gates.release import in_three_lines
    from basewatch.gates.results import explain, write_failing_rows

    folder = run.warehouse.quarantine / candidate.run_id
    make_folder(folder)
    with run.optional("the page of the gates"):
        write_page(result, folder / "gates.html")
    with run.optional("the rows that failed"):
        write_failing_rows(result, candidate.database, folder / "failing_rows")
    run.warehouse.refuse(candidate)
    if all(failure.where for failure in result.refusals):  # all against the release before
        return GateRefused(in_three_lines(result.refusals[0], len(result.refusals) - 1, folder))
    return GateRefused(
        f"nothing was published: {len(result.refusals)} critical checks failed\n{explain(result)}\n"
        f"gate page, failing rows and candidate: {folder}"
    )


def require_passed(run: Run, candidate: Candidate, result: GateResult) -> None:
    """Put a candidate that a critical check refused into quarantine, and raise GateRefused."""
    if not result.passed:
        run.refused = [f"{failure.table}: {failure.rule}" for failure in result.refusals]
        raise refuse(run, candidate, result)


def publish(run: Run, candidate: Candidate, result: GateResult) -> Release:
    """Make a candidate that passed its gates the current release, with report, gate page and data dictionary."""
    from basewatch.gates.page import write_page
    from basewatch.warehouse import described, dictionary

    def extras(folder: Path, release_id: str) -> None:
        gates, report = folder / "quality" / "gates.html", folder / "report" / "index.html"
        with run.optional("the page of the gates"):
            write_page(result, gates)
        with run.timed("report"), run.optional("the report"):
            write_report(run.settings, run.reference, folder, report.parent, release_id, "../quality/gates.html")
        with run.optional("the data package"):
            described.write_data_package(folder, release_id, run.reference.rows["sources"])
        with run.optional("the feed of changes"):
            write_feed(run, folder, result)
        for page in (gates, report):
            _stand_in(page)

    candidate = _with_odd_rows_aside(run, candidate, result)
    settings = run.settings.fingerprints()
    judged = Judged(result.results, result.changes, result.news, result.accepted, stale_sources(run), settings)
    kept = run.settings.warehouse
    with run.timed("publish"):
        release = run.warehouse.publish(candidate, judged, utc_now(), extras, kept.keep_releases, kept.keep_bytes)
    with run.optional("the data dictionary"):
        dictionary.write(run.warehouse.root / "README.md")
    run.progress(f"published {release.release_id}")
    return release


def _with_odd_rows_aside(run: Run, candidate: Candidate, result: GateResult) -> Candidate:
    """The candidate as it is without the rows that were set aside; they go into the run's quarantine, and are told."""
    from basewatch.gates import odd_rows

    gone: Counter[str] = Counter()
    for row in result.results.to_pylist():
        gone[row["table_name"]] += row["rows_set_aside"] or 0
    if not gone.total():
        return candidate
    folder = run.warehouse.quarantine / candidate.run_id / odd_rows.FOLDER
    make_folder(folder.parent)
    remove_tree(folder)
    shutil.copytree(candidate.folder / odd_rows.FOLDER, folder)
    for sentence in odd_rows.told(result):
        run.progress(sentence)
    run.progress(f"what was set aside: {folder}")
    return replace(candidate, rows={table: rows - gone[table] for table, rows in candidate.rows.items()})


def document(run: Run, result: GateResult) -> None:
    """Write Great Expectations' validation results and Data Docs of a published run, where the settings want them.

    The release stands by then, so that whatever breaks here is told and harms nothing, a full disk and an end of the
    program from within included.
    """
    from basewatch.gates import data_docs

    folder = run.warehouse.quality / result.run_id
    with run.timed("data docs"), run.optional("Great Expectations' Data Docs"), to_its_end():
        if run.settings.gates.data_docs:
            try:
                with removed_on_failure(folder):
                    data_docs.write(result, run.params.values, folder)
            except OSError as fault:
                raise BasewatchError(f"{folder} could not be written: {fault}") from fault


def write_feed(run: Run, folder: Path, result: GateResult) -> None:
    """Write what is new in the release in `folder`, as JSON and as a feed, beside its report."""
    from basewatch.alerts import feed
    from basewatch.report import news

    told = Release(folder, {}).summary
    if told is not None:
        before = [release.folder for release in run.warehouse.releases()]
        sentences = news.sentences(told)
        feed.write(folder / "report", told, result.changes.to_pylist(), sentences, run.settings.alerts, before)


def _stand_in(page: Path) -> None:
    """Where a page could not be made, one that says so: links to it lead somewhere, and the tables are right."""
    if not page.exists():
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(NO_PAGE, encoding="utf-8")


def write_report(
    settings: Settings, facts: Reference, folder: Path, out: Path, release_id: str | None, gate_page: str | None
) -> Path:
    """Write the report of the release in `folder` into `out`."""
    from basewatch.report import write

    return write.report(
        folder / "basewatch.duckdb",
        out,
        bases=settings.report.bases,
        fleet=settings.report.fleet,
        gate_page=gate_page,
        licences=[row.model_dump() for row in facts.rows["sources"]],
        release_id=release_id,
        summary=Release(folder, {}).summary,
        fields=[row.model_dump() for row in facts.rows["fields"]],
    )


def unsound_files(run: Run) -> list[FileToTell]:
    """The files of which something is to be told: the user's own, and those that this run fetched."""
    told = told_files.files(run.warehouse, run.warehouse.lake, run.settings.enabled_sources())
    known = {one.source for one in told}
    for outcome in run.outcomes.values():
        code = outcome.window.source
        if code not in known:
            told += [
                FileToTell(code, reading, told_files.listed_in(run.warehouse, code, reading))
                for reading in outcome.files.values()
            ]
    return [*run.fallen, *(one for one in told if not one.reading.is_sound)]


def withdraw(warehouse: Warehouse, settings: Settings, file: str, because: str) -> tuple[str, FileReading]:
    """Take back what a file once held: its source and last good reading. Raises ConfigError where it lost nothing."""
    if not because.strip():
        raise ConfigError("--because is empty: say why what the file held is taken back")
    read = told_files.files(warehouse, warehouse.lake, settings.enabled_sources())
    short = [one for one in read if one.reading.is_short]
    named = [one for one in short if file in (one.reading.file, Path(one.reading.file).name)]
    named = [one for one in named if one.reading.file == file] or named
    if len(named) != 1:
        shown = ", ".join(f"{one.reading.file} ({one.source})" for one in (named or short)) or "none"
        what = "several files are called" if named else "no file that has lost records is called"
        raise ConfigError(f"{what} {file!r}; files that hold less than before, or otherwise: {shown}")
    (one,) = named
    return one.source, Readings(warehouse.lake, one.source).withdraw(one.reading.file, because)


def _tell_files(run: Run, told: list[FileToTell]) -> None:
    """The run's last lines: each file that was not wholly read, and where the whole list is."""
    for one in told[:FILES_TOLD]:
        run.progress(one.words)
    if len(told) > FILES_TOLD:
        run.progress(f"… and {len(told) - FILES_TOLD} more files: basewatch status")
    for listed_in in sorted({one.listed_in for one in told if one.listed_in}):
        run.progress(f"the whole list: {listed_in}")


def finish(run: Run, status: int, release: Release | None, error: str | None) -> None:
    """Keep the run's record, and tell of the files that were not wholly read, and where tracebacks are."""
    told: list[FileToTell] = []
    with run.optional("the files that were not wholly read"):
        told = unsound_files(run)
        _tell_files(run, told)
    log = containment.log_file()
    if log:
        run.progress(f"tracebacks of what broke: {log}")
    times = {
        "run_id": run.run_id,
        "started_at": run.started_at.isoformat(),
        "finished_at": utc_now().isoformat(),
        "exit_status": status,
        "release_id": release.release_id if release else None,
        "seconds": _steps_told(run.seconds),
    }
    run.warehouse.note_run(
        run.run_id,
        {
            **times,
            "until": run.until,
            "error": error,
            "failures": {o.window.name: o.error for o in run.outcomes.values() if o.is_failure},
            "rejected": sum(o.rejected for o in run.outcomes.values()),
            "faults": run.faults,
            "log": str(log) if log else None,
            "files": [one.values for one in told],
        },
    )
    with run.optional(f"the line of {journal.FILE}"):
        journal.append(run.warehouse.root, times)


def _steps_told(seconds: Mapping[str, float]) -> dict[str, float]:
    """The seconds of each step; of a backfill's many windows the longest, and the others as one."""
    shown = sorted(seconds, key=lambda step: seconds[step], reverse=True)[:STEPS_TOLD]
    told = {step: round(seconds[step], 3) for step in seconds if step in shown}
    others = sum(seconds.values()) - sum(seconds[step] for step in shown)
    return {**told, "others": round(others, 3)} if len(seconds) > STEPS_TOLD else told


def tell(run: Run, status: int, error: str | None) -> None:
    """Send the alerts of a run that has ended, and ask the heartbeat. Nothing of it changes how the run ended."""
    try:
        late = late_sources(run)
    except Exception:  # a damaged lake is what the run ended with
        late = []
    link = run.warehouse.current_link
    current = link.resolve().name if link.is_symlink() else None
    end = End(run.run_id, status, error, late, run.refused, current)
    delivery.after(run.warehouse.root, run.settings.alerts, end, utc_now(), run.progress, run.emit)
    delivery.heartbeat(run.settings.alerts, status, run.progress)


def publish_what_is_new(run: Run) -> Release | None:
    """Build, check and publish if that would change anything. Raises GateRefused."""
    if not is_new(run):
        run.progress("nothing new to publish")
        return None
    candidate = build(run)
    result = check(run, candidate)
    require_passed(run, candidate, result)
    release = publish(run, candidate, result)
    document(run, result)
    return release


def execute(run: Run) -> Release | None:
    """The whole run as plain functions; the flow does the same with states and artifacts around it."""
    return guarded(run, lambda: _steps(run))


def _steps(run: Run) -> Release | None:
    def one(window: Window) -> None:
        ingest_window(run, window)
        obey_policy(run, window)

    ingest_all(run, one)
    judge_sources(run)
    return publish_what_is_new(run)


def guarded(run: Run, work: Callable[[], Release | None]) -> Release | None:
    """Do the work of a run holding the warehouse, and keep a record of how it ended, whatever happened."""
    with run.warehouse.lock():
        release, status = None, 1
        try:
            release = work()
            if release is not None:
                with run.timed("store"):
                    run.store()
            stale = stale_sources(run)
            if stale:
                raise SourcesFailed("; ".join(stale))
            finish(run, 0, release, None)
        except BaseException as raised:
            fault = machine_fault(raised) or _left(raised) or raised
            if isinstance(fault, BasewatchError):
                status, error = fault.exit_status, str(fault)
            elif isinstance(fault, KeyboardInterrupt):
                status, error = INTERRUPTED, "stopped by Ctrl-C"
            else:
                containment.note(fault, "the run")
                error = f"{type(fault).__name__}: {fault}"
            with contextlib.suppress(OSError):  # a full disk must not hide what it was that failed
                finish(run, status, release, error)
            if status != INTERRUPTED:
                tell(run, status, error)
            if fault is raised:
                raise
            raise fault from None
        tell(run, 0, None)
        return release


def _left(error: BaseException) -> BasewatchError | None:
    """The error to show in place of a SystemExit from within: whatever status it names, the run was not finished."""
    if not isinstance(error, SystemExit):
        return None
    return BasewatchError(
        f"something within ended the program (SystemExit: {error.code}); what was published before stands, and the "
        "next run carries on"
    )


@contextlib.contextmanager
def to_its_end() -> Iterator[None]:
    """What happens inside cannot end the program with a status of its own, as if the run were finished."""
    try:
        yield
    except SystemExit as left:
        fault = _left(left)
        assert fault is not None
        raise fault from left


_DISK = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "a file would grow larger than the system allows",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "permission is denied",
    errno.EIO: "the disk cannot be read or written",
}


def machine_fault(error: BaseException) -> BasewatchError | None:
    """The error to show in place of one that the disk or the memory is to blame for, None for any other.

    DuckDB gives the system's words for what went wrong, not its number.
    """
    causes = [error, *filter(None, [error.__cause__])]
    for cause in causes:
        if isinstance(cause, (MemoryError, duckdb.OutOfMemoryException)):
            said = str(cause).splitlines()[0] if str(cause) else type(cause).__name__
            return BasewatchError(
                "memory ran out: the work could not be finished; what was published before stands, and the next run "
                f"carries on. Close other programs, lift the limit under which basewatch runs (a build needs 2.5 GB), "
                f"and see that the warehouse's disk has room to spill to ({said})"
            )
        for number, words in _DISK.items():
            if (isinstance(cause, OSError) and cause.errno == number) or (
                isinstance(cause, duckdb.Error) and os.strerror(number) in str(cause)
            ):
                return BasewatchError(
                    f"{words}: the work could not be finished; what was published before stands, and the next run "
                    f"carries on ({cause})"
                )
    return None


def database_fault(error: BaseException) -> StoreFault | None:
    """The error to show in place of one that says that a published database is gone or cut, None for any other."""
    unreadable = (duckdb.IOException, duckdb.SerializationException, duckdb.FatalException, duckdb.InternalException)
    if not isinstance(error, unreadable):
        return None
    return StoreFault(
        f"a database cannot be read ({str(error).splitlines()[0]}); `basewatch verify` tells whether the release is "
        "damaged, `basewatch verify --repair` sets a damaged one aside and goes back to the newest sound one"
    )


def has_work(run: Run) -> bool:
    """Whether the run would do anything: a window to look at that may have changed, or inputs not yet published.

    Raises StoreFault where the lake or what is published is damaged: a night with nothing new tells of it, too.

    Windows of local files are dropped from the plan here where their hashes are those of the last read. So a night with
    nothing new costs seconds. What breaks here is told as an alert.
    """
    try:
        with run.timed("plan"):
            return _has_work(run)
    except Exception as raised:
        fault = machine_fault(raised) or raised
        tell(run, getattr(fault, "exit_status", 1), containment.words(fault))
        raise


def _has_work(run: Run) -> bool:
    run.warehouse.require_sound()
    kept = run.settings.warehouse
    surplus = run.warehouse.retain(kept.keep_releases, kept.keep_bytes)
    if surplus:  # left by a run that died, or no longer wanted
        run.progress(f"removed {len(surplus)} releases beyond keep_releases or keep_bytes: {', '.join(surplus)}")
    settle(run)
    run.windows = [window for window in run.windows if not _is_unchanged(run, window)]
    return bool(run.windows) or is_new(run)


def _is_unchanged(run: Run, window: Window) -> bool:
    location = run.settings.source(window.source).location or ""
    if contract.grain_if_any(window.source, run.settings) != "whole" or "://" in location:
        return False
    return ingest.is_unchanged(window, run.context(window.source), run.warehouse.lake)


def last_day(run: Run) -> date:
    """The last day that the lake knows of: what a build on its own goes up to. Raises ConfigError on an empty lake.

    A lake that holds nothing but today's polls is built up to today.
    """
    day = _last_day(run) or run.warehouse.lake.last_day()
    if day is None:
        raise ConfigError(f"nothing is ingested in {run.warehouse.root} yet; run `basewatch nightly` or `backfill`")
    return day


def _last_day(run: Run) -> date | None:
    """The latest day that was looked at. A poller is ahead of the nightly job: of its days, those that have ended.

    Days that have not come yet were looked at while the clock was wrong, and do not count.
    """
    today = run.started_at.date()
    ahead = {row.source for row in run.warehouse.lake.ledger() if row.day >= today}
    known = ahead & set(Sources.model_fields)
    live = {code for code in known if contract.grain_if_any(code, run.settings) == "live"}
    return run.warehouse.lake.last_day(lambda row: row.source in live and row.day >= today, today)


def note_idle(run: Run) -> None:
    """Keep the record of a run that found nothing to do. Raises SourcesFailed where a source has gone stale."""
    stale = stale_sources(run)
    error = "; ".join(stale) or None
    status = SourcesFailed.exit_status if stale else 0
    finish(run, status, None, error)
    tell(run, status, error)
    if error:
        raise SourcesFailed(error)
