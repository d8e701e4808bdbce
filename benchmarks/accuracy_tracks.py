"""Every recorded track that is at hand: what is known of it, what is inferred, and whether that is right.

Known is what the aircraft's own ground reports show. Each track is read whole; without its end, from five minutes
before the first ground report on; without its start, up to five minutes after the last; and without both. One that
never was on the ground is cut where it passed nearest to a listed field: nothing is to be inferred of it.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import airportsdata
import duckdb
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import real_tracks
import recorded_flights
import simulated_lake
from basewatch.config import Settings
from basewatch.reference import load
from basewatch.warehouse import models
from skies import fields, lake
from skies.fields import Airfield, watched
from skies.reception import nearest
from skies.traces import Trace

AIR_BASES = (watched("travis", 38.2627, -121.9274, 62), watched("beale", 39.1361, -121.4366, 113))
ON_FIELD_NM = 3.0
HIDDEN_S = 300.0  # before the first ground report and after the last one
PASS_S = 600.0  # before and after the nearest moment of a track that passes
SURELY_UP_FT = 300.0  # above the field
WAYS = ("whole", "end hidden", "start hidden", "both hidden")
COUNTED = 2


@dataclass(frozen=True)
class Track:
    """A recorded track. first_s, last_s: of its ground reports, or of the nearest moment (seconds since 1970, UTC)."""

    trace: Trace
    field: Airfield
    known: str
    is_stay: bool
    first_s: float
    last_s: float

    def read(self, way: str) -> Trace:
        """What is left of it when it is read in one of the WAYS."""
        margin = HIDDEN_S if self.is_stay else PASS_S
        t, since, until = self.trace.t, self.first_s - margin, self.last_s + margin
        if not self.is_stay and way != "both hidden":
            since = until = self.first_s
        kept = {"whole": t > 0, "end hidden": t < since, "start hidden": t > until}
        return self.trace.of(kept.get(way, (t < since) | (t > until)))


@dataclass(frozen=True)
class Inferred:
    """A published stay."""

    base_id: str
    evidence: str
    confidence: int
    probability: float | None


def airports() -> list[Airfield]:
    """The world's airports, those of the United States by their own codes too."""
    listed = {**airportsdata.load("LID"), **airportsdata.load("ICAO")}
    return [watched(code, one["lat"], one["lon"], one["elevation"]) for code, one in listed.items()]


def known_of(trace: Trace, places: Sequence[Airfield], spots: fields.Floats) -> Track:
    """What a trace's own reports show: where it was on the ground, or which field it passed."""
    here = fields.unit(trace.latitude, trace.longitude)
    if not trace.ground.any():
        miles = fields.apart(here, spots)
        row, column = np.unravel_index(int(miles.argmin()), miles.shape)
        return Track(trace, places[int(column)], "neither", False, float(trace.t[row]), float(trace.t[row]))
    on_ground = np.flatnonzero(trace.ground)
    place = places[int(fields.apart(here[on_ground[:1]], spots).argmin())]
    near = fields.apart(here, fields.unit(place.latitude, place.longitude))[:, 0] < ON_FIELD_NM
    assert near[on_ground].all(), "one that was on the ground at two fields wants a row for each"
    height = np.where(np.isnan(trace.geom), trace.baro, trace.geom) - place.elevation
    # up, or down, or in between, where a report of either may be wrong
    state = np.where(trace.ground, -1, np.where(height > SURELY_UP_FT, 1, 0))
    state = state[state != 0]
    landings, departures = int((np.diff(state) < 0).sum()), int((np.diff(state) > 0).sum())
    known = f"{landings} landing{'s' * (landings != 1)}, {departures} take-off{'s' * (departures != 1)}"
    return Track(trace, place, known, True, float(trace.t[on_ground[0]]), float(trace.t[on_ground[-1]]))


def tracks(folder: Path) -> list[Track]:
    """The readsb traces in a folder of recorded data."""
    world = [*AIR_BASES, *airports()]
    spots = fields.unit([one.latitude for one in world], [one.longitude for one in world])
    files = sorted((folder / "readsb_traces").rglob("trace_full_*.json"))
    return [known_of(real_tracks.readsb(file), world, spots) for file in files]


def inferred(traces: Sequence[Trace], places: Sequence[Airfield]) -> dict[str, list[Inferred]]:
    """What is published of some traces when these fields are watched among all that are listed, by address."""
    rows = load.tables(Settings()).rows
    facts = {name: [row.model_dump() for row in rows[name]] for name in ("fields", "field_runways")}
    found: dict[str, list[Inferred]] = defaultdict(list)
    with duckdb.connect() as connection:
        params = lake.fill_recorded(connection, traces, places, facts)
        models.build(connection, params, models.ancestors(["marts.base_visits"]))
        for icao24, *stay in connection.execute(
            "SELECT icao24, base_id, "
            "coalesce(nullif(arrival_evidence, 'none'), nullif(departure_evidence, 'none'), 'presence'), "
            "confidence, probability FROM marts.base_visits ORDER BY confidence DESC, first_evidence_at"
        ).fetchall():
            found[icao24].append(Inferred(*stay))
    return found


def verdict(track: Track, stays: Sequence[Inferred], has_rest: bool) -> tuple[str, str]:
    """What was inferred of a track, and whether it is right, missed or wrong; `no rest` where all of it is hidden."""
    if not has_rest:
        return "", "no rest"
    counted = [stay for stay in stays if stay.confidence >= COUNTED]
    shown = ", ".join(
        f"{stay.evidence}{'' if stay.probability is None else f' {stay.probability:.2f}'}" for stay in stays
    )
    shown = shown or "nothing"
    if any(stay.base_id != track.field.name for stay in counted) or (counted and not track.is_stay):
        return shown, "wrong"
    return shown, "right" if bool(counted) == track.is_stay else "missed"


def listed(folder: Path) -> None:
    """Print every readsb trace, read in each way, with a line that sums up."""
    every = tracks(folder)
    places = list({track.field.name: track.field for track in every}.values())
    told = {way: inferred([track.read(way) for track in every], places) for way in WAYS}
    total: dict[str, Counter[str]] = {way: Counter() for way in WAYS}
    print(f"{'recorded trace':20}{'day':12}{'field':10}{'known':26}" + "".join(f"{way:34}" for way in WAYS))
    for track in every:
        day = datetime.fromtimestamp(track.first_s, UTC).date()
        cells = []
        for way in WAYS:
            shown, is_right = verdict(track, told[way][track.trace.hex], len(track.read(way).t) > 0)
            total[way][is_right] += 1
            cells.append(f"{is_right}: {shown if len(shown) < 26 else f'{shown[:23]}…'}".rstrip(": "))
        name = f"{track.trace.hex} {track.trace.registration or ''}"
        print(f"{name:20}{day!s:12}{track.field.name:10}{track.known:26}" + "".join(f"{cell:34}" for cell in cells))
    sums = [", ".join(f"{word} {total[way][word]}" for word in ("right", "missed", "wrong")) for way in WAYS]
    print(f"{f'all {len(every)}':68}" + "".join(f"{text:34}" for text in sums) + "\n", flush=True)


def is_on_ground(sighting: recorded_flights.Sighting) -> bool:
    """Whether an aircraft says that it is on the ground."""
    return bool(sighting.aircraft.get("alt_baro") == "ground")


def polled() -> None:
    """Print the aircraft of recorded polls (tests/samples/flights), read whole and without their ground reports."""
    seen = [one for polls in recorded_flights.POLLS for one in recorded_flights.sightings(polls)]
    ways = {"whole": seen, "ground hidden": [one for one in seen if not is_on_ground(one)]}
    told: dict[str, list[Mapping[str, Any]]] = {}
    for way, sightings in ways.items():
        with tempfile.TemporaryDirectory() as folder:
            told[way] = recorded_flights.visits(Path(folder), sightings)
    total: dict[str, Counter[str]] = {way: Counter() for way in ways}
    print(f"{'polled aircraft':20}{'day':12}{'field':10}{'known':26}" + "".join(f"{way:34}" for way in ways))
    for story in recorded_flights.stories():
        for aircraft in story.aircraft:
            stays = [stay for stay in story.stays if stay.aircraft == aircraft]
            for stay in stays or [None]:
                line = _polled_line(aircraft, stay, told, total)
                print(line)
    sums = [", ".join(f"{word} {total[way][word]}" for word in ("right", "missed", "wrong")) for way in ways]
    print(f"{'all':68}" + "".join(f"{text:34}" for text in sums) + "\n", flush=True)


def _polled_line(
    aircraft: str,
    stay: recorded_flights.Stay | None,
    told: Mapping[str, Sequence[Mapping[str, Any]]],
    total: Mapping[str, Counter[str]],
) -> str:
    """A line on one aircraft's stay, or on one that stayed nowhere (None)."""
    cells = []
    for way, visits in told.items():
        mine = [visit for visit in visits if visit["icao24"] == aircraft]
        if stay is not None:
            mine = [visit for visit in mine if stay.is_told_by(visit)]
        is_counted = any(visit["confidence"] >= COUNTED for visit in mine)
        word = "right" if is_counted == (stay is not None) else "wrong" if stay is None else "missed"
        total[way][word] += 1
        ends = [(visit["arrival_evidence"], visit["departure_evidence"]) for visit in mine]
        shown = ", ".join(sorted({end for pair in ends for end in pair if end not in (None, "none")}))
        weak = "" if is_counted or not mine else "weak "
        cells.append(f"{word}: {weak}{shown or ('presence' if mine else 'nothing')}")
    if stay is None:
        day, field, known = "", "", "neither"
    else:
        ends = [name for name, end in (("landing", stay.arrived), ("take-off", stay.departed)) if end]
        first = stay.arrived or stay.departed
        day, field, known = f"{first[0]:%Y-%m-%d}" if first else "", stay.base_id, ", ".join(ends) or "on the ground"
    return f"{aircraft:20}{day:12}{field:10}{known:26}" + "".join(f"{cell:34}" for cell in cells)


# Flights that calibrate landing aids pass low along the runway dozens of times and land once, if at all. Samples of the
# `traffic` package (MIT), with the airport and its runways by designator.
CALIBRATIONS = {
    "ajaccio": ("LFKJ", "02/20"), "bornholm": ("EKRN", "11/29"), "brussels_ils": ("EBBR", "01/19 07/25"),
    "brussels_vor": ("EBBR", "01/19 07/25"), "cardiff": ("EGFF", "12/30"), "funchal": ("LPMA", "05/23"),
    "guatemala": ("MGGT", "02/20"), "kingston": ("MKJP", "12/30"), "kiruna": ("ESNQ", "03/21"),
    "kota_kinabalu": ("WBKK", "02/20"), "liege_sprimont": ("EBLG", "04/22"), "lisbon": ("LPPT", "02/20"),
    "london_gatwick": ("EGKK", "08/26"), "london_heathrow": ("EGLL", "09/27"), "monastir": ("DTMB", "07/25"),
    "montreal": ("CYUL", "06/24"), "munich": ("EDDM", "08/26"), "nice": ("LFMN", "04/22"), "noumea": ("NWWW", "11/29"),
    "perth": ("YPPH", "03/21 06/24"), "sydney": ("YSSY", "07/25 16/34"), "toulouse": ("LFBO", "14/32"),
    "vancouver": ("CYVR", "08/26"), "vienna": ("LOWW", "11/29 16/34"),
}  # fmt: skip


def low_passes(trace: Trace, place: Airfield) -> int:
    """How often a track comes below 800 ft within 4 km of a field and goes back above 1,500 ft: counted plainly."""
    height = np.where(np.isnan(trace.geom), trace.baro, trace.geom) - place.elevation
    near = nearest(place, trace.latitude, trace.longitude) < 4 / 1.852
    passes, is_low = 0, False
    for low, high in zip(near & (height < 800), height > 1_500, strict=True):
        passes += bool(is_low and high)
        is_low = bool((is_low or low) and not high)
    return passes


def calibrations(samples: Path) -> None:
    """Judge recorded calibration flights, and print what was made of their low passes."""
    airports = airportsdata.load("ICAO")
    heads = ("low passes", "arrivals", "departures", "weak evidence")
    print(f"{'recorded calibration flight':30}" + "".join(f"{head:>15}" for head in heads))
    total = Counter[str]()
    for name, (icao, designators) in CALIBRATIONS.items():
        airport = airports[icao]
        place = watched(icao, airport["lat"], airport["lon"], airport["elevation"])
        runways = [
            {
                "base_id": icao,
                "le_ident": pair[:2],
                "he_ident": pair[3:],
                "heading_deg_true": int(pair[:2]) * 10,
                "heading_basis": "designator",
                "is_closed": False,
            }
            for pair in designators.split()
        ]
        traces = real_tracks.sample(samples / "calibration" / f"{name}.json.gz")
        with duckdb.connect() as connection:
            params = lake.fill_recorded(connection, traces, [place], {"runways": runways})
            simulated_lake.build(connection, params)
            found = connection.execute("SELECT direction, confidence FROM intermediate.int_trace_ends").fetchall()
        row = {
            "passes": sum(low_passes(trace, place) for trace in traces),
            "arrivals": sum(direction == "arrival" and confidence >= 2 for direction, confidence in found),
            "departures": sum(direction == "departure" and confidence >= 2 for direction, confidence in found),
            "weak": sum(confidence < 2 for _, confidence in found),
        }
        total.update(row)
        print(f"{name:30}" + "".join(f"{count:>15}" for count in row.values()), flush=True)
    print(f"{'all':30}" + "".join(f"{total[key]:>15}" for key in ("passes", "arrivals", "departures", "weak")) + "\n")
