"""GDELT 2.0 raw files: every 15 minutes the articles that GDELT saw, with names, places and titles, in two streams.

A day is 96 archives of each table, once for English pages and once for translated ones. Each is unpacked piece by piece
and only rows that may speak of a base are kept; how many rows there were, by language, is kept too: the denominator.
An archive that is not there is no quiet quarter-hour: the day is `partial` until all are.
"""

from __future__ import annotations

import hashlib
import itertools
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from basewatch.config import GdeltFiles
from basewatch.durable import sha256, write_aside
from basewatch.errors import SourceError, containment
from basewatch.lake.events import GLOBAL, Day, Event, Reject, Rows
from basewatch.lake.schemas import TABLES
from basewatch.net import providers
from basewatch.net.client import Client
from basewatch.net.faults import HttpFault
from basewatch.net.limits import STATE, Limit
from basewatch.net.secrets import clean_url
from basewatch.news.reader import Article, Reader, Reading, news_tables
from basewatch.sources import gdelt, scoped
from basewatch.sources.contract import Context, Finding, Grain, Landed, LandedFile, Window, refuse_links
from basewatch.sources.gdelt import Hit, Places, Stream
from basewatch.sources.landing import Landing, hours_since, is_url, midnight, read_manifest

log = logging.getLogger("basewatch.gdelt_files")

CODE = "gdelt_files"
ADDRESS = "https://data.gdeltproject.org/gdeltv2"
LIST_BYTES = 1 << 30
LIST_FRESH_HOURS = 6.0  # a list that is older may lack archives that came late
MANY = 5  # names listed in a ledger row's reason
BAD_KEPT = 20  # bad rows of one archive that are kept for quarantine
BAD_CHARACTERS = 2000
NOT_THERE = "not there"


class Extract(msgspec.Struct, frozen=True):
    """What was taken from one archive. `screened_by`: a hash of all that decided which rows were taken."""

    file: str
    stream: Stream
    slot: str
    translated: bool
    size: int
    md5: str
    screened_by: str
    rows: int = 0
    rejected: int = 0
    languages: dict[str, int] = {}
    hits: list[Hit] = []
    bad: list[tuple[int, str, str]] = []
    sha256: str | None = None  # of the archive's bytes; None in extracts of version 0.1, and so `lines` is empty
    lines: list[int] = []  # where in the archive each of the hits stood


# ---- fetch


@dataclass
class _Work:
    """A day being landed: how an archive is brought, what is known of it, and what came of the rest."""

    day: date
    bring: Callable[[str], Path]
    places: Places
    screened_by: str
    archives: dict[str, tuple[int, str]]
    is_listed: bool = False  # whether what is not in the list is not there
    newest: str | None = None
    extracts: dict[str, Extract] = field(default_factory=dict)
    stopped: str | None = None
    fault: SourceError | None = None


def grain(_: GdeltFiles) -> Grain:
    """One window a day."""
    return "day"


def fetch(window: Window, context: Context[GdeltFiles]) -> Landed:
    """The rows of the window's archives that may speak of a base, one file a day, and what came of every archive.

    Archives that an earlier try had are not fetched again. Raises SourceError where none of all could be had and that
    is not because they are not there.
    """
    settings = context.settings
    landing = Landing(context, window)
    places, screened_by = _places(context)
    faults: list[SourceError] = []
    had = 0
    for day in window.days():
        target = landing.path / f"rows-{day}.jsonl"
        work = _work(day, context, settings, landing.path, places, screened_by)
        work.extracts = _earlier(target, screened_by)
        _land(work, settings, context, landing, target)
        had += len(work.extracts)
        if work.fault is not None:
            faults.append(work.fault)
        body = b"".join(msgspec.json.encode(work.extracts[name]) + b"\n" for name in sorted(work.extracts))
        write_aside(target, body)
        _journal(target).unlink(missing_ok=True)
        digest = hashlib.sha256(body).hexdigest()
        shown = clean_url(settings.location or ADDRESS)
        landing.keep(LandedFile(target, shown, digest, len(body), context.now, day, "rows"))
    if faults and not had:
        raise faults[0]
    return landing.finish()


def _places(context: Context[GdeltFiles]) -> tuple[Places, str]:
    """What finds bases in rows, and a hash of all that its findings depend on."""
    settings = context.settings
    unknown = sorted(set(settings.features.values()) - set(context.reference.bases))
    if unknown:
        raise SourceError(f"sources.{CODE}.features: {', '.join(map(repr, unknown))} not in bases.csv")
    reach = context.params.news_point_km
    weak: dict[str, str] = {}
    for row in context.reference.rows["keywords"]:
        if row.role == "name" and row.strength == "weak" and row.base_id and row.alias.isascii():
            weak.setdefault(row.base_id, row.alias)
    basis = msgspec.json.encode([context.reference.sha256, reach, sorted(settings.features.items())])
    reader = Reader(context.reference, context.params)
    places = Places(reader, context.reference.bases, settings.features, reach, weak)
    return places, hashlib.sha256(basis).hexdigest()


def _expected(day: date, settings: GdeltFiles) -> Iterator[tuple[str, Stream, bool, str]]:
    """(slot, stream, translated, name) of every archive of a day, in the order of time."""
    kinds = (False, True) if settings.translated else (False,)
    for slot, stream, translated in itertools.product(gdelt.slots(day), settings.streams, kinds):
        yield slot, stream, translated, gdelt.file_name(slot, stream, translated)


def _work(
    day: date, context: Context[GdeltFiles], settings: GdeltFiles, path: Path, places: Places, screened_by: str
) -> _Work:
    if settings.location and not is_url(settings.location):
        root = context.path(settings.location)
        if not root.is_dir():
            raise SourceError(f"{CODE}: {settings.location} is no folder; name one with archives, or an address")
        refuse_links(root.glob(f"{day:%Y%m%d}*"), root, CODE)
        return _Work(day, partial(_from_folder, root), places, screened_by, _lists(root, day) or {})
    client = _client(settings)
    address = (settings.location or ADDRESS).rstrip("/")
    archives: dict[str, tuple[int, str]] = {}
    newest = None
    if settings.lists == "master":
        archives = _lists(_master(client, address, day, context, settings), day) or {}
    elif hours_since(day, context.now) < LIST_FRESH_HOURS:
        newest = _newest(client, address, settings)
    bring = partial(_download, client, address, path / "archives", archives)
    return _Work(day, bring, places, screened_by, archives, settings.lists == "master", newest)


def _land(work: _Work, settings: GdeltFiles, context: Context[GdeltFiles], landing: Landing, target: Path) -> None:
    """Bring, check and screen every archive of the day that is not there yet; note what came of each."""
    due = f"{context.now:%Y%m%d%H%M%S}"
    is_young = hours_since(work.day, context.now) < settings.late_days * 24
    for slot, stream, translated, name in _expected(work.day, settings):
        if name in work.extracts:
            continue
        if slot > due or (work.newest is not None and slot > work.newest):
            landing.note(GLOBAL, work.day, work.day, name, "late", "not due yet")
            continue
        if work.stopped is not None:
            landing.note(GLOBAL, work.day, work.day, name, "failed", work.stopped)
            continue
        stated = work.archives.get(name)
        path = None
        try:
            if work.is_listed and stated is None:
                raise HttpFault(f"{CODE}: {name} is not in the list", kind="absent")
            path = work.bring(name)
            extract = screen(path, stream, slot, translated, work.places, work.screened_by, stated)
        except HttpFault as fault:
            if fault.kind == "absent":
                landing.note(GLOBAL, work.day, work.day, name, "late" if is_young else "missing", NOT_THERE)
                continue
            landing.note(GLOBAL, work.day, work.day, name, "failed", str(fault))
            work.fault = work.fault or fault
            if fault.kind in ("circuit", "limited", "disk", "unauthorised") or fault.status == 403:
                work.stopped = str(fault)
            continue
        except (OSError, ValueError) as error:
            why = f"{CODE}: {name} {error}"
            landing.note(GLOBAL, work.day, work.day, name, "failed", why)
            work.fault = work.fault or SourceError(why, retryable=True)
            continue
        finally:
            if path is not None and path.is_relative_to(landing.path) and not settings.keep_archives:
                path.unlink()
        work.extracts[name] = extract
        with _journal(target).open("ab") as handle:
            handle.write(msgspec.json.encode(extract) + b"\n")
        if len(work.extracts) % 96 == 0:
            log.info("%s %s: %d archives", CODE, work.day, len(work.extracts))


def _journal(target: Path) -> Path:
    """Where extracts go one by one, so that a run that is stopped goes on where it was."""
    return target.with_name(f".{target.name}")


def _earlier(target: Path, screened_by: str) -> dict[str, Extract]:
    """The extracts of an earlier try that were screened by what screens today; a torn last line is left out."""
    extracts: dict[str, Extract] = {}
    for path in (target, _journal(target)):
        for extract in _read(path) if path.exists() else ():
            if extract.screened_by == screened_by:
                extracts[extract.file] = extract
    return extracts


def _read(path: Path) -> Iterator[Extract]:
    decoder = msgspec.json.Decoder(Extract)
    with path.open("rb") as handle:
        for line in handle:
            try:
                yield decoder.decode(line)
            except msgspec.DecodeError:
                log.warning("%s: %s holds a line that cannot be read; its archive is fetched again", CODE, path)


# ---- where archives come from


def _client(settings: GdeltFiles) -> Client:
    return Client(CODE, limits=[Limit(1, 1 / settings.requests_per_second)], policy=providers.policy(settings))


def _from_folder(root: Path, name: str) -> Path:
    path = root / name
    if not path.is_file():
        raise HttpFault(f"{CODE}: {path} is not there", kind="absent")
    return path


def _download(client: Client, address: str, path: Path, archives: dict[str, tuple[int, str]], name: str) -> Path:
    """One archive, of the size and md5 that the list states, or of the md5 that its ETag is.

    Raises HttpFault; one that comes damaged is asked for three times.
    """
    size, md5 = archives.get(name, (None, None))
    tries = min(3, client.policy.attempts)
    for attempt in range(tries):
        done = client.download(f"{address}/{name}", path / name, size=size, expect="zip")
        etag = done.validator.strip('"').lower()
        due = md5 or (etag if len(etag) == 32 and etag.isalnum() else None)
        md5_of_file = _md5(done.path)
        if due is None or md5_of_file == due:
            return done.path
        done.path.unlink()
        if attempt + 1 < tries:
            client.state.clock.sleep(client.policy.first_wait_seconds * 2**attempt)
    raise HttpFault(
        f"{CODE}: {name} has md5 {md5_of_file} instead of {due}, {tries} times", kind="content", retryable=True
    )


def _md5(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, partial(hashlib.md5, usedforsecurity=False)).hexdigest()


def _list_name(kind: str, translated: bool) -> str:
    return f"{kind}{'-translation' if translated else ''}.txt"


def _newest(client: Client, address: str, settings: GdeltFiles) -> str | None:
    """The label of the newest archives that are out in all streams read; None where that cannot be learnt."""
    labels = []
    for translated in (False, True) if settings.translated else (False,):
        try:
            body = client.get(f"{address}/{_list_name('lastupdate', translated)}", expect="bytes").body
        except HttpFault as fault:
            log.warning("%s", fault)
            return None
        entries = [gdelt.listed(line) for line in body.decode("utf-8", "replace").splitlines()]
        labels += [max((entry[0][:14] for entry in entries if entry), default="")]
    return min(labels) or None


def _master(client: Client, address: str, day: date, context: Context[GdeltFiles], settings: GdeltFiles) -> Path:
    """The folder with the master lists, fetched anew where they may lack archives of the day."""
    path = context.landing / "lists"
    now = STATE.clock.wall()
    settled = (midnight(day) + timedelta(days=1, hours=LIST_FRESH_HOURS)).timestamp()
    for translated in (False, True) if settings.translated else (False,):
        name = _list_name("masterfilelist", translated)
        noted = path / f"{name}.at"
        fetched = float(noted.read_text().split()[0]) if noted.exists() and (path / name).exists() else 0.0
        if fetched < settled and now - fetched > LIST_FRESH_HOURS * 3600:
            noted.unlink(missing_ok=True)  # a run that dies here has the list fetched anew
            got = client.download(f"{address}/{name}", path / name, max_bytes=LIST_BYTES)
            write_aside(noted, f"{now} {got.sha256}\n".encode())
    return path


def _lists(path: Path, day: date) -> dict[str, tuple[int, str]] | None:
    """Size and md5 of the day's archives by the master lists in a folder, read line by line; None without a list."""
    archives: dict[str, tuple[int, str]] = {}
    files = [path / _list_name("masterfilelist", translated) for translated in (False, True)]
    files = [file for file in files if file.is_file()]
    mark = f"/{day:%Y%m%d}".encode()
    for file in files:
        with file.open("rb") as handle:
            for line in handle:
                entry = gdelt.listed(line.decode("utf-8", "replace")) if mark in line else None
                if entry is not None:
                    archives[entry[0]] = entry[1:]
    return archives if files else None


# ---- screening


def screen(
    path: Path,
    stream: Stream,
    slot: str,
    translated: bool,
    places: Places,
    screened_by: str,
    stated: tuple[int, str] | None = None,
) -> Extract:
    """The rows of one archive that name a base, how many rows there were by language, and which were bad.

    Raises ValueError for an archive that is damaged, or not of the stated size and md5.
    """
    size, md5 = path.stat().st_size, _md5(path)
    if stated is not None and (size, md5) != stated:
        raise ValueError(f"has {size:,} bytes and md5 {md5} instead of {stated[0]:,} and {stated[1]}")
    rows = rejected = 0
    languages: Counter[str] = Counter()
    hits: list[Hit] = []
    places_of_hits: list[int] = []
    bad: list[tuple[int, str, str]] = []
    seen: set[str] = set()
    for number, line in enumerate(gdelt.lines(path), 1):
        if not line.strip():
            continue
        rows += 1
        try:
            columns = line.rstrip(b"\r").split(b"\t")
            if len(columns) != gdelt.COLUMNS[stream]:
                raise ValueError(f"{len(columns)} columns instead of {gdelt.COLUMNS[stream]}")
            hit = gdelt.parse(stream, columns, translated)
        except Exception as error:
            rejected += 1
            why = containment.reason(error, f"{path.name}, line {number}")
            if len(bad) < BAD_KEPT:
                bad.append((number, why, line[:BAD_CHARACTERS].decode("utf-8", "replace")))
            continue
        if stream == "gkg":
            languages[hit.language or "und"] += 1
        elif hit.url in seen and stream == "mentions":  # one article is mentioned once an event
            continue
        seen.add(hit.url)
        if places.bases(hit):
            hits.append(hit)
            places_of_hits.append(number)
    return Extract(
        path.name, stream, slot, translated, size, md5, screened_by, rows, rejected, dict(languages), hits, bad,
        sha256(path), places_of_hits,
    )  # fmt: skip


# ---- decode


def decode(landed: Landed, context: Context[GdeltFiles]) -> Iterator[Event]:
    """Articles of the kept rows, one row an article; totals by quarter-hour and language; rejects; the days.

    Rows are filed under the day on which GDELT saw the article. A day is `ok` when all its archives were read.
    """
    settings = context.settings
    places, _ = _places(context)
    reader = Reader(context.reference, context.params)
    notes: dict[date, list[tuple[str, str]]] = {}
    for file in landed.files:
        if file.note == "manifest":
            for answer in read_manifest(file.path).answers:
                notes.setdefault(answer.since, []).append((answer.status, answer.kind))
    for file in landed.files:
        if file.note == "rows" and file.day is not None:
            extracts = sorted(_read(file.path), key=_order)
            for extract in extracts:
                for number, reason, raw in extract.bad:
                    yield Reject(file.day, f"{extract.file}, line {number}", reason, raw)
            unread: list[tuple[str, str]] = []
            readings = list(_readings(extracts, reader, places, unread))
            yield from (Reject(file.day, *each) for each in unread)
            for name, table in news_tables(readings, CODE).items():
                if table.num_rows:
                    yield Rows(name, file.day, scoped.filed_under(table, [file.day] * table.num_rows))
            yield Rows("news_totals", file.day, _totals(extracts, file.day))
            expected = sum(1 for _ in _expected(file.day, settings))
            yield _judge(file.day, extracts, notes.get(file.day, []), len(readings), len(unread), expected, context)


def _order(extract: Extract) -> tuple[int, str, str]:
    """Tables with titles first, then by time: the first that names an article is the one that is kept."""
    return ("gkg", "mentions", "export").index(extract.stream), extract.slot, extract.file


def _readings(
    extracts: Iterable[Extract], reader: Reader, places: Places, unread: list[tuple[str, str]]
) -> Iterator[Reading]:
    """The articles of the rows; `unread` gets where rows stand that could not be read, and why."""
    readings: dict[str, Reading] = {}
    for extract in extracts:
        for hit, line in zip_longest(extract.hits, extract.lines):
            where = f"{extract.file}, line {line}"
            try:
                reading = _reading(hit, extract, line, reader, places)
            except Exception as error:
                unread.append((where, containment.reason(error, where)))
                continue
            earlier = readings.get(reading.article_id)
            readings[reading.article_id] = _joined(earlier, reading) if earlier else reading
    for _, reading in sorted(readings.items()):
        if reading.mentions:
            yield reading


def _reading(hit: Hit, extract: Extract, line: int | None, reader: Reader, places: Places) -> Reading:
    """The row as an article: claims from its title, further bases from its names and places."""
    seen = gdelt.stamp(hit.slot)
    at = gdelt.published(hit)
    reading = reader.read(
        Article(
            title=hit.title,
            url=hit.url,
            published_at=at or seen,
            published_basis="metadata" if at else "seen",
            seen_at=seen,
            language=hit.language,
            domain=hit.domain or None,
            origin_file=extract.file,
            origin_sha256=extract.sha256,
            origin_place=None if line is None else f"line {line}",
        )
    )
    named = {mention.base_id for mention in reading.mentions}
    added = [
        gdelt.mention(base_id, spot.alias, spot.strength, spot.matched_by)
        for base_id, spot in sorted(places.bases(hit).items())
        if base_id not in named
    ]
    return replace(reading, mentions=(*reading.mentions, *added))


def _joined(first: Reading, other: Reading) -> Reading:
    """Two rows of one article: the first stands, with the bases that only the other names, and the earlier time."""
    named = {mention.base_id for mention in first.mentions}
    seen = min(at for at in (first.seen_at, other.seen_at) if at is not None)
    is_seen = first.published_basis == "seen"
    return replace(
        first,
        mentions=(*first.mentions, *(mention for mention in other.mentions if mention.base_id not in named)),
        seen_at=seen,
        published_at=seen if is_seen else first.published_at,
    )


def _totals(extracts: Iterable[Extract], day: date) -> pa.Table:
    counted: Counter[tuple[str, str]] = Counter()
    for extract in extracts:
        if extract.stream == "gkg":
            for language, articles in extract.languages.items():
                counted[extract.slot, language] += articles
    rows: list[dict[str, Any]] = [
        {"source": CODE, "day": day, "series": "gkg", "slot_at": gdelt.stamp(slot), "language": language, "articles": n}
        for (slot, language), n in sorted(counted.items())
    ]
    return pa.Table.from_pylist(rows, schema=TABLES["news_totals"].schema)


def _judge(
    day: date,
    extracts: list[Extract],
    notes: list[tuple[str, str]],
    kept: int,
    unread: int,
    expected: int,
    context: Context[GdeltFiles],
) -> Day:
    """The ledger row of a day, with a count of what is not there and the first names of it."""
    read = sum(extract.rows for extract in extracts)
    rejected = sum(extract.rejected for extract in extracts) + unread
    lacking = Counter(status for status, _ in notes)
    status = "ok"
    reasons = []
    if len(extracts) < expected:
        status = "partial" if extracts else next((each for each in ("failed", "late") if lacking[each]), "missing")
        for each in sorted(lacking):
            names = [name for status_of_name, name in notes if status_of_name == each]
            more = ", …" if len(names) > MANY else ""
            reasons.append(f"{each}: {len(names)} of {expected} archives ({', '.join(names[:MANY])}{more})")
    hollow = [extract.file for extract in extracts if extract.stream == "gkg" and not extract.rows]
    if hollow and status == "ok":
        status = "partial"
        more = ", …" if len(hollow) > MANY else ""
        reasons.append(f"empty: {len(hollow)} of {expected} archives ({', '.join(hollow[:MANY])}{more})")
    if rejected and rejected >= read * context.params.rejected_share_max:
        status = "partial"
        reasons.append(f"{rejected} of {read} rows rejected")
    digest = hashlib.sha256("\n".join(sorted(extract.md5 for extract in extracts)).encode()).hexdigest()
    return Day(
        day,
        status,
        files=len(extracts),
        bytes=sum(extract.size for extract in extracts),
        records_read=read,
        records_kept=kept,
        records_rejected=rejected,
        sha256=digest if extracts else None,
        error="; ".join(reasons) or None,
    )


# ---- doctor


def check(context: Context[GdeltFiles]) -> list[Finding]:
    """Whether the folder or the address serves archives, and how old the newest is."""
    settings = context.settings
    findings = []
    try:
        _places(context)
    except SourceError as error:
        findings.append(Finding(False, str(error), f"correct sources.{CODE}.features"))
    if settings.location and not is_url(settings.location):
        root = context.path(settings.location)
        has_archives = root.is_dir() and any(root.glob("*.zip"))
        return [
            *findings,
            Finding(has_archives, f"{CODE}: archives in {root}", "name a folder that holds GDELT's zips"),
        ]
    newest = _newest(_client(settings), (settings.location or ADDRESS).rstrip("/"), settings)
    at = gdelt.stamp(newest or "")
    if at is None:
        message = f"{CODE}: {clean_url(settings.location or ADDRESS)} does not tell its newest archives"
        return [*findings, Finding(False, message, "check network and proxy; try the same address with http://")]
    hours = (context.now - at).total_seconds() / 3600
    return [*findings, Finding(hours < LIST_FRESH_HOURS, f"{CODE}: reachable, newest archive {at:%Y-%m-%d %H:%M} UTC",
                               "GDELT itself is behind; days are caught up when it is not")]  # fmt: skip
