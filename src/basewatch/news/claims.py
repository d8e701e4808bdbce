"""What a text claims of a base: a pause, a resumption, flights; read by per-language words, sentence by sentence.

A sentence claims something only where flying is spoken of, nothing in it denies or merely plans it, it is not about
civil flights alone, and it stands in relation to the base: names it, points to it, or speaks of the only base there is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from basewatch.news import dates
from basewatch.news.dates import Duration, Span
from basewatch.news.rules import Language, Rules
from basewatch.news.text import key

RECENT = timedelta(days=62)  # a flight further back than two months is background, not the story
LONGEST_PAUSE = 5 * 366
_STRENGTHS = ("claimed", "seen_towards", "landed")
_CLAUSE = re.compile(
    r"[,;:،؛、]|(?<!\w)(?:and|while|whereas|и|а|і|й|та|و|et|tandis que|und|während|e|mentre|y|mientras|ve|i|a)(?!\w)"
)
_CHAIN = re.compile(r"(?<![\w-])[^\W\d_][\w']*(?:\s?[-–—→]\s?[^\W\d_][\w']*){2,}(?:\s(?:region|area|регион|область))?")
_STATEMENT = 240


@dataclass(frozen=True)
class Claim:
    """One checkable statement about one base. `window_basis`: where its days come from (`stated`, `flights`, `published`)."""

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


@dataclass
class _Said:
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


def read(
    sentences: list[Sentence], bases: list[str], language: Language, rules: Rules, published: date | None
) -> dict[str, BaseClaims]:
    """The claims about each base, in the order in which the bases are given (the main one first).

    `sentences` hold the title first. Without a day of publication nothing that needs one is claimed.
    """
    article = "\n".join(sentence.folded for sentence in sentences)
    fleet = _fleet(article, language, rules)
    known = {code for pattern, code in rules.types if pattern.search(article)}
    said = []
    last_bases: tuple[str, ...] = ()
    for sentence in sentences:
        heard = _hear(sentence, language, rules, published, fleet, known)
        about = _about(sentence, bases, last_bases, language)
        if sentence.bases:
            last_bases = sentence.bases
        if heard is not None and about:
            said.append((about, heard))
    return {
        base_id: _gather(base_id, [heard for about, heard in said if base_id in about], published) for base_id in bases
    }


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


def _hear(
    sentence: Sentence, language: Language, rules: Rules, published: date | None, fleet: str, known: set[str]
) -> _Said | None:
    folded = sentence.folded
    types = _types(folded, rules, known)
    if not (types or language.has("flight", folded)) or language.has("cancel", folded):
        return None
    is_military = language.has("military", folded) or bool(types)
    if language.has("civil", folded) and not is_military:
        return None
    other = language.has("others", folded) and not language.has("russian", folded)
    said = _Said(sentence, "all" if other else fleet)
    spans = dates.find(folded, language, published) if published else []
    said.strength = _strength(folded, language)
    said.types = [code for _, _, code, _ in types if code]
    _hear_pause(said, language, spans)
    if published is not None and said.strength is not None:
        said.flights = _flights(sentence, language, types, spans, published, said)
    if not (said.has_pause or said.resumes or said.strength):
        return None
    return said


def _strength(folded: str, language: Language) -> str | None:
    """How much a sentence says of an arrival: `landed`, `seen_towards` ("heading to"), `claimed` (flew, flights)."""
    if language.has("towards", folded):
        bare = language.tags["towards"].sub(" ", folded)
        return "landed" if language.has("landed", bare) else "seen_towards"
    if language.has("landed", folded):
        return "landed"
    return "claimed" if language.has("flew", folded) else None


def _hear_pause(said: _Said, language: Language, spans: list[Span]) -> None:
    folded = said.sentence.folded
    resume = language.tags["resume"].search(folded)
    pause = language.tags["pause"].search(folded)
    said.resumes = resume is not None
    said.resumed_on = next((span for span in spans if resume), None)
    for duration in dates.durations(folded, language):
        before, after = folded[max(0, duration.start - 30) : duration.start], folded[duration.end : duration.end + 30]
        leads = _touches(language, "after", before, after)
        first_in = language.tags["first_in"].search(before) is not None
        beside = pause is not None and (
            duration.end <= pause.start() <= duration.end + 20 or pause.end() <= duration.start <= pause.end() + 30
        )
        if (leads and (resume or pause)) or beside or (first_in and (resume or said.strength)):
            if duration.days is None or duration.days <= LONGEST_PAUSE:
                said.pause, said.has_pause = duration, True
                said.resumes = said.resumes or first_in or (leads and pause is not None)
                return
    if pause is not None and resume is not None:
        said.has_pause = True


def _touches(language: Language, tag: str, before: str, after: str) -> bool:
    """Whether a word such as "after" stands near before a length of time (or, as in Turkish, right after it)."""
    if any(len(before[match.end() :].split()) <= 3 for match in language.tags[tag].finditer(before)):
        return True
    return any(
        len(after[: match.start()].split()) <= 1 for match in language.tags[tag].finditer(after)
    ) and language.code in ("tr", "ja")


_Type = tuple[int, int, str | None, str | None]  # start, end, designator, as misprinted


def _types(folded: str, rules: Rules, known: set[str]) -> list[_Type]:
    """The aircraft types a sentence names, in order; a misprint stands for a type only if the text names that rightly."""
    found: list[_Type] = []
    for pattern, code in rules.types:
        found += [(match.start(), match.end(), code, None) for match in pattern.finditer(folded)]
    for misprint in rules.misprints:
        for match in misprint.pattern.finditer(folded):
            if all(match.end() <= start or match.start() >= end for start, end, *_ in found):
                meant = next((code for code in misprint.could_be if code in known), None)
                found.append((match.start(), match.end(), meant, match.group()))
    found.sort()
    return found


def _flights(
    sentence: Sentence, language: Language, types: list[_Type], spans: list[Span], published: date, said: _Said
) -> list[Claim]:
    """The dated flights a sentence reports: each type with the days and the count of its own clause."""
    recent = [span for span in spans if published - RECENT <= span.last and span.first <= published]
    if not recent:
        return []
    folded = sentence.folded
    if not types:
        if said.strength == "claimed" or said.resumes or not sentence.bases:
            return []
        span = recent[0]
        count = _count(folded, language, 0, len(folded), None)
        return [_flight(sentence, language, said, None, None, span, count)]
    edges = [0]
    for (_, end, *_), (start, *_) in zip(types, types[1:], strict=False):
        cuts = list(_CLAUSE.finditer(folded, end, start))
        edges.append(cuts[-1].start() if cuts else start)
    edges.append(len(folded))
    parts = [(edges[n], edges[n + 1], kind) for n, kind in enumerate(types)]
    dated = [next((span for span in recent if first <= span.start < last), None) for first, last, _ in parts]
    claims = []
    for index, (first, last, (start, _, code, printed)) in enumerate(parts):
        shared = next((span for span in dated[index + 1 :] if span), None) or next(
            (span for span in dated if span), None
        )
        claims.append(
            _flight(
                sentence,
                language,
                said,
                code,
                printed,
                dated[index] or shared,
                _count(folded, language, first, last, start),
            )
        )
    return claims


def _flight(
    sentence: Sentence,
    language: Language,
    said: _Said,
    code: str | None,
    printed: str | None,
    span: Span | None,
    count: int | None,
) -> Claim:
    return Claim(
        base_id="",
        claim="flight",
        fleet_id=said.fleet_id,
        type_code=code,
        printed_type=printed,
        claimed_count=count or 1,
        route=_route(sentence, language),
        claimed_from=span.first if span else None,
        claimed_to=span.last if span else None,
        is_rounded=False,
        verb_strength=said.strength,
        window_basis="stated",
        statement=sentence.printed[:_STATEMENT],
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


def _gather(base_id: str, heard: list[_Said], published: date | None) -> BaseClaims:
    """One base's claims from all sentences: copies merged, the pause laid before the resumption."""
    strength = max((said.strength for said in heard if said.strength), key=_STRENGTHS.index, default=None)
    by_type: dict[str | None, str] = {}
    for said in heard:
        for code in said.types:
            if said.strength and _STRENGTHS.index(said.strength) >= _STRENGTHS.index(by_type.get(code, "claimed")):
                by_type[code] = said.strength
    flights = [
        replace(claim, base_id=base_id, verb_strength=by_type.get(claim.type_code, claim.verb_strength))
        for claim in _merged(claim for said in heard for claim in said.flights)
    ]
    claims = _pause_and_resumption(base_id, heard, flights, published) + flights
    types = dict.fromkeys(code for said in heard if said.strength or said.resumes for code in said.types)
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
    base_id: str, heard: list[_Said], flights: list[Claim], published: date | None
) -> list[Claim]:
    resuming = [said for said in heard if said.resumes]
    pausing = sorted(
        (said for said in heard if said.has_pause), key=lambda said: said.pause is None or said.pause.days is None
    )
    first = min((claim.claimed_from for claim in flights if claim.claimed_from), default=None)
    last = max((claim.claimed_to for claim in flights if claim.claimed_to), default=None)
    basis = "flights"
    if first is None:
        stated = next((said.resumed_on for said in resuming if said.resumed_on), None)
        first, last = (stated.first, stated.last) if stated else (published, published)
        basis = "stated" if stated else "published"
    claims = []
    if pausing:
        said = pausing[0]
        days = said.pause.days if said.pause else None
        end = (first - timedelta(days=1)) if first and resuming else published
        claims.append(
            Claim(
                base_id,
                "pause",
                said.fleet_id,
                claimed_from=end - timedelta(days=days - 1) if end and days else None,
                claimed_to=end if days else None,
                duration_days=days,
                is_rounded=said.pause.is_rounded if said.pause else None,
                window_basis=basis if days else None,
                statement=said.sentence.printed[:_STATEMENT],
            )
        )
    if resuming:
        said = resuming[0]
        claims.append(
            Claim(
                base_id,
                "resumption",
                said.fleet_id,
                claimed_from=first,
                claimed_to=last,
                is_rounded=basis == "published",
                verb_strength=said.strength,
                window_basis=basis if first else None,
                statement=said.sentence.printed[:_STATEMENT],
            )
        )
    return claims
