"""`basewatch try`: what a file would be taken for, and that nothing is written."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from basewatch.cli.app import app

HEADING = "registration,origin,departed_at,destination,arrived_at,colour\n"
GOOD = "RF-{0},UUMU,2025-06-0{0}T01:00Z,OSLK,2025-06-0{0}T05:00Z,grey\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tried(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["try", *arguments])
    return result.exit_code, result.stdout


def test_a_sound_file_shows_its_form_its_columns_and_three_records(folder: Path) -> None:
    (folder / "a.csv").write_text(HEADING + "".join(map(GOOD.format, range(1, 6))), encoding="utf-8")
    before = sorted(folder.rglob("*"))
    status, shown = tried("a.csv")
    assert status == 0
    lines = shown.splitlines()
    assert lines[0] == "a.csv: plain (text with commas) (flight_files)"
    assert lines[1] == "  5 of 5 records would be kept"
    assert "destination → destination" in lines[2] and lines[3] == "  columns not read: colour"
    assert [
        line.startswith(f"  record as understood, {n}: day 2025-06-0{n}") for n, line in enumerate(lines[4:7], 1)
    ] == [True] * 3
    assert sorted(folder.rglob("*")) == before


def test_rejects_are_told_with_place_and_reason(folder: Path) -> None:
    bad = GOOD.format(3).replace("2025-06-03T05:00Z", "soon")
    (folder / "a.csv").write_text(HEADING + GOOD.format(1) + bad, encoding="utf-8")
    status, shown = tried("a.csv")
    assert status == 2
    assert "  1 of 2 records would be kept" in shown
    assert "  rejected: a.csv, line 3: arrived_at is not a time: 'soon'" in shown


def test_a_file_that_cannot_be_read_says_what_to_do(folder: Path) -> None:
    (folder / "a.json").write_text(json.dumps([{"colour": "grey"}]), encoding="utf-8")
    status, shown = tried("a.json", "b.csv")
    assert status == 2
    assert "a.json: cannot be read" in shown and "columns not recognised (colour)" in shown and "columns = {" in shown
    assert "b.csv: no such file" in shown


def test_columns_of_the_configuration_count(folder: Path) -> None:
    (folder / "a.csv").write_text("Борт,Куда,Когда\nRF-1,OSLK,2025-06-01 06:00\n", encoding="utf-8")
    assert tried("a.csv")[0] == 2
    columns = 'columns = {registration = "Борт", destination = "Куда", arrived_at = "Когда"}'
    (folder / "basewatch.toml").write_text(f"[sources.flight_files]\n{columns}\n", encoding="utf-8")
    status, shown = tried("a.csv")
    assert status == 0 and "Куда → destination" in shown


def test_outside_text_cannot_move_the_cursor(folder: Path) -> None:
    (folder / "a.csv").write_text(HEADING + GOOD.format(1).replace("RF-1", "RF\x1b[2J"), encoding="utf-8")
    assert "\x1b" not in tried("a.csv")[1]


def test_an_article_shows_its_title_its_day_and_the_bases_that_it_names(folder: Path) -> None:
    (folder / "a.txt").write_text("Il-76 lands at Hmeimim\nDate: 2025-10-29\n\nAn Il-76 landed.\n", encoding="utf-8")
    (folder / "b.txt").write_text("Il-76 lands at Hmeimim\n\nAn Il-76 landed on Sunday.\n", encoding="utf-8")
    status, shown = tried("a.txt")
    assert status == 0
    assert shown.splitlines()[0] == "a.txt: article (articles)"
    assert (
        "  title: Il-76 lands at Hmeimim" in shown and "published: 2025-10-29" in shown and "base_id hmeimim" in shown
    )
    status, shown = tried("b.txt")
    assert status == 2 and "states no date" in shown


def test_a_folder_is_tried_file_by_file(folder: Path) -> None:
    (folder / "lists").mkdir()
    odd = Path(os.fsdecode(b"\xf5\xe1.csv"))
    for name in ("a.csv", odd):
        (folder / "lists" / name).write_text(HEADING + GOOD.format(1), encoding="utf-8")
    status, shown = tried("lists")
    assert status == 0 and shown.count("1 of 1 records would be kept") == 2
