"""The nightly job and the backfill as Prefect flows: a task a source window, then build, check, publish, show.

Each task body is one library call, and what it leaves for Prefect's pages. A flow reads the configuration by itself, so
that a server can start it from a file name and two days; the command line, which has planned already, has its run
carried out by a flow made for that run.

No result is persisted. A flow does not end in an exception of ours, which Prefect would pickle into its home, but in a
failed state that says why.
"""

# No `from __future__ import annotations` here: a server's process could not resolve the types of a flow's parameters.

import hashlib
import logging
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, TypeVar, cast

import basewatch.flows.environment  # noqa: F401 - must come before prefect: it is read at import
import httpx
from basewatch.flows import cluster, server
from prefect import Flow, Task, flow, get_run_logger, runtime, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import FlowRun, State, TaskRun
from prefect.events import emit_event
from prefect.states import Failed
from prefect.utilities.annotations import quote

from basewatch import config, outside, progress, run
from basewatch.alerts.events import Alert
from basewatch.errors import BasewatchError, SourceError
from basewatch.gates import listing
from basewatch.gates.results import GateResult
from basewatch.remote import storage
from basewatch.report import first_screen, news
from basewatch.run import Run
from basewatch.sources.contract import Window
from basewatch.warehouse.build import Candidate
from basewatch.warehouse.published import Release, utc_now

RETRY_SECONDS = 5  # beyond the source's own retries: what is still down after them needs longer
CHECKS_SHOWN = 100  # of some three hundred; those that failed come first
Value = TypeVar("Value")

if not logging.getLogger("prefect").isEnabledFor(logging.INFO):
    for _handler in logging.getLogger().handlers:  # Prefect's, for all other libraries: they may warn, not chat
        _handler.setLevel(logging.WARNING)


def _may_pass(_task: Task[..., Any], _task_run: TaskRun, state: State[Any]) -> bool:
    """Whether a failed task is worth another try: only where a fetch failed in a way that may pass."""
    fault = state.result(raise_on_failure=False)
    return isinstance(fault, SourceError) and fault.retryable


@task(
    name="ingest",
    task_run_name="{window.source} {window.since} to {window.until}",
    retries=1,
    retry_delay_seconds=RETRY_SECONDS,
    retry_jitter_factor=0.5,
    retry_condition_fn=_may_pass,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def ingest(work: Run, window: Window) -> str:
    """One source and window, and a line on what came of it. Raises SourceError where the source failed."""
    outcome = run.ingest_window(work, window)
    if outcome.is_failure:
        raise SourceError(str(outcome.error), retryable=outcome.is_retryable)
    return outcome.summary


@task(name="build", task_run_name="build", cache_policy=NO_CACHE, persist_result=False)
def build(work: Run) -> Candidate:
    """Every table, made anew from the lake."""
    return run.build(work)


@task(name="check", task_run_name="check", cache_policy=NO_CACHE, persist_result=False)
def check(work: Run, candidate: Candidate) -> GateResult:
    """What the gates found, as an artifact too. Raises GateRefused where a critical check failed."""
    result = run.check(work, candidate)
    with work.optional("the gates' results for Prefect's pages"):
        create_table_artifact(
            listing.listed(result.results, CHECKS_SHOWN),
            key="gate-results",
            description=f"{result.results.num_rows} checks, {len(result.failures)} failed, {len(result.refusals)} "
            f"refused; the first {CHECKS_SHOWN}, failed ones before the others",
        )
    run.require_passed(work, candidate, result)
    return result


@task(name="publish", task_run_name="publish", cache_policy=NO_CACHE, persist_result=False)
def publish(work: Run, candidate: Candidate, result: GateResult) -> Release:
    """The candidate as the current release."""
    return run.publish(work, candidate, result)


@task(name="data docs", task_run_name="data docs", cache_policy=NO_CACHE, persist_result=False)
def document(work: Run, result: GateResult) -> None:
    """Great Expectations' validation results and Data Docs, once the release stands."""
    run.document(work, result)


@task(name="show the result", task_run_name="show the result", cache_policy=NO_CACHE, persist_result=False)
def show(work: Run, release: Release) -> None:
    """What is new, silences that go on, and the first screen, as artifacts."""
    with work.optional("what is new, and silences, for Prefect's pages"):
        told = release.summary or {}
        create_table_artifact(
            [{"new": outside.line(sentence)} for sentence in news.sentences(told) or ["the first release"]],
            key="release-summary",
            description=f"Release {release.release_id}, days up to {release.manifest['as_of']}: what is new",
        )
        create_table_artifact(
            told.get("ongoing", []),
            key="gaps",
            description=f"Release {release.release_id}: silences that go on, pauses first",
        )
    with work.optional("the first screen for Prefect's pages"):
        shown, summary = work.settings.report, release.summary
        screen = first_screen.read(release.database, shown.bases, shown.fleet)
        create_markdown_artifact(
            first_screen.markdown(screen, news.what_matters(summary, shown.fleet, shown.bases)),
            key="monthly-activity",
            description=f"Release {release.release_id}: silences that go on, and the last months",
        )


def _unread(value: Value) -> Value:
    """The value for a task whose parameter Prefect must not look through: a run holds whole reference tables.

    Prefect takes the mark off before the task's body sees it, so that the types are true.
    """
    return cast(Value, quote(value))


def _steps(work: Run) -> Release | None:
    unread_work = _unread(work)

    def one(window: Window) -> None:
        state = ingest(unread_work, window, return_state=True)
        fault = None if state.is_completed() else state.result(raise_on_failure=False)
        if isinstance(fault, SourceError):  # a source that failed is in the ledger, and the others go on
            run.obey_policy(work, window)
        elif isinstance(fault, BaseException):
            raise fault

    address = work.settings.backfill.dask
    if address and not work.is_nightly:
        cluster.ingest_all(work, address, one)
    else:
        run.ingest_all(work, one)
    run.judge_sources(work)
    if not run.is_new(work):
        work.progress("nothing new to publish")
        return None
    candidate = build(unread_work)
    result = check(unread_work, candidate)
    release = publish(unread_work, candidate, _unread(result))
    show(unread_work, release)
    if work.settings.gates.data_docs:
        document(unread_work, _unread(result))
    return release


def _from_configuration(
    config_file: str | None, until: date | None, since: date | None = None
) -> str | State[Any] | None:
    """Plan and carry out a run; the release's name, None where nothing was new, a failed state where it failed."""
    try:
        with run.to_its_end():
            settings = config.load(Path(config_file) if config_file else None)
            with storage.held(settings) as store:
                return _carried_out(run.start(settings, until, since), store)
    except BasewatchError as fault:
        return Failed(message=str(fault))


def _carried_out(work: Run, store: Callable[[], None]) -> str | None:
    """The name of the release that a planned run published, None where nothing was new."""
    work.progress, work.emit, work.store = _log, _emit, store
    with work.warehouse.lock():
        if not run.has_work(work):
            work.progress("nothing new to ingest, nothing new to publish")
            run.note_idle(work)
            return None
        release = run.guarded(work, lambda: _steps(work))
    return release.release_id if release else None


def _emit(alert: Alert) -> None:
    """An alert as an event of Prefect's, for automations there; what it is about is the release, or the run."""
    emit_event(
        event=f"basewatch.alert.{alert.kind}",
        resource={
            "prefect.resource.id": f"basewatch.alert.{hashlib.sha256(alert.key.encode()).hexdigest()[:16]}",
            "prefect.resource.name": alert.title,
        },
        payload=alert.values,
    )


def _log(line: str) -> None:
    """One line of progress: into the run's log on the server where one is kept, else to stderr."""
    logger = get_run_logger()
    if logger.isEnabledFor(logging.INFO):
        logger.info(line)
    else:
        progress.say(line)


def _name() -> str:
    """What a run of either flow is called."""
    parameters = runtime.flow_run.parameters
    until = parameters.get("until") or run.yesterday(utc_now())
    since = parameters.get("since")
    return f"backfill {since} to {until}" if since else f"nightly up to {until}"


def _tell_failure(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Say on stderr why a run failed that a server started; at the command line it is said anyway."""
    if flow_run.deployment_id is not None:
        progress.say(f"basewatch: {flow_run.name}: {state.message}")


@flow(name="nightly", flow_run_name=_name, persist_result=False, on_failure=[_tell_failure])
def nightly(config_file: str | None = None, until: date | None = None) -> str | State[Any] | None:
    """The release published, None where nothing was new, a failed state where it could not be published.

    `until`: last UTC day, default yesterday.
    """
    return _from_configuration(config_file, until)


@flow(name="backfill", flow_run_name=_name, persist_result=False, on_failure=[_tell_failure])
def backfill(since: date, until: date, config_file: str | None = None) -> str | State[Any] | None:
    """The same over a range of UTC days, both ends included."""
    return _from_configuration(config_file, until, since)


def execute(work: Run, config_file: str | None, since: date | None) -> None:
    """A planned run, in this process, as the flow `nightly` or (with `since`) `backfill`.

    Raises what the run raises, and server.ServerFailed where Prefect cannot be had or went away: the run can then be
    carried on without it.
    """
    is_reached = False
    faults: list[Exception] = []

    @flow(name="backfill" if since else "nightly", flow_run_name=_name, persist_result=False)
    def in_hand(config_file: str | None, until: date, since: date | None) -> str | State[Any] | None:
        nonlocal is_reached
        is_reached = True
        work.emit = _emit
        try:
            release = run.guarded(work, lambda: _steps(work))
        except Exception as fault:
            faults.append(fault)
            return Failed(message=str(fault))
        return release.release_id if release else None

    with server.api():
        try:
            in_hand(config_file, work.until, since, return_state=True)
        except Exception as error:
            faults.append(error)
    for fault in faults:
        if not is_reached or isinstance(fault, httpx.HTTPError):  # Prefect's own, or it lost its server
            raise server.ServerFailed(f"{type(fault).__name__}: {fault}") from fault
        raise fault
