"""What in reference tables reads well and can hardly be meant: said at every run and by `doctor`, refused nowhere."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator

from basewatch.reference.load import Reference, shipped_rows
from basewatch.reference.rows import BUILT_IN_FLEETS, AircraftRow, FleetRow

LEAST_SHARE = 0.5  # of the rows that a shipped register has: one with fewer was cut short


def of(reference: Reference) -> list[str]:
    """A sentence for each rule of a fleet that no aircraft meets, and for each register that was cut short.

    Shipped tables are held against each other when they change.
    """
    if not reference.own & {"fleets", "aircraft", "aircraft_types", "icao_blocks"}:
        return []
    return [*_of_fleets(reference), *_of_registers(reference)]


def _of_fleets(reference: Reference) -> Iterator[str]:
    aircraft: list[AircraftRow] = reference.rows["aircraft"]
    types = {row.type_code for row in reference.rows["aircraft_types"]}
    countries = {row.country for row in reference.rows["icao_blocks"]}
    operators = sorted({row.operator for row in aircraft if row.operator})
    for rule in reference.rows["fleets"]:
        if rule.fleet_id in BUILT_IN_FLEETS:
            continue
        where = f"fleet {rule.fleet_id}"
        if rule.country and rule.country not in countries:
            yield f"{where}: no block of addresses is of country {rule.country}"
        if rule.operator and rule.operator not in operators:
            similar = difflib.get_close_matches(rule.operator, operators, 1)
            hint = f"; is {similar[0]!r} meant?" if similar else ""
            yield f"{where}: no register names an operator {rule.operator!r}{hint}"
        elif rule.type_code and rule.type_code not in types:
            yield f"{where}: no aircraft type has the designator {rule.type_code!r}"
        elif _asks_a_register(rule) and not any(_meets(rule, row) for row in aircraft):
            yield f"{where}: no aircraft on any register meets the rule {_shown(rule)}"


def _asks_a_register(rule: FleetRow) -> bool:
    """Whether registers must know an aircraft of this rule: one by its prefix, or by an operator with more."""
    return rule.icao24 is None and rule.registration is None and bool(rule.registration_prefix or rule.operator)


def _meets(rule: FleetRow, row: AircraftRow) -> bool:
    return (
        (rule.registration_prefix is None or (row.registration or "").startswith(rule.registration_prefix))
        and (rule.operator is None or row.operator == rule.operator)
        and (rule.type_code is None or row.type_code == rule.type_code)
        and (rule.is_military is None or row.is_military in (None, rule.is_military))
    )


def _shown(rule: FleetRow) -> str:
    columns = ("registration_prefix", "operator", "type_code", "is_military")
    return ", ".join(f"{name} {getattr(rule, name)}" for name in columns if getattr(rule, name) is not None)


def _of_registers(reference: Reference) -> Iterator[str]:
    usual = Counter(row.register for row in shipped_rows("aircraft"))
    rows = Counter(row.register for row in reference.rows["aircraft"])
    for register, count in sorted(rows.items()):
        if count < LEAST_SHARE * usual[register]:
            yield f"register {register} has {count:,} rows, and {usual[register]:,} as shipped: was it cut short?"
