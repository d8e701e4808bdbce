"""Stated times: each is read whole, said to be ambiguous, or not read; a guess never passes for a statement."""

from __future__ import annotations

import csv
import io
import itertools
from datetime import UTC, date, datetime, timedelta, timezone
from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basewatch.news import calendar_words, stamps, zones

MOSCOW = datetime(2025, 10, 29, 14, tzinfo=timezone(timedelta(hours=3)))


def utc(stated: str, tag: str | None = None, language: str | None = None) -> tuple[str, str | None]:
    stamp = stamps.read(stated, tag, language)
    return stamp.kind, stamp.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if stamp.at else None


# ---- formats


@pytest.mark.parametrize(
    "stated",
    [
        "Wed, 29 Oct 2025 14:00:00 +0300",
        "Wed, 29 Oct 2025 14:00:00 +0300 (MSK)",
        "Wed, 29 Oct 2025 14:00:00 MSK",
        "Wed, 29 Oct 2025 14:00:00 GMT+3",
        "Wed, 29 Oct 2025 14:00:00 GMT+03:00",
        "Wed, 29 Oct 2025 14:00:00 UTC+3",
        "Wed Oct 29 2025 14:00:00 GMT+0300 (Moscow Standard Time)",
        "Wed, 29 Oct 2025 11:00:00 GMT",
        "Wed, 29 Oct 2025 11:00:00 -0000",
        "Wednesday, 29-Oct-25 11:00:00 GMT",
        "Wed Oct 29 14:00:00 MSK 2025",
        "Wed Oct 29 14:00:00 +0300 2025",
        "29 Oct 25 14:00 MSK",
        "29 October 2025 at 14:00 Europe/Moscow",
        "29 October 2025, 14:00 (UTC+3)",
        "29 October 2025, 2:00 PM MSK",
        "Oct. 29, 2025 2 p.m. MSK",
        "October 29th, 2025 7:00 AM ET",
        "10/29/2025 2:00 PM MSK",
        "29/10/2025 14:00 MSK",
        "29.10.2025 14:00 +03:00",
        "29.10.2025 14.00 MSK",
        "2025-10-29T14:00:00+03:00",
        "2025-10-29T14:00:00.000+0300",
        "2025-10-29T14:00:00,000+03",
        "2025-10-29T14:00+03:00[Europe/Moscow]",
        "2025-10-29T11:00:00Z",
        "2025-10-29 11:00:00 UTC",
        "2025-10-29 14:00 Moscow time",
        "2025/10/29 14:00:00 MSK",
        "20251029T110000Z",
        "29 октября 2025, 14:00 (МСК)",
        "29 окт 2025 14:00:00 +0300",
        "Среда, 29 октября 2025 г. в 14:00 по московскому времени",
        "14:00 МСК, 29.10.2025",
        "٢٩ أكتوبر ٢٠٢٥ ٢:٠٠ م GMT+3",
        "الأربعاء 29 تشرين الأول/أكتوبر 2025 - 14:00 +03:00",
        "29 Ekim 2025 Çarşamba 14:00 TSİ",
        "mercredi 29 octobre 2025 à 12h00 CET",
        "Mittwoch, 29. Oktober 2025, 12:00 Uhr MEZ",
        "miércoles, 29 de octubre de 2025 12:00 CET",
        "2025年10月29日 下午2:00 +03:00",
        "29 Oct 2025 13:00 MSK-1",
    ],
)
def test_one_time_in_many_forms(stated: str) -> None:
    assert utc(stated) == ("exact", "2025-10-29 11:00:00")


@pytest.mark.parametrize(
    ("stated", "at"),
    [
        ("Wed, 29 Oct 2025 01:30:00 MSK", "2025-10-28 22:30:00"),  # another day
        ("Wed, 29 Oct 2025 14:00:00 EEST", "2025-10-29 11:00:00"),
        ("Wed, 29 Oct 2025 14:00:00 EET", "2025-10-29 12:00:00"),
        ("Wed, 29 Oct 2025 14:00:00 CEST", "2025-10-29 12:00:00"),
        ("Wed, 29 Oct 2025 14:00:00 CET", "2025-10-29 13:00:00"),
        ("Wed, 29 Oct 2025 14:00:00 EST", "2025-10-29 19:00:00"),
        ("Wed, 29 Oct 2025 14:00:00 ET", "2025-10-29 18:00:00"),  # by the day: summer still
        ("Wed, 29 Oct 2025 12:30:00 AM GMT", "2025-10-29 00:30:00"),
        ("Wed, 29 Oct 2025 12:30:00 PM GMT", "2025-10-29 12:30:00"),
        ("Tue, 29 Oct 2013 14:00:00 MSK", "2013-10-29 10:00:00"),  # Moscow was four hours ahead then
        ("2025-10-29T14:00:00.123456789Z", "2025-10-29 14:00:00"),
    ],
)
def test_zones_and_halves_of_the_day(stated: str, at: str) -> None:
    assert utc(stated) == ("exact", at)


@pytest.mark.parametrize(
    "stated",
    [
        "29.10.2025",
        "29. 10. 2025",
        "29.10.2025 г.",
        "10/29/2025",
        "29/10/2025",
        "29-10-2025",
        "2025-10-29",
        "2025.10.29.",
        "20251029",
        "Oct 29, 2025",
        "29th of October 2025",
        "29 października 2025 r.",
        "29 Οκτωβρίου 2025",
        "29 באוקטובר 2025",
        "يوم 29 أكتوبر 2025",
        "2025년 10월 29일",
    ],
)
def test_a_day_alone_is_a_day_wherever_it_was_stated(stated: str) -> None:
    stamp = stamps.read(stated)
    assert (stamp.kind, stamp.at, stamp.days) == ("day", datetime(2025, 10, 29, tzinfo=UTC), (date(2025, 10, 29),))
    assert stamp.earliest == datetime(2025, 10, 28, 10, tzinfo=UTC)
    assert stamp.latest == datetime(2025, 10, 30, 12, tzinfo=UTC)


# ---- zones that are not stated, not known, or not sure


@pytest.mark.parametrize(
    "stated", ["Oct 29, 2025 2:00 PM", "2025-10-29T14:00:00", "Wed, 29 Oct 2025 14:00:00 XYZT", "29.10.2025, 14:00 Uhr"]
)
def test_a_time_without_a_zone_that_is_known_says_so_and_keeps_its_bounds(stated: str) -> None:
    stamp = stamps.read(stated)
    assert (stamp.kind, stamp.at) == ("zone_assumed", datetime(2025, 10, 29, 14, tzinfo=UTC))
    assert stamp.earliest == datetime(2025, 10, 29, 0, tzinfo=UTC)
    assert stamp.latest == datetime(2025, 10, 30, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "tag", "kind", "hours"),
    [
        ("IST", None, "zone_assumed", 5.5),
        ("IST", "en", "zone_assumed", 5.5),
        ("IST", "en-IN", "exact", 5.5),
        ("IST", "he", "exact", 2),
        ("IST", "en-IE", "exact", 1),
        ("CST", None, "zone_assumed", -6),
        ("CST", "zh-CN", "exact", 8),
        ("CST", "en-US", "exact", -6),
        ("BST", "en", "zone_assumed", 1),
        ("BST", "en-gb", "exact", 1),
        ("MSK", "zh-CN", "exact", 3),
    ],
)
def test_a_zone_s_name_with_several_meanings_is_sure_only_where_the_document_says_where_it_is_from(
    zone: str, tag: str | None, kind: str, hours: float
) -> None:
    stamp = stamps.read(f"Wed, 29 Oct 2025 14:00:00 {zone}", tag)
    assert (stamp.kind, stamp.at) == (kind, datetime(2025, 10, 29, 14, tzinfo=timezone(timedelta(hours=hours))))
    assert stamp.earliest is not None and stamp.latest is not None and stamp.at is not None
    assert (stamp.earliest == stamp.latest) == (kind == "exact")
    assert stamp.earliest <= stamp.at <= stamp.latest


@pytest.mark.parametrize("zone", ["+0200 (MSK)", "+0200 MSK", "EET +0300", "+0200 (UTC+3)"])
def test_a_zone_that_is_stated_twice_and_not_alike_is_not_sure(zone: str) -> None:
    stamp = stamps.read(f"29 Oct 2025 14:00:00 {zone}")
    assert stamp.kind == "zone_assumed"
    assert (stamp.earliest, stamp.latest) == (
        datetime(2025, 10, 29, 11, tzinfo=UTC), datetime(2025, 10, 29, 12, tzinfo=UTC)
    )  # fmt: skip


# ---- ambiguous


@pytest.mark.parametrize("stated", ["05/10/2025", "5-10-2025", "05/10/25", "10/05/2025", "05/10/2025 14:00 MSK"])
def test_numbers_that_can_be_read_in_two_ways_are_read_in_neither(stated: str) -> None:
    for tag in (None, "en", "en-CA", "fa", "xx"):
        stamp = stamps.read(stated, tag, language="ru")  # the language of the text is no statement of its region
        assert (stamp.kind, stamp.at) == ("ambiguous", None)
        assert stamp.days == (date(2025, 5, 10), date(2025, 10, 5))
        assert stamp.earliest is not None and stamp.latest is not None
        assert stamp.earliest.date() in (date(2025, 5, 9), date(2025, 5, 10))
        assert stamp.latest.date() in (date(2025, 10, 5), date(2025, 10, 6))


@pytest.mark.parametrize(
    ("stated", "tag", "day"),
    [
        ("05/10/2025", "en-GB", date(2025, 10, 5)),
        ("05/10/2025", "en_us", date(2025, 5, 10)),
        ("05/10/2025", "ru", date(2025, 10, 5)),
        ("05/10/2025", "fr-FR", date(2025, 10, 5)),
        ("10/29/2025", "en-GB", date(2025, 10, 29)),  # the other reading is no date
        ("10/29/2025", None, date(2025, 10, 29)),
        ("05.10.2025", None, date(2025, 10, 5)),  # numbers between dots are day, month, year
        ("05.10.2025", "en-US", date(2025, 10, 5)),
        ("05/05/2025", None, date(2025, 5, 5)),
        ("Wed 05/11/2025", None, date(2025, 11, 5)),  # the weekday decides
        ("Sunday, 05/11/2025", None, date(2025, 5, 11)),
        ("2025/05/10", "en-US", date(2025, 5, 10)),
        ("29 listopada 2025", "pl", date(2025, 11, 29)),
        ("29 listopada 2025", "hr", date(2025, 10, 29)),
    ],
)
def test_what_decides_between_two_readings(stated: str, tag: str | None, day: date) -> None:
    stamp = stamps.read(stated, tag)
    assert (stamp.kind, stamp.days) == ("day", (day,))


def test_a_month_s_name_that_two_languages_give_to_two_months_is_ambiguous_but_for_the_text_s_language() -> None:
    assert stamps.read("29 listopada 2025").days == (date(2025, 10, 29), date(2025, 11, 29))
    assert stamps.read("29 listopada 2025", language="pl").days == (date(2025, 11, 29),)


@pytest.mark.parametrize("stated", ["October 2025", "2025-10", "Октябрь 2025"])
def test_a_month_alone_has_bounds_and_no_day(stated: str) -> None:
    stamp = stamps.read(stated)
    assert (stamp.kind, stamp.at, stamp.days) == ("ambiguous", None, ())
    assert stamp.earliest == datetime(2025, 9, 30, 10, tzinfo=UTC)
    assert stamp.latest == datetime(2025, 11, 1, 12, tzinfo=UTC)


# ---- not read


@pytest.mark.parametrize(
    "stated",
    [
        "", " ", "yesterday", "soon", "2025", "© 2025", "29 October", "29.10.", "14:00", "2 hours ago", "29 Oct '",
        "Wed, 28 Oct 2025 14:00:00 GMT",  # a Tuesday
        "Wed, 32 Oct 2025 14:00:00 GMT", "31 June 2025", "2025-02-29", "2025-13-01", "13/13/2025", "00/10/2025",
        "Wed, 29 Oct 2025 25:00:00 GMT", "29 Oct 2025 14:60", "29 Oct 2025 0:30 PM", "29 Oct 2025 14:30 AM",
        "Wed, 29 Oct 2025 14:00:00 +030", "Wed, 29 Oct 2025 14:00:00 +2500", "2025-10-29T14:00:00+15:00",
        "2025-10-29T14:00:00 03:00",  # a plus that an address swallowed
        "Wed, 29 Octt 2025 14:00:00 GMT", "Wed, 29 Oct 2025 14:0O:00 GMT", "Wed, 29 2025 14:00:00 GMT",
        "29 Oct 2025 14:00 and 15:00", "29 Oct 2025, 30 Oct 2025", "29-30 October 2025", "29 Oct Nov 2025",
        "2568-10-29", "29/10/2568", "1404/08/07", "29 1404 مهر", "Wed, 29 Oct 2025 14:00:00 Nowhere/Nothing",
        "29 Oct 2025 <b>14:00</b>", "29 Oct 2025" * 40, "2025-10-29T14:00:00+03:00; DROP TABLE", "\ud800", "٢٩",
    ],
)  # fmt: skip
def test_what_is_not_understood_whole_is_not_read(stated: str) -> None:
    stamp = stamps.read(stated)
    assert (stamp.kind, stamp.at, stamp.earliest, stamp.latest, stamp.days) == ("unreadable", None, None, None, ())


@pytest.mark.parametrize(
    ("line", "day"),
    [
        ("Published: 29 October 2025", date(2025, 10, 29)),
        ("Published on 29 October 2025", date(2025, 10, 29)),
        ("By A. Writer | 10/29/2025 2:00 PM", date(2025, 10, 29)),
        ("Дата публикации: 29.10.2025 14:00", date(2025, 10, 29)),
        ("Moscow — 29 October 2025", date(2025, 10, 29)),
        ("At 14:00: nothing", None),
        ("On 29 October 2025 an Il-76 landed", None),
    ],
)
def test_a_line_may_hold_a_label_beside_its_date(line: str, day: date | None) -> None:
    assert stamps.read_part(line).days == ((day,) if day else ())


# ---- the table of zones


def cells() -> list[dict[str, str]]:
    text = files("basewatch.sql.reference").joinpath("zone_names.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_table_of_zones_is_sorted_and_each_row_has_one_distance() -> None:
    keys = [(row["name"], int(row["rank"])) for row in cells()]
    assert all(one < other for one, other in itertools.pairwise(keys))
    for name, rows in itertools.groupby(cells(), key=lambda row: row["name"]):
        ranked = list(rows)
        assert [int(row["rank"]) for row in ranked] == list(range(1, len(ranked) + 1)), name
        tags = [tag for row in ranked for tag in row["languages"].split()]
        assert len(tags) == len(set(tags)), f"{name}: a language decides for one meaning"
        for row in ranked:
            assert bool(row["utc_offset"]) != bool(row["zone"])
            assert row["place"]
            if row["utc_offset"]:
                zones.offset(row["utc_offset"])
            else:
                ZoneInfo(row["zone"])


@pytest.mark.parametrize("name", ["", "et", "mt", "nowhere", "MSKK"])
def test_words_that_are_no_zone(name: str) -> None:
    assert zones.meanings(name, None) == ()


# ---- what is stated is what is stored

OFFSETS = [timedelta(minutes=15 * quarters) for quarters in range(-48, 57)]
SURE = [row["name"] for row in cells() if row["utc_offset"] and sum(r["name"] == row["name"] for r in cells()) == 1]
LANGUAGES = ("en", "ru", "uk", "ar", "tr", "fr", "de", "es", "it", "pl", "nl", "pt", "he", "el", "cs", "ro", "sv")
SECONDS = st.integers(
    int(datetime(1995, 1, 1, tzinfo=UTC).timestamp()), int(datetime(2030, 12, 31, tzinfo=UTC).timestamp())
)
TIMES = SECONDS.map(lambda second: datetime.fromtimestamp(second, UTC).replace(tzinfo=None))  # local, of no zone yet
ENGLISH_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
ENGLISH_DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


def written_offset(offset: timedelta, form: str) -> str:
    sign = "-" if offset < timedelta(0) else "+"
    minutes = abs(int(offset.total_seconds())) // 60
    return form.format(sign=sign, hours=minutes // 60, minutes=minutes % 60)


OFFSET_FORMS = ("{sign}{hours:02d}{minutes:02d}", "{sign}{hours:02d}:{minutes:02d}", "GMT{sign}{hours}:{minutes:02d}",
                "UTC {sign}{hours:02d}:{minutes:02d}", "(UTC{sign}{hours:02d}:{minutes:02d})")  # fmt: skip


@st.composite
def zones_written(draw: st.DrawFn) -> tuple[str, timedelta]:
    """A zone as text, and how far ahead of UTC it is."""
    if draw(st.booleans()):
        offset = draw(st.sampled_from(OFFSETS))
        return written_offset(offset, draw(st.sampled_from(OFFSET_FORMS))), offset
    name = draw(st.sampled_from(SURE))
    (meaning,) = zones.meanings(name, None)
    return name, meaning.offset(datetime(2025, 1, 1, tzinfo=UTC).replace(tzinfo=None))


@st.composite
def dates_written(draw: st.DrawFn) -> tuple[str, datetime]:
    """A local day and time in a form that some feed or page writes, in some language."""
    at = draw(TIMES)
    form = draw(st.sampled_from(["rfc822", "iso", "dotted", "words", "ctime", "american"]))
    clock = f"{at:%H:%M:%S}"
    if form == "rfc822":
        weekday = draw(st.sampled_from([f"{ENGLISH_DAYS[at.weekday()]}, ", ""]))
        return f"{weekday}{at.day:02d} {ENGLISH_MONTHS[at.month - 1]} {at.year} {clock}", at
    if form == "iso":
        return f"{at:%Y-%m-%d}{draw(st.sampled_from('T '))}{clock}", at
    if form == "dotted":
        return f"{at.day}.{at.month:02d}.{at.year}, {clock}", at
    if form == "ctime":
        return f"{ENGLISH_DAYS[at.weekday()]} {ENGLISH_MONTHS[at.month - 1]} {at.day} {at.year} {clock}", at
    if form == "american":
        hour = at.hour % 12 or 12
        half = "PM" if at.hour >= 12 else "AM"
        return f"{ENGLISH_MONTHS[at.month - 1]} {at.day}, {at.year} {hour}:{at:%M:%S} {half}", at
    names = calendar_words.words(draw(st.sampled_from(LANGUAGES)))
    assert names is not None
    months = sorted(word for word, numbers in names.months.items() if numbers == {at.month} and len(word) > 3)
    sure = [word for word in months if stamps.read(f"1 {word} 2025").days == (date(2025, at.month, 1),)]
    if not sure:
        return f"{at:%Y-%m-%d} {clock}", at
    return f"{at.day} {draw(st.sampled_from(sure))} {at.year} {clock}", at


@settings(deadline=None)
@given(dates_written(), zones_written())
def test_what_is_stated_is_what_is_stored_to_the_second(
    written: tuple[str, datetime], zone: tuple[str, timedelta]
) -> None:
    text, local = written
    stamp = stamps.read(f"{text} {zone[0]}")
    assert stamp.kind == "exact", f"{text} {zone[0]}"
    assert stamp.at is not None
    assert stamp.at.replace(tzinfo=None) == local
    assert stamp.at.astimezone(UTC) == local.replace(tzinfo=timezone(zone[1])).astimezone(UTC)
    assert stamp.earliest == stamp.latest == stamp.at


def test_tuesday_in_czech_is_no_zone_and_universal_time_is_no_tuesday() -> None:
    assert stamps.read("1 září 2009 00:00:00 UT").kind == "exact"
    assert stamps.read("1 září 2009 00:00:00 út").kind == "zone_assumed"


@settings(deadline=None)
@given(dates_written(), zones_written(), st.data())
def test_a_damaged_stamp_is_never_read_as_if_it_were_whole(
    written: tuple[str, datetime], zone: tuple[str, timedelta], data: st.DataObject
) -> None:
    text = f"{written[0]} {zone[0]}"
    at = data.draw(st.integers(0, len(text) - 1))
    damage = data.draw(st.sampled_from(["?", "\ufffd", "x#", "=20", "~"]))
    stamp = stamps.read(text[:at] + damage + text[at + 1 :])
    assert stamp.kind == "unreadable", stamp.stated


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read_without_a_fault_and_within_its_bounds(text: str) -> None:
    stamp = stamps.read_part(text)
    if stamp.at is not None:
        assert stamp.earliest is not None and stamp.latest is not None
        assert stamp.earliest <= stamp.at <= stamp.latest
    assert (stamp.kind == "unreadable") == (stamp.earliest is None)
