"""Landed files against their manifests: what is missing or changed is named, what was let go or is under way is not."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from basewatch import config
from basewatch.lake import landings
from basewatch.sources import contract, landing
from basewatch.sources.contract import LandedFile, Window
from basewatch.sources.landing import Landing
from server import setup

DAY = date(2026, 7, 22)
NOW = datetime(2026, 7, 24, tzinfo=UTC)


class World:
    """A landing with one window of two answers, and a day of heatmaps whose manifest lies elsewhere."""

    def __init__(self, folder: Path) -> None:
        settings = setup.settings(folder, opensky={}, readsb_archive={})
        self.about = setup.context(settings, NOW, "opensky")
        self.archive = setup.context(settings, NOW, "readsb_archive")
        self.root = self.about.landing.parent
        self.window = self.root / "opensky" / f"{DAY}"
        self.manifest = self.window / landings.MANIFEST
        self.answers()
        self.heatmaps = self.root / "readsb_archive/2026/07/22/heatmap"
        self.land_heatmaps()

    def answers(self) -> contract.Landed:
        made = Landing(self.about, Window("opensky", DAY, DAY))
        for name in ("arrival", "departure"):
            made.put(f"{name}.json", name.encode() * 40, "https://example.org", "base:x", DAY, DAY, name)
        return made.finish()

    def land_heatmaps(self) -> None:
        self.heatmaps.mkdir(parents=True)
        within = []
        for number in range(2):
            data = bytes([number]) * 100
            (self.heatmaps / f"{number:02d}.bin.ttf").write_bytes(data)
            within.append((f"heatmap/{number:02d}.bin.ttf", hashlib.sha256(data).hexdigest()))
        made = Landing(self.archive, Window("readsb_archive", DAY, DAY), "manifests")
        self.folder = LandedFile(self.heatmaps.parent, "https://example.org", "", 200, NOW, DAY, "", tuple(within))
        made.keep(self.folder)
        made.finish()

    def named(self) -> dict[Path, str]:
        return {fault.place: fault.what for fault, _ in landings.damages(self.root, [])}


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    assert made.named() == {}
    return made


def edited(file: Path) -> Path:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    return file


def gone(path: Path) -> Path:
    path.unlink()
    return path


DAMAGES: dict[str, Callable[[World], Path]] = {
    "an answer edited": lambda w: edited(w.window / "arrival.json"),
    "an answer deleted": lambda w: gone(w.window / "arrival.json"),
    "an answer too many": lambda w: Path(shutil.copy(w.window / "arrival.json", w.window / "more.json")),
    "a manifest edited": lambda w: edited(w.manifest),
    "a manifest without its hash": lambda w: (
        w.manifest.write_text(w.manifest.read_text().replace('"sha256": "', '"sha25": "')) and w.manifest
    ),
    "a manifest deleted": lambda w: gone(w.manifest).parent,
    "a heatmap edited": lambda w: edited(w.heatmaps / "00.bin.ttf"),
    "a heatmap deleted": lambda w: gone(w.heatmaps / "01.bin.ttf"),
    "a heatmap too many": lambda w: Path(shutil.copy(w.heatmaps / "00.bin.ttf", w.heatmaps / "02.bin.ttf")),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_each_damage_is_named_by_its_path(damage: str, world: World) -> None:
    place = DAMAGES[damage](world)
    assert place in world.named(), world.named()


def test_what_the_settings_do_not_keep_is_no_damage_and_noted_before_it_goes(world: World) -> None:
    about = replace(world.archive, settings=world.archive.settings.model_copy(update={"keep_landing": False}))
    landed = contract.Landed(Window("readsb_archive", DAY, DAY), (world.folder,))
    assert landing.discard(landed, about) == 200
    assert not world.heatmaps.exists() and world.named() == {}
    manifest = world.root / "readsb_archive/manifests" / f"{DAY}" / landings.MANIFEST
    assert [entry["let_go"] for entry in json.loads(manifest.read_text())["files"]] == [True]


def test_a_window_that_is_being_landed_is_no_damage(world: World) -> None:
    begun = Landing(world.about, Window("opensky", DAY, DAY))
    begun.put("arrival.json", b"other", "https://example.org", "base:x", DAY, DAY, "arrival")
    assert not world.manifest.exists() and world.named() == {}, "a run that is killed here leaves a mark"
    begun.finish()
    assert world.named() == {} and not (world.window / landings.UNFINISHED).exists()


def test_a_manifest_of_before_there_were_hashes_tells_what_is_changed_and_not_what_is_missing(world: World) -> None:
    values = json.loads(world.manifest.read_text())
    older = {name: value for name, value in values.items() if name not in ("sha256", "is_sealed")}
    world.manifest.write_text(json.dumps(older))
    gone(world.window / "arrival.json")  # nobody noted what was let go
    changed = edited(world.window / "departure.json")
    assert list(world.named()) == [changed]


def test_polls_may_have_grown_since_their_manifest_and_nothing_else(world: World) -> None:
    about = world.about.beside("readsb_live", config.ReadsbLive)
    made = Landing(about, Window("readsb_live", DAY, DAY))
    polls = made.path / "polls-20260722T000000-7.jsonl.gz"
    polls.write_bytes(b"one")
    made.keep(LandedFile(polls, polls.name, hashlib.sha256(b"one").hexdigest(), 3, NOW, DAY))
    made.finish()
    polls.write_bytes(b"one, and another")
    assert world.named() == {}
    polls.write_bytes(b"two, and another")
    assert list(world.named()) == [polls]
    polls.write_bytes(b"on")
    assert list(world.named()) == [polls]


def test_a_manifest_that_names_a_file_elsewhere_is_told_and_the_file_not_read(world: World) -> None:
    values = json.loads(world.manifest.read_text())
    values["files"][0]["name"] = "../../../../etc/passwd"
    landings.finish(world.window, values)
    assert "lies outside" in next(iter(world.named().values()))


def test_what_is_struck_from_a_manifest_counts_as_a_failed_answer(world: World) -> None:
    damaged = edited(world.window / "arrival.json")
    landings.strike(world.manifest, [damaged], "it was damaged")
    damaged.unlink()
    assert world.named() == {}
    by_kind = {answer.kind: answer for answer in landing.read_manifest(world.manifest).answers}
    assert (by_kind["arrival"].status, by_kind["arrival"].file) == ("failed", None)
    assert by_kind["departure"].status == "ok"


def test_a_window_whose_time_is_over_goes_at_once(world: World) -> None:
    later = replace(world.about, now=NOW + timedelta(days=2))
    assert landing.remove_expired(later, 1) == [world.window]
    assert not world.window.exists() and world.named() == {}
