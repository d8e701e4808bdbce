"""Nights that nobody attends: `python benchmarks/unattended.py`, some five minutes.

A Prefect server, a work pool, a worker and the deployment of prefect.yaml, set to every minute, run the nightly job.
After the first publish somebody's table of bases puts a base where zeros lie: the gates refuse what is built with it,
and nights fail. Then it is taken back, and new records come: the next night publishes. A mail server and a webhook on
this machine take the alerts. Printed are the runs with their states, and what each of both was told; every alert must
have come once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))


from server.core import Host, Reply, serving
from server.mail import Mailbox, receiving
from wholeruns import Server, Watch, new_watch, null_island, serve_prefect, stays, stop, wait_for

ROOT = Path(__file__).resolve().parents[1]
POOL, NIGHTLY = "basewatch", "nightly/nightly"


def environment(folder: Path, watch: Watch, mail: Mailbox, hook: Host) -> dict[str, str]:
    """What server, worker and runs are started with."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("BASEWATCH_", "PREFECT_"))}
    return {
        **kept,
        "HOME": str(folder),
        "BASEWATCH_CONFIG": str(watch.config),
        "BASEWATCH_GATES__DATA_DOCS": "false",
        "BASEWATCH_ALERTS__TARGETS": f"{mail.address} json://{hook.url[7:]}/",
    }


def attend(watch: Watch, server: Server) -> None:
    """See two nights through, with a failure between them."""
    prefect = [sys.executable, "-m", "prefect", "--no-prompt"]
    for arguments in (
        ["work-pool", "create", POOL, "--type", "process"],
        ["deploy", "--all"],
        [
            "deployment",
            "schedule",
            "create",
            NIGHTLY,
            "--cron",
            "* * * * *",
            "--timezone",
            "UTC",
            "--replace",
            "--accept-yes",
        ],
    ):
        subprocess.run([*prefect, *arguments], cwd=ROOT, env=server.environment, check=True, capture_output=True)
    with (watch.folder / "worker.log").open("w") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL],
            cwd=watch.folder, env=server.environment, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        first = wait_for(watch.current, 240, "the first night's release")
        print(f"first night published {first}", flush=True)
        null_island(watch)
        print("a table of bases that cannot be true", flush=True)
        wait_for(lambda: server.runs(NIGHTLY, "FAILED"), 240, "a night that fails")
        assert watch.current() == first, "a failed night leaves the release as it was"
        watch.write_flights(stays(date(2025, 2, 2), date(2025, 6, 29), every=40, first=900), "more.csv")
        watch.configure()
        print("it is taken back, and records come", flush=True)
        second = wait_for(lambda: watch.current() != first and watch.current(), 300, "the second night's release")
        print(f"second night published {second}", flush=True)
        done = lambda: len(server.runs(NIGHTLY, "COMPLETED")) >= 2  # noqa: E731
        wait_for(done, 60, "its state")
    finally:
        stop(worker)


def main() -> int:
    """Run it, print what came of it; 0 where each alert came once to both."""
    folder = Path(tempfile.mkdtemp(prefix="unattended-"))
    hook = Host("hook", lambda _: Reply(200, b"{}"), lambda: 0.0)
    with receiving() as mail, serving(hook):
        watch = new_watch(folder / "watch", {})
        home = folder / "prefect"
        home.mkdir()
        with serve_prefect(home, environment(folder, watch, mail, hook)) as server:
            attend(watch, server)
            states = Counter(
                run["state_type"] for run in server.runs(NIGHTLY, "COMPLETED", "FAILED", "CANCELLED", "CRASHED")
            )
    titles = [json.loads(entry.request.body)["title"] for entry in hook.log]
    print(
        f"{datetime.now(UTC):%Y-%m-%d}: runs {dict(states)}; releases {len(list((watch.root / 'releases').glob('2*')))}"
    )
    for title, times in Counter(titles).items():
        print(f"  webhook {times} ×, mail {mail.subjects.count(title)} ×: {title}")
    told_once = Counter(titles) == Counter(mail.subjects) and all(times == 1 for times in Counter(titles).values())
    print("each alert came once to both" if told_once else f"NOT once each; mail: {mail.subjects}")
    return 0 if told_once else 1


if __name__ == "__main__":
    sys.exit(main())
