"""Article files in a folder: plain text, Markdown or HTML, one article a file, read for the bases and claims in them.

A text file holds a title (a `# ` heading or the first line), optional `Key: value` lines, the body, and somewhere a
line `Original url: <address>` or, last, the bare address. HTML goes through trafilatura. Nothing of a body is stored.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path

from basewatch.config import Articles
from basewatch.errors import SourceError
from basewatch.lake.events import GLOBAL, Day, Event, Reject
from basewatch.news import dates, text
from basewatch.news.reader import Article, Reader, Reading, midnight, news_events
from basewatch.news.rules import rules
from basewatch.sources.contract import Context, Grain, Landed, LandedFile, Window

CODE = "articles"
TEXT_ENDINGS = (".txt", ".md", ".markdown")
HTML_ENDINGS = (".html", ".htm", ".xhtml")
LARGEST = 8 * 2**20  # bytes: a longer file is no article
_EARLIEST = date(1990, 1, 1)


def grain(_: Articles) -> Grain:
    """All files at once."""
    return "whole"


def fetch(window: Window, context: Context[Articles]) -> Landed:
    """The article files at the configured folder, searched to the bottom, where they are and unchanged.

    Raises SourceError where no location is set or it is no folder or file.
    """
    settings = context.settings
    if not settings.location:
        raise SourceError(f"{CODE} has no location: set sources.{CODE}.location to a folder of article files")
    location = context.path(settings.location)
    if not location.exists():
        raise SourceError(f"{CODE}: {settings.location} does not exist")
    paths = sorted(location.rglob("*")) if location.is_dir() else [location]
    landed = []
    for path in paths:
        relative = path.relative_to(location) if location.is_dir() else Path(path.name)
        hidden = any(part.startswith(".") for part in relative.parts)
        if hidden or path.suffix.lower() not in TEXT_ENDINGS + HTML_ENDINGS or not path.is_file():
            continue
        try:
            data = path.read_bytes()
        except OSError:
            landed.append(LandedFile(path, _printable(relative), "", 0, context.now))  # decode says why
            continue
        landed.append(LandedFile(path, _printable(relative), hashlib.sha256(data).hexdigest(), len(data), context.now))
    return Landed(window, tuple(landed))


def _printable(path: Path) -> str:
    """A file's name as text that can be stored and shown: undecodable bytes and control characters replaced."""
    name = os.fsencode(path).decode("utf-8", "replace")
    return "".join(
        "\ufffd" if unicodedata.category(character) in ("Cc", "Cf", "Cs") else character for character in name
    )


@dataclass
class _Tally:
    read: int = 0
    kept: int = 0
    size: int = 0
    digests: list[str] = field(default_factory=list)


def decode(landed: Landed, context: Context[Articles]) -> Iterator[Event]:
    """Rows of the articles in the window that name a watched base, rejects, and a day for every day with an article.

    A file that cannot be read is rejected and the rest goes on. Two files of one article (the same address, or the
    same text) are one; the longer is read. An article that names no base is counted as read and not kept.
    """
    window = landed.window
    reader = Reader(context.reference, context.params)
    readings: dict[str, tuple[int, Reading]] = {}
    tallies: dict[date, _Tally] = defaultdict(_Tally)
    rejected = 0
    for file in landed.files:
        try:
            article = replace(parse(file.path, file.url, context.now), origin_sha256=file.sha256)
            reading = reader.read(article)
        except (OSError, ValueError) as error:
            rejected += 1
            yield Reject(window.until, file.url, str(error))
            continue
        day = reading.day
        if day is None or not window.holds(day):
            continue
        tally = tallies[day]
        tally.read += 1
        tally.size += file.size
        tally.digests.append(file.sha256)
        earlier = readings.get(reading.article_id)
        if reading.mentions and (earlier is None or earlier[0] < len(article.text)):
            readings[reading.article_id] = len(article.text), reading
    for _, reading in readings.values():
        if reading.day is not None:
            tallies[reading.day].kept += 1
    yield from news_events((reading for _, reading in readings.values()), CODE, GLOBAL)
    for day in sorted(set(tallies) | ({window.until} if rejected or not tallies else set())):
        tally = tallies.get(day, _Tally())
        bad = rejected if day == window.until else 0
        yield Day(
            day,
            "partial" if bad else "ok" if tally.read else "empty",
            files=tally.read + bad,
            bytes=tally.size,
            records_read=tally.read + bad,
            records_kept=tally.kept,
            records_rejected=bad,
            sha256=hashlib.sha256("".join(sorted(tally.digests)).encode()).hexdigest() if tally.digests else None,
            error=f"{bad} files could not be read; they are named in the run's quarantine" if bad else None,
        )


# ---- one file


def parse(path: Path, name: str, now: datetime) -> Article:
    """One file as an article. Raises ValueError saying why it is none, OSError where it cannot be opened.

    The day of publication is taken from metadata, else from a date line under the title, the address's path, the
    file's name, or last the file's own time; `published_basis` says which of them: `metadata`, `text`, `url`,
    `file_name` or `file_time`.
    """
    if path.stat().st_size > LARGEST:
        raise ValueError(f"larger than {LARGEST // 2**20} MiB: no article")
    data = path.read_bytes()
    parsed = _html(data) if path.suffix.lower() in HTML_ENDINGS else _plain(data)
    if not parsed.body.strip() and not (parsed.title or "").strip():
        raise ValueError("holds no text")
    latest = now.astimezone(UTC).date()
    language = text.language_code(parsed.language) or text.language_of(f"{parsed.title or ''}\n{parsed.body}")
    at, basis = parsed.published_at, "metadata"
    if at is None:
        candidates = (
            ("metadata", _day_in(parsed.date_line or "", language, latest)),
            ("text", _date_line(parsed.body, language, latest)),
            ("url", _day_of_path(parsed.url or "", latest)),
            ("file_name", _day_of_path(name, latest)),
        )
        day, basis = next(((day, basis) for basis, day in candidates if day is not None), (None, "file_time"))
        at = midnight(day) if day else datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return Article(
        text=parsed.body,
        title=parsed.title,
        url=parsed.url,
        published_at=at,
        published_basis=basis,
        language=language,
        origin_file=name,
    )


@dataclass(frozen=True)
class _Parsed:
    title: str | None
    body: str
    url: str | None = None
    language: str | None = None
    date_line: str | None = None
    published_at: datetime | None = None


def decode_bytes(data: bytes) -> str:
    """The text of a file: UTF-8 or UTF-16 by its mark, else UTF-8, else the Windows code page that gives more words.

    Raises ValueError for binary data. Line ends become LF; the text is normalised to NFC.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        decoded = data.decode("utf-16", "replace")
    else:
        if b"\x00" in data:
            raise ValueError("binary data, not a text")
        try:
            decoded = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            cyrillic = data.decode("cp1251", "replace")
            # In cp1251 text read rightly, Cyrillic stands in runs; western accents read as Cyrillic stand alone.
            runs = sum(len(run) for run in re.findall(r"[А-яЁёІіЇїЄєҐґ]{3,}", cyrillic))
            high = sum(byte >= 0x80 for byte in data)
            decoded = cyrillic if runs * 2 > high else data.decode("cp1252", "replace")
    return unicodedata.normalize("NFC", decoded.replace("\r\n", "\n").replace("\r", "\n"))


_ADDRESS = re.compile(
    r"(?im)^[ \t>*_#-]*(?:original|source)?[ \t]*ur[li][ \t]*:[ \t*_]*\n?"
    r"\s*(?:<|\[[^\]\n]*\]\()?(https?://[^\s>)\]]+)[>).,;]*[ \t]*$"
)
_LAST_ADDRESS = re.compile(r"\n[ \t]*(?:<|\[[^\]\n]*\]\()?(https?://[^\s>)\]]+)[>).,;]*\s*\Z")
_KEY = re.compile(r"^[*_]{0,2}([A-Za-z][A-Za-z ]{1,20})[*_]{0,2}[ \t]*:[*_]{0,2}[ \t]*(\S.*)$")
_KEYS = {"date", "published", "source", "author", "language", "url", "title", "by", "lang", "link"}
_IMAGE = re.compile(r"!\[[^\]\n]*\]\([^)\n]*\)")
_LINK = re.compile(r"\[([^\]\n]*)\]\([^)\n]*\)")
_MARKS = re.compile(
    r"(?<!\w)(?:\*\*|__|[*_`])(?=\S)|(?<=\S)(?:\*\*|__|[*_`])(?!\w)|^[ \t]*(?:#{1,6}|>|[-*+])[ \t]+", re.MULTILINE
)
_LONGEST_TITLE = 300


def _plain(data: bytes) -> _Parsed:
    """A plain or Markdown article: title, `Key: value` lines, body, address line."""
    content = decode_bytes(data)
    url = None
    for pattern in (_ADDRESS, _LAST_ADDRESS):
        matches = list(pattern.finditer(content))
        if matches:
            url = matches[-1].group(1).rstrip(".,;)")
            content = content[: matches[-1].start()] + "\n" + content[matches[-1].end() :]
            break
    content = _LINK.sub(r"\1", _IMAGE.sub("", content))
    lines = content.split("\n")
    filled = [index for index, line in enumerate(lines) if line.strip()]
    if not filled:
        return _Parsed(None, "", url)
    at = next((index for index in filled[:5] if lines[index].startswith("# ")), filled[0])
    title: str | None = _MARKS.sub("", lines[at]).strip()
    rest = lines[:at] + lines[at + 1 :] if at != filled[0] else lines[at + 1 :]
    if title and len(title) > _LONGEST_TITLE:
        title, rest = None, lines
    keys: dict[str, str] = {}
    while rest and (match := _KEY.match(rest[0])) and match[1].strip().lower() in _KEYS:
        keys[match[1].strip().lower()] = match[2].strip()
        rest = rest[1:]
    url = url or next((keys[name] for name in ("url", "link") if keys.get(name, "").startswith("http")), None)
    return _Parsed(
        title=keys.get("title", title),
        body=_paragraphs("\n".join(rest)),
        url=url,
        language=keys.get("language") or keys.get("lang"),
        date_line=keys.get("date") or keys.get("published"),
    )


def _paragraphs(body: str) -> str:
    """The body with soft line breaks joined: a blank line, a heading or a list item ends a paragraph."""
    blocks = re.split(r"\n[ \t]*\n+|\n(?=[ \t]*(?:#{1,6}|[-*+])[ \t])", body)
    joined = (" ".join(line.strip() for line in block.split("\n")) for block in blocks if block.strip())
    return "\n".join(_MARKS.sub("", block).strip() for block in joined)


def _html(data: bytes) -> _Parsed:
    """An HTML page's main text and metadata. Raises ValueError where no article can be made out."""
    import trafilatura  # seconds to import; only for those who have HTML files

    document = trafilatura.bare_extraction(data, with_metadata=True, include_comments=False, favor_recall=True)
    if document is None:
        raise ValueError("no article text could be made out in the page")
    values = document.as_dict() if hasattr(document, "as_dict") else dict(document)
    declared = re.search(rb"<html[^>]*\blang=[\"']?([A-Za-z-]{2,12})", data[:4096], re.IGNORECASE)
    body = unicodedata.normalize("NFC", values.get("text") or "")
    written = text.language_of(body)  # pages declare the language of their template, texts are written in their own
    return _Parsed(
        title=(values.get("title") or "").strip() or None,
        body=body,
        url=values.get("url"),
        language=written or (declared.group(1).decode("ascii") if declared else None),
        date_line=values.get("date"),
    )


# ---- days


def _plausible(day: date | None, latest: date) -> date | None:
    return day if day is not None and _EARLIEST <= day <= latest else None


def _day_in(line: str, language: str | None, latest: date) -> date | None:
    """The first full date (with its year) in a line, in the text's language or any that has rules."""
    if not line.strip():
        return None
    folded = text.key(line)
    for code in dict.fromkeys([language or "en", "en", *rules().codes]):
        words = rules().language(code)
        for span in dates.find(folded, words, latest) if words else []:
            if span.has_year and _plausible(span.first, latest):
                return span.first
    return None


def _date_line(body: str, language: str | None, latest: date) -> date | None:
    """The date of a line among the first eight that is little more than a date, or a dateline with its year."""
    words = rules().language(language) or rules().language("en")
    for line in [line for line in body.split("\n") if line.strip()][:8]:
        folded = text.key(line[:100])
        for span in dates.find(folded, words, latest) if words else []:
            is_date_line = span.end - span.start >= 0.4 * len(folded.strip()) or folded[span.end :].lstrip()[:1] in (
                "(",
                "/",
                "-",
            )
            if span.has_year and is_date_line and _plausible(span.first, latest):
                return span.first
    return None


_PATH_DAY = re.compile(r"(?<!\d)((?:19|20)\d{2})[-_./]?(0[1-9]|1[0-2])[-_./]?(0[1-9]|[12]\d|3[01])(?!\d)")


def _day_of_path(path: str, latest: date) -> date | None:
    """The day in an address's path or a file's name: 2025/10/30, 2025-10-30, 20251030."""
    for match in _PATH_DAY.finditer(path):
        try:
            day = date(*(int(part) for part in match.groups()))
        except ValueError:
            continue
        if _plausible(day, latest):
            return day
    return None
