"""Aircraft in the air, and what a heatmap keeps of them.

`written` goes through an aircraft's points one by one, as readsb does when it writes a half hour. `heard` says what a
reader must find, from the definition alone. So each holds the other to account.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

HALF_HOUR_MS = 1_800_000
CALLSIGN_MS = 60_000  # an unchanged callsign is written again after so long, or after a slice if that is longer
INFO = 1 << 30  # this bit of the latitude marks a record of callsign and squawk
NON_ICAO = 1 << 24
GROUND, UNKNOWN_SPEED = -123, -1
KINDS = {  # how an aircraft's address and position were heard, and readsb's number of it
    "adsb_icao": 0,
    "adsb_icao_nt": 1,
    "adsr_icao": 2,
    "tisb_icao": 3,
    "adsc": 4,
    "mlat": 5,
    "other": 6,
    "mode_s": 7,
    "adsb_other": 8,
    "adsr_other": 9,
    "tisb_trackfile": 10,
    "tisb_other": 11,
    "mode_ac": 12,
    "unknown": 15,
}


@dataclass(frozen=True)
class Point:
    """Where an aircraft was. at_ms: since 1970, UTC. altitude: feet, "ground" or unknown. speed: kt over ground."""

    at_ms: int
    latitude: float
    longitude: float
    altitude: float | str | None = 3000
    speed: float | None = 150.0


@dataclass(frozen=True)
class Named:
    """The callsign and the squawk (four octal digits) that an aircraft sends from a time on; empty: none."""

    since_ms: int
    callsign: str = ""
    squawk: str = ""


@dataclass(frozen=True)
class Track:
    """An aircraft's points in order of time. address: six hex digits, with ~ before those that are not ICAO's.

    details_every: readsb has callsign and squawk with each so-manieth of an aircraft's points alone.
    """

    address: str
    points: Sequence[Point]
    names: Sequence[Named] = ()
    kind: str = "adsb_icao"
    details_every: int = 4

    @property
    def number(self) -> int:
        """The address as it stands in a file, without the kind."""
        return int(self.address.lstrip("~"), 16) | (NON_ICAO if self.address.startswith("~") else 0)

    def named(self, at_ms: int) -> Named:
        """What the aircraft sends at a time."""
        return next((named for named in reversed(self.names) if named.since_ms <= at_ms), Named(at_ms))

    def has_details(self, position: int) -> bool:
        """Whether the point at this place of the track has callsign and squawk with it."""
        return position % self.details_every == 0


@dataclass(frozen=True)
class Heard:
    """One position that a file holds. Degrees × 10⁶, feet ÷ 25, kt × 10, as the file has them.

    callsign, squawk: the last that the file tells before it, None where it tells none.
    """

    slice: int
    number: int
    kind: int
    latitude: int
    longitude: int
    altitude: int
    speed: int
    callsign: str | None
    squawk: int | None


def altitude_field(point: Point, unknown: int) -> int:
    """A point's altitude as a file has it: steps of 25 ft, or a mark."""
    if point.altitude == "ground":
        return GROUND
    return unknown if point.altitude is None else round(float(point.altitude) / 25)


def speed_field(point: Point) -> int:
    """A point's speed as a file has it: tenths of a knot, or a mark."""
    return UNKNOWN_SPEED if point.speed is None else round(point.speed * 10)


def is_left_out(track: Track, start_ms: int) -> bool:
    """Whether readsb leaves out an aircraft: one without an address of its own that is on the ground in the end."""
    latest = [point for point in track.points if point.at_ms <= start_ms + HALF_HOUR_MS][-1:]
    return track.address.startswith("~") and bool(latest) and latest[0].altitude == "ground"


def written(
    track: Track, start_ms: int, interval_ms: int, order: str, unknown_altitude: int | None, ground_ms: int | None
) -> Iterator[tuple[int, bytes]]:
    """The records of one aircraft in a half hour, each with the number of its slice. order: < or >, as in `struct`.

    unknown_altitude: what stands for it; None: such positions are not written. ground_ms: how long after the last known
    height positions on the ground are written; None: always.
    """
    if is_left_out(track, start_ms):
        return
    due, slice_number = start_ms, 0
    height_until: float = -math.inf
    known: tuple[str, str] | None = None
    name_due = start_ms
    for position, point in enumerate(track.points):
        at = point.at_ms
        if at > start_ms + HALF_HOUR_MS:
            break
        if at >= start_ms and track.has_details(position):
            named = track.named(at)
            if at >= name_due or known != (named.callsign, named.squawk):
                known = named.callsign, named.squawk
                name_due = at + max(interval_ms, CALLSIGN_MS)
                yield slice_number, info_record(track.number, named.callsign, named.squawk, order)
        if isinstance(point.altitude, (int, float)):
            height_until = at + (math.inf if ground_ms is None else ground_ms)
        is_height_known = point.altitude is not None and (at <= height_until or ground_ms is None)
        if at < due or not (is_height_known or unknown_altitude is not None):
            continue
        while at > due + interval_ms:
            due += interval_ms
            slice_number += 1
        yield (
            slice_number,
            struct.pack(
                f"{order}Iiihh",
                track.number | KINDS[track.kind] << 27,
                round(point.latitude * 1e6),
                round(point.longitude * 1e6),
                altitude_field(point, unknown_altitude or 0),
                speed_field(point),
            ),
        )
        due += interval_ms
        slice_number += 1


def info_record(number: int, callsign: str, squawk: str, order: str = "<") -> bytes:
    """A record of callsign and squawk. The eight letters stand as they are, whatever the byte order."""
    letters = callsign.ljust(8).encode() if callsign else bytes(8)
    return struct.pack(f"{order}Ii", number, INFO | int(squawk or "0")) + letters


def has_place(track: Track, position: int, unknown_altitude: int | None, ground_ms: int | None) -> bool:
    """Whether a point stands in a file: its height is known, or was so lately, or there is a mark for "unknown"."""
    *before, point = track.points[: position + 1]
    if unknown_altitude is not None or isinstance(point.altitude, (int, float)):
        return True
    heights = [one.at_ms for one in before if isinstance(one.altitude, (int, float))]
    was_known = ground_ms is None or (bool(heights) and point.at_ms <= heights[-1] + ground_ms)
    return point.altitude == "ground" and was_known


def heard(
    tracks: Sequence[Track],
    start_ms: int,
    interval_ms: int = 10_000,
    unknown_altitude: int | None = None,
    ground_ms: int | None = None,
) -> list[Heard]:
    """What a file of these aircraft holds: of each aircraft the first point of each slice, by slice.

    A slice ends with the moment at which the next begins. A point of that moment belongs to the earlier slice where it
    is the first there, else to the later one.
    """
    positions: list[tuple[int, int, Heard]] = []
    for place, track in enumerate(tracks):
        if is_left_out(track, start_ms):
            continue
        latest: Named | None = None
        usable = []
        for position, point in enumerate(track.points):
            if start_ms <= point.at_ms <= start_ms + HALF_HOUR_MS:
                latest = track.named(point.at_ms) if track.has_details(position) else latest
                if has_place(track, position, unknown_altitude, ground_ms):
                    usable.append((point, latest))
        for number in range(HALF_HOUR_MS // interval_ms):
            begin = start_ms + number * interval_ms
            later = [there for there, (point, _) in enumerate(usable) if point.at_ms >= begin]
            if not later or usable[later[0]][0].at_ms > begin + interval_ms:
                continue
            point, named = usable[later[0]]
            usable = usable[later[0] + 1 :]
            entry = Heard(
                number,
                track.number,
                KINDS[track.kind],
                round(point.latitude * 1e6),
                round(point.longitude * 1e6),
                altitude_field(point, unknown_altitude or 0),
                speed_field(point),
                named.callsign if named else None,
                int(named.squawk or "0") if named else None,
            )
            positions.append((number, place, entry))
    return [entry for _, _, entry in sorted(positions, key=lambda item: item[:2])]


def circuit(
    address: str,
    start_s: int,
    place: tuple[float, float],
    every_s: float = 7,
    altitude: float | str = 3000,
    **more: str,
) -> Track:
    """An aircraft that flies around a place (latitude, longitude) for a half hour, about 4 km off.

    more: callsign, squawk, kind.
    """
    points = []
    for number in range(int(1800 / every_s)):
        north, east = ((0.03, 0.0), (0.0, 0.03), (-0.03, 0.0), (0.0, -0.03))[number % 4]
        points.append(
            Point(int(start_s * 1000 + number * every_s * 1000) + 1, place[0] + north, place[1] + east, altitude)
        )
    names = (Named(start_s * 1000, more.get("callsign", "RFF7001"), more.get("squawk", "1234")),)
    return Track(address, points, names, more.get("kind", "adsb_icao"))
