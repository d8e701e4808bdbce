"""The outbox: what is to be told stands here before it is sent, and is marked after. It lies outside the lake.

A run that dies in between sends again; what was marked is never sent again. A key that was told is known for good, so
that neither the next night nor a rollback tells it twice. One note with a hash holds all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from basewatch.alerts.events import Alert, of_values
from basewatch.durable import fsync_folder, make_folder
from basewatch.errors import Damaged
from basewatch.lake import notes

FOLDER, FILE = "alerts", "outbox.json"
MOST_KEYS = 20_000  # the oldest are forgotten
MOST_WAITING = 500  # the oldest are given up
MOST_SENT = 200  # shown by `basewatch alerts list`


@dataclass
class Waiting:
    """An alert that some targets, by name, still have to be told; found_at: ISO, UTC."""

    alert: Alert
    to: list[str]
    found_at: str


@dataclass
class Outbox:
    """What is known, what waits and what was sent.

    begun_with: the release with which it began, None before the first. last_release: the newest of which all news
    stands here. greeted: targets that were told what stood when they were new. going_on: by what failed, the run with
    which that began. known: keys, each with the moment at which it was found, oldest first. faults: by target, what its
    last failure was.
    """

    folder: Path
    last_release: str | None = None
    greeted: list[str] = field(default_factory=list)
    going_on: dict[str, str] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)
    waiting: list[Waiting] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)
    faults: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        """Where it stands."""
        return self.folder / FILE

    def find(self, alerts: Iterable[Alert], now: datetime) -> list[Alert]:
        """Of these alerts, those that were not known; they are now."""
        new = []
        for alert in alerts:
            if alert.key not in self.known:
                self.known[alert.key] = now.isoformat()
                self.known.pop(alert.undoes or "", None)  # what was called, withdrawn and called again is told again
                new.append(alert)
        return new

    def know(self, keys: Iterable[str], now: datetime) -> None:
        """Let these count as told."""
        for key in keys:
            self.known.setdefault(key, now.isoformat())

    def put(self, alert: Alert, to: Sequence[str], now: datetime) -> None:
        """Have an alert wait for targets; for none, where nobody wants it."""
        if to:
            self.waiting.append(Waiting(alert, list(to), now.isoformat()))

    def keep_to(self, targets: Collection[str]) -> int:
        """Let nothing wait for a target that is no more, nor more wait than may; returns how many were given up."""
        for entry in self.waiting:
            entry.to = [name for name in entry.to if name in targets]
        self.waiting = [entry for entry in self.waiting if entry.to]
        self.greeted = [name for name in self.greeted if name in targets]
        self.faults = {name: fault for name, fault in self.faults.items() if name in targets}
        surplus = max(0, len(self.waiting) - MOST_WAITING)
        self.waiting = self.waiting[surplus:]
        return surplus

    def mark(self, entries: Sequence[Waiting], target: str, now: datetime) -> None:
        """These were sent to a target."""
        for entry in entries:
            entry.to.remove(target)
            self.sent.append(
                {**entry.alert.values, "found_at": entry.found_at, "sent_at": now.isoformat(), "to": target}
            )
        self.waiting = [entry for entry in self.waiting if entry.to]
        self.faults.pop(target, None)

    def save(self) -> None:
        """Write it, whole or not at all, also through a power cut. Raises OSError."""
        make_folder(self.folder)
        notes.write(
            self.file,
            {
                "last_release": self.last_release,
                "greeted": self.greeted,
                "going_on": self.going_on,
                "known": dict(list(self.known.items())[-MOST_KEYS:]),
                "waiting": [{"alert": e.alert.values, "to": e.to, "found_at": e.found_at} for e in self.waiting],
                "sent": self.sent[-MOST_SENT:],
                "faults": self.faults,
            },
        )


def read(root: Path) -> Outbox:
    """The outbox of the warehouse at `root`, an empty one where there is none. Raises Damaged."""
    folder = root / FOLDER
    values = notes.read(folder / FILE)
    if not values:
        return Outbox(folder)
    with notes.understood(folder / FILE):
        return _of(folder, values)


def _of(folder: Path, values: Mapping[str, Any]) -> Outbox:
    try:
        waiting = [Waiting(of_values(e["alert"]), list(e["to"]), e["found_at"]) for e in values["waiting"]]
        named = {name: values[name] for name in ("last_release", "greeted", "going_on", "known", "sent", "faults")}
    except KeyError as error:
        raise ValueError(f"it lacks {error}") from None
    return Outbox(folder, waiting=waiting, **named)


def opened(root: Path, now: datetime, say: Callable[[str], None]) -> Outbox:
    """The outbox, to be written; a damaged one is set aside, and a new one begun. Raises OSError."""
    try:
        return read(root)
    except Damaged as fault:
        aside = fault.place.with_name(f"{FILE}.damaged-{now:%Y%m%dT%H%M%SZ}")
        fault.place.rename(aside)
        fsync_folder(aside.parent)
        say(f"alerts: {fault}; it was set aside as {aside.name}, and alerts begin anew")
        return Outbox(root / FOLDER)
