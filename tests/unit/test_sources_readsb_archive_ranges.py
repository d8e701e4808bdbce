"""Heatmaps of a release fetched by ranges: none twice, none of another copy, whole parts where ranges will not do."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from basewatch.errors import SourceError
from basewatch.sources import landing, readsb_archive
from basewatch.sources.contract import Landed, LandedFile
from basewatch.sources.readsb_archive import remote
from dear_tar import filled, heatmaps, traces
from heatmaps.days import day_over, tar_of
from server import setup
from server.archives import GitHub, Release, split_assets
from server.core import Reply, Request, serving
from unit.github_world import World

pytest_plugins = ["unit.github_world"]

DAY = date(2026, 1, 19)
PROD = "v2026.01.19-planes-readsb-prod-0"
ONE = 1 << 40  # split at no size: a tar in one part
SHARE = 0.13
Members = list[tuple[str, bytes]]


def day_of(
    total: int = 2_000_000, order: str = "middle", seed: int = 1, number: int = 400, halves: Any = range(48)
) -> Members:
    """The members of a day's tar: traces and heatmaps in the given order, with bytes of their own."""
    rng = random.Random(f"{order} {seed}")
    folders = traces(number, int(total * (1 - SHARE)), rng)
    heat = heatmaps(int(total * SHARE), rng, halves) if halves else []
    at = {"first": 0, "middle": rng.randrange(40, 200), "last": len(folders)}.get(order, 0)
    before, behind = ([member for folder in part for member in folder] for part in (folders[:at], folders[at:]))
    sized = [("./README.txt", 700), *before, *heat, *behind]
    if order == "scattered":
        rng.shuffle(sized)
    return filled(sized, rng)


def heat_of(members: Members) -> dict[str, bytes]:
    return {name.removeprefix("./"): data for name, data in members if "heatmap" in name}


def publish(github: GitHub, members: Members, part: int = ONE, tag: str = PROD, digest: bool = True) -> bytes:
    """A release of these members, first in the list; returns its tar."""
    tar = tar_of(members)
    github.repositories.setdefault("globe_history_2026", []).insert(
        0, Release(tag, split_assets(tag, tar, part, digest))
    )
    return tar


@pytest.fixture
def fetch(world: World) -> Callable[..., Landed]:
    def fetch(part: int = ONE, **changes: Any) -> Landed:
        return world.fetch(str(DAY), **{"read": "heatmap", "split_bytes": part, "attempts": 3, **changes})

    return fetch


def below(world: World) -> Path:
    return world.folder / "warehouse/landing/readsb_archive"


def landed_heat(world: World) -> dict[str, bytes]:
    folder = below(world) / "2026/01/19"
    return {str(path.relative_to(folder)): data for path, data in setup.files_below(folder)}


def ranges(world: World) -> dict[str, list[tuple[int, int]]]:
    """The ranges that were answered, by the asset's name: from and up to which byte they were sent."""
    by_asset = defaultdict(list)
    for entry in world.github.assets.log:
        if entry.status == 206:
            start = int(entry.request.headers["range"].removeprefix("bytes=").partition("-")[0])
            by_asset[entry.request.path.rpartition("/")[2]].append((start, start + entry.sent))
    return by_asset


def sent_twice(world: World) -> int:
    """How many bytes were sent that had been sent before."""
    twice = 0
    for spans in ranges(world).values():
        reached = 0
        for start, end in sorted(spans):
            twice += max(min(reached, end) - start, 0)
            reached = max(reached, end)
    return twice


def sent(world: World) -> int:
    return sum(entry.sent for entry in world.github.assets.log)


def only(landed: Landed) -> LandedFile:
    (file,) = landed.files
    return file


# ---- what lands


@pytest.mark.parametrize("order", ["first", "middle", "last"])
@pytest.mark.parametrize("part", [ONE, 700_000, 130_000])
def test_the_heatmaps_land_and_nothing_else_is_fetched(
    world: World, fetch: Callable[..., Landed], order: str, part: int
) -> None:
    members = day_of(order=order)
    tar = publish(world.github, members, part)
    file = only(fetch(part))
    heat = heat_of(members)
    assert landed_heat(world) == heat
    assert (file.path, file.day) == (below(world) / "2026/01/19", DAY)
    assert file.size == sum(map(len, heat.values()))
    lines = [f"{name} {len(data)} {hashlib.sha256(data).hexdigest()}" for name, data in sorted(heat.items())]
    assert file.sha256 == hashlib.sha256("\n".join(lines).encode()).hexdigest()
    assert sent(world) <= 0.25 * len(tar)
    assert sent_twice(world) == 0
    assert file.note.startswith(f"{PROD} ({len(tar) / 1e6:,.1f} MB); heatmaps alone: 48 of 48 half hours; ") or (
        part != ONE and file.note.startswith(f"{PROD} in {-(-len(tar) // part)} parts ({len(tar) / 1e6:,.1f} MB); ")
    )
    asked = len(world.github.site.log)
    assert f"by ranges: {sent(world):,} bytes ({sent(world) / len(tar):.1%} of it) in {asked} requests" in file.note
    assert list(below(world).glob(f"*{PROD}*")) == []
    manifest = json.loads((below(world) / f"manifests/{DAY}/manifest.json").read_text())
    assert [each["sha256"] for each in manifest["files"]] == [file.sha256]


@pytest.mark.parametrize("read", ["auto", "traces"])
def test_whole_parts_are_fetched_where_traces_are_read_too(
    world: World, fetch: Callable[..., Landed], read: str
) -> None:
    tar = publish(world.github, day_of())
    file = only(fetch(read=read))
    assert file.path.read_bytes() == tar
    assert file.note == f"{PROD} ({len(tar) / 1e6:,.1f} MB)"
    assert world.github.assets.statuses() == [200]


def test_what_lands_decodes_as_the_heatmaps_of_a_tar_do(world: World) -> None:
    rng = random.Random(4)
    heat = day_over((35.4, 35.95), DAY)
    total = 6 * sum(map(len, heat.values()))
    others = filled([member for folder in traces(900, total, rng) for member in folder], rng)
    whole = publish(world.github, [*others[:500], *((f"./{name}", data) for name, data in heat.items()), *others[500:]])
    (world.folder / "whole").mkdir()
    (world.folder / f"whole/{PROD}.tar").write_bytes(whole)
    results = []
    for where in ({}, {"location": "whole"}):
        about = world.context(read="heatmap", split_bytes=ONE, own_receiver=True, **where)
        results.append(setup.Decoded(readsb_archive.fetch(setup.window("readsb_archive", str(DAY)), about), about))
    by_ranges, local = results
    assert by_ranges.status() == {("global", str(DAY)): "ok"}
    assert by_ranges.table("track_points") == local.table("track_points") != []
    assert by_ranges.days[0].source_detail == local.days[0].source_detail
    assert (by_ranges.days[0].source_detail or "").startswith("heatmap")
    assert "heatmaps alone: 48 of 48" in (by_ranges.days[0].chosen_copy or "")


def test_half_hours_that_are_not_there_are_named_and_not_made_up(world: World, fetch: Callable[..., Landed]) -> None:
    members = day_of(total=4_000_000, number=900, halves=[half for half in range(48) if half not in (13, 14, 47)])
    publish(world.github, members)
    assert "45 of 48 half hours, not met 06:30, 07:00, 23:30; by ranges" in only(fetch()).note
    assert landed_heat(world) == heat_of(members)


def test_nothing_secret_is_kept(world: World, fetch: Callable[..., Landed]) -> None:
    world.github.token = "ghp_0123456789abcdef"
    publish(world.github, day_of())
    world.github.assets.truncated(0.5)
    file = only(fetch(token=world.github.token))
    kept = str(file) + "".join(body.decode("utf-8", "replace") for _, body in setup.files_below(world.folder))
    assert "globe_history_2026" in kept
    assert "SIGNED-ADDRESS" not in kept
    assert world.github.token not in kept


# ---- faults that pass


@pytest.mark.parametrize("part", [ONE, 300_000])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda github: github.assets.truncated(0.3, times=20, when=lambda _: len(github.assets.log) % 2 == 0),
        lambda github: github.assets.broken(503, times=2),
        lambda github: github.assets.html("Just a moment", times=2),
        lambda github: github.assets.too_many({"Retry-After": "5"}),
        lambda github: github.site.broken(500),
        lambda github: github.assets.mislabelled("text/html", times=99),
    ],
)
def test_passing_faults_do_not_change_what_lands(
    world: World, fetch: Callable[..., Landed], spoil: Callable[[GitHub], None], part: int
) -> None:
    members = day_of()
    publish(world.github, members, part)
    spoil(world.github)
    assert only(fetch(part)).path.is_dir()
    assert landed_heat(world) == heat_of(members)
    assert sent_twice(world) == 0


def test_a_timeout_does_not_change_what_lands(world: World, fetch: Callable[..., Landed]) -> None:
    members = day_of()
    publish(world.github, members)
    world.github.assets.stalled(1.2, when=lambda request: len(world.github.assets.log) == 6)
    fetch(read_seconds=0.5)
    assert landed_heat(world) == heat_of(members)


# ---- where ranges will not do


def whole_range(change: Callable[[int, int, int], str]) -> Callable[[Request, Reply], Reply]:
    """A 206 with the right bytes under another Content-Range."""

    def make(request: Request, right: Reply) -> Reply:
        if right.file is None or "range" not in request.headers:
            return right
        start, end = (int(number) for number in request.headers["range"].removeprefix("bytes=").split("-"))
        stated = {"Content-Range": change(start, end, len(right.file))}
        return replace(right, status=206, body=right.file[start : end + 1], file=None, headers=stated)

    return make


def has_range(request: Request) -> bool:
    return "range" in request.headers


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda _, right: replace(right, ranges=False), "answered a range with the whole file"),
        (lambda _, __: Reply(416, b"", None, {"Content-Range": "bytes */7"}), "no such bytes"),
        (lambda _, __: Reply(403, b"<Error><Message>no ranges here</Message></Error>"), "no ranges here"),
        (lambda _, __: Reply(501, b"not implemented"), "answered 501"),
        (whole_range(lambda start, end, size: f"bytes {start}-{end}/{size + 1}"), "are due"),
        (whole_range(lambda start, end, size: f"bytes {start + 512}-{end + 512}/{size}"), "another range than asked"),
        (whole_range(lambda start, end, size: f"bytes 0-{size - 1}/{size}"), "another range than asked"),
    ],
)
def test_whole_parts_are_fetched_where_the_server_sends_no_ranges(
    world: World, fetch: Callable[..., Landed], make: Any, why: str
) -> None:
    tar = publish(world.github, day_of())
    world.github.assets.fault(make, times=99, when=has_range)
    file = only(fetch(breaker_after=9))
    assert file.path.read_bytes() == tar
    assert "; whole, since its heatmaps cannot be had alone: http" in file.note
    assert why in file.note
    assert [path.name for path in below(world).iterdir() if ".pieces" in path.name] == []


def test_whole_parts_are_fetched_where_no_list_states_their_sizes(world: World, fetch: Callable[..., Landed]) -> None:
    tar = publish(world.github, day_of())
    world.github.per_hour = 0
    start = f"{world.github.site.url}/adsblol/globe_history_2026/releases/download"
    world.github.preferred["globe_history_2026"] = f"{start}/{PROD}/{PROD}.tar\n"
    file = only(fetch())
    assert file.path.read_bytes() == tar
    assert f"no list states the size of {PROD}.tar" in file.note


def test_whole_parts_are_fetched_where_heatmaps_lie_all_over_the_tar(
    world: World, fetch: Callable[..., Landed]
) -> None:
    tar = publish(world.github, day_of(order="scattered"), 700_000)
    landed = fetch(700_000)
    assert b"".join(file.path.read_bytes() for file in landed.files) == tar
    assert "they do not lie together" in landed.files[0].note
    assert sum(entry.sent for entry in world.github.assets.log if entry.status == 206) <= 0.3 * len(tar)


def test_whole_parts_are_fetched_where_heatmaps_are_most_of_the_tar(world: World, fetch: Callable[..., Landed]) -> None:
    rng = random.Random(3)
    members = filled([*heatmaps(900_000, rng), *(m for folder in traces(200, 300_000, rng) for m in folder)], rng)
    tar = publish(world.github, members)
    file = only(fetch())
    assert (file.path.read_bytes() == tar, "its heatmaps take up over 50% of it" in file.note) == (True, True)


@pytest.mark.parametrize("body", [b"<!DOCTYPE html><html>" + b" " * 30_000, bytes(40_960)])
def test_what_is_no_tar_is_left_to_the_check_of_whole_parts(
    world: World, fetch: Callable[..., Landed], body: bytes
) -> None:
    assets = split_assets(PROD, body, ONE)
    world.github.repositories["globe_history_2026"] = [Release(PROD, assets)]
    with pytest.raises(SourceError, match="where a tar is due"):
        fetch()


def test_a_small_tar_without_heatmaps_is_fetched_whole_to_make_sure(world: World, fetch: Callable[..., Landed]) -> None:
    tar = publish(world.github, day_of(halves=()))
    file = only(fetch())
    assert (file.path.read_bytes() == tar, "none was met in" in file.note) == (True, True)


def test_a_large_tar_without_heatmaps_is_not_fetched_and_not_searched_twice(
    world: World, fetch: Callable[..., Landed]
) -> None:
    tar = publish(world.github, day_of(total=9_000_000, number=9000, halves=()))
    landed = fetch()
    status, why = landed.absent[DAY]
    assert (landed.files, status) == ((), "late")
    assert f"{PROD} ({len(tar) / 1e6:,.1f} MB): no heatmap was met in " in why
    assert 'read = "traces" or "auto" reads its traces' in why
    asked = len(world.github.assets.log)
    assert sent(world) <= 0.25 * len(tar)
    assert fetch().absent == landed.absent
    assert len(world.github.assets.log) == asked
    assert only(fetch(read="auto")).path.read_bytes() == tar


# ---- a run that ended early


def test_what_an_earlier_run_fetched_is_not_fetched_again(world: World, fetch: Callable[..., Landed]) -> None:
    members = day_of(order="last")
    publish(world.github, members, 300_000)
    for after in (1, 4, 9, 12, 15):
        world.github.assets.faults.clear()
        reached = len(world.github.assets.log) + after
        world.github.assets.truncated(0.0, times=9, when=lambda _, at=reached: len(world.github.assets.log) >= at)
        with pytest.raises(SourceError, match="cannot be reached or broke off"):
            fetch(300_000)
        assert landed_heat(world) == {}
    world.github.assets.faults.clear()
    file = only(fetch(300_000))
    assert landed_heat(world) == heat_of(members)
    assert sent_twice(world) == 0
    assert f"by ranges: {sent(world):,} bytes" in file.note


CHILD = """
import json, sys
from datetime import date, datetime
from pathlib import Path
from server import setup
from basewatch.sources.readsb_archive import remote
given = json.loads(sys.argv[1])
configured = setup.settings(Path(given["folder"]), readsb_archive=given["values"])
about = setup.context(configured, datetime.fromisoformat(given["now"]), "readsb_archive")
remote.fetch(setup.window("readsb_archive", given["day"]), about)
"""


def test_a_process_that_is_killed_loses_nothing_that_had_come(tmp_path: Path) -> None:
    github = GitHub(lambda: 1.0)
    members = day_of(total=6_000_000)
    publish(github, members)
    with serving(*github.hosts):
        values = {
            "location": f"{github.api.url}/repos/adsblol/globe_history_{{year}}",
            "index_url": None,
            "split_bytes": ONE,
            "read": "heatmap",
        }
        given = {"folder": str(tmp_path), "values": values, "day": str(DAY), "now": "2026-01-20T08:00:00+00:00"}
        command = [sys.executable, "-c", CHILD, json.dumps(given)]
        environment = {**os.environ, "PYTHONPATH": str(Path(setup.__file__).parents[1])}
        for after in (3, 20, 35):
            arrived = threading.Event()
            reached = len(github.assets.log) + after

            def hang(_: Request, right: Reply, arrived: threading.Event = arrived) -> Reply:
                arrived.set()
                return replace(right, stall=30)

            github.assets.faults.clear()
            github.assets.fault(hang, when=lambda _, at=reached: len(github.assets.log) >= at)
            with subprocess.Popen(command, env=environment) as process:
                assert arrived.wait(60)
                process.send_signal(signal.SIGKILL)
            github.assets.log.pop()  # of what hangs nothing was sent
        subprocess.run(command, env=environment, check=True)
    world = World(github, None, tmp_path)  # type: ignore[arg-type]
    assert landed_heat(world) == heat_of(members)
    assert sent_twice(world) < 131_072, "answers under way when the process was killed may come once more"


@pytest.mark.parametrize("step", ["_write", "_put_in_place"])
def test_a_run_that_ends_while_heatmaps_are_put_in_place_goes_on_without_a_request(
    world: World, fetch: Callable[..., Landed], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    members = day_of()
    publish(world.github, members)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"basewatch.sources.readsb_archive.ranges.{step}", killed)
        with pytest.raises(KeyboardInterrupt):
            fetch()
    assert landed_heat(world) == {}
    asked = len(world.github.assets.log)
    fetch()
    assert landed_heat(world) == heat_of(members)
    assert len(world.github.assets.log) == asked


# ---- what has landed


def test_a_day_that_has_landed_is_not_fetched_again(world: World, fetch: Callable[..., Landed]) -> None:
    publish(world.github, day_of())
    first = only(fetch())
    asked = len(world.github.assets.log)
    assert only(fetch()) == first
    assert len(world.github.assets.log) == asked


@pytest.mark.parametrize("harm", [lambda file: file.unlink(), lambda file: file.write_bytes(b"x" * len(file.name))])
def test_of_a_day_that_has_landed_only_what_is_not_whole_is_fetched_again(
    world: World, fetch: Callable[..., Landed], harm: Callable[[Path], None]
) -> None:
    members = day_of()
    publish(world.github, members)
    first = only(fetch())
    before = sent(world)
    harm(first.path / "heatmap/21.bin.ttf")
    again = only(fetch())
    assert landed_heat(world) == heat_of(members)
    assert again.sha256 == first.sha256
    assert 0 < sent(world) - before <= len(heat_of(members)["heatmap/21.bin.ttf"]) + 1024


def test_another_copy_replaces_what_landed_and_does_not_mix_with_it(world: World, fetch: Callable[..., Landed]) -> None:
    staging = PROD.replace("prod", "staging")
    some = day_of(seed=1, total=2_000_000, halves=range(40))
    publish(world.github, some, tag=staging)
    first = only(fetch())
    assert landed_heat(world) == heat_of(some)
    assert remote.restated({DAY: first.size}, world.context(read="heatmap", split_bytes=ONE)) == []
    better = day_of(seed=2, total=2_600_000, halves=range(8, 48))
    publish(world.github, better)
    world.clock.sleep(4000)
    assert remote.restated({DAY: first.size}, world.context(read="heatmap", split_bytes=ONE)) == [DAY]
    second = only(fetch())
    assert landed_heat(world) == heat_of(better)
    assert second.note.startswith(PROD)
    assert remote.restated({DAY: second.size}, world.context(read="heatmap", split_bytes=ONE)) == []


def test_what_was_fetched_of_another_copy_does_not_mix_and_goes(world: World, fetch: Callable[..., Landed]) -> None:
    staging = PROD.replace("prod", "staging")
    publish(world.github, day_of(seed=1), tag=staging)
    world.github.assets.truncated(0.0, times=9, when=lambda _: len(world.github.assets.log) >= 30)
    with pytest.raises(SourceError):
        fetch()
    assert len(list(below(world).glob(".pieces-*"))) == 1
    world.github.assets.faults.clear()
    better = day_of(seed=2, total=2_600_000)
    publish(world.github, better)
    world.clock.sleep(4000)
    fetch()
    assert landed_heat(world) == heat_of(better)
    assert list(below(world).glob(".pieces-*")) == []


def test_a_file_that_changes_while_it_is_fetched_is_begun_anew(world: World, fetch: Callable[..., Landed]) -> None:
    first, second = day_of(seed=1), day_of(seed=1)
    rng = random.Random(5)
    second = [(name, rng.randbytes(len(data))) for name, data in second]
    publish(world.github, first, digest=False)
    asset = world.github.repositories["globe_history_2026"][0].assets[0]

    def change(_: Request, right: Reply) -> Reply:
        asset.content = tar_of(second)
        return replace(right, file=asset.content)

    world.github.assets.fault(change, when=lambda _: len(world.github.assets.log) == 25)
    fetch()
    assert landed_heat(world) == heat_of(second)


def test_a_file_that_changed_between_two_runs_is_begun_anew(world: World, fetch: Callable[..., Landed]) -> None:
    first = day_of(seed=1)
    rng = random.Random(5)
    second = [(name, rng.randbytes(len(data))) for name, data in first]
    publish(world.github, first, digest=False)
    world.github.assets.truncated(0.0, times=9, when=lambda _: len(world.github.assets.log) >= 30)
    with pytest.raises(SourceError):
        fetch()
    world.github.assets.faults.clear()
    world.github.repositories["globe_history_2026"][0].assets[0].content = tar_of(second)
    fetch()
    assert landed_heat(world) == heat_of(second)


def test_a_file_that_keeps_changing_fails_the_day(world: World, fetch: Callable[..., Landed]) -> None:
    publish(world.github, day_of(), digest=False)
    asset = world.github.repositories["globe_history_2026"][0].assets[0]

    def change(_: Request, right: Reply) -> Reply:
        asset.content = asset.content[:-1] + bytes([(asset.content[-1] + 1) % 256])
        return replace(right, file=asset.content)

    world.github.assets.fault(change, times=99, when=lambda _: len(world.github.assets.log) % 7 == 6)
    with pytest.raises(SourceError, match="is another file than before") as caught:
        fetch()
    assert caught.value.retryable
    assert landed_heat(world) == {}


def test_without_an_etag_or_a_date_nothing_of_an_earlier_run_is_built_on(
    world: World, fetch: Callable[..., Landed]
) -> None:
    members = day_of()
    publish(world.github, members)

    def bare(_: Request, right: Reply) -> Reply:
        return replace(right, etag="W/none")

    world.github.assets.fault(bare, times=10_000)
    world.github.assets.faults.insert(0, world.github.assets.faults.pop())
    original = world.github.assets.handle
    broken = iter([False] * 30 + [True] * 3 + [False] * 10_000)

    def handle(request: Request) -> Reply:
        return Reply(503, b"") if next(broken) else original(request)

    world.github.assets.handle = handle
    with pytest.raises(SourceError):
        fetch()
    fetch()
    assert landed_heat(world) == heat_of(members)
    first_bytes = [spans for spans in ranges(world)[f"{PROD}.tar"] if spans[0] == 0]
    assert len(first_bytes) == 2


# ---- beside whole parts


def test_a_tar_that_has_landed_whole_is_used(world: World, fetch: Callable[..., Landed]) -> None:
    tar = publish(world.github, day_of())
    fetch(read="traces")
    file = only(fetch())
    assert file.path.read_bytes() == tar
    assert world.github.assets.statuses() == [200]


def test_whole_parts_replace_heatmaps_that_landed(world: World, fetch: Callable[..., Landed]) -> None:
    tar = publish(world.github, day_of())
    folder = only(fetch()).path
    file = only(fetch(read="traces"))
    assert file.path.read_bytes() == tar
    assert not folder.exists()
    assert list(below(world).rglob(".heatmaps.json")) == []


def test_heatmaps_that_landed_replace_the_tar_of_another_copy(world: World, fetch: Callable[..., Landed]) -> None:
    publish(world.github, day_of(seed=1, total=1_000_000), tag=PROD.replace("prod", "staging"))
    tar = only(fetch(read="traces")).path
    publish(world.github, day_of(seed=2))
    world.clock.sleep(4000)
    fetch()
    assert not tar.exists()
    assert len(landed_heat(world)) == 48


def test_landed_heatmaps_go_after_decoding_where_so_set(world: World, fetch: Callable[..., Landed]) -> None:
    members = day_of()
    publish(world.github, members)
    landed = fetch()
    assert landing.discard(landed, world.context(keep_landing=True)) == 0
    assert landing.discard(landed, world.context(keep_landing=False)) == sum(map(len, heat_of(members).values()))
    assert landed_heat(world) == {}
    assert remote.restated({DAY: only(landed).size}, world.context(split_bytes=ONE)) == []


def test_the_disk_budget_is_kept(world: World, fetch: Callable[..., Landed]) -> None:
    tar = publish(world.github, day_of())
    with pytest.raises(SourceError, match=r"disk_budget_gb allows"):
        fetch(disk_budget_gb=0.2 * len(tar) / 1e9)
    assert world.github.assets.log == []
    fetch(disk_budget_gb=0.5 * len(tar) / 1e9)
    assert len(landed_heat(world)) == 48


@pytest.mark.parametrize(
    "writer", ["basewatch.sources.readsb_archive.ranges._write", "basewatch.net.ranges.RangeTransfer._take_in"]
)
def test_a_full_disk_says_where_and_what_to_do(
    world: World, fetch: Callable[..., Landed], monkeypatch: pytest.MonkeyPatch, writer: str
) -> None:
    members = day_of()
    publish(world.github, members)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(writer, full)
        with pytest.raises(SourceError, match=r"No space left on device; free some space on the disk of"):
            fetch()
    assert landed_heat(world) == {}
    fetch()
    assert landed_heat(world) == heat_of(members)
