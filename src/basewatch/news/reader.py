"""News text to facts: which bases an article names, what it claims of flights there, and whose story it is.

`Reader(reference, params)` is built once; `reader.read(Article(...))` gives a `Reading`; `tables(readings, source)` and
`rows(readings, source, scope)` give rows of the lake tables `news_articles`, `news_mentions` and `news_claims`;
`reader.bases_in(text)` is the quick way for streams.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from itertools import groupby
from typing import Any

import pyarrow as pa

from basewatch.config import Settings
from basewatch.lake.events import Rows
from basewatch.lake.schemas import TABLES
from basewatch.news import stories, text
from basewatch.news.claims import BaseClaims, Claim, Sentence, by_every_reading, read_claims
from basewatch.news.matching import BaseMatch, Matcher, best_of_each
from basewatch.news.rules import Rules, rules
from basewatch.news.text import key
from basewatch.reference import load
from basewatch.reference.load import Reference
from basewatch.reference.thresholds import Thresholds

TABLE_NAMES = ("news_articles", "news_mentions", "news_claims")
_LONGEST = 200_000  # characters of a body that are read: longer than any article, shorter than a dump


@dataclass(frozen=True)
class Article:
    """What a source knows of one article. `text` is the body, or a summary, or nothing, as far as it is to be had.

    published_at: in the zone in which it was stated, whose calendar the text goes by; None where no one time is known.
    published_from, published_to: bounds of that time (UTC) where it is not exact. published_days: the days that an
    ambiguous date can mean, where the article was published. filed_on: the lake's day for an article without a time.
    """

    text: str = ""
    title: str | None = None
    url: str | None = None
    published_at: datetime | None = None
    published_basis: str | None = None
    published_from: datetime | None = None
    published_to: datetime | None = None
    published_days: tuple[date, ...] = ()
    filed_on: date | None = None
    seen_at: datetime | None = None
    language: str | None = None
    domain: str | None = None
    origin_file: str | None = None
    origin_sha256: str | None = None  # of the file's bytes
    origin_place: str | None = None  # where in the file; None: the file is the article


@dataclass(frozen=True)
class Mention:
    """One base that an article names, and what the article as a whole claims of it."""

    base_id: str
    matched_alias: str
    alias_strength: str
    matched_by: str
    reports_pause: bool
    reports_resumption: bool
    verb_strength: str | None
    claimed_pause_days: int | None
    claimed_types: tuple[str, ...]
    claimed_from: date | None
    claimed_to: date | None


@dataclass(frozen=True)
class Reading:
    """One article, read. `mentions` is empty where it names no watched base."""

    article_id: str
    url: str | None
    domain: str | None
    published_at: datetime | None
    published_basis: str | None
    published_from: datetime | None
    published_to: datetime | None
    seen_at: datetime | None
    language: str | None
    title: str | None
    origin: str | None
    data_origin: str | None
    title_key: str | None
    text_simhash: int | None
    origin_file: str | None
    origin_sha256: str | None
    origin_place: str | None
    mentions: tuple[Mention, ...]
    claims: tuple[Claim, ...]
    filed_on: date | None = None

    @property
    def day(self) -> date | None:
        """The UTC day that the article is filed under: of publication, else the source's choice, else of being seen."""
        if self.published_at is None and self.filed_on is not None:
            return self.filed_on
        at = self.published_at or self.seen_at
        return at.astimezone(UTC).date() if at else None


class Reader:
    """Reads articles against one set of reference tables. Building takes about a second; reading holds no state.

    `params`: the shipped thresholds where they are not given.
    """

    def __init__(self, reference: Reference, params: Thresholds | None = None) -> None:
        values = params if params is not None else load.params(Settings()).thresholds
        self.rules: Rules = rules()
        self.recent_days = values.news_recent_days
        self.undated_days = values.news_undated_pause_days
        self.matcher = Matcher(
            reference.rows["keywords"],
            self.rules.places,
            self.rules.aircraft,
            self.rules.pair,
            cue_words=values.news_cue_words,
            pair_words=values.news_pair_words,
        )
        self._whole_words = frozenset(
            word for row in reference.rows["keywords"] for word in re.findall(r"\w+", key(row.alias))
        ) | frozenset(
            number for code in self.rules.codes if (words := self.rules.language(code)) for number in words.numbers
        )

    def bases_in(self, content: str, language: str | None = None) -> dict[str, BaseMatch]:
        """The bases that a text names, by id, each with its best spot (alias, strength): one pass, for streams."""
        return self.matcher.bases_in(content, language)

    def read(self, article: Article) -> Reading:
        """The article's facts: language, story signatures, credited origin, the bases it names and its claims of them.

        The language is the source's, else the text's own. A language without rules gives mentions without claims.
        Dates in the text are resolved against the day of `published_at`, in the zone in which it was stated. Where the
        day is ambiguous a claim keeps only the days that it has by every reading; without one no dated claim is made.
        """
        title = text.rejoin(article.title or "", self._whole_words)
        body = text.rejoin(article.text[:_LONGEST], self._whole_words)
        whole = f"{title}\n{body}" if title else body
        language = text.language_code(article.language) or text.language_of(whole)
        folded_title, folded_body = key(title), key(body)
        matches = self.matcher.find(f"{folded_title}\n{folded_body}", language)
        domain = article.domain or text.domain_of(article.url)
        words = self.rules.language(language)
        reading = Reading(
            article_id=text.article_id(article.url, whole),
            url=(article.url or "").strip() if text.canonical_url(article.url) else None,
            domain=domain,
            published_at=article.published_at.astimezone(UTC) if article.published_at else None,
            published_basis=article.published_basis,
            published_from=article.published_from,
            published_to=article.published_to,
            seen_at=article.seen_at,
            language=language,
            title=None if article.title is None else title,
            origin=stories.origin(self.rules, words, folded_title, folded_body, domain) if matches else None,
            data_origin=stories.data_origin(self.rules, f"{folded_title}\n{folded_body}") if matches else None,
            title_key=stories.title_key(title or None, self.rules),
            text_simhash=text.simhash(body) if matches else None,
            origin_file=article.origin_file,
            origin_sha256=article.origin_sha256,
            origin_place=article.origin_place,
            mentions=(),
            claims=(),
            filed_on=article.filed_on,
        )
        if not matches:
            return reading
        bases = _in_order(matches)
        claimed: dict[str, BaseClaims] = {}
        if words is not None:
            days = (article.published_at.date(),) if article.published_at else article.published_days
            sentences = self._sentences(title, body, language)
            claimed = by_every_reading(
                [
                    read_claims(sentences, bases, words, self.rules, day, self.recent_days, self.undated_days)
                    for day in days or (None,)
                ]
            )
        best = best_of_each(matches)
        mentions = tuple(_mention(best[base_id], claimed.get(base_id)) for base_id in sorted(bases))
        claims = tuple(claim for base_id in sorted(bases) if base_id in claimed for claim in claimed[base_id].claims)
        return replace(reading, mentions=mentions, claims=claims)

    def _sentences(self, title: str, body: str, language: str | None) -> list[Sentence]:
        printed = ([title] if title else []) + text.sentences(body)
        sentences = []
        for part in printed:
            folded = key(part)
            matches = self.matcher.find(folded, language)
            sentences.append(
                Sentence(part, folded, tuple(_in_order(matches)), not matches and self.matcher.names_place(folded))
            )
        return sentences


def _in_order(matches: list[BaseMatch]) -> list[str]:
    """The bases found, the one most spoken of first."""
    counts = Counter(spot.base_id for spot in matches)
    first = {spot.base_id: spot.start for spot in reversed(matches)}
    return sorted(counts, key=lambda base_id: (-counts[base_id], first[base_id]))


def _mention(spot: BaseMatch, base_claims: BaseClaims | None) -> Mention:
    claims = base_claims.claims if base_claims else ()
    pause = next((claim for claim in claims if claim.claim == "pause"), None)
    dated = [claim for claim in claims if claim.claim != "pause" and claim.window_basis in ("stated", "flights")]
    return Mention(
        base_id=spot.base_id,
        matched_alias=spot.alias,
        alias_strength=spot.strength,
        matched_by=spot.matched_by,
        reports_pause=pause is not None,
        reports_resumption=any(claim.claim == "resumption" for claim in claims),
        verb_strength=base_claims.verb_strength if base_claims else None,
        claimed_pause_days=pause.duration_days if pause else None,
        claimed_types=base_claims.types if base_claims else (),
        claimed_from=min((claim.claimed_from for claim in dated if claim.claimed_from), default=None),
        claimed_to=max((claim.claimed_to for claim in dated if claim.claimed_to), default=None),
    )


def midnight(day: date) -> datetime:
    """The start of a UTC day."""
    return datetime.combine(day, time(), UTC)


def news_tables(readings: Iterable[Reading], source: str) -> dict[str, pa.Table]:
    """Rows of the lake tables `news_articles`, `news_mentions`, `news_claims` for articles that name a watched base.

    `day` is the article's own day (`Reading.day`); articles without one are left out, so give `seen_at`.
    """
    lists: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLE_NAMES}
    for reading in readings:
        if not reading.mentions or reading.day is None:
            continue
        stem = {"source": source, "day": reading.day, "article_id": reading.article_id}
        fields = {name: getattr(reading, name) for name in _ARTICLE_FIELDS}
        lists["news_articles"].append({**stem, **fields})
        for mention in reading.mentions:
            lists["news_mentions"].append({**stem, **vars(mention), "claimed_types": list(mention.claimed_types)})
        numbers: Counter[str] = Counter()
        for claim in reading.claims:
            numbers[claim.base_id] += 1
            lists["news_claims"].append({**stem, **vars(claim), "claim_no": numbers[claim.base_id]})
    return {name: pa.Table.from_pylist(values, schema=TABLES[name].schema) for name, values in lists.items()}


_ARTICLE_FIELDS = (
    "url", "domain", "published_at", "published_basis", "published_from", "published_to", "seen_at",
    "language", "title", "origin", "data_origin",
    "title_key", "text_simhash", "origin_file", "origin_sha256", "origin_place",
)  # fmt: skip


def news_events(readings: Iterable[Reading], source: str, scope: str) -> Iterator[Rows]:
    """The same as lake events, one table and day each, ready for a source's `decode` to yield."""
    named = [reading for reading in readings if reading.mentions and reading.day is not None]
    for day, group in groupby(sorted(named, key=_filed), key=_filed):
        for name, data in news_tables(list(group), source).items():
            if data.num_rows:
                yield Rows(name, day, data, scope)


def _filed(reading: Reading) -> date:
    if reading.day is None:
        raise ValueError("an article without a day cannot be filed")
    return reading.day
