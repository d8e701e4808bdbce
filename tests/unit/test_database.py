"""Databases: Ctrl-C in the middle of a query is Ctrl-C, and no fault of the query."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from basewatch import database
from basewatch.database import connect
from wholeruns import heed_ctrl_c

# Many signals, each at a random moment: as a query begins, DuckDB drops the exception; as one runs, it raises another.
STOPPED = """
import os, random, signal, threading, time
from collections import Counter
import pyarrow as pa
from basewatch.database import connect, stop_if_asked

rows, told = pa.table({"n": list(range(10))}), Counter()
for count in range(60):
    threading.Timer(0.02 + random.Random(count).random() * 0.02, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        with connect() as connection:
            began = time.monotonic()
            while time.monotonic() < began + 20:
                connection.register("incoming", rows)
                connection.execute("CREATE OR REPLACE TABLE stored AS SELECT * FROM incoming")
                stop_if_asked()
        told["went on"] += 1
    except BaseException as error:
        told[type(error).__name__] += 1
    stop_if_asked()
print(dict(told), signal.getsignal(signal.SIGINT) is signal.default_int_handler, flush=True)
os._exit(0)  # a thread of DuckDB that wakes up as the interpreter is taken apart can abort it, now and then
"""
LONG = """
from basewatch.database import connect
try:
    with connect() as connection:
        connection.execute("SET threads = 1")
        print("asked", flush=True)
        connection.execute("SELECT sum(a.range * b.range) FROM range(3000) a, range(1000000) b")
        connection.execute("SELECT sum(a.range * b.range) FROM range(3000) a, range(1000000) b")
except KeyboardInterrupt:
    print("stopped")
"""


def test_ctrl_c_at_any_moment_is_a_keyboard_interrupt() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STOPPED],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        preexec_fn=heed_ctrl_c,
    )
    assert done.stdout == "{'KeyboardInterrupt': 60} True\n"


def test_ctrl_c_stops_a_long_query() -> None:
    running = subprocess.Popen([sys.executable, "-c", LONG], stdout=subprocess.PIPE, text=True, preexec_fn=heed_ctrl_c)
    try:
        assert running.stdout is not None and running.stdout.readline() == "asked\n"
        running.send_signal(signal.SIGINT)
        told, _ = running.communicate(timeout=120)
    finally:
        running.kill()
        running.wait()
    assert told == "stopped\n"


def test_another_fault_stays_what_it_is_and_times_are_in_utc(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="of my own"), connect(tmp_path / "a.duckdb") as connection:
        assert connection.execute("SELECT current_setting('TimeZone')").fetchall() == [("UTC",)]
        raise RuntimeError("of my own")
    database.stop_if_asked()


# A list for Arrow and a value for DuckDB: each would import pandas, which nobody asked for.
SPARED = """
import sys
from basewatch.cli import running
import pyarrow as pa
from basewatch.database import connect
pa.array([1])
with connect() as connection:
    assert connection.execute("SELECT ?", [1]).fetchone() == (1,)
loaded = {"pandas", "jinja2", "requests", "great_expectations", "prefect"} & set(sys.modules)
assert not loaded, loaded
assert pa.table({"n": [1]}).to_pandas().shape == (1, 1)  # who asks for it has it
with connect(pandas=True) as connection:
    assert connection.sql("SELECT 1 AS n").df().shape == (1, 1)
"""


def test_a_run_loads_pandas_pages_and_http_only_when_they_are_needed() -> None:
    subprocess.run([sys.executable, "-c", SPARED], check=True)
