"""Which articles tell one story: written pairs (tests/samples/news/copies.yml) through the real models."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import duckdb
import pytest

from basewatch import config
from basewatch.news.reader import Article, midnight, news_tables
from basewatch.news.rules import rules
from basewatch.news.stories import title_key
from basewatch.reference import load
from basewatch.warehouse import models
from news_samples import cases, reader

PAIRS = cases("copies.yml")
MODELS = (
    "staging.stg_news__articles",
    "staging.stg_news__mentions",
    "intermediate.int_stories",
    "marts.news_mentions",
)


def stories(articles: Iterable[Article]) -> list[tuple[Any, ...]]:
    """(url, story, origin, articles and publishers of the story) of every mention, by address."""
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("SET TimeZone = 'UTC'")
    for schema in ("raw", "staging", "intermediate", "marts"):
        connection.execute(f"CREATE SCHEMA {schema}")
    tables = news_tables([reader().read(article) for article in articles], "articles")
    for name, table in tables.items():
        connection.register("rows", table)
        connection.execute(f"CREATE TABLE raw.{name} AS SELECT * FROM rows")
    params = {**load.params(config.Settings()).values, "as_of": date(2025, 12, 31)}
    models.define_macros(connection)
    for name in MODELS:
        models.materialise(connection, models.load()[name], params)
    return connection.execute(
        "SELECT url, story_id, origin, story_articles, story_publishers FROM marts.news_mentions ORDER BY url"
    ).fetchall()


def article(values: dict[str, Any], address: str, hours: float) -> Article:
    at = midnight(date(2025, 10, 30)) + timedelta(hours=hours)
    return Article(values["text"], values["title"], address, at, language=values["language"])


@pytest.mark.parametrize("pair", PAIRS, ids=[pair["why"] for pair in PAIRS])
def test_written_pair(pair: dict[str, Any]) -> None:
    one = article(pair["one"], "https://one.example.org/a", 0)
    other = article(pair["other"], "https://other.example.net/b", pair["hours"])
    found = stories([one, other])
    assert len(found) == 2
    assert (found[0][1] == found[1][1]) is pair["same"]
    assert {row[3] for row in found} == {2 if pair["same"] else 1}


def test_copies_without_a_credit_take_the_story_s_and_count_as_one_origin() -> None:
    title = "Transports return to the Syrian air base"
    credited = {"language": "en", "title": title, "text": "An Il-62 landed at Hmeimim on Sunday, Bloomberg reported."}
    bare = {"language": "en", "title": title, "text": "Planes are at Hmeimim."}
    found = stories([article(credited, "https://a.example.org/1", 0), article(bare, "https://b.example.org/1", 4)])
    assert [row[2] for row in found] == ["Bloomberg", "Bloomberg"]
    assert len({row[1] for row in found}) == 1 and {row[4] for row in found} == {2}


def test_links_lead_on_and_the_first_article_names_the_story() -> None:
    """The first and the third share nothing, but each is a copy of the second."""
    first = {"language": "en", "title": "Transports return to the air base", "text": "Planes are at Hmeimim."}
    second = {**first, "text": "Planes landed at Hmeimim, Bloomberg reported."}
    third = {"language": "en", "title": "A base wakes up", "text": "Jets flew to Hmeimim, Bloomberg reported."}
    found = stories(
        [
            article(third, "https://c.example.org/3", 30),
            article(second, "https://b.example.org/2", 10),
            article(first, "https://a.example.org/1", 0),
        ]
    )
    assert len({row[1] for row in found}) == 1
    assert found[0][1] == f"story-{reader().read(article(first, 'https://a.example.org/1', 0)).article_id}"


def test_a_chain_of_credits_is_cut_after_a_week() -> None:
    daily = {"language": "en", "title": "Note", "text": "A plane landed at Hmeimim, Reuters reported."}
    found = stories([article(daily, f"https://n{day:02}.example.org/1", 24 * day) for day in range(20)])
    assert len({row[1] for row in found}) == 3


def test_one_article_from_many_addresses_is_one() -> None:
    values = {"language": "en", "title": "Transports return", "text": "Planes came to Hmeimim."}
    addresses = ["https://www.example.org/a?utm_source=x", "https://m.example.org/a/", "http://example.org/a#top"]
    assert len({reader().read(article(values, address, 0)).article_id for address in addresses}) == 1


@pytest.mark.parametrize(
    ("title", "folded"),
    [
        ("Russia resumes flights to Syria | The Daily", "russia resumes flights to syria"),
        ("BREAKING: Russia resumes flights – Bloomberg", "russia resumes flights"),
        ("«Россия» возобновила полёты!", "россия возобновила полеты"),
        ("Syria", None),
        ("", None),
        (None, None),
    ],
)
def test_title_keys(title: str | None, folded: str | None) -> None:
    assert title_key(title, rules()) == folded
