"""What stands: the current release, the last run, every source's freshness, open gaps and the last gate results."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date, datetime
from typing import Any

from basewatch.alerts import outbox
from basewatch.cli import tables, telling
from basewatch.config import Settings
from basewatch.errors import StoreFault
from basewatch.lake.events import GLOBAL
from basewatch.lake.ledger import LedgerRow
from basewatch.lake.store import Lake
from basewatch.warehouse import clock, told_files
from basewatch.warehouse.published import Published, utc_now

GOOD = ("ok", "empty")  # a day that is partial is no proof of silence, and is told apart


def read(settings: Settings) -> dict[str, Any]:
    """Everything that `basewatch status` shows, as JSON holds it. Raises StoreFault where a release is damaged."""
    published, lake = Published(settings.root), Lake(settings.root)
    release, last_run = published.current(), published.last_run()
    if release is not None:
        release.require_database()
    summary = release.summary if release else None
    docs = published.documents(release) if release else None
    return {
        "warehouse": str(published.root),
        "release": None if release is None else {**release.manifest, "files": len(release.manifest["files"])},
        "releases_kept": [entry.release_id for entry in published.releases()],
        "last_run": last_run,
        "clock": clock.read(published.root).doubt(utc_now()),
        "sources": _sources(settings, lake.ledger()),
        "files": _files(settings, published, lake, last_run or {}),
        "alerts": _alerts(settings),
        "summary": summary,
        "open_gaps": summary["ongoing"] if summary else [],
        "gates": summary["gates"] if summary else None,
        "data_docs": str(docs) if docs else None,
    }


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


def _files(settings: Settings, published: Published, lake: Lake, last_run: dict[str, Any]) -> list[dict[str, Any]]:
    """What came of each file: of the user's own all, of other sources those in which the last run met a fault."""
    own = told_files.files(published, lake, settings.enabled_sources())
    told = [{**one.values, "is_sound": one.reading.is_sound} for one in own]
    known = {entry["source"] for entry in told}
    # a run's record keeps those alone that are not sound
    told += [{**entry, "is_sound": False} for entry in last_run.get("files", []) if entry["source"] not in known]
    return [
        {
            **{name: value for name, value in entry.items() if name not in ("reason", "run_id", "sha256")},
            "first_reason": entry["reason"] or entry["fault"],
        }
        for entry in told
    ]


def _short(value: Any) -> Any:
    return f"{value[:REASON_SHOWN]}…" if isinstance(value, str) and len(value) > REASON_SHOWN else value


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


def show_as_json(values: dict[str, Any]) -> None:
    """Print it as JSON."""
    print(json.dumps(tables.cleaned(values), indent=1, default=str, ensure_ascii=False))


def sum_of(last: dict[str, Any]) -> float:
    """How many seconds a run lasted."""
    began, ended = (datetime.fromisoformat(last[name]) for name in ("started_at", "finished_at"))
    return (ended - began).total_seconds()


def show(values: dict[str, Any], settings: Settings) -> None:
    """Print it for people."""
    release, last = values["release"], values["last_run"]
    if release:
        print(f"release   {release['release_id']}, days up to {release['as_of']}, {len(values['releases_kept'])} kept")
    else:
        print(f"release   none in {values['warehouse']} yet")
    if values["clock"]:
        print(f"clock     {values['clock']}; until it has stood for a week nothing is deleted under a source's terms")
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
    telling.say_what_matters(values["summary"], settings)
    print()
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
    telling.say_what_next(values["summary"], settings)
