"""Which records are one and the same: nothing is merged or dropped that differs in a field that matters.

A provider's id alone is too little: two exports may number their rows from one, a spreadsheet rounds ids that look like
numbers, and two flights of a day without times look alike.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

# What makes a flight another flight. The provider may correct the rest from one answer to the next.
MATTERS = {
    "flightradar24_flights": ("hex", "reg", "orig_icao", "datetime_takeoff", "dest_icao_actual", "datetime_landed"),
    "opensky_flights": ("icao24", "registration", "first_seen", "est_departure_airport", "est_arrival_airport"),
    "plain_flights": ("icao24", "registration", "callsign", "origin", "departed_at", "destination", "arrived_at"),
}
# Of records that agree, the one that was seen longest stands: it was written when the flight had ended.
LATEST = {"flightradar24_flights": "last_seen", "opensky_flights": "last_seen", "plain_flights": "arrived_at"}


def without_duplicates(table: str, rows: pa.Table) -> tuple[pa.Table, Counter[str]]:
    """The rows, each record once, and how many were dropped as duplicates by `origin_file`.

    Records under one record_id that agree in all that matters are one. Those that do not are all kept: the first under
    its id, the others with a mark of their own added to it. A record that lacks what another of its id states is that
    one, as when an export was made while the flight went on.
    """
    if rows.num_rows < 2:
        return rows, Counter()
    counts = pc.value_counts(rows.column("record_id"))
    is_repeated = pc.greater(counts.field("counts"), 1)
    repeated = counts.field("values").filter(is_repeated)
    if not len(repeated):
        return rows, Counter()
    is_among = pc.is_in(rows.column("record_id"), value_set=repeated)
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in rows.filter(is_among).to_pylist():
        groups[record["record_id"]].append(record)
    kept: list[dict[str, Any]] = []
    duplicates: Counter[str] = Counter()
    for records in groups.values():
        distinct: list[dict[str, Any]] = []
        for record in records:
            same = next((number for number, other in enumerate(distinct) if _is_same(table, record, other)), None)
            if same is None:
                distinct.append(record)
                continue
            dropped = distinct[same]
            if _is_better(table, record, dropped):
                distinct[same] = record
            else:
                dropped = record
            duplicates[dropped["origin_file"]] += 1
        for number, record in enumerate(distinct):
            kept.append(
                record if number == 0 else {**record, "record_id": f"{record['record_id']}~{_mark(table, record)}"}
            )
    once = pa.Table.from_pylist(kept, rows.schema)
    return pa.concat_tables([rows.filter(pc.invert(is_among)), once]), duplicates


def _is_same(table: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two records of one id are one flight: what both state is equal, and one states all that is stated."""
    only_one = only_other = False
    for name in MATTERS[table]:
        left, right = one[name], other[name]
        if left is not None and right is not None and left != right:
            return False
        only_one |= right is None and left is not None
        only_other |= left is None and right is not None
    return not (only_one and only_other)


def _is_better(table: str, record: Mapping[str, Any], than: Mapping[str, Any]) -> bool:
    def worth(one: Mapping[str, Any]) -> tuple[int, datetime]:
        stated = sum(one[name] is not None for name in MATTERS[table])
        return stated, one[LATEST[table]] or datetime.min.replace(tzinfo=UTC)

    return worth(record) > worth(than)


def _mark(table: str, record: Mapping[str, Any]) -> str:
    stated = "|".join(str(record[name]) for name in MATTERS[table])
    return hashlib.sha256(stated.encode()).hexdigest()[:8]
