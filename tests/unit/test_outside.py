"""Text from outside on its way out: one function masks, cleans and cuts it for every exit."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from basewatch import config, ingest, outside, progress, run
from basewatch.cli import tables
from basewatch.errors import ConfigError, SourceError
from basewatch.lake.events import Day, Reject, Rows
from basewatch.lake.ledger import ledger_row
from basewatch.lake.recording import record
from basewatch.lake.schemas import TABLES
from basewatch.lake.store import Lake
from basewatch.net.faults import HttpFault
from basewatch.outside import json_text
from basewatch.report import safe_text
from basewatch.sources import articles, contract, flight_files, press_flights
from basewatch.sources.contract import Window
from server import setup

SECRET = "kc-secret-8f3a1d"
HOSTILE = (
    f"\x1b[31mred\u202e {SECRET} https://u:p4ss@x.test/a?api_key=abc123&q=1 Authorization: Bearer tok.en-12345678901"
)
DAY = date(2025, 6, 1)
NOW = datetime(2025, 7, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _secret() -> Iterator[None]:
    """A secret that is known, and forgotten afterwards."""
    outside.hide(SECRET)
    yield
    outside._SECRETS.clear()


def is_clean(text: str) -> bool:
    """Whether nothing of the hostile text is left that should not be."""
    return not any(part in text for part in (SECRET, "p4ss", "abc123", "tok.en", "\x1b", "\u202e"))


def test_keys_are_masked_wherever_they_occur_and_the_rest_stays_readable() -> None:
    shown = outside.message(HOSTILE)
    assert is_clean(shown)
    assert "https://***@x.test/a?api_key=***&q=1" in shown and "⟨U+202E⟩" in shown and "⟨U+001B⟩" in shown
    assert outside.message("a\nb\tc") == "a\nb c" and outside.line("a\nb") == "a b"
    assert len(outside.message("x" * 9999, 100)) == 100


@pytest.mark.parametrize("exit_", ["error", "fault", "ledger", "reject", "stderr", "csv", "json", "table", "page"])
def test_every_exit_cleans_what_comes_from_outside(exit_: str, tmp_path: Path) -> None:
    out = io.StringIO()
    match exit_:
        case "error":
            written = str(ConfigError(HOSTILE))
        case "fault":
            written = str(HttpFault(HOSTILE, kind="content")) + str(SourceError(HOSTILE))
        case "ledger":
            written = str(ledger_row("opensky", Day(DAY, "failed", error=HOSTILE, chosen_copy=HOSTILE), "run").error)
        case "reject":
            record(Lake(tmp_path), "opensky", [Reject(DAY, HOSTILE, HOSTILE), Day(DAY, "ok")], "run")
            entry = json.loads((tmp_path / "quarantine/run/rejects/opensky.jsonl").read_text())
            written = entry["where"] + entry["reason"]
        case "stderr":
            with redirect_stderr(out):
                progress.plain(HOSTILE)
            written = out.getvalue()
        case "csv" | "json" | "table":
            with redirect_stdout(out):
                tables.write("t", ["a"], [(HOSTILE,), ([HOSTILE],)], exit_)
            text = out.getvalue()
            assert SECRET not in text and "\x1b" not in text and "\u202e" not in text
            return
        case _:
            assert SECRET not in safe_text.escaped(HOSTILE) and "\u202e" not in safe_text.escaped(HOSTILE)
            return
    assert is_clean(written), written


def test_secrets_of_the_settings_are_masked_before_any_source_has_used_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside._SECRETS.clear()
    monkeypatch.setenv("BASEWATCH_SOURCES__FLIGHTRADAR24__TOKEN", "fr24-token-xyz")
    (tmp_path / "basewatch.toml").write_text("")
    config.load(tmp_path / "basewatch.toml")
    assert "fr24-token-xyz" not in outside.message("the header was fr24-token-xyz")


# ---- spreadsheets


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", '=cmd|"/c calc"!A1'])
def test_a_spreadsheet_executes_no_cell(text: str) -> None:
    out, raw = io.StringIO(newline=""), io.StringIO(newline="")
    with redirect_stdout(out):
        tables.write("t", ["title"], [(text,)], "csv")
    with redirect_stdout(raw):
        tables.write("t", ["title"], [(text,)], "csv", raw=True)
    (cell,) = list(csv.reader(io.StringIO(out.getvalue(), newline="")))[1]
    assert cell.startswith("'") and text.strip() in cell
    assert raw.getvalue().removeprefix("title\n").strip('"\n').replace('""', '"') == text.strip("\n")


def test_numbers_days_and_ordinary_texts_are_as_they_were() -> None:
    values = (-5, -0.5, None, True, DAY, NOW, "RA-78835", "https://x.test/?a=1", ["a", "=b"])
    assert [tables.harmless(value) for value in values] == [
        "-5", "-0.5", "", "true", "2025-06-01", "2025-07-01T00:00:00+00:00", "RA-78835", "https://x.test/?a=1",
        '["a", "=b"]',
    ]  # fmt: skip


# ---- links


def test_published_links_are_web_addresses(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    urls = [
        "https://a.test/1",
        "HTTP://a.test/2",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "data:text/html,x",
        None,
    ]
    rows = [{"record_id": str(n), "icao24": "155011", "url": url} for n, url in enumerate(urls)]
    full = pa.Table.from_pylist(rows, schema=TABLES["plain_flights"].schema)
    record(lake, "flight_files", [Rows("plain_flights", DAY, full)], "run")
    stored = pq.ParquetFile(lake.files("plain_flights")[0]).read().column("url").to_pylist()
    assert stored == ["https://a.test/1", "HTTP://a.test/2", None, None, None, None]


def test_a_press_report_without_a_web_address_is_rejected(tmp_path: Path) -> None:
    line = "1,hmeimim,arrival,flight,2025-06-01,{url}\n"
    text = "record_id,base_id,direction,claim_kind,event_date_from,url\n"
    text += line.format(url="javascript:alert(1)") + line.format(url="https://x.test/a")
    (tmp_path / "press.csv").write_text(text)
    rows, faults = [], []
    for number, values in enumerate(press_flights._records(tmp_path / "press.csv"), start=1):
        assert isinstance(values, dict)
        try:
            rows.append(press_flights._row(values, number))
        except ValueError as error:
            faults.append(str(error))
    assert [row["url"] for row in rows] == ["https://x.test/a"] and len(faults) == 1
    assert "no web address" in faults[0]


# ---- links in folders


def test_links_out_of_a_configured_folder_are_told_and_not_followed(tmp_path: Path) -> None:
    outside_folder = tmp_path / "elsewhere"
    outside_folder.mkdir()
    (outside_folder / "a.csv").write_text("icao24,origin,departed_at\n155011,URRP,2025-06-01T04:00:00Z\n")
    (outside_folder / "a.txt").write_text("Hmeimim\nDate: 2025-06-01\n\nA landing at the Hmeimim air base.\n")
    folder = tmp_path / "records"
    folder.mkdir()
    (folder / "own.csv").write_text((outside_folder / "a.csv").read_text())
    (folder / "inside.csv").symlink_to("own.csv")
    (folder / "linked.csv").symlink_to(outside_folder / "a.csv")
    (folder / "deep").symlink_to(outside_folder)
    places = {place.name: place.fault for place in flight_files.source.files_at(folder)}
    assert places["own.csv"] is None and places["inside.csv"] is None
    for name in ("linked.csv", "deep/a.csv", "deep/a.txt"):
        assert "a link that leads out" in str(places[name])
    (folder / "linked.txt").symlink_to(outside_folder / "a.txt")
    context = setup.context(setup.settings(tmp_path, articles={"location": "records"}), NOW, "articles")
    window = Window("articles", DAY, DAY)
    told = list(articles.decode(articles.fetch(window, context), context))
    assert [event.where for event in told if isinstance(event, Reject) and "leads out" in event.reason] == [
        "linked.csv", "linked.txt"
    ]  # fmt: skip
    assert not [event for event in told if isinstance(event, Rows)]


def test_recorded_answers_and_polls_that_lead_out_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.json").write_text("{}")
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers" / "20250601T000000Z.json").symlink_to(tmp_path / "elsewhere.json")
    context = setup.context(setup.settings(tmp_path, readsb_live={"location": "answers"}), NOW, "readsb_live")
    with pytest.raises(SourceError, match=r"20250601T000000Z\.json is a link that leads out"):
        contract.module("readsb_live").fetch(Window("readsb_live", DAY, DAY), context)


# ---- limits of rows, time and nesting


@pytest.mark.parametrize(("most", "is_kept"), [(1, False), (2, True)])
def test_a_window_with_more_rows_than_it_may_have_is_not_kept(
    most: int, is_kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"record_id": str(n), "base_id": "hmeimim", "published_on": DAY} for n in (1, 2)]
    event = Rows("press_flights", DAY, pa.Table.from_pylist(rows, press_flights.COLUMNS))
    monkeypatch.setattr(press_flights, "decode", lambda *_: iter([event]))
    contract.module.cache_clear()
    lake = Lake(tmp_path / "warehouse")
    context = setup.context(setup.settings(tmp_path, press_flights={"max_rows": most}), NOW, "press_flights")
    outcome = ingest.ingest(Window("press_flights", DAY, DAY), context, lake, "run")
    contract.module.cache_clear()
    assert bool(lake.files("press_flights")) == is_kept == (not outcome.is_failure)
    assert is_kept or "more than 1 rows" in str(outcome.error)


def test_a_source_that_has_had_its_time_in_a_run_is_left_for_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(press_flights, "grain", lambda _: "day")
    contract.module.cache_clear()
    work = run.start(setup.settings(tmp_path, press_flights={"minutes_per_run": 1e-9}), DAY)
    work.progress = lambda _: None
    for window in work.windows:
        run.ingest_window(work, window)
    contract.module.cache_clear()
    assert len(work.windows) > 2 and all(outcome.is_failure for outcome in work.outcomes.values())
    assert "minutes_per_run" in str(work.outcomes[work.windows[-1].name].error)
    days = {row.day for row in work.warehouse.lake.ledger()}
    assert work.windows[-1].since not in days, "what was not looked at is no failed day of the ledger"


def test_json_is_read_as_deep_as_it_may_be_nested() -> None:
    assert json_text.read(b"[" * 100 + b"]" * 100)
    deep = [b"[" * 101 + b"]" * 101, b'{"a":' * 101 + b"1" + b"}" * 101, b'[{"a":' * 5000 + b"1" + b"}]" * 5000]
    for text in deep:
        with pytest.raises(ValueError, match="nested more than 100 deep"):
            json_text.read(text)
    assert json_text.read(b'["[[[[[[", "]"]') == ["[[[[[[", "]"]
    assert json_text.read(('["' + "[" * 500 + '"]').encode()) == ["[" * 500]
    with pytest.raises(ValueError, match="truncated"):
        json_text.read(b"[" * 50)
    json_text.limit(8)
    try:
        with pytest.raises(ValueError, match="nested more than 8 deep"):
            json_text.read(b"[" * 9 + b"]" * 9)
    finally:
        json_text.limit(json_text.MOST_NESTED)
