"""A release's report: one self-contained HTML page, a pure function of the release's database."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jinja2
from markupsafe import Markup

from basewatch.report import charts, data, safe_text, sentences


def report(
    database: Path,
    out: Path,
    *,
    bases: list[str],
    fleet: str,
    gate_page: str | None = None,
    licences: Iterable[Mapping[str, Any]] = (),
    release_id: str | None = None,
) -> Path:
    """Writes out/index.html from a published database and returns its path; the file appears whole or not at all.

    database: a release's basewatch.duckdb, opened read-only. bases: ids to show; empty for those with a visit or a
    mention, at most 20. gate_page: a relative link from the page to the gate results. licences: rows of the reference
    table `sources` (source, title, url, licence, licence_url, attribution). release_id: which row of `releases` the
    database stands for; the latest by default. Raises ConfigError for a base or fleet that the release does not hold,
    ReportError where the file is no release.
    """
    page = html(database, bases=bases, fleet=fleet, gate_page=gate_page, licences=licences, release_id=release_id)
    out.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=out, prefix=".index-", suffix=".html")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(page)
            stream.flush()
            os.fsync(stream.fileno())
        Path(aside).chmod(0o644)
        Path(aside).replace(out / "index.html")
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
    return out / "index.html"


def html(
    database: Path,
    *,
    bases: list[str],
    fleet: str,
    gate_page: str | None = None,
    licences: Iterable[Mapping[str, Any]] = (),
    release_id: str | None = None,
) -> str:
    """The page as text; the arguments are those of `report`. The same database gives the same text, byte for byte."""
    page = data.read(database, bases, fleet, release_id)
    used = set(page.sources)
    licence_rows = sorted((dict(row) for row in licences), key=lambda row: (row["source"] not in used, row["source"]))
    template = _environment().get_template("page.html.j2")
    return template.render(
        page=page,
        views=[_figures(view) for view in page.bases],
        answers={view.base_id: sentences.answer(view, fleet, page.as_of) for view in page.bases},
        gate_page=_relative(gate_page),
        licences=[row | {"is_used": row["source"] in used} for row in licence_rows],
        unlicensed=sorted(used - {row["source"] for row in licence_rows}),
        style=Markup(_file("style.css")),  # noqa: S704  the project's own file
    )


def _figures(view: data.BaseView) -> dict[str, Any]:
    """A base's charts beside its rows."""
    figures: dict[str, Any] = {
        "view": view,
        "bars": None,
        "timeline": None,
        "observability": data.observability_rows(view),
        "outside": 0,
    }
    if view.frame is None:
        return figures
    figures["outside"] = sum(not view.frame.holds(day) for day in view.mention_days)
    name = view.about["name"] or view.base_id
    if view.months:
        figures["bars"] = charts.monthly_bars(
            view.frame, view.months, f"bars-{view.anchor}", f"{name}: visits, arrivals and departures by month"
        )
    figures["timeline"] = charts.timeline(
        view.frame,
        f"time-{view.anchor}",
        f"{name}: spells with no visit, days with a visit, observability and press stories",
        gaps=view.all_gaps,
        stays=view.stays,
        observability=view.observability,
        months=view.months,
        stories=view.stories.rows,
        other_mentions=view.mention_days,
    )
    return figures


def _relative(page: str | None) -> str | None:
    """A link from this page to a neighbouring file; anything with a scheme, a host or a root is refused."""
    if page is None:
        return None
    parts = urlsplit(page)
    if parts.scheme or parts.netloc or page.startswith(("/", "\\")) or safe_text.visible(page) != page:
        raise ValueError(f"gate_page must be a relative path, not {page!r}")
    return page


def _file(name: str) -> str:
    return files("basewatch.report").joinpath(name).read_text(encoding="utf-8")


@cache
def _environment() -> jinja2.Environment:
    """Templates escape everything, show what is invisible, and fail on a name that does not exist."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_file),
        autoescape=True,
        finalize=safe_text.shown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "dated": safe_text.dated,
        "p": safe_text.probability,
        "percent": safe_text.percent,
        "link": safe_text.link,
        "shortened": safe_text.shortened,
        "web_address": safe_text.web_address,
    }
    environment.globals |= {
        "sentences": sentences,
        "is_unknown": charts.is_unknown,
        "is_lower_bound": charts.is_lower_bound,
        "is_made_up": data.is_made_up,
        "column_names": charts.COUNTS,
        "runs_max": charts.RUNS_MAX,
    }
    return environment
