"""OpenSky and Flightradar24, answering from one list of flights."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from server.core import Host, Reply, Request, reply_json


@dataclass(frozen=True)
class Flight:
    """A flight as it happened; times UTC."""

    icao24: str
    registration: str | None
    type_code: str | None
    callsign: str | None
    origin: str | None
    destination: str | None
    departed_at: datetime
    arrived_at: datetime

    @property
    def fr24_id(self) -> str:
        """A made-up identifier, eight hex digits, the same each time."""
        return f"{(int(self.departed_at.timestamp()) * 31 + int(self.icao24, 16)) % 0xFFFFFFFF:08x}"


def _day(seconds: float) -> int:
    return int(seconds // 86400)


class OpenSky:
    """The REST API and its token endpoint: windows, credits, tokens that expire, 404 for none."""

    def __init__(self, clock: Any, flights: list[Flight], *, client: tuple[str, str], credits: int = 4000) -> None:
        self.flights = flights
        self.client = client
        self.credits = credits
        self.used: dict[int, int] = {}
        self.tokens: dict[str, float] = {}
        self.lifetime = 1800
        self.states: list[list[Any]] | None = None
        self.clock = clock
        self.api = Host("opensky", self._api, clock)
        self.auth = Host("opensky auth", self._auth, clock)

    def _auth(self, request: Request) -> Reply:
        path = "/auth/realms/opensky-network/protocol/openid-connect/token"
        if request.method != "POST" or request.path != path:
            return reply_json({"error": "RESTEASY003210"}, 404)
        form = {key: values[0] for key, values in parse_qs(request.body.decode()).items()}
        if form.get("grant_type") != "client_credentials":
            return reply_json({"error": "unsupported_grant_type"}, 400)
        if (form.get("client_id"), form.get("client_secret")) != self.client:
            said = "Invalid client or Invalid client credentials"
            return reply_json({"error": "invalid_client", "error_description": said}, 401)
        token = f"token-{len(self.tokens)}-{'x' * 24}"
        self.tokens[token] = self.clock() + self.lifetime
        return reply_json({"access_token": token, "expires_in": self.lifetime, "token_type": "Bearer"})

    def _api(self, request: Request) -> Reply:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        known = self.tokens.get(given, 0) > self.clock()
        if given and not known:
            return Reply(401, b"", None)
        if request.path == "/api/states/all":
            return self._states(request, known)
        if not request.path.startswith("/api/flights/"):
            return Reply(404, b"<html><title>404 Not Found</title></html>", "text/html")
        if not known:
            return Reply(403, b"You cannot access historical flights", "text/plain")
        return self._flights(request)

    def _spend(self, credits: int) -> Reply | None:
        today = _day(self.clock())
        if self.used.get(today, 0) + credits > self.credits:
            wait = (today + 1) * 86400 - self.clock()
            return Reply(429, b"", "text/html", {"X-Rate-Limit-Retry-After-Seconds": str(int(wait) + 1)})
        self.used[today] = self.used.get(today, 0) + credits
        return None

    def _flights(self, request: Request) -> Reply:
        try:
            begin, end = int(request.one("begin") or ""), int(request.one("end") or "")
        except ValueError:
            return Reply(400, b"Required parameter missing", "text/plain")
        kind = request.path.rsplit("/", 1)[1]
        if end - begin > 2 * 86400 or end <= begin:
            self.api.violations.append(f"{request.path}: a window of {(end - begin) / 86400:.2f} days")
            return Reply(400, b"The time interval must be smaller than two days", "text/plain")
        if _day(end - 1) >= _day(self.clock()):
            self.api.violations.append(f"{request.path}: asked for a day that the nightly batch has not reached")
        partitions = _day(end - 1) - _day(begin) + 1
        refused = self._spend(30 if partitions <= 2 else 60 * partitions)
        if refused:
            return refused
        airport, icao24 = request.one("airport"), request.one("icao24")
        found = []
        for flight in self.flights:
            first, last = flight.departed_at.timestamp(), flight.arrived_at.timestamp()
            fits = {
                "arrival": flight.destination == airport and begin <= last <= end,
                "departure": flight.origin == airport and begin <= first <= end,
                "aircraft": flight.icao24 == icao24 and begin <= first and last <= end,
            }.get(kind, False)
            if fits:
                found.append(self._object(flight))
        remaining = str(self.credits - self.used[_day(self.clock())])
        if not found:
            return Reply(404, b"[]", headers={"X-Rate-Limit-Remaining": remaining})
        return reply_json(found, **{"X-Rate-Limit-Remaining": remaining})

    def _object(self, flight: Flight) -> dict[str, Any]:
        near, far = flight.origin is not None, flight.destination is not None
        return {
            "icao24": flight.icao24,
            "firstSeen": int(flight.departed_at.timestamp()),
            "estDepartureAirport": flight.origin,
            "lastSeen": int(flight.arrived_at.timestamp()),
            "estArrivalAirport": flight.destination,
            "callsign": f"{flight.callsign:<8}" if flight.callsign else None,
            "estDepartureAirportHorizDistance": 1200 if near else None,
            "estDepartureAirportVertDistance": 40 if near else None,
            "estArrivalAirportHorizDistance": 2100 if far else None,
            "estArrivalAirportVertDistance": 60 if far else None,
            "departureAirportCandidatesCount": 1,
            "arrivalAirportCandidatesCount": 2,
        }

    def _states(self, request: Request, known: bool) -> Reply:
        when = request.one("time")
        if when and not known:
            return Reply(403, b"Authenticate to get historical data", "text/plain")
        if when and self.clock() - int(when) > 3600:
            return Reply(400, b"time too far back", "text/plain")
        box = [request.one(name) for name in ("lamin", "lomin", "lamax", "lomax")]
        if any(box) and not all(box):
            return Reply(400, b"all four bounds are needed", "text/plain")
        area = (float(box[2]) - float(box[0])) * (float(box[3]) - float(box[1])) if all(box) else 1e9  # type: ignore[arg-type]
        refused = self._spend(1 if area <= 25 else 2 if area <= 100 else 3 if area <= 400 else 4)
        if refused:
            return refused
        rows = self.states
        if rows is not None and all(box):
            south, west, north, east = (float(value or 0) for value in box)
            rows = [row for row in rows if row[6] is not None and south <= row[6] <= north and west <= row[5] <= east]
        return reply_json({"time": int(self.clock()), "states": rows or None})


class Flightradar24:
    """The official API: plan limits, windows, list lengths, paging by `limit` alone, credits."""

    PLANS = {"explorer": (10, 20, 30), "essential": (30, 300, 730), "advanced": (90, 20000, 100000)}  # noqa: RUF012

    def __init__(
        self, clock: Any, flights: list[Flight], *, token: str, plan: str = "explorer", credits: int = 1_000_000
    ) -> None:
        self.flights, self.token, self.credits = flights, token, credits
        self.per_minute, self.rows, self.history_days = self.PLANS[plan]
        self.spent = 0
        self.clock = clock
        self.positions: list[dict[str, Any]] = []
        self.positions_allowed = True
        self.naive_times = False
        self.api = Host("flightradar24", self._api, clock)
        self.api.rates.append((self.per_minute, 60.0))

    def _api(self, request: Request) -> Reply:
        recent = [entry for entry in self.api.log if request.at - entry.request.at < 60]
        if len(recent) >= self.per_minute:
            return reply_json({"message": "Too Many Attempts."}, 429)
        if request.headers.get("accept-version") != "v1":
            return reply_json({"message": "Validation failed", "details": "Accept-Version header is required"}, 400)
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return reply_json({"message": "Unauthenticated."}, 401)
        path = request.path.removeprefix("/api")
        if path in ("/flight-summary/full", "/flight-summary/light"):
            return self._summary(request, path.endswith("full"))
        if path == "/historic/flight-positions/full":
            return self._historic(request)
        if path == "/usage":
            return reply_json({"data": []})
        return reply_json({"message": "Not found", "details": "The requested resource could not be found."}, 404)

    def _summary(self, request: Request, full: bool) -> Reply:
        def bad(details: str) -> Reply:
            self.api.violations.append(f"{request.path}: {details}")
            return reply_json({"message": "Validation failed", "details": details}, 400)

        try:
            since, until = (self._time(request.one(f"flight_datetime_{end}") or "") for end in ("from", "to"))
        except ValueError:
            return bad("The flight_datetime_from field is required.")
        if until - since > timedelta(days=14):
            return bad("The range between flight_datetime_from and flight_datetime_to must not exceed 14 days.")
        now = datetime.fromtimestamp(self.clock(), UTC)
        if since < now - timedelta(days=self.history_days):
            self.api.violations.append(f"{request.path}: older than the plan's {self.history_days} days")
            return reply_json({"message": "Forbidden", "details": "Your plan does not reach so far back."}, 403)
        filters = {name: (request.one(name) or "").split(",") for name in ("airports", "registrations", "callsigns")}
        if not any(value != [""] for value in filters.values()):
            return bad("At least one filter is required.")
        if any(len(value) > 15 for value in filters.values()):
            return bad("Too many values.")
        limit = int(request.one("limit") or 20000)
        if not 1 <= limit <= 20000:
            return bad("The limit field must be between 1 and 20000.")
        if self.spent >= self.credits:
            said = {"message": "Forbidden", "details": "Credit limit reached. Please top up your account."}
            return reply_json(said, 402)
        found = [flight for flight in self.flights if since <= self._seen(flight)[0] <= until]
        if filters["airports"] != [""]:
            found = [flight for flight in found if any(_at(flight, airport) for airport in filters["airports"])]
        if filters["registrations"] != [""]:
            wanted = [re.escape(value).replace(r"\*", ".*") for value in filters["registrations"]]
            found = [f for f in found if f.registration and any(re.fullmatch(w, f.registration) for w in wanted)]
        found.sort(key=lambda flight: self._seen(flight)[0], reverse=request.one("sort") == "desc")
        found = found[: min(limit, self.rows)]
        self.spent += max(1, 2 * len(found))
        return reply_json({"data": [self._row(flight, full) for flight in found]})

    def _time(self, text: str) -> datetime:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found

    def _seen(self, flight: Flight) -> tuple[datetime, datetime]:
        return flight.departed_at - timedelta(minutes=9), flight.arrived_at + timedelta(minutes=1)

    def _row(self, flight: Flight, full: bool) -> dict[str, Any]:
        def text(time: datetime) -> str:
            return time.strftime("%Y-%m-%dT%H:%M:%S") + ("" if self.naive_times else "Z")

        first, last = self._seen(flight)
        row: dict[str, Any] = {
            "fr24_id": flight.fr24_id,
            "flight": None,
            "callsign": flight.callsign,
            "operating_as": None,
            "painted_as": None,
            "type": flight.type_code,
            "reg": flight.registration,
            "orig_icao": flight.origin,
            "datetime_takeoff": text(flight.departed_at) if flight.origin else None,
            "dest_icao": flight.destination,
            "dest_icao_actual": flight.destination,
            "datetime_landed": text(flight.arrived_at) if flight.destination else None,
            "hex": flight.icao24.upper(),
            "first_seen": text(first),
            "last_seen": text(last),
            "flight_ended": True,
        }
        if full:
            row |= {
                "orig_iata": None,
                "runway_takeoff": None,
                "dest_iata": None,
                "dest_iata_actual": None,
                "runway_landed": None,
                "flight_time": (flight.arrived_at - flight.departed_at).total_seconds(),
                "actual_distance": 2431.5,
                "circle_distance": 2277.75,
                "category": "Military_and_government",
            }
        return row

    def _historic(self, request: Request) -> Reply:
        if not self.positions_allowed:
            return reply_json({"message": "Forbidden", "details": "Your plan does not include this endpoint."}, 403)
        try:
            when = int(request.one("timestamp") or "")
            north, south, west, east = (float(value) for value in (request.one("bounds") or "").split(","))
        except ValueError:
            return reply_json({"message": "Validation failed", "details": "timestamp and bounds are required"}, 400)
        if any(len(value.partition(".")[2]) > 3 for value in (request.one("bounds") or "").split(",")):
            self.api.violations.append("bounds with more than three decimals")
        rows = [
            row
            for row in self.positions
            if south <= row["lat"] <= north
            and west <= row["lon"] <= east
            and abs(datetime.fromisoformat(row["timestamp"]).timestamp() - when) < 10
        ]
        self.spent += max(1, 8 * len(rows))
        return reply_json({"data": rows})


def _at(flight: Flight, wanted: str) -> bool:
    direction, _, airport = wanted.rpartition(":")
    return {
        "inbound": flight.destination == airport,
        "outbound": flight.origin == airport,
    }.get(direction, airport in (flight.origin, flight.destination))
