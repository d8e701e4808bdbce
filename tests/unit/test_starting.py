"""A watch of one's own begins with one command: fields by their codes, fleets by rules, files that load."""

from __future__ import annotations

import csv
import json
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from basewatch import config
from basewatch.cli import doctor
from basewatch.errors import ConfigError
from basewatch.news import matching
from basewatch.reference import load
from basewatch.starting import fleet_rules, places
from wholeruns import Watch, stay


def begun(tmp_path: Path, *options: str) -> Path:
    """The folder of a watch that the command began."""
    done = Watch(tmp_path).inside("init", "mine", *options)
    assert done.returncode == 0, done
    return tmp_path / "mine"


def rows(file: Path) -> list[dict[str, str]]:
    """The rows of a reference file."""
    with file.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_a_new_watch_loads_and_the_doctor_finds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = begun(tmp_path, "--base", "EGVA", "--base", "oslk", "--fleet", "type:A400,K35R")
    monkeypatch.chdir(folder)
    settings = config.load(folder / "basewatch.toml")
    assert [finding for finding in doctor.run(settings) if not finding.ok] == []
    tables = load.tables(settings)
    assert list(tables.bases) == ["fairford", "hmeimim"]
    fairford = tables.bases["fairford"]
    assert (fairford.name, fairford.icao, fairford.iata, fairford.elevation_ft) == ("RAF Fairford", "EGVA", "FFD", 286)
    assert (fairford.latitude, fairford.longitude, fairford.country) == (51.6822, -1.79003, "GB")
    fleets = [(row.fleet_id, row.type_code) for row in tables.rows["fleets"] if row.type_code]
    assert fleets == [("type_a400_k35r", "A400"), ("type_a400_k35r", "K35R")]
    assert settings.report.bases == ["fairford", "hmeimim"] and settings.report.fleet == "type_a400_k35r"
    assert [row["base_id"] for row in rows(folder / "runways.csv")] == ["fairford", "hmeimim", "hmeimim"]


def test_runways_are_known_of_any_field_and_of_those_near_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = begun(tmp_path, "--base", "KBOI", "--fleet", "us_transport")
    monkeypatch.chdir(folder)
    (boise,) = load.tables(config.load(folder / "basewatch.toml")).bases.values()
    assert (boise.base_id, boise.country) == ("boise", "US")
    runways = {(row["le_ident"], row["he_ident"]): row for row in rows(folder / "runways.csv")}
    assert set(runways) == {("10L", "28R"), ("10R", "28L")}, "and none that is closed"
    assert float(runways["10L", "28R"]["heading_deg_true"]) == pytest.approx(115.1, abs=0.2)
    near = {row["ident"] for row in rows(folder / "field_runways.csv")}
    assert "KMUO" in near and "KBOI" not in near and "EGVA" not in near
    assert [finding for finding in doctor.run(config.load(folder / "basewatch.toml")) if not finding.ok] == []


def test_flights_of_ones_own_base_and_fleet_are_counted(tmp_path: Path) -> None:
    folder = begun(tmp_path, "--base", "EGVA", "--fleet", "mine=type:IL76")
    watch = Watch(folder)
    text = watch.config.read_text().replace("enabled = false", "enabled = true")
    watch.config.write_text(text.replace("# covers = ", "covers = "))
    lines = [line for number in range(3) for line in stay(3 * number, datetime(2025, 1, 3 + number, 6, tzinfo=UTC))]
    watch.write_flights([line.replace("OSLK", "EGVA") for line in lines])
    (folder / "flights").rename(folder / "taken")
    (folder / "taken" / "flights.csv").rename(folder / "records" / "flights.csv")
    assert watch.plain("2025-01-31") is not None
    of_month = "base_id = 'fairford' AND fleet_id = 'mine' AND month = '2025-01-01'"
    assert watch.query(f"SELECT visits FROM base_monthly_activity WHERE {of_month}") == [(3,)]


@pytest.mark.parametrize(
    ("code", "base_id", "runways"),
    [("OS57", "abu_duhur", 1), ("AZ-0011", None, 1), ("hmeimim", "hmeimim", 2), ("ETAR", "ramstein", 1)],
)
def test_a_field_is_found_by_icao_code_identifier_or_the_id_of_a_shipped_base(
    code: str, base_id: str | None, runways: int
) -> None:
    place = places.look_up(code)
    assert base_id in (None, place.base.base_id) and len(place.runways) == runways
    assert all(row.base_id == place.base.base_id for row in [*place.runways, *place.keywords])


def test_a_shipped_base_keeps_its_names_in_many_languages_and_another_has_english_ones(tmp_path: Path) -> None:
    assert {"ar", "en", "ru"} <= set(places.look_up("OSLK").languages)
    done = Watch(tmp_path).inside("init", "mine", "--base", "ETAR", "--base", "OSLK")
    assert "the news can find ramstein by its English names alone" in done.stderr
    assert "hmeimim by its English" not in done.stderr


@pytest.mark.parametrize(
    ("text", "is_named"),
    [
        ("Two tankers landed at RAF Fairford on Monday.", True),
        ("The bombers came back to Fairford air base.", True),
        ("A military transport landed at Fairford at night.", True),
        ("Schools in Fairford opened again after the holiday.", False),
        ("Two tankers landed at RAF Mildenhall on Monday.", False),
    ],
)
def test_the_news_finds_a_base_by_its_name_and_city(tmp_path: Path, text: str, is_named: bool) -> None:
    settings = config.load(begun(tmp_path, "--base", "EGVA") / "basewatch.toml")
    matcher = matching.Matcher(load.tables(settings).rows["keywords"], cue_words=12, pair_words=2)
    assert ("fairford" in matcher.bases_in(text, "en")) == is_named


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("type:a400,K35R", [{"type_code": "A400"}, {"type_code": "K35R"}]),
        ("tankers=type:K35R", [{"fleet_id": "tankers", "type_code": "K35R"}]),
        ("operator:Russian Air Force", [{"operator": "Russian Air Force"}]),
        ("prefix:rf-", [{"registration_prefix": "RF-"}]),
        ("hex:43C6F1,43c6f2", [{"icao24": "43c6f1"}, {"icao24": "43c6f2"}]),
        ("country:US+military", [{"country": "US", "is_military": True}]),
        ("type:C17,A400+country:GB", [{"type_code": "C17", "country": "GB"}, {"type_code": "A400", "country": "GB"}]),
        ("military", [{"fleet_id": "military", "is_military": True}]),
        (
            "pl_transport",
            [{"fleet_id": "pl_transport", "country": "PL", "type_code": code} for code in ("C130", "C295")],
        ),
    ],
)
def test_rules_of_fleets(rule: str, expected: list[dict[str, Any]]) -> None:
    found = fleet_rules.rows(rule)
    assert [{name: getattr(row, name) for name in one} for row, one in zip(found, expected, strict=True)] == expected


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("type:A4000", "no type A4000; near it: A400"),
        ("country:XX+military", "no country XX"),
        ("hex:xyz", "icao24"),
        ("colour:red", "is no rule; forms: us_transport"),
        ("us_tranport", "no shipped fleet; near it: us_transport"),
        ("type:", "is no rule"),
        ("type:A400+type:K35R", "stands twice"),
        ("all=type:A400", "all is built in"),
    ],
)
def test_a_rule_that_means_nothing_is_refused(rule: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        fleet_rules.rows(rule)


def test_an_operator_that_no_register_names_is_told(tmp_path: Path) -> None:
    told = Watch(tmp_path).inside("init", "mine", "--fleet", "operator:Nobody Air").stderr
    assert "no register shipped here names the operator 'Nobody Air'" in told


@pytest.mark.parametrize("present", ["basewatch.toml", "bases.csv"])
def test_a_folder_that_holds_a_watch_is_left_as_it_is(tmp_path: Path, present: str) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / present).write_text("own")
    done = Watch(tmp_path).inside("init", "mine", "--base", "EGVA")
    assert done.returncode == 2 and f"mine/{present} is there already" in done.stderr, done
    assert [file.name for file in (tmp_path / "mine").iterdir()] == [present]
    assert (tmp_path / "mine" / present).read_text() == "own"


def test_an_unknown_field_writes_nothing_and_the_nearest_are_named(tmp_path: Path) -> None:
    done = Watch(tmp_path).inside("init", "mine", "--base", "EGVX")
    assert done.returncode == 2 and "near it:" in done.stderr and not (tmp_path / "mine").exists()


def test_without_bases_or_fleets_the_shipped_ones_are_watched(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    assert sorted(file.name for file in folder.iterdir()) == ["articles", "basewatch.toml", "records"]
    assert tomllib.loads((folder / "basewatch.toml").read_text())["report"] == {"bases": [], "fleet": "all"}
    assert len(load.tables(config.load(folder / "basewatch.toml")).bases) > 100


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('fleet = "mine"', 'fleet = "mein"', "report.fleet: the reference data has no fleet mein; did you mean mine"),
        ('bases = ["fairford"]', 'bases = ["fairfort"]', "report.bases: the reference data has no base fairfort"),
        ('# covers = [{ base = "fairford"', 'covers = [{ base = "fairfort"', "fairfort"),
    ],
)
def test_what_is_misspelt_is_told_before_the_first_byte_is_fetched(
    tmp_path: Path, before: str, after: str, told: str
) -> None:
    folder = begun(tmp_path, "--base", "EGVA", "--fleet", "mine=type:A400")
    watch = Watch(folder)
    text = watch.config.read_text().replace("enabled = false", "enabled = true")
    assert before in text
    watch.config.write_text(text.replace(before, after))
    (folder / "records" / "flights.csv").write_text("icao24\n")
    done = watch.inside("nightly", "--plain")
    assert done.returncode == 2 and told in done.stderr, done
    assert not (folder / "warehouse").exists(), json.dumps([str(file) for file in folder.rglob("*")])
