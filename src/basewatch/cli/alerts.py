"""`basewatch alerts`: what waits and what was sent, a message to try the targets, and sending what waits."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from basewatch.cli.loudness import App
from basewatch.cli.options import ConfigFile, Form, Raw, form

app = App(
    help="Who is told when something is worth a person's time (docs/alerts.md).",
    no_args_is_help=True,
    rich_markup_mode=None,
)

COLUMNS = ["state", "found_at", "sent_at", "kind", "base_id", "fleet_id", "title", "to", "fault", "key"]
SHOWN = ("state", "found_at", "title", "to", "fault")


@app.command("list")
def list_alerts(form_name: Form = "table", raw: Raw = False, config_file: ConfigFile = None) -> None:
    """What waits to be sent, with why it does, and what was sent last; addresses are never shown."""
    from basewatch import config
    from basewatch.alerts import outbox
    from basewatch.cli import tables

    checked = form(form_name)
    settings = config.load(config_file)
    box = outbox.read(settings.root)
    rows: list[dict[str, Any]] = []
    for entry in box.waiting:
        for target in entry.to:
            fault = box.faults.get(target, {}).get("what")
            rows.append(_row(entry.alert.values, "waits", entry.found_at, None, _shown(settings, target), fault))
    rows += [
        _row(sent, "sent", sent["found_at"], sent["sent_at"], _shown(settings, sent["to"]), None)
        for sent in reversed(box.sent)
    ]
    tables.write("alerts", COLUMNS, [tuple(row[name] for name in COLUMNS) for row in rows], checked, SHOWN, raw=raw)


def _row(
    alert: dict[str, Any], state: str, found_at: str, sent_at: str | None, to: str, fault: str | None
) -> dict[str, Any]:
    named = {name: alert[name] for name in ("kind", "base_id", "fleet_id", "title", "key")}
    return {**named, "state": state, "found_at": found_at, "sent_at": sent_at, "to": to, "fault": fault}


def _shown(settings: Any, target: str) -> str:
    known = target in settings.alerts.targets
    return f"{target} ({settings.alerts.scheme(target)})" if known else target


@app.command()
def test(
    to: Annotated[list[str] | None, typer.Option(help="A target's name (default: all).")] = None,
    config_file: ConfigFile = None,
) -> None:
    """Send a message to each target, whatever rules and quiet hours say; exit 1 where one was not reached."""
    from basewatch import config
    from basewatch.alerts import events, sending
    from basewatch.errors import ConfigError

    settings = config.load(config_file)
    names = to or list(settings.alerts.targets)
    unknown = [name for name in names if name not in settings.alerts.targets]
    if unknown or not names:
        known = ", ".join(settings.alerts.targets) or "none; set BASEWATCH_ALERTS__TARGETS (docs/alerts.md)"
        raise ConfigError(f"no target {', '.join(unknown)}; known: {known}" if unknown else f"targets: {known}")
    failed = 0
    for name in names:
        try:
            sending.send(settings.alerts, name, [events.trial(name)])
            print(f"sent      {_shown(settings, name)}")
        except sending.NotSent as fault:
            failed += 1
            print(f"FAIL      {_shown(settings, name)}: {fault}")
    if failed:
        raise typer.Exit(1)


@app.command()
def send(config_file: ConfigFile = None) -> None:
    """Send what waits, now: for a timer after the quiet hours. Exit 1 where something still waits."""
    from datetime import UTC, datetime

    from basewatch import config, progress
    from basewatch.alerts import delivery, outbox
    from basewatch.warehouse.releases import Warehouse

    settings = config.load(config_file)
    warehouse = Warehouse(settings.root)
    with warehouse.lock(clear=False):
        now = datetime.now(UTC)
        box = outbox.opened(warehouse.root, now, progress.plain)
        box.keep_to(settings.alerts.targets)
        number = delivery.deliver(box, settings.alerts, now, progress.plain)
    print(f"sent      {number} messages, {len(box.waiting)} alerts wait")
    if box.waiting:
        raise typer.Exit(1)
