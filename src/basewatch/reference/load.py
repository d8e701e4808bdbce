"""Facts about the world, one CSV a table, every row checked by a model before anything uses it; and the thresholds."""

from __future__ import annotations

import csv
import difflib
import hashlib
import io
import itertools
import operator
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import pyarrow as pa
import yaml
from pydantic import ValidationError

from basewatch import yaml_text
from basewatch.config import Settings, Sources
from basewatch.errors import ConfigError
from basewatch.geo import NM_KM, Place, distance_km
from basewatch.reference import bounds
from basewatch.reference.rows import (
    BUILT_IN_FLEETS,
    KEYS,
    ROWS,
    BaseRow,
    FieldRow,
    FieldRunwayRow,
    FleetRow,
    Row,
    arrow_schema,
)
from basewatch.reference.thresholds import Thresholds, thresholds

ABOUT_BASES = {"runways", "keywords"}  # tables whose rows are about one base each
OF_OTHER_FIELDS = {"fields", "field_runways"}  # a shipped base that is not watched is a field as any other
BASE_APART_NM = 5.0  # from the field of the same code: positions of one field in two lists lie a mile or two apart


class Rows(Mapping[str, list[Any]]):
    """Checked rows by table name. A shipped table is read when somebody first asks for it: a quiet night never does.

    of_own_bases: with a list of bases of one's own, shipped rows about others are left out; in files of one's own such
    rows are errors. Shipped bases that are not in that list are among the fields, with their runways: an aircraft that
    is lost near a base may have landed there.
    """

    def __init__(self, rows: Mapping[str, list[Any]] | None = None, *, of_own_bases: bool = False) -> None:
        self._rows = dict(rows or {})
        self._of_own_bases = of_own_bases
        self._tables: dict[str, pa.Table] = {}

    def __getitem__(self, table: str) -> list[Any]:
        if table not in self._rows:
            if table not in ROWS:
                raise KeyError(table)
            rows: Sequence[Any] = shipped_rows(table)
            if table in ABOUT_BASES and self._of_own_bases:
                bases = {row.base_id for row in self["bases"]}
                rows = [row for row in rows if row.base_id is None or row.base_id in bases]
            self._rows[table] = [*rows, *self.unwatched(table)]
        return self._rows[table]

    def __iter__(self) -> Iterator[str]:
        return iter(ROWS)

    def __len__(self) -> int:
        return len(ROWS)

    def but(self, table: str, rows: list[Any]) -> Rows:
        """The same with other rows of one table."""
        others = Rows({**self._rows, table: rows}, of_own_bases=self._of_own_bases)
        others._tables = {name: made for name, made in self._tables.items() if name != table}
        return others

    def arrow(self, table: str) -> pa.Table:
        """One table as Arrow, made once: a run binds the tables several times.

        A shipped one is read as columns where nobody has asked for its rows: what is shipped is checked before it is.
        """
        by_row = {"fleets", *self._rows, *(ABOUT_BASES if self._of_own_bases else ())}  # rows of a fleet share its name
        if table not in self._tables and table not in by_row:
            shipped, more = _shipped_columns(table), self.unwatched(table)
            self._tables[table] = pa.concat_tables([shipped, _columns(table, more)]) if more else shipped
        if table not in self._tables:
            self._tables[table] = _columns(table, self[table])
        return self._tables[table]

    def unwatched(self, table: str) -> list[Any]:
        """What a shipped table of other fields lacks: the shipped bases that one's own list of bases leaves out."""
        if table not in OF_OTHER_FIELDS or not self._of_own_bases:
            return []
        codes = {code for base in self["bases"] for code in (base.ident, base.icao) if code}
        others = (base for base in shipped_rows("bases") if base.kind == "air" and base.ident)
        bases = [base for base in others if not codes & {base.ident, base.icao}]
        return [_as_field(base) for base in bases] if table == "fields" else _runways_of(bases)


@dataclass(frozen=True)
class Reference:
    """All reference tables: checked rows by table name, and a hash over their text.

    own: tables that the user has a file of. learnt_sha256: of what a warehouse has learnt in place of the shipped
    weights; empty where these serve.
    """

    rows: Rows
    sha256: str
    own: frozenset[str] = frozenset()
    learnt_sha256: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.rows, Rows):
            object.__setattr__(self, "rows", Rows(self.rows))

    @property
    def bases(self) -> dict[str, BaseRow]:
        """The watched bases by id."""
        return {row.base_id: row for row in self.rows["bases"]}

    @property
    def places(self) -> tuple[Place, ...]:
        """Where the watched bases are, sorted by id."""
        return tuple(
            Place(base.base_id, base.latitude, base.longitude, base.elevation_ft or 0.0)
            for _, base in sorted(self.bases.items())
        )

    def table(self, name: str) -> pa.Table:
        """One reference table as Arrow."""
        return self.rows.arrow(name)


def tables(settings: Settings) -> Reference:
    """The reference tables that the settings name, else the shipped ones; every row checked.

    A fleets file of one's own need not repeat the built-in fleets: they are added. So are the fleets of states that
    `add_fleets` names. With a bases file of one's own the shipped runways and keywords shrink to the bases in it, and
    the other shipped bases are among the shipped fields; their runways are added to a file of one's own, too.
    Raises ConfigError naming the file, the line, the column and what is wrong.
    """
    own_rows: dict[str, list[Any]] = {}
    digest = hashlib.sha256()
    for table in ROWS:
        own = getattr(settings.reference, table)
        try:
            text = settings.path(own).read_text(encoding="utf-8-sig") if own else _shipped(f"{table}.csv")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"reference.{table}: {own} cannot be read: {error}") from None
        digest.update(f"{table}\n{text}".encode())
        if own:
            own_rows[table] = parse(table, text, own)
    if "fleets" in own_rows:
        own_rows["fleets"] += _built_in_fleets({row.fleet_id for row in own_rows["fleets"]})
    if settings.reference.add_fleets:
        digest.update(f"add_fleets\n{' '.join(settings.reference.add_fleets)}\n{_shipped('state_fleets.csv')}".encode())
        own_rows["fleets"] = _with_state_fleets(
            own_rows.get("fleets", list(shipped_rows("fleets"))), settings.reference.add_fleets
        )
    rows = Rows(own_rows, of_own_bases="bases" in own_rows)
    if "field_runways" in own_rows:
        known = {row.ident for row in own_rows["field_runways"]}
        more = [row for row in rows.unwatched("field_runways") if row.ident not in known]
        rows = rows.but("field_runways", own_rows["field_runways"] + more)
    _check_references(rows, set(own_rows))
    if settings.reference.bases:
        _check_positions(rows["bases"], settings.reference.bases)
    own = frozenset(table for table in own_rows if getattr(settings.reference, table))
    return Reference(rows, digest.hexdigest(), own)


@cache
def _shipped(name: str) -> str:
    return files("basewatch.sql.reference").joinpath(name).read_text(encoding="utf-8")


@cache
def _shipped_columns(table: str) -> pa.Table:
    """A shipped table as Arrow, as its rows would give it."""
    from pyarrow import csv as columns

    declared = arrow_schema(table)
    convert = columns.ConvertOptions(
        column_types=declared, include_columns=declared.names, include_missing_columns=True, null_values=[""],
        strings_can_be_null=True, true_values=["true"], false_values=["false"],
    )  # fmt: skip
    parse = columns.ParseOptions(newlines_in_values=True)
    made = columns.read_csv(
        pa.py_buffer(_shipped(f"{table}.csv").encode()),
        read_options=columns.ReadOptions(use_threads=False), parse_options=parse, convert_options=convert,
    )  # fmt: skip
    arrays = [column.combine_chunks() for column in made.columns]
    (no,) = pa.array([False])  # for a plain value, Arrow would import pandas
    for place, field in enumerate(ROWS[table].model_fields.values()):
        if field.default is False:  # what may be left empty and means no
            arrays[place] = arrays[place].fill_null(no)
    return pa.Table.from_arrays(arrays, schema=declared)


@cache
def shipped_rows(table: str) -> tuple[Any, ...]:
    """The checked rows of a shipped table, read once a process: rows are frozen, so all who ask may share them."""
    return tuple(parse(table, _shipped(f"{table}.csv"), f"{table}.csv"))


def _columns(table: str, rows: Sequence[Any]) -> pa.Table:
    declared = arrow_schema(table)
    return pa.Table.from_pydict({column: [getattr(row, column) for row in rows] for column in declared.names}, declared)


def _as_field(base: BaseRow) -> FieldRow:
    """A base that is not watched, as a row of the other fields."""
    alike = {name: getattr(base, name) for name in FieldRow.model_fields if name in BaseRow.model_fields}
    serves = "shared" if base.is_shared_with_civil else "military"
    return FieldRow.model_construct(**alike | {"serves": serves})


def _runways_of(bases: Sequence[BaseRow]) -> list[FieldRunwayRow]:
    """The shipped runways of these bases, as rows of the other fields' runways."""
    idents = {base.base_id: base.ident for base in bases if base.ident}
    return [
        FieldRunwayRow.model_construct(
            **{name: getattr(row, name) for name in FieldRunwayRow.model_fields if name != "ident"},
            ident=idents[row.base_id],
        )
        for row in shipped_rows("runways")
        if row.base_id in idents and not row.is_closed
    ]


@cache
def state_fleets() -> dict[str, tuple[FleetRow, ...]]:
    """The shipped military transport fleets of states, by fleet: they are counted where the settings name them alone.

    Every fleet that is counted costs a row for each base and month, so that not all are.
    """
    fleets: dict[str, list[FleetRow]] = defaultdict(list)
    for row in parse("fleets", _shipped("state_fleets.csv"), "state_fleets.csv"):
        fleets[row.fleet_id].append(row)
    return {fleet: tuple(rows) for fleet, rows in fleets.items()}


def _with_state_fleets(rows: list[FleetRow], wanted: Sequence[str]) -> list[FleetRow]:
    """The rows, and those of the fleets of states that are wanted. Raises ConfigError for one that is not shipped."""
    known, counted = state_fleets(), {row.fleet_id for row in rows}
    for fleet in wanted:
        if fleet not in known:
            near = ", ".join(difflib.get_close_matches(fleet, known, n=3, cutoff=0.4))
            raise ConfigError(
                f"reference.add_fleets: no shipped fleet {fleet!r}{f'; near it: {near}' if near else ''}; "
                f"docs/reference-data.md lists them, and a fleet of your own is a row of a fleets file"
            )
    return rows + [row for fleet in dict.fromkeys(wanted) if fleet not in counted for row in known[fleet]]


def _built_in_fleets(present: set[str]) -> list[FleetRow]:
    missing = set(BUILT_IN_FLEETS) - present
    return [row for row in shipped_rows("fleets") if row.fleet_id in missing]


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
    columns = list(model.model_fields)  # looked up once: pydantic takes its time over it
    key_of = operator.attrgetter(*KEYS[table])

    seen: dict[Any, int] = {}
    rows = []
    try:
        _check_columns(model, list(reader.fieldnames or []), where)
        absent = {name: "" for name in columns if name not in (reader.fieldnames or [])}
        for values in reader:
            if None in values or None in values.values():
                line = f"{where}, line {reader.line_num}"
                raise ConfigError(f"{line}: the row does not have as many cells as the first line has columns")
            try:
                row = model.model_validate({**absent, **values})
            except ValidationError as error:
                raise ConfigError(_told(error, f"{where}, line {reader.line_num}")) from None
            key = key_of(row)
            if key in seen:
                told = zip(KEYS[table], key if isinstance(key, tuple) else (key,), strict=True)
                shown = ", ".join(f"{name} {value}" for name, value in told if value)
                line = f"{where}, line {reader.line_num}"
                raise ConfigError(f"{line}, column {KEYS[table][0]}: {shown} stands already in line {seen[key]}")
            seen[key] = reader.line_num
            rows.append(row)
    except csv.Error as error:
        raise ConfigError(f"{where}, line {reader.line_num + 1} or after: not readable as CSV: {error}") from None
    if table == "evidence_terms":
        _check_steps(rows, where)
    return _named_once(rows) if table == "fleets" else rows  # type: ignore[arg-type]


def _named_once(rows: list[FleetRow]) -> list[FleetRow]:
    """Rules of fleets with name and definition: a fleet states them in its first row, and need not again."""
    first: dict[str, FleetRow] = {}
    for row in rows:
        first.setdefault(row.fleet_id, row)
    return [
        row.model_copy(
            update={word: getattr(row, word) or getattr(first[row.fleet_id], word) for word in ("name", "definition")}
        )
        for row in rows
    ]


def _check_columns(model: type[Row], heading: list[str], where: str) -> None:
    missing = [name for name in model.model_fields if name not in heading and not _may_be_absent(model, name)]
    unknown = sorted(set(heading) - set(model.model_fields))
    if missing or unknown or len(set(heading)) != len(heading):
        twice = sorted({name for name in heading if heading.count(name) > 1})
        faults = {"missing": missing, "unknown": unknown, "twice": twice}
        fault_text = "; ".join(f"{fault}: {', '.join(names)}" for fault, names in faults.items() if names)
        raise ConfigError(f"{where}, line 1: columns {fault_text}")


def _told(error: ValidationError, line: str) -> str:
    fault = error.errors(include_url=False, include_input=False)[0]
    column = ".".join(str(part) for part in fault["loc"])
    return f"{line}{f', column {column}' if column else ''}: {fault['msg']}"


def _check_references(rows: Rows, own: set[str]) -> None:
    """Hold the user's own tables against each other and against the shipped ones, which fit together as they are."""
    bases = {row.base_id for row in rows["bases"]}
    for table in own & ABOUT_BASES:
        for row in rows[table]:
            if row.base_id is not None and row.base_id not in bases:
                raise ConfigError(f"{table}.csv: base_id {row.base_id!r} is not in bases.csv")
    described = {row.source for row in rows["sources"]}
    lacking = [code for code in Sources.model_fields if code not in described]
    if lacking:
        raise ConfigError(f"sources.csv: no row for {', '.join(lacking)}")


def _check_positions(bases: Sequence[BaseRow], where: str) -> None:
    """Refuse a base that lies far from the field that has its code: one of both is wrong, and all counts with it."""
    fields = {row.icao: (row.latitude, row.longitude, row.name) for row in shipped_rows("bases") if row.icao}
    # no field's code begins with Q, so that codes of telegraphy are none: the sample's made-up field has one
    others = {base.icao for base in bases if base.icao and base.icao not in fields and not base.icao.startswith("Q")}
    if others:
        fields = {**_positions(frozenset(others)), **fields}
    for base in bases:
        if base.icao not in fields:
            continue
        latitude, longitude, name = fields[base.icao]
        apart = distance_km(*(np.array([value]) for value in (base.latitude, base.longitude, latitude, longitude)))
        miles = float(apart[0]) / NM_KM
        if miles > BASE_APART_NM:
            raise ConfigError(
                f"{where}: base {base.base_id} lies at {base.latitude}, {base.longitude}, {miles:,.0f} NM from "
                f"{base.icao} ({name}) at {latitude}, {longitude}; correct its position or its code"
            )


@cache
def _positions(codes: frozenset[str]) -> dict[str, tuple[float, float, str]]:
    """Latitude, longitude and name of the fields with these ICAO codes; the shipped fields before airportsdata's."""
    known = {row.icao: (row.latitude, row.longitude, row.name) for row in shipped_rows("fields") if row.icao in codes}
    if codes <= set(known):
        return known
    import airportsdata  # reads all the world's fields: a third of a second

    fields = airportsdata.load("ICAO")
    found = {code: fields[code] for code in codes if code in fields}
    return {code: (field["lat"], field["lon"], field["name"]) for code, field in found.items()} | known


def _check_steps(rows: Sequence[Any], where: str) -> None:
    """Refuse steps of one term, or pair, that share a reading: it would be counted twice."""
    tables: dict[tuple[str, str, str | None], list[Any]] = defaultdict(list)
    for row in rows:
        tables[row.judge, row.term_a, row.term_b].append(row)
    for (judge, term, other), steps in tables.items():
        for first, second in itertools.combinations(steps, 2):
            if _meet(first.from_a, first.to_a, second.from_a, second.to_a) and (
                other is None or _meet(first.from_b, first.to_b, second.from_b, second.to_b)
            ):
                name = f"{judge} {term}{f' x {other}' if other else ''}"
                raise ConfigError(
                    f"{where}: two steps of {name} hold the same readings, from {first.from_a} to {first.to_a} and "
                    f"from {second.from_a} to {second.to_a}"
                )


def _meet(low: float | None, high: float | None, other_low: float | None, other_high: float | None) -> bool:
    if low is None or high is None or other_low is None or other_high is None:
        return low is None and other_low is None
    return low < other_high and other_low < high


@dataclass(frozen=True)
class Params:
    """The thresholds that change a result, by name, and the hash of the text that they came from."""

    values: dict[str, Any]
    documentation: dict[str, dict[str, Any]]
    sha256: str
    thresholds: Thresholds  # those that Python code uses


def params(settings: Settings) -> Params:
    """The thresholds: those of the file that the settings name, and for the rest the shipped ones.

    Each keeps the unit and the range of the shipped entry. Raises ConfigError naming what is malformed, unknown, in
    another unit or out of range.
    """
    text, where = _shipped_params(), "params.yml"
    shipped = entries = _entries(text, where)
    own = settings.reference.params
    if own is not None:
        where = own
        try:
            own_text = settings.path(own).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"reference.params: {where} cannot be read: {error}") from None
        text = f"{text}\n{own_text}"
        entries = {**shipped, **_entries(own_text, where)}
    bounds.check(entries, shipped, where)
    values = {name: entry["value"] for name, entry in entries.items()}
    return Params(values, entries, hashlib.sha256(text.encode()).hexdigest(), thresholds(values, where))


def _entries(text: str, where: str) -> dict[str, dict[str, Any]]:
    """The thresholds of a file by name. Raises ConfigError where one lacks its value, unit or reason."""
    try:
        entries = yaml_text.parse(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{where} is not valid YAML: {error}") from None
    if not isinstance(entries, dict):
        raise ConfigError(f"{where}: holds no thresholds; each is `name: {{value:, unit:, why:, source:}}`")
    for name, entry in entries.items():
        if not isinstance(entry, dict) or not {"value", "unit", "why"} <= set(entry):
            raise ConfigError(f"{where}: {name} needs value, unit and why")
    return entries


def _shipped_params() -> str:
    return files("basewatch.sql").joinpath("params.yml").read_text(encoding="utf-8")
