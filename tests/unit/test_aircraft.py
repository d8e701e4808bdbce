"""What is known of an aircraft and from whom; the refresh of one's own register rows, over real HTTP."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest

from basewatch.cli.aircraft import print_statements
from basewatch.config import Settings
from basewatch.errors import ConfigError
from basewatch.reference import aircraft, load, refresh
from basewatch.reference.aircraft import Statement, addresses_by_rule, registration_by_rule
from basewatch.reference.rows import AircraftRow, RegistrationRuleRow
from server import setup
from server.core import FakeClock, Host, Reply, Request, serving

NOW = datetime(2026, 10, 2, 5, 15, tzinfo=UTC)
HEADER = (
    "icao24,registration,type_code,type_name,operator,is_military,register,valid_from,valid_to,source_url,checked_on"
)
RULES: list[RegistrationRuleRow] = load.tables(Settings()).rows["registration_rules"]


def own(folder: Path, *rows: str) -> Settings:
    """Settings with an aircraft file of these rows."""
    (folder / "own.csv").write_text("\n".join([HEADER, *rows, ""]), encoding="utf-8")
    return Settings(folder=folder, reference={"aircraft": "own.csv"})  # type: ignore[arg-type]


def kinds(said: list[Statement], kind: str) -> list[Statement]:
    """The statements of one kind."""
    return [one for one in said if one.kind == kind]


# ---- rules from registration to address: hints


@pytest.mark.parametrize(
    ("registration", "address"),
    [
        ("RA-00000", "140000"),
        ("RA-85563", "154e3b"),
        ("RF-78658", "153342"),
        ("YK-AKA", "778561"),
        ("YK-SQF", "77ce26"),
    ],
)
def test_the_countries_rules_both_ways(registration: str, address: str) -> None:
    plain = [rule for rule in RULES if rule.low_bits is None]
    assert [found for rule in plain for found in addresses_by_rule(rule, registration)] == [address]
    assert registration in [registration_by_rule(rule, address) for rule in plain]


def test_the_lowest_bits_alone_find_the_other_addresses_of_il_76s() -> None:
    (rule,) = [rule for rule in RULES if rule.low_bits]
    for registration, address in [("RF-78652", "1d333c"), ("RF-78655", "1f333f"), ("RF-85855", "1b4f5f")]:
        assert address in addresses_by_rule(rule, registration)
    assert registration_by_rule(rule, "1d333c") is None, "many registrations would fit: it names none"


@pytest.mark.parametrize(
    "registration", ["RA-1234", "RA-123456", "RA-1234A", "YK-AK", "YK-AK1", "N12345", "RA-0217G", ""]
)
def test_other_forms_of_registration_have_no_rule(registration: str) -> None:
    assert [found for rule in RULES for found in addresses_by_rule(rule, registration)] == []


@pytest.mark.parametrize("address", ["13ffff", "1586a0", "778420", "77eb5b", "000000", "ffffff"])
def test_addresses_outside_the_rules_name_nobody(address: str) -> None:
    assert [registration_by_rule(rule, address) for rule in RULES] == [None] * len(RULES)


def test_the_counts_beside_the_rules_are_those_of_the_shipped_register() -> None:
    rows: list[AircraftRow] = load.tables(Settings()).rows["aircraft"]
    for rule in RULES:
        fits = [row.icao24 in found for row in rows if (found := addresses_by_rule(rule, row.registration or ""))]
        assert (fits.count(True), fits.count(False)) == (rule.agrees, rule.differs), rule.prefix


def test_no_range_calls_a_russian_or_syrian_address_military() -> None:
    for row in load.tables(Settings()).rows["military_ranges"]:
        assert not (row.start_hex <= "1fffff" and row.end_hex >= "100000"), row
        assert not (row.start_hex <= "77ffff" and row.end_hex >= "778000"), row


# ---- show


def test_one_registration_under_two_addresses(tmp_path: Path) -> None:
    said = aircraft.statements(Settings(folder=tmp_path), "rf78658")
    assert {(one.said_by, one.icao24) for one in kinds(said, "register")} == {
        ("plane-alert-db", "153342"),
        ("plane-alert-db", "1f3342"),
    }
    assert "address: 153342 (plane-alert-db); 1f3342 (plane-alert-db)" in [one.note for one in kinds(said, "conflict")]
    assert [one.country for one in kinds(said, "block")] == ["RU", "RU"]
    assert not kinds(said, "range")
    # asked by either address the answer is the same
    for address in ("153342", "1F3342"):
        assert kinds(aircraft.statements(Settings(folder=tmp_path), address), "register") == kinds(said, "register")


def test_an_address_nobody_names_has_hints_and_no_identity(tmp_path: Path) -> None:
    said = aircraft.statements(Settings(folder=tmp_path), "149c77")
    assert {one.kind for one in said} == {"block", "hint"}
    assert {one.registration for one in said if one.kind == "hint"} == {"RA-40055", "RF-40055"}
    assert all("a hint, no identity" in (one.note or "") for one in kinds(said, "hint"))


def test_a_rule_that_a_register_breaks_is_said_to_be_broken(tmp_path: Path) -> None:
    said = aircraft.statements(Settings(folder=tmp_path), "RF-78652")
    hints = {one.icao24: one.note or "" for one in kinds(said, "hint")}
    assert hints["15333c"].startswith("broken here")
    assert hints["1d333c"].startswith("kept here")


def test_registers_that_disagree_are_all_shown(tmp_path: Path) -> None:
    settings = own(
        tmp_path,
        "1f3342,RF-78658,IL76,,Russian Air Force,true,one,,2023-12-31,,",
        "1f3342,RF-78658,IL62,,,false,two,,,,2026-01-01",
        "1f3342,RA-1,IL76,,,,three,2024-01-01,,,",
    )
    said = aircraft.statements(settings, "1f3342")
    assert len(kinds(said, "register")) == 3
    assert str(kinds(said, "register")[-1].valid_from) == "2024-01-01"
    assert [one.note for one in kinds(said, "conflict")] == [
        "registration: RA1 (three); RF78658 (one, two)",
        "type: IL62 (two); IL76 (one, three)",
        "military: no (two); yes (one)",
    ]


def test_an_address_that_is_not_of_icao_is_joined_to_no_register(tmp_path: Path) -> None:
    settings = own(tmp_path, "153342,RF-78658,IL76,,,true,one,,,,")
    assert aircraft.statements(settings, "~153342") == []


def test_five_digits_are_no_address(tmp_path: Path) -> None:
    settings = own(tmp_path, "010166,SU-BRR,C295,,,true,one,,,,")
    assert aircraft.statements(settings, "10166") == []
    with pytest.raises(ConfigError, match="icao24"):
        aircraft.statements(own(tmp_path, "10166,SU-BRR,C295,,,true,one,,,,"), "SU-BRR")


def test_a_military_range_says_what_it_is_worth(tmp_path: Path) -> None:
    said = aircraft.statements(own(tmp_path), "43c7ff")
    (found,) = kinds(said, "range")
    assert found.is_military and "43c000-43cfff" in (found.note or "")
    assert not kinds(aircraft.statements(own(tmp_path), "15c000"), "range")


@pytest.mark.parametrize("asked", ["", "?", "RF-78658; DROP TABLE aircraft", "x" * 40, "'"])
def test_what_can_be_neither_is_an_error(tmp_path: Path, asked: str) -> None:
    with pytest.raises(ConfigError, match="neither an address"):
        aircraft.statements(Settings(folder=tmp_path), asked)


# ---- update

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
    return Settings(folder=folder, reference={"aircraft": "own.csv"}, registers={**found, **changes})  # type: ignore[arg-type]


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


def test_statements_are_all_shown_in_every_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = [replace(Statement("register", "one", "153342", "=RF-1"), is_military=False)]
    print_statements("153342", said, "json")
    assert json.loads(capsys.readouterr().out)[0]["is_military"] is False
    print_statements("153342", said, "csv")
    assert capsys.readouterr().out.splitlines()[1] == "register,one,153342,=RF-1,,,,false,,,"
    print_statements("153342", [], "table")
    assert "no rows" in capsys.readouterr().out
