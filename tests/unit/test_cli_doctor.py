"""The doctor: every fault is a finding with advice, and no check can break it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from basewatch.cli import doctor
from basewatch.config import Settings
from basewatch.errors import SourceError
from basewatch.sources import contract
from server import setup


def faults(settings: Settings) -> list[str]:
    found = doctor.run(settings)
    assert all(finding.advice for finding in found if not finding.ok)
    return [finding.what for finding in found if not finding.ok]


def test_a_sound_installation_has_no_faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "flights").mkdir()
    heading = "registration,destination,arrived_at"
    (tmp_path / "flights" / "a.csv").write_text(f"{heading}\nRF-1,OSLK,2025-06-01T10:00Z\n", encoding="utf-8")
    monkeypatch.setattr(doctor, "LEAST_FREE_GB", 0.0)
    assert faults(setup.settings(tmp_path, flight_files={"location": "flights"})) == []


def test_no_source_and_a_missing_folder_are_told(tmp_path: Path) -> None:
    nothing = Settings(folder=tmp_path, sources={"press_flights": {"enabled": False}})  # type: ignore[arg-type]
    assert "no source is enabled" in faults(nothing)
    (found,) = [fault for fault in faults(setup.settings(tmp_path, articles={"location": "texts"})) if "texts" in fault]
    assert found == f"articles: reads {tmp_path / 'texts'}"


def test_great_expectations_is_missed_where_the_settings_want_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor.great_expectations, "is_installed", lambda: False)
    for gates, is_wanted in (
        ({"data_docs": True}, True),
        ({"data_docs": False, "judge": "great_expectations"}, True),
        ({"data_docs": False}, False),
    ):
        for name, value in gates.items():
            monkeypatch.setenv(f"BASEWATCH_GATES__{name.upper()}", str(value))
        told = "Great Expectations is not installed" in faults(setup.settings(tmp_path))
        assert told is is_wanted, gates
        monkeypatch.delenv("BASEWATCH_GATES__JUDGE", raising=False)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_warehouse_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert any("not writable" in fault for fault in faults(setup.settings(tmp_path)))


def test_a_warehouse_on_an_object_store_is_told(tmp_path: Path) -> None:
    settings = Settings(folder=tmp_path, warehouse={"root": "s3://bucket/x"})  # type: ignore[arg-type]
    assert any("the bucket in warehouse.storage" in fault for fault in faults(settings))


def test_broken_reference_tables_are_told(tmp_path: Path) -> None:
    (tmp_path / "bases.csv").write_text("base_id\nx\n")
    settings = Settings(folder=tmp_path, reference={"bases": "bases.csv"})  # type: ignore[arg-type]
    assert any(fault.startswith("reference tables: bases.csv") for fault in faults(settings))


def test_little_room_on_the_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 10**9})
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage)
    assert any("1.0 GB free" in fault for fault in faults(setup.settings(tmp_path)))


@pytest.mark.parametrize(
    ("broken", "told"),
    [(SourceError("no such key"), "opensky: no such key"), (KeyError("x"), "the check itself failed (KeyError)")],
)
def test_a_check_that_breaks_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: Exception, told: str
) -> None:
    def check(_: object) -> None:
        raise broken

    spoilt = replace(contract.module("opensky"), check=check)
    monkeypatch.setattr(contract, "module", lambda _: spoilt)
    assert any(told in fault for fault in faults(setup.settings(tmp_path, opensky={"bases": ["hmeimim"]})))


def test_without_the_network_no_source_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "source", lambda *_: pytest.fail("asked"))
    assert doctor.run(setup.settings(tmp_path, opensky={}), network=False)
