"""Visits from tracks as a whole: simulated truth, the way through an archive, and recorded flights."""

from __future__ import annotations

import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import real_tracks
import recorded_flights
import simulated_lake
import tracekit
from basewatch.lake.events import Rows
from basewatch.lake.schemas import TABLES
from basewatch.reference.rows import BaseRow
from basewatch.sources.contract import Window
from basewatch.sources.readsb_archive import decoding, local
from skies import cases, fields, lake
from skies.cases import Case
from skies.fields import Airfield, watched
from skies.traces import Trace

FIRST, DAYS, SEED = lake.day_number(2024, 3, 1), 200, 11
End = dict[str, Any]


def ends(connection: duckdb.DuckDBPyConnection) -> list[End]:
    """The ends of stays as rows, weakest evidence included."""
    return (
        connection.execute("SELECT * FROM intermediate.int_trace_ends ORDER BY aircraft, happened_at, direction")
        .to_arrow_table()
        .to_pylist()
    )


def counted(found: Sequence[End]) -> dict[str, list[End]]:
    """Those that make a visit count, by aircraft."""
    by_aircraft: dict[str, list[End]] = defaultdict(list)
    for end in found:
        if end["confidence"] >= 2:
            by_aircraft[end["aircraft"]].append(end)
    return by_aircraft


@pytest.fixture(scope="module")
def judged() -> tuple[list[Case], list[End]]:
    """Twenty cases of every kind of visit and trap, and what the models make of them."""
    regions = cases.regions(np.random.default_rng(SEED), 12)
    made = list(cases.draw(SEED, regions, 20, FIRST * 86_400.0, DAYS))
    with duckdb.connect() as connection:
        params = lake.fill_cases(connection, regions, made, first_day=FIRST, days=DAYS)
        simulated_lake.build(connection, params)
        return made, ends(connection)


def test_visits_are_found_and_what_only_looks_like_one_is_not(judged: tuple[list[Case], list[End]]) -> None:
    made, found = judged
    claims = counted(found)
    total, hits, wrong = Counter[str](), Counter[str](), []
    for case in made:
        total[case.kind] += 1
        mine = claims[case.trace.hex]
        true = [
            end
            for end in mine
            for stay in case.stays
            if end["base_id"] == stay.place.name
            and stay.arrived - 2700 <= end["happened_at"].timestamp() <= stay.departed + 2700
        ]
        hits[case.kind] += bool(true)
        wrong += [(case.kind, end) for end in mine if end not in true]
    # of twenty helicopters that sink into a meadow two or three head for the field three miles behind it
    assert {(kind, end["confidence"]) for kind, end in wrong} <= {("helicopter", 2)}
    assert len({end["aircraft"] for _, end in wrong}) <= 2
    assert {kind: hits[kind] for kind in ("touchdown", "parked")} == dict.fromkeys(("touchdown", "parked"), 20)
    assert hits["aligned_loss"] >= 17
    assert hits["dark_approach"] >= 17
    assert hits["high_horizon"] >= 15


def test_evidence_and_confidence_are_what_was_heard(judged: tuple[list[Case], list[End]]) -> None:
    made, found = judged
    kinds = {case.trace.hex: case.kind for case in made}
    arrivals = [end for end in found if end["direction"] == "arrival"]
    heard = {kind: Counter() for kind in set(kinds.values())}
    for end in arrivals:
        heard[kinds[end["aircraft"]]][end["evidence"], end["confidence"]] += 1
    assert heard["touchdown"] == {("touchdown", 4): 20}
    assert heard["parked"] == {("touchdown", 4): 20}
    assert {evidence for evidence, _ in heard["aligned_loss"]} == {"aligned_loss"}
    assert sum(count for (_, confidence), count in heard["aligned_loss"].items() if confidence >= 2) >= 17
    departures = [end for end in found if end["direction"] == "departure" and kinds[end["aircraft"]] == "dark_approach"]
    assert {end["evidence"] for end in departures} == {"reappearance", "touchdown"}
    assert all(re.fullmatch(r"trace [0-9a-f]{6} 2024-\d\d-\d\d \(simulated\)", end["evidence_id"]) for end in found)


# ---- through an archive


def write_archive(folder: Path, traces: Sequence[Trace]) -> list[date]:
    """Write the traces as an archive of a tar a day; returns the days written, in order."""
    members: dict[date, list[tuple[str, bytes]]] = defaultdict(list)
    for trace in traces:
        numbers = np.floor(trace.t / 86_400).astype(int)
        for number in np.unique(numbers):
            part = trace.of(numbers == number)
            head = {"r": part.registration, "t": part.type_code, "dbFlags": int(part.is_military)}
            midnight = float(number) * 86_400
            points = [written(part, row, midnight) for row in range(len(part.t))]
            member = tracekit.trace(part.hex, points, stamp=midnight, **head)
            members[date(1970, 1, 1) + timedelta(days=int(number))].append(member)
    for day, those in members.items():
        tracekit.write_tar(folder, those, day)
    return sorted(members)


def written(trace: Trace, row: int, midnight: float) -> tracekit.Point:
    """A position as readsb writes it; the first of a file carries the callsign."""

    def whole(value: float) -> int | None:
        return None if np.isnan(value) else round(float(value))

    return tracekit.point(
        float(trace.t[row]) - midnight,
        float(trace.latitude[row]),
        float(trace.longitude[row]),
        "ground" if trace.ground[row] else whole(trace.baro[row]),
        gs=round(float(trace.speed[row]), 1),
        track=round(float(trace.track[row]), 1),
        rate=whole(trace.rate[row]),
        details={"type": "adsb_icao", "flight": f"{trace.callsign:8}"} if row == 0 else None,
        geom=whole(trace.geom[row]),
    )


def decoded(folder: Path, places: Sequence[Airfield], traces: Sequence[Trace]) -> dict[str, pa.Table]:
    """What the archive reader makes of the traces, by lake table."""
    base_rows = [
        BaseRow(
            base_id=place.name, name=place.name, icao=None, iata=None, ident=None, country="SY", kind="air",
            latitude=place.latitude, longitude=place.longitude, elevation_ft=place.elevation,
            is_shared_with_civil=False, operator=None, note=None, source_url=None, checked_on=None,
        )
        for place in places
    ]  # fmt: skip
    context = tracekit.context(folder, base_rows, now=datetime(2024, 12, 1, tzinfo=UTC), network="simulated")
    found: dict[str, list[pa.Table]] = defaultdict(list)
    for day in write_archive(folder / "archive", traces):
        landed = local.fetch(Window("readsb_archive", day, day), context)
        for event in decoding.decode(landed, context):
            if isinstance(event, Rows) and event.table in ("track_points", "track_edges"):
                data = pq.read_table(event.data) if isinstance(event.data, Path) else event.data
                found[event.table].append(data.cast(TABLES[event.table].schema))
    return {name: pa.concat_tables(parts) for name, parts in found.items()}


def positions(table: pa.Table) -> dict[tuple[str, int], tuple[Any, ...]]:
    """Base, distance, place and heights of each position, by address and time."""
    names = ("icao24", "seen_at", "base_id", "distance_km", "latitude", "longitude", "altitude_baro_ft", "is_ground")
    rows = zip(*(table[name].to_pylist() for name in names), strict=True)
    return {(icao24, round(seen_at.timestamp() * 100)): tuple(rest) for icao24, seen_at, *rest in rows}


def kept(traces: Sequence[Trace], places: Sequence[Airfield]) -> dict[tuple[str, int], tuple[Any, ...]]:
    """The same as an archive's description has it: within 60 NM below 15,000 ft, or within 15 NM; the nearest base."""
    found = {}
    spots = fields.unit([place.latitude for place in places], [place.longitude for place in places])
    for trace in traces:
        miles = fields.apart(fields.unit(trace.latitude, trace.longitude), spots)
        nearest, least = miles.argmin(axis=1), miles.min(axis=1)
        is_low = trace.ground | np.isnan(trace.baro) | (trace.baro < 15_000)
        for row in np.flatnonzero((least <= 15) | ((least <= 60) & is_low)).tolist():
            height = None if np.isnan(trace.baro[row]) else round(float(trace.baro[row]))
            found[trace.hex, round(float(trace.t[row]) * 100)] = (
                places[nearest[row]].name, pytest.approx(float(least[row]) * 1.852, abs=0.005),
                pytest.approx(float(trace.latitude[row]), abs=1e-6),
                pytest.approx(float(trace.longitude[row]), abs=1e-6), height, bool(trace.ground[row]),
            )  # fmt: skip
    return found


def edges(table: pa.Table) -> set[tuple[str, int, str]]:
    """Address, time and sort of each edge."""
    rows = zip(*(table[name].to_pylist() for name in ("icao24", "seen_at", "edge")), strict=True)
    return {(icao24, round(seen_at.timestamp() * 100), edge) for icao24, seen_at, edge in rows}


def kept_edges(traces: Sequence[Trace], near: set[tuple[str, int]]) -> set[tuple[str, int, str]]:
    """The same as described: a day's first and last position, and those outside right beside what is near."""
    found = set()
    for trace in traces:
        times = np.round(trace.t * 100).astype(int).tolist()
        inside = [(trace.hex, at) in near for at in times]
        days = [at // 8_640_000 for at in times]
        for day in sorted(set(days)):
            rows = [row for row, of in enumerate(days) if of == day]
            if not (trace.is_military or any(inside[row] for row in rows)):
                continue
            found |= {(trace.hex, times[rows[0]], "first"), (trace.hex, times[rows[-1]], "last")}
            for before, after in pairwise(rows):
                if inside[after] and not inside[before]:
                    found.add((trace.hex, times[before], "before"))
                if inside[before] and not inside[after]:
                    found.add((trace.hex, times[after], "after"))
    return found


def test_an_archive_gives_the_same_ends_as_the_tracks_in_it(tmp_path: Path) -> None:
    regions = cases.regions(np.random.default_rng(SEED), 2)
    kinds = ("touchdown", "aligned_loss", "dark_approach", "low_approach", "spoofing")
    made = list(cases.draw(SEED, regions, 3, FIRST * 86_400.0, 50, kinds))
    traces = [case.trace for case in made if len(case.trace.t)]
    places = [place for region in regions for place in region.watched]
    tables = decoded(tmp_path, places, traces)
    near = kept(traces, places)
    assert positions(tables["track_points"]) == near
    assert edges(tables["track_edges"]) == kept_edges(traces, set(near))
    found = []
    for through_archive in (False, True):
        with duckdb.connect() as connection:
            params = lake.fill_cases(connection, regions, made, first_day=FIRST, days=60)
            if through_archive:
                for name in ("track_points", "track_edges"):
                    simulated_lake.put(connection, f"raw.{name}", TABLES[name].schema, tables[name])
            simulated_lake.build(connection, params)
            found.append(
                [
                    (end["aircraft"], end["base_id"], end["direction"], end["evidence"], end["confidence"])
                    for end in ends(connection)
                ]
            )
    assert len(found[0]) > 15
    assert found[0] == found[1]


def test_an_absent_day_makes_silence_prove_nothing() -> None:
    regions = cases.regions(np.random.default_rng(SEED), 4)
    made = list(cases.draw(SEED, regions, 8, FIRST * 86_400.0, 50, ("aligned_loss",)))
    arrivals = {int(stay.arrived // 86_400) for case in made for stay in case.stays}
    with duckdb.connect() as connection:
        params = lake.fill_cases(
            connection, regions, made, first_day=FIRST, days=60, absent={*arrivals, *(day - 1 for day in arrivals)}
        )
        simulated_lake.build(connection, params)
        assert not [end for end in ends(connection) if end["direction"] == "arrival" and end["confidence"] >= 2]


# ---- recorded flights


def judge(traces: Sequence[Trace], places: Sequence[Airfield]) -> list[End]:
    """The ends that the models find for recorded traces at these places, every day taken in whole."""
    with duckdb.connect() as connection:
        simulated_lake.build(connection, lake.fill_recorded(connection, traces, places))
        return ends(connection)


TRAVIS = watched("travis", 38.2627, -121.9274, 62)
BEALE = watched("beale", 39.1361, -121.4366, 113)
BLACK_ROCK = watched("black_rock", 40.7635, -119.2105, 3904)  # 88NV, where two of the traces begin and end


def test_overflights_of_air_bases_are_no_landings(recorded: Path) -> None:
    traces = [real_tracks.readsb(file) for file in sorted((recorded / "readsb_traces").rglob("trace_full_*.json"))]
    assert len(traces) == 22
    found = counted(judge(traces, [TRAVIS, BEALE, BLACK_ROCK]))
    assert {end["base_id"] for mine in found.values() for end in mine} == {"black_rock"}
    # a Beech 350 that came for half an hour, and two light aircraft on rounds that never left the field's zone
    assert set(found) == {"a4068e", "a3c78c", "aa178d"}
    shown = {(end["direction"], end["evidence"], end["confidence"]) for end in found["a4068e"]}
    assert shown == {("arrival", "touchdown", 4), ("presence", "touchdown", 3), ("departure", "touchdown", 3)}
    assert {end["evidence"] for mine in found.values() for end in mine} == {"touchdown"}
    assert not [end for mine in (found["a3c78c"], found["aa178d"]) for end in mine if end["direction"] == "departure"]


def test_a_transport_on_the_ground_in_two_snapshots() -> None:
    found = []
    for file in recorded_flights.POLLS["kirtland"]:
        data = json.loads(file.read_text(encoding="utf-8"))
        found += [(data["now"], aircraft) for aircraft in data["aircraft"]]
    claims = counted(judge(real_tracks.snapshots(found), [watched("kirtland", 35.0402, -106.6092, 5355)]))
    arrival = next(end for end in claims["ae54cd"] if end["direction"] == "arrival")
    assert (arrival["callsign"], arrival["type_code"], arrival["evidence"]) == ("STALK88", "C30J", "touchdown")
    assert arrival["confidence"] == 2
    assert all(end["evidence"] == "touchdown" for mine in claims.values() for end in mine)


def test_hourly_polls_show_who_stood_on_the_apron_or_stayed_the_night() -> None:
    polled = []
    (file,) = recorded_flights.POLLS["poland"]
    for line in file.read_text(encoding="utf-8").splitlines():
        one = json.loads(line)
        polled.append((datetime.fromisoformat(one["observed_at_utc"]).timestamp(), one))
    radom, rzeszow = watched("radom", 51.3892, 21.2133, 610), watched("rzeszow", 50.11, 22.019, 675)
    found = [end for mine in counted(judge(real_tracks.snapshots(polled), [radom, rzeszow])).values() for end in mine]
    on_ground = {
        one["hex"] for _, one in polled if one.get("alt_baro") == "ground" and abs(one["lat"] - rzeszow.latitude) < 0.05
        and abs(one["lon"] - rzeszow.longitude) < 0.05
    }  # fmt: skip
    assert {end["base_id"] for end in found} == {"rzeszow"}
    # and one that no poll saw there: a C-295 that sank through 8,300 ft above the field 7 nm out, and climbed away from
    # it the next morning 9 nm out
    (overnight,) = {end["aircraft"] for end in found} - on_ground
    assert overnight == "35360b"
    at = {end["direction"]: end for end in found if end["aircraft"] == overnight}
    assert (at["arrival"]["evidence"], at["departure"]["evidence"]) == ("descent_loss", "reappearance")
    # two polls an hour and a half apart saw ZM414 on the apron, and the next one in the air far away
    stay = next(end for end in found if end["aircraft"] == "43c5e8" and end["direction"] == "presence")
    assert (stay["until_at"] - stay["happened_at"]).total_seconds() > 5000


def test_low_passes_of_calibration_flights_are_no_landings() -> None:
    folder = os.environ.get("TRAFFIC_SAMPLES")
    if not folder:
        pytest.skip("no samples: TRAFFIC_SAMPLES does not name traffic/data/samples of an unpacked `traffic` wheel")
    for name, place in (
        ("munich", watched("munich", 48.3538, 11.7861, 1487)),
        ("vienna", watched("vienna", 48.1103, 16.5697, 600)),
    ):
        traces = real_tracks.sample(Path(folder) / "calibration" / f"{name}.json.gz")
        assert min(trace.baro.min() for trace in traces) < place.elevation + 1000
        assert not counted(judge(traces, [place]))
