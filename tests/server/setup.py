"""What tests of network sources share: settings, contexts, and the module-wide state set back to nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from basewatch.config import OverHttp, Settings, Sources
from basewatch.lake.events import Day, Reject, Rows
from basewatch.net.limits import STATE, Clock, State
from basewatch.outside import _SECRETS
from basewatch.reference import load
from basewatch.sources import contract
from basewatch.sources.contract import Context, Landed, Window
from server.core import FakeClock

QUICK = {"read_seconds": 10.0, "connect_seconds": 10.0, "breaker_after": 99, "allow_local": True}


@contextmanager
def virtual_time(now: datetime) -> Iterator[FakeClock]:
    """All clients run on a clock of their own, and forget afterwards what they knew."""
    clock = FakeClock(now.timestamp())
    before = dict(vars(STATE))
    vars(STATE).update(vars(State(clock=Clock(clock.time, clock.time, clock.sleep, clock.wait))))
    try:
        yield clock
    finally:
        vars(STATE).update(before)
        _SECRETS.clear()


def settings(folder: Path, **per_source: dict[str, Any]) -> Settings:
    """Settings with these sources enabled, quick to give up waiting."""
    over_http = {code for code, field in Sources.model_fields.items() if isinstance(field.default, OverHttp)}
    tables = {
        code: {"enabled": True, **(QUICK if code in over_http else {}), **values} for code, values in per_source.items()
    }
    return Settings(folder=folder, warehouse={"root": "warehouse"}, sources=tables)  # type: ignore[arg-type]


def context(configured: Settings, now: datetime, source: str) -> Context[Any]:
    """A context as a run would make it."""
    return contract.context(source, configured, *_shipped(), now)


@cache
def _shipped() -> tuple[load.Reference, load.Params]:
    return load.tables(Settings()), load.params(Settings())


def window(source: str, since: str, until: str | None = None) -> Window:
    """A window of days given as text."""
    return Window(source, date.fromisoformat(since), date.fromisoformat(until or since))


def at(text: str) -> datetime:
    """A UTC time given as text."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class Decoded:
    """What a landed window decodes to."""

    def __init__(self, landed: Landed, about: Context[Any]) -> None:
        events = []
        for event in contract.module(landed.window.source).decode(landed, about):
            if isinstance(event, Rows) and isinstance(event.data, Path):  # the file goes when the next day begins
                event = replace(event, data=pq.read_table(event.data))
            events.append(event)
        self.days = [event for event in events if isinstance(event, Day)]
        self.rejects = [event for event in events if isinstance(event, Reject)]
        self.rows = [event for event in events if isinstance(event, Rows)]

    def status(self) -> dict[tuple[str, str], str]:
        """Ledger statuses by scope and day."""
        return {(day.scope, str(day.day)): day.status for day in self.days}

    def day(self, scope: str, on: str) -> Day:
        """One ledger day."""
        (found,) = [day for day in self.days if (day.scope, str(day.day)) == (scope, on)]
        return found

    def table(self, name: str) -> list[dict[str, Any]]:
        """The rows of one lake table, in the order of its record ids."""
        found = [event.data for event in self.rows if event.table == name]
        if not found:
            return []
        rows: list[dict[str, Any]] = pa.concat_tables(found, promote_options="permissive").to_pylist()
        return sorted(rows, key=lambda row: str(row.get("record_id", row.get("seen_at"))))


def files_below(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file below a folder with its bytes."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path, path.read_bytes()
