"""`basewatch aircraft` as a user runs it: over a published warehouse, recorded registers, and wrong input."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

pytestmark = pytest.mark.e2e

HEADER = "record_id,icao24,registration,callsign,type_code,operator,origin,departed_at,destination,arrived_at,url"
FLIGHTS = (
    "a,149c77,RA-85563,CHD200,T154,,UUEE,2025-04-01T04:00:00Z,OSLK,2025-04-01T08:00:00Z,",
    "b,149c77,RA-85563,CHD201,T154,,OSLK,2025-04-01T12:00:00Z,UUEE,2025-04-01T16:00:00Z,",
    # an address that is issued again: the first airframe lands, the second, months later, takes off
    "c,15406e,RF-82030,RFF401,A124,,UUEE,2025-04-10T04:00:00Z,OSLK,2025-04-10T08:00:00Z,",
    "d,15406e,RA-12345,,A320,,OSLK,2025-04-20T12:00:00Z,UUEE,2025-04-20T16:00:00Z,",
)
REGISTER = (
    "icao24,registration,type_code,operator,is_military,register,valid_from\n"
    "154e3b,RA-85563,T154,Russian Air Force,true,one,\n"
    "149c77,RA-85563,T154,,false,two,\n"
    "15406e,RF-82030,A124,Russian Air Force,true,one,\n"
)


def basewatch(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The command line as a user runs it."""
    command = [sys.executable, "-m", "basewatch.cli.app", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=cwd)


@pytest.fixture(scope="module")
def watch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published watch of Hmeimim with an aircraft file of its own."""
    folder = tmp_path_factory.mktemp("watch")
    (folder / "flights.csv").write_text("\n".join([HEADER, *FLIGHTS, ""]), encoding="utf-8")
    (folder / "own.csv").write_text(REGISTER, encoding="utf-8")
    (folder / "basewatch.toml").write_text(
        '[reference]\naircraft = "own.csv"\n[sources.flight_files]\nenabled = true\nlocation = "flights.csv"\n'
        'covers = [{base = "hmeimim", from = "2025-04-01", to = "2025-04-30"}]\n'
        "[sources.press_flights]\nenabled = false\n",
        encoding="utf-8",
    )
    done = basewatch("backfill", "--plain", "--from", "2025-04-01", "--to", "2025-04-30", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def shown(folder: Path, asked: str) -> list[dict[str, Any]]:
    """What `aircraft show` says, from its JSON."""
    done = basewatch("aircraft", "show", asked, "--format", "json", cwd=folder)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def query(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    """Rows of the published database."""
    with duckdb.connect(str(folder / "warehouse" / "basewatch.duckdb"), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(sql).fetchall()


def test_everything_known_and_from_whom(watch: Path) -> None:
    said = shown(watch, "149c77")
    (record,) = [one for one in said if one["kind"] == "record"]
    assert (record["icao24"], record["registration"], record["is_military"]) == ("149c77", "RA-85563", True)
    assert "fleets all, ru_mil" in record["note"] and "military by register: one" in record["note"]
    assert {(one["said_by"], one["icao24"]) for one in said if one["kind"] == "register"} == {
        ("one", "154e3b"),
        ("two", "149c77"),
    }
    (visits,) = [one for one in said if one["kind"] == "visits"]
    assert visits["note"] == "1 at hmeimim" and visits["valid_from"] == "2025-04-01"
    conflicts = [one["note"] for one in said if one["kind"] == "conflict"]
    assert "address of RA-85563: 154e3b (one)" in conflicts
    assert "military: one yes, two no" in conflicts
    # by registration, in any spelling, and by the other address, the answer is the same
    assert shown(watch, "ra85563") == said
    assert [one for one in shown(watch, "154e3b") if one["kind"] in ("record", "visits")] == [record, visits]


def test_an_address_issued_again_is_two_dated_aircraft_two_visits_and_two_fleets(watch: Path) -> None:
    assert query(
        watch,
        "SELECT registration, valid_from::VARCHAR, valid_to::VARCHAR, type_code, is_military, "
        "list_contains(fleets, 'ru_mil') FROM aircraft WHERE icao24 = '15406e' ORDER BY valid_from",
    ) == [
        ("RF-82030", "2025-04-10", "2025-04-19", "A124", True, True),
        ("RA-12345", "2025-04-20", None, "A320", None, False),
    ]
    assert query(
        watch,
        "SELECT registration, arrived_at IS NOT NULL, departed_at IS NOT NULL, list_contains(fleets, 'ru_mil') "
        "FROM base_visits WHERE icao24 = '15406e' ORDER BY first_evidence_at",
    ) == [("RF-82030", True, False, True), ("RA-12345", False, True, False)]
    records = [one for one in shown(watch, "15406E") if one["kind"] == "record"]
    assert [(one["registration"], one["valid_to"]) for one in records] == [
        ("RF-82030", "2025-04-19"),
        ("RA-12345", None),
    ]


def test_forms(watch: Path) -> None:
    done = basewatch("aircraft", "show", "149c77", "--format", "csv", cwd=watch)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["kind"] for row in rows] == [one["kind"] for one in shown(watch, "149c77")]
    done = basewatch("aircraft", "show", "149c77", cwd=watch)
    assert "RA-85563" in done.stdout and "a hint, no identity" in done.stdout and done.stderr == ""


def test_what_nobody_knows_is_said_so(watch: Path) -> None:
    done = basewatch("aircraft", "show", "ae1234", "--format", "json", cwd=watch)
    assert done.returncode == 0
    assert {one["kind"] for one in json.loads(done.stdout)} == {"block", "range"}
    assert "no register and no record knows ae1234" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("show", "'; DROP TABLE x"), "is neither an address (six hex digits) nor a registration"),
        (("show", "149c77", "--format", "xml"), "--format 'xml' is none of table, csv, json"),
        (("update", "--only", "nobody"), "no register nobody; known: plane-alert-db"),
        (("update", "--plane-alert-db", "gone.csv", "--only", "plane-alert-db"), "gone.csv does not exist"),
    ],
)
def test_wrong_input_ends_with_two_and_one_line(watch: Path, arguments: tuple[str, ...], told: str) -> None:
    before = (watch / "own.csv").read_bytes()
    done = basewatch("aircraft", *arguments, cwd=watch)
    assert done.returncode == 2
    assert told in done.stderr and "Traceback" not in done.stderr
    assert done.stdout == ""
    assert (watch / "own.csv").read_bytes() == before


def test_a_file_must_be_named(tmp_path: Path) -> None:
    done = basewatch("aircraft", "update", cwd=tmp_path)
    assert done.returncode == 2
    assert "set reference.aircraft in the configuration to a file of your own, or give --out FILE" in done.stderr


def test_refresh_from_the_recorded_registers(recorded: Path, tmp_path: Path) -> None:
    folder = recorded / "aircraft_db"
    registers = ("--plane-alert-db", folder / "plane-alert-db.csv", "--tar1090-db", folder)
    only = ("--only", "plane-alert-db", "--only", "tar1090-db")
    done = basewatch("aircraft", "update", "--out", "own.csv", *registers, *only, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "plane-alert-db: 17,198 rows, 16,247 kept; 2 bad: the address has 5 digits, not six" in done.stderr
    (tmp_path / "basewatch.toml").write_text('[reference]\naircraft = "own.csv"\n', encoding="utf-8")
    said = shown(tmp_path, "RF-78658")
    assert {(one["said_by"], one["icao24"], one["is_military"]) for one in said if one["kind"] == "register"} == {
        ("plane-alert-db", "153342", True),
        ("plane-alert-db", "1f3342", True),
        ("tar1090-db", "1f3342", False),
    }
    assert "military: no (tar1090-db); yes (plane-alert-db)" in [
        one["note"] for one in said if one["kind"] == "conflict"
    ]
    assert {one["icao24"] for one in shown(tmp_path, "RA-85563") if one["kind"] == "register"} == {"149c77", "154e3b"}
    # the same again writes the same
    text = (tmp_path / "own.csv").read_bytes()
    assert basewatch("aircraft", "update", *registers, *only, cwd=tmp_path).returncode == 0
    assert (tmp_path / "own.csv").read_bytes() == text
