"""What a warehouse has learnt from its own lake: weights of evidence, and how often they are right.

It is a function of the months that have closed, and is made anew when these change: warehouse/learnt/ can be deleted,
and the next run makes the same again.
"""

from __future__ import annotations

import csv
import hashlib
import io
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from basewatch.database import connect
from basewatch.durable import fsync_folder, make_folder, write_aside
from basewatch.errors import ConfigError, Damaged
from basewatch.lake import notes
from basewatch.lake.store import Lake
from basewatch.reference.load import Params, Reference, parse
from basewatch.warehouse import learning, models
from basewatch.warehouse.build import bind, configure, remove_tree

FOLDER = "learnt"
NOTE, TERMS, HIDDEN = "learnt.json", "evidence_terms.csv", "hidden_stays.parquet"
WORK = "work.duckdb"
POSITIONS = ("track_points", "track_edges", "watched_points")  # without any of these nothing can be learnt
NEEDED = ("intermediate.int_silence_fields", "intermediate.int_sure_stays")


@dataclass(frozen=True)
class Note:
    """What was learnt from: until when, and how many sure stays.

    sha256: of the weights; empty where there were too few stays, and nothing was learnt. hidden_sha256: of the file of
    hidden stays; empty where there were none.
    """

    made_from: str
    until: date
    stays: int
    sha256: str
    hidden_sha256: str = ""


def closed_until(as_of: date) -> date:
    """The last day of the last month that has closed on a day."""
    after = as_of + timedelta(days=1)
    return after.replace(day=1) - timedelta(days=1)


def note(root: Path) -> Note | None:
    """What a warehouse has learnt; None where nothing was tried."""
    file = root / FOLDER / NOTE
    if not file.exists():
        return None
    try:
        values = notes.read(file)
        return Note(**{**values, "until": date.fromisoformat(values["until"])})
    except (Damaged, ValueError, KeyError, TypeError) as error:
        what = error.what if isinstance(error, Damaged) else f"is damaged ({error})"
        raise ConfigError(f"{file} {what}; delete the folder {file.parent}, the next run makes it anew") from None


def applied(reference: Reference, root: Path) -> Reference:
    """The reference tables with what the warehouse has learnt in place of the shipped weights, if it has.

    Their hash is of the hidden stays, too: a build is made from these as well.
    """
    learnt = note(root)
    if learnt is None or not learnt.sha256 + learnt.hidden_sha256:
        return reference
    digest = hashlib.sha256(f"{learnt.sha256}{learnt.hidden_sha256}".encode()).hexdigest()
    if not learnt.sha256:
        return replace(reference, learnt_sha256=digest)
    file = root / FOLDER / TERMS
    rows = parse("evidence_terms", _verified(file, learnt.sha256).decode(), str(file))
    return replace(reference, rows=reference.rows.but("evidence_terms", rows), learnt_sha256=digest)


def hidden_stays(root: Path) -> pa.Table | None:
    """What the judge made of stays that were heard and hidden from it, as raw.hidden_stays; None before any were."""
    learnt = note(root)
    if learnt is None or not learnt.hidden_sha256:
        return None
    return pq.read_table(io.BytesIO(_verified(root / FOLDER / HIDDEN, learnt.hidden_sha256)))


def _verified(file: Path, sha256: str) -> bytes:
    """What the file holds. Raises ConfigError where it cannot be read, or is not what the note says."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}; delete {file.parent}") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ConfigError(f"{file} is not what was learnt; delete {file.parent}, the next run makes it anew")
    return data


def made_from(lake: Lake, reference: Reference, params: Params, until: date) -> str:
    """A hash of all that learning on the days up to `until` would be made from."""
    digest = hashlib.sha256(f"{models.sha256()}{reference.sha256}{params.sha256}{until}".encode())
    for row in sorted(lake.ledger(), key=lambda row: (row.source, row.scope, row.day)):
        if row.day <= until:
            digest.update(f"{row.source}{row.scope}{row.day}{row.status}{sorted(row.parts)}".encode())
    return digest.hexdigest()


def learn(
    root: Path,
    lake: Lake,
    reference: Reference,
    params: Params,
    as_of: date,
    progress: Callable[[str], None],
    *,
    again: bool = False,
) -> Note:
    """Learn from the months that have closed, where they changed since the last time (`again`: in any case).

    reference: the tables as shipped or configured, without what was learnt before.
    """
    until = closed_until(as_of)
    source = made_from(lake, reference, params, until)
    before = note(root)
    if before is not None and before.made_from == source and not again:
        return before
    folder = root / FOLDER
    make_folder(folder)
    days = [row for row in lake.ledger() if row.day <= until]
    if any(lake.files(table, days) for table in POSITIONS):
        learnt = _of_closed_months(folder, lake, reference, {**params.values, "as_of": until})
    else:
        learnt = learning.nothing()
    made = Note(source, until, learnt.stays, "")
    making, gone = (root / f".{FOLDER}.{uuid.uuid4().hex}" for _ in range(2))
    if learnt.hidden.num_rows:
        made = replace(made, hidden_sha256=_written(making / HIDDEN, _parquet(learnt.hidden)))
    if learnt.steps is None:
        if again:
            progress(f"learn: too few stays were heard to the ground up to {until}; the shipped weights serve")
    else:
        made = replace(made, sha256=_written(making / TERMS, _csv(learnt.steps)))
        progress(f"learn: weights of evidence from {learnt.stays} stays up to {until}")
    notes.write(making / NOTE, {**vars(made), "until": str(until)})
    folder.rename(gone)  # a run that dies here leaves nothing learnt, never half of it; the next one learns it again
    making.rename(folder)
    fsync_folder(root)
    remove_tree(gone)
    return made


def _of_closed_months(folder: Path, lake: Lake, reference: Reference, values: dict[str, Any]) -> learning.Learnt:
    """What the days up to values["as_of"] teach, made in a database that is gone in the end."""
    aside = folder / WORK
    try:
        aside.unlink(missing_ok=True)
        with connect(aside) as connection:
            configure(connection, folder / "spill")
            bind(connection, lake, reference, None, until=values["as_of"])
            models.build(connection, values, models.ancestors(NEEDED))
        return learning.learn(aside, learning.steps_of(reference), values)
    finally:
        aside.unlink(missing_ok=True)
        aside.with_name(f"{aside.name}.wal").unlink(missing_ok=True)
        remove_tree(folder / "spill")


def _written(file: Path, data: bytes) -> str:
    write_aside(file, data)
    return hashlib.sha256(data).hexdigest()


def _csv(steps: Sequence[tuple[Any, ...]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(learning.COLUMNS)
    writer.writerows(steps)
    return text.getvalue().encode()


def _parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()
