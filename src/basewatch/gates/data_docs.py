"""Great Expectations' Data Docs of a run, made to open without a network: for people, after the gates have decided.

Its pages ask a handful of hosts for styles and scripts. These lie in `assets`, are put beside the pages, and are asked
for there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from basewatch.gates.great_expectations import library, readable, suite_of, validation_result
from basewatch.gates.results import GateResult
from basewatch.gates.suites import load_suites
from basewatch.warehouse.published import DOCUMENTS

# What its pages load, by address, and the file that stands in. Charts, which these pages do not have, and a dark theme
# larger than all else are left out.
ASSETS: dict[str, str | None] = {
    "https://maxcdn.bootstrapcdn.com/bootstrap/4.3.1/css/bootstrap.min.css": "bootstrap.min.css",
    "https://stackpath.bootstrapcdn.com/bootstrap/4.3.1/js/bootstrap.min.js": "bootstrap.min.js",
    "https://unpkg.com/bootstrap-table@1.19.1/dist/bootstrap-table.min.css": "bootstrap-table.min.css",
    "https://unpkg.com/bootstrap-table@1.19.1/dist/bootstrap-table.min.js": "bootstrap-table.min.js",
    "https://unpkg.com/bootstrap-table@1.19.0/dist/extensions/filter-control/bootstrap-table-filter-control.css": (
        "bootstrap-table-filter-control.min.css"
    ),
    "https://unpkg.com/bootstrap-table@1.19.0/dist/extensions/filter-control/bootstrap-table-filter-control.min.css": (
        "bootstrap-table-filter-control.min.css"
    ),
    "https://unpkg.com/bootstrap-table@1.19.1/dist/extensions/filter-control/bootstrap-table-filter-control.min.js": (
        "bootstrap-table-filter-control.min.js"
    ),
    "https://cdnjs.cloudflare.com/ajax/libs/bootstrap-datepicker/1.9.0/css/bootstrap-datepicker.min.css": (
        "bootstrap-datepicker.min.css"
    ),
    "https://cdnjs.cloudflare.com/ajax/libs/bootstrap-datepicker/1.9.0/js/bootstrap-datepicker.min.js": (
        "bootstrap-datepicker.min.js"
    ),
    "https://code.jquery.com/jquery-3.7.1.min.js": "jquery.min.js",
    "https://cdnjs.cloudflare.com/ajax/libs/popper.js/1.12.9/umd/popper.min.js": "popper.min.js",
    "https://cdnjs.cloudflare.com/ajax/libs/font-awesome/6.6.0/css/all.min.css": "icons.css",
    "https://cdn.jsdelivr.net/npm/@forevolve/bootstrap-dark@1.1.0/dist/css/bootstrap-prefers-dark.css": None,
    "https://cdn.jsdelivr.net/npm/vega@5": None,
    "https://cdn.jsdelivr.net/npm/vega-lite@5": None,
    "https://cdn.jsdelivr.net/npm/vega-embed@6": None,
}
IMAGES = ("logo-long.png", "favicon.ico")  # its own, from its package
# whatever else a page may come to hold: it loads what lies beside it, and asks nobody
POLICY = (
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'self' file: "
    "'unsafe-inline' 'unsafe-eval'; style-src 'self' file: 'unsafe-inline'; img-src 'self' file: data:\">"
)
_LOADED = re.compile(r'<(?:script|link)\b[^>]*?\b(?P<kind>src|href)="(?P<address>https?:[^"]*)"[^>]*>(?:</script>)?')
_IMAGE = re.compile(rf'"[^"]*/(?P<name>{"|".join(map(re.escape, IMAGES))})(?:\?[^"]*)?"')


def write(result: GateResult, values: Mapping[str, Any], folder: Path, suites: Traversable | None = None) -> Path:
    """Write a run's validation results and Data Docs below `folder`; returns the page to begin with.

    `validation_results/<table>.json` has Great Expectations' validation result of each table's suite, made of the
    gates' counts. `data_docs/index.html` opens from the disk. `values` are the thresholds that suites name, `suites` a
    folder in place of the shipped expectations. No value from the data is in either.
    """
    values = {**values, "as_of": result.as_of, "checked_at": result.checked_at}
    checked = set(result.results["table_name"].to_pylist())
    read = {
        table: suite
        for table, suite in load_suites(suites or files("basewatch.expectations")).items()
        if table in checked
    }
    reports = {table: validation_result(result, table, suite, values) for table, suite in read.items()}
    for table, report in reports.items():
        text = json.dumps(report.to_json_dict(), indent=1, ensure_ascii=False)
        _write(folder / "validation_results" / f"{table}.json", text.encode())
    index = folder / DOCUMENTS
    _write_site(read, reports, values, result.run_id, index.parent)
    return index


def _write_site(
    suites: Mapping[str, Mapping[str, Any]], reports: Mapping[str, Any], values: Mapping[str, Any], run: str, site: Path
) -> None:
    assets, package = files("basewatch.gates") / "assets", files("great_expectations")
    for asset in assets.iterdir():
        _write(site / "static" / asset.name, asset.read_bytes())
    for image in IMAGES:
        _write(site / "static" / image, (package / "render/view/static/images" / image).read_bytes())
    with TemporaryDirectory(prefix="basewatch-data-docs-") as aside:
        _build(suites, reports, values, run, Path(aside))
        pages = [page.relative_to(aside) for page in Path(aside).rglob("*.html")]
        for page in sorted(pages, key=lambda page: -len(page.parts)):  # the one that leads to the others comes last
            text = (Path(aside) / page).read_text(encoding="utf-8")
            _write(site / page, offline(text, len(page.parts) - 1).encode())


def _build(
    suites: Mapping[str, Mapping[str, Any]], reports: Mapping[str, Any], values: Mapping[str, Any], run: str, to: Path
) -> None:
    """Have it build its site into a folder as it always does."""
    context = library().get_context(mode="ephemeral")
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )
    from great_expectations.render.renderer.site_builder import SiteBuilder

    for table, report in reports.items():
        context.suites.add(suite_of({**suites[table], "expectations": readable(suites[table], values)}))
        key = ValidationResultIdentifier(ExpectationSuiteIdentifier(table), report.meta["run_id"], "candidate")
        context.validation_results_store.set(key, report)
    SiteBuilder(
        context,
        store_backend={"class_name": "TupleFilesystemStoreBackend", "base_directory": str(to)},
        site_name=run,
        show_how_to_buttons=False,
        site_section_builders={"profiling": "None"},
    ).build()


def offline(page: str, depth: int) -> str:
    """A page of Data Docs that loads nothing but what lies in `static`, `depth` folders above it.

    Raises ValueError where it asks for something that is not shipped.
    """
    static = f"{'../' * depth}static/"

    def beside(tag: re.Match[str]) -> str:
        if tag["address"] not in ASSETS:
            raise ValueError(f"Data Docs load {tag['address']}, for which no file is shipped")
        file = ASSETS[tag["address"]]
        if file is None:
            return ""
        if tag["kind"] == "src":
            return f'<script src="{static}{file}"></script>'
        return f'<link rel="stylesheet" href="{static}{file}">'

    page = _LOADED.sub(beside, page)
    page = _IMAGE.sub(lambda image: f'"{static}{image["name"]}"', page)
    page = page.replace("(prefers-color-scheme: dark)", "not all")  # its dark theme is not shipped
    return page.replace("<head>", f"<head>{POLICY}", 1)


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
