"""Figures that earlier releases gave otherwise: each is kept with its cause while it differs from today's.

A page that somebody quoted stays corrected after the night on which the figure moved. Claims, pauses and months that
had ended are followed; a figure that comes back to what it was is no correction any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from basewatch.database import connect
from basewatch.warehouse.published import Release
from basewatch.warehouse.summary import News

Entry = dict[str, Any]
KEPT = 500  # the newest
KEYS = {"month": ("base_id", "fleet_id", "month"), "gap": ("gap_id",), "claim": ("claim_id",)}
NOW = {
    "month": "SELECT base_id, fleet_id, month::VARCHAR, visits FROM base_monthly_activity",
    "gap": "SELECT gap_id, kind FROM base_gaps",
    "claim": "SELECT claim_id, verdict FROM claim_checks",
}

_OF_CLAIM = ("claim_id", "base_id", "fleet_id", "claim", "claimed_from", "claimed_to")
_OF_GAP = ("gap_id", "base_id", "fleet_id", "first_day", "last_day")


def corrected(told: News, before: Release | None, changes: Sequence[Entry], database: Path) -> list[Entry]:
    """What is corrected since any earlier release, the latest first; at most KEPT.

    told: what is new. before: the release before. changes: rows of `release_changes`. database: the new release's
    file, in which today's figures stand.

    An entry holds `until` (the last release that gave it otherwise), `sort` (month, gap or claim), what names the
    figure, `before` and `now`, `causes` and `source_days`.
    """
    if before is None:
        return []
    own = [{"until": before.release_id, **entry} for entry in _own(told, changes)]
    carried = (before.summary or {}).get("corrected", [])
    today = _today({entry["sort"] for entry in carried}, database)
    known = [entry | {"now": today[entry["sort"]].get(_key(entry))} for entry in carried]
    return [*own, *(entry for entry in known if entry["now"] != entry["before"])][:KEPT]


def _own(told: News, changes: Sequence[Entry]) -> Iterator[Entry]:
    for claim in told.claims:
        if claim["verdict_before"] not in (None, claim["verdict"]):
            why = _why(changes, "claim_checks", claim, claim["claimed_from"])
            yield {
                "sort": "claim", **{name: claim[name] for name in _OF_CLAIM},
                "before": claim["verdict_before"], "now": claim["verdict"], **why,
            }  # fmt: skip
    for gap in told.pauses_withdrawn:
        yield {
            "sort": "gap", **{name: gap[name] for name in _OF_GAP},
            "before": "pause", "now": gap["kind_now"], "causes": [gap["cause"]], "source_days": [],
        }  # fmt: skip
    for month in told.corrections:
        why = _why(changes, "base_monthly_activity", month, month["month"])
        yield {"sort": "month", **month, **why}


def _why(changes: Sequence[Entry], table: str, of: Entry, day: str | None) -> dict[str, list[str]]:
    """Why rows of a table about a base and fleet changed in the month of a day (None: at any time).

    The causes, and the source-days that moved.
    """
    month = date.fromisoformat(day).replace(day=1) if day else None
    about = (table, of["base_id"], of["fleet_id"] or "all")
    rows = [
        row
        for row in changes
        if (row["table_name"], row["base_id"], row["fleet_id"]) == about and month in (None, row["month"])
    ]
    moved = dict.fromkeys(label for row in rows for label in row["source_days"] or [])
    return {"causes": list(dict.fromkeys(row["cause"] for row in rows)), "source_days": list(moved)}


def _key(entry: Entry) -> tuple[str, ...]:
    return tuple(entry[name] for name in KEYS[entry["sort"]])


def _today(sorts: Iterable[str], database: Path) -> dict[str, dict[tuple[str, ...], Any]]:
    """Today's figures by sort and what names them."""
    with connect(database, read_only=True) as connection:
        return {sort: {row[:-1]: row[-1] for row in connection.execute(NOW[sort]).fetchall()} for sort in sorts}
