"""Bytes for the readers of a user's own files: flight lists in every form, and articles."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
from hypothesis import strategies as st

from basewatch.errors import SourceError
from basewatch.sources import articles, flight_files
from fuzzing import fuzz
from server import setup
from wholeruns import COLUMNS, stays

NOW = datetime(2025, 12, 1, 12, tzinfo=UTC)
LINES = stays(date(2025, 10, 3), date(2025, 10, 12))
LIST = "\n".join([COLUMNS, *LINES]) + "\n"
LOG = (
    "Flights of Russian transports\n\nDate;From;To;Dep time;Arr time;Reg;Type\n"
    "05.10.2025;Chkalovsky;Latakia;06:10;10:20;RA-78835;IL76\n06.10.2025;Latakia;Chkalovsky;12:00;16:05;RA-78835;IL76\n"
)
PAGE = "<html><body><table><tr>{}</tr>{}</table></body></html>"


def _table() -> pa.Table:
    return pyarrow.csv.read_csv(io.BytesIO(LIST.encode()))


def _written(write: object) -> bytes:
    sink = io.BytesIO()
    write(_table(), sink)  # type: ignore[operator]
    return sink.getvalue()


def _workbook() -> bytes:
    book = openpyxl.Workbook()
    for line in LIST.splitlines()[:6]:
        book.active.append(line.split(","))
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


def _zip() -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", LIST)
        archive.writestr("b/c.json", json.dumps(_objects()))
    return sink.getvalue()


def _objects() -> list[dict[str, object]]:
    flight = {
        "icao24": "15501a", "firstSeen": 1759644000, "lastSeen": 1759658400, "estDepartureAirport": "UUMU",
        "estArrivalAirport": "OSLK", "callsign": "RFF7001 ", "departureAirportCandidatesCount": 1,
    }  # fmt: skip
    return [flight, {**flight, "icao24": "155b22", "estArrivalAirport": None}]


def _cells(kind: str, line: str) -> str:
    return "".join(f"<{kind}>{cell}</{kind}>" for cell in line.split(","))


def _lists() -> list[tuple[str, bytes]]:
    page = PAGE.format(_cells("th", COLUMNS), "".join(f"<tr>{_cells('td', line)}</tr>" for line in LINES[:4]))
    plain = dict(zip(COLUMNS.split(","), LINES[0].split(","), strict=True))
    feather = _written(lambda table, sink: pyarrow.feather.write_feather(table, sink, compression="uncompressed"))
    return [
        ("a.csv", LIST.encode()),
        ("a.csv", LOG.encode()),
        ("a.csv", LIST.encode("utf-16")),
        ("a.json", json.dumps(_objects()).encode()),
        ("a.json", json.dumps({"data": [plain], "meta": {"count": 9, "pages": 2}}).encode()),
        ("a.jsonl", "\n".join(json.dumps(each) for each in (plain, *_objects())).encode()),
        ("a.parquet", _written(pq.write_table)),
        ("a.arrow", feather),
        ("a.xlsx", _workbook()),
        ("a.zip", _zip()),
        ("a.html", page.encode()),
    ]


def test_flight_files(tmp_path: Path) -> None:
    lists = _lists()
    folder = tmp_path / "flights"
    values = {"location": str(folder), "covers": [{"base": "hmeimim", "from": "2025-10-01", "to": "2025-10-31"}]}
    about = setup.context(setup.settings(tmp_path, flight_files=values), NOW, "flight_files")
    window = setup.window("flight_files", "2025-10-01", "2025-10-31")

    def attempt(data: bytes, name: str) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / name).write_bytes(data)
        with contextlib.suppress(SourceError):
            setup.Decoded(flight_files.fetch(window, about), about)

    names = st.sampled_from(sorted({name for name, _ in lists} | {"a.txt", "a", "a.csv.gz"}))
    fuzz([data for _, data in lists], attempt, names, packed=True)


# ---- articles

TEXT = """# Fewer flights to Hmeimim
Date: 2025-10-10
Source: a newspaper

Three Il-76 aircraft landed at the Hmeimim air base between Friday and Wednesday, from Oct. 3 to 8.

Original URL: https://news.example/hmeimim
"""
MAIL = (
    "From: Desk <desk@news.example>\r\nTo: me@example.org\r\nSubject: =?utf-8?B?0KXQvNC10LnQvNC40Lw=?=\r\n"
    "Date: Fri, 10 Oct 2025 09:00:00 +0300\r\nMIME-Version: 1.0\r\n"
    'Content-Type: multipart/alternative; boundary="b1"\r\n\r\n--b1\r\nContent-Type: text/plain; charset=utf-8\r\n'
    "Content-Transfer-Encoding: quoted-printable\r\n\r\nAn Il-76 landed at Hmeimim on Sunday.=\r\n\r\n--b1\r\n"
    "Content-Type: text/html; charset=koi8-r\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    "PHA+0KXQvNC10LnQvNC40Lw8L3A+\r\n--b1--\r\n"
)
WEB = (
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Planes at Hmeimim</title>'
    '<meta property="article:published_time" content="2025-10-10T09:00:00+03:00">'
    '<link rel="canonical" href="https://news.example/a"><script type="application/ld+json">'
    '{"@type":"NewsArticle","headline":"Planes","datePublished":"2025-10-10"}</script></head><body><article>'
    "<h1>Planes at Hmeimim</h1><time datetime='2025-10-10'>10 October 2025</time><p>An Il-76 landed at the Hmeimim air "
    "base on Sunday. It was seen by many people near the gate of the field.</p></article></body></html>"
)
RUSSIAN = "Ил-76 прибыл на авиабазу Хмеймим 5 октября 2025 года. С 3 по 8 октября там сели три самолёта.\n"


def test_articles(tmp_path: Path) -> None:
    folder = tmp_path / "articles"
    about = setup.context(setup.settings(tmp_path, articles={"location": str(folder)}), NOW, "articles")
    window = setup.window("articles", "2025-10-01", "2025-11-30")

    def attempt(data: bytes, name: str) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / name).write_bytes(data)
        with contextlib.suppress(SourceError):
            setup.Decoded(articles.fetch(window, about), about)

    good = [TEXT.encode(), MAIL.encode(), WEB.encode(), RUSSIAN.encode("cp1251"), RUSSIAN.encode("utf-16")]
    fuzz(good, attempt, st.sampled_from(["a.txt", "a.md", "a.eml", "a.html", "2025-10-05-a.mhtml", "a.htm"]))
