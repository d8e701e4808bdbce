"""Faults of news: an article in a folder, and a feed over real HTTP, each harmed in one way.

What a fault touches is one article: it is contained where no row of it is kept and the day does not count as whole.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from basewatch.errors import SourceError, containment
from basewatch.lake.events import Day, FileReading, Reject, Rows
from basewatch.sources import articles, feeds
from faults.fault import Answer, Family, Fault, Meet
from server import setup
from server.core import serving
from server.news import Item, Outlets, rfc822, rss

FAMILY = "news"
NOW = datetime(2025, 12, 1, 12, tzinfo=UTC)
ARTICLE = (
    "# Il-76 lands at Hmeimim\n\nDate: 2025-10-30\n\nAn Il-76 landed at the Hmeimim air base on Thursday.\n\n"
    "Original url: https://outlet.example/2025/10/30/il-76\n"
)
FEED_NOW = datetime(2026, 10, 2, 5, 15, tzinfo=UTC)
LANDING = Item(
    "Il-76 lands at Hmeimim",
    "https://outlet.example/2026/10/01/il-76",
    rfc822(setup.at("2026-10-01 12:00")),
    "il-76",
    None,
    "An Il-76 landed at the Hmeimim air base on Thursday.",
)


@dataclass(frozen=True)
class File:
    """An article's file in place of the good one."""

    data: Callable[[bytes], bytes]
    name: str = "article.md"
    link_to: str | None = None


@dataclass(frozen=True)
class Answered:
    """What a feed's server answers."""

    body: Callable[[bytes], bytes]


def _dated(text: str) -> Callable[[bytes], bytes]:
    lines = ARTICLE.replace("Date: 2025-10-30", f"Date: {text}").replace("/2025/10/30", "")
    return lambda data: lines.encode()


FILES: tuple[tuple[str, File, str], ...] = (
    ("no bytes", File(lambda data: b""), "no text|empty"),
    ("blanks alone", File(lambda data: b" \n\t\n" * 40), "no text"),
    ("a date in the future", File(_dated("2031-10-30")), "future"),
    ("a date tomorrow but one", File(_dated("2025-12-04")), "future"),
    ("a date that is none", File(_dated("2025-13-45")), "date|day"),
    ("a date of long ago", File(_dated("1025-10-30")), "date|day"),
    ("no date", File(lambda data: data.replace(b"Date: 2025-10-30", b"").replace(b"/2025/10/30", b"")), "date|day"),
    ("larger than an article", File(lambda data: data + b"word " * (2 << 20)), "larger"),
    ("noise", File(lambda data: bytes(range(256)) * 40), "text|read|date|binary|character"),
    ("zeros", File(lambda data: bytes(4000)), "text|read|binary|character"),
    ("a picture named as text", File(lambda data: b"\x89PNG\r\n\x1a\n" + bytes(4000)), "text|read|form|binary|picture"),
    ("a program named as text", File(lambda data: b"\x7fELF" + bytes(4000)), "text|read|form|binary|program"),
    ("a packed file named as text", File(lambda data: b"\x1f\x8b\x08" + bytes(4000)), "text|read|form|binary|packed"),
    ("an ending that is none of an article", File(lambda data: data, "article.xyz"), "no reader for"),
    ("a link that leads out", File(lambda data: data, "article.md", "/etc/hostname"), "link"),
    (
        "a mail without a body",
        File(lambda data: b"From: a@b.example\nSubject: \n\n", "article.eml"),
        "text|body|date|day",
    ),
    (
        "a mail with a date in the future",
        File(
            lambda data: (
                b"From: a@b.example\nSubject: Il-76 lands at Hmeimim\nDate: Thu, 30 Oct 2031 10:00:00 +0000\n\n"
                b"An Il-76 landed at Hmeimim.\n"
            ),
            "article.eml",
        ),
        "future",
    ),
    (
        "a page with a date in the future",
        File(
            lambda data: (
                b'<html><head><title>Il-76 lands at Hmeimim</title><meta property="article:published_time" '
                b'content="2031-10-30T10:00:00Z"></head><body><article><p>An Il-76 landed at Hmeimim on Sunday, '
                b"witnesses near the gate of the field said.</p></article></body></html>"
            ),
            "article.html",
        ),
        "future",
    ),
)
HARMLESS_FILES: tuple[tuple[str, File], ...] = (
    ("unchanged", File(lambda data: data)),
    ("with a byte order mark", File(lambda data: b"\xef\xbb\xbf" + data)),
    ("UTF-16", File(lambda data: data.decode().encode("utf-16"))),
    ("lines of Windows", File(lambda data: data.replace(b"\n", b"\r\n"))),
    ("a script in it", File(lambda data: data + b"\n<script>alert(1)</script>\n")),
    ("a title that turns its direction", File(lambda data: data.replace(b"lands", "\u202elands".encode()))),
    ("a formula for a title", File(lambda data: data.replace(b"# Il-76", b"# =cmd|' /C calc'!A0 Il-76"))),
)

GOOD_FEED = rss([LANDING])


def _item(**values: Any) -> Callable[[bytes], bytes]:
    return lambda data: rss([replace(LANDING, **values)]).encode()


ANSWERS: tuple[tuple[str, Answered, str], ...] = (
    ("no bytes", Answered(lambda data: b""), "empty|feed|XML|no "),
    ("a web page", Answered(lambda data: b"<!DOCTYPE html><html><body>Sign in</body></html>"), "page|HTML|feed"),
    ("cut short", Answered(lambda data: data[: len(data) // 2]), "feed|cut|XML|token|whole|element|tag"),
    ("noise", Answered(lambda data: bytes(range(128, 256)) * 20), "feed|XML|read|token"),
    ("JSON for XML", Answered(lambda data: b'{"error": "quota"}'), "feed|XML|JSON"),
    (
        "entities of entities",
        Answered(
            lambda data: (
                b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aaaaaaaaaa">'
                + b"".join(
                    b'<!ENTITY a%d "%s">' % (n, (b"&a%d;" % (n - 1) if n > 1 else b"&a;") * 10) for n in range(1, 9)
                )
                + b"]><rss><channel><title>&a8;</title></channel></rss>"
            )
        ),
        "feed|entit|XML|document type|no ",
    ),
    (
        "nested without end",
        Answered(lambda data: b"<rss>" + b"<a>" * 50_000),
        "feed|nest|XML|deep|depth|element|tag|token",
    ),
    ("larger than a feed", Answered(lambda data: data + b" " * (80 << 20)), "larger|MB|MiB|bytes|limit"),
)
HARMLESS_ANSWERS: tuple[tuple[str, Answered], ...] = (
    ("unchanged", Answered(lambda data: data)),
    ("a script in a title", Answered(_item(title="Il-76 lands at Hmeimim <script>alert(1)</script>"))),
    ("of no entries", Answered(lambda data: rss([]).encode())),  # as it is on a day without news
    (
        "another item beside it",
        Answered(
            lambda data: rss(
                [LANDING, replace(LANDING, guid="b", link="https://outlet.example/b", title="Budget passed")]
            ).encode()
        ),
    ),
)
# what an item says of itself: the day that it states must not become the day that it was published
ITEMS: tuple[tuple[str, Answered, str], ...] = (
    (
        "an item dated in the future",
        Answered(_item(published=rfc822(setup.at("2031-10-01 12:00")), link="https://outlet.example/x")),
        "believed|future",
    ),
    (
        "an item with a date that is none",
        Answered(_item(published="soon", link="https://outlet.example/x")),
        "believed|date",
    ),
    ("an item without a date", Answered(_item(published=None, link="https://outlet.example/x")), "believed|date"),
)


def faults() -> list[Fault]:
    """All faults of the family."""
    found = [Fault(FAMILY, kind, "article", "window", file, reason) for kind, file, reason in FILES]
    found += [Fault(FAMILY, kind, "article", "window", file, "", False) for kind, file in HARMLESS_FILES]
    found += [Fault(FAMILY, kind, "feed", "window", answer, reason) for kind, answer, reason in (*ANSWERS, *ITEMS)]
    found += [Fault(FAMILY, kind, "feed", "window", answer, "", False) for kind, answer in HARMLESS_ANSWERS]
    return found


def _answer(events: list[Any], is_harmful: bool) -> Answer:
    """What came of a window: its last lines, and whether an article with a believed day is kept."""
    said = [event.reason for event in events if isinstance(event, Reject)]
    said += [
        f"{event.reason} {event.fault}" for event in events if isinstance(event, FileReading) and not event.is_sound
    ]
    days = [event for event in events if isinstance(event, Day)]
    said += [event.error for event in days if event.error]
    kept = [
        row
        for event in events
        if isinstance(event, Rows) and event.table == "news_articles"
        for row in event.data.to_pylist()  # type: ignore[union-attr]
    ]
    bases = {row["published_basis"] for row in kept}
    if is_harmful and kept and bases <= {"poll", "seen", "none", "unreadable", "future", "ambiguous"}:
        return Answer("contained", f"the day that is stated is not believed: {bases}")
    if any(day.status in ("partial", "failed", "missing") for day in days):
        return Answer("contained" if not kept else "warned", "\n".join(said))
    return Answer("warned" if said else "passed", "\n".join(said) or f"kept {len(kept)} {bases}")


def _article(folder: Path, file: File, is_harmful: bool) -> Answer:
    shutil.rmtree(folder / "articles", ignore_errors=True)
    (folder / "articles").mkdir(parents=True)
    path = folder / "articles" / file.name
    if file.link_to:
        path.symlink_to(file.link_to)
    else:
        path.write_bytes(file.data(ARTICLE.encode()))
        os.utime(path, (1_700_000_000, 1_700_000_000))
    about = setup.context(setup.settings(folder, articles={"location": str(folder / "articles")}), NOW, "articles")
    window = setup.window("articles", "2025-10-01", "2025-11-30")
    try:
        with containment.of_source("articles", "a night"):
            return _answer(list(articles.decode(articles.fetch(window, about), about)), is_harmful)
    except SourceError as error:
        return Answer("refused", str(error))


def _feed(folder: Path, answered: Answered, is_harmful: bool) -> Answer:
    shutil.rmtree(folder, ignore_errors=True)
    with setup.virtual_time(FEED_NOW) as clock:
        outlets = Outlets(clock.time)
        outlets.put("/rss", answered.body(GOOD_FEED.encode()))
        with serving(outlets.host):
            values = {"feeds": [{"name": "outlet", "url": f"{outlets.host.url}/rss"}], "attempts": 1}
            about = setup.context(setup.settings(folder, feeds=values), FEED_NOW, "feeds")
            day: date = FEED_NOW.date() - timedelta(days=1)
            try:
                with containment.of_source("feeds", "a night"):
                    landed = feeds.fetch(setup.window("feeds", str(day)), about)
                    return _answer(list(feeds.decode(landed, about)), is_harmful)
            except SourceError as error:
                return Answer("refused", str(error))


@contextlib.contextmanager
def world(folder: Path) -> Iterator[Meet]:
    """A folder with one article, and an outlet with one item."""

    def meet(fault: Fault) -> Answer:
        if isinstance(fault.harm, File):
            return _article(folder / "of-files", fault.harm, fault.is_harmful)
        return _feed(folder / "of-feeds", fault.harm, fault.is_harmful)

    yield meet


NEWS = Family(FAMILY, faults, world)
