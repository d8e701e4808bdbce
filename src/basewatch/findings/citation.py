"""A folder with everything needed to quote a finding: a sentence, rows, evidence, licences, method and a chart.

Rows of sources whose terms forbid passing them on are given by id and hash alone. What a source's terms no longer allow
to keep (status `expired`) is not written at all.
"""

from __future__ import annotations

import dataclasses
import re
import shutil
import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from basewatch import outside
from basewatch.durable import make_folder
from basewatch.errors import ConfigError
from basewatch.findings import permitted
from basewatch.findings.drawing import chart
from basewatch.findings.explaining import explain
from basewatch.findings.finding import Explanation
from basewatch.findings.page import page
from basewatch.findings.permitted import Cited, used_terms
from basewatch.reference.source_terms import Terms, terms
from basewatch.report import corrections, sentences, standalone
from basewatch.report.forms import as_csv, write_json

PAGE, CHART = "citation.html", "chart.svg"
THRESHOLDS = {  # by sort of finding: what the names of those begin with that decide it
    "visit": ("stay_", "contact_", "undecided_", "alternative_"),
    "gap": ("gap_", "min_gap_days", "resumption_", "unheard_"),
    "claim": ("claim_", "gap_"),
    "month": ("expected_", "coverage_", "stay_"),
}
METHOD = {
    "visit": "A visit is a stay of one aircraft at one base on any evidence. It counts from confidence 2 of 4 upwards. "
    "A stay that nobody heard to the ground is judged by the silence of the aircraft: the points of each term add up "
    "to log-odds, these to a probability.",
    "gap": "Visits are drawn together into episodes of 72 hours. The probability of so long a silence at the earlier "
    "rate is (T/(T+G))^(n+1/2), with n episodes in T observable days before it and G in it; it is corrected for how "
    "many spells were looked at. A pause lasts 28 days or more, at least 80 % of them could be seen, and its corrected "
    "probability is below 0.01.",
    "claim": "A claim of the press is held against the visits on record in the time that it speaks of. Visits of "
    "confidence 2 or more inside a claimed pause contradict it; where too few of its days could be seen, nothing is "
    "said.",
    "month": "Visits of a month are the stays of confidence 2 or more whose first evidence lies in it. Days that were "
    "not looked at, or on which nothing could be heard, are told apart from days without a visit.",
}


def write(
    connection: duckdb.DuckDBPyConnection,
    lake: Path,
    name: str,
    out: Path,
    *,
    manifest: Mapping[str, Any],
    expired: set[tuple[str, date]],
    thresholds: Mapping[str, Any] | None,
    is_own_free: bool,
    summary: Mapping[str, Any] | None = None,
) -> Path:
    """Write the citation of a finding into a folder of its own below `out`; its path.

    manifest: of the release that `connection` is open to. expired: sources and days whose terms have ended.
    thresholds: those that the release was judged by, None where they are not known. is_own_free: rows of the user's
    own records may be passed on. summary: of the release; what the one before said otherwise is said. Raises
    ConfigError for an unknown finding, one whose source's terms have ended, and a folder that holds something else.
    """
    told = explain(connection, lake, name)
    allowed = permitted.cited(connection, lake, told, expired, is_own_free)
    folder = out / re.sub(r"[^A-Za-z0-9_.-]", "_", told.finding.finding_id).lstrip(".")
    make_folder(out)
    aside = out / f".{folder.name}.{uuid.uuid4().hex}"
    aside.mkdir()
    try:
        _fill(aside, connection, told, allowed, manifest, thresholds, summary)
        _replace(folder, aside)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    return folder


def _replace(folder: Path, aside: Path) -> None:
    """Put the new folder in the place of an earlier citation, and of nothing else."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise ConfigError(f"{folder} is there already and no citation; name another folder with --out")
    if folder.exists():
        new = {file.relative_to(aside) for file in aside.rglob("*") if file.is_file()}
        strange = [
            file.relative_to(folder)
            for file in folder.rglob("*")
            if file.is_file() and file.relative_to(folder) not in new and not _is_ours(file.relative_to(folder))
        ]
        if strange:
            raise ConfigError(f"{folder} holds {strange[0]}, which is no part of a citation; name another with --out")
        shutil.rmtree(folder)
    aside.rename(folder)


def _is_ours(file: Path) -> bool:
    return file.parts[0] == "rows" and file.suffix in (".csv", ".json")


def _fill(
    folder: Path,
    connection: duckdb.DuckDBPyConnection,
    told: Explanation,
    cited: Cited,
    manifest: Mapping[str, Any],
    thresholds: Mapping[str, Any] | None,
    summary: Mapping[str, Any] | None,
) -> None:
    used = used_terms(cited)
    sort = told.finding.sort
    sentence = quotable(told, manifest, used)
    chosen = None
    if thresholds is not None:
        chosen = {name: value for name, value in thresholds.items() if name.startswith(THRESHOLDS[sort])}
    about: dict[str, Any] = {
        "sentence": sentence,
        "sort": sort,
        "id": told.finding.finding_id,
        "release": {name: manifest.get(name) for name in _OF_RELEASE},
        "corrections": _corrections(told, summary),
        "sentences": told.sentences,
        "method": METHOD[sort],
        "thresholds": chosen,
        "rows_given_by_id_and_hash": cited.reduced,
        "rows_left_out_as_their_terms_ended": cited.expired,
    }
    evidence = [dataclasses.asdict(one) for one in cited.evidence]
    licences = [dataclasses.asdict(one) for one in used]
    write_json(folder / "finding.json", about)
    for name, rows in {**{f"rows/{table}": rows for table, rows in cited.rows.items()}, "evidence": evidence,
                       "licences": licences}.items():  # fmt: skip
        if rows:
            (folder / name).parent.mkdir(exist_ok=True)
            write_json(folder / f"{name}.json", rows)
            (folder / f"{name}.csv").write_text(as_csv(rows), encoding="utf-8", newline="")
    drawing = chart(connection, told, manifest, used)
    if drawing is not None:
        (folder / CHART).write_text(drawing, encoding="utf-8")
        (folder / "chart.png").write_bytes(standalone.png(drawing))
    (folder / PAGE).write_text(page(about, cited, used, drawing), encoding="utf-8")
    (folder / "citation.txt").write_text(outside.cell(sentence) + "\n", encoding="utf-8")


def _corrections(told: Explanation, summary: Mapping[str, Any] | None) -> list[str]:
    """What earlier releases said otherwise of the finding."""
    if told.finding.sort == "visit":
        return []
    return corrections.of_finding(summary, told.finding.sort, told.finding.row, _provider)


def _provider(source: str) -> str:
    return terms()[source].provider if source in terms() else source


def quotable(told: Explanation, manifest: Mapping[str, Any], used: Sequence[Terms]) -> str:
    """One sentence to quote, with the release that says so and whose data it rests on."""
    made_up = told.sentences[0].startswith("SIMULATED")
    first = told.sentences[1 if made_up else 0]
    if told.finding.sort == "claim":
        first = f"{first} {next(one for one in told.sentences if one.startswith('Verdict'))}"
    credits = "; ".join(dict.fromkeys(one.title for one in used))
    rests = f" Rests on: {credits}." if credits else ""
    warning = "SIMULATED, not real: " if made_up else ""
    return (
        f"{warning}{first} (basewatch, release {manifest['release_id']}, days up to {manifest['as_of']}; "
        f"{told.finding.sort} {told.finding.finding_id}.){rests} {sentences.CAVEAT}"
    )


_OF_RELEASE = (
    *("release_id", "published_at", "as_of", "code_version", "models_sha256", "parameters_sha256", "thresholds_sha256"),
    *("reference_sha256", "learnt_sha256", "lake_sha256", "fingerprint"),
)
