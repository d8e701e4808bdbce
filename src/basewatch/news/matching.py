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
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import ahocorasick

from basewatch.news import text as texts
from basewatch.news.text import key
from basewatch.reference import KeywordRow

Strength = Literal["strong", "weak_with_cue"]

WINDOW = 220  # characters on either side in which words are counted at all
_LOCAL = 80  # characters around a stem in which the whole name must lie


@dataclass(frozen=True)
class Found:
    """One spot that names a base: where in the folded text, by which row, and how surely."""

    base_id: str
    start: int
    end: int
    alias: str
    strength: Strength
    matched_by: str


@dataclass(frozen=True)
class _Name:
    base_id: str
    alias: str
    is_strong: bool
    order: int


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
        for row in texts.languages()["cyrillic"]
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
    if texts.UNSPACED.search(first):
        before = ""
    elif _ARABIC.search(first):
        before = rf"(?<!\w){_ARABIC_PREFIX}"
    elif _HEBREW.search(first):
        before = rf"(?<!\w){_HEBREW_PREFIX}"
    else:
        before = r"(?<!\w)"
    after = "" if texts.UNSPACED.search(last) else _EDGE
    return f"{before}(?P<name>{body}){after}"


_MIN_SUFFIXED = 6


def _alternation(rows: Iterable[str]) -> re.Pattern[str] | None:
    patterns = sorted({_name_pattern(alias).replace("?P<name>", "?:") for alias in rows}, key=len, reverse=True)
    return re.compile("|".join(patterns)) if patterns else None


def _automaton(names: list[_Name]) -> Any:
    """The automaton over one stem a name, None without names.

    The stem is that of the name's rarest word ("Adler" of "Adler airport"), so that common words find nothing.
    """
    uses = Counter(word for name in names for word in _words(name.alias))
    seeds: dict[str, list[_Name]] = {}
    for name in names:
        rarest = min(_words(name.alias), key=lambda word: (uses[word], -len(word)))
        seeds.setdefault(_word(rarest)[0], []).append(name)
    if not seeds:
        return None
    automaton: Any = ahocorasick.Automaton()
    for stem, found in seeds.items():
        automaton.add_word(stem, (len(stem), found))
    automaton.make_automaton()
    return automaton


class Matcher:
    """All names of all bases, ready to be looked for. Built once from the reference rows; holds no state of a text."""

    def __init__(
        self,
        rows: Iterable[KeywordRow],
        other_places: Iterable[str] = (),
        aircraft: re.Pattern[str] | None = None,
        *,
        cue_words: int,
        pair_words: int,
    ) -> None:
        self._cue_words, self._pair_words = cue_words, pair_words
        names = []
        cues: dict[tuple[str | None, str], list[str]] = {}
        for order, row in enumerate(rows):
            if row.role == "name":
                if row.base_id is None:
                    raise ValueError(f"the name {row.alias!r} belongs to no base")
                names.append(_Name(row.base_id, row.alias, row.strength != "weak", order))
            else:
                cues.setdefault((row.base_id, f"{row.role}_{row.strength or 'weak'}"), []).append(row.alias)
        self._automaton = _automaton(names)
        self._cues = cues
        self._patterns: dict[tuple[str | None, str], re.Pattern[str] | None] = {}
        self._places = _alternation(other_places)
        self._aircraft = aircraft
        self._compiled: dict[tuple[str, str | None], re.Pattern[str]] = {}

    # ---- candidates

    def _candidates(self, folded: str, language: str | None) -> list[_Spot]:
        """Every spot where a name's whole pattern stands, the longest at each place; at equal length a strong one."""
        spots: dict[tuple[int, int, int], _Spot] = {}
        if self._automaton is None:
            return []
        for last, (length, names) in self._automaton.iter(folded):
            first = last - length + 1
            begin, stop = max(0, first - _LOCAL), min(len(folded), last + 1 + _LOCAL)
            for name in names:
                for match in self._pattern(name, language).finditer(folded, begin, stop):
                    if match.start() <= first and match.end() > last:
                        spots[match.start("name"), match.end("name"), name.order] = _Spot(
                            match.start("name"), match.end("name"), name
                        )
        return _longest(spots.values())

    def _pattern(self, name: _Name, language: str | None) -> re.Pattern[str]:
        """The name's pattern, with the endings that the text's language joins to a name in Latin letters.

        Compiled when a text first holds the name's stem: most names never are.
        """
        endings = texts.languages()["latin"].get(language)
        last = key(name.alias).split()[-1]
        if not endings or not name.is_strong or len(last) < _MIN_SUFFIXED or not last.isascii():
            endings, language = None, None
        at = (name.alias, language)
        if at not in self._compiled:
            source = _name_pattern(name.alias)
            if endings:
                source = rf"{source.removesuffix(_EDGE)}(?:{'|'.join(endings)})?{_EDGE}"
            self._compiled[at] = re.compile(source)
        return self._compiled[at]

    # ---- judgement

    def find(self, folded: str, language: str | None = None) -> list[Found]:
        """The spots of a folded text (`text.key`) that name a base, in order.

        A strong name counts unless a word beside it takes it for something else. A weak one counts with a cue within
        12 words in its paragraph that belongs to it rather than to another place, and no negative nearer than that.
        """
        spots = self._candidates(folded, language)
        if not spots:
            return []
        found = []
        for spot in spots:
            if spot.name.is_strong:
                if not self._is_taken(folded, spot):
                    found.append(_found(spot, "strong", "name"))
            else:
                cue = self._cue(folded, spot, spots)
                if cue is not None:
                    found.append(_found(spot, "weak_with_cue", cue))
        return found

    def bases_in(self, text: str, language: str | None = None) -> dict[str, Found]:
        """The bases that a text names, each with its best spot: the quick way for streams."""
        best: dict[str, Found] = {}
        for found in self.find(key(text), language):
            held = best.get(found.base_id)
            if held is None or (held.strength != "strong" and found.strength == "strong"):
                best[found.base_id] = found
        return best

    def _word_pattern(self, base_id: str | None, what: str) -> re.Pattern[str] | None:
        """The pattern of all words of one sort, for all bases or one; compiled when first needed."""
        at = (base_id, what)
        if at not in self._patterns:
            self._patterns[at] = _alternation(self._cues.get(at, []))
        return self._patterns[at]

    def _near(self, folded: str, spot: _Spot, what: str) -> Iterator[tuple[float, int, int]]:
        """(distance in words, start, end) of the words of this sort near a spot, within its line."""
        begin, stop = _line(folded, spot.start, spot.end)
        for base_id in (None, spot.name.base_id):
            pattern = self._word_pattern(base_id, what)
            if pattern is None:
                continue
            for match in pattern.finditer(folded, begin, stop):
                if match.start() >= spot.start and match.end() <= spot.end:
                    continue  # part of the name itself
                yield _distance(folded, spot.start, spot.end, match.start(), match.end()), match.start(), match.end()

    def _is_taken(self, folded: str, spot: _Spot) -> bool:
        """Whether a phrase around the name, or a word right beside it, makes it something that is no base."""
        return any(
            distance == 0 and (end > spot.end or start < spot.start)
            for distance, start, end in self._near(folded, spot, "negative_strong")
        )

    def _cue(self, folded: str, spot: _Spot, spots: list[_Spot]) -> str | None:
        """The cue that makes a weak name a base, None where there is none."""
        if self._is_taken(folded, spot):
            return None
        negative = min((hit[0] for hit in self._near(folded, spot, "negative_weak")), default=float("inf"))
        others = self._other_places(folded, spot, spots)
        for distance, start, end in sorted(self._near(folded, spot, "cue_strong")):
            if distance <= min(self._cue_words, negative) and _belongs(folded, spot, (start, end), others):
                return folded[start:end]
        if negative <= self._cue_words:
            return None
        own = self._own_kind(folded, spot)
        for distance, start, end in sorted(self._near(folded, spot, "cue_weak")):
            is_own = own is not None and _is_akin(own, folded[start:end])
            if distance <= self._cue_words and not is_own and _belongs(folded, spot, (start, end), others):
                return folded[start:end]
        return self._aircraft_near(folded, spot) or self._strong_beside(folded, spot, spots)

    def _aircraft_near(self, folded: str, spot: _Spot) -> str | None:
        """A military or transport type named near a weak name."""
        if self._aircraft is None:
            return None
        begin, stop = _line(folded, spot.start, spot.end)
        for match in self._aircraft.finditer(folded, begin, stop):
            if _distance(folded, spot.start, spot.end, *match.span()) <= self._cue_words:
                return match.group()
        return None

    def _strong_beside(self, folded: str, spot: _Spot, spots: list[_Spot]) -> str | None:
        """Another base's strong name next to a weak one ("Khmeimim and Qamishli"): they are named as a pair."""
        for other in spots:
            if other.name.is_strong and other.name.base_id != spot.name.base_id:
                between = folded[min(spot.end, other.end) : max(spot.start, other.start)]
                if "\n" not in between and texts.tokens_between(between, 0, len(between)) <= self._pair_words:
                    return other.name.alias
        return None

    def names_place(self, folded: str) -> bool:
        """Whether the text names a well-known place that is no watched base."""
        return self._places is not None and self._places.search(folded) is not None

    def _own_kind(self, folded: str, spot: _Spot) -> str | None:
        """The word within a weak name that says what it is ("airport"): the same word near it proves nothing more."""
        pattern = self._word_pattern(None, "cue_weak")
        match = pattern.search(folded, spot.start, spot.end) if pattern else None
        return match.group() if match else None

    def _other_places(self, folded: str, spot: _Spot, spots: list[_Spot]) -> list[tuple[int, int]]:
        """Where other places are named in the same line: a cue beside one of them says nothing of this one."""
        begin, stop = _line(folded, spot.start, spot.end)
        others = [
            (other.start, other.end)
            for other in spots
            if other.name.base_id != spot.name.base_id and other.start >= begin and other.end <= stop
        ]
        if self._places is not None:
            others += [
                match.span()
                for match in self._places.finditer(folded, begin, stop)
                if match.end() <= spot.start or match.start() >= spot.end
            ]
        return others


def _found(spot: _Spot, strength: Strength, matched_by: str) -> Found:
    return Found(spot.name.base_id, spot.start, spot.end, spot.name.alias, strength, matched_by)


def _longest(spots: Iterable[_Spot]) -> list[_Spot]:
    """Of overlapping spots the longest; of equal ones the strong one, then the row that stands first."""
    ranked = sorted(spots, key=lambda spot: (spot.start - spot.end, not spot.name.is_strong, spot.name.order))
    starts: list[int] = []
    kept: list[_Spot] = []
    for spot in ranked:
        index = bisect.bisect_right(starts, spot.start)
        if index and kept[index - 1].end > spot.start:
            continue
        if index < len(kept) and kept[index].start < spot.end:
            continue
        starts.insert(index, spot.start)
        kept.insert(index, spot)
    return kept


def _belongs(folded: str, spot: _Spot, cue: tuple[int, int], others: list[tuple[int, int]]) -> bool:
    """Whether a cue is this name's rather than a nearer place's; at equal distance it is that of the name after it."""
    distance = _distance(folded, *cue, spot.start, spot.end)
    for other in others:
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
        return texts.tokens_between(folded, end, other_start)
    if start >= other_end:
        return texts.tokens_between(folded, other_end, start)
    return 0
