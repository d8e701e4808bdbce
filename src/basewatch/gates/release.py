"""The gate against the release before: a change that nothing explains is damage, unless somebody means it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import pyarrow as pa

from basewatch.database import connect
from basewatch.errors import ConfigError
from basewatch.gates.results import Failure, GateResult
from basewatch.gates.suites import Severity
from basewatch.lake.events import GLOBAL
from basewatch.lake.moves import MEANT
from basewatch.warehouse.build import quoted
from basewatch.warehouse.changes import UNEXPLAINED
from basewatch.warehouse.comparing import Comparison
from basewatch.warehouse.summary import news

GATE = "release"
VISITS_SHARE, RECORDS_SHARE, MENTIONS_SHARE, DAYS_SHARE = 0.02, 0.2, 0.2, 0.02
SMALL_RECORDS_SHARE = 0.05
FEWEST_RECORDS = 5  # of a month that fell by so few, a share says nothing
SHOWN = 20
GOOD = ("ok", "empty", "partial")

WHYS = {
    "visits_have_causes": "A stay that changes without a source-day, an edit or an upgrade behind it is damage.",
    "pauses_have_causes": "A pause is the news: none is called, moved or ended without a cause.",
    "days_have_causes": "What could be seen on a day that is past does not change by itself.",
    "identities_have_causes": "Who an aircraft is does not change without a record or a register that says so.",
    "bases_have_causes": "A base does not change but by an edit of its table.",
    "fleets_have_causes": "A fleet does not change but by an edit of its table.",
    "mentions_have_causes": "An article does not vanish but with the day on which it was read.",
    "source_months_are_kept": "A source that holds far less of a month has lost it, until somebody takes it back.",
    "sources_stay_fresh": "The last day that a source was read does not move back.",
    "no_table_is_emptied": "A table that held rows and holds none has lost them.",
}
_SHARED = {  # of the tables whose changes are counted by base and fleet: the check, and the share that is large
    "base_visits": ("visits_have_causes", VISITS_SHARE),
    "base_daily_activity": ("days_have_causes", DAYS_SHARE),
    "news_mentions": ("mentions_have_causes", MENTIONS_SHARE),
    "aircraft": ("identities_have_causes", VISITS_SHARE),
}
_ALL = {"base_gaps": "pauses_have_causes", "bases": "bases_have_causes", "fleets": "fleets_have_causes"}


@dataclass(frozen=True)
class Finding:
    """What a check found: whether it is large enough to refuse, in words, where, and the rows to show."""

    check: str
    table: str
    is_large: bool = False
    what: str = ""
    where: str = ""
    count: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)


def require_known(checks: Iterable[str]) -> None:
    """Raise ConfigError where one of these is no check of this gate: no other can be accepted."""
    for name in checks:
        if name not in WHYS:
            raise ConfigError(f"--accept {name!r} is no check of the release gate; these are: {', '.join(WHYS)}")


def with_release(result: GateResult, comparison: Comparison, accepted: Mapping[str, str]) -> GateResult:
    """The verdict of the gates with that of this one added, and the rows of `release_changes`.

    accepted: by check, why what it found is meant. Raises ConfigError where one of them found nothing.
    """
    findings = {finding.check: finding for finding in judge(comparison)}
    found_nothing = [name for name in accepted if not findings[name].count]
    if found_nothing:
        raise ConfigError(
            f"--accept {', '.join(found_nothing)}: the check found nothing, so there is nothing to accept"
        )
    rows, failures = [], []
    for finding in findings.values():
        because = accepted.get(finding.check)
        severity: Severity = "critical" if finding.is_large and because is None else "warning"
        observed = finding.what or "every change has its cause"
        observed += f"; accepted: {because}" if because else ""
        rows.append(
            {
                **{"run_id": result.run_id, "gate": GATE, "check_name": finding.check, "table_name": finding.table},
                "rows_set_aside": 0,
                **{"success": not finding.count, "severity": severity if finding.count else "critical"},
                **{"observed": observed, "unexpected_count": finding.count, "why": WHYS[finding.check]},
                "checked_at": result.checked_at,
            }
        )
        if finding.count:
            failures.append(
                Failure(
                    finding.table,
                    finding.check,
                    severity,
                    WHYS[finding.check],
                    finding.count,
                    finding.rows,
                    query="",
                    observed=observed,
                    where=finding.where,
                )
            )
    tables = {finding.table: accepted[finding.check] for finding in findings.values() if finding.check in accepted}
    return replace(
        result,
        results=pa.concat_tables([result.results, pa.Table.from_pylist(rows, schema=result.results.schema)]),
        failures=[*result.failures, *failures],
        judged=(*result.judged, *[None] * len(rows)),
        changes=comparison.changes.table(tables),
        news=news(comparison.changes, has_before=comparison.case.before is not None),
        accepted=[f"{name}: {because}" for name, because in accepted.items()],
    )


def judge(comparison: Comparison) -> Iterator[Finding]:
    """What each check found; those that found nothing, too."""
    for table, (check, share) in _SHARED.items():
        yield _by_share(comparison, table, check, share)
    for table, check in _ALL.items():
        yield _any(comparison, table, check)
    yield _source_months(comparison)
    yield _freshness(comparison)
    yield _emptied(comparison)


def _unexplained(comparison: Comparison, table: str) -> list[dict[str, Any]]:
    result = comparison.changes.connection.execute(
        "SELECT key, change, base_id, fleets, first_day, weighs FROM changed "
        "WHERE table_name = $table AND cause = $cause ORDER BY first_day, key",
        {"table": table, "cause": UNEXPLAINED},
    )
    return [
        dict(zip(("key", "change", "base_id", "fleets", "day", "weighs"), row, strict=True))
        for row in result.fetchall()
    ]


def _by_share(comparison: Comparison, table: str, check: str, share: float) -> Finding:
    """Rows without a cause, by base and fleet, against all that were there before."""
    rows = _unexplained(comparison, table)
    if not rows:
        return Finding(check, table)
    groups: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        for fleet in row["fleets"] if row["weighs"] else ():
            groups[row["base_id"], fleet] += 1
    totals = _totals(comparison, table)
    worst = sorted(groups, key=lambda key: (groups[key] / max(totals.get(key, 0), 1), groups[key], key), reverse=True)
    large = [key for key in worst if groups[key] > share * totals.get(key, 0)]
    if worst:
        (base, fleet), number = worst[0], groups[worst[0]]
        of_whom = f" of {base} ({fleet})" if base != "all" else ""
        what = f"{number:,} of {totals.get(worst[0], 0):,} rows{of_whom} changed without a cause"
    else:
        what = f"{len(rows):,} rows that count nowhere changed without a cause"
    return Finding(check, table, bool(large), what, _where(rows), len(rows), rows[:SHOWN])


def _totals(comparison: Comparison, table: str) -> dict[tuple[str, str], int]:
    """How many rows that count each base and fleet had before."""
    if comparison.case.before is None:
        return {}
    counted = {
        "base_visits": "SELECT base_id, unnest(fleets) AS fleet_id FROM base_visits WHERE is_counted",
        "base_daily_activity": "SELECT base_id, fleet_id FROM base_daily_activity",
        "news_mentions": "SELECT base_id, 'all' AS fleet_id FROM news_mentions",
        "aircraft": "SELECT 'all' AS base_id, 'all' AS fleet_id FROM aircraft",
    }[table]
    with connect(comparison.case.before, read_only=True) as connection:
        rows = connection.execute(f"SELECT base_id, fleet_id, count(*) FROM ({counted}) GROUP BY ALL").fetchall()
    return {(base, fleet): number for base, fleet, number in rows}


def _any(comparison: Comparison, table: str, check: str) -> Finding:
    """Rows of which none may change without a cause; those that do not weigh only warn."""
    rows = _unexplained(comparison, table)
    heavy = [row for row in rows if row["weighs"]]
    if not rows:
        return Finding(check, table)
    shown = heavy or rows
    first = shown[0]
    what = f"{first['key']} {first['change']} without a cause" + (f", and {len(shown) - 1:,} more" if shown[1:] else "")
    return Finding(check, table, bool(heavy), what, _where(shown), len(rows), shown[:SHOWN])


def _where(rows: list[dict[str, Any]]) -> str:
    days = sorted(row["day"] for row in rows if row["day"])
    span = f"{days[0]} to {days[-1]}: " if days else ""
    more = f" and {len(rows) - 3:,} more" if len(rows) > 3 else ""
    return f"{span}{', '.join(row['key'] for row in rows[:3])}{more}; no source-day near them moved"


def _source_months(comparison: Comparison) -> Finding:
    """Months of which a source holds less than before, that nobody took back and no other way of reading explains."""
    check, table = "source_months_are_kept", "source_days"
    moves = [move for move in comparison.case.moves if move.cause not in MEANT and not move.is_read_otherwise]
    lost: dict[tuple[str, date], int] = defaultdict(int)
    fell: dict[tuple[str, date], list[str]] = defaultdict(list)
    summed_up = {(row.source, row.day) for row in comparison.ledger if row.scope == GLOBAL}
    for move in moves:
        key = move.now.source, move.now.day.replace(day=1)
        # what a base's own row counts stands in that of the whole source, too
        if move.before is not None and (move.now.scope == GLOBAL or (move.now.source, move.now.day) not in summed_up):
            lost[key] += move.lost
            fell[key] += [move.label] if move.lost > 0 else []
    before: dict[tuple[str, date], int] = defaultdict(int)
    for row in comparison.ledger:
        if row.scope == GLOBAL or (row.source, row.day) not in summed_up:
            before[row.source, row.day.replace(day=1)] += row.records_kept
    shares = {key: number / before[key] for key, number in lost.items() if number >= FEWEST_RECORDS}
    found = sorted((key for key in shares if shares[key] > SMALL_RECORDS_SHARE), key=lambda key: (-shares[key], key))
    if not found:
        return Finding(check, table)
    (source, month), number = found[0], lost[found[0]]
    more = f", and {len(found) - 1:,} more source-months" if found[1:] else ""
    what = f"{source} holds {before[found[0]] - number:,} of the {before[found[0]]:,} records of {month:%Y-%m}{more}"
    days = fell[found[0]]
    rows = [
        {"source": key[0], "month": key[1], "records_before": before[key], "records_lost": lost[key]}
        for key in found[:SHOWN]
    ]
    where = f"{', '.join(days[:3])}{f' and {len(days) - 3} more days' if days[3:] else ''}"
    return Finding(check, table, shares[found[0]] > RECORDS_SHARE, what, where, len(found), rows)


def _freshness(comparison: Comparison) -> Finding:
    """Sources whose last good day is earlier than it was."""
    check, table = "sources_stay_fresh", "source_days"
    last: dict[str, date] = {}
    for row in comparison.ledger:
        if row.status in GOOD:
            last[row.source] = max(row.day, last.get(row.source, row.day))
    moves = [move for move in comparison.case.moves if move.now.day == last.get(move.now.source)]
    still_good = {move.now.source for move in moves if move.now.status in GOOD}
    worse = [
        move
        for move in moves
        if move.cause not in MEANT and move.now.status not in GOOD and move.now.source not in still_good
    ]
    if not worse:
        return Finding(check, table)
    what = f"{worse[0].label}, the last good day of its source, is {worse[0].now.status} now"
    rows = [{"source_day": move.label, "status": move.now.status, "error": move.now.error} for move in worse]
    return Finding(check, table, True, what, ", ".join(move.label for move in worse[:3]), len(worse), rows)


def _emptied(comparison: Comparison) -> Finding:
    """Published tables that held rows and hold none, not by an edit or an upgrade.

    Tables whose rows are compared refuse where one of these has no cause; of the others nobody knows, so they warn.
    """
    check, table = "no_table_is_emptied", "all tables"
    unlike_by_lake_alone = comparison.case.baseline or comparison.case.before
    if unlike_by_lake_alone is None:
        return Finding(check, table)
    with connect(comparison.case.after, read_only=True) as connection:
        connection.execute(f"ATTACH '{quoted(unlike_by_lake_alone)}' AS before (READ_ONLY)")
        query = "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main' AND database_name "
        earlier, now = (
            {name for (name,) in connection.execute(f"{query} {operator} 'before'").fetchall()}
            for operator in ("=", "<>")
        )
        emptied = [
            name
            for name in sorted(earlier & now)
            if connection.execute(
                f"SELECT EXISTS (FROM before.main.{name}) AND NOT EXISTS (FROM main.{name})"
            ).fetchone()
            == (True,)
        ]
    causes = _causes(comparison)
    emptied = [name for name in emptied if not causes.get(name) or UNEXPLAINED in causes[name]]
    if not emptied:
        return Finding(check, table)
    rows = [{"table": name} for name in emptied]
    is_large = any(name in causes for name in emptied)
    names = ", ".join(emptied)
    return Finding(check, table, is_large, f"{names} held rows and now holds none", names, len(emptied), rows)


def _causes(comparison: Comparison) -> dict[str, set[str]]:
    """The causes of rows that were removed, by table."""
    rows = comparison.changes.connection.execute(
        "SELECT table_name, list(DISTINCT cause) FROM changed WHERE change = 'removed' GROUP BY table_name"
    ).fetchall()
    return {name: set(causes) for name, causes in rows}


def in_three_lines(failure: Failure, others: int, quarantine: object) -> str:
    """What was refused, which file or day it is about, and the commands to mend or to accept it."""
    more = f" (and {others} more, on the gate page)" if others else ""
    return (
        f"nothing was published: {failure.table}: {failure.rule}: {failure.observed}{more}\n"
        f"where: {failure.where}; gate page and candidate: {quarantine}\n"
        f"to mend: `basewatch verify`, then `basewatch nightly`; if it is meant: "
        f'basewatch publish --accept {failure.rule} --because "…"'
    )
