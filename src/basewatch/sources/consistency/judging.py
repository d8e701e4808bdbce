"""All records of a reading judged at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pyarrow as pa

from basewatch.reference.load import Reference
from basewatch.reference.thresholds import Thresholds
from basewatch.sources.consistency import aircraft, ends, files, ids
from basewatch.sources.consistency.contradictions import Judged
from basewatch.sources.consistency.frame import Frame
from basewatch.sources.flight_records import ENDS
from basewatch.sources.places import Places


def judge(
    tables: Mapping[str, pa.Table],
    places: Places,
    reference: Reference,
    params: Thresholds,
    older: Collection[str] = (),
    *,
    is_made_up: bool = False,
) -> Judged:
    """Judge flight records (lake tables by name, as decoded). older: files that were read before, and are believed.

    is_made_up: the records are simulated, and name fields that do not exist.

    A record has at most one contradiction to its name: the first that costs it something it cannot do without, else
    the first. Times are UTC.
    """
    given = {table: rows for table, rows in tables.items() if table in ENDS and rows.num_rows}
    if not given:
        return Judged(dict(tables), [], {})
    frame = Frame(given, places)
    aircraft.addresses(frame, reference, params)
    if not is_made_up:
        ends.codes(frame, places)
    ids.shared(frame, params)
    files.repeated_stamps(frame, params, older)
    files.shifted(frame, params, older)
    ends.contacts(frame, params)
    ends.order(frame)
    ends.speeds(frame, params)
    ends.two_places(frame, params)
    files.off_field(frame, params)
    ends.without_end(frame)
    return frame.judged(tables)
