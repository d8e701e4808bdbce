"""One trace: from bytes to points, and the search in its text against a parse of all of it."""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from itertools import pairwise
from random import Random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from basewatch.geo import NM_KM, Place, Ring
from basewatch.readsb import traces
from basewatch.readsb.grid import Bases
from basewatch.readsb.points import Columns, Frame, frame, near, neighbours
from basewatch.readsb.search import compile_search, expression
from basewatch.readsb.traces import BadTrace, Parsed, gunzip, lines, parse_around, parse_near, parse_whole, peek
from tracekit import DETAILS, MIDNIGHT, Point, line, point, text

PLACES = [
    Place("greenwich", 51.47, 0.0, 0),  # both signs of longitude
    Place("equator", 0.02, 9.41, 0),  # both signs of latitude
    Place("dateline", -16.8, 179.97, 0),  # both sides of the antimeridian
    Place("pole", 89.7, 33.0, 0),  # every longitude
    Place("south", -54.84, -68.3, 0),
    Place("hmeimim", 35.4011, 35.9487, 157),
    Place("three_digits", 50.0, 129.99, 0),
]
RINGS = [Ring(60 * NM_KM, 15_000), Ring(15 * NM_KM)]
LATEST = int((MIDNIGHT + 10 * 86_400) * 1e6)
BASES = Bases(PLACES, 60 * NM_KM)
SEARCH = compile_search(expression(tuple(PLACES), tuple(RINGS)))

FAST = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


# ---- bytes to text


def test_gunzip_reads_gzip_by_its_first_bytes_and_plain_json_as_it_is() -> None:
    assert gunzip(gzip.compress(b'{"icao":"abc"}')) == b'{"icao":"abc"}'
    assert gunzip(b'{"icao":"abc"}') == b'{"icao":"abc"}'
    with pytest.raises(BadTrace, match="neither gzip nor JSON"):
        gunzip(b"<html>404</html>")


def test_gunzip_reads_several_members_and_passes_over_trailing_zeros() -> None:
    first, second = gzip.compress(b'{"icao":"ab'), gzip.compress(b'c"}')
    assert gunzip(first + second) == b'{"icao":"abc"}'
    assert gunzip(gzip.compress(b'{"icao":"abc"}') + bytes(1024)) == b'{"icao":"abc"}'
    assert gunzip(first + second + bytes(7)) == b'{"icao":"abc"}'


@pytest.mark.parametrize("cut", [5, 12, 40, -1, -9])
def test_gunzip_says_what_is_wrong_with_damaged_data(cut: int) -> None:
    with pytest.raises(BadTrace, match="damaged gzip"):
        gunzip(gzip.compress(bytes(range(256)) * 40)[:cut])


def test_gunzip_notices_a_flipped_bit() -> None:
    data = bytearray(gzip.compress(b'{"icao":"abc","trace":[]}' * 50))
    data[len(data) // 2] ^= 0x10
    with pytest.raises(BadTrace, match="damaged gzip"):
        gunzip(bytes(data))


@pytest.mark.parametrize("stated", [0, 10, None, 2**32 - 1])
def test_gunzip_is_bounded_whatever_length_the_data_state(monkeypatch: pytest.MonkeyPatch, stated: int | None) -> None:
    monkeypatch.setattr(traces, "LARGEST_TEXT", 1 << 20)
    bomb = gzip.compress(bytes(3 << 20))
    if stated is not None:
        bomb = bomb[:-4] + struct.pack("<I", stated)
    with pytest.raises(BadTrace, match="more than 1 MiB"):
        gunzip(bomb)


def test_peek_unpacks_the_head_alone() -> None:
    body = text("abcdef", [point(n, 1.0, 2.0) for n in range(500)], r="RF-1", dbFlags=1)
    assert peek(gzip.compress(body)) == body[: traces.PEEKED]
    assert peek(body) == body[: traces.PEEKED]
    assert peek(b"\x1f\x8b\x00\x00") == b""


# ---- text to points


def rows(parsed: Parsed) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Near points, neighbours before and neighbours after, as the lake would get them."""
    points = framed(parsed)
    found = near(points, BASES, RINGS)
    before, after = neighbours(points, found)
    ends = [0, len(points.trace) - 1] if len(points.trace) else []
    return (
        [(*_values(points, n), found.nearest[n], found.distance_km[n]) for n in found.is_near.nonzero()[0]],
        [_values(points, n) for n in [*before, *after]],
        [_values(points, n) for n in ends],
    )


def framed(parsed: Parsed) -> Frame:
    """A trace's points as arrays."""
    return frame([Columns.of(parsed.points)], [parsed.head.timestamp], LATEST)


def _values(points: Frame, n: int) -> tuple[object, ...]:
    names = {number: name for name, number in points.callsigns.numbers.items()}
    kinds = {number: name for name, number in points.kinds.numbers.items()}
    numbers = (points.altitude_ft, points.geometric_ft, points.speed_kt, points.track_deg, points.rate_fpm)
    return (
        points.at[n],
        points.latitude[n],
        points.longitude[n],
        bool(points.ground[n]),
        *(repr(float(column[n])) for column in numbers),
        points.flags[n],
        kinds[points.kind[n]],
        names[points.callsign[n]],
    )


def both(data: bytes) -> tuple[object, object]:
    """Rows of a trace by the search in its text, and by a parse of all of it."""
    whole = parse_whole(data)
    place = lines(data)
    if place is None:
        return rows(whole), rows(whole)
    if place.start == place.end:
        return rows(Parsed(whole.head, [])), rows(whole)
    found = parse_near(data, place, SEARCH)
    everything = rows(whole)
    if found is None:
        assert everything[0] == [], "a near point was passed over"
        alone = rows(parse_around(data, place, SEARCH, -1))
        return alone, everything
    return rows(found), everything


def _around(centre: float, spread: float) -> st.SearchStrategy[float]:
    return st.one_of(
        st.floats(-spread, spread).map(lambda d: centre + d),
        st.integers(-30, 30).map(lambda tenth: round(centre * 10 + tenth) / 10),  # edges of cells
        st.integers(-3, 3).map(lambda unit: round(centre * 10) / 10 + unit * 1e-6),
    )


# strategies are made once: making one takes longer than drawing from it
FLOATS = st.floats(-90, 90), st.floats(-180, 180)
AROUND = st.sampled_from([(_around(place.latitude, 1.2), _around(place.longitude, 2.5)) for place in PLACES])
ANYWHERE = st.integers(0, 4).map(lambda number: number == 0)


@st.composite
def positions(draw: st.DrawFn) -> tuple[float, float]:
    if draw(ANYWHERE):
        return draw(FLOATS[0]), draw(FLOATS[1])
    around = draw(AROUND)
    longitude = draw(around[1])
    latitude = draw(around[0])
    return max(-90.0, min(90.0, latitude)), (longitude + 180) % 360 - 180


POSITIONS = positions()
ALTITUDES = st.one_of(
    st.sampled_from(["ground", None, 14_999, 15_000, 15_001, -1000, 0, 9_999, 100_000, 14_999.5, 15_000.5]),
    st.integers(-1200, 45_000),
)
FLIGHTS = st.sampled_from([None, None, None, "RFF7001 ", "AFL22   ", "        ", "@@@@@@@@", "00000000", "ABC12   "])
WITHOUT_FLIGHT = st.sampled_from([None, {"type": "mlat"}])
SECONDS = st.one_of(st.none(), st.floats(0, 86_399).map(lambda value: round(value, 2)))
SPEEDS = st.sampled_from([None, 0.0, 141.5])
FLAGS = st.sampled_from([0, 0, 0, 0, 1, 2, 3, 8, 15])
KINDS = st.sampled_from(["adsb_icao", "mlat", None])
GEOMETRIC = st.sampled_from([None, 3100])
LENGTHS = st.sampled_from([9, 13, 14, 14, 14])
MORE = st.sampled_from([[], [], ["uuid"]])


@st.composite
def points(draw: st.DrawFn, most: int = 30) -> list[Point]:
    found = []
    for number in range(draw(st.integers(0, most))):
        lat, lon = draw(POSITIONS)
        flight = draw(FLIGHTS)
        details = {**DETAILS, "flight": flight} if flight else draw(WITHOUT_FLIGHT)
        seconds = draw(SECONDS)
        values = point(
            number * 7.25 if seconds is None else seconds,
            lat,
            lon,
            draw(ALTITUDES),
            gs=draw(SPEEDS),
            flags=draw(FLAGS),
            details=details,
            kind=draw(KINDS),
            geom=draw(GEOMETRIC),
        )
        found.append(values[: draw(LENGTHS)] + draw(MORE))
    return found


@FAST
@given(points(), st.sampled_from(["readsb", "readsb", "readsb", "minified", "spaced", "pretty", "split"]))
def test_search_and_whole_parse_give_the_same_rows(track: list[Point], form: str) -> None:
    assert_same(text("abcdef", track, form))


def assert_same(data: bytes) -> None:
    found, everything = both(data)
    assert found == everything


SEPARATORS = [b",\n[", b",\n[", b",\n[", b",[", b", [", b",\n\n[", b",\r\n[", b",\n ["]


@FAST
@given(points(40), st.randoms(use_true_random=False), st.integers(40, 600))
def test_lines_of_several_points_hide_none(track: list[Point], random: Random, block: int) -> None:
    far = [point(n, 10.0 + n / 100, 100.0, 33_000) for n in range(8)]
    mixed = [values for values in track for values in ([values, *far] if values[0] % 3 < 1 else [values])]
    first, *others = text("abcdef", mixed).split(b",\n[")
    before, traces.BLOCK = traces.BLOCK, block
    try:
        assert_same(first + b"".join(random.choice(SEPARATORS) + other for other in others))
    finally:
        traces.BLOCK = before


@FAST
@given(points(40), st.integers(1, 3), st.integers(40, 600))
def test_small_blocks_change_nothing(track: list[Point], spread: int, block: int) -> None:
    """Blocks of a line or two, so that stretches near a base begin and end at every kind of boundary."""
    far = [point(n, 10.0 + n / 100, 100.0, 33_000) for n in range(spread * 5)]
    mixed = [values for values in track for values in ([values, *far[:spread]] if values[0] % 3 < 1 else [values])]
    before, traces.BLOCK = traces.BLOCK, block
    try:
        assert_same(text("abcdef", mixed))
    finally:
        traces.BLOCK = before


NUMBERS = ["{:f}", "{:.1f}", "{:.0f}", "{:.12f}", "{:e}", "{:.3E}", " {:f}", "{:f} ", "\t{:f}"]


@FAST
@given(positions(), st.sampled_from(NUMBERS), st.sampled_from(NUMBERS), ALTITUDES, st.sampled_from(["", " ", "\r"]))
@example((-0.05, 9.4), "{:f}", "{:f}", 3000, "")
@example((0.0, 9.4), "{:.0f}", "{:.1f}", 3000, "")
def test_other_spellings_of_a_number_are_not_passed_over(
    position: tuple[float, float], lat: str, lon: str, altitude: object, gap: str
) -> None:
    odd = (
        f"[1.00,{lat.format(position[0])},{gap}{lon.format(position[1])},{json.dumps(altitude)},null,null,0,null,null]"
    )
    plain = line(point(0, 10.0, 100.0, 33_000))
    assert_same(f'{{"icao":"abcdef","timestamp":{MIDNIGHT},"trace":[\n{plain},\n{odd},\n{plain}]}}'.encode())


HIDDEN = line(point(1, 35.41, 35.95))
FAR = line(point(0, 10.0, 100.0, 33_000))


@pytest.mark.parametrize(
    "body",
    [
        f"\n{FAR},{HIDDEN}",
        f"\n{FAR}, {HIDDEN}",
        f"\n{FAR},\t{HIDDEN}",
        f"\n{FAR}\n,{HIDDEN}",
        f"\n{FAR},\n {HIDDEN}",
        f"\n{FAR},\n\n{HIDDEN}",
        f"\n{FAR},\r\n{HIDDEN}",
        f"{FAR},\n{HIDDEN}",
        f"{HIDDEN}",
        f"{HIDDEN},\n{FAR}",
        f" \n {HIDDEN}",
        f"\n{FAR},\n[\n{HIDDEN[1:]}",
        f"\n{FAR},\n[ {HIDDEN[1:]}",
    ],
)
def test_a_point_in_an_unusual_place_is_found(body: str) -> None:
    data = f'{{"icao":"abcdef","timestamp":{MIDNIGHT},"trace":[{body}]}}'.encode()
    found, everything = both(data)
    assert found == everything
    assert len(everything[0]) == 1  # type: ignore[index]


@pytest.mark.parametrize("tail", [',"extra":1}', ',"extra":[1,2]}', ',\n"extra":{"a":[\n[1]]}}'])
def test_fields_after_the_points_are_allowed(tail: str) -> None:
    data = f'{{"icao":"abcdef","timestamp":{MIDNIGHT},"trace":[\n{FAR},\n{HIDDEN}]{tail}'.encode()
    found, everything = both(data)
    assert found == everything
    assert len(everything[0]) == 1  # type: ignore[index]


def test_the_search_skips_what_is_far_or_high() -> None:
    def hit(*values: object) -> bool:
        data = text("abcdef", [point(0, *values)])  # type: ignore[arg-type]
        place = lines(data)
        assert place is not None
        return SEARCH(data, place.start, place.end) >= 0

    assert hit(35.41, 35.95, 40_000)
    assert hit(35.9, 35.9, 14_999)
    assert hit(35.9, 35.9, "ground")
    assert hit(35.9, 35.9, None)
    assert not hit(35.9, 35.9, 15_000)
    assert not hit(37.9, 35.9, "ground")
    assert not hit(-35.41, 35.95, 3000)
    assert not hit(35.41, -35.95, 3000)


NAMED = {**DETAILS, "flight": "RFF7001 "}


def test_callsign_is_carried_within_a_leg_and_not_beyond() -> None:
    track = [
        point(0, 35.4, 35.9),
        point(10, 35.4, 35.9, details=NAMED),
        point(20, 35.4, 35.9, details={**DETAILS, "flight": "        "}),
        point(30, 35.4, 35.9),
        point(40, 35.4, 35.9, flags=2),
        point(50, 35.4, 35.9, details={**DETAILS, "flight": "RFF7002 "}),
    ]
    parsed = parse_whole(text("abcdef", track))
    names = [values[-3] for values in rows(parsed)[0]]
    assert names == [None, "RFF7001", "RFF7001", "RFF7001", None, "RFF7002"]
    assert Columns.of(parsed.points).callsigns == {"RFF7001", "RFF7002"}


@pytest.mark.parametrize("filler", ["@@@@@@@@", "@@@     ", "00000000", "0       ", ""])
def test_an_unset_callsign_neither_names_a_flight_nor_ends_a_name(filler: str) -> None:
    unset = {**DETAILS, "flight": filler}
    near = [point(seconds, 35.4, 35.9, details=unset) for seconds in (3600, 3610)]
    unnamed = text("abcdef", near)
    assert [values[-3] for values in rows(parse_whole(unnamed))[0]] == [None, None]
    assert Columns.of(parse_whole(unnamed).points).callsigns == set()
    # the name stands far from the base, and before the last unset callsign
    far = [point(n, 10.0 + n / 100, 100.0, 33_000, details=unset if n else NAMED) for n in range(60)]
    found, everything = both(text("abcdef", [*far, *near]))
    assert found == everything
    assert [values[-3] for values in everything[0]] == ["RFF7001", "RFF7001"]  # type: ignore[index]


def test_points_that_make_no_sense_are_left_out_and_counted() -> None:
    good = [0.0, 35.4, 35.9, 3000, None, None, 0, None, None]
    bad = [[], [1.0], "x", [1.0, "a", 2.0, 3], [1.0, None, 2.0, 3], [1.0, 35.4, 35.9, 3000, "fast"], 7, None]
    parsed = parse_whole(json.dumps({"icao": "abcdef", "timestamp": MIDNIGHT, "trace": [*bad, good]}).encode())
    assert (len(parsed.points), parsed.bad_points) == (1, len(bad))
    impossible = [[5.0, 95.0, 35.9, 0], [6.0, 35.4, 181.0, 0], [-1e12, 35.4, 35.9, 0], [1e9, 35.4, 35.9, 0]]
    parsed = parse_whole(json.dumps({"icao": "abcdef", "timestamp": MIDNIGHT, "trace": [*impossible, good]}).encode())
    assert list(framed(parsed).valid) == [False, False, False, False, True]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b'{"icao":"abcdef"}',
        b'{"icao":"abcdef","timestamp":1,"trace":{}}',
        b'{"icao":"abcdef","timestamp":"x","trace":[]}',
        b'{"icao":"abcdef","timestamp":NaN,"trace":[]}',
        b'{"icao":"\xff\xfe","timestamp":1,"trace":[]}',
        b'{"icao":"abcdef","timestamp":1,"trace":[\n[1,2,3,4],\n[5,6',
    ],
)
def test_invalid_json_is_a_bad_trace(data: bytes) -> None:
    with pytest.raises(BadTrace, match="not a readsb trace"):
        parse_whole(data)


def test_a_broken_line_near_a_base_leaves_the_rest() -> None:
    data = text("abcdef", [point(n, 35.4, 35.9) for n in range(4)]).replace(b"\n[1.00,", b'\n["x",')
    place = lines(data)
    assert place is not None
    parsed = parse_near(data, place, SEARCH)
    assert parsed is not None
    assert [p.seconds for p in parsed.points] == [0, 2, 3]
    assert parsed.bad_points == 1


def test_first_and_last_point_are_always_parsed_with_a_near_one() -> None:
    far = [point(n, 10.0, 100.0, 33_000) for n in range(200)]
    track = [*far, point(500, 35.41, 35.95), *far]
    data = text("abcdef", track)
    place = lines(data)
    assert place is not None
    parsed = parse_near(data, place, SEARCH)
    assert parsed is not None
    assert len(parsed.points) < 40
    assert parsed.points[0].seconds == 0
    assert parsed.points[-1].seconds == 199


def test_the_stated_length_is_that_of_the_text() -> None:
    """What gunzip relies on to tell one gzip member from several."""
    for size, after in pairwise([0, 1, 1000, 70_000]):
        data = gzip.compress(bytes(size)) + gzip.compress(bytes(after))
        assert len(gunzip(data)) == size + after
        assert zlib.decompressobj(31).decompress(data) == bytes(size)
