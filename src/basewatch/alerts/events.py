"""What is worth a person's time: events of a release, from its summary alone, and events of a run.

Each event has a key made of what it says, never of when or by which release it was found. So the same news found again,
the next night or after a rollback, is known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlsplit

from basewatch import outside
from basewatch.config import Alerts

NO_PROBABILITY = "none is given: too little was seen to tell chance from change"
CAVEAT = "Silence in the data is not silence on the ground, and unknown is never zero"
SUMMARY = "summary"
NAMED = 10  # of a kind, in a message that sums up
LONGEST_SENTENCE, LONGEST_TITLE = 600, 160  # characters
KINDS = {  # how a title names them
    "pause_called": "pause called",
    "pause_ended": "pause ended",
    "pause_withdrawn": "pause withdrawn",
    "first_sign": "first sign of an end",
    "claim_contradicted": "claim contradicted",
    "claim_corroborated": "claim corroborated",
    "surge": "surge",
    "accuracy_fallen": "accuracy fallen",
    "source_late": "source late",
    "gate_refused": "gate refused the publish",
    "night_failed": "night failed",
    SUMMARY: "what stands",
}


@dataclass(frozen=True)
class Alert:
    """One thing to tell, all of its texts cleaned: what, how probable, on what evidence, with which caveat.

    key: the same for the same news. base_id, fleet_id: None where it is of none. day: the UTC day that it is about,
    ISO. more: the command that shows more. url: the article that a claim is from, http(s). undoes: the key of the
    opposite, which may be told again after this.
    """

    key: str
    kind: str
    title: str
    sentence: str
    probability: str | None
    evidence: tuple[str, ...]
    caveat: str
    more: str
    base_id: str | None = None
    fleet_id: str | None = None
    day: str | None = None
    release_id: str | None = None
    is_simulated: bool = False
    url: str | None = None
    undoes: str | None = None

    @property
    def text(self) -> str:
        """The message: a line a thing."""
        lines = [
            self.sentence,
            f"SIMULATED, not real: {self._made_up} made up." if self.is_simulated else None,
            f"probability: {self.probability}" if self.probability else None,
            f"evidence: {'; '.join(self.evidence)}" if self.evidence else None,
            f"article: {self.url}" if self.url else None,
            f"caveat: {self.caveat}",
            f"release: {self.release_id or 'none'}",
            f"more: {self.more}",
            f"key: {self.key}",
        ]
        return "\n".join(line for line in lines if line)

    @property
    def _made_up(self) -> str:
        return f"some flights at {self.base_id} are" if self.base_id else "the records of this source are"

    @property
    def values(self) -> dict[str, Any]:
        """The same as JSON holds it."""
        return {**asdict(self), "evidence": list(self.evidence)}


def of_values(values: Mapping[str, Any]) -> Alert:
    """An alert from what JSON holds of it."""
    return Alert(**{**values, "evidence": tuple(values["evidence"])})


def _alert(kind: str, key: str, what: str, sentence: str, *, is_simulated: bool = False, **more: Any) -> Alert:
    """An alert with its title and clean texts."""
    title = f"{'SIMULATED: ' if is_simulated else ''}{KINDS[kind]}: {what}"
    evidence = tuple(outside.line(text, LONGEST_SENTENCE) for text in more.pop("evidence", ()))
    return Alert(
        key=outside.line(f"{kind}:{key}"),
        kind=kind,
        title=outside.line(title, LONGEST_TITLE),
        sentence=outside.line(sentence, LONGEST_SENTENCE),
        evidence=evidence,
        is_simulated=is_simulated,
        **{"probability": None, **more},
    )


# ---- of a release


def of_release(summary: Mapping[str, Any], settings: Alerts) -> list[Alert]:
    """What a release says that the one before did not, most newsworthy first; a summary of an earlier version has less.

    settings: how far back news may lie, and by how much accuracy must fall.
    """
    if not summary.get("compared_with"):
        return []
    found = [
        *(_called(gap, summary) for gap in summary["pauses_called"]),
        *(_ended(gap, summary) for gap in summary["pauses_ended"] if _was_pause(gap)),
        *(_withdrawn(gap, summary) for gap in summary["pauses_withdrawn"]),
        *(_first_sign(gap, summary) for gap in summary.get("first_signs", ())),
        *(_claim(claim, summary) for claim in summary["claims"] if _is_news(claim)),
        *(_surge(month, summary) for month in summary.get("surges", ())),
        *(_accuracy(row, summary) for row in summary.get("accuracy", ()) if _fell(row, settings)),
    ]
    if settings.days_back is not None:
        earliest = date.fromisoformat(summary["as_of"]) - timedelta(days=settings.days_back)
        found = [alert for alert in found if alert.day is None or alert.day >= earliest.isoformat()]
    return found


def standing(summary: Mapping[str, Any]) -> list[str]:
    """The keys of what stands in a release: who begins to be told with it is told of that in one message alone."""
    pauses = [gap for gap in summary["ongoing"] if gap["kind"] == "pause"]
    return [
        *(f"pause_called:{gap['gap_id']}" for gap in [*pauses, *summary["pauses_called"]]),
        *(_claim_key(claim) for claim in summary["claims"] if claim["verdict"] in ("contradicted", "corroborated")),
        *(f"first_sign:{gap['gap_id']}" for gap in summary.get("first_signs", ())),
        *(f"surge:{_month_key(month)}" for month in summary.get("surges", ())),
    ]


def sum_up(summary: Mapping[str, Any], name: str) -> Alert:
    """What stands in a release, for a target that is told for the first time.

    name: the target's.
    """
    pauses = [gap for gap in summary["ongoing"] if gap["kind"] == "pause"]
    others = len(summary["ongoing"]) - len(pauses)
    verdicts = [claim["verdict"] for claim in summary["claims"]]
    told = [f"pause of {_of_whom(gap)} since {gap['first_day']}, {gap['gap_days']} days" for gap in pauses[:NAMED]]
    told += [f"{len(pauses) - NAMED} more pauses"] if pauses[NAMED:] else []
    told += [f"{others} other silences that go on"] if others else []
    told += [
        f"{verdicts.count(verdict)} claims {verdict}"
        for verdict in ("contradicted", "corroborated")
        if verdict in verdicts
    ]
    told += [f"late: {sentence}" for sentence in summary["late_sources"]]
    made_up = summary.get("made_up", [])
    told += [f"SIMULATED, not real: flights at {', '.join(made_up)}"] if made_up else []
    sentence = (
        f"Alerts begin with this release, of days up to {summary['as_of']}. What stands: "
        f"{'; '.join(told) or 'no pause and no verdict'}. From now on only what is new is told."
    )
    return Alert(
        key=f"{SUMMARY}:{name}",
        kind=SUMMARY,
        title=f"{KINDS[SUMMARY]}: {len(pauses)} pauses, {len(verdicts)} claims",
        sentence=outside.line(sentence),
        probability="stands with each pause in base_gaps.p_quiet_scan",
        evidence=tuple(outside.line(gap["gap_id"]) for gap in pauses[:NAMED]),
        caveat=f"{CAVEAT}.",
        more="basewatch status",
        release_id=summary["release_id"],
    )


def _of_whom(row: Mapping[str, Any]) -> str:
    return str(row["base_id"]) if row["fleet_id"] in ("all", None) else f"{row['base_id']} ({row['fleet_id']})"


def _place(row: Mapping[str, Any], summary: Mapping[str, Any]) -> dict[str, Any]:
    """What every alert of a base has."""
    return {
        "base_id": row["base_id"],
        "fleet_id": row.get("fleet_id"),
        "release_id": summary["release_id"],
        "is_simulated": row["base_id"] in summary.get("made_up", ()),
    }


def _look(table: str, row: Mapping[str, Any]) -> str:
    return f"basewatch {table} --base {row['base_id']} --fleet {row['fleet_id']}"


def _chance(gap: Mapping[str, Any]) -> str:
    odds = gap.get("p_quiet_scan")
    if odds is None:
        return NO_PROBABILITY
    return f"{odds:.2g} that chance alone makes so long a silence, corrected for the spells that were looked at"


def _unseen(row: Mapping[str, Any], days: Any) -> str:
    """The caveat, with how many days nobody could see, where that is known."""
    unseen, unmeasured = row.get("days_unseen"), row.get("days_unmeasured")
    if unseen is None:
        return f"{CAVEAT}."
    doubtful = f", and on {unmeasured} no other traffic was heard to judge by" if unmeasured else ""
    return f"{CAVEAT}: {unseen} of {days} days were not seen{doubtful}."


def _gap_evidence(gap: Mapping[str, Any], visits: str) -> list[str]:
    stays = gap.get("visit_ids") or []
    return [f"spell {gap['gap_id']}", *([f"{visits} {', '.join(stays)}"] if stays else [])]


def _called(gap: Mapping[str, Any], summary: Mapping[str, Any]) -> Alert:
    last = f"; the last visit was on {gap['last_visit_on']}" if gap.get("last_visit_on") else ""
    goes_on = "goes on" if gap.get("is_ongoing", True) else f"lasted to {gap['last_day']}"
    return _alert(
        "pause_called",
        gap["gap_id"],
        f"{_of_whom(gap)} since {gap['first_day']}",
        f"A pause of {_of_whom(gap)} since {gap['first_day']} {goes_on}: {gap['gap_days']} days without a visit{last}.",
        probability=_chance(gap),
        evidence=_gap_evidence(gap, "last visits"),
        caveat=_unseen(gap, gap["gap_days"]),
        more=_look("gaps", gap),
        day=gap["last_day"],
        undoes=f"pause_withdrawn:{gap['gap_id']}",
        **_place(gap, summary),
    )


def _was_pause(gap: Mapping[str, Any]) -> bool:
    return "pause" in (gap["kind"], gap.get("kind_before"))


def _ended(gap: Mapping[str, Any], summary: Mapping[str, Any]) -> Alert:
    what = str(gap["resumption"]).replace("_", " ")
    return _alert(
        "pause_ended",
        f"{gap['gap_id']}:{gap['last_day']}",
        f"{_of_whom(gap)} after {gap['gap_days']} days",
        f"The pause of {_of_whom(gap)} since {gap['first_day']} ended after {gap['last_day']}: {what}.",
        probability=_chance(gap),
        evidence=_gap_evidence(gap, "visits that ended it"),
        caveat=f"{_unseen(gap, gap['gap_days'])} One visit is no resumption: `resumption` says what it amounts to.",
        more=_look("gaps", gap),
        day=gap["last_day"],
        **_place(gap, summary),
    )


def _withdrawn(gap: Mapping[str, Any], summary: Mapping[str, Any]) -> Alert:
    now = f"is {str(gap['kind_now']).replace('_', ' ')} now" if gap["kind_now"] else "is none any more"
    return _alert(
        "pause_withdrawn",
        gap["gap_id"],
        f"{_of_whom(gap)} since {gap['first_day']}",
        f"The pause of {_of_whom(gap)} since {gap['first_day']} {now}; cause: {gap['cause']}.",
        probability=_chance(gap),
        evidence=_gap_evidence(gap, ""),
        caveat=_unseen(gap, gap.get("gap_days")),
        more=f"basewatch diff {summary['compared_with']}",
        day=gap["last_day"],
        undoes=f"pause_called:{gap['gap_id']}",
        **_place(gap, summary),
    )


def _first_sign(gap: Mapping[str, Any], summary: Mapping[str, Any]) -> Alert:
    return _alert(
        "first_sign",
        gap["gap_id"],
        f"{_of_whom(gap)} on {gap['first_sign_on']}",
        f"A first weak sign of traffic at {_of_whom(gap)} on {gap['first_sign_on']}, in a silence "
        f"({gap['kind'].replace('_', ' ')}) that goes on since {gap['first_day']}.",
        probability=_chance(gap),
        evidence=_gap_evidence(gap, "signs"),
        caveat=f"A sign of confidence 1 is no visit. {_unseen(gap, gap['gap_days'])}",
        more=_look("visits", gap),
        day=gap["first_sign_on"],
        **_place(gap, summary),
    )


OPPOSITE = {"contradicted": "corroborated", "corroborated": "contradicted"}


def _is_news(claim: Mapping[str, Any]) -> bool:
    return claim["verdict"] in ("contradicted", "corroborated") and claim["verdict"] != claim["verdict_before"]


def _claim_key(claim: Mapping[str, Any]) -> str:
    return f"claim_{claim['verdict']}:{claim['claim_id']}"


def _claim(claim: Mapping[str, Any], summary: Mapping[str, Any]) -> Alert:
    before = f" (before: {claim['verdict_before'].replace('_', ' ')})" if claim["verdict_before"] else ""
    title = f" “{outside.shortened(claim['title'], 120)}”" if claim.get("title") else ""
    days = f"{claim['claimed_from']} to {claim['claimed_to']}"
    unseen = claim.get("days_observable")
    seen = f" Of {claim['claimed_days']} days {unseen} could be seen." if unseen is not None else ""
    stays = claim.get("visit_ids") or []
    return _alert(
        f"claim_{claim['verdict']}",
        claim["claim_id"],
        f"{claim['claim']} at {claim['base_id']}, {days}",
        f"The {claim['claim']} claimed by{title or ' an article'} for {claim['base_id']}, {days}, is "
        f"{claim['verdict']}{before}: {claim['explanation']}",
        probability="none: a claim is held against the record, not against chance",
        evidence=[
            f"claim {claim['claim_id']}",
            *([f"spell {claim['gap_id']}"] if claim.get("gap_id") else []),
            *([f"visits {', '.join(stays)}"] if stays else []),
        ],
        caveat=f"{CAVEAT}.{seen}",
        more=f"basewatch mentions --base {claim['base_id']}",
        day=claim["claimed_to"],
        undoes=f"claim_{OPPOSITE[claim['verdict']]}:{claim['claim_id']}",
        url=web_address(claim.get("url")),
        **_place(claim, summary),
    )


def _month_key(month: Mapping[str, Any]) -> str:
    return f"{month['base_id']}:{month['fleet_id']}:{str(month['month'])[:7]}"


def _surge(month: Mapping[str, Any], summary: Mapping[str, Any]) -> Alert:
    usual = month["visits_trailing_12m_mean"]
    against = f", {usual:.1f} a month in the year before" if usual is not None else ""
    odds = month["p_surge"]
    return _alert(
        "surge",
        _month_key(month),
        f"{_of_whom(month)} in {str(month['month'])[:7]}",
        f"A surge at {_of_whom(month)} in {str(month['month'])[:7]}: {month['visits']} visits{against}"
        f"{'; the month has not ended' if month['is_partial'] else ''}.",
        probability=f"{odds:.2g} of at least so many at the earlier rate" if odds is not None else NO_PROBABILITY,
        evidence=[f"month {month['month']} of {_of_whom(month)} in base_monthly_activity"],
        caveat=_unseen(month, month["days_in_month"]),
        more=_look("months", month),
        day=month["month"],
        **_place(month, summary),
    )


def _fell(row: Mapping[str, Any], settings: Alerts) -> bool:
    if min(row["hidden"], row["hidden_before"]) < settings.accuracy_stays:
        return False
    return bool(row["found_before"] / row["hidden_before"] - row["found"] / row["hidden"] >= settings.accuracy_fall)


def _accuracy(row: Mapping[str, Any], summary: Mapping[str, Any]) -> Alert:
    before, now = row["found_before"] / row["hidden_before"], row["found"] / row["hidden"]
    base = None if row["base_id"] == "all" else row["base_id"]
    return _alert(
        "accuracy_fallen",
        f"{row['base_id']}:{row['found']}/{row['hidden']}",
        base or "all bases",
        f"Of the stays of {base or 'all bases'} that were heard and hidden again, {now:.0%} are found; with the "
        f"release before it were {before:.0%}.",
        probability=f"{now:.2f} that a stay which was not heard to the ground is found, measured",
        evidence=[
            f"{row['found']} of {row['hidden']} in accuracy",
            f"{row['found_before']} of {row['hidden_before']} before",
        ],
        caveat=f"{CAVEAT}: more visits are missed than were before.",
        more="basewatch status",
        release_id=summary["release_id"],
        base_id=base,
        is_simulated=base is not None and base in summary.get("made_up", ()),
    )


def web_address(url: str | None) -> str | None:
    """The address where it is one of the web, else None: a message holds no other link."""
    if url is None or len(url) > 2000 or any(mark in url for mark in "\r\n\t <>\"'") or not url.isprintable():
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return outside.cell(url) if parts.scheme in ("http", "https") and parts.hostname else None


# ---- of a run


@dataclass(frozen=True)
class Late:
    """A source whose last good day is further back than it may be."""

    source: str
    last_good: str
    sentence: str


@dataclass(frozen=True)
class End:
    """How a run ended: exit status, what it was that failed, sources that are late, checks that refused."""

    run_id: str
    status: int
    error: str | None = None
    late: Sequence[Late] = ()
    refused: Sequence[str] = ()
    release_id: str | None = None  # the current one


def of_run(end: End, going_on: Mapping[str, str], made_up: Collection[str]) -> tuple[list[Alert], dict[str, str]]:
    """What the end of a run tells, and what goes on after it: by what failed, the run with which that began.

    going_on: the same after the run before. A failure is told once, until a run ended well. is_simulated: by source.
    """
    alerts, now = [_late(late, end, made_up) for late in end.late], {}
    if end.status in (0, INTERRUPTED, BUSY):
        return alerts, {} if end.status == 0 else dict(going_on)
    only_late = bool(end.late) and end.error == "; ".join(late.sentence for late in end.late)
    if not only_late:
        kind = "gate_refused" if end.status == REFUSED else "night_failed"
        what = hashlib.sha256("\n".join(sorted(end.refused)).encode()).hexdigest()[:12] if end.refused else end.status
        cause = f"{kind}:{what}"
        now[cause] = going_on.get(cause, end.run_id)
        if cause not in going_on:
            alerts.append(_failure(kind, end))
    return alerts, {**going_on, **now}


REFUSED, BUSY, INTERRUPTED = 3, 5, 130  # exit statuses


def _failure(kind: str, end: End) -> Alert:
    told = (end.error or "nothing is known of why").splitlines()
    stands = f"release {end.release_id} stands" if end.release_id else "there is no release yet"
    return _alert(
        kind,
        end.run_id,
        f"exit {end.status}" if kind == "night_failed" else f"{len(end.refused) or 'some'} checks",
        f"Run {end.run_id} ended with {end.status}, and {stands}: {' '.join(told)}",
        evidence=[f"run {end.run_id}", *(f"check {check}" for check in list(end.refused)[:NAMED])],
        caveat=f"{CAVEAT}: days since are not known. The same failure is not told again until a night ends well.",
        more="basewatch status",
        release_id=end.release_id,
    )


def _late(late: Late, end: End, made_up: Collection[str]) -> Alert:
    return _alert(
        "source_late",
        f"{late.source}:{late.last_good}",
        f"{late.source}, last good day {late.last_good}",
        f"{late.sentence}.",
        evidence=[f"source {late.source}", f"run {end.run_id}"],
        caveat=f"{CAVEAT}: the days since then are missing, and not quiet.",
        more="basewatch status",
        release_id=end.release_id,
        is_simulated=late.source in made_up,
    )


def digest(alerts: Iterable[Alert]) -> Iterator[str]:
    """The parts of one message that tells of many: a list of titles, then each text."""
    listed = list(alerts)
    yield "\n".join(f"- {alert.title}" for alert in listed)
    for alert in listed:
        yield f"{alert.title}\n{alert.text}"


def trial(name: str) -> Alert:
    """A message that only tries whether a target, by name, is reached."""
    return Alert(
        key=f"test:{name}",
        kind=SUMMARY,
        title="a test of alerts",
        sentence=f"This is a test of the target {name}. Nothing has happened.",
        probability=None,
        evidence=(),
        caveat=f"{CAVEAT}.",
        more="basewatch alerts list",
    )
