"""The report: what it says, what it never says, and that nothing from outside can act on its reader."""

from __future__ import annotations

import html as html_module
import importlib.util
import re
import sys
import time
from datetime import date, timedelta
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from basewatch.errors import BasewatchError, ConfigError
from basewatch.report import charts, safe_text, sentences, write
from basewatch.report.data import ReportError, read
from basewatch.warehouse import models

LICENCES = [
    {
        "source": "flight_files",
        "title": "Flight records of one's own",
        "url": None,
        "licence": "as agreed with the provider",
        "licence_url": None,
        "attribution": None,
    },
    {
        "source": "another",
        "title": "Another <b>source</b>",
        "url": "https://example.org/",
        "licence": "ODbL 1.0",
        "licence_url": "javascript:alert(1)",
        "attribution": "Contains data of another source.",
    },
]


def _fixture() -> ModuleType:
    file = Path(__file__).with_name("report_fixture.py")
    spec = importlib.util.spec_from_file_location("report_fixture", file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["report_fixture"] = module
    spec.loader.exec_module(module)
    return module


fixture = _fixture()


class Reader(HTMLParser):
    """The page as lists: tags with attributes, text by enclosing tag, and whether every tag was closed in turn."""

    VOID = frozenset({"meta", "link", "br", "hr", "img", "input"})
    INLINE = frozenset({"a", "bdi", "code", "em", "small", "span", "strong"})

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.faults: list[str] = []
        self.texts: list[tuple[tuple[str, ...], str]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.INLINE:
            self.texts.append(((), " "))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> closes another element")

    def handle_data(self, data: str) -> None:
        self.texts.append((tuple(self.open), data))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def words(self) -> str:
        shown = "".join(data for inside, data in self.texts if "style" not in inside)
        return re.sub(r"\s+", " ", shown)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fixture.full(tmp_path_factory.mktemp("full") / "basewatch.duckdb")


@pytest.fixture(scope="module")
def page(full: Path) -> str:
    return write.html(full, bases=[], fleet="ru_mil", gate_page="../quality/gates.html", licences=LICENCES)


@pytest.fixture(scope="module")
def reader(page: str) -> Reader:
    return Reader(page)


def section(page: str, name: str) -> Reader:
    """The section of the page whose heading has this id."""
    start = page.index(f'<section aria-labelledby="{name}"')
    return Reader(page[start : page.index("</section>", start) + len("</section>")])


# --- what reaches the reader, and what must not


def test_every_free_column_may_hold_markup_and_none_of_it_acts(page: str, reader: Reader) -> None:
    assert reader.faults == []
    assert reader.open == []
    names = {name for name, _ in reader.tags}
    assert names.isdisjoint({"script", "iframe", "object", "embed", "form", "base", "img", "foreignobject"})
    attributes = {key for _, values in reader.tags for key in values}
    assert not {key for key in attributes if key.startswith("on")}
    assert attributes.isdisjoint({"src", "srcset", "action", "xlink:href"})
    assert fixture.SCRIPT in reader.words  # it is shown, as text
    assert fixture.SCRIPT not in page


def test_direction_overrides_are_written_out(page: str) -> None:
    assert fixture.RLO not in page
    assert "⟨U+202E⟩evil" in page


def test_links_lead_to_the_web_or_into_the_page_and_open_without_a_hold_on_it(reader: Reader) -> None:
    ids = {attributes["id"] for _, attributes in reader.tags if "id" in attributes}
    outside = []
    for attributes in reader.all("a"):
        href = attributes["href"] or ""
        if href.startswith("#"):
            assert href[1:] in ids, href
        elif href == "../quality/gates.html":
            continue
        else:
            outside.append(href)
            assert re.match(r"https?://[^\s\"'<>]+$", href), href
            assert "noopener" in (attributes["rel"] or "")
    assert "https://example.org/flight/2" in outside
    assert "https://outlet0.example/story" in outside
    assert not [href for href in outside if "user@" in href or "<" in href]


def test_nothing_is_loaded(page: str, reader: Reader) -> None:
    policy = next(a["content"] for a in reader.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy and policy.startswith("default-src 'none'")
    assert [a["href"] for a in reader.all("link")] == ["data:,"]
    style = page[page.index("<style>") : page.index("</style>")]
    assert "@import" not in style
    assert set(re.findall(r"url\(([^)]*)\)", style)) == {"#hatch", "#cross", "#dots"}


@pytest.mark.parametrize(
    ("address", "is_link"),
    [
        ("https://example.org/a?b=1&c=2", True),
        ("HTTP://EXAMPLE.ORG", True),
        ("https://пример.рф/страница", True),
        ("javascript:alert(1)", False),
        ("java\nscript:alert(1)", False),
        ("data:text/html,x", False),
        ("ftp://example.org/x", False),
        ("//example.org/x", False),
        ("https://", False),
        ("https://example.org@evil.example/", False),
        ("https://example.org/\u202egpj.exe", False),
        ('https://example.org/"onmouseover="x', False),
        ("https://[::1", False),
        ("../../etc/passwd", False),
        ("", False),
        (None, False),
    ],
)
def test_only_plain_web_addresses_become_links(address: str | None, is_link: bool) -> None:
    shown = safe_text.link(address)
    assert ("<a " in shown) is is_link
    assert ("<a " in safe_text.link(address, "label")) is is_link


@given(st.text())
def test_shown_text_is_inert_in_text_and_in_attributes(value: str) -> None:
    out = safe_text.escaped(value)
    assert not set(out) & set("<>\"'")
    assert Reader(f'<p title="{out}">{out}</p>').faults == []
    assert not re.search(r"[\u0000-\u001f\u202a-\u202e\u2066-\u2069]", out)


def test_spelling_marks_of_other_scripts_stay() -> None:
    assert safe_text.visible("می\u200cروند") == "می\u200cروند"
    assert safe_text.visible("a\u2067b\u0007\nc") == "a⟨U+2067⟩b⟨U+0007⟩ c"


def test_values_are_shown_in_one_form() -> None:
    assert safe_text.shown(None) == "–"
    assert safe_text.shown(True) == "yes"
    assert safe_text.shown(0.123456) == "0.123"
    assert safe_text.shown(12345.6) == "12346"
    assert safe_text.shown(["a", "b\u202e"]) == "a, b⟨U+202E⟩"
    assert safe_text.probability(None) == "–"
    assert safe_text.probability(0.00001) == "< 0.0001"
    assert safe_text.probability(0.0) == "< 0.0001"
    assert safe_text.probability(0.00312) == "0.0031"
    assert safe_text.percent(0.833) == "83 %"
    assert safe_text.dated("a 2025-10-29 <b>") == 'a <span class="d">2025-10-29</span> &lt;b&gt;'


# --- what it says


def test_head_names_release_date_and_fleet(page: str, reader: Reader) -> None:
    head = page[page.index('<header class="top">') : page.index("</header>")]
    shown = Reader(head).words
    assert "2025-11-16T051500Z" in shown
    assert "As of 2025-11-15" in shown
    assert "2025-11-16 05:15 UTC" in shown
    assert "Russian military and state transport" in shown
    assert sentences.CAVEAT in reader.words


def test_answer_in_words(page: str) -> None:
    shown = section(page, "answer").words
    for sentence in (
        "Last recorded visit: 2025-11-04 (IL76 RA-82037, confidence 4 of 4); 37 visits on record in all.",
        "Simulated, so never happened: 1 of these 37.",
        "Longest spell with no visit: 45 days, 2025-01-17 to 2025-03-02; a pause: well observed, and longer than "
        "chance explains (p 0.0031).",
        "No visit since 2025-11-04 up to 2025-11-15: 11 days, 2025-11-05 to 2025-11-15, still going on; not judged: "
        "too few earlier visits to say what is usual here.",
        "The claimed pause, 2025-04-27 to 2025-10-23, is contradicted by 16 visits on record.",
        "The claimed pause, 2024-09-01 to 2024-10-31, cannot be judged: too few of its days could be observed.",
        "Of 441 days on record: 159 observed, 181 unmeasured, 9 blind, 92 missing.",
        "No day of this base was looked at: its activity is unknown, not nil.",
    ):
        assert sentence.replace("\u00a0", " ") in shown.replace("\u00a0", " ")


def test_simulated_data_carry_a_banner_and_real_ones_none(tmp_path: Path, page: str) -> None:
    assert "Simulated data." in page
    assert '<span class="tag">simulated</span>' in page
    plain = fixture.create(tmp_path / "plain.duckdb")
    fixture.insert(plain, "source_days", [{"source": "flight_files", "scope": "global", "day": fixture.AS_OF}])
    assert "Simulated data." not in write.html(plain, bases=[], fleet="ru_mil")
    fixture.insert(plain, "source_days", [{"source": "sample_flights", "scope": "global", "day": fixture.AS_OF}])
    sampled = write.html(plain, bases=[], fleet="ru_mil")
    assert "Sample data." in sampled
    assert "Simulated data." not in sampled


def test_unknown_months_are_words_in_the_table_and_never_noughts(page: str) -> None:
    base = page[page.index('<section aria-labelledby="base-hmeimim"') :]
    row = next(row for row in re.findall(r"<tr>.*?</tr>", base) if row.startswith('<tr><th scope="row">2024-09'))
    assert row.count('<span class="unknown-word">unknown</span>') == 3
    quiet = next(row for row in re.findall(r"<tr>.*?</tr>", base) if row.startswith('<tr><th scope="row">2025-02'))
    assert quiet.startswith('<tr><th scope="row">2025-02</th><td>0</td><td>0</td><td>0</td>')
    assert "quiet" in quiet
    partly = next(row for row in re.findall(r"<tr>.*?</tr>", base) if row.startswith('<tr><th scope="row">2025-05'))
    assert "<td>≥ 1</td>" in partly
    assert "(not ended)" in base


def test_confidence_1_stands_apart_and_civil_traffic_is_another_fleet(page: str) -> None:
    base = page[page.index('id="visits-hmeimim"') :]
    counted, apart = base[: base.index('id="weak-hmeimim"')], base[base.index('id="weak-hmeimim"') :]
    assert "https://news.example/an-124-lands" not in counted
    assert 'href="https://news.example/an-124-lands"' in apart
    assert "not counted" in apart
    assert "YK-AYB" not in page
    assert 'scope="row">2025-09-01</th>' in apart  # a day, since nobody reported a time


def test_claims_come_with_their_evidence(page: str) -> None:
    found = re.search(r'<article class="claim contradicted".*?</article>', page, re.DOTALL)
    assert found
    shown = Reader(found[0]).words
    assert "contradicted" in shown
    assert "Evidence: 16 visits" in shown
    assert found[0].count("<tr><th") == 12 + 1
    assert "12 of 16 visits shown" in shown
    assert "Named as evidence but not in this release: 1 visit, gone" in shown
    assert "crediting Bloomberg" in shown
    order = re.findall(r'<article class="claim ([a-z_]+)"', page)
    assert order == ["contradicted", "corroborated", "not_observable", "no_data"]
    days = re.findall(r'scope="row">(\d{4}-\d\d-\d\d)', found[0])
    assert days == sorted(days)
    unheld = re.search(r'<article class="claim not_observable".*?</article>', page, re.DOTALL)
    assert unheld
    assert "an article that this release does not hold" in unheld[0]


def test_copies_of_one_story_are_one_row_with_its_origin(page: str) -> None:
    press = page[page.index('id="press-hmeimim"') : page.index('id="claims-hmeimim"')]
    assert "8 mentions in 4 stories" in press
    assert press.count("Russian cargo jets return") == 1
    assert "5 (5)" in press
    assert "seen, not dated" in press
    assert "Outside the dates of the chart lie 1 more day with a mention." in page


def test_freshness_counts_source_days(page: str) -> None:
    shown = section(page, "sources").words
    assert "flight_files 2025-11-12 3 days 17 0 3 0 0 0 60 0 2025-11-15 12:00 timed out reading" in shown
    assert "simulated_archive simulated never – 0 20" in shown


def test_checks_are_those_of_the_run_behind_the_release(page: str) -> None:
    shown = section(page, "checks").words
    assert "1 of 2 checks passed; 0 critical and 1 of lesser weight failed." in shown
    assert "of an earlier run" not in shown
    assert "✕ failed" in shown
    assert 'href="../quality/gates.html"' in page


def test_licences_of_what_was_used_come_first_and_gaps_are_named(page: str) -> None:
    shown = section(page, "licences").words
    assert shown.index("Flight records of one's own") < shown.index("Another <b>source</b>")
    assert "No licence is on file for: articles, press_flights, simulated_archive" in shown


def test_an_older_release_can_be_named(full: Path) -> None:
    older = write.html(full, bases=["hmeimim"], fleet="ru_mil", release_id="2025-11-15T051500Z")
    assert "2025-11-15T051500Z" in older
    assert "2025-11-16T051500Z" not in older
    assert "of an earlier run" in older


# --- accessibility


def test_headings_descend_one_step_at_a_time(reader: Reader) -> None:
    levels = [int(tag[1]) for tag, _ in reader.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_landmarks_language_and_skip_link(reader: Reader) -> None:
    assert reader.all("html") == [{"lang": "en"}]
    for landmark in ("header", "main", "nav", "footer"):
        assert len(reader.all(landmark)) == 1
    assert reader.all("a")[0] == {"class": "skip", "href": "#main"}
    ids = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for part in reader.all("section") + reader.all("article"):
        assert part["aria-labelledby"] in ids


def test_tables_have_captions_and_scopes(page: str, reader: Reader) -> None:
    tables = re.findall(r"<table.*?</table>", page, re.DOTALL)
    assert len(tables) > 8
    for table in tables:
        assert "<caption>" in table
        assert table.count("<th ") == table.count('scope="col"') + table.count('scope="row"')
        assert all(row.count('scope="row"') == 1 for row in re.findall(r"<tr>.*?</tr>", table.split("<tbody>")[1]))
    for attributes in reader.all("div"):
        if "scroll" in (attributes.get("class") or ""):
            assert attributes["tabindex"] == "0"
            assert attributes["role"] == "region"
            assert attributes["aria-label"]


def test_charts_have_names_and_a_table_beside_them(page: str) -> None:
    found = re.findall(r'<svg class="chart".*?</svg>', page, re.DOTALL)
    assert len(found) == 2
    for chart in found:
        tree = ElementTree.fromstring(chart)
        assert tree.attrib["role"] == "img"
        title, desc = tree[0], tree[1]
        assert (title.tag, desc.tag) == ("title", "desc")
        assert f"{title.attrib['id']} {desc.attrib['id']}" == tree.attrib["aria-labelledby"]
        assert title.text
        assert desc.text
    assert page.count("<summary>The same as a table") == 1


def _luminance(colour: str) -> float:
    channels = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_meets_aa_in_light_dark_and_print(page: str) -> None:
    themes = [
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))
        for block in re.findall(r":root \{(.*?)\}", page[: page.index("</style>")], re.DOTALL)
    ]
    assert len(themes) == 3
    for theme in themes:
        for ground in ("bg", "surface"):
            for ink in ("text", "muted", "link", "good", "bad", "doubt"):
                assert _contrast(theme[ink], theme[ground]) >= 4.5, (ink, ground)
        assert _contrast(theme["banner-text"], theme["banner"]) >= 4.5
        assert _contrast(theme["doubt"], theme["banner"]) >= 4.5  # the tag in the banner
        for ink in ("bar", "ink", "story", "text"):
            assert _contrast(theme[ink], theme["bg"]) >= 3, ink


# --- charts


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
    frame = charts.Frame(rows[0]["month"], charts.month_end(rows[-1]["month"]))  # type: ignore[arg-type]
    return ElementTree.fromstring(charts.monthly_bars(frame, rows, "c", "t"))


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
    assert {element.attrib["height"] for element in partial} == {str(int(charts.PANEL))}
    heights = {element.attrib["height"] for element in classed(tree, "bar")}
    assert heights == {str(int(charts.PANEL / 2))}


@given(st.integers(0, 100_000))
def test_the_scale_holds_the_largest_value_without_waste(value: int) -> None:
    top = charts.nice_top(value)
    assert top >= value
    assert top <= max(2 * value, 1)


@given(st.dates(date(1990, 1, 1), date(2060, 1, 1)), st.integers(0, 6000), st.integers(0, 6000))
def test_days_stay_in_the_frame_and_in_order(first: date, length: int, offset: int) -> None:
    frame = charts.Frame(first, first + timedelta(days=length))
    here, there = frame.x(first + timedelta(days=offset)), frame.x(first + timedelta(days=offset + 1))
    assert charts.LEFT <= here <= there <= frame.width - charts.RIGHT


def timeline(**more: object) -> ElementTree.Element:
    given_rows: dict[str, object] = {
        "gaps": [],
        "stays": [],
        "observability": [],
        "months": [],
        "stories": [],
        "other_mentions": [],
    }
    frame = charts.Frame(date(2025, 1, 1), date(2025, 12, 31))
    return ElementTree.fromstring(charts.timeline(frame, "c", "t", **(given_rows | more)))


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
        (float(element.attrib["x"]), float(element.attrib["x"]) + len(element.text or "") * charts.CHARACTER)
        for element in classed(tree, "value")
    ]
    assert len(spans) > 5
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_observability_shows_days_and_falls_back_to_shares() -> None:
    runs = [("observed", date(2025, 1, 1), date(2025, 6, 30)), ("missing", date(2025, 7, 1), date(2025, 12, 31))]
    tree = timeline(observability=runs)
    assert len(classed(tree, "obs observed")) == len(classed(tree, "obs missing")) == 1
    assert not classed(tree, "obs blind")
    many = [("observed", date(2025, 1, 1), date(2025, 1, 1))] * (charts.RUNS_MAX + 1)
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
    database = fixture.create(tmp_path / "long.duckdb")
    fixture.insert(database, "bases", [{"base_id": "b", "name": "B"}])
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
    fixture.insert(database, "base_monthly_activity", rows)
    fixture.insert(database, "news_mentions", [{"mention_id": "m", "base_id": "b"}])
    view = read(database, [], "f").bases[0]
    assert view.frame == charts.Frame(date(2024, 11, 1), date(2025, 6, 30))
    assert view.trimmed == 142
    shown = write.html(database, bases=[], fleet="f")
    assert "142 earlier months, of which nothing is known" in shown
    assert shown.count('<th scope="row">20') == 150


# --- lists that are cut


def test_every_query_on_the_page_runs_and_gives_what_was_left_out(full: Path, page: str) -> None:
    cuts = re.findall(r'<p class="cut">(\d+) of (\d+) ([a-z ]+) shown\..*?<code>(.*?)</code>', page)
    assert {what for _, _, what, _ in cuts} == {"visits"}
    pointers = re.findall(r"<code>((?:SELECT|FROM) .*?)</code>", page)
    with duckdb.connect(str(full), read_only=True) as connection:
        for pointer in pointers:
            connection.execute(html_module.unescape(pointer)).fetchall()
        for _, total, _, query in cuts:
            assert len(connection.execute(html_module.unescape(query)).fetchall()) == int(total)


def test_many_bases_over_many_years_stay_readable(tmp_path: Path) -> None:
    database = fixture.large(tmp_path / "large.duckdb")
    started = time.process_time()  # the machine may be busy with other things
    shown = write.html(database, bases=[], fleet="ru_mil")
    assert time.process_time() - started < 15
    assert len(shown.encode()) < 5_000_000
    assert shown.count('class="base"') == 20
    assert "30 more bases with visits or mentions are not shown" in shown
    cuts = re.findall(r'<p class="cut">(\d+) of (\d+) ([a-z ]+) shown\..*?<code>(.*?)</code>', shown)
    assert {what for _, _, what, _ in cuts} == {"visits", "spells", "runs", "stories"}
    with duckdb.connect(str(database), read_only=True) as connection:
        for _, total, what, query in cuts[:8]:
            rows = connection.execute(html_module.unescape(query)).fetchall()
            assert what in ("stories", "runs") or len(rows) == int(total)


def test_named_bases_alone_are_shown(full: Path) -> None:
    shown = write.html(full, bases=["idle", "idle"], fleet="all")
    assert shown.count('class="base"') == 1
    assert "not shown" not in shown
    assert "No visit of all is on record." in shown


# --- whatever the tables hold


def test_empty_tables_give_a_page(tmp_path: Path) -> None:
    shown = write.html(fixture.create(tmp_path / "empty.duckdb"), bases=[], fleet="ru_mil")
    assert Reader(shown).faults == []
    assert "No base of this release has a visit or a mention." in shown
    assert "The ledger is empty" in shown
    assert sentences.CAVEAT in shown


def test_nulls_everywhere_give_a_page(tmp_path: Path) -> None:
    shown = write.html(fixture.nulls(tmp_path / "nulls.duckdb"), bases=[], fleet="f")
    reader = Reader(shown)
    assert reader.faults == []
    assert "1 visit of f on record, without a date." in reader.words
    assert " None" not in reader.words
    assert "nan" not in reader.words.lower().split()


def test_the_published_tables_have_every_column_that_the_page_reads(tmp_path: Path) -> None:
    folder = files("basewatch.sql.marts")
    published = {
        name: models.parse("marts", name, folder.joinpath(f"{name}.sql").read_text(encoding="utf-8")).ddl
        for name in fixture.TABLES
        if folder.joinpath(f"{name}.sql").is_file()
    }
    if not published:
        pytest.skip("no published model is in this tree")
    database = fixture.create(tmp_path / "published.duckdb", published)
    assert "No base of this release" in write.html(database, bases=[], fleet="all")
    fixture.insert(database, "bases", [{"base_id": "b"}])
    assert 'id="base-b"' in write.html(database, bases=["b"], fleet="all")


def test_the_same_rows_in_another_order_give_the_same_bytes(tmp_path: Path, full: Path) -> None:
    first = write.report(full, tmp_path / "one", bases=[], fleet="ru_mil", licences=LICENCES)
    shuffled = tmp_path / "shuffled.duckdb"
    with duckdb.connect(str(shuffled)) as connection:
        connection.execute(f"ATTACH '{full}' AS origin (READ_ONLY)")
        for table in fixture.TABLES:
            connection.execute(
                f"CREATE TABLE {table} AS FROM origin.{table} ORDER BY hash({table}::VARCHAR), rowid DESC"
            )
    second = write.report(shuffled, tmp_path / "two", bases=[], fleet="ru_mil", licences=list(reversed(LICENCES)))
    assert first.read_bytes() == second.read_bytes()
    assert first == tmp_path / "one" / "index.html"


def test_bases_and_fleets_that_are_not_there_are_named(full: Path) -> None:
    with pytest.raises(ConfigError, match=r"report\.bases: this release has no base nowhere; .*hmeimim"):
        write.html(full, bases=["hmeimim", "nowhere"], fleet="ru_mil")
    with pytest.raises(ConfigError, match=r"report\.fleet: this release has no fleet nobody; .*all, ru_mil"):
        write.html(full, bases=[], fleet="nobody")


def test_a_file_that_is_no_release_is_refused(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "other.duckdb")) as connection:
        connection.execute("CREATE TABLE bases (base_id VARCHAR)")
    for file in ("other.duckdb", "absent.duckdb"):
        with pytest.raises(ReportError, match=file) as raised:
            write.html(tmp_path / file, bases=[], fleet="all")
        assert isinstance(raised.value, BasewatchError)
    assert not (tmp_path / "absent.duckdb").exists()


@pytest.mark.parametrize("gate_page", ["https://example.org/", "javascript:alert(1)", "/etc/passwd", "//host/x", "\\x"])
def test_the_gate_page_is_a_neighbour(full: Path, gate_page: str) -> None:
    with pytest.raises(ValueError, match="relative path"):
        write.html(full, bases=[], fleet="ru_mil", gate_page=gate_page)


def test_a_page_that_cannot_be_written_leaves_the_earlier_one(
    full: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "index.html").write_text("earlier", encoding="utf-8")

    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        write.report(full, tmp_path, bases=[], fleet="ru_mil")
    assert [file.name for file in tmp_path.iterdir()] == ["index.html"]
    assert (tmp_path / "index.html").read_text(encoding="utf-8") == "earlier"
