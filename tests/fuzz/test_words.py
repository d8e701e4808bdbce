"""Texts for the readers of words: stated times, dates and lengths of time in prose, encodings, whole articles."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime

from hypothesis import strategies as st

from basewatch.config import Settings
from basewatch.news import dates, encodings, stamps, text
from basewatch.news.reader import Article, Reader
from basewatch.news.rules import rules
from basewatch.reference import load
from fuzzing import fuzz
from news_samples import labelled

THURSDAY = date(2025, 10, 30)
SPANS = (
    "three times between Friday and Wednesday, from Oct. 24 to 29", "on 24 and 29 October 2025", "since October 24",
    "с 24 по 29 октября 2025 года, в пятницу и в среду", "vom 24. bis 29. Oktober", "entre le 24 et le 29 octobre",
    "за последние три недели", "for more than two and a half months", "在10月24日至29日", "24/10/2025 - 29/10/2025",
)  # fmt: skip
STATED = (
    "Wed, 29 Oct 2025 14:00:00 +0300 (MSK)", "2025-10-29T14:00:00.123456789+03:00", "29 октября 2025, 14:00 МСК",
    "Oct. 29, 2025, 2 p.m. ET", "29.10.2025", "10/29/25 2:00 PM", "1761735600", "29 Ekim 2025 Çarşamba 14:00",
)  # fmt: skip


def as_text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def test_dates_and_lengths_of_time() -> None:
    codes = sorted(code for code in ("en", "ru", "de", "fr", "es", "ar", "tr", "uk") if rules().language(code))

    def attempt(data: bytes, code: str, published: date) -> None:
        language = rules().language(code)
        assert language is not None
        folded = text.key(as_text(data))
        for span in dates.find(folded, language, published):
            assert span.first <= span.last
        dates.durations(folded, language)

    days = st.one_of(st.just(THURSDAY), st.dates())
    fuzz([each.encode() for each in SPANS], attempt, st.sampled_from(codes), days)


def test_stated_times() -> None:
    def attempt(data: bytes, tag: str | None) -> None:
        stamps.read(as_text(data), tag)
        stamps.read_part(as_text(data), tag)

    fuzz([each.encode() for each in STATED], attempt, st.sampled_from([None, "en-US", "ru", "de-DE", "x-\0"]))


def test_encodings() -> None:
    def attempt(data: bytes, declared: str | None) -> None:
        with contextlib.suppress(ValueError):
            encodings.decode(data, declared)

    good = ["Ил-76 прибыл на авиабазу".encode(codec) for codec in ("utf-8", "cp1251", "koi8-r", "utf-16", "utf-32")]
    fuzz(good, attempt, st.sampled_from([None, "utf-8", "koi8-r", "idna", "rot13", "undefined", "", "hex", "\0"]))


def test_articles_as_text() -> None:
    reader = Reader(load.tables(Settings()), load.params(Settings()).thresholds)
    good = [f"{each['title']}\n{each['excerpt']}".encode() for each in labelled()[:40]]

    def attempt(data: bytes) -> None:
        title, _, body = as_text(data).partition("\n")
        reader.read(Article(title=title, text=body, published_at=datetime(2025, 10, 30, tzinfo=UTC)))

    fuzz(good, attempt)
