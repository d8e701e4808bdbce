"""What articles claim of flights; cases in tests/samples/news/claims.yml, written for this."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from basewatch.news.reader import Article, Reading, midnight, news_tables
from basewatch.sources import articles
from news_samples import cases, reader

CASES = cases("claims.yml")


def read(case: dict[str, Any]) -> Reading:
    at = midnight(case["published"]) if case.get("published") else None
    return reader().read(Article(case["text"], language=case["language"], published_at=at))


@pytest.mark.parametrize("case", CASES, ids=[f"{case['language']}: {case['why']}" for case in CASES])
def test_written_case(case: dict[str, Any]) -> None:
    reading = read(case)
    pauses = [mention.claimed_pause_days or True for mention in reading.mentions if mention.reports_pause]
    flights = sorted(
        [claim.base_id, claim.type_code, claim.claimed_count, claim.claimed_from, claim.claimed_to, claim.verb_strength]
        for claim in reading.claims
        if claim.claim == "flight"
    )
    assert reading.mentions, "every case names a base"
    assert (pauses[0] if pauses else None) == case.get("pause")
    assert any(mention.reports_resumption for mention in reading.mentions) == case.get("resumes", False)
    assert flights == sorted(case.get("flights", []))
    if "bases" in case:
        assert [mention.base_id for mention in reading.mentions] == case["bases"]


def test_most_written_cases_claim_nothing_or_less_than_it_seems() -> None:
    negatives = [case for case in CASES if not case.get("pause") and not case.get("flights")]
    assert len(CASES) >= 60 and len(negatives) >= 25


def seen(content: str, language: str = "en") -> Reading:
    return reader().read(Article(content, language=language, published_at=midnight(date(2025, 10, 30))))


def test_a_pause_runs_back_from_the_first_claimed_flight() -> None:
    reading = seen("Flights to Hmeimim resumed after a six-month pause. An An-124 landed there on October 24.")
    pause = next(claim for claim in reading.claims if claim.claim == "pause")
    assert (pause.claimed_from, pause.claimed_to) == (date(2025, 4, 24), date(2025, 10, 23))
    assert (pause.duration_days, pause.is_rounded, pause.window_basis) == (183, True, "flights")


def test_without_a_flight_the_pause_runs_back_from_the_stated_or_published_day() -> None:
    stated = seen("Flights to Hmeimim resumed on October 26 after a 10-day pause.").claims[0]
    assert (stated.claimed_from, stated.claimed_to) == (date(2025, 10, 16), date(2025, 10, 25))
    assert stated.window_basis == "stated"
    pause, resumption = seen("Flights to Hmeimim resumed after a six-month pause, RIA reported Thursday.").claims
    assert (pause.claimed_from, pause.claimed_to) == (date(2025, 5, 1), date(2025, 10, 30))
    assert (pause.is_rounded, pause.window_basis) == (True, "published")
    assert (resumption.claimed_from, resumption.window_basis) == (None, None)


def test_a_pause_laid_back_from_publication_is_rounded_however_exact_its_length() -> None:
    """Nobody says on which day between the pause and the publication the flights resumed."""
    pause = seen("Flights to Hmeimim resumed after a 200-day pause.").claims[0]
    assert (pause.claimed_from, pause.claimed_to) == (date(2025, 4, 14), date(2025, 10, 30))
    assert (pause.duration_days, pause.is_rounded) == (200, True)
    lasting = seen("Military flights to Hmeimim have been suspended for 200 days.").claims[0]
    assert (lasting.claimed_to, lasting.is_rounded) == (date(2025, 10, 30), False)
    dated = seen("Flights to Hmeimim resumed on October 26 after a 200-day pause.").claims[0]
    assert (dated.claimed_to, dated.is_rounded) == (date(2025, 10, 25), False)


@pytest.mark.parametrize(("printed", "count"), [(49, 49), (50, 1), (124, 1)])
def test_a_number_before_a_type_is_a_count_below_fifty(printed: int, count: int) -> None:
    [flight] = seen(f"At Hmeimim {printed} Il-76 landed on Sunday.").claims
    assert flight.claimed_count == count


def test_a_short_pause_that_nothing_dates_has_a_length_and_no_days() -> None:
    pause = seen("Flights to Hmeimim resumed after a 10-day pause.").claims[0]
    assert (pause.duration_days, pause.claimed_from, pause.window_basis) == (10, None, None)


def test_a_pause_that_lasts_runs_to_the_day_of_publication() -> None:
    [pause] = seen("Military flights to Hmeimim have been suspended for 20 days.").claims
    assert (pause.claimed_from, pause.claimed_to) == (date(2025, 10, 11), date(2025, 10, 30))


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        # "on Sunday" is another day by each reading, 24 April is in the past of both, and of one it is no news
        ((date(2025, 5, 10), date(2025, 10, 5)), [("AN12", None), ("IL76", None), ("T154", None)]),
        ((date(2025, 4, 5), date(2025, 5, 4)), [("AN12", None), ("IL76", None), ("T154", None)]),
        (
            (date(2025, 5, 5), date(2025, 5, 7)),
            [("AN12", date(2025, 5, 4)), ("IL76", date(2025, 4, 24)), ("T154", None)],
        ),
        ((date(2025, 5, 7),), [("AN12", date(2025, 5, 4)), ("IL76", date(2025, 4, 24)), ("T154", date(2025, 5, 6))]),
    ],
)
def test_a_claim_keeps_the_days_that_it_has_by_every_reading_of_an_ambiguous_date(
    days: tuple[date, ...], expected: list[tuple[str, date | None]]
) -> None:
    content = (
        "An Il-76 landed at Hmeimim on 24 April 2025. An An-12 landed at Hmeimim on Sunday. "
        "A Tu-154 landed at Hmeimim on Tuesday."
    )
    reading = reader().read(Article(content, language="en", published_days=days, filed_on=days[-1]))
    assert sorted((str(claim.type_code), claim.claimed_from) for claim in reading.claims) == expected
    assert {claim.window_basis for claim in reading.claims} == {"stated" if day else None for _, day in expected}
    (mention,) = reading.mentions
    known = [day for _, day in expected if day]
    assert (mention.claimed_from, mention.claimed_to) == (min(known, default=None), max(known, default=None))
    assert mention.claimed_types == ("AN12", "IL76", "T154")
    assert reading.day == days[-1]


def test_the_fleet_meant_is_russian_military_only_where_the_text_says_so() -> None:
    assert {claim.fleet_id for claim in seen("A Russian military Il-76 landed at Hmeimim on Sunday.").claims} == {
        "ru_mil"
    }
    assert {claim.fleet_id for claim in seen("An Il-76 landed at Hmeimim on Sunday.").claims} == {"all"}
    mixed = seen("Russian military planes use Hmeimim. An Iranian Il-76 landed at Hmeimim on Sunday.")
    assert {claim.fleet_id for claim in mixed.claims} == {"all"}


def test_a_misprint_is_flagged_and_stands_for_a_type_the_text_names_rightly() -> None:
    reading = seen("An Il-62 flew to Hmeimim. The Il-26M landed at Hmeimim on Sunday.")
    [flight] = [claim for claim in reading.claims if claim.claim == "flight"]
    assert (flight.type_code, flight.printed_type) == ("IL62", "IL-26M")
    assert seen("The Il-26M landed at Hmeimim on Sunday.").mentions[0].claimed_types == ()


@pytest.mark.parametrize(
    ("content", "route"),
    [
        ("An Il-62 flew the Libya-Latakia-Moscow region route to Hmeimim on Sunday.", "Libya-Latakia-Moscow region"),
        ("An Il-62 landed at Hmeimim on Sunday; it flew from Libya via Latakia to Moscow.", "Libya-Latakia-Moscow"),
        ("An Il-62 landed at Hmeimim on Sunday.", None),
    ],
)
def test_routes(content: str, route: str | None) -> None:
    assert [claim.route for claim in seen(content).claims if claim.claim == "flight"] == [route]


@pytest.mark.parametrize(
    ("content", "origin", "data_origin"),
    [
        ("Flights to Hmeimim resumed, Bloomberg reported, citing Flightradar24.", "Bloomberg", "Flightradar24"),
        ("According to Reuters, a jet landed at Hmeimim.", "Reuters", None),
        ("Photo: TASS\nA jet landed at Hmeimim.", None, None),
        ("The Bloomberg terminal was down. A jet landed at Hmeimim.", None, None),
    ],
)
def test_credits(content: str, origin: str | None, data_origin: str | None) -> None:
    reading = seen(content)
    assert (reading.origin, reading.data_origin) == (origin, data_origin)


def test_credit_in_other_scripts_and_in_titles() -> None:
    assert seen("По данным Bloomberg, борт прибыл на Хмеймим.", "ru").origin == "Bloomberg"
    assert seen("نقلا عن بلومبرغ هبطت طائرة في حميميم.", "ar").origin == "Bloomberg"
    titled = Article("A jet landed at Hmeimim.", title="Flights resume – Bloomberg", language="en")
    assert reader().read(titled).origin == "Bloomberg"
    own = Article("A jet landed at Hmeimim.", url="https://www.reuters.com/x", language="en")
    assert reader().read(own).origin == "Reuters"


def test_rows_fit_the_lake_and_leave_out_articles_without_a_base() -> None:
    readings = [seen("An Il-76 landed at Hmeimim on Sunday."), seen("Nothing of note.")]
    tables = news_tables(readings, "articles")
    assert {name: table.num_rows for name, table in tables.items()} == {
        "news_articles": 1,
        "news_mentions": 1,
        "news_claims": 1,
    }
    assert tables["news_mentions"].to_pylist()[0]["claimed_types"] == ["IL76"]


@pytest.mark.parametrize(
    ("unit", "times"),
    [
        ("Hmeimim ", 5_000),
        pytest.param("Hmeimim ", 20_000, marks=pytest.mark.e2e),
        ("a", 200_000),
        ("24 24 24 October-", 10_000),
        ("«", 100_000),
        ("Il-", 50_000),
    ],
)
def test_hostile_texts_are_read_in_good_time(unit: str, times: int) -> None:
    started = time.process_time()
    reader().read(Article(unit * times, published_at=midnight(date(2025, 10, 30))))
    assert time.process_time() - started < 30


def test_the_article_that_started_it(recorded: Path) -> None:
    """The resumption story of 30 October 2025: its facts restated here, its text only where it is at hand."""
    file = recorded / "articles" / "moscow_times_2025-10-30.txt"
    article = articles.parse(file, "article.txt", datetime.now(UTC))
    reading = reader().read(article)
    assert reading.day == date(2025, 10, 30) and reading.published_basis == "text"
    assert (reading.origin, reading.data_origin, reading.language) == ("Bloomberg", "Flightradar24", "en")
    [mention] = reading.mentions
    assert (mention.base_id, mention.alias_strength, mention.verb_strength) == ("hmeimim", "strong", "landed")
    assert (mention.claimed_pause_days, mention.claimed_types) == (183, ("A124", "IL62"))
    assert (mention.claimed_from, mention.claimed_to) == (date(2025, 10, 24), date(2025, 10, 29))
    shown = [
        (c.claim, c.fleet_id, c.type_code, c.claimed_count, c.route, c.claimed_from, c.claimed_to, c.duration_days)
        for c in reading.claims
    ]
    route = "Libya-Latakia-Moscow region"
    assert shown == [
        ("pause", "ru_mil", None, None, None, date(2025, 4, 24), date(2025, 10, 23), 183),
        ("resumption", "ru_mil", None, None, None, date(2025, 10, 24), date(2025, 10, 29), None),
        ("flight", "ru_mil", "A124", 3, None, date(2025, 10, 24), date(2025, 10, 29), None),
        ("flight", "ru_mil", "IL62", 1, route, date(2025, 10, 26), date(2025, 10, 26), None),
    ]
    assert {c.verb_strength for c in reading.claims if c.claim == "flight"} == {"landed"}
    assert [c.printed_type for c in reading.claims if c.printed_type] == ["IL-26M"]
