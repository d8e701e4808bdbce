"""Places as records name them: every code of a field is that field, and what is not known says which base it may be."""

from __future__ import annotations

import pytest

from basewatch import config
from basewatch.reference import load
from basewatch.sources.places import Places

PLACES = Places(load.tables(config.Settings()))


@pytest.mark.parametrize(
    "stated",
    ["OSLK", "oslk", "LTK", "Latakia (LTK/OSLK)", "LTK/OSLK", "OSLK - Latakia", "Latakia [LTK]", "Latakia OSLK",
     "Bassel Al-Assad International Airport", "Hmeimim", "Hmeimim Air Base", "авиабаза Хмеймим", "LATAKIA (LTK)"],
)  # fmt: skip
def test_a_base_is_itself_under_every_code_and_name(stated: str) -> None:
    place = PLACES.resolve(stated)
    assert place.is_resolved and place.may_be == frozenset()
    assert PLACES.base_of(place.code) == "hmeimim"


@pytest.mark.parametrize(
    ("stated", "code"),
    [
        ("VKO", "UUWW"),
        ("Moscow / Vnukovo (VKO/UUWW)", "UUWW"),
        ("DAM", "OSDI"),
        ("NE-0001", "NE-0001"),
        ("JFK", "KJFK"),
    ],
)
def test_other_fields_are_kept_under_one_code(stated: str, code: str) -> None:
    assert PLACES.resolve(stated).code == code
    assert PLACES.resolve(stated).is_resolved


@pytest.mark.parametrize("stated", [None, "", "ZZZZ", "AFIL"])
def test_no_place_is_no_place(stated: str | None) -> None:
    assert PLACES.resolve(stated).code is None
    assert PLACES.resolve(stated).may_be == frozenset()


@pytest.mark.parametrize(
    "stated",
    ["Latakia", "Syria, west", "unknown field", "OSLX", "XSLK", "OSL", "O5LK", "the usual field", "OSDI or OSLK",
     "OSLK (OSDI)"],
)  # fmt: skip
def test_what_may_be_the_base_says_so(stated: str) -> None:
    place = PLACES.resolve(stated)
    assert "hmeimim" in place.may_be or place.code == "ENGM", stated  # OSL is Oslo: known, so it is not Hmeimim
    assert place.is_resolved == (stated == "OSL")


@pytest.mark.parametrize("stated", ["KXQZ", "Paris", "QQQ"])
def test_what_cannot_be_the_base_is_told_apart(stated: str) -> None:
    assert "hmeimim" not in PLACES.resolve(stated).may_be


def test_zone_and_position_of_a_field() -> None:
    assert PLACES.zone("OSLK") == "Asia/Damascus"
    assert PLACES.zone("NOPE") is None
    latitude, longitude, _ = PLACES.position("OSLK") or (0, 0, 0)
    assert (round(latitude, 1), round(longitude, 1)) == (35.4, 35.9)
    assert PLACES.position("NOPE") is None
