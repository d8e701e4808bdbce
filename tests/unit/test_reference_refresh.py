"""The refresh of one's own register rows, over real HTTP."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest

from basewatch.config import Settings
from basewatch.errors import ConfigError
from basewatch.reference import load, refresh
from basewatch.reference.rows import AircraftRow
from server import setup
from server.core import FakeClock, Host, Reply, Request, serving

NOW = datetime(2026, 10, 2, 5, 15, tzinfo=UTC)
HEADER = (
    "icao24,registration,type_code,type_name,operator,is_military,register,valid_from,valid_to,source_url,checked_on"
)
PLANE_ALERT = (
    b"$ICAO,$Registration,$Operator,$Type,$ICAO Type,#CMPG,$Tag 1,$#Tag 2,$#Tag 3,Category,$#Link\n"
    b"153342,RF-78658,Russian Air Force,Il-76,IL76,Mil,,,,Da Comrade,\n"
    b"10166,SU-BRR,Egyptian Air Force,C-295,C295,Mil,,,,Other Air Forces,\n"
)
TAR1090 = gzip.compress(
    b"149c77;RA-85563;T154;10;Tupolev Tu-154;;Russian Air Force;\n"
    b"1f3342;RF-78658;IL76;00;Ilyushin Il-76;;;\n"
    b"a00001;N1;C172;00;Cessna 172;1978;A Private Person;\n"
)
OPENSKY = b"'icao24','registration','typecode','operator','owner'\n'153342','RF-78658','IL76','','A Person'\n"
NAMES = ("plane-alert-db", "tar1090-db", "opensky-metadata")


class Registers(Host):
    """A host that serves the three registers with validators."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__("registers", self._answer, clock.time)
        self.bodies = dict(zip(NAMES, (PLANE_ALERT, TAR1090, OPENSKY), strict=True))

    def _answer(self, request: Request) -> Reply:
        body = self.bodies.get(request.path.strip("/"))
        if body is None:
            return Reply(404, b"no such file", "text/plain")
        return Reply(200, body, "application/octet-stream", etag=f'"{hash(body):x}"')


@pytest.fixture
def registers() -> Iterator[Registers]:
    with setup.virtual_time(NOW) as clock:
        host = Registers(clock)
        with serving(host):
            yield host


def configured(folder: Path, host: Host, **changes: object) -> Settings:
    """Settings whose registers are the host's, and whose reference file does not exist yet."""
    found = {name.replace("-", "_"): f"{host.url}/{name}" for name in NAMES}
    return Settings(
        folder=folder, reference={"aircraft": "own.csv"}, registers={**found, "allow_local": True, **changes}
    )  # type: ignore[arg-type]


def rows(folder: Path) -> dict[tuple[str, str], AircraftRow]:
    """The written file as the product reads it, by address and register."""
    text = (folder / "own.csv").read_text(encoding="utf-8")
    return {(row.icao24, row.register): row for row in load.parse("aircraft", text, "own.csv")}


def test_update_writes_what_the_registers_say_and_asks_again_only_for_changes(
    tmp_path: Path, registers: Registers
) -> None:
    settings = configured(tmp_path, registers)
    said: list[str] = []
    done = refresh.update(settings, say=said.append, now=NOW)
    assert not done.failures
    found = rows(tmp_path)
    assert set(found) == {
        ("153342", "plane-alert-db"),
        ("149c77", "tar1090-db"),  # military
        ("1f3342", "tar1090-db"),  # of a registration that plane-alert-db has
        ("153342", "opensky-metadata"),
    }
    assert str(found["153342", "plane-alert-db"].checked_on) == "2026-10-02"
    assert found["153342", "opensky-metadata"].is_military is None
    text = (tmp_path / "own.csv").read_text(encoding="utf-8")
    assert "Person" not in text and "10166" not in text
    assert any("1 bad: the address has 5 digits, not six" in line for line in said)
    assert registers.statuses() == [200, 200, 200]

    again = refresh.update(settings, now=NOW)
    assert registers.statuses()[3:] == [304, 304, 304]
    assert again.rows == done.rows
    assert (tmp_path / "own.csv").read_text(encoding="utf-8") == text

    registers.bodies["plane-alert-db"] = PLANE_ALERT.replace(b"RF-78658", b"RF-78659")
    refresh.update(settings, now=NOW)
    assert registers.statuses()[6:] == [200, 304, 304]
    found = rows(tmp_path)
    assert found["153342", "plane-alert-db"].registration == "RF-78659"
    assert ("1f3342", "tar1090-db") not in found, "nobody asks about its registration any more"
    assert not registers.violations


def test_a_damaged_copy_is_asked_for_anew(tmp_path: Path, registers: Registers) -> None:
    settings = configured(tmp_path, registers)
    refresh.update(settings, now=NOW)
    (tmp_path / "warehouse" / "landing" / "registers" / "tar1090-db.body").write_bytes(b"half")
    refresh.update(settings, now=NOW)
    assert registers.statuses()[3:] == [304, 200, 304]


def test_rows_of_other_registers_stay(tmp_path: Path, registers: Registers) -> None:
    settings = configured(tmp_path, registers)
    (tmp_path / "own.csv").write_text(
        f"{HEADER}\n153342,RF-1,IL76,,,true,my own eyes,2020-01-01,,,\n"
        "154e3b,RA-85563,T154,,,true,plane-alert-db,,,,\n",
        encoding="utf-8",
    )
    refresh.update(settings, now=NOW)
    found = rows(tmp_path)
    assert str(found["153342", "my own eyes"].valid_from) == "2020-01-01"
    assert ("154e3b", "plane-alert-db") not in found, "what a register no longer holds is no longer said by it"


def test_a_new_file_starts_from_the_shipped_rows_of_registers_that_are_left_out(
    tmp_path: Path, registers: Registers
) -> None:
    settings = configured(tmp_path, registers, plane_alert_db="", opensky_metadata="")
    refresh.update(settings, now=NOW)
    found = rows(tmp_path)
    assert ("154e3b", "plane-alert-db") in found
    assert ("149c77", "tar1090-db") in found


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (lambda host: host.html(times=99, when=lambda request: "tar1090" in request.path), "an HTML page titled"),
        (lambda host: host.broken(503, times=99, when=lambda request: "tar1090" in request.path), "answered 503"),
        (lambda host: host.truncated(0.5, times=99, when=lambda request: "tar1090" in request.path), "broke off"),
        (lambda host: host.bodies.update({"tar1090-db": b"hex,registration\n1,2\n"}), "does not begin with rows of"),
        (lambda host: host.bodies.pop("tar1090-db"), "answered 404"),
    ],
)
def test_a_register_that_fails_keeps_its_rows_and_is_named(
    tmp_path: Path, registers: Registers, fault: object, told: str
) -> None:
    settings = configured(tmp_path, registers)
    refresh.update(settings, now=NOW)
    before = rows(tmp_path)
    registers.bodies["plane-alert-db"] = PLANE_ALERT.replace(b"Russian Air Force", b"Russian Navy")
    registers.bodies["tar1090-db"] = gzip.compress(b"149c77;RA-1;T154;00;another version;;;\n")
    fault(registers)  # type: ignore[operator]
    done = refresh.update(settings, now=NOW)
    assert list(done.failures) == ["tar1090-db"]
    assert told in done.failures["tar1090-db"]
    after = rows(tmp_path)
    assert after["149c77", "tar1090-db"] == before["149c77", "tar1090-db"]
    assert after["153342", "plane-alert-db"].operator == "Russian Navy"


def test_faults_that_pass_are_waited_out(tmp_path: Path, registers: Registers) -> None:
    registers.broken(times=2)
    registers.too_many({"Retry-After": "7"})
    assert not refresh.update(configured(tmp_path, registers), now=NOW).failures


def test_a_register_cut_short_is_refused(tmp_path: Path, registers: Registers) -> None:
    many = PLANE_ALERT + b"".join(b"15%04x,RF-%d,x,y,IL76,Mil,,,,,\n" % (n, n) for n in range(100))
    registers.bodies["plane-alert-db"] = many
    settings = configured(tmp_path, registers)
    refresh.update(settings, now=NOW)
    registers.bodies["plane-alert-db"] = PLANE_ALERT
    done = refresh.update(settings, now=NOW)
    assert "refused as cut short" in done.failures["plane-alert-db"]
    assert ("150001", "plane-alert-db") in rows(tmp_path)
    # once refused, it is not taken for the last good one
    assert "refused as cut short" in refresh.update(settings, now=NOW).failures["plane-alert-db"]
    allowed = settings.model_copy(update={"registers": settings.registers.model_copy(update={"min_share_of_last": 0})})
    assert not refresh.update(allowed, now=NOW).failures


def test_a_body_beyond_the_limit_is_not_read(tmp_path: Path, registers: Registers) -> None:
    registers.bodies["tar1090-db"] = gzip.compress(b"149c77;RA-85563;T154;10;;;;\n" * 80_000)
    done = refresh.update(configured(tmp_path, registers, max_body_mb=1), now=NOW)
    assert "1,048,576 bytes" in done.failures["tar1090-db"]


def test_nothing_is_written_where_no_register_can_be_read(tmp_path: Path, registers: Registers) -> None:
    settings = configured(tmp_path, registers)
    refresh.update(settings, now=NOW)
    text = (tmp_path / "own.csv").read_bytes()
    registers.broken(times=999)
    with pytest.raises(ConfigError, match="no register could be read"):
        refresh.update(settings, now=NOW)
    assert (tmp_path / "own.csv").read_bytes() == text
    assert not [file.name for file in tmp_path.iterdir() if file.name.startswith(".")]


def test_the_shipped_table_is_never_touched(tmp_path: Path, registers: Registers) -> None:
    settings = configured(tmp_path, registers)
    shipped = Path(str(files("basewatch.sql.reference").joinpath("aircraft.csv")))
    for target in (shipped, shipped.parent / "other.csv"):
        with pytest.raises(ConfigError, match="shipped with basewatch"):
            refresh.update(settings, target, now=NOW)
    assert registers.log == []


def test_a_file_must_be_named(tmp_path: Path, registers: Registers) -> None:
    settings = configured(tmp_path, registers).model_copy(update={"reference": Settings().reference})
    with pytest.raises(ConfigError, match=r"set reference\.aircraft .* or give --out FILE"):
        refresh.update(settings, now=NOW)
    assert refresh.update(settings, tmp_path / "elsewhere.csv", now=NOW).file == tmp_path / "elsewhere.csv"


def test_a_file_that_is_no_aircraft_table_is_left_alone(tmp_path: Path, registers: Registers) -> None:
    settings = configured(tmp_path, registers)
    (tmp_path / "own.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"own\.csv, line 1: columns missing"):
        refresh.update(settings, now=NOW)
    assert (tmp_path / "own.csv").read_text(encoding="utf-8") == "a,b\n1,2\n"


def test_local_files_do_as_well(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_bytes(PLANE_ALERT)
    (tmp_path / "1.js").write_bytes(gzip.compress(json.dumps({"49C77": ["RA-85563", "T154", "10", "x"]}).encode()))
    given = {"plane-alert-db": str(tmp_path / "p.csv"), "tar1090-db": str(tmp_path), "opensky-metadata": None}
    where = refresh.locations(given, ["plane-alert-db", "tar1090-db"])
    settings = Settings(folder=tmp_path, reference={"aircraft": "own.csv"})  # type: ignore[arg-type]
    assert not refresh.update(settings, locations=where, now=NOW).failures
    assert set(rows(tmp_path)) == {("153342", "plane-alert-db"), ("149c77", "tar1090-db")}
    done = refresh.update(settings, locations=replace_path(where, str(tmp_path / "gone.csv")), now=NOW)
    assert "gone.csv does not exist" in done.failures["plane-alert-db"]


def replace_path(where: dict[str, str], path: str) -> dict[str, str]:
    """The locations with another one for plane-alert-db."""
    return {**where, "plane-alert-db": path}


def test_registers_that_are_none_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no register plane-alerts; known: plane-alert-db"):
        refresh.locations({}, ["plane-alerts"])
