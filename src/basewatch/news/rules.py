"""The words that claims are read by, as patterns over folded text: claim_rules.yml, aircraft_names.yml."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from basewatch.news.text import UNSPACED, key, load_yaml

_ARABIC = re.compile("[\u0620-\u06ff]")
_HEBREW = re.compile("[\u05d0-\u05ea]")
NEVER = re.compile(r"(?!)")

TAGS = (
    "resume", "pause", "after", "first_in", "flight", "landed", "towards", "flew", "cancel", "civil", "military",
    "russian", "others", "there", "approx", "times", "last", "next", "from", "to", "since", "since_after",
)  # fmt: skip


def phrase(words: str) -> str:
    """The pattern of one phrase: spaces match spaces and hyphens, scripts have their own edges.

    `*` stands for any further letters, `**` for up to five words in between.
    """
    folded = key(words)
    parts = [re.escape(part).replace(r"\*", r"\w*") for part in re.split(r"[\s\-]+", folded) if part]
    body = r"[\s\-]+".join(parts).replace(r"\w*\w*[\s\-]+", r"(?:[^\s.;]+\s+){0,5}?")
    first, last = folded[0], folded.rstrip("*")[-1]
    if UNSPACED.match(first):
        return body
    before = r"(?<!\w)"
    if _ARABIC.match(first):
        before += r"[وف]?[بكل]?" if folded.startswith("ال") else r"(?:[وف]?(?:[بكل]?ال|لل|[بكل])?)"
    elif _HEBREW.match(first):
        before += r"[ובלמהכש]{0,3}"
    if UNSPACED.match(last):
        return before + body
    return before + body + (r"(?![^\W\d])" if _ARABIC.match(last) else r"(?!\w)")  # "24 و29": "and" joined to a number


def any_of(phrases: Iterable[str]) -> str:
    """The pattern of whichever of the phrases stands there, the longest first; one that never matches for none."""
    ranked = sorted(set(phrases), key=lambda words: (-len(words), words))
    return "(?:" + "|".join(phrase(words) for words in ranked) + ")" if ranked else NEVER.pattern


@dataclass(frozen=True)
class Phrases:
    """Phrases to look for in long texts: nearly none of them stands there, which plain search tells at once.

    stems: for each phrase a piece that stands in whatever it matches.
    """

    stems: tuple[str, ...]
    pattern: re.Pattern[str]

    def finditer(self, folded: str) -> Iterator[re.Match[str]]:
        """Where any of the phrases stands, in order."""
        return self.pattern.finditer(folded) if any(stem in folded for stem in self.stems) else iter(())

    def search(self, folded: str) -> re.Match[str] | None:
        """The first place where any of the phrases stands."""
        return next(self.finditer(folded), None)


def phrases(of_all: Iterable[str]) -> Phrases:
    """Phrases ready to be looked for."""
    listed = list(of_all)
    pieces = (re.split(r"[\s\-*]+", key(words)) for words in listed)
    return Phrases(tuple(max(each, key=len) for each in pieces), re.compile(any_of(listed)))


@dataclass(frozen=True, eq=False)
class Language:
    """One language's words: a pattern a tag, and the tables of number words, units and calendar names."""

    code: str
    tags: dict[str, re.Pattern[str]]
    numbers: dict[str, int]
    number: str
    unit: str
    units: dict[str, re.Pattern[str]]
    durations: list[tuple[re.Pattern[str], tuple[int, str] | None]]
    counts: list[tuple[re.Pattern[str], int]]
    months: list[re.Pattern[str]]
    month: str
    weekdays: list[re.Pattern[str]]
    relative: list[tuple[re.Pattern[str], int]]
    calendar: tuple[str, str, str] | None
    day_suffix: str
    of: str
    route: dict[str, re.Pattern[str]]
    credit_before: re.Pattern[str]
    credit_after: re.Pattern[str]
    has_postpositions: bool
    ands: re.Pattern[str]

    def is_and(self, joint: str) -> bool:
        """Whether what stands between two dates only lists them."""
        return self.ands.search(joint) is not None

    def has(self, tag: str, folded: str) -> bool:
        """Whether the folded text holds a word of this tag."""
        return self.tags[tag].search(folded) is not None

    def amount(self, written: str) -> int | None:
        """The number that digits or a number word stand for; None for anything else."""
        if written.isdigit():
            return int(written)
        for form in (written, written.removeprefix("ال"), written[1:] if written[:1] in "وبلف" else written):
            if form in self.numbers:
                return self.numbers[form]
        return None


def _language(code: str, words: dict[str, Any], joiners: list[str]) -> Language:
    numbers = {key(word): value for word, value in words["numbers"].items()}
    months = [re.compile(any_of(names)) for names in words["months"]]
    units = {unit: any_of(names) for unit, names in words["units"].items()}
    ranked = sorted(words["durations"].items(), key=lambda item: -len(item[0]))
    suffix = "|".join(re.escape(key(end)) for end in words["day_suffix"])
    calendar = words.get("calendar")
    return Language(
        code=code,
        tags={tag: re.compile(any_of(words.get(tag) or ())) for tag in TAGS},
        numbers=numbers,
        number=rf"(?:(?<!{'[0-9]' if calendar else chr(92) + 'w'})\d{{1,3}}(?!\d)|{any_of(words['numbers'])})",
        unit=f"(?:{'|'.join(units.values())})",
        units={unit: re.compile(pattern) for unit, pattern in units.items()},
        durations=[(re.compile(phrase(word)), (int(v[0]), str(v[1])) if v else None) for word, v in ranked],
        counts=[(re.compile(phrase(word)), int(value)) for word, value in words["counts"].items()],
        months=months,
        month=any_of(name for names in words["months"] for name in names),
        weekdays=[re.compile(any_of(names)) for names in words["weekdays"]],
        relative=sorted(
            ((re.compile(phrase(word)), int(days)) for word, days in words["relative"].items()),
            key=lambda item: -len(item[0].pattern),
        ),
        calendar=(calendar[0], calendar[1], calendar[2]) if calendar else None,
        day_suffix=rf"(?:[\-'’]?(?:{suffix})(?!\w))?" if suffix else "",
        of=any_of(words["of"]) if words["of"] else NEVER.pattern,
        route={part: re.compile(any_of(names or ())) for part, names in words["route"].items()},
        credit_before=re.compile(any_of(words["credit"]["before"])),
        credit_after=re.compile(any_of(words["credit"]["after"])),
        has_postpositions=bool(words.get("has_postpositions")),
        ands=re.compile(any_of(joiners)),
    )


@dataclass(frozen=True)
class Printed:
    """An aircraft type in a text: its ICAO designator, or for a misprint the designators that it may stand for."""

    start: int
    end: int
    code: str | None
    could_be: tuple[str, ...] = ()


@dataclass(frozen=True)
class Aircraft:
    """How types are printed: a maker's name before a number, or a name of their own."""

    makers: dict[str, re.Pattern[str]]
    types: dict[tuple[str, str], str]
    misprints: dict[tuple[str, str], tuple[str, ...]]
    names: dict[str, re.Pattern[str]]

    def find(self, folded: str, first: int = 0, last: int | None = None) -> list[Printed]:
        """The types in a folded text between two places, in order; numbers come first, makers before them."""
        stop = len(folded) if last is None else last
        printed: list[Printed] = []
        for number in _NUMBER.finditer(folded, first, stop):
            before = folded[max(first, number.start() - _LONGEST_MAKER) : number.start()]
            for maker, pattern in self.makers.items():
                match = pattern.search(before)
                if match is None:
                    continue
                start = number.start() - len(before) + match.start()
                code = self.types.get((maker, number.group()))
                could_be = self.misprints.get((maker, number.group()), ())
                if code:
                    printed.append(Printed(start, number.end(), code))
                    break
                if could_be:
                    suffix = 1 if folded[number.end() : number.end() + 1].isalpha() else 0
                    printed.append(Printed(start, number.end() + suffix, None, could_be))
                    break
        for code, pattern in self.names.items():
            for match in pattern.finditer(folded, first, stop):
                same = any(kind.code == code and 0 <= match.start() - kind.end <= _NAME_AFTER for kind in printed)
                if not same:  # "An-124-100 Ruslan" is one
                    printed.append(Printed(match.start(), match.end(), code))
        return sorted(printed, key=lambda kind: kind.start)


_NUMBER = re.compile(r"(?<!\d)\d{1,3}(?!\d)")
_LONGEST_MAKER = 20
_NAME_AFTER = 14


@dataclass(frozen=True)
class Rules:
    """All of it."""

    words: dict[str, Any]
    places: tuple[str, ...]
    aircraft: Aircraft
    fleets: dict[str, tuple[str, ...]]
    origins: list[tuple[str, Phrases]]
    data_origins: list[tuple[str, Phrases]]
    domains: dict[str, str]
    clause: re.Pattern[str]
    pair: re.Pattern[str]
    title_labels: re.Pattern[str]

    @property
    def codes(self) -> list[str]:
        """The languages that have rules."""
        return list(self.words["languages"])

    def language(self, code: str | None) -> Language | None:
        """One language's words, made ready when they are first asked for; None where it has no rules."""
        return _ready(code) if code in self.words["languages"] else None


@cache
def _ready(code: str) -> Language:
    words = rules().words
    return _language(code, words["languages"][code], words["joiners"])


def _maker(spelling: str) -> str:
    """A maker's name and what may join it to a number. Two letters want a hyphen or nothing: "il 26 ottobre"."""
    name = phrase(spelling).removesuffix(r"(?!\w)").removesuffix(r"(?![^\W\d])")
    joint = r"\s?-?\s?" if len(key(spelling)) > 2 or UNSPACED.match(key(spelling)) else r"(?:\s?-\s?)?"
    return f"{name}{joint}"


def _aircraft(names: dict[str, Any]) -> Aircraft:
    makers = {
        maker: re.compile(f"(?:{'|'.join(_maker(word) for word in spellings)})['\"]?$")
        for maker, spellings in names["makers"].items()
    }
    return Aircraft(
        makers=makers,
        types={(row["maker"], number): str(row["code"]) for row in names["types"] for number in row["numbers"]},
        misprints={(row["maker"], row["number"]): tuple(row["could_be"]) for row in names["misprints"]},
        names={str(row["code"]): re.compile(any_of(row["names"])) for row in names["types"] if row.get("names")},
    )


@cache
def rules() -> Rules:
    """The shipped rules, read once."""
    words = load_yaml("claim_rules.yml")
    names = load_yaml("aircraft_names.yml")
    return Rules(
        words=words,
        places=tuple(words["places"]),
        aircraft=_aircraft(names),
        fleets={fleet: tuple(rule["all_of"]) for fleet, rule in words["fleets"].items()},
        origins=[(name, phrases(spellings)) for name, spellings in words["origins"].items()],
        data_origins=[(name, phrases(spellings)) for name, spellings in words["data"].items()],
        domains=dict(words["domains"]),
        clause=re.compile(rf"[,;:،؛、]|{any_of(words['joiners'])}"),
        pair=re.compile(rf"{any_of(words['joiners'])}|(?<!\w)و(?:ال)?$"),  # Arabic joins "and" to the word
        title_labels=re.compile(rf"^(?:\W*{any_of(words['title_labels'])}\W*[:|\-]\s*)+"),
    )
