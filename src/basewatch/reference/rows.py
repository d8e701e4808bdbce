"""What a row of each reference table holds, one model a table: every column known, every value in range."""

from __future__ import annotations

import warnings
from datetime import date
from typing import Annotated, Any, Literal

import pyarrow as pa
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

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


class FieldRunwayRow(Row):
    """A runway of another airfield, as RunwayRow has those of the bases; `ident` is the field's."""

    ident: str
    le_ident: str
    he_ident: str
    heading_deg_true: Annotated[float, Field(ge=0, le=360)]
    heading_basis: Literal["true", "designator", "assumed"]
    length_ft: Number
    le_latitude: Number
    le_longitude: Number
    he_latitude: Number
    he_longitude: Number


class EvidenceTermRow(Row):
    """A step of a table by which silences are judged: what a reading adds to the log-odds of a landing.

    `judge`: `first` compares the fields in reach, `whole` judges each. A reading from `from_a` (inclusive) up to `to_a`
    of `term_a` is in the step; empty bounds stand for a reading that is unknown. With `term_b` both readings
    must be in it. `constant` is what every field begins with.
    """

    judge: Literal["first", "whole"]
    term_a: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    from_a: Number
    to_a: Number
    term_b: Annotated[str | None, Field(pattern=r"^[a-z0-9_]+$"), Blank]
    from_b: Number
    to_b: Number
    points: float


class EvidenceWordsRow(Row):
    """What a term of evidence is called in a sentence."""

    term: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    words: str


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
        if not self.alias:
            raise ValueError("the alias is empty")
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
    """A source, its licence, and what its ledger rows prove: `covers` says which scope can make a day observed.

    provider: how people call it, in a word or two. may_redistribute: whether its rows may be passed on, as in a
    citation. viewer: the address at which an aircraft's day can be looked at, with {icao24} and {day}.
    """

    source: str
    kind: Literal["flight", "press", "news"]
    title: str
    provider: Text
    url: Text
    licence: str
    licence_url: Text
    attribution: Text
    covers: Literal["all_bases", "one_base", "never"]
    cadence: Text
    may_redistribute: Flag
    viewer: Text


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


class ReadingAccuracyRow(Row):
    """How well texts were read on cases whose answer is known: of one base, or of all, and one sort of case.

    `hidden` cases name the base or make the claim, `found` of them were read so; `wrong` were read where nothing was.
    """

    subject: Literal["news_base", "claim"]
    base_id: str
    evidence: Literal["text", "names_alone", "pause", "resumption", "flight"]
    hidden: Annotated[int, Field(ge=0)]
    found: Annotated[int, Field(ge=0)]
    wrong: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _no_more_found(self) -> ReadingAccuracyRow:
        if self.found > self.hidden:
            raise ValueError(f"found {self.found} of {self.hidden}")
        return self


ROWS: dict[str, type[Row]] = {
    "bases": BaseRow,
    "runways": RunwayRow,
    "fields": FieldRow,
    "field_runways": FieldRunwayRow,
    "evidence_terms": EvidenceTermRow,
    "evidence_words": EvidenceWordsRow,
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
    "reading_accuracy": ReadingAccuracyRow,
}
KEYS: dict[str, tuple[str, ...]] = {  # what makes a row unique, and the order in which the shipped rows stand
    "bases": ("base_id",),
    "runways": ("base_id", "le_ident"),
    "fields": ("ident",),
    "field_runways": ("ident", "le_ident", "he_ident"),
    "evidence_words": ("term",),
    "evidence_terms": ("judge", "term_a", "from_a", "term_b", "from_b"),
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
    "reading_accuracy": ("subject", "base_id", "evidence"),
}
_ARROW: dict[Any, pa.DataType] = {
    str: pa.string(),
    float: pa.float64(),
    int: pa.int64(),
    bool: pa.bool_(),
    date: pa.date32(),
}


def arrow_schema(table: str) -> pa.Schema:
    """The Arrow schema of a reference table, read from its row model."""
    fields = []
    for name, field in ROWS[table].model_fields.items():
        kinds = [kind for kind in getattr(field.annotation, "__args__", (field.annotation,)) if kind is not type(None)]
        kind = kinds[0]
        if getattr(kind, "__origin__", None) is Literal or not isinstance(kind, type):
            kind = str
        fields.append((name, _ARROW.get(kind, pa.string())))
    return pa.schema(fields)
