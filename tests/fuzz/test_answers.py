"""Bytes for the readers of what providers answer: OpenSky, Flightradar24, GDELT, feeds."""

from __future__ import annotations

import contextlib
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from basewatch.errors import SourceError
from basewatch.sources import feeds, gdelt_files
from basewatch.sources.landing import Landing
from fuzzing import fuzz
from server import setup
from server.news import Item, atom, export_row, file_name, gkg_row, mention_row, rfc822, rss, zipped

NOW = datetime(2026, 10, 2, 5, 15, tzinfo=UTC)
DAY = "2026-10-01"
AT = int(setup.at(f"{DAY} 12:00").timestamp())


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


def fuzz_answers(folder: Path, source: str, good: list[bytes], asked: list[tuple[str, str]], **values: Any) -> None:
    """Answers of a provider, landed as they came and decoded. asked: scopes and kinds of questions."""
    about = setup.context(setup.settings(folder, **{source: values}), NOW, source)
    window = setup.window(source, DAY)

    def attempt(data: bytes, question: tuple[str, str]) -> None:
        shutil.rmtree(about.landing, ignore_errors=True)
        landing = Landing(about, window)
        scope, kind = question
        landing.put("answer.json", data, "https://api.example/", scope, window.since, window.until, kind)
        landed = landing.finish()
        with contextlib.suppress(SourceError):
            setup.Decoded(landed, about)

    fuzz(good, attempt, st.sampled_from(asked), packed=True)


def test_opensky(tmp_path: Path) -> None:
    flight = {
        "icao24": "1533f3", "firstSeen": AT, "estDepartureAirport": "UUMU", "lastSeen": AT + 9000,
        "estArrivalAirport": "OSLK", "callsign": "RFF406  ", "estDepartureAirportHorizDistance": 900,
        "estDepartureAirportVertDistance": 20, "estArrivalAirportHorizDistance": 2100,
        "estArrivalAirportVertDistance": 40, "departureAirportCandidatesCount": 1, "arrivalAirportCandidatesCount": 2,
    }  # fmt: skip
    good = [as_json([flight, {**flight, "icao24": "06a1c0", "estDepartureAirport": None}]), as_json([])]
    good.append(as_json([{name: value for name, value in flight.items() if name != "firstSeen"}]))
    asked = [("base:hmeimim", "arrival"), ("base:hmeimim", "departure"), ("aircraft:1533f3", "aircraft")]
    fuzz_answers(tmp_path, "opensky", good, asked, bases=["hmeimim"])


def test_flightradar24(tmp_path: Path) -> None:
    summary = {
        "fr24_id": "391fdd79", "flight": "RFF7001", "callsign": "RFF7001", "operating_as": "RFF", "painted_as": None,
        "type": "IL76", "reg": "RF-78658", "orig_icao": "UUMU", "dest_icao": "OSLK", "dest_icao_actual": "OSLK",
        "datetime_takeoff": f"{DAY}T06:10:00Z", "datetime_landed": f"{DAY}T10:20:00Z", "hex": "15501A",
        "first_seen": f"{DAY}T06:00:00Z", "last_seen": f"{DAY}T10:25:00Z", "flight_ended": True,
    }  # fmt: skip
    position = {
        "fr24_id": "391fdd79", "hex": "15501A", "callsign": "RFF7001", "lat": 35.4, "lon": 35.94, "track": 170,
        "alt": 3000, "gspeed": 150, "vspeed": -700, "squawk": "7000", "timestamp": f"{DAY}T10:15:00Z", "source": "ADSB",
        "reg": "RF-78658", "type": "IL76",
    }  # fmt: skip
    good = [as_json({"data": [summary, {**summary, "flight_ended": False}]}), as_json({"data": [position]})]
    asked = [("base:hmeimim", "summary"), ("base:hmeimim", "positions"), ("registration:RF-78658", "summary")]
    fuzz_answers(tmp_path, "flightradar24", good, asked, bases=["hmeimim"])


def test_gdelt_doc(tmp_path: Path) -> None:
    article = {
        "url": "https://tass.com/defense/1", "url_mobile": "", "title": "An-124 lands at Hmeimim air base",
        "seendate": "20261001T114500Z", "socialimage": "", "domain": "tass.com", "language": "English",
        "sourcecountry": "Russia",
    }  # fmt: skip
    steps = [{"date": f"20261001T{hour:02d}{minute:02d}00Z", "value": 2, "norm": 4000} for hour in range(24)
             for minute in (0, 15, 30, 45)]  # fmt: skip
    totals = {"query_details": {"title": "x"}, "timeline": [{"series": "Article Count", "data": steps}]}
    good = [as_json({"articles": [article, {**article, "language": "Russian"}]}), as_json(totals), b"{}"]
    asked = [("base:hmeimim", '"hmeimim"'), ("totals", "timeline")]
    fuzz_answers(tmp_path, "gdelt_doc", good, asked, bases=["hmeimim"])


def test_gdelt_files(tmp_path: Path) -> None:
    slot, folder = "20261001120000", tmp_path / "archives"
    place = "4#Latakia, Al Ladhiqiyah, Syria#SY#SY02#29560#35.5167#35.7833#-2541330#88"
    rows: dict[str, list[str | bytes]] = {
        "gkg": [gkg_row(f"{slot}-17", "https://tass.com/defense/1", title="An-124 lands at Hmeimim air base",
                        names="Hmeimim Air Base,91;", locations=place, precise="20261001113000")],
        "mentions": [mention_row(77, slot, "https://example.org/2026/khmeimim-air-base-traffic.html", "rus")],
        "export": [export_row(79, slot, "https://example.org/events/engels-2-airbase")],
    }  # fmt: skip
    good = [zipped(file_name(slot, stream).removesuffix(".zip"), of_stream) for stream, of_stream in rows.items()]
    good += [b"\n".join(str(row).encode() for row in of_stream) for of_stream in rows.values()]
    values = {"location": str(folder), "streams": ["gkg", "mentions", "export"], "translated": False}
    about = setup.context(setup.settings(tmp_path, gdelt_files=values), NOW, "gdelt_files")
    window = setup.window("gdelt_files", DAY)

    def attempt(data: bytes, stream: str, is_packed: bool) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        name = file_name(slot, stream)
        packed = zipped(name.removesuffix(".zip"), [data]) if is_packed else data
        (folder / name).write_bytes(packed)
        with contextlib.suppress(SourceError):
            setup.Decoded(gdelt_files.fetch(window, about), about)

    fuzz(good, attempt, st.sampled_from(sorted(rows)), st.booleans())


def test_feeds(tmp_path: Path) -> None:
    items = [
        Item("Il-76 lands at Hmeimim", "https://outlet.example/2026/10/01/a?utm_source=rss",
             rfc822(setup.at("2026-10-01 12:00")), "https://outlet.example/a", None, "An Il-76 landed at Hmeimim."),
        Item("Ил-76 в Хмеймиме", "https://outlet.example/b", rfc822(setup.at("2026-10-01 13:00"))),
    ]  # fmt: skip
    good = [rss(items).encode(), atom(items).encode()]
    folder = tmp_path / "polls"
    about = setup.context(setup.settings(tmp_path, feeds={"location": str(folder)}), NOW, "feeds")
    window = setup.window("feeds", DAY)
    stamp = f"{setup.at(DAY) + timedelta(hours=20):%Y%m%dT%H%M%SZ}"

    def attempt(data: bytes) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(about.landing, ignore_errors=True)
        (folder / "outlet").mkdir(parents=True)
        (folder / "outlet" / f"{stamp}.xml").write_bytes(data)
        with contextlib.suppress(SourceError):
            setup.Decoded(feeds.fetch(window, about), about)

    fuzz(good, attempt, packed=True)
