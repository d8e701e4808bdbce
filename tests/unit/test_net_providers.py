"""The table of what providers allow: complete, readable, and kept by the clients' settings."""

from __future__ import annotations

import csv
from importlib.resources import files

import pytest

from basewatch.net import providers
from basewatch.net.limits import Limit
from basewatch.sources.readsb_live import NETWORKS


def test_every_row_has_a_number_a_unit_and_a_source() -> None:
    text = files("basewatch.sql.reference").joinpath("provider_limits.csv").read_text()
    rows = list(csv.DictReader(text.splitlines()))
    assert len({(row["provider"], row["plan"], row["what"]) for row in rows}) == len(rows)
    for row in rows:
        assert float(row["value"]) > 0, row
        assert row["unit"], row
        assert row["source_url"].startswith("https://"), row
        assert row["checked_on"], row


@pytest.mark.parametrize(
    ("provider", "plan", "expected"),
    [
        ("flightradar24", "explorer", (Limit(10, 60.0),)),
        ("flightradar24", "advanced", (Limit(90, 60.0),)),
        ("airplanes.live", "any", (Limit(1, 1.0), Limit(500, 86400.0))),
        ("github", "token", (Limit(5000, 3600.0),)),
        ("nobody", "any", ()),
    ],
)
def test_rates_are_read_by_provider_and_plan(provider: str, plan: str, expected: tuple[Limit, ...]) -> None:
    assert providers.rates(provider, plan) == expected


def test_every_public_network_has_a_stated_rate() -> None:
    public = set(NETWORKS) - {"local"}
    assert all(providers.rates(network) for network in public), public


def test_a_limit_that_must_be_there_is_named_when_it_is_not() -> None:
    with pytest.raises(KeyError, match="no credits for nobody"):
        providers.due("nobody", "credits")
    assert providers.stated("flightradar24", "history", "advanced") is None
