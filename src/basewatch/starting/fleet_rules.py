"""Rules of fleets as one types them: `us_transport`, `type:A400,K35R`, `country:US+military`, `tankers=type:K35R`."""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterable

from pydantic import ValidationError

from basewatch.errors import ConfigError
from basewatch.reference.load import shipped_rows, state_fleets
from basewatch.reference.rows import BUILT_IN_FLEETS, FleetRow

COLUMNS = {
    "type": "type_code",
    "operator": "operator",
    "prefix": "registration_prefix",
    "hex": "icao24",
    "country": "country",
}
FORMS = "us_transport · type:A400,K35R · operator:NAME · prefix:RF- · hex:43c6f1 · country:US+military · NAME=RULE"


def rows(rule: str) -> list[FleetRow]:
    """The rows of the fleet that a rule means: an aircraft that meets one of them belongs to it.

    A word alone is a shipped fleet: one of a state's, or one that is counted anyway. Parts joined by `+` must all be
    met, values divided by commas one of them. Raises ConfigError.
    """
    shipped = _shipped(rule.strip())
    if shipped:
        return shipped
    named = re.match(r"\s*([a-z0-9_]+)\s*=\s*(.+)", rule)
    text = named[2] if named else rule
    parts = [_part(part.strip(), rule) for part in text.split("+")]
    columns = [column for column, _ in parts]
    if len(set(columns)) != len(columns):
        raise ConfigError(f"--fleet {rule!r}: {columns[0]} stands twice; divide its values by commas")
    fleet_id = named[1] if named else re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:40]
    if fleet_id in BUILT_IN_FLEETS:
        raise ConfigError(f"--fleet {rule!r}: {fleet_id} is built in; give the fleet another name, as mine={text}")
    found = []
    for values in itertools.product(*(values for _, values in parts)):
        filled = dict(zip(columns, values, strict=True))
        try:
            found.append(
                FleetRow.model_validate(
                    dict.fromkeys(FleetRow.model_fields, "")
                    | {"fleet_id": fleet_id, "name": fleet_id.replace("_", " "), "definition": f"Aircraft of {text}."}
                    | filled
                )
            )
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in fault["loc"])
            raise ConfigError(f"--fleet {rule!r}: {where}: {fault['msg']}; forms: {FORMS}") from None
    return found


def _shipped(name: str) -> list[FleetRow]:
    """The rows of a shipped fleet. Raises ConfigError where a word that ends as they do is none of them."""
    counted = [row for row in shipped_rows("fleets") if row.fleet_id == name and name not in BUILT_IN_FLEETS]
    if counted or name in state_fleets():
        return counted or list(state_fleets()[name])
    if re.fullmatch(r"[a-z]+_[a-z]+", name):
        near = ", ".join(difflib.get_close_matches(name, [*state_fleets(), "ru_mil"], n=3, cutoff=0.4))
        raise ConfigError(f"--fleet {name!r}: no shipped fleet{f'; near it: {near}' if near else ''}; forms: {FORMS}")
    return []


def _part(part: str, rule: str) -> tuple[str, list[str]]:
    """The column of a part, and the values of which one must be met."""
    if part == "military":
        return "is_military", ["true"]
    word, colon, text = part.partition(":")
    values = [value.strip() for value in text.split(",") if value.strip()]
    if not colon or word not in COLUMNS or not values:
        raise ConfigError(f"--fleet {rule!r}: {part!r} is no rule; forms: {FORMS}")
    if word in ("type", "prefix", "country"):
        values = [value.upper() for value in values]
    if word == "hex":
        values = [value.lower() for value in values]
    _require_known(word, values, rule)
    return COLUMNS[word], values


def _require_known(word: str, values: Iterable[str], rule: str) -> None:
    """Refuse a type or a country that nobody lists: it would be met by no aircraft, in silence."""
    if word == "type":
        known = {row.type_code for row in shipped_rows("aircraft_types")}
    elif word == "country":
        known = {row.country for row in shipped_rows("icao_blocks")}
    else:
        return
    for value in values:
        if value not in known:
            near = ", ".join(difflib.get_close_matches(value, sorted(filter(None, known)), n=3, cutoff=0.4))
            raise ConfigError(f"--fleet {rule!r}: no {word} {value}{f'; near it: {near}' if near else ''}")


def unmet(fleet: Iterable[FleetRow]) -> list[str]:
    """Operators of a fleet that no register shipped here names: their rule may be met by nobody."""
    named = {row.operator for row in fleet if row.operator}
    return sorted(named - {row.operator for row in shipped_rows("aircraft")}) if named else []
