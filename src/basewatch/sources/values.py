"""Values as providers, spreadsheets and data libraries write them, to typed ones: null, number, time, address, code.

A value that is present and is not what its field should hold raises Malformed. None of these functions guesses: a date
that can be read in two ways is Ambiguous, and a zone that nobody knows is no zone.
"""

from __future__ import annotations

import math
import re
import warnings
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from basewatch.callsigns import callsign_of
from basewatch.news.zones import meanings

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNITS_PER_SECOND = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))  # as seconds 1e11 is the year 5138: it counts milliseconds
FIRST_YEAR, LAST_YEAR = 1990, 2100  # ADS-B is younger; anything outside is a broken clock, not a flight
LONGEST_TEXT = 300
SAFE_INT = 2**53

# What a spreadsheet shows in place of a value that it lost. It is no blank: there was something.
LOST = {"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!"}
# What pandas, SQL and spreadsheets write for a value that is not there. `NA` and `NAN` are codes, of airline and field.
NO_VALUE = {"nan", "NaN", "NaT", "None", "none", "null", "NULL", "Null", "<NA>", "\\N", "-", "--", "N/A", "n/a", *LOST}

NO_ADDRESS = {"000000", "ffffff"}
NO_REGISTRATION = {"0", "N0", "NONE", "NULL", "NIL", "NAN", "NA", "TBA", "TBD", "UNKNOWN", "UNK", "BLOCKED", "PRIVATE",
                   "XXXX", "XXXXX", "ZZZZ", "ZZZZZ", "ANONYMOUS"}  # fmt: skip

DateOrder = Literal["day first", "month first"]

_HEX = re.compile(r"~?[0-9a-f]{6}")
_EPOCH_TEXT = re.compile(r"-?\d{9,}(\.\d*)?")  # fewer digits may be an ISO date without hyphens
_UTC = re.compile(r"(?:(?<=[\dM])|\s)\s*(?:UTC|GMT|Z)$", re.IGNORECASE)
_REGION = re.compile(r"\s*\[[A-Za-z_]+(?:/[A-Za-z_+-]+)*\]$")  # the zone's name after its offset, as Java writes it
# An offset after a time of day. GMT+3 is three hours ahead of GMT to all but dateutil, which reads it as POSIX does.
_OFFSET = re.compile(r"(?<=[\dMm])\s*(?:UTC|GMT)?\s*([+-])(\d{1,2})(?::?(\d{2}))?$", re.IGNORECASE)
_END_OF_DAY = re.compile(r"(?<=[T ])(24)(?=:00(?::00(?:\.0+)?)?(?:\D|$))")
_HAS_ZONE = re.compile(r"(?:\d\s*Z|[A-Za-z]{3,}|[+-]\d{2}:?\d{2}|\d\s*[+-]\d{2}|\])$")
_NAMED_OFFSET = re.compile(r"[A-LN-Za-ln-z]\s*[+-]\d{1,2}(?::?\d{2})?$")
_YEAR_FIRST = re.compile(r"^(\d{4})[/.](\d{1,2})[/.](\d{1,2})(?=\D|$)")
_YEAR_LAST = re.compile(r"^(\d{1,2})([/.-])(\d{1,2})\2(\d{4})(?=\D|$)")
_SHORT_YEAR = re.compile(
    r"^(\d{1,2})[- ]([A-Za-z]{3,9})[- ]([0-6]\d)(?=\D|$)"
)  # 5-Oct-25, as Excel and Oracle print it
_DAY_ALONE = re.compile(r"\d{4}-?\d{2}-?\d{2}")


class Malformed(ValueError):
    """A value is present but is not what its field should hold."""


class Ambiguous(Malformed):
    """A date that can be read in two ways; `readings` are both days."""

    def __init__(self, message: str, readings: tuple[date, date]) -> None:
        super().__init__(message)
        self.readings = readings


def text(value: object) -> str | None:
    """The value as stripped text; None for null, blank and the words that stand for no value.

    Numbers become their digits (callsigns can be digits; a spreadsheet makes a number of an address).
    """
    if not isinstance(value, str):
        if value is None:
            return None
        if isinstance(value, bool | list | dict | tuple):
            raise Malformed("is not text")
        if isinstance(value, float):
            if math.isnan(value):
                return None
            value = int(value) if value.is_integer() else value
        value = str(value)
    stripped = value.strip()
    if len(stripped) > LONGEST_TEXT:
        raise Malformed(f"is longer than {LONGEST_TEXT} characters")
    if not stripped.isascii():
        try:
            stripped.encode("utf-8")
        except UnicodeEncodeError:
            raise Malformed("is not valid Unicode") from None
    return None if not stripped or stripped in NO_VALUE else stripped


def is_lost(value: object) -> bool:
    """Whether a spreadsheet's error stands in place of the value."""
    return isinstance(value, str) and (value.strip() in LOST or value.strip().strip("#") == "" != value.strip())


def number(value: object) -> float | None:
    """The value as a float; None for null, blank and NaN."""
    if isinstance(value, bool):
        raise Malformed("is a boolean, not a number")
    if isinstance(value, int | float):
        parsed = float(value)
    else:
        written = text(value)
        if written is None:
            return None
        try:
            parsed = float(written)
        except ValueError:
            raise Malformed("is not a number") from None
    if math.isnan(parsed):
        return None
    if math.isinf(parsed):
        raise Malformed("is infinite")
    return parsed


def whole(value: object) -> int | None:
    """The value as an int; `"12.0"` counts as 12, as spreadsheets write it."""
    parsed = number(value)
    if parsed is None:
        return None
    if parsed != int(parsed) or abs(parsed) > SAFE_INT:
        raise Malformed("is not a whole number")
    return int(parsed)


def flag(value: object) -> bool | None:
    """The value as a boolean; the words true and false count in any case."""
    if value is None or isinstance(value, bool):
        return value
    written = (text(value) or "").lower()
    if not written:
        return None
    if written in ("true", "1", "1.0", "t", "yes"):
        return True
    if written in ("false", "0", "0.0", "f", "no"):
        return False
    raise Malformed("is neither true nor false")


def upper(value: object) -> str | None:
    """Stripped text in upper case: airport codes, registrations and type designators."""
    stripped = text(value)
    return stripped.upper() if stripped else None


def callsign(value: object) -> str | None:
    """A callsign in upper case; None where it names no flight."""
    return callsign_of(upper(value))


def icao24(value: object) -> str | None:
    """The address as six lower-case hex digits, `~` kept in front of one that ICAO did not issue."""
    address = text(value)
    if address is None:
        return None
    lowered = address.lower().lstrip("'").removeprefix("0x")
    if not _HEX.fullmatch(lowered):
        raise Malformed("is not a 24-bit address in six hex digits")
    return None if lowered in NO_ADDRESS else lowered


def registration(value: object) -> str | None:
    """A registration mark in upper case; None for the words that stand for none: many aircraft are called so.

    A sign that stands in no mark is damage, and what it damaged would pass for another aircraft: raises Malformed.
    """
    mark = upper(value)
    if mark is None or mark in NO_REGISTRATION or not any(map(str.isalnum, mark)):
        return None
    mark = _DASH.sub("-", mark).replace("\N{NO-BREAK SPACE}", " ")
    odd = next((sign for sign in mark if not (sign.isalnum() or (sign.isascii() and sign.isprintable()))), None)
    if odd is not None:
        raise Malformed(f"registration {mark[:20]!r} holds {odd!r}, which stands in no mark")
    return mark


_DASH = re.compile("[\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{EN DASH}\N{EM DASH}\N{MINUS SIGN}]")


# ---- times


def moment(value: object, order: DateOrder | None = None) -> datetime | None:
    """The value as a UTC time: a time or day, seconds to nanoseconds since 1970, ISO text, a date in words or digits.

    A time without a zone is UTC: the providers say so of all their times. A day alone is its midnight. `order`: how a
    date in digits with the year last is read, where its file shows that; dots mean the day first. Raises Malformed,
    and Ambiguous for a date such as 05/10/2025 where no order is known.
    """
    if isinstance(value, bool):
        raise Malformed("is a boolean, not a time")
    if is_lost(value):
        raise Malformed("is a spreadsheet's word for a value that it lost")
    try:
        if isinstance(value, date):
            at = value if isinstance(value, datetime) else datetime.combine(value, time())
        elif isinstance(value, int | float):
            if math.isnan(value):
                return None
            at = _since_1970(float(value))
        else:
            written = text(value)
            if written is None:
                return None
            at = _since_1970(float(written)) if _EPOCH_TEXT.fullmatch(written) else _written(written, order)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except Malformed:
        raise
    except (ValueError, OverflowError):
        raise Malformed("is not a time") from None
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise Malformed(f"is a time outside {FIRST_YEAR}–{LAST_YEAR}")
    return at


def in_zone(value: object, zone: tzinfo, order: DateOrder | None = None) -> datetime | None:
    """As `moment`, where a time that states no zone of its own is of this one. Seconds since 1970 are UTC always."""
    at = moment(value, order)
    if at is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return at
    if isinstance(value, datetime):
        return at if value.tzinfo else value.replace(tzinfo=zone).astimezone(UTC)
    written = str(value).strip()
    if _EPOCH_TEXT.fullmatch(written) or (":" in written and _HAS_ZONE.search(written)):
        return at
    return at.replace(tzinfo=zone).astimezone(UTC)


def zone(value: object) -> tzinfo | None:
    """A time zone by its IANA name, its abbreviation or its distance from UTC; None for none. Raises Malformed."""
    written = text(value)
    if written is None:
        return None
    distance = re.fullmatch(r"(?:UTC|GMT)?\s*([+-]?)(\d{1,2})(?::?(\d{2}))?(?:\.0)?", written, re.IGNORECASE)
    if distance:
        ahead = timedelta(hours=int(distance[2]), minutes=int(distance[3] or 0))
        return timezone(-ahead if distance[1] == "-" else ahead)
    if written.upper() in ("UTC", "GMT", "Z", "ZULU"):
        return UTC
    found = meanings(written, None)
    if len(found) == 1:
        return _zone(written, None)  # type: ignore[no-any-return]
    try:
        return ZoneInfo(written)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise Malformed("is no time zone that is known") from None


def is_day_alone(value: object) -> bool:
    """Whether the value is a day without a time of day."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return True
    return isinstance(value, str) and bool(_DAY_ALONE.fullmatch(value.strip()) or _only_day(value.strip()))


def _only_day(written: str) -> bool:
    match = _YEAR_LAST.match(written) or _YEAR_FIRST.match(written)
    return match is not None and match.end() == len(written)


def _since_1970(number_of: float) -> datetime:
    per_second = next((units for above, units in UNITS_PER_SECOND if abs(number_of) > above), 1.0)
    return EPOCH + timedelta(seconds=number_of / per_second)


def _written(written: str, order: DateOrder | None) -> datetime:
    """The time that a text states. Raises ValueError, Malformed, Ambiguous."""
    try:
        return datetime.fromisoformat(written)  # what nearly every file holds
    except ValueError:
        pass
    plain = _REGION.sub("", written.lstrip("'"))
    end_of_day = _END_OF_DAY.search(plain)
    if end_of_day:  # ISO 8601: midnight at the end of the day
        start = plain[: end_of_day.start(1)] + "00" + plain[end_of_day.end(1) :]
        return _written(start, order) + timedelta(days=1)
    zone = ""
    utc, offset = _UTC.search(plain), _OFFSET.search(plain)
    if utc:
        plain, zone = plain[: utc.start()], "+00:00"
    elif offset and ":" in plain[: offset.start()]:
        plain, zone = plain[: offset.start()], f"{offset[1]}{int(offset[2]):02}:{offset[3] or '00'}"
    plain += zone if ":" in plain or "T" in plain else ""
    match = _YEAR_FIRST.match(plain)
    if match:
        plain = f"{match[1]}-{int(match[2]):02}-{int(match[3]):02}{plain[match.end() :]}"
    match = _YEAR_LAST.match(plain)
    if match:
        day = _year_last(int(match[1]), int(match[3]), int(match[4]), "day first" if match[2] == "." else order)
        plain = f"{day.isoformat()}{plain[match.end() :]}"
    try:
        return datetime.fromisoformat(plain)
    except ValueError:
        return _in_words(plain)


def _year_last(first: int, second: int, year: int, order: DateOrder | None) -> date:
    """The day of a date in digits with the year last. Raises Ambiguous where it can be read in two ways."""
    if order == "day first":
        return date(year, second, first)
    if order == "month first":
        return date(year, first, second)
    readings = []
    for month, day in ((second, first), (first, second)):
        try:
            readings.append(date(year, month, day))
        except ValueError:
            continue
    if not readings:
        raise Malformed("is not a time")
    if len(set(readings)) > 1:
        one, other = readings
        raise Ambiguous(f"can be read as {one} and as {other}: write the year first", (one, other))
    return readings[0]


def date_order(written: str) -> DateOrder | None:
    """Which order a date in digits with the year last proves, None where it proves none."""
    match = _YEAR_LAST.match(written.strip().lstrip("'"))
    if not match or match[2] == ".":
        return None
    first, second = int(match[1]), int(match[3])
    if first > 12 >= second:
        return "day first"
    return "month first" if second > 12 >= first else None


def _in_words(written: str) -> datetime:
    """A time with the month or the zone in words (`5 Oct 2025 06:00`, `2025-10-05 9:00 MSK`). Raises ValueError."""
    from dateutil import parser  # a tenth of a second to import, for few files

    short = _SHORT_YEAR.match(written)
    if short:
        written = f"{short[1]} {short[2]} 20{short[3]}{written[short.end() :]}"
    if not re.search(r"\d{4}", written) or _NAMED_OFFSET.search(written):
        raise ValueError("no year, or an offset from a zone that is not UTC")
    readings = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # an unknown zone would be dropped with a mere warning
        try:
            # what a text leaves out is filled from a default: where two defaults give two times, it left something out
            for default in (datetime(2001, 1, 1), datetime(2002, 2, 2)):  # noqa: DTZ001 - the zone is the text's
                at: datetime = parser.parse(written, default=default, tzinfos=_zone)
                readings.append(at)
        except (parser.ParserError, parser.UnknownTimezoneWarning, OverflowError):
            raise ValueError("not a time") from None
    if readings[0] != readings[1]:
        raise ValueError("no whole date")
    return readings[0]


def _zone(name: str | None, offset: int | None) -> Any:
    if offset is not None or name is None:
        return offset
    found = meanings(name, None)  # IST, CST and the like name several zones, and so none
    if len(found) != 1:
        raise ValueError(f"the zone {name!r} is not known")
    zone, distance = found[0].zone, found[0].utc_offset
    return ZoneInfo(zone) if zone else timezone(distance or timedelta())
