"""What matters about one base, in the sentences of the first screen: its page's title, and a line of the index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from basewatch.report import news, sentences
from basewatch.report.base_data import BaseView
from basewatch.report.data import Report
from basewatch.report.listing import Row


def as_summary(report: Report) -> dict[str, Any]:
    """What the first screen's sentences are made from, of the rows that the pages show."""
    return {
        "ongoing": [_ongoing(view, gap, report) for view in report.bases for gap in view.all_gaps if gap["is_ongoing"]],
        "claims": [_claim(row, view) for view in report.bases for row in view.claims.rows],
        "made_up": [view.base_id for view in report.bases if view.is_made_up],
        "names": {
            "bases": {view.base_id: view.about["name"] or view.base_id for view in report.bases},
            "fleets": {report.fleet["fleet_id"]: report.fleet["name"] or report.fleet["fleet_id"]},
        },
    }


def _ongoing(view: BaseView, gap: Row, report: Report) -> Row:
    unseen = (gap["days_blind"] or 0) + (gap["days_missing"] or 0)
    return {**gap, "base_id": view.base_id, "fleet_id": report.fleet["fleet_id"], "days_unseen": unseen}


def _claim(row: Row, view: BaseView) -> Row:
    days = {name: str(row[name]) if row[name] else None for name in ("claimed_from", "claimed_to")}
    visits = row["visits_recorded"] if row["visits_recorded"] is not None else (len(row["visit_ids"]) or None)
    return {**row, **days, "base_id": view.base_id, "visits_recorded": visits, "verdict": row["verdict"] or "no_data",
            "claim": row["claim"] or "flight", "explanation": row["explanation"] or ""}  # fmt: skip


def title(view: BaseView, report: Report, summary: dict[str, Any]) -> str:
    """The finding about a base that matters most."""
    fleet = report.fleet["fleet_id"]
    mark = "SIMULATED: " if view.is_made_up else ""
    told = news.headline(_of_fleet(summary, fleet), fleet, view.base_id)
    if told is not None:
        return told
    pause = next((gap for gap in reversed(view.all_gaps) if gap["kind"] == "pause"), None)
    if pause is not None:
        when = f"{pause['first_day']} to {pause['last_day']}"
        return f"{mark}Flights to {view.name} paused for {pause['gap_days']} days, {when}"
    if view.last_visit is not None:
        counted = sentences.plural(view.visits.total, "visit")
        last = f"the last on {view.last_visit['last_evidence_at']:%Y-%m-%d}"
        unseen = any(gap["is_ongoing"] for gap in view.all_gaps)
        since = "; since then it could hardly be seen" if unseen else ""
        return f"{mark}{counted} to {view.name} on record, {last}{since}"
    claimed = next((row for row in view.claims.rows if row["claim"] == "pause"), None)
    if claimed is not None:
        days = sentences.span(claimed["claimed_from"], claimed["claimed_to"])
        return f"{mark}Nobody looked whether flights to {view.name} stopped, as the press claims, {days}"
    seen = view.days["observed"] + view.days["unmeasured"]
    if seen:
        return f"{mark}No visit to {view.name} is on record; it could be seen on {sentences.plural(seen, 'day')}"
    return f"{mark}What happened at {view.name} is not known: nobody looked"


def _of_fleet(summary: dict[str, Any], fleet: str) -> dict[str, Any]:
    """The summary with the claims that are about this fleet."""
    return {**summary, "claims": [row for row in summary["claims"] if sentences.is_about(row, fleet)]}


def about(view: BaseView, report: Report, summary: dict[str, Any]) -> Sequence[str]:
    """Silences that go on and verdicts at a base, as the first screen says them."""
    fleet = report.fleet["fleet_id"]
    own = _of_fleet(summary, fleet)
    return [*news.ongoing(own, fleet, [view.base_id]), *news.verdicts(own, [view.base_id])]
