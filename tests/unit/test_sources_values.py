"""Values as others write them: what is stated is read, what is ambiguous is said to be, nothing is guessed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from basewatch.sources.values import Ambiguous, Malformed, date_order, icao24, is_day_alone, moment, registration, text

SIX = datetime(2025, 10, 5, 6, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "2025-10-05T06:00:00Z",
        "2025-10-05 06:00",
        "2025-10-05 06:00:00 UTC",
        "2025-10-05 06:00:00.000000000 utc",
        "2025-10-05 06:00:00+00:00",
        "2025-10-05 06:00:00 +0000",
        "2025-10-05T09:00:00+03:00",
        "2025-10-05T09:00+03:00[Europe/Moscow]",
        "2025-10-05 09:00 GMT+3",
        "2025-10-05 09:00 UTC+03:00",
        "2025-10-05 09:00 MSK",
        "2025-10-05 09:00 EEST",
        "2025-10-05 02:00 EDT",
        "2025-10-05 6:00 AM UTC",
        "2025-10-05T06:00:00",
        "2025-10-05 01:00 -05",
        "2025/10/05 06:00",
        "20251005T060000Z",
        "05.10.2025 06:00",
        "5 Oct 2025 06:00",
        "5-Oct-25 06:00",
        "Oct 5, 2025 6:00 AM",
        "Sun, 05 Oct 2025 06:00:00 GMT",
        "'2025-10-05 06:00",
        "1759644000",
        1759644000,
        1759644000.0,
        1759644000000,
        "1759644000000000",
        1759644000000000000,
        datetime(2025, 10, 5, 6, 0),  # noqa: DTZ001
        datetime(2025, 10, 5, 9, 0, tzinfo=timezone(timedelta(hours=3))),
    ],
)
def test_a_time_is_read_however_it_is_written(written: object) -> None:
    assert moment(written) == SIX


@pytest.mark.parametrize("nothing", [None, "", "  ", "NaT", "nan", "NULL", "\\N", "-", float("nan")])
def test_the_words_for_no_value_are_no_value(nothing: object) -> None:
    assert moment(nothing) is None
    assert text(nothing) is None


@pytest.mark.parametrize("code", ["NA", "NAN", "NIL", "None1"])
def test_codes_that_look_like_no_value_are_codes(code: str) -> None:
    assert text(code) == code


@pytest.mark.parametrize(
    "written",
    ["06:00", "Oct 5", "October 2025", "2025", "now", "tomorrow", "2025-10-0", "2025-13-01", "2025-10-05 06:00 IST",
     "2025-10-05 06:00 XYZ", "2025-10-05 06:00 Z+3", "#N/A", "#REF!", "########", "2025-10-05 25:00", "10/05/25",
     "32/13/2025", "1899-12-30", 45935.25, True],
)  # fmt: skip
def test_what_is_no_whole_time_is_malformed(written: object) -> None:
    with pytest.raises(Malformed):
        moment(written)


def test_a_date_in_slashes_is_read_where_one_reading_is_a_day() -> None:
    assert moment("10/29/2025 2:00 PM") == datetime(2025, 10, 29, 14, 0, tzinfo=UTC)
    assert moment("29/10/2025") == datetime(2025, 10, 29, tzinfo=UTC)
    assert moment("05/05/2025") == datetime(2025, 5, 5, tzinfo=UTC)


def test_a_date_that_can_be_read_in_two_ways_gives_both() -> None:
    with pytest.raises(Ambiguous) as fault:
        moment("05/10/2025 06:00")
    assert set(fault.value.readings) == {date(2025, 10, 5), date(2025, 5, 10)}
    assert moment("05/10/2025 06:00", "day first") == SIX
    assert moment("10/05/2025 06:00", "month first") == SIX


@pytest.mark.parametrize(
    ("written", "order"),
    [
        ("29/10/2025", "day first"),
        ("10/29/2025 06:00", "month first"),
        ("05/10/2025", None),
        ("29.10.2025", None),
        ("x", None),
    ],
)
def test_only_a_day_above_twelve_proves_the_order(written: str, order: str | None) -> None:
    assert date_order(written) == order


def test_a_day_alone_is_told_from_a_time() -> None:
    assert all(map(is_day_alone, ["2025-10-05", "20251005", "05.10.2025", date(2025, 10, 5)]))
    assert not any(map(is_day_alone, ["2025-10-05 06:00", "05.10.2025 06:00", SIX, 1759644000]))


@pytest.mark.parametrize("written", ["15406E", " 15406e ", "'15406e", "0x15406e", 154060, 154060.0])
def test_an_address_is_read_however_a_spreadsheet_holds_it(written: object) -> None:
    assert icao24(written) in ("15406e", "154060")


@pytest.mark.parametrize("written", ["1540", "1.5E+05", "15406g", "10203"])
def test_an_address_that_lost_digits_is_none(written: str) -> None:
    with pytest.raises(Malformed):
        icao24(written)


@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)), st.integers(-12 * 60, 14 * 60))  # noqa: DTZ001
def test_every_stated_time_comes_back_to_the_second(at: datetime, minutes: int) -> None:
    stated = at.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=minutes)))
    for written in (
        stated.isoformat(),
        stated.isoformat(sep=" "),
        f"{stated:%d.%m.%Y %H:%M:%S %z}",
        stated.timestamp(),
    ):
        if isinstance(written, float) and written < 1e9:
            continue
        try:
            assert moment(written) == stated
        except Malformed:
            assert not 1990 <= stated.astimezone(UTC).year <= 2100


@given(st.text(max_size=40) | st.floats() | st.integers())
def test_no_value_ends_otherwise_than_in_a_time_or_malformed(value: object) -> None:
    try:
        at = moment(value)
    except Malformed:
        return
    assert at is None or at.tzinfo is not None


@pytest.mark.parametrize(
    "written", ["2025-10-04 24:00", "2025-10-04T24:00:00Z", "2025-10-04T24:00:00+00:00", "04.10.2025 24:00"]
)
def test_midnight_at_the_end_of_a_day_is_that_of_the_next(written: str) -> None:
    assert moment(written) == datetime(2025, 10, 5, tzinfo=UTC)


@pytest.mark.parametrize(("written", "mark"), [("rf–78835", "RF-78835"), ("RF\N{NO-BREAK SPACE}78835", "RF 78835")])
def test_a_mark_is_one_whatever_dash_it_is_written_with(written: str, mark: str) -> None:
    assert registration(written) == mark


@pytest.mark.parametrize("written", ["Z§-BPP", "RF-\x01835", "RA-8203¿"])
def test_a_mark_with_a_sign_that_stands_in_none_is_no_other_aircraft(written: str) -> None:
    with pytest.raises(Malformed, match="stands in no mark"):
        registration(written)
