"""Rows that are read by column come out as they do one by one: the same rows in order, rejects, doubts, counts."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from basewatch.config import Settings
from basewatch.reference import load
from basewatch.sources.flight_files import by_column, reading
from basewatch.sources.flight_files.reading import Reading
from basewatch.sources.flight_records import Origin
from basewatch.sources.places import Places

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HEADINGS = (
    "icao24,registration,type,callsign,departure_icao,arrival_icao,takeoff_time,landing_time",
    "record_id,icao24,reg,type,callsign,origin,destination,departed_at,arrived_at,status,operator,url,remarks",
    "fr24_id,flight,callsign,operating_as,type,reg,hex,orig_icao,datetime_takeoff,dest_icao,dest_icao_actual,"
    "datetime_landed,flight_time,first_seen,last_seen,flight_ended",
    "icao24,firstSeen,estDepartureAirport,lastSeen,estArrivalAirport,callsign,estDepartureAirportHorizDistance,"
    "departureAirportCandidatesCount",
)
PLACES = ("UUMU", "OSLK", "UUDD", "Hmeimim Air Base", "LTK", "ETAR")
ODD_PLACES = ("", "ZZZZ", "XQXQ", "a field", "#N/A", "Latakia (LTK/OSLK)", "-", "null", "OSKL", "Latakia")
ODD_TIMES = ("", "nonsense", "2025-02-30T10:00:00Z", "2025-03-01T24:00:00Z", "2031-01-01T00:00:00Z", "#####",
             "1741000000", "2025-03-01", "01.03.2025 10:00", "2025-03-01T10:00:60Z", "2025-03-01T10:00:00+03:00",
             " 2025-03-01T10:00:00Z", "2025-03-01 10:00 MSK", "1989-01-01T00:00:00Z", "5 Mar 2025 10:00",
             "2025-03-01T10:00:00.250Z", "\u0662025-03-01T10:00:00Z", "2025-12-31T10:00:00Z")  # fmt: skip
SLASHED = ("03/04/2025 10:00", "13/04/2025 10:00", "04/13/2025 10:00")
ODD_ADDRESSES = ("", "000000", "zz", "0x150001", "'150001", "150001 ", "FFFFFF", "~150001")
ODD_MARKS = ("", "UNKNOWN", "RA\u201376001", "RA*\x07", "-", "ra-76001")
ODD_LINES = ("", "   ", "# a comment", "Total,12", "(3 rows)", "----,----,----", "only one cell", '"an open quote,1,2',
             ",,,,,,,", "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s", '"a ""quoted"" cell",x')  # fmt: skip


@pytest.fixture(scope="module")
def places() -> Places:
    return Places(load.tables(Settings()))


def cell(column: str, number: int, rng: random.Random, odd: float, slashes: bool) -> str:
    """A cell that fits its column, now and then one that does not."""
    name, is_odd = column.lower().replace("_", ""), rng.random() < odd
    start = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=number * 37)
    if "candidates" in name or "distance" in name or name == "flighttime":
        return rng.choice(("", "1.5", "x", "1e300", str(2**40), "nan")) if is_odd else str(rng.randrange(9000))
    if ("time" in name and name != "flighttime") or "seen" in name or name.endswith("at"):
        if is_odd:
            return rng.choice((*ODD_TIMES, *(SLASHED if slashes else ())))
        late = "land" in name or "last" in name or "arriv" in name
        return f"{start + timedelta(minutes=150 * late):%Y-%m-%dT%H:%M:%SZ}"
    if name.startswith(("orig", "dest", "departure", "arrival", "est")):
        return rng.choice(ODD_PLACES if is_odd else PLACES)
    return {
        "icao24": lambda: rng.choice(ODD_ADDRESSES) if is_odd else f"{0x150000 + number % 40:06x}",
        "hex": lambda: rng.choice(ODD_ADDRESSES) if is_odd else f"{0x150000 + number % 40:06x}",
        "registration": lambda: rng.choice(ODD_MARKS) if is_odd else f"RA-{76000 + number % 40}",
        "reg": lambda: rng.choice(ODD_MARKS) if is_odd else f"RA-{76000 + number % 40}",
        "status": lambda: rng.choice(("cancelled", "diverted", "x" * 400)) if is_odd else "landed",
        "remarks": lambda: "OSLK" if is_odd else "",
        "flightended": lambda: "maybe" if is_odd else "true",
        "recordid": lambda: "" if is_odd else f"r{number}",
        "fr24id": lambda: "" if is_odd else f"{number:x}a",
    }.get(name, lambda: rng.choice(("", "x" * 400, "N/A", "\u00e9t\u00e9")) if is_odd else f"RFF{number % 99}")()


def made_up(seed: int) -> bytes:
    """A list of flights, of any form, with anything that is found in such lists."""
    rng = random.Random(seed)
    heading, mark = rng.choice(HEADINGS), rng.choice(",;\t")
    columns = heading.split(",")
    odd, slashes = rng.choice((0, 0.002, 0.03)), rng.random() < 0.3
    lines = [heading.replace(",", mark)]
    if rng.random() < 0.15:
        lines.insert(0, rng.choice(("Flights, times in UTC+3", "All times are local", "Exported 2025-06-01")))
    for number in range(rng.randrange(20, 400)):
        cells = [cell(column, number, rng, odd, slashes) for column in columns]
        cells = [f'"{one}"' if rng.random() < 0.02 else one for one in cells]
        if odd and rng.random() < odd:
            cells = cells[: rng.randrange(1, len(cells))] if rng.random() < 0.5 else [*cells, rng.choice(("", "more"))]
        lines.append(mark.join(cells))
        if odd and rng.random() < odd:
            lines.append(rng.choice((*ODD_LINES, lines[0], rng.choice(HEADINGS))).replace(",", mark))
    text = rng.choice(("\n", "\r\n")).join(lines) + rng.choice(("", "\n"))
    return text.encode(rng.choice(("utf-8", "utf-8-sig", "utf-16")))


def told(one: Reading) -> dict[str, Any]:
    """All of a reading, its rows as values."""
    rows = {table: [(piece.schema, piece.to_pylist()) for piece in pieces] for table, pieces in one.rows.items()}
    return {**vars(one), "rows": rows}


def assert_alike(data: bytes, name: str, places: Places, patch: pytest.MonkeyPatch, chunk: int) -> int:
    """Read a file by column and one by one; how many of its records were made by column."""
    by_columns = 0
    made_by_column = by_column.ByColumn.made

    def counted(*given: Any) -> by_column.Made | None:
        nonlocal by_columns
        made = made_by_column(*given)
        by_columns += made.table.num_rows if made else 0
        return made

    both = []
    with patch.context() as patched:
        patched.setattr(reading, "CHUNK", chunk)
        patched.setattr(by_column.ByColumn, "made", counted)
        for fewest in (1, 10**9):
            patched.setattr(reading, "FEWEST_BY_COLUMN", fewest)
            both.append(told(reading.read(data, Origin(name, "0" * 64), places, {}, 3.0, NOW)))
    assert both[0] == both[1]
    return by_columns


def test_lists_of_all_forms_with_all_that_is_odd(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    by_columns = sum(
        assert_alike(made_up(seed), f"{seed}.csv", places, monkeypatch, (20_000, 50, 7)[seed % 3])
        for seed in [*range(40), 392]
    )
    assert by_columns > 2000
