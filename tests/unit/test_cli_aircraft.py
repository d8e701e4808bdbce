"""What is known of an aircraft, printed in every form."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from basewatch.cli.aircraft import print_statements
from basewatch.reference.aircraft import Statement


def test_statements_are_all_shown_in_every_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = [replace(Statement("register", "one", "153342", "=RF-1"), is_military=False)]
    print_statements("153342", said, "json")
    assert json.loads(capsys.readouterr().out)[0]["is_military"] is False
    print_statements("153342", said, "csv")
    assert capsys.readouterr().out.splitlines()[1] == "register,one,153342,'=RF-1,,,,false,,,"
    print_statements("153342", [], "table")
    assert "no rows" in capsys.readouterr().out
