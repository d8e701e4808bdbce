"""Bytes in the place of what the project itself keeps or is told: ledger, notes, settings, reference tables."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import strategies as st

from basewatch import config
from basewatch.config import Settings
from basewatch.errors import ConfigError, StoreFault
from basewatch.lake import segments
from basewatch.lake.chain import head_file
from basewatch.lake.events import Day
from basewatch.lake.ledger import ledger_row
from basewatch.lake.readings import Readings
from basewatch.lake.store import Lake
from basewatch.reference import load
from basewatch.reference.rows import ROWS
from fuzzing import fuzz

AT = datetime(2025, 10, 25, tzinfo=UTC)
TOML = """
[warehouse]
root = "warehouse"
keep_releases = 30

[report]
bases = ["hmeimim"]
fleet = "ru_mil"

[sources.flight_files]
enabled = true
location = "flights"
ignore = ["*.tmp"]
covers = [{base = "hmeimim", from = "2025-01-14", to = 2025-06-30}]
columns = {arrival_icao = "ades"}

[[sources.feeds.feeds]]
name = "outlet"
url = "https://outlet.example/rss"

[limits]
nesting = 100
"""


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """A lake of three commits."""
    lake = Lake(tmp_path / "whole")
    for number in range(3):
        note = Day(date(2025, 10, 24) + timedelta(days=number), "ok", records_kept=number)
        lake.commit([ledger_row("opensky", note, "run", [f"opensky_flights/{number}.parquet"], AT)])
    return tmp_path / "whole"


@contextlib.contextmanager
def _copy(whole: Path) -> Iterator[Path]:
    copy = whole.with_name("copy")
    shutil.copytree(whole, copy)
    try:
        yield copy
    finally:
        shutil.rmtree(copy)


def test_ledger_segments(whole: Path) -> None:
    names = sorted(file.name for file in Lake(whole).ledger_folder.glob("*.parquet"))
    good = [(Lake(whole).ledger_folder / name).read_bytes() for name in names]

    def attempt(data: bytes, name: str, is_renamed: bool) -> None:
        """Under the name that was there, or under the one that its bytes ask for."""
        with _copy(whole) as root:
            lake = Lake(root)
            place = lake.ledger_folder / name
            if is_renamed:
                place.unlink()
                number = names.index(name) + 1
                digest = hashlib.sha256(data).hexdigest()
                place = lake.ledger_folder / segments.named(number, number, digest).name
            place.write_bytes(data)
            with contextlib.suppress(StoreFault):
                assert len(lake.ledger()) <= len(names)
            lake.ledger_damages()
            lake.readable_rows()

    fuzz(good, attempt, st.sampled_from(names), st.booleans())


def test_the_lake_s_head_and_notes(whole: Path) -> None:
    Lake(whole).remember_window("flight_files", "2025-01-01..2025-10-24", "ab" * 32)
    head, window = head_file(Lake(whole).ledger_folder), whole / "lake" / "windows" / "flight_files.json"

    def attempt(data: bytes, name: str) -> None:
        with _copy(whole) as root:
            (root / name).write_bytes(data)
            lake = Lake(root)
            for look in (lake.ledger, lake.last_day, lambda: lake.window_fingerprint("flight_files", "x")):
                with contextlib.suppress(StoreFault):
                    look()
            with contextlib.suppress(StoreFault):
                Readings(lake, "flight_files").latest()
            lake.ledger_damages()

    names = [str(head.relative_to(whole)), str(window.relative_to(whole)), "lake/files/flight_files.json"]
    (whole / "lake" / "files").mkdir()
    fuzz([head.read_bytes(), window.read_bytes()], attempt, st.sampled_from(names))


def test_settings(tmp_path: Path) -> None:
    file = tmp_path / "basewatch.toml"

    def attempt(data: bytes) -> None:
        file.write_bytes(data)
        with contextlib.suppress(ConfigError):
            config.load(file)

    fuzz([TOML.encode()], attempt)


def test_reference_tables(tmp_path: Path) -> None:
    shipped = {table: files("basewatch.sql.reference").joinpath(f"{table}.csv").read_bytes() for table in ROWS}
    good = [b"\n".join(data.split(b"\n")[:12]) for data in shipped.values()]

    def attempt(data: bytes, table: str) -> None:
        (tmp_path / f"{table}.csv").write_bytes(data)
        with contextlib.suppress(ConfigError):
            load.tables(Settings(folder=tmp_path, reference={table: f"{table}.csv"}))  # type: ignore[arg-type]

    fuzz(good, attempt, st.sampled_from(sorted(set(ROWS) & set(config.Reference.model_fields))))


def test_thresholds(tmp_path: Path) -> None:
    good = files("basewatch.sql").joinpath("params.yml").read_bytes()[:3000]

    def attempt(data: bytes) -> None:
        (tmp_path / "params.yml").write_bytes(data)
        with contextlib.suppress(ConfigError):
            load.params(Settings(folder=tmp_path, reference={"params": "params.yml"}))  # type: ignore[arg-type]

    fuzz([good], attempt)
