"""Files in every packing, encoding and shape to the same cells; what is damaged says so, and the rest is still read."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zipfile
from datetime import UTC, date, datetime
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from basewatch.config import Settings
from basewatch.reference import load
from basewatch.sources.flight_files.opening import Fault, NoData, Row, Table, days_in, parts
from basewatch.sources.flight_files.reading import read as reading_of
from basewatch.sources.flight_records import Origin
from basewatch.sources.places import Places

HEADING = ["registration", "destination", "arrived_at"]
CELLS = [["RF-1", "OSLK", "2025-06-01T10:00Z"], ["RF-2", "OSLK", "2025-06-02T10:00Z"]]
CSV = "\n".join(",".join(row) for row in [HEADING, *CELLS]) + "\n"


def cells(data: bytes, name: str = "a.csv") -> list[list[Any]]:
    """The cells of the only table, without the heading."""
    (table,) = parts(data, name, {})
    assert isinstance(table, Table), table
    rows = list(table.rows)
    assert not table.losses, table.losses
    return [list(row.cells) for row in rows if list(row.cells) != HEADING]


def packed_zip(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("name", ["a.csv", "A.CSV", "a", "a.txt", "a.dat", "a.csv.gz"])
@pytest.mark.parametrize(
    "pack", [bytes, gzip.compress, bz2.compress, lzma.compress, zstd], ids=lambda pack: pack.__name__
)
def test_what_a_file_holds_decides_not_its_ending(pack: Any, name: str) -> None:
    assert cells(pack(CSV.encode()), name) == CELLS


def test_gzip_members_in_a_row_are_one_file() -> None:
    half = CSV.index("RF-2")
    assert cells(gzip.compress(CSV[:half].encode()) + gzip.compress(CSV[half:].encode())) == CELLS


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1251", "latin-1"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_every_encoding_and_line_end_gives_the_same_cells(encoding: str, line_end: str) -> None:
    assert cells(CSV.replace("\n", line_end).encode(encoding)) == CELLS


@pytest.mark.parametrize("mark", [",", ";", "\t", "|", ", "])
@pytest.mark.parametrize("above", ["", "\n", "\n\n", "sep={}\n", "# made by a tool\n", "Flights to Latakia\n\n"])
def test_the_heading_tells_which_mark_parts_the_cells(mark: str, above: str) -> None:
    assert cells((above.format(mark.strip() or mark) + CSV.replace(",", mark)).encode()) == CELLS


def test_a_quote_that_is_never_closed_spoils_its_own_line_alone() -> None:
    text = CSV.replace("RF-1", '"RF-1')
    (table,) = parts(text.encode(), "a.csv", {})
    assert isinstance(table, Table)
    rows = list(table.rows)
    assert [row.fault is not None for row in rows] == [False, True, False]
    assert list(rows[2].cells) == CELLS[1]


@pytest.mark.parametrize("cell", ['"a, b"', '"a ""b"" c"', '"two\nlines"', '5" gun', "a'b"])
def test_marks_and_quotes_within_a_cell_are_the_cells_own(cell: str) -> None:
    text = (
        CSV.replace("registration,", "registration,operator,")
        .replace("RF-1,", f"RF-1,{cell},")
        .replace("RF-2,", "RF-2,x,")
    )
    (table,) = parts(text.encode(), "a.csv", {})
    assert isinstance(table, Table)
    rows = list(table.rows)
    assert [len(row.cells) for row in rows] == [4, 4, 4]
    assert rows[2].cells[0] == "RF-2"


OBJECTS = [dict(zip(HEADING, row, strict=True)) for row in CELLS]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(OBJECTS),
        json.dumps({"data": OBJECTS}),
        json.dumps({"meta": {"a": 1}, "whatever": OBJECTS}),
        "\n".join(map(json.dumps, OBJECTS)),
        "\n\n".join(map(json.dumps, OBJECTS)) + "\n",
        json.dumps({name: {str(at): row[name] for at, row in enumerate(OBJECTS)} for name in HEADING}),
        json.dumps({str(at): row for at, row in enumerate(OBJECTS)}),
        json.dumps({"columns": HEADING, "index": [0, 1], "data": CELLS}),
        json.dumps(OBJECTS, indent=2),
        "\ufeff" + json.dumps(OBJECTS),
        json.dumps(OBJECTS[0], indent=1) + "\n" + json.dumps(OBJECTS[1], indent=1),
    ],
)
def test_json_in_its_usual_shapes_is_one_table(text: str) -> None:
    assert cells(text.encode(), "a.json") == CELLS


def test_a_line_separator_within_a_json_text_is_no_end_of_line() -> None:
    lines = [json.dumps({**OBJECTS[0], "operator": "x\u2028y"}, ensure_ascii=False), json.dumps(OBJECTS[1])]
    (table,) = parts("\n".join(lines).encode(), "a.jsonl", {})
    assert isinstance(table, Table) and len(list(table.rows)) == 2


def test_a_json_list_that_is_cut_short_is_read_up_to_there() -> None:
    text = json.dumps(OBJECTS)
    (table,) = parts(text[: text.index("RF-2") + 2].encode(), "a.json", {})
    assert isinstance(table, Table)
    rows = list(table.rows)
    assert list(rows[0].cells) == CELLS[0] and rows[1].fault
    assert "cut short" in table.losses[0]


def test_one_damaged_object_spoils_itself_alone() -> None:
    text = json.dumps([*OBJECTS, *OBJECTS]).replace('"RF-2"', '"RF-2', 1)
    (table,) = parts(text.encode(), "a.json", {})
    assert isinstance(table, Table)
    rows = list(table.rows)
    assert [row.fault is None for row in rows].count(True) >= 2
    assert any(row.fault for row in rows) or table.losses


def test_parquet_gives_values_as_they_are() -> None:
    sink = io.BytesIO()
    at = [datetime(2025, 6, 1, 10, tzinfo=UTC), None]
    pq.write_table(pa.table({"registration": ["RF-1", "RF-2"], "destination": ["OSLK", None], "arrived_at": at}), sink)
    assert cells(sink.getvalue(), "a.parquet") == [["RF-1", "OSLK", at[0]], ["RF-2", None, None]]
    (fault,) = parts(sink.getvalue()[:-20], "a.parquet", {})
    assert isinstance(fault, Fault) and "not readable as Parquet" in fault.reason


def test_gzip_that_is_cut_short_is_read_up_to_there() -> None:
    lines = "".join(f"RF-{number},OSLK,2025-06-01T{number % 24:02}:{number * 7 % 60:02}Z\n" for number in range(5000))
    data = gzip.compress((",".join(HEADING) + "\n" + lines).encode())
    (table,) = parts(data[: len(data) // 2], "a.csv.gz", {})
    assert isinstance(table, Table)
    assert 500 < len(list(table.rows)) < 5000
    assert "cut short" in table.losses[0]
    (fault,) = parts(data[:4], "a.csv.gz", {})
    assert isinstance(fault, Fault) and "cut short" in fault.reason


def test_each_member_of_a_zip_is_a_table_of_its_own() -> None:
    data = packed_zip(**{"a.csv": CSV.encode(), "b/c.csv.gz": gzip.compress(CSV.encode()), "read.me.md": b"x"})
    found = list(parts(data, "all.zip", {}))
    assert [part.name for part in found] == ["all.zip, a.csv", "all.zip, b/c.csv", "all.zip, read.me.md"]
    assert isinstance(found[2], NoData)
    (fault,) = parts(data[: len(data) // 2], "all.zip", {})
    assert isinstance(fault, Fault) and "zip" in fault.reason


@pytest.mark.parametrize(
    ("name", "data"),
    [("README.md", b"# Flights"), ("plan.pdf", b"%PDF-1.7"), ("Thumbs.db", b"\xd0\xcf\x11\xe0"), ("x.png", b"\x89PNG"),
     ("story.txt", b"A story about an air base.\nWithout any table.\n")],
)  # fmt: skip
def test_what_is_plainly_no_data_is_passed_over(name: str, data: bytes) -> None:
    (part,) = parts(data, name, {})
    assert isinstance(part, NoData)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.csv", b"", "holds nothing"),
        ("a.csv", b"<html><title>Log in</title></html>", "a web page"),
        ("a.json", b"not json", "neither JSON"),
        ("a.bin", bytes(range(256)), "binary data"),
        ("a.7z", b"7z\xbc\xaf\x27\x1c", "an archive of a kind"),
        ("a.xlsx", b"plain words", "not readable as Xlsx"),
        ("a.xlsx", b"PK\x03\x04broken xl/workbook.xml", "not readable as a spreadsheet"),
        ("a.json", b'{"data": null}', "neither a list"),
    ],
)
def test_what_cannot_be_read_says_why(name: str, data: bytes, reason: str) -> None:
    (part,) = parts(data, name, {})
    assert isinstance(part, Fault) and reason in part.reason, part


def test_days_in_a_text_are_found_however_they_are_written() -> None:
    text = (
        "a 2025-06-01T10:00Z b 20250602 c 03.06.2025 d 1749024000 e 1749110400000 f 10/29/2025 g 05/10/2025 h 7-Jun-25"
    )
    assert days_in(text) == {
        *(date(2025, 6, day) for day in (1, 2, 3, 4, 5, 7)),
        date(2025, 10, 29), date(2025, 10, 5), date(2025, 5, 10),
    }  # fmt: skip
    assert days_in("153301, RF-00301, 12345, 99999999") == set()
    assert days_in("RF-1 OSLK 2025-06-01T10:00Z") == {date(2025, 6, 1)}


def test_a_row_says_where_it_stood() -> None:
    (table,) = parts(("\n" + CSV).encode(), "a.csv", {})
    assert isinstance(table, Table)
    assert [row.place for row in table.rows] == ["line 2", "line 3", "line 4"]
    assert Row("x").cells == ()


PAGE = (
    "<html><body><h1>Flights</h1><table><tr><th>registration</th><th>destination</th><th>arrived_at</th></tr>"
    + "".join(f"<tr>{''.join(f'<td> {cell} </td>' for cell in row)}</tr>" for row in CELLS)
    + "</table></body></html>"
)


@pytest.mark.parametrize("name", ["a.html", "a.htm", "a.xls", "a.csv", "a"])
def test_a_table_of_a_saved_web_page_is_a_table(name: str) -> None:
    assert cells(PAGE.encode(), name) == CELLS


def test_a_page_with_a_table_of_days_that_is_of_no_known_form_is_no_page_without_data() -> None:
    page = PAGE.replace("registration", "who").replace("destination", "where")
    (fault,) = parts(page.encode(), "a.html", {})
    assert isinstance(fault, Fault) and "who, where, arrived_at" in fault.reason and days_in(fault.text)
    (nothing,) = parts(b"<html><body><p>On 2025-06-01 it rained.</p></body></html>", "a.html", {})
    assert isinstance(nothing, NoData)


def test_a_table_in_markdown_is_a_table() -> None:
    text = (
        "# Flights\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in [HEADING, ["---", ":-:", "---"], *CELLS]) + "\n"
    )
    found = read(text.encode(), "a.md")
    assert found == [["RF-1", "OSLK"], ["RF-2", "OSLK"]]


def read(data: bytes, name: str) -> list[list[str]]:
    """Registration and destination of the records that a file gives."""
    facts = load.tables(Settings())
    reading = reading_of(data, Origin(name, "0a"), Places(facts), {}, 7, datetime(2026, 1, 1, tzinfo=UTC))
    assert not reading.losses, reading.losses
    return [
        [row["registration"], row["destination"]] for rows in reading.rows["plain_flights"] for row in rows.to_pylist()
    ]


@pytest.mark.parametrize("name", ["a.xlsx", "a.parquet"])
def test_a_text_is_a_text_whatever_it_is_called(name: str) -> None:
    assert cells(CSV.encode(), name) == CELLS


def test_what_a_mac_packs_beside_a_list_is_litter() -> None:
    data = packed_zip(
        **{"in/a.csv": CSV.encode(), "__MACOSX/in/._a.csv": b"\x00\x05\x16\x07", "in/.DS_Store": b"\x00\x00"}
    )
    assert cells(data, "a.zip") == CELLS


@pytest.mark.parametrize(
    ("more", "is_whole"),
    [
        ({"total": 2}, True),
        ({"total": 250}, False),
        ({"next": None}, True),
        ({"links": {"next": "/2"}}, False),
        ({"next_page": 2}, False),
    ],
)
def test_one_page_of_several_says_that_others_are_missing(more: dict[str, Any], is_whole: bool) -> None:
    (table,) = parts(json.dumps({"data": OBJECTS, **more}).encode(), "a.json", {})
    assert isinstance(table, Table) and len(list(table.rows)) == 2
    assert (not table.losses) == is_whole


def test_texts_of_parquet_that_are_plain_bytes_are_texts() -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({name: [row[at].encode() for row in CELLS] for at, name in enumerate(HEADING)}), sink)
    assert cells(sink.getvalue(), "a.parquet") == CELLS


@pytest.mark.parametrize(
    "answer",
    [
        {"error": "quota", "flights": []},
        {"message": "Too many requests", "data": []},
        {"data": [], "status": 429},
        [None],
    ],
)
def test_an_answer_that_tells_an_error_is_no_empty_list(answer: Any) -> None:
    (fault,) = parts(json.dumps(answer).encode(), "a.json", {})
    assert isinstance(fault, Fault), fault


def test_a_script_that_lists_flights_is_named_as_not_read() -> None:
    script = b"INSERT INTO flights VALUES ('153302', 'RF-1', 'OSLK', '2025-06-05 06:00:00');\n"
    (fault,) = parts(script, "b.sql", {})
    assert isinstance(fault, Fault) and days_in(fault.text) == {date(2025, 6, 5)}
    (nothing,) = parts(b"-- made on 2025-06-05\nSELECT 1;\n", "b.sql", {})
    assert isinstance(nothing, NoData)


def test_an_error_of_a_workbook_is_no_empty_cell() -> None:
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    assert sheet is not None
    for row in [HEADING, ["RF-1", "#N/A", "2025-06-01T10:00Z"], ["RF-2", None, "2025-06-02T10:00Z"]]:
        sheet.append(row)
    sheet["B2"].data_type = "e"
    sink = io.BytesIO()
    workbook.save(sink)
    assert [row[1] for row in cells(sink.getvalue(), "a.xlsx")] == ["#N/A", ""]


def test_zips_within_zips_are_read_three_deep_and_refused_beyond() -> None:
    data = CSV.encode()
    for depth in range(1, 6):
        data = packed_zip(**{"a.csv" if depth == 1 else "a.zip": data})
        (part,) = parts(data, "all.zip", {})
        assert isinstance(part, Fault) == (depth > 3)
        assert depth <= 3 or "archives within archives" in part.reason


@pytest.mark.parametrize("name", ["../../etc/a.csv", "x/../../a.csv", "..\\a.csv"])
def test_a_member_whose_name_leads_out_is_told_and_the_others_are_read(name: str) -> None:
    first, second = parts(packed_zip(**{name: CSV.encode(), "b.csv": CSV.encode()}), "all.zip", {})
    assert isinstance(first, Fault) and "leads out of the archive" in first.reason
    assert second.name == "all.zip, b.csv" and not isinstance(second, Fault)
