"""Positions of aircraft in the user's files, as sightings: they take the way of every track from there on.

Flightradar24 gives feet, knots and feet a minute, and writes the ground as height 0; OpenSky gives metres and metres a
second, and says whether an aircraft is on the ground.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from basewatch.geo import M_FT, MS_FPM, MS_KT
from basewatch.readsb import polled
from basewatch.readsb.polled import Sighting
from basewatch.sources.contract import Context
from basewatch.sources.values import Malformed, callsign, flag, icao24, moment, number, text, upper

_METRES = {"baroaltitude": ("alt", M_FT), "velocity": ("gspeed", MS_KT), "vertrate": ("vspeed", MS_FPM)}


def sighting(form: str, fields: Mapping[str, Any]) -> Sighting | None:
    """A position; None where it gives no place, or names an address that ICAO did not issue. Raises Malformed."""
    network = "flightradar24" if form.startswith("Flightradar24") else "opensky" if "OpenSky" in form else "file"
    at, address = _read("time", moment, fields.get("at")), _read("icao24", icao24, fields.get("icao24"))
    if at is None or address is None:
        raise Malformed("no time" if at is None else "no address")
    latitude, longitude = (_read(name, number, fields.get(name)) for name in ("latitude", "longitude"))
    if latitude is None or longitude is None or address.startswith("~"):
        return None
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):
        raise Malformed(f"latitude {latitude:g}, longitude {longitude:g} is no place")
    values: dict[str, float | None] = {name: _read(name, number, fields.get(name)) for name in ("gspeed", "vspeed")}
    height_text = str(fields.get("alt") or "").strip().lower()
    values["alt"] = None if height_text == "ground" else _read("alt", number, fields.get("alt"))
    for metric, (name, factor) in _METRES.items():
        value = _read(metric, number, fields.get(metric))
        values[name] = value * factor if value is not None else values[name]
    is_ground = _read("on ground", flag, fields.get("ground"))
    if is_ground is None:
        is_ground = height_text == "ground" or (values["alt"] == 0 and network == "flightradar24")
    geometric = _read("geoaltitude", number, fields.get("geoaltitude"))
    craft = polled.Craft(
        hex=address,
        flight=_read("callsign", callsign, fields.get("callsign")),
        r=_read("registration", upper, fields.get("registration")),
        t=_read("type", upper, fields.get("typecode")),
        type=(_read("source", text, fields.get("source")) or "").lower() or None,
        alt_baro="ground" if is_ground else values["alt"],
        alt_geom=None if geometric is None else geometric * M_FT,
        gs=values["gspeed"],
        track=_read("track", number, fields.get("track")),
        baro_rate=values["vspeed"],
        lat=latitude,
        lon=longitude,
    )
    return Sighting(network, at.timestamp(), craft)


def _read(name: str, reader: Any, value: object) -> Any:
    try:
        return reader(value)
    except Malformed as fault:
        raise Malformed(f"{name} {fault}: {str(value)[:80]!r}") from None


def day_of(seen: Sighting) -> date:
    """The UTC day of a position."""
    return datetime.fromtimestamp(seen.at, UTC).date()


def rows(seen: Iterable[Sighting], context: Context[Any]) -> Iterator[tuple[date, str, pa.Table]]:
    """Day, lake table and rows: positions near bases, and the first and last of each aircraft anywhere."""
    by_day: dict[date, list[Sighting]] = defaultdict(list)
    for each in seen:
        by_day[day_of(each)].append(each)
    surroundings = polled.Surroundings(context.reference, context.params, context.now)
    for day, of_day in sorted(by_day.items()):
        for table, of_table in polled.rows(of_day, day, context.source, surroundings):
            if of_table.num_rows:
                yield day, table, of_table
