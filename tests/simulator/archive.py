"""Simulated traces written as readsb writes its daily archives: gzip'd JSON, one file an aircraft and UTC day."""

from __future__ import annotations

import datetime
import gzip
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from simulator.world import DAY, Trace


def write(folder: Path, traces: Iterable[Trace]) -> list[datetime.date]:
    """Write the traces under `folder`/YYYY/MM/DD/traces/…; returns the days written, in order."""
    days = set()
    for trace in traces:
        numbers = np.floor(trace.t / DAY)
        for number in np.unique(numbers):
            day = datetime.date(1970, 1, 1) + datetime.timedelta(days=int(number))
            target = folder / f"{day:%Y/%m/%d}" / "traces" / trace.hex[-2:] / f"trace_full_{trace.hex}.json"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(gzip.compress(text(trace, np.flatnonzero(numbers == number), number * DAY), 6, mtime=0))
            days.add(day)
    return sorted(days)


def text(trace: Trace, index: np.ndarray, midnight: float) -> bytes:
    """One trace file: head fields, then one point a line."""
    head = {
        "icao": trace.hex,
        "r": trace.registration,
        "t": trace.type_code,
        "dbFlags": 1 if trace.is_military else 0,
        "timestamp": midnight,
    }
    fields = ",\n".join(f'"{key}":{json.dumps(value)}' for key, value in head.items())
    lines = ",\n".join(point(trace, int(i), midnight, i == index[0]) for i in index)
    return f'{{{fields},\n"trace":[\n{lines} ]\n }}\n'.encode()


def point(trace: Trace, i: int, midnight: float, is_first: bool) -> str:
    """One point in readsb's order of fields; the first one of a file carries the callsign."""
    details: dict[str, Any] | None = None
    if is_first:
        details = {"type": "adsb_icao", "flight": f"{trace.callsign:8}"}
    values = [
        "ground" if trace.ground[i] else _whole(trace.baro[i]),
        round(float(trace.speed[i]), 1),
        round(float(trace.track[i]), 1),
        0,
        _whole(trace.rate[i]),
        details,
        "adsb_icao",
        _whole(trace.geom[i]),
    ]
    rest = ",".join(json.dumps(value, separators=(",", ":")) for value in values)
    place = f"{trace.t[i] - midnight:.2f},{trace.latitude[i]:f},{trace.longitude[i]:f}"
    return f"[{place},{rest},null,null,null]"


def _whole(value: float) -> int | None:
    return None if math.isnan(value) else round(float(value))
