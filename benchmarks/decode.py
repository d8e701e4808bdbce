"""How fast a day's trace archive is decoded, against the least that reading it can cost: `python benchmarks/decode.py`.

Makes a day of its own (seeded, in a temporary folder) and measures decoding against a bare walk, read and libdeflate
gunzip of the same tar in the same run, one after the other in turn, median of five. Ratios are of CPU seconds in one
process. What a day costs whatever its size (tables, expressions, imports) is measured on an archive of one trace and
shown apart: `ratio` is without it, `whole` with it, and a day of 70,000 traces has sixty times the default's points.

    --traces N     traces of the day (default 1200, a thousand points each); 72000 is a day of true size
    --repeats N    measurements of each figure (default 5)
    --only NAMES   some of: near hub modes processes growth lost peers
    --peers        also orjson to polars, orjson to pandas, DuckDB read_json and traffic, as far as they are installed
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import gzip
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import deflate
import numpy as np
import pyarrow.parquet as pq

from basewatch import config
from basewatch.lake.events import Rows
from basewatch.readsb import decoder
from basewatch.readsb.decoder import Decoder, _Part
from basewatch.readsb.tar_index import Member, Volume, walk
from basewatch.reference import load
from basewatch.sources import contract
from basewatch.sources.contract import Context, Window
from basewatch.sources.readsb_archive import decoding, local

DAY = date(2025, 3, 14)
STAMP = datetime(2025, 3, 14, tzinfo=UTC).timestamp()
KM_20 = {"archive_ring_outer_nm": 20 / 1.852, "archive_ring_inner_nm": 20 / 1.852}
PLAIN = '[%.2f,%f,%f,%s,%.1f,%.1f,0,%d,null,"adsb_icao",%d,%d,%d,%.1f]'
DETAILED = (
    '[%.2f,%f,%f,%s,%.1f,%.1f,0,%d,{"type":"adsb_icao","flight":"%s","alt_geom":%d,"ias":%d,"tas":%d,"mach":0.%d,'
    '"track":%.2f,"baro_rate":%d,"squawk":"1660","emergency":"none","category":"A3","nav_qnh":1013.6,'
    '"nav_altitude_mcp":24000,"nav_heading":%.2f,"nic":8,"rc":186,"version":2,"nic_baro":1,"nac_p":10,"nac_v":2,'
    '"sil":3,"sil_type":"perhour","gva":2,"sda":2,"alert":0,"spi":0},"adsb_icao",%d,%d,%d,%.1f]'
)


# ---- a day of one's own


def trace(rng: np.random.Generator, icao: str, points: int, target: Any, military: bool) -> bytes:
    """One flight of so many points in readsb's form; towards a target (latitude, longitude, elevation) or anywhere."""
    # a point every few seconds low down and in turns, every half minute in cruise, as readsb thins them
    share = np.linspace(0, 1, points)
    seconds = np.cumsum(rng.uniform(3, 22, points)) + rng.uniform(0, max(86_000 - 13 * points, 1))
    distance = (1 - share) ** 1.75 * points * 2.4  # km to go: the last 20 of them in some 65 points of a thousand
    course = rng.uniform(0, 2 * np.pi)
    if target is None:
        target = (rng.uniform(-56, 68), rng.uniform(-179, 179), 0.0)
    top = rng.uniform(8, 39) * 1000
    altitude = np.minimum(target[2] + distance * 165, top) // 25 * 25
    latitude = np.clip(target[0] + distance / 111 * np.cos(course) + rng.normal(0, 2e-4, points), -89, 89)
    longitude = target[1] + distance / 111 * np.sin(course) / np.cos(np.radians(latitude)) + rng.normal(0, 2e-4, points)
    longitude = (longitude + 180) % 360 - 180
    speed = 130 + np.minimum(altitude / 100, 330) + rng.normal(0, 1, points)
    track = (np.degrees(course) + 180 + rng.normal(0, 1, points)) % 360
    rate = np.where(altitude < top, -1400, 0) + rng.integers(-2, 3, points) * 64
    flight = f"ABC{rng.integers(10, 9999)}".ljust(8)
    lines = []
    columns = (seconds, latitude, longitude, altitude, speed, track, rate, rng.normal(0, 3, points))
    for number, (t, lat, lon, alt, kt, deg, fpm, roll) in enumerate(zip(*(c.tolist() for c in columns), strict=True)):
        height = '"ground"' if alt < target[2] + 30 and number > points - 12 else f"{alt:.0f}"
        end = (alt + 325, fpm, kt - 60, roll)
        if number % 4:
            lines.append(PLAIN % (t, lat, lon, height, kt, deg, fpm, *end))
        else:
            extra = (flight, alt + 325, kt - 60, kt - 20, kt, deg, fpm, deg)
            lines.append(DETAILED % (t, lat, lon, height, kt, deg, fpm, *extra, *end))
    head = (
        f'{{"icao":"{icao}",\n"r":"N{icao.upper()}",\n"t":"B739",\n"dbFlags":{int(military)},\n"desc":"BOEING 737-900",'
        f'\n"ownOp":"SOME AIRLINE",\n"year":"2018",\n"timestamp": {STAMP:.3f},\n"trace":[ \n'
    )
    return (head + ",\n".join(lines) + " ]\n }\n").encode()


def write_day(
    folder: Path, traces: int, points: int, near_share: float, places: list[Any], copies: int = 1, level: int = 6
) -> int:
    """Write a day's tar: `near_share` of its traces land at one of the places. Returns the number of points.

    With `copies`, only one in so many flights is made, and flown by as many aircraft: large archives in little time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(20250314)
    total = count = 0
    text = b""
    with tarfile.open(folder / f"v{DAY:%Y.%m.%d}-planes-readsb-prod-0.tar", "w", format=tarfile.GNU_FORMAT) as archive:
        order = rng.permutation(256)
        for number in range(traces):
            # one in fifty is of the block in which a callsign tells the fleet, the others of one without rules
            block = 0x1000 if number % 50 == 0 else 0xA000
            icao = f"{block + number % 0x0D00:04x}{order[number * 256 // traces]:02x}"
            if number % copies == 0:
                count = max(int(rng.gamma(2, points / 2)), 5)
                target = places[rng.integers(len(places))] if rng.random() < near_share else None
                text = trace(rng, "------", count, target, rng.random() < 0.013)
            data = deflate.gzip_compress(text.replace(b"------", icao.encode(), 1), level)
            info = tarfile.TarInfo(f"./traces/{icao[-2:]}/trace_full_{icao}.json")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(bytes(data)))
            total += count
    return total


# ---- what is measured


def floor(tar: Path) -> None:
    """The least that reading the day can cost: walk, read and gunzip every member."""
    volume = Volume([tar])
    for member in walk(volume):
        if isinstance(member, Member):
            deflate.gzip_decompress(volume.read(member.offset, member.size))
    volume.close()


def tar_of(folder: Path) -> Path:
    return next(folder.glob("*.tar"))


def context(folder: Path, bases: int, params: dict[str, Any], **settings: Any) -> Context[Any]:
    """A context with the first so many shipped bases (0: all) and an archive in `folder`."""
    values = {"enabled": True, "location": str(folder), "processes": 1, **settings}
    loaded = config.Settings(sources=config.Sources(readsb_archive=config.ReadsbArchive(**values)))
    tables = load.tables(loaded)
    if bases:
        tables = dataclasses.replace(tables, rows={**tables.rows, "bases": tables.rows["bases"][:bases]})
    shipped = load.params(loaded)
    changed = dataclasses.replace(shipped, thresholds=shipped.thresholds.model_copy(update=params))
    about = contract.context("readsb_archive", loaded, tables, changed, datetime.now(UTC))
    return dataclasses.replace(about, landing=folder / "landing")


def decode(about: Context[Any]) -> tuple[int, int]:
    """Decode the day; near points and bytes of Parquet."""
    landed = local.fetch(Window("readsb_archive", DAY, DAY), about)
    points = size = 0
    for event in decoding.decode(landed, about):
        if isinstance(event, Rows) and isinstance(event.data, Path):
            size += event.data.stat().st_size
            if event.table == "track_points":
                points += pq.ParquetFile(event.data).metadata.num_rows
    return points, size


def cpu(work: Callable[[], Any]) -> float:
    gc.collect()
    before = time.process_time()
    work()
    return time.process_time() - before


def in_turn(works: list[Callable[[], Any]], repeats: int) -> list[list[float]]:
    """CPU seconds of each piece of work, one after the other in turn, after one unmeasured turn."""
    for work in works:
        work()
    turns = [[cpu(work) for work in works] for _ in range(repeats)]
    return [list(column) for column in zip(*turns, strict=True)]


def ratio(upper: list[float], lower: list[float], less: float = 0.0) -> tuple[float, float, float]:
    """Median, least and greatest of the ratios of measurements made in the same turn."""
    found = sorted((a - less) / b for a, b in zip(upper, lower, strict=True))
    return median(found), found[0], found[-1]


def show(name: str, found: tuple[float, float, float], target: float | None, more: str = "") -> None:
    middle, least, most = found
    verdict = "" if target is None else f"  target ≤ {target:g}: {'met' if middle <= target else 'MISSED'}"
    print(f"  {name:<44} {middle:5.2f} x  [{least:.2f}–{most:.2f}]{verdict}{more}", flush=True)


def fixed_cost(folder: Path, bases: int, params: dict[str, Any], repeats: int, **settings: Any) -> float:
    """CPU seconds of a day of one trace."""
    about = context(folder / "one", bases, params, **settings)
    return median(in_turn([lambda: decode(about)], repeats)[0])


def versus_floor(
    folder: Path, name: str, points: int, bases: int, params: dict[str, Any], repeats: int, target: float, **more: Any
) -> None:
    """Print the ratio of decoding to the floor."""
    about = context(folder, bases, params, **more)
    near, size = decode(about)
    fixed = fixed_cost(folder.parent, bases, params, repeats, **more)
    ours, least = in_turn([lambda: decode(about), lambda: floor(tar_of(folder))], repeats)
    rate = points / (median(ours) - fixed)
    show(
        name,
        ratio(ours, least, fixed),
        target,
        f"  {rate / 1e6:.2f} M points/s, {near / points:.2%} near; whole {ratio(ours, least)[0]:.2f} x, "
        f"fixed {fixed:.2f} s, {size / max(near, 1):.0f} B/near point",
    )


# ---- sections


def near_section(folder: Path, sets: dict[float, int], repeats: int) -> None:
    print("decode against walk + read + gunzip, CPU, one process")
    for share, target in ((0.015, 1.6), (0.10, 2.2)):
        where = folder / f"near{share}"
        versus_floor(where, f"{share:.1%} of traces near, 52 bases, 20 km", sets[share], 52, KM_20, repeats, target)
    for share in (0.015, 0.10):
        where = folder / f"near{share}"
        versus_floor(where, f"{share:.1%} near, 130 bases, rings 60/15 NM", sets[share], 0, {}, repeats, 3.0)


def hub_section(folder: Path, points: int, repeats: int) -> None:
    print("as if every third flight landed at a watched base (a hub next door), and where the time goes")
    versus_floor(folder / "near0.33", "33 % near, 130 bases, rings 60/15 NM", points, 0, {}, repeats, 3.0)
    for share in (0.10, 0.33):
        where_the_time_goes(folder / f"near{share}", share)


def where_the_time_goes(folder: Path, share: float) -> None:
    """Self-made profile: seconds inside each step, the steps being wrapped one by one."""
    about = context(folder, 0, {})
    spent: dict[str, float] = {}

    def wrap(owner: Any, name: str, label: str) -> Callable[[], None]:
        original = getattr(owner, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.process_time()
            try:
                return original(*args, **kwargs)
            finally:
                spent[label] = spent.get(label, 0.0) + time.process_time() - start

        setattr(owner, name, timed)
        return lambda: setattr(owner, name, original)

    steps = [
        (local, "_index", "header walk"),
        (Decoder, "read", "read"),
        (decoder, "gunzip", "gunzip"),
        (decoder, "lines", "grammar guard"),
        (decoder, "parse_near", "search and typed parse"),
        (decoder, "frame", "columns"),
        (decoder, "near", "exact distances"),
        (decoder, "measure", "background measures"),
        (decoder, "point_rows", "rows"),
        (_Part, "_edges", "edges"),
        (_Part, "_write", "rows aside"),
        (decoding._Parts, "_write", "Parquet"),
    ]
    restore = [wrap(*step) for step in steps]
    total = cpu(lambda: decode(about))
    for undo in restore:
        undo()
    rest = total - sum(spent.values())
    parts = ", ".join(f"{label} {seconds / total:.0%}" for label, seconds in sorted(spent.items(), key=lambda i: -i[1]))
    print(f"    {share:.0%} near: {parts}, the rest {rest / total:.0%} (timing itself included)", flush=True)


def modes_section(folder: Path, repeats: int) -> None:
    print("backfill modes against the same floor (1.3 % of traces have the military flag)")
    for scan, target in (("military", 0.35), ("watch_list", 0.25)):
        where = folder / "near0.015"
        about = context(where, 0, {}, scan=scan)
        fixed = fixed_cost(folder, 0, {}, repeats, scan=scan)
        ours, least = in_turn([lambda a=about: decode(a), lambda w=where: floor(tar_of(w))], repeats)  # type: ignore[misc]
        show(scan, ratio(ours, least, fixed), target, f"  whole {ratio(ours, least)[0]:.2f} x")


def processes_section(folder: Path, traces: int, repeats: int, places: list[Any]) -> None:
    where = folder / "large"
    points = write_day(where, traces * 16, 1000, 0.015, places, copies=16, level=1)
    print(f"two processes against one, wall time without start-up, {points / 1e6:.1f} M points; least of {repeats}")
    decoding.SMALL = 0
    one, many = ({n: context(path, 0, {}, processes=n) for n in (1, 2)} for path in (folder / "one", where))
    works: dict[str, Callable[[], Any]] = {
        "start 1": lambda: decode(one[1]),
        "start 2": lambda: decode(one[2]),
        "floor 1": lambda: floor_in(tar_of(where), 1),
        "floor 2": lambda: floor_in(tar_of(where), 2),
        "decode 1": lambda: decode(many[1]),
        "decode 2": lambda: decode(many[2]),
    }
    least = dict.fromkeys(works, float("inf"))
    for _ in range(repeats):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            least[name] = min(least[name], time.perf_counter() - start)
    gain = (least["decode 1"] - least["start 1"]) / (least["decode 2"] - least["start 2"])
    bare = least["floor 1"] / least["floor 2"]
    rate = points / (least["decode 2"] - least["start 2"]) / 1e6
    print(
        f"  speed-up {gain:.2f}  target ≥ 1.6: {'met' if gain >= 1.6 else 'MISSED'}; the floor itself {bare:.2f} now, "
        f"with other work\n  on the machine (load {os.getloadavg()[0]:.1f}): {gain / bare:.2f} of what it can give; "
        f"{rate:.1f} M points/s on two; start-up {least['start 2']:.2f} s",
        flush=True,
    )


def floor_in(tar: Path, processes: int) -> None:
    """The floor, its members dealt out to forked processes."""
    children = []
    for number in range(processes):
        pid = os.fork()
        if pid == 0:
            volume = Volume([tar])
            members = [found for found in walk(volume) if isinstance(found, Member)]
            for member in members[number * len(members) // processes : (number + 1) * len(members) // processes]:
                deflate.gzip_decompress(volume.read(member.offset, member.size))
            os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)


def growth_section(folder: Path, traces: int, places: list[Any]) -> None:
    print("one, four and sixteen times the traces, two processes, 10 % near, all bases")
    smallest = max(traces // 4, 100)
    results = []
    for times in (1, 4, 16):
        where = folder / f"growth{times}"
        points = write_day(where, smallest * times, 600, 0.10, places, copies=times, level=1)
        command = [sys.executable, __file__, "--child", str(where)]
        answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        results.append((times, points, answer))
        print(
            f"  {times:>2} x: {smallest * times:>6} traces, {points / 1e6:5.2f} M points, {answer['cpu']:.2f} CPU s "
            f"({answer['cpu'] / points * 1e9:.0f} ns/point), worker {answer['worker_mb']:.0f} MB, parent "
            f"{answer['parent_mb']:.0f} MB",
            flush=True,
        )
        for file in where.glob("*.tar"):
            file.unlink()
    growth = results[-1][2]["worker_mb"] / results[0][2]["worker_mb"]
    slope = (results[2][2]["cpu"] - results[1][2]["cpu"]) / (results[2][1] - results[1][1])
    first = (results[1][2]["cpu"] - results[0][2]["cpu"]) / (results[1][1] - results[0][1])
    peak = max(answer["worker_mb"] for *_, answer in results)
    print(
        f"  memory {growth:.2f} x over 16 x (target ≤ 1.25), peak {peak:.0f} MB a worker (target ≤ 200): "
        f"{'met' if growth <= 1.25 and peak <= 200 else 'MISSED'}; each further point costs {first * 1e9:.0f}, then "
        f"{slope * 1e9:.0f} ns",
        flush=True,
    )


def child(folder: Path) -> None:
    """CPU seconds of decoding a folder's day in this process, and peak memory with two others, as JSON."""
    about = context(folder, 0, {})
    seconds = median(in_turn([lambda: decode(about)], 3)[0])
    decoding.SMALL = 0
    worker_mb, parent_mb = peaks_mb(lambda: decode(context(folder, 0, {}, processes=2)))
    print(json.dumps({"cpu": seconds, "worker_mb": worker_mb, "parent_mb": parent_mb}))


def peaks_mb(work: Callable[[], Any]) -> tuple[float, float]:
    """Do some work that starts decoding processes: peak memory in MB of the largest of them, and of this process."""
    peaks: dict[int, float] = {}
    done = threading.Event()

    def watch_children() -> None:
        own = os.getpid()
        while not done.wait(0.02):
            for task in Path(f"/proc/{own}/task").iterdir():
                for pid in _children(task):
                    peaks[pid] = max(peaks.get(pid, 0.0), _peak_mb(pid))

    watcher = threading.Thread(target=watch_children, daemon=True)
    watcher.start()
    try:
        work()
    finally:
        done.set()
        watcher.join()
    return max(peaks.values(), default=0.0), _peak_mb(os.getpid())


def _children(task: Path) -> list[int]:
    try:
        return [int(pid) for pid in (task / "children").read_text().split()]
    except OSError:
        return []


def _peak_mb(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return 0.0
    if pid != os.getpid() and b"basewatch.readsb.workers" not in command:  # just started: still the parent's memory
        return 0.0
    found = [int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")]
    return found[0] if found else 0.0


def lost_section(folder: Path) -> None:
    print("near points against a full parse of the same day (130 bases, rings)")
    about = context(folder / "near0.1", 0, {})
    found = near_keys(about)
    original = decoder.lines
    decoder.lines = lambda text: None  # type: ignore[assignment]  # the decoder then parses every trace whole
    try:
        whole = near_keys(about)
    finally:
        decoder.lines = original
    print(f"  {len(whole)} near points; lost {len(whole - found)}, invented {len(found - whole)}  target 0", flush=True)


def near_keys(about: Context[Any]) -> set[tuple[Any, ...]]:
    landed = local.fetch(Window("readsb_archive", DAY, DAY), about)
    keys: set[tuple[Any, ...]] = set()
    for event in decoding.decode(landed, about):
        if isinstance(event, Rows) and event.table == "track_points":
            assert isinstance(event.data, Path)
            names = ["icao24", "seen_at", "latitude", "longitude", "altitude_baro_ft", "callsign", "base_id"]
            keys |= set(zip(*(pq.read_table(event.data, columns=names).to_pydict()[n] for n in names), strict=True))
    return keys


# ---- peers: the same question, which points lie within 60 NM of a base below 15,000 ft or within 15 NM of one


def peers_section(folder: Path, total: int, repeats: int) -> None:
    print(
        "the points near a base as Parquet, by what a user would take instead: ns a point on one core (imports apart)"
    )
    where = folder / "near0.015"
    members = list(raw_members(tar_of(where)))[:150]
    points = sum(gzip.decompress(data).count(b"\n[") for _, data in members)
    small = folder / "peers"
    small.mkdir()
    with tarfile.open(small / tar_of(where).name, "w") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    for name, number, params in (("52 bases, 20 km", 52, KM_20), ("130 bases, rings 60/15 NM", 0, {})):
        versus_peers(name, number, params, where, small, members, points, total, repeats)


@dataclasses.dataclass(frozen=True)
class Question:
    """Which points are asked for: within `low_nm` of a base if low, within `any_nm` at any height."""

    bases: Any
    low_nm: float
    any_nm: float

    @property
    def box(self) -> float:
        """Half the height of a box around a base, degrees."""
        return self.low_nm / 60 + 0.01


def versus_peers(
    title: str,
    number: int,
    params: dict[str, float],
    where: Path,
    small: Path,
    members: list[tuple[str, bytes]],
    points: int,
    total: int,
    repeats: int,
) -> None:
    whole = context(where, number, params)
    places = np.array([(b.latitude, b.longitude) for b in whole.reference.bases.values()])
    asked = Question(places, params.get("archive_ring_outer_nm", 60), params.get("archive_ring_inner_nm", 15))
    fixed = fixed_cost(where.parent, number, params, repeats)
    ours = (median(in_turn([lambda: decode(whole)], repeats)[0]) - fixed) * points / total
    print(f"  {title}: basewatch {ours / points * 1e9:.0f} ns  (of all {total} points; the others of {points})")
    for name, make, target in (
        ("orjson to polars", polars_peer, 12),
        ("orjson to pandas", pandas_peer, None),
        ("DuckDB read_json, box join", duckdb_peer, 20),
        ("DuckDB read_json, cell join", duckdb_cells_peer, None),
        ("traffic", traffic_peer, 100),
    ):
        try:
            work = make(members, asked, small)
        except ImportError as error:
            print(f"    {name:<28} skipped: {error.name} is not installed here")
            continue
        seconds = median(cpu(work) for _ in range(min(repeats, 3)))
        verdict = "" if target is None else f"  target ≥ {target}: {'met' if seconds / ours >= target else 'MISSED'}"
        print(
            f"    {name:<28} {seconds / points * 1e9:8.0f} ns  basewatch is {seconds / ours:.0f} x faster{verdict}",
            flush=True,
        )


def raw_members(tar: Path) -> Iterator[tuple[str, bytes]]:
    volume = Volume([tar])
    for member in walk(volume):
        if isinstance(member, Member):
            yield member.name.decode(), volume.read(member.offset, member.size)
    volume.close()


def is_near(latitude: Any, longitude: Any, low: Any, asked: Question) -> Any:
    """Box first, then haversine: what a careful user writes."""
    found = np.zeros(len(latitude), bool)
    for lat, lon in asked.bases:
        box = np.flatnonzero(
            (np.abs(latitude - lat) < asked.box) & (np.abs(longitude - lon) < asked.box / np.cos(np.radians(lat)))
        )
        if len(box):
            phi = np.radians(latitude[box])
            a = np.sin((phi - np.radians(lat)) / 2) ** 2
            a += np.cos(phi) * np.cos(np.radians(lat)) * np.sin(np.radians(longitude[box] - lon) / 2) ** 2
            nm = 2 * 3440.07 * np.arcsin(np.sqrt(a))
            found[box] |= (nm <= asked.any_nm) | ((nm <= asked.low_nm) & low[box])
    return found


def polars_peer(members: Any, asked: Question, folder: Path) -> Callable[[], Any]:
    import orjson
    import polars

    def work() -> None:
        kept = []
        for _, data in members:
            trace = orjson.loads(gzip.decompress(data))
            rows = [row[:8] for row in trace["trace"]]
            frame = polars.DataFrame(rows, orient="row", strict=False, infer_schema_length=None).with_columns(
                polars.col("column_3").cast(polars.Float64, strict=False), icao=polars.lit(trace["icao"])
            )
            low = ~(frame["column_3"].to_numpy() >= 15_000)
            kept.append(frame.filter(is_near(frame["column_1"].to_numpy(), frame["column_2"].to_numpy(), low, asked)))
        polars.concat(kept, how="vertical_relaxed").write_parquet(folder / "near.parquet")

    return work


def pandas_peer(members: Any, asked: Question, folder: Path) -> Callable[[], Any]:
    import orjson
    import pandas

    def work() -> None:
        kept = []
        for _, data in members:
            trace = orjson.loads(gzip.decompress(data))
            frame = pandas.DataFrame([row[:8] for row in trace["trace"]])
            frame[3] = pandas.to_numeric(frame[3], errors="coerce")
            low = ~(frame[3].to_numpy() >= 15_000)
            near = frame[is_near(frame[1].to_numpy(float), frame[2].to_numpy(float), low, asked)]
            kept.append(near.assign(icao=trace["icao"]))
        pandas.concat(kept).rename(columns=str).to_parquet(folder / "near.parquet")

    return work


HAVERSINE = """2 * 3440.07 * asin(sqrt(power(sin(radians(p.lat - b.lat) / 2), 2)
    + cos(radians(p.lat)) * cos(radians(b.lat)) * power(sin(radians(p.lon - b.lon) / 2), 2)))
    <= CASE WHEN coalesce(p.alt, 0) < 15000 THEN $low_nm ELSE $any_nm END"""
POINTS = """SELECT icao, p AS point, (p->>1)::DOUBLE AS lat, (p->>2)::DOUBLE AS lon, try_cast(p->>3 AS DOUBLE) AS alt
FROM (
    SELECT icao, unnest(trace) AS p
    FROM read_json($files, columns = {icao: 'VARCHAR', trace: 'JSON[]'}, maximum_object_size = 99999999))"""


KEPT = "p.icao, p.lat, p.lon, p.alt, " + ", ".join(
    f"try_cast(p.point->>{n} AS DOUBLE) AS c{n}" for n in (0, 4, 5, 6, 7)
)


def duckdb_peer(members: Any, asked: Question, folder: Path) -> Callable[[], Any]:
    """The query that one writes first: a box around each base, then the distance."""
    return _duckdb(
        members,
        asked,
        folder,
        f"""SELECT {KEPT} FROM ({POINTS}) AS p JOIN bases AS b ON p.lat BETWEEN b.lat - $box AND b.lat + $box
            AND p.lon BETWEEN b.lon - $box / cos(radians(b.lat)) AND b.lon + $box / cos(radians(b.lat))
            WHERE {HAVERSINE}""",
    )


def duckdb_cells_peer(members: Any, asked: Question, folder: Path) -> Callable[[], Any]:
    """The query that one writes after reading up: an equality join on whole degrees, then the distance."""
    return _duckdb(
        members,
        asked,
        folder,
        f"""WITH cells AS (
                SELECT lat, lon, c::INTEGER AS cell, r::INTEGER AS band
                FROM bases, range((floor(lat) - 1)::INT, (floor(lat) + 2)::INT) AS a (r),
                    range((floor(lon - 2.5))::INT, (floor(lon + 2.5) + 1)::INT) AS o (c)
            )
            SELECT {KEPT} FROM ({POINTS}) AS p JOIN cells AS b
                ON floor(p.lat)::INTEGER = b.band AND floor(p.lon)::INTEGER = b.cell
            WHERE {HAVERSINE}""",
    )


def _duckdb(members: Any, asked: Question, folder: Path, query: str) -> Callable[[], Any]:
    import duckdb

    for number, (_, data) in enumerate(members):
        (folder / f"{number}.json.gz").write_bytes(data)
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("CREATE TABLE bases (lat DOUBLE, lon DOUBLE)")
    connection.executemany("INSERT INTO bases VALUES (?, ?)", asked.bases.tolist())
    target = folder / "near.parquet"
    given = {"files": str(folder / "*.json.gz"), "low_nm": asked.low_nm, "any_nm": asked.any_nm}
    bound = given | ({"box": asked.box} if "$box" in query else {})
    return lambda: connection.execute(f"COPY ({query}) TO '{target}'", bound).fetchall()


def traffic_peer(members: Any, asked: Question, folder: Path) -> Callable[[], Any]:
    import pandas
    from traffic.core import Flight

    wanted = ("timestamp", "icao24", "latitude", "longitude", "altitude", "groundspeed", "track", "vertical_rate")

    def work() -> None:
        kept = []
        for number in range(len(members)):
            flight = Flight.from_readsb(folder / f"{number}.json.gz")
            data = flight.data
            height = pandas.to_numeric(data.altitude, errors="coerce").to_numpy()  # "ground" stands among the numbers
            low = ~(height >= 15_000)
            near = data[is_near(data.latitude.to_numpy(), data.longitude.to_numpy(), low, asked)]
            kept.append(near[list(wanted)].astype({"icao24": str, "altitude": str}))
        pandas.concat(kept).to_parquet(folder / "near.parquet")

    return work


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traces", type=int, default=1200)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=["near", "hub", "modes", "processes", "growth", "lost"])
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child)
        return
    shipped = load.tables(config.Settings())
    every = [(b.latitude, b.longitude, b.elevation_ft or 0.0) for b in shipped.rows["bases"]]
    wanted = set(options.only) | ({"peers"} if options.peers else set())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_day(folder / "one", 1, 10, 0.0, every)
        sets: dict[float, int] = {}
        needed = {"near": (0.015, 0.10), "hub": (0.10, 0.33), "modes": (0.015,), "lost": (0.10,), "peers": (0.015,)}
        for share in sorted({share for section in wanted for share in needed.get(section, ())}):
            start = time.perf_counter()
            sets[share] = write_day(folder / f"near{share}", options.traces, 1000, share, every[:52])
            size = tar_of(folder / f"near{share}").stat().st_size
            print(
                f"made a day of {options.traces} traces, {sets[share] / 1e6:.2f} M points, {share:.1%} landing at a "
                f"base, {size / sets[share]:.1f} B/point, in {timedelta(seconds=round(time.perf_counter() - start))}",
                flush=True,
            )
        if "near" in wanted:
            near_section(folder, sets, options.repeats)
        if "hub" in wanted:
            hub_section(folder, sets[0.33], options.repeats)
        if "modes" in wanted:
            modes_section(folder, options.repeats)
        if "lost" in wanted:
            lost_section(folder)
        if "peers" in wanted:
            peers_section(folder, sets[0.015], options.repeats)
        if "processes" in wanted:
            processes_section(folder, options.traces, options.repeats, every[:52])
        if "growth" in wanted:
            growth_section(folder, options.traces, every[:52])


if __name__ == "__main__":
    main()
