"""The same flights told by Flightradar24 rows, OpenSky rows and traces: one visit each, however they differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from basewatch.lake.schemas import TABLES
from basewatch.warehouse import models
from simulated_lake import put
from skies import cases, lake
from skies.cases import Case, Region
from skies.profiles import DAY

pytestmark = pytest.mark.e2e

FIRST_DAY = lake.day_number(2025, 3, 1)
DAYS = 92
WITNESSES = ("flightradar24", "opensky", "readsb_archive")
CODES = ("ZZAA", "ZZBB", "ZZCC")
Story = Callable[[np.random.Generator, Region, int, float], Case]
STORIES: tuple[Story, ...] = (cases.touchdown, cases.aligned_loss, cases.parked)


@dataclass(frozen=True)
class Flight:
    """A stay that was flown, who saw it, and how the providers of records name the aircraft.

    `early_minutes`: how long before the landing, and after the take-off, OpenSky has it; by default up to twelve.
    """

    case: Case
    code: str
    base_id: str
    arrived: datetime
    left: datetime
    seen_by: tuple[str, ...] = WITNESSES
    fr24: dict[str, Any] = field(default_factory=dict)
    sky_hex: str | None = None
    early_minutes: float | None = None

    @property
    def name(self) -> str:
        return f"{self.case.trace.hex}-{self.arrived:%m%d%H}"

    @property
    def month(self) -> str:
        return f"{self.arrived:%Y-%m}-01"


def moment(seconds: float) -> datetime:
    """A UTC time from epoch seconds."""
    return datetime.fromtimestamp(round(seconds), UTC)


def flown(
    seed: int,
    count: int,
    seen_by: Callable[[int], tuple[str, ...]] = lambda number: WITNESSES,
    told_by: tuple[Story, ...] = STORIES,
) -> Any:
    """Regions and stays in them, one aircraft a stay, three days apart at each base."""
    rng = np.random.default_rng(seed)
    regions = cases.regions(rng, len(CODES))
    flights = []
    for number in range(count):
        region, code = regions[number % len(CODES)], CODES[number % len(CODES)]
        at = (FIRST_DAY + 2 + 3 * (number // len(CODES))) * DAY + float(rng.uniform(2, 22)) * 3600
        case = told_by[number // len(CODES) % len(told_by)](rng, region, number, at)
        (stay,) = case.stays
        told = {"hex": case.trace.hex.upper(), "reg": case.trace.registration}
        flights.append(
            Flight(case, code, region.base.name, moment(stay.arrived), moment(stay.departed), seen_by(number), told)
        )
    return rng, regions, flights


def flightradar24(rng: np.random.Generator, flight: Flight) -> Iterable[dict[str, Any]]:
    """Two summary rows, in and out; landing and take-off a minute or two off, as their own receivers have it."""
    trace = flight.case.trace
    landed = flight.arrived + timedelta(seconds=float(rng.uniform(-90, 150)))
    taken_off = flight.left + timedelta(seconds=float(rng.uniform(-150, 90)))
    common = {
        "source": "flightradar24", "callsign": trace.callsign, "type": trace.type_code, "flight_ended": True,
        **flight.fr24,
    }  # fmt: skip
    start, end = landed - timedelta(hours=3), taken_off + timedelta(hours=3)
    yield {
        **common, "record_id": f"in-{flight.name}", "day": start.date(), "orig_icao": "ELSE", "datetime_takeoff": start,
        "dest_icao": flight.code, "dest_icao_actual": flight.code, "datetime_landed": landed,
        "first_seen": start, "last_seen": landed + timedelta(minutes=9),
    }  # fmt: skip
    yield {
        **common, "record_id": f"out-{flight.name}", "day": taken_off.date(), "orig_icao": flight.code,
        "datetime_takeoff": taken_off, "dest_icao": "ELSE", "dest_icao_actual": "ELSE", "datetime_landed": end,
        "first_seen": taken_off - timedelta(minutes=12), "last_seen": end,
    }  # fmt: skip


def opensky(rng: np.random.Generator, flight: Flight) -> Iterable[dict[str, Any]]:
    """Two flight objects: an address, no registration, first and last contact some minutes off."""
    trace = flight.case.trace
    before, after = (flight.early_minutes or float(rng.uniform(2, 12)) for _ in range(2))
    last, first = flight.arrived - timedelta(minutes=before), flight.left + timedelta(minutes=after)
    common = {"source": "opensky", "icao24": flight.sky_hex or trace.hex, "callsign": trace.callsign.ljust(8)}
    near = {"horiz_distance": 2500, "vert_distance": 400}
    yield {
        **common, "record_id": f"in-{flight.name}", "day": last.date(), "first_seen": last - timedelta(hours=2),
        "last_seen": last, "est_arrival_airport": flight.code,
        **{f"est_arrival_airport_{name}": value for name, value in near.items()},
    }  # fmt: skip
    yield {
        **common, "record_id": f"out-{flight.name}", "day": first.date(), "first_seen": first,
        "last_seen": first + timedelta(hours=2), "est_departure_airport": flight.code,
        **{f"est_departure_airport_{name}": value for name, value in near.items()},
    }  # fmt: skip


def build(told: Any, register: Iterable[dict[str, Any]] = ()) -> duckdb.DuckDBPyConnection:
    """All models on what the witnesses of these flights have."""
    rng, regions, flights = told
    connection = duckdb.connect(config={"threads": 1})
    traced = [flight.case for flight in flights if "readsb_archive" in flight.seen_by]
    # one that only flies over: no witness may make it a visit
    traced.append(cases.overflight(rng, regions[0], 950, (FIRST_DAY + 1) * DAY + 30_000.0))
    params = lake.fill_cases(connection, regions, traced, first_day=FIRST_DAY, days=DAYS)
    seen = {name: [flight for flight in flights if name in flight.seen_by] for name in WITNESSES}
    records = {
        "flightradar24_flights": [row for flight in seen["flightradar24"] for row in flightradar24(rng, flight)],
        "opensky_flights": [row for flight in seen["opensky"] for row in opensky(rng, flight)],
    }
    for name, listed in records.items():
        put(connection, f"raw.{name}", TABLES[name].schema, pa.Table.from_pylist(listed, TABLES[name].schema))
    for region, code in zip(regions, CODES, strict=True):
        connection.execute("UPDATE reference.bases SET icao = ? WHERE base_id = ?", [code, region.base.name])
    for row in register:
        names = ", ".join(row)
        marks = ", ".join("?" for _ in row)
        connection.execute(f"INSERT INTO reference.aircraft ({names}) VALUES ({marks})", list(row.values()))
    models.build(connection, params)
    return connection


def visits(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Counted visits."""
    result = connection.execute("SELECT * FROM marts.base_visits WHERE confidence >= 2 ORDER BY first_evidence_at")
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def expect_one_each(connection: duckdb.DuckDBPyConnection, flights: list[Flight]) -> list[dict[str, Any]]:
    """One counted visit a flight, at its base and time, with all its witnesses; returns them in the flights' order."""
    found = visits(connection)
    matched = []
    for flight in flights:
        mine = [
            visit
            for visit in found
            if visit["base_id"] == flight.base_id
            # OpenSky alone knows no registration
            and visit["registration"]
            in (flight.case.trace.registration, *([None] if flight.seen_by == ("opensky",) else []))
            and abs(visit["first_evidence_at"] - flight.arrived) < timedelta(minutes=40)
        ]
        assert len(mine) == 1, f"{flight.case.kind} at {flight.arrived}: {len(mine)} visits"
        assert mine[0]["sources"] == sorted(flight.seen_by), flight.case.kind
        matched += mine
    assert len(found) == len(flights), "and none beside them"
    return matched


@pytest.fixture(scope="module")
def thirty() -> tuple[Any, duckdb.DuckDBPyConnection]:
    told = flown(11, 30)
    return told[2], build(told)


def test_three_witnesses_make_one_visit(thirty: tuple[list[Flight], duckdb.DuckDBPyConnection]) -> None:
    flights, connection = thirty
    for flight, visit in zip(flights, expect_one_each(connection, flights), strict=True):
        assert visit["icao24"] == flight.case.trace.hex
        assert visit["callsign"] == flight.case.trace.callsign
        assert visit["departed_at"] is not None
        assert abs(visit["departed_at"] - flight.left) < timedelta(minutes=40)


def test_every_record_and_trace_stays_listed(thirty: tuple[list[Flight], duckdb.DuckDBPyConnection]) -> None:
    flights, connection = thirty
    for flight, visit in zip(flights, expect_one_each(connection, flights), strict=True):
        told = {f"{source}:{way}-{flight.name}" for source in WITNESSES[:2] for way in ("in", "out")}
        assert told <= set(visit["evidence"])
        assert any(name.startswith(f"trace {flight.case.trace.hex} ") for name in visit["evidence"])


def test_the_best_evidence_gives_time_and_confidence(
    thirty: tuple[list[Flight], duckdb.DuckDBPyConnection],
) -> None:
    flights, connection = thirty
    found = expect_one_each(connection, flights)
    kinds = Counter((flight.case.kind, visit["arrival_evidence"]) for flight, visit in zip(flights, found, strict=True))
    # what was seen outdoes what is reported, even where both are equally sure; what is inferred does where it is surer
    assert {("touchdown", "touchdown"), ("parked", "touchdown"), ("aligned_loss", "aligned_loss")} <= set(kinds)
    assert {kind for kind, evidence in kinds if evidence == "reported"} <= {"aligned_loss"}
    for flight, visit in zip(flights, found, strict=True):
        assert visit["confidence"] >= (3 if visit["arrival_evidence"] == "reported" else 4)
        # the time is the trace's own: a minute from the truth where it was heard on the ground
        margin = timedelta(minutes=1 if visit["arrival_evidence"] == "touchdown" else 6)
        assert abs(visit["arrived_at"] - flight.arrived) < margin
        assert visit["origin_icao"] == "ELSE", "Flightradar24 alone knows where it came from"


def test_a_stated_landing_outdoes_contact_lost_high_up() -> None:
    """Traces that saw it climb away, or nothing that counts, take nothing from the landing that a record states."""
    rng, regions, flights = flown(21, 18, told_by=(cases.high_horizon, cases.dark_approach))
    connection = build((rng, regions, flights))
    found = visits(connection)
    assert len(found) == len(flights)
    with_trace = {row[0] for row in connection.execute("SELECT aircraft FROM intermediate.int_trace_ends").fetchall()}
    assert with_trace
    for flight in flights:
        (visit,) = [one for one in found if one["icao24"] == flight.case.trace.hex]
        assert visit["arrival_evidence"] in ("reported", "descent_loss")
        assert visit["confidence"] >= 3, "no less sure than the stated landing"
        if visit["arrival_evidence"] == "reported":
            off = abs(visit["arrived_at"] - flight.arrived)
            assert off < timedelta(minutes=3), "of two reports the stated landing, not OpenSky's last contact"
        saw = WITNESSES if flight.case.trace.hex in with_trace else WITNESSES[:2]
        assert visit["sources"] == list(saw)


def test_months_count_each_flight_once(thirty: tuple[list[Flight], duckdb.DuckDBPyConnection]) -> None:
    flights, connection = thirty
    counted = connection.execute(
        "SELECT base_id, month::VARCHAR, visits FROM marts.base_monthly_activity "
        "WHERE fleet_id = 'all' AND visits > 0 ORDER BY ALL"
    ).fetchall()
    truth = Counter((flight.base_id, flight.month) for flight in flights)
    assert counted == sorted((*key, count) for key, count in truth.items())


def agreement(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str, str, str], tuple[int, int, int]]:
    """The published agreement by base, month and pair."""
    found = connection.execute(
        'SELECT base_id, month::VARCHAR, source_a, source_b, "both", only_a, only_b FROM marts.provider_agreement'
    ).fetchall()
    return {tuple(row[:4]): tuple(row[4:]) for row in found}


def expected_agreement(flights: list[Flight]) -> dict[tuple[str, str, str, str], tuple[int, int, int]]:
    """The same, counted from who saw what."""
    wanted = {}
    for base_id, month in {(flight.base_id, flight.month) for flight in flights}:
        here = [flight.seen_by for flight in flights if (flight.base_id, flight.month) == (base_id, month)]
        present = sorted({name for seen in here for name in seen})
        for i, a in enumerate(present):
            for b in present[i + 1 :]:
                wanted[base_id, month, a, b] = (
                    sum(a in seen and b in seen for seen in here),
                    sum(a in seen and b not in seen for seen in here),
                    sum(a not in seen and b in seen for seen in here),
                )
    return wanted


def test_agreement_of_three_who_saw_all(thirty: tuple[list[Flight], duckdb.DuckDBPyConnection]) -> None:
    flights, connection = thirty
    found = agreement(connection)
    assert found == expected_agreement(flights)
    assert {counts[1:] for counts in found.values()} == {(0, 0)}


def test_agreement_of_witnesses_who_missed_some() -> None:
    sets = (WITNESSES, WITNESSES[:1], WITNESSES[1:], ("flightradar24", "readsb_archive"), WITNESSES[2:], WITNESSES[1:2])
    told = flown(12, 36, lambda number: sets[(number * 5 + number // 3) % len(sets)])
    connection = build(told)
    flights = told[2]
    expect_one_each(connection, flights)
    found = agreement(connection)
    assert found == expected_agreement(flights)
    assert all(any(counts[which] for counts in found.values()) for which in range(3)), "all three counts occur"


# ---- witnesses that name the aircraft differently


def test_one_without_an_address_one_without_a_registration() -> None:
    told = flown(13, 12)
    flights = [replace(flight, fr24={"hex": None, "reg": flight.case.trace.registration}) for flight in told[2]]
    connection = build((told[0], told[1], flights))
    for flight, visit in zip(flights, expect_one_each(connection, flights), strict=True):
        assert visit["icao24"] == flight.case.trace.hex, "the address that the others have is the key"


def test_a_registration_in_another_spelling() -> None:
    told = flown(14, 12)
    flights = [
        replace(
            flight,
            fr24={"hex": None, "reg": flight.case.trace.registration.replace("-", "").lower()},
        )
        for flight in told[2]
    ]
    connection = build((told[0], told[1], flights))
    found = visits(connection)
    assert len(found) == len(flights)
    assert all(visit["sources"] == list(WITNESSES) for visit in found)


def test_two_addresses_of_one_registration_are_one_aircraft_and_a_conflict() -> None:
    """As RA-85563: one provider has 149C77, another 154E3B."""
    told = flown(15, 12)
    flights = [
        replace(
            flight,
            fr24={"hex": f"{int(flight.case.trace.hex, 16) + 0x40:06X}", "reg": flight.case.trace.registration},
        )
        for flight in told[2]
    ]
    connection = build((told[0], told[1], flights))
    for flight in flights:
        (visit,) = [one for one in visits(connection) if one["registration"] == flight.case.trace.registration]
        assert visit["sources"] == list(WITNESSES)
        ((icao24, conflicts),) = connection.execute(
            "SELECT icao24, conflicts FROM marts.aircraft WHERE registration = ?", [flight.case.trace.registration]
        ).fetchall()
        assert icao24 == flight.case.trace.hex == visit["icao24"], "the address on record most often is the key"
        assert len(conflicts) == 2 and all("address of" in text for text in conflicts)


def test_an_address_that_only_a_register_ties_to_the_registration() -> None:
    """OpenSky has the other address, without a registration; a register says whose it is."""
    rng, regions, flights = flown(16, 6)
    flights = [replace(flight, sky_hex=f"{int(flight.case.trace.hex, 16) + 0x40:06x}") for flight in flights]
    register = [
        {"icao24": flight.sky_hex, "registration": flight.case.trace.registration, "register": "one"}
        for flight in flights
    ]
    expect_one_each(build((rng, regions, flights), register), flights)
    # without the register nobody can know: two aircraft, two visits each
    assert len(visits(build((rng, regions, flights)))) == 2 * len(flights)


# ---- what must stay apart


@pytest.mark.parametrize(("minutes", "count"), [(41.0, 1), (52.0, 3)])
def test_how_far_apart_two_reports_of_one_landing_may_lie(minutes: float, count: int) -> None:
    """Within stay_merge_minutes (45) contact lost and landing stated are one landing; beyond they are two.

    OpenSky's two ends then make a visit each beside the one that Flightradar24 states.
    """
    rng, regions, flights = flown(17, 3)
    flights = [replace(flight, seen_by=("flightradar24", "opensky"), early_minutes=minutes) for flight in flights]
    found = visits(build((rng, regions, flights)))
    assert len(found) == count * len(flights)
    if count == 1:
        assert all(visit["arrival_evidence"] == "reported" and visit["confidence"] == 3 for visit in found)


def test_an_aircraft_that_comes_again_the_same_day_makes_two_visits_of_three_witnesses() -> None:
    rng, regions, flights = flown(18, 3)
    both = []
    for flight in flights:
        region = next(region for region in regions if region.base.name == flight.base_id)
        later = cases.touchdown(rng, region, 900, flight.case.stays[0].departed + 4 * 3600)
        who = flight.case.trace
        trace = replace(
            later.trace, hex=who.hex, registration=who.registration, callsign=who.callsign, type_code=who.type_code
        )
        (stay,) = later.stays
        again = replace(later, trace=trace)
        both += [flight, replace(flight, case=again, arrived=moment(stay.arrived), left=moment(stay.departed))]
    expect_one_each(build((rng, regions, both)), both)


def test_two_aircraft_at_one_base_at_one_time_are_two() -> None:
    rng, regions, flights = flown(19, 3)
    both = []
    for number, flight in enumerate(flights):
        region = next(region for region in regions if region.base.name == flight.base_id)
        other = cases.touchdown(rng, region, 60 + number, flight.case.stays[0].arrived + 400)
        (stay,) = other.stays
        names = {"hex": other.trace.hex.upper(), "reg": other.trace.registration}
        both += [
            flight,
            replace(flight, case=other, arrived=moment(stay.arrived), left=moment(stay.departed), fr24=names),
        ]
    expect_one_each(build((rng, regions, both)), both)


def test_an_address_issued_again_is_two_aircraft() -> None:
    """The first airframe is last seen in March; the second, under another mark, first in May, at the same base."""
    rng, regions, flights = flown(20, 3)
    both = []
    for flight in flights:
        region = next(region for region in regions if region.base.name == flight.base_id)
        later = cases.touchdown(rng, region, 901, flight.case.stays[0].arrived + 60 * DAY)
        (stay,) = later.stays
        mark = f"N-{flight.case.trace.registration}"
        again = replace(later, trace=replace(later.trace, hex=flight.case.trace.hex, registration=mark))
        names = {"hex": flight.case.trace.hex.upper(), "reg": mark}
        both += [
            flight,
            replace(flight, case=again, arrived=moment(stay.arrived), left=moment(stay.departed), fr24=names),
        ]
    connection = build((rng, regions, both))
    expect_one_each(connection, both)
    for flight in flights:
        dated = connection.execute(
            "SELECT registration, valid_from, valid_to FROM marts.aircraft WHERE icao24 = ? ORDER BY valid_from",
            [flight.case.trace.hex],
        ).fetchall()
        assert [row[0] for row in dated] == [flight.case.trace.registration, f"N-{flight.case.trace.registration}"]
        assert dated[0][2] == dated[1][1] - timedelta(days=1)
        assert dated[1][2] is None
