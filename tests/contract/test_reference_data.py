"""The shipped facts: whole, sorted, in range, and meaning what docs/reference-data.md says they mean."""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
import os
import re
from collections import Counter
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import airportsdata
import duckdb
import pytest

from basewatch import config
from basewatch.news.reader import Reader
from basewatch.reference import doubts, load
from basewatch.reference.load import Reference
from basewatch.reference.rows import KEYS, ROWS

SHIPPED = (*ROWS, "press_flights")
TABLE_KEYS = {**KEYS, "press_flights": ("record_id",)}
RECORDED = os.environ.get("RECORDED_DATA")  # a folder of recorded data that may not be shipped


@cache
def shipped() -> Reference:
    """The shipped tables."""
    return load.tables(config.Settings())


def test_a_shipped_table_is_the_same_read_by_column_and_by_row() -> None:
    by_row = load.Rows({table: list(load.shipped_rows(table)) for table in ROWS})
    for table in ROWS:
        assert load.Rows().arrow(table).equals(by_row.arrow(table)), table


def test_shipped_tables_fit_together() -> None:
    """A run holds a user's own tables against the shipped ones, and takes these as they are."""
    load._check_references(shipped().rows, set(ROWS))
    assert not doubts.of(replace(shipped(), own=frozenset(ROWS)))


def text(table: str) -> str:
    """A shipped CSV as it stands."""
    return files("basewatch.sql.reference").joinpath(f"{table}.csv").read_text(encoding="utf-8")


def cells(table: str) -> list[dict[str, str]]:
    """A shipped CSV as text cells."""
    return list(csv.DictReader(io.StringIO(text(table), newline="")))


# ---- form


@pytest.mark.parametrize("table", SHIPPED)
def test_rows_stand_in_the_order_of_their_key(table: str) -> None:
    """Sorted files make small, readable differences; position is a number, all else sorts as text."""
    key = TABLE_KEYS[table]
    keys = [tuple(int(row[name]) if name == "position" else row.get(name, "") for name in key) for row in cells(table)]
    misplaced = [(one, next_) for one, next_ in itertools.pairwise(keys) if one >= next_]
    assert not misplaced[:3], f"{table}.csv is not sorted by {', '.join(key)} or a key stands twice"


@pytest.mark.parametrize("table", SHIPPED)
def test_files_are_clean_text(table: str) -> None:
    content = text(table)
    assert content.endswith("\n") and "\r" not in content and "\ufeff" not in content and "\ufffd" not in content
    padded = [cell for row in cells(table) for cell in row.values() if cell != cell.strip()]
    assert not padded


def test_no_file_is_so_large_that_loading_it_is_felt() -> None:
    sizes = {table: len(text(table).encode()) for table in SHIPPED}
    assert max(sizes.values()) < 2_000_000, sizes


@pytest.mark.parametrize("table", SHIPPED)
def test_addresses_of_sources_are_web_addresses(table: str) -> None:
    named = [value for row in cells(table) for name, value in row.items() if name.endswith("url") and value]
    assert all(re.fullmatch(r"https?://\S+", value) for value in named)


# ---- bases and runways


def test_the_bases_are_those_promised() -> None:
    bases = shipped().bases
    assert len(bases) == 130
    assert {row.kind for row in bases.values()} == {"air"}
    hmeimim = bases["hmeimim"]
    assert (hmeimim.icao, hmeimim.iata, hmeimim.ident, hmeimim.country) == ("OSLK", "LTK", "OSLK", "SY")
    assert hmeimim.is_shared_with_civil
    assert bases["shayrat"].icao is None and bases["shayrat"].ident == "OS65"
    assert not bases["chkalovsky"].is_shared_with_civil


@pytest.mark.parametrize("column", ["icao", "iata", "ident"])
def test_codes_of_bases_are_unique(column: str) -> None:
    codes = Counter(getattr(row, column) for row in shipped().rows["bases"] if getattr(row, column))
    assert [code for code, times in codes.items() if times > 1] == []
    assert column != "ident" or sum(codes.values()) == 130


def kilometres(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Distance of two places given as degrees, over a plane: good for a few hundred km."""
    north = (one[0] - other[0]) * 111.2
    east = (one[1] - other[1]) * 111.2 * math.cos(math.radians(one[0]))
    return math.hypot(north, east)


def test_positions_agree_with_a_second_list() -> None:
    """A slipped digit or swapped latitude and longitude would show as many kilometres."""
    airports = airportsdata.load("ICAO")
    apart = {
        row.base_id: kilometres((row.latitude, row.longitude), (airports[row.ident]["lat"], airports[row.ident]["lon"]))
        for row in shipped().rows["bases"]
        if row.ident in airports
    }
    assert len(apart) > 80
    assert {base: round(km, 1) for base, km in apart.items() if km > 1.5} == {}


def test_runway_ends_lie_at_their_base_and_along_their_heading() -> None:
    checked = 0
    for row in shipped().rows["runways"]:
        base = shipped().bases[row.base_id]
        ends = [(row.le_latitude, row.le_longitude), (row.he_latitude, row.he_longitude)]
        if None in ends[0] or None in ends[1]:
            assert row.heading_basis != "true"
            continue
        assert all(kilometres((base.latitude, base.longitude), end) < 5 for end in ends), row
        north, east = ends[1][0] - ends[0][0], (ends[1][1] - ends[0][1]) * math.cos(math.radians(base.latitude))
        course = math.degrees(math.atan2(east, north)) % 360
        assert row.heading_basis == "true"
        assert abs((course - row.heading_deg_true + 180) % 360 - 180) < 0.2, (row.base_id, row.le_ident, course)
        apart = kilometres(*ends) * 3280.84
        assert "end points" in (row.note or "") or apart == pytest.approx(row.length_ft, rel=0.1), row
        checked += 1
    assert checked == 115


def test_runway_headings_fit_their_designators() -> None:
    for row in shipped().rows["runways"]:
        number = int(re.match(r"\d+", row.le_ident)[0]) * 10  # type: ignore[index]
        off = abs((number - row.heading_deg_true + 180) % 360 - 180)
        assert off <= 30, (row.base_id, row.le_ident, row.heading_deg_true)  # variation, rounding, renumbering


def test_hmeimim_has_both_parallel_runways() -> None:
    assert {row.le_ident for row in shipped().rows["runways"] if row.base_id == "hmeimim"} >= {"17", "17L"}


# ---- address blocks and types


def country(icao24: str) -> str | None:
    """The country of an address: the first block that holds it."""
    held = (row for row in shipped().rows["icao_blocks"] if row.start_hex <= icao24 <= row.end_hex)
    return min(held, key=lambda row: row.position).country if (held := list(held)) else None


@pytest.mark.parametrize(
    ("icao24", "expected"),
    [
        ("15406e", "RU"),
        ("149c77", "RU"),
        ("1f3342", "RU"),
        ("778722", "SY"),
        ("4b801c", "TR"),
        ("06a251", "QA"),
        ("400000", "BM"),  # Bermuda lies in the block of the United Kingdom: order decides
        ("43c000", "GB"),
        ("789000", "HK"),
        ("780000", "CN"),
        ("adf7c8", "US"),
        ("ffffff", None),
    ],
)
def test_addresses_belong_to_countries(icao24: str, expected: str | None) -> None:
    assert country(icao24) == expected


def test_positions_of_blocks_run_without_a_hole() -> None:
    assert [row.position for row in shipped().rows["icao_blocks"]] == list(range(1, 208))


def test_types_have_the_wake_category_of_doc_8643() -> None:
    wake = {row.type_code: row.wake for row in shipped().rows["aircraft_types"]}
    known = {"A124": "H", "IL62": "H", "IL76": "H", "T154": "M", "T134": "M", "A148": "M", "AN26": "M", "AN22": "H"}
    known |= {"A388": "J", "C17": "H", "C208": "L", "AT8T": "M", "A139": "L", "C30J": "M"}
    assert {code: wake.get(code) for code in known} == known


def test_helicopters_are_those_with_an_h_and_no_fixed_wing_is_one() -> None:
    for row in shipped().rows["aircraft_types"]:
        assert row.is_helicopter == (row.description or "").startswith("H"), row.type_code
        assert row.description is None or re.fullmatch(r"[LSAGHT][1-8C][JTPER]", row.description), row
    helicopters = {row.type_code for row in shipped().rows["aircraft_types"] if row.is_helicopter}
    assert {"MI8", "H60", "H47", "A139"} <= helicopters
    assert not {"A124", "V22", "IL76"} & helicopters


def test_every_designator_of_the_register_is_a_known_type_but_for_those_documented() -> None:
    known = {row.type_code for row in shipped().rows["aircraft_types"]}
    missing = {row.type_code for row in shipped().rows["aircraft"] if row.type_code} - known
    assert missing == {"E260", "KC39", "KC46", "KODI", "UAV", "UH60", "YK3"}


def test_every_type_in_the_recorded_flights_is_known() -> None:
    known = {row.type_code for row in shipped().rows["aircraft_types"]}
    folder = files("basewatch.sample")
    lines = folder.joinpath("adsblol", "observations.jsonl").read_text(encoding="utf-8").splitlines()
    seen = {json.loads(line).get("t") for line in lines} - {None}
    seen |= {
        row["type_code"]
        for row in csv.DictReader(io.StringIO(folder.joinpath("flights", "simulated_flights.csv").read_text()))
    }
    assert len(seen) > 20
    assert seen <= known


# ---- the register


def test_both_addresses_of_one_registration_stay() -> None:
    addresses = {row.icao24 for row in shipped().rows["aircraft"] if row.registration == "RF-78658"}
    assert addresses == {"153342", "1f3342"}
    assert [row.icao24 for row in shipped().rows["aircraft"] if row.registration == "RA-85563"] == ["154e3b"]


def test_documented_changes_to_the_register_were_made() -> None:
    rows = {row.icao24: row for row in shipped().rows["aircraft"]}
    assert rows["778561"].registration == "YK-AKA"
    assert "adfe3c" not in rows  # an American block cannot hold a Russian aircraft
    assert not [row for row in rows.values() if row.operator == "Russian Air Force" and country(row.icao24) != "RU"]
    assert len(rows) == 16_247
    assert Counter(row.is_military for row in rows.values())[True] == 9_848


# ---- fleets: the rules, run as SQL

MEMBERS = """
WITH given AS (SELECT icao24, registration, callsign FROM candidates),
described AS (
    SELECT
        g.*,
        regexp_extract(g.callsign, '^([A-Z]{3})[0-9]', 1) AS prefix,
        (SELECT arg_min(b.country, b.position) FROM icao_blocks AS b
         WHERE g.icao24 BETWEEN b.start_hex AND b.end_hex) AS country,
        coalesce(
            (SELECT any_value(a.operator) FROM aircraft AS a WHERE a.registration = g.registration),
            (SELECT any_value(a.operator) FROM aircraft AS a WHERE a.icao24 = g.icao24)
        ) AS operator
    FROM given AS g
)
SELECT DISTINCT d.icao24, d.registration, d.callsign
FROM described AS d
INNER JOIN fleets AS f
    ON f.fleet_id = 'ru_mil'
    AND (f.icao24 IS NULL OR f.icao24 = d.icao24)
    AND (f.registration IS NULL OR f.registration = d.registration)
    AND (f.registration_prefix IS NULL OR starts_with(d.registration, f.registration_prefix))
    AND (f.callsign_prefix IS NULL OR f.callsign_prefix = d.prefix)
    AND (f.operator IS NULL OR f.operator = d.operator)
    AND (f.country IS NULL OR f.country = d.country)
"""
Sighting = tuple[str | None, str | None, str | None]


def russian_military(sightings: list[Sighting]) -> set[Sighting]:
    """Those of the sightings (address, registration, callsign) that the rules of ru_mil take in."""
    assert not [
        row for row in shipped().rows["fleets"] if row.type_code or row.is_military is not None
    ]  # not in MEMBERS
    connection = duckdb.connect()
    for table in ("aircraft", "fleets", "icao_blocks"):
        connection.register(table, shipped().table(table))
    connection.execute("CREATE TABLE candidates (icao24 VARCHAR, registration VARCHAR, callsign VARCHAR)")
    connection.executemany("INSERT INTO candidates VALUES (?, ?, ?)", sightings)
    return set(connection.execute(MEMBERS).fetchall())


RUSSIAN: list[Sighting] = [
    ("1551e0", "RA-86496", None),  # Il-62 without a callsign
    ("15521f", "RA-86559", "RF8422"),  # callsign mistyped
    ("149c77", "RA-85563", "RFF8186"),  # address that no register has
    ("149c77", "RA-85563", None),
    ("1533f8", "RA-78840", "78352"),
    ("15406e", "RA-82030", "TTF8443"),
    ("153342", "RF-78658", None),
    ("1f3342", "RF-78658", None),
    ("1f3342", None, None),
    (None, "RF-78658", None),  # by registration alone
    (None, "RF-99999", None),  # a state mark that no register has
    ("14fc10", "RA-64528", None),  # Special Flight Detachment
    ("140001", None, "RFF1234"),
    (None, "RA-99999", "RSD71"),
]
# Aircraft that landed at Hmeimim in 2025 (address and registration as Flightradar24 records state them).
RUSSIAN += [
    ("154ca3", "RA-85155", None),
    ("1533f3", "RA-78835", None),
    ("154078", "RA-82040", None),
    ("1533ee", "RA-78830", None),
    ("154c32", "RA-85042", None),
    ("154e37", "RA-85559", None),
    ("1533ff", "RA-78847", None),
    ("153402", "RA-78850", None),
    ("15520b", "RA-86539", None),
    ("154c83", "RA-85123", None),
]
OTHERS: list[Sighting] = [
    ("778722", "YK-AYB", "7"),
    ("4b801c", "OR-2028", "OR2028"),
    ("06a251", "QA63", "RAYYAN01"),
    ("4b801c", "OR-2028", "RFF1"),  # anyone can key in a callsign
    (None, None, "RFF1234"),
    ("154098", "RA-82078", "VDA1234"),  # Volga-Dnepr
    ("152d1f", "RA-73009", "AFL1234"),  # Aeroflot
    ("140759", "RA-01881", None),  # Moscow city government
    ("140001", None, "RFFX"),  # no digit follows
    ("adfe3c", "2136", None),
    (None, None, None),
]


def test_ru_mil_takes_in_russian_military_and_state_aircraft() -> None:
    assert set(RUSSIAN) - russian_military(RUSSIAN) == set()


def test_ru_mil_leaves_out_everyone_else() -> None:
    assert russian_military(OTHERS) == set()


def test_ru_mil_holds_exactly_the_russian_military_of_the_recorded_flights() -> None:
    found = sorted(Path(RECORDED).glob("flightradar24/*OSLK*.csv")) if RECORDED else []
    if not found:
        pytest.skip("no recorded OSLK flights: RECORDED_DATA names no folder that holds flightradar24/*OSLK*.csv")
    with found[0].open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    sightings: list[Sighting] = [
        (row["hex"].lower() or None, row["reg"] or None, row["callsign"] or None) for row in rows
    ]
    civil_or_foreign = {"YK-AYB", "OR-2028", "QA63"}
    assert len(rows) == 72
    assert russian_military(sightings) == {one for one in sightings if one[1] not in civil_or_foreign}
    without_address: list[Sighting] = [(None, registration, None) for _, registration, _ in sightings]
    assert russian_military(without_address) == {one for one in without_address if one[1] not in civil_or_foreign}


def test_every_rule_says_why_and_every_operator_rule_meets_an_aircraft() -> None:
    operators = {row.operator for row in shipped().rows["aircraft"]}
    rules = [row for row in shipped().rows["fleets"] if row.fleet_id == "ru_mil"]
    assert all(row.basis and row.source_url and row.checked_on for row in rules)
    assert {row.operator for row in rules if row.operator} <= operators
    assert {row.fleet_id for row in shipped().rows["fleets"]} == {"all", "unidentified", "ru_mil"}
    assert all(row.name and row.definition for row in shipped().rows["fleets"])


def test_fleets_of_states_are_those_of_the_register() -> None:
    """At least twenty states, each type of each borne by as many aircraft as its row says."""
    listed = Counter(
        (country(row.icao24), row.type_code) for row in shipped().rows["aircraft"] if row.is_military and row.type_code
    )
    fleets, types = load.state_fleets(), {row.type_code for row in shipped().rows["aircraft_types"]}
    assert len(fleets) >= 20
    for fleet, rules in fleets.items():
        assert {(row.name, row.definition) for row in rules} == {(rules[0].name, rules[0].definition)}
        for row in rules:
            assert fleet == f"{row.country.lower()}_transport" and row.is_military, row
            assert row.basis == f"{listed[row.country, row.type_code]} on plane-alert-db" and row.checked_on, row
            assert row.type_code in types, f"{row.type_code} is no designator"


def test_the_text_of_a_fleet_is_written_once() -> None:
    for name in ("fleets", "state_fleets"):
        rows = cells(name)
        assert set(Counter(row["fleet_id"] for row in rows if row["definition"]).values()) == {1}
        assert {row["fleet_id"] for row in rows if not row["name"]} <= {row["fleet_id"] for row in rows if row["name"]}


def test_every_shipped_fleet_of_a_state_stands_in_the_documents() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference-data.md").read_text(encoding="utf-8")
    assert [fleet for fleet in load.state_fleets() if f"`{fleet}`" not in page] == []


# ---- names in texts


def test_a_form_names_a_base_once_and_one_base_only() -> None:
    names = Counter((row.base_id, row.alias) for row in shipped().rows["keywords"] if row.role == "name")
    assert [name for name, times in names.items() if times > 1] == []
    bases: dict[str, set[str]] = {}
    for row in shipped().rows["keywords"]:
        if row.role == "name":
            bases.setdefault(row.alias.casefold(), set()).add(row.base_id)
    assert {alias: owners for alias, owners in bases.items() if len(owners) > 1} == {}


def test_every_base_has_a_name() -> None:
    assert {row.base_id for row in shipped().rows["keywords"] if row.role == "name"} == set(shipped().bases)


def test_examples_of_weak_names_hold_the_name() -> None:
    """Otherwise the miss would prove nothing."""
    weak = [row for row in shipped().rows["keywords"] if row.role == "name" and row.strength == "weak"]
    assert len(weak) > 300
    for row in weak:
        stem = row.alias.casefold()
        assert stem in row.example_hit.casefold(), row.alias
        assert stem in row.example_miss.casefold(), row.alias


def test_weak_names_count_in_their_hit_and_not_in_their_miss() -> None:
    reader = Reader(shipped())
    wrong = []
    for row in shipped().rows["keywords"]:
        if row.role == "name" and row.strength == "weak":
            if row.base_id not in reader.bases_in(row.example_hit, row.language):
                wrong.append(("not found", row.alias, row.example_hit))
            if row.base_id in reader.bases_in(row.example_miss, row.language):
                wrong.append(("found", row.alias, row.example_miss))
    assert wrong == []


@pytest.mark.parametrize("town", ["Latakia", "Lattakia", "Lattaquié", "Латакия", "Латакія", "اللاذقية", "Lazkiye"])
def test_a_town_is_a_weak_name(town: str) -> None:
    rows = [row for row in shipped().rows["keywords"] if row.alias == town]
    assert [(row.base_id, row.strength) for row in rows] == [("hmeimim", "weak")]


# ---- sources, press, licences


def test_sources_prove_what_the_contract_says() -> None:
    covers = {row.source: row.covers for row in shipped().rows["sources"]}
    assert covers == {
        "readsb_archive": "all_bases",
        "readsb_live": "all_bases",
        "opensky": "one_base",
        "flightradar24": "one_base",
        "flight_files": "one_base",
        "simulated": "one_base",
        "press_flights": "never",
        "gdelt_doc": "one_base",  # of news: the months in which it was read have mentions to count, or none
        "gdelt_files": "all_bases",
        "feeds": "all_bases",
        "articles": "never",  # chosen articles say nothing of the bases that they do not name
        "simulated_articles": "never",
    }
    assert set(covers) == set(config.Sources.model_fields)
    assert all(row.licence and row.attribution for row in shipped().rows["sources"])


def test_press_rows_cite_a_page_and_a_watched_base() -> None:
    rows = cells("press_flights")
    assert len(rows) == 137
    assert {row["base_id"] for row in rows} - {""} <= set(shipped().bases)
    assert all(row["source_url"] and row["paraphrase"] and row["event_group"] for row in rows)
    assert {row["claim_kind"] for row in rows} == {"flight", "pause", "resumption", "monthly_count"}
    assert len({row["event_group"] for row in rows}) == 85
    assert all(
        row["source_published_on"].startswith(row["source_published_month"])
        for row in rows
        if row["source_published_on"]
    )


def test_shared_data_has_its_licence_beside_it() -> None:
    root = Path(__file__).parents[2]
    told = (root / "DATA-LICENCES.md").read_text(encoding="utf-8")
    for table in SHIPPED:
        assert f"{table}.csv" in told, f"{table}.csv has no line in DATA-LICENCES.md"
    assert "Open Database License" in told
    assert "Apache License" in (root / "LICENSE").read_text(encoding="utf-8")
    beside = files("basewatch.sample").joinpath("adsblol", "ATTRIBUTION.txt").read_text(encoding="utf-8")
    assert "Open Database License" in beside and "adsb.lol" in beside


# ---- the sample


def sample() -> config.Settings:
    """The settings of the bundled sample."""
    return config.load(Path(str(files("basewatch.sample").joinpath("basewatch.toml"))))


def test_the_sample_loads_and_its_real_bases_are_the_shipped_ones() -> None:
    bases = load.tables(sample()).bases
    only_here = set(bases) - set(shipped().bases)
    assert only_here == {"radom", "rzeszow", "simulated_field"}
    own = [row for row in load.tables(sample()).rows["keywords"] if row.base_id == "simulated_field"]
    assert [(row.alias, row.strength) for row in own] == [("Simulated Field", "strong")]
    assert {row.base_id for row in load.tables(sample()).rows["keywords"]} >= only_here, "a base without a name warns"
    names = {(row.base_id, row.role, row.alias, row.language): row for row in shipped().rows["keywords"]}
    for row in load.tables(sample()).rows["keywords"]:
        assert row.base_id in only_here or row == names[(row.base_id, row.role, row.alias, row.language)]
    assert all(bases[base_id] == shipped().bases[base_id] for base_id in set(bases) - only_here)
    for row in cells("press_flights"):
        assert row["base_id"] in {"", *bases}


def test_simulated_flights_cannot_be_taken_for_real_ones() -> None:
    folder = files("basewatch.sample").joinpath("flights")
    assert [entry.name for entry in folder.iterdir()] == ["simulated_flights.csv"]
    rows = list(csv.DictReader(io.StringIO(folder.joinpath("simulated_flights.csv").read_text(encoding="utf-8"))))
    field = load.tables(sample()).bases["simulated_field"]
    airports = airportsdata.load("ICAO")
    assert len(rows) > 100
    for row in rows:
        assert row["record_id"].startswith("simulated-") and row["operator"] == "SIMULATED"
        assert row["registration"].startswith("SIM-") and row["icao24"] == ""
        assert field.icao in (row["origin"], row["destination"])
        assert not {row["origin"], row["destination"]} & (
            set(airports) | {base.icao for base in shipped().bases.values()}
        )
        assert row["departed_at"] < row["arrived_at"]
    assert len({row["record_id"] for row in rows}) == len(rows)
    assert "does not exist" in field.name and field.operator == "SIMULATED"
    assert (
        min(kilometres((field.latitude, field.longitude), (one["lat"], one["lon"])) for one in airports.values()) > 1000
    )


def test_the_simulated_pause_and_the_declared_days_are_as_written() -> None:
    covers: list[Any] = sample().sources.simulated.covers
    assert [(cover.base, str(cover.since), str(cover.until)) for cover in covers] == [
        ("simulated_field", "2025-01-01", "2026-07-24")
    ]
    folder = files("basewatch.sample").joinpath("flights")
    rows = list(csv.DictReader(io.StringIO(folder.joinpath("simulated_flights.csv").read_text(encoding="utf-8"))))
    field = [row["arrived_at"] if row["destination"] == "QSIM" else row["departed_at"] for row in rows]
    days = sorted({moment[:10] for moment in field})
    assert [day for day in days if "2025-12-10" <= day <= "2026-02-21"] == []
    assert days[0] >= "2025-01-01" and days[-1] <= "2026-07-24"
    assert any(day >= "2026-02-22" for day in days) and any(day < "2025-12-10" for day in days)


def test_articles_say_that_they_are_paraphrases_and_cite_a_press_row() -> None:
    cited = {row["source_url"] for row in cells("press_flights")}
    entries = sorted(files("basewatch.sample").joinpath("articles").iterdir(), key=lambda entry: entry.name)
    assert len(entries) == 3
    for entry in entries:
        content = entry.read_text(encoding="utf-8")
        assert re.search(r"paraphrase|пересказ|إعادة صياغة", content), entry.name
        assert "hmeimim" in Reader(load.tables(sample())).bases_in(content), entry.name
        (url,) = re.findall(r"^Original URL: (\S+)$", content, re.MULTILINE)
        assert url in cited, entry.name


def test_the_simulated_article_says_what_it_is_and_speaks_of_the_invented_field_alone() -> None:
    (entry,) = files("basewatch.sample").joinpath("simulated_articles").iterdir()
    content = entry.read_text(encoding="utf-8")
    assert content.startswith("# SIMULATED article: ") and "made up for basewatch" in content
    assert "http" not in content, "no address that somebody might take for a page"
    assert set(Reader(load.tables(sample())).bases_in(content)) == {"simulated_field"}


def test_the_fleet_in_the_guide_loads() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "reference-data.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```csv\n(.*?)```", guide, re.DOTALL)
    (row,) = load.parse("fleets", example, "guide")
    assert (row.type_code, row.country, row.is_military) == ("C17", "US", True)


# ---- how well texts are read


def test_what_is_said_of_reading_is_what_the_labelled_cases_give(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    import news_accuracy

    assert text("reading_accuracy") == news_accuracy.counts(), "python benchmarks/news_accuracy.py --write"
