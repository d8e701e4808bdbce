"""Simulated traces as Arrow tables shaped like the lake's, for feeding SQL models without an archive in between.

What an archive reader keeps is imitated from its description, not taken from its code: positions within 60 NM of a
watched field below 15,000 ft or within 15 NM at any height, each with its nearest field; the first and last position of
every aircraft and UTC day, and those right before and after it was near.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator.stories import Region
from simulator.world import DAY, KM_PER_DEGREE, Airfield, Floats, Trace

FAR_KM, NEAR_KM, LOW_FT = 60 * 1.852, 15 * 1.852, 15_000
NETWORK, SOURCE = "simulated", "readsb_archive"
AT = pa.timestamp("us", tz="UTC")


def watched(regions: Iterable[Region]) -> list[Airfield]:
    """The airfields that are watched."""
    return [place for region in regions for place in _watched(region)]


def _watched(region: Region) -> list[Airfield]:
    return [region.base, *([region.neighbour] if region.is_neighbour_watched else [])]


def distances(latitude: Floats, longitude: Floats, places: Sequence[Airfield]) -> Floats:
    """Great-circle distances in kilometres, one row a position and one column a place."""
    phi, lam = np.radians(latitude)[:, None], np.radians(longitude)[:, None]
    phi2 = np.radians([place.latitude for place in places])[None, :]
    lam2 = np.radians([place.longitude for place in places])[None, :]
    half = np.sin((phi2 - phi) / 2) ** 2 + np.cos(phi) * np.cos(phi2) * np.sin((lam2 - lam) / 2) ** 2
    return np.asarray(2 * 6371.0 * np.arcsin(np.sqrt(half)))


def near(trace: Trace, places: Sequence[Airfield]) -> tuple[Floats, np.ndarray, Floats]:
    """Which positions are kept (indices), the number of the nearest place of each, and its distance."""
    km = distances(trace.latitude, trace.longitude, places)
    nearest = km.argmin(axis=1)
    distance = km[np.arange(len(km)), nearest]
    altitude = np.where(np.isnan(trace.geom), trace.baro, trace.geom)
    low = trace.ground | (np.nan_to_num(altitude, nan=0.0) < LOW_FT)
    keep = (distance <= NEAR_KM) | ((distance <= FAR_KM) & low)
    return np.flatnonzero(keep), nearest[keep], distance[keep]


def tables(traces: Iterable[Trace], places: Sequence[Airfield]) -> tuple[pa.Table, pa.Table]:
    """Rows for `track_points` and `track_edges`."""
    latitudes, longitudes = np.array([(place.latitude, place.longitude) for place in places]).T
    kept, points, edges, bases, kilometres, kinds = [], [], [], [], [], []
    for trace in traces:
        if len(trace.t) == 0:
            continue
        # a degree of longitude spans 40 km or more up to 69 degrees of latitude
        close = (np.abs(latitudes - np.clip(latitudes, trace.latitude.min(), trace.latitude.max())) < 2) & (
            np.abs(longitudes - np.clip(longitudes, trace.longitude.min(), trace.longitude.max())) < 4
        )
        around = np.flatnonzero(close)
        if len(around) == 0:
            continue
        index, nearest, distance = near(trace, [places[number] for number in around])
        kept.append(trace)
        points.append(index)
        bases.append(around[nearest])
        kilometres.append(distance)
        days = np.floor(trace.t / DAY)
        inside = np.zeros(len(trace.t), bool)
        inside[index] = True
        same_day = days[:-1] == days[1:]
        first = np.flatnonzero(np.diff(days, prepend=-1))
        found = (
            first,
            np.append(first[1:] - 1, len(days) - 1),
            np.flatnonzero(~inside[:-1] & inside[1:] & same_day),
            np.flatnonzero(inside[:-1] & ~inside[1:] & same_day) + 1,
        )
        edges.append(np.concatenate(found))
        kinds.append(np.repeat(np.arange(4), [len(rows) for rows in found]))
    names = [place.name for place in places]
    all_points = _rows(kept, points).append_column("base_id", _texts(np.concatenate(bases), names))
    all_points = all_points.append_column("distance_km", pa.array(np.concatenate(kilometres), pa.float32()))
    all_edges = _rows(kept, edges)
    all_edges = all_edges.append_column("edge", _texts(np.concatenate(kinds), ["first", "last", "before", "after"]))
    altitude = pc.coalesce(all_edges["altitude_baro_ft"], all_edges["altitude_geom_ft"])
    return all_points, all_edges.append_column("altitude_ft", altitude)


def _texts(numbers: np.ndarray, names: Sequence[str]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(numbers.astype("int32")), pa.array(names, pa.string()))


def _rows(traces: Sequence[Trace], indices: Sequence[np.ndarray]) -> pa.Table:
    """The chosen positions of each trace, one trace after another."""
    number = np.repeat(np.arange(len(traces)), [len(index) for index in indices])

    def column(name: str) -> np.ndarray:
        return np.concatenate([getattr(trace, name)[index] for trace, index in zip(traces, indices, strict=True)])

    t = column("t")
    same = {"source": SOURCE, "network": NETWORK, "position_type": "adsb_icao"}
    texts = {"icao24": "hex", "callsign": "callsign", "registration": "registration", "type_code": "type_code"}
    flags = np.array([1 if trace.is_military else 0 for trace in traces])
    return pa.table({
        **{name: _texts(np.zeros(len(t)), [value]) for name, value in same.items()},
        **{name: _texts(number, [getattr(trace, field) for trace in traces]) for name, field in texts.items()},
        "day": pa.array((t // DAY).astype("int32"), pa.int32()).cast(pa.date32()),
        "seen_at": pa.array((t * 1e6).astype("int64"), pa.int64()).cast(AT),
        "latitude": column("latitude"),
        "longitude": column("longitude"),
        "is_ground": column("ground"),
        "altitude_baro_ft": _whole(column("baro")),
        "altitude_geom_ft": _whole(column("geom")),
        "ground_speed_kt": pa.array(column("speed"), pa.float32(), from_pandas=True),
        "track_deg": pa.array(column("track"), pa.float32(), from_pandas=True),
        "vertical_rate_fpm": _whole(column("rate")),
        "db_flags": pa.array(flags[number], pa.int32()),
        "is_new_leg": np.zeros(len(t), bool),
        "is_stale": np.zeros(len(t), bool),
    })  # fmt: skip


def _whole(values: Floats) -> pa.Array:
    return (
        pa.array(np.nan_to_num(values).round().astype("int32"), mask=np.isnan(values))
        if len(values)
        else pa.array([], pa.int32())
    )


def background(
    places: Sequence[Airfield], first_day: int, days: int, seed: int, absent: Iterable[int] = ()
) -> pa.Table:
    """Rows for `base_background`: ordinary traffic, mostly followed to the runway, on every day that is not absent."""
    rng = np.random.default_rng(seed)
    gone = set(absent)
    n = len(places) * days
    arrivals = rng.poisson(9, n)
    found = pa.table({
        "source": pa.array([SOURCE] * n),
        "day": pa.array(np.tile(np.arange(first_day, first_day + days, dtype="int32"), len(places))).cast(pa.date32()),
        "base_id": pa.array(np.repeat([place.name for place in places], days)),
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
    listens = np.isin(np.tile(np.arange(first_day, first_day + days), len(places)), list(gone), invert=True)
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


def reference(regions: Iterable[Region]) -> dict[str, list[dict[str, object]]]:
    """Rows for the reference tables `bases`, `runways` and `fields`, as a user would fill them in."""
    bases, runways, fields = [], [], []
    for region in regions:
        for place in (region.base, region.neighbour):
            if place is region.neighbour and not region.is_neighbour_watched:
                fields.append({
                    "ident": place.name, "name": place.name, "latitude": place.latitude, "longitude": place.longitude,
                    "elevation_ft": place.elevation, "serves": "civil" if place.is_civil else "military",
                })  # fmt: skip
                continue
            bases.append({
                "base_id": place.name, "name": place.name, "country": "ZZ", "kind": "air", "latitude": place.latitude,
                "longitude": place.longitude, "elevation_ft": place.elevation, "is_shared_with_civil": place.is_civil,
            })  # fmt: skip
            runways.append(_runway(place))
    return {"bases": bases, "runways": runways, "fields": fields}


def _runway(place: Airfield) -> dict[str, object]:
    """The listed runway: its ends where it is listed exactly (beside the one in use or not), else by designator."""
    number = round(place.heading / 10)
    row: dict[str, object] = {
        "base_id": place.name,
        "le_ident": f"{number:02d}",
        "he_ident": f"{(number + 18 - 1) % 36 + 1:02d}",
        "heading_deg_true": place.heading if place.is_listed_exactly else number * 10.0,
        "heading_basis": "true" if place.is_listed_exactly else "designator",
        "length_ft": place.length * 3280.84,
        "is_closed": False,
    }
    if place.is_listed_exactly:
        half = place.length / 2
        angle = np.radians(place.heading)
        north, east = half * float(np.cos(angle)) / KM_PER_DEGREE, half * float(np.sin(angle)) / KM_PER_DEGREE
        east /= float(np.cos(np.radians(place.latitude)))
        row |= {
            "le_latitude": place.latitude - north,
            "le_longitude": place.longitude - east,
            "he_latitude": place.latitude + north,
            "he_longitude": place.longitude + east,
        }
    return row


def day_number(year: int, month: int, day: int) -> int:
    """Days from 1970 to a date."""
    return (datetime.date(year, month, day) - datetime.date(1970, 1, 1)).days
