"""The first page of a report: what matters, the bases by country, and what all of it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from basewatch.report import news, templates
from basewatch.report.base_data import BaseView
from basewatch.report.countries import country
from basewatch.report.data import Report
from basewatch.report.sparkline import sparkline


def html(
    report: Report,
    titles: Mapping[str, str],
    summary: Mapping[str, Any] | None,
    licences: Iterable[Mapping[str, Any]],
    gate_page: str | None,
    shared: Mapping[str, Any],
) -> str:
    """The page. titles: the finding about each base. summary: the release's."""
    used = set(report.sources)
    licence_rows = sorted((dict(row) for row in licences), key=lambda row: (row["source"] not in used, row["source"]))
    shown = [view.base_id for view in report.bases] if not report.still else []
    return templates.render(
        "index.html.j2",
        {
            **shared,
            "matters": news.what_matters(summary, report.fleet["fleet_id"], shown),
            "groups": _by_country(report.bases, titles),
            "still": _still(report),
            "gate_page": gate_page,
            "licences": [row | {"is_used": row["source"] in used} for row in licence_rows],
            "unlicensed": sorted(used - {row["source"] for row in licence_rows}),
        },
    )


def _by_country(views: Sequence[BaseView], titles: Mapping[str, str]) -> list[tuple[str, list[dict[str, Any]]]]:
    """The bases of each country, in the order of their news: those with most visits first."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for view in views:
        entry = {"view": view, "title": titles[view.base_id], "spark": sparkline(view.months, view.name)}
        groups.setdefault(country(view.about["country"]), []).append(entry)
    return list(groups.items())


def _still(report: Report) -> list[tuple[str, list[str]]]:
    groups: dict[str, list[str]] = {}
    for row in report.still:
        groups.setdefault(country(row["country"]), []).append(str(row["name"] or row["base_id"]).split(" / ")[0])
    return sorted(groups.items())
