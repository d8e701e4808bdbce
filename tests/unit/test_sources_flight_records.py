"""Flight records to lake rows: every field with its value, its null and its unit, from JSON and from CSV values."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from typing import Any

import pytest

from basewatch.config import Settings
from basewatch.lake.schemas import TABLES
from basewatch.reference import load
from basewatch.sources.flight_records import Converter, Origin, flightradar24_rows, opensky_rows, plain_rows
from basewatch.sources.places import Places

FETCHED = datetime(2025, 11, 16, 5, 0, tzinfo=UTC)

FULL: dict[str, Any] = {
    "fr24_id": "3b2c1d0e",
    "flight": "RFF406",
    "callsign": "RFF406",
    "operating_as": "TTF",
    "painted_as": "RFF",
    "type": "IL76",
    "reg": "RA-78835",
    "hex": "1533F3",
    "orig_icao": "UUMU",
    "orig_iata": "CKL",
    "datetime_takeoff": "2025-01-15T12:01:02Z",
    "runway_takeoff": "30",
    "dest_icao": "OSLK",
    "dest_iata": "LTK",
    "dest_icao_actual": "OSLK",
    "dest_iata_actual": "LTK",
    "datetime_landed": "2025-01-15T17:25:43",
    "runway_landed": "17L",
    "flight_time": 13025,
    "actual_distance": 2889.42,
    "circle_distance": 2277.75,
    "category": "Military_and_government",
    "first_seen": "2025-01-15 11:59:00",
    "last_seen": "2025-01-15T17:26:00.500+00:00",
    "flight_ended": True,
}
STORED: dict[str, Any] = {
    "source": "flightradar24",
    "day": date(2025, 1, 15),
    "record_id": "3b2c1d0e",
    "flight": "RFF406",
    "callsign": "RFF406",
    "operating_as": "TTF",
    "painted_as": "RFF",
    "type": "IL76",
    "reg": "RA-78835",
    "hex": "1533f3",
    "orig_icao": "UUMU",
    "orig_iata": "CKL",
    "datetime_takeoff": datetime(2025, 1, 15, 12, 1, 2, tzinfo=UTC),
    "runway_takeoff": "30",
    "dest_icao": "OSLK",
    "dest_iata": "LTK",
    "dest_icao_actual": "OSLK",
    "dest_iata_actual": "LTK",
    "datetime_landed": datetime(2025, 1, 15, 17, 25, 43, tzinfo=UTC),
    "runway_landed": "17L",
    "flight_time": 13025.0,
    "actual_distance": 2889.42,
    "circle_distance": 2277.75,
    "category": "Military_and_government",
    "first_seen": datetime(2025, 1, 15, 11, 59, tzinfo=UTC),
    "last_seen": datetime(2025, 1, 15, 17, 26, 0, 500_000, tzinfo=UTC),
    "flight_ended": True,
    "fetched_at": FETCHED,
    "origin_file": "rows",
    "origin_sha256": "0a",
    "origin_place": "record 1",
}
ESTIMATE: dict[str, Any] = {
    "icao24": "1533f3",
    "firstSeen": 1736942340,
    "estDepartureAirport": "UUMU",
    "lastSeen": 1736961960,
    "estArrivalAirport": "OSLK",
    "callsign": "RFF406  ",
    "estDepartureAirportHorizDistance": 2156,
    "estDepartureAirportVertDistance": 90,
    "estArrivalAirportHorizDistance": 3311,
    "estArrivalAirportVertDistance": -12,
    "departureAirportCandidatesCount": 1,
    "arrivalAirportCandidatesCount": 3,
}


def fr24(*rows: Any) -> tuple[list[dict[str, Any]], list[str]]:
    table, rejects = flightradar24_rows(rows, "flightradar24", Origin("rows", "0a"), FETCHED)
    assert table.schema == TABLES["flightradar24_flights"].schema
    return table.to_pylist(), [reject.reason for reject in rejects]


def opensky(*rows: Any) -> tuple[list[dict[str, Any]], list[str]]:
    table, rejects = opensky_rows(rows, "opensky", Origin("rows", "0a"), FETCHED)
    assert table.schema == TABLES["opensky_flights"].schema
    return table.to_pylist(), [reject.reason for reject in rejects]


def test_a_full_flightradar24_record_keeps_every_field() -> None:
    assert fr24(FULL) == ([STORED], [])


def test_the_same_record_as_csv_text_gives_the_same_row() -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, FULL)
    writer.writeheader()
    writer.writerow({**FULL, "flight_time": "13025.0"})
    text.seek(0)
    assert fr24(*csv.DictReader(text)) == ([STORED], [])


@pytest.mark.parametrize("blank", [None, "", "  "])
@pytest.mark.parametrize("field", [name for name in FULL if name not in ("fr24_id", "operating_as")])
def test_every_flightradar24_field_but_the_id_may_be_null(field: str, blank: object) -> None:
    rows, faults = fr24({**FULL, field: blank})
    assert faults == []
    assert rows == [{**STORED, field: None}]


def test_light_leaves_the_fields_of_full_null() -> None:
    light = {
        key: value
        for key, value in FULL.items()
        if not key.endswith("_iata")
        and key not in ("dest_iata_actual", "runway_takeoff", "runway_landed", "flight_time", "category")
        and not key.endswith("_distance")
    }
    rows, faults = fr24(light)
    assert faults == []
    left_out = set(FULL) - set(light)
    assert len(left_out) == 9
    assert {name for name, value in rows[0].items() if value is None} == left_out


def test_operated_as_is_read_as_operating_as() -> None:
    named = {**FULL, "operated_as": "CHD"}
    del named["operating_as"]
    assert fr24(named)[0] == [{**STORED, "operating_as": "CHD"}]
    assert fr24({**FULL, "operated_as": "CHD"})[0][0]["operating_as"] == "TTF"


@pytest.mark.parametrize(("written", "kept"), [("true", True), ("False", False), ("1", True), (0, False), ("", None)])
def test_booleans_may_be_words(written: object, kept: bool | None) -> None:
    assert fr24({**FULL, "flight_ended": written})[0][0]["flight_ended"] is kept


def test_a_numeric_callsign_stays_text_and_a_negative_flight_time_stays() -> None:
    row = fr24({**FULL, "callsign": 78831, "flight_time": "-120.0"})[0][0]
    assert (row["callsign"], row["flight_time"]) == ("78831", -120.0)


@pytest.mark.parametrize("unset", ["@@@@@@@@", "@@ @", "00000000", 0])
def test_a_callsign_that_nobody_set_is_null_and_the_record_stays(unset: object) -> None:
    row = {"icao24": "1533f3", "departed_at": "2025-01-15T12:00:00Z", "callsign": unset}
    plain, rejects = plain_rows([row], "flight_files", Origin("rows", "0a"))
    assert (plain["callsign"].to_pylist(), rejects) == ([None], [])
    assert [found["callsign"] for found in fr24({**FULL, "callsign": unset})[0]] == [None]
    assert [found["callsign"] for found in opensky({**ESTIMATE, "callsign": unset})[0]] == [None]


@pytest.mark.parametrize(
    ("first_seen", "takeoff", "landed", "day"),
    [
        ("2025-01-14T23:59:59Z", "2025-01-15T00:10:00Z", None, date(2025, 1, 14)),
        (None, "2025-01-15T00:10:00Z", None, date(2025, 1, 15)),
        (None, None, "2025-01-16T00:10:00Z", date(2025, 1, 16)),
        ("2025-01-15T01:00:00+03:00", None, None, date(2025, 1, 14)),
    ],
)
def test_the_day_is_that_of_the_first_time_on_record(
    first_seen: str | None, takeoff: str | None, landed: str | None, day: date
) -> None:
    row = {**FULL, "first_seen": first_seen, "datetime_takeoff": takeoff, "datetime_landed": landed}
    assert fr24(row)[0][0]["day"] == day


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"fr24_id": None}, "fr24_id is missing"),
        (
            {"first_seen": None, "last_seen": None, "datetime_takeoff": "", "datetime_landed": ""},
            "no time: first_seen, datetime_takeoff, datetime_landed and last_seen are all empty",
        ),
        ({"first_seen": "yesterday"}, "first_seen is not a time: 'yesterday'"),
        ({"first_seen": "0001-01-01T00:00:00+05:00"}, None),
        ({"last_seen": "1970-01-01T00:00:00Z"}, "last_seen is a time outside 1990–2100: '1970-01-01T00:00:00Z'"),
        ({"hex": "15C", "reg": ""}, "hex is not a 24-bit address in six hex digits: '15C'"),
        ({"flight_time": "three hours"}, "flight_time is not a number: 'three hours'"),
        ({"actual_distance": "inf"}, "actual_distance is infinite: 'inf'"),
        ({"circle_distance": True}, "circle_distance is a boolean, not a number: 'True'"),
        ({"flight_ended": "maybe"}, "flight_ended is neither true nor false: 'maybe'"),
        ({"callsign": {"a": 1}}, "callsign is not text: \"{'a': 1}\""),
        ({"callsign": "\ud800"}, "callsign is not valid Unicode: '\\ud800'"),
        ({"reg": "R" * 301}, None),
    ],
)
def test_a_malformed_record_is_rejected_with_its_field_and_the_rest_stays(
    change: dict[str, Any], reason: str | None
) -> None:
    rows, faults = fr24({**FULL, **change}, {**FULL, "fr24_id": "next"})
    assert [row["record_id"] for row in rows] == ["next"]
    assert len(faults) == 1
    assert reason is None or faults == [reason]


def test_what_is_not_a_record_is_rejected() -> None:
    rows, faults = fr24(["a"], None, {None: ["x"], **FULL})
    assert rows == []
    assert faults == [
        "a list stands where a record is due",
        "a NoneType stands where a record is due",
        "more fields than the heading names",
    ]


def test_an_opensky_flight_keeps_every_field_in_metres_and_utc() -> None:
    assert opensky(ESTIMATE) == (
        [
            {
                "source": "opensky",
                "day": date(2025, 1, 15),
                "record_id": "1533f3-1736942340",
                "icao24": "1533f3",
                "callsign": "RFF406",
                "first_seen": datetime(2025, 1, 15, 11, 59, tzinfo=UTC),
                "last_seen": datetime(2025, 1, 15, 17, 26, tzinfo=UTC),
                "est_departure_airport": "UUMU",
                "est_arrival_airport": "OSLK",
                "est_departure_airport_horiz_distance": 2156,
                "est_departure_airport_vert_distance": 90,
                "est_arrival_airport_horiz_distance": 3311,
                "est_arrival_airport_vert_distance": -12,
                "departure_airport_candidates_count": 1,
                "arrival_airport_candidates_count": 3,
                "registration": None,
                "type_code": None,
                "operator": None,
                "origin_file": "rows",
                "origin_sha256": "0a",
                "origin_place": "record 1",
            }
        ],
        [],
    )


def test_an_opensky_flight_as_text_under_other_spellings_gives_the_same_row() -> None:
    spelled = {key.lower(): str(value) for key, value in ESTIMATE.items()}
    assert opensky(spelled) == opensky(ESTIMATE)
    iso = {**ESTIMATE, "firstSeen": "2025-01-15 11:59:00+00:00", "lastSeen": 1736961960000}
    assert opensky(iso) == opensky(ESTIMATE)


@pytest.mark.parametrize("field", [name for name in ESTIMATE if name not in ("icao24", "firstSeen")])
def test_every_other_opensky_field_may_be_null(field: str) -> None:
    full, nulled = opensky(ESTIMATE)[0][0], opensky({**ESTIMATE, field: None})[0][0]
    changed = {name for name in full if full[name] != nulled[name]}
    assert len(changed) == 1
    assert nulled[changed.pop()] is None


def test_an_opensky_flight_without_a_first_time_goes_by_its_last() -> None:
    row = opensky({**ESTIMATE, "firstSeen": None})[0][0]
    assert (row["day"], row["record_id"]) == (date(2025, 1, 15), "1533f3-1736961960")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"icao24": None}, "icao24 is missing"),
        ({"firstSeen": None, "lastSeen": ""}, "firstSeen and lastSeen are both empty"),
        ({"firstSeen": True}, "firstseen is a boolean, not a time: 'True'"),
        ({"estArrivalAirportHorizDistance": 1.5}, "estarrivalairporthorizdistance is not a whole number: '1.5'"),
        ({"firstSeen": 0}, "firstseen is a time outside 1990–2100: '0'"),
    ],
)
def test_a_malformed_opensky_flight_is_rejected(change: dict[str, Any], reason: str) -> None:
    assert opensky({**ESTIMATE, **change}) == ([], [reason])


PLACES = Places(load.tables(Settings()))


def test_a_place_that_only_its_iata_code_names_is_that_place() -> None:
    record = {**FULL, "orig_icao": None, "dest_icao": "", "dest_icao_actual": None}
    (row,) = flightradar24_rows([record], "flightradar24", Origin("rows", "0a"), FETCHED, PLACES)[0].to_pylist()
    assert (row["orig_icao"], row["dest_icao"], row["dest_icao_actual"]) == ("UUMU", "OSLK", "OSLK")


def test_a_place_that_is_not_known_is_kept_as_stated_and_told() -> None:
    record = Converter(PLACES).convert(
        "plain_flights", {"registration": "RF-1", "destination": "the field", "arrivedat": 1.7e9}
    )
    assert record.values["destination"] == "THE FIELD"
    assert [place.code for place in record.unresolved] == ["THE FIELD"] and "hmeimim" in record.unresolved[0].may_be


def test_an_address_that_cannot_be_read_is_dropped_where_a_registration_names_the_aircraft() -> None:
    record = Converter(PLACES).convert("plain_flights", {"registration": "RF-1", "icao24": "10203", "arrivedat": 1.7e9})
    assert record.values["icao24"] is None and record.values["registration"] == "RF-1" and len(record.dropped) == 1
