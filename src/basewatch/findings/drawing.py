"""The chart of a citation: a base's months or its timeline around a finding, as a file of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import duckdb

from basewatch.findings.finding import Explanation, rows
from basewatch.reference.source_terms import Terms
from basewatch.report import base_data, brackets, months_chart, standalone, svg, timeline

AROUND = {"visit": 6, "gap": 3, "claim": 3, "month": 11}  # months that the chart shows on either side


def chart(
    connection: duckdb.DuckDBPyConnection, told: Explanation, manifest: Mapping[str, Any], used: Sequence[Terms]
) -> str | None:
    """Months as bars for a visit or a month, the timeline for a gap or a claim; None where there is no month."""
    sort, row = told.finding.sort, told.finding.row
    fleet = "all" if sort == "visit" else row["fleet_id"] or "all"
    history = base_data.history(connection, row["base_id"], fleet)
    ends = {
        "visit": (row.get("first_evidence_at"), row.get("last_evidence_at")),
        "gap": (row.get("first_day"), row.get("last_day")),
        "claim": (row.get("claimed_from"), row.get("claimed_to")),
        "month": (row.get("month"), row.get("month")),
    }[sort]
    if not history.months:
        return None
    begun, ended = history.months[0]["month"], svg.month_end(history.months[-1]["month"])
    first, last = (_day(moment) for moment in ends)
    around = timedelta(days=31 * AROUND[sort])
    since = max(begun, ((first or begun) - around).replace(day=1))
    until = min(ended, svg.month_end((last or ended) + (around if sort != "month" else timedelta(0))))
    if since > until:
        return None
    name = told.finding.base["name"] or row["base_id"]
    if sort in ("visit", "month"):
        title = f"{name}: visits, arrivals and departures by month"
        drawn = bars(history, since, until, title)
    else:
        title = f"{name}: spells with no visit, days with a visit, and what could be seen"
        drawn = spells(history, since, until, title, _claimed(connection, told, first))
    credit = " ".join(dict.fromkeys(one.attribution for one in used))
    made_up = [standalone.MADE_UP] if told.sentences[0].startswith("SIMULATED") else []
    lines = [
        *made_up,
        standalone.BARS if sort in ("visit", "month") else standalone.DAYS,
        f"Fleet {fleet}. basewatch, release {manifest['release_id']}, days up to {manifest['as_of']}. {credit}".strip(),
    ]
    return standalone.svg(drawn, title, lines)


def bars(history: base_data.History, since: date, until: date, title: str) -> str:
    """Visits, arrivals and departures of the months from `since` to `until`, as a chart of the report."""
    return str(months_chart.monthly_bars(svg.Frame(since, until), history.months, "bars", title))


def spells(
    history: base_data.History, since: date, until: date, title: str, claims: Sequence[brackets.Claimed] = ()
) -> str:
    """Spells with no visit, days with one, and what could be seen from `since` to `until`, as a chart of the report.

    claims: pauses that the press claimed, drawn over the days.
    """
    return str(
        timeline.timeline(
            svg.Frame(since, until),
            "time",
            title,
            gaps=[gap for gap in history.gaps if gap["last_day"] >= since and gap["first_day"] <= until],
            stays=[stay for stay in history.stays if stay[1] >= since and stay[0] <= until],
            observability=[
                (kind, *_cut(run, since, until))
                for kind, *run in history.observability
                if run[1] >= since and run[0] <= until
            ],
            months=[month for month in history.months if since <= month["month"] <= until],
            stories=[],
            other_mentions=history.mention_days,
            claims=claims,
        )
    )


def _claimed(connection: duckdb.DuckDBPyConnection, told: Explanation, first: date | None) -> list[brackets.Claimed]:
    """The pause that a claim speaks of, to be drawn over the days; none for a gap, or a claim without days."""
    row = told.finding.row
    if told.finding.sort != "claim" or first is None:
        return []
    mentions = rows(
        connection, "SELECT domain, origin FROM news_mentions WHERE mention_id = ? AND base_id = ?",
        row["mention_id"], row["base_id"],
    )  # fmt: skip
    of_claim = {**row, **(mentions[0] if mentions else {"domain": None, "origin": None})}
    made_up = {row["claim_id"]} if told.sentences[0].startswith("SIMULATED") else set()
    return brackets.pauses([of_claim], made_up)


def _cut(run: Sequence[Any], since: date, until: date) -> tuple[date, date]:
    return max(run[0], since), min(run[1], until)


def _day(moment: Any) -> date | None:
    return moment.date() if isinstance(moment, datetime) else moment
