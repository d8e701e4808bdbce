"""What a citation may hold: whole rows, or their ids and hashes, or nothing, as the terms of their sources have it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import duckdb

from basewatch.errors import ConfigError
from basewatch.findings import origins
from basewatch.findings.finding import Evidence, Explanation, Row
from basewatch.reference.source_terms import Terms, terms
from basewatch.report.forms import plain

OWN = "flight_files"  # records of the user's own: the user knows whether they may be passed on


@dataclass(frozen=True)
class Cited:
    """What a citation may hold of an explanation: its rows, its evidence, and how many of each had to be left out."""

    rows: dict[str, list[Row]]
    evidence: list[Evidence]
    reduced: int
    expired: int


def cited(
    connection: duckdb.DuckDBPyConnection,
    lake: Path,
    told: Explanation,
    expired: set[tuple[str, date]],
    is_own_free: bool,
) -> Cited:
    """What may be passed on of an explanation's rows and evidence.

    expired: sources and days whose terms have ended. is_own_free: the user's own records may be passed on. Raises
    ConfigError where the finding is a visit of such a day.
    """
    visits = told.rows.get("base_visits", [])
    mentions = told.rows.get("news_mentions", [])
    kept = [row for row in visits if not _has_expired(row, row["first_evidence_at"], row["last_evidence_at"], expired)]
    read = [row for row in mentions if not _has_expired(row, row["published_at"], row["seen_at"], expired)]
    if told.finding.sort == "visit" and not kept:
        raise ConfigError(
            f"{told.finding.finding_id} cannot be quoted: the terms of {' and '.join(told.finding.row['sources'])} for "
            "that day have ended"
        )
    free = {code for code, one in terms().items() if one.may_redistribute or (is_own_free and code == OWN)}
    rows = dict(told.rows)
    rows["base_visits"] = [row if set(row["sources"] or []) <= free else _reduced(row) for row in kept]
    gone = {row["visit_id"] for row in visits} - {row["visit_id"] for row in kept}
    if gone:
        rows["claim_checks"] = [_without(row, gone) for row in rows.get("claim_checks", [])]
    if "news_mentions" in rows:
        rows["news_mentions"] = read
    if any(set(row["sources"] or []) - free for row in kept):
        rows.pop("visit_terms", None)
    evidence = [
        *(origins.of_article(connection, lake, mention) for mention in read),
        *origins.of_visits(connection, lake, kept),
    ]
    reduced = sum(not set(row["sources"] or []) <= free for row in kept)
    return Cited(rows, evidence, reduced, len(visits) - len(kept) + len(mentions) - len(read))


def _without(claim: Row, gone: set[str]) -> Row:
    """A claim that does not name these visits."""
    return claim | {"visit_ids": [visit for visit in claim["visit_ids"] or [] if visit not in gone]}


def _has_expired(row: Row, first: datetime | None, last: datetime | None, expired: set[tuple[str, date]]) -> bool:
    """Whether a row rests on a day whose source's terms have ended, be it in part."""
    moments = [moment.date() for moment in (first, last) if moment is not None]
    if not moments:
        return False
    return any(source in (row["sources"] or []) and min(moments) <= day <= max(moments) for source, day in expired)


def _reduced(row: Row) -> Row:
    """What may be told of a row that may not be passed on: its id, whence it is, and a hash to know it again by."""
    whole = json.dumps(plain(row), sort_keys=True, ensure_ascii=False)
    return {
        "visit_id": row["visit_id"],
        "base_id": row["base_id"],
        "sources": row["sources"],
        "row_sha256": hashlib.sha256(whole.encode()).hexdigest(),
    }


def used_terms(cited: Cited) -> list[Terms]:
    """The terms of every source that what is cited rests on."""
    named = {source for rows in cited.rows.values() for row in rows for source in row.get("sources") or []}
    named |= {one.source for one in cited.evidence if one.source}
    return [one for code, one in sorted(terms().items()) if code in named]
