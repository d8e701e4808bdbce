"""What a text claims of a base: a pause, a resumption, flights; read by per-language words, sentence by sentence.

A sentence claims something where four things hold. It speaks of flying. Nothing in it denies the flight or merely plans
it. It is not about civil flights alone. It stands in relation to the base: it names it, points to it, or speaks of the
only base there is.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from basewatch.news import dates
from basewatch.news.dates import Duration, Span
from basewatch.news.rules import Language, Rules
from basewatch.news.text import key

LONGEST_PAUSE = 5 * 366
_STRENGTHS = ("claimed", "seen_towards", "landed")
_CHAIN = re.compile(r"(?<![\w-])[^\W\d_][\w']*(?:\s?[-–—→]\s?[^\W\d_][\w']*){2,}(?:\s(?:region|area|регион|область))?")
_STATEMENT = 240


@dataclass(frozen=True)
class Claim:
    """One checkable statement about one base.

    `window_basis` says where its days come from: `stated` in the sentence, the claimed `flights`, or, where the text
    dates nothing, the day it was `published`. `printed_type` is a misprinted aircraft type as it was printed.
    """

    base_id: str
    claim: str
    fleet_id: str
    type_code: str | None = None
    printed_type: str | None = None
    claimed_count: int | None = None
    route: str | None = None
    claimed_from: date | None = None
    claimed_to: date | None = None
    duration_days: int | None = None
    is_rounded: bool | None = None
    verb_strength: str | None = None
    window_basis: str | None = None
    statement: str = ""


@dataclass(frozen=True)
class Sentence:
    """A sentence as printed and folded, and the bases that it names."""

    printed: str
    folded: str
    bases: tuple[str, ...]
    names_place: bool = False


@dataclass(frozen=True)
class _Text:
    """What holds for all sentences of one text."""

    language: Language
    rules: Rules
    published: date | None
    fleet: str
    types: frozenset[str]
    recent: timedelta


@dataclass
class _Report:
    """What one sentence says, before it is tied to a base."""

    sentence: Sentence
    fleet_id: str
    pause: Duration | None = None
    has_pause: bool = False
    resumes: bool = False
    resumed_on: Span | None = None
    flights: list[Claim] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    strength: str | None = None


@dataclass(frozen=True)
class BaseClaims:
    """All that a text says of one base."""

    claims: tuple[Claim, ...]
    verb_strength: str | None
    types: tuple[str, ...]


def read_claims(
    sentences: list[Sentence],
    bases: list[str],
    language: Language,
    rules: Rules,
    published: date | None,
    recent_days: int,
    undated_days: int,
) -> dict[str, BaseClaims]:
    """The claims about each base, in the order in which the bases are given (the main one first).

    `sentences` hold the title first. Without a day of publication nothing that needs one is claimed. Flights more than
    `recent_days` before publication are background and no claim. A pause whose end the text does not date runs back
    from publication, if it is at least `undated_days` long.
    """
    article = "\n".join(sentence.folded for sentence in sentences)
    types = frozenset(kind.code for kind in rules.aircraft.find(article) if kind.code)
    text = _Text(language, rules, published, _fleet(article, language, rules), types, timedelta(days=recent_days))
    reports: list[tuple[tuple[str, ...], _Report]] = []
    last: tuple[str, ...] = ()
    for sentence in sentences:
        report = _hear(sentence, text)
        of_bases = _about(sentence, bases, last, language)
        last = sentence.bases or last
        if report is not None and of_bases:
            reports.append((of_bases, report))
    return {
        base_id: _gather(
            base_id, [report for of_bases, report in reports if base_id in of_bases], published, undated_days
        )
        for base_id in bases
    }


def by_every_reading(readings: list[dict[str, BaseClaims]]) -> dict[str, BaseClaims]:
    """The claims of a text whose day of publication can be read in several ways: one reading of the text a day.

    A claim that says the same by each keeps its days; any other stands without days, so that no record decides it.
    """
    if len(readings) == 1:
        return readings[0]
    return {base_id: _undecided([reading[base_id] for reading in readings]) for base_id in readings[0]}


def _undecided(readings: list[BaseClaims]) -> BaseClaims:
    days: dict[Claim, list[list[Claim]]] = {}  # by the claim without its days: what each reading has of it
    for place, reading in enumerate(readings):
        for claim in reading.claims:
            bare = replace(claim, claimed_from=None, claimed_to=None, window_basis=None, is_rounded=None)
            days.setdefault(bare, [[] for _ in readings])[place].append(claim)
    claims: list[Claim] = []
    for bare, by_reading in days.items():
        agreed = by_reading[0] if all(each == by_reading[0] for each in by_reading) else []
        claims += agreed or [bare] * max(map(len, by_reading))
    kinds = ("pause", "resumption", "flight")
    strength = max((each.verb_strength for each in readings if each.verb_strength), key=_STRENGTHS.index, default=None)
    types = sorted({code for each in readings for code in each.types})
    return BaseClaims(tuple(sorted(claims, key=lambda claim: kinds.index(claim.claim))), strength, tuple(types))


def _fleet(folded: str, language: Language, rules: Rules) -> str:
    for fleet_id, tags in rules.fleets.items():
        if all(language.has(tag, folded) for tag in tags):
            return fleet_id
    return "all"


def _about(sentence: Sentence, bases: list[str], last: tuple[str, ...], language: Language) -> tuple[str, ...]:
    """Which bases a sentence speaks of: those it names; else, unless it names another place, those named before it."""
    if sentence.bases:
        return sentence.bases
    if language.has("there", sentence.folded):
        return last or tuple(bases[:1])
    if sentence.names_place:
        return ()
    return last if last and set(last) <= set(bases) else tuple(bases[:1])


def _hear(sentence: Sentence, text: _Text) -> _Report | None:
    """What a sentence says of flying; None where it says nothing, denies, only plans, or is about civil flights."""
    folded, language = sentence.folded, text.language
    types = _types(folded, text)
    if not (types or language.has("flight", folded)) or language.has("cancel", folded):
        return None
    if language.has("civil", folded) and not types and not language.has("military", folded):
        return None
    other = language.has("others", folded) and not language.has("russian", folded)
    report = _Report(sentence, "all" if other else text.fleet)
    spans = dates.find(folded, language, text.published) if text.published else []
    spans = [span for span in spans if not _is_report_day(folded, span, language)]
    report.strength = _strength(folded, language)
    report.types = [kind.code for kind in types if kind.code]
    _hear_pause(report, language, spans)
    if report.strength is not None:
        report.flights = _flights(report, types, spans, text)
    return report if report.has_pause or report.resumes or report.strength else None


def _is_report_day(folded: str, span: Span, language: Language) -> bool:
    """Whether a date is when something was said ("Bloomberg reported Thursday"), not when it happened."""
    before = folded[max(0, span.start - 20) : span.start]
    return any(len(before[match.end() :].split()) <= 1 for match in language.credit_after.finditer(before))


def _strength(folded: str, language: Language) -> str | None:
    """How much a sentence says of an arrival: `landed`, `seen_towards` ("heading to"), `claimed` (flew, flights)."""
    if language.has("towards", folded):
        bare = language.tags["towards"].sub(" ", folded)
        return "landed" if language.has("landed", bare) else "seen_towards"
    if language.has("landed", folded):
        return "landed"
    return "claimed" if language.has("flew", folded) else None


def _hear_pause(report: _Report, language: Language, spans: list[Span]) -> None:
    folded = report.sentence.folded
    resume = language.tags["resume"].search(folded)
    pause = language.tags["pause"].search(folded)
    report.resumes = resume is not None
    report.resumed_on = next((span for span in spans if resume), None)
    for duration in dates.durations(folded, language):
        before, after = folded[max(0, duration.start - 30) : duration.start], folded[duration.end : duration.end + 30]
        leads = _touches(language, before, after)
        first_in = language.tags["first_in"].search(before) is not None
        beside = pause is not None and (
            duration.end <= pause.start() <= duration.end + 20 or pause.end() <= duration.start <= pause.end() + 30
        )
        is_length = (leads and (resume or pause)) or beside or (first_in and (resume or report.strength))
        if is_length and (duration.days or 0) <= LONGEST_PAUSE:
            report.pause, report.has_pause = duration, True
            report.resumes = report.resumes or first_in or (leads and pause is not None)
            return
    report.has_pause = pause is not None and resume is not None


def _touches(language: Language, before: str, after: str) -> bool:
    """Whether a word such as "after" stands near before a length of time, or right behind it as in Turkish."""
    tag = language.tags["after"]
    if any(len(before[match.end() :].split()) <= 3 for match in tag.finditer(before)):
        return True
    return language.has_postpositions and any(len(after[: match.start()].split()) <= 1 for match in tag.finditer(after))


@dataclass(frozen=True)
class _Type:
    """An aircraft type named in a sentence; `code` is null for a misprint that nothing in the text makes good."""

    start: int
    end: int
    code: str | None
    printed: str | None = None


def _types(folded: str, text: _Text) -> list[_Type]:
    """The types a sentence names, in order; a misprint stands for a type only if the text names that type rightly."""
    return [
        _Type(kind.start, kind.end, kind.code)
        if kind.code
        else _Type(
            kind.start,
            kind.end,
            next((code for code in kind.could_be if code in text.types), None),
            folded[kind.start : kind.end].upper(),
        )
        for kind in text.rules.aircraft.find(folded)
    ]


def _flights(report: _Report, types: list[_Type], spans: list[Span], text: _Text) -> list[Claim]:
    """The dated flights a sentence reports: each type with the days and the count of its own clause."""
    folded, published = report.sentence.folded, text.published
    if published is None:
        return []
    recent = [span for span in spans if published - text.recent <= span.first <= published]
    if not recent:
        return []
    if not types:  # "two transports landed at Hmeimim on Sunday" is a claim; "flights on Sunday" is too little
        if report.strength == "claimed" or report.resumes or not report.sentence.bases:
            return []
        return [
            _flight(report, _Type(0, 0, None), recent[0], _count(folded, text.language, 0, len(folded), None), text)
        ]
    bare = _without(folded, types)
    edges = [0]
    for kind, following in itertools.pairwise(types):
        cuts = list(text.rules.clause.finditer(folded, kind.end, following.start))
        edges.append(cuts[-1].start() if cuts else following.start)
    edges.append(len(folded))
    clauses = list(itertools.pairwise(edges))
    leading = next((span for span in recent if span.end <= types[0].start), None)
    days = [next((span for span in recent if first <= span.start < last), None) for first, last in clauses]
    for index in reversed(range(len(types) - 1)):
        # "an Il-62 and an An-124 landed on Sunday": types with no verb between them share the days that follow
        between = folded[types[index].end : types[index + 1].start]
        if days[index] is None and _strength(between, text.language) is None:
            days[index] = days[index + 1]
    return [
        _flight(report, kind, span, _count(bare, text.language, first, last, kind.start), text)
        for kind, (first, last), own in zip(types, clauses, days, strict=True)
        if (span := own or leading) is not None
    ]


def _without(folded: str, types: list[_Type]) -> str:
    """The sentence with its aircraft types blanked, so that the 124 of "An-124 flights" is no count."""
    for kind in types:
        folded = folded[: kind.start] + "_" * (kind.end - kind.start) + folded[kind.end :]
    return folded


def _flight(report: _Report, kind: _Type, span: Span, count: int | None, text: _Text) -> Claim:
    return Claim(
        base_id="",
        claim="flight",
        fleet_id=report.fleet_id,
        type_code=kind.code,
        printed_type=kind.printed,
        claimed_count=count or 1,
        route=_route(report.sentence, text.language),
        claimed_from=span.first,
        claimed_to=span.last,
        is_rounded=False,
        verb_strength=report.strength,
        window_basis="stated",
        statement=report.sentence.printed[:_STATEMENT],
    )


def _count(folded: str, language: Language, first: int, last: int, type_at: int | None) -> int | None:
    """How often, in one clause: "three times", "трижды", "two An-124s"."""
    clause = folded[first:last]
    for pattern, value in language.counts:
        if pattern.search(clause):
            return value
    times = re.compile(rf"({language.number})\s*(?:{language.tags['times'].pattern})")
    match = times.search(clause)
    if match and (amount := language.amount(match[1])):
        return amount
    if type_at is not None:
        before = folded[max(first, type_at - 24) : type_at]
        number = re.compile(rf"({language.number})(?:\s+[^\W\d]+)?\s+$")
        match = number.search(before)
        if match and (amount := language.amount(match[1])) and amount < 50:
            return amount
    return None


def _route(sentence: Sentence, language: Language) -> str | None:
    """The route as printed ("Libya-Latakia-Moscow region"), or made from "from A via B to C"."""
    chain = language.route["chain"].search(sentence.folded)
    for match in _CHAIN.finditer(sentence.printed):
        if chain is not None or "→" in match.group() or "—" in match.group():
            return re.sub(r"\s?[–—→]\s?", "-", match.group())
    name = r"([^\W\d_][\w'-]*)"
    via, start, end = (language.route[part].pattern for part in ("via", "from", "to"))
    parts = re.search(rf"{start}\s+{name}\s+{via}\s+{name}\s+{end}\s+{name}", key(sentence.printed))
    return "-".join(part.title() for part in parts.groups()) if parts else None


def _gather(base_id: str, reports: list[_Report], published: date | None, undated_days: int) -> BaseClaims:
    """One base's claims from all sentences: copies merged, the pause laid before the resumption."""
    strength = max((report.strength for report in reports if report.strength), key=_STRENGTHS.index, default=None)
    by_type: dict[str | None, str] = {}
    for report in reports:
        for code in report.types:
            if report.strength and _STRENGTHS.index(report.strength) >= _STRENGTHS.index(by_type.get(code, "claimed")):
                by_type[code] = report.strength
    flights = [
        replace(claim, base_id=base_id, verb_strength=by_type.get(claim.type_code, claim.verb_strength))
        for claim in _merged(claim for report in reports for claim in report.flights)
    ]
    claims = _pause_and_resumption(base_id, reports, flights, published, undated_days) + flights
    types = dict.fromkeys(code for report in reports if report.strength or report.resumes for code in report.types)
    return BaseClaims(tuple(claims), strength, tuple(sorted(types)))


def _merged(claims: Iterable[Claim]) -> list[Claim]:
    """Of claims about one type whose days overlap the narrower stays, with the higher count and any route."""
    kept: list[Claim] = []
    for claim in claims:
        if claim.type_code is None and claim.printed_type is not None:
            continue  # a misprint that nothing in the text makes good: flagged in the types, no claim
        for index, held in enumerate(kept):
            if held.type_code == claim.type_code and held.claimed_from and claim.claimed_from:
                overlap = held.claimed_from <= (claim.claimed_to or claim.claimed_from) and claim.claimed_from <= (
                    held.claimed_to or held.claimed_from
                )
                if overlap:
                    narrow = min((held, claim), key=_length)
                    kept[index] = replace(
                        narrow,
                        claimed_count=max(held.claimed_count or 1, claim.claimed_count or 1),
                        route=narrow.route or held.route or claim.route,
                        printed_type=held.printed_type or claim.printed_type,
                    )
                    break
        else:
            kept.append(claim)
    return kept


def _length(claim: Claim) -> int:
    return (claim.claimed_to - claim.claimed_from).days if claim.claimed_from and claim.claimed_to else 10_000


def _pause_and_resumption(
    base_id: str, reports: list[_Report], flights: list[Claim], published: date | None, undated_days: int
) -> list[Claim]:
    """The pause, back from the resumption by its length, and the resumption, over the days of the claimed flights.

    Where the text dates no resumption, the pause runs back from publication, as a rounded figure. It does so only if it
    is long enough that the days between resumption and publication matter little. The resumption then has no days.
    """
    resuming = [report for report in reports if report.resumes]
    pausing = sorted(
        (report for report in reports if report.has_pause), key=lambda report: not (report.pause and report.pause.days)
    )
    first = min((claim.claimed_from for claim in flights if claim.claimed_from), default=None)
    last = max((claim.claimed_to for claim in flights if claim.claimed_to), default=None)
    basis = "flights"
    if first is None and (stated := next((report.resumed_on for report in resuming if report.resumed_on), None)):
        first, last, basis = stated.first, stated.last, "stated"
    claims = []
    if pausing:
        report = pausing[0]
        pause = _pause(report, base_id)
        days = pause.duration_days
        if days and resuming and first:
            end = first - timedelta(days=1)
            pause = replace(pause, claimed_from=first - timedelta(days=days), claimed_to=end, window_basis=basis)
        elif days and published and (not resuming or days >= undated_days):
            start = published - timedelta(days=days - 1)
            rounded = pause.is_rounded or bool(resuming)
            pause = replace(
                pause, claimed_from=start, claimed_to=published, is_rounded=rounded, window_basis="published"
            )
        claims.append(pause)
    if resuming:
        claims.append(
            Claim(
                base_id,
                "resumption",
                resuming[0].fleet_id,
                claimed_from=first,
                claimed_to=last,
                is_rounded=False,
                verb_strength=resuming[0].strength,
                window_basis=basis if first else None,
                statement=resuming[0].sentence.printed[:_STATEMENT],
            )
        )
    return claims


def _pause(report: _Report, base_id: str) -> Claim:
    """A claimed pause as long as it is said to be, its days still open."""
    length = report.pause
    return Claim(
        base_id,
        "pause",
        report.fleet_id,
        duration_days=length.days if length else None,
        is_rounded=length.is_rounded if length else None,
        statement=report.sentence.printed[:_STATEMENT],
    )
