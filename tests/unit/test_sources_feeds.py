"""Feeds over real HTTP, night by night: what is new and when, quirks of guids, dates and encodings, polls that fail."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import itertools
import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from basewatch.errors import SourceError
from basewatch.lake import notes
from basewatch.sources import feeds
from basewatch.sources.contract import Context
from server import setup
from server.core import FakeClock, Reply, serving
from server.news import Item, Outlets, atom, rfc822, rss

FIRST = datetime(2026, 10, 2, 5, 15, tzinfo=UTC)
T = setup.at
TEXT = "An Il-76 landed at the Hmeimim air base on Thursday."

LANDING = Item("Il-76 lands at Hmeimim", "https://outlet.example/2026/10/01/il-76-a100?utm_source=rss",
               rfc822(T("2026-10-01 12:00")), "https://outlet.example/2026/10/01/il-76-a100", None, TEXT)  # fmt: skip
BUDGET = Item("Budget passed", "https://outlet.example/b", rfc822(T("2026-10-01 13:00")), "https://outlet.example/b")


@dataclass
class World:
    """Outlets, a clock, and nights."""

    outlets: Outlets
    clock: FakeClock
    folder: Path
    feeds: list[dict[str, Any]]

    def context(self, now: datetime = FIRST, **changes: Any) -> Context:
        values = {"feeds": self.feeds, "attempts": 2, **changes}
        return setup.context(setup.settings(self.folder, feeds=values), now, "feeds")

    def fetch(self, night: int = 0, day: str | None = None, **changes: Any) -> tuple[Any, Context]:
        now = FIRST + timedelta(days=night)
        about = self.context(now, **changes)
        return feeds.fetch(setup.window("feeds", day or str(now.date() - timedelta(days=1))), about), about

    def night(self, night: int = 0, day: str | None = None, **changes: Any) -> setup.Decoded:
        """What a run in that night brings for the day before (or another day)."""
        return setup.Decoded(*self.fetch(night, day, **changes))

    def put(self, *items: Item, path: str = "/rss", **more: Any) -> None:
        self.outlets.put(path, rss(list(items)), **more)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with setup.virtual_time(FIRST) as clock:
        outlets = Outlets(clock.time)
        with serving(outlets.host):
            yield World(outlets, clock, tmp_path, [{"name": "outlet", "url": f"{outlets.host.url}/rss"}])
    assert outlets.host.violations == []


def rows(got: setup.Decoded) -> list[tuple[Any, ...]]:
    """(filing day, time, basis, title) of the articles."""
    return sorted(
        (str(row["day"]), _shown(row["published_at"]), row["published_basis"], row["title"])
        for row in got.table("news_articles")
    )


def _shown(at: datetime | None) -> str | None:
    return at.strftime("%m-%d %H:%M") if at else None


def test_a_poll_s_new_items_are_filed_under_their_day_and_the_poll_under_the_day_before(world: World) -> None:
    late = Item("Il-62 at Hmeimim", "https://outlet.example/c", rfc822(T("2026-10-02 04:00")), summary=TEXT)
    world.put(LANDING, BUDGET, late)
    got = world.night()
    assert rows(got) == [
        ("2026-10-01", "10-01 12:00", "feed", "Il-76 lands at Hmeimim"),
        ("2026-10-02", "10-02 04:00", "feed", "Il-62 at Hmeimim"),
    ]
    assert {event.day for event in got.rows} == {date(2026, 10, 1)}  # all of the poll's rows stand or fall with it
    assert got.status() == {("global", "2026-10-01"): "ok"}
    day = got.day("global", "2026-10-01")
    assert (day.files, day.records_read, day.records_kept) == (1, 3, 2)
    (article, _) = got.table("news_articles")
    assert article["url"] == "https://outlet.example/2026/10/01/il-76-a100"
    assert article["seen_at"] == FIRST
    assert article["language"] == "en"
    mention = got.table("news_mentions")[0]
    assert (mention["base_id"], mention["verb_strength"]) == ("hmeimim", "landed")
    assert got.table("news_totals") == [
        {"source": "feeds", "day": date(2026, 10, 1), "series": "feed:outlet", "slot_at": FIRST, "language": None,
         "articles": 3}
    ]  # fmt: skip


def test_what_was_there_the_night_before_is_not_new(world: World) -> None:
    world.put(LANDING)
    world.night(0)
    world.put(BUDGET, LANDING)
    got = world.night(1)
    assert rows(got) == []
    assert [row["articles"] for row in got.table("news_totals")] == [1]
    assert got.status() == {("global", "2026-10-02"): "ok"}


def test_a_feed_that_has_not_changed_answers_304_and_counts_as_polled(world: World) -> None:
    world.put(LANDING)
    world.night(0)
    got = world.night(1)
    assert world.outlets.host.statuses() == [200, 304]
    assert got.status() == {("global", "2026-10-02"): "ok"}
    assert [row["articles"] for row in got.table("news_totals")] == [0]
    world.put(LANDING, BUDGET)
    assert [row["articles"] for row in world.night(2).table("news_totals")] == [1]
    assert world.outlets.host.statuses() == [200, 304, 200]


def test_last_modified_serves_where_there_is_no_etag(world: World) -> None:
    told = {"Last-Modified": "Thu, 01 Oct 2026 12:00:00 GMT"}
    world.put(LANDING, conditional=False)
    world.outlets.host.fault(lambda _, right: replace(right, headers=told))
    world.night(0)
    world.night(1)
    assert world.outlets.host.asked()[1].headers["if-modified-since"] == told["Last-Modified"]


def test_a_feed_moved_to_another_address_is_asked_for_whole(world: World) -> None:
    world.put(LANDING)
    world.put(LANDING, path="/moved")
    world.night(0)
    world.feeds[0]["url"] = f"{world.outlets.host.url}/moved"
    world.night(1)
    assert world.outlets.host.statuses() == [200, 200]


# ---- dates


def test_an_item_dated_anew_keeps_its_first_date_and_is_not_new(world: World) -> None:
    world.put(LANDING)
    first = world.night(0)
    world.put(replace(LANDING, published=rfc822(T("2026-10-02 18:00"))))
    assert rows(world.night(1)) == []
    assert rows(first) == [("2026-10-01", "10-01 12:00", "feed", "Il-76 lands at Hmeimim")]
    assert rows(world.night(1, "2026-10-01")) == rows(first)  # the earlier day told again is as it was


def test_an_item_under_a_new_title_is_a_second_version_beside_the_first(world: World) -> None:
    world.put(LANDING)
    first = world.night(0)
    world.put(replace(LANDING, title="Two Il-76s land at Hmeimim"))
    second = world.night(1)
    assert rows(second) == [("2026-10-03", "10-03 05:15", "seen", "Two Il-76s land at Hmeimim")]
    assert {row["article_id"] for row in first.table("news_articles")} == {
        row["article_id"] for row in second.table("news_articles")
    }
    assert second.table("news_totals")[0]["articles"] == 0  # it is no further article
    world.put(replace(LANDING, title="Three land at Hmeimim", published=rfc822(T("2026-10-04 01:00"))))
    assert rows(world.night(2)) == [("2026-10-04", "10-04 01:00", "feed", "Three land at Hmeimim")]
    world.put(replace(LANDING, title="Two Il-76s  LAND at Hmeimim"))
    assert rows(world.night(3)) == []  # a title that it had before


def test_two_versions_of_one_day_never_stand_under_the_same_day(world: World) -> None:
    world.put(replace(LANDING, published=rfc822(T("2026-10-02 01:00"))))
    world.night(0)
    world.put(replace(LANDING, published=rfc822(T("2026-10-02 09:00")), title="Corrected: Il-76 lands at Hmeimim"))
    assert rows(world.night(1)) == [("2026-10-03", "10-02 09:00", "feed", "Corrected: Il-76 lands at Hmeimim")]


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        (None, ("10-02 05:15", "seen")),
        ("Thu, 01 Oct 2026 17:20:00 +0300", ("10-01 14:20", "feed")),
        ("Thu, 1 Oct 26 17:20:00 GMT", ("10-01 17:20", "feed")),
        ("Thu, 01 Oct 2026 12:00:00 EST", ("10-01 17:00", "feed")),
        ("Thu, 01 Oct 2026 17:20:00", ("10-01 17:20", "feed_zone_assumed")),
        ("2026-10-01T17:20:00+02:00", ("10-01 15:20", "feed")),
        ("2026-10-01T17:20:00Z", ("10-01 17:20", "feed")),
        ("Чт, 01 окт 2026 17:20:00 +0300", ("10-01 14:20", "feed")),
        ("yesterday", (None, "unreadable")),
        ("Fri, 02 Oct 2026 17:20:00 GMT", (None, "future")),  # after the poll: wrong
        ("Thu, 01 Jan 1970 00:00:00 GMT", (None, "unreadable")),
        ("Thu, 01 Oct 2026 01:30:00 MSK", ("09-30 22:30", "feed")),
        ("Thu, 01 Oct 2026 14:00:00 EEST", ("10-01 11:00", "feed")),
        ("Thu, 01 Oct 2026 14:00:00 EET", ("10-01 12:00", "feed")),
        ("Thu, 01 Oct 2026 14:00:00 GMT+3", ("10-01 11:00", "feed")),
        ("Thu, 01 Oct 2026 14:00:00 +0300 (MSK)", ("10-01 11:00", "feed")),
        ("Thu, 01 Oct 2026 14:00:00 IST", ("10-01 08:30", "feed_zone_assumed")),
        ("Thu, 01 Oct 2026 14:00:00 XYZT", ("10-01 14:00", "feed_zone_assumed")),
        ("Oct 1, 2026 2:00 PM", ("10-01 14:00", "feed_zone_assumed")),
        ("1 Ekim 2026 14:00 +0300", ("10-01 11:00", "feed")),
        ("Fri, 01 Oct 2026 14:00:00 GMT", (None, "unreadable")),  # it was a Thursday
        ("05/09/2026 14:00", (None, "ambiguous")),
        ("09/29/2026 14:00 GMT", ("09-29 14:00", "feed")),
        ("September 2026", (None, "ambiguous")),
        ("Fri, 02 Oct 2026 07:00:00", ("10-02 05:15", "feed_zone_assumed")),  # somewhere east it was before the poll
        ("Sat, 03 Oct 2026 07:00:00", (None, "future")),
        ("Fri, 02 Oct 2026 05:45:00 GMT", ("10-02 05:45", "feed")),  # a clock that goes fast
    ],
)
def test_dates_as_feeds_write_them(world: World, stated: str | None, expected: tuple[str, str]) -> None:
    world.put(replace(LANDING, published=stated))
    ((_, at, basis, _),) = rows(world.night())
    assert (at, basis) == expected


def test_an_old_item_in_a_feed_seen_first_is_filed_with_its_poll(world: World) -> None:
    world.put(replace(LANDING, published=rfc822(T("2025-10-30 12:00"))))
    ((filed, at, basis, _),) = rows(world.night())
    assert (filed, at, basis) == ("2026-10-02", "10-30 12:00", "feed")


def test_the_bounds_of_a_time_that_is_not_exact_are_kept(world: World) -> None:
    stated = {
        "zone": "Thu, 01 Oct 2026 14:00:00",
        "days": "05/09/2026",
        "exact": "Thu, 01 Oct 2026 14:00:00 MSK",
        "x": "x",
    }
    world.put(*(Item(f"{name} Hmeimim", f"https://o.example/{name}", text) for name, text in stated.items()))
    got = {row["title"].split()[0]: row for row in world.night().table("news_articles")}
    bounds = {name: (row["published_from"], row["published_to"]) for name, row in got.items()}
    assert bounds == {
        "zone": (T("2026-10-01 00:00"), FIRST.replace(hour=2, minute=0)),
        "days": (T("2026-05-08 10:00"), T("2026-09-06 12:00")),
        "exact": (None, None),
        "x": (None, None),
    }


def test_an_undated_item_is_filed_with_its_poll_once_and_claims_no_days(world: World) -> None:
    world.put(replace(LANDING, published="05/09/2026"))
    got = world.night(0)
    assert rows(got) == [("2026-10-02", None, "ambiguous", "Il-76 lands at Hmeimim")]
    assert got.table("news_articles")[0]["seen_at"] == FIRST
    assert {claim["claimed_from"] for claim in got.table("news_claims")} == {None}
    assert rows(world.night(1)) == []
    world.put(replace(LANDING, published="05/09/2026", title="Two Il-76s land at Hmeimim"))
    assert rows(world.night(2)) == [("2026-10-04", None, "ambiguous", "Two Il-76s land at Hmeimim")]


def test_a_second_date_settles_an_ambiguous_first_and_no_other(world: World) -> None:
    def extra(updated: str) -> str:
        return f'<dc:date xmlns:dc="http://purl.org/dc/elements/1.1/">{updated}</dc:date>'

    world.put(
        Item("Hmeimim one", "https://o.example/1", "05/09/2026", extra=extra("2026-09-05T10:00:00Z")),
        Item("Hmeimim two", "https://o.example/2", "05/09/2026", extra=extra("2026-09-07T10:00:00Z")),
        Item("Hmeimim three", "https://o.example/3", "soon", extra=extra("2026-09-05T10:00:00Z")),
    )
    assert {title: (at, basis) for _, at, basis, title in rows(world.night())} == {
        "Hmeimim one": ("09-05 10:00", "feed"),
        "Hmeimim two": (None, "ambiguous"),
        "Hmeimim three": (None, "unreadable"),
    }


@pytest.mark.parametrize(("language", "expected"), [("en-GB", "09-05 00:00"), ("en-US", "05-09 00:00"), ("en", None)])
@pytest.mark.parametrize("is_setting", [True, False])
def test_the_region_that_a_feed_states_orders_its_numbers(
    world: World, language: str, expected: str | None, is_setting: bool
) -> None:
    if is_setting:
        world.feeds[0]["language"] = language
    world.outlets.put(
        "/rss", rss([replace(LANDING, published="05/09/2026")], language=None if is_setting else language)
    )
    ((_, at, _, _),) = rows(world.night())
    assert at == expected


def test_weekdays_are_counted_from_the_day_where_the_item_was_published(world: World) -> None:
    world.put(replace(LANDING, published="Thu, 01 Oct 2026 01:30:00 MSK"))
    got = world.night()
    assert got.table("news_articles")[0]["published_at"] == T("2026-09-30 22:30")
    assert {claim["claimed_from"] for claim in got.table("news_claims")} == {date(2026, 10, 1)}


def test_an_index_of_another_way_of_reading_is_made_again(world: World) -> None:
    world.put(replace(LANDING, published="Thu, 01 Oct 2026 01:30:00 MSK"))
    before = rows(world.night(0))
    kept = world.context().landing / "index.json"
    text = json.dumps(notes.read(kept))
    notes.write(kept, json.loads(text.replace("2026-10-01T01:30:00+03:00", "2026-10-01T01:30:00Z")))
    assert rows(world.night(1, "2026-10-01")) != before, "it is believed"
    notes.write(kept, {**notes.read(kept), "reading": 1})
    assert rows(world.night(1, "2026-10-01")) == before


# ---- guids and links


@pytest.mark.parametrize(
    ("item", "address"),
    [
        (Item("Hmeimim", "https://o.example/a?utm_source=rss", None, "https://o.example/a"), "https://o.example/a"),
        (Item("Hmeimim", "https://o.example/a/", None, "https://o.example/?p=7", False), "https://o.example/a/"),
        (Item("Hmeimim", "https://o.example/a", None, "tag:o.example,2026:7"), "https://o.example/a"),
        (Item("Hmeimim", None, None, "https://o.example/a"), "https://o.example/a"),
        (Item("Hmeimim", None, None, "7", False), None),
        (Item("Hmeimim", "https://o.example/a"), "https://o.example/a"),
        (Item("Hmeimim", "javascript:alert(1)", None, "7", False), None),
    ],
)
def test_addresses_are_the_guid_s_where_it_is_one_else_the_link_s(
    world: World, item: Item, address: str | None
) -> None:
    world.put(item)
    (article,) = world.night().table("news_articles")
    assert article["url"] == address


@pytest.mark.parametrize(
    ("link", "address"),
    [
        ("/news/6", "https://outlet.example/news/6"),
        ("news/6?p=1", "https://outlet.example/news/6?p=1"),
        ("//cdn.example/6", "https://cdn.example/6"),
        ("?p=6", "https://outlet.example/?p=6"),
        ("javascript:alert(1)", None),
        ("JavaScript:alert(1)", None),
        ("mailto:desk@outlet.example", None),
        ("data:text/html,x", None),
        ("http://[broken", None),
        ("https://o.example/a b", None),
    ],
)
def test_relative_links_are_of_the_feed_s_own_site(world: World, link: str, address: str | None) -> None:
    world.put(Item("Hmeimim", link, None, "7", False))
    (article,) = world.night().table("news_articles")
    assert article["url"] == address


def test_relative_links_go_by_xml_base_then_by_the_feed_s_link_then_by_its_address(tmp_path: Path) -> None:
    entry = "<entry><id>urn:7</id><title>Hmeimim</title><link href='news/6'/></entry>"
    head = "<feed xmlns='http://www.w3.org/2005/Atom' {}><title>t</title><id>urn:t</id>{}" + entry + "</feed>"
    link = "<link href='https://outlet.example/en/'/>"
    for based, own, address in (
        ("xml:base='https://base.example/a/'", link, "https://base.example/a/news/6"),
        ("", link, "https://outlet.example/en/news/6"),
        ("", "", "https://asked.example/feeds/news/6"),
    ):
        (item,) = feeds.items(head.format(based, own).encode(), None, FIRST, "https://asked.example/feeds/rss")
        assert item.url == address
    (item,) = feeds.items(head.format("", "").encode(), None, FIRST)
    assert item.url is None, "relative to nothing"


def test_a_kept_poll_without_an_address_goes_by_the_feed_s_link(world: World, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "outlet-20261001.xml").write_text(rss([Item("Hmeimim", "/news/6", None, "7", False)]))
    (article,) = world.night(0, location=str(tmp_path / "kept")).table("news_articles")
    assert article["url"] == "https://outlet.example/news/6"


def test_links_in_cdata_with_tracking_are_passed_over_for_the_clean_guid(world: World) -> None:
    item = Item("Hmeimim", "https://www.rt.example/n/1-x/?utm_source=rss&utm_medium=rss", None,
                "https://www.rt.example/n/1-x/", None, '<img src="https://cdn.example/x"/> Aircraft.')  # fmt: skip
    world.outlets.put("/rss", rss([item], cdata_links=True))
    (article,) = world.night().table("news_articles")
    assert (article["url"], article["domain"]) == ("https://www.rt.example/n/1-x/", "rt.example")


@pytest.mark.parametrize(
    "change",
    [
        {"link": "https://outlet.example/2026/10/01/il-76-a100?utm_campaign=y#top", "guid": None},  # the address stays
        {"guid": "https://www.outlet.example/2026/10/01/il-76-a100/"},  # a slash more
        {"link": "https://outlet.example/renamed"},  # the guid stays
    ],
)
def test_an_item_is_known_again_by_guid_or_address(world: World, change: dict[str, Any]) -> None:
    world.put(LANDING)
    world.night(0)
    world.put(replace(LANDING, **change))
    got = world.night(1)
    assert rows(got) == []
    assert [row["articles"] for row in got.table("news_totals")] == [0]


def test_an_article_in_two_feeds_is_one(world: World) -> None:
    world.feeds.append({"name": "second", "url": f"{world.outlets.host.url}/second"})
    world.put(LANDING)
    world.put(BUDGET, path="/second")
    assert len(rows(world.night(0))) == 1
    world.put(replace(LANDING, guid="other-7", is_permalink=False), BUDGET, path="/second")
    assert rows(world.night(1)) == []


def test_the_outlet_of_an_aggregator_s_item_is_its_source(world: World) -> None:
    world.put(Item("Hmeimim - Reuters", "https://news.google.example/rss/articles/CBM1?oc=5", None, "CBM1", False,
                   source=("https://www.reuters.com", "Reuters")))  # fmt: skip
    (article,) = world.night().table("news_articles")
    assert article["domain"] == "reuters.com"


def test_an_item_gone_for_months_and_back_stands_once_a_day(world: World) -> None:
    world.put(LANDING)
    world.night(0)
    world.put(BUDGET)
    world.night(1)
    world.night(60)
    world.night(99)
    world.put(BUDGET, LANDING)
    assert rows(world.night(100)) == [("2027-01-10", "10-01 12:00", "feed", "Il-76 lands at Hmeimim")]
    assert rows(world.night(101)) == []


def test_an_item_that_stays_in_a_feed_for_a_year_is_never_new_again(world: World) -> None:
    world.put(LANDING)
    world.night(0)
    for night in (80, 160, 240):  # 304 each time
        assert rows(world.night(night)) == []
    world.put(LANDING, BUDGET)
    assert rows(world.night(320)) == []
    assert rows(world.night(321, "2026-10-01")) != []  # and its own day still has it


# ---- atom, text, encodings, hostile documents


@pytest.mark.parametrize(
    ("updated", "basis", "latest"),
    [
        ("2026-10-01T20:00:00+03:00", "none", "2026-10-01 17:00"),
        ("2026-09-01T20:00:00", "none", "2026-09-02 08:00"),
        ("05/09/2026", "none", "2026-09-06 12:00"),
        ("soon", "unreadable", None),
        ("2026-10-09T20:00:00Z", "future", None),
    ],
)
@pytest.mark.parametrize("is_atom", [True, False])
def test_an_update_alone_bounds_the_time_of_publication_and_is_none(
    world: World, updated: str, basis: str, latest: str | None, is_atom: bool
) -> None:
    entry = Item("Il-76 lands at Hmeimim", "https://o.example/a", updated, "urn:uuid:7", summary=TEXT)
    stated = f'<a:updated xmlns:a="http://www.w3.org/2005/Atom">{updated}</a:updated>'
    body = atom([entry]) if is_atom else rss([replace(entry, published=None, extra=stated)])
    world.outlets.put("/rss", body, content_type="application/atom+xml")
    got = world.night()
    assert rows(got) == [("2026-10-02", None, basis, entry.title)]
    (article,) = got.table("news_articles")
    assert (article["published_from"], article["published_to"]) == (None, T(latest) if latest else None)
    assert article["url"] == "https://o.example/a"
    assert not any(claim["claimed_from"] for claim in got.table("news_claims"))


def test_an_atom_entry_s_time_of_publication_goes_before_its_update(world: World) -> None:
    entry = Item("Hmeimim", "https://o.example/a", "2026-10-01T20:00:00Z", "urn:uuid:7", summary=TEXT)
    body = atom([entry]).replace("</entry>", "<published>2026-09-30T06:00:00Z</published></entry>")
    world.outlets.put("/rss", body, content_type="application/atom+xml")
    assert rows(world.night()) == [("2026-09-30", "09-30 06:00", "feed", "Hmeimim")]


def test_the_dublin_core_date_of_rss_is_one_of_publication(world: World) -> None:
    stated = '<dc:date xmlns:dc="http://purl.org/dc/elements/1.1/">2026-10-01T10:00:00Z</dc:date>'
    world.put(replace(LANDING, published=None, extra=stated))
    assert rows(world.night()) == [("2026-10-01", "10-01 10:00", "feed", "Il-76 lands at Hmeimim")]


def test_markup_and_entities_are_taken_off_and_full_texts_read(world: World) -> None:
    body = (
        "<content:encoded><![CDATA[<p>At the <b>Hmeimim</b> air base</p><p>landed an An-124.</p>]]></content:encoded>"
    )
    world.put(Item("  Caf&eacute; &amp;#8217;s   news ", "https://o.example/a", summary="short", extra=body))
    got = world.night()
    (article,) = got.table("news_articles")
    assert article["title"] == "Café ’s news"
    assert got.table("news_mentions")[0]["matched_alias"] == "Hmeimim"


def test_the_language_is_the_settings_else_the_feed_s(world: World) -> None:
    world.outlets.put("/rss", rss([LANDING], language="de-DE"))
    assert world.night(0).table("news_articles")[0]["language"] == "de"
    world.folder = world.folder / "other"
    world.feeds[0]["language"] = "ru"
    assert world.night(0).table("news_articles")[0]["language"] == "ru"


RUSSIAN = rss([Item("Ил-76 сел на авиабазе Хмеймим", "https://o.example/a")], language="ru")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (RUSSIAN.replace("UTF-8", "windows-1251").encode("cp1251"), "text/xml"),
        (RUSSIAN.replace("UTF-8", "windows-1251").encode("cp1251"), "text/xml; charset=utf-8"),  # declared beats header
        (RUSSIAN.replace(' encoding="UTF-8"', "").encode("koi8-r"), "text/xml; charset=koi8-r"),
        (RUSSIAN.replace(' encoding="UTF-8"', "").encode("cp1251"), "application/rss+xml"),
        (b"\xef\xbb\xbf" + RUSSIAN.replace("UTF-8", "windows-1251").encode(), "text/xml"),  # the mark beats both
        (RUSSIAN.replace(' encoding="UTF-8"', "").encode("koi8-r"), "application/rss+xml"),
        (RUSSIAN.replace(' encoding="UTF-8"', "").encode("iso8859-5"), None),
        (RUSSIAN.replace("UTF-8", "koi8-r").encode("koi8-r"), "text/xml"),
        (
            RUSSIAN.replace("UTF-8", "windows-1251").encode(),
            "text/xml; charset=windows-1251",
        ),  # it is UTF-8 all the same
        (RUSSIAN.partition("?>")[2].strip().encode("utf-16-le"), "text/xml"),
        (RUSSIAN.replace("UTF-8", "utf-16").encode("utf-16"), "application/rss+xml"),
        (RUSSIAN.replace("UTF-8", "utf-16").encode("utf-16-be"), "application/rss+xml"),
        (RUSSIAN.replace("UTF-8", "no-such-code").encode(), None),
        (RUSSIAN.encode(), "text/html"),
    ],
)
def test_encodings_by_mark_then_declaration_then_header(world: World, body: bytes, content_type: str | None) -> None:
    world.outlets.put("/rss", body, content_type=content_type)
    assert [title for *_, title in rows(world.night())] == ["Ил-76 сел на авиабазе Хмеймим"]


def test_an_ampersand_that_is_not_escaped_is_let_pass(world: World) -> None:
    world.outlets.put("/rss", rss([LANDING]).replace("lands at", "lands & stays at"))
    assert [title for *_, title in rows(world.night())] == ["Il-76 lands & stays at Hmeimim"]


def test_external_entities_are_never_followed(world: World, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("Hmeimim secret")
    head = (
        f'<!DOCTYPE rss SYSTEM "{world.outlets.host.url}/evil.dtd" [<!ENTITY file SYSTEM "file://{secret}">'
        f'<!ENTITY net SYSTEM "{world.outlets.host.url}/evil">]>\n'
    )
    document = rss([LANDING], head=head).replace("Il-76 lands at", "&file;&net; Il-76 at")
    world.outlets.put("/rss", document)
    ((*_, title),) = rows(world.night())
    assert "secret" not in title
    assert [request.path for request in world.outlets.host.asked()] == ["/rss"]


def test_entities_that_multiply_do_no_harm(world: World) -> None:
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    document = rss([LANDING], head=f'<!DOCTYPE rss [<!ENTITY e0 "boom">{levels}]>\n').replace(
        "Il-76 lands", "&e9; lands"
    )
    world.outlets.put("/rss", document)
    ((*_, title),) = rows(world.night())
    assert len(title) < 200


def test_a_body_that_names_a_file_is_not_opened(world: World) -> None:
    with pytest.raises(ValueError, match="no feed"):
        feeds.items(b"/etc/passwd", None, FIRST)
    with pytest.raises(ValueError, match="no feed"):
        feeds.items(f"{world.outlets.host.url}/rss".encode(), None, FIRST)
    assert world.outlets.host.log == []


# ---- polls that fail


def test_one_feed_that_turns_programs_away_leaves_the_others_and_says_so(world: World) -> None:
    world.feeds.append({"name": "tass", "url": f"{world.outlets.host.url}/tass"})
    world.put(LANDING)
    world.put(LANDING, path="/tass", needs_browser=True)
    got = world.night()
    day = got.day("global", "2026-10-01")
    assert day.status == "partial"
    assert "tass: feeds:" in (day.error or "")
    assert "answered 403 with an HTML page titled 'Access denied'" in (day.error or "")
    assert len(rows(got)) == 1
    assert [row["series"] for row in got.table("news_totals")] == ["feed:outlet"]  # no answer is no zero
    assert len(world.outlets.host.asked("/tass")) == 1  # a refusal is not tried again


def test_hosts_are_asked_at_the_same_time_and_a_host_that_fails_is_left_alone_by_itself(world: World) -> None:
    """Each host answers only when all have been asked: one after the other, none would."""
    all_asked = threading.Barrier(6)

    def wait(_: Any, reply: Reply) -> Reply:
        all_asked.wait(20)
        return reply

    with contextlib.ExitStack() as stack:
        for number in range(5):
            outlets = Outlets(world.clock.time)
            stack.enter_context(serving(outlets.host))
            outlets.put("/rss", rss([replace(LANDING, link=f"https://o{number}.example/il-76", guid=None)]))
            outlets.host.fault(wait, times=1)
            world.feeds.append({"name": f"outlet{number}", "url": f"{outlets.host.url}/rss"})
        world.put(LANDING)
        world.outlets.host.fault(wait, times=1)
        for number in range(4):
            world.feeds.insert(0, {"name": f"down{number}", "url": f"http://127.0.0.1:{number + 1}/rss"})
        got = world.night(breaker_after=1)
    day = got.day("global", "2026-10-01")
    assert day.status == "partial"
    assert [(day.error or "").count(f"down{number}: feeds: ") for number in range(4)] == [1, 1, 1, 1], day.error
    assert len(rows(got)) == 6


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(200, b"<!DOCTYPE html><html><title>Just a moment</title></html>", "text/html"), "'Just a moment'"),
        (Reply(200, b"", "text/xml"), "an empty body where a feed is due"),
        (Reply(200, b"<?xml version='1.0'?><sitemap/>", "text/xml"), "XML or markup where a feed is due"),
        (Reply(200, b'{"error": "login first"}', "application/json"), "the message 'login first' where a feed is due"),
        (Reply(200, b"<html><body>Sign in <rss ></rss></body></html>", "text/xml"), "an HTML page where a"),
        (Reply(200, rss([LANDING]).encode()[:-20], "text/xml"), "a feed that is cut short"),
        (Reply(200, rss([LANDING]).encode()[:300], "text/xml"), "a feed that is cut short"),
        (Reply(503, b"", "text/xml"), "answered 503"),
    ],
)
def test_a_night_on_which_no_feed_answers_fails_and_is_expired_the_night_after(
    world: World, reply: Reply, said: str
) -> None:
    world.put(LANDING)
    world.outlets.host.fault(lambda _, __: reply, times=2)
    with pytest.raises(SourceError, match=said) as caught:
        world.night(0)
    assert caught.value.retryable
    landed, _ = world.fetch(1, "2026-10-01")
    status, why = landed.absent[date(2026, 10, 1)]
    assert status == "expired"
    assert "no poll succeeded" in why
    assert said in why
    assert rows(world.night(1)) == [("2026-10-01", "10-01 12:00", "feed", "Il-76 lands at Hmeimim")]


def test_a_fault_that_passes_is_tried_again(world: World) -> None:
    world.put(LANDING)
    world.outlets.host.truncated()
    assert len(rows(world.night())) == 1


def test_a_night_without_a_run_is_expired_and_not_polled_later(world: World) -> None:
    world.put(LANDING)
    world.night(0)
    for day in ("2026-10-02", "2026-10-03"):
        landed, _ = world.fetch(3, day)
        assert landed.absent == {
            date.fromisoformat(day): ("expired", "not polled on that day, and feeds give no history")
        }
    assert len(world.outlets.host.log) == 1
    assert world.night(3, "2026-10-04").status() == {("global", "2026-10-04"): "ok"}


def test_a_stuck_cache_is_passed_by_with_a_parameter_that_changes(world: World) -> None:
    stale = rss([BUDGET]).encode()
    world.put(LANDING, BUDGET, stuck=stale)
    assert rows(world.night(0)) == []
    world.feeds[0]["params"] = {"_cb": "{epoch}"}
    assert len(rows(world.night(1))) == 1
    assert world.outlets.host.asked()[-1].one("_cb") == f"{(FIRST + timedelta(days=1)).timestamp():.0f}"


def test_a_key_in_an_address_or_parameter_is_written_nowhere(world: World) -> None:
    world.put(LANDING)
    secret = "feed-secret-51"
    world.feeds[0] |= {"url": f"{world.outlets.host.url}/rss?token={secret}", "params": {"api_key": secret}}
    world.night(0)
    assert world.outlets.host.asked()[0].one("api_key") == secret
    for path, body in setup.files_below(world.folder):
        assert secret.encode() not in body, path


def test_nothing_named_is_an_error_with_an_example(world: World) -> None:
    world.feeds.clear()
    with pytest.raises(SourceError, match=r"\[\[sources\.feeds\.feeds\]\]"):
        world.night()


# ---- the archive of polls


def nights(world: World) -> list[setup.Decoded]:
    """Four nights: an item, another, one that changes its title, one that is dated anew."""
    gone = Item("Engels-2 airbase struck", "https://outlet.example/d", rfc822(T("2026-10-03 10:00")), summary="x")
    contents = [
        (LANDING,),
        (BUDGET, replace(LANDING, title="Il-76 lands at Hmeimim again")),
        (gone, BUDGET),
        (replace(gone, published=rfc822(T("2026-10-05 01:00"))), LANDING),
    ]
    found = []
    for night, items in enumerate(contents):
        world.put(*items)
        found.append(world.night(night))
    return found


def facts(got: setup.Decoded) -> tuple[Any, ...]:
    return [event.data for event in got.rows], got.days


def test_days_told_again_from_the_archive_are_the_same_in_any_order(world: World) -> None:
    told = nights(world)
    before = len(world.outlets.host.log)
    kept = world.context().landing / "index.json"
    for order in itertools.permutations(range(3)):
        kept.unlink(missing_ok=True)  # what was derived is made again
        for night in order:
            assert facts(world.night(4, str(date(2026, 10, 1) + timedelta(days=night)))) == facts(told[night])
    assert len(world.outlets.host.log) == before


def test_a_damaged_index_is_made_anew(world: World) -> None:
    told = nights(world)
    (world.context().landing / "index.json").write_text("{broken")
    assert facts(world.night(4, "2026-10-03")) == facts(told[2])


def test_a_run_that_dies_after_the_poll_loses_nothing(world: World) -> None:
    world.put(LANDING)
    world.fetch(0)  # landed, never decoded
    assert rows(world.night(1, "2026-10-01")) == [("2026-10-01", "10-01 12:00", "feed", "Il-76 lands at Hmeimim")]
    assert rows(world.night(1)) == []


def test_a_second_run_of_the_same_night_adds_what_is_new_to_the_day(world: World) -> None:
    world.put(LANDING)
    world.night(0)
    world.put(replace(LANDING, title="Il-62 lands at Hmeimim", link="https://o.example/z", guid=None), LANDING)
    about = world.context(FIRST + timedelta(hours=1))
    got = setup.Decoded(feeds.fetch(setup.window("feeds", "2026-10-01"), about), about)
    assert [title for *_, title in rows(got)] == ["Il-62 lands at Hmeimim", "Il-76 lands at Hmeimim"]
    assert got.day("global", "2026-10-01").files == 2


def test_landed_polls_replay_elsewhere_to_the_same_tables(world: World, tmp_path: Path) -> None:
    told = nights(world)
    archive = tmp_path / "archive"
    shutil.copytree(world.context().landing / "polls", archive)
    other = World(world.outlets, world.clock, tmp_path / "other", world.feeds)
    before = len(world.outlets.host.log)
    for night in (3, 1, 0, 2):
        got = other.night(9, str(date(2026, 10, 1) + timedelta(days=night)), location=str(archive))
        assert facts(got) == facts(told[night])
    assert len(world.outlets.host.log) == before


@pytest.mark.parametrize(
    ("name", "day", "seen"),
    [
        ("outlet-20261002T051500Z.xml", "2026-10-01", "2026-10-02 05:15"),
        ("outlet/2026-10-02T05:15.xml", "2026-10-01", "2026-10-02 05:15"),
        ("rt_20261001.rss", "2026-10-01", "2026-10-01 23:59:59"),
        ("2026-10-01/tass.xml", "2026-10-01", "2026-10-01 23:59:59"),
    ],
)
def test_a_folder_of_documents_is_read_by_the_times_in_its_names(
    world: World, tmp_path: Path, name: str, day: str, seen: str
) -> None:
    file = tmp_path / "kept" / name  # a poll with a time of day is of the day before, as a night's run would have it
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(rss([replace(LANDING, published=None)]))
    got = world.night(0, day, location=str(tmp_path / "kept"))
    (article,) = got.table("news_articles")
    assert article["seen_at"] == T(seen)
    feed = {"rt_2026": "rt", "2026-10": "tass"}.get(name[:7], "outlet")
    assert [row["series"] for row in got.table("news_totals")] == [f"feed:{feed}"]
    assert world.outlets.host.log == []


@pytest.mark.parametrize(
    ("name", "said"), [(None, "is no folder"), ("outlet.xml", "has no time"), ("a.txt", "no .xml")]
)
def test_folders_that_cannot_be_read_say_why(world: World, tmp_path: Path, name: str | None, said: str) -> None:
    if name:
        (tmp_path / "kept").mkdir()
        (tmp_path / "kept" / name).write_text(rss([LANDING]))
    with pytest.raises(SourceError, match=said):
        world.night(0, location=str(tmp_path / "kept"))


def test_a_kept_poll_without_a_time_is_named_and_spoils_no_day_that_has_all_feeds(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    for name in ("rt-20261001", "tass-20261001", "tass-20261002", "rt-20261003", "tass-20261003", "strange"):
        (folder / f"{name}.xml").write_text(rss([LANDING]))
    (folder / "packed.xml.gz").write_bytes(gzip.compress(rss([LANDING]).encode()))
    days = {}
    for number in (1, 2, 3):
        got = world.night(2, f"2026-10-0{number}", location=str(folder))
        row = got.day("global", f"2026-10-0{number}")
        days[number] = row.status, row.records_rejected, [reject.where for reject in got.rejects]
    assert days == {
        1: ("ok", 0, []),
        2: ("partial", 2, ["packed.xml.gz", "strange.xml"]),  # either may be that day's poll of rt
        3: ("ok", 2, ["packed.xml.gz", "strange.xml"]),  # the last day names it in any case
    }
    findings = feeds.check(world.context(location=str(folder)))
    assert [finding.ok for finding in findings] == [True, False, False]
    assert "strange.xml has no time in its name, such as strange-20261001T0515.xml" in findings[2].what


def test_a_kept_document_that_is_damaged_is_rejected_and_told(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    (folder / "outlet-20261001.xml").write_text("not a feed at all")
    (folder / "rt-20261001.xml").write_text(rss([LANDING]))
    got = world.night(0, location=str(folder))
    assert [reject.reason.split(":")[0] for reject in got.rejects] == ["not readable as a feed"]
    day = got.day("global", "2026-10-01")
    assert (day.status, day.records_rejected, day.records_kept) == ("partial", 1, 1)


@pytest.mark.parametrize(
    ("name", "body", "why"),
    [
        ("rt-20261001.xml", b"<!doctype html><html><title>Sign in</title></html>", "an HTML page titled 'Sign in'"),
        ("rt-20261001.xml", b'{"message": "no such feed"}', "the message 'no such feed'"),
        ("rt-20261001.xml", rss([LANDING]).encode()[:-12], "cut short"),
        ("rt-20261001.xml", rss([LANDING]).encode("utf-16")[:-24], "cut short"),
        ("rt-20261001.xml", b"", "an empty body"),
        ("rt-20261001.html", b"<html>x</html>", "an HTML page"),
        ("rt-20261001.json", b"[]", "the text '[]'"),
        ("rt-20261001.zip", b"PK\x03\x04\x00\x00", "binary data"),
    ],
)
def test_a_kept_answer_that_is_no_feed_fails_its_day_by_name(
    world: World, tmp_path: Path, name: str, body: bytes, why: str
) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    (folder / name).write_bytes(body)
    got = world.night(0, location=str(folder))
    (reject,) = got.rejects
    assert (reject.where, why in reject.reason) == (name, True), reject.reason
    day = got.day("global", "2026-10-01")
    assert (day.status, day.records_rejected) == ("failed", 1)
    assert why in (day.error or "")
    assert got.table("news_totals") == []  # no answer is no zero


def test_an_empty_feed_is_an_answer_and_a_packed_one_too(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    (folder / "empty-20261001.xml").write_text(rss([]))
    (folder / "rt-20261001.xml.gz").write_bytes(gzip.compress(rss([LANDING]).encode()))
    got = world.night(0, location=str(folder))
    assert got.day("global", "2026-10-01").status == "ok"
    assert {row["series"]: row["articles"] for row in got.table("news_totals")} == {"feed:empty": 0, "feed:rt": 1}


def test_doctor_asks_each_feed_once(world: World) -> None:
    world.feeds.append({"name": "tass", "url": f"{world.outlets.host.url}/tass"})
    world.put(LANDING)
    world.put(LANDING, path="/tass", needs_browser=True)
    found = feeds.check(world.context())
    assert [finding.ok for finding in found] == [True, False]
    assert found[0].what == "feeds: outlet answers with 1 items"
    assert "403" in found[1].what
    world.feeds.clear()
    assert [finding.ok for finding in feeds.check(world.context())] == [False]


def test_each_article_says_which_item_of_which_answer_it_was(world: World) -> None:
    world.put(BUDGET, LANDING)
    (article,) = world.night().table("news_articles")
    kept = {hashlib.sha256(file.read_bytes()).hexdigest(): file for file in world.folder.rglob("*") if file.is_file()}
    listed = feeds.items(kept[article["origin_sha256"]].read_bytes(), None, FIRST)
    assert article["origin_place"] == "item 2"
    assert listed[1].title == article["title"]
