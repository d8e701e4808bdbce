"""The poller as a Prefect flow, for a server that keeps it running: `basewatch watch` does the same without one."""

import signal
import threading
from pathlib import Path

import basewatch.flows.environment  # noqa: F401 - must come before prefect: it is read at import
from prefect import flow

from basewatch import config, run


@flow(name="watch", persist_result=False)
def watch(config_file: str | None = None) -> int:
    """Poll until the run is cancelled; returns how many answers came."""
    stop = threading.Event()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: stop.set())  # how a worker cancels a run
    return run.watch(config.load(Path(config_file) if config_file else None), stop)
