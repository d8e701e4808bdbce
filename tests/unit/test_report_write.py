"""The report: what it says, what it never says, and that nothing from outside can act on its reader."""

from __future__ import annotations

import base64
import hashlib
import html as html_module
import os
import re
import time
from datetime import date
from importlib.resources import files
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree

import duckdb
import pytest

from basewatch.errors import BasewatchError, ConfigError
from basewatch.report import base_data, sentences, write
from basewatch.report.data import ReportError
from basewatch.warehouse import models
from unit import report_fixture
from unit.page_reader import Reader

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


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report_fixture.full(tmp_path_factory.mktemp("full") / "basewatch.duckdb")


def written(database: Path, bases: list[str] | None = None, fleet: str = "ru_mil", **more: Any) -> dict[str, str]:
    """The pages of a database by their names."""
    return dict(write.pages(database, bases=bases or [], fleet=fleet, **more))


@pytest.fixture(scope="module")
def pages(full: Path) -> dict[str, str]:
    return written(full, gate_page="../quality/gates.html", licences=LICENCES)


@pytest.fixture(scope="module")
def index(pages: dict[str, str]) -> str:
    return pages["index.html"]


@pytest.fixture(scope="module")
def page(pages: dict[str, str]) -> str:
    """Hmeimim's."""
    return pages["bases/hmeimim.html"]


@pytest.fixture(scope="module", params=["index.html", "bases/hmeimim.html", "bases/o-brien.html", "bases/tartus.html"])
def any_page(request: pytest.FixtureRequest, pages: dict[str, str]) -> str:
    found: str = pages[request.param]
    return found


def section(page: str, name: str) -> Reader:
    """The section of the page whose heading has this id."""
    start = page.index(f'<section aria-labelledby="{name}"')
    return Reader(page[start : page.index("</section>", start) + len("</section>")])


def test_every_free_column_may_hold_markup_and_none_of_it_acts(any_page: str) -> None:
    reader = Reader(any_page)
    assert reader.faults == []
    assert reader.open == []
    names = {name for name, _ in reader.tags}
    assert names.isdisjoint({"iframe", "object", "embed", "form", "base", "img", "foreignobject"})
    attributes = {key for _, values in reader.tags for key in values}
    assert not {key for key in attributes if key.startswith("on")}
    assert attributes.isdisjoint({"src", "srcset", "action", "xlink:href"})
    assert report_fixture.SCRIPT not in any_page
    assert report_fixture.RLO not in any_page


def test_hostile_text_is_shown_as_text(pages: dict[str, str]) -> None:
    for name in ("index.html", "bases/hmeimim.html", "bases/o-brien.html"):
        assert report_fixture.SCRIPT in Reader(pages[name]).words, name
        assert "⟨U+202E⟩evil" in pages[name], name


def test_only_our_own_script_may_run(any_page: str) -> None:
    (script,) = re.findall(r"<script>(.*?)</script>", any_page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    held = Reader(any_page).all("meta")
    policy = next(a["content"] for a in held if a.get("http-equiv") == "Content-Security-Policy")
    assert policy == (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'; "
        "form-action 'none'"
    )


def test_links_lead_to_the_web_or_between_the_pages_and_open_without_a_hold_on_them(pages: dict[str, str]) -> None:
    outside = []
    for name, text in pages.items():
        folder = PurePosixPath(name).parent
        for attributes in Reader(text).all("a"):
            href = attributes["href"] or ""
            if href == "../quality/gates.html":
                continue
            if href.startswith("data:"):
                assert re.fullmatch(r"data:(image/svg\+xml|text/csv;charset=utf-8);base64,[A-Za-z0-9+/=]+", href)
                assert "download" in attributes
            elif href.startswith("http"):
                outside.append(href)
                assert re.match(r"https?://[^\s\"'<>]+$", href), href
                assert "noopener" in (attributes["rel"] or "")
            else:
                target, _, place = href.partition("#")
                to = os.path.normpath(folder / target) if target else name
                assert to in pages, href
                assert not place or f'id="{place}"' in pages[to], href
    assert "https://example.org/flight/2" in outside
    assert "https://outlet0.example/story" in outside
    assert not [href for href in outside if "user@" in href or "<" in href]


def test_nothing_is_loaded(any_page: str) -> None:
    assert [a["href"] for a in Reader(any_page).all("link")] == ["data:,"]
    style = any_page[any_page.index("<style>") : any_page.index("</style>")]
    assert "@import" not in style
    assert set(re.findall(r"url\(([^)]*)\)", style)) == {"#hatch", "#cross", "#dots"}


def test_the_index_names_release_date_fleet_and_every_base_by_country(index: str) -> None:
    head = Reader(index[index.index('<header class="top">') : index.index("</header>")]).words
    assert "2025-11-16T051500Z" in head
    assert "As of 2025-11-15" in head
    assert "2025-11-16 05:15 UTC" in head
    assert "Russian military and state transport" in head
    assert sentences.CAVEAT in Reader(index).words
    bases = section(index, "bases").words
    assert bases.index("Syria") < bases.index("Hmeimim Air Base") < bases.index("No country stated")
    assert "16 visits to Hmeimim Air Base are on record from 2025-04-27 to 2025-10-23" in bases
    assert "Tartus" in bases and "What happened at Tartus is not known: nobody looked" in bases
    assert "Watched too, with nothing on record: 1 base" in bases and "Idle" in bases


def test_a_finding_is_the_title_and_the_answer_stands_in_words(page: str) -> None:
    (title,) = re.findall(r"<h1>(.*?)</h1>", page)
    assert Reader(title).words == (
        "SIMULATED: 16 visits to Hmeimim Air Base are on record from 2025-04-27 to 2025-10-23, when the press had no "
        "flights"
    )
    shown = section(page, "answer").words
    for sentence in (
        "Last recorded visit: 2025-11-04 (IL76 RA-82037, confidence 4 of 4); 37 visits on record in all.",
        "Simulated, so never happened: 1 of these 37.",
        "Longest spell with no visit: 45 days, 2025-01-17 to 2025-03-02; a pause: well observed, and longer than "
        "chance explains (p 0.0031).",
        "No visit since 2025-11-04 up to 2025-11-15: 11 days, 2025-11-05 to 2025-11-15, still going on; not judged: "
        "too few earlier visits to say what is usual here.",
        "The press on Hmeimim Air Base: no flights, 2025-04-27 to 2025-10-23: contradicted.",
        "441 days are on record.",
        "On 159 days other traffic proves that the field could be seen.",
        "On 181 days the lists of flights are complete, but no other traffic was heard that would prove that the field "
        "could be seen.",
        "On 92 days nobody looked, or not at the whole day.",
    ):
        assert sentence.replace("\u00a0", " ") in shown.replace("\u00a0", " ")


def test_simulated_data_carry_a_banner_and_real_ones_none(tmp_path: Path, index: str, page: str) -> None:
    assert "Simulated data." in index
    assert "Simulated data" in page and '<span class="tag">simulated</span>' in page
    plain = report_fixture.create(tmp_path / "plain.duckdb")
    report_fixture.insert(
        plain, "source_days", [{"source": "flight_files", "scope": "global", "day": report_fixture.AS_OF}]
    )
    assert "Simulated data." not in written(plain)["index.html"]
    report_fixture.insert(
        plain, "source_days", [{"source": "sample_flights", "scope": "global", "day": report_fixture.AS_OF}]
    )
    sampled = written(plain)["index.html"]
    assert "Sample data." in sampled
    assert "Simulated data." not in sampled


def test_unknown_months_are_words_in_the_table_and_never_noughts(page: str) -> None:
    rows = dict(re.findall(r'<tr data-key="(\d{4}-\d\d)-01">(.*?)</tr>', page))
    assert rows["2024-09"].count('<span class="unknown-word">unknown</span>') == 3
    assert rows["2025-02"].startswith('<th scope="row">2025-02</th><td>0</td><td>–</td><td>0</td><td>0</td>')
    assert "quiet" in rows["2025-02"]
    assert "<td>≥ 1</td>" in rows["2025-05"]
    assert "(not ended)" in page


def test_confidence_1_stands_apart_and_civil_traffic_is_another_fleet(page: str) -> None:
    base = page[page.index('id="visits"') :]
    counted, apart = base[: base.index('id="weak"')], base[base.index('id="weak"') :]
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
    assert found[0].count("<tr ") == 12
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
    press = str(page[page.index('id="press"') : page.index('id="coverage"')])
    assert "8 mentions in 4 stories" in press
    assert press.count("Russian cargo jets return") == 1
    assert "5 (5)" in press
    assert "seen, not dated" in press
    assert "Outside the dates of the chart lie 1 more day with a mention." in page


def test_freshness_counts_source_days(index: str) -> None:
    shown = section(index, "sources").words
    assert "flight_files 2025-11-12 3 days 17 0 3 0 0 0 60 0 2025-11-15 12:00 timed out reading" in shown
    assert "simulated_archive simulated simulated_archive never – 0 20" in shown


def test_checks_are_those_of_the_run_behind_the_release(index: str) -> None:
    shown = section(index, "checks").words
    assert "1 of 2 checks passed; 0 critical and 1 of lesser weight failed." in shown
    assert "of an earlier run" not in shown
    assert "✕ failed" in shown
    assert 'href="../quality/gates.html"' in index


def test_licences_of_what_was_used_come_first_and_gaps_are_named(index: str) -> None:
    shown = section(index, "licences").words
    assert shown.index("Flight records of one's own") < shown.index("Another <b>source</b>")
    assert "No licence is on file for: articles, press_flights, simulated_archive" in shown


def test_an_older_release_can_be_named(full: Path) -> None:
    older = written(full, ["hmeimim"], release_id="2025-11-15T051500Z")["index.html"]
    assert "2025-11-15T051500Z" in older
    assert "2025-11-16T051500Z" not in older
    assert "of an earlier run" in older


def test_headings_descend_one_step_at_a_time(any_page: str) -> None:
    reader = Reader(any_page)
    levels = [int(tag[1]) for tag, _ in reader.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_landmarks_language_and_skip_link(any_page: str) -> None:
    reader = Reader(any_page)
    assert reader.all("html") == [{"lang": "en"}]
    for landmark in ("header", "main", "nav", "footer"):
        assert len(reader.all(landmark)) == 1
    assert reader.all("a")[0] == {"class": "skip", "href": "#main"}
    ids = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for part in reader.all("section") + reader.all("article"):
        assert part["aria-labelledby"] in ids


def test_tables_have_captions_and_scopes(pages: dict[str, str]) -> None:
    tables = [table for page in pages.values() for table in re.findall(r"<table.*?</table>", page, re.DOTALL)]
    assert len(tables) > 8
    for table in tables:
        assert "<caption>" in table
        assert table.count("<th ") == table.count('scope="col"') + table.count('scope="row"')
        assert all(row.count('scope="row"') == 1 for row in re.findall(r"<tr[ >].*?</tr>", table.split("<tbody>")[1]))
    for page in pages.values():
        for attributes in Reader(page).all("div"):
            if "scroll" in (attributes.get("class") or ""):
                assert attributes["tabindex"] == "0"
                assert attributes["role"] == "region"
                assert attributes["aria-label"]


def test_charts_have_names_a_source_and_files_that_stand_alone(page: str) -> None:
    found = re.findall(r'<svg class="chart".*?</svg>', page, re.DOTALL)
    assert len(found) == 3
    for chart in found:
        tree = ElementTree.fromstring(chart)
        assert tree.attrib["role"] == "img"
        title, desc = tree[0], tree[1]
        assert (title.tag, desc.tag) == ("title", "desc")
        assert f"{title.attrib['id']} {desc.attrib['id']}" == tree.attrib["aria-labelledby"]
        assert title.text
        assert desc.text
    assert page.count("<summary>The same as a table") == 1
    figures = re.findall(r"<figure.*?</figure>", page, re.DOTALL)
    assert len(figures) == 3
    for figure in figures:
        assert "Source: " in figure and "2025-11-16T051500Z" in figure
        (identity,) = re.findall(r'<figure id="([a-z-]+)"', figure)
        assert f'href="#{identity}"' in figure
        drawing, table = (base64.b64decode(held).decode() for held in re.findall(r'base64,([^"]+)"', figure))
        assert ElementTree.fromstring(drawing).tag == "{http://www.w3.org/2000/svg}svg" and "var(" not in drawing
        assert "SIMULATED" in drawing and len(table.splitlines()) > 2


def test_the_claimed_pause_is_a_bracket_with_the_visits_inside_it(page: str) -> None:
    chart = re.search(r'<svg class="chart"[^>]*aria-labelledby="bars-t.*?</svg>', page, re.DOTALL)
    assert chart
    tree = ElementTree.fromstring(chart[0])
    brackets = [part for part in tree.iter() if part.attrib.get("class", "").startswith("bracket")]
    assert brackets[-1].attrib["class"] == "bracket contradicted"
    assert (brackets[-1][0].text or "").endswith(
        "no flights 2025-04-27 to 2025-10-23. Contradicted: 16 visits on record in it"
    )
    (marks,) = [part.attrib["d"] for part in tree.iter() if part.attrib.get("class") == "hit"]
    assert marks.count("M") == 6  # days from 2025-05-20 to 2025-10-17 with a visit


def test_how_often_what_is_read_and_inferred_is_right_is_said(tmp_path: Path, index: str) -> None:
    assert 'id="accuracy"' not in index, "nothing was measured"
    database = report_fixture.create(tmp_path / "accuracy.duckdb")
    report_fixture.insert(database, "bases", [{"base_id": "b", "name": "B"}])
    report_fixture.insert(database, "news_mentions", [{"mention_id": "m", "base_id": "b"}])
    measured = [
        ("stay", "all", 30),
        ("stay", "b", 10),
        ("stay", "b", 2),
        ("news_base", "all", 200),
        ("claim", "all", 7),
    ]
    rows = [
        {"subject": subject, "base_id": base, "evidence": f"e{hidden}", "height_band": "none", "hidden": hidden,
         "found": hidden - 2, "wrong": 1, "missed": 2, "is_pooled": False}
        for subject, base, hidden in measured
    ]  # fmt: skip
    report_fixture.insert(database, "accuracy", rows)
    band = {"subject": "stay", "base_id": "b", "band": 0.8, "said": 0.846, "right": 0.9, "cases": 10}
    report_fixture.insert(database, "accuracy_bands", [band, band | {"base_id": "all", "band": 0.1}])
    shown = written(database, fleet="f")
    told = section(shown["index.html"], "accuracy").words
    assert "Of 30 stays that were heard and then hidden, 28 were found again" in told
    assert "Of 200 names of bases in labelled texts, 198" in told and "Of 7 claims in labelled texts, 5" in told
    own = section(shown["bases/b.html"], "coverage").words
    assert "Of 12 stays that were heard and then hidden, 8 were found again; 2 silences would have" in own
    assert "Probability from Stays Said, in 100 Right, in 100 0.8 10 85 90" in " ".join(own.split())


def test_what_no_map_can_show_is_said_in_words(page: str) -> None:
    routes = section(page, "routes").words
    assert "Named by the records, and on no map: UUMU (37 came from it, 0 left for it)." in routes
    assert "Of 37 visits nothing is on record of where 0 came from, and of where 37 left for." in routes


def test_charts_credit_whoever_recorded_any_visit_by_the_name_that_people_know(tmp_path: Path) -> None:
    database = report_fixture.create(tmp_path / "credit.duckdb")
    report_fixture.insert(database, "bases", [{"base_id": "b", "name": "B"}])
    report_fixture.insert(database, "fleets", [{"fleet_id": "f"}])
    day = report_fixture.AS_OF
    own = {"fleets": ["f"], "evidence": ["flightradar24:1"]}
    shown = [report_fixture.visit(number, day, "b", **own) for number in range(base_data.VISITS_MAX)]
    earlier = {"fleets": ["f"], "sources": ["readsb_archive"], "evidence": ["trace 15501b 2024-03-10 (adsblol)"]}
    shown.append(report_fixture.visit(900, date(2024, 3, 10), "b", **earlier))
    shown.append(report_fixture.visit(901, date(2024, 3, 9), "b", **(earlier | {"sources": ["feeds"], "evidence": []})))
    report_fixture.insert(database, "base_visits", shown)
    terms = dict.fromkeys(("title", "url", "licence", "licence_url", "attribution"))
    own_names = {"flight_files": "own flight lists", "feeds": "news feeds"}
    named = [{**terms, "source": code, "provider": name} for code, name in own_names.items()]
    page = Reader(written(database, fleet="f", licences=named)["bases/b.html"]).words
    assert "Source: Flightradar24, adsb.lol, news feeds." in page
    assert "flight_files" not in page


def test_fields_of_which_the_position_is_known_are_on_a_map(full: Path) -> None:
    field = {"ident": "UUMU", "icao": "UUMU", "name": "Chkalovsky", "latitude": 55.88, "longitude": 38.06}
    page = written(full, ["hmeimim"], fields=[field])["bases/hmeimim.html"]
    (chart,) = re.findall(r'<svg class="chart"[^>]*aria-labelledby="map-t.*?</svg>', page, re.DOTALL)
    tree = ElementTree.fromstring(chart)
    assert "Chkalovsky: 37 came from it, 0 left for it" in (tree[1].text or "")
    (dot,) = [part for part in tree.iter() if part.attrib.get("class") == "field"]
    assert float(dot.attrib["cy"]) < 230, "north is up"
    assert "on no map" not in page


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
    database = report_fixture.large(tmp_path / "large.duckdb", bases=30)
    started = time.process_time()  # the machine may be busy with other things
    shown = written(database)
    assert time.process_time() - started < 15
    assert len(shown) == 31, "a page a base, however many there are"
    assert max(len(page.encode()) for page in shown.values()) < 1_000_000
    page = shown["bases/b000.html"]
    cuts = re.findall(r'<p class="cut">(\d+) of (\d+) ([a-z ]+) shown\..*?<code>(.*?)</code>', page)
    assert {what for _, _, what, _ in cuts} == {"visits", "spells", "runs", "stories"}
    with duckdb.connect(str(database), read_only=True) as connection:
        for _, total, what, query in cuts:
            rows = connection.execute(html_module.unescape(query)).fetchall()
            assert what in ("stories", "runs") or len(rows) == int(total)


def test_named_bases_alone_are_shown(full: Path) -> None:
    shown = written(full, ["idle", "idle"], "all")
    assert set(shown) == {"index.html", "bases/idle.html"}
    assert "Watched too" not in shown["index.html"]
    assert "No visit of any aircraft is on record." in Reader(shown["bases/idle.html"]).words


def test_empty_tables_give_a_page(tmp_path: Path) -> None:
    shown = written(report_fixture.create(tmp_path / "empty.duckdb"))["index.html"]
    assert Reader(shown).faults == []
    assert "No base of this release has a visit or a mention." in shown
    assert "The ledger is empty" in shown
    assert sentences.CAVEAT in shown


def test_nulls_everywhere_give_a_page(tmp_path: Path) -> None:
    pages = written(report_fixture.nulls(tmp_path / "nulls.duckdb"), fleet="f")
    assert "1 visit of f on record, without a date." in Reader(pages["bases/b.html"]).words
    for page in pages.values():
        reader = Reader(page)
        assert reader.faults == []
        assert " None" not in reader.words
        assert "nan" not in reader.words.lower().split()


def test_the_published_tables_have_every_column_that_the_page_reads(tmp_path: Path) -> None:
    folder = files("basewatch.sql.marts")
    published = {
        name: models.parse("marts", name, folder.joinpath(f"{name}.sql").read_text(encoding="utf-8")).ddl
        for name in report_fixture.TABLES
        if folder.joinpath(f"{name}.sql").is_file()
    }
    if not published:
        pytest.skip("no published model is in this tree")
    database = report_fixture.create(tmp_path / "published.duckdb", published)
    assert "No base of this release" in written(database, fleet="all")["index.html"]
    report_fixture.insert(database, "bases", [{"base_id": "b"}])
    assert "<h1>" in written(database, ["b"], "all")["bases/b.html"]


def test_the_same_rows_in_another_order_give_the_same_bytes(tmp_path: Path, full: Path) -> None:
    first = write.report(full, tmp_path / "one", bases=[], fleet="ru_mil", licences=LICENCES)
    shuffled = tmp_path / "shuffled.duckdb"
    with duckdb.connect(str(shuffled)) as connection:
        connection.execute(f"ATTACH '{full}' AS origin (READ_ONLY)")
        for table in report_fixture.TABLES:
            connection.execute(
                f"CREATE TABLE {table} AS FROM origin.{table} ORDER BY hash({table}::VARCHAR), rowid DESC"
            )
    second = write.report(shuffled, tmp_path / "two", bases=[], fleet="ru_mil", licences=list(reversed(LICENCES)))
    names = sorted(str(file.relative_to(first.parent)) for file in first.parent.rglob("*.html"))
    assert names == ["bases/hmeimim.html", "bases/o-brien.html", "bases/tartus.html", "index.html"]
    for name in names:
        assert (first.parent / name).read_bytes() == (second.parent / name).read_bytes(), name
    assert first == tmp_path / "one" / "index.html"


def test_pages_of_bases_that_are_shown_no_more_go_and_files_of_others_stay(full: Path, tmp_path: Path) -> None:
    write.report(full, tmp_path, bases=[], fleet="ru_mil")
    (tmp_path / "bases" / "own.html").write_text("somebody's", encoding="utf-8")
    write.report(full, tmp_path, bases=["tartus"], fleet="ru_mil")
    assert sorted(file.name for file in (tmp_path / "bases").iterdir()) == ["own.html", "tartus.html"]


def test_bases_and_fleets_that_are_not_there_are_named(full: Path) -> None:
    with pytest.raises(ConfigError, match=r"report\.bases: this release has no base nowhere; .*hmeimim"):
        written(full, ["hmeimim", "nowhere"])
    with pytest.raises(ConfigError, match=r"report\.fleet: this release has no fleet nobody; .*all, ru_mil"):
        written(full, fleet="nobody")


def test_a_file_that_is_no_release_is_refused(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "other.duckdb")) as connection:
        connection.execute("CREATE TABLE bases (base_id VARCHAR)")
    for file in ("other.duckdb", "absent.duckdb"):
        with pytest.raises(ReportError, match=file) as raised:
            written(tmp_path / file, fleet="all")
        assert isinstance(raised.value, BasewatchError)
    assert not (tmp_path / "absent.duckdb").exists()


@pytest.mark.parametrize("gate_page", ["https://example.org/", "javascript:alert(1)", "/etc/passwd", "//host/x", "\\x"])
def test_the_gate_page_is_a_neighbour(full: Path, gate_page: str) -> None:
    with pytest.raises(ValueError, match="relative path"):
        written(full, gate_page=gate_page)


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
