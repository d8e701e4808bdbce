"""The scalar macros that models share: given values in, stated values out, at the edges of the globe and of the day."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from basewatch.warehouse import models


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("SET TimeZone = 'Asia/Kamchatka'")  # UTC+12: a macro that looked at it would show
    models.define_macros(connection)
    return connection


EXACT: list[tuple[str, Any]] = [
    ("wrapped_deg(10 - 7)", 3),
    # from 179.9 E to 179.9 W is two tenths of a degree east, and back two tenths west
    ("round(wrapped_deg(-179.9::DOUBLE - 179.9), 9)", 0.2),
    ("round(wrapped_deg(179.9::DOUBLE - -179.9), 9)", -0.2),
    ("wrapped_deg(180)", -180),
    ("wrapped_deg(-180)", -180),
    ("wrapped_deg(NULL)", None),
    ("distance_km(1, 0, 0)", 111.195),
    ("distance_km(-1, 0, 0)", 111.195),
    ("distance_km(0::FLOAT, 0::FLOAT, 35.4::FLOAT)", 0),
    ("round(distance_km(0, 1, 60), 6)", 55.5975),
    # at the pole all meridians meet; a degree of longitude beside it is all but nothing
    ("round(distance_km(0, 180, 90), 9)", 0),
    ("round(distance_km(0, 90, 89.9), 3)", 17.466),
    ("round(distance_km(0, 359.8::DOUBLE, 0), 6)", 22.239),
    ("km_of_deg(2)", 222.39),
    ("round(east_km(-2, 60), 6)", -111.195),
    ("round(east_deg(359, 60), 9)", -0.5),
    # square degrees: the corners of the world, and neighbours across the antimeridian
    ("cell_of(-90, -180)", 0),
    ("cell_of(-90, -179)", 1),
    ("cell_of(-89, -180)", 360),
    ("cell_of(10, 180) = cell_of(10, -180)", True),
    ("cell_of(10, -181) = cell_of(10, 179)", True),
    ("day_of_s(0)", date(1970, 1, 1)),
    ("day_of_s(-1)", date(1969, 12, 31)),
    ("day_of_s(-86400)", date(1969, 12, 31)),
    ("day_of_s(-86401)", date(1969, 12, 30)),
    ("day_of_s(1761523199)", date(2025, 10, 26)),
    ("day_of_s(1761523200)", date(2025, 10, 27)),
    ("day_of_s(NULL)", None),
    ("day_of(TIMESTAMPTZ '2025-10-26 23:59:59.999999+00')", date(2025, 10, 26)),
    ("day_of(TIMESTAMPTZ '2025-10-27 00:00:00+00')", date(2025, 10, 27)),
    ("day_of(TIMESTAMPTZ '2025-10-27 01:00:00+03')", date(2025, 10, 26)),
    ("day_of(TIMESTAMPTZ '1969-12-31 23:59:59+00')", date(1969, 12, 31)),
    ("month_of(DATE '2024-02-29')", date(2024, 2, 1)),
    ("month_of(DATE '2024-02-01')", date(2024, 2, 1)),
    ("us_of_minutes(90)", 5_400_000_000),
    # more minutes than 32 bits hold microseconds of
    ("us_of_minutes(525600)", 31_536_000_000_000),
    ("reach_km(3600, 2)", 3.704),
    ("reach_km(3600, 0)", 1.852),
    ("height_by_pressure(2000, 700)", 2700),
    ("height_by_pressure(2000, 0)", 2000),
    ("height_by_pressure(2000, -700)", 1300),
    ("height_by_pressure(1000, -700)", 500),
    ("height_by_pressure(-100, -700)", -100),
    ("held_s(30, 4)", 40),
    ("held_s(0, 1)", 0),
    ("pace_kt(1.852, 3600)", 1),
    ("pace_kt(5, 0)", None),
    ("bearing_deg(1, 0, 50)", 0.0),
    ("bearing_deg(0, -1, 50)", 270.0),
    ("turn_deg(350, 10)", 20.0),
    ("turn_deg(10, 350)", 20.0),
    ("turn_deg(90, 270)", 180.0),
    ("turn_deg(NULL, 1)", None),
    ("great_circle_nm(0, 0, 0, 90)", 90 * 111.195 / 1.852),
    ("great_circle_nm(10, 179, 10, NULL)", None),
    ("line_off(0, -5, 0, 0, 1)", 0.0),  # on the line, and on the way to the runway
    ("line_off(0, 5, 0, 0, 1)", 20.0),  # far past it
    ("line_off(0, 5, 0, 0, -1)", 0.0),  # as after a take-off
    ("line_off(0.65, -5, 0, 15, 1)", 2.0),  # a spread beside the line, and the track a spread off it
    ("minutes_to_fly(10, 1)", 3.75),
    ("minutes_to_fly(30, 2)", 17.5),
    ("unknown_reading()", float("-inf")),
    ("step_from(NULL, NULL)", float("-inf")),
    ("step_from(1.5, 2)", 1.5),
    ("step_to(NULL, NULL)", -1e300),
    ("step_to(1.5, 2.5)", 2.5),
    ("code_or_null(' ra-82030 ')", "RA-82030"),
    ("code_or_null('  ')", None),
    ("code_or_null(NULL)", None),
    ("mark_of('ra-82030')", "RA82030"),
    ("mark_of('YK-AYB')", "YKAYB"),
    ("id_of_aircraft('15406e')", "15406e"),
    ("id_of_aircraft('reg:RF-95 681')", "reg_rf_95_681"),
    ("is_observable('observed')", True),
    ("is_observable('unmeasured')", True),
    ("is_observable('blind')", False),
    ("is_observable('missing')", False),
    ("is_observable(NULL)", None),
    ("p_of_looks(NULL, 5)", None),
    ("p_of_looks(0.3, 1)", 0.3),
    ("p_of_looks(0.5, 2)", 0.75),
    ("p_of_looks(1e-20, 1000)", 1e-17),
    ("p_of_so_few(0, NULL, 20)", None),
    ("p_of_so_few(5, 5, 20)", 1.0),
    ("p_of_so_few(0, 0, 20)", 1.0),
    ("p_of_so_few(0, 3, 1)", 0.25),  # a geometric count: 1 / (1 + 3)
    ("likely_words(1.0)", "almost certain, 99 in 100"),
    ("likely_words(0.95)", "very likely, 95 in 100"),
    ("likely_words(0.8)", "likely, 80 in 100"),
    ("likely_words(0.55)", "about as likely as not, 55 in 100"),
    ("likely_words(0.45)", "unlikely, 45 in 100"),
    ("likely_words(0.2)", "very unlikely, 20 in 100"),
    ("likely_words(0.05)", "almost no chance, 5 in 100"),
    ("likely_words(0.001)", "almost no chance, 1 in 100"),
    ("likely_words(NULL)", None),
    ("p_of_so_few(1, 3, 1)", 0.75),  # (2 / 4)^2 * 3; the chance itself is 1/4 + 3/16
]


@pytest.mark.parametrize(("call", "expected"), EXACT, ids=[call for call, _ in EXACT])
def test_a_macro_gives(connection: duckdb.DuckDBPyConnection, call: str, expected: Any) -> None:
    row = connection.execute(f"SELECT {call}").fetchone()
    assert row is not None
    if isinstance(expected, float):
        assert float(row[0]) == pytest.approx(expected, rel=1e-12)
    else:
        assert row[0] == expected


def test_near_distances_are_those_on_the_globe(connection: duckdb.DuckDBPyConnection) -> None:
    # 60 NM north-east of Hmeimim, against the great circle on a sphere of the same size
    north, east, latitude = 0.7, 0.86, 35.4
    row = connection.execute("SELECT distance_km(?, ?, ?)", [north, east, latitude + north / 2]).fetchone()
    one, two, apart = (math.radians(value) for value in (latitude, latitude + north, east))
    half = math.sin((two - one) / 2) ** 2 + math.cos(one) * math.cos(two) * math.sin(apart / 2) ** 2
    assert row is not None
    assert row[0] == pytest.approx(2 * math.asin(math.sqrt(half)) * 111.195 * 180 / math.pi, rel=1e-4)


def test_every_macro_is_tried_here() -> None:
    names = {statement.split(" MACRO ")[1].split("(")[0] for statement in models.macros()}
    tried = " ".join(call for call, _ in EXACT) + " km_per_deg("
    assert {name for name in names if f"{name}(" not in tried} == set()


def test_a_macro_reads_no_table() -> None:
    for statement in models.macros():
        body = statement.split(" AS", 1)[1]
        assert models.parents(f"SELECT {body.strip()}") == frozenset()


def test_a_database_that_is_kept_holds_the_macros(tmp_path: Path) -> None:
    kept = tmp_path / "kept.duckdb"
    with duckdb.connect(str(kept)) as connection:
        models.define_macros(connection)
        models.define_macros(connection)  # a second build into the same file
        connection.execute("CREATE SCHEMA staging; CREATE VIEW staging.codes AS SELECT code_or_null(' ab ') AS code")
    with duckdb.connect(str(kept), read_only=True) as connection:
        assert connection.execute("SELECT code FROM staging.codes").fetchall() == [("AB",)]
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{kept}' AS kept (READ_ONLY)")
        assert connection.execute("SELECT code FROM kept.staging.codes").fetchall() == [("AB",)]


def test_the_hash_of_the_models_covers_the_macros(monkeypatch: pytest.MonkeyPatch) -> None:
    before = models.sha256()
    monkeypatch.setattr(models, "macros_text", lambda: "CREATE MACRO other() AS 1;")
    assert models.sha256() != before
