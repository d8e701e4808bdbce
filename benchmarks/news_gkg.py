"""How fast GKG rows are matched against all names of all bases, against the least that reading them can cost:
`python benchmarks/news_gkg.py`.

Makes archives of its own in the documented shape (27 columns, about 70 % of the bytes in GCAM; seeded, in a temporary
folder) and measures screening against a bare unzip + split of the same files in the same run, in turn, median of five.
One process; CPU seconds. `hits` says how many rows named a base, of those that were made to.

    --files N      archives (default 6, as many as GDELT writes in 45 minutes in both streams)
    --rows N       rows of an archive (default 1000, as in reality)
    --repeats N    measurements of each figure (default 5)
    --profile      where the time goes, by function
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import random
import resource
import tempfile
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from statistics import median

from basewatch import config
from basewatch.news.reader import Reader
from basewatch.reference import load
from basewatch.sources import gdelt, gdelt_files
from basewatch.sources.gdelt import Places

DAY = date(2026, 10, 1)
SYLLABLES = [
    *("ka", "lo", "mi", "ra", "ten", "sor", "vel", "ad", "un", "ber", "gi", "ma", "shi"),
    *("pol", "ter", "no", "ve", "ris", "dan", "el", "jo", "hu", "cor", "ba", "li", "sta"),
]
OUTLETS = ["example.com", "example.org", "daily.example.net", "zeitung.example.de", "noticias.example.es"]
TOWNS = [
    ("Moscow, Moskva, Russia", "RS", 55.7522, 37.6156),
    ("Damascus, Dimashq, Syria", "SY", 33.5, 36.3),
    ("Washington, District of Columbia, United States", "US", 38.8951, -77.0364),
    ("Berlin, Berlin, Germany", "GM", 52.5167, 13.4),
    ("London, London, City of, United Kingdom", "UK", 51.5, -0.116667),
    ("Kyiv, Kyyiv, Misto, Ukraine", "UP", 50.4333, 30.5167),
]
BASE_TOWNS = [
    ("Latakia, Al Ladhiqiyah, Syria", "SY", 35.5167, 35.7833),
    ("Engels, Saratovskaya Oblast', Russia", "RS", 51.4989, 46.125),
]
NAMED = 0.002  # share of rows that name a base outright; in the news of the world it is less


def word(rng: random.Random) -> str:
    return "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(2, 4))).capitalize()


def name(rng: random.Random) -> str:
    """A name as AllNames has them: mostly two words, a few accents, now and then a town that is also a base."""
    if rng.random() < 0.004:
        return rng.choice(["Latakia", "Engels", "Kant", "Adler", "Tartus"])
    found = f"{word(rng)} {word(rng)}"
    return found.replace("o", "ö").replace("e", "é") if rng.random() < 0.06 else found


def gcam(rng: random.Random, length: int) -> str:
    parts = ["wc:420"]
    size = 6
    while size < length:
        parts.append(f"c{rng.randint(1, 26)}.{rng.randint(1, 220)}:{rng.randint(1, 90)}")
        size += len(parts[-1]) + 1
        if rng.random() < 0.2:
            parts.append(f"v{rng.randint(10, 42)}.{rng.randint(1, 20)}:{rng.uniform(0, 9):.14f}")
            size += len(parts[-1]) + 1
    return ",".join(parts)


def gkg(rng: random.Random, slot: str, number: int, title: str, names: list[str]) -> str:
    """One row of about 9 KB, 70 % of it GCAM."""
    columns = [""] * 27
    outlet = rng.choice(OUTLETS)
    slug = "-".join(word(rng).lower() for _ in range(7))
    columns[0], columns[1], columns[2], columns[3] = f"{slot}-{number}", slot, "1", outlet
    columns[4] = f"https://{outlet}/{rng.randint(2015, 2026)}/{slug}-{rng.randint(1, 10**6)}.html"
    themes = [f"WB_{rng.randint(1, 3000)}_{word(rng).upper()},{rng.randint(1, 4000)}" for _ in range(28)]
    columns[7] = ";".join(theme.split(",")[0] for theme in themes[:20])
    columns[8] = ";".join(themes)
    towns = [rng.choice(BASE_TOWNS if rng.random() < 0.004 else TOWNS) for _ in range(rng.randint(0, 9))]
    columns[10] = ";".join(
        f"4#{place}#{country}#{country}01#1234#{north}#{east}#-{rng.randint(10**6, 10**7)}#{rng.randint(1, 4000)}"
        for place, country, north, east in towns
    )
    columns[12] = ";".join(f"{entry},{rng.randint(1, 4000)}" for entry in names[:6])
    columns[15] = "-2.51046025104602,1.04602510460251,3.55648535564854,4.60251046025105,20.1,0.5,420"
    columns[17] = gcam(rng, 6300)
    columns[23] = ";".join(f"{entry},{rng.randint(1, 4000)}" for entry in names)
    columns[26] = f"<PAGE_LINKS>https://{outlet}/a;https://{outlet}/b</PAGE_LINKS><PAGE_TITLE>{title}</PAGE_TITLE>"
    return "\t".join(columns)


def archive(folder: Path, slot: str, rows: int, rng: random.Random) -> tuple[Path, int]:
    """One archive, and how many of its rows name a base."""
    lines, named = [], 0
    for number in range(rows):
        names = [name(rng) for _ in range(rng.randint(4, 30))]
        title = " ".join(word(rng) for _ in range(9))
        if rng.random() < NAMED:
            named += 1
            names.append(rng.choice(["Hmeimim Air Base", "Bassel Al-Assad International Airport", "Khmeimim"]))
        lines.append(gkg(rng, slot, number, title, names))
    path = folder / f"{slot}.gkg.csv.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(f"{slot}.gkg.csv", "\n".join(lines) + "\n")
    return path, named


def bare(paths: list[Path]) -> int:
    """Unzip and split, nothing else: whole files in memory, as the simplest reader does it."""
    rows = 0
    for path in paths:
        with zipfile.ZipFile(path) as packed:
            for line in packed.read(packed.namelist()[0]).split(b"\n"):
                rows += len(line.split(b"\t")) == 27
    return rows


def screened(paths: list[Path], places: Places) -> tuple[int, int]:
    """What the source does with each archive: rows and hits."""
    found = [gdelt_files.screen(path, "gkg", path.name[:14], False, places, "") for path in paths]
    return sum(extract.rows for extract in found), sum(len(extract.hits) for extract in found)


def seconds(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=6)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    settings = config.Settings()
    tables, params = load.tables(settings), load.params(settings).values
    weak: dict[str, str] = {}
    for row in tables.rows["keywords"]:
        if row.role == "name" and row.strength == "weak" and row.base_id and row.alias.isascii():
            weak.setdefault(row.base_id, row.alias)
    places = Places(Reader(tables, params), tables.bases, {}, float(params["news_point_km"]), weak)
    names = sum(row.role == "name" for row in tables.rows["keywords"])
    rng = random.Random(7)
    with tempfile.TemporaryDirectory() as folder:
        made = [archive(Path(folder), slot, options.rows, rng) for slot in gdelt.slots(DAY)[: options.files]]
        paths, named = [path for path, _ in made], sum(number for _, number in made)
        packed = sum(path.stat().st_size for path in paths) / 1e6
        with zipfile.ZipFile(paths[0]) as first:
            unpacked = first.infolist()[0].file_size * len(paths) / 1e6
        screened(paths[:1], places)  # patterns are compiled when they are first needed
        least, ours = [], []
        for _ in range(options.repeats):
            least.append(seconds(lambda: bare(paths)))
            ours.append(seconds(lambda: screened(paths, places)))
        rows, hits = screened(paths, places)
        print(f"{len(paths)} archives, {rows:,} rows, {packed:.1f} MB zipped, {unpacked:.1f} MB unpacked")
        print(f"{names:,} names of {len(tables.bases)} bases")
        print(f"bare unzip + split  {rows / median(least):>10,.0f} rows/s")
        print(f"matched             {rows / median(ours):>10,.0f} rows/s  ratio {median(ours) / median(least):.2f}")
        print(f"hits {hits} ({named} rows name a base outright)")
        tracemalloc.start()
        screened(paths[:1], places)
        peak = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        print(f"memory for an archive of {unpacked / len(paths):.1f} MB unpacked: {peak:.1f} MB at most, "
              f"process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:,.0f} MB")  # fmt: skip
        if options.profile:
            profile = cProfile.Profile()
            profile.runcall(screened, paths, places)
            pstats.Stats(profile).sort_stats("cumulative").print_stats(25)


if __name__ == "__main__":
    main()
