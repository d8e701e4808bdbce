"""The end of a run: what it has to tell goes into the outbox, and from there to those who want it.

Nothing in here may harm a run: whatever fails is told in a line, and tried again by the next one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from basewatch import outside
from basewatch.alerts import events, outbox, rules, sending
from basewatch.alerts.events import Alert, End
from basewatch.alerts.outbox import Outbox, Waiting
from basewatch.config import Alerts
from basewatch.warehouse.published import SUMMARY
from basewatch.warehouse.summary import MADE_UP

Say = Callable[[str], None]


def after(
    root: Path, settings: Alerts, end: End, now: datetime, say: Say, emit: Callable[[Alert], None] | None = None
) -> None:
    """Put what a run tells into the outbox of the warehouse at `root`, and send what waits. Never raises.

    now: UTC. say: takes a line on what could not be sent. emit: is given each new alert. The caller holds the
    warehouse.
    """
    try:
        box, new = note(root, settings, end, now, say)
        deliver(box, settings, now, say)
    except Exception as error:  # a full disk, a damaged summary: the run has ended, and stands
        say(f"alerts: failed, the next run tries again: {type(error).__name__}: {outside.line(error)}")
        return
    try:
        for alert in new:
            if emit is not None:
                emit(alert)
    except Exception as error:
        say(f"alerts: not all were made events: {type(error).__name__}: {outside.line(error)}")


def heartbeat(settings: Alerts, status: int, say: Say) -> None:
    """Ask the address that is to hear of a run with this exit status, where one is set. Never raises."""
    address = settings.heartbeat if status == 0 else settings.heartbeat_failed
    if address is None:
        return
    from basewatch.net import heartbeat as life  # the HTTP library: only where one is asked

    try:
        life.beat(address.get_secret_value(), status)
    except life.NotTaken as fault:
        say(f"heartbeat: {fault}")


def note(root: Path, settings: Alerts, end: End, now: datetime, say: Say) -> tuple[Outbox, list[Alert]]:
    """The outbox with all that a run tells, and which of it is new. It is on the disk, where that can be written."""
    box = outbox.opened(root, now, say)
    before = repr(box)
    given_up = box.keep_to(settings.targets)
    if given_up:
        say(f"alerts: {given_up} that could not be sent were given up")
    summaries = _summaries(root, box.last_release)
    current = _summary(root / "current")
    ungreeted = [name for name in settings.targets if name not in box.greeted]
    greeting: list[Alert] = []
    if current is not None:
        if box.last_release is None:
            box.know(events.standing(current), now)
        greeting = [events.sum_up(current, name) for name in ungreeted]
        box.greeted += ungreeted
    found: list[Alert] = []
    if box.last_release is not None:
        for summary in summaries:
            found += box.find(events.of_release(summary, settings), now)
    box.last_release = max([box.last_release or "", *(summary["release_id"] for summary in summaries)]) or None
    made_up = [late.source for late in end.late if any(word in late.source.lower() for word in MADE_UP)]
    of_run, box.going_on = events.of_run(end, box.going_on, made_up)
    late_and_failed = box.find(of_run, now)
    for alert, name in zip(greeting, ungreeted, strict=False):
        box.put(alert, [name], now)
    for alert in found:  # a target that is told what stands is told of these by that
        box.put(alert, [name for name in rules.targets(alert, settings) if not greeting or name not in ungreeted], now)
    for alert in late_and_failed:
        box.put(alert, rules.targets(alert, settings), now)
    if repr(box) != before:
        _save(box, say)
    return box, [*greeting, *found, *late_and_failed]


def deliver(box: Outbox, settings: Alerts, now: datetime, say: Say) -> int:
    """Send what waits, and mark it; returns how many messages went out.

    A target that fails is left for the next run.
    """
    if not box.waiting:
        return 0
    if rules.is_quiet(settings, now):
        say(f"alerts: {len(box.waiting)} wait for the end of the quiet hours ({settings.quiet_hours})")
        return 0
    number = 0
    for target in settings.targets:
        entries = [entry for entry in box.waiting if target in entry.to]
        for together in _messages(entries, is_digest=settings.digest):
            try:
                sending.send(settings, target, [entry.alert for entry in together])
            except sending.NotSent as fault:
                words = f"{target} ({settings.scheme(target)})"
                say(f"alerts: {words} was not reached, the next run tries again: {fault}")
                box.faults[target] = {"at": now.isoformat(), "what": str(fault)}
                _save(box, say)
                break
            number += 1
            box.mark(together, target, now)
            _save(box, say)
    return number


def _save(box: Outbox, say: Say) -> None:
    """Write the outbox. A full disk is worth telling of: what cannot be noted is sent all the same, then again."""
    try:
        box.save()
    except OSError as error:
        say(f"alerts: {box.file} cannot be written, so that what is sent may be sent again: {error.strerror}")


def _messages(entries: Sequence[Waiting], *, is_digest: bool) -> Iterable[Sequence[Waiting]]:
    """What goes out together."""
    if not entries:
        return []
    return [entries] if is_digest else [[entry] for entry in entries]


def _summaries(root: Path, after_release: str | None) -> list[dict[str, Any]]:
    """The summaries of the releases kept that came after one, oldest first; names of releases sort by time."""
    folders = sorted((root / "releases").glob("[!.]*")) if (root / "releases").exists() else []
    found = [_summary(folder) for folder in folders if folder.name > (after_release or "")]
    return [summary for summary in found if summary is not None]


def _summary(folder: Path) -> dict[str, Any] | None:
    """A release's summary, None where it has none, as one of an earlier version."""
    file = folder / SUMMARY
    values: dict[str, Any] | None = json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
    return values
