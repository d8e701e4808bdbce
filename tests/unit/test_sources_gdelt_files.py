"""GDELT's raw files over real HTTP and from a folder: every slot accounted for, rows matched, bad ones counted."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from basewatch.errors import SourceError
from basewatch.net.limits import STATE
from basewatch.sources import gdelt, gdelt_files
from basewatch.sources.contract import Context
from server import setup
from server.core import FakeClock, Reply, serving
from server.news import Files, export_row, file_name, gkg_row, mention_row, slots_of, zipped

NOW = datetime(2026, 10, 2, 5, 15, tzinfo=UTC)
DAY = "2026-10-01"
SLOTS = slots_of("20261001")
LATAKIA = "4#Latakia, Al Ladhiqiyah, Syria#SY#SY02#29560#35.5167#35.7833#-2541330#88"
MOZDOK = "4#Mozdok, North Ossetia, Russia#RS#RS68#25180#43.77#44.63#-2990000#30"
KREMLIN = "1#Russia#RS#RS##60#100#RS#10"

# (slot number, stream, translated, row)
ROWS: list[tuple[int, str, bool, str | bytes]] = [
    (48, "gkg", False, gkg_row(f"{SLOTS[48]}-17", "https://tass.com/defense/1",
                               title="An-124 lands at Hmeimim air base", names="Hmeimim Air Base,91;Antonov,120;",
                               locations=LATAKIA, precise="20261001113000")),
    (49, "gkg", True, gkg_row(f"{SLOTS[49]}-T3", "https://ria.example/2", title="Самолёты прибыли на базу &#x2013; СМИ",
                              names="Khmeimim Air Base,40;", language="rus", precise="20261003000000")),
    (50, "gkg", False, gkg_row(f"{SLOTS[50]}-1", "https://example.org/port", title="Ships leave Latakia port",
                               names="Latakia,10;", locations=LATAKIA)),
    (51, "gkg", False, gkg_row(f"{SLOTS[51]}-1", "https://example.org/ossetia", locations=f"{KREMLIN};{MOZDOK}",
                               title="Bombers take off from military airfield in North Ossetia",
                               names="Vladimir Putin,3;")),
    (52, "gkg", False, gkg_row(f"{SLOTS[52]}-1", "https://example.org/fair", locations=MOZDOK, title="Town fair opens",
                               names="Mozdok,3;")),
    (53, "mentions", False, mention_row(77, SLOTS[53], "https://example.org/2026/khmeimim-air-base-traffic.html")),
    (53, "mentions", False, mention_row(78, SLOTS[53], "https://example.org/2026/khmeimim-air-base-traffic.html")),
    (54, "export", False, export_row(79, SLOTS[54], "https://example.org/events/engels-2-airbase")),
    (55, "mentions", False, mention_row(80, SLOTS[55], "https://tass.com/defense/1")),
]  # fmt: skip


@dataclass
class World:
    """A provider with a day of archives, a clock, and a way to fetch."""

    provider: Files
    clock: FakeClock
    folder: Path

    def context(self, now: datetime = NOW, **changes: Any) -> Context:
        values = {"location": f"{self.provider.host.url}/gdeltv2/", "streams": ["gkg"], "translated": False, **changes}
        return setup.context(setup.settings(self.folder, gdelt_files=values), now, "gdelt_files")

    def decode(self, day: str = DAY, **changes: Any) -> setup.Decoded:
        about = self.context(**changes)
        return setup.Decoded(gdelt_files.fetch(setup.window("gdelt_files", day), about), about)

    def archives(self) -> list[str]:
        return [r.path.rsplit("/", 1)[1] for r in self.provider.host.asked("/gdeltv2/2026")]


def _provider(clock: FakeClock) -> Files:
    provider = Files(clock.time)
    provider.fill("20261001", rows=1)
    for slot, stream, translated, row in ROWS:
        provider.add(SLOTS[slot], stream, [row], translated)
    return provider


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with setup.virtual_time(NOW) as clock:
        provider = _provider(clock)
        with serving(provider.host):
            yield World(provider, clock, tmp_path)
    assert provider.host.violations == []


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> setup.Decoded:
    """A day in all tables and both streams, fetched once."""
    with setup.virtual_time(NOW) as clock:
        provider = _provider(clock)
        with serving(provider.host):
            got = World(provider, clock, tmp_path_factory.mktemp("whole")).decode(**ALL)
    assert provider.host.violations == []
    assert got.day("global", DAY).bytes == sum(map(len, provider.files.values()))
    return got


ALL = {"streams": ["gkg", "mentions", "export"], "translated": True}


def found(got: setup.Decoded) -> set[tuple[str, str, str, str]]:
    """(address, base, alias, what found it) of every mention."""
    urls = {row["article_id"]: row["url"] for row in got.table("news_articles")}
    return {
        (urls[row["article_id"]], row["base_id"], row["matched_alias"], row["matched_by"])
        for row in got.table("news_mentions")
    }


def test_a_whole_day_in_all_tables_and_both_streams(whole: setup.Decoded) -> None:
    got = whole
    assert found(got) == {
        ("https://tass.com/defense/1", "hmeimim", "Hmeimim", "name"),
        ("https://ria.example/2", "hmeimim", "Khmeimim", "name"),
        ("https://example.org/ossetia", "mozdok", "Mozdok", "point Mozdok, North Ossetia, Russia, military airfield"),
        ("https://example.org/2026/khmeimim-air-base-traffic.html", "hmeimim", "Khmeimim", "name"),
        ("https://example.org/events/engels-2-airbase", "engels", "Engels-2", "name"),
    }
    assert got.status() == {("global", DAY): "ok"}
    day = got.day("global", DAY)
    assert (day.files, day.records_kept, day.records_rejected, day.error) == (576, 5, 0, None)
    assert day.records_read == 576 + len(ROWS)
    assert got.rejects == []


def test_times_titles_and_languages_of_articles(whole: setup.Decoded) -> None:
    rows = {row["url"]: row for row in whole.table("news_articles")}
    tass, ria = rows["https://tass.com/defense/1"], rows["https://ria.example/2"]
    assert (tass["published_at"], tass["published_basis"]) == (setup.at("2026-10-01 11:30"), "metadata")
    assert (tass["seen_at"], tass["domain"], tass["language"]) == (setup.at("2026-10-01 12:00"), "tass.com", "en")
    # a time of publication after GDELT saw the page is wrong: the time of seeing stands
    assert (ria["published_at"], ria["published_basis"]) == (setup.at("2026-10-01 12:15"), "seen")
    assert (ria["title"], ria["language"]) == ("Самолёты прибыли на базу – СМИ", "ru")
    assert {str(row["day"]) for row in rows.values()} == {DAY}
    assert all(row["text_simhash"] is None for row in rows.values())


def test_claims_are_read_from_the_title(whole: setup.Decoded) -> None:
    got = whole
    by_url = {row["article_id"]: row["url"] for row in got.table("news_articles")}
    mentions = {by_url[row["article_id"]]: row for row in got.table("news_mentions")}
    assert mentions["https://tass.com/defense/1"]["verb_strength"] == "landed"
    assert mentions["https://tass.com/defense/1"]["claimed_types"] == ["A124"]
    assert mentions["https://ria.example/2"]["verb_strength"] is None


def test_totals_count_the_rows_by_quarter_hour_and_language(whole: setup.Decoded) -> None:
    rows = whole.table("news_totals")
    assert {row["series"] for row in rows} == {"gkg"}
    count = {(row["slot_at"], row["language"]): row["articles"] for row in rows}
    assert len(count) == 96 * 2 + 1
    assert count[setup.at("2026-10-01 12:00"), "en"] == 2
    assert count[setup.at("2026-10-01 12:15"), "ru"] == 1
    assert count[setup.at("2026-10-01 12:15"), "de"] == 1
    assert count[setup.at("2026-10-01 23:45"), "en"] == 1


def test_a_feature_that_stands_for_a_base_needs_no_name(world: World) -> None:
    world.provider.add(SLOTS[3], "gkg", [gkg_row(f"{SLOTS[3]}-9", "https://e.example/x", locations=LATAKIA)])
    got = world.decode(features={"-2541330": "hmeimim"})
    assert ("https://e.example/x", "hmeimim", "-2541330", "feature -2541330") in found(got)
    assert ("https://example.org/port", "hmeimim", "-2541330", "feature -2541330") in found(got)
    with pytest.raises(SourceError, match=r"sources\.gdelt_files\.features: 'nowhere' not in bases\.csv"):
        world.decode(features={"1": "nowhere"})


def test_the_same_article_in_two_slots_is_one_with_the_earlier_time(world: World) -> None:
    again = gkg_row(f"{SLOTS[90]}-1", "https://tass.com/defense/1?utm_source=x", title="An-124 lands at Hmeimim",
                    names="Engels-2,5;")  # fmt: skip
    world.provider.add(SLOTS[90], "gkg", [again])
    got = world.decode()
    rows = [row for row in got.table("news_articles") if row["domain"] == "tass.com"]
    assert [row["title"] for row in rows] == ["An-124 lands at Hmeimim air base"]
    assert {base for url, base, *_ in found(got) if "tass" in url} == {"hmeimim", "engels"}


# ---- slots that are not there


def test_missing_slots_are_counted_and_named_and_heal(world: World) -> None:
    clean = World(world.provider, world.clock, world.folder / "clean").decode()
    gone = [file_name(SLOTS[48], "gkg"), file_name(SLOTS[3], "gkg")]
    world.provider.hidden = set(gone)
    got = world.decode()
    day = got.day("global", DAY)
    assert (day.status, day.files) == ("partial", 94)
    assert day.error == f"late: 2 of 96 archives ({gone[1]}, {gone[0]})"
    assert ("https://tass.com/defense/1", "hmeimim", "Hmeimim", "name") not in found(got)
    later = world.decode(now=setup.at("2026-10-05 05:15")).day("global", DAY)
    assert (later.error or "").startswith("missing: 2 of 96 archives")
    world.provider.hidden = set()
    before = len(world.archives())
    healed = world.decode(now=setup.at("2026-10-05 05:15"))
    assert world.archives()[before:] == sorted(gone)  # nothing else was fetched again
    assert [event.data for event in healed.rows] == [event.data for event in clean.rows]
    assert healed.days == clean.days


def test_a_day_without_any_archive_is_late_then_missing(world: World) -> None:
    assert world.decode("2026-09-30").status() == {("global", "2026-09-30"): "late"}
    assert world.decode("2026-09-20").status() == {("global", "2026-09-20"): "missing"}


def test_slots_that_are_not_due_are_not_asked_for(world: World) -> None:
    world.provider.hidden = {name for name in world.provider.files if name[:14] >= SLOTS[40]}
    got = world.decode(now=setup.at("2026-10-01 11:00"))
    assert len(world.archives()) == 40  # lastupdate.txt says that the next is not out
    assert (got.day("global", DAY).error or "").startswith("late: 56 of 96 archives (20261001100000.gkg.csv.zip")


def test_an_archive_of_no_rows_is_a_hole(world: World) -> None:
    name = world.provider.put(SLOTS[7], "gkg", [])
    day = world.decode().day("global", DAY)
    assert (day.status, day.error) == ("partial", f"empty: 1 of 96 archives ({name})")


# ---- faults of transport


def test_a_damaged_download_is_asked_for_again(world: World) -> None:
    clean = World(world.provider, world.clock, world.folder / "clean").decode()
    world.provider.damaged = {file_name(SLOTS[48], "gkg"): 2}
    got = world.decode()
    assert [event.data for event in got.rows] == [event.data for event in clean.rows]
    assert world.archives().count(file_name(SLOTS[48], "gkg")) == 1 + 3
    assert got.days == clean.days


def test_an_archive_that_stays_damaged_is_named_and_heals_the_next_night(world: World) -> None:
    name = file_name(SLOTS[48], "gkg")
    world.provider.damaged = {name: 3}
    day = world.decode().day("global", DAY)
    assert (day.status, day.files, day.error) == ("partial", 95, f"failed: 1 of 96 archives ({name})")
    manifest = (world.context().landing / DAY / "manifest.json").read_text()
    assert re.search(r"has md5 [0-9a-f]{32} instead of [0-9a-f]{32}, 3 times", manifest)
    assert world.decode().status() == {("global", DAY): "ok"}


def test_html_truncation_and_server_errors_are_retried(world: World) -> None:
    clean = World(world.provider, world.clock, world.folder / "clean").decode()
    for fault in (world.provider.host.html, world.provider.host.truncated, world.provider.host.broken):
        fault(when=lambda request: request.path.endswith(".zip"))
    got = world.decode()
    assert [event.data for event in got.rows] == [event.data for event in clean.rows]


def test_a_source_that_is_down_fails_once_and_says_so(world: World) -> None:
    world.provider.host.broken(503, times=999)
    with pytest.raises(SourceError, match="answered 503") as caught:
        world.decode(attempts=2, breaker_after=3)
    assert caught.value.retryable
    assert len(world.archives()) <= 2 * 3


def test_a_source_that_goes_down_midway_keeps_what_came(world: World) -> None:
    world.provider.host.broken(503, times=999, when=lambda request: request.path > f"/gdeltv2/{SLOTS[60]}")
    got = world.decode(attempts=1, breaker_after=2)
    day = got.day("global", DAY)
    assert (day.status, day.files) == ("partial", 60)
    assert (day.error or "").startswith("failed: 36 of 96 archives")
    world.provider.host.faults.clear()
    STATE.breakers.clear()
    assert world.decode().status() == {("global", DAY): "ok"}


def test_a_run_that_dies_midway_goes_on_where_it_was(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    screened = gdelt_files.screen
    calls: list[Any] = []

    def dying(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) > 30:
            raise KeyboardInterrupt
        return screened(*arguments)

    monkeypatch.setattr(gdelt_files, "screen", dying)
    with pytest.raises(KeyboardInterrupt):
        world.decode()
    monkeypatch.undo()
    assert world.decode().status() == {("global", DAY): "ok"}
    assert len(world.archives()) == 31 + 66


# ---- lists


def test_master_lists_give_sizes_and_checksums_and_bad_lines_are_passed_over(world: World) -> None:
    world.provider.etags = False
    world.provider.hidden = {file_name(SLOTS[5], "gkg")}
    got = world.decode(lists="master", now=setup.at("2026-10-05 05:15"))
    assert got.day("global", DAY).error == f"missing: 1 of 96 archives ({file_name(SLOTS[5], 'gkg')})"
    assert file_name(SLOTS[5], "gkg") not in world.archives()
    world.decode("2026-09-30", lists="master", now=setup.at("2026-10-05 05:16"))
    lists = [r.path for r in world.provider.host.asked("/gdeltv2/master")]
    assert lists == ["/gdeltv2/masterfilelist.txt"]  # one list for all days of a backfill


def test_a_wrong_checksum_in_the_list_is_told(world: World) -> None:
    world.provider.etags = False
    name = file_name(SLOTS[48], "gkg")
    body = world.provider.files[name]
    digest = hashlib.md5(body).hexdigest()
    world.provider.host.fault(
        lambda _, right: Reply(200, right.body.replace(digest.encode(), b"0" * 32), "text/plain"),
        when=lambda request: "masterfilelist" in request.path,
    )
    day = world.decode(lists="master").day("global", DAY)
    assert (day.status, day.error) == ("partial", f"failed: 1 of 96 archives ({name})")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "150383 297a16b493de7cf6ca809a7cc31d0b93",
        "x 297a16b493de7cf6ca809a7cc31d0b93 http://data.gdeltproject.org/gdeltv2/20150218230000.gkg.csv.zip",
        "1 297a http://data.gdeltproject.org/gdeltv2/20150218230000.gkg.csv.zip",
        "1 297a16b493de7cf6ca809a7cc31d0b93 http://data.gdeltproject.org/gdeltv2/../../etc/passwd",
        "1 297a16b493de7cf6ca809a7cc31d0b93 http://data.gdeltproject.org/gdeltv2/20150218230000.GKG.csv.zip",
    ],
)
def test_lines_of_a_list_that_are_none(line: str) -> None:
    assert gdelt.listed(line) is None


def test_a_line_of_a_list_gives_name_size_and_md5_whatever_its_host() -> None:
    line = (
        "10768507 ea8dde0beb0ba98810a92db068c0ce99 http://elsewhere.example/x/20150218230000.translation.gkg.csv.zip\n"
    )
    assert gdelt.listed(line) == (
        "20150218230000.translation.gkg.csv.zip", 10768507, "ea8dde0beb0ba98810a92db068c0ce99"
    )  # fmt: skip


# ---- rows and archives


def test_bad_rows_are_rejected_and_counted(world: World) -> None:
    good = gkg_row(f"{SLOTS[9]}-1", "https://good.example/1", names="Hmeimim,3;")
    world.provider.add(
        SLOTS[9],
        "gkg",
        [
            "too\tfew\tcolumns",
            good.replace("https://good.example/1", "BBC Monitoring"),
            good.replace(SLOTS[9], "x"),
            good,
        ],
    )
    got = world.decode()
    assert [(reject.where, reject.reason) for reject in got.rejects] == [
        (f"{file_name(SLOTS[9], 'gkg')}, line 2", "3 columns instead of 27"),
        (f"{file_name(SLOTS[9], 'gkg')}, line 3", "no web address: 'BBC Monitoring'"),
        (f"{file_name(SLOTS[9], 'gkg')}, line 4", "no time: 'x'"),
    ]
    day = got.day("global", DAY)
    assert (day.status, day.records_rejected) == ("ok", 3)
    assert ("https://good.example/1", "hmeimim", "Hmeimim", "name") in found(got)


def test_many_bad_rows_make_the_day_partial(world: World) -> None:
    world.provider.add(SLOTS[9], "gkg", ["bad"] * 40)
    day = world.decode().day("global", DAY)
    assert (day.status, day.error) == ("partial", f"40 of {96 + 4 + 40} rows rejected")
    assert len(world.decode().rejects) == gdelt_files.BAD_KEPT


def test_stray_bytes_long_fields_and_quotes_do_not_break_a_row(world: World) -> None:
    row = gkg_row(f"{SLOTS[9]}-1", "https://good.example/1", title="XX", names='"Hmeimim Air Base,3;',
                  gcam="c" * 3_000_000)  # fmt: skip
    world.provider.add(SLOTS[9], "gkg", [row.encode().replace(b"XX", b"Visite \xe0 Hmeimim\r") + b"\r"])
    got = world.decode()
    titles = {row["title"] for row in got.table("news_articles")}
    assert "Visite \ufffd Hmeimim" in titles
    assert got.rejects == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"PK\x03\x04 not a zip", "is damaged"),
        (zipped("other.csv", ["a"]), "holds other.csv instead of"),
        (zipped("20261001120000.gkg.csv", ["a" * 1000])[:-20], "is damaged"),
    ],
)
def test_archives_that_are_none_are_told(world: World, body: bytes, said: str) -> None:
    name = file_name(SLOTS[48], "gkg")
    world.provider.files[name] = body
    assert world.decode().day("global", DAY).error == f"failed: 1 of 96 archives ({name})"
    assert said in (world.context().landing / DAY / "manifest.json").read_text()


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gdelt, "_MOST_UNPACKED", 5_000_000)
    monkeypatch.setattr(gdelt, "_LONGEST_LINE", 3_000_000)
    for row, said in (("a\n" * 3_000_000, "unpacks to more than"), ("a" * 4_500_000, "a line of more than")):
        path = tmp_path / "20261001120000.gkg.csv.zip"
        path.write_bytes(zipped("20261001120000.gkg.csv", [row]))
        with pytest.raises(ValueError, match=said):
            list(gdelt.lines(path))


def test_lines_are_the_file_s_whatever_the_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[str | bytes] = [str(number) * (number % 97) for number in range(3000)]
    path = tmp_path / "20261001120000.gkg.csv.zip"
    path.write_bytes(zipped("20261001120000.gkg.csv", rows))
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        whole = archive.read("20261001120000.gkg.csv").split(b"\n")[:-1]
    for chunk in (7, 1000, 1 << 20):
        monkeypatch.setattr(gdelt, "_CHUNK", chunk)
        assert list(gdelt.lines(path)) == whole


# ---- folders, landing, doctor


def test_a_folder_of_the_same_layout_gives_the_same_tables(world: World, whole: setup.Decoded, tmp_path: Path) -> None:
    root = tmp_path / "archives"
    root.mkdir()
    for name, body in world.provider.files.items():
        (root / name).write_bytes(body)
    local = World(world.provider, world.clock, tmp_path / "local").decode(location=str(root), **ALL)
    assert [event.data for event in local.rows] == [event.data for event in whole.rows]
    assert local.days == whole.days
    assert len(list(root.iterdir())) == 576  # a user's own files stay
    (root / "masterfilelist.txt").write_text(f"1 {'0' * 32} http://x/{file_name(SLOTS[48], 'gkg')}\n")
    doubted = World(world.provider, world.clock, tmp_path / "listed").decode(location=str(root), **ALL)
    assert doubted.day("global", DAY).error == f"failed: 1 of 576 archives ({file_name(SLOTS[48], 'gkg')})"


def test_a_folder_that_is_none_is_an_error(world: World) -> None:
    with pytest.raises(SourceError, match="is no folder"):
        world.decode(location="nowhere")


@pytest.mark.parametrize("kept", [False, True])
def test_archives_stay_only_where_they_are_wanted(world: World, kept: bool) -> None:
    world.decode(keep_archives=kept)
    left = list((world.context().landing / DAY).rglob("*.zip"))
    assert len(left) == (96 if kept else 0)


def test_new_keywords_read_the_archives_again(world: World) -> None:
    world.decode()
    world.decode()
    assert len(world.archives()) == 96
    world.decode(features={"-1": "hmeimim"})
    assert len(world.archives()) == 192


def test_doctor_tells_the_newest_archive(world: World) -> None:
    (good,) = gdelt_files.check(world.context())
    assert (good.ok, good.what) == (True, "gdelt_files: reachable, newest archive 2026-10-01 23:45 UTC")
    (stale,) = gdelt_files.check(world.context(now=setup.at("2026-10-03 05:00")))
    assert not stale.ok
    (nowhere,) = gdelt_files.check(world.context(location=f"{world.provider.host.url}/elsewhere"))
    assert not nowhere.ok
    (folder,) = gdelt_files.check(world.context(location=str(world.folder)))
    assert not folder.ok


def test_each_article_says_in_which_line_of_which_archive_it_stood(world: World) -> None:
    rows = world.decode(**ALL).table("news_articles")
    assert len(rows) >= 5
    for row in rows:
        body = world.provider.files[row["origin_file"]]
        assert hashlib.sha256(body).hexdigest() == row["origin_sha256"]
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            lines = archive.read(archive.namelist()[0]).split(b"\n")
        assert row["url"].encode() in lines[int(row["origin_place"].removeprefix("line ")) - 1]


def test_an_extract_of_version_0_1_gives_its_articles_without_their_places(world: World) -> None:
    about = world.context()
    landed = gdelt_files.fetch(setup.window("gdelt_files", DAY), about)
    whole = setup.Decoded(landed, about).table("news_articles")
    for file in landed.files:
        if file.note == "rows":
            file.path.write_bytes(re.sub(rb'"(sha256|lines)":', rb'"\1_of_later":', file.path.read_bytes()))
    older = setup.Decoded(landed, about).table("news_articles")
    assert older == [{**row, "origin_sha256": None, "origin_place": None} for row in whole] != []
