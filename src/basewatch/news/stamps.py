"""Times that a document states for itself, read whole or not at all.

A stamp is understood only where each of its parts is: a guess must not pass for a statement. What can be read in two
ways is given in both. Nothing is taken from the clock: a stamp without a year is not read.
"""

from __future__ import annotations

import calendar
import itertools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from basewatch.news import calendar_words, zones
from basewatch.news.calendar_words import CalendarWords
from basewatch.news.text import UNSPACED, key
from basewatch.news.zones import ZoneName

Kind = Literal["exact", "zone_assumed", "day", "ambiguous", "unreadable"]
AHEAD, BEHIND = timedelta(hours=14), timedelta(hours=12)  # the zones farthest from UTC
YEARS = range(1900, 2200)  # other numbers of four digits are no years of the common calendar
LONGEST = 200  # characters; a longer text is no stamp


@dataclass(frozen=True)
class Stamp:
    """A stated time and what it means.

    kind: `exact` (a time and its zone), `zone_assumed` (a time; its zone is not stated, or not known for sure),
    `day` (a day alone), `ambiguous` (several days, or a whole month) or `unreadable`.
    at: in the stated zone, UTC where none is; the start of the UTC day for a day alone; None where there is not one.
    earliest, latest: UTC, between which the time lies wherever on Earth it was stated; None where unreadable.
    days: the calendar days that it can mean, where it was stated; none for a whole month.
    """

    stated: str
    kind: Kind
    at: datetime | None = None
    earliest: datetime | None = None
    latest: datetime | None = None
    days: tuple[date, ...] = ()


def read(stated: str, tag: str | None = None, language: str | None = None) -> Stamp:
    """A stamp as it stands. `tag`: language or region that the document states for itself (`en-GB`), if any.
    `language`: the one that it is written in, which tells words and does not order numbers.

    05/10/2025 is read by the tag where that decides, else both ways; a stated weekday decides too. Numbers between
    dots are day, month and year. A stamp whose weekday is another than its date's is unreadable.
    """
    prepared = _prepared(stated)
    if len(prepared) > LONGEST or not _DIGIT.search(prepared):  # no date is without a number
        return Stamp(stated, "unreadable")
    try:
        tokens = list(_tokens(prepared))
    except ValueError:
        return Stamp(stated, "unreadable")
    return replace(_by_language(tokens, tag, language), stated=stated)


def read_part(line: str, tag: str | None = None, language: str | None = None) -> Stamp:
    """A stamp that is a line, or the part of it behind a label or between bars ("Published: … | By …")."""
    whole = read(line, tag, language)
    if whole.kind != "unreadable" or len(line) > LONGEST:
        return whole
    parts = [part for part in re.split(r"\s*[|•·—–]\s*|\s+-\s+", line) if part.strip()]
    for part in [*parts, *(part.partition(":")[2] for part in parts if not re.search(r"\d", part.partition(":")[0]))]:
        stamp = read(part, tag, language)
        if stamp.kind != "unreadable":
            return stamp
    return whole


def of_day(day: date) -> Stamp:
    """A day that was read elsewhere, as a stamp."""
    return replace(_on(day, _Parts()), stated=day.isoformat())


# ---- from characters to tokens


@dataclass(frozen=True)
class _Token:
    kind: Literal["date", "month_of_year", "time", "number", "word", "offset", "comment"]
    text: str
    values: tuple[int, ...] = ()
    offset: timedelta | None = None
    zone: str | None = None
    is_year_first: bool = False
    separator: str = ""


_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        ("ymd", r"(\d{4})\s?([-/.])\s?(\d{1,2})\s?\2\s?(\d{1,2})(?!\d)\.?(?:t(?=\d))?"),
        ("cjk", r"(\d{4})\s?[年년]\s?(\d{1,2})\s?[月월]\s?(\d{1,2})\s?[日일]"),
        ("compact", r"(\d{4})(\d\d)(\d\d)(?:t?(\d\d)(\d\d)(\d\d))?(?!\d)"),
        ("dmy", r"(\d{1,2})\s?([-/.])\s?(\d{1,2})\s?\2\s?(\d{4}|\d{2})(?![\d:])"),
        ("year_month", r"(\d{4})-(\d\d)(?![\d-])"),
        ("time", r"(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?![\d:])"),
        ("cjk_time", r"(\d{1,2})[时時시點点]\s?(?:(\d{1,2})[分분]\s?(?:(\d{1,2})[秒초])?)?"),
        ("french_time", r"(\d{1,2})\s?h\s?(?:(\d\d)(?![\d:]))?(?![^\W\d_])"),
        ("dotted_time", r"(\d{1,2})\.(\d\d)(?![\d.:])"),
        ("hour", r"(\d{1,2})(?=\s?[ap]\.?m\b)"),
        ("number", r"(\d+)(?:-?(?:st|nd|rd|th|er|[eè]me|го|o)(?![^\W\d_]))?"),
        ("iana", r"\[?([a-z][a-z_]+(?:/[a-z][a-z_+-]+){1,2})\]?"),
        ("comment", r"\(([^()]*)\)"),
        ("word", r"[^\W\d_](?:[^\s\d()\[\],;:|/+<>\"=-]*[^\s\d()\[\],;:|/+<>\"=.-])?"),
        ("skip", r"[\s,;.|•·/-]+"),
    )
)
_DIGIT = re.compile(r"\d")
_OFFSET = re.compile(r"\s?([+-])\s?(?:(\d\d):?(\d\d)|(\d\d))(?![\d:])")
_NAMED_OFFSET = re.compile(r"\s?([+-])\s?(?:(\d\d):?(\d\d)|(\d{1,2})(?::(\d\d))?)(?![\d:])")
_MOSCOW = ("msk", "мск")
_COUNTED_FROM = ("utc", "gmt", "ut", *_MOSCOW)  # "GMT+3", and in Russia "MSK+2"


def _prepared(stated: str) -> str:
    """The stamp with one kind of digit, dash and blank, and without invisible characters."""
    characters = []
    for character in unicodedata.normalize("NFKC", stated):
        kind = unicodedata.category(character)
        if kind == "Cf":
            continue
        if kind == "Nd":
            characters.append(str(unicodedata.digit(character)))
        elif kind == "Pd" or character == "−":
            characters.append("-")
        else:
            characters.append(character)
    return " ".join("".join(characters).split())


def _tokens(prepared: str) -> Iterator[_Token]:
    """The parts of a stamp, in order. Raises ValueError at what is none."""
    at = 0
    last: _Token | None = None
    has_date = False
    while at < len(prepared):
        match, token = _offset_at(prepared, at, last)
        if match is None:
            name, match = _part_at(prepared, at, has_date)
            token = _token(name, match)
        at = match.end()
        if token is not None:
            for part in token:
                yield part
                last = part
                has_date = has_date or part.kind in ("date", "number")


def _offset_at(prepared: str, at: int, last: _Token | None) -> tuple[re.Match[str] | None, tuple[_Token, ...] | None]:
    """A distance from UTC, which stands right behind a time or a zone's name alone: else a dash is only a dash."""
    if last is None or last.kind not in ("time", "word"):
        return None, None
    is_named = last.kind == "word" and key(last.text) in _COUNTED_FROM
    is_zone = last.kind == "word" and bool(zones.meanings(last.text, None))
    if last.kind == "word" and not is_zone and key(last.text) not in ("am", "pm", "a.m", "p.m"):
        return None, None
    match = (_NAMED_OFFSET if is_named else _OFFSET).match(prepared, at)
    if match is None:
        return None, None
    groups = (*match.groups(), None)
    hours, minutes = groups[1] or groups[3] or "0", groups[2] or groups[4] or "00"
    of_utc = zones.offset(f"{match[1]}{int(hours):02d}:{minutes}")
    return match, (_Token("offset", match[0].strip(), offset=of_utc),)


def _part_at(prepared: str, at: int, has_date: bool) -> tuple[str, re.Match[str]]:
    for name, pattern in _PATTERNS:
        if name == "dotted_time" and not has_date:
            continue
        match = pattern.match(prepared, at)
        if match is not None:
            return name, match
    raise ValueError(f"{prepared[at]!r} belongs to no stamp")


def _token(name: str, match: re.Match[str]) -> tuple[_Token, ...] | None:
    text = match[0]
    if name == "skip":
        return None
    if name == "ymd":
        return (_Token("date", text, (int(match[1]), int(match[3]), int(match[4])), is_year_first=True),)
    if name == "cjk":
        return (_Token("date", text, tuple(int(part) for part in match.groups()), is_year_first=True),)
    if name == "compact":
        day = _Token("date", text, tuple(int(part) for part in match.groups()[:3]), is_year_first=True)
        return (day, _time(match[4], match[5], match[6])) if match[4] else (day,)
    if name == "dmy":
        return (_Token("date", text, (int(match[1]), int(match[3]), _year(match[4])), separator=match[2]),)
    if name == "year_month":
        return (_Token("month_of_year", text, (int(match[1]), int(match[2]))),)
    if name == "time":
        return (_time(match[1], match[2], match[3], match[4]),)
    if name == "cjk_time":
        return (_time(match[1], match[2] or "0", match[3]),)
    if name in ("french_time", "dotted_time"):
        return (_time(match[1], match[2] or "0"),)
    if name == "hour":
        return (_time(match[1], "0"),)
    if name == "number":
        return (_Token("number", match[1], (int(match[1]),)),)
    if name == "iana":
        try:
            ZoneInfo(match[1])
        except (ZoneInfoNotFoundError, ValueError, OSError):
            parts = [part for part in re.split(r"[^\w.]+", text) if part]  # "October/Oktober"
            return tuple(_Token("word", part) for part in parts)
        return (_Token("offset", text, zone=match[1]),)
    return (_Token("comment" if name == "comment" else "word", match[1] if name == "comment" else text),)


def _time(hour: str, minute: str, second: str | None = None, fraction: str | None = None) -> _Token:
    micro = int((fraction or "0").ljust(6, "0")[:6])
    values = (int(hour), int(minute), int(second or 0), micro)
    if not (values[0] < 24 and values[1] < 60 and values[2] < 60):
        raise ValueError(f"{hour}:{minute} is no time of day")
    return _Token("time", f"{hour}:{minute}", values)


def _year(written: str) -> int:
    """A year of four digits, or of two as POSIX has them: 69 to 99 lie in the last century."""
    year = int(written)
    return year if len(written) == 4 else year + (1900 if year >= 69 else 2000)


# ---- from tokens to a time


@dataclass
class _Parts:
    """What the tokens of a stamp say, read in one language."""

    days: list[date] = field(default_factory=list)
    month_of_year: tuple[int, int] | None = None
    clock: time | None = None
    offset: timedelta | None = None
    zone: str | None = None
    meanings: tuple[ZoneName, ...] | None = None  # of the zone's name; empty: one that nobody knows
    again: list[tuple[ZoneName, ...] | timedelta] = field(default_factory=list)  # the zone stated once more
    weekdays: frozenset[int] = frozenset()

    @property
    def has_zone(self) -> bool:
        """Whether a zone is stated, known or not."""
        return self.offset is not None or self.zone is not None or self.meanings is not None

    def offsets(self, local: datetime) -> list[timedelta]:
        """How far ahead of UTC a local time can be, the likeliest first; none where no zone is stated that is known.

        A zone that is stated twice, and not alike, leaves both.
        """
        if self.offset is not None:
            offsets = [self.offset]
        elif self.zone is not None:
            offsets = [local.replace(tzinfo=ZoneInfo(self.zone)).utcoffset() or timedelta(0)]
        else:
            offsets = [meaning.offset(local) for meaning in self.meanings or ()]
        for stated in self.again:
            others = [stated] if isinstance(stated, timedelta) else [meaning.offset(local) for meaning in stated]
            if offsets and not set(others) & set(offsets):
                offsets += others
        return offsets


def _by_language(tokens: list[_Token], tag: str | None, language: str | None) -> Stamp:
    """The stamp in English, else in the document's language, else in all languages that understand every word of it."""
    stated = tag.replace("_", "-").partition("-")[0].lower() if tag else None
    for code in dict.fromkeys(("en", stated, language)):
        names = calendar_words.words(code) if code else None
        stamp = _stamp(tokens, names, tag) if names else None
        if stamp is not None:
            return stamp
    readings = {}
    for code in _languages_of(tokens):
        names = calendar_words.words(code)
        stamp = _stamp(tokens, names, tag) if names else None
        if stamp is not None:
            readings[stamp.kind, stamp.at, stamp.earliest, stamp.latest] = stamp
    stamps = list(readings.values())
    if not stamps:
        return Stamp("", "unreadable")
    return stamps[0] if len(stamps) == 1 else _either(stamps)  # "listopad" is October in Croatia, November in Poland


def _languages_of(tokens: list[_Token]) -> tuple[str, ...]:
    """The languages that can understand each word before the time; none where there is no word to tell them apart.

    Behind a time any word may be the name of a zone. Words of scripts without spaces may be parts of a name.
    """
    if not any(token.kind == "word" for token in tokens):
        return ()
    before = itertools.takewhile(lambda token: token.kind != "time", tokens)
    written = " ".join(key(token.text) for token in before if token.kind == "word")
    return calendar_words.codes_with({word for word in written.split() if not UNSPACED.search(word)})


def _either(stamps: list[Stamp]) -> Stamp:
    return Stamp(
        "",
        "ambiguous",
        None,
        min(stamp.earliest for stamp in stamps if stamp.earliest),
        max(stamp.latest for stamp in stamps if stamp.latest),
        tuple(sorted({day for stamp in stamps for day in stamp.days})),
    )


def _stamp(tokens: list[_Token], names: CalendarWords, tag: str | None) -> Stamp | None:
    """What the tokens mean in a language; None where it does not understand each of them, or they do not fit."""
    try:
        parts = _parts(tokens, names, tag)
    except ValueError:
        return None
    if parts.month_of_year is not None:
        year, month = parts.month_of_year
        first, last = date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1])
        return Stamp("", "ambiguous", None, _begin(first) - AHEAD, _begin(last) + timedelta(days=1) + BEHIND)
    days = [day for day in dict.fromkeys(parts.days) if not parts.weekdays or day.weekday() in parts.weekdays]
    if not days:
        return None
    stamps = [_on(day, parts) for day in days]
    return stamps[0] if len(stamps) == 1 else _either(stamps)


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _on(day: date, parts: _Parts) -> Stamp:
    if parts.clock is None:
        start = _begin(day)
        return Stamp("", "day", start, start - AHEAD, start + timedelta(days=1) + BEHIND, (day,))
    local = datetime.combine(day, parts.clock)
    offsets = parts.offsets(local)
    if not offsets:
        at = local.replace(tzinfo=UTC)
        return Stamp("", "zone_assumed", at, at - AHEAD, at + BEHIND, (day,))
    times = [local.replace(tzinfo=timezone(offset)) for offset in offsets]
    kind: Kind = "exact" if len(set(offsets)) == 1 else "zone_assumed"
    return Stamp("", kind, times[0], min(times).astimezone(UTC), max(times).astimezone(UTC), (day,))


def _parts(tokens: list[_Token], names: CalendarWords, tag: str | None) -> _Parts:
    """Raises ValueError where a token is not understood, or stands once too often."""
    parts = _Parts()
    phrases: list[tuple[int, str]] = []  # words that are neither zone nor half of the day, with their place
    numbers: list[tuple[int, str, int]] = []
    dates: list[_Token] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        width = 1
        if token.kind == "date":
            dates.append(token)
        elif token.kind == "month_of_year":
            _once(parts.month_of_year)
            parts.month_of_year = (token.values[0], token.values[1])
        elif token.kind == "number":
            numbers.append((at, token.text, token.values[0]))
        elif token.kind == "time":
            _once(parts.clock)
            parts.clock = _clock(token, _half(tokens, at, names))
        elif token.kind == "offset":
            _take_offset(parts, tokens, at)
        elif token.kind == "comment":
            _take_comment(parts, token, tag)
        else:
            width = _take_words(parts, tokens, at, names, tag, phrases)
        at += width
    if parts.clock is None and parts.has_zone:
        raise ValueError("a zone without a time")
    month = _month_and_weekday(parts, [phrase for _, phrase in phrases], names)
    _take_date(parts, dates, numbers, month, tag)
    return parts


def _once(value: object) -> None:
    if value is not None:
        raise ValueError("stands twice")


def _half(tokens: list[_Token], at: int, names: CalendarWords) -> bool | None:
    """Whether the time at this place is one of the afternoon, by a word beside it; None where no word says."""
    for near in (at + 1, at - 1):
        if 0 <= near < len(tokens) and tokens[near].kind == "word":
            folded = key(tokens[near].text)
            if folded in names.afternoons:
                return True
            if folded in names.mornings:
                return False
    return None


def _clock(token: _Token, is_afternoon: bool | None) -> time:
    hour, minute, second, micro = token.values
    if is_afternoon is True and hour < 12:
        if hour == 0:
            raise ValueError("0 PM")
        hour += 12
    elif is_afternoon is False and hour >= 12:
        if hour > 12:
            raise ValueError("13 AM")
        hour = 0
    return time(hour, minute, second, micro)


def _take_offset(parts: _Parts, tokens: list[_Token], at: int) -> None:
    """A distance from UTC, or an IANA zone. Behind "GMT" or "MSK" the distance counts from there."""
    token = tokens[at]
    before = key(tokens[at - 1].text) if at else ""
    if token.zone is not None:
        if not parts.has_zone:
            parts.zone = token.zone  # else "+03:00[Europe/Moscow]": the distance is stated
        return
    assert token.offset is not None
    if parts.offset is not None or parts.zone is not None:
        raise ValueError("two zones")
    if before in _MOSCOW:
        parts.offset = timedelta(hours=3) + token.offset if len(token.text) < 4 else token.offset
    else:
        parts.offset = token.offset
    if parts.meanings and before not in _COUNTED_FROM:
        parts.again.append(parts.meanings)
    parts.meanings = None


def _take_comment(parts: _Parts, token: _Token, tag: str | None) -> None:
    """What stands in brackets: the zone where nothing else states it, else the same once more, or a free text."""
    inner = list(_tokens(token.text)) if token.text.strip() else []
    meanings = zones.meanings(token.text, tag)
    offset = next((part.offset for part in inner if part.offset is not None), None)
    if parts.has_zone:
        if offset is not None or meanings:
            parts.again.append(offset if offset is not None else meanings)
    elif offset is not None:
        parts.offset = offset
    elif meanings:
        parts.meanings = meanings
    elif inner:
        raise ValueError("a text in brackets that is no zone")


def _take_words(
    parts: _Parts,
    tokens: list[_Token],
    at: int,
    names: CalendarWords,
    tag: str | None,
    phrases: list[tuple[int, str]],
) -> int:
    """Take the longest name that begins at this place; how many words it has. Raises ValueError at an unknown word."""
    run = 0
    while at + run < len(tokens) and tokens[at + run].kind == "word" and run < 4:
        run += 1
    has_time = any(token.kind == "time" for token in tokens[:at])
    for width in range(run, 0, -1):
        written = " ".join(token.text for token in tokens[at : at + width])
        folded = key(written)
        meanings = zones.meanings(written, tag) if has_time else ()
        # "út" is Tuesday in Czech: in capitals, behind a time, it is the zone
        is_universal = written == "UT" and tokens[at - 1].kind == "time"
        if (folded in names.months or folded in names.weekdays) and not is_universal:
            phrases.append((at, folded))
            return width
        beside = [near for near in (at - 1, at + width) if 0 <= near < len(tokens) and tokens[near].kind == "time"]
        if beside and (folded in names.mornings or folded in names.afternoons):
            return width
        if meanings:
            if parts.has_zone:
                parts.again.append(meanings)
            else:
                parts.meanings = meanings
            return width
        if folded in names.fillers:
            return width
    word = tokens[at].text
    is_zone = has_time and tokens[at - 1].kind in ("time", "word") and re.fullmatch(r"[A-Z]{1,5}", word)
    if is_zone and not parts.has_zone:
        parts.meanings = ()
        return 1
    raise ValueError(f"{word!r} is no word of a stamp in {names.code}")


def _month_and_weekday(parts: _Parts, phrases: list[str], names: CalendarWords) -> frozenset[int] | None:
    """The month that the words name, None where they name none; the weekday goes into the parts.

    A word that is both ("mar" in Italian) is the month where no other word is.
    """
    months = [names.months[phrase] for phrase in phrases if phrase in names.months and phrase not in names.weekdays]
    weekdays = [names.weekdays[phrase] for phrase in phrases if phrase in names.weekdays and phrase not in names.months]
    both = [phrase for phrase in phrases if phrase in names.months and phrase in names.weekdays]
    if both and not months:
        months = [names.months[both.pop()]]
    weekdays += [names.weekdays[phrase] for phrase in both]
    if len(set(weekdays)) > 1 or len(set(months)) > 1:  # "تشرين الأول/أكتوبر" names one month twice
        raise ValueError("two months or weekdays")
    parts.weekdays = weekdays[0] if weekdays else frozenset()
    return months[0] if months else None


def _take_date(
    parts: _Parts,
    dates: list[_Token],
    numbers: list[tuple[int, str, int]],
    month: frozenset[int] | None,
    tag: str | None,
) -> None:
    if dates:
        if len(dates) > 1 or numbers or month or parts.month_of_year:
            raise ValueError("more than one date")
        parts.days = _numeric(dates[0], tag)
        return
    if parts.month_of_year is not None:
        if numbers or month or parts.clock:
            raise ValueError("more than a month")
        if parts.month_of_year[0] not in YEARS or not 1 <= parts.month_of_year[1] <= 12:
            raise ValueError("no month")
        return
    if month is None:
        raise ValueError("no date")
    if len(numbers) == 1 and len(numbers[0][1]) == 4 and numbers[0][2] in YEARS and not parts.clock:
        if len(month) != 1:
            raise ValueError("no month")
        parts.month_of_year = (numbers[0][2], next(iter(month)))
        return
    if len(numbers) != 2:
        raise ValueError("no day and year")
    (_, first, _), (_, second, _) = numbers
    day, year = (second, first) if len(first) == 4 else (first, second)
    if len(day) > 2 or len(year) not in (2, 4):
        raise ValueError("no day and year")
    parts.days = _valid([(_year(year), number, int(day)) for number in sorted(month)])


def _numeric(token: _Token, tag: str | None) -> list[date]:
    """The days that three numbers can mean."""
    one, two, three = token.values
    if token.is_year_first:
        return _valid([(one, two, three)])
    day_first, month_first = (three, two, one), (three, one, two)
    order = "day_first" if token.separator == "." else calendar_words.order(tag)
    if order is None:
        return _valid([day_first, month_first])
    ranked = [day_first, month_first] if order == "day_first" else [month_first, day_first]
    return _valid(ranked)[:1]  # where the first is no date the other is meant: 10/29/2025 in a British page


def _valid(triples: list[tuple[int, int, int]]) -> list[date]:
    days = []
    for year, month, day in triples:
        try:
            days.append(date(year, month, day))
        except ValueError:
            continue
    days = [day for day in days if day.year in YEARS]
    if not days:
        raise ValueError("no such day")
    return days
