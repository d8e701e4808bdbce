"""Where evidence can be opened: the file and line of a record, a page, an aircraft's track of a day in a viewer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb

from basewatch.findings.finding import Evidence, Row, rows
from basewatch.reference.source_terms import terms
from basewatch.report.safe_text import web_address

TRACE = re.compile(r"trace (~?[0-9a-f]{6}) (\d{4}-\d{2}-\d{2}) \((.*)\)")
RECORD = re.compile(r"(record|flightradar24|opensky):(.+)", re.DOTALL)
RECORDS = {"record": "plain_flights", "flightradar24": "flightradar24_flights", "opensky": "opensky_flights"}
ADDRESS = re.compile(r"~?[0-9a-f]{6}")
AROUND = timedelta(days=2)  # a record is filed under the day of one of its ends
NOT_KEPT = "its record is no longer in the lake"


def of_visits(connection: duckdb.DuckDBPyConnection, lake: Path, visits: Iterable[Row]) -> list[Evidence]:
    """What the evidence of these stays is, each once, in the order of the stays.

    connection: for reading the lake's files below `lake`; it may be one to a release. A stay without a trace among its
    evidence also gets the address at which a public viewer may show the aircraft's day.
    """
    found: dict[Evidence, None] = {}
    for visit in visits:
        records = _records(connection, lake, visit)
        quoted = visit["evidence"] or []
        own = [one for text in quoted for one in _evidence(text, visit, records)]
        found |= dict.fromkeys([*own, *([] if any(map(TRACE.fullmatch, quoted)) else _track(visit))])
    return list(found)


def of_article(connection: duckdb.DuckDBPyConnection, lake: Path, mention: Row) -> Evidence:
    """Where an article can be read, and the file that it was taken from, where there is one."""
    published, source = mention["published_at"] or mention["seen_at"], (mention["sources"] or [None])[0]
    row: Row = {}
    if published is not None and source is not None:
        files = _files(lake, "news_articles", source, published.date(), published.date())
        row = next((one for one in _read(connection, files) if one["article_id"] == mention["article_id"]), {})
    return Evidence(
        str(mention["title"] or mention["mention_id"]),
        source,
        row.get("origin_file"),
        row.get("origin_place"),
        row.get("origin_sha256"),
        web_address(mention["url"]),
        None if web_address(mention["url"]) else "no web address is on record",
    )


def _track(visit: Row) -> list[Evidence]:
    """The public viewer's page of the day on which a stay began, where the aircraft's address is known."""
    icao24, at = visit["icao24"], visit["first_evidence_at"]
    if not icao24 or not ADDRESS.fullmatch(icao24) or at is None:
        return []
    day = at.date().isoformat()
    url = terms()["readsb_archive"].track(icao24, day)
    return [Evidence(f"aircraft {icao24} on {day}", url=url, note="a public viewer may show it; it is no source here")]


def _evidence(quoted: str, visit: Row, records: Sequence[Row]) -> list[Evidence]:
    trace, record = TRACE.fullmatch(quoted), RECORD.fullmatch(quoted)
    sources = visit["sources"] or []
    alone = sources[0] if len(sources) == 1 else None
    if trace:
        source = next((one for one in sources if one.startswith("readsb")), "readsb_archive")
        url = terms()[source].track(trace[1], trace[2])
        return [Evidence(quoted, source, url=url, note=f"heard by {trace[3]}")]
    if web_address(quoted):
        of_page = [row for row in records if row.get("url") == quoted and _is_of(row, visit)]
        return [_from_file(quoted, row, quoted) for row in of_page] or [Evidence(quoted, alone, url=quoted)]
    if record:
        of_id = [row for row in records if row["record_id"] == record[2]]
        found = [_from_file(quoted, row, web_address(row.get("url"))) for row in of_id]
        return found or [Evidence(quoted, alone, note=NOT_KEPT)]
    return [Evidence(quoted, note="no address is on record")]


def _is_of(row: Row, visit: Row) -> bool:
    """Whether a record is of the stay: one page of the press tells of several."""
    if "event_group" not in row:
        return True
    event = re.sub(r"[^a-z0-9]+", "_", str(row["event_group"]).lower())
    return row["base_id"] == visit["base_id"] and event in visit["visit_id"]


def _from_file(quoted: str, row: Row, url: str | None) -> Evidence:
    return Evidence(
        quoted, row["source"], row.get("origin_file"), row.get("origin_place"), row.get("origin_sha256"), url
    )


def _records(connection: duckdb.DuckDBPyConnection, lake: Path, visit: Row) -> list[Row]:
    """The records that a stay names, as the lake holds them; one that stands twice in a place is given once."""
    named = {match[2] for quoted in visit["evidence"] or [] if (match := RECORD.fullmatch(quoted))}
    pages = {quoted for quoted in visit["evidence"] or [] if web_address(quoted)}
    begin, end = visit["first_evidence_at"], visit["last_evidence_at"]
    if not (named or pages) or begin is None:
        return []
    since, until = begin.date() - AROUND, (end or begin).date() + AROUND
    kept: dict[tuple[Any, ...], Row] = {}
    for source in visit["sources"] or []:
        for table in (*RECORDS.values(), "press_flights"):
            for row in _read(connection, _files(lake, table, source, since, until)):
                if row["record_id"] in named or row.get("url") in pages:
                    kept[tuple(row.get(name) for name in ("record_id", "origin_file", "origin_place"))] = row
    return list(kept.values())


def _files(lake: Path, table: str, source: str, since: date, until: date) -> list[Path]:
    """The lake's files of a source's days; `source` is a code of ours, and is no path."""
    folder = lake / table / f"source={source}"
    if source not in terms() or not folder.is_dir():
        return []
    days = ((since + timedelta(days=number)).isoformat() for number in range((until - since).days + 1))
    return [file for day in days for file in sorted((folder / f"day={day}").glob("*.parquet"))]


def _read(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> list[Row]:
    if not files:
        return []
    query = "SELECT * FROM read_parquet(?, union_by_name = true, hive_partitioning = false)"
    return rows(connection, query, [str(file) for file in files])
