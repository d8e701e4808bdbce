"""The layout's promises: the centre names no source, and each source offers what the contract says."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from basewatch.config import Sources
from basewatch.sources import contract

ROOT = Path(__file__).resolve().parents[2]
CENTRE = ("src/basewatch/run.py", "src/basewatch/ingest.py", "src/basewatch/cli/doctor.py", "flows/nightly.py")
SHARED = {"beside", "contract", "named_bases", "landing", "volumes"}  # what the centre may know of the sources' folder


@pytest.mark.parametrize("file", CENTRE)
def test_the_centre_names_no_source(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    assert [code for code in Sources.model_fields if code in text] == []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("basewatch.sources"):
            continue
        below = (node.module or "").removeprefix("basewatch.sources").removeprefix(".")
        modules = {below.split(".")[0]} if below else {alias.name for alias in node.names}
        assert modules <= SHARED, f"line {node.lineno} imports {modules - SHARED}"


@pytest.mark.parametrize("code", Sources.model_fields)
def test_every_source_offers_the_contract(code: str) -> None:
    source = contract.module(code)
    section = Sources.model_fields[code].default
    assert source.grain(section) in ("day", "whole", "live")
    assert callable(source.fetch) and callable(source.decode)
    assert (source.watch is not None) or source.grain(section) != "live", "a live source must be able to poll"


def test_few_modules_stand_at_the_top() -> None:
    assert len(list((ROOT / "src" / "basewatch").glob("*.py"))) <= 10
