"""Live /v2 JSON of a provider, or a local readsb's aircraft.json."""

from __future__ import annotations

import math
import re
from typing import Any

from server.core import Host, Reply, Request, reply_json


def distance_nm(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Great-circle distance in nautical miles."""
    a, b = math.radians(lat1), math.radians(lat2)
    h = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(math.radians(lon2 - lon1) / 2) ** 2
    return 2 * 3440.065 * math.asin(math.sqrt(h))


class Live:
    """A /v2 provider with its rate limit. `aircraft` is what is in the air; `style` adsb.fi answers in its own way."""

    def __init__(
        self, clock: Any, *, style: str = "v2", per_second: float | None = 1.0, key: tuple[str, str] | None = None
    ) -> None:
        self.aircraft: list[dict[str, Any]] = []
        self.style, self.key, self.clock = style, key, clock
        self.host = Host(f"live {style}", self._serve, clock)
        if per_second:
            self.host.rates.append((1, 1 / per_second))

    def _serve(self, request: Request) -> Reply:
        for number, seconds in self.host.rates:
            if len([entry for entry in self.host.log if request.at - entry.request.at < seconds]) >= number:
                return Reply(429, b"", None)
        if self.key and request.headers.get(self.key[0]) != self.key[1]:
            return Reply(403, b'{"message":"Forbidden"}')
        if request.path == "/data/aircraft.json":
            return reply_json({"now": self.clock(), "messages": 12345, "aircraft": self.aircraft})
        point = re.fullmatch(r"/v2/(?:point|lat)/(-?[\d.]+)(?:/lon)?/(-?[\d.]+)(?:/dist)?/([\d.]+)", request.path)
        if request.path == "/v2/mil":
            found = [craft for craft in self.aircraft if craft.get("dbFlags", 0) & 1]
        elif point:
            lat, lon, radius = (float(value) for value in point.groups())
            if radius > 250:
                self.host.violations.append(f"a radius of {radius} nm")
                return reply_json({"detail": [{"msg": "ensure this value is less than or equal to 250"}]}, 422)
            found = [c for c in self.aircraft if "lat" in c and distance_nm(lat, lon, c["lat"], c["lon"]) <= radius]
        elif request.path.startswith("/v2/hex/"):
            wanted = request.path.removeprefix("/v2/hex/").split(",")
            found = [craft for craft in self.aircraft if craft["hex"] in wanted]
        else:
            return Reply(404, b'{"detail":"Not Found"}')
        now = self.clock()
        if self.style == "adsb.fi":
            return reply_json({"aircraft": found, "now": now, "resultCount": len(found), "ptime": 0})
        milliseconds = int(now * 1000)
        envelope = {"msg": "No error", "now": milliseconds, "total": len(found), "ctime": milliseconds, "ptime": 0}
        return reply_json({"ac": found, **envelope})
