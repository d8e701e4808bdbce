"""What holds for every page of a report in a real browser: its numbers are those of the published tables, and more."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

from basewatch.report import calendar_chart
from devtools import Browser

AXE = Path(__file__).parent / "assets" / "axe" / "axe.min.js"
PHONE_PX = 12_000
TABLES = """[...document.querySelectorAll('table[data-of]')].map(table => ({
  of: table.dataset.of,
  columns: [...table.tHead.rows[0].cells].map(cell => cell.dataset.column || ''),
  rows: [...table.tBodies[0].rows].map(row => ({key: row.dataset.key, cells: [...row.cells].map(
    cell => cell.textContent.trim())})),
}))"""
TITLES = "[...document.querySelectorAll('svg.chart *:not(svg) > title')].map(title => title.textContent)"
CLAIMS = """[...document.querySelectorAll('article.claim')].map(one => [one.dataset.key,
  [...one.querySelectorAll('.meta strong')].map(part => part.textContent)])"""
WORDS = "[...document.querySelectorAll('h1, .answer li, .silences li, #routes ~ p')].map(part => part.textContent)"
DESCRIPTION = "document.querySelector('#days-d')?.textContent"

Row = dict[str, Any]


def rows(database: Path, sql: str, *values: Any) -> list[Row]:
    """Rows of a published database."""
    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        result = connection.execute(sql, list(values))
        names = [column[0] for column in result.description or []]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def shown(value: Any) -> str:
    """A value as the pages write it; written anew here, so that a fault of theirs is seen."""
    if value is None:
        return "–"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return str(value)


def check_numbers(browser: Browser, folder: Path, database: Path, fleet: str) -> int:
    """Hold every number of a report against the published tables; how many were held."""
    held = 0
    bases = {row["base_id"]: row for row in rows(database, "FROM bases")}
    for page in sorted(folder.rglob("*.html")):
        browser.open(page)
        base = page.stem if page.parent.name == "bases" else None
        assert base is None or base in bases
        for table in browser.ask(TABLES):
            held += _check_table(table, database, base, fleet)
        if base:
            held += _check_charts(browser, database, base, fleet)
            held += _check_claims(browser, database, base)
            _check_words(browser.ask(WORDS), database, base, fleet)
    return held


def _check_table(table: Row, database: Path, base: str | None, fleet: str) -> int:
    of = table["of"]
    expected = _EXPECTED[of](database, base, fleet)
    held = 0
    for row in table["rows"]:
        values = expected[row["key"]]
        for column, cell in zip(table["columns"], row["cells"], strict=True):
            if column in ("", "aircraft", "route", "sources", "evidence"):
                continue
            told = re.sub(r"^≥ | ?\(unknown\)$", "", cell)
            wanted = shown(values[column])
            assert _agree(of, column, told, wanted, values), (base, of, row["key"], column, told, wanted)
            held += 1
    return held


def _agree(of: str, column: str, told: str, wanted: str, values: Row) -> bool:
    if told == "unknown" or told.startswith("not known"):
        return wanted == "–"
    if of == "source_days" and told == "never":
        return wanted == "–"
    if column == "p_quiet_scan":
        p = values[column]
        return told == ("not computed" if p is None else "< 0.0001" if p < 0.0001 else f"{p:.2g}")
    if column == "visits_expected" and wanted != "–":
        return told == f"{wanted} ({values['visits_expected_low']} to {values['visits_expected_high']})"
    if column in ("first_evidence_at", "arrived_at", "departed_at") or column == "last_day":
        return told.startswith(wanted[:10]) and (wanted in told or column == "first_evidence_at")
    return told == wanted or (column == "confidence" and told.startswith(f"{wanted} of 4"))


def _months(database: Path, base: str | None, fleet: str) -> dict[str, Row]:
    found = rows(database, "FROM base_monthly_activity WHERE base_id = ? AND fleet_id = ?", base, fleet)
    return {str(row["month"]): row for row in found}


def _keyed(table: str, *keys: str) -> Callable[[Path, str | None, str], dict[str, Row]]:
    def of(database: Path, base: str | None, _: str) -> dict[str, Row]:
        # a base without figures of its own has those of all bases
        own = rows(database, f"FROM {table} WHERE base_id = ?", base)
        return {"|".join(str(row[key]) for key in keys): row for row in own}

    return of


def _sources(database: Path, _: str | None, __: str) -> dict[str, Row]:
    found = rows(
        database,
        """SELECT source, max(day) FILTER (status IN ('ok', 'empty')) AS last_good,
          count(*) FILTER (status IN ('ok', 'empty')) AS good, count(*) FILTER (status = 'missing') AS missing,
          count(*) FILTER (status = 'failed') AS failed, count(*) FILTER (status = 'partial') AS partial,
          count(*) FILTER (status = 'late') AS late, count(*) FILTER (status = 'expired') AS expired
          FROM source_days GROUP BY source""",
    )
    summed = rows(
        database,
        """SELECT source, sum(records_kept) AS kept, sum(records_rejected) AS rejected FROM source_days AS d
        WHERE scope = 'global' OR NOT EXISTS (
          SELECT 1 FROM source_days AS e WHERE e.source = d.source AND e.day = d.day AND e.scope = 'global')
        GROUP BY source""",
    )
    totals = {row["source"]: row for row in summed}
    return {row["source"]: {**row, **totals[row["source"]]} for row in found}


def _places(database: Path, base: str | None, fleet: str) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for visit in counted(database, base, fleet):
        for code, way in ((visit["origin_icao"], "came"), (visit["destination_icao"], "left_for")):
            found.setdefault(code, {"came": 0, "left_for": 0})[way] += 1
    return found


def _bands(database: Path, base: str | None, _: str) -> dict[str, Row]:
    found = rows(database, "FROM accuracy_bands WHERE base_id = ?", base)
    return {str(row["band"]): row | {name: round(100 * row[name]) for name in ("said", "right")} for row in found}


_EXPECTED: dict[str, Callable[[Path, str | None, str], dict[str, Row]]] = {
    "base_monthly_activity": _months,
    "base_visits": _keyed("base_visits", "visit_id"),
    "base_gaps": _keyed("base_gaps", "gap_id"),
    "accuracy": _keyed("accuracy", "evidence", "height_band"),
    "accuracy_bands": _bands,
    "provider_agreement": _keyed("provider_agreement", "month", "source_a", "source_b"),
    "source_days": _sources,
    "places": _places,
}


def counted(database: Path, base: str | None, fleet: str) -> list[Row]:
    """The counted visits of a base and fleet."""
    own = rows(database, "FROM base_visits WHERE base_id = ? AND is_counted", base)
    return [visit for visit in own if fleet == "all" or fleet in visit["fleets"]]


def _check_charts(browser: Browser, database: Path, base: str, fleet: str) -> int:
    months, held = _months(database, base, fleet), 0
    for title in browser.ask(TITLES):
        bar = re.match(r"(\d{4}-\d\d): ≥?(\d+) (visits|arrivals|departures)", title)
        expected = re.match(r"(\d{4}-\d\d): (\d+) to (\d+) visits expected", title)
        if bar:
            assert months[f"{bar[1]}-01"][bar[3]] == int(bar[2]), (base, title)
            kinds = re.search(r"\((.*)\)", title)
            assert not kinds or sum(map(int, re.findall(r"\d+", kinds[1]))) == int(bar[2]), (base, title)
        if expected:
            month = months[f"{expected[1]}-01"]
            assert [month["visits_expected_low"], month["visits_expected_high"]] == [int(expected[2]), int(expected[3])]
        held += bool(bar or expected)
    for month, row in months.items():
        unknown = row["visits"] is None
        drawn = [title for title in browser.ask(TITLES) if title.startswith(f"{month[:7]}: ") and "visits" in title]
        assert not (unknown and any(re.match(r"\d{4}-\d\d: ≥?\d", title) for title in drawn)), (base, month, drawn)
    description = browser.ask(DESCRIPTION)
    if description:
        days = rows(database, "FROM base_daily_activity WHERE base_id = ? AND fleet_id = ?", base, fleet)
        last = max(row["day"] for row in days)
        since = date(last.year - calendar_chart.YEARS_MAX + 1, 1, 1)
        states = ["visit" if (row["visits"] or 0) > 0 else row["observability"] for row in days if row["day"] >= since]
        for state, words in calendar_chart.STATES.items():
            told = re.search(rf"(\d+) days: {re.escape(words)}", description)
            assert (int(told[1]) if told else 0) == states.count(state), (base, state)
            held += 1
    return held


def _check_claims(browser: Browser, database: Path, base: str) -> int:
    expected = {row["claim_id"]: row for row in rows(database, "FROM claim_checks WHERE base_id = ?", base)}
    told = browser.ask(CLAIMS)
    for claim_id, (visits, days) in told:
        row = expected[claim_id]
        assert visits == ("unknown" if row["visits_recorded"] is None else str(row["visits_recorded"]))
        assert days == ("unknown" if row["days_observable"] is None else str(row["days_observable"]))
    return 2 * len(told)


def _check_words(sentences: list[str], database: Path, base: str, fleet: str) -> None:
    """Every number in a sentence of the page stands in the tables, or is a count of their rows."""
    known = set(_numbers(database, base, fleet))
    for sentence in sentences:
        plain = re.sub(r"\d{4}-\d\d-\d\d|\d{4}-\d\d|\w*[A-Za-z-]\w*\d\w*|\d+[A-Za-z]\w*", " ", sentence)
        for number in re.findall(r"(?<![\w.-])\d+(?:\.\d+)?(?![\w-])", plain):
            assert number in known, (base, sentence, number)


def _numbers(database: Path, base: str, fleet: str) -> Iterator[str]:
    yield from ("0", "4", "90", "95")  # confidence is told of 4, intervals with 90 and 95 %
    yield from "1234"  # confidences
    for table in ("base_gaps", "claim_checks", "accuracy", "coverage_lead"):
        for row in rows(database, f"FROM {table} WHERE base_id = ?", base):
            for value in row.values():
                if isinstance(value, int | float):
                    yield from (shown(value), f"{value:.2g}", f"{abs(value):.1f}")
                elif isinstance(value, str):
                    yield from re.findall(r"\d+(?:\.\d+)?", value)
            if "days_blind" in row:
                yield str(row["days_blind"] + row["days_missing"])
    visits = counted(database, base, fleet)
    made_up = sum(any("simulated" in source for source in visit["sources"]) for visit in visits)
    yield from (str(len(visits)), str(made_up))
    yield str(sum(visit["origin_icao"] is None for visit in visits))
    yield str(sum(visit["destination_icao"] is None for visit in visits))
    for place in _places(database, base, fleet).values():
        yield from map(str, place.values())
    (weak,) = rows(database, "SELECT count(*) AS n FROM base_visits WHERE base_id = ? AND confidence < 2", base)
    yield str(weak["n"])
    days = "SELECT count(*) AS n FROM base_daily_activity WHERE base_id = ? AND fleet_id = ?"
    yield from (str(row["n"]) for row in rows(database, days, base, fleet))
    days += " GROUP BY observability"
    yield from (str(row["n"]) for row in rows(database, days, base, fleet))
    (claims,) = rows(database, "SELECT count(*) AS n FROM claim_checks WHERE base_id = ?", base)
    yield from map(str, range(claims["n"] + 1))  # how many more claims there are
    for visit in visits:
        yield from re.findall(r"\d+", f"{visit['type_code']} {visit['registration']}")


def check_access(browser: Browser, pages: list[Path]) -> None:
    """No page has a fault that axe finds, in light and dark, on a desktop and a phone, whatever is unfolded."""
    script = AXE.read_text(encoding="utf-8")
    for page in pages:
        for width, height, scheme in ((1280, 900, "light"), (390, 844, "dark")):
            browser.look(width, height, scheme)
            browser.open(page)
            browser.ask("document.querySelectorAll('details').forEach(one => { one.open = true })")
            browser.ask(f"{script};0")
            faults = browser.ask(
                "axe.run(document, {resultTypes: ['violations']}).then(told => told.violations.map(one => "
                "[one.id, one.help, one.nodes.slice(0, 3).map(node => node.html.slice(0, 200))]))"
            )
            assert faults == [], (page.name, scheme, faults)
    browser.look(1280, 900)


def check_phone(browser: Browser, folder: Path) -> None:
    """On a phone a page is not endless, and nothing sticks out of it."""
    browser.look(390, 844)
    for page in sorted(folder.rglob("*.html")):
        browser.open(page)
        height, wide = browser.ask("[document.documentElement.scrollHeight, document.documentElement.scrollWidth]")
        assert height < PHONE_PX, (page.name, height)
        assert wide <= 390, (page.name, wide)
    browser.look(1280, 900)


def check_nothing_is_asked(browser: Browser) -> None:
    """Since the browser was opened no page asked for anything but itself."""
    assert [url for url in browser.requests if not url.startswith(("file:", "data:,", "about:"))] == []
    assert all(re.search(r"\.html(#.*)?$", url) for url in browser.requests if url.startswith("file:"))


def check_keyboard(browser: Browser, page: Path) -> None:
    """The table of visits is sorted and filtered from the keyboard alone, and says so."""
    browser.open(page)
    table = "document.getElementById('visit-table')"
    column = f"[...{table}.tBodies[0].rows].filter(row => !row.hidden).map(row => row.cells[0].textContent.trim())"
    before = browser.ask(column)
    browser.ask(f"{table}.tHead.rows[0].cells[0].querySelector('button').focus()")
    browser.press("Enter")
    assert browser.ask(column) == sorted(before)
    assert browser.ask(f"{table}.tHead.rows[0].cells[0].getAttribute('aria-sort')") == "ascending"
    browser.press("Enter")
    assert browser.ask(column) == sorted(before, reverse=True)
    assert browser.ask(f"{table}.tHead.rows[0].cells[0].getAttribute('aria-sort')") == "descending"
    assert browser.ask(f"{table}.querySelectorAll('[aria-sort]').length") == 1
    browser.ask("document.querySelector('.filters input[name=text]').focus()")
    wanted = before[0][:10]
    for letter in wanted:
        browser.press(letter, letter)
    left = browser.ask(column)
    assert 0 < len(left) < len(before)
    assert browser.ask("document.querySelector('.filters output').textContent") == (
        f"{len(left)} of {len(before)} visits shown"
    )
