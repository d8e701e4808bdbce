"""Reading reference CSVs: what is accepted, what is refused, and how the refusal reads."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from basewatch.config import Settings
from basewatch.errors import ConfigError
from basewatch.reference import doubts, load
from basewatch.reference.load import Reference
from basewatch.reference.rows import arrow_schema
from basewatch.run import doubts_about

BASES = "base_id,name,icao,country,kind,latitude,longitude,is_shared_with_civil\n"
BASE = "home,Home Field,EDXX,DE,air,50.0,8.0,false\n"
RUNWAYS = "base_id,le_ident,he_ident,heading_deg_true,heading_basis\n"
FLEETS = "fleet_id,name,definition,operator\n"
STEPS = "judge,term_a,from_a,to_a,term_b,from_b,to_b,points\n"
KEYWORDS = "base_id,alias,role,strength,example_hit,example_miss\n"


def own(folder: Path, **tables: str) -> Settings:
    """Settings whose reference tables are the given texts."""
    for table, text in tables.items():
        (folder / f"{table}.csv").write_text(text, encoding="utf-8")
    return Settings.model_validate(
        {"folder": folder, "reference": {table: f"{table}.csv" for table in tables}},
    )


def test_absent_optional_columns_and_blank_cells_read_as_null() -> None:
    (row,) = load.parse("bases", BASES + "home,Home Field,  ,DE,air,50.0,8.0,true\n", "b.csv")
    assert (row.icao, row.iata, row.elevation_ft, row.checked_on) == (None, None, None, None)
    assert row.is_shared_with_civil is True


def test_cells_are_typed_and_stripped() -> None:
    text = (
        "icao24,registration,type_code,type_name,operator,is_military,register,valid_from\n"
        "15406e, RA-82030 ,A124,,Russian Air Force,true,mine,2024-02-29\n"
    )
    (row,) = load.parse("aircraft", text, "a.csv")
    assert (row.registration, row.is_military, row.valid_from, row.valid_to) == (
        "RA-82030",
        True,
        date(2024, 2, 29),
        None,
    )


@pytest.mark.parametrize(
    ("table", "text", "told"),
    [
        ("bases", BASES + BASE + "away,Away,EDYY,DE,air,95.0,8.0,false\n", "b.csv, line 3, column latitude:"),
        ("bases", BASES + "home,Home,EDXX,DE,air,50.0,8.0,maybe\n", "b.csv, line 2, column is_shared_with_civil:"),
        ("bases", BASES + "home,Home,edxx,DE,air,50.0,8.0,false\n", "b.csv, line 2, column icao:"),
        ("bases", BASES + BASE + BASE, "b.csv, line 3, column base_id: base_id home stands already in line 2"),
        ("bases", BASES + "home,Home,EDXX,DE,air,50.0\n", "b.csv, line 2: the row does not have as many cells"),
        ("bases", BASES + BASE.strip() + ",more\n", "b.csv, line 2: the row does not have as many cells"),
        ("bases", BASES.replace("kind", "sort") + BASE, "b.csv, line 1: columns missing: kind; unknown: sort"),
        ("bases", BASES.replace("name", "icao") + BASE, "columns missing: name; twice: icao"),
        ("bases", "", "b.csv, line 1: columns missing: base_id"),
        ("bases", BASES + 'home,"Home,EDXX,DE,air,50.0,8.0,false\n', "b.csv, line 2 or after: not readable as CSV"),
        ("runways", RUNWAYS + "home,09,27,361,true\n", "b.csv, line 2, column heading_deg_true:"),
        ("runways", RUNWAYS + "home,09,27,90,guess\n", "b.csv, line 2, column heading_basis:"),
        ("fleets", FLEETS + "mine,Mine,,\n", "b.csv, line 2: Value error, fleet mine: a row needs a rule"),
        ("fleets", FLEETS + "all,All,,Me\n", "b.csv, line 2: Value error, fleet all is built in and takes no rule"),
        ("keywords", KEYWORDS + ",Home,name,strong,,\n", "the name 'Home' needs base_id and strength"),
        ("keywords", KEYWORDS + "home,Home,name,weak,At Home air base,\n", "needs example_hit and example_miss"),
        ("icao_blocks", "position,start_hex,end_hex,country_name\n1,200000,1fffff,X\n", "before its start 200000"),
        ("icao_blocks", "position,start_hex,end_hex,country_name\n1,10000,1fffff,X\n", "line 2, column start_hex:"),
        ("aircraft_types", "type_code,wake,is_helicopter\nA124,X,false\n", "b.csv, line 2, column wake:"),
    ],
)
def test_a_bad_row_is_refused_with_file_line_and_column(table: str, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        load.parse(table, text, "b.csv")
    assert told in str(refusal.value)


def test_the_line_is_right_behind_a_cell_that_runs_over_two_lines() -> None:
    text = BASES + 'home,"Home\nField",EDXX,DE,air,50.0,8.0,false\n' + "away,Away,EDYY,DE,sea,1,8.0,false\n"
    with pytest.raises(ConfigError, match=r"b\.csv, line 4, column kind:"):
        load.parse("bases", text, "b.csv")


def test_the_refusal_does_not_repeat_the_cell() -> None:
    """A cell can be anything, a secret pasted into the wrong file too."""
    with pytest.raises(ConfigError) as refusal:
        load.parse("bases", BASES + "home,Home,hunter2,DE,air,50.0,8.0,false\n", "b.csv")
    assert "hunter2" not in str(refusal.value)


def test_own_bases_shrink_the_shipped_runways_and_keywords(tmp_path: Path) -> None:
    shipped = load.tables(Settings())
    kept = load.tables(own(tmp_path, bases=BASES + "hmeimim,Hmeimim,OSLK,SY,air,35.4,35.9,true\n"))
    assert {row.base_id for row in kept.rows["runways"]} == {"hmeimim"}
    assert {row.base_id for row in kept.rows["keywords"]} <= {"hmeimim", None}
    named = [row for row in shipped.rows["keywords"] if row.base_id == "hmeimim"]
    assert named and [row for row in kept.rows["keywords"] if row.base_id == "hmeimim"] == named


def test_an_unknown_base_in_ones_own_runways_is_an_error(tmp_path: Path) -> None:
    settings = own(tmp_path, bases=BASES + BASE, runways=RUNWAYS + "hmoe,09,27,90,true\n")
    with pytest.raises(ConfigError, match=r"base_id 'hmoe' is not in bases\.csv"):
        load.tables(settings)


def test_own_fleets_keep_the_built_in_ones_once(tmp_path: Path) -> None:
    fleets = load.tables(own(tmp_path, fleets=FLEETS + "mine,Mine,All of mine,Me\nall,Everything,,\n")).rows["fleets"]
    assert sorted((row.fleet_id, row.name) for row in fleets) == [
        ("all", "Everything"),
        ("mine", "Mine"),
        ("unidentified", "Unidentified aircraft"),
    ]


def test_fleets_of_states_are_counted_where_they_are_named(tmp_path: Path) -> None:
    def adding(*fleets: str, folder: Path | None = None, **tables: str) -> Reference:
        named = {table: f"{table}.csv" for table in tables}
        if folder:
            own(folder, **tables)
        return load.tables(
            Settings.model_validate({"folder": folder or tmp_path, "reference": {**named, "add_fleets": list(fleets)}})
        )

    found = adding("us_transport")
    assert {row.fleet_id for row in found.rows["fleets"]} == {"all", "ru_mil", "unidentified", "us_transport"}
    assert found.sha256 != load.tables(Settings()).sha256 and found.own == frozenset()
    both = adding("fr_transport", "fr_transport", folder=tmp_path, fleets=FLEETS + "mine,Mine,What I fly,Me\n")
    counted = [row.fleet_id for row in both.rows["fleets"]]
    assert counted.count("mine") == 1 and counted.count("fr_transport") == len(load.state_fleets()["fr_transport"])
    with pytest.raises(ConfigError, match="no shipped fleet 'us_transprt'; near it: us_transport"):
        adding("us_transprt")


def test_a_fleet_states_its_name_once() -> None:
    rows = load.parse("fleets", FLEETS + "mine,Mine,What I fly,Me\nmine,,,You\nmine,Ours,,We\n", "fleets.csv")
    assert [(row.name, row.definition) for row in rows] == [
        ("Mine", "What I fly"), ("Mine", "What I fly"), ("Ours", "What I fly"),
    ]  # fmt: skip


def test_a_missing_source_row_is_an_error(tmp_path: Path) -> None:
    text = "source,kind,title,licence,covers\nfeeds,news,Feeds,theirs,never\n"
    with pytest.raises(ConfigError, match=r"sources\.csv: no row for readsb_archive"):
        load.tables(own(tmp_path, sources=text))


@pytest.mark.parametrize("content", [None, b"\xff\xfe broken"])
def test_an_unreadable_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "mine.csv").write_bytes(content)
    settings = Settings.model_validate({"folder": tmp_path, "reference": {"bases": "mine.csv"}})
    with pytest.raises(ConfigError, match=r"reference\.bases: mine\.csv cannot be read"):
        load.tables(settings)


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(BASES + BASE, encoding="utf-8-sig")
    settings = Settings.model_validate({"folder": tmp_path, "reference": {"bases": "mine.csv"}})
    assert list(load.tables(settings).bases) == ["home"]


def test_the_hash_follows_the_text(tmp_path: Path) -> None:
    first = load.tables(own(tmp_path, bases=BASES + BASE)).sha256
    assert load.tables(own(tmp_path, bases=BASES + BASE)).sha256 == first
    assert load.tables(own(tmp_path, bases=BASES + BASE.replace("50.0", "50.1"))).sha256 != first


def test_tables_have_the_types_of_their_row_models(tmp_path: Path) -> None:
    loaded = load.tables(own(tmp_path, bases=BASES + BASE))
    table = loaded.table("bases")
    assert table.schema.field("latitude").type == pa.float64()
    assert table.schema.field("icao").type == pa.string()
    assert table.schema.field("kind").type == pa.string()
    assert table.schema.field("is_shared_with_civil").type == pa.bool_()
    assert table.schema.field("checked_on").type == pa.date32()
    assert table.to_pylist() == [row.model_dump() for row in loaded.rows["bases"]]
    assert loaded.table("corrections").schema == arrow_schema("corrections")
    assert arrow_schema("fleets").field("is_military").type == pa.bool_()
    assert arrow_schema("icao_blocks").field("position").type == pa.int64()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "holds no thresholds"),
        ("", "holds no thresholds"),
        ("a: 5", "a needs value, unit and why"),
        ("a: [", "is not valid YAML"),
        ("a: {value: 1, unit: d}", "a needs value, unit and why"),
    ],
)
def test_malformed_thresholds_are_refused(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "p.yml").write_text(text, encoding="utf-8")
    settings = Settings.model_validate({"folder": tmp_path, "reference": {"params": "p.yml"}})
    with pytest.raises(ConfigError, match=told):
        load.params(settings)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("gap_alpa: {value: 0.01, unit: probability, why: w}", r"p\.yml: gap_alpa is no threshold; gap_alpha is$"),
        ("qqqqqqqq: {value: 1, unit: d, why: w}", "qqqqqqqq is no threshold$"),
        ("gap_alpha: {value: 1, unit: percent, why: w}", "gap_alpha is given in percent; it is read in probability"),
        ("gap_alpha: {value: 5, unit: probability, why: w}", r"gap_alpha is 5 probability; from 0\.001 to 0\.1 can be"),
        ("gap_alpha: {value: .nan, unit: probability, why: w}", "gap_alpha needs a number"),
        ("gap_alpha: {value: true, unit: probability, why: w}", "gap_alpha needs a number"),
        ("gap_alpha: {value: '0.01', unit: probability, why: w}", "gap_alpha needs a number"),
        (
            "gap_sensitivity_alpha: {value: 0.01, unit: probability, why: w}",
            "gap_sensitivity_alpha needs a list of num",
        ),
        ("gap_sensitivity_alpha: {value: [], unit: probability, why: w}", "gap_sensitivity_alpha needs a list of num"),
        (
            "gap_sensitivity_alpha: {value: [0.01, 9], unit: probability, why: w}",
            r"gap_sensitivity_alpha is \[0\.01, 9\]",
        ),
    ],
)
def test_thresholds_that_cannot_be_meant_are_refused(tmp_path: Path, entry: str, told: str) -> None:
    (tmp_path / "p.yml").write_text(entry, encoding="utf-8")
    settings = Settings.model_validate({"folder": tmp_path, "reference": {"params": "p.yml"}})
    with pytest.raises(ConfigError, match=told):
        load.params(settings)


def test_every_threshold_that_cannot_be_meant_is_named_at_once(tmp_path: Path) -> None:
    text = "gap_alpha: {value: 5, unit: probability, why: w}\nmin_gap_days: {value: -1, unit: day, why: w}\n"
    (tmp_path / "p.yml").write_text(text, encoding="utf-8")
    settings = Settings.model_validate({"folder": tmp_path, "reference": {"params": "p.yml"}})
    with pytest.raises(ConfigError, match=r"min_gap_days is -1 day; .*; gap_alpha is 5 "):
        load.params(settings)


def test_thresholds_that_a_file_does_not_name_stay_as_shipped(tmp_path: Path) -> None:
    (tmp_path / "p.yml").write_text("min_gap_days: {value: 10, unit: day, why: shorter ones matter}", encoding="utf-8")
    shipped = load.params(Settings())
    own_params = load.params(Settings.model_validate({"folder": tmp_path, "reference": {"params": "p.yml"}}))
    assert own_params.values == {**shipped.values, "min_gap_days": 10}
    assert own_params.sha256 != shipped.sha256


def test_a_base_lies_where_the_field_of_its_code_does(tmp_path: Path) -> None:
    def at(latitude: float, longitude: float, icao: str = "EDDF") -> Settings:
        return own(tmp_path, bases=BASES + f"home,Home,{icao},DE,air,{latitude},{longitude},false\n")

    assert load.tables(at(50.03, 8.56)).bases["home"].icao == "EDDF"
    with pytest.raises(
        ConfigError, match=r"bases\.csv: base home lies at 8\.56, 50\.03, [\d,]+ NM from EDDF \(Frankfurt"
    ):
        load.tables(at(8.56, 50.03))
    with pytest.raises(ConfigError, match=r"10 NM from EDDF.*correct its position or its code"):
        load.tables(at(50.21, 8.56))
    assert load.tables(at(8.56, 50.03, icao="")).bases["home"].latitude == 8.56


def test_rules_of_fleets_that_nobody_meets_are_doubted(tmp_path: Path) -> None:
    heading = "fleet_id,name,definition,operator,registration_prefix,type_code,country,icao24\n"

    def said(rule: str) -> list[str]:
        return doubts.of(load.tables(own(tmp_path, fleets=f"{heading}mine,Mine,Of mine,{rule}\n")))

    assert said("Colombian Aerospace Force,,,,") == []
    assert said("Colombian Aerospace Force,FAC,C295,,") == []
    assert said(",,,,abcdef") == []  # registers know few of all addresses
    assert said("Colombian Airspace Force,,,,") == [
        "fleet mine: no register names an operator 'Colombian Airspace Force'; is 'Colombian Aerospace Force' meant?"
    ]
    assert said(",,ZZ99,,") == ["fleet mine: no aircraft type has the designator 'ZZ99'"]
    assert said(",,,QQ,") == ["fleet mine: no block of addresses is of country QQ"]
    assert said(",##-,,,") == ["fleet mine: no aircraft on any register meets the rule registration_prefix ##-"]
    assert said("Colombian Aerospace Force,,A124,,") == [
        "fleet mine: no aircraft on any register meets the rule operator Colombian Aerospace Force, type_code A124"
    ]


def test_a_register_that_was_cut_short_is_doubted(tmp_path: Path) -> None:
    heading = "icao24,registration,type_code,type_name,operator,is_military,register\n"
    rows = "000004,FAC1282,C295,,,true,plane-alert-db\n", "000005,X,C295,,,true,of my own\n"
    few = load.tables(own(tmp_path, aircraft=heading + "".join(rows)))
    (sentence,) = [one for one in doubts.of(few) if one.startswith("register")]
    assert sentence.startswith("register plane-alert-db has 1 rows, and 16,")
    assert not [one for one in doubts.of(load.tables(own(tmp_path, aircraft=heading + rows[1]))) if "cut short" in one]


def test_names_that_no_text_holds_are_doubted(tmp_path: Path) -> None:
    keywords = (
        "home,Home Field,name,strong,,\n"
        "home,***,name,strong,,\n"
        "home,Field,name,weak,the Field air base was hit,a field of wheat\n"
        ",air base,cue,,,\n"
        "home,Yard,name,weak,a yard of cloth,a yard\n"
    )
    settings = own(tmp_path, bases=BASES + BASE, keywords=KEYWORDS + keywords)
    said = doubts_about(settings, load.tables(settings), load.params(settings))
    assert [one for one in said if one.startswith("keywords")] == [
        "keywords: '***' of home is found in no text, not even in the name itself",
        "keywords: 'Yard' of home is found in no text, not even in its example 'a yard of cloth'",
    ]


def test_missing_thresholds_are_named(tmp_path: Path) -> None:
    settings = Settings.model_validate({"folder": tmp_path, "reference": {"params": "p.yml"}})
    with pytest.raises(ConfigError, match=r"reference\.params: p\.yml cannot be read"):
        load.params(settings)


@pytest.mark.parametrize(
    ("steps", "fault"),
    [
        ("whole,d1,0,10,,,,1\nwhole,d1,9,20,,,,2\n", "two steps of whole d1 hold the same readings, from 0.0 to 10.0"),
        ("whole,d1,0,10,h1,0,5,1\nwhole,d1,5,20,h1,4,9,2\n", "two steps of whole d1 x h1"),
        ("whole,d1,0,10,h1,0,5,1\nwhole,d1,0,10,h1,5,9,2\n", None),
        ("whole,d1,0,10,,,,1\nwhole,d1,10,20,,,,2\nwhole,d1,,,,,,3\nfirst,d1,5,20,,,,2\nwhole,h1,5,20,,,,2\n", None),
    ],
    ids=["a term", "a pair", "a pair apart", "apart"],
)
def test_no_reading_is_in_two_steps(tmp_path: Path, steps: str, fault: str | None) -> None:
    settings = own(tmp_path, evidence_terms=STEPS + steps)
    if fault is None:
        assert len(load.tables(settings).rows["evidence_terms"]) == steps.count("\n")
    else:
        with pytest.raises(ConfigError, match=fault):
            load.tables(settings)


def test_shipped_bases_that_are_not_watched_are_fields_with_runways(tmp_path: Path) -> None:
    watched = load.tables(own(tmp_path, bases=BASES + "uummu,Chkalovsky,UUMU,RU,air,55.878,38.062,false\n"))
    fields = {row.ident: row for row in watched.rows["fields"]}
    bases = {row.base_id: row for row in load.shipped_rows("bases")}

    assert "UUMU" not in {row.icao for row in fields.values()}, "the watched one is no other field"
    hmeimim = fields[bases["hmeimim"].ident]
    assert (hmeimim.icao, hmeimim.serves, hmeimim.latitude) == ("OSLK", "shared", bases["hmeimim"].latitude)
    runways = {(row.ident, row.le_ident) for row in watched.rows["field_runways"]}
    shipped = {row.le_ident for row in load.shipped_rows("runways") if row.base_id == "hmeimim"}
    assert shipped and {(hmeimim.ident, le_ident) for le_ident in shipped} <= runways
    for table in ("fields", "field_runways"):
        held = watched.table(table)
        assert held.num_rows == len(watched.rows[table]) > len(load.shipped_rows(table))
        assert held.to_pylist() == [row.model_dump() for row in watched.rows[table]]


def test_own_runways_of_fields_come_before_those_of_unwatched_bases(tmp_path: Path) -> None:
    hmeimim = next(row.ident for row in load.shipped_rows("bases") if row.base_id == "hmeimim")
    runways = f"ident,le_ident,he_ident,heading_deg_true,heading_basis\n{hmeimim},03,21,30,true\n"
    rows = load.tables(own(tmp_path, bases=BASES + BASE, field_runways=runways)).rows["field_runways"]

    assert [row.le_ident for row in rows if row.ident == hmeimim] == ["03"]
    assert len(rows) > 1, "those of the other shipped bases are added"


def test_own_fields_are_all_the_fields_there_are(tmp_path: Path) -> None:
    fields = "ident,name,latitude,longitude,serves\nX1,Meadow,50.1,8.1,civil\n"
    assert [row.ident for row in load.tables(own(tmp_path, bases=BASES + BASE, fields=fields)).rows["fields"]] == ["X1"]
