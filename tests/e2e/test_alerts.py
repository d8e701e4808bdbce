"""Nights that tell: a mail server and a webhook on this machine get each thing once, over nights and a rollback."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import feedparser
import pytest
from aiosmtpd.controller import Controller

from server.core import Host, Reply, serving
from wholeruns import Watch, new_watch, stays

pytestmark = pytest.mark.e2e

PASSWORD = "t0p-s3cret-in-the-path"


@dataclass
class Told:
    """A watch, and what mail server and webhook took."""

    watch: Watch
    hook: Host
    subjects: list[str] = field(default_factory=list)

    async def handle_DATA(self, _: Any, __: Any, envelope: Any) -> str:  # noqa: N802 - the library's own name
        message = message_from_bytes(envelope.content, policy=policy.default)
        self.subjects.append(str(message["Subject"]))
        return "250 OK"

    def night(self, until: str) -> tuple[int, list[str]]:
        """A night, and the titles that both took, which are the same."""
        self.subjects.clear()
        self.hook.log.clear()
        done = self.watch.inside("nightly", "--plain", "--day", until, "--config", "basewatch.toml")
        assert PASSWORD not in done.stdout + done.stderr
        titles = [json.loads(entry.request.body)["title"] for entry in self.hook.log]
        assert self.subjects == titles
        return done.returncode, titles


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    monkeypatch.setenv("BASEWATCH_GATES__DATA_DOCS", "false")
    hook = Host("hook", lambda _: Reply(200, b"{}"), lambda: 0.0)
    made = Told(new_watch(tmp_path, {}), hook)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    mail = Controller(made, hostname="127.0.0.1", port=port)
    mail.start()
    try:
        with serving(hook):
            monkeypatch.setenv(
                "BASEWATCH_ALERTS__TARGETS",
                f"mailto://127.0.0.1:{port}/?from=watch@example.org&to=me@example.org&mode=insecure "
                f"json://{hook.url[7:]}/{PASSWORD}",
            )
            monkeypatch.setenv("BASEWATCH_ALERTS__RULES", '[{"fleets": ["ru_mil"]}]')
            yield made
    finally:
        mail.stop()


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
