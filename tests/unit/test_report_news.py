"""What a release says in sentences: silences that go on, verdicts, and what to type next, from its summary alone."""

from __future__ import annotations

from typing import Any

from basewatch.report import news
from basewatch.report.first_screen import FirstScreen, markdown


def gap(base: str, kind: str = "pause", fleet: str = "ru_mil", **more: Any) -> dict[str, Any]:
    """A silence that goes on."""
    return {
        "gap_id": f"{base}-{fleet}-20260101", "base_id": base, "fleet_id": fleet, "kind": kind,
        "first_day": "2026-01-01", "gap_days": 60, "p_quiet_scan": 0.0002, "days_unseen": 3,
    } | more  # fmt: skip


def claim(number: int, verdict: str, kind: str = "pause", **more: Any) -> dict[str, Any]:
    """A claim of the press, with its verdict."""
    return {
        "claim_id": f"claim-{number}", "base_id": "hmeimim", "claim": kind, "claimed_from": "2026-01-01",
        "claimed_to": "2026-02-01", "verdict": verdict, "verdict_before": None, "explanation": f"Reason {number}.",
    } | more  # fmt: skip


def summary(**told: Any) -> dict[str, Any]:
    """A summary that says this."""
    names = {"bases": {"hmeimim": "Hmeimim Air Base / Latakia Airport"}, "fleets": {"ru_mil": "Russian transport"}}
    return {"compared_with": None, "ongoing": [], "claims": [], "names": names} | told


def test_a_silence_that_goes_on_is_told_with_its_odds_and_what_could_not_be_seen() -> None:
    assert news.ongoing(summary(ongoing=[gap("hmeimim")]), "ru_mil") == [
        "No visit of Russian transport at Hmeimim Air Base since 2026-01-01, 60 days: a pause: longer than chance "
        "explains; probability by chance 0.0002; 3 of its days could not be seen."
    ]
    (told,) = news.ongoing(
        summary(ongoing=[gap("radom", "not_judged", "all", p_quiet_scan=None, days_unseen=0)]), "all"
    )
    assert told == (
        "No visit of any aircraft at radom since 2026-01-01, 60 days: not judged: too few earlier visits; all of its "
        "days could be seen."
    )


def test_silences_are_those_of_the_fleet_and_bases_asked_for_and_many_are_counted() -> None:
    many = [gap(f"base_{number}") for number in range(8)]
    told = news.ongoing(summary(ongoing=[*many, gap("hmeimim", fleet="all")]), "ru_mil")
    assert len(told) == 6 and told[-1] == "And 3 more silences that go on: `basewatch gaps --fleet ru_mil`."
    assert len(news.ongoing(summary(ongoing=many), "ru_mil", ["base_3"])) == 1
    assert news.ongoing(None, "ru_mil") == [], "a release of an earlier version has no summary"


def test_verdicts_that_say_something_come_first_and_a_statement_is_told_once() -> None:
    claims = [
        claim(1, "no_data"), claim(2, "contradicted", "flight", type_code="A124", claimed_count=2), claim(1, "no_data"),
        claim(3, "partly", "resumption", claimed_to="2026-01-01"),
    ]  # fmt: skip
    assert news.verdicts(summary(claims=claims)) == [
        "The press on Hmeimim Air Base: flights again, on 2026-01-01: partly. Reason 3.",
        "The press on Hmeimim Air Base: 2 × A124, 2026-01-01 to 2026-02-01: contradicted. Reason 2.",
        "The press on Hmeimim Air Base: no flights, 2026-01-01 to 2026-02-01: no data. Reason 1.",
    ]
    assert news.verdicts(summary(claims=claims), ["radom"]) == []


def test_what_is_made_up_is_marked() -> None:
    told = summary(ongoing=[gap("hmeimim")], claims=[claim(1, "contradicted")], made_up=["hmeimim"])
    assert news.ongoing(told, "ru_mil")[0].startswith("SIMULATED: No visit")
    assert news.verdicts(told)[0].startswith("SIMULATED: The press")


def test_a_verdict_that_changed_is_told_with_the_one_before_and_by_name() -> None:
    changed = claim(1, "contradicted", verdict_before="no_data")
    empty = {name: [] for name in ("pauses_called", "pauses_ended", "pauses_withdrawn", "visits", "late_sources")}
    told = summary(compared_with="R", claims=[changed], accepted_because=[], gates={"failed": []}, **empty)
    assert news.sentences(told) == [
        "Now contradicted, before no data: The press on Hmeimim Air Base: no flights, 2026-01-01 to 2026-02-01. "
        "Reason 1."
    ]


def test_the_next_commands_lead_to_what_was_told_first() -> None:
    told = summary(ongoing=[gap("hmeimim")], claims=[claim(1, "no_data")])
    assert news.next_commands(told, "ru_mil") == [
        "basewatch explain hmeimim-ru_mil-20260101",
        "basewatch months --fleet ru_mil --base hmeimim",
        "basewatch open",
    ]
    assert news.next_commands(summary(claims=[claim(1, "no_data")]), "all")[0] == "basewatch explain claim-1"
    assert news.next_commands(None, "all") == ["basewatch sources", "basewatch months --fleet all", "basewatch open"]


def test_what_matters_is_told_in_order_and_as_markdown_that_nothing_breaks_out_of() -> None:
    told = summary(ongoing=[gap("hmeimim")], claims=[claim(1, "no_data", explanation="<b>\nReason | 1.")])
    matters = news.what_matters(told, "ru_mil")
    assert list(matters) == ["Silences that go on", "What the press claimed"], "nothing is new with the first release"
    text = markdown(FirstScreen([], ["Note."]), matters)
    assert text.startswith("**Silences that go on**\n\n- No visit of Russian transport at Hmeimim Air Base since")
    assert text.endswith("no data. &lt;b> Reason \\| 1.\n\nNote.")
    assert news.what_matters(None, "ru_mil") == {}
