"""Names of months, weekdays and halves of the day in many languages, and in which order a region writes numbers.

The names are those of dateparser, which has them from Unicode's CLDR and adds forms in use.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from basewatch.news.text import key, languages

Order = Literal["day_first", "month_first"]
_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
           "december")  # fmt: skip
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True)
class CalendarWords:
    """One language's names, folded. A name may stand for several months: "mar" is a month and a weekday in Italian."""

    code: str
    months: dict[str, frozenset[int]]
    weekdays: dict[str, frozenset[int]]
    mornings: frozenset[str]
    afternoons: frozenset[str]
    fillers: frozenset[str]


@cache
def codes() -> tuple[str, ...]:
    """The languages whose names are known, the most used first."""
    from dateparser.data.languages_info import language_order  # a twentieth of a second; only where words are read

    ours = set(languages()["codes"].values()) | set(languages()["names"].values())
    return tuple(code for code in language_order if code in ours)


@cache
def _codes_by_word() -> dict[str, frozenset[str]]:
    """The languages in whose names a word stands, for every such word."""
    found: dict[str, set[str]] = {}
    for code in codes():
        names = words(code)
        if names is not None:
            phrases = {*names.months, *names.weekdays, *names.mornings, *names.afternoons, *names.fillers}
            for word in {word for phrase in phrases for word in phrase.split()}:
                found.setdefault(word, set()).add(code)
    return {word: frozenset(of_word) for word, of_word in found.items()}


def codes_with(all_of: set[str]) -> tuple[str, ...]:
    """The languages in whose names each of these folded words stands, the most used first."""
    known = _codes_by_word()
    return tuple(code for code in codes() if all(code in known.get(word, ()) for word in all_of))


@cache
def words(code: str) -> CalendarWords | None:
    """The names of one language (ISO 639-1); None where they are not known. Regions are taken together."""
    from dateparser.data.languages_info import language_locale_dict
    from dateparser.languages.loader import default_loader

    if code not in language_locale_dict:
        return None
    infos: list[dict[str, Any]] = [locale.info for locale in default_loader.get_locales(languages=[code])]
    regions = language_locale_dict[code]
    if regions:
        infos += [
            locale.info for locale in default_loader.get_locales(locales=list(regions), allow_conflicting_locales=True)
        ]
    return CalendarWords(
        code,
        _numbered(infos, _MONTHS, 1),
        _numbered(infos, _WEEKDAYS, 0),
        frozenset(key(word) for info in infos for word in info.get("am", ())) | {"am", "a.m"},
        frozenset(key(word) for info in infos for word in info.get("pm", ())) | {"pm", "p.m"},
        _fillers(),
    )


@cache
def _fillers() -> frozenset[str]:
    """Words around a date that say nothing of it, labels such as "published" among them."""
    labels = (word for label in languages()["labels"]["date"] for word in label.split())
    return frozenset(key(word) for word in (*languages()["date_fillers"], *labels))


def _numbered(infos: list[dict[str, Any]], names: tuple[str, ...], first: int) -> dict[str, frozenset[int]]:
    numbers: dict[str, set[int]] = {}
    for number, name in enumerate(names, first):
        for info in infos:
            for word in info.get(name, ()):
                folded = key(word).rstrip(".")
                if not any(character.isdigit() for character in folded):
                    numbers.setdefault(folded, set()).add(number)
    return {word: frozenset(values) for word, values in numbers.items()}


@cache
def order(tag: str | None) -> Order | None:
    """In which order a document of this language or region writes 05/10/2025; None where the tag does not decide.

    `tag`: as the document states it, such as `en-GB` or `fr`. English without a region does not decide, and neither
    does a place that begins with the year.
    """
    if not tag:
        return None
    from dateparser.data.languages_info import language_locale_dict
    from dateparser.languages.loader import default_loader

    language, _, region = tag.strip().replace("_", "-").partition("-")
    language, region = language.lower(), region.rpartition("-")[2].upper()
    if language not in language_locale_dict or (language == "en" and len(region) != 2):
        return None
    name = f"{language}-{region}"
    if name in language_locale_dict[language]:
        (locale,) = default_loader.get_locales(locales=[name])
    else:
        (locale,) = default_loader.get_locales(languages=[language])
    written = locale.info.get("date_order") or ""
    return "day_first" if written == "DMY" else "month_first" if written == "MDY" else None
