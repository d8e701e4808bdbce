"""The page of one base: a finding as its title, charts, visits, routes, press, and how to quote it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from basewatch.report import (
    base_data,
    brackets,
    calendar_chart,
    corrections,
    downloads,
    finding,
    map_chart,
    months_chart,
    news,
    sentences,
    standalone,
    templates,
    timeline,
)
from basewatch.report.base_data import BaseView
from basewatch.report.data import Report
from basewatch.report.listing import Row
from basewatch.report.providers import Providers

CLAIMS_OPEN = 4  # further ones are folded
SILENCES_TOLD = 8
NAMED_MAX = 12
TYPES_MAX = 60  # in the filter of visits


def html(
    view: BaseView,
    report: Report,
    title: str,
    told: dict[str, Any],
    providers: Providers,
    summary: Mapping[str, Any] | None,
    fields: Mapping[str, Row],
    shared: Mapping[str, Any],
) -> str:
    """The page. title: the finding. told: what the first screen's sentences are made from. summary: the release's."""
    fleet = report.fleet["fleet_id"]
    fleet_name = news.fleet_name(fleet, told)
    made_up = {row["claim_id"] for row in view.claims.rows
               if any(base_data.is_made_up(source) for source in row["sources"])}  # fmt: skip
    routes = map_chart.routes(view.places, fields, view.about)
    lines = Lines(view, report, providers)
    silences = [gap for gap in view.gaps.rows if gap["gap_days"] is not None]
    longest = sorted(silences, key=lambda gap: (not gap["is_ongoing"], -gap["gap_days"]))[:SILENCES_TOLD]
    answers = sentences.answer(view, fleet_name, report.as_of)
    return templates.render(
        "base.html.j2",
        {
            **shared,
            "view": view,
            "name": view.name,
            "title": title,
            "fleet_name": fleet_name,
            "corrections": corrections.of_base(summary, view.base_id, fleet, providers.name),
            "answers": list(dict.fromkeys([*finding.about(view, report, told), *answers])),
            "coverage_told": [*sentences.coverage(view), *sentences.accuracy(view)],
            "figures": figures(view, fleet, lines, routes, made_up),
            "made_up_claims": made_up,
            "claims_open": CLAIMS_OPEN,
            "told_gaps": sorted(longest, key=lambda gap: gap["first_day"]),
            "day_states": calendar_chart.STATES,
            "routes": routes,
            "routes_told": routes_told(view, routes),
            "filters": _filters(view.visits.rows),
            "credit": lines.credit,
            "release_line": lines.release,
            "citation": lines.citation(title, fleet_name),
        },
    )


class Lines:
    """What stands below each chart and in the citation: whose records they are, and of which release."""

    def __init__(self, view: BaseView, report: Report, providers: Providers) -> None:
        press = {source for row in [*view.stories.rows, *view.claims.rows] for source in row["sources"]}
        who = {*providers.of_base(view.told_by), *providers.names(press)}
        self.credit = ", ".join(sorted(who)) or "no record of this base"
        made_up = any(base_data.is_made_up(source) for source in {*press, *(row["source"] for row in view.told_by)})
        self.mark = f"{standalone.MADE_UP} " if made_up else ""
        self.release = f"basewatch, release {report.release['release_id'] if report.release else 'not yet published'}"
        self.release += f", days up to {report.as_of}." if report.as_of else "."

    def below(self, note: str = "") -> list[str]:
        """The lines below a chart that leaves the page."""
        return [line for line in (self.mark, note, f"Source: {self.credit}. {self.release}") if line]

    def citation(self, title: str, fleet_name: str) -> str:
        """A text to quote the page by."""
        mark = self.mark if not title.startswith("SIMULATED") else ""
        return f"{mark}{title} (visits of {fleet_name}). {self.release} Source: {self.credit}. {sentences.CAVEAT}"


def figures(view: BaseView, fleet: str, lines: Lines, routes: map_chart.Routes, made_up: set[str]) -> dict[str, Any]:
    """A base's charts, each with the files that it can be taken away as."""
    about = [row for row in view.claims.rows if sentences.is_about(row, fleet)]
    claimed = brackets.pauses(about, made_up)
    drawn: dict[str, Any] = {
        "months": None, "timeline": None, "calendar": None, "map": None, "claimed": claimed, "outside": 0,
        "visits": {"svg": None, "csv": downloads.csv(view.visits.rows)},
        "observability": base_data.observability_rows(view),
    }  # fmt: skip
    name, position = view.name, (view.about["latitude"], view.about["longitude"])
    made = "SIMULATED: " if lines.mark else ""
    if view.frame is not None:
        drawn["outside"] = sum(not view.frame.holds(day) for day in view.mention_days)
        if view.months:
            title = f"{made}{name}: visits, arrivals and departures by month"
            chart = months_chart.monthly_bars(view.frame, view.months, "bars", title, view.kinds, claimed, view.stays)
            drawn["months"] = _figure(chart, title, lines.below(standalone.BARS), view.months)
        title = f"{made}{name}: spells with no visit, days with a visit, observability and press stories"
        chart = timeline.timeline(
            view.frame,
            "time",
            title,
            gaps=view.all_gaps,
            stays=view.stays,
            observability=view.observability,
            months=view.months,
            stories=view.stories.rows,
            other_mentions=view.mention_days,
            claims=claimed,
        )
        drawn["timeline"] = _figure(chart, title, lines.below(standalone.DAYS), view.gaps.rows)
    ends = [*(last for _, _, last in view.observability), *(last for _, last in view.stays)]
    states = calendar_chart.days(view.observability, view.stays, max(ends)) if ends else {}
    if states:
        title = f"{made}{name}: days with a visit, and what could be seen"
        rows = [{"day": day, "state": state} for day, state in sorted(states.items())]
        drawn["calendar"] = _figure(
            calendar_chart.calendar(states, "days", title), title, lines.below(standalone.DAYS), rows
        )
    if routes.places and None not in position:
        title = f"{made}{name}: where visits came from and left for"
        rows = [{"code": one.code, "name": one.name, "came": one.came, "left_for": one.left_for}
                for one in routes.places]  # fmt: skip
        chart = map_chart.chart(position, name, routes, "map", title)
        drawn["map"] = _figure(chart, title, lines.below("Outlines: Natural Earth."), rows)
    return drawn


def _figure(chart: Markup, title: str, lines: Sequence[str], rows: Sequence[Row]) -> dict[str, Markup]:
    return {"chart": chart, "svg": downloads.svg(str(chart), title, lines), "csv": downloads.csv(rows)}


def routes_told(view: BaseView, routes: map_chart.Routes) -> list[str]:
    """In words what no map can show: places known by name alone, and how often nothing is known."""
    if not view.visits.total:
        return ["There is no visit of which an origin or a destination could be known."]
    told = []
    if routes.named:
        parts = [f"{row['code']} ({row['came']} came from it, {row['left_for']} left for it)" for row in routes.named]
        more = len(parts) - NAMED_MAX
        named = "; ".join(parts[:NAMED_MAX]) + (f"; and {more} more" if more > 0 else "")
        told.append(f"Named by the records, and on no map: {named}.")
    total = view.visits.total
    if routes.unknown_from or routes.unknown_to:
        told.append(
            f"Of {sentences.plural(total, 'visit')} nothing is on record of where {routes.unknown_from} came from, "
            f"and of where {routes.unknown_to} left for."
        )
    return told


def _filters(visits: Sequence[Row]) -> list[tuple[str, str, list[Any]]]:
    """What the visits can be filtered by: a name, words for it, and the choices, where there is a choice."""
    fleets = sorted({fleet for row in visits for fleet in row["fleets"]})
    types = sorted({row["type_code"] or "not stated" for row in visits})[:TYPES_MAX]
    confidences = sorted({row["confidence"] for row in visits if row["confidence"] is not None}, reverse=True)
    choices: list[tuple[str, str, list[Any]]] = [
        ("fleet", "Fleet", fleets), ("type", "Type", types), ("confidence", "Confidence", confidences),
    ]  # fmt: skip
    return [one for one in choices if len(one[2]) > 1]
