"""The one place that imports apprise: one message to one target. No address of a target is ever shown."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from basewatch import outside
from basewatch.alerts.events import Alert, digest
from basewatch.config import Alerts

SUBJECT = "basewatch"
LONGEST_BODY = 30_000  # characters; services cut or split what is longer than they take
LONGEST_REASON = 200
_LIKE_AN_ADDRESS = re.compile(r"\S*(?:://|@)\S*")
TOLD_WHOLE = 30  # alerts in one message; the rest is counted


class NotSent(Exception):
    """A message did not go out; its text says why, and nothing of the address."""


def check(settings: Alerts, target: str) -> str | None:
    """What is wrong with the address of a target, None where apprise understands it. Nothing is sent."""
    with _heard() as heard:
        if _service(settings, target) is not None:
            return None
    return _reason(heard, settings.targets[target].get_secret_value()) or "apprise does not understand the address"


def send(settings: Alerts, target: str, alerts: Sequence[Alert]) -> None:
    """Send alerts to a target as one message. Raises NotSent, and nothing else, whatever apprise or a server does."""
    title, body = _message(alerts)
    address = settings.targets[target].get_secret_value()
    try:
        with _heard() as heard:
            is_sent = _notify(settings, target, title, body)
    except Exception as error:
        raise NotSent(_reason(str(error), address) or type(error).__name__) from None
    if not is_sent:
        raise NotSent(_reason(heard, address) or "the service did not take it")


def _message(alerts: Sequence[Alert]) -> tuple[str, str]:
    """Title and plain text of a message."""
    if len(alerts) == 1:
        return f"{SUBJECT}: {alerts[0].title}", outside.shortened(alerts[0].text, LONGEST_BODY)
    more = len(alerts) - TOLD_WHOLE
    parts = list(digest(alerts[:TOLD_WHOLE]))
    parts += [f"And {more} more: basewatch alerts list"] if more > 0 else []
    return f"{SUBJECT}: {len(alerts)} alerts", outside.shortened("\n\n".join(parts), LONGEST_BODY)


def _service(settings: Alerts, target: str) -> Any:
    import apprise  # a third of a second: only where something is sent

    address = settings.targets[target].get_secret_value()
    return apprise.Apprise.instantiate(address, suppress_exceptions=True)


def _notify(settings: Alerts, target: str, title: str, body: str) -> bool:
    import apprise

    service = _service(settings, target)
    if service is None:
        raise NotSent("apprise does not understand the address; `basewatch doctor` says more")
    sender = apprise.Apprise()
    sender.add(service)
    return bool(sender.notify(body=body, title=title, body_format=apprise.NotifyFormat.TEXT))


@contextlib.contextmanager
def _heard() -> Iterator[list[str]]:
    """What apprise warns of meanwhile, which is shown nowhere else: its lines may name what an address holds."""
    heard: list[str] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record.getMessage())

    log = logging.getLogger("apprise")
    before = (log.handlers, log.propagate, log.level)
    log.handlers, log.propagate = [Keeper()], False
    log.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield heard
    finally:
        log.handlers, log.propagate = before[:2]
        log.setLevel(before[2])


def _reason(heard: str | list[str], address: str) -> str:
    """What was said of a failure, without any part of the address but its scheme."""
    text = heard if isinstance(heard, str) else " ".join(heard)
    parts = {part for part in re.split(r"[/?#&=@:,+ ]", address.partition("://")[2]) if len(part) > 1}
    for part in sorted({address, *parts}, key=len, reverse=True):
        text = text.replace(part, outside.HIDDEN)
    text = _LIKE_AN_ADDRESS.sub(outside.HIDDEN, text)
    return outside.line(text, LONGEST_REASON)
