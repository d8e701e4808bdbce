"""A figure that changed from one release to the next: the page and the citation say what stood there, and why."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from wholeruns import Watch, stay

pytestmark = pytest.mark.e2e


def test_a_month_that_records_came_in_for_late_says_what_it_said_before(watch: Watch) -> None:
    first = watch.plain("2025-06-20")
    assert first
    index = first.folder / "report" / "index.html"
    assert (
        "New since" not in index.read_text()
        and "Corrected" not in (index.parent / "bases" / "hmeimim.html").read_text()
    )
    watch.write_flights(stay(502, datetime(2025, 3, 8, 6, tzinfo=UTC)), "late.csv")
    second = watch.plain("2025-06-21")
    assert second
    ((now,),) = watch.query(
        "SELECT visits FROM base_monthly_activity "
        "WHERE (base_id, fleet_id, month) = ('hmeimim', 'ru_mil', '2025-03-01')"
    )
    told = f"Until release {first.release_id} this page said {now - 1} visits in 2025-03; it says {now} now, because "
    page = (second.folder / "report" / "bases" / "hmeimim.html").read_text()
    assert "<h3>Corrected</h3>" in page and told in page
    assert "(own flight lists " in page, "by the name that people know"
    assert f"New since release {first.release_id}" in (second.folder / "report" / "index.html").read_text()
    done = watch.inside("cite", "hmeimim:ru_mil:2025-03", "--out", str(watch.folder / "quoted"))
    assert done.returncode == 0, done.stderr
    quoted = watch.folder / "quoted" / "hmeimim_ru_mil_2025-03"
    assert json.loads((quoted / "finding.json").read_text())["corrections"][0].startswith(told)
    assert told in (quoted / "citation.html").read_text()
