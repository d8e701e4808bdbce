"""OpenSky Network: flights to and from watched bases, and flights of watched aircraft, from the REST API.

Airports and times are OpenSky's estimates. Flights are written in a nightly batch, so a day is asked for when it has
been; queries hold one or two UTC days, which cost the same credits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from basewatch.config import OpenSky
from basewatch.errors import SourceError
from basewatch.geo import M_FT, MS_FPM, MS_KT
from basewatch.lake.events import Event, Reject, Rows
from basewatch.net import providers
from basewatch.net.content import describe
from basewatch.net.faults import HttpFault
from basewatch.net.limits import STATE
from basewatch.net.secrets import hide
from basewatch.outside import json_text
from basewatch.sources import flight_records, scoped
from basewatch.sources.contract import Context, Finding, Grain, Landed, Window
from basewatch.sources.landing import (
    LandedAnswer,
    Landing,
    Manifest,
    chunks,
    hours_since,
    is_url,
    manifests,
    midnight,
    replay,
)
from basewatch.sources.places import Places

if TYPE_CHECKING:
    from basewatch.net.client import Answer, Client

CODE = "opensky"
API = "https://opensky-network.org/api"
POSITION_SOURCES = ("adsb", "asterix", "mlat", "flarm")  # the API's position_source 0 to 3


@dataclass(frozen=True)
class Query:
    """One call of /flights/*: the scope and days that it is about, and its parameters."""

    scope: str
    since: date
    until: date
    kind: str
    params: Mapping[str, str]

    @property
    def name(self) -> str:
        """The file in which its answer lands."""
        return f"{self.scope}-{self.kind}-{self.since}-{self.until}.json"


def grain(_: OpenSky) -> Grain:
    """One window a day."""
    return "day"


def fetch(window: Window, context: Context[OpenSky]) -> Landed:
    """The window's flights, one file an answer. Days whose nightly batch is not due yet are noted as late.

    Raises SourceError where nothing at all could be had.
    """
    settings = context.settings
    if settings.location and not is_url(settings.location):
        return replay(context.path(settings.location), window)
    landing = Landing(context, window)
    due = [day for day in window.days() if hours_since(day, context.now) >= settings.publish_hours]
    for scope in scopes(context):
        for day in window.days():
            if day not in due:
                why = "OpenSky writes flights in a nightly batch; this day's is not due yet"
                landing.note(scope, day, day, "flights", "late", why)
    client = _client(settings)
    api = (settings.location or API).rstrip("/")
    fault: HttpFault | None = None
    answered = 0
    stopped: str | None = None
    for query in queries(due, context):
        if stopped is None:
            stopped = _out_of_credits(settings, context)
        if stopped is not None:
            landing.note(query.scope, query.since, query.until, query.kind, "failed", stopped)
            continue
        try:
            _ask(client, f"{api}/flights/{query.kind}", query, landing, settings, context)
            answered += 1
        except HttpFault as error:
            fault = error
            landing.note(query.scope, query.since, query.until, query.kind, "failed", str(error))
            is_wrong_address = error.kind == "absent" and not answered
            if error.kind in ("unauthorised", "limited", "circuit", "disk") or error.status == 403 or is_wrong_address:
                stopped = _advice(error, settings)
    if due and not answered:
        reason = stopped or str(fault)
        raise SourceError(reason, retryable=fault is None or fault.retryable)
    return landing.finish()


def scopes(context: Context[OpenSky]) -> list[str]:
    """The ledger scopes that the settings ask for. Raises SourceError where they name none."""
    settings = context.settings
    if not settings.bases and not settings.aircraft:
        raise SourceError(
            "opensky asks for one airport or aircraft at a time and none is named: set sources.opensky.bases to "
            "base_ids of bases.csv (or sources.opensky.aircraft to addresses)"
        )
    named = scoped.bases(CODE, settings.bases, context)
    return [f"base:{base.base_id}" for base in named] + [f"aircraft:{address}" for address in settings.aircraft]


def queries(days: Iterable[date], context: Context[OpenSky]) -> Iterator[Query]:
    """The calls that cover these days within the window limit, newest days first: those matter most if credits end.

    A call for an aircraft returns flights that begin and end inside it: it starts a day early, to hold those over
    midnight.
    """
    settings = context.settings
    most = int(providers.due(CODE, "flights_window"))
    for since, until in sorted(chunks(days, most), reverse=True):
        for base in scoped.bases(CODE, settings.bases, context):
            for kind in ("arrival", "departure"):
                params = {"airport": scoped.airport(CODE, base), **_span(since, until)}
                yield Query(f"base:{base.base_id}", since, until, kind, params)
    for since, until in sorted(chunks(days, most - 1), reverse=True):
        for address in settings.aircraft:
            params = {"icao24": address.lower(), **_span(since - timedelta(days=1), until)}
            yield Query(f"aircraft:{address}", since, until, "aircraft", params)


def _span(since: date, until: date) -> dict[str, str]:
    """The first and the last second of a run of days: the last one's midnight would open a further day's partition."""
    end = midnight(until) + timedelta(days=1, seconds=-1)
    return {"begin": str(int(midnight(since).timestamp())), "end": str(int(end.timestamp()))}


def _ask(
    client: Client, url: str, query: Query, landing: Landing, settings: OpenSky, context: Context[OpenSky]
) -> None:
    _spend(settings, context, providers.due(CODE, "flights_credits"))
    answer = client.get(url, query.params, ok=(200, 404))
    left = answer.headers.get("X-Rate-Limit-Remaining", "")
    if left.isdigit():
        STATE.counters[_account(settings, context)] = _budget(settings) - int(left)
    if answer.status == 200:
        fault = flights_fault(answer.body)
        if fault:
            raise HttpFault(f"{CODE}: {answer.url} answered 200 with {fault}", kind="content", retryable=True)
        landing.put(query.name, answer.body, answer.url, query.scope, query.since, query.until, query.kind)
    elif says_none(answer.body):
        landing.note(query.scope, query.since, query.until, query.kind, "ok")
    else:
        raise HttpFault(
            f"{CODE}: {answer.url} answered 404 with {describe(answer.body)}: check the address "
            f"(sources.{CODE}.location) and the network; only 404 with an empty list `[]` says `no flights`",
            kind="absent",
            status=404,
        )


def says_none(body: bytes) -> bool:
    """Whether the body of a 404 is the API's own `no flights`, an empty JSON list.

    A web server, a proxy and a moved API answer 404 too, and say nothing of flights by it.
    """
    try:
        return bool(json_text.read(body) == [])
    except ValueError:
        return False


def flights_fault(body: bytes) -> str | None:
    """What a body is that is no list of flights; None where it is one, which may be empty."""
    try:
        flights = json_text.read(body)
    except ValueError as error:
        return f"what is not readable as JSON: {error}"
    if not isinstance(flights, list):
        return f"{describe(body)} where a list of flights is due"
    if flights and not any(isinstance(flight, dict) for flight in flights):
        return "a list of other things than flights"
    return None


# ---- credits


def _account(settings: OpenSky, context: Context[OpenSky]) -> str:
    return f"{CODE} {settings.client_id or 'anonymous'} {context.now.astimezone(UTC).date()}"


def _budget(settings: OpenSky) -> int:
    tier = settings.tier if settings.client_id else "anonymous"
    return int(providers.due(CODE, "credits", tier))


def _spend(settings: OpenSky, context: Context[OpenSky], credits: float) -> None:
    account = _account(settings, context)
    STATE.counters[account] = STATE.counters.get(account, 0) + credits


def _out_of_credits(settings: OpenSky, context: Context[OpenSky]) -> str | None:
    """Why no further query can be paid for today; None while one can."""
    used, budget = STATE.counters.get(_account(settings, context), 0), _budget(settings)
    if used + providers.due(CODE, "flights_credits") <= budget:
        return None
    return (
        f"opensky: about {used:,.0f} of the day's {budget:,} credits are used; the rest of the days is caught up by "
        "later runs (fewer bases, or a higher sources.opensky.tier if the account has one, would help)"
    )


# ---- transport


def _client(settings: OpenSky) -> Client:
    from basewatch.net.client import Client  # the HTTP library: only where something is asked

    secret = settings.client_secret.get_secret_value() if settings.client_secret else None
    return Client(
        CODE,
        limits=providers.rates(CODE),
        headers={"Accept": "application/json"},
        authorise=_authorise(settings) if settings.client_id and secret else None,
        secrets=[secret],
        policy=providers.policy(settings),
        quota_depth=2,  # /api/states and /api/flights have credits of their own
    )


def _authorise(settings: OpenSky) -> Callable[[bool], dict[str, str]]:
    """Bearer headers by client credentials; the token is kept for the process and renewed shortly before it expires."""
    from basewatch.net.client import Client

    secret = settings.client_secret.get_secret_value() if settings.client_secret else ""
    asking = Client(CODE, limits=providers.rates(CODE), secrets=[secret], policy=providers.policy(settings))
    key = f"{settings.token_url} {settings.client_id} {hashlib.sha256(secret.encode()).hexdigest()}"

    def headers(renew: bool) -> dict[str, str]:
        token, expires = STATE.tokens.get(key, ("", 0.0))
        now = STATE.clock.wall()
        if renew or now >= expires - providers.due(CODE, "token_margin"):
            form = {
                "grant_type": "client_credentials",
                "client_id": settings.client_id or "",
                "client_secret": secret,
            }
            try:
                answer = asking.post(settings.token_url, form).json()
                token, lasts = str(answer["access_token"]), float(answer.get("expires_in", 60))
            except HttpFault as fault:
                if fault.status in (400, 401, 403):
                    raise HttpFault(
                        f"{fault}; check BASEWATCH_SOURCES__OPENSKY__CLIENT_ID and …__CLIENT_SECRET (an API client is "
                        "made on the account page of opensky-network.org; user name and password no longer work)",
                        kind="unauthorised",
                        status=fault.status,
                    ) from None
                raise
            except (KeyError, TypeError, ValueError):
                raise HttpFault("opensky: the token answer holds no access_token", kind="content") from None
            hide(token)
            STATE.tokens[key] = (token, now + lasts)
        return {"Authorization": f"Bearer {token}"}

    return headers


def _advice(fault: HttpFault, settings: OpenSky) -> str:
    if fault.status == 403 and not settings.client_id:
        return f"{fault}; past flights need an account: set BASEWATCH_SOURCES__OPENSKY__CLIENT_ID and …__CLIENT_SECRET"
    return str(fault)


# ---- decode


def decode(landed: Landed, context: Context[OpenSky]) -> Iterator[Event]:
    """Flights of the landed answers as rows of `opensky_flights`, and the days.

    An arrival is filed under the day it was last seen, a departure under the day it was first seen.
    """
    window = landed.window
    tallies = scoped.tallies()
    places = Places(context.reference)
    read = []
    for folder, manifest in manifests(landed):
        read.append(manifest)
        for answer in manifest.answers:
            if answer.file is None or answer.status != "ok":
                continue
            flights = _flights(folder, manifest, answer, window, tallies, places, context)
            yield from scoped.contained(flights, answer, window, tallies, CODE)
    yield from scoped.judge(window, read, tallies, context, rejected_share_max=0.0)


def _flights(
    folder: Path,
    manifest: Manifest,
    answer: LandedAnswer,
    window: Window,
    tallies: scoped.Tallies,
    places: Places,
    context: Context[OpenSky],
) -> Iterator[Event]:
    assert answer.file is not None
    body = (folder / answer.file).read_bytes()
    digest = str(manifest.files[answer.file]["sha256"])
    first = max(answer.since, window.since)
    last = min(answer.until, window.until)
    fault = flights_fault(body)
    if fault:
        yield Reject(first, answer.file, f"not readable as OpenSky flights: {fault}")
        scoped.spoil(tallies, answer.scope, first, last)
        return
    rows = json_text.read(body)
    table, rejects = flight_records.opensky_rows(rows, CODE, flight_records.Origin(answer.file, digest), None)
    for reject in rejects:
        yield Reject(first, reject.where, reject.reason, reject.raw)
        scoped.spoil(tallies, answer.scope, first, last)
    asked_for = {"arrival": "est_arrival_airport", "departure": "est_departure_airport"}.get(answer.kind)
    count = _of_another_airport(table, asked_for, answer, context) if asked_for else 0
    if count:  # who was asked for flights to an airport names it
        yield Reject(
            first, answer.file, f"{count} of {table.num_rows} flights do not name the airport that was asked for"
        )
        scoped.spoil(tallies, answer.scope, first, last)
    if table.num_rows and not scoped.touches(table, answer.since - timedelta(days=1), answer.until):
        yield Reject(first, answer.file, f"none of its {table.num_rows} flights is of the days that were asked for")
        scoped.spoil(tallies, answer.scope, first, last)
        return
    table, told = scoped.consistent("opensky_flights", table, answer, window, tallies, places, context)
    yield from told
    by, or_by = ("first_seen", "last_seen") if answer.kind == "departure" else ("last_seen", "first_seen")
    times = [
        at or other for at, other in zip(table.column(by).to_pylist(), table.column(or_by).to_pylist(), strict=True)
    ]
    # an aircraft's query starts a day early: flights that ended then belong to that day's own query
    days = [max(at.date(), answer.since) if answer.kind != "aircraft" else at.date() for at in times]
    table = scoped.filed_under(table, days)
    for day in sorted(set(days)):
        if not first <= day <= last:
            continue
        rows_of_day = table.filter(pc.equal(table.column("day"), day))
        tallies[answer.scope, day].count(
            scoped.Tally(rows_of_day.num_rows, rows_of_day.num_rows, 0, len(body), {digest})
        )
        yield Rows("opensky_flights", day, rows_of_day, answer.scope)


def _of_another_airport(table: pa.Table, column: str, answer: LandedAnswer, context: Context[OpenSky]) -> int:
    """How many flights name another airport, or none, than the base that was asked for."""
    base = context.reference.bases.get(answer.scope.removeprefix("base:"))
    names = table.column(column)
    if base is None:
        return int(names.null_count)
    return int(table.num_rows - (pc.sum(pc.equal(names, scoped.airport(CODE, base))).as_py() or 0))


# ---- states: what is in the air now, for the poller


def states_query(latitude: float, longitude: float, reach_deg: float) -> dict[str, str]:
    """Parameters of /states/all for a box around a place; boxes of up to 25 square degrees cost one credit."""
    return {
        "lamin": f"{max(latitude - reach_deg, -90):.4f}",
        "lomin": f"{max(longitude - reach_deg, -180):.4f}",
        "lamax": f"{min(latitude + reach_deg, 90):.4f}",
        "lomax": f"{min(longitude + reach_deg, 180):.4f}",
    }


def states_fault(answer: Any) -> str | None:
    """Why JSON is no answer of /states/all; None where it is one. `states` is null where nothing is in the air."""
    if not isinstance(answer, dict) or "states" not in answer:
        return "it has no `states`"
    if not isinstance(answer["states"], list | None):
        return "`states` holds no list"
    if isinstance(answer.get("time"), bool) or not isinstance(answer.get("time"), int | float):
        return "it has no `time`"
    return None


def is_state(state: Any) -> bool:
    """Whether this has the form of a state vector."""
    return isinstance(state, list) and len(state) >= 17


def states_aircraft(answer: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """State vectors as aircraft objects of the /v2 form: feet, knots and feet a minute in place of metres and m/s.

    Vectors without a position are left out; `seen_at` is epoch seconds. Field order: OpenSky REST documentation.
    """
    for state in answer.get("states") or ():
        if not is_state(state) or state[5] is None or state[6] is None or state[3] is None:
            continue
        source = state[16]
        yield {
            "hex": state[0],
            "flight": state[1],
            "seen_at": state[3],
            "lon": state[5],
            "lat": state[6],
            "alt_baro": "ground" if state[8] else _times(state[7], M_FT),
            "alt_geom": _times(state[13], M_FT),
            "gs": _times(state[9], MS_KT),
            "track": state[10],
            "baro_rate": _times(state[11], MS_FPM),
            "type": POSITION_SOURCES[source] if source in range(len(POSITION_SOURCES)) else None,
        }


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def states(context: Context[OpenSky], base_id: str, reach_deg: float = 1.2) -> Answer:
    """The latest /states/all around a base; anonymous where no credentials are set. Raises SourceError."""
    settings = context.settings
    (base,) = scoped.bases(CODE, [base_id], context)
    api = (settings.location or API).rstrip("/")
    return _client(settings).get(f"{api}/states/all", states_query(base.latitude, base.longitude, reach_deg))


# ---- doctor


def check(context: Context[OpenSky]) -> list[Finding]:
    """Configuration, credentials and reachability of OpenSky."""
    settings = context.settings
    findings = []
    try:
        scope_names = scopes(context)
        findings.append(Finding(True, f"opensky: asks for {', '.join(scope_names)}", ""))
    except SourceError as error:
        findings.append(Finding(False, str(error), "name bases in sources.opensky.bases"))
    if settings.location and not is_url(settings.location):
        exists = context.path(settings.location).is_dir()
        return [*findings, Finding(exists, f"opensky: replay folder {settings.location}", "name an existing folder")]
    if bool(settings.client_id) != bool(settings.client_secret):
        findings.append(
            Finding(False, "opensky: only one of client id and secret is set", "set both, or neither for anonymous use")
        )
    elif not settings.client_id:
        findings.append(
            Finding(
                False,
                "opensky: no credentials; past flights are refused to anonymous callers",
                "set BASEWATCH_SOURCES__OPENSKY__CLIENT_ID and BASEWATCH_SOURCES__OPENSKY__CLIENT_SECRET",
            )
        )
    cost = providers.due(CODE, "flights_credits") * 2 * len(settings.bases)
    findings.append(
        Finding(
            cost <= _budget(settings),
            f"opensky: one day of all bases costs {cost:,.0f} of {_budget(settings):,} credits a day",
            "name fewer bases, or set sources.opensky.tier to what the account is",
        )
    )
    try:
        client = _client(settings)
        answer = client.get(f"{(settings.location or API).rstrip('/')}/states/all", states_query(0.0, 0.0, 0.5))
        fault = states_fault(answer.json())
        if fault:
            raise HttpFault(f"{CODE}: {answer.url} answered 200 with {describe(answer.body)}: {fault}", kind="content")
        findings.append(Finding(True, "opensky: reachable, credentials accepted", ""))
    except SourceError as error:
        findings.append(Finding(False, str(error), "check network, proxy and credentials"))
    return findings
