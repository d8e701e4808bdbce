"""Silences with a known answer, cut out of what was heard: stays whose ends are hidden, and flights with holes in them.

Nobody tells where an aircraft was while it was silent. But where a stay was heard to the ground, or nearly, parts of
the track before and after it can be hidden, and the silence that is left is of a landing there; where a flight was
heard through, a hidden part is of no landing at all. The cut tracks make a small lake of their own, of aircraft that do
not exist, and the same models read it as read the true one.

Fields that do not exist stand among the true ones, at places drawn at random: a judge that lands aircraft there, or at
the neighbour while the true field is struck from the list, is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from basewatch.warehouse import models
from basewatch.warehouse.build import HISTORY

BY_HEIGHT = (  # of each cut of a stay, whether its ends are hidden below a height, or for some time
    (True, True),
    (True, False),
    (False, True),
    (False, False),
    (False, False),
    (False, False),
)
MOST_STAYS, MOST_HOLES = 500, 1500
WINDOW_S = 55 * 60  # of track kept on each side of what is hidden by height
LOWEST_FT, HIGHEST_FT = 250.0, 5000.0
SHORTEST_S, LONGEST_S = 2 * 60.0, 40 * 60.0
STRIPPED_SHARE = 0.12  # of cuts of which the return is hidden for good
STRUCK_SHARE = 0.1  # of cuts with their field struck, by which they count: lists of fields lack few
PHANTOMS = 3  # beside each field that was landed at
NEAREST_NM, FARTHEST_NM = 7.0, 50.0
HOLE_S = (16 * 60.0, 70 * 60.0)
SEED = 20

LISTS = ("int_fields", "int_field_cells", "int_field_runways", "int_covered_days")  # read as the true lake has them
STAGED = ("stg_readsb__points", "stg_readsb__edges", "stg_readsb__watched", "stg_readsb__background")
TRACKS = ("int_track_points", "int_track_stretches", "int_silences")


@dataclass(frozen=True)
class Cut:
    """A track of a pseudo-aircraft: another's, from first to last second, but for what is hidden (from, to)."""

    name: str
    icao24: str
    first_s: float
    last_s: float
    hidden_from_s: float
    hidden_to_s: float
    field_id: str | None  # where it landed meanwhile; none in a hole
    is_struck: bool  # that field is not on the list
    is_measured: bool  # by it is told how often the judge is right
    group: int  # cuts of one stay, or hole, are kept together when some are left out

    @property
    def heft(self) -> float:
        """By how much it counts where it matters how often a thing happens.

        One whose return is hidden for good counts nothing: all such cuts are landings, most such silences are not.
        """
        if np.isposinf(self.hidden_to_s):
            return 0.0
        return STRUCK_SHARE if self.is_struck else 1.0


def make(work: duckdb.DuckDBPyConnection, seed: int = SEED) -> list[Cut]:
    """Cuts of the sure stays, and holes in flights, of a database with the models up to int_sure_stays.

    The same database and seed give the same cuts.
    """
    rng = np.random.default_rng(seed)
    return [*_of_stays(work, rng), *_holes(work, rng)]


def _of_stays(work: duckdb.DuckDBPyConnection, rng: np.random.Generator) -> list[Cut]:
    stays = work.execute(
        """
        WITH airs AS (
            SELECT icao24, end_s FROM intermediate.int_track_stretches WHERE NOT is_ground AND end_s - start_s > 60
        ),
        led AS (
            SELECT y.*, a.end_s AS air_s
            FROM intermediate.int_sure_stays AS y ASOF LEFT JOIN airs AS a ON y.icao24 = a.icao24 AND y.at_s >= a.end_s
        ),
        runs AS (
            SELECT *, count_if(is_new) OVER (
                PARTITION BY icao24 ORDER BY at_s, until_s ROWS UNBOUNDED PRECEDING
            ) AS run_no
            FROM (
                SELECT *, coalesce(
                    lag(field_id) OVER w <> field_id OR air_s > lag(until_s) OVER w, TRUE
                ) AS is_new
                FROM led WINDOW w AS (PARTITION BY icao24 ORDER BY at_s, until_s)
            )
        )
        SELECT r.icao24, r.field_id, f.elevation_ft, min(r.at_s) AS from_s, max(r.until_s) AS to_s
        FROM runs AS r INNER JOIN intermediate.int_fields AS f ON r.field_id = f.field_id
        GROUP BY r.icao24, r.run_no, r.field_id, f.elevation_ft
        ORDER BY r.icao24, from_s
        """
    ).fetchall()
    if len(stays) > MOST_STAYS:
        stays = [stays[number] for number in np.sort(rng.choice(len(stays), MOST_STAYS, replace=False))]
    spans = pa.table(
        {
            "stay": np.arange(len(stays)),
            "icao24": pa.array([stay[0] for stay in stays], pa.string()),
            "from_s": pa.array([stay[3] for stay in stays], pa.int64()),
            "to_s": pa.array([stay[4] for stay in stays], pa.int64()),
        }
    )
    work.register("spans", spans)
    points = work.execute(
        f"""
        SELECT s.stay, p.at_s, p.height_ft + coalesce(b.elevation_ft, 0) AS altitude_ft
        FROM spans AS s
        INNER JOIN intermediate.int_track_points AS p
            ON s.icao24 = p.icao24 AND p.at_s BETWEEN s.from_s - {WINDOW_S} AND s.to_s + {WINDOW_S}
        LEFT JOIN reference.bases AS b ON p.base_id = b.base_id
        WHERE p.is_fresh AND NOT p.is_ground AND p.height_ft IS NOT NULL
        ORDER BY s.stay, p.at_s, altitude_ft
        """
    ).fetchnumpy()
    work.unregister("spans")
    bounds = np.searchsorted(points["stay"], np.arange(len(stays) + 1))
    cuts: list[Cut] = []
    for number, (icao24, field_id, elevation, start, end) in enumerate(stays):
        of_stay = slice(bounds[number], bounds[number + 1])
        at, height = (
            np.asarray(points["at_s"][of_stay], float),
            np.asarray(points["altitude_ft"][of_stay], float) - elevation,
        )
        before, after = at < start, at > end
        if before.sum() < 4 or after.sum() < 4:
            continue
        for turn, (is_low_in, is_low_out) in enumerate(BY_HEIGHT):
            lost = _edge(rng, start - at[before][::-1], height[before][::-1], by_height=is_low_in)
            back = _edge(rng, at[after] - end, height[after], by_height=is_low_out)
            if lost is None or back is None:
                continue
            is_stripped = rng.random() < STRIPPED_SHARE
            is_struck = bool(turn % 2)
            cuts.append(
                Cut(
                    f"c{len(cuts):06d}",
                    icao24,
                    start - WINDOW_S,
                    end + WINDOW_S,
                    start - lost,
                    np.inf if is_stripped else end + back,
                    field_id,
                    is_struck,
                    not is_stripped and (not is_struck or bool(rng.random() < STRUCK_SHARE)),
                    number,
                )
            )
    return cuts


def _edge(rng: np.random.Generator, apart_s: Any, height: Any, *, by_height: bool) -> float | None:
    """How long before (or after) the stay the track is hidden: to the first position as high, or as long as drawn.

    apart_s, height: of the positions from the stay outwards. None where the track does not reach so far.
    """
    if by_height:
        wanted = float(np.exp(rng.uniform(np.log(LOWEST_FT), np.log(HIGHEST_FT)))) * rng.uniform(0.6, 1.4)
        above = np.flatnonzero(height >= wanted)
        return float(apart_s[above[0]]) - 0.5 if len(above) and above[0] + 3 < len(apart_s) else None
    wanted = float(rng.uniform(SHORTEST_S, LONGEST_S))
    beyond = np.flatnonzero(apart_s >= wanted)
    return float(apart_s[beyond[0]]) - 0.5 if len(beyond) > 3 else None


def _holes(work: duckdb.DuckDBPyConnection, rng: np.random.Generator) -> list[Cut]:
    flights = work.execute(
        """
        SELECT icao24, first_s, last_s FROM intermediate.int_track_stretches
        WHERE NOT is_ground AND is_sound AND last_s - first_s > 2000 AND fresh_points > 60
        ORDER BY icao24, first_s
        """
    ).fetchall()
    if len(flights) > MOST_HOLES:
        flights = [flights[number] for number in np.sort(rng.choice(len(flights), MOST_HOLES, replace=False))]
    cuts: list[Cut] = []
    for number, (icao24, first, last) in enumerate(flights):
        length = float(np.exp(rng.uniform(*np.log(HOLE_S))))
        if length < last - first - 600:
            start = first + 300 + rng.uniform(0, last - first - 600 - length)
            cuts.append(
                Cut(
                    f"h{number:06d}", icao24, first, last, start, start + length, None, False, True, MOST_STAYS + number
                )
            )
    return cuts


def lake(
    study: duckdb.DuckDBPyConnection, work: str, cuts: list[Cut], params: dict[str, Any], seed: int = SEED
) -> None:
    """Build the silences of the cuts in `study`, from the database attached there under the name `work`.

    Leaves intermediate.int_silences with the silences that hold what was hidden alone, and main.cuts.
    """
    for schema in ("raw", "staging", "intermediate", "reference"):
        study.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    models.define_macros(study)
    names = [field for field in Cut.__dataclass_fields__ if field != "group"]
    table = pa.table(
        {name: [getattr(cut, name) for cut in cuts] for name in names} | {"grp": [cut.group for cut in cuts]}
    )
    study.register("given", table)
    study.execute("CREATE TABLE main.cuts AS SELECT * FROM given")
    study.unregister("given")
    for (name,) in study.execute(
        f"SELECT table_name FROM duckdb_tables() WHERE database_name = '{work}' AND schema_name = 'reference'"
    ).fetchall():
        study.execute(f"CREATE TABLE reference.{name} AS FROM {work}.reference.{name}")
    study.execute(
        f"INSERT INTO reference.aircraft SELECT a.* REPLACE (c.name AS icao24) FROM {work}.reference.aircraft AS a "
        "INNER JOIN main.cuts AS c ON a.icao24 = c.icao24"
    )
    for name in LISTS:
        study.execute(f"CREATE TABLE intermediate.{name} AS FROM {work}.intermediate.{name}")
    for name in ("track_points", "watched_points"):
        study.execute(
            f"CREATE TABLE raw.{name} AS SELECT p.* REPLACE (c.name AS icao24) FROM {work}.raw.{name} AS p "
            "INNER JOIN main.cuts AS c ON lower(p.icao24) = c.icao24 "
            "AND epoch(p.seen_at) BETWEEN c.first_s AND c.last_s "
            "AND NOT epoch(p.seen_at) BETWEEN c.hidden_from_s AND c.hidden_to_s"
        )
    study.execute(f"CREATE TABLE intermediate.int_sure_stays AS FROM {work}.intermediate.int_sure_stays LIMIT 0")
    study.execute(f"CREATE TABLE raw.track_edges AS FROM {work}.raw.track_edges LIMIT 0")
    study.execute(f"CREATE TABLE raw.base_background AS FROM {work}.raw.base_background LIMIT 0")
    _add_phantoms(study, np.random.default_rng([seed, 1]), params)
    for name in STAGED:
        models.materialise(study, models.load()[f"staging.{name}"], params)
    for name in TRACKS:
        models.materialise(study, models.load()[f"intermediate.{name}"], params)
    study.execute(
        "DELETE FROM intermediate.int_silences AS s WHERE NOT EXISTS ("
        "SELECT 1 FROM main.cuts AS c WHERE c.name = s.icao24 AND s.lost_s <= c.hidden_from_s + 1 "
        "AND coalesce(s.back_s, 'Infinity'::DOUBLE) >= least(c.hidden_to_s, c.last_s) - 1)"
    )


def judged(study: duckdb.DuckDBPyConnection) -> pa.Table:
    """What the judge makes of the silences in the database of `lake`: rows of raw.hidden_stays.

    Of each cut the watched base where it landed, and every other watched base that the judge lists. A base that was
    struck from the list cannot be found: whatever is named in its stead is wrong.
    """
    return (
        study.execute(
            """
            WITH named AS (
                SELECT
                    icao24,
                    silence_no,
                    base_id,
                    coalesce(min(evidence) FILTER (WHERE direction = 'arrival'), 'reappearance') AS evidence,
                    max(probability) AS probability,
                    max(confidence) >= 2 AS is_counted
                FROM intermediate.int_silence_ends
                GROUP BY icao24, silence_no, base_id
            ),
            heard AS (
                SELECT s.icao24, s.stretch_no, s.lost_altitude_ft, f.base_id AS true_base_id
                FROM intermediate.int_silences AS s
                INNER JOIN main.cuts AS c ON s.icao24 = c.name
                LEFT JOIN intermediate.int_fields AS f ON c.field_id = f.field_id AND NOT c.is_struck
                WHERE s.icao24 IN (SELECT icao24 FROM intermediate.int_silence_terms)
            ),
            pairs AS (
                SELECT icao24, stretch_no, true_base_id AS base_id FROM heard WHERE true_base_id IS NOT NULL
                UNION
                SELECT icao24, silence_no, base_id FROM named
            )
            SELECT
                h.icao24 AS case_id,
                p.base_id,
                coalesce(p.base_id = h.true_base_id, FALSE) AS is_true,
                coalesce(n.evidence, 'none') AS evidence,
                CASE
                    WHEN h.lost_altitude_ft - f.elevation_ft < 1000 THEN 'under_1000_ft'
                    WHEN h.lost_altitude_ft - f.elevation_ft < 3500 THEN '1000_to_3500_ft'
                    WHEN h.lost_altitude_ft - f.elevation_ft < 10000 THEN '3500_to_10000_ft'
                    ELSE 'over_10000_ft'
                END AS height_band,
                n.probability,
                coalesce(n.is_counted, FALSE) AS is_counted
            FROM heard AS h
            INNER JOIN pairs AS p ON h.icao24 = p.icao24 AND h.stretch_no = p.stretch_no
            INNER JOIN intermediate.int_fields AS f ON p.base_id = f.base_id
            LEFT JOIN named AS n ON p.icao24 = n.icao24 AND p.stretch_no = n.silence_no AND p.base_id = n.base_id
            ORDER BY case_id, base_id
            """
        )
        .arrow()
        .read_all()
        .cast(HISTORY["hidden_stays"])
    )


def _add_phantoms(study: duckdb.DuckDBPyConnection, rng: np.random.Generator, params: dict[str, Any]) -> None:
    """Put fields that do not exist beside those that were landed at."""
    fields = study.execute(
        "SELECT field_id, latitude, longitude, elevation_ft FROM intermediate.int_fields "
        "WHERE field_id IN (SELECT field_id FROM main.cuts) ORDER BY field_id"
    ).fetchall()
    rows, runways = [], []
    for field_id, latitude, longitude, elevation in fields:
        for number in range(PHANTOMS):
            nm = float(np.exp(rng.uniform(np.log(NEAREST_NM), np.log(FARTHEST_NM))))
            bearing = rng.uniform(0, 2 * np.pi)
            place = (
                latitude + nm / 60 * np.cos(bearing),
                longitude + nm / 60 * np.sin(bearing) / max(np.cos(np.radians(latitude)), 0.1),
            )
            name = f"phantom:{field_id}:{number}"
            serves = ("military", "civil", "shared", "unknown")[int(rng.integers(4))]
            rows.append((name, None, name, None, serves, *place, elevation))
            runways.append((name, "phantom", float(rng.uniform(0, 180)), *place))
    if rows:
        study.executemany("INSERT INTO intermediate.int_fields VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        study.executemany("INSERT INTO intermediate.int_field_runways VALUES (?, ?, ?, ?, ?)", runways)
    models.materialise(study, models.load()["intermediate.int_field_cells"], params)
