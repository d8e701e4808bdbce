"""The mutants of a SQL query: every small change that a closed list of operators makes of it.

compare_edge  `<` to `<=` and back, `>` to `>=` and back; one end of a BETWEEN made open
compare_turn  a comparison made its opposite: `<` to `>=`, `=` to `<>`, BETWEEN to NOT BETWEEN, IN to NOT IN,
              IS DISTINCT FROM to IS NOT DISTINCT FROM. Not the `=` of two columns in ON, whose loss `conjunct` tries
conjunct      one operand of an AND dropped; the only condition of a WHERE, HAVING or QUALIFY dropped
disjunct      one operand of an OR dropped
logic         AND to OR, OR to AND; a NOT dropped
threshold     a `$param` or a number of the query one step more, one step less; a step is 1 for whole numbers below
              1000, else a tenth: a microsecond in a month is no fault. Not list indices, digits of rounding and types,
              positions in ORDER BY and GROUP BY, nor the 1 of EXISTS (SELECT 1)
arithmetic    `+` to `-` and back; one factor of a product, and the divisor of a quotient, dropped
join          INNER to LEFT, LEFT to INNER, SEMI to ANTI, ANTI to SEMI; a SEMI or ANTI join dropped
nulls         one argument of a coalesce dropped; nullif dropped; IS NULL to IS NOT NULL; IS NOT DISTINCT FROM to `=`,
              IS DISTINCT FROM to `<>`
aggregate     min to max, arg_min to arg_max, bool_or to bool_and, least to greatest, and back
filter        the FILTER of an aggregate dropped
case          one WHEN of a CASE dropped; its ELSE dropped
distinct      the DISTINCT of a SELECT, a UNION or an aggregate dropped
window_order  one ORDER BY key of a window or an aggregate reversed; lag to lead and back
partition     one PARTITION BY key of a window dropped
union         one arm of a UNION dropped
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

DIALECT = "duckdb"
FRAGMENT_LENGTH = 120


@dataclass(frozen=True)
class Mutant:
    """One change of a model's query, as it stands in a report.

    `line` counts from 1 in the model's file; `number` is its place among all mutants of the model.
    """

    model: str
    line: int
    operator: str
    original: str
    mutated: str
    occurrence: int
    number: int

    @property
    def key(self) -> tuple[str, str, str, str, int]:
        """What names the mutant for as long as its fragment of the query stays."""
        return self.model, self.operator, self.original, self.mutated, self.occurrence


@dataclass(frozen=True)
class Change:
    """What one operator makes of one place: `node` of the tree gives way to `replacement`.

    `original` and `mutated` are the fragments to show, where the node itself is too large to be read.
    """

    operator: str
    node: exp.Expr
    replacement: exp.Expr
    original: str | None = None
    mutated: str | None = None


class MutatedQuery:
    """A model's query and all its mutants, in the order of its text.

    first_line: the line of the file on which the query starts. steps: for each `$param` that is a number, its step.
    """

    def __init__(self, model: str, query: str, first_line: int, steps: dict[str, str]) -> None:
        self._tree = sqlglot.parse_one(query, dialect=DIALECT)
        changes = [change for node in self._tree.dfs() for make in OPERATORS for change in make(node, steps)]
        starts = _starts(self._tree)
        changes.sort(key=lambda change: starts[id(change.node)])
        self._changes: list[Change] = []
        self.mutants: list[Mutant] = []
        occurrences: Counter[tuple[str, str, str]] = Counter()
        met: set[tuple[int, str]] = set()
        for change in changes:
            replacement = _text(change.replacement)
            if (id(change.node), replacement) in met:
                continue  # two operators meet in one change
            met.add((id(change.node), replacement))
            line = first_line + query.count("\n", 0, starts[id(change.node)])
            original = _shortened(change.original or _text(change.node))
            mutated = _shortened(change.mutated or replacement)
            occurrences[change.operator, original, mutated] += 1
            occurrence = occurrences[change.operator, original, mutated]
            self.mutants.append(Mutant(model, line, change.operator, original, mutated, occurrence, len(self._changes)))
            self._changes.append(change)

    def unchanged(self) -> str:
        """The query as sqlglot writes it: what every mutant differs from in one place."""
        return self._tree.sql(DIALECT)

    def text(self, mutant: Mutant) -> str:
        """The query with this mutant's change in it."""
        change = self._changes[mutant.number]
        if change.node is self._tree:
            return change.replacement.sql(DIALECT)
        change.node.replace(change.replacement)
        text = self._tree.sql(DIALECT)
        change.replacement.replace(change.node)
        return text


def _text(node: exp.Expr) -> str:
    return node.sql(DIALECT, comments=False)


def _shortened(fragment: str) -> str:
    return fragment if len(fragment) <= FRAGMENT_LENGTH else fragment[: FRAGMENT_LENGTH - 1] + "…"


def _starts(tree: exp.Expr) -> dict[int, int]:
    """Where in the query each node's text begins: its first word whose place is known, else that of the node around."""
    starts: dict[int, int] = {}
    for node in reversed(list(tree.bfs())):  # a node comes after all its parts
        known = [starts[id(part)] for part in node.iter_expressions() if id(part) in starts]
        if "start" in node.meta:
            known.append(node.meta["start"])
        if known:
            starts[id(node)] = min(known)
    for node in tree.bfs():
        starts.setdefault(id(node), starts[id(node.parent)] if node.parent is not None else 0)
    return starts


# Operators: each is given every node of the tree and yields the changes that it makes of it.

_EDGES: dict[type[exp.Expr], type[exp.Expr]] = {exp.LT: exp.LTE, exp.LTE: exp.LT, exp.GT: exp.GTE, exp.GTE: exp.GT}
_OPPOSITES: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.LT: exp.GTE,
    exp.GTE: exp.LT,
    exp.GT: exp.LTE,
    exp.LTE: exp.GT,
    exp.EQ: exp.NEQ,
    exp.NEQ: exp.EQ,
    exp.NullSafeEQ: exp.NullSafeNEQ,
    exp.NullSafeNEQ: exp.NullSafeEQ,
}
_OTHER_AGGREGATES: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.Min: exp.Max,
    exp.ArgMin: exp.ArgMax,
    exp.LogicalOr: exp.LogicalAnd,
    exp.Least: exp.Greatest,
}
_OTHER_AGGREGATES |= {other: one for one, other in _OTHER_AGGREGATES.items()}
_UNNAMED_AGGREGATES = {"arg_min_null": "arg_max_null", "arg_max_null": "arg_min_null"}  # unknown to sqlglot
_NULL_SAFE: dict[type[exp.Expr], type[exp.Expr]] = {exp.NullSafeEQ: exp.EQ, exp.NullSafeNEQ: exp.NEQ}


def _as(node: exp.Expr, kind: type[exp.Expr]) -> exp.Expr:
    """The node's own parts under another operator or function."""
    return kind(**node.copy().args)


def _bracketed(node: exp.Expr) -> exp.Expr:
    return exp.Paren(this=node)


def _compare_edge(node: exp.Expr, steps: dict[str, str]) -> Iterator[Change]:
    if type(node) in _EDGES:
        yield Change("compare_edge", node, _as(node, _EDGES[type(node)]))
    elif isinstance(node, exp.Between):
        value, low, high = (node.args[name] for name in ("this", "low", "high"))
        for above, below in ((exp.GT, exp.LTE), (exp.GTE, exp.LT)):
            both = exp.And(
                this=above(this=value.copy(), expression=low.copy()),
                expression=below(this=value.copy(), expression=high.copy()),
            )
            yield Change("compare_edge", node, _bracketed(both))


def _compare_turn(node: exp.Expr, steps: dict[str, str]) -> Iterator[Change]:
    is_join_key = (
        isinstance(node, exp.EQ)
        and isinstance(node.this, exp.Column)
        and isinstance(node.expression, exp.Column)
        and node.find_ancestor(exp.Join, exp.Select) is not None
        and isinstance(node.find_ancestor(exp.Join, exp.Select), exp.Join)
    )
    if type(node) in _OPPOSITES and not is_join_key:
        yield Change("compare_turn", node, _as(node, _OPPOSITES[type(node)]))
    elif isinstance(node, (exp.Between, exp.In)):
        if isinstance(node.parent, exp.Not):
            yield Change("compare_turn", node.parent, node.copy())
        else:
            yield Change("compare_turn", node, exp.Not(this=node.copy()))


def _conjunct(node: exp.Expr, steps: dict[str, str]) -> Iterator[Change]:
    if isinstance(node, (exp.And, exp.Or)):
        operator = "conjunct" if isinstance(node, exp.And) else "disjunct"
        for dropped, kept in ((node.this, node.expression), (node.expression, node.this)):
            if type(dropped) is not type(node):
                yield Change(operator, node, kept.copy(), f"{_word(node)} {_text(dropped)}", "dropped")
    elif isinstance(node, exp.Select):
        for name in ("where", "having", "qualify"):
            clause = node.args.get(name)
            if clause is not None and not isinstance(clause.this, exp.And):
                yield Change("conjunct", clause, _true_clause(clause), _text(clause), "dropped")


def _word(node: exp.Expr) -> str:
    return "AND" if isinstance(node, exp.And) else "OR"


def _true_clause(clause: exp.Expr) -> exp.Expr:
    """The clause with a condition that always holds."""
    return type(clause)(this=exp.true())


def _logic(node: exp.Expr, steps: dict[str, str]) -> Iterator[Change]:
    if isinstance(node, (exp.And, exp.Or)):
        other = exp.Or if isinstance(node, exp.And) else exp.And
        changed = _bracketed(other(this=_bracketed(node.this.copy()), expression=_bracketed(node.expression.copy())))
        yield Change("logic", node, changed)
    elif isinstance(node, exp.Not) and not isinstance(node.this, (exp.Is, exp.In, exp.Between)):
        yield Change("logic", node, node.this.copy())


def _threshold(node: exp.Expr, steps: dict[str, str]) -> Iterator[Change]:
    if isinstance(node, exp.Placeholder) and node.name in steps:
        step = steps[node.name]
    elif isinstance(node, exp.Literal) and not node.is_string and "start" in node.meta and _is_quantity(node):
        step = step_of(node.this)
    else:
        return
    around = node.parent if isinstance(node.parent, (exp.Binary, exp.Between, exp.Func)) else node
    for sign in (exp.Add, exp.Sub):
        changed = _bracketed(sign(this=node.copy(), expression=exp.Literal.number(step)))
        yield Change("threshold", node, changed, _text(around), _text(changed.this))


def _is_quantity(number: exp.Expr) -> bool:
    """Whether a number of the query measures or counts something, and is no index, digit or position."""
    if isinstance(number.parent, (exp.DataTypeParam, exp.Bracket, exp.Slice, exp.Ordered, exp.Group)):
        return False
    if isinstance(number.parent, exp.Select) and isinstance(number.parent.parent, exp.Exists):
        return False
    return not (isinstance(number.parent, exp.Round) and number.arg_key == "decimals")


def step_of(number: str) -> str:
    """By how much a threshold is moved: 1 for whole numbers below 1000, else a tenth of it."""
    value = float(number)
    if value == int(value) and "." not in number and "e" not in number.lower() and abs(value) < 1000:
        return "1"
    return f"{abs(value) / 10:.12g}" if value else "0.1"


def _arithmetic(node: exp.Expr, steps: dict[str, str]) -> Iterator[Change]:
    if isinstance(node, (exp.Add, exp.Sub)):
        changed = _as(node, exp.Sub if isinstance(node, exp.Add) else exp.Add)
        # a + b - c is read from the left, and a sum on the right of a minus keeps its own brackets
        yield Change("arithmetic", node, changed)
    elif isinstance(node, exp.Mul):
        yield Change("arithmetic", node, node.this.copy())
        yield Change("arithmetic", node, node.expression.copy())
    elif isinstance(node, (exp.Div, exp.IntDiv)):
        yield Change("arithmetic", node, node.this.copy())


def _join(node: exp.Expr, steps: dict[str, str]) -> Iterator[Change]:
    if not isinstance(node, exp.Join):
        return
    kind, side = (node.args.get(name) or "" for name in ("kind", "side"))
    if kind in ("SEMI", "ANTI"):
        other = "ANTI" if kind == "SEMI" else "SEMI"
        changed = node.copy()
        changed.set("kind", other)
        yield Change("join", node, changed)
        select = node.parent
        without = select.copy()
        without.set("joins", [join for number, join in enumerate(without.args["joins"]) if number != node.index])
        yield Change("join", select, without, _text(node), "dropped")
    elif node.args.get("on") is not None or node.args.get("using"):
        changed = node.copy()
        changed.set("side", None if side else "LEFT")
        changed.set("kind", "INNER" if side else None)
        yield Change("join", node, changed)


def _null(node: exp.Expr, steps: dict[str, str]) -> Iterator[Change]:
    if isinstance(node, exp.Coalesce):
        values = [node.this, *node.expressions]
        for number in range(len(values)):
            kept = [value.copy() for other, value in enumerate(values) if other != number]
            yield Change("nulls", node, exp.Coalesce(this=kept[0], expressions=kept[1:]) if kept[1:] else kept[0])
    elif isinstance(node, exp.Nullif):
        yield Change("nulls", node, node.this.copy())
    elif isinstance(node, exp.Is):
        if isinstance(node.parent, exp.Not):
            yield Change("nulls", node.parent, node.copy())
        else:
            yield Change("nulls", node, exp.Not(this=node.copy()))
    elif type(node) in _NULL_SAFE:
        yield Change("nulls", node, _as(node, _NULL_SAFE[type(node)]))


def _aggregate(node: exp.Expr, steps: dict[str, str]) -> Iterator[Change]:
    if type(node) in _OTHER_AGGREGATES:
        yield Change("aggregate", node, _as(node, _OTHER_AGGREGATES[type(node)]))
    elif isinstance(node, exp.Anonymous) and node.name.lower() in _UNNAMED_AGGREGATES:
        changed = node.copy()
        changed.set("this", _UNNAMED_AGGREGATES[node.name.lower()])
        yield Change("aggregate", node, changed)


def _filter(node: exp.Expr, steps: dict[str, str]) -> Iterator[Change]:
    if isinstance(node, exp.Filter):
        yield Change("filter", node, node.this.copy())


def _case(node: exp.Expr, steps: dict[str, str]) -> Iterator[Change]:
    if isinstance(node, exp.If) and not isinstance(node.parent, exp.Case):
        for name in ("true", "false"):
            yield Change("case", node, (node.args.get(name) or exp.null()).copy())
    elif isinstance(node, exp.Case):
        branches, default = node.args["ifs"], node.args.get("default")
        for number, branch in enumerate(branches):
            changed = node.copy()
            changed.set("ifs", [other for index, other in enumerate(changed.args["ifs"]) if index != number])
            if len(branches) == 1:
                changed = default.copy() if default is not None else exp.null()
            shown = f"WHEN {_text(branch.this)} THEN {_text(branch.args['true'])}"
            yield Change("case", node, changed, shown, "dropped")
        if default is not None and not isinstance(default, exp.Null):
            changed = node.copy()
            changed.set("default", None)
            yield Change("case", node, changed, f"ELSE {_text(default)}", "dropped")


def _distinct(node: exp.Expr, steps: dict[str, str]) -> Iterator[Change]:
    if isinstance(node, exp.Select) and node.args.get("distinct") is not None:
        without = node.copy()
        without.set("distinct", None)
        yield Change("distinct", node, without, _text(node), "SELECT without DISTINCT")
    elif isinstance(node, exp.Union) and node.args.get("distinct"):
        without = node.copy()
        without.set("distinct", False)
        yield Change("distinct", node, without, f"UNION {_text(node.expression)}", "UNION ALL")
    elif isinstance(node, exp.Distinct) and not isinstance(node.parent, exp.Select) and len(node.expressions) == 1:
        call = node.find_ancestor(exp.AggFunc)
        yield Change("distinct", node, node.expressions[0].copy(), _text(call) if call else None, "no DISTINCT")


def _window_order(node: exp.Expr, steps: dict[str, str]) -> Iterator[Change]:
    if isinstance(node, exp.Ordered) and not isinstance(node.parent.parent, exp.Query):
        changed = node.copy()
        changed.set("desc", not node.args.get("desc"))
        yield Change("window_order", node, changed, _text(node.parent).strip(), _text(changed))
    elif isinstance(node, (exp.Lag, exp.Lead)):
        yield Change("window_order", node, _as(node, exp.Lead if isinstance(node, exp.Lag) else exp.Lag))


def _partition(node: exp.Expr, steps: dict[str, str]) -> Iterator[Change]:
    if isinstance(node, exp.Window):
        for number, key in enumerate(node.args.get("partition_by") or []):
            changed = node.copy()
            kept = [other for index, other in enumerate(changed.args["partition_by"]) if index != number]
            changed.set("partition_by", kept)
            yield Change("partition", node, changed, _text(node), f"without {_text(key)}")


def _union(node: exp.Expr, steps: dict[str, str]) -> Iterator[Change]:
    if isinstance(node, exp.Union):
        for dropped, kept in ((node.this, node.expression), (node.expression, node.this)):
            if isinstance(dropped, exp.Union):
                continue
            left = kept.copy()
            if node.args.get("with_") is not None and left.args.get("with_") is None:
                left.set("with_", node.args["with_"].copy())
            yield Change("union", node, left, _text(dropped), "dropped")


OPERATORS: tuple[Callable[[exp.Expr, dict[str, str]], Iterator[Change]], ...] = (
    _compare_edge,
    _compare_turn,
    _conjunct,
    _logic,
    _threshold,
    _arithmetic,
    _join,
    _null,
    _aggregate,
    _filter,
    _case,
    _distinct,
    _window_order,
    _partition,
    _union,
)
