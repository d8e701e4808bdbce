"""The expression that finds lines near a base in a trace's text: a superset of the exact answer, at every edge."""

from __future__ import annotations

import numpy as np
import pytest

from basewatch.geo import EARTH_KM, Place, Ring, distance_km
from basewatch.readsb.grid import Bases
from basewatch.readsb.search import compile_search, expression

RADIUS = 60 * 1.852


def destination(
    latitude: float, longitude: float, bearing: np.ndarray, km: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where one comes to from a position on a bearing after a distance, degrees (the direct geodesic on a sphere)."""
    phi, theta, angle = np.radians(latitude), np.radians(bearing), km / EARTH_KM
    north = np.arcsin(np.clip(np.sin(phi) * np.cos(angle) + np.cos(phi) * np.sin(angle) * np.cos(theta), -1, 1))
    east = np.arctan2(np.sin(theta) * np.sin(angle) * np.cos(phi), np.cos(angle) - np.sin(phi) * np.sin(north))
    return np.degrees(north), (longitude + np.degrees(east) + 180) % 360 - 180


def places(seed: int) -> list[Place]:
    """Places everywhere, more of them where signs, digits or meridians change."""
    rng = np.random.default_rng(seed)
    latitude = np.concatenate((rng.uniform(-89, 89, 20), rng.normal(0, 0.6, 10), [-90, 90, 89.5, -89.2, 88.0, 0.0]))
    around = rng.choice([0.0, 10.0, -10.0, 100.0, -100.0, 180.0, -180.0], 16)
    longitude = np.concatenate((rng.uniform(-180, 180, 20), around + rng.normal(0, 0.6, 16)))
    wrapped = (longitude + 180) % 360 - 180
    return [Place(str(n), a, o, 0) for n, (a, o) in enumerate(zip(latitude, wrapped, strict=True))]


@pytest.mark.parametrize("seed", range(4))
def test_no_point_within_a_disc_is_passed_over(seed: int) -> None:
    """Points on the rim, where a cell too few would show first, in every direction, as readsb would print them."""
    rng = np.random.default_rng(seed)
    missed = tried = 0
    for place in places(seed):
        search = compile_search(expression((place,), (Ring(RADIUS, 15_000),)))
        bearing = np.concatenate((np.arange(0, 360, 45), rng.uniform(0, 360, 200)))
        km = RADIUS * np.concatenate((np.ones(8), 1 - rng.choice([0, 1e-7, 1e-5, 1e-3, 0.5], 200)))
        lat, lon = destination(place.latitude, place.longitude, bearing, km)
        texts = [(f"{a:f}", f"{o:f}") for a, o in zip(lat, lon, strict=True)]
        printed = np.array([[float(a), float(o)] for a, o in texts])
        own = np.broadcast_to([place.latitude, place.longitude], printed.shape)
        exact = distance_km(printed[:, 0], printed[:, 1], own[:, 0], own[:, 1]) <= RADIUS
        for (a, o), is_near in zip(texts, exact, strict=True):
            line = f"\n[1.00,{a},{o},3000,".encode()
            missed += bool(is_near and search(line, 0, len(line)) < 0)
        tried += int(exact.sum())
    assert tried > 5000
    assert missed == 0


def test_the_expression_is_tight() -> None:
    """It may match in vain, but only within a cell of the rim: else the speed is gone."""
    rng = np.random.default_rng(7)
    vain = 0
    for place in places(3)[:20]:
        search = compile_search(expression((place,), (Ring(RADIUS),)))
        lat, lon = destination(place.latitude, place.longitude, rng.uniform(0, 360, 100), np.full(100, RADIUS + 32.0))
        for a, o in zip(lat, lon, strict=True):
            line = f"\n[1.00,{a:f},{o:f},3000,".encode()
            vain += search(line, 0, len(line)) >= 0
    assert vain == 0


@pytest.mark.parametrize("seed", range(3))
def test_pairs_are_those_of_a_comparison_of_all_with_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    watched = places(seed)
    bases = Bases(watched, RADIUS)
    near = [
        destination(p.latitude, p.longitude, rng.uniform(0, 360, 50), RADIUS * rng.uniform(0, 1.2, 50)) for p in watched
    ]
    lat = np.concatenate([*(a for a, _ in near), rng.uniform(-90, 90, 500), [90.0, -90.0, 0.0, 0.0]])
    lon = np.concatenate([*(o for _, o in near), rng.uniform(-180, 180, 500), [12.0, 180.0, 180.0, -180.0]])
    index, place, km = bases.pairs(lat, lon)
    found = {(int(i), int(p)): d for i, p, d in zip(index, place, km, strict=True)}
    expected = {}
    for number, base in enumerate(watched):
        all_km = distance_km(lat, lon, np.full(len(lat), base.latitude), np.full(len(lat), base.longitude))
        expected |= {(int(i), number): all_km[i] for i in np.flatnonzero(all_km <= RADIUS)}
    assert found.keys() == expected.keys()
    assert max(abs(found[key] - expected[key]) for key in found) < 1e-6


@pytest.mark.parametrize(("limit", "below", "above"), [(15_000, 14_999, 15_000), (10_000, 9_999, 10_000), (9, 8, 9)])
def test_height_limit(limit: int, below: int, above: int) -> None:
    search = compile_search(expression((Place("a", 35.4, 35.9, 0),), (Ring(100, limit),)))

    def hit(height: str) -> bool:
        line = f"\n[1.00,35.400000,35.900000,{height}".encode()
        return search(line, 0, len(line)) >= 0

    assert hit(f"{below},") and hit("0]") and hit("-1000,") and hit('"ground",') and hit("null,")
    assert not hit(f"{above},") and not hit("60000,") and not hit("123456]")
    # not whole numbers: passed on to the parser, whatever they may turn out to be
    assert hit(f"{below}9.5e-1,") and hit("1e3,") and hit(" 12,")


def test_rings_may_not_have_two_limits() -> None:
    with pytest.raises(ValueError, match="one height limit"):
        expression(
            (Place("a", 0, 0, 0),),
            (
                Ring(10, 1000),
                Ring(20, 2000),
            ),
        )
