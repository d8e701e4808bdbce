"""GDELT's forms: DOC API answers and raw rows, and the places and names in them that may be a watched base.

Formats: the DOC 2.0 announcement, the GKG 2.1 and Event 2.0 codebooks. Raw files are tab separated without quoting, one
record a line, UTF-8 with occasional other bytes.
"""

from __future__ import annotations

import html
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

import numpy as np

from basewatch.geo import chord_km, unit_vectors
from basewatch.news.matching import BaseMatch
from basewatch.news.reader import Mention, Reader
from basewatch.news.text import language_code
from basewatch.outside import json_text
from basewatch.reference.rows import BaseRow

Stream = Literal["gkg", "mentions", "export"]
ENDINGS: dict[Stream, str] = {"export": "export.CSV", "mentions": "mentions.CSV", "gkg": "gkg.csv"}
COLUMNS: dict[Stream, int] = {"export": 61, "mentions": 16, "gkg": 27}
SLOT_MINUTES = 15
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)  # no page on the web is older
_CHUNK = 1 << 20
_LONGEST_LINE = 1 << 24
_MOST_UNPACKED = 1 << 31
_POINT_TYPES = (
    "3",
    "4",
)  # city in the US, city elsewhere: countries, states and provinces are points far from anything


# ---- the DOC API's JSON


def loads(body: bytes) -> Any:
    """JSON as the DOC API writes it: lone backslashes and control characters in strings are let pass.

    Raises ValueError for what is no JSON all the same.
    """
    text = body.decode("utf-8-sig", "replace")
    try:
        return json_text.read_loosely(text)
    except ValueError:
        return json_text.read_loosely(re.sub(r'\\(?:(["\\/bfnrt]|u[0-9a-fA-F]{4})|)', _backslash, text))


def _backslash(match: re.Match[str]) -> str:
    return match.group() if match[1] else r"\\"


def title(raw: object) -> str | None:
    """A title as a person would print it: entities resolved (twice where doubly escaped), no space before a comma."""
    if not isinstance(raw, str):
        return None
    text = html.unescape(html.unescape(raw))
    text = re.sub(r"\s+([,.;:?!])(?=\s|$)", r"\1", " ".join(text.split()))
    return text or None


def seen(text: object) -> datetime | None:
    """`20260501T120000Z` as a UTC time; None for anything else."""
    return stamp(text.replace("T", "").removesuffix("Z")) if isinstance(text, str) else None


@lru_cache(maxsize=1024)
def stamp(text: str) -> datetime | None:
    """`YYYYMMDDHHMMSS` as a UTC time; None for anything else."""
    if len(text) != 14 or not text.isascii() or not text.isdigit():
        return None
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


# ---- raw files


def slots(day: date) -> list[str]:
    """The 96 labels of a UTC day's archives."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return [(start + timedelta(minutes=SLOT_MINUTES * n)).strftime("%Y%m%d%H%M%S") for n in range(96)]


def file_name(slot: str, stream: Stream, translated: bool) -> str:
    """An archive's name; case matters."""
    return f"{slot}.{'translation.' if translated else ''}{ENDINGS[stream]}.zip"


_LISTED = re.compile(
    r"^(\d+) ([0-9a-f]{32}) \S*/(\d{14}\.(?:translation\.)?(?:export\.CSV|mentions\.CSV|gkg\.csv)\.zip)\s*$"
)


def listed(line: str) -> tuple[str, int, str] | None:
    """(name, size, md5) of a line of a list; None for the malformed ones that the lists hold.

    Only the name of the address counts: the lists say http and a host, the settings say which.
    """
    match = _LISTED.match(line)
    return (match[3], int(match[1]), match[2]) if match else None


def lines(path: Path) -> Iterator[bytes]:
    """The lines of a zip's one file, unpacked piece by piece and never held whole.

    Raises ValueError for a damaged archive, for one that holds another file than its name says, and for one that
    unpacks to more than any archive of 15 minutes could.
    """
    member = path.name.removesuffix(".zip")
    try:
        with zipfile.ZipFile(path) as archive:
            if [name for name in archive.namelist() if not name.endswith("/")] != [member]:
                raise ValueError(f"holds {', '.join(archive.namelist())[:200] or 'nothing'} instead of {member}")
            with archive.open(member) as handle:
                yield from _lines(handle)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise ValueError(f"is damaged: {error}") from None


def _lines(handle: Any) -> Iterator[bytes]:
    rest = b""
    total = 0
    while chunk := handle.read(_CHUNK):
        total += len(chunk)
        if total > _MOST_UNPACKED:
            raise ValueError(f"unpacks to more than {_MOST_UNPACKED:,} bytes")
        parts = (rest + chunk).split(b"\n")
        rest = parts.pop()
        if len(rest) > _LONGEST_LINE:
            raise ValueError(f"holds a line of more than {_LONGEST_LINE:,} bytes")
        yield from parts
    if rest:
        yield rest


@dataclass(frozen=True)
class Hit:
    """A row of a raw file that may speak of a base: the columns that are used, as text."""

    stream: Stream
    slot: str
    url: str
    domain: str
    language: str | None = None
    title: str | None = None
    precise: str | None = None
    names: str = ""
    locations: str = ""


def language(column: bytes) -> str | None:
    """The two-letter code out of a TranslationInfo column: `srclc:rus; eng:…`; English where it is empty."""
    if not column.strip():
        return "en"
    match = re.search(rb"srclc:([A-Za-z]{2,3})\b", column)
    return language_code(match[1].decode().lower()) if match else None


_TITLE = re.compile(rb"<PAGE_TITLE>(.*?)</PAGE_TITLE>", re.DOTALL)
_PRECISE = re.compile(rb"<PAGE_PRECISEPUBTIMESTAMP>(\d{14})</PAGE_PRECISEPUBTIMESTAMP>")
_OFFSET = re.compile(r",\d+;?")


def parse(stream: Stream, columns: list[bytes], translated: bool) -> Hit:
    """What is used of a row that has the right number of columns. Raises ValueError for one that has no address."""
    if stream == "gkg":
        hit = _gkg(columns, translated)
    elif stream == "mentions":
        hit = Hit(stream, _text(columns[2]), _text(columns[5]), _text(columns[4]), language(columns[14]))
    else:
        point = "#".join(_text(columns[index]) for index in (51, 52, 53, 54, 55, 56, 57, 58))
        url = _text(columns[60])
        hit = Hit(stream, _text(columns[59]), url, "", None if translated else "en", locations=f"{point}#0")
    if not hit.url.startswith(("http://", "https://")):
        raise ValueError(f"no web address: {hit.url[:80]!r}")
    if stamp(hit.slot) is None:
        raise ValueError(f"no time: {hit.slot[:20]!r}")
    return hit


def _gkg(columns: list[bytes], translated: bool) -> Hit:
    extras = columns[26]
    named, precise = _TITLE.search(extras), _PRECISE.search(extras)
    return Hit(
        "gkg",
        _text(columns[1]),
        _text(columns[4]),
        _text(columns[3]),
        language(columns[25]) if columns[25] or not translated else None,
        title(_text(named[1])) if named else None,
        precise[1].decode() if precise else None,
        _OFFSET.sub("\n", _text(columns[23])),
        _text(columns[10]),
    )


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def published(hit: Hit) -> datetime | None:
    """When the page says that it was published; a time after GDELT saw it, or before the web, is wrong and dropped."""
    at, saw = stamp(hit.precise or ""), stamp(hit.slot)
    return at if at and saw and EARLIEST <= at <= saw else None


# ---- names and places


_JOINTS = str.maketrans("_/+", "   ")


def address_words(url: str) -> str:
    """The words of an address, for those whose slug tells more than their title."""
    path = url.partition("://")[2].partition("/")[2]
    return (unquote(path, errors="replace") if "%" in path else path).translate(_JOINTS)


def mention(base_id: str, alias: str, strength: str, matched_by: str) -> Mention:
    """A mention of which nothing is known but that it is there: what a search or a list of names tells."""
    return Mention(
        base_id=base_id,
        matched_alias=alias,
        alias_strength=strength,
        matched_by=matched_by,
        reports_pause=False,
        reports_resumption=False,
        verb_strength=None,
        claimed_pause_days=None,
        claimed_types=(),
        claimed_from=None,
        claimed_to=None,
    )


@dataclass(frozen=True)
class _Place:
    """A place of GDELT's gazetteer: the bases that its name or FeatureID stands for, and the base that it lies near."""

    name: str = ""
    named: dict[str, BaseMatch] = field(default_factory=dict)
    base_id: str | None = None


_NOWHERE = _Place()
_MOST_PLACES = 100_000


class Places:
    """Which bases a GDELT row names. One per process: it remembers which points of GDELT's gazetteer lie near a base.

    `features` gives the FeatureIDs that stand for a base itself; such a row needs no name. A point within `reach_km`
    of a base is usually the town's, so it counts only where a name in the row has the cue that the town's name would
    need: "military airfield" in the title of a row that GDELT placed in Mozdok.
    """

    def __init__(
        self, reader: Reader, bases: dict[str, BaseRow], features: dict[str, str], reach_km: float, weak: dict[str, str]
    ) -> None:
        self._reader, self._features, self._reach_km, self._weak = reader, features, reach_km, weak
        self._ids = [base_id for base_id in sorted(bases) if base_id in weak]
        watched = [bases[base_id] for base_id in self._ids]
        self._units = unit_vectors(
            np.array([base.latitude for base in watched]), np.array([base.longitude for base in watched])
        )
        self._known: dict[str, _Place] = {}

    def bases(self, hit: Hit) -> dict[str, BaseMatch]:
        """The bases that the row names, each with its best spot; `matched_by` says `feature …` or `point …` for those
        that GDELT's own places decided."""
        words = (
            f"{hit.title or ''}\n{address_words(hit.url)}\n{hit.names}"  # a cue stands in the same line or not at all
        )
        matches = self._reader.bases_in(words, hit.language)
        if not hit.locations:
            return matches
        near: dict[str, str] = {}
        for block in hit.locations.split(";"):
            place = self._place(block.rpartition("#")[0])
            if place is not _NOWHERE:
                for base_id, spot in place.named.items():
                    if base_id not in matches or matches[base_id].strength != "strong":
                        matches[base_id] = spot
                if place.base_id is not None:
                    near.setdefault(place.base_id, place.name)
        for base_id, name in near.items():
            if base_id not in matches and (probed := self._probed(base_id, words, hit.language)):
                matched_by = f"point {name[:60]}, {probed.matched_by}"
                matches[base_id] = BaseMatch(base_id, 0, 0, probed.alias, "weak_with_cue", matched_by)
        return matches

    def _place(self, block: str) -> _Place:
        """What a place of V2Locations, less its offset in the text, means: looked up once, since few are ever new."""
        place = self._known.get(block)
        if place is None:
            if len(self._known) > _MOST_PLACES:
                self._known.clear()
            place = self._known[block] = self._read_place(block.split("#"))
        return place

    def _read_place(self, fields: list[str]) -> _Place:
        if len(fields) != 8:
            return _NOWHERE
        named = self._reader.bases_in(fields[1])
        if fields[7] in self._features:
            base_id = self._features[fields[7]]
            named = {**named, base_id: BaseMatch(base_id, 0, 0, fields[7], "strong", f"feature {fields[7]}")}
        near = self._nearest(fields[5], fields[6]) if fields[0] in _POINT_TYPES else None
        return _Place(fields[1], named, near) if named or near else _NOWHERE

    def _nearest(self, latitude: str, longitude: str) -> str | None:
        try:
            north, east = float(latitude), float(longitude)
        except ValueError:
            return None
        if not (-90 <= north <= 90 and -180 <= east <= 180) or not self._ids:
            return None
        away = chord_km(self._units, unit_vectors(np.array([north]), np.array([east])))
        nearest = int(np.argmin(away))
        return self._ids[nearest] if away[nearest] <= self._reach_km else None

    def _probed(self, base_id: str, words: str, language: str | None) -> BaseMatch | None:
        """Whether some line would name the base if the town's name stood in front of it."""
        name = self._weak[base_id]
        for line in words.split("\n"):
            if line:
                match = self._reader.bases_in(f"{name}: {line}", language).get(base_id)
                if match is not None:
                    return match
        return None
