"""Rows as CSV and JSON that a stranger may open: texts cleaned, nothing that a spreadsheet would execute."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from basewatch import outside
from basewatch.report.listing import Row


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
    if isinstance(held, int | float) and not isinstance(held, bool):
        return repr(held)
    return json.dumps(held, ensure_ascii=False)


def plain(value: Any) -> Any:
    """A value as JSON holds it, its texts as text from outside may be shown."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return outside.cell(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value
