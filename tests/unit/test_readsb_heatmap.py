"""Heatmap files: what is read is what was written, in every form, and nothing of a damaged file is believed."""

from __future__ import annotations

import gzip
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from basewatch.readsb import heatmap
from basewatch.readsb.heatmap import BadHeatmap, Heatmap, read, region
from heatmaps import damage
from heatmaps.damage import Damage, scene
from heatmaps.files import RECORD, Form, HalfHour, begins, half_hour
from heatmaps.sky import HALF_HOUR_MS, KINDS, Heard, Named, Point, Track, heard

DAY = date(2025, 3, 14)
START = begins(DAY, 20)


def positions_in(half: Heatmap) -> list[Heard]:
    """The positions of a file that was read, record by record, with what it tells of each aircraft before them."""
    names: dict[int, tuple[str, int]] = {}
    positions = []
    slices = half.slice_of(np.arange(len(half.entries)))
    for number, (hex_field, latitude, longitude, altitude, speed) in zip(slices, half.entries.tolist(), strict=True):
        address = hex_field & 0x1FFFFFF
        if hex_field == heatmap.HEADER:
            continue
        if latitude >= heatmap.INFO:
            letters = struct.pack("<ihh", longitude, altitude, speed).rstrip(b"\0").decode().rstrip()
            names[address] = letters, latitude & 0xFFFF
        else:
            kind = hex_field >> heatmap.KIND
            name, squawk = names.get(address, (None, None))
            positions.append(Heard(int(number), address, kind, latitude, longitude, altitude, speed, name, squawk))
    return positions


# ---- what is read


def test_a_file_written_out_by_hand() -> None:
    """Two aircraft, from the description of the format alone. An interval of a minute stands there as -5536."""
    info = struct.pack("<ii", 0x14F10A, (1 << 30) + 7000) + b"RFF7001 "
    on_ground = struct.pack("<Iiihh", 0x14F10A, 35_401_100, 35_948_700, -123, 125)
    by_multilateration = struct.pack("<Iiihh", 0x2C00B2 + (1 << 24) + (5 << 27), -33_900_000, -179_999_999, 440, -1)
    start_ms = 1_741_946_400_000  # 2025-03-14 10:00 UTC
    slices = []
    for number in range(30):
        at_ms = start_ms + 60_000 * number
        slices.append([struct.pack("<iiIhh", 243_235_997, at_ms // 2**32, at_ms % 2**32, -5536, 0)])
    slices[0] += [info, on_ground]
    slices[7] += [by_multilateration]
    headers = [30, 33, 34, 35, 36, 37, 38, 39, *range(41, 63)]
    index = [struct.pack("<iiihh", header, 0, 0, 0, 0) for header in headers]
    data = b"".join([*index, *(record for records in slices for record in records)])
    for file in (data, gzip.compress(data)):
        half = read(file, 1_741_946_400)
        assert (half.start_s, half.interval_s, half.slices, len(half.entries)) == (1_741_946_400, 60, 30, 33)
        assert half.first.tolist() == [header - 30 for header in headers]
        assert positions_in(half) == [
            Heard(0, 0x14F10A, 0, 35_401_100, 35_948_700, heatmap.GROUND, 125, "RFF7001", 7000),
            Heard(7, 0x2C00B2 | heatmap.NOT_ICAO, 5, -33_900_000, -179_999_999, 440, -1, None, None),
        ]
    assert half_hour([], 1_741_946_400, Form(60_000)).slices[7] == slices[7][:1]


def test_a_half_hour_in_which_nobody_was_heard_is_whole() -> None:
    for interval_ms in (10_000, 30_000, 60_000):
        half = read(half_hour([], START, Form(interval_ms)).data(), START)
        assert (half.slices, positions_in(half)) == (1_800_000 // interval_ms, [])


@pytest.mark.parametrize("interval_ms", [500, 1_000, 7_000, 66_000, 300_000, 900_000])
def test_any_interval_that_readsb_can_be_set_to(interval_ms: int) -> None:
    """Also those that do not divide half an hour, and those above 65 s, of which the header has the low bits alone."""
    tracks = scene(START)
    half = read(half_hour(tracks, START, Form(interval_ms)).data(), START)
    assert (half.interval_s, half.slices) == (interval_ms / 1000, 1_800_000 // interval_ms)
    assert positions_in(half) == heard(tracks, START * 1000, interval_ms)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("./heatmap/00.bin.ttf", 0),
        ("heatmap/47.bin.ttf", 47),
        ("HEATMAP/07.BIN.TTF", 7),
        ("20.bin.ttf", 20),
        ("2025/03/14/heatmap/20.bin.ttf", 20),
        ("v2025.03.14-planes-readsb-prod-0/heatmap/20.bin.ttf", 20),
        ("heatmap/20.bin", 20),
        ("heatmap/20.bin.ttf.gz", 20),
        ("heatmap/48.bin.ttf", None),
        ("heatmap/99.bin.ttf", None),
        ("heatmap/7.bin.ttf", None),
        ("heatmap/007.bin.ttf", None),
        ("heatmap/20.bin.ttf.readsb_tmp", None),
        ("heatmap/20.bin (1).ttf", None),
        ("heatmap/.20.bin.ttf", None),
        ("heatmap.bin", None),
        ("traces/20.bin.ttf", None),
        ("traces/20/trace_full_000020.json", None),
    ],
)
def test_names_of_heatmaps(name: str, number: int | None) -> None:
    assert heatmap.half_hour(name.encode()) == number


@st.composite
def aircraft(draw: Any, address: str, form: Form) -> Track:
    """An aircraft with points before, in and behind the half hour, many of them on the border of two slices."""
    start, interval = START * 1000, form.interval_ms
    anywhere = st.integers(start - 90_000, start + HALF_HOUR_MS + 90_000)
    border = st.builds(
        lambda number, off: start + number * interval + off, st.integers(0, form.slices), st.integers(-1, 1)
    )
    times = sorted(draw(st.lists(st.one_of(anywhere, border), min_size=0, max_size=40)))
    edges = st.sampled_from((-90_000_000, 90_000_000, 0, -1, 1))
    latitudes = st.one_of(st.integers(-90_000_000, 90_000_000), edges)
    longitudes = st.one_of(st.integers(-180_000_000, 180_000_000), st.sampled_from((-180_000_000, 180_000_000, 0)))
    altitudes = st.one_of(st.sampled_from(("ground", None, 0, -1000)), st.integers(-1500, 126_000))
    speeds = st.one_of(st.none(), st.integers(0, 32_767).map(lambda tenths: tenths / 10))
    points = [Point(at, draw(latitudes) / 1e6, draw(longitudes) / 1e6, draw(altitudes), draw(speeds)) for at in times]
    words = st.tuples(st.sampled_from(("", "A", "RFF7001", "ABCD1234")), st.from_regex(r"[0-7]{4}", fullmatch=True))
    changes = draw(st.lists(st.tuples(anywhere, words), max_size=4))
    names = [Named(at, *pair) for at, pair in sorted(changes)]
    return Track(address, points, names, draw(st.sampled_from(sorted(KINDS))), draw(st.integers(1, 4)))


@st.composite
def skies(draw: Any) -> tuple[list[Track], Form]:
    """A few aircraft and a form of file."""
    interval = draw(st.sampled_from((10_000, 30_000, 60_000, 5_000, 15_000, 20_000, 120_000, 90_000, 7_000)))
    form = Form(
        interval,
        order=draw(st.sampled_from("<>")),
        has_index=draw(st.booleans()),
        level=draw(st.sampled_from((None, 0, 1, 6, 9))),
        members=draw(st.integers(1, 3)),
        zeros=draw(st.sampled_from((0, 1, 512))),
        unknown_altitude=draw(st.sampled_from((None, 0, -124))),
        ground_ms=draw(st.sampled_from((None, 35_000))),
    )
    addresses = draw(
        st.lists(st.sampled_from(("14f10a", "~14f10a", "000001", "ffffff", "~7f7c9d", "7f7c9d")), unique=True)
    )
    form = form if form.level is not None else replace(form, members=1, zeros=0)
    return [draw(aircraft(address, form)) for address in addresses], form


@given(skies())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_the_first_position_of_each_aircraft_in_each_slice_is_read(sky: tuple[list[Track], Form]) -> None:
    tracks, form = sky
    half = read(half_hour(tracks, START, form).data(), START)
    assert (half.start_s, half.interval_s, half.slices) == (START, form.interval_ms / 1000, form.slices)
    assert positions_in(half) == heard(tracks, START * 1000, form.interval_ms, form.unknown_altitude, form.ground_ms)


# ---- what is refused


@pytest.fixture(scope="module")
def half() -> HalfHour:
    return half_hour(scene(START), START)


def test_damage_is_done_to_a_sound_file(half: HalfHour) -> None:
    assert positions_in(read(half.data(), START)) == heard(scene(START), START * 1000)
    assert all(len(records) > 4 for records in half.slices)


@pytest.mark.parametrize("damage", damage.KINDS, ids=lambda damage: damage.kind)
def test_a_damaged_file_is_refused_with_its_reason(half: HalfHour, damage: Damage) -> None:
    with pytest.raises(BadHeatmap, match=f"(?i){damage.reason}"):
        read(damage.file(half), START)


@pytest.mark.parametrize(("form", "make"), damage.HARMLESS, ids=[form for form, _ in damage.HARMLESS])
def test_what_loses_nothing_is_read_whole_or_refused(
    half: HalfHour, form: str, make: Callable[[HalfHour], bytes]
) -> None:
    try:
        positions = positions_in(read(make(half), START))
    except BadHeatmap:
        assert form == "packed twice"
    else:
        assert positions == heard(scene(START), START * 1000)


@pytest.mark.parametrize("make", [damage.bomb, damage.bomb_of_members])
def test_a_bomb_is_refused_before_it_fills_the_memory(
    half: HalfHour, make: Callable[[bytes, int], bytes], tmp_path: Path
) -> None:
    data = make(half.plain(), 4)
    assert len(data) < 6 << 20
    (tmp_path / "20.bin.ttf").write_bytes(data)
    script = f"""
import resource
import sys
from pathlib import Path
from basewatch.readsb.heatmap import BadHeatmap, read
data = Path({str(tmp_path / "20.bin.ttf")!r}).read_bytes()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read(data, {START})
except BadHeatmap as refusal:
    print(refusal)
unit = 1 if sys.platform == "darwin" else 1024
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit)
"""
    out = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    reason, grown = out.splitlines()
    assert "unpacks to more than" in reason
    assert int(grown) < 300_000_000


SMALL = Form(interval_ms=300_000)


def of_places(places: list[tuple[int, int]]) -> bytes:
    """A file with a position at each of these places, all in the first of its two slices."""
    slices = [struct.pack("<iiIhh", heatmap.HEADER, at // 2**32, at % 2**32, 900_000 % 65_536 - 65_536, 0)
              for at in (START * 1000, START * 1000 + 900_000)]  # fmt: skip
    positions = [struct.pack("<Iiihh", 1 + number, *place, 440, 100) for number, place in enumerate(places)]
    return b"".join([slices[0], *positions, slices[1]])


@pytest.mark.parametrize("seed", range(5))
def test_the_positions_of_a_region_are_found_wherever_it_lies(seed: int) -> None:
    """And few besides: by a pole and by the date line a look at the upper halves of the numbers does not do."""
    draw = np.random.default_rng(seed)
    pole, date_line = heatmap.POLE, heatmap.DATE_LINE
    edges = [-1, 0, 1, 65_535, 65_536, heatmap.NORTH << 16, (heatmap.NORTH << 16) - 1]
    latitudes = np.concatenate((draw.integers(-pole, pole + 1, 3000), [pole, -pole, 0, *edges], np.negative(edges)))
    edges = [*edges, heatmap.EAST << 16, (heatmap.EAST << 16) - 1, date_line - 1, 1 - date_line]
    longitudes = np.concatenate((draw.integers(-date_line, date_line + 1, 3000), [date_line, -date_line, *edges]))
    places = list(zip(draw.choice(latitudes, 9000).tolist(), draw.choice(longitudes, 9000).tolist(), strict=True))
    edge = 100_000
    south = draw.integers(0, 2 * pole // edge, draw.choice([20, 400])) * edge - pole
    west = draw.integers(0, 2 * date_line // edge, len(south)) * edge - date_line
    south[:4], west[4:8] = [-pole, pole - edge] * 2, [-date_line, date_line - edge] * 2
    south[8], west[8] = places[0][0] // edge * edge, places[0][1] // edge * edge
    half = read(of_places(places), START, region(south, west, edge))
    latitude, longitude = np.array(places).T[:, :, np.newaxis]
    off_north = np.maximum(np.maximum(south - latitude, latitude - south - edge), 0)
    off_east = np.maximum(np.maximum(west - longitude, longitude - west - edge), 0)
    is_at_the_edge = (np.abs(latitude) > pole - 65_536) | (np.abs(longitude) > date_line - 65_536)
    is_due = (off_north + off_east == 0).any(axis=1)
    may_be = ((off_north < 8 << 16) & (off_east < 32 << 16) | is_at_the_edge).any(axis=1)
    chosen = half.chosen[~np.isin(half.chosen, half.first)] - 1
    assert is_due.any() and (np.diff(chosen) > 0).all()
    assert set(np.flatnonzero(is_due)) <= set(chosen) <= set(np.flatnonzero(may_be)) < set(range(len(places)))


def test_a_header_that_the_index_does_not_name_is_noticed() -> None:
    small = half_hour(scene(START), START, replace(SMALL, has_index=True, level=None))
    data = bytearray(small.plain())
    headers = read(bytes(data), START).first + len(small.index())
    other = next(one for one in range(int(headers[0]), len(data) // RECORD) if one not in headers)
    data[other * RECORD : other * RECORD + 4] = struct.pack("<I", heatmap.HEADER)
    with pytest.raises(BadHeatmap, match=f"{len(headers)} entries, and {len(headers) + 1} slices"):
        read(bytes(data), START)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("has_index", [True, False])
def test_a_changed_byte_is_noticed_or_changes_its_own_record_alone(has_index: bool, order: str) -> None:
    form = replace(SMALL, has_index=has_index, order=order, level=None)
    small = half_hour(scene(START), START, form)
    data, right = small.plain(), read(small.plain(), START)
    headers = {len(small.index()) + int(place) for place in right.first}
    believed = 0
    for at, byte in enumerate(data):
        for mask in (*(1 << bit for bit in range(8)), 6, 0xFF):
            changed = bytearray(data)
            changed[at] = byte ^ mask
            try:
                wrong = read(bytes(changed), START)
            except BadHeatmap:
                continue
            believed += 1
            record = at // RECORD
            assert (wrong.interval_s, wrong.start_s) == (right.interval_s, right.start_s)
            assert np.array_equal(wrong.first, right.first)
            differ = np.flatnonzero(wrong.entries != right.entries) + len(small.index())
            assert set(differ.tolist()) <= {record}
            assert record not in headers or at % RECORD >= 14  # the two bytes of a header that say nothing
    assert believed > len(data)


@given(skies(), st.data())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_a_changed_byte_of_any_file(sky: tuple[list[Track], Form], data: st.DataObject) -> None:
    tracks, form = sky
    some = half_hour(tracks, START, replace(form, level=None, members=1, zeros=0))
    plain, right = some.plain(), read(some.plain(), START)
    at = data.draw(st.integers(0, len(plain) - 1))
    changed = bytearray(plain)
    changed[at] ^= data.draw(st.integers(1, 255))
    try:
        wrong = read(bytes(changed), START)
    except BadHeatmap:
        return
    assert np.array_equal(wrong.first, right.first) and wrong.interval_s == right.interval_s
    differ = np.flatnonzero(wrong.entries != right.entries) + len(some.index())
    assert set(differ.tolist()) <= {at // RECORD}
