"""A warehouse that version 0.1 left is opened, built from, added to and swept; one of a later version is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from basewatch.durable import sha256
from basewatch.lake.files import stamped
from basewatch.lake.store import Lake
from basewatch.sources.readsb_archive import judging
from tracekit import point, trace, write_tar
from wholeruns import Watch

pytestmark = pytest.mark.e2e

SAMPLE = Path(__file__).parents[1] / "samples" / "warehouse-0.1"
VISITS = (
    "SELECT icao24, CAST(first_evidence_at AS DATE)::VARCHAR FROM base_visits WHERE base_id = 'hmeimim' ORDER BY 2, 1"
)


def test_a_warehouse_of_version_0_1_goes_on(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(SAMPLE / "lake", watch.root / "lake")
    shutil.copytree(SAMPLE / "flights", watch.folder / "flights", dirs_exist_ok=True)
    watch.configure(covers='covers = [{base = "hmeimim", from = "2025-03-14", to = "2025-03-17"}]')
    lake = Lake(watch.root)
    before = {row.key: row for row in lake.ledger()}
    assert len(before) == 9

    built = watch.inside("build")  # from the old files alone
    assert built.returncode == 0, built.stderr
    checked = watch.inside("publish")
    assert checked.returncode == 0, checked.stderr
    visits = watch.query(VISITS)
    assert {day for _, day in visits} == {"2025-03-14", "2025-03-16"}
    known = json.loads(watch.inside("status", "--json").stdout)
    assert {entry["source"]: entry["days_good"] + entry["days_partial"] for entry in known["sources"]} == {
        "articles": 1,
        "flight_files": 5,
        "readsb_archive": 1,
    }

    watch.write_flights(
        ["in-3,15501b,RF-78659,RFF7003,IL76,,URRP,2025-03-17T02:00:00Z,OSLK,2025-03-17T06:00:00Z,"], "b.csv"
    )
    assert watch.plain("2025-03-17") is not None
    assert watch.query(VISITS) == [*visits, ("15501b", "2025-03-17")]
    after = {row.key: row for row in lake.ledger()}
    untouched = [key for key in before if key[0] in ("articles", "readsb_archive")]
    assert [after[key] for key in untouched] == [before[key] for key in untouched]
    assert watch.plain("2025-03-17") is None

    # the archive's day, read again by this version, has what the older one did not keep
    descent = [point(36_000 + 15 * n, 36.9 - n * 0.0075, 35.9487, 24_000 - 100 * n) for n in range(200)]
    write_tar(watch.folder / "archive", [trace("15501a", descent, r="RF-78658", t="IL76")])
    archive = '[sources.readsb_archive]\nenabled = true\nlocation = "archive"\nown_receiver = true'
    watch.configure(archive, 'covers = [{base = "hmeimim", from = "2025-03-14", to = "2025-03-17"}]')
    told = "SELECT source_detail FROM source_days WHERE source = 'readsb_archive' AND day = '2025-03-14'"
    assert watch.query(told) == [(None,)] and not lake.files("watched_points")
    redecode = ("backfill", "--from", "2025-03-14", "--to", "2025-03-14", "--redecode", "--plain")
    assert watch.inside(*redecode).returncode == 0
    ((detail,),) = watch.query(told)
    assert f"decoder {judging.DECODER}; " in detail
    assert sum(pq.read_metadata(path).num_rows for path in lake.files("watched_points")) > 0

    # a day that an older decoder read stays, and says so, until it is asked for
    with monkeypatch.context() as later:
        later.setattr(judging, "DECODER", judging.DECODER + 1)
        watch.plain("2025-03-17", since="2025-03-14")
        assert watch.query(told) == [(detail,)]
        assert watch.inside(*redecode).returncode == 0
        assert watch.query(told) == [(detail.replace(f"r {judging.DECODER - 1};", f"r {judging.DECODER};"),)]
    visits = watch.query(VISITS)

    file = lake.files("news_articles")[0]
    table = pq.read_table(file, partitioning=None)
    pq.write_table(table.cast(stamped(table.schema, 99)), file.with_name("later"))
    later = file.with_name(f"{sha256(file.with_name('later'))[:20]}.parquet")
    file.with_name("later").rename(later)
    row = next(row for row in lake.ledger("articles") if str(file.relative_to(lake.folder)) in row.parts)
    parts = {str(later.relative_to(lake.folder)), *row.parts} - {str(file.relative_to(lake.folder))}
    lake.commit([replace(row, parts=tuple(sorted(parts)))])
    refused = watch.inside("build")
    assert refused.returncode == 1
    assert f"{later} is of schema version 99" in " ".join(refused.stderr.split())
    assert "upgrade basewatch" in " ".join(refused.stderr.split())
    assert watch.query(VISITS) == visits, "what was published stands"
