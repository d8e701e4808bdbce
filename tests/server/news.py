"""GDELT's DOC API and raw files, and feeds of outlets, answering from lists of articles."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from xml.sax.saxutils import escape

from server.core import Host, Reply, Request, reply_json

SLOT = timedelta(minutes=15)


@dataclass(frozen=True)
class Story:
    """An article on the web. `english` is what GDELT's translation of the body holds; times UTC."""

    url: str
    title: str
    seen_at: datetime
    english: str = ""
    language: str = "English"
    country: str = "Russia"

    @property
    def domain(self) -> str:
        """The host without www."""
        return re.sub(r"^https?://(www\.)?([^/]+).*", r"\2", self.url)


class BadQuery(Exception):
    """A query that the DOC API refuses, with its words."""


class Doc:
    """DOC 2.0: no paging, 250 records at most, one request in five seconds, errors as text at status 200."""

    PATH = "/api/v2/doc/doc"
    LIMITED = b"Please limit requests to one every 5 seconds or contact kalev.leetaru5@gmail.com for larger queries.\n"

    def __init__(self, clock: Any, stories: list[Story]) -> None:
        self.stories = stories
        self.clock = clock
        self.all_articles = 4000  # of all languages, in each step of a timeline
        self.dead_steps: set[str] = set()  # steps of a timeline in which GDELT monitored nothing
        self.sulks_until = 0.0
        self.penalty_seconds = 60.0
        self.last = -1e9
        self.host = Host("gdelt doc", self._serve, clock)

    def _serve(self, request: Request) -> Reply:
        if request.path != self.PATH:
            return Reply(404, b"<html><title>404 Not Found</title></html>", "text/html")
        now = self.clock()
        early = now - self.last < 5
        self.last = now
        if early or now < self.sulks_until:
            if early:
                self.host.violations.append(f"two requests within five seconds, at {now}")
            self.sulks_until = now + self.penalty_seconds  # asking again too early starts the penalty anew
            return Reply(429, self.LIMITED, "text/plain")
        query = request.one("query") or ""
        mode = (request.one("mode") or "").lower()
        try:
            test = _parsed(query)
            most = int(request.one("maxrecords") or 75)
            if most > 250:
                raise BadQuery("Invalid number of records requested.")
            since, until = (_compact(request.one(f"{end}datetime") or "") for end in ("start", "end"))
        except BadQuery as refusal:
            self.host.violations.append(f"{refusal} {query}")
            return Reply(200, f"{refusal}\n".encode(), "text/html")
        except ValueError:
            self.host.violations.append(f"no time window: {request.query}")
            return Reply(200, b"Invalid datetime.\n", "text/html")
        if request.one("format") != "json":
            return Reply(200, b"<html><body>results</body></html>", "text/html")
        found = [story for story in self.stories if since <= story.seen_at <= until and test(story)]
        if mode == "artlist":
            return self._articles(found, most)
        if mode == "timelinevolraw":
            return self._timeline(found, since, until, query)
        return Reply(200, b"Invalid mode.\n", "text/html")

    def _articles(self, found: list[Story], most: int) -> Reply:
        found = sorted(found, key=lambda story: (story.seen_at, story.url), reverse=True)[:most]
        rows = [
            {
                "url": story.url,
                "url_mobile": "",
                "title": story.title,
                "seendate": story.seen_at.strftime("%Y%m%dT%H%M%SZ"),
                "socialimage": "",
                "domain": story.domain,
                "language": story.language,
                "sourcecountry": story.country,
            }
            for story in found
        ]
        return reply_json({"articles": rows} if rows else {})

    def _timeline(self, found: list[Story], since: datetime, until: datetime, query: str) -> Reply:
        if until - since >= timedelta(hours=72):
            return reply_json({})
        data = []
        at = since
        while at <= until:
            name = at.strftime("%Y%m%dT%H%M%SZ")
            if name not in self.dead_steps:
                here = sum(at <= story.seen_at < at + SLOT for story in found)
                data.append({"date": name, "value": here, "norm": self.all_articles})
            at += SLOT
        if not found:
            return reply_json({})
        title = {"title": query, "date_resolution": "15m"}
        return reply_json({"query_details": title, "timeline": [{"series": "Article Count", "data": data}]})


def _compact(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)


_TOKEN = re.compile(r'\s*(\(|\)|-?\w+:[\w.]+|"[^"]*"|[^\s()"]+)')


def _parsed(query: str) -> Any:
    """A test of stories, or BadQuery in the API's words."""
    if not 3 <= len(query) <= 250:
        raise BadQuery("Your query was too short or too long.")
    tokens = _TOKEN.findall(query)
    groups: list[list[str]] = []
    place = 0
    while place < len(tokens):
        if tokens[place] == "(":
            try:
                end = tokens.index(")", place)
            except ValueError:
                raise BadQuery("Queries containing OR'd terms must be surrounded by ().") from None
            inside = tokens[place + 1 : end]
            if "OR" not in inside:
                raise BadQuery("Parentheses may only be used around OR'd statements.")
            groups.append([word for word in inside if word != "OR"])
            place = end + 1
        elif tokens[place] == "OR":
            raise BadQuery("Queries containing OR'd terms must be surrounded by ().")
        else:
            groups.append([tokens[place]])
            place += 1
    for term in (term for group in groups for term in group):
        if ":" not in term and len(term.strip('"-')) < 5:
            raise BadQuery("The specified phrase is too short.")
    return lambda story: all(any(_holds(story, term) for term in group) for group in groups)


def _holds(story: Story, term: str) -> bool:
    if term.startswith("sourcelang:"):
        return story.language.lower() == term.removeprefix("sourcelang:").lower()
    words = re.findall(r"\w+", term.lower())
    text = " ".join(re.findall(r"\w+", f"{story.title} {story.english}".lower()))
    return f" {' '.join(words)} " in f" {text} "


# ---- raw files


def gkg_row(
    record: str,
    url: str,
    *,
    title: str = "",
    names: str = "",
    locations: str = "",
    precise: str | None = None,
    language: str | None = None,
    themes: str = "",
    gcam: str = "wc:240",
    domain: str | None = None,
) -> str:
    """A GKG 2.1 row of 27 columns; `record` is `YYYYMMDDHHMMSS-N`, `language` three letters of a translated page."""
    columns = [""] * 27
    columns[0], columns[1], columns[2] = record, record.split("-")[0], "1"
    columns[3] = domain or re.sub(r"^https?://(www\.)?([^/]+).*", r"\2", url)
    columns[4], columns[8], columns[10] = url, themes, locations
    columns[15], columns[17], columns[23] = "-2.5,1.0,3.5,4.5,20.1,0.5,240", gcam, names
    columns[25] = f"srclc:{language}; eng:GT-{language.upper()} 1.0" if language else ""
    extras = f"<PAGE_TITLE>{title}</PAGE_TITLE>" if title else ""
    if precise:
        extras = f"<PAGE_PRECISEPUBTIMESTAMP>{precise}</PAGE_PRECISEPUBTIMESTAMP>" + extras
    columns[26] = f"<PAGE_LINKS>https://example.org/a;https://example.org/b</PAGE_LINKS>{extras}"
    return "\t".join(columns)


def mention_row(event: int, slot: str, url: str, language: str | None = None) -> str:
    """A row of the Mentions table, 16 columns."""
    domain = re.sub(r"^https?://(www\.)?([^/]+).*", r"\2", url)
    told = f"srclc:{language};eng:GT-{language.upper()} 1.0" if language else ""
    return "\t".join(
        [str(event), slot, slot, "1", domain, url, "1", "-1", "40", "12", "1", "60", "2400", "-2.5", told, ""]
    )


def export_row(event: int, slot: str, url: str, *, geo: tuple[str, str, float, float, str] | None = None) -> str:
    """A row of the Events table, 61 columns; `geo`: type, name, latitude, longitude, FeatureID of the action."""
    columns = [""] * 61
    columns[0], columns[1], columns[26], columns[29] = str(event), slot[:8], "0841", "2"
    columns[31], columns[32], columns[33] = "4", "1", "4"
    if geo:
        columns[51], columns[52], columns[56], columns[57], columns[58] = (str(value) for value in geo)
    columns[59], columns[60] = slot, url
    return "\t".join(columns)


def zipped(member: str, rows: list[str | bytes]) -> bytes:
    """A zip with one deflated file of these lines; rows as text are written as UTF-8."""
    body = b"".join((row.encode() if isinstance(row, str) else row) + b"\n" for row in rows)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(member, (2026, 1, 1, 0, 0, 0)), body, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


ENDINGS = {"export": "export.CSV", "mentions": "mentions.CSV", "gkg": "gkg.csv"}


def file_name(slot: str, stream: str, translated: bool = False) -> str:
    """The name of one archive; upper and lower case matter."""
    return f"{slot}.{'translation.' if translated else ''}{ENDINGS[stream]}.zip"


def slots_of(day: str) -> list[str]:
    """The 96 labels of a day given as YYYYMMDD."""
    start = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC)
    return [(start + number * SLOT).strftime("%Y%m%d%H%M%S") for number in range(96)]


class Files:
    """data.gdeltproject.org/gdeltv2/: archives of 15 minutes, lists of them, wrong checksums and holes on demand."""

    ROOT = "/gdeltv2/"

    def __init__(self, clock: Any) -> None:
        self.files: dict[str, bytes] = {}
        self.hidden: set[str] = set()  # archives that answer 404 for now
        self.damaged: dict[str, int] = {}  # archives served with a flipped byte, so many times
        self.clock = clock
        self.etags = True
        self.host = Host("gdelt files", self._serve, clock)

    def fill(self, day: str, streams: tuple[str, ...] = ("gkg", "mentions", "export"), rows: int = 2) -> None:
        """All archives of a day, each with rows that name no base."""
        for slot in slots_of(day):
            for translated in (False, True):
                for stream in streams:
                    self.put(slot, stream, [_filler(slot, stream, number, translated) for number in range(rows)],
                             translated)  # fmt: skip

    def put(self, slot: str, stream: str, rows: list[str | bytes], translated: bool = False) -> str:
        """One archive; returns its name."""
        name = file_name(slot, stream, translated)
        self.files[name] = zipped(name.removesuffix(".zip"), rows)
        return name

    def add(self, slot: str, stream: str, rows: list[str | bytes], translated: bool = False) -> str:
        """More rows for an archive that is there."""
        name = file_name(slot, stream, translated)
        with zipfile.ZipFile(io.BytesIO(self.files[name])) as archive:
            there = archive.read(archive.namelist()[0]).split(b"\n")[:-1]
        return self.put(slot, stream, [*there, *rows], translated)

    def listed(self, translated: bool) -> list[str]:
        """Lines of the master list, oldest first: size, md5, http address."""
        lines = []
        for name, body in sorted(self.files.items()):
            if (".translation." in name) == translated and name not in self.hidden:
                digest = hashlib.md5(body).hexdigest()
                lines.append(f"{len(body)} {digest} http://data.gdeltproject.org/gdeltv2/{name}")
        return lines

    def _serve(self, request: Request) -> Reply:
        name = request.path.removeprefix(self.ROOT)
        translated = name.endswith("-translation.txt")
        if name.startswith("masterfilelist"):
            lines = self.listed(translated)
            lines[len(lines) // 2 : len(lines) // 2] = ["150383 297a16b493de7cf6ca809a7cc31d0b93", "", "garbage"]
            return Reply(200, "\n".join(lines).encode() + b"\n", "text/plain")
        if name.startswith("lastupdate"):
            newest = max((line.split("/")[-1][:14] for line in self.listed(translated)), default="")
            lines = [line for line in self.listed(translated) if f"/{newest}." in line]
            return Reply(200, "\n".join(lines).encode() + b"\n", "text/plain")
        if name in self.hidden or name not in self.files:
            said = b"<?xml version='1.0' encoding='UTF-8'?><Error><Code>NoSuchKey</Code></Error>"
            return Reply(404, said, "application/xml")
        body = self.files[name]
        etag = f'"{hashlib.md5(body).hexdigest()}"' if self.etags else None
        if self.damaged.get(name, 0) > 0:
            self.damaged[name] -= 1
            body = body[:-30] + bytes([body[-30] ^ 1]) + body[-29:]
        return Reply(200, b"", "application/zip", file=body, etag=etag)


def _filler(slot: str, stream: str, number: int, translated: bool) -> str:
    url = f"https://news.example.com/{'t' if translated else 'e'}/{slot}/{number}"
    language = "deu" if translated else None
    if stream == "gkg":
        return gkg_row(f"{slot}-{'T' if translated else ''}{number}", url, title="Budget passed in second reading",
                       names="Finance Committee,12;", language=language)  # fmt: skip
    if stream == "mentions":
        return mention_row(number, slot, url, language)
    return export_row(number, slot, url)


# ---- feeds


@dataclass(frozen=True)
class Item:
    """An entry of a feed; what is None is left out."""

    title: str | None
    link: str | None
    published: str | None = None
    guid: str | None = None
    is_permalink: bool | None = None
    summary: str | None = None
    source: tuple[str, str] | None = None
    extra: str = ""


def rss(items: list[Item], *, language: str | None = "en", head: str = "", cdata_links: bool = False) -> str:
    """An RSS 2.0 document."""
    parts = []
    for item in items:
        fields = []
        if item.title is not None:
            fields.append(f"<title>{escape(item.title)}</title>")
        if item.link is not None:
            link = f"<![CDATA[{item.link}]]>" if cdata_links else escape(item.link)
            fields.append(f"<link>{link}</link>")
        if item.summary is not None:
            fields.append(f"<description>{escape(item.summary)}</description>")
        if item.published is not None:
            fields.append(f"<pubDate>{item.published}</pubDate>")
        if item.guid is not None:
            flag = "" if item.is_permalink is None else f' isPermaLink="{str(item.is_permalink).lower()}"'
            fields.append(f"<guid{flag}>{escape(item.guid)}</guid>")
        if item.source is not None:
            fields.append(f'<source url="{escape(item.source[0])}">{escape(item.source[1])}</source>')
        parts.append(f"<item>{''.join(fields)}{item.extra}</item>")
    told = f"<language>{language}</language>" if language else ""
    spaces = 'xmlns:atom="http://www.w3.org/2005/Atom" xmlns:content="http://purl.org/rss/1.0/modules/content/"'
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n{head}<rss version="2.0" {spaces}><channel><title>An outlet</title>'
        f"<link>https://outlet.example/</link>{told}{''.join(parts)}</channel></rss>"
    )


def atom(items: list[Item]) -> str:
    """An Atom document; `published` is RFC 3339 and goes into `updated`."""
    parts = [
        f"<entry><id>{escape(item.guid or item.link or '')}</id><title>{escape(item.title or '')}</title>"
        f'<link href="{escape(item.link or "")}"/>'
        + (f"<updated>{item.published}</updated>" if item.published else "")
        + (f"<summary>{escape(item.summary)}</summary>" if item.summary else "")
        + "</entry>"
        for item in items
    ]
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en">'
        f"<title>An outlet</title><id>urn:outlet</id>{''.join(parts)}</feed>"
    )


def rfc822(at: datetime) -> str:
    """A date as RSS has it."""
    return format_datetime(at)


@dataclass
class Feed:
    """One feed as its server has it now."""

    body: bytes
    content_type: str | None = "application/rss+xml; charset=utf-8"
    conditional: bool = True
    needs_browser: bool = False
    stuck: bytes | None = None  # what a cache keeps answering to a query without a parameter it does not know
    bodies: list[bytes] = field(default_factory=list)


class Outlets:
    """Hosts of feeds: conditional requests, bot protection, stuck caches."""

    def __init__(self, clock: Any) -> None:
        self.feeds: dict[str, Feed] = {}
        self.clock = clock
        self.host = Host("outlets", self._serve, clock)

    def put(self, path: str, document: str | bytes, **more: Any) -> None:
        """Publish a document at a path, in place of the one before."""
        body = document.encode() if isinstance(document, str) else document
        self.feeds[path] = Feed(body, **more)

    def _serve(self, request: Request) -> Reply:
        feed = self.feeds.get(request.path)
        if feed is None:
            return Reply(404, b"<!DOCTYPE html><html><title>Not found</title></html>", "text/html")
        if "xml" not in request.headers.get("accept", ""):
            self.host.violations.append(f"{request.path}: no XML in Accept")
        if feed.needs_browser and "Mozilla" not in request.headers.get("user-agent", ""):
            return Reply(403, b"<html><title>Access denied</title></html>", "text/html")
        if feed.stuck is not None and not any(name.startswith("_") for name in request.query):
            return Reply(200, feed.stuck, feed.content_type)
        etag = f'"{hashlib.md5(feed.body).hexdigest()}"' if feed.conditional else None
        return Reply(200, feed.body, feed.content_type, etag=etag)
