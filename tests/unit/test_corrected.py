"""A figure that an earlier release gave otherwise stays corrected until it is again what it was."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from basewatch.warehouse.corrected import KEPT, corrected
from basewatch.warehouse.published import SUMMARY, Release
from basewatch.warehouse.summary import News

MONTH: dict[str, Any] = {"base_id": "b", "fleet_id": "all", "month": "2025-03-01"}
GAP = {"gap_id": "g", "base_id": "b", "fleet_id": "all", "first_day": "2025-01-01", "last_day": "2025-02-01"}
CLAIM = {"claim_id": "c", "base_id": "b", "fleet_id": None, "claim": "flight", "claimed_from": None, "claimed_to": None}
CHANGES = [
    {"table_name": table, "base_id": base, "fleet_id": "all", "month": month, "cause": cause, "source_days": days}
    for table, base, month, cause, days in (
        ("base_monthly_activity", "b", date(2025, 3, 1), "late_source_day", ["opensky 2025-03-04"]),
        ("base_monthly_activity", "b", date(2025, 4, 1), "code", []),
        ("base_monthly_activity", "other", date(2025, 3, 1), "parameter", []),
        ("claim_checks", "b", date(2025, 5, 1), "new_source_day", ["opensky 2025-05-04"]),
    )
]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Today's figures: four visits in March, no gap, a claim that is corroborated."""
    file = tmp_path / "now.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute(
            "CREATE TABLE base_monthly_activity AS "
            "SELECT 'b' AS base_id, 'all' AS fleet_id, DATE '2025-03-01' AS month, 4 AS visits"
        )
        connection.execute("CREATE TABLE base_gaps (gap_id VARCHAR, kind VARCHAR)")
        connection.execute("CREATE TABLE claim_checks AS SELECT 'c' AS claim_id, 'corroborated' AS verdict")
    return file


def release(folder: Path, *entries: dict[str, Any]) -> Release:
    (folder / "R2").mkdir()
    (folder / "R2" / SUMMARY).write_text(json.dumps({"corrected": entries}), encoding="utf-8")
    return Release(folder / "R2", {})


def test_what_moved_is_told_with_the_causes_of_its_own_rows(tmp_path: Path, database: Path) -> None:
    told = News(
        claims=[CLAIM | {"verdict_before": "no_data", "verdict": "corroborated"},
                CLAIM | {"claim_id": "new", "verdict_before": None, "verdict": "no_data"}],
        pauses_withdrawn=[GAP | {"kind_now": None, "cause": "withdrawn"}],
        corrections=[MONTH | {"before": 3, "now": 4}],
    )  # fmt: skip
    claim, gap, month = corrected(told, release(tmp_path), CHANGES, database)

    assert {entry["until"] for entry in (claim, gap, month)} == {"R2"}
    assert (claim["before"], claim["now"], claim["causes"]) == ("no_data", "corroborated", ["new_source_day"])
    assert (gap["before"], gap["now"], gap["causes"]) == ("pause", None, ["withdrawn"])
    assert (month["causes"], month["source_days"]) == (["late_source_day"], ["opensky 2025-03-04"])


def test_older_corrections_are_kept_with_the_figures_of_today(tmp_path: Path, database: Path) -> None:
    why = {"until": "R1", "causes": ["code"], "source_days": []}
    before = release(
        tmp_path,
        {**why, "sort": "month", **MONTH, "before": 1, "now": 2},
        {**why, "sort": "month", **MONTH, "before": 4, "now": 2},  # what it is again
        {**why, "sort": "gap", **GAP, "before": "pause", "now": "lull"},
        {**why, "sort": "claim", **CLAIM, "before": "corroborated", "now": "no_data"},  # what it is again
    )
    month, gap = corrected(News(), before, [], database)

    assert (month["until"], month["before"], month["now"]) == ("R1", 1, 4)
    assert (gap["before"], gap["now"]) == ("pause", None)


def test_the_newest_are_kept_and_a_first_release_corrects_nothing(tmp_path: Path, database: Path) -> None:
    old = {"until": "R1", "causes": [], "source_days": [], "sort": "gap", **GAP, "before": "pause", "now": None}
    before = release(tmp_path, *[old | {"gap_id": f"g{n}"} for n in range(KEPT)])
    told = News(corrections=[MONTH | {"before": 3, "now": 4}])

    kept = corrected(told, before, [], database)
    assert len(kept) == KEPT and kept[0]["sort"] == "month" and kept[-1]["gap_id"] == f"g{KEPT - 2}"
    assert corrected(told, None, [], database) == []
