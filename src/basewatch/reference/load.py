"""Facts about the world, one CSV a table, every row checked by a model before anything uses it."""

from __future__ import annotations

import csv
import hashlib
import io
import warnings
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal

import pyarrow as pa
import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from basewatch import yaml_text as quickyaml
from basewatch.config import Settings, Sources
from basewatch.errors import ConfigError
from basewatch.reference.thresholds import Thresholds, thresholds

Blank = BeforeValidator(lambda value: None if isinstance(value, str) and not value.strip() else value)
Text = Annotated[str | None, Blank]
Number = Annotated[float | None, Blank]
Whole = Annotated[int | None, Blank]
When = Annotated[date | None, Blank]
Flag = Annotated[bool | None, Blank]
No = Annotated[bool, BeforeValidator(lambda value: value if value not in ("", None) else False)]
Icao24 = Annotated[str, Field(pattern=r"^[0-9a-f]{6}$")]


class Row(BaseModel):
    """A CSV row: every column known, every value in range; `source_url` and `checked_on` say where it is from."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class BaseRow(Row):
    """A watched place: `air` a field, `naval` a port without one.

    `ident` is its OurAirports identifier, which some providers emit in place of an ICAO code.
    """

    base_id: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    name: str
    icao: Annotated[str | None, Field(pattern=r"^[A-Z]{4}$"), Blank]
    iata: Annotated[str | None, Field(pattern=r"^[A-Z]{3}$"), Blank]
    ident: Text
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    kind: Literal["air", "naval"]
    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    elevation_ft: Annotated[float | None, Field(ge=-1500, le=20000), Blank]
    is_shared_with_civil: bool
    operator: Text
    note: Text
    source_url: Text
    checked_on: When


class RunwayRow(Row):
    """A runway; the ends' coordinates are null where no source gives them.

    `heading_basis` says how good `heading_deg_true` is: `true` the course between the end points where they are given,
    else as a source states it; `designator` ten times the designator (magnetic, within about 20 degrees of true where
    bases lie); `assumed` see `note`.
    """

    base_id: str
    le_ident: str
    he_ident: str
    heading_deg_true: Annotated[float, Field(ge=0, le=360)]
    heading_basis: Literal["true", "designator", "assumed"]
    length_ft: Number
    surface: Text
    le_latitude: Number
    le_longitude: Number
    he_latitude: Number
    he_longitude: Number
    is_closed: No = False
    note: Text
    source_url: Text
    checked_on: When


BUILT_IN_FLEETS = ("all", "unidentified")
FLEET_RULE = (
    "icao24",
    "registration",
    "registration_prefix",
    "callsign_prefix",
    "operator",
    "type_code",
    "country",
    "is_military",
)


class FieldRow(Row):
    """Another airfield that an aircraft could have used: rivals of the bases, and origins and destinations."""

    ident: str
    icao: Annotated[str | None, Field(pattern=r"^[A-Z]{4}$"), Blank]
    name: str
    country: Annotated[str | None, Field(pattern=r"^[A-Z]{2}$"), Blank]
    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    elevation_ft: Annotated[float | None, Field(ge=-1500, le=20000), Blank]
    serves: Literal["civil", "military", "shared", "unknown"]
    source_url: Text
    checked_on: When


class FleetRow(Row):
    """One rule of a fleet: an aircraft that meets every filled column of any row belongs to it.

    `icao24`, `registration` and `type_code` must equal; `operator` must equal what a register says of the aircraft's
    address or registration; `registration_prefix` begins the registration; `callsign_prefix` is the three letters in
    front of a callsign's digits; `country` is that of the address block. `all` and `unidentified` are built in: their
    rows have a name and a definition and no rule. A row of another fleet without a rule would mean every aircraft, so
    it is an error.
    """

    fleet_id: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    name: Text
    definition: Text
    icao24: Annotated[str | None, Field(pattern=r"^[0-9a-f]{6}$"), Blank]
    registration: Text
    registration_prefix: Text
    callsign_prefix: Annotated[str | None, Field(pattern=r"^[A-Z]{3}$"), Blank]
    operator: Text
    type_code: Text
    country: Annotated[str | None, Field(pattern=r"^[A-Z]{2}$"), Blank]
    is_military: Flag
    basis: Text
    source_url: Text
    checked_on: When

    @model_validator(mode="after")
    def _rule(self) -> FleetRow:
        filled = [name for name in FLEET_RULE if getattr(self, name) is not None]
        if self.fleet_id in BUILT_IN_FLEETS and filled:
            raise ValueError(f"fleet {self.fleet_id} is built in and takes no rule; empty {', '.join(filled)}")
        if self.fleet_id not in BUILT_IN_FLEETS and not filled:
            raise ValueError(f"fleet {self.fleet_id}: a row needs a rule; fill one of {', '.join(FLEET_RULE)}")
        return self


with warnings.catch_warnings():
    # pydantic warns of `register` since abc.ABCMeta has a method of that name; rows are never asked for it
    warnings.filterwarnings("ignore", message='Field name "register"')

    class AircraftRow(Row):
        """What one register says of one address; two registers, or two addresses of one registration, are two rows.

        `is_military` is empty where the register does not say. `valid_from` and `valid_to` matter where an address
        stands under several registrations. Where the register's name stands in DATA-LICENCES.md, its address and
        licence do too, and `source_url` is empty.
        """

        icao24: Icao24
        registration: Text
        type_code: Text
        type_name: Text
        operator: Text
        is_military: Flag
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
    """A form by which texts name a base, or a word near it that makes a weak form count (cue) or not (negative).

    A strong form names the base by itself. A weak one means something else as well (a town, a word, a person) and
    needs a cue; it carries an example of a text where it counts and of one where it does not.
    """

    base_id: Text
    alias: str
    language: Text
    role: Literal["name", "cue", "negative"]
    strength: Annotated[Literal["strong", "weak"] | None, Blank]
    example_hit: Text
    example_miss: Text
    source_url: Text
    checked_on: When

    @model_validator(mode="after")
    def _complete(self) -> KeywordRow:
        if self.role == "name" and (self.base_id is None or self.strength is None):
            raise ValueError(f"the name {self.alias!r} needs base_id and strength")
        if self.role == "name" and self.strength == "weak" and not (self.example_hit and self.example_miss):
            raise ValueError(f"the weak name {self.alias!r} needs example_hit and example_miss")
        return self


class IcaoBlockRow(Row):
    """A block of 24-bit addresses; the first that holds an address wins, so `position` matters."""

    position: Annotated[int, Field(ge=1)]
    start_hex: Icao24
    end_hex: Icao24
    country_name: str
    country: Annotated[str | None, Field(pattern=r"^[A-Z]{2}$"), Blank]

    @model_validator(mode="after")
    def _ordered(self) -> IcaoBlockRow:
        if self.end_hex < self.start_hex:
            raise ValueError(f"the block ends at {self.end_hex}, before its start {self.start_hex}")
        return self


class MilitaryRangeRow(Row):
    """A part of a country's block that it gives to military aircraft; speaks where no register knows an address."""

    start_hex: Icao24
    end_hex: Icao24
    source_url: Text
    checked_on: When

    @model_validator(mode="after")
    def _ordered(self) -> MilitaryRangeRow:
        if self.end_hex < self.start_hex:
            raise ValueError(f"the range ends at {self.end_hex}, before its start {self.start_hex}")
        return self


class RegistrationRuleRow(Row):
    """A country's usual way from a registration to an address: a hint, never an identity.

    The address is `start_hex` plus, for `digits`, the number after the prefix (`width` digits); for `letters`, each of
    the `width` letters (A is 0) times its stride in `strides` (space-separated). With `low_bits` only so many of the
    lowest bits of the address follow the rule. `agrees` and `differs` count rows of the shipped register.
    """

    prefix: str
    form: Literal["digits", "letters"]
    width: Annotated[int, Field(ge=1, le=6)]
    strides: Text
    start_hex: Icao24
    end_hex: Icao24
    low_bits: Annotated[int | None, Field(ge=1, le=24), Blank]
    agrees: Whole
    differs: Whole
    note: Text
    source_url: Text
    checked_on: When

    @model_validator(mode="after")
    def _strided(self) -> RegistrationRuleRow:
        if self.form == "letters" and len((self.strides or "").split()) != self.width:
            raise ValueError("letters need one stride each")
        return self


with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message='Field name "register"')

    class RegisterRuleRow(Row):
        """What is done with rows of a register whose `field` equals `equals`, and `and_field` `and_equals`.

        `drop` leaves them out; `set` puts `value` into `column` (an AircraftRow's; empty: nothing).
        """

        register: str
        field: str
        equals: str
        and_field: Text
        and_equals: Text
        action: Literal["drop", "set"]
        column: Text
        value: Text
        reason: str

        @model_validator(mode="after")
        def _complete(self) -> RegisterRuleRow:
            if self.action == "set" and self.column not in AircraftRow.model_fields:
                raise ValueError(f"`set` needs a column of the aircraft table, not {self.column!r}")
            return self


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
    "fields": FieldRow,
    "fleets": FleetRow,
    "aircraft": AircraftRow,
    "aircraft_types": AircraftTypeRow,
    "keywords": KeywordRow,
    "icao_blocks": IcaoBlockRow,
    "military_ranges": MilitaryRangeRow,
    "registration_rules": RegistrationRuleRow,
    "register_rules": RegisterRuleRow,
    "sources": SourceRow,
    "corrections": CorrectionRow,
}

KEYS: dict[str, tuple[str, ...]] = {  # what makes a row unique, and the order in which the shipped rows stand
    "bases": ("base_id",),
    "runways": ("base_id", "le_ident"),
    "fields": ("ident",),
    "fleets": ("fleet_id", *FLEET_RULE),
    "aircraft": ("icao24", "register", "valid_from"),
    "aircraft_types": ("type_code",),
    "keywords": ("base_id", "role", "alias", "language"),
    "icao_blocks": ("position",),
    "military_ranges": ("start_hex", "end_hex"),
    "registration_rules": ("prefix", "form", "width", "low_bits"),
    "register_rules": ("register", "field", "equals", "and_equals"),
    "sources": ("source",),
    "corrections": ("target", "record_id", "column"),
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
        declared = schema(name)
        rows = self.rows[name]
        return pa.Table.from_pydict(
            {column: [getattr(row, column) for row in rows] for column in declared.names}, declared
        )


def load(settings: Settings) -> Reference:
    """The reference tables that the settings name, else the shipped ones; every row checked.

    A fleets file of one's own need not repeat the built-in fleets: they are added. With a bases file of one's own the
    shipped runways and keywords shrink to the bases in it. Raises ConfigError naming the file, the line, the column and
    what is wrong.
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
        rows[table] = parse(table, text, own) if own else list(_shipped_rows(table))
    rows["fleets"] += _built_in_fleets({row.fleet_id for row in rows["fleets"]})
    _fit_to_bases(rows, settings)
    _check_references(rows)
    return Reference(rows, digest.hexdigest())


@cache
def _shipped(name: str) -> str:
    return files("basewatch.sql.reference").joinpath(name).read_text(encoding="utf-8")


@cache
def _shipped_rows(table: str) -> tuple[Any, ...]:
    """The checked rows of a shipped table, read once a process: rows are frozen, so all who ask may share them."""
    return tuple(parse(table, _shipped(f"{table}.csv"), f"{table}.csv"))


def _fit_to_bases(rows: dict[str, list[Any]], settings: Settings) -> None:
    """Drop shipped rows about bases that the user's own list leaves out; in the user's own files they are errors."""
    if settings.reference.bases is None:
        return
    bases = {row.base_id for row in rows["bases"]}
    for table in ("runways", "keywords"):
        if getattr(settings.reference, table) is None:
            rows[table] = [row for row in rows[table] if row.base_id is None or row.base_id in bases]


def _built_in_fleets(present: set[str]) -> list[FleetRow]:
    missing = set(BUILT_IN_FLEETS) - present
    return [row for row in _shipped_rows("fleets") if row.fleet_id in missing]


def _may_be_absent(model: type[Row], column: str) -> bool:
    """Whether a file may do without a column: its value can be null, or has a default."""
    field = model.model_fields[column]
    return not field.is_required() or type(None) in getattr(field.annotation, "__args__", ())


def parse(table: str, text: str, where: str) -> list[Any]:
    """The checked rows of one reference CSV, in the file's order; columns that may be empty may also be left out.

    Raises ConfigError naming file, line, column and fault, also for a key that stands twice.
    """
    model = ROWS[table]
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    seen: dict[tuple[Any, ...], int] = {}
    rows = []
    try:
        _check_columns(model, list(reader.fieldnames or []), where)
        absent = {name: "" for name in model.model_fields if name not in (reader.fieldnames or [])}
        for values in reader:
            line = f"{where}, line {reader.line_num}"
            if None in values or None in values.values():
                raise ConfigError(f"{line}: the row does not have as many cells as the first line has columns")
            row = _row(model, {**absent, **values}, line)
            key = tuple(getattr(row, name) for name in KEYS[table])
            if key in seen:
                shown = ", ".join(f"{name} {value}" for name, value in zip(KEYS[table], key, strict=True) if value)
                raise ConfigError(f"{line}, column {KEYS[table][0]}: {shown} stands already in line {seen[key]}")
            seen[key] = reader.line_num
            rows.append(row)
    except csv.Error as error:
        raise ConfigError(f"{where}, line {reader.line_num + 1} or after: not readable as CSV: {error}") from None
    return rows


def _check_columns(model: type[Row], found: list[str], where: str) -> None:
    missing = [name for name in model.model_fields if name not in found and not _may_be_absent(model, name)]
    unknown = sorted(set(found) - set(model.model_fields))
    if missing or unknown or len(set(found)) != len(found):
        twice = sorted({name for name in found if found.count(name) > 1})
        faults = {"missing": missing, "unknown": unknown, "twice": twice}
        told = "; ".join(f"{fault}: {', '.join(names)}" for fault, names in faults.items() if names)
        raise ConfigError(f"{where}, line 1: columns {told}")


def _row(model: type[Row], values: dict[str, str], line: str) -> Row:
    try:
        return model.model_validate({name: values[name] for name in model.model_fields})
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        column = ".".join(str(part) for part in fault["loc"])
        raise ConfigError(f"{line}{f', column {column}' if column else ''}: {fault['msg']}") from None


def _check_references(rows: dict[str, list[Any]]) -> None:
    bases = {row.base_id for row in rows["bases"]}
    for table in ("runways", "keywords"):
        for row in rows[table]:
            if row.base_id is not None and row.base_id not in bases:
                raise ConfigError(f"{table}.csv: base_id {row.base_id!r} is not in bases.csv")
    described = {row.source for row in rows["sources"]}
    lacking = [code for code in Sources.model_fields if code not in described]
    if lacking:
        raise ConfigError(f"sources.csv: no row for {', '.join(lacking)}")


@dataclass(frozen=True)
class Params:
    """The thresholds that change a result, by name, and the hash of the text that they came from."""

    values: dict[str, Any]
    documentation: dict[str, dict[str, Any]]
    sha256: str
    thresholds: Thresholds  # those that Python code uses


def load_params(settings: Settings) -> Params:
    """params.yml: every threshold with value, unit, reason and source. Raises ConfigError on a malformed entry."""
    own = settings.reference.params
    where = own or "params.yml"
    try:
        text = settings.path(own).read_text(encoding="utf-8") if own else _shipped_params()
        entries = quickyaml.parse(text)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"reference.params: {where} cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{where} is not valid YAML: {error}") from None
    if not isinstance(entries, dict):
        raise ConfigError(f"{where}: holds no thresholds; each is `name: {{value:, unit:, why:, source:}}`")
    for name, entry in entries.items():
        if not isinstance(entry, dict) or not {"value", "unit", "why"} <= set(entry):
            raise ConfigError(f"{where}: {name} needs value, unit and why")
    values = {name: entry["value"] for name, entry in entries.items()}
    return Params(values, entries, hashlib.sha256(text.encode()).hexdigest(), thresholds(values, where))


def _shipped_params() -> str:
    return files("basewatch.sql").joinpath("params.yml").read_text(encoding="utf-8")
