"""Prefect's settings for a process of our own: no telemetry, no log lines but ours. Read before Prefect is imported.

Values that the user has set stay. Importing this first is what makes them count: Prefect reads them at its import.
"""

import os

DEFAULTS = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_SERVER_LEVEL": "CRITICAL",
}

for _name, _value in DEFAULTS.items():
    os.environ.setdefault(_name, _value)
