"""A whole night in which all breaks that may: the rest is published, the log says what broke, the status is true."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from basewatch.errors import containment
from basewatch.gates import page
from basewatch.report import first_screen, write
from basewatch.sources import articles, contract, press_flights
from basewatch.warehouse import dictionary, learnt
from basewatch.warehouse.releases import Warehouse
from wholeruns import Watch

pytestmark = pytest.mark.e2e

END = "2025-06-30"
ARTICLES = '[sources.articles]\nenabled = true\nlocation = "articles"\n'


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """Sources are looked up anew."""
    contract.module.cache_clear()
    yield
    contract.module.cache_clear()


def throwing(error: BaseException) -> Callable[..., Any]:
    """A function that raises this, whatever it is given."""

    def throw(*_: Any, **__: Any) -> Any:
        raise error

    return throw


def test_a_night_in_which_all_breaks_that_may_publishes_the_rest(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    (watch.folder / "articles").mkdir()
    watch.configure(ARTICLES, press=True)
    broken = {
        (articles, "grain"): ImportError("a library is gone"),
        (press_flights, "decode"): MemoryError(),
        (press_flights, "expire"): KeyError("terms"),
        (learnt, "learn"): RecursionError("maximum recursion depth exceeded"),
        (write, "report"): UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed"),
        (page, "write_page"): ZeroDivisionError("division by zero"),
        (dictionary, "write"): AttributeError("no such column"),
        (first_screen, "read"): TypeError("unhashable"),
    }
    for (place, name), error in broken.items():
        monkeypatch.setattr(place, name, throwing(error), raising=False)
    done = watch.inside("nightly", "--plain", "--day", END)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert watch.query("SELECT count(*) FROM base_visits WHERE confidence >= 2") == [(60,)]
    note = watch.last_run()
    assert note["exit_status"] == 0
    log = Path(note["log"]).read_text()
    assert f"tracebacks of what broke: {note['log']}" in done.stderr
    for (_, name), error in broken.items():
        assert type(error).__name__ in log, name
        assert containment.words(error) in done.stderr, name
    assert {"articles", "press_flights"} == {name.split()[0] for name in note["failures"]}
    assert len(note["faults"]) == 5, note["faults"]
    release = (watch.root / "current").resolve()
    assert "could not be made" in (release / "report" / "index.html").read_text()
    assert "could not be made" in (release / "quality" / "gates.html").read_text()


STEPS: dict[str, tuple[Any, str]] = {
    "discovery": (press_flights, "grain"),
    "fetch": (press_flights, "fetch"),
    "decode": (press_flights, "decode"),
    "learn": (learnt, "learn"),
    "report": (write, "report"),
    "first look": (first_screen, "read"),
}


def test_a_stop_at_any_step_is_a_stop_and_never_a_success(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    watch.configure(press=True)
    for step, (place, name) in STEPS.items():
        for stop, status in ((KeyboardInterrupt(), 130), (SystemExit(0), 1)):
            with monkeypatch.context() as patched:
                patched.setattr(place, name, throwing(stop), raising=False)
                contract.module.cache_clear()
                done = watch.inside("nightly", "--plain", "--day", END)
            if step == "first look":  # what was to be done is done; a status that a library names says nothing
                assert done.returncode != 2 and watch.current() is not None
                continue
            assert done.returncode == status, (step, stop, done.stderr)
            assert watch.current() is None and "Traceback" not in done.stderr, step
            assert "the next run carries on" in done.stderr, done.stderr
            with Warehouse(watch.root).lock():
                assert not list((watch.root / "releases").glob(".making-*")), "and nothing half-made is left"
    contract.module.cache_clear()
    assert watch.plain(END) is None, "the last of these runs had published"


def test_hostile_files_cost_themselves_alone(watch: Watch) -> None:
    folder = watch.folder / "flights"
    whole = (folder / "flights.csv").read_text().splitlines()
    long = whole[1].replace("RFF7000", "R" * 200_000)
    (folder / "long.csv").write_text("\n".join([whole[0], long]) + "\n")
    (folder / "deep.json").write_text("[" * 100_000 + "]" * 100_000)
    record = dict(zip(whole[0].split(","), whole[1].split(","), strict=True))
    lines = [json.dumps(record), '{"icao24": ' + "[" * 5000 + "]" * 5000 + "}"]
    (folder / "deep.jsonl").write_text("\n".join(lines) + "\n")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.csv")).write_text("\n".join(whole) + "\n")
    (watch.folder / "articles").mkdir()
    Path(os.fsdecode(os.fsencode(watch.folder) + b"/articles/\xff.txt")).write_text("Hmeimim\nDate: 2025-06-01\n")
    watch.configure(ARTICLES)
    done = watch.inside("nightly", "--plain", "--day", END)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert watch.query("SELECT count(*) FROM base_visits WHERE confidence >= 2") == [(60,)]
    for name in ("long.csv", "deep.json", "deep.jsonl"):
        assert f"flight_files: {name}: " in done.stderr, done.stderr
    assert watch.inside("status").returncode == 0
    assert watch.plain(END) is None, "and the next night has nothing to do"
