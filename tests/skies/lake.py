"""A sky as the raw lake tables of a DuckDB database, made by the product's own functions from parsed points on.

This is the one module of the package that knows the library. An archive is decoded day by day, and so is a sky: each
aircraft's day is a trace.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

import simulated_lake
from basewatch.config import Settings
from basewatch.geo import NM_KM, Place, Ring
from basewatch.lake.schemas import TABLES
from basewatch.readsb.background import Fields, Limits, Tally, measure, table
from basewatch.readsb.grid import Bases
from basewatch.readsb.heard import Heard
from basewatch.readsb.heatmap import DEGREES, FEET, GROUND, KNOTS, UNKNOWN
from basewatch.readsb.points import (
    DAY,
    SECOND,
    Frame,
    Names,
    Registry,
    edge_points,
    edge_rows,
    latest_of_equal,
    near,
    point_rows,
)
from basewatch.readsb.survey import FAR_NM, HEARD_S, KEPT, Cells
from basewatch.readsb.traces import Head
from basewatch.reference import load
from basewatch.reference.rows import arrow_schema
from basewatch.reference.thresholds import Thresholds, thresholds
from simulator import rows
from skies.fields import FEET_A_NM, Airfield, Bools, beside
from skies.stories import Sky
from skies.truth import Airframe

SILENCE_S = 300.0  # a pause that a judge may ask about
AROUND_S = 600.0  # on each side of such a pause every position is kept
SPARSE_S = 15.0  # elsewhere one in so many seconds
FLEET = "f"  # the first letter of every watched fleet's name


def fill(connection: duckdb.DuckDBPyConnection, sky: Sky) -> dict[str, Any]:
    """Fill `raw` and `reference` with a sky; returns the thresholds with `as_of` set to its last day."""
    last = date(1970, 1, 1) + timedelta(days=sky.first_day + sky.days - 1)
    ledger = rows.ledger(sky.first_day, sky.days, sky.missing_days)
    params = simulated_lake.fill(connection, raw(sky), ledger, reference(sky), last)
    shipped = [row.model_dump() for row in load.tables(Settings()).rows["fleets"]]
    simulated_lake.put(connection, "reference.fleets", arrow_schema("fleets"), shipped + fleets(sky))
    return params


def raw(sky: Sky) -> dict[str, pa.Table]:
    """The lake's tables of a sky, by name."""
    limits = thresholds(load.params(Settings()).values)
    decoder = _Decoder(sky, limits)
    made: dict[str, list[pa.Table]] = {}
    number = (sky.heard["t"] // 86_400).astype(np.int64)
    for day in range(sky.first_day, sky.first_day + sky.days):
        if day in sky.missing_days:
            continue
        for name, rows_of_day in decoder.day(day, np.flatnonzero(number == day)).items():
            made.setdefault(name, []).append(rows_of_day.cast(TABLES[name].schema))
    return {name: pa.concat_tables(tables) for name, tables in made.items()}


class _Decoder:
    """What all days of a sky share."""

    def __init__(self, sky: Sky, limits: Thresholds) -> None:
        self.sky = sky
        self.rings: list[Ring] = list(limits.rings)
        self.places = [Place(one.name, one.latitude, one.longitude, one.elevation) for one in sorted_bases(sky)]
        self.bases = Bases(self.places, max(ring.radius_km for ring in self.rings))
        self.surroundings = Bases(self.places, FAR_NM * NM_KM)
        others = [one for one in sky.fields if one.is_listed and not one.is_watched]
        self.limits = Limits.of(limits)
        self.fields = Fields.around(
            self.bases, [one.latitude for one in others], [one.longitude for one in others], self.limits.field_km
        )
        self.cells = Cells.around(self.places, self.rings, FAR_NM * NM_KM)
        self.is_military = np.array([one.is_military for one in sky.airframes], np.bool_)
        self.is_of_fleet = np.array([is_of_fleet(one) for one in sky.airframes], np.bool_)
        self.address = np.array([int(one.icao24, 16) for one in sky.airframes], np.int64)
        self.is_beside_silence = beside_silence(sky, self.address)

    def day(self, day: int, chosen: np.ndarray) -> dict[str, pa.Table]:
        """The tables of one day, from these of the sky's positions."""
        if not len(chosen):
            return {}
        heard, source, network = self.sky.heard, rows.SOURCE, rows.NETWORK
        airframe = heard["airframe"][chosen].astype(np.int64)
        points, heads, first = self._frame(chosen, airframe)
        nearby = near(points, self.bases, self.rings)
        registry = Registry(heads)
        is_near = np.bincount(points.trace[nearby.is_near], minlength=len(heads)) > 0
        is_listed, is_of_fleet = self.is_military[first], self.is_of_fleet[first]
        kept = latest_of_equal(points.trace, points.at, np.flatnonzero(nearby.is_near))
        edge, which = edge_points(points, nearby, is_near | is_listed)
        tally = Tally(len(self.places))
        today = np.ones(len(points.at), np.bool_)
        measure(tally, points, nearby, is_of_fleet, today, self.bases, self.fields, self.limits)
        around = near(points, self.surroundings, [Ring(FAR_NM * NM_KM)])
        far = around.is_near & ~nearby.is_near & is_listed[points.trace]
        far &= followed(points, self.is_beside_silence[chosen])
        far_kept = latest_of_equal(points.trace, points.at, np.flatnonzero(far))
        heard_rows = self._kept(chosen, airframe, day)
        grid = Heard.of(heard_rows, self.cells.of(heard_rows["lat"], heard_rows["lon"]))
        tables = {
            "track_points": point_rows(points, nearby, kept, self.bases, registry, source, network),
            "track_edges": edge_rows(points, edge, which, registry, source, network),
            "watched_points": point_rows(
                points, around, far_kept, self.surroundings, registry, source, network, "watched_points"
            ),
            "base_background": table(tally, self.places, network),
            "heard_cells": grid.table(self.cells, day * DAY, network),
        }
        for name in ("base_background", "heard_cells"):
            count = tables[name].num_rows
            tables[name] = (
                tables[name]
                .add_column(0, "source", pa.array([source] * count, pa.string()))
                .add_column(1, "day", pa.array(np.full(count, day, np.int32)).cast(pa.date32()))
            )
        return tables

    def _frame(self, chosen: np.ndarray, airframe: np.ndarray) -> tuple[Frame, list[Head], np.ndarray]:
        """The positions as parsed traces give them, the traces' heads, and an airframe of each.

        Two airframes of one address are one trace, whose head is of whichever was heard first.
        """
        heard, count = self.sky.heard, len(chosen)
        address = self.address[airframe]
        is_new = np.append(True, address[1:] != address[:-1]) if count else np.empty(0, np.bool_)
        first = airframe[is_new]
        heads = [head_of(self.sky.airframes[number]) for number in first.tolist()]
        kinds, callsigns = Names(), Names()
        ground = heard["ground"][chosen].astype(bool)
        return (
            Frame(
                trace=np.cumsum(is_new) - 1,
                at=np.rint(heard["t"][chosen] * 100).astype(np.int64) * (SECOND // 100),
                latitude=heard["latitude"][chosen],
                longitude=heard["longitude"][chosen],
                altitude_ft=heard["baro"][chosen],
                geometric_ft=heard["geom"][chosen],
                speed_kt=heard["speed"][chosen],
                track_deg=heard["track"][chosen],
                rate_fpm=heard["rate"][chosen],
                flags=np.zeros(count, np.int64),
                ground=ground,
                valid=np.ones(count, np.bool_),
                kind=np.full(count, kinds.of("adsb_icao")),
                callsign=callsigns.all_of([one.callsign for one in self.sky.airframes])[airframe],
                kinds=kinds,
                callsigns=callsigns,
            ),
            heads,
            first,
        )

    def _kept(self, chosen: np.ndarray, airframe: np.ndarray, day: int) -> np.ndarray:
        """The positions as a survey of heatmaps keeps them: all of the watch list, and one in a while of the others."""
        heard = self.sky.heard
        t = heard["t"][chosen]
        slot = (t // HEARD_S).astype(np.int64)
        is_kept = np.append(True, (np.diff(slot) != 0) | (np.diff(airframe) != 0)) if len(t) else np.empty(0, bool)
        is_kept |= self.is_military[airframe]
        some = chosen[is_kept]
        kept = np.zeros(len(some), KEPT)
        kept["hex"] = self.address[airframe[is_kept]]
        kept["at_ms"] = np.rint((heard["t"][some] - day * 86_400) * 1000)
        kept["lat"] = np.rint(heard["latitude"][some] / DEGREES)
        kept["lon"] = np.rint(heard["longitude"][some] / DEGREES)
        height = np.where(np.isnan(heard["baro"][some]), heard["geom"][some], heard["baro"][some])
        units = np.where(np.isnan(height), UNKNOWN, np.nan_to_num(np.rint(height / FEET)))
        kept["alt"] = np.where(heard["ground"][some].astype(bool), GROUND, units)
        kept["gs"] = np.nan_to_num(np.rint(heard["speed"][some] / KNOTS), nan=-1)
        return kept


def followed(points: Frame, is_beside_silence: Bools) -> Bools:
    """Which positions of a watch-listed aircraft beyond the rings are kept: some, and all beside a silence.

    To be replaced by the decoder's own rule where it has one.
    """
    slot = points.at // int(SPARSE_S * SECOND)
    is_first = np.ones(len(slot), np.bool_)
    is_first[1:] = (slot[1:] != slot[:-1]) | (points.trace[1:] != points.trace[:-1])
    return is_first | is_beside_silence


def beside_silence(sky: Sky, address: np.ndarray) -> Bools:
    """Which of a sky's positions lie within ten minutes of a pause of more than five in what is heard of an address."""
    t = sky.heard["t"]
    who = address[sky.heard["airframe"].astype(np.int64)] if len(t) else np.empty(0, np.int64)
    is_edge = np.ones(len(t) + 1, np.bool_)
    is_edge[1:-1] = (who[1:] != who[:-1]) | (np.diff(t) > SILENCE_S)
    edges = np.flatnonzero(is_edge)
    stretch = np.cumsum(is_edge[:-1]) - 1
    if not len(t):
        return np.empty(0, np.bool_)
    return np.asarray((t - t[edges[:-1]][stretch] <= AROUND_S) | (t[edges[1:] - 1][stretch] - t <= AROUND_S))


def sorted_bases(sky: Sky) -> list[Airfield]:
    """The watched bases by name."""
    return sorted(sky.bases, key=lambda one: one.name)


def is_of_fleet(one: Airframe) -> bool:
    """Whether an aircraft belongs to a watched fleet."""
    return one.fleet.startswith(FLEET)


def head_of(one: Airframe) -> Head:
    """The head of an aircraft's trace: now and then without registration and type, as for those that nobody knows."""
    is_known = one.number % 9 != 0 or one.is_registered
    return Head(
        one.icao24, 0.0, one.registration if is_known else None, one.type_code if is_known else None,
        None, 1 if one.is_flagged else 0,
    )  # fmt: skip


def reference(sky: Sky, *, all_runways: bool = False) -> dict[str, list[dict[str, Any]]]:
    """Rows of the reference tables that a user fills in. all_runways: those of every listed field, by its name."""
    bases, fields, runways = [], [], []
    for one in sky.fields:
        place = {"name": one.name, "country": "ZZ", "latitude": one.latitude, "longitude": one.longitude,
                 "elevation_ft": one.elevation}  # fmt: skip
        if one.is_watched:
            bases.append({**place, "base_id": one.name, "kind": "air", "is_shared_with_civil": one.serves == "shared"})
        elif one.is_listed:
            fields.append({**place, "ident": one.name, "serves": one.serves})
        if one.is_watched or (all_runways and one.is_listed):
            runways += [_runway(one, number) for number, way in enumerate(one.runways) if way.listing != "none"]
    aircraft = [
        {"icao24": one.icao24, "registration": one.registration, "type_code": one.type_code, "is_military": True,
         "register": "simulated"}
        for one in sky.airframes if one.is_registered
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


def truth_rows(sky: Sky, stays: Sequence[Any] | None = None) -> list[Mapping[str, Any]]:
    """The true stays at watched bases of military aircraft, as rows: base, address, from and to, what was heard."""
    return [
        {"base_id": one.place.name, "icao24": one.icao24, "arrived_s": one.arrived, "departed_s": one.departed,
         "heard": one.heard}
        for one in (sky.stays if stays is None else stays)
        if one.is_watched and sky.airframes[one.airframe].is_military
    ]  # fmt: skip
