"""The answers of a guide: what its queries give on a release, written behind each of them.

`python tests/documents.py WAREHOUSE docs/cookbook.md` writes them anew; tests/e2e/test_documents.py holds them.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from pathlib import Path

from basewatch.cli import queries, tables
from basewatch.warehouse.published import Published

QUERY = re.compile(r"(```sql\n(?P<sql>.*?)```\n)(\n```text\n.*?```\n)?", re.DOTALL)


def answered(text: str, published: Published) -> str:
    """The guide with the answer of each query behind it, as `basewatch sql` prints it."""
    return QUERY.sub(lambda found: f"{found[1]}\n```text\n{answer(found['sql'], published)}\n```\n", text)


def answer(query: str, published: Published) -> str:
    """What `basewatch sql` prints of a query."""
    names, rows = queries.rows(published, query, None, None)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        tables.write("query", names, rows, "table")
    return "\n".join(line.rstrip() for line in printed.getvalue().strip().splitlines())


if __name__ == "__main__":
    for guide in map(Path, sys.argv[2:]):
        guide.write_text(answered(guide.read_text(encoding="utf-8"), Published(Path(sys.argv[1]))), encoding="utf-8")
