"""`basewatch schedule`: stay up and run the nightly job on its cron, in UTC, as a Prefect deployment."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from basewatch.flows import environment, server  # before prefect: it is read at import
from basewatch.flows.nightly import nightly
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy, StateType
from prefect.exceptions import ObjectNotFound
from prefect.runner import Runner
from prefect.schedules import Cron, Schedule
from prefect.states import Crashed
from prefect.types.entrypoint import EntrypointType

from basewatch import progress
from basewatch.config import Settings
from basewatch.errors import BasewatchError, ConfigError, WarehouseBusy
from basewatch.warehouse.releases import Warehouse

LOG_LEVEL = "PREFECT_LOGGING_LEVEL"
ACTIVE = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]


def deployment_name(root: Path) -> str:
    """What the deployment for the warehouse at `root` is called: two watches on one server must not share one."""
    return f"watch-{hashlib.sha256(str(root).encode()).hexdigest()[:8]}"


class _Runner(Runner):
    """Prefect's runner, which on SIGTERM leaves its loop in good order: its own way leaves a coroutine behind."""

    stop_at_once: Callable[[], object]

    def handle_sigterm(self, *_args: Any, **_kwargs: Any) -> None:
        self.stop_at_once()


async def _run(runner: _Runner) -> None:
    """Run it until SIGTERM or Ctrl-C, which end a run under way as well."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    runner.stop_at_once = lambda: loop.call_soon_threadsafe(task.cancel)  # wakes the loop, as a bare cancel would not
    await runner.start()


def serve(settings: Settings, config_file: Path | None, cron: str) -> None:
    """Serve the nightly flow until stopped. One run at a time: a night that is due while one runs is dropped.

    A missed night needs no run of its own: each run looks at every day since the last good one. `cron` has the usual
    five fields and is read in UTC. Raises ConfigError for one that means nothing.
    """
    name = deployment_name(settings.root)
    schedule = _schedule(cron)
    if server.has_server() and LOG_LEVEL in environment.CHANGED:
        os.environ[LOG_LEVEL] = "INFO"  # for the processes of the runs: that server keeps and shows their lines
    signal.signal(signal.SIGTERM, _interrupt)  # until the runner, once it is up, has a handler of its own
    try:
        # Ctrl-C and SIGTERM are the ways to stop it
        with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError), server.api(with_scheduler=True):
            _give_up_dead_runs(name, Warehouse(settings.root))
            progress.say(f"basewatch: `nightly` runs on {cron!r}, in UTC (deployment nightly/{name}); Ctrl-C stops it")
            runner = _Runner(name=name, limit=1)
            runner.add_flow(
                nightly,
                name=name,
                description=f"The warehouse at {settings.root}",
                schedule=schedule,
                parameters={"config_file": str(config_file.resolve()) if config_file else None},
                concurrency_limit=ConcurrencyLimitConfig(
                    limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW
                ),
                entrypoint_type=EntrypointType.MODULE_PATH,
            )
            asyncio.run(_run(runner))
    except server.ServerFailed as error:
        raise BasewatchError(f"the schedule cannot be kept: {error}") from None


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def _schedule(cron: str) -> Schedule:
    try:
        if len(cron.split()) != 5 and not cron.startswith("@"):
            raise ValueError("five fields are needed")
        return Cron(cron, timezone="UTC")
    except ValueError:
        raise ConfigError(
            f"cron {cron!r} is not minute, hour, day of month, month and day of week, as in '15 5 * * *'"
        ) from None


def _give_up_dead_runs(name: str, warehouse: Warehouse) -> None:
    """Tell the server of runs that died with their process: while it counts them, it drops every night to come.

    Whoever runs holds the warehouse, so while we hold it, nobody does.
    """
    try:
        with warehouse.lock(), get_client(sync_client=True) as client:
            try:
                deployment = client.read_deployment_by_name(f"nightly/{name}")
            except ObjectNotFound:
                return
            stuck = client.read_flow_runs(
                flow_run_filter=FlowRunFilter.model_validate(
                    {"deployment_id": {"any_": [deployment.id]}, "state": {"type": {"any_": ACTIVE}}}
                )
            )
            for flow_run in stuck:
                client.set_flow_run_state(flow_run.id, Crashed(message="the process died"), force=True)
    except WarehouseBusy:
        return
