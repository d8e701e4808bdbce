"""Series of visits whose truth is known, held against what the models call pauses and surges: false and missed."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from basewatch.config import Settings
from basewatch.reference import load
from basewatch.warehouse import models
from basewatch.warehouse.build import configure
from skies import series

RATES = (1, 2, 4, 8)  # episodes a month
ABSENT_DAYS, PAUSE_DAYS = 120, 183
BUSY_TIMES = (3, 5)  # as many episodes as usual
START = date(2020, 1, 1)


Spell = tuple[str, int, int]  # kind, or `surge`; first and last day, in days from the series' first


@dataclass
class Pauses:
    """What became of the series of one rate.

    steady, absent: of those without a true pause, how many are said to pause (absent: nobody looked for four months).
    called: of those silent for six months, how many are said to pause then; None where none were made. unseen: kinds of
    spell over six months of silence in which nobody looked. surges: of the steady ones, how many are said to have a
    busy month. busy: of those with a month of so many times the usual, how many are said to be busy then.
    """

    series: int
    steady: int
    absent: int
    called: int | None = None
    unseen: Counter[str] = field(default_factory=Counter)
    surges: int = 0
    busy: dict[int, int] = field(default_factory=dict)


def judged(rate: int, count: int, seed: int) -> Pauses:
    """So many series of each sort, of one rate."""

    def made(salt: int, **sort: bool | int) -> list[series.Series]:
        rngs = (np.random.default_rng([seed, salt, number]) for number in range(count))
        return [series.steady(rng, rate, **sort) for rng in rngs]  # type: ignore[arg-type]

    def false(found: list[list[Spell]], what: str = "pause") -> int:
        return sum(any(kind == what for kind, *_ in one) for one in found)

    at = RATES.index(rate)
    steady = spells(made(at))
    result = Pauses(count, false(steady), false(spells(made(len(RATES) + at, outage_days=ABSENT_DAYS))))
    result.surges = false(steady, "surge")
    for times in BUSY_TIMES:
        given = made(300 + 10 * times + at, busy_times=times)
        result.busy[times] = sum(
            one.busy is not None
            and any(kind == "surge" and meets(one.busy, first, last) for kind, first, last in found)
            for found, one in zip(spells(given), given, strict=True)
        )
    if rate in (2, 4):
        given = made(100 + at, pause_days=PAUSE_DAYS)
        result.called = sum(holds(found, one.pause) for found, one in zip(spells(given), given, strict=True))
    if rate == 4:
        given = made(200, pause_days=PAUSE_DAYS, pause_unseen=True)
        for found, one in zip(spells(given), given, strict=True):
            assert one.pause is not None
            result.unseen.update({k for k, first, last in found if first < one.pause[1] and last >= one.pause[0]})
    return result


def meets(span: tuple[int, int], first: int, last: int) -> bool:
    """Whether the days from first to last, both inclusive, have one in a span that ends before its second day."""
    return first < span[1] and last >= span[0]


def spells(made: list[series.Series]) -> list[list[Spell]]:
    """For each series the spells and surges that the models find."""
    began = np.concatenate([one.began for one in made])
    ended = np.concatenate([one.ended for one in made])
    number = np.repeat(np.arange(len(made)), [len(one.began) for one in made])
    zero = int((START - date(1970, 1, 1)).days) * 86_400
    at = pa.timestamp("us", tz="UTC")
    stays = pa.table({
        "number": number,
        "base_no": number,
        "first_evidence_at": pa.array(((began + zero) * 1e6).astype("int64")).cast(at),
        "last_evidence_at": pa.array(((ended + zero) * 1e6).astype("int64")).cast(at),
    })  # fmt: skip
    absent = pa.table({
        "base_no": [index for index, one in enumerate(made) if one.absent],
        "since": [one.absent[0] for one in made if one.absent],
        "until": [one.absent[1] for one in made if one.absent],
    })  # fmt: skip
    given = ("intermediate.int_visits", "intermediate.int_base_days")
    with duckdb.connect() as connection:
        configure(connection, Path())
        connection.execute("SET threads = 2")
        connection.execute("CREATE SCHEMA intermediate")
        connection.execute("CREATE SCHEMA reference")
        connection.execute("CREATE TABLE reference.fleets AS SELECT 'all' AS fleet_id")
        for name in given:
            connection.execute(f"CREATE TABLE {name} ({models.load()[name].ddl})")
        connection.register("stays", stays)
        connection.register("absent", absent)
        connection.execute(
            "INSERT INTO intermediate.int_visits BY NAME SELECT 'v' || row_number() OVER () AS visit_id, "
            "base_no::VARCHAR AS base_id, printf('%06x', row_number() OVER () % 40) AS icao24, 'IL76' AS type_code, "
            "['all'] AS fleets, first_evidence_at AS arrived_at, last_evidence_at AS departed_at, first_evidence_at, "
            "last_evidence_at, 'touchdown' AS arrival_evidence, 'touchdown' AS departure_evidence, 4 AS confidence, "
            "3 AS arrival_confidence, 3 AS departure_confidence, ['archive'] AS sources, FALSE AS is_press FROM stays"
        )
        connection.execute(
            "INSERT INTO intermediate.int_base_days BY NAME SELECT b.n::VARCHAR AS base_id, "
            "($start + d.n::INTEGER)::DATE AS day, "
            "CASE WHEN d.n BETWEEN a.since AND a.until - 1 THEN 'missing' ELSE 'observed' END AS observability, "
            "50 AS background_aircraft, 'none' AS interference "
            "FROM range($bases) AS b(n) CROSS JOIN range($days) AS d(n) LEFT JOIN absent AS a ON b.n = a.base_no",
            {"start": START, "bases": len(made), "days": series.DAYS},
        )
        last = START + timedelta(days=series.DAYS - 1)
        params = {**load.params(Settings()).values, "as_of": last}
        models.build(connection, params, models.ancestors(["marts.base_gaps", "intermediate.int_month_odds"], given))
        rows = connection.execute(
            "SELECT base_id::INTEGER, kind, first_day - $start, last_day - $start FROM marts.base_gaps "
            "WHERE fleet_id = 'all' UNION ALL "
            "SELECT base_id::INTEGER, 'surge', month - $start, last_day(month) - $start "
            "FROM intermediate.int_month_odds WHERE fleet_id = 'all' AND p_surge_scan < $alpha",
            {"start": START, "alpha": params["gap_alpha"]},
        ).fetchall()
    found: list[list[Spell]] = [[] for _ in made]
    for index, *spell in rows:
        found[index].append((spell[0], spell[1], spell[2]))
    return found


def holds(found: list[Spell], truth: tuple[int, int] | None) -> bool:
    """Whether one of the spells is called a pause and covers the true one (all but visits' width at its ends)."""
    return truth is not None and any(
        kind == "pause" and first <= truth[0] + 3 and last >= truth[1] - 4 for kind, first, last in found
    )
