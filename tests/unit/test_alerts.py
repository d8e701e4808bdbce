"""Alerts: what is told, to whom and when, once and not lost, with no secret shown. Targets are real local servers."""

from __future__ import annotations

import json
import os
import resource
import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import feedparser
import pytest
from pydantic import ValidationError

from basewatch import config, outside, run
from basewatch.alerts import delivery, events, feed, outbox, rules
from basewatch.alerts.events import End, Late
from basewatch.config import Alerts, Settings
from basewatch.errors import ConfigError
from server.core import Host, Reply, serving
from server.mail import receiving
from wholeruns import Watch

NOW = datetime(2026, 3, 1, 5, 15, tzinfo=UTC)
TOKEN = "T0p-s3cret-t0ken-of-the-hook"
PAUSE = {
    **{"gap_id": "hmeimim-ru_mil-20260101", "base_id": "hmeimim", "fleet_id": "ru_mil", "kind": "pause"},
    **{"first_day": "2026-01-01", "last_day": "2026-02-28", "gap_days": 59, "resumed_on": None, "resumption": "none"},
    **{"last_visit_on": "2025-12-31", "first_sign_on": None, "p_quiet_scan": 0.0031, "days_unseen": 7},
    **{"days_unmeasured": 3, "is_ongoing": True, "cause": "as_of", "visit_ids": ["v-1"]},
}
CLAIM = {
    **{"claim_id": "m1-1", "base_id": "hmeimim", "claim": "pause", "claimed_from": "2026-01-01", "fleet_id": "ru_mil"},
    **{"claimed_to": "2026-01-31", "verdict": "contradicted", "verdict_before": None, "gap_id": None},
    **{"days_observable": 30, "claimed_days": 31, "visit_ids": ["v-9"], "mention_id": "m1"},
    **{
        "explanation": "2 visits <b>stand</b> against it\u202e",
        "title": "Base is\nempty",
        "url": "https://news.example/1",
    },
}
MONTH = {
    **{"base_id": "hmeimim", "fleet_id": "all", "month": "2026-02-01", "visits": 40, "visits_trailing_12m_mean": 9.0},
    **{"p_surge": 0.0004, "is_partial": False, "days_unseen": 0, "days_in_month": 28},
}
FELL = {"base_id": "hmeimim", "hidden": 100, "found": 50, "hidden_before": 100, "found_before": 80}


class World:
    """A warehouse of releases that hold a summary alone, a webhook, and what was said on stderr."""

    def __init__(self, root: Path, hook: Host, other: Host) -> None:
        self.root, self.hook, self.other = root, hook, other
        self.said: list[str] = []
        self.number = 0
        self.settings = self.configured()

    def configured(self, **more: Any) -> Alerts:
        """The settings of alerts, with both hooks as targets unless told otherwise."""
        hooks = {"hook": f"json://{self.hook.url[7:]}/{TOKEN}", "other": f"json://{self.other.url[7:]}/in"}
        self.settings = Alerts(**{"targets": hooks, "digest": False, **more})
        return self.settings

    def publish(self, **news: Any) -> str:
        """One release more, and the current one."""
        self.number += 1
        name = f"202603{self.number:02}T051500Z-abcdef01"
        summary = {
            **{"release_id": name, "compared_with": "before" if self.number > 1 else None, "as_of": "2026-02-28"},
            **{"published_at": (NOW + timedelta(days=self.number)).isoformat(), "late_sources": []},
            **{kind: [] for kind in ("pauses_called", "pauses_ended", "pauses_withdrawn", "ongoing", "claims")},
            **{kind: [] for kind in ("first_signs", "surges", "accuracy", "made_up")},
            **news,
        }
        folder = self.root / "releases" / name
        folder.mkdir(parents=True)
        (folder / "summary.json").write_text(json.dumps(summary))
        self.point(name)
        return name

    def point(self, name: str) -> None:
        """Have `current` lead to a release."""
        link = self.root / "current"
        link.unlink(missing_ok=True)
        link.symlink_to(Path("releases") / name)

    def night(self, status: int = 0, now: datetime = NOW, emit: Any = None, **more: Any) -> None:
        """The end of a run."""
        end = End(f"run-{self.number}", status, **more)
        delivery.after(self.root, self.settings, end, now, self.said.append, emit)

    def told(self, host: Host | None = None) -> list[str]:
        """The titles that a hook took, without the program's name."""
        entries = [entry for entry in (host or self.hook).log if entry.status == 200]
        return [json.loads(entry.request.body)["title"].removeprefix("basewatch: ") for entry in entries]

    def bodies(self) -> str:
        """All that the hook took."""
        return "\n".join(json.loads(entry.request.body)["message"] for entry in self.hook.log)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    hook, other = (Host(name, lambda _: Reply(200, b"{}"), lambda: 0.0) for name in ("hook", "other"))
    with serving(hook, other):
        yield World(tmp_path / "warehouse", hook, other)
    outside._SECRETS.clear()


# ---- what is told


def begun(world: World, **settings: Any) -> World:
    """A world whose targets have been told what stands."""
    world.configured(**settings)
    world.publish()
    world.night()
    world.hook.log.clear()
    world.other.log.clear()
    return world


def test_the_first_night_sends_one_summary_and_no_single_alert(world: World) -> None:
    claims = [{**CLAIM, "claim_id": f"m{number}"} for number in range(30)]
    world.publish(ongoing=[PAUSE], claims=claims, surges=[MONTH], made_up=["field"])
    world.night()
    assert world.told() == world.told(world.other) == ["what stands: 1 pauses, 30 claims"]
    assert "pause of hmeimim (ru_mil) since 2026-01-01, 59 days" in world.bodies()
    assert "30 claims contradicted" in world.bodies() and "SIMULATED, not real: flights at field" in world.bodies()
    world.publish(pauses_called=[PAUSE], claims=claims)
    world.night()
    assert len(world.told()) == 1, "what stood then is not news later"


def test_an_alert_has_evidence_probability_caveat_release_and_a_command(world: World) -> None:
    begun(world)
    name = world.publish(pauses_called=[PAUSE])
    world.night()
    assert world.told() == ["pause called: hmeimim (ru_mil) since 2026-01-01"]
    for part in (
        "probability: 0.0031 that chance alone",
        "evidence: spell hmeimim-ru_mil-20260101; last visits v-1",
        "caveat: Silence in the data is not silence on the ground, and unknown is never zero: 7 of 59 days were not",
        "were not seen, and on 3 no other traffic was heard to judge by.",
        f"release: {name}",
        "more: basewatch gaps --base hmeimim --fleet ru_mil",
        "key: pause_called:hmeimim-ru_mil-20260101",
    ):
        assert part in world.bodies()
    assert "SIMULATED" not in world.bodies()


def test_every_kind_of_news_of_a_release_is_told_once(world: World) -> None:
    begun(world)
    ended = {**PAUSE, "gap_id": "a", "kind_before": "pause", "resumption": "isolated_visit"}
    lull = {**PAUSE, "gap_id": "b", "kind": "lull", "kind_before": "lull"}
    withdrawn = {**PAUSE, "gap_id": "c", "kind_now": "lull"}
    news = {
        **{"pauses_called": [PAUSE], "pauses_ended": [ended, lull], "pauses_withdrawn": [withdrawn]},
        **{"first_signs": [{**PAUSE, "gap_id": "d", "first_sign_on": "2026-02-20"}], "surges": [MONTH]},
        **{"accuracy": [FELL, {**FELL, "base_id": "fine", "found": 75}, {**FELL, "base_id": "few", "hidden": 10}]},
        "claims": [
            CLAIM,
            {**CLAIM, "claim_id": "m2", "verdict": "corroborated", "verdict_before": "no_data"},
            {**CLAIM, "claim_id": "m3", "verdict": "contradicted", "verdict_before": "contradicted"},
            {**CLAIM, "claim_id": "m4", "verdict": "no_data"},
        ],
    }
    world.publish(**news)
    world.night()
    told = [title.split(":")[0] for title in world.told()]
    assert told == [
        *("pause called", "pause ended", "pause withdrawn", "first sign of an end", "claim contradicted"),
        *("claim corroborated", "surge", "accuracy fallen"),
    ]
    world.publish(**news)
    world.night()
    assert len(world.told()) == len(told)


def test_text_from_outside_is_cleaned(world: World) -> None:
    begun(world)
    world.publish(claims=[CLAIM, {**CLAIM, "claim_id": "m2", "url": "javascript:alert(1)"}])
    world.night()
    assert "“Base is empty”" in world.bodies() and "⟨U+202E⟩" in world.bodies() and "\u202e" not in world.bodies()
    assert world.bodies().count("article: https://news.example/1") == 1 and "javascript" not in world.bodies()


def test_what_is_simulated_is_labelled(world: World) -> None:
    begun(world)
    world.publish(pauses_called=[PAUSE], made_up=["hmeimim"])
    world.night(late=[Late("simulated", "2026-02-01", "simulated: last good day 2026-02-01")])
    assert [title.startswith("SIMULATED: ") for title in world.told()] == [True, True]
    assert world.bodies().count("SIMULATED, not real: ") == 2


def test_news_that_lies_further_back_than_asked_for_is_left_out(world: World) -> None:
    begun(world, days_back=30)
    old = {**PAUSE, "gap_id": "old", "last_day": "2026-01-10"}
    world.publish(pauses_called=[PAUSE, old])
    world.night()
    assert len(world.told()) == 1


# ---- runs that fail


def test_a_failure_is_told_once_until_a_night_ends_well(world: World) -> None:
    begun(world)
    for status in (1, 1, 0, 1):
        world.number += 1
        world.night(status, error="no space left")
    assert world.told() == ["night failed: exit 1"] * 2
    assert "no space left" in world.bodies() and "run run-2" in world.bodies()


def test_a_refusal_by_other_checks_is_told_again(world: World) -> None:
    begun(world)
    for refused in (["base_gaps: a"], ["base_gaps: a"], ["base_gaps: a", "fleets: b"]):
        world.number += 1
        world.night(3, error="nothing was published", refused=refused)
    assert world.told() == ["gate refused the publish: 1 checks", "gate refused the publish: 2 checks"]
    assert "check fleets: b" in world.bodies()


def test_a_late_source_is_told_once_for_each_last_good_day_and_is_no_failed_night(world: World) -> None:
    begun(world)
    for day, last in ((1, "2026-02-20"), (2, "2026-02-20"), (3, "2026-03-02")):
        sentence = f"opensky: last good day {last}, more than 3 days before 2026-03-{day:02}"
        world.night(4, error=sentence, late=[Late("opensky", last, sentence)])
    assert world.told() == [
        "source late: opensky, last good day 2026-02-20",
        "source late: opensky, last good day 2026-03-02",
    ]


def test_a_first_night_that_fails_is_told_and_the_summary_comes_with_the_first_release(world: World) -> None:
    world.night(4, error="no enabled source succeeded")
    world.publish(ongoing=[PAUSE])
    world.night()
    assert world.told() == ["night failed: exit 4", "what stands: 1 pauses, 0 claims"]


# ---- once, and not lost


def test_a_rollback_and_the_same_news_again_send_nothing(world: World) -> None:
    begun(world)
    world.publish(pauses_called=[PAUSE])
    world.night()
    world.point("20260301T051500Z-abcdef01")
    world.night()
    world.publish(pauses_called=[PAUSE])
    world.night()
    assert len(world.told()) == 1


def test_a_pause_that_is_called_withdrawn_and_called_again_is_told_each_time(world: World) -> None:
    begun(world)
    withdrawn = {**PAUSE, "kind_now": "lull"}
    for _ in range(2):
        world.publish(pauses_called=[PAUSE])
        world.night()
        world.publish(pauses_withdrawn=[withdrawn])
        world.night()
    assert [title.split(":")[0] for title in world.told()] == ["pause called", "pause withdrawn"] * 2


def test_a_run_that_died_between_publishing_and_telling_is_caught_up(world: World) -> None:
    begun(world)
    world.publish(pauses_called=[PAUSE])
    world.publish(surges=[MONTH])
    world.night()
    assert len(world.told()) == 2


def test_a_crash_between_sending_and_marking_sends_again_and_loses_nothing(world: World) -> None:
    begun(world)
    world.publish(pauses_called=[PAUSE])
    kept = world.root / "alerts" / "outbox.json"
    before_sending: list[bytes] = []

    def answer(_: Any) -> Reply:  # what stands on the disk while the message is under way
        before_sending.append(kept.read_bytes())
        return Reply(200, b"{}")

    world.hook.handle = answer
    world.night()
    kept.write_bytes(before_sending[0])  # as if the process had died before it marked anything
    world.night()
    world.night()
    assert world.told() == ["pause called: hmeimim (ru_mil) since 2026-01-01"] * 2


def test_a_process_killed_while_it_sends_leaves_the_alert_waiting(world: World) -> None:
    begun(world)
    world.publish(pauses_called=[PAUSE])
    started = threading.Event()

    def kill(_: Any) -> Reply:
        started.wait()
        os.kill(child, signal.SIGKILL)
        return Reply(200, b"{}")

    world.other.handle = kill
    child = os.fork()
    if child == 0:
        try:
            world.night()
        finally:
            os._exit(1)
    started.set()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    (waiting,) = outbox.read(world.root).waiting
    assert waiting.to == ["other"]
    world.other.handle = lambda _: Reply(200, b"{}")
    world.night()
    assert (len(world.told()), len(world.told(world.other))) == (1, 2), "at least once"


def test_a_target_that_is_down_is_tried_again_and_the_others_are_not_repeated(world: World) -> None:
    begun(world)
    world.hook.broken(503, times=9)
    world.publish(pauses_called=[PAUSE])
    world.night()
    assert (world.told(), len(world.told(world.other))) == ([], 1)
    assert any("hook (json) was not reached, the next run tries again" in line for line in world.said)
    assert TOKEN not in "".join(world.said)
    world.hook.faults.clear()
    world.night()
    assert (len(world.told()), len(world.told(world.other))) == (1, 1)


def test_a_damaged_outbox_is_set_aside_and_begins_with_one_summary(world: World) -> None:
    begun(world)
    file = world.root / "alerts" / "outbox.json"
    file.write_text(file.read_text().replace("known", "knawn"))
    world.publish(pauses_called=[PAUSE])
    world.night()
    assert world.told() == ["what stands: 0 pauses, 0 claims"]
    assert any("set aside" in line for line in world.said)
    assert len(list((world.root / "alerts").glob("outbox.json.damaged-*"))) == 1


def test_an_outbox_that_cannot_be_written_harms_nothing_and_is_told(world: World) -> None:
    world.publish()
    (world.root / "alerts").write_text("a file where the folder should be")
    world.night()
    assert world.told() == [] and any(line.startswith("alerts: failed") for line in world.said)


def test_a_full_disk_is_told_all_the_same(world: World) -> None:
    begun(world)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))  # as on a full disk, no file grows
    try:
        world.night(1, error="the disk is full")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert world.told() == ["night failed: exit 1"]
    assert any("cannot be written, so that what is sent may be sent again" in line for line in world.said)
    world.night(1, error="the disk is full")
    assert len(world.told()) == 2, "nothing is known of the first message"


def test_what_waits_for_a_target_that_is_no_more_is_dropped(world: World) -> None:
    begun(world)
    world.hook.broken(times=9)
    world.publish(pauses_called=[PAUSE])
    world.night()
    world.configured(targets={"other": world.settings.targets["other"]})
    world.night()
    assert outbox.read(world.root).waiting == []


def test_a_target_that_is_added_later_is_told_what_stands(world: World) -> None:
    begun(world)
    both = world.settings.targets
    world.configured(targets={"hook": both["hook"]})
    world.publish(ongoing=[PAUSE], pauses_called=[PAUSE])
    world.night()
    world.configured(targets=both)
    world.publish(ongoing=[PAUSE], surges=[MONTH])
    world.night()
    assert world.told(world.other) == ["what stands: 1 pauses, 0 claims"]
    assert [title.split(":")[0] for title in world.told()] == ["pause called", "surge"]


# ---- to whom and when


def test_rules_choose_by_kind_base_and_fleet(world: World) -> None:
    begun(
        world,
        rules=[
            {"to": ["hook"], "kinds": ["pause_called"], "bases": ["hmeimim"], "fleets": ["ru_mil"]},
            {"to": ["other"], "kinds": ["night_failed", "surge"]},
        ],
    )
    elsewhere = [{**PAUSE, "gap_id": "x", "base_id": "shayrat"}, {**PAUSE, "gap_id": "y", "fleet_id": "all"}]
    world.publish(pauses_called=[PAUSE, *elsewhere], surges=[MONTH])
    world.night(1, error="broke")
    assert world.told() == ["pause called: hmeimim (ru_mil) since 2026-01-01"]
    assert [title.split(":")[0] for title in world.told(world.other)] == ["surge", "night failed"]


def test_a_failure_is_of_no_base_and_passes_a_rule_of_bases(world: World) -> None:
    begun(world, rules=[{"bases": ["shayrat"]}])
    world.publish(pauses_called=[PAUSE])
    world.night(1)
    assert world.told() == ["night failed: exit 1"]


@pytest.mark.parametrize(
    ("hours", "zone", "at", "quiet"),
    [
        ("22:00-07:00", "UTC", "05:15", True),
        ("22:00-07:00", "UTC", "07:00", False),
        ("22:00-07:00", "UTC", "22:00", True),
        ("22:00-07:00", "Europe/Berlin", "06:15", False),
        ("22:00-07:00", "Europe/Berlin", "05:59", True),
        ("00:00-06:00", "UTC", "06:00", False),
        (None, "UTC", "03:00", False),
    ],
)
def test_quiet_hours_are_of_their_time_zone(hours: str | None, zone: str, at: str, quiet: bool) -> None:
    moment = datetime.fromisoformat(f"2026-03-01T{at}:00+00:00")
    assert rules.is_quiet(Alerts(quiet_hours=hours, time_zone=zone), moment) is quiet


def test_quiet_hours_hold_alerts_back_until_the_next_run_after_them(world: World) -> None:
    begun(world, quiet_hours="05:30-07:00")
    world.publish(pauses_called=[PAUSE])
    world.night(now=NOW.replace(hour=6))
    assert world.told() == [] and any("quiet hours" in line for line in world.said)
    world.night(now=NOW.replace(hour=7))
    assert len(world.told()) == 1


def test_a_digest_is_one_message_a_run(world: World) -> None:
    begun(world, digest=True)
    world.publish(pauses_called=[PAUSE], surges=[MONTH])
    world.night()
    assert world.told() == ["2 alerts"]
    assert "key: pause_called:" in world.bodies() and "key: surge:" in world.bodies()


def test_each_new_alert_is_given_to_who_listens_also_without_targets(world: World) -> None:
    world.configured(targets={})
    heard: list[str] = []
    world.publish()
    world.night()
    world.publish(pauses_called=[PAUSE])
    for _ in range(2):
        world.night(emit=lambda alert: heard.append(alert.kind))
    assert heard == ["pause_called"]


def test_whoever_listens_and_breaks_harms_no_sending(world: World) -> None:
    begun(world)

    def broken(_: Any) -> None:
        raise RuntimeError("no server")

    world.publish(pauses_called=[PAUSE])
    world.night(emit=broken)
    assert len(world.told()) == 1 and any("no server" in line for line in world.said)


def test_thirty_and_more_in_a_digest_are_counted(world: World) -> None:
    begun(world, digest=True)
    world.publish(pauses_called=[{**PAUSE, "gap_id": f"g{number}"} for number in range(40)])
    world.night()
    assert world.told() == ["40 alerts"] and "And 10 more: basewatch alerts list" in world.bodies()


# ---- mail


def test_mail_arrives_at_a_real_server_once_and_shows_markup_as_text(world: World) -> None:
    with receiving() as mailbox:
        begun(world, targets={"mail": mailbox.address})
        mailbox.messages.clear()
        world.publish(claims=[CLAIM])
        world.night()
        world.night()
    (message,) = mailbox.messages
    assert message["Subject"] == "basewatch: claim contradicted: pause at hmeimim, 2026-01-01 to 2026-01-31"
    assert "<b>stand" not in message.get_body(("html",)).get_content()
    assert world.said == []


# ---- heartbeat


def test_the_heartbeat_is_asked_after_good_runs_and_another_address_after_bad_ones(world: World) -> None:
    hook = world.hook.url
    world.configured(heartbeat=f"{hook}/{TOKEN}", heartbeat_failed=f"{hook}/{TOKEN}/fail?status={{status}}")
    delivery.heartbeat(world.settings, 0, world.said.append)
    delivery.heartbeat(world.settings, 4, world.said.append)
    asked = [(request.method, request.path, request.one("status")) for request in world.hook.asked()]
    assert asked == [("GET", f"/{TOKEN}", None), ("GET", f"/{TOKEN}/fail", "4")]
    assert world.said == [] and world.hook.violations == []


@pytest.mark.parametrize("status", [500, 404])
def test_a_heartbeat_that_is_not_taken_is_told_without_its_address(world: World, status: int) -> None:
    world.hook.broken(status)
    world.configured(heartbeat=f"{world.hook.url}/{TOKEN}")
    delivery.heartbeat(world.settings, 0, world.said.append)
    assert world.said == [f"heartbeat: it answered {status}"]


def test_a_heartbeat_that_leads_nowhere_harms_nothing(world: World) -> None:
    world.configured(heartbeat=f"http://127.0.0.1:9/{TOKEN}")
    delivery.heartbeat(world.settings, 0, world.said.append)
    assert len(world.said) == 1 and TOKEN not in world.said[0] and "127.0.0.1" not in world.said[0]


# ---- settings and secrets


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"targets": {"mail": f"no-address-{TOKEN}"}}, "target mail is no address of apprise"),
        ({"targets": {f"a b {TOKEN}": "json://h"}}, "the name of a target is"),
        ({"rules": [{"to": ["mail"]}]}, "a rule sends to 'mail'; known targets: none"),
        ({"rules": [{"kinds": ["pause"]}]}, "rules.0.kinds.0"),
        ({"quiet_hours": "22-7"}, "is not two times of day"),
        ({"time_zone": "Mars/Olympus"}, "is no time zone"),
        ({"time_zone": "../../etc/passwd"}, "is no time zone"),
        ({"heartbeat": f"ftp://h/{TOKEN}"}, "must be an address"),
    ],
)
def test_wrong_settings_are_refused_without_showing_a_secret(values: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(alerts=values)  # type: ignore[arg-type]
    shown = config._explain(caught.value, "basewatch.toml")
    assert told in shown and TOKEN not in shown


@pytest.mark.parametrize("text", [f"json://h/{TOKEN}  slack://x", f'["json://h/{TOKEN}", "slack://x"]'])
def test_targets_come_from_one_variable_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, world: World
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BASEWATCH_ALERTS__TARGETS", text)
    alerts = config.load().alerts
    assert [(name, alerts.scheme(name)) for name in alerts.targets] == [("1", "json"), ("2", "slack")]
    assert TOKEN not in repr(alerts) and outside.line(f"at {TOKEN}!") == "at ***!"
    monkeypatch.setenv("BASEWATCH_ALERTS__TARGETS", f'{{"broken {TOKEN}')
    with pytest.raises(ConfigError) as caught:
        config.load()
    assert TOKEN not in str(caught.value)


def test_the_commands_show_names_and_schemes_alone(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(tmp_path)
    watch.configure()
    begun(world)
    world.hook.broken(500, times=9)
    world.publish(pauses_called=[PAUSE])
    world.night()
    for name, address in world.settings.targets.items():
        monkeypatch.setenv(f"BASEWATCH_ALERTS__TARGETS__{name.upper()}", address.get_secret_value())
    listed = watch.inside("alerts", "list", "--format", "json", "--config", "basewatch.toml")
    rows = json.loads(listed.stdout)
    assert [(row["state"], row["to"]) for row in rows] == [
        *[("waits", "hook (json)"), ("sent", "other (json)")],
        *[("sent", "other (json)"), ("sent", "hook (json)")],
    ]
    assert rows[0]["fault"] and rows[0]["title"] == "pause called: hmeimim (ru_mil) since 2026-01-01"
    tried = watch.inside("alerts", "test", "--config", "basewatch.toml")
    assert tried.returncode == 1 and "FAIL      hook (json): " in tried.stdout
    assert "sent      other (json)" in tried.stdout and world.told(world.other)[-1] == "a test of alerts"
    wrong = watch.inside("alerts", "test", "--to", "nobody", "--config", "basewatch.toml")
    assert wrong.returncode == 2 and "known: hook, other" in wrong.stderr
    world.hook.faults.clear()
    sent = watch.inside("alerts", "send", "--config", "basewatch.toml")
    assert sent.returncode == 0 and "1 messages, 0 alerts wait" in sent.stdout
    for done in (listed, tried, wrong, sent):
        assert TOKEN not in done.stdout + done.stderr
    assert TOKEN not in (world.root / "alerts" / "outbox.json").read_text()


@pytest.mark.parametrize(
    ("rule", "told"),
    [({"bases": ["hmeimin"]}, "no base hmeimin; did you mean hmeimim"), ({"fleets": ["x9"]}, "fleet x9")],
)
def test_a_rule_for_a_base_or_fleet_that_is_not_there_is_refused(
    tmp_path: Path, rule: dict[str, Any], told: str
) -> None:
    settings = Settings(folder=tmp_path, alerts={"rules": [rule]})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=told):
        run.start(settings, NOW.date())
    known = Settings(folder=tmp_path, alerts={"rules": [{"bases": ["hmeimim"], "fleets": ["all"]}]})  # type: ignore[arg-type]
    run.start(known, NOW.date())


# ---- nights of a real warehouse


def told_by(watch: Watch, host: Host, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a night tells the hook, of a watch whose alerts have begun; the night's release is there."""
    monkeypatch.setenv("BASEWATCH_ALERTS__TARGETS", f"json://{host.url[7:]}/{TOKEN}")
    monkeypatch.setenv("BASEWATCH_ALERTS__HEARTBEAT", f"{host.url}/alive/{TOKEN}")
    before = len(host.log)
    done = watch.inside("nightly", "--plain", "--day", "2025-02-28")
    assert TOKEN not in done.stdout + done.stderr
    asked = [entry.request for entry in host.log[before:]]
    assert [request.path for request in asked if request.method == "GET"] == [f"/alive/{TOKEN}"] * (not done.returncode)
    return [json.loads(request.body)["title"] for request in asked if request.method == "POST"]


def test_a_night_with_a_late_source_and_a_damaged_one_tell_and_ask_no_heartbeat(
    world: World, own_watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert told_by(own_watch, world.hook, monkeypatch) == ["basewatch: what stands: 0 pauses, 0 claims"]
    assert told_by(own_watch, world.hook, monkeypatch) == []
    status = own_watch.inside("status", "--json")
    assert json.loads(status.stdout)["alerts"] == {"targets": ["1 (json)"], "waiting": 0} and TOKEN not in status.stdout
    section = 'location = "articles"\nmax_stale_days = 17'
    own_watch.config.write_text(own_watch.config.read_text().replace('location = "articles"', section))
    late = ["basewatch: source late: articles, last good day 2025-02-10"]
    assert told_by(own_watch, world.hook, monkeypatch) == late
    assert told_by(own_watch, world.hook, monkeypatch) == []
    (database,) = (own_watch.root / "current").resolve().glob("basewatch.duckdb")
    database.chmod(0o644)
    database.write_bytes(b"gone")
    assert told_by(own_watch, world.hook, monkeypatch) == ["basewatch: night failed: exit 1"]


# ---- the feed


def test_the_feed_is_valid_goes_on_and_links_to_the_web_alone(world: World) -> None:
    first = world.publish()
    second = world.publish(
        claims=[
            CLAIM,
            {**CLAIM, "claim_id": "m2", "url": "javascript:alert(1)", "explanation": "bad \ufffe \x00 & <i>"},
        ]
    )
    third = world.publish(claims=[CLAIM], surges=[MONTH])
    releases = world.root / "releases"
    folders = [releases / name for name in (first, second, third)]
    for number, folder in enumerate(folders):
        summary = json.loads((folder / "summary.json").read_text())
        changes = [{"table_name": "base_gaps", "rows": 3}]
        feed.write(folder / "report", summary, changes, ["News <here>."], Alerts(), folders[:number])
    told = json.loads((folders[1] / "report" / "changes.json").read_text())
    assert [entry["kind"] for entry in told["entries"]] == ["release", "claim_contradicted", "claim_contradicted"]
    assert told["changes"] == [{"table_name": "base_gaps", "rows": 3}] and told["release_id"] == second
    parsed = feedparser.parse((folders[2] / "report" / "changes.atom").read_bytes())
    assert not parsed.bozo and parsed.version == "atom10"
    titles = [entry.title for entry in parsed.entries]
    assert len(titles) == len({entry.id for entry in parsed.entries}) == 6
    assert titles[0].startswith(f"Release {third}") and titles[1].startswith("surge") and third in titles[0]
    assert [link.href for entry in parsed.entries for link in entry.get("links", [])] == ["https://news.example/1"]
    assert all(entry.updated and entry.content[0].type == "text/plain" for entry in parsed.entries)


def test_a_summary_of_an_earlier_version_tells_what_it_has(world: World) -> None:
    begun(world)
    world.publish(pauses_called=[{name: PAUSE[name] for name in PAUSE if name not in ("last_visit_on", "visit_ids")}])
    folder = (world.root / "current").resolve()
    summary = json.loads((folder / "summary.json").read_text())
    for name in ("first_signs", "surges", "accuracy", "made_up"):
        del summary[name]
    (folder / "summary.json").write_text(json.dumps(summary))
    world.night()
    assert len(world.told()) == 1


def test_titles_stand_for_every_kind() -> None:
    assert {*config.ALERT_KINDS, events.SUMMARY} == set(events.KINDS)
