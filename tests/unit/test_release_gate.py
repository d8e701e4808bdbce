"""The gate against the release before: what has a cause is shown, what has none is refused until it is meant."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from basewatch.database import connect
from basewatch.gates import release as gate
from basewatch.lake.ledger import LedgerRow
from basewatch.lake.moves import Move, moves
from basewatch.lake.store import Lake
from basewatch.warehouse.changes import Case, Changes
from basewatch.warehouse.comparing import Comparison
from wholeruns import Watch, query, stay, stays

END = "2025-02-28"
LATER = datetime(2025, 7, 1, tzinfo=UTC)


def row(day: str, kept: int = 10, **changed: Any) -> LedgerRow:
    """A row of the ledger about one day of flight files."""
    values: dict[str, Any] = {
        **{"source": "flight_files", "scope": "global", "day": date.fromisoformat(day), "status": "ok", "files": 1},
        **{"bytes": 1, "records_read": kept, "records_kept": kept, "records_rejected": 0, "sha256": "a" * 64},
        **{"chosen_copy": None, "ingested_at": LATER, "error": None, "run_id": "r", "parts": (f"x/{kept}",)},
    }
    return LedgerRow(**(values | changed))


# ---- source-days that moved


@pytest.mark.parametrize(
    ("before", "now", "is_other_code", "cause"),
    [
        (None, row("2025-07-01"), False, "new_source_day"),
        (None, row("2025-06-01"), False, "late_source_day"),
        (row("2025-06-01", status="missing", parts=()), row("2025-06-01"), False, "late_source_day"),
        (row("2025-06-01", 10), row("2025-06-01", 12, sha256="b" * 64), False, "restated_source_day"),
        (row("2025-06-01", 10), row("2025-06-01", 12), True, "code"),
        (row("2025-06-01", 10), row("2025-06-01", 12), False, "restated_source_day"),
        (row("2025-06-01"), row("2025-06-01", 0, status="expired", parts=()), False, "withdrawn"),
        (row("2025-06-01", watched=("a",)), row("2025-06-01", watched=("a", "b")), False, "reference"),
    ],
)
def test_a_source_day_moves_for_a_reason(
    tmp_path: Path, before: LedgerRow | None, now: LedgerRow, is_other_code: bool, cause: str
) -> None:
    had = [before] if before else []
    (found,) = moves(Lake(tmp_path), had, [now], date(2025, 6, 30), is_other_code=is_other_code)
    assert found.cause == cause


def test_what_moves_with_its_settings_is_their_doing(tmp_path: Path) -> None:
    had, now = [row("2025-06-01", scope="base:x")], [row("2025-06-01", 0, scope="base:x", status="missing", parts=())]
    for edited, cause in ((["flight_files"], "parameter"), (["opensky"], "restated_source_day")):
        (found,) = moves(Lake(tmp_path), had, now, date(2025, 6, 30), is_other_code=False, edited=edited)
        assert found.cause == cause


def test_a_source_day_that_says_the_same_has_not_moved(tmp_path: Path) -> None:
    again = row("2025-06-01", ingested_at=datetime(2026, 1, 1, tzinfo=UTC), run_id="another", error="in other words")
    assert moves(Lake(tmp_path), [row("2025-06-01")], [again], date(2025, 6, 30), is_other_code=True) == []


def test_an_earlier_state_of_the_ledger_is_had_by_its_length_or_by_its_time(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.commit([row("2025-06-01"), row("2025-06-02")])
    length = lake.ledger_length()
    lake.commit([row("2025-06-02", 99, parts=(), ingested_at=datetime(2025, 8, 1, tzinfo=UTC))])
    for number in range(20):  # enough for segments to be merged
        lake.commit([row(f"2025-07-{number + 1:02d}", parts=(), ingested_at=datetime(2025, 9, 1, tzinfo=UTC))])
    for part in ("x/10",):
        (lake.folder / part).parent.mkdir(parents=True, exist_ok=True)
        (lake.folder / part).touch()
    for earlier in (lake.earlier_ledger(length, LATER), lake.earlier_ledger(None, LATER)):
        assert [(one.day.day, one.records_kept) for one in earlier] == [(1, 10), (2, 10)]
    assert lake.ledger_length() == length + 21


# ---- what the checks make of it


def comparison(tmp_path: Path, ledger: Sequence[LedgerRow], moved: Sequence[Move]) -> Comparison:
    """A comparison of nothing but source-days."""
    case = Case(None, tmp_path, None, moved, tmp_path, date(2025, 6, 30), date(2025, 6, 30), None)
    return Comparison(Changes(duckdb.connect(), moved), case, ledger)


MONTH = [row(f"2025-06-{day:02d}", 10) for day in range(1, 31)]


def lost(days: int, **changed: Any) -> list[Move]:
    """So many days of June that hold no record any more."""
    return [Move("restated_source_day", one, row(str(one.day), 0, **changed)) for one in MONTH[:days]]


@pytest.mark.parametrize(
    ("moved", "count", "is_large"),
    [
        ([], 0, False),
        (lost(1), 0, False),
        (lost(3), 1, False),
        (lost(7), 1, True),
        ([Move("withdrawn", one.before, one.now) for one in lost(20)], 0, False),
        (lost(20, source_detail="read otherwise"), 0, False),
        ([*lost(7), Move("late_source_day", None, row("2025-06-30", 99, scope="base:x"))], 1, True),
        (
            [Move("restated_source_day", row("2025-06-01", 300, scope="base:x"), row("2025-06-01", 0, scope="base:x"))],
            0,
            False,
        ),
    ],
    ids=["nothing", "one day", "a tenth", "a fifth", "withdrawn", "read otherwise", "not made up for", "a declaration"],
)
def test_a_source_month_may_not_shrink(tmp_path: Path, moved: list[Move], count: int, is_large: bool) -> None:
    found = gate._source_months(comparison(tmp_path, MONTH, moved))
    assert (found.count, found.is_large) == (count, is_large)
    if is_large:
        assert found.what == "flight_files holds 230 of the 300 records of 2025-06"
        assert (
            found.where == "flight_files 2025-06-01, flight_files 2025-06-02, flight_files 2025-06-03 and 4 more days"
        )


def test_the_last_good_day_of_a_source_may_not_move_back(tmp_path: Path) -> None:
    last = Move("restated_source_day", MONTH[-1], row("2025-06-30", 0, status="failed", parts=(), error="gone"))
    found = gate._freshness(comparison(tmp_path, MONTH, [last]))
    assert found.is_large and "2025-06-30" in found.where
    before = Move("restated_source_day", MONTH[3], row("2025-06-04", 0, status="failed", parts=()))
    assert not gate._freshness(comparison(tmp_path, MONTH, [before])).count


# ---- whole releases


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate by itself: a damaged candidate is no longer what its lake gives, which others see first."""
    monkeypatch.setenv("BASEWATCH_GATES__DERIVE_AGAIN", "false")


@pytest.fixture(scope="module")
def built_once(small_watch: Watch, tmp_path_factory: pytest.TempPathFactory) -> Watch:
    """A candidate built anew from a lake that has not changed. Not to be changed."""
    watch = Watch(tmp_path_factory.mktemp("built") / "watch")
    shutil.copytree(small_watch.folder, watch.folder, symlinks=True)
    assert watch.inside("build").returncode == 0
    return watch


@pytest.fixture
def built(built_once: Watch, tmp_path: Path) -> Watch:
    """The same in a folder of the test's own."""
    shutil.copytree(built_once.folder, tmp_path / "watch", symlinks=True)
    return Watch(tmp_path / "watch")


def test_the_same_lake_changes_nothing(built: Watch) -> None:
    assert built.inside("publish").returncode == 0
    assert built.query("SELECT count(*) FROM release_changes") == [(0,)]


DAMAGES = {
    "visits_have_causes": (
        "UPDATE base_visits SET callsign = 'XXX1' WHERE visit_id = (SELECT min(visit_id) FROM base_visits)",
    ),
    "identities_have_causes": ("UPDATE aircraft SET registration = 'RF-00000' WHERE icao24 = '15501a'",),
    "bases_have_causes": ("UPDATE bases SET latitude = latitude + .01 WHERE base_id = 'hmeimim'",),
    "fleets_have_causes": ("UPDATE fleets SET definition = 'another'",),
    "no_table_is_emptied": ("DELETE FROM flight_legs",),
    "pauses_have_causes": ("UPDATE base_gaps SET kind = 'pause'",),
}


def test_what_has_no_cause_is_refused(built: Watch) -> None:
    before = built.current()
    built.edit_candidate(*(statement for statements in DAMAGES.values() for statement in statements))
    found = built.inside("check")
    assert found.returncode == 3 and built.current() == before
    for check in DAMAGES:
        assert f": {check}: " in found.stderr, found.stderr


def test_a_refusal_names_what_where_and_the_command_that_accepts_it(built: Watch) -> None:
    built.edit_candidate(*DAMAGES["bases_have_causes"])
    before = built.current()
    refused = built.inside("publish")
    what, where, mend = refused.stderr.strip().splitlines()[-3:]
    assert refused.returncode == 3 and built.current() == before
    assert "nothing was published: bases: bases_have_causes: hmeimim altered without a cause" in what
    assert "hmeimim" in where and "quarantine" in where
    assert 'basewatch publish --accept bases_have_causes --because "…"' in mend


def test_what_is_accepted_is_kept_with_the_release(built: Watch) -> None:
    built.edit_candidate(*DAMAGES["bases_have_causes"])
    done = built.inside("publish", "--accept", "bases_have_causes", "--because", "surveyed anew")
    assert done.returncode == 0, done.stderr
    assert built.query("SELECT accepted_because FROM releases ORDER BY published_at DESC LIMIT 1") == [
        ("bases_have_causes: surveyed anew",)
    ]
    expected = ("bases", "hmeimim", "altered", "unexplained", 1, "surveyed anew")
    columns = "table_name, base_id, change, cause, rows, accepted_because"
    assert built.query(f"SELECT {columns} FROM release_changes") == [expected]
    history = built.root / "history" / "release_changes" / "*.parquet"
    with connect() as connection:
        kept = connection.execute(
            f"SELECT {columns} FROM read_parquet('{history}') WHERE release_id = ?", [built.current()]
        ).fetchall()
    assert kept == [expected], "it outlives the release"


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--accept", "bases_have_causes"], "belong together"),
        (["--because", "so"], "belong together"),
        (["--accept", "visit_id_is_unique", "--because", "so"], "no check of the release gate"),
        (["--accept", "bases_have_causes", "--because", "so"], "found nothing"),
    ],
)
def test_nothing_else_can_be_accepted(built: Watch, arguments: list[str], what: str) -> None:
    before = built.current()
    done = built.inside("publish", *arguments)
    assert done.returncode == 2 and what in done.stderr and built.current() == before, done.stderr


def night(watch: Watch, day: str = END) -> None:
    """A whole run, which publishes."""
    done = watch.inside("backfill", "--plain", "--from", "2025-01-01", "--to", day)
    assert done.returncode == 0, done.stderr


def causes(watch: Watch, table: str = "base_visits") -> dict[str, int]:
    """How many rows of a table changed, by their cause, in the fleet of all."""
    fleets = "fleet_id = 'all'"
    rows = watch.query(
        f"SELECT cause, sum(rows)::INT FROM release_changes WHERE table_name = ? AND {fleets} GROUP BY ALL", table
    )
    return dict(rows)


def test_a_late_record_is_the_cause_of_its_visit(own_watch: Watch) -> None:
    late = stay(901, datetime(2025, 1, 20, 12, tzinfo=UTC))
    own_watch.write_flights([*stays(date(2025, 1, 3), date(2025, 1, 30)), *late])
    night(own_watch)
    assert causes(own_watch) == {"restated_source_day": 1} or causes(own_watch) == {"late_source_day": 1}
    (days,) = own_watch.query("SELECT list_distinct(flatten(list(source_days))) FROM release_changes")[0]
    assert {"flight_files 2025-01-20", "flight_files 2025-01-20 base:hmeimim"} & set(days)


def own_params(watch: Watch, text: str) -> None:
    """Give the watch thresholds of its own."""
    (watch.folder / "params.yml").write_text(text, encoding="utf-8")
    settings = watch.config.read_text(encoding="utf-8")
    watch.config.write_text(f'[reference]\nparams = "params.yml"\n{settings}', encoding="utf-8")


LONG_GAPS = "min_gap_days: {value: 2, unit: day, why: shorter spells}\n"


def test_a_threshold_that_is_edited_is_the_cause_and_is_never_refused(own_watch: Watch) -> None:
    own_params(own_watch, LONG_GAPS)
    night(own_watch)
    assert set(causes(own_watch, "base_gaps")) == {"parameter"}
    assert causes(own_watch) == {}


def test_an_edit_excuses_no_damage(own_watch: Watch) -> None:
    own_params(own_watch, LONG_GAPS)
    assert own_watch.inside("build").returncode == 0
    own_watch.edit_candidate(*DAMAGES["visits_have_causes"])
    done = own_watch.inside("check")
    assert done.returncode == 3 and "visits_have_causes: 1 of " in done.stderr, done.stderr


def test_a_release_says_what_is_new(own_watch: Watch) -> None:
    own_watch.write_flights(
        [*stays(date(2025, 1, 3), date(2025, 1, 30)), *stay(901, datetime(2025, 1, 20, 12, tzinfo=UTC))]
    )
    first = own_watch.current()
    done = own_watch.inside("backfill", "--plain", "--from", "2025-01-01", "--to", END)
    assert "Visits of Hmeimim Air Base: 1 new (2025-01-20 to 2025-01-20)." in done.stdout
    summary = json.loads((own_watch.root / "current" / "summary.json").read_text())
    assert (summary["release_id"], summary["compared_with"]) == (own_watch.current(), first)
    status = json.loads(own_watch.inside("status", "--json").stdout)
    assert status["summary"] == summary
    assert "Visits of Hmeimim Air Base: 1 new" in own_watch.inside("status").stdout


def test_two_releases_are_told_apart(own_watch: Watch) -> None:
    names = [own_watch.current()]
    flights = stays(date(2025, 1, 3), date(2025, 1, 30))
    for number, day in enumerate((20, 26)):
        flights += stay(901 + number, datetime(2025, 1, day, 12, tzinfo=UTC))
        own_watch.write_flights(flights)
        night(own_watch)
        names.append(own_watch.current())

    def added(*arguments: str) -> int:
        done = own_watch.inside("diff", *arguments, "--format", "json")
        assert done.returncode == 0, done.stderr
        return sum(
            line["rows"]
            for line in json.loads(done.stdout)
            if (line["table_name"], line["change"], line["fleet_id"]) == ("base_visits", "added", "all")
        )

    assert [added(names[0], names[1]), added(names[1], names[2]), added(names[0], names[2]), added(names[1])] == [
        1,
        1,
        2,
        1,
    ]
    assert own_watch.inside("diff", "nope").returncode == 2


def test_what_was_known_at_any_time_is_a_query(own_watch: Watch) -> None:
    """The sum of what came and went is how many visits the release of that moment had."""
    first = own_watch.query("SELECT count(*) FROM base_visits WHERE list_contains(fleets, 'all')")
    own_watch.write_flights(
        [*stays(date(2025, 1, 3), date(2025, 1, 30)), *stay(901, datetime(2025, 1, 20, 12, tzinfo=UTC))]
    )
    night(own_watch)
    known = (
        "SELECT sum(CASE change WHEN 'added' THEN rows WHEN 'removed' THEN -rows ELSE 0 END)::INT "
        f"FROM read_parquet('{own_watch.root}/history/release_changes/*.parquet') "
        "WHERE table_name = 'base_visits' AND fleet_id = 'all' AND published_at < ?"
    )
    ((moment,),) = own_watch.query("SELECT max(published_at) FROM releases")
    with connect() as connection:
        assert connection.execute(known, [moment]).fetchall() == first
    assert query(own_watch.root / "basewatch.duckdb", "SELECT count(*) FROM base_visits") == [(first[0][0] + 1,)]
