"""The `articles` source: files of many makes in a folder, hostile names and bytes included."""

from __future__ import annotations

import hashlib
import os
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
        ("# T one two\n\nBody.", "note.txt", date(2023, 11, 14), "file_time"),
        (
            "# T one two\n\nBody about a file of 15 December 2024, when a plane stood at the base.",
            "2099-01-01.txt",
            date(2023, 11, 14),
            "file_time",
        ),
        ("# T one two\nDate: soon\n\nBody.", "2025-10-26.txt", date(2025, 10, 26), "file_name"),
    ],
)
def test_where_the_day_comes_from(tmp_path: Path, content: str, name: str, day: date, basis: str) -> None:
    article = parsed(tmp_path, content, name)
    assert (article.published_at.date(), article.published_basis) == (day, basis)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1251"])
def test_encodings_of_russian(tmp_path: Path, encoding: str) -> None:
    article = parsed(tmp_path, "Самолёты на базе\n\nИл-76 прибыл на авиабазу «Хмеймим».".encode(encoding))
    assert article.text == "Ил-76 прибыл на авиабазу «Хмеймим»."
    assert article.language == "ru"


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
    assert article.published_at.date() == date(2025, 10, 30) and article.published_basis == "metadata"
    assert article.url == "https://one.example/planes"
    assert BODY in article.text and "Engels" not in article.text


@pytest.mark.parametrize(
    ("content", "name", "reason"),
    [
        (b"", "a.txt", "no text"),
        (b" \n\t\n", "a.md", "no text"),
        (b"PK\x03\x04\x00\x00binary", "a.txt", "binary"),
        (b"<html><body></body></html>", "a.html", "no article"),
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
    article_file(tmp_path, "notes.pdf")
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
