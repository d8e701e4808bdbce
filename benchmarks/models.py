"""How long all SQL models take on ten years of fifty bases, and how much memory: printed a model, at two sizes.

    python benchmarks/models.py                # 1.25 and 5 million visits: the second should take four times the first
    python benchmarks/models.py --visits 100000

Each size runs in a process of its own, so that the peak of memory is its own, on a lake made by another, as Parquet, a
file a year; what is built is what a nightly run builds, into the file that is published. The sum is also told apart:
what makes visits and legs of records, and what makes months, gaps and verdicts of visits.

The lake is made in SQL: tours of aircraft from an airport elsewhere to one watched base, on to another and back (three
records, two visits), one record in twenty told by a second source some minutes off, one in ten without a registration,
days of the ledger that are missing, and claims of the press. All is built twice: as on the first night, and as on every
other, with a release before.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa

from basewatch.config import Settings
from basewatch.lake.schemas import LEDGER, TABLES
from basewatch.reference import load
from basewatch.reference.rows import ROWS
from basewatch.warehouse import models
from basewatch.warehouse.build import AFTER_GATES, HISTORY, attach_new, configure, open_work, store

FIRST, LAST, BASES = date(2016, 1, 1), date(2025, 12, 31), 50

# u(i, salt): a number in [0, 1) that is the same on every run
MAKE = """
CREATE MACRO u(i, salt) AS (hash(i * 31 + salt) % 1000003) / 1000003.0;

CREATE TABLE places AS
SELECT row_number() OVER (ORDER BY base_id) - 1 AS place_no, base_id, coalesce(icao, ident) AS code
FROM reference.bases WHERE coalesce(icao, ident) IS NOT NULL ORDER BY base_id LIMIT {bases};

CREATE TABLE tours AS
SELECT
    i AS tour,
    i % {aircraft} AS plane,
    TIMESTAMPTZ '{first}' + to_seconds(
        (({days} * 86400.0 - 400000) * (i // {aircraft} + u(i, 1)) / ({tours} // {aircraft} + 1))::BIGINT
    ) AS start_at,
    -- few bases are busy, most are not: the twentieth sees a visit every few days
    floor({bases} * pow(u(i, 2), 3))::BIGINT AS base_a,
    floor({bases} * pow(u(i, 3), 3))::BIGINT AS base_b,
    (2 + 40 * pow(u(i, 4), 2)) * 3600 AS stay_a_s,
    (2 + 40 * pow(u(i, 5), 2)) * 3600 AS stay_b_s
FROM range({tours}) AS r(i);

CREATE TABLE raw.plain_flights AS
WITH legs AS (
    SELECT
        t.tour * 3 + l.leg AS record_no,
        t.plane,
        CASE l.leg WHEN 0 THEN 'ELSE' WHEN 1 THEN a.code ELSE b.code END AS origin,
        CASE l.leg WHEN 0 THEN a.code WHEN 1 THEN b.code ELSE 'ELSE' END AS destination,
        t.start_at + to_seconds(
            (l.leg * 14400 + CASE WHEN l.leg > 0 THEN stay_a_s ELSE 0 END
            + CASE WHEN l.leg > 1 THEN stay_b_s ELSE 0 END)::BIGINT
        ) AS departed_at
    FROM tours AS t
    CROSS JOIN range(3) AS l(leg)
    INNER JOIN places AS a ON t.base_a = a.place_no
    INNER JOIN places AS b ON t.base_b = b.place_no
)
SELECT
    w.source,
    departed_at::DATE AS day,
    w.source || record_no AS record_id,
    format('{{:06x}}', CASE WHEN plane % 3 = 0 THEN 1376256 ELSE 3145728 END + plane) AS icao24,
    CASE WHEN u(record_no, 6) > 0.1 THEN CASE WHEN plane % 3 = 0 THEN 'RF-' ELSE 'D-' END || (10000 + plane) END
        AS registration,
    CASE WHEN plane % 3 = 0 THEN 'RFF' ELSE 'ABC' END || plane % 9000 AS callsign,
    CASE plane % 4 WHEN 0 THEN 'IL76' WHEN 1 THEN 'A124' WHEN 2 THEN 'C130' ELSE 'A320' END AS type_code,
    NULL::VARCHAR AS operator,
    origin,
    departed_at + to_seconds(w.late_s) AS departed_at,
    destination,
    departed_at + INTERVAL 4 HOUR + to_seconds(w.late_s) AS arrived_at,
    NULL::VARCHAR AS url,
    NULL::VARCHAR AS origin_file
FROM legs
INNER JOIN (VALUES ('flight_files', 0, 1.0), ('second_witness', 420, 0.05)) AS w(source, late_s, share)
    ON u(record_no, 7) < w.share;

CREATE TABLE ledger AS
SELECT 'flight_files' AS source, 'base:' || p.base_id AS scope, (DATE '{first}' + d.n::INTEGER)::DATE AS day,
    CASE WHEN u(p.place_no * 10000 + d.n, 8) < 0.03 THEN 'missing' ELSE 'ok' END AS status
FROM places AS p CROSS JOIN range({days}) AS d(n);
INSERT INTO raw.source_days BY NAME SELECT * FROM ledger;

INSERT INTO raw.news_articles BY NAME
SELECT 'feeds' AS source, 'a' || i AS article_id, 'https://example.org/' || i AS url, 'example.org' AS domain,
    TIMESTAMPTZ '{first}' + to_days((400 + i * 3 % 3000)::INTEGER) AS published_at, published_at AS seen_at,
    'feed' AS published_basis, published_at::DATE AS day, 'en' AS language,
    'Title ' || i AS title, i AS text_simhash, 'title ' || i AS title_key
FROM range({claims}) AS r(i);
INSERT INTO raw.news_mentions BY NAME
SELECT 'feeds' AS source, 'a' || i AS article_id, p.base_id, p.base_id AS matched_alias, 'strong' AS alias_strength,
    (DATE '{first}' + (400 + i * 3 % 3000)::INTEGER)::DATE AS day
FROM range({claims}) AS r(i) INNER JOIN places AS p ON i % {bases} = p.place_no;
INSERT INTO raw.news_claims BY NAME
SELECT 'feeds' AS source, 'a' || i AS article_id, p.base_id, c.n AS claim_no, c.claim, 'all' AS fleet_id,
    (DATE '{first}' + (400 + i * 3 % 3000)::INTEGER)::DATE AS day,
    CASE c.n WHEN 0 THEN day - 180 ELSE day - 3 END AS claimed_from,
    CASE c.n WHEN 0 THEN day - 4 ELSE day END AS claimed_to, TRUE AS is_rounded
FROM range({claims}) AS r(i) INNER JOIN places AS p ON i % {bases} = p.place_no
CROSS JOIN (VALUES (0, 'pause'), (1, 'resumption'), (2, 'flight')) AS c(n, claim);
"""


def make(connection: duckdb.DuckDBPyConnection, visits: int) -> None:
    """A lake of so many visits in the schemas that the models read."""
    for name, table in TABLES.items():
        if name != "plain_flights":
            store(connection, f"raw.{name}", table.schema.empty_table())
    for name, schema in HISTORY.items():
        store(connection, f"raw.{name}", schema.empty_table())
    store(connection, "raw.source_days", pa.Table.from_pylist([], schema=LEDGER))
    facts = load.tables(Settings())
    for name in ROWS:
        store(connection, f"reference.{name}", facts.table(name))
    connection.execute(
        MAKE.format(
            bases=BASES,
            first=FIRST,
            days=(LAST - FIRST).days + 1,
            tours=visits // 2,
            aircraft=max(visits // 250, 10),
            claims=max(visits // 5000, 10),
        )
    )


def cpu() -> float:
    """Seconds of processor time that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def write_lake(folder: Path, visits: int) -> None:
    """A lake of so many visits as Parquet: `<schema>/<table>/<number>.parquet`."""
    with duckdb.connect(str(folder / "made.duckdb")) as connection:
        configure(connection, folder)
        connection.execute("CREATE SCHEMA raw; CREATE SCHEMA reference")
        make(connection, visits)
        tables = connection.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE schema_name IN ('raw', 'reference')"
        ).fetchall()
        for schema, table in tables:
            target = folder / schema / table
            target.mkdir(parents=True)
            by_year = range(FIRST.year, LAST.year + 1) if table == "plain_flights" else [None]
            for year in by_year:
                chosen = "" if year is None else f"WHERE year(day) = {year} ORDER BY day"
                rows = f"SELECT * FROM {schema}.{table} {chosen}"
                connection.execute(f"COPY ({rows}) TO '{target / f'{year}.parquet'}' (COMPRESSION zstd)")
    (folder / "made.duckdb").unlink()


def see_lake(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """The lake as the views that models read."""
    connection.execute("CREATE SCHEMA raw; CREATE SCHEMA reference")
    for file in sorted(folder.glob("*/*")):
        if file.parent.name in ("raw", "reference"):
            rows = f"FROM read_parquet('{file}/*.parquet')"
            is_empty = connection.execute(f"SELECT 1 {rows} LIMIT 1").fetchone() is None
            kind = "TABLE" if is_empty else "VIEW"  # as a build binds them
            connection.execute(f"CREATE {kind} {file.parent.name}.{file.name} AS {rows}")


def measure(folder: Path, threads: int) -> None:
    """Build every model twice, as on the first night and the next; prints seconds a model, sums and peak of memory."""
    params = {**load.params(Settings()).values, "as_of": LAST}
    taken: dict[str, tuple[float, float, int]] = {}
    for night in ("the first night", "with a release before"):
        spent = [cpu()]

        def note(name: str, seconds: float, rows: int, spent: list[float] = spent) -> None:
            spent.append(cpu())
            taken[name] = (seconds, spent[-1] - spent[-2], rows)

        started = time.perf_counter()
        with open_work(folder) as connection:
            connection.execute(f"SET threads = {threads}")
            see_lake(connection, folder)
            if night != "the first night":
                columns = ", ".join(HISTORY["published_visits"].names)
                connection.execute(f"ATTACH '{folder / 'release0.duckdb'}' AS before (READ_ONLY)")
                connection.execute("DROP TABLE raw.published_visits")
                connection.execute(
                    f"CREATE TABLE raw.published_visits AS SELECT {columns} FROM before.base_visits "
                    "WHERE icao24 IS NOT NULL"
                )
            (folder / "release.duckdb").unlink(missing_ok=True)
            attach_new(connection, folder / "release.duckdb", "made")
            names = [name for name in models.load() if name not in AFTER_GATES]
            built = models.build(connection, params, names, note, "made")
            connection.execute("DETACH made")
        wall = time.perf_counter() - started
        (folder / "release.duckdb").rename(folder / "release0.duckdb")
        for name, (seconds, busy, rows) in sorted(taken.items(), key=lambda entry: -entry[1][1]):
            if busy >= 0.1 and night == "the first night":
                print(f"  {name:42} {seconds:7.2f} s {busy:7.2f} CPU s {rows:>12,} rows")
        upstream = models.ancestors(["intermediate.int_visits"]) | {"marts.base_visits", "marts.flight_legs"}
        for part, chosen in (("records to visits", upstream), ("visits to months", set(taken) - upstream)):
            wall_s, busy_s = (sum(taken[name][column] for name in chosen & set(taken)) for column in (0, 1))
            print(f"  {part:42} {wall_s:7.2f} s {busy_s:7.2f} CPU s")
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(
            f"{built['marts.base_visits']:,} visits, {night}: {wall:.1f} s ({cpu() - spent[0]:.1f} CPU s), "
            f"peak memory {peak_mb:,} MB",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visits", type=int, nargs="*", default=[1_250_000, 5_000_000])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--part", nargs=2, metavar=("PART", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part:
        part, folder = given.part[0], Path(given.part[1])
        write_lake(folder, given.visits[0]) if part == "lake" else measure(folder, given.threads)
        return
    for visits in given.visits:
        with tempfile.TemporaryDirectory() as folder:
            for part in ("lake", "models"):
                command = [sys.executable, __file__, "--part", part, folder, "--visits", str(visits)]
                subprocess.run([*command, "--threads", str(given.threads)], check=True)


if __name__ == "__main__":
    main()
