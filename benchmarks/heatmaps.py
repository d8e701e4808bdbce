"""What each way to read a day costs, and whether they agree: `python benchmarks/heatmaps.py`.

Makes a synthetic global day (seeded; `heatmaps_sky.py` flies it, `heatmaps_files.py` writes it): traces, and the
heatmap files that follow from the same points. The same archive is then read by its traces, by its heatmaps and by
both, in turn in one process, and each is held against a bare walk, read and libdeflate gunzip of its traces before it.
Ratios are of CPU seconds; medians, least and greatest are shown. What a day costs whatever its size is measured on one
in 256 of its aircraft; `whole` is with it. The targets are for a day of true size: a small one costs more a point.

    --positions N  positions in the heatmaps (default 2,000,000); 60000000 is a day of true size and takes some minutes
    --traces N     aircraft (default: as many for the positions as a day of 60 M has, 22,000)
    --keep FOLDER  where the day is made, and kept for the next time
    --repeats N    measurements of each figure (default 3)
    --bases NAMES  some of: 52 130 drawn; the first 52 shipped bases, all of them, and 52 of them with the rest drawn
                   from the airfields of the world, which lie where much more is flown (default 52 130)
    --only NAMES   some of: rule speed memory growth agreement
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import decode
import deflate
import heatmaps_files as files
import heatmaps_sky as sky
import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from basewatch import config
from basewatch.lake.recording import record
from basewatch.lake.store import Lake
from basewatch.readsb.tar_index import Member, Volume, walk
from basewatch.reference import load
from basewatch.reference.rows import BaseRow
from basewatch.sources import contract
from basewatch.sources.contract import Context, Window
from basewatch.sources.readsb_archive import decoding, local

SEED = 12
WAYS = ("traces", "heatmap", "auto")
TARGETS = {"traces": None, "heatmap": 0.6, "auto": 1.0}
MOST_MB = 300.0
MOST_GROWTH = 1.15  # of the ratio to the floor, from a quarter of a day to all of it
POINT_COLUMNS = ["icao24", "base_id", "is_ground", "distance_km", "altitude_baro_ft", "altitude_geom_ft"]
LANDED_KM = 5.0  # on the ground so near a base
IS_OFFERED = "read" in config.ReadsbArchive.model_fields
SHOWN = 5  # aircraft that are named of those that differ
COMPARED = 200  # aircraft whose heatmap records are derived anew


@dataclass(frozen=True)
class Cost:
    """Seconds that a piece of work took: of the processor, and of the clock."""

    cpu: float
    wall: float


def archive(folder: Path) -> list[Path]:
    """The files of a folder's tar, in order."""
    return sorted(path for path in folder.iterdir() if path.name.startswith(files.NAME))


# ---- bases


def base_sets(names: Sequence[str]) -> dict[str, list[BaseRow]]:
    """The sets of bases with these names."""
    shipped = list(load.tables(config.Settings()).rows["bases"])
    sets = {"52": shipped[:52], "130": shipped}
    if "drawn" in names:
        sets["drawn"] = [*shipped[:52], *_drawn(shipped[52:])]
    return {name: sets[name] for name in names}


def _drawn(rows: Sequence[BaseRow]) -> list[BaseRow]:
    """The rows moved to other airfields of the world."""
    fields = load.tables(config.Settings()).rows["fields"]
    numbers = np.random.default_rng([SEED, 6]).choice(len(fields), len(rows), replace=False)
    places = [fields[number] for number in numbers]
    return [
        row.model_copy(
            update={"latitude": place.latitude, "longitude": place.longitude, "elevation_ft": place.elevation_ft}
        )
        for row, place in zip(rows, places, strict=True)
    ]


def context(folder: Path, bases: Sequence[BaseRow], way: str, processes: int = 1) -> Context[Any]:
    """A context with these bases for the archive in a folder, to be read in one of the ways."""
    values: dict[str, Any] = {"enabled": True, "location": str(folder), "processes": processes}
    if IS_OFFERED:
        values["read"] = way
    loaded = config.Settings(sources=config.Sources(readsb_archive=config.ReadsbArchive(**values)))
    tables = load.tables(loaded)
    tables = dataclasses.replace(tables, rows={**tables.rows, "bases": list(bases)})
    about = contract.context("readsb_archive", loaded, tables, load.params(loaded), datetime.now(UTC))
    return dataclasses.replace(about, landing=folder / "landing")


# ---- what is measured


def bare(folder: Path, part: bytes) -> None:
    """Walk over the archive, read the members of a part of it (traces or heatmap), and unpack them."""
    for _ in members(folder, part):
        pass


def read_day(about: Context[Any]) -> None:
    """Decode the day; what it gives is not recorded."""
    landed = local.fetch(Window("readsb_archive", files.DAY, files.DAY), about)
    for _ in decoding.decode(landed, about):
        pass


def measured(work: Callable[[], Any]) -> Cost:
    """What a piece of work costs."""
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return Cost(time.process_time() - cpu, time.perf_counter() - wall)


def in_turn(works: Mapping[str, Callable[[], Any]], repeats: int) -> dict[str, list[Cost]]:
    """What each piece of work costs, one after the other in turn, after one turn that is not measured."""
    for work in works.values():
        work()
    turns = [{name: measured(work) for name, work in works.items()} for _ in range(repeats)]
    return {name: [turn[name] for turn in turns] for name in works}


def ways() -> tuple[str, ...]:
    """The ways that this tree offers; says which it does not."""
    if IS_OFFERED:
        return WAYS
    print("  skipped, since [sources.readsb_archive] has no setting `read`: heatmap, auto")
    return ("traces",)


def shown(way: str) -> str:
    """A way's name in print."""
    return "both" if way == "auto" else way


def verdict(value: float, target: float | None, unit: str = "") -> str:
    """Whether a value keeps to a target."""
    return "" if target is None else f"  target ≤ {target:g}{unit}: {'met' if value <= target else 'MISSED'}"


# ---- sections


def rule_section(folder: Path, made: files.Made) -> None:
    """Derive the heatmap records of some aircraft from their traces anew, point by point, as readsb does."""
    traces: dict[int, dict[str, Any]] = {}
    filed: dict[int, list[tuple[int, ...]]] = {}
    for _, data in members(folder, b"traces", every=max(made.traces // COMPARED, 1)):
        trace = json.loads(data)
        traces[int(trace["icao"].lstrip("~"), 16) | (sky.NON_ICAO if "~" in trace["icao"] else 0)] = trace
    for member, data in members(folder, b"heatmap"):
        half_hour = int(member.name[-10:-8])
        records = np.frombuffer(data, files.RECORD)
        starts = records["hex"][: files.SLICES]
        address = records["hex"] & (2 * sky.NON_ICAO - 1)
        chosen = np.flatnonzero(np.isin(address, list(traces)))
        chosen = chosen[(chosen >= files.SLICES) & (records["hex"][chosen] != files.SLICE_MARK)]
        slices = np.searchsorted(starts, chosen, "right") - 1
        for number, slice_number in zip(chosen, slices, strict=True):
            row = (half_hour, int(slice_number), *(int(value) for value in records[number].tolist()[1:]))
            filed.setdefault(int(address[number]), []).append(row)
    unlike = [address for address, trace in traces.items() if sorted(filed.get(address, [])) != plain_records(trace)]
    print(
        f"heatmap records derived anew from traces, point by point: {sum(map(len, filed.values()))} of {len(traces)} "
        f"aircraft, {len(unlike)} aircraft differ{verdict(len(unlike), 0)}",
        flush=True,
    )


def members(folder: Path, part: bytes, every: int = 1) -> Iterator[tuple[Member, bytearray]]:
    """Each so-manieth member of a part of the archive (traces or heatmap), unpacked."""
    volume = Volume(archive(folder))
    entries = (entry for entry in walk(volume) if isinstance(entry, Member) and entry.name.startswith(b"./%b/" % part))
    for member in islice(entries, 0, None, every):
        yield member, deflate.gzip_decompress(volume.read(member.offset, member.size))
    volume.close()


def plain_records(trace: dict[str, Any]) -> list[tuple[int, ...]]:
    """What the day's heatmaps hold of a trace, sorted: half hour, slice, and the record's fields but for the first."""
    rows = []
    half_hour_s, slice_s = files.HALF_HOUR_CS / 100, files.SLICE_CS / 100
    for half_hour in range(files.HALF_HOURS):
        start = half_hour * half_hour_s
        following, slice_number, info_due, called = start, 0, start, None
        for number, (seconds, latitude, longitude, height, speed, _, _, _, details, *_) in enumerate(trace["trace"]):
            if not start <= seconds <= start + half_hour_s:
                continue
            if number % 4 == 0:
                call = (details["squawk"], details.get("flight", ""))
                if seconds >= info_due or call != called:
                    info_due, called = round(seconds + files.INFO_CS / 100, 2), call
                    if slice_number < files.SLICES:
                        letters = np.frombuffer(call[1].encode().ljust(8, b"\0"), np.dtype("<i4, <i2, <i2"))
                        rows.append((half_hour, slice_number, files.INFO_BIT | int(call[0]), *letters[0].tolist()))
            if seconds < following or height is None:
                continue
            while seconds > following + slice_s:
                following += slice_s
                slice_number += 1
            steps = sky.GROUND if height == "ground" else round(height / 25)
            tenths = sky.NO_SPEED if speed is None else round(speed * 10)
            rows.append((half_hour, slice_number, round(latitude * 1e6), round(longitude * 1e6), steps, tenths))
            following += slice_s
            slice_number += 1
    return sorted(rows)


def speed_section(folder: Path, tiny: Path, made: files.Made, sets: dict[str, list[BaseRow]], repeats: int) -> None:
    print("CPU seconds against walk + read + gunzip of the traces, one process")
    works: dict[str, Callable[[], Any]] = {"inflate": lambda: bare(folder, b"heatmap")}
    fixed_works: dict[str, Callable[[], Any]] = {}
    for way in ways():
        for name, bases in sets.items():
            for where, kept in ((folder, works), (tiny, fixed_works)):
                about = context(where, bases, way)
                if where is folder:  # its own floor just before it: the machine's pace changes within a turn
                    kept[f"floor of {way} {name}"] = lambda: bare(folder, b"traces")
                kept[f"{way} {name}"] = lambda about=about: read_day(about)  # type: ignore[misc]
    fixed = {name: median(c.cpu for c in costs) for name, costs in in_turn(fixed_works, repeats).items()}
    costs = in_turn(works, repeats)
    floors = [cost for name, of_name in costs.items() if name.startswith("floor") for cost in of_name]
    for of_name, count, what, unit in (
        (floors, made.points, "gunzip of the traces: the floor", "point"),
        (costs["inflate"], made.positions + made.infos, "inflate of the heatmaps", "record"),
    ):
        cpu, wall = (median(getattr(cost, kind) for cost in of_name) for kind in ("cpu", "wall"))
        per = f"{cpu / count * 1e9:.0f} ns a {unit}"
        print(f"  {what:<34} {cpu:6.2f} CPU s, {wall:6.2f} s of the clock, {per}")
    for name in fixed_works:
        least = [cost.cpu for cost in costs[f"floor of {name}"]]
        way, set_name = name.split()
        cpu, wall = (median(getattr(cost, kind) for cost in costs[name]) for kind in ("cpu", "wall"))
        whole = decode.ratio([cost.cpu for cost in costs[name]], least)
        rest = decode.ratio([cost.cpu for cost in costs[name]], least, fixed[name])
        title = f"{shown(way)}, {_title(set_name)}"
        print(
            f"  {title:<34} {cpu:6.2f} CPU s, {wall:6.2f} s of the clock, whole {whole[0]:.2f} x [{whole[1]:.2f}–"
            f"{whole[2]:.2f}], {rest[0]:.2f} x without the fixed {fixed[name]:.2f} s"
            f"{verdict(whole[0], TARGETS[way])}",
            flush=True,
        )


def _title(bases: str) -> str:
    return "52 bases and 78 drawn" if bases == "drawn" else f"{bases} bases"


def memory_section(folder: Path, sets: dict[str, list[BaseRow]]) -> None:
    print("peak memory, two processes")
    for way in ways():
        for name in sets:
            answer = in_child(folder, way, name, "memory")
            print(
                f"  {shown(way):<8} {_title(name):<22} {answer['worker_mb']:4.0f} MB a worker, "
                f"{answer['parent_mb']:4.0f} MB the parent{verdict(answer['worker_mb'], MOST_MB, ' MB')}",
                flush=True,
            )


def growth_section(folder: Path, work: Path, made: files.Made, sets: dict[str, list[BaseRow]], repeats: int) -> None:
    print("a quarter, a half and all of the day's aircraft: CPU a position, and against the floor of the same turn")
    name = list(sets)[-1]
    shares = {}
    for quarters in (1, 2):
        where = work / f"{quarters}-quarters"
        shares[quarters] = (where, files.write_share(archive(folder), where, quarters * files.SHARES // 4))
    shares[4] = (folder, made.positions)
    for way in ways():
        ratios, figures = {}, []
        for quarters, (where, positions) in shares.items():
            answer = in_child(where, way, name, "cpu", repeats)
            ratios[quarters] = answer["ratio"]
            figures.append(f"{quarters}/4 {answer['cpu'] / positions * 1e9:.0f} ns, {answer['ratio']:.2f} x")
        slope = ratios[4] / ratios[1]
        print(
            f"  {shown(way):<8} {_title(name)}: {'; '.join(figures)}: growth {slope:.2f}{verdict(slope, MOST_GROWTH)}"
        )
        sys.stdout.flush()


def in_child(folder: Path, way: str, bases: str, what: str, repeats: int = 1) -> dict[str, float]:
    """Measure in a process of its own, so that nothing of what was done before counts."""
    command = [sys.executable, __file__, "--child", str(folder), way, bases, what, "--repeats", str(repeats)]
    answer: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return answer


def child(folder: Path, way: str, bases: str, what: str, repeats: int) -> None:
    """CPU seconds of one process and their ratio to the floor, or peak memory with two processes, as JSON."""
    rows = base_sets([bases])[bases]
    if what == "cpu":
        about = context(folder, rows, way)
        costs = in_turn({"floor": lambda: bare(folder, b"traces"), "day": lambda: read_day(about)}, repeats)
        seconds = {name: [cost.cpu for cost in made] for name, made in costs.items()}
        print(json.dumps({"cpu": median(seconds["day"]), "ratio": decode.ratio(seconds["day"], seconds["floor"])[0]}))
        return
    decoding.SMALL = 0
    worker_mb, parent_mb = decode.peaks_mb(lambda: read_day(context(folder, rows, way, processes=2)))
    print(json.dumps({"worker_mb": worker_mb, "parent_mb": parent_mb}))


@dataclass(frozen=True)
class Reading:
    """What one way gave. rows, sizes: by lake table, sizes in bytes. Sets are of aircraft and base.

    near: heard near the base; near_at_height: with a height there, or on the ground. landed: on the ground at it.
    """

    ledger: str
    rows: dict[str, int]
    sizes: dict[str, int]
    near: set[tuple[str, str]]
    near_at_height: set[tuple[str, str]]
    landed: set[tuple[str, str]]


def reading(folder: Path, bases: Sequence[BaseRow], way: str) -> Reading:
    """Read the day into a lake of its own, and look at what stands there."""
    about = context(folder, bases, way)
    work = Path(tempfile.mkdtemp(prefix="lake-", dir=folder))
    lake = Lake(work)
    landed = local.fetch(Window("readsb_archive", files.DAY, files.DAY), about)
    recorded = record(lake, "readsb_archive", decoding.decode(landed, about), "benchmark")
    rows: dict[str, int] = {}
    sizes: dict[str, int] = {}
    near: set[tuple[str, str]] = set()
    near_at_height: set[tuple[str, str]] = set()
    on_ground: set[tuple[str, str]] = set()
    has_height = pc.field("is_ground") | ~(
        pc.field("altitude_baro_ft").is_null() & pc.field("altitude_geom_ft").is_null()
    )
    for note in recorded.rows:
        for part in note.parts:
            path = lake.folder / part
            table = part.split("/")[0]
            rows[table] = rows.get(table, 0) + pq.ParquetFile(path).metadata.num_rows
            sizes[table] = sizes.get(table, 0) + path.stat().st_size
            if table == "track_points":
                points = pq.read_table(path, columns=POINT_COLUMNS)
                near |= _pairs(points)
                near_at_height |= _pairs(points.filter(has_height))
                on_ground |= _pairs(points.filter(pc.field("is_ground") & (pc.field("distance_km") <= LANDED_KM)))
    note = recorded.rows[0]
    how = getattr(note, "source_detail", "") or ""
    shutil.rmtree(work)
    ledger = f"{note.status}: {how}{'; ' + note.error if note.error else ''}"
    return Reading(ledger, rows, sizes, near, near_at_height, on_ground)


def _pairs(table: Any) -> set[tuple[str, str]]:
    return set(zip(table["icao24"].to_pylist(), table["base_id"].to_pylist(), strict=True))


def agreement_section(folder: Path, sets: dict[str, list[BaseRow]]) -> None:
    name = list(sets)[-1]
    print(f"the same day read each way, {_title(name)}: what stands in the lake")
    readings = {way: reading(folder, sets[name], way) for way in ways()}
    for way, one in readings.items():
        print(f"  {shown(way):<8} {one.ledger}")
        for table in sorted(one.rows):
            print(f"    {table:<20} {one.rows[table]:>9,} rows {one.sizes[table] / 1e6:8.2f} MB")
        print(f"    {len(one.near):,} aircraft at bases, {len(one.landed):,} on the ground within {LANDED_KM:g} km")
    usual = readings["traces"]
    for way, one in readings.items():
        if way == "traces":
            continue
        lacks = usual.near - one.near
        for what, lacked, added in (
            ("near, by a height", lacks & usual.near_at_height, one.near_at_height - usual.near),
            ("near, by points without a height", lacks - usual.near_at_height, one.near - usual.near),
            ("on the ground", usual.landed - one.landed, one.landed - usual.landed),
        ):
            lines = f"{_differences(lacked, 'lacks')}, {_differences(added, 'adds')}"
            print(f"  {shown(way)} against traces, {what}: {lines}", flush=True)


def _differences(pairs: set[tuple[str, str]], word: str) -> str:
    some = ", ".join(f"{aircraft} at {base}" for aircraft, base in sorted(pairs)[:SHOWN])
    return f"{word} {len(pairs)}{f' ({some})' if some else ''}"


# ---- the day


def day_in(folder: Path, positions: int, traces: int) -> files.Made:
    """The day in a folder, made now unless it is there already."""
    about = folder / "made.json"
    asked = {"positions": positions, "traces": traces, "seed": SEED}
    if about.exists():
        kept = json.loads(about.read_text())
        if kept["asked"] == asked:
            return files.Made(**kept["made"])
        raise SystemExit(f"{folder} holds another day, of {kept['asked']}: name another folder")
    started = time.perf_counter()
    made = files.write_day(folder, positions, traces, SEED, 2, lambda text: print(f"  {text}", flush=True))
    about.write_text(json.dumps({"asked": asked, "made": dataclasses.asdict(made)}))
    print(f"  made in {time.perf_counter() - started:.0f} s")
    return made


def show_day(made: files.Made) -> None:
    """Say what the day holds."""
    records = made.positions + made.infos
    print(f"  {made.traces} traces, {made.points / 1e6:.2f} M points, {made.trace_bytes / made.points:.1f} B a point")
    print(
        f"  {made.positions / 1e6:.2f} M positions and {made.infos / 1e6:.2f} M callsigns in heatmaps, "
        f"{made.heat_bytes / records:.1f} B a record, {made.heat_bytes / made.bytes:.0%} of the archive's "
        f"{made.bytes / 1e6:.0f} MB",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--positions", type=int, default=2_000_000)
    parser.add_argument("--traces", type=int)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--bases", nargs="*", default=["52", "130"], choices=["52", "130", "drawn"])
    parser.add_argument("--only", nargs="*", default=["rule", "speed", "memory", "growth", "agreement"])
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        folder, way, bases, what = options.child
        child(Path(folder), way, bases, what, options.repeats)
        return
    traces = options.traces or options.positions * 22_000 // 60_000_000
    if traces < sky.LOTS:
        parser.error(f"a day has at least {sky.LOTS} traces, one in each folder")
    sets = base_sets(options.bases)
    with tempfile.TemporaryDirectory() as name:
        folder = options.keep or Path(name) / "day"
        folder.mkdir(parents=True, exist_ok=True)
        print(f"a day of {options.positions / 1e6:g} M positions, {traces} traces")
        made = day_in(folder, options.positions, traces)
        show_day(made)
        if "rule" in options.only:
            rule_section(folder, made)
        if "speed" in options.only:
            tiny = Path(name) / "tiny"
            files.write_share(archive(folder), tiny, 1)
            speed_section(folder, tiny, made, sets, options.repeats)
        if "memory" in options.only:
            memory_section(folder, sets)
        if "growth" in options.only:
            growth_section(folder, Path(name), made, sets, options.repeats)
        if "agreement" in options.only:
            agreement_section(folder, sets)


if __name__ == "__main__":
    main()
