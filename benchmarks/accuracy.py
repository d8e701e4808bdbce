"""How right the judgements are, on simulated flights with known truth: visits, what only looks like one, and gaps.

    python benchmarks/accuracy.py                    # everything, at the sizes that the project promises
    python benchmarks/accuracy.py --each 100 --series 200
    python benchmarks/accuracy.py --each 0 --series 0 --samples traffic/data/samples   # recorded flights

Prints precision, recall and F0.5 by sort of evidence, false visits among cases of each trap, and how often bases of a
constant rate are said to pause, each with its 95 % interval (Wilson). The simulator (tests/simulator) imports nothing
from the library and shares no threshold with it; `--seed` moves every case.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import airportsdata
import duckdb
import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from simulator import rows, series, stories
from simulator.world import Airfield, Trace

import real_tracks
import simulated_lake
from basewatch.config import Settings
from basewatch.reference import load
from basewatch.warehouse import models
from basewatch.warehouse.build import configure

FIRST, DAYS, REGIONS = rows.day_number(2023, 1, 1), 700, 40
SLACK_S = 45 * 60  # the last sighting before a landing may lie this long before it
CLASSES = {  # kinds of true visits, and the evidence of a claim of that class
    "touchdown": (("touchdown", "parked"), ("touchdown",)),
    "aligned loss": (("aligned_loss",), ("aligned_loss",)),
    "touchdown and aligned loss": (("touchdown", "parked", "aligned_loss"), ("touchdown", "aligned_loss")),
    "dark for the last 20 minutes": (("dark_approach",), ("descent_loss", "reappearance")),
    "lost far above the field": (("high_horizon",), ("descent_loss", "reappearance")),
}


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share."""
    if of == 0:
        return 0.0, 1.0
    z, share = 1.959964, hits / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def shown(hits: int, of: int) -> str:
    """A share with its interval, in per cent."""
    low, high = wilson(hits, of)
    share = f"{100 * hits / of:.2f}" if of else "  –"
    return f"{share:>6} % [{100 * low:6.2f}, {100 * high:6.2f}]"


@dataclass(frozen=True)
class Claim:
    """One stay that the models claim, with the evidence on which its arrival (else its departure) stands."""

    aircraft: str
    base: str
    evidence: str
    first_s: float
    last_s: float
    rule: str


def judge(connection: duckdb.DuckDBPyConnection, params: dict[str, Any]) -> list[Claim]:
    """The counted stays (confidence 2 upwards) that the models make of the simulated lake."""
    models.build(connection, params, models.ancestors(["intermediate.int_stays"]))
    found = connection.execute(
        "SELECT aircraft, base_id, CASE WHEN arrival_confidence >= 2 THEN arrival_evidence "
        "WHEN departure_confidence >= 2 THEN departure_evidence ELSE 'touchdown' END, "
        "epoch(first_evidence_at), epoch(last_evidence_at), rule FROM intermediate.int_stays WHERE confidence >= 2"
    ).fetchall()
    return [Claim(*row) for row in found]


def visits(each: int, seed: int) -> None:
    """Simulate, judge and print the tables of visits and of traps."""
    regions = stories.regions(np.random.default_rng(seed), REGIONS)
    started = time.perf_counter()
    cases = list(stories.cases(seed, regions, each, FIRST * 86_400.0, DAYS))
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2")
        params = simulated_lake.prepare(connection, regions, cases, first_day=FIRST, days=DAYS)
        positions = connection.execute("SELECT count(*) FROM raw.track_points").fetchone()
        claims = judge(connection, params)
    by_aircraft: dict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        by_aircraft[claim.aircraft].append(claim)
    total, found, wrong, wrong_claims = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    right_claims: Counter[tuple[str, str]] = Counter()
    shown_wrong: list[str] = []
    for case in cases:
        total[case.kind] += 1
        hit, missed_aim = False, False
        for claim in by_aircraft[case.trace.hex]:
            if any(
                claim.base == stay.airfield
                and claim.first_s >= stay.arrived - SLACK_S
                and claim.last_s <= stay.departed + SLACK_S
                for stay in case.stays
            ):
                right_claims[case.kind, claim.evidence] += 1
                hit = True
            else:
                wrong_claims[claim.evidence] += 1
                missed_aim = True
                shown_wrong.append(f"  {case.kind} {claim.aircraft} at {claim.base}: {claim.rule}")
        found[case.kind] += hit
        wrong[case.kind] += missed_aim
    print(
        f"visits: {sum(total.values()):,} aircraft, {positions[0] if positions else 0:,} positions, seed {seed}, "
        f"{time.perf_counter() - started:.0f} s\n"
    )
    print(f"{'evidence':30}{'precision':>27}{'recall':>27}{'F0.5':>8}")
    for name, (kinds, evidence) in CLASSES.items():
        right = sum(count for (_, kind), count in right_claims.items() if kind in evidence)
        false = sum(wrong_claims[kind] for kind in evidence)
        hits, of = sum(found[kind] for kind in kinds), sum(total[kind] for kind in kinds)
        precision, recall = right / max(right + false, 1), hits / max(of, 1)
        score = 1.25 * precision * recall / max(0.25 * precision + recall, 1e-9)
        print(f"{name:30}{shown(right, right + false):>27}{shown(hits, of):>27}{score:8.4f}")
    print(f"\n{'trap':30}{'false visits':>14}{'of':>8}{'share, 95 % interval':>32}")
    for story in (*stories.TRAPS, stories.passers_by):
        kind = stories.KINDS[story]
        print(f"{kind:30}{wrong[kind]:>14}{total[kind]:>8}{shown(wrong[kind], total[kind]):>32}")
    print("\n".join(["\nwrong claims, at most ten:", *shown_wrong[:10]]) + "\n", flush=True)


def gaps(made: list[series.Series]) -> list[list[tuple[str, int, int]]]:
    """For each series the spells that the models find: kind, first and last day (days from the series' first)."""
    start = date(2020, 1, 1)
    began = np.concatenate([one.began for one in made])
    ended = np.concatenate([one.ended for one in made])
    number = np.repeat(np.arange(len(made)), [len(one.began) for one in made])
    zero = int((start - date(1970, 1, 1)).days) * 86_400
    at = pa.timestamp("us", tz="UTC")
    stays = pa.table({
        "number": number,
        "base_no": number,
        "first_evidence_at": pa.array(((began + zero) * 1e6).astype("int64")).cast(at),
        "last_evidence_at": pa.array(((ended + zero) * 1e6).astype("int64")).cast(at),
    })  # fmt: skip
    absent = pa.table({
        "base_no": [index for index, one in enumerate(made) if one.absent],
        "since": [one.absent[0] for one in made if one.absent],
        "until": [one.absent[1] for one in made if one.absent],
    })  # fmt: skip
    given = ("intermediate.int_visits", "intermediate.int_base_days")
    with duckdb.connect() as connection:
        configure(connection, Path())
        connection.execute("SET threads = 2")
        connection.execute("CREATE SCHEMA intermediate")
        for name in given:
            connection.execute(f"CREATE TABLE {name} ({models.load()[name].ddl})")
        connection.register("stays", stays)
        connection.register("absent", absent)
        connection.execute(
            "INSERT INTO intermediate.int_visits BY NAME SELECT 'v' || row_number() OVER () AS visit_id, "
            "base_no::VARCHAR AS base_id, printf('%06x', row_number() OVER () % 40) AS icao24, 'IL76' AS type_code, "
            "['all'] AS fleets, first_evidence_at AS arrived_at, last_evidence_at AS departed_at, first_evidence_at, "
            "last_evidence_at, 'touchdown' AS arrival_evidence, 'touchdown' AS departure_evidence, 4 AS confidence, "
            "3 AS arrival_confidence, 3 AS departure_confidence, ['archive'] AS sources, FALSE AS is_press FROM stays"
        )
        connection.execute(
            "INSERT INTO intermediate.int_base_days BY NAME SELECT b.n::VARCHAR AS base_id, "
            "($start + d.n::INTEGER)::DATE AS day, "
            "CASE WHEN d.n BETWEEN a.since AND a.until - 1 THEN 'missing' ELSE 'observed' END AS observability, "
            "50 AS background_aircraft, 'none' AS interference "
            "FROM range($bases) AS b(n) CROSS JOIN range($days) AS d(n) LEFT JOIN absent AS a ON b.n = a.base_no",
            {"start": start, "bases": len(made), "days": series.DAYS},
        )
        last = start + timedelta(days=series.DAYS - 1)
        params = {**load.params(Settings()).values, "as_of": last}
        models.build(connection, params, models.ancestors(["marts.base_gaps"], given))
        spells = connection.execute(
            "SELECT base_id::INTEGER, kind, first_day - $start, last_day - $start FROM marts.base_gaps "
            "WHERE fleet_id = 'all'",
            {"start": start},
        ).fetchall()
    found: list[list[tuple[str, int, int]]] = [[] for _ in made]
    for index, *spell in spells:
        found[index].append((spell[0], spell[1], spell[2]))
    return found


def holds(spells: list[tuple[str, int, int]], truth: tuple[int, int] | None) -> bool:
    """Whether one of the spells is called a pause and covers the true one (all but visits' width at its ends)."""
    return truth is not None and any(
        kind == "pause" and first <= truth[0] + 3 and last >= truth[1] - 4 for kind, first, last in spells
    )


def pauses(count: int, seed: int) -> None:
    """Simulate and print how often pauses are claimed where there are none, and missed where there is one."""

    def made(make: Callable[[np.random.Generator], series.Series], salt: int) -> list[series.Series]:
        return [make(np.random.default_rng([seed, salt, number])) for number in range(count)]

    print(f"pauses: {count:,} series each, {series.DAYS} days, clustered visits, seed {seed}\n")
    print(f"{'false pauses':44}{'series':>8}{'share, 95 % interval':>32}{'a base-year':>13}")
    for salt, (rate, outage) in enumerate((rate, outage) for outage in (0, 120) for rate in (1, 2, 4, 8)):
        all_series = made(lambda rng, r=rate, o=outage: series.steady(rng, r, outage_days=o), salt)
        found = gaps(all_series)
        false = sum(any(kind == "pause" for kind, *_ in spells) for spells in found)
        name = f"{rate} episodes a month" + (f", {outage} days absent" if outage else "")
        each_year = sum(kind == "pause" for spells in found for kind, *_ in spells) / count / (series.DAYS / 365.25)
        print(f"{name:44}{false:>8}{shown(false, count):>32}{each_year:13.5f}", flush=True)
    print(f"\n{'six months of silence':44}{'series':>8}{'share, 95 % interval':>32}")
    for salt, rate in enumerate((2, 4), start=100):
        all_series = made(lambda rng, r=rate: series.steady(rng, r, pause_days=183), salt)
        found = gaps(all_series)
        hits = sum(holds(spells, one.pause) for spells, one in zip(found, all_series, strict=True))
        print(f"{f'{rate} episodes a month: called a pause':44}{hits:>8}{shown(hits, count):>32}", flush=True)
    all_series = made(lambda rng: series.steady(rng, 4, pause_days=183, pause_unseen=True), 200)
    found = gaps(all_series)
    called, kinds = 0, Counter[str]()
    for spells, one in zip(found, all_series, strict=True):
        assert one.pause is not None
        over = [kind for kind, first, last in spells if first < one.pause[1] and last >= one.pause[0]]
        called += "pause" in over
        kinds.update(over)
    name = "4 a month, and the archive absent: called a pause"
    print(f"{name:44}{called:>3}{shown(called, count):>32}  ({dict(kinds)})\n", flush=True)


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
    near = rows.distances(trace.latitude, trace.longitude, [place])[:, 0] < 4
    passes, is_low = 0, False
    for low, high in zip(near & (height < 800), height > 1_500, strict=True):
        passes += bool(is_low and high)
        is_low = bool((is_low or low) and not high)
    return passes


def recorded(samples: Path) -> None:
    """Judge recorded calibration flights, and print what was made of their low passes."""
    airports = airportsdata.load("ICAO")
    heads = ("low passes", "arrivals", "departures", "weak evidence")
    print(f"{'recorded calibration flight':30}" + "".join(f"{head:>15}" for head in heads))
    total = Counter[str]()
    for name, (icao, designators) in CALIBRATIONS.items():
        airport = airports[icao]
        place = Airfield(icao, airport["lat"], airport["lon"], airport["elevation"], 0)
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
            params = simulated_lake.prepare_recorded(connection, traces, [place], runways)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=1000, help="cases of each kind of visit and trap")
    parser.add_argument("--series", type=int, default=3000, help="series of each rate")
    parser.add_argument("--seed", type=int, default=20251122)
    parser.add_argument("--samples", type=Path, help="the folder traffic/data/samples of an unpacked `traffic` wheel")
    given = parser.parse_args()
    if given.each:
        visits(given.each, given.seed)
    if given.samples:
        recorded(given.samples)
    if given.series:
        pauses(given.series, given.seed)


if __name__ == "__main__":
    main()
