"""From what was heard to rows of the lake's tables, by the product's own functions from parsed points on.

An archive is decoded day by day, and so is a sky: each aircraft's day is a trace. With lake.py this is all of the
package that knows the library.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

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
    Near,
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
from basewatch.reference.thresholds import Thresholds, thresholds
from skies.fields import Airfield, Bools
from skies.stories import Sky
from skies.traces import ARRAYS, Trace
from skies.truth import Airframe

NETWORK, SOURCE = "simulated", "readsb_archive"
SILENCE_S = 300.0  # a pause that a judge may ask about
AROUND_S = 600.0  # on each side of such a pause every position is kept
SPARSE_S = 15.0  # elsewhere one in so many seconds
FLEET = "f"  # the first letter of every watched fleet's name


def of_sky(sky: Sky) -> dict[str, pa.Table]:
    """The lake's tables of a sky, by name."""
    decoder = _Decoder(sky, limits())
    made: dict[str, list[pa.Table]] = {}
    number = (sky.heard["t"] // 86_400).astype(np.int64)
    for day in range(sky.first_day, sky.first_day + sky.days):
        if day in sky.missing_days:
            continue
        for name, rows_of_day in decoder.day(day, np.flatnonzero(number == day)).items():
            made.setdefault(name, []).append(rows_of_day.cast(TABLES[name].schema))
    return {name: pa.concat_tables(tables) for name, tables in made.items()}


def of_traces(traces: Sequence[Trace], watched: Sequence[Airfield]) -> dict[str, pa.Table]:
    """The positions and edges of some traces near the watched fields, as rows of track_points and track_edges."""
    heard = {name: np.concatenate([getattr(one, name) for one in traces]) for name in (*ARRAYS, "ground")}
    heard |= {name: np.rint(heard[name]) for name in ("baro", "geom", "rate")}  # whole in every archive
    airframe = np.repeat(np.arange(len(traces)), [len(one.t) for one in traces])
    address = np.array([int(one.hex, 16) for one in traces], np.int64)
    heads = [
        Head(one.hex, 0.0, one.registration, one.type_code, None, 1 if one.is_military else 0) for one in traces
    ]  # fmt: skip
    positions = Positions({**heard, "airframe": airframe}, heads, [one.callsign for one in traces], address)
    points, first = positions.frame(np.lexsort((heard["t"], address[airframe])))
    given = limits()
    bases = Bases(_places(watched), max(ring.radius_km for ring in given.rings))
    nearby = near(points, bases, list(given.rings))
    is_listed = np.array([one.is_military for one in traces], np.bool_)[first]
    tables = near_rows(points, [heads[number] for number in first.tolist()], nearby, bases, is_listed)
    return {name: rows.cast(TABLES[name].schema) for name, rows in tables.items()}


def limits() -> Thresholds:
    """The decoder's thresholds as shipped."""
    return thresholds(load.params(Settings()).values)


def _places(watched: Sequence[Airfield]) -> list[Place]:
    return [Place(one.name, one.latitude, one.longitude, one.elevation) for one in watched]


@dataclass(frozen=True)
class Positions:
    """What was heard, as arrays of equal length with an `airframe` each; head, callsign and address by airframe."""

    heard: Mapping[str, Any]
    heads: Sequence[Head]
    callsigns: Sequence[str]
    address: np.ndarray

    def frame(self, chosen: np.ndarray) -> tuple[Frame, np.ndarray]:
        """The chosen positions as parsed traces give them, and an airframe of each trace.

        chosen: by address and time. An address's day is a trace: two airframes of one address are one trace there,
        whose head is of whichever was heard first.
        """
        heard, count = self.heard, len(chosen)
        airframe = heard["airframe"][chosen].astype(np.int64)
        key = self.address[airframe] * 100_000 + (heard["t"][chosen] // 86_400).astype(np.int64)
        is_new = np.append(True, key[1:] != key[:-1]) if count else np.empty(0, np.bool_)
        kinds, callsigns = Names(), Names()
        points = Frame(
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
            ground=heard["ground"][chosen].astype(bool),
            valid=np.ones(count, np.bool_),
            kind=np.full(count, kinds.of("adsb_icao")),
            callsign=callsigns.all_of(self.callsigns)[airframe],
            kinds=kinds,
            callsigns=callsigns,
        )
        return points, airframe[is_new]


def near_rows(
    points: Frame, heads: Sequence[Head], nearby: Near, bases: Bases, is_listed: Bools
) -> dict[str, pa.Table]:
    """Rows of track_points and track_edges. is_listed: traces of the watch list, whose edges are all kept."""
    is_near = np.bincount(points.trace[nearby.is_near], minlength=len(heads)) > 0
    kept = latest_of_equal(points.trace, points.at, np.flatnonzero(nearby.is_near))
    edge, which = edge_points(points, nearby, is_near | is_listed)
    registry = Registry(heads)
    return {
        "track_points": point_rows(points, nearby, kept, bases, registry, SOURCE, NETWORK),
        "track_edges": edge_rows(points, edge, which, registry, SOURCE, NETWORK),
    }


class _Decoder:
    """What all days of a sky share."""

    def __init__(self, sky: Sky, limits: Thresholds) -> None:
        self.sky = sky
        self.rings: list[Ring] = list(limits.rings)
        self.places = _places(sorted(sky.bases, key=lambda one: one.name))
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
        self.positions = Positions(
            sky.heard,
            [head_of(one) for one in sky.airframes],
            [one.callsign for one in sky.airframes],
            np.array([int(one.icao24, 16) for one in sky.airframes], np.int64),
        )
        self.is_beside_silence = beside_silence(sky, self.positions.address)

    def day(self, day: int, chosen: np.ndarray) -> dict[str, pa.Table]:
        """The tables of one day, from these of the sky's positions."""
        if not len(chosen):
            return {}
        points, first = self.positions.frame(chosen)
        heads = [self.positions.heads[number] for number in first.tolist()]
        nearby = near(points, self.bases, self.rings)
        is_listed, is_of_fleet = self.is_military[first], self.is_of_fleet[first]
        tally = Tally(len(self.places))
        today = np.ones(len(points.at), np.bool_)
        measure(tally, points, nearby, is_of_fleet, today, self.bases, self.fields, self.limits)
        around = near(points, self.surroundings, [Ring(FAR_NM * NM_KM)])
        far = around.is_near & ~nearby.is_near & is_listed[points.trace]
        far &= followed(points, self.is_beside_silence[chosen])
        far_kept = latest_of_equal(points.trace, points.at, np.flatnonzero(far))
        heard_rows = self._kept(chosen, day)
        grid = Heard.of(heard_rows, self.cells.of(heard_rows["lat"], heard_rows["lon"]))
        tables = near_rows(points, heads, nearby, self.bases, is_listed) | {
            "watched_points": point_rows(
                points, around, far_kept, self.surroundings, Registry(heads), SOURCE, NETWORK, "watched_points"
            ),
            "base_background": table(tally, self.places, NETWORK),
            "heard_cells": grid.table(self.cells, day * DAY, NETWORK),
        }
        for name in ("base_background", "heard_cells"):
            count = tables[name].num_rows
            tables[name] = (
                tables[name]
                .add_column(0, "source", pa.array([SOURCE] * count, pa.string()))
                .add_column(1, "day", pa.array(np.full(count, day, np.int32)).cast(pa.date32()))
            )
        return tables

    def _kept(self, chosen: np.ndarray, day: int) -> np.ndarray:
        """The positions as a survey of heatmaps keeps them: all of the watch list, and one in a while of the others."""
        heard = self.sky.heard
        t, airframe = heard["t"][chosen], heard["airframe"][chosen].astype(np.int64)
        slot = (t // HEARD_S).astype(np.int64)
        is_kept = np.append(True, (np.diff(slot) != 0) | (np.diff(airframe) != 0)) if len(t) else np.empty(0, bool)
        is_kept |= self.is_military[airframe]
        some = chosen[is_kept]
        kept = np.zeros(len(some), KEPT)
        kept["hex"] = self.positions.address[airframe[is_kept]]
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


def is_of_fleet(one: Airframe) -> bool:
    """Whether an aircraft belongs to a watched fleet."""
    return one.fleet.startswith(FLEET)


def is_known_by_name(one: Airframe) -> bool:
    """Whether anybody knows an aircraft's registration and type."""
    return one.number % 9 != 0 or one.is_registered


def head_of(one: Airframe) -> Head:
    """The head of an aircraft's trace: now and then without registration and type, as for those that nobody knows."""
    is_known = is_known_by_name(one)
    return Head(
        one.icao24, 0.0, one.registration if is_known else None, one.type_code if is_known else None,
        None, 1 if one.is_flagged else 0,
    )  # fmt: skip
