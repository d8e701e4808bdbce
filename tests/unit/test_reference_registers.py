"""Aircraft registers as their projects publish them: every form read, every bad row counted, nothing guessed."""

from __future__ import annotations

import csv
import gzip
import json
from dataclasses import fields
from datetime import date
from pathlib import Path

import pytest

from basewatch.config import Settings
from basewatch.reference import load, registers
from basewatch.reference.registers import OPENSKY, PLANE_ALERT, TAR1090, RegisterFault, RegisterRow, read
from basewatch.reference.rows import AircraftRow, RegisterRuleRow

DAY = date(2026, 8, 22)
HEADER = "$ICAO,$Registration,$Operator,$Type,$ICAO Type,#CMPG,$Tag 1,$#Tag 2,$#Tag 3,Category,$#Link"
RULES: list[RegisterRuleRow] = load.tables(Settings()).rows["register_rules"]


def plane_alert(*rows: str) -> bytes:
    return "\n".join([HEADER, *rows, ""]).encode()


def tar1090(*rows: str) -> bytes:
    return gzip.compress("\n".join([*rows, ""]).encode())


def test_rows_are_those_of_the_reference_table() -> None:
    assert [column.name for column in fields(RegisterRow)] == list(AircraftRow.model_fields)


def test_plane_alert_row() -> None:
    body = plane_alert(
        '153342,RF-78658,"Air Force, Russian",Ilyushin IL-76MD-90A,IL76,Mil,a,b,c,Da Comrade,https://x.y'
    )
    (row,) = read(PLANE_ALERT, body, checked_on=DAY).rows
    assert row == RegisterRow(
        "153342", "RF-78658", "IL76", "Ilyushin IL-76MD-90A", "Air Force, Russian", True, PLANE_ALERT,
        None, None, None, DAY,
    )  # fmt: skip


@pytest.mark.parametrize(("group", "is_military"), [("Mil", True), ("Gov", False), ("Pol", False), ("Civ", False)])
def test_only_the_military_group_is_military(group: str, is_military: bool) -> None:
    (row,) = read(PLANE_ALERT, plane_alert(f"153342,RF-1,x,y,IL76,{group},,,,Governments,")).rows
    assert row.is_military is is_military


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("10166", "the address has 5 digits, not six"),
        ("~153342", "the address is not ICAO's own (~)"),
        ("15334G", "the address is not hexadecimal"),
        ("1533421", "the address has 7 digits, not six"),
        ("000000", "the address means none"),
        ("", "the address is not hexadecimal"),
    ],
)
def test_bad_addresses_are_counted_and_never_repaired(address: str, reason: str) -> None:
    body = plane_alert(f"{address},SU-BRR,x,y,C295,Mil,,,,,", "153342,RF-1,x,y,IL76,Mil,,,,,")
    reading = read(PLANE_ALERT, body)
    assert [row.icao24 for row in reading.rows] == ["153342"]
    assert reading.rejected == {reason: 1}
    assert reading.read == 2
    assert f"1 bad: {reason}" in reading.summary


def test_a_short_row_and_an_address_that_stands_twice_are_bad() -> None:
    good = "153342,RF-1,x,y,IL76,Mil,,,,,"
    reading = read(PLANE_ALERT, plane_alert(good, "153343,RF-2", good))
    assert reading.good == 1
    assert set(reading.rejected) == {
        "the row has not as many cells as the header has names",
        "the address stands twice",
    }


@pytest.mark.parametrize(
    ("written", "kept"),
    [("????", None), ("68-81??", None), ("Tactical", None), (" ra-85563 ", "RA-85563"), ("46+57", "46+57"), ("", None)],
)
def test_registrations_that_are_none_are_left_empty(written: str, kept: str | None) -> None:
    """`????` stands at 122 aircraft: kept, it would make them one."""
    (row,) = read(PLANE_ALERT, plane_alert(f"3e8c89,{written},x,y,TOR,Mil,,,,,"), RULES).rows
    assert row.registration == kept


def test_rules_leave_out_private_owners_and_put_right_what_is_known_wrong() -> None:
    body = plane_alert(
        "a00001,N1,A Celebrity,Gulfstream,GLF6,Civ,,,,As Seen on TV,",
        "a00002,N2,A Ministry,Gulfstream,GLF6,Gov,,,,Vanity Plate,",  # the same category, but not civil
        "ADFE3C,2136,Russian Air Force,y,IL76,Mil,,,,Other Air Forces,",
        "778561,YKAKA,Syrianair,Airbus,A320,Gov,,,,Dictator Alert,",
    )
    reading = read(PLANE_ALERT, body, RULES)
    assert [(row.icao24, row.registration) for row in reading.rows] == [("a00002", "N2"), ("778561", "YK-AKA")]
    assert sum(reading.dropped.values()) == 2
    assert not any("Celebrity" in str(row) for row in reading.rows)


@pytest.mark.parametrize("packed", [True, False])
def test_tar1090_rows_without_header_or_quotes(packed: bool) -> None:
    body = tar1090(
        r"140000;RA-00000;IL76;10;Ilyushin Il-76MD;1985;Russian Air Force;",
        r'140001;RA-00001;AN26;00;"quoted" \; and escaped;;A Private Person;',
        r"140002;;;;;;;",
        r"140003;RA-00003;IL76;1;short flags;;;",
    )
    reading = read(TAR1090, body if packed else gzip.decompress(body), RULES)
    first, second, third, fourth = reading.rows
    assert (first.registration, first.type_code, first.is_military) == ("RA-00000", "IL76", True)
    assert first.operator == "Russian Air Force"
    assert second.type_name == '"quoted" ; and escaped'
    assert second.operator is None, "the owner of a civil aircraft is nobody's business"
    assert (third.registration, third.type_code, third.is_military) == (None, None, False)
    assert fourth.is_military is True


@pytest.mark.parametrize(
    ("flags", "is_military", "is_left_out"),
    [("00", False, False), ("10", True, False), ("0001", False, False), ("0010", False, True), ("01", False, False)],
)
def test_tar1090_flags_go_by_position(flags: str, is_military: bool, is_left_out: bool) -> None:
    reading = read(TAR1090, tar1090(f"140000;RA-1;IL76;{flags};x;;;", "140009;RA-9;IL76;00;x;;;"), RULES)
    assert [row.icao24 for row in reading.rows] == (["140009"] if is_left_out else ["140000", "140009"])
    assert reading.rows[0].is_military is is_military


def test_towers_and_ground_vehicles_are_no_aircraft() -> None:
    body = tar1090("140000;TWR;TWR;00;;;;", "140001;GND;GND;00;;;;", "140002;RA-2;IL76;00;;;;")
    assert [row.icao24 for row in read(TAR1090, body, RULES).rows] == ["140002"]


def test_tar1090_shards_name_the_rest_of_the_address(tmp_path: Path) -> None:
    one = {"5406E": ["RA-82030", "A124", "10", "ANTONOV An-124"], "children": ["154"], "54070": ["short"]}
    (tmp_path / "1.js").write_bytes(gzip.compress(json.dumps(one).encode()))
    (tmp_path / "154.js").write_bytes(gzip.compress(json.dumps({"06F": ["RA-82031", "A124", "00", ""]}).encode()))
    (tmp_path / "operators.js").write_bytes(gzip.compress(b'{"RFF": {"n": "x"}}'))
    reading = read(TAR1090, tmp_path)
    assert [(row.icao24, row.registration, row.is_military) for row in reading.rows] == [
        ("15406e", "RA-82030", True),
        ("15406f", "RA-82031", False),
    ]
    assert reading.rejected == {"the row ends early": 1}


def opensky(quote: str, names: str, *rows: list[str]) -> bytes:
    lines = [names.split(","), *rows]
    return "\n".join(",".join(f"{quote}{cell}{quote}" for cell in line) for line in lines).encode()


@pytest.mark.parametrize(
    ("quote", "names"),
    [
        ('"', "icao24,registration,model,typecode,operator,owner,registered,reguntil"),
        ("'", "icao24,registration,model,typecode,operator,owner,registered,regUntil"),
        # another order and spelling: columns go by their names
        ("'", "icao24,registration,model,typeCode,operator,owner,registered,regUntil"),
    ],
)
def test_opensky_in_both_quotings(quote: str, names: str) -> None:
    other = '"' if quote == "'" else "'"
    row = ["3c6444", "D-AIBD", f"A319{other}112, x", "A319", "Lufthansa", "A Person", "2011-05-01", "2012-05-01"]
    reading = read(OPENSKY, opensky(quote, names, [""] * 8, row), RULES)
    (found,) = reading.rows
    assert (found.icao24, found.registration, found.type_code) == ("3c6444", "D-AIBD", "A319")
    assert found.type_name == f"A319{other}112, x"
    assert found.operator == "Lufthansa"
    assert "A Person" not in str(found)
    assert found.is_military is None, "OpenSky does not say who is military"
    assert (found.valid_from, found.valid_to) == (date(2011, 5, 1), None)
    assert not reading.rejected, "an empty second row is usual"


def test_opensky_columns_go_by_name_not_position() -> None:
    body = opensky('"', "owner,typecode,registration,icao24", ["x", "IL76", "RF-1", "153342"])
    (row,) = read(OPENSKY, body).rows
    assert (row.icao24, row.registration, row.type_code) == ("153342", "RF-1", "IL76")


def test_opensky_fields_longer_than_the_csv_module_allows() -> None:
    before = csv.field_size_limit()
    body = opensky('"', "icao24,registration,typecode,notes", ["153342", "RF-1", "IL76", "n" * 200_000])
    assert read(OPENSKY, body).rows[0].icao24 == "153342"
    assert csv.field_size_limit() == before


@pytest.mark.parametrize("register", registers.NAMES)
@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"<!DOCTYPE html><html><head><title>Unicorn!</title></head></html>", "an HTML page titled 'Unicorn!'"),
        (b"", "an empty body"),
        (b'{"message": "Not Found"}', "the message 'Not Found'"),
    ],
)
def test_what_is_not_the_register_is_named_for_what_it_is(register: str, body: bytes, told: str) -> None:
    with pytest.raises(RegisterFault, match=register) as fault:
        read(register, body)
    assert told in str(fault.value)


def test_damaged_and_mostly_bad_files_are_refused() -> None:
    with pytest.raises(RegisterFault, match="gzip ends early"):
        read(TAR1090, tar1090(*[f"14{n:04x};RA-{n};IL76;00;;;;" for n in range(500)])[:-200])
    rows = [f"15{n:04x},RF-{n},x,y,IL76,Mil,,,,," for n in range(50)]
    assert read(PLANE_ALERT, plane_alert(*rows, "1,2", "3,4")).good == 50
    with pytest.raises(RegisterFault, match="3 of 53 rows are bad"):
        read(PLANE_ALERT, plane_alert(*rows, "1,2", "3,4", "5,6"))
    with pytest.raises(RegisterFault, match="no aircraft"):
        read(PLANE_ALERT, plane_alert())


def test_text_of_others_is_kept_to_one_clean_line() -> None:
    (row,) = read(PLANE_ALERT, plane_alert(f'153342,RF-1,"a\x1b[31m\nb\t{"c" * 500}",y,TOO LONG,Mil,,,,,')).rows
    assert row.operator is not None
    assert row.operator.isprintable() and len(row.operator) <= registers.LONGEST_TEXT
    assert row.type_code is None


def test_bytes_that_are_no_text_are_a_bad_row() -> None:
    body = plane_alert("153342,RF-1,x,y,IL76,Mil,,,,,") + b"153343,RF-2,\xff\xfe,y,IL76,Mil,,,,,\n"
    assert read(PLANE_ALERT, body).rejected == {"the text is not UTF-8": 1}


def test_only_rows_that_are_wanted_are_kept_and_all_are_counted() -> None:
    body = tar1090("140000;RA-1;IL76;10;;;;", "140001;RA-2;IL76;00;;;;")
    reading = read(TAR1090, body, keep=lambda row: bool(row.is_military))
    assert ([row.icao24 for row in reading.rows], reading.good) == (["140000"], 2)


# ---- the real files


def test_the_shipped_table_is_plane_alert_db_as_read(recorded: Path) -> None:
    reading = read(PLANE_ALERT, recorded / "aircraft_db" / "plane-alert-db.csv", RULES, checked_on=DAY)
    shipped = [
        RegisterRow(**{column.name: getattr(row, column.name) for column in fields(RegisterRow)})
        for row in load.tables(Settings()).rows["aircraft"]
    ]
    assert sorted(reading.rows, key=lambda row: row.icao24) == shipped
    assert reading.read == 17_198
    assert reading.rejected == {"the address has 5 digits, not six": 2}


def test_the_recorded_shards(recorded: Path) -> None:
    reading = read(TAR1090, recorded / "aircraft_db", RULES)
    russian = [row for row in reading.rows if row.icao24.startswith("1")]
    # 362 by flag, less the tower and ground entries among them
    assert sum(bool(row.is_military) for row in russian) == 362
    assert not any(row.type_code in ("TWR", "GND") for row in reading.rows)
    by_address = {row.icao24: row for row in russian}
    assert by_address["149c77"].registration == "RA-85563"
    assert by_address["1f3342"].registration == "RF-78658"
