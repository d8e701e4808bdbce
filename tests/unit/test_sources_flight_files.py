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
from basewatch.lake.events import Day, Event, Reject, Rows
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
        FULL + "".join(fr24(name, first_seen="2025-10-25T09:00:00Z") for name in ("1a", "", "3c")), encoding="utf-8"
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
            {"fr24_id": "1", "reg": "5Y-BRE", "first_seen": "2025-06-17T05:05:19Z", "orig_icao": None, "dest_icao": None}
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
    text = "operator,registration,destination,arrived_at\nВоздушно-космические силы Российской Федерации: военно-транспортная авиация,RF-1,OSLK,2025-06-01T10:00Z\n"
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
        (date(2025, 6, 1), "partial", 1, 1),  # the reject that names no day
        (date(2025, 6, 2), "partial", 0, 3),
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
