"""Which alert goes where, and when nothing may be sent."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from datetime import datetime
from zoneinfo import ZoneInfo

from basewatch.alerts.events import Alert
from basewatch.config import AlertRule, Alerts
from basewatch.errors import ConfigError


def targets(alert: Alert, settings: Alerts) -> list[str]:
    """The names of the targets that an alert goes to: those of any rule that it meets; without rules, all."""
    if not settings.rules:
        return list(settings.targets)
    wanted: set[str] = set()
    for rule in settings.rules:
        if _meets(alert, rule):
            wanted.update(rule.to or settings.targets)
    return [name for name in settings.targets if name in wanted]


def _meets(alert: Alert, rule: AlertRule) -> bool:
    """Whether kind, base and fleet are among those of a rule; an alert of no base or fleet concerns them all."""
    return (
        (not rule.kinds or alert.kind in rule.kinds)
        and (not rule.bases or alert.base_id is None or alert.base_id in rule.bases)
        and (not rule.fleets or alert.fleet_id is None or alert.fleet_id in rule.fleets)
    )


def require_known(settings: Alerts, bases: Collection[str], fleets: Collection[str]) -> None:
    """Raise ConfigError where a rule names a base or fleet that is not there: it would never let anything pass."""
    for rule in settings.rules:
        for kind, names, known in (("base", rule.bases, bases), ("fleet", rule.fleets, fleets)):
            for name in names:
                if name not in known:
                    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.5)
                    hint = f"; did you mean {near[0]}?" if near else ""
                    raise ConfigError(f"alerts.rules: the reference data has no {kind} {name}{hint}")


def is_quiet(settings: Alerts, now: datetime) -> bool:
    """Whether a moment lies in the quiet hours; those that end before they begin reach over midnight."""
    if settings.quiet is None:
        return False
    since, until = settings.quiet
    at = now.astimezone(ZoneInfo(settings.time_zone)).time()
    return since <= at < until if since <= until else at >= since or at < until
