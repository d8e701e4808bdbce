"""The `articles` source: files of many makes in a folder, hostile names and bytes included."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import quopri
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from basewatch.config import Settings
from basewatch.errors import SourceError
from basewatch.lake.events import Day, Event, Reject, Rows
from basewatch.reference import load
from basewatch.sources import articles, contract
from basewatch.sources.contract import Context, Window

NOW = datetime(2025, 12, 1, 12, tzinfo=UTC)
WINDOW = Window("articles", date(2025, 10, 1), date(2025, 11, 30))
BODY = "An Il-76 landed at Hmeimim on Sunday."
RUSSIAN = "Ил-76 прибыл на авиабазу Хмеймим."
FILLER = "It was seen by many people near the gate of the field. " * 8


def context(folder: Path | None) -> Context[Any]:
    section = {"enabled": True, "location": str(folder) if folder else None}
    settings = Settings(sources={"articles": section})  # type: ignore[arg-type]
    return contract.context("articles", settings, load.tables(settings), load.params(settings), NOW)


def run(folder: Path, window: Window = WINDOW) -> list[Event]:
    given = context(folder)
    return list(articles.decode(articles.fetch(window, given), given))


def rows(events: list[Event], table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for event in events:
        if isinstance(event, Rows) and event.table == table:
            assert not isinstance(event.data, Path)
            found += event.data.to_pylist()
    return found


def days(events: list[Event]) -> dict[date, Day]:
    return {event.day: event for event in events if isinstance(event, Day)}


def parsed(tmp_path: Path, content: str | bytes, name: str = "a.txt") -> Any:
    file = tmp_path / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    os.utime(file, (1_700_000_000, 1_700_000_000))  # 2023-11-14
    return articles.parse(file, name, NOW)


# ---- reading one file


def test_title_body_address_and_date_line(tmp_path: Path) -> None:
    article = parsed(
        tmp_path,
        "\ufeff\n# Planes **return** to Syria\r\n\r\nOctober 30, 2025\r\n\r\nA jet [landed](https://x.example/y)\r\n"
        "at Hmeimim.\r\n\r\n![a plane](plane.jpg)\r\n\r\nOriginal url:\r\n\r\n<https://www.one.example/2025/10/31/planes>.\r\n",
    )
    assert article.title == "Planes return to Syria"
    assert article.url == "https://www.one.example/2025/10/31/planes"
    assert "A jet landed at Hmeimim." in article.text.split("\n")  # soft breaks joined, links and images gone
    assert "plane.jpg" not in article.text and "https://" not in article.text
    assert (article.published_at, article.published_basis) == (datetime(2025, 10, 30, tzinfo=UTC), "text")


@pytest.mark.parametrize(
    ("tail", "address"),
    [
        ("Original url: https://one.example/a", "https://one.example/a"),
        ("**Original URL:** <https://one.example/a>", "https://one.example/a"),
        ("> original url : [here](https://one.example/a)", "https://one.example/a"),
        ("Original url: [https://one.example/a](https://one.example/a).", "https://one.example/a"),
        ("https://one.example/a", "https://one.example/a"),
        ("Original url: javascript:alert(1)", None),
        ("See https://one.example/a for more.", None),
        ("", None),
    ],
)
def test_addresses(tmp_path: Path, tail: str, address: str | None) -> None:
    assert parsed(tmp_path, f"# Title here\n\n{BODY}\n\n{tail}\n").url == address


def test_key_lines_after_the_title(tmp_path: Path) -> None:
    article = parsed(
        tmp_path, f"Planes return\nDate: 29 October 2025\n**Language:** en-GB\nSource: A paper\n\n{BODY}\nNote: kept"
    )
    assert (article.published_at, article.published_basis) == (datetime(2025, 10, 29, tzinfo=UTC), "metadata")
    assert article.language == "en"
    assert article.text == f"{BODY} Note: kept"


@pytest.mark.parametrize(
    ("content", "name", "day", "basis"),
    [
        (
            "# T one two\nDate: 2025-10-28\n\nOctober 27, 2025\n\nBody.",
            "2025-10-26.txt",
            date(2025, 10, 28),
            "metadata",
        ),
        (
            "# T one two\n\nOctober 27, 2025\n\nBody.\n\nhttps://x.example/2025/10/25/a",
            "2025-10-26.txt",
            date(2025, 10, 27),
            "text",
        ),
        ("# T one two\n\nMOSCOW, October 27, 2025 (Agency) - Body.", "a.txt", date(2025, 10, 27), "text"),
        (
            "# Заголовок статьи\n\n27 октября 2025 года\n\nТекст о самолётах и базе.",
            "a.txt",
            date(2025, 10, 27),
            "text",
        ),
        (
            "# T one two\n\nBody.\n\nOriginal url: https://x.example/2025/10/25/a",
            "2025-10-26.txt",
            date(2025, 10, 25),
            "url",
        ),
        ("# T one two\n\nBody.", "note_20251026_x.txt", date(2025, 10, 26), "file_name"),
        ("# T one two\n\nDate: 2025-10-28\n\nBody.", "2025-10-26.txt", date(2025, 10, 28), "metadata"),
        ("Date: 2025-10-28\nTitle: T one two\n\nBody.", "a.txt", date(2025, 10, 28), "metadata"),
        ('---\ntitle: T one two\ndate: "2025-10-28"\n---\n\nBody.', "a.md", date(2025, 10, 28), "metadata"),
        ("# T one two\nPublished on: Oct 28, 2025\n\nBody.", "a.txt", date(2025, 10, 28), "metadata"),
        (
            "# Заголовок статьи\n\nДата публикации: 28 октября 2025 г.\n\nТекст.",
            "a.txt",
            date(2025, 10, 28),
            "metadata",
        ),
        ("# عنوان المقال هنا\nتاريخ النشر: ٢٨ تشرين الأول ٢٠٢٥\n\nنص.", "a.txt", date(2025, 10, 28), "metadata"),
        ("# T one two\nDate: 10/28/2025\n\nBody.", "a.txt", date(2025, 10, 28), "metadata"),
        ("# T one two\n\nBy A. Writer | 10/28/2025 2:00 PM MSK\n\nBody.", "a.txt", date(2025, 10, 28), "text"),
        ("# T one two\nDate: 05/10/2025\nLanguage: en-GB\n\nBody.", "a.txt", date(2025, 10, 5), "metadata"),
        ("# T one two\nDate: 05/10/2025\n\nBody.", "2025-10-05.txt", date(2025, 10, 5), "file_name"),
        (
            "# T one two\nDate: 05/10/2025\n\nBody.\n\nhttps://x.example/2025/05/10/a",
            "2025-10-05.txt",
            date(2025, 5, 10),
            "url",
        ),
        ("# T one two\nDate: 29 Oct 2025 01:30 MSK\n\nBody.", "a.txt", date(2025, 10, 28), "metadata"),
        ("# T one two\nDate: 28 Oct 2025 01:30\n\nBody.", "a.txt", date(2025, 10, 28), "metadata_zone_assumed"),
        ("# T one two\nDate: 2099-01-01\n\nBody.", "2025-10-26.txt", date(2025, 10, 26), "file_name"),
        ("# T one two\nDate: soon\n\nBody.", "2025-10-26.txt", date(2025, 10, 26), "file_name"),
    ],
)
def test_where_the_day_comes_from(tmp_path: Path, content: str, name: str, day: date, basis: str) -> None:
    article = parsed(tmp_path, content, name)
    assert (article.published_at.astimezone(UTC).date(), article.published_basis) == (day, basis)


@pytest.mark.parametrize(
    ("content", "name", "basis"),
    [
        ("# T one two\n\nBody.", "note.txt", "none"),  # the time of the file says nothing
        ("# T one two\n\nBody of 15 December 2024, when a plane stood at the base.", "2099-01-01.txt", "none"),
        ("# T one two\n\nBody.\n\n© 2024 A paper", "a.txt", "none"),
        ("# T one two\n\nBody.\n\nCopyright 29 October 2024", "a.txt", "none"),
        ("# T one two\nDate: soon\n\nBody.", "a.txt", "unreadable"),
        ("# T one two\nDate: Mon, 28 Oct 2025\n\nBody.", "a.txt", "unreadable"),
        ("# T one two\nDate: 2099-01-01\n\nBody.", "a.txt", "future"),
        ("# T one two\nDate: 1970-01-01\n\nBody.", "a.txt", "unreadable"),
    ],
)
def test_a_file_that_states_no_day_to_go_by_has_none(tmp_path: Path, content: str, name: str, basis: str) -> None:
    article = parsed(tmp_path, content, name)
    assert (article.published_at, article.published_basis) == (None, basis)
    assert (article.published_from, article.published_to) == (None, None)


@pytest.mark.parametrize("name", ["a.txt", "2025-10-06.txt"])
def test_an_ambiguous_day_keeps_both_readings_and_no_time(tmp_path: Path, name: str) -> None:
    article = parsed(tmp_path, "# T one two\nDate: 05/10/2025\n\nBody.", name)
    assert (article.published_at, article.published_basis) == (None, "ambiguous")
    assert article.published_days == (date(2025, 5, 10), date(2025, 10, 5))
    assert article.published_from == datetime(2025, 5, 9, 10, tzinfo=UTC)
    assert article.published_to == datetime(2025, 10, 6, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1251", "koi8-r", "iso8859-5"]
)
def test_encodings_of_russian(tmp_path: Path, encoding: str) -> None:
    article = parsed(tmp_path, "Самолёты на базе\n\nИл-76 прибыл на авиабазу Хмеймим.".encode(encoding))
    assert article.text == "Ил-76 прибыл на авиабазу Хмеймим."
    assert article.language == "ru"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("cp1256", "هبطت طائرة إليوشن-76 في قاعدة حميميم الجوية يوم الأربعاء."),
        ("iso8859-6", "هبطت طائرة إليوشن-76 في قاعدة حميميم الجوية يوم الأربعاء."),
        ("cp1255", "מטוס איליושין נחת בבסיס חמיימים ביום רביעי."),
        ("cp1253", "Ένα ρωσικό αεροσκάφος προσγειώθηκε στη βάση την Τετάρτη."),
        ("cp1250", "Rosyjski Ił-76 wylądował w środę w bazie lotniczej, źródła mówią."),
        ("cp1254", "Rus uçağı çarşamba günü Hmeymim hava üssüne indi, görüldüğü bildirildi."),
        ("koi8-u", "Російський літак приземлився на базі Хмеймім у середу, повідомляє видання."),
        ("cp1252", "Un appareil s'est posé à la base aérienne de Hmeimim, près de Lattaquié."),
    ],
)
def test_encodings_are_told_by_their_letters(tmp_path: Path, encoding: str, body: str) -> None:
    article = parsed(tmp_path, f"{body[:20]}\nDate: 2025-10-29\n\n{body}".encode(encoding))
    assert article.text == body
    assert article.published_at == datetime(2025, 10, 29, tzinfo=UTC)


def test_utf_8_with_a_damaged_letter_stays_utf_8(tmp_path: Path) -> None:
    damaged = "Самолёты на базе\n\nИл-76 прибыл на авиабазу Хмеймим в среду.".encode()[:-3] + b"."
    assert "Хмеймим" in parsed(tmp_path, damaged).text


@pytest.mark.parametrize(
    ("broken", "whole"),
    [
        ("Hmei-\nmim", "Hmeimim"),
        ("Hmei-\r\n  mim", "Hmeimim"),
        ("Hmei\u00ad\nmim", "Hmeimim"),
        ("Hmei\u00admim", "Hmeimim"),
        ("Hmei\u200bmim", "Hmeimim"),
        ("HMEI-\nMIM", "Hmeimim"),
        ("Hm\u2010\nei-\nmim", "Hmeimim"),
        ("Hmeimim-\nbased", "Hmeimim"),
        ("Хмей-\nмим", "Хмеймим"),
        ("حميـميم", "حميميم"),
    ],
)
@pytest.mark.parametrize("name", ["a.txt", "a.html", "a.eml"])
def test_names_broken_at_a_line_s_end_are_found(tmp_path: Path, broken: str, whole: str, name: str) -> None:
    sentence = f"A Russian aircraft, an Il-\n76, landed on Sunday at the air base {broken}, as many people saw."
    content = {
        "a.txt": f"# Aircraft\nDate: 2025-10-30\n\n{sentence}\n",
        "a.html": '<html><head><meta property="article:published_time" content="2025-10-30T12:00:00Z"></head><body>'
        f"<article><h1>Aircraft</h1><p>{sentence} {FILLER}</p></article></body></html>",
        "a.eml": "Subject: Aircraft\nDate: Thu, 30 Oct 2025 12:00:00 +0000\nContent-Type: text/plain; charset=utf-8\n"
        f"Content-Transfer-Encoding: 8bit\n\n{sentence}\n",
    }[name]
    (tmp_path / name).write_bytes(content.encode())
    events = run(tmp_path)
    (mention,) = rows(events, "news_mentions")
    assert (mention["base_id"], mention["matched_alias"]) == ("hmeimim", whole)
    (claim,) = rows(events, "news_claims")
    assert (claim["type_code"], claim["claimed_from"]) == ("IL76", date(2025, 10, 26))


def test_compounds_at_a_line_s_end_keep_their_hyphen(tmp_path: Path) -> None:
    body = "Russian military flights to Hmeimim air base resumed after a six-\nmonth pause, with an An-\n124 on Sunday."
    article_file(tmp_path, "a.txt", body=body)
    pause = next(row for row in rows(run(tmp_path), "news_claims") if row["claim"] == "pause")
    assert pause["duration_days"] == 183
    assert "six-month" in pause["statement"] and "An-124" in pause["statement"]


def test_western_text_is_not_taken_for_russian(tmp_path: Path) -> None:
    content = "L'aéroport rouvert à Lattaquié\n\nUn appareil s'est posé à la base aérienne de Hmeimim."
    assert parsed(tmp_path, content.encode("cp1252")).text == "Un appareil s'est posé à la base aérienne de Hmeimim."


def test_right_to_left_text(tmp_path: Path) -> None:
    article = parsed(
        tmp_path, "\u200fطائرات في حميميم\n\n\u200fهبطت طائرة إليوشن-76 في قاعدة حميميم يوم 26 أكتوبر 2025."
    )
    assert article.language == "ar"


def test_html(tmp_path: Path) -> None:
    page = f"""<!doctype html><html lang="de"><head><meta charset="windows-1251"><title>Planes return | One</title>
    <meta property="og:title" content="Planes return to the base">
    <meta property="article:published_time" content="2025-10-30T08:00:00Z">
    <link rel="canonical" href="https://one.example/planes"></head><body><nav>Menu: Latakia port</nav>
    <article><h1>Planes return to the base</h1><p>{BODY} {"It was seen by many people near the gate. " * 8}</p>
    <script>alert("Engels air base")</script></article><footer>About us</footer></body></html>"""
    article = parsed(tmp_path, page.encode("cp1251"), "a.html")
    assert article.title is not None and article.title.startswith("Planes return")
    assert article.language == "en"  # the text's own, not the template's
    assert (article.published_at, article.published_basis) == (datetime(2025, 10, 30, 8, tzinfo=UTC), "metadata")
    assert article.url == "https://one.example/planes"
    assert BODY in article.text and "Engels" not in article.text


@pytest.mark.parametrize(
    ("head", "shown", "at", "basis"),
    [
        ('<script type="application/ld+json">{"@graph":[{"@type":"NewsArticle","dateModified":"2025-11-05T00:00:00Z",'
         '"datePublished":"2025-10-29T01:30:00+03:00"}]}</script>', "", "2025-10-28 22:30", "metadata"),
        ('<meta name="pubdate" content="29 Oct 2025 14:00 MSK">', "", "2025-10-29 11:00", "metadata"),
        ("", '<time datetime="2025-10-29T14:00:00+03:00">yesterday</time>', "2025-10-29 11:00", "metadata"),
        ("", '<span class="post-date">October 29, 2025</span>', "2025-10-29 00:00", "metadata"),
        ("", '<div class="date">Опубликовано: 29 октября 2025</div>', "2025-10-29 00:00", "text"),
        ("", '<p class="date">05/10/2025</p>', None, "ambiguous"),
        ('<meta property="article:published_time" content="05/10/2025">', "", None, "ambiguous"),
        ('<meta property="article:published_time" content="soon">', "", None, "unreadable"),
        ('<meta property="article:modified_time" content="2025-11-05T00:00:00Z">', "", None, "none"),
        ("", "", None, "none"),
    ],
)  # fmt: skip
def test_the_day_of_a_page_is_what_it_states_and_never_its_copyright(
    tmp_path: Path, head: str, shown: str, at: str | None, basis: str
) -> None:
    page = f"""<html><head><title>Planes return</title>{head}</head><body><article><h1>Planes return</h1>{shown}
    <p>{BODY} {FILLER}</p></article><footer>&copy; 2024 One Media. Updated 2024-02-03.</footer></body></html>"""
    article = parsed(tmp_path, page, "a.html")
    stated = article.published_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M") if article.published_at else None
    assert (stated, article.published_basis) == (at, basis)


def test_a_page_that_states_its_region_orders_its_numbers(tmp_path: Path) -> None:
    page = f"""<html lang="en-GB"><head><title>Planes return</title></head><body><article><h1>Planes return</h1>
    <p class="date">05/10/2025</p><p>{BODY} {FILLER}</p></article></body></html>"""
    article = parsed(tmp_path, page, "a.html")
    assert (article.published_at, article.published_basis) == (datetime(2025, 10, 5, tzinfo=UTC), "metadata")


OTHER_DAY = "2025-11-17T09:30:00Z"
OTHERS_LIST = json.dumps(
    {"@type": "ItemList", "itemListElement": [{"@type": "ListItem", "item": {"datePublished": OTHER_DAY}}]}
)
OTHER_WORK = json.dumps({"@type": "NewsArticle", "headline": "A ferry is late again", "datePublished": OTHER_DAY})


@pytest.mark.parametrize(
    "other",
    [
        f'<aside><time datetime="{OTHER_DAY}">17 November 2025</time> A ferry is late</aside>',
        f'<nav><time datetime="{OTHER_DAY}">17 November 2025</time></nav>',
        f'<footer><time datetime="{OTHER_DAY}">17 November 2025</time></footer>',
        f'<header><time datetime="{OTHER_DAY}">17 November 2025</time></header>',
        "<header>Monday, 17 November 2025 | Weather 7C</header>",
        "<div>Today is Monday, 17 November 2025</div>",
        "<div><b>Сегодня</b> <i>17 ноября 2025</i></div>",
        "<div>Now: 17 November 2025, 09:30</div>",
        f'<div id="comments-1"><time datetime="{OTHER_DAY}">17 Nov</time> Well said</div>',
        f'<ul class="x comment-list"><li><span itemprop="datePublished" content="{OTHER_DAY}">then</span></li></ul>',
        f'<div><article><time datetime="{OTHER_DAY}">17 Nov</time> A ferry is late</article></div>',
        f'<script type="application/ld+json">{OTHERS_LIST}</script>',
        f'<script type="application/ld+json">{OTHER_WORK}</script>',
    ],
)
@pytest.mark.parametrize("is_before", [True, False])
@pytest.mark.parametrize(
    ("shown", "day"),
    [("", None), ("<p>29 October 2025</p>", "2025-10-29"), ("<time datetime=2025-10-29></time>", "2025-10-29")],
)
def test_the_times_of_other_works_and_of_the_reader_are_not_the_page_s(
    tmp_path: Path, other: str, is_before: bool, shown: str, day: str | None
) -> None:
    article = f"<article><h1>Planes return to the field</h1>{shown}<p>{BODY} {FILLER}</p></article>"
    parts = other + article if is_before else article + other
    page = f"<html><head><title>Planes return to the field</title></head><body>{parts}</body></html>"
    read = parsed(tmp_path, page, "a.html")
    assert (f"{read.published_at:%Y-%m-%d}" if read.published_at else None) == day, read.published_basis


@pytest.mark.parametrize(
    "own",
    [
        {"headline": "Planes return to the field"},
        {"headline": "Planes return to the fie"},
        {"headline": "Field: planes are back", "url": "https://one.example/planes#top"},
        {"mainEntityOfPage": {"@id": "https://one.example/planes"}},
        {},
    ],
)
def test_the_work_of_json_ld_that_is_the_page_s_gives_its_time(tmp_path: Path, own: dict[str, Any]) -> None:
    work = json.dumps([json.loads(OTHER_WORK), {"@type": "NewsArticle", "datePublished": "2025-10-29T10:00Z", **own}])
    page = f"""<html><head><title>Planes return to the field - One</title><link rel="canonical"
    href="https://one.example/planes"><script type="application/ld+json">{work}</script></head><body><div>
    <h1>Planes return to the field</h1><p>{BODY} {FILLER}</p></div></body></html>"""
    read = parsed(tmp_path, page, "a.html")
    assert (read.published_at, read.published_basis) == (datetime(2025, 10, 29, 10, tzinfo=UTC), "metadata")


# ---- mail


def mail(body: str, *headers: str, charset: str = "utf-8", encoding: str = "8bit", kind: str = "plain") -> bytes:
    head = ["From: Desk <desk@one.example>", *headers, "MIME-Version: 1.0"]
    head += [f"Content-Type: text/{kind}; charset={charset}", f"Content-Transfer-Encoding: {encoding}"]
    raw = body.encode(charset)
    if encoding == "base64":
        raw = base64.encodebytes(raw)
    if encoding == "quoted-printable":
        raw = quopri.encodestring(raw)
    return "\n".join(head).encode() + b"\n\n" + raw


@pytest.mark.parametrize(
    ("data", "title"),
    [
        (mail(RUSSIAN, "Subject: =?koi8-r?B?88HNz8zF1Nk=?=", "Date: Wed, 29 Oct 2025 01:30:00 MSK",
              charset="koi8-r", encoding="base64"), "Самолеты"),
        (mail(RUSSIAN, "Subject: =?utf-8?Q?=D0=A1=D0=B0=D0=BC?=", "Date: Wed, 29 Oct 2025 01:30:00 +0300",
              encoding="quoted-printable"), "Сам"),
        (mail(f"<html><body><p>{RUSSIAN}</p></body></html>", "Subject: Planes", "Date: Tue, 28 Oct 2025 22:30:00 GMT",
              kind="html", charset="cp1251", encoding="base64"), "Planes"),
        (mail(RUSSIAN, "Subject: Planes", "Date: Tue, 28 Oct 2025 22:30:00 -0000"), "Planes"),
    ],
)  # fmt: skip
def test_mail_gives_its_subject_its_time_and_its_text(tmp_path: Path, data: bytes, title: str) -> None:
    article = parsed(tmp_path, data, "a.EML")
    assert (article.title, article.text.strip()) == (title, RUSSIAN)
    assert article.published_at.astimezone(UTC) == datetime(2025, 10, 28, 22, 30, tzinfo=UTC)
    assert article.published_basis == "metadata"


def test_the_text_of_a_mail_goes_before_its_page_and_attachments_are_left_out(tmp_path: Path) -> None:
    data = (
        "Subject: Planes\nDate: Wed, 29 Oct 2025 14:00:00 +0300\nMIME-Version: 1.0\n"
        'Content-Type: multipart/mixed; boundary="m"\n\n--m\nContent-Type: multipart/alternative; boundary="a"\n\n'
        f"--a\nContent-Type: text/html\n\n<p>Engels air base</p>\n--a\nContent-Type: text/plain\n\n{BODY}\n"
        "Original url: https://one.example/a\n--a--\n--m\nContent-Type: text/plain\n"
        "Content-Disposition: attachment; filename=b.txt\n\nEngels air base\n--m--\n"
    )
    article = parsed(tmp_path, data, "a.eml")
    assert (article.title, article.text, article.url) == ("Planes", BODY, "https://one.example/a")


@pytest.mark.parametrize(
    ("header", "basis"),
    [
        ("Date: Wed, 29 Oct 2025 14:00:00 Nowhere", "unreadable"),
        ("Date: \udcff", "unreadable"),
        ("Date: 05/10/2025", "ambiguous"),
        ("X: y", "none"),
    ],
)
def test_a_mail_whose_time_cannot_be_read_has_none(tmp_path: Path, header: str, basis: str) -> None:
    data = f"From: a@b.example\nSubject: Planes\n{header}\n\n{BODY}\n".encode("utf-8", "surrogateescape")
    article = parsed(tmp_path, data, "a.eml")
    assert (article.published_at, article.published_basis) == (None, basis)


INNER = "From: Desk <d@one.example>\n{}: Wed, 29 Oct 2025 01:30:00 +0300\nSubject: Planes\n\n"


@pytest.mark.parametrize(
    ("subject", "before", "is_dated"),
    [
        ("Fwd: Planes", "See below.\n\n---------- Forwarded message ---------\n" + INNER.format("Date"), True),
        ("FW: Planes", "-----Original Message-----\n" + INNER.format("Sent"), True),
        ("Re: Пересл: Planes", "-------- Пересылаемое сообщение --------\n" + INNER.format("Дата"), True),
        ("Planes", "Begin forwarded message:\n\n> " + INNER.format("Date").replace("\n", "\n> ") + "\n", True),
        ("Fwd: Planes", "See below.\n\n", False),
        ("Planes", "---------- Forwarded message ---------\nFrom: Desk <d@one.example>\n\n", False),
    ],
)
@pytest.mark.parametrize("kind", ["plain", "html"])
def test_a_forwarded_mail_has_the_time_of_the_mail_inside_it_or_none(
    tmp_path: Path, subject: str, before: str, is_dated: bool, kind: str
) -> None:
    body = before + BODY + " " + FILLER
    if kind == "html":
        body = f"<html><body><div>{body.replace('<', '&lt;').replace(chr(10), '<br>')}</div></body></html>"
    headers = (f"Subject: {subject}", "Date: Mon, 17 Nov 2025 09:30:00 +0000")
    article = parsed(tmp_path, mail(body, *headers, kind=kind), "a.eml")
    inner = datetime(2025, 10, 28, 22, 30, tzinfo=UTC) if is_dated else None
    assert (article.published_at, article.published_basis) == (inner, "metadata" if is_dated else "none")


def test_a_mail_attached_to_a_mail_gives_the_time(tmp_path: Path) -> None:
    data = (
        "Subject: Planes\nFrom: a@b.example\nDate: Mon, 17 Nov 2025 09:30:00 +0000\nMIME-Version: 1.0\n"
        f'Content-Type: multipart/mixed; boundary="m"\n\n--m\nContent-Type: text/plain\n\n{BODY}\n--m\n'
        "Content-Type: message/rfc822\n\nSubject: Planes\nDate: Wed, 29 Oct 2025 01:30:00 +0300\n\nMore.\n--m--\n"
    )
    assert parsed(tmp_path, data, "a.eml").published_at == datetime(2025, 10, 28, 22, 30, tzinfo=UTC)


def test_a_saved_page_is_dated_by_the_page_and_not_by_the_day_of_saving(tmp_path: Path) -> None:
    head = (
        "From: <Saved by a browser>\nSnapshot-Content-Location: https://one.example/planes\nSubject: Planes return\n"
        'Date: Mon, 3 Nov 2025 10:00:00 -0000\nMIME-Version: 1.0\nContent-Type: multipart/related; type="text/html"; '
        'boundary="b"\n\n--b\nContent-Type: text/html\nContent-Transfer-Encoding: quoted-printable\n\n'
    )
    meta = '<meta property=3D"article:published_time" content=3D"2025-10-30T08:00:00Z">'
    page = "<html><head>{}</head><body><article><h1>Planes return</h1><p>{} {}</p></article></body></html>\n--b--\n"
    article = parsed(tmp_path, head + page.format(meta, BODY, FILLER), "a.mhtml")
    assert (article.published_at, article.url) == (datetime(2025, 10, 30, 8, tzinfo=UTC), "https://one.example/planes")
    undated = parsed(tmp_path, head + page.format("", BODY, FILLER), "a.mht")
    assert (undated.published_at, undated.published_basis) == (None, "none")


@pytest.mark.parametrize(
    ("content", "name", "reason"),
    [
        (b"", "a.txt", "no text"),
        (b" \n\t\n", "a.md", "no text"),
        (b"\x01\x00\x02\x03binary", "a.txt", "binary"),
        (b"PK\x03\x04\x00\x00binary", "a.txt", "a zip file or an Office document"),
        (b"%PDF-1.7\n", "a.txt", "a PDF"),
        (b"<html><body></body></html>", "a.html", "no article"),
        (b"", "a.html", "no article"),
        (b"no header at all", "a.eml", "no mail"),
        (b"PK\x03\x04", "a.docx", r"no reader for \.docx files: save it as text"),
        (b"%PDF-1.7", "a.pdf", r"no reader for \.pdf files"),
        (b"text", "README", "a name without an ending"),
    ],
)
def test_what_is_no_article(tmp_path: Path, content: bytes, name: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parsed(tmp_path, content, name)


def test_a_huge_file_is_no_article(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    with file.open("wb") as handle:
        handle.truncate(articles.LARGEST + 1)
    with pytest.raises(ValueError, match="larger"):
        articles.parse(file, "a.txt", NOW)


# ---- a folder


def article_file(folder: Path, name: str, day: str = "2025-10-30", body: str = BODY, tail: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"# A title of {name}\nDate: {day}\n\n{body}\n\n{tail}\n", encoding="utf-8")


def test_articles_become_rows_filed_under_their_day(tmp_path: Path) -> None:
    article_file(tmp_path / "sub", "a.txt", "2025-10-30", tail="Original url: https://one.example/a")
    article_file(tmp_path, "b.md", "2025-11-02", body="Nothing of note happened.")
    article_file(tmp_path, "old.txt", "2020-01-01")
    article_file(tmp_path, ".hidden.txt")
    article_file(tmp_path, "style.css")
    article_file(tmp_path, "photo.JPG")
    events = run(tmp_path)
    [row] = rows(events, "news_articles")
    assert (row["day"], row["url"], row["origin_file"]) == (date(2025, 10, 30), "https://one.example/a", "sub/a.txt")
    assert row["origin_sha256"] == hashlib.sha256((tmp_path / "sub" / "a.txt").read_bytes()).hexdigest()
    assert row["origin_place"] is None, "the file is the article"
    assert [mention["base_id"] for mention in rows(events, "news_mentions")] == ["hmeimim"]
    [claim] = rows(events, "news_claims")
    assert (claim["type_code"], claim["claimed_from"], claim["claim_no"]) == ("IL76", date(2025, 10, 26), 1)
    assert {day: (note.status, note.records_read, note.records_kept) for day, note in days(events).items()} == {
        date(2025, 10, 30): ("ok", 1, 1),
        date(2025, 11, 2): ("ok", 1, 0),
    }


def test_one_bad_file_spoils_nothing(tmp_path: Path) -> None:
    article_file(tmp_path, "good.txt")
    (tmp_path / "bad.txt").write_bytes(b"\x00\x01\x02")
    (tmp_path / "empty.html").write_bytes(b"")
    events = run(tmp_path)
    assert len(rows(events, "news_articles")) == 1
    rejects = [event for event in events if isinstance(event, Reject)]
    assert [(reject.where, reject.day) for reject in rejects] == [
        ("bad.txt", WINDOW.until),
        ("empty.html", WINDOW.until),
    ]
    noted = days(events)
    assert noted[date(2025, 10, 30)].status == "ok"
    assert (noted[WINDOW.until].status, noted[WINDOW.until].records_rejected) == ("partial", 2)


@pytest.mark.parametrize(
    "name", ["notes.pdf", "notes.docx", "notes.doc", "notes.rtf", "notes.odt", "notes.json", "LICENCE"]
)
def test_a_file_that_no_reader_takes_is_named(tmp_path: Path, name: str) -> None:
    article_file(tmp_path, "good.txt")
    article_file(tmp_path, name)
    events = run(tmp_path)
    (reject,) = [event for event in events if isinstance(event, Reject)]
    assert reject.where == name
    assert days(events)[WINDOW.until].status == "partial"
    given = context(tmp_path)
    ignoring = replace(given, settings=given.settings.model_copy(update={"ignore": ["notes.*", "LICENCE"]}))
    assert [file.url for file in articles.fetch(WINDOW, ignoring).files] == ["good.txt"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "states no date of publication: write a line `Date: YYYY-MM-DD` under the title"),
        ("Date: soon", "its date 'soon' cannot be read or believed"),
        ("Date: 2099-01-01", "its date '2099-01-01' lies in the future"),
    ],
)
def test_an_article_without_a_day_to_go_by_is_rejected_by_name_where_it_names_a_base(
    tmp_path: Path, line: str, why: str
) -> None:
    (tmp_path / "a.txt").write_text(f"A title here\n{line}\n\n{BODY}\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text(f"A title here\n{line}\n\nNothing of note happened.\n", encoding="utf-8")
    events = run(tmp_path)
    (reject,) = [event for event in events if isinstance(event, Reject)]
    assert (reject.where, why in reject.reason) == ("a.txt", True)
    assert rows(events, "news_articles") == []


def test_an_ambiguous_article_is_kept_without_a_time_under_a_day_that_it_can_mean(tmp_path: Path) -> None:
    body = f"{BODY} Flights resumed after a six-month pause."
    article_file(tmp_path, "a.txt", "05/10/2025", body=body)
    for window, filed in (
        (WINDOW, date(2025, 10, 5)),
        (Window("articles", date(2025, 5, 1), date(2025, 9, 30)), date(2025, 5, 10)),
    ):
        events = run(tmp_path, window)
        (row,) = rows(events, "news_articles")
        assert (row["day"], row["published_at"], row["published_basis"]) == (filed, None, "ambiguous")
        assert row["published_from"] == datetime(2025, 5, 9, 10, tzinfo=UTC)
        assert row["published_to"] == datetime(2025, 10, 6, 12, tzinfo=UTC)
        claims = rows(events, "news_claims")
        assert {claim["claim"] for claim in claims} == {"flight", "pause", "resumption"}
        assert {(claim["claimed_from"], claim["claimed_to"]) for claim in claims} == {(None, None)}
        assert days(events)[filed].status == "ok"
    assert rows(run(tmp_path, Window("articles", date(2025, 6, 1), date(2025, 9, 30))), "news_articles") == []


def test_weekdays_are_counted_from_the_day_where_the_article_was_published(tmp_path: Path) -> None:
    article_file(tmp_path, "a.txt", "Wed, 29 Oct 2025 01:30:00 MSK", body="An Il-76 landed at Hmeimim on Wednesday.")
    events = run(tmp_path)
    (row,) = rows(events, "news_articles")
    assert row["published_at"] == datetime(2025, 10, 28, 22, 30, tzinfo=UTC)
    (claim,) = rows(events, "news_claims")
    assert claim["claimed_from"] == date(2025, 10, 29)


def test_the_time_of_the_file_changes_nothing(tmp_path: Path) -> None:
    article_file(tmp_path, "a.txt")
    (tmp_path / "b.txt").write_text(f"A title here\n\n{BODY}\n", encoding="utf-8")
    told = []
    for stamp in (1_700_000_000, 1_761_000_000):
        for name in ("a.txt", "b.txt"):
            os.utime(tmp_path / name, (stamp, stamp))
        told.append([rows(run(tmp_path), "news_articles"), days(run(tmp_path))])
    assert told[0] == told[1]


def test_a_file_that_cannot_be_opened_is_rejected(tmp_path: Path) -> None:
    article_file(tmp_path, "good.txt")
    article_file(tmp_path, "gone.txt")
    given = context(tmp_path)
    landed = articles.fetch(WINDOW, given)
    (tmp_path / "gone.txt").unlink()
    events = list(articles.decode(landed, given))
    assert [event.where for event in events if isinstance(event, Reject)] == ["gone.txt"]
    assert len(rows(events, "news_articles")) == 1


def test_two_files_of_one_article_are_one_and_the_longer_is_read(tmp_path: Path) -> None:
    article_file(
        tmp_path, "a.txt", body="Hmeimim was named.", tail="Original url: https://www.one.example/a?utm_source=x"
    )
    article_file(tmp_path, "b.txt", tail="Original url: http://one.example/a/")
    article_file(tmp_path, "c.txt", body="Hmeimim was.", tail="Original url: https://m.one.example/a")
    events = run(tmp_path)
    assert [row["origin_file"] for row in rows(events, "news_articles")] == ["b.txt"]
    assert days(events)[date(2025, 10, 30)].records_read == 3
    assert days(events)[date(2025, 10, 30)].records_kept == 1


def test_hostile_file_names_are_only_text(tmp_path: Path) -> None:
    names: Iterator[bytes] = iter(
        [b"<script>alert(1)<\n>.txt", b"\xff\xfe.txt", "\u202etxt.exe.txt".encode(), b"'; DROP.txt"]
    )
    for name in names:
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as handle:  # noqa: PTH118, PTH123 - a name of bytes
            handle.write(f"# A title\nDate: 2025-10-30\n\n{BODY} {name!r}\n".encode())
    found = {row["origin_file"] for row in rows(run(tmp_path), "news_articles")}
    assert len(found) == 4
    for name in found:
        assert name.encode("utf-8").decode("utf-8").isprintable()


def test_an_empty_folder_is_a_day_without_articles(tmp_path: Path) -> None:
    [note] = run(tmp_path)
    assert isinstance(note, Day) and (note.day, note.status) == (WINDOW.until, "empty")


def test_the_same_folder_gives_the_same_rows_whatever_the_hour(tmp_path: Path) -> None:
    article_file(tmp_path, "a.txt")
    given = context(tmp_path)
    later = replace(given, now=datetime(2025, 12, 2, tzinfo=UTC))
    one = list(articles.decode(articles.fetch(WINDOW, given), given))
    other = list(articles.decode(articles.fetch(WINDOW, later), later))
    assert [rows(one, table) for table in ("news_articles", "news_claims")] == [
        rows(other, table) for table in ("news_articles", "news_claims")
    ]
    assert days(one) == days(other)


def test_a_location_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        articles.fetch(WINDOW, context(tmp_path / "nowhere"))
    unset = context(None)
    with pytest.raises(SourceError, match=r"set sources\.articles\.location"):
        articles.fetch(WINDOW, unset)
