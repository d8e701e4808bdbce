"""Sources that contradict themselves: what a run says of them on its last lines, and what it still counts."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from basewatch import config
from basewatch.reference import load
from tracekit import Point, point, trace, write_tar
from wholeruns import Watch, stay, stays

pytestmark = pytest.mark.e2e

FIRST = date(2025, 3, 1)
WHOLE = 12  # days of the archive that are as they should be
CIVIL, MILITARY = 90, 30
ARCHIVE = '[sources.readsb_archive]\nenabled = true\nlocation = "archive"\nown_receiver = true\nprocesses = 1\n'


def changed(lines: list[str], number: int, **values: str) -> None:
    """Change cells of a record in place, by the column's number in its name."""
    cells = lines[number].split(",")
    for name, value in values.items():
        cells[int(name.removeprefix("c"))] = value
    lines[number] = ",".join(cells)


def test_records_that_contradict_themselves_are_named_and_never_counted(
    tmp_path: Path, bare_environment: dict[str, str]
) -> None:
    watch = Watch(tmp_path, dict(bare_environment))
    watch.configure()
    sound = stays(date(2025, 1, 3), date(2025, 6, 29))
    watch.write_flights(sound)
    done = watch.inside("backfill", "--from", "2025-01-01", "--to", "2025-06-30", "--plain")
    assert done.returncode == 0 and "at odds" not in done.stderr, done.stderr
    (whole,) = watch.query(
        "SELECT sum(arrivals) FROM base_monthly_activity WHERE base_id = 'hmeimim' AND fleet_id = 'all'"
    )
    lines = list(sound)
    changed(lines, 0, c9="2025-01-03T02:10:00Z")  # ten minutes for 1,200 km
    changed(lines, 20, c9="2025-02-02T01:00:00Z")  # landed before it took off
    changed(lines, 40, c8="QXZW")
    changed(lines, 60, c1="000000")
    lines += [line.replace("in-", "copy-") for line in stay(0, datetime(2025, 5, 3, 6, tzinfo=UTC))[:1]]
    changed(lines, len(lines) - 1, c6="UUEE", c7="2025-05-03T06:01:00Z", c8="", c9="")
    watch = Watch(tmp_path / "other", dict(bare_environment))  # to the first one, such a file is one stated anew
    watch.folder.mkdir()
    watch.configure()
    watch.write_flights(lines)
    done = watch.inside("backfill", "--from", "2025-01-01", "--to", "2025-06-30", "--plain")
    assert done.returncode == 0, done.stderr
    last = "\n".join(done.stderr.splitlines()[-6:])
    for sort in (
        "a speed that no aircraft flies",
        "a landing before its take-off",
        "a code that is no field",
        "an address of zeros",
    ):
        assert f"{sort} (1)" in last, last
    assert "flights.csv" in last and "first: line 2: a speed" in last and "docs/trust.md" in last
    (counts,) = watch.query(
        "SELECT sum(arrivals) FROM base_monthly_activity WHERE base_id = 'hmeimim' AND fleet_id = 'all'"
    )
    assert counts[0] < whole[0]
    days = dict(watch.query("SELECT day::VARCHAR, status FROM source_days WHERE scope = 'base:hmeimim'"))
    assert {days[day] for day in ("2025-02-02", "2025-03-04", "2025-04-03")} == {"partial"}
    assert {days["2025-06-01"], days["2025-06-02"]} <= {"ok", "empty"}
    seen = watch.query(
        "SELECT count(*) FROM base_visits WHERE origin_icao = 'QXZW' OR destination_icao = 'QXZW' OR icao24 = '000000'"
    )
    assert seen == [(0,)]
    assert "flights.csv" in watch.inside("status").stdout


def aircraft() -> list[str]:
    """Addresses of a day: civil ones, and some that a register calls military."""
    military = sorted(row.icao24 for row in load.tables(config.Settings()).rows["aircraft"] if row.is_military)
    return [f"4b{number:04x}" for number in range(CIVIL)] + military[:: len(military) // MILITARY][:MILITARY]


def flown(
    day: date, *, until: float = 86_400, north: float = 0.0, seed: int | None = None
) -> Iterator[tuple[str, list[Point]]]:
    """A day's tracks into Hmeimim, every one landing; the last of them towards midnight."""
    chance = random.Random(day.toordinal() if seed is None else seed)
    for number, address in enumerate(aircraft()):
        start = 85_000.0 if number == 0 else 200.0 if number == 1 else chance.uniform(300, 80_000)
        track = [
            point(start + 30 * step, 35.40 + north + 0.02 * (14 - step), 35.95 + chance.uniform(0, 0.01),
                  "ground" if step > 12 else 500 * (14 - step))
            for step in range(16)
        ]  # fmt: skip
        track = [one for one in track if one[0] < until]
        if track:
            yield address, track


def write(watch: Watch, day: date, tracks: Iterator[tuple[str, list[Point]]] | list[tuple[str, list[Point]]]) -> None:
    """Write a day's archive."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
    write_tar(watch.folder / "archive", [trace(address, points, stamp=midnight) for address, points in tracks], day)


def test_archives_that_are_not_whole_or_not_their_own_are_named(
    tmp_path: Path, bare_environment: dict[str, str]
) -> None:
    watch = Watch(tmp_path, dict(bare_environment))
    watch.configure(ARCHIVE, flights=False)
    days = [FIRST + timedelta(days=number) for number in range(WHOLE + 6)]
    for day in days[:WHOLE]:
        write(watch, day, flown(day))
    half, unarmed, short, repeated, moved, quiet = days[WHOLE:]
    armed = set(aircraft()[CIVIL:])
    write(watch, half, list(flown(half))[::2])
    write(watch, unarmed, [one for one in flown(unarmed) if one[0] not in armed])
    write(watch, short, flown(short, until=50_000))
    write(watch, repeated, flown(repeated, seed=days[WHOLE - 1].toordinal()))
    write(watch, moved, flown(moved, north=0.6))
    write(watch, quiet, [one for number, one in enumerate(flown(quiet)) if number % 4 < 3])
    done = watch.inside("backfill", "--from", str(days[0]), "--to", str(days[-1]), "--plain")
    assert done.returncode == 0, done.stderr
    last = "\n".join(line for line in done.stderr.splitlines() if line.startswith("readsb_archive: 2025"))
    told = {
        half: "partial: 0.",  # of its megabytes, where the days before have more
        unarmed: "partial: less than its norm: 0 military aircraft",
        short: "partial: less than its norm: ",
        repeated: f"failed: not that day's data: it is the day {days[WHOLE - 1]} under another date",
        moved: "failed: not that day's data: only 0 of 120 aircraft on the ground are at a field",
    }
    for day, words in told.items():
        assert f"{day}: {words}" in last, last
    assert "nothing after 12:43" in last and len(last.splitlines()) == len(told)
    found = dict(
        watch.query("SELECT day, status FROM source_days WHERE source = 'readsb_archive' AND scope = 'global'")
    )
    assert {day for day, status in found.items() if status == "ok"} == {*days[:WHOLE], quiet}
    seen = dict(
        watch.query("SELECT day, observability FROM base_daily_activity WHERE base_id = 'hmeimim' AND fleet_id = 'all'")
    )
    assert {day for day, state in seen.items() if state == "missing"} == set(told)
    visits = dict(
        watch.query("SELECT day, visits FROM base_daily_activity WHERE base_id = 'hmeimim' AND fleet_id = 'all'")
    )
    assert visits[repeated] is None and visits[quiet] is not None
