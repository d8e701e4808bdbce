"""A figure that changed says what stood there before, until which release, and why."""

from __future__ import annotations

from typing import Any

from basewatch.report import corrections

OF_CLAIM = {"sort": "claim", "base_id": "b", "claim": "pause"}
SUMMARY: dict[str, Any] = {
    "corrected": [
        {**OF_CLAIM, "until": "R2", "claim_id": "c1", "fleet_id": "ru_mil", "claimed_from": "2025-04-01",
         "claimed_to": "2025-09-30", "before": "not_observable", "now": "contradicted", "causes": ["parameter"],
         "source_days": []},
        {"until": "R2", "sort": "gap", "gap_id": "g", "base_id": "b", "fleet_id": "ru_mil", "first_day": "2025-01-01",
         "last_day": "2025-03-01", "before": "pause", "now": None, "causes": ["late_source_day"], "source_days": []},
        {"until": "R1", "sort": "month", "base_id": "b", "fleet_id": "ru_mil", "month": "2025-03-01", "before": 1,
         "now": 4, "causes": ["late_source_day"], "source_days": ["opensky 2025-03-04"]},
        {"until": "R1", "sort": "month", "base_id": "b", "fleet_id": "all", "month": "2025-03-01", "before": 9,
         "now": 8, "causes": [], "source_days": []},
        {"until": "R1", "sort": "month", "base_id": "other", "fleet_id": "ru_mil", "month": "2025-03-01", "before": 2,
         "now": 3, "causes": ["code"], "source_days": []},
    ],
}  # fmt: skip


def test_what_a_page_said_before_is_said_with_its_cause_and_release() -> None:
    assert corrections.of_base(SUMMARY, "b", "ru_mil") == [
        "Until release R2 this page said of the claimed pause, 2025-04-01 to 2025-09-30: not observable; it says "
        "contradicted now, because a threshold was changed.",
        "Until release R2 this page said that flights paused from 2025-01-01 to 2025-03-01; there is no such silence "
        "now, because records came in late.",
        "Until release R1 this page said 1 visit in 2025-03; it says 4 now, because records came in late (opensky "
        "2025-03-04).",
    ]
    assert corrections.of_base(SUMMARY, "quiet", "ru_mil") == []


def test_a_cause_that_is_not_on_record_is_not_made_up() -> None:
    (told,) = corrections.of_finding(SUMMARY, "month", {"base_id": "b", "fleet_id": "all", "month": "2025-03-01"})
    assert told == (
        "Until release R1 this page said 9 visits in 2025-03; it says 8 now, because of a cause that is not on record."
    )


def test_a_finding_says_what_is_about_itself_alone() -> None:
    assert corrections.of_finding(SUMMARY, "gap", {"gap_id": "another"}) == []
    assert len(corrections.of_finding(SUMMARY, "gap", {"gap_id": "g"})) == 1
    assert len(corrections.of_finding(SUMMARY, "claim", {"claim_id": "c1"})) == 1
    assert corrections.of_finding(SUMMARY, "claim", {"claim_id": "c2"}) == []


def test_a_release_without_corrections_says_none() -> None:
    assert corrections.of_base({"compared_with": None}, "b", "ru_mil") == corrections.of_base(None, "b", "all") == []


def test_many_corrections_are_cut_and_counted() -> None:
    of_all = SUMMARY["corrected"][3]
    months = [of_all | {"month": f"2024-{n:02d}-01", "before": n, "now": 0} for n in range(1, 10)]
    told = corrections.of_base({"corrected": months}, "b", "all")
    assert len(told) == 7 and told[-1] == "And 3 more figures were corrected: the release's summary.json lists them."
