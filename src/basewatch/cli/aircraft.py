"""What is known of an aircraft, at a terminal."""

from __future__ import annotations

import csv
import json
import sys

from basewatch.cli import tables
from basewatch.reference.aircraft import COLUMNS, Statement


def print_statements(asked: str, said: list[Statement], form: tables.Format) -> None:
    """Statements on stdout: a table without the columns that are empty throughout, or all columns as CSV or JSON."""
    if form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([[tables.csv_value(getattr(one, column)) for column in COLUMNS] for one in said])
    elif form == "json":
        listed = [{column: tables.plain(getattr(one, column)) for column in COLUMNS} for one in said]
        sys.stdout.write(json.dumps(listed, indent=1, ensure_ascii=False) + "\n")
    else:
        shown = tuple(column for column in COLUMNS if any(getattr(one, column) is not None for one in said))
        tables.print_table(
            f"what is known of {asked}",
            shown or COLUMNS,
            [[getattr(one, column) for column in shown] for one in said],
        )
