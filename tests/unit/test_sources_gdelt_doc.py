"""The DOC API over real HTTP: names within its limits, windows cut in halves, errors at status 200, outages told."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from basewatch.errors import SourceError
from basewatch.net import providers
from basewatch.sources import gdelt, gdelt_doc
from basewatch.sources.contract import Context
from server import setup
from server.core import FakeClock, Reply, Request, serving
from server.news import Doc, Story

NOW = datetime(2026, 10, 2, 5, 15, tzinfo=UTC)
DAY = "2026-10-01"
T = setup.at
BODY = "Cargo aircraft landed at the Khmeimim air base on Thursday."

STORIES = [
    Story("https://tass.com/defense/1", "Il-76 lands at Hmeimim air base", T("2026-10-01 12:00"), BODY),
    Story("https://www.kommersant.ru/doc/2", "Борт приземлился в Сирии", T("2026-10-01 12:15"), BODY, "Russian"),
    Story("https://example.org/khmeimim-traffic", "Traffic in Syria", T("2026-10-01 09:30"), BODY, "English", "US"),
    Story("https://example.org/budget", "Budget passed", T("2026-10-01 09:30"), "A budget was passed."),
    Story("https://example.org/old", "Hmeimim in September", T("2026-09-30 23:45"), BODY),
]


@dataclass
class World:
    """A provider, a clock, and a way to fetch."""

    provider: Doc
    clock: FakeClock
    folder: Path

    def context(self, now: datetime = NOW, **changes: Any) -> Context:
        values = {
            "location": f"{self.provider.host.url}{Doc.PATH}",
            "bases": ["hmeimim"],
            "totals": ["english", "russian"],
            **changes,
        }
        return setup.context(setup.settings(self.folder, gdelt_doc=values), now, "gdelt_doc")

    def decode(self, day: str = DAY, **changes: Any) -> setup.Decoded:
        about = self.context(**changes)
        return setup.Decoded(gdelt_doc.fetch(setup.window("gdelt_doc", day), about), about)

    def searches(self) -> list[Request]:
        return [request for request in self.provider.host.asked() if request.one("mode") == "ArtList"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with setup.virtual_time(NOW) as clock:
        provider = Doc(clock.time, list(STORIES))
        with serving(provider.host):
            yield World(provider, clock, tmp_path)
    assert provider.host.violations == []


def articles(got: setup.Decoded) -> list[tuple[Any, ...]]:
    """(address, language, title) of the articles, by address."""
    return sorted((row["url"], row["language"], row["title"]) for row in got.table("news_articles"))


def test_a_day_s_articles_are_those_whose_text_holds_a_strong_name(world: World) -> None:
    got = world.decode()
    assert articles(got) == [
        ("https://example.org/khmeimim-traffic", "en", "Traffic in Syria"),
        ("https://tass.com/defense/1", "en", "Il-76 lands at Hmeimim air base"),
        ("https://www.kommersant.ru/doc/2", "ru", "Борт приземлился в Сирии"),
    ]
    assert {str(row["day"]) for row in got.table("news_articles")} == {DAY}
    assert {row["published_basis"] for row in got.table("news_articles")} == {"seen"}
    assert got.status() == {("base:hmeimim", DAY): "ok", ("global", DAY): "ok"}
    assert got.day("base:hmeimim", DAY).records_kept == 3
    assert got.rejects == []


def test_a_mention_says_whether_title_address_or_search_found_the_base(world: World) -> None:
    got = world.decode()
    urls = {row["article_id"]: row["url"] for row in got.table("news_articles")}
    found = {
        urls[row["article_id"]]: (row["base_id"], row["matched_alias"], row["alias_strength"], row["matched_by"])
        for row in got.table("news_mentions")
    }
    searched = gdelt_doc.names("hmeimim", world.context())
    assert found["https://tass.com/defense/1"][1:] == ("Hmeimim", "strong", "name")
    assert found["https://example.org/khmeimim-traffic"][1:] == ("Khmeimim", "strong", "query")
    base, alias, strength, by = found["https://www.kommersant.ru/doc/2"]
    assert (base, strength, by) == ("hmeimim", "strong", "query")
    assert alias in searched
    by_url = {urls[row["article_id"]]: row for row in got.table("news_mentions")}
    assert by_url["https://tass.com/defense/1"]["verb_strength"] == "landed"
    assert by_url["https://tass.com/defense/1"]["claimed_types"] == ["IL76"]
    assert by_url["https://www.kommersant.ru/doc/2"]["verb_strength"] is None  # its text was never read


def test_names_fit_the_api_s_limits_and_none_holds_another(world: World) -> None:
    phrases = gdelt_doc.names("hmeimim", world.context())
    assert {"Hmeimim", "Khmeimim", "Bassel al-Assad Airport"} <= set(phrases)
    assert "Latakia" not in phrases
    assert not any("Hmeimim" in phrase and phrase != "Hmeimim" for phrase in phrases)
    asked = gdelt_doc.queries(phrases)
    assert len(asked) > 1
    assert all(len(query) <= providers.due("gdelt_doc", "query_characters") for query in asked)
    assert [phrase for query in asked for phrase in query.strip("()").replace('"', "").split(" OR ")] == phrases
    assert gdelt_doc.queries(["Hmeimim"]) == ['"Hmeimim"']  # parentheses around one term are refused


def test_names_of_another_language_are_searched_for_where_they_are_wanted(world: World) -> None:
    phrases = gdelt_doc.names("hmeimim", world.context(languages=["ru"]))
    assert "Хмеймим" in phrases
    assert "Hmeimim" not in phrases


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"bases": []}, r"set sources\.gdelt_doc\.bases"),
        ({"bases": ["nowhere"]}, r"'nowhere' not in bases\.csv"),
        ({"bases": ["hmeimim", "gelendzhik"]}, r"gelendzhik has no strong name in en"),
    ],
)
def test_what_cannot_be_searched_for_is_an_error_that_says_what_to_do(
    world: World, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(SourceError, match=said):
        world.decode(**changes)
    assert world.provider.host.log == []


def test_a_day_that_has_just_ended_is_late_and_costs_nothing(world: World) -> None:
    got = world.decode(now=T("2026-10-02 00:30"))
    assert got.status() == {("base:hmeimim", DAY): "late", ("global", DAY): "late"}
    assert world.provider.host.log == []


def test_a_day_without_articles_is_empty(world: World) -> None:
    world.provider.stories = [STORIES[3], replace(STORIES[3], language="Russian")]
    got = world.decode()
    assert got.status() == {("base:hmeimim", DAY): "empty", ("global", DAY): "empty"}
    assert got.table("news_articles") == []


def many(number: int, start: str, minutes: int) -> list[Story]:
    """So many articles over so many minutes."""
    first, step = T(start), timedelta(minutes=minutes) / number
    return [
        Story(f"https://many.example/{start[8:10]}-{start[11:13]}/{n}", "Hmeimim again", first + n * step, BODY)
        for n in range(number)
    ]


def test_a_full_answer_is_asked_for_again_in_halves_until_none_is_full(world: World) -> None:
    world.provider.stories = [*STORIES, *many(400, "2026-10-01 06:00", 60), *many(249, "2026-10-01 18:00", 300)]
    got = world.decode()
    assert len(got.table("news_articles")) == 652
    assert got.status()["global", DAY] == "ok"
    spans = {(request.one("startdatetime"), request.one("enddatetime")) for request in world.searches()}
    assert ("20261001000000", "20261001235959") in spans
    assert ("20261001060000", "20261001064459") in spans
    assert all(request.one("maxrecords") == "250" for request in world.searches())


def test_a_quarter_hour_that_holds_more_than_an_answer_makes_the_day_partial(world: World) -> None:
    world.provider.stories = many(300, "2026-10-01 06:01", 10)
    got = world.decode()
    assert len(got.table("news_articles")) == 250
    assert got.status() == {("base:hmeimim", DAY): "partial", ("global", DAY): "partial"}
    assert "06:00-06:14 has more than the 250 articles" in (got.day("base:hmeimim", DAY).error or "")


def test_requests_keep_five_seconds_apart(world: World) -> None:
    world.decode()
    times = [entry.request.at for entry in world.provider.host.log]
    assert len(times) >= 4
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) >= 5


def test_a_refusal_for_haste_is_waited_out_for_a_minute_then_two(world: World) -> None:
    clean = articles(world.decode())
    again = World(world.provider, world.clock, world.folder / "again")
    world.provider.sulks_until, world.provider.penalty_seconds = world.clock.time() + 70, 100
    world.clock.slept.clear()
    assert articles(again.decode()) == clean
    assert world.provider.host.statuses().count(429) == 2
    assert [slept for slept in world.clock.slept if slept >= 60] == [60, 120]


def test_the_same_refusal_at_status_200_is_the_same(world: World) -> None:
    world.provider.host.text(Doc.LIMITED.decode(), times=1)
    assert len(articles(world.decode())) == 3
    assert max(world.clock.slept) == 60


def test_a_refusal_that_goes_on_stops_the_asking_and_fails_the_day(world: World) -> None:
    world.provider.host.too_many(times=99)
    with pytest.raises(SourceError, match="answered 429 with the text 'slow down'") as caught:
        world.decode(attempts=3)
    assert caught.value.retryable
    assert len(world.provider.host.log) == 3
    assert [slept for slept in world.clock.slept if slept >= 60] == [60, 120]


def test_an_html_page_or_broken_json_is_asked_for_again(world: World) -> None:
    clean = articles(world.decode())
    again = World(world.provider, world.clock, world.folder / "again")
    world.provider.host.html("Service busy")
    world.provider.host.fault(lambda _, right: replace(right, body=right.body[:40]))
    world.provider.host.broken(502)
    assert articles(again.decode()) == clean


def test_html_all_the_way_fails_with_what_it_was(world: World) -> None:
    world.provider.host.html("Service busy", times=99)
    with pytest.raises(SourceError, match="an HTML page titled 'Service busy' where JSON is due") as caught:
        world.decode(attempts=2)
    assert caught.value.retryable


def test_a_query_that_the_api_does_not_take_fails_its_base_alone(world: World) -> None:
    said = "Your query was too short or too long."
    world.provider.host.text(said, times=99, when=lambda request: "Engels" in (request.one("query") or ""))
    got = world.decode(bases=["engels", "hmeimim"])
    assert got.status() == {("base:engels", DAY): "failed", ("base:hmeimim", DAY): "ok", ("global", DAY): "partial"}
    assert "too short or too long" in (got.day("base:engels", DAY).error or "")
    engels = [r for r in world.searches() if "Engels" in (r.one("query") or "")]
    assert len(engels) == len(gdelt_doc.queries(gdelt_doc.names("engels", world.context())))  # none was repeated


def test_what_was_had_is_not_asked_for_again_when_the_day_is_tried_again(world: World) -> None:
    clean = world.decode(bases=["engels", "hmeimim"])
    first = World(world.provider, world.clock, world.folder / "again")
    last = gdelt_doc.queries(gdelt_doc.names("hmeimim", world.context()))[-1]
    world.provider.host.text("busy", times=2, when=lambda request: request.one("query") == last)
    broken = first.decode(bases=["engels", "hmeimim"], attempts=2)
    assert broken.status()["base:hmeimim", DAY] == "partial"
    before = len(world.provider.host.log)
    healed = first.decode(bases=["engels", "hmeimim"])
    assert len(world.provider.host.log) == before + 1
    assert [event.data for event in healed.rows] == [event.data for event in clean.rows]
    assert healed.status() == clean.status()


def test_invalid_json_is_read_as_far_as_it_can_be(world: World) -> None:
    def spoil(request: Request, right: Reply) -> Reply:
        return replace(right, body=right.body.replace(b"Il-76 lands", b"Il-76 \\'lands\\' \\\\ \x01 at\\x20"))

    world.provider.host.fault(spoil, times=99)
    titles = {title for _, _, title in articles(world.decode())}
    assert "Il-76 \\'lands\\' \\ \x01 at\\x20 at Hmeimim air base" in titles
    assert gdelt.loads(b'\xef\xbb\xbf{"a": "\\d \\" \\\\ \\u00e9"}') == {"a": '\\d " \\ é'}
    with pytest.raises(ValueError, match="Expecting"):
        gdelt.loads(b'{"a": ')


def test_titles_lose_entities_and_spaces_before_commas() -> None:
    assert gdelt.title("Syria , Russia &amp;amp; &#x2013; what next ?") == "Syria, Russia & – what next?"
    assert gdelt.title("  ") is None
    assert gdelt.title(None) is None


def test_an_article_without_address_or_time_is_rejected_and_counted(world: World) -> None:
    bad = [{"url": "javascript:alert(1)", "seendate": "20261001T120000Z"}, {"url": "https://a.example/"}, "text"]

    def spoil(_: Request, right: Reply) -> Reply:
        listed = json.loads(right.body).get("articles", [])
        return replace(right, body=json.dumps({"articles": [*listed, *bad]}).encode())

    world.provider.host.fault(spoil, times=1)
    got = world.decode()
    assert len(got.table("news_articles")) == 3
    assert [reject.reason for reject in got.rejects] == ["no address or no time"] * 3
    assert got.day("base:hmeimim", DAY).records_rejected == 3
    assert got.status()["base:hmeimim", DAY] == "partial"  # three of six


def test_one_article_about_two_bases_is_one_row_with_two_mentions(world: World) -> None:
    both = "From Hmeimim to the Engels air base."
    world.provider.stories = [Story("https://a.example/1", "Two bases", T("2026-10-01 10:00"), both)]
    got = world.decode(bases=["hmeimim", "engels"])
    assert len(got.table("news_articles")) == 1
    assert sorted(row["base_id"] for row in got.table("news_mentions")) == ["engels", "hmeimim"]


def test_the_order_of_bases_and_of_answers_does_not_matter(world: World) -> None:
    world.provider.stories += [replace(STORIES[0], seen_at=T("2026-10-01 11:00"), title="Same page, seen before")]
    one = world.decode(bases=["hmeimim", "engels"])
    world.provider.stories.reverse()
    other = World(world.provider, world.clock, world.folder / "other").decode(bases=["engels", "hmeimim"])

    def facts(got: setup.Decoded) -> list[dict[str, Any]]:
        return [{**row, "origin_file": None} for row in got.table("news_articles")]

    assert facts(one) == facts(other)
    assert "Same page, seen before" in {row["title"] for row in facts(one)}


# ---- totals


def test_totals_count_all_articles_by_language_and_quarter_hour(world: World) -> None:
    rows = world.decode().table("news_totals")
    assert len(rows) == 3 * 96
    by_series = {(row["series"], row["language"]) for row in rows}
    assert by_series == {("doc", "en"), ("doc", "ru"), ("doc_all", None)}
    english = [row for row in rows if row["language"] == "en"]
    assert sum(row["articles"] for row in english) == 3
    assert {row["articles"] for row in rows if row["series"] == "doc_all"} == {4000}
    assert english[0]["slot_at"] == T("2026-10-01 00:00")


def test_quarter_hours_without_any_article_make_the_day_partial_until_they_heal(world: World) -> None:
    world.provider.dead_steps = {"20261001T030000Z", "20261001T031500Z"}
    got = world.decode()
    assert got.status() == {("base:hmeimim", DAY): "partial", ("global", DAY): "partial"}
    assert got.day("global", DAY).error == ("GDELT monitored nothing in 2 of 96 quarter-hours (03:00, 03:15)")
    world.provider.dead_steps = set()
    assert world.decode().status() == {("base:hmeimim", DAY): "ok", ("global", DAY): "ok"}


def test_totals_that_cannot_be_had_leave_the_day_as_it_is(world: World) -> None:
    world.provider.host.text("Invalid query.", times=9, when=lambda request: request.one("mode") == "TimelineVolRaw")
    got = world.decode()
    assert got.status() == {("base:hmeimim", DAY): "ok", ("global", DAY): "ok"}
    assert got.table("news_totals") == []


def test_a_language_without_articles_says_nothing_of_outages(world: World) -> None:
    got = world.decode(totals=["arabic"])
    assert got.status()["global", DAY] == "ok"
    assert got.table("news_totals") == []


# ---- replay and doctor


def test_a_landed_folder_replays_without_the_network(world: World) -> None:
    first = world.decode()
    landed = world.context().landing
    before = len(world.provider.host.log)
    again = World(world.provider, world.clock, world.folder / "replay").decode(location=str(landed))
    assert len(world.provider.host.log) == before
    assert [event.data for event in again.rows] == [event.data for event in first.rows]
    assert again.status() == first.status()


def test_doctor_says_what_a_day_costs_and_whether_the_api_answers(world: World) -> None:
    found = gdelt_doc.check(world.context())
    assert [finding.ok for finding in found] == [True, True]
    assert "s or more" in found[0].what
    assert [finding.ok for finding in gdelt_doc.check(world.context(bases=[]))] == [False]
    world.provider.host.html("Service busy", times=9)
    assert [finding.ok for finding in gdelt_doc.check(world.context())] == [True, False]


def test_each_article_says_where_in_which_answer_it_stood(world: World) -> None:
    rows = world.decode().table("news_articles")
    kept = {hashlib.sha256(file.read_bytes()).hexdigest(): file for file in world.folder.rglob("*.json")}
    assert len(rows) == 3
    for row in rows:
        file = kept[row["origin_sha256"]]
        assert file.name == row["origin_file"]
        listed = json.loads(file.read_bytes())["articles"]
        assert listed[int(row["origin_place"].removeprefix("article ")) - 1]["url"] == row["url"]


@pytest.mark.parametrize(
    "body", ['{"status": "error"}', '{"articles": null}', '{"articles": {}}', '{"timeline": []}', '{"message": "busy"}']
)
def test_json_that_is_no_list_of_articles_is_no_answer(world: World, body: str) -> None:
    world.provider.host.text(body, times=99)
    with pytest.raises(SourceError, match=r"it is neither `\{\}` nor has it a list `articles`"):
        world.decode(totals=[])


def test_json_that_was_landed_and_is_no_answer_is_asked_for_again(world: World) -> None:
    world.decode(totals=[])
    landed = [path for path in world.context().landing.rglob("*.json") if path.name != "manifest.json"]
    path = max(landed, key=lambda path: path.stat().st_size)  # the others are equal, and so are their hashes
    manifest = path.with_name("manifest.json")
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_text('{"error": "busy"}')
    after = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest.write_text(manifest.read_text().replace(before, after))
    asked = len(world.searches())
    assert world.decode(totals=[]).status()["base:hmeimim", DAY] == "ok"
    assert len(world.searches()) == asked + 1


def test_an_answer_of_other_days_alone_is_no_answer(world: World) -> None:
    article = {
        "url": "https://example.org/1",
        "title": "Hmeimim",
        "seendate": "20251231T120000Z",
        "language": "English",
    }
    world.provider.host.text(json.dumps({"articles": [article]}), times=99)
    got = world.decode(totals=[])
    assert got.status()["base:hmeimim", DAY] == "partial"
    assert {reject.reason for reject in got.rejects} == {"none of its 1 articles is of the day that was asked for"}


@pytest.mark.parametrize("timeline", [["x"], [{"data": 5}], [{"series": "a"}], [{"data": ["x"]}]])
def test_a_malformed_timeline_is_a_reject_and_the_articles_stay(world: World, timeline: list[Any]) -> None:
    world.provider.host.text(
        json.dumps({"timeline": timeline}), times=99, when=lambda request: request.one("mode") != "ArtList"
    )
    got = world.decode()
    assert got.status()["base:hmeimim", DAY] == "ok"
    assert {reject.reason.partition(":")[0] for reject in got.rejects} == {"not readable as an answer of the DOC API"}
