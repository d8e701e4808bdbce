"""The command line: every command is a few lines around the library. Progress on stderr, results on stdout."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import contextmanager
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import duckdb
import typer

from basewatch import __version__, config, progress, run
from basewatch.cli import aircraft, alerts, freshness, model, tables
from basewatch.cli import status as status_page
from basewatch.cli.options import Base, ConfigFile, Fleet, Form, Plain, Raw, Sample, Since, day, form
from basewatch.config import Settings
from basewatch.errors import BasewatchError, ConfigError, GateRefused, containment
from basewatch.gates.page import write_page
from basewatch.gates.release import require_known
from basewatch.gates.results import explain
from basewatch.reference import load
from basewatch.report import first_screen, news
from basewatch.warehouse import comparing
from basewatch.warehouse import verify as verifying
from basewatch.warehouse.models import ModelError, marts
from basewatch.warehouse.releases import Release, Warehouse, new_run_id, utc_now

app = typer.Typer(
    help="Watches air bases: who landed and took off, when it fell quiet, and whether the press had it right.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _sample(config_file: Path | None) -> Path:
    """The bundled sample's configuration; its results go below the folder that the user stands in, or names."""
    if config_file is not None:
        raise ConfigError("--sample and --config exclude each other")
    root = Path(os.environ.get("BASEWATCH_WAREHOUSE__ROOT", "warehouse")).expanduser().resolve()
    os.environ["BASEWATCH_WAREHOUSE__ROOT"] = str(root)
    return Path(str(files("basewatch.sample").joinpath("basewatch.toml")))


CHANGES_SHOWN = ("table_name", "base_id", "fleet_id", "month", "change", "cause", "rows", "examples")
SAMPLE_ENDS = date(2026, 7, 24)  # the last day that the bundled sample speaks of


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    """Options of the program as a whole."""
    if version:
        print(f"basewatch {__version__}")
        raise typer.Exit


@app.command()
def nightly(
    config_file: ConfigFile = None,
    day_text: Annotated[str | None, typer.Option("--day", help="Last UTC day to ingest (default: yesterday).")] = None,
    sample: Sample = False,
    plain: Plain = False,
) -> None:
    """Ingest every enabled source up to a day, build, check, publish, report."""
    if sample:
        config_file = _sample(config_file)
    until = day(day_text, "--day") or (SAMPLE_ENDS if sample else None)
    _execute(config_file, until, None, plain=plain)


@app.command()
def backfill(
    since: Annotated[str, typer.Option("--from", help="First UTC day.")],
    until: Annotated[str, typer.Option("--to", help="Last UTC day.")],
    config_file: ConfigFile = None,
    plain: Plain = False,
    redecode: Annotated[
        bool, typer.Option(help="Read days again that an older decoder read, or that were read in another way.")
    ] = False,
) -> None:
    """The nightly job over a range of days; days already ingested are skipped."""
    _execute(config_file, day(until, "--to"), day(since, "--from"), plain=plain, redecode=redecode)


def _execute(
    config_file: Path | None, until: date | None, since: date | None, *, plain: bool, redecode: bool = False
) -> None:
    with run.to_its_end():
        work = run.start(config.load(config_file), until, since, redecode=redecode)
    with run.to_its_end(), work.warehouse.lock():  # from the plan to the end, so that a second run is told at once
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
    warehouse = Warehouse(settings.root)
    print(f"release   {release.release_id} (days up to {release.manifest['as_of']})")
    print(f"database  {warehouse.root / 'basewatch.duckdb'}")
    print(f"report    {release.folder / 'report' / 'index.html'}")
    for sentence in news.sentences(release.summary):
        print(f"          {tables.as_text(sentence)}")
    docs = run.documents(warehouse, release)
    if docs:
        print(f"data docs {docs}")
    screen = first_screen.read(release.database, settings.report.bases, settings.report.fleet)
    for table in screen.tables:
        print()
        tables.print_table(table.title, table.columns, table.rows)
    print()
    for note in screen.notes:
        print(note)


@contextmanager
def _stage(config_file: Path | None) -> Any:
    """A run for one stage alone, on what is already ingested, holding the warehouse."""
    with run.to_its_end():
        work = run.start(config.load(config_file), None)
        with work.warehouse.lock():
            yield work


@app.command()
def build(
    keep: Annotated[bool, typer.Option("--keep", help="Keep every inner table in work.duckdb; no candidate.")] = False,
    only: Annotated[str | None, typer.Option(help="Keep one table and what it is made from; no candidate.")] = None,
    sample: Sample = False,
    config_file: ConfigFile = None,
) -> None:
    """Build the candidate from what is ingested, or keep the inner tables for reading (`basewatch model`)."""
    with _stage(_sample(config_file) if sample else config_file) as work:
        work.until = run.last_day(work)
        if keep or only:
            print(f"kept      {run.keep(work, only)} (days up to {work.as_of})")
            return
        candidate = run.build(work)
        print(f"candidate {candidate.folder} (days up to {candidate.inputs.as_of})")


@app.command()
def learn(config_file: ConfigFile = None) -> None:
    """Fit the judge's weights of evidence on the lake's closed months, in place of the shipped ones."""
    with _stage(config_file) as work:
        work.until = run.last_day(work)
        found = run.learn(work, again=True)
    if found.sha256:
        print(f"learnt    from {found.stays} stays up to {found.until}; the next build judges by it")
    else:
        print(f"nothing   was learnt: too few stays heard to the ground up to {found.until}; the shipped weights serve")


@app.command()
def check(config_file: ConfigFile = None) -> None:
    """Run the gates over the candidate."""
    with _stage(config_file) as work:
        candidate = work.warehouse.candidate()
        result = run.check(work, candidate)
        write_page(result, candidate.folder / "gates.html")
        if not result.passed:
            raise GateRefused(f"{len(result.refusals)} critical checks failed\n{explain(result)}")
        print(f"all critical checks passed: {candidate.folder / 'gates.html'}")


@app.command()
def publish(
    config_file: ConfigFile = None,
    accept: Annotated[
        list[str] | None, typer.Option(metavar="CHECK", help="A check of the release gate whose finding is meant.")
    ] = None,
    because: Annotated[str | None, typer.Option(metavar="TEXT", help="Why it is meant; kept with the release.")] = None,
) -> None:
    """Check the candidate and publish it; with --accept, build it where there is none."""
    accepted = dict.fromkeys(accept or [], because or "")
    if bool(accepted) != bool((because or "").strip()):
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


@app.command()
def watch(config_file: ConfigFile = None) -> None:
    """Poll the live sources until stopped; nightly runs beside it build from what it brings."""
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


@app.command()
def rollback(
    release: Annotated[str | None, typer.Argument(help="A release's name (default: the one before).")] = None,
    config_file: ConfigFile = None,
) -> None:
    """Point `current` at the release before, or at the one named."""
    warehouse = Warehouse(config.load(config_file).root)
    with warehouse.lock():
        current = warehouse.rollback(release)
    print(f"current   {current.release_id} (days up to {current.manifest['as_of']})")


@app.command()
def diff(
    before: Annotated[str, typer.Argument(metavar="RELEASE", help="The earlier release.", show_default=False)],
    after: Annotated[
        str | None, typer.Argument(metavar="RELEASE", help="The later one (default: the current one).")
    ] = None,
    form_name: Form = "table",
    raw: Raw = False,
    config_file: ConfigFile = None,
) -> None:
    """What changed from one release to another, and the cause of each change."""
    checked = form(form_name)
    settings = config.load(config_file)
    warehouse = Warehouse(settings.root)
    found = comparing.between(warehouse, warehouse.release(before), warehouse.release(after), load.params(settings))
    rows = [tuple(row.values()) for row in found.to_pylist()]
    tables.write("changes", found.column_names, rows, checked, CHANGES_SHOWN, raw=raw)


@app.command()
def status(
    config_file: ConfigFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    check: Annotated[
        float | None, typer.Option(metavar="HOURS", min=0, help="Only exit 1 where no release is that young.")
    ] = None,
) -> None:
    """Current release, last run, freshness and failures of every source, open gaps, last gate results."""
    settings = config.load(config_file)
    if check is not None:
        freshness.require(settings.root, check)
        return
    values = status_page.read(settings)
    if as_json:
        print(json.dumps(tables.cleaned(values), indent=1, default=str, ensure_ascii=False))
    else:
        status_page.show(values)


def _table_command(name: str, doc: str) -> Callable[..., None]:
    def command(
        base: Base = None,
        fleet: Fleet = None,
        since: Since = None,
        form_name: Form = "table",
        raw: Raw = False,
        config_file: ConfigFile = None,
    ) -> None:
        checked = form(form_name)
        settings = config.load(config_file)
        names, rows = tables.rows(Warehouse(settings.root), name, base, fleet, day(since, "--since"))
        tables.show(name, names, rows, checked, raw=raw)

    command.__doc__ = doc
    command.__name__ = name
    return command


for _name, _doc in {
    "months": "Monthly activity of each base and fleet.",
    "gaps": "Spells with no visit.",
    "visits": "Stays of one aircraft at one base.",
    "mentions": "Articles that name a base.",
}.items():
    app.command(_name)(_table_command(_name, _doc))


@app.command("report")
def write_report(
    release: Annotated[str | None, typer.Option(help="A release's name (default: the current one).")] = None,
    out: Annotated[Path, typer.Option(help="Folder to write into.")] = Path("report"),
    config_file: ConfigFile = None,
) -> None:
    """Write a release's HTML report elsewhere; the release itself never changes."""
    settings = config.load(config_file)
    warehouse = Warehouse(settings.root)
    chosen = warehouse.release(release)
    page = run.write_report(settings, load.tables(settings), chosen.folder, out, chosen.release_id, None)
    print(page)


@app.command()
def schedule(
    cron: Annotated[str | None, typer.Option(help="Cron expression, in UTC (default: from the configuration).")] = None,
    config_file: ConfigFile = None,
    print_yaml: Annotated[
        bool, typer.Option("--print-prefect-yaml", help="Only print prefect.yaml, for a server with a worker.")
    ] = False,
) -> None:
    """Stay up and run `nightly` on a schedule, as a Prefect deployment."""
    if print_yaml:
        print(files("basewatch.flows").joinpath("prefect.yaml").read_text(encoding="utf-8"), end="")
        return
    settings = config.load(config_file)
    from basewatch.flows import schedule as flow

    flow.serve(settings, config.find(config_file), cron or settings.nightly.cron)


@app.command()
def doctor(config_file: ConfigFile = None) -> None:
    """Check configuration, credentials, sources, disk and permissions; say what to do about each fault."""
    from basewatch.cli import doctor as checks

    findings = checks.run(config.load(config_file))
    for finding in findings:
        print(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.what}{'' if finding.ok else f': {finding.advice}'}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(2)


@app.command("try")
def try_files(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Files to look at.", show_default=False)],
    config_file: ConfigFile = None,
) -> None:
    """What each file would be taken for: form, columns, sample rows as understood, rejects. Nothing is written."""
    from basewatch.cli import trial

    settings = config.load(config_file)
    sound = [trial.show(path, settings) for path in paths]
    if not all(sound):
        raise typer.Exit(2)


@app.command()
def withdraw(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The file, as `status` names it.", show_default=False)],
    because: Annotated[str, typer.Option(help="Why what it held is taken back.", show_default=False)],
    config_file: ConfigFile = None,
) -> None:
    """Take back what a file once held and holds no more, or says otherwise now; the next run leaves it out."""
    settings = config.load(config_file)
    warehouse = Warehouse(settings.root)
    with warehouse.lock():
        source, reading = run.withdraw(warehouse, settings, file, because)
    print(
        f"withdrawn {source}: {reading.file}: {reading.records_held} records of {reading.since} to {reading.until}; "
        "the next `basewatch nightly` or `backfill` leaves them out"
    )


@app.command()
def verify(
    config_file: ConfigFile = None,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what can be mended; nothing is deleted.")] = False,
) -> None:
    """Hold the whole warehouse against its hashes, links and counts; name what is damaged."""
    warehouse = Warehouse(config.load(config_file).root)
    with warehouse.lock(clear=False):
        found = verifying.look(warehouse)
        for damage in found.damages:
            print(f"FAIL  {damage.words}")
        if repair and found.damages:
            now = utc_now()
            verifying.repair(warehouse, found, new_run_id(now), now, lambda line: print(f"      {line}"))
            found = verifying.look(warehouse)
            for damage in found.damages:
                print(f"FAIL  still: {damage.words}")
    if found.damages:
        progress.plain(f"basewatch: {len(found.damages)} damages; `basewatch verify --repair` mends what can be mended")
        raise typer.Exit(1)
    print(f"ok    {found.files:,} files, {found.bytes / 1e6:,.1f} MB: all is as it was written")


app.add_typer(aircraft.app, name="aircraft")
app.add_typer(alerts.app, name="alerts")
app.add_typer(model.app, name="model")


def main() -> None:
    """Run the command line; errors that a user can meet end in one line on stderr and the promised exit status."""
    status = 1
    try:
        status = _status()
    finally:
        is_program = getattr(sys.modules["__main__"], "main", None) is main  # no test, no script of somebody's own
        if is_program and "basewatch.flows.environment" in sys.modules:
            from basewatch.flows import environment

            environment.exit_status = status
    sys.exit(status)


def _status() -> int:
    """Run the command line; the exit status."""
    try:
        app(standalone_mode=True)
    except BasewatchError as error:
        progress.complain(error)
        return error.exit_status
    except (OSError, MemoryError, duckdb.Error, ModelError) as error:
        fault = run.machine_fault(error) or run.database_fault(error)
        if fault is not None:
            progress.complain(fault)
        elif isinstance(error, ModelError):
            progress.plain(f"basewatch: {error}\nthis is a fault of the project, not of your data")
        else:
            raise
        return 1
    except SystemExit as left:
        if left.code == run.INTERRUPTED:  # how typer passes on Ctrl-C
            progress.plain("basewatch: stopped; nothing published is damaged, the next run carries on")
        return left.code if isinstance(left.code, int) else int(left.code is not None)
    return 0


if __name__ == "__main__":
    main()
