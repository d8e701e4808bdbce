"""What the press claimed, drawn over the record: a bracket over the days of a pause, with visits inside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from basewatch.report.listing import Row
from basewatch.report.safe_text import escaped
from basewatch.report.svg import LEFT, RIGHT, Frame, num, text

LANE = 36.0  # height of a claim: its words, and its bracket below them
LANES_MAX = 4
BOLD = 7.1  # mean width of a character of its words, which are bold
PUBLISHER_MAX = 32
VERDICTS = {
    "corroborated": "corroborated",
    "partly": "partly corroborated",
    "contradicted": "contradicted",
    "not_observable": "not observable",
    "no_data": "no data",
}


@dataclass(frozen=True)
class Claimed:
    """A pause that the press claimed: its days (a missing end is open), who says so, and what came of it.

    visits: counted visits on record in its days; None where that is not known.
    """

    first: date | None
    last: date | None
    publishers: tuple[str, ...]
    verdict: str
    visits: int | None
    is_made_up: bool = False

    @property
    def words(self) -> str:
        """What is claimed by whom, and what the record says of it."""
        who = self.publishers[0] if self.publishers else "the press"
        who = who if len(who) <= PUBLISHER_MAX else who[: PUBLISHER_MAX - 1] + "…"
        more = len(self.publishers) - 1
        who += f" and {more} more" if more > 0 else ""
        made_up = "SIMULATED claim, " if self.is_made_up else "Claimed by "
        days = f"{self.first or '…'} to {self.last or '…'}"
        return f"{made_up}{who}: no flights {days}. {self.outcome}"

    @property
    def outcome(self) -> str:
        """What the record says of it."""
        said = VERDICTS.get(self.verdict, self.verdict).capitalize()
        if self.visits is None or self.verdict == "no_data":
            return f"{said}: nobody looked"
        return f"{said}: {self.visits} visit{'' if self.visits == 1 else 's'} on record in it"


def pauses(claims: Iterable[Row], made_up: Iterable[str] = ()) -> list[Claimed]:
    """The claimed pauses among rows of claim_checks (with `domain`, `origin` and `claim_id`), each once.

    Articles that claim the same days with the same outcome are one. made_up: ids of claims that nobody made.
    """
    found: dict[tuple[date | None, date | None, str, int | None, bool], list[str]] = {}
    invented = set(made_up)
    for row in claims:
        if row["claim"] != "pause" or (row["claimed_from"] is None and row["claimed_to"] is None):
            continue
        outcome = row["verdict"] or "no_data", row["visits_recorded"], row["claim_id"] in invented
        who = found.setdefault((row["claimed_from"], row["claimed_to"], *outcome), [])
        name = row.get("domain") or row.get("origin")
        if name and name not in who:
            who.append(str(name))
    ordered = sorted(found.items(), key=lambda one: (one[0][0] or date.min, one[0][1] or date.max, one[0][2]))
    return [Claimed(first, last, tuple(who), verdict, visits, is_made_up)
            for (first, last, verdict, visits, is_made_up), who in ordered]  # fmt: skip


def inside(frame: Frame, claims: Iterable[Claimed]) -> list[Claimed]:
    """Those that a chart of these days shows: the judged first where there are too many, in order of time."""
    touching = [one for one in claims if (one.first or frame.first) <= frame.last
                and (one.last or frame.last) >= frame.first]  # fmt: skip
    judged = sorted(touching, key=lambda one: one.verdict not in ("contradicted", "corroborated", "partly"))
    kept = judged[:LANES_MAX]
    return [one for one in touching if one in kept]


def height(claims: Sequence[Claimed]) -> float:
    """The room that the brackets take."""
    return LANE * len(claims) + (8 if claims else 0)


def draw(
    frame: Frame, claims: Sequence[Claimed], stays: Sequence[tuple[date, date]], top: float, bottom: float
) -> list[str]:
    """A lane a claim below `top`, each with a faint band down to `bottom` over the days that it speaks of.

    stays: runs of days with a visit. Each such day inside a claimed pause is a mark on its bracket.
    """
    parts = []
    for number, one in enumerate(claims):
        y = top + LANE * number + 26
        first, last = max(one.first or frame.first, frame.first), min(one.last or frame.last, frame.last)
        x, end = frame.x(first), frame.x(last + timedelta(days=1))
        parts.append(f'<path class="claimed" d="M{num(x)} {num(y)}H{num(end)}V{num(bottom)}H{num(x)}z"/>')
        left_tick = f"M{num(x)} {num(y + 8)}V{num(y)}" if one.first == first else f"M{num(x)} {num(y)}"
        right_tick = f"V{num(y + 8)}" if one.last == last else ""
        kind = escaped(one.verdict)
        parts.append(
            f'<path class="bracket {kind}" d="{left_tick}H{num(end)}{right_tick}">'
            f"<title>{escaped(one.words)}</title></path>"
        )
        days = [day for run in stays for day in _days(run, first, last)]
        marks = "".join(f"M{num(_middle(frame, day))} {num(y - 4)}l4 4l-4 4l-4 -4z" for day in days)
        if marks:
            parts.append(f'<path class="hit" d="{marks}"/>')
        parts.append(_words(frame, one, x, y - 9))
    return parts


def _days(run: tuple[date, date], first: date, last: date) -> list[date]:
    """The days of a run that lie between two days."""
    begin, end = max(run[0], first), min(run[1], last)
    return [begin + timedelta(days=number) for number in range((end - begin).days + 1)]


def _middle(frame: Frame, day: date) -> float:
    return (frame.x(day) + frame.x(day + timedelta(days=1))) / 2


def _words(frame: Frame, one: Claimed, x: float, y: float) -> str:
    """The claim's words, as much of them as the chart has room for, begun where the bracket begins if that can be."""
    room = frame.width - RIGHT - LEFT
    words = one.words if len(one.words) * BOLD <= room else one.outcome
    start = max(min(x, frame.width - RIGHT - len(words) * BOLD), LEFT)
    return text(start, y, words, "value claim-words")
