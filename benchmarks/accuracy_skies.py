"""A simulated sky held against its truth: what is published of it, and how much of that is right.

Times are seconds since 1970, UTC; days are counted from 1970.
"""

from __future__ import annotations

import math
import shutil
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from basewatch.config import Settings
from basewatch.database import connect
from basewatch.reference import load
from basewatch.warehouse import learning, learnt, models
from skies import cases, decoder, lake, stories, truth
from skies.stories import DAY, Sky

HEARD = ("touchdown", "low", "dark")  # at both ends, or on the ground: these are to be found
CLASSES = (*HEARD, "one-sided")
FAR_S = 4 * 3600.0  # how far from a stay's end its evidence may lie where nothing nearer was heard
BANDS = 10
COUNTED = 2  # the least confidence of a visit that counts
Key = tuple[str, str]


@dataclass(frozen=True)
class TrueStay:
    """A stay at a watched base. fleet: None where no record could name it. is_asked: whether it is to be found."""

    base_id: str
    icao24: str
    arrived: float
    departed: float
    heard: str
    fleet: str | None
    is_asked: bool

    def is_told_by(self, claim: Claim) -> bool:
        """Whether a claim's first or last evidence lies within the stay, or as long before and after as it was heard.

        A claim that takes two stays for one tells of one of them, and the other is not found.
        """
        is_near = self.heard in HEARD
        early, late = (truth.DARK_IN_S, truth.DARK_OUT_S) if is_near else (FAR_S, FAR_S)
        since, until = self.arrived - early, self.departed + late
        return since <= claim.first_s <= until or since <= claim.last_s <= until


@dataclass(frozen=True)
class Truth:
    """What truly happened: stays, what could be heard of each base and day (Sky.hearing), the fleets to be counted."""

    stays: Sequence[TrueStay]
    hearing: dict[tuple[str, int], str]
    fleets: Sequence[str]
    kinds: dict[str, str] = field(default_factory=dict)  # of single cases, by address


@dataclass(frozen=True)
class Claim:
    """A published stay."""

    base_id: str
    icao24: str
    first_s: float
    last_s: float
    confidence: int
    probability: float | None

    def apart(self, stay: TrueStay) -> float:
        """Seconds between its nearer end and the stay's."""
        return min(abs(stay.arrived - self.first_s), abs(stay.departed - self.last_s))


@dataclass
class Share:
    """So many of so many."""

    hits: float = 0
    of: float = 0

    def add(self, is_hit: bool | float, of: float = 1) -> None:
        """Count one more (or its share)."""
        self.hits += float(is_hit)
        self.of += of

    def __add__(self, other: Share) -> Share:
        """Both together."""
        return Share(self.hits + other.hits, self.of + other.of)

    @property
    def value(self) -> float:
        """The share; nan of nothing."""
        return self.hits / self.of if self.of else math.nan


@dataclass
class Score:
    """How right a sky's tables are.

    visits: right ones of those that count. found: true ones of each class. months: exact of those in which a fleet
    came or was said to. inside: months whose true number lies within the interval; width: its mean width. pauses: false
    of those called. days: called right. bands: (said, right) by tenth of probability. traps: false visits by kind.
    """

    visits: Share = field(default_factory=Share)
    found: dict[str, Share] = field(default_factory=lambda: {name: Share() for name in CLASSES})
    months: Share = field(default_factory=Share)
    inside: Share = field(default_factory=Share)
    width: Share = field(default_factory=Share)
    pauses: Share = field(default_factory=Share)
    days: Share = field(default_factory=Share)
    bands: list[tuple[Share, Share]] = field(default_factory=lambda: [(Share(), Share()) for _ in range(BANDS)])
    traps: Counter[str] = field(default_factory=Counter)

    @property
    def f_half(self) -> float:
        """F0.5 of the visits that count, over those to be found."""
        hits, of = (sum(getattr(self.found[name], part) for name in HEARD) for part in ("hits", "of"))
        precision, recall = self.visits.value, hits / of if of else math.nan
        return 1.25 * precision * recall / max(0.25 * precision + recall, 1e-9)

    def __add__(self, other: Score) -> Score:
        """Both together."""
        return Score(
            self.visits + other.visits,
            {name: self.found[name] + other.found[name] for name in CLASSES},
            self.months + other.months,
            self.inside + other.inside,
            self.width + other.width,
            self.pauses + other.pauses,
            self.days + other.days,
            [(a + c, b + d) for (a, b), (c, d) in zip(self.bands, other.bands, strict=True)],
            self.traps + other.traps,
        )


def make(file: Path, name: str, seed: int, days: int, each: int) -> tuple[Truth, dict[str, Any]]:
    """Write a sky's lake into a database; gives its truth and the thresholds. each: single cases of each kind."""
    with connect(file) as connection:
        if name == cases.NAME:
            regions, made = cases.make(seed, each)
            return of_cases(regions, made), lake.fill_cases(connection, regions, made)
        sky = stories.make(name, seed, days)
        return of_sky(sky), lake.fill(connection, sky)


def of_sky(sky: Sky) -> Truth:
    """The truth of a sky: its military stays are to be found, those of others may be."""
    stays = []
    for one in sky.stays:
        who = sky.airframes[one.airframe]
        is_named = decoder.is_of_fleet(who) and decoder.is_known_by_name(who)
        if one.is_watched:
            stays.append(_true(one, who.fleet if is_named else None, who.is_military and one.arrived is not None))
    fleets = sorted({one.fleet for one in sky.airframes if decoder.is_of_fleet(one)})
    return Truth(stays, sky.hearing(), fleets)


def of_cases(regions: Iterable[cases.Region], made: Iterable[cases.Case]) -> Truth:
    """The truth of single cases, of which all are one fleet, heard every day."""
    listed = list(made)
    stays = [_true(stay, "all", True) for case in listed for stay in case.stays if stay.is_watched]
    days = range(cases.FIRST_DAY, cases.FIRST_DAY + cases.DAYS)
    hearing = {(place.name, day): "low" for region in regions for place in region.watched for day in days}
    return Truth(stays, hearing, ["all"], {case.trace.hex: case.kind for case in listed})


def _true(stay: truth.Stay, fleet: str | None, is_asked: bool) -> TrueStay:
    arrived = -math.inf if stay.arrived is None else stay.arrived
    departed = math.inf if stay.departed is None else stay.departed
    return TrueStay(stay.place.name, stay.icao24, arrived, departed, stay.heard, fleet, is_asked)


def shipped() -> list[tuple[Any, ...]]:
    """The weights of evidence that are shipped."""
    return learning.steps_of(load.tables(Settings()))


def learnt_steps(file: Path, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The weights that a sky's own closed months teach; the shipped ones where too few stays were heard."""
    aside = file.with_suffix(".learning")
    shutil.copy(file, aside)
    until = learnt.closed_until(params["as_of"])
    values = {**params, "as_of": until}
    with connect(aside) as connection:
        connection.execute("SET threads = 1")
        dated = connection.execute(
            "SELECT table_name FROM duckdb_columns() WHERE schema_name = 'raw' AND column_name = 'day'"
        ).fetchall()
        for (table,) in dated:
            connection.execute(f"DELETE FROM raw.{table} WHERE day > ?", [until])
        models.build(connection, values, models.ancestors(learnt.NEEDED))
    steps = learning.learn(aside, shipped(), values).steps
    aside.unlink()
    return shipped() if steps is None else steps


def judged(file: Path, params: dict[str, Any], true: Truth, steps: Sequence[tuple[Any, ...]]) -> Score:
    """What is published of a sky's lake by these weights, held against its truth."""
    aside = file.with_suffix(".judging")
    shutil.copy(file, aside)
    with connect(aside) as connection:
        connection.execute("SET threads = 1")
        learning.put_steps(connection, steps)
        models.build(connection, params)
        score = Score()
        _visits(connection, true, score)
        _months(connection, true, score)
        _pauses(connection, true, score)
        _days(connection, true, score)
    aside.unlink()
    return score


def claims(connection: duckdb.DuckDBPyConnection) -> list[Claim]:
    """All published stays, the surest first."""
    found = connection.execute(
        "SELECT base_id, icao24, epoch(first_evidence_at), epoch(last_evidence_at), confidence, probability "
        "FROM marts.base_visits ORDER BY confidence DESC, first_evidence_at, visit_id"
    ).fetchall()
    return [Claim(*row) for row in found]


def matched(published: Sequence[Claim], stays: Sequence[TrueStay]) -> list[TrueStay | None]:
    """The true stay that each claim tells of, each stay once; None for one that tells of none."""
    by_key: dict[Key, list[TrueStay]] = defaultdict(list)
    for stay in stays:
        by_key[stay.base_id, stay.icao24].append(stay)
    told: list[TrueStay | None] = []
    for claim in published:
        mine = by_key[claim.base_id, claim.icao24]
        fitting = [stay for stay in mine if stay.is_told_by(claim)]
        best = min(fitting, key=claim.apart, default=None)
        if best is not None:
            mine.remove(best)
        told.append(best)
    return told


def _visits(connection: duckdb.DuckDBPyConnection, true: Truth, score: Score) -> None:
    published = claims(connection)
    told = matched(published, true.stays)
    found = set()
    for claim, stay in zip(published, told, strict=True):
        if claim.confidence >= COUNTED:
            score.visits.add(stay is not None)
            if stay is None:
                score.traps[true.kinds.get(claim.icao24, "")] += 1
            else:
                found.add(id(stay))
        if claim.probability is not None:
            said, right = score.bands[min(int(claim.probability * BANDS), BANDS - 1)]
            said.add(claim.probability)
            right.add(stay is not None)
    for stay in true.stays:
        if stay.is_asked and stay.heard in CLASSES:
            score.found[stay.heard].add(id(stay) in found)


def _month(seconds: float) -> date | None:
    return datetime.fromtimestamp(seconds, UTC).date().replace(day=1) if math.isfinite(seconds) else None


def _months(connection: duckdb.DuckDBPyConnection, true: Truth, score: Score) -> None:
    """A month is exact where its visits are at least those heard at both ends, and at most these and the others."""
    least: Counter[tuple[str, str, date | None]] = Counter()
    maybe: Counter[tuple[str, str, date | None]] = Counter()
    began: Counter[tuple[str, str, date | None]] = Counter()
    for stay in true.stays:
        if stay.fleet is None:
            continue
        first, last = ((stay.base_id, stay.fleet, _month(moment)) for moment in (stay.arrived, stay.departed))
        began[first] += 1
        if stay.is_asked and stay.heard in HEARD:
            least[first] += 1
        else:
            maybe.update({first, last})
    rows = connection.execute(
        "SELECT base_id, fleet_id, month, visits, visits_expected_low, visits_expected_high "
        "FROM marts.base_monthly_activity WHERE list_contains(?, fleet_id)",
        [list(true.fleets)],
    ).fetchall()
    for base_id, fleet, month, visits, low, high in rows:
        key = base_id, fleet, month
        said = visits or 0
        if least[key] or said:
            score.months.add(least[key] <= said <= least[key] + maybe[key])
        if began[key] and low is not None:
            score.inside.add(low <= began[key] <= high)
            score.width.add(high - low)


def _pauses(connection: duckdb.DuckDBPyConnection, true: Truth, score: Score) -> None:
    """A pause is false where a stay of the fleet that was heard lies within it."""
    rows = connection.execute(
        "SELECT base_id, fleet_id, epoch(first_day::TIMESTAMP), epoch(last_day::TIMESTAMP) FROM marts.base_gaps "
        "WHERE kind = 'pause' AND list_contains(?, fleet_id)",
        [list(true.fleets)],
    ).fetchall()
    for base_id, fleet, first_s, last_s in rows:
        # a stay at the edge of a spell may have been heard on the day beside it
        over = [
            stay for stay in true.stays
            if (stay.base_id, stay.fleet) == (base_id, fleet) and stay.heard in HEARD
            and stay.arrived < last_s and stay.departed > first_s + DAY
        ]  # fmt: skip
        score.pauses.add(bool(over))


RIGHT_WORDS = {"missing": ("missing",), "deaf": ("blind",), "low": ("observed", "unmeasured")}


def _days(connection: duckdb.DuckDBPyConnection, true: Truth, score: Score) -> None:
    rows = connection.execute(
        "SELECT base_id, day, observability FROM marts.base_daily_activity WHERE fleet_id = 'all'"
    ).fetchall()
    said = {(base_id, (day - date(1970, 1, 1)) // timedelta(days=1)): word for base_id, day, word in rows}
    for key, state in true.hearing.items():
        score.days.add(said.get(key) in RIGHT_WORDS[state])
