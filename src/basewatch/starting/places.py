"""A field looked up by its code, with all that is needed to watch it: position, runways, and names in the news."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from basewatch.errors import ConfigError
from basewatch.reference.load import shipped_rows
from basewatch.reference.rows import BaseRow, KeywordRow, RunwayRow
from basewatch.starting import world_runways

SORT_WORDS = (  # what a name of a field says of its sort, and not of its place
    r"\b(international|municipal|regional|royal|air force base|air base|airbase|air station|airfield|airport|aerodrome"
    r"|air field|field|air terminal|terminal|naval|army|military|raf|afb|nas|base|station)\b"
)
KINDS = ("air base", "airbase", "airfield", "airport", "aerodrome")
NEAREST = 4
ENDS = ("le_latitude", "le_longitude", "he_latitude", "he_longitude")


@dataclass(frozen=True)
class Place:
    """A field to watch. languages: in which its names are known; has_shipped_names: whether they are shipped ones."""

    base: BaseRow
    runways: list[RunwayRow]
    keywords: list[KeywordRow]

    @property
    def languages(self) -> list[str]:
        """The languages in which the news can find it."""
        return sorted({row.language for row in self.keywords if row.role == "name" and row.language})


def look_up(code: str) -> Place:
    """The field with an ICAO code or OurAirports identifier, from the shipped bases and fields, else from airportsdata.

    Raises ConfigError with near codes where there is none.
    """
    wanted = code.strip().upper()
    for base in shipped_rows("bases"):
        if wanted in (base.icao, base.ident) or code == base.base_id:
            runways = [row for row in shipped_rows("runways") if row.base_id == base.base_id]
            names = [row for row in shipped_rows("keywords") if row.base_id == base.base_id]
            return Place(base, runways, names or _names(base.base_id, base.name, None))
    cities = _cities()
    for field in shipped_rows("fields"):
        if wanted in (field.icao, field.ident):
            city = cities.get(field.icao or "", {}).get("city")
            iata = cities.get(field.icao or "", {}).get("iata")
            return _place(
                field.ident, field.icao, iata, field.name, city, field.country, field.latitude, field.longitude,
                field.elevation_ft, field.serves != "military",
            )  # fmt: skip
    found = cities.get(wanted)
    if found:
        return _place(
            wanted, wanted, found["iata"], found["name"], found["city"], found["country"], found["lat"], found["lon"],
            found["elevation"], True,
        )  # fmt: skip
    known = sorted({*cities, *(field.ident for field in shipped_rows("fields"))})
    near = difflib.get_close_matches(wanted, known, n=NEAREST, cutoff=0.5)
    hint = f"; near it: {', '.join(near)}" if near else ""
    raise ConfigError(f"--base {code!r}: no field has this ICAO code or OurAirports identifier{hint}")


def distinct(places: Iterable[Place]) -> list[Place]:
    """Each place once. Raises ConfigError where two fields would have one identifier."""
    found: dict[str, Place] = {}
    for place in places:
        other = found.setdefault(place.base.base_id, place)
        if other.base.ident != place.base.ident:
            raise ConfigError(
                f"{other.base.ident} ({other.base.name}) and {place.base.ident} ({place.base.name}) would both be "
                f"{place.base.base_id}; name one of them, and add the other to bases.csv by hand"
            )
    return list(found.values())


def _cities() -> Mapping[str, Mapping[str, Any]]:
    """The world's fields by ICAO code, with the cities that they serve."""
    import airportsdata

    return airportsdata.load("ICAO")


def _place(
    ident: str,
    icao: str | None,
    iata: object,
    name: str,
    city: object,
    country: str,
    latitude: object,
    longitude: object,
    elevation_ft: object,
    is_shared: bool,
) -> Place:
    base_id = _slug(_stem(name)) or _slug(name) or ident.lower().replace("-", "_")
    base = BaseRow.model_validate(
        {
            "base_id": base_id, "name": name, "icao": icao if icao and re.fullmatch("[A-Z]{4}", icao) else "",
            "iata": iata or "", "ident": ident, "country": country, "kind": "air", "latitude": latitude,
            "longitude": longitude, "elevation_ft": "" if elevation_ft is None else elevation_ft,
            "is_shared_with_civil": is_shared, "operator": "", "note": "", "source_url": "", "checked_on": "",
        }
    )  # fmt: skip
    runways = [
        RunwayRow.model_validate(
            {
                "base_id": base_id, "le_ident": row.le_ident, "he_ident": row.he_ident,
                "heading_deg_true": row.heading_deg_true, "heading_basis": row.heading_basis,
                "length_ft": row.length_ft, "surface": "", "is_closed": False, "note": "",
                "source_url": f"https://ourairports.com/airports/{ident}/runways.html", "checked_on": "2022-10-11",
                **{end: _or_blank(getattr(row, end)) for end in ENDS},
            }
        )
        for row in world_runways.of([ident]).get(ident, [])
    ]  # fmt: skip
    return Place(base, runways, _names(base_id, name, str(city) if city else None))


def _or_blank(value: object) -> object:
    return "" if value is None else value


def _names(base_id: str, name: str, city: str | None) -> list[KeywordRow]:
    """English names by which texts may name a field, made of its own and its city's.

    Its full name, and its place's with a word for a field, name it by themselves. The place's name alone is a town too:
    it counts where a word beside it speaks of flying.
    """
    parts = [" ".join(part.split()) for part in name.split("/")]
    strong = {part for part in parts if _stem(part) not in ("", part)}
    stem = _stem(name)
    places = {place for place in (stem, *(part.strip() for part in re.split(r"[/(),]", city or ""))) if len(place) > 2}
    strong |= {f"{place} {kind}" for place in places for kind in KINDS}
    rows = [(alias, "strong", "", "") for alias in sorted(strong)]
    rows += [
        (
            place,
            "weak",
            f"A military transport landed at the {place} air base.",
            f"Schools in {place} opened again after the holiday.",
        )
        for place in sorted(places)
    ]
    return [
        KeywordRow.model_validate(
            {
                "base_id": base_id, "alias": alias, "language": "en", "role": "name", "strength": strength,
                "example_hit": hit, "example_miss": miss, "source_url": "", "checked_on": "",
            }
        )
        for alias, strength, hit, miss in rows
    ]  # fmt: skip


def _stem(name: str) -> str:
    """A field's name without what it says of its sort, nor what stands in brackets or behind a stroke."""
    short = re.sub(r"\(.*?\)", " ", name).split("/")[0]
    return " ".join(re.sub(SORT_WORDS, " ", short, flags=re.IGNORECASE).split()).strip(" -–,")


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")
