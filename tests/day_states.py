"""What the models say of the days of simulated bases; for tests and benchmarks/coverage.py."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from basewatch.config import Settings
from basewatch.reference import load
from basewatch.warehouse import models
from skies.listening import Listening


def states(bases: list[Listening]) -> list[dict[str, Any]]:
    """What the models say of these bases: arrays is_blind and has_background of each, one element a day."""
    connection = duckdb.connect(config={"threads": 1})
    models.define_macros(connection)
    connection.execute("CREATE SCHEMA intermediate")
    known = models.load()
    for parent in ("int_listened_days", "int_track_stretches"):
        connection.execute(f"CREATE TABLE intermediate.{parent} ({known[f'intermediate.{parent}'].ddl})")
    for number, base in enumerate(bases):
        rows = pa.table({"day_no": np.arange(len(base.far)), "far": base.far, "near": base.near, "low": base.low})
        connection.register("rows", rows)
        connection.execute(
            "INSERT INTO intermediate.int_listened_days BY NAME SELECT ? AS base_id, "
            "(DATE '2016-01-01' + day_no::INTEGER) AS day, 'archive' AS source, 'one' AS network, "
            "far AS aircraft_50nm, near AS aircraft_25nm, low AS aircraft_low, 0 AS arrivals, 0 AS arrivals_followed, "
            "0 AS jumped_aircraft, 0 AS stacked_aircraft, low > 0 AS is_low_heard, FALSE AS is_field_heard FROM rows",
            [str(number)],
        )
        connection.unregister("rows")
    values = {**load.params(Settings()).values, "as_of": None}
    for name in ("int_ring_days", "int_base_day_coverage"):
        models.materialise(connection, known[f"intermediate.{name}"], values)
    return [
        connection.execute(
            "SELECT is_blind, has_background FROM intermediate.int_base_day_coverage WHERE base_id = ? ORDER BY day",
            [str(number)],
        ).fetchnumpy()
        for number in range(len(bases))
    ]
