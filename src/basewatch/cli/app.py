"""The command line: every command is a few lines around the library. Progress on stderr, results on stdout.

What a command needs is imported when it is called, so that `--help` and what only looks are quick.
"""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

import basewatch
from basewatch import progress
from basewatch.cli import aircraft, alerts, finding_commands, model, release_commands, table_commands
from basewatch.cli.loudness import App, Quiet, Verbose, heed
from basewatch.cli.options import ConfigFile, Form, Plain, Sample, day, form
from basewatch.errors import INTERRUPTED, BasewatchError, ConfigError

app = App(
    help="Watches air bases: who landed and took off, when it fell quiet, and whether the press had it right.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Options of the program as a whole."""
    progress.be_usual()
    heed(quiet, verbose)
    if version:
        print(f"basewatch {basewatch.__version__}")
        raise typer.Exit


@app.command()
def nightly(
    config_file: ConfigFile = None,
    day_text: Annotated[str | None, typer.Option("--day", help="Last UTC day to ingest (default: yesterday).")] = None,
    sample: Sample = False,
    plain: Plain = False,
) -> None:
    """Ingest every enabled source up to a day, build, check, publish, report."""
    from basewatch.cli import running

    if sample:
        config_file = running.sample(config_file)
    until = day(day_text, "--day") or (running.SAMPLE_ENDS if sample else None)
    running.execute(config_file, until, None, plain=plain)


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
    from basewatch.cli import running

    running.execute(config_file, day(until, "--to"), day(since, "--from"), plain=plain, redecode=redecode)


@app.command()
def build(
    keep: Annotated[bool, typer.Option("--keep", help="Keep every inner table in work.duckdb; no candidate.")] = False,
    only: Annotated[str | None, typer.Option(help="Keep one table and what it is made from; no candidate.")] = None,
    sample: Sample = False,
    config_file: ConfigFile = None,
) -> None:
    """Build the candidate from what is ingested, or keep the inner tables for reading (`basewatch model`)."""
    from basewatch.cli import running

    if sample:
        config_file = running.sample(config_file)
    if keep or only:
        running.keep(config_file, only)
    else:
        running.build(config_file)


@app.command()
def learn(config_file: ConfigFile = None) -> None:
    """Fit the judge's weights of evidence on the lake's closed months, in place of the shipped ones."""
    from basewatch.cli import running

    running.learn(config_file)


@app.command()
def check(config_file: ConfigFile = None) -> None:
    """Run the gates over the candidate."""
    from basewatch.cli import running

    running.check(config_file)


@app.command()
def publish(
    config_file: ConfigFile = None,
    accept: Annotated[
        list[str] | None, typer.Option(metavar="CHECK", help="A check of the release gate whose finding is meant.")
    ] = None,
    because: Annotated[str | None, typer.Option(metavar="TEXT", help="Why it is meant; kept with the release.")] = None,
) -> None:
    """Check the candidate and publish it; with --accept, build it where there is none."""
    from basewatch.cli import running

    running.publish(config_file, accept or [], because or "")


@app.command()
def watch(config_file: ConfigFile = None) -> None:
    """Poll the live sources until stopped; nightly runs beside it build from what it brings."""
    from basewatch.cli import running

    running.watch(config_file)


@app.command()
def status(
    config_file: ConfigFile = None,
    form_name: Form = "table",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON: short for --format json.")] = False,
    check: Annotated[
        float | None, typer.Option(metavar="HOURS", min=0, help="Only exit 1 where no release is that young.")
    ] = None,
) -> None:
    """Current release, last run, freshness and failures of every source, open gaps, last gate results."""
    from basewatch import config

    settings = config.load(config_file)
    if check is not None:
        from basewatch.cli import freshness

        freshness.require(settings.root, check)
        return
    from basewatch.cli import status as page

    checked = form("json" if as_json else form_name)
    if checked == "csv":
        raise ConfigError("status has no CSV: it is no one table; --format json has it all")
    values = page.read(settings)
    if checked == "json":
        page.show_as_json(values)
    else:
        page.show(values, settings)


@app.command()
def schedule(
    cron: Annotated[str | None, typer.Option(help="Cron expression, in UTC (default: from the configuration).")] = None,
    config_file: ConfigFile = None,
    print_yaml: Annotated[
        bool, typer.Option("--print-prefect-yaml", help="Only print prefect.yaml, for a server with a worker.")
    ] = False,
) -> None:
    """Stay up and run `nightly` on a schedule, as a Prefect deployment."""
    from basewatch import config

    if print_yaml:
        print(files("basewatch.flows").joinpath("prefect.yaml").read_text(encoding="utf-8"), end="")
        return
    from basewatch.flows import schedule as flow

    settings = config.load(config_file)
    flow.serve(settings, config.find(config_file), cron or settings.nightly.cron)


@app.command()
def doctor(config_file: ConfigFile = None) -> None:
    """Check configuration, credentials, sources, disk and permissions; say what to do about each fault."""
    from basewatch import config
    from basewatch.cli import doctor as checks

    findings = checks.run(config.load(config_file))
    for finding in findings:
        print(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.what}{'' if finding.ok else f': {finding.advice}'}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(2)


@app.command("init")
def begin(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the new watch.", show_default=False)],
    base: Annotated[
        list[str] | None, typer.Option(metavar="CODE", help="A base's ICAO code or OurAirports identifier; repeatable.")
    ] = None,
    fleet: Annotated[
        list[str] | None,
        typer.Option(metavar="RULE", help='A fleet, as "type:A400,K35R" or "mine=country:US+military"; repeatable.'),
    ] = None,
) -> None:
    """Begin a watch of one's own: a commented configuration, bases looked up by their codes, fleets by rules."""
    from basewatch.cli import beginning

    beginning.begin(folder, base or [], fleet or [])


@app.command("try")
def try_files(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Files to look at.", show_default=False)],
    config_file: ConfigFile = None,
) -> None:
    """What each file would be taken for: form, columns, sample rows as understood, rejects. Nothing is written."""
    from basewatch import config
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
    from basewatch import config, run
    from basewatch.remote import storage
    from basewatch.warehouse.releases import Warehouse

    settings = config.load(config_file)
    warehouse = Warehouse(settings.root)
    with storage.held(settings), warehouse.lock():
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
    from basewatch.cli import verifying

    if not verifying.show(config_file, repair=repair):
        raise typer.Exit(1)


app.add_typer(table_commands.app)
app.add_typer(finding_commands.app)
app.add_typer(release_commands.app)
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
    except Exception as error:
        from basewatch import run  # only now: a command that only looks is quick
        from basewatch.warehouse.models import ModelError

        fault = run.machine_fault(error) or run.database_fault(error)
        if fault is not None:
            progress.complain(fault)
        elif isinstance(error, ModelError):
            progress.plain(f"basewatch: {error}\nthis is a fault of the project, not of your data")
        else:
            raise
        return 1
    except SystemExit as left:
        if left.code == INTERRUPTED:  # how typer passes on Ctrl-C
            progress.plain("basewatch: stopped; nothing published is damaged, the next run carries on")
        return left.code if isinstance(left.code, int) else int(left.code is not None)
    return 0


if __name__ == "__main__":
    main()
