"""What is known of an aircraft and from whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from basewatch.config import Settings
from basewatch.errors import ConfigError
from basewatch.reference import aircraft, load
from basewatch.reference.aircraft import Statement, addresses_by_rule, registration_by_rule
from basewatch.reference.rows import AircraftRow, RegistrationRuleRow

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
