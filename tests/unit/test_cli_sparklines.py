"""Months as small bars: what is unknown is neither a bar nor nought."""

from __future__ import annotations

from datetime import date

import pytest

from basewatch.cli import sparklines
from wholeruns import Watch


@pytest.mark.parametrize(
    ("counts", "drawn"),
    [
        ([0, 1, 7], "▁▂█"),
        ([None, 0, 3, 6], "░▁▅█"),
        ([None, None], "░░"),
        ([0, 0], "▁▁"),
        ([1_000_000, 1], "█▂"),
        ([], ""),
    ],
)
def test_a_line_of_counts(counts: list[int | None], drawn: str) -> None:
    assert sparklines.line(counts) == drawn


def test_a_nought_of_an_unknown_month_is_unknown_and_pairs_without_a_known_month_have_no_line() -> None:
    january, february = date(2025, 1, 1), date(2025, 2, 1)
    rows = [
        ("a", "all", january, 0, "unknown"), ("a", "all", february, 4, "active"),
        ("b", "all", january, None, "unknown"), ("b", "all", february, None, "unknown"),
    ]  # fmt: skip
    assert sparklines.of_months(rows) == ["a all 2025-01 ░█ 2025-02 (most 4)", sparklines.KEY]


def test_many_lines_are_cut_and_counted() -> None:
    rows = [
        (f"base{number:02}", "all", date(2025, month, 1), number, "active")
        for number in range(sparklines.LINES_MAX + 3)
        for month in (1, 2)
    ]
    assert sparklines.of_months(rows)[-2:] == ["and 3 more", sparklines.KEY]


def test_months_show_them_below_the_table_and_csv_does_not(small_watch: Watch) -> None:
    shown = small_watch.inside("months", "--base", "hmeimim", "--fleet", "ru_mil").stdout
    assert shown.splitlines()[-2:] == ["hmeimim ru_mil 2025-01 █▁ 2025-02 (most 10)", sparklines.KEY]
    assert "█" not in small_watch.inside("months", "--base", "hmeimim", "--format", "csv").stdout
