"""RSS and Atom feeds, polled once a night: what they hold that was not there before.

No feed gives history, so every poll is kept as it came, and a night without a poll is lost (`expired`). An item is new
in a poll where no poll before held it. It keeps the date that it first had, however often the feed dates it anew. The
same item under a new title is a second version beside the first.

A poll belongs to the last day that had ended (or to today, where a run asks for today). Its ledger row stands there;
the items carry the day on which they were published.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import msgspec
import pyarrow as pa

from basewatch.config import Feed, Feeds
from basewatch.durable import write_aside
from basewatch.errors import Damaged, SourceError, containment
from basewatch.lake import notes
from basewatch.lake.events import Day, Event, Reject, Rows
from basewatch.lake.landings import MANIFEST
from basewatch.lake.schemas import TABLES
from basewatch.net import providers
from basewatch.net.client import Answer, Client
from basewatch.net.content import describe, plain
from basewatch.net.faults import HttpFault
from basewatch.net.limits import STATE
from basewatch.news import encodings, stamps
from basewatch.news.reader import Article, Reader, Reading, news_tables
from basewatch.news.text import canonical_url, domain_of, mark_line_ends
from basewatch.sources import scoped
from basewatch.sources.contract import Context, Finding, Grain, Landed, LandedFile, Window, refuse_links
from basewatch.sources.landing import LandedAnswer, Landing, read_manifest

log = logging.getLogger("basewatch.feeds")

CODE = "feeds"
ACCEPT = "application/rss+xml, application/atom+xml, application/xml;q=0.9, text/xml;q=0.8"
LARGEST = 16 << 20  # bytes of one feed
SKEW = timedelta(hours=1)  # a clock may be that far ahead; a later date is a wrong one
AT_ONCE = 64  # hosts
POLL_ENDINGS = (".xml", ".rss", ".atom", ".rdf")
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
UNDATED = ("ambiguous", "unreadable", "future", "none")  # something is stated, and yet no time to go by
READING = 3  # of the index: grows whenever items are read otherwise
FORGET = timedelta(days=90)  # after so long out of its feed an item that comes back is a new one
LONGEST_EXCERPT = 20_000  # characters of an item's text that are read for bases and claims; none of it is stored


# ---- polls


@dataclass(frozen=True)
class Poll:
    """One feed asked once. `path` is None where nothing new came (`status` ok) or nothing at all."""

    feed: str
    at: datetime
    day: date
    status: str
    path: Path | None = None
    sha256: str = ""
    size: int = 0
    charset: str | None = None
    etag: str | None = None
    modified: str | None = None
    url: str = ""
    address: str = ""
    error: str | None = None

    @property
    def name(self) -> str:
        """What tells it from every other poll."""
        return f"{self.at:%Y%m%dT%H%M%S} {self.day} {self.feed} {self.status} {self.sha256[:16]}"


def grain(_: Feeds) -> Grain:
    """One window a day."""
    return "day"


def fetch(window: Window, context: Context[Feeds]) -> Landed:
    """The polls of the window's day: made now where the day is the last one, else as they were kept.

    Raises SourceError where no feed is named, or every one failed. A day gone by without a poll is `expired`.
    """
    settings = context.settings
    faults: list[HttpFault] = []
    timeless: list[str] = []
    if settings.location:
        polls, timeless = _kept_elsewhere(context.path(settings.location))
    else:
        _named(settings)
        if window.until >= context.now.astimezone(UTC).date() - timedelta(days=1):
            faults = _poll(window, context, settings)
        polls = _kept(context.landing / "polls")
    good = {day: [p for p in polls if p.day == day] for day in window.days()}
    good = {day: mine for day, mine in good.items() if any(poll.status == "ok" for poll in mine)}
    if faults and not good:
        raise SourceError("; ".join(map(str, faults)), retryable=any(fault.retryable for fault in faults))
    index = _index(polls, context, min(good, default=window.until))
    files: list[LandedFile] = []
    absent: dict[date, tuple[str, str]] = {}
    for day in window.days():
        if day in good:
            files += _landed(day, good[day], index, context, _timeless_on(day, polls, timeless))
        else:
            faults_of_day = sorted({poll.error for poll in polls if poll.day == day and poll.error})
            why = f"no poll succeeded ({'; '.join(faults_of_day)})" if faults_of_day else "not polled on that day"
            absent[day] = ("expired", f"{why}, and feeds give no history"[:2000])
    return Landed(window, tuple(files), absent)


def _named(settings: Feeds) -> list[Feed]:
    if not settings.feeds:
        raise SourceError(
            f'{CODE}: none is named; add one, for example [[sources.{CODE}.feeds]] name = "moscow-times", '
            'url = "https://www.themoscowtimes.com/rss/news"'
        )
    return settings.feeds


def _poll(window: Window, context: Context[Feeds], settings: Feeds) -> list[HttpFault]:
    """Ask every feed once and keep what came, with what the next poll needs to ask for news only; returns faults."""
    landing = Landing(context, window, f"polls/{context.now.astimezone(UTC):%Y%m%dT%H%M%SZ}")
    before = _kept(context.landing / "polls")
    faults = []
    for feed, answer in zip(_named(settings), _asked(_named(settings), before, context, settings), strict=True):
        request = (feed.name, window.since, window.until, "poll")
        if isinstance(answer, HttpFault):
            faults.append(answer)
            landing.note(*request, "failed", f"{feed.name}: {answer}")
            continue
        if answer.status == 304:
            landing.note(*request, "ok")
            continue
        headers = {key.lower(): value for key, value in answer.headers.items()}
        charset = re.search(r"charset=[\"']?([\w.:-]+)", headers.get("content-type", ""), re.IGNORECASE)
        note = {
            "charset": charset[1] if charset else None,
            "etag": headers.get("etag"),
            "modified": headers.get("last-modified"),
            "address": _address(feed),
        }
        target = landing.path / f"{feed.name}.xml"
        write_aside(target, answer.body)
        digest = hashlib.sha256(answer.body).hexdigest()
        size = len(answer.body)
        landing.keep(LandedFile(target, answer.url, digest, size, context.now, window.until, json.dumps(note)))
        landing.answers.append(LandedAnswer(*request, "ok", target.name))
    landing.finish()
    return faults


def _asked(feeds: list[Feed], before: list[Poll], context: Context[Feeds], settings: Feeds) -> list[Answer | HttpFault]:
    """What each feed answers. Hosts are asked at the same time, the feeds of one host one after the other."""
    by_host: dict[str, list[Feed]] = defaultdict(list)
    for feed in feeds:
        by_host[_host(feed)].append(feed)

    def ask_host(host: str) -> dict[str, Answer | HttpFault]:
        client = _client(settings, host)
        answers: dict[str, Answer | HttpFault] = {}
        for feed in by_host[host]:
            last = next((poll for poll in reversed(before) if poll.feed == feed.name and poll.path), None)
            last = last if last and last.address == _address(feed) else None
            try:
                answers[feed.name] = _ask(client, feed, context, last)
            except HttpFault as fault:
                answers[feed.name] = fault
        return answers

    with ThreadPoolExecutor(min(len(by_host), AT_ONCE)) as pool:
        try:
            answers = {name: answer for of_host in pool.map(ask_host, by_host) for name, answer in of_host.items()}
        except BaseException:
            STATE.ends[CODE] = STATE.clock.monotonic()  # what is under way is not tried again
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [answers[feed.name] for feed in feeds]


def _host(feed: Feed) -> str:
    """The host and port that a feed is asked of."""
    return urlsplit(feed.url).netloc.rpartition("@")[2]


def _client(settings: Feeds, host: str, **changes: Any) -> Client:
    policy = replace(providers.policy(settings), **changes)
    return Client(CODE, headers={"Accept": ACCEPT}, policy=policy, apart=host)


def _ask(client: Client, feed: Feed, context: Context[Feeds], last: Poll | None = None) -> Answer:
    """The feed's bytes, or 304 where nothing changed since the last poll. Raises HttpFault for what is no feed."""
    params = {key: value.replace("{epoch}", f"{context.now.timestamp():.0f}") for key, value in feed.params.items()}
    etag, modified = (last.etag, last.modified) if last else (None, None)
    attempts = client.policy.attempts
    for attempt in range(attempts):
        answer = client.get(feed.url, params, expect="bytes", max_bytes=LARGEST, etag=etag, modified=modified)
        if answer.status == 304 or _is_whole(answer.body):
            return answer
        if attempt + 1 < attempts:
            client.state.clock.sleep(client.policy.first_wait_seconds * 2**attempt)
    what = "a feed that is cut short" if _root(answer.body) else f"{describe(answer.body)} where a feed is due"
    message = f"{CODE}: {answer.url} answered {what}"
    raise HttpFault(message, kind="content", retryable=True)


def _address(feed: Feed) -> str:
    """What makes an earlier answer comparable: a hash over the address and its parameters, which may hold a key."""
    return hashlib.sha256(repr((feed.url, sorted(feed.params.items()))).encode()).hexdigest()[:16]


_ROOT = re.compile(rb"<\s*((?:\w+:)?(?:rss|feed|RDF))[\s>]", re.IGNORECASE)
_DOCTYPE = re.compile(rb"<!DOCTYPE[^\[>]*(?:\[[^\]]*\]\s*)?>", re.IGNORECASE)
_TAIL = 1 << 12  # bytes at the end in which the last tag stands


def _root(body: bytes) -> bytes | None:
    """The name of a feed's first tag, in whatever encoding (UTF-16 has zeros in between); None where it is none."""
    head = body[: 1 << 16].replace(b"\x00", b"")
    at = head.find(b"<")
    while at >= 0:
        if head.startswith(b"<!--", at):
            end = head.find(b"-->", at)
        elif head.startswith(b"<?", at):
            end = head.find(b"?>", at)
        elif doctype := _DOCTYPE.match(head, at):
            end = doctype.end() - 1
        else:
            root = _ROOT.match(head, at)
            return root[1] if root else None
        at = head.find(b"<", end) if end >= 0 else -1
    return None


def _is_whole(body: bytes) -> bool:
    """Whether the bytes are a feed whose first tag is closed: what was cut short must not pass for a shorter feed."""
    root = _root(body)
    tail = body.replace(b"\x00", b"")[-_TAIL:]
    return root is not None and re.search(rb"</\s*" + re.escape(root) + rb"\s*>", tail, re.IGNORECASE) is not None


def _kept(root: Path) -> list[Poll]:
    """Every kept poll below a folder, in the order of time."""
    polls = []
    for path in sorted(root.rglob(MANIFEST)):
        manifest = read_manifest(path)
        if manifest.source != CODE:
            continue
        at = _time_of(path, root)
        for answer in manifest.answers:
            if answer.file is not None and Path(answer.file).name != answer.file:
                raise SourceError(f"{CODE}: {path} names a file outside its folder")
            values = manifest.files.get(answer.file or "", {})
            note = json.loads(values.get("note") or "{}")
            polls.append(
                Poll(
                    answer.scope,
                    manifest.fetched_at(answer.file) if answer.file else at,
                    answer.until,
                    answer.status,
                    path.parent / answer.file if answer.file else None,
                    str(values.get("sha256", "")),
                    int(values.get("size", 0)),
                    error=answer.error,
                    url=str(values.get("url", "")),
                    **{key: note.get(key) for key in ("charset", "etag", "modified")},
                    address=note.get("address") or "",
                )
            )
    return sorted(polls, key=lambda poll: poll.name)


_STAMP = re.compile(r"(?<!\d)(\d{4})-?(\d\d)-?(\d\d)(?:[T_ -]?(\d\d)[:-]?(\d\d)(?:[:-]?(\d\d))?Z?)?(?!\d)")


def _time_of(path: Path, root: Path) -> datetime:
    """The time in a path below a folder. Raises SourceError where it has none."""
    stamped = _stamped(str(path.relative_to(root)))
    if stamped is None:
        raise SourceError(f"{CODE}: {path} has no time in its name, such as 20261001T051500Z")
    return stamped[0]


def _stamped(text: str) -> tuple[datetime, date] | None:
    """The time of a poll and its day by a name: with a time of day the day before, as a night's run would have it."""
    for match in _STAMP.finditer(text):
        year, month, day, hour, minute, second = (int(part) if part else None for part in match.groups())
        try:
            on = date(year or 0, month or 0, day or 0)
            if hour is None:
                return datetime.combine(on, time(23, 59, 59), UTC), on
            return datetime.combine(on, time(hour, minute or 0, second or 0), UTC), on - timedelta(days=1)
        except ValueError:
            continue
    return None


def _kept_elsewhere(root: Path) -> tuple[list[Poll], list[str]]:
    """The polls in a user's folder, and the files that are polls without a time in their names.

    Polls are those that a run landed, or files `<feed>/<time>.xml`, `<feed>-<time>.xml`. The time may be a day alone
    (`2026-10-01`): then the poll is of that day's end. A file of another ending is a poll where its name has a time: if
    it is no feed, the ledger says what it is. Raises SourceError where there is no poll with a time.
    """
    if not root.is_dir():
        raise SourceError(f"{CODE}: {root} is no folder; name one with kept polls, or leave location out")
    if next(root.rglob(MANIFEST), None) is not None:
        return _kept(root), []
    polls = []
    timeless = []
    files = sorted(file for file in root.rglob("*") if file.is_file() and not file.name.startswith("."))
    refuse_links(files, root, CODE)
    for path in files:
        relative = path.relative_to(root)
        stamped = _stamped(str(relative))
        stem = path.with_suffix("").stem if path.suffix.lower() == ".gz" else path.stem
        if stamped is None:
            ending = Path(path.stem).suffix if path.suffix.lower() == ".gz" else path.suffix
            if ending.lower() in POLL_ENDINGS:  # others are notes beside the polls
                timeless.append(str(relative))
            continue
        named = _STAMP.sub("", stem).strip("-_. ") or relative.parent.name or "feed"
        body = path.read_bytes()
        polls.append(
            Poll(
                named.lower(), stamped[0], stamped[1], "ok", path, hashlib.sha256(body).hexdigest(), len(body),
                url=str(relative),
            )
        )  # fmt: skip
    if not polls and timeless:
        raise SourceError(f"{CODE}: {_why_timeless(timeless[0])}")
    if not polls:
        raise SourceError(f"{CODE}: no .xml file below {root}")
    return sorted(polls, key=lambda poll: poll.name), timeless


def _why_timeless(name: str) -> str:
    return f"{name} has no time in its name, such as {Path(name).name.partition('.')[0]}-20261001T0515.xml"


class Timeless(msgspec.Struct):
    """Kept polls without a time, as a day needs to know them: those to name, and whether one may be missing there."""

    names: list[str] = []
    may_be_missing: bool = False


def _timeless_on(day: date, polls: list[Poll], names: list[str]) -> Timeless:
    """A poll without a time may be that of any day on which a feed of the folder has none.

    Such days name it; where there is no such day, the last one does.
    """
    if not names:
        return Timeless()
    feeds_of_day: dict[date, set[str]] = {}
    for poll in polls:
        feeds_of_day.setdefault(poll.day, set()).add(poll.feed)
    may_be_missing = feeds_of_day[day] != {poll.feed for poll in polls}
    return Timeless(names if may_be_missing or day == max(feeds_of_day) else [], may_be_missing)


# ---- items


@dataclass(frozen=True)
class Published:
    """When an item says that it was published.

    basis: `feed`; `feed_zone_assumed` where a time has no zone that is known; `seen` where nothing is stated. There
    is no time where what is stated is `ambiguous`, `unreadable` or `future`, nor where it is only a time of updating:
    that is `none`, and `latest` holds the update. at: in the zone stated. earliest, latest: UTC bounds where the time
    is not exact. days: those that an ambiguous date can mean, where it was published.
    """

    basis: str = "seen"
    at: datetime | None = None
    earliest: datetime | None = None
    latest: datetime | None = None
    days: tuple[date, ...] = ()


@dataclass(frozen=True)
class Item:
    """One entry as its feed has it now. `domain`: the outlet, where another prints it."""

    guid: str | None
    url: str | None
    title: str | None
    text: str
    published: Published
    language: str | None
    domain: str | None

    @property
    def version(self) -> str:
        """The same for the same title, however spaced or cased."""
        folded = " ".join((self.title or self.text[:200]).split()).casefold()
        return hashlib.sha256(folded.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def items(body: bytes, charset: str | None, at: datetime, address: str = "", language: str | None = None) -> list[Item]:
    """The entries of a feed, in its order; those without title, text and address are left out.

    at: the time of the poll, after which nothing in it was published. address: the feed's own, where it is known.
    language: what the settings say, in place of what the feed declares. Neither the network nor a file is ever touched:
    external entities stay unresolved, and the parser is handed bytes. Raises ValueError for what is no feed, or is cut
    short.
    """
    import feedparser  # a tenth of a second; only where there are feeds

    document = _utf8(body, charset)
    if _root(document) is None:
        raise ValueError(f"no feed, but {describe(body)}")
    if not _is_whole(document):
        raise ValueError("a feed that is cut short: its last tag is missing")
    parsed = feedparser.parse(io.BytesIO(document), sanitize_html=False, resolve_relative_uris=False)
    if not parsed.get("version") and not parsed.entries:
        raise ValueError(f"no feed: {parsed.get('bozo_exception') or 'no entry and no version'}")
    declared = language or parsed.feed.get("language")
    base = next((link for link in (parsed.feed.get("link"), address) if canonical_url(link)), "")
    is_update = _tells_updates(document, parsed.get("version") or "")
    entries = [_item(entry, declared, at, base, is_update) for entry in parsed.entries]
    return [item for item in entries if item.title or item.text or item.url]


_DATE_TAG = re.compile(rb"<\w+:date[\s>]", re.IGNORECASE)
_UPDATE_TAG = re.compile(rb"<(?:\w+:)?(?:updated|modified)[\s>]", re.IGNORECASE)


def _tells_updates(document: bytes, version: str) -> bool:
    """Whether what feedparser calls `updated` is a time of updating; in RSS it is also the `dc:date` of publication."""
    return version.startswith("atom") or not _DATE_TAG.search(document) or bool(_UPDATE_TAG.search(document))


_DECLARED = re.compile(r"^\s*<\?xml[^>]*?\bencoding\s*=\s*[\"']([\w.:-]+)[\"']")


def _utf8(body: bytes, charset: str | None) -> bytes:
    """The document in UTF-8, whatever it came in: its XML declaration counts before the HTTP header."""
    declared = _DECLARED.match(body[:400].decode("latin-1").lstrip("ï»¿"))
    try:
        text = encodings.decode(body, declared[1] if declared else None, charset)
    except ValueError:
        text = body.decode("utf-8", "replace")  # what it holds in place of a feed is said below
    return re.sub(r"(<\?xml[^>]*?)\s+encoding\s*=\s*[\"'][^\"']*[\"']", r"\1", text, count=1).encode("utf-8", "replace")


def _item(entry: Mapping[str, Any], declared: str | None, at: datetime, base: str, is_update: bool) -> Item:
    guid = _clean(entry.get("id"))
    link = _clean(entry.get("link"))
    same = canonical_url(guid) is not None and canonical_url(guid) == canonical_url(link)  # less its tracking
    url = guid if same or not link else link
    contents = [part.get("value") for part in entry.get("content") or () if isinstance(part, Mapping)]
    longest = max((text for text in (*contents, entry.get("summary")) if text), key=len, default="")
    source = entry.get("source")
    outlet = source.get("href") if isinstance(source, Mapping) else None
    is_name = url is not None and url == guid and not (_is_web(url) or (link and "/" in link))  # no relative address
    return Item(
        guid,
        None if is_name else _absolute(url, base),
        _plain(entry.get("title") or "") or None,
        _plain(longest)[:LONGEST_EXCERPT],
        _published(entry, at, declared, is_update=is_update),
        (entry.get("title_detail") or {}).get("language") or declared,
        domain_of(outlet),
    )


def _clean(text: object) -> str | None:
    return (text.strip() or None) if isinstance(text, str) else None


def _is_web(url: str) -> bool:
    return url.lower().startswith(("http://", "https://"))


def _absolute(url: str | None, base: str) -> str | None:
    """An address as it stands, or relative to the feed's; None for one of another scheme, or relative to nothing."""
    if not url:
        return None
    try:
        absolute = urljoin(base, url)
    except ValueError:
        return None
    if absolute.startswith("//"):
        absolute = f"https:{absolute}"
    return absolute if _is_web(absolute) and not re.search(r"\s", absolute) else None


_BLOCK = re.compile(r"<\s*(?:br|/?p|/?div|/?li|/?h\d)\b[^>]*>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")


def _plain(markup: str) -> str:
    """The text of a title or description: tags off, entities resolved (twice where doubly escaped), blocks as lines."""
    text = mark_line_ends(unescape(unescape(markup)))
    text = re.sub(r"<(script|style)\b.*?</\1\s*>", " ", text, flags=re.IGNORECASE | re.DOTALL)
    text = unescape(_TAG.sub(" ", _BLOCK.sub("\n", text)))
    return "\n".join(line for line in (" ".join(part.split()) for part in text.split("\n")) if line)


def _published(entry: Mapping[str, Any], at: datetime, tag: str | None, *, is_update: bool) -> Published:
    """When the entry says that it was published, by its first stated time; a second one settles an ambiguous first.

    is_update: `updated` is a time of updating. Where it stands alone the entry was published by then, and no one knows
    when.
    """
    stated = {name: value for name in ("published", "updated") if (value := str(entry.get(name) or "").strip())}
    dated = [_dated(each, at, tag) for each in dict.fromkeys(stated.values())]
    if not dated:
        return Published()
    first, *others = dated
    if is_update and "published" not in stated:
        return first if first.basis in ("unreadable", "future") else Published("none", latest=first.latest or first.at)
    if first.basis == "ambiguous":
        return next((other for other in others if other.at is not None and other.at.date() in first.days), first)
    return first


def _dated(stated: str, at: datetime, tag: str | None) -> Published:
    """One stated time. It is not believed where it lies after the poll, or before the web, in whatever zone.

    A time whose zone is not known lies before the poll all the same.
    """
    stamp = stamps.read(stated, tag)
    if stamp.earliest is None or stamp.latest is None or stamp.latest < EARLIEST:
        return Published("unreadable")
    if stamp.earliest > at + SKEW:
        return Published("future")
    if stamp.kind == "exact":
        return Published("feed", stamp.at)
    latest = max(min(stamp.latest, at), stamp.earliest)
    if stamp.at is None:
        return Published("ambiguous", None, stamp.earliest, latest, stamp.days)
    return Published("feed_zone_assumed", min(stamp.at, at), stamp.earliest, latest)


# ---- what is new: told by all polls, in the order of time


class Version(msgspec.Struct):
    """A title under which an item stood: the poll and place where it was first seen, its time and its filing day.

    at: the time of publication, else of the poll, which stands in for an unknown one in the choice of days alone.
    """

    name: str
    poll: str
    place: int
    day: date
    seen_at: datetime
    at: datetime
    basis: str
    filed: date
    earliest: datetime | None = None
    latest: datetime | None = None
    days: tuple[date, ...] = ()


class Known(msgspec.Struct):
    """An item: when it was last in a feed, and its versions."""

    last: datetime
    versions: list[Version] = []


class Index(msgspec.Struct):
    """All items of all polls so far. Derived from the polls alone: it can be deleted and is made again.

    `held`: the items that each feed held when it last answered, which is what an answer "not modified" repeats.
    `reading`: the way in which items were read; an index of another is made again.
    """

    reading: int = 1
    polls: list[str] = []
    known: dict[str, Known] = {}
    guids: dict[str, str] = {}
    held: dict[str, list[str]] = {}
    unreadable: dict[str, str] = {}


def _index(polls: list[Poll], context: Context[Feeds], oldest: date) -> Index:
    """The index over these polls: the kept one carried on where its polls come first, else made anew.

    Items long out of their feeds are dropped from what is kept, so days before that are told from the polls again.
    """
    path = context.landing / "index.json"
    names = [poll.name for poll in polls]
    index = Index(reading=READING)
    if not polls:
        return index
    forgotten = polls[-1].at - FORGET
    is_recent = datetime.combine(oldest, time(), UTC) > forgotten
    try:
        if path.exists() and is_recent:
            stored = msgspec.convert(notes.read(path), Index)
            is_ours = stored.reading == READING and stored.polls == names[: len(stored.polls)]
            index = stored if is_ours else index
    except (Damaged, msgspec.ValidationError, RecursionError):
        log.warning("%s: %s cannot be read and is made anew", CODE, path)
    fresh = polls[len(index.polls) :]
    languages = {feed.name: feed.language for feed in context.settings.feeds}
    for poll in fresh:
        _enter(poll, index, languages)
    if fresh and is_recent:
        keys_in_feeds = {key for keys in index.held.values() for key in keys}
        index.known = {key: item for key, item in index.known.items() if key in keys_in_feeds or item.last > forgotten}
        index.guids = {guid: key for guid, key in index.guids.items() if key in index.known}
        notes.write(path, msgspec.to_builtins(index))
    return index


def _enter(poll: Poll, index: Index, languages: Mapping[str, str | None]) -> None:
    """Enter one poll's items: those not known are new, a title not known is a new version of its item."""
    index.polls.append(poll.name)
    if poll.status != "ok":
        return
    keys_before = index.held.get(poll.feed, [])
    if poll.path is None:
        for key in keys_before:
            index.known[key].last = poll.at
        return
    try:
        entries = _parsed(poll, languages.get(poll.feed))
    except Exception as error:
        index.unreadable[poll.name] = containment.reason(error, poll.name)
        return
    keys = [_key(poll.feed, item, index) for item in entries]
    everywhere = {key for others in index.held.values() for key in others}
    for place, (key, item) in enumerate(zip(keys, entries, strict=True)):
        history = index.known.get(key)
        if history is None or (key not in everywhere and poll.at - history.last > FORGET):
            history = index.known[key] = Known(poll.at)
        history.last = max(history.last, poll.at)
        if all(version.name != item.version for version in history.versions):
            history.versions.append(_version(poll, place, item, history.versions))
    index.held[poll.feed] = sorted(set(keys))


def _version(poll: Poll, place: int, item: Item, earlier: list[Version]) -> Version:
    """A version with its time and filing day: one day each, so that no two versions stand under the same day.

    A new title under an old date is as old as its sight; an item that was old when first seen is filed with its poll.
    """
    published = item.published
    at = published.at or poll.at
    if earlier and at <= earlier[-1].at:
        published, at = Published(), poll.at
    day = at.astimezone(UTC).date()
    filed = day if poll.at - at <= FORGET else poll.at.date()
    if earlier:
        filed = max(filed, earlier[-1].filed + timedelta(days=1))
    bounds = (published.earliest, published.latest, published.days)
    return Version(item.version, poll.name, place, poll.day, poll.at, at, published.basis, filed, *bounds)


def _key(feed: str, item: Item, index: Index) -> str:
    """The item's entry: by its guid in this feed, else by its address (in any feed), else by its title."""
    guid = _digest(f"{feed} {item.guid}") if item.guid else None
    if guid and guid in index.guids:
        return index.guids[guid]
    key = _digest(canonical_url(item.url) or guid or f"{feed} {item.version}")
    if guid:
        index.guids[guid] = key
    return key


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


_CACHE: dict[str, list[Item]] = {}


def _parsed(poll: Poll, language: str | None) -> list[Item]:
    """The items of a kept poll; a few are remembered, since a night reads each twice.

    Raises ValueError where the file is no feed, or not as it came.
    """
    assert poll.path is not None
    body = poll.path.read_bytes()
    if hashlib.sha256(body).hexdigest() != poll.sha256:
        raise ValueError("its bytes are no longer those that came")
    body = plain(body, LARGEST)
    key = f"{poll.name} {poll.sha256} {poll.charset} {poll.url} {language}"
    if key not in _CACHE:
        if len(_CACHE) > 64:
            _CACHE.clear()
        _CACHE[key] = items(body, poll.charset, poll.at, poll.url, language)
    return _CACHE[key]


# ---- what decode is handed: the day's polls, and which of their items are new


class Asked(msgspec.Struct):
    """A poll as decode needs to know it."""

    name: str
    feed: str
    at: datetime
    status: str
    charset: str | None
    error: str | None


class Plan(msgspec.Struct):
    """A day's polls, the items that were first seen in them, and new versions of items seen before."""

    day: date
    polls: list[Asked]
    items: list[Version]
    updates: list[Version]
    timeless: Timeless = msgspec.field(default_factory=Timeless)


def _landed(day: date, mine: list[Poll], index: Index, context: Context[Feeds], timeless: Timeless) -> list[LandedFile]:
    """The files of a day: its plan, and the polls as they came."""
    polls = [
        Asked(poll.name, poll.feed, poll.at, poll.status, poll.charset, poll.error or index.unreadable.get(poll.name))
        for poll in mine
    ]
    first = [history.versions[0] for history in index.known.values()]
    later = [version for history in index.known.values() for version in history.versions[1:]]
    plan = Plan(
        day,
        polls,
        sorted((version for version in first if version.day == day), key=_place),
        sorted((version for version in later if version.day == day), key=_place),
        timeless,
    )
    body = msgspec.json.encode(plan)
    path = context.landing / "days" / f"{day}.json"
    write_aside(path, body)
    return [
        LandedFile(path, "plan", hashlib.sha256(body).hexdigest(), len(body), context.now, day, "plan"),
        *(
            LandedFile(poll.path, poll.url, poll.sha256, poll.size, poll.at, day, poll.name)
            for poll in mine
            if poll.path is not None
        ),
    ]


def _place(version: Version) -> tuple[str, int]:
    return version.poll, version.place


def decode(landed: Landed, context: Context[Feeds]) -> Iterator[Event]:
    """The day's new items as articles, how many there were of each feed, rejects, and the day."""
    settings = context.settings
    reader = Reader(context.reference, context.params)
    languages = {feed.name: feed.language for feed in settings.feeds}
    for file in landed.files:
        if file.note == "plan" and file.day is not None:
            plan = msgspec.json.decode(file.path.read_bytes(), type=Plan)
            mine = {each.note: each for each in landed.files if each.day == file.day and each is not file}
            yield from _day(plan, mine, reader, languages)


def _day(
    plan: Plan, files: dict[str, LandedFile], reader: Reader, languages: Mapping[str, str | None]
) -> Iterator[Event]:
    bodies: dict[str, list[Item]] = {}
    feeds = {poll.name: poll.feed for poll in plan.polls}
    rejected = len(plan.timeless.names)
    for name in plan.timeless.names:
        yield Reject(plan.day, name, _why_timeless(name))
    for poll in plan.polls:
        file = files.get(poll.name)
        if file is None:
            continue
        try:
            asked = Poll(
                poll.feed, poll.at, plan.day, "ok", file.path, file.sha256, file.size, poll.charset, url=file.url
            )
            bodies[poll.name] = _parsed(asked, languages.get(poll.feed))
        except Exception as error:
            rejected += 1
            why = containment.reason(error, poll.name)
            yield Reject(plan.day, file.url or poll.name, f"not readable as a feed: {why}")
    readings: dict[str, tuple[Reading, date]] = {}
    for version in (*plan.items, *plan.updates):
        if version.poll in bodies:
            feed = feeds[version.poll]
            digest = files[version.poll].sha256
            try:
                item = bodies[version.poll][version.place]
                reading = _reading(item, digest, version, feed, languages.get(feed), reader)
            except Exception as error:
                rejected += 1
                where = f"{version.poll}, item {version.place + 1}"
                yield Reject(plan.day, where, containment.reason(error, where))
                continue
            if reading.mentions:
                readings.setdefault(reading.article_id, (reading, version.filed))
    filed = {article_id: day for article_id, (_, day) in readings.items()}
    for name, table in news_tables((readings[key][0] for key in sorted(readings)), CODE).items():
        if table.num_rows:  # the rows belong to the poll's day; their column `day` says when they were published
            days = [filed[article_id] for article_id in table.column("article_id").to_pylist()]
            yield Rows(name, plan.day, scoped.filed_under(table, days))
    yield Rows("news_totals", plan.day, _totals(plan))
    yield _judge(plan, files, sum(map(len, bodies.values())), len(readings), rejected)


def _reading(item: Item, digest: str, version: Version, feed: str, language: str | None, reader: Reader) -> Reading:
    return reader.read(
        Article(
            text=item.text,
            title=item.title,
            url=item.url,
            published_at=None if version.basis in UNDATED else version.at,
            published_basis=version.basis,
            published_from=version.earliest,
            published_to=version.latest,
            published_days=version.days,
            seen_at=version.seen_at,
            language=language or item.language,
            domain=item.domain,
            origin_file=f"{feed} {version.seen_at:%Y%m%dT%H%M%SZ}",
            origin_sha256=digest,
            origin_place=f"item {version.place + 1}",
        )
    )


def _totals(plan: Plan) -> pa.Table:
    """Items of each feed that no poll had before; none for a poll that failed, which is no zero."""
    fresh = Counter(version.poll for version in plan.items)
    rows: list[dict[str, Any]] = [
        {
            "source": CODE,
            "day": plan.day,
            "series": f"feed:{poll.feed}",
            "slot_at": poll.at,
            "articles": fresh[poll.name],
        }
        for poll in plan.polls
        if poll.error is None
    ]
    return pa.Table.from_pylist(rows, schema=TABLES["news_totals"].schema)


def _judge(plan: Plan, files: Mapping[str, LandedFile], read: int, kept: int, rejected: int) -> Day:
    """The day by its polls: `ok` where each feed was read at least once, `partial` where only some were.

    It is `partial` too where a poll without a time may be the one that a feed lacks.
    """
    good = {poll.feed for poll in plan.polls if poll.error is None}
    lost = [poll for poll in plan.polls if poll.feed not in good]
    faults = {str(poll.error) for poll in lost}
    if plan.timeless.may_be_missing:
        faults |= {_why_timeless(name) for name in plan.timeless.names}
    digest = hashlib.sha256("\n".join(sorted(file.sha256 for file in files.values())).encode()).hexdigest()
    return Day(
        plan.day,
        "failed" if not good else "partial" if faults else "ok",
        files=len(files),
        bytes=sum(file.size for file in files.values()),
        records_read=read,
        records_kept=kept,
        records_rejected=rejected,
        sha256=digest if files else None,
        error="; ".join(sorted(faults))[:2000] or None,
    )


# ---- doctor


def check(context: Context[Feeds]) -> list[Finding]:
    """Whether each feed answers with a feed."""
    settings = context.settings
    if settings.location:
        try:
            polls, timeless = _kept_elsewhere(context.path(settings.location))
        except SourceError as error:
            return [Finding(False, str(error), "name a folder of kept polls")]
        return [
            Finding(True, f"{CODE}: {len(polls)} kept polls in {settings.location}"),
            *(Finding(False, f"{CODE}: {_why_timeless(name)}", "rename it") for name in timeless),
        ]
    try:
        named = _named(settings)
    except SourceError as error:
        return [Finding(False, str(error), "name feeds")]
    findings = []
    for feed in named:
        client = _client(settings, _host(feed), attempts=1)
        try:
            number = len(items(_ask(client, feed, context).body, None, context.now, feed.url))
            findings.append(Finding(True, f"{CODE}: {feed.name} answers with {number} items"))
        except Exception as error:
            advice = "open the address in a browser; if it works there only, the outlet turns programs away"
            findings.append(Finding(False, f"{feed.name}: {error}", advice))
    return findings
