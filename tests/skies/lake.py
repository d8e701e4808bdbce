"""A sky, single cases or recorded tracks as the raw and reference tables of a DuckDB database.

With decoder.py this is all of the package that knows the library.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

import simulated_lake
from basewatch.config import Settings
from basewatch.reference import load
from basewatch.reference.rows import arrow_schema
from skies import cases, decoder
from skies.cases import Case, Region
from skies.decoder import NETWORK, SOURCE, is_of_fleet
from skies.fields import FEET_A_NM, Airfield, beside
from skies.stories import DAY, Sky
from skies.traces import Trace
from skies.truth import Airframe


def fill(connection: duckdb.DuckDBPyConnection, sky: Sky) -> dict[str, Any]:
    """Fill `raw` and `reference` with a sky; returns the thresholds with `as_of` set to its last day."""
    listed = ledger(sky.first_day, sky.days, sky.missing_days)
    facts = reference(sky.fields, sky.airframes)
    params = simulated_lake.fill(connection, decoder.of_sky(sky), listed, facts, last_day(sky.first_day, sky.days))
    shipped = [row.model_dump() for row in load.tables(Settings()).rows["fleets"]]
    simulated_lake.put(connection, "reference.fleets", arrow_schema("fleets"), shipped + fleets(sky))
    return params


def fill_cases(
    connection: duckdb.DuckDBPyConnection,
    regions: Sequence[Region],
    made: Iterable[Case],
    *,
    first_day: int = cases.FIRST_DAY,
    days: int = cases.DAYS,
    absent: Iterable[int] = (),
    seed: int = 1,
) -> dict[str, Any]:
    """The same with single cases, among ordinary traffic of the seed on every day but the absent ones."""
    watched = [one for region in regions for one in region.watched]
    facts = reference(one for region in regions for one in (region.base, region.neighbour))
    traces = [case.trace for case in made]
    return _fill_traces(connection, traces, watched, facts, first_day, days, absent, seed)


def fill_recorded(
    connection: duckdb.DuckDBPyConnection,
    traces: Sequence[Trace],
    watched: Sequence[Airfield],
    facts: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The same with recorded traces near these fields, every day taken in whole. facts: more reference tables."""
    moments = [float(trace.t[number]) for trace in traces for number in (0, -1) if len(trace.t)]
    first, last = int(min(moments) // DAY) - 1, int(max(moments) // DAY) + 2
    return _fill_traces(connection, traces, watched, {**reference(watched), **(facts or {})}, first, last - first + 1)


def _fill_traces(
    connection: duckdb.DuckDBPyConnection,
    traces: Sequence[Trace],
    watched: Sequence[Airfield],
    facts: Mapping[str, Any],
    first_day: int,
    days: int,
    absent: Iterable[int] = (),
    seed: int = 1,
) -> dict[str, Any]:
    gone = set(absent)
    tables = decoder.of_traces(traces, watched) | {"base_background": background(watched, first_day, days, seed, gone)}
    return simulated_lake.fill(connection, tables, ledger(first_day, days, gone), facts, last_day(first_day, days))


def day_number(year: int, month: int, day: int) -> int:
    """Days from 1970 to a date."""
    return (datetime.date(year, month, day) - datetime.date(1970, 1, 1)).days


def last_day(first_day: int, days: int) -> date:
    """The last of so many days, the first of which is counted from 1970."""
    return date(1970, 1, 1) + timedelta(days=first_day + days - 1)


def background(
    watched: Sequence[Airfield], first_day: int, days: int, seed: int, absent: Iterable[int] = ()
) -> pa.Table:
    """Rows for `base_background`: ordinary traffic, mostly followed to the runway, on every day that is not absent."""
    rng = np.random.default_rng(seed)
    gone = set(absent)
    n = len(watched) * days
    arrivals = rng.poisson(9, n)
    found = pa.table({
        "source": pa.array([SOURCE] * n),
        "day": pa.array(np.tile(np.arange(first_day, first_day + days, dtype="int32"), len(watched))).cast(pa.date32()),
        "base_id": pa.array(np.repeat([place.name for place in watched], days)),
        "network": pa.array([NETWORK] * n),
        "aircraft_50nm": pa.array(rng.poisson(60, n), pa.int32()),
        "aircraft_25nm": pa.array(rng.poisson(30, n), pa.int32()),
        "aircraft_low": pa.array(rng.poisson(20, n) + 1, pa.int32()),
        "arrivals": pa.array(arrivals, pa.int32()),
        "arrivals_touchdown": pa.array(rng.binomial(arrivals, 0.85), pa.int32()),
        "arrivals_low": pa.array(np.zeros(n), pa.int32()),
        "lowest_height_ft": pa.array(np.zeros(n), pa.int32()),
        "last_heights_ft": pa.array([[200]] * n, pa.list_(pa.int32())),
        "points": pa.array(np.full(n, 50_000), pa.int64()),
        "jumps": pa.array(rng.poisson(0.3, n), pa.int32()),
        "jumped_aircraft": pa.array(np.zeros(n), pa.int32()),
        "stacked_aircraft": pa.array(np.zeros(n), pa.int32()),
    })  # fmt: skip
    listens = np.isin(np.tile(np.arange(first_day, first_day + days), len(watched)), list(gone), invert=True)
    return found.filter(pa.array(listens))


def ledger(first_day: int, days: int, absent: Iterable[int] = ()) -> pa.Table:
    """Rows for `source_days`: every day taken in whole, but for the absent ones (days since 1970)."""
    gone = set(absent)
    numbers = list(range(first_day, first_day + days))
    return pa.table({
        "source": pa.array([SOURCE] * days),
        "scope": pa.array(["global"] * days),
        "day": pa.array(numbers, pa.int32()).cast(pa.date32()),
        "status": pa.array(["missing" if number in gone else "ok" for number in numbers]),
    })  # fmt: skip


def reference(places: Iterable[Airfield], airframes: Iterable[Airframe] = ()) -> dict[str, list[dict[str, Any]]]:
    """Rows of the reference tables that a user fills in."""
    bases, fields, runways = [], [], []
    for one in places:
        place = {"name": one.name, "country": "ZZ", "latitude": one.latitude, "longitude": one.longitude,
                 "elevation_ft": one.elevation}  # fmt: skip
        if one.is_watched:
            bases.append({**place, "base_id": one.name, "kind": "air", "is_shared_with_civil": one.serves == "shared"})
        elif one.is_listed:
            fields.append({**place, "ident": one.name, "serves": one.serves})
        if one.is_watched:
            runways += [_runway(one, number) for number, way in enumerate(one.runways) if way.listing != "none"]
    aircraft = [
        {"icao24": one.icao24, "registration": one.registration, "type_code": one.type_code, "is_military": True,
         "register": "simulated"}
        for one in airframes if one.is_registered
    ]  # fmt: skip
    return {"bases": bases, "fields": fields, "runways": runways, "aircraft": aircraft}


def _runway(place: Airfield, number: int) -> dict[str, Any]:
    way = place.runways[number]
    tens = round(way.heading / 10) % 36 or 36
    row: dict[str, Any] = {
        "base_id": place.name, "le_ident": f"{tens:02d}{'LCR'[number]}",
        "he_ident": f"{(tens + 17) % 36 + 1:02d}{'RCL'[number]}",
        "heading_deg_true": way.heading, "heading_basis": "true", "length_ft": way.length * FEET_A_NM,
        "is_closed": False,
    }  # fmt: skip
    if way.listing == "designator":
        return row | {"heading_deg_true": tens * 10.0, "heading_basis": "designator"}
    middle = beside(place.latitude, place.longitude, float(np.degrees(np.arctan2(way.east, way.north))),
                    float(np.hypot(way.east, way.north)))  # fmt: skip
    for end, course in (("he", way.heading), ("le", way.heading + 180)):
        row[f"{end}_latitude"], row[f"{end}_longitude"] = beside(*middle, course, way.length / 2)
    return row


def fleets(sky: Sky) -> list[dict[str, Any]]:
    """A rule for each watched fleet: its registrations begin alike."""
    names = sorted({one.fleet for one in sky.airframes if is_of_fleet(one)})
    return [
        {"fleet_id": name, "name": f"Simulated fleet {name}", "registration_prefix": f"{name.upper()}-"}
        for name in names
    ]
