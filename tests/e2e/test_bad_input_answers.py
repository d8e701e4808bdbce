"""Answers and archives that are none, from the command line to the published month: no day of them is a zero."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from server.core import Host, Reply, Request, reply_json, serving
from tracekit import HMEIMIM, point, tar, text
from wholeruns import Watch, new_watch, stay

pytestmark = pytest.mark.e2e

PAGE = b"<!DOCTYPE html><html><head><title>404 Not Found</title></head><body>nginx</body></html>"
LAT, LON = HMEIMIM
SEPTEMBER = 'covers = [{base = "hmeimim", from = "2025-09-29", to = "2025-09-30"}]'


def bare(folder: Path, environment: dict[str, str], sources: str, *, flights: bool = True) -> Watch:
    """A watch of Hmeimim whose own records end in September, with these sources beside."""
    watch = new_watch(folder, environment)
    watch.write_flights(stay(0, datetime(2025, 9, 29, 6, tzinfo=UTC)))
    watch.configure(sources, SEPTEMBER, flights)
    return watch


def days(watch: Watch, source: str, scope: str = "global") -> dict[str, tuple[str, str]]:
    """Status and error of a source's days as published."""
    rows = watch.query("SELECT day, status, error FROM source_days WHERE source = ? AND scope = ?", source, scope)
    return {str(day): (status, error or "") for day, status, error in rows}


def october(watch: Watch) -> tuple[Any, ...]:
    """Visits, activity and missing days of Hmeimim in October."""
    (row,) = watch.query(
        "SELECT visits, activity, days_missing FROM base_monthly_activity "
        "WHERE base_id = 'hmeimim' AND fleet_id = 'all' AND month = '2025-10-01'"
    )
    return row


# ---- providers


@pytest.fixture
def wrong() -> Iterator[Host]:
    """A server that grants a token, and knows no other path: a web server's page, or JSON of another API."""

    def answer(request: Request) -> Reply:
        if request.path == "/token":
            return reply_json({"access_token": "t" * 20, "expires_in": 1800})
        if request.path.startswith("/fr24"):
            return reply_json({"message": "This endpoint has moved.", "data": None})
        return Reply(404, PAGE, "text/html")

    host = Host("wrong", answer, lambda: 0.0)
    with serving(host):
        yield host


def test_providers_whose_answers_are_none_leave_the_month_unknown(
    tmp_path: Path, bare_environment: dict[str, str], wrong: Host
) -> None:
    secrets = {"OPENSKY__CLIENT_SECRET": "kc-secret-1234", "FLIGHTRADAR24__TOKEN": "fr24-token-1234"}
    environment = {**bare_environment, **{f"BASEWATCH_SOURCES__{name}": value for name, value in secrets.items()}}
    watch = bare(
        tmp_path,
        environment,
        '[sources.opensky]\nenabled = true\nbases = ["hmeimim"]\nclient_id = "x"\n'
        f'token_url = "{wrong.url}/token"\nlocation = "{wrong.url}/wrong/path"\nattempts = 1\n'
        '[sources.flightradar24]\nenabled = true\nbases = ["hmeimim"]\nplan = "advanced"\n'
        f'location = "{wrong.url}/fr24"\nattempts = 1\nretention_days = 30\n',
    )
    done = watch.basewatch("backfill", "--from", "2025-09-29", "--to", "2025-10-03", "--plain")
    assert done.returncode == 0, done.stderr
    found = days(watch, "opensky")
    assert {status for status, _ in found.values()} == {"failed"}
    assert len(found) == 5
    assert "answered 404 with an HTML page titled '404 Not Found': check the address" in found["2025-10-01"][1]
    moved = days(watch, "flightradar24")
    assert {status for status, _ in moved.values()} == {"failed"}
    assert "answered 200 with the message 'This endpoint has moved.'" in moved["2025-10-01"][1]
    assert october(watch) == (None, "unknown", 3)
    assert "check the address (sources.opensky.location)" in done.stderr
    doctor = watch.inside("doctor", "--config", str(watch.config))
    assert doctor.returncode == 2


# ---- an archive's folder


def landing(address: str, day: date) -> bytes:
    """A trace that comes down onto the field and rolls."""
    descent = [point(36_000 + n * 8, LAT + 0.34 - n * 0.00556, LON, 6200 - 100 * n) for n in range(60)]  # at 150 kt
    roll = [point(36_480 + n * 8, LAT + 0.006 - n * 0.001, LON, "ground", gs=27.0, rate=None) for n in range(12)]
    stamp = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
    return text(address, descent + roll, stamp=stamp, r="RA-78835", t="IL76")


def put(path: Path, data: bytes) -> None:
    """A file with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def archive(folder: Path) -> None:
    """A fortnight of which four days can be read, each under another name."""
    members = [("./traces/f3/trace_full_1533f3.json", gzip.compress(landing("1533f3", date(2025, 10, 1))))]
    put(folder / "2025-10-01.tar.gz", gzip.compress(tar(members)))
    put(folder / "2025/10/02/traces/F3/TRACE_FULL_1533F3.JSON", gzip.compress(landing("1533f3", date(2025, 10, 2))))
    put(folder / "20251003/0a/trace_full_14f10a.json.gz", gzip.compress(landing("14f10a", date(2025, 10, 3))))
    fourth = [("0a/trace_full_14f10a.json", landing("14f10a", date(2025, 10, 4)))]
    put(folder / "v2025.10.04-planes-readsb-prod-0.TAR", tar(fourth))
    put(folder / "2025-10-06.tar", PAGE)
    put(folder / "2025-10-07.zip", b"PK\x03\x04")
    put(folder / "2025-10-08/traces/b2/trace_full_~2c00b2.json", gzip.compress(landing("~2c00b2", date(2025, 10, 8))))
    put(folder / "2025-10-09/traces/0a/14f10a.json", gzip.compress(landing("14f10a", date(2025, 10, 9))))
    put(folder / "2025-10-10.tar.xz", gzip.compress(tar(members))[:60])


def test_an_archive_under_other_names_is_read_or_told(tmp_path: Path, bare_environment: dict[str, str]) -> None:
    archive(tmp_path / "archive")
    watch = bare(
        tmp_path,
        bare_environment,
        '[sources.readsb_archive]\nenabled = true\nlocation = "archive"\nown_receiver = true\nprocesses = 1\n',
        flights=False,
    )
    done = watch.inside(
        "backfill", "--from", "2025-09-20", "--to", "2025-10-14", "--plain", "--config", str(watch.config)
    )
    assert done.returncode == 0, done.stderr
    found = days(watch, "readsb_archive")
    assert len(found) == 25
    read = {day for day, (status, _) in found.items() if status == "ok"}
    assert read == {"2025-10-01", "2025-10-02", "2025-10-03", "2025-10-04"}
    assert not {day for day, (status, _) in found.items() if status == "empty"}
    told = {
        "2025-10-05": "no archive of 2025-10-05 in the folder",
        "2025-10-06": "an HTML page titled '404 Not Found' where a tar is due",
        "2025-10-07": "2025-10-07.zip, where a tar (.tar, .tar.gz,",
        "2025-10-08": "addresses that are not ICAO's own, such as ~2c00b2",
        "2025-10-09": "there is 'traces/0a/14f10a.json'",
        "2025-10-10": "damaged or cut short",
    }
    assert {day: why in found[day][1] for day, why in told.items()} == dict.fromkeys(told, True)
    daily = watch.query(
        "SELECT day, visits, observability FROM base_daily_activity WHERE base_id = 'hmeimim' AND fleet_id = 'all'"
    )
    visits = {str(day): count for day, count, _ in daily}
    assert {day: visits[day] for day in sorted(read)} == dict.fromkeys(sorted(read), 1)
    assert all(visits[day] is None for day in told)
    assert {str(day) for day, _, seen in daily if seen == "missing"} >= set(told)
    doctor = watch.inside("doctor", "--config", str(watch.config))
    assert "names that are not understood: 2025-10-07.zip" in doctor.stdout


# ---- recorded live answers


def test_recorded_answers_that_are_none_are_named_in_the_ledger(
    tmp_path: Path, bare_environment: dict[str, str]
) -> None:
    noon = datetime(2025, 10, 1, 12, tzinfo=UTC).timestamp()
    craft = {"hex": "1533f3", "lat": LAT, "lon": LON, "alt_baro": "ground", "seen_pos": 1.0, "seen": 0.1}
    whole = json.dumps({"ac": [craft], "msg": "No error", "now": int(noon * 1000), "total": 1})
    none = {
        "20251001T120500Z.json": whole[:-20],
        "20251001T121000Z.json": '{"msg": "No error", "now": 1759320600000}',
        "20251001T121500Z.json": whole.replace(str(int(noon * 1000)), "0"),
        "20251002T120000Z.json": "",
        "20251003T120000Z.json": '{"ac": [], "msg": "Rate limit exceeded", "now": 1759492800000, "total": 0}',
        "20251004T120000Z.json.zst": "x",
    }
    for name, content in {"20251001T120000Z.json": whole, **none}.items():
        put(tmp_path / "answers" / name, content.encode())
    watch = bare(
        tmp_path, bare_environment, '[sources.readsb_live]\nenabled = true\nlocation = "answers"\nbases = ["hmeimim"]\n'
    )
    done = watch.inside(
        "backfill", "--from", "2025-09-29", "--to", "2025-10-05", "--plain", "--config", str(watch.config)
    )
    assert done.returncode == 0, done.stderr
    found = days(watch, "readsb_live", "aircraft:polled")
    assert {day: status for day, (status, _) in found.items()} == {
        "2025-10-01": "partial",
        "2025-10-02": "failed",
        "2025-10-03": "partial",
        "2025-10-04": "failed",
    }
    assert {name for name in none if name in " ".join(error for _, error in found.values())} == set(none)
    assert october(watch)[1:] == ("unknown", 5)
