"""Prefect's API for a run that no server is there for: on a loopback port, in a thread of this process, gone with it.

Prefect can start a temporary server by itself, but as a process of its own: it writes into the terminal, outlives a run
that is killed, and gives up on a busy machine. A thread does none of that.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator

import basewatch.flows.environment  # noqa: F401 - must come before prefect: it is read at import
from prefect.context import refresh_global_settings_context
from prefect.events.worker import EventsWorker
from prefect.settings import PREFECT_API_URL

START_SECONDS = 180  # importing and migrating take 5-25 s on two busy cores; one that is not up by then will not be
STOP_SECONDS = 10


class ServerFailed(Exception):
    """The API could not be started: the run can go on without Prefect."""


def has_server() -> bool:
    """Whether the user named a Prefect server, by variable, profile or prefect.toml."""
    return bool(PREFECT_API_URL.value())


@contextlib.contextmanager
def api(*, with_scheduler: bool = False) -> Iterator[None]:
    """While it lasts, Prefect has an API: the server that the user named, else one of our own.

    Our own keeps its records where Prefect does (PREFECT_HOME), answers this machine alone and only to who knows this
    process's password, and has no pages; `with_scheduler` starts the services that turn a cron line into runs. Raises
    ServerFailed where it does not come up.
    """
    if has_server():
        yield
        return
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    password = f"basewatch:{secrets.token_urlsafe(24)}"
    variables = {
        "PREFECT_API_URL": f"http://127.0.0.1:{listener.getsockname()[1]}/api",
        "PREFECT_API_AUTH_STRING": password,
        "PREFECT_SERVER_API_AUTH_STRING": password,
        "PREFECT_SERVER_UI_ENABLED": "false",
        # leases in memory would be lost with the process, and the place of a run that died with it never freed
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    }
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)  # the environment, so that the processes of scheduled runs find it too
    refresh_global_settings_context()
    try:
        with _running(listener, with_scheduler=with_scheduler):
            yield
    finally:
        listener.close()
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        refresh_global_settings_context()


@contextlib.contextmanager
def _running(listener: socket.socket, *, with_scheduler: bool) -> Iterator[None]:
    import uvicorn
    from prefect.server.api.server import create_app  # 3-5 s: only where no server is named

    app = create_app(ephemeral=not with_scheduler, final=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="on", timeout_graceful_shutdown=2))
    thread = threading.Thread(target=_serve, args=(server, listener), name="prefect-api", daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + START_SECONDS
        while not server.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                raise ServerFailed(
                    "Prefect's own records could not be opened; PREFECT_LOGGING_SERVER_LEVEL=ERROR shows why"
                )
            time.sleep(0.05)
        yield
    finally:
        if server.started:
            EventsWorker.drain_all(timeout=STOP_SECONDS, at_exit=False)  # the states of tasks travel as events
        server.should_exit = True
        thread.join(STOP_SECONDS)


def _serve(server: object, listener: socket.socket) -> None:
    with contextlib.suppress(SystemExit):  # how uvicorn says that the start failed; `started` stays false
        server.run(sockets=[listener])  # type: ignore[attr-defined]
