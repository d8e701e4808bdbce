"""A warehouse in S3-compatible storage: machines take turns, race, die and wake up, and readers never notice."""

from __future__ import annotations

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import duckdb_extension_httpfs
import pytest

import storing
from basewatch import config
from basewatch.errors import BasewatchError, ConfigError, StoreFault, WarehouseBusy
from basewatch.lake.store import Lake
from basewatch.remote import lease, pointer, state, storage
from basewatch.remote.bucket import Bucket
from basewatch.warehouse.releases import Warehouse
from s3server import CREDENTIALS, S3, serving
from storing import add, held_by, release_again, store
from wholeruns import Watch, new_watch, stop, wait_for

pytestmark = pytest.mark.e2e

END = "2025-06-30"
HTTPFS = next(Path(duckdb_extension_httpfs.__file__).parent.rglob("*.duckdb_extension"))

# Follows the pointer over and over, and reads its release by DuckDB and by Arrow: both must find what the release says
# of itself.
READER = """
import json, pathlib, sys, time
import duckdb, pyarrow.dataset, pyarrow.fs

TABLES = ("base_visits", "base_daily_activity", "flight_legs", "source_days")
host, prefix, httpfs, enough = sys.argv[1:]
files = pyarrow.fs.S3FileSystem(access_key="tester", secret_key="not-a-real-secret", endpoint_override=host,
                                scheme="http", region="us-east-1")
connection = duckdb.connect()
connection.execute(f"LOAD '{httpfs}'")
connection.execute(f"CREATE SECRET (TYPE s3, KEY_ID 'tester', SECRET 'not-a-real-secret', ENDPOINT '{host}', "
                   "URL_STYLE 'path', USE_SSL false, REGION 'us-east-1')")
while not pathlib.Path(enough).exists():
    seen = {"at": time.time()}
    try:
        with files.open_input_stream(f"{prefix}/current.json") as stream:
            pointer = json.load(stream)
        seen["release"] = pointer["release"]
        if pointer["release"]:
            connection.execute(f"ATTACH 's3://{prefix}/{pointer['database']}' AS read (READ_ONLY)")
            promised = connection.execute(
                "SELECT map_entries(rows) FROM read.releases WHERE release_id = ?", [pointer["release"]]).fetchone()[0]
            promised = {entry["key"]: entry["value"] for entry in promised if entry["key"] in TABLES}
            counted = {table: connection.execute(f"SELECT count(*) FROM read.{table}").fetchone()[0]
                       for table in promised}
            connection.execute("DETACH read")
            folder = f"{prefix}/releases/{pointer['release']}/base_visits"
            visits = pyarrow.dataset.dataset(folder, filesystem=files, format="parquet").count_rows()
            seen["whole"] = promised == counted and visits == counted["base_visits"]
    except Exception as error:
        seen["error"] = f"{type(error).__name__}: {error}"
    print(json.dumps(seen), flush=True)
    time.sleep(0.3)
"""


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    """A server, and the credentials for it."""
    with pytest.MonkeyPatch.context() as patch, serving() as server:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        yield server


@pytest.fixture(autouse=True)
def _no_tricks(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "s3" in request.fixturenames:
        request.getfixturevalue("s3").play()


def machine(folder: Path, s3: S3, prefix: str, **more: float) -> Watch:
    """A watch that is stored there."""
    made = new_watch(folder, {**os.environ, "BASEWATCH_GATES__DATA_DOCS": "false"})
    made.configure(more=s3.section(prefix, **more))
    return made


def stored(bucket: Bucket) -> tuple[pointer.Pointer, state.State]:
    """What the pointer says, and the state that it names."""
    found = pointer.read(bucket)
    assert found
    return found[0], state.read(bucket, found[0].state)


def bucket_of(watch: Watch) -> Bucket:
    """Where a watch is stored."""
    found = storage.bucket(config.load(watch.config))
    assert found
    return found


def nightly(watch: Watch, status: int = 0, until: str = END) -> str:
    """A whole run in this process; what it said."""
    done = watch.inside("nightly", "--plain", "--day", until)
    assert done.returncode == status, done
    return done.stderr


def writes(watch: Watch, name: str) -> None:
    """A short run: one record, stored."""
    store(watch.config, name)


def test_machines_take_turns_and_readers_never_notice(tmp_path: Path, s3: S3) -> None:
    first, second = (machine(tmp_path / name, s3, "turns", grace_hours=0) for name in ("one", "two"))
    enough = tmp_path / "enough"
    log = (tmp_path / "seen.jsonl").open("w")
    nightly(first)
    prefix = "watch/turns"
    reader = subprocess.Popen([sys.executable, "-c", READER, s3.url[7:], prefix, str(HTTPFS), str(enough)], stdout=log)

    def seen() -> list[dict[str, Any]]:
        return [json.loads(line) for line in (tmp_path / "seen.jsonl").read_text().splitlines() if line.endswith("}")]

    def wait(release: str | None) -> None:
        now = time.time()
        wait_for(
            lambda: [one for one in seen() if one["at"] > now and one.get("release") == release], 30, "a reader", 0.05
        )

    try:
        beginning = first.current()
        wait(beginning)
        assert "nothing new" in nightly(second)  # it goes on with what the first one left
        with storage.held(config.load(second.config)):
            release_again(second.root, "20990101T000000Z-again")
        after = second.current()
        assert after != beginning
        wait(after)
        done = first.inside("rollback")  # the first one learns of the second one's release, and goes back from it
        assert (done.returncode, first.current()) == (0, beginning), done
        wait(beginning)
        assert second.inside("rollback", str(after)).returncode == 0
        wait(after)
        enough.touch()
        assert reader.wait(30) == 0
    finally:
        stop(reader)
        log.close()
    assert [one for one in seen() if not one.get("whole")] == []
    with storage.held(config.load(first.config)):
        assert first.content() == second.content()
        assert Warehouse(first.root).retain(1) == [beginning]
    bucket = bucket_of(first)
    told, now = stored(bucket)
    assert told.release == after and set(now.releases) == {after}
    assert bucket.listing(f"releases/{beginning}"), "who reads it may read on for the time of grace"
    writes(first, "a1")
    assert not bucket.listing(f"releases/{beginning}") and bucket.listing(f"releases/{after}")
    assert second.inside("verify").returncode == 0
    attach_over_http(second)
    texts = [file.read_text(errors="replace") for file in first.root.rglob("*.json*")]
    assert texts and not any(CREDENTIALS["AWS_SECRET_ACCESS_KEY"] in text for text in texts)


def attach_over_http(watch: Watch) -> None:
    """A release's folder behind any server of files is a database to read."""
    serve = partial(Ranges, directory=str(watch.root / "current"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server, duckdb.connect() as connection:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        connection.execute(f"LOAD '{HTTPFS}'")
        address = f"http://127.0.0.1:{server.server_port}/basewatch.duckdb"
        connection.execute(f"ATTACH '{address}' AS watch (READ_ONLY)")
        found = connection.execute("SELECT count(*) FROM watch.base_visits").fetchall()
        server.shutdown()
    assert found == watch.query("SELECT count(*) FROM base_visits") and found[0][0] > 0


class Ranges(http.server.SimpleHTTPRequestHandler):
    """A server of files that heeds `Range`, as web servers do and Python's own does not."""

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        data = Path(self.translate_path(self.path)).read_bytes()
        first, last = 0, len(data) - 1
        if asked:
            begin, _, end = asked.removeprefix("bytes=").partition("-")
            first, last = int(begin), int(end or last)
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(last + 1 - first))
        self.send_header("Accept-Ranges", "bytes")
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        self.end_headers()
        self.wfile.write(data[first : last + 1])

    def log_message(self, *_: Any) -> None:
        pass


# ---- the lease and the pointer


def holder(watch: Watch, name: str) -> subprocess.Popen[str]:
    """A process that adds a record and holds the lease until it is given a line."""
    command = [sys.executable, storing.__file__, "hold", str(watch.config), name]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "holding\n"
    return process


def take_over(watch: Watch, name: str) -> None:
    """Store a record as soon as the lease of a dead one has run out."""

    def takes_over() -> bool:
        try:
            writes(watch, name)
        except WarehouseBusy:
            return False
        return True

    wait_for(takes_over, 15, "the lease runs out")


def test_eight_writers_make_one_order(tmp_path: Path, s3: S3) -> None:
    names = "abcdefgh"
    for name in names:
        machine(tmp_path / name, s3, "race", lease_seconds=20)
    s3.play(
        {"do": "lost", "key": "race/(current|lease|blobs|states)", "times": 6, "chance": 0.08},
        {"do": "409", "key": "race/(current|lease)", "times": 10, "chance": 0.08},
        {"do": "412", "key": "race/(current|lease)", "times": 10, "chance": 0.08},
        {"do": "503", "key": "race/", "method": "PUT GET", "times": 10, "chance": 0.05},
        {"do": "delay", "key": "race/", "method": "PUT GET", "times": 20, "chance": 0.1, "seconds": 0.05},
    )
    raced = subprocess.run([sys.executable, storing.__file__, "race", "1", names, str(tmp_path)], timeout=120)
    assert raced.returncode == 0
    s3.play()
    late = machine(tmp_path / "late", s3, "race")
    with storage.held(config.load(late.config)):
        pass
    assert held_by(late.root) == {f"{name}0" for name in names}
    bucket = bucket_of(late)
    told, found = stored(bucket)
    order = [found.generation]
    while found.previous:
        found = state.read(bucket, found.previous)
        order.append(found.generation)
    assert order == list(range(order[0], 0, -1)) and order[0] >= 8
    assert told.token >= 9, "each holder has a token of its own"


def test_a_second_run_is_told_and_a_dead_one_is_followed(tmp_path: Path, s3: S3) -> None:
    first, second = (machine(tmp_path / name, s3, "dead", lease_seconds=1) for name in ("one", "two"))
    dead = holder(first, "a1")
    refused = second.inside("nightly", "--plain", "--day", END)
    assert refused.returncode == 5 and "another run holds s3://watch/dead" in refused.stderr
    dead.kill()
    dead.wait()
    take_over(second, "b1")
    assert stored(bucket_of(second))[0].token == 2
    writes(first, "a2")  # what the dead one had not stored is put aside, and told
    assert held_by(first.root) == {"b1", "a2"}
    assert list(first.root.glob("quarantine/*-never-stored/lake/source_days/*.parquet"))


def test_who_wakes_up_too_late_cannot_publish(tmp_path: Path, s3: S3) -> None:
    first, second = (machine(tmp_path / name, s3, "late", lease_seconds=1) for name in ("one", "two"))
    sleeper = holder(first, "a1")
    sleeper.send_signal(signal.SIGSTOP)
    take_over(second, "b1")
    before = stored(bucket_of(second))
    sleeper.send_signal(signal.SIGCONT)
    said, _ = sleeper.communicate("\n", timeout=30)
    assert sleeper.returncode == 5 and ("taken over" in said or "took over" in said), said
    assert stored(bucket_of(second)) == before


def test_a_token_that_is_behind_moves_nothing(tmp_path: Path, s3: S3) -> None:
    watch = machine(tmp_path / "watch", s3, "token")
    bucket = bucket_of(watch)
    with lease.held(bucket, 60, 0) as early:
        claimed = pointer.Claimed(bucket, early)
    with lease.held(bucket, 60, 1) as mine:  # the early one sleeps, and knows nothing of it
        pointer.Claimed(bucket, mine)
        with pytest.raises(WarehouseBusy, match="taken over by"):
            claimed.move(replace(claimed.told, generation=7))
        with pytest.raises(WarehouseBusy, match="taken over by"):
            pointer.Claimed(bucket, early)
        with pytest.raises(WarehouseBusy, match="another run holds"):
            lease.take(bucket, 60, 0)
    found = pointer.read(bucket)
    assert found and (found[0].generation, found[0].token) == (0, mine.token)


@pytest.mark.parametrize("do", ["lost", "cut", "503", "409", "412"])
def test_an_answer_is_not_believed_but_looked_at(do: str, tmp_path: Path, s3: S3) -> None:
    bucket = bucket_of(machine(tmp_path / "watch", s3, f"answers-{do}"))
    s3.play({"do": do, "key": "/new"})
    tag = bucket.create("new", b"1")
    assert tag
    s3.play({"do": do, "key": "/new"})
    after = bucket.replace("new", b"2", tag)
    assert after and after != tag
    assert bucket.replace("new", b"3", tag) is None and bucket.create("new", b"4") is None
    found = bucket.read("new")
    assert found and found.data == b"2"


def test_a_lost_answer_is_known_even_when_another_one_goes_on(tmp_path: Path, s3: S3) -> None:
    watch = machine(tmp_path / "watch", s3, "overtaken")
    bucket = bucket_of(watch)
    with lease.held(bucket, 60, 0) as early:
        claimed = pointer.Claimed(bucket, early)
    one = state.State(1)
    two = state.State(2, previous=one.key)
    for each in (one, two):
        assert bucket.create(each.key, each.data)
    claimed.move(replace(claimed.told, generation=1, state=one.key))
    before = claimed.tag
    with lease.held(bucket, 60, 1) as late:
        other = pointer.Claimed(bucket, late)
        other.move(replace(other.told, generation=2, state=two.key))
    assert claimed.tag == before
    claimed.move(replace(claimed.told, generation=1, state=one.key))  # refused; but what it moved to is there
    assert early.is_lost
    found = pointer.read(bucket)
    assert found and found[0].state == two.key


# ---- the working copy


def test_what_could_not_be_stored_is_stored_by_the_next_run(tmp_path: Path, s3: S3) -> None:
    watch = machine(tmp_path / "watch", s3, "later")
    writes(watch, "a1")
    before = stored(bucket_of(watch))
    for key, name in (("lake/plain", "a2"), ("states", "a3")):
        s3.play({"do": "503", "key": f"later/{key}", "times": 100})
        with pytest.raises(StoreFault, match="what is published stands"):
            writes(watch, name)
    s3.play()
    now = stored(bucket_of(watch))
    assert (now[0].state, now[1]) == (before[0].state, before[1])
    writes(watch, "a4")
    other = machine(tmp_path / "other", s3, "later")
    writes(other, "b5")
    assert held_by(other.root) == {"a1", "a2", "a3", "a4", "b5"}


def test_a_copy_that_is_half_brought_up_is_brought_up_by_the_next_run(tmp_path: Path, s3: S3) -> None:
    first, second = (machine(tmp_path / name, s3, "half") for name in ("one", "two"))
    for number in range(3):
        writes(first, f"a{number}")
    s3.play({"do": "cut", "method": "GET", "key": "half/lake/plain", "times": 100})
    with pytest.raises(StoreFault):
        writes(second, "b1")
    s3.play()
    writes(second, "b1")
    assert held_by(second.root) == {"a0", "a1", "a2", "b1"}


def test_a_damaged_folder_is_not_stored(tmp_path: Path, s3: S3) -> None:
    watch = machine(tmp_path / "watch", s3, "damaged")
    writes(watch, "a1")
    before = stored(bucket_of(watch))
    with pytest.raises(StoreFault, match="damaged"), storage.held(config.load(watch.config)):
        add(watch.root, "a2")
        newest = max(
            (watch.root / "lake").glob("plain_flights/*/*/*.parquet"), key=lambda file: file.stat().st_mtime_ns
        )
        newest.write_bytes(newest.read_bytes()[:-9] + b"otherwise")
    assert stored(bucket_of(watch))[1] == before[1]


def test_folders_and_buckets_that_do_not_belong_together_are_told(tmp_path: Path, s3: S3) -> None:
    first, second = (machine(tmp_path / name, s3, "own") for name in ("one", "two"))
    writes(first, "a1")
    add(second.root, "b1")
    with pytest.raises(ConfigError, match="holds a warehouse of its own"):
        writes(second, "b2")
    assert held_by(second.root) == {"b1"}
    first.configure(more=s3.section("elsewhere"))  # an empty prefix is given all
    writes(first, "a2")
    assert len(bucket_of(first).listing("lake/plain_flights")) == 2
    first.configure(more=s3.section("own"))
    with pytest.raises(ConfigError, match="is a working copy of s3://watch/elsewhere"):
        writes(first, "a3")
    second.configure(more=s3.section("no/such/prefix").replace("watch/no", "nobody/no"))
    with pytest.raises(ConfigError, match="no such bucket"):
        writes(second, "a3")
    second.configure(more=s3.section("own").replace("s3://", "https://"))
    with pytest.raises(ConfigError, match="must be s3://bucket"):
        config.load(second.config)


def test_what_a_bucket_says_leads_nowhere_else(tmp_path: Path, s3: S3) -> None:
    watch = machine(tmp_path / "watch", s3, "hostile")
    bucket = bucket_of(watch)
    evil = state.State(1, files={"../../evil.json": "0" * 64})
    assert bucket.create(evil.key, evil.data)
    assert bucket.create(pointer.KEY, pointer.Pointer(1, 1, "nobody", evil.key).data)
    with pytest.raises(StoreFault, match="leads out of the warehouse"):
        writes(watch, "a1")
    assert not (tmp_path / "evil.json").exists()


def test_what_nothing_names_goes_after_the_time_of_grace(tmp_path: Path, s3: S3) -> None:
    watch = machine(tmp_path / "watch", s3, "grace", grace_hours=0)
    bucket = bucket_of(watch)
    bucket.create("lake/plain_flights/source=x/day=2025-01-01/orphan.parquet", b"x")
    writes(watch, "a1")
    assert len(bucket.listing("lake/plain_flights")) == 2, "it is put down as gone first"
    writes(watch, "a2")
    assert len(bucket.listing("lake/plain_flights")) == 2 and not bucket.listing("lake/plain_flights/source=x")
    gone = Lake(watch.root).current_files()[0]
    expired = next(one for one in Lake(watch.root).ledger() if str(gone).endswith(one.parts[0]))
    with storage.held(config.load(watch.config)):  # what a source's terms no longer allow to keep goes at once
        Lake(watch.root).commit([replace(expired, status="expired", parts=())])
        gone.unlink()
    assert len(bucket.listing("lake/plain_flights")) == 1


def test_a_storage_that_heeds_no_conditions_is_refused(tmp_path: Path, s3: S3) -> None:
    watch = machine(tmp_path / "watch", s3, "deaf")
    s3.play({"do": "deaf", "times": 1000})
    found = watch.inside("doctor")
    assert found.returncode == 2 and "does not heed the conditions" in found.stdout
    with pytest.raises(BasewatchError, match="does not heed the conditions"):
        writes(watch, "a1")
    s3.play()
    assert "it heeds conditions; nothing stored yet" in watch.inside("doctor").stdout


def test_a_poller_holds_off_what_another_machine_brings(tmp_path: Path, s3: S3) -> None:
    first, second = (machine(tmp_path / name, s3, "polled") for name in ("one", "two"))
    writes(first, "a1")
    writes(second, "b2")
    with Warehouse(first.root).watching(), pytest.raises(WarehouseBusy, match="poll and run on one machine"):
        writes(first, "a3")
    writes(first, "a3")
    assert held_by(first.root) == {"a1", "b2", "a3"}


def test_what_was_put_aside_is_not_remembered(tmp_path: Path, s3: S3) -> None:
    first, second = (machine(tmp_path / name, s3, "aside") for name in ("one", "two"))
    writes(first, "a1")
    s3.play({"do": "503", "key": "aside/states", "times": 100})
    with pytest.raises(StoreFault):
        writes(first, "a2")
    s3.play()
    others = [f"b{number}" for number in range(8)]  # so many that the ledger's segments are merged over the one aside
    for name in others:
        writes(second, name)
    writes(first, "a3")
    writes(second, "b9")
    assert held_by(first.root) == {"a1", "a3", *others} and held_by(second.root) == {"a1", "a3", "b9", *others}
    assert first.inside("verify").returncode == 0
