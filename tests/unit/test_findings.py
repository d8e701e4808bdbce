"""Why a release says so: what is told of a visit, a gap, a claim and a month, and where their evidence opens."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from unit import told_release
from unit.told_release import FLIGHT, GAP, PAUSE, PRESS, STAY, WEAK
from wholeruns import Watch


def explained(watch: Watch, name: str) -> dict[str, Any]:
    """An explanation as JSON."""
    done = watch.inside("explain", name, "--format", "json")
    assert (done.returncode, done.stderr) == (0, ""), done
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def table(told: dict[str, Any], start: str) -> list[list[Any]]:
    """The rows of the table whose title starts so; none where it is not shown."""
    return [row for one in told["tables"] if one["title"].startswith(start) for row in one["rows"]]


def with_rows(tmp_path: Path, like: Watch, **changed: dict[str, Any]) -> Watch:
    """A release made by hand in which the first row of a table says otherwise."""
    rows = told_release.rows()
    for name, values in changed.items():
        rows[name][0] |= values
    return told_release.publish(tmp_path, like, rows)


# ---- a visit


def test_an_inferred_stay_is_told_with_its_terms_strongest_first_and_its_alternatives(told_watch: Watch) -> None:
    told = explained(told_watch, WEAK)
    said = " ".join(told["sentences"])
    assert "A stay of IL76 RF-78658 (address 15501b) at Hmeimim Air Base (hmeimim)" in said
    assert "probability 62 %" in said and "it is shown, and counted nowhere" in said
    assert "Arrival: at an unknown time, lost descending towards the field. Departure: not on record." in said
    assert [row[1:] for row in table(told, "What was weighed")] == [
        ["silence", 120.0, -3.5], ["distance_from_line", 0.4, 2.1], ["height", 3000.0, -0.4]
    ]  # fmt: skip
    assert table(told, "What else") == [["flew on", 0.3], ["landed at HLLB", 0.08]]
    assert table(told, "Its days")[0][:3] == ["2026-03-10", 0, "observed"]
    assert told["evidence"] == [
        {
            "quoted": "trace 15501b 2026-03-10 (adsblol)", "source": "readsb_archive", "file": None, "place": None,
            "sha256": None, "url": "https://globe.adsb.lol/?icao=15501b&showTrace=2026-03-10",
            "note": "heard by adsblol",
        }
    ]  # fmt: skip
    assert told["next"][0] == "basewatch explain hmeimim:all:2026-03"


def test_terms_are_told_in_words_and_the_bases_own_explanation_first(tmp_path: Path, small_watch: Watch) -> None:
    rows = told_release.rows()
    rows["visit_terms"] = [
        {"visit_id": WEAK, "explanation": "a landing at Abc (hlxx)", "term": "h1", "value": 1.0, "points": 9.0},
        {"visit_id": WEAK, "explanation": "a landing at Hmeimim (hmeimim)", "term": "d1 x h1", "points": -1.0},
    ]
    told = explained(told_release.publish(tmp_path, small_watch, rows), WEAK)
    assert [row[:2] for row in table(told, "What was weighed")] == [
        ["a landing at Hmeimim (hmeimim)",
         "distance from the field when lost, together with height above the field when lost"],
        ["a landing at Abc (hlxx)", "height above the field when lost"],
    ]  # fmt: skip


def test_a_record_is_told_with_the_file_and_line_that_it_came_from(small_watch: Watch) -> None:
    ((visit,),) = small_watch.query("SELECT visit_id FROM base_visits ORDER BY first_evidence_at LIMIT 1")
    told = explained(small_watch, visit)
    first, second, viewer = told["evidence"]
    assert (first["quoted"], first["file"], first["place"]) == ("record:in-0", "flights.csv", "line 2")
    assert (second["quoted"], second["place"]) == ("record:out-0", "line 3")
    assert len(first["sha256"]) == 64 and first["source"] == "flight_files"
    assert viewer["url"] == "https://globe.adsb.lol/?icao=15501a&showTrace=2025-01-03" and viewer["source"] is None
    shown = small_watch.inside("explain", visit).stdout
    assert "record:in-0, flight_files, line 2 of flights.csv\n" in shown


def test_a_record_that_the_lake_no_longer_holds_is_said_to_be_gone(told_watch: Watch) -> None:
    (gone, _) = explained(told_watch, STAY)["evidence"]
    assert (gone["quoted"], gone["file"], gone["note"]) == ("record:in-1", None, "its record is no longer in the lake")


def test_only_addresses_of_the_web_open(told_watch: Watch) -> None:
    page, script = explained(told_watch, PRESS)["evidence"]
    assert (page["url"], script["url"]) == (None, None), "neither markup in an address nor a script is one"
    assert script["quoted"] == "javascript:alert(1)" and script["note"] == "no address is on record"


def test_an_id_that_late_data_replaced_leads_to_the_stay(tmp_path: Path, small_watch: Watch) -> None:
    watch = with_rows(tmp_path, small_watch, base_visits={"previous_ids": ["hmeimim-old-20260104"]})
    told = explained(watch, "hmeimim-old-20260104")
    assert told["id"] == STAY and told["sentences"][0] == f"hmeimim-old-20260104 is {STAY} in this release."


def test_what_was_made_up_is_said_to_be_that_first(tmp_path: Path, small_watch: Watch) -> None:
    watch = with_rows(tmp_path, small_watch, base_visits={"sources": ["simulated"]})
    for name in (STAY, GAP, PAUSE, "hmeimim:ru_mil:2026-01"):
        assert explained(watch, name)["sentences"][0].startswith("SIMULATED"), name


# ---- a gap


def test_a_gap_is_told_with_its_days_its_odds_and_the_weak_signs_in_it(told_watch: Watch) -> None:
    told = explained(told_watch, GAP)
    said = " ".join(told["sentences"])
    assert "No visit of Russian military transport (ru_mil) at Hmeimim Air Base (hmeimim) for 150 days" in said
    assert "and it goes on" in said and "well observed, and longer than chance explains" in said
    assert "On 140 of its days a visit could have been on record; on 10 it could not." in said
    assert "40 episodes of visits in 365 observable days" in said and "corrected for how many spells" in said
    assert "at most 2.5 visits were missed" in said and "under 75 %" in said
    assert "Nothing has ended it yet; the first weak sign of a visit is of 2026-03-10." in said
    assert [row[:2] for row in table(told, "Its days")] == [
        ["observed", 100], ["unmeasured", 40], ["blind", 6], ["missing", 4]
    ]  # fmt: skip
    assert table(told, "Stretches of days")[0] == ["2026-02-01", "2026-02-02", 2, "missing"]
    assert [row[0] for row in table(told, "Weak signs")] == [WEAK, PRESS]
    assert [row[0] for row in table(told, "Claims")] == [PAUSE, FLIGHT]
    assert {one["url"] for one in told["evidence"] if one["url"]} == {
        "https://globe.adsb.lol/?icao=15501b&showTrace=2026-03-10"
    }


def test_an_unjudged_gap_that_ended_says_neither_chance_nor_more_than_is_known(
    tmp_path: Path, small_watch: Watch
) -> None:
    ended = {
        "kind": "not_judged", "p_quiet": None, "p_quiet_scan": None, "missed_visits_bound": None, "is_ongoing": False,
        "resumed_on": date(2026, 7, 1), "resumption": "isolated_visit", "resumed_by_type": "A124", "holds_in": None,
    }  # fmt: skip
    said = " ".join(explained(with_rows(tmp_path, small_watch, base_gaps=ended), GAP)["sentences"])
    assert "Nothing is said of chance" in said and "probability" not in said
    assert "is not measured" in said and "other settings" not in said
    assert "A visit ended it on 2026-07-01 by A124: it was one visit alone." in said


# ---- a claim


def test_a_claim_is_told_with_its_verdict_its_window_and_what_it_was_held_against(told_watch: Watch) -> None:
    told = explained(told_watch, PAUSE)
    said = " ".join(told["sentences"])
    assert "No flights, 2026-01-01 to 2026-03-31" in said and "news.example, 2026-04-02 09:00 UTC" in said
    assert "Verdict: contradicted. 1 visit is recorded" in said
    assert "Of the 90 days that it speaks of, 85 could be seen." in said
    assert [row[0] for row in table(told, "Visits that it was held against")] == [STAY]
    assert [row[:2] for row in table(told, "Its days")] == [["observed", 84], ["missing", 6]]
    assert told["evidence"][0]["url"] == "https://news.example/hmeimim"
    flight = explained(told_watch, FLIGHT)
    assert [row[0] for row in table(flight, "The spell")] == [GAP] and flight["next"][0] == f"basewatch explain {GAP}"


def test_an_article_is_told_with_the_file_that_it_stands_in(small_watch: Watch, tmp_path: Path) -> None:
    mention = small_watch.query("SELECT mention_id, article_id FROM news_mentions")[0]
    rows = told_release.rows()
    rows["claim_checks"] = [rows["claim_checks"][0] | {"mention_id": mention[0]}]
    rows["news_mentions"] = [
        rows["news_mentions"][0] | {"mention_id": mention[0], "article_id": mention[1], "sources": ["articles"],
                                    "published_at": told_release.at(date(2025, 2, 10), 0)}
    ]  # fmt: skip
    watch = told_release.publish(tmp_path, small_watch, rows)
    (watch.root / "lake").symlink_to(small_watch.root / "lake")
    assert explained(watch, PAUSE)["evidence"][0]["file"] == "one.md"


# ---- a month


def test_a_month_is_told_with_its_visits_its_interval_and_what_it_means(told_watch: Watch) -> None:
    said = " ".join((january := explained(told_watch, "hmeimim:ru_mil:2026-01"))["sentences"])
    assert "1 visit of Russian military transport (ru_mil) at Hmeimim Air Base (hmeimim) in 2026-01." in said
    assert "On 28 days a visit could have been on record, on 2 days it could not." in said
    assert "The count is a lower bound" in said and "1.4 visits are expected (90 % interval 1 to 3)" in said
    assert [row[0] for row in table(january, "Visits that count")] == [STAY]
    assert [row[:2] for row in table(january, "Its days")] == [["observed", 29], ["missing", 2]]
    said = " ".join(explained(told_watch, "hmeimim:ru_mil:2026-03")["sentences"])
    assert (
        "0 visits of" in said and "Most days could be seen" in said and "weak signs or press reports of 1 stay" in said
    )


def test_a_month_that_nobody_looked_at_is_not_known_and_not_zero(tmp_path: Path, small_watch: Watch) -> None:
    unknown = {
        "visits": None, "activity": "unknown", "days_observed": 0, "days_missing": 31, "visits_expected": None,
        "is_partial": True,
    }  # fmt: skip
    watch = with_rows(tmp_path, small_watch, base_monthly_activity=unknown)
    said = " ".join(explained(watch, "hmeimim:ru_mil:2026-01-01")["sentences"])
    assert "is not known. That is not zero." in said and "says nothing of what happened on the ground" in said
    assert "0 visits" not in said and "expected" not in said and "has not ended" in said


# ---- names


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("hmeimim-15501a-20260106", f"near it: {STAY}"),
        ("nothing like it", "a month is written BASE:FLEET:YYYY-MM"),
        ("hmeimin:ru_mil:2026-01", "no base 'hmeimin'; near it: hmeimim"),
        ("hmeimim:ru_mill:2026-01", "no fleet 'ru_mill'; near it: ru_mil"),
        ("hmeimim:ru_mil:2026-13", "there is no such month"),
        ("hmeimim:ru_mil:2025-12", "run from 2026-01 to 2026-03"),
        ("hmeimim:unidentified:2026-01", "no month of that base and fleet"),
        ("x' OR 1=1 --", "is no visit, gap or claim"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(told_watch: Watch, name: str, told: str) -> None:
    done = told_watch.inside("explain", name)
    assert (done.returncode, done.stdout) == (2, "") and told in done.stderr, done


def test_at_a_terminal_it_ends_with_the_next_commands_and_outside_text_steers_nothing(
    tmp_path: Path, small_watch: Watch
) -> None:
    watch = with_rows(tmp_path, small_watch, news_mentions={"title": "a\x1b[2Jb\u202ec"})
    shown = watch.inside("explain", PAUSE).stdout
    assert "\x1b" not in shown and "\u202e" not in shown and "⟨U+202E⟩" in shown
    last = shown.splitlines()[-2:]
    assert last == [
        "  basewatch visits --base hmeimim --fleet ru_mil --since 2026-01-01 --until 2026-03-31",
        f"  basewatch cite {PAUSE} --out quoted",
    ]
    assert "--format json has it all" in watch.inside("explain", PAUSE, "--format", "csv").stderr
