"""A line of JSON for each run: whole lines, also after a crash, and never too many."""

from __future__ import annotations

import json
from pathlib import Path

from basewatch.warehouse import journal


def lines(root: Path) -> list[str]:
    return (root / journal.FILE).read_text().splitlines()


def test_each_run_adds_a_line_of_json(tmp_path: Path) -> None:
    for number in range(3):
        journal.append(tmp_path, {"run_id": f"r{number}", "seconds": {"build": 1.5}})
    assert [json.loads(line)["run_id"] for line in lines(tmp_path)] == ["r0", "r1", "r2"]


def test_a_line_that_was_cut_spoils_itself_alone(tmp_path: Path) -> None:
    journal.append(tmp_path, {"run_id": "whole"})
    with (tmp_path / journal.FILE).open("a") as handle:
        handle.write('{"run_id": "cu')
    journal.append(tmp_path, {"run_id": "next"})
    assert len(lines(tmp_path)) == 3 and json.loads(lines(tmp_path)[2]) == {"run_id": "next"}


def test_lines_are_put_aside_once_there_are_too_many(tmp_path: Path) -> None:
    (tmp_path / journal.FILE).write_text("x" * journal.MOST_BYTES + "\n")
    journal.append(tmp_path, {"run_id": "new"})
    assert lines(tmp_path) == ['{"run_id": "new"}']
    assert (tmp_path / journal.EARLIER).stat().st_size == journal.MOST_BYTES + 1
