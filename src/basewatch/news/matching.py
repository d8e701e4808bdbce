"""Which watched bases a text names: one pass for all names in all scripts, then a closer look at what was found.

An automaton over the stems of all names gives candidates; the name's own pattern (inflection, prefixes, joined or
hyphened words) decides at that spot. A strong name counts alone. A weak one (a town, a common word) counts only with a
word near it that makes it an air base, and no word that makes it something else. Nothing is fuzzy: another spelling is
another row of keywords.csv.
"""

from __future__ import annotations

import bisect
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Literal

import ahocorasick

from basewatch.news.rules import Aircraft
from basewatch.news.text import UNSPACED, key, languages, tokens_between
from basewatch.reference.rows import KeywordRow

Strength = Literal["strong", "weak_with_cue"]

WINDOW = 220  # characters on either side in which words are counted at all
_LOCAL = 80  # characters around a stem in which the whole name must lie


@dataclass(frozen=True)
class BaseMatch:
    """One spot that names a base: where in the folded text, by which row, and how surely."""

    base_id: str
    start: int
    end: int
    alias: str
    strength: Strength
    matched_by: str


@dataclass(frozen=True)
class _Name:
    """A row of keywords.csv, or a place: what to look for. `base_id` is null for words that hold for all bases."""

    base_id: str | None
    alias: str
    role: str
    is_strong: bool
    order: int
    words: tuple[str, ...]

    @property
    def takes_endings(self) -> bool:
        """Whether languages written in Latin letters may join an ending to it."""
        return (
            self.role == "name" and self.is_strong and len(self.words[-1]) >= _MIN_SUFFIXED and self.words[-1].isascii()
        )


@dataclass(frozen=True)
class _Seed:
    """A name under the stem by which it is first seen, and whether letters may touch that stem on either side."""

    name: _Name
    may_follow_letters: bool
    may_precede_letters: bool


@dataclass(frozen=True)
class _Spot:
    start: int
    end: int
    name: _Name


# ---- patterns

_SPLIT = re.compile(r"[\s\-'\"./(),·]+")
_SEPARATOR = r"[ \-'\"()·]{0,3}"
_CYRILLIC = re.compile("[а-яѐ-џґ]")
_ARABIC = re.compile("[\u0620-\u06ff]")
_HEBREW = re.compile("[\u05d0-\u05ea]")
_AGGLUTINATING = re.compile("[\u0531-\u058f\u10a0-\u10ff]")  # Armenian, Georgian


@cache
def _classes() -> list[tuple[re.Pattern[str], str]]:
    """(dictionary ending, pattern of all endings) of each class of Cyrillic names, the first that fits first."""
    return [
        (
            re.compile(f"(?:{'|'.join(key(ending) for ending in row['of'])})$"),
            "|".join(sorted({key(ending) for ending in row["forms"]}, key=len, reverse=True)),
        )
        for row in languages()["cyrillic"]
    ]


def _cyrillic(word: str) -> tuple[str, str]:
    """The part of a word that never changes, and the pattern of the word in all its cases."""
    if len(word) < 4:
        return word, re.escape(word)
    for ending, forms in _classes():
        match = ending.search(word)
        if match and match.start() >= 3:
            stem = word[: match.start()]
            return stem, f"{re.escape(stem)}(?:{forms})"
    return word, re.escape(word)


def _word(word: str) -> tuple[str, str]:
    """A word's fixed part and its pattern, by its script; a trailing `*` stands for any further letters."""
    if word.endswith("*"):
        return word[:-1], re.escape(word[:-1]) + r"\w*"
    if _CYRILLIC.search(word):
        return _cyrillic(word)
    if _ARABIC.search(word):
        bare = word[2:] if word.startswith("ال") and len(word) > 4 else word
        return bare, rf"(?:ال)?{re.escape(bare)}"
    if _AGGLUTINATING.search(word) and len(word) >= 4:
        stem = word[:-1]
        return stem, rf"{re.escape(stem)}\w{{0,5}}"
    return word, re.escape(word)


# "and, so, in, to, like" are written onto the word, before the article
_ARABIC_PREFIX = r"(?:[وف]?(?:[بكل]?ال|لل|[بكلس])?)"
_HEBREW_PREFIX = r"[ובלמהכש]{0,3}"


_EDGE = r"(?!\w)"


def _words(alias: str) -> list[str]:
    words = [word for word in _SPLIT.split(key(alias)) if word]
    if not words:
        raise ValueError(f"{alias!r} holds no letters")
    return words


def _name_pattern(alias: str) -> str:
    """The pattern, over folded text, of all forms of a name."""
    words = _words(alias)
    body = _SEPARATOR.join(_word(word)[1] for word in words)
    first, last = words[0], words[-1]
    if UNSPACED.search(first):
        before = ""
    elif _ARABIC.search(first):
        before = rf"(?<!\w){_ARABIC_PREFIX}"
    elif _HEBREW.search(first):
        before = rf"(?<!\w){_HEBREW_PREFIX}"
    else:
        before = r"(?<!\w)"
    after = "" if UNSPACED.search(last) else _EDGE
    return f"{before}(?P<name>{body}){after}"


_MIN_SUFFIXED = 6
_MIN_SEED = 3


class _Lookup:
    """Finds all forms of many names in one pass: an automaton over their stems, then each name's own pattern there."""

    def __init__(self, names: list[_Name]) -> None:
        self._automaton = _automaton(names)
        self._compiled: dict[tuple[int, str | None], re.Pattern[str]] = {}

    def spots(self, folded: str, first: int, last: int, language: str | None = None) -> list[_Spot]:
        """Every spot between two places of a text where a name's whole pattern stands, by name and place."""
        if self._automaton is None:
            return []
        spot_at: dict[tuple[int, int, int], _Spot] = {}
        endings = languages()["latin"].get(language)
        for seen, (length, seeds) in self._automaton.iter(folded, first, last):
            start, end = seen - length + 1, seen + 1
            follows = start > 0 and folded[start - 1].isalnum()
            precedes = end < len(folded) and folded[end].isalnum()
            for seed in seeds:
                if (follows and not seed.may_follow_letters) or (precedes and not seed.may_precede_letters):
                    continue
                pattern = self._pattern(seed.name, language if endings and seed.name.takes_endings else None)
                for match in pattern.finditer(folded, max(0, start - _LOCAL), min(len(folded), end + _LOCAL)):
                    if match.start() <= start and match.end() >= end:
                        at = match.span("name")
                        spot_at[*at, seed.name.order] = _Spot(*at, seed.name)
        return list(spot_at.values())

    def _pattern(self, name: _Name, language: str | None) -> re.Pattern[str]:
        """The name's pattern, with the endings that this language joins to a name in Latin letters, if any.

        Compiled when a text first holds the name's stem: most names never are.
        """
        at = (name.order, language)
        pattern = self._compiled.get(at)
        if pattern is None:
            source = _name_pattern(name.alias)
            if language is not None:
                endings = "|".join(languages()["latin"][language])
                source = f"{source.removesuffix(_EDGE)}(?:{endings})?{_EDGE}"
            pattern = self._compiled[at] = re.compile(source)
        return pattern


def _automaton(names: list[_Name]) -> Any:
    """The automaton over one stem a name, None without names.

    The stem is that of the name's rarest longer word ("Adler" of "Adler airport"), so that common words find nothing.
    A name without one ("T-4") is looked for whole, in each way to join its parts.
    """
    uses = Counter(word for name in names for word in name.words)
    seeds: dict[str, list[_Seed]] = {}
    for name in names:
        rarest = min(name.words, key=lambda word: (len(_word(word)[0]) < _MIN_SEED, uses[word], -len(word)))
        stem, pattern = _word(rarest)
        if len(stem) < _MIN_SEED and not UNSPACED.search(stem):
            for joint in ("", "-", " "):
                seeds.setdefault(joint.join(name.words), []).append(_Seed(name, False, False))
            continue
        joins = UNSPACED.search(rarest) is not None
        before = joins or rarest != name.words[0] or bool(_ARABIC.search(rarest) or _HEBREW.search(rarest))
        after = joins or rarest != name.words[-1] or pattern != re.escape(rarest) or name.takes_endings
        seeds.setdefault(stem, []).append(_Seed(name, before, after))
    if not seeds:
        return None
    automaton: Any = ahocorasick.Automaton()
    for stem, seeds_of_stem in seeds.items():
        automaton.add_word(stem, (len(stem), seeds_of_stem))
    automaton.make_automaton()
    return automaton


@lru_cache(maxsize=2)
def _lookups(
    rows: tuple[tuple[str | None, str, str, bool], ...], other_places: tuple[str, ...]
) -> tuple[_Lookup, _Lookup]:
    """What finds the bases' names, and what finds the words and places near them.

    The sources of a run look for the same names, and building this anew for each takes longer than reading most days.
    """
    names: list[_Name] = []
    words: list[_Name] = []
    for order, (base_id, alias, role, is_strong) in enumerate(rows):
        if role == "name" and base_id is None:
            raise ValueError(f"the name {alias!r} belongs to no base")
        name = _Name(base_id, alias, role, is_strong, order, tuple(_words(alias)))
        (names if role == "name" else words).append(name)
    places = [_Name(None, place, "place", True, -1 - n, tuple(_words(place))) for n, place in enumerate(other_places)]
    return _Lookup(names), _Lookup(words + places)


class Matcher:
    """All names of all bases, ready to be looked for. Built once from the reference rows; holds no state of a text."""

    def __init__(
        self,
        rows: Iterable[KeywordRow],
        other_places: Iterable[str] = (),
        aircraft: Aircraft | None = None,
        joiners: re.Pattern[str] | None = None,
        *,
        cue_words: int,
        pair_words: int,
    ) -> None:
        self._cue_words, self._pair_words = cue_words, pair_words
        self._aircraft, self._joiners = aircraft, joiners
        names = tuple((row.base_id, row.alias, row.role, row.strength == "strong") for row in rows)
        self._names, self._near_words = _lookups(names, tuple(other_places))

    # ---- judgement

    def find(self, folded: str, language: str | None = None) -> list[BaseMatch]:
        """The spots of a folded text (`text.key`) that name a base, in order.

        A strong name counts unless a word beside it takes it for something else. A weak one counts with a cue within
        12 words in its paragraph that belongs to it rather than to another place, and no negative nearer than that.
        """
        spots = _longest(self._names.spots(folded, 0, len(folded), language))
        matches = []
        for spot in spots:
            near = self._near(folded, spot)
            if _is_taken(near):
                continue
            if spot.name.is_strong:
                matches.append(_base_match(spot, "strong", "name"))
            elif cue := self._cue(folded, spot, spots, near):
                matches.append(_base_match(spot, "weak_with_cue", cue))
        return matches

    def bases_in(self, text: str, language: str | None = None) -> dict[str, BaseMatch]:
        """The bases that a text names, each with its best spot: the quick way for streams."""
        return best_of_each(self.find(key(text), language))

    def _near(self, folded: str, spot: _Spot) -> list[_Near]:
        """The words that speak for or against a spot, and other places, within its line, the nearest first."""
        begin, stop = _line(folded, spot.start, spot.end)
        return sorted(
            (
                _Near(_distance(folded, spot.start, spot.end, word.start, word.end), word.start, word.end, word.name)
                for word in self._near_words.spots(folded, begin, stop)
                if word.name.base_id in (None, spot.name.base_id)
                and not (word.start >= spot.start and word.end <= spot.end)  # part of the name itself
            ),
            key=lambda near: (near.distance, near.start, -near.end),
        )

    def _cue(self, folded: str, spot: _Spot, spots: list[_Spot], near: list[_Near]) -> str | None:
        """The cue that makes a weak name a base, None where there is none."""
        begin, stop = _line(folded, spot.start, spot.end)
        negative = min((word.distance for word in near if word.is_a("negative", False)), default=float("inf"))
        others = [(word.start, word.end) for word in near if word.name.role == "place"]
        others += [
            (other.start, other.end)
            for other in spots
            if other.name.base_id != spot.name.base_id and other.start >= begin and other.end <= stop
        ]
        for word in near:
            in_reach = word.distance <= min(self._cue_words, negative)
            if word.is_a("cue", True) and in_reach and _belongs(folded, spot, (word.start, word.end), others):
                return folded[word.start : word.end]
        if negative <= self._cue_words:
            return None
        own = self._own_kind(folded, spot)
        for word in near:
            written = folded[word.start : word.end]
            counts = (
                word.is_a("cue", False) and word.distance <= self._cue_words and not (own and _is_akin(own, written))
            )
            if counts and _belongs(folded, spot, (word.start, word.end), others):
                return written
        return self._aircraft_near(folded, spot) or self._strong_beside(folded, spot, spots)

    def _aircraft_near(self, folded: str, spot: _Spot) -> str | None:
        """A military or transport type named near a weak name."""
        if self._aircraft is None:
            return None
        begin, stop = _line(folded, spot.start, spot.end)
        for kind in self._aircraft.find(folded, begin, stop):
            if kind.code and _distance(folded, spot.start, spot.end, kind.start, kind.end) <= self._cue_words:
                return folded[kind.start : kind.end]
        return None

    def _strong_beside(self, folded: str, spot: _Spot, spots: list[_Spot]) -> str | None:
        """Another base's strong name joined to a weak one ("Khmeimim and Qamishli"): they are named as a pair."""
        for other in spots:
            if other.name.is_strong and other.name.base_id != spot.name.base_id:
                between = folded[min(spot.end, other.end) : max(spot.start, other.start)]
                is_near = "\n" not in between and tokens_between(between, 0, len(between)) <= self._pair_words
                if is_near and self._joiners is not None and self._joiners.search(between):
                    return other.name.alias
        return None

    def names_place(self, folded: str) -> bool:
        """Whether the text names a well-known place that is no watched base."""
        return any(spot.name.role == "place" for spot in self._near_words.spots(folded, 0, len(folded)))

    def _own_kind(self, folded: str, spot: _Spot) -> str | None:
        """The word within a weak name that says what it is ("airport"): the same word near it proves nothing more."""
        for word in self._near_words.spots(folded, spot.start, spot.end):
            if word.name.role == "cue" and not word.name.is_strong:
                return folded[word.start : word.end]
        return None


def never_found(rows: Sequence[KeywordRow], matcher: Matcher) -> list[KeywordRow]:
    """The names that no text can hold: not even their own example, or the name itself, is taken for the base."""
    return [
        row
        for row in rows
        if row.role == "name"
        and row.base_id not in matcher.bases_in(row.example_hit or row.alias, row.language or None)
    ]


@dataclass(frozen=True)
class _Near:
    """A word near a name, and how many words lie between."""

    distance: float
    start: int
    end: int
    name: _Name

    def is_a(self, role: str, is_strong: bool) -> bool:
        return self.name.role == role and self.name.is_strong is is_strong


def _is_taken(near: list[_Near]) -> bool:
    """Whether a phrase around the name, or a word right beside it, makes it something that is no base."""
    return any(word.distance == 0 and word.is_a("negative", True) for word in near)


def best_of_each(matches: Iterable[BaseMatch]) -> dict[str, BaseMatch]:
    """The best spot of each base: the first strong one, else the first."""
    best: dict[str, BaseMatch] = {}
    for match in matches:
        earlier = best.get(match.base_id)
        if earlier is None or (earlier.strength != "strong" and match.strength == "strong"):
            best[match.base_id] = match
    return best


def _base_match(spot: _Spot, strength: Strength, matched_by: str) -> BaseMatch:
    return BaseMatch(spot.name.base_id or "", spot.start, spot.end, spot.name.alias, strength, matched_by)


def _longest(spots: Iterable[_Spot]) -> list[_Spot]:
    """Of overlapping spots the longest; of equal ones the strong one, then the row that stands first."""
    ranked = sorted(spots, key=lambda spot: (spot.start - spot.end, not spot.name.is_strong, spot.name.order))
    starts: list[int] = []
    longest: list[_Spot] = []
    for spot in ranked:
        index = bisect.bisect_right(starts, spot.start)
        if index and longest[index - 1].end > spot.start:
            continue
        if index < len(longest) and longest[index].start < spot.end:
            continue
        starts.insert(index, spot.start)
        longest.insert(index, spot)
    return longest


def _belongs(folded: str, spot: _Spot, cue: tuple[int, int], others: list[tuple[int, int]]) -> bool:
    """Whether a cue is this name's rather than a nearer place's; at equal distance it is that of the name after it."""
    distance = _distance(folded, *cue, spot.start, spot.end)
    for other in others:
        if other[0] < cue[1] and cue[0] < other[1]:
            return False  # part of the other's name
        its = _distance(folded, *cue, *other)
        if its < distance or (its == distance and other[0] > cue[0] and spot.start < cue[0]):
            return False
    return True


_ARTICLE = re.compile(r"^[وفبكل]?(?:ال|لل)?(?=\w{3})")


def _is_akin(word: str, other: str) -> bool:
    """Whether two words are forms of one: their first five letters are the same, Arabic prefixes apart."""
    return _ARTICLE.sub("", word)[:5] == _ARTICLE.sub("", other)[:5]


def _line(folded: str, start: int, end: int) -> tuple[int, int]:
    """The part of a spot's line in which words near it are looked for."""
    begin, stop = max(0, start - WINDOW), min(len(folded), end + WINDOW)
    before = folded.rfind("\n", begin, start)
    after = folded.find("\n", end, stop)
    return (before + 1 if before >= 0 else begin), (after if after >= 0 else stop)


def _distance(folded: str, start: int, end: int, other_start: int, other_end: int) -> float:
    """Words between two spans; 0 where they touch or overlap."""
    if other_start >= end:
        return tokens_between(folded, end, other_start)
    if start >= other_end:
        return tokens_between(folded, other_end, start)
    return 0
