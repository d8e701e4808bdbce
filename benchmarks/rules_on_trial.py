"""Rules that may become gates, tried on a warehouse: `python benchmarks/rules_on_trial.py CONFIG [--rows]`.

They derive counts, ends and identities a second time, from the visits or from the records that the lake holds
(benchmarks/rules_on_trial: a suite a table, and views that several suites share). Whoever makes one a gate has seen it
hold on skies of every kind: archives with stays that are inferred, records of every source, corrections, identities
that change. Prints what each finds in the current release, which is held against the lake as it is now, and the CPU
seconds of a table.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from basewatch import config
from basewatch.gates.check import Outcome, count_violations
from basewatch.gates.suites import bound, load_suites
from basewatch.reference import load
from basewatch.warehouse import learnt
from basewatch.warehouse.build import bind, open_work, quoted
from basewatch.warehouse.releases import Warehouse

RULES = Path(__file__).parent / "rules_on_trial"
BEHIND = "memory"  # the database that holds the lake, the reference tables and the views


def open_views(connection: duckdb.DuckDBPyConnection, database: Path) -> None:
    """Have a release's tables go by their names, and what several rules derive alike by `gates.<view>`."""
    connection.execute(f"ATTACH '{quoted(database)}' AS release (READ_ONLY)")
    for (table,) in connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = 'release' AND schema_name = 'main'"
    ).fetchall():
        connection.execute(f"CREATE VIEW main.{table} AS FROM release.main.{table}")
    connection.execute("CREATE SCHEMA gates")
    connection.execute(f"SET search_path = '{BEHIND}.main,{BEHIND}.raw,{BEHIND}.reference,{BEHIND}.gates'")
    for file in sorted(RULES.glob("*.sql")):
        connection.execute(f"CREATE VIEW {BEHIND}.gates.{file.stem} AS {file.read_text(encoding='utf-8')}")


def verdict(one: Outcome) -> str:
    """What a rule found, in words."""
    return "broke" if one.error else "held" if one.violations == 0 else "failed"


def main() -> None:
    """Open, count, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("--rows", action="store_true", help="show the first rows that a rule finds")
    given = parser.parse_args()
    settings = config.load(given.config)
    warehouse = Warehouse(settings.root)
    release = warehouse.current()
    assert release is not None, f"nothing is published in {settings.root}"
    values = {
        **load.params(settings).values,
        "as_of": date.fromisoformat(release.manifest["as_of"]),
        "checked_at": datetime.now(UTC),
    }
    with tempfile.TemporaryDirectory() as folder, open_work(Path(folder)) as connection:
        bind(connection, warehouse.lake, learnt.applied(load.tables(settings), warehouse.root), None)
        open_views(connection, release.database)
        for table, suite in sorted(load_suites(RULES).items()):
            started = time.process_time()
            outcomes = [
                one for one in count_violations(connection, {}, {table: suite}, values) if one.check.table == table
            ]
            print(f"{table}, {time.process_time() - started:.1f} CPU s")
            for one in outcomes:
                print(f"  {verdict(one):6} {one.check.rule}: {one.seen}")
                if given.rows and one.violations and one.check.offences:
                    query = f"SELECT * FROM ({one.check.offences}) LIMIT 3"
                    print(connection.sql(query, params=bound(query, values)))


if __name__ == "__main__":
    main()
