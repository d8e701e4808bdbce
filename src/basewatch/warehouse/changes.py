"""What changed from one release to the next, row by row, and the cause of each change.

A build is a function of the lake, the reference tables, the thresholds, the code, what was learnt and the last day. So
each change has one of these for a cause. Where anything but the lake and the day changed, the lake as the release saw
it is built anew by the present code (the `baseline`): what differs there already is theirs, and all else must be
explained by source-days that moved. What nothing explains is damage.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from basewatch.lake.moves import Move
from basewatch.warehouse.build import HISTORY, quoted
from basewatch.warehouse.models import text_literal

UNEXPLAINED = "unexplained"
LABELS_MAX, EXAMPLES_MAX = 20, 5
POSITIONS = ("track_points/", "watched_points/", "base_background/", "heard_cells/")
_BY = {
    "models": "code",
    "code_version": "code",
    "thresholds": "parameter",
    "reference": "reference",
    "learnt": "learnt",
}
INPUTS = {"models": "models_sha256", "code_version": "code_version", "thresholds": "thresholds_sha256"} | {
    "reference": "reference_sha256",
    "learnt": "learnt_sha256",
}


@dataclass(frozen=True)
class Compared:
    """How the rows of a table are told apart, and what may change them.

    key, base, fleets, first, last, aircraft, weighs, is_open: SQL over a row. weighs: whether it counts for what is
    published as a number. is_open: whether it may change as time passes ($as_of: the earlier of the last days of both).
    days: how many days before its first and after its last day a source-day may lie that has a part in it.
    """

    table: str
    key: str
    columns: str
    first: str
    last: str
    days: tuple[int, int]
    base: str = "'all'"
    fleets: str = "['all']"
    aircraft: str = "NULL"
    weighs: str = "TRUE"
    is_open: str = "FALSE"
    is_inferred: str = "FALSE"  # by weights that all days teach


def compared(baseline_days: int, around_days: int, window_days: int) -> tuple[Compared, ...]:
    """The tables that are compared.

    baseline_days: how far back a silence is judged by what went before. around_days: how far a day's usual traffic is
    measured around it. window_days: how long after a silence its end is judged.
    """
    around = (around_days, around_days)
    return (
        Compared(
            "base_visits",
            "visit_id",
            "base_id, icao24, callsign, registration, type_code, fleets, arrived_at, departed_at, first_evidence_at, "
            "last_evidence_at, arrival_evidence, departure_evidence, confidence, is_counted, origin_icao, "
            "destination_icao, sources",
            "first_evidence_at::DATE",
            "last_evidence_at::DATE",
            (2, 2),
            base="base_id",
            fleets="fleets",
            aircraft="icao24",
            weighs="is_counted",
            is_open="probability IS NOT NULL AND departed_at IS NULL",
            is_inferred="probability IS NOT NULL",
        ),
        Compared(
            "flight_legs",
            "leg_id",
            "icao24, callsign, departed_at, arrived_at, origin_icao, destination_icao, origin_state, "
            "destination_state, confidence",
            "coalesce(departed_at, arrived_at)::DATE",
            "coalesce(arrived_at, departed_at)::DATE",
            (2, 2),
            base="coalesce(destination_base_id, origin_base_id, 'all')",
            aircraft="icao24",
            is_open="arrived_at IS NULL OR departed_at IS NULL",
            is_inferred="origin_state <> 'field' OR destination_state <> 'field'",
        ),
        Compared(
            "base_gaps",
            "gap_id",
            "last_visit_on, resumed_on, first_day, last_day, kind, is_ongoing, resumption",
            "first_day",
            "last_day",
            (baseline_days, window_days),
            base="base_id",
            fleets="[fleet_id]",
            weighs="kind = 'pause'",
            is_open=f"is_ongoing OR last_day >= $as_of::DATE - {window_days}",
        ),
        Compared(
            "base_daily_activity",
            "concat_ws('|', base_id, fleet_id, day)",
            "arrivals, departures, visits, observability, interference",
            "day",
            "day",
            around,
            base="base_id",
            fleets="[fleet_id]",
            is_open="day > $as_of::DATE",
        ),
        Compared(
            "base_monthly_activity",
            "concat_ws('|', base_id, fleet_id, month)",
            "visits, arrivals, departures, distinct_aircraft, days_observed, days_unmeasured, days_blind, "
            "days_missing, activity, is_surge",
            "month",
            "last_day(month)",
            (baseline_days, around_days),
            base="base_id",
            fleets="[fleet_id]",
            is_open="last_day(month) >= $as_of::DATE",
        ),
        Compared(
            "news_mentions",
            "mention_id",
            "base_id, url, title, published_at, story_id, reports_pause, reports_resumption",
            "coalesce(published_at, seen_at)::DATE",
            "coalesce(published_at, seen_at)::DATE",
            around,
            base="base_id",
        ),
        Compared(
            "claim_checks",
            "claim_id",
            "claim, base_id, fleet_id, type_code, claimed_from, claimed_to, verdict, visits_recorded",
            "claimed_from",
            "claimed_to",
            (baseline_days, baseline_days),
            base="base_id",
            fleets="[fleet_id]",
            is_open="claimed_to >= $as_of::DATE",
        ),
        Compared(
            "aircraft",
            "concat_ws('|', icao24, valid_from)",
            "registration, type_code, wake, operator, country, is_military, fleets",
            "coalesce(valid_from, first_seen_at::DATE)",
            "coalesce(last_seen_at::DATE, valid_from)",
            (1, 1),
            aircraft="icao24",
            weighs="registration IS NOT NULL OR type_code IS NOT NULL",
        ),
        Compared(
            "bases",
            "base_id",
            "name, icao, latitude, longitude",
            "$as_of::DATE",
            "$as_of::DATE",
            (0, -1),
            base="base_id",
        ),
        Compared(
            "fleets", "fleet_id", "name, definition", "$as_of::DATE", "$as_of::DATE", (0, -1), fleets="[fleet_id]"
        ),
    )


def inputs_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What a release was made from but the lake and the day, by name; None for what its version did not note."""
    return {name: manifest.get(key) for name, key in INPUTS.items()}


def other_inputs(before: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """What but the lake and the day differs between two sets of inputs, as a cause.

    Where several do, the first of code, parameter, reference and learnt. None where nothing does.
    """
    return next((_BY[name] for name in INPUTS if before.get(name) != now.get(name)), None)


@dataclass(frozen=True)
class Changes:
    """An open comparison: a row a change in table `changed`, with its cause; `moves` of the source-days."""

    connection: duckdb.DuckDBPyConnection
    moves: Sequence[Move]

    def table(self, accepted: Mapping[str, str] | None = None) -> pa.Table:
        """The rows of `release_changes`; accepted: by table, why changes of it without a cause are accepted."""
        rows = self.connection.execute(_SUMMED.format(labels=LABELS_MAX, examples=EXAMPLES_MAX)).to_arrow_table()
        moved = pa.Table.from_pylist(list(_of_days(self.moves)), schema=HISTORY["release_changes"])
        rows = pa.concat_tables([rows.cast(HISTORY["release_changes"]), moved])
        if accepted:
            because = [
                accepted.get(table) if cause == UNEXPLAINED else None
                for table, cause in zip(rows["table_name"].to_pylist(), rows["cause"].to_pylist(), strict=True)
            ]
            place = rows.schema.get_field_index("accepted_because")
            rows = rows.set_column(place, "accepted_because", pa.array(because, pa.string()))
        return rows


@dataclass(frozen=True)
class Case:
    """Two releases' databases, and what may have changed the rows of the one into those of the other.

    before: None where there is no release yet. baseline: what the present code makes of the lake as it was before; None
    where nothing but the lake and the day changed. moves: the source-days that moved. as_of, now_as_of: last UTC days
    of both. ours: the cause of what the baseline differs in.
    """

    before: Path | None
    after: Path
    baseline: Path | None
    moves: Sequence[Move]
    lake_folder: Path
    as_of: date
    now_as_of: date
    ours: str | None


def compare(connection: duckdb.DuckDBPyConnection, case: Case, kinds: Sequence[Compared]) -> Changes:
    """Fill `changed` in an open database with what differs, each row with its cause."""
    connection.execute(_TABLES)
    for name, file in {"b": case.before, "a": case.after, "base": case.baseline}.items():
        if file is not None:
            connection.execute(f"ATTACH '{quoted(file)}' AS {name} (READ_ONLY)")
    columns = {
        "days": [move.now.day for move in case.moves],
        "causes": [move.cause for move in case.moves],
        "labels": [move.label for move in case.moves],
    }
    connection.execute("INSERT INTO moved SELECT unnest($days), unnest($causes), unnest($labels)", columns)
    connection.execute(_MOVED_DAYS)
    earlier = min(case.as_of, case.now_as_of)  # a clock that went back takes days away
    for kind in kinds:
        _differences(connection, kind, "b" if case.before else None, "a", "changed", earlier)
        if case.baseline is not None:
            _differences(connection, kind, "base", "a", "by_lake", earlier)
    if case.baseline is None:
        connection.execute("INSERT INTO by_lake FROM changed")
    with_positions = (move for move in case.moves if any(part.startswith(POSITIONS) for part in move.now.parts))
    teaching = next(with_positions, None)
    for kind in kinds:
        _explain(connection, kind, teaching, is_later=case.now_as_of != case.as_of)
    _explain_by_aircraft(connection, case.moves, case.lake_folder)
    _explain_by_visits(connection)
    connection.execute(_CAUSES, {"ours": case.ours or UNEXPLAINED})
    if case.ours is not None and case.baseline is None:  # what nobody built anew cannot be told apart
        connection.execute(
            "UPDATE changed SET cause = $ours WHERE cause = $none", {"ours": case.ours, "none": UNEXPLAINED}
        )
    if case.before is None:  # the reference tables are there from the first release on
        connection.execute("UPDATE changed SET cause = 'reference' WHERE cause = $cause", {"cause": UNEXPLAINED})
    return Changes(connection, case.moves)


_TABLES = """
CREATE TABLE changed (
    table_name VARCHAR, key VARCHAR, change VARCHAR, base_id VARCHAR, fleets VARCHAR[], aircraft VARCHAR,
    first_day DATE, last_day DATE, weighs BOOLEAN, is_open BOOLEAN, is_inferred BOOLEAN, cause VARCHAR, label VARCHAR
);
CREATE TABLE by_lake AS FROM changed;
CREATE TABLE moved (day DATE, cause VARCHAR, label VARCHAR);
"""

_MOVED_DAYS = """
CREATE TABLE moved_days AS
SELECT day, arg_min(cause, (cause, label)) AS cause, arg_min(label, (cause, label)) AS label FROM moved GROUP BY day
"""


def _columns(connection: duckdb.DuckDBPyConnection, name: str, kind: Compared) -> set[str]:
    found = connection.execute(
        "SELECT column_name FROM duckdb_columns() WHERE database_name = $name AND table_name = $table",
        {"name": name, "table": kind.table},
    )
    return {row[0] for row in found.fetchall()}


def _differences(
    connection: duckdb.DuckDBPyConnection, kind: Compared, old: str | None, new: str, into: str, as_of: date
) -> None:
    """Add to a table the rows of one table that are in one database alone, or not alike in both."""
    told = [name.strip() for name in kind.columns.split(",")]
    present = _columns(connection, new, kind)
    if old is not None:
        present &= _columns(connection, old, kind)
    shared = [name for name in told if name in present]
    if not shared:  # a table that the older release does not have
        old, shared = None, told

    def side(name: str | None) -> str:
        source = f"{name}.main.{kind.table}" if name else f"(SELECT * FROM {new}.main.{kind.table} LIMIT 0)"
        return (
            f"SELECT {kind.key} AS key, {kind.base} AS base_id, {kind.fleets} AS fleets, {kind.aircraft} AS aircraft, "
            f"{kind.first} AS first_day, {kind.last} AS last_day, coalesce({kind.weighs}, FALSE) AS weighs, "
            f"coalesce({kind.is_open}, FALSE) AS is_open, coalesce({kind.is_inferred}, FALSE) AS is_inferred, "
            f"hash({', '.join(shared)}) AS content FROM {source}"
        )

    query = f"""
        INSERT INTO {into}
        SELECT
            '{kind.table}', coalesce(n.key, o.key),
            CASE WHEN o.key IS NULL THEN 'added' WHEN n.key IS NULL THEN 'removed' ELSE 'altered' END,
            coalesce(n.base_id, o.base_id),
            list_sort(list_distinct(list_concat(coalesce(o.fleets, []), coalesce(n.fleets, [])))),
            coalesce(n.aircraft, o.aircraft), least(o.first_day, n.first_day), greatest(o.last_day, n.last_day),
            coalesce(o.weighs, FALSE) OR coalesce(n.weighs, FALSE),
            coalesce(o.is_open, FALSE) OR coalesce(n.is_open, FALSE),
            coalesce(o.is_inferred, FALSE) OR coalesce(n.is_inferred, FALSE), NULL, NULL
        FROM ({side(old)}) AS o
        FULL JOIN ({side(new)}) AS n ON o.key = n.key
        WHERE o.key IS NULL OR n.key IS NULL OR o.content <> n.content
    """
    connection.execute(query, {"as_of": as_of} if "$as_of" in query else {})
    if kind.table == "base_visits":
        _join_moved_visits(connection, new, into)


def _join_moved_visits(connection: duckdb.DuckDBPyConnection, new: str, into: str) -> None:
    """A stay that late data moved to another identifier is one that was altered, not one less and one more."""
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE replaced AS
        SELECT r.key AS old_key, v.visit_id AS new_key
        FROM (SELECT visit_id, unnest(previous_ids) AS old_id FROM {new}.main.base_visits) AS v
        INNER JOIN {into} AS r
            ON r.table_name = 'base_visits' AND r.change = 'removed' AND r.key = v.old_id;
        UPDATE {into} SET change = 'altered'
        WHERE table_name = 'base_visits' AND change = 'added' AND key IN (SELECT new_key FROM replaced);
        DELETE FROM {into} WHERE table_name = 'base_visits' AND key IN (SELECT old_key FROM replaced)
    """)


def _explain(connection: duckdb.DuckDBPyConnection, kind: Compared, teaching: Move | None, *, is_later: bool) -> None:
    """Give the rows of a table their cause where a source-day near them moved, or time has passed.

    teaching: a source-day with positions that moved: what is inferred rests on what all of them tell.
    """
    earlier, later = kind.days
    connection.execute(
        f"""
        UPDATE by_lake AS r SET cause = m.cause, label = m.label
        FROM (
            SELECT s.key, d.cause, d.label
            FROM by_lake AS s
            ASOF INNER JOIN moved_days AS d ON s.first_day - {earlier} <= d.day
            WHERE s.table_name = $table AND d.day <= s.last_day + {later}
        ) AS m
        WHERE r.table_name = $table AND r.key = m.key
        """,
        {"table": kind.table},
    )
    if is_later:
        connection.execute(
            "UPDATE by_lake SET cause = 'as_of' WHERE table_name = $table AND cause IS NULL AND is_open",
            {"table": kind.table},
        )
    if teaching is not None:
        connection.execute(
            "UPDATE by_lake SET cause = $cause, label = $label "
            "WHERE table_name = $table AND cause IS NULL AND is_inferred",
            {"table": kind.table, "cause": teaching.cause, "label": teaching.label},
        )


def _explain_by_aircraft(connection: duckdb.DuckDBPyConnection, moves: Sequence[Move], lake_folder: Path) -> None:
    """Give rows of an aircraft that stands in source-days that moved their cause: what it did there tells of others."""
    open_rows = connection.execute(
        "SELECT count(*) FROM by_lake WHERE cause IS NULL AND aircraft IS NOT NULL"
    ).fetchone()
    if not open_rows or not open_rows[0]:
        return
    connection.execute("CREATE TEMP TABLE moved_aircraft (aircraft VARCHAR, cause VARCHAR, label VARCHAR)")
    for move in moves:
        parts = {*move.now.parts, *(move.before.parts if move.before else ())}
        for file in sorted(lake_folder / part for part in parts if (lake_folder / part).exists()):
            described = connection.execute(f"DESCRIBE FROM read_parquet({text_literal(str(file))})").fetchall()
            names = {row[0] for row in described}
            keys = {"icao24": "icao24", "registration": "'reg:' || upper(registration)"}
            for column in names & set(keys):
                connection.execute(
                    f"INSERT INTO moved_aircraft SELECT DISTINCT {keys[column]}, $cause, $label "
                    f"FROM read_parquet({text_literal(str(file))}) WHERE {column} IS NOT NULL",
                    {"cause": move.cause, "label": move.label},
                )
    connection.execute("""
        UPDATE by_lake AS r SET cause = m.cause, label = m.label
        FROM (SELECT aircraft, min(cause) AS cause, min(label) AS label FROM moved_aircraft GROUP BY aircraft) AS m
        WHERE r.cause IS NULL AND r.aircraft = m.aircraft
    """)


def _explain_by_visits(connection: duckdb.DuckDBPyConnection) -> None:
    """Give days, months and silences of a base the cause of a visit there that changed."""
    connection.execute("""
        UPDATE by_lake AS r SET cause = v.cause, label = v.label
        FROM (
            SELECT s.table_name, s.key, min(v.cause) AS cause, min(v.label) AS label
            FROM by_lake AS s
            INNER JOIN by_lake AS v
                ON
                    s.base_id = v.base_id AND v.table_name = 'base_visits' AND v.cause IS NOT NULL
                    AND v.first_day <= s.last_day + 1 AND v.last_day >= s.first_day - 1
            WHERE
                s.cause IS NULL
                AND s.table_name IN ('base_gaps', 'base_daily_activity', 'base_monthly_activity', 'claim_checks')
            GROUP BY s.table_name, s.key
        ) AS v
        WHERE r.cause IS NULL AND r.table_name = v.table_name AND r.key = v.key
    """)


_CAUSES = """
UPDATE changed AS c SET cause = coalesce(l.cause, 'unexplained'), label = l.label
FROM by_lake AS l WHERE c.table_name = l.table_name AND c.key = l.key;
UPDATE changed SET cause = $ours WHERE cause IS NULL;
"""

_SUMMED = """
SELECT
    table_name, coalesce(base_id, 'all') AS base_id, coalesce(fleet_id, 'all') AS fleet_id,
    date_trunc('month', first_day)::DATE AS month, change, cause, count(*) AS rows,
    list_sort(list_distinct(list(label) FILTER (label IS NOT NULL)))[:{labels}] AS source_days,
    list(key ORDER BY key)[:{examples}] AS examples, NULL::VARCHAR AS accepted_because
FROM (SELECT *, unnest(fleets) AS fleet_id FROM changed)
GROUP BY ALL
"""


def _of_days(moves: Iterable[Move]) -> Iterable[dict[str, Any]]:
    """The rows about source-days themselves, which name their cause."""
    groups: dict[tuple[date, str, str, str], list[Move]] = {}
    for move in moves:
        base = move.now.scope.removeprefix("base:") if move.now.scope.startswith("base:") else "all"
        change = "added" if move.before is None else "altered"
        groups.setdefault((move.now.day.replace(day=1), base, change, move.cause), []).append(move)
    for (month, base, change, cause), alike in sorted(groups.items()):
        labels = [move.label for move in alike]
        yield {
            **{"table_name": "source_days", "base_id": base, "fleet_id": "all", "month": month, "change": change},
            **{"cause": cause, "rows": len(alike), "source_days": labels[:LABELS_MAX]},
            **{"examples": labels[:EXAMPLES_MAX], "accepted_because": None},
        }
