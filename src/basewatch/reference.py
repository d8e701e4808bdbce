"""Facts about the world, one CSV a table, every row checked by a model before anything uses it."""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal

import pyarrow as pa
import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from basewatch.config import Settings
from basewatch.errors import ConfigError

Blank = BeforeValidator(lambda value: None if value == "" else value)
Text = Annotated[str | None, Blank]
Number = Annotated[float | None, Blank]
Whole = Annotated[int | None, Blank]
When = Annotated[date | None, Blank]
Flag = Annotated[bool | None, Blank]
Icao24 = Annotated[str, Field(pattern=r"^[0-9a-f]{6}$")]


class Row(BaseModel):
    """A CSV row: every column known, every value in range; `source_url` and `checked_on` say where it is from."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class BaseRow(Row):
    """A watched place. `ident` is its OurAirports identifier, which some providers emit in place of an ICAO code."""

    base_id: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    name: str
    icao: Annotated[str | None, Blank, Field(pattern=r"^[A-Z]{4}$")]
    iata: Annotated[str | None, Blank, Field(pattern=r"^[A-Z]{3}$")]
    ident: Text
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    kind: Literal["air", "naval"]
    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    elevation_ft: Annotated[float | None, Blank, Field(ge=-1500, le=20000)]
    is_shared_with_civil: bool
    operator: Text
    note: Text
    source_url: Text
    checked_on: When


class RunwayRow(Row):
    """A runway; the ends' coordinates are null where no source gives them."""

    base_id: str
    le_ident: str
    he_ident: str
    heading_deg_true: Annotated[float, Field(ge=0, le=360)]
    heading_basis: str
    length_ft: Number
    surface: Text
    le_latitude: Number
    le_longitude: Number
    he_latitude: Number
    he_longitude: Number
    source_url: Text
    checked_on: When


class FleetRow(Row):
    """One rule of a fleet: an aircraft that meets every filled column of any row belongs to it."""

    fleet_id: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    name: Text
    definition: Text
    icao24: Annotated[str | None, Blank, Field(pattern=r"^[0-9a-f]{6}$")]
    registration: Text
    registration_prefix: Text
    callsign_prefix: Text
    operator: Text
    type_code: Text
    country: Annotated[str | None, Blank, Field(pattern=r"^[A-Z]{2}$")]
    is_military: Flag
    basis: Text
    source_url: Text
    checked_on: When


class AircraftRow(Row):
    """What one register says of one address; two registers, or two addresses of one registration, are two rows."""

    icao24: Icao24
    registration: Text
    type_code: Text
    type_name: Text
    operator: Text
    is_military: bool
    register: str
    valid_from: When
    valid_to: When
    source_url: Text
    checked_on: When


class AircraftTypeRow(Row):
    """An ICAO type designator, its description (e.g. L4J) and wake category."""

    type_code: str
    description: Text
    wake: Annotated[Literal["L", "M", "H", "J"] | None, Blank]
    name: Text
    is_helicopter: bool
    source_url: Text
    checked_on: When


class KeywordRow(Row):
    """A form by which texts name a base, or a word near it that makes a weak form count (cue) or not (negative)."""

    base_id: Text
    alias: str
    language: Text
    role: Literal["name", "cue", "negative"]
    strength: Annotated[Literal["strong", "weak"] | None, Blank]
    example_hit: Text
    example_miss: Text
    source_url: Text
    checked_on: When


class IcaoBlockRow(Row):
    """A block of 24-bit addresses; the first that holds an address wins, so `position` matters."""

    position: int
    start_hex: Icao24
    end_hex: Icao24
    country_name: str
    country: Text


class SourceRow(Row):
    """A source, its licence, and what its ledger rows prove: `covers` says which scope can make a day observed."""

    source: str
    kind: Literal["flight", "press", "news"]
    title: str
    url: Text
    licence: str
    licence_url: Text
    attribution: Text
    covers: Literal["all_bases", "one_base", "never"]
    cadence: Text


class CorrectionRow(Row):
    """A known error in a provider's record: `expected` is what it says, `value` what it should say."""

    target: str
    record_id: str
    column: str
    expected: Text
    value: Text
    reason: str
    reported_on: When
    status: Literal["active", "fixed_upstream"]
    source_url: Text


ROWS: dict[str, type[Row]] = {
    "bases": BaseRow,
    "runways": RunwayRow,
    "fleets": FleetRow,
    "aircraft": AircraftRow,
    "aircraft_types": AircraftTypeRow,
    "keywords": KeywordRow,
    "icao_blocks": IcaoBlockRow,
    "sources": SourceRow,
    "corrections": CorrectionRow,
}

_ARROW: dict[Any, pa.DataType] = {
    str: pa.string(),
    float: pa.float64(),
    int: pa.int64(),
    bool: pa.bool_(),
    date: pa.date32(),
}


def schema(table: str) -> pa.Schema:
    """The Arrow schema of a reference table, read from its row model."""
    fields = []
    for name, field in ROWS[table].model_fields.items():
        kinds = [kind for kind in getattr(field.annotation, "__args__", (field.annotation,)) if kind is not type(None)]
        kind = kinds[0]
        if getattr(kind, "__origin__", None) is Literal or not isinstance(kind, type):
            kind = str
        fields.append((name, _ARROW.get(kind, pa.string())))
    return pa.schema(fields)


@dataclass(frozen=True)
class Reference:
    """All reference tables: checked rows by table name, and a hash over their text."""

    rows: dict[str, list[Any]]
    sha256: str

    @property
    def bases(self) -> dict[str, BaseRow]:
        """The watched bases by id."""
        return {row.base_id: row for row in self.rows["bases"]}

    def table(self, name: str) -> pa.Table:
        """One reference table as Arrow."""
        return pa.Table.from_pylist([row.model_dump() for row in self.rows[name]], schema=schema(name))


def load(settings: Settings) -> Reference:
    """The reference tables that the settings name, else the shipped ones; every row checked.

    Raises ConfigError naming the file, the line, the column and what is wrong.
    """
    rows: dict[str, list[Any]] = {}
    digest = hashlib.sha256()
    for table in ROWS:
        own = getattr(settings.reference, table)
        try:
            text = settings.path(own).read_text(encoding="utf-8-sig") if own else _shipped(f"{table}.csv")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"reference.{table}: {own} cannot be read: {error}") from None
        digest.update(f"{table}\n{text}".encode())
        rows[table] = parse(table, text, own or f"{table}.csv")
    _check_references(rows)
    return Reference(rows, digest.hexdigest())


@cache
def _shipped(name: str) -> str:
    return files("basewatch.sql.reference").joinpath(name).read_text(encoding="utf-8")


def parse(table: str, text: str, where: str) -> list[Any]:
    """The checked rows of one reference CSV. Raises ConfigError naming line, column and fault."""
    model = ROWS[table]
    reader = csv.DictReader(io.StringIO(text))
    columns = set(model.model_fields)
    found = set(reader.fieldnames or [])
    if found != columns:
        missing, unknown = sorted(columns - found), sorted(found - columns)
        raise ConfigError(f"{where}: columns missing: {missing or 'none'}; columns unknown: {unknown or 'none'}")
    rows = []
    for values in reader:
        try:
            rows.append(model.model_validate(values))
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            column = ".".join(str(part) for part in fault["loc"])
            raise ConfigError(f"{where}, line {reader.line_num}, column {column}: {fault['msg']}") from None
    return rows


def _check_references(rows: dict[str, list[Any]]) -> None:
    bases = {row.base_id for row in rows["bases"]}
    if len(bases) != len(rows["bases"]):
        raise ConfigError("bases.csv: a base_id stands twice")
    for table in ("runways", "keywords"):
        for row in rows[table]:
            if row.base_id is not None and row.base_id not in bases:
                raise ConfigError(f"{table}.csv: base_id {row.base_id!r} is not in bases.csv")


@dataclass(frozen=True)
class Params:
    """The thresholds that change a result, by name, and the hash of the text that they came from."""

    values: dict[str, Any]
    documentation: dict[str, dict[str, Any]]
    sha256: str


def load_params(settings: Settings) -> Params:
    """params.yml: every threshold with value, unit, reason and source. Raises ConfigError on a malformed entry."""
    own = settings.reference.params
    text = settings.path(own).read_text(encoding="utf-8") if own else _shipped_params()
    where = own or "params.yml"
    try:
        entries = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{where} is not valid YAML: {error}") from None
    for name, entry in entries.items():
        if not isinstance(entry, dict) or not {"value", "unit", "why"} <= set(entry):
            raise ConfigError(f"{where}: {name} needs value, unit and why")
    return Params(
        {name: entry["value"] for name, entry in entries.items()}, entries, hashlib.sha256(text.encode()).hexdigest()
    )


def _shipped_params() -> str:
    return files("basewatch.sql").joinpath("params.yml").read_text(encoding="utf-8")
