"""Flight records that contradict themselves, each beside a healthy twin that nothing is said of."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from basewatch import config
from basewatch.lake.events import Day, Event, FileReading, Reject, Rows
from basewatch.lake.schemas import TABLES
from basewatch.reference import load
from basewatch.sources import consistency, contract, flight_files
from basewatch.sources.contract import Window
from basewatch.sources.places import Places

FACTS = load.tables(config.Settings())
PARAMS = load.params(config.Settings())
PLACES = Places(FACTS)
PLAIN = "record_id,icao24,registration,type_code,origin,departed_at,destination,arrived_at\n"
ROW = {"record_id": "1", "icao24": "1533f8", "registration": "RA-78840", "type_code": "IL76", "origin": "UUMU",
       "departed_at": "2025-06-05T05:00:00Z", "destination": "OSLK", "arrived_at": "2025-06-05T09:30:00Z"}  # fmt: skip
FULL = {"record_id": "3a", "hex": "1533f8", "reg": "RA-78840", "type": "IL76", "orig_icao": "UUMU",
        "datetime_takeoff": "2025-06-05T05:00:00Z", "dest_icao_actual": "OSLK",
        "datetime_landed": "2025-06-05T09:30:00Z", "first_seen": "2025-06-05T05:03:00Z",
        "last_seen": "2025-06-05T09:28:00Z"}  # fmt: skip
NEXT = {"record_id": "2", "origin": "OSLK", "departed_at": "2025-06-05T12:00:00Z", "destination": "UUMU",
        "arrived_at": "2025-06-05T16:30:00Z"}  # fmt: skip


def table(name: str, rows: list[dict[str, Any]], base: dict[str, str]) -> pa.Table:
    """Rows of a lake table: those that are given over what a sound record says."""
    made = []
    for number, row in enumerate(rows, start=1):
        values = {"origin_file": "a.csv", "origin_place": f"line {number}", **base, **row}
        for column, value in values.items():
            if isinstance(value, str) and value.endswith("Z"):
                values[column] = datetime.fromisoformat(value)
        times = [value for value in values.values() if isinstance(value, datetime)]
        made.append({**values, "source": "flight_files", "day": min(times).date()})
    return pa.Table.from_pylist(made, TABLES[name].schema)


def judge(name: str, *rows: dict[str, Any], older: set[str] | None = None) -> consistency.Judged:
    """What is said of these rows."""
    given = table(name, list(rows), ROW if name == "plain_flights" else FULL)
    return consistency.judge({name: given}, PLACES, FACTS, PARAMS.thresholds, older or set())


def told(judged: consistency.Judged) -> list[tuple[str, bool]]:
    """What sort of contradiction was found, and whether the record was rejected."""
    return [(one.name, one.is_reject) for one in judged.found]


@pytest.mark.parametrize(
    ("row", "name", "is_reject", "left"),
    [
        # of one day: the take-off stands; of two days, neither end
        ({"arrived_at": "2025-06-05T02:00:00Z"}, consistency.LANDED_FIRST, False, ["UUMU", None]),
        ({"arrived_at": "2025-06-04T02:00:00Z"}, consistency.LANDED_FIRST, True, []),
        ({"arrived_at": "2025-06-05T05:30:00Z"}, consistency.TOO_FAST, False, ["UUMU", "OSLK"]),
        ({"destination": "QXZW"}, consistency.NO_FIELD, False, ["UUMU", None]),
        ({"icao24": "000000"}, consistency.NO_ADDRESS, False, ["UUMU", "OSLK"]),
        ({"icao24": "000000", "registration": None}, consistency.NO_ADDRESS, True, []),
        ({"icao24": "4b801c"}, consistency.WRONG_ADDRESS, False, ["UUMU", "OSLK"]),
        # another aircraft's address, of the same type: nobody knows which of the two it was
        ({"icao24": "153402"}, consistency.WRONG_ADDRESS, True, []),
    ],
)
def test_a_record_that_contradicts_itself_is_told(
    row: dict[str, Any], name: str, is_reject: bool, left: list[str | None]
) -> None:
    judged = judge("plain_flights", row)
    assert told(judged) == [(name, is_reject)]
    rows = judged.tables["plain_flights"].to_pylist()
    assert [code for one in rows for code in (one["origin"], one["destination"])] == left
    assert all(one["departed_at"] is None for one in rows if one["origin"] is None)
    assert all(one["arrived_at"] is None for one in rows if one["destination"] is None)
    is_in_doubt = name not in (consistency.NO_FIELD, *consistency.TOLD_ALONE)
    assert ("hmeimim" in (judged.found[0].bases or ())) == is_in_doubt
    assert date(2025, 6, 5) in judged.found[0].days


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"arrived_at": "2025-06-05T07:05:00Z"},  # a fast aircraft
        {"departed_at": "2025-06-04T22:00:00Z", "arrived_at": "2025-06-05T02:30:00Z"},  # over midnight
        {"origin": "OSLK", "arrived_at": "2025-06-05T02:00:00Z"},  # the ends of two flights under one record
        {"origin": None, "departed_at": None},
        {"departed_at": "2025-06-05T00:00:00Z", "arrived_at": "2025-06-05T00:00:00Z"},  # days alone
        {"icao24": "149c77", "registration": "RA-85563", "type_code": "T154"},  # its second address, which is real
        {"icao24": "1f3342", "registration": "RF-78658"},
        {"registration": "RF-78840"},  # a state mark and a civil one of one aircraft
        {"icao24": None},
        {"icao24": "778722", "registration": "YK-AYB", "type_code": "T134"},
    ],
)
def test_a_sound_record_is_not_told(row: dict[str, Any]) -> None:
    judged = judge("plain_flights", row)
    assert told(judged) == []
    assert judged.tables["plain_flights"].num_rows == 1


@pytest.mark.parametrize(
    ("row", "found", "arrived"),
    [
        ({}, [], "09:30"),
        ({"datetime_landed": "2025-06-05T09:36:00Z"}, [], "09:36"),
        ({"last_seen": "2025-06-05T17:00:00Z"}, [], "09:30"),  # the record goes on after the landing
        ({"datetime_landed": "2025-06-05T12:30:00Z"}, [(consistency.OFF_CONTACT, False)], None),
        ({"datetime_landed": "2025-06-05T02:00:00Z"}, [(consistency.OFF_CONTACT, False)], None),
        ({"datetime_landed": "2025-06-05T06:00:00Z"}, [(consistency.TOO_FAST, False)], None),
        ({"first_seen": "2025-06-05T19:00:00Z"}, [(consistency.OFF_CONTACT, False)], "09:30"),
    ],
)
def test_a_landing_is_held_against_the_contacts_of_its_record(
    row: dict[str, Any], found: list[tuple[str, bool]], arrived: str | None
) -> None:
    judged = judge("flightradar24_flights", row)
    assert told(judged) == found
    (kept,) = judged.tables["flightradar24_flights"].to_pylist()
    landed = kept["datetime_landed"]
    assert kept["dest_icao_actual"] == "OSLK", "aircraft, place and day stand"
    assert (landed and f"{landed:%H:%M}") == arrived


def test_one_aircraft_cannot_be_in_two_places() -> None:
    elsewhere = {"record_id": "3", "origin": "UUEE", "departed_at": "2025-06-05T10:45:00Z", "destination": None,
                 "arrived_at": None}  # fmt: skip
    assert told(judge("plain_flights", {}, NEXT)) == []
    judged = judge("plain_flights", {}, NEXT, elsewhere)
    # it contradicts the landing before it and the take-off after it, which agree: it alone is wrong
    assert [(one.name, one.row, one.is_reject) for one in judged.found] == [(consistency.TWO_PLACES, 2, False)]
    assert judged.tables["plain_flights"].num_rows == 3
    alone = judge("plain_flights", {}, elsewhere)
    assert [one.row for one in alone.found] == [0, 1], "with nothing else to go by either may be wrong"


def test_one_address_for_all_stands_for_nobody() -> None:
    marks = ("RA-78840", "RA-78850", "RA-82030", "RA-86559")
    rows = [{"record_id": mark, "registration": mark, "type_code": None, "departed_at": f"2025-06-{day:02}T05:00:00Z",
             "arrived_at": f"2025-06-{day:02}T09:30:00Z"} for day, mark in enumerate(marks, start=5)]  # fmt: skip
    judged = judge("plain_flights", *rows)
    assert told(judged) == [(consistency.ONE_ADDRESS, False)] * 4
    assert judged.tables["plain_flights"].column("icao24").null_count == 4
    types = ("IL76", "A124", "T154", "IL62")
    unmarked = [{**row, "registration": None, "type_code": kind} for row, kind in zip(rows, types, strict=True)]
    nameless = judge("plain_flights", *unmarked)
    assert told(nameless) == [(consistency.ONE_ADDRESS, True)] * 4
    one_aircraft = [{**row, "registration": "RA-78840"} for row in rows]
    assert told(judge("plain_flights", *one_aircraft)) == []


def test_two_records_of_one_id_that_disagree_are_told() -> None:
    again = {"record_id": "3a~0123abcd", "origin_file": "b.csv"}
    elsewhere = judge("flightradar24_flights", {}, {**again, "dest_icao_actual": "UUEE"})
    assert told(elsewhere) == [(consistency.SAME_ID, False)] * 2
    assert elsewhere.tables["flightradar24_flights"].num_rows == 2 and not any(one.bases for one in elsewhere.found)
    corrected = {**again, "datetime_landed": "2025-06-05T09:33:00Z"}
    assert told(judge("flightradar24_flights", {}, corrected)) == [], "a provider may correct a few minutes"
    other = {**again, "hex": "153402", "reg": "RA-78850"}
    assert told(judge("flightradar24_flights", {}, other)) == [(consistency.SAME_ID, False)] * 2


def test_rows_that_are_numbered_have_no_ids() -> None:
    other = {"record_id": "1~0123abcd", "icao24": "153402", "registration": "RA-78850", "origin_file": "b.csv",
             "departed_at": "2025-06-09T05:00:00Z", "arrived_at": "2025-06-09T09:30:00Z"}  # fmt: skip
    assert told(judge("plain_flights", {}, other)) == []


def month(file: str, days: range, shift: timedelta = timedelta(), **values: str) -> list[dict[str, Any]]:
    """A flight a day to Hmeimim in one file."""
    rows = []
    for day in days:
        at = datetime(2025, 6, day, 5, 13, day, tzinfo=UTC) + shift
        rows.append({**values, "origin_file": file, "record_id": f"{file}-{day}", "departed_at": at,
                     "arrived_at": at + timedelta(hours=4, minutes=17)})  # fmt: skip
    return rows


def test_a_file_with_the_times_of_an_older_one_is_not_believed() -> None:
    other = {"icao24": "153402", "registration": "RA-78850"}
    judged = judge("plain_flights", *month("a.csv", range(5, 11)), *month("b.csv", range(5, 11), **other))
    assert {(one.name, one.file) for one in judged.found} == {(consistency.SAME_STAMPS, "b.csv")}
    assert set(judged.tables["plain_flights"].column("origin_file").to_pylist()) == {"a.csv"}
    turned = judge("plain_flights", *month("a.csv", range(5, 11)), *month("b.csv", range(5, 11), **other),
                   older={"b.csv"})  # fmt: skip
    assert {one.file for one in turned.found} == {"a.csv"}, "the file that was read before is the older one"
    healthy = judge("plain_flights", *month("a.csv", range(5, 11)),
                    *month("b.csv", range(5, 11), timedelta(minutes=3), **other))  # fmt: skip
    assert told(healthy) == []
    by_mark = month("b.csv", range(5, 11), icao24=None, registration="RA-78840")  # type: ignore[arg-type]
    assert told(judge("plain_flights", *month("a.csv", range(5, 11)), *by_mark)) == [], "the same flights, by mark"


def test_a_file_moved_by_hours_against_another_is_not_believed() -> None:
    moved = judge("plain_flights", *month("a.csv", range(5, 11)), *month("b.csv", range(5, 11), timedelta(hours=3)))
    assert {(one.name, one.file) for one in moved.found} == {(consistency.SHIFTED, "b.csv")}
    assert any("+3 hours" in one.reason for one in moved.found)
    later = judge("plain_flights", *month("a.csv", range(5, 11)), *month("b.csv", range(11, 17)))
    assert told(later) == []


def test_a_file_moved_by_degrees_is_not_believed() -> None:
    base = {"record_id": "x", "icao24": "1533f8", "est_departure_airport": "UUMU", "est_arrival_airport": "OSLK"}
    rows = [
        {**base, "record_id": f"{day}", "first_seen": f"2025-06-{day:02}T05:00:00Z",
         "last_seen": f"2025-06-{day:02}T09:30:00Z"} for day in range(5, 11)
    ]  # fmt: skip
    for metres, found in ((4_000, 0), (111_000, 7)):
        far = {f"est_{end}_airport_horiz_distance": metres for end in ("departure", "arrival")}
        given = table("opensky_flights", [{**row, **far} for row in rows], {})
        judged = consistency.judge({"opensky_flights": given}, PLACES, FACTS, PARAMS.thresholds)
        assert len(judged.found) == found and all(one.name == consistency.OFF_FIELD for one in judged.found)


# ---- from a file to the days that do not count


def events(folder: Path) -> list[Event]:
    """What reading the folder gives, June being declared complete for Hmeimim."""
    section = {
        "enabled": True,
        "location": str(folder),
        "covers": [{"base": "hmeimim", "from": "2025-06-01", "to": "2025-06-30"}],
    }
    settings = config.Settings(sources={"flight_files": section}, folder=folder)  # type: ignore[arg-type]
    about = contract.context("flight_files", settings, FACTS, PARAMS, datetime.now(UTC))
    window = Window("flight_files", date(2025, 6, 1), date(2025, 6, 30))
    return list(flight_files.decode(flight_files.fetch(window, about), about))


def test_the_days_of_a_contradiction_do_not_count_and_the_file_is_named(tmp_path: Path) -> None:
    lines = [
        f"{day},1533f8,RA-78840,IL76,UUMU,2025-06-{day:02}T05:00:00Z,OSLK,2025-06-{landed}:00Z\n"
        for day, landed in ((3, "03T09:30"), (12, "11T05:20"), (20, "20T05:20"))
    ]
    (tmp_path / "a.csv").write_text(PLAIN + "".join(lines), encoding="utf-8")
    found = events(tmp_path)
    (reading,) = [event for event in found if isinstance(event, FileReading)]
    assert not reading.is_sound and reading.records_flagged == 2 and reading.records_kept == 2
    assert reading.contradictions == "a landing before its take-off (1), a speed that no aircraft flies (1)"
    (reject,) = [event for event in found if isinstance(event, Reject)]
    assert reject.where == "a.csv, line 3" and "OSLK" in reject.raw
    days = {event.day.day: event.status for event in found if isinstance(event, Day) and event.scope == "base:hmeimim"}
    assert {day for day, status in days.items() if status in ("partial", "missing")} == {10, 11, 12, 13}
    kept = [row for event in found if isinstance(event, Rows) for row in event.data.to_pylist()]  # type: ignore[union-attr]
    assert [row["record_id"] for row in kept] == ["3", "20"], "of a speed nobody knows what is wrong, and it is told"


def test_nothing_is_said_of_real_records(recorded: Path, tmp_path: Path) -> None:
    (file,) = (recorded / "flightradar24").glob("*.csv")
    (tmp_path / file.name).write_bytes(file.read_bytes())
    told = {event.file: event for event in events(tmp_path) if isinstance(event, FileReading)}
    assert told[file.name].records_kept == 72
    assert not any(one.records_flagged or one.records_rejected for one in told.values())
