"""What is a callsign, and what is sent where none is set."""

from __future__ import annotations

import pytest

from basewatch.callsigns import callsign_of


@pytest.mark.parametrize(
    "sent", [None, "", "   ", "@@@@@@@@", "@@@@    ", " @ @", "00000000", "0", "0@@@@@@@", "--------"]
)
def test_what_names_no_flight_is_no_callsign(sent: str | None) -> None:
    assert callsign_of(sent) is None


@pytest.mark.parametrize(
    ("sent", "callsign"),
    [
        ("RFF7001", "RFF7001"),
        ("RFF7001 ", "RFF7001"),
        ("RFF7001@", "RFF7001"),
        ("@RFF7 @ ", "RFF7"),
        ("N0", "N0"),
        ("00000010", "00000010"),
        ("AB@CD", "AB@CD"),
        ("\tRFF7\n", "RFF7"),
    ],
)
def test_a_name_loses_the_fillers_at_its_ends_and_no_other(sent: str, callsign: str) -> None:
    assert callsign_of(sent) == callsign
