"""A figure that changed says what stood there before, until which release, and why."""

from __future__ import annotations

from datetime import date
from typing import Any

from basewatch.report import corrections

SUMMARY: dict[str, Any] = {
    "compared_with": "R1",
    "claims": [
        {"claim_id": "c1", "base_id": "b", "fleet_id": "ru_mil", "claim": "pause", "claimed_from": "2025-04-01",
         "claimed_to": "2025-09-30", "verdict": "contradicted", "verdict_before": "not_observable"},
        {"claim_id": "c2", "base_id": "b", "fleet_id": None, "claim": "flight", "claimed_from": None,
         "claimed_to": None, "verdict": "no_data", "verdict_before": "no_data"},
    ],
    "pauses_withdrawn": [
        {"gap_id": "g", "base_id": "b", "fleet_id": "ru_mil", "first_day": "2025-01-01", "last_day": "2025-03-01",
         "kind_now": None, "cause": "late_source_day"},
    ],
    "corrections": [
        {"base_id": "b", "fleet_id": "ru_mil", "month": "2025-03-01", "before": 1, "now": 4},
        {"base_id": "b", "fleet_id": "all", "month": "2025-03-01", "before": 9, "now": 8},
        {"base_id": "other", "fleet_id": "ru_mil", "month": "2025-03-01", "before": 2, "now": 3},
    ],
}  # fmt: skip


def change(table: str, month: date, cause: str, *days: str) -> dict[str, Any]:
    return {"table_name": table, "fleet_id": "ru_mil", "month": month, "change": "altered", "cause": cause, "rows": 1,
            "source_days": list(days)}  # fmt: skip


CHANGES = [
    change("base_monthly_activity", date(2025, 3, 1), "late_source_day", "opensky 2025-03-04"),
    change("claim_checks", date(2025, 4, 1), "parameter"),
]


def test_what_a_page_said_before_is_said_with_its_cause() -> None:
    assert corrections.of_base(SUMMARY, CHANGES, "b", "ru_mil") == [
        "Until release R1 this page said of the claimed pause, 2025-04-01 to 2025-09-30: not observable; it says "
        "contradicted now, because a threshold was changed.",
        "Until release R1 this page said that flights paused from 2025-01-01 to 2025-03-01; there is no such silence "
        "now, because records came in late.",
        "Until release R1 this page said 1 visit in 2025-03; it says 4 now, because records came in late (opensky "
        "2025-03-04).",
    ]
    assert corrections.of_base(SUMMARY, CHANGES, "quiet", "ru_mil") == []


def test_a_cause_that_is_not_on_record_is_not_made_up() -> None:
    (told,) = corrections.of_finding(SUMMARY, [], "month", {"base_id": "b", "fleet_id": "all", "month": "2025-03-01"})
    assert told == (
        "Until release R1 this page said 9 visits in 2025-03; it says 8 now, because of a cause that is not on record."
    )


def test_a_finding_says_what_is_about_itself_alone() -> None:
    gap = {"base_id": "b", "fleet_id": "ru_mil", "gap_id": "another"}
    assert corrections.of_finding(SUMMARY, CHANGES, "gap", gap) == []
    assert len(corrections.of_finding(SUMMARY, CHANGES, "gap", gap | {"gap_id": "g"})) == 1
    assert len(corrections.of_finding(SUMMARY, CHANGES, "claim", {"claim_id": "c1"})) == 1
    assert corrections.of_finding(SUMMARY, CHANGES, "claim", {"claim_id": "c2"}) == []


def test_the_first_release_corrects_nothing() -> None:
    assert corrections.of_base({**SUMMARY, "compared_with": None}, CHANGES, "b", "ru_mil") == []
    assert corrections.of_base(None, CHANGES, "b", "ru_mil") == []


def test_many_corrections_are_cut_and_counted() -> None:
    months = [
        {"base_id": "b", "fleet_id": "all", "month": f"2024-{n:02d}-01", "before": n, "now": 0} for n in range(1, 10)
    ]
    told = corrections.of_base({"compared_with": "R1", "corrections": months}, [], "b", "all")
    assert len(told) == 7 and told[-1] == "And 3 more figures changed: `basewatch diff` lists them."
