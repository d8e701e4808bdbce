"""Trace archives over real HTTP: which copy, split parts, digests, resumption, late and missing days, disk room."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from basewatch.errors import SourceError
from basewatch.sources import readsb_archive
from basewatch.sources.contract import Context, Landed
from basewatch.sources.readsb_archive import remote
from basewatch.sources.readsb_archive.remote import choose
from server import setup
from server.archives import GitHub, Release, Traces, day_tar, split_assets, trace
from server.core import reply_json, serving
from unit.github_world import NOW, PART, World

pytest_plugins = ["unit.github_world"]

TOKEN = "ghp_0123456789abcdef"


def points(day: date, latitude: float = 35.4, longitude: float = 35.95) -> list[list[Any]]:
    """A low pass over the field, ten points."""
    details = {"type": "adsb_icao", "flight": "RFF406  "}
    return [
        [n * 10.0, latitude + n / 1000, longitude, 1000 + 100 * n, 150.0, 10.0, 0, 640, details, "adsb_icao", 1100, 640]
        for n in range(10)
    ]


def tar_of(day: date, addresses: tuple[str, ...] = ("1533f3", "154ca3"), filler: int = 11_000) -> bytes:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
    return day_tar(
        {address: trace(address, start, points(day), r="RA-78835", t="IL76") for address in addresses}, filler
    )


def release(day: date, variant: str = "prod-0", tar: bytes | None = None, digest: bool | None = True) -> Release:
    tag = f"v{day:%Y.%m.%d}-planes-readsb-{variant}"
    return Release(tag, split_assets(tag, tar if tar is not None else tar_of(day), PART, digest))


def month(github: GitHub, first: date = date(2026, 1, 1), days: int = 19) -> None:
    """A repository of days, newest first, prod, staging and multilateration of each."""
    listed = []
    for offset in reversed(range(days)):
        day = first + timedelta(days=offset)
        listed += [
            release(day, "mlatonly-0", b"tiny" * 200),
            release(day, "staging-0", tar_of(day, ("1533f3",), 0)),
            release(day, "prod-0"),
        ]
    github.repositories["globe_history_2026"] = listed


def test_a_day_is_found_downloaded_and_verified(world: World) -> None:
    month(world.github)
    landed = world.fetch("2026-01-19")
    (file,) = landed.files
    assert file.path == world.folder / "warehouse/landing/readsb_archive/v2026.01.19-planes-readsb-prod-0.tar"
    assert file.path.read_bytes() == tar_of(date(2026, 1, 19))
    assert (file.day, file.size, file.sha256) == (
        date(2026, 1, 19),
        len(tar_of(date(2026, 1, 19))),
        hashlib.sha256(tar_of(date(2026, 1, 19))).hexdigest(),
    )
    assert file.note.startswith("v2026.01.19-planes-readsb-prod-0 (")
    assert "SIGNED" not in json.dumps([str(each) for each in landed.files])
    assert world.github.site.statuses() == [302]
    assert len(world.github.assets.log) == 1


def test_what_lands_decodes_as_a_local_archive_does(world: World) -> None:
    month(world.github)
    about = world.context(own_receiver=True)
    landed = readsb_archive.fetch(setup.window("readsb_archive", "2026-01-19"), about)
    got = setup.Decoded(landed, about)
    assert got.status() == {("global", "2026-01-19"): "ok"}
    assert {row["icao24"] for row in got.table("track_points")} == {"1533f3", "154ca3"}
    assert (got.days[0].chosen_copy or "").startswith("v2026.01.19-planes-readsb-prod-0")
    local = world.context(own_receiver=True, location=str(about.landing))
    again = setup.Decoded(readsb_archive.fetch(setup.window("readsb_archive", "2026-01-19"), local), local)
    assert again.table("track_points") == got.table("track_points")


def test_the_larger_of_prod_and_staging_is_taken(world: World) -> None:
    day = date(2026, 1, 19)
    world.github.repositories["globe_history_2026"] = [
        release(day, "prod-0"),
        release(day, "staging-0", tar_of(day, filler=40_000)),
        release(day, "staging-0tmp", b""),
    ]
    landed = world.fetch("2026-01-19")
    assert [file.path.name for file in landed.files] == [
        "v2026.01.19-planes-readsb-staging-0.tar.aa",
        "v2026.01.19-planes-readsb-staging-0.tar.ab",
    ]
    assert b"".join(file.path.read_bytes() for file in landed.files) == tar_of(day, filler=40_000)


def test_a_split_day_with_a_missing_part_is_not_taken_for_whole(world: World) -> None:
    day = date(2026, 1, 19)
    broken = release(day, "prod-0", tar_of(day, filler=70_000))
    assert len(broken.assets) >= 3
    del broken.assets[1]
    world.github.repositories["globe_history_2026"] = [broken]
    landed = world.fetch("2026-01-19")
    assert landed.files == ()
    status, why = landed.absent[day]
    assert status == "late"
    assert "part .ab is missing" in why
    world.github.repositories["globe_history_2026"].append(release(day, "staging-0"))
    world.clock.sleep(4000)
    assert [file.path.name for file in world.fetch("2026-01-19").files] == ["v2026.01.19-planes-readsb-staging-0.tar"]


def test_a_part_that_comes_later_completes_the_day_without_hand_work(world: World) -> None:
    day = date(2026, 1, 19)
    whole = release(day, "prod-0", tar_of(day, filler=70_000))
    last = whole.assets.pop()
    world.github.repositories["globe_history_2026"] = [whole]
    assert "is missing" in world.fetch("2026-01-19").absent[day][1]
    whole.assets.append(last)
    world.clock.sleep(700)
    landed = world.fetch("2026-01-19")
    assert b"".join(file.path.read_bytes() for file in landed.files) == tar_of(day, filler=70_000)


@pytest.mark.parametrize(
    ("assets", "taken", "lack"),
    [
        ({".tar": 10}, [".tar"], None),
        ({".tar.aa": 100, ".tar.ab": 40}, [".tar.aa", ".tar.ab"], None),
        ({".tar": 140, ".tar.aa": 100, ".tar.ab": 40}, [".tar"], None),
        ({".tar": 100, ".tar.aa": 100, ".tar.ab": 40}, [".tar.aa", ".tar.ab"], None),
        ({".tar": 100, ".tar.aa": 100, ".tar.ac": 40}, [".tar"], None),
        ({".tar.aa": 100, ".tar.ac": 40}, [".tar.aa", ".tar.ac"], "part .ab is missing"),
        ({".tar.ab": 40}, [".tar.ab"], "part .aa is missing"),
        ({".tar.aa": 90, ".tar.ab": 40}, [".tar.aa", ".tar.ab"], "part .aa has 90 bytes where 100 are due"),
        ({".tar.aa": 100}, [".tar.aa"], "the part after .aa is missing"),
        ({".txt": 5}, [], "no uploaded tar in it"),
    ],
)
def test_the_files_of_a_release_are_one_tar_or_its_parts(
    assets: dict[str, int], taken: list[str], lack: str | None
) -> None:
    listed = [remote.Asset(f"t{ending}", f"https://x/t{ending}", size) for ending, size in assets.items()]
    copy = choose("t", listed, 100)
    assert ([asset.name[1:] for asset in copy.assets], copy.lack) == (taken, lack)


@pytest.mark.parametrize("spoil", [{"state": "open"}, {"size": 0}])
def test_an_asset_that_is_not_uploaded_does_not_count(world: World, spoil: dict[str, Any]) -> None:
    day = date(2026, 1, 19)
    whole = release(day)
    whole.assets = [replace(asset, **spoil) for asset in whole.assets]
    world.github.repositories["globe_history_2026"] = [whole]
    assert "no uploaded tar" in world.fetch("2026-01-19").absent[day][1]


def test_a_day_that_strayed_over_new_year_is_found_next_door(world: World) -> None:
    stray, other = date(2025, 12, 30), date(2026, 1, 3)
    world.github.repositories["globe_history_2025"] = [release(date(2025, 12, 20), "mlatonly-0")]
    world.github.repositories["globe_history_2026"] = [release(stray)]
    assert world.fetch("2025-12-30").files[0].path.name == "v2025.12.30-planes-readsb-prod-0.tar"
    world.clock.sleep(4000)
    world.github.repositories["globe_history_2025"].insert(0, release(other))
    world.github.repositories["globe_history_2026"].insert(0, release(other, "mlatonly-0"))
    assert (
        world.fetch("2026-01-03", now=NOW)
        .files[0]
        .url.startswith(f"{world.github.site.url}/adsblol/globe_history_2025/")
    )


def test_a_repository_that_does_not_exist_makes_the_day_missing(world: World) -> None:
    landed = world.fetch("2024-03-10")
    assert landed.absent[date(2024, 3, 10)][0] == "missing"


def test_a_day_not_yet_due_is_late_without_a_question(world: World) -> None:
    landed = world.fetch("2026-01-19", now=datetime(2026, 1, 20, 3, 0, tzinfo=UTC))
    assert landed.absent[date(2026, 1, 19)][0] == "late"
    assert world.github.api.log == []


@pytest.mark.parametrize(("age", "status"), [(1, "late"), (2, "late"), (5, "missing"), (40, "expired")])
def test_an_unpublished_day_is_late_then_missing_then_expired(world: World, age: int, status: str) -> None:
    month(world.github, days=1)
    day = (NOW - timedelta(days=age)).date()
    landed = world.fetch(str(day), history_days=30)
    if day == date(2026, 1, 1):
        raise AssertionError("the case must not be the published day")
    assert landed.absent[day][0] == status


def test_pages_are_walked_only_as_far_as_needed_and_kept(world: World) -> None:
    month(world.github, first=date(2026, 1, 20) - timedelta(days=120), days=120)
    world.fetch("2026-01-19")
    assert len(world.github.api.log) == 1
    world.fetch("2026-01-18")
    assert len(world.github.api.log) == 1  # the list is fresh
    world.fetch("2025-10-10", index_url=None, location=f"{world.github.api.url}/repos/adsblol/globe_history_2026")
    assert [request.one("page") for request in world.github.api.asked()] == ["1", "2", "3", "4"]
    world.clock.sleep(4000)
    world.fetch("2026-01-17")
    assert world.github.api.statuses()[-1] == 304  # and when it is not, it has not changed


def test_the_hourly_quota_is_not_overdrawn_and_the_list_of_preferred_files_steps_in(world: World) -> None:
    day = date(2026, 1, 12)
    month(world.github)
    world.github.per_hour = 0
    tag = f"v{day:%Y.%m.%d}-planes-readsb-prod-0"
    start = f"{world.github.site.url}/adsblol/globe_history_2026/releases/download"
    world.github.preferred["globe_history_2026"] = (
        f"{start}/v2026.01.13-planes-readsb-mlatonly-0/v2026.01.13-planes-readsb-mlatonly-0.tar\n"
        f"{start}/{tag}/{tag}.tar\n"
    )
    landed = world.fetch("2026-01-12")
    assert landed.files[0].path.read_bytes() == tar_of(day)
    assert world.fetch("2026-01-13").absent[date(2026, 1, 13)][0] == "missing"


def test_only_so_many_requests_an_hour(world: World) -> None:
    month(world.github, first=date(2026, 1, 20) - timedelta(days=330), days=330)
    repo = f"{world.github.api.url}/repos/adsblol/globe_history_2026"
    for round_ in range(12):
        world.clock.sleep(601)
        for day in ("2024-01-01", "2024-01-02"):
            world.fetch(day, location=repo, index_url=None)
        assert 403 not in world.github.api.statuses(), round_
    assert len(world.github.counted) <= 60 + 12


def test_a_token_goes_to_the_api_alone_and_stands_nowhere(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    world.github.token = TOKEN
    month(world.github)
    world.fetch("2026-01-19", token=TOKEN)
    assert world.github.api.asked()[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert "authorization" not in world.github.site.asked()[0].headers
    world.clock.sleep(7200)
    with pytest.raises(SourceError, match="401") as caught:
        world.fetch("2026-01-02", token="ghp_wrong_wrong_wrong")
    seen = caplog.text + str(caught.value)
    seen += "".join(body.decode("utf-8", "replace") for _, body in setup.files_below(world.folder))
    assert "globe_history_2026" in seen
    for secret in (TOKEN, "ghp_wrong_wrong_wrong", "SIGNED-ADDRESS"):
        assert secret not in seen


@pytest.mark.parametrize(
    "spoil",
    [
        lambda github: github.api.html(),
        lambda github: github.api.broken(502, times=2),
        lambda github: github.api.truncated(),
        lambda github: github.api.too_many({"Retry-After": "5"}),
        lambda github: github.assets.truncated(0.3),
        lambda github: github.assets.broken(503),
        lambda github: github.assets.html("Just a moment"),
        lambda github: github.site.broken(500),
        lambda github: github.assets.mislabelled("text/html", times=9),
    ],
)
def test_passing_faults_do_not_change_what_lands(world: World, spoil: Any) -> None:
    month(world.github)
    spoil(world.github)
    assert world.fetch("2026-01-19").files[0].path.read_bytes() == tar_of(date(2026, 1, 19))


def test_a_timeout_does_not_change_what_lands(world: World) -> None:
    month(world.github)
    world.github.assets.stalled(1.2)
    landed = world.fetch("2026-01-19", read_seconds=0.5)
    assert landed.files[0].path.read_bytes() == tar_of(date(2026, 1, 19))
    assert len(world.github.assets.log) >= 2


def test_a_wrong_digest_is_never_landed(world: World) -> None:
    day = date(2026, 1, 19)
    spoiled = release(day)
    spoiled.assets = [replace(asset, digest="sha256:" + "0" * 64) for asset in spoiled.assets]
    world.github.repositories["globe_history_2026"] = [spoiled]
    with pytest.raises(SourceError, match="does not match the published sha256") as caught:
        world.fetch("2026-01-19")
    assert caught.value.retryable
    assert list((world.folder / "warehouse/landing").rglob("*.tar*")) == []


def test_without_a_digest_the_size_decides(world: World) -> None:
    day = date(2026, 1, 19)
    world.github.repositories["globe_history_2026"] = [release(day, digest=None)]
    assert world.fetch("2026-01-19").files[0].sha256 == hashlib.sha256(tar_of(day)).hexdigest()


def test_a_run_that_broke_off_is_taken_up_and_what_is_there_is_not_fetched_again(world: World) -> None:
    month(world.github)
    world.github.assets.truncated(0.5)
    world.github.assets.broken(403)
    with pytest.raises(SourceError, match="answered 403"):
        world.fetch("2026-01-19")
    landed = world.fetch("2026-01-19")
    assert landed.files[0].path.read_bytes() == tar_of(date(2026, 1, 19))
    assert world.github.assets.statuses() == [200, 403, 206]
    world.fetch("2026-01-19")
    assert world.github.assets.statuses() == [200, 403, 206]


def test_a_better_copy_replaces_the_one_that_was_there(world: World) -> None:
    day = date(2026, 1, 19)
    first = tar_of(day, ("1533f3",), 0)
    world.github.repositories["globe_history_2026"] = [release(day, "staging-0", first)]
    world.fetch("2026-01-19")
    assert remote.restated({day: len(first)}, world.context()) == []
    world.github.repositories["globe_history_2026"].insert(0, release(day, "prod-0"))
    world.clock.sleep(4000)
    assert remote.restated({day: len(first)}, world.context()) == [day]
    world.fetch("2026-01-19")
    tars = [path.name for path in (world.folder / "warehouse/landing").rglob("*.tar*")]
    assert tars == ["v2026.01.19-planes-readsb-prod-0.tar"]


def test_the_disk_budget_is_kept_and_says_what_to_do(world: World) -> None:
    month(world.github)
    size = len(tar_of(date(2026, 1, 19)))
    with pytest.raises(SourceError, match=r"disk_budget_gb allows .*: raise it, or set") as caught:
        world.fetch("2026-01-18", "2026-01-19", disk_budget_gb=size * 0.9 / 1e9)
    assert not caught.value.retryable
    assert world.github.site.log == []
    landed = world.fetch("2026-01-18", "2026-01-19", disk_budget_gb=size * 1.5 / 1e9 + 1e-5)
    assert [str(file.day) for file in landed.files] == ["2026-01-18"]
    assert landed.absent[date(2026, 1, 19)][0] == "failed"


def test_landed_tars_go_after_decoding_where_so_set(world: World) -> None:
    from basewatch.sources import landing

    month(world.github)
    about = world.context(keep_landing=False, own_receiver=True)
    landed = readsb_archive.fetch(setup.window("readsb_archive", "2026-01-19"), about)
    setup.Decoded(landed, about)
    assert landing.discard(landed, world.context(keep_landing=True)) == 0
    assert landing.discard(landed, about) == len(tar_of(date(2026, 1, 19)))
    assert not landed.files[0].path.exists()


# ---- single traces


@pytest.fixture
def history(tmp_path: Path) -> Iterator[tuple[Traces, Any]]:
    with setup.virtual_time(NOW) as clock:
        provider = Traces(clock.time)
        provider.host.rates = [(1, 0.5)]
        start = datetime(2026, 1, 18, tzinfo=UTC).timestamp()
        provider.days["2026-01-18"] = {
            address: trace(address, start, points(date(2026, 1, 18)), r="RA-78835")
            for address in ("1533f3", "154ca3", "155bf1")
        }

        def fetch(on: str, **changes: Any) -> tuple[Landed, Context]:
            values = {
                "location": provider.host.url,
                "aircraft": ["1533f3", "154CA3", "06a1c0"],
                "processes": 1,
                **changes,
            }
            about = setup.context(setup.settings(tmp_path, readsb_archive=values), NOW, "readsb_archive")
            return readsb_archive.fetch(setup.window("readsb_archive", on), about), about

        with serving(provider.host):
            yield provider, fetch
    assert provider.host.violations == []


@pytest.mark.parametrize("encoding", [True, False])
def test_a_globe_history_gives_watched_aircraft_alone_and_covers_no_base(history: Any, encoding: bool) -> None:
    provider, fetch = history
    provider.encoding = encoding
    landed, about = fetch("2026-01-18")
    got = setup.Decoded(landed, about)
    assert {row["icao24"] for row in got.table("track_points")} == {"1533f3", "154ca3"}
    assert got.status() == {("aircraft:watched", "2026-01-18"): "ok"}
    assert got.table("base_background") == []
    assert sorted(provider.host.statuses()) == [200, 200, 404]
    assert provider.host.asked()[0].headers["referer"].startswith("http://127.0.0.1")


def test_no_trace_is_missing_and_beyond_the_history_expired(history: Any) -> None:
    _, fetch = history
    assert fetch("2026-01-10")[0].absent[date(2026, 1, 10)][0] == "missing"
    assert fetch("2026-01-10", history_days=5)[0].absent[date(2026, 1, 10)][0] == "expired"


def test_a_blocked_history_is_an_error_and_not_silence(history: Any) -> None:
    provider, fetch = history
    provider.host.text("Direct access to globe history data is not permitted.", status=403, times=9)
    with pytest.raises(SourceError, match=r"Direct access to globe history data is not permitted.*does not let"):
        fetch("2026-01-18")


def test_a_globe_history_without_named_aircraft_says_what_to_name(history: Any) -> None:
    _, fetch = history
    with pytest.raises(SourceError, match=r"sources\.readsb_archive\.aircraft"):
        fetch("2026-01-18", aircraft=[])
    with pytest.raises(SourceError, match="'zz' is not an address"):
        fetch("2026-01-18", aircraft=["zz"])


def test_samples_hold_the_first_of_a_month(tmp_path: Path) -> None:
    with setup.virtual_time(NOW) as clock:
        provider = Traces(clock.time, samples=True)
        start = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
        provider.days["2026-01-01"] = {a: trace(a, start, points(date(2026, 1, 1))) for a in ("1533f3", "~2c00b2")}
        values = {"location": "", "layout": "samples", "processes": 1, "own_receiver": True, "requests_per_second": 100}
        with serving(provider.host):
            values["location"] = provider.host.url
            about = setup.context(setup.settings(tmp_path, readsb_archive=values), NOW, "readsb_archive")
            landed = readsb_archive.fetch(setup.window("readsb_archive", "2026-01-01", "2026-01-02"), about)
        got = setup.Decoded(landed, about)
        assert got.status()["global", "2026-01-01"] == "ok"
        assert landed.absent[date(2026, 1, 2)] == (
            "missing",
            "the sample archive holds the first day of each month alone",
        )
        assert {row["icao24"] for row in got.table("track_points")} == {"1533f3"}
        assert provider.host.violations == []


def test_check_says_what_to_do(world: World) -> None:
    month(world.github)
    assert all(finding.ok for finding in remote.check(world.context()))
    world.github.api.broken(403, times=99)
    faults = [finding for finding in remote.check(world.context(now=NOW + timedelta(days=3))) if not finding.ok]
    assert len(faults) == 1


def test_a_year_without_a_repository_is_asked_for_once_and_its_days_are_known(world: World) -> None:
    month(world.github)
    days = [date(2020, 6, 1) + timedelta(days=offset) for offset in range(400)] + [date(2026, 1, 5)]
    about = world.context()
    assert remote.absent(days, about) == set(days[:-1])
    asked = [request.path for request in world.github.api.asked()]
    years = (2019, 2020, 2021, 2022, 2026)
    assert sorted(asked) == [f"/repos/adsblol/globe_history_{year}/releases" for year in years]
    landed = world.fetch("2020-06-01", "2020-06-30")
    assert {status for status, _ in landed.absent.values()} == {"missing"}
    assert len(landed.absent) == 30
    assert len(world.github.api.asked()) == len(asked), "what was learnt of a year holds for all of its days"


def test_days_of_a_year_that_has_a_repository_are_not_said_to_be_lacking(world: World) -> None:
    month(world.github)
    assert remote.absent([date(2026, 3, 1), date(2026, 3, 2)], world.context()) == set()


def test_the_samples_lack_all_days_but_the_first_of_a_month(world: World) -> None:
    days = [date(2026, 1, 30) + timedelta(days=offset) for offset in range(4)]
    about = world.context(layout="samples")
    assert remote.absent(days, about) == {days[0], days[1], days[3]}
    assert remote.absent(days, world.context(layout="globe_history")) == set()
    assert world.github.api.asked() == []


def test_a_list_whose_assets_are_no_list_has_no_tar(world: World) -> None:
    body = [{"tag_name": "v2026.01.19-planes-readsb-prod-0", "assets": 5}]
    world.github.api.fault(lambda _, __: reply_json(body), times=9)
    assert world.fetch("2026-01-19").absent[date(2026, 1, 19)][0] == "late"
