"""A table's form, by its columns: whose list of flights it is, and which column is which field of the lake's row.

The forms stand in sql/reference/flight_lists.yml. A form is taken only where its columns name an aircraft, a place and
a time: half a form would give records without a meaning. What the user states in `columns` goes before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from basewatch.lake.schemas import TABLES
from basewatch.news.text import load_yaml
from basewatch.sources.flight_records import plain_name
from basewatch.sources.places import Places
from basewatch.sources.values import Malformed, moment, text

LOG = "my.flightradar24 flight log"  # times are local, which no other form's are
TRACKS = "track_points"


@dataclass(frozen=True)
class Form:
    """A known form.

    table: the lake table of its rows. needs: of each group of columns at least one must be there. lacks: columns that
    rule it out. fields: the columns that may hold each field, the best first. says: what it cannot tell.
    """

    name: str
    table: str
    needs: tuple[frozenset[str], ...]
    fields: Mapping[str, tuple[str, ...]]
    lacks: frozenset[str]
    says: str

    def is_in(self, present: frozenset[str] | set[str]) -> bool:
        """Whether these columns are of this form."""
        return all(group & present for group in self.needs) and not self.lacks & present


@dataclass(frozen=True)
class Mapped:
    """A table's form with, for each field, the numbers of the columns that may hold it; and the columns not read."""

    form: Form
    numbers: Mapping[str, tuple[int, ...]]
    columns: Sequence[str]
    unread: tuple[int, ...] = field(default=())

    @property
    def shown(self) -> str:
        """The columns and the fields that they are read as, in words."""
        own = {plain_name(name): name for name in TABLES[self.form.table].schema.names}
        pairs = [
            f"{self.columns[number]} → {own.get(name, name)}"
            for name, numbers in self.numbers.items()
            for number in numbers
        ]
        return ", ".join(pairs)


@cache
def known() -> dict[str, Any]:
    """What is known of lists of flights: sql/reference/flight_lists.yml."""
    return load_yaml("flight_lists.yml")


@cache
def forms() -> tuple[Form, ...]:
    """The known forms, in the order in which they are tried."""
    return tuple(_form(values) for values in known()["forms"])


def _form(values: Mapping[str, Any]) -> Form:
    columns = known()["columns"]
    fields = {**values["fields"], **values.get("ends", {})}
    ends = [_all_names(names, columns, is_whole=True) for names in values.get("ends", {}).values()]
    needs = [_all_names(group, columns) for group in values["needs"]]
    return Form(
        values["name"],
        values["table"],
        tuple(map(frozenset, [*needs, *ends])),
        {name: tuple(_all_names(of_field, columns, is_whole=True)) for name, of_field in fields.items()},
        frozenset(values.get("lacks", ())),
        values.get("says", ""),
    )


def _all_names(group: str | list[str], columns: Mapping[str, list[str]], *, is_whole: bool = False) -> list[str]:
    """The names in a group: a list as it stands, a single name as all that are known for it.

    is_whole: a list is exactly what it says; else each name in it that is known stands for all of its names.
    """
    if isinstance(group, str):
        return columns[group]
    if is_whole:
        return group
    return [name for one in group for name in columns.get(one, [one])]


@cache
def _stated() -> dict[str, str]:
    """The plain form's field by any name that `columns` may use for it."""
    fields = forms()[-1].fields
    return {name: own for own, names in fields.items() for name in (own, *names)} | {
        "departureicao": "origin",
        "arrivalicao": "destination",
    }


@cache
def every_name() -> frozenset[str]:
    """Every plain name of a column of a known form."""
    return frozenset(name for form in forms() for names in form.fields.values() for name in names)


def recognise(columns: Iterable[object], stated: Mapping[str, str] | None = None) -> Form | None:
    """The form that these columns give away, None if they are none that is known. `stated`: field by column."""
    present = set(_names([str(column) for column in columns], stated or {}))
    for name, both in known()["place_or_time"].items():
        if name in present and not present & {"firstseen", "lastseen"}:  # what stands in it decides later
            present |= set(both)
    return next((form for form in forms() if form.is_in(present)), None)


_ZONE_AT_END = re.compile(r"(?:utc|gmt|zulu)$")


def _names(columns: Sequence[str], stated: Mapping[str, str]) -> list[str]:
    """The plain name of each column: as the user states it, else as written, without a zone's name at its end."""
    own = {plain_name(column): _stated().get(plain_name(name), plain_name(name)) for column, name in stated.items()}
    applies = bool(own) and set(own) <= {plain_name(column) for column in columns}
    names = []
    for column in columns:
        name = plain_name(column)
        if applies and name in own:
            name = own[name]
        elif applies and name in own.values():
            name = ""  # another column was stated for this field
        names.append(name if name in every_name() else _ZONE_AT_END.sub("", name))
    return names


def mapped(
    columns: Sequence[str], sample: Sequence[Sequence[object]], places: Places, stated: Mapping[str, str]
) -> Mapped | None:
    """The form of a table and where its fields stand; None where it is of no known form.

    sample: the cells of some rows, which tell a place from a time. stated: field by column, as the user states it.
    """
    form = recognise(columns, stated)
    if form is None:
        return None
    names = _names(columns, stated)
    if form.table == "plain_flights" and form.name != LOG:
        names = [_told_apart(name, number, sample, places) for number, name in enumerate(names)]
        form = next((one for one in forms() if one.table == form.table and one.is_in(set(names))), None)
        if form is None:
            return None
    numbers: dict[str, tuple[int, ...]] = {}
    for name, alternatives in form.fields.items():
        of_field = tuple(number for one in alternatives for number, written in enumerate(names) if written == one)
        if of_field:
            numbers[name] = of_field
    read = {number for of_field in numbers.values() for number in of_field}
    unread = tuple(number for number in range(len(columns)) if number not in read)
    return Mapped(form, numbers, columns, unread)


def _told_apart(name: str, number: int, sample: Sequence[Sequence[object]], places: Places) -> str:
    """What a column is that may hold a place or a time, by what stands in it."""
    if name not in known()["place_or_time"]:
        return name
    place, time = known()["place_or_time"][name]
    cells = [cells[number] for cells in sample if number < len(cells) and cells[number] not in (None, "")]
    times = 0
    for cell in cells:
        try:
            is_place = isinstance(cell, str) and places.resolve(text(cell)).is_resolved
            times += not is_place and moment(cell) is not None
        except Malformed:
            continue
    return str(time if cells and times * 2 > len(cells) else place)


def not_recognised(columns: Sequence[object]) -> str:
    """Why a table is not read, with its columns and what to do."""
    shown = ", ".join(str(column)[:40] for column in columns[:20] if str(column).strip()) or "none"
    present = {plain_name(str(column)) for column in columns}
    if {"icao", "trace"} <= present:
        return "a trace of readsb, which [sources.readsb_archive] reads; leave it out here with `ignore`"
    if {"hex", "lat", "lon"} <= present:
        return "an answer of a live provider, which [sources.readsb_live] reads; leave it out here with `ignore`"
    if present & {"position", "latitude", "lat", "tracks"}:
        return (
            f"a list of positions that names no aircraft, or no time (columns: {shown}): add a column icao24, or ask "
            "the provider for its list of flights, or leave the file out with `ignore`"
        )
    return (
        f'columns not recognised ({shown}): say which is which in basewatch.toml, columns = {{registration = "…", '
        f'destination = "…", arrived_at = "…"}}, or leave the file out with `ignore`; docs/sources.md has the forms'
    )
