"""Live answers that are none: the time for which they stand is not polled, and their file is named with its reason."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from basewatch.errors import SourceError
from basewatch.sources import readsb_live
from basewatch.sources.contract import Context
from basewatch.sources.readsb_live import Poll
from server import setup

DAY = date(2026, 10, 1)
MIDNIGHT = datetime(2026, 10, 1, tzinfo=UTC).timestamp()
NOON = MIDNIGHT + 43_200
NOW = datetime(2026, 10, 5, tzinfo=UTC)
CRAFT: dict[str, Any] = {"hex": "1533f3", "lat": 35.5, "lon": 35.94, "alt_baro": 2400, "seen_pos": 1.0, "seen": 0.1}
SEEN = ("aircraft:polled", str(DAY))
BASE = ("base:hmeimim", str(DAY))


def answer(at: float, *aircraft: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """An answer of the /v2 form."""
    milliseconds = int(at * 1000)
    stated = {"ac": list(aircraft), "msg": "No error", "now": milliseconds, "total": len(aircraft), "ptime": 0}
    return {**stated, **changes}


def without(key: str) -> dict[str, Any]:
    """A right answer of noon that lacks a key."""
    return {name: value for name, value in answer(NOON, CRAFT).items() if name != key}


# what came at noon, and words of why it does not count
FAULTS: dict[str, tuple[str, str]] = {
    "empty": ("", "empty"),
    "blanks": ("  \n", "empty"),
    "cut short": (json.dumps(answer(NOON, CRAFT))[:-30], "not readable as JSON"),
    "a page": ("<html><title>busy</title></html>", "not readable as JSON"),
    "without its list": (json.dumps(without("ac")), "neither `ac` nor `aircraft` holds a list"),
    "a null list": (json.dumps(answer(NOON, ac=None)), "neither `ac` nor `aircraft` holds a list"),
    "an error alone": ('{"msg": "Rate limited", "now": 1}', "it reports 'Rate limited'"),
    "an error beside an empty list": (json.dumps(answer(NOON, msg="upstream failed")), "it reports 'upstream failed'"),
    "now is 0": (json.dumps(answer(NOON, CRAFT, now=0)), "its time `now`"),
    "now in microseconds": (json.dumps(answer(NOON, CRAFT, now=int(NOON * 1e6))), "its time `now`"),
    "now in thousands of seconds": (json.dumps(answer(NOON, CRAFT, now=NOON / 1000)), "its time `now`"),
    "now years back": (json.dumps(answer(NOON - 7 * 365 * 86_400, CRAFT)), "its time|by its time"),
    "now is a text": (json.dumps(answer(NOON, CRAFT, now="12:00")), "its time `now` is no number"),
    "now is true": (json.dumps(answer(NOON, CRAFT, now=True)), "its time `now` is no number"),
    "fewer than stated": (json.dumps(answer(NOON, CRAFT, total=40)), "holds 1 of the 40 aircraft"),
    "none that can be read": (json.dumps(answer(NOON, {"lat": 1})), "1 of its 1 aircraft cannot be read"),
}


# ---- what `watch` landed


def polls(folder: Path, minutes: list[int], body_at: dict[int, str] | None = None) -> setup.Decoded:
    """A day of landed polls around Hmeimim, each with a right and empty answer unless another body is given."""
    values = {"bases": ["hmeimim"], "max_gap_minutes": 30, "max_clock_difference_minutes": 30}
    configured = setup.settings(folder, readsb_live=values)
    about = setup.context(configured, NOW, "readsb_live")
    home = about.landing / str(DAY)
    home.mkdir(parents=True)
    with (home / "polls-20261001T000000-1.jsonl.gz").open("wb") as handle:
        for minute in minutes:
            at = MIDNIGHT + minute * 60
            body = (body_at or {}).get(minute, json.dumps(answer(at)))
            handle.write(gzip.compress(msgspec.json.encode(Poll(at, "adsb.lol", ("base:hmeimim",), "", body)) + b"\n"))
    return setup.Decoded(readsb_live.fetch(setup.window("readsb_live", str(DAY)), about), about)


EVERY_20 = list(range(0, 1440, 20))


def test_a_day_of_answers_without_aircraft_is_a_day_on_which_nothing_was_heard(tmp_path: Path) -> None:
    assert polls(tmp_path, EVERY_20).status() == {BASE: "ok", SEEN: "ok"}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_answer_that_is_none_leaves_a_hole_in_the_day(tmp_path: Path, fault: str) -> None:
    body, why = FAULTS[fault]
    got = polls(tmp_path, EVERY_20, {720: body})
    assert got.status() == {BASE: "partial", SEEN: "partial"}
    for scope in (BASE, SEEN):
        error = str(got.day(*scope).error)
        assert "not polled 40 min: 11:40–12:20 UTC" in error
        assert any(part in error for part in why.split("|"))
    assert {reject.where.partition(", ")[0] for reject in got.rejects} == {"polls-20261001T000000-1.jsonl.gz"}
    assert got.day(*SEEN).records_rejected >= 1


def test_an_answer_that_somebody_kept_for_an_hour_is_none_now(tmp_path: Path) -> None:
    got = polls(tmp_path, EVERY_20, {720: json.dumps(answer(NOON - 3600, CRAFT))})
    assert got.status()[BASE] == "partial"
    assert "more than 30 min from when it came" in str(got.day(*BASE).error)
    assert got.rows == []


def test_what_a_doubtful_answer_holds_is_kept(tmp_path: Path) -> None:
    got = polls(tmp_path, EVERY_20, {720: FAULTS["fewer than stated"][0]})
    assert [row["icao24"] for row in got.table("track_points")] == ["1533f3"]


def test_a_day_of_answers_that_are_none_failed(tmp_path: Path) -> None:
    got = polls(tmp_path, EVERY_20, dict.fromkeys(EVERY_20, '{"msg": "key expired"}'))
    assert got.status() == {BASE: "failed", SEEN: "failed"}
    assert "it reports 'key expired'" in str(got.day(*BASE).error)


def test_a_time_that_is_not_far_off_is_that_of_the_provider(tmp_path: Path) -> None:
    late = json.dumps(answer(NOON - 25 * 60, CRAFT))
    got = polls(tmp_path, EVERY_20, {720: late})
    assert got.status()[BASE] == "ok"
    assert str(got.table("track_points")[0]["seen_at"])[:16] == "2026-10-01 11:34"


# ---- recorded answers in a folder


def recorded(folder: Path, files: dict[str, str | bytes], now: datetime = NOW) -> tuple[setup.Decoded, Context]:
    """What a folder of these files decodes to."""
    for name, content in files.items():
        path = folder / "answers" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    about = setup.context(setup.settings(folder, readsb_live={"location": "answers"}), now, "readsb_live")
    landed = readsb_live.fetch(setup.window("readsb_live", "1900-01-01", "2026-10-04"), about)
    return setup.Decoded(landed, about), about


GOOD = json.dumps(answer(NOON - 600, CRAFT))


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", ["20261001T120000Z.json", "2026/10/01/120000Z.json", "b-2026-10-01.JSON"])
def test_a_recorded_answer_that_is_none_makes_its_day_partial_and_is_named(
    tmp_path: Path, name: str, fault: str
) -> None:
    body, why = FAULTS[fault]
    got, _ = recorded(tmp_path, {"20261001T115000Z.json": GOOD, name: body})
    assert got.status() == {SEEN: "partial"}
    error = str(got.day(*SEEN).error)
    assert f"1 answers cannot be used: {name.rpartition('/')[2]}, answer 1: " in error
    assert any(part in error for part in why.split("|"))
    assert name.rpartition("/")[2] in {reject.where.partition(", ")[0] for reject in got.rejects}


def test_a_day_of_nothing_but_answers_that_are_none_failed(tmp_path: Path) -> None:
    got, _ = recorded(
        tmp_path, {"20261001T120000Z.json": "", "20261002T120000Z.json": json.dumps(answer(NOON + 86_400))}
    )
    assert got.status() == {SEEN: "failed", ("aircraft:polled", "2026-10-02"): "partial"}
    assert "the file is empty" in str(got.day(*SEEN).error)


def test_an_answer_whose_day_nothing_tells_makes_every_day_doubtful(tmp_path: Path) -> None:
    two = "".join(json.dumps(answer(NOON + offset, CRAFT)) + "\n" for offset in (0, 86_400))
    got, _ = recorded(tmp_path, {"polls.jsonl": two, "last.json": '{"ac": [{"hex'})
    assert {day.day for day in got.days} == {DAY, DAY + timedelta(days=1)}
    assert all("last.json, answer 1: not readable as JSON" in str(day.error) for day in got.days)


def test_a_line_cut_short_is_of_the_days_of_its_file(tmp_path: Path) -> None:
    lines = json.dumps(answer(NOON, CRAFT)) + '\n{"ac": [{"he'
    got, _ = recorded(tmp_path, {"a.jsonl": lines, "b.json": json.dumps(answer(NOON + 86_400, CRAFT))})
    assert "a.jsonl, answer 2" in str(got.day(*SEEN).error)
    assert "a.jsonl" not in str(got.day("aircraft:polled", "2026-10-02").error)


def test_an_answer_alone_whose_day_nothing_tells_fails_the_last_day(tmp_path: Path) -> None:
    got, _ = recorded(tmp_path, {"last.json": json.dumps(answer(NOON, now=0))})
    assert got.status() == {("aircraft:polled", "2026-10-04"): "failed"}


@pytest.mark.parametrize("now", [NOON + 90 * 86_400, NOON + 9 * 365 * 86_400])
def test_an_answer_of_a_time_to_come_is_none(tmp_path: Path, now: float) -> None:
    got, _ = recorded(tmp_path, {"a.json": json.dumps(answer(now, CRAFT))})
    assert set(got.status().values()) == {"failed"}
    assert "has not come yet" in got.rejects[0].reason
    assert got.rows == []


def test_a_gzip_cut_short_is_named(tmp_path: Path) -> None:
    packed = gzip.compress(GOOD.encode())
    got, _ = recorded(tmp_path, {"a-2026-10-01.json.gz": packed[:-12], "b-2026-10-01.json.gz": packed})
    assert "a-2026-10-01.json.gz, answer 1: the file ends within an answer" in str(got.day(*SEEN).error)
    assert [row["icao24"] for row in got.table("track_points")] == ["1533f3"]
    got, _ = recorded(tmp_path / "2", {"c-2026-10-01.json.gz": packed + packed[:-12]})
    assert got.status() == {SEEN: "failed"}


@pytest.mark.parametrize("name", ["20261001T130000Z.json.bz2", "2026-10-01.csv", "20261001.zip"])
def test_a_file_of_another_ending_is_named_and_its_day_is_doubtful(tmp_path: Path, name: str) -> None:
    got, about = recorded(tmp_path, {"20261001T115000Z.json": GOOD, name: b"\x00\x01"})
    assert f"{name}: not read: recorded answers end in .json" in str(got.day(*SEEN).error)
    assert [reject.where for reject in got.rejects] == [name]
    assert [(finding.ok, name in finding.what) for finding in readsb_live.check(about)] == [
        (True, False),
        (False, True),
    ]


def test_a_file_that_spells_no_day_is_named_and_spoils_none(tmp_path: Path) -> None:
    got, _ = recorded(tmp_path, {"20261001T115000Z.json": GOOD, "notes.docx": b"x"})
    assert [(reject.where, reject.day) for reject in got.rejects] == [("notes.docx", None)]
    assert "notes.docx" not in str(got.day(*SEEN).error)


def test_papers_and_hidden_files_beside_the_data_are_passed_over(tmp_path: Path) -> None:
    got, about = recorded(tmp_path, {"a.json": GOOD, "LICENSE": b"x", "readme.md": b"x", ".DS_Store": b"x"})
    assert got.rejects == []
    assert [finding.ok for finding in readsb_live.check(about)] == [True]


def test_a_folder_of_other_files_alone_is_an_error_that_names_them(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no \.json.* file of recorded answers .*; there are a\.csv, b\.zip"):
        recorded(tmp_path, {"a.csv": b"x", "b.zip": b"x"})
