"""What is right and what is not with this installation: one finding a check, each fault with what to do about it."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from basewatch.alerts import rules, sending
from basewatch.cli import forecast
from basewatch.config import Settings
from basewatch.errors import BasewatchError
from basewatch.gates import great_expectations
from basewatch.reference import load
from basewatch.reference.load import Params, Reference
from basewatch.remote import storage
from basewatch.run import doubts_about
from basewatch.sources import contract
from basewatch.sources.contract import Finding
from basewatch.warehouse.releases import Warehouse

LEAST_NIGHTS = 14  # fewer, and somebody must do something
LEAST_FREE_GB = 5.0  # a nightly run's working space beside what sources land


def run(settings: Settings, *, network: bool = True) -> list[Finding]:
    """All findings: interpreter, warehouse, disk, reference tables, and each enabled source's own checks.

    A check that breaks is a finding, never an exception. `network=False` leaves the sources' own checks out.
    """
    findings = [_interpreter(), *_warehouse(settings), *_great_expectations(settings), *_alerts(settings)]
    findings += _storage(settings) if network else []
    facts = _facts(settings)
    if isinstance(facts, Finding):
        findings.append(facts)
    else:
        findings.append(Finding(True, f"reference tables: {len(facts[0].bases)} bases"))
        advice = "correct the table, unless it is meant"
        findings += [Finding(False, sentence, advice) for sentence in doubts_about(settings, *facts)]
    enabled = settings.enabled_sources()
    if not enabled:
        findings.append(Finding(False, "no source is enabled", "enable one: [sources.<name>] enabled = true"))
    if network and not isinstance(facts, Finding) and _has_root(settings):
        for code in enabled:
            findings += source(code, settings, *facts)
    return findings


def source(code: str, settings: Settings, tables: Reference, params: Params) -> list[Finding]:
    """The findings of one source's own `check`; of one without, whether its location exists."""
    try:
        module = contract.module(code)
    except ImportError as error:
        return [Finding(False, f"{code}: cannot be loaded ({error})", "install basewatch again with all dependencies")]
    try:
        context = contract.context(code, settings, tables, params, datetime.now(UTC))
        return module.check(context) if module.check else [contract.check_location(context)]
    except BasewatchError as error:
        return [Finding(False, f"{code}: {error}", "see the message")]
    except Exception as error:
        return [Finding(False, f"{code}: the check itself failed ({type(error).__name__})", "report this as a bug")]


def _interpreter() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding(sys.version_info >= (3, 11), f"Python {version}", "use Python 3.11 or newer")


def _warehouse(settings: Settings) -> list[Finding]:
    try:
        root = settings.root
    except BasewatchError as error:
        return [Finding(False, str(error), "set warehouse.root to a folder")]
    nearest = root
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    writable = _writable(nearest)
    state = ("writable" if writable else "not writable") + ("" if root.exists() else " (not there yet)")
    findings = [
        Finding(
            writable,
            f"warehouse {root}: {state}",
            f"give this user write access to {nearest}, or set warehouse.root",
        )
    ]
    if writable and os.name == "posix":
        linkable = _linkable(nearest)
        findings.append(
            Finding(
                linkable,
                f"warehouse {root}: symbolic links {'work' if linkable else 'do not work'}",
                "use a file system with symbolic links: the switch of `current` is one",
            )
        )
    free = shutil.disk_usage(nearest).free / 1e9
    return [
        *findings,
        Finding(
            free >= LEAST_FREE_GB,
            f"disk of {nearest}: {free:,.1f} GB free",
            f"free space until {LEAST_FREE_GB:.0f} GB are left, or move the warehouse",
        ),
        *_forecast(settings, free * 1e9),
    ]


def _storage(settings: Settings) -> list[Finding]:
    """Whether the storage can be reached, and keeps two runs apart; nothing where none is set."""
    try:
        found = storage.check(settings)
    except BasewatchError as error:
        return [Finding(False, str(error), "see the message")]
    return [Finding(True, found)] if found else []


def _forecast(settings: Settings, free: float) -> list[Finding]:
    """How many nights fit; nothing before the first release."""
    try:
        found = forecast.forecast(settings, Warehouse(settings.root), free)
    except BasewatchError as error:
        return [Finding(False, f"disk: no forecast: {error}", "see the message")]
    if found is None:
        return []
    nights = f"{found.nights}" if found.nights < forecast.MOST_NIGHTS else f"{found.nights} and more"
    return [
        Finding(
            found.nights >= LEAST_NIGHTS,
            f"disk: room for {nights} nights ({found.a_day / 1e6:,.1f} MB a day, "
            f"{found.a_release / 1e6:,.1f} MB a release)",
            "free space, keep fewer releases (warehouse.keep_releases, keep_bytes), or set keep_landing = false",
        )
    ]


def _alerts(settings: Settings) -> list[Finding]:
    """Whether apprise understands each target, and whether quiet hours let anything out. Nothing is sent."""
    findings = []
    for name in settings.alerts.targets:
        wrong = sending.check(settings.alerts, name)
        what = f"alerts: target {name} ({settings.alerts.scheme(name)})"
        findings.append(Finding(wrong is None, f"{what}{f': {wrong}' if wrong else ''}", "see docs/alerts.md"))
    hours = _hours(settings.nightly.cron)
    if findings and settings.alerts.quiet_hours and hours:
        now = datetime.now(UTC)
        runs = [now.replace(hour=hour, minute=minute) for hour, minute in hours]
        is_held = all(rules.is_quiet(settings.alerts, moment) for moment in runs)
        findings.append(
            Finding(
                not is_held,
                f"alerts: quiet hours {settings.alerts.quiet_hours} ({settings.alerts.time_zone})",
                "every night of nightly.cron lies in them, so that alerts wait for ever: have a timer run "
                "`basewatch alerts send` after them",
            )
        )
    return findings


def _hours(cron: str) -> list[tuple[int, int]]:
    """Hour and minute (UTC) of a cron line that names them as numbers; empty for any other."""
    fields = cron.split()
    if len(fields) != 5 or not fields[0].isdigit():
        return []
    hours = fields[1].split(",")
    return [(int(hour) % 24, int(fields[0]) % 60) for hour in hours] if all(map(str.isdigit, hours)) else []


def _great_expectations(settings: Settings) -> list[Finding]:
    """Whether it is there for what the settings want of it: to judge, or to write Data Docs."""
    wanted = settings.gates.judge == "great_expectations" or settings.gates.data_docs
    if not wanted:
        return []
    there = great_expectations.is_installed()
    return [
        Finding(
            there,
            f"Great Expectations is {'' if there else 'not '}installed",
            'install basewatch again with all dependencies, or set gates.data_docs = false and gates.judge = "counts"',
        )
    ]


def _has_root(settings: Settings) -> bool:
    try:
        return bool(settings.root)
    except BasewatchError:
        return False


def _writable(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _linkable(folder: Path) -> bool:
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".doctor-") as inside:
            link = Path(inside) / "link"
            link.symlink_to("target")
            return link.is_symlink()
    except OSError:
        return False


def _facts(settings: Settings) -> tuple[Reference, Params] | Finding:
    try:
        return load.tables(settings), load.params(settings)
    except BasewatchError as error:
        return Finding(False, f"reference tables: {error}", "correct the file that the message names")
