"""Rows as CSV and JSON that a stranger may open: texts cleaned, nothing that a spreadsheet would execute."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from basewatch import outside
from basewatch.findings.finding import Row


def write_json(file: Path, value: Any) -> None:
    """Write a value as JSON."""
    file.write_text(json.dumps(plain(value), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def as_csv(rows: Sequence[Row]) -> str:
    """Rows as CSV, with the columns that any of them has."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([[_cell(row.get(name)) for name in names] for row in rows])
    return text.getvalue()


FORMULA = ("=", "+", "-", "@")  # what makes a spreadsheet take a text for a formula


def _cell(value: Any) -> str:
    held = plain(value)
    if held is None:
        return ""
    if isinstance(held, str):
        return f"'{held}" if held.lstrip().startswith(FORMULA) else held
    return json.dumps(held, ensure_ascii=False)


def plain(value: Any) -> Any:
    """A value as JSON holds it, its texts as text from outside may be shown."""
    of_kind: dict[type, Callable[[Any], Any]] = {
        str: outside.cell,
        dict: lambda held: {str(name): plain(item) for name, item in held.items()},
        list: lambda held: [plain(item) for item in held],
        tuple: lambda held: [plain(item) for item in held],
    }
    if isinstance(value, datetime | date):
        return value.isoformat()
    change = of_kind.get(type(value))
    return change(value) if change else value
