"""`basewatch schedule`: stay up and run the nightly job on its cron, in UTC."""

from __future__ import annotations

import basewatch.flows.environment  # noqa: F401 - must come before prefect: it is read at import
from basewatch.flows.nightly import nightly
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.schedules import Cron

NAME = "nightly"


def serve(config_file: str | None, cron: str) -> None:
    """Serve the nightly flow until stopped. One run at a time: a night that is due while one runs is dropped.

    A missed night needs no run of its own: each run looks at every day since the last good one.
    """
    nightly.serve(
        name=NAME,
        schedule=Cron(cron, timezone="UTC"),
        parameters={"config_file": config_file},
        limit=1,
        global_limit=ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW),
        print_starting_message=False,
    )
