"""Articles and feeds with the faults that outlets and readers put into them, through the command line.

A stated time is published as it was stated, or the row says why there is none; a file or poll that could not be read is
named, and its day is no silence.
"""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
from dataclasses import dataclass
from typing import Any

import pytest

from wholeruns import Watch

pytestmark = pytest.mark.e2e

CONFIG = """
[warehouse]
root = "warehouse"

[sources.articles]
enabled = true
location = "articles"

[sources.feeds]
enabled = true
location = "polls"

[sources.flight_files]
enabled = true
location = "records"
covers = [{base = "hmeimim", from = "2025-10-01", to = "2025-10-31"}]
"""
RECORDS = (
    "record_id,icao24,registration,callsign,type_code,operator,origin,departed_at,destination,arrived_at,url\n"
    "in-1,15501a,RF-78658,RFF7001,IL76,Air Force,URRP,2025-10-05T02:00:00Z,OSLK,2025-10-05T06:00:00Z,\n"
    "out-1,15501a,RF-78658,RFF7001,IL76,Air Force,OSLK,2025-10-05T09:00:00Z,URRP,2025-10-05T13:00:00Z,\n"
)
LANDED = "A Russian Il-76 transport aircraft landed at the Hmeimim air base on Sunday."

PAGE = (
    "<html><head><title>Transport planes and a page</title></head><body><article><h1>Transport planes and a page</h1>"
    f"<p>{LANDED} {'People near the gate saw it come in. ' * 9}</p></article>"
    "<footer>&copy; 2025 One Media</footer></body></html>"
)
MAIL = """From: desk@one.example
Subject: Transport over the coast at night
Date: Wed, 29 Oct 2025 01:30:00 MSK
Content-Type: text/plain; charset=us-ascii

An Il-76 landed at the air base of Hmei-
mim on Wednesday.
"""
KOI8 = "Транспортный самолёт в Сирии\nДата: 29 октября 2025\n\nВоенный самолёт прибыл на авиабазу Хмеймим.\n"
WIDE = "طائرة نقل في سوريا\nالتاريخ: 29 تشرين الأول 2025\n\nهبطت طائرة نقل روسية في قاعدة حميميم الجوية.\n"
ARTICLES: dict[str, bytes] = {
    "american.txt": b"One transport returns\n\nDate: 10/28/2025\n\nAn Il-76 landed at Hmeimim on Monday.\n",
    "twofold.txt": f"Aircraft seen in Latakia\nDate: 05/10/2025\n\n{LANDED}\n".encode(),
    "british.txt": f"Aircraft over Latakia\nDate: 05/10/2025\nLanguage: en-GB\n\n{LANDED} It left.\n".encode(),
    "silent.md": f"# A transport without a day\n\n{LANDED} Nobody says when.\n".encode(),
    "damaged.txt": f"A transport on some day\nDate: Wed, 28 Oct 2025\n\n{LANDED} It was seen.\n".encode(),
    "later.txt": f"A transport to come\nDate: 2099-10-28\n\n{LANDED} It was filmed.\n".encode(),
    "koi8.txt": KOI8.encode("koi8-r"),
    "wide.txt": WIDE.encode("utf-16-le"),
    "night.eml": MAIL.encode(),
    "page.html": PAGE.encode(),
    "scan.pdf": b"%PDF-1.7 An Il-76 landed at Hmeimim",
    "style.css": b"body { color: red }",
}

HEAD = '<?xml version="1.0" encoding="{}"?><rss version="2.0"><channel><link>https://one.example/en/</link>'
TIMES = {
    "moscow": "Wed, 29 Oct 2025 01:15:00 MSK",
    "kyiv": "Wed, 29 Oct 2025 13:15:00 EET",
    "plus": "Wed, 29 Oct 2025 13:15:00 GMT+3",
    "noon": "Oct 29, 2025 1:15 PM",
    "india": "Wed, 29 Oct 2025 13:15:00 IST",
    "words": "29 октября 2025, 13:15 +0300",
    "both": "05/10/2025 13:15",
    "torn": "Wed, 29 Oct 2025 13:1",
    "ahead": "Sat, 29 Nov 2025 13:15:00 GMT",
    "unsaid": None,
}


def feed(encoding: str = "UTF-8") -> bytes:
    """A feed whose items say in as many ways when they were published; their links are relative."""
    parts = []
    for name, stated in TIMES.items():
        dated = f"<pubDate>{stated}</pubDate>" if stated else ""
        parts.append(f"<item><title>Самолет {name}: Хмеймим</title><link>/news/{name}</link>{dated}</item>")
    return f"{HEAD.format(encoding)}{''.join(parts)}</channel></rss>".encode(encoding)


POLLS = {
    "one-20251031T051500Z.xml": feed("koi8-r"),
    "two-20251031T051500Z.xml": b"<!doctype html><html><head><title>Please sign in</title></head></html>",
    "three-20251031T051500Z.xml": feed()[:-40],
}


@dataclass(frozen=True)
class Ran:
    """A watch after its run, what the run said, and its mentions by title."""

    watch: Watch
    done: subprocess.CompletedProcess[str]
    mentions: dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, bare_environment: dict[str, str]) -> Ran:
    """One run over October 2025."""
    folder = tmp_path_factory.mktemp("news")
    (folder / "basewatch.toml").write_text(CONFIG)
    for name, files in {"articles": ARTICLES, "polls": POLLS, "records": {"a.csv": RECORDS.encode()}}.items():
        (folder / name).mkdir()
        for file, content in files.items():
            (folder / name / file).write_bytes(content)
            os.utime(folder / name / file, (1_761_177_600, 1_761_177_600))  # 2025-10-23: a day that no file states
    watch = Watch(folder, bare_environment)
    done = watch.basewatch("backfill", "--from", "2025-10-01", "--to", "2025-10-31", "--plain")
    told = watch.basewatch("mentions", "--format", "csv")
    rows = csv.DictReader(io.StringIO(told.stdout))
    return Ran(watch, done, {row["title"]: row for row in rows})


def test_the_run_ends_well(ran: Ran) -> None:
    assert ran.done.returncode == 0, ran.done.stderr
    assert "Traceback" not in ran.done.stderr


@pytest.mark.parametrize(
    ("title", "at", "basis"),
    [
        ("One transport returns", "2025-10-28T00:00:00+00:00", "metadata"),
        ("Aircraft seen in Latakia", "", "ambiguous"),
        ("Aircraft over Latakia", "2025-10-05T00:00:00+00:00", "metadata"),
        ("Транспортный самолёт в Сирии", "2025-10-29T00:00:00+00:00", "metadata"),
        ("طائرة نقل في سوريا", "2025-10-29T00:00:00+00:00", "metadata"),
        ("Transport over the coast at night", "2025-10-28T22:30:00+00:00", "metadata"),
        ("Самолет moscow: Хмеймим", "2025-10-28T22:15:00+00:00", "feed"),
        ("Самолет kyiv: Хмеймим", "2025-10-29T11:15:00+00:00", "feed"),
        ("Самолет plus: Хмеймим", "2025-10-29T10:15:00+00:00", "feed"),
        ("Самолет noon: Хмеймим", "2025-10-29T13:15:00+00:00", "feed_zone_assumed"),
        ("Самолет india: Хмеймим", "2025-10-29T07:45:00+00:00", "feed_zone_assumed"),
        ("Самолет words: Хмеймим", "2025-10-29T10:15:00+00:00", "feed"),
        ("Самолет both: Хмеймим", "", "ambiguous"),
        ("Самолет torn: Хмеймим", "", "unreadable"),
        ("Самолет ahead: Хмеймим", "", "future"),
        ("Самолет unsaid: Хмеймим", "2025-10-31T05:15:00+00:00", "seen"),
    ],
)
def test_a_time_is_published_as_it_was_stated_or_not_at_all(ran: Ran, title: str, at: str, basis: str) -> None:
    row = ran.mentions[title]
    assert (row["published_at"], row["published_basis"]) == (at, basis)
    is_bounded = basis in ("ambiguous", "feed_zone_assumed") or (basis == "metadata" and at.endswith("T00:00:00+00:00"))
    assert bool(row["published_from"]) == bool(row["published_to"]) == is_bounded


def test_nothing_else_is_published(ran: Ran) -> None:
    assert len(ran.mentions) == 6 + len(TIMES)
    assert {row["url"] for title, row in ran.mentions.items() if title.startswith("Самолет")} == {
        f"https://one.example/news/{name}" for name in TIMES
    }


def test_mentions_without_a_time_count_in_no_month(ran: Ran) -> None:
    counted = ran.watch.query(
        "SELECT month, mentions FROM base_monthly_activity WHERE base_id = 'hmeimim' AND fleet_id = 'all'"
    )
    dated = [row for row in ran.mentions.values() if row["published_at"]]
    assert {str(month): mentions for month, mentions in counted if mentions} == {"2025-10-01": len(dated)}


def test_an_ambiguous_date_decides_no_claim_and_one_that_is_stated_does(ran: Ran) -> None:
    def verdict(title: str) -> list[tuple[Any, ...]]:
        sql = "SELECT verdict, claimed_from, explanation FROM claim_checks WHERE mention_id = ?"
        return ran.watch.query(sql, ran.mentions[title]["mention_id"])

    ((said, first, why),) = verdict("Aircraft seen in Latakia")
    assert (said, first) == ("no_data", None)
    assert "can be read in more than one way" in why
    ((said, first, why),) = verdict("Aircraft over Latakia")
    assert (said, str(first)) == ("corroborated", "2025-10-05"), why
    ((said, first, _),) = verdict("Transport over the coast at night")
    assert (said, str(first)) == ("contradicted", "2025-10-29"), "Wednesday is counted from where the mail was sent"


def test_what_could_not_be_dated_or_read_is_named_with_its_reason(ran: Ran) -> None:
    rejects = {
        row["where"]: row["reason"]
        for file in sorted((ran.watch.root / "quarantine").glob("*/rejects/*"))
        for row in map(json.loads, file.read_text(encoding="utf-8").splitlines())
    }
    for name, reason in {
        "silent.md": "states no date of publication: write a line `Date: YYYY-MM-DD`",
        "damaged.txt": "its date 'Wed, 28 Oct 2025' cannot be read or believed",
        "later.txt": "its date '2099-10-28' lies in the future",
        "page.html": "states no date of publication",
        "scan.pdf": "no reader for .pdf files",
        "two-20251031T051500Z.xml": "an HTML page titled 'Please sign in'",
        "three-20251031T051500Z.xml": "a feed that is cut short",
    }.items():
        assert reason in rejects[name]
    assert len(rejects) == 7, "style.css is plainly no article"


def test_the_days_of_what_could_not_be_read_are_no_silence(ran: Ran) -> None:
    days = ran.watch.query(
        "SELECT source, day, status, records_rejected FROM source_days WHERE source IN ('articles', 'feeds') "
        "AND status NOT IN ('missing', 'expired') AND day >= DATE '2025-10-30'"
    )
    assert sorted((source, str(day), status, rejected) for source, day, status, rejected in days) == [
        ("articles", "2025-10-31", "partial", 5),
        ("feeds", "2025-10-30", "partial", 2),
    ]
