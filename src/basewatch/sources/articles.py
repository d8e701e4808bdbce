"""Article files in a folder: text, Markdown, HTML or mail, one article a file, read for the bases and claims in them.

`article_forms` reads each form. What day a file was published is decided here, by what the file states: the time of the
file itself says nothing, since a download or a checkout sets it anew. Nothing of a body is stored.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from basewatch.config import Articles
from basewatch.errors import SourceError, containment
from basewatch.lake.events import GLOBAL, Day, Event, FileReading, Reject, Rows
from basewatch.news import dates, stamps, text
from basewatch.news.reader import Article, Reader, Reading, news_events
from basewatch.news.rules import rules
from basewatch.news.stamps import Stamp
from basewatch.sources import article_forms, lasting
from basewatch.sources.article_forms import Form
from basewatch.sources.contract import (
    LINK,
    Context,
    Finding,
    Grain,
    Landed,
    LandedFile,
    Taken,
    Window,
    check_location,
    leads_out,
)

LARGEST = 8 * 2**20  # bytes: a longer file is no article
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)


def grain(_: Articles) -> Grain:
    """All files at once."""
    return "whole"


def fetch(window: Window, context: Context[Articles]) -> Landed:
    """The article files at the configured folder, searched to the bottom, where they are and unchanged.

    Raises SourceError where no location is set or it is no folder or file.
    """
    settings = context.settings
    if not settings.location:
        code = context.source
        raise SourceError(f"{code} has no location: set sources.{code}.location to a folder of article files")
    location = context.path(settings.location)
    if not location.exists():
        raise SourceError(f"{context.source}: {settings.location} does not exist")
    paths = sorted(location.rglob("*")) if location.is_dir() else [location]
    landed = []
    for path in paths:
        relative = path.relative_to(location) if location.is_dir() else Path(path.name)
        if not path.is_file() or _is_passed_over(relative, settings.ignore):
            continue
        if location.is_dir() and leads_out(path, location):
            landed.append(LandedFile(path, _printable(relative), "", 0, context.now, note=LINK))
            continue
        try:
            data = path.read_bytes()
        except OSError:
            landed.append(LandedFile(path, _printable(relative), "", 0, context.now))  # decode says why
            continue
        landed.append(LandedFile(path, _printable(relative), hashlib.sha256(data).hexdigest(), len(data), context.now))
    return Landed(window, tuple(landed))


def _is_passed_over(relative: Path, ignore: list[str]) -> bool:
    """Hidden files, files that are plainly no text, and those that the settings leave out. Any other is named."""
    return (
        any(part.startswith(".") for part in relative.parts)
        or relative.suffix.lower() in article_forms.NO_DATA_ENDINGS
        or lasting.is_ignored(str(relative), ignore)
    )


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

    A file that cannot be read is rejected, and so is one that names a base and states no day that can be believed; the
    rest goes on. An ambiguous day is filed under the last that it can mean in the window. Two files of one article (the
    same address, or the same text) are one; the longer is read. An article that names no base is read and not kept.
    """
    window = landed.window
    reader = Reader(context.reference, context.params)
    readings: dict[str, tuple[int, Reading]] = {}
    tallies: dict[date, _Tally] = defaultdict(_Tally)
    notes: dict[str, FileReading] = {}
    rejected = 0
    for file in landed.files:
        note = FileReading(file.url, file.sha256 or None, records_read=1)
        try:
            if file.note:
                raise ValueError(file.note)
            form, article = _parsed(file.path, file.url, context.now)
            article = replace(article, origin_sha256=file.sha256, filed_on=_filing_day(article, window))
            reading = reader.read(article)
            if reading.mentions and article.published_basis in _UNDATED:
                raise ValueError(_why_undated(form, article))
        except Exception as error:
            rejected += 1
            why = containment.reason(error, file.url)
            notes[file.url] = replace(note, records_rejected=1, reason=why)
            yield Reject(window.until, file.url, why)
            continue
        day = reading.day
        is_named = int(bool(reading.mentions))
        notes[file.url] = replace(note, form="article", records_kept=1, records_held=is_named, since=day, until=day)
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
    yield from news_events((reading for _, reading in readings.values()), context.source, GLOBAL)
    lost: dict[date, str] = {}
    for short in lasting.shortfalls(notes, context, context.settings.ignore, same_bytes_are_no_loss=True):
        for event in _lasting(short.before.file, set(readings), window, context):
            lost[event.day] = f"{short.before.file}: {short.reason}"
            notes[short.before.file] = short.note
            yield event
    yield from notes.values()
    for day in sorted({*tallies, *lost} | ({window.until} if rejected or not tallies else set())):
        tally = tallies.get(day, _Tally())
        bad = rejected if day == window.until else 0
        fault = f"{bad} files could not be read or dated; they are named in the run's quarantine" if bad else None
        yield Day(
            day,
            "partial" if bad or day in lost else "ok" if tally.read else "empty",
            files=tally.read + bad,
            bytes=tally.size,
            records_read=tally.read + bad,
            records_kept=tally.kept,
            records_rejected=bad,
            sha256=hashlib.sha256("".join(sorted(tally.digests)).encode()).hexdigest() if tally.digests else None,
            error="; ".join(filter(None, (lost.get(day), fault))) or None,
        )


def _lasting(name: str, read_now: set[str], window: Window, context: Context[Articles]) -> Iterator[Rows]:
    """The lake's rows of an article whose file is gone or holds it no more, and that stands in no other file."""
    assert context.readings
    articles = context.readings.rows("news_articles", name)
    lost = [one for one in articles.column("article_id").to_pylist() if one not in read_now]
    for table in ("news_articles", "news_mentions", "news_claims"):
        rows = context.readings.rows_with(table, "article_id", lost)
        for day in rows.column("day").unique().to_pylist():
            if window.holds(day):
                yield Rows(table, day, rows.filter(pc.equal(rows.column("day"), pa.scalar(day, pa.date32()))))


# ---- one file

_UNDATED = ("none", "unreadable", "future")
_STATEMENTS = ("metadata", "text")  # figures in an address or a name need not be a day


def parse(path: Path, name: str, now: datetime) -> Article:
    """One file as an article. Raises ValueError saying why it is none, OSError where it cannot be opened.

    The time of publication is what the file's metadata state, else a date line under the title, the address's path, or
    the file's name; `published_basis` says which of them: `metadata`, `text`, `url`, `file_name`; with `_zone_assumed`
    behind it where a time has no zone that is known. It is `ambiguous` where a date can mean several days: then the
    bounds are given and no time. It is `unreadable`, `future` or `none` where the file states no day to go by.
    """
    return _parsed(path, name, now)[1]


def _parsed(path: Path, name: str, now: datetime) -> tuple[Form, Article]:
    if path.stat().st_size > LARGEST:
        raise ValueError(f"larger than {LARGEST // 2**20} MiB: no article")
    latest = now.astimezone(UTC).date()
    form = article_forms.read(path.read_bytes(), name, latest)
    if not form.body.strip() and not (form.title or "").strip():
        raise ValueError("holds no text")
    language = text.language_code(form.language) or text.language_of(f"{form.title or ''}\n{form.body}")
    stamp, basis = _published(form, name, language, now)
    return form, Article(
        text=form.body,
        title=form.title,
        url=form.url,
        published_at=stamp.at if stamp else None,
        published_basis=basis,
        published_from=stamp.earliest if stamp and stamp.kind != "exact" else None,
        published_to=stamp.latest if stamp and stamp.kind != "exact" else None,
        published_days=stamp.days if stamp and stamp.kind == "ambiguous" else (),
        language=language,
        origin_file=name,
    )


def _published(form: Form, name: str, language: str | None, now: datetime) -> tuple[Stamp | None, str]:
    """The time of publication and its basis, from what speaks for it, the surest first; None where nothing does.

    An ambiguous date is settled by a later witness that gives one of its days, and by no other.
    """
    ambiguous: Stamp | None = None
    failing = "none"
    for basis, stamp in _witnesses(form, name, language, now):
        if stamp.earliest is None or stamp.latest is None or stamp.latest < _EARLIEST:
            failing = "unreadable" if basis in _STATEMENTS and failing == "none" else failing
        elif stamp.earliest > now:
            failing = "future" if basis in _STATEMENTS else failing
        elif ambiguous is not None:
            if stamp.kind != "ambiguous" and set(stamp.days) <= set(ambiguous.days):
                return stamp, _basis(basis, stamp)
        elif stamp.kind == "ambiguous":
            ambiguous = stamp
        else:
            return stamp, _basis(basis, stamp)
    return (ambiguous, "ambiguous") if ambiguous else (None, failing)


def _witnesses(form: Form, name: str, language: str | None, now: datetime) -> Iterator[tuple[str, Stamp]]:
    """What speaks for a time of publication, the surest first; each is read when those before it did not settle it."""
    for stated in form.stated:
        yield "metadata", stamps.read_part(stated, form.tag, language)
    for stamp in _date_lines(form, language, now.astimezone(UTC).date()):
        yield "text", stamp
    for stamp in _of_path(form.url or ""):
        yield "url", stamp
    for stamp in _of_path(name):
        yield "file_name", stamp


def _basis(witness: str, stamp: Stamp) -> str:
    return f"{witness}_zone_assumed" if stamp.kind == "zone_assumed" else witness


def _why_undated(form: Form, article: Article) -> str:
    advice = "write a line `Date: YYYY-MM-DD` under the title"
    stated = ", ".join(repr(each[:60]) for each in form.stated)
    if article.published_basis == "unreadable":
        return f"its date {stated} cannot be read or believed: {advice}"
    if article.published_basis == "future":
        return f"its date {stated} lies in the future: {advice}" if stated else f"its date lies in the future: {advice}"
    return f"states no date of publication: {advice}"


def _filing_day(article: Article, window: Window) -> date | None:
    """The lake's day for an article whose date is ambiguous; None for any other, and where none lies in the window."""
    if article.published_at is not None or article.published_from is None or article.published_to is None:
        return None
    days = article.published_days or (
        (article.published_from + stamps.AHEAD).date(),
        (article.published_to - stamps.BEHIND - timedelta(days=1)).date(),
    )
    return next((day for day in reversed(days) if window.holds(day)), None)


# ---- days


def _date_lines(form: Form, language: str | None, latest: date) -> Iterator[Stamp]:
    """The dates of the opening lines that are one, else of one that is little more, or a dateline with its year."""
    is_stated = False
    for line in form.opening:
        stamp = stamps.read_part(line, form.tag, language)
        if stamp.kind != "unreadable":
            is_stated = True
            yield stamp
    if is_stated:
        return
    words = rules().language(language) or rules().language("en")
    for line in form.opening:
        folded = text.key(line[:100])
        for span in dates.find(folded, words, latest) if words else []:
            is_date_line = span.end - span.start >= 0.4 * len(folded.strip()) or folded[span.end :].lstrip()[:1] in (
                "(",
                "/",
                "-",
            )
            if span.has_year and is_date_line:
                yield stamps.of_day(span.first)


_PATH_DAY = re.compile(r"(?<!\d)((?:19|20)\d{2})[-_./]?(0[1-9]|1[0-2])[-_./]?(0[1-9]|[12]\d|3[01])(?!\d)")


def _of_path(path: str) -> Iterator[Stamp]:
    """The days in an address's path or a file's name: 2025/10/30, 2025-10-30, 20251030."""
    for match in _PATH_DAY.finditer(path):
        try:
            yield stamps.of_day(date(*(int(part) for part in match.groups())))
        except ValueError:
            continue


# ---- before it is read


def taken_for(file: Path, context: Context[Articles]) -> Taken:
    """What a file would be taken for: its title, its day and what that rests on, and the bases that it names."""
    return _taken(file, context, Reader(context.reference, context.params))


def _taken(file: Path, context: Context[Articles], reader: Reader) -> Taken:
    if file.suffix.lower() not in article_forms.ENDINGS:
        return Taken("", [f"no article: articles end in {', '.join(sorted(article_forms.ENDINGS))}"])
    try:
        form, article = _parsed(file, file.name, context.now)
        reading = reader.read(article)
    except Exception as error:
        return Taken("", rejects=[f"{file.name}: {containment.reason(error, file.name)}"], records_read=1)
    if article.published_from and article.published_to and article.published_at is None:
        day = f"{article.published_from:%Y-%m-%d} to {article.published_to:%Y-%m-%d}"
    else:
        day = f"{article.published_at:%Y-%m-%d %H:%MZ}" if article.published_at else "no day"
    notes = [
        f"title: {article.title or 'none'}",
        f"published: {day} ({article.published_basis})",
        f"address: {article.url or 'none'}",
    ]
    sample = [
        {"base_id": mention.base_id, "matched_alias": mention.matched_alias, "alias_strength": mention.alias_strength}
        for mention in reading.mentions
    ]
    is_undated = bool(reading.mentions) and article.published_basis in _UNDATED
    rejects = [f"{file.name}: {_why_undated(form, article)}"] if is_undated else []
    return Taken("article", notes, sample, rejects, 1, 0 if is_undated else 1)


def check(context: Context[Articles]) -> list[Finding]:
    """Whether the folder is there, how many files are articles, and what is the matter with each of the others."""
    there = check_location(context)
    if not there.ok or not context.settings.location:
        return [there]
    sound, findings = 0, []
    today, reader = context.now.date(), Reader(context.reference, context.params)
    for file in fetch(Window(context.source, today, today), context).files:
        taken = _taken(file.path, context, reader)
        sound += taken.is_sound
        if not taken.is_sound:
            fault = next(iter([*taken.rejects, *taken.notes]), "cannot be read")
            findings.append(Finding(False, f"{context.source}: {file.url}", fault))
    return [there, Finding(True, f"{context.source}: {sound} files are articles"), *findings]
