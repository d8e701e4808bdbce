"""Sightings to rows: what the collector leaves out changes no row."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from basewatch.readsb import polled
from basewatch.readsb.polled import Collector, Sighting
from server import setup

NOW = datetime(2026, 10, 2, tzinfo=UTC)
START = datetime(2026, 10, 1, tzinfo=UTC).timestamp()
APART_S = 600.0


def rounds(seed: int) -> list[list[Sighting]]:
    """Sixty answers about a dozen aircraft that wander in and out of the surroundings of a base."""
    chance = random.Random(seed)
    places = {f"15{n:04x}": (35.4 + chance.uniform(-3, 3), 35.9 + chance.uniform(-3, 3)) for n in range(12)}
    found = []
    for minute in range(60):
        answer = []
        for address, (latitude, longitude) in places.items():
            places[address] = (latitude + chance.uniform(-0.3, 0.3), longitude + chance.uniform(-0.3, 0.3))
            if chance.random() < 0.8:
                height: Any = chance.choice([None, "ground", 3000, 14000, 16000, 35000])
                one = polled.Craft(
                    hex=address, lat=latitude, lon=longitude, seen_pos=1.0, alt_baro=height, gs=200.0, r="RA-1"
                )
                answer.append(Sighting("local", START + 60 * minute + chance.random(), one))
        found.append(answer)
    return found


@pytest.mark.parametrize("seed", range(6))
def test_what_is_left_out_changes_no_row(tmp_path: Path, seed: int) -> None:
    context = setup.context(setup.settings(tmp_path, readsb_live={}), NOW, "readsb_live")
    about = polled.Surroundings(context.reference, context.params, context.now)
    answers = rounds(seed)
    collector = Collector(about.reference, about.params)
    for answer in answers:
        collector.add(answer)
    kept, everything = collector.sightings(), [each for answer in answers for each in answer]
    assert len(kept) < len(everything)
    assert len({id(each) for each in kept}) == len(kept)

    def rows(seen: list[Sighting]) -> dict[str, pa.Table]:
        return dict(polled.rows(seen, date(2026, 10, 1), "readsb_live", about, ["hmeimim"]))

    some, all_of_it = rows(kept), rows(everything)
    assert set(some) == {"track_points", "track_edges", "base_background"}
    assert {name: table.to_pylist() for name, table in some.items()} == {
        name: table.to_pylist() for name, table in all_of_it.items()
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<html>", "not readable as JSON"),
        ("[]", "neither `ac` nor `aircraft` holds a list"),
        ('{"ac": null, "now": 1}', "neither `ac` nor `aircraft` holds a list"),
    ],
)
def test_what_is_no_answer_says_so(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        polled.read(text, "local", START, APART_S)


def test_an_answer_without_aircraft_is_an_answer() -> None:
    heard = polled.read('{"ac": [], "now": 1790812800000, "total": 0}', "local", 1790812830.0, APART_S)
    assert heard == polled.Heard(1790812800.0, [], [], 0)


@pytest.mark.parametrize("now", ["1790812800", "1790812800000", "1790812800.0", "null"])
def test_now_is_seconds_or_milliseconds_or_the_time_of_the_poll(now: str) -> None:
    body = f'{{"ac": [{{"hex": "1533f3", "lat": 1, "lon": 2, "seen_pos": 3.5}}], "now": {now}}}'
    heard = polled.read(body, "local", 1790812800.0, APART_S)
    assert [one.at for one in heard.seen] == [1790812796.5]
    assert heard.doubt is None


def test_one_malformed_object_spoils_no_other() -> None:
    listed = '{"hex": "a", "alt_baro": "high"}, {"hex": "1533f3", "lat": 1, "lon": 2, "seen_pos": 1}'
    body = f'{{"ac": [{listed}], "now": 1790812800}}'
    heard = polled.read(body, "local", 1790812800.0, APART_S)
    assert [each.craft.hex for each in heard.seen] == ["1533f3"]
    assert heard.faults == ["alt_baro is neither a number nor `ground`: 'high'"]
