"""Everything that takes time, in one table: `python -m benchmarks [--only WORD…] [--sizes 1 4 16] [--against FILE]`.

Each piece of work runs in a process of its own, in turn with a baseline that this machine does at that moment: bare
reading of the same bytes, where there is such a thing, else a loop in Python. Printed are CPU seconds and wall, peak
memory, and the ratio of CPU to the baseline; behind larger sizes how much more four times the work costs. `--out FILE`
keeps the table as JSON; with `--against FILE` a ratio that grew by more than a fifth against it is named, and the exit
status is 1. The other scripts of this folder tell more of one part each.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "tests")]
GREW = 1.2  # times the ratio of before: more is a regression
LOOP = "sum(number * number for number in range(4_000_000))"


@dataclass(frozen=True)
class Piece:
    """A piece of work. make(folder, size) lays out what it needs; work(folder) and baseline(folder) are measured.

    unit: what a size counts, in units of `base` at 1x; 0 for work that has no size.
    """

    name: str
    base: int
    unit: str
    make: Callable[[Path, int], None]
    work: Callable[[Path], None]
    baseline: Callable[[Path], None]
    against: str


@dataclass(frozen=True)
class Row:
    """What was measured of a piece at a size: medians; seconds, megabytes."""

    piece: str
    size: str
    cpu_s: float
    wall_s: float
    peak_mb: int
    baseline: str
    ratio: float


# ---- the pieces


def loop(_: Path) -> None:
    """A loop in Python, in a process of its own as the work is."""
    subprocess.run([sys.executable, "-c", LOOP], check=True)


def nothing(_: Path, __: int) -> None:
    """Nothing is needed."""


def command(*words: str) -> Callable[[Path], None]:
    """A basewatch command in the folder's watch, as a user starts it."""

    def run(folder: Path) -> None:
        program = Path(sys.executable).parent / "basewatch"
        quiet = subprocess.DEVNULL
        subprocess.run([program, *words], cwd=folder, check=True, stdout=quiet, stderr=quiet)

    return run


def write_config(folder: Path, sources: str) -> None:
    (folder / "basewatch.toml").write_text(
        '[warehouse]\nroot = "warehouse"\n[gates]\ndata_docs = false\n'
        f"[sources.press_flights]\nenabled = false\n{sources}"
    )


def flight_file(folder: Path, records: int) -> None:
    """A watch with one CSV of so many flights over ten years."""
    from datetime import UTC, datetime, timedelta

    fields = ("UUMU", "UUDD", "UNNT", "HLLB", "OLBA", "OIII", "URRP", "LTAG", "ETAR", "EGVN")
    (folder / "flights").mkdir()
    with (folder / "flights" / "list.csv").open("w") as file:
        file.write("icao24,registration,type,callsign,departure_icao,arrival_icao,takeoff_time,landing_time\n")
        for number in range(records):
            plane = number * 7919 % 803
            start = datetime(2015, 1, 1, tzinfo=UTC) + timedelta(seconds=number * 104_729 % 315_000_000)
            end = start + timedelta(seconds=9000 + number * 31 % 11000)
            origin, destination = fields[number % 10], "OSLK" if number % 2 else fields[(number + 3) % 10]
            file.write(
                f"{0x150000 + plane:06x},RA-{76000 + plane},IL76,RFF{number % 9999:04},{origin},{destination},"
                f"{start:%Y-%m-%dT%H:%M:%SZ},{end:%Y-%m-%dT%H:%M:%SZ}\n"
            )
    write_config(folder, '[sources.flight_files]\nenabled = true\nlocation = "flights"\n')


def pages(folder: Path, articles: int) -> None:
    """A watch with so many web pages of some 20 kB, one in ten about a base."""
    from news_throughput import WORDS

    words = WORDS["en"].split()
    (folder / "pages").mkdir()
    menu = "".join(f'<li><a href="/s/{number}">Section {number}</a></li>' for number in range(60))
    script = "<script>" + "var a=1;function f(){return a*2};" * 200 + "</script>"
    for number in range(articles):
        day = f"2025-{number % 9 + 1:02}-{number % 27 + 1:02}"
        told = [" ".join(words[(number * 31 + k * 7 + j * j) % len(words)] for j in range(60)) for k in range(14)]
        if number % 10 == 0:
            told[3] = f"Two Il-76 transports landed at the Hmeimim air base in Syria on {day}."
        body = "".join(f"<p>{paragraph.capitalize()}.</p>" for paragraph in told)
        (folder / "pages" / f"{number:05}.html").write_text(
            f'<!doctype html><html lang="en"><head><title>Story {number} of the {words[number % 9]}</title>{script}'
            f'<meta property="article:published_time" content="{day}T08:00:00Z">'
            f'<link rel="canonical" href="https://example.org/{number}"></head><body><nav><ul>{menu}</ul></nav>'
            f"<article><h1>Story {number}</h1><time>{day}</time>{body}</article><footer>2025</footer></body></html>"
        )
    write_config(folder, '[sources.articles]\nenabled = true\nlocation = "pages"\n')


def ingest(folder: Path) -> None:
    """Every window of the folder's watch into a fresh lake."""
    from datetime import date

    from basewatch import config, run

    shutil.rmtree(folder / "warehouse", ignore_errors=True)
    work = run.start(config.load(folder / "basewatch.toml"), date(2025, 12, 31))
    work.progress = lambda _: None
    with work.warehouse.lock():
        for window in work.windows:
            assert not run.ingest_window(work, window).is_failure


def bare_csv(folder: Path) -> None:
    """The rows of the list with their times."""
    import csv
    from datetime import datetime

    with (folder / "flights" / "list.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            datetime.fromisoformat(row["takeoff_time"]), datetime.fromisoformat(row["landing_time"])


def bare_pages(folder: Path) -> None:
    """The pages as trees."""
    from lxml import html

    for file in (folder / "pages").iterdir():
        html.document_fromstring(file.read_text()).text_content()


def sample(folder: Path, _: int) -> None:
    """A release of the bundled sample."""
    command("nightly", "--sample", "--plain")(folder)
    write_config(folder, '[sources.simulated]\nenabled = true\nlocation = "flights"\n')
    (folder / "flights").mkdir()


def import_duckdb(_: Path) -> None:
    subprocess.run([sys.executable, "-c", "import duckdb"], check=True)


def report(folder: Path) -> None:
    shutil.rmtree(folder / "out", ignore_errors=True)
    command("report", "--out", "out")(folder)


def archive(folder: Path, traces: int) -> None:
    """A day's tar of readsb traces, one in fifteen near a base."""
    import decode as own

    from basewatch import config
    from basewatch.reference import load

    bases = load.tables(config.Settings()).rows["bases"]
    own.write_day(folder, traces, 1500, 0.015, [(row.latitude, row.longitude, row.elevation_ft or 0) for row in bases])


def decode_day(folder: Path) -> None:
    import decode as own

    own.decode(own.context(folder, 52, {}))


def gunzip(folder: Path) -> None:
    import decode as own

    own.floor(own.tar_of(folder))


def lake_of_visits(folder: Path, visits: int) -> None:
    import models as own

    own.write_lake(folder, visits)


def build(folder: Path) -> None:
    """All models, on the first night."""
    import models as own

    from basewatch.config import Settings
    from basewatch.reference import load
    from basewatch.warehouse import models
    from basewatch.warehouse.build import AFTER_GATES, attach_new, open_work

    (folder / "release.duckdb").unlink(missing_ok=True)
    with open_work(folder) as connection:
        own.see_lake(connection, folder)
        attach_new(connection, folder / "release.duckdb", "made")
        names = [name for name in models.load() if name not in AFTER_GATES]
        models.build(connection, {**load.params(Settings()).values, "as_of": own.LAST}, names, release="made")


def sorted_records(folder: Path) -> None:
    """The records read and written again in order, by DuckDB."""
    import duckdb

    with duckdb.connect() as connection:
        rows = f"read_parquet('{folder}/raw/plain_flights/*.parquet')"
        connection.execute(f"CREATE TABLE t AS SELECT * FROM {rows} ORDER BY icao24, departed_at")


PIECES = (
    Piece("help", 0, "", nothing, command("--help"), lambda _: loop_nothing(), "python -c pass"),
    Piece("status", 0, "", sample, command("status"), import_duckdb, "import duckdb"),
    Piece("months", 0, "", sample, command("months"), import_duckdb, "import duckdb"),
    Piece("gaps", 0, "", sample, command("gaps"), import_duckdb, "import duckdb"),
    Piece("report", 0, "", sample, report, loop, "a loop"),
    Piece(
        "nightly, sample, nothing new", 0, "", sample, command("nightly", "--sample", "--plain"), loop, "a loop"
    ),
    Piece("nightly, one small file", 20, "flights", flight_file, lambda folder: night(folder), loop, "a loop"),
    Piece("flights from CSV", 5000, "flights", flight_file, ingest, bare_csv, "csv and fromisoformat"),
    Piece("articles from pages", 60, "pages", pages, ingest, bare_pages, "lxml"),
    Piece("decode of traces", 400, "traces", archive, decode_day, gunzip, "read and gunzip"),
    Piece("models from records", 50_000, "visits", lake_of_visits, build, sorted_records, "DuckDB's sort"),
)  # fmt: skip


def loop_nothing() -> None:
    subprocess.run([sys.executable, "-c", "pass"], check=True)


def night(folder: Path) -> None:
    shutil.rmtree(folder / "warehouse", ignore_errors=True)
    command("nightly", "--plain", "--day", "2025-12-31")(folder)


# ---- measuring


def child(piece: Piece, part: str, folder: Path) -> None:
    """Do one part and print what it took, its own children included."""
    before, started = spent(), time.perf_counter()
    {"work": piece.work, "baseline": piece.baseline}[part](folder)
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(json.dumps({"cpu": spent() - before, "wall": time.perf_counter() - started, "mb": peak // 1024}))


def spent() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def measured(piece: Piece, part: str, folder: Path) -> dict[str, float]:
    asked = [sys.executable, str(ROOT / "benchmarks"), "--child", piece.name, part, str(folder)]
    done = subprocess.run(asked, check=True, capture_output=True, text=True, cwd=ROOT)
    values: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return values


def row(piece: Piece, times: int, repeats: int) -> Row:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        piece.make(folder, piece.base * times)
        turns = [(measured(piece, "work", folder), measured(piece, "baseline", folder)) for _ in range(repeats)]
    ratio = median(work["cpu"] / max(base["cpu"], 1e-3) for work, base in turns)
    works = [work for work, _ in turns]
    size = f"{piece.base * times:,} {piece.unit}" if piece.base else ""
    return Row(
        piece.name,
        size,
        round(median(one["cpu"] for one in works), 2),
        round(median(one["wall"] for one in works), 2),
        int(max(one["mb"] for one in works)),
        piece.against,
        round(ratio, 2),
    )


def regressions(rows: list[Row], before: Path) -> list[str]:
    """A sentence for each ratio that grew by more than a fifth."""
    old = {(one["piece"], one["size"]): one["ratio"] for one in json.loads(before.read_text())["rows"]}
    grown = [one for one in rows if one.ratio > GREW * old.get((one.piece, one.size), float("inf"))]
    return [f"{one.piece} {one.size}: {old[one.piece, one.size]} x, now {one.ratio} x" for one in grown]


def main() -> int:
    """Print the table; 1 where something grew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=[""], help="pieces whose names hold one of these words")
    parser.add_argument("--sizes", nargs="*", type=int, default=[1, 4, 16])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        name, part, folder = asked.child
        child(next(piece for piece in PIECES if piece.name == name), part, Path(folder))
        return 0
    load = os.getloadavg()[0]
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, load {load:.1f}")
    print(
        f"{'piece':30} {'size':>16} {'CPU s':>8} {'wall s':>8} {'MB':>6} {'ratio':>8}  {'times before':>12}  baseline"
    )
    rows: list[Row] = []
    for piece in PIECES:
        if not any(word in piece.name for word in asked.only):
            continue
        before = None
        for times in asked.sizes if piece.base else [1]:
            one = row(piece, times, asked.repeats)
            rows.append(one)
            grew = f"{one.cpu_s / before:.1f} x" if before else ""
            print(
                f"{one.piece:30} {one.size:>16} {one.cpu_s:8.2f} {one.wall_s:8.2f} {one.peak_mb:6} {one.ratio:7.2f}x  "
                f"{grew:>12}  {one.baseline}",
                flush=True,
            )
            before = one.cpu_s
    if asked.out:
        machine = {"machine": platform.machine(), "cores": os.cpu_count(), "load": load}
        asked.out.write_text(json.dumps({**machine, "rows": [asdict(one) for one in rows]}, indent=1))
    found = regressions(rows, asked.against) if asked.against else []
    for sentence in found:
        print(f"grew: {sentence}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
