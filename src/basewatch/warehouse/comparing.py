"""A candidate held against the current release: what is looked up, and built anew, before their rows are compared."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa

from basewatch.database import connect
from basewatch.lake.ledger import LedgerRow
from basewatch.lake.moves import moves
from basewatch.reference.load import Params, Reference
from basewatch.warehouse import changes, learnt
from basewatch.warehouse.build import Candidate, build_candidate, configure, remove_tree
from basewatch.warehouse.changes import Case, Changes
from basewatch.warehouse.published import Release
from basewatch.warehouse.releases import Warehouse


@dataclass(frozen=True)
class Comparison:
    """The rows that changed, what was compared, and the ledger as the release before saw it."""

    changes: Changes
    case: Case
    ledger: Sequence[LedgerRow]


def kinds(params: Params) -> tuple[changes.Compared, ...]:
    """The tables that are compared, with the spans of days that the thresholds give."""
    values = params.values
    baseline = max(values["gap_baseline_days"], *values["gap_sensitivity_baseline_days"])
    around = values["coverage_weekday_days"] + values["coverage_detection_most_days"]
    return changes.compared(baseline, around, values["resumption_window_days"])


@contextlib.contextmanager
def against_current(
    warehouse: Warehouse,
    candidate: Candidate,
    reference: Reference,
    params: Params,
    settings: Mapping[str, str],
    progress: Callable[[str], None],
) -> Iterator[Comparison]:
    """The candidate against the current release, each change with its cause.

    settings: by source, a hash of what is set for it. Where code, thresholds, reference tables or weights changed
    since, the lake as that release saw it is built anew, beside the candidate, and kept there for the next look.
    """
    release = warehouse.current()
    now = candidate.inputs
    ledger = _earlier_ledger(warehouse, release) if release else []
    as_of = date.fromisoformat(release.manifest["as_of"]) if release else now.as_of
    ours = changes.other_inputs(changes.inputs_of(release.manifest), vars(now)) if release else None
    baseline = None
    if release and ours:
        baseline = _baseline(warehouse, candidate, release, ledger, as_of, reference, params, progress, ours)
    case = Case(
        release.database if release else None,
        candidate.database,
        baseline,
        moves(
            warehouse.lake,
            ledger,
            warehouse.lake.ledger(),
            as_of if release else date.min,
            is_other_code=ours == "code",
            edited=_edited(release, settings) if release else (),
        ),
        warehouse.lake.folder,
        as_of,
        now.as_of,
        ours,
    )
    with connect() as connection:
        configure(connection, candidate.folder / "comparing")
        yield Comparison(changes.compare(connection, case, kinds(params)), case, ledger)
    remove_tree(candidate.folder / "comparing")


def _edited(release: Release, settings: Mapping[str, str]) -> list[str]:
    """The sources whose settings are not what they were; none where the release did not note them."""
    before = release.manifest.get("settings_sha256", {})
    return [source for source, digest in settings.items() if before.get(source, digest) != digest]


def _earlier_ledger(warehouse: Warehouse, release: Release) -> list[LedgerRow]:
    """The ledger as a release saw it; of one that did not note its length, as it was when that was published."""
    length = release.manifest.get("ledger_rows")
    if length is not None and length > warehouse.lake.ledger_length():
        length = None  # a repair lost rows
    return warehouse.lake.earlier_ledger(length, datetime.fromisoformat(release.manifest["published_at"]))


def _baseline(
    warehouse: Warehouse,
    candidate: Candidate,
    release: Release,
    ledger: Sequence[LedgerRow],
    as_of: date,
    reference: Reference,
    params: Params,
    progress: Callable[[str], None],
    ours: str,
) -> Path:
    """What code, thresholds, tables and weights of now make of the lake that a release was made from."""
    folder = candidate.folder / f"baseline-{release.release_id}"
    if not (folder / "candidate.json").exists():
        progress(f"building the lake of release {release.release_id} anew, to tell what the change of {ours} does")
        hidden = learnt.hidden_stays(warehouse.root)
        build_candidate(
            folder, warehouse.lake, release.database, reference, params, as_of, candidate.run_id, hidden, ledger=ledger
        )
    return folder / candidate.database.name


def between(warehouse: Warehouse, before: Release, after: Release, params: Params) -> pa.Table:
    """Rows of `release_changes` from one release to another.

    Where the later one was compared with the earlier one, what it carries. Else nothing is built anew: what no
    source-day explains has the cause that the inputs differ in.
    """
    if after.manifest.get("compared_with") == before.release_id:
        with connect(after.database, read_only=True) as connection:
            return connection.execute("FROM release_changes").to_arrow_table()
    as_of, now_as_of = (date.fromisoformat(one.manifest["as_of"]) for one in (before, after))
    ours = changes.other_inputs(changes.inputs_of(before.manifest), changes.inputs_of(after.manifest))
    ledger, now = (_earlier_ledger(warehouse, one) for one in (before, after))
    moved = moves(warehouse.lake, ledger, now, as_of, is_other_code=ours == "code")
    case = Case(before.database, after.database, None, moved, warehouse.lake.folder, as_of, now_as_of, ours)
    with connect() as connection:
        return changes.compare(connection, case, kinds(params)).table()
