"""Nights that tell: a mail server and a webhook on this machine get each thing once, over nights and a rollback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import feedparser
import pytest

from server.core import Host, Reply, serving
from server.mail import Mailbox, receiving
from wholeruns import Watch, new_watch, stays

pytestmark = pytest.mark.e2e

PASSWORD = "t0p-s3cret-in-the-path"


@dataclass
class Told:
    """A watch, and what mail server and webhook took."""

    watch: Watch
    hook: Host
    mailbox: Mailbox

    def night(self, until: str) -> tuple[int, list[str]]:
        """A night, and the titles that both took, which are the same."""
        self.mailbox.messages.clear()
        self.hook.log.clear()
        done = self.watch.inside("nightly", "--plain", "--day", until, "--config", "basewatch.toml")
        assert PASSWORD not in done.stdout + done.stderr
        titles = [json.loads(entry.request.body)["title"] for entry in self.hook.log]
        assert self.mailbox.subjects == titles
        return done.returncode, titles


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    monkeypatch.setenv("BASEWATCH_GATES__DATA_DOCS", "false")
    hook = Host("hook", lambda _: Reply(200, b"{}"), lambda: 0.0)
    with receiving() as mailbox, serving(hook):
        monkeypatch.setenv("BASEWATCH_ALERTS__TARGETS", f"{mailbox.address} json://{hook.url[7:]}/{PASSWORD}")
        monkeypatch.setenv("BASEWATCH_ALERTS__RULES", '[{"fleets": ["ru_mil"]}]')
        yield Told(new_watch(tmp_path, {}), hook, mailbox)


def test_nights_tell_each_thing_once_by_mail_and_webhook(told: Told) -> None:
    watch = told.watch
    watch.write_flights(stays(date(2025, 1, 3), date(2025, 2, 28)))
    assert told.night("2025-02-28") == (0, ["basewatch: what stands: 0 pauses, 0 claims"])
    first = watch.current()
    pause = ["basewatch: pause called: hmeimim (ru_mil) since 2025-02-27"]
    assert told.night("2025-04-30") == (0, pause)
    assert watch.inside("rollback").returncode == 0 and watch.current() == first
    assert told.night("2025-04-30") == (0, [])
    lines = [json.loads(line) for line in (watch.root / "runs.jsonl").read_text().splitlines()]
    assert [line["exit_status"] for line in lines] == [0, 0, 0]
    assert {"plan", "build", "check", "publish", "report"} <= set(lines[1]["seconds"])
    report = max((watch.root / "releases").iterdir()) / "report"
    parsed = feedparser.parse((report / "changes.atom").read_bytes())
    assert not parsed.bozo and any("pause called" in entry.title for entry in parsed.entries)
    assert any(
        entry["kind"] == "pause_called" for entry in json.loads((report / "changes.json").read_text())["entries"]
    )
    assert watch.inside("verify").returncode == 0
    kept = [file for file in watch.root.rglob("*") if file.is_file() and "lake" not in file.parts]
    assert not [file for file in kept if PASSWORD.encode() in file.read_bytes()]
