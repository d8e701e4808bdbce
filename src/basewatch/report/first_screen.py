"""What a release says first, short enough for one screen: silences that still go on, pauses of late, the last months.

The command line prints it after each run, and the flow keeps it as an artifact. Months in which nothing happened are
drawn together, so that a long silence is one row and reaches up to the last day. What nobody could see stays unknown
(null) and is never shown as zero. What does not fit is named.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

from basewatch.database import connect

SPELLS_MAX = 10
BASES_MAX = 6
ROWS_MAX = 30  # of months, over all bases
ROWS_A_BASE = 12
PAUSE_DAYS = 365  # a pause that ended longer ago is no news
NAMES_MAX = 8

KINDS = {  # of a silence, the most newsworthy first
    "pause": "longer than chance explains, and well observed",
    "lull": "may be chance",
    "not_judged": "too few earlier visits to say whether it is chance",
    "ambiguous": "only part of its days could be seen",
    "unobserved": "most of its days could not be seen, so it says nothing about the ground",
}
CAVEAT = "Silence in the data is not silence on the ground: unknown is never zero."


@dataclass(frozen=True)
class Table:
    """Rows with the names of their columns (a line break in a name may be kept or shown as a space)."""

    title: str
    columns: tuple[str, ...]
    rows: list[list[Any]]


@dataclass(frozen=True)
class FirstScreen:
    """The tables to show, in order and without empty ones, and the sentences that follow them."""

    tables: list[Table]
    notes: list[str]


@dataclass(frozen=True)
class Spell:
    """A silence; `until` is null while it goes on. `days_not_seen`: days of it that were missing or blind."""

    base: str
    kind: str
    since: date
    until: date | None
    days: int
    days_not_seen: int


@dataclass(frozen=True)
class Month:
    """One base and month, or several months in a row in which nothing happened (`last` is then a later month).

    `visits` and `mentions` are null where they are not known.
    """

    base: str
    first: date
    last: date
    activity: str
    visits: int | None
    days_looked_at: int
    days_not_seen: int
    mentions: int | None

    @property
    def is_still(self) -> bool:
        """Whether nothing happened that a reader would look for: no visit, no aircraft standing there, no mention."""
        return self.activity != "active" and not self.mentions


def read(database: Path, bases: Sequence[str], fleet: str) -> FirstScreen:
    """The first screen of a published database: of the named bases (all where none is named), for one fleet."""
    with connect(database, read_only=True) as connection:
        arguments = {"fleet": fleet, "bases": list(bases)}
        watched = [row[0] for row in connection.execute(_BASES, {"bases": list(bases)}).fetchall()]
        spells = [Spell(*row) for row in connection.execute(_SPELLS, {**arguments, "days": PAUSE_DAYS}).fetchall()]
        months: dict[str, list[Month]] = defaultdict(list)
        for base, month, *values in connection.execute(_MONTHS, arguments).fetchall():
            months[base].append(Month(base, month, month, *values))
        simulated = [row[0] for row in connection.execute(_SIMULATED).fetchall()]
        has_fleet = bool(connection.execute("SELECT 1 FROM fleets WHERE fleet_id = ?", [fleet]).fetchall())
        names: dict[str, str] = dict(connection.execute(_NAMES).fetchall())
    spells.sort(key=lambda spell: (spell.until is not None, _kind_rank(spell.kind), -spell.days, spell.base))
    shown_spells = spells[:SPELLS_MAX]
    bases_by_news = _by_news(
        watched if bases else [base for base in watched if _has_news(months[base])], months, spells
    )
    shown = bases_by_news[:BASES_MAX]
    silent = [base for base in watched if not _has_news(months[base]) and base not in shown]
    tables = [
        Table(
            f"Spells with no visit (fleet {fleet}): those that go on, pauses of the last year",
            ("base", "kind", "since", "until", "days", "days\nunseen"),
            [
                [names[spell.base], spell.kind, spell.since, spell.until or "goes on", spell.days, spell.days_not_seen]
                for spell in shown_spells
            ],
        ),
        Table(
            f"Visits by month (fleet {fleet}); a dash is not known, which is not zero",
            ("base", "month", "activity", "visits", "days\nlooked at", "days\nunseen", "mentions"),
            [_cells(month, names) for rows in _latest([months[base] for base in shown]) for month in rows],
        ),
    ]
    return FirstScreen(
        [table for table in tables if table.rows],
        [
            *([] if has_fleet else [f"This release holds no fleet {fleet}."]),
            *(
                f"{kind}: {meaning}."
                for kind, meaning in KINDS.items()
                if kind in {spell.kind for spell in shown_spells}
            ),
            *_left_out(spells[SPELLS_MAX:], [names[base] for base in bases_by_news[BASES_MAX:]], fleet),
            *_never_seen(silent, months, names),
            *_simulated([names.get(base, base) for base in simulated]),
            CAVEAT,
        ],
    )


def _kind_rank(kind: str) -> int:
    return list(KINDS).index(kind) if kind in KINDS else len(KINDS)


def _has_news(months: Iterable[Month]) -> bool:
    """Whether there is anything to tell of a base: a visit or a mention, however long ago."""
    return any(not month.is_still for month in months)


def _by_news(bases: Iterable[str], months: dict[str, list[Month]], spells: Iterable[Spell]) -> list[str]:
    """The bases, the most newsworthy first: a pause, then visits of late, then other silences, then the press alone."""
    kinds = {spell.base: spell.kind for spell in spells if spell.until is None}

    def rank(base: str) -> tuple[int, int, int, str]:
        kind = kinds.get(base)
        active = [month for month in months[base] if month.activity == "active"]
        latest = max((month.first for month in months[base] if not month.is_still), default=date.min)
        if kind == "pause":
            group = 0
        elif kind is None:
            group = 1 if active else 2 + len(KINDS)
        else:
            group = 1 + _kind_rank(kind)
        return group, -latest.toordinal(), -sum(month.visits or 0 for month in active[-3:]), base

    return sorted(bases, key=rank)


def _latest(bases: list[list[Month]]) -> list[list[Month]]:
    """The last rows of each base, still months in a row drawn together; as many as fit, and as fairly."""
    drawn = [_drawn(months) for months in bases]
    fitting = [rows for rows in range(1, ROWS_A_BASE + 1) if sum(min(rows, len(base)) for base in drawn) <= ROWS_MAX]
    return [base[-max(fitting) :] for base in drawn]


def _drawn(months: list[Month]) -> list[Month]:
    drawn: list[Month] = []
    for (is_still, _), group in groupby(months, key=lambda month: (month.is_still, month.activity)):
        alike = list(group)
        drawn += [_together(alike)] if is_still else alike
    return drawn


def _together(months: list[Month]) -> Month:
    """Months in a row as one. What is not known of one of them is not known of all."""

    def total(counts: list[int | None]) -> int | None:
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None

    return Month(
        months[0].base,
        months[0].first,
        months[-1].last,
        months[0].activity,
        total([month.visits for month in months]),
        sum(month.days_looked_at for month in months),
        sum(month.days_not_seen for month in months),
        total([month.mentions for month in months]),
    )


def _cells(month: Month, names: Mapping[str, str]) -> list[Any]:
    named = f"{month.first:%Y-%m}" if month.first == month.last else f"{month.first:%Y-%m}–{month.last:%Y-%m}"
    days = month.days_looked_at, month.days_not_seen
    return [names[month.base], named, month.activity, month.visits, *days, month.mentions]


def _simulated(bases: list[str]) -> list[str]:
    return [f"SIMULATED, not real: the flights at {', '.join(bases)}."] if bases else []


def _left_out(spells: list[Spell], bases: list[str], fleet: str) -> list[str]:
    """What did not fit, and the commands that show it."""
    notes = []
    if spells:
        counts = {kind: sum(spell.kind == kind for spell in spells) for kind in {spell.kind for spell in spells}}
        kinds = ", ".join(f"{counts[kind]} {kind}" for kind in sorted(counts, key=_kind_rank))
        notes.append(f"Left out: {len(spells)} more spells ({kinds}); `basewatch gaps --fleet {fleet}` has them all.")
    if bases:
        notes.append(f"Left out: the months of {_few(bases)}; `basewatch months --fleet {fleet}` has them all.")
    return notes


def _never_seen(bases: list[str], months: dict[str, list[Month]], names: Mapping[str, str]) -> list[str]:
    """Bases without a visit or a mention: where somebody looked, and where nobody did."""
    seen = {base for base in bases if any(month.days_looked_at for month in months[base])}
    looked_at = [names[base] for base in bases if base in seen]
    never = [names[base] for base in bases if base not in seen]
    notes = []
    if looked_at:
        notes.append(f"Looked at, with no visit and no mention on record: {_few(looked_at)}.")
    if never:
        notes.append(f"Not looked at for one whole day, so nothing is known: {_few(never)}.")
    return notes


def _few(names: list[str]) -> str:
    more = f" and {len(names) - NAMES_MAX} more" if len(names) > NAMES_MAX else ""
    return ", ".join(names[:NAMES_MAX]) + more


def markdown(screen: FirstScreen, before: Mapping[str, Sequence[str]] | None = None) -> str:
    """The screen as Markdown. Outside text cannot end a cell or bring markup of its own.

    before: sentences that come first, by their heading.
    """
    told = [
        "\n".join([f"**{heading}**", "", *(f"- {_escaped(sentence)}" for sentence in sentences)])
        for heading, sentences in (before or {}).items()
    ]
    blocks = [
        "\n".join([f"**{table.title}**", "", *map(_line, [table.columns, ["---"] * len(table.columns), *table.rows])])
        for table in screen.tables
    ]
    return "\n\n".join([*told, *blocks, *map(_escaped, screen.notes)])


def _line(cells: Iterable[Any]) -> str:
    return "| " + " | ".join("–" if cell is None else _escaped(str(cell)) for cell in cells) + " |"


def _escaped(text: str) -> str:
    return text.replace("<", "&lt;").replace("|", "\\|").replace("\n", " ")


_NAMES = "SELECT base_id, coalesce(split_part(name, ' / ', 1), base_id) FROM bases"  # in short: the first of its names

_BASES = "SELECT base_id FROM bases WHERE len($bases) = 0 OR list_contains($bases, base_id) ORDER BY base_id"

_SPELLS = """
SELECT base_id, kind, first_day, CASE WHEN NOT is_ongoing THEN last_day END, gap_days, days_blind + days_missing
FROM base_gaps
WHERE fleet_id = $fleet AND (len($bases) = 0 OR list_contains($bases, base_id))
  AND (is_ongoing OR kind = 'pause' AND last_day > (SELECT max(day) FROM base_daily_activity) - $days)
"""

_MONTHS = """
SELECT base_id, month, activity, visits, days_observed + days_unmeasured, days_blind + days_missing, mentions
FROM base_monthly_activity WHERE fleet_id = $fleet AND (len($bases) = 0 OR list_contains($bases, base_id))
ORDER BY base_id, month
"""

_SIMULATED = """
SELECT DISTINCT base_id FROM base_visits
WHERE len(list_filter(sources, lambda s: contains(s, 'simulated'))) > 0 ORDER BY base_id
"""
