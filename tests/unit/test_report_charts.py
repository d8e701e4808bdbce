"""The charts: unknown is hatched and never nought, labels keep clear of each other."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from basewatch.report import months_chart, svg, write
from basewatch.report import timeline as timelines
from basewatch.report.data import read
from unit import report_fixture


def month(first: date, visits: int | None, activity: str = "active", **more: object) -> dict[str, object]:
    row: dict[str, object] = {
        "month": first,
        "visits": visits,
        "arrivals": visits,
        "departures": visits,
        "activity": activity,
        "days_observed": 28,
        "days_unmeasured": 0,
        "days_blind": 0,
        "days_missing": 0,
        "is_partial": False,
    }
    return row | more


def bars(rows: list[dict[str, object]]) -> ElementTree.Element:
    frame = svg.Frame(rows[0]["month"], svg.month_end(rows[-1]["month"]))  # type: ignore[arg-type]
    return ElementTree.fromstring(months_chart.monthly_bars(frame, rows, "c", "t"))


def classed(tree: ElementTree.Element, kind: str) -> list[ElementTree.Element]:
    return [element for element in tree.iter() if element.attrib.get("class") == kind]


def test_unknown_months_are_one_hatched_block_and_no_bar() -> None:
    rows = [month(date(2025, n, 1), None, "unknown") for n in (1, 2, 3)] + [month(date(2025, 4, 1), 2)]
    tree = bars(rows)
    assert len(classed(tree, "unknown")) == 3  # one block in each of the three panels
    assert len(classed(tree, "bar")) == 3
    assert [element.text for element in classed(tree, "word")] == ["unknown"] * 3
    assert {element.text for element in classed(tree, "value")} == {"2"}


def test_a_nought_of_an_unknown_month_is_not_drawn_as_nought() -> None:
    tree = bars([month(date(2025, 1, 1), 0, "unknown"), month(date(2025, 2, 1), 0, "quiet")])
    assert len(classed(tree, "unknown")) == 3
    assert [element.text for element in classed(tree, "value")] == ["0"] * 3


def test_lower_bounds_and_unfinished_months_are_marked() -> None:
    rows = [month(date(2025, 1, 1), 4, days_missing=3), month(date(2025, 2, 1), 4, days_blind=1)]
    rows.append(month(date(2025, 3, 1), 8, is_partial=True))
    tree = bars(rows)
    assert len(classed(tree, "more")) == 6
    assert [element.text for element in classed(tree, "value")] == ["≥4", "≥4", "8"] * 3
    partial = classed(tree, "bar partial")
    assert len(partial) == 3
    assert {element.attrib["height"] for element in partial} == {"116", "74"}  # the whole of each panel
    assert {element.attrib["height"] for element in classed(tree, "bar")} == {"58", "37"}


@given(st.integers(0, 100_000))
def test_the_scale_holds_the_largest_value_without_waste(value: int) -> None:
    top = months_chart.nice_top(value)
    assert top >= value
    assert top <= max(2 * value, 1)


@given(st.dates(date(1990, 1, 1), date(2060, 1, 1)), st.integers(0, 6000), st.integers(0, 6000))
def test_days_stay_in_the_frame_and_in_order(first: date, length: int, offset: int) -> None:
    frame = svg.Frame(first, first + timedelta(days=length))
    here, there = frame.x(first + timedelta(days=offset)), frame.x(first + timedelta(days=offset + 1))
    assert svg.LEFT <= here <= there <= frame.width - svg.RIGHT


def timeline(**more: object) -> ElementTree.Element:
    given_rows: dict[str, object] = {
        "gaps": [],
        "stays": [],
        "observability": [],
        "months": [],
        "stories": [],
        "other_mentions": [],
    }
    frame = svg.Frame(date(2025, 1, 1), date(2025, 12, 31))
    return ElementTree.fromstring(timelines.timeline(frame, "c", "t", **(given_rows | more)))


def gap(first: date, last: date, kind: str, *, ongoing: bool = False, number: int | None = 1) -> dict[str, object]:
    return {
        "gap_id": f"g{first}",
        "first_day": first,
        "last_day": last,
        "gap_days": (last - first).days + 1,
        "kind": kind,
        "is_ongoing": ongoing,
        "p_quiet_scan": 0.002 if kind == "pause" else None,
        "number": number,
    }


def test_every_numbered_spell_bears_its_number_where_there_is_room() -> None:
    first = [date(2025, 1, 1), date(2025, 2, 20), date(2025, 3, 12)]
    last = [date(2025, 2, 17), date(2025, 3, 9), date(2025, 4, 20)]
    pairs = enumerate(zip(first, last, strict=True), start=1)
    tree = timeline(gaps=[gap(a, b, "unobserved", number=n) for n, (a, b) in pairs])
    assert [(element.text or "")[0] for element in classed(tree, "value")] == ["1", "2", "3"]


def test_labels_of_full_bars_keep_clear_of_the_panel_names() -> None:
    tree = bars([month(date(2025, 1, 1), 10, days_missing=1)])
    names = [float(element.attrib["y"]) for element in classed(tree, "panel")]
    labels = [float(element.attrib["y"]) for element in classed(tree, "value")]
    assert all(label - name >= 10 for name, label in zip(names, labels, strict=True))


def test_spells_are_drawn_by_kind_with_their_probability() -> None:
    tree = timeline(
        gaps=[
            gap(date(2025, 1, 10), date(2025, 4, 10), "pause"),
            gap(date(2025, 5, 1), date(2025, 8, 1), "unobserved", number=2),
            gap(date(2025, 12, 1), date(2025, 12, 31), "lull", ongoing=True, number=3),
        ]
    )
    assert (
        len(classed(tree, "gap pause")) == len(classed(tree, "gap unobserved")) == len(classed(tree, "gap lull")) == 1
    )
    assert len(classed(tree, "more")) == 1
    labels = [element.text for element in classed(tree, "value")]
    assert labels == ["1 pause, p 0.002", "2 unobserved", "3 lull"]
    long, late = classed(tree, "gap pause")[0], classed(tree, "gap lull")[0]
    assert float(long.attrib["width"]) > 2.8 * float(late.attrib["width"])


def test_labels_of_crowded_spells_do_not_overlap() -> None:
    days = [date(2025, 1, 1) + timedelta(days=16 * n) for n in range(22)]
    tree = timeline(gaps=[gap(day, day + timedelta(days=14), "lull", number=n) for n, day in enumerate(days)])
    spans = [
        (float(element.attrib["x"]), float(element.attrib["x"]) + len(element.text or "") * svg.CHARACTER)
        for element in classed(tree, "value")
    ]
    assert len(spans) > 5
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_observability_shows_days_and_falls_back_to_shares() -> None:
    runs = [("observed", date(2025, 1, 1), date(2025, 6, 30)), ("missing", date(2025, 7, 1), date(2025, 12, 31))]
    tree = timeline(observability=runs)
    assert len(classed(tree, "obs observed")) == len(classed(tree, "obs missing")) == 1
    assert not classed(tree, "obs blind")
    many = [("observed", date(2025, 1, 1), date(2025, 1, 1))] * (timelines.RUNS_MAX + 1)
    shares = timeline(observability=many, months=[month(date(2025, 1, 1), 1, days_missing=3)])
    assert classed(shares, "obs observed")[0].attrib["d"].count("z") == 1
    assert len(classed(shares, "obs missing")) == 1


def test_stories_stand_in_lanes_with_number_origin_and_sign() -> None:
    stories = [
        {
            "number": n,
            "first_on": date(2025, 10, 30),
            "last_on": date(2025, 10, 30),
            "copies": n,
            "origin": "Bloomberg",
            "title": "<t>",
            "sign": sign,
        }
        for n, sign in enumerate(("pause", "resumption", "both", "other"), start=1)
    ]
    stories.append(stories[0] | {"number": 9, "first_on": date(2015, 1, 1)})
    tree = timeline(stories=stories)
    labels = [element.text for element in classed(tree, "value")]
    assert labels == ["1 Bloomberg", "2 Bloomberg ×2", "3 Bloomberg ×3", "4 Bloomberg ×4"]
    heights = [element.attrib["y"] for element in classed(tree, "value")]
    assert len(set(heights)) == 4
    assert all(len(classed(tree, f"story {sign}")) == 1 for sign in ("pause", "resumption", "both", "other"))


def test_years_of_nothing_before_the_first_known_month_are_left_out_of_the_chart(tmp_path: Path) -> None:
    database = report_fixture.create(tmp_path / "long.duckdb")
    report_fixture.insert(database, "bases", [{"base_id": "b", "name": "B"}])
    months = [date(2013 + n // 12, n % 12 + 1, 1) for n in range(150)]
    rows = [
        {
            "base_id": "b",
            "fleet_id": "f",
            "month": day,
            "activity": "unknown",
            "visits": 1 if day.year == 2025 else None,
        }
        for day in months
    ]
    report_fixture.insert(database, "base_monthly_activity", rows)
    report_fixture.insert(database, "news_mentions", [{"mention_id": "m", "base_id": "b"}])
    view = read(database, [], "f").bases[0]
    assert view.frame == svg.Frame(date(2024, 11, 1), date(2025, 6, 30))
    assert view.trimmed == 142
    shown = dict(write.pages(database, bases=[], fleet="f"))["bases/b.html"]
    assert "142 earlier months, of which nothing is known" in shown
    assert shown.count('<th scope="row">20') == 150
