"""Flight files and press reports: forms recognised by their columns, odd records handled, bad ones kept aside."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from basewatch import config
from basewatch.errors import SourceError
from basewatch.lake.events import Day, Event, FileReading, Reject, Rows
from basewatch.reference import load
from basewatch.sources import contract, flight_files, press_flights
from basewatch.sources.contract import Context, Landed, Window
from basewatch.sources.flight_files.source import files_at

WINDOW = Window("flight_files", date(2025, 1, 1), date(2025, 12, 31))
FACTS = load.tables(config.Settings())
PARAMS = load.params(config.Settings())

FULL = (
    "fr24_id,flight,callsign,operating_as,painted_as,type,reg,orig_icao,orig_iata,datetime_takeoff,runway_takeoff,dest_icao,"
    "dest_iata,dest_icao_actual,dest_iata_actual,datetime_landed,runway_landed,flight_time,actual_distance,circle_distance,"
    "category,hex,first_seen,last_seen,flight_ended\n"
)
PLAIN = "record_id,icao24,registration,origin,departed_at,destination,arrived_at\n"


def context(folder: Path, code: str = "flight_files", **values: Any) -> Context[Any]:
    """A context whose settings enable the source at this folder."""
    section = {"enabled": True, "location": str(folder), **values}
    settings = config.Settings(sources={code: section}, folder=folder)  # type: ignore[arg-type]
    return contract.context(code, settings, FACTS, PARAMS, datetime.now(UTC))


def events(folder: Path, window: Window = WINDOW, **values: Any) -> list[Event]:
    """What fetching and decoding the folder gives."""
    about = context(folder, **values)
    return list(flight_files.decode(flight_files.fetch(window, about), about))


def rows(found: list[Event], table: str) -> list[dict[str, Any]]:
    """The rows for one lake table."""
    return [
        row for event in found if isinstance(event, Rows) and event.table == table for row in event.data.to_pylist()
    ]  # type: ignore[union-attr]


def fr24(name: str, **values: str) -> str:
    """A CSV line of the full form with these fields filled."""
    return ",".join({**{"fr24_id": name}, **values}.get(column, "") for column in FULL.strip().split(",")) + "\n"


def test_a_full_summary_with_blanks_becomes_nulls(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        FULL
        + fr24(
            "3cd18e0a", hex="15406E", reg="RA-82030", dest_icao_actual="OSLK", datetime_landed="2025-10-25T09:14:25Z"
        ),
        encoding="utf-8",
    )
    row = rows(events(tmp_path), "flightradar24_flights")[0]
    assert row["hex"] == "15406e"
    assert row["datetime_landed"] == datetime(2025, 10, 25, 9, 14, 25, tzinfo=UTC)
    assert (row["orig_icao"], row["datetime_takeoff"], row["flight_time"], row["callsign"]) == (None,) * 4
    assert row["fetched_at"] is None


def test_each_row_says_in_which_record_of_which_file_it_stood(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        FULL + "".join(fr24(name, reg="RF-1", first_seen="2025-10-25T09:00:00Z") for name in ("1a", "", "3c")),
        encoding="utf-8",
    )
    found = {row["record_id"]: row for row in rows(events(tmp_path), "flightradar24_flights")}
    assert {name: row["origin_place"] for name, row in found.items()} == {"1a": "line 2", "3c": "line 4"}
    digest = hashlib.sha256((tmp_path / "a.csv").read_bytes()).hexdigest()
    assert {(row["origin_file"], row["origin_sha256"]) for row in found.values()} == {("a.csv", digest)}


def test_negative_times_digit_callsigns_and_missing_hex_are_kept_as_stated(tmp_path: Path) -> None:
    line = fr24("x", callsign="7", flight_time="-6614.0", reg="YK-AYB", first_seen="2025-04-09T08:20:16Z")
    (tmp_path / "a.csv").write_text(FULL + line, encoding="utf-8")
    row = rows(events(tmp_path), "flightradar24_flights")[0]
    assert (row["callsign"], row["flight_time"], row["hex"]) == ("7", -6614.0, None)


def test_the_form_follows_from_the_columns_and_the_format_from_the_ending(tmp_path: Path) -> None:
    light = {
        "data": [
            {
                "fr24_id": "1",
                "reg": "5Y-BRE",
                "first_seen": "2025-06-17T05:05:19Z",
                "orig_icao": None,
                "dest_icao": None,
            }
        ]
    }
    (tmp_path / "light.json").write_text(json.dumps(light), encoding="utf-8")
    opensky = [
        {
            "icao24": "3c66b0",
            "firstSeen": 1750000000,
            "lastSeen": 1750003600,
            "estArrivalAirport": "OSLK",
            "callsign": "DLH1 ",
        }
    ]
    (tmp_path / "opensky.json").write_text(json.dumps(opensky), encoding="utf-8")
    plain = {"registration": "RF-78658", "origin": "OSLK", "departed_at": "2025-06-01 10:00"}
    (tmp_path / "own.jsonl").write_text(
        json.dumps(plain) + "\n\n" + json.dumps({**plain, "departed_at": 1750000000}), encoding="utf-8"
    )
    pq.write_table(
        pa.table({"icao24": ["15406e"], "destination": ["OSLK"], "arrived_at": [datetime(2025, 6, 2, tzinfo=UTC)]}),
        tmp_path / "own.parquet",
    )
    found = events(tmp_path)
    assert Counter(event.table for event in found if isinstance(event, Rows)) == {
        "flightradar24_flights": 1,
        "opensky_flights": 1,
        "plain_flights": 3,
    }
    assert rows(found, "opensky_flights")[0]["callsign"] == "DLH1"
    assert {row["registration"] for row in rows(found, "plain_flights")} == {"RF-78658", None}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "speed,colour\n1,red\n", "columns not recognised (speed, colour)"),
        ("a.json", '{"data": 3}', "neither a list"),
        ("a.json", '{"message": "Unauthenticated."}', "columns not recognised (message)"),
        ("a.json", "<html>", "a web page"),
        ("a.json", "none", "neither JSON nor JSON Lines"),
        ("a.csv", "<!DOCTYPE html><html><body>Please log in</body></html>", "a web page"),
        ("a.parquet", "PAR?", "not readable as Parquet"),
        ("a.xlsx", "PK??", "not readable as Xlsx"),
        ("a.csv", "icao24,firstseen,lastseen,callsign\n15406e,1,2,X\n", "columns not recognised"),
        ("a.dat", "\x00\x01\x02\x03" * 9, "binary data"),
    ],
)
def test_a_bad_file_is_kept_aside_and_the_rest_counts(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "good.csv").write_text(PLAIN + "r,15406e,,OSLK,2025-06-01T10:00Z,,\n", encoding="utf-8")
    found = events(tmp_path)
    assert [said in event.reason for event in found if isinstance(event, Reject)] == [True]
    assert len(rows(found, "plain_flights")) == 1


@pytest.mark.parametrize("encoding", ["cp1251", "koi8-r", "utf-16", "utf-16-le", "utf-8-sig", "iso8859-5"])
def test_text_in_another_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    operator = "Воздушно-космические силы Российской Федерации: военно-транспортная авиация"
    text = f"operator,registration,destination,arrived_at\n{operator},RF-1,OSLK,2025-06-01T10:00Z\n"
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    row = rows(events(tmp_path), "plain_flights")[0]
    assert (row["registration"], row["destination"], row["operator"][:9]) == ("RF-1", "OSLK", "Воздушно-")


def test_bad_records_are_counted_and_the_others_kept(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        PLAIN + "good,15406e,,OSLK,2025-06-01T10:00Z,,\nno-aircraft,,,OSLK,2025-06-02T10:00Z,,\n"
        "no-time,15406e,,OSLK,,,\nbad-hex,15406x,,OSLK,2025-06-02T10:00Z,,\nextra,15406e,,OSLK,2025-06-02T10:00Z,,,x,,\n",
        encoding="utf-8",
    )
    found = events(tmp_path)
    days = [event for event in found if isinstance(event, Day)]
    assert [(day.day, day.status, day.records_kept, day.records_rejected) for day in days] == [
        (date(2025, 6, 1), "partial", 1, 2),  # the reject that names no day, and one that may have begun then
        (date(2025, 6, 2), "partial", 0, 2),
    ]
    assert {event.where for event in found if isinstance(event, Reject)} == {f"a.csv, line {n}" for n in (3, 4, 5, 6)}


def test_covers_say_which_days_were_complete(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        PLAIN + "r,15406e,,UUMU,2025-06-01T20:00Z,OSLK,2025-06-02T01:00Z\n", encoding="utf-8"
    )
    covers = [{"base": "hmeimim", "from": "2025-06-01", "to": "2025-06-03"}]
    found = events(tmp_path, covers=covers)
    days = {(day.scope, day.day.day): (day.status, day.records_kept) for day in found if isinstance(day, Day)}
    assert days == {
        ("global", 1): ("partial", 1),
        ("base:hmeimim", 1): ("empty", 0),
        ("base:hmeimim", 2): ("ok", 1),
        ("base:hmeimim", 3): ("empty", 0),
    }
    clipped = events(tmp_path, Window("flight_files", date(2025, 6, 3), date(2025, 6, 9)), covers=covers)
    assert [(day.scope, day.day.day) for day in clipped if isinstance(day, Day)] == [("base:hmeimim", 3)]


def test_a_cover_for_an_unknown_base_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(PLAIN + "r,15406e,,OSLK,2025-06-01T10:00Z,,\n", encoding="utf-8")
    with pytest.raises(SourceError, match=r"base 'hmeymim' is not in bases\.csv"):
        events(tmp_path, covers=[{"base": "hmeymim", "from": "2025-06-01", "to": "2025-06-03"}])


def test_no_file_is_an_error_that_says_where(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no file at"):
        flight_files.fetch(WINDOW, context(tmp_path))
    with pytest.raises(SourceError, match="no location"):
        flight_files.fetch(WINDOW, context(tmp_path, location=None))


def test_a_pattern_names_files(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("a.csv", "b.txt", "deep/c.csv", ".hidden.csv", "~$lock.xlsx"):
        (tmp_path / name).write_text(PLAIN, encoding="utf-8")
    assert [file.name for file in files_at(tmp_path / "*.csv")] == ["a.csv"]
    assert [file.name for file in files_at(tmp_path)] == ["a.csv", "b.txt", "deep/c.csv"]
    assert [file.name for file in files_at(tmp_path, ["*.txt", "deep/*"])] == ["a.csv"]


# ---- press reports


def press(folder: Path, text: str) -> list[Event]:
    """What a press table gives over all time."""
    (folder / "press.csv").write_text(text, encoding="utf-8")
    about = context(folder, "press_flights", location=str(folder / "press.csv"))  # type: ignore[arg-type]
    window = Window("press_flights", date(1900, 1, 1), date(2026, 12, 31))
    return list(press_flights.decode(press_flights.fetch(window, about), about))


HEAD = "event_date_from,event_date_to,base_id,direction,count,claim_kind,paraphrase,source_published_on,source_url\n"


def test_the_shipped_press_table_is_read_whole(tmp_path: Path) -> None:
    about = context(tmp_path, "press_flights", location=None)
    window = Window("press_flights", date(1900, 1, 1), date(2026, 12, 31))
    found = list(press_flights.decode(press_flights.fetch(window, about), about))
    assert sum(event.data.num_rows for event in found if isinstance(event, Rows)) == 122  # type: ignore[union-attr]
    # fifteen pages give no date at all: kept aside with that reason, not guessed at
    assert Counter(event.reason for event in found if isinstance(event, Reject)) == {
        "no day: the page gives neither the date of the event nor its own": 15
    }
    assert {event.status for event in found if isinstance(event, Day)} == {"ok"}


def test_each_press_report_says_where_it_stood(tmp_path: Path) -> None:
    line = "2025-02-{},,hmeimim,arrival,1,flight,x,,https://example.org\n"
    found = press(tmp_path, HEAD + line.format("01") + line.format("99") + line.format("03"))
    kept = rows(found, "press_flights")
    assert {row["origin_place"] for row in kept} == {"record 1", "record 3"}
    digest = hashlib.sha256((tmp_path / "press.csv").read_bytes()).hexdigest()
    assert {(row["origin_file"], row["origin_sha256"]) for row in kept} == {("press.csv", digest)}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("2025-13-01,,hmeimim,arrival,1,flight,x,,https://example.org", "event_date_from: '2025-13-01' is not a date"),
        ("2025-02-01,,hmeimim,landing,1,flight,x,,https://example.org", "direction: 'landing'"),
        ("2025-02-01,,hmeimim,arrival,some,flight,x,,https://example.org", "count: 'some'"),
        ("2025-02-01,,hmeimim,arrival,1,rumour,x,,https://example.org", "claim_kind: 'rumour'"),
        ("2025-02-01,,hmeimim,arrival,1,flight,x,,", "without a citation"),
        ("2025-02-03,2025-02-01,hmeimim,arrival,1,flight,x,,https://example.org", "is before event_date_from"),
        (",,hmeimim,arrival,1,flight,x,,https://example.org", "no day"),
    ],
)
def test_bad_press_rows_say_why(tmp_path: Path, line: str, said: str) -> None:
    good = "2025-03-01,2025-03-01,hmeimim,arrival,1,flight,x,,https://example.org"
    found = press(tmp_path, f"{HEAD}{line}\n{good}\n")
    assert [said in event.reason for event in found if isinstance(event, Reject)] == [True]
    assert [(day.day, day.status, day.records_kept) for day in found if isinstance(day, Day)] == [
        (date(2025, 3, 1), "partial", 1)
    ]


def test_reports_on_places_that_are_not_watched_are_left_out(tmp_path: Path) -> None:
    found = press(tmp_path, f"{HEAD}2025-03-01,2025-03-01,atlantis,arrival,1,flight,x,,https://example.org\n")
    assert not [event for event in found if isinstance(event, Rows | Reject)]


def test_landed_is_what_fetch_found(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(PLAIN, encoding="utf-8")
    landed = flight_files.fetch(WINDOW, context(tmp_path))
    assert isinstance(landed, Landed)
    assert landed.files[0].size == len(PLAIN)


# ---- forms

IN = ("2025-06-01T02:00:00Z", "2025-06-01T06:00:00Z")  # take-off at Chkalovsky, landing at Latakia
FORMS = {
    "OpenSky flights (REST API, Trino)": (
        "icao24,firstSeen,lastSeen,estDepartureAirport,estArrivalAirport\n153301,{0},{1},UUMU,OSLK\n"
    ),
    "OpenSky flights (pyopensky, traffic)": "icao24,firstseen,departure,lastseen,arrival\n153301,{0},UUMU,{1},OSLK\n",
    "OPDI flight list": (
        "id,icao24,flt_id,dof,adep,ades,first_seen,last_seen\n1,153301,RFF1,2025-06-01,UUMU,OSLK,{0},{1}\n"
    ),
    "OpenSky public monthly list, traffic summary": (
        "callsign,number,icao24,registration,typecode,origin,destination,firstseen,lastseen,day\n"
        "RFF1,,153301,RF-00301,IL76,UUMU,OSLK,{0},{1},2025-06-01\n"
    ),
    "list of first and last contacts": "hex,start,stop,from,to\n153301,{0},{1},CKL,LTK\n",
    "plain": (
        "Hex,Dep airport,Departure time (UTC),Arr airport,Arrival time (UTC)\n153301,UUMU,{0},Latakia (LTK/OSLK),{1}\n"
    ),
    "my.flightradar24 flight log": (
        "\nDate,Flight number,From,To,Dep time,Arr time,Duration,Airline,Aircraft,Registration\n"
        '2025-06-01,RFF1,"Moscow / Chkalovsky (CKL/UUMU)","Latakia (LTK/OSLK)",05:00:00,09:00:00,04:00:00,VKS,'
        "Ilyushin Il-76 (IL76),RF-00301\n"
    ),
    "Flightradar24 flight summary": (
        "fr24_id,reg,orig_icao,datetime_takeoff,dest_icao,dest_icao_actual,datetime_landed,hex\n"
        "3a1,RF-00301,,{0},,OSLK,{1},153301\n"
    ),
}
CURRENT = {
    "flightradar24_flights": "dest_icao_actual",
    "opensky_flights": "est_arrival_airport",
    "plain_flights": "destination",
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_gives_its_landing_at_the_base(tmp_path: Path, form: str) -> None:
    (tmp_path / "a.csv").write_text(FORMS[form].format(*IN), encoding="utf-8")
    found = events(tmp_path, covers=[{"base": "hmeimim", "from": "2025-06-01", "to": "2025-06-01"}])
    (reading,) = (event for event in found if isinstance(event, FileReading))
    assert reading.form.startswith(f"{form} (")
    ((table, row),) = [(e.table, r) for e in found if isinstance(e, Rows) for r in e.data.to_pylist()]  # type: ignore[union-attr]
    assert row[CURRENT[table]] == "OSLK"
    assert [
        (day.status, day.records_kept) for day in found if isinstance(day, Day) and day.scope == "base:hmeimim"
    ] == [("ok", 1)]
    landed = row.get("arrived_at") or row.get("last_seen") or row.get("datetime_landed")
    assert landed == datetime(2025, 6, 1, 6, 0, tzinfo=UTC)


def test_a_column_may_hold_places_or_times(tmp_path: Path) -> None:
    text = "reg,origin,departure,destination,arrival\nRF-1,UUMU,2025-06-01 02:00,OSLK,2025-06-01 06:00\n"
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    (row,) = rows(events(tmp_path), "plain_flights")
    assert (row["origin"], row["destination"], row["arrived_at"]) == (
        "UUMU",
        "OSLK",
        datetime(2025, 6, 1, 6, tzinfo=UTC),
    )


def test_columns_of_ones_own_are_mapped_and_other_files_are_read_as_ever(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("Борт,Куда,Когда\nRF-1,OSLK,2025-06-01 06:00\n", encoding="utf-8")
    (tmp_path / "plain.csv").write_text(
        PLAIN + "r,15406e,,UUMU,2025-06-02T01:00Z,OSLK,2025-06-02T05:00Z\n", encoding="utf-8"
    )
    columns = {"registration": "Борт", "arrival_icao": "Куда", "arrived_at": "Когда"}
    assert len(rows(events(tmp_path, columns=columns), "plain_flights")) == 2
    refused = [event.reason for event in events(tmp_path) if isinstance(event, Reject)]
    assert len(refused) == 1 and "Борт, Куда, Когда" in refused[0] and "columns = {" in refused[0]


def test_far_from_the_airport_an_estimate_of_a_list_is_told_as_far(tmp_path: Path) -> None:
    heading = "icao24,origin,destination,firstseen,lastseen,latitude_2,longitude_2,altitude_2\n"
    near, far = "35.41,35.95,200", "36.5,35.95,6000"
    lines = "".join(f"15330{n},UUMU,OSLK,{IN[0]},{IN[1]},{where}\n" for n, where in enumerate((near, far)))
    (tmp_path / "a.csv").write_text(heading + lines, encoding="utf-8")
    distances = [row["est_arrival_airport_horiz_distance"] for row in rows(events(tmp_path), "opensky_flights")]
    assert distances[0] < 2000 and distances[1] > 100_000


def test_a_list_of_positions_is_a_track(tmp_path: Path) -> None:
    start = int(datetime(2025, 6, 1, 5, 50, tzinfo=UTC).timestamp())
    text = "time,icao24,lat,lon,velocity,heading,vertrate,callsign,onground,baroaltitude,geoaltitude\n" + "".join(
        f"{start + 10 * n},153301,{35.55 - 0.004 * n:.4f},35.9487,80,170,-3,RFF1 ,{n > 33},{max(0, 900 - 27 * n)},\n"
        for n in range(40)
    )
    (tmp_path / "states.csv").write_text(text, encoding="utf-8")
    found = events(tmp_path)
    points = rows(found, "track_points")
    assert {row["icao24"] for row in points} == {"153301"} and any(row["is_ground"] for row in points)
    assert max(row["altitude_baro_ft"] for row in points if row["altitude_baro_ft"]) == int(900 * 3.28084)
    (reading,) = (event for event in found if isinstance(event, FileReading))
    assert reading.form.startswith("OpenSky state vectors") and reading.is_track and reading.records_kept == 40


def test_positions_that_name_no_aircraft_are_refused_with_what_to_do(tmp_path: Path) -> None:
    heading = "Timestamp,UTC,Callsign,Position,Altitude,Speed,Direction\n"
    text = heading + '1748757000,2025-06-01T05:50:00Z,RFF1,"35.5,35.9",900,150,170\n'
    (tmp_path / "RFF1_3a1.csv").write_text(text, encoding="utf-8")
    found = events(tmp_path, covers=[{"base": "hmeimim", "from": "2025-05-30", "to": "2025-06-03"}])
    (reject,) = (event for event in found if isinstance(event, Reject))
    assert "names no aircraft" in reject.reason and "Timestamp, UTC, Callsign" in reject.reason
    days = {day.day.day: day.status for day in found if isinstance(day, Day) and day.scope == "base:hmeimim"}
    assert days == {30: "empty", 31: "partial", 1: "partial", 2: "partial", 3: "empty"}


# ---- what a loss means for the days that are declared complete

COVER = [{"base": "hmeimim", "from": "2025-06-01", "to": "2025-06-10"}]
LANDING = "r{0},15406e,,UUMU,2025-06-{0}T01:00Z,OSLK,2025-06-{0}T05:00Z\n"
OTHERS = [f"o{{0}}{number},15407{number},,UUMU,2025-06-{{0}}T01:00Z,OSLK,2025-06-{{0}}T05:00Z\n" for number in range(4)]


def covered(found: list[Event]) -> dict[int, str]:
    """Status of each covered day of June by its number."""
    return {day.day.day: day.status for day in found if isinstance(day, Day) and day.scope == "base:hmeimim"}


def lost(found: list[Event]) -> set[int]:
    """The covered days that do not count."""
    return {day for day, status in covered(found).items() if status not in ("ok", "empty")}


@pytest.mark.parametrize(
    ("row", "days"),
    [
        ("x,15406e,,UUMU,2025-06-05T01:00Z,OSLK,soon\n", {5, 6}),  # it may have landed on the next day
        ("x,15406e,,UUMU,soon,OSLK,2025-06-05T01:00Z\n", {4, 5}),
        ("x,15406e,,UUMU,2025-06-05T01:00Z,OSLK,05/06/2025\n", {5}),  # 5 June or 6 May
        ("x,zz,,UUMU,2025-06-05T01:00Z,OSLK,2025-06-05T05:00Z\n", {5}),
        ("x,zz,,UUMU,2025-06-05T01:00Z,UUWW,2025-06-05T05:00Z\n", set()),  # a flight of elsewhere
        ("x,15406e,,UUMU,2025-06-05T01:00Z,the base,2025-06-05T05:00Z\n", {5}),
        ("x,15406e,,UUMU,2025-06-05T01:00Z,,2025-06-05T05:00Z\n", {5}),  # where it landed is not said
        ("x,15406e,,UUMU,2025-06-05T01:00Z,#N/A,2025-06-05T05:00Z\n", {5}),  # or is lost
        ("x,15406e,,UUMU,2025-06-05T01:00Z,OSLK,########\n", {5, 6}),
        ("x,15406e,,UUMU,2025-06-05T01:00Z,OSLK,2025-06-05T05:00Z,surplus\n", {4, 5, 6}),
        ("x,15406e,,UUMU,2025-06-05T01:00Z,OS", set(range(1, 11))),  # the file is cut short
        ('x,"15406e,,UUMU,2025-06-05T01:00Z,OSLK,2025-06-05T05:00Z\n', {4, 5, 6}),
        ('x,"15406e,,UUMU,2025-06-05T0100Z,OSLK,2025-0605T05:00Z\n', {4, 5, 6}),  # either end may be lost
        ("x,15406e,UUMU,2025-06-05T01:00Z,UUWW,2025-06-05T05:00Z,seen\n", {4, 5, 6}),
        (
            "x,15406e,UUMU,2025-06-05T01:00Z,UUWW,2025-06-05T05:00Z\n",
            {4, 5, 6},
        ),  # a cell fell out: none stands where due
        ("x,15406e,,UUMU,soon,OSLK,later\n", {3, 4, 5, 6, 7}),  # between two rows of a file in order
        ("x,15406e,,UUMU,2025-06-05T22:00Z,OSLK,\n", {5, 6}),  # it landed, and did not say when
        ("x,15406e,,OSLK,NaT,UUMU,2025-06-05T02:00Z\n", {4, 5}),
        ("x,,RF-1,,,OSLK,2025-06-05\nx,,RF-1,OSLK,2025-06-05,,\n", set()),  # it landed and left
        ("x,,RF-1,HLLB,,OSLK,2025-06-05\ny,,RF-1,OLBA,,OSLK,2025-06-05\n", {5}),  # once or twice is not said
        ("x,,RF-1,UUMU,2025-06-05,OSLK,2025-06-05\ny,,RF-1,OSLK,2025-06-05,UUMU,2025-06-05\n", {5}),  # nor the order
        ("x,,UNKNOWN,UUMU,2025-06-05T01:00Z,OSLK,2025-06-05T05:00Z\n", {5}),
        ("x,000000,,UUMU,2025-06-05T01:00Z,OSLK,2025-06-05T05:00Z\n", {5}),
        (",,,,,,\n\n,  ,\n", set()),
        ("Total: 2,,,,,,\n", set()),
        ("(3 rows)\n", set()),
        (PLAIN, set()),
    ],
)
def test_a_rejected_row_makes_partial_the_days_that_it_may_be_of(tmp_path: Path, row: str, days: set[int]) -> None:
    is_last = not row.endswith("\n")
    good = [one.format(day) for day in ("03", "06", "07") for one in (LANDING, *OTHERS)]
    text = PLAIN + "".join([*good, row] if is_last else [*good[:5], row, *good[5:]])
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    found = events(tmp_path, covers=COVER)
    assert lost(found) == days
    assert len(rows(found, "plain_flights")) >= 3
    (reading,) = (event for event in found if isinstance(event, FileReading))
    assert reading.records_read == reading.records_kept + reading.records_rejected + reading.records_duplicate
    assert not days or not reading.is_sound


def test_a_few_rows_in_order_of_days_prove_no_order(tmp_path: Path) -> None:
    text = PLAIN + LANDING.format("03") + "x,15406e,,UUMU,soon,OSLK,later\n" + LANDING.format("07")
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    assert lost(events(tmp_path, covers=COVER)) == set(range(1, 11))


@pytest.mark.parametrize(
    ("line", "days"),
    [
        (
            '{"icao24": "15406e", "lastseen": "1749\u000050", "day": "2025-06-05", "estarrivalairport": "OSLK"',
            {4, 5, 6},
        ),
        ('{"icao24": "15406e", "firstseen": 17490', set(range(1, 11))),
    ],
)
def test_a_last_record_of_json_lines_that_is_cut_tells_no_more_than_it_shows(
    tmp_path: Path, line: str, days: set[int]
) -> None:
    good = '{"icao24": "15406e", "firstseen": 1748912400, "estdepartureairport": "UUMU", "lastseen": 1748926800, ' + (
        '"estarrivalairport": "OSLK"}\n'
    )
    is_last = "day" not in line
    (tmp_path / "a.jsonl").write_text(good + (line if is_last else f"{line}\n{good}"), encoding="utf-8")
    assert lost(events(tmp_path, covers=COVER)) == days


def test_a_rejected_row_of_a_log_in_local_time_is_of_the_days_about_its_date(tmp_path: Path) -> None:
    columns = "Date,Flight number,From,To,Dep time,Arr time,Duration,Airline,Aircraft,Registration,Dep_id"
    heading = ",".join(f'"{column}"' for column in columns.split(",")) + "\n"
    row = '"2025-06-05","","Mulika (LTM/UUMU)","Latakia (LTK/OSLK)","0112","05:12:00","04:00:00","","","RF-1","1"\n'
    (tmp_path / "a.csv").write_text(heading + row, encoding="utf-8")
    assert lost(events(tmp_path, covers=COVER)) >= {4, 5, 6}


def test_a_row_without_a_day_in_a_file_of_no_order_makes_doubtful_all_that_no_other_file_shows(tmp_path: Path) -> None:
    text = PLAIN + LANDING.format("07") + "x,15406e,,UUMU,soon,OSLK,later\n" + LANDING.format("03")
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    (tmp_path / "b.csv").write_text(PLAIN + LANDING.format("09"), encoding="utf-8")
    assert lost(events(tmp_path, covers=COVER)) == set(range(1, 11)) - {9}


@pytest.mark.parametrize(
    ("name", "text", "days"),
    [
        (
            "b.csv",
            "colour,when\nred,2025-06-04 05:00\nblue,2025-06-08 05:00\n",
            {3, 4, 5, 7, 8, 9},
        ),  # every row names its day
        ("2025-06-04.csv", "<html>", {4}),
        ("2025-06-04_2025-06-06.csv", "<html>", {4, 5, 6}),
        ("2025-06.csv", "<html>", set(range(1, 11))),
        ("2025-05.csv", "<html>", set()),
        ("2025-07-01.csv", "<html>", {1, 2, 4, 5, 6, 8, 9, 10}),  # the day on which it was made, as like as not
        ("export-2025-06-04.csv", "<html>", {1, 2, 4, 5, 6, 8, 9, 10}),  # the day on which it was made
        ("b.csv", "colour,when\nred,2025-06-04 05:00\nblue,soon\n", {1, 2, 4, 5, 6, 8, 9, 10}),
        ("b.csv", "", {1, 2, 4, 5, 6, 8, 9, 10}),
        ("b.csv", PLAIN, set()),  # a list of nothing
        ("b.json", "[]", set()),
        ("notes.md", "Flights of 2025-06-04", set()),
    ],
)
def test_a_file_that_cannot_be_read_voids_its_days_else_those_that_no_other_file_shows(
    tmp_path: Path, name: str, text: str, days: set[int]
) -> None:
    (tmp_path / "a.csv").write_text(PLAIN + LANDING.format("03") + LANDING.format("07"), encoding="utf-8")
    (tmp_path / name).write_text(text, encoding="utf-8")
    found = events(tmp_path, covers=COVER)
    assert lost(found) == days
    named = {event.file: event for event in found if isinstance(event, FileReading)}
    assert name in named
    ignored = events(tmp_path, covers=COVER, ignore=[name])
    assert lost(ignored) == set()


def test_a_file_that_may_not_be_opened_is_named_and_voids(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(PLAIN + LANDING.format("03"), encoding="utf-8")
    (tmp_path / "b.csv").symlink_to(tmp_path / "nowhere.csv")
    found = events(tmp_path, covers=COVER)
    assert lost(found) == set(range(1, 11)) - {3}
    assert [event.reason for event in found if isinstance(event, Reject)] == [
        "cannot be opened: a link that leads nowhere"
    ]


def test_a_landing_whose_take_off_was_before_the_window_counts_in_it(tmp_path: Path) -> None:
    row = "r1,15406e,,UUMU,2025-05-31T22:00Z,OSLK,2025-06-01T02:00Z\n"
    (tmp_path / "a.csv").write_text(PLAIN + row + LANDING.format("03"), encoding="utf-8")
    found = events(tmp_path, Window("flight_files", date(2025, 6, 1), date(2025, 6, 10)), covers=COVER)
    assert {row["arrived_at"].day for row in rows(found, "plain_flights")} == {1, 3}
    assert covered(found)[1] == "ok"


@pytest.mark.parametrize(
    ("name", "above", "last", "is_whole"),
    [
        ("a.csv", "", 7, False),
        ("2025-06-01_2025-06-09.csv", "", 9, True),
        ("a.csv", "# Period: 2025-06-01 - 2025-06-09\n", 9, True),
        ("a.csv", "Exported 2025-06-10 08:00 UTC\n", 10, False),
        ("2025-06.csv", "", 7, False),  # the month may not have ended when it was made
    ],
)
def test_an_open_cover_ends_where_the_data_end(
    tmp_path: Path, name: str, above: str, last: int, is_whole: bool
) -> None:
    (tmp_path / name).write_text(above + PLAIN + LANDING.format("03") + LANDING.format("07"), encoding="utf-8")
    window = Window("flight_files", date(2025, 5, 1), date(2025, 6, 12))
    found = events(tmp_path, window, covers=[{"base": "hmeimim", "from": "2025-06-01"}])
    days = covered(found)
    assert {day for day, status in days.items() if status in ("ok", "empty")} == set(range(1, last + is_whole))
    assert all(days[day] == "missing" for day in range(last + 1, 13))


# ---- which records are one


def test_running_numbers_of_two_files_are_two_flights(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        PLAIN + "1,153301,,UUMU,2025-06-03T01:00Z,OSLK,2025-06-03T05:00Z\n", encoding="utf-8"
    )
    (tmp_path / "b.csv").write_text(
        PLAIN + "1,153302,,UUMU,2025-06-07T01:00Z,OSLK,2025-06-07T05:00Z\n", encoding="utf-8"
    )
    found = events(tmp_path, covers=COVER)
    assert len({row["record_id"] for row in rows(found, "plain_flights")}) == 2
    assert [day for day, status in covered(found).items() if status == "ok"] == [3, 7]


def test_two_flights_of_a_day_without_times_are_two(tmp_path: Path) -> None:
    text = "registration,origin,departed_at,destination,arrived_at\nRF-1,,,OSLK,2025-06-03\nRF-1,OSLK,2025-06-03,,\n"
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    assert len(rows(events(tmp_path), "plain_flights")) == 2


def test_the_same_flight_in_two_files_is_one_and_is_counted_as_a_duplicate(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(PLAIN + LANDING.format("03"), encoding="utf-8")
    found = events(tmp_path)
    assert len(rows(found, "plain_flights")) == 1
    assert [event.records_duplicate for event in found if isinstance(event, FileReading)] == [0, 1]


def test_a_later_export_that_knows_the_landing_is_the_same_flight(tmp_path: Path) -> None:
    for name, landed in (("a.csv", ""), ("b.csv", "2025-06-03T05:00Z")):
        (tmp_path / name).write_text(PLAIN + f"1,153301,,UUMU,2025-06-03T01:00Z,OSLK,{landed}\n", encoding="utf-8")
    (row,) = rows(events(tmp_path), "plain_flights")
    assert row["arrived_at"] == datetime(2025, 6, 3, 5, tzinfo=UTC)


def test_ids_that_a_spreadsheet_rounded_are_no_proof_of_sameness(tmp_path: Path) -> None:
    lines = "".join(
        fr24("3.00E+12", reg=f"RF-{n}", dest_icao_actual="OSLK", datetime_landed=f"2025-06-0{n}T05:00:00Z")
        for n in (3, 7)
    )
    (tmp_path / "a.csv").write_text(FULL + lines, encoding="utf-8")
    assert len(rows(events(tmp_path), "flightradar24_flights")) == 2


def test_lists_that_were_joined_are_each_read_under_their_own_heading(tmp_path: Path) -> None:
    swapped = (
        "destination,arrived_at,origin,departed_at,registration\nOSLK,2025-06-07T05:00Z,UUMU,2025-06-07T01:00Z,RF-7\n"
    )
    opensky = "icao24,firstseen,departure,lastseen,arrival\n153301,2025-06-09T01:00Z,UUMU,2025-06-09T05:00Z,OSLK\n"
    (tmp_path / "a.csv").write_text(PLAIN + LANDING.format("03") + PLAIN + swapped + opensky, encoding="utf-8")
    found = events(tmp_path, covers=COVER)
    assert [day for day, status in covered(found).items() if status == "ok"] == [3, 7, 9]
    assert not [event for event in found if isinstance(event, Reject)]
    assert len(rows(found, "opensky_flights")) == 1


def test_a_reject_is_placed_among_its_neighbours_whatever_else_is_in_doubt(tmp_path: Path) -> None:
    unknown = "u,15406e,,UUMU,2025-06-05T01:00Z,the base,2025-06-05T05:00Z\n"
    bad = "x,15406e,,UUMU,soon,OSLK,later\n"
    before, after = ("".join(one.format(day) for one in (LANDING, *OTHERS)) for day in ("03", "07"))
    text = PLAIN + before + unknown + bad + after + LANDING.format("08")
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    assert lost(events(tmp_path, covers=COVER)) == {3, 4, 5, 6, 7, 8}


@pytest.mark.parametrize(
    ("status", "days", "kept"),
    [("Landed", set(), 1), ("Cancelled", set(), 0), ("scheduled", set(), 0), ("Diverted", {5}, 0)],
)
def test_a_flight_that_did_not_take_place_is_none(tmp_path: Path, status: str, days: set[int], kept: int) -> None:
    heading = "registration,origin,departed_at,destination,arrived_at,status\n"
    row = f"RF-1,UUMU,2025-06-05T01:00Z,OSLK,2025-06-05T05:00Z,{status}\n"
    (tmp_path / "a.csv").write_text(heading + row, encoding="utf-8")
    found = events(tmp_path, covers=COVER)
    assert (lost(found), len(rows(found, "plain_flights"))) == (days, kept)


def test_a_sheet_of_clocks_is_no_flight_log(tmp_path: Path) -> None:
    heading = "Date,From,To,Dep time,Arr time,Registration\n"
    (tmp_path / "a.csv").write_text(heading + "2025-06-05,UUMU,OSLK,01:00,05:00,RF-1\n", encoding="utf-8")
    found = events(tmp_path, covers=COVER)
    assert lost(found) == {4, 5, 6} and not rows(found, "plain_flights")


@pytest.mark.parametrize(
    "last", ["x,15406e,,UUMU,2025-06-05T01:00Z,OSLK,2025-06-0", "x,15406e,,UUMU,2025-06-05T01:00Z,OSLK,2025-06-05T0"]
)
def test_a_last_line_that_ends_within_a_cell_says_that_the_file_is_cut_short(tmp_path: Path, last: str) -> None:
    (tmp_path / "a.csv").write_text(PLAIN + LANDING.format("03") + last, encoding="utf-8")
    assert lost(events(tmp_path, covers=COVER)) == set(range(1, 11))
    (tmp_path / "a.csv").write_text((PLAIN + LANDING.format("03")).rstrip("\n"), encoding="utf-8")
    assert lost(events(tmp_path, covers=COVER)) == set(), "many programs leave the last line without an end"


@pytest.mark.parametrize(
    ("above", "zone", "landed", "days"),
    [
        ("", "Europe/Moscow", 4, set()),
        ("", "+03:00", 4, set()),
        ("", "MSK", 4, set()),
        ("", "UTC", 5, set()),
        ("", "Atlantis", None, {4, 5}),
        ("All times Moscow time (UTC+3)\n", "", 4, set()),
        ("All times local\n", "", 5, {4, 5, 6}),
    ],
)
def test_a_zone_that_a_list_states_counts(
    tmp_path: Path, above: str, zone: str, landed: int | None, days: set[int]
) -> None:
    text = f"registration,destination,arrived_at,timezone\nRF-1,OSLK,2025-06-05 01:30,{zone}\n"
    (tmp_path / "a.csv").write_text(above + text, encoding="utf-8")
    found = events(tmp_path, covers=COVER)
    assert [row["arrived_at"].day for row in rows(found, "plain_flights")] == ([landed] if landed else [])
    assert lost(found) >= days if days else lost(found) == set()


def test_a_folder_in_which_nothing_is_a_list_of_flights_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# Flights of Latakia", encoding="utf-8")
    with pytest.raises(SourceError, match=r"none of the 1 files at .* is a list of flights"):
        events(tmp_path, covers=COVER)


def test_a_column_that_is_not_read_and_names_the_base_makes_its_day_doubtful(tmp_path: Path) -> None:
    heading = "registration,origin,departed_at,destination,arrived_at,via,airport\n"
    rows_of = (
        "RF-1,UUMU,2025-06-05T01:00Z,HLLB,2025-06-05T09:00Z,OSLK,\n"
        "RF-2,UUMU,2025-06-07T01:00Z,OSLK,2025-06-07T05:00Z,,OSLK\n"
    )
    (tmp_path / "a.csv").write_text(heading + rows_of, encoding="utf-8")
    assert lost(events(tmp_path, covers=COVER)) == {5}


def test_an_estimate_without_an_airport_whose_position_lies_at_the_base_is_doubtful(tmp_path: Path) -> None:
    heading = "icao24,origin,destination,firstseen,lastseen,latitude_1,longitude_1,latitude_2,longitude_2\n"
    at_base, far = "35.41,35.95", "55.6,37.3"
    lines = [
        f"15330{day},UUMU,,2025-06-0{day}T01:00Z,2025-06-0{day}T05:00Z,{far},{where}\n"
        for day, where in ((5, at_base), (7, far))
    ]
    (tmp_path / "a.csv").write_text(heading + "".join(lines), encoding="utf-8")
    assert lost(events(tmp_path, covers=COVER)) == {5}


@pytest.mark.parametrize(("ground", "days"), [("", {1}), (",onground", set())])
def test_a_track_that_ends_low_at_a_base_makes_its_day_doubtful(tmp_path: Path, ground: str, days: set[int]) -> None:
    start = int(datetime(2025, 6, 1, 5, 50, tzinfo=UTC).timestamp())
    text = f"timestamp,icao24,latitude,longitude,altitude,groundspeed,track,vertical_rate{ground}\n" + "".join(
        f"{start + 10 * n},153301,{35.55 - 0.004 * n:.4f},35.9487,{max(150, 3000 - 90 * n)},140,170,-600"
        f"{f',{n > 33}' if ground else ''}\n"
        for n in range(40)
    )
    (tmp_path / "track.csv").write_text(text, encoding="utf-8")
    assert lost(events(tmp_path, covers=COVER)) == days


def test_a_repeated_heading_is_no_record_whatever_its_first_column_is(tmp_path: Path) -> None:
    heading = "id,registration,origin,departed_at,destination,arrived_at\n"
    row = "{0},RF-1,UUMU,2025-06-0{0}T01:00Z,OSLK,2025-06-0{0}T05:00Z\n"
    (tmp_path / "a.csv").write_text(heading + row.format(3) + heading + row.format(7), encoding="utf-8")
    found = events(tmp_path, covers=COVER)
    assert lost(found) == set() and len(rows(found, "plain_flights")) == 2
