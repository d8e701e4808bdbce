"""Dates as texts give them, resolved against the day the text was published."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache

from basewatch.news.rules import Language

FUTURE_SLACK = timedelta(days=1)  # time zones: a text published on the 29th UTC may speak of the 30th
_ISO = re.compile(r"(?<![\d.])(\d{4})-(\d{1,2})-(\d{1,2})(?![\d])")
_NUMERIC = re.compile(r"(?<![\d.])(\d{1,2})\.(\d{1,2})\.(\d{4}|\d{2})(?![\d])")
_SLASHED = re.compile(r"(?<![\d./-])(\d{1,2})([/-])(\d{1,2})\2(\d{4})(?![\d/-])")
_ENDING = re.compile(r"'?\w{0,4}\s*")  # what Turkish joins to a date before "since"
FIRST_YEAR = 1903
LONGEST_DAYS = 36_525  # a hundred years: a text that speaks of more speaks of no pause in flights
_DAYS = {"day": 1.0, "week": 7.0, "month": 30.4375, "year": 365.25}


@dataclass(frozen=True)
class Span:
    """Days that a text names, and where in the folded text it does."""

    first: date
    last: date
    start: int
    end: int
    has_year: bool = False


@dataclass(frozen=True)
class Duration:
    """A length of time as written: days (null for "long" or "several months"), and whether it is a round figure."""

    days: int | None
    is_rounded: bool
    start: int
    end: int


def _date(year: int, month: int, day: int) -> date | None:
    """The day that a text may speak of; None for one that is none, and for one before there were aircraft."""
    try:
        return date(year, month, day) if year >= FIRST_YEAR else None
    except ValueError:
        return None


def _nearest_year(month: int, day: int, published: date) -> date | None:
    """The last such day up to the day of publication."""
    for year in (published.year, published.year - 1):
        candidate = _date(year, month, day)
        if candidate is not None and candidate <= published + FUTURE_SLACK:
            return candidate
    # 29 February: the last one there was
    return next(
        (
            candidate
            for year in range(published.year - 2, published.year - 5, -1)
            if (candidate := _date(year, month, day))
        ),
        None,
    )


@dataclass(frozen=True)
class _Patterns:
    day_month: re.Pattern[str]
    month_day: re.Pattern[str]
    cjk: re.Pattern[str] | None
    range_joint: re.Pattern[str]
    range_lead: re.Pattern[str]


@cache
def _patterns(language: Language) -> _Patterns:
    joint = f"(?:[-–]|{language.tags['to'].pattern})"
    day = rf"(?<![\d.,:/])(\d{{1,2}})(?!\d|[.:]\d){language.day_suffix}\.?"
    year = rf"(?:,?\s+(?:{language.of}\s+)?(\d{{4}})(?!\d))?"
    article = r"(?:(?:the|el|le|il|o|dem|den|der)\s+)?"
    between = rf"(?:(\s*{joint}\s*{article}){day})?"
    day_month = re.compile(rf"{day}{between}\s+(?:{language.of}\s+)?({language.month})\.?{year}")
    month_day = re.compile(rf"({language.month})\.?\s+{day}{between}{year}")
    cjk = None
    if language.calendar:
        y, m, d = (re.escape(symbol) for symbol in language.calendar)
        cjk = re.compile(
            rf"(?:(\d{{4}}){y})?(?:(\d{{1,2}}){m})(\d{{1,2}}){d}(?:\s*(?:[-~〜]|{language.tags['to'].pattern}|から)\s*(?:(\d{{1,2}}){m})?(\d{{1,2}}){d})?"
        )
    return _Patterns(
        day_month,
        month_day,
        cjk,
        re.compile(rf"\s*{joint}\s*{article}"),
        re.compile(rf"{language.tags['from'].pattern}\s*{article}$"),
    )


def find(folded: str, language: Language, published: date) -> list[Span]:
    """The past days that a folded sentence names, in order: absolute, weekday and relative ones, joined to ranges.

    A date without a year is the last such day up to publication; a weekday the last one up to publication ("last"
    and its like exclude that day itself); "between Friday and Wednesday" counts back from its end. "Since X" runs to
    the day of publication. Days still to come are left out.
    """
    spans = _absolute(folded, language, published) + _weekdays(folded, language, published)
    spans += [
        Span(published + timedelta(days=offset), published + timedelta(days=offset), match.start(), match.end())
        for pattern, offset in language.relative
        for match in pattern.finditer(folded)
    ]
    spans = _join(folded, _apart(spans), language, published)
    return [span for span in spans if span.first <= published + FUTURE_SLACK]


def _apart(spans: list[Span]) -> list[Span]:
    """Of overlapping spans the longest; two days of one "24 and 29 October" overlap and both stay."""
    apart: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start - span.end, span.start)):
        if all(span.end <= other.start or span.start >= other.end or _twins(span, other) for other in apart):
            apart.append(span)
    return sorted(apart, key=lambda span: span.start)


def _twins(one: Span, other: Span) -> bool:
    return one.end == other.end and abs(one.start - other.start) == 1 and one.first.month == other.first.month


def _span(match: re.Match[str], first: date | None, last: date | None, has_year: bool) -> list[Span]:
    if first is None or last is None:
        return []
    if last < first and not has_year:  # "28 December to 3 January"
        first = _date(first.year - 1, first.month, first.day) or first
    return [Span(min(first, last), last, match.start(), match.end(), has_year)]


def _absolute(folded: str, language: Language, published: date) -> list[Span]:
    spans: list[Span] = []
    for match in _ISO.finditer(folded):
        day = _date(*(int(part) for part in match.groups()))
        spans += _span(match, day, day, True)
    for match in _NUMERIC.finditer(folded):
        year = int(match[3]) + (2000 if len(match[3]) == 2 else 0)
        day = _date(year, int(match[2]), int(match[1]))
        spans += _span(match, day, day, True)
    for match in _SLASHED.finditer(folded):
        spans += _slashed(folded, match, language)
    patterns = _patterns(language)
    if language.months:
        for match in patterns.day_month.finditer(folded):
            spans += _named(folded, match, match.groups(), language, published)
        for match in patterns.month_day.finditer(folded):
            spans += _named(folded, match, (*match.groups()[1:4], match[1], match[5]), language, published)
    if patterns.cjk is not None:
        for match in patterns.cjk.finditer(folded):
            month, last_month = int(match[2]), int(match[4] or match[2])
            first_day, last_day = int(match[3]), int(match[5] or match[3])
            year_written = int(match[1]) if match[1] else None
            first = _in_year(year_written, month, first_day, published)
            spans += _span(match, first, _in_year(year_written, last_month, last_day, published), bool(match[1]))
    return spans


def _slashed(folded: str, match: re.Match[str], language: Language) -> list[Span]:
    """10/29/2025, which has one reading; 05/10/2025 has two and is no date, unless a weekday before it tells which."""
    one, two, year = int(match[1]), int(match[3]), int(match[4])
    days = {day for month, number in ((one, two), (two, one)) if (day := _date(year, month, number))}
    first = match.start()
    lead = folded[max(0, first - 14) : first]
    for number, pattern in enumerate(language.weekdays):
        for weekday in pattern.finditer(lead):
            if not lead[weekday.end() :].strip(" ,.("):
                days = {day for day in days if day.weekday() == number}
                first = match.start() - len(lead) + weekday.start()
    if len(days) != 1:
        return []
    (day,) = days
    return [Span(day, day, first, match.end(), True)]


def _in_year(year: int | None, month: int, day: int, published: date) -> date | None:
    return _date(year, month, day) if year else _nearest_year(month, day, published)


def _named(
    folded: str, match: re.Match[str], parts: tuple[str | None, ...], language: Language, published: date
) -> list[Span]:
    """The days of a date whose month is a word: (day, joint, second day, month, year).

    "24 and 29 October" are two days, "between 24 and 29 October" and "24 to 29 October" are a range.
    """
    day, joint, second, name, year_written = parts
    month = next((number for number, pattern in enumerate(language.months, 1) if pattern.fullmatch(name or "")), None)
    if month is None or day is None:
        return []
    year = int(year_written) if year_written else None
    first = _in_year(year, month, int(day), published)
    last = _in_year(year, month, int(second or day), published)
    if joint and language.is_and(joint) and not _patterns(language).range_lead.search(_lead(folded, match.start())):
        return _span(match, first, first, year is not None) + [
            replace(span, start=span.start + 1) for span in _span(match, last, last, year is not None)
        ]
    return _span(match, first, last, year is not None)


def _lead(folded: str, start: int) -> str:
    return folded[max(0, start - 12) : start]


def _weekdays(folded: str, language: Language, published: date) -> list[Span]:
    spans: list[Span] = []
    for number, pattern in enumerate(language.weekdays):
        for match in pattern.finditer(folded):
            before, after = folded[max(0, match.start() - 14) : match.start()], folded[match.end() : match.end() + 14]
            if _beside(language.tags["next"], before, after):
                continue
            back = (published.weekday() - number) % 7
            if back == 0 and _beside(language.tags["last"], before, after):
                back = 7
            day = published - timedelta(days=back)
            spans.append(Span(day, day, match.start(), match.end()))
    return spans


def _beside(pattern: re.Pattern[str], before: str, after: str) -> bool:
    """Whether a word of this sort stands right before or right after."""
    ends = any(not before[match.end() :].strip() for match in pattern.finditer(before))
    return ends or any(not after[: match.start()].strip() for match in pattern.finditer(after))


def _join(folded: str, spans: list[Span], language: Language, published: date) -> list[Span]:
    """Two dates with only "to" or a dash between are a range; with "and" where "between" or "from" leads."""
    patterns = _patterns(language)
    joined: list[Span] = []
    index = 0
    while index < len(spans):
        span = spans[index]
        lead = _lead(folded, span.start)
        if index + 1 < len(spans):
            after = spans[index + 1]
            gap = folded[span.end : after.start]
            leads = patterns.range_lead.search(lead) is not None
            if patterns.range_joint.fullmatch(gap) and (leads or not language.is_and(gap)):
                first, last = span.first, after.last
                if first > last and not span.has_year:
                    # each was resolved alone, yet the first lies before the second: "between Friday and Wednesday"
                    back = 7 if _is_weekday(span, folded, language) else _year_of(first)
                    first -= timedelta(days=back)
                if first <= last:
                    joined.append(Span(first, last, span.start, after.end, span.has_year))
                    index += 2
                    continue
        tail = folded[span.end : span.end + 16]
        since = span.first == span.last and (
            any(not lead[match.end() :].strip(" \t'") for match in language.tags["since"].finditer(lead))
            or any(_ENDING.fullmatch(tail, 0, match.start()) for match in language.tags["since_after"].finditer(tail))
        )
        joined.append(Span(span.first, published, span.start, span.end, span.has_year) if since else span)
        index += 1
    return joined


def _is_weekday(span: Span, folded: str, language: Language) -> bool:
    written = folded[span.start : span.end]
    return any(pattern.fullmatch(written) for pattern in language.weekdays)


def _year_of(day: date) -> int:
    return 366 if calendar.isleap(day.year) else 365


def durations(folded: str, language: Language) -> list[Duration]:
    """The lengths of time in a folded sentence: "nearly six months", "six-month", "полугода", "6个月".

    Days are rounded to whole days (month 30.4375, year 365.25); a figure in weeks, months or years, or one with
    "about" beside it, is marked as rounded.
    """
    candidates: list[Duration] = []
    counted = re.compile(rf"({language.number})[\s\-]*({language.unit})")
    for match in counted.finditer(folded):
        amount = language.amount(match[1])
        unit = next((name for name, pattern in language.units.items() if pattern.match(match[2])), None)
        is_length = amount and unit and amount * _DAYS[unit] <= LONGEST_DAYS
        if amount and unit and is_length and not _is_calendar(match[2], unit, amount):
            candidates.append(_duration(folded, language, amount, unit, match.start(), match.end()))
    for pattern, value in language.durations:
        for match in pattern.finditer(folded):
            if value is None:
                candidates.append(Duration(None, True, match.start(), match.end()))
            else:
                candidates.append(_duration(folded, language, *value, match.start(), match.end()))
    apart: list[Duration] = []
    for duration in sorted(candidates, key=lambda duration: (duration.start - duration.end, duration.start)):
        if all(duration.end <= other.start or duration.start >= other.end for other in apart):
            apart.append(duration)
    return sorted(apart, key=lambda duration: duration.start)


def _is_calendar(written: str, unit: str, amount: int) -> bool:
    """Whether "2025年" or "26日" are a date and no length."""
    return (unit == "year" and amount > 30) or (unit == "day" and written == "日")


def _duration(folded: str, language: Language, amount: int, unit: str, start: int, end: int) -> Duration:
    before = folded[max(0, start - 16) : start]
    approximate = any(not before[match.end() :].strip(" -") for match in language.tags["approx"].finditer(before))
    return Duration(round(amount * _DAYS[unit]), unit != "day" or approximate, start, end)
