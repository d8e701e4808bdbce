"""Faults of a candidate: every column of the counted tables nulled, shifted, swapped; rows lost and doubled."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path

from basewatch import config, run
from basewatch.gates.opening import make_views
from basewatch.gates.suites import load_suites
from basewatch.warehouse import models
from basewatch.warehouse.build import open_work
from faults.fault import Answer, Family, Fault, Meet
from gate_edits import Edit, Gate, edits

FAMILY = "candidate"
COUNTED = ("base_visits", "base_daily_activity", "base_monthly_activity", "base_gaps")
OF_COLUMNS = ("nulled in all", "nulled in one", "shifted in all", "shifted in one", "swapped")
OF_ROWS = ("one row lost", "a tenth lost", "all lost", "one row twice")
SAMPLE_ENDS = date(2026, 7, 24)


@dataclass(frozen=True)
class Change:
    """Which edit of which table."""

    table: str
    column: str
    kind: str


def faults() -> list[Fault]:
    """All faults of the family; those that the world has no rows for are passed over."""
    headers = {model.name: model for model in models.marts()}
    found = []
    for table in COUNTED:
        changes = [Change(table, column.name, kind) for column in headers[table].columns for kind in OF_COLUMNS]
        for change in [*changes, *(Change(table, "*", kind) for kind in OF_ROWS)]:
            kind = f"{change.column} {change.kind}" if change.column != "*" else change.kind
            found.append(Fault(FAMILY, kind, table, "candidate", change))
    return found


@contextlib.contextmanager
def world(folder: Path) -> Iterator[Meet]:
    """The bundled sample's candidate, with what it was made from behind it."""
    settings = config.load(Path(str(files("basewatch.sample").joinpath("basewatch.toml"))))
    root = str(folder / "warehouse")
    settings = settings.model_copy(update={"warehouse": settings.warehouse.model_copy(update={"root": root})})
    work = run.start(settings, SAMPLE_ENDS)
    work.progress = lambda _: None
    with work.warehouse.lock():
        for window in work.windows:
            run.ingest_window(work, window)
        candidate = run.build(work)
    copy = Path(shutil.copy(candidate.database, folder / "edited.duckdb"))
    with open_work(folder) as connection:
        run.bind_made_from(work, candidate, connection)
        connection.execute(f"ATTACH '{copy}' AS candidate")
        make_views(connection, "candidate.main", "memory")
        headers = {
            m.name: m for m in models.marts() if m.name not in ("quality_results", "releases", "release_changes")
        }
        values = {**work.params.values, "as_of": candidate.inputs.as_of, "checked_at": datetime.now(UTC)}
        gate = Gate(headers, load_suites(files("basewatch.expectations")), values)
        for name in headers:  # what the unedited candidate fails already sees nothing
            for failed, _ in list(gate.failed(connection, name, gate.checks[name])):
                assert failed.severity != "critical", failed
                gate.checks[name].remove(failed)
        known: dict[str, dict[tuple[str, str], Edit]] = {}

        def meet(fault: Fault) -> Answer | None:
            change: Change = fault.harm
            if change.table not in known:
                known[change.table] = {(one.column, one.kind): one for one in edits(connection, headers[change.table])}
            edit = known[change.table].get((change.column, change.kind))
            if edit is None:
                return None
            seen = gate.seen(connection, edit)
            words = "\n".join(f"{one.table}.{one.rule}: {one.why}" for one in seen)
            is_refused = any(one.severity == "critical" for one in seen)
            return Answer("refused" if is_refused else "warned" if seen else "passed", words)

        yield meet


CANDIDATE = Family(FAMILY, faults, world)
