"""Prefect's settings for a process of our own: no telemetry, no log lines but ours. Read before Prefect is imported.

Values that the user has set stay. Importing this first is what makes them count: Prefect reads them at its import.
Where Prefect is there already (a worker, a script of the user's own), its settings are not ours to change.
"""

import atexit
import contextlib
import os
import sys

DEFAULTS = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_SERVER_LEVEL": "CRITICAL",
}

CHANGED = frozenset() if "prefect" in sys.modules else frozenset(DEFAULTS) - frozenset(os.environ)

for _name in CHANGED:
    os.environ[_name] = DEFAULTS[_name]

exit_status: int | None = None  # what the command line ends with, once it knows


def _leave() -> None:
    """End the command line at once, when all other things to be done at its exit have been done.

    Prefect leaves threads behind. Taking the interpreter apart below them costs seconds, and one that wakes up
    meanwhile can abort the process, whose exit status then says that the run failed.
    """
    if exit_status is not None:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(exit_status)


if "prefect" not in sys.modules:
    atexit.register(_leave)  # before Prefect registers anything: the first is called last
