"""What the tests and the accuracy benchmark of news reading share: the sample files and one reader."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from basewatch import config
from basewatch.news.reader import Reader
from basewatch.reference import load

FOLDER = Path(__file__).resolve().parent / "samples" / "news"

# Four labelled pages are about other watched bases. The labels watch seven bases and call these pages negatives; here
# their bases are watched too, so that naming exactly these, and no other, is right.
OTHER_WATCHED = {
    "al-jarrah": "jirah",
    "shayrat": "shayrat",
    "tiyas-t4": "tiyas_t4",
}


@cache
def reader() -> Reader:
    """A reader of the shipped reference tables."""
    return Reader(load.tables(config.Settings()))


def cases(name: str) -> list[Any]:
    """The cases of one written file."""
    found: list[Any] = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    return found


def labelled() -> list[dict[str, Any]]:
    """Pages labelled by reading: names as spelled there, the bases they name, and which are near misses."""
    lines = (FOLDER / "labelled.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def around(page: dict[str, Any]) -> str:
    """The page's names with text around them: its paraphrase, then each name on a line of its own."""
    return "\n".join([page["excerpt"] or "", *page["mention_forms"]])


@dataclass(frozen=True)
class Score:
    """How many of the labelled names were found, and what was named where nothing should be."""

    wanted: int
    found: int
    misses: list[tuple[str, str, str]]  # language, base, address
    wrongly_named: list[tuple[str, str, str]]


def score(text_of: Any = around) -> Score:
    """Base recall over the labelled pages, and the bases named on pages that name none."""
    wanted = found = 0
    misses, wrongly = [], []
    for page in labelled():
        named = set(reader().bases_in(text_of(page), page["language"]))
        for base_id in page["bases"]:
            wanted += 1
            found += base_id in named
            if base_id not in named:
                misses.append((page["language"], base_id, page["url"]))
        if not page["bases"]:
            own = {OTHER_WATCHED[place] for place in page["not_bases"] if place in OTHER_WATCHED}
            wrongly += [(page["language"], base_id, page["url"]) for base_id in sorted(named - own)]
    return Score(wanted, found, misses, wrongly)
