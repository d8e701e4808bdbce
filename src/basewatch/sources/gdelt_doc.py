"""GDELT DOC 2.0: articles in 65 languages whose English translation holds a strong name of a base, by search.

An answer has titles, addresses and times, no texts: the search itself is the evidence that the base is named, claims
are read from titles. There is no paging, so a window whose answer is full is cut in half until none is. What GDELT
monitored altogether is asked for too: a day with quarter-hours without any article is no quiet day.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa

from basewatch.config import GdeltDoc
from basewatch.errors import SourceError, containment
from basewatch.lake.events import GLOBAL, Event, Reject, Rows
from basewatch.lake.landings import MANIFEST
from basewatch.lake.schemas import TABLES
from basewatch.net import providers
from basewatch.net.client import Client
from basewatch.net.content import describe
from basewatch.net.faults import HttpFault, retry_after
from basewatch.net.limits import Limit
from basewatch.news.reader import Article, Reader, Reading, news_events
from basewatch.news.text import key, language_code
from basewatch.sources import gdelt, scoped
from basewatch.sources.contract import Context, Finding, Grain, Landed, LandedFile, Window
from basewatch.sources.landing import (
    LandedAnswer,
    Landing,
    Manifest,
    hours_since,
    is_url,
    manifests,
    midnight,
    read_manifest,
    replay,
)

CODE = "gdelt_doc"
API = "https://api.gdeltproject.org/api/v2/doc/doc"
TOTALS = "totals"  # the manifest's scope of answers that count all articles
SETTLED_HOURS = 48.0  # after so long a quarter-hour that GDELT did not monitor stays so
QUARTERS = 96
_REFUSED = re.compile(r"too short|too long|Invalid|Unsupported|OR'd|must be", re.IGNORECASE)
_LIMITED = re.compile(r"limit requests", re.IGNORECASE)


# ---- queries


def names(base_id: str, context: Context[GdeltDoc]) -> list[str]:
    """The phrases by which a base is searched for: its strong names in the configured languages.

    A name that holds another of them is left out, as are those too short for the API. Raises SourceError where none is
    left.
    """
    settings = context.settings
    shortest = int(providers.due(CODE, "phrase_characters"))
    phrases: dict[str, str] = {}
    for row in context.reference.rows["keywords"]:
        if (
            row.role == "name"
            and row.base_id == base_id
            and row.strength != "weak"
            and row.language in settings.languages
        ):
            phrase = " ".join(re.sub(r"[\"():*]", " ", row.alias).split())
            if len(phrase) >= shortest:
                phrases.setdefault(_words(phrase), phrase)
    shortest_phrases = [
        phrases[words]
        for words in phrases
        if not any(words != other and f" {other} " in f" {words} " for other in phrases)
    ]
    if not shortest_phrases:
        raise SourceError(
            f"sources.{CODE}.bases: {base_id} has no strong name in {', '.join(settings.languages)} in keywords.csv, "
            "and a search for a town would find the town; take it out of the list (gdelt_files finds it in context)"
        )
    return shortest_phrases


def _words(phrase: str) -> str:
    return " ".join(re.findall(r"\w+", key(phrase)))


def queries(phrases: Iterable[str]) -> list[str]:
    """The phrases as OR groups, none longer than the API takes; a group of one stands without parentheses."""
    most = int(providers.due(CODE, "query_characters"))
    groups: list[list[str]] = []
    for phrase in phrases:
        if not groups or len(_query([*groups[-1], phrase])) > most:
            groups.append([])
        groups[-1].append(phrase)
    return [_query(group) for group in groups]


def _query(phrases: list[str]) -> str:
    quoted = [f'"{phrase}"' for phrase in phrases]
    return quoted[0] if len(quoted) == 1 else f"({' OR '.join(quoted)})"


# ---- fetch


@dataclass
class _Work:
    """A window being asked about: what was had before, and why asking stopped if it did."""

    client: Client
    url: str
    landing: Landing
    settings: GdeltDoc
    had: dict[str, tuple[LandedAnswer, LandedFile]]
    answered: int = 0
    stopped: str | None = None
    fault: HttpFault | None = None


def grain(_: GdeltDoc) -> Grain:
    """One window a day."""
    return "day"


def fetch(window: Window, context: Context[GdeltDoc]) -> Landed:
    """The window's answers, one file each. A day that has just ended is late; answers of an earlier try are kept.

    Raises SourceError where no base is named, or nothing at all could be had.
    """
    settings = context.settings
    if settings.location and not is_url(settings.location):
        return replay(context.path(settings.location), window)
    searches = _searches(context)
    had = _had(window, context)
    landing = Landing(context, window)
    work = _Work(_client(settings), settings.location or API, landing, settings, had)
    for day in window.days():
        if hours_since(day, context.now) < settings.publish_hours:
            why = f"the day is whole {settings.publish_hours:g} h after its end"
            for base_id in searches:
                landing.note(f"base:{base_id}", day, day, "articles", "late", why)
            continue
        for base_id, base_queries in searches.items():
            for query in base_queries:
                _search(work, f"base:{base_id}", query, midnight(day), midnight(day + timedelta(days=1)), day)
        for language in settings.totals:
            _total(work, language, day)
    searched = [answer for answer in landing.answers if answer.scope != TOTALS]
    if not work.answered and any(answer.status == "failed" for answer in searched):
        raise SourceError(work.stopped or str(work.fault), retryable=work.fault is not None and work.fault.retryable)
    return landing.finish()


def _searches(context: Context[GdeltDoc]) -> dict[str, list[str]]:
    settings = context.settings
    if not settings.bases:
        raise SourceError(
            f"{CODE} searches for one base at a time, at one request in five seconds, and none is named: set "
            f"sources.{CODE}.bases to base_ids of bases.csv"
        )
    named = scoped.bases(CODE, settings.bases, context)
    return {base.base_id: queries(names(base.base_id, context)) for base in named}


def _had(window: Window, context: Context[GdeltDoc]) -> dict[str, tuple[LandedAnswer, LandedFile]]:
    """What an earlier try of the same window brought and need not be asked for again, by file name."""
    path = context.landing / f"{window.since}" / MANIFEST
    if window.since != window.until or not path.exists():
        return {}
    try:
        manifest = read_manifest(path)
    except SourceError:
        return {}
    settled = midnight(window.until) + timedelta(days=1, hours=SETTLED_HOURS)
    landed = {}
    steps: dict[str, Steps] = {}
    for answer in manifest.answers:
        if answer.status == "ok" and answer.file is not None:
            file = path.parent / answer.file
            values = manifest.files[answer.file]
            at = manifest.fetched_at(answer.file)
            body = file.read_bytes() if file.exists() else b""
            if hashlib.sha256(body).hexdigest() != values["sha256"] or not _is_answer(body, answer):
                continue
            landed[answer.file] = (
                answer,
                LandedFile(file, values["url"], values["sha256"], len(body), at, window.since),
            )
            if answer.scope == TOTALS and at < settled:
                steps[answer.kind] = _steps(body)
    return {} if _dead(steps, window.since) else landed


def _is_answer(body: bytes, answer: LandedAnswer) -> bool:
    """Whether a landed body is an answer to its question. Version 0.1 landed any JSON."""
    try:
        if answer.scope == TOTALS:
            _steps(body)
        else:
            _listed(body, "ArtList")
    except ValueError:
        return False
    return True


def _search(work: _Work, scope: str, query: str, start: datetime, end: datetime, day: date) -> None:
    """Land the articles of a query seen from `start` until before `end`, in halves where one answer is too small."""
    last = end - timedelta(seconds=1)
    digest = hashlib.sha256(query.encode()).hexdigest()[:8]
    name = f"{scope.replace(':', '-')}-{digest}-{day}-{start:%H%M}-{last:%H%M}.json"
    params = {
        "query": query,
        "mode": "ArtList",
        "format": "json",
        "maxrecords": f"{providers.due(CODE, 'rows'):.0f}",
        "sort": "DateAsc",
        "startdatetime": f"{start:%Y%m%d%H%M%S}",
        "enddatetime": f"{last:%Y%m%d%H%M%S}",
    }
    body = _land(work, name, params, scope, query, day)
    if body is None or len(_listed(body, "ArtList")) < providers.due(CODE, "rows"):
        return
    quarters = int((end - start) / timedelta(minutes=providers.due(CODE, "window_minutes")))
    if quarters < 2:
        why = f"{start:%H:%M}-{last:%H:%M} has more than the {providers.due(CODE, 'rows'):.0f} articles that are given"
        work.landing.note(scope, day, day, query, "partial", why)
        return
    middle = start + timedelta(minutes=providers.due(CODE, "window_minutes")) * (quarters // 2)
    _search(work, scope, query, start, middle, day)
    _search(work, scope, query, middle, end, day)


def _total(work: _Work, language: str, day: date) -> None:
    """Land the count of all articles in a language, by quarter-hours; without it shares are unknown, no more."""
    params = {
        "query": f"sourcelang:{language}",
        "mode": "TimelineVolRaw",
        "format": "json",
        "startdatetime": f"{midnight(day):%Y%m%d%H%M%S}",
        "enddatetime": f"{midnight(day) + timedelta(days=1, seconds=-1):%Y%m%d%H%M%S}",
    }
    _land(work, f"{TOTALS}-{language}-{day}.json", params, TOTALS, language, day)


def _land(work: _Work, name: str, params: dict[str, str], scope: str, kind: str, day: date) -> bytes | None:
    """The body under this name: from an earlier try, or asked for and kept; None where it could not be had."""
    earlier = work.had.get(name)
    if earlier is not None:
        answer, file = earlier
        work.landing.keep(file)
        work.landing.answers.append(answer)
        work.answered += 1
        return file.path.read_bytes()
    if work.stopped is not None:
        work.landing.note(scope, day, day, kind, "failed", work.stopped)
        return None
    try:
        body, url = ask(work.client, work.url, params, work.settings.attempts)
    except HttpFault as fault:
        work.landing.note(scope, day, day, kind, "failed", str(fault))
        work.fault = fault
        if fault.kind in ("limited", "circuit", "disk", "absent") or fault.status == 403:
            work.stopped = str(fault)
        return None
    work.answered += 1
    work.landing.put(name, body, url, scope, day, day, kind)
    return body


def ask(client: Client, url: str, params: dict[str, str], attempts: int) -> tuple[bytes, str]:
    """The body and address of a readable answer, whatever its status or Content-Type claim.

    Waits at least a minute after a refusal for haste, twice as long after each further one. Raises HttpFault: `limited`
    when that goes on, `denied` with the API's words for a query that it does not take, `content` for anything else that
    is no JSON.
    """
    clock = client.state.clock
    pause = providers.due(CODE, "wait_when_limited")
    for attempt in range(attempts):
        answer = client.get(url, params, expect="text", ok=(200, 429))
        body = answer.body.lstrip(b"\xef\xbb\xbf \t\r\n")
        start = f"{CODE}: {answer.url} answered {answer.status}"
        wait = 0.0
        if answer.status == 429 or _LIMITED.search(body[:400].decode("utf-8", "replace")):
            retry_seconds = retry_after(answer.headers, clock.wall()) or 0.0
            wait = max(retry_seconds, pause * 2**attempt)
            fault = HttpFault(f"{start} with {describe(body)}", kind="limited", status=429, wait=wait, retryable=True)
        elif body.startswith(b"{"):
            try:
                _listed(body, params["mode"])
                return answer.body, answer.url
            except ValueError as error:
                fault = HttpFault(f"{start} with {describe(body)}: {error}", kind="content", retryable=True)
        elif not body.startswith(b"<") and len(body) < 400 and _REFUSED.search(body.decode("utf-8", "replace")):
            raise HttpFault(f"{start} with {describe(body)} to the query {params['query']}", kind="denied")
        else:
            fault = HttpFault(f"{start} with {describe(body)} where JSON is due", kind="content", retryable=True)
        if attempt + 1 == attempts:
            raise fault
        clock.sleep(wait or client.policy.first_wait_seconds * 2**attempt)
    raise AssertionError("at least one attempt")


_LISTS = {"ArtList": "articles", "TimelineVolRaw": "timeline"}  # what an answer of each mode holds, a list


def _listed(body: bytes, mode: str) -> list[Any]:
    """The list in an answer of this mode; empty for `{}`, which is how the API says that nothing matches.

    Raises ValueError for anything else, such as an error told as JSON.
    """
    content = gdelt.loads(body)
    if content == {}:
        return []
    rows = content.get(_LISTS[mode]) if isinstance(content, dict) else None
    if not isinstance(rows, list):
        raise ValueError(f"it is neither `{{}}` nor has it a list `{_LISTS[mode]}`")
    return rows


def _client(settings: GdeltDoc) -> Client:
    return Client(
        CODE,
        limits=[Limit(1, providers.due(CODE, "seconds_a_request"))],
        headers={"Accept": "application/json"},
        policy=providers.policy(settings),
    )


# ---- decode


@dataclass
class _FoundArticle:
    """An article that searches brought: what it says by itself, and the bases whose searches brought it."""

    reading: Reading
    by_query: dict[str, str] = field(default_factory=dict)


def decode(landed: Landed, context: Context[GdeltDoc]) -> Iterator[Event]:
    """Articles of the landed answers, one row an article whatever number of searches brought it; totals; the days.

    Rows are filed under the day on which GDELT saw the article. A day in which GDELT monitored nothing for a while is
    `partial`.
    """
    window = landed.window
    reader = Reader(context.reference, context.params)
    tallies = scoped.tallies()
    articles: dict[str, _FoundArticle] = {}
    judged: list[Manifest] = []
    steps: dict[date, dict[str, Steps]] = {}
    for at, manifest in manifests(landed):
        judged.append(replace(manifest, answers=tuple(a for a in manifest.answers if a.scope != TOTALS)))
        for answer in manifest.answers:
            if answer.file is None or not window.holds(answer.since):
                continue
            body = (at / answer.file).read_bytes()
            try:
                if answer.scope == TOTALS:
                    steps.setdefault(answer.since, {})[answer.kind] = _steps(body)
                else:
                    yield from _take(body, answer, manifest.files[answer.file], reader, articles, tallies)
            except Exception as error:
                tallies[answer.scope, answer.since].count(scoped.Tally(1, 0, 1))
                why = containment.reason(error, answer.file)
                yield Reject(answer.since, answer.file, f"not readable as an answer of the DOC API: {why}")
    yield from news_events((_merged(each) for _, each in sorted(articles.items())), CODE, GLOBAL)
    for day in sorted(steps):
        yield Rows("news_totals", day, _totals(steps[day], day))
    for note in scoped.judge(window, judged, tallies, context):
        missed = _dead(steps.get(note.day, {}), note.day)
        if missed and note.status in ("ok", "empty"):
            moments = ", ".join(f"{moment:%H:%M}" for moment in sorted(missed)[:8])
            more = ", …" if len(missed) > 8 else ""
            why = f"GDELT monitored nothing in {len(missed)} of {QUARTERS} quarter-hours ({moments}{more})"
            note = replace(note, status="partial", error=why)
        yield note


def _take(
    body: bytes,
    answer: LandedAnswer,
    file: dict[str, Any],
    reader: Reader,
    articles: dict[str, _FoundArticle],
    tallies: scoped.Tallies,
) -> Iterator[Reject]:
    base_id = answer.scope.removeprefix("base:")
    tally = tallies[answer.scope, answer.since]
    tally.count(scoped.Tally(bytes=len(body), hashes={str(file["sha256"])}))
    first = re.search(r'"([^"]+)"', answer.kind)
    rows = _listed(body, "ArtList")
    times = [gdelt.seen(row.get("seendate")) for row in rows if isinstance(row, dict)]
    neighbours = {answer.since + timedelta(days=offset) for offset in (-1, 0, 1)}
    if any(times) and not any(at and at.date() in neighbours for at in times):
        tally.count(scoped.Tally(read=len(rows), rejected=len(rows)))
        why = f"none of its {len(rows)} articles is of the day that was asked for"
        yield Reject(answer.since, answer.file or "", why)
        return
    for place, row in enumerate(rows, 1):
        tally.read += 1
        seen = gdelt.seen(row.get("seendate")) if isinstance(row, dict) else None
        url = row.get("url") if isinstance(row, dict) else None
        if seen is None or not isinstance(url, str) or not url.startswith(("http://", "https://")):
            tally.rejected += 1
            yield Reject(answer.since, f"{answer.file}, article {place}", "no address or no time", repr(row))
            continue
        if seen.date() != answer.since:
            continue
        about = Article(url=url, published_at=seen, published_basis="seen", seen_at=seen, origin_file=answer.file)
        about = replace(about, origin_sha256=str(file["sha256"]), origin_place=f"article {place}")
        try:
            title, language = gdelt.title(row.get("title")), _language(row.get("language"))
            reading = reader.read(replace(about, title=title, language=language))
        except Exception as error:
            tally.rejected += 1
            where = f"{answer.file}, article {place}"
            yield Reject(answer.since, where, containment.reason(error, where), repr(row))
            continue
        article = articles.setdefault(reading.article_id, _FoundArticle(reading))
        if (reading.seen_at, reading.url) < (article.reading.seen_at, article.reading.url):
            article.reading = reading
        if base_id not in article.by_query:
            tally.kept += 1
            spot = reader.bases_in(gdelt.address_words(url), reading.language).get(base_id)
            article.by_query[base_id] = spot.alias if spot else first[1] if first else base_id


def _language(name: object) -> str | None:
    return language_code(name) if isinstance(name, str) else None


def _merged(article: _FoundArticle) -> Reading:
    """The reading with the bases that the searches found in the text, beside those that the title names."""
    named = {mention.base_id for mention in article.reading.mentions}
    added = [
        gdelt.mention(base_id, alias, "strong", "query")
        for base_id, alias in sorted(article.by_query.items())
        if base_id not in named
    ]
    return replace(article.reading, mentions=(*article.reading.mentions, *added))


Steps = dict[datetime, tuple[int, int]]  # (articles of the query, all articles) by the start of the step


def _steps(body: bytes) -> Steps:
    """The steps of a timeline. Raises ValueError for what is none."""
    steps: Steps = {}
    for series in _listed(body, "TimelineVolRaw"):
        data = series.get("data") if isinstance(series, dict) else None
        if not isinstance(data, list) or not all(isinstance(step, dict) for step in data):
            raise ValueError("a series without a list of steps")
        for step in data:
            at = gdelt.seen(step.get("date"))
            value, norm = step.get("value"), step.get("norm")
            if at is not None and isinstance(value, int | float) and isinstance(norm, int | float):
                steps[at] = int(value), int(norm)
    return steps


def _everything(steps: dict[str, Steps], day: date) -> dict[datetime, int]:
    """Articles in all languages by quarter-hour (or longer step), as any of the answers has them."""
    totals: dict[datetime, int] = {}
    for counted in steps.values():
        for at, (_, norm) in counted.items():
            if at.date() == day:
                totals[at] = max(norm, totals.get(at, 0))
    return totals


def _dead(steps: dict[str, Steps], day: date) -> set[datetime]:
    """Quarter-hours of a day without any article in any language; none where the steps are longer, or not known."""
    everything = _everything(steps, day)
    if len(everything) <= 24:  # hours or nothing: too coarse to tell
        return set()
    quarters = {midnight(day) + timedelta(minutes=15 * n) for n in range(QUARTERS)}
    return {at for at in quarters if not everything.get(at)}


def _totals(steps: dict[str, Steps], day: date) -> pa.Table:
    rows: list[dict[str, Any]] = [
        {"series": "doc", "slot_at": at, "language": language_code(language) or language, "articles": value}
        for language, counted in sorted(steps.items())
        for at, (value, _) in sorted(counted.items())
        if at.date() == day
    ]
    everything = sorted(_everything(steps, day).items())
    rows += [{"series": "doc_all", "slot_at": at, "articles": norm} for at, norm in everything]
    stem = {"source": CODE, "day": day}
    return pa.Table.from_pylist([{**stem, **row} for row in rows], schema=TABLES["news_totals"].schema)


# ---- doctor


def check(context: Context[GdeltDoc]) -> list[Finding]:
    """Bases and their names, the time that a day takes, and whether the API answers."""
    settings = context.settings
    if settings.location and not is_url(settings.location):
        there = context.path(settings.location).is_dir()
        return [Finding(there, f"{CODE}: replay folder {settings.location}", "name an existing folder")]
    try:
        searches = _searches(context)
    except SourceError as error:
        return [Finding(False, str(error), f"set sources.{CODE}.bases to bases with a strong name")]
    requests = sum(map(len, searches.values())) + len(settings.totals)
    seconds = requests * providers.due(CODE, "seconds_a_request")
    findings = [Finding(True, f"{CODE}: {requests} requests a day for {len(searches)} bases, {seconds:,.0f} s or more")]
    try:
        client = _client(settings)
        now = context.now - timedelta(hours=2)
        params = {
            "query": next(iter(searches.values()))[0],
            "mode": "ArtList",
            "format": "json",
            "maxrecords": "1",
            "startdatetime": f"{now - timedelta(hours=1):%Y%m%d%H%M%S}",
            "enddatetime": f"{now:%Y%m%d%H%M%S}",
        }
        ask(client, settings.location or API, params, 1)
        findings.append(Finding(True, f"{CODE}: reachable"))
    except HttpFault as fault:
        findings.append(Finding(False, str(fault), "wait some minutes; then check network, proxy and address"))
    return findings
