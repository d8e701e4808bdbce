"""What it costs to hold a candidate against the release before: `python benchmarks/release_gate.py [VISITS]`.

Two databases of that many visits (default 1,000,000), as benchmarks/gates.py makes them; a night's difference between
them, and then one in every row. Each is compared in a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import gates

COMPARE = """
import json, resource, sys
from datetime import UTC, date, datetime
from pathlib import Path
from basewatch.config import Settings
from basewatch.database import connect
from basewatch.lake.ledger import LedgerRow
from basewatch.lake.moves import Move
from basewatch.reference import load
from basewatch.warehouse import changes, comparing
from basewatch.warehouse.build import configure
folder, as_of = Path(sys.argv[1]), date.fromisoformat(sys.argv[2])
now = datetime(2026, 1, 1, tzinfo=UTC)
row = LedgerRow("readsb_archive", "global", as_of, "ok", 1, 1, 1, 1, 0, "a", None, now, None, "r")
before = resource.getrusage(resource.RUSAGE_SELF)
with connect() as connection:
    configure(connection, folder / "spill")
    case = changes.Case(folder / "before.duckdb", folder / "after.duckdb", None, [Move("new_source_day", None, row)],
        folder, as_of, as_of, None)
    table = changes.compare(connection, case, comparing.kinds(load.params(Settings()))).table()
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"cpu_seconds": round(used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime, 1),
    "peak_mib": used.ru_maxrss // 1024, "changed": sum(table["rows"].to_pylist()), "lines": table.num_rows}))
"""
EDITS = {
    "a night": "UPDATE base_visits SET callsign = 'NEW' WHERE arrived_at >= (SELECT max(arrived_at) FROM base_visits) "
    "- INTERVAL 1 DAY",
    "every row": "UPDATE base_visits SET callsign = 'NEW'",
}


def main() -> None:
    """Build, edit, compare, print."""
    visits = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        gates.build(folder / "before.duckdb", visits)
        for what, edit in EDITS.items():
            after = folder / "after.duckdb"
            after.write_bytes((folder / "before.duckdb").read_bytes())
            with duckdb.connect(str(after)) as connection:
                connection.execute(edit)
            command = [sys.executable, "-c", COMPARE, str(folder), str(gates.AS_OF)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            print(json.dumps({"visits": visits, "differs in": what, **json.loads(done.stdout.splitlines()[-1])}))


if __name__ == "__main__":
    main()
