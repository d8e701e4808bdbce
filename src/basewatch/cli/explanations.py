"""An explanation of a finding, at a terminal: sentences, tables, evidence that opens, and the commands that lead on."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from basewatch.cli import tables
from basewatch.errors import ConfigError
from basewatch.findings.explaining import explain
from basewatch.findings.finding import Evidence, Explanation
from basewatch.warehouse.published import Published, Release


def show(published: Published, name: str, release: str | None, form: tables.Format) -> None:
    """Print why a release says so. Raises ConfigError where there is no such finding."""
    if form == "csv":
        raise ConfigError("an explanation is no one table; --format json has it all, `basewatch cite` its rows as CSV")
    with tables.opened(published, release) as connection:
        told = explain(connection, published.root / "lake", name)
    chosen = published.release(release)
    if form == "json":
        print(json.dumps(tables.cleaned(tables.plain(_as_json(told, chosen))), indent=1, ensure_ascii=False))
        return
    print(f"{told.finding.sort} {tables.as_text(told.finding.finding_id)}")
    for sentence in told.sentences:
        print(tables.as_text(sentence))
    for table in told.tables:
        print()
        tables.print_table(table.title, table.columns, table.rows)
    if told.evidence:
        print("\nEvidence")
        for one in told.evidence:
            print(f"  {tables.as_text(in_words(one))}")
    print(f"\nRelease {chosen.release_id}, days up to {chosen.manifest['as_of']}. Next:")
    for command in told.commands:
        print(f"  {tables.as_text(command)}")


def in_words(one: Evidence) -> str:
    """Evidence in one line: what it is, and where it opens."""
    where = f"{one.place} of {one.file}" if one.place and one.file else one.file
    address = one.url if one.url != one.quoted else None
    return ", ".join(part for part in (one.quoted, one.source, where, one.note, address) if part)


def _as_json(told: Explanation, release: Release) -> dict[str, Any]:
    return {
        "release_id": release.release_id,
        "as_of": release.manifest["as_of"],
        "sort": told.finding.sort,
        "id": told.finding.finding_id,
        "sentences": told.sentences,
        "tables": [dataclasses.asdict(table) for table in told.tables],
        "evidence": [dataclasses.asdict(one) for one in told.evidence],
        "rows": told.rows,
        "next": told.commands,
    }
