"""The results of the gates as a short list for people: what failed first, and a bounded number of rows."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from basewatch.gates.suites import SEVERITIES


def listed(results: pa.Table, limit: int) -> list[dict[str, Any]]:
    """At most `limit` checks, those that failed first, the most serious of them first.

    `results`: one row a check, in the columns of `quality_results`.
    Each has the keys check, table, severity, success, observed, unexpected (rows, null where none can be counted), why.
    """
    checks = sorted(
        results.to_pylist(),
        key=lambda row: (
            bool(row["success"]),
            SEVERITIES.index(row["severity"]) if row["severity"] in SEVERITIES else len(SEVERITIES),
            row["table_name"],
            row["check_name"],
        ),
    )
    return [
        {
            "check": row["check_name"],
            "table": row["table_name"],
            "severity": row["severity"],
            "success": row["success"],
            "observed": row["observed"],
            "unexpected": row["unexpected_count"],
            "why": row["why"],
        }
        for row in checks[:limit]
    ]
