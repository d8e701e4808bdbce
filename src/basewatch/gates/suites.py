"""What a table must be, as SQL checks: the model's header gives columns, key and enumerations, its suite the bounds.

A suite is expectations/<table>.json: what the domain allows, each bound with a severity and a reason.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.resources.abc import Traversable
from typing import Any, Literal

from basewatch.warehouse.models import Model

Severity = Literal["critical", "set_aside", "warning"]
SEVERITIES = ("critical", "set_aside", "warning")  # the most serious first
Gate = Literal["schema", "expectations", "derived"]


@dataclass(frozen=True)
class Check:
    """One rule about one table, as SQL.

    It has either `bad` or `count`. `bad` is a condition on single rows: it is counted with the others in one scan, out
    of the rows where `judged` holds. `count` is a query that gives violations, rows judged and what was observed in
    words; the last two may be null. `offences` is the query that gives the offending rows. `fault` says why the rule
    could not be read at all. `at_most`: the share of the table's rows that may be set aside for it; more is critical.
    """

    table: str
    gate: Gate
    rule: str
    severity: Severity
    why: str
    offences: str = ""
    columns: tuple[str, ...] = ()
    mostly: float = 1.0
    bad: str | None = None
    judged: str = "TRUE"
    count: str | None = None
    fault: str | None = None
    at_most: float = 0.0


def bound(query: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that a query names outside its literals. Raises KeyError for one that nothing gives."""
    bare = re.sub(r"'(?:[^']|'')*'", "''", query)
    names = set(re.findall(r"\$([a-z][a-z0-9_]*)", bare))
    missing = sorted(names - set(values))
    if missing:
        raise KeyError(f"no value is given for ${', $'.join(missing)}")
    return {name: values[name] for name in names}


def error_text(error: Exception) -> str:
    """An error as one line, at most 500 characters."""
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return " ".join(f"{type(error).__name__}: {text}".split())[:500]


def _at_most(entry: Mapping[str, Any]) -> float:
    """The share of a table's rows that an expectation lets be set aside."""
    is_set_aside = entry["severity"] == "set_aside"
    share = entry["meta"].get("at_most")
    if is_set_aside != (share is not None) or (is_set_aside and not 0 < float(share) <= 0.1):
        raise ValueError("severity set_aside, and it alone, needs meta.at_most: a share above 0, up to 0.1")
    return float(share) if is_set_aside else 0.0


def header_checks(model: Model) -> list[Check]:
    """The checks that a model's header implies: key present, key unique, every enumeration closed.

    A list column's enumeration holds for its elements.
    """
    why = "The key is what users join and update by; a row without it, or two with the same, corrupts both."

    def rule(name: str, why: str) -> _Rule:
        return _Rule(model.name, "schema", name, "critical", why, model.key)

    checks = [
        _duplicates(rule("key_is_unique", why), model.key, "TRUE"),
        *(_single(rule(f"{name}_is_not_null", why), (name,), f"{sql_name(name)} IS NULL") for name in model.key),
    ]
    for declared in model.columns:
        if declared.values:
            column, listed = sql_name(declared.name), ", ".join(_literal(value) for value in declared.values)
            bad = f"{column} NOT IN ({listed})"
            if declared.type.endswith("[]"):
                bad = f"NOT list_has_all([{listed}], {column}) OR len({column}) > list_count({column})"
            closed = f"Readers branch on this closed list: {', '.join(declared.values)}."
            checks.append(
                _single(rule(f"{declared.name}_is_listed", closed), (declared.name,), bad, f"{column} IS NOT NULL")
            )
    return checks


def load_suites(folder: Traversable) -> dict[str, dict[str, Any]]:
    """Every suite as it stands in its file, by table; one that cannot be read carries the fault in place of rules."""
    suites: dict[str, dict[str, Any]] = {}
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".json"):
            table = file.name.removesuffix(".json")
            try:
                suites[table] = json.loads(file.read_text(encoding="utf-8"))
                entries = suites[table].get("expectations")
                if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
                    raise ValueError("it has no list of expectations")
            except (OSError, ValueError, AttributeError) as error:
                suites[table] = {"fault": error_text(error)}
    return suites


def suite_checks(table: str, suite: Mapping[str, Any], key: tuple[str, ...] = ()) -> list[Check]:
    """A suite's expectations as SQL checks, in their order; the suite itself is not changed.

    What cannot be read or translated becomes a check with a `fault`, which fails as critical.
    """
    why = "A suite that cannot be read guards nothing."
    fault = suite.get("fault")
    if fault is None and suite.get("name") != table:
        fault = f"ValueError: the suite in {table}.json is named {suite.get('name')!r}"
    if fault is not None:
        return [Check(table, "expectations", "suite_is_readable", "critical", why, fault=str(fault))]
    checks: list[Check] = []
    for number, entry in enumerate(suite["expectations"], start=1):
        meta = entry["meta"] if isinstance(entry.get("meta"), dict) else {}
        rule = str(meta.get("name") or f"expectation_{number}")
        try:
            if not meta.get("name") or not meta.get("why") or entry.get("severity") not in SEVERITIES:
                raise ValueError("an expectation needs a severity, meta.name and meta.why")
            if rule in {earlier.rule for earlier in checks}:
                rule = f"{rule}_{number}"
                raise ValueError(f"two expectations are named {meta['name']!r}")
            checks.append(replace(translate(table, entry, key), at_most=_at_most(entry)))
        except Exception as error:
            reason = str(meta.get("why") or why)
            checks.append(Check(table, "expectations", rule, "critical", reason, fault=error_text(error)))
    return checks


def translate(table: str, entry: Mapping[str, Any], key: tuple[str, ...] = ()) -> Check:
    """One expectation as SQL that counts what Great Expectations would count on the same rows as a data frame.

    Two differences, both on the strict side: NaN is a value and lies in no range, and a regular expression is RE2's, in
    which `$` does not match before a line break at the end. Raises ValueError for a type or an argument that is not
    translated.
    """
    other = sorted(set(entry) - _OF_AN_ENTRY)
    if other:
        raise ValueError(f"{', '.join(other)} is nothing that an expectation has")
    kind = str(entry["type"])
    if kind not in _TRANSLATORS:
        raise ValueError(f"{kind} is not supported; supported: {', '.join(sorted(_TRANSLATORS))}")
    translator, allowed = _TRANSLATORS[kind]
    kwargs = dict(entry.get("kwargs") or {})
    unknown = sorted(set(kwargs) - set(allowed))
    if unknown:
        raise ValueError(f"{kind}: {', '.join(unknown)} is not supported; supported: {', '.join(allowed)}")
    for name, value in kwargs.items():
        if not isinstance(value, _ARGUMENTS.get(name, object)):
            raise ValueError(f"{kind}: {name} cannot be {value!r}")
    meta = entry["meta"]
    rule = _Rule(table, "expectations", str(meta["name"]), entry["severity"], str(meta["why"]), key)
    return translator(rule, kwargs)


@dataclass(frozen=True)
class _Rule:
    """What a check is about, before it is SQL; `key` is shown with every offending row."""

    table: str
    gate: Gate
    name: str
    severity: Severity
    why: str
    key: tuple[str, ...] = ()

    def check(self, offences: str = "", columns: tuple[str, ...] = (), **fields: Any) -> Check:
        # a query of the suite's own gives what it wants shown
        shown = (*self.key, *(name for name in columns if name not in self.key)) if columns else ()
        return Check(self.table, self.gate, self.name, self.severity, self.why, offences, shown, **fields)


def _single(rule: _Rule, columns: tuple[str, ...], bad: str, judged: str = "TRUE", mostly: float = 1.0) -> Check:
    """A condition on single rows, out of those that are judged."""
    order = f" ORDER BY {', '.join(sql_name(name) for name in rule.key)}" if rule.key else ""
    offences = f"SELECT * FROM {sql_name(rule.table)} WHERE ({judged}) AND ({bad}){order}"
    return rule.check(offences, columns, mostly=mostly, bad=bad, judged=judged)


def _duplicates(rule: _Rule, columns: tuple[str, ...], judged: str, mostly: float = 1.0) -> Check:
    """Every row of a group with the same values counts, as in Great Expectations; nulls are one value."""
    table, group = sql_name(rule.table), ", ".join(sql_name(name) for name in columns)
    offences = f"SELECT * FROM {table} WHERE {judged} QUALIFY count(*) OVER (PARTITION BY {group}) > 1 ORDER BY {group}"
    count = (
        "SELECT coalesce(sum(number) FILTER (number > 1), 0)::BIGINT, coalesce(sum(number), 0)::BIGINT, NULL "
        f"FROM (SELECT count(*) AS number FROM {table} WHERE {judged} GROUP BY {group})"
    )
    return rule.check(offences, columns, mostly=mostly, count=count)


def sql_name(name: str) -> str:
    """A table or column name as SQL spells it."""
    return '"' + name.replace('"', '""') + '"'


def _literal(value: Any) -> str:
    """A value of a suite as SQL. Suites ship with the code, so a literal is as safe as the query that holds it."""
    if isinstance(value, Mapping):
        named = str(value.get("$PARAMETER", ""))
        if set(value) != {"$PARAMETER"} or not re.fullmatch(r"[a-z][a-z0-9_]*", named):
            raise ValueError(f"{dict(value)} is not a parameter")
        return f"${named}"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    raise ValueError(f"{value!r} cannot stand in a suite")


def _range(value: str, kwargs: Mapping[str, Any]) -> str:
    """The condition under which a value lies outside min_value and max_value."""
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    outside = []
    if low is not None:
        outside.append(f"{value} {'<=' if kwargs.get('strict_min') else '<'} {_literal(low)}")
    if high is not None:
        outside.append(f"{value} {'>=' if kwargs.get('strict_max') else '>'} {_literal(high)}")
    if not outside:
        raise ValueError("min_value and max_value are both missing")
    return " OR ".join(outside)


def _mostly(kwargs: Mapping[str, Any]) -> float:
    share = float(kwargs.get("mostly", 1.0))
    if not 0 <= share <= 1:
        raise ValueError(f"mostly is a share, not {share}")
    return share


def _not_null(rule: _Rule, kwargs: dict[str, Any]) -> Check:
    column = str(kwargs["column"])
    return _single(rule, (column,), f"{sql_name(column)} IS NULL", mostly=_mostly(kwargs))


def _null(rule: _Rule, kwargs: dict[str, Any]) -> Check:
    column = str(kwargs["column"])
    return _single(rule, (column,), f"{sql_name(column)} IS NOT NULL", mostly=_mostly(kwargs))


def _present(rule: _Rule, kwargs: dict[str, Any], bad: Callable[[str], str]) -> Check:
    """A condition on the values of one column that are not null."""
    column = str(kwargs["column"])
    return _single(rule, (column,), bad(sql_name(column)), f"{sql_name(column)} IS NOT NULL", _mostly(kwargs))


def _between(rule: _Rule, kwargs: dict[str, Any]) -> Check:
    return _present(rule, kwargs, lambda column: _range(column, kwargs))


def _lengths(rule: _Rule, kwargs: dict[str, Any]) -> Check:
    return _present(rule, kwargs, lambda column: _range(f"length({column})", kwargs))


def _listed(kwargs: Mapping[str, Any]) -> str:
    if not kwargs.get("value_set"):
        raise ValueError("value_set is empty")
    return ", ".join(_literal(value) for value in kwargs["value_set"])


def _in_set(rule: _Rule, kwargs: dict[str, Any]) -> Check:
    return _present(rule, kwargs, lambda column: f"{column} NOT IN ({_listed(kwargs)})")


def _not_in_set(rule: _Rule, kwargs: dict[str, Any]) -> Check:
    return _present(rule, kwargs, lambda column: f"{column} IN ({_listed(kwargs)})")


def _match(rule: _Rule, kwargs: dict[str, Any]) -> Check:
    regex = _literal(str(kwargs["regex"]))
    return _present(rule, kwargs, lambda column: f"NOT regexp_matches({column}::VARCHAR, {regex})")


def _not_match(rule: _Rule, kwargs: dict[str, Any]) -> Check:
    regex = _literal(str(kwargs["regex"]))
    return _present(rule, kwargs, lambda column: f"regexp_matches({column}::VARCHAR, {regex})")


def _unique(rule: _Rule, kwargs: dict[str, Any]) -> Check:
    column = str(kwargs["column"])
    return _duplicates(rule, (column,), f"{sql_name(column)} IS NOT NULL", _mostly(kwargs))


def _compound(rule: _Rule, kwargs: dict[str, Any]) -> Check:
    columns = tuple(str(column) for column in kwargs["column_list"])
    judged = {
        "all_values_are_missing": " OR ".join(f"{sql_name(column)} IS NOT NULL" for column in columns),
        "any_value_is_missing": " AND ".join(f"{sql_name(column)} IS NOT NULL" for column in columns),
        "never": "TRUE",
    }[kwargs.get("ignore_row_if", "all_values_are_missing")]
    return _duplicates(rule, columns, f"({judged})", _mostly(kwargs))


def _pair(rule: _Rule, kwargs: dict[str, Any], operator: str) -> Check:
    """A pair that cannot be compared because a side is null breaks the rule, unless `ignore_row_if` leaves it out."""
    names = str(kwargs["column_A"]), str(kwargs["column_B"])
    left, right = (sql_name(name) for name in names)
    judged = {
        "both_values_are_missing": f"{left} IS NOT NULL OR {right} IS NOT NULL",
        "either_value_is_missing": f"{left} IS NOT NULL AND {right} IS NOT NULL",
        "neither": "TRUE",
    }[kwargs.get("ignore_row_if", "both_values_are_missing")]
    return _single(rule, names, f"NOT coalesce({left} {operator} {right}, FALSE)", judged, _mostly(kwargs))


def _pair_greater(rule: _Rule, kwargs: dict[str, Any]) -> Check:
    return _pair(rule, kwargs, ">=" if kwargs.get("or_equal") else ">")


def _pair_equal(rule: _Rule, kwargs: dict[str, Any]) -> Check:
    return _pair(rule, kwargs, "=")


def _row_count(rule: _Rule, kwargs: dict[str, Any]) -> Check:
    return rule.check(
        count=f"SELECT count(*) FILTER ({_range('number', kwargs)}), 1, 'the table has ' || max(number) || ' rows' "
        f"FROM (SELECT count(*) AS number FROM {sql_name(rule.table)})"
    )


def _unexpected_rows(rule: _Rule, kwargs: dict[str, Any]) -> Check:
    """SQL of the suite's own; {batch} stands for the table, and every row that it gives is an offence."""
    query = str(kwargs["unexpected_rows_query"]).format(batch=sql_name(rule.table))
    return rule.check(f"SELECT * FROM ({query}) ORDER BY ALL", count=f"SELECT count(*), NULL, NULL FROM ({query})")


# the keys of an expectation as Great Expectations writes it, and what its arguments are
_OF_AN_ENTRY = {"type", "kwargs", "severity", "meta", "id", "notes", "description"}
_ARGUMENTS: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("column", "column_A", "column_B", "regex", "ignore_row_if", "unexpected_rows_query"), str),
    **dict.fromkeys(("column_list", "value_set"), list),
    **dict.fromkeys(("strict_min", "strict_max", "or_equal"), bool),
    "mostly": (int, float),
}
_RANGE = ("min_value", "max_value", "strict_min", "strict_max")
_TRANSLATORS: dict[str, tuple[Callable[[_Rule, dict[str, Any]], Check], tuple[str, ...]]] = {
    "expect_column_values_to_not_be_null": (_not_null, ("column", "mostly")),
    "expect_column_values_to_be_null": (_null, ("column", "mostly")),
    "expect_column_values_to_be_unique": (_unique, ("column", "mostly")),
    "expect_column_values_to_be_between": (_between, ("column", *_RANGE, "mostly")),
    "expect_column_value_lengths_to_be_between": (_lengths, ("column", *_RANGE, "mostly")),
    "expect_column_values_to_be_in_set": (_in_set, ("column", "value_set", "mostly")),
    "expect_column_values_to_not_be_in_set": (_not_in_set, ("column", "value_set", "mostly")),
    "expect_column_values_to_match_regex": (_match, ("column", "regex", "mostly")),
    "expect_column_values_to_not_match_regex": (_not_match, ("column", "regex", "mostly")),
    "expect_column_pair_values_a_to_be_greater_than_b": (
        _pair_greater,
        ("column_A", "column_B", "or_equal", "ignore_row_if", "mostly"),
    ),
    "expect_column_pair_values_to_be_equal": (_pair_equal, ("column_A", "column_B", "ignore_row_if", "mostly")),
    "expect_compound_columns_to_be_unique": (_compound, ("column_list", "ignore_row_if", "mostly")),
    "expect_table_row_count_to_be_between": (_row_count, ("min_value", "max_value", "strict_min", "strict_max")),
    "unexpected_rows_expectation": (_unexpected_rows, ("unexpected_rows_query",)),
}
SUPPORTED = frozenset(_TRANSLATORS)
