"""Recorded tracks as traces of tests/skies: readsb files, aircraft.json snapshots, samples of the `traffic` package."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from skies.traces import Trace

Report = Mapping[str, Any]


def from_reports(hex_code: str, reports: Iterable[Report], **identity: Any) -> Trace:
    """A trace of these reports (t, latitude, longitude, ground, baro, geom, speed, track, rate), ordered by time."""
    ordered = sorted(reports, key=lambda report: float(report["t"]))
    kept = [
        one for one, before in zip(ordered, [None, *ordered[:-1]], strict=True) if not before or one["t"] > before["t"]
    ]

    def column(name: str) -> np.ndarray:
        return np.array([np.nan if one.get(name) is None else float(one[name]) for one in kept])

    names = ("t", "latitude", "longitude", "baro", "geom", "speed", "track", "rate")
    ground = np.array([bool(one.get("ground")) for one in kept])
    return Trace(hex_code, **{name: column(name) for name in names}, ground=ground, **identity)


def readsb(file: Path) -> Trace:
    """A trace_full file."""
    data = json.loads(gzip.decompress(file.read_bytes()))
    reports = [
        {
            "t": data["timestamp"] + point[0],
            "latitude": point[1],
            "longitude": point[2],
            "ground": point[3] == "ground",
            "baro": None if point[3] == "ground" else point[3],
            "geom": point[10] if len(point) > 10 else None,
            "speed": point[4],
            "track": point[5],
            "rate": point[7],
        }
        for point in data["trace"]
    ]
    return from_reports(
        data["icao"],
        reports,
        callsign="",
        registration=data.get("r"),
        type_code=data.get("t"),
        is_military=bool(data.get("dbFlags", 0) & 1),
    )


def snapshots(found: Iterable[tuple[float, Report]]) -> list[Trace]:
    """Traces from aircraft objects of live JSON, each with the time of its snapshot (epoch seconds)."""
    by_aircraft: dict[str, list[tuple[float, Report]]] = defaultdict(list)
    for now, aircraft in found:
        if aircraft.get("lat") is not None:
            by_aircraft[aircraft["hex"]].append((now - float(aircraft.get("seen_pos") or 0), aircraft))
    return [
        from_reports(
            hex_code,
            [
                {
                    "t": t,
                    "latitude": one["lat"],
                    "longitude": one["lon"],
                    "ground": one.get("alt_baro") == "ground",
                    "baro": None if one.get("alt_baro") == "ground" else one.get("alt_baro"),
                    "geom": one.get("alt_geom"),
                    "speed": one.get("gs"),
                    "track": one.get("track"),
                    "rate": one.get("baro_rate", one.get("geom_rate")),
                }
                for t, one in seen
            ],
            callsign=(seen[-1][1].get("flight") or "").strip(),
            registration=seen[-1][1].get("r"),
            type_code=seen[-1][1].get("t"),
            is_military=bool((seen[-1][1].get("dbFlags") or 0) & 1),
        )
        for hex_code, seen in by_aircraft.items()
    ]


def sample(file: Path, every_s: float = 4.0) -> list[Trace]:
    """The traces in a sample file of the `traffic` package, thinned to one position in so many seconds."""
    data = json.loads(gzip.decompress(file.read_bytes()))
    if isinstance(data, dict):
        data = [{name: data[name].get(row) for name in data} for row in next(iter(data.values()))]
    by_aircraft: dict[str, list[Report]] = defaultdict(list)
    for row in data:
        if row.get("latitude") is not None and isinstance(row.get("timestamp"), int | float):
            by_aircraft[row["icao24"]].append(row)
    found = []
    for hex_code, rows in by_aircraft.items():
        reports: list[Report] = []
        for row in sorted(rows, key=lambda row: row["timestamp"]):
            t = row["timestamp"] / 1000
            if reports and t - reports[-1]["t"] < every_s:
                continue
            is_ground = bool(row.get("onground"))
            reports.append({
                "t": t, "latitude": row["latitude"], "longitude": row["longitude"], "ground": is_ground,
                "baro": None if is_ground else row.get("altitude"), "geom": row.get("geoaltitude"),
                "speed": row.get("groundspeed"), "track": row.get("track"), "rate": row.get("vertical_rate"),
            })  # fmt: skip
        callsign = str(rows[len(rows) // 2].get("callsign") or "")
        found.append(
            from_reports(hex_code, reports, callsign=callsign, registration=None, type_code=None, is_military=False)
        )
    return found
