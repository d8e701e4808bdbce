"""The nightly job: ingest every window, judge the sources, build, check, publish. Each task is one library call."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import basewatch.flows.environment  # noqa: F401 - must come before prefect: it is read at import
from prefect import flow, task
from prefect.artifacts import create_markdown_artifact

from basewatch import config, run, status
from basewatch.errors import SourceError, SourcesFailed
from basewatch.run import Run
from basewatch.sources import Window
from basewatch.warehouse import Release


@task(task_run_name="{name}", retries=1, retry_delay_seconds=10, retry_jitter_factor=0.5)
def ingest(work: Run, window: Window, name: str) -> None:
    """One source and window. A fault that may pass is tried once more, beyond the source's own retries."""
    outcome = run.ingest_window(work, window)
    if outcome.is_retryable:
        raise SourceError(str(outcome.error), retryable=True)


@task(name="build, check and publish")
def publish(work: Run) -> Release | None:
    """The candidate, its gates, and the release."""
    return run.publish_what_is_new(work)


@task(name="result table")
def show(work: Run, release: Release) -> None:
    """The first answer as an artifact."""
    columns, rows = status.first_answer(release, work.settings)
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    lines += ["| " + " | ".join("–" if value is None else str(value) for value in row) + " |" for row in rows]
    create_markdown_artifact("\n".join(lines), key="monthly-activity", description=f"Release {release.release_id}")


def _steps(work: Run) -> Release | None:
    for window in work.windows:
        state = ingest(work, window, window.name, return_state=True)
        if state.is_failed():
            fault = state.result(raise_on_failure=False)
            if not isinstance(fault, SourceError):  # a source that failed is in the ledger, and the others go on
                raise fault if isinstance(fault, Exception) else SourcesFailed(str(fault))
    run.judge_sources(work)
    release = publish(work)
    if release is not None:
        show(work, release)
    return release


def _start(config_file: str | None, until: date | None, since: date | None = None) -> Run:
    return run.start(config.load(Path(config_file) if config_file else None), until, since)


@flow(name="nightly", flow_run_name="nightly up to {until}", persist_result=False)
def nightly(config_file: str | None = None, until: date | None = None) -> str | None:
    """The release published, None where nothing was new. `until`: last UTC day, default yesterday."""
    work = _start(config_file, until)
    release = run.guarded(work, lambda: _steps(work))
    return release.release_id if release else None


@flow(name="backfill", flow_run_name="backfill {since} to {until}", persist_result=False)
def backfill(since: date, until: date, config_file: str | None = None) -> str | None:
    """The same over a range of days."""
    work = _start(config_file, until, since)
    release = run.guarded(work, lambda: _steps(work))
    return release.release_id if release else None
