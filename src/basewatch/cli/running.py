"""Commands that make something of the warehouse: whole runs, and their stages alone."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from importlib.resources import files
from pathlib import Path

import pyarrow as pa

from basewatch import config, progress, run
from basewatch.cli import tables, telling
from basewatch.config import Settings
from basewatch.database import without_pandas
from basewatch.errors import ConfigError, GateRefused, containment
from basewatch.remote import storage
from basewatch.report import first_screen
from basewatch.warehouse.models import marts
from basewatch.warehouse.published import Published, Release

with without_pandas():
    pa.array([])  # Arrow asks once whether there is pandas, and would import it: half a second of a small night

SAMPLE_ENDS = date(2026, 7, 24)  # the last day that the bundled sample speaks of


def sample(config_file: Path | None) -> Path:
    """The bundled sample's configuration; its results go below the folder that the user stands in, or names."""
    if config_file is not None:
        raise ConfigError("--sample and --config exclude each other")
    root = Path(os.environ.get("BASEWATCH_WAREHOUSE__ROOT", "warehouse")).expanduser().resolve()
    os.environ["BASEWATCH_WAREHOUSE__ROOT"] = str(root)
    return Path(str(files("basewatch.sample").joinpath("basewatch.toml")))


def execute(
    config_file: Path | None, until: date | None, since: date | None, *, plain: bool, redecode: bool = False
) -> None:
    """A whole run up to `until`, from `since` on where it is given, and a first look at what it published."""
    settings = config.load(config_file)
    with run.to_its_end(), storage.held(settings) as store:
        if plain and since and settings.backfill.dask:
            raise ConfigError("backfill.dask: a cluster is reached by Prefect; leave out --plain, or the cluster")
        work = run.start(settings, until, since, redecode=redecode)
        work.store = store
        with work.warehouse.lock():  # from the plan to the end, so that a second run is told at once
            if run.has_work(work):
                with progress.bar(len(work.windows) + len(marts())):
                    _work(work, config_file, since, plain=plain)
            else:
                progress.plain("nothing new to ingest, nothing new to publish")
                run.note_idle(work)
    with containment.optional("a first look at the results", progress.plain):
        _tell(work.warehouse.current(), work.settings)


def _work(work: run.Run, config_file: Path | None, since: date | None, *, plain: bool) -> None:
    """Do the run as a Prefect flow, or as plain functions where that is asked for or Prefect cannot be had."""
    if not plain:
        from basewatch.flows import nightly as flows  # Prefect costs seconds: only where there is work
        from basewatch.flows.server import ServerFailed

        try:
            flows.execute(work, str(config_file) if config_file else None, since)
        except ServerFailed as error:
            progress.say(f"Prefect cannot be had ({error}): going on without it")
            run.execute(work)
    else:
        run.execute(work)


def _tell(release: Release | None, settings: Settings) -> None:
    """Where the results are, and a first answer."""
    if release is None:
        return
    published = Published(settings.root)
    print(f"release   {release.release_id} (days up to {release.manifest['as_of']})")
    print(f"database  {published.root / 'basewatch.duckdb'}")
    print(f"report    {release.folder / 'report' / 'index.html'}")
    docs = published.documents(release)
    if docs:
        print(f"data docs {docs}")
    telling.say_what_matters(release.summary, settings)
    screen = first_screen.read(release.database, settings.report.bases, settings.report.fleet)
    for table in screen.tables:
        print()
        tables.print_table(table.title, table.columns, table.rows)
    print()
    for note in screen.notes:
        print(tables.as_text(note))
    telling.say_what_next(release.summary, settings)


@contextmanager
def _stage(config_file: Path | None) -> Iterator[run.Run]:
    """A run for one stage alone, on what is already ingested, holding the warehouse."""
    settings = config.load(config_file)
    with run.to_its_end(), storage.held(settings):
        work = run.start(settings, None)
        with work.warehouse.lock():
            yield work


def keep(config_file: Path | None, only: str | None) -> None:
    """Build the inner tables, or one and what it is made from, into work.duckdb."""
    with _stage(config_file) as work:
        work.until = run.last_day(work)
        print(f"kept      {run.keep(work, only)} (days up to {work.as_of})")


def build(config_file: Path | None) -> None:
    """Build the candidate from what is ingested."""
    with _stage(config_file) as work:
        work.until = run.last_day(work)
        candidate = run.build(work)
        print(f"candidate {candidate.folder} (days up to {candidate.inputs.as_of})")


def learn(config_file: Path | None) -> None:
    """Fit the weights of evidence anew, and say from what."""
    with _stage(config_file) as work:
        work.until = run.last_day(work)
        found = run.learn(work, again=True)
    if found.sha256:
        print(f"learnt    from {found.stays} stays up to {found.until}; the next build judges by it")
    else:
        print(f"nothing   was learnt: too few stays heard to the ground up to {found.until}; the shipped weights serve")


def check(config_file: Path | None) -> None:
    """Run the gates over the candidate. Raises GateRefused."""
    from basewatch.gates.page import write_page
    from basewatch.gates.results import explain

    with _stage(config_file) as work:
        candidate = work.warehouse.candidate()
        result = run.check(work, candidate)
        write_page(result, candidate.folder / "gates.html")
        if not result.passed:
            raise GateRefused(f"{len(result.refusals)} critical checks failed\n{explain(result)}")
        print(f"all critical checks passed: {candidate.folder / 'gates.html'}")


def publish(config_file: Path | None, accept: Sequence[str], because: str) -> None:
    """Check the candidate and publish it; with checks to accept, build it where there is none. Raises GateRefused."""
    from basewatch.gates.release import require_known

    accepted = dict.fromkeys(accept, because)
    if bool(accepted) != bool(because.strip()):
        raise ConfigError("--accept CHECK and --because TEXT belong together: say which finding is meant, and why")
    require_known(accepted)
    with _stage(config_file) as work:
        if accepted and not work.warehouse.has_candidate():
            work.until = run.last_day(work)
            candidate = run.build(work)
        else:
            candidate = work.warehouse.candidate()
        result = run.check(work, candidate, accepted)
        run.require_passed(work, candidate, result)
        release = run.publish(work, candidate, result)
        run.document(work, result)
    _tell(release, work.settings)


def watch(config_file: Path | None) -> None:
    """Poll the live sources until SIGINT or SIGTERM."""
    settings = config.load(config_file)
    stop = threading.Event()
    ways = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def end(*_: object) -> None:
        stop.set()
        for number, way in ways.items():  # who cannot wait for an answer under way says it twice
            signal.signal(number, way)

    for number in ways:
        signal.signal(number, end)
    answers = run.watch(settings, stop)
    progress.plain(f"stopped after {answers} answers; what came is in the lake")
