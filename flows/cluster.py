"""Parts of days decoded on a Dask cluster, as tasks of Prefect's Dask task runner."""

# No `from __future__ import annotations` here: a worker's process could not resolve the types of a task's parameters.

from collections.abc import Callable, Iterator
from contextvars import ContextVar, copy_context
from typing import Any

import basewatch.flows.environment  # noqa: F401 - must come before prefect: it is read at import
from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from basewatch import run
from basewatch.errors import ConfigError, SourceError
from basewatch.readsb import workers
from basewatch.run import Run
from basewatch.sources.contract import Window

INSTALL = "pip install 'basewatch[dask]'"
CONNECT_SECONDS = 20


def _task_runner(address: str) -> Any:
    """Prefect's Dask task runner on this scheduler's cluster. Raises ConfigError where it cannot be had."""
    try:
        import distributed
        from prefect_dask.task_runners import DaskTaskRunner
    except ImportError:
        raise ConfigError(f"backfill.dask needs the package prefect-dask: {INSTALL}") from None
    try:
        connect: Any = distributed.Client
        with connect(address, timeout=CONNECT_SECONDS, set_as_default=False) as client:
            workers_there = client.scheduler_info(n_workers=-1)["workers"]
    except (OSError, TimeoutError, ValueError) as error:
        raise ConfigError(
            f"backfill.dask: no scheduler answers at {address} ({error}); start one with `dask scheduler`"
        ) from None
    if not workers_there:
        raise ConfigError(f"backfill.dask: the scheduler at {address} has no worker; start `dask worker {address}`")
    return DaskTaskRunner(address=address)


def _decode(job: bytes, part: bytes) -> bytes:
    """A part of a day, on a worker of the cluster."""
    return workers.part(job, part)


# Prefect sends the task and the flow that it belongs to to the workers, where they are found by the names of their
# functions. So these have names of their own, and hold nothing of the run.
decode = task(name="decode", task_run_name="decode", cache_policy=NO_CACHE, persist_result=False)(_decode)
_WORK: ContextVar[Callable[[], None]] = ContextVar("work")


def _spread() -> None:
    """Look at the windows; parts of days are tasks of this flow, whatever task of it asks for them."""
    here = copy_context()

    def team(job: bytes, parts: list[bytes]) -> Iterator[bytes]:
        futures = [here.copy().run(decode.submit, job, part) for part in parts]
        for future in futures:
            try:
                answer: bytes = future.result()
            except Exception as error:
                words = f"{type(error).__name__}: {error}"
                raise SourceError(f"the Dask cluster lost a part of a day: {words}", retryable=True) from error
            yield answer

    with workers.elsewhere(team):
        _WORK.get()()


spread = flow(name="ingest on a cluster", persist_result=False)(_spread)


def ingest_all(work: Run, address: str, one: Callable[[Window], None]) -> None:
    """Look at every window of a run, several days of an archive at once, decoded on this scheduler's cluster."""
    raised: list[BaseException] = []

    def look() -> None:
        try:
            run.ingest_all(work, one)
        except BaseException as error:  # a flow does not end in an exception of ours
            raised.append(error)

    work.days_at_once = work.settings.backfill.days_at_once
    token = _WORK.set(look)
    try:
        spread.with_options(task_runner=_task_runner(address))()
    finally:
        _WORK.reset(token)
    if raised:
        raise raised[0]
