"""Dates and lengths of time in many languages, against a text published on Thursday 30 October 2025."""

from __future__ import annotations

from datetime import date

import pytest

from basewatch.news import dates
from basewatch.news.rules import rules
from basewatch.news.text import key

THURSDAY = date(2025, 10, 30)


def spans(language: str, content: str, published: date = THURSDAY) -> list[str]:
    words = rules().language(language)
    assert words is not None
    found = dates.find(key(content), words, published)
    return [
        f"{span.first:%m-%d}" if span.first == span.last else f"{span.first:%m-%d}..{span.last:%m-%d}" for span in found
    ]


@pytest.mark.parametrize(
    ("language", "content", "expected"),
    [
        ("en", "three times between Friday and Wednesday", ["10-24..10-29"]),
        ("en", "three times Friday to Wednesday", ["10-24..10-29"]),
        ("en", "on Friday and Wednesday", ["10-24", "10-29"]),
        ("en", "last Sunday", ["10-26"]),
        ("en", "on Thursday", ["10-30"]),
        ("en", "last Thursday", ["10-23"]),
        ("en", "next Monday", []),
        ("en", "on Oct. 15 and on Tuesday", ["10-15", "10-28"]),
        ("en", "from Oct. 24 to 29", ["10-24..10-29"]),
        ("en", "October 24-29, 2025", ["10-24..10-29"]),
        ("en", "on 24 and 29 October", ["10-24", "10-29"]),
        ("en", "between 24 and 29 October", ["10-24..10-29"]),
        ("en", "since October 24", ["10-24..10-30"]),
        ("en", "the 26th of October", ["10-26"]),
        ("en", "in September 2015", []),
        ("en", "on 2025-10-26, or 26.10.2025", ["10-26", "10-26"]),
        ("en", "on 31 December 2026", []),
        ("en", "on 10/26/2025, or 26/10/2025, or 26-10-2025", ["10-26", "10-26", "10-26"]),
        ("en", "on 09/10/2025", []),  # 9 October or 10 September
        ("en", "on 10/10/2025", ["10-10"]),
        ("en", "on Thursday, 09/10/2025", ["10-09"]),  # the weekday tells
        ("en", "on Wednesday (10/09/2025)", ["09-10"]),
        ("en", "runway 17/35/2025, file 26/10/2025/7", []),
        ("ru", "в воскресенье, 05/10/2025", ["10-05"]),
        ("en", "yesterday", ["10-29"]),
        ("ru", "26 октября, и трижды с 24 октября", ["10-26", "10-24..10-30"]),
        ("ru", "с 24 по 29 октября", ["10-24..10-29"]),
        ("ru", "в минувшее воскресенье", ["10-26"]),
        ("uk", "з 24 по 29 жовтня", ["10-24..10-29"]),
        ("ar", "بين 24 و29 أكتوبر", ["10-24..10-29"]),
        ("ar", "يوم 26 تشرين الأول", ["10-26"]),
        ("ar", "الأربعاء الماضي", ["10-29"]),
        ("fr", "entre le 24 et le 28 octobre", ["10-24..10-28"]),
        ("fr", "du 24 au 29 octobre", ["10-24..10-29"]),
        ("de", "vom 24. bis 29. Oktober", ["10-24..10-29"]),
        ("de", "am 26. Oktober", ["10-26"]),
        ("it", "tra il 24 e il 29 ottobre", ["10-24..10-29"]),
        ("es", "entre el 24 y el 29 de octubre de 2025", ["10-24..10-29"]),
        ("pt", "em 26 de outubro", ["10-26"]),
        ("tr", "24 Ekim'den bu yana", ["10-24..10-30"]),
        ("pl", "od 24 do 29 października", ["10-24..10-29"]),
        ("bg", "на 26 октомври", ["10-26"]),
        ("zh", "自10月24日起", ["10-24..10-30"]),
        ("zh", "2025年10月26日", ["10-26"]),
        ("ja", "10月24日から29日", ["10-24..10-29"]),
    ],
)
def test_dates(language: str, content: str, expected: list[str]) -> None:
    assert spans(language, content) == expected


def test_a_date_without_a_year_is_the_last_such_day() -> None:
    words = rules().language("en")
    assert words is not None
    [span] = dates.find(key("on December 30"), words, date(2026, 1, 3))
    assert span.first == date(2025, 12, 30)
    [span] = dates.find(key("on 29 February"), words, date(2026, 1, 3))
    assert span.first == date(2024, 2, 29)
    [span] = dates.find(key("from 28 December to 2 January"), words, date(2026, 1, 3))
    assert (span.first, span.last) == (date(2025, 12, 28), date(2026, 1, 2))


@pytest.mark.parametrize("content", ["99 October", "32 октября", "2025-13-01", "0 October", "31.02.2025"])
def test_days_that_there_are_not(content: str) -> None:
    assert spans("en", content) == [] and spans("ru", content) == []


@pytest.mark.parametrize(
    ("language", "content", "days", "is_rounded"),
    [
        ("en", "after a six-month pause", 183, True),
        ("en", "nearly six months", 183, True),
        ("en", "a 45-day pause", 45, False),
        ("en", "about 45 days", 45, True),
        ("en", "half a year", 183, True),
        ("en", "two weeks", 14, True),
        ("ru", "почти полугода", 183, True),
        ("ru", "после шестимесячного перерыва", 183, True),
        ("ru", "6-месячного", 183, True),
        ("uk", "після піврічної паузи", 183, True),
        ("ar", "بعد توقف ستة أشهر", 183, True),
        ("ar", "نحو خمسة أشهر", 152, True),
        ("fr", "près de six mois", 183, True),
        ("de", "sechsmonatiger Pause", 183, True),
        ("it", "quasi sei mesi", 183, True),
        ("es", "casi medio año", 183, True),
        ("tr", "altı aylık aradan", 183, True),
        ("pl", "po pół roku", 183, True),
        ("he", "אחרי שישה חודשים", 183, True),
        ("zh", "时隔近6个月", 183, True),
        ("ja", "約6か月ぶりに", 183, True),
    ],
)
def test_durations(language: str, content: str, days: int, is_rounded: bool) -> None:
    words = rules().language(language)
    assert words is not None
    assert [(d.days, d.is_rounded) for d in dates.durations(key(content), words)] == [(days, is_rounded)]
