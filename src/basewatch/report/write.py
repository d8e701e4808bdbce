"""A release's report: an index and a page a base, each whole by itself; a pure function of the release."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from basewatch.report import base_page, data, finding, index_page, templates
from basewatch.report.listing import Row
from basewatch.report.providers import Providers

INDEX, FOLDER = "index.html", "bases"
OURS = b'<meta name="generator" content="basewatch">'
HEAD = 2000  # bytes of a page in which that stands


def report(
    database: Path,
    out: Path,
    *,
    bases: list[str],
    fleet: str,
    gate_page: str | None = None,
    licences: Iterable[Mapping[str, Any]] = (),
    release_id: str | None = None,
    summary: Mapping[str, Any] | None = None,
    fields: Iterable[Mapping[str, Any]] = (),
) -> Path:
    """Writes out/index.html and out/bases/*.html from a published database; the path of the index.

    The index appears last, each page whole or not at all. Pages of bases that an earlier report left are removed.
    The arguments are those of `pages`.
    """
    made = pages(database, bases=bases, fleet=fleet, gate_page=gate_page, licences=licences, release_id=release_id,
                 summary=summary, fields=fields)  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=out, prefix=".report-"))
    try:
        (aside / FOLDER).mkdir()
        names = [_write(aside, name, text) for name, text in made]
        (out / FOLDER).mkdir(exist_ok=True)
        for name in sorted(names, key=lambda one: one == INDEX):
            (aside / name).replace(out / name)
        _remove_others(out / FOLDER, {Path(name).name for name in names})
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return out / INDEX


def _write(folder: Path, name: str, text: str) -> str:
    """Write one page; its name."""
    with (folder / name).open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    (folder / name).chmod(0o644)
    return name


def _remove_others(folder: Path, names: set[str]) -> None:
    """Remove pages of ours that this report did not write: nothing leads to them, and they are of another release."""
    for file in folder.glob("*.html"):
        if file.name not in names and file.is_file():
            with file.open("rb") as stream:
                is_ours = OURS in stream.read(HEAD)
            if is_ours:
                file.unlink()


def pages(
    database: Path,
    *,
    bases: list[str],
    fleet: str,
    gate_page: str | None = None,
    licences: Iterable[Mapping[str, Any]] = (),
    release_id: str | None = None,
    summary: Mapping[str, Any] | None = None,
    fields: Iterable[Mapping[str, Any]] = (),
) -> Iterator[tuple[str, str]]:
    """The pages by their names below the report's folder, as text; the same release gives the same, byte for byte.

    database: a release's basewatch.duckdb, opened read-only. bases: ids to show; empty for all with a visit, a mention
    or a claim. gate_page: a relative link from the index to the gate results. licences: rows of the reference table
    `sources`. release_id: which row of `releases` the database stands for; the latest by default. summary: the
    release's. fields: rows of the reference table `fields`, for the map. Raises ConfigError for a base or fleet that
    the release does not hold, ReportError where the file is no release.
    """
    gates = templates.relative(gate_page)
    report_rows = data.read(database, bases, fleet, release_id)
    named = list(licences)
    providers = Providers(named, report_rows.told_by)
    told = finding.as_summary(report_rows)
    by_code = _by_code(fields, report_rows)
    titles = {view.base_id: finding.title(view, report_rows, told) for view in report_rows.bases}
    shared = {"report": report_rows, "providers": providers}
    for view in report_rows.bases:
        yield (
            f"{FOLDER}/{view.slug}.html",
            base_page.html(view, report_rows, titles[view.base_id], told, providers, summary, by_code, shared),
        )
    yield INDEX, index_page.html(report_rows, titles, summary, named, gates, shared)


def _by_code(fields: Iterable[Mapping[str, Any]], report_rows: data.Report) -> dict[str, Row]:
    """Fields by the codes under which visits name them; a watched base before any other."""
    found: dict[str, Row] = {}
    for row in fields:
        found.setdefault(str(row["icao"] or row["ident"]), dict(row))
    for about in [*report_rows.still, *(view.about for view in report_rows.bases)]:
        if about["icao"]:
            found[about["icao"]] = about
    return found
