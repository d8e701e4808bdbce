"""A citation holds what is needed to quote a finding, and nothing that its sources' terms forbid."""

from __future__ import annotations

import csv
import json
import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from basewatch.lake import recording
from basewatch.lake.store import Lake
from basewatch.reference.source_terms import terms
from unit import told_release
from unit.told_release import FLIGHT, GAP, PAUSE, PRESS, STAY, WEAK
from wholeruns import Watch

MONTH = "hmeimim:ru_mil:2026-01"


def cited(watch: Watch, name: str, out: Path, *options: str) -> Path:
    """The folder of a citation."""
    done = watch.inside("cite", name, "--out", str(out), *options)
    assert (done.returncode, done.stderr) == (0, ""), done
    return Path(done.stdout.splitlines()[-1])


def read(file: Path) -> Any:
    """What a JSON file holds."""
    return json.loads(file.read_text(encoding="utf-8"))


def texts(folder: Path) -> str:
    """All that a citation says."""
    return "".join(file.read_text() for file in folder.rglob("*.*") if file.suffix != ".png")


def rows_of_csv(file: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with file.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.mark.parametrize("name", [STAY, GAP, PAUSE, FLIGHT, MONTH, WEAK, PRESS])
def test_a_citation_holds_a_sentence_rows_evidence_licences_method_and_a_chart(
    told_watch: Watch, tmp_path: Path, name: str
) -> None:
    folder = cited(told_watch, name, tmp_path)
    assert folder == tmp_path / name.replace(":", "_")
    about, sentence = read(folder / "finding.json"), (folder / "citation.txt").read_text()
    assert about["id"] == name and about["sentence"] + "\n" == sentence
    assert told_release.RELEASE in sentence and "days up to 2026-06-30" in sentence
    assert sentence.endswith("Silence in the data is not silence on the ground.\n")
    assert about["release"]["release_id"] == told_release.RELEASE and about["method"]
    assert about["thresholds"] is None, "a release that was judged by other thresholds is not given today's"
    for file in folder.glob("rows/*.json"):
        assert len(rows_of_csv(file.with_suffix(".csv"))) == len(read(file)) > 0
    svg = ElementTree.fromstring((folder / "chart.svg").read_text())
    assert svg.tag == "{http://www.w3.org/2000/svg}svg" and "var(" not in (folder / "chart.svg").read_text()
    png = (folder / "chart.png").read_bytes()
    wide, high = struct.unpack(">II", png[16:24])
    assert png.startswith(b"\x89PNG") and (wide, high) == (
        2 * int(svg.get("width", "")),
        2 * int(svg.get("height", "")),
    )


def test_thresholds_are_given_where_they_are_those_of_the_release(small_watch: Watch, tmp_path: Path) -> None:
    about = read(cited(small_watch, "hmeimim-ru_mil-20250131", tmp_path) / "finding.json")
    assert about["thresholds"]["gap_pause_days"] == 28 and "track_join_gap_s" not in about["thresholds"]


def test_rows_that_may_not_be_passed_on_are_given_by_id_and_hash(told_watch: Watch, tmp_path: Path) -> None:
    folder = cited(told_watch, MONTH, tmp_path)
    (row,) = read(folder / "rows" / "base_visits.json")
    assert set(row) == {"visit_id", "base_id", "sources", "row_sha256"} and len(row["row_sha256"]) == 64
    assert "RFF7001" not in texts(folder)
    assert read(folder / "finding.json")["rows_given_by_id_and_hash"] == 1
    own = cited(told_watch, MONTH, tmp_path, "--own")
    (row,) = read(own / "rows" / "base_visits.json")
    assert own == folder and row["callsign"] == "RFF7001", "it is the user who knows whether they may be passed on"


def test_the_terms_of_each_source_say_whether_its_rows_may_be_passed_on() -> None:
    kept = {code for code, one in terms().items() if not one.may_redistribute}
    assert kept == {"flightradar24", "opensky", "flight_files"}
    assert all("no redistribution" in one.licence for code, one in terms().items() if code in kept - {"flight_files"})
    assert all(one.may_redistribute for one in terms().values() if "no redistribution" not in one.licence
               and one.source != "flight_files")  # fmt: skip


def test_what_is_open_is_given_in_full_with_its_licence(told_watch: Watch, tmp_path: Path) -> None:
    folder = cited(told_watch, WEAK, tmp_path)
    (row,) = read(folder / "rows" / "base_visits.json")
    assert row["callsign"] == "RFF7001" and len(read(folder / "rows" / "visit_terms.json")) == 3
    (licence,) = rows_of_csv(folder / "licences.csv")
    assert licence["source"] == "readsb_archive" and licence["licence"].startswith("ODbL")
    (evidence,) = read(folder / "evidence.json")
    assert evidence["url"] == "https://globe.adsb.lol/?icao=15501b&showTrace=2026-03-10"


def test_nothing_is_written_of_a_day_whose_terms_have_ended(tmp_path: Path, small_watch: Watch) -> None:
    rows = told_release.rows()
    rows["source_days"][0]["status"] = "expired"
    watch = told_release.publish(tmp_path / "a", small_watch, rows)
    refused = watch.inside("cite", STAY, "--out", str(tmp_path / "out"))
    assert refused.returncode == 2 and "the terms of flight_files for that day have ended" in refused.stderr
    folder = cited(watch, MONTH, tmp_path / "out")
    text = texts(folder)
    assert STAY not in text and "record:in-1" not in text and "RF-78658" not in text
    assert read(folder / "finding.json")["rows_left_out_as_their_terms_ended"] == 1


def test_terms_that_ended_since_the_release_count(own_watch: Watch, tmp_path: Path) -> None:
    ((visit, _),) = own_watch.query("SELECT visit_id, first_evidence_at FROM base_visits ORDER BY 2 LIMIT 1")
    before = cited(own_watch, visit, tmp_path)
    assert before.exists()
    recording.expire(Lake(own_watch.root), "flight_files", datetime.now(UTC), "tried", "run", datetime.now(UTC))
    refused = own_watch.inside("cite", visit, "--out", str(tmp_path))
    assert refused.returncode == 2 and "have ended" in refused.stderr, refused


def test_outside_text_is_escaped_and_only_web_addresses_are_links(tmp_path: Path, small_watch: Watch) -> None:
    rows = told_release.rows()
    rows["news_mentions"][0] |= {"title": "<script>alert(1)</script>\u202e", "url": "javascript:alert(2)"}
    rows["claim_checks"][0]["explanation"] = "=cmd|'/C calc'!A1"
    folder = cited(told_release.publish(tmp_path / "a", small_watch, rows), PAUSE, tmp_path / "out")
    page = (folder / "citation.html").read_text()
    assert "<script" not in page and "&lt;script&gt;" in page and "\u202e" not in page
    assert 'href="javascript' not in page and "default-src 'none'" in page
    assert rows_of_csv(folder / "rows" / "claim_checks.csv")[0]["explanation"].startswith("'=cmd")
    assert read(folder / "evidence.json")[0]["url"] is None


def test_a_citation_replaces_an_earlier_one_and_nothing_else(told_watch: Watch, tmp_path: Path) -> None:
    folder = cited(told_watch, GAP, tmp_path)
    first = {file.name: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    cited(told_watch, GAP, tmp_path)
    assert {file.name: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == first
    (folder / "diary.txt").write_text("mine")
    refused = told_watch.inside("cite", GAP, "--out", str(tmp_path))
    assert refused.returncode == 2 and "holds diary.txt" in refused.stderr
    assert (folder / "diary.txt").read_text() == "mine" and [entry.name for entry in tmp_path.iterdir()] == [GAP]


def test_a_simulated_finding_is_quoted_as_such(tmp_path: Path, small_watch: Watch) -> None:
    rows = told_release.rows()
    rows["base_visits"][0]["sources"] = ["simulated"]
    folder = cited(told_release.publish(tmp_path / "a", small_watch, rows), GAP, tmp_path / "out")
    assert (folder / "citation.txt").read_text().startswith("SIMULATED, not real: No visit of")
    assert "SIMULATED" in (folder / "chart.svg").read_text()


def test_the_chart_of_a_claimed_pause_has_its_bracket_with_the_visits_inside(told_watch: Watch, tmp_path: Path) -> None:
    drawn = (cited(told_watch, PAUSE, tmp_path) / "chart.svg").read_text()
    assert 'class="bracket contradicted"' in drawn and drawn.count('class="hit"') == 1
    assert "no flights 2026-01-01 to 2026-03-31. Contradicted: 1 visit on record in it" in drawn
    assert 'class="bracket' not in (cited(told_watch, GAP, tmp_path) / "chart.svg").read_text()


def test_a_citation_says_what_earlier_releases_said(tmp_path: Path, small_watch: Watch) -> None:
    watch = told_release.publish(tmp_path / "a", small_watch, told_release.rows())
    summary = {"corrected": [
        {"until": "R0", "sort": "claim", "claim_id": PAUSE, "base_id": "hmeimim", "fleet_id": "ru_mil",
         "claim": "pause", "claimed_from": "2026-01-01", "claimed_to": "2026-03-31", "before": "no_data",
         "now": "contradicted", "causes": ["new_source_day"], "source_days": []}]}  # fmt: skip
    folder = (watch.root / "current").resolve()
    folder.chmod(0o755)
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    told = (
        "Until release R0 this page said of the claimed pause, 2026-01-01 to 2026-03-31: no data; it says contradicted"
    )
    out = cited(watch, PAUSE, tmp_path / "out")
    assert read(out / "finding.json")["corrections"][0].startswith(told)
    assert told in (out / "citation.html").read_text()
    assert read(cited(watch, GAP, tmp_path / "out") / "finding.json")["corrections"] == []
