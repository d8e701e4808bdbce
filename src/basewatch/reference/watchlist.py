"""Which aircraft belong to a watched fleet, as far as an archive's trace and the registers can tell.

The fleets proper are made in SQL, from everything that is known of an aircraft. Decoding needs a first answer: whose
positions to keep from anywhere in the world, and which aircraft may not count as background traffic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from basewatch.reference.load import Reference
    from basewatch.reference.rows import AircraftRow, FleetRow

BUILT_IN = {"all", "unidentified"}  # fleets without a rule: every aircraft, and those that nobody knows


class Rule(msgspec.Struct, frozen=True):
    """What a trace itself must show; blocks are the address blocks of the rule's country."""

    registration: str | None = None
    registration_prefix: str | None = None
    callsign_prefix: str | None = None
    type_code: str | None = None
    is_military: bool | None = None
    blocks: list[tuple[int, int]] | None = None


class Watch(msgspec.Struct, frozen=True):
    """The watched fleets: addresses and marks that a register or a rule names, and rules to try on a trace.

    military, ranges: of whom more is kept, though no fleet may count them.
    """

    addresses: frozenset[str] = frozenset()
    registrations: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()  # of registrations, that alone make an aircraft watched
    rules: list[Rule] = []
    military: frozenset[str] = frozenset()  # addresses that a register calls military, watched fleet or not
    ranges: list[tuple[int, int]] = []  # addresses of armed forces


_built: dict[str, Watch] = {}


def build(reference: Reference) -> Watch:
    """The watched fleets of the reference tables: every fleet but `all` and `unidentified`; made once a reference."""
    if reference.sha256 not in _built:
        _built.clear()
        _built[reference.sha256] = _build(reference)
    return _built[reference.sha256]


def _build(reference: Reference) -> Watch:
    addresses, registrations, rules = set(), set(), []
    fleets: list[FleetRow] = [row for row in reference.rows["fleets"] if row.fleet_id not in BUILT_IN]
    for fleet in fleets:
        blocks = _blocks(reference, fleet.country) if fleet.country else None
        if fleet.icao24 and not fleet.callsign_prefix:
            addresses.add(fleet.icao24)
        if not fleet.callsign_prefix:
            for aircraft in reference.rows["aircraft"]:
                if _register_says(fleet, aircraft, blocks):
                    addresses.add(aircraft.icao24)
                    registrations.add(aircraft.registration or "")
        if fleet.operator is None and fleet.icao24 is None:
            rules.append(
                Rule(
                    fleet.registration,
                    fleet.registration_prefix,
                    fleet.callsign_prefix,
                    fleet.type_code,
                    fleet.is_military,
                    blocks,
                )
            )
    prefixes = tuple(
        rule.registration_prefix
        for rule in rules
        if rule.registration_prefix and rule == Rule(registration_prefix=rule.registration_prefix)
    )
    return Watch(
        frozenset(addresses),
        frozenset(registrations - {""}),
        prefixes,
        rules,
        frozenset(row.icao24 for row in reference.rows["aircraft"] if row.is_military),
        [(int(row.start_hex, 16), int(row.end_hex, 16)) for row in reference.rows["military_ranges"]],
    )


def _blocks(reference: Reference, country: str) -> list[tuple[int, int]]:
    """Addresses of a country, cut so that the first block that holds an address is the one that counts."""
    taken: list[tuple[int, int]] = []
    of_country: list[tuple[int, int]] = []
    for row in sorted(reference.rows["icao_blocks"], key=lambda row: row.position):
        pieces = [(int(row.start_hex, 16), int(row.end_hex, 16))]
        for low, high in taken:
            pieces = [
                piece
                for start, end in pieces
                for piece in ((start, min(end, low - 1)), (max(start, high + 1), end))
                if piece[0] <= piece[1]
            ]
        taken.append((int(row.start_hex, 16), int(row.end_hex, 16)))
        if row.country == country:
            of_country += pieces
    return of_country


def _register_says(fleet: FleetRow, aircraft: AircraftRow, blocks: list[tuple[int, int]] | None) -> bool:
    return (
        (fleet.icao24 is None or fleet.icao24 == aircraft.icao24)
        and (fleet.registration is None or fleet.registration == aircraft.registration)
        and (fleet.registration_prefix is None or (aircraft.registration or "").startswith(fleet.registration_prefix))
        and (fleet.operator is None or fleet.operator == aircraft.operator)
        and (fleet.type_code is None or fleet.type_code == aircraft.type_code)
        and (fleet.is_military is None or fleet.is_military == aircraft.is_military)
        and (blocks is None or _inside(aircraft.icao24, blocks))
    )


def _inside(icao24: str, blocks: list[tuple[int, int]]) -> bool:
    address = int(icao24, 16)
    return any(low <= address <= high for low, high in blocks)


def is_listed(watch: Watch, icao24: str, registration: str) -> bool:
    """Whether address or mark alone make the aircraft watched; what can be asked of every trace of a day."""
    return (
        icao24 in watch.addresses
        or registration in watch.registrations
        or (bool(registration) and registration.startswith(watch.prefixes))
    )


def is_watched(
    watch: Watch, icao24: str, registration: str, type_code: str, is_military: bool, callsigns: set[str]
) -> bool:
    """Whether the aircraft belongs to a watched fleet by anything that its trace shows.

    A callsign prefix counts only with a digit behind it: RFF1234 is the air force, RFFABC nobody.
    """
    if is_listed(watch, icao24, registration):
        return True
    flown = {callsign[:3] for callsign in callsigns if callsign[3:4].isdigit()}
    return any(
        (rule.callsign_prefix is None or rule.callsign_prefix in flown)
        and meets(rule, icao24, registration, type_code, is_military=is_military)
        for rule in watch.rules
    )


def meets(rule: Rule, icao24: str, registration: str, type_code: str, *, is_military: bool) -> bool:
    """Whether an aircraft is as a rule asks, whatever callsigns it flew under."""
    return (
        (rule.registration is None or rule.registration == registration)
        and (rule.registration_prefix is None or registration.startswith(rule.registration_prefix))
        and (rule.type_code is None or rule.type_code == type_code)
        and (rule.is_military is None or rule.is_military == is_military)
        and (rule.blocks is None or _inside(icao24, rule.blocks))
    )
