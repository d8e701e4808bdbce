"""Visits from tracks as a whole: simulated truth, the way through an archive, and recorded flights."""

from __future__ import annotations

import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
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
from simulator import archive, rows, stories
from simulator.world import Airfield, Trace

FIRST, DAYS, SEED = rows.day_number(2024, 3, 1), 200, 11
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
def judged() -> tuple[list[stories.Case], list[End]]:
    """Twenty cases of every kind of visit and trap, and what the models make of them."""
    regions = stories.regions(np.random.default_rng(SEED), 12)
    cases = list(stories.cases(SEED, regions, 20, FIRST * 86_400.0, DAYS))
    with duckdb.connect() as connection:
        params = simulated_lake.prepare(connection, regions, cases, first_day=FIRST, days=DAYS)
        simulated_lake.build(connection, params)
        return cases, ends(connection)


def test_visits_are_found_and_what_only_looks_like_one_is_not(judged: tuple[list[stories.Case], list[End]]) -> None:
    cases, found = judged
    claims = counted(found)
    total, hits, wrong = Counter[str](), Counter[str](), []
    for case in cases:
        total[case.kind] += 1
        mine = claims[case.trace.hex]
        true = [
            end
            for end in mine
            for stay in case.stays
            if end["base_id"] == stay.airfield
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


def test_evidence_and_confidence_are_what_was_heard(judged: tuple[list[stories.Case], list[End]]) -> None:
    cases, found = judged
    kinds = {case.trace.hex: case.kind for case in cases}
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


def test_the_simulator_knows_nothing_of_the_library() -> None:
    for file in (Path(__file__).parents[1] / "simulator").glob("*.py"):
        assert "basewatch" not in file.read_text(encoding="utf-8"), file.name


# ---- through an archive


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
    for day in archive.write(folder / "archive", traces):
        landed = local.fetch(Window("readsb_archive", day, day), context)
        for event in decoding.decode(landed, context):
            if isinstance(event, Rows) and event.table in ("track_points", "track_edges"):
                data = pq.read_table(event.data) if isinstance(event.data, Path) else event.data
                found[event.table].append(data.cast(TABLES[event.table].schema))
    return {name: pa.concat_tables(parts) for name, parts in found.items()}


def test_an_archive_gives_the_same_ends_as_the_tracks_in_it(tmp_path: Path) -> None:
    regions = stories.regions(np.random.default_rng(SEED), 2)
    kinds = ("touchdown", "aligned_loss", "dark_approach", "low_approach", "spoofing")
    cases = list(stories.cases(SEED, regions, 3, FIRST * 86_400.0, 50, kinds))
    found = []
    for through_archive in (False, True):
        with duckdb.connect() as connection:
            params = simulated_lake.prepare(connection, regions, cases, first_day=FIRST, days=60)
            if through_archive:
                traces = [case.trace for case in cases if len(case.trace.t)]
                tables = decoded(tmp_path, rows.watched(regions), traces)
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
    regions = stories.regions(np.random.default_rng(SEED), 4)
    cases = list(stories.cases(SEED, regions, 8, FIRST * 86_400.0, 50, ("aligned_loss",)))
    arrivals = {int(stay.arrived // 86_400) for case in cases for stay in case.stays}
    with duckdb.connect() as connection:
        params = simulated_lake.prepare(
            connection, regions, cases, first_day=FIRST, days=60, absent={*arrivals, *(day - 1 for day in arrivals)}
        )
        simulated_lake.build(connection, params)
        assert not [end for end in ends(connection) if end["direction"] == "arrival" and end["confidence"] >= 2]


# ---- recorded flights


def judge(traces: Sequence[Trace], places: Sequence[Airfield]) -> list[End]:
    """The ends that the models find for recorded traces at these places, every day taken in whole."""
    with duckdb.connect() as connection:
        simulated_lake.build(connection, simulated_lake.prepare_recorded(connection, traces, places))
        return ends(connection)


TRAVIS = Airfield("travis", 38.2627, -121.9274, 62, 0)
BEALE = Airfield("beale", 39.1361, -121.4366, 113, 0)
BLACK_ROCK = Airfield("black_rock", 40.7635, -119.2105, 3904, 0)  # 88NV, where two of the traces begin and end


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
    claims = counted(judge(real_tracks.snapshots(found), [Airfield("kirtland", 35.0402, -106.6092, 5355, 0)]))
    arrival = next(end for end in claims["ae54cd"] if end["direction"] == "arrival")
    assert (arrival["callsign"], arrival["type_code"], arrival["evidence"]) == ("STALK88", "C30J", "touchdown")
    assert arrival["confidence"] == 2
    assert all(end["evidence"] == "touchdown" for mine in claims.values() for end in mine)


def test_hourly_polls_show_who_stood_on_the_apron_and_nobody_else() -> None:
    polled = []
    (file,) = recorded_flights.POLLS["poland"]
    for line in file.read_text(encoding="utf-8").splitlines():
        one = json.loads(line)
        polled.append((datetime.fromisoformat(one["observed_at_utc"]).timestamp(), one))
    radom, rzeszow = Airfield("radom", 51.3892, 21.2133, 610, 0), Airfield("rzeszow", 50.11, 22.019, 675, 0)
    found = [end for mine in counted(judge(real_tracks.snapshots(polled), [radom, rzeszow])).values() for end in mine]
    on_ground = {
        one["hex"] for _, one in polled if one.get("alt_baro") == "ground" and abs(one["lat"] - rzeszow.latitude) < 0.05
        and abs(one["lon"] - rzeszow.longitude) < 0.05
    }  # fmt: skip
    assert {end["base_id"] for end in found} == {"rzeszow"}
    assert {end["aircraft"] for end in found} <= on_ground
    # two polls an hour and a half apart saw ZM414 on the apron, and the next one in the air far away
    stay = next(end for end in found if end["aircraft"] == "43c5e8" and end["direction"] == "presence")
    assert (stay["until_at"] - stay["happened_at"]).total_seconds() > 5000


def test_low_passes_of_calibration_flights_are_no_landings() -> None:
    folder = os.environ.get("TRAFFIC_SAMPLES")
    if not folder:
        pytest.skip("no samples: TRAFFIC_SAMPLES does not name traffic/data/samples of an unpacked `traffic` wheel")
    for name, place in (
        ("munich", Airfield("munich", 48.3538, 11.7861, 1487, 0)),
        ("vienna", Airfield("vienna", 48.1103, 16.5697, 600, 0)),
    ):
        traces = real_tracks.sample(Path(folder) / "calibration" / f"{name}.json.gz")
        assert min(trace.baro.min() for trace in traces) < place.elevation + 1000
        assert not counted(judge(traces, [place]))
