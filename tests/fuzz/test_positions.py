"""Bytes for the readers of positions: heatmaps, traces, tars and polled answers."""

from __future__ import annotations

import contextlib
import json
import shutil
from datetime import UTC, date, datetime
from pathlib import Path

from hypothesis import strategies as st

import tracekit
from basewatch.errors import SourceError
from basewatch.readsb import heatmap, traces
from basewatch.readsb.tar_index import Fault, Member, Volume, walk
from basewatch.readsb.tar_search import NoTar, TooDear, search
from basewatch.sources import readsb_live
from basewatch.sources.contract import Window
from basewatch.sources.readsb_archive import decoding, local
from dear_tar import InMemory
from fuzzing import fuzz
from heatmaps.damage import scene
from heatmaps.files import Form, begins, half_hour
from server import setup

DAY = date(2025, 3, 14)
START = begins(DAY, 20)
FORMS = ("readsb", "minified", "pretty", "split")


def test_heatmaps() -> None:
    good = [half_hour(scene(START), START, Form(interval)).plain() for interval in (30_000, 60_000)]

    def attempt(data: bytes) -> None:
        with contextlib.suppress(heatmap.BadHeatmap):
            found = heatmap.read(data, START)
            assert len(found.entries) and found.slices

    fuzz(good, attempt, packed=True)


def _landing() -> list[list[object]]:
    """An aircraft that comes down to Hmeimim and leaves again, with all that a point may hold."""
    latitude, longitude = tracekit.HMEIMIM
    down = [
        tracekit.point(
            36_000 + 60 * n, latitude + (10 - n) / 60, longitude, 10_000 - 1000 * n, details=tracekit.DETAILS
        )
        for n in range(10)
    ]
    return [*down, tracekit.point(36_700, latitude, longitude, "ground", gs=9.0, flags=2, geom=150)]


def test_traces_as_text() -> None:
    good = [tracekit.text("15501a", _landing(), form, r="RF-78658", t="IL76") for form in FORMS]

    def attempt(data: bytes) -> None:
        traces.peek(data)
        with contextlib.suppress(traces.BadTrace):
            text = traces.gunzip(data)
            traces.lines(text)
            traces.parse_every(text)
            traces.parse_whole(text)

    fuzz(good, attempt, packed=True)


def test_traces_of_a_day(tmp_path: Path) -> None:
    good = [tracekit.text("15501a", _landing(), form, r="RF-78658", t="IL76") for form in FORMS]
    whole = tracekit.trace("15501b", _landing())

    def attempt(data: bytes) -> None:
        shutil.rmtree(tmp_path / "archive", ignore_errors=True)
        name = "./traces/1a/trace_full_15501a.json"
        got = tracekit.run(tmp_path, (name, data), whole, processes=1, read="traces")
        assert got.points, "the other trace is read"

    fuzz(good, attempt, packed=True)


def _tar() -> bytes:
    sizes = (0, 1, 511, 512, 513, 3000)
    members = [(f"./heatmap/{half:02d}.bin.ttf", b"h" * 700) for half in range(0, 48, 6)]
    members += [(f"./traces/{n:02x}/trace_full_0000{n:02x}.json", bytes([n]) * sizes[n % 6]) for n in range(20)]
    return tracekit.tar([*members, ("very/" + "long/" * 25 + "name.json", b"x" * 700)])


def test_the_walk_over_a_tar(tmp_path: Path) -> None:
    file = tmp_path / "day.tar"

    def attempt(data: bytes) -> None:
        file.write_bytes(data)
        volume = Volume([file])
        try:
            for found in walk(volume):
                assert isinstance(found, (Member, Fault))
                if isinstance(found, Member):
                    assert len(volume.read(found.offset, min(found.size, 4096))) <= len(data)
        finally:
            volume.close()

    fuzz([_tar()], attempt)


def test_the_search_in_a_tar() -> None:
    def attempt(data: bytes) -> None:
        with contextlib.suppress(NoTar, TooDear):
            found = search(InMemory(data), b"heatmap", heatmap.half_hour, 48)
            assert all(0 <= half < 48 for half in found.members)

    fuzz([_tar()], attempt)


def test_a_day_s_tar(tmp_path: Path) -> None:
    member = half_hour(scene(START), START, Form(30_000)).data()
    good = tracekit.tar([("./heatmap/20.bin.ttf", member), tracekit.trace("15501b", _landing())])
    target = tmp_path / "archive" / f"v{tracekit.DAY:%Y.%m.%d}-planes-readsb-prod-0.tar"
    target.parent.mkdir()

    def attempt(data: bytes) -> None:
        target.write_bytes(data)
        about = tracekit.context(tmp_path, processes=1)
        with contextlib.suppress(SourceError):
            landed = local.fetch(Window("readsb_archive", tracekit.DAY, tracekit.DAY), about)
            tracekit.Result(decoding.decode(landed, about))

    fuzz([good], attempt)


def _answers() -> list[bytes]:
    now = datetime(2026, 10, 1, 12, tzinfo=UTC).timestamp()
    craft = {
        "hex": "15501a", "flight": "RFF7001 ", "r": "RF-78658", "t": "IL76", "alt_baro": 3000, "alt_geom": 3100,
        "gs": 150.5, "track": 170.0, "baro_rate": -700, "squawk": "7000", "lat": 35.4, "lon": 35.94, "seen": 0.4,
        "seen_pos": 1.0, "type": "adsb_icao", "dbFlags": 1,
    }  # fmt: skip
    ground = {**craft, "hex": "~2c00b2", "alt_baro": "ground"}
    adsb_lol = {"ac": [craft, ground], "msg": "No error", "now": now * 1000, "total": 2, "ctime": now * 1000}
    own = {"now": now, "messages": 100, "aircraft": [craft, ground]}
    line = {"at": "2026-10-01T12:00:00Z", "network": "adsb.lol", "answer": adsb_lol}
    return [json.dumps(each).encode() for each in (adsb_lol, own)] + [(json.dumps(line) + "\n").encode() * 3]


def test_polled_answers(tmp_path: Path) -> None:
    folder = tmp_path / "polls"
    about = setup.context(
        setup.settings(tmp_path, readsb_live={"location": str(folder)}),
        datetime(2026, 10, 2, tzinfo=UTC),
        "readsb_live",
    )
    window = setup.window("readsb_live", "2026-10-01")

    def attempt(data: bytes, name: str) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / name).write_bytes(data)
        with contextlib.suppress(SourceError):
            setup.Decoded(readsb_live.fetch(window, about), about)

    names = st.sampled_from(["2026-10-01T12-00-00.json", "2026-10-01.jsonl", "polls.jsonl.gz", "a.json.gz"])
    fuzz(_answers(), attempt, names, packed=True)
