"""Flight lists of the kinds that ended in a wrong number, from the command line to the published month."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wholeruns import Watch

pytestmark = pytest.mark.e2e

COVERS = 'covers = [{base = "kufra", from = "2025-06-01", to = "2025-06-30"}]'
HEADING = "icao24,registration,callsign,type_code,operator,origin,departed_at,destination,arrived_at\n"


def landing(day: int, address: str = "018c01", place: str = "HLKF") -> str:
    """A row of the plain form: in from Benghazi, landed at seven in the morning."""
    mark = f"5A-D{address[-2:].upper()}"
    on = f"2025-06-{day:02}T"
    return f"{address},{mark},LAA{address[-3:]},IL76,Libyan Air Cargo,HLLB,{on}04:30:00Z,{place},{on}07:00:00Z\n"


@pytest.fixture
def kufra(tmp_path: Path, bare_environment: dict[str, str]) -> Watch:
    """A watch of Kufra, its records complete in June 2025, with no file yet."""
    made = Watch(tmp_path, dict(bare_environment))
    made.configure(covers=COVERS)
    (tmp_path / "flights").mkdir()
    return made


def put(watch: Watch, name: str, content: str | bytes) -> None:
    """Put a file into the folder of lists."""
    path = watch.folder / "flights" / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def june(watch: Watch, until: str = "2025-06-30") -> str:
    """Run the command line over June; returns what it told on stderr."""
    done = watch.inside("backfill", "--from", "2025-06-01", "--to", until, "--plain")
    assert done.returncode == 0, done.stderr
    return done.stderr


def month(watch: Watch) -> tuple[Any, ...]:
    """Visits, arrivals, activity, days that count and days missing of June."""
    (row,) = watch.query(
        "SELECT visits, arrivals, activity, days_unmeasured, days_missing FROM base_monthly_activity "
        "WHERE base_id = 'kufra' AND fleet_id = 'all' AND month = '2025-06-01'"
    )
    return row


def landed_on(watch: Watch) -> list[int]:
    """The days of June on which landings are published."""
    rows = watch.query(
        "SELECT day FROM base_daily_activity WHERE base_id = 'kufra' AND fleet_id = 'all' AND arrivals > 0 ORDER BY day"
    )
    return [day.day for (day,) in rows]


def missing(watch: Watch) -> list[int]:
    """The days of June that do not count. None of them shows a zero."""
    rows = watch.query(
        "SELECT day, observability, arrivals, departures, visits FROM base_daily_activity "
        "WHERE base_id = 'kufra' AND fleet_id = 'all' AND month(day) = 6"
    )
    assert all(0 not in counts for _, seen, *counts in rows if seen == "missing")
    return sorted(set(range(1, 31)) - {day.day for day, seen, *_ in rows if seen != "missing"})


def files(watch: Watch) -> dict[str, dict[str, Any]]:
    """What `basewatch status --json` tells of each file."""
    done = watch.inside("status", "--json")
    assert done.returncode == 0, done.stderr
    told = {entry["file"]: entry for entry in json.loads(done.stdout)["files"]}
    assert all(
        entry["records_read"] == sum(entry[f"records_{what}"] for what in ("kept", "rejected", "duplicate"))
        for entry in told.values()
    )
    return told


# ---- rows


def test_rows_that_other_programs_wrote_their_way_are_read(kufra: Watch) -> None:
    rows = [
        landing(3).replace("T04:30:00Z", " 04:30:00 UTC").replace("T07:00:00Z", " 07:00:00 UTC"),
        landing(9, "018c02").replace("018c02", "18c02"),  # a spreadsheet took the address for a number
        landing(17, "018c03").replace("\n", ",\n"),
    ]
    put(kufra, "june.csv", HEADING + "".join(rows))
    june(kufra)
    assert month(kufra) == (3, 3, "active", 30, 0) and landed_on(kufra) == [3, 9, 17]


def test_the_day_of_a_rejected_row_does_not_count(kufra: Watch) -> None:
    nameless = landing(9, "018c02").replace("018c02,5A-D02", "nobody,")
    put(kufra, "june.csv", HEADING + landing(3) + nameless + landing(17, "018c03"))
    told = june(kufra)
    assert missing(kufra) == [9] and landed_on(kufra) == [3, 17]
    entry = files(kufra)["june.csv"]
    assert (entry["records_read"], entry["records_kept"], entry["records_rejected"]) == (3, 2, 1)
    assert "june.csv" in told and entry["first_reason"] in told
    assert "icao24" in entry["first_reason"]


def test_a_row_without_a_day_makes_doubtful_what_its_file_reaches(kufra: Watch) -> None:
    lost = landing(9, "018c02").replace("2025-06-09T04:30:00Z", "soon").replace("2025-06-09T07:00:00Z", "later")
    before, after = (
        [landing(day, f"018{day:x}{plane:02x}") for day in days for plane in range(4)] for days in ((5, 7), (12, 13))
    )
    put(kufra, "a.csv", HEADING + "".join([*before, lost, *after]))
    june(kufra)
    assert missing(kufra) == list(range(5, 14)) and landed_on(kufra) == [5, 7, 12, 13]


# ---- files


def test_text_of_every_shape_is_read(kufra: Watch) -> None:
    put(kufra, "excel.csv", "sep=;\r\n" + (HEADING + landing(2)).replace(",", ";").replace("\n", "\r\n"))
    put(kufra, "log.csv", "\n\n" + HEADING + landing(4, "018c02"))
    spaced = '"' + (HEADING + landing(6, "018c03")).strip().replace(",", '", "').replace("\n", '"\n"') + '"\n'
    put(kufra, "spaced.csv", spaced)
    put(kufra, "cyrillic.csv", (HEADING + landing(8, "018c04").replace("Libyan Air Cargo", "ВКС")).encode("cp1251"))
    put(kufra, "notepad.txt", (HEADING + landing(10, "018c05")).encode("utf-16"))
    put(kufra, "old-mac.csv", (HEADING + landing(12, "018c06")).replace("\n", "\r"))
    record = dict(zip(HEADING.strip().split(","), landing(14, "018c07").strip().split(","), strict=True))
    put(kufra, "lines.jsonl", json.dumps(record | {"operator": "one\u2028two"}, ensure_ascii=False) + "\n")
    june(kufra)
    assert month(kufra) == (7, 7, "active", 30, 0) and landed_on(kufra) == [2, 4, 6, 8, 10, 12, 14]
    assert all(entry["records_kept"] == 1 and not entry["fault"] for entry in files(kufra).values())


def test_a_packed_file_counts_beside_a_plain_one(kufra: Watch) -> None:
    put(kufra, "a.csv", HEADING + landing(5))
    put(kufra, "b.CSV.GZ", gzip.compress((HEADING + landing(21, "018c02")).encode()))
    june(kufra)
    assert month(kufra) == (2, 2, "active", 30, 0) and landed_on(kufra) == [5, 21]


def test_a_packed_file_that_is_cut_short_is_named_and_its_days_do_not_count(kufra: Watch) -> None:
    put(kufra, "a.csv", HEADING + landing(5))
    whole = gzip.compress((HEADING + "".join(landing(day, f"018d{day:02}") for day in range(11, 29))).encode())
    put(kufra, "b.csv.gz", whole[:-60])
    told = june(kufra)
    assert missing(kufra) == [day for day in range(1, 31) if day != 5]
    assert "b.csv.gz" in told and files(kufra)["b.csv.gz"]["fault"]


def test_a_page_in_place_of_a_list_voids_the_days_in_its_name(kufra: Watch) -> None:
    put(kufra, "a.csv", HEADING + landing(5))
    put(kufra, "2025-06-20_2025-06-24.csv", "<!DOCTYPE html><html><title>Sign in</title></html>")
    told = june(kufra)
    assert missing(kufra) == [20, 21, 22, 23, 24] and month(kufra)[:2] == (1, 1)
    assert "2025-06-20_2025-06-24.csv" in told


def test_files_to_be_left_out_void_nothing(kufra: Watch) -> None:
    put(kufra, "a.csv", HEADING + landing(5))
    put(kufra, "half.tmp", HEADING + landing(9)[:20])
    put(kufra, "map.jpg", b"\xff\xd8\xff\xe0")
    told = june(kufra)
    assert 9 in missing(kufra) and "half.tmp" in told and "map.jpg" in told  # named both, but a picture voids nothing
    kufra.configure(covers=COVERS + '\nignore = ["*.tmp"]')
    june(kufra)
    assert missing(kufra) == [] and month(kufra) == (1, 1, "active", 30, 0)


def open_document(rows: list[list[str]]) -> bytes:
    """A spreadsheet as LibreOffice writes it: one sheet of texts."""
    cells = "".join(
        "<table:table-row>"
        + "".join(
            f'<table:table-cell office:value-type="string"><text:p>{cell}</text:p></table:table-cell>' for cell in row
        )
        + "</table:table-row>"
        for row in rows
    )
    names = "".join(
        f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content{names} office:version="1.2"><office:body>'
        f'<office:spreadsheet><table:table table:name="June">{cells}</table:table></office:spreadsheet></office:body>'
        "</office:document-content>"
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    manifest = (
        '<?xml version="1.0"?><manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/>'
        '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>'
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", kind)
        archive.writestr("content.xml", content)
        archive.writestr("META-INF/manifest.xml", manifest)
    return out.getvalue()


def test_spreadsheets_of_other_programs_are_read(kufra: Watch) -> None:
    table = [line.split(",") for line in (HEADING + landing(11)).strip().split("\n")]
    put(kufra, "june.ods", open_document(table))
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Flights of June"])
    sheet.append([])
    for row in (table[0], landing(13, "018c02").strip().split(",")):
        sheet.append(row)
    book.create_sheet("Notes").append(["nothing to see"])
    book.save(kufra.folder / "flights" / "june.XLSX")
    june(kufra)
    assert month(kufra) == (2, 2, "active", 30, 0) and landed_on(kufra) == [11, 13]


def test_a_workbook_of_old_is_read(kufra: Watch) -> None:
    xlwt = pytest.importorskip("xlwt")  # nothing that is kept up writes this format
    book = xlwt.Workbook()
    sheet = book.add_sheet("June")
    for down, line in enumerate((HEADING + landing(11)).strip().split("\n")):
        for across, cell in enumerate(line.split(",")):
            sheet.write(down, across, cell)
    book.save(str(kufra.folder / "flights" / "june.xls"))
    june(kufra)
    assert month(kufra) == (1, 1, "active", 30, 0) and landed_on(kufra) == [11]


# ---- meaning


def test_a_field_that_only_its_iata_code_names_is_that_field(kufra: Watch) -> None:
    put(kufra, "a.csv", HEADING + landing(5, place="AKF") + landing(8, "018c02", place="Kufra (AKF/HLKF)"))
    fr24 = {
        "fr24_id": "3c0000a1", "flight": None, "callsign": "LAA9", "operating_as": "LAA", "painted_as": "LAA",
        "type": "IL76", "reg": "5A-DZZ", "orig_iata": "BEN", "orig_icao": "",
        "datetime_takeoff": "2025-06-19T04:00:00Z",
        "dest_iata": "AKF", "dest_icao": None, "dest_iata_actual": "AKF", "dest_icao_actual": "",
        "datetime_landed": "2025-06-19T06:30:00Z", "hex": "018C09", "first_seen": "2025-06-19T03:55:00Z",
        "last_seen": "2025-06-19T06:31:00Z", "flight_ended": True,
    }  # fmt: skip
    put(kufra, "b.json", json.dumps({"data": [fr24]}))
    june(kufra)
    assert month(kufra) == (3, 3, "active", 30, 0) and landed_on(kufra) == [5, 8, 19]


def test_a_place_that_nobody_knows_is_shown_and_its_day_does_not_count(kufra: Watch) -> None:
    put(kufra, "a.csv", HEADING + landing(5) + landing(8, "018c02", place="the oasis"))
    told = june(kufra)
    assert missing(kufra) == [8] and files(kufra)["a.csv"]["records_unresolved"] == 1
    assert "THE OASIS" in told.upper()


def test_two_files_may_number_their_rows_from_one(kufra: Watch) -> None:
    for name, day, address in (("first.csv", 6, "018c01"), ("second.csv", 22, "018c02")):
        put(kufra, name, "record_id," + HEADING + "1," + landing(day, address))
    june(kufra)
    assert month(kufra) == (2, 2, "active", 30, 0) and landed_on(kufra) == [6, 22]


def test_one_flight_in_two_files_is_one(kufra: Watch) -> None:
    put(kufra, "a.csv", HEADING + landing(5) + landing(6))
    put(kufra, "b.csv", HEADING + landing(6) + landing(7))
    june(kufra)
    assert month(kufra) == (3, 3, "active", 30, 0)
    assert sum(entry["records_duplicate"] for entry in files(kufra).values()) == 1


def test_a_list_as_pyopensky_writes_it_keeps_its_airports(kufra: Watch) -> None:
    heading = "icao24,firstseen,departure,lastseen,arrival,callsign,day\n"
    row = "018c01,2025-06-11 22:10:00+00:00,HLLB,2025-06-12 00:40:00+00:00,HLKF,LAA1,2025-06-11 00:00:00+00:00\n"
    put(kufra, "a.csv", heading + row)
    june(kufra)
    assert month(kufra) == (1, 1, "active", 30, 0) and landed_on(kufra) == [12]
    assert kufra.query("SELECT confidence, origin_icao FROM base_visits WHERE base_id = 'kufra'") == [(2, "HLLB")]


def test_columns_of_ones_own_are_read_as_the_configuration_says(kufra: Watch) -> None:
    kufra.configure(
        covers=COVERS + '\ncolumns = {registration = "Tail", destination = "Came to", arrived_at = "Wheels down"}'
    )
    put(kufra, "mine.csv", "Tail;Came to;Wheels down\n5A-DAA;HLKF;14.06.2025 09:20\n")
    put(kufra, "plain.csv", HEADING + landing(5))
    june(kufra)
    assert month(kufra) == (2, 2, "active", 30, 0) and landed_on(kufra) == [5, 14]


def test_a_heading_that_nobody_knows_is_refused_with_its_columns(kufra: Watch) -> None:
    put(kufra, "mine.csv", "Tail;Came to;Wheels down\n5A-DAA;HLKF;14.06.2025 09:20\n")
    put(kufra, "plain.csv", HEADING + landing(5))
    told = june(kufra)
    assert 14 in missing(kufra) and landed_on(kufra) == [5]
    assert "mine.csv" in told and "Wheels down" in told and "columns = {" in files(kufra)["mine.csv"]["fault"]


def test_a_flight_over_the_first_midnight_of_the_run_is_read_with_its_landing(kufra: Watch) -> None:
    put(kufra, "a.csv", HEADING + landing(1).replace("2025-06-01T04:30", "2025-05-31T22:30"))
    june(kufra)
    assert month(kufra) == (1, 1, "active", 30, 0) and landed_on(kufra) == [1]


# ---- positions


def test_positions_without_an_aircraft_are_refused_and_end_in_no_zero(kufra: Watch) -> None:
    put(kufra, "a.csv", HEADING + landing(5))
    rows = [
        f'{1749700800 + n * 60},2025-06-12T{4 + n // 60:02}:{n % 60:02}:00Z,LAA1,"24.{n:03},23.3",{9000 - n * 90},9,170'
        for n in range(90)
    ]
    put(
        kufra,
        "LAA1_3c0000a1.csv",
        "Timestamp,UTC,Callsign,Position,Altitude,Speed,Direction\n" + "\n".join(rows) + "\n",
    )
    told = june(kufra)
    assert 12 in missing(kufra) and landed_on(kufra) == [5]
    assert "LAA1_3c0000a1.csv" in told and files(kufra)["LAA1_3c0000a1.csv"]["fault"]


def descent(day: int) -> list[dict[str, Any]]:
    """Positions of an approach to Kufra (24.179 N, 23.314 E, 1,367 ft) from the north, down to its runway."""
    start = 1748736000 + (day - 1) * 86_400 + 4 * 3600
    return [
        {
            "time": start + 10 * n, "icao24": "018c01", "lat": 24.179 + 0.9 * (1 - n / 120), "lon": 23.314,
            "height_ft": max(1367.0, 1367 + 14_000 * (1 - n / 115)), "onground": n >= 116,
            "knots": 160 if n < 116 else 60,
        }
        for n in range(125)
    ]  # fmt: skip


def test_state_vectors_are_a_track_or_refused_and_end_in_no_zero(kufra: Watch) -> None:
    put(kufra, "a.csv", HEADING + landing(5))
    points = descent(12)
    table = pa.table(
        {
            "time": [p["time"] for p in points],
            "icao24": [p["icao24"] for p in points],
            "lat": [p["lat"] for p in points],
            "lon": [p["lon"] for p in points],
            "velocity": [p["knots"] / 1.943844 for p in points],
            "heading": [180.0] * len(points),
            "vertrate": [0.0 if p["onground"] else -6.0 for p in points],
            "callsign": ["LAA1    "] * len(points),
            "onground": [p["onground"] for p in points],
            "baroaltitude": [p["height_ft"] / 3.28084 for p in points],
            "lastcontact": [float(p["time"]) for p in points],
            "hour": [p["time"] // 3600 * 3600 for p in points],
        }
    )
    pq.write_table(table, kufra.folder / "flights" / "states.parquet")
    june(kufra)
    assert 12 in landed_on(kufra) or 12 in missing(kufra)
    assert "states.parquet" in files(kufra)


def test_a_playback_is_a_track_or_refused_and_ends_in_no_zero(kufra: Watch) -> None:
    put(kufra, "a.csv", HEADING + landing(5))
    track = [
        {
            "timestamp": p["time"], "latitude": p["lat"], "longitude": p["lon"],
            "altitude": {"feet": int(p["height_ft"]) if not p["onground"] else 0, "meters": 0},
            "speed": {"kts": p["knots"]}, "verticalSpeed": {"fpm": -700}, "heading": 180, "squawk": "0",
        }
        for p in descent(12)
    ]  # fmt: skip
    flight = {
        "identification": {"id": "3c0000a1", "callsign": "LAA1"},
        "aircraft": {"hex": "018C01", "registration": "5A-DAA", "model": {"code": "IL76"}},
        "track": track,
    }
    put(kufra, "playback.json", json.dumps({"result": {"response": {"data": {"flight": flight}}}}))
    told = june(kufra)
    assert 12 in landed_on(kufra) or (12 in missing(kufra) and "playback.json" in told)


# ---- files that change


def test_what_a_file_held_stays_until_it_is_withdrawn(kufra: Watch) -> None:
    lists = {name: [landing(day, f"018{n}{day:02}") for day in range(2 + n, 30, 5)] for n, name in enumerate("abcde")}
    for name, rows in lists.items():
        put(kufra, f"{name}.csv", HEADING + "".join(rows))
    june(kufra)
    every = sum(map(len, lists.values()))
    assert month(kufra) == (every, every, "active", 30, 0)
    first = landed_on(kufra)

    put(kufra, "a.csv", HEADING)  # emptied
    put(kufra, "b.csv", b"\x00\x01\x02" * 200)  # unreadable
    put(kufra, "c.csv", HEADING + lists["c"][0])  # shrunk
    (kufra.folder / "flights" / "d.csv").unlink()  # gone
    told = june(kufra)
    assert month(kufra)[:3] == (every, every, "active") and landed_on(kufra) == first
    assert missing(kufra) == list(range(1, 31))  # nobody can say of what days the unreadable one is now
    last = told.splitlines()[-40:]
    for name in "abcd":
        assert any(f"{name}.csv" in line and "basewatch withdraw" in line and "--because" in line for line in last), (
            told
        )

    for name in "abcd":
        done = kufra.inside("withdraw", f"{name}.csv", "--because", "the provider took it back")
        assert done.returncode == 0, done.stderr
    (kufra.folder / "flights" / "b.csv").unlink()
    june(kufra)
    kept = 1 + len(lists["e"])
    assert month(kufra) == (kept, kept, "active", 30, 0)


def test_a_list_that_says_otherwise_is_held_back_until_it_is_let_in(kufra: Watch) -> None:
    rows = [landing(day, f"018c{day:02}") for day in range(2, 30, 3)]
    put(kufra, "a.csv", HEADING + "".join(rows))
    june(kufra)
    first = landed_on(kufra)
    assert month(kufra) == (10, 10, "active", 30, 0)

    later = [row.replace(f"2025-06-{day:02}", f"2025-06-{day + 1:02}") for row, day in zip(rows, first, strict=True)]
    put(kufra, "a.csv", HEADING + "".join(later))  # each flight a day later
    told = june(kufra)
    assert landed_on(kufra) == first and set(missing(kufra)) == set(range(first[0], first[-1] + 2))
    assert any("moved by +1 days" in line and "basewatch withdraw" in line for line in told.splitlines()[-20:]), told
    assert files(kufra)["a.csv"]["is_short"]

    done = kufra.inside("withdraw", "a.csv", "--because", "the dates were those of the day before")
    assert done.returncode == 0, done.stderr
    june(kufra)
    assert month(kufra) == (10, 10, "active", 30, 0) and landed_on(kufra) == [day + 1 for day in first]


def test_a_cover_without_an_end_holds_to_the_last_record(kufra: Watch) -> None:
    kufra.configure(covers='covers = [{base = "kufra", from = "2025-06-01"}]')
    put(kufra, "a.csv", HEADING + landing(5) + landing(18, "018c02"))
    june(kufra)
    assert missing(kufra) == list(range(18, 31)) and landed_on(kufra) == [5, 18]
    assert month(kufra) == (2, 2, "active", 17, 13)


# ---- before a run


def test_try_tells_what_a_file_is_taken_for_and_writes_nothing(kufra: Watch) -> None:
    put(
        kufra,
        "a.csv",
        HEADING + "".join(landing(day) for day in (5, 6, 7, 8)) + landing(9).replace("2025-06-09T07", "?"),
    )
    before = sorted(kufra.folder.rglob("*"))
    done = kufra.inside("try", "flights/a.csv")
    assert "plain" in done.stdout and "4 of 5 records" in done.stdout
    assert done.stdout.count("record as understood") == 3 and "arrived_at → arrived_at" in done.stdout
    assert "line 6: arrived_at is not a time" in done.stdout
    assert sorted(kufra.folder.rglob("*")) == before


def test_doctor_tells_what_each_file_would_be_taken_for(kufra: Watch) -> None:
    put(kufra, "a.csv", HEADING + landing(5))
    put(kufra, "b.csv", "Tail;Came to;Wheels down\n5A-DAA;HLKF;14.06.2025 09:20\n")
    put(kufra, "c.xlsx", b"no workbook")
    before = sorted(kufra.folder.rglob("*"))
    told = kufra.inside("doctor")
    shown = (told.stdout + told.stderr).splitlines()
    assert any("a.csv" in line and "plain" in line for line in shown), shown
    assert any("b.csv" in line and "columns not recognised" in line for line in shown), shown
    assert any("c.xlsx" in line and "not readable" in line for line in shown), shown
    assert sorted(kufra.folder.rglob("*")) == before
