"""Places as flight records name them, to one code a field: ICAO, IATA, local code, `Name (LTK/OSLK)`, or the name.

A watched base goes before any other field of the same code. What cannot be resolved is told apart by whether it may be
a watched base: a four-letter code is no base that has another one, a word that nobody knows may be any.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from typing import Any

import numpy as np

from basewatch.geo import distance_km
from basewatch.news.text import key as folded
from basewatch.reference.load import Reference

_IN_BRACKETS = re.compile(r"[(\[]([^()\[\]]*)[)\]]")
_CODE = re.compile(r"(?<![\w-])[A-Z0-9]{2,4}(?:-[A-Z0-9]{2,5})?(?![\w-])")
_ICAO, _IATA, _IDENT = re.compile(r"[A-Z]{4}"), re.compile(r"[A-Z]{3}"), re.compile(r"(?=.*\d)[A-Z0-9-]{2,8}")
NEAR_KM = 10.0  # a first or last contact so near a field is of a flight from or to it, as like as not
LIKE = 0.5  # share of letters in common: half of a four-letter code
NOWHERE = {"ZZZZ", "AFIL", "XXXX", "XXX", "NIL", "UNKNOWN", "UNK"}  # a flight plan's words for no published field


# What a place is, in words that many places share: `Hmeimim Air Base` is Hmeimim.
_KINDS = re.compile(
    r"\b(?:air ?base|airfield|aerodrome|airport|international|military|ab|afb|авиабаза|аэродром|аэропорт|flughafen|"
    r"aéroport|aeropuerto|havalimanı|hava üssü)\b"
)


def _without_kind(name: str) -> str:
    return " ".join(_KINDS.sub(" ", name).split())


def _is_like(stated: str, code: str | None) -> bool:
    """Whether a stated code may be a base's own with a letter or two wrong."""
    return code is not None and SequenceMatcher(None, stated, code).ratio() >= LIKE


@dataclass(frozen=True)
class Place:
    """A stated place: the code to keep (as stated where it is not resolved), and the bases that it may be.

    may_be: where it is resolved, empty; else the ids of the watched bases that the words do not rule out.
    """

    code: str | None
    is_resolved: bool = True
    may_be: frozenset[str] = frozenset()


NOT_STATED = Place(None)


class Places:
    """The fields that are known: watched bases, the reference's fields, and the world's (airportsdata)."""

    def __init__(self, reference: Reference) -> None:
        self._bases = reference.bases
        self._fields = reference.rows["fields"]
        self._keywords = reference.rows["keywords"]
        self._resolved: dict[str, Place] = {}

    def base_of(self, code: str | None) -> str | None:
        """The watched base with this ICAO code or OurAirports identifier, None for any other place."""
        return self._base_codes.get(code) if code else None

    @property
    def base_ids(self) -> frozenset[str]:
        """The watched bases."""
        return frozenset(self._bases)

    def resolve(self, stated: str | None) -> Place:
        """The place that a text names. Codes count in any case."""
        if not stated:
            return NOT_STATED
        if stated not in self._resolved:
            self._resolved[stated] = self._resolve(stated)
        return self._resolved[stated]

    def position(self, code: str | None) -> tuple[float, float, float | None] | None:
        """Latitude, longitude (WGS-84 degrees) and elevation (ft, None if unknown) of a kept code; None if unknown."""
        if not code:
            return None
        row = self._own_fields.get(code)
        if row:
            return row.latitude, row.longitude, row.elevation_ft
        field = self._world.get(code)
        return (field["lat"], field["lon"], field["elevation"]) if field else None

    def near(self, latitude: float, longitude: float) -> frozenset[str]:
        """The watched bases within NEAR_KM of a position (WGS-84 degrees)."""
        if not (abs(latitude) <= 90 and abs(longitude) <= 180):
            return frozenset()
        bases = list(self._bases.values())
        at = [np.array([getattr(base, name) for base in bases]) for name in ("latitude", "longitude")]
        distances = distance_km(np.full(len(bases), latitude), np.full(len(bases), longitude), *at)
        return frozenset(base.base_id for base, km in zip(bases, distances, strict=True) if km <= NEAR_KM)

    def zone(self, code: str | None) -> str | None:
        """The time zone of a field, by its ICAO code, as IANA names it; None where it is not known."""
        row = self._world.get(code or "")
        return str(row["tz"]) or None if row else None

    def _resolve(self, stated: str) -> Place:
        plain = stated.strip().upper()
        if plain in NOWHERE:
            return NOT_STATED
        code = self._known(plain) or self._named(stated)
        if code:
            return Place(code)
        codes = self._coded(stated)
        bases = frozenset(base for code in codes if (base := self.base_of(code)))
        if len(codes) == 1 or (codes and not bases):
            return Place(codes[0])
        return Place(plain, is_resolved=False, may_be=bases or self._may_be(plain))

    def _known(self, code: str) -> str | None:
        """The code under which a field is kept, by any of its codes."""
        return self._own_codes.get(code) or self._world_codes.get(code)

    def _coded(self, stated: str) -> list[str]:
        """The fields whose codes stand in a text, in brackets or as words of capitals; the longest code's first."""
        inside = " ".join(_IN_BRACKETS.findall(stated))
        for part in filter(None, (inside, stated if stated.upper() != stated or "/" in stated else "")):
            codes = [self._known(code) for code in sorted(_CODE.findall(part), key=len, reverse=True)]
            known = list(dict.fromkeys(code for code in codes if code))
            if known and (part != inside or not self._other_base(stated, known)):
                return known
        return []

    def _other_base(self, stated: str, known: list[str]) -> bool:
        """Whether a text names, outside its brackets, a watched base that those within do not."""
        outside = {self._known(code) for code in _CODE.findall(_IN_BRACKETS.sub(" ", stated))}
        return any(self.base_of(code) for code in outside - set(known))

    def _named(self, stated: str) -> str | None:
        name = folded(stated).strip()
        return self._names.get(name) or self._names.get(_without_kind(name))

    def _may_be(self, plain: str) -> frozenset[str]:
        """The watched bases that an unresolved place may be.

        A code may be a base that has no code of its kind, or one whose code it resembles: a letter may be wrong. A town
        may be the base near it; other words, any base.
        """
        kinds = (("icao", _ICAO), ("iata", _IATA), ("ident", _IDENT))
        kind = next((name for name, form in kinds if form.fullmatch(plain)), None)
        if kind:
            return frozenset(
                base_id
                for base_id, base in self._bases.items()
                if getattr(base, kind) is None
                or any(_is_like(plain, code) for code in (base.icao, base.iata, base.ident))
            )
        city = folded(plain).strip()
        near = self._weak_names.get(city)
        if near is None and city in self._cities:
            return frozenset()  # a town of the world that names no watched base
        return near or frozenset(self._bases)

    # ---- what is known

    @cached_property
    def _base_codes(self) -> dict[str, str]:
        return {code: base.base_id for base in self._bases.values() for code in (base.ident, base.icao) if code}

    @cached_property
    def _own_fields(self) -> dict[str, Any]:
        rows = [*self._fields, *self._bases.values()]
        return {code: row for row in rows for code in (row.ident, row.icao) if code}

    @cached_property
    def _own_codes(self) -> dict[str, str]:
        """Kept code by any code of the reference's places; a base before a field, ICAO before ident before IATA."""
        codes: dict[str, str] = {}
        for rows in (self._bases.values(), self._fields):
            for kind in ("icao", "ident", "iata"):
                for row in rows:
                    code, kept = getattr(row, kind, None), row.icao or row.ident
                    if code and kept:
                        codes.setdefault(code, kept)
        return codes

    @cached_property
    def _world(self) -> dict[str, dict[str, Any]]:
        import airportsdata  # a tenth of a second to load, for records that name a field the reference does not know

        return {code: dict(row) for code, row in airportsdata.load("ICAO").items()}

    @cached_property
    def _world_codes(self) -> dict[str, str]:
        codes = {code: code for code in self._world}
        for kind in ("iata", "lid"):
            for code, row in self._world.items():
                if row[kind]:
                    codes.setdefault(row[kind], code)
        return codes

    @cached_property
    def _names(self) -> dict[str, str]:
        """Kept code by folded name; a name that two fields share names neither, but a base's strong aliases do."""
        shared: dict[str, set[str]] = defaultdict(set)
        for code, row in self._world.items():
            if not row["name"].lower().startswith("unknown"):  # there is a field of that name
                shared[folded(row["name"])].add(code)
        for row in self._fields:
            if row.icao or row.ident:
                shared[folded(row.name)].add(row.icao or row.ident)
        names = {name: next(iter(codes)) for name, codes in shared.items() if len(codes) == 1}
        for base in self._bases.values():
            if base.icao or base.ident:
                names[folded(base.name)] = base.icao or base.ident or ""
        for row in self._keywords:
            named = self._bases.get(row.base_id or "")
            if named and row.role == "name" and row.strength == "strong" and (named.icao or named.ident):
                names[folded(row.alias)] = named.icao or named.ident or ""
        return names

    @cached_property
    def _weak_names(self) -> dict[str, frozenset[str]]:
        """Bases by folded weak alias, and by the town of their field."""
        near: dict[str, set[str]] = defaultdict(set)
        for row in self._keywords:
            if row.base_id in self._bases and row.role == "name":
                near[folded(row.alias)].add(row.base_id)
        for base in self._bases.values():
            town = self._world.get(base.icao or "", {}).get("city")
            if town:
                near[folded(town)].add(base.base_id)
        return {name: frozenset(bases) for name, bases in near.items()}

    @cached_property
    def _cities(self) -> frozenset[str]:
        return frozenset(folded(row["city"]) for row in self._world.values() if row["city"])
