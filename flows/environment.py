"""Prefect's settings for a process of our own: no telemetry, no log lines but ours. Read before Prefect is imported.

Values that the user has set stay. Importing this first is what makes them count: Prefect reads them at its import.
Where Prefect is there already (a worker, a script of the user's own), its settings are not ours to change.
"""

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
