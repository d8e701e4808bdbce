"""Addresses that mean none, that stand for several aircraft, or that are another registration's."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from basewatch.reference.load import Reference
from basewatch.reference.registers import mark
from basewatch.reference.thresholds import Thresholds
from basewatch.sources.consistency.contradictions import NO_ADDRESS, ONE_ADDRESS, WRONG_ADDRESS
from basewatch.sources.consistency.frame import Frame
from basewatch.sources.flight_records import NO_ADDRESSES


def addresses(frame: Frame, reference: Reference, params: Thresholds) -> None:
    """Addresses that mean none, that stand for several aircraft, or that are another registration's."""
    pairs = pa.table({"address": frame.address, "mark": frame.registration, "type": frame.type_code})
    grouped = pairs.append_column("row", pa.array(np.arange(frame.size))).group_by(["address", "mark", "type"])
    rows = [row for row in grouped.aggregate([("row", "count")]).to_pylist() if row["address"]]
    bad: dict[tuple[str, str | None, str | None], tuple[str, str, bool, str]] = {}
    marks: dict[str, set[str]] = defaultdict(set)
    types: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        marks[row["address"]].add(_airframe(row["mark"]) if row["mark"] else "")
        types[row["address"]].add(row["type"] or "")
    registers = _Registers(reference, rows)
    for row in rows:
        address, stated, kind = key = (row["address"], row["mark"], row["type"])
        named, of_types = marks[address] - {""}, types[address] - {""}
        if address in NO_ADDRESSES:
            bad[key] = (NO_ADDRESS, f"the address {address} means none", stated is None, "address")
        elif len(named) >= params.address_aircraft_max or (not named and len(of_types) >= params.address_aircraft_max):
            many = named or of_types
            words = f"the address {address} stands for {len(many)} aircraft: {', '.join(sorted(many)[:3])}"
            bad[key] = (ONE_ADDRESS, words, stated is None, "address")
        elif stated and (wrong := registers.against(address, stated, kind)):
            words, field_name = wrong
            bad[key] = (WRONG_ADDRESS, words, not field_name, field_name)
    if not bad:
        return
    asked = pc.is_in(frame.address, value_set=pa.array({address for address, _, _ in bad}, pa.string()))
    for row in np.flatnonzero(asked.to_numpy(zero_copy_only=False)).tolist():
        key = tuple(column[row].as_py() for column in (frame.address, frame.registration, frame.type_code))
        if key not in bad:
            continue
        name, words, is_reject, field_name = bad[key]
        frame.note([row], name, lambda _, words=words: words, reject=is_reject)
        if field_name:
            frame.void[field_name][row] = True


def _airframe(registration: str) -> str:
    """A mark as airframes are told apart: state and civil marks of one number are one aircraft (RA-78835, RF-78835)."""
    plain = mark(registration) or ""
    digits = re.sub(r"\D", "", plain)
    return digits if len(digits) >= 5 else plain


class _Known(NamedTuple):
    """What a register says of an address."""

    icao24: str
    registration: str | None
    type_code: str | None


class _Registers:
    """What the registers say of the addresses and marks of a reading."""

    def __init__(self, reference: Reference, rows: Iterable[Mapping[str, Any]]) -> None:
        stated = {row["address"] for row in rows}
        marks = {_airframe(row["mark"]) for row in rows if row["mark"]}
        self.of_address: dict[str, list[_Known]] = defaultdict(list)
        self.of_mark: dict[str, list[_Known]] = defaultdict(list)
        known = reference.table("aircraft").select(_Known._fields)  # as columns: there are many, and few are asked for
        for row in map(_Known._make, zip(*(column.to_pylist() for column in known.columns), strict=True)):
            name = _airframe(row.registration) if row.registration else ""
            if row.icao24 in stated:
                self.of_address[row.icao24].append(row)
            if name in marks:
                self.of_mark[name].append(row)
        self.blocks = [
            (int(row.start_hex, 16), int(row.end_hex, 16), row.country)
            for row in sorted(reference.rows["icao_blocks"], key=lambda row: row.position)
        ]
        self.countries = {row.prefix: self._country(row.start_hex) for row in reference.rows["registration_rules"]}

    def against(self, address: str, stated: str, kind: str | None) -> tuple[str, str] | None:
        """Why an address and a registration are not of one aircraft, and which of them is voided (empty: neither
        stands); None where nothing speaks against it.

        A register must know both, and as others' (a mark may have a second address, an address a new mark); or the
        address is of another country than the mark.
        """
        owners = {row.registration for row in self.of_address[address] if row.registration}
        others = {row.icao24 for row in self.of_mark[_airframe(stated)]}
        is_crossed = (
            bool(owners) and bool(others) and address not in others
            and _airframe(stated) not in {_airframe(owner) for owner in owners}
        )  # fmt: skip
        home, lies_in = self._of_prefix(stated), self._country(address)
        is_abroad = home is not None and lies_in is not None and lies_in != home
        if address in others or not (is_crossed or is_abroad):
            return None
        words = f"the address {address} is not that of {stated}"
        if is_crossed:
            words += f": registers give it to {', '.join(sorted(owners)[:2])}"
            words += f", and {stated} has {', '.join(sorted(others)[:2])}"
        else:
            words += f": it lies in the block of {lies_in}, and such marks are of {home}"
        fits_mark = bool(others) and (
            kind is None or kind in {row.type_code for row in self.of_mark[_airframe(stated)]}
        )
        fits_address = bool(owners) and (kind is None or kind in {row.type_code for row in self.of_address[address]})
        if fits_mark and not fits_address:
            return words, "address"
        if fits_address and not fits_mark:
            return words, "registration"
        return words, ""

    def _of_prefix(self, stated: str) -> str | None:
        return next((country for prefix, country in self.countries.items() if stated.startswith(prefix)), None)

    def _country(self, address: str) -> str | None:
        if address.startswith("~"):
            return None
        number = int(address, 16)
        return next((country for low, high, country in self.blocks if low <= number <= high), None)
