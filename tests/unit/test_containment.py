"""What breaks inside a source, a record or a step that a night can do without fails that alone."""

from __future__ import annotations

import errno
import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import every_exception
from basewatch import ingest, outside, run
from basewatch.errors import SourceError, StoreFault, containment
from basewatch.lake.events import Day, Event, Reject, Rows
from basewatch.lake.store import Lake
from basewatch.news.reader import Reader
from basewatch.sources import articles, contract, flight_records, press_flights
from basewatch.sources.contract import Window
from basewatch.sources.flight_files import forms, reading
from basewatch.sources.flight_records import Origin
from basewatch.sources.places import Places
from server import setup

DAY = date(2025, 6, 1)
WINDOW = Window("press_flights", DAY, DAY)
NOW = datetime(2025, 7, 1, tzinfo=UTC)
REPORT = Rows(
    "press_flights",
    DAY,
    pa.Table.from_pylist([{"record_id": "1", "base_id": "hmeimim", "published_on": DAY}], press_flights.COLUMNS),
)
PLAIN = "record_id,icao24,origin,departed_at,destination,arrived_at\n"


def throwing(error: BaseException) -> Callable[..., Any]:
    """A function that raises this, whatever it is given."""

    def throw(*_: Any, **__: Any) -> Any:
        raise error

    return throw


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Sources are looked up anew, and the log is nobody's."""
    contract.module.cache_clear()
    yield
    contract.module.cache_clear()
    for handler in list(logging.getLogger("basewatch.faults").handlers):
        if isinstance(handler, logging.FileHandler):
            logging.getLogger("basewatch.faults").removeHandler(handler)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """An empty lake."""
    return Lake(tmp_path / "warehouse")


def ingested(lake: Lake, folder: Path) -> ingest.Outcome:
    """One window of the press reports."""
    context = setup.context(setup.settings(folder, press_flights={}), NOW, "press_flights")
    return ingest.ingest(WINDOW, context, lake, "run")


def half(error: BaseException) -> Callable[..., Iterator[Event]]:
    """A decoder that gives a day's rows and then breaks."""

    def decode(*_: Any) -> Iterator[Event]:
        yield REPORT
        raise error

    return decode


STEPS: dict[str, tuple[str, Callable[[BaseException], Callable[..., Any]]]] = {
    "discovery": ("grain", throwing),
    "fetch": ("fetch", throwing),
    "decode, at once": ("decode", throwing),
    "decode, midway": ("decode", half),
}


@pytest.mark.parametrize("step", STEPS)
def test_whatever_a_source_raises_at_any_step_is_its_failure_alone(
    step: str, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, throws = STEPS[step]
    thrown = list(every_exception.each(built_in_alone=step != "fetch"))
    assert {MemoryError, RecursionError, KeyError, StopIteration} <= set(map(type, thrown))
    for error in thrown:
        with monkeypatch.context() as patched:
            patched.setattr(press_flights, name, throws(error))
            contract.module.cache_clear()
            outcome = ingested(lake, tmp_path)
        assert outcome.is_failure, (step, error)
        assert lake.files("press_flights") == [], "what came before the fault counts for nothing"
    (row,) = lake.ledger("press_flights")
    assert (row.day, row.status) == (DAY, "failed")
    contract.module.cache_clear()
    assert not ingested(lake, tmp_path).is_failure, "and the next run finds a source that works"


@pytest.mark.parametrize("name", ["read", "not a module"])
def test_a_source_that_cannot_even_be_loaded_fails_and_is_planned_for(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = setup.settings(tmp_path, press_flights={}, articles={"location": "."})
    whole = contract.module

    def module(code: str) -> contract.SourceModule:
        if code == "articles":
            raise SyntaxError(name)
        return whole(code)

    module.cache_clear = whole.cache_clear  # type: ignore[attr-defined]
    monkeypatch.setattr(contract, "module", module)
    windows = ingest.plan(settings, [], DAY)
    assert {window.source for window in windows} == {"press_flights", "articles"}
    broken = next(window for window in windows if window.source == "articles")
    lake = Lake(tmp_path / "warehouse")
    outcome = ingest.ingest(broken, setup.context(settings, NOW, "articles"), lake, "run")
    assert outcome.error == f"articles: SyntaxError: {name}"


def test_what_only_the_store_raises_stops_the_run(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = [StoreFault("the ledger is damaged"), OSError(errno.ENOSPC, "No space left on device")]
    for fault in faults:
        for name in ("fetch", "decode"):
            with monkeypatch.context() as patched:
                patched.setattr(press_flights, name, throwing(fault))
                contract.module.cache_clear()
                with pytest.raises(type(fault)):
                    ingested(lake, tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(Lake, "write_rows", throwing(PermissionError(errno.EACCES, "Permission denied")))
        patched.setattr(press_flights, "decode", lambda *_: iter([REPORT]))
        contract.module.cache_clear()
        with pytest.raises(PermissionError):
            ingested(lake, tmp_path)
    assert lake.ledger() == []


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), SystemExit(0)])
def test_who_stops_the_program_is_not_contained(
    stop: BaseException, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(press_flights, "decode", half(stop))
    contract.module.cache_clear()
    with pytest.raises(type(stop)):
        ingested(lake, tmp_path)
    assert lake.ledger() == []


@pytest.mark.parametrize(
    "event",
    [
        Rows("no_such_table", DAY, pa.table({"x": [1]})),
        Rows("press_flights", DAY, pa.table({"x": [1]})),
        Day(DAY, "ok", records_read="many"),  # type: ignore[arg-type]
    ],
)
def test_rows_that_no_table_takes_are_the_failure_of_who_made_them(
    event: Event, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(press_flights, "decode", lambda *_: iter([event]))
    contract.module.cache_clear()
    outcome = ingested(lake, tmp_path)
    assert outcome.is_failure and [row.status for row in lake.ledger()] == ["failed"]


# ---- records


def test_whatever_a_record_raises_is_that_records_reject(monkeypatch: pytest.MonkeyPatch) -> None:
    places = Places(setup._shipped()[0])
    convert = flight_records.Converter.convert
    records = [
        {"icao24": f"15501{n}", "origin": "URRP", "departed_at": f"2025-06-0{n}T04:00:00Z", "destination": "OSLK",
         "arrived_at": f"2025-06-0{n}T08:00:00Z"} for n in (1, 2, 3)
    ]  # fmt: skip
    lines = PLAIN + "".join(f"{n},{','.join(record.values())}\n" for n, record in enumerate(records, start=1))
    for error in every_exception.each():

        def converting(self: Any, table: str, fields: Any, error: Exception = error) -> Any:
            if "15501" + "2" in str(fields.get("icao24")):
                raise error
            return convert(self, table, fields)

        monkeypatch.setattr(flight_records.Converter, "convert", converting)
        kept, rejects = flight_records.plain_rows(records, "flight_files", Origin("a.json", "0"), None, places)
        assert kept.num_rows == 2 and [reject.where for reject in rejects] == ["a.json, record 2"], error
        found = reading.read(lines.encode(), Origin("a.csv", "0"), places, {}, 3.0, NOW)
        assert (found.records_read, found.records_kept, len(found.rejects)) == (3, 2, 1), error
        (lost,) = found.rejects
        if not lost.bases and not isinstance(error, flight_records.NotFlown):
            assert date(2025, 6, 2) in lost.days, error


def test_whatever_an_article_raises_is_that_articles_reject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (1, 2, 3):
        text = f"{number} Il-76 landed at Hmeimim\nDate: 2025-06-0{number}\n\n{number} came to Khmeimim air base.\n"
        (tmp_path / f"{number}.txt").write_text(text)
    context = setup.context(setup.settings(tmp_path, articles={"location": "."}), NOW, "articles")
    window = Window("articles", date(2025, 6, 1), date(2025, 6, 30))
    landed = articles.fetch(window, context)
    read = Reader.read
    for error in every_exception.each(built_in_alone=True):

        def reading_(self: Reader, article: Any, error: Exception = error) -> Any:
            if article.origin_file == "2.txt":
                raise error
            return read(self, article)

        monkeypatch.setattr(Reader, "read", reading_)
        told = list(articles.decode(landed, context))
        assert [event.where for event in told if isinstance(event, Reject)] == ["2.txt"], error
        assert sum(event.records_kept for event in told if isinstance(event, Day)) == 2, error


@pytest.mark.parametrize("step", ["mapped", "recognise"])
def test_whatever_the_forms_raise_costs_one_file(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    places = Places(setup._shipped()[0])
    for error in every_exception.each(built_in_alone=True):
        monkeypatch.setattr(forms, step, throwing(error))
        text = f"{PLAIN}1,155011,URRP,2025-06-01T04:00:00Z,OSLK,2025-06-01T08:00:00Z\n"
        found = reading.read(text.encode(), Origin("a.csv", "0"), places, {}, 3.0, NOW)
        assert found.fault and found.records_kept == 0, error


@pytest.mark.parametrize(
    ("name", "text", "kept"),
    [
        ("deep.json", "[" * 100_000 + "]" * 100_000, 0),
        (
            "deep_record.jsonl",
            '{"icao24": "155011", "origin": "URRP", "departed_at": "2025-06-01T04:00:00Z", "destination": "OSLK", '
            '"arrived_at": "2025-06-01T08:00:00Z"}\n{"icao24": ' + "[" * 5000 + "]" * 5000 + "}\n",
            1,
        ),
        (
            "long_cell.csv",
            f"{PLAIN}1,155011,URRP,2025-06-01T04:00:00Z,OSLK,2025-06-01T08:00:00Z\n2,{'x' * 200_000},URRP,,OSLK,\n"
            "3,155013,URRP,2025-06-03T04:00:00Z,OSLK,2025-06-03T08:00:00Z\n",
            2,
        ),
    ],
)
def test_what_no_parser_takes_is_one_files_or_one_records_loss(name: str, text: str, kept: int) -> None:
    places = Places(setup._shipped()[0])
    found = reading.read(text.encode(), Origin(name, "0"), places, {}, 3.0, NOW)
    assert found.records_kept == kept
    assert found.fault if kept == 0 else len(found.rejects) == 1


# ---- the log


def test_each_contained_fault_leaves_its_own_traceback_and_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "runs" / "1.log"
    containment.keep_log(file)
    assert not file.exists(), "where nothing breaks there is no log"
    outside.hide("kc-secret-8f3a1d")

    def deep(level: int) -> None:
        raise KeyError("https://x.test/?api_key=abcdef kc-secret-8f3a1d \u202e") if level == 3 else deep(level + 1)

    with (
        pytest.raises(SourceError, match=r"opensky: KeyError: .*api_key=\*\*\*"),
        containment.of_source("opensky", "a window"),
    ):
        deep(0)
    told: list[str] = []
    with containment.optional("the report", told.append):
        raise ZeroDivisionError
    written = file.read_text()
    assert "a window" in written and "in deep" in written and "KeyError" in written
    assert "the report" in written and "ZeroDivisionError" in written
    assert told == ["the report: failed, the run goes on: ZeroDivisionError"]
    assert "kc-secret" not in written and "abcdef" not in written and "\u202e" not in written
    assert containment.log_file() == file


def test_a_flood_of_faults_does_not_fill_the_log(tmp_path: Path) -> None:
    containment.keep_log(tmp_path / "1.log")
    for number in range(containment.MOST_TRACEBACKS + 50):
        containment.note(ValueError(f"number {number}"), "a record")
    assert (tmp_path / "1.log").read_text().count("ValueError: number") == containment.MOST_TRACEBACKS


def test_an_exception_that_cannot_be_shown_is_told_by_its_type() -> None:
    class Hostile(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words for you")

    assert containment.words(Hostile()) == "Hostile: a Hostile"


# ---- steps of a run


OFFERED = ("expire", "restated", "absent", "outdated")


@pytest.mark.parametrize("step", OFFERED)
def test_what_a_source_offers_may_break_and_the_run_goes_on(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(press_flights, "grain", lambda _: "day")
    work = run.start(setup.settings(tmp_path, press_flights={}), DAY)
    work.progress = lambda _: None
    planned = list(work.windows)
    for error in every_exception.each(built_in_alone=True):
        monkeypatch.setattr(press_flights, step, throwing(error), raising=False)
        contract.module.cache_clear()
        work.windows, work.faults = list(planned), []
        if step == "outdated":
            work.windows = run._with_outdated(work, DAY, DAY)
        run.settle(work)
        assert work.windows == planned, error
        assert [containment.words(error) in fault for fault in work.faults] == [True] * (step != "absent"), error


def test_a_page_that_could_not_be_made_is_stood_in_for(tmp_path: Path) -> None:
    page = tmp_path / "report" / "index.html"
    run._stand_in(page)
    assert "could not be made" in page.read_text()
    page.write_text("made")
    run._stand_in(page)
    assert page.read_text() == "made"


def test_the_record_of_a_run_names_what_broke(tmp_path: Path) -> None:
    work = run.start(setup.settings(tmp_path, press_flights={}), DAY)
    work.progress = lambda _: None
    with work.optional("the report"):
        raise LookupError("no template")
    run.finish(work, 0, None, None)
    note = json.loads(next(work.warehouse.runs_folder.glob("*.json")).read_text())
    assert note["faults"] == ["the report: failed, the run goes on: LookupError: no template"]
    assert "LookupError" in Path(note["log"]).read_text()
