"""What stands: the current release, the last run, every source's freshness, open gaps and the last gate results."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime
from typing import Any

import duckdb

from basewatch import run
from basewatch.alerts import outbox
from basewatch.cli import tables
from basewatch.config import Settings
from basewatch.database import connect
from basewatch.errors import StoreFault
from basewatch.lake.events import GLOBAL
from basewatch.lake.ledger import LedgerRow
from basewatch.report import news
from basewatch.warehouse import clock
from basewatch.warehouse.releases import Warehouse, utc_now

GOOD = ("ok", "empty")  # a day that is partial is no proof of silence, and is told apart


def read(settings: Settings) -> dict[str, Any]:
    """Everything that `basewatch status` shows, as JSON holds it."""
    warehouse = Warehouse(settings.root)
    release = warehouse.current()
    values: dict[str, Any] = {
        "warehouse": str(warehouse.root),
        "release": None if release is None else {**release.manifest, "files": len(release.manifest["files"])},
        "releases_kept": [entry.release_id for entry in warehouse.releases()],
        "last_run": warehouse.last_run(),
        "clock": clock.read(warehouse.root).doubt(utc_now()),
        "sources": _sources(settings, warehouse.lake.ledger()),
        "files": _files(settings, warehouse),
        "alerts": _alerts(settings),
        "summary": release.summary if release else None,
        "open_gaps": [],
        "gates": None,
        "data_docs": None,
    }
    if release is not None:
        docs = run.documents(warehouse, release)
        values["data_docs"] = str(docs) if docs else None
        with connect(release.database, read_only=True) as connection:
            values["open_gaps"] = _rows(
                connection,
                "SELECT gap_id, base_id, fleet_id, first_day, gap_days, kind FROM base_gaps "
                "WHERE is_ongoing ORDER BY gap_id",
            )
            values["gates"] = {
                "checks": _value(connection, "SELECT count(*) FROM quality_results"),
                "failed": _rows(
                    connection,
                    "SELECT table_name, check_name, severity, observed, why FROM quality_results "
                    "WHERE NOT success ORDER BY severity, table_name, check_name",
                ),
            }
    return values


def _alerts(settings: Settings) -> dict[str, Any]:
    """Who is told, without any address, and how much waits to be; None where the outbox is damaged."""
    told = settings.alerts
    targets = [f"{name} ({told.scheme(name)})" for name in told.targets]
    try:
        waiting = len(outbox.read(settings.root).waiting)
    except StoreFault:
        return {"targets": targets, "waiting": None}
    return {"targets": targets, "waiting": waiting}


FILES_SHOWN = 20
REASON_SHOWN = 100
STEPS_SHOWN = 3  # of the last run, the longest


def _files(settings: Settings, warehouse: Warehouse) -> list[dict[str, Any]]:
    """What came of each file: of the user's own all, of other sources those in which the last run met a fault."""
    told = [
        {**one.values, "is_sound": one.reading.is_sound} for one in run.files(warehouse, settings.enabled_sources())
    ]
    known = {entry["source"] for entry in told}
    last = warehouse.last_run() or {}  # which keeps those alone that are not sound
    told += [{**entry, "is_sound": False} for entry in last.get("files", []) if entry["source"] not in known]
    return [
        {
            **{name: value for name, value in entry.items() if name not in ("reason", "run_id", "sha256")},
            "first_reason": entry["reason"] or entry["fault"],
        }
        for entry in told
    ]


def _short(value: Any) -> Any:
    return f"{value[:REASON_SHOWN]}…" if isinstance(value, str) and len(value) > REASON_SHOWN else value


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    result = connection.execute(query)
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, map(tables.plain, row), strict=True)) for row in result.fetchall()]


def _value(connection: duckdb.DuckDBPyConnection, query: str) -> Any:
    row = connection.execute(query).fetchone()
    return row[0] if row else None


def _sources(settings: Settings, ledger: list[LedgerRow]) -> list[dict[str, Any]]:
    by_source: dict[str, list[LedgerRow]] = defaultdict(list)
    for row in ledger:
        by_source[row.source].append(row)
    entries = []
    for code in sorted({*by_source, *settings.enabled_sources()}):
        rows = by_source[code]
        good: list[date] = [row.day for row in rows if row.status in GOOD]
        bad = [row for row in rows if row.status not in GOOD]
        summed_up = {row.day for row in rows if row.scope == GLOBAL}
        counted = [row for row in rows if row.scope == GLOBAL or row.day not in summed_up]
        latest = max(bad, key=lambda row: row.ingested_at, default=None)
        entries.append(
            {
                "source": code,
                "is_enabled": code in settings.enabled_sources(),
                "last_good_day": max(good).isoformat() if good else None,
                "days_good": len(set(good)),
                "days_partial": len({row.day for row in bad if row.status == "partial"}),
                "days_not_good": len({row.day for row in bad if row.status != "partial"}),
                "records_kept": sum(row.records_kept for row in counted),
                "records_rejected": sum(row.records_rejected for row in counted),
                "last_fault": f"{latest.day} {latest.status}: {latest.error}" if latest else None,
            }
        )
    return entries


def sum_of(last: dict[str, Any]) -> float:
    """How many seconds a run lasted."""
    began, ended = (datetime.fromisoformat(last[name]) for name in ("started_at", "finished_at"))
    return (ended - began).total_seconds()


def show(values: dict[str, Any]) -> None:
    """Print it for people."""
    release, last = values["release"], values["last_run"]
    if release:
        print(f"release   {release['release_id']}, days up to {release['as_of']}, {len(values['releases_kept'])} kept")
    else:
        print(f"release   none in {values['warehouse']} yet")
    if values["clock"]:
        print(f"clock     {values['clock']}; until it has stood for a week nothing is deleted under a source's terms")
    for sentence in news.sentences(values["summary"]):
        print(f"          {tables.as_text(sentence)}")
    if last:
        took = f", {sum_of(last):,.0f} s" if last.get("finished_at") else ""
        told = f": {last['error']}" if last["error"] else ""
        print(f"last run  {last['run_id']}, exit {last['exit_status']}{took}{told}")
        slowest = sorted(last.get("seconds", {}).items(), key=lambda item: item[1], reverse=True)[:STEPS_SHOWN]
        if slowest:
            print(f"          most of it: {', '.join(f'{step} {seconds:,.1f} s' for step, seconds in slowest)}")
        for name, fault in last["failures"].items():
            print(f"          failed {name}: {tables.as_text(fault)}")
        for fault in last.get("faults", []):
            print(f"          {tables.as_text(fault)}")
        if last.get("log"):
            print(f"          tracebacks: {last['log']}")
    waiting = values["alerts"]["waiting"]
    if waiting or waiting is None:
        print(f"alerts    {'the outbox is damaged' if waiting is None else f'{waiting} wait'}: basewatch alerts list")
    names = (
        *("source", "is_enabled", "last_good_day", "days_good", "days_partial", "days_not_good"),
        *("records_rejected", "last_fault"),
    )
    tables.print_table("Sources", names, [[entry[name] for name in names] for entry in values["sources"]])
    shown = [entry for entry in values["files"] if not entry["is_sound"]]
    of_file = (
        "source",
        "file",
        "records_read",
        "records_kept",
        "records_rejected",
        "records_duplicate",
        "first_reason",
    )
    tables.print_table(
        "Files that were not wholly read",
        of_file,
        [[_short(entry[name]) for name in of_file] for entry in shown[:FILES_SHOWN]],
    )
    if len(shown) > FILES_SHOWN:
        print(f"          … and {len(shown) - FILES_SHOWN} more: basewatch status --json")
    for listed_in in sorted({entry["list"] for entry in shown if entry["list"]}):
        print(f"rejects   {listed_in}")
    gaps = ("gap_id", "first_day", "gap_days", "kind")
    tables.print_table("Open spells with no visit", gaps, [[gap[name] for name in gaps] for gap in values["open_gaps"]])
    if values["gates"]:
        failed = values["gates"]["failed"]
        print(f"gates     {values['gates']['checks']} checks, {len(failed)} failed")
        for check in failed:
            print(f"          {check['severity']}: {check['table_name']}: {check['check_name']}: {check['observed']}")
    if values["data_docs"]:
        print(f"data docs {values['data_docs']}")
