"""The gates that derive again, on the warehouse of a config: `python benchmarks/derive_again.py CONFIG [--rows]`.

Holds the current release against the lake that it was built from (expectations/derived). Prints what each rule finds
and what a table costs in CPU seconds: a rule that is new is tried here, on skies of every kind, before it may refuse.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path

from basewatch import config
from basewatch.gates import derived
from basewatch.gates.check import count_derived
from basewatch.gates.suites import bound
from basewatch.reference import load
from basewatch.warehouse import learnt
from basewatch.warehouse.releases import Warehouse


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
    reference = learnt.applied(load.tables(settings), warehouse.root)
    with tempfile.TemporaryDirectory() as folder:
        behind = derived.Behind(warehouse.lake, reference, warehouse.lake.ledger(), None, Path(folder))
        started = time.process_time()
        with derived.opened(release.database, behind) as connection:
            print(f"opened in {time.process_time() - started:.1f} CPU s")
            started = time.process_time()
            for one in count_derived(connection, values):
                if given.rows or not one.holds:
                    verdict = "held" if one.holds else one.check.severity
                    print(f"{verdict:9} {one.check.table}.{one.check.rule}: {one.seen}")
                if given.rows and one.violations and one.check.offences:
                    query = f"SELECT * FROM ({one.check.offences}) LIMIT 3"
                    print(connection.sql(query, params=bound(query, values)))
            print(f"counted in {time.process_time() - started:.1f} CPU s")


if __name__ == "__main__":
    main()
