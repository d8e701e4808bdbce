"""The data dictionary: every published table and column in words, generated from the models' headers."""

from __future__ import annotations

import sys
from pathlib import Path

from basewatch.durable import write_aside
from basewatch.warehouse import models

INTRODUCTION = """# The warehouse: data dictionary

Generated from the headers of the SQL models (`basewatch` rewrites it at every publish); do not edit by hand.

- `basewatch.duckdb` is the current release's database. Open it read-only; a run may publish while you read, and you
  keep the release that you opened: `duckdb -readonly warehouse/basewatch.duckdb`.
- `current/<table>/*.parquet` are the same tables. A long-running reader should resolve `current` once
  (`realpath warehouse/current`) and read below that path, or take the file list of its `manifest.json`: two look-ups
  through `current` may see two releases. Each field of Parquet carries its description and unit, and
  `current/datapackage.json` describes all tables by the Data Package standard.
- All times are UTC; days and months are UTC calendar days and months. **Unknown is not zero**: where nothing could have
  been seen a count is null, and `observability`, `days_missing` or `activity` says why.
- A visit counts from confidence 2 upwards. Visits of confidence 1 (press reports, planned destinations, tracks lost
  inbound) stand in `base_visits` and are counted nowhere.
"""


def text() -> str:
    """The dictionary as Markdown."""
    parts = [INTRODUCTION]
    for model in models.marts():
        parts.append(f"\n## {model.name}\n\n{model.grain[0].upper()}{model.grain[1:]}. Key: {', '.join(model.key)}.\n")
        parts.append("| column | type | unit | what it says |\n| --- | --- | --- | --- |")
        for column in model.columns:
            values = f" One of: {', '.join(f'`{value}`' for value in column.values)}." if column.values else ""
            name = f"**{column.name}**" if column.name in model.key else column.name
            parts.append(f"| {name} | {column.type} | {column.unit or ''} | {column.doc}.{values} |")
    return "\n".join(parts).replace("|.", "|") + "\n"


def write(file: Path) -> None:
    """Write the dictionary, if it differs from what is there."""
    made = text()
    if not file.exists() or file.read_text(encoding="utf-8") != made:
        write_aside(file, made.encode())


def main(arguments: list[str]) -> int:
    """`python -m basewatch.warehouse.dictionary [--check] FILE`: write the dictionary, or say whether it is right."""
    file = Path(arguments[-1])
    if "--check" not in arguments:
        write(file)
        return 0
    if file.exists() and file.read_text(encoding="utf-8") == text():
        return 0
    print(f"{file} is not what the models' headers say; write it with `make docs`", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
