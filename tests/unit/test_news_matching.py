"""Which bases a text names, in many scripts; cases in tests/samples/news/ and the shipped keywords themselves."""

from __future__ import annotations

from collections import Counter

import pytest

from basewatch import config
from basewatch.news.matching import Matcher
from basewatch.reference import load
from basewatch.reference.rows import KeywordRow
from news_samples import OTHER_WATCHED, around, cases, labelled, reader, score

CASES = cases("matching.yml")


@pytest.mark.parametrize(
    ("language", "content", "bases"), CASES, ids=[f"{case[0]}-{n}" for n, case in enumerate(CASES)]
)
def test_written_case(language: str, content: str, bases: list[str]) -> None:
    named = reader().bases_in(content, language)
    assert sorted(named) == sorted(bases), named


def test_written_cases_are_mostly_negatives() -> None:
    assert len(CASES) >= 140
    assert sum(not bases for *_, bases in CASES) > len(CASES) / 2


def test_every_strong_name_is_found() -> None:
    lost = [
        (row.base_id, row.alias)
        for row in _keywords()
        if row.role == "name"
        and row.strength == "strong"
        and row.base_id not in reader().bases_in(f"({row.alias}), 5", row.language)
    ]
    assert lost == []


def test_every_row_with_examples_passes_them() -> None:
    for row in _keywords():
        if row.example_hit:
            assert row.base_id in reader().bases_in(row.example_hit, row.language), row
        if row.example_miss:
            assert row.base_id not in reader().bases_in(row.example_miss, row.language), row


def _keywords() -> list[KeywordRow]:
    return load.tables(config.Settings()).rows["keywords"]


def test_recall_on_labelled_pages() -> None:
    result = score()
    assert result.wanted > 150
    assert result.found / result.wanted >= 0.97, result.misses


def test_no_language_of_a_few_pages_is_missed_twice() -> None:
    pages = Counter(page["language"] for page in labelled())
    misses = Counter(language for language, *_ in score().misses)
    assert {
        language: misses[language] for language, times in pages.items() if 5 <= times <= 9 and misses[language] > 1
    } == {}


@pytest.mark.parametrize("between", ["\n", "; ", ". ", " "])
def test_nothing_is_named_on_pages_that_name_no_base(between: str) -> None:
    assert score(lambda page: between.join(page["mention_forms"])).wrongly_named == []


def test_other_watched_bases_are_named_as_themselves() -> None:
    seen = set()
    for page in labelled():
        for place in page["not_bases"]:
            if not page["bases"] and place in OTHER_WATCHED:
                named = set(reader().bases_in(around(page), page["language"]))
                assert named <= {OTHER_WATCHED[other] for other in page["not_bases"] if other in OTHER_WATCHED}
                seen |= named
    assert seen == set(OTHER_WATCHED.values())


# ---- the rules one by one, on a small table


def _row(alias: str, **given: str) -> KeywordRow:
    row = {"base_id": "here", "alias": alias, "language": "", "role": "name", "strength": "strong"}
    empty = {"example_hit": "yes", "example_miss": "no", "source_url": "", "checked_on": ""}
    return KeywordRow.model_validate({**row, **empty, **given})


def _named(rows: list[KeywordRow], content: str, language: str | None = None) -> set[str]:
    return set(Matcher(rows, ["Elsewhere"], cue_words=12, pair_words=2).bases_in(content, language))


WEAK = [
    _row("Anytown", strength="weak"),
    _row("air base", base_id="", role="cue"),
    _row("airport", base_id="", role="cue", strength="weak"),
    _row("port of", base_id="", role="negative", strength="weak"),
    _row("football club", base_id="", role="negative"),
    _row("Anytown sauce", role="negative"),
]


@pytest.mark.parametrize(
    ("content", "is_named"),
    [
        ("Anytown", False),
        ("the air base at Anytown", True),
        ("the airport of Anytown", True),
        ("air base " + "word " * 12 + "Anytown", True),
        ("air base " + "word " * 13 + "Anytown", False),
        ("the air base.\nAnytown", False),  # another line
        ("the port of Anytown has an airport", False),
        ("the air base near Elsewhere, and Anytown", False),
        ("Elsewhere, and the air base near Anytown", True),
        ("Anytown sauce at the air base", False),
        ("Anytown football club flew to an air base", False),
        ("Anytowns air base", False),
    ],
)
def test_weak_names_need_a_cue_of_their_own(content: str, is_named: bool) -> None:
    assert _named(WEAK, content) == ({"here"} if is_named else set())


def test_the_longest_name_wins() -> None:
    rows = [
        _row("Kirov", base_id="kirov"),
        _row("Kirovskoye Field", base_id="field"),
        _row("Kirovskoye", base_id="other"),
    ]
    assert _named(rows, "seen at Kirovskoye Field") == {"field"}
    assert _named(rows, "seen at Kirovskoye and Kirov") == {"other", "kirov"}


@pytest.mark.parametrize("content", ["Olenja", "Olenyaa", "Olena", "Оленя", "xOlenya", "Olenya7"])
def test_names_are_never_guessed(content: str) -> None:
    assert _named([_row("Olenya")], content) == set()


@pytest.mark.parametrize("content", ["Хальхала", "Хальхалу", "Хальхале", "в Хальхалой", "ХАЛЬХАЛЫ"])
def test_slavic_cases(content: str) -> None:
    assert _named([_row("Хальхала")], content) == {"here"}


@pytest.mark.parametrize("content", ["وبحميميم", "لحميميم", "والحميميم", "فحميميم"])
def test_arabic_prefixes(content: str) -> None:
    assert _named([_row("حميميم")], content) == {"here"}


@pytest.mark.parametrize(("content", "language"), [("Hmeymimben", "hu"), ("Hmeymimie", "pl"), ("Hmeymims", "de")])
def test_endings_of_latin_scripts_belong_to_their_language(content: str, language: str) -> None:
    assert _named([_row("Hmeymim")], content, language) == {"here"}
    assert _named([_row("Hmeymim")], content, "es") == set()


@pytest.mark.parametrize("content", ["Al-Khadim", "Al Khadim", "AlKhadim", "al’Khadim", "AL–KHADIM"])
def test_joined_and_hyphened_names_are_one(content: str) -> None:
    assert _named([_row("Al-Khadim")], content) == {"here"}


def test_no_names_at_all() -> None:
    assert _named([], "Hmeimim") == set()
