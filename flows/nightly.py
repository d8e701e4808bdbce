"""The nightly job and the backfill as Prefect flows: a task a source window, then build, check, publish, show.

Each task body is one library call. A flow reads the configuration by itself, so that a server can start it from a file
name and two days; the command line, which has planned already, hands its run over instead.
"""

# No `from __future__ import annotations` here: a server's process could not resolve the types of a flow's parameters.

import logging
from datetime import date
from pathlib import Path
from typing import Any

import basewatch.flows.environment  # noqa: F401 - must come before prefect: it is read at import
import httpx
from basewatch.flows import server
from prefect import Flow, Task, flow, get_run_logger, runtime, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import FlowRun, State, TaskRun
from prefect.states import Failed

from basewatch import config, progress, run
from basewatch.cli import status
from basewatch.errors import BasewatchError, SourceError
from basewatch.run import Run
from basewatch.sources.contract import Window
from basewatch.warehouse.releases import Release, utc_now

RETRY_SECONDS = 5  # beyond the source's own retries: what is still down after them needs longer

if not logging.getLogger("prefect").isEnabledFor(logging.INFO):
    for _handler in logging.getLogger().handlers:  # Prefect's, for all other libraries: they may warn, not chat
        _handler.setLevel(logging.WARNING)

# Tasks are given a run's id and not the run: Prefect looks through every parameter for futures and hashes it, and a run
# holds whole reference tables.
_runs: dict[str, Run] = {}
_planned: list[Run] = []  # the run that the command line hands over, until the flow takes it
_faults: list[BasewatchError] = []  # what it raised, handed back: Prefect would pickle an exception into its home


def _may_pass(_task: Task[..., Any], _task_run: TaskRun, state: State[Any]) -> bool:
    """Whether a failed task is worth another try: only where a fetch failed in a way that may pass."""
    fault = state.result(raise_on_failure=False)
    return isinstance(fault, SourceError) and fault.retryable


@task(
    name="ingest",
    task_run_name="{source} {since} to {until}",
    retries=1,
    retry_delay_seconds=RETRY_SECONDS,
    retry_jitter_factor=0.5,
    retry_condition_fn=_may_pass,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def ingest(run_id: str, source: str, since: date, until: date) -> str:
    """One source and window, and a line on what came of it. Raises SourceError where the source failed."""
    outcome = run.ingest_window(_runs[run_id], Window(source, since, until))
    if outcome.is_failure:
        raise SourceError(str(outcome.error), retryable=outcome.is_retryable)
    return outcome.summary


@task(
    name="build, check and publish",
    task_run_name="build, check and publish",
    cache_policy=NO_CACHE,
    persist_result=False,
)
def publish(run_id: str) -> str | None:
    """The candidate, its gates, and the release; its name, or None where nothing was new."""
    release = run.publish_what_is_new(_runs[run_id])
    return release.release_id if release else None


@task(name="show the result", task_run_name="show the result", cache_policy=NO_CACHE, persist_result=False)
def show(run_id: str) -> None:
    """The first answer as an artifact."""
    work = _runs[run_id]
    release = work.warehouse.current()
    assert release is not None, "called after a publish"
    columns, rows = status.first_answer(release, work.settings)
    lines = [_line(columns), _line(["---"] * len(columns)), *map(_line, rows)] if rows else ["No visit, no mention."]
    simulated = status.simulated_bases(release)
    if simulated:
        lines += ["", f"SIMULATED, not real: the flights at {', '.join(simulated)}."]
    create_markdown_artifact(
        "\n".join(lines), key="monthly-activity", description=f"Release {release.release_id}: the last months"
    )


def _line(cells: Any) -> str:
    """One line of a Markdown table. Outside text cannot end a cell or bring markup of its own."""
    shown = ("–" if cell is None else str(cell) for cell in cells)
    return "| " + " | ".join(text.replace("<", "&lt;").replace("|", "\\|").replace("\n", " ") for text in shown) + " |"


def _steps(work: Run) -> Release | None:
    for window in work.windows:
        state = ingest(work.run_id, window.source, window.since, window.until, return_state=True)
        fault = None if state.is_completed() else state.result(raise_on_failure=False)
        if isinstance(fault, SourceError):  # a source that failed is in the ledger, and the others go on
            run.obey_policy(work, window)
        elif isinstance(fault, BaseException):
            raise fault
    run.judge_sources(work)
    name = publish(work.run_id)
    if name is None:
        return None
    release = work.warehouse.current()
    show(work.run_id)
    return release


def _execute(config_file: str | None, until: date | None, since: date | None = None) -> str | State[Any] | None:
    try:
        if _planned:
            return _hold(_planned.pop())
        work = run.start(config.load(Path(config_file) if config_file else None), until, since)
        work.progress = _log
        with work.warehouse.lock():
            if run.has_work(work):
                return _hold(work)
            work.progress("nothing new to ingest, nothing new to publish")
            run.note_idle(work)
            return None
    except BasewatchError as fault:
        _faults.append(fault)
        return Failed(message=str(fault))


def _hold(work: Run) -> str | None:
    """Do the run while its tasks can find it; the release's name, None where nothing was new."""
    _runs[work.run_id] = work
    try:
        release = run.guarded(work, lambda: _steps(work))
    finally:
        del _runs[work.run_id]
    return release.release_id if release else None


def _log(line: str) -> None:
    """One line of progress: into the run's log on the server where one is kept, else to stderr."""
    logger = get_run_logger()
    if logger.isEnabledFor(logging.INFO):
        logger.info(line)
    else:
        progress.say(line)


def _name() -> str:
    """What a run of either flow is called."""
    given = runtime.flow_run.parameters
    until = given.get("until") or run.yesterday(utc_now())
    since = given.get("since")
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
    return _execute(config_file, until)


@flow(name="backfill", flow_run_name=_name, persist_result=False, on_failure=[_tell_failure])
def backfill(since: date, until: date, config_file: str | None = None) -> str | State[Any] | None:
    """The same over a range of UTC days, both ends included."""
    return _execute(config_file, until, since)


def execute(work: Run, config_file: str | None, since: date | None) -> None:
    """A planned run, in this process, as the flow `nightly` or (with `since`) `backfill`.

    Raises what the run raises, and server.ServerFailed where Prefect cannot be had or went away: the run can then be
    carried on without it.
    """
    with server.api():
        _planned.append(work)
        _faults.clear()
        try:
            if since is None:
                state = nightly(config_file, work.until, return_state=True)
            else:
                state = backfill(since, work.until, config_file, return_state=True)
            if not _faults:
                state.result()  # raises what is no fault of the user's
        except Exception as error:
            if _planned or isinstance(error, httpx.HTTPError):  # the flow's body was never reached, or lost its server
                raise server.ServerFailed(f"{type(error).__name__}: {error}") from error
            raise
        finally:
            _planned.clear()
    if _faults:
        raise _faults.pop()
